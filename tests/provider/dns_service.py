"""What the conformance suite of the DNS services stands on: the driver program, and for each service its stand-in, manifest,
credentials and ways of going wrong."""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "standins"))
BIN = os.path.abspath(os.environ.get("CERTWRIGHT_BIN", os.path.join(os.path.dirname(os.path.dirname(HERE)), "build/dev")))
ZONE = "example.test"


class Driver:
    """One process of the program, spoken to line by line. Whatever it writes is looked through for credentials."""

    def __init__(self, service):
        self.service = service
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([os.path.join(BIN, "dns_driver"), service.write_config(), service.path("account.yaml")],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        self.said = ""

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.process.stdin.close()
        self.said += self.process.stdout.read()
        code = self.process.wait(30)
        self.errors.seek(0)
        told = self.errors.read()
        self.errors.close()
        if kind is not None:
            sys.stderr.write(told)
            return
        assert code == 0, f"the driver ended with {code}\n{told}"
        assert "Sanitizer" not in told and "runtime error" not in told, told
        for canary in self.service.canaries():
            assert canary not in told and canary not in self.said, f"a credential was shown: {canary}\n{told}"
        assert not self.service.standin.failures, self.service.standin.failures

    def send(self, *words):
        self.process.stdin.write("\t".join(words) + "\n")
        self.process.stdin.flush()

    def receive(self):
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            raise AssertionError("the driver is gone\n" + self.errors.read())
        self.said += line
        return json.loads(line)

    def __call__(self, *words):
        self.send(*words)
        return self.receive()

    def good(self, *words):
        told = self(*words)
        assert told["ok"], told
        return told

    def bad(self, kind, *words, says=None):
        told = self(*words)
        assert not told["ok"] and told["kind"] == kind, f"{kind} expected: {told}"
        for part in [says] if isinstance(says, str) else says or []:
            assert part in told["message"], told
        return told

    # what the cases say

    def present(self, name, value, kind="TXT", zone="-", **expected):
        return self.good("present", "account", zone, name, kind, value)

    def absent(self, name, value, kind="TXT", zone="-"):
        return self.good("absent", "account", zone, name, kind, value)

    def zone(self, name):
        return self.good("zone", "account", name)["zone"]

    def values(self, name, kind="TXT", zone=ZONE):
        return sorted(self.good("list", "account", zone, name, kind)["values"])

    def seen(self, name, value, kind="TXT", zone=ZONE):
        return self.good("seen", zone, name, kind, value)["flag"]


class Service:
    """Of one DNS service: subclasses say what differs."""
    has_types_beside = True  # the stand-in can hold an A record
    private_twin = False     # the service has private zones of the same name
    blind_writes = 0         # it may be told to add what is there, and says so
    kind_without_right = "Credential"
    keeps_case = True        # of a CNAME's target
    without = frozenset()    # names of cases that make no sense for it

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(self.path("secrets/dns"), mode=0o700, exist_ok=True)
        os.chmod(self.path("secrets"), 0o700)
        self.standin = self.make()
        self.zones = []  # of the manifest
        self.more = {}   # further members of the service's object in the manifest
        self.variant = None
        self.reset()

    def path(self, name):
        return os.path.join(self.folder, name)

    def reset(self):
        self.standin.reset()
        self.zones, self.more, self.variant = [], {}, None
        self.give_credentials()
        self.standin.add_zone(ZONE)

    def secret(self, key, text):
        path = self.path(f"secrets/dns/{key}")
        if os.path.exists(path):
            os.unlink(path)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, 0o400)

    def canaries(self):
        """Whatever must never be shown."""
        found = set()
        for name in os.listdir(self.path("secrets/dns")):
            with open(self.path("secrets/dns/" + name)) as file:
                found |= {line for line in file.read().split("\n") if len(line) > 5}
        return found | set(self.issued())

    def issued(self):
        return []

    def endpoints(self):
        return {self.name: self.standin.url}

    def write_config(self):
        """Each file comes whole: a driver begun a moment ago may still be reading the one of its own beginning."""
        for name, content in (("certwright.yaml", self.config()), ("account.yaml", self.manifest())):
            with open(self.path(name + ".new"), "w") as file:
                os.fchmod(file.fileno(), 0o600)
                json.dump(content, file)
            os.rename(self.path(name + ".new"), self.path(name))
        return self.path("certwright.yaml")

    def config(self):
        zones = {z.name: self.standin.dns.address for z in self.standin.zones}
        # A catch-all, so that a zone nobody delegates is seen as one.
        zones["test"] = self.standin.dns.address
        return {"apiVersion": "certwright/v1alpha1", "kind": "ControllerConfig",
                "secrets": {"directory": self.path("secrets")},
                "endpoints": {name: {"url": url, "ca": self.standin.ca, "sandbox": True}
                              for name, url in self.endpoints().items()},
                "nameservers": zones, "allowAddresses": ["127.0.0.0/8", "::1"]}

    def manifest(self, name="account"):
        spec = {self.member: {**self.settings(), **self.more}}
        if self.zones:
            spec["zones"] = self.zones
        return {"apiVersion": "certwright/v1alpha1", "kind": "DNSAccount", "metadata": {"name": name}, "spec": spec}

    def driver(self):
        return Driver(self)


