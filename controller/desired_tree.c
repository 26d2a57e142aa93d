/* The walk costs one fstatat a file and one openat2 a folder; names come from getdents64 into one buffer,
 * and a path is built in place: for files that did not change nothing else happens (performance.md G1). */
#include "controller/desired_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fatal.h"
#include "base/file.h"
#include "base/text.h"
#include "controller/desired_ignore.h"

#define IGNORE_FILE ".certwrightignore"
#define IGNORE_LIMIT (64 * 1024)
#define FOLDERS_MAX 100000
#define CLOSED_MAX 1000 /* folders that cannot be read; each is compared with all folders seen */
#define LINKED_MAX 1000 /* folders behind links; each is compared with all folders seen */
#define NAMES_BUFFER (64 * 1024)

struct folder {
    const char *path; /* relative to the root; "" is the root */
    dev_t device;
    ino_t inode;
};
struct walk {
    struct arena *arena;
    int root_fd;
    struct ignore *ignore;
    struct folder *folders; /* the queue, and what was seen */
    struct folder *linked;  /* wait until the queue is empty: a folder is known by its own name first */
    struct folder *closed;  /* cannot be read: nothing below is looked at */
    size_t folder_count, linked_count, closed_count;
    char path[PATH_MAX]; /* root, slash, relative path */
    size_t root_length;  /* with the slash */
    char *names;
    tree_visitor *visit;
    void *arg;
    const char *trouble; /* why the folder at hand cannot be listed any further */
    bool torn;
};

struct file_identity file_identity_of(const struct stat *st)
{
    return (struct file_identity){
        .device = st->st_dev,
        .inode = st->st_ino,
        .size = (uint64_t)st->st_size,
        .mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
        .ctime_ns = (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec,
    };
}

bool tree_is_manifest(const char *name)
{
    const char *dot = strrchr(name, '.');
    return *name != '.' && dot != NULL &&
           (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0 || strcmp(dot, ".json") == 0);
}

static bool give(struct walk *walk, size_t length, const struct stat *st, const char *refused)
{
    struct tree_entry entry = {.path = walk->path, .length = length, .refused = refused};
    if (refused == NULL)
        entry.identity = file_identity_of(st);
    return walk->visit(&entry, walk->arg);
}

static bool queue_folder(struct walk *walk, bool link, struct error *err)
{
    const char *path = arena_strdup(walk->arena, walk->path + walk->root_length);
    if (walk->folder_count + walk->linked_count >= FOLDERS_MAX || walk->linked_count >= LINKED_MAX)
        return error_raise(err, ERROR_SYSTEM, "%s: too many folders", walk->path);
    if (link)
        arena_push(walk->arena, &walk->linked, walk->linked_count)->path = path;
    else
        arena_push(walk->arena, &walk->folders, walk->folder_count)->path = path;
    return true;
}

/* A link may lead to a file or a folder, or nowhere we go. What it leads to is asked of a descriptor that
 * openat2 gave. */
static bool visit_link(struct walk *walk, const char *name, size_t length, struct error *err)
{
    const char *relative = walk->path + walk->root_length;
    struct error why = {0};
    struct stat st;
    AUTO(fd) int fd = file_open_beneath(walk->root_fd, relative, O_PATH, 0, true, &why);
    if (fd >= 0 && fstat(fd, &st) != 0)
        return error_raise(err, ERROR_SYSTEM, "%s: %s", walk->path, strerror(errno));
    if (fd >= 0 && S_ISDIR(st.st_mode))
        return ignore_match(walk->ignore, relative, true) || queue_folder(walk, true, err);
    if (ignore_match(walk->ignore, relative, false))
        return true;
    if (fd < 0 && why.kind == ERROR_NOT_FOUND)
        return !tree_is_manifest(name) || give(walk, length, NULL, "the link leads nowhere");
    if (fd < 0) /* also without a suffix: it may be meant as a folder, and an absence is never quiet */
        return give(walk, length, NULL, "the link leads out of the manifest directory and is not followed");
    if (!tree_is_manifest(name))
        return true;
    return give(walk, length, &st, S_ISREG(st.st_mode) ? NULL : "this is no regular file");
}

static bool visit_name(struct walk *walk, int fd, const char *name, unsigned char type, size_t length,
                       struct error *err)
{
    struct stat st;
    bool manifest = tree_is_manifest(name);
    if (type == DT_REG && !manifest)
        return true;
    if (type != DT_DIR && type != DT_LNK) {
        if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno != ENOENT)
                walk->trouble = strerror(errno);
            walk->torn |= walk->trouble == NULL;
            return walk->trouble == NULL;
        }
        type = IFTODT(st.st_mode);
    }
    if (type == DT_LNK)
        return visit_link(walk, name, length, err);
    if (ignore_match(walk->ignore, walk->path + walk->root_length, type == DT_DIR))
        return true;
    if (type == DT_DIR)
        return queue_folder(walk, false, err);
    return !manifest || give(walk, length, &st, S_ISREG(st.st_mode) ? NULL : "this is no regular file");
}

static bool read_names(struct walk *walk, int fd, size_t prefix, struct error *err)
{
    for (;;) {
        ssize_t got = getdents64(fd, walk->names, NAMES_BUFFER);
        if (got < 0)
            walk->trouble = strerror(errno);
        if (got < 0)
            return false;
        if (got == 0)
            return true;
        for (ssize_t at = 0; at < got;) {
            const struct dirent64 *entry = (const struct dirent64 *)(walk->names + at);
            at += entry->d_reclen;
            size_t length = strlen(entry->d_name);
            if (entry->d_name[0] == '.')
                continue;
            if (prefix + length >= sizeof walk->path) {
                walk->trouble = "the path of what is in it is too long";
                return false;
            }
            memcpy(walk->path + prefix, entry->d_name, length + 1);
            if (!visit_name(walk, fd, entry->d_name, entry->d_type, prefix + length, err))
                return false;
        }
    }
}

