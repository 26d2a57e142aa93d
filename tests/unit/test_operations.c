/* What a person asks for - release, confirm, sync, deploy, and the journal's words - as it goes well, and with each call to LMDB failing
 * once: what was said to be done is in the store, and of what was refused nothing or all of it. */
#include "failing_store_calls.h"

#include "controller_world.h"

#include "base/file.h"
#include "base/json.h"
#include "controller/command.h"
#include "controller/engine_internal.h"
#include "controller/holds.h"
#include "controller/operations.h"

static const int store_errors[] = {EIO, ENOSPC, MDB_CORRUPTED, MDB_MAP_FULL};
static struct world world;
static struct deploy_root root;
static enum order_state order_state;
static const char *verb, *argument;
static int code;
static char said[1000];

#define MANUAL \
    WORLD_DOCUMENT("DeployTarget", "web") \
    "  domains: [\"*.example.com\"]\n  local: {root: nginx}\n  path: \"{name}\"\n  probe: {address: \"127.0.0.1:443\"}\n" \
    "  deploy: Manual\n"
#define SHOP \
    WORLD_DOCUMENT("Certificate", "c00") \
    "  dnsNames: [c00.example.com]\n  order: {product: positivessl}\n  dcv: {method: Email}\n  targets: [{name: web}]\n"

/* ---- the world ---- */

static struct leftover_record leftover(void)
{
    return (struct leftover_record){.namespace_ = "default", .account = "bind", .record_name = "_probe.example.com",
                                    .record_type = "TXT", .record_value = "x", .zone = "example.com", .file_name = "", .target = "",
                                    .file_content = ""};
}

static const char *leftover_json(void)
{
    struct leftover_record l = leftover();
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    field_encode(&leftover_record_table, &l, true, &w);
    const char *json = arena_strdup(world.arena, buffer_text(&text));
    buffer_release(&text);
    return json;
}

static void put_challenge(struct state_batch *batch, const char *name, int cycle, const char *value)
{
    struct challenge_record c = {.namespace_ = "default", .name = name, .cycle = cycle, .domain = "c00.example.com",
                                 .method = DCV_DNS, .state = CHALLENGE_PRESENTED, .record_name = "_x.c00.example.com",
                                 .record_type = "CNAME", .record_value = value, .account = "bind", .zone = "example.com",
                                 .retry_at = 7, .checked_at = 7, .created_at = 7};
    record_put(batch, TABLE_CHALLENGE, challenge_key(world.arena, &c), &challenge_record_table, &c, STATE_ANY);
}

static void begin(void)
{
    world_end(&world);
    world_begin(&world);
    root = (struct deploy_root){.name = "nginx", .path = world_at(&world, "roots")};
    world.config.roots = &root;
    world.config.root_count = 1;
    world.config.workers = 1;
    world.config.orders_per_pass = 2;
    world_write(&world, "manifests/issuer.yaml", WORLD_ISSUER "---\n" MANUAL);
    world_write(&world, "manifests/shop.yaml", SHOP);
    world_certificates(&world, 1, 3);
    int64_t now = clock_now();
    struct state_batch *batch = state_batch_create();
    struct certificate_record record = {.namespace_ = "default", .name = "c00", .cycle = 2, .revision = 2, .first_seen = now - 9, .retry_at = now + 99};
    struct order_record order = {.namespace_ = "default", .name = "c00", .cycle = 2, .attempt = 1, .custom_order_id = "cw1-ours",
                                 .issuer = "main", .product = "positivessl", .environment = "offline", .term_months = 12,
                                 .endpoint = world.endpoint.url, .state = order_state, .held_reason = "why", .poll_at = now + 99,
                                 .fetched = order_state == ORDER_PLACED, .vendor_order_id = "1000001"};
    struct revision_record revision = {.namespace_ = "default", .name = "c00", .number = 2, .cycle = 2, .fingerprint = "f2",
                                       .key_id = "k", .not_before = now - 9, .not_after = now + 90 * 86400};
    struct rollout_record rollout = {.namespace_ = "default", .name = "c00", .target = "web", .revision = 1, .state = ROLLOUT_ACTIVE,
                                     .generation = 1, .fingerprint = "f1"};
    struct leftover_record l = leftover();
    l.record_value = "old";
    record_put(batch, TABLE_CERTIFICATE, "default/c00", &certificate_record_table, &record, 0);
    record_put(batch, TABLE_ORDER, "default/c00/000002", &order_record_table, &order, 0);
    record_put(batch, TABLE_REVISION, "default/c00/000002", &revision_record_table, &revision, 0);
    record_put(batch, TABLE_ROLLOUT, "default/c00/web", &rollout_record_table, &rollout, 0);
    record_put(batch, TABLE_LEFTOVER, leftover_key(world.arena, &l), &leftover_record_table, &l, 0);
    put_challenge(batch, "c00", 2, "y");
    put_challenge(batch, "gone", 1, "z"); /* of a certificate that nobody knows any more: a stray */
    for (int i = 1; i <= 3; i++) {
        char *name = arena_printf(world.arena, "c%02d", i);
        struct certificate_record other = {.namespace_ = "default", .name = name, .first_seen = now - 9};
        record_put(batch, TABLE_CERTIFICATE, record_key(world.arena, "default", name), &certificate_record_table, &other, 0);
    }
    world_commit(&world, batch);
}

