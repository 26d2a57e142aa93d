#include "base/x509.h"

#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/key_internal.h"

static const char system_roots[] = "/etc/ssl/certs/ca-certificates.crt";

enum {
    CERTIFICATES_MOST = 10, /* different ones in one delivery (reliability.md 6.1) */
    BLOCKS_MOST = 64,       /* repeats included: bundles are often delivered beside their parts */
    TEXT_LIMIT = 1024 * 1024,
    NAMES_LIMIT = 2000,
};

static inline void x509_release(X509 **certificate) { X509_free(*certificate); }
static inline void general_names_release(GENERAL_NAMES **names) { GENERAL_NAMES_free(*names); }
static inline void pkcs7_release(PKCS7 **pkcs7) { PKCS7_free(*pkcs7); }
static inline void store_release(X509_STORE **store) { X509_STORE_free(*store); }
static inline void store_ctx_release(X509_STORE_CTX **ctx) { X509_STORE_CTX_free(*ctx); }
static void x509_stack_release(STACK_OF(X509) **stack) { sk_X509_pop_free(*stack, X509_free); }

/* ---- reading one certificate ---- */

static const char *common_name(const X509_NAME *name, struct arena *arena)
{
    int at = -1, last = -1;
    while ((at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0)
        last = at; /* the most specific one */
    if (last < 0)
        return "";
    unsigned char *text = NULL;
    int length = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
    const char *clean = length > 0 ? text_clean(arena, (const char *)text, (size_t)length, 0) : "";
    OPENSSL_free(text);
    return clean;
}

static const char *serial_hex(const X509 *certificate, struct arena *arena)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *hex = number != NULL ? BN_bn2hex(number) : NULL;
    const char *at = hex != NULL ? hex : "";
    while (at[0] == '0' && at[1] != '\0')
        at++;
    const char *serial = text_lower(arena, at);
    OPENSSL_free(hex);
    BN_free(number);
    return serial;
}

static bool unix_time(const ASN1_TIME *time, int64_t *out)
{
    struct tm tm = {0};
    if (ASN1_TIME_to_tm(time, &tm) != 1)
        return false;
    *out = timegm(&tm);
    return true;
}

static const char *show_name(GENERAL_NAME *name, struct arena *arena)
{
    char *text = NULL;
    AUTO(bio) BIO *out = BIO_new(BIO_s_mem());
    if (out == NULL || GENERAL_NAME_print(out, name) != 1)
        return "a name that cannot be shown";
    long length = BIO_get_mem_data(out, &text);
    return length > 0 ? text_clean(arena, text, (size_t)length, 200) : "a name that cannot be shown";
}

static bool read_names(const X509 *certificate, struct arena *arena, struct x509_info *info,
                       struct error *err)
{
    int critical = -1;
    AUTO(general_names)
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, NULL);

    if (names == NULL) /* -1: there is none; else it is there twice or cannot be decoded */
        return critical == -1 ||
               error_raise(err, ERROR_MALFORMED, "the alternative names of a certificate cannot be read");
    if (sk_GENERAL_NAME_num(names) > NAMES_LIMIT)
        return error_raise(err, ERROR_MALFORMED, "a certificate has more than %d names", NAMES_LIMIT);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        int type = 0;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
        if (type != GEN_DNS) {
            string_list_push(arena, &info->other_names, show_name(name, arena));
            continue;
        }
        const char *text = (const char *)ASN1_STRING_get0_data(value);
        size_t length = (size_t)ASN1_STRING_length(value);
        for (size_t at = 0; at < length; at++)
            if (text[at] <= ' ' || text[at] > '~') /* a NUL inside once made one name look like another */
                return error_raise(err, ERROR_MALFORMED,
                                   "a certificate has the name \"%s\", which is no host name",
                                   text_clean(arena, text, length, 100));
        string_list_push(arena, &info->dns_names, text_lower(arena, arena_strndup(arena, text, length)));
    }
    return true;
}

