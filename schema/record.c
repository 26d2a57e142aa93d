#include "schema/record.h"

#include "schema/certificate.h"

/* One line a member: name in JSON, member of the struct. Members that hold nothing (0, "", false) are not written. */
#define TEXT(name_, member) {.name = (name_), .type = FIELD_STRING, AT(RECORD, member)}
#define FLAG(name_, member) {.name = (name_), .type = FIELD_BOOL, AT(RECORD, member)}
#define NUMBER(name_, member) {.name = (name_), .type = FIELD_INT, AT(RECORD, member)}
#define LONG(name_, member) {.name = (name_), .type = FIELD_INT64, AT(RECORD, member)}
#define LIST(name_, member) {.name = (name_), .type = FIELD_STRING_LIST, AT(RECORD, member)}
#define CHOICE(name_, member, words_) {.name = (name_), .type = FIELD_ENUM, AT(RECORD, member), .words = (words_)}
#define WHOSE TEXT("namespace", namespace_), TEXT("name", name)

#define RECORD certificate_record
static const struct field certificate_record_fields[] = {
    WHOSE,
    TEXT("commonName", common_name),
    NUMBER("cycle", cycle),
    NUMBER("revision", revision),
    TEXT("specDigest", spec_digest),
    FLAG("forgotten", forgotten),
    FLAG("purchaseConfirmed", purchase_confirmed),
    LONG("firstSeen", first_seen),
    LONG("forgottenAt", forgotten_at),
    TEXT("phase", phase),
    TEXT("reason", reason),
    TEXT("message", message),
    LONG("phaseSince", phase_since),
    LONG("due", due),
    NUMBER("failures", failures),
    LONG("retryAt", retry_at),
    TEXT("errorKind", error_kind),
    TEXT("error", error),
    LONG("errorSince", error_since),
    TEXT("errorStep", error_step),
};
const struct field_table certificate_record_table = {
    .name = "CertificateRecord",
    .doc = "What is remembered of a certificate, also after its manifest went.",
    .size = sizeof(struct certificate_record),
    FIELDS(certificate_record_fields),
};

#undef RECORD
#define RECORD order_record
const char *const order_state_words[] = {
    [ORDER_PREPARED] = "Prepared", [ORDER_SUBMITTING] = "Submitting", [ORDER_UNKNOWN] = "Unknown",
    [ORDER_HELD] = "Held",         [ORDER_REFUSED] = "Refused",       [ORDER_PLACED] = "Placed",
    [ORDER_DEAD] = "Dead",         [ORDER_DEAD + 1] = NULL,
};
static const struct field order_record_fields[] = {
    WHOSE,
    NUMBER("cycle", cycle),
    NUMBER("attempt", attempt),
    TEXT("customOrderId", custom_order_id),
    TEXT("issuer", issuer),
    TEXT("environment", environment),
    TEXT("endpoint", endpoint),
    TEXT("partnerCode", partner_code),
    TEXT("product", product),
    NUMBER("termMonths", term_months),
    NUMBER("serverCount", server_count),
    TEXT("commonName", common_name),
    LIST("names", names),
    TEXT("keyAlgorithm", key_algorithm),
    NUMBER("keySize", key_size),
    TEXT("keyId", key_id),
    FLAG("keyBrought", key_brought),
    LIST("formerKeyIds", former_key_ids),
    TEXT("csrSha256", csr_sha256),
    TEXT("csrMd5", csr_md5),
    TEXT("uniqueValue", unique_value),
    TEXT("requestSha256", request_sha256),
    LONG("priceCents", price_cents),
    TEXT("currency", currency),
    TEXT("budgetPeriod", budget_period),
    CHOICE("state", state, order_state_words),
    LONG("preparedAt", prepared_at),
    LONG("submittedAt", submitted_at),
    LONG("submittedBootMs", submitted_boot_ms),
    LONG("sendDeadlineMs", send_deadline_ms),
    TEXT("holder", holder),
    NUMBER("lookups", lookups),
    LONG("lookupAt", lookup_at),
    LONG("graceFrom", grace_from),
    TEXT("graceBoot", grace_boot),
    LONG("graceBootMs", grace_boot_ms),
    LIST("evidence", evidence),
    TEXT("heldReason", held_reason),
    LIST("shownNumbers", shown_numbers),
    LONG("resubmittedAt", resubmitted_at),
    TEXT("vendorOrderId", vendor_order_id),
    TEXT("partnerOrderId", partner_order_id),
    TEXT("caOrderId", ca_order_id),
    TEXT("majorStatus", major_status),
    TEXT("minorStatus", minor_status),
    NUMBER("phase", phase),
    LONG("placedAt", placed_at),
    LONG("subscriptionEndsAt", subscription_ends_at),
    LONG("polledAt", polled_at),
    LONG("pollAt", poll_at),
    NUMBER("polls", polls),
    TEXT("refusedText", refused_text),
    TEXT("relevantDigest", relevant_digest),
    FLAG("lookedUp", looked_up),
    FLAG("answerLost", answer_lost),
    LONG("resentAt", resent_at),
    NUMBER("resends", resends),
    FLAG("fetched", fetched),
};
const struct field_table order_record_table = {
    .name = "Order",
    .doc = "One subscription at the vendor, from its intent to its end.",
    .size = sizeof(struct order_record),
    FIELDS(order_record_fields),
};

