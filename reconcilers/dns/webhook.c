/* The carrier by an HTTPS address of the operator's. A request is signed with a key that both sides know: HMAC-SHA256
 * over the time, a dot and the body, so that it can neither be changed nor sent again later, and the key never
 * travels. Who answers is proven by TLS. */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/secret.h"
#include "reconcilers/dns/script.h"

static const struct service_fault faults[] = {
    {401, NULL, NULL, ERROR_CREDENTIAL, "it does not accept our signature: compare the key on both sides, and the clocks",
     0},
    {403, NULL, NULL, ERROR_CREDENTIAL, "it does not accept our signature: compare the key on both sides, and the clocks",
     0},
    {404, NULL, NULL, ERROR_CONFIG, "nothing is there: see dns.webhooks in the operator's file", 0},
    {405, NULL, NULL, ERROR_CONFIG, "it takes no POST: see dns.webhooks in the operator's file", 0},
};

/* Codes and words stand in an answer of the contract, which is read before. */
static void read_failure(struct service_answer *answer, struct arena *arena)
{
    (void)answer;
    (void)arena;
}

const struct service script_webhook_service = {
    .label = "webhook",
    .url = "",
    .faults = faults,
    .fault_count = COUNT_OF(faults),
    .read_failure = read_failure,
};

static const char *sign(struct arena *arena, const struct secret *key, const char *time, const struct buffer *body)
{
    unsigned char digest[32];
    AUTO(buffer) struct buffer signed_text = {0};
    buffer_printf(&signed_text, "%s.", time);
    buffer_append(&signed_text, buffer_text(body), body->length);
    hash_hmac_sha256(span_of(secret_bytes(key), secret_length(key)),
                     span_of(buffer_text(&signed_text), signed_text.length), digest);
    return arena_printf(arena, "sha256=%s", text_hex(arena, digest, sizeof digest));
}

bool webhook_ask(struct service_session *session, const struct dns_helper *webhook,
                 const struct script_question *question, struct script_answer *out, struct error *err)
{
    AUTO(service_answer) struct service_answer answer = {0};
    AUTO(buffer) struct buffer body = {0};
    struct arena *arena = session->ctx->arena;
    const char *time = arena_printf(arena, "%lld", (long long)clock_wire());
    script_write_question(question, session->account, NULL, &body);
    const struct http_header headers[] = {
        {"Accept", "application/json"},
        {"Content-Type", "application/json"},
        {"Certwright-Timestamp", time},
        {"Certwright-Signature", sign(arena, session->secrets[0], time, &body)},
    };
    const struct service_request request = {
        .method = "POST",
        .path = "",
        .headers = headers,
        .header_count = COUNT_OF(headers),
        .body = buffer_text(&body),
        .body_length = body.length,
        .doing = question->doing,
        .once = question->value != NULL, /* a write: libcurl must not send it again over another connection */
    };
    session->url = webhook->url; /* to the letter: a slash at its end counts */
    session->ca = webhook->ca;
    session->proxy = webhook->proxy;
    session->timeout_ms = webhook->timeout_s * 1000;
    if (!service_ask(session, &request, &answer, err))
        return false;
    struct error unread = {0};
    bool read = script_read_answer(answer.body, answer.length, question->operation, arena, out, &unread);
    if (read && (answer.status == 200 || !out->ok)) {
        if (out->retry_after_s == 0)
            out->retry_after_s = answer.retry_after_s;
        return true;
    }
    if (answer.status != 200)
        return service_fail(session, &request, &answer, err);
    if (err != NULL)
        *err = unread;
    return service_blame(session, &request, err);
}
