#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fatal.h"

/* Blocks double from 4 KiB up to 256 KiB; a larger wish gets a block of its own. They are zeroed when they are made, which
 * costs nothing where they come from the kernel, and what is handed out is not zeroed again. */
enum { LARGE = 128 * 1024 };
struct block {
    struct block *next;
    size_t size, used;
    max_align_t data[];
};
struct arena {
    struct block *blocks; /* the newest, from which is handed out, first */
    size_t used;
};

/* A large block will be filled: its pages are had in one call instead of a fault each. As a favour only. */
static void populate(struct block *block, size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = ((uintptr_t)block + page - 1) & ~(page - 1);
    madvise((void *)begin, ((uintptr_t)block + size - begin) & ~(page - 1), MADV_POPULATE_WRITE);
}

static struct block *block_create(size_t size, struct block *next)
{
    struct block *block = calloc(1, sizeof *block + size);
    if (block == NULL)
        fatal_memory();
    block->next = next;
    block->size = size;
    if (size >= LARGE)
        populate(block, size);
    return block;
}

struct arena *arena_create(void)
{
    struct arena *arena = malloc(sizeof *arena);
    if (arena == NULL)
        fatal_memory();
    *arena = (struct arena){.blocks = block_create(4096 - sizeof(struct block) - 32, NULL)};
    return arena;
}

static void free_blocks(struct block *block)
{
    while (block != NULL) {
        struct block *next = block->next;
        free(block);
        block = next;
    }
}

void arena_destroy(struct arena *arena)
{
    if (arena == NULL)
        return;
    free_blocks(arena->blocks);
    free(arena);
}

void arena_reset(struct arena *arena)
{
    free_blocks(arena->blocks->next);
    arena->blocks->next = NULL;
    memset(arena->blocks->data, 0, arena->blocks->used);
    arena->blocks->used = 0;
    arena->used = 0;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2)
        fatal_memory();
    size_t rounded = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    struct block *block = arena->blocks;
    if (block->size - block->used < rounded) {
        size_t next_size = block->size < 256 * 1024 ? block->size * 2 : block->size;
        if (rounded > next_size / 4) { /* a block of its own, behind the current one */
            struct block *own = block_create(rounded, block->next);
            own->used = rounded;
            block->next = own;
            arena->used += rounded;
            return own->data;
        }
        block = arena->blocks = block_create(next_size, block);
    }
    void *at = (char *)block->data + block->used;
    block->used += rounded;
    arena->used += rounded;
    return at;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        fatal_memory();
    return arena_alloc(arena, total);
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
    char *copy = arena_alloc(arena, length + 1);
    memcpy(copy, text, length);
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return text != NULL ? arena_strndup(arena, text, strlen(text)) : NULL;
}

void *arena_memdup(struct arena *arena, const void *data, size_t length)
{
    void *copy = arena_alloc(arena, length > 0 ? length : 1);
    if (length > 0)
        memcpy(copy, data, length);
    return copy;
}

char *arena_vprintf(struct arena *arena, const char *format, va_list args)
{
    char small[256];
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(small, sizeof small, format, args);
    char *text = arena_alloc(arena, (size_t)(length < 0 ? 0 : length) + 1);
    if (length > 0 && (size_t)length < sizeof small)
        memcpy(text, small, (size_t)length);
    else if (length > 0)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

size_t arena_used(const struct arena *arena) { return arena->used; }

void *arena_grow_(struct arena *arena, void *items, size_t count, size_t size)
{
    if (count > 0 && (count & (count - 1)) != 0)
        return items; /* capacity is the next power of two */
    void *grown = arena_array(arena, count == 0 ? 1 : count * 2, size);
    if (count > 0)
        memcpy(grown, items, count * size);
    return grown;
}