#undef RECORD
#define RECORD challenge_record
const char *const challenge_state_words[] = {
    [CHALLENGE_PENDING] = "Pending",     [CHALLENGE_PRESENTING] = "Presenting", [CHALLENGE_PRESENTED] = "Presented",
    [CHALLENGE_SEEN] = "Seen",           [CHALLENGE_REMOVING] = "Removing",     [CHALLENGE_GONE] = "Gone",
    [CHALLENGE_GONE + 1] = NULL,
};
static const char *const method_words[] = {
    [DCV_UNSET] = "",        [DCV_DNS] = "DNS",     [DCV_HTTP] = "HTTP",
    [DCV_HTTPS] = "HTTPS",   [DCV_EMAIL] = "Email", [DCV_METHOD_COUNT] = NULL,
};
static const struct field challenge_record_fields[] = {
    WHOSE,
    NUMBER("cycle", cycle),
    TEXT("domain", domain),
    CHOICE("method", method, method_words),
    FLAG("manual", manual),
    CHOICE("state", state, challenge_state_words),
    TEXT("recordName", record_name),
    TEXT("recordType", record_type),
    TEXT("recordValue", record_value),
    TEXT("fileName", file_name),
    TEXT("fileContent", file_content),
    TEXT("nextRecordName", next_record_name),
    TEXT("nextRecordType", next_record_type),
    TEXT("nextRecordValue", next_record_value),
    TEXT("nextFileName", next_file_name),
    TEXT("nextFileContent", next_file_content),
    TEXT("approver", approver),
    TEXT("account", account),
    TEXT("zone", zone),
    TEXT("ledTo", led_to),
    TEXT("ledAccount", led_account),
    TEXT("target", target),
    FLAG("validated", validated),
    TEXT("vendorStatus", vendor_status),
    LONG("createdAt", created_at),
    LONG("presentedAt", presented_at),
    LONG("seenAt", seen_at),
    LONG("checkedAt", checked_at),
    NUMBER("putBack", put_back),
    TEXT("lastCheck", last_check),
    NUMBER("failures", failures),
    LONG("retryAt", retry_at),
    TEXT("error", error),
};
const struct field_table challenge_record_table = {
    .name = "Challenge",
    .doc = "One name, proven by one method.",
    .size = sizeof(struct challenge_record),
    FIELDS(challenge_record_fields),
};

#undef RECORD
#define RECORD leftover_record
static const struct field leftover_record_fields[] = {
    TEXT("namespace", namespace_),
    TEXT("origin", origin),
    TEXT("account", account),
    TEXT("zone", zone),
    TEXT("recordName", record_name),
    TEXT("recordType", record_type),
    TEXT("recordValue", record_value),
    TEXT("target", target),
    TEXT("fileName", file_name),
    TEXT("fileContent", file_content),
    LONG("notedAt", noted_at),
};
const struct field_table leftover_record_table = {
    .name = "Leftover",
    .doc = "Something made outside that is to be taken away and that no challenge names.",
    .size = sizeof(struct leftover_record),
    FIELDS(leftover_record_fields),
};

#undef RECORD
#define RECORD revision_record
static const struct field revision_record_fields[] = {
    WHOSE,
    NUMBER("number", number),
    NUMBER("cycle", cycle),
    TEXT("customOrderId", custom_order_id),
    TEXT("vendorOrderId", vendor_order_id),
    TEXT("partnerOrderId", partner_order_id),
    TEXT("keyId", key_id),
    TEXT("fingerprint", fingerprint),
    TEXT("serial", serial),
    TEXT("issuerCn", issuer_cn),
    TEXT("commonName", common_name),
    LIST("names", names),
    LONG("notBefore", not_before),
    LONG("notAfter", not_after),
    LONG("issuedAt", issued_at),
};
const struct field_table revision_record_table = {
    .name = "Revision",
    .doc = "One issued certificate with its key.",
    .size = sizeof(struct revision_record),
    FIELDS(revision_record_fields),
};

