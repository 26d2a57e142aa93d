/* Every reader of The SSL Store's answers over the same bytes: no crash, no leak, and what may be acted upon
 * is sound. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/http.h"
#include "base/log.h"
#include "reconcilers/issuer/sslstore/sslstore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) \
    do { \
        if (!(condition)) \
            abort(); \
    } while (0)

static void check_challenge(const struct vendor_challenge *challenge)
{
    MUST(challenge->domain != NULL && challenge->method != NULL && challenge->status != NULL);
    MUST((challenge->record_name == NULL) == (challenge->record_value == NULL));
    MUST((challenge->record_name == NULL) == (challenge->record_type == NULL));
    MUST((challenge->file_name == NULL) == (challenge->file_content == NULL));
    if (challenge->record_value != NULL)
        MUST(strlen(challenge->record_value) <= 255 && strpbrk(challenge->record_value, "\r\n") == NULL);
    if (challenge->file_name != NULL)
        MUST(strpbrk(challenge->file_name, "/\\ \r\n") == NULL && *challenge->file_name != '.');
}

static void check_order(const struct vendor_order *order)
{
    size_t digits = strlen(order->vendor_order_id);
    MUST(digits <= 19 && strspn(order->vendor_order_id, "0123456789") == digits);
    MUST(text_is_plain_utf8(order->notes, strlen(order->notes), NULL) && strlen(order->notes) <= 512);
    MUST(text_is_plain_utf8(order->major_status, strlen(order->major_status), NULL));
    MUST(order->amount_cents >= -1 && order->purchased_at >= 0);
    for (size_t i = 0; i < order->challenge_count; i++)
        check_challenge(&order->challenges[i]);
}

static void read_everything(const struct answer *answer, struct arena *arena)
{
    struct error err;
    struct vendor_order order;
    struct price_list prices;
    struct string_list approvers;
    struct span *files;
    size_t count;
    MUST(!answer_raise(answer, false, &err) && !answer_raise(answer, true, &err));
    sslstore_read_order(answer->object, arena, &order);
    check_order(&order);
    if (sslstore_read_prices(answer, arena, &prices, &err)) {
        const char *currency;
        for (size_t i = 0; i < prices.count; i++)
            MUST(price_of(&prices, prices.items[i].product, prices.items[i].months, 2, 9, 3, &currency) >=
                 -1);
    }
    sslstore_read_approvers(answer, "www.example.org", arena, &approvers);
    for (size_t i = 0; i < approvers.count; i++)
        MUST(text_has_suffix(approvers.items[i], "example.org") &&
             strpbrk(approvers.items[i], ", \r\n<>") == NULL);
    sslstore_read_files(answer, "4567890", arena, &files, &count, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create();
    struct error err = {0};
    struct answer answer;
    struct vendor_order order;
    const char *text = arena_strndup(arena, (const char *)data, size), *evidence = NULL;
    log_to(-1);
    struct http_response response = {
        .outcome = HTTP_ANSWERED, .status = 200, .body = text, .body_length = strlen(text)};
    if (sslstore_classify(&response, "6f0c1a52", "corr-0003", arena, &order, &evidence, &err) ==
        ANSWER_ACCEPTED)
        MUST(*order.vendor_order_id != '\0' && strcmp(order.custom_order_id, "6f0c1a52") == 0);
    check_order(&order);
    MUST(evidence != NULL && strlen(evidence) <= 120);
    if (answer_read(text, strlen(text), arena, &answer, &err)) {
        read_everything(&answer, arena);
        answer_release(&answer);
    }
    MUST(sslstore_date(text) >= 0);
    arena_destroy(arena);
    return 0;
}
