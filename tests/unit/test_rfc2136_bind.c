/* The RFC 2136 provider against a real BIND. */
#include "base/arena.h"
#include "base/dns.h"
#include "base/error.h"
#include "base/secret.h"
#include "base/text.h"
#include "base/tsig.h"
#include "check.h"
#include "named.h"
#include "reconcilers/dns/dns.h"
#include "schema/operator.h"
#include "schema/resource.h"

#define SECRET "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="

static struct arena *arena;
static char directory[64];
static int port;
static bool ipv6;
static pid_t named_pid;
static struct operator_config config;
static struct context ctx;
static const struct dns_provider_ops *ops;

static const char *const key_names[] = {
    [TSIG_HMAC_MD5] = "k-md5",       [TSIG_HMAC_SHA1] = "k-sha1",     [TSIG_HMAC_SHA224] = "k-sha224",
    [TSIG_HMAC_SHA256] = "k-sha256", [TSIG_HMAC_SHA384] = "k-sha384", [TSIG_HMAC_SHA512] = "k-sha512",
};

static const char zone_text[] =
    "$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n"
    "taken TXT \"foreign\"\nalias CNAME elsewhere.invalid.\n_two 120 TXT \"foreign\" \" split\"\n"
    "*.wild CNAME target.invalid.\nchild NS ns.child\nns.child A 192.0.2.1\n";

static void set_up(void)
{
    static const char *const loopback[] = {"127.0.0.1"};
    AUTO(buffer) struct buffer rest = {0};
    char path[128];
    strcpy(directory, "/tmp/test-rfc2136-XXXXXX");
    if (mkdtemp(directory) == NULL)
        abort();
    for (size_t i = 0; i < COUNT_OF(key_names); i++)
        buffer_printf(&rest, "key \"%s\" { algorithm hmac-%s; secret \"" SECRET "\"; };\n", key_names[i],
                      key_names[i] + 2);
    static const char *const zones[] = {"example.test", "sub.example.test", "other.test", "fixed.test"};
    for (size_t i = 0; i < COUNT_OF(zones); i++) {
        snprintf(path, sizeof path, "%s/%s.zone", directory, zones[i]);
        named_write(path, "%s", zone_text);
        buffer_printf(&rest, "zone \"%s\" { type primary; file \"%s.zone\"; ", zones[i], zones[i]);
        if (i == 2) /* only one name, only TXT */
            buffer_puts(&rest, "update-policy { grant k-sha256 name _only.other.test TXT; };");
        for (size_t k = 0; i < 2 && k < COUNT_OF(key_names); k++)
            buffer_printf(&rest, "%s grant %s zonesub ANY; %s", k == 0 ? "update-policy {" : "",
                          key_names[k], k + 1 == COUNT_OF(key_names) ? "};" : "");
        buffer_puts(&rest, " };\n");
    }
    snprintf(path, sizeof path, "%s/bind", directory);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/bind/tsig", directory);
    named_write(path, SECRET "\n");
    snprintf(path, sizeof path, "%s/bind/wrong", directory);
    named_write(path, "AAAANDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=\n");
    snprintf(path, sizeof path, "%s/bind/garbage", directory);
    named_write(path, "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI\n"); /* without its "=" */
    int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    ipv6 = fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof any) == 0;
    close(fd);
    port = named_free_port(loopback, 1);
    config.secrets_directory = directory;
    string_list_push(arena, &config.allow_addresses, "127.0.0.0/8");
    string_list_push(arena, &config.allow_addresses, "::1");
    static struct name_pair world = {.name = "test"};
    world.value = arena_printf(arena, "127.0.0.1:%d", port);
    config.nameservers = &world;
    config.nameserver_count = 1;
    ctx = (struct context){.arena = arena, .config = &config};
    ops = dns_provider_ops(DNS_PROVIDER_RFC2136);
    char options[80] = "listen-on-v6 { none; };";
    if (ipv6)
        snprintf(options, sizeof options, "listen-on-v6 port %d { ::1; };", port);
    named_pid = named_start(directory, "named", "127.0.0.1", port, options, buffer_text(&rest));
}

static struct resource account_of(struct dns_account *spec, enum dns_tsig_algorithm algorithm)
{
    *spec = (struct dns_account){.enabled = true, .provider = DNS_PROVIDER_RFC2136};
    spec->rfc2136.nameserver = arena_printf(arena, "127.0.0.1:%d", port);
    spec->rfc2136.tsig_key_name = key_names[algorithm];
    spec->rfc2136.tsig_algorithm = (int)algorithm;
    spec->rfc2136.tsig_secret_ref = (struct secret_ref){.name = "bind", .key = "tsig"};
    return (struct resource){
        .kind = KIND_DNS_ACCOUNT, .namespace_ = "default", .name = "lab", .dns_account = spec};
}

