#include "base/csr.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/key.h"
#include "base/secret.h"
#include "check.h"
#include "make_x509.h"

static struct arena *arena;

static struct string_list names_of(const char *text) { return text_split(arena, text, ','); }

static char *request_for(const struct key *key, struct csr_subject subject, const char *names)
{
    struct error err = {0};
    struct string_list list = names_of(names);
    char *pem = csr_create(key, &subject, &list, arena, &err);
    CHECK_OK(pem != NULL, err);
    return pem;
}

static const char *refusal(const char *pem)
{
    struct error err = {0};
    struct csr_info info;
    if (csr_parse(pem, arena, &info, &err))
        return "";
    CHECK_INT(err.kind, ERROR_MANIFEST);
    return arena_strdup(arena, err.message);
}

static X509_REQ *read_request(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509_REQ *request = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    BIO_free(bio);
    MUST(request != NULL);
    return request;
}

/* A request as others make them; `extension` may be NULL. */
static char *foreign_request(EVP_PKEY *key, const char *cn, const char *san, const EVP_MD *digest,
                             EVP_PKEY *signer)
{
    X509_REQ *request = X509_REQ_new();
    X509_NAME *name = X509_REQ_get_subject_name(request);
    MUST(X509_REQ_set_pubkey(request, key) == 1);
    if (cn != NULL)
        MUST(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (const unsigned char *)cn, -1,
                                        -1, 0) == 1);
    if (san != NULL) {
        X509_EXTENSION *one = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
        STACK_OF(X509_EXTENSION) *all = sk_X509_EXTENSION_new_null();
        MUST(one != NULL && sk_X509_EXTENSION_push(all, one) > 0 &&
             X509_REQ_add_extensions(request, all) == 1);
        sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
    }
    MUST(X509_REQ_sign(request, signer, digest) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    MUST(PEM_write_bio_X509_REQ(bio, request) == 1);
    X509_REQ_free(request);
    return bio_text(bio, arena);
}

static void a_request_says_what_was_put_in(void)
{
    static const struct {
        enum key_algorithm algorithm;
        int size;
        const char *word;
    } kinds[] = {{KEY_RSA, 2048, "RSA"}, {KEY_ECDSA, 256, "ECDSA"}, {KEY_ECDSA, 384, "ECDSA"}};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct error err = {0};
        struct csr_info info;
        AUTO(key) struct key *key = key_generate(kinds[i].algorithm, kinds[i].size, &err);
        char *pem = request_for(key, (struct csr_subject){.common_name = "shop.example.com"},
                                "shop.example.com,*.example.com");
        CHECK_OK(csr_parse(pem, arena, &info, &err), err);
        CHECK_TEXT(info.common_name, "shop.example.com");
        CHECK_TEXT(string_list_join(arena, &info.dns_names, " "), "shop.example.com *.example.com");
        CHECK_TEXT(info.algorithm, kinds[i].word);
        CHECK_INT(info.key_size, kinds[i].size);
        CHECK_TEXT(info.spki_sha256, key_spki_sha256(key, arena));
    }
}

