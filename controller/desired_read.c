/* One moment's picture of a tree (reliability.md 8.2).
 *
 * What a file says is found out by a confined process (controller/parser.h); here its bytes are only read and hashed.
 *
 * Files that are as they were remembered are not opened. If the first listing is exactly what was
 * remembered, it is the second look itself and all is done. Otherwise what is new is read and the tree is
 * listed again, until a listing brings nothing new. */
#include "controller/desired_read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fatal.h"
#include "base/file.h"
#include "base/hash.h"
#include "controller/parser.h"
#include "controller/state.h"
#include "schema/manifest.h"
#include "schema/operator.h"
#include "schema/parsed.h"

#define ROUNDS_MAX 6
#define RACY_NS 2000000000
#define TREES_MAX 1000            /* as many files at once: what they say is kept whole; of more it is asked for again if need be */
#define FORM_BYTES (512 * 1024)   /* a commit of good forms in a first look */
#define FILE_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY) /* nothing that is put there can make us wait */

void reading_init(struct reading *reading, struct arena *arena, struct state *state, const struct operator_config *config)
{
    *reading = (struct reading){.arena = arena, .state = state, .terms = parser_terms(config), .trees = true,
                                .files_max = (size_t)config->manifest_limits.files,
                                .bytes_max = (uint64_t)config->manifest_limits.total_mib << 20};
    reading->text.limit = (size_t)reading->terms.limits.file + 1;
    reading->failure = arena_alloc(arena, sizeof *reading->failure);
}

void reading_finish(struct reading *reading)
{
    for (size_t i = 0; i < reading->source_count; i++)
        fd_release(&reading->sources[i].fd);
    parser_batch_destroy(reading->filling);
    parser_batch_destroy(reading->with_parser);
    state_batch_destroy(reading->forms);
    buffer_release(&reading->text);
    free(reading->files);
    free(reading->slots);
    free(reading->pending);
}

const char *form_key(struct arena *arena, enum resource_kind kind, const char *namespace_, const char *name)
{
    return arena_printf(arena, "%s/%s/%s", resource_kind_name(kind), namespace_, name);
}

static bool stop_at_first(const char *key, struct span value, int64_t revision, void *arg)
{
    (void)key;
    (void)value;
    (void)revision;
    *(bool *)arg = true;
    return false;
}

/* The store knows no file and no form: then no form that it should have kept can be overwritten, and 100,000 forms need not
 * wait in memory until all files are read. */
static void expect_first_look(struct reading *reading)
{
    bool known = reading->rows.count > 0;
    if (!known && state_writable(reading->state) &&
        state_scan(reading->state, TABLE_RESOURCE, "", stop_at_first, &known, NULL) && !known)
        reading->forms = state_batch_create();
}

/* ---- the table of files by path ---- */

static struct slot *slot_of(const struct reading *reading, const char *path, size_t length)
{
    unsigned hash = (unsigned)path_hash(path, length);
    for (size_t at = hash;; at++) {
        struct slot *slot = &reading->slots[at & (reading->slot_count - 1)];
        if (slot->index == 0) {
            slot->hash = hash;
            return slot;
        }
        const struct manifest_file *file = reading->files[slot->index - 1];
        if (slot->hash == hash && file->length == length && memcmp(file->path, path, length) == 0)
            return slot;
    }
}

static struct manifest_file *find(const struct reading *reading, const char *path, size_t length)
{
    unsigned index = reading->slot_count == 0 ? 0 : slot_of(reading, path, length)->index;
    return index == 0 ? NULL : reading->files[index - 1];
}

static void grow(struct reading *reading)
{
    size_t capacity = reading->file_capacity == 0 ? 64 : reading->file_capacity * 2;
    reading->files = fatal_unless(reallocarray(reading->files, capacity, sizeof(struct manifest_file *)));
    reading->file_capacity = capacity;
    struct slot *old = reading->slots;
    size_t count = reading->slot_count;
    reading->slot_count = capacity * 2;
    reading->slots = fatal_unless(calloc(reading->slot_count, sizeof *reading->slots));
    for (size_t i = 0; i < count; i++) {
        size_t at = old[i].hash;
        if (old[i].index == 0)
            continue;
        while (reading->slots[at & (reading->slot_count - 1)].index != 0)
            at++;
        reading->slots[at & (reading->slot_count - 1)] = old[i];
    }
    free(old);
}