class CloudflareService(Service):
    name = member = "cloudflare"
    token = "v1-canaryCloudflareToken0123456789abcdefghij"
    key = "0123456789abcdef0123456789abcdef01234"
    write = r"POST .*/dns_records$"
    zone_route = r"GET .*/zones$"
    read = r"GET .*/dns_records$"
    remove = r"DELETE .*/dns_records/"

    def make(self):
        from cloudflare import Cloudflare
        return Cloudflare(self.folder)

    def give_credentials(self):
        self.standin.tokens = {self.token: None}
        self.standin.keys = {"dns@example.com": self.key}
        self.standin.read_only = set()
        self.secret("token", self.token + "\n")
        self.secret("key", self.key + "\n")

    def endpoints(self):
        return {"cloudflare": self.standin.url + "/client/v4"}

    def settings(self):
        if self.variant == "key":
            return {"email": "dns@example.com", "apiKeySecretRef": {"name": "dns", "key": "key"}}
        return {"apiTokenSecretRef": {"name": "dns", "key": "token"}}

    variants = ["key"]

    def wrong_credentials(self):
        self.secret("token", "v1-canaryWrongToken0123456789abcdefghijklmno\n")

    def without_right(self):
        self.standin.read_only = {self.token}

    def throttle(self, route, wait=None):
        self.standin.fault(route, status=429, body='{"success":false,"errors":[{"code":971,"message":"rate limited"}]}',
                           headers={"Retry-After": str(wait)} if wait is not None else {})
        return wait or 300

    def put_txt(self, owner, values, **more):
        self.standin.put(ZONE, owner, "TXT", [f'"{v}"' for v in values], **more)

    def put_cname(self, owner, target):
        self.standin.put(ZONE, owner, "CNAME", [target])

    def put_a(self, owner):
        self.standin.put(ZONE, owner, "A", ["192.0.2.9"])

    def split_foreign(self, owner):
        """A value in two strings, with what must be escaped."""
        self.standin.put(ZONE, owner, "TXT", ['"v=spf1 \\"quoted\\"" " and \\\\ more"', "entered without quotes"])
        return ['entered without quotes', 'v=spf1 "quoted" and \\ more']


