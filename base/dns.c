#include "base/dns.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <ldns/ldns.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/dns_transport.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/tsig.h"

enum { EDNS_SIZE = 1232, RECORDS_MAX = 4096 };

static inline void ldns_packet_release(ldns_pkt **packet) { ldns_pkt_free(*packet); }
static inline void ldns_name_release(ldns_rdf **name) { ldns_rdf_deep_free(*name); }
static inline void ldns_list_release(ldns_rr_list **list) { ldns_rr_list_deep_free(*list); }
static inline void ldns_wire_release(uint8_t **wire) { LDNS_FREE(*wire); }

const char *dns_rcode_name(int rcode)
{
    static const char *const names[] = {"NOERROR",  "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
                                        "YXDOMAIN", "YXRRSET", "NXRRSET",  "NOTAUTH",  "NOTZONE"};
    return rcode >= 0 && (size_t)rcode < COUNT_OF(names) ? names[rcode] : "an unknown code";
}

bool dns_name_usable(const char *name)
{
    size_t length = strlen(name), start = 0;
    if (length > 0 && name[length - 1] == '.')
        length--;
    if (length == 0 || length > 253)
        return false;
    for (size_t i = 0; i <= length; i++) {
        if (i < length && name[i] != '.') {
            unsigned char c = (unsigned char)name[i];
            bool first = i == start;
            bool star = c == '*' && i == 0 && (length == 1 || name[1] == '.');
            if (!(isascii(c) && isalnum(c)) && !(c == '-' && !first) && !(c == '_' && first) && !star)
                return false;
            continue;
        }
        if (i == start || i - start > 63)
            return false;
        start = i + 1;
    }
    return true;
}

/* From here to the wire: ldns's own readers take zone text, so names are checked first and TXT never passes
 * them. */

static bool name_to_wire(const char *name, ldns_rdf **out, struct error *err)
{
    if (!dns_name_usable(name))
        return error_raise(err, ERROR_REFUSED,
                           "\"%.80s\" is not a name that is asked for or written: letters, digits, "
                           "hyphens and leading underscores only",
                           name);
    *out = ldns_dname_new_frm_str(name);
    return *out != NULL || error_raise(err, ERROR_INTERNAL, "cannot put the name %s on the wire", name);
}

/* The record owns the field; one that it does not take is freed. */
static bool push_field(ldns_rr *rr, ldns_rdf *field)
{
    bool pushed = field != NULL && ldns_rr_push_rdf(rr, field);
    if (!pushed)
        ldns_rdf_deep_free(field);
    return pushed;
}

static bool txt_to_wire(ldns_rr *rr, const char *value)
{
    size_t left = strlen(value);
    do {
        uint8_t piece[256];
        size_t length = left > 255 ? 255 : left;
        piece[0] = (uint8_t)length;
        memcpy(piece + 1, value, length);
        ldns_rdf *rdf = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_STR, length + 1, piece);
        if (!push_field(rr, rdf))
            return false;
        value += length;
        left -= length;
    } while (left > 0);
    return true;
}

static bool value_to_wire(ldns_rr *rr, const struct dns_record *record, struct error *err)
{
    uint8_t address[16];
    ldns_rdf *rdf = NULL;
    switch (record->type) {
    case DNS_TXT:
        if (strlen(record->value) > 4096)
            return error_raise(err, ERROR_REFUSED, "the value for %s is longer than 4096 bytes",
                               record->name);
        return txt_to_wire(rr, record->value) ||
               error_raise(err, ERROR_INTERNAL, "cannot write a TXT record");
    case DNS_CNAME:
    case DNS_NS:
        if (!name_to_wire(record->value, &rdf, err))
            return false;
        break;
    case DNS_A:
    case DNS_AAAA:
        if (inet_pton(record->type == DNS_A ? AF_INET : AF_INET6, record->value, address) != 1)
            return error_raise(err, ERROR_REFUSED, "\"%.60s\" is not an address", record->value);
        rdf = record->type == DNS_A ? ldns_rdf_new_frm_data(LDNS_RDF_TYPE_A, 4, address)
                                    : ldns_rdf_new_frm_data(LDNS_RDF_TYPE_AAAA, 16, address);
        break;
    default:
        return error_raise(err, ERROR_INTERNAL, "records of type %d are not written", (int)record->type);
    }
    return push_field(rr, rdf) || error_raise(err, ERROR_INTERNAL, "cannot write a record");
}