/* ---- asking ---- */

static const char *purchase_digest(void)
{
    struct string_list ids = {0};
    for (int i = 1; i <= 3; i++)
        string_list_push(world.arena, &ids, arena_printf(world.arena, "certificate/c%02d", i));
    string_list_push(world.arena, &ids, "certificate/c00");
    return hold_digest(world.arena, "MassPurchase", &ids);
}

static void ask(void)
{
    struct error err = {0};
    struct buffer out = {0};
    code = EXIT_STATE;
    snprintf(said, sizeof said, "no engine");
    struct engine_options with = {.config = &world.config, .state = world.state, .typed = true};
    struct engine *engine = engine_create(&with, &err);
    if (engine == NULL)
        return;
    if (engine_look(engine, true, &err)) {
        code = operation_run(engine, verb, argument, "operator", &out);
        snprintf(said, sizeof said, "%s", buffer_text(&out));
    } else {
        CHECK(err.kind != ERROR_NONE && err.kind != ERROR_INTERNAL);
    }
    engine_destroy(engine);
    buffer_release(&out);
}

static void run(const char *asked, const char *about)
{
    verb = asked;
    argument = about;
    ask();
}

/* ---- what stands in the store ---- */

static bool order_is(enum order_state state, bool polled)
{
    struct order_record order;
    struct error err = {0};
    CHECK_OK(record_load(world.state, TABLE_ORDER, "default/c00/000002", &order_record_table, world.arena, &order, NULL, &err), err);
    return order.state == state && (order.poll_at == 0) == polled;
}

static bool is_released(void) { return order_is(ORDER_REFUSED, false); }
static bool is_synced(void)
{
    struct challenge_record c;
    struct error err = {0};
    CHECK_OK(record_load(world.state, TABLE_CHALLENGE, "default/c00/000002/c00.example.com", &challenge_record_table, world.arena, &c,
                         NULL, &err), err);
    CHECK((c.retry_at == 0) == order_is(order_state, true)); /* all of it or nothing */
    return c.retry_at == 0;
}
static bool is_deployed(void)
{
    struct rollout_record r;
    struct error err = {0};
    CHECK_OK(record_load(world.state, TABLE_ROLLOUT, "default/c00/web", &rollout_record_table, world.arena, &r, NULL, &err), err);
    CHECK(r.state != ROLLOUT_STAGING || (r.revision == 2 && r.previous == 1));
    return r.state == ROLLOUT_STAGING;
}
static bool is_confirmed(void)
{
    int confirmed = 0;
    for (int i = 1; i <= 3; i++) {
        struct certificate_record record;
        struct error err = {0};
        CHECK_OK(record_load(world.state, TABLE_CERTIFICATE, arena_printf(world.arena, "default/c%02d", i), &certificate_record_table,
                             world.arena, &record, NULL, &err), err);
        confirmed += record.purchase_confirmed;
    }
    CHECK(confirmed == 0 || confirmed == 3);
    return confirmed == 3;
}
static bool is_noted(void)
{
    struct leftover_record l = leftover();
    return record_load(world.state, TABLE_LEFTOVER, leftover_key(world.arena, &l), &leftover_record_table, world.arena, &l, NULL, NULL);
}
static enum challenge_state stray_state(void)
{
    struct challenge_record c;
    struct error err = {0};
    CHECK_OK(record_load(world.state, TABLE_CHALLENGE, "default/gone/000001/c00.example.com", &challenge_record_table, world.arena, &c,
                         NULL, &err), err);
    return c.state;
}
static bool is_claimed(void) { return stray_state() == CHALLENGE_REMOVING; }
static bool is_settled(void) { return stray_state() == CHALLENGE_GONE; }
static bool is_struck(void)
{
    struct leftover_record l = leftover();
    l.record_value = "old";
    return !record_load(world.state, TABLE_LEFTOVER, leftover_key(world.arena, &l), &leftover_record_table, world.arena, &l, NULL, NULL);
}

