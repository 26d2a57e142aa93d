/* What the vendor's error codes and texts mean to us (16). No complete list is public, so known words are
 * looked for in the text, the more telling ones first; what fits no row is taken as it stands. */
#include "reconcilers/issuer/sslstore/sslstore.h"

#include <string.h>

#include "base/text.h"

static const char wrong_pair[] =
    "check partnerCode and the token; the live service and the vendor's sandbox have separate pairs";
static const char other_encoding[] = "if the request is sound, try another csrEncoding in the Issuer";

static const struct sslstore_problem problems[] = {
    {-9008, NULL, ERROR_CREDENTIAL, ERROR_CREDENTIAL, wrong_pair},
    /* Validation by the authority, which also speaks of tokens and of things not found. */
    {0, "invalid_dns_txt", ERROR_REFUSED, ERROR_REFUSED, "the authority does not see the record yet"},
    {0, "file_random_value_not_found", ERROR_REFUSED, ERROR_REFUSED,
     "the authority does not see the file yet"},
    {0, "invalid_dns_method", ERROR_REFUSED, ERROR_REFUSED, NULL},
    {0, "domain authentication", ERROR_REFUSED, ERROR_REFUSED, NULL},
    {0, "token/authentication", ERROR_CREDENTIAL, ERROR_CREDENTIAL, wrong_pair},
    {0, "authentication", ERROR_CREDENTIAL, ERROR_CREDENTIAL, wrong_pair},
    {0, "invalid token", ERROR_CREDENTIAL, ERROR_CREDENTIAL, wrong_pair},
    {0, "authtoken", ERROR_CREDENTIAL, ERROR_CREDENTIAL, wrong_pair},
    {0, "partnercode", ERROR_CREDENTIAL, ERROR_CREDENTIAL, wrong_pair},
    {0, "partner code", ERROR_CREDENTIAL, ERROR_CREDENTIAL, wrong_pair},
    {0, "insufficient", ERROR_CREDENTIAL, ERROR_CREDENTIAL, "the account needs money or credit"},
    {0, "account balance", ERROR_CREDENTIAL, ERROR_CREDENTIAL, "the account needs money or credit"},
    {0, "csr_invalid", ERROR_REFUSED, ERROR_REFUSED, other_encoding},
    {0, "failed to parse csr", ERROR_REFUSED, ERROR_REFUSED, other_encoding},
    {0, "csr cannot be decoded", ERROR_REFUSED, ERROR_REFUSED, other_encoding},
    {0, "apprepcountryname", ERROR_REFUSED, ERROR_MANIFEST, "a country is two letters of ISO 3166"},
    {0, "try again", ERROR_UNREACHABLE, ERROR_REFUSED, NULL},
    {0, "timeout", ERROR_UNREACHABLE, ERROR_REFUSED, NULL},
    {0, "timed out", ERROR_UNREACHABLE, ERROR_REFUSED, NULL},
    {0, "maintenance", ERROR_UNREACHABLE, ERROR_REFUSED, NULL},
    {0, "temporarily", ERROR_UNREACHABLE, ERROR_REFUSED, NULL},
    {0, "too many requests", ERROR_THROTTLED, ERROR_REFUSED, NULL},
    /* The authority's words passed through: that *it* does not find something says nothing about the vendor's
       list. */
    {-9009, NULL, ERROR_MALFORMED, ERROR_REFUSED, NULL},
    {0, "not found", ERROR_NOT_FOUND, ERROR_REFUSED, NULL},
    {0, "notfound", ERROR_NOT_FOUND, ERROR_REFUSED, NULL},
    {0, "no order", ERROR_NOT_FOUND, ERROR_REFUSED, NULL},
    {0, "no such order", ERROR_NOT_FOUND, ERROR_REFUSED, NULL},
    {0, "no record", ERROR_NOT_FOUND, ERROR_REFUSED, NULL},
    {0, "not exist", ERROR_NOT_FOUND, ERROR_REFUSED, NULL},
    {0, "doesn't exist", ERROR_NOT_FOUND, ERROR_REFUSED, NULL},
    {0, "could not be found", ERROR_NOT_FOUND, ERROR_REFUSED, NULL},
    {0, "could not find", ERROR_NOT_FOUND, ERROR_REFUSED, NULL},
    {0, "cannot find", ERROR_NOT_FOUND, ERROR_REFUSED, NULL},
    {0, "unable to find", ERROR_NOT_FOUND, ERROR_REFUSED, NULL},
    {0, "invalid order", ERROR_NOT_FOUND, ERROR_REFUSED, NULL},
    {0, NULL, ERROR_MALFORMED, ERROR_REFUSED, NULL}, /* asking again is harmless, buying again is not */
};

const struct sslstore_problem *sslstore_problem_find(int code, const char *message)
{
    const struct sslstore_problem *row = problems;
    while ((row->code != 0 && row->code != code) ||
           (row->text != NULL && strcasestr(message, row->text) == NULL))
        row++; /* the last row fits everything */
    return row;
}

const struct sslstore_problem *sslstore_problem_at(size_t index)
{
    return index < COUNT_OF(problems) ? &problems[index] : NULL;
}