class Route53Service(Service):
    name = member = "route53"
    key_id, secret_key = "AKIACANARYROUTE53KEY", "wJalrXUtnFEMI/K7MDENG+canaryRoute53SecretKEY"
    token = "AQoDYXdzEJr//canaryRoute53Session+token=="
    write = r"POST .*/rrset"
    zone_route = r"GET .*/hostedzonesbyname"
    read = r"GET .*/rrset"
    remove = r"POST .*/rrset"

    def make(self):
        from route53 import Route53
        return Route53(self.folder)

    def give_credentials(self):
        self.standin.keys = {self.key_id: (self.secret_key, None), "ASIACANARYROUTE53TMP": (self.secret_key, self.token)}
        self.secret("id", self.key_id + "\n")
        self.secret("secret", self.secret_key + "\n")
        self.secret("token", self.token + "\n")

    def canaries(self):
        return super().canaries() - {self.key_id, self.wrong_id}

    wrong_id = "AKIAWRONGROUTE53KEYS"

    def settings(self):
        if self.variant == "session":
            return {"accessKeyID": "ASIACANARYROUTE53TMP", "secretAccessKeySecretRef": {"name": "dns", "key": "secret"},
                    "sessionTokenSecretRef": {"name": "dns", "key": "token"}}
        if self.variant == "plain id":
            return {"accessKeyID": self.key_id, "secretAccessKeySecretRef": {"name": "dns", "key": "secret"}}
        return {"accessKeyIDSecretRef": {"name": "dns", "key": "id"},
                "secretAccessKeySecretRef": {"name": "dns", "key": "secret"}}

    variants = ["session", "plain id"]

    def wrong_credentials(self):
        self.secret("secret", "wJalrXUtnFEMI/K7MDENG+canaryWrongSecretKEY00\n")

    def without_right(self):
        self.standin.denied = {"POST"}

    def throttle(self, route, wait=None):
        self.standin.fault(route, status=400, headers={"Retry-After": str(wait)} if wait is not None else {},
                           body='<?xml version="1.0"?>\n<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code>'
                                "<Message>Rate exceeded</Message></Error></ErrorResponse>")
        return wait or 0

    def put_txt(self, owner, values, **more):
        self.standin.put(ZONE, owner, "TXT", [f'"{v}"' for v in values], **more)

    def put_cname(self, owner, target):
        self.standin.put(ZONE, owner, "CNAME", [target + "."])

    def put_a(self, owner):
        self.standin.put(ZONE, owner, "A", ["192.0.2.9"])

    def split_foreign(self, owner):
        self.standin.put(ZONE, owner, "TXT", ['"v=spf1 \\"quoted\\"" " and \\\\ more"', '"\\101\\100<&>"'], ttl=1234)
        return ['A@<&>', 'v=spf1 "quoted" and \\ more']


class AzureService(Service):
    name, member = "azure", "azureDNS"
    directory, application = "8d1f4c5a-2b3c-4d5e-8f90-a1b2c3d4e5f6", "11112222-3333-4444-5555-666677778888"
    client_secret = "canary~Azure+Secret/with=odd&signs%.0"
    write = r"(PUT|DELETE) .*/dnsZones/.*/(TXT|CNAME)/"
    zone_route = r"GET .*/dnsZones/[^/]*$"
    read = r"GET .*/(TXT|CNAME)/"
    remove = r"(PUT|DELETE) .*/(TXT|CNAME)/"

    def make(self):
        from azure import Azure
        return Azure(self.folder)

    def give_credentials(self):
        self.standin.applications = {(self.directory, self.application): {"secret": self.client_secret}}
        self.standin.read_only = False
        self.secret("secret", self.client_secret + "\n")

    def issued(self):
        return self.standin.issued

    def endpoints(self):
        return {"azure-login": self.standin.url, "azure-management": self.standin.url}

    def settings(self):
        environment = {"AzureChinaCloud": "AzureChinaCloud", "AzureUSGovernmentCloud": "AzureUSGovernmentCloud"}.get(self.variant)
        self.standin.audience = {"AzureChinaCloud": "https://management.chinacloudapi.cn",
                                 "AzureUSGovernmentCloud": "https://management.usgovcloudapi.net"}.get(
                                     self.variant, "https://management.azure.com")
        return {"subscriptionID": self.standin.subscription, "tenantID": self.directory, "clientID": self.application,
                "clientSecretSecretRef": {"name": "dns", "key": "secret"}, "resourceGroupName": "DNS-group",
                **({"environment": environment} if environment else {})}

    variants = ["AzureChinaCloud", "AzureUSGovernmentCloud"]

    def wrong_credentials(self):
        self.secret("secret", "canary~Azure~Wrong~Secret\n")

    def without_right(self):
        self.standin.read_only = True

    def throttle(self, route, wait=None):
        self.standin.fault(route, status=429, headers={"Retry-After": str(wait)} if wait is not None else {},
                           body='{"error":{"code":"TooManyRequests","message":"The request was throttled."}}')
        return wait or 0

    def put_txt(self, owner, values, **more):
        self.standin.put(ZONE, owner, "TXT", values, **more)

    def put_cname(self, owner, target):
        self.standin.put(ZONE, owner, "CNAME", [target])

    def put_a(self, owner):
        self.standin.put(ZONE, owner, "A", ["192.0.2.9"])

    def split_foreign(self, owner):
        self.standin.put(ZONE, owner, "TXT", [['v=spf1 "quoted"', " and \\ more"], ["x" * 255, "y"]], ttl=1234,
                         metadata={"owner": "somebody", "at": "2026-01-01"})
        return ['v=spf1 "quoted" and \\ more', "x" * 255 + "y"]


