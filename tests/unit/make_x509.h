/* Authorities and certificates made at run time, for tests. Whatever cannot be made ends the test program. */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "base/arena.h"
#include "base/text.h"

struct made {
    X509 *certificate;
    EVP_PKEY *key;
};

struct recipe { /* zero members get a sensible value */
    const char *cn;
    const char *san;            /* as in openssl.cnf: "DNS:a.example.com,IP:192.0.2.1" */
    const struct made *issuer;  /* NULL: self-signed */
    EVP_PKEY *key;              /* NULL: a fresh P-256 key */
    bool ca;
    const char *usage;          /* extended; NULL: "serverAuth" for a leaf */
    int64_t not_before, not_after; /* 0: a day before MADE_NOW, 90 days after it */
    int serial;                 /* 0: random */
    const EVP_MD *digest;       /* NULL: SHA-256 */
};

#define MADE_NOW 1795000000 /* 2026-11-18T10:26:40Z */
#define MADE_DAY 86400

#define MUST(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: cannot make: %s\n", __FILE__, __LINE__, #condition); \
            exit(1); \
        } \
    } while (0)

static inline EVP_PKEY *made_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    MUST(key != NULL);
    return key;
}

static inline void made_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    MUST(extension != NULL && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static inline struct made make_x509(struct recipe r)
{
    struct made made = {.certificate = X509_new(), .key = r.key};
    X509 *x = made.certificate;

    if (made.key != NULL)
        EVP_PKEY_up_ref(made.key);
    else
        made.key = made_key();
    X509 *issuer = r.issuer != NULL ? r.issuer->certificate : x;
    EVP_PKEY *signer = r.issuer != NULL ? r.issuer->key : made.key;
    MUST(X509_set_version(x, X509_VERSION_3) == 1);
    BIGNUM *serial = BN_new();
    MUST(r.serial != 0 ? BN_set_word(serial, (unsigned long)r.serial) : BN_rand(serial, 120, 0, 0));
    BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x));
    BN_free(serial);
    X509_NAME *name = X509_get_subject_name(x);
    MUST(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (const unsigned char *)r.cn, -1, -1,
                                    0) == 1);
    MUST(X509_set_issuer_name(x, X509_get_subject_name(issuer)) == 1);
    ASN1_TIME_set(X509_getm_notBefore(x), r.not_before != 0 ? r.not_before : MADE_NOW - MADE_DAY);
    ASN1_TIME_set(X509_getm_notAfter(x), r.not_after != 0 ? r.not_after : MADE_NOW + 90 * MADE_DAY);
    MUST(X509_set_pubkey(x, made.key) == 1);
    made_extension(x, issuer, NID_subject_key_identifier, "hash");
    if (r.issuer != NULL)
        made_extension(x, issuer, NID_authority_key_identifier, "keyid:always");
    made_extension(x, issuer, NID_basic_constraints, r.ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    made_extension(x, issuer, NID_key_usage,
                   r.ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
    if (!r.ca || r.usage != NULL)
        made_extension(x, issuer, NID_ext_key_usage, r.usage != NULL ? r.usage : "serverAuth");
    if (r.san != NULL)
        made_extension(x, issuer, NID_subject_alt_name, r.san);
    MUST(X509_sign(x, signer, r.digest != NULL ? r.digest : EVP_sha256()) > 0);
    return made;
}

static inline void unmake_x509(struct made made)
{
    X509_free(made.certificate);
    EVP_PKEY_free(made.key);
}

static inline char *bio_text(BIO *bio, struct arena *arena)
{
    char *data = NULL;
    long length = BIO_get_mem_data(bio, &data);
    char *text = arena_strndup(arena, data, (size_t)length);
    BIO_free(bio);
    return text;
}

static inline char *made_pem(const struct made *made, struct arena *arena)
{
    BIO *bio = BIO_new(BIO_s_mem());
    MUST(PEM_write_bio_X509(bio, made->certificate) == 1);
    return bio_text(bio, arena);
}

static inline char *made_key_pem(EVP_PKEY *key, struct arena *arena)
{
    BIO *bio = BIO_new(BIO_s_mem());
    MUST(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
    return bio_text(bio, arena);
}

static inline char *made_key_id(EVP_PKEY *key, struct arena *arena)
{
    unsigned char *der = NULL, digest[32];
    int length = i2d_PUBKEY(key, &der);
    MUST(length > 0 && EVP_Digest(der, (size_t)length, digest, NULL, EVP_sha256(), NULL) == 1);
    OPENSSL_free(der);
    return text_hex(arena, digest, sizeof digest);
}

/* A PKCS#7 bundle without signers, as PEM or (bare) as base64 alone. */
static inline char *made_pkcs7(const struct made *const *members, size_t count, bool bare,
                               struct arena *arena)
{
    PKCS7 *pkcs7 = PKCS7_new();
    MUST(PKCS7_set_type(pkcs7, NID_pkcs7_signed) == 1 && PKCS7_content_new(pkcs7, NID_pkcs7_data) == 1);
    for (size_t i = 0; i < count; i++)
        MUST(PKCS7_add_certificate(pkcs7, members[i]->certificate) == 1);
    char *text;
    if (bare) {
        unsigned char *der = NULL;
        int length = i2d_PKCS7(pkcs7, &der);
        MUST(length > 0);
        text = text_base64(arena, der, (size_t)length);
        OPENSSL_free(der);
    } else {
        BIO *bio = BIO_new(BIO_s_mem());
        MUST(PEM_write_bio_PKCS7(bio, pkcs7) == 1);
        text = bio_text(bio, arena);
    }
    PKCS7_free(pkcs7);
    return text;
}
