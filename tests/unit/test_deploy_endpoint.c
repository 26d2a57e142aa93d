/* Which addresses a probe asks, which answer counts, and which chain it expects. Names and interfaces are as these tests say. */
#include "deploy_server.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>

#include "base/address.h"
#include "failing_files.h"

/* --- the host -------------------------------------------------------------------------------- */

static const char *const *answers; /* of every name; NULL ends */
static int answer_code;
static struct addrinfo infos[16];
static struct sockaddr_storage addresses[16];

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    (void)host, (void)hints;
    size_t count = 0;
    for (; answers[count] != NULL; count++) {
        CHECK(count < COUNT_OF(infos) && address_from_text(answers[count], atoi(service), &addresses[count]));
        infos[count] = (struct addrinfo){.ai_addr = (struct sockaddr *)&addresses[count], .ai_next = &infos[count + 1]};
    }
    if (count == 0)
        return answer_code;
    infos[count - 1].ai_next = NULL;
    *out = infos;
    return 0;
}

void freeaddrinfo(struct addrinfo *found) { (void)found; }

static struct ifaddrs interfaces[4];
static bool interfaces_known;
static bool has_v6;

int getifaddrs(struct ifaddrs **out)
{
    static struct sockaddr_storage v4, v6;
    static struct sockaddr link_level = {.sa_family = AF_PACKET};
    CHECK(address_from_text("10.255.255.254", 0, &v4) && address_from_text("::1", 0, &v6));
    interfaces[0] = (struct ifaddrs){.ifa_next = &interfaces[1]}; /* a tunnel without an address */
    interfaces[1] = (struct ifaddrs){.ifa_next = &interfaces[has_v6 ? 2 : 3], .ifa_addr = &link_level};
    interfaces[2] = (struct ifaddrs){.ifa_next = &interfaces[3], .ifa_addr = (struct sockaddr *)&v6};
    interfaces[3] = (struct ifaddrs){.ifa_addr = (struct sockaddr *)&v4};
    *out = interfaces;
    return interfaces_known ? 0 : -1;
}

void freeifaddrs(struct ifaddrs *all) { (void)all; }

static void host_is(const char *const *list)
{
    answers = list;
    interfaces_known = has_v6 = true;
}
#define HOST_IS(...) host_is((const char *const[]){__VA_ARGS__, NULL})

/* --- addresses ------------------------------------------------------------------------------- */

static struct server server;

static bool probes(const struct deployment *d)
{
    memset(&err, 0, sizeof err);
    return deploy_local.probe(&ctx, d, &err);
}

static void begin(const struct pair *pair)
{
    new_world(LAYOUT_GENERATION);
    start_server(&server, pair, &middle_ca);
    spec.probe.address = arena_printf(arena, "shop.example.test:%d", server.port);
}

static void only_addresses_that_may_be_asked_are_asked(void)
{
    struct deployment d = deployment(2, 1);
    begin(&pairs[2]);
    HOST_IS("10.9.9.9");
    CHECK(!probes(&d));
    CHECK_INT(err.kind, ERROR_CONFIG);
    CHECK(strstr(err.message, "10.9.9.9") != NULL);
    HOST_IS("10.9.9.9", "127.0.0.1", "169.254.169.254");
    CHECK_OK(probes(&d), err);
    stop_server(&server);
    CHECK_INT(server.connections, 2);
    answers = (const char *const[]){NULL};
    answer_code = EAI_AGAIN;
    CHECK(!probes(&d));
    CHECK_INT(err.kind, ERROR_UNREACHABLE);
    CHECK(strstr(err.message, "cannot be resolved") != NULL);
}

