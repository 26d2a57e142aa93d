#!/usr/bin/env python3
"""A challenge's name that is an alias (CNAME): the TXT is written where it leads, by the account of that zone, and taken away
there; the vendor finds it by the alias. Real BIND, two zones, an account each."""
import contextlib
import json
import os

from harness import main
from shop import certificate
from web import NAME, Site

ALIAS = f"_dnsauth.{NAME}"


def account(port, name, zones=None, **spec):
    return json.dumps({"apiVersion": "certwright/v1alpha1", "kind": "DNSAccount", "metadata": {"name": name}, "spec": {
        **({"zones": zones} if zones else {}),
        "rfc2136": {"nameserver": f"127.0.0.1:{port}", "tsigKeyName": "certwright-test", "tsigAlgorithm": "HMACSHA256",
                    "tsigSecretSecretRef": {"name": "bind", "key": "tsig"}},
        "propagation": {"timeout": "30s", "interval": "1s"}, **spec}})


class AliasSite(Site):
    """`more`: records of each zone."""

    def __init__(self, more):
        super().__init__(bind=True)
        self.more = more

    def start_bind(self, zones):
        return super().start_bind(["example.test", "elsewhere.test", "third.test"], more=self.more)


@contextlib.contextmanager
def site(records, **accounts):
    """An account for example.test and one for elsewhere.test, and what `accounts` says."""
    with AliasSite("loop CNAME loop.elsewhere.test.\n" + records) as world:
        os.unlink(world.path("manifests/dns.yaml"))
        for name, spec in {**{"corp": {"zones": ["example.test"]}, "proofs": {"zones": ["elsewhere.test"]}}, **accounts}.items():
            if spec is not None:
                world.manifest(f"{name}.yaml", account(world.bind_port, name, **spec))
        world.before = {zone: world.zone_records(zone) for zone in ("example.test", "elsewhere.test", "third.test")}
        yield world


def assert_proven(world, place, by, zone):
    challenge, = world.records("challenges")
    assert (challenge["recordType"], challenge["recordName"]) == ("TXT", ALIAS), challenge
    assert (challenge["ledTo"], challenge["ledAccount"], challenge["zone"].rstrip(".")) == (place, by, zone), challenge
    assert challenge["state"] == "Gone" and challenge["validated"], challenge
    events = world.run("events").out
    assert place in events.replace("\n", "") and "alias" in events, events
    for name, records in world.before.items():
        assert world.zone_records(name) == records, f"{name} is not as it was"
    world.assert_at_rest()


def a_txt_is_written_where_the_alias_leads():
    with site("_dnsauth.shop CNAME Shop.Proofs.elsewhere.test.\n") as world:
        world.want(method="DNS", product="digi_rapidssl")
        world.apply("--detach")
        assert world.dig("shop.proofs.elsewhere.test", "TXT"), "nothing is written there"
        told = world.run("describe", "certificate/shop").out
        assert "shop.proofs.elsewhere.test" in told and "proofs" in told, told
        planned = world.run("plan").out.replace("\n", " ")
        assert "written at shop.proofs.elsewhere.test by DNSAccount proofs" in " ".join(planned.split()), planned
        world.apply()
        assert_proven(world, "shop.proofs.elsewhere.test", "proofs", "elsewhere.test")


def aliases_are_followed_one_after_the_other():
    """To a zone that an account holds without naming it."""
    records = "_dnsauth.shop CNAME one.elsewhere.test.\none CNAME two.third.test.\n"
    with site(records, proofs={"zones": ["elsewhere.test"]}, third={}) as world:
        world.want(method="DNS", product="digi_rapidssl")
        world.apply()
        assert_proven(world, "two.third.test", "third", "third.test")


def the_account_of_the_zone_it_leads_to_is_enough():
    with site("_dnsauth.shop CNAME here.elsewhere.test.\n", corp=None) as world:
        world.manifest("shop.yaml", certificate(method="DNS", product="digi_rapidssl").replace(
            "dcv: {method: DNS}", "dcv: {method: DNS, dns: {accountRef: {name: proofs}}}"))
        world.apply()
        assert_proven(world, "here.elsewhere.test", "proofs", "elsewhere.test")


