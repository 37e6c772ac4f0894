/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Manual pages and completions from the tables of commands and options: the build writes them, packages
 * install them. */
#include "cmd_i.h"
#include "config_i.h"
#include "options_i.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static FILE *open_in(const char *dir, const char *name)
{
    SPFS_FREE char *path = spfs_asprintf("%s/%s", dir, name);
    FILE *f = path ? fopen(path, "we") : NULL;
    if (!f)
        fprintf(stderr, "spfs: cannot write %s/%s: %s\n", dir, name, strerror(errno));
    return f;
}

static int close_written(FILE *f)
{
    bool good = !ferror(f);
    return fclose(f) == 0 && good ? SPFS_DONE : SPFS_FAILED;
}

/* roff: a dash that can be copied, no request by a dot at the start of a line, a backslash as such. */
static void put(FILE *f, const char *text)
{
    for (const char *p = text; *p; p++) {
        if (p == text && (*p == '.' || *p == '\''))
            fputs("\\&", f);
        if (*p == '-')
            fputs("\\-", f);
        else if (*p == '\\')
            fputs("\\e", f);
        else if (*p == '\n')
            fputs("\n.PP\n", f);
        else
            fputc(*p, f);
    }
}

static void put_item(FILE *f, const char *left, const char *help)
{
    fputs(".TP\n.B ", f);
    put(f, left);
    fputs("\n", f);
    put(f, help);
    fputs("\n", f);
}

static void put_options(FILE *f)
{
    for (size_t i = 0; i < spfs_option_count; i++) {
        const struct spfs_option *o = &spfs_option_table[i];
        char left[96];
        spfs_format(left, sizeof(left), "%s%s%s", o->name, o->value ? "=" : "", o->value ? o->value : "");
        if (o->help)
            put_item(f, left, o->help);
    }
}

static void put_command(FILE *f, const struct spfs_command *c)
{
    fputs(".SS ", f);
    fprintf(f, "%s ", c->name);
    put(f, c->synopsis);
    fputs("\n", f);
    put(f, c->summary);
    if (c->alias)
        fprintf(f, " (also: %s)", c->alias);
    fputs(".\n", f);
    if (c->details) {
        fputs(".PP\n", f);
        put(f, c->details);
        fputs("\n", f);
    }
    for (const struct spfs_flag *flag = c->flags; flag && flag->name; flag++) {
        char left[96], letter[8] = "";
        if (flag->letter)
            spfs_format(letter, sizeof(letter), "-%c, ", flag->letter);
        spfs_format(left, sizeof(left), "%s--%s%s%s", letter, flag->name, flag->arg ? " " : "",
                    flag->arg ? flag->arg : "");
        put_item(f, left, flag->help);
    }
}

static int man_program(const char *dir)
{
    FILE *f = open_in(dir, "spfs.1");
    if (!f)
        return SPFS_FAILED;
    fputs(".TH SPFS 1 \"\" \"spfs " SPFS_VERSION
          "\"\n.SH NAME\nspfs \\- SharePoint as a drive\n.SH SYNOPSIS\n.B spfs\nCOMMAND ...\n.br\n"
          ".B spfs\nSOURCE DIR \\-o OPTIONS\n.SH DESCRIPTION\nMounts the sites, libraries and folders of "
          "SharePoint that an account may see.\n"
          ".SH COMMANDS\n",
          f);
    for (const struct spfs_command *const *c = spfs_commands; *c; c++)
        put_command(f, *c);
    fputs(".SH MOUNT OPTIONS\n", f);
    put_options(f);
    fputs(
        ".SH EXIT STATUS\n0 done, 1 failed (the reason is on standard error), 2 usage.\n.SH FILES\n"
        ".TP\n.I /etc/spfs/spfs.conf, ~/.config/spfs/spfs.conf\nConfiguration, see spfs.conf(5). "
        "$SPFS_CONFIG replaces both.\n"
        ".TP\n.I ~/.local/state/spfs, /var/lib/spfs\nCatalogs and tokens.\n.TP\n.I ~/.cache/spfs, "
        "/var/cache/spfs\nBlocks of files; may be "
        "deleted while nothing is mounted.\n.SH SEE ALSO\nspfs.conf(5), mount.fuse.spfs(8), fusermount3(1)\n",
        f);
    return close_written(f);
}

