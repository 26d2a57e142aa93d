/* The reader of what programs and webhooks answer (exec, webhook), as every operation would read the bytes: no crash, no
 * leak, and what is acted upon is sound. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/dns.h"
#include "base/log.h"
#include "reconcilers/dns/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) \
    do { \
        if (!(condition)) \
            abort(); \
    } while (0)

static void judge(const struct script_answer *answer, enum script_operation operation)
{
    MUST(answer->ok == (answer->kind == ERROR_NONE));
    MUST(answer->words != NULL && answer->retry_after_s >= 0 && answer->retry_after_s <= 24 * 3600);
    MUST(answer->ok || *answer->words != '\0');
    MUST(operation == SCRIPT_ZONE || (!answer->found && answer->nameservers.count == 0));
    MUST(operation == SCRIPT_LIST || answer->record_count == 0);
    for (size_t i = 0; i < answer->nameservers.count; i++)
        MUST(dns_name_usable(answer->nameservers.items[i]));
    for (size_t i = 0; i < answer->record_count; i++) {
        const struct script_record *record = &answer->records[i];
        bool ours = strcmp(record->type, "TXT") == 0 || strcmp(record->type, "CNAME") == 0;
        MUST(record->value != NULL || !ours);
    }
    for (const char *c = answer->words; *c != '\0'; c++)
        MUST((unsigned char)*c >= 0x20 && *c != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create();
    const char *text = arena_strndup(arena, (const char *)data, size);
    log_to(-1);
    for (enum script_operation operation = SCRIPT_ZONE; operation < SCRIPT_OPERATION_COUNT; operation++) {
        struct script_answer answer;
        struct error err = {0};
        if (script_read_answer(text, size, operation, arena, &answer, &err))
            judge(&answer, operation);
        else
            MUST(err.kind == ERROR_MALFORMED && err.message[0] != '\0');
    }
    arena_destroy(arena);
    return 0;
}
