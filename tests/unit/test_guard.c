/* What counts as taking something away, member by member, and whose certificates an issuer leaves behind. */
#include "controller_world.h"

#include "controller/guard.h"

static struct world world;

#define CERTIFICATE(rest) WORLD_DOCUMENT("Certificate", "one") "  dnsNames: [a.example.com, b.example.com]\n" rest
#define ORDER "  order: {product: positivemdcssl}\n"
#define EMAIL "  dcv: {method: Email}\n"

static struct resource resource_of(const char *text)
{
    struct resource_list list = {0}, broken = {0};
    struct problem_list problems = {.arena = world.arena};
    manifest_decode("x.yaml", arena_strdup(world.arena, text), strlen(text), world.arena, &list, &broken, &problems);
    for (size_t i = 0; i < problems.count; i++)
        fprintf(stderr, "%s\n", problems.items[i].message);
    CHECK_INT(list.count, 1);
    return list.items[0];
}

static struct change judged(const char *was_text, const char *is_text)
{
    struct error err = {0};
    struct resource *was = arena_alloc(world.arena, sizeof *was), *is = arena_alloc(world.arena, sizeof *is);
    *was = resource_of(was_text);
    if (is_text != NULL)
        *is = resource_of(is_text);
    struct change change = {.kind = was->kind, .namespace_ = was->namespace_, .name = was->name, .was = was,
                            .is = is_text != NULL ? is : NULL};
    CHECK_OK(guard_judge(&world.config, world.state, world.arena, &change, &err), err);
    return change;
}

static void what_is_lacking_is_narrower(void)
{
    static const struct {
        const char *was, *is;
        bool narrower;
    } rows[] = {
        {CERTIFICATE(ORDER EMAIL), CERTIFICATE(ORDER EMAIL), false},
        {CERTIFICATE(ORDER EMAIL "  targets: [{name: web}]\n"), CERTIFICATE(ORDER EMAIL), true},
        {CERTIFICATE(ORDER EMAIL), CERTIFICATE(ORDER EMAIL "  targets: [{name: web}]\n"), false},
        {CERTIFICATE(ORDER EMAIL "  targets: [{name: web}]\n"), CERTIFICATE(ORDER EMAIL "  targets: [{name: mail}]\n"), true},
        {CERTIFICATE(ORDER EMAIL "  targets: [{name: web}]\n"), CERTIFICATE(ORDER EMAIL "  targets: [{name: mail}, {name: web}]\n"), false},
        {CERTIFICATE(ORDER EMAIL "  renewBefore: 30d\n"), CERTIFICATE(ORDER EMAIL "  renewBefore: 20d\n"), false},
        {CERTIFICATE(ORDER EMAIL "  suspend: true\n"), CERTIFICATE(ORDER EMAIL "  suspend: false\n"), false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct change change = judged(rows[i].was, rows[i].is);
        if (change.narrower != rows[i].narrower)
            fprintf(stderr, "row %zu\n", i);
        CHECK(change.narrower == rows[i].narrower);
        CHECK_INT(change.reissued.count, 0);
    }
}

static void what_needs_another_certificate_is_a_reissue(void)
{
    static const char *const others[] = {
        WORLD_DOCUMENT("Certificate", "one") "  dnsNames: [a.example.com, c.example.com]\n" ORDER EMAIL,
        CERTIFICATE("  order: {product: positivessl}\n" EMAIL),
        CERTIFICATE(ORDER EMAIL "  commonName: b.example.com\n"),
        CERTIFICATE(ORDER EMAIL "  issuerRef: {name: other}\n"),
        CERTIFICATE(ORDER EMAIL "  privateKey: {algorithm: ECDSA}\n"),
        CERTIFICATE(ORDER EMAIL "  privateKey: {size: 4096}\n"),
        CERTIFICATE(ORDER EMAIL "  csrSecretRef: {name: csr, key: k}\n"),
        CERTIFICATE(ORDER EMAIL "  privateKey: {secretRef: {name: mine, key: k}}\n"),
    };
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        struct change change = judged(CERTIFICATE(ORDER EMAIL), others[i]);
        if (change.reissued.count != 1)
            fprintf(stderr, "row %zu\n", i);
        CHECK_INT(change.reissued.count, 1);
        CHECK_TEXT(change.reissued.items[0], "certificate/one");
    }
    CHECK_INT(judged(CERTIFICATE(ORDER EMAIL), CERTIFICATE(ORDER EMAIL "  commonName: a.example.com\n")).reissued.count, 0);
    struct change gone = judged(CERTIFICATE(ORDER EMAIL), NULL);
    CHECK(!gone.narrower && gone.reissued.count == 0);
}

