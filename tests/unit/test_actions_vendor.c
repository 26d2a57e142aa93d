/* The order protocol's outside calls, part `act`, upon a vendor that answers from a script (sslstore_stand_in.h): what a request is made
 * of, what a look-up brings home, and that no answer is taken for more than it says. */
#include "actions_check.h"

#include <sys/stat.h>

#include "base/csr.h"
#include "base/http.h"
#include "base/key.h"
#include "base/log.h"
#include "base/secret.h"
#include "scratch.h"
#include "sslstore_stand_in.h"

static char folder[96]; /* the operator's secrets */
static struct context ctx;
static struct operator_config config;
static struct endpoint endpoint;
static struct outcome out;
static struct error err;

#define ABSENT "{'AuthResponse':{'isError':true,'Message':['Order not found']}}"
#define TOKEN_BAD "{'AuthResponse':{'isError':true,'Message':['ErrorCode:-9008|Message:Token/Authentication Failure']}}"
#define CREDENTIALS_FINE "{'isError':false,'ReplayToken':'%R'}"

static void write_secret(const char *name, const char *key, const char *text)
{
    const char *path = arena_printf(arena, "%s/%s/%s", folder, name, key);
    mkdir(arena_printf(arena, "%s/%s", folder, name), 0700);
    unlink(path);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0 && chmod(path, 0400) == 0);
}

/* A certificate as `manifests` want it, at an issuer account that leads to the script. */
static void face(const char *manifests)
{
    begin(manifests);
    write_secret("s", "k", "s3cr3t-t0ken\n");
    endpoint = (struct endpoint){.name = "offline", .url = arena_printf(arena, "http://127.0.0.1:%d/rest/", far.port),
                                 .sandbox = true};
    config = made_config;
    config.secrets_directory = folder;
    config.endpoints = &endpoint;
    config.endpoint_count = 1;
    ctx.config = made.view.config = &config;
    ctx.arena = arena;
    made.view.account.endpoint = &endpoint;
}

static bool act(enum action action)
{
    struct step step = step_of(action);
    out = (struct outcome){0};
    err = (struct error){0};
    return certificate_action(action)->act(&ctx, &made.view, &step, &out, &err);
}

/* The body of the n-th question. */
static const char *asked(int n)
{
    pthread_mutex_lock(&far.lock);
    const char *text = n < far.count ? arena_strdup(arena, far.asked[n]) : "";
    pthread_mutex_unlock(&far.lock);
    return text;
}

static const char *vendors(const char *number, const char *id, const char *product, const char *name)
{
    return arena_printf(arena, "{%s,'TheSSLStoreOrderID':'%s','CustomOrderID':'%s','ProductCode':'%s','CommonName':'%s',"
                        "'DNSNames':'%s','OrderStatus':{'MajorStatus':'Pending'}}", FINE, number, id, product, name, name);
}

static void no_question_without_credentials(void)
{
    static const enum action all[] = {ACTION_PREPARE, ACTION_SUBMIT, ACTION_LOOK_UP, ACTION_POLL, ACTION_FETCH, ACTION_RESEND};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        face(ONE);
        made_order(&made, ORDER_PLACED);
        made.view.material.request = "frozen";
        unlink(arena_printf(arena, "%s/s/k", folder));
        SCRIPT({.body = CREDENTIALS_FINE});
        CHECK(!act(all[i]));
        CHECK_INT(err.kind, ERROR_CREDENTIAL);
        CHECK_TEXT(asked(0), "");
        CHECK_INT(out.answer, ANSWER_NOT_SENT);
    }
}

static void no_question_without_an_issuer(void)
{
    static const enum action all[] = {ACTION_SUBMIT, ACTION_LOOK_UP, ACTION_POLL, ACTION_FETCH, ACTION_RESEND};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        face(ONE);
        made_order(&made, ORDER_PLACED);
        made.view.material.request = "frozen";
        made.view.order_issuer = NULL;
        SCRIPT({.body = CREDENTIALS_FINE});
        CHECK(!act(all[i]));
        CHECK_INT(err.kind, ERROR_CONFIG);
        CHECK(says(err.message, "issuer/main (partner 1 at "));
        CHECK_TEXT(asked(0), "");
        CHECK_INT(out.answer, ANSWER_NOT_SENT);
    }
    struct issuer_account none;
    CHECK(!issuer_account_open(&ctx, NULL, &none, &err));
    CHECK_INT(err.kind, ERROR_MANIFEST);
}

