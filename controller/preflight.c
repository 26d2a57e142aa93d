#include "controller/preflight_internal.h"

#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "controller/trial.h"
#include "reconcilers/dns/dns.h"

void flight_add(struct flight *flight, const char *about, const char *name, const char *subject,
                enum check_outcome outcome, const char *cause, const char *cure)
{
    check_add(flight->options->list, &(struct check){.about = about,
                                                     .name = name,
                                                     .subject = subject,
                                                     .outcome = outcome,
                                                     .cause = cause,
                                                     .cure = cure,
                                                     .took_ms = -1});
}

void flight_add_failure(struct flight *flight, const char *about, const char *name, const char *subject,
                        const struct error *err, const char *cure)
{
    flight_add(flight, about, name, subject, check_outcome_of(err), arena_strdup(flight->arena, err->message),
               cure != NULL ? cure : check_cure_of(err));
}

bool flight_first(struct flight *flight, const char *what)
{
    if (string_list_contains(&flight->done, what))
        return false;
    string_list_push(flight->arena, &flight->done, what);
    return true;
}

static bool over(const struct flight *flight)
{
    return flight->options->interrupted != NULL && *flight->options->interrupted;
}

static void try_zones(struct flight *flight)
{
    for (size_t i = 0; i < flight->zone_count && !over(flight); i++) {
        const struct flight_zone *zone = &flight->zones[i];
        struct trial trial = {.list = flight->options->list,
                              .ctx = flight->options->ctx,
                              .account = zone->account,
                              .zone = zone->zone,
                              .journal = flight->options->journal,
                              .patience_s = flight->options->patience_s,
                              .interrupted = flight->options->interrupted,
                              .about =
                                  arena_printf(flight->arena, "%s, zone %s",
                                               resource_id(flight->arena, KIND_DNS_ACCOUNT,
                                                           zone->account->namespace_, zone->account->name),
                                               zone->zone)};
        if (trial_read(&trial) && flight->options->journal != NULL)
            trial_write(&trial);
    }
}

static bool collect(struct flight *flight, struct certificate_view ***out, size_t *out_count,
                    struct error *err)
{
    const struct preflight *options = flight->options;
    struct certificate_view **views = NULL;
    size_t count = 0;
    for (size_t i = 0; i < desired_count(options->model->desired); i++) {
        const struct desired_entry *entry = desired_at(options->model->desired, i);
        if (entry->kind != KIND_CERTIFICATE ||
            (options->filter != NULL && !options->filter(options->model, entry, options->filter_arg)))
            continue;
        struct certificate_view *view = arena_alloc(flight->arena, sizeof *view);
        if (!model_view(options->model, entry->namespace_, entry->name, flight->arena, view, err))
            return false;
        *arena_push(flight->arena, &views, count) = view;
    }
    *out = views;
    *out_count = count;
    return true;
}

bool preflight_run(const struct preflight *options, size_t *out_certificates, struct error *err)
{
    struct flight flight = {.options = options, .arena = options->list->arena};
    struct certificate_view **views = NULL;
    size_t count = 0;
    if (!collect(&flight, &views, &count, err))
        return false;
    *out_certificates = count;
    for (size_t i = 0; i < count && !over(&flight); i++) {
        const struct resource *issuer = views[i]->refs.issuer;
        if (issuer != NULL &&
            flight_first(&flight, resource_id(flight.arena, KIND_ISSUER, issuer->namespace_, issuer->name)))
            flight_issuer(&flight, issuer, views, count);
    }
    for (size_t i = 0; i < count && !over(&flight); i++) {
        if (views[i]->invalid)
            flight_add(&flight, views[i]->id, "manifest", "", CHECK_NO, views[i]->invalid_words,
                       "`certwright validate` shows the place");
        else if (views[i]->want != NULL)
            flight_names(&flight, views[i]);
    }
    try_zones(&flight);
    return true;
}
