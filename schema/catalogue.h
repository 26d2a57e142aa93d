/* Products the vendor sells, from a data file compiled in (schema/data/products.*). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum brand_family { FAMILY_SECTIGO, FAMILY_DIGICERT };
enum validation_level { LEVEL_DV, LEVEL_OV, LEVEL_EV };

struct product {
    const char *code;  /* "positivessl" */
    const char *name;  /* "PositiveSSL" */
    const char *brand; /* "Sectigo", "DigiCert", "GeoTrust", "Thawte", "RapidSSL", "Symantec" */
    enum brand_family family;
    enum validation_level level;
    bool wildcard;     /* takes a wildcard name (a wildcard product must have one unless also multi_domain or flex) */
    bool wildcard_required;
    bool multi_domain;
    bool flex;
    bool legacy;       /* perhaps no longer sold: the price list decides */
    bool email, file, dns; /* validation methods */
    bool organization, jurisdiction, title; /* what must be known */
    bool www_included; /* the www twin of the common name comes with it */
    int max_names;
};

/* By code or alias ("rapidssl" today means digi_rapidssl: *out_notice, if not NULL, says so); NULL: unknown. */
const struct product *product_find(const char *code, const char **out_notice);
const struct product *product_at(size_t index); /* NULL past the end */
const char *product_nearest(const char *code);  /* for "did you mean"; NULL: none */