/* reliability.md F34: what another account does not know of says nothing. */
static void an_order_is_sent_and_looked_for_only_at_its_account(void)
{
    static const enum action all[] = {ACTION_SUBMIT, ACTION_LOOK_UP, ACTION_POLL, ACTION_FETCH, ACTION_RESEND};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        for (int what = 0; what < 3; what++) {
            face(ONE);
            made_order(&made, all[i] == ACTION_SUBMIT ? ORDER_PREPARED : ORDER_UNKNOWN);
            made.view.material.request = "frozen";
            *(what == 0   ? &made.order->issuer
              : what == 1 ? &made.order->endpoint
                          : &made.order->partner_code) = "other";
            SCRIPT({.body = ABSENT}, {.body = "[]"}, {.body = CREDENTIALS_FINE});
            CHECK(!act(all[i]));
            CHECK_INT(err.kind, ERROR_CONFIG);
            CHECK_TEXT(asked(0), "");
            CHECK(!out.found && !out.absent_with_control);
            CHECK_INT(out.answer, ANSWER_NOT_SENT);
        }
}

static void the_account_of_an_order_is_asked_whatever_the_manifest_names(void)
{
    static const char *const partners[] = {"1", ""}; /* a record of a former version has none */
    for (size_t i = 0; i < COUNT_OF(partners); i++) {
        face(ONE);
        made_order(&made, ORDER_UNKNOWN);
        made.order->partner_code = partners[i];
        struct resource *other = arena_memdup(arena, made.view.refs.issuer, sizeof *other);
        struct issuer *spec = arena_memdup(arena, other->issuer, sizeof *spec);
        other->name = "other";
        spec->sslstore.partner_code = "2";
        other->issuer = spec;
        made.view.refs.issuer = other;
        struct issuer_record known = {.control_order = "4711"}, others = {.control_order = "4712"};
        made.view.account.record = &others;
        made.view.order_account = &known;
        SCRIPT({.body = ABSENT}, {.body = "[]"}, {.body = vendors("4711", "x", "positivessl", "y.example.com")});
        CHECK_OK(act(ACTION_LOOK_UP), err);
        CHECK(out.absent_with_control);
        for (int n = 0; n < 3; n++)
            CHECK(says(asked(n), "\"PartnerCode\":\"1\""));
        CHECK(says(asked(2), "4711"));
    }
}

/* ---- PREPARE ---- */

static struct key *new_key(enum key_algorithm algorithm, int size)
{
    struct key *key = key_generate(algorithm, size, &err);
    CHECK_OK(key != NULL, err);
    return key;
}

static char *request_of(const struct key *key, const char *common_name, const char *first, const char *second)
{
    struct csr_subject subject = {.common_name = common_name};
    struct string_list names = {0};
    string_list_push(arena, &names, first);
    if (second != NULL)
        string_list_push(arena, &names, second);
    char *pem = csr_create(key, &subject, &names, arena, &err);
    CHECK_OK(pem != NULL, err);
    return pem;
}

static void a_made_request_is_about_a_new_key_and_the_names(void)
{
    face(MADE_CERTIFICATE("  dnsNames: [www.shop.example.com, shop.example.com]\n  commonName: shop.example.com\n"
                          "  privateKey: {algorithm: ECDSA, size: 256}\n  order: {product: positivemdcssl}\n"));
    CHECK_OK(act(ACTION_PREPARE), err);
    struct csr_info info;
    CHECK_OK(csr_parse(out.csr, arena, &info, &err), err);
    CHECK_TEXT(info.common_name, "shop.example.com");
    CHECK_INT(info.dns_names.count, 2);
    CHECK_TEXT(out.key_algorithm, "ECDSA");
    CHECK_INT(out.key_size, 256);
    CHECK(!out.key_brought);
    CHECK_INT(strlen(out.unique_value), 20);
    struct key *key = key_parse(out.key, &err);
    CHECK_OK(key != NULL, err);
    CHECK_TEXT(key_spki_sha256(key, arena), out.key_id);
    key_destroy(key);
    secret_destroy((struct secret *)out.key);
    /* what is frozen names the common name first, once */
    const char *first = strstr(out.request, "shop.example.com");
    CHECK(first != NULL && strstr(out.request, certificate_custom_order_id(&made.view, 1, arena)) != NULL);
    CHECK(strstr(out.request, "s3cr3t") == NULL);
}

