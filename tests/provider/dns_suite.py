"""One conformance suite over the DNS services: each case runs against each service's stand-in, through the code that the
controller runs. test_dns_<service>.py runs it for one service; `dns_suite.py [SERVICE...] [CASE...]` as it is told."""
import os
import shutil
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import dns_cases
import dns_rfc2136
from dns_service import SERVICES, ZONE

SPECIAL = {**dns_cases.SPECIAL, **dns_rfc2136.SPECIAL}
SUBJECTS = SERVICES + dns_rfc2136.REAL_SERVERS

NAME = f"_acme-challenge.{ZONE}"
VALUE = "oneOneOneOneOneOneOneOneOneOneOneOneOneOne1"
SECOND = "twoTwoTwoTwoTwoTwoTwoTwoTwoTwoTwoTwoTwoTwo2"
TARGET = "0A1b2C3d4e5f.6071829304a5b6c7.sectigo.com"


# ---- placing and removing ----

def a_value_is_placed_seen_and_removed(s):
    before = s.standin.snapshot()
    with s.driver() as d:
        assert d.present(NAME, VALUE)["zone"] == ZONE
        assert s.standin.values(ZONE, NAME, "TXT") == [VALUE] and d.values(NAME) == [VALUE]
        assert d.seen(NAME, VALUE)
        d.absent(NAME, VALUE)
        assert d.values(NAME) == []
    assert s.standin.snapshot() == before


def placing_again_changes_nothing(s):
    with s.driver() as d:
        d.present(NAME, VALUE)
        state, writes = s.standin.snapshot(), s.standin.asked(s.write)
        d.present(NAME, VALUE)
        assert s.standin.snapshot() == state
        assert s.standin.asked(s.write) - writes <= s.blind_writes, "a write where nothing was to be done"


def another_process_places_again(s):
    with s.driver() as d:
        d.present(NAME, VALUE)
    state = s.standin.snapshot()
    with s.driver() as d:
        d.present(NAME, VALUE)
    assert s.standin.snapshot() == state


def a_second_value_stands_beside_the_first(s):
    with s.driver() as d:
        d.present(NAME, VALUE)
        d.present(NAME, SECOND)
        assert s.standin.values(ZONE, NAME, "TXT") == [VALUE, SECOND]
        d.absent(NAME, VALUE)
        assert s.standin.values(ZONE, NAME, "TXT") == [SECOND]
        d.absent(NAME, SECOND)
        assert s.standin.values(ZONE, NAME, "TXT") == []


def wildcard_and_apex_survive_each_others_end(s):
    with s.driver() as d:
        for value in (VALUE, SECOND):
            d.present(NAME, value)
        d.absent(NAME, SECOND)
        assert d.seen(NAME, VALUE)
        d.present(NAME, SECOND)
        d.absent(NAME, VALUE)
        assert s.standin.values(ZONE, NAME, "TXT") == [SECOND]


def removing_again_changes_nothing(s):
    with s.driver() as d:
        d.present(NAME, VALUE)
        d.absent(NAME, VALUE)
        state = s.standin.snapshot()
        d.absent(NAME, VALUE)
    assert s.standin.snapshot() == state


def removing_what_never_was_changes_nothing(s):
    s.put_txt(NAME, [SECOND])
    state = s.standin.snapshot()
    with s.driver() as d:
        d.absent(NAME, VALUE)
        d.absent(f"_other.{ZONE}", VALUE)
        d.absent(f"_other.{ZONE}", TARGET, "CNAME")
    assert s.standin.snapshot() == state


def foreign_values_stay_as_they_are(s):
    s.put_txt(NAME, ["foreign value", "v=spf1 -all"], ttl=900)
    before = s.standin.snapshot()
    with s.driver() as d:
        d.present(NAME, VALUE)
        assert s.standin.values(ZONE, NAME, "TXT") == sorted([VALUE, "foreign value", "v=spf1 -all"])
        d.absent(NAME, VALUE)
    assert s.standin.snapshot() == before


