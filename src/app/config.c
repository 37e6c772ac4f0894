/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading the configuration files. inih splits lines; which line it is at is counted by the reader given to
 * it. */
#include "config_i.h"
#include "paths_i.h"

#include <errno.h>
#include <ini.h>
#include <string.h>
#include <sys/stat.h>

const char *const spfs_key_names[SPFS_KEYS] = {
    "tenant",
    "client_id",
    "auth",
    "client_secret_file",
    "certificate_file",
    "private_key_file",
    "refresh_token_file",
    "cloud",
    "login_url",
    "graph_url",
    "ca_file",
    "proxy",
    "sites",
};

struct reading {
    struct spfs_config *config;
    FILE *f;
    const char *file;
    bool is_admin;
    unsigned line;
    unsigned long_line; /* the first that does not fit inih's buffer */
    int err;
    struct spfs_reason *reason;
};

struct spfs_config *spfs_config_new(void)
{
    struct spfs_config *c = calloc(1, sizeof(*c));
    if (c) {
        c->mount_last = &c->mount;
        spfs_buf_init(&c->notes, 16384);
    }
    return c;
}

static void free_settings(struct spfs_setting *s)
{
    while (s) {
        struct spfs_setting *next = s->next;
        free(s->name);
        free(s->value);
        free(s->where);
        free(s);
        s = next;
    }
}

void spfs_config_free(struct spfs_config *c)
{
    if (!c)
        return;
    while (c->connections) {
        struct spfs_connection *next = c->connections->next;
        for (size_t i = 0; i < SPFS_KEYS; i++)
            free(c->connections->value[i]);
        free(c->connections->name);
        free(c->connections);
        c->connections = next;
    }
    free_settings(c->mount);
    free(c->allowed_tenants);
    spfs_buf_done(&c->notes);
    free(c);
}

static int replace(char **at, const char *value)
{
    char *copy = strdup(value);
    if (!copy)
        return -ENOMEM;
    free(*at);
    *at = copy;
    return 0;
}

static struct spfs_connection *find_connection(const struct spfs_config *c, const char *name)
{
    for (struct spfs_connection *n = c->connections; n; n = n->next)
        if (strcasecmp(n->name, name) == 0)
            return n;
    return NULL;
}

static struct spfs_connection *make_connection(struct spfs_config *c, const char *name)
{
    struct spfs_connection *n = find_connection(c, name), **end = &c->connections;
    if (n)
        return n;
    n = calloc(1, sizeof(*n));
    if (!n || !(n->name = strdup(name))) {
        free(n);
        return NULL;
    }
    while (*end)
        end = &(*end)->next;
    return *end = n;
}

static int note_unknown(struct reading *r, const char *section, const char *name)
{
    return spfs_buf_addf(&r->config->notes, "%s line %u: unknown key \"%s\" in [%s]\n", r->file, r->line,
                         name, section);
}

static int set_connection(struct reading *r, const char *section, const char *name, const char *value)
{
    const char *title = section + strlen("connection");
    title += strspn(title, " \t\"");
    SPFS_FREE char *trimmed = strdup(title);
    if (!trimmed)
        return -ENOMEM;
    for (size_t n = strlen(trimmed); n && strchr(" \t\"", trimmed[n - 1]); n--)
        trimmed[n - 1] = '\0';
    if (!*trimmed || strpbrk(trimmed, ":/"))
        return spfs_fail(r->reason, -EINVAL, "%s line %u: [connection NAME] needs a name without : and /",
                         r->file, r->line);
    struct spfs_connection *c = make_connection(r->config, trimmed);
    if (!c)
        return -ENOMEM;
    for (size_t i = 0; i < SPFS_KEYS; i++)
        if (strcasecmp(name, spfs_key_names[i]) == 0)
            return replace(&c->value[i], value);
    return note_unknown(r, section, name);
}

static int set_mount(struct reading *r, const char *name, const char *value)
{
    struct spfs_setting *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    *r->config->mount_last = s;
    r->config->mount_last = &s->next;
    s->name = strdup(name);
    s->value = strdup(value);
    s->where = spfs_asprintf("%s line %u", r->file, r->line);
    return s->name && s->value && s->where ? 0 : -ENOMEM;
}

static int set_policy(struct reading *r, const char *name, const char *value)
{
    if (!r->is_admin)
        return spfs_buf_addf(&r->config->notes, "%s line %u: [policy] counts in /etc/spfs/spfs.conf only\n",
                             r->file, r->line);
    if (strcasecmp(name, "read_only") == 0) {
        r->config->read_only =
            strcasecmp(value, "yes") == 0 || strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0;
        return 0;
    }
    if (strcasecmp(name, "allowed_tenants") == 0)
        return replace(&r->config->allowed_tenants, value);
    return spfs_fail(r->reason, -EINVAL, "%s line %u: this version cannot enforce the policy \"%s\"", r->file,
                     r->line, name);
}

