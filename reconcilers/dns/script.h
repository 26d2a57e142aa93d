/* DNS accounts that are driven by something of the operator's own, a program (exec) or an address (webhook): one
 * contract for both, documented in docs/dns/exec.md. Four operations, JSON in, JSON out:
 *
 *   zone     is there a zone of exactly this name?      -> found, nameservers
 *   list     what stands at this name?                  -> records
 *   present  add this value, keep all others            -> nothing more
 *   absent   take this value away, keep all others      -> nothing more
 *
 * Here are the question and the reader of the answer; exec.c and webhook.c carry them. */
#pragma once

#include "base/error.h"
#include "reconcilers/dns/service.h"
#include "schema/operator.h"

struct json;

enum script_operation { SCRIPT_ZONE, SCRIPT_LIST, SCRIPT_PRESENT, SCRIPT_ABSENT, SCRIPT_OPERATION_COUNT };
enum { SCRIPT_ANSWER_LIMIT = 1 << 20 };

struct script_question {
    enum script_operation operation;
    const char *zone, *name; /* name NULL: of SCRIPT_ZONE */
    const char *type, *value; /* NULL: of SCRIPT_ZONE, SCRIPT_LIST */
    const char *doing;        /* for errors: "listing the records at _x.example.com" */
};
struct script_record {
    const char *type, *value; /* value NULL: of other types than TXT and CNAME it may be left out */
};
struct script_answer {
    bool ok;
    bool found; /* of SCRIPT_ZONE */
    struct string_list nameservers;
    struct script_record *records; /* of SCRIPT_LIST */
    size_t record_count;
    enum error_kind kind;  /* unless ok */
    const char *words;     /* unless ok: what it means, with its message, cleaned */
    int64_t retry_after_s; /* 0: none named */
};

/* The request as JSON, with a line break at its end; `credential` NULL: none. The caller wipes it. */
void script_write_question(const struct script_question *question, const struct resource *account,
                           const struct secret *credential, struct buffer *out);
/* One JSON object that fits the operation, without members that we do not know. Fails: MALFORMED. */
bool script_read_answer(const char *text, size_t length, enum script_operation operation, struct arena *arena,
                        struct script_answer *out, struct error *err);

extern const struct service script_exec_service, script_webhook_service;
/* Ask once: `out` is an answer, ok or not, whichever way it came. Fails: UNREACHABLE (it did not come to an answer: what
 * was asked for may have been done all the same), MALFORMED, CREDENTIAL, CONFIG, SYSTEM. */
bool exec_ask(struct service_session *session, const struct dns_helper *program, const struct script_question *question,
              struct script_answer *out, struct error *err);
bool webhook_ask(struct service_session *session, const struct dns_helper *webhook,
                 const struct script_question *question, struct script_answer *out, struct error *err);