/* Put `file` in, in the place of a former one of the same path. */
static void insert(struct reading *reading, struct manifest_file *file)
{
    if (reading->file_count == reading->file_capacity)
        grow(reading);
    struct slot *slot = slot_of(reading, file->path, file->length);
    if (slot->index != 0) {
        reading->files[slot->index - 1] = file;
        return;
    }
    reading->files[reading->file_count++] = file;
    slot->index = (unsigned)reading->file_count;
}

static void remember(struct manifest_file *file, void *arg) { insert(arg, file); }

void reading_add_directory(struct reading *reading, const char *path, bool remembered)
{
    struct source *source = arena_push(reading->arena, &reading->sources, reading->source_count);
    source->path = arena_strdup(reading->arena, path);
    source->fd = -1;
    if (!remembered || reading->state == NULL)
        return;
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    const char *root = arena_printf(reading->arena, "%.*s%s", (int)length, path,
                                    path[length - 1] == '/' ? "" : "/");
    reading->root_length = strlen(root);
    if (!rows_load(reading->state, root, reading->arena, &reading->rows, remember, reading, reading->failure))
        reading->failed = true; /* what broken files held would be an absence */
    reading->seen = reading->file_count; /* as if listed in round 0 */
    expect_first_look(reading);
}

/* ---- reading one file ---- */

static struct manifest_file *new_file(struct reading *reading, const char *path, size_t length, int source)
{
    static const unsigned char unknown[32];
    struct manifest_file *file = arena_alloc(reading->arena, sizeof *file);
    file->path = arena_strndup(reading->arena, path, length);
    file->length = (unsigned)length;
    file->content = unknown;
    file->source = source;
    file->seen = -1;
    file->news = arena_alloc(reading->arena, sizeof *file->news);
    file->news->problems.arena = reading->arena;
    return file;
}

const char *file_shown(const struct manifest_file *file, struct arena *arena)
{
    bool plain = text_is_plain_utf8(file->path, file->length, NULL) && strpbrk(file->path, "\n\r\t") == NULL;
    return plain ? file->path : text_clean(arena, file->path, file->length, 4 * (size_t)file->length);
}

static bool same_identity(const struct manifest_file *file, const struct file_identity *identity)
{
    return memcmp(&file->identity, identity, sizeof *identity) == 0;
}

static bool holds(const struct manifest_file *file, size_t count, enum resource_kind kind,
                  const char *namespace_, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (file->holdings[i].kind == kind && strcmp(file->holdings[i].name, name) == 0 &&
            strcmp(file->holdings[i].namespace_, namespace_) == 0)
            return true;
    return false;
}

/* What the file held before, or what can only be read in part now: a broken file is never an absence. */
static void keep_stale(struct reading *reading, struct manifest_file *file,
                       const struct resource_list *broken)
{
    static const unsigned char unknown[32];
    size_t former = file->news->former == NULL ? 0 : file->news->former->holding_count;
    struct holding *all = arena_array(reading->arena, file->holding_count + former + broken->count,
                                      sizeof *all);
    if (file->holding_count > 0)
        memcpy(all, file->holdings, file->holding_count * sizeof *all);
    file->holdings = all;
    for (size_t i = 0; i < former; i++) {
        const struct holding *was = &file->news->former->holdings[i];
        if (holds(file, file->holding_count, was->kind, was->namespace_, was->name))
            continue;
        all[file->holding_count] = *was;
        all[file->holding_count].parsed = NULL;
        all[file->holding_count++].stale = true;
    }
    for (size_t i = 0; i < broken->count; i++) {
        const struct resource *it = &broken->items[i];
        if (it->kind < KIND_COUNT && it->name != NULL && it->namespace_ != NULL &&
            !holds(file, file->holding_count, it->kind, it->namespace_, it->name))
            all[file->holding_count++] = (struct holding){.kind = (unsigned char)it->kind,
                                                          .stale = true,
                                                          .line = (unsigned)it->position.line,
                                                          .namespace_ = it->namespace_,
                                                          .name = it->name,
                                                          .digest = unknown};
    }
}