static int man_config(const char *dir)
{
    static const char *const help[SPFS_KEYS] = {
        "The tenant: a verified domain, or its id.",
        "Application (client) id of the app registration.",
        "How to sign in: secret (a service account), or refresh.",
        "File with the client secret; only its owner may read it.",
        "File with the certificate of the app.",
        "File with the private key of the certificate.",
        "auth = refresh: file with a refresh token.",
        "global (default), usgov, dod or china.",
        "Address of the sign-in service, instead of that of the cloud.",
        "Address of Microsoft Graph, instead of that of the cloud.",
        "File with further certificate authorities.",
        "Address of the proxy.",
        "Sites that are shown: followed, all, or names separated by commas.",
    };
    FILE *f = open_in(dir, "spfs.conf.5");
    if (!f)
        return SPFS_FAILED;
    fputs(".TH SPFS.CONF 5 \"\" \"spfs " SPFS_VERSION
          "\"\n.SH NAME\nspfs.conf \\- configuration of spfs\n.SH DESCRIPTION\n"
          "Sections in brackets hold lines of key = value; # and ; begin comments. Names and keys are "
          "matched without regard to case. A key of a "
          "later file replaces that of an earlier one.\n.SH [connection NAME]\n",
          f);
    for (size_t i = 0; i < SPFS_KEYS; i++)
        put_item(f, spfs_key_names[i], help[i]);
    fputs(".SH [mount]\nDefaults of mount options:\n", f);
    put_options(f);
    fputs(".SH [policy]\nIn /etc/spfs/spfs.conf only.\n", f);
    put_item(f, "read_only", "yes: mounts are read-only.");
    put_item(f, "allowed_tenants", "Tenants that may be used, separated by commas.");
    fputs(".SH SEE ALSO\nspfs(1)\n", f);
    return close_written(f);
}

static int man_helper(const char *dir)
{
    FILE *f = open_in(dir, "mount.fuse.spfs.8");
    if (!f)
        return SPFS_FAILED;
    fputs(".TH MOUNT.FUSE.SPFS 8 \"\" \"spfs " SPFS_VERSION
          "\"\n.SH NAME\nmount.fuse.spfs, mount.spfs \\- mount SharePoint by mount(8)\n"
          ".SH SYNOPSIS\n.B mount \\-t fuse.spfs\nSOURCE DIR [\\-o OPTIONS]\n.SH DESCRIPTION\nA line of "
          "/etc/fstab:\n.PP\n.nf\n"
          "SOURCE DIR fuse.spfs "
          "noauto,nofail,_netdev,x\\-systemd.automount,x\\-systemd.mount\\-timeout=60s,allow_other 0 "
          "0\n.fi\n.PP\n"
          "_netdev keeps the boot from waiting for it as for a local disk. A blank in SOURCE is written "
          "\\e040.\n.SH OPTIONS\n",
          f);
    put_options(f);
    fputs(".SH SEE ALSO\nspfs(1), spfs.conf(5), mount(8), fstab(5)\n", f);
    return close_written(f);
}

static void list_flags(FILE *f, const struct spfs_command *c, const char *before, const char *after)
{
    for (const struct spfs_flag *flag = c->flags; flag && flag->name; flag++)
        fprintf(f, "%s--%s%s", before, flag->name, after);
    fprintf(f, "%s--help", before);
}

static void list_options(FILE *f)
{
    for (size_t i = 0; i < spfs_option_count; i++)
        if (spfs_option_table[i].help)
            fprintf(f, " %s%s", spfs_option_table[i].name, spfs_option_table[i].value ? "=" : "");
}

