/* TABLE_FILE: what the manifest files were like and held when they were last read.
 *
 * A row holds a run of files in path order, about 32 of them: each row carries a keyed tag, and one tag for
 * each of 10,000 files would cost more than the whole walk (performance.md G1). A run begins at a file
 * whose path's hash says so, thus a new file changes one row and moves no other border. The key is the path
 * of the run's first file.
 *
 *   row:      format (4) | program (8) | files
 *   file:     flags (1) | holdings (2) | identity (40) | SHA-256 (32) | path, 0 | holdings
 *   holding:  kind (1) | stale (1) | line (4) | digest (32) | namespace, 0 | name, 0
 *
 * Numbers are in the host's order, as all of LMDB's file is; strings and digests are used in place. */
#include "controller/desired_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "controller/state.h"

#define ROW_FORMAT 0x31465743u
#define RUN_MASK 31
#define RUN_BYTES_MAX (64 * 1024)
#define KEY_MAX 480
#define IDENTITY_SIZE (5 * 8)

static_assert(sizeof(struct file_identity) == IDENTITY_SIZE, "the identity is stored as it is");

/* Eight bytes at a time: a byte at a time was a twentieth of a pass over 10,000 files. */
uint64_t path_hash(const char *path, size_t length)
{
    const uint64_t odd = 0x9e3779b97f4a7c15u;
    uint64_t hash = length * odd, word;
    for (; length >= sizeof word; path += sizeof word, length -= sizeof word) {
        memcpy(&word, path, sizeof word);
        hash = (hash ^ word) * odd;
        hash ^= hash >> 32;
    }
    word = 0;
    memcpy(&word, path, length);
    hash = (hash ^ word) * odd;
    return hash ^ hash >> 32;
}

/* What a file means depends on the program that reads it: after an upgrade every file is decoded again,
 * once. */
static uint64_t program(void) { return path_hash(CERTWRIGHT_VERSION, strlen(CERTWRIGHT_VERSION)); }

/* ---- reading ---- */

struct cursor {
    const char *at, *end;
    bool bad;
};

static const void *take(struct cursor *cursor, size_t size)
{
    static const char nothing[64];
    if (cursor->bad || (size_t)(cursor->end - cursor->at) < size) {
        cursor->bad = true;
        return nothing; /* size is at most 40 here */
    }
    const char *at = cursor->at;
    cursor->at += size;
    return at;
}

static const char *take_text(struct cursor *cursor)
{
    const char *zero = cursor->bad ? NULL : memchr(cursor->at, '\0', (size_t)(cursor->end - cursor->at));
    if (zero == NULL) {
        cursor->bad = true;
        return "";
    }
    return take(cursor, (size_t)(zero - cursor->at) + 1);
}

#define TAKE(cursor, variable) memcpy(&(variable), take((cursor), sizeof(variable)), sizeof(variable))

static void take_holding(struct cursor *cursor, struct holding *out)
{
    unsigned char kind, stale;
    uint32_t line;
    TAKE(cursor, kind);
    TAKE(cursor, stale);
    TAKE(cursor, line);
    *out = (struct holding){.kind = kind, .stale = stale != 0, .line = line, .digest = take(cursor, 32)};
    out->namespace_ = take_text(cursor);
    out->name = take_text(cursor);
    if (kind >= KIND_COUNT)
        cursor->bad = true;
}

struct load {
    const char *root;
    size_t root_length;
    struct arena *arena;
    struct file_rows *rows;
    void (*add)(struct manifest_file *file, void *arg);
    void *arg;
};

static bool take_file(const struct load *load, struct cursor *cursor, unsigned more_flags)
{
    struct manifest_file *file = arena_alloc(load->arena, sizeof *file);
    unsigned char flags;
    uint16_t count;
    TAKE(cursor, flags);
    TAKE(cursor, count);
    TAKE(cursor, file->identity);
    file->content = take(cursor, 32);
    const char *relative = take_text(cursor);
    if (cursor->bad)
        return false;
    size_t length = strlen(relative);
    char *path = arena_alloc(load->arena, load->root_length + length + 1);
    memcpy(path, load->root, load->root_length);
    memcpy(path + load->root_length, relative, length + 1);
    file->path = path;
    file->length = (unsigned)(load->root_length + length);
    file->flags = (flags & FILE_STORED) | more_flags;
    file->holdings = arena_array(load->arena, count, sizeof *file->holdings);
    file->holding_count = count;
    for (size_t i = 0; i < count; i++)
        take_holding(cursor, &file->holdings[i]);
    if (!cursor->bad)
        load->add(file, load->arg);
    return !cursor->bad;
}