/* Class, type and TTL that each verb has on the wire (RFC 2136, sections 2.4 and 2.5). */
static const struct verb {
    bool prerequisite, any_type, valued, timed;
    ldns_rr_class class;
} verbs[] = {
    [DNS_UPDATE_ADD] = {.valued = true, .timed = true, .class = LDNS_RR_CLASS_IN},
    [DNS_UPDATE_DELETE] = {.valued = true, .class = LDNS_RR_CLASS_NONE},
    [DNS_REQUIRE_ABSENT] = {.prerequisite = true, .class = LDNS_RR_CLASS_NONE},
    [DNS_REQUIRE_NAME_ABSENT] = {.prerequisite = true, .any_type = true, .class = LDNS_RR_CLASS_NONE},
    [DNS_REQUIRE_PRESENT] = {.prerequisite = true, .valued = true, .class = LDNS_RR_CLASS_IN},
};

static bool change_to_wire(const struct dns_change *change, ldns_rr_list *list, struct error *err)
{
    const struct verb *verb = &verbs[change->verb];
    ldns_rdf *owner = NULL;
    if (!name_to_wire(change->record.name, &owner, err))
        return false;
    ldns_rr *rr = ldns_rr_new();
    if (rr == NULL || !ldns_rr_list_push_rr(list, rr)) {
        ldns_rr_free(rr);
        ldns_rdf_deep_free(owner);
        return error_raise(err, ERROR_INTERNAL, "cannot write a record");
    }
    ldns_rr_set_owner(rr, owner);
    ldns_rr_set_type(rr, verb->any_type ? LDNS_RR_TYPE_ANY : (ldns_rr_type)change->record.type);
    ldns_rr_set_class(rr, verb->class);
    ldns_rr_set_ttl(rr, verb->timed ? change->record.ttl : 0);
    return !verb->valued || value_to_wire(rr, &change->record, err);
}

static bool packet_to_wire(ldns_pkt *packet, struct buffer *out, struct error *err)
{
    AUTO(ldns_wire) uint8_t *wire = NULL;
    size_t length = 0;
    uint16_t id;
    random_bytes(&id, sizeof id);
    ldns_pkt_set_id(packet, id);
    if (ldns_pkt2wire(&wire, packet, &length) != LDNS_STATUS_OK || length > 65000)
        return error_raise(err, ERROR_INTERNAL, "cannot put the DNS message on the wire");
    buffer_clear(out);
    buffer_append(out, wire, length);
    return true;
}

static bool build_question(const char *name, enum dns_type type, unsigned flags, bool edns,
                           struct buffer *out, struct error *err)
{
    ldns_rdf *owner = NULL;
    if (!name_to_wire(name, &owner, err))
        return false;
    uint16_t bits = (uint16_t)((flags & DNS_RECURSE ? LDNS_RD : 0) | (flags & DNS_UNCHECKED ? LDNS_CD : 0) |
                               (flags & DNS_TELL_AUTHENTIC ? LDNS_AD : 0));
    AUTO(ldns_packet)
    ldns_pkt *packet = ldns_pkt_query_new(owner, (ldns_rr_type)type, LDNS_RR_CLASS_IN, bits);
    if (packet == NULL) {
        ldns_rdf_deep_free(owner);
        return error_raise(err, ERROR_INTERNAL, "cannot build a DNS question");
    }
    if (edns)
        ldns_pkt_set_edns_udp_size(packet, EDNS_SIZE);
    return packet_to_wire(packet, out, err);
}

