#!/usr/bin/env python3
"""No credential of a DNS account is ever shown or stored: not in a log at its most talkative, an error, plan, why, status, a
list, the store and its dumps, the audit log, nor in a child's arguments or environment; not when all goes well and not
when the service refuses, stumbles, or repeats the credential in its own words."""
import html
import json
import os
import secrets
import sys

from canary import CREDENTIALS, Children, Search, derived, give
from dns_site import SERVICES, ServiceSite
from harness import main, wait_for
from shop import bind_world
from web import certificate, target

QUESTIONS = [("plan",), ("plan", "-o", "json"), ("status",), ("status", "-o", "json"), ("why", "certificate/{name}"),
             ("why", "certificate/{name}", "-o", "json"), ("why", "dnsaccount/{account}", "-o", "json"),
             ("describe", "certificate/{name}"), ("get", "dnsaccounts", "-o", "wide"), ("get", "dnsaccounts", "-o", "json"),
             ("get", "dnsaccounts", "-o", "yaml"), ("get", "challenges", "-o", "json"), ("get", "events", "-o", "json"), ("events",),
             ("state", "list"), ("state", "show", "challenge/default/{name}"), ("audit", "show"), ("validate",), ("state", "backup"), ("state", "verify"), ("doctor",), ("doctor", "-o", "json"),
             ("preflight", "-v"), ("dns", "test", "{account}", "-v"), ("dns", "test", "{account}", "-o", "json")]


def ask_everything(world, search, names, account):
    asked = set()
    for name in names:
        for question in QUESTIONS:
            words = tuple(word.format(name=name, account=account) for word in question)
            if words not in asked:
                search.add_result(world.run(*words), *words)
            asked.add(words)


USED = {"cloudflare": 1, "route53": 1}  # of several credentials, those that the account of this test has


def mangled(service):
    """A failure in the service's own form that repeats the credentials, as a careless service might."""
    own = [getattr(service, attribute) for attribute in CREDENTIALS[service.name]][:USED.get(service.name)]
    text = "it is " + " and ".join(own)
    if service.name == "route53":
        return (f"<ErrorResponse><Error><Code>Strange</Code><Message>{html.escape(text, False)}</Message></Error></ErrorResponse>")
    if service.name in ("exec", "webhook"):
        return json.dumps({"ok": False, "error": "refused", "message": text})
    return json.dumps({"success": False, "errors": [{"code": 1, "message": text}], "error": {"code": "Strange", "message": text},
                       "error_description": text, "code": "Strange", "message": text, "status": "Failed", "statusDescription": text})


def troubles(service, search):
    """(name, begin): ways in which a service refuses. The next one ends the one before."""
    def wrong():
        service.wrong_credentials()

    def repeated(status):
        def begin():
            give(service)
            search.know(getattr(service, attribute) for attribute in CREDENTIALS[service.name])
            service.standin.fault(r".", status=status, body=mangled(service), times=100000)
        return begin

    def throttled():
        service.throttle(r".", wait=600)
    return [("wrong", wrong), ("repeated", repeated(500)), ("refused", repeated(403)), ("strange", repeated(200)),
            ("throttled", throttled)]


def whole_life(kind):
    search = Search()
    with ServiceSite(kind, nginx=False) as world:
        service = world.service
        world.extra_config += "\nlog: {level: debug}"
        give(service)
        search.know(getattr(service, attribute) for attribute in CREDENTIALS[service.name])
        world.manifest("target.yaml", target(reload=None, probe=None, root="targets"))
        world.manifest("good.yaml", certificate("good", method="DNS"))
        daemon = world.daemon()
        children = Children(daemon.pid)
        children.start()
        world.wait_phase("Ready", "good", 60)
        for name, begin in troubles(service, search):
            with service.standin.lock:
                service.standin.faults.clear()
            begin()
            search.know(service.canaries())
            world.manifest(f"{name}.yaml", certificate(name, method="DNS"))
            world.run("sync", f"certificate/{name}")
            wait_for(lambda: world.run("get", "challenge", name, "-o", "json").out.count('"error"') > 0
                     or "rests until" in world.read("logs/daemon.log"), f"{name} to fail", 60)
            if name == "refused":
                ask_everything(world, search, ["good", name], "account")
        children.stop(search)
        world.stop(daemon)
        search.know(service.issued())
        search.know(derived(service.standin))
        for folder in ("state", "audit", "logs", "targets"):
            search.add_tree(world.path(folder))
        assert "asked" in world.read("logs/daemon.log") and len(service.standin.log) > 10 and len(search.secrets) > 5
        assert search.found() == [], search.found()


def the_search_finds_what_is_there():
    search, token = Search(), 'cw"' + secrets.token_hex(12) + "&+"
    search.know([token])
    for where, text in {"plain": token, "form": "a=" + token.replace('"', "%22").replace("&", "%26").replace("+", "%2B"),
                        "hex": token.encode().hex(), "json": json.dumps(token), "none": token[:-3]}.items():
        search.add(where, "xx" + text + "yy")
    assert sorted(line.split(":")[0] for line in search.found()) == ["form", "hex", "json", "plain"], search.found()


def a_tsig_key_is_never_shown():
    search = Search()
    with bind_world() as world:
        world.extra_config = "log: {level: debug}"
        search.know([world.read("secrets/bind/tsig").strip()])
        world.manifest("shop.yaml", certificate("shop", method="DNS"))
        search.add_result(world.run("apply", "--yes", "-v", code=0), "apply")
        wrong = secrets.token_urlsafe(33).replace("-", "A").replace("_", "B")
        search.know([wrong])
        world.write("secrets/bind/tsig", wrong + "\n", 0o400)
        world.manifest("more.yaml", certificate("more", method="DNS"))
        search.add_result(world.run("apply", "--yes", "-v", "--timeout", "3s"), "apply")
        ask_everything(world, search, ["more"], "bind")
        for folder in ("state", "audit", "logs", "targets"):
            search.add_tree(world.path(folder))
        assert any("BADSIG" in text or "Credential" in text for _, text in search.texts)
        assert search.found() == [], search.found()


SAMPLE = ("route53",)  # it has derived signatures too; scripts/dns-canary has all


def cases(names):
    yield the_search_finds_what_is_there
    yield a_tsig_key_is_never_shown
    for kind in SERVICES:
        if kind.name not in names:
            continue

        def case(kind=kind):
            whole_life(kind)
        case.__name__ = kind.name
        yield case


if __name__ == "__main__":
    full = os.environ.get("CERTWRIGHT_CANARY") == "all"
    main(list(cases([kind.name for kind in SERVICES] if full or sys.argv[1:] else SAMPLE)))