/* The whole file cannot be used; why is told elsewhere. */
static void refuse_quietly(struct reading *reading, struct manifest_file *file, const char *why)
{
    struct resource_list none = {0};
    file->news->problems = (struct problem_list){.arena = reading->arena};
    file->flags |= FILE_PROBLEMS;
    file->news->refused = why;
    keep_stale(reading, file, &none);
}

static void refuse(struct reading *reading, struct manifest_file *file, const char *code, const char *why)
{
    struct position position = {.file = file_shown(file, reading->arena), .line = 1, .column = 1};
    refuse_quietly(reading, file, why);
    problem_add(&file->news->problems, SEVERITY_ERROR, code, position, NULL, "%s", why);
}

/* ---- what it says, by way of the parser ---- */

/* Its good form goes into the store, and only what the index needs stays. */
static void write_form(struct reading *reading, const struct parsed_resource *parsed, struct arena *scratch)
{
    const char *key = form_key(scratch, parsed->kind, parsed->namespace_, parsed->name);
    state_put(reading->forms, TABLE_RESOURCE, key, parsed->json, STATE_ANY);
    reading->form_bytes += parsed->json.length;
}

static void commit_forms(struct reading *reading)
{
    if (!reading->failed && !state_commit(reading->state, reading->forms, false, reading->failure))
        reading->failed = true;
    state_batch_destroy(reading->forms);
    reading->forms = state_batch_create();
    reading->form_bytes = 0;
}

static const char *kept_text(struct reading *reading, const char *text)
{
    return strcmp(text, "default") == 0 ? "default" : arena_strdup(reading->arena, text);
}

static void take_holdings(struct reading *reading, struct manifest_file *file, const struct parsed_file *parsed,
                          struct arena *scratch)
{
    file->holdings = arena_array(reading->arena, parsed->count, sizeof *file->holdings);
    for (size_t i = 0; i < parsed->count; i++) {
        const struct parsed_resource *it = &parsed->resources[i];
        bool write = reading->forms != NULL;
        file->holdings[i] = (struct holding){
            .kind = (unsigned char)it->kind,
            .line = (unsigned)it->position.line,
            .namespace_ = write ? kept_text(reading, it->namespace_) : it->namespace_,
            .name = write ? kept_text(reading, it->name) : it->name,
            .digest = write ? arena_memdup(reading->arena, it->digest, 32) : it->digest,
            .parsed = write ? NULL : it};
        if (write)
            write_form(reading, it, scratch);
    }
    file->holding_count = (unsigned)parsed->count;
}

static void take_answer(void *item, struct span answer, const char *ended, void *arg)
{
    struct reading *reading = arg;
    struct manifest_file *file = item;
    struct parsed_file parsed = {0};
    struct error why = {0};
    AUTO(arena) struct arena *scratch = arena_create();
    bool keep = reading->forms == NULL;
    struct arena *arena = keep ? reading->arena : scratch;
    if (ended == NULL && keep)
        answer.data = arena_memdup(arena, answer.data, answer.length);
    if (ended != NULL || !parsed_decode(answer, file_shown(file, reading->arena), arena, &parsed, &file->news->problems, &why)) {
        refuse(reading, file, "reader-ended", arena_printf(reading->arena, "the file cannot be read: %s",
                                                           ended != NULL ? ended : why.message));
        return;
    }
    take_holdings(reading, file, &parsed, scratch);
    if (file->news->problems.count > 0)
        file->flags |= FILE_PROBLEMS;
    if (file->news->problems.errors > 0) {
        for (size_t i = 0; !keep && i < parsed.broken.count; i++) {
            parsed.broken.items[i].namespace_ = kept_text(reading, parsed.broken.items[i].namespace_);
            parsed.broken.items[i].name = kept_text(reading, parsed.broken.items[i].name);
        }
        keep_stale(reading, file, &parsed.broken);
    }
}

/* Take what the parser has found out, and give it what was gathered meanwhile. */
static bool exchange(struct reading *reading)
{
    struct parser_batch *next = reading->filling;
    if (!reading->failed && reading->with_parser != NULL &&
        !parser_receive(reading->with_parser, take_answer, reading, reading->failure))
        reading->failed = true;
    if (reading->form_bytes > FORM_BYTES)
        commit_forms(reading);
    if (!reading->failed && next != NULL && !parser_send(next, reading->failure))
        reading->failed = true;
    reading->filling = reading->with_parser;
    reading->with_parser = next;
    return !reading->failed;
}

