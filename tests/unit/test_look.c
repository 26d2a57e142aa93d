/* The looking verbs over a store with records. */
#include "look_world.h"

extern const struct command command_validate, command_explain, command_schema, command_catalogue, command_get,
    command_describe, command_status, command_why, command_events, command_state_list, command_state_show,
    command_audit_show, command_version;
/* Instead of the whole table: what is tested here. */
const struct command *const commands[] = {&command_validate,   &command_explain,
                                          &command_schema,     &command_catalogue,
                                          &command_get,        &command_describe,
                                          &command_status,     &command_why,
                                          &command_events,     &command_state_list,
                                          &command_state_show, &command_audit_show,
                                          &command_version,    NULL};

/* ---- lists ---- */

static void a_list_shows_what_is_wanted_and_how_it_stands(void)
{
    fresh_world();
    write_file("manifests/mail.yaml", mail);
    store_with_shop();
    CHECK_INT(run("get certificates"), 0);
    CHECK_SAYS("NAME  READY  STATUS");
    CHECK_SAYS("mail  False  Pending");
    CHECK_SAYS("shop  False  Propagating  positivessl  shop.example.com");
    CHECK_INT(run("get cert -o wide"), 0);
    CHECK_SAYS("1000001");
    CHECK_INT(run("get cert -o name -l team=mail"), 0);
    CHECK_TEXT(out, "certificate/mail\n");
    CHECK_INT(run("get cert -o json"), 0);
    CHECK_TEXT(member("kind"), "List");
    CHECK_TEXT(member("formatVersion"), "1");
    CHECK_TEXT(member("items.1.status.order.vendorOrderId"), "1000001");
    CHECK_TEXT(member("items.1.status.phase"), "Propagating");
    CHECK_TEXT(member("items.1.status.conditions.0.type"), "Ready");
    CHECK_TEXT(member("items.1.status.order.placedAt"), clock_rfc3339(arena, now - 498));
    CHECK_INT(run("get cert -o yaml"), 0);
    CHECK(strncmp(out, "---\n", 4) == 0 && strstr(out, "\n---\n") != NULL && strstr(out, "List") == NULL);
    CHECK_INT(run("get cert -n elsewhere"), 0);
    CHECK_TEXT(out, "");
}

static void each_kind_has_its_list(void)
{
    fresh_world();
    store_with_shop();
    CHECK_INT(run("get issuer"), 0);
    CHECK_SAYS("main  NotChecked  offline      1001");
    CHECK_INT(run("get targets"), 0);
    CHECK_SAYS("web   nginx  {name}  Generation");
    CHECK_INT(run("get order"), 0);
    CHECK_SAYS("shop/1  Placed  positivessl  1000001       Pending");
    CHECK_INT(run("get challenge -o wide shop"), 0);
    CHECK_SAYS("shop/1/shop.example.com  HTTP    Presented  no");
    CHECK_INT(run("get revisions"), 0);
    CHECK_TEXT(out, "");
    CHECK_INT(run("get order/shop -o json"), 0);
    CHECK_TEXT(member("kind"), "Order");
    CHECK_TEXT(member("status.state"), "Placed");
    CHECK_TEXT(member("status.preparedAt"), clock_rfc3339(arena, now - 500));
    CHECK_INT(run("get order nobody"), 1);
    CHECK_INT(run("get event -o name"), 0);
    CHECK_SAYS("event/certificate/shop/Placed");
}

static void the_first_state_of_a_record_is_told_too(void)
{
    fresh_world();
    struct state *state = open_store();
    struct state_batch *batch = state_batch_create();
    struct order_record order = order_of("shop", "shop.example.com");
    order.state = ORDER_PREPARED;
    put_shop(batch, &order);
    commit(state, batch);
    state_close(state);
    CHECK_INT(run("get order shop/1 -o json"), 0);
    CHECK_TEXT(member("status.state"), "Prepared");
    CHECK_INT(run("state show order default/shop/000001"), 0);
    CHECK_TEXT(member("record.state"), "Prepared");
    CHECK_TEXT(member("formatVersion"), "1");
}

