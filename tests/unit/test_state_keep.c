/* Keeping the store: an older schema, a new sealing key, killed at any time, a full disk, pages and the journal. */
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "controller/state_journal.h"
#include "controller/state_pages.h"

#include "old_store.h"

static char data[160], backups[160], journal_file[160];

static void begin(void)
{
    fresh_folder();
    in_folder(data, sizeof data, "state/data.mdb");
    in_folder(backups, sizeof backups, "audit/backups");
    in_folder(journal_file, sizeof journal_file, "audit/journal.seal");
}

/* ---- schema ---- */

static void an_older_schema_is_brought_forward_on_a_copy(void)
{
    begin();
    make_old_store();
    int64_t revision;
    struct state *state = open_store(STATE_READ); /* looking needs no migration, and makes none */
    CHECK_TEXT(get(state, TABLE_ORDER, "default/shop/000001", NULL), "an order");
    state_close(state);
    CHECK_INT(count_files(store, "schema-"), 0);

    state = open_store(STATE_WRITE);
    CHECK(state_reconcile_only(state) == NULL && !state_is_fresh(state));
    CHECK_TEXT(state_installation(state), old_installation);
    CHECK_TEXT(get(state, TABLE_ORDER, "default/shop/000001", &revision), "an order");
    CHECK_INT(revision, 7);
    CHECK_TEXT(get(state, TABLE_BLOB, "key/1", NULL), "a private key");
    CHECK_TEXT(get(state, TABLE_INDEX, "a", NULL), "a row");
    CHECK_INT(state_paid_count(state), 2);
    CHECK(state_revision(state) >= 7);
    put(state, TABLE_ORDER, "default/next/000001", "another");
    state_close(state);
    CHECK_INT(count_files(store, "schema-1.mdb"), 1);
    CHECK_INT(count_files(store, "data.mdb.new"), 0);
    state = open_store(STATE_WRITE);
    CHECK_TEXT(get(state, TABLE_ORDER, "default/next/000001", NULL), "another");
    state_close(state);
}

static void a_migration_may_be_killed(void)
{
    for (int after_us = 0; after_us < 30000; after_us += 3000) {
        begin();
        make_old_store();
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            state_close(open_store(STATE_WRITE));
            _exit(0);
        }
        usleep((useconds_t)after_us);
        kill(child, SIGKILL);
        CHECK(waitpid(child, NULL, 0) == child);
        struct state *state = open_store(STATE_WRITE);
        CHECK(state_reconcile_only(state) == NULL);
        CHECK_TEXT(get(state, TABLE_BLOB, "key/1", NULL), "a private key");
        state_close(state);
    }
}

/* ---- a new sealing key ---- */

static void a_rotation_may_be_killed(void)
{
    for (int after_us = 0; after_us < 120000; after_us += 6000) {
        begin();
        struct state *state = open_store(STATE_WRITE);
        put(state, TABLE_BLOB, "key/1", "a private key");
        pay(state);
        state_close(state);
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            struct arena *arena = arena_create();
            const char *former;
            options.mode = STATE_WRITE;
            _exit(state_rotate_key(&options, arena, &former, NULL) ? 0 : 1);
        }
        usleep((useconds_t)after_us); /* when it dies is the point */
        kill(child, SIGKILL);
        CHECK(waitpid(child, NULL, 0) == child);
        state = open_store(STATE_READ); /* whichever key it is sealed with, looking finds it */
        CHECK_TEXT(get(state, TABLE_BLOB, "key/1", NULL), "a private key");
        state_close(state);
        state = open_store(STATE_WRITE);
        CHECK(state_reconcile_only(state) == NULL);
        CHECK_TEXT(get(state, TABLE_BLOB, "key/1", NULL), "a private key");
        CHECK_INT(state_paid_count(state), 1);
        pay(state);
        state_close(state);
        CHECK_INT(count_files(folder, "sealing.key.new"), 0);
        state_close(open_store(STATE_WRITE));
    }
}

