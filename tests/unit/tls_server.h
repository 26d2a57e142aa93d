/* A far side for the probe: answers one connection in one of several manners, in a thread of its own. */
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "make_x509.h"

static struct made root, issuing, shop, other;

static void make_served(void)
{
    root = make_x509((struct recipe){.cn = "Root", .ca = true});
    issuing = make_x509((struct recipe){.cn = "Issuing CA", .ca = true, .issuer = &root});
    shop = make_x509((struct recipe){.cn = "shop.example.com", .issuer = &issuing});
    other = make_x509((struct recipe){.cn = "other.example.com", .issuer = &issuing});
}

static void unmake_served(void)
{
    struct made all[] = {root, issuing, shop, other};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        unmake_x509(all[i]);
}

enum manner { SPEAKS_TLS, SPEAKS_HTTP, SAYS_NOTHING, HANGS_UP, FLOODS };

struct server { /* answers one connection, in a thread of its own */
    enum manner manner;
    int max_version;       /* 0: the newest */
    bool wants_client;     /* and fails without */
    bool knows_names_only; /* refuses a name it does not know */
    const struct made *leaf;
    int fd, port, stop[2];
    pthread_t thread;
    char asked_for[256]; /* the name the client gave; "" none */
};

static int choose(SSL *ssl, int *alert, void *argument)
{
    struct server *server = argument;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    snprintf(server->asked_for, sizeof server->asked_for, "%s", name != NULL ? name : "");
    if (name != NULL && strcmp(name, "other.example.com") == 0) {
        SSL_use_certificate(ssl, other.certificate);
        SSL_use_PrivateKey(ssl, other.key);
    } else if (server->knows_names_only && (name == NULL || strcmp(name, "shop.example.com") != 0)) {
        *alert = SSL_AD_UNRECOGNIZED_NAME;
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *server_context(struct server *server)
{
    const struct made *leaf = server->leaf != NULL ? server->leaf : &shop;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(ctx, server->max_version);
    SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0");
    MUST(SSL_CTX_use_certificate(ctx, leaf->certificate) == 1 && SSL_CTX_use_PrivateKey(ctx, leaf->key) == 1);
    MUST(SSL_CTX_add1_chain_cert(ctx, issuing.certificate) == 1 &&
         SSL_CTX_add1_chain_cert(ctx, root.certificate) == 1);
    SSL_CTX_set_tlsext_servername_callback(ctx, choose);
    SSL_CTX_set_tlsext_servername_arg(ctx, server);
    if (server->wants_client)
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return ctx;
}

static void speak_tls(struct server *server, int fd)
{
    char byte;
    SSL_CTX *ctx = server_context(server);
    SSL *ssl = SSL_new(ctx);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1)
        SSL_read(ssl, &byte, 1); /* until the far side leaves */
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    ERR_clear_error();
}

static void flood(int fd)
{
    char record[5 + 4 + 16384] = {22, 3, 3, 0x40, 0x04, 2, 0xff, 0xff, 0xff}; /* a server hello without end */
    while (send(fd, record, sizeof record, MSG_NOSIGNAL) > 0)
        ;
}

static void *serve(void *argument)
{
    struct server *server = argument;
    sigset_t pipes; /* only here: that the probe does without is shown by surviving */
    sigemptyset(&pipes);
    sigaddset(&pipes, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipes, NULL);
    struct pollfd two[2] = {{.fd = server->fd, .events = POLLIN}, {.fd = server->stop[0], .events = POLLIN}};
    poll(two, 2, -1);
    if (two[0].revents == 0)
        return NULL;
    int fd = accept(server->fd, NULL, NULL);
    if (server->manner == SPEAKS_TLS)
        speak_tls(server, fd);
    if (server->manner == SPEAKS_HTTP) {
        static const char answer[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
        send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL);
    }
    if (server->manner == FLOODS)
        flood(fd);
    if (server->manner == SAYS_NOTHING)
        poll(two + 1, 1, -1);
    close(fd);
    return NULL;
}

static void start(struct server *server)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(bind(server->fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(server->fd, 4) == 0);
    MUST(getsockname(server->fd, (struct sockaddr *)&at, &length) == 0 && pipe(server->stop) == 0);
    server->port = ntohs(at.sin_port);
    MUST(pthread_create(&server->thread, NULL, serve, server) == 0);
}

static void stop(struct server *server)
{
    close(server->stop[1]);
    pthread_join(server->thread, NULL);
    close(server->stop[0]);
    close(server->fd);
}
