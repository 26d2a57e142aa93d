/* The products of the five brands (section 15). The codes are real; every price is invented. */
#include <string.h>
#include <strings.h>

#include "sandbox/sandbox.h"

#define SECTIGO(code_, name_, level_, flags_, cents)                                                       \
    {                                                                                                      \
        .code = code_, .name = name_, .brand = "Sectigo", .level = level_, .flags = (flags_),              \
        .price_cents = cents                                                                               \
    }
#define SECTIGO_MULTI(code_, name_, level_, flags_, cents, san)                                            \
    {                                                                                                      \
        .code = code_, .name = name_, .brand = "Sectigo", .level = level_, .flags = MULTI | (flags_),      \
        .price_cents = cents, .san_cents = san, .wildcard_san_cents = (flags_)&WILDCARD ? 5 * (san) : 0,   \
        .included_sans = 2, .max_sans = 250                                                                \
    }
#define DIGICERT(code_, name_, brand_, level_, flags_, cents)                                              \
    {                                                                                                      \
        .code = code_, .name = name_, .brand = brand_, .level = level_, .flags = (flags_),                 \
        .price_cents = cents                                                                               \
    }
#define DIGICERT_MULTI(code_, name_, brand_, level_, flags_, cents, san)                                   \
    {                                                                                                      \
        .code = code_, .name = name_, .brand = brand_, .level = level_, .flags = MULTI | (flags_),         \
        .price_cents = cents, .san_cents = san, .wildcard_san_cents = (flags_)&WILDCARD ? 4 * (san) : 0,   \
        .max_sans = 250                                                                                    \
    }