static bool read_info(X509 *certificate, struct arena *arena, struct x509_info *out, struct error *err)
{
    struct x509_info info = {0};
    unsigned char digest[32];
    EVP_PKEY *pkey = X509_get0_pubkey(certificate);

    info.subject_cn = common_name(X509_get_subject_name(certificate), arena);
    info.issuer_cn = common_name(X509_get_issuer_name(certificate), arena);
    info.serial = serial_hex(certificate, arena);
    if (X509_digest(certificate, EVP_sha256(), digest, NULL) != 1)
        return error_raise(err, ERROR_INTERNAL, "cannot digest a certificate: %s", openssl_reason());
    info.fingerprint = text_hex(arena, digest, sizeof digest);
    info.spki_sha256 = key_hash_spki(X509_get_X509_PUBKEY(certificate), arena);
    if (!unix_time(X509_get0_notBefore(certificate), &info.not_before) ||
        !unix_time(X509_get0_notAfter(certificate), &info.not_after))
        return error_raise(err, ERROR_MALFORMED, "the dates of the certificate for \"%s\" cannot be read",
                           info.subject_cn);
    if (!read_names(certificate, arena, &info, err))
        return false;
    info.is_ca = X509_check_ca(certificate) != 0;
    info.server_auth = X509_check_purpose(certificate, X509_PURPOSE_SSL_SERVER, 0) == 1;
    info.algorithm = pkey != NULL ? key_algorithm_word(pkey, arena) : "unknown";
    info.key_size = pkey != NULL ? EVP_PKEY_get_bits(pkey) : 0;
    ERR_clear_error(); /* a key of an unknown kind leaves a word there */
    *out = info;
    return true;
}

/* ---- reading what was delivered ---- */

struct pile {
    STACK_OF(X509) *certificates; /* different ones, in the order they came */
    int blocks;
};

/* Keeps a reference of its own. */
static bool pile_add(struct pile *pile, X509 *certificate, struct error *err)
{
    if (++pile->blocks > BLOCKS_MOST)
        return error_raise(err, ERROR_MALFORMED, "more than %d certificates were delivered at once",
                           BLOCKS_MOST);
    for (int i = 0; i < sk_X509_num(pile->certificates); i++)
        if (X509_cmp(sk_X509_value(pile->certificates, i), certificate) == 0)
            return true;
    if (sk_X509_num(pile->certificates) >= CERTIFICATES_MOST)
        return error_raise(err, ERROR_MALFORMED, "more than %d different certificates were delivered at once",
                           CERTIFICATES_MOST);
    if (X509_up_ref(certificate) != 1)
        return error_raise(err, ERROR_INTERNAL, "cannot keep a certificate: %s", openssl_reason());
    if (sk_X509_push(pile->certificates, certificate) > 0)
        return true;
    X509_free(certificate);
    return error_raise(err, ERROR_INTERNAL, "cannot keep a certificate: %s", openssl_reason());
}

static bool add_certificate_der(struct pile *pile, const unsigned char *der, size_t length, struct error *err)
{
    const unsigned char *at = der;
    AUTO(x509) X509 *certificate = d2i_X509(NULL, &at, (long)length);
    if (certificate == NULL || at != der + length)
        return error_raise(err, ERROR_MALFORMED, "a certificate that was delivered cannot be read: %s",
                           openssl_reason());
    return pile_add(pile, certificate, err);
}

/* RFC 2315, section 9: signed data of which only the certificates matter. */
static bool add_pkcs7_der(struct pile *pile, const unsigned char *der, size_t length, struct error *err)
{
    const unsigned char *at = der;
    AUTO(pkcs7) PKCS7 *pkcs7 = d2i_PKCS7(NULL, &at, (long)length);
    if (pkcs7 == NULL || at != der + length || !PKCS7_type_is_signed(pkcs7) || pkcs7->d.sign == NULL)
        return error_raise(err, ERROR_MALFORMED, "a PKCS#7 bundle that was delivered cannot be read: %s",
                           openssl_reason());
    STACK_OF(X509) *certificates = pkcs7->d.sign->cert;
    for (int i = 0; i < sk_X509_num(certificates); i++)
        if (!pile_add(pile, sk_X509_value(certificates, i), err))
            return false;
    return true;
}

