"""Cases of the conformance suite that only one service has: its own traps (dns-providers.md, sections 2 to 7)."""
from dns_cases_script import EXEC, WEBHOOK
from dns_service import ZONE

NAME = f"_acme-challenge.{ZONE}"
VALUE, SECOND = "ours-ours-ours", "second-second"
TARGET = "0a1b2c.3d4e5f.sectigo.com"

# ---- Cloudflare ----


def a_cname_is_never_proxied(s):
    with s.driver() as d:
        d.present(NAME, TARGET, "CNAME")
    record, = s.standin.zone(ZONE).records
    assert record["proxied"] is False


def a_proxied_cname_is_told(s):
    s.standin.put(ZONE, NAME, "CNAME", [TARGET], proxied=True)
    s.standin.zone(ZONE).records[0]["proxied"] = True
    with s.driver() as d:
        d.bad("Conflict", "present", "account", "-", NAME, "CNAME", TARGET, says="DNS only")


def a_token_in_the_place_of_a_key_is_told(s):
    s.variant = "key"
    s.secret("key", s.token + "\n")
    with s.driver() as d:
        d.bad("Credential", "zone", "account", NAME, says="apiTokenSecretRef")


def a_zone_that_is_not_active_is_refused(s):
    for status in ("pending", "moved", "deactivated"):
        s.reset()
        s.standin.zone(ZONE).status = status
        with s.driver() as d:
            d.bad("Refused", "zone", "account", NAME, says=status)


def a_zone_kept_elsewhere_is_refused(s):
    for kind in ("partial", "secondary"):
        s.reset()
        s.standin.zone(ZONE).type = kind
        with s.driver() as d:
            d.bad("Refused", "zone", "account", NAME, says=kind)


def an_active_zone_is_preferred_to_its_pending_twin(s):
    s.standin.zones.insert(0, s.standin.add_zone(ZONE, status="pending"))
    s.standin.zones[0].in_dns = False
    with s.driver() as d:
        d.present(NAME, VALUE)
    assert s.standin.values(ZONE, NAME, "TXT") == [VALUE]


def two_active_zones_of_a_name_are_refused(s):
    s.standin.add_zone(ZONE)
    with s.driver() as d:
        d.bad("Refused", "zone", "account", NAME, says="twice")


def a_token_for_another_zone_finds_none(s):
    s.standin.tokens = {s.token: {"second.test"}}
    with s.driver() as d:
        d.bad("NotFound", "zone", "account", NAME)


def vanity_name_servers_count(s):
    s.standin.zone(ZONE).servers = ["NS1.StandIn.Test."]
    with s.driver() as d:
        assert d.zone(NAME) == ZONE


def failure_inside_a_success_is_seen(s):
    s.standin.fault(s.read, status=200, body='{"success":false,"errors":[{"code":10000,"message":"Authentication error"}]}')
    with s.driver() as d:
        d.bad("Credential", "present", "account", "-", NAME, "TXT", VALUE, says="Authentication error")


def records_beyond_the_first_page_are_seen(s):
    s.standin.put(ZONE, NAME, "TXT", [f'"other {i}"' for i in range(130)])
    with s.driver() as d:
        d.present(NAME, VALUE)
        assert len(d.values(NAME)) == 131
        state = s.standin.snapshot()
        d.present(NAME, VALUE)
        assert s.standin.snapshot() == state
        d.absent(NAME, VALUE)
        assert len(d.values(NAME)) == 130


def a_zone_made_anew_is_found_again(s):
    with s.driver() as d:
        d.present(NAME, VALUE)
        s.standin.zones.clear()
        s.standin.add_zone(ZONE)
        told = d("present", "account", ZONE, NAME, "TXT", VALUE)
        assert not told["ok"], told


# ---- Route 53 ----

