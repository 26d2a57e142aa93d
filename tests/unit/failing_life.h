/* Calls of the system and of LMDB of which the n-th fails: this program's definitions stand before the libraries' own. What counts and
 * what fails is shared with the children of a life, so that a check in a child is met as well. One source of a program includes this. */
#pragma once

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum failing_calls { NO_CALLS = 0, SYSTEM_CALLS = 1, STORE_CALLS = 2, SECRET_COMMITS = 4 };

static struct failing {
    enum failing_calls which; /* count, and fail */
    int call, calls;          /* which of them; how many there were */
    int number;               /* what it fails with */
    bool hit;
    const char *name; /* of the one that failed */
} *failing;
static bool failing_over; /* this process writes its counts and ends */

static inline void failing_well(void)
{
    if (failing != NULL)
        failing->which = NO_CALLS;
}

static inline bool fails(enum failing_calls group, const char *name)
{
    if (failing == NULL || failing_over || !(failing->which & group) ||
        __atomic_add_fetch(&failing->calls, 1, __ATOMIC_SEQ_CST) != failing->call)
        return false;
    failing->hit = true;
    failing->name = name;
    errno = failing->number;
    return true;
}

#define FAILING_NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAILING(result, failed, name, parameters, ...) \
    result name parameters; \
    result name parameters \
    { \
        static __typeof__(&name) next; \
        if (next == NULL) \
            next = FAILING_NEXT(name); \
        return fails(SYSTEM_CALLS, #name) ? (failed) : next(__VA_ARGS__); \
    }

/* ---- the system's ---- */

FAILING(int, -1, rename, (const char *a, const char *b), a, b)
FAILING(int, -1, renameat, (int a, const char *b, int c, const char *d), a, b, c, d)
FAILING(int, -1, renameat2, (int a, const char *b, int c, const char *d, unsigned e), a, b, c, d, e)
FAILING(int, -1, link, (const char *a, const char *b), a, b)
FAILING(int, -1, unlinkat, (int a, const char *b, int c), a, b, c)
FAILING(int, -1, mkdirat, (int a, const char *b, mode_t c), a, b, c)
FAILING(int, -1, ftruncate, (int a, off_t b), a, b)
FAILING(int, -1, fallocate, (int a, int b, off_t c, off_t d), a, b, c, d)
FAILING(int, -1, flock, (int a, int b), a, b)
FAILING(int, -1, fchmod, (int a, mode_t b), a, b)
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
FAILING(int, -1, pipe2, (int a[2], int b), a, b)
FAILING(pid_t, -1, fork, (void))
FAILING(DIR *, NULL, opendir, (const char *a), a)
FAILING(DIR *, NULL, fdopendir, (int a), a)
FAILING(ssize_t, -1, getdents64, (int a, void *b, size_t c), a, b, c)
FAILING(int, -1, socketpair, (int a, int b, int c, int d[2]), a, b, c, d)
FAILING(ssize_t, -1, recv, (int a, void *b, size_t c, int d), a, b, c, d)
FAILING(int, -1, poll, (struct pollfd *a, nfds_t b, int c), a, b, c)
FAILING(int, failing->number, posix_spawn,
        (pid_t *a, const char *b, const posix_spawn_file_actions_t *c, const posix_spawnattr_t *d, char *const e[], char *const f[]),
        a, b, c, d, e, f)
FAILING(FILE *, NULL, fopen, (const char *a, const char *b), a, b)

/* No power cut is played here, so nothing need reach a disk. */
int fsync(int fd)
{
    (void)fd;
    return fails(SYSTEM_CALLS, "fsync") ? -1 : 0;
}

int fdatasync(int fd)
{
    (void)fd;
    return fails(SYSTEM_CALLS, "fdatasync") ? -1 : 0;
}

/* Maps of files alone: memory is another matter. */
void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t from)
{
    return fd >= 0 && fails(SYSTEM_CALLS, "mmap") ? MAP_FAILED
                                                  : FAILING_NEXT(mmap)(at, length, protection, flags, fd, from);
}

/* The counts of the coverage build are written as a process ends: they are no part of a life. */
static inline void failing_look_at(const char *path)
{
    size_t length = strlen(path);
    failing_over = failing_over || (length > 5 && strcmp(path + length - 5, ".gcda") == 0);
}

int openat(int at_fd, const char *name, int flags, ...);
int openat(int at_fd, const char *name, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    int mode = va_arg(more, int);
    va_end(more);
    return fails(SYSTEM_CALLS, "openat") ? -1 : FAILING_NEXT(openat)(at_fd, name, flags, mode);
}

int open(const char *name, int flags, ...);
int open(const char *name, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    int mode = va_arg(more, int);
    va_end(more);
    failing_look_at(name);
    return fails(SYSTEM_CALLS, "open") ? -1 : FAILING_NEXT(open)(name, flags, mode);
}

int fcntl(int fd, int command, ...);
int fcntl(int fd, int command, ...)
{
    va_list more;
    va_start(more, command);
    void *argument = va_arg(more, void *);
    va_end(more);
    return fails(SYSTEM_CALLS, "fcntl") ? -1 : FAILING_NEXT(fcntl)(fd, command, argument);
}

/* openat2 has no function of its own. */
long syscall(long number, ...)
{
    long given[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        given[i] = va_arg(list, long);
    va_end(list);
    return number == SYS_openat2 && fails(SYSTEM_CALLS, "openat2")
               ? -1
               : FAILING_NEXT(syscall)(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

/* ---- lives ---- */

struct failing_life {
    void (*begin)(void); /* makes a world, while all is well */
    void (*life)(void);
    void (*judge)(void); /* looks at what is left of it, when all is well again */
};

static inline bool one_call_fails(const struct failing_life *of, enum failing_calls which, int call, int number)
{
    jmp_buf outer;
    memcpy(&outer, &check_escape, sizeof outer);
    bool passed = setjmp(check_escape) == 0;
    if (passed) {
        of->begin();
        *failing = (struct failing){.which = which, .call = call, .number = number};
        of->life();
        failing_well();
        of->judge();
    } else {
        failing_well();
        fprintf(stderr, "  after call %d, %s, failed with %d (%s)\n", call, failing->hit ? failing->name : "none", number,
                strerror(number));
    }
    memcpy(&check_escape, &outer, sizeof outer);
    return passed;
}

/* The n-th call of a group fails, for each n until a life has fewer; for every `stride`-th one unless CERTWRIGHT_EVERY_CALL is set.
 * Gives the last n. */
static inline int each_call_fails(const struct failing_life *of, enum failing_calls which, const int *errors, int error_count,
                                  int stride)
{
    if (failing == NULL)
        failing = FAILING_NEXT(mmap)(NULL, sizeof *failing, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (getenv("CERTWRIGHT_EVERY_CALL") != NULL)
        stride = 1;
    int n = 1 - stride, failed = 0;
    do {
        n += stride;
        failed += !one_call_fails(of, which, n, errors[n / stride % error_count]);
    } while (failing->hit && failed < 5);
    CHECK_INT(failed, 0);
    return n;
}