static const struct block_kind {
    const char *label; /* RFC 7468, sections 5 and 8, and what older tools write */
    bool (*add)(struct pile *pile, const unsigned char *der, size_t length, struct error *err);
} block_kinds[] = {
    {PEM_STRING_X509, add_certificate_der},
    {PEM_STRING_X509_OLD, add_certificate_der},
    {PEM_STRING_PKCS7, add_pkcs7_der},
    {PEM_STRING_PKCS7_SIGNED, add_pkcs7_der},
    {PEM_STRING_CMS, add_pkcs7_der},
};

static bool add_block(struct pile *pile, const char *label, const unsigned char *der, size_t length,
                      struct error *err)
{
    for (size_t i = 0; i < COUNT_OF(block_kinds); i++)
        if (strcmp(block_kinds[i].label, label) == 0)
            return block_kinds[i].add(pile, der, length, err);
    return error_raise(err, ERROR_MALFORMED,
                       "a PEM block of a kind that is not expected beside a certificate");
}

static bool add_pem(struct pile *pile, struct span text, struct error *err)
{
    AUTO(bio) BIO *in = BIO_new_mem_buf(text.data, (int)text.length);
    for (int blocks = 0; in != NULL; blocks++) {
        char *label = NULL, *header = NULL;
        unsigned char *der = NULL;
        long length = 0;
        if (PEM_read_bio(in, &label, &header, &der, &length) != 1) {
            bool end = blocks > 0 && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
            if (!end)
                return error_raise(err, ERROR_MALFORMED, "a PEM text that was delivered is damaged: %s",
                                   openssl_reason());
            ERR_clear_error();
            return true;
        }
        bool ok = add_block(pile, label, der, (size_t)length, err);
        OPENSSL_free(label);
        OPENSSL_free(header);
        OPENSSL_free(der);
        if (!ok)
            return false;
    }
    return error_raise(err, ERROR_INTERNAL, "cannot read PEM: %s", openssl_reason());
}

/* PKCS#7 also comes as bare base64, without its first and last line (sslstore-api.md 12.1). */
static bool add_bare(struct pile *pile, struct span text, struct arena *arena, struct error *err)
{
    unsigned char *der = NULL;
    size_t length = 0;
    if (!text_unbase64(arena, text.data, text.length, &der, &length) || length == 0)
        return error_raise(err, ERROR_MALFORMED,
                           "what was delivered as a certificate is neither PEM nor base64: \"%s\"",
                           text_clean(arena, text.data, text.length, 60));
    const unsigned char *at = der;
    X509 *certificate = d2i_X509(NULL, &at, (long)length);
    X509_free(certificate);
    ERR_clear_error();
    return certificate != NULL ? add_certificate_der(pile, der, length, err)
                               : add_pkcs7_der(pile, der, length, err);
}

static bool is_blank(struct span text)
{
    for (size_t i = 0; i < text.length; i++)
        if (strchr(" \t\r\n", text.data[i]) == NULL || text.data[i] == '\0')
            return false;
    return true;
}

static bool pile_read(struct pile *pile, const struct span *texts, size_t count, struct arena *arena,
                      struct error *err)
{
    static const char private_mark[] = "PRIVATE KEY-----", begin_mark[] = "-----BEGIN ";
    size_t total = 0;

