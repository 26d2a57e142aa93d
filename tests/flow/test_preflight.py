#!/usr/bin/env python3
"""`certwright preflight` and `plan --preflight`: what a CA, the vendor and our accounts will say, against BIND, nginx and the
sandbox. Each answer is yes, no or unknown; nothing is changed unless asked for."""
import os
import socket

from harness import World, free_port, main, need, wait_for
from shop import FREE_PATHS, TARGET, bind_world, certificate, paths_asked, shop_world
from harness import ISSUER



def answers(told, check=None):
    """{subject: answer} of one check, or [(about, check, subject, answer)] of all."""
    checks = told["checks"] if isinstance(told, dict) else told
    if check is None:
        return [(c["about"], c["check"], c.get("subject", ""), c["outcome"]) for c in checks]
    return {c.get("subject", ""): c["outcome"] for c in checks if c["check"] == check}


# ---- CAA, against real zones ----

HEAD = "$TTL 5\n@ SOA ns.example.test. root.example.test. 1 60 60 600 5\n@ NS ns.example.test.\n"
EXAMPLE = HEAD + """ns A 127.0.0.1
own CAA 0 issue "sectigo.com"
upper CAA 0 ISSUE "SECTIGO.COM"
former CAA 0 issue "comodoca.com"
other CAA 0 issue "letsencrypt.org"
both CAA 0 issue "letsencrypt.org"
both CAA 0 issue "sectigo.com"
nobody CAA 0 issue ";"
empty CAA 0 issue ""
iodef CAA 0 iodef "mailto:ca@example.test"
critical CAA 0 issue "sectigo.com"
critical CAA 128 tbs "unknown"
uncritical CAA 0 issue "sectigo.com"
uncritical CAA 0 tbs "unknown"
sure CAA 128 issue "sectigo.com"
contact CAA 0 issue "sectigo.com"
contact CAA 128 contactemail "ca@example.test"
account CAA 0 issue "sectigo.com; accounturi=https://ca.example/1"
blank CAA 0 issue "  sectigo.com  "
odd CAA 0 issue "%%%%%"
longer CAA 0 issue "notsectigo.com"
below CAA 0 issue "ca.sectigo.com"
climb CAA 0 issue "letsencrypt.org"
stop.climb CAA 0 issue "sectigo.com"
target CAA 0 issue "letsencrypt.org"
alias CNAME target
deny CAA 0 issue "letsencrypt.org"
leaf.deny A 127.0.0.1
besides CNAME leaf.deny
across CNAME x.other.test.
outside CNAME good.other.test.
dn DNAME deny2
x.deny2 CAA 0 issue "letsencrypt.org"
loop1 CNAME loop2
loop2 CNAME loop1
dangling CNAME nowhere.other.test.
w1 CAA 0 issue ";"
w1 CAA 0 issuewild "sectigo.com"
w2 CAA 0 issue "sectigo.com"
w2 CAA 0 issuewild ";"
w3 CAA 0 issue "sectigo.com"
w4 CAA 0 issuewild "sectigo.com"
w5 CAA 0 issue "letsencrypt.org"
"""
OTHER = HEAD + 'x CNAME y\ny CAA 0 issue "letsencrypt.org"\ngood CAA 0 issue "sectigo.com"\n'
LAB = HEAD + '@ CAA 0 issue "letsencrypt.org"\n'
TEST = HEAD + "".join(f"{zone} NS ns.example.test.\n" for zone in ("example", "other", "broken"))

EXPECTED = {
    "free.example.test": "yes", "own.example.test": "yes", "upper.example.test": "yes", "former.example.test": "yes",
    "other.example.test": "no", "both.example.test": "yes", "nobody.example.test": "no", "empty.example.test": "no",
    "iodef.example.test": "yes", "critical.example.test": "no", "uncritical.example.test": "yes", "sure.example.test": "yes",
    "contact.example.test": "unknown", "account.example.test": "yes", "blank.example.test": "yes", "odd.example.test": "no",
    "longer.example.test": "no", "below.example.test": "no", "a.b.climb.example.test": "no", "a.stop.climb.example.test": "yes",
    "alias.example.test": "no", "besides.example.test": "yes", "across.example.test": "no", "outside.example.test": "yes",
    "x.dn.example.test": "no", "loop1.example.test": "unknown", "dangling.example.test": "yes", "*.w1.example.test": "yes",
    "w1.example.test": "no", "*.w2.example.test": "no", "w2.example.test": "yes", "*.w3.example.test": "yes",
    "w4.example.test": "yes", "*.w4.example.test": "yes", "*.w5.example.test": "no", "shop.broken.test": "unknown",
    "shop.silent.test": "unknown", "shop.refused.test": "unknown", "www.site.lab": "no",
}