def split_and_quoted_foreign_values_stay_as_they_are(s):
    values = s.split_foreign(NAME)
    before = s.standin.snapshot()
    with s.driver() as d:
        d.present(NAME, VALUE)
        assert d.values(NAME) == sorted(values + [VALUE]), d.values(NAME)
        d.absent(NAME, VALUE)
    assert s.standin.snapshot() == before


def neighbours_are_not_touched(s):
    for owner in (f"_acme-challenge.www.{ZONE}", f"x_acme-challenge.{ZONE}", ZONE):
        s.put_txt(owner, ["neighbour"])
    before = s.standin.snapshot()
    with s.driver() as d:
        d.present(NAME, VALUE)
        assert d.values(NAME) == [VALUE]
        d.absent(NAME, "neighbour")
        d.absent(NAME, VALUE)
    assert s.standin.snapshot() == before


def a_cname_is_placed_seen_and_removed(s):
    owner, before = f"_0a1b2c3d.www.{ZONE}", s.standin.snapshot()
    with s.driver() as d:
        d.present(owner, TARGET, "CNAME")
        there = TARGET if s.keeps_case else TARGET.lower()
        assert s.standin.values(ZONE, owner, "CNAME") == [there], "the target is published as given, case included"
        assert d.seen(owner, TARGET, "CNAME")
        state = s.standin.snapshot()
        d.present(owner, TARGET + ".", "CNAME")
        assert s.standin.snapshot() == state
        assert [v.rstrip(".") for v in d.values(owner, "CNAME")] == [there]
        d.absent(owner, TARGET, "CNAME")
    assert s.standin.snapshot() == before


def an_owner_in_capitals_is_the_same_owner(s):
    with s.driver() as d:
        d.present(f"_0A1B2C.WWW.{ZONE}", TARGET, "CNAME")
        state = s.standin.snapshot()
        d.present(f"_0a1b2c.www.{ZONE}", TARGET, "CNAME")
        assert s.standin.snapshot() == state
        d.absent(f"_0A1b2C.www.{ZONE}", TARGET, "CNAME")
        assert s.standin.values(ZONE, f"_0a1b2c.www.{ZONE}", "CNAME") == []


def a_txt_does_not_displace_a_cname(s):
    s.put_cname(NAME, "elsewhere.example.net")
    before = s.standin.snapshot()
    with s.driver() as d:
        d.bad("Conflict", "present", "account", "-", NAME, "TXT", VALUE, says=NAME)
    assert s.standin.snapshot() == before


def a_cname_does_not_displace_a_txt(s):
    s.put_txt(NAME, ["foreign value"])
    before = s.standin.snapshot()
    with s.driver() as d:
        d.bad("Conflict", "present", "account", "-", NAME, "CNAME", TARGET, says=NAME)
    assert s.standin.snapshot() == before


def a_cname_does_not_displace_an_address(s):
    s.put_a(NAME)
    before = s.standin.snapshot()
    with s.driver() as d:
        d.bad("Conflict", "present", "account", "-", NAME, "CNAME", TARGET)
    assert s.standin.snapshot() == before


def a_cname_does_not_displace_another(s):
    s.put_cname(NAME, "elsewhere.example.net")
    before = s.standin.snapshot()
    with s.driver() as d:
        d.bad("Conflict", "present", "account", "-", NAME, "CNAME", TARGET, says="elsewhere.example.net")
        d.absent(NAME, TARGET, "CNAME")
    assert s.standin.snapshot() == before


def the_longest_value_is_placed_whole(s):
    value = "".join(chr(0x21 + i % 94) for i in range(255))
    before = s.standin.snapshot()
    with s.driver() as d:
        d.present(NAME, value)
        assert s.standin.values(ZONE, NAME, "TXT") == [value], s.standin.values(ZONE, NAME, "TXT")
        assert d.seen(NAME, value) and d.values(NAME) == [value]
        d.absent(NAME, value)
    assert s.standin.snapshot() == before


