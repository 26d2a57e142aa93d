/* Transaction signatures over whole DNS messages (RFC 8945), with the HMACs of OpenSSL: signing a request,
 * and judging the signature on its answer. Knows nothing of what the messages say. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/dns.h"

struct buffer;
struct error;

enum { TSIG_FUDGE_S = 300, TSIG_MAC_MAX = 64 };
enum { TSIG_BADSIG = 16, TSIG_BADKEY = 17, TSIG_BADTIME = 18, TSIG_BADTRUNC = 22 };

struct tsig_mac {
    unsigned char bytes[TSIG_MAC_MAX];
    size_t length;
};

/* What the last record of an answer says. */
struct tsig_verdict {
    bool present;      /* there is a TSIG record of our key and algorithm */
    bool verified;     /* its MAC is right, over the answer and our request's MAC, and the time fits */
    int error;         /* TSIG error field; 0: none */
    int64_t signed_at; /* time signed; with BADTIME the server's own clock, if it told */
};

/* Append a TSIG record to a message without one and raise ARCOUNT. Fails: INTERNAL. */
bool tsig_sign(struct buffer *message, const struct dns_tsig *key, int64_t now, struct tsig_mac *out_mac,
               struct error *err);
/* Fails: MALFORMED when the answer cannot be walked, or its TSIG record is of another key or in the wrong
 * place. */
bool tsig_verify(const unsigned char *answer, size_t length, const struct dns_tsig *key,
                 const struct tsig_mac *request_mac, int64_t now, struct tsig_verdict *out,
                 struct error *err);
/* Whether the records can be walked, and none but the last one is a TSIG (RFC 8945, section 5.2). */
bool tsig_in_place(const unsigned char *message, size_t length);
/* The name on the wire without its final dot: "hmac-sha256". */
const char *tsig_algorithm_name(enum dns_tsig_algorithm algorithm);
