/* A store in a folder of its own, for the tests of state.c and what lies behind it. */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lmdb.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "controller/state.h"

#include "check.h"
#include "scratch.h"

static char folder[80], store[100], key_file[100], audit[100];
static struct state_options options;

static inline void fresh_folder(void)
{
    scratch_folder(folder, sizeof folder);
    snprintf(store, sizeof store, "%s/state", folder);
    snprintf(key_file, sizeof key_file, "%s/sealing.key", folder);
    snprintf(audit, sizeof audit, "%s/audit", folder);
    options = (struct state_options){store, key_file, audit, STATE_WRITE, "run", 0, NULL};
}

static inline struct state *open_store(enum state_mode mode)
{
    struct error err = {0};
    options.mode = mode;
    struct state *state = state_open(&options, &err);
    CHECK_OK(state != NULL, err);
    return state;
}

static inline struct error refused(enum state_mode mode)
{
    struct error err = {0};
    options.mode = mode;
    struct state *state = state_open(&options, &err);
    CHECK(state == NULL);
    return err;
}

static inline struct span text(const char *value) { return span_of(value, strlen(value)); }

static inline bool commit_one(struct state *state, enum state_table table, const char *key, const char *value,
                       int64_t must, struct error *err)
{
    struct state_batch *batch = state_batch_create();
    state_put(batch, table, key, text(value), must);
    bool done = state_commit(state, batch, false, err);
    state_batch_destroy(batch);
    return done;
}

static inline void put(struct state *state, enum state_table table, const char *key, const char *value)
{
    struct error err = {0};
    CHECK_OK(commit_one(state, table, key, value, STATE_ANY, &err), err);
}

static inline const char *get(struct state *state, enum state_table table, const char *key, int64_t *revision)
{
    static char out[256];
    struct arena *arena = arena_create();
    struct span value;
    bool found = state_get(state, table, key, arena, &value, revision, NULL);
    if (found)
        snprintf(out, sizeof out, "%.*s", (int)value.length, value.data);
    arena_destroy(arena);
    return found ? out : NULL;
}

/* Change the file behind the store's back. */
static inline void raw_edit(const char *key, const char *other, bool flip)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    char one[512], two[512];
    CHECK(mdb_env_create(&env) == 0 && mdb_env_open(env, store, 0, 0600) == 0 &&
          mdb_txn_begin(env, NULL, 0, &txn) == 0 && mdb_dbi_open(txn, NULL, 0, &dbi) == 0);
    MDB_val a = {strlen(key), (void *)key}, value;
    CHECK(mdb_get(txn, dbi, &a, &value) == 0 && value.mv_size < sizeof one);
    size_t length = value.mv_size;
    memcpy(one, value.mv_data, length);
    if (flip)
        one[length - 1] ^= 1;
    else {
        MDB_val b = {strlen(other), (void *)other};
        CHECK(mdb_get(txn, dbi, &b, &value) == 0 && value.mv_size < sizeof two);
        size_t other_length = value.mv_size;
        memcpy(two, value.mv_data, other_length);
        value = (MDB_val){length, one};
        CHECK(mdb_put(txn, dbi, &b, &value, 0) == 0);
        length = other_length;
        memcpy(one, two, length);
    }
    value = (MDB_val){length, one};
    CHECK(mdb_put(txn, dbi, &a, &value, 0) == 0 && mdb_txn_commit(txn) == 0);
    mdb_env_close(env);
}

static inline void pay(struct state *state)
{
    struct error err = {0};
    struct state_batch *batch = state_batch_create();
    state_put(batch, TABLE_ORDER, "paid", text("x"), STATE_ANY);
    CHECK_OK(state_commit(state, batch, true, &err), err);
    state_batch_destroy(batch);
}

static inline void copy_file(const char *from, const char *to)
{
    struct error err = {0};
    struct buffer bytes = {0};
    CHECK_OK(file_read_path(from, 1 << 24, &bytes, &err), err);
    unlink(to);
    int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, bytes.data, bytes.length) == (ssize_t)bytes.length);
    close(fd);
    buffer_release(&bytes);
}

static inline void in_folder(char *out, size_t size, const char *name) { snprintf(out, size, "%s/%s", folder, name); }
/* What is to be trusted again, by a person's word. */
static inline void release(struct state *state)
{
    struct error err = {0};
    struct state_batch *batch = state_batch_create();
    state_release(state, batch);
    CHECK_OK(state_commit(state, batch, false, &err), err);
    state_released(state);
    state_batch_destroy(batch);
}

/* How many files of `directory` begin so. */
static inline int count_files(const char *directory, const char *prefix)
{
    int count = 0;
    DIR *open = opendir(directory);
    for (struct dirent *entry; open != NULL && (entry = readdir(open)) != NULL;)
        count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    if (open != NULL)
        closedir(open);
    return count;
}
/* Write `length` bytes into a file in place. */
static inline void spoil(const char *path, off_t at, const void *bytes, size_t length)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0 && pwrite(fd, bytes, length, at) == (ssize_t)length);
    close(fd);
}
