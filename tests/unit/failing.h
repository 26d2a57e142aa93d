/* Calls of the system, or of a library, that fail: own definitions stand before the libraries'
 * (failing_files.h and its neighbours list them), and count and fail here. One source of a program
 * includes this.
 *
 * Armed is the calling thread, with the children that it forks, each of which counts for itself: far
 * sides in other threads go on well, and a child keeps what it was forked with. A life (failing_life.h)
 * is counted over all its threads and children together instead: there, the n-th call is to be met
 * wherever it is made. */
#pragma once

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum failing_calls {
    NO_CALLS = 0,
    SYSTEM_CALLS = 1,
    STORE_CALLS = 2,    /* LMDB's */
    SECRET_COMMITS = 4, /* a commit to LMDB that says it failed and is there */
    LIBRARY_CALLS = 8,  /* other libraries' */
    CHILD_CALLS = 16,   /* what a child makes before its program, and the wait for it */
    ALL_CALLS = 31,
};

struct failing {
    enum failing_calls which; /* count; NO_CALLS: all is well */
    const char *name;         /* only these of them; NULL: all */
    bool ours;                /* only what our own code calls: OpenSSL comes through here with its own, too */
    int call, calls;          /* which of them fails; how many there were */
    int number;               /* what errno is then, or what a library gives */
    bool on;                  /* those after it fail, too */
    void (*meanwhile)(void);  /* instead of failing: somebody does this just before it */
};

static __thread struct failing failing_here;
static struct failing_shared {
    struct failing life;
    bool hit;           /* it came to the call, here or in a child */
    const char *failed; /* the name of that */
} *failing_shared;
static bool failing_together; /* a life */
static bool failing_over;     /* this process ends and writes its counts of the coverage build */

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static inline struct failing *failing_now(void)
{
    return failing_together ? &failing_shared->life : &failing_here;
}

static inline void fail(struct failing how)
{
    if (failing_shared == NULL)
        failing_shared = NEXT(mmap)(NULL, sizeof *failing_shared, PROT_READ | PROT_WRITE,
                                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (failing_shared == MAP_FAILED)
        abort();
    failing_shared->hit = false;
    failing_shared->failed = NULL;
    *failing_now() = how;
}

/* From now on the n-th call of this name fails with `error`. */
static inline void fail_at(const char *name, int n, int error)
{
    fail((struct failing){.which = ALL_CALLS, .name = name, .call = n, .number = error});
}

/* Just before the n-th call of this name somebody does something. */
static inline void happens_before(const char *name, int n, void (*what)(void))
{
    fail((struct failing){.which = ALL_CALLS, .name = name, .call = n, .meanwhile = what});
}

/* Since it was last armed. */
static inline bool was_hit(void) { return failing_shared != NULL && failing_shared->hit; }

/* All work until failing_again(): what comes between is somebody else's. */
static inline enum failing_calls failing_pause(void)
{
    enum failing_calls which = failing_now()->which;
    failing_now()->which = NO_CALLS;
    return which;
}

static inline void failing_again(enum failing_calls which) { failing_now()->which = which; }

/* All work. True: it had come to the call. */
static inline bool well(void)
{
    failing_pause();
    return was_hit();
}

extern char __executable_start, etext;

static inline bool fails(enum failing_calls which, const char *name, const char *caller)
{
    struct failing *f = failing_now();
    if (!(f->which & which) || failing_over || (f->name != NULL && strcmp(f->name, name) != 0) ||
        (f->ours && (caller < &__executable_start || caller >= &etext)))
        return false;
    int n = __atomic_add_fetch(&f->calls, 1, __ATOMIC_SEQ_CST);
    if (n != f->call && !(f->on && n > f->call))
        return false;
    failing_shared->hit = true;
    failing_shared->failed = name;
    if (f->meanwhile != NULL) {
        well();
        f->meanwhile();
        return false;
    }
    errno = f->number;
    return true;
}

#define FAILS(which, name) fails(which, name, __builtin_return_address(0))

/* FAILING(int, -1, fsync, (int a), a); what a call gives when it fails may be `errno` itself. */
#define FAILING_OF(which, result, failed, name, parameters, ...) \
    result name parameters; \
    result name parameters \
    { \
        static _Atomic(__typeof__(&name)) known; /* far sides call it from their threads */ \
        __typeof__(&name) next = known; \
        if (next == NULL) \
            known = next = NEXT(name); \
        return FAILS(which, #name) ? (failed) : next(__VA_ARGS__); \
    }
#define FAILING(...) FAILING_OF(SYSTEM_CALLS, __VA_ARGS__)
#define FAILING_LIBRARY(...) FAILING_OF(LIBRARY_CALLS, __VA_ARGS__)
#define FAILING_STORE(...) FAILING_OF(STORE_CALLS, int, errno, __VA_ARGS__)
