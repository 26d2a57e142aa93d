/* The contract of exec and webhook on the wire: the question written, the answer read. Strict, so that a slip in a
 * program ("nameserver" for "nameservers") is told to whoever writes it and not passed over. */
#include <string.h>

#include "base/arena.h"
#include "base/dns.h"
#include "base/json.h"
#include "base/secret.h"
#include "reconcilers/dns/script.h"
#include "schema/resource.h"

enum { VERSION = 1, TTL_S = 300, RECORDS_MOST = 1000, VALUE_MOST = 4096, SERVERS_MOST = 50, TYPE_MOST = 16,
       WORDS_MOST = 200, WAIT_MOST_S = 24 * 3600 };

static const struct {
    const char *word;
    const char *members; /* of an answer, besides "ok" */
} operations[SCRIPT_OPERATION_COUNT] = {
    [SCRIPT_ZONE] = {"zone", "found nameservers"},
    [SCRIPT_LIST] = {"list", "records"},
    [SCRIPT_PRESENT] = {"present", ""},
    [SCRIPT_ABSENT] = {"absent", ""},
};

/* ---- the question ---- */

void script_write_question(const struct script_question *question, const struct resource *account,
                           const struct secret *credential, struct buffer *out)
{
    struct json_writer w = {.out = out};
    json_begin_object(&w);
    json_int_member(&w, "version", VERSION);
    json_string_member(&w, "operation", operations[question->operation].word);
    json_key(&w, "account");
    json_begin_object(&w);
    json_string_member(&w, "namespace", account->namespace_);
    json_string_member(&w, "name", account->name);
    json_end_object(&w);
    json_string_member(&w, "zone", question->zone);
    if (question->name != NULL)
        json_string_member(&w, "name", question->name);
    if (question->value != NULL) {
        json_string_member(&w, "type", question->type);
        json_string_member(&w, "value", question->value);
        json_int_member(&w, "ttl", TTL_S);
    }
    if (credential != NULL) {
        json_key(&w, "credential");
        json_put_stringn(&w, secret_bytes(credential), secret_length(credential));
    }
    json_end_object(&w);
    buffer_putc(out, '\n');
}

/* ---- the answer ---- */

/* What a failure is called, and what it means to whoever reads our error. */
static const struct {
    const char *word;
    enum error_kind kind;
    const char *meaning;
} failures[] = {
    {"credential", ERROR_CREDENTIAL, "the credential is wrong or has expired"},
    {"forbidden", ERROR_CREDENTIAL, "the credential is good, but may not do this"},
    {"notFound", ERROR_NOT_FOUND, "the service does not have it"},
    {"conflict", ERROR_CONFLICT, "other records are in the way"},
    {"refused", ERROR_REFUSED, "the service refuses it"},
    {"throttled", ERROR_THROTTLED, "too many requests"},
    {"unreachable", ERROR_UNREACHABLE, "the service cannot be reached"},
};

static bool is_among(const char *words, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = words; *at != '\0'; at += strcspn(at, " "), at += *at == ' ') {
        if (length > 0 && strcspn(at, " ") == length && strncmp(at, name, length) == 0)
            return true;
    }
    return false;
}

static bool only_known(const struct json *object, const char *words, struct arena *arena, struct error *err)
{
    for (const struct json *member = json_first(object); member != NULL; member = json_next(member)) {
        const char *name = json_name(member);
        if (!is_among(words, name))
            return error_raise(err, ERROR_MALFORMED, "its answer has a member \"%s\" that does not belong there",
                               text_clean(arena, name, strlen(name), 60));
    }
    return true;
}

static bool read_zone(const struct json *json, struct arena *arena, struct script_answer *out, struct error *err)
{
    const struct json *found = json_member(json, "found"), *servers = json_member(json, "nameservers");
    if (!json_is_bool(found) || !json_bool(found, &out->found))
        return error_raise(err, ERROR_MALFORMED, "its answer does not say \"found\": true or false");
    if (json_is_null(servers))
        return true;
    if (!json_is_array(servers) || json_count(servers) > SERVERS_MOST)
        return error_raise(err, ERROR_MALFORMED, "\"nameservers\" in its answer is no list of at most %d names",
                           SERVERS_MOST);
    for (const struct json *item = json_first(servers); item != NULL; item = json_next(item)) {
        const char *name = json_string(item);
        if (name == NULL || !dns_name_usable(name) || strchr(name, '*') != NULL)
            return error_raise(err, ERROR_MALFORMED, "\"nameservers\" in its answer holds something that is no name");
        string_list_push(arena, &out->nameservers, arena_strdup(arena, name));
    }
    return true;
}

