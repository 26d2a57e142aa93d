/* Contact: a person named in orders. */
#pragma once

#include "schema/organization.h"

struct contact {
    const char *first_name, *last_name, *title, *email, *phone, *fax, *organization_name;
    struct postal_address address;
};
