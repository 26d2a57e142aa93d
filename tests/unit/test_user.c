/* Users and groups of the host: their entries may be of any size, and a look-up may fail. */
#include "base/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"
#include "check.h"

static size_t needed; /* what an entry takes, with all its members */
static int failure;

int getpwnam_r(const char *name, struct passwd *out, char *room, size_t size, struct passwd **found)
{
    (void)room;
    *found = NULL;
    if (failure != 0 || size < needed)
        return failure != 0 ? failure : ERANGE;
    *out = (struct passwd){.pw_uid = 4711};
    *found = strcmp(name, "somebody") == 0 ? out : NULL;
    return 0;
}

int getgrnam_r(const char *name, struct group *out, char *room, size_t size, struct group **found)
{
    (void)room;
    *found = NULL;
    if (failure != 0 || size < needed)
        return failure != 0 ? failure : ERANGE;
    *out = (struct group){.gr_gid = 4712};
    *found = strcmp(name, "many") == 0 ? out : NULL;
    return 0;
}

static void an_entry_of_any_size_is_read(void)
{
    static const size_t sizes[] = {0, 16384, 16385, 1 << 20, 4 << 20};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        AUTO(arena) struct arena *arena = arena_create();
        struct error err = {0};
        const struct passwd *user = NULL;
        const struct group *group = NULL;
        needed = sizes[i];
        CHECK_OK(user_named(arena, "somebody", &user, &err) && group_named(arena, "many", &group, &err), err);
        CHECK(user != NULL && user->pw_uid == 4711 && group != NULL && group->gr_gid == 4712);
        CHECK_OK(user_named(arena, "nobody-at-all", &user, &err) && group_named(arena, "none", &group, &err), err);
        CHECK(user == NULL && group == NULL);
    }
    needed = 0;
}

static void a_look_up_that_fails_says_why(void)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct error err = {0};
    const struct passwd *user = NULL;
    const struct group *group = NULL;
    failure = EIO;
    CHECK(!user_named(arena, "somebody", &user, &err) && user == NULL && err.kind == ERROR_SYSTEM);
    CHECK_TEXT(err.message, "user somebody cannot be looked up: Input/output error");
    CHECK(!group_named(arena, "many", &group, &err) && group == NULL && err.kind == ERROR_SYSTEM);
    CHECK_TEXT(err.message, "group many cannot be looked up: Input/output error");
    failure = ENOENT; /* no database at all */
    CHECK_OK(user_named(arena, "somebody", &user, &err) && group_named(arena, "many", &group, &err), err);
    CHECK(user == NULL && group == NULL);
    failure = 0;
    needed = (size_t)1 << 40;
    CHECK(!group_named(arena, "many", &group, &err) && err.kind == ERROR_SYSTEM);
    CHECK_TEXT(err.message, "group many cannot be looked up: Numerical result out of range");
}

int main(void)
{
    RUN(an_entry_of_any_size_is_read);
    RUN(a_look_up_that_fails_says_why);
    return CHECK_REPORT();
}