def start_zones(w, zones, broken=()):
    """A BIND that serves these texts; zones in `broken` have none, so that it answers SERVFAIL."""
    named, port, home = need("named", "bind9"), free_port(), w.path("caa")
    os.makedirs(home)
    conf = (f'options {{ directory "{home}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; pid-file none;'
            f' session-keyfile none; lock-file none; recursion no; dnssec-validation no; notify no; empty-zones-enable no; }};\n'
            "controls { };\n")
    for zone, text in zones.items():
        w.write(f"caa/{zone}.db", text)
        conf += f'zone "{zone}" {{ type primary; file "{zone}.db"; }};\n'
    for zone in broken:
        w.write(f"caa/{zone}.db", "this is no zone\n")
        conf += f'zone "{zone}" {{ type primary; file "{zone}.db"; }};\n'
    w.write("caa/named.conf", conf)
    child = w.start(named, "-g", "-c", w.path("caa/named.conf"), "-n", "1", log="caa.log")
    wait_for(lambda: "running" in w.read("logs/caa.log") or child.poll() is not None, "named")
    assert child.poll() is None, w.read("logs/caa.log")
    return port


def caa_records_decide():
    with World() as w:
        port = start_zones(w, {"test": TEST, "example.test": EXAMPLE, "other.test": OTHER, "lab": LAB}, ["broken.test"])
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        silent.bind(("127.0.0.1", 0))
        nobody = start_other(w)
        w.nameservers.update({"test": f"127.0.0.1:{port}", "lab": f"127.0.0.1:{port}", "refused.test": f"127.0.0.1:{nobody}",
                              "silent.test": f"127.0.0.1:{silent.getsockname()[1]}"})
        w.start_sandbox()
        w.manifest("issuer.yaml", ISSUER)
        w.manifest("target.yaml", TARGET)
        w.manifest("shop.yaml", certificate(names=list(EXPECTED), product="positivemdcwildcard", method="DNS")
                   .replace("{method: DNS}", "{method: DNS, dns: {manual: true}}"))
        told = w.run("preflight", "-o", "json", code=4).json()
        found = answers(told, "CAA")
        wrong = {name: (found.get(name), wanted) for name, wanted in EXPECTED.items() if found.get(name) != wanted}
        assert not wrong, (wrong, [c for c in told["checks"] if c.get("subject") in wrong])
        assert len(EXPECTED) >= 30
        cures = {c["subject"]: c.get("cure") for c in told["checks"] if c["check"] == "CAA"}
        assert cures["other.example.test"] == 'add to the zone: other.example.test. CAA 0 issue "sectigo.com"', cures
        assert "climb.example.test" in cures["a.b.climb.example.test"] and "issuewild" in cures["*.w5.example.test"]
        causes = {c["subject"]: c.get("cause") for c in told["checks"] if c["check"] == "CAA"}
        assert "tbs" in causes["critical.example.test"] and "SERVFAIL" in causes["shop.broken.test"], causes
        assert answers(told, "delegation")["shop.silent.test"] == "unknown"
        # the other CA's names are other names
        w.manifest("shop.yaml", certificate(names=["own.example.test", "free.example.test"], product="digi_ssl_dv_geotrust_flex", method="DNS")
                   .replace("{method: DNS}", "{method: DNS, dns: {manual: true}}"))
        told = w.run("preflight", "-o", "json", code=4).json()
        assert answers(told, "CAA") == {"own.example.test": "no", "free.example.test": "yes"}, told
        silent.close()


def start_other(w):
    """A server that holds nothing asked for: REFUSED."""
    return World.start_bind(w, ["elsewhere.example"])


# ---- the rest ----

