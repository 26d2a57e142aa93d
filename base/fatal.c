#include "base/fatal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/clock.h"

/* Without the C library's buffers, which may want memory of their own; without abort, whose dump would hold secrets. */
_Noreturn void fatal(const char *words)
{
    struct iovec line[] = {{(char *)"certwright: ", 12}, {(char *)words, strlen(words)}, {(char *)"\n", 1}};
    ssize_t written = writev(STDERR_FILENO, line, 3);
    (void)written;
    _exit(EXIT_NO_MEMORY);
}

_Noreturn void fatal_memory(void)
{
    fatal("out of memory; it ends here and goes on from what is recorded when it is started again");
}

void *fatal_unless(void *memory)
{
    if (memory == NULL)
        fatal_memory();
    return memory;
}

/* OpenSSL asks for nothing at times, and means NULL. */
static void *openssl_malloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return size == 0 ? NULL : fatal_unless(malloc(size));
}

static void openssl_free(void *memory, const char *file, int line)
{
    (void)file, (void)line;
    free(memory);
}

static void *openssl_realloc(void *memory, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    if (size > 0)
        return fatal_unless(realloc(memory, size));
    free(memory);
    return NULL;
}

void fatal_guard_libraries(void)
{
    CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free);
}

/* ---- crashes ---- */

enum { STACK_BYTES = 16 * 1024 }; /* room for the registers of any processor; the C library writes it once in each thread */
static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGABRT};
enum { CRASH_SIGNALS = sizeof crash_signals / sizeof crash_signals[0] };

static struct {
    int directory;
    const char *name;
    pid_t pid; /* a child between fork and exec notes nothing */
    bool on, noted;
    struct sigaction before[CRASH_SIGNALS];
} crash = {.directory = -1};

static size_t put_number(char *out, int64_t number)
{
    char digits[20];
    size_t count = 0, length = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (count > 0)
        out[length++] = digits[--count];
    return length;
}

/* Only what may be called in a signal's handler. */
static void note_crash(int number, siginfo_t *info, void *context)
{
    char line[48];
    (void)context;
    for (size_t i = 0; i < CRASH_SIGNALS; i++)
        sigaction(crash_signals[i], &crash.before[i], NULL); /* a second fault is not ours any more */
    int64_t now = clock_now();
    if (getpid() == crash.pid && !__atomic_exchange_n(&crash.noted, true, __ATOMIC_SEQ_CST)) {
        const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
        int fd = openat(crash.directory, crash.name, flags, 0600);
        if (fd < 0 && close(STDIN_FILENO) == 0) /* no descriptor was left */
            fd = openat(crash.directory, crash.name, flags, 0600);
        size_t length = put_number(line, now > 0 ? now : 0);
        line[length++] = ' ';
        length += put_number(line + length, number);
        line[length++] = '\n';
        ssize_t written = write(fd, line, length);
        (void)written;
    }
    if (info->si_code <= 0) /* sent, not caused by the instruction that is tried again now */
        raise(number);
}

void fatal_note_crashes(int directory, const char *name)
{
    struct sigaction action = {.sa_sigaction = note_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    bool on = directory >= 0;
    crash.directory = directory;
    crash.name = name;
    crash.pid = getpid();
    crash.noted = false;
    if (on)
        fatal_note_stack();
    for (size_t i = 0; i < CRASH_SIGNALS && on != crash.on; i++)
        sigaction(crash_signals[i], on ? &action : &crash.before[i], on ? &crash.before[i] : NULL);
    crash.on = on;
}

void fatal_note_stack(void)
{
    static _Thread_local char space[STACK_BYTES];
    stack_t stack = {.ss_sp = space, .ss_size = sizeof space}, before;
    if (sigaltstack(NULL, &before) == 0 && (before.ss_flags & SS_DISABLE) != 0) /* a sanitizer has one of its own */
        sigaltstack(&stack, NULL);
}
