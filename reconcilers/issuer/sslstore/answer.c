/* The tolerant reader of answers. Tolerant of spelling: member names in any case, numbers or strings, null
 * anywhere, four shapes of envelope (3.2), dates in three forms (4.7). Not tolerant of doubt: what
 * contradicts itself, or gives a member that matters twice, is MALFORMED, for money hangs on it.
 *
 *     {"AuthResponse": {isError, Message…}, …}      most
 *     {isError, Message…}                           flat
 *     [{"AuthResponse": {…} or null, …}, …]         lists; an error is a list of one, or an object as above
 */
#include "reconcilers/issuer/sslstore/sslstore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/names.h"

enum { MAX_FILES = 64 };

/* ---- plain values ---- */

const char *sslstore_raw(struct arena *arena, const struct json *object, const char *name)
{
    return json_is_object(object) ? json_text(arena, json_member_nocase(object, name)) : NULL;
}

const char *sslstore_text(struct arena *arena, const struct json *object, const char *name)
{
    const char *raw = sslstore_raw(arena, object, name);
    return raw != NULL ? text_trim(arena, text_clean(arena, raw, strlen(raw), 0)) : "";
}

int64_t sslstore_int(const struct json *object, const char *name, int64_t fallback)
{
    int64_t value;
    return json_is_object(object) && json_int(json_member_nocase(object, name), &value) ? value : fallback;
}

