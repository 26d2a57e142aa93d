#include "schema/kinds.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/names.h"

const char *kind_email(struct arena *arena, const char *text, const char **out_reason)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.!#$%&'*+/=?^_`{|}~-";
    const char *at = strrchr(text, '@');
    size_t local = at != NULL ? (size_t)(at - text) : 0;
    if (local == 0 || local > 64 || strspn(text, allowed) != local || text[0] == '.' || at[-1] == '.' ||
        memmem(text, local, "..", 2) != NULL) {
        *out_reason = "it is no e-mail address";
        return NULL;
    }
    const char *domain = name_canonical(arena, at + 1, out_reason);
    if (domain == NULL || name_is_wildcard(domain)) {
        *out_reason = "the part after @ is no domain";
        return NULL;
    }
    return arena_printf(arena, "%.*s@%s", (int)local, text, domain);
}

const char *kind_host_port(struct arena *arena, const char *text, const char **out_reason)
{
    const char *colon = strrchr(text, ':'), *ignored = NULL;
    size_t host = colon != NULL ? (size_t)(colon - text) : 0;
    size_t digits = colon != NULL ? strspn(colon + 1, "0123456789") : 0;
    *out_reason = "an address with a port is due, such as 127.0.0.1:443, [::1]:443 or www.example.com:443";
    if (host == 0 || digits == 0 || digits > 5 || colon[1 + digits] != '\0' || atoi(colon + 1) < 1 ||
        atoi(colon + 1) > 65535)
        return NULL;
    if (text[0] == '[')
        return text[host - 1] == ']' && strspn(text + 1, "0123456789abcdefABCDEF:.") == host - 2 ? text : NULL;
    const char *name = zone_canonical(arena, arena_strndup(arena, text, host), &ignored);
    return name != NULL ? arena_printf(arena, "%s:%d", name, atoi(colon + 1)) : NULL;
}

const char *kind_relative_path(struct arena *arena, const char *text, const char **out_reason)
{
    size_t length = strlen(text);
    *out_reason = "it must be a relative path beneath the root, without \".\" and \"..\"";
    if (text[0] == '/')
        return NULL;
    while (length > 0 && text[length - 1] == '/')
        length--;
    struct string_list parts = text_split(arena, arena_strndup(arena, text, length), '/');
    for (size_t i = 0; i < parts.count; i++)
        if (parts.items[i][0] == '\0' || strcmp(parts.items[i], ".") == 0 || strcmp(parts.items[i], "..") == 0)
            return NULL;
    return string_list_join(arena, &parts, "/");
}
