/* Numeric addresses: which ranges they lie in, and which of them nobody but the operator may send us to
 * (reliability.md 9.6). Knows no protocol and resolves no name. */
#pragma once

#include <stdbool.h>

#include "base/text.h"

struct error;
struct sockaddr;
struct sockaddr_storage;

/* "192.0.2.1" or "2001:db8::1" (no brackets, no scope) and a port. False when it is no numeric address. */
bool address_from_text(const char *host, int port, struct sockaddr_storage *out);
/* The numeric host, as inet_ntop writes it. `out` holds 64 bytes. */
void address_to_text(const struct sockaddr *address, char out[64]);
/* Same family, host and port. */
bool address_equal(const struct sockaddr *a, const struct sockaddr *b);
/* Neither loopback, link-local, private, shared, multicast nor a cloud's metadata service; an IPv4 address
 * inside an IPv6 one is judged as itself. */
bool address_is_public(const struct sockaddr *address);
/* Whether a range ("10.0.0.0/8", "fd00::/8", a bare address) of the list holds it. A malformed range holds
 * nothing. */
bool address_in_ranges(const struct sockaddr *address, const struct string_list *ranges);
/* Whether this host has any route to it (no packet is sent). */
bool address_has_route(const struct sockaddr *address);
/* Public, or in `allowed` (may be NULL). Fails: CONFIG, naming `allowAddresses`. */
bool address_check(const struct sockaddr *address, const struct string_list *allowed, struct error *err);