class GoDaddyService(Service):
    name = member = "godaddy"
    key, key_secret = "canaryKey_9Zq8sso7key6", "canaryGoDaddySecret12"
    write = r"PATCH .*/records$"
    zone_route = r"GET .*/records/NS$"
    read = r"GET .*/records/(TXT|CNAME)/"
    remove = r"(PUT|DELETE) .*/records/(TXT|CNAME)/"
    blind_writes = 1
    variants = []

    def make(self):
        from godaddy import GoDaddy
        return GoDaddy(self.folder)

    def give_credentials(self):
        self.standin.keys = {self.key: self.key_secret}
        self.standin.too_small = False
        self.secret("key", self.key + "\n")
        self.secret("secret", self.key_secret + "\n")

    def settings(self):
        return {"apiKeySecretRef": {"name": "dns", "key": "key"}, "apiSecretSecretRef": {"name": "dns", "key": "secret"}}

    def wrong_credentials(self):
        self.secret("secret", "canaryGoDaddyWrongSecret\n")

    def without_right(self):
        self.standin.too_small = True

    def throttle(self, route, wait=None):
        after = {"retryAfterSec": wait} if wait is not None else {}
        self.standin.fault(route, status=429, body=json.dumps({"code": "TOO_MANY_REQUESTS", "message": "Too many requests", **after}))
        return wait or 60

    def put_txt(self, owner, values, **more):
        self.standin.put(ZONE, owner, "TXT", values, **more)

    def put_cname(self, owner, target):
        self.standin.put(ZONE, owner, "CNAME", [target])

    def put_a(self, owner):
        self.standin.put(ZONE, owner, "A", ["192.0.2.9"])

    def split_foreign(self, owner):
        values = ['v=spf1 "quoted" and \\ more', "x" * 300]
        self.standin.put(ZONE, owner, "TXT", values, ttl=1234)
        return values


class ClouDNSService(Service):
    name = member = "cloudns"
    password = "canary ClouDNS+p&ss=w/rd%#"
    write = r"POST /dns/add-record"
    zone_route = r"POST /dns/get-zone-info"
    read = r"POST /dns/records"
    remove = r"POST /dns/delete-record"
    variants = ["SubAuthID", "SubAuthUser"]

    def make(self):
        from cloudns import ClouDNS
        return ClouDNS(self.folder)

    def give_credentials(self):
        self.standin.users = {("auth-id", "1234"): self.password, ("sub-auth-id", "77"): self.password,
                              ("sub-auth-user", "dns.user"): self.password}
        self.standin.read_only = set()
        self.secret("password", self.password + "\n")

    def settings(self):
        who = {"SubAuthID": "77", "SubAuthUser": "dns.user"}.get(self.variant, "1234")
        return {"authID": who, "authPasswordSecretRef": {"name": "dns", "key": "password"},
                **({"authIDType": self.variant} if self.variant else {})}

    def wrong_credentials(self):
        self.secret("password", "canary wrong ClouDNS password\n")

    def without_right(self):
        self.standin.read_only = {("auth-id", "1234")}

    def throttle(self, route, wait=None):
        self.standin.fault(route, status=200, headers={"Retry-After": str(wait)} if wait is not None else {}, body=json.dumps(
            {"status": "Failed", "statusDescription": "Request blocked. 192.0.2.7 is sending more than 20 requests per second."}))
        return wait or 60

    def put_txt(self, owner, values, **more):
        self.standin.put(ZONE, owner, "TXT", values, **more)

    def put_cname(self, owner, target):
        self.standin.put(ZONE, owner, "CNAME", [target])

    def put_a(self, owner):
        self.standin.put(ZONE, owner, "A", ["192.0.2.9"])

    def split_foreign(self, owner):
        values = ['v=spf1 "quoted" and \\ more', "x" * 300]
        self.standin.put(ZONE, owner, "TXT", values, ttl=1234)
        return values


