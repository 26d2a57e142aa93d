/* The readers of the services' answers: bytes in, checked structs out. Apart from the rest so that tests and the fuzzer
 * can call them. */
#pragma once

#include "reconcilers/dns/service.h"

struct json;

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
/* The zone of that very name, if the answer has it. Fails: REFUSED (not in use, not editable, twice), MALFORMED. */
enum service_finding cloudflare_read_zones(const struct json *json, const char *zone, struct arena *arena,
                                           struct service_zone *out, struct error *err);
/* Those at `name` are appended. */
bool cloudflare_read_records(const struct json *json, const char *name, int page, struct arena *arena,
                             struct cloudflare_records *out, struct error *err);
