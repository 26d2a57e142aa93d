/* A stand-in for The SSL Store, as small as can be: a thread that accepts on loopback, keeps what was asked
 * and gives the next answer of a script. It borrows nothing from the client that it is to try. */
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum fault {
    ANSWER,
    DROP,    /* read the request, close without a byte */
    RESET,   /* the same with a TCP reset */
    CUT,     /* head and half of the body, then close */
    SILENCE, /* read the request, never answer */
    GARBAGE, /* bytes that are no HTTP */
    HUGE,    /* a body larger than any limit, in chunks */
};
struct reply {
    enum fault fault;
    int status;          /* 0: 200 */
    const char *headers; /* further lines, each with \r\n; NULL: none */
    const char *body;    /* ' stands for "; %R is the correlation value of the request, %T its token */
};
enum { MAX_REPLIES = 32, MAX_PEERS = 8 };

static struct {
    pthread_t thread;
    int listener, port, stop[2];
    pthread_mutex_t lock;
    struct reply script[MAX_REPLIES];
    int length, next, connections;
    char *asked[MAX_REPLIES]; /* head and body of each request */
    int count;
} far;

/* The value of a member in a JSON text written by our client, which needs no unescaping here. */
static char *member_of(const char *text, const char *name)
{
    char key[64];
    snprintf(key, sizeof key, "\"%s\":\"", name);
    const char *at = strstr(text, key);
    if (at == NULL)
        return strdup("");
    at += strlen(key);
    return strndup(at, strcspn(at, "\""));
}

static char *fill_in(const char *body, const char *asked)
{
    char *replay = member_of(asked, "ReplayToken"), *token = member_of(asked, "AuthToken");
    char *out = malloc(strlen(body) * 2 + 4096), *to = out;
    for (const char *c = body; *c != '\0'; c++) {
        if (c[0] == '%' && (c[1] == 'R' || c[1] == 'T'))
            to = stpcpy(to, *++c == 'R' ? replay : token);
        else
            *to++ = *c == '\'' ? '"' : *c;
    }
    *to = '\0';
    free(replay);
    free(token);
    return out;
}

static void put(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, text, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        text += sent;
        length -= (size_t)sent;
    }
}

/* False: the connection is to be closed. */
static bool answer_request(int fd, const char *asked, const struct reply *reply)
{
    char head[512];
    char *body = fill_in(reply->body != NULL ? reply->body : "", asked);
    size_t length = strlen(body);
    int head_length =
        snprintf(head, sizeof head,
                 "HTTP/1.1 %d X\r\nContent-Type: application/json; charset=utf-8\r\n"
                 "Content-Length: %zu\r\n%s\r\n",
                 reply->status ? reply->status : 200, length, reply->headers ? reply->headers : "");
    bool keep = false;
    switch (reply->fault) {
    case ANSWER:
        put(fd, head, (size_t)head_length);
        put(fd, body, length);
        keep = true;
        break;
    case CUT:
        put(fd, head, (size_t)head_length);
        put(fd, body, length / 2);
        break;
    case GARBAGE:
        put(fd, "\x16\x03\x01 what?\r\n\r\n", 13);
        break;
    case SILENCE:
        keep = true;
        break;
    case RESET: {
        struct linger now = {1, 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        break;
    }
    case HUGE: {
        static char block[65536];
        memset(block, ' ', sizeof block);
        put(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 47);
        for (int i = 0; i < 64; i++) {
            put(fd, "10000\r\n", 7);
            put(fd, block, sizeof block);
            put(fd, "\r\n", 2);
        }
        break;
    }
    case DROP:
        break;
    }
    free(body);
    return keep;
}

/* Read one request whole. NULL: the peer is gone. */
static char *read_request(int fd)
{
    size_t length = 0, room = 1 << 16;
    char *text = calloc(1, room);
    for (;;) {
        char *end = strstr(text, "\r\n\r\n");
        char *line = end != NULL ? strcasestr(text, "content-length:") : NULL;
        if (end != NULL && length >= (size_t)(end + 4 - text) + (line ? strtoul(line + 15, NULL, 10) : 0))
            return text;
        ssize_t got = length + 1 < room ? recv(fd, text + length, room - length - 1, 0) : -1;
        if (got <= 0) {
            free(text);
            return NULL;
        }
        length += (size_t)got;
    }
}

static bool serve(int fd)
{
    char *asked = read_request(fd);
    if (asked == NULL)
        return false;
    pthread_mutex_lock(&far.lock);
    struct reply reply = {.fault = ANSWER, .status = 500, .body = "the script is at its end"};
    if (far.next < far.length)
        reply = far.script[far.next++];
    if (far.count < MAX_REPLIES)
        far.asked[far.count++] = strdup(asked);
    pthread_mutex_unlock(&far.lock);
    bool keep = answer_request(fd, asked, &reply);
    free(asked);
    return keep;
}

static void *stand_in(void *unused)
{
    (void)unused;
    struct pollfd polls[MAX_PEERS + 2] = {{.fd = far.stop[0], .events = POLLIN},
                                          {.fd = far.listener, .events = POLLIN}};
    nfds_t count = 2;
    while (poll(polls, count, -1) >= 0 && polls[0].revents == 0) {
        if (polls[1].revents != 0 && count < MAX_PEERS + 2) {
            polls[count++] = (struct pollfd){.fd = accept(far.listener, NULL, NULL), .events = POLLIN};
            pthread_mutex_lock(&far.lock);
            far.connections++;
            pthread_mutex_unlock(&far.lock);
        }
        for (nfds_t i = 2; i < count; i++) {
            if (polls[i].revents == 0 || serve(polls[i].fd))
                continue;
            close(polls[i].fd);
            polls[i--] = polls[--count];
        }
    }
    for (nfds_t i = 2; i < count; i++)
        close(polls[i].fd);
    return NULL;
}

static void start_stand_in(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    far.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(far.listener, (struct sockaddr *)&address, size) != 0 || listen(far.listener, 16) != 0 ||
        getsockname(far.listener, (struct sockaddr *)&address, &size) != 0 || pipe(far.stop) != 0)
        abort();
    far.port = ntohs(address.sin_port);
    pthread_mutex_init(&far.lock, NULL);
    pthread_create(&far.thread, NULL, stand_in, NULL);
}

static void forget_asked(void)
{
    pthread_mutex_lock(&far.lock);
    for (int i = 0; i < far.count; i++)
        free(far.asked[i]);
    far.count = far.connections = far.length = far.next = 0;
    pthread_mutex_unlock(&far.lock);
}

/* What it answers from now on; forgets what was asked before. */
static void script(size_t count, const struct reply *replies)
{
    forget_asked();
    pthread_mutex_lock(&far.lock);
    memcpy(far.script, replies, count * sizeof *replies);
    far.length = (int)count;
    pthread_mutex_unlock(&far.lock);
}
#define SCRIPT(...) \
    script(sizeof((struct reply[]){__VA_ARGS__}) / sizeof(struct reply), (struct reply[]){__VA_ARGS__})

#define FINE "'AuthResponse':{'isError':false,'Message':null,'ReplayToken':'%R'}"

static void stop_stand_in(void)
{
    close(far.stop[1]);
    pthread_join(far.thread, NULL);
    close(far.stop[0]);
    close(far.listener);
    forget_asked();
}
