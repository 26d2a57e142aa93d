/* Each call fails once while a store is sealed anew, put back, brought back or brought forward. Whatever it is: the key is never
 * lost, what was paid is there afterwards, a store that was not good is kept, and the same done again succeeds. */
#include <time.h>

#include "failing_store_calls.h"
#include "failing_state.h"
#include "old_store.h"

static const int system_errors[] = {EIO, ENOSPC, ENOMEM};
static const int store_errors[] = {EIO, MDB_MAP_FULL, MDB_CORRUPTED, ENOSPC, ENOMEM, EACCES};
static bool worked;

/* ---- worlds ---- */

static void begin_plain(void)
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

static void begin_damaged(void)
{
    static char nonsense[3 * 4096];
    begin_plain();
    memset(nonsense, 0x55, sizeof nonsense);
    spoil(store_file(), 2 * 4096, nonsense, sizeof nonsense);
}

static void begin_lost(void)
{
    begin_plain();
    CHECK(unlink(store_file()) == 0);
}

static void begin_old(void)
{
    fresh_world();
    make_old_store();
}

static void begin_later(void) /* with what no backup and no journal has */
{
    begin_plain();
    struct state *state = open_store(STATE_WRITE);
    perform(state, "d", 0);
    state_close(state);
}

/* Three within ten minutes. */
static void begin_crashed(void)
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
static void begin_half_rotated(void)
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
static void begin_hardly_rotated(void)
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

static void open_life(void)
{
    struct state *state = may_open(STATE_WRITE);
    for (size_t i = 0; state != NULL && i < deed_count; i++)
        look_for(state, &deeds[i]);
    state_close(state);
}

static void rotate_life(void)
{
    struct error err = {0};
    struct arena *arena = arena_create();
    const char *former = NULL;
    options.mode = STATE_WRITE;
    worked = told(state_rotate_key(&options, arena, &former, &err), &err);
    CHECK(!worked || access(former, F_OK) == 0);
    arena_destroy(arena);
}

static void restore_life(void)
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

static struct state *open_and_judge(void)
{
    struct state *state = open_store(STATE_WRITE);
    judge_rows(state);
    judge_paid(state);
    return state;
}

static void go_on(struct state *state)
{
    perform(state, "z", PAID);
    CHECK(deeds[deed_count - 1].done);
    state_close(state);
    judge_names();
}

static void forget_it(struct state *state)
{
    struct error err = {0};
    struct state_batch *batch = state_batch_create();
    state_release(state, batch);
    CHECK_OK(state_commit(state, batch, false, &err), err);
    state_released(state);
    state_batch_destroy(batch);
}

static void judge_rotation(void)
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

static void in_trouble(struct state *state, const char *one, const char *other)
{
    const struct state_trouble *trouble = state_reconcile_only(state);
    CHECK(trouble != NULL);
    if (strcmp(trouble->why, one) != 0 && strcmp(trouble->why, other) != 0)
        CHECK_TEXT(trouble->why, one);
}

static void judge_recovery(const char *one, const char *other)
{
    struct state *state = open_and_judge();
    in_trouble(state, one, other);
    state_close(state);
    state = open_and_judge(); /* and it stays, until a person says so */
    in_trouble(state, one, other);
    forget_it(state);
    state_close(state);
    state = open_and_judge();
    CHECK(state_reconcile_only(state) == NULL);
    go_on(state);
}

static void judge_damaged(void)
{
    judge_recovery("damaged", "lost");
    CHECK_INT(count_files(store, "damaged-"), 1);
}

static void judge_lost(void) { judge_recovery("lost", "lost"); }
static void judge_crashed(void) { judge_recovery("crashed", "crashed"); }

static void judge_restored(void)
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

static void judge_old(void)
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

static const struct failing_life rotation = {begin_plain, rotate_life, judge_rotation};
static const struct failing_life half_rotated = {begin_half_rotated, open_life, judge_rotation};
static const struct failing_life hardly_rotated = {begin_hardly_rotated, open_life, judge_rotation};
static const struct failing_life restoring = {begin_later, restore_life, judge_restored};
static const struct failing_life damage = {begin_damaged, open_life, judge_damaged};
static const struct failing_life loss = {begin_lost, open_life, judge_lost};
static const struct failing_life migration = {begin_old, open_life, judge_old};
static const struct failing_life crashes = {begin_crashed, open_life, judge_crashed};

static void each_fails(const struct failing_life *life, int of_the_system, int of_lmdb, int stride)
{
    CHECK(each_call_fails(life, SYSTEM_CALLS, system_errors, (int)COUNT_OF(system_errors), 2 * stride) > of_the_system);
    CHECK(each_call_fails(life, STORE_CALLS, store_errors, (int)COUNT_OF(store_errors), stride) > of_lmdb);
    each_call_fails(life, SECRET_COMMITS, system_errors, (int)COUNT_OF(system_errors), 1);
}

static void a_new_key_survives_each_call(void) { each_fails(&rotation, 200, 30, 31); }
static void a_killed_rotation_is_finished_whatever_fails(void) { each_fails(&half_rotated, 100, 20, 31); }
static void a_key_that_seals_nothing_goes_whatever_fails(void) { each_fails(&hardly_rotated, 100, 20, 31); }
static void a_restored_backup_survives_each_call(void) { each_fails(&restoring, 200, 30, 31); }
static void a_damaged_store_is_brought_back_whatever_fails(void) { each_fails(&damage, 200, 30, 31); }
static void a_lost_store_is_brought_back_whatever_fails(void) { each_fails(&loss, 150, 30, 31); }
static void an_older_store_is_brought_forward_whatever_fails(void) { each_fails(&migration, 150, 30, 31); }
static void three_crashes_are_not_forgotten_whatever_fails(void) { each_fails(&crashes, 100, 20, 31); }

int main(void)
{
    log_to(-1);
    RUN(a_new_key_survives_each_call);
    RUN(a_killed_rotation_is_finished_whatever_fails);
    RUN(a_key_that_seals_nothing_goes_whatever_fails);
    RUN(a_restored_backup_survives_each_call);
    RUN(a_damaged_store_is_brought_back_whatever_fails);
    RUN(a_lost_store_is_brought_back_whatever_fails);
    RUN(an_older_store_is_brought_forward_whatever_fails);
    RUN(three_crashes_are_not_forgotten_whatever_fails);
    return CHECK_REPORT();
}
