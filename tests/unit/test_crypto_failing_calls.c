/* Each call that our code makes of OpenSSL fails once. Whatever it is: the work is done all the same, or a typed error says that it was
 * not, or the process ends as it does without memory; nothing is lost, and nothing forged or foreign is ever taken for good. */
#include "base/csr.h"
#include "base/key.h"
#include "base/seal.h"
#include "base/secret.h"
#include "base/x509.h"

#include <dlfcn.h>
#include <sys/wait.h>

#include "base/error.h"
#include "check.h"
#include "make_x509.h"
#include "scratch.h"

/* ---- the calls ---- */

static int failing_call, calls; /* failing_call 0: all work */
static bool hit;

extern char __executable_start, etext;

/* Only calls that our own code makes count: OpenSSL comes through here with its own as well. */
static bool fails(const char *from)
{
    if (failing_call == 0 || from < &__executable_start || from >= &etext || ++calls != failing_call)
        return false;
    hit = true;
    return true;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAILING(result, failure, name, parameters, ...) \
    result name parameters; \
    result name parameters { return fails(__builtin_return_address(0)) ? (failure) : NEXT(name)(__VA_ARGS__); }

typedef const unsigned char *bytes; /* a comma less in what follows */

FAILING(BIO *, NULL, BIO_new, (const BIO_METHOD *a), a)
FAILING(BIO *, NULL, BIO_new_mem_buf, (const void *a, int b), a, b)
FAILING(OPENSSL_STACK *, NULL, OPENSSL_sk_new_null, (void), )
FAILING(int, 0, OPENSSL_sk_push, (OPENSSL_STACK * a, const void *b), a, b)
FAILING(int, 0, X509_up_ref, (X509 * a), a)
FAILING(int, 0, X509_digest, (const X509 *a, const EVP_MD *b, unsigned char *c, unsigned *d), a, b, c, d)
FAILING(EVP_PKEY *, NULL, X509_get0_pubkey, (const X509 *a), a)
FAILING(char *, NULL, BN_bn2hex, (const BIGNUM *a), a)
FAILING(int, 0, ASN1_TIME_to_tm, (const ASN1_TIME *a, struct tm *b), a, b)
FAILING(int, -1, ASN1_STRING_to_UTF8, (unsigned char **a, const ASN1_STRING *b), a, b)
FAILING(int, 0, GENERAL_NAME_print, (BIO * a, GENERAL_NAME *b), a, b)
FAILING(void *, NULL, X509_get_ext_d2i, (const X509 *a, int b, int *c, int *d), a, b, c, d)
FAILING(int, 0, PEM_write_bio_X509, (BIO * a, const X509 *b), a, b)
FAILING(X509 *, NULL, PEM_read_bio_X509, (BIO * a, X509 **b, pem_password_cb *c, void *d), a, b, c, d)
FAILING(int, 0, PEM_read_bio, (BIO * a, char **b, char **c, unsigned char **d, long *e), a, b, c, d, e)
FAILING(X509_STORE *, NULL, X509_STORE_new, (void), )
/* As on a host without the package of the world's roots, which take their time to read. */
int X509_STORE_load_file(X509_STORE *store, const char *path)
{
    (void)store, (void)path;
    return 0;
}
FAILING(int, 0, X509_STORE_add_cert, (X509_STORE * a, X509 *b), a, b)
FAILING(X509_STORE_CTX *, NULL, X509_STORE_CTX_new, (void), )
FAILING(int, 0, X509_STORE_CTX_init, (X509_STORE_CTX * a, X509_STORE *b, X509 *c, STACK_OF(X509) * d), a, b, c, d)
FAILING(int, 0, X509_STORE_CTX_set_default, (X509_STORE_CTX * a, const char *b), a, b)
FAILING(int, -1, X509_verify_cert, (X509_STORE_CTX * a), a)
FAILING(int, -1, X509_verify, (X509 * a, EVP_PKEY *b), a, b)
FAILING(X509_NAME *, NULL, X509_NAME_new, (void), )
FAILING(int, 0, X509_NAME_add_entry_by_NID, (X509_NAME * a, int b, int c, bytes d, int e, int f, int g), a, b, c, d, e, f, g)
FAILING(X509_REQ *, NULL, X509_REQ_new, (void), )
FAILING(int, 0, X509_REQ_set_version, (X509_REQ * a, long b), a, b)
FAILING(int, 0, X509_REQ_set_pubkey, (X509_REQ * a, EVP_PKEY *b), a, b)
FAILING(int, 0, X509_REQ_set_subject_name, (X509_REQ * a, const X509_NAME *b), a, b)
FAILING(int, 0, X509_REQ_add_extensions, (X509_REQ * a, const STACK_OF(X509_EXTENSION) * b), a, b)
FAILING(int, 0, X509_REQ_sign, (X509_REQ * a, EVP_PKEY *b, const EVP_MD *c), a, b, c)
FAILING(int, -1, X509_REQ_verify, (X509_REQ * a, EVP_PKEY *b), a, b)
FAILING(EVP_PKEY *, NULL, X509_REQ_get0_pubkey, (X509_REQ * a), a)
FAILING(int, 0, X509V3_add1_i2d, (STACK_OF(X509_EXTENSION) * *a, int b, void *c, int d, unsigned long e), a, b, c, d, e)
FAILING(GENERAL_NAME *, NULL, GENERAL_NAME_new, (void), )
FAILING(GENERAL_NAMES *, NULL, GENERAL_NAMES_new, (void), )
FAILING(ASN1_IA5STRING *, NULL, ASN1_IA5STRING_new, (void), )
FAILING(int, 0, ASN1_STRING_set, (ASN1_STRING * a, const void *b, int c), a, b, c)
FAILING(int, 0, PEM_write_bio_X509_REQ, (BIO * a, const X509_REQ *b), a, b)
FAILING(int, 0, PEM_bytes_read_bio, (unsigned char **a, long *b, char **c, const char *d, BIO *e, pem_password_cb *f, void *g), a, b, c, d, e,
        f, g)
FAILING(int, 0, PEM_bytes_read_bio_secmem,
        (unsigned char **a, long *b, char **c, const char *d, BIO *e, pem_password_cb *f, void *g), a, b, c, d, e, f, g)
FAILING(int, 0, PEM_write_bio_PKCS8PrivateKey,
        (BIO * a, const EVP_PKEY *b, const EVP_CIPHER *c, const char *d, int e, pem_password_cb *f, void *g), a, b, c, d, e, f, g)
FAILING(int, 0, EVP_PKEY_get_group_name, (const EVP_PKEY *a, char *b, size_t c, size_t *d), a, b, c, d)
FAILING(int, 0, EVP_PKEY_get_bn_param, (const EVP_PKEY *a, const char *b, BIGNUM **c), a, b, c)
FAILING(int, 0, EVP_PKEY_set_utf8_string_param, (EVP_PKEY * a, const char *b, const char *c), a, b, c)
FAILING(EVP_MD_CTX *, NULL, EVP_MD_CTX_new, (void), )
FAILING(int, 0, EVP_DigestSignInit, (EVP_MD_CTX * a, EVP_PKEY_CTX **b, const EVP_MD *c, ENGINE *d, EVP_PKEY *e), a, b, c, d, e)
FAILING(int, 0, EVP_DigestSign, (EVP_MD_CTX * a, unsigned char *b, size_t *c, bytes d, size_t e), a, b, c, d, e)
FAILING(int, 0, EVP_DigestVerifyInit, (EVP_MD_CTX * a, EVP_PKEY_CTX **b, const EVP_MD *c, ENGINE *d, EVP_PKEY *e), a, b, c, d, e)
FAILING(int, -1, EVP_DigestVerify, (EVP_MD_CTX * a, bytes b, size_t c, bytes d, size_t e), a, b, c, d, e)
FAILING(EVP_CIPHER_CTX *, NULL, EVP_CIPHER_CTX_new, (void), )
FAILING(int, 0, EVP_CIPHER_CTX_ctrl, (EVP_CIPHER_CTX * a, int b, int c, void *d), a, b, c, d)
FAILING(int, 0, EVP_EncryptInit_ex2, (EVP_CIPHER_CTX * a, const EVP_CIPHER *b, bytes c, bytes d, const OSSL_PARAM *e), a, b, c, d, e)
FAILING(int, 0, EVP_EncryptUpdate, (EVP_CIPHER_CTX * a, unsigned char *b, int *c, bytes d, int e), a, b, c, d, e)
FAILING(int, 0, EVP_EncryptFinal_ex, (EVP_CIPHER_CTX * a, unsigned char *b, int *c), a, b, c)
FAILING(int, 0, EVP_DecryptInit_ex2, (EVP_CIPHER_CTX * a, const EVP_CIPHER *b, bytes c, bytes d, const OSSL_PARAM *e), a, b, c, d, e)
FAILING(int, 0, EVP_DecryptUpdate, (EVP_CIPHER_CTX * a, unsigned char *b, int *c, bytes d, int e), a, b, c, d, e)
FAILING(int, 0, EVP_DecryptFinal_ex, (EVP_CIPHER_CTX * a, unsigned char *b, int *c), a, b, c)

/* ---- lives ---- */

enum { EXIT_WELL = 0, EXIT_NEVER_HIT = 2, EXIT_WRONG = 3, EXIT_NO_MEMORY = 71 };

static struct arena *arena;
static struct error err;
static char folder[96];

static void well(void) { failing_call = 0; }

#define MUST_BE(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: call %d: not so: %s (%s)\n", __FILE__, __LINE__, failing_call, #condition, err.message); \
            exit(EXIT_WRONG); \
        } \
    } while (0)