/* Until everything that was read is understood. */
static bool exchange_all(struct reading *reading, struct error *err)
{
    if (reading->filling != NULL)
        exchange(reading);
    if (reading->with_parser != NULL && !reading->failed &&
        !parser_receive(reading->with_parser, take_answer, reading, reading->failure))
        reading->failed = true;
    if (reading->form_bytes > 0)
        commit_forms(reading);
    if (reading->failed && err != NULL)
        *err = *reading->failure;
    return !reading->failed;
}

static void give_to_parser(struct reading *reading, struct manifest_file *file, const struct buffer *text)
{
    const struct span bytes = span_of(buffer_text(text), text->length);
    for (int tries = 0; tries < 2 && !reading->failed; tries++) {
        if (reading->filling == NULL)
            reading->filling = parser_batch_create(reading->trees, &reading->terms);
        if (parser_add(reading->filling, file, bytes))
            return;
        exchange(reading);
    }
}

/* ---- its bytes ---- */

static int64_t real_ns(void) /* file times are real ones, whatever the clock is turned to */
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool read_bytes(struct reading *reading, struct manifest_file *file, int fd, struct buffer *text)
{
    struct stat st;
    struct error why = {0};
    int64_t now = real_ns();
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        refuse(reading, file, "not-a-file", "this is no regular file");
        return false;
    }
    file->identity = file_identity_of(&st);
    /* As in git's index: a change within the same tick of the file system's clock would leave the times as
     * they are. */
    if (file->identity.mtime_ns > now - RACY_NS || file->identity.ctime_ns > now - RACY_NS)
        file->flags |= FILE_RACY;
    const uint32_t most = reading->terms.limits.file;
    if (st.st_size > most) {
        refuse(reading, file, "file-too-large",
               arena_printf(reading->arena, "the file is larger than %u KiB: split it", most / 1024));
        return false;
    }
    if (!file_read(fd, most, text, &why)) {
        refuse(reading, file, "unreadable", arena_strdup(reading->arena, why.message));
        return false;
    }
    struct file_identity after = fstat(fd, &st) == 0 ? file_identity_of(&st) : (struct file_identity){0};
    if (!same_identity(
            file,
            &after)) /* written to meanwhile: no listing will show this identity, so it is read again */
        file->identity = (struct file_identity){0};
    return true;
}

static void take_bytes(struct reading *reading, struct manifest_file *file, const struct buffer *text)
{
    unsigned char content[32];
    const struct manifest_file *former = file->news->former;
    hash_sha256(span_of(buffer_text(text), text->length), content);
    file->content = arena_memdup(reading->arena, content, sizeof content);
    if (former != NULL && !(former->flags & (FILE_PROBLEMS | FILE_DOUBTFUL)) &&
        memcmp(former->content, content, 32) == 0) {
        file->holdings = former->holdings; /* touched, not changed */
        file->holding_count = former->holding_count;
        return;
    }
    give_to_parser(reading, file, text);
}

static bool read_file(struct reading *reading, struct manifest_file *file, struct error *err)
{
    struct error why = {0};
    const struct source *source = &reading->sources[file->source];
    const char *relative = file->path + strlen(source->path);
    while (*relative == '/')
        relative++;
    buffer_clear(&reading->text);
    AUTO(fd) int fd = file_open_beneath(source->fd, relative, FILE_FLAGS, 0, true, &why);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) /* our trouble, not the file's */
        return error_raise(err, ERROR_SYSTEM, "%s: %s", file_shown(file, reading->arena), why.message);
    if (fd < 0 &&
        why.kind == ERROR_NOT_FOUND) { /* gone since it was listed: no listing will show this identity */
        reading->torn = true;
        file->identity = (struct file_identity){0};
    }
    if (fd < 0)
        refuse(reading, file, "unreadable", arena_strdup(reading->arena, why.message));
    else if (read_bytes(reading, file, fd, &reading->text))
        take_bytes(reading, file, &reading->text);
    file->flags |= FILE_READ;
    if (reading->failed)
        *err = *reading->failure;
    return !reading->failed;
}