static struct dns_challenge txt(const char *name, const char *value)
{
    return (struct dns_challenge){"example.test", name, "TXT", value};
}
static struct dns_challenge cname(const char *name, const char *value)
{
    return (struct dns_challenge){"example.test", name, "CNAME", value};
}

/* What the server really has, asked plainly: "value value …". */
static const char *served(const char *name, enum dns_type type, uint32_t *out_ttl)
{
    struct dns_address server = {"127.0.0.1", port};
    struct dns_answer answer;
    struct error err = {0};
    struct string_list values = {0};
    CHECK_OK(dns_ask(&server, name, type, false, 3000, arena, &answer, &err), err);
    for (size_t i = 0; i < answer.answer_count; i++) {
        string_list_push(arena, &values, answer.answers[i].value);
        if (out_ttl != NULL)
            *out_ttl = answer.answers[i].ttl;
    }
    struct string_list sorted = string_list_sorted(arena, &values);
    return string_list_join(arena, &sorted, "|");
}

static void all_six_algorithms_place_list_and_remove(void)
{
    for (size_t i = 0; i < COUNT_OF(key_names); i++) {
        struct dns_account spec;
        struct resource account = account_of(&spec, (enum dns_tsig_algorithm)i);
        struct dns_challenge challenge = txt(arena_printf(arena, "_a%zu.example.test", i), "value");
        struct string_list values = {0};
        struct error err = {0};
        CHECK_OK(ops->check(&ctx, &account, "example.test", &err), err);
        CHECK_OK(ops->present(&ctx, &account, &challenge, &err), err);
        CHECK_TEXT(served(challenge.name, DNS_TXT, NULL), "value");
        CHECK_OK(ops->present(&ctx, &account, &challenge, &err), err);
        CHECK_OK(ops->list(&ctx, &account, &challenge, &values, &err), err);
        CHECK_INT(values.count, 1);
        CHECK_OK(ops->absent(&ctx, &account, &challenge, &err), err);
        CHECK_TEXT(served(challenge.name, DNS_TXT, NULL), "");
        CHECK_OK(ops->absent(&ctx, &account, &challenge, &err), err);
    }
}

static void a_wrong_key_is_told_apart_from_a_wrong_secret(void)
{
    struct error err = {0};
    struct dns_account spec;
    struct resource account = account_of(&spec, TSIG_HMAC_SHA256);
    struct dns_challenge challenge = txt("_k.example.test", "value");
    const char *zone;
    spec.rfc2136.tsig_key_name = "nobody";
    CHECK(!ops->present(&ctx, &account, &challenge, &err));
    CHECK_INT(err.kind, ERROR_CREDENTIAL);
    CHECK(strstr(err.message, "BADKEY") != NULL && strstr(err.message, "nobody") != NULL);
    CHECK(!ops->check(&ctx, &account, "example.test", &err));
    CHECK_INT(err.kind, ERROR_CREDENTIAL);
    CHECK(!ops->zone_of(&ctx, &account, "_k.example.test", &zone, &err));
    CHECK_INT(err.kind, ERROR_CREDENTIAL);

    account = account_of(&spec, TSIG_HMAC_SHA256);
    spec.rfc2136.tsig_algorithm = TSIG_HMAC_SHA512;
    CHECK(!ops->present(&ctx, &account, &challenge, &err));
    CHECK(err.kind == ERROR_CREDENTIAL && strstr(err.message, "BADKEY") != NULL);

    account = account_of(&spec, TSIG_HMAC_SHA256);
    spec.rfc2136.tsig_secret_ref.key = "wrong";
    CHECK(!ops->present(&ctx, &account, &challenge, &err));
    CHECK(err.kind == ERROR_CREDENTIAL && strstr(err.message, "BADSIG") != NULL);
    CHECK(!ops->check(&ctx, &account, "example.test", &err));
    CHECK(err.kind == ERROR_CREDENTIAL && strstr(err.message, "BADSIG") != NULL);

    spec.rfc2136.tsig_secret_ref.key = "garbage";
    CHECK(!ops->present(&ctx, &account, &challenge, &err));
    CHECK(err.kind == ERROR_CREDENTIAL && strstr(err.message, "base64") != NULL);
    CHECK(strstr(err.message, "MTIz") == NULL);
    spec.rfc2136.tsig_secret_ref.key = "missing";
    CHECK(!ops->present(&ctx, &account, &challenge, &err));
    CHECK_INT(err.kind, ERROR_CREDENTIAL);
    CHECK_TEXT(served("_k.example.test", DNS_TXT, NULL), "");
}