def nothing_stands_in_the_way():
    with bind_world(("example.test", "test")) as w:
        w.manifest("shop.yaml", certificate(method="DNS", names=["shop.example.test"]))
        before = w.zone_records("example.test")
        told = w.run("preflight", "-o", "json", code=0).json()
        found = answers(told)
        for wanted in (("issuer/main", "credentials", "", "yes"), ("issuer/main", "clock", "", "yes"),
                       ("issuer/main", "balance", "", "yes"), ("certificate/shop", "CAA", "shop.example.test", "yes"),
                       ("certificate/shop", "DNSSEC", "shop.example.test", "yes"),
                       ("certificate/shop", "delegation", "shop.example.test", "yes"),
                       ("certificate/shop", "zone", "shop.example.test", "yes"),
                       ("dnsaccount/bind, zone example.test", "credentials", "", "yes"),
                       ("dnsaccount/bind, zone example.test", "reading", "", "yes")):
            assert wanted in found, (wanted, found)
        assert told["no"] == told["unknown"] == 0
        assert w.zone_records("example.test") == before and w.ledger() == []
        assert not os.path.exists(w.path("state")) and not os.path.exists(w.path("audit")), "preflight made something"
        assert paths_asked(w) <= FREE_PATHS | {"user/accountdetail"}, paths_asked(w)
        text = w.run("preflight", "shop", code=0).out
        assert "certificate/shop\n  yes      CAA shop.example.test" in text and text.endswith(" yes.\n"), text
        told = w.run("preflight", "--write", "-o", "json", code=0).json()
        assert [a for a in answers(told) if a[1] in ("make", "see", "remove", "gone") and a[3] == "yes"].__len__() == 4, told
        assert w.zone_records("example.test") == before


def a_plan_has_it_as_a_section_and_stays_pure():
    with bind_world(("example.test", "test")) as w:
        w.manifest("shop.yaml", certificate(method="DNS", names=["shop.example.test"]))
        told = w.run("plan", "--preflight", "-o", "json", code=0).json()
        assert answers(told["preflight"], "CAA") == {"shop.example.test": "yes"}, told
        assert [s["verb"] for s in told["steps"]][:1] == ["order"]
        assert "balance" not in [c["check"] for c in told["preflight"]]
        assert paths_asked(w) <= FREE_PATHS, paths_asked(w)
        assert "preflight" not in w.run("plan", "-o", "json", code=0).json()
        assert "Preflight: " in w.run("plan", "--preflight", code=0).out
        assert "#### Preflight" in w.run("plan", "--preflight", "-o", "md", code=0).out
        w.run("plan", "--preflight", "--offline", code=64)
        assert not os.path.exists(w.path("state")) and not os.path.exists(w.path("audit"))


def a_refused_token_is_a_no():
    with bind_world(("example.test", "test")) as w:
        w.manifest("shop.yaml", certificate(method="DNS", names=["shop.example.test"]))
        os.unlink(w.path("secrets/sslstore/auth-token"))
        w.write("secrets/sslstore/auth-token", "wrong", 0o400)
        told = w.run("preflight", "-o", "json", code=4).json()
        assert ("issuer/main", "credentials", "", "no") in answers(told), told
        w.stop(w.sandbox)
        told = w.run("preflight", "-o", "json", code=6).json()
        assert ("issuer/main", "credentials", "", "unknown") in answers(told), told


def a_web_server_is_reached_or_not():
    with shop_world(("shop", "blog")) as w:
        port = start_zones(w, {"test": TEST, "example.test": HEAD + "ns A 127.0.0.1\n"})
        w.nameservers["test"] = f"127.0.0.1:{port}"
        w.manifest("shop.yaml", certificate(names=["shop.example.test", "blog.example.test"], product="positivemdcssl"))
        told = w.run("preflight", "-o", "json", code=0).json()
        assert answers(told, "file") == {"shop.example.test": "yes", "blog.example.test": "yes"}, told
        w.resolve["blog.example.test:80"] = f"127.0.0.1:{free_port()}"
        told = w.run("preflight", "-o", "json", code=6).json()
        assert answers(told, "file") == {"shop.example.test": "yes", "blog.example.test": "unknown"}, told
        told = w.run("preflight", "--write", "-o", "json", code=6).json()
        assert answers(told, "file") == {"shop.example.test": "yes", "blog.example.test": "unknown"}, told
        assert [c["cause"] for c in told["checks"] if c.get("subject") == "shop.example.test" and c["check"] == "file"] == [
            "a probe was put there and is served"]
        assert os.listdir(w.path("www")) == [], "a probe was left"
        assert '"records":[]' in w.run("state", "list", "leftover", "-o", "json", code=0).out.replace(" ", "").replace("\n", "")
        w.manifest("target.yaml", TARGET.replace("http: {root: www}", "http: {root: www, webroot: missing}"))
        told = w.run("preflight", "-o", "json", code=4).json()
        assert answers(told, "webroot") == {"shop.example.test": "no", "blog.example.test": "no"}, told