class ScriptService(Service):
    """What exec and webhook have in common; the operations are the routes."""
    write, zone_route, read, remove = r"POST /present", r"POST /zone", r"POST /list", r"POST /absent"
    variants = []

    def endpoints(self):
        return {}

    def config(self):
        dns = self.helpers()
        for helper in (helper for kind in dns.values() for helper in kind.values()):
            helper.update(self.only)
        return {**super().config(), "dns": dns}

    def reset(self):
        self.only = {}  # what the operator opens it for
        super().reset()

    def without_right(self):
        self.standin.read_only = True

    def throttle(self, route, wait=None):
        after = {"retryAfter": wait} if wait is not None else {}
        self.standin.fault(route, status=200, body=json.dumps({"ok": False, "error": "throttled", "message": "slowly", **after}))
        return wait or 0

    def put_txt(self, owner, values, **more):
        self.standin.put(ZONE, owner, "TXT", values, **more)

    def put_cname(self, owner, target):
        self.standin.put(ZONE, owner, "CNAME", [target])

    def put_a(self, owner):
        self.standin.put(ZONE, owner, "A", ["192.0.2.9"])

    def split_foreign(self, owner):
        values = ['v=spf1 "quoted" and \\ more', "x" * 300]
        self.standin.put(ZONE, owner, "TXT", values, ttl=1234)
        return values


class ExecService(ScriptService):
    """The program is curl: an exec account needs no more to reach a service that speaks the contract."""
    name = member = "exec"
    credential = 'canary "exec" \\credential/0123'

    def make(self):
        from script import Script
        return Script(self.folder, signed=False)

    def give_credentials(self):
        self.standin.credential, self.standin.read_only, self.program = self.credential, False, None
        self.secret("credential", self.credential + "\n")

    def wrong_credentials(self):
        self.secret("credential", "canary-wrong-credential\n")

    def settings(self):
        return {"program": "curl", "credentialSecretRef": {"name": "dns", "key": "credential"}}

    def helpers(self):
        curl = ["/usr/bin/curl", "-sS", "--fail-with-body", "-A", "certwright/exec", "--cacert", self.standin.ca, "-H",
                "Content-Type: application/json", "--data-binary", "@-", self.standin.url]
        return {"programs": {"curl": self.program or {"run": curl}}}


class WebhookService(ScriptService):
    name = member = "webhook"
    key = "canaryWebhookKey/0123456789+abcdef="

    def make(self):
        from script import Script
        return Script(self.folder, signed=True)

    def give_credentials(self):
        self.standin.key, self.standin.read_only, self.standin.skew, self.endpoint = self.key, False, 0, {}
        self.secret("key", self.key + "\n")

    def wrong_credentials(self):
        self.secret("key", "canaryWebhookKey/0123456789+abcdeg=\n")  # one character

    def settings(self):
        return {"endpoint": "hook", "keySecretRef": {"name": "dns", "key": "key"}}

    def helpers(self):
        return {"webhooks": {"hook": {"url": self.standin.url + "/hook", "ca": self.standin.ca, **self.endpoint}}}


SERVICES = [CloudflareService, Route53Service, AzureService, GoDaddyService, ClouDNSService, ExecService, WebhookService]
