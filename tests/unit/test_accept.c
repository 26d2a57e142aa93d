#include "reconcilers/certificate/accept.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/x509.h"
#include "check.h"
#include "make_x509.h"

static struct arena *arena;
static struct made root, issuing;
static EVP_PKEY *our_key;

static struct string_list list_of(const char *text)
{
    return *text != '\0' ? text_split(arena, text, ' ') : (struct string_list){0};
}

static struct acceptance rules_for(const char *names)
{
    struct acceptance rules = {
        .key_id = made_key_id(our_key, arena), .names = list_of(names), .now = MADE_NOW};
    string_list_push(arena, &rules.trust_roots, made_pem(&root, arena));
    return rules;
}

/* A delivery of the usual chain with this leaf; our key and our authority unless the recipe says otherwise. */
static struct x509_bundle delivered(struct recipe recipe)
{
    struct error err = {0};
    struct x509_bundle bundle;
    recipe.cn = recipe.cn != NULL ? recipe.cn : "shop.example.com";
    recipe.issuer = recipe.issuer != NULL ? recipe.issuer : &issuing;
    recipe.key = recipe.key != NULL ? recipe.key : our_key;
    recipe.san = recipe.san != NULL ? recipe.san : "DNS:shop.example.com";
    struct made leaf = make_x509(recipe);
    bundle.leaf = made_pem(&leaf, arena);
    bundle.chain = made_pem(&issuing, arena);
    bundle.fullchain = arena_printf(arena, "%s%s", bundle.leaf, bundle.chain);
    bundle.chain_count = 1;
    CHECK_OK(x509_parse(bundle.leaf, arena, &bundle.info, &err), err);
    unmake_x509(leaf);
    return bundle;
}

/* The word of the check that refused, or "" when all held. */
static const char *verdict_on(const struct x509_bundle *bundle, const struct acceptance *rules)
{
    struct error err = {0};
    if (certificate_accept(bundle, rules, arena, &err))
        return "";
    CHECK_INT(err.kind, ERROR_REFUSED);
    const char *open = strchr(err.message, '(');
    CHECK(open != NULL && strchr(open, ')') != NULL);
    CHECK(strlen(strchr(open, ')')) > 10); /* the facts follow */
    return arena_strndup(arena, open + 1, (size_t)(strchr(open, ')') - open - 1));
}

static const char *verdict(struct recipe recipe, struct acceptance rules)
{
    struct x509_bundle bundle = delivered(recipe);
    return verdict_on(&bundle, &rules);
}

static const char *names_verdict(const char *san, struct acceptance rules)
{
    return verdict((struct recipe){.san = san}, rules);
}

static void what_was_ordered_is_accepted(void)
{
    CHECK_TEXT(verdict((struct recipe){0}, rules_for("shop.example.com")), "");
    CHECK_TEXT(names_verdict("DNS:b.example.com,DNS:*.example.com,DNS:a.example.com",
                             rules_for("a.example.com b.example.com *.example.com")),
               "");
    CHECK_TEXT(names_verdict("DNS:SHOP.Example.com", rules_for("shop.example.com")), "");
}

static void another_key_is_refused(void)
{
    EVP_PKEY *other = made_key();
    CHECK_TEXT(verdict((struct recipe){.key = other}, rules_for("shop.example.com")), "key");
    struct acceptance rules = rules_for("shop.example.com");
    rules.key_id = NULL;
    CHECK_TEXT(verdict((struct recipe){0}, rules), "key");
    EVP_PKEY_free(other);
}

static void a_note_beside_the_certificate_is_not_believed(void)
{
    EVP_PKEY *other = made_key();
    struct x509_bundle bundle = delivered((struct recipe){.key = other});
    struct acceptance rules = rules_for("shop.example.com");
    bundle.info.spki_sha256 = rules.key_id;
    CHECK_TEXT(verdict_on(&bundle, &rules), "key");
    EVP_PKEY_free(other);
}

static void weak_keys_are_refused(void)
{
    EVP_PKEY *weak[] = {EVP_RSA_gen(1024), EVP_EC_gen("P-224"), EVP_EC_gen("secp256k1"),
                        EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};
    for (size_t i = 0; i < COUNT_OF(weak); i++) {
        struct acceptance rules = rules_for("shop.example.com");
        rules.key_id = made_key_id(weak[i], arena);
        CHECK_TEXT(verdict((struct recipe){.key = weak[i]}, rules), "key strength");
        EVP_PKEY_free(weak[i]);
    }
    EVP_PKEY *fine[] = {EVP_RSA_gen(2048), EVP_EC_gen("P-384")};
    for (size_t i = 0; i < COUNT_OF(fine); i++) {
        struct acceptance rules = rules_for("shop.example.com");
        rules.key_id = made_key_id(fine[i], arena);
        CHECK_TEXT(verdict((struct recipe){.key = fine[i]}, rules), "");
        EVP_PKEY_free(fine[i]);
    }
}

