/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of mount options, and its interpreter. */
#include "options_i.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <string.h>

#define AT(field) offsetof(struct spfs_options, field)

const struct spfs_option spfs_option_table[] = {
    {"ro", NULL, SPFS_OPTION_IGNORED, 0, "read-only, which is what this version always is", 0, 0},
    {"rw", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"cache_dir", "DIR", SPFS_OPTION_TEXT, AT(cache_dir),
     "where blocks of files are kept, in a folder of this mount's own below DIR", 0, 0},
    {"state_dir", "DIR", SPFS_OPTION_TEXT, AT(state_dir),
     "where the catalog is kept, in a folder of this mount's own below DIR", 0, 0},
    {"cache_size", "SIZE", SPFS_OPTION_SIZE, AT(cache_size),
     "most bytes of the block cache (a tenth of the disk)", 1 << 20, 0},
    {"poll", "TIME", SPFS_OPTION_TIME, AT(poll_ms),
     "how often the server is asked for changes while the mount is in use (30s)", 1000, 0},
    {"op_timeout", "TIME", SPFS_OPTION_TIME, AT(op_timeout_ms),
     "a call that takes longer than this fails (30s)", 1000, 3600000},
    {"sites", "LIST", SPFS_OPTION_TEXT, AT(sites),
     "sites that are shown: followed, all, or names separated by |", 0, 0},
    {"nofetch", "LIST", SPFS_OPTION_TEXT, AT(nofetch),
     "programs that get only what is cached, separated by |", 0, 0},
    {"connection", "NAME", SPFS_OPTION_TEXT, AT(connection), "connection to use when SOURCE is a web address",
     0, 0},
    {"allow_other", NULL, SPFS_OPTION_FLAG, AT(allow_other),
     "other users may use the mount, as its modes allow", 0, 0},
    {"default_permissions", NULL, SPFS_OPTION_IGNORED, 0, "modes are checked by the kernel (always so)", 0,
     0},
    {"uid", "USER", SPFS_OPTION_USER, AT(uid), "owner of everything (who mounts)", 0, UINT32_MAX - 1},
    {"gid", "GROUP", SPFS_OPTION_GROUP, AT(gid), "group of everything (that of who mounts)", 0,
     UINT32_MAX - 1},
    {"setuid", "USER", SPFS_OPTION_TEXT, AT(setuid), "root becomes USER before it mounts", 0, 0},
    {"umask", "OCTAL", SPFS_OPTION_OCTAL, AT(umask), "permissions that are taken away (022)", 0, 0777},
    {"max_readahead", "SIZE", SPFS_OPTION_SIZE, AT(max_readahead),
     "most bytes that are fetched ahead of a sequential reader (64M)", 0, 1ULL << 30},
    {"kernel_readahead", "SIZE", SPFS_OPTION_SIZE, AT(kernel_readahead),
     "most bytes that the kernel asks for ahead, as root (1M)", 4096, 1ULL << 30},
    {"threads", "N", SPFS_OPTION_NUMBER, AT(threads), "most requests that are served at a time (64)", 2,
     1024},
    {"foreground", NULL, SPFS_OPTION_FLAG, AT(foreground), "stay in the foreground and log to stderr, as -f",
     0, 0},
    {"debug", NULL, SPFS_OPTION_FLAG, AT(debug), "log everything, as --debug", 0, 0},
    {"log_level", "LEVEL", SPFS_OPTION_LEVEL, AT(log_level), "error, warning, note, info or debug (note)", 0,
     0},
    {"log_file", "FILE", SPFS_OPTION_TEXT, AT(log_file), "log into FILE as well", 0, 0},
    {"noexec", NULL, SPFS_OPTION_KERNEL, 0, "programs on the mount cannot be run", 0, 0},
    {"nosuid", NULL, SPFS_OPTION_KERNEL, 0, NULL, 0, 0},
    {"nodev", NULL, SPFS_OPTION_KERNEL, 0, NULL, 0, 0},
    {"noatime", NULL, SPFS_OPTION_KERNEL, 0, NULL, 0, 0},
    {"sync", NULL, SPFS_OPTION_KERNEL, 0, NULL, 0, 0},
    {"dirsync", NULL, SPFS_OPTION_KERNEL, 0, NULL, 0, 0},
    /* Modes are given by umask, and neither devices nor set-id bits are ever shown. */
    {"drop_privileges", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"dev", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"suid", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"exec", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"async", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"atime", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"relatime", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"norelatime", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"strictatime", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"nostrictatime", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"lazytime", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"nolazytime", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"diratime", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"nodiratime", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"silent", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"loud", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"mand", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"nomand", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"iversion", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"noiversion", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"nosymfollow", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"pri", "N", SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"auto", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"noauto", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"defaults", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"user", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"user", "NAME", SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"users", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"nouser", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"owner", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"group", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"_netdev", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"nofail", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"auto_unmount", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"fsname", "NAME", SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"subtype", "NAME", SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"comment", "TEXT", SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"x-*", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"X-*", NULL, SPFS_OPTION_IGNORED, 0, NULL, 0, 0},
    {"remount", NULL, SPFS_OPTION_REFUSED, 0, NULL, 0, 0},
};
const size_t spfs_option_count = SPFS_ARRAY_LEN(spfs_option_table);

