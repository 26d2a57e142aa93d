"""Stand-in for Amazon Route 53: signatures are computed again, lists begin at a name, batches are atomic, a deletion must fit
exactly, changes are PENDING for a while."""
import datetime
import hashlib
import hmac
import re
import urllib.parse
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import escape

from common import Standin, unquote_presentation

SPACE = "https://route53.amazonaws.com/doc/2013-04-01/"


class Refusal(Exception):
    def __init__(self, status, code, message):
        self.status, self.code, self.message = status, code, message


def reversed_labels(name):
    return ".".join(reversed(name.rstrip(".").split("."))) + "."


def escape_name(name):
    return re.sub(r"[^a-z0-9._-]", lambda m: f"\\{ord(m.group()):03o}", name) + "."


def unescape_name(text):
    return re.sub(r"\\([0-7]{3})", lambda m: chr(int(m.group(1), 8)), text.rstrip(".").lower())


class Route53(Standin):
    def __init__(self, folder):
        super().__init__(folder)
        self.keys = {}       # key id -> (secret, session token or None)
        self.denied = set()  # words of paths or methods that the policy does not allow
        self.changes = {}    # id -> looks until INSYNC
        self.pending_looks = 1
        self.skew = 0

    def reset(self):
        super().reset()
        self.changes, self.pending_looks, self.skew, self.denied = {}, 1, 0, set()

    def identity(self):
        return f"Z{self.next_id():013d}"

    def answer(self, request):
        date = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.skew))
        headers = {"Content-Type": "text/xml", "Date": date.strftime("%a, %d %b %Y %H:%M:%S GMT")}
        try:
            self.verify(request, date)
            return 200, headers, '<?xml version="1.0"?>\n' + self.serve(request)
        except Refusal as no:
            return no.status, headers, (f'<?xml version="1.0"?>\n<ErrorResponse xmlns="{SPACE}"><Error><Type>Sender</Type>'
                                        f"<Code>{no.code}</Code><Message>{escape(no.message)}</Message></Error>"
                                        "<RequestId>b1946ac9</RequestId></ErrorResponse>")

    # ---- signature, from the specification ----

    def verify(self, request, now):
        given = request.headers.get("Authorization")
        if not given:
            raise Refusal(403, "MissingAuthenticationToken", "Missing Authentication Token")
        match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/,]+)/(\d{8})/([a-z0-9-]+)/route53/aws4_request, "
                             r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})", given)
        if not match:
            raise Refusal(403, "IncompleteSignature", "Authorization header is not well formed")
        key_id, day, region, signed, signature = match.groups()
        if key_id not in self.keys:
            raise Refusal(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        secret, token = self.keys[key_id]
        sent = {name.lower(): " ".join(value.split()) for name, value in request.headers.items()}
        if token != sent.get("x-amz-security-token"):
            raise Refusal(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        names = signed.split(";")
        must = {"host", "x-amz-date"} | {n for n in sent if n.startswith("x-amz-")}
        if names != sorted(names) or not must <= set(names) or any(n not in sent for n in names):
            raise Refusal(403, "SignatureDoesNotMatch", "headers that must be signed are not")
        when = datetime.datetime.strptime(sent["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
        if sent["x-amz-date"][:8] != day or abs((now - when).total_seconds()) > 300:
            raise Refusal(403, "SignatureDoesNotMatch", f"Signature expired: {sent['x-amz-date']} is now earlier than allowed")
        pairs = sorted((urllib.parse.quote(k, safe="-_.~"), urllib.parse.quote(v, safe="-_.~"))
                       for k, v in urllib.parse.parse_qsl(request.query_text, keep_blank_values=True))
        canonical = "\n".join([request.method, urllib.parse.quote(request.path, safe="/-_.~"), "&".join(f"{k}={v}" for k, v in pairs),
                               "".join(f"{n}:{sent[n]}\n" for n in names), signed, hashlib.sha256(request.body).hexdigest()])
        text = "\n".join(["AWS4-HMAC-SHA256", sent["x-amz-date"], f"{day}/{region}/route53/aws4_request",
                          hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + secret).encode()
        for part in (day, region, "route53", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(hmac.new(key, text.encode(), hashlib.sha256).hexdigest(), signature):
            raise Refusal(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you "
                          f"provided.\n\nThe Canonical String for this request should have been\n'{canonical}'")

    # ---- paths ----

    def serve(self, request):
        for word in self.denied:
            if word in request.route:
                raise Refusal(403, "AccessDenied", f"User: arn:aws:iam::1:user/x is not authorized to perform: {word}")
        path = request.path
        if path == "/2013-04-01/hostedzonesbyname":
            return self.list_zones(request.query)
        match = re.fullmatch(r"/2013-04-01/change/(C\w+)", path)
        if match:
            if match.group(1) not in self.changes:
                raise Refusal(404, "NoSuchChange", "A change with that id does not exist.")
            self.changes[match.group(1)] -= 1
            return self.change_info("GetChangeResponse", match.group(1))
        match = re.fullmatch(r"/2013-04-01/hostedzone/(Z\w+)(/rrset/?)?", path)
        if not match:
            raise Refusal(400, "InvalidInput", "no such path")
        zone = next((z for z in self.zones if z.id == match.group(1)), None)
        if zone is None:
            raise Refusal(404, "NoSuchHostedZone", f"No hosted zone found with ID: {match.group(1)}")
        if not match.group(2):
            servers = "".join(f"<NameServer>{s}</NameServer>" for s in zone.servers)
            return (f'<GetHostedZoneResponse xmlns="{SPACE}">{self.zone_xml(zone)}<DelegationSet><NameServers>{servers}'
                    "</NameServers></DelegationSet></GetHostedZoneResponse>")
        if request.method == "GET":
            return self.list_sets(zone, request.query)
        if request.method == "POST":
            return self.change(zone, request.body)
        raise Refusal(400, "InvalidInput", "no such method")

    def add_zone(self, name, private=False, config=True, **more):
        return super().add_zone(name, private=private, config=config, in_dns=not private, **more)

    @staticmethod
    def zone_xml(zone):
        config = f"<Config><PrivateZone>{str(zone.private).lower()}</PrivateZone></Config>" if zone.config else ""
        return (f"<HostedZone><Id>/hostedzone/{zone.id}</Id><Name>{escape_name(zone.name)}</Name><CallerReference>x</CallerReference>"
                f"{config}<ResourceRecordSetCount>2</ResourceRecordSetCount></HostedZone>")

    def list_zones(self, query):
        most = min(int(query.get("maxitems", 100)), 100)
        # Private twins come first: the trap for who takes the first.
        zones = sorted(self.zones, key=lambda z: (reversed_labels(z.name), not z.private, z.id))
        if "dnsname" in query:
            start = reversed_labels(unescape_name(query["dnsname"]))
            zones = [z for z in zones if reversed_labels(z.name) >= start]
            if "hostedzoneid" in query:
                ids = [z.id for z in zones]
                zones = zones[ids.index(query["hostedzoneid"]):] if query["hostedzoneid"] in ids else zones
        more = zones[most:]
        following = (f"<NextDNSName>{escape_name(more[0].name)}</NextDNSName><NextHostedZoneId>{more[0].id}</NextHostedZoneId>"
                     if more else "")
        return (f'<ListHostedZonesByNameResponse xmlns="{SPACE}"><HostedZones>{"".join(map(self.zone_xml, zones[:most]))}'
                f"</HostedZones><IsTruncated>{str(bool(more)).lower()}</IsTruncated>{following}<MaxItems>{most}</MaxItems>"
                "</ListHostedZonesByNameResponse>")

    # ---- record sets: {name, type, ttl, values, identifier, alias} ----

    def ordered(self, zone):
        apex = [{"name": zone.name, "type": "NS", "ttl": "172800", "values": [s + "." for s in zone.servers]}]
        return sorted(zone.records + apex, key=lambda r: (reversed_labels(r["name"]), r["type"], r.get("identifier") or ""))

    @staticmethod
    def set_xml(record):
        parts = [f"<Name>{escape_name(record['name'])}</Name><Type>{record['type']}</Type>"]
        if record.get("identifier"):
            parts.append(f"<SetIdentifier>{escape(record['identifier'])}</SetIdentifier><MultiValueAnswer>true</MultiValueAnswer>")
        if record.get("alias"):
            parts.append("<AliasTarget><HostedZoneId>Z1</HostedZoneId><DNSName>x.</DNSName>"
                         "<EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget>")
        else:
            values = "".join(f"<ResourceRecord><Value>{escape(v, {chr(34): '&quot;'})}</Value></ResourceRecord>" for v in record["values"])
            parts.append(f"<TTL>{record['ttl']}</TTL><ResourceRecords>{values}</ResourceRecords>")
        return "<ResourceRecordSet>" + "".join(parts) + "</ResourceRecordSet>"

    def list_sets(self, zone, query):
        most = min(int(query.get("maxitems", 300)), 300)
        if "type" in query and "name" not in query:
            raise Refusal(400, "InvalidInput", "type without name")
        start = (reversed_labels(unescape_name(query.get("name", ""))) if "name" in query else "", query.get("type", ""),
                 query.get("identifier", ""))
        sets = [r for r in self.ordered(zone)
                if (reversed_labels(r["name"]), r["type"], r.get("identifier") or "") >= start]
        more = sets[most:]
        following = ""
        if more:
            following = f"<NextRecordName>{escape_name(more[0]['name'])}</NextRecordName><NextRecordType>{more[0]['type']}</NextRecordType>"
            if more[0].get("identifier"):
                following += f"<NextRecordIdentifier>{escape(more[0]['identifier'])}</NextRecordIdentifier>"
        return (f'<ListResourceRecordSetsResponse xmlns="{SPACE}"><ResourceRecordSets>{"".join(map(self.set_xml, sets[:most]))}'
                f"</ResourceRecordSets><IsTruncated>{str(bool(more)).lower()}</IsTruncated>{following}<MaxItems>{most}</MaxItems>"
                "</ListResourceRecordSetsResponse>")

    def change(self, zone, body):
        def text(node, name):
            child = node.find(f"{{{SPACE}}}{name}")
            return child.text if child is not None else None
        try:
            root = ElementTree.fromstring(body)
        except ElementTree.ParseError as error:
            raise Refusal(400, "MalformedInput", str(error)) from error
        if root.tag != f"{{{SPACE}}}ChangeResourceRecordSetsRequest":
            raise Refusal(400, "InvalidInput", "another root")
        records = [dict(r) for r in zone.records]
        for change in root.iter(f"{{{SPACE}}}Change"):
            node = change.find(f"{{{SPACE}}}ResourceRecordSet")
            record = {"name": unescape_name(text(node, "Name")), "type": text(node, "Type"), "ttl": text(node, "TTL"),
                      "identifier": text(node, "SetIdentifier"),
                      "values": [v.text or "" for v in node.iter(f"{{{SPACE}}}Value")]}
            self.apply(zone, records, text(change, "Action"), record)
        zone.records = records
        change_id = f"C{self.next_id():013d}"
        self.changes[change_id] = self.pending_looks
        return self.change_info("ChangeResourceRecordSetsResponse", change_id)

    def apply(self, zone, records, action, record):
        name, kind, said = record["name"], record["type"], f"[name='{escape_name(record['name'])}', type='{record['type']}']"
        if name != zone.name and not name.endswith("." + zone.name):
            raise Refusal(400, "InvalidChangeBatch", f"[RRSet with DNS name {name}. is not permitted in zone {zone.name}.]")
        same = [r for r in records if r["name"] == name and r["type"] == kind]
        if action == "DELETE":
            if not same:
                raise Refusal(400, "InvalidChangeBatch", f"[Tried to delete resource record set {said} but it was not found]")
            found = next((r for r in same if (r.get("identifier") or None) == record["identifier"]
                          and sorted(r["values"]) == sorted(record["values"]) and r["ttl"] == record["ttl"]), None)
            if found is None:
                raise Refusal(400, "InvalidChangeBatch", f"[Tried to delete resource record set {said} but the values provided do "
                              "not match the current values]")
            records.remove(found)
            return
        if any((r.get("identifier") or None) != record["identifier"] for r in same):
            raise Refusal(400, "InvalidChangeBatch", f"[RRSet with DNS name {name}., type {kind} cannot be created as other RRSets "
                          "exist with the same name and type.]")
        if action == "CREATE" and same:
            raise Refusal(400, "InvalidChangeBatch", f"[Tried to create resource record set {said} but it already exists]")
        others = [r for r in records if r["name"] == name and r["type"] != kind]
        if others and (kind == "CNAME" or any(r["type"] == "CNAME" for r in others)) or kind == "CNAME" and name == zone.name:
            raise Refusal(400, "InvalidChangeBatch", f"[RRSet of type {kind} with DNS name {name}. is not permitted as it conflicts "
                          f"with other records with the same DNS name in zone {zone.name}.]")
        if not record["values"] or len(set(record["values"])) != len(record["values"]) or not (record["ttl"] or "").isdigit():
            raise Refusal(400, "InvalidChangeBatch", "[Invalid Resource Record]")
        if kind == "TXT":
            for value in record["values"]:
                if not re.fullmatch(r'"([^"\\]|\\.)*"( "([^"\\]|\\.)*")*', value) or any(len(p) > 255 for p in unquote_presentation(value, 8)):
                    raise Refusal(400, "InvalidChangeBatch", f"[Invalid Resource Record: FATAL problem: "
                                  f"InvalidCharacterString (Value should be enclosed in quotation marks) encountered with '{value}']")
        for r in same:
            records.remove(r)
        records.append(record)

    def change_info(self, root, change_id):
        status = "PENDING" if self.changes[change_id] > 0 else "INSYNC"
        return (f'<{root} xmlns="{SPACE}"><ChangeInfo><Id>/change/{change_id}</Id><Status>{status}</Status>'
                f"<SubmittedAt>2026-08-01T01:36:41.958Z</SubmittedAt></ChangeInfo></{root}>")

    # ---- for the tests ----

    def put(self, zone, owner, kind, values, ttl=300, **more):
        self.zone(zone).records.append({"name": owner, "type": kind, "ttl": str(ttl), "values": values, "identifier": None, **more})

    def contents(self, zone):
        return [sorted(r.items(), key=str) for r in zone.records]

    def served(self, zone):
        for record in zone.records:
            for value in record.get("values") or []:
                yield (record["name"], record["type"], int(record["ttl"]),
                       unquote_presentation(value, 8) if record["type"] == "TXT" else value.rstrip("."))
