#include "controller/state_rewrite.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/seal.h"
#include "base/secret.h"
#include "controller/state_store.h"
#include "controller/state_vault.h"

#define FORMER_KEYS "meta/former-keys"

struct rewrite {
    const struct vault *from, *to;
    struct store *store;
    struct MDB_txn *txn;
    struct seal_opener *opener;
    struct arena *arena; /* of one row */
    const char *former;
    int64_t now;
    struct error *err;
    bool failed;
};

/* The ids of the keys this store was sealed with before: "<id> until <time>", one a line. */
static struct span with_former(struct rewrite *rewrite, struct span was)
{
    const char *line = arena_printf(rewrite->arena, "%.*s%s until %s\n", (int)was.length, was.data, rewrite->former,
                                    clock_rfc3339(rewrite->arena, rewrite->now));
    return span_of(line, strlen(line));
}

static bool is_key(struct span key, const char *text)
{
    return key.length == strlen(text) && memcmp(key.data, text, key.length) == 0;
}

static bool put(struct rewrite *rewrite, struct span key, struct span value, int64_t revision)
{
    struct span sealed;
    return vault_close_row(rewrite->to, key, value, revision, rewrite->arena, &sealed, rewrite->err) &&
           store_put(rewrite->store, rewrite->txn, key, sealed, rewrite->err);
}

static bool rewrite_row(struct span key, struct span stored, void *arg)
{
    struct rewrite *rewrite = arg;
    struct span value;
    int64_t revision;
    struct error why = {0};
    if (vault_is_head(key))
        return true;
    arena_reset(rewrite->arena);
    if (!vault_open_row(rewrite->from, rewrite->opener, key, stored, rewrite->arena, &value, &revision, &why)) {
        if (why.kind == ERROR_NOT_FOUND) /* an index row that is not ours: it is made anew */
            return true;
        if (rewrite->err != NULL)
            *rewrite->err = why;
        rewrite->failed = true;
        return false;
    }
    bool former = rewrite->former != NULL && is_key(key, FORMER_KEYS);
    rewrite->failed = !put(rewrite, key, former ? with_former(rewrite, value) : value, revision);
    if (former)
        rewrite->former = NULL;
    if (!vault_is_index(key))
        secret_wipe((void *)(uintptr_t)value.data, value.length);
    return !rewrite->failed;
}

static bool rewrite_rows(struct store *from, struct MDB_txn *from_txn, struct rewrite *rewrite, struct counters *counters)
{
    rewrite->opener = seal_opener_create(rewrite->from->data_key);
    bool ok = store_scan(from, from_txn, span_of("", 0), rewrite_row, rewrite, rewrite->err) && !rewrite->failed;
    seal_opener_destroy(rewrite->opener);
    arena_reset(rewrite->arena);
    if (ok && rewrite->former != NULL) /* the first rotation of this store */
        ok = put(rewrite, span_of(FORMER_KEYS, strlen(FORMER_KEYS)), with_former(rewrite, span_of("", 0)),
                 counters->revision + 1);
    counters->revision++;
    return ok && vault_write_counters(rewrite->to, rewrite->store, rewrite->txn, counters, rewrite->arena, rewrite->err);
}

static bool rewrite_into(struct store *from, struct MDB_txn *from_txn, struct store *to, const struct keyring *ring,
                         const struct seal *sealing_key, const char *former, struct error *err)
{
    AUTO(store_txn) struct MDB_txn *txn = NULL;
    AUTO(arena) struct arena *arena = arena_create();
    struct vault old = {0}, new = {0};
    struct counters counters;
    char words[200];
    if (vault_read(&old, from, from_txn, ring, NULL, words, sizeof words) != VAULT_GOOD)
        return error_raise(err, ERROR_STATE, "%s", words);
    bool ok = vault_read_counters(&old, from, from_txn, &counters, err) && store_begin(to, true, &txn, err) &&
              vault_create(&new, old.installation, to, txn, sealing_key, err);
    struct rewrite rewrite = {.from = &old, .to = &new, .store = to, .txn = txn, .arena = arena, .former = former,
                              .now = clock_now(), .err = err};
    ok = ok && rewrite_rows(from, from_txn, &rewrite, &counters) && store_commit(to, &txn, err);
    vault_finish(&old);
    vault_finish(&new);
    return ok;
}

bool state_rewrite(const char *from, const struct keyring *ring, const struct seal *sealing_key, const char *former,
                   const char *to, struct error *err)
{
    struct stat st;
    if (stat(from, &st) != 0)
        return error_raise(err, ERROR_STATE, "%s: %m", from);
    struct store *old = store_open_file(from, false, 0, err);
    struct store *new = old != NULL ? store_open_file(to, true, 4 * (size_t)st.st_size + (64 << 20), err) : NULL;
    struct MDB_txn *txn = NULL;
    bool ok = new != NULL && store_begin(old, false, &txn, err) &&
              rewrite_into(old, txn, new, ring, sealing_key, former, err);
    store_abort(txn);
    store_close(new);
    store_close(old);
    return ok || error_prefix(err, "writing %s anew", from);
}
