/* The raw store on LMDB 0.9.24 (reference/libraries.md 4.11).
 *
 * One unnamed tree: no sorted duplicates, no nested transactions, nothing that old release is known to get
 * wrong. Synced commits and a read-only map always: a wild pointer of ours cannot reach the file. */
#include "base/fatal.h"
#include "controller/state_store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lmdb.h>

#include "base/arena.h"
#include "base/error.h"

struct store {
    MDB_env *env;
    MDB_dbi dbi;
    bool write, lacks_room;
    bool unmapped; /* another size could not be mapped, and the former map is gone */
};

#define DEFAULT_MAP ((size_t)1 << 30)
#define SCAN_MAPPED ((size_t)256 << 10) /* bytes looked at before their pages are given back */

static char *data_path(struct arena *arena, const char *directory)
{
    return arena_printf(arena, "%s/data.mdb", directory);
}

bool store_exists(const char *directory)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct stat st;
    return stat(data_path(arena, directory), &st) == 0 ? st.st_size > 0 : errno != ENOENT && errno != ENOTDIR;
}

static bool fail(struct store *store, struct error *err, const char *what, int code)
{
    store->lacks_room = code == MDB_MAP_FULL || code == ENOSPC || code == EDQUOT || code == EFBIG;
    switch (code) {
    case MDB_MAP_FULL:
        return error_raise(err, ERROR_STATE, "%s: the store has reached its largest size", what);
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return error_raise(err, ERROR_STATE, "%s: no space left for the store: %s", what, strerror(code));
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_PANIC:
    case MDB_VERSION_MISMATCH:
        return error_raise(err, ERROR_STATE,
                           "%s: the store is damaged or no store at all (%s); `certwright state verify` says more",
                           what, mdb_strerror(code));
    default:
        return error_raise(err, ERROR_STATE, "%s: %s", what, mdb_strerror(code));
    }
}

/* Keep the ceiling at four times what is used, so that a start with a grown store has room
 * (reliability.md 7.6). */
static int grow_map(MDB_env *env, size_t map_size)
{
    MDB_envinfo info;
    MDB_stat stat;
    int rc = mdb_env_info(env, &info);
    if (rc == 0)
        rc = mdb_env_stat(env, &stat);
    if (rc != 0)
        return rc;
    size_t wanted = (info.me_last_pgno + 1) * stat.ms_psize * 4;
    return wanted > map_size && wanted > info.me_mapsize ? mdb_env_set_mapsize(env, wanted) : 0;
}

static int open_tree(struct store *store)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(store->env, NULL, store->write ? 0 : MDB_RDONLY, &txn);
    if (rc != 0)
        return rc;
    rc = mdb_dbi_open(txn, NULL, 0, &store->dbi);
    if (rc != 0) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn); /* writes nothing: the unnamed tree is always there */
}

static struct store *open_env(const char *path, unsigned flags, bool write, size_t map_size, struct error *err)
{
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL)
        fatal_memory();
    store->write = write;
    if (map_size == 0)
        map_size = DEFAULT_MAP;
    int rc = mdb_env_create(&store->env);
    if (rc == 0)
        rc = mdb_env_set_mapsize(store->env, map_size);
    if (rc == 0)
        rc = mdb_env_open(store->env, path, MDB_NOTLS | MDB_NORDAHEAD | flags | (write ? 0 : MDB_RDONLY), 0600);
    if (rc == 0 && write)
        rc = grow_map(store->env, map_size);
    if (rc == 0)
        rc = open_tree(store);
    if (rc == 0)
        return store;
    if (rc == ENOENT && !write)
        error_raise(err, ERROR_NOT_FOUND, "no store in %s", path);
    else {
        fail(store, err, "opening the store", rc);
        error_prefix(err, "%s", path);
    }
    store_close(store);
    return NULL;
}

struct store *store_open(const char *directory, bool write, size_t map_size, struct error *err)
{
    struct store *store = open_env(directory, 0, write, map_size, err);
    if (store != NULL)
        store_clear_readers(store);
    return store;
}

struct store *store_open_file(const char *path, bool make, size_t map_size, struct error *err)
{
    struct stat st;
    if (make && lstat(path, &st) == 0) {
        error_raise(err, ERROR_STATE, "%s is there already", path);
        return NULL;
    }
    return open_env(path, MDB_NOSUBDIR | MDB_NOLOCK, make, map_size, err);
}

