#include "base/x509.h"

#include "base/arena.h"
#include "base/error.h"
#include "check.h"
#include "make_x509.h"

static struct arena *arena;
/* root -> middle -> issuing -> leaf, made once */
static struct made root, middle, issuing, leaf;
static char *root_pem, *middle_pem, *issuing_pem, *leaf_pem, *leaf_id;

static struct span span_text(const char *text) { return span_of(text, strlen(text)); }
static char *glue(const char *a, const char *b) { return arena_printf(arena, "%s%s", a, b); }

static struct x509_bundle assembled(const char *const *texts, size_t count)
{
    struct error err = {0};
    struct x509_bundle bundle;
    struct span spans[24];
    for (size_t i = 0; i < count; i++)
        spans[i] = span_text(texts[i]);
    CHECK_OK(x509_assemble(spans, count, leaf_id, arena, &bundle, &err), err);
    return bundle;
}
#define ASSEMBLED(...) assembled((const char *[]){__VA_ARGS__}, COUNT_OF(((const char *[]){__VA_ARGS__})))

static const char *refused(enum error_kind kind, const char *text)
{
    struct error err = {0};
    struct x509_bundle bundle;
    struct span span = span_text(text);
    CHECK(!x509_assemble(&span, 1, leaf_id, arena, &bundle, &err));
    CHECK_INT(err.kind, kind);
    return arena_strdup(arena, err.message);
}

static void check_usual(struct x509_bundle bundle)
{
    CHECK_TEXT(bundle.leaf, leaf_pem);
    CHECK_TEXT(bundle.chain, glue(issuing_pem, middle_pem));
    CHECK_TEXT(bundle.fullchain, arena_printf(arena, "%s%s%s", leaf_pem, issuing_pem, middle_pem));
    CHECK_INT(bundle.chain_count, 2);
    CHECK_TEXT(bundle.info.subject_cn, "shop.example.com");
}

static void the_order_of_delivery_does_not_matter(void)
{
    check_usual(ASSEMBLED(leaf_pem, issuing_pem, middle_pem));
    check_usual(ASSEMBLED(middle_pem, leaf_pem, issuing_pem));
    check_usual(ASSEMBLED(middle_pem, issuing_pem, leaf_pem));
    check_usual(ASSEMBLED(glue(middle_pem, glue(leaf_pem, issuing_pem))));
}

static void roots_and_repeats_are_dropped(void)
{
    check_usual(ASSEMBLED(root_pem, leaf_pem, issuing_pem, middle_pem, root_pem));
    check_usual(ASSEMBLED(leaf_pem, glue(issuing_pem, glue(middle_pem, root_pem)), issuing_pem, middle_pem,
                          leaf_pem));
}

static void pkcs7_is_unwrapped_in_both_dresses(void)
{
    const struct made *all[] = {&root, &middle, &leaf, &issuing};
    check_usual(ASSEMBLED(made_pkcs7(all, 4, false, arena)));
    check_usual(ASSEMBLED(made_pkcs7(all, 4, true, arena)));
    check_usual(ASSEMBLED(leaf_pem, made_pkcs7(all, 4, false, arena)));
    char *renamed =
        arena_printf(arena, "-----BEGIN CMS%s", strstr(made_pkcs7(all, 4, false, arena), "PKCS7") + 5);
    memcpy(strstr(renamed, "END PKCS7"), "END CMS-----\n\0", 14);
    check_usual(ASSEMBLED(renamed));
}

static void carriage_returns_and_words_around_are_fine(void)
{
    struct buffer text = {0};
    buffer_puts(&text, "Bag Attributes\r\n    friendlyName: shop\r\nsubject=CN = shop\r\n");
    for (const char *at = glue(leaf_pem, glue(issuing_pem, middle_pem)); *at != '\0'; at++) {
        if (*at == '\n')
            buffer_putc(&text, '\r');
        buffer_putc(&text, *at);
    }
    check_usual(ASSEMBLED(buffer_text(&text)));
    buffer_release(&text);
}

