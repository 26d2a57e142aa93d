/* The field tables of the kinds, and the forms of text that more than one of them has. */
#pragma once

#include "schema/field.h"

extern const struct field_table certificate_table, issuer_table, dns_account_table, deploy_target_table,
    organization_table, contact_table;
extern const struct field_table postal_address_table;

/* For `.canonical`: an e-mail address, its domain in lower case. */
const char *kind_email(struct arena *arena, const char *text, const char **out_reason);
/* "127.0.0.1:443", "[2001:db8::1]:443", "host.example:443". */
const char *kind_host_port(struct arena *arena, const char *text, const char **out_reason);
/* A path beneath a root: relative, without "." and "..", single slashes. */
const char *kind_relative_path(struct arena *arena, const char *text, const char **out_reason);

#define COUNTRY_PATTERN "^[A-Z]{2}$"
#define PHONE_PATTERN "^[+]?[0-9][-0-9 ()./]{3,30}$"
