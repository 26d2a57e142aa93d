/* What any program must pay that looks at a tree of manifests.
 *
 *   floor_manifests walk DIR    every folder read, every file looked at (fstatat), none opened
 *   floor_manifests read DIR    besides, every file opened and read
 *   floor_manifests scan DIR    besides, libyaml's events of every file, thrown away
 *
 * Prints the number of files and of bytes. */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <yaml.h>

enum { WALK, READ, SCAN };
static char content[1 << 20];
static long files, bytes;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void scan(size_t length)
{
    yaml_parser_t parser;
    yaml_event_t event;
    bool over = false;
    if (!yaml_parser_initialize(&parser))
        fail("libyaml");
    yaml_parser_set_input_string(&parser, (const unsigned char *)content, length);
    while (!over) {
        if (!yaml_parser_parse(&parser, &event))
            fail("not YAML");
        over = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
}

static void take_file(int folder, const char *name, int depth)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, content, sizeof content);
    if (length < 0)
        fail(name);
    close(fd);
    bytes += length;
    if (depth == SCAN)
        scan((size_t)length);
}

static void walk(int fd, int depth)
{
    DIR *folder = fdopendir(fd);
    struct dirent *entry;
    struct stat st;
    if (folder == NULL)
        fail("folder");
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            fail(entry->d_name);
        if (S_ISDIR(st.st_mode)) {
            walk(openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), depth);
            continue;
        }
        files++;
        if (depth > WALK)
            take_file(fd, entry->d_name, depth);
    }
    closedir(folder);
}

int main(int argc, char **argv)
{
    const char *const depths[] = {"walk", "read", "scan"};
    for (int depth = WALK; argc == 3 && depth <= SCAN; depth++)
        if (strcmp(argv[1], depths[depth]) == 0) {
            walk(open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC), depth);
            printf("%ld files, %ld bytes\n", files, bytes);
            return 0;
        }
    fputs("usage: floor_manifests walk|read|scan DIR\n", stderr);
    return 64;
}