static void an_unsigned_update_is_refused(void)
{
    struct error err = {0};
    struct dns_account spec;
    struct resource account = account_of(&spec, TSIG_HMAC_SHA256);
    struct dns_challenge challenge = txt("_k.example.test", "value");
    spec.rfc2136.tsig_key_name = NULL;
    CHECK(!ops->present(&ctx, &account, &challenge, &err));
    CHECK_INT(err.kind, ERROR_MANIFEST); /* a secret without a key's name */
    spec.rfc2136.tsig_secret_ref.name = NULL;
    CHECK(!ops->present(&ctx, &account, &challenge, &err));
    CHECK_INT(err.kind, ERROR_REFUSED);
}

static void a_second_value_stays_beside_the_first(void)
{
    struct error err = {0};
    struct dns_account spec;
    struct resource account = account_of(&spec, TSIG_HMAC_SHA256);
    struct dns_challenge ours = txt("_two.example.test", "ours"),
                         more = txt("_two.example.test", "ours too");
    uint32_t ttl = 0;
    CHECK_OK(ops->present(&ctx, &account, &ours, &err), err);
    CHECK_OK(ops->present(&ctx, &account, &more, &err), err);
    CHECK_TEXT(served("_two.example.test", DNS_TXT, &ttl), "foreign split|ours|ours too");
    CHECK_INT(ttl, 120); /* the set keeps its own */
    CHECK_OK(ops->absent(&ctx, &account, &ours, &err), err);
    CHECK_TEXT(served("_two.example.test", DNS_TXT, NULL), "foreign split|ours too");
    CHECK_OK(ops->absent(&ctx, &account, &more, &err), err);
    CHECK_TEXT(served("_two.example.test", DNS_TXT, &ttl), "foreign split");
    CHECK_INT(ttl, 120);
}

static void cnames_and_other_data_exclude_each_other(void)
{
    struct error err = {0};
    struct dns_account spec;
    struct resource account = account_of(&spec, TSIG_HMAC_SHA256);
    struct dns_challenge txt_at_alias = txt("alias.example.test", "v"),
                         cname_at_txt = cname("taken.example.test", "a.b");
    struct dns_challenge cname_at_alias = cname("alias.example.test", "a.b"),
                         same = cname("alias.example.test", "ELSEWHERE.invalid.");
    CHECK(!ops->present(&ctx, &account, &txt_at_alias, &err));
    CHECK_INT(err.kind, ERROR_CONFLICT);
    CHECK(strstr(err.message, "elsewhere.invalid") != NULL);
    CHECK(!ops->present(&ctx, &account, &cname_at_txt, &err));
    CHECK_INT(err.kind, ERROR_CONFLICT);
    CHECK(!ops->present(&ctx, &account, &cname_at_alias, &err));
    CHECK_INT(err.kind, ERROR_CONFLICT);
    CHECK_OK(ops->present(&ctx, &account, &same, &err), err); /* the target is what counts, not its case */
    CHECK_OK(ops->absent(&ctx, &account, &cname_at_alias, &err), err); /* not ours: stays */
    CHECK_TEXT(served("alias.example.test", DNS_CNAME, NULL), "elsewhere.invalid");
    CHECK_TEXT(served("taken.example.test", DNS_TXT, NULL), "foreign");
}

static void a_cname_is_placed_as_given_and_removed(void)
{
    struct error err = {0};
    struct dns_account spec;
    struct resource account = account_of(&spec, TSIG_HMAC_SHA256);
    struct dns_challenge challenge = cname("_0a1B2c.example.test", "DeadBeef.0123.sectigo.com");
    CHECK_OK(ops->present(&ctx, &account, &challenge, &err), err);
    CHECK_TEXT(served(challenge.name, DNS_CNAME, NULL), "DeadBeef.0123.sectigo.com");
    CHECK_OK(ops->present(&ctx, &account, &challenge, &err), err);
    challenge.value = "deadbeef.0123.sectigo.com";
    CHECK_OK(ops->absent(&ctx, &account, &challenge, &err), err);
    CHECK_TEXT(served(challenge.name, DNS_CNAME, NULL), "");
}

