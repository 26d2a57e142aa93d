#include "controller/plan.h"

#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "controller/credentials.h"
#include "controller/guard.h"
#include "controller/index.h"
#include "controller/records.h"
#include "reconcilers/certificate/decide_parts.h"

enum { STEPS_MOST = 2000 /* of one certificate: 250 names, each made, seen and removed */ };

struct build {
    struct model *model;
    struct plan *plan;
    plan_filter *filter;
    void *filter_arg;
    plan_observe *observe;
    void *observe_arg;
    struct string_list asked; /* issuers already asked, "<ns>/<name>" */
    struct string_list gone;  /* keys of the index whose manifest went */
    struct string_list todo;  /* keys of what is wanted and not settled */
    unsigned char shared[32];
    int64_t now;
    struct error *err;
    bool failed;
};

static bool said_before(const struct plan_item *item, const struct step *step)
{
    for (size_t i = 0; i < item->count; i++)
        if (item->steps[i].verb == step->verb && text_equal(item->steps[i].subject, step->subject) &&
            (step->verb != VERB_WAIT || text_equal(item->steps[i].code, step->code)))
            return true;
    return false;
}

void plan_add_cost(struct plan *plan, const struct step *step)
{
    if (step->cost_cents < 0) {
        plan->cost_unknown = true;
        return;
    }
    if (step->cost_cents == 0)
        return;
    for (size_t i = 0; i < plan->cost_count; i++)
        if (text_equal(plan->costs[i].currency, step->currency)) {
            plan->costs[i].cents += step->cost_cents;
            return;
        }
    *arena_push(plan->arena, &plan->costs, plan->cost_count) = (struct plan_cost){step->currency, step->cost_cents};
}

static void add_step(struct plan *plan, struct plan_item *item, const struct step *step)
{
    if (step->verb == VERB_NONE || (step->verb == VERB_WAIT && step->human == NULL) || said_before(item, step))
        return;
    struct step *before = item->count > 0 ? &item->steps[item->count - 1] : NULL;
    if (before != NULL && step->verb == VERB_WAIT && text_equal(before->human, step->human))
        before->human = NULL; /* the waiting says it */
    *arena_push(plan->arena, &item->steps, item->count) = *step;
    plan->by_verb[step->verb]++;
    plan->invalid = plan->invalid || text_equal(step->code, "Invalid");
    if (step->verb == VERB_ORDER || step->verb == VERB_RENEW)
        plan_add_cost(plan, step);
}

/* An account is asked once a plan; when it cannot be, the plan goes on without prices and says so. */
static void ask_account(struct build *build, struct certificate_view *view)
{
    const struct resource *issuer = view->refs.issuer;
    char *key = record_key(build->plan->arena, issuer->namespace_, issuer->name);
    struct error err = {0};
    if (string_list_contains(&build->asked, key) || build->observe == NULL)
        return;
    string_list_push(build->plan->arena, &build->asked, key);
    if (!build->observe(build->model, issuer, build->observe_arg, &err))
        string_list_push(build->plan->arena, &build->plan->notes,
                         arena_printf(build->plan->arena, "issuer/%s could not be asked: %s", issuer->name, err.message));
}

static void note_credentials(struct build *build)
{
    struct arena *arena = build->plan->arena;
    struct credential_notes notes = credentials_ending(build->model->desired, build->now, arena);
    for (size_t i = 0; i < notes.count; i++)
        string_list_push(arena, &build->plan->notes, arena_printf(arena, "%s: %s", notes.items[i].id,
                                                                  notes.items[i].credential.words));
}

static bool plan_certificate(struct build *build, const char *namespace_, const char *name, struct plan_item *item)
{
    struct arena *arena = build->plan->arena;
    struct certificate_view *view = arena_alloc(arena, sizeof *view);
    if (!model_view(build->model, namespace_, name, arena, view, build->err))
        return false;
    struct step step = certificate_decide(view, arena);
    if (step.action == ACTION_WAIT_ACCOUNT && build->observe != NULL) {
        ask_account(build, view);
        if (!model_view(build->model, namespace_, name, arena, view, build->err))
            return false;
        step = certificate_decide(view, arena);
    }
    item->id = view->id;
    item->position = view->want != NULL ? view->want->position : (struct position){0};
    for (int i = 0; i < STEPS_MOST; i++) {
        add_step(build->plan, item, &step);
        if (step.action == ACTION_REST || step.action == ACTION_BLOCKED)
            return true;
        if (step.action == ACTION_STAGE)
            model_claim_place(build->model, view, (size_t)step.index);
        if (step.action == ACTION_PREPARE) {
            model_claim(build->model, view);
            struct reservation more = certificate_reservation(view, &step);
            if (!budget_reserve(&build->model->budget, build->model->config, view->refs.issuer, more.orders, more.cents,
                                step.currency, view->now, build->err))
                return false;
        }
        view = certificate_assume(view, &step, arena);
        step = certificate_decide(view, arena);
    }
    return true;
}

