#include "make_manifest.h"
#include "table_cover.h"

#include "base/error.h"
#include "schema/certificate.h"
#include "schema/deploy_target.h"
#include "schema/dns_account.h"
#include "schema/issuer.h"
#include "schema/organization.h"
#include "schema/yaml.h"

static struct arena *arena;
static struct resource_list good, broken;
static struct problem_list problems;

static bool decode_bytes(const char *text, size_t length)
{
    good = broken = (struct resource_list){0};
    problems = (struct problem_list){.arena = arena};
    return manifest_decode("a.yaml", text, length, arena, &good, &broken, &problems);
}
static bool decode(const char *text) { return decode_bytes(text, strlen(text)); }

static void show_problems(const char *text)
{
    struct buffer line = {0};
    for (size_t i = 0; i < problems.count; i++) {
        buffer_clear(&line);
        problem_print(&problems.items[i], &line);
        fprintf(stderr, "%s\n", buffer_text(&line));
    }
    if (problems.errors > 0)
        fprintf(stderr, "%s\n", text);
    buffer_release(&line);
}

#define HEAD(kind) "apiVersion: certwright/v1alpha1\nkind: " kind "\nmetadata: {name: shop}\n"
#define CERTIFICATE(spec) HEAD("Certificate") "spec:\n  order: {product: positivessl}\n" spec

static const struct certificate *certificate(const char *text)
{
    if (!decode(text))
        show_problems(text);
    CHECK_INT(good.count, 1);
    return good.items[0].certificate;
}

/* The only error, with its code, place and hint (NULL: any). */
static void check_error(const char *text, const char *code, int line, int column, const char *hint)
{
    bool ok = decode(text);
    if (problems.errors != 1)
        show_problems(text);
    CHECK(!ok);
    CHECK_INT(problems.errors, 1);
    const struct problem *problem = &problems.items[problems.count - 1];
    CHECK_TEXT(problem->code, code);
    CHECK_INT(problem->position.line, line);
    CHECK_INT(problem->position.column, column);
    if (hint != NULL) {
        if (problem->hint == NULL || strstr(problem->hint, hint) == NULL)
            fprintf(stderr, "%s (%s)\n", problem->message, problem->hint);
        CHECK(problem->hint != NULL && strstr(problem->hint, hint) != NULL);
    }
}

/* ---- round trips ---- */

static void check_round_trip(const char *text, struct buffer *json)
{
    bool ok = decode(text);
    if (!ok)
        show_problems(text);
    CHECK(ok);
    struct resource first = good.items[0];
    buffer_clear(json);
    manifest_encode_json(&first, 0, json);
    struct buffer again = {0}, yaml = {0};
    ok = decode(buffer_text(json));
    if (!ok)
        show_problems(buffer_text(json));
    CHECK(ok);
    manifest_encode_json(&good.items[0], 2, &again);
    CHECK(memcmp(good.items[0].digest, first.digest, 32) == 0);
    manifest_encode_yaml(&good.items[0], &yaml);
    ok = decode(buffer_text(&yaml));
    if (!ok)
        show_problems(buffer_text(&yaml));
    CHECK(ok);
    CHECK(memcmp(good.items[0].digest, first.digest, 32) == 0);
    buffer_clear(&again);
    manifest_encode_json(&good.items[0], 0, &again);
    CHECK_TEXT(buffer_text(&again), buffer_text(json));
    buffer_release(&again);
    buffer_release(&yaml);
}

struct sweep {
    enum resource_kind kind;
    struct buffer text, json;
    int count;
};

static void check_path(const char *path, void *arg)
{
    struct sweep *sweep = arg;
    struct error err;
    make_manifest(sweep->kind, path, &sweep->text);
    check_round_trip(buffer_text(&sweep->text), &sweep->json);
    /* and the field is still there, as it was given or in its canonical form */
    AUTO(json) struct json *document = json_parse(buffer_text(&sweep->json), sweep->json.length, &err);
    const struct json *value = json_member(document, "spec");
    for (char *part = strtok(arena_strdup(arena, path), "."); part != NULL; part = strtok(NULL, ".")) {
        if (json_is_array(value))
            value = json_first(value);
        value = json_member(value, part);
    }
    const struct field *field = field_find(manifest_spec_table(sweep->kind), path, NULL);
    bool empty_object = field->type == FIELD_OBJECT; /* with nothing that must be in it, it may go */
    if (value == NULL && !empty_object)
        fprintf(stderr, "%s: %s is lost in %s\n", resource_kind_name(sweep->kind), path, buffer_text(&sweep->json));
    CHECK(value != NULL || empty_object);
    sweep->count++;
}