static void a_manifest_comes_back_as_it_was_written(void)
{
    fresh_world();
    for (const char *const *format = (const char *const[]){"yaml", "json", NULL}; *format != NULL; format++) {
        CHECK_INT(run(arena_printf(arena, "get certificate shop -o %s", *format)), 0);
        struct resource_list written = {0}, again = {0}, broken = {0};
        struct problem_list problems = {.arena = arena};
        CHECK(manifest_decode("written", shop, strlen(shop), arena, &written, &broken, &problems));
        CHECK(manifest_decode("again", out, strlen(out), arena, &again, &broken, &problems));
        CHECK_INT(again.count, 1);
        CHECK(memcmp(written.items[0].digest, again.items[0].digest, 32) == 0);
    }
}

static void a_wrong_word_is_a_usage_error_and_a_wrong_name_is_not_found(void)
{
    fresh_world();
    CHECK_INT(run("get"), 64);
    CHECK_INT(run("get nonsense"), 64);
    CHECK_INT(run("get certificate shopp"), 1);
    CHECK(strstr(err, "did you mean shop?") != NULL);
    CHECK_INT(run("why certificate/nobody"), 1);
    CHECK_INT(run("why a/b/c/d"), 64);
    CHECK_INT(run("describe issuer/nobody"), 1);
    CHECK_INT(run("state show nonsense x"), 64);
    CHECK_INT(run("state show order x"), 1);
}

static void forgotten_certificates_are_shown_when_asked_for(void)
{
    fresh_world();
    store_with_shop();
    unlink(at("manifests/shop.yaml"));
    CHECK_INT(run("get certificate"), 0);
    CHECK_TEXT(out, "");
    CHECK_INT(run("get certificate --forgotten -o json"), 0);
    CHECK_TEXT(member("items.0.status.order.vendorOrderId"), "1000001");
    CHECK_INT(run("describe certificate/shop"), 0);
    CHECK_SAYS("gone; what was issued");
}

/* ---- diagnosis ---- */

static void why_names_the_person_the_deed_and_the_command(void)
{
    fresh_world();
    write_file("manifests/mail.yaml", mail);
    struct state *state = open_store();
    struct state_batch *batch = state_batch_create();
    struct certificate_record record = record_of("mail");
    struct order_record order = order_of("mail", "mail.example.com");
    struct challenge_record challenge = challenge_of("mail", "mail.example.com", DCV_EMAIL);
    challenge.approver = "admin@example.com";
    record_put(batch, TABLE_CERTIFICATE, "default/mail", &certificate_record_table, &record, 0);
    record_put(batch, TABLE_ORDER, "default/mail/000001", &order_record_table, &order, 0);
    record_put(batch, TABLE_CHALLENGE, challenge_key(arena, &challenge), &challenge_record_table, &challenge,
               0);
    commit(state, batch);
    state_close(state);
    CHECK_INT(run("why mail"), 0);
    CHECK_SAYS("certificate/mail: AwaitingApproval");
    CHECK_SAYS("follow the link in the mail to admin@example.com");
    CHECK_SAYS("\nIf lost       certwright resend certificate/mail\n");
    CHECK_SAYS("777000"); /* what the CA's support asks for */
    CHECK_SAYS(clock_rfc3339(arena, now - 498));
    CHECK_SAYS("none runs");
    CHECK_INT(run("why certificate/mail -o json"), 0);
    CHECK_TEXT(member("wrong"), "true");
    CHECK_TEXT(member("standing"), "waiting");
    CHECK_TEXT(member("since"), clock_rfc3339(arena, now - 498));
    CHECK_INT(run("status"), 0);
    CHECK_SAYS("Waits for a person");
    CHECK_SAYS("admin@example.com");
    CHECK_SAYS("\n  if lost     certwright resend certificate/mail\n");
    CHECK_INT(run("describe cert/mail"), 0);
    CHECK_SAYS("\nIf lost       certwright resend certificate/mail\n");
}

