/* The order object (9), the challenges in it (11), and what the answer to an order means
 * (reliability.md 4.3).
 *
 * Reading never fails: what is absent or unreadable is not stated. What may spend money or be published is
 * judged strictly: the order number, the echoed id, records and files of a challenge. The members Token,
 * TokenID, TokenCode and CustomerPassword are secrets of the order and are never read. */
#include "reconcilers/issuer/sslstore/sslstore.h"

#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/http.h"
#include "base/json.h"
#include "base/log.h"
#include "base/names.h"

enum { MAX_CHALLENGES = 1000, MAX_RECORD = 255, MAX_FILE_NAME = 128, MAX_FILE = 4096 };

/* ---- status words (10) ---- */

/* Unknown words are not here on purpose: they mean "wait and report". */
static const struct {
    const char *word;
    enum vendor_phase phase;
} major_words[] = {
    {"Initial", VENDOR_INITIAL},
    {"Pending", VENDOR_PENDING},
    {"Start", VENDOR_PENDING},
    {"Active", VENDOR_ACTIVE},
    {"Valid", VENDOR_ACTIVE},
    {"Enrolled", VENDOR_ACTIVE},
    {"Complete", VENDOR_ACTIVE},
    {"Completed", VENDOR_ACTIVE},
    {"Issued", VENDOR_ACTIVE},
    {"Replaced", VENDOR_ACTIVE},
    {"Reissued", VENDOR_ACTIVE},
    {"Cancelled", VENDOR_CANCELLED},
    {"Canceled", VENDOR_CANCELLED},
    {"Revoked", VENDOR_CANCELLED},
    {"Refunded", VENDOR_CANCELLED},
    {"Rejected", VENDOR_CANCELLED},
    {"Order Rejected", VENDOR_CANCELLED},
    {"CertGen_Failed", VENDOR_CANCELLED},
    {"Expired", VENDOR_EXPIRED},
};

/* The value set of dcvStatus is not documented (9.2): these say yes, whatever stands between the letters. */
static const char *const validated_words[] = {
    "approved", "validated",  "completed", "complete", "valid", "verified",         "succeeded",
    "success",  "successful", "satisfied", "passed",   "done",  "alreadyvalidated", "prevalidated"};

/* Lower case, letters only: "Pending Reissue", "PENDING_REISSUE" and "pending-reissue" are one word. */
static const char *letters(struct arena *arena, const char *text)
{
    char *word = text_lower(arena, text), *to = word;
    for (const char *c = word; *c != '\0'; c++)
        if (*c >= 'a' && *c <= 'z')
            *to++ = *c;
    *to = '\0';
    return word;
}

static enum vendor_phase phase_of(const char *major, const char *minor, struct arena *arena)
{
    enum vendor_phase phase = VENDOR_UNKNOWN;
    for (size_t i = 0; i < COUNT_OF(major_words); i++)
        if (strcasecmp(major, major_words[i].word) == 0)
            phase = major_words[i].phase;
    return phase == VENDOR_ACTIVE && strcmp(letters(arena, minor), "pendingreissue") == 0 ? VENDOR_REISSUING
                                                                                          : phase;
}

static bool says_validated(const char *status, struct arena *arena)
{
    const char *word = letters(arena, status);
    for (size_t i = 0; i < COUNT_OF(validated_words); i++)
        if (strcmp(word, validated_words[i]) == 0)
            return true;
    return false;
}

/* ---- names ---- */

/* Canonical, or lower case as far as it is one word; "" for a product title in place of a name (4.11). */
static const char *host_name(struct arena *arena, const char *raw)
{
    const char *reason,
        *text = text_trim(arena, text_clean(arena, raw != NULL ? raw : "", raw ? strlen(raw) : 0, 300));
    const char *name = name_canonical(arena, text, &reason);
    return name != NULL ? name : strpbrk(text, " \t") != NULL ? "" : text_lower(arena, text);
}

