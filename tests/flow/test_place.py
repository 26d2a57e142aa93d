#!/usr/bin/env python3
"""Two certificates that claim one place on a target: the first keeps it, the second is blocked, nobody's pair is touched."""
import os

from harness import ISSUER, World, main

TARGET = """
apiVersion: certwright/v1alpha1
kind: DeployTarget
metadata: {name: files}
spec: {local: {root: targets}, path: one}
"""


def certificate(name, names=None, product="positivessl"):
    return f"""
apiVersion: certwright/v1alpha1
kind: Certificate
metadata: {{name: {name}}}
spec:
  dnsNames: [{names or name + ".example.test"}]
  order: {{product: {product}}}
  privateKey: {{algorithm: ECDSA, size: 256}}
  dcv: {{method: DNS}}
  targets: [{{name: files}}]
"""


def world(w):
    w.start_bind(["example.test"])
    w.start_sandbox()
    w.manifest("issuer.yaml", ISSUER)
    w.manifest("dns.yaml", f"""
apiVersion: certwright/v1alpha1
kind: DNSAccount
metadata: {{name: bind}}
spec:
  zones: [example.test]
  rfc2136: {{nameserver: "127.0.0.1:{w.bind_port}", tsigKeyName: {w.bind_key}, tsigSecretSecretRef: {{name: bind, key: tsig}}}}
""")
    w.manifest("target.yaml", TARGET)


def served_at(w):
    return os.path.realpath(w.path("targets/one/current")), w.read("targets/one/current/cert.pem")


def the_first_certificate_keeps_a_place_that_two_want():
    with World() as w:
        world(w)
        w.manifest("a.yaml", certificate("a"))
        w.run("apply", "--yes", code=0)
        before = served_at(w)
        w.manifest("b.yaml", certificate("b"))
        plan = w.run("plan", "-o", "json", code=0).json()
        assert [s["code"] for s in plan["steps"] if s["verb"] == "blocked"] == ["PlaceTaken"], plan
        result = w.run("apply", "--yes", code=4)
        assert "PlaceTaken" in w.run("why", "certificate/b").out or "place" in result.err, result
        assert served_at(w) == before
        assert w.run("validate").code == 3


def two_new_certificates_do_not_take_turns_at_one_place():
    with World() as w:
        world(w)
        w.manifest("a.yaml", certificate("a"))
        w.manifest("b.yaml", certificate("b"))
        w.run("apply", "--yes", code=4)
        phases = sorted(w.certificate(name)["status"]["phase"] for name in ("a", "b"))
        assert phases == ["PlaceTaken", "Ready"], phases
        assert len(os.listdir(w.path("targets/one"))) == 2, os.listdir(w.path("targets/one"))  # gen-1 and current


def a_place_goes_from_one_to_the_other_and_back():
    with World() as w:
        world(w)
        w.manifest("a.yaml", certificate("a"))
        w.run("apply", "--yes", code=0)
        first = served_at(w)[1]
        os.unlink(w.path("manifests/a.yaml"))
        w.manifest("b.yaml", certificate("b"))
        plan = w.run("plan", "-o", "json", code=0).json()
        assert not [s for s in plan["steps"] if s["verb"] == "blocked"], plan
        w.run("apply", "--yes", code=0)
        assert served_at(w)[1] != first
        os.unlink(w.path("manifests/b.yaml"))
        w.manifest("a.yaml", certificate("a"))
        w.run("apply", "--yes", code=0)
        assert served_at(w)[1] == first, w.run("describe", "certificate/a")
        assert len(w.ledger()) == 2, w.ledger()


def a_target_under_another_name_is_no_stranger():
    with World() as w:
        world(w)
        w.manifest("a.yaml", certificate("a"))
        w.run("apply", "--yes", code=0)
        w.manifest("target.yaml", TARGET.replace("files", "store"))
        w.manifest("a.yaml", certificate("a").replace("files", "store"))
        w.run("apply", "--yes", code=0)


def a_place_that_its_owner_gave_up_is_free():
    with World() as w:
        world(w)
        w.manifest("store.yaml", TARGET.replace("files", "store").replace("path: one", "path: two"))
        w.manifest("a.yaml", certificate("a"))
        w.run("apply", "--yes", code=0)
        of_a = served_at(w)[1]
        w.manifest("a.yaml", certificate("a").replace("name: files", "name: store"))
        w.manifest("b.yaml", certificate("b"))
        w.run("apply", "--yes", code=0)
        assert w.read("targets/two/current/cert.pem") == of_a and served_at(w)[1] != of_a
        w.manifest("a.yaml", certificate("a"))  # back again: it is b's now
        assert w.run("apply", "--yes", code=4).code == 4
        assert served_at(w)[1] != of_a


def names_in_another_order_give_no_place_up():
    """Files lie under the name that the order put first, and stay there."""
    with World() as w:
        world(w)
        w.manifest("target.yaml", TARGET.replace("path: one", 'path: "{common_name}"'))
        w.manifest("a.yaml", certificate("a", "x.example.test, y.example.test", "positivemdcssl"))
        w.run("apply", "--yes", code=0)
        before = w.read("targets/x.example.test/current/cert.pem")
        w.manifest("a.yaml", certificate("a", "y.example.test, x.example.test", "positivemdcssl"))
        w.manifest("b.yaml", certificate("b", "x.example.test"))
        w.run("apply", "--yes", code=4)
        assert w.certificate("b")["status"]["phase"] == "PlaceTaken", w.certificate("b")
        assert w.certificate("a")["status"]["phase"] == "Ready", w.certificate("a")
        assert w.read("targets/x.example.test/current/cert.pem") == before
        assert not os.path.exists(w.path("targets/y.example.test"))


main([names_in_another_order_give_no_place_up, a_place_that_its_owner_gave_up_is_free, a_place_goes_from_one_to_the_other_and_back, a_target_under_another_name_is_no_stranger, the_first_certificate_keeps_a_place_that_two_want, two_new_certificates_do_not_take_turns_at_one_place])