static bool build_update(const char *zone, const struct dns_change *changes, size_t count,
                         struct buffer *out, struct error *err)
{
    AUTO(ldns_list) ldns_rr_list *prerequisites = ldns_rr_list_new();
    AUTO(ldns_list) ldns_rr_list *updates = ldns_rr_list_new();
    ldns_rdf *name = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!change_to_wire(&changes[i], verbs[changes[i].verb].prerequisite ? prerequisites : updates,
                            err))
            return false;
    }
    if (!name_to_wire(zone, &name, err))
        return false;
    AUTO(ldns_packet) ldns_pkt *packet =
        ldns_update_pkt_new(name, LDNS_RR_CLASS_IN, prerequisites, updates, NULL);
    if (packet == NULL) {
        ldns_rdf_deep_free(name);
        return error_raise(err, ERROR_INTERNAL, "cannot build a DNS update");
    }
    return packet_to_wire(packet, out, err);
}

/* From the wire. */

/* A name as text without its final dot; bytes that are no host name's are written \DDD (RFC 1035,
 * section 5.1). */
static const char *name_from_wire(const ldns_rdf *name, bool lower, struct arena *arena)
{
    const uint8_t *data = ldns_rdf_data(name);
    size_t size = ldns_rdf_size(name), at = 0, used = 0;
    char text[LDNS_MAX_DOMAINLEN * 4 + 2];
    while (at < size && data[at] != 0) {
        size_t end = at + 1 + data[at];
        if (end > size || used + data[at] * 4u + 2 > sizeof text)
            return NULL;
        if (used > 0)
            text[used++] = '.';
        for (at++; at < end; at++) {
            unsigned char c = data[at];
            if (isascii(c) && (isalnum(c) || c == '-' || c == '_' || c == '*'))
                text[used++] = (char)(lower ? tolower(c) : c);
            else
                used += (size_t)snprintf(text + used, sizeof text - used, "\\%03u", c);
        }
    }
    return arena_strndup(arena, text, used);
}

/* Its strings joined; a NUL, which no text can hold, is written \000. */
static const char *txt_from_wire(const ldns_rr *rr, struct arena *arena)
{
    AUTO(buffer) struct buffer text = {0};
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *rdf = ldns_rr_rdf(rr, i);
        const uint8_t *data = ldns_rdf_data(rdf);
        if (ldns_rdf_size(rdf) == 0 || (size_t)data[0] + 1 != ldns_rdf_size(rdf))
            return NULL;
        for (size_t k = 1; k <= data[0]; k++) {
            if (data[k] == 0)
                buffer_puts(&text, "\\000");
            else
                buffer_putc(&text, (char)data[k]);
        }
    }
    return arena_strdup(arena, buffer_text(&text));
}

static void put_text(struct buffer *out, const uint8_t *data, size_t length, bool blank_is_odd)
{
    for (size_t i = 0; i < length; i++) {
        bool plain = data[i] > 0x20 && data[i] < 0x7F && data[i] != '\\';
        if (plain || (data[i] == ' ' && !blank_is_odd))
            buffer_putc(out, (char)data[i]);
        else
            buffer_printf(out, "\\%03u", data[i]);
    }
}

static const char *caa_from_wire(const ldns_rr *rr, struct arena *arena)
{
    /* Whatever is odd about it: a set that lacks a record says something else than the set. */
    const ldns_rdf *flags = ldns_rr_rdf(rr, 0), *tag = ldns_rr_rd_count(rr) > 1 ? ldns_rr_rdf(rr, 1) : NULL;
    const ldns_rdf *value = ldns_rr_rd_count(rr) > 2 ? ldns_rr_rdf(rr, 2) : NULL;
    AUTO(buffer) struct buffer text = {0};
    buffer_printf(&text, "%u ", ldns_rdf_size(flags) == 1 ? ldns_rdf_data(flags)[0] : 128u);
    if (tag == NULL || ldns_rdf_size(tag) < 2)
        buffer_puts(&text, "?"); /* no tag there is */
    else
        put_text(&text, ldns_rdf_data(tag) + 1, ldns_rdf_size(tag) - 1, true);
    buffer_putc(&text, ' ');
    if (value != NULL)
        put_text(&text, ldns_rdf_data(value), ldns_rdf_size(value), false);
    return arena_strdup(arena, buffer_text(&text));
}

