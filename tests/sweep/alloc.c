/* Lets a program's n-th allocation fail: preloaded, it counts malloc, calloc, realloc and the like over all threads, those of the
 * libraries as well as the program's own, from when its libraries are loaded.
 *
 *   ALLOC_LOG=FILE [ALLOC_AT=N] LD_PRELOAD=alloc.so COMMAND...
 *
 * FILE gets "total N own M" when the program ends by exit (own: asked for by the program's own code), and "hit N SIZE WHERE" when the
 * N-th failed. Programs that the command starts are left alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *(*next_malloc)(size_t);
static void *(*next_calloc)(size_t, size_t);
static void *(*next_realloc)(void *, size_t);
static void *(*next_reallocarray)(void *, size_t, size_t);
static int (*next_posix_memalign)(void **, size_t, size_t);
static void *(*next_aligned_alloc)(size_t, size_t);

static atomic_ulong count, own;
static unsigned long fail_at;
static atomic_bool counting;
static int log_fd = -1;
static uintptr_t own_from, own_to;
static pid_t own_pid;

static void find_all(void)
{
    next_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
    next_calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
    next_realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
    next_reallocarray = (void *(*)(void *, size_t, size_t))dlsym(RTLD_NEXT, "reallocarray");
    next_posix_memalign = (int (*)(void **, size_t, size_t))dlsym(RTLD_NEXT, "posix_memalign");
    next_aligned_alloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "aligned_alloc");
}

/* The first object is the program itself. */
static int note_program(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size, (void)arg;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_X) != 0) {
            own_from = info->dlpi_addr + part->p_vaddr;
            own_to = own_from + part->p_memsz;
        }
    }
    return 1;
}

__attribute__((constructor)) static void begin(void)
{
    const char *log = getenv("ALLOC_LOG"), *at = getenv("ALLOC_AT");
    if (next_malloc == NULL)
        find_all();
    if (log == NULL)
        return;
    log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    fail_at = at != NULL ? strtoul(at, NULL, 10) : 0;
    dl_iterate_phdr(note_program, NULL);
    unsetenv("LD_PRELOAD");
    unsetenv("ALLOC_LOG");
    own_pid = getpid();
    counting = true;
}

static void say(const char *format, unsigned long first, unsigned long second, const char *where)
{
    char line[300];
    int length = snprintf(line, sizeof line, format, first, second, where);
    if (write(log_fd, line, (size_t)length) < 0)
        _exit(99);
}

__attribute__((destructor)) static void end(void)
{
    if (counting && getpid() == own_pid)
        say("total %lu own %lu%s\n", count, own, "");
}

/* Whether this one fails. */
static bool fails(size_t size, void *caller)
{
    if (!counting)
        return false;
    bool ours = (uintptr_t)caller >= own_from && (uintptr_t)caller < own_to;
    own += ours;
    if (atomic_fetch_add(&count, 1) + 1 != fail_at || getpid() != own_pid)
        return false;
    Dl_info info = {0};
    char where[200];
    dladdr(caller, &info);
    snprintf(where, sizeof where, "%s %s+%lx", info.dli_fname != NULL ? info.dli_fname : "?",
             info.dli_sname != NULL ? info.dli_sname : "",
             (unsigned long)((uintptr_t)caller - (uintptr_t)info.dli_fbase));
    say("hit %lu %lu %s\n", fail_at, size, where);
    errno = ENOMEM;
    return true;
}

#define CALLER __builtin_return_address(0)

void *malloc(size_t size)
{
    if (next_malloc == NULL)
        find_all();
    return fails(size, CALLER) ? NULL : next_malloc(size);
}

void *calloc(size_t items, size_t size)
{
    if (next_calloc == NULL)
        find_all();
    return fails(items * size, CALLER) ? NULL : next_calloc(items, size);
}

void *realloc(void *memory, size_t size)
{
    if (next_realloc == NULL)
        find_all();
    return fails(size, CALLER) ? NULL : next_realloc(memory, size);
}

void *reallocarray(void *memory, size_t items, size_t size)
{
    if (next_reallocarray == NULL)
        find_all();
    return fails(items * size, CALLER) ? NULL : next_reallocarray(memory, items, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    if (next_posix_memalign == NULL)
        find_all();
    return fails(size, CALLER) ? ENOMEM : next_posix_memalign(out, alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    if (next_aligned_alloc == NULL)
        find_all();
    return fails(size, CALLER) ? NULL : next_aligned_alloc(alignment, size);
}