static void every_ordered_name_must_be_there(void)
{
    CHECK_TEXT(names_verdict("DNS:a.example.com", rules_for("a.example.com b.example.com")), "names ordered");
    CHECK_TEXT(names_verdict("DNS:*.example.com", rules_for("a.example.com")), "names ordered");
    CHECK_TEXT(names_verdict("DNS:a.example.com", rules_for("*.example.com")), "names ordered");
    CHECK_TEXT(names_verdict("IP:192.0.2.1", rules_for("a.example.com")), "names ordered");
}

static void no_other_name_may_be_there(void)
{
    CHECK_TEXT(names_verdict("DNS:a.example.com,DNS:b.example.com", rules_for("a.example.com")),
               "names added");
    CHECK_TEXT(names_verdict("DNS:a.example.com,DNS:*.example.com", rules_for("a.example.com")),
               "names added");
    CHECK_TEXT(names_verdict("DNS:a.example.com,IP:192.0.2.1", rules_for("a.example.com")), "names added");
    CHECK_TEXT(names_verdict("DNS:a.example.com,email:a@example.com", rules_for("a.example.com")),
               "names added");
}

static void the_www_twin_may_be_added_where_the_product_does(void)
{
    struct acceptance rules = rules_for("example.com b.example.com");
    CHECK_TEXT(names_verdict("DNS:example.com,DNS:b.example.com,DNS:www.example.com", rules), "names added");
    rules.www_allowed = true;
    CHECK_TEXT(names_verdict("DNS:example.com,DNS:b.example.com,DNS:www.example.com", rules), "");
    CHECK_TEXT(names_verdict("DNS:example.com,DNS:b.example.com", rules), "");
    /* of the common name, of no other, and nothing that only looks like it */
    CHECK_TEXT(names_verdict("DNS:example.com,DNS:b.example.com,DNS:www.b.example.com", rules),
               "names added");
    CHECK_TEXT(names_verdict("DNS:example.com,DNS:b.example.com,DNS:www2.example.com", rules), "names added");
    rules.common_name = "b.example.com";
    CHECK_TEXT(names_verdict("DNS:example.com,DNS:b.example.com,DNS:www.b.example.com", rules), "");
    rules = rules_for("www.example.com");
    rules.www_allowed = true;
    CHECK_TEXT(names_verdict("DNS:www.example.com,DNS:example.com", rules), "");
    CHECK_TEXT(names_verdict("DNS:www.example.com,DNS:www.www.example.com", rules), "names added");
}

static void the_bare_domain_of_a_wildcard_may_be_added_where_the_product_does(void)
{
    struct acceptance rules = rules_for("*.example.com");
    rules.www_allowed = true;
    CHECK_TEXT(names_verdict("DNS:*.example.com,DNS:example.com", rules), "names added");
    rules.base_allowed = true;
    CHECK_TEXT(names_verdict("DNS:*.example.com,DNS:example.com", rules), "");
    CHECK_TEXT(names_verdict("DNS:*.example.com,DNS:www.example.com", rules), "names added");
    CHECK_TEXT(names_verdict("DNS:*.example.com,DNS:a.example.com", rules), "names added");
}

static const char *dates_verdict(int64_t from, int64_t to, int64_t served)
{
    struct acceptance rules = rules_for("shop.example.com");
    rules.served_not_after = served;
    return verdict((struct recipe){.not_before = from, .not_after = to}, rules);
}

static void it_has_begun_or_does_within_minutes(void)
{
    int64_t end = MADE_NOW + 80 * MADE_DAY;
    CHECK_TEXT(dates_verdict(MADE_NOW + 300, end, 0), "");
    CHECK_TEXT(dates_verdict(MADE_NOW + 301, end, 0), "begin");
    CHECK_TEXT(dates_verdict(MADE_NOW + 30 * MADE_DAY, end, 0), "begin");
}

static void it_lives_longer_than_a_day_and_than_what_is_served(void)
{
    CHECK_TEXT(dates_verdict(0, MADE_NOW - 1, 0), "end");
    CHECK_TEXT(dates_verdict(0, MADE_NOW + MADE_DAY, 0), "end");
    CHECK_TEXT(dates_verdict(0, MADE_NOW + MADE_DAY + 1, 0), "");
    int64_t end = MADE_NOW + 50 * MADE_DAY;
    CHECK_TEXT(dates_verdict(0, end, end), "");
    CHECK_TEXT(dates_verdict(0, end, end + 1), "end against served");
    CHECK_TEXT(dates_verdict(0, end, MADE_NOW - 1), "");
}

