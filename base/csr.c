#include "base/csr.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/key.h"
#include "base/key_internal.h"

enum { REQUEST_LIMIT = 128 * 1024, NAMES_LIMIT = 2000 };

static inline void x509_req_release(X509_REQ **request) { X509_REQ_free(*request); }
static inline void x509_name_release(X509_NAME **name) { X509_NAME_free(*name); }
static inline void general_names_release(GENERAL_NAMES **names) { GENERAL_NAMES_free(*names); }
static void extensions_release(STACK_OF(X509_EXTENSION) **extensions)
{
    sk_X509_EXTENSION_pop_free(*extensions, X509_EXTENSION_free);
}

/* ---- making ---- */

/* The subject in the usual order, from the country down; an organisational unit has no place (BR 7.1.4.2.2). */
static bool set_subject(X509_REQ *request, const struct csr_subject *subject, struct error *err)
{
    const struct {
        int nid;
        const char *value, *words;
    } parts[] = {
        {NID_countryName, subject->country, "country"},
        {NID_stateOrProvinceName, subject->region, "region"},
        {NID_localityName, subject->locality, "locality"},
        {NID_organizationName, subject->organization, "organization"},
        {NID_commonName, subject->common_name, "common name"},
    };
    AUTO(x509_name) X509_NAME *name = X509_NAME_new();

    if (name == NULL)
        return error_raise(err, ERROR_INTERNAL, "cannot build a request: %s", openssl_reason());
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (text_empty(parts[i].value))
            continue;
        /* OpenSSL holds the lengths of RFC 5280, appendix A (64 for a common name, 2 for a country). */
        if (X509_NAME_add_entry_by_NID(name, parts[i].nid, MBSTRING_UTF8,
                                       (const unsigned char *)parts[i].value, -1, -1, 0) != 1)
            return error_raise(err, ERROR_MANIFEST,
                               "the %s \"%s\" does not fit into a certificate's subject: %s", parts[i].words,
                               parts[i].value, openssl_reason());
    }
    if (X509_REQ_set_subject_name(request, name) != 1)
        return error_raise(err, ERROR_INTERNAL, "cannot build a request: %s", openssl_reason());
    return true;
}

static bool push_dns_name(GENERAL_NAMES *names, const char *text)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *value = ASN1_IA5STRING_new();

    if (name == NULL || value == NULL || ASN1_STRING_set(value, text, -1) != 1) {
        ASN1_IA5STRING_free(value);
        GENERAL_NAME_free(name);
        return false;
    }
    GENERAL_NAME_set0_value(name, GEN_DNS, value);
    if (sk_GENERAL_NAME_push(names, name) > 0)
        return true;
    GENERAL_NAME_free(name);
    return false;
}

static bool set_names(X509_REQ *request, const struct string_list *names, struct error *err)
{
    AUTO(general_names) GENERAL_NAMES *general = GENERAL_NAMES_new();
    AUTO(extensions) STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();

    bool ok = general != NULL && extensions != NULL;
    for (size_t i = 0; ok && i < names->count; i++)
        ok = push_dns_name(general, names->items[i]);
    if (!ok || X509V3_add1_i2d(&extensions, NID_subject_alt_name, general, 0, X509V3_ADD_DEFAULT) != 1 ||
        X509_REQ_add_extensions(request, extensions) != 1)
        return error_raise(err, ERROR_INTERNAL, "cannot put the names into a request: %s", openssl_reason());
    return true;
}

char *csr_create(const struct key *key, const struct csr_subject *subject, const struct string_list *names,
                 struct arena *arena, struct error *err)
{
    EVP_PKEY *pkey = key_handle(key);
    char *text = NULL;