    for (size_t i = 0; i < count; i++) {
        struct span text = texts[i];
        if (text.length > TEXT_LIMIT || (total += text.length) > TEXT_LIMIT)
            return error_raise(err, ERROR_MALFORMED, "more than %d bytes were delivered as certificates",
                               TEXT_LIMIT);
        if (is_blank(text)) /* happens while the vendor is not ready (sslstore-api.md 12.4) */
            continue;
        if (memmem(text.data, text.length, private_mark, sizeof private_mark - 1) != NULL)
            return error_raise(err, ERROR_MALFORMED,
                               "a private key was delivered among the certificates: nobody but "
                               "us may have it, so nothing of this is used");
        bool pem = memmem(text.data, text.length, begin_mark, sizeof begin_mark - 1) != NULL;
        if (!(pem ? add_pem(pile, text, err) : add_bare(pile, text, arena, err)))
            return false;
    }
    return true;
}

/* ---- putting it in order ---- */

static bool is_self_signed(X509 *certificate)
{
    return X509_self_signed(certificate, 1) == 1;
}

/* The certificate of our key that is no CA; of several (a key used twice) the one that begins last. */
static X509 *find_leaf(const struct pile *pile, const char *spki_sha256, struct arena *arena)
{
    X509 *leaf = NULL;
    for (int i = 0; i < sk_X509_num(pile->certificates); i++) {
        X509 *candidate = sk_X509_value(pile->certificates, i);
        if (strcmp(key_hash_spki(X509_get_X509_PUBKEY(candidate), arena), spki_sha256) != 0 ||
            X509_check_ca(candidate) != 0)
            continue;
        if (leaf == NULL || ASN1_TIME_compare(X509_get0_notBefore(candidate), X509_get0_notBefore(leaf)) > 0)
            leaf = candidate;
    }
    return leaf;
}

static bool no_leaf(const struct pile *pile, struct arena *arena, struct error *err)
{
    for (int i = 0; i < sk_X509_num(pile->certificates); i++) {
        X509 *certificate = sk_X509_value(pile->certificates, i);
        if (X509_check_ca(certificate) == 0)
            return error_raise(err, ERROR_NOT_FOUND,
                               "the certificate for \"%s\" that was delivered is of another key than ours: "
                               "perhaps the former one, and the new one is still to come",
                               common_name(X509_get_subject_name(certificate), arena));
    }
    if (sk_X509_num(pile->certificates) > 0)
        return error_raise(err, ERROR_NOT_FOUND,
                           "only certificates of authorities were delivered, none for a server");
    return error_raise(err, ERROR_NOT_FOUND, "no certificate has been delivered yet");
}

/* Who signed `certificate`, not looking at those in `used`. A root ends the search, so a cross certificate of
 * the same authority is not on the path; else the one that lives longest. NULL: nobody here, or a root. */
static X509 *find_issuer(const struct pile *pile, X509 *certificate, STACK_OF(X509) *used)
{
    X509 *best = NULL;
    for (int i = 0; i < sk_X509_num(pile->certificates); i++) {
        X509 *candidate = sk_X509_value(pile->certificates, i);
        if (candidate == certificate || X509_check_issued(candidate, certificate) != X509_V_OK ||
            X509_verify(certificate, X509_get0_pubkey(candidate)) != 1)
            continue;
        if (is_self_signed(candidate))
            return NULL;
        bool seen = false;
        for (int j = 0; j < sk_X509_num(used); j++)
            seen = seen || sk_X509_value(used, j) == candidate;
        if (!seen && (best == NULL ||
                      ASN1_TIME_compare(X509_get0_notAfter(candidate), X509_get0_notAfter(best)) > 0))
            best = candidate;
    }
    return best;
}

static bool append_pem(X509 *certificate, struct buffer *out)
{
    char *text = NULL;
    AUTO(bio) BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL || PEM_write_bio_X509(bio, certificate) != 1)
        return false;
    long length = BIO_get_mem_data(bio, &text);
    buffer_append(out, text, (size_t)length);
    return true;
}

/* `path` is lent certificates, leaf first. */
static bool write_bundle(STACK_OF(X509) *path, struct arena *arena, struct x509_bundle *out,
                         struct error *err)
{
    struct buffer leaf = {0}, chain = {0};
    bool ok = append_pem(sk_X509_value(path, 0), &leaf);