static bool seen_before(const struct walk *walk, size_t count, const struct stat *st)
{
    for (size_t i = 0; i < count; i++)
        if (walk->folders[i].inode == st->st_ino && walk->folders[i].device == st->st_dev)
            return true;
    return false;
}

/* One folder costs what is below it, and no other one. */
static bool close_folder(struct walk *walk, const char *relative, const char *why, struct error *err)
{
    size_t length = strlen(relative);
    walk->trouble = NULL;
    walk->path[walk->root_length + length] = '\0';
    if (length == 0)
        return error_raise(err, ERROR_SYSTEM, "%s: %s", walk->path, why);
    if (walk->closed_count == CLOSED_MAX)
        return error_raise(err, ERROR_SYSTEM, "more than %d folders cannot be read; the last one is %s: %s", CLOSED_MAX,
                           walk->path, why);
    arena_push(walk->arena, &walk->closed, walk->closed_count)->path = relative;
    const struct tree_entry entry = {.path = walk->path, .length = walk->root_length + length, .folder = true,
        .refused = arena_printf(walk->arena, "this folder cannot be read (%s); what is known from below it stays in force", why)};
    return walk->visit(&entry, walk->arg);
}

static bool is_closed(const struct walk *walk, const char *relative)
{
    for (size_t i = 0; i < walk->closed_count; i++) {
        size_t length = strlen(walk->closed[i].path);
        if (strncmp(relative, walk->closed[i].path, length) == 0 && relative[length] == '/')
            return true;
    }
    return false;
}

static bool read_folder(struct walk *walk, size_t index, bool link, struct error *err)
{
    const char *relative = walk->folders[index].path;
    struct error why = {0};
    struct stat st;
    size_t length = strlen(relative);
    if (is_closed(walk, relative))
        return true;
    memcpy(walk->path + walk->root_length, relative, length + 1);
    const char *name = length == 0 ? "." : relative;
    AUTO(fd) int fd = file_open_beneath(walk->root_fd, name, O_RDONLY | O_DIRECTORY, 0, true, &why);
    if (fd < 0 && why.kind == ERROR_NOT_FOUND) {
        walk->torn = true;
        return true;
    }
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) /* our trouble, not the folder's */
        return error_raise(err, ERROR_SYSTEM, "%s: %s", walk->path, strerror(errno));
    if (fd < 0 || fstat(fd, &st) != 0)
        return close_folder(walk, relative, strerror(errno), err);
    if (link && seen_before(walk, index, &st))
        return true; /* a circle, or a second name */
    walk->folders[index].device = st.st_dev;
    walk->folders[index].inode = st.st_ino;
    size_t prefix = walk->root_length + length;
    if (length > 0)
        walk->path[prefix++] = '/';
    return read_names(walk, fd, prefix, err) ||
           (walk->trouble != NULL && close_folder(walk, relative, walk->trouble, err));
}

static bool read_ignore(struct walk *walk, struct error *err)
{
    struct error why = {0};
    struct buffer text = {0};
    AUTO(fd) int fd = file_open_beneath(walk->root_fd, IGNORE_FILE, O_RDONLY | O_NONBLOCK, 0, true, &why);
    if (fd < 0 && why.kind == ERROR_NOT_FOUND)
        return true;
    bool read = fd >= 0 && file_read(fd, IGNORE_LIMIT, &text, &why);
    if (read)
        walk->ignore = ignore_parse(buffer_text(&text), text.length, walk->arena);
    buffer_release(&text);
    return read || error_raise(err, ERROR_SYSTEM, "%s" IGNORE_FILE ": %s", walk->path, why.message);
}

static bool walk_all(struct walk *walk, struct error *err)
{
    arena_push(walk->arena, &walk->folders, walk->folder_count)->path = "";
    for (size_t next = 0, link = 0;;) {
        bool linked = next == walk->folder_count;
        if (linked && link == walk->linked_count)
            return true;
        if (linked)
            *arena_push(walk->arena, &walk->folders, walk->folder_count) = walk->linked[link++];
        if (!read_folder(walk, next++, linked, err))
            return false;
    }
}

bool tree_walk(int root_fd, const char *root, tree_visitor *visit, void *arg, bool *out_torn,
               struct error *err)
{
    size_t length = strlen(root);
    while (length > 1 && root[length - 1] == '/')
        length--;
    struct walk *walk = calloc(1, sizeof *walk);
    if (walk == NULL || (walk->names = malloc(NAMES_BUFFER)) == NULL)
        fatal_memory();
    walk->arena = arena_create();
    walk->root_fd = root_fd;
    walk->visit = visit;
    walk->arg = arg;
    bool done;
    if (length + 2 >= sizeof walk->path) {
        done = error_raise(err, ERROR_SYSTEM, "the path of the manifest directory is too long");
    } else {
        memcpy(walk->path, root, length);
        if (root[length - 1] != '/')
            walk->path[length++] = '/';
        walk->root_length = length;
        done = read_ignore(walk, err) && walk_all(walk, err);
    }
    *out_torn = walk->torn;
    arena_destroy(walk->arena);
    free(walk->names);
    free(walk);
    return done;
}