static void every_field_comes_back(void)
{
    struct sweep sweep = {0};
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        sweep.kind = (enum resource_kind)kind;
        each_path(manifest_spec_table(sweep.kind), "", check_path, &sweep);
        make_manifest(sweep.kind, NULL, &sweep.text);
        check_round_trip(buffer_text(&sweep.text), &sweep.json);
    }
    CHECK(sweep.count > 100);
    buffer_release(&sweep.text);
    buffer_release(&sweep.json);
}

static void each_field_changes_the_digest_and_shows_as_a_change(void)
{
    struct buffer text = {0};
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        make_manifest((enum resource_kind)kind, "nothing", &text);
        CHECK(decode(buffer_text(&text)));
        unsigned char plain[32];
        memcpy(plain, good.items[0].digest, sizeof plain);
        make_manifest((enum resource_kind)kind, NULL, &text);
        CHECK(decode(buffer_text(&text)));
        CHECK(memcmp(plain, good.items[0].digest, sizeof plain) != 0);
    }
    buffer_release(&text);
}

static void every_member_has_a_field(void)
{
    for (int kind = 0; kind < KIND_COUNT; kind++)
        CHECK_INT(cover_missing(manifest_spec_table((enum resource_kind)kind)), 0);
}

static void every_field_is_explained(void)
{
    for (int kind = 0; kind < KIND_COUNT; kind++)
        for (size_t i = 0; i < manifest_spec_table((enum resource_kind)kind)->count; i++)
            CHECK(manifest_spec_table((enum resource_kind)kind)->fields[i].doc != NULL);
}

/* ---- meaning ---- */

static void defaults_are_filled_in(void)
{
    const struct certificate *c = certificate(CERTIFICATE("  dnsNames: [a.example.com]\n"));
    CHECK(c->common_name == NULL);
    CHECK_TEXT(certificate_main_name(c), "a.example.com");
    CHECK_INT(c->order.term_months, 12);
    CHECK_INT(c->order.server_count, 1);
    CHECK_TEXT(c->order.web_server_type, "Other");
    CHECK_TEXT(c->order.special_instructions, "");
    CHECK_TEXT(c->order.email_language, "EN");
    CHECK_INT(c->private_key.algorithm, KEY_RSA);
    CHECK_INT(c->private_key.size, 2048);
    CHECK_INT(c->dcv.settings.method, DCV_DNS);
    CHECK(c->csr == NULL && c->issuer_ref.name == NULL && c->csr_secret_ref.name == NULL);
    CHECK_TEXT(good.items[0].namespace_, "default");
    c = certificate(CERTIFICATE("  dnsNames: [a.example.com]\n  privateKey: {algorithm: ECDSA}\n"));
    CHECK_INT(c->private_key.size, 256);
    CHECK(decode(HEAD("DeployTarget") "spec: {local: {root: nginx}}\n"));
    const struct deploy_target *target = good.items[0].deploy_target;
    CHECK_INT(target->mode, 0600);
    CHECK_INT(target->probe.timeout_s, 60);
    CHECK(target->probe.address == NULL && target->challenge_http.root == NULL);
    CHECK_TEXT(target->challenge_http.webroot, "");
    CHECK_TEXT(target->path, "{namespace}/{name}");
    CHECK(decode(HEAD("Issuer") "spec: {sslstore: {partnerCode: '1', authTokenSecretRef: {name: a, key: b}}}\n"));
    CHECK(good.items[0].issuer->enabled);
    CHECK_TEXT(good.items[0].issuer->sslstore.environment, "Live");
}