def the_private_twin_is_never_touched(s):
    twin = s.standin.add_zone(ZONE, private=True)
    s.standin.add_zone(f"deep.{ZONE}", private=True)
    with s.driver() as d:
        assert d.zone(f"_x.deep.{ZONE}") == ZONE
        d.present(NAME, VALUE)
    assert twin.records == [] and s.standin.values(ZONE, NAME, "TXT") == [VALUE]


def only_private_is_not_found(s):
    s.standin.zone(ZONE).private = True
    with s.driver() as d:
        d.bad("NotFound", "zone", "account", NAME, says="public")


def a_zone_of_a_linked_service_is_public(s):
    s.standin.zone(ZONE).config = False
    with s.driver() as d:
        assert d.zone(NAME) == ZONE


def two_public_zones_need_an_id(s):
    other = s.standin.add_zone(ZONE)
    other.in_dns = False
    with s.driver() as d:
        d.bad("Refused", "zone", "account", NAME, says="hostedZoneID")
    s.more = {"hostedZoneID": s.standin.zones[0].id}
    with s.driver() as d:
        d.present(NAME, VALUE)
        d.absent(NAME, VALUE)
    assert s.standin.asked("hostedzonesbyname") == 1 and other.records == []


def a_private_zone_by_its_id_is_refused(s):
    twin = s.standin.add_zone(ZONE, private=True)
    s.more = {"hostedZoneID": twin.id}
    with s.driver() as d:
        d.bad("Refused", "zone", "account", NAME, says="private")


def an_unknown_id_is_told(s):
    s.more = {"hostedZoneID": "ZNOSUCHZONE"}
    with s.driver() as d:
        d.bad("NotFound", "zone", "account", NAME, says="ZNOSUCHZONE")


def a_list_is_no_filter(s):
    for name in ("aexample.test", "example-x.test", "zexample.test", f"aa.{ZONE}"):
        s.standin.add_zone(name)
    for owner in (f"*.{ZONE}", f"_acme-challenga.{ZONE}", f"_acme-challengf.{ZONE}", f"a.{NAME}"):
        s.standin.put(ZONE, owner, "TXT", ['"neighbour"'])
    before = s.standin.snapshot()
    with s.driver() as d:
        d.present(NAME, VALUE)
        assert d.values(NAME) == [VALUE]
        d.absent(NAME, "neighbour")
        d.absent(NAME, VALUE)
    assert s.standin.snapshot() == before


def a_change_is_looked_at_until_it_is_everywhere(s):
    s.standin.pending_looks = 3
    with s.driver() as d:
        d.present(NAME, VALUE)
        looks = [d.good("applied", "account", ZONE, NAME, "TXT", VALUE)["flag"] for _ in range(4)]
        assert looks == [False, False, True, True], looks
        assert s.standin.asked("/change/") == 3
    with s.driver() as d:  # another process knows nothing of it: the DNS decides
        assert d.good("applied", "account", ZONE, NAME, "TXT", VALUE)["flag"]


def a_change_that_may_not_be_looked_at_is_left_to_the_dns(s):
    s.standin.denied = {"/change/"}
    with s.driver() as d:
        d.present(NAME, VALUE)
        assert d.good("applied", "account", ZONE, NAME, "TXT", VALUE)["flag"]


def a_policy_without_sight_of_the_zone_is_enough(s):
    zone = s.standin.zone(ZONE)
    real = s.standin.serve

    def serve(request):
        if request.path.endswith(zone.id):
            from route53 import Refusal
            raise Refusal(403, "AccessDenied", "not authorized to perform: route53:GetHostedZone")
        return real(request)
    s.standin.serve = serve
    try:
        with s.driver() as d:
            d.present(NAME, VALUE)
        s.more = {"hostedZoneID": zone.id}
        with s.driver() as d:
            assert d.zone(NAME) == ZONE
            d.present(NAME, SECOND)
            d.absent(NAME, SECOND)
    finally:
        s.standin.serve = real


