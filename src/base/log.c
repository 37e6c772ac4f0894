/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log: formats a line, takes secrets out, writes it with one write(2). */
#include <spfs/base/log.h>
#include <spfs/base/lock.h>
#include <spfs/base/str.h>

#include <ctype.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

static struct {
    atomic_int threshold;
    atomic_bool to_stderr;
    atomic_bool to_syslog;
    atomic_int fd;
} sink = {.threshold = SPFS_LOG_NOTE, .to_stderr = true, .fd = -1};

void spfs_log_open(bool to_stderr, enum spfs_log_level threshold, const char *file)
{
    atomic_store(&sink.threshold, (int)threshold);
    atomic_store(&sink.to_stderr, to_stderr);
    if (!to_stderr && !atomic_exchange(&sink.to_syslog, true))
        openlog("spfs", LOG_PID, LOG_DAEMON);
    if (file) {
        int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        int old = atomic_exchange(&sink.fd, fd);
        if (old >= 0)
            close(old);
    }
}

void spfs_log_close(void)
{
    int old = atomic_exchange(&sink.fd, -1);
    if (old >= 0)
        close(old);
    if (atomic_exchange(&sink.to_syslog, false))
        closelog();
    atomic_store(&sink.to_stderr, true);
}

enum spfs_log_level spfs_log_threshold(void)
{
    return (enum spfs_log_level)atomic_load_explicit(&sink.threshold, memory_order_relaxed);
}

/* Replaces text[from..to) by three dots and returns where the rest now begins. */
static char *blot(char *from, char *to)
{
    size_t room = (size_t)(to - from);
    size_t dots = room < 3 ? room : 3;
    memset(from, '.', dots);
    memmove(from + dots, to, strlen(to) + 1);
    return from + dots;
}

static bool ends_value(char c)
{
    return c == '\0' || isspace((unsigned char)c) || c == '&' || c == '"' || c == '\'' || c == ',' ||
           c == ')' || c == '}' || c == '<' || c == '>';
}

static char *value_end(char *p)
{
    while (!ends_value(*p))
        p++;
    return p;
}

/* key=value, "key": "value" and the like; the bare word in a sentence is no secret. */
static void redact_value(char *text, const char *key)
{
    for (char *p = text; (p = strcasestr(p, key)) != NULL;) {
        p += strlen(key);
        char *v = p + strspn(p, " \"'");
        if (*v != '=' && *v != ':')
            continue;
        v += strspn(v, " \"':=");
        p = blot(v, value_end(v));
    }
}

/* The word after a scheme of authentication. */
static void redact_word(char *text, const char *scheme)
{
    for (char *p = text; (p = strcasestr(p, scheme)) != NULL;) {
        p += strlen(scheme);
        p = blot(p, value_end(p));
    }
}

void spfs_redact(char *text)
{
    static const char *const keys[] = {"tempauth",         "access_token", "refresh_token", "client_secret",
                                       "client_assertion", "device_code",  "code_verifier", "id_token"};
    for (size_t i = 0; i < SPFS_ARRAY_LEN(keys); i++)
        redact_value(text, keys[i]);
    redact_word(text, "bearer ");
    redact_word(text, "basic ");
    for (char *p = text; (p = strstr(p, "://")) != NULL;) { /* the query of any URL */
        p += 3;
        while (!ends_value(*p) && *p != '?')
            p++;
        if (*p == '?') {
            char *end = p + 1;
            while (*end && !isspace((unsigned char)*end) && *end != '"' && *end != '\'' && *end != '<' &&
                   *end != '>')
                end++;
            p = blot(p + 1, end);
        }
    }
}

void spfs_log(enum spfs_log_level level, const char *fmt, ...)
{
    if ((int)level > atomic_load_explicit(&sink.threshold, memory_order_relaxed))
        return;
    static const char *const names[] = {"", "", "", "error", "warning", "note", "info", "debug"};
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    spfs_redact(text);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = ' '; /* one line, and no terminal escapes out of a server's names */
    if (atomic_load(&sink.to_syslog))
        syslog((int)level, "%s", text);
    int fd = atomic_load(&sink.fd);
    bool to_stderr = atomic_load(&sink.to_stderr);
    if (!to_stderr && fd < 0)
        return;
    char line[2200];
    struct timespec t;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &t);
    localtime_r(&t.tv_sec, &tm);
    int len = snprintf(line, sizeof(line), "%02d:%02d:%02d.%03ld spfs %s: %s\n", tm.tm_hour, tm.tm_min,
                       tm.tm_sec, t.tv_nsec / 1000000, names[level], text);
    if (len < 0)
        return;
    ssize_t written = 0;
    if (to_stderr)
        written = write(STDERR_FILENO, line, (size_t)len);
    if (fd >= 0)
        written = write(fd, line, (size_t)len);
    (void)written; /* nobody is left to be told */
}
