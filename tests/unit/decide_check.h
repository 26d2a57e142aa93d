/* What the tests of the decision share: a view made by hand, decided upon. */
#pragma once

#include "make_view.h"

static struct arena *arena;
static struct made made;

#define SHOP "  dnsNames: [shop.example.com]\n  order: {product: positivessl}\n"
#define ONE MADE_CERTIFICATE(SHOP "  targets: [{name: web}]\n")
#define TWO \
    MADE_CERTIFICATE( \
        "  dnsNames: [shop.example.com, shop.example.org]\n  order: {product: positivemdcssl}\n" \
        "  targets: [{name: canary}, {name: web}]\n")
#define HTTP MADE_CERTIFICATE(SHOP "  dcv: {method: HTTP}\n  targets: [{name: web}]\n")
#define MAIL MADE_CERTIFICATE(SHOP "  dcv: {method: Email, email: {approver: admin@example.com}}\n")
#define MANUAL MADE_CERTIFICATE(SHOP "  dcv: {dns: {manual: true}}\n")

static inline struct certificate_view *begin(const char *manifests)
{
    arena_reset(arena);
    made_begin(&made, arena, manifests);
    return &made.view;
}

/* What is deployed is looked at twice a day: here it is found as it should be. */
static inline struct step decide(void)
{
    struct step step = certificate_decide(&made.view, arena);
    while (step.action == ACTION_INSPECT) {
        made.view.rollouts[step.index].checked_at = made.view.now;
        step = certificate_decide(&made.view, arena);
    }
    return step;
}

static inline void expect(enum action action, const char *code)
{
    struct step step = decide();
    CHECK_TEXT(step.code, code);
    CHECK_INT(step.action, action);
    CHECK(step.subject != NULL && step.detail != NULL && step.reason != NULL && step.reason[0] != '\0');
    if (action == ACTION_BLOCKED)
        CHECK(step.human != NULL && step.human[0] != '\0'); /* whoever is stopped is told what to do */
    const char *texts[] = {step.reason, step.human, step.detail, step.effects};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        CHECK(texts[i] == NULL || strstr(texts[i], "(null)") == NULL);
}

static inline bool says(const char *text, const char *part) { return text != NULL && strstr(text, part) != NULL; }
