#!/usr/bin/env python3
"""Every field of every kind comes back: what `get -o yaml` prints is a manifest that says the same, to the same digest.
tests/flow/all-fields/ holds every field that the JSON Schema knows; a new field belongs there."""
import glob
import json
import os
import subprocess

from harness import BIN, SOURCE, World, main
from shop import certificate, planned, shop_world

KINDS = ["certificate", "issuer", "dnsaccount", "deploytarget", "organization", "contact"]
ALL_FIELDS = os.path.join(SOURCE, "tests/flow/all-fields")


def schema_of(kind):
    done = subprocess.run([os.path.join(BIN, "certwright"), "schema", kind], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def fields_of(schema, at=""):
    for name, member in schema.get("properties", {}).items():
        path = f"{at}.{name}" if at else name
        yield path
        yield from fields_of(member, path)
    if isinstance(schema.get("items"), dict):
        yield from fields_of(schema["items"], at)


def fields_in(value, at=""):
    if isinstance(value, dict):
        for name, member in value.items():
            path = f"{at}.{name}" if at else name
            yield path
            yield from fields_in(member, path)
    elif isinstance(value, list):
        for member in value:
            yield from fields_in(member, at)


def copy(world, *patterns):
    for pattern in patterns:
        for path in sorted(glob.glob(os.path.join(SOURCE, pattern), recursive=True)):
            with open(path) as file:
                world.manifest(path[len(SOURCE) + 1:].replace("/", "_"), file.read())


def everything(world):
    """{(kind, namespace, name): document} of all that is there, without what the controller adds."""
    found = {}
    for kind in KINDS:
        for item in world.run("get", kind, "-o", "json", code=0).json()["items"]:
            found[kind, item["metadata"]["namespace"], item["metadata"]["name"]] = item
    return found


def said(document):
    return {name: document[name] for name in ("apiVersion", "kind", "metadata", "spec")}


def digests(world):
    """What a controller saw: of certificates from the record, of the others as they are read."""
    return {key: item["status"]["observedDigest"] for key, item in everything(world).items()}


def goes_round(*patterns, output="yaml"):
    with World() as first, World() as second:
        copy(first, *patterns)
        for w in (first, second):
            w.profiles["nginx"] = w.profiles["haproxy"] = {"reload": ["/bin/true"]}
        documents = everything(first)
        wanted = sum(first.read(f"manifests/{name}").count("\nkind:") for name in os.listdir(first.path("manifests")))
        assert len(documents) == wanted > 2, first.run("validate")
        for kind, namespace, name in documents:
            text = first.run("get", kind, name, "-n", namespace, "-o", output, code=0).out
            second.manifest(f"{kind}-{namespace}-{name}.{output}", text)
        again = everything(second)
        assert documents.keys() == again.keys(), documents.keys() ^ again.keys()
        for key in documents:
            assert said(documents[key]) == said(again[key]), (key, said(documents[key]), said(again[key]))
        first.run("reconcile", "--once")
        second.run("reconcile", "--once")
        one, two = digests(first), digests(second)
        assert one == two, [(key, one[key], two[key]) for key in one if one[key] != two[key]]
        return documents


def every_field_of_every_kind_comes_back():
    documents = goes_round("tests/flow/all-fields/*.yaml")
    for kind in KINDS:
        known = {path for path in fields_of(schema_of(kind))
                 if path.startswith("spec.") or (kind == "certificate" and path.startswith("metadata."))}
        seen = {path for key, document in documents.items() if key[0] == kind for path in fields_in(said(document))}
        missing = sorted(known - seen)
        # fields that need another's absence are in the certificates two, three and four; a CSR inline is below
        missing = [path for path in missing if path != "spec.csr"]
        assert len(known) > 5 and missing == [], f"{kind}: add to tests/flow/all-fields: {missing}"


def json_is_as_good_as_yaml():
    goes_round("tests/flow/all-fields/*.yaml", output="json")


def the_examples_come_back():
    goes_round("examples/*.yaml")
    goes_round("examples/site/**/*.yaml")


def a_request_inline_comes_back():
    with World() as w:
        subprocess.run(["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=shop.example.test", "-keyout",
                        w.path("k.pem"), "-out", w.path("r.pem")], check=True, capture_output=True)
        request = w.read("r.pem")
        text = ("apiVersion: certwright/v1alpha1\nkind: Certificate\nmetadata: {name: shop}\nspec:\n  dnsNames: [shop.example.test]\n"
                "  order: {product: positivessl}\n  suspend: true\n  csr: |\n" + "".join(f"    {l}\n" for l in request.splitlines()))
        w.manifest("shop.yaml", text)
        first = w.run("get", "certificate", "shop", "-o", "json", code=0).json()
        assert first["spec"]["csr"].strip() == request.strip(), first["spec"]
        w.manifest("shop.yaml", w.run("get", "certificate", "shop", "-o", "yaml", code=0).out)
        assert said(w.run("get", "certificate", "shop", "-o", "json", code=0).json()) == said(first)


def what_a_list_prints_as_yaml_is_a_manifest_file_too():
    with World() as first, World() as second:
        copy(first, "tests/flow/all-fields/*.yaml")
        for w in (first, second):
            w.profiles["nginx"] = w.profiles["haproxy"] = {"reload": ["/bin/true"]}
        for kind in KINDS:
            second.manifest(f"{kind}.yaml", first.run("get", kind, "-o", "yaml", code=0).out)
        once, again = everything(first), everything(second)
        assert once.keys() == again.keys(), once.keys() ^ again.keys()
        for key in once:
            assert said(once[key]) == said(again[key]), key


def after_issue_what_comes_back_changes_nothing():
    with shop_world(["shop", "www.shop"]) as w:
        w.manifest("shop.yaml", certificate(names=["www.shop.example.test", "SHOP.example.test."], product="positivemdcssl",
                                            more="  commonName: shop.example.test\n  privateKey: {algorithm: ECDSA, size: 384}\n"
                                                 "  renewBefore: 20d\n"))
        w.run("apply", "--yes", code=0)
        before = w.certificate()["status"]["observedDigest"]
        for kind, name in (("certificate", "shop"), ("issuer", "main"), ("deploytarget", "web")):
            text = w.run("get", kind, name, "-o", "yaml", code=0).out
            assert "status:" in text
            file = {"certificate": "shop", "issuer": "issuer", "deploytarget": "target"}[kind]
            w.manifest(f"{file}.yaml", text)
        assert "status" in w.run("validate", code=0).err  # it is ignored, and that is said
        assert planned(w) == []
        w.run("apply", "--yes", code=0)
        assert w.certificate()["status"]["observedDigest"] == before and len(w.ledger()) == 1


if __name__ == "__main__":
    main([every_field_of_every_kind_comes_back, json_is_as_good_as_yaml, the_examples_come_back, a_request_inline_comes_back,
          what_a_list_prints_as_yaml_is_a_manifest_file_too, after_issue_what_comes_back_changes_nothing])
