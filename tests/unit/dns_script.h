/* A DNS that answers from a script: here dns_ask() and its sisters are not the network's but look an answer up, so that a
 * server may say whatever a server should not. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/dns.h"
#include "base/error.h"
#include "base/text.h"

/* The first row that fits a question answers it. */
struct dns_row {
    const char *server;              /* its host; NULL: any */
    const char *name;                /* NULL: any */
    int type;                        /* 0: any */
    int rcode;                       /* SILENT: nobody answers */
    bool foreign;                    /* without authority */
    const char *answers, *authority; /* "owner TYPE value|owner TYPE value"; NULL: none */
    unsigned flags;                  /* of enum dns_flag: fits only a question that has them all */
    bool authentic;                  /* says that it has checked the signatures */
    int after;                       /* fits only when so many questions were asked before */
};
enum { SILENT = -1 };

static const struct dns_row *dns_rows; /* ends with a row whose rcode is END_OF_ROWS */
enum { END_OF_ROWS = -2 };
static int dns_asked, dns_updated;
static struct error dns_update_failure; /* kind NONE: updates are taken */
static char dns_updated_at[64];         /* the last one's host */
static char dns_asked_all[16384];       /* "host name type\n" of each question */

const char *dns_rcode_name(int rcode)
{
    return rcode == 2   ? "SERVFAIL"
           : rcode == 3 ? "NXDOMAIN"
           : rcode == 5 ? "REFUSED"
           : rcode == 9 ? "NOTAUTH"
                        : "another code";
}

bool dns_name_usable(const char *name) { return *name != '\0' && strpbrk(name, " \\\t") == NULL; }

static enum dns_type type_of_word(const char *word)
{
    static const struct {
        const char *word;
        enum dns_type type;
    } types[] = {{"A", DNS_A},     {"NS", DNS_NS},     {"CNAME", DNS_CNAME},   {"SOA", DNS_SOA},
                 {"TXT", DNS_TXT}, {"AAAA", DNS_AAAA}, {"DNSKEY", DNS_DNSKEY}, {"CAA", DNS_CAA}};
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (strcmp(types[i].word, word) == 0)
            return types[i].type;
    abort();
}

static void records_of_text(const char *text, struct arena *arena, struct dns_record **out, size_t *out_count)
{
    struct string_list lines = text_split(arena, text != NULL ? text : "", '|');
    for (size_t i = 0; i < lines.count && text != NULL; i++) {
        char *line = arena_strdup(arena, lines.items[i]), *kind = strchr(line, ' '),
             *value = strchr(kind + 1, ' ');
        *kind++ = '\0';
        *value++ = '\0';
        *arena_push(arena, out, *out_count) = (struct dns_record){line, type_of_word(kind), 77, value};
    }
}

bool dns_ask_flags(const struct dns_address *server, const char *name, enum dns_type type, unsigned flags,
                   int timeout_ms, struct arena *arena, struct dns_answer *out, struct error *err)
{
    (void)timeout_ms;
    char line[512];
    snprintf(line, sizeof line, "%s %s %d\n", server->host, name, (int)type);
    strncat(dns_asked_all, line, sizeof dns_asked_all - strlen(dns_asked_all) - 1);
    dns_asked++;
    const struct dns_row *row = dns_rows;
    while (row->rcode != END_OF_ROWS && ((row->server != NULL && strcmp(row->server, server->host) != 0) ||
                                         (row->name != NULL && strcasecmp(row->name, name) != 0) ||
                                         (row->type != 0 && row->type != (int)type) ||
                                         (row->flags & flags) != row->flags || dns_asked <= row->after))
        row++;
    if (row->rcode == SILENT || row->rcode == END_OF_ROWS)
        return error_raise(err, ERROR_UNREACHABLE, "asking %s for %s: silence", server->host, name);
    struct dns_answer answer = {
        .rcode = row->rcode, .authoritative = !row->foreign, .authentic = row->authentic};
    records_of_text(row->answers, arena, &answer.answers, &answer.answer_count);
    records_of_text(row->authority, arena, &answer.authority, &answer.authority_count);
    *out = answer;
    return true;
}

bool dns_ask(const struct dns_address *server, const char *name, enum dns_type type, bool recurse,
             int timeout_ms, struct arena *arena, struct dns_answer *out, struct error *err)
{
    return dns_ask_flags(server, name, type, recurse ? DNS_RECURSE : 0, timeout_ms, arena, out, err);
}

bool dns_ask_signed(const struct dns_address *server, const char *name, enum dns_type type,
                    const struct dns_tsig *tsig, int timeout_ms, struct arena *arena, struct dns_answer *out,
                    struct error *err)
{
    (void)tsig;
    return dns_ask_flags(server, name, type, 0, timeout_ms, arena, out, err);
}

bool dns_update(const struct dns_address *server, const char *zone, const struct dns_change *changes,
                size_t count, const struct dns_tsig *tsig, int timeout_ms, int *out_rcode, struct error *err)
{
    (void)zone, (void)changes, (void)count, (void)tsig, (void)timeout_ms, (void)out_rcode;
    dns_updated++;
    snprintf(dns_updated_at, sizeof dns_updated_at, "%s", server->host);
    if (dns_update_failure.kind != ERROR_NONE && err != NULL)
        *err = dns_update_failure;
    return dns_update_failure.kind == ERROR_NONE;
}

bool dns_read_answer(const void *wire, size_t length, struct arena *arena, struct dns_answer *out,
                     struct error *err)
{
    (void)wire, (void)length, (void)arena, (void)out;
    return error_raise(err, ERROR_INTERNAL, "no wire here");
}

static void dns_begin(const struct dns_row *rows)
{
    dns_rows = rows;
    dns_asked = dns_updated = 0;
    dns_asked_all[0] = '\0';
    dns_update_failure = (struct error){0};
}
