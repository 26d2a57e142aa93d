/* The life of an order (section 10.3): bought, proven, vetted, issued, reissued, cancelled. Every change is
 * in the journal before the answer that tells of it leaves. */
#include "sandbox/orders.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "sandbox/crypto.h"
#include "sandbox/order_codec.h"
#include "sandbox/validate.h"

enum {
    TICK_MS = 50,
    FIRST_POLL_MS = 200,
    POLL_CEILING_MS = 2000,
    QUIET_POLL_MS = 30000,
    STATUS_POLL_MS = 100
};

const char *method_name(enum method method)
{
    static const char *const names[] = {[METHOD_EMAIL] = "EMAIL",
                                        [METHOD_HTTP] = "HTTP",
                                        [METHOD_HTTPS] = "HTTPS",
                                        [METHOD_CNAME] = "CNAME",
                                        [METHOD_TXT] = "dns_txt_token"};
    return names[method];
}

/* Attempts are made in real time, however the clock is turned. */
static int64_t real_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- keeping --------------------------------------------------------------------------------- */

static void append_line(int fd, const char *line)
{
    struct error err = {0};
    struct buffer text = {0};
    buffer_printf(&text, "%s\n", line);
    /* One write: a line is there or it is not. */
    if (fd >= 0 && !file_write_all(fd, text.data, text.length, &err))
        log_event(LOG_ERROR, "journal not written", "reason", err.message, NULL);
    buffer_release(&text);
}

void order_save(struct sandbox *sandbox, struct order *order)
{
    order->changed_at = clock_now();
    char *line = order_encode(order);
    append_line(sandbox->orders_fd, line);
    free(line);
}

static void index_order(struct sandbox *sandbox, struct order *order)
{
    if (!text_empty(order->custom_id) && text_map_get(sandbox->by_custom, order->custom_id) == NULL)
        text_map_put(sandbox->by_custom, order->custom_id,
                     order); /* of two, the first answers (section 14) */
    for (size_t i = 0; i < order->proof_count; i++)
        if (!text_empty(order->proofs[i].mail_token))
            text_map_put(sandbox->by_mail, order->proofs[i].mail_token, order);
    if (!text_empty(order->csr_sha256))
        text_map_put(sandbox->by_csr,
                     arena_printf(sandbox->arena, "%s.%s", order->csr_sha256,
                                  order->unique_value != NULL ? order->unique_value : ""),
                     order);
}

static void enqueue(struct sandbox *sandbox, struct order *order)
{
    order->attempts = 0;
    order->next_attempt_ms = 0;
    if (order->queued || !order->wants_issue)
        return;
    order->queued = true;
    sandbox->pending = realloc(sandbox->pending, (sandbox->pending_count + 1) * sizeof(struct order *));
    if (sandbox->pending == NULL)
        abort();
    sandbox->pending[sandbox->pending_count++] = order;
    if (!evtimer_pending(sandbox->tick, NULL))
        evtimer_add(sandbox->tick, &(struct timeval){.tv_usec = TICK_MS * 1000});
}

static struct order *add_order(struct sandbox *sandbox, int64_t id)
{
    size_t index = (size_t)(id - FIRST_ORDER);
    if (index >= sandbox->order_count) {
        sandbox->orders = realloc(sandbox->orders, (index + 1) * sizeof(struct order *));
        if (sandbox->orders == NULL)
            abort();
        while (sandbox->order_count <= index)
            sandbox->orders[sandbox->order_count++] = NULL;
    }
    if (sandbox->orders[index] == NULL)
        sandbox->orders[index] = arena_alloc(sandbox->arena, sizeof(struct order));
    return sandbox->orders[index];
}

static bool take_line(struct sandbox *sandbox, const char *line, size_t length)
{
    cJSON *json = cJSON_ParseWithLength(line, length);
    struct order read;
    bool good = json != NULL && order_decode(sandbox->arena, json, &read) &&
                read.id < FIRST_ORDER + 10 * 1000 * 1000;
    if (good)
        *add_order(sandbox, read.id) = read; /* the last line of a number stands */
    cJSON_Delete(json);
    return good;
}

