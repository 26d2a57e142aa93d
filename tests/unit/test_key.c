#include "base/key.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/secret.h"
#include "check.h"
#include "make_x509.h"

static struct arena *arena;

static struct secret *secret_of(const char *text) { return secret_create(text, strlen(text)); }

/* The refusal of a text, or "" when it was taken. */
static const char *refusal(const char *text)
{
    struct error err = {0};
    AUTO(secret) struct secret *pem = secret_of(text);
    AUTO(key) struct key *key = key_parse(pem, &err);
    if (key != NULL)
        return "";
    CHECK_INT(err.kind, ERROR_MANIFEST);
    return arena_strdup(arena, err.message);
}

static char *traditional(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    MUST(PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
    return bio_text(bio, arena);
}

static void each_kind_survives_the_way_through_pem(void)
{
    static const struct {
        enum key_algorithm algorithm;
        int size;
    } kinds[] = {{KEY_RSA, 2048}, {KEY_RSA, 3072}, {KEY_ECDSA, 256}, {KEY_ECDSA, 384}};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct error err = {0};
        AUTO(key) struct key *key = key_generate(kinds[i].algorithm, kinds[i].size, &err);
        CHECK_OK(key != NULL, err);
        CHECK_INT(key_algorithm(key), kinds[i].algorithm);
        CHECK_INT(key_size(key), kinds[i].size);
        AUTO(secret) struct secret *pem = key_pem(key, &err);
        CHECK_OK(pem != NULL, err);
        CHECK(text_has_prefix(secret_bytes(pem), "-----BEGIN PRIVATE KEY-----\n"));
        AUTO(key) struct key *again = key_parse(pem, &err);
        CHECK_OK(again != NULL, err);
        CHECK_TEXT(key_spki_sha256(again, arena), key_spki_sha256(key, arena));
        CHECK_INT(strlen(key_spki_sha256(key, arena)), 64);
        AUTO(secret) struct secret *twice = key_pem(again, &err);
        CHECK(secret_equal(pem, twice));
    }
}

static void rsa_4096_can_be_made(void)
{
    struct error err = {0};
    AUTO(key) struct key *key = key_generate(KEY_RSA, 4096, &err);
    CHECK_OK(key != NULL, err);
    CHECK_INT(key_size(key), 4096);
}

static void two_keys_have_two_ids(void)
{
    struct error err = {0};
    AUTO(key) struct key *a = key_generate(KEY_ECDSA, 256, &err);
    AUTO(key) struct key *b = key_generate(KEY_ECDSA, 256, &err);
    CHECK(strcmp(key_spki_sha256(a, arena), key_spki_sha256(b, arena)) != 0);
}

static void other_sizes_are_not_made(void)
{
    static const int sizes[][2] = {
        {KEY_RSA, 1024}, {KEY_RSA, 2047}, {KEY_RSA, 256}, {KEY_ECDSA, 521}, {KEY_ECDSA, 0}};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct error err = {0};
        CHECK(key_generate((enum key_algorithm)sizes[i][0], sizes[i][1], &err) == NULL);
        CHECK_INT(err.kind, ERROR_MANIFEST);
    }
}

static void the_older_pem_forms_are_read(void)
{
    EVP_PKEY *rsa = EVP_RSA_gen(2048), *ec = EVP_EC_gen("P-384");
    CHECK(strstr(traditional(rsa), "BEGIN RSA PRIVATE KEY") != NULL);
    CHECK_TEXT(refusal(traditional(rsa)), "");
    CHECK(strstr(traditional(ec), "BEGIN EC PRIVATE KEY") != NULL);
    CHECK_TEXT(refusal(traditional(ec)), "");
    /* openssl ecparam -genkey writes the parameters in front; a certificate may stand in the same file */
    char *both =
        arena_printf(arena, "-----BEGIN EC PARAMETERS-----\nBgUrgQQAIg==\n-----END EC PARAMETERS-----\n%s",
                     traditional(ec));
    CHECK_TEXT(refusal(both), "");
    struct made made = make_x509((struct recipe){.cn = "a.example.com"});
    CHECK_TEXT(refusal(arena_printf(arena, "%s%s", made_pem(&made, arena), made_key_pem(ec, arena))), "");
    unmake_x509(made);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
}

static void an_id_is_that_of_the_subject_public_key_info(void)
{
    struct error err = {0};
    EVP_PKEY *rsa = EVP_RSA_gen(2048);
    AUTO(secret) struct secret *pem = secret_of(made_key_pem(rsa, arena));
    AUTO(key) struct key *key = key_parse(pem, &err);
    CHECK_OK(key != NULL, err);
    CHECK_TEXT(key_spki_sha256(key, arena), made_key_id(rsa, arena));
    EVP_PKEY_free(rsa);
}

static void encrypted_keys_are_refused_with_the_way_out(void)
{
    EVP_PKEY *ec = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());
    MUST(PEM_write_bio_PKCS8PrivateKey(bio, ec, EVP_aes_256_cbc(), "secret", 6, NULL, NULL) == 1);
    CHECK(strstr(refusal(bio_text(bio, arena)), "is encrypted") != NULL);
    bio = BIO_new(BIO_s_mem());
    MUST(PEM_write_bio_PrivateKey_traditional(bio, ec, EVP_aes_256_cbc(), (unsigned char *)"secret", 6, NULL,
                                              NULL) == 1);
    CHECK(strstr(refusal(bio_text(bio, arena)), "openssl pkey") != NULL);
    EVP_PKEY_free(ec);
}