static void why_lists_everything_that_is_placed_by_hand(void)
{
    fresh_world();
    write_file("manifests/shop.yaml", HEAD("Certificate", "shop")
               "  dnsNames: [a.example.com, b.example.com]\n  order: {product: positivemdcssl}\n"
               "  dcv: {method: DNS, dns: {manual: true}}\n");
    struct state *state = open_store();
    struct state_batch *batch = state_batch_create();
    struct certificate_record record = record_of("shop");
    struct order_record order = order_of("shop", "a.example.com");
    order.product = "positivemdcssl";
    string_list_push(arena, &order.names, "b.example.com");
    record_put(batch, TABLE_CERTIFICATE, "default/shop", &certificate_record_table, &record, 0);
    record_put(batch, TABLE_ORDER, "default/shop/000001", &order_record_table, &order, 0);
    for (int i = 0; i < 2; i++) {
        struct challenge_record c = challenge_of("shop", i == 0 ? "a.example.com" : "b.example.com", DCV_DNS);
        c.manual = true;
        c.state = CHALLENGE_PRESENTED;
        c.checked_at = now;
        c.record_name = arena_printf(arena, "_p%d.example.com", i);
        c.record_type = "CNAME";
        c.record_value = "proof.example.net";
        record_put(batch, TABLE_CHALLENGE, challenge_key(arena, &c), &challenge_record_table, &c, 0);
    }
    commit(state, batch);
    state_close(state);
    CHECK_INT(run("why shop"), 0);
    CHECK_SAYS("make this record: _p0.example.com. CNAME proof.example.net");
    CHECK_SAYS("make this record: _p1.example.com. CNAME proof.example.net");
    CHECK_INT(run("describe cert shop"), 0);
    CHECK_SAYS("_p1.example.com. CNAME proof.example.net");
    CHECK_SAYS("by hand");
}

static void issued_world(int64_t ends_in)
{
    fresh_world();
    int64_t not_after = now + ends_in;
    write_file("manifests/shop.yaml",
               HEAD("Certificate", "shop") "  dnsNames: [shop.example.com]\n  order: {product: "
                                           "positivessl}\n  dcv: {method: HTTP, http: {manual: true}}\n");
    struct state *state = open_store();
    struct state_batch *batch = state_batch_create();
    struct certificate_record record = record_of("shop");
    struct order_record order = order_of("shop", "shop.example.com");
    struct revision_record revision = {.namespace_ = "default",
                                       .name = "shop",
                                       .number = 1,
                                       .cycle = 1,
                                       .custom_order_id = "cw1-ours",
                                       .vendor_order_id = "1000001",
                                       .partner_order_id = "",
                                       .key_id = "k1",
                                       .fingerprint = "f1",
                                       .serial = "0a",
                                       .issuer_cn = "CA",
                                       .common_name = "shop.example.com",
                                       .names = order.names,
                                       .not_before = not_after - 199 * 86400,
                                       .not_after = not_after,
                                       .issued_at = now - 400};
    record.revision = 1;
    order.fetched = true;
    order.phase = VENDOR_ACTIVE;
    record_put(batch, TABLE_CERTIFICATE, "default/shop", &certificate_record_table, &record, 0);
    record_put(batch, TABLE_ORDER, "default/shop/000001", &order_record_table, &order, 0);
    record_put(batch, TABLE_REVISION, "default/shop/000001", &revision_record_table, &revision, 0);
    commit(state, batch);
    state_close(state);
}

static void why_says_when_nothing_is_wrong(void)
{
    issued_world(199 * 86400);
    CHECK_INT(run("why shop"), 0);
    CHECK_SAYS("certificate/shop: Ready");
    CHECK_SAYS("Nothing is wrong");
    CHECK(!says("Who"));
    CHECK_INT(run("get cert shop -o json"), 0);
    CHECK_TEXT(member("status.conditions.0.status"), "True");
    CHECK_TEXT(member("status.notAfter"), clock_rfc3339(arena, now + 199 * 86400));
    CHECK_INT(run("status -o json"), 0);
    CHECK_TEXT(member("certificates.fine"), "1");
    CHECK_TEXT(member("certificates.byPhase.Ready"), "1");
}

