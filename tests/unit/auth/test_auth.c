// SPDX-License-Identifier: GPL-3.0-or-later
/* The token against an endpoint on the loopback interface, in a private directory. */
#include <spfs_test.h>

#include "entra.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <spfs/auth/auth.h>
#include <spfs/base/clock.h>

static struct {
    struct entra *entra;
    struct spfs_http *http;
    char top[64], secret[96], refresh[96], vault[96], login[64];
    struct spfs_reason reason;
} f;

static void write_file(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static struct spfs_http *start_http(void)
{
    const struct spfs_http_config config = {.user_agent = "spfs-test"};
    struct spfs_http *http;
    assert_int_equal(spfs_http_new(&config, &http, NULL), 0);
    assert_int_equal(spfs_http_start(http), 0);
    return http;
}

static int setup(void **state)
{
    (void)state;
    memset(&f, 0, sizeof(f));
    f.entra = entra_start();
    snprintf(f.top, sizeof(f.top), "/tmp/spfs-test-auth-XXXXXX");
    assert_non_null(mkdtemp(f.top));
    snprintf(f.secret, sizeof(f.secret), "%s/secret", f.top);
    snprintf(f.refresh, sizeof(f.refresh), "%s/refresh", f.top);
    snprintf(f.vault, sizeof(f.vault), "%s/vault", f.top);
    snprintf(f.login, sizeof(f.login), "http://127.0.0.1:%d", f.entra->port);
    write_file(f.secret, "good-secret\n");
    write_file(f.refresh, "refresh-0");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    spfs_clock_set_real();
    if (f.http)
        spfs_http_free(f.http);
    entra_stop(f.entra);
    snprintf(command, sizeof(command), "rm -rf %s", f.top);
    return system(command);
}

static struct spfs_auth_config config_of(enum spfs_auth_kind kind)
{
    return (struct spfs_auth_config){.kind = kind,
                                     .login_url = f.login,
                                     .graph_url = "https://graph.example",
                                     .tenant = "contoso.onmicrosoft.com",
                                     .client_id = "app-1",
                                     .secret_file = kind == SPFS_AUTH_SECRET ? f.secret : NULL,
                                     .refresh_file = kind == SPFS_AUTH_REFRESH ? f.refresh : NULL,
                                     .vault_dir = f.vault};
}

static struct spfs_token *token_with(const struct spfs_auth_config *config)
{
    struct spfs_token *t;
    if (!f.http)
        f.http = start_http();
    assert_int_equal(spfs_auth_new(config, f.http, &t, &f.reason), 0);
    return t;
}

static struct spfs_token *token_of(enum spfs_auth_kind kind)
{
    struct spfs_auth_config config = config_of(kind);
    return token_with(&config);
}

/* One get; the token's text, or "" after an error, which goes to *err. */
static const char *get_within(struct spfs_token *t, uint64_t ms, const char *rejected, int *err)
{
    static _Thread_local char text[64];
    struct spfs_op op;
    struct spfs_secret bad = {0}, got = {0};
    if (rejected)
        assert_int_equal(spfs_secret_set(&bad, rejected, strlen(rejected)), 0);
    spfs_op_init(&op, SPFS_URGENT, ms);
    *err = t->ops->get(t, &op, rejected ? &bad : NULL, &got, &f.reason);
    spfs_op_done(&op);
    snprintf(text, sizeof(text), "%s", got.data ? got.data : "");
    spfs_secret_done(&got);
    spfs_secret_done(&bad);
    return text;
}

static void expect(struct spfs_token *t, const char *want)
{
    int err;
    const char *got = get_within(t, 0, NULL, &err);
    if (err)
        fail_msg("%d: %s", err, f.reason.text);
    assert_string_equal(got, want);
}

static void expect_error(struct spfs_token *t, int want, const char *text)
{
    int err;
    get_within(t, 0, NULL, &err);
    assert_int_equal(err, want);
    if (!strstr(f.reason.text, text))
        fail_msg("no \"%s\" in: %s", text, f.reason.text);
}

static unsigned requests(void)
{
    return atomic_load(&f.entra->requests);
}

/* Is this text in any file of the vault? */
static bool vault_has(const char *text)
{
    bool found = false;
    DIR *d = opendir(f.vault);
    struct dirent *e;
    while (d && (e = readdir(d))) {
        char path[400], content[16384];
        snprintf(path, sizeof(path), "%s/%s", f.vault, e->d_name);
        FILE *in = fopen(path, "r");
        size_t n = in ? fread(content, 1, sizeof(content) - 1, in) : 0;
        content[n] = '\0';
        found = found || strstr(content, text);
        if (in)
            fclose(in);
    }
    if (d)
        closedir(d);
    return found;
}

static void test_secret(void **state)
{
    (void)state;
    struct spfs_token *t = token_of(SPFS_AUTH_SECRET), *other = token_of(SPFS_AUTH_SECRET);
    assert_false(t->ops->is_delegated(t));
    expect(t, "access-1");
    expect(t, "access-1");
    assert_non_null(strstr(f.entra->last, "POST /contoso.onmicrosoft.com/oauth2/v2.0/token "));
    assert_non_null(
        strstr(f.entra->last,
               "client_id=app-1&scope=https%3A%2F%2Fgraph.example%2F.default&grant_type=client_credentials"));
    assert_null(strstr(f.entra->last, "Authorization"));
    expect(other, "access-1"); /* by the vault */
    assert_int_equal(requests(), 1);
    assert_true(vault_has("access-1"));
    assert_false(vault_has("good-secret"));
    t->ops->free(t);
    other->ops->free(other);
}

static void test_rejected(void **state)
{
    (void)state;
    int err;
    struct spfs_token *t = token_of(SPFS_AUTH_SECRET), *other = token_of(SPFS_AUTH_SECRET);
    expect(t, "access-1");
    expect(other, "access-1");
    assert_string_equal(get_within(t, 0, "access-1", &err), "access-2");
    assert_string_equal(get_within(t, 0, "access-1", &err),
                        "access-2"); /* said late, by a request of before */
    assert_string_equal(get_within(other, 0, "access-1", &err), "access-2");
    assert_int_equal(requests(), 2);
    t->ops->free(t);
    other->ops->free(other);
}

static void test_wrong_secret(void **state)
{
    (void)state;
    write_file(f.secret, "secret-id");
    struct spfs_token *t = token_of(SPFS_AUTH_SECRET);
    expect_error(t, -EACCES, "the client secret is wrong (AADSTS7000215); put the secret's value");
    assert_null(strstr(f.reason.text, "secret-id"));
    f.reason.text[0] = '\0';
    expect_error(t, -EACCES, "AADSTS7000215");
    assert_int_equal(requests(), 1); /* not asked again for what was refused just now */
    write_file(f.secret, "good-secret");
    expect(t, "access-2"); /* but a new secret is, at once */
    write_file(f.secret, "\n");
    struct spfs_token *empty = token_of(SPFS_AUTH_SECRET);
    expect_error(empty, -EACCES, "client_secret_file");
    unlink(f.secret);
    expect_error(empty, -EACCES, "No such file");
    empty->ops->free(empty);
    t->ops->free(t);
}

/* A token of the vault is not used under another secret: a wrong one is noticed. */
static void test_vault_belongs_to_secret(void **state)
{
    (void)state;
    struct spfs_token *t = token_of(SPFS_AUTH_SECRET);
    expect(t, "access-1");
    write_file(f.secret, "other");
    struct spfs_token *other = token_of(SPFS_AUTH_SECRET);
    expect_error(other, -EACCES, "AADSTS7000215");
    expect(t, "access-1");
    other->ops->free(other);
    t->ops->free(t);
}

static void test_refresh_rotates(void **state)
{
    (void)state;
    int err;
    struct spfs_token *t = token_of(SPFS_AUTH_REFRESH);
    assert_true(t->ops->is_delegated(t));
    expect(t, "access-1");
    assert_non_null(strstr(f.entra->last, "&refresh_token=refresh-0"));
    assert_non_null(strstr(f.entra->last, "scope=offline_access%20https"));
    assert_true(vault_has("\"refresh-1\""));
    assert_string_equal(get_within(t, 0, "access-1", &err), "access-2");
    assert_non_null(strstr(f.entra->last, "&refresh_token=refresh-1"));
    t->ops->free(t);
    t = token_of(SPFS_AUTH_REFRESH); /* as after a restart */
    assert_string_equal(get_within(t, 0, "access-2", &err),
                        "access-2"); /* it is another's, for all we know */
    assert_string_equal(get_within(t, 0, "access-2", &err), "access-3");
    assert_non_null(strstr(f.entra->last, "&refresh_token=refresh-2"));
    assert_true(vault_has("\"refresh-3\""));
    assert_false(vault_has("\"refresh-2\""));
    t->ops->free(t);
}

static void test_sign_in_ends_and_heals(void **state)
{
    (void)state;
    int err;
    struct spfs_token *t = token_of(SPFS_AUTH_REFRESH);
    expect(t, "access-1");
    atomic_store(&f.entra->revoked, true);
    get_within(t, 0, "access-1", &err);
    assert_int_equal(err, -EKEYEXPIRED);
    assert_non_null(strstr(f.reason.text, "(AADSTS700082); sign in again"));
    expect_error(t, -EKEYEXPIRED, "AADSTS700082");
    assert_int_equal(requests(), 2);
    atomic_store(&f.entra->revoked, false);
    snprintf(f.entra->refresh_prefix, sizeof(f.entra->refresh_prefix), "again-");
    write_file(f.refresh, "again-7");
    expect(t, "access-3");
    assert_non_null(strstr(f.entra->last, "&refresh_token=again-7"));
    t->ops->free(t);
    struct spfs_auth_config config = config_of(SPFS_AUTH_REFRESH);
    config.refresh_file = NULL;
    t = token_with(&config);
    expect(t, "access-3"); /* the vault alone will do */
    assert_int_equal(spfs_auth_forget(&config, &f.reason), 0);
    assert_false(vault_has("access-3"));
    t->ops->free(t);
    t = token_with(&config);
    expect_error(t, -EKEYEXPIRED, "Nobody has signed in");
    t->ops->free(t);
}

static void test_renews_ahead(void **state)
{
    (void)state;
    struct spfs_token *t = token_of(SPFS_AUTH_SECRET);
    spfs_clock_set_fake(spfs_now_ms(), spfs_now_real_ns());
    expect(t, "access-1");
    spfs_clock_advance_fake(3600000 - 301000);
    expect(t, "access-1");
    spfs_clock_advance_fake(2000);
    expect(t, "access-2");
    assert_int_equal(requests(), 2);
    t->ops->free(t);
}

static void test_keeps_token_while_service_fails(void **state)
{
    (void)state;
    struct spfs_token *t = token_of(SPFS_AUTH_SECRET);
    spfs_clock_set_fake(spfs_now_ms(), spfs_now_real_ns());
    expect(t, "access-1");
    spfs_clock_advance_fake(3600000 - 200000);
    atomic_store(&f.entra->fail_status, 503);
    atomic_store(&f.entra->fail_count, 1000);
    expect(t, "access-1");
    expect(t, "access-1");
    assert_int_equal(requests(), 2); /* the second one waits for the end of the pause */
    spfs_clock_advance_fake(170000); /* 30 s left: less than promised, better than nothing */
    atomic_store(&f.entra->retry_after, 3600);
    expect(t, "access-1");
    spfs_clock_advance_fake(31000);
    unsigned before = requests();
    expect_error(t, -ENETUNREACH, "is busy (status 503)");
    assert_int_equal(requests(), before); /* Retry-After is law */
    atomic_store(&f.entra->fail_count, 0);
    spfs_clock_advance_fake(3600000);
    expect(t, "access-4");
    t->ops->free(t);
}

static void test_busy_for_a_moment(void **state)
{
    (void)state;
    struct spfs_token *t = token_of(SPFS_AUTH_SECRET);
    atomic_store(&f.entra->fail_status, 503);
    atomic_store(&f.entra->fail_count, 2);
    expect(t, "access-3");
    t->ops->free(t);
}

static void test_unreachable(void **state)
{
    (void)state;
    struct spfs_auth_config config = config_of(SPFS_AUTH_SECRET);
    config.login_url = "http://127.0.0.1:1";
    struct spfs_token *t = token_with(&config);
    expect_error(t, -ENETUNREACH, "127.0.0.1");
    t->ops->free(t);
    atomic_store(&f.entra->html, true);
    t = token_of(SPFS_AUTH_SECRET);
    expect_error(t, -EIO, "something else than JSON");
    t->ops->free(t);
}

static void test_silence_ends(void **state)
{
    (void)state;
    int err;
    atomic_store(&f.entra->silent, true);
    struct spfs_token *t = token_of(SPFS_AUTH_SECRET);
    get_within(t, 150, NULL, &err);
    assert_int_equal(err, -ETIMEDOUT);
    assert_true(strlen(f.reason.text) > 10);
    atomic_store(&f.entra->silent, false);
    expect(t, "access-2"); /* our own impatience is not held against the service */
    t->ops->free(t);
}

static void *get_in_thread(void *t)
{
    struct spfs_op op;
    struct spfs_secret got = {0};
    spfs_op_init(&op, SPFS_URGENT, 0);
    int err = ((struct spfs_token *)t)->ops->get(t, &op, NULL, &got, NULL);
    bool good = !err && strcmp(got.data, "access-1") == 0;
    spfs_secret_done(&got);
    spfs_op_done(&op);
    return good ? t : NULL;
}

static void test_threads_ask_once(void **state)
{
    (void)state;
    struct spfs_token *t = token_of(SPFS_AUTH_REFRESH);
    pthread_t threads[8];
    for (size_t i = 0; i < SPFS_ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, get_in_thread, t), 0);
    for (size_t i = 0; i < SPFS_ARRAY_LEN(threads); i++) {
        void *good;
        pthread_join(threads[i], &good);
        assert_non_null(good);
    }
    assert_int_equal(requests(), 1);
    t->ops->free(t);
}

