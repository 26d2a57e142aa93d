/* The audit file (reliability.md 9.7).
 *
 *   {"seq":8,"time":"…","actor":"…","subject":"…","action":"…","detail":"…","rev":41,"prev":"<SHA-256 of line 7>"}
 *
 * `prev` is over the bytes of the line before, whatever they are, without its newline; the first line of a
 * file carries zeros, or, when the file was rotated away beneath a running controller, goes on with the
 * hash of the old file's end.
 *
 * A torn last line (a crash or a full disk in the middle of a write) was never synced with a commit, so
 * nothing was done on its word. It is not cut off, because then the file would not be append-only: a
 * newline closes it, it stays as evidence, the next line carries its hash, and the sequence goes on from
 * the last line that can be read. */
#include "controller/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fatal.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "controller/state.h"

#define AUDIT_NAME "audit.log"
#define WORD_MAX 300 /* actor, subject, action */
#define DETAIL_MAX 2000
#define LINE_MAX_BYTES 16384 /* more than the above can become when escaped */

struct audit {
    char *directory;
    int fd; /* -1: a write failed; opened again by the next append */
    int64_t sequence, revision; /* of the last line that can be read */
    bool whole;                 /* that one is the last */
    unsigned char last[32];     /* hash of the last line */
    bool torn;              /* the file does not end with a newline */
    bool behind;            /* appended, not synced */
};

static bool fail(const struct audit *audit, struct error *err, const char *what)
{
    return error_raise(err, ERROR_STATE,
                       "%s %s/" AUDIT_NAME ": %s; nothing is changed while it cannot be written", what,
                       audit->directory, strerror(errno));
}

static bool line_sequence(const char *line, size_t length, int64_t *out, int64_t *out_revision)
{
    AUTO(json) struct json *document = json_parse(line, length, NULL);
    *out_revision = -1;
    json_int(json_member(document, "rev"), out_revision);
    return json_int(json_member(document, "seq"), out);
}

/* Read the end of the file: the hash of the last line, the sequence of the last readable one. */
static bool read_tail(struct audit *audit, int64_t size, struct error *err)
{
    audit->torn = false;
    if (size == 0)
        return true;
    AUTO(arena) struct arena *arena = arena_create();
    size_t want = size < 4 * LINE_MAX_BYTES ? (size_t)size : 4 * LINE_MAX_BYTES;
    char *tail = arena_alloc(arena, want);
    ssize_t got = pread(audit->fd, tail, want, size - (int64_t)want);
    if (got != (ssize_t)want)
        return fail(audit, err, "reading");
    size_t end = want;
    audit->torn = tail[end - 1] != '\n';
    if (!audit->torn)
        end--;
    for (bool newest = true;; newest = false) {
        const char *before = memrchr(tail, '\n', end);
        size_t begin = before == NULL ? 0 : (size_t)(before - tail) + 1;
        if (newest)
            hash_sha256(span_of(tail + begin, end - begin), audit->last);
        audit->whole = line_sequence(tail + begin, end - begin, &audit->sequence, &audit->revision);
        if (audit->whole || before == NULL) {
            audit->whole = audit->whole && newest && !audit->torn;
            return true;
        }
        end = begin - 1;
    }
}