/* A command is offered only where it is of use: nothing that is typed here takes over what was reissued in the panel. */
static void what_only_the_panel_cures_has_no_command(void)
{
    static const struct {
        int64_t ends_in;
        const char *code;
    } ends[] = {{5 * 86400, "NeedsRenewal"}, {-86400, "Expired"}};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        issued_world(ends[i].ends_in);
        CHECK_INT(run("why shop -o json"), 0);
        CHECK_TEXT(member("code"), ends[i].code);
        CHECK_TEXT(member("command"), "");
        CHECK(strstr(member("human"), "in the vendor's panel") != NULL);
    }
    issued_world(199 * 86400);
    write_file("manifests/shop.yaml",
               HEAD("Certificate", "shop") "  dnsNames: [www.example.com]\n  order: {product: "
                                           "positivessl}\n  dcv: {method: HTTP, http: {manual: true}}\n");
    CHECK_INT(run("why shop"), 0);
    CHECK_SAYS("certificate/shop: NeedsReissue");
    CHECK_SAYS("\nTo do         change the manifest back");
    CHECK_SAYS("\nThen          certwright apply certificate/shop\n");
}

static void what_a_controller_found_about_money_is_remembered(void)
{
    fresh_world();
    write_file("manifests/background.yaml",
               HEAD("Issuer", "main") "  sslstore: {environment: Live, partnerCode: \"1\", "
                                      "authTokenSecretRef: {name: s, key: k}}\n");
    write_file("manifests/shop.yaml", mail);
    CHECK_INT(run("get cert mail -o json"), 0);
    CHECK_TEXT(member("status.phase"), "Pending");
    struct resource_list list = {0}, broken = {0};
    struct problem_list problems = {.arena = arena};
    CHECK(manifest_decode("m", mail, strlen(mail), arena, &list, &broken, &problems));
    static const char *const phases[] = {"SpendingClosed", "ForeignOrder", "TermNotSold"};
    for (size_t i = 0; i < COUNT_OF(phases); i++) {
        struct state *state = open_store();
        struct state_batch *batch = state_batch_create();
        struct certificate_record record = record_of("mail");
        record.cycle = 0;
        record.spec_digest = text_hex(arena, list.items[0].digest, 32);
        record.phase = record.reason = phases[i];
        record.message = "as it was found";
        record.phase_since = now - 77;
        record_put(batch, TABLE_CERTIFICATE, "default/mail", &certificate_record_table, &record, STATE_ANY);
        commit(state, batch);
        state_close(state);
        CHECK_INT(run("why mail -o json"), 0);
        CHECK_TEXT(member("code"), phases[i]);
        CHECK_TEXT(member("what"), "as it was found");
        CHECK_TEXT(member("since"), clock_rfc3339(arena, now - 77));
        CHECK(member("human")[0] != '\0');
    }
}

static void an_issuer_that_fails_is_explained(void)
{
    fresh_world();
    struct state *state = open_store();
    struct state_batch *batch = state_batch_create();
    struct issuer_record record = {.namespace_ = "default",
                                   .name = "main",
                                   .endpoint = "",
                                   .error = "the vendor refuses these credentials",
                                   .error_at = now - 30,
                                   .control_order = ""};
    record_put(batch, TABLE_ISSUER, "default/main", &issuer_record_table, &record, 0);
    commit(state, batch);
    state_close(state);
    CHECK_INT(run("why issuer/main"), 0);
    CHECK_SAYS("issuer/main: Failing");
    CHECK_SAYS("the vendor refuses these credentials");
    CHECK_SAYS("certificate/shop");
    CHECK_INT(run("why shop"), 0);
    CHECK_SAYS("the vendor refuses these credentials");
    CHECK_SAYS("certwright why issuer/main");
    CHECK_INT(run("why target/web -o json"), 0);
    CHECK_TEXT(member("wrong"), "false");
    CHECK_TEXT(member("usedBy.0"), "certificate/shop");
}

static void a_broken_manifest_is_explained_with_its_place(void)
{
    fresh_world();
    write_file("manifests/bad.yaml",
               HEAD("Certificate", "bad") "  dnsNames: [bad.example.com]\n  oder: {product: positivessl}\n");
    CHECK_INT(run("why certificate/bad"), 0);
    CHECK_SAYS("bad.yaml:7:3");
    CHECK_SAYS("the author of the manifest");
    CHECK_INT(run("status"), 0);
    CHECK_SAYS("bad.yaml:7:3");
}

