"""Stand-in for Cloudflare's API, version 4: both kinds of credentials, zones, records with ids, pages, codes."""
import json
import re

from common import Standin, unquote_presentation

ZONE_FIELDS = ("id", "name", "status", "type", "paused")


class Refusal(Exception):
    def __init__(self, status, code, message, chain=None):
        self.status, self.code, self.message, self.chain = status, code, message, chain


class Cloudflare(Standin):
    prefix = "/client/v4"

    def __init__(self, folder):
        super().__init__(folder)
        self.tokens = {}   # token -> names of the zones it may see; None: all
        self.keys = {}     # (e-mail, key)
        self.read_only = set()

    def answer(self, request):
        try:
            result, info = self.serve(request)
        except Refusal as no:
            error = {"code": no.code, "message": no.message}
            if no.chain:
                error["error_chain"] = [{"code": no.chain[0], "message": no.chain[1]}]
            return self.reply(no.status, {"success": False, "errors": [error], "messages": [], "result": None})
        body = {"success": True, "errors": [], "messages": [], "result": result}
        if info:
            body["result_info"] = info
        return self.reply(200, body)

    @staticmethod
    def reply(status, body):
        return status, {"Content-Type": "application/json"}, json.dumps(body)

    def identify(self, request):
        bearer, email, key = (request.headers.get(n) for n in ("Authorization", "X-Auth-Email", "X-Auth-Key"))
        if bearer is not None and (email is not None or key is not None):
            raise Refusal(400, 6003, "Invalid request headers", (6111, "Invalid format for Authorization header"))
        if bearer is not None:
            match = re.fullmatch(r"Bearer ([A-Za-z0-9_-]{40,})", bearer)
            if not match:
                raise Refusal(400, 6003, "Invalid request headers", (6111, "Invalid format for Authorization header"))
            if match.group(1) not in self.tokens:
                raise Refusal(403, 9109, "Invalid access token")
            return match.group(1)
        if email is None and key is None:
            raise Refusal(400, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")
        if not re.fullmatch(r"[0-9a-f]{37}", key or ""):
            raise Refusal(400, 6003, "Invalid request headers", (6103, "Invalid format for X-Auth-Key header"))
        if self.keys.get(email) != key:
            raise Refusal(403, 9103, "Unknown X-Auth-Key or X-Auth-Email")
        return None

    def serve(self, request):
        who = self.identify(request)
        if not request.path.startswith(self.prefix):
            raise Refusal(404, 7000, "No route for that URI")
        path = request.path[len(self.prefix):]
        visible = [z for z in self.zones if who is None or self.tokens[who] is None or z.name in self.tokens[who]]
        if path == "/zones" and request.method == "GET":
            found = [z for z in visible if request.query.get("name") in (None, z.name)
                     and request.query.get("status") in (None, z.status)]
            return self.page(request, [{**{f: getattr(z, f) for f in ZONE_FIELDS}, "name_servers": z.servers} for z in found], 50)
        match = re.fullmatch(r"/zones/([^/]+)/dns_records(?:/([^/]+))?", path)
        if not match or not re.fullmatch(r"[0-9a-f]{32}", match.group(1)):
            raise Refusal(404, 7003, "Could not route to " + path)
        zone = next((z for z in visible if z.id == match.group(1)), None)
        if zone is None:
            raise Refusal(403, 10000, "Authentication error")
        if request.method != "GET" and who in self.read_only:
            raise Refusal(403, 10000, "Authentication error")
        return self.records(request, zone, match.group(2))

    def add_zone(self, name, status="active", kind="full", **more):
        return super().add_zone(name, status=status, type=kind, paused=False, **more)

    @staticmethod
    def page(request, items, most):
        per_page, page = int(request.query.get("per_page", 20)), int(request.query.get("page", 1))
        if not 1 <= per_page <= most:
            raise Refusal(400, 1004, "per_page is out of range")
        part = items[(page - 1) * per_page:page * per_page]
        return part, {"page": page, "per_page": per_page, "count": len(part), "total_count": len(items),
                      "total_pages": -(-len(items) // per_page)}

    def records(self, request, zone, record_id):
        query = request.query
        if record_id is None and request.method == "GET":
            found = [r for r in zone.records if all(query.get(f) in (None, r[f]) for f in ("type", "name", "content"))]
            return self.page(request, found, 5000)
        if record_id is None and request.method == "POST":
            return self.create(zone, request.json()), None
        record = next((r for r in zone.records if r["id"] == record_id), None)
        if record is None:
            raise Refusal(404, 81044, "Record does not exist.")
        if request.method == "DELETE":
            zone.records.remove(record)
            return {"id": record_id}, None
        raise Refusal(405, 10405, "Method not allowed for this API")

    def create(self, zone, body):
        name = body["name"].lower()
        if name == "@":
            name = zone.name
        elif name != zone.name and not name.endswith("." + zone.name):
            name += "." + zone.name  # the trap: a stranger's name is completed
        ttl = body.get("ttl", 1)
        if ttl != 1 and not 60 <= ttl <= 86400:
            raise Refusal(400, 1004, "DNS Validation Error", (9021, "Invalid TTL. Must be between 60 and 86400 seconds, or 1."))
        if body["type"] == "CNAME" and not re.fullmatch(r"[A-Za-z0-9._-]+", body["content"]):
            raise Refusal(400, 1004, "DNS Validation Error", (9007, "Content for CNAME record is invalid."))
        here = [r for r in zone.records if r["name"] == name]
        if any(r["type"] == body["type"] and r["content"] == body["content"] for r in here):
            raise Refusal(400, 81058, "An identical record already exists.")
        if any(r["type"] == "CNAME" for r in here):
            raise Refusal(400, 81054, "A CNAME record with that host already exists.")
        if body["type"] == "CNAME" and here:
            raise Refusal(400, 81053, "An A, AAAA, or CNAME record with that host already exists.")
        proxiable = body["type"] in ("A", "AAAA", "CNAME")
        record = {"id": self.identity(), "name": name, "type": body["type"], "content": body["content"], "ttl": ttl,
                  "proxiable": proxiable, "proxied": body.get("proxied", proxiable), "settings": {}, "meta": {}, "comment": None,
                  "tags": []}
        zone.records.append(record)
        return record

    def put(self, zone, owner, kind, values, ttl=300, **more):
        """Somebody else's records."""
        for value in values:
            self.zone(zone).records.append({"id": self.identity(), "name": owner, "type": kind, "content": value, "ttl": ttl,
                                            "proxied": False, "comment": "not yours", **more})

    def contents(self, zone):
        return zone.records

    def served(self, zone):
        for record in zone.records:
            content = record["content"]
            if record["type"] == "CNAME" and record["proxied"]:
                yield record["name"], "A", 300, "192.0.2.1"  # the trap: nobody sees the CNAME
            else:
                yield (record["name"], record["type"], record["ttl"],
                       unquote_presentation(content) if record["type"] == "TXT" else content.rstrip("."))
