/* The local deploy target: look, publish, roll back, clean up. The published path is one link, and every
 * change of it is one rename (reliability.md 6.2, 6.3). */
#include "reconcilers/deploy/local.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/x509.h"
#include "schema/deploy_target.h"

#define KEEP_NEWEST 2
#define KEEP_YOUNGER_S (7 * 86400)

struct generation_list {
    int *numbers; /* highest first */
    size_t count;
};

static int by_number_down(const void *a, const void *b)
{
    return *(const int *)b - *(const int *)a;
}

/* Those of our numbering; gen-0 is not ours. Fails: SYSTEM (a number must not be taken for unused). */
static bool list_generations(const struct place *place, struct arena *arena, struct generation_list *out,
                             struct error *err)
{
    struct generation_list list = {0};
    *out = list;
    if (place->generations < 0)
        return true;
    int fd = openat(place->generations, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder == NULL) {
        error_raise(err, ERROR_SYSTEM, "cannot list the generations of %s: %m", place->path);
        fd_release(&fd);
        return false;
    }
    for (const struct dirent *entry; (entry = file_next_entry(folder)) != NULL;) {
        int number = place_generation_number(place, entry->d_name);
        if (number >= 1)
            *arena_push(arena, &list.numbers, list.count) = number;
    }
    bool whole = errno == 0 || error_raise(err, ERROR_SYSTEM, "cannot list the generations of %s: %m", place->path);
    closedir(folder);
    if (!whole)
        return false;
    if (list.count > 1)
        qsort(list.numbers, list.count, sizeof *list.numbers, by_number_down);
    *out = list;
    return true;
}

/* --- observe --------------------------------------------------------------------------------- */

/* Owner, group and mode of the key, which need not be readable for us. Gives words when they are not as
 * stated. */
static const char *key_rights(const struct place *place, int number, struct arena *arena)
{
    const char *generation = place_generation(place, number, arena);
    const char *name = place->combined ? generation : arena_printf(arena, "%s/key.pem", generation);
    AUTO(fd) int fd = file_open_beneath(place->generations, name, O_PATH, 0, false, NULL);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) != 0)
        return NULL; /* a key that should be there is missed elsewhere */
    if ((status.st_mode & 07777) != place->key_mode)
        return arena_printf(arena, "the key in %s has mode %04o, not %04o", place->path,
                            (unsigned)status.st_mode & 07777, (unsigned)place->key_mode);
    if (status.st_uid != place->owner || status.st_gid != place->group)
        return arena_printf(arena, "the key in %s belongs to user %u and group %u, not to %u and %u",
                            place->path, (unsigned)status.st_uid, (unsigned)status.st_gid,
                            (unsigned)place->owner, (unsigned)place->group);
    return NULL;
}

/* Whether the generation is whole and, unless NULL or "", the one meant; when it ends, too. */
static bool look_at(const struct place *place, int number, const char *fingerprint, struct arena *arena, struct x509_info *leaf,
                    struct error *err)
{
    AUTO(generation) struct generation found = {0};
    return generation_read(place, number, true, arena, &found, err) && x509_parse(found.leaf, arena, leaf, err) &&
           generation_check(&found, fingerprint, arena, err);
}

static void observe_current(const struct place *place, struct arena *arena, struct deploy_observation *out)
{
    struct x509_info leaf = {.fingerprint = ""};
    struct error why = {0};

    const char *rights = key_rights(place, out->current, arena);
    out->rights_ok = rights == NULL;
    if (rights != NULL)
        out->words = rights;
    out->whole = look_at(place, out->current, NULL, arena, &leaf, &why);
    out->fingerprint = leaf.fingerprint;
    out->not_after = leaf.not_after;
    if (!out->whole)
        out->words = arena_strdup(arena, why.message);
}

static void observe_previous(const struct place *place, const struct deployment *d, struct arena *arena,
                             struct deploy_observation *out)
{
    struct x509_info leaf;
    struct error ignored = {0};
    out->previous_whole = look_at(place, d->previous, d->previous_fingerprint, arena, &leaf, &ignored);
    out->previous_not_after = out->previous_whole ? leaf.not_after : 0;
}

static bool observe(struct context *ctx, const struct deployment *d, struct deploy_observation *out,
                    struct error *err)
{
    AUTO(place) struct place place = {.root_fd = -1, .links = -1, .generations = -1};
    struct deploy_observation seen = {.fingerprint = "", .rights_ok = true, .words = ""};
    struct generation_list all;
    struct link link;
    struct error why = {0};