/* ---- beside a controller ---- */

static void everything_works_beside_a_controller_and_names_it(void)
{
    fresh_world();
    struct state *state = open_store();
    struct state_batch *batch = state_batch_create();
    struct order_record order = order_of("shop", "shop.example.com");
    order.state = ORDER_SUBMITTING;
    order.vendor_order_id = "";
    order.holder = arena_printf(arena, "host %d boot", (int)getpid());
    put_shop(batch, &order);
    commit(state, batch);
    CHECK_INT(run("status -o json"), 0);
    CHECK_TEXT(member("controller.pid"), arena_printf(arena, "%d", (int)getpid()));
    CHECK_INT(run("get cert shop -o json"), 0);
    CHECK_TEXT(member("status.phase"), "Ordering"); /* being sent just now, not of unknown fate */
    state_close(state);
    CHECK_INT(run("get cert shop -o json"), 0);
    CHECK_TEXT(member("status.phase"), "OrderUnknown");
}

static void put_hold(struct state_batch *batch, const char *digest, const char *subject, int64_t since,
                     bool confirmed)
{
    struct hold_record hold = {
        .digest = digest, .kind = "MassPurchase", .since = since, .confirmed = confirmed, .confirmed_by = ""};
    string_list_push(arena, &hold.subjects, subject);
    record_put(batch, TABLE_HOLD, digest, &hold_record_table, &hold, 0);
}

static void only_holds_that_still_hold_are_shown(void)
{
    fresh_world();
    struct state *state = open_store();
    struct state_batch *batch = state_batch_create();
    put_hold(batch, "aaaaaaaaaaaa", "certificate/gone", now - 50, false);
    put_hold(batch, "bbbbbbbbbbbb", "certificate/shop", now - 100, false); /* a newer one took its place */
    put_hold(batch, "cccccccccccc", "certificate/shop", now - 60, true);
    commit(state, batch);
    CHECK_INT(run("status"), 0);
    CHECK(!says("certwright confirm"));
    batch = state_batch_create();
    put_hold(batch, "dddddddddddd", "certificate/shop", now - 10, false);
    commit(state, batch);
    CHECK_INT(run("status"), 0);
    CHECK_SAYS("certwright confirm dddddddddddd");
    CHECK(!says("bbbbbbbbbbbb"));
    state_close(state);
}

static void held_purchases_are_one_hold(void)
{
    fresh_world();
    unlink(at("manifests/shop.yaml"));
    struct buffer all = {0};
    for (int i = 0; i < 13; i++)
        buffer_printf(&all, "---\napiVersion: certwright/v1alpha1\nkind: Certificate\nmetadata: {name: n%02d}\nspec:\n"
                            "  dnsNames: [n%02d.example.com]\n  order: {product: positivessl}\n  dcv: {method: Email}\n", i, i);
    write_file("manifests/many.yaml", buffer_text(&all));
    struct resource_list list = {0}, broken = {0};
    struct problem_list problems = {.arena = arena};
    CHECK(manifest_decode("m", buffer_text(&all), all.length, arena, &list, &broken, &problems));
    CHECK_INT(list.count, 13);
    struct state *state = open_store();
    struct state_batch *batch = state_batch_create();
    for (size_t i = 0; i < list.count; i++) {
        struct certificate_record record = record_of(list.items[i].name);
        record.cycle = 0;
        record.spec_digest = text_hex(arena, list.items[i].digest, 32);
        record.phase = record.reason = "MassPurchase";
        record.message = "held as a whole";
        record.phase_since = now - 77;
        record_put(batch, TABLE_CERTIFICATE, record_key(arena, "default", record.name), &certificate_record_table, &record, STATE_ANY);
    }
    commit(state, batch);
    state_close(state);
    buffer_release(&all);
    CHECK_INT(run("status"), 0);
    const char *first = strstr(out, "certwright confirm ");
    CHECK(first != NULL && strstr(first + 1, "certwright confirm ") == NULL);
    CHECK_SAYS(": MassPurchase, since ");
    CHECK_SAYS("certificate/n00, certificate/n01, ");
    CHECK(!says("certificate/n07: MassPurchase: "));
    const char *digest = first != NULL ? arena_strndup(arena, first + strlen("certwright confirm "), 12) : "";
    CHECK_INT(run("status -o json"), 0);
    CHECK_TEXT(member("holds.0.kind"), "MassPurchase");
    CHECK_TEXT(member("holds.0.digest"), digest);
    CHECK_TEXT(member("holds.0.since"), clock_rfc3339(arena, now - 77));
    CHECK_TEXT(member("waiting.12.phase"), "MassPurchase");
}

