#include "base/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"

/* An entry holds the names of all members, so no size fits every group; the library says ERANGE when one does not. */
enum { ROOM_FIRST = 16 * 1024,
       ROOM_LAST = 16 * 1024 * 1024 };

static bool judge(int why, const char *kind, const char *name, struct error *err)
{
    if (why == 0 || why == ENOENT) /* ENOENT: no database to look into */
        return true;
    return error_raise(err, ERROR_SYSTEM, "%s %s cannot be looked up: %s", kind, name, strerror(why));
}

bool user_named(struct arena *arena, const char *name, const struct passwd **out, struct error *err)
{
    struct passwd *entry = arena_alloc(arena, sizeof *entry), *found = NULL;
    int why = ERANGE;
    for (size_t room = ROOM_FIRST; why == ERANGE && room <= ROOM_LAST; room *= 4)
        why = getpwnam_r(name, entry, arena_alloc(arena, room), room, &found);
    *out = found;
    return judge(why, "user", name, err);
}

bool group_named(struct arena *arena, const char *name, const struct group **out, struct error *err)
{
    struct group *entry = arena_alloc(arena, sizeof *entry), *found = NULL;
    int why = ERANGE;
    for (size_t room = ROOM_FIRST; why == ERANGE && room <= ROOM_LAST; room *= 4)
        why = getgrnam_r(name, entry, arena_alloc(arena, room), room, &found);
    *out = found;
    return judge(why, "group", name, err);
}
