/* What the looking verbs share: operator's file, store and manifests opened for reading, and one certificate
 * as its decision stands now. Needs no lock, works beside a running controller, asks nobody and makes no
 * file. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controller/command.h"
#include "controller/conditions.h"
#include "controller/desired.h"
#include "controller/model.h"
#include "schema/record.h"

struct look {
    struct command_context *ctx;
    struct state *state;
    struct desired *desired; /* NULL: not asked for */
    struct model model;
    int lock_pid;            /* whoever holds the store; 0: nobody */
    char lock_words[256];
};
/* Prints what fails and gives its exit code; else EXIT_OK. To be closed either way. */
int look_open(struct look *look, struct command_context *ctx, bool manifests);
void look_close(struct look *look);
static inline void look_release(struct look *look) { look_close(look); }

/* Where a certificate stands, in one word for counting and in one for people. */
enum standing {
    STANDING_FINE,
    STANDING_WORKING,
    STANDING_FAILING,
    STANDING_WAITING,
    STANDING_BLOCKED,
    STANDING_FORGOTTEN
};
const char *
standing_name(enum standing standing); /* "fine", "working", "failing", "waiting", "blocked", "forgotten" */

struct certificate_look {
    const struct desired_entry *entry; /* NULL: its manifest is gone */
    struct certificate_view view;
    struct step step;
    struct condition conditions[CONDITION_COUNT];
    enum standing standing;
    const char *who;     /* who must act: "the operator"; "nobody" */
    const char *failure; /* what failed last and is tried again; NULL: nothing */
    int64_t failing_since;
};
/* When the certificate in use is to be replaced (its files are looked at earlier, which is nobody's concern); else when the next
 * step is due; 0: never. */
int64_t look_replacement_due(const struct certificate_look *certificate);
/* Fails: STATE; NOT_FOUND when neither manifest nor record knows it. */
bool look_certificate(struct look *look, const char *namespace_, const char *name, struct arena *arena,
                      struct certificate_look *out, struct error *err);
/* Those that -n and -l choose, by namespace and name; with those whose manifest is gone if `forgotten` (they
 * have no labels). What the visitor is given lives during the call. Fails: STATE. */
typedef void look_visitor(const struct certificate_look *certificate, void *arg);
bool look_certificates(struct look *look, bool forgotten, look_visitor *visit, void *arg, struct error *err);
/* Whether -n and -l choose this entry. */
bool look_chosen(const struct look *look, const struct desired_entry *entry);

/* The problems of one resource: of its document, and, of a certificate, with what it refers to. */
struct problem_list look_problems(struct look *look, enum resource_kind kind, const char *namespace_,
                                  const char *name);
/* Ids of the certificates that refer to this resource. */
struct string_list look_referrers(struct look *look, const struct resource *resource);
/* The file and line of an entry, for people: "site/shop.yaml:3". */
const char *look_place(struct look *look, const struct desired_entry *entry);

/* Events, newest last; of one object (kind KIND_COUNT: of all). In ctx->arena. Fails: STATE. */
struct event_list {
    struct event_record *items;
    size_t count;
};
bool look_events(struct look *look, enum resource_kind kind, const char *namespace_, const char *name,
                 struct event_list *out, struct error *err);
/* Holds that still wait for `certwright confirm`: unconfirmed, and about something that is still so. */
struct hold_list {
    struct hold_record *items;
    size_t count;
};
bool look_holds(struct look *look, struct hold_list *out, struct error *err);
