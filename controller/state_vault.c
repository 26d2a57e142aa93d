#include "controller/state_vault.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/seal.h"
#include "base/secret.h"
#include "controller/state_store.h"

enum { REVISION_SIZE = 8, TAG_SIZE = 28 /* nonce and tag */ };

static const struct span head_key = {"@head", 5}, check_key = {"@check", 6}, wrapped_key = {"@key", 4};
static const char head_word[] = "certwright-store", check_word[] = "this is the sealing key";

/* ---- keys ---- */

static bool add_key(struct keyring *ring, const char *file, struct error *err)
{
    struct error why = {0};
    struct seal *key = ring->count < KEYRING_MOST ? seal_load(file, &why) : NULL;
    if (key == NULL) {
        if (why.kind == ERROR_NOT_FOUND || why.kind == ERROR_NONE)
            return true;
        if (err != NULL)
            *err = why;
        return false;
    }
    ring->files[ring->count] = file;
    ring->keys[ring->count++] = key;
    return true;
}

/* "<file>.<16 hex digits>": former keys, put aside by a rotation. One that cannot be read is left out. */
static void add_former(struct keyring *ring, const char *file, struct arena *arena)
{
    const char *slash = strrchr(file, '/'), *name = slash != NULL ? slash + 1 : file;
    size_t length = strlen(name);
    DIR *folder = opendir(slash != NULL ? arena_strndup(arena, file, (size_t)(slash - file) + 1) : ".");
    struct string_list found = {0};
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;)
        if (strncmp(entry->d_name, name, length) == 0 && entry->d_name[length] == '.' &&
            strspn(entry->d_name + length + 1, "0123456789abcdef") == 16 && strlen(entry->d_name) == length + 17)
            string_list_push(arena, &found, arena_printf(arena, "%s%s", file, entry->d_name + length));
    if (folder != NULL)
        closedir(folder);
    found = string_list_sorted(arena, &found);
    for (size_t i = 0; i < found.count; i++)
        add_key(ring, found.items[i], NULL);
}

bool keyring_load(struct keyring *ring, const char *file, struct arena *arena, struct error *err)
{
    *ring = (struct keyring){0};
    if (!add_key(ring, file, err) || !add_key(ring, arena_printf(arena, "%s.new", file), err)) {
        keyring_release(ring);
        return false;
    }
    if (ring->count > 0)
        add_former(ring, file, arena);
    return true;
}

void keyring_release(struct keyring *ring)
{
    while (ring->count > 0)
        seal_destroy(ring->keys[--ring->count]);
}

bool keyring_open(const struct keyring *ring, struct span associated, struct span sealed, struct arena *arena,
                  struct span *out, struct error *err)
{
    for (size_t i = 0; i < ring->count; i++)
        if (seal_open(ring->keys[i], associated, sealed, arena, out, err))
            return true;
    return ring->count > 0 ? false : error_raise(err, ERROR_STATE, "there is no sealing key");
}

const char *key_id(const struct seal *key, struct arena *arena)
{
    unsigned char tag[32];
    seal_tag(key, "key id", span_of("", 0), tag);
    return text_hex(arena, tag, 8);
}

/* ---- the first rows ---- */

static struct span wrap_associated(const char *installation, int schema, const char *use, struct arena *arena)
{
    const char *text = schema < 2 ? arena_printf(arena, "certwright %s %s", use, installation)
                                  : arena_printf(arena, "certwright %s %d %s", use, schema, installation);
    return span_of(text, strlen(text));
}

static bool opens(const struct keyring *ring, struct span associated, struct span sealed, struct arena *arena,
                  struct span *out, size_t *out_key)
{
    for (size_t i = 0; i < ring->count; i++)
        if (seal_open(ring->keys[i], associated, sealed, arena, out, NULL)) {
            *out_key = i;
            return true;
        }
    return false;
}

static bool any_row(struct span key, struct span value, void *arg)
{
    (void)key, (void)value;
    *(bool *)arg = true;
    return false;
}

static enum vault_verdict without_head(struct store *store, struct MDB_txn *txn, char *words, size_t size)
{
    bool any = false;
    struct error err = {0};
    if (!store_scan(store, txn, span_of("", 0), any_row, &any, &err)) {
        snprintf(words, size, "%s", err.message);
        return VAULT_DAMAGED;
    }
    snprintf(words, size, any ? "it does not hold a certwright store" : "it holds nothing");
    return any ? VAULT_DAMAGED : VAULT_EMPTY;
}

static bool read_head(struct span head, int *out_schema, char out_installation[33])
{
    char text[100], word[32];
    int end = 0;
    snprintf(text, sizeof text, "%.*s", head.length < sizeof text ? (int)head.length : 0, head.data);
    return sscanf(text, "%31s %d %32[0-9a-f]%n", word, out_schema, out_installation, &end) == 3 &&
           strcmp(word, head_word) == 0 && *out_schema > 0 && strlen(out_installation) == 32 &&
           (size_t)end == head.length;
}

static enum vault_verdict damaged(const char *what, char *words, size_t size)
{
    snprintf(words, size, "%s", what);
    return VAULT_DAMAGED;
}

