#!/usr/bin/env python3
"""`certwright dns test`: what an account can do is told step by step, against BIND and the stand-ins of the services; a probe
stands in the journal before it is made and is nowhere afterwards."""
import json
import os
import signal
import socket
import sys

from harness import World, free_port, main, wait_for
from shop import DNS_ACCOUNT, certificate

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "provider"))
from dns_service import SERVICES


class DnsWorld(World):
    """BIND, an account, and no vendor."""

    def __init__(self, zones=("example.test",)):
        super().__init__()
        self.zones = zones

    def __enter__(self):
        self.start_bind(list(self.zones))
        self.manifest("dns.yaml", DNS_ACCOUNT % self.bind_port)
        return self

    def try_account(self, *words, code=0):
        return self.run("dns", "test", *words, "-o", "json", code=code).json()

    def audit(self):
        path = self.path("audit/audit.log")
        return self.read("audit/audit.log") if os.path.exists(path) else ""


def outcomes(told):
    return [(c["check"], c["outcome"]) for c in told["checks"]]


READ = [("credentials", "ok"), ("zone", "ok"), ("delegation", "ok"), ("reading", "ok")]
WRITE = [("make", "ok"), ("see", "ok"), ("remove", "ok"), ("gone", "ok")]


def reading_is_proven_and_nothing_is_touched():
    with DnsWorld() as w:
        before = w.zone_records("example.test")
        told = w.try_account("bind")
        assert outcomes(told) == READ, told
        assert told["failed"] == told["unknown"] == 0 and told["ok"] == 4
        assert w.zone_records("example.test") == before
        assert not os.path.exists(w.path("state")) and not os.path.exists(w.path("sealing.key")), "reading made a store"
        text = w.run("dns", "test", "bind", code=0).out
        assert text.count("✓") == 4 and "dnsaccount/bind, zone example.test" in text.lower() and "--write" in text, text


def a_probe_is_made_seen_and_taken_away():
    with DnsWorld() as w:
        before = w.zone_records("example.test")
        told = w.try_account("bind", "example.test", "--write")
        assert outcomes(told) == READ + WRITE, told
        assert all("milliseconds" in c for c in told["checks"])
        assert w.zone_records("example.test") == before
        assert w.audit().count('"probe.present"') == 1 and "_certwright-probe-" in w.audit()
        assert json.loads(w.run("state", "list", "leftover", "-o", "json", code=0).out)["records"] == []


def a_running_controller_keeps_the_journal():
    with DnsWorld() as w:
        daemon = w.daemon()
        assert outcomes(w.try_account("bind", "--write")) == READ + WRITE
        assert w.audit().count('"probe.present"') == 1
        assert json.loads(w.run("state", "list", "leftover", "-o", "json", code=0).out)["records"] == []
        w.stop(daemon)


def a_wrong_key_is_told_with_its_cure():
    with DnsWorld() as w:
        w.write("secrets/bind/tsig", "AAAANDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=\n", 0o400)
        told = w.try_account("bind", "--write", code=1)
        assert outcomes(told)[0] == ("credentials", "failed") and told["checks"][0]["cure"], told
        assert "make" not in [c["check"] for c in told["checks"]] and "probe.present" not in w.audit()
        assert "✗ " in w.run("dns", "test", "bind", code=1).out


def a_missing_right_to_write_is_told_and_leaves_nothing():
    with DnsWorld() as w:
        conf = w.read("bind/named.conf")
        w.write("bind/named.conf", conf.replace('allow-update { key "certwright-test"; }',
                                                'update-policy { grant certwright-test name other.example.test A; }'))
        w.stop(w.children[0])
        child = w.start("/usr/sbin/named", "-g", "-c", w.path("bind/named.conf"), "-n", "1", log="named2.log")
        wait_for(lambda: "running" in w.read("logs/named2.log") or child.poll() is not None, "named")
        told = w.try_account("bind", "--write", code=1)
        assert outcomes(told)[:4] == READ and ("make", "failed") in outcomes(told), told
        assert "right" in next(c["cure"] for c in told["checks"] if c["check"] == "make")
        assert json.loads(w.run("state", "list", "leftover", "-o", "json", code=0).out)["records"] == []


