/* What is remembered between two operations: zones and their handles, access tokens, changes under way.
 * Losing any of it costs a request, never more, so a full row gives up its oldest. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/fatal.h"
#include "base/hash.h"
#include "base/secret.h"
#include "reconcilers/dns/service.h"

enum { ROWS = 1024, WAYS = 4, LOCKS = 64 };

struct entry {
    char *key, *value;
    int64_t until_ms;
};
static struct entry memory[ROWS][WAYS];
static pthread_mutex_t memory_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t locks[SERVICE_LOCK_COUNT][LOCKS] = {
    [0 ... SERVICE_LOCK_COUNT - 1] = {[0 ... LOCKS - 1] = PTHREAD_MUTEX_INITIALIZER}};

static unsigned number_of(const char *key)
{
    unsigned char digest[32];
    hash_sha256(span_of(key, strlen(key)), digest);
    return (unsigned)digest[0] << 8 | digest[1];
}

static char *copy_of(const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL)
        fatal_memory();
    return copy;
}

static void clear(struct entry *entry)
{
    if (entry->value != NULL)
        secret_wipe(entry->value, strlen(entry->value));
    free(entry->key);
    free(entry->value);
    *entry = (struct entry){0};
}

static struct entry *find(struct entry *row, const char *key)
{
    for (size_t i = 0; i < WAYS; i++) {
        if (row[i].key != NULL && strcmp(row[i].key, key) == 0)
            return &row[i];
    }
    return NULL;
}

char *service_recall(struct arena *arena, const char *key)
{
    char *copy = NULL;
    struct entry *row = memory[number_of(key) % ROWS];
    pthread_mutex_lock(&memory_lock);
    struct entry *entry = find(row, key);
    if (entry != NULL && entry->until_ms > clock_boot_ms())
        copy = arena_strdup(arena, entry->value);
    pthread_mutex_unlock(&memory_lock);
    return copy;
}

void service_remember(const char *key, const char *value, int64_t for_ms)
{
    struct entry *row = memory[number_of(key) % ROWS];
    pthread_mutex_lock(&memory_lock);
    struct entry *entry = find(row, key);
    for (size_t i = 0; i < WAYS && entry == NULL; i++) {
        if (row[i].key == NULL)
            entry = &row[i];
    }
    if (entry == NULL) {
        entry = row;
        for (size_t i = 1; i < WAYS; i++) {
            if (row[i].until_ms < entry->until_ms)
                entry = &row[i];
        }
    }
    clear(entry);
    *entry = (struct entry){copy_of(key), copy_of(value), clock_boot_ms() + for_ms};
    pthread_mutex_unlock(&memory_lock);
}

void service_forget(const char *key)
{
    pthread_mutex_lock(&memory_lock);
    struct entry *entry = find(memory[number_of(key) % ROWS], key);
    if (entry != NULL)
        clear(entry);
    pthread_mutex_unlock(&memory_lock);
}

void service_forget_account(const char *account)
{
    size_t length = strlen(account);
    pthread_mutex_lock(&memory_lock);
    for (size_t row = 0; row < ROWS; row++)
        for (size_t i = 0; i < WAYS; i++) {
            struct entry *entry = &memory[row][i];
            size_t own = entry->key != NULL ? strlen(entry->key) : 0;
            if (own > length && entry->key[own - length - 1] == ' ' && strcmp(entry->key + own - length, account) == 0)
                clear(entry);
        }
    pthread_mutex_unlock(&memory_lock);
}

void service_lock(enum service_lock kind, const char *key)
{
    pthread_mutex_lock(&locks[kind][number_of(key) % LOCKS]);
}

void service_unlock(enum service_lock kind, const char *key)
{
    pthread_mutex_unlock(&locks[kind][number_of(key) % LOCKS]);
}

const char *service_name_key(const struct service_session *session, const struct dns_challenge *challenge)
{
    return arena_printf(session->ctx->arena, "%s %s", text_lower(session->ctx->arena, challenge->name),
                        session->key);
}
