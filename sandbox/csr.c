/* Reading certificate signing requests (RFC 2986) as a vendor does: the signature, the key, the names. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/arena.h"
#include "sandbox/crypto.h"

static const char hex_digits[] = "0123456789abcdef";

void random_fill(void *out, size_t length)
{
    if (RAND_bytes(out, (int)length) != 1)
        abort();
}

static const char *to_hex(struct arena *arena, const unsigned char *data, size_t length)
{
    char *text = arena_alloc(arena, 2 * length + 1);
    for (size_t i = 0; i < length; i++) {
        text[2 * i] = hex_digits[data[i] >> 4];
        text[2 * i + 1] = hex_digits[data[i] & 15];
    }
    return text;
}

const char *random_hex(struct arena *arena, size_t bytes)
{
    unsigned char data[64];
    random_fill(data, bytes <= sizeof data ? bytes : sizeof data);
    return to_hex(arena, data, bytes <= sizeof data ? bytes : sizeof data);
}

const char *random_word(struct arena *arena, size_t length)
{
    char *text = arena_alloc(arena, length + 1);
    random_fill(text, length);
    for (size_t i = 0; i < length; i++)
        text[i] = "abcdefghijklmnopqrstuvwxyz234567"[(unsigned char)text[i] & 31];
    return text;
}

static int hex_value(char c)
{
    const char *at = c != '\0' ? strchr(hex_digits, tolower((unsigned char)c)) : NULL;
    return at != NULL ? (int)(at - hex_digits) : -1;
}

/* "%2B" and the like; a plain plus sign stays one. */
static const char *percent_decoded(struct arena *arena, const char *text)
{
    char *out = arena_strdup(arena, text), *to = out;
    for (const char *from = text; *from != '\0'; from++) {
        if (from[0] == '%' && hex_value(from[1]) >= 0 && hex_value(from[2]) >= 0) {
            *to++ = (char)(hex_value(from[1]) << 4 | hex_value(from[2]));
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return out;
}

/* What stands between the BEGIN and the END line, whether or not line breaks are left, as DER. */
static unsigned char *pem_body(struct arena *arena, const char *text, size_t *out_length)
{
    const char *begin = strstr(text, "-----BEGIN ");
    const char *label = begin != NULL ? begin + strlen("-----BEGIN ") : NULL;
    if (label == NULL || !(text_has_prefix(label, "CERTIFICATE REQUEST-----") ||
                           text_has_prefix(label, "NEW CERTIFICATE REQUEST-----")))
        return NULL;
    const char *body = strstr(label, "-----") + 5;
    const char *end = strstr(body, "-----END ");
    unsigned char *der;
    if (end == NULL || !text_unbase64(arena, body, (size_t)(end - body), &der, out_length))
        return NULL;
    return der;
}

static const char *subject_part(struct arena *arena, X509_NAME *subject, int nid)
{
    int at = X509_NAME_get_index_by_NID(subject, nid, -1);
    if (at < 0)
        return "";
    unsigned char *utf8 = NULL;
    int length = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    const char *text = length >= 0 && memchr(utf8, 0, (size_t)length) == NULL
                           ? arena_strndup(arena, (const char *)utf8, (size_t)length)
                           : "";
    OPENSSL_free(utf8);
    return text;
}

static void read_extensions(X509_REQ *request, struct arena *arena, struct csr_facts *out)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    GENERAL_NAMES *names = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_DNS)
            continue;
        size_t length = (size_t)ASN1_STRING_length(name->d.dNSName);
        char *text = arena_strndup(arena, (const char *)ASN1_STRING_get0_data(name->d.dNSName), length);
        string_list_push(arena, &out->dns_names, text_lower(arena, text));
    }
    GENERAL_NAMES_free(names);
    BASIC_CONSTRAINTS *basic = X509V3_get_d2i(extensions, NID_basic_constraints, NULL, NULL);
    out->bad_extensions = basic != NULL && basic->ca;
    BASIC_CONSTRAINTS_free(basic);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