static void an_address_of_this_host_needs_no_word_of_the_operator(void)
{
    struct deployment d = deployment(2, 1);
    new_world(LAYOUT_GENERATION);
    spec.probe.address = "[::1]:1"; /* where nobody listens */
    spec.probe.timeout_s = 5;
    HOST_IS("::1");
    CHECK(!probes(&d));
    CHECK(err.kind == ERROR_UNREACHABLE || err.kind == ERROR_SYSTEM); /* a host without IPv6 */
    CHECK(strstr(err.message, "[::1]:1 for shop.example.test") != NULL);
    has_v6 = false;
    CHECK(!probes(&d));
    CHECK_INT(err.kind, ERROR_CONFIG);
    const char *allowed[] = {"::1/128"};
    config.allow_addresses = (struct string_list){.items = allowed, .count = 1};
    CHECK(!probes(&d) && err.kind != ERROR_CONFIG); /* the operator's word opens it */
    config.allow_addresses.count = 0;
    has_v6 = true;
    interfaces_known = false; /* what is not known to be ours is not */
    CHECK(!probes(&d));
    CHECK_INT(err.kind, ERROR_CONFIG);
    static const char *const nonsense[] = {"[::1:443", "::1]:443", "[::1]443", "[::1]:", "[::1]:65536", "[::1]:-1"};
    for (size_t i = 0; i < COUNT_OF(nonsense); i++) {
        spec.probe.address = nonsense[i];
        CHECK(!probes(&d));
        CHECK_INT(err.kind, ERROR_MANIFEST);
    }
}

/* An operator's word for another name is no word for this one. */
static void what_the_operator_says_of_a_name_is_for_that_name(void)
{
    struct deployment d = deployment(3, 0);
    struct name_pair resolve[] = {{.name = "other.example.test:443", .value = "127.0.0.1:1"},
                                  {.name = "shop.example.test:443", .value = "unset"}};
    begin(&pairs[2]);
    resolve[1].value = arena_printf(arena, "127.0.0.1:%d", server.port);
    config.resolve = resolve;
    config.resolve_count = COUNT_OF(resolve);
    spec.probe.address = "shop.example.test:443";
    HOST_IS("127.0.0.1");
    spec.probe.timeout_s = 3600; /* of the whole patience, not of one look */
    bool good = probes(&d);
    enum error_kind kind = err.kind;
    const char *words = arena_strdup(arena, err.message);
    d = deployment(2, 0);
    bool right = probes(&d);
    stop_server(&server);
    CHECK(!good && right);
    CHECK_INT(kind, ERROR_REFUSED);
    CHECK(strstr(words, "serves another certificate") != NULL); /* there is no former one */
}

static void the_first_address_that_answers_decides(void)
{
    struct server former;
    struct deployment d = deployment(2, 1);
    begin(&pairs[2]);
    start_server_at(&former, "127.0.0.2", server.port, &pairs[1], &middle_ca, 1);
    HOST_IS("127.0.0.3", "127.0.0.1", "127.0.0.2"); /* nobody listens on the first */
    bool past_silence = probes(&d);
    HOST_IS("127.0.0.2", "127.0.0.1");
    bool past_another = probes(&d);
    enum error_kind kind = err.kind;
    bool unheard = deploy_local.probe(&ctx, &d, NULL);
    HOST_IS("127.0.0.3", "127.0.0.4");
    bool nobody = probes(&d);
    enum error_kind nobody_kind = err.kind;
    HOST_IS("127.0.1.1", "127.0.1.2", "127.0.1.3", "127.0.1.4", "127.0.1.5", "127.0.1.6", "127.0.1.7", "127.0.1.8",
            "127.0.0.1");
    bool beyond = probes(&d); /* eight are enough */
    stop_server(&former);
    stop_server(&server);
    CHECK(past_silence && !past_another && !unheard && !nobody && !beyond);
    CHECK_INT(kind, ERROR_REFUSED);
    CHECK_INT(nobody_kind, ERROR_UNREACHABLE);
}

/* --- chains ---------------------------------------------------------------------------------- */