bool sslstore_bool(const struct json *object, const char *name)
{
    bool value;
    return json_is_object(object) && json_bool(json_member_nocase(object, name), &value) && value;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* "25", "7.5", "1,234.50": cents without a double in between, the third decimal rounded. */
static int64_t cents_of_text(const char *text)
{
    static const int64_t limit = INT64_C(1000000000000);
    int64_t units = 0;
    while (*text == ' ')
        text++;
    if (!is_digit(*text))
        return -1;
    for (; is_digit(*text) || *text == ','; text++) {
        if (*text == ',') { /* a group of three follows */
            if (!is_digit(text[1]) || !is_digit(text[2]) || !is_digit(text[3]) || is_digit(text[4]))
                return -1;
            continue;
        }
        units = units * 10 + (*text - '0');
        if (units > limit)
            return -1;
    }
    int64_t cents = units * 100;
    if (*text == '.') {
        if (is_digit(*++text))
            cents += 10 * (*text++ - '0');
        if (is_digit(*text))
            cents += *text++ - '0';
        if (is_digit(*text))
            cents += *text >= '5';
        while (is_digit(*text))
            text++;
    }
    while (*text == ' ')
        text++;
    return *text == '\0' ? cents : -1;
}

int64_t sslstore_cents(const struct json *value)
{
    double number;
    const char *text = json_string(value);
    if (text != NULL)
        return cents_of_text(text);
    if (!json_double(value, &number) || !(number >= 0 && number <= 1e12))
        return -1;
    return (int64_t)(number * 100 + 0.5);
}

/* ---- dates (4.7) ---- */

/* At least one and at most `most` digits. */
static bool take_number(const char **at, int most, int *out)
{
    int value = 0, digits = 0;
    for (; digits < most && is_digit(**at); digits++)
        value = value * 10 + (*(*at)++ - '0');
    *out = value;
    return digits > 0;
}

static bool take(const char **at, char c) { return **at == c && (*at)++ != NULL; }

static void skip_blanks(const char **at)
{
    while (**at == ' ')
        (*at)++;
}

/* "h:mm" or "h:mm:ss", a fraction of a second left out. */
static bool take_time(const char **at, int clock[3])
{
    if (!take_number(at, 2, &clock[0]) || !take(at, ':') || !take_number(at, 2, &clock[1]))
        return false;
    if (take(at, ':') && !take_number(at, 2, &clock[2]))
        return false;
    if (take(at, '.'))
        while (is_digit(**at))
            (*at)++;
    return true;
}

static int64_t unix_time(const int date[3], const int clock[3])
{
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = date[0], month = date[1], day = date[2];
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (year <= 1970 || month < 1 || month > 12 || day < 1 || day > days[month - 1] ||
        (month == 2 && day == 29 && !leap))
        return 0; /* 1/1/1900 and 1/1/0001 are the vendor's "no date" */
    if (clock[0] > 23 || clock[1] > 59 || clock[2] > 60)
        return 0;
    return clock_from_civil(year, month, day, clock[0], clock[1], clock[2]);
}

/* "7/23/2026 1:50:20 AM", also with leading zeros, on a clock of 24 hours, or without a time. */
static int64_t american_date(const char *at)
{
    int date[3], clock[3] = {0};
    if (!take_number(&at, 2, &date[1]) || !take(&at, '/') || !take_number(&at, 2, &date[2]) ||
        !take(&at, '/') || !take_number(&at, 4, &date[0]))
        return 0;
    skip_blanks(&at);
    if (*at != '\0' && !take_time(&at, clock))
        return 0;
    skip_blanks(&at);
    bool am = strcasecmp(at, "AM") == 0, pm = strcasecmp(at, "PM") == 0;
    if (am || pm) {
        if (clock[0] < 1 || clock[0] > 12)
            return 0;
        clock[0] = clock[0] % 12 + (pm ? 12 : 0);
    }
    return am || pm || *at == '\0' ? unix_time(date, clock) : 0;
}

/* "2026-07-23T01:50:20", with a fraction, with Z or an offset; without either it is taken as UTC. */
static int64_t iso_date(const char *at)
{
    int date[3], clock[3] = {0}, hours = 0, minutes = 0;
    if (!take_number(&at, 4, &date[0]) || !take(&at, '-') || !take_number(&at, 2, &date[1]) ||
        !take(&at, '-') || !take_number(&at, 2, &date[2]))
        return 0;
    if ((take(&at, 'T') || take(&at, ' ')) && !take_time(&at, clock))
        return 0;
    int64_t time = unix_time(date, clock);
    if (time == 0) /* "no date", whatever the offset */
        return 0;
    bool west = *at == '-';
    if (*at == '+' || west) {
        at++;
        if (!take_number(&at, 2, &hours))
            return 0;
        take(&at, ':');
        if (!take_number(&at, 2, &minutes) || hours > 23 || minutes > 59)
            return 0;
        time += (west ? 1 : -1) * (hours * 3600 + minutes * 60);
    } else {
        take(&at, 'Z');
    }
    return *at == '\0' ? time : 0;
}

/* "/Date(1408320000000)/", "/Date(928164000000-0400)/": milliseconds UTC; the offset is only for showing. */
static int64_t wcf_date(const char *at)
{
    char *end;
    int64_t ms = strtoll(at + strlen("/Date("), &end, 10);
    if ((*end == '+' || *end == '-') && strspn(end + 1, "0123456789") == 4)
        end += 5;
    return strcmp(end, ")/") == 0 && ms > 0 && ms < INT64_C(253402300800000) ? ms / 1000 : 0;
}

int64_t sslstore_date(const char *text)
{
    if (text == NULL)
        return 0;
    skip_blanks(&text);
    if (text_has_prefix(text, "/Date("))
        return wcf_date(text);
    return strspn(text, "0123456789") == 4 && text[4] == '-' ? iso_date(text) : american_date(text);
}

int64_t sslstore_date_of(const struct json *object, const char *name)
{
    char twin[64];
    if (!json_is_object(object))
        return 0;
    snprintf(twin, sizeof twin, "%sInUTC", name);
    int64_t date = sslstore_date(json_string(json_member_nocase(object, twin)));
    /* The plain member is in the vendor's own time zone, which is not stated: some hours off at most. */
    return date != 0 ? date : sslstore_date(json_string(json_member_nocase(object, name)));
}

/* ---- envelope (3) ---- */

/* The members on which money hangs must not come twice in two spellings. */
static bool check_unique(const struct json *object, struct error *err)
{
    static const char *const critical[] = {"isError", "AuthResponse", "TheSSLStoreOrderID", "CustomOrderID"};
    int seen[COUNT_OF(critical)] = {0};
    for (const struct json *member = json_first(object); member != NULL; member = json_next(member))
        for (size_t i = 0; i < COUNT_OF(critical); i++)
            if (strcasecmp(json_name(member), critical[i]) == 0 && ++seen[i] > 1)
                return error_raise(err, ERROR_MALFORMED, "the vendor's answer gives %s twice", critical[i]);
    return true;
}

/* "ErrorCode:-9008|Message:…", "-9008 …", or the bare text. */
static void take_message(struct answer *answer, const char *text, struct arena *arena)
{
    char *end;
    const char *at = text;
    if (strncasecmp(at, "ErrorCode:", 10) == 0)
        at += 10;
    skip_blanks(&at);
    long code = *at == '-' && is_digit(at[1]) ? strtol(at, &end, 10) : 0;
    if (code < 0 && code > -1000000 && (*end == '|' || *end == ' ' || *end == '\0')) {
        answer->code = (int)code;
        text = end + (*end == '|');
        skip_blanks(&text);
    }
    if (strncasecmp(text, "Message:", 8) == 0)
        text += 8;
    answer->message = text_trim(arena, text_clean(arena, text, strlen(text), 400));
}

/* An array of strings, a string, or null (3.1). */
static void read_message(const struct json *envelope, struct arena *arena, struct answer *answer)
{
    const struct json *message = json_member_nocase(envelope, "Message");
    if (json_is_array(message))
        for (message = json_first(message); message != NULL && text_empty(json_string(message));)
            message = json_next(message);
    if (!text_empty(json_string(message)))
        take_message(answer, json_string(message), arena);
}

/* isError of one object: nested, flat, or both if they agree. */
static bool read_envelope(const struct json *object, struct arena *arena, struct answer *answer,
                          struct error *err)
{
    const struct json *nested = json_member_nocase(object, "AuthResponse");
    const struct json *places[] = {json_is_object(nested) ? nested : NULL, object};
    bool first = true, before = false;
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        if (places[i] == NULL)
            continue;
        if (!check_unique(places[i], err))
            return false;
        const struct json *flag = json_member_nocase(places[i], "isError");
        bool is_error;
        if (json_is_null(flag))
            continue;
        if (!json_bool(flag, &is_error))
            return error_raise(err, ERROR_MALFORMED,
                               "the vendor's answer has an isError that is neither true nor false");
        if (!first && before != is_error)
            return error_raise(err, ERROR_MALFORMED, "the vendor's answer contradicts itself about isError");
        first = false;
        before = is_error;
        bool news = !answer->said || (is_error && !answer->is_error); /* the first error is the one told */
        answer->said = true;
        answer->is_error = answer->is_error || is_error;
        if (news)
            read_message(places[i], arena, answer);
        if (text_empty(answer->replay_token))
            answer->replay_token = sslstore_text(arena, places[i], "ReplayToken");
    }
    return true;
}