/* NULL: not of a type we read, or not of its shape. */
static const char *value_from_wire(const ldns_rr *rr, struct arena *arena)
{
    char text[INET6_ADDRSTRLEN];
    const ldns_rdf *first = ldns_rr_rd_count(rr) > 0 ? ldns_rr_rdf(rr, 0) : NULL;
    if (first == NULL)
        return NULL;
    switch ((int)ldns_rr_get_type(rr)) {
    case DNS_A:
        return ldns_rdf_size(first) == 4
                   ? arena_strdup(arena, inet_ntop(AF_INET, ldns_rdf_data(first), text, sizeof text))
                   : NULL;
    case DNS_AAAA:
        return ldns_rdf_size(first) == 16
                   ? arena_strdup(arena, inet_ntop(AF_INET6, ldns_rdf_data(first), text, sizeof text))
                   : NULL;
    case DNS_NS:
    case DNS_CNAME:
    case DNS_SOA:
        return ldns_rdf_get_type(first) == LDNS_RDF_TYPE_DNAME ? name_from_wire(first, false, arena) : NULL;
    case DNS_TXT:
        return txt_from_wire(rr, arena);
    case DNS_CAA:
        return caa_from_wire(rr, arena);
    case DNS_DNSKEY:
        return "";
    default:
        return NULL;
    }
}

static void section_from_wire(const ldns_rr_list *list, struct arena *arena, struct dns_record **out,
                              size_t *out_count)
{
    size_t count = list != NULL ? ldns_rr_list_rr_count(list) : 0;
    for (size_t i = 0; i < count && *out_count < RECORDS_MAX; i++) {
        const ldns_rr *rr = ldns_rr_list_rr(list, i);
        const char *value = ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN ? value_from_wire(rr, arena) : NULL;
        const char *name = value != NULL ? name_from_wire(ldns_rr_owner(rr), true, arena) : NULL;
        if (name != NULL)
            *arena_push(arena, out, *out_count) =
                (struct dns_record){name, (enum dns_type)ldns_rr_get_type(rr), ldns_rr_ttl(rr), value};
    }
}

bool dns_read_answer(const void *wire, size_t length, struct arena *arena, struct dns_answer *out,
                     struct error *err)
{
    AUTO(ldns_packet) ldns_pkt *packet = NULL;
    if (length < LDNS_HEADER_SIZE || length > LDNS_MAX_PACKETLEN)
        return error_raise(err, ERROR_MALFORMED, "a DNS answer of %zu bytes", length);
    if (!tsig_in_place(wire, length)) /* ldns 1.8 loses the memory of every TSIG record but the last */
        return error_raise(err, ERROR_MALFORMED,
                           "the DNS answer cannot be read, or a signature is not the last of its records");
    ldns_status status = ldns_wire2pkt(&packet, wire, length);
    if (status != LDNS_STATUS_OK) {
        packet = NULL; /* freed there */
        return error_raise(err, ERROR_MALFORMED, "the DNS answer cannot be read: %s",
                           ldns_get_errorstr_by_id(status));
    }
    if (!ldns_pkt_qr(packet))
        return error_raise(err, ERROR_MALFORMED, "the DNS answer is a question");
    struct dns_answer answer = {
        .rcode = (int)ldns_pkt_get_rcode(packet) | ldns_pkt_edns_extended_rcode(packet) << 4,
        .authoritative = ldns_pkt_aa(packet),
        .authentic = ldns_pkt_ad(packet),
    };
    section_from_wire(ldns_pkt_answer(packet), arena, &answer.answers, &answer.answer_count);
    section_from_wire(ldns_pkt_authority(packet), arena, &answer.authority, &answer.authority_count);
    *out = answer;
    return true;
}

/* The exchange. */

