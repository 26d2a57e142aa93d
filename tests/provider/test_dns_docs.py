#!/usr/bin/env python3
"""The examples of docs/dns/exec.md and webhook.md, taken from the pages as they stand, against a real PowerDNS: a program that
drives its API, and a receiver that runs that program for a webhook."""
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from dns_service import HERE, ZONE, Driver

sys.path.insert(0, os.path.join(os.path.dirname(HERE), "standins"))
from common import make_certificate

DOCS = os.path.join(os.path.dirname(os.path.dirname(HERE)), "docs/dns")
SCHEMA = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"
NAME = f"_acme-challenge.{ZONE}"
API_KEY, SHARED_KEY = "canary-powerdns-api-key", "canary/shared+webhook=key"


def missing(package):
    print(f"needs the Debian package {package}")
    sys.exit(1 if os.environ.get("CI") == "true" else 77)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(reached, what):
    for _ in range(600):
        if reached():
            return
        time.sleep(0.1)
    raise AssertionError(f"{what} does not come up")


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class PowerDNS:
    def __init__(self, folder):
        self.dns, self.api = free_port(), free_port()
        store = sqlite3.connect(os.path.join(folder, "pdns.db"))
        with open(SCHEMA) as file:
            store.executescript(file.read())
        store.close()
        settings = {"config-dir": folder, "launch": "gsqlite3", "gsqlite3-database": os.path.join(folder, "pdns.db"),
                    "socket-dir": folder, "local-address": "127.0.0.1", "local-port": self.dns, "api": "yes", "webserver": "yes",
                    "api-key": API_KEY, "webserver-port": self.api, "webserver-address": "127.0.0.1", "daemon": "no",
                    "guardian": "no", "cache-ttl": "0", "query-cache-ttl": "0", "negquery-cache-ttl": "0",
                    "zone-cache-refresh-interval": "0", "loglevel": "3"}
        self.log = open(os.path.join(folder, "pdns.log"), "w")
        self.process = subprocess.Popen(["/usr/sbin/pdns_server", *(f"--{k}={v}" for k, v in settings.items())],
                                        stdout=self.log, stderr=self.log)
        wait_until(lambda: listens(self.api), "PowerDNS")
        for zone in (ZONE, f"deep.{ZONE}", "xn--bcher-kva.test"):
            self.call("POST", "", {"name": zone + ".", "kind": "Native", "nameservers": ["ns1.standin.test."]})

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()

    def call(self, method, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.api}/api/v1/servers/localhost/zones{path}", method=method,
                                         data=json.dumps(body).encode() if body else None, headers={"X-API-Key": API_KEY})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or b"null")

    def put(self, name, kind, contents, ttl=900):
        self.call("PATCH", f"/{ZONE}.", {"rrsets": [{"name": name + ".", "type": kind, "ttl": ttl, "changetype": "REPLACE",
                                                     "records": [{"content": c, "disabled": False} for c in contents]}]})

    def sets(self):
        return {(s["name"], s["type"]): (s["ttl"], sorted(r["content"] for r in s["records"]))
                for s in self.call("GET", f"/{ZONE}.")["rrsets"] if s["type"] not in ("SOA", "NS")}

    def empty(self):
        for name, kind in self.sets():
            self.call("PATCH", f"/{ZONE}.", {"rrsets": [{"name": name, "type": kind, "changetype": "DELETE"}]})


class Account:
    """What the driver needs to know; `way` is exec or webhook."""

    class standin:
        failures = []

    def __init__(self, folder, power, way):
        self.folder, self.power, self.way = folder, power, way
        os.makedirs(self.path("secrets/dns"), mode=0o700, exist_ok=True)
        self.secret("api-key", API_KEY)
        self.secret("key", SHARED_KEY)
        self.program = self.from_page("exec.md", "powerdns")
        self.receiver = None
        if way == "webhook":
            self.start_receiver()

    def path(self, name):
        return os.path.join(self.folder, name)

    def secret(self, name, text):
        if os.path.exists(self.path("secrets/dns/" + name)):
            os.unlink(self.path("secrets/dns/" + name))
        with open(self.path("secrets/dns/" + name), "w") as file:
            file.write(text + "\n")
        os.chmod(self.path("secrets/dns/" + name), 0o400)

    def from_page(self, page, name):
        with open(os.path.join(DOCS, page)) as file:
            code, = re.findall(r"```python\n(.*?)```", file.read(), re.DOTALL)
        with open(self.path(name), "w") as file:
            file.write(code)
        os.chmod(self.path(name), 0o755)
        return self.path(name)

    def start_receiver(self):
        self.port = free_port()
        self.ca, key = make_certificate(self.folder)
        with open(self.path("their-key"), "w") as file:
            file.write(SHARED_KEY + "\n")
        with open(self.path("their-credential"), "w") as file:
            file.write(API_KEY + "\n")
        self.log = open(self.path("receiver.log"), "w")
        self.receiver = subprocess.Popen(
            ["/usr/bin/python3", self.from_page("webhook.md", "receiver"), str(self.port), self.ca, key, self.path("their-key"),
             self.path("their-credential"), self.program, f"http://127.0.0.1:{self.power.api}"], stdout=self.log, stderr=self.log)
        wait_until(lambda: listens(self.port), "the receiver")

    def stop(self):
        if self.receiver is not None:
            self.receiver.terminate()
            self.receiver.wait(20)
            self.log.close()

    def canaries(self):
        return {API_KEY, SHARED_KEY}

    def write_config(self):
        if self.way == "exec":
            helpers = {"programs": {"corp": {"run": [self.program, f"http://127.0.0.1:{self.power.api}"]}}}
            spec = {"exec": {"program": "corp", "credentialSecretRef": {"name": "dns", "key": "api-key"}}}
        else:
            helpers = {"webhooks": {"corp": {"url": f"https://127.0.0.1:{self.port}/", "ca": self.ca}}}
            spec = {"webhook": {"endpoint": "corp", "keySecretRef": {"name": "dns", "key": "key"}}}
        self.write("account.yaml", {"apiVersion": "certwright/v1alpha1", "kind": "DNSAccount", "metadata": {"name": "account"},
                                    "spec": spec})
        return self.write("certwright.yaml", {
            "apiVersion": "certwright/v1alpha1", "kind": "ControllerConfig", "secrets": {"directory": self.path("secrets")},
            "dns": helpers, "nameservers": {"test": f"127.0.0.1:{self.power.dns}"}, "allowAddresses": ["127.0.0.0/8"]})

    def write(self, name, value):
        with open(self.path(name), "w") as file:
            json.dump(value, file)
        os.chmod(self.path(name), 0o600)
        return self.path(name)

    def driver(self):
        return Driver(self)


