/* The ways that DNS answers take through the program: the search for a zone and its delegation, updates,
 * aliases, the servers of a zone and what they show. A name server of our own gives what the input says, to
 * questions and updates alike.
 *
 * Input: a byte of choice, then answers in their order: flags (1: rcode in the low half, 0x10 AA, 0x20 TC),
 * numbers of answers and of authority records (1 each), length of the records (1), the records. When they are
 * used up: NXDOMAIN with authority. */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/dns.h"
#include "base/error.h"
#include "base/secret.h"
#include "reconcilers/dns/dns.h"
#include "reconcilers/dns/follow.h"
#include "reconcilers/dns/propagation.h"
#include "schema/dns_account.h"
#include "schema/operator.h"
#include "schema/resource.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NAME "_dnsauth.www.example.test"

static int udp_fd, tcp_fd, port;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const uint8_t *input;
static size_t left;

/* The next answer to a message; its length. */
static size_t respond(const uint8_t *message, size_t length, uint8_t *out)
{
    size_t end = 12, records = 0;
    uint8_t flags = 0x13, counts[2] = {0, 0};
    while (end < length && message[end] != 0)
        end += message[end] + 1u;
    end += 5;
    if (length < 12 || end > length)
        return 0;
    memcpy(out, message, end);
    pthread_mutex_lock(&lock);
    if (left >= 4) {
        flags = input[0];
        memcpy(counts, input + 1, 2);
        records = input[3] < left - 4 ? input[3] : left - 4;
        memcpy(out + end, input + 4, records);
        input += 4 + records;
        left -= 4 + records;
    }
    pthread_mutex_unlock(&lock);
    out[2] = (uint8_t)(0x80 | (message[2] & 0x78) | (flags & 0x10 ? 4 : 0) | (flags & 0x20 ? 2 : 0));
    out[3] = flags & 15;
    uint8_t section[8] = {0, 1, 0, counts[0], 0, counts[1], 0, 0};
    memcpy(out + 4, section, sizeof section);
    return end + records;
}

static void serve_stream(void)
{
    static uint8_t in[65537], out[66000];
    size_t have = 0, length;
    int fd = accept(tcp_fd, NULL, NULL);
    ssize_t n = 1;
    while (fd >= 0 && n > 0 && (have < 2 || have < 2u + (in[0] << 8 | in[1]))) {
        n = recv(fd, in + have, sizeof in - have, 0);
        have += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0 && n > 0 && (length = respond(in + 2, have - 2, out + 2)) > 0) {
        out[0] = (uint8_t)(length >> 8);
        out[1] = (uint8_t)length;
        (void)!send(fd, out, length + 2, MSG_NOSIGNAL);
    }
    close(fd);
}

static void *serve(void *arg)
{
    static uint8_t in[65536], out[66000];
    (void)arg;
    for (;;) {
        struct pollfd fds[] = {{udp_fd, POLLIN, 0}, {tcp_fd, POLLIN, 0}};
        struct sockaddr_in from;
        socklen_t from_size = sizeof from;
        poll(fds, 2, -1);
        if (fds[1].revents & POLLIN)
            serve_stream();
        if (!(fds[0].revents & POLLIN))
            continue;
        ssize_t n = recvfrom(udp_fd, in, sizeof in, 0, (struct sockaddr *)&from, &from_size);
        size_t length = n > 0 ? respond(in, (size_t)n, out) : 0;
        if (length > 0)
            sendto(udp_fd, out, length, 0, (struct sockaddr *)&from, from_size);
    }
    return NULL;
}

static void start(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    pthread_t thread;
    for (int tries = 0; port == 0 && tries < 100; tries++) {
        address.sin_port = 0;
        udp_fd = socket(AF_INET, SOCK_DGRAM, 0);
        tcp_fd = socket(AF_INET, SOCK_STREAM, 0);
        if (bind(udp_fd, (struct sockaddr *)&address, sizeof address) == 0 &&
            getsockname(udp_fd, (struct sockaddr *)&address, &size) == 0 &&
            bind(tcp_fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(tcp_fd, 16) == 0) {
            port = ntohs(address.sin_port);
            continue;
        }
        close(udp_fd);
        close(tcp_fd);
    }
    if (port == 0 || pthread_create(&thread, NULL, serve, NULL) != 0)
        abort();
}

static void operations(struct context *ctx, const char *server, uint8_t choice)
{
    const struct dns_provider_ops *ops = dns_provider_ops(DNS_PROVIDER_RFC2136);
    struct dns_account spec = {
        .enabled = true, .provider = DNS_PROVIDER_RFC2136, .rfc2136.nameserver = server};
    struct resource account = {.namespace_ = "default", .name = "fuzz", .dns_account = &spec};
    struct dns_challenge challenge = {"example.test", NAME, choice & 8 ? "CNAME" : "TXT",
                                      choice & 8 ? "a.b.test" : "value"};
    struct string_list values = {0};
    switch (choice % 5) {
    case 0: ops->zone_of(ctx, &account, NAME, &challenge.zone, NULL); break;
    case 1: ops->present(ctx, &account, &challenge, NULL); break;
    case 2: ops->absent(ctx, &account, &challenge, NULL); break;
    case 3: ops->list(ctx, &account, &challenge, &values, NULL); break;
    default: ops->check(ctx, &account, "example.test", NULL); break;
    }
}

/* As above, but nothing unsigned passes. */
static void signed_operations(struct context *ctx, uint8_t choice)
{
    AUTO(secret) struct secret *bytes = secret_create("12345678901234567890123456789012", 32);
    struct dns_tsig key = {.key_name = "k", .algorithm = (enum dns_tsig_algorithm)(choice % 6), .key = bytes};
    struct dns_address server = {.host = "127.0.0.1", .port = port};
    struct dns_answer answer;
    if (choice & 8)
        dns_update(&server, "example.test", NULL, 0, &key, 2000, NULL, NULL);
    else
        dns_ask_signed(&server, NAME, DNS_SOA, &key, 2000, ctx->arena, &answer, NULL);
}

static void looks(struct context *ctx, uint8_t choice)
{
    struct dns_address resolver = {.host = "127.0.0.1", .port = port};
    struct propagation_world world = {&resolver, 1, port};
    struct dns_challenge challenge = {choice & 4 ? "example.test" : NULL, NAME, choice & 8 ? "CNAME" : "TXT",
                                      "value"};
    struct propagation seen;
    const char *place;
    if (choice & 2)
        propagation_check_by(ctx, &world, &challenge, &seen, NULL);
    else
        dns_follow_by(ctx, &world, NAME, &place, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char server[32];
    if (size < 1 || size > 4096)
        return 0;
    if (port == 0)
        start();
    AUTO(arena) struct arena *arena = arena_create();
    pthread_mutex_lock(&lock);
    input = data + 1;
    left = size - 1;
    pthread_mutex_unlock(&lock);
    snprintf(server, sizeof server, "127.0.0.1:%d", port);
    struct name_pair everything = {".", server};
    struct operator_config config = {.nameservers = &everything, .nameserver_count = data[0] & 0x20 ? 0 : 1};
    string_list_push(arena, &config.allow_addresses, "127.0.0.0/8");
    struct context ctx = {.arena = arena, .config = &config};
    uint8_t choice = data[0];
    if (choice & 0x20)
        looks(&ctx, choice);
    else if (choice & 0x10)
        signed_operations(&ctx, choice);
    else
        operations(&ctx, server, choice);
    pthread_mutex_lock(&lock);
    left = 0; /* the input is not ours any more */
    pthread_mutex_unlock(&lock);
    return 0;
}