static void events_and_audit_tell_what_happened(void)
{
    fresh_world();
    store_with_shop();
    struct error error = {0};
    struct state *state = open_store();
    CHECK_OK(state_audit(state, "tester", "certificate/shop", "order.prepare", "one \033[31m detail", &error),
             error);
    state_close(state);
    CHECK_INT(run("events certificate/shop"), 0);
    CHECK(strstr(out, "placed as order") < strstr(out, "later"));
    CHECK_INT(run("events cert/other"), 0);
    CHECK_TEXT(out, "");
    CHECK_INT(run("events -o json"), 0);
    CHECK_TEXT(member("events.1.reason"), "Seen");
    CHECK_TEXT(member("events.1.lastAt"), clock_rfc3339(arena, now - 10));
    CHECK_INT(run("audit show"), 0);
    CHECK_SAYS("order.prepare");
    CHECK(!says("\033"));
    CHECK_INT(run("audit show --since 1h -o json"), 0);
    CHECK_TEXT(member("entries.0.actor"), "tester");
    CHECK_INT(run("audit show --since 2099-01-01"), 0);
    CHECK_TEXT(out, "");
    CHECK_INT(run("audit show --since yesterdayish"), 64);
}

/* ---- what is never shown, and never done ---- */

static const char *const every_verb[] = {"status",
                                         "status -o json",
                                         "status -o yaml",
                                         "get cert",
                                         "get cert -o wide",
                                         "get cert -o json",
                                         "get cert -o yaml",
                                         "get issuer -o json",
                                         "get targets -o yaml",
                                         "get order -o wide",
                                         "get order -o json",
                                         "get challenge -o wide",
                                         "get challenge -o yaml",
                                         "get revision -o json",
                                         "get rollout -o json",
                                         "get event -o json",
                                         "why shop",
                                         "why shop -o json",
                                         "why issuer/main",
                                         "describe cert/shop",
                                         "describe issuer/main",
                                         "describe target/web",
                                         "events",
                                         "events -o json",
                                         "state list",
                                         "state list blob",
                                         "state list order -o json",
                                         "state show blob key/k1",
                                         "state show blob csr/k1 -o json",
                                         "state show blob request/cw1-ours",
                                         "state show order default/shop/000001",
                                         "state show challenge default/shop/000001/shop.example.com -o yaml",
                                         "audit show",
                                         "audit show -o json",
                                         "validate",
                                         "validate -o json",
                                         "version",
                                         "version --rules -o json",
                                         "catalogue",
                                         "catalogue -o json",
                                         "explain certificate",
                                         "schema"};

static void no_key_no_request_and_no_raw_foreign_text_is_ever_shown(void)
{
    fresh_world();
    struct state *state = open_store();
    struct state_batch *batch = state_batch_create();
    struct order_record order = order_of("shop", "shop.example.com");
    order.major_status = "Pend\033[31ming\xE2\x80\xAE";
    order.minor_status = "a bell \a";
    order.refused_text = "\033]0;title\a";
    put_shop(batch, &order);
    put_event(batch, "shop", "Odd", now, "\033[2Jcleared\xE2\x80\xAE");
    state_put(batch, TABLE_BLOB, "key/k1", span_of("-----BEGIN PRIVATE KEY-----\nTOPSECRET", 37), 0);
    state_put(batch, TABLE_BLOB, "csr/k1", span_of("-----BEGIN CERTIFICATE REQUEST-----\nTOPSECRET", 45), 0);
    state_put(batch, TABLE_BLOB, "request/cw1-ours", span_of("{\"AuthToken\":\"TOPSECRET\"}", 25), 0);
    commit(state, batch);
    state_close(state);
    for (size_t i = 0; i < COUNT_OF(every_verb); i++) {
        CHECK_INT(run(every_verb[i]), 0);
        CHECK(out[0] != '\0' || i > 10);
        for (const char *text = out; text != NULL; text = text == out ? err : NULL) {
            CHECK(strstr(text, "TOPSECRET") == NULL && strstr(text, "PRIVATE KEY") == NULL);
            CHECK(strchr(text, '\033') == NULL && strchr(text, '\a') == NULL);
            CHECK(text_is_plain_utf8(text, strlen(text), NULL));
        }
    }
    CHECK_INT(run("state show blob key/k1"), 0);
    CHECK_TEXT(member("kind"), "private key");
    CHECK_TEXT(member("bytes"), "37");
}