def sets_with_identifiers_are_a_conflict(s):
    s.standin.put(ZONE, NAME, "TXT", ['"a"'], identifier="one")
    s.standin.put(ZONE, NAME, "TXT", [f'"{SECOND}"'], identifier="two")
    before = s.standin.snapshot()
    with s.driver() as d:
        d.bad("Conflict", "present", "account", "-", NAME, "TXT", VALUE, says="identifiers")
        d.present(NAME, SECOND)
        d.absent(NAME, SECOND)
    assert s.standin.snapshot() == before


def an_alias_is_a_conflict(s):
    s.standin.put(ZONE, NAME, "A", [], alias=True)
    before = s.standin.snapshot()
    with s.driver() as d:
        d.bad("Conflict", "present", "account", "-", NAME, "CNAME", TARGET)
    assert s.standin.snapshot() == before


def an_earlier_change_under_way_is_waited_for(s):
    s.standin.fault(s.write, status=400, body="<ErrorResponse><Error><Code>PriorRequestNotComplete</Code><Message>The request was "
                    "rejected because Route 53 was still processing a prior request.</Message></Error></ErrorResponse>")
    with s.driver() as d:
        d.bad("Throttled", "present", "account", "-", NAME, "TXT", VALUE)
        d.present(NAME, VALUE)


def somebody_elses_change_in_between_is_kept(s):
    def meanwhile():
        s.standin.put(ZONE, NAME, "TXT", [f'"{SECOND}"'])
    with s.driver() as d:
        d.zone(NAME)
        s.standin.fault(s.read, after=True, then=meanwhile)
        d.present(NAME, VALUE)
        assert s.standin.values(ZONE, NAME, "TXT") == sorted([VALUE, SECOND])

        def again():
            s.standin.zone(ZONE).records[0]["ttl"] = "77"
        s.standin.fault(s.read, after=True, then=again)
        d.absent(NAME, VALUE)
    assert s.standin.values(ZONE, NAME, "TXT") == [SECOND] and s.standin.zone(ZONE).records[0]["ttl"] == "77"


def the_older_form_of_that_error_is_understood(s):
    s.standin.fault(s.write, status=400, body='<?xml version="1.0"?><InvalidChangeBatch xmlns="x"><Messages><Message>[Tried to create '
                    "resource record set but it already exists]</Message></Messages></InvalidChangeBatch>")
    with s.driver() as d:
        d.present(NAME, VALUE)


def a_name_that_always_changes_is_given_up(s):
    s.standin.fault(s.write, times=99, status=400, body="<ErrorResponse><Error><Code>InvalidChangeBatch</Code><Message>[it already "
                    "exists]</Message></Error></ErrorResponse>")
    with s.driver() as d:
        d.bad("Conflict", "present", "account", "-", NAME, "TXT", VALUE, says="somebody else")
    assert s.standin.asked(s.write) == 5


def a_wrong_clock_is_told_as_such(s):
    s.standin.skew = 3600
    with s.driver() as d:
        d.bad("System", "zone", "account", NAME, says=["clock", "behind"])


def a_session_token_is_not_shown_by_the_service_repeating_it(s):
    s.variant = "session"
    s.wrong_credentials()
    with s.driver() as d:
        d.bad("Credential", "zone", "account", NAME, says="secret access key")


def expired_and_forgotten_tokens_are_told(s):
    s.standin.fault(".", status=403, body="<ErrorResponse><Error><Code>ExpiredToken</Code><Message>The security token included in the "
                    "request is expired</Message></Error></ErrorResponse>")
    with s.driver() as d:
        d.bad("Credential", "zone", "account", NAME, says="expired")
    s.more = {}
    s.standin.keys[s.key_id] = (s.secret_key, "needs-a-token")
    with s.driver() as d:
        d.bad("Credential", "zone", "account", NAME, says="session token")


# ---- Azure ----

