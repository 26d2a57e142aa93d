#include "controller/index.h"

#include <stdio.h>
#include <string.h>

bool index_decode(struct span value, struct index_row *out)
{
    if (value.length != 32 + 32 + 8 + 1)
        return false;
    memcpy(out->digest, value.data, 32);
    memcpy(out->shared, value.data + 32, 32);
    memcpy(&out->due, value.data + 64, 8);
    out->flags = (uint8_t)value.data[72];
    return true;
}

void index_put(struct state_batch *batch, const char *key, const struct index_row *row)
{
    char value[73];
    memcpy(value, row->digest, 32);
    memcpy(value + 32, row->shared, 32);
    memcpy(value + 64, &row->due, 8);
    value[72] = (char)row->flags;
    state_put(batch, TABLE_INDEX, key, span_of(value, sizeof value), STATE_ANY);
}

bool index_settled(const struct index_row *row, const struct desired_entry *entry, const unsigned char shared[32],
                   int64_t now)
{
    return (row->flags & INDEX_REST) != 0 && (row->flags & INDEX_FORGOTTEN) == 0 && row->due > now &&
           memcmp(row->digest, entry->digest, 32) == 0 && memcmp(row->shared, shared, 32) == 0;
}

struct walk {
    const struct desired *desired;
    size_t at, end; /* certificates not yet walked past */
    index_visit *visit;
    void *arg;
};

static int compare_entry(const struct desired_entry *entry, const char *key)
{
    const char *middle = strchr(key, KEY_SEPARATOR);
    size_t length = (size_t)(middle - key);
    int order = strncmp(entry->namespace_, key, length);
    if (order == 0 && entry->namespace_[length] != '\0')
        order = 1;
    return order != 0 ? order : strcmp(entry->name, middle + 1);
}

static void visit_new(struct walk *walk)
{
    const struct desired_entry *entry = desired_at(walk->desired, walk->at++);
    char key[160];
    snprintf(key, sizeof key, "%s%c%s", entry->namespace_, KEY_SEPARATOR, entry->name);
    walk->visit(key, entry, NULL, walk->arg);
}

static bool visit_row(const char *key, struct span value, int64_t revision, void *arg)
{
    struct walk *walk = arg;
    struct index_row row;
    (void)revision;
    if (strchr(key, KEY_SEPARATOR) == NULL || !index_decode(value, &row))
        return true;
    int order = 1;
    while (walk->at < walk->end && (order = compare_entry(desired_at(walk->desired, walk->at), key)) < 0)
        visit_new(walk);
    if (walk->at < walk->end && order == 0)
        walk->visit(key, desired_at(walk->desired, walk->at++), &row, walk->arg);
    else
        walk->visit(key, NULL, &row, walk->arg);
    return true;
}

bool index_walk(struct state *state, const struct desired *desired, index_visit *visit, void *arg, struct error *err)
{
    struct walk walk = {.desired = desired, .visit = visit, .arg = arg};
    /* Certificates are the first kind, so they are the first entries. */
    while (walk.end < desired_count(desired) && desired_at(desired, walk.end)->kind == KIND_CERTIFICATE)
        walk.end++;
    if (state != NULL && !state_scan(state, TABLE_INDEX, "", visit_row, &walk, err))
        return false;
    while (walk.at < walk.end)
        visit_new(&walk);
    return true;
}
