/* What would be done: `decide` and `assume` in turn for each certificate that is not settled. Pure data, printable as text,
 * JSON and Markdown; never performed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controller/model.h"

struct buffer;

struct plan_item {
    const char *id;        /* "certificate/shop" */
    struct position position;
    struct step *steps;    /* waits left out unless a person is needed */
    size_t count;
};
struct plan_cost {
    const char *currency;
    int64_t cents;
};
struct check_list;

struct plan {
    struct arena *arena;
    struct plan_item *items; /* only those with steps */
    size_t count;
    size_t settled;        /* certificates as they should be */
    bool narrowed;         /* it is about some of the certificates only */
    size_t by_verb[VERB_COUNT];
    struct plan_cost *costs; /* one per currency */
    size_t cost_count;
    bool cost_unknown;     /* some price could not be learned */
    bool invalid;          /* some manifest does not fit the others */
    struct string_list notes; /* accounts that could not be asked */
    bool offline;
    const struct check_list *preflight; /* NULL: not asked for */
};

/* Asks an account once, when something wants to buy there; NULL: nobody is asked (plan --offline). */
typedef bool plan_observe(struct model *model, const struct resource *issuer, void *arg, struct error *err);
/* Everything a plan is about: `filter` NULL: all certificates, and those whose manifest went. Fails: STATE. */
typedef bool plan_filter(struct model *model, const struct desired_entry *entry, void *arg);
bool plan_build(struct model *model, plan_filter *filter, void *filter_arg, plan_observe *observe, void *observe_arg,
                struct arena *arena, struct plan *out, struct error *err);
/* Anything but waiting. */
bool plan_has_changes(const struct plan *plan);
bool plan_spends(const struct plan *plan); /* a paid step */

struct plan_colours {
    const char *bold, *green, *yellow, *red, *dim, *none; /* escape codes or "" */
};
void plan_print_text(const struct plan *plan, const struct plan_colours *colours, int width, struct buffer *out);
void plan_print_json(const struct plan *plan, const struct desired *desired, struct buffer *out);
void plan_print_markdown(const struct plan *plan, struct buffer *out);
/* Adds to `costs`, one per currency, or says that a price is unknown; the step's currency must outlive the plan. */
void plan_add_cost(struct plan *plan, const struct step *step);
char *plan_total(const struct plan *plan); /* "7.50 USD + 12.00 EUR + unknown prices"; "nothing to pay" */
char *plan_money(struct arena *arena, int64_t cents, const char *currency); /* "7.50 USD", "unknown" */