static void add_name(struct arena *arena, struct string_list *names, const char *raw)
{
    const char *name = host_name(arena, raw);
    if (*name != '\0' && !string_list_contains(names, name))
        string_list_push(arena, names, name);
}

/* Comma-joined in order objects, an array elsewhere (4.5). */
static void add_names(struct arena *arena, struct string_list *names, const struct json *value)
{
    if (json_is_array(value)) {
        for (const struct json *item = json_first(value); item != NULL; item = json_next(item))
            add_name(arena, names, json_string(item));
        return;
    }
    struct string_list parts = text_split(arena, json_string(value) != NULL ? json_string(value) : "", ',');
    for (size_t i = 0; i < parts.count; i++)
        add_name(arena, names, parts.items[i]);
}

/* ---- challenges (11) ---- */

static bool printable(const char *text, size_t most, bool lines)
{
    size_t length = 0;
    for (; text[length] != '\0'; length++)
        if ((text[length] < ' ' || text[length] > '~') &&
            !(lines && (text[length] == '\n' || text[length] == '\r')))
            return false;
    return length > 0 && length <= most;
}

static const char *without_dot(struct arena *arena, const char *name)
{
    size_t length = strlen(name);
    return length > 0 && name[length - 1] == '.' ? arena_strndup(arena, name, length - 1) : name;
}

/* The label of a wildcard is not part of a record's name: "_x.*.example.com" is "_x.example.com" (11.2). */
static const char *record_name(struct arena *arena, const char *raw, const char *domain)
{
    const char *name = raw != NULL ? text_lower(arena, text_trim(arena, raw)) : "";
    if (*name == '\0')
        name = domain;
    name = name_without_wildcard(without_dot(arena, name));
    const char *star = strstr(name, ".*.");
    return star != NULL ? arena_printf(arena, "%.*s%s", (int)(star - name), name, star + 2) : name;
}

/* 11.3. What cannot be a CNAME comes first, then the vendor's word, then the shape of the data. */
static const char *record_type(struct arena *arena, const char *name, const char *value, const char *domain,
                               const char *method)
{
    const char *word = letters(arena, method), *reason;
    if (strcmp(name, domain) == 0 || zone_canonical(arena, value, &reason) == NULL)
        return "TXT"; /* no CNAME beside the zone's own records, and none to what is no name */
    if (strcmp(word, "txt") == 0 || text_has_prefix(word, "dnstxt"))
        return "TXT";
    if (strcmp(word, "cname") == 0 || text_has_prefix(word, "dnscname"))
        return "CNAME";
    return strchr(value, '.') != NULL ? "CNAME" : "TXT";
}

static void set_record(struct arena *arena, struct vendor_challenge *challenge, const char *name,
                       const char *value)
{
    const char *reason, *domain = name_without_wildcard(challenge->domain);
    if (text_empty(value))
        return;
    const char *owner = record_name(arena, name, domain);
    if (!printable(value, MAX_RECORD, false) || zone_canonical(arena, owner, &reason) == NULL) {
        log_event(LOG_WARN, "a record from the vendor cannot be used", "domain", challenge->domain, "record",
                  text_clean(arena, owner, strlen(owner), 0), NULL);
        return;
    }
    challenge->record_name = owner;
    challenge->record_type = record_type(arena, owner, value, domain, challenge->method);
    challenge->record_value = strcmp(challenge->record_type, "CNAME") == 0
                                  ? without_dot(arena, arena_strdup(arena, value))
                                  : arena_strdup(arena, value);
}

/* The bare name, whatever path comes with it (11.1); nothing that could lead elsewhere. */
static void set_file(struct arena *arena, struct vendor_challenge *challenge, const char *name,
                     const char *content)
{
    if (text_empty(name) || text_empty(content))
        return;
    for (const char *c = name; *c != '\0'; c++)
        if (*c == '/' || *c == '\\')
            name = c + 1;
    size_t length = strlen(name);
    if (length == 0 || length > MAX_FILE_NAME || *name == '.' || !printable(content, MAX_FILE, true) ||
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") != length) {
        log_event(LOG_WARN, "a file from the vendor cannot be used", "domain", challenge->domain, NULL);
        return;
    }
    challenge->file_name = arena_strdup(arena, name);
    challenge->file_content = arena_strdup(arena, content);
}

