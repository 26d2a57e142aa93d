/* What the tests of the actions share: a view made by hand, the prepare and record parts called upon it. */
#pragma once

#include "make_view.h"

static struct arena *arena;
static struct made made;
static struct changes changes;

#define SHOP "  dnsNames: [shop.example.com]\n  order: {product: positivessl}\n"
#define ONE MADE_CERTIFICATE(SHOP "  targets: [{name: web}]\n")

static inline void begin(const char *manifests)
{
    arena_reset(arena);
    made_begin(&made, arena, manifests);
}

static inline struct step step_of(enum action action)
{
    return (struct step){.action = action, .subject = "", .detail = "", .index = -1};
}
static inline struct step step_at(enum action action, int index)
{
    struct step step = step_of(action);
    step.index = index;
    step.subject = index < (int)made.view.rollout_count && action >= ACTION_STAGE
                       ? made.view.rollouts[index].target
                       : "";
    return step;
}

static inline bool prepare(struct step step)
{
    changes = (struct changes){0};
    return certificate_action(step.action)->prepare(&made.view, &step, arena, &changes);
}

static inline void record(struct step step, struct outcome outcome)
{
    struct outcome *kept = arena_memdup(arena, &outcome, sizeof outcome); /* records point into it */
    changes = (struct changes){0};
    if (kept->at == 0)
        kept->at = made.view.now;
    certificate_record_outcome(&made.view, &step, kept, arena, &changes);
}

static inline struct outcome done(void) { return (struct outcome){.ok = true}; }
static inline struct outcome failed(enum error_kind kind, const char *message)
{
    struct outcome outcome = {0};
    error_raise(&outcome.err, kind, "%s", message);
    return outcome;
}

/* What was written is what stands from now on. */
static inline void take(void)
{
    if (changes.certificate != NULL)
        made.view.record = *changes.certificate;
    if (changes.order != NULL)
        made.view.order = made.order = arena_memdup(arena, changes.order, sizeof *changes.order);
    if (changes.challenge_count > 0) {
        made.view.challenges = changes.challenges;
        made.view.challenge_count = changes.challenge_count;
    }
    if (changes.revision != NULL)
        made.view.revision = made.revision = arena_memdup(arena, changes.revision, sizeof *changes.revision);
    if (changes.rollout != NULL)
        for (size_t i = 0; i < made.view.rollout_count; i++)
            if (text_equal(made.view.rollouts[i].target, changes.rollout->target))
                made.view.rollouts[i] = *changes.rollout;
}

static inline bool says(const char *text, const char *part) { return text != NULL && strstr(text, part) != NULL; }

static inline struct step priced(int64_t cents)
{
    struct step step = step_of(ACTION_PREPARE);
    step.cost_cents = cents;
    step.currency = "USD";
    return step;
}
