/* Every reader of the DNS services' answers over the same bytes: no crash, no leak, and what may be acted
 * upon (identifiers that go into paths, names, etags that go into headers) is sound. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "reconcilers/dns/service_answers.h"
#include "reconcilers/dns/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) \
    do { \
        if (!(condition)) \
            abort(); \
    } while (0)

static bool is_path_safe(const char *text)
{
    return *text != '\0' &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") == strlen(text);
}

static void read_failures(const char *text, size_t length, struct json *json, struct arena *arena)
{
    const struct service *const services[] = {&cloudflare_service, &route53_service, &azure_login,
                                              &azure_management,   &godaddy_service, &cloudns_service};
    static const int statuses[] = {200, 400, 403, 429};
    for (size_t i = 0; i < COUNT_OF(services); i++) {
        for (size_t k = 0; k < COUNT_OF(statuses); k++) {
            struct service_answer answer = {
                .status = statuses[k], .body = text, .length = length, .json = json, .code = "", .words = ""};
            services[i]->read_failure(&answer, arena);
            MUST(answer.code != NULL && answer.words != NULL && answer.retry_after_s >= 0);
            struct service_fault fault = service_judge(services[i], answer.status, answer.code, answer.words);
            MUST(fault.kind != ERROR_NONE && fault.kind < ERROR_KIND_COUNT);
        }
    }
}

static void read_json(const struct json *json, struct arena *arena)
{
    struct error err;
    struct service_zone zone = {0};
    struct cloudflare_records flares = {0};
    struct azure_set set;
    struct godaddy_records daddies;
    struct cloudns_records clouds = {0};
    const char *token;
    int64_t seconds;
    if (cloudflare_read_zones(json, "example.com", arena, &zone, &err) == SERVICE_HERE)
        MUST(is_path_safe(zone.id));
    if (cloudflare_read_records(json, "_a.example.com", 1, arena, &flares, &err)) {
        for (size_t i = 0; i < flares.count; i++)
            MUST(is_path_safe(flares.items[i].id) && flares.items[i].content != NULL);
    }
    if (azure_read_token(json, arena, &token, &seconds, &err))
        MUST(*token != '\0' && strpbrk(token, "\r\n\t ") == NULL && seconds > 0 && seconds <= 7 * 86400);
    if (azure_read_zone(json, "example.com", arena, &zone, &err) == SERVICE_HERE)
        MUST(zone.id != NULL);
    if (azure_read_set(json, arena, &set, &err))
        MUST(set.etag != NULL && strpbrk(set.etag, "\r\n") == NULL && set.ttl >= 0);
    if (godaddy_read_records(json, arena, &daddies, &err)) {
        for (size_t i = 0; i < daddies.count; i++)
            MUST(daddies.items[i].data != NULL && daddies.items[i].name != NULL && daddies.items[i].ttl > 0);
    }
    if (cloudns_read_zone(json, "example.com", arena, &zone, &err))
        MUST(dns_name_usable(zone.id));
    if (cloudns_read_records(json, arena, &clouds, &err)) {
        for (size_t i = 0; i < clouds.count; i++)
            MUST(strspn(clouds.items[i].id, "0123456789") == strlen(clouds.items[i].id) &&
                 clouds.items[i].value != NULL);
    }
}

static void read_xml(const struct xml_node *root, struct arena *arena)
{
    struct error err;
    struct route53_zones zones = {0};
    struct route53_zone zone;
    struct route53_sets sets = {0};
    struct string_list servers;
    const char *change;
    bool in_sync;
    if (route53_read_zones(root, arena, &zones, &err)) {
        for (size_t i = 0; i < zones.count; i++)
            MUST(is_path_safe(zones.items[i].id));
        MUST(zones.next_id == NULL || is_path_safe(zones.next_id));
    }
    if (route53_read_zone(root, arena, &zone, &servers, &err))
        MUST(is_path_safe(zone.id));
    if (route53_read_sets(root, arena, &sets, &err)) {
        for (size_t i = 0; i < sets.count; i++)
            MUST(!sets.items[i].is_plain ||
                 (sets.items[i].values.count > 0 && is_path_safe(sets.items[i].ttl)));
    }
    if (route53_read_change(root, arena, &change, &in_sync, &err))
        MUST(is_path_safe(change));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create();
    struct error err = {0};
    const char *text = arena_strndup(arena, (const char *)data, size);
    size_t length = strlen(text);
    log_to(-1);
    struct json *json = json_parse(text, length, &err);
    read_failures(text, length, json, arena);
    if (json != NULL)
        read_json(json, arena);
    json_destroy(json);
    const struct xml_node *root = xml_parse(text, length, arena, &err);
    if (root != NULL) {
        read_xml(root, arena);
        const struct xml_node *again =
            xml_parse(arena_printf(arena, "<a>%s</a>", xml_escape(arena, root->text)),
                      strlen(xml_escape(arena, root->text)) + 7, arena, &err);
        MUST(again != NULL && strcmp(again->text, root->text) == 0);
    }
    MUST(strlen(service_unquote(arena, text, 8)) <= length &&
         strlen(service_unquote(arena, text, 10)) <= length);
    MUST(strlen(route53_name(arena, text)) <= length);
    arena_destroy(arena);
    return 0;
}