void reading_add_file(struct reading *reading, const char *path)
{
    bool input = strcmp(path, "-") == 0;
    const char *shown = input ? "<stdin>" : path;
    if (find(reading, shown, strlen(shown)) != NULL)
        return;
    struct manifest_file *file = new_file(reading, shown, strlen(shown), -1);
    struct buffer *text = &reading->text;
    buffer_clear(text);
    insert(reading, file);
    AUTO(fd) int fd = input ? -1 : open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (input) {
        char bytes[8192];
        ssize_t got;
        while ((got = read(STDIN_FILENO, bytes, sizeof bytes)) > 0 && !text->overflow)
            buffer_append(text, bytes, (size_t)got);
        if (text->overflow || text->length > reading->terms.limits.file)
            refuse(reading, file, "file-too-large", arena_printf(reading->arena, "standard input holds more than %u KiB",
                                                                 reading->terms.limits.file / 1024));
        else
            take_bytes(reading, file, text);
    } else if (fd < 0) {
        refuse(reading, file, "unreadable", arena_strdup(reading->arena, strerror(errno)));
    } else if (read_bytes(reading, file, fd, text)) {
        take_bytes(reading, file, text);
    }
    file->flags |= FILE_READ;
}

/* ---- rounds ---- */

struct visit {
    struct reading *reading;
    int source;
    struct error *err;
};

static void put_off(struct reading *reading, struct manifest_file *file)
{
    if ((reading->pending_count & (reading->pending_count + 1)) == 0) /* 0, 1, 3, 7, …: full */
        reading->pending = fatal_unless(
            reallocarray(reading->pending, reading->pending_count * 2 + 1, sizeof(void *)));
    reading->pending[reading->pending_count++] = file;
}

static bool known(const struct manifest_file *file, const struct tree_entry *entry)
{
    const char *refused = file->news == NULL ? NULL : file->news->refused;
    if (entry->refused != NULL || refused != NULL)
        return text_equal(entry->refused, refused) ||
               (file->flags & FILE_READ && same_identity(file, &entry->identity));
    return same_identity(file, &entry->identity) &&
           (file->flags & FILE_READ || !(file->flags & (FILE_STORED | FILE_DOUBTFUL)));
}

/* What was known from below a folder that cannot be read. */
static const char below_closed[] = "its folder cannot be read";

static bool visit_file(const struct tree_entry *entry, void *arg)
{
    const struct visit *visit = arg;
    struct reading *reading = visit->reading;
    if (entry->folder)
        string_list_push(reading->arena, &reading->closed, arena_strndup(reading->arena, entry->path, entry->length));
    struct manifest_file *file = find(reading, entry->path, entry->length);
    if (file != NULL && (file->seen == reading->round || (file->source < 0 && file->flags & FILE_READ)))
        return true; /* two directories given, one below the other; or the file given by itself too */
    if (file == NULL || !known(file, entry)) {
        const struct manifest_file *was = file;
        file = new_file(reading, entry->path, entry->length, visit->source);
        /* What is in the store, to be told from what is new: in a first look that is whatever was read before. */
        file->news->former =
            was != NULL && was->news != NULL && reading->forms == NULL ? was->news->former : was;
        insert(reading, file);
        if (entry->refused != NULL) {
            if (entry->refused == below_closed)
                refuse_quietly(reading, file, below_closed);
            else
                refuse(reading, file, "unreadable", arena_strdup(reading->arena, entry->refused));
            file->flags |= FILE_READ;
        } else {
            file->identity = entry->identity;
            put_off(reading, file);
        }
    }
    file->source = visit->source;
    if (file->seen != reading->round - 1)
        reading->fresh++;
    file->seen = reading->round;
    if (entry->identity.size <= reading->terms.limits.file) /* of the others nothing is read */
        reading->bytes += entry->identity.size;
    if (++reading->seen > reading->files_max)
        return error_raise(visit->err, ERROR_MANIFEST, "more than %zu manifest files in %s", reading->files_max,
                           reading->sources[visit->source].path);
    return reading->bytes <= reading->bytes_max ||
           error_raise(visit->err, ERROR_MANIFEST, "the manifest files in %s hold more than %d MiB",
                       reading->sources[visit->source].path, (int)(reading->bytes_max >> 20));
}

static bool is_below(const struct string_list *folders, const struct manifest_file *file)
{
    for (size_t i = 0; i < folders->count; i++) {
        size_t length = strlen(folders->items[i]);
        if (file->length > length && file->path[length] == '/' && memcmp(file->path, folders->items[i], length) == 0)
            return true;
    }
    return false;
}