static const struct product products[] = {
    SECTIGO("positivessl", "PositiveSSL", LEVEL_DV, TWIN, 750),
    SECTIGO("positivesslwildcard", "PositiveSSL Wildcard", LEVEL_DV, WILDCARD, 7900),
    SECTIGO_MULTI("positivemdcssl", "PositiveSSL Multi-Domain", LEVEL_DV, 0, 2500, 900),
    SECTIGO_MULTI("positivemdcwildcard", "PositiveSSL Multi-Domain Wildcard", LEVEL_DV, WILDCARD, 15900,
                  1200),
    SECTIGO("positiveevssl", "PositiveSSL EV", LEVEL_EV, 0, 8300),
    SECTIGO_MULTI("positiveevmdc", "PositiveSSL EV Multi-Domain", LEVEL_EV, 0, 19900, 5900),
    SECTIGO("sectigossl", "Sectigo DV SSL", LEVEL_DV, 0, 5900),
    SECTIGO("sectigowildcard", "Sectigo DV Wildcard", LEVEL_DV, WILDCARD, 17900),
    SECTIGO_MULTI("sectigodvucc", "Sectigo DV Multi-Domain/UCC", LEVEL_DV, 0, 10900, 2900),
    SECTIGO_MULTI("sectigouccwildcard", "Sectigo DV Multi-Domain/UCC Wildcard", LEVEL_DV, WILDCARD, 29900,
                  3900),
    SECTIGO("sectigoovssl", "Sectigo OV SSL", LEVEL_OV, 0, 7900),
    SECTIGO("sectigoovwildcard", "Sectigo OV Wildcard", LEVEL_OV, WILDCARD, 24900),
    SECTIGO_MULTI("sectigomdc", "Sectigo OV Multi-Domain/UCC", LEVEL_OV, 0, 15900, 3900),
    SECTIGO_MULTI("sectigomdcwildcard", "Sectigo OV Multi-Domain Wildcard", LEVEL_OV, WILDCARD, 39900,
                  4900),
    SECTIGO("sectigoevssl", "Sectigo EV SSL", LEVEL_EV, 0, 13900),
    SECTIGO_MULTI("sectigoevmdc", "Sectigo EV Multi-Domain/UCC", LEVEL_EV, 0, 29900, 8900),
    SECTIGO("instantssl", "InstantSSL", LEVEL_OV, TWIN, 3900),
    SECTIGO("instantsslpro", "InstantSSL Pro", LEVEL_OV, 0, 5900),
    SECTIGO("comodopremiumssl", "InstantSSL Premium", LEVEL_OV, LEGACY, 8900),
    SECTIGO("comodopremiumwildcard", "InstantSSL Premium Wildcard", LEVEL_OV, WILDCARD | LEGACY, 21900),
    SECTIGO("enterprisepro", "Enterprise SSL Pro", LEVEL_OV, 0, 19900),
    SECTIGO("enterpriseprowc", "Enterprise SSL Pro Wildcard", LEVEL_OV, WILDCARD, 49900),
    SECTIGO("enterpriseproev", "Enterprise SSL Pro with EV", LEVEL_EV, 0, 24900),
    SECTIGO_MULTI("enterpriseproevmdc", "Enterprise SSL Pro with EV Multi-Domain", LEVEL_EV, 0, 54900,
                  12900),
    SECTIGO("enterprisessl", "Enterprise SSL", LEVEL_OV, 0, 17900),
    SECTIGO("elitessl", "Elite SSL", LEVEL_OV, 0, 6900),
    SECTIGO("essentialssl", "EssentialSSL", LEVEL_DV, TWIN, 1900),
    SECTIGO("essentialwildcard", "EssentialSSL Wildcard", LEVEL_DV, WILDCARD, 8900),
    SECTIGO("comodossl", "Comodo SSL", LEVEL_DV, TWIN | LEGACY, 5900),
    SECTIGO("comodowildcard", "Comodo SSL Wildcard", LEVEL_DV, WILDCARD | LEGACY, 17900),
    SECTIGO_MULTI("comododvucc", "Comodo DV UCC", LEVEL_DV, LEGACY, 10900, 2900),
    SECTIGO_MULTI("comodoucc", "Comodo UCC", LEVEL_OV, LEGACY, 15900, 3900),
    SECTIGO_MULTI("comodouccwildcard", "Comodo UCC Wildcard", LEVEL_OV, WILDCARD | LEGACY, 39900, 4900),
    SECTIGO_MULTI("comodomdc", "Comodo Multi-Domain", LEVEL_OV, LEGACY, 15900, 3900),
    SECTIGO_MULTI("comodomdcwildcard", "Comodo Multi-Domain Wildcard", LEVEL_OV, WILDCARD | LEGACY, 39900,
                  4900),
    SECTIGO("comodoevssl", "Comodo EV SSL", LEVEL_EV, LEGACY, 13900),
    SECTIGO_MULTI("comodoevmdc", "Comodo EV Multi-Domain", LEVEL_EV, LEGACY, 29900, 8900),

    DIGICERT("digi_rapidssl", "RapidSSL Standard DV", "RapidSSL", LEVEL_DV, 0, 1300),
    DIGICERT("digi_rapidssl_wc", "RapidSSL Wildcard DV", "RapidSSL", LEVEL_DV, WILDCARD, 11900),
    DIGICERT_MULTI("digi_ssl_dv_geotrust_flex", "GeoTrust DV SSL", "GeoTrust", LEVEL_DV, WILDCARD | FLEX,
                   6900, 4900),
    DIGICERT_MULTI("digi_quickssl_md", "GeoTrust QuickSSL Multi-Domain", "GeoTrust", LEVEL_DV, 0, 9900,
                   2900),
    DIGICERT_MULTI("digi_ssl123_flex", "Thawte SSL123 DV", "Thawte", LEVEL_DV, WILDCARD | FLEX, 4500, 3500),
    DIGICERT_MULTI("digi_truebizid_flex", "GeoTrust True BusinessID", "GeoTrust", LEVEL_OV, WILDCARD | FLEX,
                   9900, 6900),
    DIGICERT_MULTI("digi_truebizid_ev_flex", "GeoTrust True BusinessID EV", "GeoTrust", LEVEL_EV, FLEX,
                   15900, 9900),
    DIGICERT_MULTI("digi_sslwebserver_flex", "Thawte Web Server", "Thawte", LEVEL_OV, WILDCARD | FLEX, 7900,
                   5900),
    DIGICERT_MULTI("digi_sslwebserver_ev_flex", "Thawte Web Server EV", "Thawte", LEVEL_EV, FLEX, 13900,
                   8900),
    DIGICERT_MULTI("digi_ssl_basic", "DigiCert Basic OV", "DigiCert", LEVEL_OV, WILDCARD | FLEX, 21900,
                   14900),
    DIGICERT_MULTI("digi_ssl_ev_basic", "DigiCert Basic EV", "DigiCert", LEVEL_EV, FLEX, 28900, 19900),
    DIGICERT_MULTI("digi_securesite_flex", "DigiCert Secure Site OV", "DigiCert", LEVEL_OV, WILDCARD | FLEX,
                   33900, 24900),
    DIGICERT_MULTI("digi_securesite_ev_flex", "DigiCert Secure Site EV", "DigiCert", LEVEL_EV, FLEX, 59900,
                   44900),
    DIGICERT_MULTI("digi_securesite_pro_flex", "DigiCert Secure Site Pro", "DigiCert", LEVEL_OV,
                   WILDCARD | FLEX, 69900, 49900),
    DIGICERT_MULTI("digi_securesite_pro_ev_flex", "DigiCert Secure Site Pro EV", "DigiCert", LEVEL_EV, FLEX,
                   99900, 74900),
    /* Codes of the former Symantec catalogue (15.3): still understood, no longer in the current list. */
    DIGICERT("rapidssl", "RapidSSL", "RapidSSL", LEVEL_DV, LEGACY, 1300),
    DIGICERT("rapidsslwildcard", "RapidSSL Wildcard", "RapidSSL", LEVEL_DV, WILDCARD | LEGACY, 11900),
    DIGICERT("freessl", "FreeSSL", "RapidSSL", LEVEL_DV, LEGACY, 0),
    DIGICERT("quicksslpremium", "GeoTrust QuickSSL Premium", "GeoTrust", LEVEL_DV, LEGACY, 6900),
    DIGICERT("ssl123", "Thawte SSL123", "Thawte", LEVEL_DV, LEGACY, 4500),
};

