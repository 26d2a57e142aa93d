/* Linked into the programs of a coverage build only: whoever shuts itself in could not write its counts down, and whoever ends by
 * _exit would not. So what shuts in says yes and does nothing, and _exit writes first. */
#include <seccomp.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534
#ifndef SYS_landlock_restrict_self
#define SYS_landlock_restrict_self 446
#endif

void __gcov_dump(void);
_Noreturn void __real__exit(int code);
_Noreturn void __wrap__exit(int code);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
int __real_setrlimit(int what, const struct rlimit *limit);
int __wrap_setrlimit(int what, const struct rlimit *limit);
int __wrap_seccomp_load(scmp_filter_ctx filter);

_Noreturn void __wrap__exit(int code)
{
    __gcov_dump();
    __real__exit(code);
}

long __wrap_syscall(long number, ...)
{
    long given[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        given[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_landlock_restrict_self ||
        ((number == SYS_setresuid || number == SYS_setresgid) && given[0] == NOBODY))
        return 0;
    return __real_syscall(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

int __wrap_setrlimit(int what, const struct rlimit *limit)
{
    return what == RLIMIT_CORE ? __real_setrlimit(what, limit) : 0;
}

int __wrap_seccomp_load(scmp_filter_ctx filter)
{
    (void)filter;
    return 0;
}
