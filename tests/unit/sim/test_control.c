/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The control endpoint: what tests lean on. */
#include "client.h"

#include <stdio.h>
#include <unistd.h>

static struct client k;
static char log_name[] = "/tmp/spfs-sim-log-XXXXXX";

static void counters_count_by_class(void **state)
{
    (void)state;
    client_control(&k, "POST", "counters/reset", NULL, 200);
    client_send(&k, "GET", "/v1.0/me");
    client_send(&k, "GET", "/v1.0/me/drive/root/children");
    client_send(&k, "GET", "/v1.0/me/drive/root/delta");
    client_send(&k, "GET", "/v1.0/me/drive/root:/Hello.txt:/content");
    SPFS_FREE char *url = spfs_asprintf("%s", client_header(&k, "Location"));
    client_send(&k, "GET", url);
    assert_int_equal(client_counter(&k, NULL, "meta"), 2);
    assert_int_equal(client_counter(&k, NULL, "children"), 1);
    assert_int_equal(client_counter(&k, NULL, "delta"), 1);
    assert_int_equal(client_counter(&k, NULL, "content"), 1);
    assert_int_equal(client_counter(&k, NULL, "content_bytes"), 34);
    assert_int_equal(client_counter(&k, NULL, "total"), 5);
    assert_int_equal(client_counter(&k, "violations", "total"), 0);
}

static void the_log_has_a_line_a_request_and_no_secret(void **state)
{
    (void)state;
    client_send(&k, "GET", "/v1.0/me/drive/root:/Hello.txt:/content");
    SPFS_FREE char *url = spfs_asprintf("%s", client_header(&k, "Location"));
    k.range = "1-2";
    k.header = "client-request-id: 1234-abcd";
    client_send(&k, "GET", url);
    client_send(&k, "GET", "/v1.0/me"); /* on the same connection: the line before it is complete */
    FILE *f = fopen(log_name, "re");
    assert_non_null(f);
    char line[8192];
    bool found = false;
    while (fgets(line, sizeof line, f)) {
        cJSON *o = cJSON_Parse(line);
        assert_non_null(o);
        assert_null(strstr(line, "tempauth=v1"));
        const char *id = json_text(o, "id");
        if (id && strcmp(id, "1234-abcd") == 0) {
            found = true;
            assert_string_equal(json_text(o, "range"), "bytes=1-2");
            assert_int_equal(cJSON_GetObjectItem(o, "status")->valueint, 206);
            assert_int_equal(cJSON_GetObjectItem(o, "bytes")->valueint, 2);
            assert_true(cJSON_IsFalse(cJSON_GetObjectItem(o, "auth")));
        }
        cJSON_Delete(o);
    }
    fclose(f);
    assert_true(found);
}

static void changes_do_what_they_say(void **state)
{
    (void)state;
    client_control(&k, "POST", "change",
                   "[{\"op\":\"write\",\"path\":\"/Engineering/Hardware/Documents/a/"
                   "b.txt\",\"content\":\"x\",\"mtime\":1000000000},"
                   "{\"op\":\"mkdir\",\"path\":\"/Engineering/Hardware/Documents/c\"},"
                   "{\"op\":\"move\",\"path\":\"/Engineering/Hardware/Documents/a/b.txt\","
                   "\"to\":\"/Engineering/Hardware/Documents/c\",\"name\":\"d.txt\"},"
                   "{\"op\":\"touch\",\"path\":\"/Engineering/Hardware/Documents/c/d.txt\"}]",
                   200);
    cJSON *o = client_get(&k, "/_sim/tree?path=/Engineering/Hardware/Documents/c/d.txt", 200);
    assert_string_equal(json_text(o->child, "mtime"), "2001-09-09T01:46:40Z");
    assert_non_null(strstr(json_text(o->child, "eTag"), ",4\""));
    assert_non_null(strstr(json_text(o->child, "cTag"), ",2\""));
    cJSON_Delete(o);
    client_control(&k, "POST", "change",
                   "{\"op\":\"delete\",\"path\":\"/Engineering/Hardware/Documents/none\"}", 400);
    client_control(
        &k, "POST", "change",
        "{\"op\":\"move\",\"path\":\"/Engineering/Specs/Drafts\",\"to\":\"/Engineering/Specs/Drafts\"}", 400);
    client_control(&k, "POST", "change", "nonsense", 400);
}

static void hashes_name_every_file(void **state)
{
    (void)state;
    client_control(&k, "GET", "hashes?format=text", NULL, 200);
    assert_non_null(strstr(k.text.data, "  /Finanz & Recht/Dokumente/"));
    assert_non_null(strstr(k.text.data, "  /Marketing (marketing-2)/Documents/"));
    assert_non_null(strstr(k.text.data, "  /My Files/Hello.txt\n"));
    assert_null(strstr(k.text.data, "/Vault/"));
    client_control(&k, "GET", "hashes?path=/None", NULL, 404);
    cJSON *o = client_get(&k, "/_sim/hashes?path=/My%20Files/Hello.txt", 200);
    assert_int_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(o, "/My Files/Hello.txt"), "size")->valueint,
                     34);
    cJSON_Delete(o);
}

static void latency_and_rate_hold(void **state)
{
    (void)state;
    struct spfs_sim_options o = {.preset = "huge", .latency_ms = 50, .mbps = 80};
    struct client s;
    client_start(&s, &o);
    client_send(&s, "GET", "/v1.0/sites/contoso.sharepoint.com:/sites/huge:/drive/root:/1GiB.bin:/content");
    assert_true(s.seconds >= 0.05);
    SPFS_FREE char *url = spfs_asprintf("%s", client_header(&s, "Location"));
    s.range = "0-4999999";
    client_send(&s, "GET", url);
    assert_int_equal(s.text.len, 5000000);
    assert_true(s.seconds >= 0.5); /* 5 MB at 10 MB/s */
    assert_true(s.seconds < 5);
    client_stop(&s);
}

static int start(void **state)
{
    (void)state;
    int fd = mkstemp(log_name);
    assert_true(fd >= 0);
    close(fd);
    struct spfs_sim_options o = {.preset = "docs", .log_file = log_name};
    client_start(&k, &o);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    client_stop(&k);
    unlink(log_name);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_count_by_class),
        cmocka_unit_test(the_log_has_a_line_a_request_and_no_secret),
        cmocka_unit_test(changes_do_what_they_say),
        cmocka_unit_test(hashes_name_every_file),
        cmocka_unit_test(latency_and_rate_hold),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