static void strangers_are_dropped(void)
{
    struct made other = make_x509((struct recipe){.cn = "Other CA", .ca = true});
    struct made stranger = make_x509((struct recipe){.cn = "other.example.com", .issuer = &other});
    struct made sister =
        make_x509((struct recipe){.cn = "Issuing CA", .ca = true, .issuer = &middle}); /* same name */
    check_usual(ASSEMBLED(made_pem(&other, arena), made_pem(&stranger, arena), made_pem(&sister, arena),
                          leaf_pem, issuing_pem, middle_pem));
    unmake_x509(other);
    unmake_x509(stranger);
    unmake_x509(sister);
}

static void a_cross_certificate_is_used_only_without_its_root(void)
{
    struct made old = make_x509((struct recipe){.cn = "Old Root", .ca = true});
    struct made cross = make_x509((struct recipe){.cn = "Root", .ca = true, .issuer = &old, .key = root.key});
    char *cross_pem = made_pem(&cross, arena), *old_pem = made_pem(&old, arena);
    /* the root itself is there: the path ends, and the cross certificate is not on it */
    check_usual(ASSEMBLED(cross_pem, leaf_pem, root_pem, issuing_pem, middle_pem, old_pem));
    /* it is not: the vendor means the path through the older root */
    struct x509_bundle bundle = ASSEMBLED(cross_pem, leaf_pem, issuing_pem, middle_pem, old_pem);
    CHECK_TEXT(bundle.chain, arena_printf(arena, "%s%s%s", issuing_pem, middle_pem, cross_pem));
    unmake_x509(old);
    unmake_x509(cross);
}

static void two_authorities_that_certify_each_other_end_the_chain(void)
{
    EVP_PKEY *a = made_key(), *b = made_key();
    struct made self_a = make_x509((struct recipe){.cn = "A", .ca = true, .key = a});
    struct made self_b = make_x509((struct recipe){.cn = "B", .ca = true, .key = b});
    struct made a_by_b = make_x509((struct recipe){.cn = "A", .ca = true, .key = a, .issuer = &self_b});
    struct made b_by_a = make_x509((struct recipe){.cn = "B", .ca = true, .key = b, .issuer = &self_a});
    struct made one = make_x509((struct recipe){.cn = "x.example.com", .key = leaf.key, .issuer = &self_a});
    struct x509_bundle bundle =
        ASSEMBLED(made_pem(&b_by_a, arena), made_pem(&one, arena), made_pem(&a_by_b, arena));
    CHECK_INT(bundle.chain_count, 2);
    struct made all[] = {self_a, self_b, a_by_b, b_by_a, one};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        unmake_x509(all[i]);
    EVP_PKEY_free(a);
    EVP_PKEY_free(b);
}

static void of_two_certificates_of_an_authority_the_longer_lived_is_taken(void)
{
    struct made longer = make_x509((struct recipe){.cn = "Issuing CA",
                                                   .ca = true,
                                                   .key = issuing.key,
                                                   .issuer = &middle,
                                                   .not_after = MADE_NOW + 1000LL * MADE_DAY});
    struct x509_bundle bundle = ASSEMBLED(issuing_pem, made_pem(&longer, arena), leaf_pem, middle_pem);
    CHECK_TEXT(bundle.chain, glue(made_pem(&longer, arena), middle_pem));
    unmake_x509(longer);
}

static void of_two_leaves_of_our_key_the_newer_is_taken(void)
{
    struct made former = make_x509((struct recipe){.cn = "shop.example.com", .san = "DNS:shop.example.com",
                                                   .key = leaf.key, .issuer = &issuing,
                                                   .not_before = MADE_NOW - 300LL * MADE_DAY});
    check_usual(ASSEMBLED(made_pem(&former, arena), leaf_pem, issuing_pem, middle_pem));
    check_usual(ASSEMBLED(leaf_pem, made_pem(&former, arena), issuing_pem, middle_pem));
    unmake_x509(former);
}

static void a_certificate_of_another_key_is_not_ours(void)
{
    struct made former = make_x509((struct recipe){.cn = "shop.example.com", .issuer = &issuing});
    CHECK(strstr(refused(ERROR_NOT_FOUND, glue(made_pem(&former, arena), issuing_pem)), "another key") !=
          NULL);
    struct made authority = make_x509((struct recipe){.cn = "shop.example.com", .ca = true, .key = leaf.key});
    CHECK(strstr(refused(ERROR_NOT_FOUND, made_pem(&authority, arena)), "authorities") != NULL);
    unmake_x509(former);
    unmake_x509(authority);
}