bool store_lacks_room(const struct store *store) { return store->lacks_room; }

void store_clear_readers(struct store *store)
{
    int dead;
    mdb_reader_check(store->env, &dead);
}

void store_size(const struct store *store, size_t *out_used, size_t *out_most)
{
    MDB_envinfo info;
    MDB_stat stat;
    bool known = mdb_env_info(store->env, &info) == 0 && mdb_env_stat(store->env, &stat) == 0;
    *out_used = known ? (info.me_last_pgno + 1) * stat.ms_psize : 0;
    *out_most = known ? info.me_mapsize : 0;
}

/* LMDB lets go of its map before it makes the other one, and would read where none is. */
static int map_anew(struct store *store, size_t size)
{
    int rc = mdb_env_set_mapsize(store->env, size);
    store->unmapped = rc != 0;
    return rc;
}

bool store_grow(struct store *store, size_t most) { return map_anew(store, most) == 0; }

bool store_copy(struct store *store, int fd, struct error *err)
{
    int rc = mdb_env_copyfd2(store->env, fd, MDB_CP_COMPACT);
    return rc == 0 || fail(store, err, "copying", rc);
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    if (store->env != NULL)
        mdb_env_close(store->env);
    free(store);
}

/* LMDB does not tell where its map lies. */
void store_relax(struct store *store)
{
    char line[512];
    struct stat st;
    int fd;
    FILE *maps = mdb_env_get_fd(store->env, &fd) == 0 && fstat(fd, &st) == 0 ? fopen("/proc/self/maps", "re") : NULL;
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        uintptr_t from, to;
        uint64_t inode;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*s %*s %*s %" SCNu64, &from, &to, &inode) == 3 && inode == st.st_ino &&
            strstr(line, "/data.mdb") != NULL)
            madvise((void *)from, to - from, MADV_DONTNEED);
    }
    if (maps != NULL)
        fclose(maps);
}

bool store_begin(struct store *store, bool write, struct MDB_txn **out, struct error *err)
{
    MDB_txn *txn;
    int rc = store->unmapped ? ENOMEM : mdb_txn_begin(store->env, NULL, write ? 0 : MDB_RDONLY, &txn);
    if (rc == MDB_MAP_RESIZED) { /* the writer has a larger map: take over its size */
        rc = map_anew(store, 0);
        if (rc == 0)
            rc = mdb_txn_begin(store->env, NULL, write ? 0 : MDB_RDONLY, &txn);
    }
    if (rc != 0)
        return fail(store, err, "beginning a transaction", rc);
    *out = txn;
    return true;
}

bool store_commit(struct store *store, struct MDB_txn **txn, struct error *err)
{
    int rc = mdb_txn_commit(*txn);
    *txn = NULL;
    return rc == 0 || fail(store, err, "committing", rc);
}

void store_abort(struct MDB_txn *txn)
{
    if (txn != NULL)
        mdb_txn_abort(txn);
}

static MDB_val to_val(struct span span)
{
    return (MDB_val){.mv_size = span.length, .mv_data = (void *)span.data};
}

bool store_get(struct store *store, struct MDB_txn *txn, struct span key, struct span *out,
               struct error *err)
{
    MDB_val k = to_val(key), v;
    int rc = mdb_get(txn, store->dbi, &k, &v);
    if (rc == MDB_NOTFOUND)
        return error_raise(err, ERROR_NOT_FOUND, "no such record");
    if (rc != 0)
        return fail(store, err, "reading", rc);
    *out = span_of(v.mv_data, v.mv_size);
    return true;
}

bool store_put(struct store *store, struct MDB_txn *txn, struct span key, struct span value,
               struct error *err)
{
    MDB_val k = to_val(key), v = to_val(value);
    int rc = mdb_put(txn, store->dbi, &k, &v, 0);
    return rc == 0 || fail(store, err, "writing", rc);
}

bool store_delete(struct store *store, struct MDB_txn *txn, struct span key, struct error *err)
{
    MDB_val k = to_val(key);
    int rc = mdb_del(txn, store->dbi, &k, NULL);
    return rc == 0 || rc == MDB_NOTFOUND || fail(store, err, "deleting", rc);
}

