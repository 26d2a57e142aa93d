/* Carries one DNS message to a server and its answer back: UDP (RFC 1035, section 4.2.1) or TCP (RFC 7766).
 * Knows of a message only its header and question, which is what tells an answer from a stray. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct buffer;
struct dns_address;
struct error;

enum dns_transport {
    DNS_UDP_FIRST, /* TCP when the answer was cut, or when UDP stays silent for half of the time */
    DNS_TCP_FIRST, /* for an update, sent once: UDP when no TCP connection comes about in half of the time */
};

/* Blocks for at most `timeout_ms`. Only an answer with the message's id, opcode and question is taken.
 * Fails: UNREACHABLE, MALFORMED (another's answer over TCP). */
bool dns_exchange(const struct dns_address *server, const void *message, size_t length,
                  enum dns_transport transport, int timeout_ms, struct buffer *answer, struct error *err);

/* Whether `answer` belongs to `message`. */
bool dns_answer_fits(const unsigned char *message, size_t length, const unsigned char *answer,
                     size_t answer_length);
