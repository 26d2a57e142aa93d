/* A store of schema 1, as the first release wrote it. */
#pragma once

#include "base/hash.h"
#include "base/seal.h"

#include "state_world.h"

struct old_store {
    MDB_txn *txn;
    MDB_dbi dbi;
    struct seal *data_key;
    struct arena *arena;
};
static const char old_installation[] = "00112233445566778899aabbccddeeff";

static inline void old_put(struct old_store *old, const char *key, const void *value, size_t length)
{
    MDB_val k = {strlen(key), (void *)(uintptr_t)key}, v = {length, (void *)(uintptr_t)value};
    CHECK(mdb_put(old->txn, old->dbi, &k, &v, 0) == 0);
}

static inline void old_wrapped(struct old_store *old, const struct seal *sealing_key, const char *key, const char *use,
                        struct span plain)
{
    struct span sealed;
    const char *about = arena_printf(old->arena, "certwright %s %s", use, old_installation);
    CHECK(seal_close(sealing_key, text(about), plain, old->arena, &sealed, NULL));
    old_put(old, key, sealed.data, sealed.length);
}

static inline void old_record(struct old_store *old, const char *key, const char *value, int64_t revision)
{
    struct span sealed;
    unsigned char about[256] = {0}, row[512] = {0};
    memcpy(about, old_installation, 32);
    about[32] = 1;
    about[40] = row[7] = (unsigned char)revision;
    memcpy(about + 41, key, strlen(key));
    bool index = strncmp(key, "index/", 6) == 0;
    size_t length = 41 + strlen(key);
    if (index) {
        memcpy(about + length + 1, value, strlen(value));
        length += 1 + strlen(value);
    }
    CHECK(seal_close(old->data_key, span_of((char *)about, length), index ? span_of("", 0) : text(value), old->arena, &sealed,
                     NULL));
    memcpy(row + 8, sealed.data, sealed.length);
    length = 8 + sealed.length;
    if (index) {
        memcpy(row + length, value, strlen(value));
        length += strlen(value);
    }
    old_put(old, key, row, length);
}

static inline void make_old_store(void)
{
    MDB_env *env;
    unsigned char key[32];
    char head[80];
    struct error err = {0};
    struct seal *sealing_key = seal_make(key_file, &err);
    CHECK_OK(sealing_key != NULL, err);
    random_bytes(key, sizeof key);
    struct old_store old = {.data_key = seal_from_bytes(key), .arena = arena_create()};
    CHECK(mkdir(store, 0700) == 0);
    CHECK(mdb_env_create(&env) == 0 && mdb_env_open(env, store, 0, 0600) == 0 &&
          mdb_txn_begin(env, NULL, 0, &old.txn) == 0 && mdb_dbi_open(old.txn, NULL, 0, &old.dbi) == 0);
    snprintf(head, sizeof head, "certwright-store 1 %s", old_installation);
    old_put(&old, "@head", head, strlen(head));
    old_wrapped(&old, sealing_key, "@check", "check", text("this is the sealing key"));
    old_wrapped(&old, sealing_key, "@key", "data key", span_of((char *)key, sizeof key));
    old_record(&old, "order/default/shop/000001", "an order", 7);
    old_record(&old, "blob/key/1", "a private key", 6);
    old_record(&old, "index/a", "a row", 7);
    old_record(&old, "meta/counters", "{\"revision\":7,\"paid\":2,\"time\":1}", 7);
    CHECK(mdb_txn_commit(old.txn) == 0);
    mdb_env_close(env);
    seal_destroy(old.data_key);
    seal_destroy(sealing_key);
    arena_destroy(old.arena);
}
