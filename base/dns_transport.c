#include "base/dns_transport.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/address.h"
#include "base/arena.h"
#include "base/dns.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

enum { HEADER = 12, OPCODE_UPDATE = 5 };

/* Waiting is by the kernel's clock, which no test turns. */
static int64_t wait_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static unsigned read16(const unsigned char *at) { return (unsigned)at[0] << 8 | at[1]; }

/* Length of the one question after the header; 0: there is none that is whole. */
static size_t question_length(const unsigned char *message, size_t length)
{
    size_t at = HEADER;
    while (at < length && message[at] != 0) {
        if (message[at] > 63)
            return 0;
        at += 1u + message[at];
    }
    return at + 5 <= length ? at + 5 - HEADER : 0;
}

bool dns_answer_fits(const unsigned char *message, size_t length, const unsigned char *answer,
                     size_t answer_length)
{
    if (length < HEADER || answer_length < HEADER)
        return false;
    unsigned opcode = message[2] >> 3 & 15, rcode = answer[3] & 15;
    if (read16(message) != read16(answer) || (answer[2] & 0x80) == 0 || (answer[2] >> 3 & 15) != opcode)
        return false;
    unsigned questions = read16(answer + 4);
    if (questions == 0) /* RFC 2136, section 3.8, lets an update's answer be bare; errors often are */
        return opcode == OPCODE_UPDATE || (rcode != 0 && rcode != 3);
    size_t size = question_length(message, length);
    if (questions != 1 || size == 0 || answer_length < HEADER + size)
        return false;
    /* Label lengths stay below 'A': case is all that is forgiven. */
    for (size_t i = HEADER; i < HEADER + size; i++) {
        if (tolower(message[i]) != tolower(answer[i]))
            return false;
    }
    return true;
}

/* False when the time is over. */
static bool wait_for(int fd, short events, int64_t deadline)
{
    for (;;) {
        int64_t left = deadline - wait_clock_ms();
        if (left <= 0)
            return false;
        struct pollfd poller = {.fd = fd, .events = events};
        int n = poll(&poller, 1, (int)left);
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
    }
}

static const char *server_words(const struct dns_address *server, char out[96])
{
    snprintf(out, 96, strchr(server->host, ':') ? "[%s]:%d" : "%s:%d", server->host, server->port);
    return out;
}

