/* The record (RFC 8945, section 4.2), always the last one of the additional section and never compressed:
 *
 *     key name | 250 | ANY | TTL 0 | RDLENGTH
 *     algorithm | time, 48 bits | fudge, 16 | MAC size, 16 | MAC
 *     original id, 16 | error, 16 | other length, 16 | other data
 *
 * The MAC is taken over [of an answer: length and MAC of the request], the message as it was before the
 * record was added (original id, ARCOUNT without it), and the variables: key name, ANY, TTL, algorithm, time,
 * fudge, error, other length, other data. */
#include "base/tsig.h"

#include <ctype.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/secret.h"
#include "base/text.h"

enum { HEADER = 12, TYPE_TSIG = 250, CLASS_ANY = 255, NAME_MAX_WIRE = 255 };

static const struct {
    const char *name, *digest;
} algorithms[] = {
    [TSIG_HMAC_MD5] = {"hmac-md5.sig-alg.reg.int", "MD5"},
    [TSIG_HMAC_SHA1] = {"hmac-sha1", "SHA1"},
    [TSIG_HMAC_SHA224] = {"hmac-sha224", "SHA224"},
    [TSIG_HMAC_SHA256] = {"hmac-sha256", "SHA256"},
    [TSIG_HMAC_SHA384] = {"hmac-sha384", "SHA384"},
    [TSIG_HMAC_SHA512] = {"hmac-sha512", "SHA512"},
};

struct name {
    unsigned char wire[NAME_MAX_WIRE];
    size_t length;
};

const char *tsig_algorithm_name(enum dns_tsig_algorithm algorithm) { return algorithms[algorithm].name; }

/* A name as text to wire form; false unless it is a name of 1 to 63 byte labels. */
static bool name_from_text(const char *text, struct name *out)
{
    size_t length = strlen(text);
    if (length > 0 && text[length - 1] == '.')
        length--;
    if (length == 0 || length + 2 > sizeof out->wire)
        return false;
    size_t start = 0;
    for (size_t i = 0; i <= length; i++) {
        if (i < length && text[i] != '.')
            continue;
        size_t label = i - start;
        if (label == 0 || label > 63)
            return false;
        out->wire[start] = (unsigned char)label;
        memcpy(out->wire + start + 1, text + start, label);
        start = i + 1;
    }
    out->wire[length + 1] = 0;
    out->length = length + 2;
    return true;
}

static void name_lower(struct name *name)
{
    for (size_t i = 0; i < name->length; i++) /* label lengths stay below 'A' */
        name->wire[i] = (unsigned char)tolower(name->wire[i]);
}

static bool name_same(const struct name *a, const struct name *b)
{
    return a->length == b->length && memcmp(a->wire, b->wire, a->length) == 0;
}

static void put(struct buffer *buffer, uint64_t value, int bytes)
{
    while (bytes-- > 0)
        buffer_putc(buffer, (char)(value >> 8 * bytes));
}

static bool hmac(const struct dns_tsig *key, const struct buffer *input, struct tsig_mac *out,
                 struct error *err)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
    char digest[16];
    strcpy(digest, algorithms[key->algorithm].digest);
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_construct_end()};
    bool ok = context != NULL &&
              EVP_MAC_init(context, (const unsigned char *)secret_bytes(key->key), secret_length(key->key),
                           params) &&
              EVP_MAC_update(context, (const unsigned char *)input->data, input->length) &&
              EVP_MAC_final(context, out->bytes, &out->length, sizeof out->bytes);
    EVP_MAC_CTX_free(context);
    EVP_MAC_free(mac);
    if (!ok)
        return error_raise(err, ERROR_INTERNAL, "this build of OpenSSL computes no HMAC with %s",
                           algorithms[key->algorithm].digest);
    return true;
}

/* Everything behind RDLENGTH but the MAC, and what the MAC is taken over. */
struct variables {
    struct name key, algorithm; /* lower case */
    uint64_t time;
    unsigned fudge, original_id, error;
    const unsigned char *other;
    size_t other_length;
};

