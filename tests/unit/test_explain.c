#include "check.h"

#include "base/error.h"
#include "base/text.h"
#include "schema/explain.h"

static struct buffer out;

static const char *explained(const char *path)
{
    struct error err = {0};
    buffer_clear(&out);
    CHECK_OK(explain(path, 80, &out, &err), err);
    return buffer_text(&out);
}

static void a_kind_and_a_field_are_shown(void)
{
    CHECK(strstr(explained("certificate"), "apiVersion") != NULL);
    CHECK(strstr(explained("cert.spec"), "  dnsNames  <[]string>") != NULL);
    const char *text = explained("Certificate.spec.order.term");
    CHECK(strstr(text, "FIELD:     spec.order.term") != NULL);
    CHECK(strstr(text, "DEFAULT:   12mo") != NULL);
    CHECK(strstr(text, "RANGE:     1mo to 72mo") != NULL);
    text = explained("certificate.dcv.method");
    CHECK(strstr(text, "FIELD:     spec.dcv.method") != NULL);
    CHECK(strstr(text, "ONE OF:    DNS, HTTP, HTTPS, Email") != NULL);
    CHECK(strstr(explained("dns.spec"), "Exactly one of rfc2136, manual") != NULL);
    CHECK(strstr(explained("issuer.sslstore.authTokenSecretRef"), "  key  <string>  required") != NULL);
    CHECK(strstr(explained("certificate.metadata.name"), "EXAMPLE:   shop") != NULL);
    CHECK(strstr(explained("cert.csr"), "NOT WITH:  csrSecretRef") != NULL);
    CHECK(strstr(explained("config.deploy"), "reloadProfiles") != NULL);
}

static void lines_fit_the_width(void)
{
    static const char *const kinds[] = {"certificate.spec", "issuer.spec", "dns.spec", "target.spec", "org.spec", "contact.spec"};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct error err = {0};
        buffer_clear(&out);
        CHECK_OK(explain(kinds[i], 60, &out, &err), err);
        for (const char *line = strstr(buffer_text(&out), "DESCRIPTION"); *line != '\0'; line += strcspn(line, "\n") + 1)
            CHECK(strcspn(line, "\n") <= 80 && (line[0] != ' ' || line[4] != ' ' || strcspn(line, "\n") <= 60));
    }
}

static void a_wrong_path_names_what_was_meant(void)
{
    static const char *const cases[][2] = {
        {"certifcate", "\"Certificate\""},
        {"certificate.spec.ordr.term", "\"order\""},
        {"certificate.order.trem", "\"term\""},
        {"certificate.spec.dcv.xyzzy", "dcv has method, dns"},
        {"certificate.spec.suspend.deeper", "no field"},
        {"", "there is no kind"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        buffer_clear(&out);
        CHECK(!explain(cases[i][0], 80, &out, &err));
        CHECK_INT(err.kind, ERROR_NOT_FOUND);
        if (strstr(err.message, cases[i][1]) == NULL)
            fprintf(stderr, "%s: %s\n", cases[i][0], err.message);
        CHECK(strstr(err.message, cases[i][1]) != NULL);
        CHECK_TEXT(buffer_text(&out), "");
    }
}

static void the_reference_table_has_a_row_for_each_field(void)
{
    buffer_clear(&out);
    explain_markdown(KIND_CERTIFICATE, &out);
    CHECK(strstr(buffer_text(&out), "| `spec.order.product` | string | required |") != NULL);
    CHECK(strstr(buffer_text(&out), "| `spec.dcv.overrides[].method` |") != NULL);
    CHECK(strstr(buffer_text(&out), "| `spec.issuerRef` | {name} of an Issuer |") != NULL);
    for (const char *line = buffer_text(&out); *line != '\0'; line += strcspn(line, "\n") + 1) {
        int bars = 0;
        for (const char *c = line; *c != '\n'; c++)
            bars += *c == '|' && (c == line || c[-1] != '\\');
        CHECK_INT(bars, 5);
    }
}

int main(void)
{
    RUN(a_kind_and_a_field_are_shown);
    RUN(lines_fit_the_width);
    RUN(a_wrong_path_names_what_was_meant);
    RUN(the_reference_table_has_a_row_for_each_field);
    buffer_release(&out);
    return CHECK_REPORT();
}
