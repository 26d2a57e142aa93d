/* Reading what Route 53 says (dns-providers.md 4.4 to 4.7). */
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "reconcilers/dns/service_answers.h"
#include "reconcilers/dns/xml.h"

static const struct service_fault faults[] = {
    {0, "Throttling", NULL, ERROR_THROTTLED, "too many requests", 0},
    {0, "ThrottlingException", NULL, ERROR_THROTTLED, "too many requests", 0},
    {0, "PriorRequestNotComplete", NULL, ERROR_THROTTLED, "an earlier change of the zone is still being made",
     0},
    {0, "InvalidChangeBatch", "is not permitted in zone", ERROR_REFUSED, "the zone does not take it", 0},
    {0, "InvalidChangeBatch", "conflicts with other records", ERROR_CONFLICT,
     "other records stand at that name", 0},
    {0, "InvalidChangeBatch", "as other RRSets exist", ERROR_CONFLICT, "other records stand at that name", 0},
    {0, "InvalidChangeBatch", "already exists", ERROR_CONFLICT, "somebody else is changing the same name", 0},
    {0, "InvalidChangeBatch", "not found", ERROR_CONFLICT, "somebody else is changing the same name", 0},
    {0, "InvalidChangeBatch", "do not match", ERROR_CONFLICT, "somebody else is changing the same name", 0},
    {0, "SignatureDoesNotMatch", "expired", ERROR_SYSTEM, "this host's clock is wrong", 0},
    {0, "SignatureDoesNotMatch", "not yet current", ERROR_SYSTEM, "this host's clock is wrong", 0},
    {0, "RequestExpired", NULL, ERROR_SYSTEM, "this host's clock is wrong", 0},
    {0, "RequestTimeTooSkewed", NULL, ERROR_SYSTEM, "this host's clock is wrong", 0},
    {0, "SignatureDoesNotMatch", NULL, ERROR_CREDENTIAL, "the secret access key is wrong", 0},
    {0, "ExpiredToken", NULL, ERROR_CREDENTIAL, "the temporary credentials have expired", 0},
    {0, "ExpiredTokenException", NULL, ERROR_CREDENTIAL, "the temporary credentials have expired", 0},
    {0, "InvalidClientTokenId", NULL, ERROR_CREDENTIAL,
     "the access key is not known, or the session token is missing or wrong", 0},
    {0, "UnrecognizedClientException", NULL, ERROR_CREDENTIAL,
     "the access key is not known, or the session token is missing or wrong", 0},
    {0, "InvalidAccessKeyId", NULL, ERROR_CREDENTIAL, "the access key is not known", 0},
    {0, "MissingAuthenticationToken", NULL, ERROR_CREDENTIAL, "no signature arrived: something on the way removes headers",
     0},
    {0, "IncompleteSignature", NULL, ERROR_CREDENTIAL, "the access key's id does not have the form of one", 0},
    {0, "AccessDenied", NULL, ERROR_CREDENTIAL,
     "the access key's policy does not allow it (needed: route53:ListHostedZonesByName, GetHostedZone, "
     "ListResourceRecordSets, ChangeResourceRecordSets, GetChange)",
     0},
    {0, "NoSuchHostedZone", NULL, ERROR_NOT_FOUND, "the hosted zone is not there", 0},
    {0, "ServiceUnavailable", NULL, ERROR_UNREACHABLE, NULL, 0},
    {0, "InternalFailure", NULL, ERROR_UNREACHABLE, NULL, 0},
    {0, "InternalError", NULL, ERROR_UNREACHABLE, NULL, 0},
};

/* <ErrorResponse><Error><Code/><Message/></Error></ErrorResponse>, and an older form for one of them:
 * <InvalidChangeBatch><Messages><Message/></Messages></InvalidChangeBatch>. */
