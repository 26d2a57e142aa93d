/* What a vendor names as a proof: the owner and value of a DNS record, the name and content of a file. The first four
 * lines are an ordered name, the owner, the type with the value, and the file's name; the rest is its content. Whatever
 * is let through stays where it belongs. Files are really made, in the folder challenge-root of the current one. */
#include <dirent.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/dns.h"
#include "base/error.h"
#include "base/names.h"
#include "base/text.h"
#include "reconcilers/deploy/deploy.h"
#include "reconcilers/dns/dns.h"
#include "schema/operator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) \
    do { \
        if (!(condition)) \
            abort(); \
    } while (0)

static char root[4096];

static void make_root(void)
{
    if (root[0] != '\0')
        return;
    MUST(mkdir("challenge-root", 0755) == 0 || access("challenge-root", W_OK) == 0);
    MUST(realpath("challenge-root", root) != NULL);
}

static int entries(const char *path)
{
    int count = 0;
    DIR *folder = opendir(path);
    if (folder == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(folder);
    return count;
}

static void check_names(const char *text, struct arena *arena)
{
    const char *reason = NULL, *name = name_canonical(arena, text, &reason);
    MUST((name == NULL) == (reason != NULL));
    if (name != NULL) {
        const char *same = name_canonical(arena, name, &reason);
        MUST(same != NULL && strcmp(same, name) == 0 && dns_name_usable(name) && strlen(name) <= 255);
        const char *registrable = name_registrable(arena, name);
        MUST(registrable == NULL || text_name_within(name_without_wildcard(name), registrable));
    }
    reason = NULL;
    const char *zone = zone_canonical(arena, text, &reason);
    MUST((zone == NULL) == (reason != NULL) && (zone == NULL || strchr(zone, '*') == NULL));
}

static void check_record(const char *ordered, const char *owner, const char *type, const char *value)
{
    struct error err = {0};
    const char *const names[] = {ordered};
    struct string_list list = {.items = (const char **)names, .count = 1};
    struct dns_challenge challenge = {.zone = "", .name = owner, .type = type, .value = value};
    if (!dns_challenge_confined(&challenge, &list, &err)) {
        MUST(err.kind == ERROR_REFUSED && text_is_plain_utf8(err.message, strlen(err.message), NULL));
        return;
    }
    bool txt = strcmp(type, "TXT") == 0;
    const char *bare = name_without_wildcard(ordered), *parent = strchr(owner, '.');
    MUST(txt || strcmp(type, "CNAME") == 0);
    MUST(dns_name_usable(owner) && strlen(value) >= 1 && strlen(value) <= 255);
    MUST(strcspn(value, "\r\n\t") == strlen(value));
    MUST(owner[0] == '_' || (txt && strcasecmp(owner, bare) == 0));
    /* At or below the name, or right below a parent of it that has a dot. */
    MUST(text_name_within(owner, bare) ||
         (parent != NULL && text_name_within(bare, parent + 1) && strchr(parent + 1, '.') != NULL));
}

static void check_file(const char *name, const char *content, struct arena *arena)
{
    struct error err = {0};
    struct deploy_root roots[] = {{.name = "site", .path = root}};
    struct operator_config config = {.roots = roots, .root_count = 1};
    struct deploy_target spec = {.local = {.root = "site"}, .challenge_http = {.root = "site", .webroot = ""}};
    struct resource target = {
        .kind = KIND_DEPLOY_TARGET, .namespace_ = "default", .name = "web", .deploy_target = &spec};
    struct context ctx = {.arena = arena, .config = &config};
    const char *folder = arena_printf(arena, "%s/.well-known/pki-validation", root);
    if (deploy_local.challenge_present(&ctx, &target, name, content, &err)) {
        MUST(strpbrk(name, "/\\ \r\n") == NULL && name[0] != '.' && entries(root) == 1 && entries(folder) == 1);
        MUST(access(arena_printf(arena, "%s/%s", folder, name), R_OK) == 0);
        MUST(deploy_local.challenge_absent(&ctx, &target, name, content, &err));
    } else
        MUST(err.kind == ERROR_MALFORMED && text_is_plain_utf8(err.message, strlen(err.message), NULL));
    MUST(entries(root) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *arena = arena_create();
    char *rest = arena_strndup(arena, (const char *)data, size), *lines[4];
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        lines[i] = rest;
        rest += strcspn(rest, "\n");
        if (*rest != '\0')
            *rest++ = '\0';
    }
    make_root();
    char *value = lines[2] + strcspn(lines[2], " ");
    if (*value != '\0')
        *value++ = '\0';
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        check_names(lines[i], arena);
    const char *reason = NULL, *ordered = name_canonical(arena, lines[0], &reason);
    if (ordered != NULL)
        check_record(ordered, lines[1], lines[2], value);
    check_file(lines[3], rest, arena);
    return 0;
}
