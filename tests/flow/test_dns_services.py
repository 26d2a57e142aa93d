#!/usr/bin/env python3
"""Certificates for a wildcard and its apex through each DNS service's stand-in, end to end: the CNAMEs of Sectigo, the TXT
records of DigiCert. The vendor looks at the stand-in's DNS for real; the zone afterwards is the zone before; no credential is
shown anywhere, at the most talkative level."""
from dns_site import HTTP_SERVICES, ServiceSite, written
from harness import main
from web import assert_chain, certificate, target

NAMES = ["*.example.test", "example.test"]


def prove(kind):
    with ServiceSite(kind) as world:
        world.service.put_txt("example.test", ["v=spf1 -all"])
        world.service.put_txt("_acme-challenge.example.test", ["somebody else's"])
        before = world.service.standin.snapshot()
        world.want(names=NAMES, product="positivemdcwildcard", method="DNS")
        world.manifest("files.yaml", target(name="files", reload=None, probe=None, root="targets"))
        world.manifest("other.yaml", certificate("other", names=NAMES, product="digi_ssl_dv_geotrust_flex", method="DNS",
                                                 targets=("files",)))
        said = [world.apply("-v", timeout="60s")]
        types = sorted(c["recordType"] for c in world.records("challenges"))
        assert types == ["CNAME", "CNAME", "TXT", "TXT"], types
        assert world.service.standin.asked(world.service.write) > 0, world.service.standin.log
        for folder in ("nginx/shop", "targets/other"):
            for name in ("example.test", "any.example.test"):
                assert_chain(world, world.path(folder, "current"), name)
        assert world.orders() == 2
        assert world.service.standin.snapshot() == before, "the zone is not as it was"
        assert not world.service.standin.failures, world.service.standin.failures
        world.assert_at_rest()
        said += [world.run("describe", "certificate/shop"), world.run("get", "dnsaccounts", "-o", "yaml"), world.run("events"),
                 world.run("plan")]
        assert kind.member not in [k.member for k in HTTP_SERVICES] or "asked the DNS service" in said[0].err
        shown = "".join(r.out + r.err for r in said) + written(world)
        for canary in world.service.canaries():
            assert canary not in shown, f"a credential was shown or stored: {canary}"


def cases(kinds):
    for kind in kinds:
        def case(kind=kind):
            prove(kind)
        case.__name__ = kind.name
        yield case


if __name__ == "__main__":
    main(list(cases(HTTP_SERVICES)))
