#include "schema/organization.h"

#include "schema/kinds.h"

static const struct field address_fields[] = {
    {.name = "lines", .type = FIELD_STRING_LIST, AT(postal_address, lines), .min = 1, .max = 3, .example = "Ring 1",
     .doc = "Street and number, at most three lines."},
    {.name = "city", .type = FIELD_STRING, AT(postal_address, city), .required = true, .max = 128,
     .example = "Vienna", .doc = "The town."},
    {.name = "region", .type = FIELD_STRING, AT(postal_address, region), .max = 128, .example = "Vienna",
     .doc = "State or province."},
    {.name = "postalCode", .type = FIELD_STRING, AT(postal_address, postal_code), .max = 32, .example = "\"1010\"",
     .doc = "Postal code, in quotes where it is digits."},
    {.name = "country", .type = FIELD_STRING, AT(postal_address, country), .required = true,
     .pattern = COUNTRY_PATTERN, .example = "AT", .doc = "Country, two capital letters (ISO 3166)."},
};
const struct field_table postal_address_table = {
    .name = "address", .doc = "A postal address.", .size = sizeof(struct postal_address), FIELDS(address_fields)};

static const struct field jurisdiction_fields[] = {
    {.name = "city", .type = FIELD_STRING, AT(organization, jurisdiction.city), .max = 128, .example = "Vienna",
     .doc = "Where it is registered: town."},
    {.name = "region", .type = FIELD_STRING, AT(organization, jurisdiction.region), .max = 128, .example = "Vienna",
     .doc = "Where it is registered: state or province."},
    {.name = "country", .type = FIELD_STRING, AT(organization, jurisdiction.country), .required = true,
     .pattern = COUNTRY_PATTERN, .example = "AT", .doc = "Where it is registered: country, two capital letters."},
};
static const struct field_table jurisdiction_table = {
    .name = "jurisdiction", .doc = "Where the organization is registered; for EV.", FIELDS(jurisdiction_fields)};

static const struct field organization_fields[] = {
    {.name = "name", .type = FIELD_STRING, AT(organization, name), .required = true, .max = 128,
     .example = "Example Ltd",
     .doc = "The registered name, exactly as in the register; at most 64 characters unless the request is brought."},
    {.name = "assumedName", .type = FIELD_STRING, AT(organization, assumed_name), .max = 128,
     .example = "Example Shops", .doc = "Another name it trades under."},
    {.name = "division", .type = FIELD_STRING, AT(organization, division), .max = 64, .example = "Online",
     .doc = "Division; told to the vendor, never part of a certificate."},
    {.name = "duns", .type = FIELD_STRING, AT(organization, duns), .pattern = "^[0-9]{2}-?[0-9]{3}-?[0-9]{4}$",
     .example = "\"123456789\"", .doc = "D-U-N-S number, nine digits in quotes."},
    {.name = "registrationNumber", .type = FIELD_STRING, AT(organization, registration_number), .max = 64,
     .example = "HRB 12345", .doc = "Number in the register; for EV."},
    {.name = "incorporatingAgency", .type = FIELD_STRING, AT(organization, incorporating_agency), .max = 128,
     .example = "Handelsgericht Wien", .doc = "The agency that keeps the register; for EV."},
    {.name = "jurisdiction", .type = FIELD_OBJECT, .table = &jurisdiction_table,
     .doc = "Where the organization is registered; for EV."},
    {.name = "address", .type = FIELD_OBJECT, AT(organization, address), .table = &postal_address_table,
     .required = true, .example = "{lines: [Ring 1], city: Vienna, postalCode: \"1010\", country: AT}",
     .doc = "Where it is."},
    {.name = "phone", .type = FIELD_STRING, AT(organization, phone), .required = true, .pattern = PHONE_PATTERN,
     .example = "\"+43 1 5550100\"", .doc = "Telephone number under which the CA can reach it."},
    {.name = "fax", .type = FIELD_STRING, AT(organization, fax), .pattern = PHONE_PATTERN,
     .example = "\"+43 1 5550109\"", .doc = "Fax number."},
    {.name = "vendorOrganizationID", .type = FIELD_INT64, AT(organization, vendor_organization_id), .min = 1,
     .max = INT64_C(9007199254740991), .example = "1234567",
     .doc = "The vendor's number for an organization it has already vetted."},
};
const struct field_table organization_table = {
    .name = "Organization",
    .doc = "A legal entity, for orders of OV and EV products.",
    .size = sizeof(struct organization),
    FIELDS(organization_fields),
};
