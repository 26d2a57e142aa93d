/* Bytes of a store that are not what they should be, one by one: each is told for what it is, nothing is read outside of the file, and
 * the next writer brings the paid orders back. And what the door refuses whoever asks. */
#include "base/hash.h"
#include "base/seal.h"
#include "controller/state_home.h"
#include "controller/state_pages.h"

#include "state_world.h"

/* Put, or with NULL delete, one raw row; "*": all of them. */
static void raw_put(const char *key, const char *value)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_val k = {strlen(key), (void *)(uintptr_t)key}, v = {value != NULL ? strlen(value) : 0, (void *)(uintptr_t)value};
    CHECK(mdb_env_create(&env) == 0 && mdb_env_open(env, store, 0, 0600) == 0 && mdb_txn_begin(env, NULL, 0, &txn) == 0 &&
          mdb_dbi_open(txn, NULL, 0, &dbi) == 0);
    int rc = strcmp(key, "*") == 0 ? mdb_drop(txn, dbi, 0) : value != NULL ? mdb_put(txn, dbi, &k, &v, 0) : mdb_del(txn, dbi, &k, NULL);
    CHECK(rc == 0 && mdb_txn_commit(txn) == 0);
    mdb_env_close(env);
}

static void begin(void)
{
    fresh_folder();
    struct state *state = open_store(STATE_WRITE);
    pay(state);
    put(state, TABLE_ORDER, "free", "1");
    put(state, TABLE_INDEX, "row", "2");
    state_close(state);
}

#define HEX31 "0123456789abcdef0123456789abcde"
#define STUFF "sixty bytes of something else, that no key of ours has sealed, at all."