static int complete_bash(const char *dir)
{
    FILE *f = open_in(dir, "spfs.bash");
    if (!f)
        return SPFS_FAILED;
    fputs("# bash completion of spfs; written by spfs --generate\n_spfs()\n{\n    local "
          "cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
          "    local words=\n    compopt +o nospace 2>/dev/null\n    if [ \"$prev\" = -o ]; then\n        "
          "words=\"",
          f);
    list_options(f);
    fputs("\"\n        compopt -o nospace\n        local head=\n        case $cur in *,*) head=${cur%,*},; "
          "cur=${cur##*,};; esac\n"
          "        COMPREPLY=($(compgen -P \"$head\" -W \"$words\" -- \"$cur\"))\n        return\n    fi\n   "
          " if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words=\"",
          f);
    for (const struct spfs_command *const *c = spfs_commands; *c; c++)
        fprintf(f, "%s ", (*c)->name);
    fputs("\"\n        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n        return\n    fi\n    case "
          "${COMP_WORDS[1]} in\n",
          f);
    for (const struct spfs_command *const *c = spfs_commands; *c; c++) {
        fprintf(f, "    %s%s%s) words=\"", (*c)->name, (*c)->alias ? "|" : "",
                (*c)->alias ? (*c)->alias : "");
        list_flags(f, *c, " ", "");
        fputs("\" ;;\n", f);
    }
    fputs("    esac\n    case $cur in\n    -*) COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")) ;;\n"
          "    *) compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n    esac\n}\ncomplete -F "
          "_spfs spfs\n",
          f);
    return close_written(f);
}

static int complete_zsh(const char *dir)
{
    FILE *f = open_in(dir, "_spfs");
    if (!f)
        return SPFS_FAILED;
    fputs("#compdef spfs\n# written by spfs --generate\nlocal -a commands options\ncommands=(\n", f);
    for (const struct spfs_command *const *c = spfs_commands; *c; c++)
        fprintf(f, "  '%s:%s'\n", (*c)->name, (*c)->summary);
    fputs(")\noptions=(", f);
    list_options(f);
    fputs(")\nif (( CURRENT == 2 )); then\n  _describe command commands\n  return\nfi\nif [[ "
          "$words[CURRENT-1] == -o ]]; then\n"
          "  _values -s , option ${options%%=*}\n  return\nfi\ncase $words[2] in\n",
          f);
    for (const struct spfs_command *const *c = spfs_commands; *c; c++) {
        fprintf(f, "%s%s%s) _arguments", (*c)->name, (*c)->alias ? "|" : "", (*c)->alias ? (*c)->alias : "");
        list_flags(f, *c, " '", "'");
        fputs("' '*:path:_files' ;;\n", f);
    }
    fputs("esac\n", f);
    return close_written(f);
}

static int complete_fish(const char *dir)
{
    FILE *f = open_in(dir, "spfs.fish");
    if (!f)
        return SPFS_FAILED;
    fputs("# written by spfs --generate\n", f);
    for (const struct spfs_command *const *c = spfs_commands; *c; c++) {
        fprintf(f, "complete -c spfs -f -n __fish_use_subcommand -a %s -d '%s'\n", (*c)->name, (*c)->summary);
        fprintf(f, "complete -c spfs -F -n '__fish_seen_subcommand_from %s'\n", (*c)->name);
        for (const struct spfs_flag *flag = (*c)->flags; flag && flag->name; flag++)
            fprintf(f, "complete -c spfs -n '__fish_seen_subcommand_from %s' -l %s%s -d '%s'\n", (*c)->name,
                    flag->name, flag->arg ? " -r" : "", flag->help);
    }
    fputs("complete -c spfs -n '__fish_seen_subcommand_from mount' -s o -x -a '", f);
    list_options(f);
    fputs("'\n", f);
    return close_written(f);
}

int spfs_generate(const char *what, const char *dir)
{
    if (strcmp(what, "man") == 0)
        return man_program(dir) || man_config(dir) || man_helper(dir) ? SPFS_FAILED : SPFS_DONE;
    if (strcmp(what, "bash") == 0)
        return complete_bash(dir);
    if (strcmp(what, "zsh") == 0)
        return complete_zsh(dir);
    if (strcmp(what, "fish") == 0)
        return complete_fish(dir);
    fprintf(stderr, "spfs: --generate knows man, bash, zsh and fish\n");
    return SPFS_USAGE;
}
