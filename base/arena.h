/* A region of memory that is freed at once. Allocation never fails: the process ends when memory is gone,
 * and starts again into a recorded state. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

struct arena;

struct arena *arena_create(void);
void arena_destroy(struct arena *arena); /* NULL is fine */
/* Drop everything allocated so far and keep the first block for reuse. */
void arena_reset(struct arena *arena);

void *arena_alloc(struct arena *arena, size_t size); /* zeroed, aligned for any type */
void *arena_array(struct arena *arena, size_t count, size_t size); /* zeroed; checks the product */
char *arena_strdup(struct arena *arena, const char *text); /* NULL gives NULL */
char *arena_strndup(struct arena *arena, const char *text, size_t length);
void *arena_memdup(struct arena *arena, const void *data, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list args);
size_t arena_used(const struct arena *arena); /* bytes handed out */

/* Grow an array in the arena by one slot and give that slot, zeroed. `items` is the address of the array
 * pointer; the capacity is the next power of two of the count. */
#define arena_push(arena, items, count) \
    (*(items) = arena_grow_((arena), *(items), (count), sizeof **(items)), &(*(items))[(count)++])
void *arena_grow_(struct arena *arena, void *items, size_t count, size_t size);

#define AUTO(type) __attribute__((cleanup(type##_release)))
static inline void arena_release(struct arena **arena) { arena_destroy(*arena); }
