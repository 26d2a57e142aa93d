"""Stand-in for Azure: the sign-in that issues tokens for an application's secret, and the resource manager that takes them;
zones in resource groups, record sets with etags, pages with absolute links."""
import json
import re
import secrets
import time
import urllib.parse
import uuid

from common import Standin


def media_type(request):
    return (request.headers.get("Content-Type") or "").split(";")[0].strip()


class Refusal(Exception):
    def __init__(self, status, code, message, front=False, headers=None):
        self.status, self.code, self.message, self.front, self.headers = status, code, message, front, headers or {}


class Azure(Standin):
    subscription, group = "c2d01a0e-6b2d-4c3e-9d1b-0a1b2c3d4e5f", "dns-Group"
    audience = "https://management.azure.com"

    def __init__(self, folder):
        super().__init__(folder)
        self.applications = {}  # (directory, application) -> {"secret", "expired"}
        self.tokens = {}        # token -> (end, audience)
        self.issued = []
        self.rights = None      # None: all; else names of zones that may be looked at and changed
        self.read_only = False
        self.lifetime, self.expires_in_as_text = 3599, False

    def reset(self):
        super().reset()
        self.rights, self.read_only, self.lifetime, self.expires_in_as_text = None, False, 3599, False

    def identity(self):
        return str(uuid.uuid4())

    @staticmethod
    def reply(status, body, headers=None):
        return status, {"Content-Type": "application/json; charset=utf-8", **(headers or {})}, json.dumps(body) if body is not None else ""

    def answer(self, request):
        try:
            if request.path.endswith("/v2.0/.well-known/openid-configuration"):
                return self.directory(request)
            if "/oauth2/" in request.path:
                return self.sign_in(request)
            return self.manage(request)
        except Refusal as no:
            inner = {"code": no.code, "message": no.message}
            return self.reply(no.status, {"error": inner} if no.front else inner, no.headers)

    # ---- the sign-in ----

    def directory(self, request):
        """What Microsoft's own client asks first: where tokens are to be had."""
        host, tenant = request.headers.get("Host"), request.path.split("/")[1]
        if tenant not in {d for d, _ in self.applications}:
            return self.reply(400, {"error": "invalid_tenant", "error_description": f"AADSTS90002: Tenant '{tenant}' not found."})
        base = f"https://{host}/{tenant}"
        return self.reply(200, {"token_endpoint": f"{base}/oauth2/v2.0/token", "issuer": f"{base}/v2.0",
                                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize", "jwks_uri": f"{base}/discovery/v2.0/keys"})

    def sign_in(self, request):
        def refuse(status, error, number, text):
            return self.reply(status, {"error": error, "error_description": f"AADSTS{number}: {text}\r\nTrace ID: 1\r\nCorrelation ID: 2",
                                       "error_codes": [number], "timestamp": "2026-01-01 00:00:00Z"})
        match = re.fullmatch(r"/([^/]+)/oauth2/(v2\.0/)?token", urllib.parse.unquote(request.path))
        form = dict(urllib.parse.parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True))
        if request.method != "POST" or not match or media_type(request) != "application/x-www-form-urlencoded":
            return refuse(400, "invalid_request", 900144, "The request is not as it must be.")
        directory = match.group(1)
        if directory not in {d for d, _ in self.applications}:
            return refuse(400, "invalid_request", 90002, f"Tenant '{directory}' not found.")
        application = self.applications.get((directory, form.get("client_id")))
        if application is None:
            return refuse(400, "unauthorized_client", 700016, f"Application with identifier '{form.get('client_id')}' was not found.")
        if form.get("client_secret") != application["secret"]:
            return refuse(401, "invalid_client", 7000215, "Invalid client secret provided. Ensure the secret being sent in the "
                          f"request is the client secret value, not the client secret ID: {form.get('client_secret')}")
        if application.get("expired"):
            return refuse(401, "invalid_client", 7000222, "The provided client secret keys are expired.")
        old = not match.group(2)  # the older end point: for a resource, and its numbers are text
        wanted = ("resource", self.audience + "/") if old else ("scope", self.audience + "/.default")
        if form.get("grant_type") != "client_credentials" or form.get(wanted[0]) != wanted[1]:
            return refuse(400, "invalid_scope", 1002012, f"The provided value for {wanted[0]} is not valid.")
        token = "eyJ0eXAi.canary-" + secrets.token_urlsafe(40)
        self.tokens[token] = (time.monotonic() + self.lifetime, self.audience)
        self.issued.append(token)
        form = str if old or self.expires_in_as_text else int
        return self.reply(200, {"token_type": "Bearer", "ext_expires_in": form(self.lifetime), "access_token": token,
                                "expires_in": form(self.lifetime),
                                **({"resource": self.audience + "/", "expires_on": str(int(time.time()) + self.lifetime)} if old else {})})

    def revoke(self):
        self.tokens.clear()

    # ---- the resource manager ----

    def manage(self, request):
        match = re.fullmatch(r"Bearer (\S+)", request.headers.get("Authorization") or "")
        known = self.tokens.get(match.group(1)) if match else None
        if known is None:
            raise Refusal(401, "AuthenticationFailed" if match is None else "InvalidAuthenticationToken", "The access token is invalid.", True)
        if known[0] < time.monotonic():
            raise Refusal(401, "ExpiredAuthenticationToken", "The access token expiry UTC time is earlier than now.", True)
        if request.query.get("api-version") != "2018-05-01":
            raise Refusal(400, "InvalidApiVersionParameter", "The api-version is not supported.", True)
        parts = [urllib.parse.unquote(p) for p in request.path.split("/")[1:]]
        lower = [p.lower() for p in parts]
        if lower[0] != "subscriptions" or lower[1] != self.subscription.lower():
            raise Refusal(404, "SubscriptionNotFound", f"The subscription '{parts[1]}' could not be found.", True)
        if lower[2:4] == ["providers", "microsoft.network"] and lower[4:] == ["dnszones"]:
            return self.list_zones(request, self.zones)
        if lower[2] != "resourcegroups" or lower[4:7] != ["providers", "microsoft.network", "dnszones"]:
            raise Refusal(404, "InvalidResourceType", "no such path", True)
        if lower[3] not in {z.group.lower() for z in self.zones} | {self.group.lower()}:
            raise Refusal(404, "ResourceGroupNotFound", f"Resource group '{parts[3]}' could not be found.", True)
        group = [z for z in self.zones if z.group.lower() == lower[3]]
        if len(parts) == 7:
            return self.list_zones(request, group)
        if self.rights is not None and lower[7] not in self.rights or self.read_only and request.method != "GET":
            raise Refusal(403, "AuthorizationFailed", "The client does not have authorization to perform action "
                          "'Microsoft.Network/dnsZones/TXT/write' over scope.", True)
        zone = next((z for z in group if z.name == lower[7]), None)
        if len(parts) == 8:
            if zone is None:
                raise Refusal(404, "ResourceNotFound", f"The Resource 'Microsoft.Network/dnszones/{parts[7]}' was not found.", True)
            return self.reply(200, self.zone_json(zone))
        if zone is None:
            raise Refusal(404, "ParentResourceNotFound", "Can not perform requested operation on nested resource. Parent resource not found.", True)
        if len(parts) == 9 and request.method == "GET":
            return self.list_sets(request, zone, lower[8])
        return self.record_set(request, zone, lower[8].upper(), lower[9])

    def add_zone(self, name, group=None, kind="Public", **more):
        return super().add_zone(name, group=group or self.group, kind=kind, **more)

    def zone_json(self, zone):
        return {"id": f"/subscriptions/{self.subscription}/resourceGroups/{zone.group.lower()}/providers/Microsoft.Network/dnszones/{zone.name}",
                "name": zone.name, "type": "Microsoft.Network/dnszones", "etag": "00000002-0000-0000-5ede-e1e3aa60d901",
                "location": "global", "tags": {}, "properties": {"maxNumberOfRecordSets": 10000, "nameServers": [s + "." for s in zone.servers],
                                                                  "numberOfRecordSets": len(zone.records), "zoneType": zone.kind}}

    def list_zones(self, request, zones):
        return self.page(request, [self.zone_json(z) for z in zones])

    def list_sets(self, request, zone, what):
        """One type, or all of them ("recordsets", "all")."""
        wanted = [r for r in zone.records if what in ("recordsets", "all") or r["type"].lower() == what]
        return self.page(request, [self.set_json(zone, r) for r in wanted])

    def page(self, request, items):
        top, start = int(request.query.get("$top", 100)), int(request.query.get("$skipToken", 0))
        body = {"value": items[start:start + top]}
        if start + top < len(items):
            host = request.headers.get("Host")
            body["nextLink"] = f"https://{host}{request.path}?api-version=2018-05-01&$top={top}&$skipToken={start + top}"
        return self.reply(200, body)

    # ---- record sets: {name, type, etag, properties} ----

    def set_json(self, zone, record):
        owner = zone.name if record["name"] == "@" else f"{record['name']}.{zone.name}"
        return {"id": f"…/{record['type']}/{record['name']}", "name": record["name"], "type": f"Microsoft.Network/dnszones/{record['type']}",
                "etag": record["etag"], "properties": {"metadata": {}, "fqdn": owner + ".", "targetResource": {},
                                                        "provisioningState": "Succeeded", **record["properties"]}}

    def record_set(self, request, zone, kind, name):
        found = next((r for r in zone.records if r["name"] == name and r["type"] == kind), None)
        wanted, forbidden = request.headers.get("If-Match"), request.headers.get("If-None-Match")
        if request.method == "GET":
            if found is None:
                raise Refusal(404, "NotFound", f"The resource record '{name}' does not exist in resource group '{zone.group}' of "
                              f"subscription '{self.subscription}'.")
            return self.reply(200, self.set_json(zone, found))
        if wanted is not None and (found is None or found["etag"] != wanted) or forbidden == "*" and found is not None:
            raise Refusal(412, "PreconditionFailed", "The condition set in the request was not met.")
        if request.method == "DELETE":
            if found is None:
                return 204, {}, ""
            zone.records.remove(found)
            return 200, {}, ""
        if request.method != "PUT" or media_type(request) != "application/json":
            raise Refusal(400, "BadRequest", "no such request")
        given = request.json()["properties"]
        self.check(zone, kind, name, given)
        record = {"name": name, "type": kind, "etag": str(uuid.uuid4()), "properties": given}
        if found is not None:
            zone.records[zone.records.index(found)] = record
        else:
            zone.records.append(record)
        return self.reply(200 if found is not None else 201, self.set_json(zone, record))

    def check(self, zone, kind, name, given):
        if not set(given) <= {"TTL", "TXTRecords", "CNAMERecord", "metadata"} or not isinstance(given.get("TTL"), int) or given["TTL"] < 1:
            raise Refusal(400, "BadRequest", "The properties are not as they must be.")
        others = [r for r in zone.records if r["name"] == name and r["type"] != kind]
        if others and (kind == "CNAME" or any(r["type"] == "CNAME" for r in others)) or kind == "CNAME" and name == "@":
            raise Refusal(409, "Conflict", "The record could not be created because a CNAME record or other records exist with this name.")
        if kind == "TXT":
            values = [r["value"] for r in given["TXTRecords"]]
            if not values or len(values) > 20 or any(len(s) > 255 for v in values for s in v) or len({tuple(v) for v in values}) != len(values):
                raise Refusal(400, "BadRequest", "The TXT records are not as they must be.")
        elif not isinstance(given.get("CNAMERecord", {}).get("cname"), str):
            raise Refusal(400, "BadRequest", "The CNAME record is not as it must be.")

    # ---- for the tests ----

    def put(self, zone, owner, kind, values, ttl=300, **more):
        zone = self.zone(zone)
        name = "@" if owner == zone.name else owner[:-len(zone.name) - 1]
        properties = {"TTL": ttl, **more}
        if kind == "TXT":
            properties["TXTRecords"] = [{"value": v if isinstance(v, list) else [v]} for v in values]
        elif kind == "CNAME":
            properties["CNAMERecord"] = {"cname": values[0]}
        else:
            properties["ARecords"] = [{"ipv4Address": v} for v in values]
        zone.records.append({"name": name, "type": kind, "etag": str(uuid.uuid4()), "properties": properties})

    def contents(self, zone):
        return [(r["name"], r["type"], json.dumps({"metadata": {}, **r["properties"]}, sort_keys=True)) for r in zone.records]

    def served(self, zone):
        for record in zone.records:
            owner = zone.name if record["name"] == "@" else f"{record['name']}.{zone.name}"
            properties = record["properties"]
            for text in properties.get("TXTRecords", []):
                yield owner, "TXT", properties["TTL"], [s.encode() for s in text["value"]]
            if "CNAMERecord" in properties:
                yield owner, "CNAME", properties["TTL"], properties["CNAMERecord"]["cname"].rstrip(".")
            for address in properties.get("ARecords", []):
                yield owner, "A", properties["TTL"], address["ipv4Address"]
