/* Rollouts: the prepare and record parts, pure, and what an inspection finds in a real folder. */
#include "actions_check.h"

#include <sys/stat.h>

#include "reconcilers/certificate/decide_parts.h"
#include "reconcilers/deploy/deploy.h"
#include "scratch.h"

static struct rollout_record *rollout(void) { return &made.view.rollouts[0]; }

static void issued(void)
{
    begin(ONE);
    made_issued(&made);
}

/* The first target, which other tests see, in a copy that this one may change. */
static struct deploy_target *own_target(void)
{
    struct resource *resource = arena_memdup(arena, made.view.refs.targets[0], sizeof *resource);
    struct deploy_target *target = arena_memdup(arena, resource->deploy_target, sizeof *target);
    resource->deploy_target = target;
    made.view.refs.targets[0] = resource;
    return target;
}

static void stage_notes_what_it_is_about(void)
{
    issued();
    CHECK(prepare(step_at(ACTION_STAGE, 0)));
    CHECK_INT(changes.rollout->state, ROLLOUT_STAGING);
    CHECK_INT(changes.rollout->revision, 1);
    CHECK_TEXT(changes.rollout->fingerprint, "f1");
    CHECK_TEXT(changes.audit, "deploy.stage");
    take();
    struct outcome outcome = done();
    outcome.generation = 4;
    outcome.previous = 3;
    outcome.previous_fingerprint = "f0";
    outcome.path = "default/shop";
    record(step_at(ACTION_STAGE, 0), outcome);
    CHECK_INT(changes.rollout->state, ROLLOUT_STAGED);
    CHECK_INT(changes.rollout->generation, 4);
    CHECK_INT(changes.rollout->previous, 3);
    CHECK_TEXT(changes.rollout->previous_fingerprint, "f0");
    CHECK_TEXT(changes.rollout->root, "nginx");
}

static void stage_again_keeps_its_generation(void)
{
    issued();
    CHECK(prepare(step_at(ACTION_STAGE, 0)));
    take();
    struct outcome outcome = failed(ERROR_SYSTEM, "the disk is full");
    outcome.generation = 4;
    record(step_at(ACTION_STAGE, 0), outcome);
    take();
    CHECK_INT(rollout()->attempts, 1);
    CHECK(rollout()->retry_at > made.view.now);
    CHECK(prepare(step_at(ACTION_STAGE, 0)));
    CHECK_INT(changes.rollout->generation, 4);
    own_target()->path = "elsewhere"; /* where 4 may be another's */
    CHECK(prepare(step_at(ACTION_STAGE, 0)));
    CHECK_INT(changes.rollout->generation, 0);
}

static void new_revision_remembers_what_serves(void)
{
    begin(ONE);
    made_settled(&made);
    made.revision->number = 2;
    made.revision->fingerprint = "f2";
    CHECK(prepare(step_at(ACTION_STAGE, 0)));
    CHECK_INT(changes.rollout->previous, 1);
    CHECK_TEXT(changes.rollout->previous_fingerprint, "f1");
    CHECK_INT(changes.rollout->generation, 0);
    CHECK_INT(changes.rollout->attempts, 0);
}

static void rollout_becomes_active(void)
{
    issued();
    *rollout() = (struct rollout_record){.target = "web",
                                         .state = ROLLOUT_STAGED,
                                         .revision = 1,
                                         .generation = 2,
                                         .previous = 1,
                                         .error = "",
                                         .settings_digest = ""};
    record(step_at(ACTION_PUBLISH, 0), done());
    CHECK_INT(changes.rollout->state, ROLLOUT_PUBLISHED);
    CHECK_INT(changes.rollout->published_at, made.view.now);
    take();
    record(step_at(ACTION_RELOAD, 0), done());
    CHECK_INT(changes.rollout->state, ROLLOUT_RELOADED);
    take();
    record(step_at(ACTION_PROBE, 0), done());
    CHECK_INT(changes.rollout->state, ROLLOUT_ACTIVE);
    CHECK_TEXT(changes.rollout->settings_digest, rollout_settings_digest(&made.view, 0, arena));
    CHECK_TEXT(changes.event_reason, "Served");
    take();
    CHECK_INT(certificate_decide(&made.view, arena).action, ACTION_REST);
}

