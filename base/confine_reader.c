/* The confinement of a process that reads foreign bytes (reliability.md 9.2). It stands apart from confine.c so that only
 * the program which needs libseccomp links it. */
#include "base/confine.h"

#include <errno.h>
#include <grp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <seccomp.h>

#include "base/confine_internal.h"
#include "base/text.h"

#define NOBODY 65534

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* Read, write, memory without execution, end. */
static const int allowed[] = {
    SCMP_SYS(read),         SCMP_SYS(write),  SCMP_SYS(brk),           SCMP_SYS(munmap),        SCMP_SYS(mremap),
    SCMP_SYS(madvise),      SCMP_SYS(futex),  SCMP_SYS(clock_gettime), SCMP_SYS(getrandom),     SCMP_SYS(rt_sigreturn),
    SCMP_SYS(restart_syscall), SCMP_SYS(exit), SCMP_SYS(exit_group),
};
/* The runtime of a sanitizer asks for more on its own: to guard its stacks, and to print a finding before it ends the
 * process. Such a build is for tests and is never installed. */
static const int allowed_to_sanitizers[] = {
    SCMP_SYS(mprotect),    SCMP_SYS(sigaltstack), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(sched_yield),
    SCMP_SYS(getpid),      SCMP_SYS(gettid),      SCMP_SYS(tgkill),       SCMP_SYS(getrlimit),      SCMP_SYS(prlimit64),
    SCMP_SYS(prctl),       SCMP_SYS(nanosleep),   SCMP_SYS(clock_nanosleep), SCMP_SYS(sysinfo),     SCMP_SYS(sched_getaffinity),
};
/* What it tries and can do without: refused, not ended. */
static const int refused_to_sanitizers[] = {
    SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(stat),  SCMP_SYS(newfstatat),
    SCMP_SYS(fstat), SCMP_SYS(close), SCMP_SYS(lseek),    SCMP_SYS(getrusage),  SCMP_SYS(ioctl), SCMP_SYS(clone),
    SCMP_SYS(clone3), SCMP_SYS(pipe), SCMP_SYS(pipe2),    SCMP_SYS(uname),      SCMP_SYS(socket),
};

static bool allow_calls(scmp_filter_ctx filter)
{
    bool ok = true;
    for (size_t i = 0; i < COUNT_OF(allowed); i++)
        ok = ok && seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0) == 0;
    if (SANITIZED) {
        for (size_t i = 0; i < COUNT_OF(allowed_to_sanitizers); i++)
            ok = ok && seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_to_sanitizers[i], 0) == 0;
        for (size_t i = 0; i < COUNT_OF(refused_to_sanitizers); i++)
            ok = ok && seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), refused_to_sanitizers[i], 0) == 0;
        return ok && seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 0) == 0;
    }
    /* New memory, of no file, that is never code. */
    return ok && seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
                                  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                                  SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS)) == 0;
}

static bool confine_calls(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (filter == NULL)
        return false;
    bool ok = allow_calls(filter) && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return ok;
}

static bool limit(enum __rlimit_resource what, uint64_t most)
{
    struct rlimit now;
    if (getrlimit(what, &now) != 0)
        return false;
    if (now.rlim_max != RLIM_INFINITY && now.rlim_max < most)
        most = now.rlim_max; /* somebody was stricter */
    return setrlimit(what, &(struct rlimit){most, most}) == 0;
}

/* Only root can become somebody else; and in some containers not even root. Raw calls: there is one thread. */
static bool become_nobody(void)
{
    return geteuid() == 0 && syscall(SYS_setgroups, (size_t)0, NULL) == 0 &&
           syscall(SYS_setresgid, NOBODY, NOBODY, NOBODY) == 0 && syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY) == 0;
}

void confine_reader(int cpu_s, int memory_mib, struct confinement *out)
{
    *out = (struct confinement){0};
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    out->limits = limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_CPU, (uint64_t)cpu_s) &&
                  (SANITIZED || limit(RLIMIT_AS, (uint64_t)memory_mib << 20)); /* a sanitizer's shadow takes terabytes of addresses */
    out->user = become_nobody();
    out->landlock = confine_from_everything();
    out->calls = confine_calls();
}
