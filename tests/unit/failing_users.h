/* Users and groups that cannot be looked up: see failing.h. These calls give what went wrong. */
#pragma once

#include <grp.h>
#include <pwd.h>

#include "failing.h"

int getpwnam_r(const char *name, struct passwd *out, char *room, size_t size, struct passwd **found)
{
    *found = NULL;
    return FAILS(SYSTEM_CALLS, "getpwnam_r") ? errno : NEXT(getpwnam_r)(name, out, room, size, found);
}

int getgrnam_r(const char *name, struct group *out, char *room, size_t size, struct group **found)
{
    *found = NULL;
    return FAILS(SYSTEM_CALLS, "getgrnam_r") ? errno : NEXT(getgrnam_r)(name, out, room, size, found);
}