static bool same_proof(const struct vendor_challenge *a, const struct vendor_challenge *b)
{
    return strcmp(a->domain, b->domain) == 0 && text_equal(a->record_name, b->record_name) &&
           text_equal(a->record_value, b->record_value) && text_equal(a->file_name, b->file_name);
}

static void add_challenge(struct arena *arena, struct vendor_order *order,
                          const struct vendor_challenge *challenge)
{
    for (size_t i = 0; i < order->challenge_count; i++)
        if (same_proof(&order->challenges[i], challenge))
            return;
    if (order->challenge_count < MAX_CHALLENGES)
        *arena_push(arena, &order->challenges, order->challenge_count) = *challenge;
}

static void read_element(const struct json *element, struct arena *arena, struct vendor_order *order)
{
    const char *domain = host_name(arena, sslstore_raw(arena, element, "domain"));
    if (*domain == '\0')
        domain = host_name(arena, sslstore_raw(arena, element, "DomainToValidate"));
    struct vendor_challenge challenge = {
        .domain = *domain != '\0' ? domain : order->common_name,
        .method = sslstore_text(arena, element, "dcvMethod"),
        .status = sslstore_text(arena, element, "dcvStatus"),
    };
    challenge.validated = says_validated(challenge.status, arena);
    set_record(arena, &challenge, sslstore_raw(arena, element, "DNSName"),
               sslstore_raw(arena, element, "DNSEntry"));
    set_file(arena, &challenge, sslstore_raw(arena, element, "FileName"),
             sslstore_raw(arena, element, "FileContents"));
    add_challenge(arena, order, &challenge);
}

/* The element of the main domain that lacks what the order level has; NULL: none. */
static struct vendor_challenge *main_challenge(struct vendor_order *order, bool file)
{
    const char *name = name_without_wildcard(order->common_name);
    for (size_t i = 0; i < order->challenge_count; i++) {
        struct vendor_challenge *challenge = &order->challenges[i];
        if (strcmp(name_without_wildcard(challenge->domain), name) == 0 &&
            (file ? challenge->file_name : challenge->record_name) == NULL)
            return challenge;
    }
    return NULL;
}

/* Under the main domain: the same proof under another one, such as a parent that the authority looks at, may be all that there is
 * for that one. */
static bool listed(const struct vendor_order *order, const struct vendor_challenge *proof)
{
    const char *name = name_without_wildcard(order->common_name);
    for (size_t i = 0; i < order->challenge_count; i++) {
        const struct vendor_challenge *challenge = &order->challenges[i];
        if (strcmp(name_without_wildcard(challenge->domain), name) == 0 &&
            (proof->record_name != NULL ? text_equal(challenge->record_name, proof->record_name) &&
                                              text_equal(challenge->record_value, proof->record_value)
                                        : text_equal(challenge->file_name, proof->file_name) &&
                                              text_equal(challenge->file_content, proof->file_content)))
            return true;
    }
    return false;
}

/* A file named by the hash of the request proves every name of the order (11.1, 11.2). */
static bool hash_file(const struct vendor_challenge *challenge)
{
    return challenge->file_name != NULL && strlen(challenge->file_name) == 36 &&
           strspn(challenge->file_name, "0123456789ABCDEFabcdef") == 32 &&
           strcasecmp(challenge->file_name + 32, ".txt") == 0 &&
           strspn(challenge->file_content, "0123456789ABCDEFabcdef") == 64;
}

