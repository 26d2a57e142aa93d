/* DNS: questions to named servers, and RFC 2136 updates signed with TSIG (RFC 8945). ldns is the codec; the
 * sockets and the TSIG are ours. No caching resolver is ever trusted for a decision about propagation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct arena;
struct error;
struct secret;

enum dns_type { DNS_A = 1, DNS_NS = 2, DNS_CNAME = 5, DNS_SOA = 6, DNS_TXT = 16, DNS_AAAA = 28,
                DNS_DNSKEY = 48, DNS_CAA = 257 };

struct dns_record {
    const char *name; /* owner, lower case, no trailing dot */
    enum dns_type type;
    uint32_t ttl;
    const char *value; /* CNAME, NS: name without trailing dot; TXT: its strings joined; A, AAAA: address; SOA: the
                          first field; CAA: "flags tag value", bytes that are no text written \\DDD; DNSKEY: "" */
};

struct dns_answer {
    int rcode;          /* 0 NOERROR, 3 NXDOMAIN, … */
    bool authoritative; /* AA */
    bool authentic;     /* AD: the server says that it has checked the signatures */
    struct dns_record *answers, *authority;
    size_t answer_count, authority_count;
};

struct dns_address {
    char host[64]; /* numeric */
    int port;
};
/* "192.0.2.53", "192.0.2.53:53", "[2001:db8::1]:53", "ns.example.com:53" (resolved by the system). Fails: CONFIG,
 * UNREACHABLE. */
bool dns_parse_address(const char *text, int default_port, struct dns_address *out, struct error *err);
enum { DNS_ADDRESSES_MOST = 4 };
/* The same with every address of a name, at most so many, in the system's order. */
bool dns_parse_addresses(const char *text, int default_port, struct dns_address out[DNS_ADDRESSES_MOST], size_t *out_count,
                         struct error *err);

/* One question over UDP, over TCP when truncated. Fails: UNREACHABLE, MALFORMED (wrong id, wrong question). */
bool dns_ask(const struct dns_address *server, const char *name, enum dns_type type, bool recurse, int timeout_ms,
             struct arena *arena, struct dns_answer *out, struct error *err);

enum dns_flag {
    DNS_RECURSE = 1,
    DNS_UNCHECKED = 2, /* CD: also what does not pass the server's own check of signatures (RFC 4035, section 3.2.2) */
    DNS_TELL_AUTHENTIC = 4, /* AD: say whether it passed (RFC 6840, section 5.7) */
};
/* The same with any of these flags. */
bool dns_ask_flags(const struct dns_address *server, const char *name, enum dns_type type, unsigned flags, int timeout_ms,
                   struct arena *arena, struct dns_answer *out, struct error *err);

enum dns_tsig_algorithm { TSIG_HMAC_MD5, TSIG_HMAC_SHA1, TSIG_HMAC_SHA224, TSIG_HMAC_SHA256, TSIG_HMAC_SHA384,
                          TSIG_HMAC_SHA512 };
struct dns_tsig {
    const char *key_name;
    enum dns_tsig_algorithm algorithm;
    const struct secret *key; /* raw bytes, already base64-decoded */
};

/* The same to an authoritative server (RD=0), signed where `tsig` is not NULL: views may demand it. An answer that is
 * not well signed is not used. Fails also: CREDENTIAL (bad key, bad signature, bad time). */
bool dns_ask_signed(const struct dns_address *server, const char *name, enum dns_type type, const struct dns_tsig *tsig,
                    int timeout_ms, struct arena *arena, struct dns_answer *out, struct error *err);
/* Read a message from the wire; every foreign byte passes here. Types other than ours are left out. Fails: MALFORMED. */
bool dns_read_answer(const void *wire, size_t length, struct arena *arena, struct dns_answer *out, struct error *err);
/* Whether a name may be asked for or written: labels of letters, digits and hyphen, "_" at the front of a label, "*"
 * as the first label only; a trailing dot is fine. */
bool dns_name_usable(const char *name);
/* "NXDOMAIN", "REFUSED", …; lives for ever. */
const char *dns_rcode_name(int rcode);

enum dns_update_verb {
    DNS_UPDATE_ADD,          /* add to the set */
    DNS_UPDATE_DELETE,       /* delete this exact record */
    DNS_REQUIRE_ABSENT,      /* prerequisite: no set of this name and type (NXRRSET) */
    DNS_REQUIRE_NAME_ABSENT, /* prerequisite: name not in use (NXDOMAIN) */
    DNS_REQUIRE_PRESENT,     /* prerequisite: this exact value in the set */
};
struct dns_change {
    enum dns_update_verb verb;
    struct dns_record record;
};
/* One UPDATE message. `tsig` may be NULL. Success is NOERROR with a good signature on the answer.
 * Fails: CREDENTIAL (bad key, bad signature, bad time: the text tells which), REFUSED (refused, not
 * authoritative, wrong zone), CONFLICT (a prerequisite did not hold), UNREACHABLE, MALFORMED. `out_rcode` may be NULL. */
bool dns_update(const struct dns_address *server, const char *zone, const struct dns_change *changes, size_t count,
                const struct dns_tsig *tsig, int timeout_ms, int *out_rcode, struct error *err);
