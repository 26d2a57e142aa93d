#include "controller/state_room.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"

#define NAME "reserve"
#define ROOM_NOTHING ((uint64_t)1 << 20)

static bool disk_left(const char *directory, uint64_t *out_bytes)
{
    struct statvfs fs;
    if (statvfs(directory, &fs) != 0 || fs.f_blocks == 0) /* a file system that does not tell */
        return false;
    *out_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    return true;
}

void room_reserve(const char *directory, size_t size)
{
    uint64_t left;
    AUTO(fd) int folder = file_open_directory(directory, NULL);
    struct stat st;
    if (folder < 0 || (fstatat(folder, NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 && (size_t)st.st_size == size))
        return;
    if (!disk_left(directory, &left) || left < size + ROOM_DISK_LEAST)
        return;
    AUTO(fd) int fd = openat(folder, NAME, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd >= 0 && fallocate(fd, 0, 0, (off_t)size) != 0) /* one that only looks large would hold nothing */
        unlinkat(folder, NAME, 0);
}

bool room_release(const char *directory)
{
    AUTO(fd) int folder = file_open_directory(directory, NULL);
    return folder >= 0 && unlinkat(folder, NAME, 0) == 0;
}

bool room_exhausted(const char *directory)
{
    uint64_t left;
    return disk_left(directory, &left) && left < ROOM_NOTHING;
}

const char *room_words(const char *directory, size_t used, size_t most, struct arena *arena)
{
    uint64_t left;
    if (disk_left(directory, &left) && left < ROOM_DISK_LEAST)
        return arena_printf(arena, "the disk of %s has %llu MiB left, less than %zu", directory,
                            (unsigned long long)(left >> 20), ROOM_DISK_LEAST >> 20);
    if (most > 0 && used > most - most / 10)
        return arena_printf(arena, "the store uses %zu KiB of the %zu it may have", used >> 10, most >> 10);
    return NULL;
}