/* Whether it worked; what did not says what was the matter. */
static bool told(bool ok)
{
    MUST_BE(ok || (err.kind != ERROR_NONE && err.message[0] != '\0'));
    err = (struct error){0};
    return ok;
}

static struct string_list two_names(void)
{
    struct string_list names = {0};
    string_list_push(arena, &names, "a.example.com");
    string_list_push(arena, &names, "*.example.com");
    return names;
}

static void keys_and_requests(void)
{
    AUTO(key) struct key *key = key_generate(KEY_ECDSA, 256, &err);
    if (!told(key != NULL))
        return;
    AUTO(secret) struct secret *pem = key_pem(key, &err);
    if (told(pem != NULL)) {
        AUTO(key) struct key *again = key_parse(pem, &err);
        if (told(again != NULL)) /* the same key, or none */
            MUST_BE(text_equal(key_spki_sha256(again, arena), key_spki_sha256(key, arena)));
    }
    struct csr_subject subject = {.common_name = "a.example.com", .organization = "Example Ltd", .country = "AT"};
    struct string_list names = two_names();
    char *text = csr_create(key, &subject, &names, arena, &err);
    struct csr_info info;
    if (told(text != NULL) && told(csr_parse(text, arena, &info, &err))) {
        MUST_BE(text_equal(info.spki_sha256, key_spki_sha256(key, arena)));
        MUST_BE(text_equal(info.common_name, "a.example.com") && string_list_same_set(&info.dns_names, &names));
    }
}

