/* TSIG against vectors computed by others. */
#include "base/tsig.h"

#include <openssl/evp.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/secret.h"
#include "base/text.h"
#include "check.h"
#include "failing_openssl.h"

static const char unsigned_message[] = "123428000001000000010000076578616d706c6503636f6d00000600010f5f61636"
                                       "d652d6368616c6c656e6765076578616d706c6503636f6d"
                                       "00001000010000003c00060568656c6c6f";
static const char signed_message[] =
    "123428000001000000010001076578616d706c6503636f6d00000600010f5f61636d652d6368616c6c656e6765076578616d70"
    "6c6503636f6d"
    "00001000010000003c00060568656c6c6f0861636d652d6b65790000fa00ff00000000003d0b686d61632d7368613235360000"
    "006955b90001"
    "2c00202c789844a0b9a18bf5ac5679dfac6b674db3c0c38ca3e1f13659aea78dfac506123400000000";
static const char request_mac[] = "10c58550d10b198e28a84b8d815729bfe9c0d5fcd355b08b9abeca9b458c06fe";
static const char answer_of_bind[] = "4535a8000001000000000001076578616d706c6503636f6d00000600010861636d652"
                                     "d6b65790000fa00ff00000000003d0b686d61632d7368"
                                     "613235360000006b024dc7012c0020f44b9f0957a1edc1a35621c635b355ae1c3ecaf"
                                     "c31e5d5cfea3852448c65925e453500000000";
static const int64_t answered_at = 0x6b024dc7;

static struct arena *arena;
static struct secret *secret;

static struct dns_tsig key_of(enum dns_tsig_algorithm algorithm)
{
    return (struct dns_tsig){.key_name = "acme-key.", .algorithm = algorithm, .key = secret};
}

static void signing_gives_the_macs_of_all_six_algorithms(void)
{
    static const char *const macs[] = {
        [TSIG_HMAC_MD5] = "dabf99cb9d5bf2edffc41d3afe7aeb8e",
        [TSIG_HMAC_SHA1] = "785879bb2a50882d4b11ea61ababcdfaaba7899d",
        [TSIG_HMAC_SHA224] = "cf6d6959cd40e3477c3d8986550c8fb14bb29ab36b473763f21fed42",
        [TSIG_HMAC_SHA256] = "2c789844a0b9a18bf5ac5679dfac6b674db3c0c38ca3e1f13659aea78dfac506",
        [TSIG_HMAC_SHA384] =
            "16289935dcb7871b004acf0f09158953102af8c13709cd5a3b193802e1f0a7c62a34c5bfdbeb53101a1a562509c"
            "116f2",
        [TSIG_HMAC_SHA512] =
            "9a045d5ebc02cee34b13f1e3ff0b0ed57779a0fc9d2ae432bba98e683898edd55069a198e584c9269e582a4f84"
            "3986de7dd3eddc4b9ab3a345213e75f6dc9594",
    };
    for (size_t i = 0; i < COUNT_OF(macs); i++) {
        struct error err = {0};
        struct dns_tsig key = key_of((enum dns_tsig_algorithm)i);
        struct tsig_mac mac;
        unsigned char bytes[256];
        AUTO(buffer) struct buffer message = {0};
        CHECK(text_unhex(unsigned_message, bytes, sizeof bytes));
        buffer_append(&message, bytes, strlen(unsigned_message) / 2);
        CHECK_OK(tsig_sign(&message, &key, 1767225600, &mac, &err), err);
        CHECK_TEXT(text_hex(arena, mac.bytes, mac.length), macs[i]);
        if (i == TSIG_HMAC_SHA256)
            CHECK_TEXT(text_hex(arena, message.data, message.length), signed_message);
    }
}

static bool verify(const unsigned char *answer, size_t length, const struct dns_tsig *key, int64_t now,
                   struct tsig_verdict *out, struct error *err)
{
    struct tsig_mac mac = {.length = 32};
    return text_unhex(request_mac, mac.bytes, sizeof mac.bytes) &&
           tsig_verify(answer, length, key, &mac, now, out, err);
}

static size_t answer_bytes(unsigned char out[256])
{
    CHECK(text_unhex(answer_of_bind, out, 256));
    return strlen(answer_of_bind) / 2;
}