static void published(int previous)
{
    issued();
    *rollout() = (struct rollout_record){.target = "web",
                                         .state = ROLLOUT_PUBLISHED,
                                         .revision = 1,
                                         .generation = 2,
                                         .previous = previous,
                                         .published_at = made.view.now,
                                         .error = "",
                                         .settings_digest = ""};
}

static void failed_publishing_looks_at_the_folder_again(void)
{
    published(1);
    rollout()->state = ROLLOUT_STAGED;
    record(step_at(ACTION_PUBLISH, 0), failed(ERROR_SYSTEM, "read-only"));
    CHECK_INT(changes.rollout->state, ROLLOUT_STAGING);
    CHECK(changes.rollout->retry_at > made.view.now);
}

/* Reliability.md 6.4: a former pair that has ended is nothing to go back to. */
static void failed_reload_stays_where_the_former_pair_has_ended(void)
{
    for (int ended = 0; ended < 2; ended++) {
        published(1);
        rollout()->previous_ends_at = made.view.now + (ended ? 0 : 1);
        record(step_at(ACTION_RELOAD, 0), failed(ERROR_REFUSED, "nginx: test failed"));
        CHECK_INT(changes.rollout->state, ended ? ROLLOUT_PUBLISHED : ROLLOUT_ROLLING_BACK);
        CHECK_TEXT(changes.rollout->error, "nginx: test failed");
    }
}

/* What is damaged is deployed again, once a day; what somebody put there instead is left and said. */
static void drift_is_cured_once_a_day_and_else_said(void)
{
    static const struct {
        enum drift drift;
        int64_t cured_ago;
        bool cures;
    } rows[] = {{DRIFT_DAMAGED, 0, true}, {DRIFT_DAMAGED, 3600, false}, {DRIFT_DAMAGED, 86400, true}, {DRIFT_REPLACED, 0, false}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        published(1);
        rollout()->state = ROLLOUT_ACTIVE;
        rollout()->cured_at = rows[i].cured_ago > 0 ? made.view.now - rows[i].cured_ago : 0;
        struct outcome outcome = done();
        outcome.drift = rows[i].drift;
        outcome.words = "cert.pem is missing";
        record(step_at(ACTION_INSPECT, 0), outcome);
        CHECK_INT(changes.rollout->state, rows[i].cures ? ROLLOUT_WANTED : ROLLOUT_ACTIVE);
        CHECK_TEXT(changes.rollout->drift, rows[i].cures ? "" : "cert.pem is missing");
        CHECK_TEXT(changes.event_reason, "Drifted");
    }
}

static void failed_reload_goes_back_to_what_served(void)
{
    published(1);
    record(step_at(ACTION_RELOAD, 0), failed(ERROR_REFUSED, "nginx: test failed"));
    CHECK_INT(changes.rollout->state, ROLLOUT_ROLLING_BACK);
    CHECK_TEXT(changes.rollout->error, "nginx: test failed");
    take();
    CHECK_INT(certificate_decide(&made.view, arena).action, ACTION_ROLL_BACK); /* at once */
    record(step_at(ACTION_ROLL_BACK, 0), done());
    CHECK_INT(changes.rollout->published_at, 0);
    take();
    CHECK_INT(certificate_decide(&made.view, arena).action, ACTION_RELOAD_BACK);
    record(step_at(ACTION_RELOAD_BACK, 0), done());
    CHECK(changes.rollout->reloaded);
    take();
    CHECK_INT(certificate_decide(&made.view, arena).action, ACTION_PROBE_BACK);
    record(step_at(ACTION_PROBE_BACK, 0), done());
    CHECK_INT(changes.rollout->state, ROLLOUT_ROLLED_BACK);
    CHECK_TEXT(changes.rollout->error,
               "nginx: test failed"); /* the cause, not the last thing that happened */
    CHECK_INT(changes.rollout->retry_at, made.view.now + 900);
    CHECK_TEXT(changes.event_reason, "RolledBack");
}

static void rollback_waits_longer_each_time(void)
{
    static const int64_t waits[] = {900, 3600, 6 * 3600, 86400, 86400};
    for (int attempts = 1; attempts <= 5; attempts++) {
        published(1);
        rollout()->state = ROLLOUT_ROLLING_BACK;
        rollout()->attempts = attempts;
        rollout()->error = "not served";
        record(step_at(ACTION_PROBE_BACK, 0), done());
        CHECK_INT(changes.rollout->retry_at, made.view.now + waits[attempts - 1]);
    }
}