static bool serves(const struct made *intermediate, int times, const char *expected)
{
    struct deployment d = deployment(2, 1);
    d.chain = expected;
    start_server_at(&server, "127.0.0.1", 0, &pairs[2], intermediate, times);
    spec.probe.address = arena_printf(arena, "127.0.0.1:%d", server.port);
    HOST_IS("127.0.0.1");
    bool good = probes(&d);
    stop_server(&server);
    return good;
}

static void the_chain_that_is_sent_is_the_one_deployed(void)
{
    new_world(LAYOUT_GENERATION);
    CHECK_OK(serves(&middle_ca, 1, ""), err); /* none was deployed, what is sent besides does no harm */
    CHECK_OK(serves(&middle_ca, 2, chain), err);
    CHECK(!serves(&middle_ca, 1, arena_printf(arena, "%s%s", chain, other_chain)));
    CHECK_INT(err.kind, ERROR_REFUSED);
    CHECK(strstr(err.message, "certificate 3 of it differs") != NULL);
    CHECK(!serves(&middle_ca, 11, chain));
    CHECK_INT(err.kind, ERROR_MALFORMED);
    CHECK(strstr(err.message, "sends a chain that cannot be read") != NULL);
}

/* Nobody says which chain: it is the one beside the certificate on the disk, if that is the one which is served. */
static void the_chain_on_the_disk_counts_only_beside_this_certificate(void)
{
    for (enum target_layout layout = LAYOUT_GENERATION; layout <= LAYOUT_COMBINED; layout++) {
        new_world(layout);
        CHECK_OK(serves(NULL, 0, NULL), err); /* nothing there */
        CHECK_OK(deploy(2, 0), err);
        CHECK(!serves(NULL, 0, NULL));
        CHECK_OK(serves(&middle_ca, 1, NULL), err);
        CHECK_OK(deploy(3, 2), err); /* another generation is published */
        CHECK_OK(serves(NULL, 0, NULL), err);
    }
    new_world(LAYOUT_GENERATION);
    CHECK_OK(deploy(2, 0), err);
    const char *leaf = at("default/shop/gen-2/cert.pem"), *link = at("default/shop/current");
    const char *const leaves[] = {arena_printf(arena, "%s%s", pairs[2].leaf, chain), "-----BEGIN CERTIFICATE-----\nMIIB",
                                  "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", ""};
    for (size_t i = 0; i < COUNT_OF(leaves); i++) {
        put(leaf, leaves[i], 0644);
        CHECK_OK(serves(NULL, 0, NULL), err);
    }
    put(leaf, pairs[2].leaf, 0644);
    CHECK(!serves(NULL, 0, NULL));
    fail_at("readlinkat", 1, EIO);
    CHECK_OK(serves(NULL, 0, NULL), err);
    CHECK(well());
    put(at("default/shop/gen-2/chain.pem"), "-----BEGIN CERTIFICATE-----\nMIIB", 0644);
    CHECK_OK(serves(NULL, 0, NULL), err);
    CHECK(unlink(at("default/shop/gen-2/chain.pem")) == 0);
    CHECK_OK(serves(NULL, 0, NULL), err);
    CHECK(unlink(link) == 0 && symlink("/etc", link) == 0);
    CHECK_OK(serves(NULL, 0, NULL), err);
    spec.owner = "no-such-user-here";
    CHECK_OK(serves(NULL, 0, NULL), err);
    spec.local.root = "closed";
    CHECK_OK(serves(NULL, 0, NULL), err);
}

int main(void)
{
    if (!open_worlds())
        return 2;
    RUN(make_pairs);
    RUN(only_addresses_that_may_be_asked_are_asked);
    RUN(an_address_of_this_host_needs_no_word_of_the_operator);
    RUN(what_the_operator_says_of_a_name_is_for_that_name);
    RUN(the_first_address_that_answers_decides);
    RUN(the_chain_that_is_sent_is_the_one_deployed);
    RUN(the_chain_on_the_disk_counts_only_beside_this_certificate);
    if (!close_worlds())
        return 2;
    return CHECK_REPORT();
}
