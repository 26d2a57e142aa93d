/* Stores that are lost, older, other, copied or damaged: what is brought back, what is said, and that it is said until a
 * person confirms it. */
#include <signal.h>
#include <stdio.h>

#include "state_world.h"

static char data[160], backups[160];

static void begin(void)
{
    fresh_folder();
    in_folder(data, sizeof data, "state/data.mdb");
    in_folder(backups, sizeof backups, "audit/backups");
}

static void in_trouble(struct state *state, const char *why, const char *words)
{
    const struct state_trouble *trouble = state_reconcile_only(state);
    CHECK(trouble != NULL);
    CHECK_TEXT(trouble->why, why);
    CHECK_INT(strlen(trouble->digest), 12);
    CHECK(strstr(trouble->words, words) != NULL);
}

static void pay_for(struct state *state, const char *key, const char *value, bool with_key)
{
    struct error err = {0};
    struct state_batch *batch = state_batch_create();
    state_put(batch, TABLE_ORDER, key, text(value), STATE_ANY);
    if (with_key)
        state_put(batch, TABLE_BLOB, "key/1", text("a private key"), STATE_ANY);
    CHECK_OK(state_commit(state, batch, !with_key, &err), err);
    state_batch_destroy(batch);
}

static void a_store_to_be_trusted_says_nothing(void)
{
    begin();
    struct state *state = open_store(STATE_WRITE);
    CHECK(state_reconcile_only(state) == NULL && state_told(state) == NULL && state_room(state) == NULL);
    pay(state);
    state_close(state);
    state = open_store(STATE_WRITE);
    CHECK(state_reconcile_only(state) == NULL && state_told(state) == NULL);
    state_close(state);
}

static void a_lost_store_comes_back_from_the_journal(void)
{
    begin();
    char installation[40], aside[160];
    struct state *state = open_store(STATE_WRITE);
    snprintf(installation, sizeof installation, "%s", state_installation(state));
    pay_for(state, "default/shop/000001", "prepared", true);
    pay_for(state, "default/shop/000001", "submitting", false);
    int64_t revision = state_revision(state);
    state_close(state);
    snprintf(aside, sizeof aside, "%s.aside", store);
    CHECK(rename(store, aside) == 0);

    CHECK(strstr(refused(STATE_READ).message, "missing") != NULL); /* looking makes nothing */
    CHECK(access(store, F_OK) != 0);

    state = open_store(STATE_WRITE);
    in_trouble(state, "lost", "missing");
    CHECK(!state_is_fresh(state));
    CHECK_TEXT(state_installation(state), installation); /* so the ids of its orders are the same */
    CHECK_TEXT(get(state, TABLE_ORDER, "default/shop/000001", NULL), "submitting");
    CHECK_TEXT(get(state, TABLE_BLOB, "key/1", NULL), "a private key");
    CHECK_INT(state_paid_count(state), 1);
    CHECK(state_revision(state) > revision);
    state_close(state);

    state = open_store(STATE_WRITE); /* it stays so over a restart, and is no longer news */
    in_trouble(state, "lost", "missing");
    CHECK(state_told(state) == NULL);
    release(state);
    CHECK(state_reconcile_only(state) == NULL);
    state_close(state);
    state = open_store(STATE_WRITE);
    CHECK(state_reconcile_only(state) == NULL);
    state_close(state);
}

static void an_older_store_is_recognised_and_brought_forward(void)
{
    begin();
    char old[160];
    in_folder(old, sizeof old, "old");
    struct state *state = open_store(STATE_WRITE);
    pay_for(state, "a", "1", false);
    state_close(state);
    copy_file(data, old);
    state = open_store(STATE_WRITE);
    pay_for(state, "b", "2", false);
    CHECK_INT(state_paid_count(state), 2);
    state_close(state);
    copy_file(old, data);
    CHECK(strstr(refused(STATE_READ).message, "older") != NULL);
    state = open_store(STATE_WRITE);
    in_trouble(state, "older", "1 recorded paid steps, not 2");
    CHECK_TEXT(get(state, TABLE_ORDER, "b", NULL), "2");
    CHECK_INT(state_paid_count(state), 2);
    state_close(state);
}

/* Neither copy nor journal are there: the audit log's lines tell on what revision they were written. */
static void the_audit_log_alone_tells_an_older_store(void)
{
    begin();
    char old[160], path[160];
    in_folder(old, sizeof old, "old");
    struct state *state = open_store(STATE_WRITE);
    put(state, TABLE_ORDER, "a", "1");
    state_close(state);
    copy_file(data, old);
    state = open_store(STATE_WRITE);
    for (int i = 0; i < 2; i++) {
        CHECK(state_audit(state, "controller", "x", "order.submit", "", NULL));
        pay(state);
    }
    state_close(state);
    copy_file(old, data);
    in_folder(path, sizeof path, "audit/installation.seal");
    CHECK(unlink(path) == 0);
    in_folder(path, sizeof path, "audit/journal.seal");
    CHECK(unlink(path) == 0);
    state = open_store(STATE_WRITE);
    in_trouble(state, "older", "older");
    state_close(state);
}

