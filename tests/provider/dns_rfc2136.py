"""RFC 2136 in the conformance suite: the three servers as services, and the cases that only dynamic update has
(dns-providers.md, section 5)."""
import os

from dns_servers import ALGORITHMS, KEYS, Bind, Gate, Knot, PowerDns
from dns_service import ZONE, Service
from dns_wire import Message, emptying

NAME = f"_acme-challenge.{ZONE}"
VALUE, SECOND = "ours-ours-ours", "second-second"
TARGET = "0a1b2c.3d4e5f.sectigo.com"
DEEP = f"deep.{ZONE}"


class Rfc2136Service(Service):
    member = "rfc2136"
    write, remove = r"^UPDATE \S+ add", r"^UPDATE \S+ delete"
    read, zone_route = r"^QUERY \S+ (TXT|CNAME)", r"^QUERY \S+ SOA"
    key_is_told = True     # an unknown key, a wrong secret and a wrong clock are told apart (RFC 8945)
    variants = [f"k-{a}" for a in ALGORITHMS] + ["mapped", "IPv6"]
    # Nothing here throttles, redirects or speaks HTTP; a zone costs one question to one's own server, which would answer from a
    # zone left over on it.
    without = {"too_many_requests_give_a_time_to_come_again", "the_time_that_the_service_names_is_kept",
               "trouble_at_the_service_is_passing", "an_answer_that_makes_no_sense_is_not_believed", "a_redirect_is_not_followed",
               "a_secret_with_a_line_break_inside_is_never_sent", "zones_are_remembered", "six_requests_are_enough",
               "only_the_named_account_is_spoken_to", "a_zone_left_over_without_a_delegation_is_passed_over_for_its_parent"}

    def make(self):
        return Gate(self.folder, self.server)

    def endpoints(self):
        return {}

    def reset(self):
        self.key, self.address = "k-sha256", None
        super().reset()

    def give_credentials(self):
        for name, (_, secret) in KEYS.items():
            self.secret(name, secret + "\n")

    def write_config(self):
        self.standin.sync()
        return super().write_config()

    def key_settings(self, key):
        return {"tsigKeyName": key, "tsigAlgorithm": KEYS[key][0].upper().replace("-", ""),
                "tsigSecretSecretRef": {"name": "dns", "key": key}}

    def settings(self):
        address = self.address or self.standin.address
        if self.variant == "mapped":
            return {"nameserver": address, **self.key_settings("no-right"),
                    "zones": [{"name": ZONE, **self.key_settings("k-sha384")}, {"name": DEEP, "nameserver": "127.0.0.1:9"}]}
        if self.variant == "IPv6":
            return {"nameserver": f"[::1]:{self.standin.server.port}", **self.key_settings("k-sha256")}
        return {"nameserver": address, **self.key_settings(self.variant or self.key)}

    def wrong_credentials(self):
        self.secret("k-sha256", KEYS["k-sha512"][1] + "\n")

    def without_right(self):
        self.key = "no-right"

    def put_txt(self, owner, values, ttl=60):
        self.standin.put(ZONE, owner, "TXT", values, ttl)

    def put_cname(self, owner, target):
        self.standin.put(ZONE, owner, "CNAME", [target])

    def put_a(self, owner):
        self.standin.put(ZONE, owner, "A", ["192.0.2.9"])

    def split_foreign(self, owner):
        self.standin.put(ZONE, owner, "TXT", [('v=spf1 "quoted"', " and \\ more"), ("x" * 255, "y")], 1234)
        return ['v=spf1 "quoted" and \\ more', "x" * 255 + "y"]


class BindService(Rfc2136Service):
    name, server = "bind", Bind
    kind_without_right = "Refused"  # signed: the key is known, the right is missing


class KnotService(Rfc2136Service):
    name, server = "knot", Knot
    keeps_case = False  # names are stored in lower case


class PowerDnsService(Rfc2136Service):
    name, server = "powerdns", PowerDns
    kind_without_right = "Refused"
    key_is_told = False  # REFUSED, unsigned, whatever is wrong with the signature


REAL_SERVERS = [BindService, KnotService, PowerDnsService]


# ---- keys ----

def an_unknown_key_is_told(s):
    s.more = {"tsigKeyName": "nobody"}
    with s.driver() as d:
        d.bad("Credential", "present", "account", ZONE, NAME, "TXT", VALUE, says="nobody")
        d.bad("Credential", "check", "account", ZONE, says=["nobody"] + ["BADKEY"] * s.key_is_told)
        told = d("zone", "account", NAME)
        assert not told["ok"] and "nobody" in told["message"], told
    assert s.standin.values(ZONE, NAME, "TXT") == []