static bool judge_signature(const struct dns_tsig *tsig, const struct buffer *message,
                            const struct tsig_mac *mac, struct tsig_verdict *out, struct error *err)
{
    int64_t now = clock_wire();
    const char *algorithm = tsig_algorithm_name(tsig->algorithm);
    if (!tsig_verify((const unsigned char *)message->data, message->length, tsig, mac, now, out, err))
        return false;
    int64_t apart = out->signed_at - now;
    switch (out->present ? out->error : 0) {
    case 0:
        if (!out->present || out->verified)
            return true;
        return error_raise(err, ERROR_MALFORMED,
                           "the answer's signature with key \"%s\" is wrong: it was altered on the "
                           "way, or came from elsewhere",
                           tsig->key_name);
    case TSIG_BADSIG:
        return error_raise(err, ERROR_CREDENTIAL,
                           "the server does not accept our signature with key \"%s\" (BADSIG): "
                           "the secret there is another one",
                           tsig->key_name);
    case TSIG_BADKEY:
        return error_raise(err, ERROR_CREDENTIAL,
                           "the server knows no key \"%s\" with %s (BADKEY): the name or the "
                           "algorithm is another one there, or the key lacks the right",
                           tsig->key_name, algorithm);
    case TSIG_BADTIME:
        if (!out->verified)
            return error_raise(err, ERROR_MALFORMED,
                               "the server says that our clock is off, without a good signature");
        return error_raise(err, ERROR_CREDENTIAL,
                           "the clocks differ (BADTIME): the server's is %lld s %s of ours, and "
                           "%d s are forgiven",
                           (long long)(apart < 0 ? -apart : apart), apart < 0 ? "behind" : "ahead",
                           TSIG_FUDGE_S);
    default:
        return error_raise(err, ERROR_CREDENTIAL,
                           "the server refuses our signature with key \"%s\" (TSIG error %d)",
                           tsig->key_name, out->error);
    }
}

/* Sign, send, receive, judge the signature, read. `out_signed` tells whether the answer was well signed. */
static bool exchange(const struct dns_address *server, struct buffer *message, const struct dns_tsig *tsig,
                     enum dns_transport transport, int timeout_ms, struct arena *arena,
                     struct dns_answer *out, bool *out_signed, struct error *err)
{
    AUTO(buffer) struct buffer answer = {0};
    struct tsig_mac mac = {.length = 0};
    struct tsig_verdict verdict = {0};
    if (tsig != NULL && !tsig_sign(message, tsig, clock_wire(), &mac, err))
        return false;
    if (!dns_exchange(server, message->data, message->length, transport, timeout_ms, &answer, err))
        return false;
    if (tsig != NULL && !judge_signature(tsig, &answer, &mac, &verdict, err))
        return false;
    *out_signed = verdict.verified;
    return dns_read_answer(answer.data, answer.length, arena, out, err);
}

static bool ask(const struct dns_address *server, const char *name, enum dns_type type, unsigned flags,
                const struct dns_tsig *tsig, int timeout_ms, struct arena *arena, struct dns_answer *out,
                struct error *err)
{
    struct dns_answer answer;
    bool is_signed, edns = true;
    for (;;) {
        AUTO(buffer) struct buffer message = {0};
        if (!build_question(name, type, flags, edns, &message, err) ||
            !exchange(server, &message, tsig, DNS_UDP_FIRST, timeout_ms, arena, &answer, &is_signed, err))
            return error_prefix(err, "asking %s for %s", server->host, name);
        if (!edns || (answer.rcode != LDNS_RCODE_FORMERR && answer.rcode != LDNS_RCODE_NOTIMPL))
            break;
        edns = false; /* a server from before RFC 6891 */
    }
    /* Said to a question only when its signature is not taken (RFC 8945, section 5.2); PowerDNS leaves it
     * unsigned. */
    if (tsig != NULL && answer.rcode == LDNS_RCODE_NOTAUTH)
        return error_raise(
            err, ERROR_CREDENTIAL,
            "asking %s for %s: the server does not accept our signature with key \"%s\" (NOTAUTH): the "
            "secret, the algorithm or the clock is another one there",
            server->host, name, tsig->key_name);
    if (tsig != NULL && !is_signed &&
        (answer.rcode == LDNS_RCODE_NOERROR || answer.rcode == LDNS_RCODE_NXDOMAIN))
        return error_raise(err, ERROR_MALFORMED,
                           "asking %s for %s: the answer to a signed question is not signed", server->host,
                           name);
    *out = answer;
    return true;
}

bool dns_ask(const struct dns_address *server, const char *name, enum dns_type type, bool recurse,
             int timeout_ms, struct arena *arena, struct dns_answer *out, struct error *err)
{
    return ask(server, name, type, recurse ? DNS_RECURSE : 0, NULL, timeout_ms, arena, out, err);
}

