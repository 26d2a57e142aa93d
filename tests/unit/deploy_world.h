/* A world for tests of the local deploy target: a folder that is one root, a target, a certificate and its
 * renewals. */
#pragma once

#include "check.h"
#include "make_x509.h"

#include <dirent.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/secret.h"
#include "base/x509.h"
#include "reconcilers/deploy/deploy.h"
#include "schema/operator.h"

static struct arena *arena;
static struct error err;
static char base[128];

struct pair {
    struct made made;
    const struct secret *key;
    const char *leaf, *fingerprint;
};
static struct made root_ca, middle_ca, other_ca;
static const char *chain, *other_chain;
static struct pair pairs[7]; /* by generation, from 1 */

static struct deploy_root roots[2];
static struct reload_profile profiles[1];
static struct operator_config config;
static struct deploy_target spec;
static struct resource target;
static struct context ctx;
static char folder[160];
static int worlds;

static inline const char *at(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *path = arena_vprintf(arena, format, args);
    va_end(args);
    return arena_printf(arena, "%s/%s", folder, path);
}

static inline void make_pairs(void)
{
    root_ca = make_x509((struct recipe){.cn = "Root", .ca = true});
    middle_ca = make_x509((struct recipe){.cn = "Middle", .ca = true, .issuer = &root_ca});
    other_ca = make_x509((struct recipe){.cn = "Other", .ca = true, .issuer = &root_ca});
    chain = made_pem(&middle_ca, arena);
    other_chain = made_pem(&other_ca, arena);
    for (size_t i = 1; i < COUNT_OF(pairs); i++) {
        struct x509_info info;
        pairs[i].made = make_x509((struct recipe){.cn = "shop.example.test",
                                                  .san = "DNS:shop.example.test,DNS:*.example.test",
                                                  .issuer = &middle_ca});
        pairs[i].leaf = made_pem(&pairs[i].made, arena);
        const char *key = made_key_pem(pairs[i].made.key, arena);
        pairs[i].key = secret_create(key, strlen(key));
        CHECK_OK(x509_parse(pairs[i].leaf, arena, &info, &err), err);
        pairs[i].fingerprint = info.fingerprint;
    }
}

static inline void new_world(enum target_layout layout)
{
    snprintf(folder, sizeof folder, "%s/w%d", base, ++worlds);
    CHECK(mkdir(folder, 0755) == 0);
    roots[0] = (struct deploy_root){.name = "certs", .path = folder};
    profiles[0] = (struct reload_profile){.name = "service", .timeout_s = 30};
    config = (struct operator_config){
        .roots = roots, .root_count = 1, .profiles = profiles, .profile_count = 1};
    spec = (struct deploy_target){
        .local = {.root = "certs"}, .path = "{namespace}/{name}", .layout = layout, .mode = 0600};
    target = (struct resource){
        .kind = KIND_DEPLOY_TARGET, .namespace_ = "default", .name = "web", .deploy_target = &spec};
    ctx = (struct context){.arena = arena, .config = &config};
    memset(&err, 0, sizeof err);
}

static inline struct deployment deployment(int generation, int previous)
{
    static const char *names[] = {"shop.example.test", "*.example.test"};
    return (struct deployment){
        .target = &target,
        .namespace_ = "default",
        .name = "shop",
        .common_name = "shop.example.test",
        .names = {.items = names, .count = 2},
        .generation = generation,
        .previous = previous,
        .fingerprint = pairs[generation].fingerprint,
        .previous_fingerprint = previous > 0 ? pairs[previous].fingerprint : "",
        .key = pairs[generation].key,
        .leaf = pairs[generation].leaf,
        .chain = chain,
    };
}

static inline bool deploy(int generation, int previous)
{
    struct deployment d = deployment(generation, previous);
    memset(&err, 0, sizeof err);
    return deploy_local.stage(&ctx, &d, &err) && deploy_local.publish(&ctx, &d, &err);
}

static inline struct deploy_observation look(void)
{
    struct deployment d = deployment(1, 0);
    struct deploy_observation seen = {0};
    CHECK_OK(deploy_local.observe(&ctx, &d, &seen, &err), err);
    return seen;
}

static inline const char *text_of(const char *path)
{
    char text[65536];
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return "";
    size_t length = fread(text, 1, sizeof text, file);
    fclose(file);
    return arena_strndup(arena, text, length);
}

static inline unsigned mode_of(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (unsigned)status.st_mode & 07777 : 0xFFFF;
}

static inline bool exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

static inline void put(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0 && chmod(path, mode) == 0);
}

static inline int count_entries(const char *path, bool hidden_only)
{
    DIR *open_folder = opendir(path);
    int count = 0;
    if (open_folder == NULL)
        return -1;
    for (struct dirent *entry; (entry = readdir(open_folder)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
                 (!hidden_only || entry->d_name[0] == '.');
    closedir(open_folder);
    return count;
}

/* Begin and end of a test program. */
static inline bool open_worlds(void)
{
    arena = arena_create();
    snprintf(base, sizeof base, "%s/certwright-deploy-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    signal(SIGPIPE, SIG_IGN);
    return mkdtemp(base) != NULL;
}

static inline bool close_worlds(void)
{
    for (size_t i = 1; i < COUNT_OF(pairs); i++) {
        unmake_x509(pairs[i].made);
        secret_destroy((struct secret *)pairs[i].key);
    }
    unmake_x509(root_ca);
    unmake_x509(middle_ca);
    unmake_x509(other_ca);
    bool gone = system(arena_printf(arena, "rm -rf '%s'", base)) == 0;
    arena_destroy(arena);
    return gone;
}