def signs_with_a_meaning_elsewhere_are_kept(s):
    values = ['a+b/c=d&e%20f', '<tag attribute="x">&amp;', "back\\slash \"quote\" 'apostrophe'", "#semi;colon, comma", "\\052"]
    with s.driver() as d:
        for value in values:
            d.present(NAME, value)
        assert s.standin.values(ZONE, NAME, "TXT") == sorted(values), s.standin.values(ZONE, NAME, "TXT")
        assert d.values(NAME) == sorted(values)
        for value in values:
            assert d.seen(NAME, value)
            d.absent(NAME, value)
        assert d.values(NAME) == []


def a_txt_stands_at_the_apex_too(s):
    s.put_txt(ZONE, ["v=spf1 -all"])
    before = s.standin.snapshot()
    with s.driver() as d:
        d.present(ZONE, VALUE)
        assert s.standin.values(ZONE, ZONE, "TXT") == sorted([VALUE, "v=spf1 -all"])
        d.absent(ZONE, VALUE)
    assert s.standin.snapshot() == before


def an_international_name_is_written_in_a_labels(s):
    s.standin.add_zone("xn--bcher-kva.test")
    with s.driver() as d:
        told = d.present("_acme-challenge.www.xn--bcher-kva.test", VALUE)
        assert told["zone"] == "xn--bcher-kva.test"
        assert s.standin.values("xn--bcher-kva.test", "_acme-challenge.www.xn--bcher-kva.test", "TXT") == [VALUE]


# ---- zones ----

def the_longest_zone_is_chosen(s):
    s.standin.add_zone(f"deep.{ZONE}")
    with s.driver() as d:
        assert d.zone(f"_acme-challenge.www.deep.{ZONE}") == f"deep.{ZONE}"
        assert d.zone(f"_acme-challenge.deep.{ZONE}") == f"deep.{ZONE}"
        assert d.zone(f"_acme-challenge.{ZONE}") == ZONE
        assert d.present(f"_acme-challenge.deep.{ZONE}", VALUE)["zone"] == f"deep.{ZONE}"
    assert s.standin.values(f"deep.{ZONE}", f"_acme-challenge.deep.{ZONE}", "TXT") == [VALUE]
    assert s.standin.values(ZONE, f"_acme-challenge.deep.{ZONE}", "TXT") == []


def a_sibling_is_no_zone_of_ours(s):
    s.standin.add_zone(f"other-{ZONE}")
    with s.driver() as d:
        assert d.zone(f"_x.other-{ZONE}") == f"other-{ZONE}"
        d.bad("NotFound", "zone", "account", f"_x.another-{ZONE}", says=f"another-{ZONE}")
        d.bad("NotFound", "zone", "account", "_x.example.net")


def zones_of_the_manifest_are_the_only_ones(s):
    s.standin.add_zone("second.test")
    s.zones = [ZONE]
    with s.driver() as d:
        assert d.zone(NAME) == ZONE
        d.bad("NotFound", "zone", "account", "_x.second.test", says="second.test")


def a_zone_beneath_an_underscore_is_found_when_named(s):
    s.standin.add_zone(NAME)
    s.zones = [ZONE, NAME]
    with s.driver() as d:
        assert d.zone(NAME) == NAME
        d.present(NAME, VALUE)
    assert s.standin.values(NAME, NAME, "TXT") == [VALUE]


def one_zone_among_three_hundred_is_found(s):
    for i in range(300):
        s.standin.add_zone(f"z{i:03}.{ZONE}")
    with s.driver() as d:
        for i in (0, 150, 299):
            name = f"_acme-challenge.www.z{i:03}.{ZONE}"
            assert d.present(name, VALUE)["zone"] == f"z{i:03}.{ZONE}"
            assert s.standin.values(f"z{i:03}.{ZONE}", name, "TXT") == [VALUE]
        assert d.zone(f"_x.www.z300.{ZONE}") == ZONE


