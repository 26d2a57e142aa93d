#include "base/names.h"

#include <pthread.h>
#include <string.h>

#include <idn2.h>
#include <libpsl.h>

#include "base/arena.h"
#include "base/text.h"

enum { NAME_MOST = 253 };
static const char TOO_LONG[] = "it is longer than 253 characters";

static bool check_labels(const char *name, bool underscore, const char **out_reason)
{
    size_t label = 0, total = strlen(name);
    if (total == 0 || total > NAME_MOST) {
        *out_reason = total == 0 ? "it is empty" : TOO_LONG;
        return false;
    }
    for (const char *c = name;; c++) {
        if (*c == '.' || *c == '\0') {
            if (label == 0 || label > 63) {
                *out_reason = label == 0 ? "it has an empty label" : "it has a label of more than 63 characters";
                return false;
            }
            if (c[-1] == '-' || c[-(ptrdiff_t)label] == '-') {
                *out_reason = "a label begins or ends with a hyphen";
                return false;
            }
            if (*c == '\0')
                return true;
            label = 0;
            continue;
        }
        bool good = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '-' ||
                    (underscore && *c == '_' && label == 0);
        if (!good) {
            *out_reason = "only letters, digits, hyphens and dots are allowed in a DNS name";
            return false;
        }
        label++;
    }
}

/* libidn2 drops what it dislikes under some flags and lets underscores pass under others, so the labels are checked after
 * it, and plain ASCII never goes through it. */
static const char *to_a_labels(struct arena *arena, const char *text, const char **out_reason)
{
    bool ascii = true;
    for (const char *c = text; *c != '\0'; c++)
        ascii = ascii && (unsigned char)*c < 0x80;
    if (ascii && strcasestr(text, "xn--") == NULL)
        return text_lower(arena, text);
    char *out = NULL;
    int result = idn2_to_ascii_8z(text, &out, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
    if (result != IDN2_OK) {
        *out_reason = arena_printf(arena, "it is no valid internationalised name (%s)", idn2_strerror(result));
        return NULL;
    }
    const char *name = text_lower(arena, out);
    idn2_free(out);
    return name;
}

static const char *canonical(struct arena *arena, const char *text, bool underscore, const char **out_reason)
{
    size_t length = strlen(text);
    if (length > 0 && text[length - 1] == '.')
        text = arena_strndup(arena, text, length - 1);
    const char *name = to_a_labels(arena, text, out_reason);
    return name != NULL && check_labels(name, underscore, out_reason) ? name : NULL;
}

const char *name_canonical(struct arena *arena, const char *text, const char **out_reason)
{
    bool wildcard = strncmp(text, "*.", 2) == 0;
    const char *name = canonical(arena, wildcard ? text + 2 : text, false, out_reason);
    if (name == NULL)
        return NULL;
    const char *last = strrchr(name, '.');
    if (last == NULL) {
        *out_reason = "a public certificate needs a full name with a dot";
        return NULL;
    }
    if (last[1 + strspn(last + 1, "0123456789")] == '\0') {
        *out_reason = "it is an IP address; these products certify DNS names";
        return NULL;
    }
    if (wildcard && strlen(name) > NAME_MOST - 2) {
        *out_reason = TOO_LONG;
        return NULL;
    }
    return wildcard ? arena_printf(arena, "*.%s", name) : name;
}

const char *zone_canonical(struct arena *arena, const char *text, const char **out_reason)
{
    return canonical(arena, text, true, out_reason);
}

bool name_is_wildcard(const char *name) { return strncmp(name, "*.", 2) == 0; }
const char *name_without_wildcard(const char *name) { return name_is_wildcard(name) ? name + 2 : name; }

static psl_ctx_t *suffixes;
static void load_suffixes(void)
{
    suffixes = psl_latest(NULL);
}
static const psl_ctx_t *suffix_list(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load_suffixes);
    return suffixes;
}

const char *name_registrable(struct arena *arena, const char *name)
{
    return arena_strdup(arena, psl_registrable_domain(suffix_list(), name_without_wildcard(name)));
}

bool name_is_public_suffix(const char *name)
{
    /* An unlisted top label (test, internal) is a suffix only by the default rule, which says nothing about it. */
    return psl_is_public_suffix2(suffix_list(), name, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE) != 0;
}
