/* How long the credential of a DNS account is still good, as its manifest says by `credentialExpiresAt`.
 * Pure: nobody is asked. What is deployed needs no DNS account and is never touched by any of this. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct error;
struct resource;

enum credential_stage {
    CREDENTIAL_FINE,
    CREDENTIAL_ENDS_IN_30_DAYS,
    CREDENTIAL_ENDS_IN_7_DAYS,
    CREDENTIAL_ENDED
};
struct credential {
    enum credential_stage stage;
    int64_t end;       /* Unix seconds; 0: not told, always fine */
    int64_t next;      /* when the next stage begins; 0: never */
    const char *code;  /* "CredentialExpiring", "CredentialExpired"; of a fine one "CredentialFine" */
    const char *words; /* "the credential of DNSAccount corp ends on 2027-06-30, in 6 days" */
    const char *human; /* the cure; NULL: none is needed */
};
struct credential dns_credential(const struct resource *account, int64_t now, struct arena *arena);
/* Fails: CREDENTIAL, in words a person can act on. */
bool dns_credential_good(const struct resource *account, int64_t now, struct arena *arena, struct error *err);
