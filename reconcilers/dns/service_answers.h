/* The readers of the services' answers: bytes in, checked structs out. Apart from the rest so that tests and
 * the fuzzer can call them. */
#pragma once

#include "reconcilers/dns/service.h"
#include "schema/operator.h"

struct json;
struct xml_node;

/* ---- Cloudflare ---- */

struct cloudflare_record {
    const char *id, *type, *content; /* a TXT's content as text, a CNAME's as a name */
    bool proxied;
};
struct cloudflare_records {
    struct cloudflare_record *items;
    size_t count;
    bool more; /* further pages */
};
extern const struct service cloudflare_service;
/* The zone of that very name, if the answer has it. Fails: REFUSED (not in use, not editable, twice),
 * MALFORMED. */
enum service_finding cloudflare_read_zones(const struct json *json, const char *zone, struct arena *arena,
                                           struct service_zone *out, struct error *err);
/* Those at `name` are appended. */
bool cloudflare_read_records(const struct json *json, const char *name, int page, struct arena *arena,
                             struct cloudflare_records *out, struct error *err);

/* ---- Route 53 ---- */

struct route53_zone {
    const char *id, *name; /* no prefix, no trailing dot, lower case */
    bool is_private;
};
struct route53_zones {
    struct route53_zone *items;
    size_t count;
    const char *next_name, *next_id; /* where the next page begins; NULL: this was the last */
};
struct route53_set {
    const char *name, *type; /* escapes undone */
    const char *ttl;         /* as it was told */
    struct string_list values; /* as they were told: to be sent back as they are */
    bool is_plain;           /* no alias, no policy, no set of several under one name */
};
struct route53_sets {
    struct route53_set *items;
    size_t count;
    const char *next_name, *next_type, *next_identifier; /* NULL: the last page */
};
extern const struct service route53_service;
/* Appended. Fails: MALFORMED. */
bool route53_read_zones(const struct xml_node *root, struct arena *arena, struct route53_zones *out,
                        struct error *err);
bool route53_read_zone(const struct xml_node *root, struct arena *arena, struct route53_zone *out_zone,
                       struct string_list *out_servers, struct error *err);
bool route53_read_sets(const struct xml_node *root, struct arena *arena, struct route53_sets *out,
                       struct error *err);
/* Of ChangeResourceRecordSets and GetChange. */
bool route53_read_change(const struct xml_node *root, struct arena *arena, const char **out_id,
                         bool *out_in_sync, struct error *err);
/* "\\052.example.com." as it is meant: "*.example.com" */
const char *route53_name(struct arena *arena, const char *text);

/* ---- Azure ---- */

struct azure_set {
    const char *etag;
    int64_t ttl;
    bool is_alias;                /* points at a resource of Azure: not to be touched */
    struct name_pair *metadata;
    size_t metadata_count;
    struct string_list *values;   /* of TXT records: the strings of each */
    size_t value_count;
    const char *cname;            /* NULL: none */
};
extern const struct service azure_login, azure_management;
bool azure_read_token(const struct json *json, struct arena *arena, const char **out_token,
                      int64_t *out_seconds, struct error *err);
enum service_finding azure_read_zone(const struct json *json, const char *zone, struct arena *arena,
                                     struct service_zone *out, struct error *err);
bool azure_read_set(const struct json *json, struct arena *arena, struct azure_set *out, struct error *err);

/* ---- GoDaddy ---- */

struct godaddy_record {
    const char *name, *data;
    int64_t ttl;
};
struct godaddy_records {
    struct godaddy_record *items;
    size_t count;
};
extern const struct service godaddy_service;
bool godaddy_read_records(const struct json *json, struct arena *arena, struct godaddy_records *out,
                          struct error *err);

/* ---- ClouDNS ---- */

struct cloudns_record {
    const char *id, *type, *host, *value;
};
struct cloudns_records {
    struct cloudns_record *items;
    size_t count;
};
extern const struct service cloudns_service;
/* The zone to work on: its own name, or that of the zone it is a copy of. Fails: REFUSED (not active, not
 * ours to write), MALFORMED. */
bool cloudns_read_zone(const struct json *json, const char *zone, struct arena *arena,
                       struct service_zone *out, struct error *err);
bool cloudns_read_records(const struct json *json, struct arena *arena, struct cloudns_records *out,
                          struct error *err);
