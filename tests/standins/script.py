"""Stand-in for what stands behind DNS accounts of type exec and webhook: the contract of docs/dns/exec.md over HTTPS. A
webhook's requests are signed; an exec program (curl) hands its question on, and the credential stands in the question."""
import hashlib
import hmac
import json
import re
import time

from common import Standin, split_strings

MEMBERS = {"zone": ["zone"], "list": ["zone", "name"], "present": ["zone", "name", "type", "value", "ttl"],
           "absent": ["zone", "name", "type", "value", "ttl"]}
NAME = re.compile(r"(\*\.)?([a-z0-9_-]+\.)*[a-z0-9_-]+")


class Refusal(Exception):
    def __init__(self, error, message, status=200):
        self.error, self.message, self.status = error, message, status


class Script(Standin):
    def __init__(self, folder, signed):
        super().__init__(folder)
        self.signed = signed
        self.key, self.credential, self.read_only, self.skew = None, None, False, 0

    def exchange(self, handler, request):
        try:  # faults are set by operation
            request.route = f"{request.method} /{request.json()['operation']}"
        except (ValueError, KeyError, TypeError):
            pass
        super().exchange(handler, request)

    def answer(self, request):
        try:
            self.check_signature(request)
            return self.reply(200, {"ok": True, **self.serve(request.json())})
        except Refusal as no:
            return self.reply(no.status, {"ok": False, "error": no.error, "message": no.message})

    @staticmethod
    def reply(status, body):
        return status, {"Content-Type": "application/json"}, json.dumps(body)

    def check_signature(self, request):
        if not self.signed:
            return
        when, given = request.headers.get("Certwright-Timestamp", ""), request.headers.get("Certwright-Signature", "")
        wanted = "sha256=" + hmac.new(self.key.encode(), when.encode() + b"." + request.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(given, wanted):
            raise Refusal("credential", "the signature is wrong", 401)
        if not re.fullmatch(r"\d+", when) or abs(time.time() + self.skew - int(when)) > 300:
            raise Refusal("credential", "the time of the request is not now", 401)

    def serve(self, question):
        operation = question["operation"]
        wanted = {"version", "operation", "account", *MEMBERS[operation]} | (set() if self.signed else {"credential"})
        assert set(question) == wanted, f"members {sorted(question)}"
        assert question["version"] == 1 and question["account"] == {"namespace": "default", "name": "account"}
        if not self.signed and question["credential"] != self.credential:
            raise Refusal("credential", f"no such token: {question['credential']}")
        zone = next((z for z in self.zones if z.name == question["zone"]), None)
        if operation == "zone":
            return {"found": True, "nameservers": zone.servers} if zone else {"found": False}
        if zone is None:
            raise Refusal("notFound", f"no zone {question['zone']}")
        name = question["name"]
        assert NAME.fullmatch(name) and (name == zone.name or name.endswith("." + zone.name)), name
        here = [r for r in zone.records if r["name"] == name]
        if operation == "list":
            return {"records": [{k: r[k] for k in ("type", "value", "ttl") if k in r} for r in here]}
        if self.read_only:
            raise Refusal("forbidden", "this token may only read")
        return self.change(zone, here, question)

    def change(self, zone, here, question):
        """Like a service that knows no mercy: it neither looks for doubles nor guards other types."""
        record = {key: question[key] for key in ("name", "type", "value", "ttl")}
        assert record["type"] in ("TXT", "CNAME") and not record["value"].endswith(".")
        same = [r for r in here if r["type"] == record["type"] and r["value"] == record["value"]]
        if question["operation"] == "present":
            zone.records.append(record)
        else:
            assert same, "asked to remove what is not there"
            zone.records.remove(same[0])
        return {}

    def put(self, zone, owner, kind, values, ttl=300, **more):
        for value in values:
            self.zone(zone).records.append({"name": owner, "type": kind, "value": value, "ttl": ttl, **more})

    def contents(self, zone):
        return zone.records

    def served(self, zone):
        for r in zone.records:
            yield (r["name"], r["type"], r["ttl"], split_strings(r["value"]) if r["type"] == "TXT" else r["value"].rstrip("."))
