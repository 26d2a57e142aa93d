/* A DNS server that answers in odd ways: one loopback port, UDP and TCP. */
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/dns.h"

/* A server on one loopback port, UDP and TCP. What it does with a question is `answer`'s to say. */
struct peer {
    int udp, tcp, port;
    atomic_int stop, asked_udp, asked_tcp;
    /* Gives the length of the answer in `out`; 0: silence. */
    size_t (*answer)(const unsigned char *question, size_t length, bool tcp, unsigned char *out);
    void (*prepare)(struct peer *); /* before it serves; NULL: nothing */
    pthread_t thread;
};

static void serve_tcp(struct peer *peer)
{
    unsigned char question[4096], answer[4098];
    int fd = accept(peer->tcp, NULL, NULL);
    if (fd < 0)
        return;
    if (recv(fd, question, 2, MSG_WAITALL) == 2) {
        size_t length = (size_t)question[0] << 8 | question[1];
        if (length <= sizeof question && recv(fd, question, length, MSG_WAITALL) == (ssize_t)length) {
            atomic_fetch_add(&peer->asked_tcp, 1);
            size_t n = peer->answer(question, length, true, answer + 2);
            answer[0] = (unsigned char)(n >> 8);
            answer[1] = (unsigned char)n;
            if (n > 0 && send(fd, answer, n + 2, MSG_NOSIGNAL) < 0)
                perror("send");
        }
    }
    close(fd);
}

static void *serve(void *arg)
{
    struct peer *peer = arg;
    unsigned char question[4096], answer[4096];
    while (!peer->stop) {
        struct pollfd pollers[] = {{.fd = peer->udp, .events = POLLIN},
                                   {.fd = peer->tcp, .events = POLLIN}};
        if (poll(pollers, 2, 20) <= 0)
            continue;
        if (pollers[0].revents & POLLIN) {
            struct sockaddr_in from;
            socklen_t size = sizeof from;
            ssize_t n = recvfrom(peer->udp, question, sizeof question, 0, (struct sockaddr *)&from, &size);
            atomic_fetch_add(&peer->asked_udp, 1);
            size_t length = n > 0 ? peer->answer(question, (size_t)n, false, answer) : 0;
            if (length > 0)
                sendto(peer->udp, answer, length, 0, (struct sockaddr *)&from, size);
        }
        if (pollers[1].revents & POLLIN)
            serve_tcp(peer);
    }
    return NULL;
}

static struct dns_address start(struct peer *peer)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    for (int tries = 0; tries < 20; tries++) { /* the port must be free for both */
        address.sin_port = 0;
        peer->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        peer->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (bind(peer->udp, (struct sockaddr *)&address, sizeof address) == 0 &&
            getsockname(peer->udp, (struct sockaddr *)&address, &length) == 0 &&
            bind(peer->tcp, (struct sockaddr *)&address, sizeof address) == 0 && listen(peer->tcp, 8) == 0)
            break;
        close(peer->udp);
        close(peer->tcp);
    }
    peer->port = ntohs(address.sin_port);
    if (peer->prepare != NULL)
        peer->prepare(peer);
    if (pthread_create(&peer->thread, NULL, serve, peer) != 0)
        abort();
    return (struct dns_address){"127.0.0.1", peer->port};
}

static void stop(struct peer *peer)
{
    peer->stop = 1;
    pthread_join(peer->thread, NULL);
    close(peer->udp);
    close(peer->tcp);
}

/* The head and question of an answer: QR and AA set. */
static size_t echo(const unsigned char *question, size_t length, unsigned char *out)
{
    size_t at = 12;
    while (at < length && question[at] != 0)
        at += 1u + question[at];
    at += 5;
    memcpy(out, question, at);
    out[2] = (unsigned char)(question[2] | 0x84);
    out[3] = 0;
    memset(out + 6, 0, 6);
    return at;
}

static size_t add_txt(unsigned char *out, size_t at, const char *strings, size_t length)
{
    static const unsigned char head[] = {0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60};
    out[7]++;
    memcpy(out + at, head, sizeof head);
    at += sizeof head;
    out[at++] = (unsigned char)(length >> 8);
    out[at++] = (unsigned char)length;
    memcpy(out + at, strings, length);
    return at + length;
}

static size_t says_hello(const unsigned char *question, size_t length, bool tcp, unsigned char *out)
{
    (void)tcp;
    return add_txt(out, echo(question, length, out), "\3hel\2lo", 7);
}
