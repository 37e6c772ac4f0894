/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration: sections, overriding, what is noted and what is refused. */
#include "spfs_test.h"

#include "config_i.h"

#include <errno.h>
#include <string.h>

static int read_text(struct spfs_config *c, const char *text, bool is_admin, struct spfs_reason *reason)
{
    FILE *f = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    assert_non_null(f);
    int err = spfs_config_read(c, f, "FILE", is_admin, reason);
    fclose(f);
    c->found = true;
    spfs_copy(c->looked_in, sizeof(c->looked_in), "FILE");
    return err;
}

#define CONNECTION "tenant = contoso.onmicrosoft.com\nclient_id = 1\nauth = secret\nclient_secret_file = /s\n"

static void a_connection(void **state)
{
    (void)state;
    SPFS_CLEANUP(spfs_config_p) struct spfs_config *c = spfs_config_new();
    struct spfs_connection *n;
    struct spfs_reason reason = {""};
    assert_int_equal(read_text(c,
                               "# comment\n[Connection Work]\n" CONNECTION
                               "SITES = Site A, Site B\n  cloud = usgov ; comment\n",
                               true, &reason),
                     0);
    assert_int_equal(spfs_config_connection(c, "wORK", &n, &reason), 0);
    assert_string_equal(n->name, "Work");
    assert_string_equal(n->value[SPFS_KEY_SITES], "Site A, Site B");
    assert_string_equal(spfs_connection_graph_url(n), "https://graph.microsoft.us");
    assert_string_equal(spfs_connection_login_url(n), "https://login.microsoftonline.us");
    assert_int_equal(c->notes.len, 0);
    assert_int_equal(spfs_config_connection(c, "nobody", &n, &reason), -ENOENT);
    assert_non_null(strstr(reason.text, "nobody"));
    assert_non_null(strstr(reason.text, "Work"));
}

static void a_later_file_overrides_keys(void **state)
{
    (void)state;
    SPFS_CLEANUP(spfs_config_p) struct spfs_config *c = spfs_config_new();
    struct spfs_connection *n;
    assert_int_equal(read_text(c, "[connection a]\n" CONNECTION "[mount]\npoll = 10\n", true, NULL), 0);
    assert_int_equal(
        read_text(c, "[CONNECTION A]\nclient_id = 2\n[mount]\npoll = 20\nallow_other = yes\nnosuid = yes\n",
                  false, NULL),
        0);
    assert_int_equal(spfs_config_connection(c, "a", &n, NULL), 0);
    assert_string_equal(n->value[SPFS_KEY_CLIENT_ID], "2");
    assert_string_equal(n->value[SPFS_KEY_TENANT], "contoso.onmicrosoft.com");
    struct spfs_options o;
    spfs_options_init(&o);
    assert_int_equal(spfs_config_apply(c, &o, NULL), 0);
    assert_int_equal(o.poll_ms, 20000);
    assert_true(o.allow_other);
    assert_string_equal(o.flags, "nosuid");
    spfs_options_done(&o);
}

static void unknown_keys_are_noted(void **state)
{
    (void)state;
    SPFS_CLEANUP(spfs_config_p) struct spfs_config *c = spfs_config_new();
    assert_int_equal(read_text(c, "[connection a]\n\ncolour = red\n[odd]\nx = y\n", true, NULL), 0);
    assert_non_null(strstr(c->notes.data, "FILE line 3"));
    assert_non_null(strstr(c->notes.data, "colour"));
    assert_non_null(strstr(c->notes.data, "FILE line 5"));
}

static void what_is_no_configuration(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"this is [no ini\n", "line 1"},
        {"[connection a]\nx\n", "line 2"},
        {"[connection ]\ntenant = x\n", "line 2"},
        {"[connection a:b]\ntenant = x\n", "line 2"},
        {"[policy]\nno_local_copies = yes\n", "cannot enforce"},
    };
    for (size_t i = 0; i < SPFS_ARRAY_LEN(cases); i++) {
        SPFS_CLEANUP(spfs_config_p) struct spfs_config *c = spfs_config_new();
        struct spfs_reason reason = {""};
        assert_int_equal(read_text(c, cases[i].text, true, &reason), -EINVAL);
        if (!strstr(reason.text, cases[i].says))
            fail_msg("%s", reason.text);
    }
}

static void a_line_without_end(void **state)
{
    (void)state;
    SPFS_CLEANUP(spfs_config_p) struct spfs_config *c = spfs_config_new();
    struct spfs_reason reason = {""};
    static char text[20000];
    memset(text, 'x', sizeof(text) - 1);
    memcpy(text, "[mount]\nnofetch = ", 18);
    assert_int_equal(read_text(c, text, true, &reason), -EINVAL);
    assert_non_null(strstr(reason.text, "line 2"));
}

