#include "reconcilers/dns/caa.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/names.h"
#include "reconcilers/dns/lookup.h"

enum { ALIASES_MOST = 10, LABELS_MOST = 127, CRITICAL = 128 };

/* ---- judging ---- */

struct property {
    unsigned flags;
    const char *tag;    /* lower case */
    const char *issuer; /* before the first ";", trimmed; "" forbids */
    bool has_parameters;
    const char *shown;
};

/* 0 issue "ca.example; param=value": as text without the quotation marks. */
static struct property read_property(const char *text, struct arena *arena)
{
    struct property property = {.tag = "", .issuer = "", .shown = text};
    char *end;
    property.flags = (unsigned)strtoul(text, &end, 10);
    if (*end != ' ')
        return (struct property){.flags = CRITICAL, .tag = "?", .issuer = "", .shown = text};
    const char *tag = end + 1;
    size_t length = strcspn(tag, " ");
    property.tag = text_lower(arena, arena_strndup(arena, tag, length));
    const char *value = tag + length + (tag[length] == ' ');
    size_t issuer = strcspn(value, ";");
    property.issuer = text_trim(arena, arena_strndup(arena, value, issuer));
    property.has_parameters = value[issuer] == ';' && *text_trim(arena, value + issuer + 1) != '\0';
    return property;
}

/* What RFC 8659 defines, every CA knows; what else is registered (CA/B Forum, RFC 9495), some do. */
static bool is_of(const char *tag, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strcmp(tag, *list) == 0)
            return true;
    return false;
}
static const char *const known_tags[] = {"issue", "issuewild", "iodef", NULL};
static const char *const registered_tags[] = {"contactemail", "contactphone", "issuemail", "issuevmc", NULL};

static bool names_the_ca(const struct property *property, const struct string_list *identities)
{
    for (size_t i = 0; i < identities->count; i++)
        if (strcasecmp(property->issuer, identities->items[i]) == 0)
            return true;
    return false;
}

static void set_answer(struct caa_answer *out, enum caa_verdict verdict, const char *words)
{
    out->verdict = verdict;
    out->words = words;
}

/* A critical property that nobody is sure to understand stops every CA, or perhaps this one. */
static bool judge_critical(const struct property *all, size_t count, struct arena *arena,
                           struct caa_answer *out)
{
    const struct property *doubtful = NULL;
    for (size_t i = 0; i < count; i++) {
        if ((all[i].flags & CRITICAL) == 0 || is_of(all[i].tag, known_tags))
            continue;
        if (!is_of(all[i].tag, registered_tags)) {
            set_answer(out, CAA_FORBIDDEN,
                       arena_printf(
                           arena, "the property \"%.60s\" is critical and no CA knows it, so none may issue",
                           all[i].tag));
            return true;
        }
        doubtful = &all[i];
    }
    if (doubtful != NULL)
        set_answer(out, CAA_UNKNOWN,
                   arena_printf(arena,
                                "the property \"%s\" is critical: whether the CA knows it is not known here",
                                doubtful->tag));
    return doubtful != NULL;
}

void caa_judge(const struct string_list *set, bool wildcard, const struct string_list *identities,
               struct arena *arena, struct caa_answer *out)
{
    struct property *all = arena_array(arena, set->count, sizeof *all);
    bool wild = false, any = false, limited = false;
    struct string_list others = {0};
    for (size_t i = 0; i < set->count; i++) {
        all[i] = read_property(set->items[i], arena);
        wild = wild || strcmp(all[i].tag, "issuewild") == 0;
    }
    const char *counts = wildcard && wild ? "issuewild" : "issue";
    struct caa_answer critical = {.verdict = CAA_ALLOWED};
    bool stopped = judge_critical(all, set->count, arena, &critical);
    if (stopped && critical.verdict == CAA_FORBIDDEN) {
        set_answer(out, critical.verdict, critical.words);
        return;
    }
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(all[i].tag, counts) != 0)
            continue;
        any = true;
        if (!names_the_ca(&all[i], identities)) {
            string_list_push(arena, &others, all[i].issuer[0] != '\0' ? all[i].issuer : "nobody");
        } else if (all[i].has_parameters) {
            limited = true;
        } else {
            set_answer(out, stopped ? CAA_UNKNOWN : CAA_ALLOWED,
                       stopped ? critical.words : arena_printf(arena, "%s names %s", counts, all[i].issuer));
            return;
        }
    }
    struct string_list few = {.items = others.items, .count = others.count < 5 ? others.count : 5};
    if (any && !limited)
        set_answer(out, CAA_FORBIDDEN,
                   arena_printf(arena, "%s names %s%s, not %s", counts, string_list_join(arena, &few, ", "),
                                others.count > few.count ? ", …" : "", identities->items[0]));
    else if (stopped)
        set_answer(out, CAA_UNKNOWN, critical.words);
    else if (limited)
        set_answer(out, CAA_LIMITED,
                   arena_printf(arena,
                                "%s names the CA, with parameters that may narrow it to an account or a "
                                "method; they are the CA's to judge",
                                counts));
    else
        set_answer(out, CAA_ALLOWED,
                   arena_printf(arena, "the records say nothing about who may issue%s",
                                wildcard ? " for wildcards" : ""));
}

