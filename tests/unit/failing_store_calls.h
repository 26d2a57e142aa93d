/* LMDB's calls of which the n-th fails: see failing.h. */
#pragma once

#include <lmdb.h>

#include "failing_life.h"

FAILING_STORE(mdb_env_create, (MDB_env **a), a)
FAILING_STORE(mdb_env_set_mapsize, (MDB_env *a, size_t b), a, b)
FAILING_STORE(mdb_env_open, (MDB_env *a, const char *b, unsigned c, mdb_mode_t d), a, b, c, d)
FAILING_STORE(mdb_env_info, (MDB_env *a, MDB_envinfo *b), a, b)
FAILING_STORE(mdb_env_stat, (MDB_env *a, MDB_stat *b), a, b)
FAILING_STORE(mdb_env_copyfd2, (MDB_env *a, mdb_filehandle_t b, unsigned c), a, b, c)
FAILING_STORE(mdb_txn_begin, (MDB_env *a, MDB_txn *b, unsigned c, MDB_txn **d), a, b, c, d)
FAILING_STORE(mdb_dbi_open, (MDB_txn *a, const char *b, unsigned c, MDB_dbi *d), a, b, c, d)
FAILING_STORE(mdb_get, (MDB_txn *a, MDB_dbi b, MDB_val *c, MDB_val *d), a, b, c, d)
FAILING_STORE(mdb_put, (MDB_txn *a, MDB_dbi b, MDB_val *c, MDB_val *d, unsigned e), a, b, c, d, e)
FAILING_STORE(mdb_del, (MDB_txn *a, MDB_dbi b, MDB_val *c, MDB_val *d), a, b, c, d)
FAILING_STORE(mdb_cursor_open, (MDB_txn *a, MDB_dbi b, MDB_cursor **c), a, b, c)
FAILING_STORE(mdb_cursor_get, (MDB_cursor *a, MDB_val *b, MDB_val *c, MDB_cursor_op d), a, b, c, d)
FAILING_STORE(mdb_stat, (MDB_txn *a, MDB_dbi b, MDB_stat *c), a, b, c)
FAILING_STORE(mdb_env_get_fd, (MDB_env *a, mdb_filehandle_t *b), a, b)

/* One that fails has let go of its transaction; or it was written after all, and only the last sync said
 * something else. */
int mdb_txn_commit(MDB_txn *txn)
{
    if (FAILS(STORE_CALLS, "mdb_txn_commit")) {
        mdb_txn_abort(txn);
        return failing_now()->number;
    }
    int rc = NEXT(mdb_txn_commit)(txn);
    return rc == 0 && FAILS(SECRET_COMMITS, "mdb_txn_commit") ? errno : rc;
}
