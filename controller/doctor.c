#include "controller/doctor_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/process.h"
#include "controller/desired.h"
#include "controller/state.h"
#include "schema/rules.h"

void doctor_add(struct doctor *d, const char *name, const char *subject, enum check_outcome outcome,
                const char *cause, const char *cure)
{
    check_add(d->list, &(struct check){.about = d->about,
                                       .name = name,
                                       .subject = subject,
                                       .outcome = outcome,
                                       .cause = cause,
                                       .cure = cure,
                                       .took_ms = -1});
}

void doctor_add_error(struct doctor *d, const char *name, const char *subject, const struct error *err,
                      const char *cure)
{
    doctor_add(d, name, subject, check_outcome_of(err), arena_strdup(d->arena, err->message),
               cure != NULL ? cure : check_cure_of(err));
}

static void look_at_program(struct doctor *d)
{
    static const struct {
        const char *name, *variable, *cure;
    } helpers[] = {
        {"certwright-watch", "CERTWRIGHT_WATCH",
         "install the package anew: `certwright run` needs it to see that a file changed"},
        {"certwright-parse", "CERTWRIGHT_PARSE", "install the package anew: manifests are read by it"},
    };
    d->about = "installation";
    doctor_add(d, "certwright", "", CHECK_YES,
               arena_printf(d->arena, "version %s, rules of %s, run by uid %u", CERTWRIGHT_VERSION,
                            rules_version(), (unsigned)geteuid()),
               NULL);
    for (size_t i = 0; i < COUNT_OF(helpers); i++) {
        const char *path = process_helper(helpers[i].name, helpers[i].variable, d->arena);
        doctor_add(d, helpers[i].name, "", path != NULL ? CHECK_YES : CHECK_NO,
                   path != NULL ? path : "it is not there", helpers[i].cure);
    }
    bool roots = access("/etc/ssl/certs/ca-certificates.crt", R_OK) == 0;
    doctor_add(d, "system's roots", "", roots ? CHECK_YES : CHECK_WARN,
               roots ? "/etc/ssl/certs/ca-certificates.crt"
                     : "/etc/ssl/certs/ca-certificates.crt cannot be read",
               "install the package ca-certificates: the vendor's API is not trusted without");
}

/* The file may be missing, unreadable, foreign or wrong: all of it is told, and the rest is looked at as far
 * as it can be. */
static bool look_at_file(struct doctor *d)
{
    struct problem_list problems = {.arena = d->arena};
    struct error err = {0};
    d->about = "operator's file";
    bool ok = operator_load(d->ctx->config_path, d->arena, &d->ctx->config, &problems);
    for (size_t i = 0; i < problems.count; i++) {
        const struct problem *problem = &problems.items[i];
        const char *place =
            problem->position.line > 0 ? arena_printf(d->arena, "line %d: ", problem->position.line) : "";
        doctor_add(d, problem->position.file != NULL ? problem->position.file : "file", "",
                   problem->severity == SEVERITY_ERROR ? CHECK_NO : CHECK_WARN,
                   arena_printf(d->arena, "%s%s", place, problem->message),
                   problem->hint != NULL ? problem->hint
                                         : "correct it; `certwright explain operator` lists the fields");
    }
    if (!ok && problems.count == 0)
        doctor_add(d, "file", "", CHECK_NO, "it cannot be read",
                   "look at --config and at the rights of the file");
    if (!ok)
        return false;
    if (d->ctx->config.path == NULL)
        doctor_add(d, "file", "", CHECK_WARN,
                   "there is none: the defaults are in force, and nothing may be bought or deployed",
                   "write one, or name one by --config FILE");
    else if (problems.count == 0)
        doctor_add(d, d->ctx->config.path, "", CHECK_YES, "it reads well", NULL);
    d->ctx->config_read = true;
    if (d->ctx->config.clock_file != NULL && !clock_follow(d->ctx->config.clock_file, &err))
        doctor_add_error(d, "clock", "", &err, NULL);
    return true;
}

static void look_at_clock(struct doctor *d)
{
    int64_t made = 0, seen = 0, now = clock_now();
    struct span value;
    d->about = "clock";
    const char *says = clock_rfc3339(d->arena, now);
    if (d->state != NULL && state_get(d->state, TABLE_META, "newest-time", d->arena, &value, NULL, NULL))
        seen = atoll(arena_strndup(d->arena, value.data, value.length));
    if (clock_parse_rfc3339(rules_version(), &made) && now < made)
        doctor_add(d, "time", "", CHECK_NO,
                   arena_printf(d->arena, "%s is before this program was made", says),
                   "set this host's clock, and keep it by NTP");
    else if (now < seen)
        doctor_add(
            d, "time", "", CHECK_NO,
            arena_printf(d->arena, "%s, but the store has seen %s", says, clock_rfc3339(d->arena, seen)),
            "set this host's clock, and keep it by NTP");
    else
        doctor_add(d, "time", "", CHECK_YES, says, NULL);
}

static void look_at_manifests(struct doctor *d)
{
    struct error err = {0};
    d->about = "manifests";
    d->desired = desired_read(&d->ctx->config, NULL, d->state, &err);
    if (d->desired == NULL) {
        doctor_add_error(d, d->ctx->config.manifests_directory, "", &err,
                         "make the directory, or name another by manifests.directory");
        return;
    }
    if (access(d->ctx->config.manifests_directory, R_OK | X_OK) != 0) { /* what it held stays in force */
        doctor_add(d, d->ctx->config.manifests_directory, "", CHECK_NO,
                   arena_printf(d->arena, "it cannot be read (%s): what it held stays in force until it is back",
                                strerror(errno)),
                   "bring the directory back, or name another by manifests.directory");
        return;
    }
    size_t errors = desired_problems(d->desired)->errors;
    doctor_add(d, d->ctx->config.manifests_directory, "", errors > 0 ? CHECK_WARN : CHECK_YES,
               arena_printf(d->arena, "%zu resources in %zu files, %zu errors", desired_count(d->desired),
                            desired_file_count(d->desired), errors),
               "`certwright validate` shows the places");
}

void doctor_look(struct command_context *ctx, struct check_list *list, bool offline)
{
    struct doctor d = {.ctx = ctx, .arena = list->arena, .list = list};
    look_at_program(&d);
    if (!look_at_file(&d)) {
        look_at_clock(&d);
        d.about = "everything else";
        doctor_add(&d, "places, accounts, targets", "", CHECK_UNKNOWN,
                   "the operator's file names them, and cannot be used", "cure the operator's file first");
        return;
    }
    doctor_places(&d);
    look_at_clock(&d);
    look_at_manifests(&d);
    doctor_targets(&d);
    if (!offline)
        doctor_outside(&d);
    if (d.desired != NULL)
        desired_destroy(d.desired);
    state_close(d.state);
}
