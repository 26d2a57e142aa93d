#include "base/key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fatal.h"
#include "base/hash.h"
#include "base/key_internal.h"
#include "base/secret.h"
#include "base/text.h"

/* Larger RSA keys are signed for by nobody and take seconds of CPU for each signature. */
enum { RSA_LEAST_BITS = 2048, RSA_MOST_BITS = 8192, KEY_FILE_LIMIT = 64 * 1024 };

struct key {
    EVP_PKEY *pkey;
};

static const struct curve {
    const char *group; /* OpenSSL's name */
    int size;
    bool issued; /* by all vendors; P-521 is allowed by the rules and taken by few */
} curves[] = {
    {"prime256v1", 256, true},
    {"secp384r1", 384, true},
    {"secp521r1", 521, false},
};

const char *openssl_reason(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *words = code != 0 ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return words != NULL ? words : "OpenSSL gives no reason";
}

static const struct curve *curve_of(EVP_PKEY *pkey)
{
    char group[64];
    if (EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL) != 1)
        return NULL;
    for (size_t i = 0; i < COUNT_OF(curves); i++)
        if (strcmp(curves[i].group, group) == 0)
            return &curves[i];
    return NULL;
}

static struct key *key_wrap(EVP_PKEY *pkey)
{
    struct key *key = malloc(sizeof *key);
    if (key == NULL)
        fatal_memory();
    key->pkey = pkey;
    return key;
}

EVP_PKEY *key_handle(const struct key *key) { return key->pkey; }

struct key *key_generate(enum key_algorithm algorithm, int size, struct error *err)
{
    EVP_PKEY *pkey = NULL;

    ERR_clear_error();
    if (algorithm == KEY_RSA && (size == 2048 || size == 3072 || size == 4096))
        pkey = EVP_RSA_gen((unsigned)size);
    else if (algorithm == KEY_ECDSA && (size == 256 || size == 384))
        pkey = EVP_EC_gen(size == 256 ? "P-256" : "P-384");
    else {
        error_raise(err, ERROR_MANIFEST,
                    "no key of %s %d is made: RSA takes 2048, 3072 or 4096, ECDSA 256 or 384",
                    algorithm == KEY_RSA ? "RSA" : "ECDSA", size);
        return NULL;
    }
    if (pkey == NULL) {
        error_raise(err, ERROR_INTERNAL, "cannot make a key: %s", openssl_reason());
        return NULL;
    }
    return key_wrap(pkey);
}

static bool judge_rsa(EVP_PKEY *pkey, const char *what, struct error *err)
{
    int bits = EVP_PKEY_get_bits(pkey);
    if (bits < RSA_LEAST_BITS)
        return error_raise(err, ERROR_MANIFEST, "%s is RSA with %d bits: public issuers sign for %d and more",
                           what, bits, RSA_LEAST_BITS);
    if (bits > RSA_MOST_BITS)
        return error_raise(err, ERROR_MANIFEST,
                           "%s is RSA with %d bits: more than %d is signed for by no public issuer", what,
                           bits, RSA_MOST_BITS);
    if (bits % 8 != 0) /* BR 6.1.5 */
        return error_raise(err, ERROR_MANIFEST,
                           "%s is RSA with %d bits: the industry's rules want a multiple of 8", what, bits);
    BIGNUM *exponent = NULL;
    bool usable = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1 && BN_is_odd(exponent) &&
                  !BN_is_one(exponent); /* BR 6.1.6 */
    BN_free(exponent);
    if (!usable)
        return error_raise(err, ERROR_MANIFEST, "%s is RSA with an exponent that public issuers refuse",
                           what);
    return true;
}

static bool judge_ec(EVP_PKEY *pkey, const char *what, struct error *err)
{
    int spelled_out = 0;
    char group[64] = "of its own";

    EVP_PKEY_get_int_param(pkey, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &spelled_out);
    if (spelled_out != 0)
        return error_raise(err, ERROR_MANIFEST,
                           "%s spells its curve out instead of naming it, which public issuers refuse: "
                           "convert the key with openssl ec -param_enc named_curve",
                           what);
    const struct curve *curve = curve_of(pkey);
    if (curve != NULL && curve->issued)
        return true;
    EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL);
    return error_raise(err, ERROR_MANIFEST, "%s is on the curve %s: public issuers sign for P-256 and P-384",
                       what, group);
}