static void refused(const char *lines, int err, const char *says)
{
    SPFS_CLEANUP(spfs_config_p) struct spfs_config *c = spfs_config_new();
    struct spfs_connection *n;
    struct spfs_reason reason = {""};
    SPFS_FREE char *text = spfs_asprintf("[connection a]\n%s", lines);
    assert_int_equal(read_text(c, text, true, &reason), 0);
    int got = spfs_config_connection(c, "a", &n, &reason);
    if (got != err || !strstr(reason.text, says))
        fail_msg("%s: %d, %s", lines, got, reason.text);
}

static void connections_that_cannot_work(void **state)
{
    (void)state;
    refused("client_id = 1\n", -EINVAL, "tenant");
    refused("tenant = x\n", -EINVAL, "client_id");
    refused("tenant = x\nclient_id = 1\n", -EINVAL, "auth");
    refused("tenant = x\nclient_id = 1\nauth = secret\n", -EINVAL, "client_secret_file");
    refused("tenant = x\nclient_id = 1\nauth = magic\n", -EINVAL, "magic");
    refused("tenant = x\nclient_id = 1\nauth = secret\nclient_secret_file = ~/s\n", -EINVAL, "full path");
    refused(CONNECTION "ca_file = company.pem\n", -EINVAL, "full path");
    refused(CONNECTION "cloud = moon\n", -EINVAL, "moon");
    refused(CONNECTION "graph_url = http://192.0.2.1:8080\n", -EPERM, "https");
    refused(CONNECTION "login_url = http://login.example\n", -EPERM, "https");
    refused(CONNECTION "graph_url = graph.example\n", -EINVAL, "address");
    refused(CONNECTION "graph_url = https://graph.example/v1.0\n", -EINVAL, "path");
    refused(CONNECTION "[policy]\nallowed_tenants = other.example, third.example\n", -EPERM, "not allowed");
}

static void loopback_is_allowed(void **state)
{
    (void)state;
    SPFS_CLEANUP(spfs_config_p) struct spfs_config *c = spfs_config_new();
    struct spfs_connection *n;
    assert_int_equal(read_text(c,
                               "[connection a]\n" CONNECTION
                               "login_url = http://127.0.0.1:99\ngraph_url = http://127.0.0.1:99/\n"
                               "[policy]\nallowed_tenants = Contoso.onmicrosoft.com\nread_only = yes\n",
                               true, NULL),
                     0);
    assert_int_equal(spfs_config_connection(c, "a", &n, NULL), 0);
    assert_true(c->read_only);
}

static void policy_of_a_person_does_not_count(void **state)
{
    (void)state;
    SPFS_CLEANUP(spfs_config_p) struct spfs_config *c = spfs_config_new();
    assert_int_equal(read_text(c, "[policy]\nallowed_tenants = mine\n", false, NULL), 0);
    assert_null(c->allowed_tenants);
    assert_true(c->notes.len > 0);
}

static void web_addresses(void **state)
{
    (void)state;
    SPFS_CLEANUP(spfs_config_p) struct spfs_config *c = spfs_config_new();
    struct spfs_connection *n;
    struct spfs_reason reason = {""};
    assert_int_equal(read_text(c, "[connection a]\n" CONNECTION, true, NULL), 0);
    assert_int_equal(spfs_config_for_url(c, "https://fabrikam.sharepoint.com/", NULL, &n, &reason),
                     0); /* there is no other */
    assert_int_equal(
        read_text(c, "[connection b]\n" CONNECTION "tenant = fabrikam.onmicrosoft.com\n", true, NULL), 0);
    assert_int_equal(spfs_config_for_url(c, "https://fabrikam.sharepoint.com/sites/x", NULL, &n, &reason), 0);
    assert_string_equal(n->name, "b");
    assert_int_equal(
        spfs_config_for_url(c, "https://contoso-my.sharepoint.com/personal/x", NULL, &n, &reason), 0);
    assert_string_equal(n->name, "a");
    assert_int_equal(spfs_config_for_url(c, "https://other.sharepoint.com/", NULL, &n, &reason), -ENOENT);
    assert_int_equal(spfs_config_for_url(c, "https://other.sharepoint.com/", "B", &n, &reason), 0);
    assert_string_equal(n->name, "b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection),           cmocka_unit_test(a_later_file_overrides_keys),
        cmocka_unit_test(unknown_keys_are_noted), cmocka_unit_test(what_is_no_configuration),
        cmocka_unit_test(a_line_without_end),     cmocka_unit_test(connections_that_cannot_work),
        cmocka_unit_test(loopback_is_allowed),    cmocka_unit_test(policy_of_a_person_does_not_count),
        cmocka_unit_test(web_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
