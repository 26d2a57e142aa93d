/* One certificate beside the others: what they hold already. */
#include "controller/model_internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/fatal.h"
#include "base/hash.h"
#include "controller/records.h"
#include "reconcilers/deploy/deploy.h"

struct claim {
    char *key;                /* need_key or place_key */
    char *namespace_, *name;  /* who */
};

static void free_claim(struct claim *claim)
{
    free(claim->key);
    free(claim->namespace_);
    free(claim->name);
}

/* ---- what is held: needs and places ---- */

/* "place/<hash of the path>": who publishes there, "<ns>/<name>/<target>". NULL: the target leads nowhere. Once it is ordered,
 * files lie under the order's common name, whatever the manifest puts first meanwhile. */
static char *place_key(const struct operator_config *config, const struct resource *certificate, const struct order_record *order,
                       const struct resource *target, struct arena *arena)
{
    const char *common_name = order != NULL ? order->common_name : certificate_main_name(certificate->certificate);
    const char *path;
    struct error err;
    unsigned char digest[32];
    if (!deploy_place(config, target, certificate->namespace_, certificate->name, common_name, arena, &path, &err))
        return NULL;
    hash_sha256(span_of(path, strlen(path)), digest);
    return arena_printf(arena, "place/%s", text_hex(arena, digest, 16));
}

char *model_place_key(const struct certificate_view *view, size_t rollout, struct arena *arena)
{
    return place_key(view->config, view->want, view->order, view->refs.targets[rollout], arena);
}

const char *model_partner_code(const struct certificate_view *view)
{
    return view->refs.issuer != NULL ? view->refs.issuer->issuer->sslstore.partner_code : "";
}

static char *need_wanted(const struct certificate_view *view, struct arena *arena)
{
    return need_key(arena, view->account.endpoint != NULL ? view->account.endpoint->url : "", model_partner_code(view),
                    view->product->code, &view->want->certificate->dns_names);
}

/* ---- claims ---- */

static void claim(struct model *model, const struct certificate_view *view, const char *key)
{
    if (model->claim_count == model->claim_capacity) {
        model->claim_capacity = model->claim_capacity > 0 ? model->claim_capacity * 2 : 16;
        model->claims = realloc(model->claims, model->claim_capacity * sizeof *model->claims);
        if (model->claims == NULL)
            fatal_memory();
    }
    model->claims[model->claim_count++] = (struct claim){
        fatal_unless(strdup(key)), fatal_unless(strdup(view->namespace_)), fatal_unless(strdup(view->name))};
}

void model_claim(struct model *model, const struct certificate_view *view)
{
    AUTO(arena) struct arena *arena = arena_create();
    claim(model, view, need_wanted(view, arena));
}

void model_claim_place(struct model *model, const struct certificate_view *view, size_t rollout)
{
    AUTO(arena) struct arena *arena = arena_create();
    char *key = model_place_key(view, rollout, arena);
    if (key != NULL)
        claim(model, view, key);
}

void model_unclaim(struct model *model, const char *namespace_, const char *name)
{
    for (size_t i = 0; i < model->claim_count;) {
        struct claim *at = &model->claims[i];
        if (!text_equal(at->namespace_, namespace_) || !text_equal(at->name, name)) {
            i++;
            continue;
        }
        free_claim(at);
        *at = model->claims[--model->claim_count];
    }
}

void model_drop_claims(struct model *model)
{
    while (model->claim_count > 0)
        free_claim(&model->claims[--model->claim_count]);
    free(model->claims);
}

/* ---- what others hold ---- */

static const struct claim *claimed_by_other(const struct model *model, const struct certificate_view *view, const char *key)
{
    for (size_t i = 0; i < model->claim_count; i++)
        if (text_equal(model->claims[i].key, key) && (!text_equal(model->claims[i].name, view->name) ||
                                                      !text_equal(model->claims[i].namespace_, view->namespace_)))
            return &model->claims[i];
    return NULL;
}

/* Whether that target of the certificate is still one of its targets, and leads to the place, or nobody can say where to. */
static bool leads_there(const struct model *model, const struct resource *certificate, const struct order_record *order,
                        const struct certificate_references *refs, const char *target, const char *key, struct arena *arena)
{
    for (size_t i = 0; i < refs->target_count; i++)
        if (text_equal(refs->targets[i]->name, target)) {
            const char *now = place_key(model->config, certificate, order, refs->targets[i], arena);
            return now == NULL || text_equal(now, key);
        }
    return false;
}

