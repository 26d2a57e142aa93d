/* The operator's file: any bytes give a decoded configuration or problems with a place, never a crash. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "schema/field.h"
#include "schema/operator.h"
#include "schema/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct problem_list problems = {.arena = arena};
    struct yaml_document_list documents = {0};
    struct operator_config config;
    char *text = malloc(size + 1); /* an allocation of its own, so that a read past the end is seen */
    if (text == NULL)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    yaml_parse("fuzz.yaml", text, size, arena, &documents, &problems);
    for (size_t i = 0; i < documents.count; i++) {
        if (documents.items[i].root == NULL)
            continue;
        bool good = field_decode(&operator_table, documents.items[i].root, "", arena, &config, &problems) &&
                    !documents.items[i].broken; /* a key given twice: refused, and decoded for more errors */
        assert(good || problems.errors > 0);
        for (size_t k = 0; good && k < config.endpoint_count; k++)
            assert(operator_endpoint(&config, config.endpoints[k].name) == &config.endpoints[k]);
        /* Turned time and money never meet, however the file is written. */
        assert(!good || config.clock_file == NULL || config.spending_count == 0);
    }
    free(text);
    return 0;
}
