#include "controller/state_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fatal.h"
#include "base/file.h"
#include "base/seal.h"
#include "base/secret.h"

#define NAME "journal.seal"

enum { HEADER_SIZE = sizeof JOURNAL_HEADER - 1, ENTRY_MOST = 64 << 20, PLAIN_MOST = ENTRY_MOST - 4096, CHUNK = 64 * 1024 };

static const struct span entry_associated = {JOURNAL_ASSOCIATED, sizeof JOURNAL_ASSOCIATED - 1};

/* ---- writing ---- */

static void put_number(struct buffer *out, uint64_t number, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        buffer_putc(out, (char)(unsigned char)(number >> (8 * i)));
}

/* Length and sealed bytes. */
bool journal_frame(const struct journal_entry *entry, const struct seal *key, struct arena *arena, struct buffer *out,
                   struct error *err)
{
    struct buffer plain = {.limit = PLAIN_MOST}; /* sealed, and behind a header, it is still an entry */
    struct span sealed = {0};
    buffer_append(&plain, entry->installation, 32);
    put_number(&plain, (uint64_t)entry->revision, 8);
    put_number(&plain, (uint64_t)entry->paid, 8);
    put_number(&plain, (uint64_t)entry->time, 8);
    put_number(&plain, entry->count, 4);
    for (size_t i = 0; i < entry->count; i++) {
        const struct journal_row *row = &entry->rows[i];
        put_number(&plain, row->put, 1);
        put_number(&plain, row->key.length, 2);
        put_number(&plain, row->value.length, 4);
        buffer_append(&plain, row->key.data, row->key.length);
        buffer_append(&plain, row->value.data, row->value.length);
    }
    bool ok = plain.overflow ? error_raise(err, ERROR_STATE, "a commit is too large for the journal")
                             : seal_close(key, entry_associated, span_of(plain.data, plain.length), arena, &sealed, err);
    if (ok) {
        put_number(out, sealed.length, 4);
        buffer_append(out, sealed.data, sealed.length);
    }
    buffer_wipe(&plain);
    return ok;
}

static bool fail(const char *directory, const char *what, struct error *err)
{
    return error_raise(err, ERROR_STATE, "%s the journal %s/" NAME ": %s", what, directory, strerror(errno));
}

bool journal_append(const char *directory, const struct seal *key, const struct journal_entry *entry, struct error *err)
{
    AUTO(arena) struct arena *arena = arena_create();
    AUTO(fd) int folder = file_open_directory(directory, err);
    if (folder < 0)
        return false;
    AUTO(fd) int fd = openat(folder, NAME, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return fail(directory, "opening", err);
    struct buffer out = {.limit = ENTRY_MOST};
    if (st.st_size == 0)
        buffer_puts(&out, JOURNAL_HEADER);
    bool ok = journal_frame(entry, key, arena, &out, err);
    if (ok && write(fd, out.data, out.length) != (ssize_t)out.length) {
        ok = fail(directory, "writing", err);
        if (ftruncate(fd, st.st_size) != 0)
            error_prefix(err, "and it cannot be cut back");
    } else if (ok && (fdatasync(fd) != 0 || (st.st_size == 0 && fsync(folder) != 0))) {
        ok = fail(directory, "syncing", err);
    }
    buffer_release(&out);
    return ok;
}

/* ---- reading ---- */

bool journal_exists(const char *directory)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct stat st;
    return lstat(arena_printf(arena, "%s/" NAME, directory), &st) == 0 ? st.st_size > HEADER_SIZE
                                                                      : errno != ENOENT && errno != ENOTDIR;
}

/* A file is read in pieces: a journal may be larger than memory. */
struct reader {
    const unsigned char *at;
    size_t left;
    bool bad;
    int fd; /* where more comes from; -1: nothing more comes */
    unsigned char *room;
    size_t capacity;
    int trouble; /* errno of a read that failed */
};

/* So that `length` bytes are there, unless the file ends before. */
static void read_more(struct reader *in, size_t length)
{
    if (length > in->capacity) {
        unsigned char *room = fatal_unless(malloc(length));
        if (in->left > 0)
            memcpy(room, in->at, in->left);
        free(in->room);
        in->room = room;
        in->capacity = length;
    } else if (in->left > 0) {
        memmove(in->room, in->at, in->left);
    }
    in->at = in->room;
    while (in->left < length) {
        ssize_t got = read(in->fd, in->room + in->left, in->capacity - in->left);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            in->trouble = errno;
        if (got <= 0)
            return;
        in->left += (size_t)got;
    }
}

static bool at_end(struct reader *in)
{
    if (in->left == 0 && in->fd >= 0)
        read_more(in, CHUNK);
    return in->left == 0;
}

static const unsigned char *take(struct reader *in, size_t length)
{
    static const unsigned char nothing[32];
    if (!in->bad && in->fd >= 0 && length > in->left && length <= ENTRY_MOST)
        read_more(in, length > CHUNK ? length : CHUNK);
    if (in->bad || length > in->left) {
        in->bad = true;
        return nothing;
    }
    const unsigned char *at = in->at;
    in->at += length;
    in->left -= length;
    return at;
}

static uint64_t take_number(struct reader *in, int bytes)
{
    const unsigned char *at = take(in, (size_t)bytes);
    uint64_t number = 0;
    for (int i = 0; i < bytes; i++)
        number = number << 8 | at[i];
    return number;
}

