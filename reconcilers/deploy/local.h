/* Shared by the files of the local deploy target; nobody else includes it.
 *
 * On the disk, for the path "shop" of a root:
 *
 *   Generation   shop/gen-7/{key,cert,chain,fullchain}.pem     shop/current -> gen-7
 *   Combined     shop.generations/gen-7.pem                    shop.pem -> shop.generations/gen-7.pem
 *
 * (A folder for the generations of Combined, because HAProxy reads every file of a folder it is given.) A
 * link of just this form is ours; anything else under that name is not. gen-0 is what a take-over put aside.
 * Names that begin with a dot are work in progress: ".stage-*" among the generations, ".<link>.link-*" beside
 * the link. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/text.h"
#include "reconcilers/deploy/deploy.h"
#include "schema/operator.h"

struct secret;

/* deploy.c: the path beneath the root, and the root itself. */
bool local_relative_path(const struct resource *target, const char *namespace_, const char *name,
                         const char *common_name, struct arena *arena, const char **out_path,
                         struct error *err);
bool local_component_ok(const char *name, size_t length);
const struct deploy_root *local_root(const struct operator_config *config, const struct resource *target,
                                     const char *name, struct error *err);
/* "<root>/<relative>". */
const char *local_shown(const struct deploy_root *root, const char *relative, struct arena *arena);
/* The target's manifest is what to open. Always false. */
bool local_blame(const struct resource *target, struct error *err);

/* local_place.c: the folders, held open. */
struct place {
    const struct resource *target;
    const struct deploy_root *root;
    const char *path; /* as deploy_place gives it, for messages */
    const char *relative;
    const char *link;   /* name of the published link: "current", "shop.pem" */
    const char *prefix; /* of a generation in the link's text: "", "shop.generations/" */
    const char *suffix; /* of a generation's name: "", ".pem" */
    bool combined;
    uid_t owner;
    gid_t group;
    mode_t key_mode;
    bool keyless; /* no key belongs to what is deployed */
    int root_fd, links, generations; /* -1: not there */
    const char *words;               /* PLACE_LOOK: what is wrong with the folders; NULL: nothing */
};
enum place_use { PLACE_LOOK, PLACE_USE, PLACE_MAKE };

/* Root, path, owner, group and mode. Fails: CONFIG, MANIFEST. */
bool place_init(struct context *ctx, const struct deployment *d, struct place *out, struct error *err);
/* Every folder on the way (D1). LOOK notes bad rights in words; USE and MAKE refuse them; MAKE makes what is
 * missing. Fails: NOT_FOUND (nothing there), CONFIG (rights), CONFLICT (a file or a link stands on the way).
 */
bool place_walk(struct context *ctx, struct place *place, enum place_use use, struct error *err);
/* Both. */
bool place_open(struct context *ctx, const struct deployment *d, enum place_use use, struct place *out,
                struct error *err);
void place_release(struct place *place); /* for AUTO(place) */
/* One folder further beneath `*at`, which is closed and replaced. `checked`: judge owner and mode. */
bool place_enter(struct arena *arena, int *at, const char *name, const char *shown, enum place_use use,
                 bool checked, const char **out_words, struct error *err);

enum link_state { LINK_NONE, LINK_OURS, LINK_FOREIGN };
struct link {
    enum link_state state;
    int generation;    /* 0: none, or gen-0; -1: not ours */
    const char *words; /* what is wrong with it; NULL: nothing */
};
/* Where the published link leads. Fails: SYSTEM (it cannot be looked at: nobody may take it for missing). */
bool place_link(const struct place *place, struct arena *arena, struct link *out, struct error *err);
/* "gen-7" or "gen-7.pem". */
const char *place_generation(const struct place *place, int generation, struct arena *arena);
/* The number of such a name; -1: another name. */
int place_generation_number(const struct place *place, const char *name);
/* Finish or take back what a crash left beside the link and among the generations. Best effort. */
void place_sweep(const struct place *place, struct arena *arena);

/* local_stage.c: generations on the disk. */
struct generation {
    const struct secret *key; /* released by generation_release; NULL: none there */
    const char *leaf, *chain;
};
void generation_release(struct generation *generation);
/* Read one; `whole`: with its key, and judge the file for servers, which holds leaf and chain. Fails: NOT_FOUND (a file
 * is missing), SYSTEM, MALFORMED. */
bool generation_read(const struct place *place, int number, bool whole, struct arena *arena,
                     struct generation *out, struct error *err);
/* Key belongs to leaf, leaf is the one meant ("" or NULL: any), chain stands in order. Fails: INTERNAL. */
bool generation_check(const struct generation *generation, const char *fingerprint, struct arena *arena,
                      struct error *err);
/* Fingerprints of the PEM certificates of a text, in their order. Fails: MALFORMED. */
bool certificate_fingerprints(const char *pem, struct arena *arena, struct string_list *out,
                              struct error *err);
bool local_stage(struct context *ctx, const struct deployment *d, struct error *err);

/* local_reload.c */
bool local_reload(struct context *ctx, const struct deployment *d, struct error *err);
bool local_probe(struct context *ctx, const struct deployment *d, struct error *err);

/* local_challenge.c */
bool local_challenge_present(struct context *ctx, const struct resource *target, const char *file_name,
                             const char *content, struct error *err);
bool local_challenge_look(struct context *ctx, const struct resource *target, const char *file_name,
                          const char *content, bool *out_there, struct error *err);
bool local_challenge_absent(struct context *ctx, const struct resource *target, const char *file_name,
                            const char *content, struct error *err);