static void without_a_former_generation_the_new_one_stays(void)
{
    published(0);
    record(step_at(ACTION_RELOAD, 0), failed(ERROR_REFUSED, "nginx: test failed"));
    CHECK_INT(changes.rollout->state, ROLLOUT_PUBLISHED);
    CHECK(changes.rollout->retry_at > made.view.now);
    published(0);
    rollout()->state = ROLLOUT_RELOADED;
    rollout()->checked_at = made.view.now - 60;
    record(step_at(ACTION_PROBE, 0), failed(ERROR_UNREACHABLE, "serves another"));
    CHECK_INT(changes.rollout->state, ROLLOUT_PUBLISHED); /* reload and look again after the backoff */
    CHECK(changes.rollout->retry_at > made.view.now);
}

static void rollback_never_stays_as_well(void)
{
    published(1);
    own_target()->rollback = ROLLBACK_NEVER;
    record(step_at(ACTION_RELOAD, 0), failed(ERROR_REFUSED, "nginx: test failed"));
    CHECK_INT(changes.rollout->state, ROLLOUT_PUBLISHED);
}

static void probe_is_patient_for_its_time(void)
{
    published(1);
    rollout()->state = ROLLOUT_RELOADED;
    rollout()->checked_at = made.view.now;
    int looks = 0;
    for (; rollout()->state == ROLLOUT_RELOADED && looks < 100; looks++) {
        record(step_at(ACTION_PROBE, 0), failed(ERROR_UNREACHABLE, "serves another"));
        take();
        if (rollout()->state == ROLLOUT_RELOADED) {
            int64_t wait = rollout()->retry_at - made.view.now;
            CHECK(wait >= 1 && wait <= 8);
            made.view.now = rollout()->retry_at;
        }
    }
    CHECK_INT(rollout()->state, ROLLOUT_ROLLING_BACK);
    CHECK(looks >= 6 && looks < 20);
}

static void clock_that_goes_back_does_not_prolong_a_probe_for_ever(void)
{
    published(1);
    rollout()->state = ROLLOUT_RELOADED;
    rollout()->checked_at = made.view.now + 400 * 86400;
    for (int looks = 0; looks < 100 && rollout()->state == ROLLOUT_RELOADED; looks++) {
        record(step_at(ACTION_PROBE, 0), failed(ERROR_UNREACHABLE, "serves another"));
        take();
        made.view.now += 8;
    }
    CHECK_INT(rollout()->state, ROLLOUT_ROLLING_BACK);
}

/* ---- the way back that fails ---- */

static void rolling_back(void)
{
    published(1);
    rollout()->state = ROLLOUT_ROLLING_BACK;
    rollout()->attempts = 1;
    rollout()->error = "not served";
}