def one_token_serves_many_requests(s):
    with s.driver() as d:
        for i in range(3):
            d.present(NAME, f"value-{i}")
        assert s.standin.asked("/oauth2/") == 1
        d("crowd", "account", "-", NAME, "TXT", "a", "b", "c")
        assert s.standin.asked("/oauth2/") == 1


def a_token_that_ends_in_the_middle_is_renewed(s):
    with s.driver() as d:
        d.zone(NAME)
        s.standin.revoke()
        d.present(NAME, VALUE)
        assert s.standin.asked("/oauth2/") == 2
        s.standin.fault(s.read, after=True, then=s.standin.revoke)
        d.absent(NAME, VALUE)
        assert s.standin.asked("/oauth2/") == 3
    assert s.standin.values(ZONE, NAME, "TXT") == []


def what_may_not_be_looked_at_is_not_asked_again(s):
    s.standin.rights = {ZONE}  # a role on one zone alone
    with s.driver() as d:
        assert d.zone(f"_acme-challenge.www.{ZONE}") == ZONE
        asked = len(s.standin.log)
        assert d.zone(f"_acme-challenge.www.{ZONE}") == ZONE
        assert len(s.standin.log) == asked, "the name without a right was asked for again"
        d.bad("Credential", "zone", "account", "_x.second.test")
        d.bad("Credential", "zone", "account", "_x.second.test", says="DNS Zone Contributor")


def many_share_one_renewal(s):
    with s.driver() as d:
        d.zone(NAME)
        s.standin.revoke()
        told = d("crowd", "account", ZONE, NAME, "TXT", *"abcdef")
        assert told["ok"], told
        assert s.standin.asked("/oauth2/") == 2


def a_token_is_renewed_before_its_end(s):
    s.standin.lifetime = 1200
    with s.driver() as d:
        d.zone(NAME)
        d.good("turn", "800")
        d.present(NAME, VALUE)
        assert s.standin.asked("/oauth2/") == 1
        d.good("turn", "1000")
        d.present(NAME, SECOND)
        assert s.standin.asked("/oauth2/") == 2


def a_lifetime_may_be_text(s):
    s.standin.expires_in_as_text = True
    with s.driver() as d:
        d.present(NAME, VALUE)
        d.absent(NAME, VALUE)
        assert s.standin.asked("/oauth2/") == 1


def a_token_never_taken_is_given_up(s):
    s.standin.fault(r"/subscriptions/", times=99, status=401, body='{"error":{"code":"InvalidAuthenticationToken","message":"no"}}')
    with s.driver() as d:
        d.bad("Credential", "zone", "account", NAME)
    assert s.standin.asked("/oauth2/") == 2 and s.standin.asked("/subscriptions/") == 2


def what_the_sign_in_says_is_told(s):
    application = s.standin.applications[(s.directory, s.application)]
    application["expired"] = True
    with s.driver() as d:
        d.bad("Credential", "zone", "account", NAME, says=["expired", "AADSTS7000222"])
    s.standin.applications = {(s.directory, "another"): application}
    with s.driver() as d:
        d.bad("Credential", "zone", "account", NAME, says="clientID")
    s.standin.applications = {("another", s.application): application}
    with s.driver() as d:
        d.bad("Credential", "zone", "account", NAME, says="tenantID")
    s.reset()
    s.wrong_credentials()  # the stand-in repeats the secret in its words
    with s.driver() as d:
        told = d.bad("Credential", "zone", "account", NAME, says="not its id")
        assert "Trace ID" not in told["message"]


def trouble_at_the_sign_in_is_passing(s):
    for status, body, kind in ((503, "", "Unreachable"), (429, "", "Throttled"), (500, "<html>", "Unreachable"),
                               (400, '{"error":"temporarily_unavailable","error_description":"AADSTS90033: later"}', "Unreachable")):
        s.standin.fault("/oauth2/", status=status, body=body)
        with s.driver() as d:
            d.bad(kind, "zone", "account", NAME)
            assert d.zone(NAME) == ZONE