static void put_variables(struct buffer *input, const struct variables *v)
{
    buffer_append(input, v->key.wire, v->key.length);
    put(input, CLASS_ANY, 2);
    put(input, 0, 4);
    buffer_append(input, v->algorithm.wire, v->algorithm.length);
    put(input, v->time, 6);
    put(input, v->fudge, 2);
    put(input, v->error, 2);
    put(input, v->other_length, 2);
    buffer_append(input, v->other, v->other_length);
}

static bool key_names(const struct dns_tsig *key, struct name *out_sent, struct variables *out,
                      struct error *err)
{
    if (!name_from_text(key->key_name, out_sent) ||
        !name_from_text(algorithms[key->algorithm].name, &out->algorithm))
        return error_raise(err, ERROR_CONFIG, "\"%s\" is no name for a TSIG key", key->key_name);
    out->key = *out_sent;
    name_lower(&out->key);
    return true;
}

bool tsig_sign(struct buffer *message, const struct dns_tsig *key, int64_t now, struct tsig_mac *out_mac,
               struct error *err)
{
    struct variables v = {
        .time = (uint64_t)now & 0xffffffffffff, .fudge = TSIG_FUDGE_S, .other = (const unsigned char *)""};
    struct name sent; /* as configured: PowerDNS compares it with its case */
    struct tsig_mac mac;
    if (message->length < HEADER)
        return error_raise(err, ERROR_INTERNAL, "a DNS message of %zu bytes", message->length);
    if (!key_names(key, &sent, &v, err))
        return false;
    AUTO(buffer) struct buffer input = {0};
    buffer_append(&input, message->data, message->length);
    put_variables(&input, &v);
    if (!hmac(key, &input, &mac, err))
        return false;

    buffer_append(message, sent.wire, sent.length);
    put(message, TYPE_TSIG, 2);
    put(message, CLASS_ANY, 2);
    put(message, 0, 4);
    put(message, v.algorithm.length + 16 + mac.length, 2);
    buffer_append(message, v.algorithm.wire, v.algorithm.length);
    put(message, v.time, 6);
    put(message, v.fudge, 2);
    put(message, mac.length, 2);
    buffer_append(message, mac.bytes, mac.length);
    unsigned id = (unsigned)(unsigned char)message->data[0] << 8 | (unsigned char)message->data[1];
    put(message, id, 2);
    put(message, 0, 2);
    put(message, 0, 2);
    unsigned additional = ((unsigned char)message->data[10] << 8 | (unsigned char)message->data[11]) + 1u;
    message->data[10] = (char)(additional >> 8);
    message->data[11] = (char)additional;
    *out_mac = mac;
    return true;
}

/* A reader that cannot leave the message: past the end it gives zeros and remembers. */
struct reader {
    const unsigned char *data;
    size_t length, at;
    bool bad;
};

static const unsigned char *take(struct reader *r, size_t count)
{
    if (r->bad || count > r->length - r->at) {
        r->bad = true;
        return NULL;
    }
    r->at += count;
    return r->data + r->at - count;
}

