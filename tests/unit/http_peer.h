/* A far side for tests of HTTP: one thread on a loopback port that keeps what it was sent and says what it
 * was told. */
#pragma once

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

struct http_peer {
    int listener, port;
    const char *answers[8]; /* one a request, the last again and again; NULL, "": close without a byte */
    bool keep;              /* the connection stays open after an answer */
    bool silent;            /* reads and says nothing until the other side leaves */
    bool socks_late;        /* a SOCKS5 proxy that turns the clock by an hour before it says "connected" */
    atomic_int connections, requests, bytes;
    char last[16384];
    pthread_t thread;
};

static ssize_t http_peer_read(struct http_peer *peer, int fd, size_t used)
{
    ssize_t n = recv(fd, peer->last + used, sizeof peer->last - 1 - used, 0);
    if (n > 0) {
        atomic_fetch_add(&peer->bytes, (int)n);
        peer->last[used + (size_t)n] = '\0';
    }
    return n;
}

/* A whole request, body included. */
static bool http_peer_request(struct http_peer *peer, int fd)
{
    size_t used = 0, wanted = 0;
    for (;;) {
        ssize_t n = http_peer_read(peer, fd, used);
        if (n <= 0)
            return false;
        used += (size_t)n;
        const char *end = strstr(peer->last, "\r\n\r\n"), *size = strcasestr(peer->last, "content-length:");
        if (end == NULL)
            continue;
        wanted = (size_t)(end + 4 - peer->last) +
                 (size != NULL && size < end ? strtoul(size + 15, NULL, 10) : 0);
        if (used >= wanted)
            return true;
    }
}

static void http_peer_socks(struct http_peer *peer, int fd)
{
    char request[64];
    if (recv(fd, request, sizeof request, 0) <= 0 || send(fd, "\x05\x00", 2, MSG_NOSIGNAL) != 2 ||
        recv(fd, request, sizeof request, 0) <= 0)
        return;
    clock_turn(3600);
    if (send(fd, "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", 10, MSG_NOSIGNAL) == 10 &&
        http_peer_request(peer, fd))
        atomic_fetch_add(&peer->requests, 1);
}

static void http_peer_talk(struct http_peer *peer, int fd)
{
    while (http_peer_request(peer, fd)) {
        int number = atomic_fetch_add(&peer->requests, 1);
        size_t last = 0;
        while (last + 1 < sizeof peer->answers / sizeof *peer->answers && peer->answers[last + 1] != NULL)
            last++;
        const char *answer = peer->answers[(size_t)number < last ? (size_t)number : last];
        if (peer->silent)
            continue;
        if (answer == NULL || *answer == '\0' ||
            send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0 || !peer->keep)
            return;
    }
}

struct http_peer_connection {
    struct http_peer *peer;
    int fd;
};

static void *http_peer_serve(void *arg)
{
    struct http_peer_connection connection = *(struct http_peer_connection *)arg;
    free(arg);
    if (connection.peer->socks_late)
        http_peer_socks(connection.peer, connection.fd);
    else
        http_peer_talk(connection.peer, connection.fd);
    close(connection.fd);
    return NULL;
}

static void *http_peer_run(void *arg)
{
    struct http_peer *peer = arg;
    pthread_t threads[32];
    int count = 0;
    for (int fd; count < 32 && (fd = accept(peer->listener, NULL, NULL)) >= 0; count++) {
        struct http_peer_connection *connection = malloc(sizeof *connection);
        *connection = (struct http_peer_connection){peer, fd};
        atomic_fetch_add(&peer->connections, 1);
        if (pthread_create(&threads[count], NULL, http_peer_serve, connection) != 0)
            abort();
    }
    while (count > 0)
        pthread_join(threads[--count], NULL);
    return NULL;
}

static void http_peer_start(struct http_peer *peer)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (peer->listener < 0 || bind(peer->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(peer->listener, 16) != 0 ||
        getsockname(peer->listener, (struct sockaddr *)&address, &length) != 0)
        abort();
    peer->port = ntohs(address.sin_port);
    if (pthread_create(&peer->thread, NULL, http_peer_run, peer) != 0)
        abort();
}

/* After the client let go of its connections. */
static void http_peer_stop(struct http_peer *peer)
{
    shutdown(peer->listener, SHUT_RDWR);
    pthread_join(peer->thread, NULL);
    close(peer->listener);
}
