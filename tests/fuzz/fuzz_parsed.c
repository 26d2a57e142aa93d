/* What the confined reader of manifests answers: whatever it says, no more comes of it than of a file. The bytes are an answer
 * as they are; and what a true answer says of them as a file is taken back and decoded to the same resources. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "schema/parsed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void lie(struct span bytes)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct problem_list problems = {.arena = arena};
    struct parsed_file parsed = {0};
    struct error err = {0};
    if (!parsed_decode(bytes, "x.yaml", arena, &parsed, &problems, &err)) {
        if (err.kind != ERROR_MALFORMED || problems.count > 0)
            abort();
        return;
    }
    for (size_t i = 0; i < parsed.count; i++) {
        struct resource resource;
        parsed_resource_decode(&parsed.resources[i], arena, &resource);
    }
}

static void truth(struct span text)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct problem_list problems = {.arena = arena};
    struct parsed_file parsed = {0};
    struct error err = {0};
    struct buffer out = {0};
    parsed_encode(&yaml_limits_default, text, true, arena, &out);
    if (!parsed_decode(span_of(buffer_text(&out), out.length), "x.yaml", arena, &parsed, &problems, &err))
        abort();
    for (size_t i = 0; i < parsed.count; i++) {
        struct resource from_tree, from_record;
        struct parsed_resource record = parsed.resources[i];
        record.tree = span_of("", 0);
        if (!parsed_resource_decode(&parsed.resources[i], arena, &from_tree) ||
            !parsed_resource_decode(&record, arena, &from_record))
            abort();
    }
    buffer_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const struct span rest = span_of((const char *)data + 1, size - 1);
    if (data[0] == 'F')
        truth(rest);
    else
        lie(rest);
    return 0;
}