static void a_wildcard_beside_does_not_stand_in_the_way(void)
{
    struct error err = {0};
    struct dns_account spec;
    struct resource account = account_of(&spec, TSIG_HMAC_SHA256);
    struct dns_challenge challenge = cname("_x.wild.example.test", "a.sectigo.com"),
                         value = txt("_y.wild.example.test", "v");
    const char *zone = NULL;
    CHECK_OK(ops->zone_of(&ctx, &account, challenge.name, &zone, &err), err);
    CHECK_TEXT(zone, "example.test");
    CHECK_OK(ops->present(&ctx, &account, &challenge, &err), err);
    CHECK_OK(ops->present(&ctx, &account, &value, &err), err);
    CHECK_TEXT(served(challenge.name, DNS_CNAME, NULL), "a.sectigo.com");
    CHECK_OK(ops->absent(&ctx, &account, &challenge, &err), err);
    CHECK_OK(ops->absent(&ctx, &account, &value, &err), err);
    CHECK_TEXT(served(challenge.name, DNS_CNAME, NULL), "target.invalid");
}

static void long_and_odd_txt_values_arrive_byte_for_byte(void)
{
    struct error err = {0};
    struct dns_account spec;
    struct resource account = account_of(&spec, TSIG_HMAC_SHA256);
    char *longer = arena_alloc(arena, 601);
    memset(longer, 'x', 600);
    const char *values[] = {longer, "quote \" back\\slash ; semi $ORIGIN (", "\\032\\\"", " blank "};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        struct dns_challenge challenge = txt("_odd.example.test", values[i]);
        CHECK_OK(ops->present(&ctx, &account, &challenge, &err), err);
        CHECK_TEXT(served(challenge.name, DNS_TXT, NULL), values[i]);
        CHECK_OK(ops->absent(&ctx, &account, &challenge, &err), err);
        CHECK_TEXT(served(challenge.name, DNS_TXT, NULL), "");
    }
}

static void zones_are_found_by_list_by_mapping_and_by_asking(void)
{
    struct error err = {0};
    struct dns_account spec;
    struct resource account = account_of(&spec, TSIG_HMAC_SHA256);
    const char *zone = NULL;
    CHECK_OK(ops->zone_of(&ctx, &account, "_x.a.b.example.test", &zone, &err), err);
    CHECK_TEXT(zone, "example.test");
    CHECK_OK(ops->zone_of(&ctx, &account, "_x.www.sub.example.test", &zone, &err), err);
    CHECK_TEXT(zone, "sub.example.test");
    CHECK_OK(ops->zone_of(&ctx, &account, "_x.alias.example.test", &zone, &err), err);
    CHECK_TEXT(zone, "example.test");
    CHECK_OK(ops->zone_of(&ctx, &account, "alias.example.test", &zone, &err), err); /* a CNAME is there */
    CHECK_TEXT(zone, "example.test");
    CHECK_OK(ops->zone_of(&ctx, &account, "example.test", &zone, &err), err);
    CHECK_TEXT(zone, "example.test");
    CHECK(!ops->zone_of(&ctx, &account, "_x.badexample.invalid", &zone, &err));
    CHECK_INT(err.kind, ERROR_NOT_FOUND);
    CHECK(!ops->zone_of(&ctx, &account, "_x.www.child.example.test", &zone, &err)); /* delegated away */
    CHECK_INT(err.kind, ERROR_NOT_FOUND);

    string_list_push(arena, &spec.zones, "example.test");
    CHECK_OK(ops->zone_of(&ctx, &account, "_x.www.sub.example.test", &zone, &err), err);
    CHECK_TEXT(zone, "example.test"); /* what the account says goes before what is found */
    CHECK(!ops->zone_of(&ctx, &account, "_x.badexample.test", &zone, &err));
    CHECK_INT(err.kind, ERROR_NOT_FOUND);
    CHECK(!ops->zone_of(&ctx, &account, "_x.www.child.example.test", &zone, &err));
    CHECK_INT(err.kind, ERROR_NOT_FOUND);

    struct rfc2136_zone mapped[] = {
        {.name = "sub.example.test", .tsig_key_name = "k-sha512", .tsig_algorithm = TSIG_HMAC_SHA512}};
    spec.rfc2136.zones = mapped;
    spec.rfc2136.zone_count = 1;
    CHECK_OK(ops->zone_of(&ctx, &account, "_x.sub.example.test", &zone, &err), err);
    CHECK_TEXT(zone, "sub.example.test");
    struct dns_challenge challenge = {zone, "_x.sub.example.test", "TXT", "v"};
    spec.rfc2136.tsig_key_name = "nobody"; /* so that only the mapped key can have done it */
    CHECK_OK(ops->present(&ctx, &account, &challenge, &err), err);
    CHECK_OK(ops->absent(&ctx, &account, &challenge, &err), err);
}