static bool parse(struct span plain, struct arena *arena, struct journal_entry *out)
{
    struct reader in = {.at = (const unsigned char *)plain.data, .left = plain.length, .fd = -1};
    struct journal_entry entry = {0};
    memcpy(entry.installation, take(&in, 32), 32);
    entry.revision = (int64_t)take_number(&in, 8);
    entry.paid = (int64_t)take_number(&in, 8);
    entry.time = (int64_t)take_number(&in, 8);
    entry.count = take_number(&in, 4);
    if (in.bad || entry.count > in.left / 7)
        return false;
    entry.rows = arena_array(arena, entry.count, sizeof *entry.rows);
    for (size_t i = 0; i < entry.count; i++) {
        struct journal_row *row = &entry.rows[i];
        uint64_t put = take_number(&in, 1);
        row->put = put == 1;
        in.bad = in.bad || put > 1;
        size_t key = take_number(&in, 2), value = take_number(&in, 4);
        row->key = span_of((const char *)take(&in, key), key);
        row->value = span_of((const char *)take(&in, value), value);
    }
    *out = entry;
    return !in.bad && in.left == 0;
}

/* One entry; false: nothing more can be read. */
static bool read_entry(struct reader *in, const struct keyring *ring, struct arena *arena, struct journal_summary *summary,
                       journal_visitor *visit, void *arg)
{
    size_t length = take_number(in, 4);
    const unsigned char *sealed = take(in, length);
    struct span plain;
    struct journal_entry entry;
    arena_reset(arena);
    if (in->bad || !keyring_open(ring, entry_associated, span_of((const char *)sealed, length), arena, &plain, NULL)) {
        summary->broken = true;
        return false;
    }
    bool good = parse(plain, arena, &entry), more = good;
    if (good) {
        summary->entries++;
        summary->revision = entry.revision;
        summary->paid = entry.paid;
        memcpy(summary->installation, entry.installation, sizeof summary->installation);
        more = visit == NULL || visit(&entry, arg);
    } else {
        summary->broken = true;
    }
    secret_wipe((void *)(uintptr_t)plain.data, plain.length);
    return more;
}

static void read_entries(struct reader *in, const struct keyring *ring, journal_visitor *visit, void *arg,
                         struct journal_summary *out)
{
    AUTO(arena) struct arena *scratch = arena_create();
    const unsigned char *header = take(in, HEADER_SIZE);
    *out = (struct journal_summary){.there = true, .broken = in->bad || memcmp(header, JOURNAL_HEADER, HEADER_SIZE) != 0};
    while (!out->broken && !at_end(in) && read_entry(in, ring, scratch, out, visit, arg))
        ;
}

void journal_read_bytes(struct span bytes, const struct keyring *ring, journal_visitor *visit, void *arg,
                        struct journal_summary *out)
{
    struct reader in = {.at = (const unsigned char *)bytes.data, .left = bytes.length, .fd = -1};
    read_entries(&in, ring, visit, arg, out);
}

static bool unreadable(const char *directory, const char *why, struct error *err)
{
    return error_raise(err, ERROR_SYSTEM, "the journal in %s cannot be read: %s", directory, why);
}

bool journal_read(const char *directory, const struct keyring *ring, journal_visitor *visit, void *arg,
                  struct journal_summary *out, struct error *err)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct error why = {0};
    *out = (struct journal_summary){0};
    AUTO(fd) int fd = file_open_regular(arena_printf(arena, "%s/" NAME, directory), &why);
    if (fd < 0)
        return why.kind == ERROR_NOT_FOUND || unreadable(directory, why.message, err);
    struct reader in = {.fd = fd};
    read_entries(&in, ring, visit, arg, out);
    free(in.room);
    return in.trouble == 0 || unreadable(directory, strerror(in.trouble), err);
}

/* ---- trimming ---- */

struct keep {
    int64_t revision;
    const struct seal *key;
    struct arena *arena;
    int fd;
    struct buffer frame;
    struct error err;
    bool failed;
};

static bool keep_entry(const struct journal_entry *entry, void *arg)
{
    struct keep *keep = arg;
    if (entry->revision <= keep->revision)
        return true;
    arena_reset(keep->arena);
    buffer_clear(&keep->frame);
    keep->failed = !journal_frame(entry, keep->key, keep->arena, &keep->frame, &keep->err) ||
                   !file_write_all(keep->fd, keep->frame.data, keep->frame.length, &keep->err);
    return !keep->failed;
}

void journal_tidy(const char *directory)
{
    AUTO(fd) int folder = file_open_directory(directory, NULL);
    if (folder >= 0)
        file_remove_leftovers(folder, "." NAME ".");
}

bool journal_trim(const char *directory, const struct keyring *ring, const struct seal *key, int64_t revision,
                  struct error *err)
{
    struct journal_summary summary;
    struct file_beside beside;
    AUTO(fd) int folder = file_open_directory(directory, err);
    if (folder < 0 || !file_beside_begin(folder, NAME, 0600, &beside, err))
        return false;
    AUTO(arena) struct arena *arena = arena_create();
    struct keep keep = {.revision = revision, .key = key, .arena = arena, .fd = beside.fd, .frame = {.limit = ENTRY_MOST}};
    bool ok = file_write_all(beside.fd, JOURNAL_HEADER, HEADER_SIZE, err) &&
              journal_read(directory, ring, keep_entry, &keep, &summary, err);
    if (keep.failed && err != NULL)
        *err = keep.err;
    buffer_release(&keep.frame);
    if (ok && !keep.failed)
        return file_beside_put(&beside, err);
    file_beside_drop(&beside);
    return false;
}
