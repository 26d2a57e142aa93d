#!/usr/bin/env python3
"""Official clients of DNS services (the AWS, Azure and Cloudflare SDKs for JavaScript, pinned in tests/peer/witnesses) at work on
the stand-ins that the conformance suite judges ours by: what the services' own clients cannot do with them, or could do
wrongly, would be a fault of the stand-in. `scripts/witnesses` fetches the clients."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import traceback

SOURCE = os.environ.get("CERTWRIGHT_SOURCE", os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(SOURCE, "tests/standins"))
from azure import Azure
from cloudflare import Cloudflare
from route53 import Route53

MODULES = os.path.join(SOURCE, "build/witnesses/node_modules")
ZONE, NAME = "example.test", "_acme-challenge.example.test"
VALUES = ["oneOneOneOneOneOneOneOne1", 'say "two" \\ and more']


def missing(words):
    print(f"needs {words}")
    sys.exit(1 if os.environ.get("CI") == "true" else 77)


class AtRoute53:
    kind, settings = Route53, {"service": "route53", "region": "eu-central-1", "keyId": "AKIACANARYROUTE53KEY",
                               "secret": "wJalrXUtnFEMI/K7MDENG+canaryRoute53SecretKEY", "token": "AQoDYXdzEJr//session+token=="}

    @classmethod
    def prepare(cls, standin):
        standin.keys = {cls.settings["keyId"]: (cls.settings["secret"], cls.settings["token"])}
        return {}

    # (what is changed on the way, the status that refuses it)
    changes = [("signature", lambda r: flip_header(r, "Authorization"), 403),
               ("session token", lambda r: flip_header(r, "X-Amz-Security-Token"), 403),
               ("time", lambda r: flip_header(r, "X-Amz-Date", -2), 403),
               ("body", lambda r: flip_body(r, b"one"), 403),
               ("query", lambda r: flip_query(r), 403)]
    route = "/rrset"


class AtAzure:
    kind, settings = Azure, {"service": "azure", "tenant": "8d1f4c5a-2b3c-4d5e-8f90-a1b2c3d4e5f6", "group": Azure.group,
                             "client": "11112222-3333-4444-5555-666677778888", "secret": "canary~Azure+Secret/with=odd&signs%.0",
                             "subscription": Azure.subscription}

    @classmethod
    def prepare(cls, standin):
        standin.applications = {(cls.settings["tenant"], cls.settings["client"]): {"secret": cls.settings["secret"]}}
        return {}

    changes = [("token", lambda r: flip_header(r, "Authorization"), 401)]
    route = "/dnsZones/"


class AtCloudflare:
    kind, settings = Cloudflare, {"service": "cloudflare", "token": "v1-canaryCloudflareToken0123456789abcdefghij"}

    @classmethod
    def prepare(cls, standin):
        standin.tokens = {cls.settings["token"]: None}
        return {}

    changes = [("token", lambda r: flip_header(r, "Authorization"), 403)]
    route = "/dns_records"


class AtCloudflareByKey(AtCloudflare):
    settings = {"service": "cloudflare", "email": "dns@example.com", "key": "0123456789abcdef0123456789abcdef01234"}

    @classmethod
    def prepare(cls, standin):
        standin.keys = {cls.settings["email"]: cls.settings["key"]}
        return {}

    changes = [("key", lambda r: flip_header(r, "X-Auth-Key"), 403)]


def flip(text, at=-1):
    """Another byte of the same kind in its place."""
    index = at % len(text)
    other = {"0": "1", "a": "b", "A": "B"}.get(text[index], "0" if text[index].isdigit() or text[index] in "bcdef" else "A")
    return text[:index] + other + text[index + 1:]


def flip_header(request, name, at=-1):
    request.headers.replace_header(name, flip(request.headers[name], at))


def flip_body(request, part):
    assert request.method != "POST" or part in request.body
    request.body = request.body.replace(part, part[:-1] + b"f", 1)


def flip_query(request):
    if request.query_text:
        request.target = flip(request.target)
        request.__init__(request.method, request.target, request.headers, request.body)


def witness(standin, service, *steps):
    settings = {**service.settings, "url": standin.url, "zone": ZONE, "steps": steps}
    done = subprocess.run(["node", os.path.join(SOURCE, "tests/peer/witnesses/witness.js")], input=json.dumps(settings), text=True,
                          capture_output=True, timeout=120,
                          env={"PATH": os.environ["PATH"], "NODE_PATH": MODULES, "NODE_EXTRA_CA_CERTS": standin.ca})
    assert done.returncode == 0, done.stderr
    assert not standin.failures, standin.failures
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [t["step"] for t in told] == [s[0] for s in steps], (told, done.stderr)
    return told


def results(told):
    assert all("result" in t for t in told), told
    return [t["result"] for t in told]


# ---- what must be so ----

def its_own_client_lists_adds_and_removes(standin, service):
    standin.put(ZONE, f"_other.{ZONE}", "TXT", ['"kept"'] if service.kind is not Azure else ["kept"])
    before = standin.snapshot()
    first, made, listed, gone, last = results(witness(
        standin, service, ["list", NAME], ["add", NAME, VALUES], ["list", NAME], ["remove", NAME], ["list", NAME]))
    assert first == [] and sorted(listed) == sorted(VALUES) and last == [], (first, listed, last)
    assert made in ("INSYNC", "Succeeded", "made") and gone in ("INSYNC", "gone"), (made, gone)
    assert standin.snapshot() == before


def what_it_adds_is_in_the_dns(standin, service):
    results(witness(standin, service, ["add", NAME, VALUES]))
    assert standin.values(ZONE, NAME, "TXT") == sorted(VALUES), standin.values(ZONE, NAME, "TXT")


def its_own_client_pages_through_the_zones(standin, service):
    for i in range(230):
        standin.add_zone(f"z{i:03}.{ZONE}")
    zones, = results(witness(standin, service, ["zones"]))
    assert sorted(zones) == sorted(z.name for z in standin.zones) and len(zones) == 231, len(zones)


def one_changed_byte_is_refused(standin, service):
    before = standin.snapshot()
    real = standin.answer
    for what, change, status in service.changes:
        changed = []

        def answer(request):
            if service.route.lower() in request.path.lower():
                changed.append(request.route)
                change(request)
            return real(request)
        standin.answer = answer
        try:
            told = witness(standin, service, ["list", NAME], ["add", NAME, VALUES])
        finally:
            standin.answer = real
        assert changed, f"{what}: nothing to change came by"
        wrong = [t for t in told if "result" in t or t["status"] != status]
        if what == "body":  # only a request with a body is changed
            wrong = [t for t in wrong if t["step"] == "add"]
        if what == "query":  # and a query is only in lists
            wrong = [t for t in wrong if t["step"] == "list"]
            standin.zone(ZONE).records.clear()
        assert not wrong, (what, told)
        assert standin.snapshot() == before, what


def wrong_credentials_are_refused_by_the_sign_in(standin, service):
    if service.kind is not Azure:
        return
    standin.applications[(service.settings["tenant"], service.settings["client"])] = {"secret": flip(service.settings["secret"])}
    told, = witness(standin, service, ["list", NAME])
    assert "7000215" in told.get("message", ""), told
    assert standin.asked("/subscriptions/") == 0


CASES = [its_own_client_lists_adds_and_removes, what_it_adds_is_in_the_dns, its_own_client_pages_through_the_zones,
         one_changed_byte_is_refused, wrong_credentials_are_refused_by_the_sign_in]


def main():
    if shutil.which("node") is None:
        missing("the Debian package nodejs")
    if not os.path.exists(os.path.join(os.path.dirname(MODULES), "complete")):
        missing("the official clients: scripts/witnesses fetches them")
    passed = failed = 0
    for service in (AtRoute53, AtAzure, AtCloudflare, AtCloudflareByKey):
        folder = tempfile.mkdtemp(prefix="cw-witness.")
        standin = service.kind(folder)
        for case in CASES:
            if sys.argv[1:] and case.__name__ not in sys.argv[1:]:
                continue
            try:
                standin.reset()
                standin.add_zone(ZONE)
                service.prepare(standin)
                case(standin, service)
                passed += 1
            except Exception:
                failed += 1
                traceback.print_exc()
                print(f"FAILED {service.__name__}: {case.__name__}", flush=True)
        standin.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