def zones_are_remembered(s):
    with s.driver() as d:
        d.zone(NAME)
        asked = len(s.standin.log)
        for _ in range(5):
            assert d.zone(NAME) == ZONE
        assert len(s.standin.log) == asked, "a zone was looked up again"


def six_requests_are_enough(s):
    with s.driver() as d:
        d.present(f"_acme-challenge.a.{ZONE}", VALUE)
        d.good("applied", "account", ZONE, f"_acme-challenge.a.{ZONE}", "TXT", VALUE)
        d.absent(f"_acme-challenge.a.{ZONE}", VALUE, zone=ZONE)
        before = len(s.standin.log)
        name = f"_acme-challenge.b.{ZONE}"
        d.present(name, VALUE)
        d.good("applied", "account", ZONE, name, "TXT", VALUE)
        d.absent(name, VALUE, zone=ZONE)
        asked = [r.route for r in s.standin.log[before:]]
        assert len(asked) <= 6, asked


def a_zone_that_the_dns_hands_to_others_is_refused(s):
    s.standin.zone(ZONE).delegated = ["ns.elsewhere.test"]
    with s.driver() as d:
        d.bad("NotFound", "zone", "account", NAME, says=["ns.elsewhere.test", ZONE])
    assert s.standin.asked(s.write) == 0


def a_zone_that_the_dns_does_not_know_is_refused(s):
    s.standin.zone(ZONE).delegated = []
    with s.driver() as d:
        d.bad("NotFound", "zone", "account", NAME, says="delegates it to nobody")


def a_zone_left_over_without_a_delegation_is_passed_over_for_its_parent(s):
    left = s.standin.add_zone(f"www.{ZONE}")
    left.in_dns = False
    with s.driver() as d:
        name = f"_acme-challenge.www.{ZONE}"
        assert d.present(name, VALUE)["zone"] == ZONE
        assert s.standin.values(ZONE, name, "TXT") == [VALUE] and left.records == []
        d.absent(name, VALUE, zone=ZONE)
    s.standin.zone(ZONE).delegated = []
    with s.driver() as d:  # the first that was tried is told when there is no other
        d.bad("NotFound", "zone", "account", name, says=[f"www.{ZONE}", "delegates it to nobody"])
    s.standin.zone(ZONE).delegated = ["ns.elsewhere.test"]
    with s.driver() as d:  # one that is others' is no place to go on to
        d.bad("NotFound", "zone", "account", name, says=["ns.elsewhere.test", ZONE])
    assert left.records == []


def a_name_below_a_delegation_is_refused(s):
    s.standin.zone(ZONE).children = {f"child.{ZONE}": ["ns.elsewhere.test"]}
    with s.driver() as d:
        d.bad("NotFound", "zone", "account", f"_acme-challenge.child.{ZONE}", says=f"child.{ZONE}")
        assert d.zone(NAME) == ZONE


def the_challenges_own_name_is_never_asked_before_it_is_there(s):
    with s.driver() as d:
        d.zone(NAME)
    s.standin.dns.questions = [q for q in s.standin.dns.questions if q[1] != "SOA"]  # of the authoritative server alone
    assert all(q[0] != NAME for q in s.standin.dns.questions), s.standin.dns.questions


# ---- credentials ----

def good_credentials_pass_the_check_without_a_write(s):
    before = s.standin.snapshot()
    with s.driver() as d:
        d.good("check", "account", ZONE)
    assert s.standin.snapshot() == before and s.standin.asked(s.write) == 0


def every_kind_of_credentials_works(s):
    for s.variant in s.variants:
        with s.driver() as d:
            d.present(NAME, VALUE)
            d.absent(NAME, VALUE)


def wrong_credentials_are_told(s):
    s.wrong_credentials()
    with s.driver() as d:
        d.bad("Credential", "check", "account", ZONE, says="account")
        d.bad("Credential", "zone", "account", NAME)
        d.bad("Credential", "present", "account", "-", NAME, "TXT", VALUE)


