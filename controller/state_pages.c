/* The layout, from LMDB's mdb.c (data version 1, 64-bit, this host's byte order):
 *
 *   page    pgno 8 | pad 2 | flags 2 | lower 2 | upper 2 | offsets of nodes, 2 each …      (overflow: pages 4 for lower, upper)
 *   meta    page header | magic 4 | version 4 | address 8 | map size 8 | free tree 48 | main tree 48 | last page 8 | txn 8
 *   tree    page size 4 (free tree) | flags 2 | depth 2 | branch pages 8 | leaf pages 8 | overflow pages 8 | entries 8 | root 8
 *   node    low 2 | high 2 | flags 2 | key size 2 | key | data       (branch: low, high, flags are the child's number;
 *                                                                     leaf: low, high are the data's size)
 * A value of the free tree is a list: count 8 | page numbers 8 each, falling. */
#include "controller/state_pages.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fatal.h"
#include "base/file.h"

enum {
    HEADER = 16,
    IS_BRANCH = 1, IS_LEAF = 2, IS_OVERFLOW = 4, IS_META = 8,
    BIG_DATA = 1,
    DEPTH_MOST = 32,
    MAGIC = (int)0xBEEFC0DE,
    DATA_VERSION = 1,
};
#define NO_PAGE UINT64_MAX

struct tree {
    uint32_t page_size;
    uint16_t flags, depth;
    uint64_t branches, leaves, overflows, entries, root;
};
struct meta {
    uint32_t magic, version;
    uint64_t address, map_size;
    struct tree trees[2]; /* free, main */
    uint64_t last_page, txn;
};
_Static_assert(sizeof(struct tree) == 48 && sizeof(struct meta) == 136, "the layout has no holes");

struct walk {
    const unsigned char *map;
    size_t page_size;
    uint64_t pages;      /* in use by the file: last page + 1 */
    unsigned char *used; /* one bit a page */
    bool free_tree;
    struct tree seen;
    char *words;
    size_t words_size;
};

static bool wrong(struct walk *walk, const char *what, uint64_t page)
{
    snprintf(walk->words, walk->words_size, "page %llu %s", (unsigned long long)page, what);
    return false;
}

