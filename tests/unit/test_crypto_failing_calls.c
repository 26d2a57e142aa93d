/* Each call that our code makes of OpenSSL fails once. Whatever it is: the work is done all the same, or a typed error says that it was
 * not, or the process ends as it does without memory; nothing is lost, and nothing forged or foreign is ever taken for good. */
#include "base/csr.h"
#include "base/key.h"
#include "base/seal.h"
#include "base/secret.h"
#include "base/x509.h"

#include <sys/wait.h>

#include "base/error.h"
#include "check.h"
#include "failing_openssl.h"
#include "make_x509.h"
#include "scratch.h"

/* As on a host without the package of the world's roots, which take their time to read. */
int X509_STORE_load_file(X509_STORE *store, const char *path)
{
    (void)store, (void)path;
    return 0;
}

/* ---- lives ---- */

enum { EXIT_WELL = 0, EXIT_NEVER_HIT = 2, EXIT_WRONG = 3, EXIT_NO_MEMORY = 71 };

static struct arena *arena;
static struct error err;
static char folder[96];

#define MUST_BE(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: call %d: not so: %s (%s)\n", __FILE__, __LINE__, failing_here.call, \
                    #condition, err.message); \
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
    fail((struct failing){.which = LIBRARY_CALLS, .ours = true, .call = n});
    life();
    return well();
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
