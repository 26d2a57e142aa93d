/* certwright-parse: reads manifests for certwright, and can do nothing else.
 *
 * Standard input is one end of a socket. Batches of files come in as bytes, answers go out (schema/parsed.h); before the
 * first, this process gives up everything that reading YAML does not need (base/confine.h). A file that makes it end, by
 * a fault or by a limit, ends it alone: certwright starts another one. */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/confine.h"
#include "schema/parsed.h"

#define FLUSH_BYTES (256 * 1024)

static bool read_whole(void *out, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = read(STDIN_FILENO, (char *)out + done, size - done);
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static bool write_whole(const void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t put = write(STDIN_FILENO, (const char *)data + done, size - done);
        if (put < 0 && errno != EINTR)
            return false;
        done += put > 0 ? (size_t)put : 0;
    }
    return true;
}

static bool answer(const char *bytes, const struct parsed_batch *batch, struct arena *arena, struct buffer *out)
{
    const char *at = bytes, *end = bytes + batch->length;
    for (uint32_t i = 0; i < batch->files; i++) {
        uint32_t length;
        if ((size_t)(end - at) < sizeof length)
            return false;
        memcpy(&length, at, sizeof length);
        at += sizeof length;
        if ((size_t)(end - at) < length)
            return false;
        size_t head = out->length;
        buffer_append(out, &length, sizeof length); /* its place */
        parsed_encode(&batch->limits, span_of(at, length), batch->trees == 1, arena, out);
        uint32_t said = (uint32_t)(out->length - head - sizeof said);
        memcpy(out->data + head, &said, sizeof said);
        arena_reset(arena);
        at += length;
        if (out->length >= FLUSH_BYTES) {
            if (!write_whole(out->data, out->length))
                return false;
            buffer_clear(out);
        }
    }
    bool ok = at == end && write_whole(buffer_text(out), out->length);
    buffer_clear(out);
    return ok;
}

static int compare_nothing(const void *a, const void *b)
{
    (void)a, (void)b;
    return 0;
}

/* Everything that a library or the C runtime does once, with files or with memory that runs: while it still may. */
static void warm_up(struct arena *arena)
{
    struct buffer out = {0};
    char many[4096] = {0};
    tzset(); /* timegm looks for a time zone first */
    qsort(many, sizeof many / 8, 8, compare_nothing); /* the C library asks how much memory there is when it sorts a KiB or more */
    parsed_encode(&yaml_limits_default, span_of(PARSED_SAMPLE, sizeof PARSED_SAMPLE - 1), true, arena, &out);
    buffer_release(&out);
    arena_reset(arena);
}

static bool greet(int cpu_s, int memory_mib)
{
    struct confinement found;
    struct parsed_hello hello = {.magic = PARSED_MAGIC};
    confine_reader(cpu_s, memory_mib, &found);
    snprintf(hello.version, sizeof hello.version, "%s", CERTWRIGHT_VERSION);
    hello.calls = found.calls;
    hello.landlock = (uint32_t)found.landlock;
    hello.user = found.user;
    hello.limits = found.limits;
    return write_whole(&hello, sizeof hello);
}

/* Arguments: seconds of processor time and MiB of memory in its life. certwright starts another one before that is near. */
int main(int argc, char **argv)
{
    struct arena *arena = arena_create();
    struct buffer out = {0};
    struct parsed_batch batch;
    char *bytes = malloc(PARSED_BATCH_MAX);
    setlocale(LC_CTYPE, ""); /* patterns count characters as certwright does */
    int cpu_s = argc == 3 ? atoi(argv[1]) : 0, memory_mib = argc == 3 ? atoi(argv[2]) : 0;
    if (isatty(STDIN_FILENO) || bytes == NULL || cpu_s <= 0 || memory_mib <= 0) {
        fputs("certwright-parse is started by certwright, which gives it the files to read\n", stderr);
        _exit(64);
    }
    warm_up(arena);
    if (greet(cpu_s, memory_mib))
        while (read_whole(&batch, sizeof batch) && batch.length <= PARSED_BATCH_MAX && yaml_limits_valid(&batch.limits) &&
               read_whole(bytes, batch.length) && answer(bytes, &batch, arena, &out))
            ;
    _exit(0); /* nothing to clean up, and no leave to */
}
