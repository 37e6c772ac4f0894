// SPDX-License-Identifier: GPL-3.0-or-later
/* Stands in for libFuzzer: feeds every file of the folders named, and each also cut at every 16th of its
 * length. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int feed(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *data = malloc(1 << 20);
    if (!f || !data) {
        fprintf(stderr, "cannot read %s\n", path);
        free(data);
        return 1;
    }
    size_t n = fread(data, 1, 1 << 20, f);
    fclose(f);
    for (size_t i = 0; i <= 16; i++) {
        /* A block of its own of just that size, so that the address sanitizer sees a read past the end. */
        size_t k = n * i / 16;
        unsigned char *part = malloc(k ? k : 1);
        if (part) {
            memcpy(part, data, k);
            LLVMFuzzerTestOneInput(part, k);
        }
        free(part);
    }
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    int failed = argc < 2;
    for (int i = 1; i < argc; i++) {
        struct dirent *e;
        DIR *d = opendir(argv[i]);
        failed |= !d;
        while (d && (e = readdir(d))) {
            char path[4096];
            if (e->d_name[0] != '.' &&
                snprintf(path, sizeof path, "%s/%s", argv[i], e->d_name) < (int)sizeof path)
                failed |= feed(path);
        }
        if (d)
            closedir(d);
    }
    return failed;
}