static struct made root, other_root, ca, leaf;
static const char *root_pem, *other_pem, *ca_pem, *leaf_pem, *leaf_id, *pkcs7, *forged_csr;

static void certificates(void)
{
    struct x509_info info;
    struct x509_bundle bundle;
    struct span texts[] = {{root_pem, strlen(root_pem)}, {pkcs7, strlen(pkcs7)}, {ca_pem, strlen(ca_pem)}};
    if (told(x509_parse(leaf_pem, arena, &info, &err)))
        MUST_BE(string_list_contains(&info.dns_names, "a.example.com") || info.dns_names.count == 0);
    if (told(x509_assemble(texts, COUNT_OF(texts), leaf_id, arena, &bundle, &err))) {
        MUST_BE(text_equal(bundle.leaf, leaf_pem));
        MUST_BE(bundle.chain_count == 0 || text_has_prefix(bundle.chain, ca_pem)); /* the root behind it does no harm */
    }
    struct string_list trusted = {.items = (const char *[]){root_pem}, .count = 1};
    struct string_list strange = {.items = (const char *[]){other_pem}, .count = 1};
    (void)told(x509_verify(leaf_pem, ca_pem, &trusted, MADE_NOW, &err));
    err = (struct error){0};
    MUST_BE(!x509_verify(leaf_pem, ca_pem, &strange, MADE_NOW, &err) && err.kind != ERROR_NONE);
    err = (struct error){0};
    MUST_BE(!x509_verify(leaf_pem, ca_pem, &trusted, MADE_NOW + 400LL * MADE_DAY, &err) && err.kind != ERROR_NONE);
    err = (struct error){0};
    struct csr_info request;
    MUST_BE(!csr_parse(forged_csr, arena, &request, &err) && err.kind != ERROR_NONE);
    err = (struct error){0};
}