enum vault_verdict vault_read(struct vault *out, struct store *store, struct MDB_txn *txn, const struct keyring *ring,
                              size_t *out_key, char *words, size_t size)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct error err = {0};
    struct span head, check, wrapped, word = {0}, key = {0};
    struct vault vault = {0};
    size_t at = 0;
    if (!store_get(store, txn, head_key, &head, &err))
        return err.kind == ERROR_NOT_FOUND ? without_head(store, txn, words, size) : damaged(err.message, words, size);
    if (!read_head(head, &vault.schema, vault.installation))
        return damaged("its head cannot be read", words, size);
    if (!store_get(store, txn, check_key, &check, &err) || !store_get(store, txn, wrapped_key, &wrapped, &err))
        return damaged("its check value or its own key is not there", words, size);
    if (vault.schema > STATE_SCHEMA_VERSION) {
        /* The head is plain: were it only altered, the check would still open as one of ours. */
        if (opens(ring, wrap_associated(vault.installation, STATE_SCHEMA_VERSION, "check", arena), check, arena, &word, &at))
            return damaged("its head was altered", words, size);
        snprintf(words, size, "it was written by a newer certwright (schema %d; this one knows %d)", vault.schema,
                 STATE_SCHEMA_VERSION);
        return VAULT_NEWER;
    }
    bool checked = opens(ring, wrap_associated(vault.installation, vault.schema, "check", arena), check, arena, &word, &at);
    bool unwrapped = opens(ring, wrap_associated(vault.installation, vault.schema, "data key", arena), wrapped, arena, &key,
                           &at);
    enum vault_verdict verdict = VAULT_GOOD;
    if (!checked && !unwrapped) {
        snprintf(words, size, "it was sealed with another sealing key");
        verdict = VAULT_WRONG_KEY;
    } else if (!checked || !unwrapped || key.length != 32) {
        verdict = damaged(checked ? "its own key is damaged" : "its check value is damaged", words, size);
    } else {
        vault.data_key = seal_from_bytes((const unsigned char *)key.data);
        *out = vault;
        if (out_key != NULL)
            *out_key = at;
    }
    if (key.data != NULL)
        secret_wipe((void *)(uintptr_t)key.data, key.length);
    return verdict;
}

static bool put_wrapped(struct store *store, struct MDB_txn *txn, const struct seal *sealing_key, struct span key,
                        struct span associated, struct span plain, struct arena *arena, struct error *err)
{
    struct span sealed;
    return seal_close(sealing_key, associated, plain, arena, &sealed, err) && store_put(store, txn, key, sealed, err);
}

bool vault_create(struct vault *out, const char *installation, struct store *store, struct MDB_txn *txn,
                  const struct seal *sealing_key, struct error *err)
{
    AUTO(arena) struct arena *arena = arena_create();
    unsigned char key[32];
    struct vault vault = {.schema = STATE_SCHEMA_VERSION};
    snprintf(vault.installation, sizeof vault.installation, "%s", installation);
    const char *head = arena_printf(arena, "%s %d %s", head_word, vault.schema, vault.installation);
    random_bytes(key, sizeof key);
    bool made = store_put(store, txn, head_key, span_of(head, strlen(head)), err) &&
                put_wrapped(store, txn, sealing_key, check_key,
                            wrap_associated(vault.installation, vault.schema, "check", arena),
                            span_of(check_word, sizeof check_word - 1), arena, err) &&
                put_wrapped(store, txn, sealing_key, wrapped_key,
                            wrap_associated(vault.installation, vault.schema, "data key", arena),
                            span_of((char *)key, sizeof key), arena, err);
    if (made) {
        vault.data_key = seal_from_bytes(key);
        *out = vault;
    }
    secret_wipe(key, sizeof key);
    return made;
}

void vault_finish(struct vault *vault)
{
    seal_destroy(vault->data_key);
    vault->data_key = NULL;
}

/* ---- rows ---- */

static bool begins(struct span key, const char *prefix)
{
    size_t length = strlen(prefix);
    return key.length >= length && memcmp(key.data, prefix, length) == 0;
}

bool vault_is_head(struct span raw_key) { return begins(raw_key, "@"); }
bool vault_is_index(struct span raw_key) { return begins(raw_key, "file/") || begins(raw_key, "index/"); }

static void put_number(unsigned char *out, int64_t number)
{
    for (int i = 0; i < REVISION_SIZE; i++)
        out[i] = (unsigned char)((uint64_t)number >> (56 - 8 * i));
}

int64_t vault_revision(struct span stored)
{
    uint64_t number = 0;
    if (stored.length < REVISION_SIZE)
        return -2;
    for (int i = 0; i < REVISION_SIZE; i++)
        number = number << 8 | (unsigned char)stored.data[i];
    return (int64_t)number;
}

/* installation | schema | revision | raw key; all but the last of fixed length, so no two places look alike. An index row
 * has a zero and its plain bytes behind. */
