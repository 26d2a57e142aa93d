/* The store: compare-and-set, one writer, sealing, crashes, and what is refused. */
#include <signal.h>
#include <sys/resource.h>

#include "state_world.h"

static void what_is_written_is_read_again_after_a_restart(void)
{
    fresh_folder();
    struct state *state = open_store(STATE_WRITE);
    CHECK(state_is_fresh(state));
    put(state, TABLE_ORDER, "default/shop/000001", "one");
    put(state, TABLE_INDEX, "Certificate/default/shop", "row");
    char installation[40];
    snprintf(installation, sizeof installation, "%s", state_installation(state));
    CHECK_INT(strlen(installation), 32);
    state_close(state);

    state = open_store(STATE_WRITE);
    CHECK(!state_is_fresh(state));
    CHECK_TEXT(state_installation(state), installation);
    CHECK_TEXT(get(state, TABLE_ORDER, "default/shop/000001", NULL), "one");
    CHECK_TEXT(get(state, TABLE_INDEX, "Certificate/default/shop", NULL), "row");
    CHECK(get(state, TABLE_ORDER, "default/shop/000002", NULL) == NULL);
    state_close(state);
}

static void a_write_needs_the_revision_it_was_decided_on(void)
{
    fresh_folder();
    struct error err = {0};
    int64_t first, second;
    struct state *state = open_store(STATE_WRITE);
    CHECK_OK(commit_one(state, TABLE_ORDER, "k", "1", 0, &err), err);
    CHECK(!commit_one(state, TABLE_ORDER, "k", "2", 0, &err));
    CHECK_INT(err.kind, ERROR_CONFLICT);
    CHECK(get(state, TABLE_ORDER, "k", &first) != NULL);
    CHECK_INT(first, state_revision(state));
    CHECK_OK(commit_one(state, TABLE_ORDER, "k", "2", first, &err), err);
    CHECK(!commit_one(state, TABLE_ORDER, "k", "3", first, &err));
    CHECK_TEXT(get(state, TABLE_ORDER, "k", &second), "2");
    CHECK(second > first);
    state_close(state);
}

static void a_conflict_anywhere_writes_nothing_of_the_batch(void)
{
    fresh_folder();
    struct error err = {0};
    struct state *state = open_store(STATE_WRITE);
    put(state, TABLE_ORDER, "b", "old");
    int64_t before = state_revision(state);
    struct state_batch *batch = state_batch_create(), *more = state_batch_create();
    state_put(batch, TABLE_ORDER, "a", text("new"), 0);
    state_delete(more, TABLE_ORDER, "b", 77);
    state_batch_join(batch, more);
    CHECK(state_batch_empty(more));
    CHECK(!state_commit(state, batch, true, &err));
    CHECK_INT(err.kind, ERROR_CONFLICT);
    CHECK(get(state, TABLE_ORDER, "a", NULL) == NULL);
    CHECK_TEXT(get(state, TABLE_ORDER, "b", NULL), "old");
    CHECK_INT(state_revision(state), before);
    CHECK_INT(state_paid_count(state), 0);
    state_batch_destroy(batch);
    state_batch_destroy(more);
    state_close(state);
}

static bool stage_one(struct state *state, const char *key, const char *value, int64_t must, struct error *err)
{
    struct state_batch *batch = state_batch_create();
    state_put(batch, TABLE_ORDER, key, text(value), must);
    bool done = state_stage(state, batch, false, err);
    state_batch_destroy(batch);
    return done;
}

