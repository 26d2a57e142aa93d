#include "base/tls_probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "base/key_internal.h"

/* A handshake with the largest chain that OpenSSL takes stays far below. */
enum { BYTES_MOST = 512 * 1024 };

static inline void ssl_ctx_release(SSL_CTX **ctx) { SSL_CTX_free(*ctx); }
static inline void ssl_release(SSL **ssl) { SSL_free(*ssl); }

struct probe {
    const char *where; /* for messages */
    int fd;
    int64_t deadline_ms; /* of the monotonic clock: a far side's pace is real, whatever tests turn */
    SSL *ssl;
    BIO *from_net, *to_net; /* owned by ssl; memory, so that sending can do without SIGPIPE */
    size_t received;
    bool asked_for_client; /* the server asked for a certificate of ours: it had proven its own before */
};

static int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool wait_for(const struct probe *probe, short events, struct error *err)
{
    struct pollfd one = {.fd = probe->fd, .events = events};
    for (;;) {
        int64_t left = probe->deadline_ms - monotonic_ms();
        int ready = left > 0 ? poll(&one, 1, (int)left) : 0;
        if (ready > 0)
            return true;
        if (ready == 0)
            return error_raise(err, ERROR_UNREACHABLE, "%s did not answer in time", probe->where);
        if (errno != EINTR)
            return error_raise(err, ERROR_SYSTEM, "cannot wait for %s: %m", probe->where);
    }
}

static bool socket_address(const char *address, int port, struct sockaddr_storage *out, socklen_t *out_length)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};

    if (port <= 0 || port > 65535)
        return false;
    if (inet_pton(AF_INET, address, &v4.sin_addr) == 1) {
        memcpy(out, &v4, sizeof v4);
        *out_length = sizeof v4;
        return true;
    }
    if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1) {
        memcpy(out, &v6, sizeof v6);
        *out_length = sizeof v6;
        return true;
    }
    return false;
}

static bool connect_within(struct probe *probe, const char *address, int port, struct error *err)
{
    struct sockaddr_storage to = {0};
    socklen_t length = 0, fault_length = sizeof(int);
    int fault = 0;

    if (!socket_address(address, port, &to, &length))
        return error_raise(err, ERROR_CONFIG, "%s is no numeric address and port to probe", probe->where);
    probe->fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (probe->fd < 0)
        return error_raise(err, ERROR_SYSTEM, "cannot open a socket: %m");
    if (connect(probe->fd, (struct sockaddr *)&to, length) == 0)
        return true;
    if (errno != EINPROGRESS && errno != EINTR)
        return error_raise(err, ERROR_UNREACHABLE, "cannot connect to %s: %m", probe->where);
    if (!wait_for(probe, POLLOUT, err))
        return false;
    if (getsockopt(probe->fd, SOL_SOCKET, SO_ERROR, &fault, &fault_length) != 0)
        fault = errno;
    errno = fault;
    return fault == 0 || error_raise(err, ERROR_UNREACHABLE, "cannot connect to %s: %m", probe->where);
}

static bool send_pending(struct probe *probe, struct error *err)
{
    char *data = NULL;
    size_t length = (size_t)BIO_get_mem_data(probe->to_net, &data), sent = 0;

    while (sent < length) {
        ssize_t got = send(probe->fd, data + sent, length - sent, MSG_NOSIGNAL);
        if (got >= 0)
            sent += (size_t)got;
        else if (errno == EAGAIN) {
            if (!wait_for(probe, POLLOUT, err))
                return false;
        } else if (errno != EINTR)
            return error_raise(err, ERROR_UNREACHABLE, "%s broke the connection off: %m", probe->where);
    }
    (void)BIO_reset(probe->to_net);
    return true;
}

static bool receive_some(struct probe *probe, struct error *err)
{
    char chunk[8192];
    ssize_t got;

    do {
        if (!wait_for(probe, POLLIN, err))
            return false;
        got = recv(probe->fd, chunk, sizeof chunk, 0);
    } while (got < 0 && (errno == EINTR || errno == EAGAIN));
    if (got < 0)
        return error_raise(err, ERROR_UNREACHABLE, "%s broke the connection off: %m", probe->where);
    if (got == 0)
        return error_raise(err, ERROR_UNREACHABLE, "%s closed the connection during the handshake",
                           probe->where);
    probe->received += (size_t)got;
    if (probe->received > BYTES_MOST)
        return error_raise(err, ERROR_MALFORMED, "%s sent more than %d bytes before the handshake was done",
                           probe->where, BYTES_MOST);
    if (BIO_write(probe->from_net, chunk, (int)got) != got)
        return error_raise(err, ERROR_INTERNAL, "cannot pass bytes to OpenSSL: %s", openssl_reason());
    return true;
}

static bool not_tls(const struct probe *probe, struct error *err)
{
    unsigned long code = ERR_peek_last_error();
    /* A reason above this offset is an alert, that is the far side's own word. */
    bool alert = ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET;
    const char *words = openssl_reason();

    if (alert)
        return error_raise(err, ERROR_UNREACHABLE, "%s refuses the handshake: %s", probe->where, words);
    return error_raise(err, ERROR_MALFORMED, "%s does not speak TLS as it should: %s", probe->where, words);
}

