/* An open-addressing map from text to a pointer. Nothing is ever taken out of it. */
#include <stdlib.h>
#include <string.h>

#include "sandbox/sandbox.h"

struct slot {
    const char *key;
    void *value;
};
struct text_map {
    struct slot *slots;
    size_t count, capacity; /* a power of two, at most half full */
};

static size_t hash_text(const char *key)
{
    uint64_t hash = 1469598103934665603u; /* FNV-1a */
    for (; *key != '\0'; key++)
        hash = (hash ^ (unsigned char)*key) * 1099511628211u;
    return (size_t)(hash ^ hash >> 29);
}

static struct slot *find_slot(const struct text_map *map, const char *key)
{
    size_t at = hash_text(key) & (map->capacity - 1);
    while (map->slots[at].key != NULL && strcmp(map->slots[at].key, key) != 0)
        at = (at + 1) & (map->capacity - 1);
    return &map->slots[at];
}

static struct slot *make_slots(size_t capacity)
{
    struct slot *slots = calloc(capacity, sizeof *slots);
    if (slots == NULL)
        abort();
    return slots;
}

struct text_map *text_map_create(void)
{
    struct text_map *map = calloc(1, sizeof *map);
    if (map == NULL)
        abort();
    map->capacity = 256;
    map->slots = make_slots(map->capacity);
    return map;
}

void text_map_destroy(struct text_map *map)
{
    if (map == NULL)
        return;
    free(map->slots);
    free(map);
}

void *text_map_get(const struct text_map *map, const char *key)
{
    return find_slot(map, key)->value;
}

void text_map_put(struct text_map *map, const char *key, void *value)
{
    if (2 * (map->count + 1) > map->capacity) {
        struct text_map larger = {.capacity = 2 * map->capacity, .slots = make_slots(2 * map->capacity)};
        for (size_t i = 0; i < map->capacity; i++)
            if (map->slots[i].key != NULL)
                *find_slot(&larger, map->slots[i].key) = map->slots[i];
        free(map->slots);
        map->slots = larger.slots;
        map->capacity = larger.capacity;
    }
    struct slot *slot = find_slot(map, key);
    if (slot->key == NULL) {
        slot->key = key;
        map->count++;
    }
    slot->value = value;
}