static void a_way_back_that_fails_is_tried_again(void)
{
    static const struct {
        enum action action;
        const char *reason;
    } rows[] = {{ACTION_ROLL_BACK, "RollbackFailed"}, {ACTION_RELOAD_BACK, "RollbackReloadFailed"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        rolling_back();
        record(step_at(rows[i].action, 0), failed(ERROR_SYSTEM, "read-only"));
        CHECK_INT(changes.rollout->state, ROLLOUT_ROLLING_BACK);
        CHECK(changes.rollout->retry_at > made.view.now);
        CHECK_TEXT(changes.event_reason, rows[i].reason);
        CHECK_TEXT(changes.event_type, "Warning");
    }
}

/* Decisions 21: where there is nothing to go back to, the new one stays and is tried again. */
static void a_former_generation_that_is_not_there_ends_the_way_back(void)
{
    static const struct {
        enum error_kind kind;
        bool ends;
    } rows[] = {{ERROR_NOT_FOUND, true}, {ERROR_MALFORMED, true}, {ERROR_CONFLICT, true}, {ERROR_CONFIG, false}, {ERROR_SYSTEM, false}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        rolling_back();
        record(step_at(ACTION_ROLL_BACK, 0), failed(rows[i].kind, "gen-1 cannot be published"));
        CHECK_INT(changes.rollout->state, rows[i].ends ? ROLLOUT_PUBLISHED : ROLLOUT_ROLLING_BACK);
        CHECK_INT(changes.rollout->previous, rows[i].ends ? 0 : 1);
        CHECK(changes.rollout->retry_at > made.view.now);
        take();
        CHECK_INT(certificate_decide(&made.view, arena).action, ACTION_WAIT);
        made.view.now = rollout()->retry_at;
        CHECK_INT(certificate_decide(&made.view, arena).action, rows[i].ends ? ACTION_RELOAD : ACTION_ROLL_BACK);
    }
}

/* Old files that cannot be removed are no reason to leave what serves. */
static void what_is_served_stays_when_cleaning_fails(void)
{
    published(1);
    rollout()->state = ROLLOUT_RELOADED;
    struct outcome outcome = done();
    outcome.words = "the folder may be written by its group";
    record(step_at(ACTION_PROBE, 0), outcome);
    CHECK_INT(changes.rollout->state, ROLLOUT_ACTIVE);
    CHECK_TEXT(changes.event_type, "Warning");
    CHECK(says(changes.event_message, "could not be removed: the folder may be written by its group"));
}

static void what_serves_again_is_looked_at_for_the_probes_time(void)
{
    rolling_back();
    rollout()->checked_at = made.view.now + 86400; /* the clock went back since */
    record(step_at(ACTION_PROBE_BACK, 0), failed(ERROR_REFUSED, "serves another"));
    CHECK_INT(changes.rollout->state, ROLLOUT_ROLLING_BACK);
    CHECK_INT(changes.rollout->retry_at, made.view.now + 2);
    take();
    int looks = 0;
    for (; rollout()->state == ROLLOUT_ROLLING_BACK && looks < 100; looks++) {
        made.view.now = rollout()->retry_at;
        record(step_at(ACTION_PROBE_BACK, 0), failed(ERROR_REFUSED, "serves another"));
        take();
    }
    CHECK_INT(rollout()->state, ROLLOUT_ROLLED_BACK);
    CHECK(looks > 1 && looks < 40);
    CHECK_TEXT(changes.event_reason, "RolledBackNotServed");
    CHECK(says(changes.event_message, "which is not seen served: serves another"));
    CHECK_TEXT(rollout()->error, "not served"); /* the cause */
}

/* ---- settings ---- */

/* An edit may be the cure of what is failing: it is not waited for, and what was begun with the old settings is left. */
static void changed_settings_end_what_was_begun_with_others(void)
{
    static const enum rollout_state states[] = {ROLLOUT_STAGING, ROLLOUT_STAGED, ROLLOUT_PUBLISHED, ROLLOUT_RELOADED,
                                                ROLLOUT_ROLLED_BACK};
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        published(1);
        rollout()->state = states[i];
        rollout()->retry_at = made.view.now + 600;
        rollout()->attempts = 5;
        rollout()->settings_digest = "of another mode";
        struct step step = certificate_decide(&made.view, arena);
        CHECK_INT(step.action, ACTION_STAGE);
        CHECK(says(step.reason, "settings changed"));
        CHECK(prepare(step_at(ACTION_STAGE, 0)));
        CHECK_INT(changes.rollout->attempts, 0);
        CHECK_TEXT(changes.rollout->settings_digest, rollout_settings_digest(&made.view, 0, arena));
        take();
        struct outcome outcome = failed(ERROR_SYSTEM, "the disk is full");
        record(step_at(ACTION_STAGE, 0), outcome);
        take();
        CHECK_INT(certificate_decide(&made.view, arena).action, ACTION_WAIT); /* its own failure is waited for */
    }
}

/* The settings of the moment when it was staged are those that serve: an edit in between deploys again. */
static void an_edit_while_it_is_looked_at_is_not_taken_for_deployed(void)
{
    published(1);
    rollout()->state = ROLLOUT_RELOADED;
    rollout()->settings_digest = "of another path";
    record(step_at(ACTION_PROBE, 0), done());
    CHECK_INT(changes.rollout->state, ROLLOUT_ACTIVE);
    take();
    CHECK_INT(certificate_decide(&made.view, arena).action, ACTION_STAGE);
}

static void changed_settings_go_forward_once_the_way_back_allows(void)
{
    static const struct {
        bool link_is_back, moved;
        enum action action;
    } rows[] = {{false, false, ACTION_ROLL_BACK}, {false, true, ACTION_STAGE}, {true, false, ACTION_STAGE}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *path;
        struct error err = {0};
        rolling_back();
        CHECK_OK(deploy_place(made.view.config, made.view.refs.targets[0], made.view.namespace_, made.view.name,
                              made.order->common_name, arena, &path, &err), err);
        rollout()->path = rows[i].moved ? "/elsewhere" : path;
        rollout()->published_at = rows[i].link_is_back ? 0 : made.view.now;
        rollout()->settings_digest = "of another profile";
        CHECK_INT(certificate_decide(&made.view, arena).action, rows[i].action);
    }
}