def a_wrong_group_or_subscription_is_told(s):
    s.more = {"resourceGroupName": "elsewhere"}
    with s.driver() as d:
        d.bad("Manifest", "zone", "account", NAME, says="resourceGroupName")
    s.more = {"subscriptionID": "00000000-0000-0000-0000-000000000000"}
    with s.driver() as d:
        d.bad("Manifest", "zone", "account", NAME, says="subscriptionID")


def the_same_zone_in_another_group_is_not_touched(s):
    other = s.standin.add_zone(ZONE, group="other")
    other.in_dns = False
    with s.driver() as d:
        d.present(NAME, VALUE)
    assert other.records == []


def a_private_zone_is_none(s):
    s.standin.zone(ZONE).kind = "Private"
    with s.driver() as d:
        d.bad("NotFound", "zone", "account", NAME)


def a_role_on_one_zone_alone_is_enough(s):
    s.standin.rights = {ZONE}
    with s.driver() as d:
        assert d.present(f"_acme-challenge.deep.www.{ZONE}", VALUE)["zone"] == ZONE
        d.bad("Credential", "zone", "account", "_x.second.test", says="DNS Zone Contributor")


def somebody_elses_write_in_between_is_kept_by_etag(s):
    def meanwhile():
        s.standin.put(ZONE, NAME, "TXT", [SECOND], ttl=77)
    with s.driver() as d:
        d.zone(NAME)
        s.standin.fault(s.read, after=True, then=meanwhile)
        d.present(NAME, VALUE)
        assert s.standin.values(ZONE, NAME, "TXT") == sorted([VALUE, SECOND])

        def touch():
            s.standin.zone(ZONE).records[0]["etag"] = "another"
        s.standin.fault(s.read, after=True, then=touch)
        d.absent(NAME, VALUE)
    record, = s.standin.zone(ZONE).records
    assert record["properties"]["TTL"] == 77 and s.standin.values(ZONE, NAME, "TXT") == [SECOND]


def a_set_gone_in_between_is_made_anew(s):
    s.put_txt(NAME, [SECOND])
    with s.driver() as d:
        d.zone(NAME)
        s.standin.fault(s.read, after=True, then=s.standin.zone(ZONE).records.clear)
        d.present(NAME, VALUE)
    assert s.standin.values(ZONE, NAME, "TXT") == [VALUE]


def a_set_that_always_changes_is_given_up(s):
    s.standin.fault(s.write, times=99, status=412, body='{"code":"PreconditionFailed","message":"no"}')
    with s.driver() as d:
        d.bad("Conflict", "present", "account", "-", NAME, "TXT", VALUE, says="somebody else")
    assert s.standin.asked(s.write) == 5


def an_alias_set_is_a_conflict(s):
    s.put_txt(NAME, [SECOND], targetResource={"id": "/subscriptions/x"})
    with s.driver() as d:
        d.bad("Conflict", "present", "account", "-", NAME, "TXT", VALUE, says="alias")
        d.absent(NAME, SECOND)
    assert s.standin.values(ZONE, NAME, "TXT") == [SECOND]


def a_zone_that_vanished_is_not_made_up(s):
    with s.driver() as d:
        d.zone(NAME)
        s.standin.zones.clear()
        told = d.bad("NotFound", "present", "account", ZONE, NAME, "TXT", VALUE)
        assert "zone is not there" in told["message"]
    assert s.standin.asked(s.write) == 0


def a_locked_zone_is_told(s):
    s.standin.fault(s.write, status=409, body='{"error":{"code":"ScopeLocked","message":"The scope cannot perform write operation"}}')
    with s.driver() as d:
        d.bad("Refused", "present", "account", "-", NAME, "TXT", VALUE, says="lock")


# ---- GoDaddy ----