def what_the_world_never_sees_is_told_and_taken_away():
    with DnsWorld() as w:
        port = w.bind_port
        copy = DnsWorld()
        try:
            copy.__enter__()  # another server of the same zone, that gets no transfers
            w.nameservers["example.test"] = f"127.0.0.1:{copy.bind_port}"
            w.manifest("dns.yaml", (DNS_ACCOUNT % port).replace("timeout: 30s", "timeout: 2s"))
            before = w.zone_records("example.test")
            told = w.try_account("bind", "--write", code=1)
            assert outcomes(told) == READ + [("make", "ok"), ("see", "failed"), ("remove", "ok"), ("gone", "ok")], told
            assert w.zone_records("example.test") == before
        finally:
            copy.__exit__(None, None, None)


def the_account_s_own_resolvers_must_see_it_too():
    with DnsWorld() as w, DnsWorld() as other:  # the other's server has the zone without the probe
        resolvers = lambda port: (DNS_ACCOUNT % w.bind_port).replace(
            "timeout: 30s", f'timeout: 2s, resolvers: ["127.0.0.1:{port}"]')
        w.manifest("dns.yaml", resolvers(w.bind_port))
        assert outcomes(w.try_account("bind", "--write")) == READ + WRITE
        w.manifest("dns.yaml", resolvers(other.bind_port))
        told = w.try_account("bind", "--write", code=1)
        assert outcomes(told) == READ + [("make", "ok"), ("see", "failed"), ("remove", "ok"), ("gone", "ok")], told
        assert "resolver" in next(c["cause"] for c in told["checks"] if c["check"] == "see"), told