static bool read_ledger_line(struct sandbox *sandbox, const char *line, size_t length)
{
    cJSON *entry = cJSON_ParseWithLength(line, length);
    if (entry == NULL)
        return false;
    cJSON_AddItemToArray(sandbox->ledger_entries, entry);
    const cJSON *cents = cJSON_GetObjectItemCaseSensitive(entry, "cents");
    sandbox->ledger.count++;
    sandbox->ledger.cents += cJSON_IsNumber(cents) ? (int64_t)cents->valuedouble : 0;
    return true;
}

static bool read_lines(struct sandbox *sandbox, const char *name, int *out_fd,
                       bool (*take)(struct sandbox *, const char *, size_t), struct error *err)
{
    int fd = openat(sandbox->directory_fd, name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_raise(err, ERROR_SYSTEM, "cannot open %s: %s", name, strerror(errno));
    struct buffer text = {.limit = 1u << 30};
    bool read = file_read(fd, (size_t)1 << 30, &text, err);
    const char *at = buffer_text(&text), *end = at + text.length;
    while (read && at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL) /* killed while writing: the answer never left */
            break;
        if (!take(sandbox, at, (size_t)(stop - at)))
            read = error_raise(err, ERROR_STATE, "%s holds a line that cannot be read", name);
        at = stop + 1;
    }
    if (read && at < end && ftruncate(fd, at - text.data) != 0)
        read = error_raise(err, ERROR_SYSTEM, "cannot shorten %s: %s", name, strerror(errno));
    buffer_release(&text);
    *out_fd = fd;
    return read;
}

bool orders_load(struct sandbox *sandbox, struct error *err)
{
    if (!read_lines(sandbox, "orders.jsonl", &sandbox->orders_fd, take_line, err) ||
        !read_lines(sandbox, "ledger.jsonl", &sandbox->ledger_fd, read_ledger_line, err))
        return false;
    for (size_t i = 0; i < sandbox->order_count; i++) {
        struct order *order = sandbox->orders[i];
        if (order == NULL)
            continue;
        index_order(sandbox, order);
        enqueue(sandbox, order);
        if (order->partner_id >= sandbox->next_partner)
            sandbox->next_partner = order->partner_id + 1;
        if (order->vendor_id >= sandbox->next_vendor)
            sandbox->next_vendor = order->vendor_id + 1;
    }
    return true;
}

void orders_close(struct sandbox *sandbox)
{
    free(sandbox->orders);
    free(sandbox->pending);
    fd_release(&sandbox->orders_fd);
    fd_release(&sandbox->ledger_fd);
}

/* ---- buying ---------------------------------------------------------------------------------- */

static void write_ledger(struct sandbox *sandbox, const struct order *order, const char *path)
{
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddNumberToObject(entry, "sequence", (double)++sandbox->ledger.count);
    cJSON_AddNumberToObject(entry, "at", (double)clock_now());
    cJSON_AddStringToObject(entry, "path", path);
    cJSON_AddStringToObject(entry, "order", arena_printf(sandbox->scratch, "%lld", (long long)order->id));
    cJSON_AddStringToObject(entry, "customOrderId", order->custom_id != NULL ? order->custom_id : "");
    cJSON_AddStringToObject(entry, "product", order->product->code);
    cJSON_AddNumberToObject(entry, "months", order->months);
    cJSON_AddNumberToObject(entry, "cents", (double)order->amount_cents);
    cJSON *names = cJSON_AddArrayToObject(entry, "names");
    if (!text_empty(order->common_name))
        cJSON_AddItemToArray(names, cJSON_CreateString(order->common_name));
    for (size_t i = 0; i < order->more_names.count; i++)
        cJSON_AddItemToArray(names, cJSON_CreateString(order->more_names.items[i]));
    cJSON_AddStringToObject(entry, "csrSha256", order->csr_sha256 != NULL ? order->csr_sha256 : "");
    sandbox->ledger.cents += order->amount_cents;
    char *line = cJSON_PrintUnformatted(entry);
    append_line(sandbox->ledger_fd, line);
    free(line);
    cJSON_AddItemToArray(sandbox->ledger_entries, entry);
}

