// SPDX-License-Identifier: GPL-3.0-or-later
/* Redaction, and that it happens to every line. */
#include <spfs_test.h>

#include <spfs/base/log.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *in, *out;
} cases[] = {
    {"nothing secret here", "nothing secret here"},
    {"Authorization: Bearer eyJ0eXAi.abc-_ x", "Authorization: Bearer ... x"},
    {"authorization: bearer a", "authorization: bearer ."},
    {"Basic dXNlcg== x", "Basic ... x"},
    {"access_token=abcdef&x=1", "access_token=...&x=1"},
    {"{\"access_token\":\"abcdef\",\"x\":1}", "{\"access_token\":\"...\",\"x\":1}"},
    {"{\"refresh_token\" : \"abcdef\"}", "{\"refresh_token\" : \"...\"}"},
    {"client_secret=ab%20c", "client_secret=..."},
    {"client_secret_file = /etc/spfs/secret", "client_secret_file = /etc/spfs/secret"},
    {"no access_token in the reply", "no access_token in the reply"},
    {"x?tempauth=v1.abc", "x?tempauth=..."},
    {"GET https://host/path?sig=1&b=2 failed", "GET https://host/path?... failed"},
    {"https://host/path (https://b/c?d)", "https://host/path (https://b/c?.."},
    {"two https://a/?abcd https://b/?efgh", "two https://a/?... https://b/?..."},
    {"code_verifier=abcdef", "code_verifier=..."},
    {"access_token=", "access_token="},
    {"bearer ", "bearer "},
};

static void test_redact(void **state)
{
    (void)state;
    for (size_t i = 0; i < SPFS_ARRAY_LEN(cases); i++) {
        char text[200];
        snprintf(text, sizeof(text), "%s", cases[i].in);
        spfs_redact(text);
        assert_string_equal(text, cases[i].out);
    }
}

static size_t read_file(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t n = read(fd, out, size - 1);
    assert_true(n >= 0);
    out[n] = '\0';
    close(fd);
    return (size_t)n;
}

static void test_lines(void **state)
{
    (void)state;
    char path[] = "/tmp/spfs-test-log-XXXXXX", text[8192];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    spfs_log_open(false, SPFS_LOG_INFO, path);
    spfs_info("fetch of Bearer %s", "secretsecret");
    spfs_debug("not this");
    spfs_warn("name with \n and \x1b[31m in it");
    char big[4000];
    memset(big, 'z', sizeof(big));
    big[sizeof(big) - 1] = '\0';
    spfs_error("%s", big);
    assert_int_equal(spfs_log_threshold(), SPFS_LOG_INFO);
    spfs_log_close();
    read_file(path, text, sizeof(text));
    unlink(path);
    assert_non_null(strstr(text, "info: fetch of Bearer ...\n"));
    assert_null(strstr(text, "secretsecret"));
    assert_null(strstr(text, "not this"));
    assert_non_null(strstr(text, "warning: name with   and  [31m in it\n"));
    unsigned lines = 0;
    for (const char *p = text; (p = strchr(p, '\n')); p++)
        lines++;
    assert_int_equal(lines, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_redact), cmocka_unit_test(test_lines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
