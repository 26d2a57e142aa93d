#include "controller/desired_ignore.h"

#include <string.h>

#include "base/arena.h"

#define PATTERNS_MAX 1000 /* the file comes from whoever writes manifests */

struct pattern {
    const char *text;
    bool anchored, folders, negated;
};
struct ignore {
    struct pattern *items;
    size_t count;
};

static void add(struct ignore *ignore, struct arena *arena, const char *line, size_t length)
{
    while (length > 0 && (line[length - 1] == ' ' || line[length - 1] == '\t' || line[length - 1] == '\r'))
        length--;
    if (length == 0 || *line == '#' || ignore->count == PATTERNS_MAX)
        return;
    struct pattern pattern = {.negated = *line == '!'};
    if (pattern.negated)
        line++, length--;
    pattern.folders = length > 0 && line[length - 1] == '/';
    if (pattern.folders)
        length--;
    pattern.anchored = memchr(line, '/', length) != NULL;
    if (length > 0 && *line == '/')
        line++, length--;
    if (length == 0)
        return;
    pattern.text = arena_strndup(arena, line, length);
    *arena_push(arena, &ignore->items, ignore->count) = pattern;
}

struct ignore *ignore_parse(const char *text, size_t length, struct arena *arena)
{
    struct ignore *ignore = arena_alloc(arena, sizeof *ignore);
    for (const char *at = text, *end = text + length; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t size = stop == NULL ? (size_t)(end - at) : (size_t)(stop - at);
        add(ignore, arena, at, size);
        at += size + 1;
    }
    return ignore;
}

/* Where to go on when the rest does not match: one place for the last "*", one for the last "**". Going
 * back to an earlier star of the same sort can never help, so time is at most the product of the lengths
 * for each. */
struct retry {
    const char *pattern, *path;
};

static bool one_matches(const char **pattern, char c)
{
    if (**pattern == '?') {
        (*pattern)++;
        return c != '/';
    }
    const char *at = *pattern;
    if (*at == '\\' && at[1] != '\0')
        at++;
    if (*at == '\0' || *at != c)
        return false;
    *pattern = at + 1;
    return true;
}

static bool glob(const char *pattern, const char *path)
{
    struct retry star = {0}, stars = {0};
    for (;;) {
        if (pattern[0] == '*' && pattern[1] == '*') {
            pattern += 2;
            if (*pattern == '/') /* "**" and its slash stand for nothing too: a/ ** /b matches a/b */
                pattern++;
            else if (*pattern == '\0')
                return true;
            stars = (struct retry){pattern, path};
            star = (struct retry){0};
            continue;
        }
        if (*pattern == '*') {
            star = (struct retry){++pattern, path};
            continue;
        }
        if (*path == '\0' && *pattern == '\0')
            return true;
        if (*path != '\0' && one_matches(&pattern, *path)) {
            path++;
            continue;
        }
        if (star.path != NULL && *star.path != '\0' && *star.path != '/') {
            pattern = star.pattern;
            path = ++star.path;
        } else if (stars.path != NULL && (stars.path = strchr(stars.path, '/')) != NULL) {
            pattern = stars.pattern;
            path = ++stars.path;
            star = (struct retry){0};
        } else {
            return false;
        }
    }
}

bool ignore_match(const struct ignore *ignore, const char *path, bool is_folder)
{
    if (ignore == NULL)
        return false;
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    for (size_t i = ignore->count; i-- > 0;) {
        const struct pattern *pattern = &ignore->items[i];
        if ((!pattern->folders || is_folder) && glob(pattern->text, pattern->anchored ? path : name))
            return !pattern->negated;
    }
    return false;
}