static void an_organization_is_in_the_request_and_in_the_frozen_order(void)
{
    face(MADE_CERTIFICATE("  dnsNames: [shop.example.com]\n  privateKey: {algorithm: ECDSA, size: 256}\n"
                          "  order: {product: sectigoovssl}\n  organizationRef: {name: ltd}\n"
                          "  adminContactRef: {name: petra}\n  technicalContactRef: {name: petra}\n"));
    CHECK_OK(act(ACTION_PREPARE), err);
    CHECK(says(out.request, "Example Ltd") && says(out.request, "petra@example.com") && says(out.request, "Vienna"));
    secret_destroy((struct secret *)out.key);
    /* what the product needs and is missing is said before anything is stored */
    made.view.refs.organization = NULL;
    CHECK(!act(ACTION_PREPARE));
    CHECK_INT(err.kind, ERROR_MANIFEST);
    CHECK(says(err.message, "organizationRef"));
    CHECK(out.request == NULL);
    secret_destroy((struct secret *)out.key);
}

static void a_brought_key_is_used_and_never_kept(void)
{
    struct key *key = new_key(KEY_ECDSA, 256);
    face(MADE_CERTIFICATE("  dnsNames: [shop.example.com]\n  privateKey: {secretRef: {name: ours, key: tls.key}}\n"
                          "  order: {product: positivessl}\n"));
    CHECK(!act(ACTION_PREPARE));
    CHECK(says(err.message, "privateKey.secretRef"));
    write_secret("ours", "tls.key", "no key\n");
    CHECK(!act(ACTION_PREPARE));
    CHECK(says(err.message, "privateKey.secretRef"));
    struct secret *pem = key_pem(key, &err);
    write_secret("ours", "tls.key", secret_bytes(pem));
    secret_destroy(pem);
    CHECK_OK(act(ACTION_PREPARE), err);
    CHECK(out.key_brought);
    CHECK_TEXT(out.key_id, key_spki_sha256(key, arena));
    secret_destroy((struct secret *)out.key);
    key_destroy(key);
}