static int open_socket(const struct dns_address *server, int type, struct error *err)
{
    struct sockaddr_storage address;
    char words[96];
    if (!address_from_text(server->host, server->port, &address)) {
        error_raise(err, ERROR_CONFIG, "\"%s\" is not a numeric address", server->host);
        return -1;
    }
    int fd = socket(address.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t length = address.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                     : sizeof(struct sockaddr_in);
    /* Connected UDP too: the kernel then drops what comes from elsewhere, and tells of a closed port at
     * once. */
    if (fd < 0 || (connect(fd, (const struct sockaddr *)&address, length) != 0 && errno != EINPROGRESS)) {
        error_raise(err, ERROR_UNREACHABLE, "cannot reach the DNS server %s: %s",
                    server_words(server, words), strerror(errno));
        fd_release(&fd);
        return -1;
    }
    return fd;
}

/* One datagram out, and with two `attempts` again after half of the time; true with an answer of ours. */
static bool exchange_udp(const struct dns_address *server, const unsigned char *message, size_t length,
                         int attempts, int64_t deadline, struct buffer *answer, struct error *err)
{
    char words[96];
    unsigned char datagram[65535];
    AUTO(fd) int fd = open_socket(server, SOCK_DGRAM, err);
    if (fd < 0)
        return false;
    for (int attempt = 1; attempt <= attempts; attempt++) {
        int64_t now = wait_clock_ms();
        int64_t until = attempt < attempts ? now + (deadline - now) / 2 : deadline;
        if (send(fd, message, length, MSG_NOSIGNAL) < 0)
            break;
        while (wait_for(fd, POLLIN, until)) {
            ssize_t n = recv(fd, datagram, sizeof datagram, 0);
            if (n < 0 && (errno == EAGAIN || errno == EINTR))
                continue;
            if (n < 0)
                return error_raise(err, ERROR_UNREACHABLE, "cannot reach the DNS server %s: %s",
                                   server_words(server, words), strerror(errno));
            if (dns_answer_fits(message, length, datagram, (size_t)n)) {
                buffer_append(answer, datagram, (size_t)n);
                return true;
            }
        }
    }
    return error_raise(err, ERROR_UNREACHABLE, "the DNS server %s does not answer",
                       server_words(server, words));
}

static bool send_all(int fd, const unsigned char *data, size_t length, int64_t deadline)
{
    while (length > 0) {
        ssize_t n = send(fd, data, length, MSG_NOSIGNAL);
        if (n > 0) {
            data += n;
            length -= (size_t)n;
        } else if (errno != EAGAIN && errno != EINTR) {
            return false;
        } else if (!wait_for(fd, POLLOUT, deadline)) {
            errno = ETIMEDOUT;
            return false;
        }
    }
    return true;
}

static bool receive_all(int fd, unsigned char *data, size_t length, int64_t deadline)
{
    while (length > 0) {
        ssize_t n = recv(fd, data, length, 0);
        if (n > 0) {
            data += n;
            length -= (size_t)n;
        } else if (n == 0) {
            errno = ECONNRESET;
            return false;
        } else if (errno != EAGAIN && errno != EINTR) {
            return false;
        } else if (!wait_for(fd, POLLIN, deadline)) {
            errno = ETIMEDOUT;
            return false;
        }
    }
    return true;
}

/* Whether the connection that was begun comes about. */
static bool is_connected(int fd, const struct dns_address *server, int64_t deadline, struct error *err)
{
    char words[96];
    int failure = 0;
    socklen_t failure_size = sizeof failure;
    if (!wait_for(fd, POLLOUT, deadline))
        return error_raise(err, ERROR_UNREACHABLE, "the DNS server %s takes no TCP connection in time",
                           server_words(server, words));
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &failure_size);
    return failure == 0 || error_raise(err, ERROR_UNREACHABLE, "cannot reach the DNS server %s over TCP: %s",
                                       server_words(server, words), strerror(failure));
}

static bool exchange_tcp(int fd, const struct dns_address *server, const unsigned char *message,
                         size_t length, int64_t deadline, struct buffer *answer, struct error *err)
{
    char words[96];
    unsigned char size[2] = {(unsigned char)(length >> 8), (unsigned char)length};
    AUTO(buffer) struct buffer out = {0}; /* length and message in one segment (RFC 7766, section 8) */
    buffer_append(&out, size, 2);
    buffer_append(&out, message, length);
    if (!send_all(fd, (const unsigned char *)out.data, out.length, deadline) ||
        !receive_all(fd, size, 2, deadline))
        return error_raise(err, ERROR_UNREACHABLE, "the DNS server %s gave no answer over TCP: %s",
                           server_words(server, words), strerror(errno));
    unsigned char data[65535];
    size_t expected = read16(size);
    if (!receive_all(fd, data, expected, deadline))
        return error_raise(err, ERROR_UNREACHABLE, "the DNS server %s cut its answer: %s",
                           server_words(server, words), strerror(errno));
    if (!dns_answer_fits(message, length, data, expected))
        return error_raise(err, ERROR_MALFORMED, "the DNS server %s answered another question",
                           server_words(server, words));
    buffer_append(answer, data, expected);
    return true;
}