static void unions_are_chosen_by_member(void)
{
    CHECK(decode(HEAD("DNSAccount") "spec: {manual: {}}\n"));
    CHECK_INT(good.items[0].dns_account->provider, DNS_PROVIDER_MANUAL);
    CHECK_INT(good.items[0].dns_account->propagation.timeout_s, 600);
    CHECK(decode(HEAD("DNSAccount") "spec:\n  rfc2136:\n    nameserver: 192.0.2.53\n    zones: [{name: b.example.org.}]\n"));
    const struct dns_account *account = good.items[0].dns_account;
    CHECK_INT(account->provider, DNS_PROVIDER_RFC2136);
    CHECK_INT(account->rfc2136.tsig_algorithm, TSIG_HMAC_SHA256);
    CHECK_INT(account->rfc2136.zones[0].tsig_algorithm, -1);
    CHECK_TEXT(account->rfc2136.zones[0].name, "b.example.org");
    check_error(HEAD("DNSAccount") "spec:\n  manual: {}\n  rfc2136: {nameserver: 192.0.2.53}\n", "one-of", 6, 3, NULL);
    check_error(HEAD("DNSAccount") "spec:\n  manual:\n", "empty-value", 5, 10, "{}");
    check_error(HEAD("DNSAccount") "spec: {}\n", "one-of", 4, 1, NULL);
}

static void names_are_canonical_and_the_common_name_is_among_them(void)
{
    const struct certificate *c = certificate(CERTIFICATE(
        "  commonName: Shop.Example.COM.\n  dnsNames: [B.example.com, bücher.example, b.example.com., '*.C.example.com']\n"));
    CHECK_TEXT(c->common_name, "shop.example.com");
    CHECK_INT(c->dns_names.count, 4);
    CHECK_TEXT(c->dns_names.items[0], "shop.example.com");
    CHECK_TEXT(c->dns_names.items[1], "b.example.com");
    CHECK_TEXT(c->dns_names.items[2], "xn--bcher-kva.example");
    CHECK_TEXT(c->dns_names.items[3], "*.c.example.com");
    c = certificate(CERTIFICATE("  commonName: a.example.com\n"));
    CHECK_INT(c->dns_names.count, 1);
    CHECK_TEXT(c->dns_names.items[0], "a.example.com");
}

static void check_same_digest(const char *one, const char *two, bool same)
{
    unsigned char first[32];
    certificate(one);
    memcpy(first, good.items[0].digest, sizeof first);
    certificate(two);
    CHECK((memcmp(first, good.items[0].digest, sizeof first) == 0) == same);
}

static void a_cosmetic_edit_is_no_change(void)
{
    const char *base = CERTIFICATE("  dnsNames: [a.example.com, b.example.com, bücher.example]\n"
                                   "  targets: [{name: x}, {name: y}]\n");
    check_same_digest(base, CERTIFICATE("  # a comment\n  targets:\n  - name: y\n  - name: x\n  - name: y\n"
                                        "  dnsNames:\n  - XN--BCHER-KVA.example\n  - B.example.com.\n  - a.example.com\n"
                                        "  - b.EXAMPLE.com\n  suspend: false\n  dcv: {method: DNS}\n"
                                        "  privateKey: {size: 0x800}\n"), true);
    check_same_digest(base, "{\"kind\":\"Certificate\",\"spec\":{\"dnsNames\":[\"b\\u00fccher.example\",\"b.example.com\","
                            "\"a.example.com\"],\"targets\":[{\"name\":\"x\"},{\"name\":\"y\"}],"
                            "\"order\":{\"term\":\"1y\",\"product\":\"PositiveSSL\"}},\"metadata\":{\"namespace\":\"other\","
                            "\"name\":\"elsewhere\"},\"apiVersion\":\"certwright/v1alpha1\"}", true);
    check_same_digest(base, CERTIFICATE("  dnsNames: [a.example.com, b.example.com]\n"
                                        "  targets: [{name: x}, {name: y}]\n"), false);
    check_same_digest("apiVersion: certwright/v1alpha1\nkind: Certificate\nmetadata: {name: a, labels: {b: x, a: y}}\n"
                      "spec: {dnsNames: [a.example.com], order: {product: positivessl}}\n",
                      "apiVersion: certwright/v1alpha1\nkind: Certificate\nmetadata: {labels: {a: y, b: x}, name: a}\n"
                      "spec: {dnsNames: [a.example.com], order: {product: positivessl}}\n", true);
    check_same_digest("apiVersion: certwright/v1alpha1\nkind: Certificate\nmetadata: {name: a, labels: {b: x}}\n"
                      "spec: {dnsNames: [a.example.com], order: {product: positivessl}}\n",
                      CERTIFICATE("  dnsNames: [a.example.com]\n"), false);
}

