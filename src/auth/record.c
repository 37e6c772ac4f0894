// SPDX-License-Identifier: GPL-3.0-or-later
/* State of a sign-in: see record_i.h. */
#include "record_i.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include <spfs/base/clock.h>
#include <spfs/json/json.h>

enum { VERSION = 1, BOOT_ID_TEXT = 40 };

void record_done(struct record *r)
{
    spfs_secret_done(&r->access);
    spfs_secret_done(&r->refresh);
    *r = (struct record){0};
}

static void read_boot_id(char out[BOOT_ID_TEXT])
{
    SPFS_CLOSE int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, out, BOOT_ID_TEXT - 1);
    out[n > 0 ? n : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
}

static int64_t real_ms(void)
{
    return spfs_now_real_ns() / 1000000;
}

int record_set_access(struct record *r, const struct spfs_secret *token, uint64_t life_ms)
{
    int err = spfs_secret_set(&r->access, token->data, token->len);
    if (err)
        return err;
    r->life_ms = life_ms;
    r->end_ms = spfs_now_ms() + life_ms;
    r->end_real_ms = real_ms() + (int64_t)life_ms;
    return 0;
}

static int copy_secret(struct spfs_secret *ret, const struct spfs_secret *s)
{
    return s->data ? spfs_secret_set(ret, s->data, s->len) : 0;
}

int record_copy(struct record *ret, const struct record *r)
{
    *ret = *r;
    ret->access = ret->refresh = (struct spfs_secret){0};
    int err = copy_secret(&ret->access, &r->access);
    if (!err)
        err = copy_secret(&ret->refresh, &r->refresh);
    if (err)
        record_done(ret);
    return err;
}

uint64_t record_left_ms(const struct record *r)
{
    uint64_t now = spfs_now_ms();
    return r->access.data && r->end_ms > now ? r->end_ms - now : 0;
}

/* When the token of a parsed record ends on this boot's clock. Longer than it ever lived means that a clock
 * was set: then it is over. */
static uint64_t end_here(const struct record *r, uint64_t end_then, bool same_boot)
{
    uint64_t now = spfs_now_ms(), left;
    int64_t real = real_ms();
    if (same_boot)
        left = end_then > now ? end_then - now : 0;
    else
        left = r->end_real_ms > real ? (uint64_t)(r->end_real_ms - real) : 0;
    return left <= r->life_ms ? now + left : 0;
}

static int add_text(struct spfs_buf *b, const char *name, const char *text)
{
    int err = spfs_buf_addf(b, ",\n \"%s\": ", name);
    return err ? err : spfs_json_add_string(b, text);
}

int record_format(const struct record *r, struct spfs_buf *b)
{
    char boot[BOOT_ID_TEXT];
    read_boot_id(boot);
    int err = spfs_buf_addf(b,
                            "{\"version\": %d,\n \"life_ms\": %" PRIu64 ",\n \"end_ms\": %" PRIu64
                            ",\n \"end_real_ms\": %" PRId64,
                            VERSION, r->life_ms, r->end_ms, r->end_real_ms);
    const struct {
        const char *name, *text;
    } texts[] = {{"boot", boot},
                 {"credential", r->credential},
                 {"seed", r->seed},
                 {"access", r->access.data},
                 {"refresh", r->refresh.data}};
    for (size_t i = 0; i < SPFS_ARRAY_LEN(texts) && !err; i++)
        if (texts[i].text)
            err = add_text(b, texts[i].name, texts[i].text);
    return err ? err : spfs_buf_adds(b, "}\n");
}

static int parse_secret(struct spfs_secret *ret, const struct spfs_json *v, const char *name)
{
    const char *text = spfs_json_str(v, name);
    return text && *text ? spfs_secret_set(ret, text, strlen(text)) : 0;
}

int record_parse(const char *text, size_t len, struct record *ret)
{
    SPFS_CLEANUP(spfs_json_doc_p) struct spfs_json_doc *doc = NULL;
    int err = spfs_json_parse(text, len, RECORD_MAX, &doc);
    if (err)
        return err == -ENOMEM ? err : -EBADMSG;
    const struct spfs_json *v = spfs_json_root(doc);
    struct record r = {.life_ms = spfs_json_u64(v, "life_ms", 0),
                       .end_real_ms = spfs_json_i64(v, "end_real_ms", 0)};
    if (spfs_json_u64(v, "version", 0) != VERSION)
        return -EBADMSG;
    char boot[BOOT_ID_TEXT];
    const char *then = spfs_json_str(v, "boot");
    read_boot_id(boot);
    r.end_ms = end_here(&r, spfs_json_u64(v, "end_ms", 0), then && *boot && strcmp(then, boot) == 0);
    spfs_copy(r.credential, sizeof(r.credential), spfs_json_str(v, "credential"));
    spfs_copy(r.seed, sizeof(r.seed), spfs_json_str(v, "seed"));
    err = parse_secret(&r.access, v, "access");
    if (!err)
        err = parse_secret(&r.refresh, v, "refresh");
    if (err) {
        record_done(&r);
        return err;
    }
    *ret = r;
    return 0;
}
