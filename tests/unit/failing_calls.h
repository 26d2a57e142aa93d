/* One call of the system, or of a library, that fails once: own definitions stand before the C library's. The fault is armed
 * for the calling thread (far sides in other threads go on well) and for children that it forks. */
#pragma once

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static __thread struct {
    const char *name; /* NULL: all is well */
    int at, code;     /* the so-manieth call of that name from now on fails with this errno */
    int calls;
} fault;
static bool *fault_hit; /* shared with children */

static void fault_arm(const char *name, int at, int code)
{
    if (fault_hit == NULL)
        fault_hit = mmap(NULL, sizeof *fault_hit, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (fault_hit == MAP_FAILED)
        abort();
    *fault_hit = false;
    fault.at = at;
    fault.code = code;
    fault.calls = 0;
    fault.name = name;
}

/* True: it came to the call. */
__attribute__((unused)) static bool fault_disarm(void)
{
    fault.name = NULL;
    return *fault_hit;
}

static bool fault_here(const char *name)
{
    if (fault.name == NULL || strcmp(fault.name, name) != 0 || ++fault.calls != fault.at)
        return false;
    *fault_hit = true;
    errno = fault.code;
    return true;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
/* FAILING(int, fsync, (int fd), -1, fd) */
#define FAILING(result, name, parameters, failed, ...) \
    result name parameters; \
    result name parameters { return fault_here(#name) ? (result)(failed) : NEXT(name)(__VA_ARGS__); }