/* ---- each call fails ---- */

static bool (*done)(void);

static void judge(void)
{
    bool is = done();
    if (code == EXIT_OK ? !is : said[0] == '\0')
        fprintf(stderr, "%s gave %d, \"%s\", and is %sdone\n", verb, code, said, is ? "" : "not ");
    CHECK(code != EXIT_OK || is);
    CHECK(code == EXIT_OK || said[0] != '\0');
    run(verb, argument); /* the same again, when all is well: it is done, or was */
    CHECK(done());
}

static const struct failing_life asking = {begin, ask, judge};

static void each_fails(const char *asked, const char *about, enum order_state state, bool (*is_done)(void))
{
    static char kept[1000];
    order_state = state;
    done = is_done;
    begin();
    CHECK(!done());
    snprintf(kept, sizeof kept, "%s", strcmp(asked, "confirm") == 0 ? purchase_digest() : about);
    run(asked, kept);
    if (code != EXIT_OK)
        fprintf(stderr, "%s: %d %s\n", asked, code, said);
    CHECK_INT(code, EXIT_OK);
    CHECK(done());
    CHECK(each_call_fails(&asking, STORE_CALLS, store_errors, (int)COUNT_OF(store_errors), 5) > 20);
}

static void a_release_is_written_or_refused(void) { each_fails("release", "certificate/c00", ORDER_HELD, is_released); }
/* An order that was held may have arrived after all: its account is asked before another one is (decide.c). */
static void a_release_says_whether_an_answer_was_lost(void)
{
    static const enum order_state states[] = {ORDER_HELD, ORDER_REFUSED};
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        struct order_record order;
        order_state = states[i];
        begin();
        run("release", "certificate/c00");
        CHECK_INT(code, EXIT_OK);
        CHECK(record_load(world.state, TABLE_ORDER, "default/c00/000002", &order_record_table, world.arena, &order, NULL, NULL));
        CHECK_INT(order.answer_lost, states[i] == ORDER_HELD);
    }
}
static void a_sync_is_written_or_refused(void) { each_fails("sync", "c00", ORDER_PLACED, is_synced); }
static void a_word_to_deploy_is_written_or_refused(void) { each_fails("deploy", "certificate/default/c00", ORDER_PLACED, is_deployed); }
static void a_confirmed_purchase_is_written_or_refused(void) { each_fails("confirm", "", ORDER_PREPARED, is_confirmed); }
static void a_probe_is_noted_or_refused(void)
{
    static char json[1000];
    begin();
    snprintf(json, sizeof json, "%s", leftover_json());
    each_fails("journal-note", json, ORDER_PLACED, is_noted);
}
static void a_stray_is_claimed_or_not(void)
{
    each_fails("journal-claim", "challenge/default/gone/000001/c00.example.com", ORDER_PLACED, is_claimed);
}
/* The same again finds no stray any more, and says so. */
static void what_is_settled_is_no_stray(void)
{
    order_state = ORDER_HELD;
    begin();
    run("journal-settle", "challenge/default/gone/000001/c00.example.com");
    CHECK_INT(code, EXIT_OK);
    CHECK(is_settled());
    run("journal-settle", "challenge/default/gone/000001/c00.example.com");
    CHECK(code != EXIT_OK && said[0] != '\0');
    run("journal-settle", "challenge/default/c00/000002/c00.example.com"); /* an order wants it */
    CHECK(code != EXIT_OK && said[0] != '\0');
}