static void authorities_and_other_uses_are_refused(void)
{
    CHECK_TEXT(verdict((struct recipe){.ca = true, .usage = "serverAuth"}, rules_for("shop.example.com")),
               "authority");
    CHECK_TEXT(verdict((struct recipe){.usage = "clientAuth"}, rules_for("shop.example.com")), "server use");
    CHECK_TEXT(verdict((struct recipe){.usage = "codeSigning,emailProtection"},
                       rules_for("shop.example.com")),
               "server use");
}

static void a_revoked_serial_is_refused(void)
{
    struct acceptance rules = rules_for("shop.example.com");
    rules.revoked_serials = list_of("1 00ABCDE");
    CHECK_TEXT(verdict((struct recipe){.serial = 0xabcde}, rules), "revoked");
    CHECK_TEXT(verdict((struct recipe){.serial = 0xabcdef}, rules), "");
}

static void what_else_came_is_looked_at(void)
{
    struct acceptance rules = rules_for("shop.example.com");
    struct x509_bundle bundle = delivered((struct recipe){0}), bent = bundle;
    bent.chain = arena_printf(arena, "%s%s", bundle.chain, made_key_pem(our_key, arena));
    bent.fullchain = arena_printf(arena, "%s%s", bundle.leaf, bent.chain);
    CHECK_TEXT(verdict_on(&bent, &rules), "content");
    bent = bundle;
    bent.fullchain = bundle.chain;
    CHECK_TEXT(verdict_on(&bent, &rules), "content");
    bent = bundle;
    bent.chain = arena_printf(arena, "%s%s", bundle.chain, bundle.chain);
    bent.fullchain = arena_printf(arena, "%s%s", bundle.leaf, bent.chain);
    CHECK_TEXT(verdict_on(&bent, &rules), "duplicates");
    bent.chain = "";
    for (int i = 0; i < 10; i++)
        bent.chain = arena_printf(arena, "%s%s", bent.chain, bundle.chain);
    bent.fullchain = arena_printf(arena, "%s%s", bundle.leaf, bent.chain);
    CHECK_TEXT(verdict_on(&bent, &rules), "count");
    bent = bundle;
    bent.leaf = "nothing";
    CHECK_TEXT(verdict_on(&bent, &rules), "content");
}

static void the_chain_must_lead_to_a_root(void)
{
    struct acceptance rules = rules_for("shop.example.com");
    struct x509_bundle bundle = delivered((struct recipe){0}), bent = bundle;
    bent.chain = "";
    bent.fullchain = bundle.leaf;
    CHECK_TEXT(verdict_on(&bent, &rules), "chain");
    rules.trust_roots = (struct string_list){0};
    CHECK_TEXT(verdict_on(&bundle, &rules), "chain");
    struct made impostor = make_x509((struct recipe){.cn = "Issuing CA", .ca = true});
    CHECK_TEXT(verdict((struct recipe){.issuer = &impostor}, rules_for("shop.example.com")), "chain");
    unmake_x509(impostor);
    rules = rules_for("shop.example.com"); /* the authority's own end counts too */
    rules.now = MADE_NOW + 91 * MADE_DAY;
    CHECK_TEXT(verdict((struct recipe){.not_after = MADE_NOW + 200 * MADE_DAY}, rules), "chain");
}

static void the_checks_have_words(void)
{
    size_t count = 0;
    while (certificate_accept_check(count) != NULL)
        count++;
    CHECK_INT(count, 14);
}

int main(void)
{
    arena = arena_create();
    root = make_x509((struct recipe){.cn = "Root", .ca = true, .not_after = MADE_NOW + 900LL * MADE_DAY});
    issuing = make_x509((struct recipe){.cn = "Issuing CA", .ca = true, .issuer = &root});
    our_key = made_key();
    RUN(what_was_ordered_is_accepted);
    RUN(another_key_is_refused);
    RUN(a_note_beside_the_certificate_is_not_believed);
    RUN(weak_keys_are_refused);
    RUN(every_ordered_name_must_be_there);
    RUN(no_other_name_may_be_there);
    RUN(the_www_twin_may_be_added_where_the_product_does);
    RUN(the_bare_domain_of_a_wildcard_may_be_added_where_the_product_does);
    RUN(it_has_begun_or_does_within_minutes);
    RUN(it_lives_longer_than_a_day_and_than_what_is_served);
    RUN(authorities_and_other_uses_are_refused);
    RUN(a_revoked_serial_is_refused);
    RUN(what_else_came_is_looked_at);
    RUN(the_chain_must_lead_to_a_root);
    RUN(the_checks_have_words);
    unmake_x509(root);
    unmake_x509(issuing);
    EVP_PKEY_free(our_key);
    arena_destroy(arena);
    return CHECK_REPORT();
}
