/* What Route 53 may answer beside what it should, and what is made of it (dns-providers.md 4.4 to 4.7). */
#include "dns_service_world.h"

#define ZONES(inside, rest) \
    "<ListHostedZonesByNameResponse><HostedZones>" inside "</HostedZones>" rest \
    "</ListHostedZonesByNameResponse>"
#define A_ZONE(id, name) "<HostedZone><Id>/hostedzone/" id "</Id><Name>" name "</Name></HostedZone>"
#define SETS(inside, rest) \
    "<ListResourceRecordSetsResponse><ResourceRecordSets>" inside "</ResourceRecordSets>" rest \
    "</ListResourceRecordSetsResponse>"
#define SET_OF(name, type, ttl, values) \
    "<ResourceRecordSet><Name>" name "</Name><Type>" type "</Type>" ttl "<ResourceRecords>" values \
    "</ResourceRecords></ResourceRecordSet>"
#define TTL "<TTL>60</TTL>"
#define A_VALUE(text) "<ResourceRecord><Value>" text "</Value></ResourceRecord>"
#define CHANGE(id, status) \
    "<ChangeResourceRecordSetsResponse><ChangeInfo>" id status \
    "</ChangeInfo></ChangeResourceRecordSetsResponse>"
#define FAILURE(code, words) \
    "<ErrorResponse><Error><Code>" code "</Code><Message>" words "</Message></Error></ErrorResponse>"
#define ALL_ZONES "hostedzonesbyname"
#define ONE_ZONE "GET https://route53.amazonaws.com/2013-04-01/hostedzone/Z1"
#define READ "rrset?"
#define WRITE "POST "
#define LOOK "/change/"

static const char standing[] =
    SETS(SET_OF(NAME ".", "TXT", TTL, A_VALUE("&quot;" THERE "&quot;") A_VALUE("&quot;foreign&quot;"))
             SET_OF("other.example.test.", "A", TTL, A_VALUE("192.0.2.1")),
         "");
static const struct script_row well[] = {
    {.asked = ALL_ZONES, .status = 200, .answer = ZONES(A_ZONE("Z1", "example.test."), "")},
    {.asked = READ, .status = 200, .answer = standing},
    {.asked = WRITE, .status = 200, .answer = CHANGE("<Id>/change/C1</Id>", "<Status>PENDING</Status>")},
    {.asked = LOOK,
     .status = 200,
     .answer = "<GetChangeResponse><ChangeInfo><Id>/change/C1</Id><Status>INSYNC</Status></ChangeInfo></"
               "GetChangeResponse>"},
    {.asked = ONE_ZONE,
     .status = 200,
     .answer = "<GetHostedZoneResponse>" A_ZONE("Z1", "example.test.") "</GetHostedZoneResponse>"},
    {.status = -1},
};

static void whatever_is_bad_in_an_answer_is_told(void)
{
    static const struct trouble troubles[] = {
        TROUBLES_OF_ANY_SERVICE,
        {{.status = 400, .answer = FAILURE("InvalidInput", "no")}, ERROR_REFUSED},
        {{.status = 403, .answer = FAILURE("SignatureDoesNotMatch", "no")}, ERROR_CREDENTIAL},
        {{.status = 200, .answer = "{}"}, ERROR_MALFORMED},
        {{.status = 200, .answer = "<Nothing/>"}, ERROR_MALFORMED},
    };
    static const struct bearable bearable[] = {
        {"/hostedzone/Z1", ERROR_CREDENTIAL}, /* zone: the servers of the zone need not be readable */
        {LOOK, ERROR_CREDENTIAL},             /* then the DNS decides */
        {NULL, ERROR_NONE},
    };
    any_request_may_meet_trouble("TXT", troubles, COUNT_OF(troubles), bearable);
}

static void without_its_credentials_nothing_is_asked(void)
{
    without_credential_nobody_is_asked("key");
    spec.route53.access_key_id = NULL;
    spec.route53.access_key_id_secret_ref = (struct secret_ref){.name = "dns", .key = "id"};
    without_credential_nobody_is_asked("id");
    spec.route53.session_token_secret_ref = (struct secret_ref){.name = "dns", .key = "token"};
    without_credential_nobody_is_asked("token");
    struct error err = {0};
    new_account();
    CHECK_OK(act(LIST, &err), err);
    spec.route53.session_token_secret_ref.name = NULL;
    spec.route53.access_key_id = "AKIDEXAMPLE";
}

