/* A TLS server of our own on loopback, which serves one pair of deploy_world.h. */
#pragma once

#include "deploy_world.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>

#include <openssl/ssl.h>

struct server {
    int fd, port, connections;
    SSL_CTX *tls;
    pthread_t thread;
};

static inline void *serve(void *argument)
{
    struct server *server = argument;
    for (;;) {
        int fd = accept(server->fd, NULL, NULL);
        if (fd < 0)
            return NULL;
        SSL *ssl = SSL_new(server->tls);
        SSL_set_fd(ssl, fd);
        if (SSL_accept(ssl) == 1) {
            char drop[16];
            SSL_shutdown(ssl);
            SSL_read(ssl, drop, sizeof drop);
        }
        SSL_free(ssl);
        close(fd);
        server->connections++;
    }
}

/* At this address; port 0: any that is free. The intermediate is sent `times` times. */
static inline void start_server_at(struct server *server, const char *host, int port, const struct pair *pair,
                                   const struct made *intermediate, int times)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    CHECK(inet_pton(AF_INET, host, &address.sin_addr) == 1);
    socklen_t length = sizeof address;
    *server = (struct server){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                              .tls = SSL_CTX_new(TLS_server_method())};
    CHECK(bind(server->fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(server->fd, 8) == 0);
    CHECK(getsockname(server->fd, (struct sockaddr *)&address, &length) == 0);
    server->port = ntohs(address.sin_port);
    CHECK(SSL_CTX_use_certificate(server->tls, pair->made.certificate) == 1);
    CHECK(SSL_CTX_use_PrivateKey(server->tls, pair->made.key) == 1);
    for (int i = 0; i < times; i++)
        CHECK(SSL_CTX_add1_chain_cert(server->tls, intermediate->certificate) == 1);
    CHECK(pthread_create(&server->thread, NULL, serve, server) == 0);
}

static inline void start_server(struct server *server, const struct pair *pair, const struct made *intermediate)
{
    start_server_at(server, "127.0.0.1", 0, pair, intermediate, intermediate != NULL ? 1 : 0);
}

static inline void stop_server(struct server *server)
{
    shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->fd);
    SSL_CTX_free(server->tls);
}