static uint64_t take_number(struct reader *r, int bytes)
{
    const unsigned char *at = take(r, (size_t)bytes);
    uint64_t value = 0;
    for (int i = 0; at != NULL && i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

static void skip_name(struct reader *r)
{
    for (;;) {
        unsigned length = (unsigned)take_number(r, 1);
        if (r->bad || length == 0)
            return;
        if (length >= 0xc0) { /* a pointer ends a name */
            take(r, 1);
            return;
        }
        if (length > 63)
            r->bad = true;
        take(r, length);
    }
}

/* An uncompressed name, made lower case. */
static void take_name(struct reader *r, struct name *out)
{
    size_t start = r->at;
    for (;;) {
        unsigned length = (unsigned)take_number(r, 1);
        if (length > 63 || r->at - start + length > NAME_MAX_WIRE)
            r->bad = true;
        if (r->bad || length == 0)
            break;
        take(r, length);
    }
    out->length = r->bad ? 0 : r->at - start;
    if (out->length > 0)
        memcpy(out->wire, r->data + start, out->length);
    name_lower(out);
}

/* Go to the last record; gives its offset. False when the message has none. */
static bool find_last_record(struct reader *r)
{
    unsigned counts[4];
    take(r, 4);
    for (int i = 0; i < 4; i++)
        counts[i] = (unsigned)take_number(r, 2);
    for (unsigned i = 0; i < counts[0] && !r->bad; i++) {
        skip_name(r);
        take(r, 4);
    }
    unsigned records = counts[1] + counts[2] + counts[3];
    for (unsigned i = 0; i + 1 < records && !r->bad; i++) {
        skip_name(r);
        if (take_number(r, 2) == TYPE_TSIG)
            r->bad = true; /* anywhere but last: FORMERR (RFC 8945, section 5.2) */
        take(r, 6);
        take(r, (size_t)take_number(r, 2));
    }
    return counts[3] > 0;
}

bool tsig_in_place(const unsigned char *message, size_t length)
{
    struct reader r = {.data = message, .length = length};
    find_last_record(&r);
    return !r.bad;
}

static bool read_record(struct reader *r, struct variables *v, const unsigned char **out_mac,
                        size_t *out_mac_length, bool *out_is_tsig)
{
    struct reader start = *r;
    skip_name(r);
    *out_is_tsig = take_number(r, 2) == TYPE_TSIG;
    if (r->bad || !*out_is_tsig)
        return !r->bad;
    *r = start;
    take_name(r, &v->key);
    take(r, 2);
    if (take_number(r, 2) != CLASS_ANY || take_number(r, 4) != 0)
        r->bad = true;
    size_t size = (size_t)take_number(r, 2), end = r->at + size;
    take_name(r, &v->algorithm);
    v->time = take_number(r, 6);
    v->fudge = (unsigned)take_number(r, 2);
    *out_mac_length = (size_t)take_number(r, 2);
    *out_mac = take(r, *out_mac_length);
    v->original_id = (unsigned)take_number(r, 2);
    v->error = (unsigned)take_number(r, 2);
    v->other_length = (size_t)take_number(r, 2);
    v->other = take(r, v->other_length);
    return !r->bad && r->at == end && end == r->length;
}

bool tsig_verify(const unsigned char *answer, size_t length, const struct dns_tsig *key,
                 const struct tsig_mac *request_mac, int64_t now, struct tsig_verdict *out,
                 struct error *err)
{
    struct reader r = {.data = answer, .length = length};
    struct variables v = {0}, ours;
    struct name sent;
    const unsigned char *mac;
    size_t mac_length;
    bool is_tsig;
    *out = (struct tsig_verdict){0};
    if (!key_names(key, &sent, &ours, err))
        return false;
    bool any = find_last_record(&r);
    size_t record = r.at;
    if (r.bad)
        return error_raise(err, ERROR_MALFORMED, "the answer's records cannot be read");
    if (!any)
        return true;
    if (!read_record(&r, &v, &mac, &mac_length, &is_tsig))
        return error_raise(err, ERROR_MALFORMED, "the answer's signature record cannot be read");
    if (!is_tsig)
        return true;
    if (!name_same(&v.key, &ours.key) || !name_same(&v.algorithm, &ours.algorithm))
        return error_raise(err, ERROR_MALFORMED,
                           "the answer is signed with another key or algorithm than ours");

    out->present = true;
    out->error = (int)v.error;
    out->signed_at = (int64_t)v.time;
    if (v.error == TSIG_BADTIME && v.other_length == 6) {
        struct reader other = {.data = v.other, .length = 6};
        out->signed_at = (int64_t)take_number(&other, 6);
    }
    AUTO(buffer) struct buffer input = {0};
    struct tsig_mac expected;
    put(&input, request_mac->length, 2);
    buffer_append(&input, request_mac->bytes, request_mac->length);
    size_t message = input.length;
    buffer_append(&input, answer, record);
    input.data[message] = (char)(v.original_id >> 8);
    input.data[message + 1] = (char)v.original_id;
    unsigned additional = ((unsigned)answer[10] << 8 | answer[11]) - 1u;
    input.data[message + 10] = (char)(additional >> 8);
    input.data[message + 11] = (char)additional;
    put_variables(&input, &v);
    if (!hmac(key, &input, &expected, err))
        return false;
    int64_t apart = now - (int64_t)v.time;
    bool in_time = v.error == TSIG_BADTIME || (apart <= (int64_t)v.fudge && -apart <= (int64_t)v.fudge);
    out->verified = in_time && mac_length == expected.length &&
                    CRYPTO_memcmp(mac, expected.bytes, mac_length) == 0;
    return true;
}