static void lists_of_zones_are_read_strictly(void)
{
    static const struct odd_case cases[] = {
        {ZONE_OF,
         {ALL_ZONES, .status = 200, .answer = "<GetHostedZoneResponse/>"},
         ERROR_MALFORMED,
         "no ListHostedZones"},
        {ZONE_OF,
         {ALL_ZONES, .status = 200, .answer = "<ListHostedZonesByNameResponse/>"},
         ERROR_MALFORMED,
         "list of zones"},
        {ZONE_OF,
         {ALL_ZONES, .status = 200,
          .answer = ZONES("<HostedZone><Name>example.test.</Name></HostedZone>", "")},
         ERROR_MALFORMED,
         "no id or no name"},
        {ZONE_OF,
         {ALL_ZONES, .status = 200, .answer = ZONES("<HostedZone><Id>/hostedzone/Z1</Id></HostedZone>", "")},
         ERROR_MALFORMED,
         "no id or no name"},
        {ZONE_OF,
         {ALL_ZONES, .status = 200, .answer = ZONES(A_ZONE("Z1?x=1", "example.test."), "")},
         ERROR_MALFORMED,
         "no id"},
        {ZONE_OF,
         {ALL_ZONES, .status = 200,
          .answer = ZONES(
              A_ZONE("Z12345678901234567890123456789012345678901234567890123456789012345", "example.test."),
              "")},
         ERROR_MALFORMED,
         "no id"},
        {ZONE_OF,
         {ALL_ZONES, .status = 200, .answer = ZONES(A_ZONE("", "example.test."), "")},
         ERROR_MALFORMED,
         "no id"},
        {ZONE_OF,
         {ALL_ZONES, .status = 200,
          .answer = ZONES(A_ZONE("Z1", "example.test."), "<IsTruncated>true</IsTruncated>")},
         ERROR_MALFORMED,
         "ends in the middle"},
        {ZONE_OF,
         {ALL_ZONES, .status = 200,
          .answer = ZONES(A_ZONE("Z1", "example.test."),
                          "<IsTruncated>true</IsTruncated><NextDNSName>x.</NextDNSName>")},
         ERROR_MALFORMED,
         "ends in the middle"},
        {ZONE_OF, {ALL_ZONES, .status = 200, .answer = ZONES("", "")}, ERROR_NOT_FOUND, "no public zone"},
        {ZONE_OF,
         {ALL_ZONES, .status = 200, .answer = ZONES(A_ZONE("Z1", "."), "")},
         ERROR_NOT_FOUND,
         "no public zone"},
        {ZONE_OF,
         {ALL_ZONES, .status = 200,
          .answer = ZONES(A_ZONE("Z1", "example.test.") A_ZONE("Z2", "example.test."), "")},
         ERROR_REFUSED,
         "hostedZoneID"},
        {PRESENT,
         {ALL_ZONES, .status = 200, .answer = ZONES(A_ZONE("Z1", "deep.example.test."), "")},
         ERROR_NOT_FOUND,
         ZONE},
        /* no slash before the id, none behind the name */
        {ZONE_OF,
         {ALL_ZONES, .status = 200,
          .answer = ZONES("<HostedZone><Id>Z1</Id><Name>EXAMPLE.test</Name></HostedZone>", "")},
         ERROR_NONE,
         NULL},
        {ZONE_OF,
         {ONE_ZONE, .status = 200, .answer = "<GetHostedZoneResponse/>"},
         ERROR_MALFORMED,
         "no id or no name"},
        {ZONE_OF,
         {ONE_ZONE, .status = 404, .answer = FAILURE("NoSuchHostedZone", "gone")},
         ERROR_NOT_FOUND,
         "not there"},
    };
    CHECK_CASES(cases, "TXT");
}