#undef RECORD
#define RECORD rollout_record
const char *const rollout_state_words[] = {
    [ROLLOUT_WANTED] = "Wanted",     [ROLLOUT_STAGING] = "Staging",
    [ROLLOUT_STAGED] = "Staged",     [ROLLOUT_PUBLISHED] = "Published",
    [ROLLOUT_RELOADED] = "Reloaded", [ROLLOUT_ACTIVE] = "Active",
    [ROLLOUT_ROLLING_BACK] = "RollingBack",
    [ROLLOUT_ROLLED_BACK] = "RolledBack",
    [ROLLOUT_ROLLED_BACK + 1] = NULL,
};
static const struct field rollout_record_fields[] = {
    WHOSE,
    TEXT("target", target),
    NUMBER("revision", revision),
    CHOICE("state", state, rollout_state_words),
    LONG("previousEndsAt", previous_ends_at),
    TEXT("drift", drift),
    LONG("curedAt", cured_at),
    NUMBER("generation", generation),
    NUMBER("previous", previous),
    TEXT("fingerprint", fingerprint),
    TEXT("previousFingerprint", previous_fingerprint),
    TEXT("root", root),
    TEXT("path", path),
    TEXT("layout", layout),
    LONG("startedAt", started_at),
    LONG("publishedAt", published_at),
    LONG("activeAt", active_at),
    LONG("checkedAt", checked_at),
    NUMBER("attempts", attempts),
    LONG("retryAt", retry_at),
    TEXT("error", error),
    FLAG("reloaded", reloaded),
    TEXT("settingsDigest", settings_digest),
};
const struct field_table rollout_record_table = {
    .name = "Rollout",
    .doc = "One certificate on one target.",
    .size = sizeof(struct rollout_record),
    FIELDS(rollout_record_fields),
};

#undef RECORD
#define RECORD issuer_record
static const struct field issuer_record_fields[] = {
    WHOSE,
    TEXT("endpoint", endpoint),
    TEXT("partnerCode", partner_code),
    LONG("checkedAt", checked_at),
    LONG("listedAt", listed_at),
    NUMBER("ordersListed", orders_listed),
    TEXT("error", error),
    LONG("errorAt", error_at),
    LONG("lastOrderSeen", last_order_seen),
    TEXT("controlOrder", control_order),
};
const struct field_table issuer_record_table = {
    .name = "IssuerRecord",
    .doc = "What is remembered of an account at a vendor.",
    .size = sizeof(struct issuer_record),
    FIELDS(issuer_record_fields),
};

#undef RECORD
#define RECORD budget_record
static const struct field budget_record_fields[] = {
    TEXT("issuer", issuer),
    TEXT("period", period),
    NUMBER("orders", orders),
    NUMBER("freeOrders", free_orders),
    LONG("amountCents", amount_cents),
    LONG("freeCents", free_cents),
    TEXT("currency", currency),
};
const struct field_table budget_record_table = {
    .name = "Budget",
    .doc = "Spending of one account in one period, counted from intents.",
    .size = sizeof(struct budget_record),
    FIELDS(budget_record_fields),
};

#undef RECORD
#define RECORD hold_record
static const struct field hold_record_fields[] = {
    TEXT("digest", digest),
    TEXT("kind", kind),
    LIST("subjects", subjects),
    LONG("since", since),
    FLAG("confirmed", confirmed),
    LONG("confirmedAt", confirmed_at),
    TEXT("confirmedBy", confirmed_by),
};
const struct field_table hold_record_table = {
    .name = "Hold",
    .doc = "Something that waits for a person's `confirm`.",
    .size = sizeof(struct hold_record),
    FIELDS(hold_record_fields),
};

#undef RECORD
#define RECORD event_record
static const struct field event_record_fields[] = {
    LONG("at", at),
    LONG("lastAt", last_at),
    NUMBER("count", count),
    TEXT("kind", kind),
    WHOSE,
    TEXT("type", type),
    TEXT("reason", reason),
    TEXT("message", message),
};
const struct field_table event_record_table = {
    .name = "Event",
    .doc = "Something that happened to a resource.",
    .size = sizeof(struct event_record),
    FIELDS(event_record_fields),
};
