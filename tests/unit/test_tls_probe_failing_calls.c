/* A probe whose connection is cut short at any byte, and each call that it makes failing once: it never shows what it has not
 * seen whole, and says whose fault it was. */
#include "base/tls_probe.h"

#include "base/arena.h"
#include "base/error.h"
#include "check.h"
#include "failing_openssl.h"
#include "failing_sockets.h"
#include "tls_server.h"

static struct arena *arena;
static struct server server;
static struct tls_served served;
static struct error err;

/* One probe with the call `at` of that name failing; NULL: none. */
static bool probe(const char *name, int at, int code, bool *out_hit)
{
    err = (struct error){0};
    served = (struct tls_served){0};
    server = (struct server){0};
    start(&server);
    ERR_clear_error();
    fail_at(name != NULL ? name : "none", at, code);
    bool ok = tls_probe("127.0.0.1", server.port, "shop.example.com", 10000, arena, &served, &err);
    *out_hit = well();
    stop(&server);
    return ok;
}

static void a_handshake_cut_short_anywhere_shows_nothing(void)
{
    static const ssize_t cuts[] = {0, 1, 4, 5, 6, 40, 100, 127, 128, 200, 300, 600, 900};
    bool hit;
    for (size_t i = 0; i < COUNT_OF(cuts); i++) {
        left_to_receive = cuts[i];
        bool ok = probe(NULL, 0, 0, &hit);
        left_to_receive = -1;
        CHECK(!ok && served.leaf == NULL);
        CHECK_INT(err.kind, ERROR_UNREACHABLE);
        CHECK(strstr(err.message, "during the handshake") != NULL);
    }
    for (at_most_at_once = 1; at_most_at_once <= 7;
         at_most_at_once += 6) { /* in the smallest pieces it comes whole */
        bool ok = probe(NULL, 0, 0, &hit);
        CHECK_OK(ok, err);
        CHECK_TEXT(served.leaf, made_pem(&shop, arena));
    }
    at_most_at_once = 0;
}

static void each_call_that_fails_is_borne_or_told(void)
{
    static const struct {
        const char *name;
        int at, code;
        enum error_kind kind; /* ERROR_NONE: it goes on */
        const char *says;
    } cases[] = {
        {"socket", 1, EMFILE, ERROR_SYSTEM, "cannot open a socket"},
        {"connect", 1, EHOSTUNREACH, ERROR_UNREACHABLE, "cannot connect"},
        {"getsockopt", 1, EIO, ERROR_UNREACHABLE, "cannot connect"},
        {"poll", 1, EINTR, ERROR_NONE, NULL},
        {"poll", 1, EIO, ERROR_SYSTEM, "cannot wait"},
        {"poll", 2, EINTR, ERROR_NONE, NULL},
        {"poll", 2, EIO, ERROR_SYSTEM, "cannot wait"},
        {"send", 1, EINTR, ERROR_NONE, NULL},
        {"send", 1, EAGAIN, ERROR_NONE, NULL},
        {"send", 1, EPIPE, ERROR_UNREACHABLE, "broke the connection off"},
        {"recv", 1, EINTR, ERROR_NONE, NULL},
        {"recv", 1, EAGAIN, ERROR_NONE, NULL},
        {"recv", 1, ECONNRESET, ERROR_UNREACHABLE, "broke the connection off"},
        {"SSL_CTX_new", 1, 0, ERROR_INTERNAL, "prepare"},
        {"SSL_CTX_set_cipher_list", 1, 0, ERROR_INTERNAL, "prepare"},
        {"SSL_new", 1, 0, ERROR_INTERNAL, "prepare"},
        {"BIO_new", 1, 0, ERROR_INTERNAL, "prepare"},
        {"BIO_new", 2, 0, ERROR_INTERNAL, "prepare"},
        {"SSL_get0_peer_certificate", 1, 0, ERROR_MALFORMED, "shows no certificate"},
        {"PEM_write_bio_X509", 1, 0, ERROR_INTERNAL, "write a certificate"},
        {"PEM_write_bio_X509", 2, 0, ERROR_INTERNAL, "write a certificate"},
        {"SSL_ctrl", 1, 0, ERROR_INTERNAL, "name the server"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool hit, ok = probe(cases[i].name, cases[i].at, cases[i].code, &hit);
        bool fits = cases[i].kind == ERROR_NONE
                        ? ok
                        : !ok && err.kind == cases[i].kind && strstr(err.message, cases[i].says) != NULL;
        if (!hit || !fits)
            fprintf(stderr, "%s %d: hit %d, %s %s\n", cases[i].name, cases[i].at, hit,
                    error_kind_name(err.kind), err.message);
        CHECK(fits && (hit || strcmp(cases[i].name, "getsockopt") == 0));
        CHECK((served.leaf != NULL) == ok);
        if (ok)
            CHECK_TEXT(served.leaf, made_pem(&shop, arena));
    }
}

/* Calls that OpenSSL itself makes too: whichever fails, nothing is shown; and one of them is ours. */
static void calls_that_openssl_shares_show_nothing_when_they_fail(void)
{
    static const struct {
        const char *name, *says;
        int times;
    } cases[] = {{"SSL_CTX_ctrl", "prepare", 1},
                 {"BIO_new", "write a certificate", 2},
                 {"BIO_write", "pass bytes", 1},
                 {"X509_digest", "write a certificate", 1}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int told = 0;
        bool hit = true;
        for (int at = 1; hit && at < 40; at++) {
            bool ok = probe(cases[i].name, at, 0, &hit);
            CHECK((served.leaf != NULL) == ok && (ok || err.kind != ERROR_NONE));
            told += !ok && err.kind == ERROR_INTERNAL && strstr(err.message, cases[i].says) != NULL;
        }
        CHECK(told >= cases[i].times);
    }
}

static void addresses_and_ports_are_numbers(void)
{
    static const struct {
        const char *address;
        int port;
        enum error_kind kind;
        const char *says;
    } cases[] = {
        {"127.0.0.1", 0, ERROR_CONFIG, "127.0.0.1:0"},
        {"127.0.0.1", -1, ERROR_CONFIG, "no numeric address"},
        {"::1", 65536, ERROR_CONFIG, "[::1]:65536"},
        {"", 443, ERROR_CONFIG, "no numeric address"},
        {"1.2.3", 443, ERROR_CONFIG, "no numeric address"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CHECK(!tls_probe(cases[i].address, cases[i].port, NULL, 1000, arena, &served, &err));
        CHECK_INT(err.kind, cases[i].kind);
        CHECK(strstr(err.message, cases[i].says) != NULL);
    }
    /* no time at all is a deadline that is over */
    server = (struct server){.manner = SAYS_NOTHING};
    start(&server);
    bool ok = tls_probe("127.0.0.1", server.port, NULL, 0, arena, &served, &err);
    stop(&server);
    CHECK(!ok && err.kind == ERROR_UNREACHABLE && strstr(err.message, "in time") != NULL);
}

int main(void)
{
    arena = arena_create();
    make_served();
    RUN(a_handshake_cut_short_anywhere_shows_nothing);
    RUN(each_call_that_fails_is_borne_or_told);
    RUN(calls_that_openssl_shares_show_nothing_when_they_fail);
    RUN(addresses_and_ports_are_numbers);
    unmake_served();
    arena_destroy(arena);
    return CHECK_REPORT();
}