def other_records_of_the_zone_survive_everything(s):
    s.put_txt(ZONE, ["v=spf1 -all"])
    s.put_txt(f"mail._domainkey.{ZONE}", ["v=DKIM1"], ttl=3600)
    s.put_txt(NAME, [SECOND])
    s.put_a(f"www.{ZONE}")
    before = s.standin.snapshot()
    with s.driver() as d:
        d.present(NAME, VALUE)
        d.present(f"_x.www.{ZONE}", TARGET, "CNAME")
        d.absent(NAME, VALUE)
        d.absent(f"_x.www.{ZONE}", TARGET, "CNAME")
    assert s.standin.snapshot() == before
    assert s.standin.asked(r"PUT .*/records(/TXT)?$") == 0


def empty_left_overs_are_dropped_with_ours(s):
    s.put_txt(NAME, [" ", "", SECOND])
    with s.driver() as d:
        d.present(NAME, VALUE)
        assert d.values(NAME) == sorted([VALUE, SECOND])
        d.absent(NAME, VALUE)
        assert s.standin.values(ZONE, NAME, "TXT") == [SECOND]
        d.absent(NAME, SECOND)
    assert s.standin.zone(ZONE).records == []


def a_low_time_to_live_of_others_is_raised_where_it_is_not_taken(s):
    s.put_txt(NAME, [SECOND], ttl=30)
    s.put_txt(NAME, ["third"], ttl=900)
    with s.driver() as d:
        d.present(NAME, VALUE)
        d.absent(NAME, VALUE)
    assert sorted((r["data"], r["ttl"]) for r in s.standin.zone(ZONE).records) == sorted([(SECOND, 600), ("third", 900)])
    assert s.standin.asked(r"PUT .*/TXT/") == 2


def a_low_time_to_live_of_others_is_kept_where_it_is_taken(s):
    s.standin.keeps_low = True
    s.put_txt(NAME, [SECOND], ttl=30)
    before = s.standin.snapshot()
    with s.driver() as d:
        d.present(NAME, VALUE)
        d.absent(NAME, VALUE)
    assert s.standin.snapshot() == before


def domain_protection_is_noticed(s):
    s.standin.protected = True
    with s.driver() as d:
        d.bad("Refused", "present", "account", "-", NAME, "TXT", VALUE, says="Domain Protection")


def a_value_lost_by_a_replacement_is_put_back(s):
    s.put_txt(NAME, [SECOND, "third"])
    with s.driver() as d:
        d.present(NAME, VALUE)

        def lose():
            s.standin.zone(ZONE).records = [r for r in s.standin.zone(ZONE).records if r["data"] != "third"]
        s.standin.fault(r"PUT .*/TXT/", after=True, then=lose)
        d.absent(NAME, VALUE)
    assert s.standin.values(ZONE, NAME, "TXT") == sorted([SECOND, "third"])


def a_service_that_lags_is_asked_again(s):
    with s.driver() as d:
        d.zone(NAME)
        s.standin.fault(s.read, status=200, body="[]")
        d.bad("Unreachable", "present", "account", ZONE, NAME, "TXT", VALUE, says="not list it yet")
        d.present(NAME, VALUE)
    assert s.standin.values(ZONE, NAME, "TXT") == [VALUE]


def an_account_too_small_for_the_api_is_told(s):
    s.standin.too_small = True
    with s.driver() as d:
        d.bad("Credential", "zone", "account", NAME, says="10 or more domains")
    assert len(s.standin.log) == 1, "the walk must stop there"


def a_quota_used_up_is_waited_for_long(s):
    s.standin.fault(s.write, status=429, body='{"code":"QUOTA_EXCEEDED","message":"Quota exceeded"}')
    with s.driver() as d:
        told = d.bad("Throttled", "present", "account", "-", NAME, "TXT", VALUE, says="quota")
        assert told["wait"] > 3600