static struct deploy_root real_root = {.name = "nginx"};

/* The root of the target is a folder of this test's, which is not made yet. */
static struct context on_a_real_root(void)
{
    static struct operator_config config;
    char folder[96];
    scratch_folder(folder, sizeof folder);
    real_root.path = arena_printf(arena, "%s/certs", folder);
    config = made_config;
    config.roots = &real_root;
    config.root_count = 1;
    made.view.config = &config;
    made.order->names = made.revision->names;
    return (struct context){.arena = arena, .config = &config};
}

/* A number of another place, or of a damaged generation, is nothing to go back to. */
static void only_what_lies_there_whole_is_gone_back_to(void)
{
    struct outcome out = {0};
    struct error err = {0};
    published(0);
    struct context ctx = on_a_real_root();
    CHECK(mkdir(real_root.path, 0755) == 0);
    rollout()->state = ROLLOUT_STAGING;
    rollout()->generation = 0;
    rollout()->previous = 1;
    rollout()->previous_fingerprint = "f1";
    rollout()->previous_ends_at = made.view.now + 86400;
    struct step step = step_at(ACTION_STAGE, 0);
    CHECK(!certificate_action(ACTION_STAGE)->act(&ctx, &made.view, &step, &out, &err)); /* there is no material here */
    CHECK_INT(out.generation, 2);
    CHECK_INT(out.previous, 0);
    CHECK_TEXT(out.previous_fingerprint, "");
    CHECK_INT(out.previous_ends_at, 0);
}

/* The certificate's place beneath the real root, with nothing but a link. */
static void link_to(const char *generation)
{
    const char *place = arena_printf(arena, "%s/shop", real_root.path);
    CHECK(mkdir(real_root.path, 0755) == 0 && mkdir(place, 0755) == 0);
    CHECK(symlink(generation, arena_printf(arena, "%s/current", place)) == 0);
}

/* A link that leads nowhere has used its number: nothing lower is ever published over it. */
static void a_generation_is_numbered_above_what_is_published(void)
{
    static const int numbers[] = {0, 1};
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        struct outcome out = {0};
        struct error err = {0};
        published(0);
        struct context ctx = on_a_real_root();
        link_to("gen-20");
        rollout()->state = ROLLOUT_STAGING;
        rollout()->generation = numbers[i];
        struct step step = step_at(ACTION_STAGE, 0);
        CHECK(!certificate_action(ACTION_STAGE)->act(&ctx, &made.view, &step, &out, &err)); /* there is no material here */
        CHECK_INT(out.generation, 21);
    }
}

/* No reload helps where the files went: they are staged again, under another number, with or without a way back. */
static void what_went_before_its_reload_is_staged_again(void)
{
    static const enum action actions[] = {ACTION_RELOAD, ACTION_RELOAD_BACK};
    for (size_t i = 0; i < 2 * COUNT_OF(actions); i++) {
        struct error err = {0};
        struct outcome out = {0};
        bool back = i % 2 == 1, dangles = i >= 2;
        struct step step = step_at(actions[i % 2], 0);
        if (back)
            rolling_back();
        else
            published(1);
        struct context ctx = on_a_real_root();
        if (dangles)
            link_to(arena_printf(arena, "gen-%d", back ? rollout()->previous : rollout()->generation));
        else
            CHECK(mkdir(real_root.path, 0755) == 0);
        CHECK(!certificate_action(step.action)->act(&ctx, &made.view, &step, &out, &err));
        CHECK_INT(out.drift, DRIFT_DAMAGED);
        CHECK(says(err.message, "is not in its place any more"));
        out.err = err;
        out.at = made.view.now;
        record(step, out);
        CHECK_INT(changes.rollout->state, ROLLOUT_STAGING);
        CHECK_INT(changes.rollout->generation, 0);
        CHECK_INT(changes.rollout->previous, back ? 0 : 1);
        take();
        CHECK_INT(certificate_decide(&made.view, arena).action, ACTION_WAIT);
        made.view.now = rollout()->retry_at;
        CHECK_INT(certificate_decide(&made.view, arena).action, ACTION_STAGE);
    }
}

static const char *const text_settings[] = {"other", "another"};

