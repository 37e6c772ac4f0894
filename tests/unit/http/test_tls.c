/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS is verified always: the issuer, the name, the version. */
#include "spfs_test.h"
#include "server.h"

#include <spfs/base/cleanup.h>
#include <spfs/http/http.h>

#include <errno.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct server server;
static struct spfs_reason reason;
static char ca_file[] = "/tmp/spfs-test-ca-XXXXXX";

/* A server's context with a fresh self-signed certificate for `names`, which is also written to ca_file. */
static SSL_CTX *make_context(const char *names, int max_version)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)"spfs test", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    X509_add_ext(cert, san, -1);
    X509_EXTENSION_free(san);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    assert_int_equal(SSL_CTX_use_certificate(tls, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(tls, key), 1);
    SSL_CTX_set_security_level(tls, 0);
    SSL_CTX_set_min_proto_version(tls, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(tls, max_version);
    FILE *f = fopen(ca_file, "w");
    assert_non_null(f);
    PEM_write_X509(f, cert);
    fclose(f);
    X509_free(cert);
    EVP_PKEY_free(key);
    return tls;
}

static bool say_hello(struct peer *p)
{
    return peer_reply(p, 200, NULL, "hello");
}

static int visit(const char *names, int max_version, const char *ca, enum spfs_http_kind kind)
{
    SSL_CTX *tls = make_context(names, max_version);
    struct spfs_http_config config = {.user_agent = "x", .ca_file = ca};
    struct spfs_http *http;
    struct spfs_http_response ret;
    struct spfs_op op;
    char url[64];
    server_start_tls(&server, say_hello, NULL, tls);
    snprintf(url, sizeof(url), "https://127.0.0.1:%u/", server.port);
    assert_int_equal(spfs_http_new(&config, &http, &reason), 0);
    assert_int_equal(spfs_http_start(http), 0);
    spfs_op_init(&op, SPFS_URGENT, 0);
    struct spfs_http_request req = {.kind = kind, .method = "GET", .url = url};
    int err = spfs_http_perform(http, &op, &req, &ret, &reason);
    assert_true(err || ret.head.status == 200);
    assert_int_equal(ret.sent, !err);
    spfs_http_response_done(&ret);
    spfs_op_done(&op);
    spfs_http_free(http);
    server_stop(&server);
    SSL_CTX_free(tls);
    return err;
}

static void test_trusted(void **state)
{
    (void)state;
    assert_int_equal(visit("IP:127.0.0.1", 0, ca_file, SPFS_HTTP_META), 0);
    assert_int_equal(visit("IP:127.0.0.1", TLS1_2_VERSION, ca_file, SPFS_HTTP_DOWNLOAD), 0);
}

static void test_self_signed(void **state)
{
    (void)state;
    assert_int_equal(visit("IP:127.0.0.1", 0, NULL, SPFS_HTTP_META), -EPROTO);
    assert_non_null(strstr(reason.text, "127.0.0.1"));
    assert_non_null(strstr(reason.text, "certificate"));
}

static void test_wrong_name(void **state)
{
    (void)state;
    assert_int_equal(visit("DNS:graph.microsoft.com", 0, ca_file, SPFS_HTTP_META), -EPROTO);
}

static void test_old_version(void **state)
{
    (void)state;
    assert_int_equal(visit("IP:127.0.0.1", TLS1_1_VERSION, ca_file, SPFS_HTTP_META), -EPROTO);
}

static void test_missing_ca_file(void **state)
{
    struct spfs_http_config config = {.ca_file = "/nonexistent/ca.pem"};
    struct spfs_http *http;
    (void)state;
    assert_int_equal(spfs_http_new(&config, &http, &reason), -ENOENT);
    assert_non_null(strstr(reason.text, "/nonexistent/ca.pem"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trusted),         cmocka_unit_test(test_self_signed),
        cmocka_unit_test(test_wrong_name),      cmocka_unit_test(test_old_version),
        cmocka_unit_test(test_missing_ca_file),
    };
    int fd = mkstemp(ca_file);
    if (fd < 0)
        return 1;
    close(fd);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(ca_file);
    return failed;
}