bool key_judge(EVP_PKEY *pkey, const char *what, struct error *err)
{
    if (EVP_PKEY_is_a(pkey, "RSA"))
        return judge_rsa(pkey, what, err);
    if (EVP_PKEY_is_a(pkey, "EC"))
        return judge_ec(pkey, what, err);
    const char *name = EVP_PKEY_get0_type_name(pkey);
    if (name == NULL)
        name = "of an unknown kind";
    if (text_has_prefix(name, "ED") || text_has_prefix(name, "X25519") || text_has_prefix(name, "X448"))
        return error_raise(err, ERROR_MANIFEST,
                           "%s is %s: the industry's rules (BR 6.1.5) know RSA and the NIST curves only, so "
                           "every public issuer refuses it; use RSA 2048 or ECDSA P-256",
                           what, name);
    return error_raise(err, ERROR_MANIFEST, "%s is %s: public issuers sign for RSA and ECDSA keys only", what,
                       name);
}

const char *key_algorithm_word(EVP_PKEY *pkey, struct arena *arena)
{
    char group[64];
    if (EVP_PKEY_is_a(pkey, "RSA"))
        return "RSA";
    if (!EVP_PKEY_is_a(pkey, "EC")) {
        const char *name = EVP_PKEY_get0_type_name(pkey);
        return name != NULL ? arena_strdup(arena, name) : "unknown";
    }
    if (curve_of(pkey) != NULL)
        return "ECDSA";
    if (EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL) != 1)
        return "unknown curve";
    return arena_strdup(arena, group);
}

/* No pass phrase is known: encrypted keys are refused beforehand, and OpenSSL never asks a terminal. */
static int no_pass_phrase(char *out, int size, int writing, void *unused)
{
    (void)out, (void)size, (void)writing, (void)unused;
    return -1;
}

/* A signature made and checked: the halves belong together. RSA's full check tests primes and takes a hundred
 * times as long, and keys are read often. */
