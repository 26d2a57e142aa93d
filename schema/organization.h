/* Organization: what OV and EV orders say about who asks. */
#pragma once

#include "schema/resource.h"

struct postal_address {
    struct string_list lines; /* at most 3 */
    const char *city, *region, *postal_code, *country; /* country: ISO 3166 alpha-2, upper case */
};
struct organization {
    const char *name, *assumed_name, *division, *duns, *registration_number, *incorporating_agency;
    struct {
        const char *city, *region, *country;
    } jurisdiction;
    struct postal_address address;
    const char *phone, *fax;
    int64_t vendor_organization_id; /* 0: none */
};
