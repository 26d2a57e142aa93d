"""Stand-in for GoDaddy's domains API: PATCH adds, PUT replaces (a set, a type, a whole zone), no guards, a time to live of at
least 600, and "Domain Protection", which takes everything and makes empty records of it."""
import json
import re
import urllib.parse

from common import Standin, split_strings

TYPES = ("A", "AAAA", "CNAME", "MX", "NS", "SRV", "TXT")


class Refusal(Exception):
    def __init__(self, status, code, message, **more):
        self.status, self.body = status, {"code": code, "message": message, **more}


class GoDaddy(Standin):
    def __init__(self, folder):
        super().__init__(folder)
        self.keys, self.too_small, self.protected = {}, False, False
        self.keeps_low = False  # a value that was there may keep a time to live below 600; the service's pages say nothing of it

    def reset(self):
        super().reset()
        self.too_small = self.protected = self.keeps_low = False

    def answer(self, request):
        try:
            status, body = self.serve(request)
        except Refusal as no:
            status, body = no.status, no.body
        return status, {"Content-Type": "application/json"}, "" if body is None else json.dumps(body)

    def serve(self, request):
        match = re.fullmatch(r"sso-key ([^:\s]+):([^:\s]+)", request.headers.get("Authorization") or "")
        if not match:
            raise Refusal(401, "MALFORMED_CREDENTIALS", "Authorization header missing or malformed")
        if self.keys.get(match.group(1)) != match.group(2):
            raise Refusal(401, "UNABLE_TO_AUTHENTICATE", f"Unauthorized : Could not authenticate API key/secret {match.group(2)}")
        if self.too_small:
            raise Refusal(403, "ACCESS_DENIED", "Authenticated user is not allowed access")
        parts = [urllib.parse.unquote(p) for p in request.path.split("/")[1:]]
        if parts[:2] != ["v1", "domains"]:
            raise Refusal(404, "NOT_FOUND", "no such path")
        if len(parts) == 2:
            names = sorted(z.name for z in self.zones)
            start = request.query.get("marker")
            return 200, [{"domain": n, "status": "ACTIVE"} for n in names if start is None or n > start][:int(request.query.get("limit", 1000))]
        zone = next((z for z in self.zones if z.name == parts[2].lower()), None)
        if zone is None and parts[2].count(".") > 1:
            raise Refusal(422, "INVALID_BODY", "Request body doesn't fulfill schema, see details in `fields`",
                          fields=[{"code": "UNEXPECTED", "message": "is not a valid domain", "path": "domain"}])
        if zone is None:
            raise Refusal(404, "UNKNOWN_DOMAIN", "The given domain is not registered, or does not have a zone file")
        if len(parts) == 3:
            return 200, {"domain": zone.name, "status": "ACTIVE", "nameServers": zone.servers}
        if parts[3] != "records" or len(parts) > 6 or (len(parts) > 4 and parts[4] not in TYPES):
            raise Refusal(404, "NOT_FOUND", "no such path")
        return self.records(request, zone, parts[4] if len(parts) > 4 else None, parts[5].lower() if len(parts) > 5 else None)

    def records(self, request, zone, kind, name):
        apex = [{"type": "NS", "name": "@", "data": s, "ttl": 3600} for s in zone.servers]
        here = [r for r in zone.records if kind in (None, r["type"]) and name in (None, r["name"])]
        if request.method == "GET":
            return 200, here + [r for r in apex if kind in (None, "NS") and name in (None, "@")]
        if request.method == "PATCH" and kind is None:
            added = [self.record(zone, r, zone.records) for r in self.body(request)]
            zone.records += added
            return 200, None
        if request.method == "PUT":  # the trap: everything else of the scope is gone
            others = [r for r in zone.records if r not in here]
            new = []
            for given in self.body(request):
                new.append(self.record(zone, {**given, "type": kind or given.get("type"), "name": name or given.get("name")}, others + new,
                                       kept=here))
            zone.records = others + new
            return 200, None
        if request.method == "DELETE" and name is not None:
            if not here:
                raise Refusal(404, "NOT_FOUND", "no such records")
            zone.records = [r for r in zone.records if r not in here]
            return 204, None
        raise Refusal(405, "METHOD_NOT_ALLOWED", "no such method")

    @staticmethod
    def body(request):
        given = request.json()
        if not isinstance(given, list) or not given or request.headers.get("Content-Type") != "application/json":
            raise Refusal(422, "INVALID_BODY", "Request body doesn't fulfill schema, see details in `fields`")
        return given

    def record(self, zone, given, existing, kept=()):
        def invalid(path, message):
            return Refusal(422, "INVALID_BODY", "Request body doesn't fulfill schema, see details in `fields`",
                           fields=[{"code": "INVALID", "message": message, "path": f"records[0].{path}"}])
        if not set(given) <= {"type", "name", "data", "ttl"} or given["type"] not in TYPES or not given.get("name"):
            raise invalid("name", "is required")
        if not isinstance(given.get("data"), str) or not given["data"].strip():
            raise invalid("data", "is required")
        if given.get("ttl", 3600) < 600 and not (self.keeps_low and any(k["data"] == given["data"] for k in kept)):
            raise invalid("ttl", "must be at least 600")
        record = {"type": given["type"], "name": given["name"].lower(), "data": given["data"], "ttl": given.get("ttl", 3600)}
        same_name = [r for r in existing if r["name"] == record["name"]]
        if any(r["type"] == record["type"] and r["data"] == record["data"] for r in same_name):
            raise Refusal(422, "DUPLICATE_RECORD", "Another record with the same attributes already exists")
        if same_name and (record["type"] == "CNAME" or any(r["type"] == "CNAME" for r in same_name)):
            raise Refusal(422, "INVALID_RECORD", "Record name conflicts with another record: a CNAME stands alone")
        if self.protected:
            record["data"] = " "
        return record

    # ---- for the tests ----

    def put(self, zone, owner, kind, values, ttl=3600):
        zone = self.zone(zone)
        name = "@" if owner == zone.name else owner[:-len(zone.name) - 1]
        zone.records += [{"type": kind, "name": name, "data": v, "ttl": ttl} for v in values]

    def contents(self, zone):
        return [sorted(r.items()) for r in zone.records]

    def served(self, zone):
        for r in zone.records:
            owner = zone.name if r["name"] == "@" else f"{r['name']}.{zone.name}"
            if r["data"].strip():
                yield owner, r["type"], r["ttl"], split_strings(r["data"]) if r["type"] == "TXT" else r["data"].rstrip(".")