/* BR 6.1.1.3 and 6.1.5: RSA of at least 2048 bits and a multiple of 8, or P-256, P-384, P-521. */
static const char *key_problem(EVP_PKEY *key)
{
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
        return EVP_PKEY_get_bits(key) < 2048 || EVP_PKEY_get_bits(key) % 8 != 0
                   ? "the RSA key of the CSR has fewer than 2048 bits"
                   : NULL;
    char group[32] = "";
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC)
        EVP_PKEY_get_group_name(key, group, sizeof group, NULL);
    bool good = strcmp(group, "prime256v1") == 0 || strcmp(group, "secp384r1") == 0 ||
                strcmp(group, "secp521r1") == 0;
    return good ? NULL : "the key of the CSR is of a kind that is not allowed";
}

static const char *digest_hex(struct arena *arena, const EVP_MD *kind, const unsigned char *data,
                              size_t length)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (EVP_Digest(data, length, digest, &size, kind, NULL) != 1)
        abort();
    return to_hex(arena, digest, size);
}

static const char *as_pem(struct arena *arena, X509_REQ *request)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *text;
    if (out == NULL || PEM_write_bio_X509_REQ(out, request) != 1)
        abort();
    size_t length = (size_t)BIO_get_mem_data(out, &text);
    const char *pem = arena_strndup(arena, text, length);
    BIO_free(out);
    return pem;
}

static const char *read_request(X509_REQ *request, struct arena *arena, struct csr_facts *out)
{
    EVP_PKEY *key = X509_REQ_get0_pubkey(request);
    if (key == NULL || X509_REQ_verify(request, key) != 1)
        return "the signature of the CSR is not made by its key";
    const char *problem = key_problem(key);
    if (problem != NULL)
        return problem;
    int signature = X509_REQ_get_signature_nid(request), digest = NID_undef;
    OBJ_find_sigid_algs(signature, &digest, NULL);
    if (digest == NID_md5 || digest == NID_sha1)
        return "the CSR is signed with a digest that is no longer allowed";
    X509_NAME *subject = X509_REQ_get_subject_name(request);
    out->common_name = text_lower(arena, subject_part(arena, subject, NID_commonName));
    out->country = subject_part(arena, subject, NID_countryName);
    out->state = subject_part(arena, subject, NID_stateOrProvinceName);
    out->locality = subject_part(arena, subject, NID_localityName);
    out->organization = subject_part(arena, subject, NID_organizationName);
    out->unit = subject_part(arena, subject, NID_organizationalUnitName);
    out->email = subject_part(arena, subject, NID_pkcs9_emailAddress);
    out->signature = OBJ_nid2ln(signature);
    out->pem = as_pem(arena, request);
    read_extensions(request, arena, out);
    return NULL;
}

bool csr_facts_read(const char *text, struct arena *arena, struct csr_facts *out, const char **out_problem)
{
    *out = (struct csr_facts){.common_name = ""};
    if (strchr(text, '%') != NULL)
        text = percent_decoded(arena, text);
    if (strstr(text, "-----BEGIN") == NULL) {
        *out_problem = "The CSR cannot be decoded!";
        return false;
    }
    size_t length = 0;
    const unsigned char *der = pem_body(arena, text, &length), *at = der;
    X509_REQ *request = der != NULL ? d2i_X509_REQ(NULL, &at, (long)length) : NULL;
    const char *problem = "csr_invalid Failed to parse CSR. Generate CSR as valid Base-64 data";
    if (request != NULL && at == der + length) {
        out->sha256 = digest_hex(arena, EVP_sha256(), der, length);
        out->md5 = digest_hex(arena, EVP_md5(), der, length);
        out->sha1 = digest_hex(arena, EVP_sha1(), der, length);
        problem = read_request(request, arena, out);
    }
    X509_REQ_free(request);
    ERR_clear_error();
    *out_problem = problem;
    return problem == NULL;
}