static bool read_shape(struct arena *arena, struct answer *answer, struct error *err)
{
    if (json_is_object(answer->document)) {
        answer->object = answer->document;
        return read_envelope(answer->object, arena, answer, err);
    }
    if (!json_is_array(answer->document))
        return error_raise(err, ERROR_MALFORMED, "the vendor's answer is neither an object nor a list");
    answer->list = answer->document;
    const struct json *element = json_first(answer->list);
    if (json_count(answer->list) == 1)
        answer->object = element;
    for (; element != NULL; element = json_next(element)) {
        if (!json_is_object(element))
            return error_raise(err, ERROR_MALFORMED, "the vendor's list holds something that is no object");
        if (!read_envelope(element, arena, answer, err))
            return false;
    }
    return true;
}

bool answer_read(const char *text, size_t length, struct arena *arena, struct answer *out, struct error *err)
{
    struct answer answer = {.message = "", .replay_token = ""};
    struct error reason = {0};
    answer.document = json_parse(text, length, &reason);
    if (answer.document == NULL) {
        size_t at = length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
        while (at < length && (text[at] == ' ' || text[at] == '\t' || text[at] == '\r' || text[at] == '\n'))
            at++;
        if (at == length)
            return error_raise(err, ERROR_MALFORMED, "the vendor's answer is empty");
        if (text[at] == '<')
            return error_raise(err, ERROR_MALFORMED, "the vendor answered with a page instead of data");
        return error_raise(err, ERROR_MALFORMED, "the vendor's answer cannot be read: %s", reason.message);
    }
    if (!read_shape(arena, &answer, err)) {
        json_destroy(answer.document);
        return false;
    }
    *out = answer;
    return true;
}

