#!/usr/bin/env python3
"""Malformed manifests beside a good one: each is a typed error at its line and column with a hint, whatever else is wrong, and
the good one is issued. The cases are those of tests/bad, which say in their first lines what must be found."""
import os
import re
import shutil

from harness import ISSUER, SOURCE, World, main
from shop import CLOSED_ISSUER, certificate, shop_world

BAD = os.path.join(SOURCE, "tests", "bad")

# What the cases refer to, as tests/bad/good.yaml has it; the issuer is the vendor of this world.
CONTEXT = CLOSED_ISSUER + """---
apiVersion: certwright/v1alpha1
kind: DNSAccount
metadata: {name: corp}
spec:
  zones: [example.com, example.org, example.co.uk]
  rfc2136: {nameserver: "192.0.2.53:53"}
---
apiVersion: certwright/v1alpha1
kind: DeployTarget
metadata: {name: web}
spec:
  domains: ["*.example.com", "*.example.test"]
  local: {root: nginx}
  path: "{namespace}/{name}"
  challenge: {http: {root: www}}
---
apiVersion: certwright/v1alpha1
kind: Organization
metadata: {name: example-ltd}
spec:
  name: Example Ltd
  jurisdiction: {country: AT}
  address: {lines: [Ring 1], city: Vienna, region: Vienna, postalCode: "1010", country: AT}
  phone: "+43 1 5550100"
---
apiVersion: certwright/v1alpha1
kind: Contact
metadata: {name: petra}
spec: {firstName: Petra, lastName: Muster, email: petra@example.com, phone: "+43 1 5550101"}
"""


def expectations(path):
    with open(path, "rb") as file:
        found = re.findall(rb"^# expect: (\S+) (\d+):(\d+) schema=", file.read(), re.M)
    assert found, f"{path} does not say what is wrong with it"
    return sorted((code.decode(), int(line), int(column)) for code, line, column in found)


def cases():
    """Single files; a folder is a set of its own, with its own issuers."""
    names = sorted(name for name in os.listdir(BAD) if name.endswith(".yaml") and name != "good.yaml")
    assert len(names) >= 40, len(names)
    return names


def prepare(w):
    w.extra_config = "limits: {account: {requestsPerSecond: 100, concurrency: 4}}"
    w.profiles["nginx"] = {"reload": ["/bin/true"]}
    w.manifest("target.yaml", CONTEXT)


def problems(w, *words, code=3):
    result = w.run("validate", "-o", "json", *words, code=code)
    return [p for p in result.json()["problems"] if p["severity"] == "error"], result


def where(problem):
    return problem["code"], problem["line"], problem["column"]


def each_is_told_with_its_place():
    with shop_world(["good"]) as w:
        prepare(w)
        w.manifest("good.yaml", certificate("good"))
        unhelpful, failures = [], []
        for name in cases():
            shutil.copy(os.path.join(BAD, name), w.path("manifests", name))
            found, result = problems(w)
            wanted = expectations(os.path.join(BAD, name))
            if sorted(map(where, found)) != wanted:
                failures.append((name, wanted, found))
            for problem in found:
                if not problem["message"] or not os.path.basename(problem["file"]) == name:
                    failures.append((name, problem))
                if not problem.get("hint") and len(problem["message"].split()) < 5:
                    unhelpful.append((name, problem["message"]))
            os.unlink(w.path("manifests", name))
        assert not failures, "\n".join(map(str, failures))
        assert not unhelpful, "\n".join(map(str, unhelpful))
        w.run("validate", code=0)


def the_good_one_is_issued_beside_each():
    names = cases()[::12]
    goods = [f"good{i}" for i in range(len(names))]
    with shop_world(goods) as w:
        prepare(w)
        for good, name in zip(goods, names):
            for old in os.listdir(w.path("manifests")):
                if old not in ("issuer.yaml", "target.yaml"):
                    os.rename(w.path("manifests", old), w.path(old))
            w.manifest("good.yaml", certificate(good, more="  privateKey: {algorithm: ECDSA, size: 256}\n"))
            shutil.copy(os.path.join(BAD, name), w.path("manifests", name))
            told = w.run("apply", "--yes", code=3)
            assert w.certificate(good)["status"]["phase"] == "Ready", (name, told)
        assert sorted(entry["names"][0] for entry in w.ledger()) == sorted(f"{good}.example.test" for good in goods)


def the_good_one_is_issued_beside_all_of_them():
    with shop_world(["good"]) as w:
        prepare(w)
        w.manifest("good.yaml", certificate("good"))
        for name in cases():
            shutil.copy(os.path.join(BAD, name), w.path("manifests", name))
        found, _ = problems(w)
        text = w.run("validate", code=3).err
        places = {(os.path.basename(p["file"]), p["line"], p["column"]) for p in found}
        for name in cases():
            for _, line, column in expectations(os.path.join(BAD, name)):
                assert (name, line, column) in places, (name, line, column)
                assert f"{name}:{line}:{column}: error: " in text, (name, line, column)
        told = w.run("apply", "--yes", code=3)
        assert w.certificate("good")["status"]["phase"] == "Ready", told
        assert [entry["names"] for entry in w.ledger()] == [["good.example.test"]]
        assert os.path.exists(w.path("nginx/default/good/current/fullchain.pem"))


def the_operator_raises_a_limit_and_lowers_none():
    with World() as w:
        w.manifest("large.yaml", ISSUER.replace("name: main", "name: large") + "# on and on\n" * 30000)
        w.manifest("deep.yaml", "apiVersion: certwright/v1alpha1\nkind: Contact\nmetadata: {name: deep}\nspec: " + "[" * 40 + "]" * 40)
        told, _ = problems(w)
        assert {p["code"] for p in told} == {"file-too-large", "too-deep"}, told
        assert "larger than 256 KiB" in str(told), told
        w.extra_config = "limits: {manifests: {fileKiB: 512, depth: 50}}"
        told, _ = problems(w)
        assert "too-deep" not in str(told) and all("deep.yaml" in str(p) for p in told), told  # read, and no contact
        os.unlink(w.path("manifests/deep.yaml"))
        w.run("validate", code=0)
        w.extra_config = "limits: {manifests: {fileKiB: 128}}"
        told = w.run("validate", code=78)
        assert "limits.manifests.fileKiB" in told.err and "at least 256 is due" in told.err, told


def folders_are_refused_too():
    with World() as w:  # the issuers of the folders are at the vendor's own endpoint: no sandbox, no turned clock
        for name in sorted(os.listdir(BAD)):
            folder = os.path.join(BAD, name)
            if not os.path.isdir(folder):
                continue
            found, _ = problems(w, "-f", folder)
            wanted = [e for file in sorted(os.listdir(folder)) for e in
                      (expectations(os.path.join(folder, file)) if b"# expect" in open(os.path.join(folder, file), "rb").read()
                       else [])]
            assert sorted(map(where, found)) == sorted(wanted), (name, wanted, found)


if __name__ == "__main__":
    main([each_is_told_with_its_place, the_good_one_is_issued_beside_each, the_good_one_is_issued_beside_all_of_them,
          folders_are_refused_too, the_operator_raises_a_limit_and_lowers_none])