static void a_page_that_repeats_is_no_second_zone(void)
{
    static const struct odd_case zones = {
        ZONE_OF,
        {ALL_ZONES, .status = 200,
         .answer = ZONES(A_ZONE("Z1", "example.test."),
                         "<IsTruncated>true</IsTruncated><NextDNSName>example.test.</NextDNSName>"
                         "<NextHostedZoneId>Z1</NextHostedZoneId>")},
        ERROR_MALFORMED,
        "no end"};
    static const struct odd_case sets = {
        LIST,
        {READ, .status = 200,
         .answer = SETS(SET_OF(NAME ".", "TXT", TTL, A_VALUE("&quot;x&quot;")),
                        "<IsTruncated>true</IsTruncated><NextRecordName>" NAME ".</NextRecordName>"
                        "<NextRecordType>TXT</NextRecordType>")},
        ERROR_MALFORMED,
        "no end"};
    check_case(&zones, 0, "TXT");
    CHECK(asked <= 3);
    check_case(&sets, 1, "TXT");
    CHECK(asked <= 4);
}

static void sets_are_read_strictly(void)
{
#define ODD_SET(text) \
    { \
        READ, .status = 200, .answer = SETS(text, "") \
    }
    static const struct odd_case cases[] = {
        {LIST,
         {READ, .status = 200, .answer = "<ListHostedZonesByNameResponse/>"},
         ERROR_MALFORMED,
         "no ListResourceRecordSets"},
        {LIST,
         {READ, .status = 200, .answer = "<ListResourceRecordSetsResponse/>"},
         ERROR_MALFORMED,
         "list of records"},
        {LIST, ODD_SET(SET_OF("", "TXT", TTL, A_VALUE("x"))), ERROR_MALFORMED, "no name, type"},
        {LIST, ODD_SET(SET_OF(NAME ".", "", TTL, A_VALUE("x"))), ERROR_MALFORMED, "no name, type"},
        {LIST, ODD_SET(SET_OF(NAME ".", "TXT", "", A_VALUE("x"))), ERROR_MALFORMED, "TTL"},
        {LIST, ODD_SET(SET_OF(NAME ".", "TXT", "<TTL>12345678901</TTL>", A_VALUE("x"))), ERROR_MALFORMED,
         "TTL"},
        {LIST, ODD_SET(SET_OF(NAME ".", "TXT", "<TTL>60s</TTL>", A_VALUE("x"))), ERROR_MALFORMED, "TTL"},
        {LIST, ODD_SET(SET_OF(NAME ".", "TXT", TTL, "")), ERROR_MALFORMED, "value"},
        {LIST,
         {READ, .status = 200, .answer = SETS("", "<IsTruncated>true</IsTruncated>")},
         ERROR_MALFORMED,
         "in the middle"},
        {LIST,
         {READ, .status = 200,
          .answer = SETS("", "<IsTruncated>true</IsTruncated><NextRecordName>x.</NextRecordName>")},
         ERROR_MALFORMED,
         "in the middle"},
        /* an alias has neither TTL nor values; the next page begins at another name */
        {LIST, ODD_SET(SET_OF(NAME ".", "A", "<AliasTarget/>", "")), ERROR_NONE, NULL},
        {LIST, ODD_SET(SET_OF(NAME ".", "A", "<SetIdentifier>eu</SetIdentifier>", "")), ERROR_NONE, NULL},
        {LIST, ODD_SET(SET_OF(NAME ".", "A", "<TrafficPolicyInstanceId>t</TrafficPolicyInstanceId>", "")),
         ERROR_NONE, NULL},
        {LIST,
         {READ, .status = 200,
          .answer = SETS("", "<IsTruncated>true</IsTruncated><NextRecordName>z.test.</NextRecordName>"
                             "<NextRecordType>A</NextRecordType>")},
         ERROR_NONE,
         NULL},
        /* what stands there and keeps ours away */
        {PRESENT, ODD_SET(SET_OF(NAME ".", "CNAME", TTL, A_VALUE("elsewhere.test."))), ERROR_CONFLICT,
         "elsewhere.test"},
        {PRESENT, ODD_SET(SET_OF(NAME ".", "CNAME", "<AliasTarget/>", "")), ERROR_CONFLICT, "an alias"},
        {PRESENT,
         ODD_SET(SET_OF(NAME ".", "TXT", TTL "<SetIdentifier>eu</SetIdentifier>", A_VALUE("&quot;x&quot;"))),
         ERROR_CONFLICT, "identifiers"},
        /* ours stands in a set with an identifier: somebody else's */
        {ABSENT,
         ODD_SET(SET_OF(NAME ".", "TXT", TTL "<SetIdentifier>eu</SetIdentifier>",
                        A_VALUE("&quot;" THERE "&quot;"))),
         ERROR_NONE, NULL},
        {ABSENT,
         ODD_SET(SET_OF(NAME ".", "TXT", TTL "<SetIdentifier>eu</SetIdentifier>",
                        A_VALUE("&quot;" THERE "&quot;"))
                     SET_OF(NAME ".", "TXT", TTL, A_VALUE("&quot;x&quot;"))),
         ERROR_NONE, NULL},
    };
#undef ODD_SET
    /* Conflicts name the record, not the account: it is the same whoever asks. */
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (cases[i].kind == ERROR_CONFLICT)
            check_kept_away("TXT", cases[i].row, cases[i].says, WRITE);
        else
            check_case(&cases[i], i, "TXT");
    }
}

