/* The rules a certificate can break by itself: its names, its product's shape, the methods of validation and the dates
 * of the industry's rules. Knows no other resource; reference.c resolves those. */
#pragma once

#include <stdint.h>

#include "schema/catalogue.h"
#include "schema/certificate.h"
#include "schema/problem.h"

struct certificate_check { /* one look at one certificate */
    const struct resource *resource;
    const struct certificate *certificate;
    const struct product *product; /* NULL: unknown; then what depends on it is not judged */
    int64_t now;
    struct arena *arena;
    struct problem_list *problems;
    bool failed; /* an error was found */
};

/* What fits into a part of the subject of a request (RFC 5280, appendix A: ub-common-name, ub-organization-name). One that is
 * brought has the subject it has. */
enum { CERTIFICATE_SUBJECT_MOST = 64 };
bool certificate_request_is_brought(const struct certificate *certificate);

/* Append a problem of this certificate; one that stands there already, word for word, is given instead. */
struct problem *certificate_problem(struct certificate_check *check, enum severity severity, const char *code,
                                    struct position position, const char *path, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
/* Where the manifest spells `name`, in whatever spelling. */
struct position certificate_name_position(const struct certificate_check *check, const char *name);
/* "spec.dcv" or "spec.dcv.overrides[2]": where the settings of a name stand. */
const char *certificate_dcv_path(const struct certificate_check *check, const char *name);

/* The product's code; sets check->product. */
void certificate_check_product(struct certificate_check *check);
/* Names: the length of the main one; public suffixes; number, wildcards and twins against the product. */
void certificate_check_names(struct certificate_check *check);
/* Methods: what the product takes, wildcards, mixtures, overrides, the end of e-mail. */
void certificate_check_methods(struct certificate_check *check);
/* The approver of a name proven by e-mail: as given where it fits, else admin@<registrable domain>. */
const char *certificate_approver(struct certificate_check *check, const char *name);
/* Approvers as given: one of the five constructed addresses, at one of the names that use it or above. */
void certificate_check_approvers(struct certificate_check *check);
