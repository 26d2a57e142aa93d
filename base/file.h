/* Files: opened beneath a root, written beside and renamed, with modes as stated. */
#pragma once

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct arena;
struct buffer;
struct error;
struct secret;

/* Open `path` beneath `root_fd` by openat2 with RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS, plus
 * RESOLVE_NO_SYMLINKS unless `follow_links`. O_CLOEXEC is added. Gives a descriptor or -1.
 * Fails: NOT_FOUND, SYSTEM (escape, link, permission: the message says which). */
int file_open_beneath(int root_fd, const char *path, int flags, mode_t mode, bool follow_links, struct error *err);
/* Open a directory by absolute or relative path, O_PATH not set. Fails: NOT_FOUND, SYSTEM. */
int file_open_directory(const char *path, struct error *err);
/* Open a regular file, and nothing else, for reading. Gives a descriptor or -1. Fails: NOT_FOUND, SYSTEM. */
int file_open_regular(const char *path, struct error *err);
/* Read a regular file to its end; more than `limit` bytes fail. Fails: SYSTEM. */
bool file_read(int fd, size_t limit, struct buffer *out, struct error *err);
bool file_read_path(const char *path, size_t limit, struct buffer *out, struct error *err);
/* A file written beside `name` under a random one, to take its place when it is whole. `name` is borrowed, `fd` is to be written
 * to. Ended by exactly one of put (fsync, rename over `name`, fsync the directory) and drop. Fails: SYSTEM; put that fails has
 * dropped it, or cannot say whether it is durable. */
struct file_beside {
    int directory_fd, fd;
    const char *name;
    char beside[256];
};
bool file_beside_begin(int directory_fd, const char *name, mode_t mode, struct file_beside *out, struct error *err);
bool file_beside_put(struct file_beside *file, struct error *err);
void file_beside_drop(struct file_beside *file);
/* All three at once. */
bool file_replace(int directory_fd, const char *name, const void *data, size_t length, mode_t mode, struct error *err);
/* Remove what writers left who were killed: plain files whose names begin with `prefix`. Under the caller's lock. */
void file_remove_leftovers(int directory_fd, const char *prefix);
/* The next entry of a folder. NULL: with errno 0 the end; else a failure, and nobody knows what else is there. */
const struct dirent *file_next_entry(DIR *folder);
/* write(2) until all is out. */
bool file_write_all(int fd, const void *data, size_t length, struct error *err);
bool file_make_directories(const char *path, mode_t mode, struct error *err); /* mkdir -p; an existing one is fine */
/* A file that only its owner may read: regular, no link, owned by root or the effective user, no access for
 * others (and none for the group unless `group_may_read`). Fails: NOT_FOUND, CONFIG (what is wrong and the
 * command that cures it). */
struct secret *file_read_secret(const char *path, size_t limit, struct error *err);
/* {name, key} in the secrets directory: <dir>/<name>/<key>, else <dir>/<name>_<key> (decisions 14). A single trailing
 * newline is taken off. Fails: NOT_FOUND, CONFIG. */
struct secret *file_read_named_secret(const char *directory, const char *name, const char *key, struct error *err);
void fd_release(int *fd); /* for AUTO(fd): closes unless negative */
