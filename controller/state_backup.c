#include "controller/state_backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "controller/state_check.h"
#include "controller/state_store.h"

#define BESIDE ".store-" /* of a copy that is not whole yet */

/* "20261122T050334Z": sorts as time does. */
static char *stamp(struct arena *arena)
{
    time_t now = (time_t)clock_now();
    struct tm tm;
    gmtime_r(&now, &tm);
    return arena_printf(arena, "%04d%02d%02dT%02d%02d%02dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                        tm.tm_min, tm.tm_sec);
}

static bool parse_name(const char *name, struct backup *out)
{
    int year, month, day, hour, minute, second, end = 0;
    if (sscanf(name, "store-%4d%2d%2dT%2d%2d%2dZ-%12" SCNd64 ".mdb%n", &year, &month, &day, &hour, &minute, &second,
               &out->revision, &end) != 7 || end == 0 || name[end] != '\0')
        return false;
    out->at = clock_from_civil(year, month, day, hour, minute, second);
    return true;
}

static int newest_first(const void *left, const void *right)
{
    const struct backup *a = left, *b = right;
    if (a->revision != b->revision) /* a clock may have been set back meanwhile, the revision only grows */
        return a->revision > b->revision ? -1 : 1;
    return strcmp(b->name, a->name);
}

bool backup_list(const char *directory, struct arena *arena, struct backup_list *out, struct error *err)
{
    DIR *folder = opendir(directory);
    bool whole = folder != NULL || errno == ENOENT;
    *out = (struct backup_list){0};
    for (const struct dirent *entry; whole && folder != NULL;) {
        if ((entry = file_next_entry(folder)) == NULL) {
            whole = errno == 0;
            break;
        }
        struct backup backup = {0};
        struct stat st = {0};
        if (!parse_name(entry->d_name, &backup))
            continue;
        whole = fstatat(dirfd(folder), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno == ENOENT;
        if (!whole || !S_ISREG(st.st_mode))
            continue;
        backup.name = arena_strdup(arena, entry->d_name);
        backup.path = arena_printf(arena, "%s/%s", directory, entry->d_name);
        backup.bytes = st.st_size;
        *arena_push(arena, &out->items, out->count) = backup;
    }
    if (!whole)
        error_raise(err, ERROR_SYSTEM, "the backups in %s cannot be looked at: %m", directory);
    if (folder != NULL)
        closedir(folder);
    if (out->count > 1)
        qsort(out->items, out->count, sizeof *out->items, newest_first);
    return whole;
}

static bool copy_and_check(struct store *store, int folder, const char *beside, const char *path,
                           const struct keyring *ring, struct error *err)
{
    AUTO(fd) int fd = openat(folder, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    struct state_check check;
    if (fd < 0)
        return error_raise(err, ERROR_SYSTEM, "cannot write %s: %m", path);
    if (!store_copy(store, fd, err))
        return error_prefix(err, "%s", path);
    if (fsync(fd) != 0)
        return error_raise(err, ERROR_SYSTEM, "cannot make %s durable: %m", path);
    state_check_file(path, ring, &check);
    return check.verdict == VAULT_GOOD ||
           error_raise(err, ERROR_STATE, "the backup that was just made is not good: %s", check.words);
}

bool backup_make(struct store *store, const char *directory, int64_t revision, const struct keyring *ring,
                 struct arena *arena, const char **out_path, struct error *err)
{
    const char *name = arena_printf(arena, "store-%s-%012" PRId64 ".mdb", stamp(arena), revision);
    const char *beside = arena_printf(arena, ".%s", name);
    if (!file_make_directories(directory, 0700, err))
        return error_prefix(err, "making the backup directory");
    AUTO(fd) int folder = file_open_directory(directory, err);
    if (folder < 0)
        return false;
    unlinkat(folder, beside, 0);
    bool ok = copy_and_check(store, folder, beside, arena_printf(arena, "%s/%s", directory, beside), ring, err) &&
              (renameat(folder, beside, folder, name) == 0 ||
               error_raise(err, ERROR_SYSTEM, "cannot put %s/%s in its place: %m", directory, name)) &&
              (fsync(folder) == 0 || error_raise(err, ERROR_SYSTEM, "cannot make %s durable: %m", directory));
    if (!ok)
        unlinkat(folder, beside, 0);
    else if (out_path != NULL)
        *out_path = arena_printf(arena, "%s/%s", directory, name);
    return ok;
}

void backup_prune(const char *directory, size_t keep)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct backup_list list;
    bool known = backup_list(directory, arena, &list, NULL);
    for (size_t i = keep; known && i < list.count; i++)
        unlink(list.items[i].path);
    AUTO(fd) int folder = file_open_directory(directory, NULL);
    if (folder >= 0)
        file_remove_leftovers(folder, BESIDE);
}

/* ---- the store file ---- */

/* The readers' table belongs to the file it was made for: a process that opens the new file beside an old table would take the
 * wrong one of its two heads. It goes before and after, so that whoever comes between has the pair of the old file. */
bool store_file_replace(const char *directory, const char *name, struct error *err)
{
    AUTO(fd) int folder = file_open_directory(directory, err);
    if (folder < 0)
        return false;
    unlinkat(folder, "lock.mdb", 0);
    if (renameat(folder, name, folder, "data.mdb") != 0)
        return error_raise(err, ERROR_SYSTEM, "cannot put the store in %s in its place: %m", directory);
    unlinkat(folder, "lock.mdb", 0);
    return fsync(folder) == 0 || error_raise(err, ERROR_SYSTEM, "cannot make %s durable: %m", directory);
}

static bool copy_bytes(int from, int to, struct error *err)
{
    char bytes[65536];
    ssize_t got;
    while ((got = read(from, bytes, sizeof bytes)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_raise(err, ERROR_SYSTEM, "reading it: %m");
        if (!file_write_all(to, bytes, (size_t)got, err))
            return false;
    }
    return fsync(to) == 0 || error_raise(err, ERROR_SYSTEM, "cannot make it durable: %m");
}

bool backup_put_in_place(const char *from, const char *directory, struct error *err)
{
    AUTO(fd) int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (in < 0)
        return error_raise(err, ERROR_SYSTEM, "cannot open %s: %m", from);
    AUTO(fd) int folder = file_open_directory(directory, err);
    if (folder < 0)
        return false;
    unlinkat(folder, STORE_FILE_NEXT, 0);
    AUTO(fd) int out = openat(folder, STORE_FILE_NEXT, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out < 0)
        return error_raise(err, ERROR_SYSTEM, "cannot write %s/" STORE_FILE_NEXT ": %m", directory);
    if (!copy_bytes(in, out, err)) {
        unlinkat(folder, STORE_FILE_NEXT, 0);
        return error_prefix(err, "copying %s", from);
    }
    return store_file_replace(directory, STORE_FILE_NEXT, err);
}

/* "<word>-<time>.mdb", or with a number where several fall into one second. */
static const char *free_name(int folder, const char *word, struct arena *arena)
{
    const char *name = arena_printf(arena, "%s-%s.mdb", word, stamp(arena));
    for (int i = 2; faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0; i++)
        name = arena_printf(arena, "%s-%s-%d.mdb", word, stamp(arena), i);
    return name;
}

bool store_file_keep(const char *directory, const char *word, struct arena *arena, const char **out_path, struct error *err)
{
    AUTO(fd) int folder = file_open_directory(directory, err);
    if (folder < 0)
        return false;
    *out_path = arena_printf(arena, "%s/%s", directory, free_name(folder, word, arena));
    return link(arena_printf(arena, "%s/data.mdb", directory), *out_path) == 0 ||
           error_raise(err, ERROR_SYSTEM, "cannot keep the present store as %s: %m", *out_path);
}

bool store_file_set_aside(const char *directory, const char *word, struct arena *arena, const char **out_path, struct error *err)
{
    AUTO(fd) int folder = file_open_directory(directory, err);
    if (folder < 0)
        return false;
    const char *name = free_name(folder, word, arena);
    if (renameat(folder, "data.mdb", folder, name) != 0)
        return error_raise(err, ERROR_SYSTEM, "cannot set the store in %s aside: %m", directory);
    unlinkat(folder, "lock.mdb", 0);
    *out_path = arena_printf(arena, "%s/%s", directory, name);
    return fsync(folder) == 0 || error_raise(err, ERROR_SYSTEM, "cannot make %s durable: %m", directory);
}