static void a_page_that_ends_within_the_name_is_followed(void)
{
    static const struct script_row rows[] = {
        {.asked = "identifier=eu",
         .status = 200,
         .answer = SETS(
             SET_OF(NAME ".", "TXT", TTL "<SetIdentifier>us</SetIdentifier>", A_VALUE("&quot;second&quot;")),
             "")},
        {.asked = READ,
         .status = 200,
         .answer = SETS(
             SET_OF(NAME ".", "TXT", TTL "<SetIdentifier>eu</SetIdentifier>", A_VALUE("&quot;first&quot;")),
             "<IsTruncated>true</IsTruncated><NextRecordName>" NAME ".</NextRecordName>"
             "<NextRecordType>TXT</NextRecordType><NextRecordIdentifier>eu</NextRecordIdentifier>")},
        {.asked = ALL_ZONES, .status = 200, .answer = ZONES(A_ZONE("Z1", "example.test."), "")},
        {.status = -1},
    };
    struct error err = {0};
    CHECK_OK(act_by(rows, "TXT", LIST, &err), err);
    CHECK_INT(values.count, 2);
    CHECK_TEXT(values.items[0], "first");
    CHECK_TEXT(values.items[1], "second");
}

static void a_change_that_raced_is_made_again_and_five_times_are_enough(void)
{
    static const char *const words[] = {"but it already exists", "but it was not found",
                                        "the values provided do not match the current values"};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        struct error err = {0};
        for (enum act what = PRESENT; what <= ABSENT; what++) {
            new_account();
            odd = (struct script_row){WRITE, .status = 400,
                                      .answer =
                                          arena_printf(arena, FAILURE("InvalidChangeBatch", "%s"), words[i])};
            CHECK(!act(what, &err));
            CHECK_INT(err.kind, ERROR_CONFLICT);
            CHECK_INT(asked, 1 + 5 * 2);
        }
    }
    static const struct odd_case cases[] = {
        {PRESENT,
         {WRITE, .status = 400, .answer = FAILURE("InvalidChangeBatch", "rdata is invalid")},
         ERROR_REFUSED,
         "rdata"},
        {PRESENT,
         {WRITE, .status = 400,
          .answer =
              "<InvalidChangeBatch><Messages><Message>it is not permitted in zone x</Message></Messages>"
              "</InvalidChangeBatch>"},
         ERROR_REFUSED,
         "does not take it"},
        {PRESENT,
         {WRITE, .status = 200, .answer = CHANGE("", "<Status>PENDING</Status>")},
         ERROR_MALFORMED,
         "no change"},
        {PRESENT,
         {WRITE, .status = 200, .answer = CHANGE("<Id>/change/C1</Id>", "")},
         ERROR_MALFORMED,
         "no change"},
        {PRESENT,
         {WRITE, .status = 200, .answer = CHANGE("<Id>/change/C1</Id>", "<Status>INSYNC</Status>")},
         ERROR_NONE,
         NULL},
        {ABSENT, {WRITE, .status = 403, .answer = FAILURE("AccessDenied", "no")}, ERROR_CREDENTIAL, "policy"},
    };
    CHECK_CASES(cases, "TXT");
}

