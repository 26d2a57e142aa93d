/* The authority: a root and an intermediate of its own, which live in the folder, and leaves for orders. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "sandbox/crypto.h"
#include "sandbox/sandbox.h"

enum { DAY_S = 86400 };

struct signer {
    X509 *certificate;
    EVP_PKEY *key;
};
struct authority {
    struct signer root, intermediate, api;
    EVP_PKEY *spare; /* a key that belongs to nobody: wrong certificates, orders of old */
    struct arena *arena;
    const char *root_pem, *intermediate_pem;
};

/* The ladder of industry-rules.md 6.1, with the days on which the two authorities went down to the next
 * rung. */
struct rung {
    int year, month, day; /* from this day on */
    int days;
};
static const struct rung sectigo_ladder[] = {
    {2029, 3, 15, 46}, {2027, 3, 15, 99}, {2026, 3, 12, 199}, {0, 1, 1, 397}};
static const struct rung digicert_ladder[] = {
    {2029, 3, 15, 46}, {2027, 3, 15, 99}, {2026, 2, 24, 199}, {0, 1, 1, 397}};

static int validity_days(const struct product *product, int64_t at)
{
    const struct rung *rung = product_is_sectigo(product) ? sectigo_ladder : digicert_ladder;
    while (rung->year != 0 && at < clock_from_civil(rung->year, rung->month, rung->day, 0, 0, 0))
        rung++;
    return rung->days;
}

static const char *bio_text(struct arena *arena, BIO *out)
{
    char *text;
    size_t length = (size_t)BIO_get_mem_data(out, &text);
    const char *copy = arena_strndup(arena, text, length);
    BIO_free(out);
    return copy;
}

static const char *certificate_pem(struct arena *arena, X509 *certificate)
{
    BIO *out = BIO_new(BIO_s_mem());
    if (out == NULL || PEM_write_bio_X509(out, certificate) != 1)
        abort();
    return bio_text(arena, out);
}

static void set_times(X509 *certificate, int64_t from, int64_t to)
{
    ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)from);
    ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)to);
}

static void set_serial(X509 *certificate)
{
    unsigned char bytes[16];
    random_fill(bytes, sizeof bytes);
    bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40); /* positive, always 16 bytes */
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
}

static void add_name(X509_NAME *name, const char *field, const char *value)
{
    if (!text_empty(value))
        X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)value, -1, -1, 0);
}

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

/* Not by add_extension(): the text form of policies wants a configuration database. */
static bool add_policy(X509 *certificate, const char *oid)
{
    POLICYINFO *policy = POLICYINFO_new();
    CERTIFICATEPOLICIES *list = sk_POLICYINFO_new_null();
    if (policy == NULL || list == NULL)
        abort();
    ASN1_OBJECT_free(policy->policyid);
    policy->policyid = OBJ_txt2obj(oid, 1);
    sk_POLICYINFO_push(list, policy);
    bool added = X509_add1_ext_i2d(certificate, NID_certificate_policies, list, 0, 0) == 1;
    sk_POLICYINFO_pop_free(list, POLICYINFO_free);
    return added;
}

static EVP_PKEY *new_key(bool rsa)
{
    EVP_PKEY *key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    if (key == NULL)
        abort();
    return key;
}

/* ---- the folder ------------------------------------------------------------------------------ */

static bool load_signer(int directory_fd, const char *name, struct signer *out)
{
    char certificate_name[64], key_name[64];
    snprintf(certificate_name, sizeof certificate_name, "%s.pem", name);
    snprintf(key_name, sizeof key_name, "%s-key.pem", name);
    int fd = openat(directory_fd, certificate_name, O_RDONLY | O_CLOEXEC);
    FILE *in = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (in != NULL) {
        out->certificate = PEM_read_X509(in, NULL, NULL, NULL);
        fclose(in);
    }
    fd = openat(directory_fd, key_name, O_RDONLY | O_CLOEXEC);
    in = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (in != NULL) {
        out->key = PEM_read_PrivateKey(in, NULL, NULL, NULL);
        fclose(in);
    }
    ERR_clear_error();
    return out->certificate != NULL && out->key != NULL &&
           X509_check_private_key(out->certificate, out->key) == 1;
}

