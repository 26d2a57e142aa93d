#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

struct range {
    bool ipv6;
    int bits;
    unsigned char bytes[16];
};

/* IANA special-purpose registries (RFC 6890 and successors), and the one metadata address outside them. */
static const struct range closed_ranges[] = {
    {false, 8, {0}},
    {false, 8, {10}},
    {false, 10, {100, 64}}, /* shared by carriers (RFC 6598) */
    {false, 8, {127}},
    {false, 16, {169, 254}}, /* link-local, and most clouds' metadata */
    {false, 12, {172, 16}},
    {false, 24, {192, 0, 0}},
    {false, 16, {192, 168}},
    {false, 15, {198, 18}},          /* benchmarks (RFC 2544) */
    {false, 32, {168, 63, 129, 16}}, /* Azure's host agent */
    {false, 4, {224}},               /* multicast */
    {false, 4, {240}},
    {true, 127, {0}},                     /* :: and ::1 */
    {true, 64, {0x01, 0x00}},             /* discard (RFC 6666) */
    {true, 32, {0x20, 0x01, 0x00, 0x00}}, /* Teredo: hides an IPv4 address */
    {true, 7, {0xfc}},                    /* unique local */
    {true, 10, {0xfe, 0x80}},             /* link-local */
    {true, 10, {0xfe, 0xc0}},             /* site-local, withdrawn */
    {true, 8, {0xff}},                    /* multicast */
};

/* The bytes that count: an IPv4 address carried in ::ffff:0:0/96, 64:ff9b::/96 or 2002::/16 is that
 * address. */
static bool address_bytes(const struct sockaddr *address, bool *out_ipv6, unsigned char out[16])
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const unsigned char translated[12] = {0x00, 0x64, 0xff, 0x9b};
    memset(out, 0, 16);
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        memcpy(out, &v4.sin_addr, 4);
        *out_ipv6 = false;
        return true;
    }
    if (address->sa_family != AF_INET6)
        return false;
    struct sockaddr_in6 v6;
    memcpy(&v6, address, sizeof v6);
    const unsigned char *bytes = v6.sin6_addr.s6_addr;
    *out_ipv6 = false;
    if (memcmp(bytes, mapped, 12) == 0 || memcmp(bytes, translated, 12) == 0)
        memcpy(out, bytes + 12, 4);
    else if (bytes[0] == 0x20 && bytes[1] == 0x02)
        memcpy(out, bytes + 2, 4);
    else {
        memcpy(out, bytes, 16);
        *out_ipv6 = true;
    }
    return true;
}

static bool range_holds(const struct range *range, bool ipv6, const unsigned char bytes[16])
{
    if (range->ipv6 != ipv6)
        return false;
    int whole = range->bits / 8, rest = range->bits % 8;
    if (memcmp(range->bytes, bytes, (size_t)whole) != 0)
        return false;
    return rest == 0 || ((range->bytes[whole] ^ bytes[whole]) >> (8 - rest)) == 0;
}

static bool range_from_text(const char *text, struct range *out)
{
    char host[64];
    const char *slash = strchr(text, '/');
    size_t length = slash != NULL ? (size_t)(slash - text) : strlen(text);
    struct sockaddr_storage address;
    if (length >= sizeof host)
        return false;
    memcpy(host, text, length);
    host[length] = '\0';
    if (!address_from_text(host, 0, &address) ||
        !address_bytes((const struct sockaddr *)&address, &out->ipv6, out->bytes))
        return false;
    out->bits = out->ipv6 ? 128 : 32;
    if (slash != NULL) {
        char *end;
        long bits = strtol(slash + 1, &end, 10);
        if (end == slash + 1 || *end != '\0' || bits < 0 || bits > out->bits)
            return false;
        out->bits = (int)bits;
    }
    return true;
}

bool address_from_text(const char *host, int port, struct sockaddr_storage *out)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1)
        memcpy(out, &v4, sizeof v4);
    else if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1)
        memcpy(out, &v6, sizeof v6);
    else
        return false;
    return true;
}

void address_to_text(const struct sockaddr *address, char out[64])
{
    strcpy(out, "?");
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        inet_ntop(AF_INET, &v4.sin_addr, out, 64);
    } else if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        inet_ntop(AF_INET6, &v6.sin6_addr, out, 64);
    }
}

static uint16_t port_of(const struct sockaddr *address)
{
    struct sockaddr_in v4;
    memcpy(&v4, address, sizeof v4); /* the port lies at the same place in both families */
    return ntohs(v4.sin_port);
}

bool address_equal(const struct sockaddr *a, const struct sockaddr *b)
{
    bool a_ipv6, b_ipv6;
    unsigned char a_bytes[16], b_bytes[16];
    return address_bytes(a, &a_ipv6, a_bytes) && address_bytes(b, &b_ipv6, b_bytes) && a_ipv6 == b_ipv6 &&
           memcmp(a_bytes, b_bytes, 16) == 0 && port_of(a) == port_of(b);
}

bool address_is_public(const struct sockaddr *address)
{
    bool ipv6;
    unsigned char bytes[16];
    if (!address_bytes(address, &ipv6, bytes))
        return false;
    for (size_t i = 0; i < COUNT_OF(closed_ranges); i++) {
        if (range_holds(&closed_ranges[i], ipv6, bytes))
            return false;
    }
    return true;
}

bool address_in_ranges(const struct sockaddr *address, const struct string_list *ranges)
{
    bool ipv6;
    unsigned char bytes[16];
    if (ranges == NULL || !address_bytes(address, &ipv6, bytes))
        return false;
    for (size_t i = 0; i < ranges->count; i++) {
        struct range range;
        if (range_from_text(ranges->items[i], &range) && range_holds(&range, ipv6, bytes))
            return true;
    }
    return false;
}

bool address_has_route(const struct sockaddr *address)
{
    socklen_t length = address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                      : sizeof(struct sockaddr_in);
    int fd = socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool ok = connect(fd, address, length) == 0;
    close(fd);
    return ok;
}

bool address_check(const struct sockaddr *address, const struct string_list *allowed, struct error *err)
{
    if (address_is_public(address) || address_in_ranges(address, allowed))
        return true;
    char text[64];
    address_to_text(address, text);
    return error_raise(err, ERROR_CONFIG,
                       "%s is no public address, and nothing is sent there; if it is meant, add it to "
                       "`allowAddresses` in the operator's file",
                       text);
}
