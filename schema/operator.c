#include "schema/operator.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/hash.h"
#include "schema/field.h"
#include "schema/yaml.h"

#define SYSTEM_DIRECTORY "/etc/certwright"

/* sslstore-api.md 1.1; there is no sandbox for EU accounts. */
static const struct endpoint vendors_own[] = {
    {.name = "Live", .url = "https://api.thesslstore.com/rest/"},
    {.name = "EU", .url = "https://api.thesslstore.eu/rest/"},
    {.name = "Sandbox", .url = "https://sandbox-wbapi.thesslstore.com/rest/", .sandbox = true},
};

const struct endpoint *operator_endpoint(const struct operator_config *config, const char *environment)
{
    for (size_t i = 0; i < COUNT_OF(vendors_own); i++)
        if (text_equal(vendors_own[i].name, environment))
            return &vendors_own[i];
    for (size_t i = 0; i < config->endpoint_count; i++)
        if (text_equal(config->endpoints[i].name, environment))
            return &config->endpoints[i];
    return NULL;
}

void operator_digest(const struct operator_config *config, unsigned char out[32])
{
    const struct operator_config part = {
        .roots = config->roots, .root_count = config->root_count, .profiles = config->profiles,
        .profile_count = config->profile_count, .dns_programs = config->dns_programs,
        .dns_program_count = config->dns_program_count, .dns_webhooks = config->dns_webhooks,
        .dns_webhook_count = config->dns_webhook_count, .endpoints = config->endpoints,
        .endpoint_count = config->endpoint_count, .namespaces = config->namespaces,
        .namespace_count = config->namespace_count, .clock_file = config->clock_file};
    struct buffer form = {0};
    field_canonical(&operator_table, &part, &form);
    buffer_puts(&form, config->path != NULL ? "file" : "none"); /* without one, what it does not open is only warned of */
    hash_sha256(span_of(buffer_text(&form), form.length), out);
    buffer_release(&form);
}

/* By host, so that another name for the same address changes nothing. */
bool operator_endpoint_is_vendors(const struct endpoint *endpoint)
{
    static const char *const domains[] = {"thesslstore.com", "thesslstore.eu"};
    const char *host = strstr(endpoint->url, "://");
    host = host != NULL ? host + 3 : endpoint->url;
    size_t length = strcspn(host, "/?#");
    const char *user = memrchr(host, '@', length);
    if (user != NULL) {
        length -= (size_t)(user + 1 - host);
        host = user + 1;
    }
    const char *port = memchr(host, ':', length);
    length = port != NULL ? (size_t)(port - host) : length;
    while (length > 0 && host[length - 1] == '.')
        length--;
    char name[256];
    if (length >= sizeof name)
        return false;
    memcpy(name, host, length);
    name[length] = '\0';
    for (size_t i = 0; i < COUNT_OF(domains); i++)
        if (text_name_within(name, domains[i]))
            return true;
    return false;
}

const struct deploy_root *operator_root(const struct operator_config *config, const char *name)
{
    for (size_t i = 0; i < config->root_count; i++)
        if (text_equal(config->roots[i].name, name))
            return &config->roots[i];
    return NULL;
}

const struct reload_profile *operator_profile(const struct operator_config *config, const char *name)
{
    for (size_t i = 0; i < config->profile_count; i++)
        if (text_equal(config->profiles[i].name, name))
            return &config->profiles[i];
    return NULL;
}

static const struct dns_helper *helper_named(const struct dns_helper *helpers, size_t count, const char *name,
                                             const char *namespace_)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal(helpers[i].name, name))
            return helpers[i].namespaces.count == 0 || string_list_contains(&helpers[i].namespaces, namespace_)
                       ? &helpers[i]
                       : NULL;
    return NULL;
}

const struct dns_helper *operator_dns_program(const struct operator_config *config, const char *name,
                                              const char *namespace_)
{
    return helper_named(config->dns_programs, config->dns_program_count, name, namespace_);
}

const struct dns_helper *operator_dns_webhook(const struct operator_config *config, const char *name,
                                              const char *namespace_)
{
    return helper_named(config->dns_webhooks, config->dns_webhook_count, name, namespace_);
}

/* ---- places ---- */

static const char *home_directory(struct arena *arena)
{
    const char *home = getenv("HOME");
    if (home != NULL && home[0] == '/')
        return home;
    struct passwd entry, *found = NULL;
    char text[4096];
    if (getpwuid_r(geteuid(), &entry, text, sizeof text, &found) == 0 && found != NULL)
        return arena_strdup(arena, found->pw_dir);
    return "/nonexistent";
}

