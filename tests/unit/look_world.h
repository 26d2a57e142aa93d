/* A store with records, manifests beside it, and verbs run as a person runs them: each in a process of its own. */
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "controller/command.h"
#include "controller/command_run.h"
#include "controller/records.h"
#include "controller/state.h"
#include "schema/certificate.h"
#include "schema/manifest.h"
#include "reconcilers/issuer/issuer.h"

#include "check.h"
#include "scratch.h"

static struct arena *arena;
static char folder[80];
static int64_t now;
static char *out, *err; /* of the last run */

/* ---- the world ---- */

static const char *at(const char *name) { return arena_printf(arena, "%s/%s", folder, name); }

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(at(name), "w");
    CHECK(file != NULL);
    fputs(text, file);
    fclose(file);
    chmod(at(name), 0600);
}

#define HEAD(kind, name) \
    "---\napiVersion: certwright/v1alpha1\nkind: " kind "\nmetadata: {name: " name ", labels: {team: " name \
    "}}\nspec:\n"
static const char background[] =
    HEAD("Issuer", "main") "  sslstore: {environment: offline, partnerCode: \"1001\", authTokenSecretRef: "
                           "{name: sslstore, key: token}}\n" HEAD(
                               "DeployTarget",
                               "web") "  domains: [\"*.example.com\"]\n  local: {root: nginx}\n  path: "
                                      "\"{name}\"\n  probe: {address: \"127.0.0.1:443\"}\n"
                                      "  challenge: {http: {root: nginx}}\n";
static const char shop[] =
    HEAD("Certificate", "shop") "  dnsNames: [shop.example.com]\n  order: {product: positivessl}\n  dcv: "
                                "{method: HTTP}\n  targets: [{name: web}]\n";
static const char mail[] = HEAD("Certificate", "mail")
    "  dnsNames: [mail.example.com]\n  order: {product: positivessl}\n  dcv: {method: Email}\n";

static void fresh_world(void)
{
    scratch_folder(folder, sizeof folder);
    mkdir(at("manifests"), 0700);
    mkdir(at("targets"), 0700);
    write_file("certwright.yaml",
               arena_printf(
                   arena,
                   "apiVersion: certwright/v1alpha1\nkind: ControllerConfig\nmanifests: {directory: \"%s\"}\n"
                   "state: {directory: \"%s\"}\nsealingKey: {file: \"%s\"}\nsecrets: {directory: \"%s\"}\n"
                   "audit: {directory: \"%s\"}\ndeploy: {roots: {nginx: {path: \"%s\"}}}\n"
                   "endpoints: {offline: {url: \"https://127.0.0.1:1/rest/\", sandbox: true}}\n",
                   at("manifests"), at("state"), at("sealing.key"), at("secrets"), at("audit"),
                   at("targets")));
    write_file("manifests/background.yaml", background);
    write_file("manifests/shop.yaml", shop);
    now = clock_now();
}

static struct state *open_store(void)
{
    struct error error = {0};
    struct state_options options = {.directory = at("state"), .sealing_key_file = at("sealing.key"),
                                    .audit_directory = at("audit"), .mode = STATE_WRITE, .holder = "run"};
    struct state *state = state_open(&options, &error);
    CHECK_OK(state != NULL, error);
    return state;
}

static void commit(struct state *state, struct state_batch *batch)
{
    struct error error = {0};
    CHECK_OK(state_commit(state, batch, false, &error), error);
    state_batch_destroy(batch);
}

/* ---- running a verb ---- */