static void the_wrong_zone_or_right_is_refused_by_name(void)
{
    struct error err = {0};
    struct dns_account spec;
    struct resource account = account_of(&spec, TSIG_HMAC_SHA256);
    struct dns_challenge nowhere = {"nowhere.test", "_x.nowhere.test", "TXT", "v"};
    struct dns_challenge foreign = {"example.test", "_x.other.test", "TXT", "v"};
    struct dns_challenge fixed = {"fixed.test", "_x.fixed.test", "TXT", "v"};
    struct dns_challenge narrow = {"other.test", "_x.other.test", "TXT", "v"};
    struct dns_challenge granted = {"other.test", "_only.other.test", "TXT", "v"};
    struct {
        struct dns_challenge *challenge;
        const char *words;
    } cases[] = {{&nowhere, "nowhere.test"},
                 {&foreign, "NOTZONE"},
                 {&fixed, "fixed.test"},
                 {&narrow, "may not write"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CHECK(!ops->present(&ctx, &account, cases[i].challenge, &err));
        if (err.kind != ERROR_REFUSED || strstr(err.message, cases[i].words) == NULL)
            fprintf(stderr, "case %zu: %s\n", i, err.message);
        CHECK_INT(err.kind, ERROR_REFUSED);
        CHECK(strstr(err.message, cases[i].words) != NULL);
    }
    CHECK_OK(ops->present(&ctx, &account, &granted, &err), err);
    CHECK_OK(ops->absent(&ctx, &account, &granted, &err), err);
    CHECK(!ops->check(&ctx, &account, "nowhere.test", &err));
    CHECK_INT(err.kind, ERROR_REFUSED);
    CHECK(!ops->check(&ctx, &account, "fixed.test", &err));
    CHECK_INT(err.kind, ERROR_REFUSED);
}

static void a_name_below_a_delegation_is_not_called_placed(void)
{
    struct error err = {0};
    struct dns_account spec;
    struct resource account = account_of(&spec, TSIG_HMAC_SHA256);
    struct dns_challenge challenge = txt("_x.child.example.test", "v");
    CHECK(!ops->present(&ctx, &account, &challenge, &err));
    CHECK_INT(err.kind, ERROR_REFUSED);
    CHECK(strstr(err.message, "delegation") != NULL);
    CHECK_OK(ops->absent(&ctx, &account, &challenge, &err), err);
}

static void ipv6_works_like_ipv4(void)
{
    if (!ipv6)
        return;
    struct error err = {0};
    struct dns_account spec;
    struct resource account = account_of(&spec, TSIG_HMAC_SHA256);
    struct dns_challenge challenge = txt("_six.example.test", "v");
    spec.rfc2136.nameserver = arena_printf(arena, "[::1]:%d", port);
    CHECK_OK(ops->present(&ctx, &account, &challenge, &err), err);
    CHECK_TEXT(served("_six.example.test", DNS_TXT, NULL), "v");
    CHECK_OK(ops->absent(&ctx, &account, &challenge, &err), err);
}

static void an_inner_server_needs_the_operators_word(void)
{
    struct error err = {0};
    struct dns_account spec;
    struct resource account = account_of(&spec, TSIG_HMAC_SHA256);
    struct operator_config closed = {.secrets_directory = directory};
    struct name_pair named = {"example.test", spec.rfc2136.nameserver};
    struct context other = {.arena = arena, .config = &closed};
    CHECK(!ops->check(&other, &account, "example.test", &err));
    CHECK_INT(err.kind, ERROR_CONFIG);
    CHECK(strstr(err.message, "allowAddresses") != NULL);
    closed.nameservers = &named; /* the operator points to it himself */
    closed.nameserver_count = 1;
    CHECK_OK(ops->check(&other, &account, "example.test", &err), err);
}

int main(void)
{
    arena = arena_create();
    named_program();
    set_up();
    RUN(all_six_algorithms_place_list_and_remove);
    RUN(a_wrong_key_is_told_apart_from_a_wrong_secret);
    RUN(an_unsigned_update_is_refused);
    RUN(a_second_value_stays_beside_the_first);
    RUN(cnames_and_other_data_exclude_each_other);
    RUN(a_cname_is_placed_as_given_and_removed);
    RUN(a_wildcard_beside_does_not_stand_in_the_way);
    RUN(long_and_odd_txt_values_arrive_byte_for_byte);
    RUN(zones_are_found_by_list_by_mapping_and_by_asking);
    RUN(the_wrong_zone_or_right_is_refused_by_name);
    RUN(a_name_below_a_delegation_is_not_called_placed);
    RUN(ipv6_works_like_ipv4);
    RUN(an_inner_server_needs_the_operators_word);
    named_stop(named_pid);
    named_remove(directory);
    arena_destroy(arena);
    return CHECK_REPORT();
}
