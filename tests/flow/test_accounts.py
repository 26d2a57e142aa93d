#!/usr/bin/env python3
"""DNS accounts: which one is chosen and why, ambiguity, credentials that end."""
import time

from dns_site import HTTP_SERVICES, ServiceSite
from harness import main, wait_for
from web import certificate, target

CLOUDFLARE = HTTP_SERVICES[0]


def site(**more):
    world = ServiceSite(CLOUDFLARE, more=more, nginx=False)
    return world


def begin(world):
    world.manifest("target.yaml", target(reload=None, probe=None, root="targets"))


def instant(days):
    """So many days from now."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + days * 86400))


def the_choice_and_its_reason_stand_in_the_plan():
    with site(zones=["example.test"]) as world:
        begin(world)
        world.account("narrow", zones=["shop.example.test"])
        world.account("web", zones=["example.test"], selector={"matchLabels": {"team": "web"}})
        world.manifest("shop.yaml", certificate("shop", method="DNS"))
        world.manifest("plain.yaml", certificate("plain", method="DNS"))
        world.manifest("www.yaml", certificate("www", method="DNS").replace("{name: www}", "{name: www, labels: {team: web}}", 1))
        world.manifest("named.yaml", certificate("named", method="DNS").replace(
            "{method: DNS}", "{method: DNS, dns: {accountRef: {name: narrow}}}").replace("named.example", "b.shop.example"))
        wanted = {"shop": "by DNSAccount narrow (zone shop.example.test is the longest)",
                  "plain": "by DNSAccount account (zone example.test)",
                  "www": "by DNSAccount web (zone example.test and selector team: web)",
                  "named": "by DNSAccount narrow (named in the manifest)"}
        told = world.run("plan", "--offline", "-o", "json", code=0).json()
        text = " ".join(world.run("plan", "--offline", code=0).out.split())
        for name, words in wanted.items():
            details = [s["detail"] for s in told["steps"] if s["resource"] == f"certificate/{name}" and s["verb"] == "validate"]
            assert words in details[0], (name, details)
            assert words in text, text


def ambiguity_names_the_candidates_and_a_disabled_one_is_none():
    with site() as world:
        begin(world)
        world.account("other")
        world.manifest("shop.yaml", certificate("shop", method="DNS"))
        told = world.run("plan", "--offline", code=3)
        assert "several DNS accounts (account, other) may serve" in told.out + told.err, told
        world.account("other", enabled=False)
        assert "by DNSAccount account (the only one" in world.run("plan", "--offline", code=0).out.replace("\n            ", " ")
        world.manifest("shop.yaml", certificate("shop", method="DNS").replace(
            "{method: DNS}", "{method: DNS, dns: {accountRef: {name: other}}}"))
        told = world.run("validate", code=3)
        assert 'DNS account "other" is not enabled' in told.out + told.err, told


def warnings(world):
    events = world.run("get", "events", "-o", "json", code=0).json()
    return [e for e in (i["status"] if "status" in i else i for i in events["items"])
            if e["kind"] == "DNSAccount" and e["type"] == "Warning"]


def a_credential_that_ends_is_told_everywhere():
    with site(credentialExpiresAt=instant(20)) as world:
        begin(world)
        world.manifest("shop.yaml", certificate("shop", method="DNS"))
        note = "the credential of DNSAccount account ends on"
        assert note in world.run("plan", code=0).out
        assert any(note in n for n in world.run("plan", "-o", "json", code=0).json()["notes"])
        done = world.run("apply", "--yes", "--timeout", "60s", code=0)
        assert note in done.out + done.err, done
        [event] = warnings(world)
        assert event["reason"] == "CredentialExpiring" and note in event["message"], event
        why = world.run("why", "dnsaccount/account", "-o", "json", code=0).json()
        assert why["wrong"] and why["code"] == "CredentialExpiring" and "spec.credentialExpiresAt" in why["human"], why
        assert "CredentialExpiring" in world.run("status", code=0).out
        [told] = world.run("status", "-o", "json", code=0).json()["credentials"]
        assert told["object"] == "dnsaccount/account" and told["code"] == "CredentialExpiring", told
        [condition] = world.run("get", "dnsaccount", "account", "-o", "json", code=0).json()["status"]["conditions"]
        assert condition["status"] == "True" and condition["reason"] == "CredentialExpiring", condition
        world.apply()
        assert warnings(world)[0]["count"] == 1, "the same warning twice"
        world.turn_clock(14 * 86400)
        world.apply()
        assert warnings(world)[0]["count"] == 2, "the last week is not told"


def after_its_end_nothing_is_made_and_what_is_deployed_stays():
    with site(credentialExpiresAt=instant(20)) as world:
        begin(world)
        world.manifest("shop.yaml", certificate("shop", method="DNS"))
        world.apply(timeout="60s")
        leaf, paid = world.read("targets/shop/current/cert.pem"), world.orders()
        world.turn_clock(21 * 86400)
        world.manifest("more.yaml", certificate("more", method="DNS"))
        asked = len(world.service.standin.log)
        done = world.run("apply", "--yes", "--timeout", "60s")
        assert done.code not in (0, 1), done
        assert world.orders() == paid and len(world.service.standin.log) == asked
        assert world.read("targets/shop/current/cert.pem") == leaf
        assert world.certificate("shop")["status"]["phase"] == "Ready"
        why = world.run("why", "certificate/more", "-o", "json", code=0).json()
        assert why["code"] == "CredentialExpired" and "DNS account" in why["who"] and why["human"], why
        assert world.run("why", "dnsaccount/account", "-o", "json", code=0).json()["code"] == "CredentialExpired"
        assert {w["reason"] for w in warnings(world)} >= {"CredentialExpired"}
        steps = world.run("plan", "-o", "json").json()["steps"]
        assert [s["code"] for s in steps] == ["CredentialExpired"], steps
        world.account(credentialExpiresAt=instant(400))
        world.apply(timeout="60s")
        assert world.certificate("more")["status"]["phase"] == "Ready"


def an_account_that_was_asked_too_often_rests_as_a_whole():
    with site() as world:
        begin(world)
        standin = world.service.standin
        world.service.throttle(world.service.write, wait=300)
        for name in ("a", "b", "c"):
            world.manifest(f"{name}.yaml", certificate(name, method="DNS"))
        world.daemon()
        wait_for(lambda: any(w["reason"] == "Throttled" for w in warnings(world)), "the warning", 60)
        wait_for(lambda: world.orders() == 3, "the orders", 60)
        writes = standin.asked(world.service.write)
        assert writes <= 3, "the limit and the line let three at once through, no more"
        time.sleep(2)  # others would have asked by now
        asked = len(standin.log)
        time.sleep(1)
        assert len(standin.log) == asked, "it was asked while it rests"
        assert "rests until" in world.read("logs/daemon.log")
        world.turn_clock(310)
        for name in ("a", "b", "c"):
            world.wait_phase("Ready", name, 60)


main([an_account_that_was_asked_too_often_rests_as_a_whole, the_choice_and_its_reason_stand_in_the_plan, ambiguity_names_the_candidates_and_a_disabled_one_is_none,
      a_credential_that_ends_is_told_everywhere, after_its_end_nothing_is_made_and_what_is_deployed_stays])
