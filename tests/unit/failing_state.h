/* What a life of the store said it did, and the judgement of what is left of it: for the tests in which calls fail. */
#pragma once

#include <fnmatch.h>

#include "controller/audit.h"

#include "state_world.h"

enum deed_sort {
    PAID = 1,
    STAGED = 2, /* with the next one's commit */
    GONE = 4,   /* deleted, a row that is there */
};
/* A batch of three rows under one name: an order, a private key, a row of the index. */
static struct deed {
    char name[16];
    int sort;
    bool done, staged; /* it was said so */
} deeds[32];
static size_t deed_count;

static inline void fresh_world(void)
{
    fresh_folder();
    deed_count = 0;
}

/* What did not work says what was the matter, in an error that somebody can cure. */
static inline bool told(bool ok, struct error *err)
{
    if (!ok && (err->kind == ERROR_NONE || err->kind == ERROR_INTERNAL || err->kind == ERROR_CONFLICT || err->message[0] == '\0'))
        fprintf(stderr, "kind %d: \"%s\" (%s)\n", (int)err->kind, err->message, err->raised_at != NULL ? err->raised_at : "?");
    CHECK(ok || (err->kind != ERROR_NONE && err->kind != ERROR_INTERNAL && err->kind != ERROR_CONFLICT && err->message[0] != '\0'));
    *err = (struct error){0};
    return ok;
}

static inline struct state *may_open(enum state_mode mode)
{
    struct error err = {0};
    options.mode = mode;
    struct state *state = state_open(&options, &err);
    told(state != NULL, &err);
    return state;
}

static inline const char *key_name(const char *name)
{
    static char key[32];
    snprintf(key, sizeof key, "key/%s", name);
    return key;
}

static inline void perform(struct state *state, const char *name, int sort)
{
    struct error err = {0};
    struct deed *deed = &deeds[deed_count++];
    struct state_batch *batch = state_batch_create();
    CHECK(deed_count <= COUNT_OF(deeds));
    *deed = (struct deed){.sort = sort};
    snprintf(deed->name, sizeof deed->name, "%s", name);
    if (sort & GONE) {
        state_delete(batch, TABLE_ORDER, name, STATE_ANY);
    } else {
        state_put(batch, TABLE_ORDER, name, text(name), 0);
        if (sort & PAID)
            state_put(batch, TABLE_BLOB, key_name(name), text(name), STATE_ANY);
        state_put(batch, TABLE_INDEX, name, text(name), STATE_ANY);
    }
    if (sort & STAGED)
        deed->staged = told(state_stage(state, batch, sort & PAID, &err), &err);
    else
        deed->done = told(state_commit(state, batch, sort & PAID, &err), &err);
    for (size_t i = 0; i + 1 < deed_count && deed->done; i++)
        if (deeds[i].staged) {
            deeds[i].done = true;
            deeds[i].staged = false;
        }
    for (size_t i = 0; i + 1 < deed_count && !(sort & STAGED); i++)
        deeds[i].staged = false;
    state_batch_destroy(batch);
}

/* Whether a later deed took this one's order away; `out_done`: and said so. */
static inline bool taken_away(const struct deed *deed, bool *out_done)
{
    bool any = false;
    *out_done = false;
    for (const struct deed *later = deed + 1; later < deeds + deed_count; later++)
        if ((later->sort & GONE) && strcmp(later->name, deed->name) == 0) {
            any = true;
            *out_done = *out_done || later->done;
        }
    return any;
}

static inline size_t said_rows(void)
{
    size_t rows = 0;
    bool done;
    for (size_t i = 0; i < deed_count; i++)
        rows += deeds[i].done && !(deeds[i].sort & GONE) && !taken_away(&deeds[i], &done);
    return rows;
}

static inline bool count_row(const char *key, struct span value, int64_t revision, void *arg)
{
    CHECK(revision > 0 && value.length == strlen(key) && memcmp(key, value.data, value.length) == 0);
    ++*(size_t *)arg;
    return true;
}

