"""What the flow tests about manifests share: certificates, a target, and a world in which they are validated over HTTP by a
real nginx, or through a real BIND."""
import contextlib
import json

from harness import ISSUER, World

TARGET = """
apiVersion: certwright/v1alpha1
kind: DeployTarget
metadata: {name: web}
spec:
  domains: ["*.example.test"]
  local: {root: targets}
  path: "{name}"
  challenge: {http: {root: www}}
"""

DNS_ACCOUNT = """
apiVersion: certwright/v1alpha1
kind: DNSAccount
metadata: {name: bind}
spec:
  zones: [example.test]
  rfc2136:
    nameserver: 127.0.0.1:%d
    tsigKeyName: certwright-test
    tsigAlgorithm: HMACSHA256
    tsigSecretSecretRef: {name: bind, key: tsig}
  propagation: {timeout: 30s, interval: 1s}
"""

CLOSED_ISSUER = """
apiVersion: certwright/v1alpha1
kind: Issuer
metadata: {name: closed}
spec:
  enabled: false
  sslstore: {environment: offline, partnerCode: "10012345", authTokenSecretRef: {name: sslstore, key: auth-token}}
"""

ORGANIZATION = """
apiVersion: certwright/v1alpha1
kind: Organization
metadata: {name: acme}
spec:
  name: Acme
  phone: "+43 1 5550100"
  address: {lines: [Ring 1], city: Vienna, region: Vienna, postalCode: "1010", country: AT}
"""

# Whatever sslstore-api.md, section 5, marks as free and safe to repeat, of what the client speaks.
FREE_PATHS = {"health/status", "health/validate", "product/query", "order/approverlist", "order/query", "order/status",
              "order/download"}


def certificate(name="shop", names=None, product="positivessl", method="HTTP", targets=("web",), more=""):
    names = names or [f"{name}.example.test"]
    return (f"apiVersion: certwright/v1alpha1\nkind: Certificate\nmetadata: {{name: {name}}}\nspec:\n"
            f"  dnsNames: {json.dumps(names, ensure_ascii=False)}\n  order: {{product: {product}}}\n"
            f"  dcv: {{method: {method}}}\n"
            f"  targets: [{', '.join('{name: %s}' % t for t in targets)}]\n{more}")


@contextlib.contextmanager
def shop_world(names=("shop",), **kind):
    """A world with the vendor, nginx for the names given (labels of example.test), an issuer and a target."""
    with World(**kind) as world:
        world.start_nginx([f"{name}.example.test" for name in names])
        world.start_sandbox()
        world.manifest("issuer.yaml", ISSUER)
        world.manifest("target.yaml", TARGET)
        yield world


@contextlib.contextmanager
def bind_world(zones=("example.test",)):
    """A world with the vendor, BIND, an issuer, a DNS account and a target."""
    with World() as world:
        port = world.start_bind(list(zones))
        world.start_sandbox()
        world.manifest("issuer.yaml", ISSUER)
        world.manifest("dns.yaml", DNS_ACCOUNT % port)
        world.manifest("target.yaml", TARGET)
        yield world


def steps(result):
    """(verb, resource, subject) of a plan or a deed, waits left out, each once, in order."""
    found = []
    for step in result.json()["steps"]:
        key = (step["verb"], step["resource"], step.get("subject"))
        if step["verb"] != "wait" and key not in found:
            found.append(key)
    return found


def planned(world, *words):
    """What a plan would do: [(verb, resource, code)]."""
    return [(s["verb"], s["resource"], s["code"]) for s in world.run("plan", "-o", "json", *words).json()["steps"]]


def paths_asked(world):
    return set(world.sandbox_call("GET", "/requests")["paths"])
