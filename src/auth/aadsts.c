// SPDX-License-Identifier: GPL-3.0-or-later
/* The table of sign-in errors, sorted by code. Pure data. */
#include <spfs/auth/aadsts.h>

#include <stdlib.h>

#include <spfs/base/cleanup.h>

#define REDIRECT   "register http://localhost under \"Mobile and desktop applications\" of the app"
#define MFA        "sign in again in a browser and finish the additional check"
#define DEVICE     "use a managed device, or ask the administrator for an exception"
#define SIGN_IN    "sign in again"
#define ADMIN      "ask the administrator"
#define UPDATE     "update spfs, and report the error if it stays"
#define CONSENT    "have an administrator open the admin-consent link of the app"
#define APP        "correct the registration of the app"
#define START_OVER "start the sign-in over"

static const struct spfs_aadsts table[] = {
    {50011, "the redirect address is not registered with the app", REDIRECT},
    {50020, "the account is not a member of this tenant",
     "check account and tenant, or have it invited as a guest"},
    {50034, "the account is not known in this tenant",
     "check account and tenant, or have it invited as a guest"},
    {50053, "the account is locked, or this network address is suspected",
     "wait some minutes, then ask the administrator"},
    {50055, "the password has expired", "change it in a browser, then sign in again"},
    {50057, "the account is disabled", ADMIN},
    {50058, "there is no session to sign in silently with", SIGN_IN},
    {50059, "no tenant was named", "set tenant in the connection's section"},
    {50072, "an additional check has to be set up first", MFA},
    {50074, "an additional check is needed", MFA},
    {50076, "an additional check is needed", MFA},
    {50078, "the additional check is too long ago", MFA},
    {50079, "an additional check has to be set up first", MFA},
    {50097, "this device has to identify itself", DEVICE},
    {50105, "the user is not assigned to the app",
     "have an administrator assign the user under \"Enterprise applications\""},
    {50126, "user name or password is wrong", "try again"},
    {50131, "a conditional access rule blocks this sign-in",
     "try another network or way to sign in, or ask the administrator"},
    {50132, "the session was revoked, or the password has changed", SIGN_IN},
    {50133, "the session was revoked, or the password has changed", SIGN_IN},
    {50140, "the sign-in was interrupted by \"keep me signed in\"", SIGN_IN},
    {50158, "an external check is needed", MFA},
    {50173, "the session was revoked, or the password has changed", SIGN_IN},
    {50194, "the app belongs to a single tenant", "set tenant in the connection's section to that tenant"},
    {50196, "the same request came too often", "wait some minutes; " UPDATE},
    {53000, "the device does not comply with the rules of the organization", DEVICE},
    {53001, "the device is not joined to the domain", DEVICE},
    {53002, "the app is not approved by the organization", DEVICE},
    {53003, "a conditional access rule blocks this sign-in",
     "try another network or way to sign in, or ask the administrator"},
    {53004, "the sign-in was judged risky until additional checks are set up",
     "try another network or way to sign in, or ask the administrator"},
    {54005, "the code of this sign-in was used already", START_OVER},
    {65001, "nobody has consented to the permissions of the app",
     "sign in and consent; if that is not offered, " CONSENT},
    {65004, "the consent was declined", "sign in again and accept"},
    {65005, "the app asks for something that its registration does not list", APP},
    {70000, "the proof of the sign-in is not valid", START_OVER},
    {70001, "the app is not known in this tenant", "check client_id, tenant and cloud"},
    {70002, "the credential of the app was not accepted", "check the secret or certificate"},
    {70008, "the sign-in has expired", SIGN_IN},
    {70011, "the scope is not valid", "check the cloud and graph_url; " UPDATE},
    {70016, "the code has not been entered yet", "enter the code in the browser"},
    {70018, "the device code is wrong", START_OVER},
    {70019, "the device code has expired", "ask for a new code"},
    {70043, "a rule of the organization has ended the session", SIGN_IN},
    {90002, "the tenant was not found", "check the tenant's name and the cloud"},
    {90013, "the request is malformed", UPDATE},
    {90033, "the sign-in service is busy", "nothing to do, it is tried again"},
    {90038, "the account lives in another national cloud", "set cloud in the connection's section"},
    {90055, "the sign-in service is busy", "nothing to do, it is tried again"},
    {90094, "an administrator has to consent", CONSENT},
    {90095, "an administrator has to consent and has been asked", "wait for the consent, then sign in again"},
    {500011, "Microsoft Graph is not known in this tenant",
     "check the cloud, and that the tenant has a licence"},
    {501481, "the code verifier does not match", UPDATE},
    {530003, "the device has to be managed", DEVICE},
    {530004, "a rule of the other organization wants a compliant device", ADMIN},
    {530032, "a security policy of the tenant blocks this way to sign in",
     "sign in with a browser (auth = browser), or ask the administrator"},
    {530034, "a security policy of the tenant blocks this way to sign in",
     "sign in with a browser (auth = browser), or ask the administrator"},
    {530035, "the security defaults of the tenant block this way to sign in",
     "sign in with a browser (auth = browser), or ask the administrator"},
    {650052, "the tenant has no subscription to the service",
     "check the cloud, and that the tenant has a licence"},
    {650056, "the registration of the app lacks permissions or consent", APP},
    {650057, "the app asks for something that its registration does not list", APP},
    {700016, "the app is not known in this tenant", "check client_id, tenant and cloud"},
    {700025, "the app is public and must not send a secret",
     "remove client_secret_file from the connection's section"},
    {700027, "the signature of the certificate was not accepted",
     "upload this certificate to the app, or use the one that is there"},
    {700082, "the sign-in has expired because it was not used", SIGN_IN},
    {700084, "the sign-in has expired", SIGN_IN},
    {900144, "the request lacks a parameter", UPDATE},
    {7000112, "the app is disabled", ADMIN},
    {7000215, "the client secret is wrong",
     "put the secret's value, not its id, into the file that client_secret_file names"},
    {7000218, "the app wants a secret or a certificate",
     "allow public client flows in the app's registration, or configure a secret"},
    {7000222, "the client secret has expired",
     "make a new secret for the app and put it into the file that client_secret_file names"},
    {9002313, "the request is malformed", UPDATE},
};

static int by_code(const void *key, const void *entry)
{
    unsigned a = *(const unsigned *)key, b = ((const struct spfs_aadsts *)entry)->code;
    return (a > b) - (a < b);
}

const struct spfs_aadsts *spfs_aadsts_find(unsigned code)
{
    return bsearch(&code, table, SPFS_ARRAY_LEN(table), sizeof(*table), by_code);
}