static int64_t months_later(int64_t from, int months)
{
    time_t at = (time_t)from;
    struct tm day;
    gmtime_r(&at, &day);
    int month = day.tm_mon + months, year = day.tm_year + 1900 + month / 12;
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    int longest = lengths[month % 12] + (leap && month % 12 == 1);
    return clock_from_civil(year, month % 12 + 1, day.tm_mday < longest ? day.tm_mday : longest,
                            day.tm_hour, day.tm_min, day.tm_sec);
}

static struct string_list copy_list(struct arena *arena, const struct string_list *list)
{
    struct string_list copy = {0};
    for (size_t i = 0; i < list->count; i++)
        string_list_push(arena, &copy, arena_strdup(arena, list->items[i]));
    return copy;
}

/* What a wish says, from the request's arena into ours. */
static void take_wish(struct sandbox *sandbox, struct order *order, const struct wish *wish)
{
    struct arena *arena = sandbox->arena;
    order->common_name = arena_strdup(arena, wish->common_name);
    order->more_names = copy_list(arena, &wish->more_names);
    order->csr_pem = arena_strdup(arena, wish->csr_pem);
    order->csr_sha256 = arena_strdup(arena, wish->csr_sha256);
    order->csr_md5 = arena_strdup(arena, wish->csr_md5);
    order->unique_value = arena_strdup(arena, wish->unique_value);
    order->approver_email = arena_strdup(arena, wish->approver_email);
    order->web_server = arena_strdup(arena, wish->web_server);
    order->hash = arena_strdup(arena, wish->hash);
    order->twin = wish->twin;
    order->proof_count = wish->proof_count;
    order->proofs = arena_array(arena, wish->proof_count, sizeof *order->proofs);
    for (size_t i = 0; i < wish->proof_count; i++) {
        const struct proof *from = &wish->proofs[i];
        order->proofs[i] = (struct proof){.domain = arena_strdup(arena, from->domain),
                                          .method = from->method,
                                          .done = from->done,
                                          .approver = arena_strdup(arena, from->approver),
                                          .mail_token = arena_strdup(arena, from->mail_token),
                                          .file_name = arena_strdup(arena, from->file_name),
                                          .file_content = arena_strdup(arena, from->file_content),
                                          .record_name = arena_strdup(arena, from->record_name),
                                          .record_data = arena_strdup(arena, from->record_data),
                                          .problem = ""};
    }
}

struct order *order_create(struct sandbox *sandbox, const struct wish *wish, int64_t purchased_at,
                           bool paid, const char *path)
{
    struct order *order = add_order(sandbox, FIRST_ORDER + (int64_t)sandbox->order_count);
    struct arena *arena = sandbox->arena;
    char *code = arena_strdup(arena, random_word(sandbox->scratch, 24));
    *order = (struct order){.id = FIRST_ORDER + (int64_t)sandbox->order_count - 1,
                            .partner_id = sandbox->next_partner++,
                            .vendor_id = sandbox->next_vendor++,
                            .product = wish->product,
                            .major = "Initial",
                            .minor = "Awaiting configuration",
                            .purchased_at = purchased_at,
                            .months = wish->months,
                            .expires_at = months_later(purchased_at, wish->months),
                            .server_count = wish->server_count,
                            .san_count = wish->san_count,
                            .wildcard_san_count = wish->wildcard_san_count,
                            .amount_cents = wish->amount_cents,
                            .custom_id = arena_strdup(arena, wish->custom_id),
                            .token_code = code,
                            .admin = "null",
                            .technical = "null",
                            .organization = "null",
                            .changed_at = purchased_at};
    order->token_id = arena_printf(arena, "SBX%lld", (long long)order->id);
    if (wish->csr_pem != NULL)
        order_configure(sandbox, order, wish);
    else
        order->tiny = true;
    index_order(sandbox, order);
    order_save(sandbox, order);
    if (paid)
        write_ledger(sandbox, order, path);
    return order;
}

static void send_mails(struct sandbox *sandbox, const struct order *order)
{
    for (size_t i = 0; i < order->proof_count; i++) {
        const struct proof *proof = &order->proofs[i];
        bool again = i > 0 && text_equal(proof->mail_token, order->proofs[i - 1].mail_token);
        if (proof->method == METHOD_EMAIL && !proof->done && !again)
            mail_approver(sandbox, order, proof);
    }
}