/* As if each were listed, and could not be read. */
static bool keep_below_closed(struct reading *reading, struct visit *visit)
{
    for (size_t i = 0; reading->closed.count > 0 && i < reading->file_count; i++) {
        const struct manifest_file *file = reading->files[i];
        const struct tree_entry entry = {.path = file->path, .length = file->length, .refused = below_closed};
        if (file->seen != reading->round && is_below(&reading->closed, file) && !visit_file(&entry, visit))
            return false;
    }
    return true;
}

static bool list(struct reading *reading, struct error *err)
{
    for (size_t i = 0; i < reading->source_count; i++) {
        struct source *source = &reading->sources[i];
        struct visit visit = {reading, (int)i, err};
        bool torn = false;
        reading->closed = (struct string_list){0};
        fd_release(&source->fd);
        source->fd = file_open_directory(source->path, err);
        if (source->fd < 0 || !tree_walk(source->fd, source->path, visit_file, &visit, &torn, err) ||
            !keep_below_closed(reading, &visit))
            return false;
        reading->torn |= torn;
    }
    return true;
}

bool reading_run(struct reading *reading, struct error *err)
{
    if (reading->source_count == 0)
        return exchange_all(reading, err);
    size_t before = reading->seen;
    for (reading->round = 1; reading->round <= ROUNDS_MAX; reading->round++) {
        reading->seen = reading->fresh = reading->pending_count = 0;
        reading->bytes = 0;
        reading->torn = false;
        if (!list(reading, err))
            return false;
        if (!reading->torn && reading->pending_count == 0 && reading->fresh == 0 && reading->seen == before)
            return exchange_all(reading, err);
        reading->trees = reading->pending_count <= TREES_MAX;
        for (size_t i = 0; i < reading->pending_count; i++)
            if (!read_file(reading, reading->pending[i], err))
                return false;
        if (!exchange_all(reading, err))
            return false;
        before = reading->seen;
    }
    return error_raise(err, ERROR_SYSTEM,
                       "%s keeps changing while it is read; it is read again when it is quiet",
                       reading->sources[0].path);
}

static bool content_again(const struct reading *reading, const struct manifest_file *file, struct buffer *out)
{
    unsigned char content[32];
    if (file->source < 0 || (file->news != NULL && file->news->refused != NULL))
        return false;
    const struct source *source = &reading->sources[file->source];
    const char *relative = file->path + strlen(source->path);
    while (*relative == '/')
        relative++;
    AUTO(fd) int fd = file_open_beneath(source->fd, relative, FILE_FLAGS, 0, true, NULL);
    if (fd < 0 || !file_read(fd, reading->terms.limits.file, out, NULL))
        return false;
    hash_sha256(span_of(buffer_text(out), out->length), content);
    return memcmp(content, file->content, sizeof content) == 0;
}

struct again {
    struct reading *reading;
    const struct manifest_file *file;
    void (*found)(const struct parsed_resource *parsed, void *arg);
    void *arg;
};

static void take_again(void *item, struct span answer, const char *ended, void *arg)
{
    const struct again *again = arg;
    struct arena *arena = again->reading->arena;
    struct problem_list problems = {.arena = arena};
    struct parsed_file parsed = {0};
    (void)item;
    if (ended != NULL)
        return;
    answer.data = arena_memdup(arena, answer.data, answer.length);
    if (parsed_decode(answer, file_shown(again->file, arena), arena, &parsed, &problems, NULL))
        for (size_t i = 0; i < parsed.count; i++)
            again->found(&parsed.resources[i], again->arg);
}

void reading_again(struct reading *reading, const struct manifest_file *file,
                   void (*found)(const struct parsed_resource *parsed, void *arg), void *arg)
{
    struct again again = {reading, file, found, arg};
    buffer_clear(&reading->text);
    if (!content_again(reading, file, &reading->text))
        return;
    struct parser_batch *batch = parser_batch_create(true, &reading->terms);
    if (parser_add(batch, NULL, span_of(buffer_text(&reading->text), reading->text.length)) && parser_send(batch, NULL))
        parser_receive(batch, take_again, &again, NULL);
    parser_batch_destroy(batch);
}
