/* Files: opened beneath a root, written beside and renamed, with modes as stated.
 *
 * Foreign paths go through openat2 alone: a check of a path followed by an open of it can be raced, a
 * resolution that the kernel bounds cannot. Secrets are checked on the descriptor they are read from. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/secret.h"
#include "base/text.h"

#define NAMED_SECRET_LIMIT (64 * 1024)
#define OPEN_ATTEMPTS 32 /* EAGAIN: a folder was renamed while ".." was resolved */

void fd_release(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* --- opening --------------------------------------------------------------------------------- */

int file_open_beneath(int root_fd, const char *path, int flags, mode_t mode, bool follow_links,
                      struct error *err)
{
    struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC),
        .mode = (flags & O_CREAT) ? mode & 07777 : 0, /* openat2 refuses a mode without a use for it */
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | (follow_links ? 0 : RESOLVE_NO_SYMLINKS),
    };
    long fd;
    int attempts = 0;

    do
        fd = syscall(SYS_openat2, root_fd, path, &how, sizeof how);
    while (fd < 0 && (errno == EINTR || (errno == EAGAIN && ++attempts < OPEN_ATTEMPTS)));
    if (fd >= 0)
        return (int)fd;
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
        error_raise(err, ERROR_NOT_FOUND, "%s does not exist", path);
        break;
    case EXDEV:
        error_raise(err, ERROR_SYSTEM, "%s leads out of the folder it must stay beneath", path);
        break;
    case ELOOP:
        error_raise(err, ERROR_SYSTEM, "%s: a symbolic link stands on the way, and none is followed here",
                    path);
        break;
    default:
        error_raise(err, ERROR_SYSTEM, "cannot open %s: %m", path);
        break;
    }
    return -1;
}

int file_open_directory(const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        error_raise(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_SYSTEM, "cannot open the folder %s: %m",
                    path);
    return fd;
}

bool file_make_directories(const char *path, mode_t mode, struct error *err)
{
    AUTO(fd) int at = open(*path == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    char part[NAME_MAX + 1];

    if (at < 0)
        return error_raise(err, ERROR_SYSTEM, "cannot make %s: %m", path);
    for (const char *rest = path; *(rest += strspn(rest, "/")) != '\0';) {
        size_t length = strcspn(rest, "/");
        if (length > NAME_MAX)
            return error_raise(err, ERROR_SYSTEM, "cannot make %s: a part of it is longer than %d bytes",
                               path, NAME_MAX);
        memcpy(part, rest, length);
        part[length] = '\0';
        rest += length;

        int why = mkdirat(at, part, mode) == 0 ? 0 : errno;
        /* The mode is as stated, whatever the umask; an existing folder stays as it is. */
        if (why == 0 && fchmodat(at, part, mode, 0) != 0)
            return error_raise(err, ERROR_SYSTEM, "cannot set the mode of %s: %m", path);
        int next = openat(at, part, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (next < 0) {
            errno = errno == ENOENT ? why : errno; /* why it could not be made, not that it is missing */
            return error_raise(err, ERROR_SYSTEM, "cannot make the folder %s (at %s): %m", path, part);
        }
        close(at);
        at = next;
    }
    return true;
}

/* --- reading --------------------------------------------------------------------------------- */

/* Whether the descriptor is a regular file: a pipe would hold us up, a device would never end. */
static bool is_regular(int fd, const char *shown, struct stat *status, struct error *err)
{
    if (fstat(fd, status) != 0)
        return error_raise(err, ERROR_SYSTEM, "cannot look at %s: %m", shown);
    if (S_ISREG(status->st_mode))
        return true;
    return error_raise(err, ERROR_SYSTEM, "%s is %s, not a regular file", shown,
                       S_ISDIR(status->st_mode) ? "a folder" : "a device, pipe or socket");
}

static bool read_all(int fd, const char *shown, size_t limit, struct buffer *out, struct error *err)
{
    char chunk[16384];
    struct stat status;
    size_t before = out->length;

    if (!is_regular(fd, shown, &status, err))
        return false;
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            error_raise(err, ERROR_SYSTEM, "cannot read %s: %m", shown);
            break;
        }
        if (got == 0) {
            secret_wipe(chunk, sizeof chunk); /* it may have been a key */
            return true;
        }
        if ((size_t)got > limit - (out->length - before)) {
            error_raise(err, ERROR_SYSTEM, "%s is larger than %zu bytes", shown, limit);
            break;
        }
        buffer_append(out, chunk, (size_t)got);
        if (out->overflow) {
            error_raise(err, ERROR_SYSTEM, "%s is larger than the room for it", shown);
            break;
        }
    }
    secret_wipe(chunk, sizeof chunk);
    out->length = before;
    if (out->data != NULL)
        out->data[before] = '\0';
    return false;
}

