"""Stand-in for ClouDNS: status 200 always, forms only, three kinds of identifiers, `[]` or an object, numbers as text, equal
records side by side, a list of times to live, zones that are copies of others."""
import json
import re
import urllib.parse

from common import Standin, split_strings

TTLS = [60, 300, 900, 1800, 3600, 21600, 43200, 86400, 172800, 259200, 604800, 1209600, 2592000]


class Failed(Exception):
    pass


class ClouDNS(Standin):
    def __init__(self, folder):
        super().__init__(folder)
        self.users = {}       # (parameter, value) -> password
        self.zones_of = {}    # (parameter, value) -> names a sub-user may see
        self.read_only, self.ttls, self.lag, self.may_ask_updates = set(), list(TTLS), 0, True

    def reset(self):
        super().reset()
        self.zones_of, self.read_only, self.ttls, self.lag, self.may_ask_updates = {}, set(), list(TTLS), 0, True

    def answer(self, request):
        try:
            body = self.serve(request)
        except Failed as no:
            body = {"status": "Failed", "statusDescription": str(no)}
        return 200, {"Content-Type": "application/json"}, json.dumps(body)

    def serve(self, request):
        if request.method != "POST" or request.query_text:
            self.failures.append("a request that is no POST, or a password in a URL: " + request.route)
        form = dict(urllib.parse.parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True))
        identifiers = [k for k in ("auth-id", "sub-auth-id", "sub-auth-user") if k in form]
        who = (identifiers[0], form[identifiers[0]]) if len(identifiers) == 1 else None
        if who is None or self.users.get(who) != form.get("auth-password"):
            raise Failed("Invalid authentication, incorrect " + ("auth-id" if who and who[0] == "auth-id" else "sub-auth-id, sub-auth-user")
                         + " or auth-password.")
        match = re.fullmatch(r"/dns/([a-z-]+)\.json", request.path)
        act = getattr(self, match.group(1).replace("-", "_"), None) if match else None
        if act is None or match.group(1) in ("serve", "answer", "stop", "reset"):
            raise Failed("Invalid function.")
        if match.group(1) in ("add-record", "delete-record", "mod-record") and who in self.read_only:
            raise Failed("Invalid authentication, incorrect sub-auth-id, sub-auth-user or auth-password.")
        return act(form, who)

    def login(self, form, who):
        return {"status": "Success", "statusDescription": "Success login."}

    def find(self, form, who):
        name = form.get("domain-name", "").lower()
        zone = next((z for z in self.zones if z.name == name and name in self.zones_of.get(who, [name])), None)
        if zone is None:
            raise Failed("Missing domain-name")
        return zone

    @staticmethod
    def zone_json(zone):
        told = {"name": zone.name, "type": zone.kind, "zone": "domain", "status": zone.status}
        if zone.master:
            told["cloud-master"] = zone.master
        return told

    def add_zone(self, name, kind="master", status="1", master=None, **more):
        return super().add_zone(name, kind=kind, status=status, master=master, **more)

    def get_zone_info(self, form, who):
        return self.zone_json(self.find(form, who))

    def list_zones(self, form, who):
        if form.get("rows-per-page") not in ("10", "20", "30", "50", "100"):
            raise Failed("Wrong or missing required parameter 'rows-per-page'.")
        rows, page = int(form["rows-per-page"]), int(form["page"])
        return [self.zone_json(z) for z in self.zones][(page - 1) * rows:page * rows]

    def records(self, form, who):
        zone = self.find(form, who)
        apex = [{"id": str(9000 + i), "type": "NS", "host": "", "record": s, "ttl": "3600"} for i, s in enumerate(zone.servers)]
        kind = form.get("type") if form.get("type") in ("A", "NS", "TXT", "CNAME", "MX") else None  # an unknown one is ignored
        found = [r for r in zone.records + apex if form.get("host") in (None, r["host"]) and kind in (None, r["type"])]
        rows = int(form.get("rows-per-page", 100))
        if rows not in (10, 20, 30, 50, 100):
            raise Failed("Wrong or missing required parameter 'rows-per-page'.")
        page = int(form.get("page", 1))
        found = found[(page - 1) * rows:page * rows]
        return {r["id"]: {**r, "failover": "0", "status": 1} for r in found} or []

    def add_record(self, form, who):
        zone = self.find(form, who)
        if zone.kind != "master":
            raise Failed("This zone cannot be changed.")
        kind, host = form["record-type"], form["host"].lower()
        if kind not in ("A", "TXT", "CNAME", "MX"):
            raise Failed("This record type is not supported.")
        if not form.get("ttl", "").isdigit() or int(form["ttl"]) not in self.ttls:
            raise Failed("Invalid TTL. Choose from the list of the values we support.")
        here = [r for r in zone.records if r["host"] == host]
        if here and (kind == "CNAME" or any(r["type"] == "CNAME" for r in here)):
            raise Failed("You can't add this record, there is a CNAME or another record with the same host.")
        identity = self.next_id()
        zone.records.append({"id": str(identity), "type": kind, "host": host, "record": form["record"], "ttl": form["ttl"]})
        return {"status": "Success", "statusDescription": "The record was added successfully.", "data": {"id": identity}}

    def delete_record(self, form, who):
        zone = self.find(form, who)
        record = next((r for r in zone.records if r["id"] == form.get("record-id")), None)
        if record is None:
            raise Failed("Invalid record-id param.")
        zone.records.remove(record)
        return {"status": "Success", "statusDescription": "The record was deleted successfully."}

    def get_available_ttl(self, form, who):
        self.find(form, who)
        return self.ttls

    def is_updated(self, form, who):
        self.find(form, who)
        if not self.may_ask_updates:
            raise Failed("Invalid authentication, incorrect auth-id or auth-password.")
        self.lag -= 1
        return self.lag < 0

    # ---- for the tests ----

    def put(self, zone, owner, kind, values, ttl=3600):
        zone = self.zone(zone)
        host = "" if owner == zone.name else owner[:-len(zone.name) - 1]
        zone.records += [{"id": str(self.next_id()), "type": kind, "host": host, "record": v, "ttl": str(ttl)} for v in values]

    def contents(self, zone):
        return [sorted(r.items()) for r in zone.records]

    def served(self, zone):
        source = next((z for z in self.zones if z.name == zone.master), zone) if zone.master else zone
        for r in source.records:
            owner = f"{r['host']}.{zone.name}" if r["host"] else zone.name
            yield owner, r["type"], int(r["ttl"]), split_strings(r["record"]) if r["type"] == "TXT" else r["record"].rstrip(".")
