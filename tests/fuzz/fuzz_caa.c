/* CAA records from the wire to a verdict: whatever a zone holds, it is judged, and a set that was read is
 * never lost: only an answer without CAA records is an empty set. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/dns.h"
#include "base/error.h"
#include "reconcilers/dns/caa.h"
#include "schema/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena)
    struct arena *arena = arena_create();
    struct dns_answer answer;
    struct error err = {0};
    struct string_list set = {0};
    if (size > 65535 || !dns_read_answer(data, size, arena, &answer, &err))
        return 0;
    for (size_t i = 0; i < answer.answer_count; i++)
        if (answer.answers[i].type == DNS_CAA)
            string_list_push(arena, &set, answer.answers[i].value);
    if (set.count == 0)
        return 0;
    for (int wildcard = 0; wildcard < 2; wildcard++)
        for (int family = FAMILY_SECTIGO; family <= FAMILY_DIGICERT; family++) {
            struct caa_answer verdict = {0};
            caa_judge(&set, wildcard, rules_caa_identities((enum brand_family)family), arena, &verdict);
            if (verdict.words == NULL || !text_is_plain_utf8(verdict.words, strlen(verdict.words), NULL))
                abort();
        }
    return 0;
}
