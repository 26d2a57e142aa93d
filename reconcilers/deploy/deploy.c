/* Where a target puts a certificate: the operator's root, and beneath it the manifest's path with its
 * placeholders filled in. Pure; the disk is not looked at. */
#include "reconcilers/deploy/deploy.h"

#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "reconcilers/deploy/local.h"
#include "schema/operator.h"

#define COMPONENT_MAX 200 /* leaves room for what is put beside it under a longer name */
#define PATH_LIMIT 1024

struct placeholder {
    const char *name, *value;
};

bool local_blame(const struct resource *target, struct error *err)
{
    if (err != NULL)
        err->manifest = target->position;
    return false;
}

static bool expand(const struct resource *target, const struct placeholder *known, size_t count,
                   struct buffer *out, struct error *err)
{
    for (const char *at = target->deploy_target->path; *at != '\0';) {
        size_t plain = strcspn(at, "{}");
        buffer_append(out, at, plain);
        at += plain;
        if (*at == '\0')
            break;
        const char *end = *at == '{' ? strchr(at, '}') : NULL;
        const char *value = NULL;
        for (size_t i = 0; end != NULL && i < count; i++)
            if (strlen(known[i].name) == (size_t)(end - at - 1) &&
                memcmp(known[i].name, at + 1, (size_t)(end - at - 1)) == 0)
                value = known[i].value;
        if (value == NULL) {
            error_raise(err, ERROR_MANIFEST,
                        "path: {namespace}, {name} and {common_name} can be filled in, not \"%.40s\"", at);
            return local_blame(target, err);
        }
        /* A wildcard's star would be a pattern to shells and to servers' include lines. */
        for (; *value != '\0'; value++)
            buffer_putc(out, *value == '*' ? '_' : *value == '/' ? '_' : *value);
        at = end + 1;
    }
    return true;
}

bool local_component_ok(const char *name, size_t length)
{
    if (length == 0 || length > COMPONENT_MAX || (length == 1 && name[0] == '.') ||
        (length == 2 && memcmp(name, "..", 2) == 0))
        return false;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7F || name[i] == '\\')
            return false;
    return true;
}

/* Names that stand for something inside a place: "current", "gen-7". */
static bool is_reserved(const char *name, size_t length)
{
    static const char *const words[] = {"current"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (length == strlen(words[i]) && memcmp(name, words[i], length) == 0)
            return true;
    return length > 4 && memcmp(name, "gen-", 4) == 0 && strspn(name + 4, "0123456789") >= length - 4;
}

bool local_relative_path(const struct resource *target, const char *namespace_, const char *name,
                         const char *common_name, struct arena *arena, const char **out_path,
                         struct error *err)
{
    const struct deploy_target *spec = target->deploy_target;
    const struct placeholder known[] = {
        {"namespace", namespace_}, {"name", name}, {"common_name", common_name}};
    AUTO(buffer) struct buffer path = {.limit = PATH_LIMIT};

    if (text_empty(spec->path)) {
        error_raise(err, ERROR_MANIFEST,
                    "path: a target needs a place beneath its root, such as \"{namespace}/{name}\"");
        return local_blame(target, err);
    }
    if (!expand(target, known, COUNT_OF(known), &path, err))
        return false;
    if (spec->layout == LAYOUT_COMBINED && !text_has_suffix(buffer_text(&path), ".pem"))
        buffer_puts(&path, ".pem");
    const char *text = buffer_text(&path);
    bool good = !path.overflow;
    for (const char *at = text; good; at += strcspn(at, "/") + 1) {
        size_t length = strcspn(at, "/");
        good = local_component_ok(at, length);
        if (good && is_reserved(at, length)) {
            error_raise(err, ERROR_MANIFEST,
                        "path: \"%s\" holds the name \"%.*s\", which certwright keeps for itself", text,
                        (int)length, at);
            return local_blame(target, err);
        }
        if (at[length] == '\0')
            break;
    }
    if (!good) {
        error_raise(err, ERROR_MANIFEST,
                    "path: \"%s\" is not a place beneath the root: plain names, joined by single \"/\"",
                    text);
        return local_blame(target, err);
    }
    *out_path = arena_strdup(arena, text);
    return true;
}

const struct deploy_root *local_root(const struct operator_config *config, const struct resource *target,
                                     const char *name, struct error *err)
{
    const struct deploy_root *root = text_empty(name) ? NULL : operator_root(config, name);
    if (root == NULL) {
        error_raise(
            err, ERROR_CONFIG,
            "the root \"%s\" of target %s is not opened: add `deploy: {roots: {%s: {path: …}}}` to the "
            "operator's file",
            name ? name : "", target->name, text_empty(name) ? "NAME" : name);
        local_blame(target, err);
    }
    return root;
}

const char *local_shown(const struct deploy_root *root, const char *relative, struct arena *arena)
{
    return arena_printf(arena, "%s%s%s", root->path, text_has_suffix(root->path, "/") ? "" : "/", relative);
}

bool deploy_place(const struct operator_config *config, const struct resource *target, const char *namespace_,
                  const char *name, const char *common_name, struct arena *arena, const char **out_path,
                  struct error *err)
{
    const struct deploy_root *root = local_root(config, target, target->deploy_target->local.root, err);
    const char *relative;

    if (root == NULL || !local_relative_path(target, namespace_, name, common_name, arena, &relative, err))
        return false;
    *out_path = local_shown(root, relative, arena);
    return true;
}