/* A change of what a deployment is made of deploys anew; a change of the rest does not. */
static void each_setting_that_shows_on_the_target_deploys_anew(void)
{
    begin(ONE);
    made_settled(&made);
    struct deploy_target target, was = *made.view.refs.targets[0]->deploy_target;
    struct resource resource = *made.view.refs.targets[0];
    resource.deploy_target = &target;
    made.view.refs.targets[0] = &resource;
    const char **const texts[] = {&target.local.root, &target.path, &target.owner, &target.group, &target.reload.profile,
                                  &target.probe.address, &target.probe.server_name};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        target = was;
        *texts[i] = text_settings[0];
        CHECK(!rollout_settled(&made.view, 0, arena));
        rollout()->settings_digest = rollout_settings_digest(&made.view, 0, arena);
        CHECK(rollout_settled(&made.view, 0, arena));
        *texts[i] = text_settings[1];
        CHECK(!rollout_settled(&made.view, 0, arena));
        target = was;
        rollout()->settings_digest = rollout_settings_digest(&made.view, 0, arena);
    }
    target.mode ^= 0040;
    CHECK(!rollout_settled(&made.view, 0, arena));
    target = was;
    target.layout = LAYOUT_COMBINED;
    CHECK(!rollout_settled(&made.view, 0, arena));
    target = was;
    target.probe.timeout_s++;
    CHECK(rollout_settled(&made.view, 0, arena));
}

/* `deploy: Manual`: what is due waits for a word; what was begun is brought to its end. */
static void a_target_by_hand_waits_for_the_word(void)
{
    static const struct {
        enum rollout_state state;
        bool waits;
    } rows[] = {{ROLLOUT_WANTED, true}, {ROLLOUT_ACTIVE, true}, {ROLLOUT_ROLLED_BACK, true}, {ROLLOUT_STAGING, false},
                {ROLLOUT_STAGED, false}, {ROLLOUT_PUBLISHED, false}, {ROLLOUT_RELOADED, false}, {ROLLOUT_ROLLING_BACK, false}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        published(1);
        own_target()->deploy = DEPLOY_MANUAL;
        rollout()->state = rows[i].state;
        CHECK_INT(decide_rollouts(&made.view, arena).action == ACTION_COUNT, rows[i].waits);
    }
}

/* ---- inspection ---- */

static void an_inspection_is_due_twelve_hours_after_the_last_look(void)
{
    begin(ONE);
    made_settled(&made);
    rollout()->active_at = made.view.now - 60;
    CHECK_INT(inspection_due(&made.view), made.view.now - 60 + 12 * 3600);
    rollout()->checked_at = made.view.now - 30;
    CHECK_INT(inspection_due(&made.view), made.view.now - 30 + 12 * 3600);
    rollout()->checked_at = made.view.now - 12 * 3600 + 60;
    rollout()->retry_at = made.view.now + 1800; /* the last one failed */
    CHECK_INT(inspection_due(&made.view), made.view.now + 1800);
    rollout()->retry_at = rollout()->checked_at = rollout()->active_at = 0;
    CHECK_INT(inspection_due(&made.view), made.view.now + 12 * 3600);
    rollout()->state = ROLLOUT_STAGED;
    CHECK_INT(inspection_due(&made.view), 0);
    rollout()->state = ROLLOUT_ACTIVE;
    rollout()->revision = 7;
    CHECK_INT(inspection_due(&made.view), 0);
    made.view.revision = NULL;
    CHECK_INT(inspection_due(&made.view), 0);
}

static void a_target_that_takes_over_and_one_by_hand_differ_about_drift(void)
{
    static const struct {
        bool take_over, by_hand;
        enum drift drift;
        bool cures;
    } rows[] = {{true, false, DRIFT_REPLACED, true}, {true, true, DRIFT_REPLACED, false}, {false, true, DRIFT_DAMAGED, false}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        published(1);
        struct deploy_target *target = own_target();
        target->take_over = rows[i].take_over;
        target->deploy = rows[i].by_hand ? DEPLOY_MANUAL : target->deploy;
        rollout()->state = ROLLOUT_ACTIVE;
        struct outcome outcome = done();
        outcome.drift = rows[i].drift;
        outcome.words = "somebody was here";
        record(step_at(ACTION_INSPECT, 0), outcome);
        CHECK_INT(changes.rollout->state, rows[i].cures ? ROLLOUT_WANTED : ROLLOUT_ACTIVE);
    }
}