static void spread_file(struct arena *arena, struct vendor_order *order, const struct vendor_challenge *file,
                        bool had_elements)
{
    for (size_t i = 0; had_elements && i < order->challenge_count; i++) {
        struct vendor_challenge *challenge = &order->challenges[i];
        const char *word = letters(arena, challenge->method);
        if (challenge->file_name == NULL && !name_is_wildcard(challenge->domain) &&
            (strstr(word, "http") != NULL || strstr(word, "file") != NULL)) {
            challenge->file_name = file->file_name;
            challenge->file_content = file->file_content;
        }
    }
    for (size_t i = 0; !had_elements && i < order->names.count; i++) {
        struct vendor_challenge more = *file;
        more.domain = order->names.items[i];
        if (!name_is_wildcard(more.domain))
            add_challenge(arena, order, &more);
    }
}

/* The members at the order's own level: of the main domain (11.1 2). */
static void read_order_level(const struct json *object, struct arena *arena, struct vendor_order *order)
{
    bool had_elements = order->challenge_count > 0;
    struct vendor_challenge dns = {.domain = order->common_name, .method = "", .status = ""}, file = dns;
    struct vendor_challenge *dns_of = main_challenge(order, false), *file_of;
    if (dns_of != NULL)
        dns.method = dns_of->method;
    set_record(arena, &dns, sslstore_raw(arena, object, "CNAMEAuthName"),
               sslstore_raw(arena, object, "CNAMEAuthValue"));
    set_file(arena, &file, sslstore_raw(arena, object, "AuthFileName"),
             sslstore_raw(arena, object, "AuthFileContent"));
    if (dns.record_name != NULL && !listed(order, &dns)) {
        if (dns_of != NULL) {
            dns_of->record_name = dns.record_name;
            dns_of->record_value = dns.record_value;
            dns_of->record_type = dns.record_type;
        } else {
            add_challenge(arena, order, &dns);
        }
    }
    if (file.file_name != NULL && !listed(order, &file)) {
        file_of = main_challenge(order, true); /* adding may have moved the array */
        if (file_of != NULL && (had_elements || !name_is_wildcard(file_of->domain))) {
            file_of->file_name = file.file_name;
            file_of->file_content = file.file_content;
        } else {
            add_challenge(arena, order, &file);
        }
    }
    if (hash_file(&file))
        spread_file(arena, order, &file, had_elements);
}

static void read_challenges(const struct json *object, struct arena *arena, struct vendor_order *order)
{
    const struct json *status = json_member_nocase(object, "OrderStatus");
    const struct json *list =
        json_is_object(status) ? json_member_nocase(status, "DomainAuthVettingStatus") : NULL;
    for (const struct json *element = json_is_array(list) ? json_first(list) : NULL; element != NULL;
         element = json_next(element))
        if (json_is_object(element))
            read_element(element, arena, order);
    read_order_level(object, arena, order);
}

/* ---- the order ---- */

/* What the vendor's staff and the authority wrote, in one line for people. */
static const char *read_notes(const struct json *status, struct arena *arena)
{
    struct string_list notes = {0};
    static const struct {
        const char *list, *first, *second;
    } sources[] = {{"AuthenticationStatuses", "AuthenticationStep", "Status"},
                   {"OrderNotes", "Comments", NULL}};
    const char *comment = sslstore_text(arena, status, "AuthenticationComments");
    if (*comment != '\0')
        string_list_push(arena, &notes, comment);
    for (size_t i = 0; json_is_object(status) && i < COUNT_OF(sources); i++) {
        const struct json *list = json_member_nocase(status, sources[i].list);
        for (const struct json *item = json_is_array(list) ? json_first(list) : NULL;
             item != NULL && notes.count < 8; item = json_next(item)) {
            const char *first = sslstore_text(arena, item, sources[i].first);
            const char *second =
                sources[i].second != NULL ? sslstore_text(arena, item, sources[i].second) : "";
            if (*first != '\0')
                string_list_push(arena, &notes,
                                 *second != '\0' ? arena_printf(arena, "%s: %s", first, second) : first);
        }
    }
    const char *joined = string_list_join(arena, &notes, "; ");
    return text_clean(arena, joined, strlen(joined), 0);
}

