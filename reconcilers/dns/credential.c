#include "reconcilers/dns/credential.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "schema/dns_account.h"

enum { DAY_S = 86400 };

struct credential dns_credential(const struct resource *account, int64_t now, struct arena *arena)
{
    struct credential out = {
        .end = dns_account_credential_end(account->dns_account), .code = "CredentialFine", .words = ""};
    if (out.end == 0)
        return out;
    static const int days[] = {
        [CREDENTIAL_FINE] = 30, [CREDENTIAL_ENDS_IN_30_DAYS] = 7, [CREDENTIAL_ENDS_IN_7_DAYS] = 0};
    while (out.stage < CREDENTIAL_ENDED && now >= out.end - (int64_t)days[out.stage] * DAY_S)
        out.stage++;
    out.next = out.stage < CREDENTIAL_ENDED ? out.end - (int64_t)days[out.stage] * DAY_S : 0;
    const char *date = clock_rfc3339(arena, out.end);
    if (out.stage == CREDENTIAL_ENDED) {
        out.code = "CredentialExpired";
        out.words = arena_printf(arena, "the credential of DNSAccount %s ended on %s", account->name, date);
    } else {
        out.words = arena_printf(arena, "the credential of DNSAccount %s ends on %s", account->name, date);
    }
    if (out.stage == CREDENTIAL_FINE)
        return out;
    if (out.stage != CREDENTIAL_ENDED) {
        out.code = "CredentialExpiring";
        out.words = arena_printf(arena, "%s, in %s", out.words, text_duration_words(arena, out.end - now));
    }
    out.human =
        "make a new credential at the service, put it into the account's secret, and write its end into "
        "spec.credentialExpiresAt";
    return out;
}

bool dns_credential_good(const struct resource *account, int64_t now, struct arena *arena, struct error *err)
{
    struct credential credential = dns_credential(account, now, arena);
    if (credential.stage != CREDENTIAL_ENDED)
        return true;
    return error_raise(err, ERROR_CREDENTIAL, "%s: %s", credential.words, credential.human);
}