/* The XDG base directory, then certwright's folder in it. A relative value is ignored, as the specification asks. */
static const char *xdg(struct arena *arena, const char *variable, const char *fallback)
{
    const char *value = getenv(variable);
    if (value != NULL && value[0] == '/')
        return arena_printf(arena, "%s/certwright", value);
    return arena_printf(arena, "%s/%s/certwright", home_directory(arena), fallback);
}

/* The service runs as a user of its own, with the file that root's defaults name. */
static bool is_system(const struct operator_config *config)
{
    return geteuid() == 0 || (config->path != NULL && text_has_prefix(config->path, SYSTEM_DIRECTORY "/"));
}

static void fill_places(struct operator_config *config, struct arena *arena)
{
    bool system = is_system(config);
    const char *settings = system ? SYSTEM_DIRECTORY : xdg(arena, "XDG_CONFIG_HOME", ".config");
    const char *memory = xdg(arena, "XDG_STATE_HOME", ".local/state");
    if (config->manifests_directory == NULL)
        config->manifests_directory = arena_printf(arena, "%s/manifests", settings);
    if (config->sealing_key_file == NULL)
        config->sealing_key_file = arena_printf(arena, "%s/sealing.key", settings);
    if (config->secrets_directory == NULL)
        config->secrets_directory = arena_printf(arena, "%s/secrets", settings);
    if (config->state_directory == NULL)
        config->state_directory = system ? "/var/lib/certwright" : arena_printf(arena, "%s/state", memory);
    if (config->audit_directory == NULL)
        config->audit_directory = system ? "/var/log/certwright" : arena_printf(arena, "%s/audit", memory);
    if (config->backup_directory == NULL)
        config->backup_directory = arena_printf(arena, "%s/backups", config->audit_directory);
}

/* An absolute path without doubled slashes and "." parts; relative ones begin at the file's folder. */
static const char *settle_path(struct arena *arena, const char *folder, const char *path)
{
    if (path == NULL || folder == NULL)
        return path;
    struct string_list parts = text_split(arena, path, '/'), kept = {0};
    for (size_t i = 0; i < parts.count; i++)
        if (parts.items[i][0] != '\0' && strcmp(parts.items[i], ".") != 0)
            string_list_push(arena, &kept, parts.items[i]);
    const char *joined = kept.count > 0 ? string_list_join(arena, &kept, "/") : "";
    return arena_printf(arena, "%s/%s", path[0] == '/' || strcmp(folder, "/") == 0 ? "" : folder, joined);
}

/* The file may itself be a link, as in a mounted ConfigMap; what counts is where the link lies. */
static const char *folder_of(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *named = slash == NULL ? "." : slash == path ? "/" : arena_strndup(arena, path, (size_t)(slash - path));
    char *absolute = realpath(named, NULL);
    const char *folder = arena_strdup(arena, absolute != NULL ? absolute : named);
    free(absolute);
    return folder;
}

static void settle_paths(struct operator_config *config, const char *folder, struct arena *arena)
{
    const char **const paths[] = {&config->manifests_directory, &config->state_directory, &config->sealing_key_file,
                                  &config->secrets_directory, &config->audit_directory, &config->backup_directory,
                                  &config->clock_file};
    for (size_t i = 0; i < COUNT_OF(paths); i++)
        *paths[i] = settle_path(arena, folder, *paths[i]);
    for (size_t i = 0; i < config->root_count; i++)
        config->roots[i].path = settle_path(arena, folder, config->roots[i].path);
    for (size_t i = 0; i < config->endpoint_count; i++)
        config->endpoints[i].ca = settle_path(arena, folder, config->endpoints[i].ca);
    for (size_t i = 0; i < config->dns_webhook_count; i++)
        config->dns_webhooks[i].ca = settle_path(arena, folder, config->dns_webhooks[i].ca);
    for (size_t i = 0; i < config->trust_roots.count; i++)
        config->trust_roots.items[i] = settle_path(arena, folder, config->trust_roots.items[i]);
}