static void start_round(struct sandbox *sandbox, struct order *order, const struct wish *wish)
{
    take_wish(sandbox, order, wish);
    index_order(sandbox, order);
    order->round++;
    order->wants_issue = true;
    order->issue_at_ms = 0;
    send_mails(sandbox, order);
    enqueue(sandbox, order);
}

void order_configure(struct sandbox *sandbox, struct order *order, const struct wish *wish)
{
    order->admin = arena_strdup(sandbox->arena, wish->admin);
    order->technical = arena_strdup(sandbox->arena, wish->technical);
    order->organization = arena_strdup(sandbox->arena, wish->organization);
    order->major = "Pending";
    order->minor = "Awaiting domain validation";
    order->tiny_claimed = order->tiny;
    order->vetted_at_ms = order->product->level == LEVEL_DV
                              ? 0
                              : clock_now_ms() + sandbox->settings.vetting_delay_ms;
    start_round(sandbox, order, wish);
    order_advance(sandbox, order);
}

void order_reissue(struct sandbox *sandbox, struct order *order, const struct wish *wish)
{
    order->partner_id = sandbox->next_partner++;
    order->minor = "PENDING_REISSUE";
    order->san_count = wish->san_count;
    order->wildcard_san_count = wish->wildcard_san_count;
    start_round(sandbox, order, wish);
    order_advance(sandbox, order);
    order_save(sandbox, order);
}

/* ---- looking --------------------------------------------------------------------------------- */

struct order *order_by_id(const struct sandbox *sandbox, int64_t id)
{
    int64_t index = id - FIRST_ORDER;
    return index >= 0 && (size_t)index < sandbox->order_count ? sandbox->orders[index] : NULL;
}

struct order *order_by_custom(const struct sandbox *sandbox, const char *custom_id)
{
    return text_map_get(sandbox->by_custom, custom_id);
}

const char *order_major(const struct order *order)
{
    return strcmp(order->major, "Cancelled") != 0 && clock_now() >= order->expires_at ? "Expired"
                                                                                      : order->major;
}

bool order_is_live(const struct order *order)
{
    const char *major = order_major(order);
    return strcmp(major, "Cancelled") != 0 && strcmp(major, "Expired") != 0;
}

bool order_awaits_proof(const struct order *order)
{
    if (!order->wants_issue || !order_is_live(order))
        return false;
    for (size_t i = 0; i < order->proof_count; i++)
        if (!order->proofs[i].done)
            return true;
    return false;
}

/* ---- going on -------------------------------------------------------------------------------- */

static void issue(struct sandbox *sandbox, struct order *order)
{
    struct error err = {0};
    struct leaf leaf;
    if (!authority_issue(sandbox->authority, order, clock_now(), LEAF_GOOD, sandbox->arena, &leaf, &err)) {
        log_event(LOG_ERROR, "not issued", "reason", err.message, NULL);
        return;
    }
    order->leaf_pem = leaf.pem;
    order->serial = leaf.serial;
    order->not_before = leaf.not_before;
    order->not_after = leaf.not_after;
    order->wants_issue = false;
    order->major = "Active";
    order->minor = "Issued";
    char number[32];
    snprintf(number, sizeof number, "%lld", (long long)order->id);
    log_event(LOG_INFO, "issued", "order", number, "name", order->common_name, "serial", order->serial,
              NULL);
}

void order_advance(struct sandbox *sandbox, struct order *order)
{
    if (!order->wants_issue || !order_is_live(order) || order_awaits_proof(order))
        return;
    int64_t now = clock_now_ms();
    bool reissue = strcmp(order->minor, "PENDING_REISSUE") == 0;
    if (order->issue_at_ms == 0) {
        order->issue_at_ms = now + sandbox->settings.issue_delay_ms;
        if (!reissue)
            order->minor = order->vetted_at_ms > now ? "Awaiting organization vetting"
                                                     : "Awaiting issuance";
    }
    if (now >= order->vetted_at_ms && now >= order->issue_at_ms) {
        issue(sandbox, order);
        order_save(sandbox, order);
    }
}

void order_cancel(struct sandbox *sandbox, struct order *order, const char *minor)
{
    order->major = "Cancelled";
    order->minor = minor;
    order->wants_issue = false;
    order_save(sandbox, order);
}