/* ---- looking ---- */

/* The alias that an answer gives for `name`; NULL: none. A DNAME comes with the CNAME made from it (RFC
 * 6672). */
static const char *alias_of(const struct dns_answer *answer, const char *name, struct arena *arena)
{
    for (size_t i = 0; i < answer->answer_count; i++)
        if (answer->answers[i].type == DNS_CNAME && strcasecmp(answer->answers[i].name, name) == 0)
            return text_lower(arena, answer->answers[i].value);
    return NULL;
}

static void take_set(const struct dns_answer *answer, const char *name, struct arena *arena,
                     struct string_list *out)
{
    for (size_t i = 0; i < answer->answer_count; i++)
        if (answer->answers[i].type == DNS_CAA && strcasecmp(answer->answers[i].name, name) == 0)
            string_list_push(arena, out, answer->answers[i].value);
}

static bool fail(struct caa_answer *out, struct arena *arena, const char *words)
{
    *out = (struct caa_answer){.verdict = CAA_UNKNOWN, .words = arena_strdup(arena, words)};
    return false;
}

/* The set at one name, aliases followed as ordinary resolution does. False: `out` says why it is not known.
 */
static bool set_at(struct context *ctx, const struct propagation_world *world, const char *name,
                   struct string_list *out_set, struct caa_answer *out)
{
    struct arena *arena = ctx->arena;
    for (int step = 0; step < ALIASES_MOST; step++) {
        struct lookup lookup;
        struct error err = {0};
        if (!dns_name_usable(name))
            return fail(
                out, arena,
                arena_printf(arena, "an alias leads to %.80s, which is no name that can be asked for", name));
        if (!lookup_ask(ctx, world, name, DNS_CAA, 0, &lookup, &err))
            return fail(out, arena, err.message);
        if (lookup.answer.rcode != 0 && lookup.answer.rcode != 3)
            return fail(
                out, arena,
                arena_printf(arena,
                             "%s answers %s when asked for the CAA records at %s: a CA that gets this "
                             "answer does not issue",
                             lookup.server, dns_rcode_name(lookup.answer.rcode), name));
        if (lookup.by_operator && !lookup.answer.authoritative)
            return fail(out, arena,
                        arena_printf(
                            arena, "%s, named in the operator's `nameservers`, does not answer for %s itself",
                            lookup.server, name));
        /* A resolver follows the whole chain, an authoritative server as far as its zones go. */
        const char *at = name;
        for (int link = 0; link < ALIASES_MOST; link++) {
            take_set(&lookup.answer, at, arena, out_set);
            const char *next = out_set->count == 0 ? alias_of(&lookup.answer, at, arena) : NULL;
            if (next == NULL)
                break;
            at = next;
        }
        if (out_set->count > 0 || strcasecmp(at, name) == 0 || !lookup.by_operator)
            return true;
        name = at;
    }
    return fail(out, arena, arena_printf(arena, "the aliases at %s have no end", name));
}

void caa_check(struct context *ctx, const struct propagation_world *world, const char *name,
               const struct string_list *identities, struct caa_answer *out)
{
    bool wildcard = name_is_wildcard(name);
    const char *at = name_without_wildcard(name);
    for (int label = 0; at != NULL && *at != '\0' && label < LABELS_MOST; label++) {
        struct string_list set = {0};
        *out = (struct caa_answer){.verdict = CAA_ALLOWED};
        if (!set_at(ctx, world, at, &set, out))
            return;
        if (set.count > 0) {
            caa_judge(&set, wildcard, identities, ctx->arena, out);
            out->found_at = at;
            return;
        }
        at = strchr(at, '.');
        at = at != NULL ? at + 1 : NULL;
    }
    *out = (struct caa_answer){.verdict = CAA_ALLOWED, .words = "there are no CAA records: any CA may issue"};
}