static void seals(void)
{
    static const struct span about = {"row 1", 5}, plain = {"a private key", 13};
    AUTO(seal) struct seal *seal = seal_load(arena_printf(arena, "%s/sealing.key", folder), &err);
    if (!told(seal != NULL))
        return;
    struct span sealed, opened;
    if (!told(seal_close(seal, about, plain, arena, &sealed, &err)))
        return;
    AUTO(seal_opener) struct seal_opener *opener = seal_opener_create(seal);
    for (int by_opener = 0; by_opener < 2; by_opener++) {
        struct error why = {0};
        bool ok = by_opener ? seal_opener_open(opener, about, sealed, arena, &opened, &why)
                            : seal_open(seal, about, sealed, arena, &opened, &why);
        MUST_BE(ok || why.kind != ERROR_NONE);
        MUST_BE(!ok || (opened.length == plain.length && memcmp(opened.data, plain.data, plain.length) == 0));
        char *touched = arena_memdup(arena, sealed.data, sealed.length);
        touched[sealed.length - 1] ^= 1;
        ok = by_opener ? seal_opener_open(opener, about, span_of(touched, sealed.length), arena, &opened, &why)
                       : seal_open(seal, about, span_of(touched, sealed.length), arena, &opened, &why);
        MUST_BE(!ok);
    }
}

static const char *corrupted(const char *pem)
{
    char *text = arena_strdup(arena, pem);
    char *end = strstr(text, "-----END");
    end[-6] = end[-6] == 'A' ? 'B' : 'A'; /* within the signature */
    return text;
}

static void prepare(void)
{
    root = make_x509((struct recipe){.cn = "Root", .ca = true});
    other_root = make_x509((struct recipe){.cn = "Other Root", .ca = true});
    ca = make_x509((struct recipe){.cn = "CA", .issuer = &root, .ca = true});
    leaf = make_x509((struct recipe){.cn = "a.example.com", .san = "DNS:a.example.com,IP:192.0.2.1", .issuer = &ca});
    root_pem = made_pem(&root, arena);
    other_pem = made_pem(&other_root, arena);
    ca_pem = made_pem(&ca, arena);
    leaf_pem = made_pem(&leaf, arena);
    leaf_id = made_key_id(leaf.key, arena);
    pkcs7 = made_pkcs7((const struct made *const[]){&leaf, &ca}, 2, false, arena);
    AUTO(key) struct key *key = key_generate(KEY_ECDSA, 256, &err);
    struct string_list names = two_names();
    forged_csr = corrupted(csr_create(key, &(struct csr_subject){.common_name = "a.example.com"}, &names, arena, &err));
    seal_destroy(seal_make(arena_printf(arena, "%s/sealing.key", folder), &err));
}

/* The life with its n-th call failing. True: there was such a call. */
static bool live(void (*life)(void), int n)
{
    calls = 0;
    hit = false;
    failing_call = n;
    life();
    well();
    return hit;
}

/* The n-th call fails, for each n until the life has fewer. */
static void each_call_fails(void (*life)(void), int at_least)
{
    int n = 1;
    while (live(life, n))
        n++;
    CHECK(n > at_least); /* and the last one was well from beginning to end */
}

/* The same where OpenSSL's refusal may end the process: each in one of its own. */
static void each_call_fails_or_ends_the_process(void (*life)(void), int at_least)
{
    int n = 1;
    for (;; n++) {
        fflush(NULL);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0)
            _exit(live(life, n) ? EXIT_WELL : EXIT_NEVER_HIT);
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status));
        if (WEXITSTATUS(status) == EXIT_NEVER_HIT)
            break;
        if (WEXITSTATUS(status) != EXIT_NO_MEMORY && WEXITSTATUS(status) != EXIT_WELL) {
            fprintf(stderr, "call %d: exit %d\n", n, WEXITSTATUS(status));
            CHECK(!"a call that fails does no harm");
        }
    }
    CHECK(n > at_least);
}

static void keys_and_requests_survive_each_call(void) { each_call_fails(keys_and_requests, 30); }
static void certificates_survive_each_call(void) { each_call_fails(certificates, 60); }
static void seals_survive_each_call(void) { each_call_fails_or_ends_the_process(seals, 20); }

int main(void)
{
    arena = arena_create();
    scratch_folder(folder, sizeof folder);
    prepare();
    RUN(keys_and_requests_survive_each_call);
    RUN(certificates_survive_each_call);
    RUN(seals_survive_each_call);
    unmake_x509(root);
    unmake_x509(other_root);
    unmake_x509(ca);
    unmake_x509(leaf);
    arena_destroy(arena);
    return CHECK_REPORT();
}
