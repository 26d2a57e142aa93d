/* The folders of a local target: opened one by one beneath the operator's root, each judged on its
 * descriptor, and used through these descriptors only (reliability.md 6.3, D1). */
#include "reconcilers/deploy/local.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "base/user.h"
#include "schema/deploy_target.h"

#define KEY_MODE_WIDEST 0640

void place_release(struct place *place)
{
    fd_release(&place->root_fd);
    fd_release(&place->links);
    fd_release(&place->generations);
}

/* --- owner, group, mode ---------------------------------------------------------------------- */

static bool find_owner(struct arena *arena, struct place *place, const struct stat *root, struct error *err)
{
    const char *name = place->target->deploy_target->owner;
    const struct passwd *found;

    place->owner = root->st_uid;
    if (name == NULL)
        return true;
    if (!user_named(arena, name, &found, err))
        error_prefix(err, "owner");
    else if (found == NULL)
        error_raise(err, ERROR_MANIFEST, "owner: there is no user %s on this host", name);
    else if (found->pw_uid != root->st_uid && !string_list_contains(&place->root->owners, name))
        error_raise(
            err, ERROR_CONFIG,
            "owner: the root %s is not opened to user %s: add it to the root's `owners` in the operator's "
            "file",
            place->root->name, name);
    else {
        place->owner = found->pw_uid;
        return true;
    }
    return local_blame(place->target, err);
}

static bool find_group(struct arena *arena, struct place *place, const struct stat *root, struct error *err)
{
    const char *name = place->target->deploy_target->group;
    const struct group *found;

    place->group = root->st_gid;
    if (name == NULL)
        return true;
    if (!group_named(arena, name, &found, err))
        error_prefix(err, "group");
    else if (found == NULL)
        error_raise(err, ERROR_MANIFEST, "group: there is no group %s on this host", name);
    else if (found->gr_gid != root->st_gid && !string_list_contains(&place->root->groups, name))
        error_raise(
            err, ERROR_CONFIG,
            "group: the root %s is not opened to group %s: add it to the root's `groups` in the operator's "
            "file",
            place->root->name, name);
    else {
        place->group = found->gr_gid;
        return true;
    }
    return local_blame(place->target, err);
}

static bool find_mode(struct place *place, struct error *err)
{
    const struct deploy_target *spec = place->target->deploy_target;
    place->key_mode = spec->mode != 0 ? (mode_t)spec->mode : 0600;
    if ((place->key_mode & ~(mode_t)KEY_MODE_WIDEST) != 0 || (place->key_mode & S_IRUSR) == 0) {
        error_raise(err, ERROR_MANIFEST,
                    "mode: %04o is refused for a key; 0600, or 0640 with a group, is the widest",
                    (unsigned)place->key_mode);
        return local_blame(place->target, err);
    }
    if ((place->key_mode & S_IRGRP) != 0 && spec->group == NULL) {
        error_raise(err, ERROR_MANIFEST, "mode: %04o lets a group read the key, so `group` must say which",
                    (unsigned)place->key_mode);
        return local_blame(place->target, err);
    }
    return true;
}

/* --- folders --------------------------------------------------------------------------------- */

static bool folder_is_safe(int fd, const char *shown, struct error *err)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return error_raise(err, ERROR_SYSTEM, "cannot look at %s: %m", shown);
    if (status.st_uid != 0 && status.st_uid != geteuid())
        return error_raise(
            err, ERROR_CONFIG,
            "%s belongs to user %u, not to root or to us, who could swap keys in it: chown %u '%s'", shown,
            (unsigned)status.st_uid, (unsigned)geteuid(), shown);
    if ((status.st_mode & 022) != 0)
        return error_raise(err, ERROR_CONFIG,
                           "%s may be written by %s (mode %04o), who could swap keys in it: chmod go-w '%s'",
                           shown, (status.st_mode & 002) != 0 ? "everybody" : "its group",
                           (unsigned)status.st_mode & 07777, shown);
    return true;
}