static void read_failure(struct service_answer *answer, struct arena *arena)
{
    if (service_succeeded(answer))
        return;
    const struct xml_node *root = xml_parse(answer->body, answer->length, arena, NULL);
    const struct xml_node *error = xml_child(root, "Error");
    if (error != NULL) {
        answer->code = xml_text(xml_child(error, "Code"));
        answer->words = xml_text(xml_child(error, "Message"));
    } else if (root != NULL && strcmp(root->name, "InvalidChangeBatch") == 0) {
        answer->code = root->name;
        answer->words = xml_text(xml_child(xml_child(root, "Messages"), "Message"));
    }
    if (strcmp(answer->code, "SignatureDoesNotMatch") == 0 && strstr(answer->words, "Canonical") != NULL)
        /* It repeats the request that should have been signed, session token included. */
        answer->words = "The request signature does not match";
}

const struct service route53_service = {
    .label = "Route 53",
    .endpoint = "route53",
    .url = "https://route53.amazonaws.com",
    .faults = faults,
    .fault_count = COUNT_OF(faults),
    .read_failure = read_failure,
};

const char *route53_name(struct arena *arena, const char *text)
{
    char *out = arena_alloc(arena, strlen(text) + 1);
    size_t used = 0;
    for (const char *c = text; *c != '\0'; c++) {
        int value = 0, digits = 0;
        while (*c == '\\' && digits < 3 && c[1 + digits] >= '0' && c[1 + digits] <= '7')
            value = value * 8 + (c[1 + digits++] - '0');
        bool escaped = digits == 3 && value > 0x20 && value < 0x7f;
        out[used++] = escaped ? (char)value : *c;
        c += escaped ? 3 : 0;
    }
    if (used > 0 && out[used - 1] == '.')
        used--;
    out[used] = '\0';
    return text_lower(arena, out);
}

static bool is_root(const struct xml_node *root, const char *name, struct error *err)
{
    if (root != NULL && strcmp(root->name, name) == 0)
        return true;
    return error_raise(err, ERROR_MALFORMED, "the answer cannot be used: it is no %s", name);
}

/* Of "/hostedzone/Z3AA" and "/change/C2": what is put into paths again, so nothing but letters, digits and
 * hyphens. */
static const char *read_id(const char *text)
{
    const char *slash = strrchr(text, '/'), *id = slash != NULL ? slash + 1 : text;
    size_t length = strlen(id);
    bool plain = length > 0 && length <= 64 &&
                 strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") == length;
    return plain ? id : NULL;
}

static bool read_one_zone(const struct xml_node *node, struct arena *arena, struct route53_zone *out,
                          struct error *err)
{
    const char *id = read_id(xml_text(xml_child(node, "Id"))), *name = xml_text(xml_child(node, "Name"));
    if (id == NULL || *name == '\0')
        return error_raise(err, ERROR_MALFORMED, "the answer cannot be used: a zone has no id or no name");
    /* Zones of linked services have no Config: they are public. */
    *out = (struct route53_zone){
        .id = id,
        .name = route53_name(arena, name),
        .is_private = strcmp(xml_text(xml_child(xml_child(node, "Config"), "PrivateZone")), "true") == 0,
    };
    return true;
}

bool route53_read_zones(const struct xml_node *root, struct arena *arena, struct route53_zones *out,
                        struct error *err)
{
    const struct xml_node *list = xml_child(root, "HostedZones");
    if (!is_root(root, "ListHostedZonesByNameResponse", err))
        return false;
    if (list == NULL)
        return error_raise(err, ERROR_MALFORMED, "the answer cannot be used: it has no list of zones");
    for (const struct xml_node *node = xml_child(list, "HostedZone"); node != NULL; node = xml_again(node)) {
        struct route53_zone zone;
        if (!read_one_zone(node, arena, &zone, err))
            return false;
        *arena_push(arena, &out->items, out->count) = zone;
    }
    bool more = strcmp(xml_text(xml_child(root, "IsTruncated")), "true") == 0;
    const char *name = xml_text(xml_child(root, "NextDNSName")),
               *id = xml_text(xml_child(root, "NextHostedZoneId"));
    if (more && (*name == '\0' || read_id(id) == NULL))
        return error_raise(err, ERROR_MALFORMED, "the answer cannot be used: it ends in the middle");
    out->next_name = more ? name : NULL;
    out->next_id = more ? read_id(id) : NULL;
    return true;
}