static void plan_key(struct build *build, const char *key, bool wanted)
{
    struct plan_item item = {0};
    struct arena *arena = build->plan->arena;
    const char *middle = strchr(key, KEY_SEPARATOR);
    if (!plan_certificate(build, arena_strndup(arena, key, (size_t)(middle - key)), arena_strdup(arena, middle + 1), &item)) {
        build->failed = true;
        return;
    }
    if (item.count > 0)
        *arena_push(arena, &build->plan->items, build->plan->count) = item;
    else if (wanted)
        build->plan->settled++;
}

static void walk(const char *key, const struct desired_entry *entry, const struct index_row *row, void *arg)
{
    struct build *build = arg;
    bool forgotten = row != NULL && (row->flags & INDEX_FORGOTTEN) != 0;
    if (build->failed || (build->filter != NULL && (entry == NULL || !build->filter(build->model, entry, build->filter_arg))))
        return;
    if (entry == NULL && !forgotten)
        string_list_push(build->plan->arena, &build->gone, arena_strdup(build->plan->arena, key));
    if (entry == NULL)
        return;
    if (row != NULL && index_settled(row, entry, build->shared, build->now))
        build->plan->settled++;
    else
        string_list_push(build->plan->arena, &build->todo, arena_strdup(build->plan->arena, key));
}

/* What went and is not held is forgotten. */
static void plan_removals(struct build *build)
{
    struct arena *arena = build->model->arena;
    for (size_t i = 0; i < build->gone.count && !build->failed; i++) {
        const char *key = build->gone.items[i], *middle = strchr(key, KEY_SEPARATOR);
        string_list_push(arena, &build->model->assumed_gone,
                         resource_id(arena, KIND_CERTIFICATE, arena_strndup(arena, key, (size_t)(middle - key)), middle + 1));
        plan_key(build, key, false);
    }
}

/* What the guards hold is planned as it was, and said. */
static void plan_holds(struct build *build)
{
    struct arena *arena = build->plan->arena;
    const struct guard_hold_list *holds = desired_holds(build->model->desired);
    for (size_t i = 0; i < holds->count; i++) {
        const struct guard_hold *hold = &holds->items[i];
        struct step step = step_blocked(hold->kind, hold->words, hold->human,
                                        arena_printf(arena, "certwright confirm %s", hold->digest));
        for (size_t j = 0; j < hold->subjects.count; j++) {
            struct plan_item item = {.id = arena_strdup(arena, hold->subjects.items[j])};
            add_step(build->plan, &item, &step);
            *arena_push(arena, &build->plan->items, build->plan->count) = item;
        }
    }
}

bool plan_build(struct model *model, plan_filter *filter, void *filter_arg, plan_observe *observe, void *observe_arg,
                struct arena *arena, struct plan *out, struct error *err)
{
    *out = (struct plan){.arena = arena, .offline = observe == NULL, .narrowed = filter != NULL};
    struct build build = {.model = model, .plan = out, .filter = filter, .filter_arg = filter_arg, .observe = observe,
                          .observe_arg = observe_arg, .now = clock_now(), .err = err};
    desired_shared_digest(model->desired, build.shared);
    if (!index_walk(model->state, model->desired, walk, &build, err))
        return false;
    note_credentials(&build);
    /* What went gives up its places first; it is told last. */
    plan_removals(&build);
    if (filter == NULL)
        plan_holds(&build);
    size_t removals = out->count;
    for (size_t i = 0; i < build.todo.count && !build.failed; i++)
        plan_key(&build, build.todo.items[i], true);
    struct plan_item *items = arena_array(arena, out->count, sizeof *items);
    for (size_t i = 0; i < out->count; i++)
        items[i] = out->items[(i + removals) % out->count];
    out->items = items;
    return !build.failed;
}

bool plan_has_changes(const struct plan *plan) { return plan->count > 0; }
bool plan_spends(const struct plan *plan) { return plan->by_verb[VERB_ORDER] + plan->by_verb[VERB_RENEW] > 0; }