def a_key_under_another_algorithm_is_told(s):
    s.more = {"tsigAlgorithm": "HMACSHA512"}
    with s.driver() as d:
        d.bad("Credential", "check", "account", ZONE, says=["k-sha256"] + ["BADKEY"] * s.key_is_told)
        d.bad("Credential", "present", "account", ZONE, NAME, "TXT", VALUE)


def a_wrong_secret_is_told(s):
    s.wrong_credentials()
    with s.driver() as d:
        d.bad("Credential", "check", "account", ZONE, says=["k-sha256"] + ["BADSIG"] * s.key_is_told)


def a_wrong_clock_is_told_as_such(s):
    for ahead in (900, -900):
        s.reset()
        s.standin.begin_with_clock(ahead)
        with s.driver() as d:
            d.bad("Credential", "check", "account", ZONE, says=["BADTIME", "ahead" if ahead > 0 else "behind"] * s.key_is_told)
            d.bad("Credential", "present", "account", ZONE, NAME, "TXT", VALUE)
        assert s.standin.values(ZONE, NAME, "TXT") == []


def a_clock_within_the_fudge_is_good(s):
    s.standin.begin_with_clock(200)
    with s.driver() as d:
        d.present(NAME, VALUE)
        d.absent(NAME, VALUE)


def an_update_without_a_key_is_refused(s):
    s.key_settings = lambda key: {}
    try:
        with s.driver() as d:
            d.bad("Refused", "present", "account", ZONE, NAME, "TXT", VALUE)
    finally:
        del s.key_settings
    assert s.standin.values(ZONE, NAME, "TXT") == []


def a_secret_that_is_not_base64_is_told_and_not_shown(s):
    s.secret("k-sha256", KEYS["k-sha256"][1].rstrip("=")[:-1] + "\n")
    with s.driver() as d:
        d.bad("Credential", "check", "account", ZONE, says="base64")
    assert not s.standin.log


def a_secret_broken_over_lines_is_one_secret(s):
    secret = KEYS["k-sha256"][1]
    s.secret("k-sha256", secret[:20] + "\n  " + secret[20:] + "\r\n")
    with s.driver() as d:
        d.present(NAME, VALUE)


# ---- one account for all, and zones mapped to keys ----

def one_server_and_key_serve_every_zone(s):
    for zone in ("second.test", DEEP):
        s.standin.add_zone(zone)
    places = {f"_x.www.a.b.{ZONE}": ZONE, f"_x.{DEEP}": DEEP, "_x.second.test": "second.test", ZONE: ZONE, "second.test": "second.test"}
    with s.driver() as d:
        for name, zone in places.items():
            assert d.present(name, VALUE)["zone"] == zone
            assert s.standin.values(zone, name, "TXT") == [VALUE]
        for name in places:
            d.absent(name, VALUE)
    assert s.standin.asked(r"^UPDATE \S+ add") == len(places)


def each_zone_may_have_a_key_of_its_own(s):
    s.standin.add_zone("second.test")
    with s.driver() as d:  # the key of the account alone does not do
        d.present("_x.second.test", VALUE)
        d.absent("_x.second.test", VALUE)
    s.key = "only-second"
    with s.driver() as d:
        told = d("present", "account", ZONE, NAME, "TXT", VALUE)
        assert not told["ok"] and told["kind"] == s.kind_without_right, told
        d.present("_x.second.test", VALUE)
        d.absent("_x.second.test", VALUE)
    s.key = "no-right"
    s.more = {"zones": [{"name": "second.test", **s.key_settings("only-second")}, {"name": ZONE, **s.key_settings("k-md5")}]}
    with s.driver() as d:
        for zone in (ZONE, "second.test"):
            assert d.present(f"_x.www.{zone}", VALUE)["zone"] == zone
            d.good("check", "account", zone)
            assert d.values(f"_x.www.{zone}", zone=zone) == [VALUE]
            d.absent(f"_x.www.{zone}", VALUE)


def the_longest_mapped_zone_decides(s):
    s.standin.add_zone(DEEP)
    s.key = "no-right"
    s.more = {"zones": [{"name": ZONE, "nameserver": "127.0.0.1:9", **s.key_settings("k-sha1")},
                        {"name": DEEP, **s.key_settings("k-sha512")}]}
    with s.driver() as d:
        assert d.present(f"_x.a.{DEEP}", VALUE)["zone"] == DEEP
        d.absent(f"_x.a.{DEEP}", VALUE)
        assert not d("present", "account", "-", f"_x.another-{DEEP}", "TXT", VALUE)["ok"]
        d.bad("Unreachable", "present", "account", "-", f"_x.x{DEEP}", "TXT", VALUE, says="127.0.0.1")
    assert s.standin.values(DEEP, f"_x.a.{DEEP}", "TXT") == []