static void a_rotation_seals_with_another_key(void)
{
    begin();
    struct error err = {0};
    struct arena *arena = arena_create();
    struct buffer before = {0}, after = {0};
    const char *former = NULL;
    struct state *state = open_store(STATE_WRITE);
    pay(state);
    state_close(state);
    CHECK_OK(file_read_path(key_file, 100, &before, &err), err);
    options.mode = STATE_WRITE;
    CHECK_OK(state_rotate_key(&options, arena, &former, &err), err);
    CHECK_OK(file_read_path(key_file, 100, &after, &err), err);
    CHECK(strcmp(buffer_text(&before), buffer_text(&after)) != 0);
    struct stat st;
    CHECK(stat(key_file, &st) == 0);
    CHECK_INT(st.st_mode & 07777, 0400);
    CHECK(unlink(former) == 0); /* nothing of now needs it */
    state = open_store(STATE_WRITE);
    CHECK_TEXT(get(state, TABLE_ORDER, "paid", NULL), "x");
    CHECK(state_reconcile_only(state) == NULL);
    state_close(state);
    buffer_release(&before);
    buffer_release(&after);
    arena_destroy(arena);
}

/* ---- a full disk ---- */

static void what_is_open_is_closed_from_the_reserve(void)
{
    begin();
    struct error err = {0};
    char reserve[160];
    in_folder(reserve, sizeof reserve, "state/reserve");
    struct state *state = open_store(STATE_WRITE);
    CHECK(access(reserve, F_OK) == 0);
    size_t size = 4 << 20;
    char *big = malloc(size);
    CHECK(big != NULL);
    memset(big, 'x', size);
    struct state_batch *batch = state_batch_create(), *staged = state_batch_create();
    state_put(staged, TABLE_ORDER, "staged", text("before"), 0);
    state_put(batch, TABLE_BLOB, "big", span_of(big, size), 0);
    CHECK_OK(state_stage(state, staged, true, &err), err);
    /* A limit on a file's size stands for the full disk. */
    struct rlimit was, limit;
    getrlimit(RLIMIT_FSIZE, &was);
    signal(SIGXFSZ, SIG_IGN);
    struct stat st;
    CHECK(stat(data, &st) == 0);
    limit = (struct rlimit){.rlim_cur = (rlim_t)st.st_size, .rlim_max = was.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
    bool done = state_commit(state, batch, false, &err);
    setrlimit(RLIMIT_FSIZE, &was);
    CHECK(!done); /* twice in vain: no space came back */
    CHECK(access(reserve, F_OK) != 0);
    CHECK(get(state, TABLE_ORDER, "staged", NULL) == NULL && state_paid_count(state) == 0);
    CHECK_OK(state_stage(state, staged, true, &err), err);
    CHECK_OK(state_commit(state, batch, false, &err), err);
    CHECK_TEXT(get(state, TABLE_ORDER, "staged", NULL), "before");
    CHECK_INT(state_paid_count(state), 1);
    state_batch_destroy(batch);
    state_batch_destroy(staged);
    state_close(state);
    free(big);
}

static void a_nearly_full_map_says_so(void)
{
    begin();
    options.map_size = 256 << 10;
    struct state *state = open_store(STATE_WRITE);
    CHECK(state_room(state) == NULL);
    char value[2000], key[32];
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "%06d", i);
        if (!commit_one(state, TABLE_ORDER, key, value, 0, NULL))
            break;
    }
    state_close(state);
    state = open_store(STATE_READ);
    CHECK(state_room(state) == NULL || strstr(state_room(state), "KiB of the") != NULL);
    state_close(state);
    options.map_size = 0;
    state = open_store(STATE_WRITE); /* grown at the next start */
    CHECK(state_room(state) == NULL);
    put(state, TABLE_ORDER, "more", "1");
    state_close(state);
}

static bool count_row(const char *key, struct span value, int64_t revision, void *arg)
{
    (void)key, (void)value, (void)revision;
    ++*(size_t *)arg;
    return true;
}

static void a_reader_takes_over_the_map_that_grew(void)
{
    begin();
    struct error err = {0};
    char value[3000], key[32];
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    struct state *writer = open_store(STATE_WRITE);
    put(writer, TABLE_ORDER, "first", "1");
    options.map_size = 256 << 10;
    struct state *reader = open_store(STATE_READ);
    CHECK_TEXT(get(reader, TABLE_ORDER, "first", NULL), "1");
    for (int i = 0; i < 120; i++) { /* more than the reader has mapped */
        snprintf(key, sizeof key, "%06d", i);
        put(writer, TABLE_ORDER, key, value);
    }
    size_t rows = 0;
    CHECK_OK(state_scan(reader, TABLE_ORDER, "", count_row, &rows, &err), err);
    CHECK_INT(rows, 121);
    CHECK_TEXT(get(reader, TABLE_ORDER, "first", NULL), "1");
    state_close(reader);
    state_close(writer);
}