    ERR_clear_error();
    if (names->count == 0) {
        error_raise(err, ERROR_INTERNAL, "a request without names was asked for");
        return NULL;
    }
    AUTO(x509_req) X509_REQ *request = X509_REQ_new();
    if (request == NULL || X509_REQ_set_version(request, X509_REQ_VERSION_1) != 1 ||
        X509_REQ_set_pubkey(request, pkey) != 1) {
        error_raise(err, ERROR_INTERNAL, "cannot build a request: %s", openssl_reason());
        return NULL;
    }
    if (!set_subject(request, subject, err) || !set_names(request, names, err))
        return NULL;
    AUTO(bio) BIO *out = BIO_new(BIO_s_mem());
    if (out == NULL || X509_REQ_sign(request, pkey, EVP_sha256()) <= 0 ||
        PEM_write_bio_X509_REQ(out, request) != 1) {
        error_raise(err, ERROR_INTERNAL, "cannot sign a request: %s", openssl_reason());
        return NULL;
    }
    long length = BIO_get_mem_data(out, &text);
    return arena_strndup(arena, text, (size_t)length);
}

/* ---- reading ---- */

/* As certificates hold them: letters, digits, hyphen, underscore, dots; an asterisk as the first label. */
static bool is_dns_name(const char *text, size_t length)
{
    if (length == 0 || length > 253)
        return false;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '.' || c == '_';
        if (!plain && !(c == '*' && i == 0 && length > 2 && text[1] == '.'))
            return false;
    }
    return true;
}

static bool read_common_name(const X509_REQ *request, struct arena *arena, struct csr_info *out,
                             struct error *err)
{
    const X509_NAME *subject = X509_REQ_get_subject_name(request);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

    out->common_name = "";
    if (at < 0)
        return true;
    if (X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
        return error_raise(err, ERROR_MANIFEST, "the request has more than one common name");
    unsigned char *text = NULL;
    int length = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    bool good = length > 0 && is_dns_name((const char *)text, (size_t)length);
    if (good)
        out->common_name = text_lower(arena, arena_strndup(arena, (const char *)text, (size_t)length));
    OPENSSL_free(text);
    return good || error_raise(err, ERROR_MANIFEST, "the common name of the request is no host name");
}

static bool read_names(X509_REQ *request, struct arena *arena, struct csr_info *out, struct error *err)
{
    int critical = -1;
    AUTO(extensions) STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    AUTO(general_names)
    GENERAL_NAMES *names = X509V3_get_d2i(extensions, NID_subject_alt_name, &critical, NULL);

    if (names == NULL) /* -1: there is none; else it is there twice or cannot be decoded */
        return critical == -1 ||
               error_raise(err, ERROR_MANIFEST, "the alternative names of the request cannot be read");
    if (sk_GENERAL_NAME_num(names) > NAMES_LIMIT)
        return error_raise(err, ERROR_MANIFEST, "the request has more than %d names", NAMES_LIMIT);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int type = 0;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
        if (type != GEN_DNS)
            return error_raise(err, ERROR_MANIFEST,
                               "the request asks for something else than host names (an address, "
                               "an e-mail, a URI)");
        const char *text = (const char *)ASN1_STRING_get0_data(value);
        size_t length = (size_t)ASN1_STRING_length(value);
        if (!is_dns_name(text, length))
            return error_raise(err, ERROR_MANIFEST,
                               "the request has the alternative name \"%s\", which is no host name",
                               text_clean(arena, text, length, 100));
        const char *name = text_lower(arena, arena_strndup(arena, text, length));
        if (!string_list_contains(&out->dns_names, name))
            string_list_push(arena, &out->dns_names, name);
    }
    return true;
}

/* SHA-1 and older have no place in new requests (industry-rules.md 6.3). */
static bool check_signature(X509_REQ *request, EVP_PKEY *pkey, struct error *err)
{
    int digest = NID_undef;

    if (X509_REQ_verify(request, pkey) != 1)
        return error_raise(err, ERROR_MANIFEST, "the signature of the request is not by its own key: %s",
                           openssl_reason());
    OBJ_find_sigid_algs(X509_REQ_get_signature_nid(request), &digest, NULL);
    if (digest == NID_md5 || digest == NID_sha1)
        return error_raise(err, ERROR_MANIFEST, "the request is signed with %s: make it anew with SHA-256",
                           digest == NID_md5 ? "MD5" : "SHA-1");
    return true;
}

