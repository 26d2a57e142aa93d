/* What LMDB itself costs here, in microseconds an operation: put in one synced transaction, one record a
 * synced transaction, get with random keys, scan by cursor.
 *
 *   floor_store DIR RECORDS     DIR is empty */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <lmdb.h>

enum { VALUE = 900, SINGLES = 200 };
static MDB_env *env;
static MDB_dbi dbi;
static unsigned char value[VALUE];

static void must(int code)
{
    if (code == 0)
        return;
    fprintf(stderr, "LMDB: %s\n", mdb_strerror(code));
    exit(1);
}

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static MDB_txn *begin(unsigned flags)
{
    MDB_txn *txn;
    must(mdb_txn_begin(env, NULL, flags, &txn));
    return txn;
}

static void put(MDB_txn *txn, unsigned number)
{
    char key[32];
    MDB_val k = {(size_t)snprintf(key, sizeof key, "record/%08u", number), key}, v = {VALUE, value};
    must(mdb_put(txn, dbi, &k, &v, 0));
}

struct mark {
    double wall, cpu;
};
static struct mark mark(void) { return (struct mark){seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID)}; }

static void tell(const char *what, struct mark since, unsigned count)
{
    printf("%s %.3f %.3f\n", what, (seconds(CLOCK_MONOTONIC) - since.wall) * 1e6 / count,
           (seconds(CLOCK_PROCESS_CPUTIME_ID) - since.cpu) * 1e6 / count);
}

int main(int argc, char **argv)
{
    unsigned count = argc == 3 ? (unsigned)atoi(argv[2]) : 0, sum = 0;
    if (count == 0) {
        fputs("usage: floor_store DIR RECORDS\n", stderr);
        return 64;
    }
    must(mdb_env_create(&env));
    must(mdb_env_set_mapsize(env, (size_t)1 << 30));
    must(mdb_env_open(env, argv[1], MDB_NOTLS, 0600));
    MDB_txn *txn = begin(0);
    must(mdb_dbi_open(txn, NULL, 0, &dbi));
    must(mdb_txn_commit(txn));

    struct mark since = mark();
    txn = begin(0);
    for (unsigned i = 0; i < count; i++)
        put(txn, i);
    must(mdb_txn_commit(txn));
    tell("put", since, count);

    since = mark();
    for (unsigned i = 0; i < SINGLES; i++) {
        txn = begin(0);
        put(txn, i * 37 % count);
        must(mdb_txn_commit(txn));
    }
    tell("commit", since, SINGLES);

    since = mark();
    txn = begin(MDB_RDONLY);
    for (unsigned i = 0; i < count; i++) {
        char key[32];
        MDB_val k = {(size_t)snprintf(key, sizeof key, "record/%08u", i * 2654435761u % count), key}, v;
        must(mdb_get(txn, dbi, &k, &v));
        sum += *(unsigned char *)v.mv_data;
    }
    mdb_txn_abort(txn);
    tell("get", since, count);

    since = mark();
    txn = begin(MDB_RDONLY);
    MDB_cursor *cursor;
    MDB_val k, v;
    must(mdb_cursor_open(txn, dbi, &cursor));
    while (mdb_cursor_get(cursor, &k, &v, MDB_NEXT) == 0)
        sum += *(unsigned char *)v.mv_data;
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    tell("scan", since, count);
    mdb_env_close(env);
    return sum != 0;
}