void answer_release(struct answer *answer)
{
    json_destroy(answer->document);
    *answer = (struct answer){.message = "", .replay_token = ""};
}

bool answer_raise(const struct answer *answer, bool ordering, struct error *err)
{
    const struct sslstore_problem *problem = sslstore_problem_find(answer->code, answer->message);
    enum error_kind kind = ordering ? problem->ordering : problem->reading;
    const char *text = *answer->message != '\0' ? answer->message : "an error without a text";
    char code[24] = "";
    if (answer->code != 0)
        snprintf(code, sizeof code, " (%d)", answer->code);
    return error_raise(err, kind, "the vendor says: %s%s%s%s", text, code, problem->hint != NULL ? "; " : "",
                       problem->hint != NULL ? problem->hint : "");
}

/* ---- price list (7.4) ---- */

static int64_t cents_member(const struct json *object, const char *name)
{
    return sslstore_cents(json_member_nocase(object, name));
}

static int small(int64_t value) { return value >= -1 && value <= 1000000 ? (int)value : -1; }

static void read_product(const struct json *product, struct arena *arena, struct price_list *out)
{
    const char *code = text_lower(arena, sslstore_text(arena, product, "ProductCode"));
    const struct json *rows = json_member_nocase(product, "PricingInfo");
    const struct json *san = json_member_nocase(product, "IsSanEnable");
    bool free_servers = sslstore_bool(product, "isNoOfServerFree");
    bool flex = sslstore_bool(product, "isFlexProduct"),
         no_sans = json_is_bool(san) && !sslstore_bool(product, "IsSanEnable");
    for (const struct json *row = *code != '\0' && json_is_array(rows) ? json_first(rows) : NULL; row != NULL;
         row = json_next(row)) {
        int months = json_is_object(row) ? small(sslstore_int(row, "NumberOfMonths", -1)) : -1;
        if (months <= 0)
            continue;
        *arena_push(arena, &out->items, out->count) = (struct price){
            .product = code,
            .months = months,
            .servers = small(sslstore_int(row, "NumberOfServer", 1)),
            .price_cents = cents_member(row, "Price"),
            /* The twin that a product without further names includes costs nothing. */
            .per_name_cents = no_sans && !flex ? 0 : cents_member(row, "PricePerAdditionalSAN"),
            /* Only flex products count wildcards apart (8); elsewhere a wildcard is ordered as a name like
               any other. */
            .per_wildcard_cents = flex ? cents_member(row, "PricePerWildcardSAN") : -1,
            .per_server_cents = free_servers ? 0 : cents_member(row, "PricePerAdditionalServer"),
            .currency = sslstore_text(arena, product, "CurrencyCode"),
            .min_names = small(sslstore_int(product, "MinSan", 0)),
            .max_names = small(sslstore_int(product, "MaxSan", 0)),
            .can_be_reissued = sslstore_bool(product, "CanbeReissued"),
        };
    }
}

bool sslstore_read_prices(const struct answer *answer, struct arena *arena, struct price_list *out,
                          struct error *err)
{
    struct price_list prices = {0};
    if (answer->list == NULL)
        return error_raise(err, ERROR_MALFORMED, "the vendor's price list is no list");
    for (const struct json *product = json_first(answer->list); product != NULL; product = json_next(product))
        read_product(product, arena, &prices);
    *out = prices;
    return true;
}

/* ---- approvers (7.7) ---- */