const struct product *product_at(size_t index)
{
    return index < COUNT_OF(products) ? &products[index] : NULL;
}

const struct product *product_find(const char *code)
{
    for (size_t i = 0; i < COUNT_OF(products); i++)
        if (strcasecmp(products[i].code, code) == 0)
            return &products[i];
    return NULL;
}

bool product_is_sectigo(const struct product *product)
{
    return strcmp(product->brand, "Sectigo") == 0;
}

const int *product_months(const struct product *product, size_t *out_count)
{
    static const int sectigo[] = {12, 24, 36, 48, 60}, digicert[] = {12, 24, 36, 48, 60, 72}, trial[] = {1};
    bool free_trial = product->price_cents == 0;
    *out_count = free_trial                    ? COUNT_OF(trial)
                 : product_is_sectigo(product) ? COUNT_OF(sectigo)
                                               : COUNT_OF(digicert);
    return free_trial ? trial : product_is_sectigo(product) ? sectigo : digicert;
}

bool product_sells_months(const struct product *product, int months)
{
    size_t count;
    const int *list = product_months(product, &count);
    for (size_t i = 0; i < count; i++)
        if (list[i] == months)
            return true;
    return false;
}

/* A tenth off for each further year, never more than four. */
int product_price_cents(const struct product *product, int months)
{
    int years = months / 12, off = years > 1 ? years - 1 : 0;
    return (int)((int64_t)product->price_cents * months / 12 * (10 - (off > 4 ? 4 : off)) / 10);
}