static bool store_signer(int directory_fd, const char *name, const struct signer *signer, struct error *err)
{
    struct arena *arena = arena_create();
    char file[64];
    BIO *out = BIO_new(BIO_s_mem());
    if (out == NULL || PEM_write_bio_PrivateKey(out, signer->key, NULL, NULL, 0, NULL, NULL) != 1)
        abort();
    const char *key = bio_text(arena, out), *certificate = certificate_pem(arena, signer->certificate);
    snprintf(file, sizeof file, "%s-key.pem", name);
    bool stored = file_replace(directory_fd, file, key, strlen(key), 0600, err);
    snprintf(file, sizeof file, "%s.pem", name);
    stored = stored && file_replace(directory_fd, file, certificate, strlen(certificate), 0644, err);
    arena_destroy(arena);
    return stored;
}

/* An authority's certificate; `issuer` NULL: signed by itself. */
static X509 *make_authority(EVP_PKEY *key, const struct signer *issuer, const char *name,
                            const char *constraint)
{
    X509 *certificate = X509_new();
    X509_set_version(certificate, X509_VERSION_3);
    set_serial(certificate);
    /* Long on both sides: the clock is turned years ahead and back. */
    set_times(certificate, clock_from_civil(2015, 1, 1, 0, 0, 0), clock_from_civil(2065, 1, 1, 0, 0, 0));
    add_name(X509_get_subject_name(certificate), "C", "AT");
    add_name(X509_get_subject_name(certificate), "O", "certwright sandbox, worth nothing");
    add_name(X509_get_subject_name(certificate), "CN", name);
    X509 *above = issuer != NULL ? issuer->certificate : certificate;
    X509_set_issuer_name(certificate, X509_get_subject_name(above));
    X509_set_pubkey(certificate, key);
    bool good = add_extension(certificate, above, NID_basic_constraints, constraint) &&
                add_extension(certificate, above, NID_key_usage, "critical,keyCertSign,cRLSign") &&
                add_extension(certificate, above, NID_subject_key_identifier, "hash") &&
                add_extension(certificate, above, NID_authority_key_identifier, "keyid") &&
                X509_sign(certificate, issuer != NULL ? issuer->key : key, EVP_sha256()) > 0;
    if (!good)
        abort();
    return certificate;
}

static bool open_signer(int directory_fd, const char *file, const char *name, const char *constraint,
                        bool rsa, const struct signer *issuer, struct signer *out, struct error *err)
{
    if (load_signer(directory_fd, file, out))
        return true;
    X509_free(out->certificate);
    EVP_PKEY_free(out->key);
    out->key = new_key(rsa);
    out->certificate = make_authority(out->key, issuer, name, constraint);
    return store_signer(directory_fd, file, out, err);
}