bool file_read(int fd, size_t limit, struct buffer *out, struct error *err)
{
    return read_all(fd, "the file", limit, out, err);
}

int file_open_regular(const char *path, struct error *err)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        error_raise(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_SYSTEM, "cannot open %s: %m", path);
    } else if (!is_regular(fd, path, &status, err)) {
        close(fd);
        return -1;
    }
    return fd;
}

bool file_read_path(const char *path, size_t limit, struct buffer *out, struct error *err)
{
    AUTO(fd) int fd = file_open_regular(path, err);
    return fd >= 0 && read_all(fd, path, limit, out, err);
}

/* --- writing --------------------------------------------------------------------------------- */

bool file_write_all(int fd, const void *data, size_t length, struct error *err)
{
    const char *from = data;

    while (length > 0) {
        ssize_t put = write(fd, from, length);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return error_raise(err, ERROR_SYSTEM, "cannot write: %m");
        from += put;
        length -= (size_t)put;
    }
    return true;
}

bool file_beside_begin(int directory_fd, const char *name, mode_t mode, struct file_beside *out, struct error *err)
{
    unsigned char random[8];

    *out = (struct file_beside){.directory_fd = directory_fd, .fd = -1, .name = name};
    if (*name == '\0' || strchr(name, '/') != NULL)
        return error_raise(err, ERROR_INTERNAL, "%s is not the name of a file", name);
    random_bytes(random, sizeof random);
    int written = snprintf(out->beside, sizeof out->beside, ".%.200s.%02x%02x%02x%02x%02x%02x%02x%02x", name, random[0],
                           random[1], random[2], random[3], random[4], random[5], random[6], random[7]);
    if (written < 0 || (size_t)written >= sizeof out->beside)
        return error_raise(err, ERROR_INTERNAL, "the name %s is too long", name);

    out->fd = openat(directory_fd, out->beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out->fd < 0)
        return error_raise(err, ERROR_SYSTEM, "cannot write beside %s: %m", name);
    if (fchmod(out->fd, mode) == 0)
        return true;
    error_raise(err, ERROR_SYSTEM, "cannot set the mode of %s: %m", name);
    file_beside_drop(out);
    return false;
}

bool file_beside_put(struct file_beside *file, struct error *err)
{
    if (fsync(file->fd) != 0) {
        error_raise(err, ERROR_SYSTEM, "cannot make %s durable: %m", file->name);
    } else if (renameat(file->directory_fd, file->beside, file->directory_fd, file->name) != 0) {
        error_raise(err, ERROR_SYSTEM, "cannot put %s in its place: %m", file->name);
    } else {
        close(file->fd);
        return fsync(file->directory_fd) == 0 ||
               error_raise(err, ERROR_SYSTEM, "cannot make the folder of %s durable: %m", file->name);
    }
    file_beside_drop(file);
    return false;
}

void file_beside_drop(struct file_beside *file)
{
    close(file->fd);
    unlinkat(file->directory_fd, file->beside, 0);
}

bool file_replace(int directory_fd, const char *name, const void *data, size_t length, mode_t mode,
                  struct error *err)
{
    struct file_beside beside;
    if (!file_beside_begin(directory_fd, name, mode, &beside, err))
        return false;
    if (file_write_all(beside.fd, data, length, err))
        return file_beside_put(&beside, err);
    error_prefix(err, "%s", name);
    file_beside_drop(&beside);
    return false;
}

const struct dirent *file_next_entry(DIR *folder)
{
    errno = 0;
    return readdir(folder);
}

