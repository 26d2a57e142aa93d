/* The calls that files and folders are made with, each of which can be made to fail, or to be late: what somebody else does
 * just before it is done by `meanwhile`. Including this replaces them in the whole test program. */
#pragma once

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int failing_call, failing_errno, calls; /* which one from now on; 0: all work */
static const char *failing_name;               /* only calls of this name count; NULL: all */
static bool failing_on;                        /* those after it fail too */
static void (*meanwhile)(void);                /* instead of failing */
static bool hit;

static inline void well(void) { failing_call = 0; }

static inline void fail_all(int error)
{
    calls = 0;
    failing_name = NULL;
    failing_on = false;
    meanwhile = NULL;
    hit = false;
    failing_errno = error;
}

/* From now on the n-th call of this name fails with `error`. */
static inline void fail_at(const char *name, int n, int error)
{
    fail_all(error);
    failing_name = name;
    failing_call = n;
}

/* Just before the n-th call of this name somebody does something. */
static inline void happens_before(const char *name, int n, void (*what)(void))
{
    fail_at(name, n, 0);
    meanwhile = what;
}

static bool fails(const char *name)
{
    if (failing_call == 0 || (failing_name != NULL && strcmp(name, failing_name) != 0))
        return false;
    calls++;
    if (calls != failing_call && !(failing_on && calls > failing_call))
        return false;
    hit = true;
    if (meanwhile != NULL) {
        well();
        meanwhile();
        return false;
    }
    errno = failing_errno;
    return true;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAILING(result, name, parameters, ...) \
    result name parameters; \
    result name parameters { return fails(#name) ? (result)-1 : NEXT(name)(__VA_ARGS__); }

FAILING(int, renameat2, (int a, const char *b, int c, const char *d, unsigned e), a, b, c, d, e)
FAILING(int, symlinkat, (const char *a, int b, const char *c), a, b, c)
FAILING(int, unlinkat, (int a, const char *b, int c), a, b, c)
FAILING(int, mkdirat, (int a, const char *b, mode_t c), a, b, c)
FAILING(int, fsync, (int a), a)
FAILING(int, fchmod, (int a, mode_t b), a, b)
FAILING(int, fchown, (int a, uid_t b, gid_t c), a, b, c)
FAILING(int, fstat, (int a, struct stat *b), a, b)
FAILING(int, fstatat, (int a, const char *b, struct stat *c, int d), a, b, c, d)
FAILING(int, utimensat, (int a, const char *b, const struct timespec c[2], int d), a, b, c, d)
FAILING(ssize_t, readlinkat, (int a, const char *b, char *c, size_t d), a, b, c, d)
FAILING(ssize_t, write, (int a, const void *b, size_t c), a, b, c)
FAILING(ssize_t, read, (int a, void *b, size_t c), a, b, c)
FAILING(ssize_t, pread, (int a, void *b, size_t c, off_t d), a, b, c, d)

int openat(int at_fd, const char *name, int flags, ...);
int openat(int at_fd, const char *name, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    int mode = va_arg(more, int);
    va_end(more);
    return fails("openat") ? -1 : NEXT(openat)(at_fd, name, flags, mode);
}

int open(const char *name, int flags, ...);
int open(const char *name, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    int mode = va_arg(more, int);
    va_end(more);
    return fails("open") ? -1 : NEXT(open)(name, flags, mode);
}

int fcntl(int fd, int what, ...);
int fcntl(int fd, int what, ...)
{
    va_list more;
    va_start(more, what);
    long value = va_arg(more, long);
    va_end(more);
    return fails("fcntl") ? -1 : NEXT(fcntl)(fd, what, value);
}

DIR *fdopendir(int fd)
{
    return fails("fdopendir") ? NULL : NEXT(fdopendir)(fd);
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
    return number == SYS_openat2 && fails("openat2")
               ? -1
               : NEXT(syscall)(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

/* These give what went wrong. */
int getpwnam_r(const char *name, struct passwd *out, char *room, size_t size, struct passwd **found)
{
    *found = NULL;
    return fails("getpwnam_r") ? failing_errno : NEXT(getpwnam_r)(name, out, room, size, found);
}

int getgrnam_r(const char *name, struct group *out, char *room, size_t size, struct group **found)
{
    *found = NULL;
    return fails("getgrnam_r") ? failing_errno : NEXT(getgrnam_r)(name, out, room, size, found);
}