def a_domain_that_may_not_be_changed_is_told(s):
    s.standin.fault(s.write, status=409, body='{"code":"CONFLICT","message":"The domain status does not allow performing the operation"}')
    with s.driver() as d:
        d.bad("Refused", "present", "account", "-", NAME, "TXT", VALUE, says="state")


# ---- ClouDNS ----

def bad_credentials_are_not_a_missing_zone(s):
    s.wrong_credentials()
    with s.driver() as d:
        d.bad("Credential", "zone", "account", NAME)
    assert len(s.standin.log) == 1, "the walk must stop there"


def equal_records_side_by_side_all_go(s):
    s.put_txt(NAME, [VALUE, VALUE, SECOND])
    with s.driver() as d:
        d.present(NAME, VALUE)
        assert s.standin.asked(s.write) == 0
        d.absent(NAME, VALUE)
    assert s.standin.values(ZONE, NAME, "TXT") == [SECOND]


def the_same_value_by_many_is_placed_once(s):
    with s.driver() as d:
        d.zone(NAME)
        d("crowd", "account", "-", NAME, "TXT", VALUE, VALUE, VALUE, VALUE)
    assert s.standin.values(ZONE, NAME, "TXT") == [VALUE]


def a_copy_of_a_zone_leads_to_its_master(s):
    s.standin.add_zone("copy.test", kind="cloud", master=ZONE)
    with s.driver() as d:
        told = d.present("_acme-challenge.www.copy.test", VALUE)
        assert told["zone"] == "copy.test"
        assert s.standin.values(ZONE, f"_acme-challenge.www.{ZONE}", "TXT") == [VALUE]
        assert d.seen("_acme-challenge.www.copy.test", VALUE, zone="copy.test")
        d.absent("_acme-challenge.www.copy.test", VALUE, zone="copy.test")
    assert s.standin.zone(ZONE).records == []


def zones_that_cannot_be_written_are_refused(s):
    for kind in ("slave", "parked"):
        s.reset()
        s.standin.zone(ZONE).kind = kind
        with s.driver() as d:
            d.bad("Refused", "zone", "account", NAME, says=kind)
    s.reset()
    s.standin.zone(ZONE).status = "0"
    with s.driver() as d:
        d.bad("Refused", "zone", "account", NAME, says="switched off")


def another_list_of_times_to_live_is_respected(s):
    s.standin.ttls = [3600, 300, 900]
    with s.driver() as d:
        d.present(NAME, VALUE)
    assert s.standin.zone(ZONE).records[0]["ttl"] == "300"


def the_service_is_asked_whether_it_is_everywhere(s):
    s.standin.lag = 2
    with s.driver() as d:
        d.present(NAME, VALUE)
        looks = [d.good("applied", "account", ZONE, NAME, "TXT", VALUE)["flag"] for _ in range(3)]
        assert looks == [False, False, True], looks
        s.standin.may_ask_updates = False
        assert d.good("applied", "account", ZONE, NAME, "TXT", VALUE)["flag"]


def a_record_gone_meanwhile_is_gone(s):
    s.put_txt(NAME, [VALUE])
    with s.driver() as d:
        d.zone(NAME)
        s.standin.fault(s.read, after=True, then=s.standin.zone(ZONE).records.clear)
        d.absent(NAME, VALUE)


def a_plan_without_the_api_is_told(s):
    s.standin.fault(".", status=200, body='{"status":"Failed","statusDescription":"You don\'t have access to the HTTP API. Check your plan."}')
    with s.driver() as d:
        d.bad("Credential", "zone", "account", NAME, says="plan")


def a_sub_user_sees_its_zones_only(s):
    s.standin.add_zone("second.test")
    s.standin.zones_of = {("sub-auth-id", "77"): [ZONE]}
    s.variant = "SubAuthID"
    with s.driver() as d:
        assert d.zone(NAME) == ZONE
        d.bad("NotFound", "zone", "account", "_x.second.test")


