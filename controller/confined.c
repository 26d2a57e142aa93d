#include "controller/confined.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/confine.h"
#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "schema/operator.h"

/* ---- programs ---- */

static struct arena *kept; /* of the vectors, for the life of the program */

static void add_program(struct process_program **all, size_t *count, const struct string_list *vector, const char *user,
                        const char *directory)
{
    if (vector->count == 0)
        return;
    const char **argv = arena_array(kept, vector->count + 1, sizeof *argv);
    memcpy(argv, vector->items, vector->count * sizeof *argv);
    *arena_push(kept, all, *count) = (struct process_program){argv, user, directory};
}

bool confined_programs(const struct operator_config *config, struct error *err)
{
    struct process_program *all = NULL;
    size_t count = 0;
    kept = arena_create();
    for (size_t i = 0; i < config->profile_count; i++) {
        const struct reload_profile *profile = &config->profiles[i];
        add_program(&all, &count, &profile->check, profile->user, profile->directory);
        add_program(&all, &count, &profile->reload, profile->user, profile->directory);
    }
    for (size_t i = 0; i < config->dns_program_count; i++)
        add_program(&all, &count, &config->dns_programs[i].run, config->dns_programs[i].user,
                    config->dns_programs[i].directory);
    return process_delegate(all, count, err);
}

/* ---- files ---- */

struct leave {
    struct arena *arena;
    struct confine_path *paths;
    size_t count;
};

static void allow(struct leave *leave, const char *path, enum confine_access access)
{
    if (path != NULL)
        *arena_push(leave->arena, &leave->paths, leave->count) = (struct confine_path){path, access};
}

/* The folder that something is in; NULL when that is the root, or when there is none. */
static const char *folder_of(const struct leave *leave, const char *path)
{
    const char *slash = path == NULL ? NULL : strrchr(path, '/');
    return slash == NULL || slash == path ? NULL : arena_strndup(leave->arena, path, (size_t)(slash - path));
}

/* It may be missing yet, be replaced under its name, or be a link to something beside which the next one will be put (as
 * programs do that fetch from Git): so the folders that hold it count. */
static void allow_with_folder(struct leave *leave, const char *path)
{
    char real[PATH_MAX];
    allow(leave, path, CONFINE_READ);
    allow(leave, folder_of(leave, path), CONFINE_READ);
    if (path != NULL && realpath(path, real) != NULL)
        allow(leave, folder_of(leave, arena_strdup(leave->arena, real)), CONFINE_READ);
}

/* What the C library, OpenSSL and libcurl read: programs and libraries, the system's settings (resolv.conf is replaced while
 * we run, so the folder counts, not the file), roots, times, and the kernel's answers about ourselves. */
static void allow_system(struct leave *leave)
{
    static const char *const read[] = {"/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin", "/etc", "/proc",
        "/sys/devices/system/cpu", "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager", "/run/nscd",
        "/var/lib/ca-certificates", "/dev/urandom", "/dev/random"};
    static const char *const programs[][2] = {{"certwright-parse", "CERTWRIGHT_PARSE"}, {"certwright-watch", "CERTWRIGHT_WATCH"}};
    char self[PATH_MAX];
    for (size_t i = 0; i < COUNT_OF(read); i++)
        allow(leave, read[i], CONFINE_READ);
    allow(leave, "/dev/null", CONFINE_FILE);
    for (size_t i = 0; i < COUNT_OF(programs); i++)
        allow(leave, process_helper(programs[i][0], programs[i][1], leave->arena), CONFINE_READ);
    if (realpath("/proc/self/exe", self) != NULL)
        allow(leave, arena_strdup(leave->arena, self), CONFINE_READ);
}

static void allow_configured(struct leave *leave, const struct operator_config *config)
{
    allow_with_folder(leave, config->manifests_directory);
    allow_with_folder(leave, config->secrets_directory);
    for (size_t i = 0; i < config->endpoint_count; i++)
        allow_with_folder(leave, config->endpoints[i].ca);
    for (size_t i = 0; i < config->dns_webhook_count; i++)
        allow_with_folder(leave, config->dns_webhooks[i].ca);
    for (size_t i = 0; i < config->trust_roots.count; i++)
        allow_with_folder(leave, config->trust_roots.items[i]);
    allow_with_folder(leave, config->clock_file);
    allow(leave, config->state_directory, CONFINE_WRITE);
    allow(leave, config->audit_directory, CONFINE_WRITE);
    allow(leave, folder_of(leave, config->sealing_key_file), CONFINE_WRITE); /* a new key is written beside the former */
    for (size_t i = 0; i < config->root_count; i++)
        allow(leave, config->roots[i].path, CONFINE_WRITE);
}

bool confined_files(const struct operator_config *config, struct error *err)
{
    struct leave leave = {.arena = arena_create()};
    int version = 0;
    allow_system(&leave);
    allow_configured(&leave, config);
    bool ok = confine_files(leave.paths, leave.count, &version, err);
    if (ok && version > 0)
        log_event(LOG_INFO, "confined", "files", arena_printf(leave.arena, "Landlock %d", version), NULL);
    else if (ok)
        log_event(LOG_WARN, "not confined: this kernel has no Landlock", "files", "whatever the user of this process may", NULL);
    arena_destroy(leave.arena);
    return ok;
}