def a_mapped_zone_may_lie_on_another_server(s):
    s.address = "127.0.0.1:9"
    s.more = {"zones": [{"name": ZONE, "nameserver": f"[::1]:{s.standin.server.port}"}]}
    with s.driver() as d:
        d.present(NAME, VALUE)
        d.absent(NAME, VALUE)
        d.bad("Unreachable", "zone", "account", "_x.second.test")


# ---- what the servers do without a word ----

def a_cname_made_meanwhile_is_not_painted_over(s):
    """BIND and Knot say "done" to a TXT beside a CNAME, and drop it."""
    s.standin.fault(s.read, then=lambda: s.put_cname(NAME, "elsewhere.example.net"))
    with s.driver() as d:
        d.bad("Conflict", "present", "account", ZONE, NAME, "TXT", VALUE, says=["elsewhere.example.net", NAME])
    assert [r[1:] for r in s.standin.records(ZONE) if r[0] == NAME] == [("CNAME", 60, "elsewhere.example.net")]


def a_record_made_meanwhile_is_not_replaced_by_a_cname(s):
    for put, kind in ((lambda: s.put_txt(NAME, ["theirs"]), "TXT"), (lambda: s.put_a(NAME), "A"),
                      (lambda: s.put_cname(NAME, "elsewhere.example.net"), "CNAME")):
        s.reset()
        s.standin.fault(s.read, then=put)
        with s.driver() as d:
            d.bad("Conflict", "present", "account", ZONE, NAME, "CNAME", TARGET, says=NAME)
        assert [r[1] for r in s.standin.records(ZONE) if r[0] == NAME] == [kind]


def a_cname_of_ours_made_meanwhile_is_success(s):
    s.standin.fault(s.read, then=lambda: s.put_cname(NAME, TARGET.upper()))
    with s.driver() as d:
        d.present(NAME, TARGET, "CNAME")


def a_wildcard_stands_in_nobodys_way(s):
    s.put_cname(f"*.{ZONE}", "parking.example.net")
    before = s.standin.snapshot()
    with s.driver() as d:
        d.present(NAME, VALUE)
        d.present(f"_0a1b.www.{ZONE}", TARGET, "CNAME")
        assert d.seen(NAME, VALUE) and d.seen(f"_0a1b.www.{ZONE}", TARGET, "CNAME")
        d.absent(NAME, VALUE)
        d.absent(f"_0a1b.www.{ZONE}", TARGET, "CNAME")
    assert s.standin.snapshot() == before


def a_removal_finds_the_target_as_it_is_spelled_there(s):
    s.put_cname(NAME, TARGET.upper())
    with s.driver() as d:
        d.absent(NAME, TARGET, "CNAME")
    assert s.standin.values(ZONE, NAME, "CNAME") == []


def the_sets_time_to_live_stays(s):
    s.put_txt(NAME, ["theirs"], ttl=4321)
    with s.driver() as d:
        d.present(NAME, VALUE)
        assert {r[2] for r in s.standin.records(ZONE) if r[0] == NAME} == {4321}


def a_zone_or_name_that_the_server_does_not_hold_is_told(s):
    with s.driver() as d:
        d.bad("Refused", "present", "account", "nowhere.test", "_x.nowhere.test", "TXT", VALUE, says="nowhere.test")
        d.bad("Refused", "check", "account", "nowhere.test", says="nowhere.test")
        d.bad("Refused", "present", "account", ZONE, "_x.second.test", "TXT", VALUE, says="NOTZONE")
        d.bad("Refused", "present", "account", f"www.{ZONE}", f"_x.www.{ZONE}", "TXT", VALUE, says=f"www.{ZONE}")
        d.bad("NotFound", "zone", "account", "_x.nowhere.test", says=["nowhere.test", "zones"])


def a_record_below_a_delegation_is_not_called_placed(s):
    s.standin.zone(ZONE).children = {f"child.{ZONE}": ["ns.elsewhere.test"]}
    with s.driver() as d:
        d.bad("Refused", "present", "account", ZONE, f"_x.child.{ZONE}", "TXT", VALUE, says="delegation")
        d.absent(f"_x.child.{ZONE}", VALUE, zone=ZONE)


# ---- transport ----