    for (int i = 1; ok && i < sk_X509_num(path); i++)
        ok = append_pem(sk_X509_value(path, i), &chain);
    if (ok)
        *out = (struct x509_bundle){
            .leaf = arena_strdup(arena, buffer_text(&leaf)),
            .chain = arena_strdup(arena, buffer_text(&chain)),
            .fullchain = arena_printf(arena, "%s%s", buffer_text(&leaf), buffer_text(&chain)),
            .chain_count = (size_t)sk_X509_num(path) - 1,
        };
    buffer_release(&leaf);
    buffer_release(&chain);
    return ok || error_raise(err, ERROR_INTERNAL, "cannot write a certificate: %s", openssl_reason());
}

static bool assemble(const struct pile *pile, X509 *leaf, struct arena *arena, struct x509_bundle *out,
                     struct error *err)
{
    STACK_OF(X509) *path = sk_X509_new_null();
    struct x509_bundle bundle;
    struct x509_info info;

    bool ok = path != NULL;
    if (is_self_signed(leaf)) /* what a person brought for a test; nobody stands above it */
        ok = ok && sk_X509_push(path, leaf) > 0;
    else
        for (X509 *next = leaf; ok && next != NULL; next = find_issuer(pile, next, path))
            ok = sk_X509_push(path, next) > 0;
    if (!ok)
        error_raise(err, ERROR_INTERNAL, "cannot build a chain: %s", openssl_reason());
    ok = ok && read_info(leaf, arena, &info, err) && write_bundle(path, arena, &bundle, err);
    sk_X509_free(path);
    ERR_clear_error(); /* candidates that did not fit left their words */
    if (ok) {
        bundle.info = info;
        *out = bundle;
    }
    return ok;
}

bool x509_assemble(const struct span *texts, size_t count, const char *spki_sha256, struct arena *arena,
                   struct x509_bundle *out, struct error *err)
{
    ERR_clear_error();
    AUTO(x509_stack) STACK_OF(X509) *certificates = sk_X509_new_null();
    struct pile pile = {.certificates = certificates};

    if (certificates == NULL)
        return error_raise(err, ERROR_INTERNAL, "cannot keep certificates: %s", openssl_reason());
    if (!pile_read(&pile, texts, count, arena, err))
        return false;
    X509 *leaf = find_leaf(&pile, spki_sha256, arena);
    return leaf != NULL ? assemble(&pile, leaf, arena, out, err) : no_leaf(&pile, arena, err);
}

static X509 *read_first(const char *pem, struct error *err)
{
    ERR_clear_error();
    AUTO(bio) BIO *in = BIO_new_mem_buf(pem, -1);
    X509 *certificate = in != NULL ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
    if (certificate == NULL)
        error_raise(err, ERROR_MALFORMED, "a certificate cannot be read: %s", openssl_reason());
    return certificate;
}

bool x509_parse(const char *pem, struct arena *arena, struct x509_info *out, struct error *err)
{
    AUTO(x509) X509 *certificate = read_first(pem, err);
    return certificate != NULL && read_info(certificate, arena, out, err);
}

/* ---- judging ---- */