bool route53_read_zone(const struct xml_node *root, struct arena *arena, struct route53_zone *out_zone,
                       struct string_list *out_servers, struct error *err)
{
    const struct xml_node *servers = xml_child(xml_child(root, "DelegationSet"), "NameServers");
    if (!is_root(root, "GetHostedZoneResponse", err) ||
        !read_one_zone(xml_child(root, "HostedZone"), arena, out_zone, err))
        return false;
    *out_servers = (struct string_list){0};
    for (const struct xml_node *node = xml_child(servers, "NameServer"); node != NULL; node = xml_again(node))
        string_list_push(arena, out_servers, node->text);
    return true;
}

bool route53_read_sets(const struct xml_node *root, struct arena *arena, struct route53_sets *out,
                       struct error *err)
{
    const struct xml_node *list = xml_child(root, "ResourceRecordSets");
    if (!is_root(root, "ListResourceRecordSetsResponse", err))
        return false;
    if (list == NULL)
        return error_raise(err, ERROR_MALFORMED, "the answer cannot be used: it has no list of records");
    for (const struct xml_node *node = xml_child(list, "ResourceRecordSet"); node != NULL;
         node = xml_again(node)) {
        struct route53_set set = {
            .name = route53_name(arena, xml_text(xml_child(node, "Name"))),
            .type = xml_text(xml_child(node, "Type")),
            .ttl = xml_text(xml_child(node, "TTL")),
            .is_plain = xml_child(node, "SetIdentifier") == NULL && xml_child(node, "AliasTarget") == NULL &&
                        xml_child(node, "TrafficPolicyInstanceId") == NULL,
        };
        const struct xml_node *record = xml_child(xml_child(node, "ResourceRecords"), "ResourceRecord");
        for (; record != NULL; record = xml_again(record))
            string_list_push(arena, &set.values, xml_text(xml_child(record, "Value")));
        bool ttl_good =
            *set.ttl != '\0' && strlen(set.ttl) <= 10 && strspn(set.ttl, "0123456789") == strlen(set.ttl);
        if (*set.name == '\0' || *set.type == '\0' || (set.is_plain && (!ttl_good || set.values.count == 0)))
            return error_raise(err, ERROR_MALFORMED,
                               "the answer cannot be used: a set has no name, type, TTL or value");
        *arena_push(arena, &out->items, out->count) = set;
    }
    bool more = strcmp(xml_text(xml_child(root, "IsTruncated")), "true") == 0;
    const struct xml_node *identifier = xml_child(root, "NextRecordIdentifier");
    out->next_name = more ? xml_text(xml_child(root, "NextRecordName")) : NULL;
    out->next_type = more ? xml_text(xml_child(root, "NextRecordType")) : NULL;
    out->next_identifier = more && identifier != NULL ? identifier->text : NULL;
    if (more && (*out->next_name == '\0' || *out->next_type == '\0'))
        return error_raise(err, ERROR_MALFORMED, "the answer cannot be used: it ends in the middle");
    return true;
}

bool route53_read_change(const struct xml_node *root, struct arena *arena, const char **out_id,
                         bool *out_in_sync, struct error *err)
{
    const struct xml_node *info = xml_child(root, "ChangeInfo");
    const char *id = read_id(xml_text(xml_child(info, "Id"))), *status = xml_text(xml_child(info, "Status"));
    if (id == NULL || *status == '\0')
        return error_raise(err, ERROR_MALFORMED, "the answer cannot be used: it names no change");
    *out_id = arena_strdup(arena, id);
    *out_in_sync = strcmp(status, "INSYNC") == 0;
    return true;
}
