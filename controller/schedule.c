#include "controller/schedule.h"

#include <stdlib.h>
#include <string.h>

#include "base/fatal.h"

/* A binary heap by due time, ties by arrival (so that service is fair), and an open-addressing map from key to place. */
struct entry {
    char *key;
    int64_t due_ms;
    uint64_t arrival;
    uint64_t hash;
};
struct schedule {
    struct entry *heap;
    size_t count, capacity;
    size_t *slots; /* place in the heap + 1; 0: empty */
    size_t slot_count;
    uint64_t arrivals;
};

static uint64_t hash_of(const char *key) /* FNV-1a; keys are names of limited length from the operator's own tree */
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *key != '\0'; key++)
        hash = (hash ^ (unsigned char)*key) * 0x100000001b3u;
    return hash;
}

static size_t *slot_of(const struct schedule *s, const char *key, uint64_t hash)
{
    size_t mask = s->slot_count - 1, at = hash & mask;
    while (s->slots[at] != 0) {
        const struct entry *entry = &s->heap[s->slots[at] - 1];
        if (entry->hash == hash && strcmp(entry->key, key) == 0)
            break;
        at = (at + 1) & mask;
    }
    return &s->slots[at];
}

static void grow_slots(struct schedule *s)
{
    free(s->slots);
    s->slot_count = s->slot_count > 0 ? s->slot_count * 2 : 64;
    s->slots = fatal_unless(calloc(s->slot_count, sizeof *s->slots));
    for (size_t i = 0; i < s->count; i++)
        *slot_of(s, s->heap[i].key, s->heap[i].hash) = i + 1;
}

static bool before(const struct entry *a, const struct entry *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->arrival < b->arrival;
}

static void put(struct schedule *s, size_t at, struct entry entry, size_t *slot)
{
    s->heap[at] = entry;
    *slot = at + 1;
}

static void exchange(struct schedule *s, size_t a, size_t b)
{
    size_t *slot_a = slot_of(s, s->heap[a].key, s->heap[a].hash), *slot_b = slot_of(s, s->heap[b].key, s->heap[b].hash);
    struct entry kept = s->heap[a];
    put(s, a, s->heap[b], slot_b);
    put(s, b, kept, slot_a);
}

static void sift(struct schedule *s, size_t at)
{
    while (at > 0 && before(&s->heap[at], &s->heap[(at - 1) / 2])) {
        exchange(s, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < s->count; child++)
            if (before(&s->heap[child], &s->heap[least]))
                least = child;
        if (least == at)
            return;
        exchange(s, at, least);
        at = least;
    }
}

struct schedule *schedule_create(void)
{
    struct schedule *s = fatal_unless(calloc(1, sizeof *s));
    grow_slots(s);
    return s;
}

void schedule_destroy(struct schedule *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->count; i++)
        free(s->heap[i].key);
    free(s->heap);
    free(s->slots);
    free(s);
}

void schedule_set(struct schedule *s, const char *key, int64_t due_ms)
{
    uint64_t hash = hash_of(key);
    size_t *slot = slot_of(s, key, hash);
    if (*slot != 0) {
        size_t at = *slot - 1;
        s->heap[at].due_ms = due_ms;
        s->heap[at].arrival = s->arrivals++;
        sift(s, at);
        return;
    }
    if (s->count == s->capacity) {
        s->capacity = s->capacity > 0 ? s->capacity * 2 : 32;
        s->heap = fatal_unless(realloc(s->heap, s->capacity * sizeof *s->heap));
    }
    if ((s->count + 1) * 2 > s->slot_count) {
        grow_slots(s);
        slot = slot_of(s, key, hash);
    }
    put(s, s->count, (struct entry){fatal_unless(strdup(key)), due_ms, s->arrivals++, hash}, slot);
    s->count++;
    sift(s, s->count - 1);
}

void schedule_sooner(struct schedule *s, const char *key, int64_t due_ms)
{
    size_t slot = *slot_of(s, key, hash_of(key));
    if (slot == 0 || s->heap[slot - 1].due_ms > due_ms)
        schedule_set(s, key, due_ms);
}

void schedule_all_sooner(struct schedule *s, int64_t due_ms)
{
    for (size_t i = 0; i < s->count; i++) /* what was not later than another is not later now: the heap is one still */
        if (s->heap[i].due_ms > due_ms)
            s->heap[i].due_ms = due_ms;
}

/* Take an entry out of heap and map; entries behind it in its probe chain move up. */
static char *take_at(struct schedule *s, size_t at)
{
    exchange(s, at, s->count - 1);
    struct entry gone = s->heap[s->count - 1];
    size_t mask = s->slot_count - 1;
    size_t hole = (size_t)(slot_of(s, gone.key, gone.hash) - s->slots);
    s->slots[hole] = 0;
    s->count--;
    for (size_t next = (hole + 1) & mask; s->slots[next] != 0; next = (next + 1) & mask) {
        size_t home = s->heap[s->slots[next] - 1].hash & mask;
        if (((next - home) & mask) >= ((next - hole) & mask)) {
            s->slots[hole] = s->slots[next];
            s->slots[next] = 0;
            hole = next;
        }
    }
    if (at < s->count)
        sift(s, at);
    return gone.key;
}

void schedule_remove(struct schedule *s, const char *key)
{
    size_t slot = *slot_of(s, key, hash_of(key));
    if (slot != 0)
        free(take_at(s, slot - 1));
}

int64_t schedule_next(const struct schedule *s) { return s->count > 0 ? s->heap[0].due_ms : INT64_MAX; }

char *schedule_take(struct schedule *s, int64_t now_ms)
{
    return s->count > 0 && s->heap[0].due_ms <= now_ms ? take_at(s, 0) : NULL;
}

bool schedule_has(const struct schedule *s, const char *key) { return *slot_of(s, key, hash_of(key)) != 0; }
size_t schedule_count(const struct schedule *s) { return s->count; }
