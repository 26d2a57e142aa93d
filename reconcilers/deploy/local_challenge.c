/* Challenge files beneath a target's webroot (reliability.md 8.5). A reader sees a file whole or not at all;
 * a file of others is never touched; what a crash left behind is found again by its name. */
#include "reconcilers/deploy/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "schema/deploy_target.h"

#define CONTENT_MAX 4096
#define NAME_LENGTH_MAX 128
#define ATTEMPTS 8 /* another challenge's removal may take the empty folders away under us */

static const char *const well_known[] = {".well-known", "pki-validation"};

static bool check_values(const char *file_name, const char *content, struct error *err)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = strlen(file_name);

    if (length == 0 || length > NAME_LENGTH_MAX || file_name[0] == '.' ||
        strspn(file_name, allowed) != length)
        return error_raise(err, ERROR_MALFORMED,
                           "the vendor named a challenge file in a way that is not accepted");
    if (strlen(content) > CONTENT_MAX)
        return error_raise(err, ERROR_MALFORMED, "the vendor's content for %s is longer than 4 KiB",
                           file_name);
    for (const char *at = content; *at != '\0'; at++)
        if (((unsigned char)*at < 0x20 && *at != '\n' && *at != '\r') || (unsigned char)*at > 0x7E)
            return error_raise(err, ERROR_MALFORMED, "the vendor's content for %s is not plain text",
                               file_name);
    return true;
}

/* The folders from the root to the files, each held open. */
struct webroot {
    const char *shown;
    int root, well_known, files; /* -1: not there */
};

static void webroot_release(struct webroot *webroot)
{
    fd_release(&webroot->root);
    fd_release(&webroot->well_known);
    fd_release(&webroot->files);
}

static bool open_webroot(struct context *ctx, const struct resource *target, struct webroot *out,
                         struct error *err)
{
    const struct deploy_target *spec = target->deploy_target;
    const struct deploy_root *root = local_root(ctx->config, target, spec->challenge_http.root, err);
    const char *words = NULL;
    struct error why = {0};

    if (root == NULL)
        return false;
    const char *shown = root->path;
    AUTO(fd) int at = file_open_directory(shown, &why);
    if (at < 0)
        return error_raise(err, ERROR_CONFIG, "the root %s: %s", root->name, why.message);
    struct string_list parts = text_split(
        ctx->arena, spec->challenge_http.webroot != NULL ? spec->challenge_http.webroot : "", '/');
    for (size_t i = 0; i < parts.count; i++) {
        if (parts.items[i][0] == '\0')
            continue;
        if (!local_component_ok(parts.items[i], strlen(parts.items[i]))) {
            error_raise(err, ERROR_MANIFEST, "webroot: \"%s\" is not a place beneath the root",
                        spec->challenge_http.webroot);
            return local_blame(target, err);
        }
        /* A webroot may belong to whoever keeps the site: nothing secret goes there, and openat2 lets nothing
         * escape. It is not made: a missing one is a wrong path. */
        shown = arena_printf(ctx->arena, "%s/%s", shown, parts.items[i]);
        if (!place_enter(ctx->arena, &at, parts.items[i], shown, PLACE_USE, false, &words, &why))
            return error_raise(err, ERROR_CONFIG, "webroot of target %s: %s", target->name, why.message);
    }
    *out = (struct webroot){.shown = shown, .root = at, .well_known = -1, .files = -1};
    at = -1;
    return true;
}

/* `.well-known/pki-validation`. Fails: NOT_FOUND and as place_enter. */
static bool open_folders(struct context *ctx, struct webroot *webroot, bool make, struct error *err)
{
    int *const steps[] = {&webroot->well_known, &webroot->files};
    const char *words = NULL, *shown = webroot->shown;
    int from = webroot->root;

    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        fd_release(steps[i]);
        shown = arena_printf(ctx->arena, "%s/%s", shown, well_known[i]);
        *steps[i] = fcntl(from, F_DUPFD_CLOEXEC, 3);
        if (!place_enter(ctx->arena, steps[i], well_known[i], shown, make ? PLACE_MAKE : PLACE_USE, false,
                         &words, err)) {
            fd_release(steps[i]);
            return false;
        }
        from = *steps[i];
    }
    return true;
}

/* Whether the file there holds exactly the content. Fails: NOT_FOUND, SYSTEM. */
static bool read_content(int folder, const char *file_name, const char *content, bool *out_same,
                         struct error *err)
{
    AUTO(buffer) struct buffer text = {0};
    struct stat status;