/* A process of its own waits for the start and asks. */
static void ask_in_child(int start)
{
    char go;
    int err;
    if (read(start, &go, 1) != 0)
        _exit(2);
    struct spfs_token *t = token_of(SPFS_AUTH_REFRESH);
    const char *got = get_within(t, 0, NULL, &err);
    _exit(!err && strcmp(got, "access-1") == 0 ? 0 : 1);
}

static void test_processes_ask_once(void **state)
{
    (void)state;
    pid_t children[8];
    int start[2];
    assert_int_equal(pipe2(start, O_CLOEXEC), 0);
    for (size_t i = 0; i < SPFS_ARRAY_LEN(children); i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            close(start[1]);
            ask_in_child(start[0]);
        }
    }
    close(start[1]);
    close(start[0]);
    for (size_t i = 0; i < SPFS_ARRAY_LEN(children); i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(requests(), 1);
}

static void test_configuration(void **state)
{
    (void)state;
    struct spfs_token *t;
    static const struct {
        size_t field;
        const char *value;
        int err;
        const char *text;
    } cases[] = {
        {offsetof(struct spfs_auth_config, tenant), NULL, -EINVAL, "tenant is missing"},
        {offsetof(struct spfs_auth_config, tenant), "a/../b", -EINVAL, "tenant is missing or malformed"},
        {offsetof(struct spfs_auth_config, tenant), "common", -EINVAL, "instead of common"},
        {offsetof(struct spfs_auth_config, client_id), "", -EINVAL, "client_id"},
        {offsetof(struct spfs_auth_config, secret_file), NULL, -EINVAL, "client_secret_file is missing"},
        {offsetof(struct spfs_auth_config, login_url), "http://login.example", -EPERM,
         "only https is allowed"},
        {offsetof(struct spfs_auth_config, graph_url), NULL, -EINVAL, "graph_url"},
    };
    for (size_t i = 0; i < SPFS_ARRAY_LEN(cases); i++) {
        struct spfs_auth_config config = config_of(SPFS_AUTH_SECRET);
        *(const char **)(void *)((char *)&config + cases[i].field) = cases[i].value;
        assert_int_equal(spfs_auth_new(&config, NULL, &t, &f.reason), cases[i].err);
        if (!strstr(f.reason.text, cases[i].text))
            fail_msg("no \"%s\" in: %s", cases[i].text, f.reason.text);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_processes_ask_once),
        CASE(test_threads_ask_once),
        CASE(test_secret),
        CASE(test_rejected),
        CASE(test_wrong_secret),
        CASE(test_vault_belongs_to_secret),
        CASE(test_refresh_rotates),
        CASE(test_sign_in_ends_and_heals),
        CASE(test_renews_ahead),
        CASE(test_keeps_token_while_service_fails),
        CASE(test_busy_for_a_moment),
        CASE(test_unreachable),
        CASE(test_silence_ends),
        CASE(test_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