static void validation_settings_are_per_name(void)
{
    const struct certificate *c = certificate(CERTIFICATE(
        "  dnsNames: [a.example.com, b.example.com]\n  dcv:\n    dns: {accountRef: {name: corp}}\n    overrides:\n"
        "    - dnsNames: [B.example.com]\n      method: Email\n      email: {approver: admin@B.example.com}\n"));
    CHECK_INT(certificate_dcv(c, "a.example.com")->method, DCV_DNS);
    CHECK_TEXT(certificate_dcv(c, "a.example.com")->dns.account_ref.name, "corp");
    CHECK_INT(certificate_dcv(c, "b.example.com")->method, DCV_EMAIL);
    CHECK_TEXT(certificate_dcv(c, "b.example.com")->email.approver, "admin@b.example.com");
    CHECK_INT(c->dcv.overrides[0].position.line, 10);
    CHECK_TEXT(dcv_method_name(DCV_HTTPS), "HTTPS");
    check_error(CERTIFICATE("  dnsNames: [a.example.com]\n  dcv: {dns: {manual: true, accountRef: {name: x}}}\n"),
                "not-together", 7, 23, NULL);
}

static void keys_and_requests_exclude_each_other(void)
{
    const struct certificate *c = certificate(CERTIFICATE(
        "  dnsNames: [a.example.com]\n  privateKey: {secretRef: {name: k, key: tls.key}}\n"));
    CHECK_TEXT(c->private_key.secret_ref.key, "tls.key");
    CHECK_INT(c->private_key.secret_ref.position.line, 7);
    c = certificate(CERTIFICATE("  dnsNames: [a.example.com]\n  csrSecretRef: {name: k, key: csr}\n"));
    CHECK_TEXT(c->csr_secret_ref.name, "k");
    check_error(CERTIFICATE("  dnsNames: [a.example.com]\n  csrSecretRef: {name: k, key: csr}\n  privateKey: {size: 2048}\n"),
                "not-together", 8, 3, NULL);
    check_error(CERTIFICATE("  dnsNames: [a.example.com]\n  privateKey: {secretRef: {name: k, key: c}, size: 2048}\n"),
                "not-together", 7, 46, NULL);
    check_error(CERTIFICATE("  dnsNames: [a.example.com]\n  privateKey: {algorithm: ECDSA, size: 2048}\n"), "key-size", 7,
                40, NULL);
    check_error(CERTIFICATE("  dnsNames: [a.example.com]\n  privateKey: {algorithm: EC, size: 256}\n"), "bad-value", 7, 27,
                "ECDSA");
}

/* ---- what is wrong, and where ---- */