/* ---- the journal ---- */

static bool count_rows(const struct journal_entry *entry, void *arg)
{
    *(size_t *)arg += entry->count;
    return true;
}

static void the_journal_holds_what_is_paid_or_prepared_and_every_key(void)
{
    begin();
    struct error err = {0};
    struct keyring ring;
    struct arena *arena = arena_create();
    struct journal_summary summary;
    size_t rows = 0;
    struct state *state = open_store(STATE_WRITE);
    put(state, TABLE_ORDER, "free", "1"); /* not paid, no key */
    put(state, TABLE_BLOB, "csr/1", "no secret");
    CHECK(!journal_exists(audit));
    put(state, TABLE_BLOB, "key/1", "a private key");
    pay(state);
    put(state, TABLE_BLOB, "request/1", "what is to be sent");
    CHECK_OK(keyring_load(&ring, key_file, arena, &err), err);
    CHECK_OK(journal_read(audit, &ring, count_rows, &rows, &summary, &err), err);
    CHECK_INT(summary.entries, 3);
    CHECK_INT(rows, 3);
    CHECK_INT(summary.paid, 1);
    CHECK(!summary.broken);
    struct buffer bytes = {0};
    CHECK_OK(file_read_path(journal_file, 1 << 20, &bytes, &err), err);
    CHECK(memmem(bytes.data, bytes.length, "a private key", 13) == NULL);

    /* Cut at any byte it gives the entries before, and never more. */
    for (size_t length = 0; length < bytes.length; length++) {
        CHECK(truncate(journal_file, (off_t)length) == 0);
        CHECK_OK(journal_read(audit, &ring, NULL, NULL, &summary, &err), err);
        CHECK(summary.entries < 3);
        CHECK(summary.broken || length == 21 || summary.entries > 0);
        spoil(journal_file, 0, bytes.data, bytes.length);
    }
    /* One flipped bit: nothing of that entry. */
    for (size_t at = 0; at < bytes.length; at += 3) {
        char other = (char)(bytes.data[at] ^ 4);
        spoil(journal_file, (off_t)at, &other, 1);
        CHECK_OK(journal_read(audit, &ring, NULL, NULL, &summary, &err), err);
        CHECK(summary.broken && summary.entries < 3);
        spoil(journal_file, (off_t)at, bytes.data + at, 1);
    }
    CHECK(truncate(journal_file, (off_t)bytes.length - 5) == 0);
    state_close(state);
    state = open_store(STATE_WRITE); /* torn: a backup stands in for it, and it is begun anew */
    CHECK_INT(count_files(backups, "store-"), 1);
    CHECK_OK(journal_read(audit, &ring, NULL, NULL, &summary, &err), err);
    CHECK(!summary.broken);
    state_close(state);
    buffer_release(&bytes);
    keyring_release(&ring);
    arena_destroy(arena);
}

struct seen {
    size_t entries;
    int64_t first; /* revision */
};

/* Rows of which no two have the same length, so that entries begin anywhere in what is read at a time. */
static size_t row_length(int number) { return 4000 + (size_t)number * 977 % 9000; }

static bool see_row(const struct journal_entry *entry, void *arg)
{
    struct seen *seen = arg;
    int number = 0;
    CHECK(entry->count == 1 && sscanf(entry->rows[0].key.data, "blob/key/%d", &number) == 1);
    CHECK_INT(entry->rows[0].value.length, row_length(number));
    for (size_t i = 0; i < entry->rows[0].value.length; i++)
        if (entry->rows[0].value.data[i] != (char)('a' + number % 26))
            CHECK(false);
    if (seen->entries++ == 0)
        seen->first = entry->revision;
    return true;
}