/* Why a folder could not be entered, seen from what stands there. */
static bool explain_entry(int at, const char *name, const char *shown, const struct error *why,
                          struct error *err)
{
    struct stat status;
    if (fstatat(at, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(status.st_mode))
        return error_raise(
            err, ERROR_CONFLICT,
            "%s is a %s where a folder is needed: move it away, or give the target another path", shown,
            S_ISLNK(status.st_mode) ? "symbolic link" : "file");
    return error_raise(err, why->kind, "%s: %s", shown, why->message);
}

static int make_folder(int at, const char *name, const char *shown, struct error *err)
{
    bool made = mkdirat(at, name, 0755) == 0;
    if (!made && errno != EEXIST) {
        error_raise(err,
                    errno == ENOENT ? ERROR_NOT_FOUND /* the one above was removed */
                    : errno == EACCES || errno == EPERM || errno == EROFS ? ERROR_CONFIG
                                                                          : ERROR_SYSTEM,
                    "cannot make the folder %s: %m", shown);
        return -1;
    }
    struct error why = {0};
    int fd = file_open_beneath(at, name, O_RDONLY | O_DIRECTORY, 0, false, &why);
    if (fd < 0) {
        explain_entry(at, name, shown, &why, err);
        return -1;
    }
    if (made && (fchmod(fd, 0755) != 0 || fsync(at) != 0)) { /* whatever the umask */
        error_raise(err, ERROR_SYSTEM, "cannot set up the folder %s: %m", shown);
        fd_release(&fd);
        unlinkat(at, name, AT_REMOVEDIR); /* the next one who makes it sets it up */
    }
    return fd;
}

bool place_enter(struct arena *arena, int *at, const char *name, const char *shown, enum place_use use,
                 bool checked, const char **out_words, struct error *err)
{
    struct error why = {0};
    AUTO(fd) int next = file_open_beneath(*at, name, O_RDONLY | O_DIRECTORY, 0, false, &why);

    if (next < 0) {
        struct stat status;
        bool missing = why.kind == ERROR_NOT_FOUND && fstatat(*at, name, &status, AT_SYMLINK_NOFOLLOW) != 0;
        if (!missing || use != PLACE_MAKE)
            return explain_entry(*at, name, shown, &why, err);
        next = make_folder(*at, name, shown, err);
        if (next < 0)
            return false;
    }
    if (checked && !folder_is_safe(next, shown, &why)) {
        if (use != PLACE_LOOK)
            return error_raise(err, why.kind, "%s", why.message);
        if (*out_words == NULL)
            *out_words = arena_strdup(arena, why.message);
    }
    int before = *at;
    *at = next;
    next = before;
    return true;
}

bool place_init(struct context *ctx, const struct deployment *d, struct place *out, struct error *err)
{
    const struct deploy_target *spec = d->target->deploy_target;
    struct place place = {.target = d->target, .keyless = d->keyless, .root_fd = -1, .links = -1, .generations = -1};
    struct error why = {0};
    struct stat status;

    place.combined = spec->layout == LAYOUT_COMBINED;
    place.root = local_root(ctx->config, d->target, spec->local.root, err);
    if (place.root == NULL || !local_relative_path(d->target, d->namespace_, d->name, d->common_name, ctx->arena,
                                                   &place.relative, err))
        return false;
    place.path = local_shown(place.root, place.relative, ctx->arena);
    const char *last = strrchr(place.relative, '/');
    last = last != NULL ? last + 1 : place.relative;
    place.link = place.combined ? last : "current";
    place.prefix = place.combined
                       ? arena_printf(ctx->arena, "%.*s.generations/", (int)(strlen(last) - 4), last)
                       : "";
    place.suffix = place.combined ? ".pem" : "";

    AUTO(fd) int root_fd = file_open_directory(place.root->path, &why);
    if (root_fd < 0)
        return error_raise(err, ERROR_CONFIG, "the root %s: %s", place.root->name, why.message);
    if (fstat(root_fd, &status) != 0)
        return error_raise(err, ERROR_SYSTEM, "cannot look at %s: %m", place.root->path);
    if (!find_owner(ctx->arena, &place, &status, err) || !find_group(ctx->arena, &place, &status, err) ||
        !find_mode(&place, err))
        return false;
    place.root_fd = root_fd;
    root_fd = -1;
    *out = place;
    return true;
}

bool place_walk(struct context *ctx, struct place *place, enum place_use use, struct error *err)
{
    struct string_list parts = text_split(ctx->arena, place->relative, '/');
    const char *shown = place->root->path;
    struct error why = {0};

    if (!folder_is_safe(place->root_fd, shown, &why)) {
        if (use != PLACE_LOOK)
            return error_raise(err, why.kind, "%s", why.message);
        place->words = arena_strdup(ctx->arena, why.message);
    }
    AUTO(fd) int at = fcntl(place->root_fd, F_DUPFD_CLOEXEC, 3);
    if (at < 0)
        return error_raise(err, ERROR_SYSTEM, "cannot open %s: %m", shown);
    for (size_t i = 0; i < parts.count - (place->combined ? 1 : 0); i++) {
        shown = arena_printf(ctx->arena, "%s/%s", shown, parts.items[i]);
        if (!place_enter(ctx->arena, &at, parts.items[i], shown, use, true, &place->words, err))
            return false;
    }
    place->links = fcntl(at, F_DUPFD_CLOEXEC, 3);
    if (place->links < 0)
        return error_raise(err, ERROR_SYSTEM, "cannot open %s: %m", shown);
    if (place->combined) {
        const char *name = arena_strndup(ctx->arena, place->prefix, strlen(place->prefix) - 1);
        shown = arena_printf(ctx->arena, "%s/%s", shown, name);
        if (!place_enter(ctx->arena, &at, name, shown, use, true, &place->words, &why)) {
            if (use == PLACE_LOOK && why.kind == ERROR_NOT_FOUND)
                return true; /* a file of others may stand under the published name all the same */
            return error_raise(err, why.kind, "%s", why.message);
        }
    }
    place->generations = at;
    at = -1;
    return true;
}

bool place_open(struct context *ctx, const struct deployment *d, enum place_use use, struct place *out,
                struct error *err)
{
    AUTO(place) struct place place = {.root_fd = -1, .links = -1, .generations = -1};
    if (!place_init(ctx, d, &place, err) || !place_walk(ctx, &place, use, err))
        return false;
    *out = place;
    place.root_fd = place.links = place.generations = -1; /* handed on */
    return true;
}

/* --- generations and the link ---------------------------------------------------------------- */

const char *place_generation(const struct place *place, int generation, struct arena *arena)
{
    return arena_printf(arena, "gen-%d%s", generation, place->suffix);
}

int place_generation_number(const struct place *place, const char *name)
{
    if (!text_has_prefix(name, "gen-"))
        return -1;
    const char *digits = name + 4;
    size_t count = strspn(digits, "0123456789");
    if (count == 0 || count > 9 || (digits[0] == '0' && count > 1) ||
        strcmp(digits + count, place->suffix) != 0)
        return -1;
    return (int)strtol(digits, NULL, 10);
}

/* The number in a link's text of our form; -1 for what else stands there. False: it cannot be read. */
static bool link_number(const struct place *place, const char *name, int *out_number)
{
    char text[PATH_MAX];
    ssize_t length = readlinkat(place->links, name, text, sizeof text - 1);
    *out_number = -1;
    if (length < 0)
        return errno == EINVAL; /* no link */
    text[length] = '\0';
    if (text_has_prefix(text, place->prefix))
        *out_number = place_generation_number(place, text + strlen(place->prefix));
    return true;
}

bool place_link(const struct place *place, struct arena *arena, struct link *out, struct error *err)
{
    struct stat status;
    int number;

    *out = (struct link){.state = LINK_NONE};
    if (fstatat(place->links, place->link, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT)
            return true;
        return error_raise(err, ERROR_SYSTEM, "cannot look at what is published at %s: %m", place->path);
    }
    if (!link_number(place, place->link, &number))
        return error_raise(err, ERROR_SYSTEM, "cannot look at what is published at %s: %m", place->path);
    if (number >= 0)
        *out = (struct link){
            .state = LINK_OURS,
            .generation = number,
            .words = number > 0 ? NULL
                                : arena_printf(arena, "%s leads to gen-0, the files of before the take-over",
                                               place->path),
        };
    else
        *out = (struct link){
            .state = LINK_FOREIGN,
            .generation = -1,
            .words = arena_printf(arena, "%s%s is %s that certwright did not make", place->path,
                                  place->combined ? "" : "/current",
                                  S_ISLNK(status.st_mode)   ? "a link"
                                  : S_ISDIR(status.st_mode) ? "a folder"
                                                            : "a file"),
        };
    return true;
}

static void sweep_links(const struct place *place, struct arena *arena)
{
    const char *mark = arena_printf(arena, ".%s.link-", place->link);
    int fd = openat(place->links, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder == NULL) {
        fd_release(&fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (!text_has_prefix(entry->d_name, mark))
            continue;
        int number;
        if (!link_number(place, entry->d_name, &number))
            continue; /* whose it is cannot be told: the next sweep sees */
        if (number >= 1)
            unlinkat(place->links, entry->d_name, 0);
        else /* a take-over was cut off after the exchange: what stood there before goes where it belongs */
            renameat2(place->links, entry->d_name, place->generations, place_generation(place, 0, arena),
                      RENAME_NOREPLACE);
    }
    closedir(folder);
}

void place_sweep(const struct place *place, struct arena *arena)
{
    static const char *const inside[] = {"key.pem", "cert.pem", "chain.pem", "fullchain.pem"};

    sweep_links(place, arena);
    int fd = openat(place->generations, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder == NULL) {
        fd_release(&fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (!text_has_prefix(entry->d_name, ".stage-"))
            continue;
        AUTO(fd)
        int stage = openat(place->generations, entry->d_name,
                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        for (size_t i = 0; stage >= 0 && i < COUNT_OF(inside); i++)
            unlinkat(stage, inside[i], 0);
        unlinkat(place->generations, entry->d_name, stage >= 0 ? AT_REMOVEDIR : 0);
    }
    closedir(folder);
}