static void errors_say_where_and_what_to_do(void)
{
    check_error(CERTIFICATE("  dnsName: [a.example.com]\n  commonName: a.example.com\n"), "unknown-field", 6, 3, "dnsNames");
    check_error(CERTIFICATE("  commonName: a.example.com\n  method: HTTP\n"), "unknown-field", 7, 3, "dcv.method");
    check_error(CERTIFICATE("  commonName: a.example.com\n  dcv:\n    targets: []\n"), "unknown-field", 8, 5,
                "belongs to spec");
    check_error(CERTIFICATE("  commonName: a.example.com\n  suspend: yes\n"), "wrong-type", 7, 12, "write true");
    check_error(CERTIFICATE("  commonName: a.example.com\n  suspend: 'true'\n"), "wrong-type", 7, 12, "without quotes");
    check_error(CERTIFICATE("  commonName: a.example.com\n  renewBefore: 30\n"), "wrong-type", 7, 16, "30d");
    check_error(CERTIFICATE("  commonName: a.example.com\n  renewBefore: 10m\n"), "out-of-range", 7, 16, NULL);
    check_error(CERTIFICATE("  commonName: a.example.com\n  renewBeforePercentage: '33'\n"), "wrong-type", 7, 26,
                "remove the quotes");
    check_error(CERTIFICATE("  commonName: a.example.com\n  issuerRef: main\n"), "wrong-type", 7, 14, "write {name: main}");
    check_error(CERTIFICATE("  commonName: a.example.com\n  issuerRef: Main\n"), "wrong-type", 7, 14, "write {name: …}");
    check_error(CERTIFICATE("  commonName: a.example.com\n  issuerRef: [main]\n"), "wrong-type", 7, 14, "write {name: …}");
    check_error(CERTIFICATE("  commonName: a.example.com\n  targets: web\n"), "wrong-type", 7, 12, "write [{name: web}]");
    check_error(CERTIFICATE("  commonName: a.example.com\n  targets: [web]\n"), "wrong-type", 7, 13, "write {name: web}");
    check_error(CERTIFICATE("  commonName: a.example.com\n  csrSecretRef: s3cr3t\n"), "wrong-type", 7, 17,
                "write {name: …, key: …}");
    CHECK(strstr(problems.items[0].message, "s3cr3t") == NULL && strstr(problems.items[0].hint, "s3cr3t") == NULL);
    check_error(CERTIFICATE("  commonName: a.example.com\n  dcv: HTTP\n"), "wrong-type", 7, 8, NULL);
    check_error(CERTIFICATE("  commonName: a.example.com\n  issuerRef: {name: main, kind: Issuer}\n"), "unknown-field", 7, 27,
                NULL);
    check_error(CERTIFICATE("  commonName: a.example.com\n  csrSecretRef: {name: a, key: b, kee: c}\n"), "unknown-field", 7,
                35, "key");
    check_error(CERTIFICATE("  commonName: a.example.com\n  issuerRef: {name: Main}\n"), "bad-value", 7, 21, NULL);
    check_error(CERTIFICATE("  commonName: a.example.com\n  targets: {name: x}\n"), "wrong-type", 7, 3 + 9, NULL);
    check_error(CERTIFICATE("  commonName: |\n    a.example.com\n"), "line-break", 6, 15, "|-");
    check_error(CERTIFICATE("  commonName: ENC[AES256_GCM,data:x]\n"), "encrypted-value", 6, 15, "decrypt");
    check_error(CERTIFICATE("  commonName: 12\n"), "wrong-type", 6, 15, "quote it: \"12\"");
    check_error(CERTIFICATE("  commonName: ''\n"), "empty-value", 6, 15, NULL);
    check_error(CERTIFICATE("  commonName: a.example.com\n  dnsNames:\n"), "empty-value", 7, 12, NULL);
}

static void the_envelope_is_checked(void)
{
    check_error("- a\n", "wrong-type", 1, 1, NULL);
    check_error("kind: Issuer\nmetadata: {name: a}\nspec: {sslstore: {partnerCode: a, authTokenSecretRef: {name: a, key: b}}}\n",
                "missing-field", 1, 1, "certwright/v1alpha1");
    check_error("apiVersion: certwright/v1\nkind: Contact\nmetadata: {name: a}\n"
                "spec: {firstName: a, lastName: b, email: a@example.com, phone: '12345'}\n",
                "bad-value", 1, 13, "did you mean");
    check_error("apiVersion: certwright/v1alpha1\nkind: certificate\nmetadata: {name: a}\nspec: {}\n", "unknown-kind", 2, 7,
                "\"Certificate\"");
    check_error("apiVersion: certwright/v1alpha1\nkind: ControllerConfig\nmetadata: {name: a}\nspec: {}\n", "unknown-kind", 2,
                7, "--config");
    check_error(HEAD("DNSAccount") "spec: {manual: {}}\nnamespace: x\n", "unknown-field", 5, 1, "belongs to metadata");
    check_error(HEAD("DNSAccount") "spec: {manual: {}}\nzones: []\n", "unknown-field", 5, 1, "belongs to spec");
    CHECK(decode(HEAD("DNSAccount") "spec: {manual: {}}\nstatus: {anything: [1]}\nsops: {mac: 'ENC[x]'}\n"));
    CHECK_INT(problems.count, 1);
    CHECK_INT(problems.items[0].severity, SEVERITY_WARNING);
    CHECK_TEXT(problems.items[0].code, "status-ignored");
    CHECK_INT(problems.items[0].position.line, 5);
}