    if (!place_init(ctx, d, &place, err))
        return false;
    if (!place_walk(ctx, &place, PLACE_LOOK, &why)) {
        if (why.kind == ERROR_SYSTEM) /* nobody knows what lies there */
            return error_raise(err, why.kind, "%s", why.message);
        bool missing = why.kind == ERROR_NOT_FOUND; /* as before the first deployment */
        seen.current = missing ? 0 : -1;
        seen.words = !missing              ? arena_strdup(ctx->arena, why.message)
                     : place.words != NULL ? place.words
                                           : "";
        *out = seen;
        return true;
    }
    if (!list_generations(&place, ctx->arena, &all, err) || !place_link(&place, ctx->arena, &link, err))
        return false;
    seen.highest = all.count > 0 ? all.numbers[0] : 0;
    seen.current = link.generation;
    if (seen.current >= 1)
        observe_current(&place, ctx->arena, &seen);
    if (d->previous > 0)
        observe_previous(&place, d, ctx->arena, &seen);
    if (link.words != NULL)
        seen.words = link.words;
    if (place.words != NULL && text_empty(seen.words))
        seen.words = place.words;
    *out = seen;
    return true;
}

/* --- publish and roll back ------------------------------------------------------------------- */

/* Put the link of ours under `beside` in the place of what others left, which becomes gen-0. The exchange is
 * one step, so a reader finds the one or the other; place_sweep finishes what a crash cuts off after it. */
static bool take_over(const struct place *place, const char *beside, struct arena *arena, struct error *err)
{
    const char *kept = place_generation(place, 0, arena);
    struct stat status;

    if (fstatat(place->generations, kept, &status, AT_SYMLINK_NOFOLLOW) == 0)
        return error_raise(err, ERROR_CONFLICT,
                           "%s is not ours, and %s of an earlier take-over is still kept there: move one of "
                           "them away",
                           place->path, kept);
    if (renameat2(place->links, beside, place->links, place->link, RENAME_EXCHANGE) != 0 ||
        fsync(place->links) != 0)
        return error_raise(err, ERROR_SYSTEM, "cannot take over %s: %m", place->path);
    if (renameat2(place->links, beside, place->generations, kept, RENAME_NOREPLACE) != 0 ||
        fsync(place->generations) != 0)
        return error_raise(err, ERROR_SYSTEM, "cannot keep what stood at %s as %s: %m", place->path, kept);
    return true;
}

/* Put it in the place of a link of ours or of nothing; what others put there meanwhile is not written over. */
static bool swap(const struct place *place, const char *beside, enum link_state state, struct error *err)
{
    if (renameat2(place->links, beside, place->links, place->link, state == LINK_NONE ? RENAME_NOREPLACE : 0) == 0)
        return true;
    return error_raise(err, errno == EEXIST ? ERROR_CONFLICT : ERROR_SYSTEM, "cannot publish %s: %m", place->path);
}

/* The link names `number` afterwards. */
static bool point_at(const struct place *place, const struct deployment *d, int number, bool backward,
                     struct arena *arena, struct error *err)
{
    struct link link;

    if (!place_link(place, arena, &link, err))
        return false;
    if (link.state == LINK_FOREIGN && (backward || !d->target->deploy_target->take_over))
        return error_raise(err, ERROR_CONFLICT, "%s: move it away%s", link.words,
                           backward ? "" : ", or set `takeOver: true` to keep it as gen-0");
    if (link.generation > number && !backward)
        return error_raise(err, ERROR_CONFLICT,
                           "%s leads to generation %d already, newer than %d: look again", place->path,
                           link.generation, number);
    if (link.generation != number) {
        const char *beside = arena_printf(arena, ".%s.link-%s", place->link,
                                          random_token(arena, 12, "abcdefghijklmnopqrstuvwxyz234567"));
        const char *leads = arena_printf(arena, "%s%s", place->prefix,
                                         place_generation(place, number, arena));
        if (symlinkat(leads, place->links, beside) != 0)
            return error_raise(err, ERROR_SYSTEM, "cannot make a link beside %s: %m", place->path);
        if (!(link.state == LINK_FOREIGN ? take_over(place, beside, arena, err)
                                         : swap(place, beside, link.state, err))) {
            place_sweep(place, arena);
            return false;
        }
    }
    if (fsync(place->links) != 0)
        return error_raise(err, ERROR_SYSTEM, "cannot make %s durable: %m", place->path);
    return true;
}

