/* The catalogue is read once from schema/data/products.json, which is compiled in, and never changes afterwards: every
 * thread may hold its pointers. It says what a product is; what it costs and whether it is still sold is the vendor's
 * price list to say. */
#include "schema/catalogue.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

extern const unsigned char data_products[];
extern const size_t data_products_length;

struct alias { /* a retired code; product NULL: no TLS certificate at all */
    const char *code, *notice;
    const struct product *product;
};

static struct product *products;
static size_t product_count;
static struct alias *aliases;
static size_t alias_count;
static const char **codes; /* of products, for product_nearest */
static struct arena *memory;
static struct json *document; /* the texts live in it */

static bool flag(const struct json *object, const char *name)
{
    bool value = false;
    json_bool(json_member(object, name), &value);
    return value;
}

static bool lists(const struct json *object, const char *member, const char *word)
{
    const struct json *item = json_first(json_member(object, member));
    for (; item != NULL; item = json_next(item))
        if (text_equal(json_string(item), word))
            return true;
    return false;
}

static enum validation_level level_of(const char *word)
{
    static const char *const words[] = {[LEVEL_DV] = "DV", [LEVEL_OV] = "OV", [LEVEL_EV] = "EV"};
    for (unsigned i = 0; i < COUNT_OF(words); i++)
        if (text_equal(word, words[i]))
            return (enum validation_level)i;
    assert(!"products.json: unknown level");
    return LEVEL_DV;
}

static struct product product_of(const struct json *object)
{
    int64_t max_names = 0;
    json_int(json_member(object, "maxNames"), &max_names);
    struct product product = {
        .code = json_string(json_member(object, "code")),
        .name = json_string(json_member(object, "name")),
        .brand = json_string(json_member(object, "brand")),
        .family = text_equal(json_string(json_member(object, "family")), "DigiCert") ? FAMILY_DIGICERT : FAMILY_SECTIGO,
        .level = level_of(json_string(json_member(object, "level"))),
        .wildcard = flag(object, "wildcard"),
        .wildcard_required = flag(object, "wildcardRequired"),
        .multi_domain = flag(object, "multiDomain"),
        .flex = flag(object, "flex"),
        .legacy = flag(object, "legacy"),
        .email = lists(object, "methods", "Email"),
        .file = lists(object, "methods", "File"),
        .dns = lists(object, "methods", "DNS"),
        .organization = lists(object, "needs", "organization"),
        .jurisdiction = lists(object, "needs", "jurisdiction"),
        .title = lists(object, "needs", "title"),
        .www_included = flag(object, "wwwIncluded"),
        .max_names = (int)max_names,
    };
    assert(product.code != NULL && product.name != NULL && product.brand != NULL && product.max_names > 0);
    return product;
}

static const struct product *by_code(const char *code)
{
    for (size_t i = 0; i < product_count; i++)
        if (strcasecmp(products[i].code, code) == 0)
            return &products[i];
    return NULL;
}

static void load_aliases(const struct json *list)
{
    for (const struct json *item = json_first(list); item != NULL; item = json_next(item)) {
        struct alias *alias = arena_push(memory, &aliases, alias_count);
        alias->code = json_string(json_member(item, "code"));
        alias->product = by_code(json_string(json_member(item, "product")));
        assert(alias->code != NULL && alias->product != NULL);
        const char *brand = json_string(json_member(item, "brand"));
        const char *former = text_equal(brand, "Symantec") ? "Symantec's products are DigiCert's since 2017: " : "";
        alias->notice = arena_printf(memory, "%s\"%s\" is a former product code; \"%s\" (%s) is what is sold now and "
                                     "what will be ordered", former, alias->code, alias->product->code,
                                     alias->product->name);
    }
}

static void load_others(const struct json *list)
{
    for (const struct json *item = json_first(list); item != NULL; item = json_next(item)) {
        struct alias *alias = arena_push(memory, &aliases, alias_count);
        alias->code = json_string(json_member(item, "code"));
        alias->notice = arena_printf(memory, "\"%s\" is %s; certwright orders TLS server certificates", alias->code,
                                     json_string(json_member(item, "is")));
    }
}

static void load(void)
{
    struct error err = {0};
    document = json_parse((const char *)data_products, data_products_length, &err);
    assert(document != NULL);
    memory = arena_create();
    const struct json *item = json_first(json_member(document, "products"));
    for (; item != NULL; item = json_next(item))
        *arena_push(memory, &products, product_count) = product_of(item);
    codes = arena_array(memory, product_count, sizeof *codes);
    for (size_t i = 0; i < product_count; i++)
        codes[i] = products[i].code;
    load_aliases(json_member(document, "aliases"));
    load_others(json_member(document, "others"));
}

static void ready(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
}

const struct product *product_find(const char *code, const char **out_notice)
{
    ready();
    const char *notice = NULL;
    const struct product *product = by_code(code);
    for (size_t i = 0; product == NULL && i < alias_count; i++) {
        if (strcasecmp(aliases[i].code, code) == 0) {
            product = aliases[i].product;
            notice = aliases[i].notice;
            break;
        }
    }
    if (out_notice != NULL)
        *out_notice = notice;
    return product;
}

const struct product *product_at(size_t index)
{
    ready();
    return index < product_count ? &products[index] : NULL;
}

const char *product_nearest(const char *code)
{
    ready();
    return text_nearest(code, codes, product_count);
}