def a_silent_server_is_unknown():
    with World() as w:
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        w.nameservers["example.test"] = f"127.0.0.1:{port}"
        w.write("secrets/bind/tsig", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=\n", 0o400)
        os.chmod(w.path("secrets/bind"), 0o700)
        w.manifest("dns.yaml", DNS_ACCOUNT % port)
        told = w.run("dns", "test", "bind", "-o", "json", code=6).json()
        assert outcomes(told) == [("credentials", "unknown"), ("delegation", "unknown")], told
        silent.close()


def a_foreign_zone_is_refused():
    with DnsWorld() as w:
        told = w.try_account("bind", "elsewhere.example", code=1)
        assert ("credentials", "failed") in outcomes(told) or ("zone", "failed") in outcomes(told), told


def without_zones_those_of_the_certificates_are_tried():
    with DnsWorld(("example.test", "other.test")) as w:
        w.manifest("dns.yaml", (DNS_ACCOUNT % w.bind_port).replace("  zones: [example.test]\n", ""))
        assert "ZONE" in w.run("dns", "test", "bind", code=64).err
        w.manifest("issuer.yaml", "apiVersion: certwright/v1alpha1\nkind: Issuer\nmetadata: {name: main}\nspec:\n  sslstore: "
                                  "{environment: Sandbox, partnerCode: \"1\", authTokenSecretRef: {name: a, key: b}}\n")
        w.manifest("target.yaml", "apiVersion: certwright/v1alpha1\nkind: DeployTarget\nmetadata: {name: web}\nspec:\n"
                                  "  local: {root: targets}\n  path: \"{name}\"\n")
        w.manifest("shop.yaml", certificate(names=["a.example.test", "b.other.test"], product="positivemdcssl", method="DNS"))
        told = w.try_account("bind")
        assert outcomes(told) == READ + READ and len({c["about"] for c in told["checks"]}) == 2, told


def another_account_s_trouble_is_not_this_one_s():
    with DnsWorld() as w:
        w.manifest("dns.yaml", (DNS_ACCOUNT % w.bind_port).replace("  zones: [example.test]\n", ""))
        w.manifest("other.yaml", (DNS_ACCOUNT % free_port()).replace("name: bind}", "name: other}", 1).replace(
            "zones: [example.test]", "zones: [other.test]"))
        w.manifest("issuer.yaml", "apiVersion: certwright/v1alpha1\nkind: Issuer\nmetadata: {name: main}\nspec:\n  sslstore: "
                                  "{environment: Sandbox, partnerCode: \"1\", authTokenSecretRef: {name: a, key: b}}\n")
        w.manifest("target.yaml", "apiVersion: certwright/v1alpha1\nkind: DeployTarget\nmetadata: {name: web}\nspec:\n"
                                  "  local: {root: targets}\n  path: \"{name}\"\n")
        w.manifest("shop.yaml", certificate(names=["b.other.test"], product="digi_rapidssl", method="DNS"))
        told = w.run("dns", "test", "bind", code=64)
        assert "no certificate is proven through it" in told.err, told


def an_unknown_account_and_wrong_words_are_told():
    with DnsWorld() as w:
        assert "no dnsaccount/nobody" in w.run("dns", "test", "nobody", code=1).err.lower()
        w.run("dns", "test", code=64)
        w.run("dns", "test", "certificate/shop", code=64)
        w.run("dns", "test", "bind", "not a zone", code=64)


def a_person_s_account_has_nothing_to_try():
    with World() as w:
        w.manifest("dns.yaml", "apiVersion: certwright/v1alpha1\nkind: DNSAccount\nmetadata: {name: hand}\nspec:\n"
                               "  zones: [example.test]\n  manual: {}\n")
        told = w.run("dns", "test", "hand", "--write", "-o", "json", code=0).json()
        assert outcomes(told) == [("account", "ok")], told
        assert not os.path.exists(w.path("state"))


def an_interrupt_takes_the_probe_away():
    with DnsWorld() as w:
        port = w.bind_port
        w.nameservers["example.test"] = f"127.0.0.1:{free_port()}"  # nobody sees it: it waits
        before = w.zone_records("example.test")
        argv = w.argv("dns", "test", "bind", "--write")
        child = w.start(*argv, log="trial.log", env=w.environment())
        wait_for(lambda: any("_certwright-probe-" in line for line in w.zone_records("example.test")), "the probe")
        child.send_signal(signal.SIGINT)
        code = child.wait(40)
        assert code == 130, (code, w.read("logs/trial.log"))
        assert w.zone_records("example.test") == before, port


def each_service_is_tried_through_its_stand_in():
    for kind in SERVICES:
        with World() as w:
            service = kind(w.dir)
            try:
                w.nameservers["example.test"] = service.standin.dns.address
                w.extra_config = "endpoints: " + json.dumps({name: {"url": url, "ca": service.standin.ca, "sandbox": True}
                                                             for name, url in service.endpoints().items()})
                w.extra_config += "\ndns: " + json.dumps(service.config().get("dns", {}))
                manifest = service.manifest()
                manifest["spec"]["propagation"] = {"timeout": "30s", "interval": "1s"}
                w.manifest("dns.yaml", json.dumps(manifest))
                service.put_txt("example.test", ["v=spf1 -all"])
                before = service.standin.snapshot()
                told = w.run("dns", "test", "account", "example.test", "--write", "-o", "json").json()
                assert outcomes(told) == READ + WRITE, (kind.name, told)
                assert service.standin.snapshot() == before, kind.name
                service.wrong_credentials()
                result = w.run("dns", "test", "account", "example.test", code=1)
                assert "✗  credentials" in result.out, result.out
                for canary in service.canaries():
                    assert canary not in result.out + result.err, f"a credential was shown: {canary}"
            finally:
                service.standin.stop()


main([value for value in list(globals().values()) if callable(value) and getattr(value, "__module__", "") == "__main__"
      and not isinstance(value, type) and not value.__code__.co_argcount and value.__name__ != "main"])