/* While calls fail: what is there is right, and only an answer that says so lets it be missing. */
static inline void look_for(struct state *state, const struct deed *deed)
{
    struct error err = {0};
    struct span value;
    struct arena *arena = arena_create();
    bool done, gone = taken_away(deed, &done);
    if (state_get(state, TABLE_ORDER, deed->name, arena, &value, NULL, &err))
        CHECK(value.length == strlen(deed->name) && memcmp(value.data, deed->name, value.length) == 0);
    else
        CHECK(err.kind == ERROR_STATE || (err.kind == ERROR_NOT_FOUND && (!deed->done || gone || (deed->sort & GONE))));
    arena_destroy(arena);
}

/* Afterwards, when all is well: everything that was said, in order, and of the rest all of a batch or nothing. */
static inline void judge_rows(struct state *state)
{
    int64_t last = 0;
    for (size_t i = 0; i < deed_count; i++) {
        const struct deed *deed = &deeds[i];
        int64_t revision = 0, key_revision = 0, row_revision = 0;
        bool gone_done, gone = taken_away(deed, &gone_done);
        if (deed->sort & GONE)
            continue;
        const char *is = get(state, TABLE_ORDER, deed->name, &revision);
        bool there = is != NULL && strcmp(is, deed->name) == 0;
        bool row = get(state, TABLE_INDEX, deed->name, &row_revision) != NULL;
        bool key = get(state, TABLE_BLOB, key_name(deed->name), &key_revision) != NULL;
        if (deed->done && !there && !gone)
            fprintf(stderr, "%s, which was said to be written, is not there\n", deed->name);
        CHECK(!deed->done || there || gone);
        CHECK(!gone_done || !there);
        CHECK(!there || !(deed->sort & PAID) || key);
        CHECK(there || gone || (!row && !key));
        bool same = i > 0 && (deeds[i - 1].sort & STAGED); /* one commit with the one before */
        CHECK(!there || revision > last || (same && revision == last) || state_reconcile_only(state) != NULL);
        CHECK(!there || !row || revision == row_revision || state_reconcile_only(state) != NULL);
        CHECK(!there || !key || revision == key_revision);
        last = there ? revision : last;
    }
}

static inline void judge_paid(struct state *state)
{
    int said = 0, tried = 0;
    for (size_t i = 0; i < deed_count; i++)
        if (deeds[i].sort & PAID) {
            bool there = get(state, TABLE_ORDER, deeds[i].name, NULL) != NULL;
            CHECK(there || !deeds[i].done);
            said += deeds[i].done;
            tried += there;
        }
    CHECK(state_paid_count(state) >= said);
    CHECK_INT(state_paid_count(state), tried); /* as many as are there */
}

static inline void forget_unpaid(void)
{
    size_t kept = 0;
    for (size_t i = 0; i < deed_count; i++)
        if (deeds[i].sort & PAID)
            deeds[kept++] = deeds[i];
    deed_count = kept;
}

static inline const char *store_file(void)
{
    static char path[160];
    in_folder(path, sizeof path, "state/data.mdb");
    return path;
}

/* Nothing lies beside but what is known. */
static inline void judge_folder(const char *directory, const char *const *known)
{
    DIR *open = opendir(directory);
    CHECK(open != NULL);
    for (struct dirent *entry; (entry = readdir(open)) != NULL;) {
        bool found = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        for (size_t i = 0; known[i] != NULL; i++)
            found = found || fnmatch(known[i], entry->d_name, FNM_PERIOD) == 0;
        if (!found)
            fprintf(stderr, "%s/%s is left\n", directory, entry->d_name);
        CHECK(found);
    }
    closedir(open);
}

static inline void judge_names(void)
{
    static const char *const in_home[] = {"state", "audit", "sealing.key", "sealing.key.[0-9a-f]*", NULL};
    static const char *const in_store[] = {"data.mdb", "lock.mdb", "lock", "reserve", "damaged-*.mdb", "replaced-*.mdb",
                                           "schema-1.mdb", NULL};
    static const char *const in_audit[] = {"audit.log", "installation.seal", "journal.seal", "lock", "backups", NULL};
    static const char *const in_backups[] = {"store-*.mdb", NULL};
    char backups[160];
    judge_folder(folder, in_home);
    judge_folder(store, in_store);
    judge_folder(audit, in_audit);
    in_folder(backups, sizeof backups, "audit/backups");
    if (access(backups, F_OK) == 0)
        judge_folder(backups, in_backups);
}