/* With each page of the map that is touched the kernel maps its neighbours too, sixteen for one: a scan of rows that lie
 * apart would make most of the file resident. So what was mapped is given back as the scan goes on; it stays in the page
 * cache, and whoever needs it again finds it there. */
struct mapped {
    uintptr_t low, high; /* of the values looked at; LMDB does not tell where its map is */
    size_t bytes; /* since some were last given back */
    bool many;
};

static void give_back(struct mapped *mapped)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), low = mapped->low & ~(page - 1);
    madvise((void *)low, mapped->high - low, MADV_DONTNEED);
    *mapped = (struct mapped){.low = UINTPTR_MAX, .many = true};
}

static void note_mapped(struct mapped *mapped, const MDB_val *value)
{
    uintptr_t at = (uintptr_t)value->mv_data;
    mapped->low = at < mapped->low ? at : mapped->low;
    mapped->high = at + value->mv_size > mapped->high ? at + value->mv_size : mapped->high;
    mapped->bytes += value->mv_size;
    if (mapped->bytes > SCAN_MAPPED)
        give_back(mapped);
}

/* Keys only rise; in a damaged file a walk could go in circles. */
struct rising {
    unsigned char last[STORE_KEY_MAX];
    size_t length;
};
static bool rises(struct rising *rising, const MDB_val *key)
{
    size_t least = key->mv_size < rising->length ? key->mv_size : rising->length;
    int order = memcmp(rising->last, key->mv_data, least);
    if (key->mv_size > sizeof rising->last || order > 0 || (order == 0 && rising->length > 0 && key->mv_size <= rising->length))
        return false;
    memcpy(rising->last, key->mv_data, key->mv_size);
    rising->length = key->mv_size;
    return true;
}

bool store_scan(struct store *store, struct MDB_txn *txn, struct span prefix,
                bool (*visit)(struct span key, struct span value, void *arg), void *arg, struct error *err)
{
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, store->dbi, &cursor);
    if (rc != 0)
        return fail(store, err, "reading", rc);
    MDB_val key = to_val(prefix), value;
    struct mapped mapped = {.low = UINTPTR_MAX};
    struct rising rising = {.length = 0};
    rc = mdb_cursor_get(cursor, &key, &value, prefix.length == 0 ? MDB_FIRST : MDB_SET_RANGE);
    while (rc == 0 && key.mv_size >= prefix.length &&
           memcmp(key.mv_data, prefix.data, prefix.length) == 0) {
        if (!rises(&rising, &key))
            rc = MDB_CORRUPTED;
        if (rc != 0 || !visit(span_of(key.mv_data, key.mv_size), span_of(value.mv_data, value.mv_size), arg))
            break;
        note_mapped(&mapped, &value);
        rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (mapped.many && mapped.bytes > 0)
        give_back(&mapped);
    return rc == 0 || rc == MDB_NOTFOUND || fail(store, err, "reading", rc);
}

struct walk {
    struct store *store;
    struct MDB_txn *txn;
    bool (*visit)(struct span key, struct span value, void *arg);
    void *arg;
    size_t rows;
    bool lost, stopped;
};

static bool walk_row(struct span key, struct span value, void *arg)
{
    struct walk *walk = arg;
    MDB_val k = to_val(key), found;
    walk->rows++;
    walk->lost = mdb_get(walk->txn, walk->store->dbi, &k, &found) != 0 || found.mv_data != (void *)value.data ||
                 found.mv_size != value.length;
    walk->stopped = !walk->lost && !walk->visit(key, value, walk->arg);
    return !walk->lost && !walk->stopped;
}

bool store_walk(struct store *store, struct MDB_txn *txn, bool (*visit)(struct span key, struct span value, void *arg),
                void *arg, struct error *err)
{
    struct walk walk = {.store = store, .txn = txn, .visit = visit, .arg = arg};
    MDB_stat stat;
    if (!store_scan(store, txn, span_of("", 0), walk_row, &walk, err))
        return false;
    int rc = mdb_stat(txn, store->dbi, &stat);
    bool whole = rc == 0 && !walk.lost && (walk.stopped || walk.rows == stat.ms_entries);
    return whole || fail(store, err, "walking", rc != 0 ? rc : MDB_CORRUPTED);
}