static const char *base_name(const char *domain)
{
    return text_has_prefix(domain, "*.") ? domain + 2 : domain;
}

/* Section 11.6: by DNS and by e-mail the base name stands for its www. twin too. */
static void mark_twin_done(struct order *order, const struct proof *proof)
{
    for (size_t i = 0; i < order->proof_count; i++) {
        struct proof *twin = &order->proofs[i];
        bool file = twin->method == METHOD_HTTP || twin->method == METHOD_HTTPS;
        if (!file && twin->method == proof->method && text_has_prefix(twin->domain, "www.") &&
            strcmp(twin->domain + 4, proof->domain) == 0)
            twin->done = true;
    }
}

static void mark_done(struct sandbox *sandbox, struct order *order, struct proof *proof)
{
    proof->done = true;
    proof->problem = "";
    mark_twin_done(order, proof);
    /* Remembered for reuse, per family: section 11.4. The value is the time, not a pointer. */
    const char *key = arena_printf(sandbox->arena, "%d %s", product_is_sectigo(order->product),
                                   base_name(proof->domain));
    text_map_put(sandbox->validated, key, (void *)(uintptr_t)clock_now());
}

bool orders_approve(struct sandbox *sandbox, const char *token)
{
    struct order *order = text_map_get(sandbox->by_mail, token);
    bool meant = false;
    for (size_t i = 0; order != NULL && i < order->proof_count; i++)
        if (text_equal(order->proofs[i].mail_token, token)) {
            mark_done(sandbox, order, &order->proofs[i]);
            meant = true;
        }
    if (meant) {
        order_save(sandbox, order);
        order_advance(sandbox, order);
    }
    return meant;
}

void order_proved(struct sandbox *sandbox, int64_t id, int round, size_t index, bool good,
                  const char *problem)
{
    struct order *order = order_by_id(sandbox, id);
    if (order == NULL || order->round != round || index >= order->proof_count)
        return; /* of a former round: means nothing now */
    struct proof *proof = &order->proofs[index];
    proof->running = false;
    proof->last_poll = clock_now();
    if (good && !proof->done) {
        mark_done(sandbox, order, proof);
        order_save(sandbox, order);
        order_advance(sandbox, order);
    } else if (!good && !text_equal(proof->problem, problem)) {
        proof->problem = arena_strdup(sandbox->arena, problem);
    }
}

static void attempt(struct sandbox *sandbox, struct order *order, int64_t now)
{
    for (size_t i = 0; i < order->proof_count; i++) {
        struct proof *proof = &order->proofs[i];
        if (!proof->done && !proof->running && proof->method != METHOD_EMAIL) {
            proof->running = true;
            validator_try(sandbox->validator, order, i);
        }
    }
    /* 0.2 s, then slower up to 2 s; after a minute or so only every half minute, as vendors get slower too.
     */
    int64_t wait = FIRST_POLL_MS << (order->attempts < 4 ? order->attempts : 4);
    order->attempts++;
    order->last_attempt_ms = now;
    order->next_attempt_ms = now + (order->attempts > 40     ? QUIET_POLL_MS
                                    : wait < POLL_CEILING_MS ? wait
                                                             : POLL_CEILING_MS);
}

void order_attempt_now(struct sandbox *sandbox, struct order *order)
{
    int64_t now = real_ms();
    if (order_awaits_proof(order) && now - order->last_attempt_ms >= STATUS_POLL_MS)
        attempt(sandbox, order, now);
}

void orders_tick(struct sandbox *sandbox)
{
    int64_t now = real_ms();
    size_t kept = 0, count = sandbox->pending_count;
    for (size_t i = 0; i < count; i++) {
        struct order *order = sandbox->pending[i];
        if (order_awaits_proof(order) && now >= order->next_attempt_ms)
            attempt(sandbox, order, now);
        order_advance(sandbox, order);
        if (order->wants_issue && order_is_live(order))
            sandbox->pending[kept++] = order;
        else
            order->queued = false;
    }
    sandbox->pending_count = kept;
    if (kept > 0)
        evtimer_add(sandbox->tick, &(struct timeval){.tv_usec = TICK_MS * 1000});
}