static struct span associated(const struct vault *vault, struct span raw_key, int64_t revision, const struct span *plain,
                              struct arena *arena)
{
    size_t place = 32 + 1 + REVISION_SIZE + raw_key.length, length = place + (plain != NULL ? 1 + plain->length : 0);
    unsigned char *data = arena_alloc(arena, length);
    memcpy(data, vault->installation, 32);
    data[32] = (unsigned char)vault->schema;
    put_number(data + 33, revision);
    memcpy(data + 33 + REVISION_SIZE, raw_key.data, raw_key.length);
    if (plain != NULL)
        data[place] = 0;
    if (plain != NULL && plain->length > 0)
        memcpy(data + place + 1, plain->data, plain->length);
    return span_of((char *)data, length);
}

bool vault_open_row(const struct vault *vault, struct seal_opener *opener, struct span raw_key, struct span stored,
                    struct arena *arena, struct span *out, int64_t *out_revision, struct error *err)
{
    bool index = vault_is_index(raw_key);
    if (stored.length < REVISION_SIZE)
        return error_raise(err, index ? ERROR_NOT_FOUND : ERROR_STATE, "a record of the store is cut short");
    int64_t revision = vault_revision(stored);
    struct span rest = span_of(stored.data + REVISION_SIZE, stored.length - REVISION_SIZE);
    if (index) {
        if (rest.length < TAG_SIZE)
            return error_raise(err, ERROR_NOT_FOUND, "an index row is cut short");
        struct span plain = span_of(rest.data + TAG_SIZE, rest.length - TAG_SIZE), nothing;
        if (!seal_opener_open(opener, associated(vault, raw_key, revision, &plain, arena), span_of(rest.data, TAG_SIZE),
                              arena, &nothing, NULL))
            return error_raise(err, ERROR_NOT_FOUND, "an index row carries a wrong tag");
        *out = plain;
    } else if (!seal_opener_open(opener, associated(vault, raw_key, revision, NULL, arena), rest, arena, out, err)) {
        return error_raise(err, ERROR_STATE, "the record %.*s does not open: it was damaged, moved or put back",
                           (int)raw_key.length, raw_key.data);
    }
    *out_revision = revision;
    return true;
}

bool vault_close_row(const struct vault *vault, struct span raw_key, struct span plain, int64_t revision,
                     struct arena *arena, struct span *out, struct error *err)
{
    struct span none = {0}, sealed;
    bool index = vault_is_index(raw_key);
    struct span about = associated(vault, raw_key, revision, index ? &plain : NULL, arena);
    if (!seal_close(vault->data_key, about, index ? none : plain, arena, &sealed, err))
        return false;
    size_t more = index ? plain.length : 0;
    unsigned char *data = arena_alloc(arena, REVISION_SIZE + sealed.length + more);
    put_number(data, revision);
    memcpy(data + REVISION_SIZE, sealed.data, sealed.length);
    if (more > 0)
        memcpy(data + REVISION_SIZE + sealed.length, plain.data, more);
    *out = span_of((char *)data, REVISION_SIZE + sealed.length + more);
    return true;
}

/* ---- counters ---- */

static const struct span counters_key = {VAULT_COUNTERS, sizeof VAULT_COUNTERS - 1};

bool vault_read_counters(const struct vault *vault, struct store *store, struct MDB_txn *txn, struct counters *out,
                         struct error *err)
{
    AUTO(arena) struct arena *arena = arena_create();
    AUTO(seal_opener) struct seal_opener *opener = seal_opener_create(vault->data_key);
    struct span stored, value = {0};
    int64_t revision = 0;
    struct counters counters = {0};
    if (!store_get(store, txn, counters_key, &stored, err) ||
        !vault_open_row(vault, opener, counters_key, stored, arena, &value, &revision, err))
        return error_raise(err, ERROR_STATE, "its counters do not open");
    AUTO(json) struct json *document = json_parse(value.data, value.length, err);
    if (!json_int(json_member(document, "revision"), &counters.revision) ||
        !json_int(json_member(document, "paid"), &counters.paid) || counters.revision != revision)
        return error_raise(err, ERROR_STATE, "its counters cannot be read");
    json_int(json_member(document, "time"), &counters.time);
    json_int(json_member(document, "journal"), &counters.journal);
    json_int(json_member(document, "audit"), &counters.audit);
    const char *hash = json_string(json_member(document, "auditHash"));
    snprintf(counters.audit_hash, sizeof counters.audit_hash, "%s", hash != NULL ? hash : "");
    *out = counters;
    return true;
}

bool vault_write_counters(const struct vault *vault, struct store *store, struct MDB_txn *txn,
                          const struct counters *counters, struct arena *arena, struct error *err)
{
    struct span sealed;
    const char *text = arena_printf(arena,
                                    "{\"revision\":%" PRId64 ",\"paid\":%" PRId64 ",\"time\":%" PRId64
                                    ",\"journal\":%" PRId64 ",\"audit\":%" PRId64 ",\"auditHash\":\"%s\"}",
                                    counters->revision, counters->paid, counters->time, counters->journal, counters->audit,
                                    counters->audit_hash);
    return vault_close_row(vault, counters_key, span_of(text, strlen(text)), counters->revision, arena, &sealed, err) &&
           store_put(store, txn, counters_key, sealed, err);
}