static void a_journal_is_read_and_trimmed_piece_by_piece(void)
{
    begin();
    enum { ROWS = 60, KEPT = 23 };
    struct error err = {0};
    struct keyring ring;
    struct arena *arena = arena_create();
    struct journal_summary all, kept;
    struct stat st;
    struct seen seen = {0};
    struct state *state = open_store(STATE_WRITE);
    for (int i = 0; i < ROWS; i++) {
        char key[32], *value = malloc(row_length(i) + 1);
        CHECK(value != NULL);
        memset(value, 'a' + i % 26, row_length(i));
        value[row_length(i)] = '\0';
        snprintf(key, sizeof key, "key/%03d", i);
        put(state, TABLE_BLOB, key, value);
        free(value);
    }
    CHECK_OK(keyring_load(&ring, key_file, arena, &err), err);
    CHECK_OK(journal_read(audit, &ring, see_row, &seen, &all, &err), err);
    CHECK(seen.entries == ROWS && all.entries == ROWS && !all.broken);
    CHECK(stat(journal_file, &st) == 0 && st.st_size > 5 * 64 * 1024);

    CHECK_OK(journal_trim(audit, &ring, ring.keys[0], all.revision - KEPT, &err), err);
    seen = (struct seen){0};
    CHECK_OK(journal_read(audit, &ring, see_row, &seen, &kept, &err), err);
    CHECK(seen.entries == KEPT && !kept.broken && kept.revision == all.revision);
    CHECK_INT(seen.first, all.revision - KEPT + 1);
    /* Nothing is left of it: the next entry still finds its header. */
    CHECK_OK(journal_trim(audit, &ring, ring.keys[0], all.revision, &err), err);
    put(state, TABLE_BLOB, "key/007", "");
    CHECK_OK(journal_read(audit, &ring, NULL, NULL, &kept, &err), err);
    CHECK(kept.entries == 1 && !kept.broken);
    CHECK_INT(count_files(audit, ".journal"), 0);
    state_close(state);
    keyring_release(&ring);
    arena_destroy(arena);
}

/* ---- pages ---- */

static void every_page_of_a_store_is_accounted_for(void)
{
    begin();
    char words[200], key[32];
    struct state *state = open_store(STATE_WRITE);
    char *big = calloc(1, 9000);
    CHECK(big != NULL);
    memset(big, 'b', 8999);
    for (int i = 0; i < 300; i++) { /* branches, leaves, large values, and pages that are free again */
        snprintf(key, sizeof key, "%06d", i % 120);
        put(state, i % 7 == 0 ? TABLE_BLOB : TABLE_ORDER, key, i % 7 == 0 ? big : key);
    }
    state_close(state);
    free(big);
    CHECK(pages_verify_file(data, words, sizeof words) == 1);
    struct buffer bytes = {0};
    CHECK(file_read_path(data, 1 << 26, &bytes, NULL));
    size_t refused_count = 0;
    for (size_t at = 0; at < bytes.length; at += 97) { /* never a read outside: the sanitizer looks on */
        unsigned char was = (unsigned char)bytes.data[at];
        bytes.data[at] = (char)(was ^ 0x55);
        unsigned char *copy = malloc(bytes.length);
        CHECK(copy != NULL);
        memcpy(copy, bytes.data, bytes.length);
        refused_count += !pages_verify(copy, bytes.length, words, sizeof words);
        free(copy);
        bytes.data[at] = (char)was;
        if (at % (97 * 20) == 0) {
            copy = malloc(at + 1);
            CHECK(copy != NULL);
            memcpy(copy, bytes.data, at);
            CHECK(at >= bytes.length - 4096 || !pages_verify(copy, at, words, sizeof words) || at > bytes.length / 2);
            free(copy);
        }
    }
    CHECK(refused_count > 20);
    buffer_release(&bytes);
}

int main(void)
{
    log_to(-1);
    RUN(an_older_schema_is_brought_forward_on_a_copy);
    RUN(a_migration_may_be_killed);
    RUN(a_rotation_seals_with_another_key);
    RUN(a_rotation_may_be_killed);
    RUN(what_is_open_is_closed_from_the_reserve);
    RUN(a_nearly_full_map_says_so);
    RUN(a_reader_takes_over_the_map_that_grew);
    RUN(the_journal_holds_what_is_paid_or_prepared_and_every_key);
    RUN(a_journal_is_read_and_trimmed_piece_by_piece);
    RUN(every_page_of_a_store_is_accounted_for);
    return CHECK_REPORT();
}
