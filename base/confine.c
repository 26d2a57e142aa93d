/* Landlock, by its three system calls: the C library has no functions for it, and the header of Debian 12 knows the
 * first versions only. */
#include "base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/confine_internal.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

#define FS_TRUNCATE (1ull << 14)  /* version 3 */
#define FS_IOCTL_DEV (1ull << 15) /* version 5; a device opened before is not concerned */
#define FS_FIRST ((1ull << 13) - 1)
#define FS_READ (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_FILES                                                                                                       \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE)
#define NET_ALL 3ull   /* version 4: bind, connect */
#define SCOPE_ALL 3ull /* version 6: abstract sockets, signals to others */

struct ruleset { /* as the kernel of version 6 has it; older ones take the beginning */
    uint64_t files, ports, scopes;
};

int confine_landlock(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_CREATE_RULESET_VERSION);
    return version > 0 ? (int)version : 0;
}

static uint64_t file_rights(int version)
{
    uint64_t rights = FS_FIRST;
    if (version >= 2)
        rights |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3)
        rights |= FS_TRUNCATE;
    if (version >= 5)
        rights |= FS_IOCTL_DEV;
    return rights;
}

static int make(const struct ruleset *rules, int version)
{
    size_t size = version >= 6 ? sizeof *rules : version >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
    return (int)syscall(SYS_landlock_create_ruleset, rules, size, 0u);
}

static bool enforce(int fd)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_landlock_restrict_self, fd, 0u) == 0;
}

int confine_from_everything(void)
{
    int version = confine_landlock();
    const struct ruleset rules = {
        .files = file_rights(version), .ports = version >= 4 ? NET_ALL : 0, .scopes = version >= 6 ? SCOPE_ALL : 0};
    AUTO(fd) int fd = version > 0 ? make(&rules, version) : -1;
    return fd >= 0 && enforce(fd) ? version : 0;
}

static bool allow(int ruleset, const struct confine_path *path, uint64_t handled, struct error *err)
{
    struct stat st;
    AUTO(fd) int fd = open(path->path, O_PATH | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
        return true; /* what cannot be reached needs no leave */
    if (fd < 0 || fstat(fd, &st) != 0)
        return error_raise(err, ERROR_SYSTEM, "%s: %s", path->path, strerror(errno));
    uint64_t rights = path->access == CONFINE_READ ? FS_READ : path->access == CONFINE_FILE ? FS_FILES : handled;
    if (!S_ISDIR(st.st_mode))
        rights &= FS_FILES | FS_IOCTL_DEV;
    struct landlock_path_beneath_attr rule = {.allowed_access = rights & handled, .parent_fd = fd};
    if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0u) != 0)
        return error_raise(err, ERROR_SYSTEM, "allowing %s to Landlock: %s", path->path, strerror(errno));
    return true;
}

bool confine_files(const struct confine_path *paths, size_t count, int *out_version, struct error *err)
{
    int version = confine_landlock();
    *out_version = 0;
    if (version == 0)
        return true;
    const struct ruleset rules = {.files = file_rights(version)};
    AUTO(fd) int fd = make(&rules, version);
    if (fd < 0)
        return error_raise(err, ERROR_SYSTEM, "making a Landlock rule set: %s", strerror(errno));
    for (size_t i = 0; i < count; i++)
        if (!allow(fd, &paths[i], rules.files, err))
            return false;
    if (!enforce(fd))
        return error_raise(err, ERROR_SYSTEM, "putting Landlock into force: %s", strerror(errno));
    *out_version = version;
    return true;
}

const char *confinement_words(const struct confinement *found, struct arena *arena)
{
    return arena_printf(arena, "%s, %s%s%s", found->calls ? "system calls by seccomp" : "no list of system calls",
                        found->landlock > 0 ? arena_printf(arena, "files and ports by Landlock %d", found->landlock)
                                            : "no Landlock in this kernel",
                        found->limits ? ", memory and time limited" : "", found->user ? ", as nobody" : "");
}