/* A line that was synced before a commit that never came to be is no sign of an older store. */
static void a_crash_between_audit_line_and_commit_is_no_trouble(void)
{
    begin();
    struct state *state = open_store(STATE_WRITE);
    pay(state);
    CHECK(state_audit(state, "controller", "x", "order.submit", "", NULL));
    CHECK(state_audit(state, "controller", "x", "order.submit", "", NULL));
    state_close(state);
    state = open_store(STATE_WRITE);
    CHECK(state_reconcile_only(state) == NULL);
    state_close(state);
}

static void copy_directory(const char *from, const char *to)
{
    char a[300], b[300];
    CHECK(mkdir(to, 0700) == 0);
    const char *names[] = {"data.mdb", "lock"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(a, sizeof a, "%s/%s", from, names[i]);
        snprintf(b, sizeof b, "%s/%s", to, names[i]);
        copy_file(a, b);
    }
}

static void a_copied_store_is_recognised(void)
{
    begin();
    char copy[160], moved[160];
    in_folder(copy, sizeof copy, "copy");
    in_folder(moved, sizeof moved, "moved");
    struct state *state = open_store(STATE_WRITE);
    pay(state);
    state_close(state);
    copy_directory(store, copy);
    CHECK(rename(store, moved) == 0); /* one that is only moved is the same one */
    options.directory = moved;
    state = open_store(STATE_WRITE);
    CHECK(state_reconcile_only(state) == NULL);
    state_close(state);
    options.directory = copy;
    state = open_store(STATE_WRITE);
    in_trouble(state, "copied", "copied here from another place");
    release(state);
    state_close(state);
    state = open_store(STATE_WRITE);
    CHECK(state_reconcile_only(state) == NULL);
    state_close(state);
}

static void a_store_of_another_installation_is_recognised(void)
{
    begin();
    char other[160];
    in_folder(other, sizeof other, "other");
    struct state *state = open_store(STATE_WRITE);
    pay(state);
    state_close(state);
    struct state_options was = options;
    char aside[160];
    in_folder(aside, sizeof aside, "other-audit");
    options.directory = other;
    options.audit_directory = aside;
    state = open_store(STATE_WRITE);
    pay(state);
    state_close(state);
    options = was;
    in_folder(aside, sizeof aside, "other/data.mdb");
    copy_file(aside, data);
    CHECK(strstr(refused(STATE_READ).message, "another installation") != NULL);
    state = open_store(STATE_WRITE);
    in_trouble(state, "foreign", "another installation");
    state_close(state);
    state = open_store(STATE_WRITE); /* copy and backup are this one's from now on */
    in_trouble(state, "foreign", "another installation");
    release(state);
    state_close(state);
    state = open_store(STATE_WRITE);
    CHECK(state_reconcile_only(state) == NULL);
    state_close(state);
}

static void a_damaged_store_is_set_aside_and_the_backup_taken(void)
{
    begin();
    struct error err = {0};
    struct arena *arena = arena_create();
    const char *path;
    char junk[4096];
    memset(junk, 0, sizeof junk);
    struct state *state = open_store(STATE_WRITE);
    pay_for(state, "a", "1", false);
    put(state, TABLE_CERTIFICATE, "c", "kept");
    CHECK_OK(state_backup(state, arena, &path, &err), err);
    pay_for(state, "b", "2", false);
    state_close(state);
    struct stat st;
    CHECK(stat(data, &st) == 0);
    for (off_t at = 2 * 4096; at < st.st_size; at += 4096)
        spoil(data, at, junk, sizeof junk);
    state = open_store(STATE_WRITE);
    in_trouble(state, "damaged", "set aside");
    CHECK(strstr(state_told(state), "the backup of") != NULL);
    CHECK_TEXT(get(state, TABLE_ORDER, "a", NULL), "1");
    CHECK_TEXT(get(state, TABLE_ORDER, "b", NULL), "2"); /* by the journal */
    CHECK_TEXT(get(state, TABLE_CERTIFICATE, "c", NULL), "kept");
    CHECK_INT(count_files(store, "damaged-"), 1);
    state_close(state);
    arena_destroy(arena);
}

/* The newest one may be spoilt as well. */
static void the_newest_good_backup_is_taken(void)
{
    begin();
    struct error err = {0};
    struct arena *arena = arena_create();
    const char *first, *second;
    struct state *state = open_store(STATE_WRITE);
    pay_for(state, "a", "1", false);
    CHECK_OK(state_backup(state, arena, &first, &err), err);
    pay_for(state, "b", "2", false);
    CHECK_OK(state_backup(state, arena, &second, &err), err);
    pay_for(state, "c", "3", false);
    state_close(state);
    CHECK(truncate(second, 5000) == 0 && truncate(data, 9000) == 0);
    state = open_store(STATE_WRITE);
    in_trouble(state, "damaged", "cut short");
    CHECK_TEXT(get(state, TABLE_ORDER, "a", NULL), "1");
    CHECK_TEXT(get(state, TABLE_ORDER, "b", NULL), "2");
    CHECK_TEXT(get(state, TABLE_ORDER, "c", NULL), "3");
    state_close(state);
    arena_destroy(arena);
}