static void nothing_yet_is_no_damage(void)
{
    struct error err = {0};
    struct x509_bundle bundle;
    CHECK(!x509_assemble(NULL, 0, leaf_id, arena, &bundle, &err));
    CHECK_INT(err.kind, ERROR_NOT_FOUND);
    refused(ERROR_NOT_FOUND, "");
    refused(ERROR_NOT_FOUND, " \r\n\t");
}

static void a_private_key_inside_spoils_everything(void)
{
    CHECK(strstr(refused(ERROR_MALFORMED, glue(leaf_pem, made_key_pem(leaf.key, arena))), "private key") !=
          NULL);
    CHECK(strstr(refused(ERROR_MALFORMED, glue(leaf_pem, "-----BEGIN RSA PRIVATE KEY-----\nbroken")),
                 "private key"));
}

static void other_texts_are_refused(void)
{
    refused(ERROR_MALFORMED, "<html><body>Service Unavailable</body></html>");
    refused(ERROR_MALFORMED, "QUJD"); /* base64 of no certificate */
    refused(ERROR_MALFORMED, glue(leaf_pem, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"));
    refused(ERROR_MALFORMED, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    refused(ERROR_MALFORMED, "-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----\n");
    char *cut = arena_strdup(arena, leaf_pem);
    cut[strlen(cut) / 2] = '\0';
    refused(ERROR_MALFORMED, cut);
    char *huge = arena_alloc(arena, 1024 * 1024 + 2);
    memset(huge, 'A', 1024 * 1024 + 1);
    refused(ERROR_MALFORMED, huge);
}

static void more_than_ten_different_certificates_are_refused(void)
{
    char *text = glue(leaf_pem, glue(issuing_pem, middle_pem));
    for (int i = 0; i < 7; i++) {
        struct made other = make_x509((struct recipe){.cn = "Other CA", .ca = true});
        text = glue(text, made_pem(&other, arena));
        unmake_x509(other);
    }
    check_usual(ASSEMBLED(text, text, text)); /* ten, however often */
    CHECK(strstr(refused(ERROR_MALFORMED, glue(text, root_pem)), "more than 10") != NULL);
    refused(ERROR_MALFORMED, arena_printf(arena, "%s%s%s%s%s%s%s", text, text, text, text, text, text, text));
}

static void a_certificate_is_read(void)
{
    struct error err = {0};
    struct x509_info info;
    struct made one = make_x509((struct recipe){
        .cn = "Shop.example.com", .issuer = &issuing, .serial = 0x0abcde, .usage = "serverAuth,clientAuth",
        .san = "DNS:Shop.Example.COM,DNS:*.example.com,IP:192.0.2.1,URI:https://example.com/"});
    CHECK_OK(x509_parse(made_pem(&one, arena), arena, &info, &err), err);
    CHECK_TEXT(info.subject_cn, "Shop.example.com");
    CHECK_TEXT(info.issuer_cn, "Issuing CA");
    CHECK_TEXT(info.serial, "abcde");
    CHECK_TEXT(string_list_join(arena, &info.dns_names, " "), "shop.example.com *.example.com");
    CHECK_INT(info.other_names.count, 2);
    CHECK_TEXT(info.other_names.items[0], "IP Address:192.0.2.1");
    CHECK_INT(info.not_before, MADE_NOW - MADE_DAY);
    CHECK_INT(info.not_after, MADE_NOW + 90 * MADE_DAY);
    CHECK(!info.is_ca && info.server_auth);
    CHECK_TEXT(info.algorithm, "ECDSA");
    CHECK_INT(info.key_size, 256);
    CHECK_TEXT(info.spki_sha256, made_key_id(one.key, arena));
    unsigned char digest[32];
    X509_digest(one.certificate, EVP_sha256(), digest, NULL);
    CHECK_TEXT(info.fingerprint, text_hex(arena, digest, 32));
    unmake_x509(one);

    CHECK_OK(x509_parse(root_pem, arena, &info, &err), err);
    CHECK(info.is_ca);
    EVP_PKEY *curve = EVP_EC_gen("secp256k1");
    one = make_x509((struct recipe){.cn = "a.example.com", .key = curve, .usage = "emailProtection"});
    CHECK_OK(x509_parse(made_pem(&one, arena), arena, &info, &err), err);
    CHECK_TEXT(info.algorithm, "secp256k1");
    CHECK(!info.server_auth);
    EVP_PKEY_free(curve);
    unmake_x509(one);
    CHECK(!x509_parse("none", arena, &info, &err));
    CHECK_INT(err.kind, ERROR_MALFORMED);
}

static void a_name_with_a_zero_inside_is_refused(void)
{
    struct error err = {0};
    struct x509_info info;
    struct made one = make_x509((struct recipe){.cn = "a.example.com"});
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *value = ASN1_IA5STRING_new();
    ASN1_STRING_set(value, "shop.example.com\0.evil.example", 30);
    GENERAL_NAME_set0_value(name, GEN_DNS, value);
    sk_GENERAL_NAME_push(names, name);
    MUST(X509_add1_ext_i2d(one.certificate, NID_subject_alt_name, names, 0, 0) == 1);
    MUST(X509_sign(one.certificate, one.key, EVP_sha256()) > 0);
    GENERAL_NAMES_free(names);
    CHECK(!x509_parse(made_pem(&one, arena), arena, &info, &err));
    CHECK_INT(err.kind, ERROR_MALFORMED);
    unmake_x509(one);
}

static void names_are_covered_as_clients_see_it(void)
{
    const char *items[] = {"shop.example.com", "*.example.org", "*.com"};
    struct x509_info info = {.dns_names = {items, 3}};
    CHECK(x509_covers(&info, "shop.example.com"));
    CHECK(x509_covers(&info, "SHOP.example.com"));
    CHECK(!x509_covers(&info, "a.shop.example.com"));
    CHECK(x509_covers(&info, "a.example.org"));
    CHECK(x509_covers(&info, "*.example.org"));
    CHECK(!x509_covers(&info, "example.org"));
    CHECK(!x509_covers(&info, "a.b.example.org"));
    CHECK(!x509_covers(&info, ".example.org"));
    CHECK(!x509_covers(&info, "example.com"));
    CHECK(!x509_covers(&info, ""));
}

static const char *verify(const char *of, const char *chain, const char *trusted, int64_t at)
{
    struct error err = {0};
    struct string_list roots = {0};
    if (trusted != NULL)
        string_list_push(arena, &roots, trusted);
    if (x509_verify(of, chain, &roots, at, &err))
        return "";
    CHECK_INT(err.kind, ERROR_REFUSED);
    return arena_strdup(arena, err.message);
}

static void a_chain_verifies_against_the_roots_given(void)
{
    char *chain = glue(issuing_pem, middle_pem);
    CHECK_TEXT(verify(leaf_pem, chain, root_pem, MADE_NOW), "");
    CHECK_TEXT(verify(leaf_pem, glue(middle_pem, issuing_pem), glue(middle_pem, root_pem), MADE_NOW), "");
    CHECK(strstr(verify(leaf_pem, chain, NULL, MADE_NOW), "trustRoots") != NULL);
    CHECK(strstr(verify(leaf_pem, issuing_pem, root_pem, MADE_NOW), "Issuing CA") != NULL);
    CHECK(*verify(leaf_pem, "", root_pem, MADE_NOW) != '\0');
    CHECK(*verify(leaf_pem, glue(chain, root_pem), NULL, MADE_NOW) != '\0'); /* its own root proves nothing */
}

static void a_chain_is_verified_at_the_time_given(void)
{
    char *chain = glue(issuing_pem, middle_pem);
    CHECK(strstr(verify(leaf_pem, chain, root_pem, MADE_NOW + 91 * MADE_DAY), "expired") != NULL);
    CHECK(strstr(verify(leaf_pem, chain, root_pem, MADE_NOW - 2 * MADE_DAY), "not yet valid") != NULL);
}

static void weak_links_are_refused(void)
{
    EVP_PKEY *weak = EVP_RSA_gen(1024);
    struct made small =
        make_x509((struct recipe){.cn = "Small CA", .ca = true, .issuer = &root, .key = weak});
    struct made under = make_x509((struct recipe){.cn = "a.example.com", .issuer = &small});
    CHECK(strstr(verify(made_pem(&under, arena), made_pem(&small, arena), root_pem, MADE_NOW), "too weak") !=
          NULL);
    struct made sha1 =
        make_x509((struct recipe){.cn = "a.example.com", .issuer = &root, .digest = EVP_sha1()});
    CHECK(strstr(verify(made_pem(&sha1, arena), "", root_pem, MADE_NOW), "too weak") != NULL);
    struct made mail =
        make_x509((struct recipe){.cn = "a.example.com", .issuer = &root, .usage = "emailProtection"});
    CHECK(strstr(verify(made_pem(&mail, arena), "", root_pem, MADE_NOW), "purpose") != NULL);
    struct made server = make_x509((struct recipe){.cn = "b.example.com", .issuer = &leaf});
    CHECK(*verify(made_pem(&server, arena), arena_printf(arena, "%s%s%s", leaf_pem, issuing_pem, middle_pem),
                  root_pem, MADE_NOW) != '\0'); /* a leaf is no authority */
    struct made all[] = {small, under, sha1, mail, server};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        unmake_x509(all[i]);
    EVP_PKEY_free(weak);
}

static void a_root_that_cannot_be_read_is_the_operators_matter(void)
{
    struct error err = {0};
    struct string_list roots = {0};
    string_list_push(arena, &roots, "nothing");
    CHECK(!x509_verify(leaf_pem, "", &roots, MADE_NOW, &err));
    CHECK_INT(err.kind, ERROR_CONFIG);
    CHECK(!x509_verify("nothing", "", NULL, MADE_NOW, &err));
    CHECK_INT(err.kind, ERROR_MALFORMED);
}

int main(void)
{
    arena = arena_create();
    int64_t far = MADE_NOW + 900LL * MADE_DAY;
    root = make_x509((struct recipe){.cn = "Root", .ca = true, .not_after = far});
    middle = make_x509((struct recipe){.cn = "Middle CA", .ca = true, .issuer = &root, .not_after = far});
    issuing = make_x509((struct recipe){.cn = "Issuing CA", .ca = true, .issuer = &middle, .not_after = far});
    leaf = make_x509(
        (struct recipe){.cn = "shop.example.com", .san = "DNS:shop.example.com", .issuer = &issuing});
    root_pem = made_pem(&root, arena);
    middle_pem = made_pem(&middle, arena);
    issuing_pem = made_pem(&issuing, arena);
    leaf_pem = made_pem(&leaf, arena);
    leaf_id = made_key_id(leaf.key, arena);
    RUN(the_order_of_delivery_does_not_matter);
    RUN(roots_and_repeats_are_dropped);
    RUN(pkcs7_is_unwrapped_in_both_dresses);
    RUN(carriage_returns_and_words_around_are_fine);
    RUN(strangers_are_dropped);
    RUN(a_cross_certificate_is_used_only_without_its_root);
    RUN(two_authorities_that_certify_each_other_end_the_chain);
    RUN(of_two_certificates_of_an_authority_the_longer_lived_is_taken);
    RUN(of_two_leaves_of_our_key_the_newer_is_taken);
    RUN(a_certificate_of_another_key_is_not_ours);
    RUN(nothing_yet_is_no_damage);
    RUN(a_private_key_inside_spoils_everything);
    RUN(other_texts_are_refused);
    RUN(more_than_ten_different_certificates_are_refused);
    RUN(a_certificate_is_read);
    RUN(a_name_with_a_zero_inside_is_refused);
    RUN(names_are_covered_as_clients_see_it);
    RUN(a_chain_verifies_against_the_roots_given);
    RUN(a_chain_is_verified_at_the_time_given);
    RUN(weak_links_are_refused);
    RUN(a_root_that_cannot_be_read_is_the_operators_matter);
    unmake_x509(root);
    unmake_x509(middle);
    unmake_x509(issuing);
    unmake_x509(leaf);
    arena_destroy(arena);
    return CHECK_REPORT();
}