/* Nothing is published that was not read back from the disk and found whole. */
static bool publish_generation(struct context *ctx, const struct deployment *d, int number,
                               const char *fingerprint, bool backward, struct error *err)
{
    AUTO(place) struct place place = {.root_fd = -1, .links = -1, .generations = -1};
    AUTO(generation) struct generation found = {0};
    struct error why = {0};

    if (!place_open(ctx, d, PLACE_USE, &place, err))
        return false;
    place_sweep(&place, ctx->arena);
    if (!generation_read(&place, number, true, ctx->arena, &found, err))
        return false;
    if (!generation_check(&found, fingerprint, ctx->arena, &why))
        return error_raise(err, ERROR_CONFLICT, "generation %d in %s was changed by somebody: %s", number,
                           place.path, why.message);
    struct x509_info leaf;
    if (backward && x509_parse(found.leaf, ctx->arena, &leaf, err) && leaf.not_after <= clock_now())
        return error_raise(err, ERROR_CONFLICT, "generation %d in %s has ended: it is not put back", number, place.path);
    return point_at(&place, d, number, backward, ctx->arena, err);
}

static bool publish(struct context *ctx, const struct deployment *d, struct error *err)
{
    return publish_generation(ctx, d, d->generation, d->fingerprint, false, err);
}

static bool rollback(struct context *ctx, const struct deployment *d, struct error *err)
{
    return d->previous <= 0 || publish_generation(ctx, d, d->previous, d->previous_fingerprint, true, err);
}

/* --- clean ----------------------------------------------------------------------------------- */

static bool is_kept(const struct place *place, const struct deployment *d, const struct generation_list *all,
                    size_t index, int current, struct arena *arena)
{
    int number = all->numbers[index];
    struct stat status;

    if (index < KEEP_NEWEST || number == d->generation || number == d->previous || number == current)
        return true;
    return fstatat(place->generations, place_generation(place, number, arena), &status,
                   AT_SYMLINK_NOFOLLOW) != 0 ||
           clock_now() - status.st_mtim.tv_sec < KEEP_YOUNGER_S;
}

/* The files of one generation that are ours; what others put there stays, and the folder with it. */
static void remove_generation(const struct place *place, int number, bool key_only, struct arena *arena)
{
    static const char *const names[] = {"key.pem", "fullchain.pem", "chain.pem", "cert.pem"};
    const char *generation = place_generation(place, number, arena);

    if (place->combined) {
        unlinkat(place->generations, generation, 0);
        return;
    }
    AUTO(fd)
    int folder = file_open_beneath(place->generations, generation, O_RDONLY | O_DIRECTORY, 0, false, NULL);
    if (folder < 0)
        return;
    for (size_t i = 0; i < (key_only ? 1 : COUNT_OF(names)); i++)
        unlinkat(folder, names[i], 0);
    if (key_only)
        fsync(folder);
    else
        unlinkat(place->generations, generation, AT_REMOVEDIR);
}

static bool clean(struct context *ctx, const struct deployment *d, struct error *err)
{
    AUTO(place) struct place place = {.root_fd = -1, .links = -1, .generations = -1};
    struct generation_list all;
    struct link link;
    struct error why = {0};

    if (!place_open(ctx, d, PLACE_USE, &place, &why)) {
        if (why.kind != ERROR_NOT_FOUND && err != NULL)
            *err = why;
        return why.kind == ERROR_NOT_FOUND;
    }
    place_sweep(&place, ctx->arena);
    if (!place_link(&place, ctx->arena, &link, err) || !list_generations(&place, ctx->arena, &all, err))
        return false;
    bool keys[] = {true, false}; /* keys first: a crash in between leaves certificates, which are public */
    bool *kept = arena_array(ctx->arena, all.count + 1, sizeof *kept);
    for (size_t i = 0; i < all.count; i++)
        kept[i] = is_kept(&place, d, &all, i, link.generation, ctx->arena);
    for (size_t pass = 0; pass < COUNT_OF(keys); pass++)
        for (size_t i = 0; i < all.count; i++)
            if (!kept[i])
                remove_generation(&place, all.numbers[i], keys[pass], ctx->arena);
    if (fsync(place.generations) != 0)
        return error_raise(err, ERROR_SYSTEM, "cannot make %s durable: %m", place.path);
    return true;
}

const struct deploy_ops deploy_local = {
    .name = "local",
    .observe = observe,
    .stage = local_stage,
    .publish = publish,
    .reload = local_reload,
    .probe = local_probe,
    .rollback = rollback,
    .clean = clean,
    .challenge_present = local_challenge_present,
    .challenge_look = local_challenge_look,
    .challenge_absent = local_challenge_absent,
};