static void a_change_is_applied_when_the_service_says_so_or_knows_it_no_more(void)
{
    static const struct {
        struct script_row row;
        bool ok, applied;
    } cases[] = {
        {{LOOK, .status = 200, .answer = CHANGE("<Id>/change/C1</Id>", "<Status>INSYNC</Status>")},
         true,
         true},
        {{LOOK, .status = 200, .answer = CHANGE("<Id>/change/C1</Id>", "<Status>PENDING</Status>")},
         true,
         false},
        {{LOOK, .status = 404, .answer = FAILURE("NoSuchChange", "gone")}, true, true},
        {{LOOK, .status = 400, .answer = FAILURE("NoSuchChange", "gone")}, true, true},
        {{LOOK, .status = 503, .answer = ""}, false, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        new_account();
        CHECK_OK(act(PRESENT, &err), err);
        odd = cases[i].row;
        CHECK_INT(act(APPLIED, &err), cases[i].ok);
        CHECK(!cases[i].ok || applied == cases[i].applied);
    }
    new_account(); /* of a change that this process did not make nothing is known */
    CHECK(act(APPLIED, NULL) && applied && asked == 0);
}

static void a_clock_that_is_off_is_told_with_its_distance(void)
{
    static const char expired[] =
        FAILURE("SignatureDoesNotMatch", "Signature expired: 20260115T123456Z is now earlier than");
    static const struct {
        int64_t ahead; /* of the service's Date */
        const char *says, *never;
    } cases[] = {{7300, "clock is 2 h behind: Route 53", ": :"},
                 {-7200, "clock is 2 h ahead: Route 53", ": :"},
                 {5, "clock is wrong", "clock is 5"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        new_account();
        odd = (struct script_row){.status = 403, .answer = expired, .date = clock_wire() + cases[i].ahead};
        CHECK(!act(ZONE_OF, &err));
        CHECK_INT(err.kind, ERROR_SYSTEM);
        CHECK(strstr(err.message, cases[i].says) != NULL && err.message[0] != ':');
        CHECK(strstr(err.message, cases[i].never) == NULL);
    }
}

static void the_zone_of_the_manifest_is_taken_by_its_id(void)
{
    static const struct odd_case cases[] = {
        {LIST, {ONE_ZONE "/", .status = 200, .answer = SETS("", "")}, ERROR_NONE, NULL},
        {PRESENT,
         {ONE_ZONE, .status = 404, .answer = FAILURE("NoSuchHostedZone", "gone")},
         ERROR_NOT_FOUND,
         "not there"},
        {PRESENT,
         {ONE_ZONE, .status = 200,
          .answer = "<GetHostedZoneResponse>" A_ZONE("Z1", "other.test.") "</GetHostedZoneResponse>"},
         ERROR_NOT_FOUND,
         ZONE},
    };
    spec.route53.hosted_zone_id = "Z1";
    struct error err = {0};
    CHECK_CASES(cases, "TXT");
    new_account();
    odd = (struct script_row){
        ONE_ZONE, .status = 200,
        .answer = "<GetHostedZoneResponse><HostedZone><Id>Z1</Id><Name>example.test.</Name><Config>"
                  "<PrivateZone>true</PrivateZone></Config></HostedZone></GetHostedZoneResponse>"};
    bool ok = act(LIST, &err);
    spec.route53.hosted_zone_id = NULL;
    CHECK(!ok && err.kind == ERROR_REFUSED && strstr(err.message, "private") != NULL);
}

/* dns-providers.md 4.1: the rights that are needed do not have GetHostedZone among them. */
static void without_the_right_to_look_at_the_zone_its_records_name_it(void)
{
#define SET_AT(name) SETS(SET_OF(name, "NS", TTL, A_VALUE("ns.test.")), "<IsTruncated>true</IsTruncated>" \
                          "<NextRecordName>" name "</NextRecordName><NextRecordType>SOA</NextRecordType>")
#define FIRST_SET "rrset?maxitems=1"
#define DENIED {.asked = ONE_ZONE "/rrset", .status = 200, .answer = standing}, \
               {.asked = ONE_ZONE, .status = 403, .answer = FAILURE("AccessDenied", "no")}
    static const struct {
        struct script_row rows[6];
        enum error_kind kind;
        const char *says;
    } cases[] = {
        {{{.asked = FIRST_SET, .status = 200, .answer = SET_AT("EXAMPLE.test.")}, DENIED, {.status = -1}}, ERROR_NONE, NULL},
        {{{.asked = FIRST_SET, .status = 200, .answer = SET_AT("other.test.")}, DENIED, {.status = -1}}, ERROR_NOT_FOUND, NAME},
        {{{.asked = FIRST_SET, .status = 200, .answer = SETS("", "")}, DENIED, {.status = -1}}, ERROR_MALFORMED, "no records"},
        {{{.asked = FIRST_SET, .status = 200, .answer = "<Nothing/>"}, DENIED, {.status = -1}}, ERROR_MALFORMED,
         "reading the name"},
        {{{.asked = FIRST_SET, .status = 403, .answer = FAILURE("AccessDenied", "no")}, DENIED, {.status = -1}}, ERROR_CREDENTIAL,
         "reading the name"},
        /* nothing else is taken for a right that lacks */
        {{{.asked = FIRST_SET, .status = 200, .answer = SET_AT("example.test.")},
          {.asked = ONE_ZONE, .status = 403, .answer = FAILURE("SignatureDoesNotMatch", "no")},
          {.status = -1}}, ERROR_CREDENTIAL, "looking at hosted zone"},
    };
    spec.route53.hosted_zone_id = "Z1";
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        bool ok = act_by(cases[i].rows, "TXT", ZONE_OF, &err);
        CHECK_INT(ok, cases[i].kind == ERROR_NONE);
        CHECK(ok || (err.kind == cases[i].kind && strstr(err.message, cases[i].says) != NULL));
        if (!ok)
            continue;
        CHECK_TEXT(zone, ZONE);
        CHECK_INT(asked, 2); /* the zone's servers are not asked for again, nor is anything from now on */
        script = cases[i].rows;
        ok = act(ZONE_OF, &err) && act(LIST, &err);
        script = well;
        CHECK_OK(ok, err);
        CHECK_INT(asked, 3);
    }
    spec.route53.hosted_zone_id = NULL;
}

