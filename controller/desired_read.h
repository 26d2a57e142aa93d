/* Reading the files of one desired set: rounds of listing and reading until two listings agree. For
 * desired.c. */
#pragma once

#include "controller/desired_internal.h"
#include "controller/parser.h"

struct error;
struct parser_batch;

struct source { /* a directory that is walked */
    const char *path;
    int fd; /* of the last walk; what is read later is read beneath it, wherever the name leads by then */
};

struct reading {
    struct arena *arena;
    struct state *state; /* NULL: nothing is remembered */
    struct source *sources;
    size_t source_count;
    struct manifest_file **files; /* remembered ones in path order, then new ones */
    size_t file_count, file_capacity;
    struct slot {
        unsigned hash, index; /* index + 1 into files; 0: empty */
    } *slots;
    size_t slot_count;
    struct file_rows rows;
    size_t root_length; /* of the paths that rows_load gave */
    struct string_list closed; /* folders that cannot be read, of the source that is listed */
    int round;
    size_t seen;  /* files listed in this round */
    size_t fresh; /* of them, those that were not listed in the one before */
    uint64_t bytes;
    struct manifest_file **pending;
    size_t pending_count;
    bool torn;
    /* Files go to the process that reads them in batches: one is filled while the other is with it. */
    struct parser_batch *filling, *with_parser;
    bool trees;
    struct parser_terms terms;
    size_t files_max;
    uint64_t bytes_max;
    struct buffer text;        /* of the file at hand */
    struct state_batch *forms; /* first look at all: good forms go into the store as they come, none is kept here */
    size_t form_bytes;
    bool failed;
    struct error *failure; /* in the arena */
};

void reading_init(struct reading *reading, struct arena *arena, struct state *state, const struct operator_config *config);
void reading_finish(struct reading *reading);
/* Walk a directory. `remembered`: the rows of TABLE_FILE are about it. Fails: NOT_FOUND, SYSTEM, MANIFEST
 * (limits). */
void reading_add_directory(struct reading *reading, const char *path, bool remembered);
/* A file named by itself; "-" is standard input. What is wrong with it is a problem, not a failure. */
void reading_add_file(struct reading *reading, const char *path);
bool reading_run(struct reading *reading, struct error *err);

static inline bool file_exists_now(const struct reading *reading, const struct manifest_file *file)
{
    return file->seen == reading->round || file->source < 0;
}
/* What stands in a file, read again: calls `found` for each resource, with its tree. What `found` is given lives as long as
 * the arena. Nothing when the bytes are not those that were read before. */
void reading_again(struct reading *reading, const struct manifest_file *file,
                   void (*found)(const struct parsed_resource *parsed, void *arg), void *arg);
/* The key of a last good form in TABLE_RESOURCE. */
const char *form_key(struct arena *arena, enum resource_kind kind, const char *namespace_, const char *name);
