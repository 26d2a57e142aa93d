#include "base/fatal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <openssl/crypto.h>

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