def many_records_at_a_name_are_all_seen(s):
    s.put_txt(NAME, [f"other {i}" for i in range(130)])
    with s.driver() as d:
        d.present(NAME, VALUE)
        assert len(d.values(NAME)) == 131
        d.present(NAME, VALUE)
        assert len(s.standin.zone(ZONE).records) == 131
        d.absent(NAME, VALUE)
    assert len(s.standin.zone(ZONE).records) == 130


SPECIAL = {
    "exec": EXEC,
    "webhook": WEBHOOK,
    "cloudns": [bad_credentials_are_not_a_missing_zone, equal_records_side_by_side_all_go, the_same_value_by_many_is_placed_once,
                a_copy_of_a_zone_leads_to_its_master, zones_that_cannot_be_written_are_refused,
                another_list_of_times_to_live_is_respected, the_service_is_asked_whether_it_is_everywhere,
                a_record_gone_meanwhile_is_gone, a_plan_without_the_api_is_told, a_sub_user_sees_its_zones_only,
                many_records_at_a_name_are_all_seen],
    "godaddy": [other_records_of_the_zone_survive_everything, empty_left_overs_are_dropped_with_ours,
                a_low_time_to_live_of_others_is_raised_where_it_is_not_taken,
                a_low_time_to_live_of_others_is_kept_where_it_is_taken, domain_protection_is_noticed,
                a_value_lost_by_a_replacement_is_put_back,
                a_service_that_lags_is_asked_again, an_account_too_small_for_the_api_is_told, a_quota_used_up_is_waited_for_long,
                a_domain_that_may_not_be_changed_is_told],
    "azure": [what_may_not_be_looked_at_is_not_asked_again, one_token_serves_many_requests, a_token_that_ends_in_the_middle_is_renewed, many_share_one_renewal,
              a_token_is_renewed_before_its_end, a_lifetime_may_be_text, a_token_never_taken_is_given_up,
              what_the_sign_in_says_is_told, trouble_at_the_sign_in_is_passing, a_wrong_group_or_subscription_is_told,
              the_same_zone_in_another_group_is_not_touched, a_private_zone_is_none, a_role_on_one_zone_alone_is_enough,
              somebody_elses_write_in_between_is_kept_by_etag, a_set_gone_in_between_is_made_anew,
              a_set_that_always_changes_is_given_up, an_alias_set_is_a_conflict, a_zone_that_vanished_is_not_made_up,
              a_locked_zone_is_told],
    "cloudflare": [a_cname_is_never_proxied, a_proxied_cname_is_told, a_token_in_the_place_of_a_key_is_told,
                   a_zone_that_is_not_active_is_refused, a_zone_kept_elsewhere_is_refused,
                   an_active_zone_is_preferred_to_its_pending_twin, two_active_zones_of_a_name_are_refused,
                   a_token_for_another_zone_finds_none, vanity_name_servers_count, failure_inside_a_success_is_seen,
                   records_beyond_the_first_page_are_seen, a_zone_made_anew_is_found_again],
    "route53": [the_private_twin_is_never_touched, only_private_is_not_found, a_zone_of_a_linked_service_is_public,
                two_public_zones_need_an_id, a_private_zone_by_its_id_is_refused, an_unknown_id_is_told, a_list_is_no_filter,
                a_change_is_looked_at_until_it_is_everywhere, a_change_that_may_not_be_looked_at_is_left_to_the_dns,
                a_policy_without_sight_of_the_zone_is_enough, sets_with_identifiers_are_a_conflict, an_alias_is_a_conflict,
                an_earlier_change_under_way_is_waited_for, somebody_elses_change_in_between_is_kept,
                the_older_form_of_that_error_is_understood, a_name_that_always_changes_is_given_up,
                a_wrong_clock_is_told_as_such, a_session_token_is_not_shown_by_the_service_repeating_it,
                expired_and_forgotten_tokens_are_told],
}
