/* A store and a tree of manifests in a folder of their own, and the model over them: what the guards stand
 * on. */
#pragma once

#include "check.h"
#include "scratch.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "controller/holds.h"
#include "controller/index.h"
#include "controller/records.h"
#include "schema/certificate.h"
#include "schema/issuer.h"
#include "schema/problem.h"

#define WORLD_DOCUMENT(kind, name) \
    "---\napiVersion: certwright/v1alpha1\nkind: " kind "\nmetadata: {name: " name "}\nspec:\n"
#define WORLD_ISSUER WORLD_ISSUER_NAMED("main")
#define WORLD_ISSUER_NAMED(name) WORLD_DOCUMENT("Issuer", name) \
    "  sslstore: {environment: offline, partnerCode: \"1\", authTokenSecretRef: {name: s, key: k}}\n"

struct world {
    struct arena *arena;
    char folder[80];
    struct operator_config config;
    struct endpoint endpoint;
    struct state *state;
    struct desired *desired;
    struct model model;
};

static inline const char *world_at(struct world *world, const char *name)
{
    return arena_printf(world->arena, "%s/%s", world->folder, name);
}

static inline void world_write(struct world *world, const char *name, const char *text)
{
    FILE *file = fopen(world_at(world, name), "w");
    CHECK(file != NULL);
    fputs(text, file);
    fclose(file);
}

static inline void world_begin(struct world *world)
{
    struct error err = {0};
    log_to(-1);
    *world = (struct world){.arena = arena_create()};
    scratch_folder(world->folder, sizeof world->folder);
    mkdir(world_at(world, "manifests"), 0700);
    world->endpoint =
        (struct endpoint){.name = "offline", .url = "https://127.0.0.1:1/rest/", .sandbox = true};
    world->config = (struct operator_config){.path = "certwright.yaml", .manifest_limits = MANIFEST_LIMITS_DEFAULT,
                                             .manifests_directory = world_at(world, "manifests"),
                                             .endpoints = &world->endpoint,
                                             .endpoint_count = 1,
                                             .orders_per_pass = 10,
                                             .removal_count = 5,
                                             .removal_percent = 10};
    const struct state_options options = {world_at(world, "state"),
                                          world_at(world, "sealing.key"),
                                          world_at(world, "audit"),
                                          STATE_WRITE,
                                          "test",
                                          0,
                                          NULL};
    world->state = state_open(&options, &err);
    CHECK_OK(world->state != NULL, err);
    model_init(&world->model, &world->config, world->state);
}

static inline void world_end(struct world *world)
{
    if (world->arena == NULL)
        return;
    model_finish(&world->model);
    desired_destroy(world->desired);
    state_close(world->state);
    arena_destroy(world->arena);
    *world = (struct world){0};
}

/* The tree as it is now. */
static inline void world_look(struct world *world)
{
    struct error err = {0};
    desired_destroy(world->desired);
    world->desired = desired_read(&world->config, NULL, world->state, &err);
    CHECK_OK(world->desired != NULL, err);
    world->model.desired = world->desired;
    world->model.purchase_hold_known = false;
}

/* An account was asked as its issuer is now. */
static inline void world_asked_by(struct world *world, struct account_facts *facts, const char *issuer)
{
    const struct desired_entry *entry = desired_find(world->desired, KIND_ISSUER, "default", issuer);
    CHECK(entry != NULL);
    memcpy(facts->issuer_digest, desired_resource(world->desired, entry)->digest, sizeof facts->issuer_digest);
}

static inline void world_commit(struct world *world, struct state_batch *batch)
{
    struct error err = {0};
    bool ok = state_commit(world->state, batch, false, &err);
    state_batch_destroy(batch);
    CHECK_OK(ok, err);
}

static inline void world_certificates(struct world *world, int first, int count)
{
    struct buffer text = {0};
    for (int i = first; i < first + count; i++)
        buffer_printf(&text, WORLD_DOCUMENT("Certificate", "c%02d") "  dnsNames: [c%02d.example.com]\n"
                             "  order: {product: positivessl}\n  dcv: {method: Email}\n", i, i);
    char *name = arena_printf(world->arena, "manifests/c%02d.yaml", first);
    FILE *file = fopen(world_at(world, name), "w");
    fputs(buffer_text(&text), file);
    fclose(file);
    buffer_release(&text);
}
