/* The calls that files and folders are made with, each of which can be made to fail: see failing.h. */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "failing.h"

FAILING(int, -1, rename, (const char *a, const char *b), a, b)
FAILING(int, -1, renameat, (int a, const char *b, int c, const char *d), a, b, c, d)
FAILING(int, -1, renameat2, (int a, const char *b, int c, const char *d, unsigned e), a, b, c, d, e)
FAILING(int, -1, link, (const char *a, const char *b), a, b)
FAILING(int, -1, symlinkat, (const char *a, int b, const char *c), a, b, c)
FAILING(ssize_t, -1, readlink, (const char *a, char *b, size_t c), a, b, c)
FAILING(ssize_t, -1, readlinkat, (int a, const char *b, char *c, size_t d), a, b, c, d)
FAILING(int, -1, unlinkat, (int a, const char *b, int c), a, b, c)
FAILING(int, -1, mkdirat, (int a, const char *b, mode_t c), a, b, c)
FAILING(int, -1, ftruncate, (int a, off_t b), a, b)
FAILING(int, -1, fallocate, (int a, int b, off_t c, off_t d), a, b, c, d)
FAILING(int, -1, flock, (int a, int b), a, b)
FAILING(int, -1, fchmod, (int a, mode_t b), a, b)
FAILING(int, -1, fchown, (int a, uid_t b, gid_t c), a, b, c)
FAILING(int, -1, utimensat, (int a, const char *b, const struct timespec c[2], int d), a, b, c, d)
FAILING(int, -1, stat, (const char *a, struct stat *b), a, b)
FAILING(int, -1, lstat, (const char *a, struct stat *b), a, b)
FAILING(int, -1, fstat, (int a, struct stat *b), a, b)
FAILING(int, -1, fstatat, (int a, const char *b, struct stat *c, int d), a, b, c, d)
FAILING(int, -1, statx, (int a, const char *b, int c, unsigned d, struct statx *e), a, b, c, d, e)
FAILING(int, -1, statvfs, (const char *a, struct statvfs *b), a, b)
FAILING(ssize_t, -1, read, (int a, void *b, size_t c), a, b, c)
FAILING(ssize_t, -1, pread, (int a, void *b, size_t c, off_t d), a, b, c, d)
FAILING(ssize_t, -1, write, (int a, const void *b, size_t c), a, b, c)
FAILING(ssize_t, -1, pwrite, (int a, const void *b, size_t c, off_t d), a, b, c, d)
FAILING(DIR *, NULL, opendir, (const char *a), a)
FAILING(DIR *, NULL, fdopendir, (int a), a)
FAILING(struct dirent *, NULL, readdir, (DIR * a), a)
FAILING(ssize_t, -1, getdents64, (int a, void *b, size_t c), a, b, c)
FAILING(FILE *, NULL, fopen, (const char *a, const char *b), a, b)

/* No power cut is played here, so nothing need reach a disk. */
int fsync(int fd)
{
    (void)fd;
    return FAILS(SYSTEM_CALLS, "fsync") ? -1 : 0;
}

int fdatasync(int fd)
{
    (void)fd;
    return FAILS(SYSTEM_CALLS, "fdatasync") ? -1 : 0;
}

/* Maps of files alone: memory is another matter. */
void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t from)
{
    if (fd >= 0 && FAILS(SYSTEM_CALLS, "mmap"))
        return MAP_FAILED;
    return NEXT(mmap)(at, length, protection, flags, fd, from);
}

int openat(int at_fd, const char *name, int flags, ...);
int openat(int at_fd, const char *name, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    int mode = va_arg(more, int);
    va_end(more);
    return FAILS(SYSTEM_CALLS, "openat") ? -1 : NEXT(openat)(at_fd, name, flags, mode);
}

int open(const char *name, int flags, ...);
int open(const char *name, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    int mode = va_arg(more, int);
    va_end(more);
    size_t length = strlen(name);
    failing_over = failing_over || (length > 5 && strcmp(name + length - 5, ".gcda") == 0);
    return FAILS(SYSTEM_CALLS, "open") ? -1 : NEXT(open)(name, flags, mode);
}

int fcntl(int fd, int command, ...);
int fcntl(int fd, int command, ...)
{
    va_list more;
    va_start(more, command);
    void *argument = va_arg(more, void *);
    va_end(more);
    return FAILS(SYSTEM_CALLS, "fcntl") ? -1 : NEXT(fcntl)(fd, command, argument);
}

static __attribute__((unused)) bool in_disguise; /* whoever changes the user gets a yes and stays */

/* Calls that have no function of their own, or whose function the product goes around. */
long syscall(long number, ...)
{
    static const struct {
        long number;
        const char *name;
        bool changes_user;
    } known[] = {{SYS_openat2, "openat2", false},         {SYS_pidfd_open, "pidfd_open", false},
                 {SYS_close_range, "close_range", false}, {SYS_setgroups, "setgroups", true},
                 {SYS_setresgid, "setresgid", true},      {SYS_setresuid, "setresuid", true}};
    long given[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        given[i] = va_arg(list, long);
    va_end(list);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].number != number)
            continue;
        if (FAILS(SYSTEM_CALLS, known[i].name))
            return -1;
        if (known[i].changes_user && in_disguise)
            return 0;
    }
    return NEXT(syscall)(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}