static void a_real_servers_answer_is_verified(void)
{
    unsigned char answer[256];
    size_t length = answer_bytes(answer);
    struct dns_tsig key = key_of(TSIG_HMAC_SHA256);
    struct tsig_verdict verdict;
    struct error err = {0};
    CHECK_OK(verify(answer, length, &key, answered_at + 299, &verdict, &err), err);
    CHECK(verdict.present && verdict.verified);
    CHECK_INT(verdict.error, 0);
    CHECK_INT(verdict.signed_at, answered_at);
    key.key_name = "ACME-key"; /* case and final dot carry no meaning */
    CHECK_OK(verify(answer, length, &key, answered_at, &verdict, &err), err);
    CHECK(verdict.verified);
}

static void an_answer_out_of_time_is_not_verified(void)
{
    unsigned char answer[256];
    size_t length = answer_bytes(answer);
    struct dns_tsig key = key_of(TSIG_HMAC_SHA256);
    struct tsig_verdict verdict;
    struct error err = {0};
    CHECK_OK(verify(answer, length, &key, answered_at + 301, &verdict, &err), err);
    CHECK(verdict.present && !verdict.verified);
    CHECK_OK(verify(answer, length, &key, answered_at - 301, &verdict, &err), err);
    CHECK(!verdict.verified);
}

static void any_flipped_bit_fails(void)
{
    unsigned char answer[256];
    size_t length = answer_bytes(answer);
    struct dns_tsig key = key_of(TSIG_HMAC_SHA256);
    for (size_t bit = 0; bit < length * 8; bit++) {
        struct tsig_verdict verdict = {0};
        answer[bit / 8] ^= (unsigned char)(1u << bit % 8);
        bool read = verify(answer, length, &key, answered_at, &verdict, NULL);
        answer[bit / 8] ^= (unsigned char)(1u << bit % 8);
        bool case_of_a_name = bit % 8 == 5; /* names are compared and hashed in lower case */
        bool id = bit / 8 < 2;              /* the original id is what is hashed */
        CHECK(!read || !verdict.verified || case_of_a_name || id);
    }
}

static void a_cut_answer_is_refused_at_every_length(void)
{
    unsigned char answer[256];
    size_t length = answer_bytes(answer);
    struct dns_tsig key = key_of(TSIG_HMAC_SHA256);
    for (size_t cut = 0; cut < length; cut++) {
        unsigned char *copy = malloc(cut + 1); /* of this very size, so that a read past the end is seen */
        struct tsig_verdict verdict = {0};
        memcpy(copy, answer, cut);
        bool read = verify(copy, cut, &key, answered_at, &verdict, NULL);
        free(copy);
        CHECK(!read);
    }
}

static void another_key_or_algorithm_is_not_ours(void)
{
    unsigned char answer[256];
    size_t length = answer_bytes(answer);
    struct dns_tsig other = key_of(TSIG_HMAC_SHA256), algorithm = key_of(TSIG_HMAC_SHA512);
    struct tsig_verdict verdict;
    struct error err = {0};
    other.key_name = "other-key";
    CHECK(!verify(answer, length, &other, answered_at, &verdict, &err));
    CHECK_INT(err.kind, ERROR_MALFORMED);
    CHECK(!verify(answer, length, &algorithm, answered_at, &verdict, &err));
    CHECK_INT(err.kind, ERROR_MALFORMED);
}

static void an_unsigned_answer_is_seen_as_such(void)
{
    unsigned char bytes[256];
    struct dns_tsig key = key_of(TSIG_HMAC_SHA256);
    struct tsig_verdict verdict;
    struct error err = {0};
    CHECK(text_unhex(unsigned_message, bytes, sizeof bytes));
    CHECK_OK(verify(bytes, strlen(unsigned_message) / 2, &key, answered_at, &verdict, &err), err);
    CHECK(!verdict.present && !verdict.verified);
}

static void a_key_without_a_proper_name_signs_nothing(void)
{
    static const char *const names[] = {"", ".", "a..b",
                                        "0123456789012345678901234567890123456789012345678901234567890123"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct dns_tsig key = key_of(TSIG_HMAC_SHA256);
        struct tsig_mac mac;
        struct error err = {0};
        AUTO(buffer) struct buffer message = {0};
        buffer_append(&message, "\0\0\0\0\0\0\0\0\0\0\0", 12);
        key.key_name = names[i];
        bool ok = tsig_sign(&message, &key, 1, &mac, &err);
        CHECK(!ok && err.kind == ERROR_CONFIG);
    }
}

