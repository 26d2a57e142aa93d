#include "schema/contact.h"

#include "schema/kinds.h"

static const struct field contact_fields[] = {
    {.name = "firstName", .type = FIELD_STRING, AT(contact, first_name), .required = true, .max = 64,
     .example = "Petra", .doc = "First name."},
    {.name = "lastName", .type = FIELD_STRING, AT(contact, last_name), .required = true, .max = 64,
     .example = "Muster", .doc = "Last name."},
    {.name = "title", .type = FIELD_STRING, AT(contact, title), .max = 64, .example = "Head of IT",
     .doc = "What the person is in the organization; EV orders ask for it."},
    {.name = "email", .type = FIELD_STRING, AT(contact, email), .required = true, .max = 254, .canonical = kind_email,
     .example = "petra@example.com", .doc = "E-mail address."},
    {.name = "phone", .type = FIELD_STRING, AT(contact, phone), .required = true, .pattern = PHONE_PATTERN,
     .example = "\"+43 1 5550101\"", .doc = "Telephone number."},
    {.name = "fax", .type = FIELD_STRING, AT(contact, fax), .pattern = PHONE_PATTERN, .example = "\"+43 1 5550109\"",
     .doc = "Fax number."},
    {.name = "organizationName", .type = FIELD_STRING, AT(contact, organization_name), .max = 128,
     .example = "Example Ltd", .doc = "The organization the person works for."},
    {.name = "address", .type = FIELD_OBJECT, AT(contact, address), .table = &postal_address_table,
     .doc = "Where the person can be reached by post."},
};
const struct field_table contact_table = {
    .name = "Contact",
    .doc = "A person named in orders.",
    .size = sizeof(struct contact),
    FIELDS(contact_fields),
};