static bool load_row(const char *key, struct span value, int64_t revision, void *arg)
{
    const struct load *load = arg;
    struct file_row *row = arena_push(load->arena, &load->rows->items, load->rows->count);
    (void)revision;
    *row = (struct file_row){arena_strdup(load->arena, key),
                             span_of(arena_memdup(load->arena, value.data, value.length), value.length)};
    struct cursor cursor = {.at = row->value.data, .end = row->value.data + value.length};
    uint32_t format;
    uint64_t by;
    TAKE(&cursor, format);
    TAKE(&cursor, by);
    if (cursor.bad || format != ROW_FORMAT)
        return true;
    while (cursor.at < cursor.end && take_file(load, &cursor, by == program() ? 0 : FILE_DOUBTFUL))
        ;
    return true;
}

bool rows_load(struct state *state, const char *root, struct arena *arena, struct file_rows *out,
               void (*add)(struct manifest_file *file, void *arg), void *arg, struct error *err)
{
    struct load load = {root, strlen(root), arena, out, add, arg};
    return state_scan(state, TABLE_FILE, "", load_row, &load, err);
}

/* ---- writing ---- */

static void put_file(struct buffer *row, const struct manifest_file *file, size_t root_length)
{
    unsigned char flags = (unsigned char)(file->flags & FILE_STORED);
    uint16_t count = (uint16_t)file->holding_count;
    buffer_append(row, &flags, 1);
    buffer_append(row, &count, sizeof count);
    buffer_append(row, &file->identity, sizeof file->identity);
    buffer_append(row, file->content, 32);
    buffer_append(row, file->path + root_length, file->length - root_length + 1);
    for (size_t i = 0; i < count; i++) {
        const struct holding *holding = &file->holdings[i];
        unsigned char stale = holding->stale;
        uint32_t line = holding->line;
        buffer_append(row, &holding->kind, 1);
        buffer_append(row, &stale, 1);
        buffer_append(row, &line, sizeof line);
        buffer_append(row, holding->digest, 32);
        buffer_append(row, holding->namespace_, strlen(holding->namespace_) + 1);
        buffer_append(row, holding->name, strlen(holding->name) + 1);
    }
}

static int compare_keys(const void *key, const void *row)
{
    return strcmp(key, ((const struct file_row *)row)->key);
}

/* Put the row unless it is there already, and note that its key is in use. */
static void put_row(const struct file_rows *rows, bool *used, const char *key, const struct buffer *row,
                    struct state_batch *batch)
{
    const struct file_row *old =
        rows->count == 0 ? NULL : bsearch(key, rows->items, rows->count, sizeof *rows->items, compare_keys);
    if (old != NULL)
        used[old - rows->items] = true;
    if (old == NULL || old->value.length != row->length ||
        memcmp(old->value.data, row->data, row->length) != 0)
        state_put(batch, TABLE_FILE, key, span_of(row->data, row->length), STATE_ANY);
}

static const char *row_key(const struct manifest_file *first, size_t root_length, struct arena *arena)
{
    const char *path = first->path + root_length;
    size_t length = first->length - root_length;
    unsigned char hash[32];
    if (length <= KEY_MAX)
        return path;
    hash_sha256(span_of(path, length), hash);
    return arena_printf(arena, "#%s", text_hex(arena, hash, sizeof hash));
}

void rows_store(const struct file_rows *rows, struct manifest_file *const *files, size_t count,
                size_t root_length, struct state_batch *batch)
{
    AUTO(arena) struct arena *arena = arena_create();
    bool *used = arena_array(arena, rows->count + 1, sizeof *used);
    struct buffer row = {0};
    const char *key = NULL;
    for (size_t i = 0; i < count; i++) {
        uint64_t hash = path_hash(files[i]->path + root_length, files[i]->length - root_length);
        if (key != NULL && ((hash & RUN_MASK) == 0 || row.length > RUN_BYTES_MAX)) {
            put_row(rows, used, key, &row, batch);
            key = NULL;
        }
        if (key == NULL) {
            uint32_t format = ROW_FORMAT;
            uint64_t by = program();
            key = row_key(files[i], root_length, arena);
            buffer_clear(&row);
            buffer_append(&row, &format, sizeof format);
            buffer_append(&row, &by, sizeof by);
        }
        put_file(&row, files[i], root_length);
    }
    if (key != NULL)
        put_row(rows, used, key, &row, batch);
    buffer_release(&row);
    for (size_t i = 0; i < rows->count; i++)
        if (!used[i])
            state_delete(batch, TABLE_FILE, rows->items[i].key, STATE_ANY);
}
