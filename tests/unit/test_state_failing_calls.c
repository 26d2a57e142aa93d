/* Each call that the store makes of the system and of LMDB fails once, over a life with commits of every sort, a backup and readers.
 * Whatever it is: what a commit said was written is there, what it said was not is there as a whole or not at all, nothing has to be
 * recovered, the store opens again, and what was paid survives the loss of the store file, too. */
#include "failing_store_calls.h"
#include "failing_state.h"

static const int system_errors[] = {EIO, ENOSPC, ENOMEM};
static const int store_errors[] = {EIO, MDB_MAP_FULL, MDB_CORRUPTED, ENOSPC, ENOMEM, MDB_PAGE_NOTFOUND, EACCES};

/* ---- lives ---- */

static void read_it(void)
{
    struct error err = {0};
    struct state *state = may_open(STATE_READ);
    if (state == NULL)
        return;
    if (told(state_hold(state, &err), &err)) {
        size_t rows = 0;
        if (told(state_scan(state, TABLE_ORDER, "", count_row, &rows, &err), &err))
            CHECK(rows >= said_rows());
        for (size_t i = 0; i < deed_count; i++)
            look_for(state, &deeds[i]);
        state_let(state);
    }
    state_close(state);
}

static void first_half(void)
{
    struct error err = {0};
    struct arena *arena = arena_create();
    const char *path = NULL;
    struct state *state = may_open(STATE_WRITE);
    if (state != NULL) {
        told(state_audit(state, "controller", "certificate/default/a", "order.submit", "", &err), &err);
        perform(state, "a", PAID);
        perform(state, "b", 0);
        perform(state, "c", STAGED | PAID);
        perform(state, "d", 0);
        told(state_backup(state, arena, &path, &err), &err);
        CHECK(path == NULL || access(path, F_OK) == 0);
        perform(state, "b", GONE);
        perform(state, "e", PAID);
        state_tend(state);
        state_room(state);
    }
    state_close(state);
    arena_destroy(arena);
}

static void a_life(void)
{
    struct error err = {0};
    char holder[200];
    first_half();
    read_it();
    struct state *state = may_open(STATE_WRITE);
    if (state != NULL) {
        state_lock_holder(store, holder, sizeof holder);
        told(state_audit(state, "controller", "certificate/default/f", "order.submit", "", &err), &err);
        perform(state, "f", PAID);
        perform(state, "g", 0);
        perform(state, "h", PAID);
    }
    state_close(state);
    told(audit_verify(audit, NULL, &err), &err);
}

/* ---- what is left ---- */

static void judge_life(void)
{
    struct state *state = open_store(STATE_WRITE);
    CHECK(state_reconcile_only(state) == NULL);
    judge_rows(state);
    judge_paid(state);
    perform(state, "last", PAID);
    CHECK(deeds[deed_count - 1].done);
    state_close(state);
    judge_names();
    struct error err = {0};
    CHECK_OK(audit_verify(audit, NULL, &err), err);
    forget_unpaid(); /* only what is paid, or is a key, is promised beyond the store file */
    CHECK(unlink(store_file()) == 0);
    state = open_store(STATE_WRITE);
    CHECK(state_reconcile_only(state) != NULL);
    CHECK_TEXT(state_reconcile_only(state)->why, "lost");
    judge_rows(state);
    judge_paid(state);
    state_close(state);
    judge_names();
}

static const struct failing_life whole = {fresh_world, a_life, judge_life};

static void a_store_survives_each_call_of_the_system(void)
{
    CHECK(each_call_fails(&whole, SYSTEM_CALLS, system_errors, (int)COUNT_OF(system_errors), 11) > 300);
}

static void a_store_survives_each_call_of_lmdb(void)
{
    CHECK(each_call_fails(&whole, STORE_CALLS, store_errors, (int)COUNT_OF(store_errors), 5) > 100);
}

static void a_commit_that_says_no_and_is_there_is_whole(void)
{
    CHECK(each_call_fails(&whole, SECRET_COMMITS, system_errors, (int)COUNT_OF(system_errors), 1) > 8);
}

int main(void)
{
    log_to(-1);
    RUN(a_commit_that_says_no_and_is_there_is_whole);
    RUN(a_store_survives_each_call_of_lmdb);
    RUN(a_store_survives_each_call_of_the_system);
    return CHECK_REPORT();
}
