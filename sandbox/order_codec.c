/* An order as one line of JSON, and back: the same tables of members do both. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "sandbox/order_codec.h"

struct member {
    const char *name;
    size_t at;
};
#define MEMBER(type, field)                                                                                \
    {                                                                                                      \
#field, offsetof(struct type, field)                                                               \
    }

static const struct member order_texts[] = {
    MEMBER(order, custom_id),    MEMBER(order, token_id),       MEMBER(order, token_code),
    MEMBER(order, major),        MEMBER(order, minor),          MEMBER(order, common_name),
    MEMBER(order, csr_pem),      MEMBER(order, csr_sha256),     MEMBER(order, csr_md5),
    MEMBER(order, unique_value), MEMBER(order, admin),          MEMBER(order, technical),
    MEMBER(order, organization), MEMBER(order, approver_email), MEMBER(order, web_server),
    MEMBER(order, hash),         MEMBER(order, leaf_pem),       MEMBER(order, serial),
    MEMBER(order, refund_id)};
static const struct member order_numbers[] = {
    MEMBER(order, id),           MEMBER(order, partner_id),   MEMBER(order, vendor_id),
    MEMBER(order, purchased_at), MEMBER(order, expires_at),   MEMBER(order, changed_at),
    MEMBER(order, amount_cents), MEMBER(order, vetted_at_ms), MEMBER(order, issue_at_ms),
    MEMBER(order, not_before),   MEMBER(order, not_after)};
static const struct member order_counts[] = {MEMBER(order, months), MEMBER(order, server_count),
                                             MEMBER(order, san_count), MEMBER(order, wildcard_san_count),
                                             MEMBER(order, round)};
static const struct member order_flags[] = {
    MEMBER(order, tiny),        MEMBER(order, tiny_claimed),    MEMBER(order, seeded), MEMBER(order, twin),
    MEMBER(order, wants_issue), MEMBER(order, refund_approved), MEMBER(order, revoked)};
static const struct member proof_texts[] = {MEMBER(proof, domain),       MEMBER(proof, approver),
                                            MEMBER(proof, mail_token),   MEMBER(proof, file_name),
                                            MEMBER(proof, file_content), MEMBER(proof, record_name),
                                            MEMBER(proof, record_data),  MEMBER(proof, problem)};

#define FIELD(type, base, member) (*(type *)(void *)((char *)(base) + (member)->at))
#define FIELD_OF(type, base, member) (*(const type *)(const void *)((const char *)(base) + (member)->at))

static void put_texts(cJSON *out, const void *base, const struct member *members, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (FIELD_OF(char *, base, &members[i]) != NULL)
            cJSON_AddStringToObject(out, members[i].name, FIELD_OF(char *, base, &members[i]));
}

static void put_strings(cJSON *out, const char *name, const struct string_list *list)
{
    cJSON *array = cJSON_AddArrayToObject(out, name);
    for (size_t i = 0; i < list->count; i++)
        cJSON_AddItemToArray(array, cJSON_CreateString(list->items[i]));
}

char *order_encode(const struct order *order)
{
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "product", order->product->code);
    put_texts(out, order, order_texts, COUNT_OF(order_texts));
    for (size_t i = 0; i < COUNT_OF(order_numbers); i++)
        cJSON_AddNumberToObject(out, order_numbers[i].name,
                                (double)FIELD_OF(int64_t, order, &order_numbers[i]));
    for (size_t i = 0; i < COUNT_OF(order_counts); i++)
        cJSON_AddNumberToObject(out, order_counts[i].name, FIELD_OF(int, order, &order_counts[i]));
    for (size_t i = 0; i < COUNT_OF(order_flags); i++)
        cJSON_AddBoolToObject(out, order_flags[i].name, FIELD_OF(bool, order, &order_flags[i]));
    put_strings(out, "more_names", &order->more_names);
    cJSON *proofs = cJSON_AddArrayToObject(out, "proofs");
    for (size_t i = 0; i < order->proof_count; i++) {
        const struct proof *proof = &order->proofs[i];
        cJSON *item = cJSON_CreateObject();
        put_texts(item, proof, proof_texts, COUNT_OF(proof_texts));
        cJSON_AddNumberToObject(item, "method", proof->method);
        cJSON_AddBoolToObject(item, "done", proof->done);
        cJSON_AddNumberToObject(item, "last_poll", (double)proof->last_poll);
        cJSON_AddItemToArray(proofs, item);
    }
    char *line = cJSON_PrintUnformatted(out);
    cJSON_Delete(out);
    return line;
}

static void take_texts(struct arena *arena, const cJSON *in, void *base, const struct member *members,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(in, members[i].name);
        FIELD(const char *, base,
              &members[i]) = cJSON_IsString(value) ? arena_strdup(arena, value->valuestring) : NULL;
    }
}

static double number(const cJSON *in, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(in, name);
    return cJSON_IsNumber(value) ? value->valuedouble : 0;
}

static bool flag(const cJSON *in, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(in, name));
}

bool order_decode(struct arena *arena, const cJSON *in, struct order *out)
{
    const cJSON *product = cJSON_GetObjectItemCaseSensitive(in, "product");
    *out = (struct order){.product = cJSON_IsString(product) ? product_find(product->valuestring) : NULL};
    take_texts(arena, in, out, order_texts, COUNT_OF(order_texts));
    for (size_t i = 0; i < COUNT_OF(order_numbers); i++)
        FIELD(int64_t, out, &order_numbers[i]) = (int64_t)number(in, order_numbers[i].name);
    for (size_t i = 0; i < COUNT_OF(order_counts); i++)
        FIELD(int, out, &order_counts[i]) = (int)number(in, order_counts[i].name);
    for (size_t i = 0; i < COUNT_OF(order_flags); i++)
        FIELD(bool, out, &order_flags[i]) = flag(in, order_flags[i].name);
    const cJSON *item;
    cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(in, "more_names"))
        if (cJSON_IsString(item))
            string_list_push(arena, &out->more_names, arena_strdup(arena, item->valuestring));
    cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(in, "proofs")) {
        struct proof *proof = arena_push(arena, &out->proofs, out->proof_count);
        take_texts(arena, item, proof, proof_texts, COUNT_OF(proof_texts));
        proof->method = (enum method)number(item, "method");
        proof->done = flag(item, "done");
        proof->last_poll = (int64_t)number(item, "last_poll");
    }
    return out->product != NULL && out->id >= FIRST_ORDER && out->major != NULL && out->minor != NULL &&
           out->token_id != NULL && out->token_code != NULL;
}
