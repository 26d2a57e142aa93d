/* The commit of a work tree, read from .git without running git: HEAD is a commit, or names a branch that
 * stands in a file of its own or in packed-refs. A linked work tree has a .git file that names its folder.
 * It holds removals back when it is one that was applied before; an odd repository simply has no commit to tell. */
#include "controller/desired_internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/hash.h"

#define SMALL 4096
#define PACKED_MAX (16 << 20)
#define CONFIG_MAX (64 << 10)

/* The first line of a small file; NULL: none. */
static const char *first_line(struct arena *arena, const char *path)
{
    struct buffer text = {0};
    const char *line = file_read_path(path, SMALL, &text, NULL)
                           ? arena_strndup(arena, buffer_text(&text), strcspn(buffer_text(&text), "\r\n"))
                           : NULL;
    buffer_release(&text);
    return line;
}

static bool is_commit(const char *text)
{
    size_t length = text == NULL ? 0 : strlen(text);
    return (length == 40 || length == 64) && strspn(text, "0123456789abcdef") == length;
}

static const char *packed(struct arena *arena, const char *common, const char *ref)
{
    struct buffer text = {0};
    const char *found = NULL;
    size_t ref_length = strlen(ref);
    if (file_read_path(arena_printf(arena, "%s/packed-refs", common), PACKED_MAX, &text, NULL))
        for (const char *line = buffer_text(&text); found == NULL && *line != '\0';) {
            size_t length = strcspn(line, "\n"), hex = strcspn(line, " \n");
            if (*line != '#' && hex + 1 + ref_length == length &&
                memcmp(line + hex + 1, ref, ref_length) == 0)
                found = arena_strndup(arena, line, hex);
            line += length + (line[length] == '\n');
        }
    buffer_release(&text);
    return is_commit(found) ? found : NULL;
}

/* A linked work tree shares most with the repository it was made from. */
static const char *common_of(struct arena *arena, const char *git)
{
    const char *common = first_line(arena, arena_printf(arena, "%s/commondir", git));
    return common == NULL ? git : *common == '/' ? common : arena_printf(arena, "%s/%s", git, common);
}

static const char *commit_of(struct arena *arena, const char *git)
{
    const char *head = first_line(arena, arena_printf(arena, "%s/HEAD", git));
    if (is_commit(head))
        return head;
    if (head == NULL || !text_has_prefix(head, "ref: refs/") || strstr(head, "..") != NULL)
        return NULL;
    const char *ref = head + 5;
    const char *common = common_of(arena, git);
    const char *commit = first_line(arena, arena_printf(arena, "%s/%s", common, ref));
    return is_commit(commit) ? commit : packed(arena, common, ref);
}

/* Somebody else's .git further up (in /tmp, say) has no say here. */
static bool trusted(const struct stat *git, const struct stat *tree)
{
    return git->st_uid == tree->st_uid || git->st_uid == geteuid() || git->st_uid == 0;
}

/* The folder of the repository that holds `directory`; NULL: none. */
static const char *find_git(const char *directory, struct arena *arena)
{
    char path[PATH_MAX];
    struct stat tree, st;
    if (realpath(directory, path) == NULL || stat(path, &tree) != 0)
        return NULL;
    for (;;) {
        const char *git = arena_printf(arena, "%s/.git", path);
        if (lstat(git, &st) == 0 && trusted(&st, &tree)) {
            if (S_ISDIR(st.st_mode))
                return git;
            const char *line = S_ISREG(st.st_mode) ? first_line(arena, git) : NULL;
            if (line == NULL || !text_has_prefix(line, "gitdir: "))
                return NULL;
            return line[8] == '/' ? line + 8 : arena_printf(arena, "%s/%s", path, line + 8);
        }
        char *slash = strrchr(path, '/');
        if (slash == NULL || slash == path)
            return NULL;
        *slash = '\0';
    }
}

const char *git_commit(const char *directory, struct arena *arena)
{
    const char *git = find_git(directory, arena);
    return git != NULL ? commit_of(arena, git) : NULL;
}

const char *git_repository(const char *directory, struct arena *arena)
{
    const char *git = find_git(directory, arena);
    if (git == NULL)
        return NULL;
    struct buffer text = {0};
    const char *url = NULL;
    bool origin = false;
    file_read_path(arena_printf(arena, "%s/config", common_of(arena, git)), CONFIG_MAX, &text, NULL);
    struct string_list lines = text_split(arena, buffer_text(&text), '\n');
    buffer_release(&text);
    for (size_t i = 0; i < lines.count && url == NULL; i++) {
        const char *line = lines.items[i] + strspn(lines.items[i], " \t");
        if (*line == '[')
            origin = text_has_prefix(line, "[remote \"origin\"]");
        else if (origin && text_has_prefix(line, "url") && strchr(line, '=') != NULL)
            url = strchr(line, '=') + 1;
    }
    unsigned char digest[32]; /* it may hold a password */
    hash_sha256(span_of(url != NULL ? url : "", url != NULL ? strlen(url) : 0), digest);
    return text_hex(arena, digest, 8);
}