def a_missing_right_is_told_and_nothing_is_written(s):
    s.without_right()
    before = s.standin.snapshot()
    with s.driver() as d:
        d.bad(s.kind_without_right, "present", "account", "-", NAME, "TXT", VALUE)
    assert s.standin.snapshot() == before


def a_missing_secret_is_a_matter_of_credentials(s):
    for name in os.listdir(s.path("secrets/dns")):
        os.unlink(s.path("secrets/dns/" + name))
    with s.driver() as d:
        d.bad("Credential", "check", "account", ZONE, says=["account", "secret"])
    assert not s.standin.log


def a_secret_with_a_line_break_inside_is_never_sent(s):
    for name in os.listdir(s.path("secrets/dns")):
        s.secret(name, "canary-first-line\ncanary-second-line\n")
    with s.driver() as d:
        d.bad("Credential", "check", "account", ZONE, says="line break")
    assert not s.standin.log


def new_credentials_are_taken_up_at_once(s):
    with s.driver() as d:
        d.present(NAME, VALUE)
        s.wrong_credentials()
        d.bad("Credential", "absent", "account", ZONE, NAME, "TXT", VALUE)
        s.give_credentials()
        d.absent(NAME, VALUE)


# ---- trouble ----

def too_many_requests_give_a_time_to_come_again(s):
    for route in (s.zone_route, s.read, s.write):
        s.reset()
        with s.driver() as d:
            s.throttle(route)
            told = d.bad("Throttled", "present", "account", "-", NAME, "TXT", VALUE)
            assert told["wait"] >= 0
            d.present(NAME, VALUE)
        assert s.standin.values(ZONE, NAME, "TXT") == [VALUE]


def the_time_that_the_service_names_is_kept(s):
    with s.driver() as d:
        wait = s.throttle(s.write, wait=47)
        told = d.bad("Throttled", "present", "account", "-", NAME, "TXT", VALUE)
        assert wait - 3 <= told["wait"] <= wait, told


def trouble_at_the_service_is_passing(s):
    for status, body in ((500, "<html><body>oops</body></html>"), (502, ""), (503, '{"half": '), (504, "\0\1\2")):
        s.standin.fault(s.read, status=status, body=body)
        with s.driver() as d:
            d.bad("Unreachable", "present", "account", "-", NAME, "TXT", VALUE, says=str(status))
            d.present(NAME, VALUE)
            d.absent(NAME, VALUE)


def an_answer_that_makes_no_sense_is_not_believed(s):
    for body in ("", "null", "[[[[", '"text"', "<a><b></a>", '{"success":true,"result":{}}', '{"value":"x"}', "7",
                 '{"status":"Success"}', '[{"data":7}]', "<?xml version=\"1.0\"?><Nothing/>"):
        s.standin.fault(s.zone_route, status=200, body=body)
        with s.driver() as d:
            told = d("zone", "account", NAME)
            assert not told["ok"] and told["kind"] in ("Malformed", "NotFound", "Unreachable"), (body, told)
    assert s.standin.asked(s.write) == 0


def a_redirect_is_not_followed(s):
    s.standin.fault(s.zone_route, status=302, headers={"Location": s.standin.url + "/elsewhere"})
    with s.driver() as d:
        told = d("zone", "account", NAME)
        assert not told["ok"] and told["kind"] == "Malformed", told
    assert s.standin.asked("elsewhere") == 0


def an_answer_cut_short_is_not_taken_for_one(s):
    with s.driver() as d:
        d.zone(NAME)
        s.standin.fault(s.read, cut="half")
        told = d("present", "account", ZONE, NAME, "TXT", VALUE)
        assert not told["ok"] and told["kind"] in ("Malformed", "Unreachable"), told
        d.present(NAME, VALUE)
    assert s.standin.values(ZONE, NAME, "TXT") == [VALUE]