    *out_same = false;
    if (fstatat(folder, file_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return error_raise(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_SYSTEM,
                           "cannot look at the challenge file %s: %m", file_name);
    if (!S_ISREG(status.st_mode) || (size_t)status.st_size != strlen(content))
        return true;
    AUTO(fd) int fd = file_open_beneath(folder, file_name, O_RDONLY | O_NONBLOCK, 0, false, err);
    if (fd < 0 || !file_read(fd, CONTENT_MAX, &text, err))
        return false;
    *out_same = strcmp(buffer_text(&text), content) == 0;
    return true;
}

/* Write under the beside-name, then give it its name unless somebody has taken that. Fails: NOT_FOUND (the
 * folder went away), CONFLICT, CONFIG, SYSTEM. */
static bool write_beside(int folder, const char *beside, const char *file_name, const char *content,
                         const char *shown, struct error *err)
{
    unlinkat(folder, beside, 0);
    AUTO(fd) int fd = openat(folder, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_raise(err,
                           errno == ENOENT                     ? ERROR_NOT_FOUND
                           : errno == EACCES || errno == EROFS ? ERROR_CONFIG
                                                               : ERROR_SYSTEM,
                           "cannot write in %s/.well-known/pki-validation: %m", shown);
    if (!file_write_all(fd, content, strlen(content), err))
        return error_prefix(err, "%s", shown);
    if (fchmod(fd, 0644) != 0 || fsync(fd) != 0)
        return error_raise(err, ERROR_SYSTEM, "cannot finish a challenge file in %s: %m", shown);
    if (renameat2(folder, beside, folder, file_name, RENAME_NOREPLACE) != 0) {
        error_raise(err, errno == EEXIST ? ERROR_CONFLICT : ERROR_SYSTEM,
                    "cannot put the challenge file %s of %s in its place: %m", file_name, shown);
        unlinkat(folder, beside, 0);
        return false;
    }
    if (fsync(folder) != 0)
        return error_raise(err, ERROR_SYSTEM, "cannot make a challenge file in %s durable: %m", shown);
    return true;
}

bool local_challenge_present(struct context *ctx, const struct resource *target, const char *file_name,
                             const char *content, struct error *err)
{
    AUTO(webroot) struct webroot webroot = {.root = -1, .well_known = -1, .files = -1};
    struct error why = {0};

    if (!check_values(file_name, content, err) || !open_webroot(ctx, target, &webroot, err))
        return false;
    const char *beside = arena_printf(ctx->arena, ".%s.new", file_name);
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        bool same = false;
        if (!open_folders(ctx, &webroot, true, &why)) {
            if (why.kind == ERROR_NOT_FOUND)
                continue;
            break;
        }
        if (read_content(webroot.files, file_name, content, &same, &why)) {
            if (same)
                return true;
            return error_raise(
                err, ERROR_CONFLICT,
                "%s/.well-known/pki-validation/%s exists with other content and is not touched: "
                "move it away",
                webroot.shown, file_name);
        }
        if (why.kind != ERROR_NOT_FOUND)
            break;
        if (write_beside(webroot.files, beside, file_name, content, webroot.shown, &why))
            return true;
        if (why.kind != ERROR_NOT_FOUND && why.kind != ERROR_CONFLICT)
            break;
    }
    return error_raise(err, why.kind, "%s", why.message);
}

bool local_challenge_look(struct context *ctx, const struct resource *target, const char *file_name,
                          const char *content, bool *out_there, struct error *err)
{
    AUTO(webroot) struct webroot webroot = {.root = -1, .well_known = -1, .files = -1};
    struct error why = {0};
    *out_there = false;
    if ((file_name != NULL && !check_values(file_name, content, err)) || !open_webroot(ctx, target, &webroot, err))
        return false;
    if (!open_folders(ctx, &webroot, false, &why) ||
        (file_name != NULL && !read_content(webroot.files, file_name, content, out_there, &why))) {
        if (why.kind != ERROR_NOT_FOUND)
            return error_raise(err, why.kind, "%s: %s", webroot.shown, why.message);
    }
    return true;
}

/* A folder of ours that nothing is in. One that is in use, or stands where we may not write, stays. */
static bool remove_if_empty(int parent, int folder, const char *name)
{
    struct stat status;
    if (fstat(folder, &status) != 0 || status.st_uid != geteuid() ||
        unlinkat(parent, name, AT_REMOVEDIR) == 0)
        return true;
    return errno == ENOTEMPTY || errno == EEXIST || errno == ENOENT || errno == EACCES || errno == EPERM || errno == EBUSY;
}

bool local_challenge_absent(struct context *ctx, const struct resource *target, const char *file_name,
                            const char *content, struct error *err)
{
    AUTO(webroot) struct webroot webroot = {.root = -1, .well_known = -1, .files = -1};
    struct error why = {0};
    bool same = false;

    if (!check_values(file_name, content, err) || !open_webroot(ctx, target, &webroot, err))
        return false;
    if (!open_folders(ctx, &webroot, false, &why)) {
        if (why.kind != ERROR_NOT_FOUND)
            return error_raise(err, why.kind, "%s", why.message);
    } else {
        unlinkat(webroot.files, arena_printf(ctx->arena, ".%s.new", file_name), 0);
        if (!read_content(webroot.files, file_name, content, &same, &why) && why.kind != ERROR_NOT_FOUND)
            return error_raise(err, why.kind, "%s: %s", webroot.shown, why.message);
        if (same && unlinkat(webroot.files, file_name, 0) != 0 && errno != ENOENT)
            return error_raise(err, ERROR_SYSTEM, "cannot remove the challenge file %s beneath %s: %m",
                               file_name, webroot.shown);
        if (fsync(webroot.files) != 0)
            return error_raise(err, ERROR_SYSTEM, "cannot make %s durable: %m", webroot.shown);
        if (!remove_if_empty(webroot.well_known, webroot.files, well_known[1]))
            return error_raise(err, ERROR_SYSTEM, "cannot remove the empty folders beneath %s: %m", webroot.shown);
    }
    if (webroot.well_known >= 0 && !remove_if_empty(webroot.root, webroot.well_known, well_known[0]))
        return error_raise(err, ERROR_SYSTEM, "cannot remove the empty folders beneath %s: %m", webroot.shown);
    /* Gone for good, folders too, whoever removed them: nobody looks here again once this is recorded. */
    if ((webroot.well_known >= 0 && fsync(webroot.well_known) != 0) || fsync(webroot.root) != 0)
        return error_raise(err, ERROR_SYSTEM, "cannot make %s durable: %m", webroot.shown);
    return true;
}