static struct buffer tree;
static int note_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)type, (void)ftw;
    if (!text_has_suffix(path, "/lock.mdb"))
        buffer_printf(&tree, "%s %o %lld %lld.%09ld %llu\n", path, st->st_mode, (long long)st->st_size,
                      (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec, (unsigned long long)st->st_ino);
    return 0;
}

static char *tree_now(void)
{
    buffer_clear(&tree);
    CHECK(nftw(folder, note_file, 16, FTW_PHYS) == 0);
    return arena_strdup(arena, buffer_text(&tree));
}

static void looking_makes_and_changes_no_file(void)
{
    fresh_world();
    char *before = tree_now();
    for (size_t i = 0; i < COUNT_OF(every_verb); i++)
        run(every_verb[i]);
    CHECK_TEXT(tree_now(), before); /* above all no state directory */
    store_with_shop();
    run("status"); /* lock.mdb */
    before = tree_now();
    for (size_t i = 0; i < COUNT_OF(every_verb); i++)
        run(every_verb[i]);
    CHECK_TEXT(tree_now(), before);
    buffer_release(&tree);
}

/* ---- offline ---- */

static void validate_needs_no_operators_file(void)
{
    fresh_world();
    setenv("XDG_CONFIG_HOME", at("nowhere"), 1);
    setenv("HOME", at("nowhere"), 1);
    CHECK_INT(run_words(arena_printf(arena, "validate -d %s", at("manifests"))), 0);
    CHECK_SAYS("3 resources in 2 files are valid");
    CHECK_INT(run_words(arena_printf(arena, "validate %s %s", at("manifests/shop.yaml"),
                                     at("manifests/background.yaml"))),
              0);
    CHECK_SAYS("3 resources in 2 files are valid");
    CHECK_INT(run_words("validate -d /nowhere/at/all"), 1);
}

static void validate_tells_every_problem_with_its_place(void)
{
    fresh_world();
    write_file("manifests/bad.yaml",
               HEAD("Certificate", "bad") "  dnsNames: [bad.example.com]\n  oder: {product: positivessl}\n");
    write_file("manifests/two.yaml",
               HEAD("Certificate", "two") "  dnsNames: [\"*.example.com\"]\n  order: {product: positivessl}\n"
                                          "  dcv: {method: HTTP}\n");
    CHECK_INT(run("validate"), 3);
    CHECK_TEXT(out, "");
    CHECK(strstr(err, "bad.yaml:7:3: error") != NULL && strstr(err, "two.yaml:") != NULL);
    CHECK_INT(run("validate -o json"), 3);
    CHECK_TEXT(member("formatVersion"), "1");
    CHECK_TEXT(member("problems.1.line"), "7");
    CHECK_TEXT(member("problems.1.column"), "3");
    CHECK_TEXT(member("problems.1.resource"), "certificate/bad");
    CHECK_TEXT(member("problems.1.inSchema"), "true");
    CHECK_TEXT(member("problems.3.code"), "wildcard-http");
    CHECK(atoi(member("counts.errors")) >= 3);
}