void file_remove_leftovers(int directory_fd, const char *prefix)
{
    int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    if (folder == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
            unlinkat(directory_fd, entry->d_name, 0); /* a folder stays */
    closedir(folder);
}

/* --- secrets --------------------------------------------------------------------------------- */

/* Checked on the descriptor, so that what is read is what was checked. */
static bool secret_rights(const struct stat *status, const char *shown, bool group_may_read,
                          struct error *err)
{
    mode_t forbidden = group_may_read ? 027 : 077;

    if (status->st_uid != 0 && status->st_uid != geteuid())
        return error_raise(err, ERROR_CONFIG,
                           "%s belongs to user %u, not to root or to us (user %u): chown %u '%s'", shown,
                           (unsigned)status->st_uid, (unsigned)geteuid(), (unsigned)geteuid(), shown);
    if ((status->st_mode & forbidden) != 0)
        return error_raise(err, ERROR_CONFIG, "%s is open to %s (mode %04o): chmod %s '%s'", shown,
                           (status->st_mode & 007) != 0 ? "everybody" : "its group",
                           (unsigned)status->st_mode & 07777, group_may_read ? "o=,g-wx" : "go=", shown);
    return true;
}

/* Read without growing buffers, which would leave copies behind. */
static struct secret *read_secret(int fd, const char *shown, size_t limit, bool group_may_read,
                                  bool trim_newline, struct error *err)
{
    struct stat status;
    if (!is_regular(fd, shown, &status, err)) {
        if (err != NULL)
            err->kind = ERROR_CONFIG;
        return NULL;
    }
    if (!secret_rights(&status, shown, group_may_read, err))
        return NULL;

    char *data = malloc(limit + 1);
    if (data == NULL) {
        error_raise(err, ERROR_SYSTEM, "no memory to read %s", shown);
        return NULL;
    }
    size_t length = 0;
    ssize_t got = 1;
    while (length <= limit && got != 0) {
        got = read(fd, data + length, limit + 1 - length);
        if (got < 0 && errno != EINTR)
            break;
        length += got > 0 ? (size_t)got : 0;
    }
    struct secret *secret = NULL;
    if (got < 0) {
        error_raise(err, ERROR_CONFIG, "cannot read %s: %m", shown);
    } else if (length > limit) {
        error_raise(err, ERROR_CONFIG, "%s is larger than %zu bytes: it cannot be what is meant", shown,
                    limit);
    } else {
        size_t kept = length;
        if (trim_newline && kept > 0 && data[kept - 1] == '\n')
            kept -= kept > 1 && data[kept - 2] == '\r' ? 2 : 1;
        secret = secret_create(data, kept);
    }
    secret_wipe(data, limit + 1);
    free(data);
    return secret;
}

struct secret *file_read_secret(const char *path, size_t limit, struct error *err)
{
    AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0)
        return read_secret(fd, path, limit, false, false, err);
    if (errno == ENOENT)
        error_raise(err, ERROR_NOT_FOUND, "%s does not exist", path);
    else if (errno == ELOOP)
        error_raise(err, ERROR_CONFIG, "%s is a symbolic link: name the file itself", path);
    else
        error_raise(err, ERROR_CONFIG, "cannot open %s: %m", path);
    return NULL;
}

static bool is_secret_word(const char *word)
{
    return word != NULL && *word != '\0' && *word != '.' && strchr(word, '/') == NULL && strlen(word) <= 253;
}

/* A folder in which anybody may rename files hands out anybody's secrets; with the sticky bit (as Kubernetes
 * mounts secrets) they may not. */
static bool secrets_directory_is_safe(int fd, const char *directory, struct error *err)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return error_raise(err, ERROR_CONFIG, "cannot look at the secrets directory %s: %m", directory);
    if (status.st_uid != 0 && status.st_uid != geteuid())
        return error_raise(err, ERROR_CONFIG,
                           "the secrets directory %s belongs to user %u, not to root or to us: chown %u '%s'",
                           directory, (unsigned)status.st_uid, (unsigned)geteuid(), directory);
    if ((status.st_mode & (S_IWOTH | S_ISVTX)) == S_IWOTH)
        return error_raise(err, ERROR_CONFIG,
                           "everybody may write in the secrets directory %s: chmod o-w '%s'", directory,
                           directory);
    return true;
}

struct secret *file_read_named_secret(const char *directory, const char *name, const char *key,
                                      struct error *err)
{
    char beneath[520], shown[PATH_MAX + 600];
    struct error why = {0};

    if (!is_secret_word(name) || !is_secret_word(key)) {
        error_raise(err, ERROR_MANIFEST,
                    "a secret's name and key are single words without '/' and no leading dot");
        return NULL;
    }
    AUTO(fd) int root = file_open_directory(directory, &why);
    if (root < 0) {
        if (why.kind == ERROR_NOT_FOUND)
            error_raise(err, ERROR_NOT_FOUND, "no secret %s/%s: the secrets directory %s does not exist",
                        name, key, directory);
        else
            error_raise(err, ERROR_CONFIG, "secret %s/%s: %s", name, key, why.message);
        return NULL;
    }
    if (!secrets_directory_is_safe(root, directory, err))
        return NULL;
    for (int shape = 0; shape < 2; shape++) { /* decisions 14 */
        snprintf(beneath, sizeof beneath, shape == 0 ? "%s/%s" : "%s_%s", name, key);
        AUTO(fd) int fd = file_open_beneath(root, beneath, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, true, &why);
        if (fd < 0 && why.kind == ERROR_NOT_FOUND)
            continue;
        snprintf(shown, sizeof shown, "%s/%s", directory, beneath);
        if (fd >= 0)
            return read_secret(fd, shown, NAMED_SECRET_LIMIT, true, true, err);
        error_raise(err, ERROR_CONFIG, "secret %s/%s in %s: %s", name, key, directory, why.message);
        return NULL;
    }
    error_raise(err, ERROR_NOT_FOUND, "no secret %s/%s: neither %s/%s/%s nor %s/%s_%s exists", name, key,
                directory, name, key, directory, name, key);
    return NULL;
}