/* The certificate of the listener: made anew at each start, by the real clock. */
static bool make_tls(struct authority *authority, int directory_fd, struct error *err)
{
    struct signer tls = {.certificate = X509_new(), .key = new_key(false)};
    X509 *above = authority->api.certificate;
    X509_set_version(tls.certificate, X509_VERSION_3);
    set_serial(tls.certificate);
    set_times(tls.certificate, clock_wire() - DAY_S, clock_wire() + 397 * DAY_S);
    add_name(X509_get_subject_name(tls.certificate), "CN", "localhost");
    X509_set_issuer_name(tls.certificate, X509_get_subject_name(above));
    X509_set_pubkey(tls.certificate, tls.key);
    if (!add_extension(tls.certificate, above, NID_basic_constraints, "critical,CA:FALSE") ||
        !add_extension(tls.certificate, above, NID_key_usage, "critical,digitalSignature") ||
        !add_extension(tls.certificate, above, NID_ext_key_usage, "serverAuth") ||
        !add_extension(tls.certificate, above, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1") ||
        !add_extension(tls.certificate, above, NID_subject_key_identifier, "hash") ||
        !add_extension(tls.certificate, above, NID_authority_key_identifier, "keyid") ||
        X509_sign(tls.certificate, authority->api.key, EVP_sha256()) <= 0)
        abort();
    bool stored = store_signer(directory_fd, "tls", &tls, err);
    X509_free(tls.certificate);
    EVP_PKEY_free(tls.key);
    return stored;
}

struct authority *authority_open(int directory_fd, const char *directory, bool rsa, struct error *err)
{
    struct authority *authority = calloc(1, sizeof *authority);
    if (authority == NULL)
        abort();
    authority->arena = arena_create();
    if (!open_signer(directory_fd, "root", "certwright sandbox root", "critical,CA:TRUE", rsa, NULL,
                     &authority->root, err) ||
        !open_signer(directory_fd, "intermediate", "certwright sandbox intermediate",
                     "critical,CA:TRUE,pathlen:0", rsa, &authority->root, &authority->intermediate, err) ||
        !open_signer(directory_fd, "api-ca", "certwright sandbox API", "critical,CA:TRUE", false, NULL,
                     &authority->api, err) ||
        !make_tls(authority, directory_fd, err)) {
        error_prefix(err, "the authority in %s", directory);
        authority_close(authority);
        return NULL;
    }
    authority->spare = new_key(false);
    authority->root_pem = certificate_pem(authority->arena, authority->root.certificate);
    authority->intermediate_pem = certificate_pem(authority->arena, authority->intermediate.certificate);
    return authority;
}

static void signer_clear(struct signer *signer)
{
    X509_free(signer->certificate);
    EVP_PKEY_free(signer->key);
}

void authority_close(struct authority *authority)
{
    if (authority == NULL)
        return;
    signer_clear(&authority->root);
    signer_clear(&authority->intermediate);
    signer_clear(&authority->api);
    EVP_PKEY_free(authority->spare);
    arena_destroy(authority->arena);
    free(authority);
}

const char *authority_intermediate(const struct authority *authority)
{
    return authority->intermediate_pem;
}

const char *authority_root(const struct authority *authority)
{
    return authority->root_pem;
}

/* ---- leaves ---------------------------------------------------------------------------------- */

static EVP_PKEY *csr_key(const char *pem)
{
    BIO *in = BIO_new_mem_buf(pem, -1);
    X509_REQ *request = PEM_read_bio_X509_REQ(in, NULL, NULL, NULL);
    EVP_PKEY *key = request != NULL ? X509_REQ_get_pubkey(request) : NULL;
    X509_REQ_free(request);
    BIO_free(in);
    return key;
}

static const char *alternative_names(const struct order *order, bool others, struct arena *arena)
{
    struct buffer text = {0};
    buffer_printf(&text, "DNS:%s%s", others ? "not-what-was-ordered." : "", order->common_name);
    for (size_t i = 0; i < order->more_names.count; i++)
        buffer_printf(&text, ",DNS:%s%s", others ? "not-what-was-ordered." : "",
                      order->more_names.items[i]);
    if (order->twin && !others) {
        bool www = text_has_prefix(order->common_name, "www.");
        const char *twin = www ? order->common_name + 4 : arena_printf(arena, "www.%s", order->common_name);
        if (!string_list_contains(&order->more_names, twin))
            buffer_printf(&text, ",DNS:%s", twin);
    }
    const char *names = arena_strdup(arena, buffer_text(&text));
    buffer_release(&text);
    return names;
}

static const char *member(const cJSON *object, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(value) ? value->valuestring : "";
}

/* Subject of OV and EV from the vetted organisation, never from the CSR. */
static void add_subject(X509 *certificate, const struct order *order, bool others)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    cJSON *organization = order->product->level != LEVEL_DV ? cJSON_Parse(order->organization) : NULL;
    const cJSON *address = cJSON_GetObjectItemCaseSensitive(organization, "OrganizationAddress");
    if (organization != NULL) {
        add_name(subject, "C", member(address, "Country"));
        add_name(subject, "ST", member(address, "Region"));
        add_name(subject, "L", member(address, "City"));
        if (order->product->level == LEVEL_EV) {
            add_name(subject, "businessCategory", "Private Organization");
            add_name(subject, "jurisdictionC", member(organization, "JurisdictionCountry"));
            add_name(subject, "serialNumber", member(organization, "RegistrationNumber"));
        }
        add_name(subject, "O", member(organization, "OrganizationName"));
    }
    cJSON_Delete(organization);
    if (strlen(order->common_name) <= 64) /* the upper bound of a common name (RFC 5280, appendix A) */
        add_name(subject, "CN", others ? "not-what-was-ordered.example" : order->common_name);
}

