/* The YAML reader alone: whatever it gives as a tree is within the limits, has its places, and says the same when it is
 * given again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "schema/problem.h"
#include "schema/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) \
    do { \
        if (!(condition)) \
            abort(); \
    } while (0)

static void check_scalar(const struct yaml_node *node)
{
    MUST(node->text != NULL && strlen(node->text) == node->length && node->length <= YAML_MAX_SCALAR);
    MUST(text_is_utf8(node->text, node->length, NULL));
    MUST(node->count == 0 && node->first == NULL && node->height == 1 && node->weight == 1);
    enum yaml_scalar type = yaml_scalar_type(node);
    MUST(node->plain ? type == yaml_plain_type(node->text, node->length) : type == YAML_STRING);
}

/* Aliases share their children, so a walk costs the expanded weight, which has a limit of its own. */
static void check(const struct yaml_node *node, int depth)
{
    uint32_t children = 0, weight = 1;
    uint8_t height = 0;
    MUST(depth <= YAML_MAX_DEPTH && node->line >= 1 && node->column >= 1);
    MUST(yaml_describe(node)[0] != '\0');
    if (node->kind == YAML_SCALAR) {
        check_scalar(node);
        return;
    }
    for (const struct yaml_node *child = node->first; child != NULL; child = child->next, children++) {
        MUST(node->kind != YAML_MAPPING || (child->key != NULL && child->key_length <= YAML_MAX_KEY &&
                                            strlen(child->key) == child->key_length && child->key_line >= 1));
        check(child, depth + 1);
        weight += child->weight;
        height = child->height > height ? child->height : height;
    }
    MUST(children == node->count && weight == node->weight && height + 1 == node->height);
    if (node->kind == YAML_MAPPING && node->first != NULL)
        MUST(yaml_member(node, node->first->key) != NULL);
}

static size_t read_all(const char *text, size_t size, struct arena *arena, struct buffer *said)
{
    struct problem_list problems = {.arena = arena};
    struct yaml_document_list documents = {0};
    bool good = yaml_parse("fuzz.yaml", text, size, arena, &documents, &problems);
    MUST(good == (problems.errors == 0) && documents.count <= YAML_MAX_DOCUMENTS + 1); /* one that was given up stands for the rest */
    for (size_t i = 0; i < documents.count; i++) {
        MUST(!good || (!documents.items[i].broken && documents.items[i].root != NULL));
        if (documents.items[i].root != NULL && !documents.items[i].partial)
            check(documents.items[i].root, 1);
    }
    for (size_t i = 0; i < problems.count && i < 50; i++)
        problem_print(&problems.items[i], said);
    MUST(text_is_plain_utf8(buffer_text(said), said->length, NULL));
    return documents.count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct buffer first = {0}, second = {0};
    char *text = malloc(size + 1); /* an allocation of its own, so that a read past the end is seen */
    MUST(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    size_t documents = read_all(text, size, arena, &first);
    MUST(read_all(text, size, arena, &second) == documents);
    MUST(strcmp(buffer_text(&first), buffer_text(&second)) == 0);
    buffer_release(&first);
    buffer_release(&second);
    free(text);
    return 0;
}