static int set(struct reading *r, const char *section, const char *name, const char *value)
{
    if (strncasecmp(section, "connection", 10) == 0 && strchr(" \t\"", section[10]))
        return set_connection(r, section, name, value);
    if (strcasecmp(section, "mount") == 0)
        return set_mount(r, name, value);
    if (strcasecmp(section, "policy") == 0)
        return set_policy(r, name, value);
    return note_unknown(r, section, name);
}

static int on_value(void *user, const char *section, const char *name, const char *value)
{
    struct reading *r = user;
    if (r->err)
        return 1;
    r->err = set(r, section, name ? name : "", value ? value : "");
    if (r->err && r->reason && !*r->reason->text)
        spfs_fail(r->reason, r->err, "%s line %u: %s", r->file, r->line, strerror(-r->err));
    return 1;
}

static char *next_line(char *str, int num, void *stream)
{
    struct reading *r = stream;
    char *line = fgets(str, num, r->f);
    if (!line)
        return NULL;
    r->line++;
    size_t len = strlen(line);
    if (len + 1 == (size_t)num && line[len - 1] != '\n') {
        if (!r->long_line)
            r->long_line = r->line;
        for (int c = fgetc(r->f); c != '\n' && c != EOF;) /* its rest is no line of its own */
            c = fgetc(r->f);
    }
    /* A value is one line here: without its indentation inih does not take it for the rest of the one above.
     */
    size_t blanks = strspn(line, " \t");
    memmove(line, line + blanks, len - blanks + 1);
    return line;
}

int spfs_config_read(struct spfs_config *c, FILE *f, const char *file, bool is_admin,
                     struct spfs_reason *reason)
{
    struct reading r = {.config = c, .f = f, .file = file, .is_admin = is_admin, .reason = reason};
    if (reason)
        reason->text[0] = '\0';
    int line = ini_parse_stream(next_line, &r, on_value, &r);
    if (r.long_line)
        return spfs_fail(reason, -EINVAL, "%s line %u is too long", file, r.long_line);
    if (line > 0 && !r.err)
        return spfs_fail(reason, -EINVAL, "%s line %d is neither [section] nor key = value", file, line);
    return line < 0 ? spfs_fail(reason, -ENOMEM, "cannot read %s: out of memory", file) : r.err;
}

static int load_file(struct spfs_config *c, const char *file, bool is_admin, struct spfs_reason *reason)
{
    FILE *f = fopen(file, "re");
    if (!f && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (!f && errno == EACCES && !is_admin)
        return 0;
    if (!f)
        return spfs_fail(reason, -errno, "cannot read %s: %s", file, strerror(errno));
    c->found = true;
    int err = spfs_config_read(c, f, file, is_admin, reason);
    fclose(f);
    return err;
}

/* A secret that others can read is worth a word, not a refusal: the file may live where modes mean nothing.
 */
static void check_secrets(struct spfs_config *c)
{
    for (struct spfs_connection *n = c->connections; n; n = n->next)
        for (size_t i = SPFS_KEY_CLIENT_SECRET_FILE; i <= SPFS_KEY_REFRESH_TOKEN_FILE; i++) {
            struct stat st;
            if (i == SPFS_KEY_CERTIFICATE_FILE || !n->value[i] || stat(n->value[i], &st) < 0 ||
                !(st.st_mode & 077))
                continue;
            spfs_buf_addf(&c->notes, "others can read the secret in %s; run: chmod 600 %s\n", n->value[i],
                          n->value[i]);
        }
}

int spfs_config_load(struct spfs_config **ret, struct spfs_reason *reason)
{
    SPFS_CLEANUP(spfs_config_p) struct spfs_config *c = spfs_config_new();
    char files[2][PATH_MAX];
    if (!c)
        return spfs_fail(reason, -ENOMEM, "out of memory");
    int n = spfs_paths_config(files), err = 0;
    for (int i = 0; i < n && !err; i++)
        err = load_file(c, files[i], i == 0, reason);
    if (err)
        return err;
    spfs_format(c->looked_in, sizeof(c->looked_in), n == 2 ? "%s and %s" : "%s", files[0], files[1]);
    check_secrets(c);
    *ret = TAKE(c);
    return 0;
}

int spfs_config_apply(const struct spfs_config *c, struct spfs_options *o, struct spfs_reason *reason)
{
    struct spfs_reason why = {""};
    for (const struct spfs_setting *s = c->mount; s; s = s->next) {
        const char *value = *s->value ? s->value : NULL;
        int err = spfs_options_set(o, s->name, value, &why);
        if (err && value && (strcasecmp(value, "yes") == 0 || strcmp(value, "1") == 0)) /* ro = yes */
            err = spfs_options_set(o, s->name, NULL, &why);
        if (err)
            return spfs_fail(reason, err, "%s: %s", s->where, why.text);
    }
    return 0;
}