/* Addresses from WHOIS, the vendor's own mailboxes and "none" are dropped: only the five constructed
 * mailboxes at the name itself or at a parent down to the registrable domain (BR 3.2.2.4.4). */
static bool constructed(const char *address, const char *domain, struct arena *arena)
{
    static const char *const mailboxes[] = {"admin", "administrator", "webmaster", "hostmaster",
                                            "postmaster"};
    const char *at = strchr(address, '@');
    bool known = false;
    for (size_t i = 0; at != NULL && i < COUNT_OF(mailboxes); i++)
        known = known || (strlen(mailboxes[i]) == (size_t)(at - address) &&
                          strncmp(address, mailboxes[i], (size_t)(at - address)) == 0);
    if (!known)
        return false;
    const char *name = name_without_wildcard(domain), *base = name_registrable(arena, name);
    return text_name_within(name, at + 1) &&
           (base == NULL ? strcmp(at + 1, name) == 0 : text_name_within(at + 1, base));
}

void sslstore_read_approvers(const struct answer *answer, const char *domain, struct arena *arena,
                             struct string_list *out)
{
    struct string_list approvers = {0};
    const struct json *list = json_member_nocase(answer->object, "ApproverEmailList");
    const char *name = text_lower(arena, domain);
    for (const struct json *item = json_is_array(list) ? json_first(list) : NULL; item != NULL;
         item = json_next(item)) {
        const char *text = json_string(item);
        const char *address = text != NULL ? text_lower(arena, text_trim(arena, text)) : "";
        if (constructed(address, name, arena) && !string_list_contains(&approvers, address))
            string_list_push(arena, &approvers, address);
    }
    *out = approvers;
}

bool sslstore_read_balance(const struct answer *answer, struct arena *arena, struct vendor_balance *out,
                           struct error *err)
{
    const struct json *object = answer->object;
    struct vendor_balance balance = {.cents = -1, .plan = ""};
    if (object != NULL && *sslstore_text(arena, object, "PartnerCode") != '\0') {
        balance.cents = sslstore_cents(json_member_nocase(object, "AccountBalance"));
        balance.credit = sslstore_bool(object, "AllowCredit");
        balance.plan = sslstore_text(arena, object, "CurrentPlan");
        *out = balance;
        return true;
    }
    if (answer->is_error)
        return answer_raise(answer, false, err);
    return error_raise(err, ERROR_MALFORMED, "the vendor's answer is no account");
}

/* ---- download (12) ---- */

bool sslstore_read_files(const struct answer *answer, const char *vendor_order_id, struct arena *arena,
                         struct span **out, size_t *out_count, struct error *err)
{
    struct span *files = NULL;
    size_t count = 0;
    if (answer->object == NULL)
        return error_raise(err, ERROR_MALFORMED, "the vendor's answer to a download is no object");
    const char *number = sslstore_text(arena, answer->object, "TheSSLStoreOrderID");
    if (*number != '\0' && strcmp(number, vendor_order_id) != 0)
        return error_raise(err, ERROR_MALFORMED, "order %s was asked for and the files of order %s came",
                           vendor_order_id, number);
    const struct json *list = json_member_nocase(answer->object, "Certificates");
    if (!answer->said && !json_is_array(list))
        return error_raise(err, ERROR_MALFORMED, "the vendor's answer to a download holds no certificates");
    for (const struct json *file = json_is_array(list) ? json_first(list) : NULL; file != NULL;
         file = json_next(file)) {
        const struct json *content = json_is_object(file) ? json_member_nocase(file, "FileContent") : NULL;
        if (text_empty(json_string(content)))
            continue; /* active, and nothing there yet (12.4) */
        if (count == MAX_FILES)
            return error_raise(err, ERROR_MALFORMED, "the vendor delivered more than %d files", MAX_FILES);
        const char *text = arena_strdup(arena, json_string(content));
        *arena_push(arena, &files, count) = span_of(text, strlen(text));
    }
    *out = files;
    *out_count = count;
    return true;
}