static char *slurp(const char *path)
{
    struct buffer text = {0};
    char chunk[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    for (ssize_t got; (got = read(fd, chunk, sizeof chunk)) > 0;)
        buffer_append(&text, chunk, (size_t)got);
    close(fd);
    char *copy = arena_strdup(arena, buffer_text(&text));
    buffer_release(&text);
    return copy;
}

static int run_words(const char *words)
{
    char *argv[32] = {(char *)(uintptr_t) "certwright"};
    int argc = 1;
    struct string_list parts = text_split(arena, words, ' ');
    for (size_t i = 0; i < parts.count && argc < 31; i++)
        argv[argc++] = (char *)(uintptr_t)parts.items[i];
    char out_path[100], err_path[100];
    snprintf(out_path, sizeof out_path, "%s.out", folder);
    snprintf(err_path, sizeof err_path, "%s.err", folder);
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        int o = open(out_path, O_WRONLY | O_CREAT | O_TRUNC, 0600),
            e = open(err_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(o, 1);
        dup2(e, 2);
        exit(command_run(argc, argv)); /* leaks are looked for, too */
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    out = slurp(out_path);
    err = slurp(err_path);
    unlink(out_path);
    unlink(err_path);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* "get certificate" with the operator's file of this world. */
static int run(const char *words)
{
    return run_words(arena_printf(arena, "%s --config %s/certwright.yaml", words, folder));
}

static bool says(const char *text) { return strstr(out, text) != NULL; }
#define CHECK_SAYS(text) \
    do { \
        if (!says(text)) { \
            fprintf(stderr, "%s:%d: \"%s\" is missing in:\n%s%s", __FILE__, __LINE__, (text), out, err); \
            longjmp(check_escape, 1); \
        } \
    } while (0)

/* The text at a path of the JSON that was printed ("status.order.vendorOrderId", "items.0.kind"). */
static const char *member(const char *path)
{
    struct error error = {0};
    struct json *document = json_parse(out, strlen(out), &error);
    CHECK_OK(document != NULL, error);
    const struct json *value = document;
    struct string_list parts = text_split(arena, path, '.');
    for (size_t i = 0; i < parts.count; i++) {
        if (json_is_array(value)) {
            value = json_first(value);
            for (int skip = atoi(parts.items[i]); skip > 0; skip--)
                value = json_next(value);
        } else {
            value = json_member(value, parts.items[i]);
        }
    }
    bool truth;
    const char *text = json_is_bool(value) && json_bool(value, &truth) ? (truth ? "true" : "false")
                                                                       : json_text(arena, value);
    json_destroy(document);
    return text != NULL ? text : "";
}

/* ---- records ---- */

static struct certificate_record record_of(const char *name)
{
    return (struct certificate_record){.namespace_ = "default",
                                       .name = name,
                                       .common_name = "",
                                       .cycle = 1,
                                       .spec_digest = "",
                                       .phase = "",
                                       .reason = "",
                                       .message = "",
                                       .error_kind = "",
                                       .error = "",
                                       .error_step = "",
                                       .first_seen = now - 600};
}

static struct order_record order_of(const char *name, const char *domain)
{
    struct order_record order = {.namespace_ = "default",
                                 .name = name,
                                 .cycle = 1,
                                 .attempt = 1,
                                 .custom_order_id = "cw1-ours",
                                 .issuer = "main",
                                 .environment = "offline",
                                 .endpoint = "https://127.0.0.1:1/rest/",
                                 .product = "positivessl",
                                 .term_months = 12,
                                 .server_count = 1,
                                 .common_name = domain,
                                 .key_algorithm = "RSA",
                                 .key_size = 2048,
                                 .key_id = "k1",
                                 .csr_sha256 = "",
                                 .csr_md5 = "",
                                 .unique_value = "",
                                 .request_sha256 = "",
                                 .price_cents = 750,
                                 .currency = "USD",
                                 .budget_period = "",
                                 .state = ORDER_PLACED,
                                 .prepared_at = now - 500,
                                 .submitted_at = now - 499,
                                 .placed_at = now - 498,
                                 .polled_at = now - 60,
                                 .poll_at = now + 600,
                                 .holder = "",
                                 .grace_boot = "",
                                 .held_reason = "",
                                 .vendor_order_id = "1000001",
                                 .partner_order_id = "",
                                 .ca_order_id = "777000",
                                 .major_status = "Pending",
                                 .minor_status = "",
                                 .refused_text = "",
                                 .relevant_digest = "",
                                 .phase = VENDOR_PENDING,
                                 .subscription_ends_at = now + 300 * 86400};
    string_list_push(arena, &order.names, domain);
    return order;
}

static struct challenge_record challenge_of(const char *name, const char *domain, enum dcv_method method)
{
    return (struct challenge_record){.namespace_ = "default", .name = name, .cycle = 1, .domain = domain,
        .method = (int)method, .record_name = "", .record_type = "", .record_value = "", .file_name = "",
        .file_content = "", .next_record_name = "", .next_record_type = "", .next_record_value = "",
        .next_file_name = "", .next_file_content = "", .approver = "", .account = "", .zone = "", .target = "",
        .vendor_status = "", .led_to = "", .led_account = "", .last_check = "", .error = "", .created_at = now - 498};
}

static void put_event(struct state_batch *batch, const char *name, const char *reason, int64_t when,
                      const char *message)
{
    struct event_record event = {.at = when,
                                 .last_at = when,
                                 .count = 1,
                                 .kind = "Certificate",
                                 .namespace_ = "default",
                                 .name = name,
                                 .type = "Normal",
                                 .reason = reason,
                                 .message = message};
    record_put(batch, TABLE_EVENT, arena_printf(arena, "Certificate/default/%s/%s", name, reason),
               &event_record_table, &event, STATE_ANY);
}

/* certificate/shop, placed, its file in place. */
static void put_shop(struct state_batch *batch, const struct order_record *order)
{
    struct certificate_record record = record_of("shop");
    struct challenge_record challenge = challenge_of("shop", "shop.example.com", DCV_HTTP);
    challenge.state = CHALLENGE_PRESENTED;
    challenge.presented_at = challenge.checked_at = now - 100;
    challenge.file_name = "PROOF.txt";
    challenge.file_content = "line one\nline two";
    challenge.target = "web";
    record_put(batch, TABLE_CERTIFICATE, "default/shop", &certificate_record_table, &record, 0);
    record_put(batch, TABLE_ORDER, "default/shop/000001", &order_record_table, order, 0);
    record_put(batch, TABLE_CHALLENGE, challenge_key(arena, &challenge), &challenge_record_table, &challenge,
               0);
    put_event(batch, "shop", "Seen", now - 10, "later");
    put_event(batch, "shop", "Placed", now - 498, "placed as order 1000001");
}

static void store_with_shop(void)
{
    struct state *state = open_store();
    struct state_batch *batch = state_batch_create();
    struct order_record order = order_of("shop", "shop.example.com");
    put_shop(batch, &order);
    commit(state, batch);
    state_close(state);
}