bool dns_ask_flags(const struct dns_address *server, const char *name, enum dns_type type, unsigned flags,
                   int timeout_ms, struct arena *arena, struct dns_answer *out, struct error *err)
{
    return ask(server, name, type, flags, NULL, timeout_ms, arena, out, err);
}

bool dns_ask_signed(const struct dns_address *server, const char *name, enum dns_type type,
                    const struct dns_tsig *tsig, int timeout_ms, struct arena *arena,
                    struct dns_answer *out, struct error *err)
{
    return ask(server, name, type, 0, tsig, timeout_ms, arena, out, err);
}

/* What each answer to an update means (RFC 2136, section 2.2; dns-providers.md 5.5). */
static bool judge_update(const char *zone, const struct dns_tsig *tsig, bool is_signed, int rcode,
                         struct error *err)
{
    const char *word = dns_rcode_name(rcode);
    const char *unproven = tsig != NULL && !is_signed ? " (the answer is not signed)" : "";
    switch (rcode) {
    case LDNS_RCODE_NOERROR:
        if (*unproven == '\0')
            return true;
        return error_raise(err, ERROR_MALFORMED,
                           "the server's \"done\" is not signed, so it is not believed");
    case LDNS_RCODE_NXDOMAIN:
    case LDNS_RCODE_YXDOMAIN:
    case LDNS_RCODE_YXRRSET:
    case LDNS_RCODE_NXRRSET:
        return error_raise(err, ERROR_CONFLICT, "other records stand in the way (%s)%s", word, unproven);
    case LDNS_RCODE_REFUSED:
        /* Whoever knows the key signs a refusal; PowerDNS answers so to every key that it does not know. */
        if (*unproven != '\0')
            return error_raise(err, ERROR_CREDENTIAL,
                               "the server refuses the update without having accepted key \"%s\": "
                               "the key, its secret or its algorithm is another one there",
                               tsig->key_name);
        return error_raise(err, ERROR_REFUSED, "the server refuses the update of zone %s: %s", zone,
                           tsig != NULL
                               ? "the key may not write this name, or the server is not the primary"
                               : "it may want a TSIG key");
    case LDNS_RCODE_NOTAUTH:
        return error_raise(err, ERROR_REFUSED,
                           "the server is not the primary of zone %s, or wants another key "
                           "(NOTAUTH)%s",
                           zone, unproven);
    case LDNS_RCODE_NOTZONE:
        return error_raise(err, ERROR_REFUSED, "the name does not belong to zone %s (NOTZONE)%s", zone,
                           unproven);
    case LDNS_RCODE_NOTIMPL:
        return error_raise(err, ERROR_REFUSED, "the server takes no dynamic updates (NOTIMP)%s", unproven);
    case LDNS_RCODE_SERVFAIL:
        return error_raise(err, ERROR_UNREACHABLE, "the server could not carry out the update (SERVFAIL)%s",
                           unproven);
    default:
        return error_raise(err, ERROR_REFUSED, "the server answers the update with %s (%d)%s", word, rcode,
                           unproven);
    }
}

bool dns_update(const struct dns_address *server, const char *zone, const struct dns_change *changes,
                size_t count, const struct dns_tsig *tsig, int timeout_ms, int *out_rcode,
                struct error *err)
{
    AUTO(arena) struct arena *arena = arena_create();
    AUTO(buffer) struct buffer message = {0};
    struct dns_answer answer;
    bool is_signed;
    /* TCP: no size limit, and nothing is ever sent twice; over UDP neither, as nothing went out before. */
    if (!build_update(zone, changes, count, &message, err) ||
        !exchange(server, &message, tsig, DNS_TCP_FIRST, timeout_ms, arena, &answer, &is_signed, err))
        return error_prefix(err, "updating zone %s at %s", zone, server->host);
    if (out_rcode != NULL)
        *out_rcode = answer.rcode;
    if (!judge_update(zone, tsig, is_signed, answer.rcode, err))
        return error_prefix(err, "updating zone %s at %s", zone, server->host);
    return true;
}