void spfs_options_init(struct spfs_options *o)
{
    *o = (struct spfs_options){.uid = UINT64_MAX,
                               .gid = UINT64_MAX,
                               .umask = 022,
                               .log_level = SPFS_LOG_NOTE,
                               .op_timeout_ms = 30000};
}

void spfs_options_done(struct spfs_options *o)
{
    for (size_t i = 0; i < spfs_option_count; i++)
        if (spfs_option_table[i].kind == SPFS_OPTION_TEXT) {
            char **text = (char **)(void *)((char *)o + spfs_option_table[i].offset);
            free(*text);
            *text = NULL;
        }
}

bool spfs_options_time(const char *text, uint64_t *ret_ms)
{
    static const struct {
        const char *suffix;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"", 1000}};
    char digits[32];
    for (size_t i = 0; i < SPFS_ARRAY_LEN(units); i++) {
        if (!spfs_ends(text, units[i].suffix) || strlen(text) >= sizeof(digits))
            continue;
        spfs_copy(digits, sizeof(digits), text);
        digits[strlen(text) - strlen(units[i].suffix)] = '\0';
        uint64_t n;
        if (!spfs_parse_u64(digits, UINT64_MAX / units[i].ms, &n))
            return false;
        *ret_ms = n * units[i].ms;
        return true;
    }
    return false;
}

static bool parse_octal(const char *s, uint64_t *ret)
{
    uint64_t n = 0;
    if (!*s || strlen(s) > 6)
        return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '7')
            return false;
        n = n * 8 + (uint64_t)(*s - '0');
    }
    *ret = n;
    return true;
}

static bool parse_level(const char *s, uint64_t *ret)
{
    static const char *const names[] = {"error", "warning", "note", "info", "debug"};
    for (size_t i = 0; i < SPFS_ARRAY_LEN(names); i++)
        if (strcmp(s, names[i]) == 0) {
            *ret = SPFS_LOG_ERROR + i;
            return true;
        }
    return false;
}

static bool parse_user(const char *s, uint64_t *ret)
{
    struct passwd *p;
    if (spfs_parse_u64(s, UINT32_MAX, ret))
        return true;
    if (!(p = getpwnam(s)))
        return false;
    *ret = p->pw_uid;
    return true;
}

static bool parse_group(const char *s, uint64_t *ret)
{
    struct group *g;
    if (spfs_parse_u64(s, UINT32_MAX, ret))
        return true;
    if (!(g = getgrnam(s)))
        return false;
    *ret = g->gr_gid;
    return true;
}

static bool parse_number(const struct spfs_option *spec, const char *value, uint64_t *ret)
{
    switch (spec->kind) {
    case SPFS_OPTION_SIZE:
        return spfs_parse_size(value, ret);
    case SPFS_OPTION_TIME:
        return spfs_options_time(value, ret);
    case SPFS_OPTION_USER:
        return parse_user(value, ret);
    case SPFS_OPTION_GROUP:
        return parse_group(value, ret);
    case SPFS_OPTION_OCTAL:
        return parse_octal(value, ret);
    case SPFS_OPTION_LEVEL:
        return parse_level(value, ret);
    default:
        return spfs_parse_u64(value, UINT64_MAX, ret);
    }
}

static const char *what_is_expected(enum spfs_option_kind kind)
{
    switch (kind) {
    case SPFS_OPTION_SIZE:
        return "a size such as 500M or 20G";
    case SPFS_OPTION_TIME:
        return "a time such as 30s, 5m or 1h";
    case SPFS_OPTION_USER:
        return "the name or number of a user";
    case SPFS_OPTION_GROUP:
        return "the name or number of a group";
    case SPFS_OPTION_OCTAL:
        return "permission bits such as 022";
    case SPFS_OPTION_LEVEL:
        return "error, warning, note, info or debug";
    default:
        return "a number";
    }
}

static int set_number(const struct spfs_option *spec, const char *value, uint64_t *at,
                      struct spfs_reason *reason)
{
    uint64_t n;
    if (!parse_number(spec, value, &n))
        return spfs_fail(reason, -EINVAL, "option %s: \"%s\" is not %s", spec->name, value,
                         what_is_expected(spec->kind));
    if (n < spec->min || (spec->max && n > spec->max))
        return spfs_fail(reason, -EINVAL, "option %s: %s is too %s", spec->name, value,
                         n < spec->min ? "small" : "large");
    *at = n;
    return 0;
}

