#!/usr/bin/env python3
"""Everything that can be looked at, in every form: each table and record of the store, each kind in each format, each thing described;
before anything was bought, after it, and while a manifest is broken. Looking changes nothing and asks nobody."""
import json
import os
import re

from harness import ISSUER, main
from shop import CLOSED_ISSUER, ORGANIZATION, certificate, shop_world

MORE = ORGANIZATION + "---" + CLOSED_ISSUER + """---
apiVersion: certwright/v1alpha1
kind: Contact
metadata: {name: petra}
spec: {firstName: Petra, lastName: Muster, title: Head of IT, email: petra@example.test, phone: "+43 1 5550101"}
---
apiVersion: certwright/v1alpha1
kind: DNSAccount
metadata: {name: bind}
spec:
  enabled: false
  zones: [example.test]
  rfc2136: {nameserver: "127.0.0.1:5353"}
---
apiVersion: certwright/v1alpha1
kind: Issuer
metadata: {name: elsewhere}
spec:
  sslstore: {environment: moon, partnerCode: "10012345", authTokenSecretRef: {name: sslstore, key: auth-token}}
"""
AGES = re.compile(r"\b\d+ (s|min|h|days?)\b")  # a second may pass between two looks
MAIN = "  issuerRef: {name: main}\n"
MANIFEST_KINDS = ("certificate", "issuer", "dnsaccount", "deploytarget", "organization", "contact")
RECORD_KINDS = ("order", "challenge", "revision", "rollout", "event")


def look_at_everything(w):
    """Every reading command there is; gives what `state show` said of each record."""
    for kind in MANIFEST_KINDS + RECORD_KINDS:
        table = w.run("get", kind, code=0)
        wide = w.run("get", kind, "-o", "wide", code=0)
        told = w.run("get", kind, "-o", "json", code=0).json()
        items = told["items"] if "items" in told else [told]
        lines = [line for line in table.out.splitlines() if line.strip()]
        assert len(lines) == (len(items) + 1 if items else 0), (kind, table, told)
        assert len(wide.out) >= len(table.out), (kind, wide)
        text = w.run("get", kind, "-o", "yaml", code=0).out
        assert text.startswith("---\n") if items else text == "", (kind, text[:80])
        if kind in RECORD_KINDS:
            continue
        names = w.run("get", kind, "-o", "name", code=0).out.split()
        assert len(names) == len(items), (kind, names)
        for name in names:
            told = w.run("describe", name, code=0).out
            assert name.split("/")[-1] in told.splitlines()[0], told
            why = w.run("why", name)
            assert why.code in (0, 4) and why.out, why
            assert isinstance(w.run("why", name, "-o", "json").json(), dict)
            w.run("events", name)
            w.run("get", name, "-o", "json", code=0)
    for words in (("status",), ("plan", "--offline"), ("state", "list"), ("audit", "show"), ("events",)):
        assert isinstance(json.loads(w.run(*words, "-o", "json").out), dict), words
        w.run(*words)
    shown = {}
    tables = w.run("state", "list", "-o", "json", code=0).json()["tables"]
    for table in tables:
        keys = w.run("state", "list", table["table"], "-o", "json", code=0).json()["records"]
        assert len(keys) == table["records"] and sum(k["bytes"] for k in keys) == table["bytes"], (table, keys)
        w.run("state", "list", table["table"], code=0)
        for key in keys:
            told = w.run("state", "show", table["table"], key["key"], code=0).json()
            assert told["key"] == key["key"] and told["bytes"] == key["bytes"], told
            shown[table["table"], key["key"]] = told
    return shown


def before_anything_is_bought_there_is_little_to_see_and_all_of_it_can_be():
    with shop_world() as w:
        w.manifest("more.yaml", MORE)
        w.manifest("shop.yaml", certificate(more=MAIN))
        assert look_at_everything(w) == {}
        assert not os.path.exists(w.path("state")) and not os.path.exists(w.path("sealing.key"))
        paths = w.sandbox_call("GET", "/requests")["paths"]
        assert not paths, paths
        assert "spec.enabled is false" in w.run("why", "issuer/closed").out
        assert "spec.enabled is false" in w.run("why", "dnsaccount/bind").out
        unknown = w.run("why", "issuer/elsewhere").out
        assert 'no endpoint "moon"' in unknown and "the operator" in unknown, unknown
        issuers = w.run("get", "issuer", code=0).out
        for word in ("Disabled", "UnknownEnvironment", "NotChecked"):
            assert word in issuers, issuers
        none = w.run("get", "order")
        assert none.code == 0 and none.out == "", none


def afterwards_every_record_can_be_seen_and_no_key():
    with shop_world() as w:
        w.manifest("more.yaml", MORE)
        w.manifest("shop.yaml", certificate(more=MAIN))
        w.run("apply", "--yes", code=0)
        before = w.sandbox_call("GET", "/requests")["paths"]
        shown = look_at_everything(w)
        assert w.sandbox_call("GET", "/requests")["paths"] == before  # nobody was asked
        tables = {table for table, _ in shown}
        for table in ("order", "certificate", "revision", "rollout", "challenge", "issuer", "event", "blob", "index", "meta"):
            assert table in tables, tables
        kinds = sorted(told["kind"] for (table, _), told in shown.items() if table == "blob")
        assert kinds == ["certificate", "certificate chain", "prepared order request", "private key", "signing request"], kinds
        assert "PRIVATE KEY" not in json.dumps(list(shown.values()))
        index = next(told["record"] for (table, _), told in shown.items() if table == "index")
        assert index["rest"] and index["hasOrder"] and not index["forgotten"] and index["due"].endswith("Z"), index
        account = w.run("describe", "issuer/main", code=0).out
        assert "Accepted" in account and w.url in account, account
        missing = w.run("state", "show", "order", "default/nope/000001")
        assert missing.code == 1 and "`certwright state list order` shows its keys" in missing.err, missing
        # the same words with a kind and a name apart
        for verb in ("why", "describe"):
            apart, together = w.run(verb, "certificate", "shop").out, w.run(verb, "certificate/shop").out
            assert AGES.sub("AGE", apart) == AGES.sub("AGE", together), (apart, together)
        # and by namespace
        assert w.run("-n", "other", "get", "certificate", "-o", "name", code=0).out == ""
        assert w.run("-n", "other", "get", "event", code=0).out == ""


def while_a_manifest_is_broken_its_last_good_form_is_in_force_and_said_so():
    with shop_world() as w:
        w.manifest("more.yaml", MORE)
        w.manifest("shop.yaml", certificate(more=MAIN))
        w.run("apply", "--yes", code=0)
        w.manifest("shop.yaml", certificate(more=MAIN) + "  oder: {}\n")
        w.manifest("issuer.yaml", ISSUER + "  sslstor: {}\n")
        w.run("reconcile", "--once")
        for name in ("certificate/shop", "issuer/main"):
            why = w.run("why", name)
            assert "the last good form is in force" in why.out and "certwright validate" in why.out, why
            assert "the author of the manifest" in why.out and "did you mean" in why.out, why
            told = w.run("describe", name, code=0).out
            assert "last good form" in told and "Problems" in told and "did you mean" in told, told
            assert w.run("get", name, "-o", "json", code=0).json()["status"]["manifestBroken"] is True
        status = w.run("status")
        assert "oder" in status.out + status.err and len(w.ledger()) == 1, status


if __name__ == "__main__":
    main([before_anything_is_bought_there_is_little_to_see_and_all_of_it_can_be, afterwards_every_record_can_be_seen_and_no_key,
          while_a_manifest_is_broken_its_last_good_form_is_in_force_and_said_so])
