#include "check.h"

#include "schema/catalogue.h"

static void every_product_is_whole(void)
{
    const struct product *product;
    size_t count = 0;
    for (; (product = product_at(count)) != NULL; count++) {
        CHECK(product->code[0] != '\0' && product->name[0] != '\0' && product->brand[0] != '\0');
        CHECK(product->max_names >= 1 && product->max_names <= 250);
        CHECK((product->max_names > 2) == product->multi_domain);
        CHECK(product->email && product->dns);
        CHECK(product->organization == (product->level != LEVEL_DV));
        CHECK(product->level == LEVEL_EV || (!product->jurisdiction && !product->title));
        CHECK(!(product->level == LEVEL_EV && product->wildcard));
        CHECK(product->wildcard_required == (product->wildcard && !product->multi_domain));
        CHECK(!product->wildcard_required || !product->file);
        CHECK(product_find(product->code, NULL) == product);
    }
    CHECK(count >= 50);
}

static void present_codes_come_without_a_notice(void)
{
    const char *notice = "before";
    const struct product *product = product_find("positivessl", &notice);
    CHECK(product != NULL && notice == NULL);
    CHECK_TEXT(product->name, "PositiveSSL");
    CHECK(product->family == FAMILY_SECTIGO && product->level == LEVEL_DV && product->www_included);
    CHECK(!product->wildcard && !product->multi_domain && product->file);
    product = product_find("PositiveSSL", &notice);
    CHECK(product != NULL && notice == NULL);
}

static void former_codes_give_todays_product_and_say_so(void)
{
    const char *notice = NULL;
    const struct product *product = product_find("rapidssl", &notice);
    CHECK(product != NULL && notice != NULL);
    CHECK_TEXT(product->code, "digi_rapidssl");
    CHECK(strstr(notice, "digi_rapidssl") != NULL);
    product = product_find("securesite", &notice);
    CHECK_TEXT(product->code, "digi_securesite_flex");
    CHECK(strstr(notice, "Symantec") != NULL);
    product = product_find("SecureSiteProEV", &notice);
    CHECK_TEXT(product->code, "digi_securesite_pro_ev_flex");
    product = product_find("287", &notice);
    CHECK_TEXT(product->code, "positivessl");
}

static void what_is_no_server_certificate_is_said(void)
{
    const char *notice = NULL;
    CHECK(product_find("comodocsc", &notice) == NULL);
    CHECK(notice != NULL && strstr(notice, "code-signing") != NULL);
    CHECK(product_find("nonsense", &notice) == NULL && notice == NULL);
}

static void a_slip_finds_the_nearest_code(void)
{
    CHECK_TEXT(product_nearest("positivesll"), "positivessl");
    CHECK(product_nearest("zzzzzzzzzzzz") == NULL);
}

static void flex_products_take_names_of_both_kinds(void)
{
    const struct product *product = product_find("digi_ssl_dv_geotrust_flex", NULL);
    CHECK(product->flex && product->wildcard && product->multi_domain && !product->wildcard_required && product->file);
    product = product_find("digi_truebizid_ev_flex", NULL);
    CHECK(product->flex && !product->wildcard && product->title && product->organization);
    CHECK_TEXT(product->brand, "GeoTrust");
}

int main(void)
{
    RUN(every_product_is_whole);
    RUN(present_codes_come_without_a_notice);
    RUN(former_codes_give_todays_product_and_say_so);
    RUN(what_is_no_server_certificate_is_said);
    RUN(a_slip_finds_the_nearest_code);
    RUN(flex_products_take_names_of_both_kinds);
    return CHECK_REPORT();
}
