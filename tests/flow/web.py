"""What the tests of the main path share: a web site (nginx, BIND, the vendor) whose certificate is managed, and what must be
true of it afterwards."""
import glob
import hashlib
import os
import ssl
import subprocess

from harness import ISSUER, World, need, wait_for
from shop import DNS_ACCOUNT, FREE_PATHS, certificate

NAME = "shop.example.test"


def target(name="web", more="", reload="nginx", probe=f"{NAME}:443", path="{name}", root="nginx"):
    lines = [f"apiVersion: certwright/v1alpha1\nkind: DeployTarget\nmetadata: {{name: {name}}}\nspec:",
             '  domains: ["*.example.test", example.test]', f"  local: {{root: {root}}}", f'  path: "{path}"',
             "  challenge: {http: {root: www}}"]
    lines += [f"  reload: {{profile: {reload}}}"] if reload else []
    lines += [f'  probe: {{address: "{probe}", timeout: 4s}}'] if probe else []
    return "\n".join(lines) + "\n" + more


class Site(World):
    """A world with everything the main path needs. `files`: leave out nginx' part and only place files."""

    def __init__(self, names=(NAME,), bind=False, nginx=True, **kind):
        super().__init__(**kind)
        self.names, self.with_bind, self.with_nginx = names, bind, nginx

    def __enter__(self):
        try:
            if self.with_nginx:
                self.start_nginx(self.names)
            if self.with_bind:
                self.start_bind(["example.test"])
                self.manifest("dns.yaml", DNS_ACCOUNT % self.bind_port)
            self.start_sandbox()
        except BaseException as error:  # no `with` will end what was started
            self.__exit__(type(error), error, None)
            raise
        self.manifest("issuer.yaml", ISSUER)
        self.manifest("target.yaml", target())
        return self

    def want(self, *arguments, **options):
        """The manifest of certificate/shop."""
        self.manifest("shop.yaml", certificate(*arguments, **options))

    def apply(self, *words, code=0, timeout="30s"):
        return self.run("apply", "--yes", "-o", "json", "--timeout", timeout, *words, code=code)

    def records(self, kind, *names):
        """What `get order|challenge|revision|rollout` shows, as the members of its status."""
        told = self.run("get", kind, *names, "-o", "json", code=0).json()
        items = told["items"] if isinstance(told, dict) and "items" in told else [told]
        return [item["status"] for item in items]

    def condition(self, kind, name="shop"):
        conditions = self.certificate(name)["status"]["conditions"]
        return next(c for c in conditions if c["type"] == kind)

    def orders(self):
        """Paid calls so far."""
        return self.sandbox_call("GET", "/ledger")["count"]

    def mutating_requests(self):
        return sorted(set(self.sandbox_call("GET", "/requests")["paths"]) - FREE_PATHS)

    def challenge_files(self):
        return sorted(glob.glob(self.path("www", "**"), recursive=True) + glob.glob(self.path("www", "**", ".*"), recursive=True)
                      + glob.glob(self.path("www", ".*", "**"), recursive=True))

    def assert_serves(self, digest, name=NAME):
        """nginx serves this leaf: at once, or when the last worker of before its reload has gone."""
        wait_for(lambda: self.served(name) == digest, f"nginx to serve {digest} for {name}", 5)

    def assert_at_rest(self):
        """A further apply does nothing that costs or changes."""
        paid = self.orders()
        self.sandbox_call("DELETE", "/requests")
        done = self.apply().json()
        assert done["steps"] == [], done
        assert self.mutating_requests() == [], self.mutating_requests()
        assert self.orders() == paid
        self.run("plan", "--detailed-exitcode", code=0)


def leaf_digest(path):
    """SHA-256 of the first certificate of a PEM file, hex."""
    with open(path) as file:
        text = file.read()
    end = "-----END CERTIFICATE-----"
    start = text.index("-----BEGIN CERTIFICATE-----")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text[start:text.index(end) + len(end)])).hexdigest()


def openssl(*arguments, text=None, code=0):
    done = subprocess.run([need("openssl", "openssl"), *arguments], input=text, capture_output=True, text=True)
    assert code is None or done.returncode == code, f"openssl {' '.join(arguments)}\n{done.stdout}{done.stderr}"
    return done.stdout


def assert_pair(folder):
    """key.pem, cert.pem, chain.pem and fullchain.pem fit together."""
    def part(name):
        return os.path.join(folder, name)
    public = openssl("x509", "-in", part("cert.pem"), "-noout", "-pubkey")
    assert openssl("pkey", "-in", part("key.pem"), "-pubout") == public, "the key is another's"
    with open(part("cert.pem")) as cert, open(part("chain.pem")) as chain, open(part("fullchain.pem")) as full:
        assert cert.read() + chain.read() == full.read(), "fullchain.pem is not cert.pem and chain.pem"
    return public


def assert_chain(world, folder, name=NAME):
    openssl("verify", "-purpose", "sslserver", "-x509_strict", "-verify_hostname", name,
            "-CAfile", world.path("sandbox/root.pem"), "-untrusted", os.path.join(folder, "chain.pem"),
            os.path.join(folder, "cert.pem"))
