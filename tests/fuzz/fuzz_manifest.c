/* Manifest files. Whatever is accepted is written as JSON and as YAML, and reads the same again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "schema/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aliases may stand for more than a file may hold when it is written out. */
static bool is_limit(const struct problem_list *problems)
{
    for (size_t i = 0; i < problems->count; i++)
        if (strcmp(problems->items[i].code, "too-many-nodes") == 0 ||
            strcmp(problems->items[i].code, "file-too-large") == 0)
            return true;
    return false;
}

static void check_again(const struct resource *resource, const struct buffer *text, struct arena *arena)
{
    struct resource_list good = {0}, broken = {0};
    struct problem_list problems = {.arena = arena};
    bool ok = manifest_decode("again", buffer_text(text), text->length, arena, &good, &broken, &problems);
    if (!ok && is_limit(&problems))
        return;
    if (!ok || good.count != 1 || memcmp(good.items[0].digest, resource->digest, sizeof resource->digest) != 0 ||
        strcmp(good.items[0].name, resource->name) != 0 || strcmp(good.items[0].namespace_, resource->namespace_) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct resource_list good = {0}, broken = {0};
    struct problem_list problems = {.arena = arena};
    struct buffer text = {0};
    bool ok = manifest_decode("fuzz", (const char *)data, size, arena, &good, &broken, &problems);
    if (ok != (problems.errors == 0) || (ok && broken.count > 0))
        abort();
    for (size_t i = 0; i < good.count && i < 8; i++) {
        buffer_clear(&text);
        manifest_encode_json(&good.items[i], 0, &text);
        check_again(&good.items[i], &text, arena);
        buffer_clear(&text);
        manifest_encode_yaml(&good.items[i], &text);
        check_again(&good.items[i], &text, arena);
    }
    for (size_t i = 0; i < problems.count && i < 20; i++) {
        buffer_clear(&text);
        problem_print(&problems.items[i], &text);
        if (!text_is_plain_utf8(buffer_text(&text), text.length, NULL))
            abort(); /* nothing in a message may disturb a terminal */
    }
    buffer_release(&text);
    return 0;
}