static void put_order(struct state_batch *batch, const char *namespace_, const char *name, int cycle, enum order_state state,
                      const char *issuer, const char *url)
{
    struct order_record order = {.namespace_ = namespace_, .name = name, .cycle = cycle, .state = state, .issuer = issuer,
                                 .endpoint = url, .product = "positivessl", .environment = "offline"};
    record_put(batch, TABLE_ORDER, record_key_number(world.arena, namespace_, name, cycle), &order_record_table, &order, STATE_ANY);
    state_put(batch, TABLE_RESOURCE, arena_printf(world.arena, "Certificate/%s/%s", namespace_, name), span_of("{}", 2), STATE_ANY);
}

#define ISSUER_AT(environment) \
    WORLD_DOCUMENT("Issuer", "main") "  sslstore: {environment: " environment \
                                     ", partnerCode: \"1\", authTokenSecretRef: {name: s, key: k}}\n"

static void an_issuer_elsewhere_leaves_its_orders_behind(void)
{
    static struct endpoint endpoints[2];
    const char *here = "https://127.0.0.1:1/rest/";
    endpoints[0] = world.endpoint;
    endpoints[1] = (struct endpoint){.name = "elsewhere", .url = "https://127.0.0.1:2/rest/", .sandbox = true};
    world.config.endpoints = endpoints;
    world.config.endpoint_count = 2;
    struct state_batch *batch = state_batch_create();
    put_order(batch, "default", "one", 1, ORDER_PLACED, "main", here);
    put_order(batch, "default", "one", 2, ORDER_PLACED, "main", here); /* the newest one counts */
    put_order(batch, "default", "two", 1, ORDER_PLACED, "other", here);
    put_order(batch, "default", "three", 1, ORDER_PREPARED, "main", here);
    put_order(batch, "default", "four", 1, ORDER_PLACED, "main", endpoints[1].url);
    put_order(batch, "team", "five", 1, ORDER_PLACED, "main", here); /* by the issuer of `default` */
    put_order(batch, "own", "six", 1, ORDER_PLACED, "main", here);   /* has one of its own */
    put_order(batch, "default", "seven", 1, ORDER_PLACED, "main", here);
    state_delete(batch, TABLE_RESOURCE, "Certificate/default/seven", STATE_ANY);
    state_put(batch, TABLE_RESOURCE, "Issuer/own/main", span_of("{}", 2), STATE_ANY);
    world_commit(&world, batch);
    struct change change = judged(ISSUER_AT("offline"), ISSUER_AT("elsewhere"));
    struct string_list sorted = string_list_sorted(world.arena, &change.reissued);
    CHECK_TEXT(string_list_join(world.arena, &sorted, " "), "certificate/one certificate/team/five");
    CHECK_INT(judged(ISSUER_AT("offline"), ISSUER_AT("offline")).reissued.count, 0);
    CHECK_INT(judged(ISSUER_AT("offline"), ISSUER_AT("nowhere")).reissued.count, 0); /* none there to buy at */
    change = judged(ISSUER_AT("nowhere"), ISSUER_AT("elsewhere"));
    CHECK_INT(change.reissued.count, 2);
}

int main(void)
{
    world_begin(&world);
    RUN(what_is_lacking_is_narrower);
    RUN(what_needs_another_certificate_is_a_reissue);
    RUN(an_issuer_elsewhere_leaves_its_orders_behind);
    world_end(&world);
    return CHECK_REPORT();
}