/* Of the bytes as they were sent, for the vendor counts the same. MD5 is no protection here: it is part of
 * the name that one CA family gives to a request (sslstore-api.md 11.2). */
static bool digest(const unsigned char *der, size_t length, struct arena *arena, struct csr_info *out)
{
    unsigned char sha256[32], md5[16];

    if (EVP_Digest(der, length, md5, NULL, EVP_md5(), NULL) != 1)
        return false;
    hash_sha256(span_of((const char *)der, length), sha256);
    out->der_sha256 = text_hex(arena, sha256, sizeof sha256);
    out->der_md5 = text_hex(arena, md5, sizeof md5);
    return true;
}

/* RFC 7468, section 7: one block, of the label that is standard or the one that older tools write. */
static X509_REQ *read_request(const char *pem, struct arena *arena, struct csr_info *out, struct error *err)
{
    size_t length = strlen(pem);

    if (length > REQUEST_LIMIT) {
        error_raise(err, ERROR_MANIFEST, "the request is larger than %d bytes", REQUEST_LIMIT);
        return NULL;
    }
    if (strstr(pem, "PRIVATE KEY-----") != NULL) {
        error_raise(err, ERROR_MANIFEST,
                    "beside the request stands a private key, which is now disclosed: make both anew");
        return NULL;
    }
    const char *begin = strstr(pem, "-----BEGIN ");
    if (begin == NULL || (!text_has_prefix(begin, "-----BEGIN CERTIFICATE REQUEST-----") &&
                          !text_has_prefix(begin, "-----BEGIN NEW CERTIFICATE REQUEST-----"))) {
        error_raise(err, ERROR_MANIFEST,
                    "this is no request in PEM: the line -----BEGIN CERTIFICATE REQUEST----- is missing");
        return NULL;
    }
    if (strstr(begin + 1, "-----BEGIN ") != NULL) {
        error_raise(err, ERROR_MANIFEST, "more than one block of PEM where one request is expected");
        return NULL;
    }
    unsigned char *der = NULL;
    long size = 0;
    X509_REQ *request = NULL;
    AUTO(bio) BIO *in = BIO_new_mem_buf(pem, (int)length);
    if (in != NULL && PEM_bytes_read_bio(&der, &size, NULL, PEM_STRING_X509_REQ, in, NULL, NULL) == 1) {
        const unsigned char *at = der;
        request = d2i_X509_REQ(NULL, &at, size);
        if (request != NULL && (at != der + size || !digest(der, (size_t)size, arena, out))) {
            X509_REQ_free(request);
            request = NULL;
        }
    }
    OPENSSL_free(der);
    if (request == NULL)
        error_raise(err, ERROR_MANIFEST, "the request cannot be read: %s", openssl_reason());
    return request;
}

bool csr_parse(const char *pem, struct arena *arena, struct csr_info *out, struct error *err)
{
    struct csr_info info = {0};

    ERR_clear_error();
    AUTO(x509_req) X509_REQ *request = read_request(pem, arena, &info, err);
    if (request == NULL)
        return false;
    EVP_PKEY *pkey = X509_REQ_get0_pubkey(request);
    if (pkey == NULL)
        return error_raise(err, ERROR_MANIFEST, "the public key of the request cannot be read: %s",
                           openssl_reason());
    if (!key_judge(pkey, "the key of the request", err) || !check_signature(request, pkey, err) ||
        !read_common_name(request, arena, &info, err) || !read_names(request, arena, &info, err))
        return false;
    info.spki_sha256 = key_hash_spki(X509_REQ_get_X509_PUBKEY(request), arena);
    info.algorithm = key_algorithm_word(pkey, arena);
    info.key_size = EVP_PKEY_get_bits(pkey);
    *out = info;
    return true;
}