def a_set_too_large_for_udp_is_read_over_tcp(s):
    values = [f"foreign {i} " + "x" * 80 for i in range(40)]
    s.put_txt(NAME, values)
    with s.driver() as d:
        d.present(NAME, VALUE)
        assert len(d.values(NAME)) == 41 and d.seen(NAME, VALUE)
        d.absent(NAME, VALUE)
    reads = [e.transport for e in s.standin.log if e.route == f"QUERY {NAME} TXT"]
    assert "udp" in reads and "tcp" in reads, reads
    assert s.standin.values(ZONE, NAME, "TXT") == sorted(values)


def updates_go_over_tcp_and_questions_over_udp_first(s):
    with s.driver() as d:
        d.present(NAME, VALUE)
        d.absent(NAME, VALUE)
    assert {e.transport for e in s.standin.log if e.route.startswith("UPDATE")} == {"tcp"}
    assert {e.transport for e in s.standin.log if e.route.startswith("QUERY")} == {"udp"}
    assert all(e.is_signed for e in s.standin.log if e.route != f"QUERY {ZONE} NS"), "a message left without a signature"


def a_server_name_with_one_dead_address_works(s):
    s.address = s.standin.address.replace("127.0.0.1", "localhost")  # on that port nobody listens at ::1
    with s.driver() as d:
        assert d.zone(NAME) == ZONE
        d.present(NAME, VALUE)
        d.absent(NAME, VALUE)


def a_server_that_is_not_there_is_passing_trouble(s):
    s.address = "127.0.0.1:9"
    with s.driver() as d:
        for words in (("check", "account", ZONE), ("zone", "account", NAME), ("present", "account", ZONE, NAME, "TXT", VALUE)):
            d.bad("Unreachable", *words, says="127.0.0.1")


# ---- answers not to be believed ----

def trouble_at_the_server_is_passing(s):
    for route, words in ((s.write, ("present", "account", ZONE, NAME, "TXT", VALUE)),
                         (s.remove, ("absent", "account", ZONE, NAME, "TXT", VALUE))):
        s.standin.fault(route, rcode=2)
        with s.driver() as d:
            d.bad("Unreachable", *words, says="SERVFAIL")
            d.good(*words)
    assert s.standin.values(ZONE, NAME, "TXT") == []


def a_done_without_a_signature_is_not_believed(s):
    s.standin.fault(s.write, rcode=0)
    with s.driver() as d:
        d.bad("Malformed", "present", "account", ZONE, NAME, "TXT", VALUE, says="not signed")
        assert d.values(NAME) == []
        d.present(NAME, VALUE)
        s.standin.fault(s.remove, rcode=0)
        d.bad("Malformed", "absent", "account", ZONE, NAME, "TXT", VALUE, says="not signed")
    assert s.standin.values(ZONE, NAME, "TXT") == [VALUE]


def an_answer_altered_on_the_way_is_not_believed(s):
    def flip(at):
        return lambda answer: answer[:at] + bytes([answer[at] ^ 1]) + answer[at + 1:]

    def unsign(answer):
        return answer[:10] + b"\0\0" + answer[12:Message(answer).tsig_at]
    for route in (s.read, s.write):
        for edit in (flip(-12), flip(-30), unsign):
            s.standin.fault(route, edit=edit)
            with s.driver() as d:
                told = d("present", "account", ZONE, NAME, "TXT", VALUE)
                assert not told["ok"] and told["kind"] in ("Malformed", "Credential"), told
                assert all(f.times == 0 for f in s.standin.faults), "the message that was to be altered never came"
            s.standin.reset()
            s.standin.add_zone(ZONE)


def an_answer_of_junk_is_not_believed(s):
    for body in (b"", b"\x80\0", os.urandom(40), b"\xa8\0\0\0\0\0\0\0\0\0", b"\xa8\0\xff\xff\xff\xff\xff\xff\xff\xff" + b"\xc0\x0c" * 60):
        s.standin.fault(s.write, body=body)
        with s.driver() as d:
            told = d("present", "account", ZONE, NAME, "TXT", VALUE)
            assert not told["ok"] and told["kind"] in ("Malformed", "Unreachable"), told
    assert s.standin.values(ZONE, NAME, "TXT") == []


def a_record_that_vanishes_after_the_update_is_noticed(s):
    def vanish():
        s.standin.change(ZONE, [emptying(NAME)])
    s.standin.fault(s.write, then=vanish)
    with s.driver() as d:
        told = d("present", "account", ZONE, NAME, "TXT", VALUE)
        assert not told["ok"] and told["kind"] in ("Conflict", "Refused"), told


CASES = [value for value in list(globals().values())
         if callable(value) and getattr(value, "__module__", "") == __name__ and hasattr(value, "__code__")
         and value.__code__.co_varnames[:1] == ("s",)]
SPECIAL = {kind.name: CASES for kind in REAL_SERVERS}