static void two_certificates_on_one_place_are_refused(void)
{
    fresh_world();
    write_file(
        "manifests/more.yaml",
        "---\napiVersion: certwright/v1alpha1\nkind: DeployTarget\nmetadata: {name: same}\nspec:\n"
        "  local: {root: elsewhere}\n  path: one\n" HEAD(
            "Certificate",
            "a") "  dnsNames: [a.example.com]\n  order: {product: positivessl}\n  targets: [{name: same}]\n"
                 "  dcv: {method: Email}\n" HEAD("Certificate",
                                                 "b") "  dnsNames: [b.example.com]\n  order: {product: "
                                                      "positivessl}\n  targets: [{name: same}]\n"
                                                      "  dcv: {method: Email}\n");
    CHECK_INT(run("validate -o json"), 3);
    bool found = false;
    for (int i = 0; i < atoi(member("counts.errors")) + atoi(member("counts.warnings")); i++)
        if (text_equal(member(arena_printf(arena, "problems.%d.code", i)), "place-taken")) {
            found = true;
            CHECK_TEXT(member(arena_printf(arena, "problems.%d.resource", i)), "certificate/b");
            CHECK(strstr(member(arena_printf(arena, "problems.%d.message", i)), "certificate/a") != NULL);
        }
    CHECK(found);
}

static void schemas_are_written_one_a_kind(void)
{
    fresh_world();
    CHECK_INT(run(arena_printf(arena, "schema --write %s", at("schemas"))), 0);
    static const char *const names[] = {"certificate",  "issuer",  "dnsaccount", "deploytarget",
                                        "organization", "contact", "all"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct error error = {0};
        char *text = slurp(at(arena_printf(arena, "schemas/%s.json", names[i])));
        struct json *document = json_parse(text, strlen(text), &error);
        CHECK_OK(document != NULL, error);
        json_destroy(document);
    }
    CHECK_INT(run("schema issuer -o json"), 0);
    CHECK_TEXT(member("$schema"), "http://json-schema.org/draft-07/schema#");
    CHECK_INT(run("schema nonsense"), 64);
}

static void catalogue_explain_and_version_answer(void)
{
    fresh_world();
    CHECK_INT(run("catalogue --brand sectigo --validation EV"), 0);
    CHECK_SAYS("positiveevssl");
    CHECK(!says("RapidSSL"));
    CHECK_INT(run("catalogue --brand nobody"), 1);
    CHECK_INT(run("explain certificate.spec.dcv.method"), 0);
    CHECK_SAYS("FIELD:");
    CHECK_INT(run("explain certificate.spec.dvc"), 64);
    CHECK_INT(run("explain operator"), 0);
    CHECK_INT(run("version --rules -o json"), 0);
    CHECK_TEXT(member("validity.1.maxDays"), "200");
    CHECK_TEXT(member("validity.3.maxDays"), "47");
    CHECK_TEXT(member("validity.4.maxDays"), "");
}

int main(void)
{
    setenv("NO_COLOR", "1", 1);
    log_to(-1);
    arena = arena_create();
    RUN(a_list_shows_what_is_wanted_and_how_it_stands);
    RUN(each_kind_has_its_list);
    RUN(the_first_state_of_a_record_is_told_too);
    RUN(a_manifest_comes_back_as_it_was_written);
    RUN(a_wrong_word_is_a_usage_error_and_a_wrong_name_is_not_found);
    RUN(forgotten_certificates_are_shown_when_asked_for);
    RUN(why_names_the_person_the_deed_and_the_command);
    RUN(why_lists_everything_that_is_placed_by_hand);
    RUN(why_says_when_nothing_is_wrong);
    RUN(what_only_the_panel_cures_has_no_command);
    RUN(what_a_controller_found_about_money_is_remembered);
    RUN(an_issuer_that_fails_is_explained);
    RUN(a_broken_manifest_is_explained_with_its_place);
    RUN(everything_works_beside_a_controller_and_names_it);
    RUN(only_holds_that_still_hold_are_shown);
    RUN(held_purchases_are_one_hold);
    RUN(events_and_audit_tell_what_happened);
    RUN(no_key_no_request_and_no_raw_foreign_text_is_ever_shown);
    RUN(looking_makes_and_changes_no_file);
    RUN(validate_needs_no_operators_file);
    RUN(validate_tells_every_problem_with_its_place);
    RUN(two_certificates_on_one_place_are_refused);
    RUN(schemas_are_written_one_a_kind);
    RUN(catalogue_explain_and_version_answer);
    arena_destroy(arena);
    return CHECK_REPORT();
}