/* Whether a certificate that published at the place gave it up: its manifest names another target or path now. One that
 * does not resolve keeps what it has. */
static bool moved_away(const struct model *model, const struct certificate_view *view, const struct certificate_record *other,
                       const char *target, const char *key, struct arena *arena)
{
    const char *namespace_ = other->namespace_, *name = other->name;
    struct order_record order;
    bool ordered = false;
    struct error ignored = {0};
    if (model->desired == NULL || (other->cycle > 0 && !record_find(model->state, TABLE_ORDER,
                                                                   record_key_number(arena, namespace_, name, other->cycle),
                                                                   &order_record_table, arena, &order, &ordered, &ignored)))
        return false;
    struct problem_list problems = {.arena = arena};
    struct resource_lookup lookup = desired_lookup(model->desired);
    struct certificate_references refs = {0};
    const struct resource *owner = lookup.find(lookup.set, KIND_CERTIFICATE, namespace_, name);
    return owner != NULL && certificate_resolve(owner, &lookup, model->config, view->now, arena, &refs, &problems) &&
           !leads_there(model, owner, ordered ? &order : NULL, &refs, target, key, arena);
}

/* Two certificates, or two targets of one, must not take turns at one place: the first to be there keeps it. */
bool model_find_places(struct model *model, struct certificate_view *view, struct arena *arena, struct error *err)
{
    view->places_taken = arena_array(arena, view->rollout_count, sizeof *view->places_taken);
    for (size_t i = 0; i < view->rollout_count; i++) {
        char *key = model_place_key(view, i, arena);
        if (key == NULL)
            continue;
        const struct claim *claim = claimed_by_other(model, view, key);
        if (claim != NULL)
            view->places_taken[i] = resource_id(arena, KIND_CERTIFICATE, claim->namespace_, claim->name);
        const char *owner = NULL;
        if (model->state != NULL && !meta_read(model->state, key, arena, &owner, err))
            return false;
        struct string_list parts = owner != NULL ? text_split(arena, owner, '/') : (struct string_list){0};
        if (parts.count != 3)
            continue;
        bool ours = text_equal(parts.items[0], view->namespace_) && text_equal(parts.items[1], view->name);
        if (ours && text_equal(parts.items[2], view->refs.targets[i]->name))
            continue;
        struct certificate_record other;
        const char *id = resource_id(arena, KIND_CERTIFICATE, parts.items[0], parts.items[1]);
        bool known = false;
        if (!ours && !record_find(model->state, TABLE_CERTIFICATE, record_key(arena, parts.items[0], parts.items[1]),
                                  &certificate_record_table, arena, &other, &known, err))
            return false;
        bool gone = ours ? !leads_there(model, view->want, view->order, &view->refs, parts.items[2], key, arena)
                         : string_list_contains(&model->assumed_gone, id) || !known || other.forgotten ||
                               moved_away(model, view, &other, parts.items[2], key, arena);
        if (!gone)
            view->places_taken[i] = arena_printf(arena, "%s by target %s", id, parts.items[2]);
        if (view->rollouts[i].state == ROLLOUT_ACTIVE) /* another was there meanwhile: deployed anew, once the place is free */
            view->rollouts[i].state = ROLLOUT_WANTED;
    }
    return true;
}

bool model_find_duplicate(struct model *model, struct certificate_view *view, struct arena *arena, struct error *err)
{
    if (view->invalid || view->want == NULL)
        return true;
    char *key = need_wanted(view, arena);
    const struct claim *claim = claimed_by_other(model, view, key);
    if (claim != NULL)
        view->duplicate_of = resource_id(arena, KIND_CERTIFICATE, claim->namespace_, claim->name);
    const char *owner = NULL; /* "<ns>/<name>/<cycle>" */
    if (model->state != NULL && !meta_read(model->state, key, arena, &owner, err))
        return false; /* nobody knows whether it was bought */
    if (owner == NULL || view->duplicate_of != NULL)
        return true;
    struct string_list parts = text_split(arena, owner, '/');
    if (parts.count != 3 || (text_equal(parts.items[0], view->namespace_) && text_equal(parts.items[1], view->name)))
        return true;
    struct order_record other;
    bool found;
    if (!record_find(model->state, TABLE_ORDER, record_key_number(arena, parts.items[0], parts.items[1], atoi(parts.items[2])),
                     &order_record_table, arena, &other, &found, err))
        return false;
    if (!found)
        return true;
    /* One that was prepared and never sent holds its names as long as its manifest is there. */
    bool gone = model->desired == NULL ||
                desired_find(model->desired, KIND_CERTIFICATE, parts.items[0], parts.items[1]) == NULL;
    /* An edit before it was sent may have changed what it is about. */
    bool same = text_equal(need_key(arena, other.endpoint, model_partner_code(view), other.product, &other.names), key);
    bool over = !same || other.state == ORDER_DEAD || other.state == ORDER_REFUSED ||
                (other.state == ORDER_PREPARED && gone) ||
                (other.subscription_ends_at > 0 && other.subscription_ends_at < view->now);
    if (!over)
        view->duplicate_of = resource_id(arena, KIND_CERTIFICATE, parts.items[0], parts.items[1]);
    return true;
}