static void keys_that_no_issuer_signs_for_are_refused(void)
{
    static const char *const curves[] = {"secp256k1", "P-521", "P-224", "brainpoolP256r1"};
    for (size_t i = 0; i < COUNT_OF(curves); i++) {
        EVP_PKEY *key = EVP_EC_gen(curves[i]);
        CHECK(strstr(refusal(made_key_pem(key, arena)), "P-256 and P-384") != NULL);
        EVP_PKEY_free(key);
    }
    EVP_PKEY *small = EVP_RSA_gen(1024), *odd = EVP_RSA_gen(2052);
    CHECK(strstr(refusal(made_key_pem(small, arena)), "1024 bits") != NULL);
    CHECK(strstr(refusal(made_key_pem(odd, arena)), "multiple of 8") != NULL);
    EVP_PKEY_free(small);
    EVP_PKEY_free(odd);
    EVP_PKEY *modern = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    CHECK(strstr(refusal(made_key_pem(modern, arena)), "BR 6.1.5") != NULL);
    EVP_PKEY_free(modern);
    EVP_PKEY *exchange = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    CHECK(strstr(refusal(made_key_pem(exchange, arena)), "issuer") != NULL);
    EVP_PKEY_free(exchange);
}

static void a_curve_spelled_out_is_refused(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    MUST(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_EXPLICIT) ==
         1);
    CHECK(strstr(refusal(made_key_pem(key, arena)), "named_curve") != NULL);
    EVP_PKEY_free(key);
}

static void a_compressed_point_gives_the_same_id(void)
{
    struct error err = {0};
    EVP_PKEY *ec = EVP_EC_gen("P-256");
    char *id = made_key_id(ec, arena);
    MUST(EVP_PKEY_set_utf8_string_param(ec, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed") == 1);
    AUTO(secret) struct secret *pem = secret_of(made_key_pem(ec, arena));
    AUTO(key) struct key *key = key_parse(pem, &err);
    CHECK_OK(key != NULL, err);
    CHECK_TEXT(key_spki_sha256(key, arena), id);
    EVP_PKEY_free(ec);
}

static void a_key_whose_halves_differ_is_refused(void)
{
    EVP_PKEY *a = EVP_EC_gen("P-256"), *b = EVP_EC_gen("P-256");
    unsigned char *der = NULL, point[200];
    size_t length = 0;
    MUST(EVP_PKEY_get_octet_string_param(b, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &length) == 1);
    int size = i2d_PrivateKey(a, &der);
    MUST(size > 65 && length == 65);
    memcpy(der + size - 65, point, 65); /* SEC 1 ends with the public point */
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio(bio, "EC PRIVATE KEY", "", der, size);
    CHECK(*refusal(bio_text(bio, arena)) != '\0');
    OPENSSL_free(der);
    EVP_PKEY_free(a);
    EVP_PKEY_free(b);
}

static void what_is_no_key_is_named(void)
{
    struct made made = make_x509((struct recipe){.cn = "a.example.com"});
    CHECK(strstr(refusal(made_pem(&made, arena)), "is a certificate") != NULL);
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(bio, made.key);
    CHECK(strstr(refusal(bio_text(bio, arena)), "public key") != NULL);
    CHECK(strstr(refusal("hello"), "is not PEM") != NULL);
    CHECK(strstr(refusal(""), "is not PEM") != NULL);
    CHECK(*refusal("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n") != '\0');
    char *pem = made_key_pem(made.key, arena);
    CHECK(strstr(refusal(arena_printf(arena, "%s%s", pem, pem)), "more than one") != NULL);
    pem[strlen(pem) / 2] = '\0';
    CHECK(*refusal(pem) != '\0');
    unmake_x509(made);
}

static void a_refusal_never_shows_the_key(void)
{
    EVP_PKEY *key = EVP_RSA_gen(1024);
    char *pem = made_key_pem(key, arena);
    const char *words = refusal(pem);
    for (char *line = strtok(pem, "\n"); line != NULL; line = strtok(NULL, "\n"))
        CHECK(strncmp(line, "-----", 5) == 0 || strstr(words, line) == NULL);
    EVP_PKEY_free(key);
}

int main(void)
{
    arena = arena_create();
    RUN(each_kind_survives_the_way_through_pem);
    RUN(rsa_4096_can_be_made);
    RUN(two_keys_have_two_ids);
    RUN(other_sizes_are_not_made);
    RUN(the_older_pem_forms_are_read);
    RUN(an_id_is_that_of_the_subject_public_key_info);
    RUN(encrypted_keys_are_refused_with_the_way_out);
    RUN(keys_that_no_issuer_signs_for_are_refused);
    RUN(a_curve_spelled_out_is_refused);
    RUN(a_compressed_point_gives_the_same_id);
    RUN(a_key_whose_halves_differ_is_refused);
    RUN(what_is_no_key_is_named);
    RUN(a_refusal_never_shows_the_key);
    arena_destroy(arena);
    return CHECK_REPORT();
}