static bool build_leaf(const struct authority *authority, const struct order *order, EVP_PKEY *key,
                       enum leaf_fault fault, struct arena *arena, X509 *leaf)
{
    static const char *const policies[] = {
        [LEVEL_DV] = "2.23.140.1.2.1", [LEVEL_OV] = "2.23.140.1.2.2", [LEVEL_EV] = "2.23.140.1.1"};
    X509 *above = fault == LEAF_SELF_SIGNED ? leaf : authority->intermediate.certificate;
    bool rsa = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
    X509_set_version(leaf, X509_VERSION_3);
    add_subject(leaf, order, fault == LEAF_OTHER_NAMES);
    X509_set_issuer_name(leaf, X509_get_subject_name(above));
    X509_set_pubkey(leaf, key);
    const char *names = alternative_names(order, fault == LEAF_OTHER_NAMES, arena);
    return add_extension(leaf, above, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(leaf, above, NID_key_usage,
                         rsa ? "critical,digitalSignature,keyEncipherment" : "critical,digitalSignature") &&
           add_extension(leaf, above, NID_ext_key_usage,
                         fault == LEAF_CLIENT_ONLY ? "clientAuth" : "serverAuth") &&
           add_extension(leaf, above, NID_subject_key_identifier, "hash") &&
           add_extension(leaf, above, NID_authority_key_identifier, "keyid") &&
           add_policy(leaf, policies[order->product->level]) &&
           add_extension(leaf, above, NID_subject_alt_name, names);
}

static const char *serial_hex(struct arena *arena, X509 *leaf)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(leaf), NULL);
    char *hex = BN_bn2hex(number);
    const char *text = arena_strdup(arena, hex);
    OPENSSL_free(hex);
    BN_free(number);
    return text;
}

bool authority_issue(struct authority *authority, const struct order *order, int64_t start,
                     enum leaf_fault fault, struct arena *arena, struct leaf *out, struct error *err)
{
    EVP_PKEY *key = fault == LEAF_OTHER_KEY || fault == LEAF_SELF_SIGNED ? authority->spare
                                                                         : csr_key(order->csr_pem);
    if (key == NULL)
        return error_raise(err, ERROR_INTERNAL, "the CSR of order %lld cannot be read again",
                           (long long)order->id);
    X509 *leaf = X509_new();
    struct leaf made = {.not_before = start};
    made.not_after = start + (int64_t)validity_days(order->product, start) * DAY_S - 1;
    if (made.not_after > order->expires_at)
        made.not_after = order->expires_at;
    if (fault == LEAF_EXPIRED) {
        made.not_before = start - 400 * DAY_S;
        made.not_after = start - 10 * DAY_S;
    }
    set_serial(leaf);
    set_times(leaf, made.not_before, made.not_after);
    bool good = build_leaf(authority, order, key, fault, arena, leaf) &&
                X509_sign(leaf, fault == LEAF_SELF_SIGNED ? key : authority->intermediate.key,
                          EVP_sha256()) > 0;
    if (good) {
        made.pem = certificate_pem(arena, leaf);
        made.serial = serial_hex(arena, leaf);
        *out = made;
    }
    X509_free(leaf);
    if (key != authority->spare)
        EVP_PKEY_free(key);
    ERR_clear_error();
    return good || error_raise(err, ERROR_INTERNAL, "order %lld cannot be signed", (long long)order->id);
}

const char *authority_old_csr(struct authority *authority, const char *name, struct arena *arena)
{
    X509_REQ *request = X509_REQ_new();
    add_name(X509_REQ_get_subject_name(request), "CN", name);
    X509_REQ_set_pubkey(request, authority->spare);
    BIO *out = BIO_new(BIO_s_mem());
    if (X509_REQ_sign(request, authority->spare, EVP_sha256()) <= 0 ||
        PEM_write_bio_X509_REQ(out, request) != 1)
        abort();
    X509_REQ_free(request);
    return bio_text(arena, out);
}

static X509 *pem_certificate(const char *pem)
{
    BIO *in = BIO_new_mem_buf(pem, -1);
    X509 *certificate = PEM_read_bio_X509(in, NULL, NULL, NULL);
    BIO_free(in);
    return certificate;
}

const char *authority_pkcs7(const struct authority *authority, const char *leaf_pem, struct arena *arena)
{
    PKCS7 *bundle = PKCS7_new();
    PKCS7_set_type(bundle, NID_pkcs7_signed);
    PKCS7_content_new(bundle, NID_pkcs7_data);
    X509 *leaf = pem_certificate(leaf_pem);
    PKCS7_add_certificate(bundle, leaf);
    PKCS7_add_certificate(bundle, authority->intermediate.certificate);
    X509_free(leaf);
    BIO *out = BIO_new(BIO_s_mem());
    if (PEM_write_bio_PKCS7(out, bundle) != 1)
        abort();
    PKCS7_free(bundle);
    return bio_text(arena, out);
}