static int add_flag(struct spfs_options *o, const char *name, struct spfs_reason *reason)
{
    size_t used = strlen(o->flags), len = strlen(name);
    for (const char *p = o->flags; *p; p += strcspn(p, ","), p += *p == ',')
        if (strcspn(p, ",") == len && strncmp(p, name, len) == 0)
            return 0;
    if (!spfs_format(o->flags + used, sizeof(o->flags) - used, "%s%s", used ? "," : "", name))
        return spfs_fail(reason, -EINVAL, "option %s: too many options", name);
    return 0;
}

static bool matches(const struct spfs_option *spec, const char *name, bool has_value)
{
    size_t len = strlen(spec->name);
    if (spec->name[len - 1] == '*')
        return strncmp(spec->name, name, len - 1) == 0;
    return strcmp(spec->name, name) == 0 &&
           (has_value == (spec->value != NULL) || spec->kind == SPFS_OPTION_FLAG);
}

static const struct spfs_option *find(const char *name, bool has_value)
{
    for (size_t i = 0; i < spfs_option_count; i++)
        if (matches(&spfs_option_table[i], name, has_value))
            return &spfs_option_table[i];
    return NULL;
}

/* "foreground" or, in the configuration, "foreground = yes". */
static int set_flag(const struct spfs_option *spec, const char *value, bool *at, struct spfs_reason *reason)
{
    static const char *const words[][2] = {{"yes", "no"}, {"true", "false"}, {"on", "off"}, {"1", "0"}};
    if (!value) {
        *at = true;
        return 0;
    }
    for (size_t i = 0; i < SPFS_ARRAY_LEN(words); i++)
        for (size_t no = 0; no < 2; no++)
            if (strcasecmp(value, words[i][no]) == 0) {
                *at = !no;
                return 0;
            }
    return spfs_fail(reason, -EINVAL, "option %s: \"%s\" is neither yes nor no", spec->name, value);
}

int spfs_options_set(struct spfs_options *o, const char *name, const char *value, struct spfs_reason *reason)
{
    const struct spfs_option *spec = find(name, value != NULL);
    if (!spec && find(name, value == NULL))
        return spfs_fail(reason, -EINVAL, value ? "option %s takes no value" : "option %s needs a value",
                         name);
    if (!spec)
        return spfs_fail(reason, -EINVAL, "unknown option %s; see spfs mount --help", name);
    void *at = (char *)o + spec->offset;
    const char *text = value ? value : "";
    switch (spec->kind) {
    case SPFS_OPTION_FLAG:
        return set_flag(spec, value, at, reason);
    case SPFS_OPTION_TEXT: {
        char *copy = strdup(text);
        if (!copy)
            return spfs_fail(reason, -ENOMEM, "out of memory");
        free(*(char **)at);
        *(char **)at = copy;
        return 0;
    }
    case SPFS_OPTION_KERNEL:
        return add_flag(o, name, reason);
    case SPFS_OPTION_IGNORED:
        return 0;
    case SPFS_OPTION_REFUSED:
        return spfs_fail(reason, -EINVAL, "option %s is not possible; unmount and mount again", name);
    default:
        return set_number(spec, text, at, reason);
    }
}

int spfs_options_parse(struct spfs_options *o, const char *text, struct spfs_reason *reason)
{
    SPFS_FREE char *word = malloc(strlen(text) + 1);
    if (!word)
        return spfs_fail(reason, -ENOMEM, "out of memory");
    while (*text) {
        char *out = word;
        for (; *text && *text != ','; text++) {
            if (text[0] == '\\' && (text[1] == ',' || text[1] == '\\'))
                text++;
            *out++ = *text;
        }
        *out = '\0';
        if (*text == ',')
            text++;
        char *value = strchr(word, '=');
        if (value)
            *value++ = '\0';
        int err = *word ? spfs_options_set(o, word, value, reason) : 0;
        if (err)
            return err;
    }
    return 0;
}

char **spfs_options_split(const char *text, const char *separators)
{
    size_t words = 2, len = strlen(text);
    for (const char *p = text; *p; p++)
        words += strchr(separators, *p) != NULL;
    char **v = malloc(words * sizeof(*v) + len + 1);
    if (!v)
        return NULL;
    char *copy = (char *)(v + words), *save = NULL;
    memcpy(copy, text, len + 1);
    size_t n = 0;
    for (char *w = strtok_r(copy, separators, &save); w; w = strtok_r(NULL, separators, &save)) {
        while (*w == ' ' || *w == '\t')
            w++;
        for (size_t end = strlen(w); end && (w[end - 1] == ' ' || w[end - 1] == '\t'); end--)
            w[end - 1] = '\0';
        if (*w)
            v[n++] = w;
    }
    v[n] = NULL;
    return v;
}
