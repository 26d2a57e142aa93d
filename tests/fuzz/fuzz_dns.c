/* DNS answers: the reader, the signature walker, and the test whether an answer belongs to a question. */
#include "base/arena.h"
#include "base/dns.h"
#include "base/dns_transport.h"
#include "base/error.h"
#include "base/secret.h"
#include "base/tsig.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const unsigned char question[] = "\x12\x34\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02_x\x07"
                                        "example\x04test\x00\x00\x10\x00\x01";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *arena = arena_create();
    AUTO(secret) struct secret *bytes = secret_create("12345678901234567890123456789012", 32);
    struct dns_tsig key = {.key_name = "acme-key", .algorithm = TSIG_HMAC_SHA256, .key = bytes};
    struct tsig_mac mac = {.length = 32};
    struct tsig_verdict verdict;
    struct dns_answer answer;
    struct error err = {0};
    if (size > 65535)
        return 0;
    dns_answer_fits(question, sizeof question - 1, data, size);
    if (dns_read_answer(data, size, arena, &answer, &err)) {
        for (size_t i = 0; i < answer.answer_count; i++)
            dns_name_usable(answer.answers[i].value);
    }
    tsig_verify(data, size, &key, &mac, 1767225600, &verdict, &err);
    return 0;
}
