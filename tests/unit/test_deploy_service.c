/* Reload by profile, and the probe against a TLS server of our own on loopback. */
#include "deploy_server.h"

#include <dlfcn.h>
#include <poll.h>

/* --- reload ---------------------------------------------------------------------------------- */

static bool reloads(const char *check, const char *reload, int64_t timeout_s)
{
    const char *check_vector[] = {"/bin/sh", "-c", check}, *reload_vector[] = {"/bin/sh", "-c", reload};
    profiles[0].check = (struct string_list){.items = check_vector, .count = check != NULL ? 3 : 0};
    profiles[0].reload = (struct string_list){.items = reload_vector, .count = 3};
    profiles[0].timeout_s = timeout_s;
    struct deployment d = deployment(1, 0);
    memset(&err, 0, sizeof err);
    return deploy_local.reload(&ctx, &d, &err);
}

static void a_reload_follows_its_profile(void)
{
    new_world(LAYOUT_GENERATION);
    CHECK_OK(reloads(NULL, "exit 1", 5), err); /* the target names none */
    spec.reload.profile = "unknown";
    CHECK(!reloads(NULL, "true", 5));
    CHECK_INT(err.kind, ERROR_CONFIG);
    spec.reload.profile = "service";
    CHECK_OK(reloads("true", "true", 5), err);
    const char *mark = at("reloaded");
    CHECK(!reloads("echo 'first line'; echo; echo 'bad line 7' >&2; exit 2",
                   arena_printf(arena, "touch '%s'", mark), 5));
    CHECK_INT(err.kind, ERROR_REFUSED);
    CHECK(strstr(err.message, "first line / bad line 7") != NULL);
    CHECK(!exists(mark)); /* what does not pass the check is not reloaded */
    CHECK_OK(reloads("true", arena_printf(arena, "touch '%s'", mark), 5), err);
    CHECK(exists(mark));
    CHECK(!reloads(NULL, "kill -9 $$", 5));
    CHECK_INT(err.kind, ERROR_REFUSED);
    CHECK(!reloads(NULL, "echo stuck; exec sleep 1000", 1));
    CHECK_INT(err.kind, ERROR_SYSTEM);
    CHECK(strstr(err.message, "stuck") != NULL);
}

static const char *words_of(const char *script)
{
    CHECK(!reloads(NULL, script, 20));
    const char *at_words = strstr(err.message, "ended with 3: ");
    CHECK(at_words != NULL);
    return at_words + strlen("ended with 3: ");
}

static void a_failed_reload_is_told_in_the_last_words_of_the_program(void)
{
    new_world(LAYOUT_GENERATION);
    spec.reload.profile = "service";
    CHECK_TEXT(words_of("exit 3"), "it said nothing");
    CHECK_TEXT(words_of("echo; echo '  '; exit 3"), "it said nothing");
    const char *words = words_of("for i in 1 2 3 4 5 6 7 8 9; do echo \"line $i $(printf %040d 0)\"; done; exit 3");
    CHECK(strstr(words, "line 9") != NULL && strstr(words, "line 5") != NULL); /* the nearest to the end, */
    CHECK(strstr(words, "line 1") == NULL && strlen(words) <= 280);            /* as many as fit */
    CHECK(strlen(words_of("printf %05000d 0; exit 3")) <= 290);

    const char *missing[] = {"/no/such/program"};
    struct deployment d = deployment(1, 0);
    profiles[0].reload = (struct string_list){.items = missing, .count = 1};
    CHECK(!deploy_local.reload(&ctx, &d, &err));
    CHECK_INT(err.kind, ERROR_SYSTEM);
    CHECK(strstr(err.message, "reload of profile service") != NULL);
    target.position.line = 12;
    spec.reload.profile = "unknown";
    CHECK(!deploy_local.reload(&ctx, &d, &err));
    CHECK_INT(err.manifest.line, 12);
}

static int longest_wait;

int poll(struct pollfd *of, nfds_t count, int ms)
{
    longest_wait = ms > longest_wait ? ms : longest_wait;
    return ((__typeof__(&poll))dlsym(RTLD_NEXT, "poll"))(of, count, ms);
}

