/* A folder of the test's own beneath /tmp, removed with all that is in it when the program ends. */
#pragma once

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch_root[64];
static pid_t scratch_owner;

static int scratch_drop(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void scratch_remove(void)
{
    if (getpid() == scratch_owner) /* a forked child that exits has none */
        nftw(scratch_root, scratch_drop, 32, FTW_DEPTH | FTW_PHYS);
}

/* `out` gets the path of a new empty folder. */
static void scratch_folder(char *out, size_t size)
{
    static int count;
    if (scratch_owner == 0) {
        scratch_owner = getpid();
        strcpy(scratch_root, "/tmp/certwright-test-XXXXXX");
        if (mkdtemp(scratch_root) == NULL)
            abort();
        atexit(scratch_remove);
    }
    snprintf(out, size, "%s/%d", scratch_root, count++);
    if (mkdir(out, 0700) != 0)
        abort();
}