static bool shake_hands(struct probe *probe, struct error *err)
{
    for (;;) {
        ERR_clear_error();
        int done = SSL_connect(probe->ssl);
        int why = SSL_get_error(probe->ssl, done);
        if (done != 1 && why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
            return not_tls(probe, err);
        if (!send_pending(probe, err))
            return false;
        if (done == 1)
            return true;
        if (!receive_some(probe, err))
            return false;
    }
}

static int no_client_certificate(SSL *ssl, X509 **out, EVP_PKEY **out_key)
{
    (void)out, (void)out_key;
    ((struct probe *)SSL_get_app_data(ssl))->asked_for_client = true;
    return 0;
}

/* Old versions and weak keys are looked at too: what is served is the question, not whether it is good. */
static SSL_CTX *make_context(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL)
        return NULL;
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_options(ctx, SSL_OP_LEGACY_SERVER_CONNECT);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_client_cert_cb(ctx, no_client_certificate);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(ctx, "ALL:!aNULL:!eNULL:@SECLEVEL=0") != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

static bool prepare(struct probe *probe, SSL_CTX *ctx, const char *server_name, struct error *err)
{
    struct sockaddr_storage unused;
    socklen_t length;

    probe->ssl = SSL_new(ctx);
    probe->from_net = BIO_new(BIO_s_mem());
    probe->to_net = BIO_new(BIO_s_mem());
    if (probe->ssl == NULL || probe->from_net == NULL || probe->to_net == NULL) {
        BIO_free(probe->from_net);
        BIO_free(probe->to_net);
        return error_raise(err, ERROR_INTERNAL, "cannot prepare a handshake: %s", openssl_reason());
    }
    BIO_set_mem_eof_return(probe->from_net, -1);
    SSL_set_bio(probe->ssl, probe->from_net, probe->to_net);
    SSL_set_app_data(probe->ssl, probe);
    /* RFC 6066, section 3: an address is no server name. */
    if (!text_empty(server_name) && !socket_address(server_name, 1, &unused, &length) &&
        SSL_set_tlsext_host_name(probe->ssl, server_name) != 1)
        return error_raise(err, ERROR_INTERNAL, "cannot name the server %s: %s", server_name,
                           openssl_reason());
    return true;
}

static bool write_pem(const X509 *certificate, BIO *out)
{
    return PEM_write_bio_X509(out, (X509 *)certificate) == 1;
}

static const char *text_of(BIO *bio, struct arena *arena)
{
    char *data = NULL;
    long length = BIO_get_mem_data(bio, &data);
    return length > 0 ? arena_strndup(arena, data, (size_t)length) : "";
}

static bool take(const struct probe *probe, struct arena *arena, struct tls_served *out, struct error *err)
{
    unsigned char digest[32];
    X509 *leaf = SSL_get0_peer_certificate(probe->ssl);
    STACK_OF(X509) *sent = SSL_get_peer_cert_chain(probe->ssl); /* lent; begins with the leaf */
    AUTO(bio) BIO *leaf_text = BIO_new(BIO_s_mem());
    AUTO(bio) BIO *chain_text = BIO_new(BIO_s_mem());

    if (leaf == NULL)
        return error_raise(err, ERROR_MALFORMED, "%s shows no certificate", probe->where);
    bool ok = leaf_text != NULL && chain_text != NULL && X509_digest(leaf, EVP_sha256(), digest, NULL) == 1 &&
              write_pem(leaf, leaf_text);
    for (int i = 1; ok && i < sk_X509_num(sent); i++)
        ok = write_pem(sk_X509_value(sent, i), chain_text);
    if (!ok)
        return error_raise(err, ERROR_INTERNAL, "cannot write a certificate: %s", openssl_reason());
    *out = (struct tls_served){
        .fingerprint = text_hex(arena, digest, sizeof digest),
        .leaf = text_of(leaf_text, arena),
        .chain = text_of(chain_text, arena),
    };
    return true;
}

bool tls_probe(const char *address, int port, const char *server_name, int timeout_ms, struct arena *arena,
               struct tls_served *out, struct error *err)
{
    struct probe probe = {.fd = -1, .deadline_ms = monotonic_ms() + timeout_ms};

    probe.where = arena_printf(arena, strchr(address, ':') != NULL ? "[%s]:%d" : "%s:%d", address, port);
    ERR_clear_error();
    bool ok = connect_within(&probe, address, port, err);
    AUTO(fd) int fd = probe.fd;
    if (!ok)
        return false;
    AUTO(ssl_ctx) SSL_CTX *ctx = make_context();
    if (ctx == NULL)
        return error_raise(err, ERROR_INTERNAL, "cannot prepare a handshake: %s", openssl_reason());
    ok = prepare(&probe, ctx, server_name, err);
    AUTO(ssl) SSL *ssl = probe.ssl;
    if (!ok)
        return false;
    ok = shake_hands(&probe, err);
    /* A server that wants a certificate of ours breaks off (TLS 1.2), but after it has shown its own. */
    if (ok || probe.asked_for_client)
        ok = take(&probe, arena, out, err);
    struct error unheard;
    if (ok && SSL_shutdown(ssl) >= 0)
        send_pending(&probe, &unheard); /* a farewell, so that no server logs a broken connection */
    ERR_clear_error();
    return ok;
}
