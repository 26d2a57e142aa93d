#include "base/tls_probe.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/x509.h"
#include "check.h"
#include "tls_server.h"

static struct arena *arena;
static EVP_PKEY *old_key; /* RSA, for ciphers of former times */
static struct made old;

/* One probe of one such server. */
static bool probe(struct server *server, const char *name, int timeout_ms, struct tls_served *out,
                  struct error *err)
{
    *err = (struct error){0};
    start(server);
    bool ok = tls_probe("127.0.0.1", server->port, name, timeout_ms, arena, out, err);
    stop(server);
    return ok;
}

static void what_is_served_is_seen_whole(void)
{
    struct error err;
    struct tls_served served;
    struct x509_info info;
    struct server server = {0};
    CHECK_OK(probe(&server, "shop.example.com", 10000, &served, &err), err);
    CHECK_TEXT(served.leaf, made_pem(&shop, arena));
    CHECK_TEXT(served.chain, arena_printf(arena, "%s%s", made_pem(&issuing, arena), made_pem(&root, arena)));
    CHECK_OK(x509_parse(served.leaf, arena, &info, &err), err);
    CHECK_TEXT(served.fingerprint, info.fingerprint);
    CHECK_TEXT(server.asked_for, "shop.example.com");
}

static void the_name_chooses_the_certificate(void)
{
    struct error err;
    struct tls_served served;
    struct server server = {0};
    CHECK_OK(probe(&server, "other.example.com", 10000, &served, &err), err);
    CHECK_TEXT(served.leaf, made_pem(&other, arena));
}

static void without_a_name_none_is_sent(void)
{
    static const char *const none[] = {NULL, "", "127.0.0.1", "::1"};
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        struct error err;
        struct tls_served served;
        struct server server = {0};
        CHECK_OK(probe(&server, none[i], 10000, &served, &err), err);
        CHECK_TEXT(server.asked_for, "");
    }
}

static void old_versions_are_looked_at_too(void)
{
    static const int versions[] = {TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        struct error err;
        struct tls_served served;
        struct server server = {.max_version = versions[i], .leaf = &old};
        CHECK_OK(probe(&server, "shop.example.com", 10000, &served, &err), err);
        CHECK_TEXT(served.leaf, made_pem(&old, arena));
    }
}

static void a_server_that_wants_a_client_certificate_has_shown_its_own(void)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        struct error err;
        struct tls_served served;
        struct server server = {.max_version = versions[i], .wants_client = true};
        CHECK_OK(probe(&server, "shop.example.com", 10000, &served, &err), err);
        CHECK_TEXT(served.leaf, made_pem(&shop, arena));
    }
}

static void a_refusal_is_told_in_the_servers_words(void)
{
    struct error err;
    struct tls_served served;
    struct server server = {.knows_names_only = true};
    CHECK(!probe(&server, "unknown.example.com", 10000, &served, &err));
    CHECK_INT(err.kind, ERROR_UNREACHABLE);
    CHECK(strstr(err.message, "unrecognized name") != NULL);
}

static void what_is_no_tls_is_named(void)
{
    struct error err;
    struct tls_served served;
    struct server http = {.manner = SPEAKS_HTTP}, flooding = {.manner = FLOODS};
    CHECK(!probe(&http, "shop.example.com", 10000, &served, &err));
    CHECK_INT(err.kind, ERROR_MALFORMED);
    CHECK(!probe(&flooding, "shop.example.com", 10000, &served, &err));
    CHECK_INT(err.kind, ERROR_MALFORMED);
}

static void silence_ends_at_the_deadline(void)
{
    struct error err;
    struct tls_served served;
    struct server silent = {.manner = SAYS_NOTHING}, rude = {.manner = HANGS_UP};
    CHECK(!probe(&silent, "shop.example.com", 50, &served, &err));
    CHECK_INT(err.kind, ERROR_UNREACHABLE);
    CHECK(strstr(err.message, "in time") != NULL);
    CHECK(!probe(&rude, "shop.example.com", 10000, &served, &err));
    CHECK_INT(err.kind, ERROR_UNREACHABLE);
}

static void nobody_there_is_unreachable(void)
{
    struct error err = {0};
    struct tls_served served;
    struct server gone = {0};
    start(&gone);
    stop(&gone);
    CHECK(!tls_probe("127.0.0.1", gone.port, "shop.example.com", 10000, arena, &served, &err));
    CHECK_INT(err.kind, ERROR_UNREACHABLE);
    CHECK(!tls_probe("shop.example.com", 443, "shop.example.com", 10000, arena, &served, &err));
    CHECK_INT(err.kind, ERROR_CONFIG);
    CHECK(!tls_probe("127.0.0.1", 70000, "shop.example.com", 10000, arena, &served, &err));
    CHECK_INT(err.kind, ERROR_CONFIG);
}

int main(void)
{
    arena = arena_create();
    make_served();
    old_key = EVP_RSA_gen(2048);
    old = make_x509((struct recipe){.cn = "shop.example.com", .issuer = &issuing, .key = old_key});
    RUN(what_is_served_is_seen_whole);
    RUN(the_name_chooses_the_certificate);
    RUN(without_a_name_none_is_sent);
    RUN(old_versions_are_looked_at_too);
    RUN(a_server_that_wants_a_client_certificate_has_shown_its_own);
    RUN(a_refusal_is_told_in_the_servers_words);
    RUN(what_is_no_tls_is_named);
    RUN(silence_ends_at_the_deadline);
    RUN(nobody_there_is_unreachable);
    unmake_served();
    unmake_x509(old);
    EVP_PKEY_free(old_key);
    arena_destroy(arena);
    return CHECK_REPORT();
}
