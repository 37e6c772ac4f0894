/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Growable buffers with a maximum, and secrets. */
#include <spfs/base/str.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

void spfs_buf_init(struct spfs_buf *b, size_t max)
{
    *b = (struct spfs_buf){.max = max};
}

void spfs_buf_done(struct spfs_buf *b)
{
    free(b->data);
    b->data = NULL;
    b->len = b->cap = 0;
}

void spfs_buf_reset(struct spfs_buf *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = '\0';
}

static int reserve(struct spfs_buf *b, size_t n)
{
    if (n > b->max || b->len > b->max - n || b->len + n == SIZE_MAX)
        return -EFBIG;
    size_t need = b->len + n + 1;
    if (need <= b->cap)
        return 0;
    size_t cap = b->cap ? b->cap : 256;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    if (cap - 1 > b->max)
        cap = b->max + 1;
    char *p = realloc(b->data, cap);
    if (!p)
        return -ENOMEM;
    b->data = p;
    b->cap = cap;
    return 0;
}

int spfs_buf_add(struct spfs_buf *b, const void *p, size_t n)
{
    int err = reserve(b, n);
    if (err)
        return err;
    if (n)
        memcpy(b->data + b->len, p, n);
    b->len += n;
    b->data[b->len] = '\0';
    return 0;
}

int spfs_buf_adds(struct spfs_buf *b, const char *s)
{
    return spfs_buf_add(b, s, strlen(s));
}

int spfs_buf_addf(struct spfs_buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    int err = n < 0 ? -EINVAL : reserve(b, (size_t)n);
    if (!err) {
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
    va_end(ap);
    return err;
}

int spfs_buf_add_urlenc(struct spfs_buf *b, const char *s)
{
    static const char hex[] = "0123456789ABCDEF";
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        char enc[3] = {'%', hex[c >> 4], hex[c & 15]};
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '.' || c == '_' || c == '~';
        int err = plain ? spfs_buf_add(b, s, 1) : spfs_buf_add(b, enc, 3);
        if (err)
            return err;
    }
    return 0;
}

void spfs_wipe(void *p, size_t n)
{
    explicit_bzero(p, n);
}

int spfs_secret_set(struct spfs_secret *s, const char *data, size_t len)
{
    char *copy = malloc(len + 1);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, data, len);
    copy[len] = '\0';
    spfs_secret_done(s);
    s->data = copy;
    s->len = len;
    return 0;
}

void spfs_secret_done(struct spfs_secret *s)
{
    if (s->data) {
        spfs_wipe(s->data, s->len);
        free(s->data);
    }
    s->data = NULL;
    s->len = 0;
}