static bool halves_belong_together(EVP_PKEY *pkey)
{
    static const unsigned char message[] = "certwright key check";
    unsigned char signature[RSA_MOST_BITS / 8 + 64];
    size_t length = sizeof signature;

    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1 &&
              EVP_DigestSign(ctx, signature, &length, message, sizeof message) == 1;
    EVP_MD_CTX_free(ctx);
    if (!ok)
        return false;
    ctx = EVP_MD_CTX_new();
    ok = ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1 &&
         EVP_DigestVerify(ctx, signature, length, message, sizeof message) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

/* What the text is instead of one plain private key, in words that say what to do; NULL: it is one. */
static const char *not_a_plain_key(const char *pem, size_t length)
{
    const char *first = strstr(pem, "PRIVATE KEY-----");

    if (length > KEY_FILE_LIMIT)
        return "is far too large for a private key";
    if (strlen(pem) != length)
        return "is not PEM text: it has binary zeros; a key in DER form is converted with openssl pkey "
               "-inform DER";
    if (strstr(pem, "BEGIN ENCRYPTED PRIVATE KEY-----") != NULL ||
        strstr(pem, "Proc-Type: 4,ENCRYPTED") != NULL)
        return "is encrypted, and nobody is here to type a pass phrase: decrypt it with openssl pkey "
               "-in FILE -out FILE.plain";
    if (first == NULL) {
        if (strstr(pem, "BEGIN CERTIFICATE REQUEST") != NULL)
            return "is a certificate signing request, not a private key";
        if (strstr(pem, "BEGIN CERTIFICATE") != NULL)
            return "is a certificate, not a private key";
        if (strstr(pem, "PUBLIC KEY-----") != NULL)
            return "is a public key: the private one is needed";
        return "is not PEM: the line -----BEGIN PRIVATE KEY----- is missing";
    }
    const char *begin = strstr(pem, "-----BEGIN ");
    for (int found = 0; begin != NULL; begin = strstr(begin + 1, "-----BEGIN ")) {
        size_t label = strcspn(begin + 11, "-");
        if (label >= 11 && strncmp(begin + 11 + label - 11, "PRIVATE KEY", 11) == 0 && ++found > 1)
            return "holds more than one private key: which one is meant is not to be guessed";
    }
    return NULL;
}

struct key *key_parse(const struct secret *pem, struct error *err)
{
    unsigned char *der = NULL;
    long length = 0;
    EVP_PKEY *pkey = NULL;

    const char *fault = not_a_plain_key(secret_bytes(pem), secret_length(pem));
    if (fault != NULL) {
        error_raise(err, ERROR_MANIFEST, "the private key %s", fault);
        return NULL;
    }
    ERR_clear_error();
    AUTO(bio) BIO *in = BIO_new_mem_buf(secret_bytes(pem), (int)secret_length(pem)); /* lent, not copied */
    if (in != NULL &&
        PEM_bytes_read_bio_secmem(&der, &length, NULL, PEM_STRING_EVP_PKEY, in, no_pass_phrase, NULL) == 1) {
        const unsigned char *at = der;
        pkey = d2i_AutoPrivateKey_ex(NULL, &at, length, NULL, NULL);
        if (pkey != NULL && at != der + length) {
            EVP_PKEY_free(pkey);
            pkey = NULL;
        }
    }
    OPENSSL_secure_clear_free(der, (size_t)length);
    if (pkey == NULL) {
        error_raise(err, ERROR_MANIFEST, "the private key cannot be read: %s", openssl_reason());
        return NULL;
    }
    if (!key_judge(pkey, "the private key", err)) {
        EVP_PKEY_free(pkey);
        return NULL;
    }
    if (!halves_belong_together(pkey)) {
        EVP_PKEY_free(pkey);
        ERR_clear_error();
        error_raise(err, ERROR_MANIFEST,
                    "the private key is damaged: what it signs does not fit its public half");
        return NULL;
    }
    if (EVP_PKEY_is_a(pkey, "EC")) /* one spelling of a point, so one id for a key */
        EVP_PKEY_set_utf8_string_param(pkey, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed");
    return key_wrap(pkey);
}

void key_destroy(struct key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->pkey); /* OpenSSL wipes the private numbers */
    free(key);
}

struct secret *key_pem(const struct key *key, struct error *err)
{
    ERR_clear_error();
    AUTO(bio) BIO *out = BIO_new(BIO_s_secmem()); /* wiped when it grows and when it goes */
    char *text = NULL;
    long length = 0;

    if (out != NULL && PEM_write_bio_PKCS8PrivateKey(out, key->pkey, NULL, NULL, 0, NULL, NULL) == 1)
        length = BIO_get_mem_data(out, &text);
    if (length <= 0 || text == NULL) {
        error_raise(err, ERROR_INTERNAL, "cannot write a private key: %s", openssl_reason());
        return NULL;
    }
    return secret_create(text, (size_t)length);
}

enum key_algorithm key_algorithm(const struct key *key)
{
    return EVP_PKEY_is_a(key->pkey, "RSA") ? KEY_RSA : KEY_ECDSA;
}

int key_size(const struct key *key) { return EVP_PKEY_get_bits(key->pkey); }

static char *hash_der(unsigned char *der, int length, struct arena *arena)
{
    unsigned char digest[32];
    if (length <= 0) { /* a public half that was read a moment ago: only memory can be missing */
        fatal("OpenSSL cannot encode a public key");
    }
    hash_sha256(span_of((const char *)der, (size_t)length), digest);
    OPENSSL_free(der);
    return text_hex(arena, digest, sizeof digest);
}

char *key_spki_sha256(const struct key *key, struct arena *arena)
{
    unsigned char *der = NULL;
    int length = i2d_PUBKEY(key->pkey, &der);
    return hash_der(der, length, arena);
}

char *key_hash_spki(const X509_PUBKEY *spki, struct arena *arena)
{
    unsigned char *der = NULL;
    int length = i2d_X509_PUBKEY(spki, &der);
    return hash_der(der, length, arena);
}