bool model_knows_order(struct model *model, const struct vendor_order *order, struct arena *arena)
{
    return model->state != NULL && !text_empty(order->custom_order_id) &&
           meta_text(model->state, arena_printf(arena, "id/%s", order->custom_order_id), arena) != NULL;
}

/* When what was bought runs out; 0: not stated. Without that date, purchase and term say it (sslstore-api.md 13.3). */
static int64_t term_ends_at(const struct vendor_order *order)
{
    if (order->subscription_ends_at > 0 || order->purchased_at <= 0 || order->term_months <= 0)
        return order->subscription_ends_at;
    time_t bought = (time_t)order->purchased_at;
    struct tm tm;
    gmtime_r(&bought, &tm);
    tm.tm_mon += order->term_months;
    int64_t ends_at = (int64_t)timegm(&tm);
    return ends_at > order->certificate_ends_at ? ends_at : order->certificate_ends_at;
}

static bool is_live(const struct vendor_order *order, int64_t now)
{
    if (order->phase == VENDOR_CANCELLED || order->phase == VENDOR_EXPIRED || order->phase == VENDOR_INITIAL)
        return false;
    int64_t ends_at = term_ends_at(order);
    if (ends_at > 0)
        return ends_at > now;
    return order->certificate_ends_at == 0 || order->certificate_ends_at > now;
}

static const char *without_www(const char *name)
{
    return text_has_prefix(name, "www.") ? name + 4 : name;
}

static struct string_list with_twin(const struct string_list *names, bool included, const char *bare, struct arena *arena)
{
    struct string_list all = {0};
    for (size_t i = 0; i < names->count; i++)
        string_list_push(arena, &all, names->items[i]);
    if (included) {
        string_list_push(arena, &all, bare);
        string_list_push(arena, &all, arena_printf(arena, "www.%s", bare));
    }
    return all;
}

/* Some products add the www twin of the common name (sslstore-api.md 15.1), whether or not the manifest or the vendor's list says
 * so: it counts as if they had. */
static bool is_for_same_names(const struct vendor_order *order, const struct certificate_view *view, struct arena *arena)
{
    const struct string_list *wanted = &view->want->certificate->dns_names;
    if (order->names.count == wanted->count && string_list_same_set(&order->names, wanted))
        return true;
    const char *main_name = certificate_main_name(view->want->certificate), *bare = without_www(main_name);
    if (order->common_name == NULL || !text_equal(without_www(order->common_name), bare))
        return false;
    const struct product *bought = product_find(order->product, NULL);
    bool theirs_comes = bought != NULL && bought->www_included;
    bool ours_comes = view->product->www_included || (theirs_comes && text_equal(order->common_name, main_name));
    struct string_list theirs = with_twin(&order->names, theirs_comes, bare, arena);
    struct string_list ours = with_twin(wanted, ours_comes, bare, arena);
    return string_list_same_set(&theirs, &ours);
}

/* Nothing is bought before the account's orders were listed, and the list is at hand then (guards 4.6 3). */
void model_find_foreign(struct model *model, struct certificate_view *view, struct arena *arena)
{
    const struct account *account = model_account(model, view->refs.issuer->namespace_, view->refs.issuer->name);
    for (size_t i = 0; i < account->facts.order_count && view->foreign == NULL; i++) {
        const struct vendor_order *order = &account->facts.orders[i];
        if (is_for_same_names(order, view, arena) && is_live(order, view->now) && !model_knows_order(model, order, arena))
            view->foreign = order;
    }
}