def a_wildcard_is_no_alias():
    with site("*.shop CNAME parking.elsewhere.test.\n") as world:
        world.want(method="DNS", product="digi_rapidssl")
        world.apply()
        challenge, = world.records("challenges")
        assert challenge.get("ledTo", "") == "" and challenge["account"] == "corp", challenge
        assert world.zone_records("example.test") == world.before["example.test"]


def refused(records, words, **accounts):
    with site(records, **accounts) as world:
        world.want(method="DNS", product="digi_rapidssl")
        world.apply("--detach", code=None)
        challenge, = world.records("challenges")
        assert all(word in challenge["error"] for word in words), challenge
        assert all(world.zone_records(name) == records for name, records in world.before.items())


def a_loop_is_refused():
    refused("_dnsauth.shop CNAME loop.elsewhere.test.\n", ["lead back to", "loop.elsewhere.test"])


def a_place_that_no_account_holds_is_told():
    refused("_dnsauth.shop CNAME there.third.test.\n", [ALIAS, "there.third.test", "no DNS account"])


def two_accounts_for_the_place_are_told():
    refused("_dnsauth.shop CNAME there.third.test.\n", ["there.third.test", "one", "two", "zones"], one={}, two={})


def an_alias_is_a_conflict_where_following_is_off():
    refused("_dnsauth.shop CNAME there.elsewhere.test.\n", [ALIAS, "CNAME", "there.elsewhere.test"],
            corp={"zones": ["example.test"], "cnameStrategy": "None"})


def it_is_known_beforehand_where_the_proof_will_lie():
    records = "_dnsauth.shop CNAME one.elsewhere.test.\none CNAME two.third.test.\n"
    with site(records, proofs={"zones": ["elsewhere.test"]}, third={}) as world:
        world.want(method="DNS", product="digi_rapidssl")
        told = world.run("preflight", "-o", "json").json()["checks"]
        zone, = [c for c in told if c["check"] == "zone" and c["about"] == "certificate/shop"]
        assert zone["outcome"] == "yes" and "two.third.test, zone third.test in dnsaccount/third" in zone["cause"], zone
        assert {c["about"] for c in told if c["check"] == "reading"} == {"dnsaccount/third, zone third.test"}, told
        tried = world.run("dns", "test", "third", "--write", "-o", "json", code=0).json()["checks"]
        assert {c["about"] for c in tried} == {"dnsaccount/third, zone third.test"}, tried
        assert all(world.zone_records(name) == before for name, before in world.before.items())
        world.want(method="DNS", product="positivemdcssl")  # proven by a CNAME, which no alias can stand for
        told = world.run("preflight", "-o", "json").json()["checks"]
        assert {c["about"] for c in told if c["check"] == "reading"} == {"dnsaccount/corp, zone example.test"}, told


def an_alias_to_nobody_s_zone_is_known_beforehand():
    with site("_dnsauth.shop CNAME there.third.test.\n") as world:
        world.want(method="DNS", product="digi_rapidssl")
        told = world.run("preflight", "-o", "json", code=4).json()["checks"]
        zone, = [c for c in told if c["check"] == "zone" and c["about"] == "certificate/shop"]
        assert zone["outcome"] == "no" and "there.third.test" in zone["cause"], zone


main([a_txt_is_written_where_the_alias_leads, aliases_are_followed_one_after_the_other,
      the_account_of_the_zone_it_leads_to_is_enough, a_wildcard_is_no_alias, a_loop_is_refused,
      a_place_that_no_account_holds_is_told, two_accounts_for_the_place_are_told,
      an_alias_is_a_conflict_where_following_is_off, it_is_known_beforehand_where_the_proof_will_lie,
      an_alias_to_nobody_s_zone_is_known_beforehand])
