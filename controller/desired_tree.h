/* Walking a manifest directory: every manifest file with its identity, opening none. Links are followed
 * only beneath the root; names that begin with a dot are not walked, so a ConfigMap mount is seen once,
 * through its links (decisions 14). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct stat;

struct file_identity {
    uint64_t device, inode, size;
    int64_t mtime_ns, ctime_ns;
};
struct file_identity file_identity_of(const struct stat *st);

struct tree_entry {
    const char *path; /* the root's name in front; lives during the call */
    size_t length;
    struct file_identity identity;
    const char *refused; /* NULL: a regular file; else why it cannot be read, in words */
    bool folder;         /* it is a folder, and nobody knows what is below it: that is no absence */
};
/* Returns false to stop the walk, having filled in the error. */
typedef bool tree_visitor(const struct tree_entry *entry, void *arg);

/* Whether a file of this name is a manifest: *.yaml, *.yml, *.json, no leading dot. */
bool tree_is_manifest(const char *name);
/* `root_fd` is the open directory, `root` how paths begin. Not in any order. `out_torn`: something vanished
 * during the walk, so it is not one moment's picture. A folder that cannot be read is given as refused, and the walk goes
 * on. Fails: SYSTEM (the root cannot be read, too many folders), whatever the visitor raises. */
bool tree_walk(int root_fd, const char *root, tree_visitor *visit, void *arg, bool *out_torn,
               struct error *err);
