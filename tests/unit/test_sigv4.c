/* The worked vectors of dns-providers.md 4.3, and what goes into paths and queries. */
#include "check.h"

#include "base/arena.h"
#include "base/hash.h"
#include "base/secret.h"
#include "reconcilers/dns/sigv4.h"

static struct arena *arena;
static struct secret *secret, *token;

static struct sigv4_request request_of(const char *method, const char *path)
{
    return (struct sigv4_request){.method = method, .path = path, .host = "route53.amazonaws.com",
                                  .date = "20260115T123456Z", .region = "us-east-1", .service = "route53",
                                  .body = span_of("", 0)};
}
static struct sigv4_credentials credentials(void)
{
    return (struct sigv4_credentials){.key_id = "AKIDEXAMPLE", .secret = secret};
}
static const char *digest_of(const char *text)
{
    unsigned char digest[32];
    hash_sha256(span_of(text, strlen(text)), digest);
    return text_hex(arena, digest, 32);
}
static const char *signature_of(const struct sigv4_request *request, const struct sigv4_credentials *by)
{
    const char *value = sigv4_authorization(arena, request, by), *at = strstr(value, "Signature=");
    CHECK(at != NULL);
    return at + 10;
}

static void hmac_is_that_of_rfc_4231(void)
{
    unsigned char out[32];
    hash_hmac_sha256(span_of("Jefe", 4), span_of("what do ya want for nothing?", 28), out);
    CHECK_TEXT(text_hex(arena, out, 32), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void the_key_is_derived_in_four_steps(void)
{
    unsigned char key[32], steps[3][32];
    sigv4_key(secret, "20260115", "us-east-1", "route53", key, steps);
    CHECK_TEXT(text_hex(arena, steps[0], 32),
               "3b871eb9be3e2866e4451da9d2a59e078c9535db363972684d5ce611285d3bea");
    CHECK_TEXT(text_hex(arena, steps[1], 32),
               "6eb6a882a13bb16f880bede1e99cbdcc584a50d19c4562a95391ab297d619526");
    CHECK_TEXT(text_hex(arena, steps[2], 32),
               "20d3efb9a551db13ed035c7a1701c4241e16889c33afe4bed25f0ad59b335030");
    CHECK_TEXT(text_hex(arena, key, 32), "95d61d07be73c6e4fb2a6d8f266f12a050173d9691495dc49ec45bba60e800dc");
}

static void vector_a_a_list_of_zones(void)
{
    const struct sigv4_parameter query[] = {{"maxitems", "100"}, {"dnsname", "example.com."}};
    struct sigv4_request request = request_of("GET", "/2013-04-01/hostedzonesbyname");
    struct sigv4_credentials by = credentials();
    request.query = query;
    request.query_count = 2;
    const char *canonical = sigv4_canonical_request(arena, &request, &by);
    CHECK_TEXT(canonical, "GET\n/2013-04-01/hostedzonesbyname\ndnsname=example.com.&maxitems=100\n"
                          "host:route53.amazonaws.com\nx-amz-date:20260115T123456Z\n\nhost;x-amz-date\n"
                          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK_TEXT(digest_of(canonical), "88e2bddb6ffec6988faa07ce0eaa52d89e084692e2fa615bd3c43823f4f75a0c");
    CHECK_TEXT(signature_of(&request, &by),
               "e6dff915a73278f86fea457bd19e3d35c828e7862675c41e10398933c7b43254");
}

static void vector_b_a_wildcard_in_the_query(void)
{
    const struct sigv4_parameter query[] = {
        {"name", "\\052.example.com."}, {"type", "TXT"}, {"maxitems", "1"}};
    struct sigv4_request request = request_of("GET", "/2013-04-01/hostedzone/Z3AADJGX6KTTL2/rrset");
    struct sigv4_credentials by = credentials();
    request.query = query;
    request.query_count = 3;
    CHECK_TEXT(sigv4_query(arena, query, 3), "maxitems=1&name=%5C052.example.com.&type=TXT");
    CHECK_TEXT(digest_of(sigv4_canonical_request(arena, &request, &by)),
               "386b85bfa9ed242c042280298ac98e7081005e90f7ba93b2d016bb6e4ce32a4e");
    CHECK_TEXT(signature_of(&request, &by),
               "ac4eea5d35211f70c35deb11e58d3cfafb278d2f2f60810f7f2adee0387ef68a");
}

static void vector_c_a_change_with_a_session_token(void)
{
    static const char body[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ChangeResourceRecordSetsRequest "
                               "xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/"
                               "\"><ChangeBatch><Changes><Change><Action>UPSERT</Action>"
                               "<ResourceRecordSet><Name>_acme-challenge.example.com.</Name><Type>TXT</"
                               "Type><TTL>60</TTL><ResourceRecords>"
                               "<ResourceRecord><Value>\"old\"</Value></"
                               "ResourceRecord><ResourceRecord><Value>\"new\"</Value></ResourceRecord>"
                               "</ResourceRecords></ResourceRecordSet></Change></Changes></ChangeBatch></"
                               "ChangeResourceRecordSetsRequest>";
    struct sigv4_request request = request_of("POST", "/2013-04-01/hostedzone/Z3AADJGX6KTTL2/rrset");
    struct sigv4_credentials by = credentials();
    by.session_token = token;
    request.content_type = "application/xml";
    request.body = span_of(body, sizeof body - 1);
    CHECK_INT(sizeof body - 1, 495);
    CHECK_TEXT(digest_of(body), "1d3166186def3c4ad18ec73d82333d9d57be846f38ee55d80f1d75b60817af6d");
    CHECK_TEXT(digest_of(sigv4_canonical_request(arena, &request, &by)),
               "8bbaffba422a9d23b89782a1a748ecaf048b5d74881a71f37b7b55d2fcf980ed");
    CHECK_TEXT(sigv4_authorization(arena, &request, &by),
               "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260115/us-east-1/route53/aws4_request, "
               "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, "
               "Signature=c4bae1a27c80ffa0809ae7c0584f6a118f4dde752f77972d3c085fcb8e27f555");
}

static void dates_are_those_of_the_wire(void)
{
    CHECK_TEXT(sigv4_date(arena, 1768480496), "20260115T123456Z");
    CHECK_TEXT(sigv4_date(arena, 0), "19700101T000000Z");
}

static void queries_are_encoded_and_sorted(void)
{
    const struct sigv4_parameter query[] = {
        {"b", "a b"}, {"a", "*._~-"}, {"a", "!"}, {"\xC3\xA9", "\xC3\xBC/&=+%"}, {"A", ""}};
    CHECK_TEXT(sigv4_query(arena, query, COUNT_OF(query)),
               "%C3%A9=%C3%BC%2F%26%3D%2B%25&A=&a=%21&a=%2A._~-&b=a%20b");
    CHECK_TEXT(sigv4_query(arena, NULL, 0), "");
}

static void paths_are_encoded_for_sending_and_again_for_signing(void)
{
    const char *const segments[] = {"2013-04-01", "*._x", "a b", "\xC3\xA9/"};
    struct sigv4_credentials by = credentials();
    const char *path = sigv4_path(arena, segments, COUNT_OF(segments));
    CHECK_TEXT(path, "/2013-04-01/%2A._x/a%20b/%C3%A9%2F");
    struct sigv4_request request = request_of("GET", path);
    CHECK(text_has_prefix(sigv4_canonical_request(arena, &request, &by),
                          "GET\n/2013-04-01/%252A._x/a%2520b/%25C3%25A9%252F\n\nhost:"));
}

static void spaces_in_header_values_are_run_together(void)
{
    struct sigv4_request request = request_of("GET", "/");
    struct sigv4_credentials by = credentials();
    request.content_type = "  text/xml;   charset=utf-8 ";
    CHECK(strstr(sigv4_canonical_request(arena, &request, &by),
                 "content-type:text/xml; charset=utf-8\nhost:") != NULL);
}

int main(void)
{
    arena = arena_create();
    secret = secret_create("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", 40);
    token = secret_create("AQoDYXdzEJr//EXAMPLE+token==", 28);
    RUN(hmac_is_that_of_rfc_4231);
    RUN(the_key_is_derived_in_four_steps);
    RUN(vector_a_a_list_of_zones);
    RUN(vector_b_a_wildcard_in_the_query);
    RUN(vector_c_a_change_with_a_session_token);
    RUN(dates_are_those_of_the_wire);
    RUN(queries_are_encoded_and_sorted);
    RUN(paths_are_encoded_for_sending_and_again_for_signing);
    RUN(spaces_in_header_values_are_run_together);
    secret_destroy(secret);
    secret_destroy(token);
    arena_destroy(arena);
    return CHECK_REPORT();
}
