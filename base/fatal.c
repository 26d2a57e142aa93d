#include "base/fatal.h"

#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

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