static void names_and_messages_at_the_bounds_are_told(void)
{
    static const struct {
        size_t label, labels; /* so many labels of so many signs */
        bool good;
    } cases[] = {{1, 1, true},   {63, 1, true},  {64, 1, false}, {63, 3, true},
                 {50, 5, false}, {1, 126, true}, {1, 127, true}, {1, 128, false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(buffer) struct buffer name = {0};
        for (size_t k = 0; k < cases[i].labels * (cases[i].label + 1) - 1; k++)
            buffer_putc(&name, (k + 1) % (cases[i].label + 1) == 0 ? '.' : 'a');
        struct dns_tsig key = {.key_name = arena_strdup(arena, buffer_text(&name)),
                               .algorithm = TSIG_HMAC_SHA256,
                               .key = secret};
        struct buffer message = {0};
        struct tsig_mac mac;
        struct tsig_verdict verdict;
        struct error err = {0};
        buffer_append(&message, (const char[12]){0x12, 0x34}, 12);
        bool good = tsig_sign(&message, &key, 1767225600, &mac, &err);
        bool read = !good || tsig_verify((const unsigned char *)message.data, message.length, &key, &mac,
                                         1767225600, &verdict, &err);
        bool refused = good || !tsig_verify((const unsigned char *)message.data, message.length, &key, &mac,
                                            1767225600, &verdict, &err);
        buffer_release(&message);
        CHECK_INT(good, cases[i].good);
        CHECK(read && refused);
        CHECK(good || err.kind == ERROR_CONFIG);
    }
    struct dns_tsig key = key_of(TSIG_HMAC_SHA256);
    struct buffer short_one = {0};
    struct tsig_mac mac;
    struct error err = {0};
    buffer_append(&short_one, "12345678901", 11);
    bool ok = tsig_sign(&short_one, &key, 1767225600, &mac, &err);
    buffer_release(&short_one);
    CHECK(!ok && err.kind == ERROR_INTERNAL && strstr(err.message, "11 bytes") != NULL);
}

static void a_library_that_computes_nothing_is_told_and_nothing_is_sent(void)
{
    static const char *const calls[] = {"EVP_MAC_fetch", "EVP_MAC_CTX_new", "EVP_MAC_init", "EVP_MAC_update",
                                        "EVP_MAC_final"};
    struct dns_tsig key = key_of(TSIG_HMAC_SHA256);
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        struct error err = {0};
        struct tsig_mac mac = {.length = strlen(request_mac) / 2};
        struct tsig_verdict verdict;
        struct buffer message = {0};
        unsigned char bytes[512];
        buffer_append(&message, (const char[12]){0x12, 0x34}, 12);
        fail_at(calls[i], 1, 0);
        bool signed_it = tsig_sign(&message, &key, 1767225600, &mac, &err);
        bool hit = well();
        size_t length = message.length;
        buffer_release(&message);
        CHECK(hit && !signed_it && length == 12);
        CHECK(err.kind == ERROR_INTERNAL && strstr(err.message, "SHA256") != NULL);
        CHECK(text_unhex(answer_of_bind, bytes, sizeof bytes));
        fail_at(calls[i], 1, 0);
        bool verified =
            tsig_verify(bytes, strlen(answer_of_bind) / 2, &key, &mac, answered_at, &verdict, &err);
        CHECK(well());
        CHECK(!verified && !verdict.verified && err.kind == ERROR_INTERNAL);
    }
}

int main(void)
{
    arena = arena_create();
    secret = secret_create("12345678901234567890123456789012", 32);
    RUN(signing_gives_the_macs_of_all_six_algorithms);
    RUN(a_real_servers_answer_is_verified);
    RUN(an_answer_out_of_time_is_not_verified);
    RUN(any_flipped_bit_fails);
    RUN(a_cut_answer_is_refused_at_every_length);
    RUN(another_key_or_algorithm_is_not_ours);
    RUN(an_unsigned_answer_is_seen_as_such);
    RUN(a_key_without_a_proper_name_signs_nothing);
    RUN(names_and_messages_at_the_bounds_are_told);
    RUN(a_library_that_computes_nothing_is_told_and_nothing_is_sent);
    secret_destroy(secret);
    arena_destroy(arena);
    return CHECK_REPORT();
}