static void a_struck_probe_is_gone(void)
{
    order_state = ORDER_PLACED;
    begin();
    struct leftover_record l = leftover();
    l.record_value = "old";
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    field_encode(&leftover_record_table, &l, true, &w);
    run("journal-strike", buffer_text(&text));
    buffer_release(&text);
    CHECK_INT(code, EXIT_OK);
    CHECK(is_struck());
    run("journal-strike", "no JSON");
    CHECK(code != EXIT_OK && said[0] != '\0');
}

static void refused(const char *asked, const char *about, int with, const char *words)
{
    run(asked, about);
    CHECK_INT(code, with);
    if (strstr(said, words) == NULL)
        CHECK_TEXT(said, words);
}

static void what_makes_no_sense_is_refused_in_words(void)
{
    order_state = ORDER_PLACED;
    begin();
    refused("release", "certificate/c00", EXIT_ERROR, "no order that waits for a release");
    refused("release", "certificate/c01", EXIT_ERROR, "no order that waits for a release");
    refused("release", "issuer/main", EXIT_USAGE, "is no certificate's name");
    refused("release", "certificate/a/b/c", EXIT_USAGE, "is no certificate's name");
    refused("release", "certificate/", EXIT_USAGE, "is no certificate's name");
    refused("sync", "certificate/nobody", EXIT_ERROR, "there is no");
    refused("deploy", "certificate/c01", EXIT_ERROR, "has no certificate to deploy yet");
    refused("confirm", "0123456789ab", EXIT_ERROR, "nothing is held under");
    refused("resend", "certificate/c00", EXIT_ERROR, "certificate/c00");
    run("deploy", "certificate/c00");
    CHECK_INT(code, EXIT_OK);
    run("deploy", "certificate/c00"); /* the word was given: it is on its way */
    CHECK_INT(code, EXIT_OK);
}

/* The vendor was asked: by a controller at work, or by none. */
static void a_confirmed_purchase_names_its_sum(void)
{
    for (int asked = 0; asked < 2; asked++) {
        struct error err = {0};
        struct buffer out = {0};
        order_state = ORDER_PLACED;
        begin();
        struct engine_options with = {.config = &world.config, .state = world.state, .typed = true};
        struct engine *engine = engine_create(&with, &err);
        CHECK_OK(engine != NULL && engine_look(engine, true, &err), err);
        struct account *account = model_account(&engine->model, "default", "main");
        struct price price = {.product = "positivessl", .months = 12, .servers = 1, .price_cents = 750, .per_name_cents = -1,
                              .per_wildcard_cents = -1, .per_server_cents = -1, .currency = "USD", .min_names = 1, .max_names = 1};
        if (asked)
            account->facts = (struct account_facts){.arena = arena_create(), .url = world.endpoint.url, .prices = {&price, 1},
                                                    .listed = true, .at = clock_now()};
        world.desired = engine->model.desired;
        world_asked_by(&world, &account->facts, "main");
        world.desired = NULL;
        struct string_list ids = {0};
        const char *digest = NULL;
        CHECK_OK(holds_purchases(&engine->model, world.arena, &ids, &digest, &err), err);
        CHECK_INT(ids.count, 4); /* the index does not know of the order of c00 yet */
        CHECK_INT(operation_run(engine, "confirm", digest, "operator", &out), EXIT_OK);
        CHECK_TEXT(buffer_text(&out), asked ? "4 purchases are released: 30.00 USD\n"
                                            : "4 purchases are released; `certwright plan` says what they cost\n");
        engine_destroy(engine);
        buffer_release(&out);
    }
}

int main(void)
{
    RUN(a_release_is_written_or_refused);
    RUN(a_release_says_whether_an_answer_was_lost);
    RUN(a_sync_is_written_or_refused);
    RUN(a_word_to_deploy_is_written_or_refused);
    RUN(a_confirmed_purchase_is_written_or_refused);
    RUN(a_confirmed_purchase_names_its_sum);
    RUN(a_probe_is_noted_or_refused);
    RUN(a_stray_is_claimed_or_not);
    RUN(what_is_settled_is_no_stray);
    RUN(a_struck_probe_is_gone);
    RUN(what_makes_no_sense_is_refused_in_words);
    world_end(&world);
    return CHECK_REPORT();
}
