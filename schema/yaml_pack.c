/* One node after the other, each with its children behind it; numbers in the host's order, since both ends are here.
 *
 *   flags (1)  [key length (1) | key, 0 | key line (4) | key column (4)]  line (4)  column (4)  size (4)  [text, 0]
 *
 * Size is the text's length, or the count of children. */
#include "schema/yaml_pack.h"

#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "schema/yaml.h"

enum { FLAG_KIND = 3, FLAG_PLAIN = 4, FLAG_KEY = 8, FLAG_KEY_PLAIN = 16, FLAGS = 31 };
#define NODES_MAX (YAML_TOP_NODES + YAML_TOP_EXPANSION)
#define LINE_MAX_ (YAML_TOP_FILE + 1) /* a file of nothing but line breaks */

/* ---- packing ---- */

struct place {
    uint32_t line, column, size;
};

void yaml_pack(const struct yaml_node *node, struct buffer *out)
{
    unsigned char head[2] = {(unsigned char)((unsigned)node->kind | (node->plain ? FLAG_PLAIN : 0) |
                                             (node->key != NULL ? FLAG_KEY : 0) | (node->key_plain ? FLAG_KEY_PLAIN : 0)),
                             (unsigned char)node->key_length};
    const struct place place = {(uint32_t)node->line, (uint32_t)node->column,
                                node->kind == YAML_SCALAR ? node->length : node->count};
    if (node->key != NULL) {
        const uint32_t at[] = {(uint32_t)node->key_line, (uint32_t)node->key_column};
        buffer_append(out, head, 2);
        buffer_append(out, node->key, node->key_length + 1);
        buffer_append(out, at, sizeof at);
    } else {
        buffer_append(out, head, 1);
    }
    buffer_append(out, &place, sizeof place);
    if (node->kind == YAML_SCALAR)
        buffer_append(out, node->text, node->length + 1);
    for (const struct yaml_node *child = node->first; child != NULL && !out->overflow; child = child->next)
        yaml_pack(child, out);
}

/* ---- unpacking ---- */

struct unpacking {
    const char *at, *end, *file;
    struct arena *arena;
    size_t nodes;
};

static bool take(struct unpacking *u, void *out, size_t size)
{
    if ((size_t)(u->end - u->at) < size)
        return false;
    memcpy(out, u->at, size);
    u->at += size;
    return true;
}

static const char *take_text(struct unpacking *u, size_t length)
{
    const char *text = u->at;
    if ((size_t)(u->end - u->at) <= length || text[length] != '\0' || memchr(text, '\0', length) != NULL ||
        !text_is_plain_utf8(text, length, NULL))
        return NULL;
    u->at += length + 1;
    return text;
}

static bool is_place(uint32_t line, uint32_t column) { return line <= LINE_MAX_ && column <= LINE_MAX_; }

static bool take_key(struct unpacking *u, struct yaml_node *node)
{
    unsigned char length;
    uint32_t at[2];
    if (!take(u, &length, 1) || length > YAML_TOP_KEY || (node->key = take_text(u, length)) == NULL ||
        !take(u, at, sizeof at) || !is_place(at[0], at[1]))
        return false;
    node->key_length = length;
    node->key_line = (int)at[0];
    node->key_column = (int)at[1];
    return true;
}

static bool take_node(struct unpacking *u, enum yaml_kind parent, int depth, struct yaml_node *node);

static bool take_children(struct unpacking *u, int depth, struct yaml_node *node)
{
    struct yaml_node **tail = &node->first;
    for (uint32_t i = 0; i < node->count; i++) {
        struct yaml_node *child = *tail = arena_alloc(u->arena, sizeof *child);
        tail = &child->next;
        if (!take_node(u, node->kind, depth + 1, child))
            return false;
        node->weight += child->weight;
        node->height = child->height >= node->height ? (uint8_t)(child->height + 1) : node->height;
    }
    return true;
}

static bool take_node(struct unpacking *u, enum yaml_kind parent, int depth, struct yaml_node *node)
{
    unsigned char flags;
    struct place place;
    if (++u->nodes > NODES_MAX || depth > YAML_TOP_DEPTH || !take(u, &flags, 1) || (flags & ~FLAGS) != 0 ||
        (flags & FLAG_KIND) > YAML_SEQUENCE || ((flags & FLAG_KEY) != 0) != (parent == YAML_MAPPING))
        return false;
    *node = (struct yaml_node){.kind = (enum yaml_kind)(flags & FLAG_KIND), .plain = (flags & FLAG_PLAIN) != 0,
                               .key_plain = (flags & FLAG_KEY_PLAIN) != 0, .file = u->file, .weight = 1, .height = 1};
    if (((flags & FLAG_KEY) != 0 && !take_key(u, node)) || !take(u, &place, sizeof place) ||
        !is_place(place.line, place.column))
        return false;
    node->line = (int)place.line;
    node->column = (int)place.column;
    if (node->kind != YAML_SCALAR) {
        node->count = place.size;
        return take_children(u, depth, node);
    }
    node->length = place.size;
    return place.size <= YAML_TOP_SCALAR && (node->text = take_text(u, place.size)) != NULL;
}

const struct yaml_node *yaml_unpack(struct span bytes, const char *file, struct arena *arena)
{
    struct unpacking u = {.at = bytes.data, .end = bytes.data + bytes.length, .file = file, .arena = arena};
    struct yaml_node *root = arena_alloc(arena, sizeof *root);
    return take_node(&u, YAML_SEQUENCE, 0, root) && u.at == u.end ? root : NULL;
}