static void the_subject_has_its_parts_and_never_a_unit(void)
{
    struct error err = {0};
    AUTO(key) struct key *key = key_generate(KEY_ECDSA, 256, &err);
    char *pem = request_for(key,
                            (struct csr_subject){.common_name = "shop.example.com",
                                                 .organization = "Bücher & Söhne",
                                                 .locality = "Köln",
                                                 .region = "NRW",
                                                 .country = "DE"},
                            "shop.example.com");
    X509_REQ *request = read_request(pem);
    BIO *bio = BIO_new(BIO_s_mem());
    X509_NAME_print_ex(bio, X509_REQ_get_subject_name(request), 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
    CHECK_TEXT(bio_text(bio, arena), "CN=shop.example.com,O=Bücher & Söhne,L=Köln,ST=NRW,C=DE");
    CHECK_INT(X509_REQ_get_version(request), 0);
    CHECK_INT(X509_REQ_get_signature_nid(request), NID_ecdsa_with_SHA256);
    X509_REQ_free(request);
}

static void pem_has_line_feeds_only_and_one_block(void)
{
    struct error err = {0};
    AUTO(key) struct key *key = key_generate(KEY_ECDSA, 256, &err);
    char *pem = request_for(key, (struct csr_subject){0}, "shop.example.com");
    CHECK(strchr(pem, '\r') == NULL);
    CHECK(text_has_prefix(pem, "-----BEGIN CERTIFICATE REQUEST-----\n"));
    CHECK(text_has_suffix(pem, "-----END CERTIFICATE REQUEST-----\n"));
    struct csr_info info;
    CHECK_OK(csr_parse(pem, arena, &info, &err), err);
    CHECK_TEXT(info.common_name, "");
}

static void a_part_that_is_too_long_is_named(void)
{
    struct error err = {0};
    AUTO(key) struct key *key = key_generate(KEY_ECDSA, 256, &err);
    const char *name = "a234567890123456789012345678901234567890.b23456789012345.example.com";
    struct string_list names = names_of(name);
    CHECK(csr_create(key, &(struct csr_subject){.common_name = name}, &names, arena, &err) == NULL);
    CHECK_INT(err.kind, ERROR_MANIFEST);
    CHECK(strstr(err.message, "common name") != NULL);
    CHECK(csr_create(key, &(struct csr_subject){.country = "Germany"}, &names, arena, &err) == NULL);
    CHECK(strstr(err.message, "country") != NULL);
    /* 64 characters, whatever their octets: the rules for manifests count the same (test_reference.c). */
#define SIXTEEN "üäöüäöüäüäöüäöüä"
    struct csr_subject fits = {.organization = SIXTEEN SIXTEEN SIXTEEN SIXTEEN};
    struct csr_subject does_not = {.organization = SIXTEEN SIXTEEN SIXTEEN SIXTEEN "x"};
    CHECK(csr_create(key, &fits, &names, arena, &err) != NULL);
    CHECK(csr_create(key, &does_not, &names, arena, &err) == NULL);
    CHECK(strstr(err.message, "organization") != NULL);
}

static void digests_are_those_of_the_der(void)
{
    struct error err = {0};
    struct csr_info info;
    unsigned char *der = NULL, sha256[32], md5[16];
    AUTO(key) struct key *key = key_generate(KEY_ECDSA, 256, &err);
    char *pem = request_for(key, (struct csr_subject){.common_name = "a.example.com"}, "a.example.com");
    X509_REQ *request = read_request(pem);
    int length = i2d_X509_REQ(request, &der);
    EVP_Digest(der, (size_t)length, sha256, NULL, EVP_sha256(), NULL);
    EVP_Digest(der, (size_t)length, md5, NULL, EVP_md5(), NULL);
    CHECK_OK(csr_parse(pem, arena, &info, &err), err);
    CHECK_TEXT(info.der_sha256, text_hex(arena, sha256, 32));
    CHECK_TEXT(info.der_md5, text_hex(arena, md5, 16));
    OPENSSL_free(der);
    X509_REQ_free(request);
}

static void a_brought_request_is_read_whatever_its_dress(void)
{
    struct error err = {0};
    struct csr_info info;
    EVP_PKEY *key = EVP_RSA_gen(2048);
    char *pem =
        foreign_request(key, "Shop.Example.COM",
                        "DNS:WWW.example.com,DNS:shop.example.com,DNS:www.EXAMPLE.com", EVP_sha384(), key);
    struct buffer dressed = {0};
    buffer_puts(&dressed, "Certificate Request:\r\n    Data:\r\n");
    for (char *at = strstr(pem, "-----BEGIN"); *at != '\0'; at++) { /* as older tools on Windows write it */
        if (*at == '\n')
            buffer_putc(&dressed, '\r');
        buffer_putc(&dressed, *at);
    }
    char *text = arena_strdup(arena, buffer_text(&dressed));
    buffer_release(&dressed);
    CHECK_OK(csr_parse(text, arena, &info, &err), err);
    CHECK_TEXT(info.common_name, "shop.example.com");
    CHECK_TEXT(string_list_join(arena, &info.dns_names, " "), "www.example.com shop.example.com");
    CHECK_TEXT(info.spki_sha256, made_key_id(key, arena));
    char *renamed = arena_strdup(arena, pem);
    renamed = arena_printf(
        arena, "-----BEGIN NEW CERTIFICATE REQUEST-----%.*s-----END NEW CERTIFICATE REQUEST-----\n",
        (int)(strstr(renamed + 20, "-----END") - renamed - 35), renamed + 35);
    CHECK_OK(csr_parse(renamed, arena, &info, &err), err);
    EVP_PKEY_free(key);
}

static void a_signature_by_another_key_is_refused(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
    CHECK(strstr(refusal(foreign_request(key, "a.example.com", NULL, EVP_sha256(), other)), "own key") !=
          NULL);
    CHECK(strstr(refusal(foreign_request(key, "a.example.com", NULL, EVP_sha1(), key)), "SHA-1") != NULL);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

static void a_key_that_no_issuer_signs_for_is_refused(void)
{
    EVP_PKEY *small = EVP_RSA_gen(1024), *curve = EVP_EC_gen("secp256k1");
    EVP_PKEY *modern = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    CHECK(strstr(refusal(foreign_request(small, "a.example.com", NULL, EVP_sha256(), small)), "1024") !=
          NULL);
    CHECK(strstr(refusal(foreign_request(curve, "a.example.com", NULL, EVP_sha256(), curve)), "secp256k1") !=
          NULL);
    CHECK(strstr(refusal(foreign_request(modern, "a.example.com", NULL, NULL, modern)), "ED25519") != NULL);
    EVP_PKEY_free(small);
    EVP_PKEY_free(curve);
    EVP_PKEY_free(modern);
}

static void other_things_than_host_names_are_refused(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    CHECK(strstr(refusal(foreign_request(key, NULL, "DNS:a.example.com,IP:192.0.2.1", EVP_sha256(), key)),
                 "host names"));
    CHECK(strstr(refusal(foreign_request(key, "Our shop", NULL, EVP_sha256(), key)), "no host name") != NULL);
    CHECK(strstr(refusal(foreign_request(key, NULL, "DNS:a b", EVP_sha256(), key)), "no host name") != NULL);
    EVP_PKEY_free(key);
}

static void damaged_and_foreign_texts_are_refused(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    char *pem = foreign_request(key, "a.example.com", NULL, EVP_sha256(), key);
    CHECK(strstr(refusal(""), "no request in PEM") != NULL);
    CHECK(strstr(refusal("-----BEGIN CERTIFICATE-----\n"), "no request in PEM") != NULL);
    CHECK(strstr(refusal(arena_printf(arena, "%s%s", pem, made_key_pem(key, arena))), "disclosed") != NULL);
    CHECK(strstr(refusal(arena_printf(arena, "%s%s", pem, pem)), "more than one block") != NULL);
    char *cut = arena_strdup(arena, pem);
    cut[strlen(cut) / 2] = '\0';
    CHECK(*refusal(cut) != '\0');
    char *bent = arena_strdup(arena, pem);
    char *at = bent + strlen(bent) / 2;
    at += *at == '\n';
    *at = *at == 'A' ? 'B' : 'A';
    CHECK(*refusal(bent) != '\0');
    CHECK(*refusal("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n") != '\0');
    EVP_PKEY_free(key);
}

int main(void)
{
    arena = arena_create();
    RUN(a_request_says_what_was_put_in);
    RUN(the_subject_has_its_parts_and_never_a_unit);
    RUN(pem_has_line_feeds_only_and_one_block);
    RUN(a_part_that_is_too_long_is_named);
    RUN(digests_are_those_of_the_der);
    RUN(a_brought_request_is_read_whatever_its_dress);
    RUN(a_signature_by_another_key_is_refused);
    RUN(a_key_that_no_issuer_signs_for_is_refused);
    RUN(other_things_than_host_names_are_refused);
    RUN(damaged_and_foreign_texts_are_refused);
    arena_destroy(arena);
    return CHECK_REPORT();
}