static void a_head_that_is_wrong_is_told_and_brought_back(void)
{
    static const struct {
        const char *key, *value, *words;
    } rows[] = {
        {"@head", "nonsense", "its head cannot be read"},
        {"@head", "certwright-store 2 " HEX31, "its head cannot be read"},
        {"@head", "certwright-store 2 " HEX31 "ff", "its head cannot be read"},
        {"@head", "certwright-store 0 " HEX31 "f", "its head cannot be read"},
        {"@head", "another-store 2 " HEX31 "f", "its head cannot be read"},
        {"@head", "certwright-store 2 " HEX31 "f and a great deal more than any head of ours ever had, far beyond its "
                  "hundred bytes", "its head cannot be read"},
        {"@head", NULL, "it does not hold a certwright store"},
        {"@check", NULL, "its check value or its own key is not there"},
        {"@key", NULL, "its check value or its own key is not there"},
        {"@check", STUFF, "its check value is damaged"},
        {"@key", STUFF, "its own key is damaged"},
        {"meta/counters", NULL, "its counters do not open"},
        {"meta/counters", STUFF, "its counters do not open"},
        {"*", NULL, "missing"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        begin();
        raw_put(rows[i].key, rows[i].value);
        struct error err = refused(STATE_READ);
        CHECK(err.kind == ERROR_STATE);
        if (strstr(err.message, rows[i].words) == NULL)
            CHECK_TEXT(err.message, rows[i].words);
        struct state *state = open_store(STATE_WRITE);
        CHECK(state_reconcile_only(state) != NULL);
        CHECK_TEXT(get(state, TABLE_ORDER, "paid", NULL), "x");
        CHECK_INT(state_paid_count(state), 1);
        state_close(state);
    }
}

static void a_later_schema_is_told_from_an_altered_head(void)
{
    begin();
    char head[80];
    struct state *state = open_store(STATE_READ);
    snprintf(head, sizeof head, "certwright-store 9 %s", state_installation(state));
    state_close(state);
    raw_put("@head", head);
    CHECK(strstr(refused(STATE_READ).message, "its head was altered") != NULL);
    raw_put("@check", STUFF); /* as a later program would have sealed it */
    CHECK(strstr(refused(STATE_READ).message, "newer certwright") != NULL);
    CHECK(strstr(refused(STATE_WRITE).message, "newer certwright") != NULL);
    CHECK_INT(count_files(store, "damaged-"), 0); /* and it is left alone */
}

static void a_row_cut_short_is_told(void)
{
    begin();
    struct error err = {0};
    struct span value;
    struct arena *arena = arena_create();
    raw_put("order/free", "1");
    raw_put("index/row", "1");
    struct state *state = open_store(STATE_READ);
    CHECK(!state_get(state, TABLE_ORDER, "free", arena, &value, NULL, &err) && err.kind == ERROR_STATE);
    CHECK(strstr(err.message, "cut short") != NULL);
    CHECK(!state_get(state, TABLE_INDEX, "row", arena, &value, NULL, &err) && err.kind == ERROR_NOT_FOUND);
    state_close(state);
    raw_put("index/row", "eight bytes and some");
    state = open_store(STATE_READ);
    CHECK(!state_get(state, TABLE_INDEX, "row", arena, &value, NULL, &err) && err.kind == ERROR_NOT_FOUND);
    state_close(state);
    state = open_store(STATE_WRITE);
    CHECK_TEXT(state_reconcile_only(state)->why, "damaged");
    CHECK_TEXT(get(state, TABLE_ORDER, "paid", NULL), "x");
    state_close(state);
    arena_destroy(arena);
}

/* ---- the copy ---- */

static void a_copy_that_says_nothing_is_refused(void)
{
    static const char *const texts[] = {"", "[]", "{}", "{\"installation\":\"short\",\"counter\":1,\"time\":1}",
                                        "{\"installation\":\"" HEX31 "f\",\"time\":1}",
                                        "{\"installation\":\"" HEX31 "f\",\"counter\":1}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        begin();
        char path[160];
        struct error err = {0};
        struct span sealed;
        struct arena *arena = arena_create();
        struct seal *key = seal_load(key_file, &err);
        CHECK_OK(key != NULL, err);
        CHECK_OK(seal_close(key, text("certwright installation copy 1"), text(texts[i]), arena, &sealed, &err), err);
        in_folder(path, sizeof path, "audit/installation.seal");
        int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
        CHECK(fd >= 0 && write(fd, sealed.data, sealed.length) == (ssize_t)sealed.length && close(fd) == 0);
        CHECK(refused(STATE_READ).kind == ERROR_STATE);
        CHECK(refused(STATE_WRITE).kind == ERROR_STATE); /* nobody knows what was paid for: nothing is overwritten */
        seal_destroy(key);
        arena_destroy(arena);
    }
}

/* ---- pages ---- */

static bool verify(const unsigned char *bytes, size_t length)
{
    char words[200];
    unsigned char *copy = malloc(length); /* the sanitizer looks on at its end */
    CHECK(copy != NULL);
    memcpy(copy, bytes, length);
    bool good = pages_verify(copy, length, words, sizeof words);
    CHECK(good || words[0] != '\0');
    free(copy);
    return good;
}

/* Each field of each page by values that no page of ours has there. */
static void no_field_of_a_page_leads_astray(void)
{
    begin();
    struct state *state = open_store(STATE_WRITE);
    char key[32], *big = calloc(1, 9000);
    CHECK(big != NULL);
    memset(big, 'b', 8999);
    for (int i = 0; i < 90; i++) { /* branches, leaves, large values, and pages that are free again */
        snprintf(key, sizeof key, "%06d", i % 60);
        put(state, i % 7 == 0 ? TABLE_BLOB : TABLE_ORDER, key, i % 7 == 0 ? big : key);
    }
    state_close(state);
    free(big);
    char data[160];
    struct buffer bytes = {0};
    in_folder(data, sizeof data, "state/data.mdb");
    CHECK(file_read_path(data, 1 << 26, &bytes, NULL));
    unsigned char *map = (unsigned char *)bytes.data;
    CHECK(verify(map, bytes.length));
    static const uint16_t values[] = {0, 1, 2, 15, 17, 4094, 4097, 0x7ffe, 0xffff};
    size_t told = 0;
    for (size_t page = 0; page * 4096 < bytes.length; page++)
        for (size_t at = 0; at < (page < 2 ? 152 : 48); at += 2)
            for (size_t i = page % 3; i < COUNT_OF(values); i += 3) {
                uint16_t was;
                memcpy(&was, map + page * 4096 + at, 2);
                memcpy(map + page * 4096 + at, &values[i], 2);
                told += !verify(map, bytes.length);
                memcpy(map + page * 4096 + at, &was, 2);
            }
    CHECK(told > 300);
    CHECK(!verify(map, 4096) && !verify(map, 100) && !verify(map, 3 * 4096));
    CHECK(verify(map, bytes.length));
    buffer_release(&bytes);
    char words[200];
    in_folder(data, sizeof data, "empty");
    close(open(data, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    CHECK(pages_verify_file(data, words, sizeof words) == 0 && strstr(words, "empty") != NULL);
    CHECK(pages_verify_file(folder, words, sizeof words) == 0 && strstr(words, "plain file") != NULL);
}

/* ---- what the door refuses ---- */

static bool write_inside(const char *key, struct span value, int64_t revision, void *arg)
{
    struct error err = {0};
    (void)key, (void)value, (void)revision;
    CHECK(!commit_one(arg, TABLE_ORDER, "inside", "1", STATE_ANY, &err) && err.kind == ERROR_INTERNAL);
    return true;
}

static void what_makes_no_sense_is_refused(void)
{
    begin();
    struct error err = {0};
    struct span value;
    struct arena *arena = arena_create();
    char longest[600];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    struct state *state = open_store(STATE_WRITE);
    CHECK(!state_get(state, TABLE_ORDER, longest, arena, &value, NULL, &err) && err.kind == ERROR_INTERNAL);
    CHECK(!state_scan(state, TABLE_ORDER, longest, write_inside, state, &err) && err.kind == ERROR_INTERNAL);
    CHECK(!commit_one(state, TABLE_ORDER, longest, "1", STATE_ANY, &err) && err.kind == ERROR_INTERNAL);
    CHECK(!commit_one(state, TABLE_ORDER, longest, "1", 0, &err) && err.kind == ERROR_INTERNAL);
    put(state, TABLE_ORDER, "after", "1"); /* and it goes on */
    CHECK(state_scan(state, TABLE_ORDER, NULL, write_inside, state, &err));
    state_close(state);
    state = open_store(STATE_READ);
    CHECK(get(state, TABLE_ORDER, "inside", NULL) == NULL);
    CHECK(!commit_one(state, TABLE_ORDER, "a", "1", STATE_ANY, &err) && err.kind == ERROR_INTERNAL);
    CHECK(!state_audit(state, "me", "x", "y", "", &err) && err.kind == ERROR_INTERNAL);
    state_tend(state);
    state_close(state);
    arena_destroy(arena);
}

static void where_there_is_no_store_nothing_is_made(void)
{
    fresh_folder();
    struct error err = {0};
    struct span value;
    size_t rows = 0;
    struct arena *arena = arena_create();
    const char *out = NULL;
    struct state *state = open_store(STATE_READ);
    CHECK(!state_get(state, TABLE_ORDER, "a", arena, &value, NULL, &err) && err.kind == ERROR_NOT_FOUND);
    CHECK(state_scan(state, TABLE_ORDER, "", write_inside, &rows, &err));
    CHECK(!state_backup(state, arena, &out, &err) && err.kind == ERROR_NOT_FOUND);
    CHECK(state_room(state) == NULL && state_hold(state, &err));
    state_let(state);
    state_close(state);
    options.mode = STATE_WRITE;
    CHECK(!state_remembered(&options));
    CHECK(!state_rotate_key(&options, arena, &out, &err) && err.kind == ERROR_NOT_FOUND);
    CHECK(!state_restore(&options, NULL, NULL, arena, &out, &err) && err.kind == ERROR_NOT_FOUND);
    CHECK(strstr(err.message, "there is no backup in") != NULL);
    CHECK(!state_restore(&options, "some.mdb", NULL, arena, &out, &err) && err.kind == ERROR_STATE);
    CHECK(strstr(err.message, "put it back first") != NULL);
    CHECK(access(store, F_OK) != 0 && access(key_file, F_OK) != 0);
    state_close(open_store(STATE_WRITE));
    CHECK(!state_restore(&options, NULL, NULL, arena, &out, &err) && err.kind == ERROR_NOT_FOUND);
    CHECK(strstr(err.message, "no good backup") != NULL);
    CHECK(!state_restore(&options, key_file, NULL, arena, &out, &err) && err.kind == ERROR_STATE);
    CHECK(!state_restore(&options, NULL, store, arena, &out, &err) && err.kind != ERROR_NONE); /* that is no key */
    arena_destroy(arena);
}

static void a_folder_that_is_none_of_ours_is_refused(void)
{
    fresh_folder();
    int fd = open(store, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && close(fd) == 0);
    CHECK(strstr(refused(STATE_WRITE).message, "is no directory") != NULL);
    CHECK(unlink(store) == 0 && mkdir(store, 0750) == 0);
    CHECK(strstr(refused(STATE_WRITE).message, "chmod 0700") != NULL);
    if (geteuid() != 0)
        return;
    CHECK(chmod(store, 0700) == 0 && chown(store, 1, 1) == 0);
    CHECK(strstr(refused(STATE_WRITE).message, "belongs to the user daemon") != NULL);
    CHECK(chown(store, 54321, 1) == 0);
    CHECK(strstr(refused(STATE_WRITE).message, "belongs to the user 54321") != NULL);
    CHECK(refused(STATE_WRITE).kind == ERROR_STATE);
    state_close(open_store(STATE_READ)); /* root may look */
}

/* Not that the key cannot be read, which is true as well and leads astray. */
static void who_forgets_sudo_is_told_whose_store_it_is(void)
{
    struct error err = {0};
    const char *out;
    if (geteuid() != 0)
        return;
    fresh_folder();
    state_close(open_store(STATE_WRITE));
    CHECK(chmod(scratch_root, 0711) == 0 && chmod(folder, 0711) == 0 && seteuid(65534) == 0);
    struct error writing = refused(STATE_WRITE), reading = refused(STATE_READ);
    options.mode = STATE_WRITE;
    struct arena *arena = arena_create();
    CHECK(!state_rotate_key(&options, arena, &out, &err));
    arena_destroy(arena);
    CHECK(seteuid(0) == 0);
    CHECK(strstr(writing.message, "belongs to the user root; run this as that user (sudo -u root ") != NULL);
    CHECK_TEXT(writing.message, reading.message);
    CHECK_TEXT(writing.message, err.message);
    CHECK(writing.kind == ERROR_STATE && reading.kind == ERROR_STATE && err.kind == ERROR_STATE);
    state_close(open_store(STATE_WRITE));
}

int main(void)
{
    log_to(-1);
    RUN(a_head_that_is_wrong_is_told_and_brought_back);
    RUN(a_later_schema_is_told_from_an_altered_head);
    RUN(a_row_cut_short_is_told);
    RUN(a_copy_that_says_nothing_is_refused);
    RUN(no_field_of_a_page_leads_astray);
    RUN(what_makes_no_sense_is_refused);
    RUN(where_there_is_no_store_nothing_is_made);
    RUN(a_folder_that_is_none_of_ours_is_refused);
    RUN(who_forgets_sudo_is_told_whose_store_it_is);
    return CHECK_REPORT();
}