static void a_brought_request_must_ask_for_what_the_manifest_says(void)
{
    struct key *key = new_key(KEY_RSA, 2048);
    static const struct {
        const char *common_name, *first, *second, *words; /* NULL: fine */
    } cases[] = {
        {"shop.example.com", "shop.example.com", NULL, NULL},
        {"", "shop.example.com", NULL, NULL},
        {"shop.example.com", "shop.example.com", "x.example.com", "names x.example.com, which spec.dnsNames does not"},
        {"x.example.com", "shop.example.com", NULL, "names x.example.com, which spec.dnsNames does not"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        face(MADE_CERTIFICATE("  dnsNames: [shop.example.com]\n  csrSecretRef: {name: ours, key: shop.csr}\n"
                              "  order: {product: positivessl}\n"));
        write_secret("ours", "shop.csr",
                     request_of(key, cases[i].common_name[0] != '\0' ? cases[i].common_name : NULL, cases[i].first, cases[i].second));
        bool ok = act(ACTION_PREPARE);
        if (cases[i].words == NULL) {
            CHECK_OK(ok, err);
            CHECK(out.key == NULL && out.key_brought);
            CHECK_TEXT(out.key_id, key_spki_sha256(key, arena));
            CHECK_TEXT(out.key_algorithm, "RSA");
        } else {
            CHECK(!ok);
            CHECK_INT(err.kind, ERROR_MANIFEST);
            CHECK(says(err.message, cases[i].words));
        }
    }
    /* among several names, the one that is the subject must be the manifest's too */
    face(MADE_CERTIFICATE("  dnsNames: [shop.example.com, b.example.com]\n  csrSecretRef: {name: ours, key: shop.csr}\n"
                          "  order: {product: positivemdcssl}\n"));
    write_secret("ours", "shop.csr", request_of(key, "b.example.com", "shop.example.com", "b.example.com"));
    CHECK(!act(ACTION_PREPARE));
    CHECK(says(err.message, "has the common name b.example.com, the manifest shop.example.com"));
    write_secret("ours", "shop.csr", "-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END CERTIFICATE REQUEST-----\n");
    CHECK(!act(ACTION_PREPARE));
    CHECK(says(err.message, "the request that was brought"));
    unlink(arena_printf(arena, "%s/ours/shop.csr", folder));
    CHECK(!act(ACTION_PREPARE));
    CHECK(says(err.message, "csrSecretRef"));
    key_destroy(key);
}

/* ---- LOOK_UP ---- */

static void look_for(void)
{
    face(ONE);
    made_order(&made, ORDER_UNKNOWN);
}
#define OURS made.order->custom_order_id

static void an_order_is_found_by_our_id(void)
{
    look_for();
    SCRIPT({.body = vendors("77", OURS, "positivessl", "shop.example.com")});
    CHECK_OK(act(ACTION_LOOK_UP), err);
    CHECK(out.found && !out.different && !out.absent_with_control);
    CHECK_TEXT(out.vendor.vendor_order_id, "77");
    CHECK(strstr(asked(0), OURS) != NULL);
    CHECK_TEXT(asked(1), "");
}

static void our_id_on_another_order_is_told(void)
{
    look_for();
    SCRIPT({.body = vendors("77", OURS, "positivewildcardssl", "shop.example.com")});
    CHECK_OK(act(ACTION_LOOK_UP), err);
    CHECK(out.found && out.different);
    look_for();
    SCRIPT({.body = vendors("77", OURS, "positivessl", "x.example.com")});
    CHECK_OK(act(ACTION_LOOK_UP), err);
    CHECK(out.found && out.different);
}

static void absence_needs_the_list_and_a_control(void)
{
    look_for();
    SCRIPT({.body = ABSENT}, {.body = "[]"}, {.body = CREDENTIALS_FINE});
    CHECK_OK(act(ACTION_LOOK_UP), err);
    CHECK(!out.found && out.absent_with_control && out.other_number == NULL);
    CHECK(text_has_prefix(asked(1), "POST /rest/order/query/"));
    CHECK(text_has_prefix(asked(2), "POST /rest/health/validate/"));
    /* with an order that the account is known to have, that one is the control */
    struct issuer_record known = {.control_order = "4711"};
    look_for();
    made.view.order_account = &known;
    SCRIPT({.body = ABSENT}, {.body = "[]"}, {.body = vendors("4711", "x", "positivessl", "y.example.com")});
    CHECK_OK(act(ACTION_LOOK_UP), err);
    CHECK(out.absent_with_control);
    CHECK(strstr(asked(2), "4711") != NULL);
    look_for();
    made.view.order_account = &known;
    SCRIPT({.body = ABSENT}, {.body = "[]"}, {.body = ABSENT});
    CHECK(!act(ACTION_LOOK_UP));
    CHECK(!out.absent_with_control);
    CHECK(says(err.message, "the control look-up of order 4711"));
    known.control_order = "";
    look_for();
    made.view.order_account = &known;
    SCRIPT({.body = ABSENT}, {.body = "[]"}, {.body = TOKEN_BAD});
    CHECK(!act(ACTION_LOOK_UP));
    CHECK_INT(err.kind, ERROR_CREDENTIAL);
    CHECK(!out.absent_with_control);
}

static void no_answer_is_no_absence(void)
{
    static const struct reply firsts[] = {{.fault = DROP}, {.status = 500, .body = ""}, {.body = TOKEN_BAD}, {.body = "{}"}};
    for (size_t i = 0; i < COUNT_OF(firsts); i++) {
        look_for();
        script(1, &firsts[i]);
        CHECK(!act(ACTION_LOOK_UP));
        CHECK(!out.found && !out.absent_with_control);
        look_for();
        struct reply both[] = {{.body = ABSENT}, firsts[i]};
        script(2, both);
        CHECK(!act(ACTION_LOOK_UP)); /* the list fails */
        CHECK(!out.found && !out.absent_with_control);
    }
}

#define LISTED(number, id, name) \
    "{'TheSSLStoreOrderID':'" number "','CustomOrderID':'" id "','ProductCode':'positivessl','CommonName':'" name "'}"

static const char list[] = "[" LISTED("1", "cw1-other", "shop.example.com") "," LISTED("2", "", "y.example.com") ","
                           LISTED("3", "", "shop.example.com") "]";

static void the_list_may_show_what_the_id_does_not(void)
{
    /* others' orders and orders of other names are passed by; ours is asked for whole */
    look_for();
    SCRIPT({.body = ABSENT}, {.body = list}, {.body = vendors("3", OURS, "positivessl", "shop.example.com")});
    CHECK_OK(act(ACTION_LOOK_UP), err);
    CHECK(out.found && out.other_number == NULL);
    CHECK_TEXT(out.vendor.vendor_order_id, "3");
    CHECK(strstr(asked(2), "\"3\"") != NULL);
    /* an order without any id of its own may be ours: a person must look */
    look_for();
    SCRIPT({.body = ABSENT}, {.body = list}, {.body = vendors("3", "", "positivessl", "shop.example.com")});
    CHECK_OK(act(ACTION_LOOK_UP), err);
    CHECK(!out.found && !out.absent_with_control);
    CHECK_TEXT(out.other_number, "3");
    /* one that a person has seen, and released the order beside, holds it no more; should it be ours after all, it is found */
    for (int ours = 0; ours < 2; ours++) {
        look_for();
        string_list_push(arena, &made.order->shown_numbers, "3");
        SCRIPT({.body = ABSENT}, {.body = list}, {.body = vendors("3", ours ? OURS : "", "positivessl", "shop.example.com")},
               {.body = CREDENTIALS_FINE});
        CHECK_OK(act(ACTION_LOOK_UP), err);
        CHECK(out.other_number == NULL && out.found == (ours == 1) && out.absent_with_control == (ours == 0));
    }
    /* one that is another's after all */
    look_for();
    SCRIPT({.body = ABSENT}, {.body = list}, {.body = vendors("3", "somebody", "positivessl", "shop.example.com")},
           {.body = CREDENTIALS_FINE});
    CHECK_OK(act(ACTION_LOOK_UP), err);
    CHECK(!out.found && out.absent_with_control && out.other_number == NULL);
    /* and one that cannot be asked for */
    look_for();
    SCRIPT({.body = ABSENT}, {.body = list}, {.fault = DROP});
    CHECK(!act(ACTION_LOOK_UP));
    CHECK(!out.found && !out.absent_with_control && out.other_number == NULL);
}

/* The vendor may compare with the hour of its own zone, hours behind UTC, and its clock may be ahead of ours. */
static void the_list_reaches_a_day_beyond_the_order_both_ways(void)
{
    long long from = 0, to = 0;
    look_for();
    int64_t now = clock_now();
    SCRIPT({.body = ABSENT}, {.body = "[]"}, {.body = CREDENTIALS_FINE});
    CHECK_OK(act(ACTION_LOOK_UP), err);
    CHECK_INT(sscanf(strstr(asked(1), "\"StartDate\""), "\"StartDate\":\"\\/Date(%lld)", &from), 1);
    CHECK_INT(sscanf(strstr(asked(1), "\"EndDate\""), "\"EndDate\":\"\\/Date(%lld)", &to), 1);
    CHECK_INT(from / 1000, made.order->submitted_at - 86400);
    CHECK(to / 1000 >= now + 86400 && to / 1000 <= clock_now() + 86400);
}

static void a_look_up_begins_with_writing_down_that_it_is_unknown(void)
{
    begin(ONE);
    made_order(&made, ORDER_SUBMITTING);
    CHECK(prepare(step_of(ACTION_LOOK_UP)));
    CHECK_INT(changes.order->state, ORDER_UNKNOWN);
    CHECK(changes.order_claim);
    CHECK_TEXT(changes.audit, "order.unknown");
    made.order->state = ORDER_UNKNOWN;
    CHECK(prepare(step_of(ACTION_LOOK_UP)));
    CHECK(changes.order == NULL);
}

/* ---- POLL ---- */

static void place(void)
{
    face(ONE);
    made_placed(&made);
    made.order->vendor_order_id = "77";
}

static void a_placed_order_is_asked_for_by_its_number(void)
{
    place();
    SCRIPT({.body = vendors("77", OURS, "positivessl", "shop.example.com")});
    CHECK_OK(act(ACTION_POLL), err);
    CHECK_TEXT(out.vendor.vendor_order_id, "77");
    place();
    SCRIPT({.body = vendors("77", "", "positivessl", "shop.example.com")}); /* not every answer repeats our id */
    CHECK_OK(act(ACTION_POLL), err);
}

static void a_number_that_leads_elsewhere_is_not_believed(void)
{
    place();
    SCRIPT({.body = vendors("77", "somebody", "positivessl", "shop.example.com")},
           {.body = vendors("78", OURS, "positivessl", "shop.example.com")});
    CHECK_OK(act(ACTION_POLL), err);
    CHECK_TEXT(out.vendor.vendor_order_id, "78");
    CHECK(strstr(asked(1), OURS) != NULL);
    place();
    SCRIPT({.body = vendors("77", "somebody", "positivessl", "shop.example.com")}, {.body = ABSENT});
    CHECK(!act(ACTION_POLL));
    CHECK_INT(err.kind, ERROR_MALFORMED);
    CHECK(says(err.message, "order 77 is another one's"));
    place();
    SCRIPT({.body = ABSENT}, {.body = vendors("78", OURS, "positivessl", "shop.example.com")});
    CHECK_OK(act(ACTION_POLL), err);
    CHECK_TEXT(out.vendor.vendor_order_id, "78");
    place();
    SCRIPT({.body = ABSENT}, {.body = vendors("78", OURS, "positivessl", "x.example.com")});
    CHECK(!act(ACTION_POLL));
    CHECK_INT(err.kind, ERROR_NOT_FOUND);
    place();
    SCRIPT({.status = 500, .body = ""});
    CHECK(!act(ACTION_POLL));
    CHECK_INT(err.kind, ERROR_UNREACHABLE);
    CHECK_TEXT(asked(1), "");
}

/* ---- FETCH ---- */

static void what_is_no_certificate_of_ours_is_not_taken(void)
{
    place();
    made.order->key_id = "k2";
    made.order->former_key_ids = (struct string_list){.items = (const char *[]){"k1"}, .count = 1};
    SCRIPT({.body = "{" FINE ",'Certificates':[]}"});
    CHECK_OK(act(ACTION_FETCH), err);
    CHECK(!out.delivered);
    CHECK(says(out.words, "delivers nothing yet"));
    SCRIPT({.body = "{" FINE ",'Certificates':[{'FileName':'x','FileContent':'no certificate'}]}"});
    CHECK(!act(ACTION_FETCH) || !out.delivered);
    SCRIPT({.body = "{}"});
    CHECK(!act(ACTION_FETCH));
    CHECK(!out.delivered);
}

/* ---- RESEND ---- */

static void the_approval_mail_is_asked_for_again(void)
{
    place();
    SCRIPT({.body = CREDENTIALS_FINE}, {.body = "{'isError':true,'Message':['This order is not pending']}"});
    CHECK_OK(act(ACTION_RESEND), err);
    CHECK(text_has_prefix(asked(0), "POST /rest/order/resend/"));
    CHECK(!act(ACTION_RESEND));
    CHECK_INT(err.kind, ERROR_REFUSED);
}

int main(void)
{
    http_setup();
    log_setup(LOG_LOGFMT, LOG_ERROR);
    start_stand_in();
    arena = arena_create();
    scratch_folder(folder, sizeof folder);
    ctx = (struct context){.arena = arena, .http = http_client_create(NULL)};
    RUN(no_question_without_credentials);
    RUN(no_question_without_an_issuer);
    RUN(an_order_is_sent_and_looked_for_only_at_its_account);
    RUN(the_account_of_an_order_is_asked_whatever_the_manifest_names);
    RUN(a_made_request_is_about_a_new_key_and_the_names);
    RUN(an_organization_is_in_the_request_and_in_the_frozen_order);
    RUN(a_brought_key_is_used_and_never_kept);
    RUN(a_brought_request_must_ask_for_what_the_manifest_says);
    RUN(an_order_is_found_by_our_id);
    RUN(our_id_on_another_order_is_told);
    RUN(absence_needs_the_list_and_a_control);
    RUN(no_answer_is_no_absence);
    RUN(the_list_may_show_what_the_id_does_not);
    RUN(the_list_reaches_a_day_beyond_the_order_both_ways);
    RUN(a_look_up_begins_with_writing_down_that_it_is_unknown);
    RUN(a_placed_order_is_asked_for_by_its_number);
    RUN(a_number_that_leads_elsewhere_is_not_believed);
    RUN(what_is_no_certificate_of_ours_is_not_taken);
    RUN(the_approval_mail_is_asked_for_again);
    http_client_destroy(ctx.http);
    stop_stand_in();
    arena_destroy(arena);
    return CHECK_REPORT();
}