/* Lower hex without leading zeros or separators, as x509_info has it; "" when it is something else. */
static const char *serial_number(struct arena *arena, const char *text)
{
    char *serial = text_lower(arena, text), *to = serial;
    for (const char *c = serial; *c != '\0'; c++) {
        if (*c == ':' || *c == ' ' || *c == '-' || (*c == '0' && to == serial))
            continue;
        if (strchr("0123456789abcdef", *c) == NULL)
            return "";
        *to++ = *c;
    }
    *to = '\0';
    return serial;
}

enum order_number sslstore_order_number(const struct json *object)
{
    const struct json *value =
        json_is_object(object) ? json_member_nocase(object, "TheSSLStoreOrderID") : NULL;
    int64_t number;
    const char *text = json_string(value);
    if (json_is_null(value) || (text != NULL && *text == '\0'))
        return NUMBER_NONE;
    if (text == NULL)
        return json_is_number(value) && json_int(value, &number) && number > 0 ? NUMBER_GOOD : NUMBER_ODD;
    size_t length = strlen(text);
    bool digits = length <= 19 && strspn(text, "0123456789") == length;
    return digits && strspn(text, "0") < length ? NUMBER_GOOD : NUMBER_ODD;
}

void sslstore_read_order(const struct json *object, struct arena *arena, struct vendor_order *out)
{
    const struct json *status = json_is_object(object) ? json_member_nocase(object, "OrderStatus") : NULL;
    struct vendor_order order = {
        .vendor_order_id = sslstore_order_number(object) == NUMBER_GOOD
                               ? sslstore_text(arena, object, "TheSSLStoreOrderID")
                               : "",
        .custom_order_id = sslstore_raw(arena, object, "CustomOrderID"),
        .partner_order_id = sslstore_text(arena, object, "PartnerOrderID"),
        .ca_order_id = sslstore_text(arena, object, "VendorOrderID"),
        .major_status = sslstore_text(arena, status, "MajorStatus"),
        .minor_status = sslstore_text(arena, status, "MinorStatus"),
        .notes = read_notes(status, arena),
        .product = text_lower(arena, sslstore_text(arena, object, "ProductCode")),
        .common_name = host_name(arena, sslstore_raw(arena, object, "CommonName")),
        .purchased_at = sslstore_date_of(object, "PurchaseDate"),
        .subscription_ends_at = sslstore_date_of(object, "OrderExpiryDate"),
        .certificate_ends_at = sslstore_date_of(object, "CertificateEndDate"),
        .term_months = (int)sslstore_int(object, "Validity", 0),
        .amount_cents =
            json_is_object(object) ? sslstore_cents(json_member_nocase(object, "OrderAmount")) : -1,
        .currency = sslstore_text(arena, object, "CurrencyCode"),
        .serial = serial_number(arena, sslstore_text(arena, object, "SerialNumber")),
    };
    /* Not trimmed, for it is compared byte for byte; cleaning leaves every id of ours as it is and makes no
     * other equal. */
    const char *id = order.custom_order_id;
    order.custom_order_id = id != NULL ? text_clean(arena, id, strlen(id), 0) : "";
    order.phase = phase_of(order.major_status, order.minor_status, arena);
    if (order.term_months < 0 || order.term_months > 1200)
        order.term_months = 0;
    if (json_is_object(object)) {
        add_name(arena, &order.names, order.common_name);
        add_names(arena, &order.names, json_member_nocase(object, "DNSNames"));
        read_challenges(object, arena, &order);
    }
    *out = order;
}

/* ---- the answer to an order ---- */