static void a_reload_has_the_time_its_profile_gives(void)
{
    static const int seconds[] = {2, 600, 3600}; /* the last is the most that the operator's file may say */
    new_world(LAYOUT_GENERATION);
    spec.reload.profile = "service";
    for (size_t i = 0; i < COUNT_OF(seconds); i++) {
        longest_wait = 0;
        CHECK_OK(reloads(NULL, "exec sleep 0.1", seconds[i]), err);
        CHECK(longest_wait > seconds[i] * 900 && longest_wait <= seconds[i] * 1000);
    }
}

/* --- probe ----------------------------------------------------------------------------------- */

static bool probes(int served, const struct made *intermediate, bool chain_given)
{
    struct server server;
    struct deployment d = deployment(2, 1);
    if (!chain_given)
        d.chain = NULL;
    start_server(&server, &pairs[served], intermediate);
    spec.probe.address = arena_printf(arena, "127.0.0.1:%d", server.port);
    memset(&err, 0, sizeof err);
    bool good = deploy_local.probe(&ctx, &d, &err);
    stop_server(&server);
    CHECK(!good || server.connections == 2); /* one for each name */
    return good;
}

static void a_probe_believes_only_what_is_served(void)
{
    new_world(LAYOUT_GENERATION);
    struct deployment d = deployment(2, 1);
    CHECK_OK(deploy_local.probe(&ctx, &d, &err), err); /* the target names no endpoint */
    CHECK_OK(probes(2, &middle_ca, true), err);
    CHECK(!probes(1, &middle_ca, true));
    CHECK_INT(err.kind, ERROR_REFUSED);
    CHECK(strstr(err.message, "still the former") != NULL);
    CHECK(!probes(3, &middle_ca, true));
    CHECK(strstr(err.message, "another certificate") != NULL);
    CHECK(!probes(2, &other_ca, true));
    CHECK_INT(err.kind, ERROR_REFUSED);
    CHECK(strstr(err.message, "chain") != NULL);
    CHECK(!probes(2, NULL, true));
    CHECK(strstr(err.message, "fullchain.pem") != NULL);
    /* Without a chain from the caller, what lies at the published path counts. */
    CHECK_OK(deploy(2, 0), err);
    CHECK(!probes(2, &other_ca, false));
    CHECK_OK(probes(2, &middle_ca, false), err);
}

static void a_probe_goes_only_where_it_may(void)
{
    struct deployment d = deployment(1, 0);
    new_world(LAYOUT_GENERATION);
    static const char *const nonsense[] = {"443",         ":443",     "127.0.0.1",      "127.0.0.1:0",
                                           "127.0.0.1:x", "::1:443x", "127.0.0.1:99999"};
    for (size_t i = 0; i < COUNT_OF(nonsense); i++) {
        spec.probe.address = nonsense[i];
        CHECK(!deploy_local.probe(&ctx, &d, &err));
        CHECK_INT(err.kind, ERROR_MANIFEST);
    }
    spec.probe.address = "10.255.255.254:443"; /* private, and not this host's */
    CHECK(!deploy_local.probe(&ctx, &d, &err));
    CHECK_INT(err.kind, ERROR_CONFIG);
    CHECK(strstr(err.message, "allowAddresses") != NULL);
    spec.probe.address = "169.254.169.254:80";
    CHECK(!deploy_local.probe(&ctx, &d, &err));
    CHECK_INT(err.kind, ERROR_CONFIG);

    struct server server; /* the operator may say where a name is */
    start_server(&server, &pairs[1], &middle_ca);
    struct name_pair resolve = {.name = "shop.example.test:443",
                                .value = arena_printf(arena, "127.0.0.1:%d", server.port)};
    config.resolve = &resolve;
    config.resolve_count = 1;
    spec.probe.address = "shop.example.test:443";
    spec.probe.server_name = "shop.example.test";
    bool good = deploy_local.probe(&ctx, &d, &err);
    stop_server(&server);
    CHECK_OK(good, err);
    CHECK(!deploy_local.probe(&ctx, &d, &err));
    CHECK_INT(err.kind, ERROR_UNREACHABLE);
}

int main(void)
{
    if (!open_worlds())
        return 2;
    RUN(make_pairs);
    RUN(a_reload_follows_its_profile);
    RUN(a_failed_reload_is_told_in_the_last_words_of_the_program);
    RUN(a_reload_has_the_time_its_profile_gives);
    RUN(a_probe_believes_only_what_is_served);
    RUN(a_probe_goes_only_where_it_may);
    if (!close_worlds())
        return 2;
    return CHECK_REPORT();
}