static void a_file_that_is_no_store_is_set_aside(void)
{
    begin();
    state_close(open_store(STATE_WRITE));
    char junk[8192];
    memset(junk, 'j', sizeof junk);
    CHECK(truncate(data, 0) == 0);
    spoil(data, 0, junk, sizeof junk);
    struct state *state = open_store(STATE_WRITE);
    in_trouble(state, "damaged", "is damaged");
    CHECK_INT(count_files(store, "damaged-"), 1);
    state_close(state);
}

/* The wrong key is the operator's to cure: nothing is set aside for it. */
static void another_key_is_no_damage(void)
{
    begin();
    char aside[160];
    struct state *state = open_store(STATE_WRITE);
    pay(state);
    state_close(state);
    snprintf(aside, sizeof aside, "%s.aside", key_file);
    CHECK(rename(key_file, aside) == 0);
    int fd = open(key_file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    for (int i = 0; i < 64; i++)
        CHECK(write(fd, "b", 1) == 1);
    close(fd);
    CHECK(strstr(refused(STATE_WRITE).message, key_file) != NULL || strstr(refused(STATE_WRITE).message, "sealing key") != NULL);
    CHECK_INT(count_files(store, "damaged-"), 0);
    CHECK(rename(aside, key_file) == 0);
    state = open_store(STATE_WRITE);
    CHECK(state_reconcile_only(state) == NULL);
    state_close(state);
}

/* Killed at any moment of a recovery, the next start ends where it would have. */
static void a_recovery_may_be_killed(void)
{
    for (int after_us = 0; after_us < 40000; after_us += 2500) {
        begin();
        struct error err = {0};
        struct arena *arena = arena_create();
        struct state *state = open_store(STATE_WRITE);
        pay_for(state, "a", "1", false);
        CHECK_OK(state_backup(state, arena, NULL, &err), err);
        state_close(state);
        CHECK(truncate(data, 9000) == 0);
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            state_close(open_store(STATE_WRITE));
            _exit(0);
        }
        usleep((useconds_t)after_us); /* when it dies is the point */
        kill(child, SIGKILL);
        CHECK(waitpid(child, NULL, 0) == child);
        state = open_store(STATE_WRITE);
        const struct state_trouble *trouble = state_reconcile_only(state);
        CHECK(trouble != NULL);
        CHECK_TEXT(get(state, TABLE_ORDER, "a", NULL), "1");
        CHECK_INT(count_files(store, "damaged-"), 1);
        state_close(state);
        arena_destroy(arena);
    }
}

/* ---- two controllers ---- */

static void a_removed_lock_file_admits_nobody(void)
{
    begin();
    char lock[160];
    in_folder(lock, sizeof lock, "state/lock");
    struct state *state = open_store(STATE_WRITE);
    CHECK(unlink(lock) == 0);
    struct error err = refused(STATE_WRITE);
    CHECK(strstr(err.message, "in use by another certwright") != NULL);
    state_close(state);
    state_close(open_store(STATE_WRITE));
}

static void a_link_to_the_directory_admits_nobody(void)
{
    begin();
    char link[160];
    in_folder(link, sizeof link, "link");
    struct state *state = open_store(STATE_WRITE);
    CHECK(symlink(store, link) == 0);
    options.directory = link;
    CHECK(strstr(refused(STATE_WRITE).message, "in use by certwright run, pid") != NULL);
    state_close(state);
}

static void a_copy_beside_the_same_audit_log_admits_nobody(void)
{
    begin();
    char copy[160];
    in_folder(copy, sizeof copy, "copy");
    struct state *state = open_store(STATE_WRITE);
    pay(state);
    copy_directory(store, copy);
    options.directory = copy;
    struct error err = refused(STATE_WRITE);
    CHECK(strstr(err.message, "audit is in use by certwright run, pid") != NULL);
    state_close(state);
}

int main(void)
{
    log_to(-1);
    RUN(a_store_to_be_trusted_says_nothing);
    RUN(a_lost_store_comes_back_from_the_journal);
    RUN(an_older_store_is_recognised_and_brought_forward);
    RUN(the_audit_log_alone_tells_an_older_store);
    RUN(a_crash_between_audit_line_and_commit_is_no_trouble);
    RUN(a_copied_store_is_recognised);
    RUN(a_store_of_another_installation_is_recognised);
    RUN(a_damaged_store_is_set_aside_and_the_backup_taken);
    RUN(the_newest_good_backup_is_taken);
    RUN(a_file_that_is_no_store_is_set_aside);
    RUN(another_key_is_no_damage);
    RUN(a_recovery_may_be_killed);
    RUN(a_removed_lock_file_admits_nobody);
    RUN(a_link_to_the_directory_admits_nobody);
    RUN(a_copy_beside_the_same_audit_log_admits_nobody);
    return CHECK_REPORT();
}