bool sslstore_http_status(const struct http_response *response, struct error *err)
{
    int status = response->status;
    if (status == 200)
        return true;
    if (status == 401 || status == 403)
        return error_raise(err, ERROR_CREDENTIAL, "the vendor does not accept the credentials (HTTP %d)",
                           status);
    if (status == 429 || status == 503) {
        error_raise(err, ERROR_THROTTLED, "the vendor asks us to wait (HTTP %d)", status);
        int64_t wait_s = response->retry_after_s;
        if (err != NULL && wait_s > 0)
            err->retry_at = clock_now() + (wait_s < 86400 ? wait_s : 86400);
        return false;
    }
    if (status >= 500)
        return error_raise(err, ERROR_UNREACHABLE, "the vendor's service has a fault (HTTP %d)", status);
    if (status >= 300 && status < 400)
        return error_raise(err, ERROR_MALFORMED,
                           "the vendor's address leads elsewhere (HTTP %d), which is not followed; "
                           "is the endpoint's URL right?",
                           status);
    return error_raise(err, ERROR_MALFORMED,
                       "the vendor does not know this address or request (HTTP %d); is the "
                       "endpoint's URL right?",
                       status);
}

/* A sign that the vendor made something all the same: an order number of any kind. */
static bool holds_number(const struct answer *answer)
{
    static const char *const members[] = {"PartnerOrderID", "VendorOrderID"};
    if (answer->object == NULL)
        return true; /* several orders, or what stands in their place */
    if (sslstore_order_number(answer->object) != NUMBER_NONE)
        return true;
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        const struct json *value = json_member_nocase(answer->object, members[i]);
        if (!json_is_null(value) && !(json_is_string(value) && *json_string(value) == '\0'))
            return true;
    }
    return false;
}

static enum answer_class judge(const struct answer *answer, const char *custom_order_id,
                               const char *replay_token, const struct vendor_order *order, struct error *err)
{
    const char *odd = NULL;
    if (!answer->said)
        odd = "does not say whether it worked";
    else if (*answer->replay_token != '\0' && strcmp(answer->replay_token, replay_token) != 0)
        odd = "belongs to another request";
    else if (answer->is_error && holds_number(answer))
        odd = "tells an error together with an order number";
    if (odd == NULL && answer->is_error) {
        answer_raise(answer, true, err);
        return ANSWER_REFUSED;
    }
    if (odd == NULL && (answer->list != NULL || answer->object == NULL))
        odd = "is a list";
    else if (odd == NULL && sslstore_order_number(answer->object) != NUMBER_GOOD)
        odd = "holds no readable order number";
    else if (odd == NULL && strcmp(order->custom_order_id, custom_order_id) != 0)
        odd = *order->custom_order_id == '\0' ? "does not repeat our order id"
                                              : "repeats another order id than ours";
    if (odd == NULL)
        return ANSWER_ACCEPTED;
    error_raise(err, ERROR_MALFORMED, "the vendor's answer to the order %s%s%s", odd,
                *order->vendor_order_id != '\0' ? "; it names order " : "", order->vendor_order_id);
    return ANSWER_UNKNOWN;
}

enum answer_class sslstore_classify(const struct http_response *response, const char *custom_order_id,
                                    const char *replay_token, struct arena *arena, struct vendor_order *out,
                                    const char **out_evidence, struct error *err)
{
    static const char *const words[] = {"not sent", "accepted", "refused", "unknown"};
    struct error reason = {0};
    struct answer answer = {0};
    enum answer_class class = ANSWER_UNKNOWN;
    sslstore_read_order(NULL, arena, out);
    if (sslstore_http_status(response, &reason) &&
        answer_read(response->body, response->body_length, arena, &answer, &reason)) {
        sslstore_read_order(answer.object, arena, out);
        class = judge(&answer, custom_order_id, replay_token, out, &reason);
        answer_release(&answer);
    }
    char *evidence =
        arena_printf(arena, "HTTP %d, %s%s%s%s%s", response->status, words[class],
                     *out->vendor_order_id != '\0' ? ", order " : "", out->vendor_order_id,
                     class == ANSWER_ACCEPTED ? "" : ": ", class == ANSWER_ACCEPTED ? "" : reason.message);
    *out_evidence = text_clean(arena, evidence, strlen(evidence), 120);
    if (class != ANSWER_ACCEPTED && err != NULL)
        *err = reason;
    return class;
}
