#include "schema/deploy_target.h"

#include <string.h>

#include "base/arena.h"
#include "base/names.h"
#include "schema/kinds.h"

static const char *const layout_words[] = {
    [LAYOUT_GENERATION] = "Generation", [LAYOUT_COMBINED] = "Combined", NULL};
static const char *const rollback_words[] = {[ROLLBACK_AUTO] = "Auto", [ROLLBACK_NEVER] = "Never", NULL};
static const char *const deploy_words[] = {[DEPLOY_AUTO] = "Auto", [DEPLOY_MANUAL] = "Manual", NULL};

#define ACCOUNT_PATTERN "^[a-z_][-a-z0-9_.]{0,31}$"

/* A relative path with {namespace}, {name} and {common_name} in it. */
static const char *target_path(struct arena *arena, const char *text, const char **out_reason)
{
    static const char *const known[] = {"{namespace}", "{name}", "{common_name}"};
    for (const char *c = text; *c != '\0'; c++) {
        bool good = *c != '{' && *c != '}' && (unsigned char)*c >= 0x20;
        for (size_t i = 0; i < COUNT_OF(known) && !good; i++)
            if (text_has_prefix(c, known[i])) {
                good = true;
                c += strlen(known[i]) - 1;
            }
        if (!good) {
            *out_reason = "only {namespace}, {name} and {common_name} may stand in braces";
            return NULL;
        }
    }
    return kind_relative_path(arena, text, out_reason);
}

static const struct field local_fields[] = {
    {.name = "root", .type = FIELD_STRING, AT(deploy_target, local.root), .required = true,
     .pattern = field_key_pattern, .example = "nginx", .doc = "A root from `deploy.roots` in the operator's file."},
};
static const struct field_table local_table = {
    .name = "local", .doc = "Files on this host.", FIELDS(local_fields)};

static const struct field reload_fields[] = {
    {.name = "profile", .type = FIELD_STRING, AT(deploy_target, reload.profile), .required = true,
     .pattern = field_key_pattern, .example = "nginx",
     .doc = "A profile from `deploy.reloadProfiles` in the operator's file: the programs that check and reload."},
};
static const struct field_table reload_table = {
    .name = "reload", .doc = "How the service takes up new files.", FIELDS(reload_fields)};

static const struct field probe_fields[] = {
    {.name = "address", .type = FIELD_STRING, AT(deploy_target, probe.address), .required = true,
     .canonical = kind_host_port, .example = "\"127.0.0.1:443\"", .doc = "Where the service speaks TLS."},
    {.name = "serverName", .type = FIELD_STRING, AT(deploy_target, probe.server_name), .canonical = name_canonical,
     .example = "shop.example.com", .doc = "The name to ask for; each of the certificate's names unless given."},
    {.name = "timeout", .type = FIELD_DURATION_S, AT(deploy_target, probe.timeout_s), .fallback = "60s", .min = 1,
     .max = 3600, .doc = "How long the service may take until it serves the new certificate."},
};
static const struct field_table probe_table = {
    .name = "probe", .doc = "A look at what is really served.", FIELDS(probe_fields)};

static const struct field http_fields[] = {
    {.name = "root", .type = FIELD_STRING, AT(deploy_target, challenge_http.root), .required = true,
     .pattern = field_key_pattern, .example = "www", .doc = "A root from `deploy.roots` in the operator's file."},
    {.name = "webroot", .type = FIELD_STRING, AT(deploy_target, challenge_http.webroot), .fallback = "",
     .canonical = kind_relative_path, .example = "html",
     .doc = "The folder beneath that root from which the web server answers; the root itself unless given."},
};
static const struct field_table http_table = {
    .name = "http", .doc = "Where challenge files are put.", FIELDS(http_fields)};
static const struct field challenge_fields[] = {
    {.name = "http", .type = FIELD_OBJECT, .table = &http_table,
     .doc = "Where challenge files for the names it serves are put."},
};
static const struct field_table challenge_table = {
    .name = "challenge", .doc = "What it does for validation.", FIELDS(challenge_fields)};

static const struct field deploy_target_fields[] = {
    {.name = "domains", .type = FIELD_STRING_LIST, AT(deploy_target, domains), .set = true, .max = 1000,
     .canonical = name_canonical, .example = "\"*.example.com\"",
     .doc = "Names it serves; *.example.com stands for every name one label below. Challenge files for them go here."},
    {.name = "local", .type = FIELD_OBJECT, .table = &local_table, .doc = "Files on this host."},
    {.name = "path", .type = FIELD_STRING, AT(deploy_target, path), .fallback = "{namespace}/{name}", .max = 512,
     .canonical = target_path, .example = "\"{namespace}/{name}\"",
     .doc = "Folder (Generation) or file (Combined) beneath the root; {namespace}, {name} and {common_name} are the "
            "certificate's."},
    {.name = "layout", .type = FIELD_ENUM, AT(deploy_target, layout), .words = layout_words, .fallback = "Generation",
     .doc = "Generation: <path>/current/{key,cert,chain,fullchain}.pem. Combined: key and chain in one file."},
    {.name = "owner", .type = FIELD_STRING, AT(deploy_target, owner), .pattern = ACCOUNT_PATTERN, .example = "root",
     .doc = "Owner of the files; as the root has it unless given."},
    {.name = "group", .type = FIELD_STRING, AT(deploy_target, group), .pattern = ACCOUNT_PATTERN,
     .example = "ssl-cert", .doc = "Group of the files; as the root has it unless given."},
    {.name = "mode", .type = FIELD_MODE, AT(deploy_target, mode), .fallback = "0600", .pattern = "^0[46][04]0$",
     .example = "\"0640\"", .doc = "Mode of the key file, in quotes. Never open to others than owner and group."},
    {.name = "takeOver", .type = FIELD_BOOL, AT(deploy_target, take_over), .fallback = "false",
     .doc = "true: a file that already stands at the path is kept as generation 0 and replaced."},
    {.name = "reload", .type = FIELD_OBJECT, .table = &reload_table, .doc = "How the service takes up new files."},
    {.name = "probe", .type = FIELD_OBJECT, .table = &probe_table, .doc = "A look at what is really served."},
    {.name = "rollback", .type = FIELD_ENUM, AT(deploy_target, rollback), .words = rollback_words, .fallback = "Auto",
     .doc = "Auto: when reload or probe fails, the former pair is put back. Never: it is left to a person."},
    {.name = "deploy", .type = FIELD_ENUM, AT(deploy_target, deploy), .words = deploy_words, .fallback = "Auto",
     .doc = "Auto: a new certificate is put here at once. Manual: it waits for a person."},
    {.name = "challenge", .type = FIELD_OBJECT, .table = &challenge_table, .doc = "What it does for validation."},
};
enum { GROUP_READS = 0040 };

static void finish_target(void *out, const struct field_scope *scope)
{
    const struct deploy_target *target = out;
    if ((target->mode & GROUP_READS) != 0 && target->group == NULL)
        field_problem(scope, "mode", SEVERITY_ERROR, "missing-field",
                      "lets a group read the key, and spec.group does not say which");
}
const struct field_table deploy_target_table = {
    .name = "DeployTarget",
    .doc = "Where key and certificate go, how the service takes them up, and how that is checked.",
    .size = sizeof(struct deploy_target),
    FIELDS(deploy_target_fields),
    .one_of = WORDS("local"),
    .finish = finish_target,
};
