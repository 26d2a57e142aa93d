/* The journal of paid steps and keys, whatever somebody made of it. An entry only counts when its seal opens, so the input says
 * what stands in the file, piece by piece: bytes as they are, or what an entry holds, which is sealed here. What is read is
 * written and reads the same again.
 *
 *   piece: kind (1)  length (2, high first)  bytes */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/seal.h"
#include "controller/state_journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PIECE_RAW, PIECE_SEALED, PIECE_SEALED_BEFORE, PIECE_SEALED_BY_OTHERS, PIECE_KINDS };

static struct seal *keys[3]; /* the one in use, a former one, a stranger's */
static const struct span associated = {JOURNAL_ASSOCIATED, sizeof JOURNAL_ASSOCIATED - 1};

static void must(bool ok)
{
    if (!ok)
        abort();
}

static bool same(struct span a, struct span b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

struct seen {
    const struct keyring *ring;
    const struct journal_entry *before; /* NULL: the first reading */
    int64_t entries;
    size_t bytes;
};

static bool visit(const struct journal_entry *entry, void *arg)
{
    struct seen *seen = arg;
    seen->entries++;
    for (size_t i = 0; i < entry->count; i++)
        seen->bytes += entry->rows[i].key.length + entry->rows[i].value.length;
    if (seen->before != NULL) {
        const struct journal_entry *was = seen->before;
        must(entry->revision == was->revision && entry->paid == was->paid && entry->time == was->time && entry->count == was->count &&
             memcmp(entry->installation, was->installation, sizeof was->installation) == 0);
        for (size_t i = 0; i < entry->count; i++)
            must(entry->rows[i].put == was->rows[i].put && same(entry->rows[i].key, was->rows[i].key) &&
                 same(entry->rows[i].value, was->rows[i].value));
        return true;
    }
    AUTO(arena) struct arena *arena = arena_create();
    struct buffer again = {0};
    struct error err = {0};
    struct journal_summary summary;
    struct seen once = {.ring = seen->ring, .before = entry};
    buffer_puts(&again, JOURNAL_HEADER);
    must(journal_frame(entry, keys[0], arena, &again, &err));
    journal_read_bytes(span_of(again.data, again.length), seen->ring, visit, &once, &summary);
    must(once.entries == 1 && summary.entries == 1 && !summary.broken && summary.revision == entry->revision);
    buffer_release(&again);
    return true;
}

static void put_piece(struct buffer *file, unsigned kind, struct span piece, struct arena *arena)
{
    struct span sealed;
    struct error err = {0};
    if (kind == PIECE_RAW) {
        buffer_append(file, piece.data, piece.length);
        return;
    }
    must(seal_close(keys[kind - PIECE_SEALED], associated, piece, arena, &sealed, &err));
    for (int shift = 24; shift >= 0; shift -= 8)
        buffer_putc(file, (char)(unsigned char)(sealed.length >> shift));
    buffer_append(file, sealed.data, sealed.length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (unsigned char i = 0; i < 3 && keys[i] == NULL; i++) {
        unsigned char bytes[32] = {(unsigned char)(i + 1)};
        keys[i] = seal_from_bytes(bytes);
    }
    const struct keyring ring = {.keys = {keys[0], keys[1]}, .files = {"now", "before"}, .count = 2};
    AUTO(arena) struct arena *arena = arena_create();
    struct buffer file = {0};
    while (size >= 3) {
        size_t length = (size_t)data[1] << 8 | data[2];
        length = length < size - 3 ? length : size - 3;
        put_piece(&file, data[0] % PIECE_KINDS, span_of((const char *)data + 3, length), arena);
        data += 3 + length;
        size -= 3 + length;
    }
    char *exact = malloc(file.length > 0 ? file.length : 1); /* exactly as long, so that the sanitizer sees a step over the end */
    if (file.length > 0)
        memcpy(exact, file.data, file.length);
    struct seen seen = {.ring = &ring};
    struct journal_summary summary;
    journal_read_bytes(span_of(exact, file.length), &ring, visit, &seen, &summary);
    must(summary.there && summary.entries == seen.entries && seen.bytes <= file.length);
    free(exact);
    buffer_release(&file);
    return 0;
}