def a_write_whose_answer_is_lost_is_found_done(s):
    with s.driver() as d:
        d.zone(NAME)
        s.standin.fault(s.write, cut="answer", after=True, times=9)
        told = d("present", "account", ZONE, NAME, "TXT", VALUE)
        assert told["ok"] or told["kind"] == "Unreachable", told
        s.standin.faults.clear()
        d.present(NAME, VALUE)
        assert s.standin.values(ZONE, NAME, "TXT") == [VALUE], s.standin.values(ZONE, NAME, "TXT")
        assert len(d.values(NAME)) == 1
        s.standin.fault(s.remove, cut="answer", after=True, times=9)
        told = d("absent", "account", ZONE, NAME, "TXT", VALUE)
        s.standin.faults.clear()
        d.absent(NAME, VALUE)
        assert d.values(NAME) == []


def a_write_that_never_arrived_is_made_again(s):
    with s.driver() as d:
        d.zone(NAME)
        s.standin.fault(s.write, cut="before", times=9)
        d.bad("Unreachable", "present", "account", ZONE, NAME, "TXT", VALUE)
        s.standin.faults.clear()
        d.present(NAME, VALUE)
    assert s.standin.values(ZONE, NAME, "TXT") == [VALUE]


def after_a_crash_the_record_is_found_and_removed(s):
    before = s.standin.snapshot()
    with s.driver() as d:
        s.standin.fault(s.write, cut="answer", after=True, times=9)
        d("present", "account", "-", NAME, "TXT", VALUE)
        s.standin.faults.clear()
    with s.driver() as d:
        d.absent(NAME, VALUE)
    assert s.standin.snapshot() == before


def many_at_one_name_lose_nothing(s):
    values = [f"value-{i}" for i in range(6)]
    s.put_txt(NAME, ["foreign value"])
    with s.driver() as d:
        d.zone(NAME)
        told = d("crowd", "account", "-", NAME, "TXT", *values)
        assert told["ok"], told
        assert s.standin.values(ZONE, NAME, "TXT") == sorted(values + ["foreign value"])


def two_programs_at_one_name_lose_nothing(s):
    with s.driver() as one, s.driver() as two:
        one.zone(NAME), two.zone(NAME)
        for i in range(4):
            one.send("present", "account", ZONE, NAME, "TXT", f"one-{i}")
            two.send("present", "account", ZONE, NAME, "TXT", f"two-{i}")
            for d in (one, two):
                told = d.receive()
                assert told["ok"], told
        wanted = sorted(f"{who}-{i}" for who in ("one", "two") for i in range(4))
        assert s.standin.values(ZONE, NAME, "TXT") == wanted, s.standin.values(ZONE, NAME, "TXT")


def only_the_named_account_is_spoken_to(s):
    with s.driver() as d:
        d.present(NAME, VALUE)
        d.absent(NAME, VALUE)
    assert all("certwright/" in (r.headers.get("User-Agent") or "") for r in s.standin.log)
    for canary in s.canaries():
        assert all(canary not in r.target for r in s.standin.log), "a credential in a URL"


CASES = [value for value in list(globals().values())
         if callable(value) and getattr(value, "__module__", "") == __name__ and value.__code__.co_varnames[:1] == ("s",)]


def main(*words):
    words = words + tuple(sys.argv[1:])
    services = [service for service in SUBJECTS if service.name in words] or SUBJECTS
    wanted = set(words) - {service.name for service in SUBJECTS}
    passed = failed = 0
    for kind in services:
        folder, begin, count = tempfile.mkdtemp(prefix="cw-dns."), time.monotonic(), 0
        service = kind(folder)
        for case in CASES + SPECIAL.get(kind.name, []):
            if wanted and case.__name__ not in wanted or case.__name__ in kind.without:
                continue
            try:
                service.reset()
                case(service)
                passed += 1
            except Exception:
                failed += 1
                traceback.print_exc()
                print(f"FAILED {kind.name}: {case.__name__}", flush=True)
            count += 1
        service.standin.stop()
        shutil.rmtree(folder, ignore_errors=True)
        print(f"{kind.name}: {count} cases, {time.monotonic() - begin:.1f} s", flush=True)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
