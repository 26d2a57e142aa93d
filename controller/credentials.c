#include "controller/credentials.h"

#include "base/arena.h"
#include "schema/dns_account.h"
#include "schema/resource.h"

struct credential_notes credentials_ending(struct desired *desired, int64_t now, struct arena *arena)
{
    struct credential_notes notes = {0};
    for (size_t i = 0; i < desired_count(desired); i++) {
        const struct desired_entry *entry = desired_at(desired, i);
        const struct resource *resource =
            entry->kind == KIND_DNS_ACCOUNT ? desired_resource(desired, entry) : NULL;
        if (resource == NULL || !resource->dns_account->enabled)
            continue;
        struct credential credential = dns_credential(resource, now, arena);
        if (credential.next > 0 && (notes.next == 0 || credential.next < notes.next))
            notes.next = credential.next;
        if (credential.stage != CREDENTIAL_FINE)
            *arena_push(arena, &notes.items, notes.count) =
                (struct credential_note){resource_id(arena, KIND_DNS_ACCOUNT, entry->namespace_, entry->name),
                                         entry->namespace_, entry->name, credential};
    }
    return notes;
}
