/* A store that is sealed anew, put back, brought back or brought forward while calls fail: worlds, lives, and what must be left of
 * them. */
#pragma once

#include <time.h>

#include "failing_store_calls.h"
#include "failing_state.h"
#include "old_store.h"

static const int system_errors[] = {EIO, ENOSPC, ENOMEM};
static const int store_errors[] = {EIO, MDB_MAP_FULL, MDB_CORRUPTED, ENOSPC, ENOMEM, EACCES};
static bool worked;

/* ---- worlds ---- */

static inline void begin_plain(void)
{
    struct error err = {0};
    struct arena *arena = arena_create();
    const char *path;
    fresh_world();
    struct state *state = open_store(STATE_WRITE);
    perform(state, "a", PAID);
    perform(state, "b", 0);
    CHECK_OK(state_backup(state, arena, &path, &err), err);
    perform(state, "c", PAID);
    state_close(state);
    arena_destroy(arena);
}

static inline void begin_damaged(void)
{
    static char nonsense[3 * 4096];
    begin_plain();
    memset(nonsense, 0x55, sizeof nonsense);
    spoil(store_file(), 2 * 4096, nonsense, sizeof nonsense);
}

static inline void begin_lost(void)
{
    begin_plain();
    CHECK(unlink(store_file()) == 0);
}

static inline void begin_old(void)
{
    fresh_world();
    make_old_store();
}

static inline void begin_later(void) /* with what no backup and no journal has */
{
    begin_plain();
    struct state *state = open_store(STATE_WRITE);
    perform(state, "d", 0);
    state_close(state);
}

/* Three within ten minutes. */
static inline void begin_crashed(void)
{
    char path[160], lines[100];
    long long now = (long long)time(NULL);
    begin_plain();
    in_folder(path, sizeof path, "state/crashes");
    snprintf(lines, sizeof lines, "%lld 11\n%lld 11\n%lld 6\n", now - 30, now - 20, now - 10);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fputs(lines, file) > 0 && fclose(file) == 0);
}

/* A rotation that was killed before its new key took the old one's name... */
static inline void begin_half_rotated(void)
{
    struct error err = {0};
    struct arena *arena = arena_create();
    const char *former;
    char next[160];
    begin_plain();
    options.mode = STATE_WRITE;
    CHECK_OK(state_rotate_key(&options, arena, &former, &err), err);
    in_folder(next, sizeof next, "sealing.key.new");
    CHECK(rename(key_file, next) == 0 && rename(former, key_file) == 0);
    arena_destroy(arena);
}

/* ...and one that was killed before the store was sealed with it. */
static inline void begin_hardly_rotated(void)
{
    struct error err = {0};
    char next[160];
    begin_plain();
    in_folder(next, sizeof next, "sealing.key.new");
    struct seal *key = seal_make(next, &err);
    CHECK_OK(key != NULL, err);
    seal_destroy(key);
}

/* ---- lives ---- */

static inline void open_life(void)
{
    struct state *state = may_open(STATE_WRITE);
    for (size_t i = 0; state != NULL && i < deed_count; i++)
        look_for(state, &deeds[i]);
    state_close(state);
}

static inline void rotate_life(void)
{
    struct error err = {0};
    struct arena *arena = arena_create();
    const char *former = NULL;
    options.mode = STATE_WRITE;
    worked = told(state_rotate_key(&options, arena, &former, &err), &err);
    CHECK(!worked || access(former, F_OK) == 0);
    arena_destroy(arena);
}

static inline void restore_life(void)
{
    struct error err = {0};
    struct arena *arena = arena_create();
    const char *words = NULL;
    options.mode = STATE_WRITE;
    worked = told(state_restore(&options, NULL, NULL, arena, &words, &err), &err);
    CHECK(!worked || strstr(words, "put back") != NULL);
    arena_destroy(arena);
}

/* ---- what is left ---- */

static inline struct state *open_and_judge(void)
{
    struct state *state = open_store(STATE_WRITE);
    judge_rows(state);
    judge_paid(state);
    return state;
}

static inline void go_on(struct state *state)
{
    perform(state, "z", PAID);
    CHECK(deeds[deed_count - 1].done);
    state_close(state);
    judge_names();
}

static inline void judge_rotation(void)
{
    state_close(open_store(STATE_READ)); /* whichever key seals it, looking finds it */
    struct state *state = open_and_judge();
    CHECK(state_reconcile_only(state) == NULL);
    state_close(state);
    judge_names();
    rotate_life();
    CHECK(worked);
    state = open_and_judge();
    CHECK(state_reconcile_only(state) == NULL);
    go_on(state);
    forget_unpaid();
    CHECK(unlink(store_file()) == 0);
    state_close(open_and_judge()); /* backups and journal open, too */
}

static inline void in_trouble(struct state *state, const char *one, const char *other)
{
    const struct state_trouble *trouble = state_reconcile_only(state);
    CHECK(trouble != NULL);
    if (strcmp(trouble->why, one) != 0 && strcmp(trouble->why, other) != 0)
        CHECK_TEXT(trouble->why, one);
}

static inline void judge_recovery(const char *one, const char *other)
{
    struct state *state = open_and_judge();
    in_trouble(state, one, other);
    state_close(state);
    state = open_and_judge(); /* and it stays, until a person says so */
    in_trouble(state, one, other);
    release(state);
    state_close(state);
    state = open_and_judge();
    CHECK(state_reconcile_only(state) == NULL);
    go_on(state);
}

static inline void judge_damaged(void)
{
    judge_recovery("damaged", "lost");
    CHECK_INT(count_files(store, "damaged-"), 1);
}

static inline void judge_lost(void) { judge_recovery("lost", "lost"); }
static inline void judge_crashed(void) { judge_recovery("crashed", "crashed"); }

static inline void judge_restored(void)
{
    deed_count--; /* what came after the backup may be gone */
    struct state *state = open_and_judge();
    CHECK(!worked || state_reconcile_only(state) != NULL);
    if (state_reconcile_only(state) != NULL)
        in_trouble(state, "restored", "restored");
    state_close(state);
    CHECK(!worked || count_files(store, "replaced-") >= 1);
    restore_life();
    CHECK(worked);
    judge_recovery("restored", "restored");
}

static inline void judge_old(void)
{
    int64_t revision;
    struct state *state = open_store(STATE_WRITE);
    CHECK(state_reconcile_only(state) == NULL && !state_is_fresh(state));
    CHECK_TEXT(state_installation(state), old_installation);
    CHECK_TEXT(get(state, TABLE_ORDER, "default/shop/000001", &revision), "an order");
    CHECK_INT(revision, 7);
    CHECK_TEXT(get(state, TABLE_BLOB, "key/1", NULL), "a private key");
    CHECK_INT(state_paid_count(state), 2);
    state_close(state);
    judge_names();
    CHECK_INT(count_files(store, "schema-1.mdb"), 1);
}

static inline void each_fails(const struct failing_life *life, int of_the_system, int of_lmdb, int stride)
{
    CHECK(each_call_fails(life, SYSTEM_CALLS, system_errors, (int)COUNT_OF(system_errors), 2 * stride) > of_the_system);
    CHECK(each_call_fails(life, STORE_CALLS, store_errors, (int)COUNT_OF(store_errors), stride) > of_lmdb);
    each_call_fails(life, SECRET_COMMITS, system_errors, (int)COUNT_OF(system_errors), 1);
}