# ---- what must be so, whichever way ----

def values_come_go_and_leave_others_alone(a):
    a.power.put(NAME, "TXT", ['"foreign value"', '"split \\"and\\" " "quoted \\\\ text"'])
    before = a.power.sets()
    with a.driver() as d:
        assert d.present(NAME, "one")["zone"] == ZONE
        d.present(NAME, "two")
        assert d.values(NAME) == sorted(["foreign value", 'split "and" quoted \\ text', "one", "two"]), d.values(NAME)
        assert d.seen(NAME, "one") and d.seen(NAME, "two")
        d.absent(NAME, "one")
        assert not d.seen(NAME, "one") and d.seen(NAME, "two")
        d.absent(NAME, "two")
    assert a.power.sets() == before


def a_cname_comes_and_goes(a):
    owner, target = f"_0a1b2c.www.{ZONE}", "0a1b.2c3d.sectigo.com"
    with a.driver() as d:
        d.present(owner, target, "CNAME")
        assert d.seen(owner, target, "CNAME")
        d.present(owner, target + ".", "CNAME")
        d.bad("Conflict", "present", "account", "-", owner, "TXT", "text", says="CNAME")
        d.absent(owner, target, "CNAME")
    assert a.power.sets() == {}


def odd_and_long_values_are_kept(a):
    values = ["".join(chr(0x21 + i % 94) for i in range(255)), 'say "hello" \\052; a+b/c=d&e\\']
    with a.driver() as d:
        for value in values:
            d.present(NAME, value)
            assert d.seen(NAME, value), value
        assert d.values(NAME) == sorted(values)
        for value in values:
            d.absent(NAME, value)
    assert a.power.sets() == {}


def zones_are_found(a):
    with a.driver() as d:
        assert d.zone(f"_x.www.deep.{ZONE}") == f"deep.{ZONE}"
        assert d.zone("_x.xn--bcher-kva.test") == "xn--bcher-kva.test"
        d.bad("NotFound", "zone", "account", f"_x.not-{ZONE}")
        d.good("check", "account", ZONE)


def two_controllers_lose_nothing(a):
    with a.driver() as one, a.driver() as two:
        one.zone(NAME), two.zone(NAME)
        for i in range(2):
            one.send("present", "account", ZONE, NAME, "TXT", f"one-{i}")
            two.send("present", "account", ZONE, NAME, "TXT", f"two-{i}")
            for d in (one, two):
                told = d.receive()
                assert told["ok"], told
        assert one.values(NAME) == sorted(f"{who}-{i}" for who in ("one", "two") for i in range(2))


def a_wrong_key_is_told(a):
    a.secret("api-key", "canary-wrong-key")
    a.secret("key", "canary-wrong-key")
    try:
        with a.driver() as d:
            d.bad("Credential", "check", "account", ZONE)
    finally:
        a.secret("api-key", API_KEY)
        a.secret("key", SHARED_KEY)


BOTH = [values_come_go_and_leave_others_alone, zones_are_found, a_wrong_key_is_told]
CASES = {"exec": BOTH + [a_cname_comes_and_goes, odd_and_long_values_are_kept, two_controllers_lose_nothing], "webhook": BOTH}


def main():
    if shutil.which("pdns_server", path="/usr/sbin:/usr/bin") is None:
        missing("pdns-server")
    if not os.path.exists(SCHEMA):
        missing("pdns-backend-sqlite3")
    passed = failed = 0
    folder = tempfile.mkdtemp(prefix="cw-dns.")
    os.chmod(folder, 0o700)
    power = PowerDNS(folder)
    try:
        for way in ("exec", "webhook"):
            account = Account(folder, power, way)
            for case in CASES[way]:
                if sys.argv[1:] and case.__name__ not in sys.argv[1:]:
                    continue
                try:
                    power.empty()
                    case(account)
                    passed += 1
                except Exception:
                    failed += 1
                    traceback.print_exc()
                    print(f"FAILED {way}: {case.__name__}", flush=True)
            account.stop()
    finally:
        power.stop()
    shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