bool dns_exchange(const struct dns_address *server, const void *message, size_t length,
                  enum dns_transport transport, int timeout_ms, struct buffer *answer, struct error *err)
{
    int64_t half = wait_clock_ms() + timeout_ms / 2, deadline = half + timeout_ms / 2;
    bool tcp_first = transport == DNS_TCP_FIRST;
    if (length < HEADER || length > 65535)
        return error_raise(err, ERROR_INTERNAL, "a DNS message of %zu bytes", length);
    buffer_clear(answer);
    if (!tcp_first && exchange_udp(server, message, length, 2, half, answer, err) && (answer->data[2] & 2) == 0)
        return true;
    buffer_clear(answer);
    AUTO(fd) int fd = open_socket(server, SOCK_STREAM, err);
    if (fd >= 0 && is_connected(fd, server, tcp_first ? half : deadline, err))
        return exchange_tcp(fd, server, message, length, deadline, answer, err);
    /* Nothing was sent yet. Where UDP fails too, what is said is that TCP is closed. */
    return tcp_first && exchange_udp(server, message, length, 1, deadline, answer, NULL);
}

/* Split "host", "host:port", "[v6]", "[v6]:port", "v6". */
static bool split_address(const char *text, int default_port, char host[256], int *out_port,
                          struct error *err)
{
    const char *colon = strrchr(text, ':'), *end = text + strlen(text), *start = text;
    *out_port = default_port;
    if (*text == '[') {
        const char *close = strchr(text, ']');
        if (close == NULL || (close[1] != '\0' && close[1] != ':'))
            return error_raise(err, ERROR_CONFIG, "\"%s\" is no address: the bracket is not closed", text);
        start = text + 1;
        end = close;
        colon = close[1] == ':' ? close + 1 : NULL;
    } else if (colon != NULL && strchr(text, ':') != colon) {
        colon = NULL; /* a bare IPv6 address */
    } else if (colon != NULL) {
        end = colon;
    }
    if (colon != NULL) {
        char *rest;
        long port = strtol(colon + 1, &rest, 10);
        if (!isdigit((unsigned char)colon[1]) || *rest != '\0' || port < 1 || port > 65535)
            return error_raise(err, ERROR_CONFIG, "\"%s\" has no port from 1 to 65535 after the colon",
                               text);
        *out_port = (int)port;
    }
    if (end == start || end - start > 255)
        return error_raise(err, ERROR_CONFIG, "\"%s\" names no server", text);
    memcpy(host, start, (size_t)(end - start));
    host[end - start] = '\0';
    return true;
}

bool dns_parse_addresses(const char *text, int default_port, struct dns_address out[DNS_ADDRESSES_MOST], size_t *out_count,
                         struct error *err)
{
    char host[256];
    int port;
    struct sockaddr_storage address;
    struct addrinfo given = {.ai_addr = (struct sockaddr *)&address}, *found = NULL;
    if (!split_address(text, default_port, host, &port, err))
        return false;
    if (!address_from_text(host, port, &address)) {
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
        int failure = strspn(host, "0123456789.") == strlen(host) ? EAI_NONAME
                                                                  : getaddrinfo(host, NULL, &hints, &found);
        if (failure == EAI_NONAME)
            return error_raise(err, ERROR_CONFIG,
                               "the DNS server \"%s\" is neither an address nor a known name", host);
        if (failure != 0)
            return error_raise(err, ERROR_UNREACHABLE, "cannot look up the DNS server \"%s\": %s", host,
                               gai_strerror(failure));
    }
    *out_count = 0;
    for (const struct addrinfo *at = found != NULL ? found : &given; at != NULL && *out_count < DNS_ADDRESSES_MOST;
         at = at->ai_next) {
        address_to_text(at->ai_addr, out[*out_count].host);
        out[(*out_count)++].port = port;
    }
    if (found != NULL)
        freeaddrinfo(found);
    return true;
}

bool dns_parse_address(const char *text, int default_port, struct dns_address *out, struct error *err)
{
    struct dns_address all[DNS_ADDRESSES_MOST];
    size_t count;
    if (!dns_parse_addresses(text, default_port, all, &count, err))
        return false;
    *out = all[0];
    return true;
}