static void all_errors_come_at_once_and_good_documents_stay(void)
{
    const char *text = HEAD("DNSAccount") "spec: {manual: {}}\n---\n" HEAD("Certificate")
        "spec:\n  dnsNames: ['bad_name.example', ok.example.com, '-x.example']\n  order: {term: 99}\n  suspend: on\n---\n"
        HEAD("Contact") "spec: [1\n---\n" HEAD("DNSAccount") "spec: {manual: {}}\n";
    CHECK(!decode(text));
    CHECK_INT(good.count, 2);
    CHECK_INT(broken.count, 2);
    CHECK_INT(broken.items[0].kind, KIND_CERTIFICATE);
    CHECK_TEXT(broken.items[0].name, "shop");
    CHECK_TEXT(broken.items[0].namespace_, "default");
    CHECK_INT(broken.items[0].position.line, 7);
    CHECK_INT(broken.items[1].kind, KIND_CONTACT);
    CHECK_INT(problems.errors, 6);
    size_t named = 0;
    for (size_t i = 0; i < problems.count; i++)
        named += text_equal(problems.items[i].resource, "certificate/shop");
    CHECK_INT(named, 5);
    CHECK_INT(good.items[1].position.line, 20);
}

static void references_keep_their_places(void)
{
    const struct certificate *c = certificate(CERTIFICATE("  commonName: a.example.com\n  issuerRef: {name: main}\n"
                                                          "  targets:\n  - name: one\n  - name: two\n"
                                                          "  targetSelector: {matchLabels: {b: c, a: b}}\n"));
    CHECK_INT(c->issuer_ref.position.line, 7);
    CHECK_TEXT(c->issuer_ref.position.file, "a.yaml");
    CHECK_INT(c->targets.items[1].position.line, 10);
    CHECK_TEXT(c->target_selector.items[0].name, "a");
    CHECK(good.items[0].spec_node != NULL);
    CHECK_INT(yaml_member(good.items[0].spec_node, "targets")->line, 9);
}

static void a_name_in_two_zones_and_paths_are_checked(void)
{
    check_error(HEAD("DNSAccount") "spec:\n  rfc2136:\n    nameserver: 192.0.2.1\n    zones: [{name: a.de}, {name: A.de}]\n",
                "twice", 7, 5, NULL);
    check_error(HEAD("DNSAccount") "spec: {rfc2136: {nameserver: 'not a host'}}\n", "bad-value", 4, 30, NULL);
    check_error(HEAD("DeployTarget") "spec: {local: {root: a}, challenge: {http: {root: w, webroot: ../x}}}\n", "bad-value",
                4, 63, NULL);
    check_error(HEAD("DeployTarget") "spec: {local: {root: a}, probe: {address: localhost}}\n", "bad-value", 4, 43, NULL);
    check_error(HEAD("DeployTarget") "spec: {local: {root: a}, mode: '0666'}\n", "bad-value", 4, 32, NULL);
}

int main(void)
{
    arena = arena_create();
    RUN(every_field_comes_back);
    RUN(each_field_changes_the_digest_and_shows_as_a_change);
    RUN(every_member_has_a_field);
    RUN(every_field_is_explained);
    RUN(defaults_are_filled_in);
    RUN(unions_are_chosen_by_member);
    RUN(names_are_canonical_and_the_common_name_is_among_them);
    RUN(a_cosmetic_edit_is_no_change);
    RUN(validation_settings_are_per_name);
    RUN(keys_and_requests_exclude_each_other);
    RUN(errors_say_where_and_what_to_do);
    RUN(the_envelope_is_checked);
    RUN(all_errors_come_at_once_and_good_documents_stay);
    RUN(references_keep_their_places);
    RUN(a_name_in_two_zones_and_paths_are_checked);
    arena_destroy(arena);
    return CHECK_REPORT();
}