static void names_are_read_with_their_escapes(void)
{
    static const struct odd_case cases[] = {
        {LIST,
         {READ, .status = 200,
          .answer =
              SETS(SET_OF("\\137acme-challenge.example.test.", "TXT", TTL, A_VALUE("&quot;x&quot;")), "")},
         ERROR_NONE,
         NULL},
        {LIST,
         {READ, .status = 200,
          .answer = SETS(SET_OF("\\05.\\001.\\1779\\888.", "TXT", TTL, A_VALUE("x")), "")},
         ERROR_NONE,
         NULL},
    };
    CHECK_CASES(cases, "TXT");
    struct error err = {0};
    new_account();
    odd = cases[0].row;
    CHECK_OK(act(LIST, &err), err);
    CHECK_INT(values.count, 1);
    new_account();
    odd = cases[1].row;
    CHECK_OK(act(LIST, &err), err);
    CHECK_INT(values.count, 0);
}

int main(void)
{
    world_begin(DNS_PROVIDER_ROUTE53, well);
    spec.route53.access_key_id = "AKIDEXAMPLE";
    spec.route53.secret_access_key_secret_ref = (struct secret_ref){.name = "dns", .key = "key"};
    keep_secret("key", "secret-of-the-test");
    keep_secret("id", "AKIDEXAMPLE");
    keep_secret("token", "token-of-the-test");
    RUN(whatever_is_bad_in_an_answer_is_told);
    RUN(without_its_credentials_nothing_is_asked);
    RUN(lists_of_zones_are_read_strictly);
    RUN(a_page_that_repeats_is_no_second_zone);
    RUN(sets_are_read_strictly);
    RUN(a_page_that_ends_within_the_name_is_followed);
    RUN(a_change_that_raced_is_made_again_and_five_times_are_enough);
    RUN(a_change_is_applied_when_the_service_says_so_or_knows_it_no_more);
    RUN(a_clock_that_is_off_is_told_with_its_distance);
    RUN(the_zone_of_the_manifest_is_taken_by_its_id);
    RUN(without_the_right_to_look_at_the_zone_its_records_name_it);
    RUN(names_are_read_with_their_escapes);
    return CHECK_REPORT();
}