static bool is_type(const char *type)
{
    size_t length = strlen(type);
    return length > 0 && length <= TYPE_MOST &&
           strspn(type, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == length;
}

static bool read_record(const struct json *item, struct arena *arena, struct script_record *out, struct error *err)
{
    const struct json *given = json_member(item, "value");
    const char *type = json_string(json_member(item, "type")), *value = json_string(given);
    if (!json_is_object(item) || type == NULL || !is_type(type))
        return error_raise(err, ERROR_MALFORMED, "a record in its answer has no \"type\", such as \"TXT\"");
    if (!only_known(item, "type value ttl", arena, err))
        return false;
    bool ours = strcmp(type, "TXT") == 0 || strcmp(type, "CNAME") == 0;
    if (value == NULL ? ours || !json_is_null(given) : strlen(value) > VALUE_MOST)
        return error_raise(err, ERROR_MALFORMED, "a %s in its answer has no \"value\" of at most %d bytes", type,
                           VALUE_MOST);
    *out = (struct script_record){arena_strdup(arena, type), value != NULL ? arena_strdup(arena, value) : NULL};
    return true;
}

static bool read_records(const struct json *json, struct arena *arena, struct script_answer *out, struct error *err)
{
    const struct json *records = json_member(json, "records");
    if (!json_is_array(records) || json_count(records) > RECORDS_MOST)
        return error_raise(err, ERROR_MALFORMED, "its answer has no list \"records\" of at most %d", RECORDS_MOST);
    for (const struct json *item = json_first(records); item != NULL; item = json_next(item)) {
        struct script_record record;
        if (!read_record(item, arena, &record, err))
            return false;
        *arena_push(arena, &out->records, out->record_count) = record;
    }
    return true;
}

static bool read_failure(const struct json *json, struct arena *arena, struct script_answer *out, struct error *err)
{
    const char *word = json_string(json_member(json, "error"));
    const struct json *message = json_member(json, "message"), *wait = json_member(json, "retryAfter");
    const char *words = json_string(message);
    if (!only_known(json, "ok error message retryAfter", arena, err))
        return false;
    size_t row = 0;
    while (row < COUNT_OF(failures) && (word == NULL || strcmp(word, failures[row].word) != 0))
        row++;
    if (row == COUNT_OF(failures))
        return error_raise(err, ERROR_MALFORMED,
                           "it failed, and the \"error\" in its answer is none of credential, forbidden, notFound, "
                           "conflict, refused, throttled, unreachable");
    if (words == NULL && !json_is_null(message))
        return error_raise(err, ERROR_MALFORMED, "\"message\" in its answer is no text");
    out->kind = failures[row].kind;
    out->words = text_empty(words)
                     ? failures[row].meaning
                     : arena_printf(arena, "%s: %s", failures[row].meaning,
                                    text_clean(arena, words, strlen(words), WORDS_MOST));
    if (!json_is_null(wait) && (!json_is_number(wait) || !json_int(wait, &out->retry_after_s) ||
                                out->retry_after_s < 0))
        return error_raise(err, ERROR_MALFORMED, "\"retryAfter\" in its answer is no whole number of seconds");
    if (out->retry_after_s > WAIT_MOST_S)
        out->retry_after_s = WAIT_MOST_S;
    return true;
}

static bool read_object(const struct json *json, enum script_operation operation, struct arena *arena,
                        struct script_answer *out, struct error *err)
{
    const struct json *ok = json_member(json, "ok");
    if (!json_is_object(json) || !json_is_bool(ok) || !json_bool(ok, &out->ok))
        return error_raise(err, ERROR_MALFORMED, "its answer is no JSON object with \"ok\": true or false");
    if (!out->ok)
        return read_failure(json, arena, out, err);
    if (!only_known(json, arena_printf(arena, "ok %s", operations[operation].members), arena, err))
        return false;
    return operation == SCRIPT_ZONE   ? read_zone(json, arena, out, err)
           : operation == SCRIPT_LIST ? read_records(json, arena, out, err)
                                      : true;
}

bool script_read_answer(const char *text, size_t length, enum script_operation operation, struct arena *arena,
                        struct script_answer *out, struct error *err)
{
    struct script_answer answer = {.words = ""};
    if (strspn(text, " \t\r\n") == length)
        return error_raise(err, ERROR_MALFORMED, "its answer is empty");
    AUTO(json) struct json *json = json_parse(text, length, err);
    if (json == NULL)
        return error_prefix(err, "its answer is no JSON");
    if (!read_object(json, operation, arena, &answer, err))
        return false;
    *out = answer;
    return true;
}
