/* What the DNS services share: names and values as they travel, the memory of zones and tokens, failures without a row of their
 * own, and the turns of an account. */
#include "dns_service_world.h"

#include "reconcilers/dns/service.h"
#include "reconcilers/dns/service_answers.h"
#include "reconcilers/dns/turns.h"

static const struct script_row nothing[] = {{.status = 200, .answer = "{}"}, {.status = -1}};

static void names_are_taken_below_their_zone_and_compared_as_names(void)
{
    static const struct {
        const char *name, *zone, *relative;
    } cases[] = {{"_x.www.Example.test.", "example.test", "_x.www"},
                 {"example.test", "example.test", "@"},
                 {"EXAMPLE.TEST.", "example.test", "@"},
                 {"other.test", "example.test", "@"},
                 {"x-example.test", "example.test", "@"},
                 {"", "example.test", "@"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_TEXT(service_relative(arena, cases[i].name, cases[i].zone, "@"), cases[i].relative);
    static const struct {
        const char *a, *b;
        bool same;
    } pairs[] = {{"a.test", "A.test.", true},
                 {"a.test.", "a.test", true},
                 {"", "", true},
                 {"", ".", true},
                 {".", "", true},
                 {"a", "b", false},
                 {"a", "ab", false},
                 {"", "a", false}};
    for (size_t i = 0; i < COUNT_OF(pairs); i++)
        CHECK_INT(service_same_name(pairs[i].a, pairs[i].b), pairs[i].same);
    CHECK_TEXT(service_without_dot(arena, ""), "");
    CHECK_TEXT(service_without_dot(arena, "."), "");
    CHECK_TEXT(service_without_dot(arena, "a."), "a");
}

static void values_lose_their_quotes_and_nothing_else(void)
{
    static const struct {
        const char *text;
        int base;
        const char *is;
    } cases[] = {
        {"plain \"as it is\"", 10, "plain \"as it is\""},
        {"\"one\" \"two\"", 10, "onetwo"},
        {"\"\"", 10, ""},
        {"\"", 10, ""},
        {"\"a\\\"b\\\\c\"", 10, "a\"b\\c"},
        {"\"\\065\"", 10, "A"},
        {"\"\\101\"", 8, "A"},
        {"\"\\108\"", 8, "108"},
        {"\"\\000\"", 10, "000"},
        {"\"\\256\"", 10, "256"},
        {"\"\\255\"", 10, "\xff"},
        {"\"\\400\"", 8, "400"},
        {"\"\\6\"", 10, "6"},
        {"\"\\06x\"", 10, "06x"},
        {"\"a\\", 10, "a\\"},
        {"\"a\" x \"b\"", 10, "ab"},
        {"\"\\/\\:\"", 10, "/:"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_TEXT(service_unquote(arena, cases[i].text, cases[i].base), cases[i].is);
    CHECK_TEXT(service_encode(arena, "aZ09-_.~ /+%\xc3\xa9\x7f"), "aZ09-_.~%20%2F%2B%25%C3%A9%7F");
}

static void a_status_without_a_row_has_a_kind(void)
{
    static const struct service bare = {.label = "bare"};
    static const struct {
        int status;
        enum error_kind kind;
    } cases[] = {{200, ERROR_MALFORMED},  {302, ERROR_MALFORMED},   {399, ERROR_MALFORMED},
                 {400, ERROR_REFUSED},    {401, ERROR_CREDENTIAL},  {403, ERROR_CREDENTIAL},
                 {404, ERROR_NOT_FOUND},  {408, ERROR_UNREACHABLE}, {409, ERROR_CONFLICT},
                 {429, ERROR_THROTTLED},  {418, ERROR_REFUSED},     {500, ERROR_UNREACHABLE},
                 {599, ERROR_UNREACHABLE}};
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_INT(service_judge(&bare, cases[i].status, "", "").kind, cases[i].kind);
}

static void the_newest_is_remembered_however_much_there_is(void)
{
    struct arena *own = arena_create();
    for (int i = 0; i < 20000; i++) {
        char key[40], value[40];
        snprintf(key, sizeof key, "key %d", i);
        snprintf(value, sizeof value, "value %d", i);
        service_remember(key, value, 600 * 1000 + i);
        const char *found = service_recall(own, key);
        CHECK(found != NULL && strcmp(found, value) == 0);
        if (i % 100 == 0)
            arena_reset(own);
    }
    service_remember("key 19999", "other", 600 * 1000);
    CHECK_TEXT(service_recall(own, "key 19999"), "other");
    service_remember("short", "x", 1000);
    clock_turn(2);
    const char *late = service_recall(own, "short");
    clock_turn(0);
    CHECK(late == NULL);
    service_forget("never there");
    service_remember("zone a https://x default/one", "1", 60000);
    service_remember("token https://x default/one", "2", 60000);
    service_remember("zone a https://x default/someone", "3", 60000);
    service_forget_account("https://x default/one");
    CHECK(service_recall(own, "zone a https://x default/one") == NULL &&
          service_recall(own, "token https://x default/one") == NULL);
    CHECK_TEXT(service_recall(own, "zone a https://x default/someone"), "3");
    arena_destroy(own);
}

static void the_operators_endpoint_leads_elsewhere(void)
{
    static const struct {
        const char *url, *base, *host;
    } cases[] = {{"https://api.test/v4/", "https://api.test/v4", "api.test"},
                 {"https://api.test:443//", "https://api.test:443", "api.test"},
                 {"https://api.test:8443", "https://api.test:8443", "api.test:8443"},
                 {"https://[::1]:443/x", "https://[::1]:443/x", "[::1]"},
                 {"api.test/x", "api.test/x", "api.test"},
                 {"https://a:443", "https://a:443", "a"},
                 {"a", "a", "a"},
                 {"", "", ""}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct endpoint endpoints[] = {{.name = "other", .url = "https://wrong.test"},
                                       {.name = "cloudflare", .url = cases[i].url, .ca = "/ca.pem"}};
        struct operator_config own = {.endpoints = endpoints, .endpoint_count = 2};
        struct context with = {.arena = arena, .config = &own}, without = {.arena = arena};
        struct service_session session;
        service_open(&with, &account, &cloudflare_service, "https://given.test/", &session);
        CHECK_TEXT(session.url, cases[i].base);
        CHECK_TEXT(session.host, cases[i].host);
        CHECK_TEXT(session.ca, "/ca.pem");
        service_open(&without, &account, &cloudflare_service, "https://given.test/", &session);
        CHECK(strcmp(session.url, "https://given.test") == 0 && session.ca == NULL);
        service_open(&without, &account, &cloudflare_service, NULL, &session);
        CHECK_TEXT(session.url, "https://api.cloudflare.com/client/v4");
    }
}

static void secrets_that_cannot_be_one_are_not_kept(void)
{
    static const struct {
        const char *text;
        bool good;
    } cases[] = {{"a", true},     {"a\tb", false}, {"a\x7f", false},
                 {"\x1f", false}, {" ", true},     {"\xc3\xa9", true}};
    static const struct secret_ref ref = {.name = "dns", .key = "one"};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        struct service_session session;
        keep_secret("one", cases[i].text);
        service_open(&ctx, &account, &cloudflare_service, NULL, &session);
        bool good = service_secret(&session, &ref, "the token", &err) != NULL;
        bool deaf = service_secret(&session, &ref, "the token", NULL) != NULL;
        service_session_release(&session);
        CHECK_INT(good, cases[i].good);
        CHECK_INT(deaf, good);
        CHECK(good || (err.kind == ERROR_CREDENTIAL && strstr(err.message, "{name: dns, key: one}") != NULL));
    }
    struct service_session session;
    struct error err = {0};
    keep_secret("one", "good");
    service_open(&ctx, &account, &cloudflare_service, NULL, &session);
    for (int i = 0; i < SERVICE_SECRETS; i++)
        CHECK(service_secret(&session, &ref, "the token", &err) != NULL);
    bool more = service_secret(&session, &ref, "the token", &err) != NULL;
    service_session_release(&session);
    CHECK(!more);
    /* A file that others may read is the operator's to mend, not a matter of the credential. */
    char path[160];
    snprintf(path, sizeof path, "%s/dns/one", secrets);
    CHECK(chmod(path, 0444) == 0);
    service_open(&ctx, &account, &cloudflare_service, NULL, &session);
    more = service_secret(&session, &ref, "the token", &err) != NULL;
    service_session_release(&session);
    CHECK(!more && err.kind == ERROR_CONFIG && strstr(err.message, account.name) != NULL);
}

static void who_has_no_turn_left_asks_nothing(void)
{
    struct dns_gate *gate = dns_gate_create((struct dns_limits){1, 2});
    struct dns_turns mine = {0}, others = {0};
    struct error err = {0};
    new_account();
    CHECK_INT(dns_gate_reserve(gate, 1, &others), 0);
    CHECK_INT(dns_gate_reserve(gate, 1, &mine), 0);
    mine.held--;
    ctx.turns = &mine;
    bool ok = act(ZONE_OF, &err), deaf = act(ZONE_OF, NULL);
    ctx.turns = NULL;
    mine.held++;
    dns_turns_finish(&mine);
    dns_turns_finish(&others);
    dns_gate_destroy(gate);
    CHECK(!ok && !deaf && asked == 0);
    CHECK(err.kind == ERROR_THROTTLED && strstr(err.message, account.name) != NULL);
    struct dns_turns none = {0};
    ctx.turns = &none; /* no gate: as often as it likes */
    CHECK(!act(ZONE_OF, &err) && asked > 0);
    ctx.turns = NULL;
}

static void challenges_stay_within_what_was_ordered(void)
{
    static const char *ordered[] = {"*.example.org", "www.example.co.uk"};
    const struct string_list names = {ordered, 2};
    char long_value[300];
    memset(long_value, 'a', sizeof long_value);
    long_value[256] = '\0';
    const struct {
        struct dns_challenge challenge;
        bool good;
    } cases[] = {
        {{"", "_x.example.org", "TXT", "v"}, true},
        {{"", "_x.www.example.co.uk", "TXT", "v"}, true},
        {{"", "_x.example.co.uk", "CNAME", "a.test"}, true},
        {{"", "_x.co.uk", "TXT", "v"}, false},
        {{"", "_x.uk", "TXT", "v"}, false},
        {{"", "_x", "TXT", "v"}, false},
        {{"", "_x.other.org", "TXT", "v"}, false},
        {{"", "example.org", "TXT", "v"}, true},
        {{"", "example.org", "CNAME", "a.test"}, false},
        {{"", "*.example.org", "TXT", "v"}, false},
        {{"", NULL, "TXT", "v"}, false},
        {{"", "a b", "TXT", "v"}, false},
        {{"", "_x.example.org", "A", "v"}, false},
        {{"", "_x.example.org", NULL, "v"}, false},
        {{"", "_x.example.org", "TXT", NULL}, false},
        {{"", "_x.example.org", "TXT", ""}, false},
        {{"", "_x.example.org", "TXT", "a\nb"}, false},
        {{"", "_x.example.org", "TXT", long_value}, false},
        {{"", "_x.example.org", "TXT", long_value + 1}, true},
        {{"", "_x.example.org", "CNAME", "*.test"}, false},
        {{"", "_x.example.org", "CNAME", "a b"}, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        bool good = dns_challenge_confined(&cases[i].challenge, &names, &err);
        if (good != cases[i].good)
            fprintf(stderr, "case %zu: %s\n", i, err.message);
        CHECK_INT(good, cases[i].good);
        CHECK(good || err.kind == ERROR_REFUSED);
    }
}

int main(void)
{
    world_begin(DNS_PROVIDER_CLOUDFLARE, nothing);
    spec.cloudflare.api_token_secret_ref = (struct secret_ref){.name = "dns", .key = "token"};
    keep_secret("token", "secret-of-the-test");
    RUN(names_are_taken_below_their_zone_and_compared_as_names);
    RUN(values_lose_their_quotes_and_nothing_else);
    RUN(a_status_without_a_row_has_a_kind);
    RUN(the_newest_is_remembered_however_much_there_is);
    RUN(the_operators_endpoint_leads_elsewhere);
    RUN(secrets_that_cannot_be_one_are_not_kept);
    RUN(who_has_no_turn_left_asks_nothing);
    RUN(challenges_stay_within_what_was_ordered);
    return CHECK_REPORT();
}