static bool is_beneath(const char *path, const char *directory)
{
    size_t length = strlen(directory);
    return strncmp(path, directory, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static struct position member_position(const struct yaml_node *root, const char *path, const char *member)
{
    const struct yaml_node *node = root != NULL ? yaml_member(root, member) : NULL;
    return node != NULL ? yaml_key_position(node) : (struct position){.file = path};
}

/* Places that must not lie in one another; judged when all are known. */
static void check_places(const struct operator_config *config, const struct yaml_node *root,
                         struct problem_list *problems)
{
    if (is_beneath(config->sealing_key_file, config->state_directory))
        problem_add(problems, SEVERITY_ERROR, "sealing-key-inside-state",
                    member_position(root, config->path, "sealingKey"), "sealingKey.file",
                    "the sealing key %s lies in the state directory %s that it seals; whoever copies the one has both",
                    config->sealing_key_file, config->state_directory);
    if (is_beneath(config->backup_directory, config->state_directory))
        problem_add(problems, SEVERITY_ERROR, "backups-inside-state", member_position(root, config->path, "state"),
                    "state.backups", "the backups %s lie in the state directory %s: whoever loses the one has lost both",
                    config->backup_directory, config->state_directory);
    if (is_beneath(config->secrets_directory, config->manifests_directory))
        problem_add(problems, SEVERITY_ERROR, "secrets-inside-manifests",
                    member_position(root, config->path, "secrets"), "secrets.directory",
                    "the secrets directory %s lies in the manifest directory %s", config->secrets_directory,
                    config->manifests_directory);
    if (is_beneath(config->state_directory, config->manifests_directory))
        problem_add(problems, SEVERITY_ERROR, "state-inside-manifests",
                    member_position(root, config->path, "state"), "state.directory",
                    "the state directory %s lies in the manifest directory %s", config->state_directory,
                    config->manifests_directory);
}

/* ---- the file ---- */

static const char *default_path(struct arena *arena)
{
    const char *path = geteuid() == 0 ? SYSTEM_DIRECTORY "/certwright.yaml"
                                      : arena_printf(arena, "%s/certwright.yaml",
                                                     xdg(arena, "XDG_CONFIG_HOME", ".config"));
    return access(path, F_OK) == 0 || errno != ENOENT ? path : NULL;
}

/* Decisions 13; judged on what was opened, so that nobody changes it in between. */
static bool rights_are_good(int fd, const char *path, struct problem_list *problems)
{
    struct position position = {.file = path};
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        problem_add(problems, SEVERITY_ERROR, "operator-file", position, NULL, "the operator's file is no regular file");
    } else if (status.st_uid != 0 && status.st_uid != geteuid()) {
        struct problem *problem =
            problem_add(problems, SEVERITY_ERROR, "operator-file-owner", position, NULL,
                        "the operator's file belongs to user %lu, neither to root nor to the user who runs this",
                        (unsigned long)status.st_uid);
        problem->hint = arena_printf(problems->arena, "chown root %s", path);
    } else if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        struct problem *problem = problem_add(problems, SEVERITY_ERROR, "operator-file-rights", position, NULL,
                                              "the operator's file can be written by others than its owner (mode %04o)",
                                              (unsigned)status.st_mode & 07777);
        problem->hint = arena_printf(problems->arena, "chmod go-w %s", path);
    } else {
        return true;
    }
    return false;
}

static bool read_file(const char *path, struct buffer *out, struct problem_list *problems)
{
    struct position position = {.file = path};
    AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct error err = {0};
    if (fd < 0) {
        problem_add(problems, SEVERITY_ERROR, "operator-file", position, NULL, "cannot open the operator's file: %s",
                    strerror(errno));
        return false;
    }
    if (!rights_are_good(fd, path, problems))
        return false;
    if (!file_read(fd, YAML_MAX_FILE, out, &err)) {
        problem_add(problems, SEVERITY_ERROR, "operator-file", position, NULL, "%s", err.message);
        return false;
    }
    return true;
}

static bool decode(const char *path, const struct buffer *text, struct arena *arena, struct operator_config *out,
                   const struct yaml_node **out_root, struct problem_list *problems)
{
    static const struct yaml_node nothing = {.kind = YAML_MAPPING, .line = 1, .column = 1};
    struct yaml_document_list documents = {0};
    if (!yaml_parse(path, buffer_text(text), text->length, arena, &documents, problems))
        return false;
    if (documents.count > 1) {
        problem_add(problems, SEVERITY_ERROR, "several-documents", yaml_position(documents.items[1].root), NULL,
                    "the operator's file is one document");
        return false;
    }
    const struct yaml_node *root = documents.count == 1 ? documents.items[0].root : &nothing;
    *out_root = root;
    return field_decode(&operator_table, root, "", arena, out, problems);
}

bool operator_load(const char *path, struct arena *arena, struct operator_config *out, struct problem_list *problems)
{
    struct operator_config config = {0};
    const struct yaml_node *root = NULL;
    AUTO(buffer) struct buffer text = {0};
    size_t errors = problems->errors;
    path = arena_strdup(arena, path != NULL ? path : default_path(arena));
    if (path != NULL && !read_file(path, &text, problems))
        return false;
    if (!decode(path, &text, arena, &config, &root, problems))
        return false;
    config.path = path;
    fill_places(&config, arena);
    settle_paths(&config, path != NULL ? folder_of(arena, path) : NULL, arena);
    check_places(&config, root, problems);
    if (problems->errors != errors)
        return false;
    *out = config;
    return true;
}
