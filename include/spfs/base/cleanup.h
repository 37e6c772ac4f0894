/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Scope cleanup: a resource is released when its variable leaves scope, unless TAKEn. */
#ifndef SPFS_BASE_CLEANUP_H
#define SPFS_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define SPFS_CLEANUP(fn) __attribute__((cleanup(fn)))

/* Defines `static inline void name_p(type *p)` which calls fn(*p) when *p is set; use as
 * SPFS_CLEANUP(name_p). */
#define SPFS_DEFINE_CLEANUP(type, fn, name)                                                                  \
    static inline void name(type *p)                                                                         \
    {                                                                                                        \
        if (*p)                                                                                              \
            fn(*p);                                                                                          \
    }

static inline void spfs_free_p(void *p)
{
    free(*(void **)p);
}

static inline void spfs_close_p(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define SPFS_FREE  SPFS_CLEANUP(spfs_free_p)
#define SPFS_CLOSE SPFS_CLEANUP(spfs_close_p)

/* Hands a pointer over: its value, leaving NULL behind for the scope cleanup. */
#define TAKE(p)                                                                                              \
    __extension__({                                                                                          \
        __typeof__(p) taken_ = (p);                                                                          \
        (p) = NULL;                                                                                          \
        taken_;                                                                                              \
    })

static inline int spfs_take_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

#define SPFS_PRINTF(f, a)                 __attribute__((format(printf, f, a)))
#define SPFS_UNUSED                       __attribute__((unused))
#define SPFS_ARRAY_LEN(a)                 (sizeof(a) / sizeof((a)[0]))
#define SPFS_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