static uint64_t u64(const unsigned char *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint16_t u16(const unsigned char *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static bool take(struct walk *walk, uint64_t page)
{
    if (page < 2 || page >= walk->pages)
        return wrong(walk, "is not in the file", page);
    unsigned char bit = (unsigned char)(1U << (page % 8));
    if (walk->used[page / 8] & bit)
        return wrong(walk, "is used twice", page);
    walk->used[page / 8] |= bit;
    return true;
}

static bool take_free(struct walk *walk, const unsigned char *list, uint64_t size, uint64_t page)
{
    uint64_t count = size >= 8 ? u64(list) : NO_PAGE;
    if (size % 8 != 0 || count > size / 8 - 1)
        return wrong(walk, "holds a list of free pages that cannot be read", page);
    for (uint64_t i = 1; i <= count; i++) {
        if (i > 1 && u64(list + 8 * i) >= u64(list + 8 * (i - 1)))
            return wrong(walk, "holds a list of free pages that is out of order", page);
        if (!take(walk, u64(list + 8 * i)))
            return false;
    }
    return true;
}

/* Data too large for a leaf lies in pages of its own, one after the other. */
static bool take_overflow(struct walk *walk, uint64_t first, uint64_t size, const unsigned char **out)
{
    uint64_t count = (HEADER + size + walk->page_size - 1) / walk->page_size;
    if (first < 2 || first >= walk->pages || count > walk->pages - first)
        return wrong(walk, "is not in the file", first);
    const unsigned char *page = walk->map + first * walk->page_size;
    uint32_t told;
    memcpy(&told, page + 12, sizeof told);
    if (u64(page) != first || (u16(page + 10) & IS_OVERFLOW) == 0 || told != count)
        return wrong(walk, "is not the large value it should be", first);
    for (uint64_t i = 0; i < count; i++)
        if (!take(walk, first + i))
            return false;
    walk->seen.overflows += count;
    *out = page + HEADER;
    return true;
}

static bool leaf_node(struct walk *walk, const unsigned char *page, size_t at, uint64_t number)
{
    const unsigned char *node = page + at;
    uint64_t size = (uint64_t)u16(node) | (uint64_t)u16(node + 2) << 16;
    uint16_t flags = u16(node + 4), key = u16(node + 6);
    uint64_t inside = flags & BIG_DATA ? 8 : size;
    if ((flags & ~BIG_DATA) != 0 || key == 0 || inside > walk->page_size || at + 8 + key + inside > walk->page_size)
        return wrong(walk, "holds a record that cannot be read", number);
    const unsigned char *data = node + 8 + key;
    walk->seen.entries++;
    if ((flags & BIG_DATA) && !take_overflow(walk, u64(data), size, &data))
        return false;
    return !walk->free_tree || take_free(walk, data, size, number);
}

static bool walk_page(struct walk *walk, uint64_t number, int depth)
{
    if (depth < 1)
        return wrong(walk, "lies too deep", number);
    if (!take(walk, number))
        return false;
    const unsigned char *page = walk->map + number * walk->page_size;
    uint16_t flags = u16(page + 10), lower = u16(page + 12), upper = u16(page + 14);
    if (u64(page) != number || lower < HEADER || lower % 2 != 0 || upper < lower || upper > walk->page_size ||
        flags != (depth > 1 ? IS_BRANCH : IS_LEAF))
        return wrong(walk, "is not the page it should be", number);
    size_t nodes = (size_t)(lower - HEADER) / 2;
    if (nodes == 0)
        return wrong(walk, "is empty", number);
    *(depth > 1 ? &walk->seen.branches : &walk->seen.leaves) += 1;
    for (size_t i = 0; i < nodes; i++) {
        size_t at = u16(page + HEADER + 2 * i);
        if (at < upper || at + 8 > walk->page_size || at % 2 != 0)
            return wrong(walk, "holds a record that cannot be read", number);
        uint64_t child = (uint64_t)u16(page + at) | (uint64_t)u16(page + at + 2) << 16 | (uint64_t)u16(page + at + 4) << 32;
        if (depth > 1 ? at + 8 + u16(page + at + 6) > walk->page_size || !walk_page(walk, child, depth - 1)
                      : !leaf_node(walk, page, at, number))
            return walk->words[0] != '\0' ? false : wrong(walk, "holds a branch that cannot be read", number);
    }
    return true;
}

static bool walk_tree(struct walk *walk, const struct tree *tree, bool free_tree)
{
    walk->free_tree = free_tree;
    walk->seen = (struct tree){0};
    if (tree->root == NO_PAGE)
        return (tree->entries == 0 && tree->depth == 0) || wrong(walk, "is missing, the root of a tree", tree->root);
    if (tree->depth > DEPTH_MOST)
        return wrong(walk, "is the root of a tree that is too deep", tree->root);
    if (!walk_page(walk, tree->root, tree->depth))
        return false;
    if (walk->seen.branches != tree->branches || walk->seen.leaves != tree->leaves ||
        walk->seen.overflows != tree->overflows || walk->seen.entries != tree->entries)
        return wrong(walk, "is the root of a tree that is not whole", tree->root);
    return true;
}

static bool read_meta(const unsigned char *map, size_t page_size, int which, struct meta *out)
{
    const unsigned char *page = map + (size_t)which * page_size;
    memcpy(out, page + HEADER, sizeof *out);
    return out->magic == (uint32_t)MAGIC && out->version == DATA_VERSION && (u16(page + 10) & IS_META) != 0;
}

bool pages_verify(const unsigned char *map, size_t size, char *words, size_t words_size)
{
    struct meta metas[2];
    struct walk walk = {.map = map, .words = words, .words_size = words_size};
    words[0] = '\0';
    if (size < HEADER + sizeof(struct meta)) {
        snprintf(words, words_size, "the file is too short");
        return false;
    }
    memcpy(&metas[0], map + HEADER, sizeof metas[0]);
    walk.page_size = metas[0].trees[0].page_size;
    if (walk.page_size < 512 || walk.page_size > 65536 || (walk.page_size & (walk.page_size - 1)) != 0 ||
        size < 2 * walk.page_size || !read_meta(map, walk.page_size, 0, &metas[0]) ||
        !read_meta(map, walk.page_size, 1, &metas[1]) || metas[1].trees[0].page_size != walk.page_size)
        return wrong(&walk, "is not the first page of a store", 0);
    const struct meta *meta = &metas[metas[1].txn > metas[0].txn];
    walk.pages = meta->last_page + 1;
    if (walk.pages < 2 || walk.pages > size / walk.page_size) {
        snprintf(words, words_size, "the file is cut short: %zu of %llu pages are there", size / walk.page_size,
                 (unsigned long long)walk.pages);
        return false;
    }
    walk.used = calloc(1, walk.pages / 8 + 1);
    if (walk.used == NULL)
        fatal_memory();
    bool whole = walk_tree(&walk, &meta->trees[1], false) && walk_tree(&walk, &meta->trees[0], true);
    free(walk.used);
    return whole;
}

int pages_verify_file(const char *path, char *words, size_t words_size)
{
    AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        snprintf(words, words_size, "it cannot be opened: %m");
        return -1;
    }
    if (!S_ISREG(st.st_mode) || st.st_size == 0) {
        snprintf(words, words_size, st.st_size == 0 ? "the file is empty" : "it is no plain file");
        return 0;
    }
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        snprintf(words, words_size, "it cannot be mapped: %m");
        return -1;
    }
    bool whole = pages_verify(map, (size_t)st.st_size, words, words_size);
    munmap(map, (size_t)st.st_size);
    return whole;
}