static void what_is_staged_is_seen_here_and_lasts_with_the_next_commit(void)
{
    fresh_folder();
    struct error err = {0};
    int64_t revision;
    struct state *state = open_store(STATE_WRITE);
    put(state, TABLE_ORDER, "old", "1");
    int64_t before = state_revision(state);
    CHECK_OK(stage_one(state, "new", "staged", 0, &err), err);
    CHECK_TEXT(get(state, TABLE_ORDER, "new", &revision), "staged");
    CHECK_INT(state_revision(state), before);
    pid_t child = fork(); /* opened twice in one process, LMDB would make anew the lock that the writer holds */
    if (child == 0) {
        struct state *reader = open_store(STATE_READ);
        _exit(get(reader, TABLE_ORDER, "new", NULL) == NULL && get(reader, TABLE_ORDER, "old", NULL) != NULL ? 0 : 1);
    }
    int status = 1;
    waitpid(child, &status, 0);
    CHECK_INT(status, 0);
    CHECK_OK(commit_one(state, TABLE_ORDER, "new", "intent", revision, &err), err); /* decided on what was staged */
    CHECK_INT(state_revision(state), before + 1);
    state_close(state);
    state = open_store(STATE_WRITE);
    CHECK_TEXT(get(state, TABLE_ORDER, "new", NULL), "intent");
    state_close(state);
}

static void what_is_staged_and_never_committed_is_gone(void)
{
    fresh_folder();
    struct error err = {0};
    struct state *state = open_store(STATE_WRITE);
    CHECK_OK(stage_one(state, "new", "staged", 0, &err), err);
    state_close(state);
    state = open_store(STATE_WRITE);
    CHECK(get(state, TABLE_ORDER, "new", NULL) == NULL);
    state_close(state);
}

static void a_conflict_takes_nothing_from_what_was_staged_before(void)
{
    fresh_folder();
    struct error err = {0};
    struct state *state = open_store(STATE_WRITE);
    CHECK_OK(stage_one(state, "result", "kept", 0, &err), err);
    CHECK(!stage_one(state, "other", "lost", 77, &err));
    CHECK_INT(err.kind, ERROR_CONFLICT);
    CHECK(!commit_one(state, TABLE_ORDER, "intent", "lost", 77, &err));
    CHECK_INT(err.kind, ERROR_CONFLICT);
    state_close(state);
    state = open_store(STATE_WRITE);
    CHECK_TEXT(get(state, TABLE_ORDER, "result", NULL), "kept");
    CHECK(get(state, TABLE_ORDER, "intent", NULL) == NULL);
    CHECK(get(state, TABLE_ORDER, "other", NULL) == NULL);
    state_close(state);
}

static bool collect(const char *key, struct span value, int64_t revision, void *arg)
{
    struct buffer *all = arg;
    CHECK(revision > 0);
    buffer_printf(all, "%s=%.*s ", key, (int)value.length, value.data);
    return true;
}

static void a_scan_is_in_byte_order_and_stays_in_its_table(void)
{
    fresh_folder();
    struct error err = {0};
    struct buffer all = {0};
    struct state *state = open_store(STATE_WRITE);
    put(state, TABLE_ORDER, "default/shop/000010", "10");
    put(state, TABLE_ORDER, "default/shop/000002", "2");
    put(state, TABLE_ORDER, "default/shopping/000001", "x");
    put(state, TABLE_REVISION, "default/shop/000001", "r");
    CHECK_OK(state_scan(state, TABLE_ORDER, "default/shop/", collect, &all, &err), err);
    CHECK_TEXT(buffer_text(&all), "default/shop/000002=2 default/shop/000010=10 ");
    buffer_clear(&all);
    CHECK_OK(state_scan(state, TABLE_ROLLOUT, "", collect, &all, &err), err);
    CHECK_TEXT(buffer_text(&all), "");
    buffer_release(&all);
    state_close(state);
}