static bool open_file(struct audit *audit, struct error *err)
{
    AUTO(fd) int directory = file_open_directory(audit->directory, err);
    if (directory < 0)
        return error_raise(err, ERROR_STATE, "audit directory %s cannot be opened", audit->directory);
    audit->fd = openat(directory, AUDIT_NAME,
                       O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (audit->fd < 0)
        return fail(audit, err, "opening");
    struct stat st;
    if (fstat(audit->fd, &st) != 0)
        return fail(audit, err, "opening");
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
        return error_raise(err, ERROR_CONFIG,
                           "%s/" AUDIT_NAME
                           " must be a plain file of the user who runs this, closed to others (chmod 0600)",
                           audit->directory);
    if (st.st_size == 0 && fsync(directory) != 0) /* a new file's name must survive too */
        return fail(audit, err, "syncing");
    return read_tail(audit, st.st_size, err);
}

struct audit *audit_open(const char *directory, struct error *err)
{
    if (!file_make_directories(directory, 0700, err)) {
        error_prefix(err, "making the audit directory");
        if (err != NULL)
            err->kind = ERROR_STATE;
        return NULL;
    }
    struct audit *audit = calloc(1, sizeof *audit);
    if (audit == NULL || (audit->directory = strdup(directory)) == NULL)
        fatal_memory();
    audit->revision = -1;
    if (!open_file(audit, err)) {
        audit_close(audit);
        return NULL;
    }
    return audit;
}

void audit_close(struct audit *audit)
{
    if (audit == NULL)
        return;
    audit_sync(audit, NULL);
    if (audit->fd >= 0)
        close(audit->fd);
    free(audit->directory);
    free(audit);
}

int64_t audit_sequence(const struct audit *audit) { return audit->sequence; }
int64_t audit_revision(const struct audit *audit) { return audit->revision; }

void audit_last_hash(const struct audit *audit, char out[65])
{
    for (int i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", audit->last[i]);
}

bool audit_continue(struct audit *audit, int64_t sequence, const char *hash)
{
    struct stat st;
    char last[65];
    bool empty = fstat(audit->fd, &st) == 0 && st.st_size == 0;
    audit_last_hash(audit, last);
    if (empty && strlen(hash) == 64)
        text_unhex(hash, audit->last, sizeof audit->last);
    bool follows = empty || audit->sequence > sequence ||
                   (audit->sequence == sequence && (!audit->whole || hash[0] == '\0' || strcmp(hash, last) == 0));
    if (audit->sequence < sequence)
        audit->sequence = sequence;
    return follows;
}

/* Rotation renames the file: then a new one is begun. Hash and sequence go on. */
static bool follow_rotation(struct audit *audit, struct error *err)
{
    struct stat ours, named;
    AUTO(arena) struct arena *arena = arena_create();
    if (audit->fd >= 0 && fstat(audit->fd, &ours) == 0 &&
        stat(arena_printf(arena, "%s/" AUDIT_NAME, audit->directory), &named) == 0 &&
        ours.st_ino == named.st_ino && ours.st_dev == named.st_dev)
        return true;
    if (audit->fd >= 0) {
        if (!audit_sync(audit, err))
            return false;
        close(audit->fd);
        audit->fd = -1;
    }
    return open_file(audit, err);
}

static void give_up(struct audit *audit)
{
    if (audit->fd >= 0)
        close(audit->fd);
    audit->fd = -1;
    audit->behind = false;
}

bool audit_append(struct audit *audit, int64_t revision, const char *actor, const char *subject, const char *action,
                  const char *detail, struct error *err)
{
    if (!follow_rotation(audit, err)) {
        give_up(audit);
        return false;
    }
    AUTO(arena) struct arena *arena = arena_create();
    struct buffer line = {0};
    if (audit->torn)
        buffer_putc(&line, '\n');
    size_t begin = line.length;
    struct json_writer w = {.out = &line};
    json_begin_object(&w);
    json_int_member(&w, "seq", audit->sequence + 1);
    json_string_member(&w, "time", clock_rfc3339(arena, clock_now()));
    const char *names[] = {"actor", "subject", "action", "detail"};
    const char *texts[] = {actor, subject, action, detail};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const char *text = texts[i] == NULL ? "" : texts[i];
        json_string_member(&w, names[i],
                           text_clean(arena, text, strlen(text), i == 3 ? DETAIL_MAX : WORD_MAX));
    }
    json_int_member(&w, "rev", revision);
    json_string_member(&w, "prev", text_hex(arena, audit->last, sizeof audit->last));
    json_end_object(&w);
    unsigned char hash[32];
    hash_sha256(span_of(line.data + begin, line.length - begin), hash);
    buffer_putc(&line, '\n');
    /* One write, so that a line is whole or torn at its end, never mixed. */
    ssize_t written = write(audit->fd, line.data, line.length);
    bool whole = written == (ssize_t)line.length;
    if (!whole) {
        if (written >= 0)
            errno = ENOSPC;
        fail(audit, err, "writing");
        give_up(audit);
    } else {
        audit->sequence++;
        audit->revision = revision;
        audit->whole = true;
        memcpy(audit->last, hash, sizeof hash);
        audit->torn = false;
        audit->behind = true;
    }
    buffer_release(&line);
    return whole;
}

bool audit_sync(struct audit *audit, struct error *err)
{
    if (!audit->behind)
        return true;
    if (fdatasync(audit->fd) != 0) { /* never asked twice: the lines may be gone (R6) */
        fail(audit, err, "syncing");
        give_up(audit);
        return false;
    }
    audit->behind = false;
    return true;
}

static FILE *open_reader(const char *directory, struct error *err)
{
    AUTO(arena) struct arena *arena = arena_create();
    const char *path = arena_printf(arena, "%s/" AUDIT_NAME, directory);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        error_raise(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_SYSTEM, "%s: %s", path, strerror(errno));
    return file;
}

bool audit_read(const char *audit_directory, bool (*visit)(const char *line, void *arg), void *arg,
                struct error *err)
{
    FILE *file = open_reader(audit_directory, err);
    if (file == NULL)
        return false;
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    while ((length = getline(&line, &capacity, file)) > 0) {
        if (line[length - 1] == '\n')
            line[--length] = '\0';
        int64_t sequence, revision;
        if (line_sequence(line, (size_t)length, &sequence, &revision) && !visit(line, arg))
            break; /* torn lines are not shown; audit_verify counts them */
    }
    free(line);
    fclose(file);
    return true;
}

struct verify {
    struct audit_summary summary;
    struct arena *arena; /* of one line */
    unsigned char last[32];
};

/* Whether the line follows. The first line of a file may carry on from a rotated one; a torn line carries nothing. */
static bool follows(struct verify *verify, const char *line, size_t length)
{
    struct audit_summary *summary = &verify->summary;
    AUTO(json) struct json *document = json_parse(line, length, NULL);
    int64_t sequence = 0;
    arena_reset(verify->arena);
    bool whole = document != NULL && json_int(json_member(document, "seq"), &sequence);
    bool good = !whole || summary->lines == 0 ||
                text_equal(json_string(json_member(document, "prev")),
                           text_hex(verify->arena, verify->last, sizeof verify->last));
    good = good && (!whole || summary->last == 0 || sequence == summary->last + 1);
    hash_sha256(span_of(line, length), verify->last);
    summary->lines++;
    summary->torn += !whole;
    if (whole) {
        summary->first = summary->first == 0 ? sequence : summary->first;
        summary->last = sequence;
    }
    if (whole && sequence == summary->watch)
        snprintf(summary->watch_hash, sizeof summary->watch_hash, "%s",
                 text_hex(verify->arena, verify->last, sizeof verify->last));
    return good;
}

bool audit_verify(const char *directory, struct audit_summary *out, struct error *err)
{
    FILE *file = open_reader(directory, err);
    if (file == NULL)
        return false;
    AUTO(arena) struct arena *arena = arena_create();
    struct verify verify = {.arena = arena, .summary.watch = out != NULL ? out->watch : 0};
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    bool good = true;
    while (good && (length = getline(&line, &capacity, file)) > 0)
        good = follows(&verify, line, (size_t)(line[length - 1] == '\n' ? length - 1 : length));
    free(line);
    fclose(file);
    if (!good)
        return error_raise(err, ERROR_STATE,
                           "%s/" AUDIT_NAME ": line %lld does not follow from the line before it",
                           directory, (long long)verify.summary.lines);
    if (out != NULL)
        *out = verify.summary;
    return true;
}