/* Every certificate of the text; PEM only, since it is our own. */
static STACK_OF(X509) *read_all(const char *pem)
{
    STACK_OF(X509) *certificates = sk_X509_new_null();
    AUTO(bio) BIO *in = BIO_new_mem_buf(pem, -1);
    X509 *certificate;
    bool whole = certificates != NULL && in != NULL;

    ERR_clear_error();
    while (whole && (certificate = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL)
        if (sk_X509_push(certificates, certificate) <= 0) { /* a chain with a hole is none */
            X509_free(certificate);
            whole = false;
        }
    if (whole && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
        ERR_clear_error();
        return certificates;
    }
    sk_X509_pop_free(certificates, X509_free);
    return NULL;
}

static bool add_roots(X509_STORE *store, const struct string_list *more_roots, struct error *err)
{
    if (X509_STORE_load_file(store, system_roots) != 1)
        ERR_clear_error(); /* a host without the package has the operator's roots alone */
    for (size_t i = 0; more_roots != NULL && i < more_roots->count; i++) {
        AUTO(x509_stack) STACK_OF(X509) *roots = read_all(more_roots->items[i]);
        if (roots == NULL || sk_X509_num(roots) == 0)
            return error_raise(err, ERROR_CONFIG,
                               "a file of trustRoots holds no certificate in PEM, or a damaged one: %s",
                               openssl_reason());
        for (int j = 0; j < sk_X509_num(roots); j++)
            if (X509_STORE_add_cert(store, sk_X509_value(roots, j)) != 1)
                return error_raise(err, ERROR_INTERNAL, "cannot keep a root: %s", openssl_reason());
    }
    return true;
}

static bool not_verified(X509_STORE_CTX *ctx, struct error *err)
{
    AUTO(arena) struct arena *arena = arena_create();
    int code = X509_STORE_CTX_get_error(ctx);
    X509 *about = X509_STORE_CTX_get_current_cert(ctx);
    const char *name = about != NULL ? common_name(X509_get_subject_name(about), arena) : "";
    const char *issuer = about != NULL ? common_name(X509_get_issuer_name(about), arena) : "";
    static const int rootless[] = {
        X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
        X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,         X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
        X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
    };
    bool no_root = false;
    for (size_t i = 0; i < COUNT_OF(rootless); i++)
        no_root = no_root || code == rootless[i];

    ERR_clear_error();
    return error_raise(err, ERROR_REFUSED,
                       "the chain does not verify: %s, at the certificate of \"%s\" issued by \"%s\"%s",
                       X509_verify_cert_error_string(code), name, issuer,
                       no_root ? "; trustRoots in the operator's file names roots besides the system's" : "");
}

bool x509_verify(const char *leaf, const char *chain, const struct string_list *more_roots, int64_t at,
                 struct error *err)
{
    AUTO(x509) X509 *certificate = read_first(leaf, err);
    if (certificate == NULL)
        return false;
    AUTO(x509_stack) STACK_OF(X509) *untrusted = read_all(chain != NULL ? chain : "");
    if (untrusted == NULL)
        return error_raise(err, ERROR_MALFORMED, "the chain cannot be read: %s", openssl_reason());
    AUTO(store) X509_STORE *store = X509_STORE_new();
    AUTO(store_ctx) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    if (store == NULL || ctx == NULL)
        return error_raise(err, ERROR_INTERNAL, "cannot verify: %s", openssl_reason());
    if (!add_roots(store, more_roots, err))
        return false;
    if (X509_STORE_CTX_init(ctx, store, certificate, untrusted) != 1 ||
        X509_STORE_CTX_set_default(ctx, "ssl_server") != 1)
        return error_raise(err, ERROR_INTERNAL, "cannot verify: %s", openssl_reason());
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_time(param, (time_t)at);
    X509_VERIFY_PARAM_set_auth_level(param, 2); /* 112 bits: RSA 2048 and up in every link, no SHA-1 */
    if (X509_verify_cert(ctx) != 1)
        return not_verified(ctx, err);
    return true;
}

bool x509_covers(const struct x509_info *info, const char *name)
{
    for (size_t i = 0; i < info->dns_names.count; i++) {
        const char *pattern = info->dns_names.items[i];
        if (strcasecmp(pattern, name) == 0)
            return true;
        if (!text_has_prefix(pattern, "*.") || strchr(pattern + 2, '.') == NULL)
            continue; /* "*.com" covers nothing, as X509_check_host has it */
        const char *rest = strchr(name, '.');
        if (rest != NULL && rest > name && strcasecmp(rest, pattern + 1) == 0)
            return true;
    }
    return false;
}