def the_vendor_says_where_mail_goes():
    with shop_world() as w:
        port = start_zones(w, {"test": TEST, "example.test": HEAD + "ns A 127.0.0.1\n"})
        w.nameservers["test"] = f"127.0.0.1:{port}"
        w.manifest("shop.yaml", certificate(method="Email"))
        told = w.run("preflight", "-o", "json", code=0).json()
        assert answers(told, "approver") == {"shop.example.test": "yes"}, told


def the_account_s_balance_is_held_against_what_the_orders_cost():
    with shop_world(("shop", "blog")) as w:
        port = start_zones(w, {"test": TEST, "example.test": HEAD + "ns A 127.0.0.1\n"})
        w.nameservers["test"] = f"127.0.0.1:{port}"
        for name in ("shop", "blog"):
            w.manifest(f"{name}.yaml", certificate(name=name))
        price = round(100 * float(w.run("plan", "-o", "json", code=0).json()["costs"][0]["amount"]))

        def balance(code, **settings):
            w.sandbox_call("POST", "/settings", settings)
            told = w.run("preflight", "-o", "json", code=code).json()
            return next((c["outcome"], c["cause"]) for c in told["checks"] if c["check"] == "balance")
        outcome, cause = balance(0, credit=False, balanceCents=price)
        assert outcome == "yes" and "2 orders asked about cost" in cause, (outcome, cause)
        outcome, cause = balance(4, balanceCents=price - 1)
        assert outcome == "no" and "2 orders asked about cost" in cause, (outcome, cause)
        assert "add funds" in w.run("preflight", code=4).out
        # a vendor that is asked all the same refuses, and no money moves
        told = w.run("apply", "--yes", "--detach")
        assert len(w.ledger()) == 1, told
        assert any("Insufficient funds" in w.run("why", f"certificate/{name}").out for name in ("shop", "blog"))
        outcome, cause = balance(6, balanceCents=-1)
        assert outcome == "unknown" and "does not state it" in cause, (outcome, cause)
        outcome, cause = balance(0, balanceCents=0, credit=True)
        assert outcome == "yes" and "orders may go on a bill" in cause, (outcome, cause)


def a_clock_that_is_off_is_told():
    with shop_world() as w:
        port = start_zones(w, {"test": TEST, "example.test": HEAD + "ns A 127.0.0.1\n"})
        w.nameservers["test"] = f"127.0.0.1:{port}"
        w.manifest("shop.yaml", certificate())

        def clock(code, offset):
            w.sandbox_call("POST", "/settings", {"dateOffset": offset})
            told = w.run("preflight", "-o", "json", code=code).json()
            return next((c["outcome"], c["cause"]) for c in told["checks"] if c["check"] == "clock")
        assert clock(0, 0)[0] == "yes"
        outcome, cause = clock(0, 90)
        assert outcome == "yes" and "90 s ahead of this host's" in cause, (outcome, cause)
        outcome, cause = clock(4, -3600)
        assert outcome == "no" and "behind of this host's" in cause, (outcome, cause)


def wrong_words_and_manifests_are_told():
    with bind_world(("example.test", "test")) as w:
        w.manifest("shop.yaml", certificate(method="DNS", names=["shop.example.test"], product="nosuchproduct"))
        told = w.run("preflight", "-o", "json", code=4).json()
        assert ("certificate/shop", "manifest", "", "no") in answers(told), told
        w.run("preflight", "nobody", code=1)
        w.run("preflight", "issuer/main", code=64)
        w.run("preflight", "-o", "md", code=64)


main([caa_records_decide, nothing_stands_in_the_way, a_plan_has_it_as_a_section_and_stays_pure, a_refused_token_is_a_no,
      a_web_server_is_reached_or_not, the_vendor_says_where_mail_goes,
      the_account_s_balance_is_held_against_what_the_orders_cost, a_clock_that_is_off_is_told, wrong_words_and_manifests_are_told])