static void a_second_writer_is_told_who_holds_the_store(void)
{
    fresh_folder();
    char sentence[256], pid[24];
    struct state *state = open_store(STATE_WRITE);
    options.holder = "apply";
    struct error err = refused(STATE_WRITE);
    CHECK_INT(err.kind, ERROR_STATE);
    snprintf(pid, sizeof pid, "pid %d", (int)getpid());
    CHECK(strstr(err.message, pid) != NULL && strstr(err.message, "certwright run") != NULL);
    CHECK_INT(state_lock_holder(store, sentence, sizeof sentence), getpid());
    CHECK(strstr(sentence, "certwright run") != NULL);
    state_close(state);
    CHECK_INT(state_lock_holder(store, sentence, sizeof sentence), 0);
    state_close(open_store(STATE_WRITE));
}

static void a_reader_sees_what_a_living_writer_committed(void)
{
    fresh_folder();
    struct state *writer = open_store(STATE_WRITE);
    put(writer, TABLE_ORDER, "k", "1");
    fflush(NULL);
    pid_t child = fork(); /* another process: one environment per process and file */
    if (child == 0) {
        struct state *reader = open_store(STATE_READ);
        struct error err = {0};
        bool good = text_equal(get(reader, TABLE_ORDER, "k", NULL), "1") &&
                    !commit_one(reader, TABLE_ORDER, "k", "2", STATE_ANY, &err);
        state_close(reader);
        _exit(good ? 0 : 1);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_INT(status, 0);
    CHECK_TEXT(get(writer, TABLE_ORDER, "k", NULL), "1");
    state_close(writer);
}

static void a_reader_that_holds_sees_one_moment(void)
{
    fresh_folder();
    struct error err = {0};
    struct state *state = open_store(STATE_WRITE);
    put(state, TABLE_ORDER, "order", "open");
    struct state *reader = open_store(STATE_READ);
    CHECK_OK(state_hold(reader, &err), err);
    CHECK(get(reader, TABLE_REVISION, "revision", NULL) == NULL);
    put(state, TABLE_REVISION, "revision", "1");
    put(state, TABLE_ORDER, "order", "fetched");
    CHECK_OK(state_hold(reader, &err), err);
    CHECK_TEXT(get(reader, TABLE_ORDER, "order", NULL), "open");
    state_let(reader);
    CHECK_TEXT(get(reader, TABLE_ORDER, "order", NULL), "open");
    state_let(reader);
    CHECK_TEXT(get(reader, TABLE_ORDER, "order", NULL), "fetched");
    state_close(reader);
    state_close(state);
}

static void reading_without_a_store_makes_nothing(void)
{
    fresh_folder();
    struct error err = {0};
    struct buffer all = {0};
    struct state *state = open_store(STATE_READ);
    CHECK_TEXT(state_installation(state), "");
    CHECK(get(state, TABLE_ORDER, "k", NULL) == NULL);
    CHECK_OK(state_scan(state, TABLE_ORDER, "", collect, &all, &err), err);
    state_close(state);
    CHECK(access(store, F_OK) != 0 && access(key_file, F_OK) != 0 && access(audit, F_OK) != 0);
}

static void another_sealing_key_or_none_is_refused_by_name(void)
{
    fresh_folder();
    struct state *state = open_store(STATE_WRITE);
    put(state, TABLE_ORDER, "k", "1");
    state_close(state);
    char aside[160];
    snprintf(aside, sizeof aside, "%s.aside", key_file);
    CHECK(rename(key_file, aside) == 0);
    struct error err = refused(STATE_WRITE);
    CHECK_INT(err.kind, ERROR_STATE);
    CHECK(strstr(err.message, key_file) != NULL);
    CHECK(access(key_file, F_OK) != 0);
    CHECK_INT(refused(STATE_READ).kind, ERROR_STATE);

    int fd = open(key_file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    for (int i = 0; i < 64; i++)
        CHECK(write(fd, "a", 1) == 1);
    CHECK(write(fd, "\n", 1) == 1);
    close(fd);
    err = refused(STATE_WRITE);
    CHECK_INT(err.kind, ERROR_STATE);
    CHECK(strstr(err.message, key_file) != NULL);
    CHECK(rename(aside, key_file) == 0);
    state_close(open_store(STATE_WRITE));
}

static void swapped_records_do_not_open(void)
{
    fresh_folder();
    struct error err = {0};
    struct buffer all = {0};
    struct state *state = open_store(STATE_WRITE);
    put(state, TABLE_ORDER, "a", "1");
    put(state, TABLE_ORDER, "b", "2");
    state_close(state);
    raw_edit("order/a", "order/b", false);
    state = open_store(STATE_READ);
    struct arena *arena = arena_create();
    struct span value;
    CHECK(!state_get(state, TABLE_ORDER, "a", arena, &value, NULL, &err));
    CHECK_INT(err.kind, ERROR_STATE);
    CHECK(strstr(err.message, "order/a") != NULL);
    CHECK(!state_scan(state, TABLE_ORDER, "", collect, &all, &err));
    CHECK_INT(err.kind, ERROR_STATE);
    arena_destroy(arena);
    state_close(state);
}

static void an_index_row_that_was_touched_counts_as_absent(void)
{
    fresh_folder();
    struct error err = {0};
    struct buffer all = {0};
    struct state *state = open_store(STATE_WRITE);
    put(state, TABLE_INDEX, "a", "1");
    put(state, TABLE_INDEX, "b", "2");
    put(state, TABLE_FILE, "c", "3");
    state_close(state);
    raw_edit("index/a", NULL, true);
    raw_edit("file/c", "index/b", false);
    state = open_store(STATE_READ);
    CHECK(get(state, TABLE_INDEX, "a", NULL) == NULL && get(state, TABLE_INDEX, "b", NULL) == NULL);
    CHECK_OK(state_scan(state, TABLE_INDEX, "", collect, &all, &err), err);
    CHECK_TEXT(buffer_text(&all), "");
    buffer_release(&all);
    state_close(state);
}

static void nothing_lies_in_the_file_in_the_clear(void)
{
    fresh_folder();
    struct error err = {0};
    char path[160];
    struct buffer bytes = {0};
    struct state *state = open_store(STATE_WRITE);
    put(state, TABLE_BLOB, "key/1", "-----BEGIN SOMETHING DEAR-----");
    state_close(state);
    snprintf(path, sizeof path, "%s/data.mdb", store);
    CHECK_OK(file_read_path(path, 1 << 24, &bytes, &err), err);
    CHECK(memmem(bytes.data, bytes.length, "SOMETHING DEAR", 14) == NULL);
    buffer_release(&bytes);
    const char *names[] = {"", "/data.mdb", "/lock.mdb", "/lock"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct stat st;
        snprintf(path, sizeof path, "%s%s", store, names[i]);
        CHECK(stat(path, &st) == 0);
        CHECK_INT(st.st_mode & 07777, i == 0 ? 0700 : 0600);
    }
}

static void a_newer_schema_is_refused(void)
{
    fresh_folder();
    state_close(open_store(STATE_WRITE));
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    char head[] = "certwright-store 9 0123456789abcdef0123456789abcdef";
    MDB_val key = {5, (void *)"@head"}, value = {sizeof head - 1, head};
    CHECK(mdb_env_create(&env) == 0 && mdb_env_open(env, store, 0, 0600) == 0 &&
          mdb_txn_begin(env, NULL, 0, &txn) == 0 && mdb_dbi_open(txn, NULL, 0, &dbi) == 0 &&
          mdb_put(txn, dbi, &key, &value, 0) == 0 && mdb_txn_commit(txn) == 0);
    mdb_env_close(env);
    struct error err = refused(STATE_WRITE);
    CHECK_INT(err.kind, ERROR_STATE);
    CHECK(strstr(err.message, "newer") != NULL);
}

static void a_copy_that_is_behind_is_caught_up_at_start(void)
{
    fresh_folder();
    char copy[160], old[160];
    snprintf(copy, sizeof copy, "%s/installation.seal", audit);
    snprintf(old, sizeof old, "%s/old", folder);
    struct state *state = open_store(STATE_WRITE);
    pay(state);
    copy_file(copy, old);
    pay(state);
    state_close(state);
    copy_file(old, copy); /* as after a crash between the commit and the copy */
    state_close(open_store(STATE_WRITE));
    struct buffer a = {0}, b = {0};
    CHECK(file_read_path(copy, 4096, &a, NULL) && file_read_path(old, 4096, &b, NULL));
    CHECK(a.length != b.length || memcmp(a.data, b.data, a.length) != 0);
    buffer_release(&a);
    buffer_release(&b);
}

/* Killed while a sealed file beside the audit log was written anew, as each backup does with the journal. */
static void what_an_interrupted_writing_left_goes_away_at_start(void)
{
    static const char *const left[] = {".installation.seal.0123456789abcdef", ".journal.seal.0123456789abcdef"};
    fresh_folder();
    struct state *state = open_store(STATE_WRITE);
    pay(state);
    state_close(state);
    char path[COUNT_OF(left)][240];
    for (size_t i = 0; i < COUNT_OF(left); i++) {
        snprintf(path[i], sizeof path[i], "%s/%s", audit, left[i]);
        FILE *file = fopen(path[i], "w");
        CHECK(file != NULL && fclose(file) == 0);
    }
    state_close(open_store(STATE_WRITE));
    for (size_t i = 0; i < COUNT_OF(left); i++)
        CHECK(access(path[i], F_OK) != 0);
}

static void after_a_full_disk_the_store_goes_on(void)
{
    fresh_folder();
    struct error err = {0};
    struct state *state = open_store(STATE_WRITE);
    put(state, TABLE_ORDER, "small", "1");
    size_t size = 4 << 20;
    char *big = malloc(size);
    memset(big, 'x', size);
    struct rlimit was, limit;
    getrlimit(RLIMIT_FSIZE, &was);
    limit = (struct rlimit){.rlim_cur = 1 << 20, .rlim_max = was.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    struct state_batch *batch = state_batch_create();
    state_put(batch, TABLE_BLOB, "big", span_of(big, size), STATE_ANY);
    setrlimit(RLIMIT_FSIZE, &limit);
    log_to(-1);
    bool done = state_commit(state, batch, false, &err);
    setrlimit(RLIMIT_FSIZE, &was);
    state_batch_destroy(batch);
    free(big);
    CHECK(!done);
    CHECK_INT(err.kind, ERROR_STATE);
    CHECK(get(state, TABLE_BLOB, "big", NULL) == NULL);
    CHECK_TEXT(get(state, TABLE_ORDER, "small", NULL), "1");
    put(state, TABLE_ORDER, "small", "2");
    CHECK_TEXT(get(state, TABLE_ORDER, "small", NULL), "2");
    state_close(state);
}

static void a_map_that_is_full_refuses_and_loses_nothing(void)
{
    fresh_folder();
    struct error err = {0};
    options.map_size = 1 << 16;
    struct state *state = open_store(STATE_WRITE);
    char value[1500], key[32];
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    int written = 0;
    while (snprintf(key, sizeof key, "%06d", written) && written < 1000 &&
           commit_one(state, TABLE_ORDER, key, value, 0, &err))
        written++;
    CHECK(written > 0 && written < 1000);
    CHECK_INT(err.kind, ERROR_STATE);
    CHECK(get(state, TABLE_ORDER, "000000", NULL) != NULL && get(state, TABLE_ORDER, key, NULL) == NULL);
    state_close(state);
    state = open_store(STATE_WRITE); /* grown at start */
    CHECK_OK(commit_one(state, TABLE_ORDER, key, "y", 0, &err), err);
    state_close(state);
}

static void a_kill_at_any_time_leaves_whole_commits(void)
{
    fresh_folder();
    state_close(open_store(STATE_WRITE));
    int64_t last = 0;
    fflush(NULL);
    for (int round = 0; round < 12; round++) {
        int go[2];
        CHECK(pipe(go) == 0);
        pid_t child = fork();
        if (child == 0) {
            struct state *state = open_store(STATE_WRITE);
            for (int i = 0;; i++) {
                struct state_batch *batch = state_batch_create();
                char number[32];
                snprintf(number, sizeof number, "%lld", (long long)state_revision(state) + 1);
                state_put(batch, TABLE_ORDER, "left", text(number), STATE_ANY);
                state_put(batch, TABLE_BLOB, "right", text(number), STATE_ANY);
                if (!state_audit(state, "test", "x", "y", number, NULL) ||
                    !state_commit(state, batch, false, NULL))
                    _exit(1);
                state_batch_destroy(batch);
                if (i == 0 && write(go[1], "x", 1) != 1) /* each round leaves at least one commit */
                    _exit(1);
            }
        }
        char byte;
        CHECK(read(go[0], &byte, 1) == 1);
        usleep((useconds_t)(3000 + round * 1700)); /* when it dies is the point */
        CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
        close(go[0]);
        close(go[1]);
        struct state *state = open_store(STATE_WRITE);
        int64_t revision;
        char left[256];
        snprintf(left, sizeof left, "%s", get(state, TABLE_ORDER, "left", &revision));
        CHECK_TEXT(get(state, TABLE_BLOB, "right", NULL), left);
        CHECK_INT(atoll(left), revision);
        CHECK_INT(revision, state_revision(state));
        CHECK(revision > last);
        last = revision;
        state_close(state);
    }
}

static void a_directory_open_to_others_is_refused(void)
{
    fresh_folder();
    state_close(open_store(STATE_WRITE));
    CHECK(chmod(store, 0750) == 0);
    struct error err = refused(STATE_WRITE);
    CHECK_INT(err.kind, ERROR_STATE);
    CHECK(strstr(err.message, "chmod 0700") != NULL);
}

static void tables_have_names_and_names_are_tables(void)
{
    for (int i = 0; i < TABLE_COUNT; i++) {
        enum state_table table;
        CHECK(state_table_parse(state_table_name((enum state_table)i), &table));
        CHECK_INT(table, i);
    }
    enum state_table none;
    CHECK(!state_table_parse("nonsense", &none));
}

int main(void)
{
    log_to(-1);
    RUN(what_is_written_is_read_again_after_a_restart);
    RUN(a_write_needs_the_revision_it_was_decided_on);
    RUN(a_conflict_anywhere_writes_nothing_of_the_batch);
    RUN(what_is_staged_is_seen_here_and_lasts_with_the_next_commit);
    RUN(what_is_staged_and_never_committed_is_gone);
    RUN(a_conflict_takes_nothing_from_what_was_staged_before);
    RUN(a_scan_is_in_byte_order_and_stays_in_its_table);
    RUN(a_second_writer_is_told_who_holds_the_store);
    RUN(a_reader_sees_what_a_living_writer_committed);
    RUN(a_reader_that_holds_sees_one_moment);
    RUN(reading_without_a_store_makes_nothing);
    RUN(another_sealing_key_or_none_is_refused_by_name);
    RUN(swapped_records_do_not_open);
    RUN(an_index_row_that_was_touched_counts_as_absent);
    RUN(nothing_lies_in_the_file_in_the_clear);
    RUN(a_newer_schema_is_refused);
    RUN(a_copy_that_is_behind_is_caught_up_at_start);
    RUN(what_an_interrupted_writing_left_goes_away_at_start);
    RUN(after_a_full_disk_the_store_goes_on);
    RUN(a_map_that_is_full_refuses_and_loses_nothing);
    RUN(a_kill_at_any_time_leaves_whole_commits);
    RUN(a_directory_open_to_others_is_refused);
    RUN(tables_have_names_and_names_are_tables);
    return CHECK_REPORT();
}
