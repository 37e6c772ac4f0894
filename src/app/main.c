/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The program: chooses what it was called for. */
#include "cmd_i.h"
#include "source_i.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <fcntl.h>
#include <unistd.h>

/* A core would hold tokens. (The sanitizers trace their own process, which a program that is not dumpable
 * forbids.) */
static void forbid_cores(void)
{
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    prctl(PR_SET_DUMPABLE, 0);
#endif
}

/* What is opened later must not become somebody's stdout. */
static void open_standard_streams(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd < 3);
    if (fd >= 3)
        close(fd);
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int run_command(const struct spfs_command *c, int argc, char **argv, char **process_argv)
{
    struct spfs_args args;
    struct spfs_reason reason = {""};
    if (wants_help(argc, argv)) {
        spfs_print_help(c);
        return SPFS_DONE;
    }
    int code;
    if (spfs_args_parse(c, argc, argv, &args, &reason)) {
        code = spfs_say_usage(c, *reason.text ? reason.text : "out of memory");
    } else {
        args.program = process_argv[0];
        args.argv = process_argv;
        code = c->run(&args);
    }
    spfs_args_done(&args);
    return code;
}

int main(int argc, char **argv)
{
    open_standard_streams();
    forbid_cores();
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    const char *name = slash ? slash + 1 : argc > 0 ? argv[0] : "";
    if (strcmp(name, "mount.spfs") == 0 || strcmp(name, "mount.fuse.spfs") == 0)
        return spfs_mount_helper(argc, argv);
    if (argc < 2) {
        spfs_print_help(NULL);
        return SPFS_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        spfs_print_help(NULL);
        return SPFS_DONE;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
        return spfs_cmd_version.run(NULL);
    if (strcmp(argv[1], "--generate") == 0 && argc == 4)
        return spfs_generate(argv[2], argv[3]);
    const struct spfs_command *c = spfs_command_find(argv[1]);
    if (c)
        return run_command(c, argc - 2, argv + 2, argv);
    if (spfs_source_is(argv[1])) /* spfs SOURCE DIR -o OPTIONS: as mount(8) and fstab call it */
        return run_command(&spfs_cmd_mount, argc - 1, argv + 1, argv);
    fprintf(stderr, "spfs: unknown command \"%s\"; see spfs help\n", argv[1]);
    return SPFS_USAGE;
}