static void an_inspection_that_fails_says_so_and_changes_nothing(void)
{
    begin(ONE);
    made_settled(&made);
    record(step_at(ACTION_INSPECT, 0), failed(ERROR_CONFIG, "the root is not there"));
    CHECK_INT(changes.rollout->state, ROLLOUT_ACTIVE);
    CHECK_TEXT(changes.rollout->error, "the root is not there");
    CHECK(changes.rollout->retry_at > made.view.now);
    CHECK_TEXT(changes.event_reason, "InspectFailed");
}

/* The certificate's place beneath a root of this test's: default/shop/, with `current` leading to a generation or elsewhere. */
static void an_inspection_tells_damage_from_what_others_did(void)
{
    struct outcome out = {0};
    struct error err = {0};
    struct step step;
    begin(ONE);
    made_settled(&made);
    struct context ctx = on_a_real_root();
    const struct action_row *inspect = certificate_action(ACTION_INSPECT);
    step = step_at(ACTION_INSPECT, 0);
    CHECK(!inspect->act(&ctx, &made.view, &step, &out, &err)); /* not mounted, say: no evidence of anything */
    CHECK_INT(out.drift, DRIFT_NONE);
    CHECK(mkdir(real_root.path, 0755) == 0);
    err = (struct error){0};
    CHECK_OK(inspect->act(&ctx, &made.view, &step, &out, &err), err);
    CHECK_INT(out.drift, DRIFT_DAMAGED);
    CHECK_TEXT(out.words, "nothing is published there any more");
    const char *place = arena_printf(arena, "%s/shop", real_root.path);
    CHECK(mkdir(place, 0755) == 0 && symlink("/srv/theirs", arena_printf(arena, "%s/current", place)) == 0);
    out = (struct outcome){0};
    CHECK_OK(inspect->act(&ctx, &made.view, &step, &out, &err), err);
    CHECK_INT(out.drift, DRIFT_REPLACED);
    CHECK(!text_empty(out.words));
    CHECK(unlink(arena_printf(arena, "%s/current", place)) == 0 &&
          mkdir(arena_printf(arena, "%s/gen-7", place), 0755) == 0 &&
          symlink("gen-7", arena_printf(arena, "%s/current", place)) == 0);
    out = (struct outcome){0};
    CHECK_OK(inspect->act(&ctx, &made.view, &step, &out, &err), err);
    CHECK_INT(out.drift, DRIFT_REPLACED);
    CHECK(!text_empty(out.words));
}

int main(void)
{
    arena = arena_create();
    RUN(stage_notes_what_it_is_about);
    RUN(stage_again_keeps_its_generation);
    RUN(new_revision_remembers_what_serves);
    RUN(rollout_becomes_active);
    RUN(failed_publishing_looks_at_the_folder_again);
    RUN(failed_reload_stays_where_the_former_pair_has_ended);
    RUN(drift_is_cured_once_a_day_and_else_said);
    RUN(failed_reload_goes_back_to_what_served);
    RUN(rollback_waits_longer_each_time);
    RUN(without_a_former_generation_the_new_one_stays);
    RUN(rollback_never_stays_as_well);
    RUN(probe_is_patient_for_its_time);
    RUN(clock_that_goes_back_does_not_prolong_a_probe_for_ever);
    RUN(a_way_back_that_fails_is_tried_again);
    RUN(a_former_generation_that_is_not_there_ends_the_way_back);
    RUN(what_is_served_stays_when_cleaning_fails);
    RUN(what_serves_again_is_looked_at_for_the_probes_time);
    RUN(changed_settings_end_what_was_begun_with_others);
    RUN(an_edit_while_it_is_looked_at_is_not_taken_for_deployed);
    RUN(changed_settings_go_forward_once_the_way_back_allows);
    RUN(only_what_lies_there_whole_is_gone_back_to);
    RUN(a_generation_is_numbered_above_what_is_published);
    RUN(what_went_before_its_reload_is_staged_again);
    RUN(each_setting_that_shows_on_the_target_deploys_anew);
    RUN(a_target_by_hand_waits_for_the_word);
    RUN(an_inspection_is_due_twelve_hours_after_the_last_look);
    RUN(a_target_that_takes_over_and_one_by_hand_differ_about_drift);
    RUN(an_inspection_that_fails_says_so_and_changes_nothing);
    RUN(an_inspection_tells_damage_from_what_others_did);
    arena_destroy(arena);
    return CHECK_REPORT();
}
