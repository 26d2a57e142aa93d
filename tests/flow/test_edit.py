#!/usr/bin/env python3
"""Edits never cost an order: cosmetic ones change nothing, ones that need a reissue are blocked, removals forget, and much at
once is held (decisions 5 and 8)."""
import json
import os
import shutil

from harness import ISSUER, main
from shop import TARGET, certificate, planned, shop_world

BOOK, BOOKS = "xn--bcher-kva.example.test", "bücher.example.test"


def files_below(path):
    found = {}
    for folder, _, files in os.walk(path):
        for name in files:
            with open(os.path.join(folder, name), "rb") as file:
                found[os.path.join(folder, name)] = file.read()
    return found


def blocked_codes(world):
    return {resource: code for verb, resource, code in planned(world) if verb == "blocked"}


def only_blocked(world, code, name="shop"):
    """A plan and an apply that both say only this, and an untouched ledger."""
    before = len(world.ledger())
    steps = world.run("plan", "-o", "json").json()["steps"]
    assert [(s["verb"], s["code"], s["resource"]) for s in steps] == [("blocked", code, f"certificate/{name}")], steps
    assert steps[0]["reason"] and steps[0]["human"], steps
    world.run("apply", "--yes", code=4)
    world.run("reconcile", "--once", code=4)
    assert len(world.ledger()) == before
    return steps[0]


def cosmetic_edits_mean_nothing():
    names = ["shop.example.test", "www.shop.example.test", BOOK]
    with shop_world(["shop", "www.shop", "xn--bcher-kva"]) as w:
        w.manifest("shop.yaml", certificate(names=names, product="positivemdcssl", more="  commonName: shop.example.test\n"))
        w.run("apply", "--yes", code=0)
        digest = w.certificate()["status"]

        def same(what):
            assert planned(w) == [], (what, w.run("plan"))
            now = w.certificate()["status"]
            assert now["phase"] == "Ready" and now.get("revision") == digest.get("revision"), (what, now)

        def spelled(*spelling, more="  commonName: shop.example.test\n"):
            w.manifest("shop.yaml", certificate(names=list(spelling), product="positivemdcssl", more=more))

        same("nothing at all")
        spelled(names[2], names[1], names[0])
        same("another order of names")
        spelled("SHOP.example.TEST", names[1], BOOK.upper())
        same("upper case")
        spelled("shop.example.test.", "www.shop.example.test.", BOOK)
        same("trailing dots")
        spelled(names[0], names[1], BOOKS)
        same("IDN as people write it")
        spelled(names[0], names[1], BOOK, names[0])
        same("a name twice")
        w.manifest("shop.yaml", f"""# a comment
"apiVersion": 'certwright/v1alpha1'
kind:   "Certificate"   # another
metadata:
    name: "shop"
spec:
    targets:
    - name: 'web'
    dcv: {{'method': "HTTP"}}
    order:
        product: &p "positivemdcssl"
    commonName: Shop.Example.Test.
    dnsNames:
    - "www.shop.example.test"
    - >-
      {BOOKS}
    - shop.example.test
""")
        same("comments, quoting and layout")
        os.makedirs(w.path("manifests/deep/er"))
        os.rename(w.path("manifests/shop.yaml"), w.path("manifests/deep/er/moved.yml"))
        same("a moved file")
        os.unlink(w.path("manifests/deep/er/moved.yml"))
        os.unlink(w.path("manifests/issuer.yaml"))
        os.unlink(w.path("manifests/target.yaml"))
        w.manifest("all.yaml", "---".join([ISSUER, TARGET, "\n" + certificate(names=names, product="positivemdcssl")]))
        same("several documents in one file")
        os.unlink(w.path("manifests/all.yaml"))
        w.manifest("issuer.yaml", ISSUER)
        w.manifest("target.yaml", TARGET)
        w.manifest("shop.json", json.dumps({"kind": "Certificate", "apiVersion": "certwright/v1alpha1",
                                            "spec": {"order": {"product": "positivemdcssl", "term": "12mo"}, "dnsNames": names,
                                                     "dcv": {"method": "HTTP"}, "targets": [{"name": "web"}]},
                                            "metadata": {"name": "shop", "namespace": "default"}}))
        same("JSON, with defaults written out")
        w.run("apply", "--yes", code=0)
        assert len(w.ledger()) == 1


def an_edit_that_needs_a_reissue_is_blocked():
    with shop_world(["shop", "www.shop"]) as w:
        w.manifest("shop.yaml", certificate(names=["shop.example.test"], product="positivemdcssl"))
        w.run("apply", "--yes", code=0)
        before = files_below(w.path("targets"))
        for edit in (dict(names=["shop.example.test", "www.shop.example.test"], product="positivemdcssl"),
                     dict(names=["www.shop.example.test"], product="positivemdcssl"),
                     dict(names=["shop.example.test"], product="sectigossl"),
                     dict(names=["shop.example.test"], product="positivemdcssl",
                          more="  privateKey: {algorithm: ECDSA, size: 256}\n"),
                     dict(names=["shop.example.test"], product="positivemdcssl", more="  privateKey: {size: 4096}\n")):
            w.manifest("shop.yaml", certificate(**edit))
            step = only_blocked(w, "NeedsReissue")
            assert "reissue" in step["reason"] and "order 4567890" in step["reason"], step
        w.manifest("shop.yaml", certificate(names=["shop.example.test"], product="positivemdcssl"))
        assert planned(w) == []
        w.run("apply", "--yes", code=0)
        assert files_below(w.path("targets")) == before


def a_certificate_near_its_end_is_blocked():
    with shop_world() as w:
        w.manifest("shop.yaml", certificate())
        w.run("apply", "--yes", code=0)
        ends = w.certificate()["status"]["notAfter"][:10]
        w.turn_clock(100 * 86400)
        assert planned(w) == []
        w.turn_clock(50 * 86400)
        step = only_blocked(w, "NeedsRenewal")
        assert ends in step["reason"], step
        w.turn_clock(60 * 86400)
        step = only_blocked(w, "Expired")
        assert ends in step["reason"] and "4567890" in step["human"], step
        w.turn_clock(2 * 365 * 86400)  # past what was bought, too
        only_blocked(w, "Expired")
        assert os.path.exists(w.path("targets/shop/current/fullchain.pem"))
        assert len(w.ledger()) == 1


def a_removed_manifest_is_forgotten_and_may_come_back():
    with shop_world() as w:
        w.manifest("keep.yaml", certificate("keep", ["keep.example.test"], more="  suspend: true\n"))
        w.manifest("shop.yaml", certificate())
        w.run("apply", "--yes", code=4)
        before = files_below(w.path("targets"))
        os.rename(w.path("manifests/shop.yaml"), w.path("aside.yaml"))
        assert ("forget", "certificate/shop", "Forgotten") in planned(w)
        calls = len(w.sandbox_call("GET", "/requests")["requests"])
        done = w.run("apply", "--yes", code=4)
        assert done.out.endswith("\n0 ready, 1 forgotten, 1 blocked (certwright why certificate/NAME)\n"), done
        assert [p for p in planned(w) if p[0] != "blocked"] == []
        assert files_below(w.path("targets")) == before
        order = w.sandbox_call("GET", "/orders")["orders"][0]
        assert order["majorStatus"] == "Active" and not order["revoked"], order
        asked = [r["path"] for r in w.sandbox_call("GET", "/requests")["requests"][calls:]]
        assert not [path for path in asked if path.startswith("order/") and path != "order/query"], asked
        os.rename(w.path("aside.yaml"), w.path("manifests/back.yaml"))
        assert [p for p in planned(w) if p[1] == "certificate/shop"] == []
        w.run("apply", "--yes", code=4)
        assert w.certificate()["status"]["phase"] == "Ready"
        assert len(w.ledger()) == 1 and files_below(w.path("targets")) == before


def many_removals_at_once_are_held():
    with shop_world() as w:
        for i in range(14):
            w.manifest(f"c{i:02}.yaml", certificate(f"c{i:02}", more="  suspend: true\n"))
        w.run("apply", code=4)
        os.makedirs(w.path("aside"))
        for i in range(6):
            os.rename(w.path(f"manifests/c{i:02}.yaml"), w.path(f"aside/c{i:02}.yaml"))
        held = w.run("apply", "--yes", code=4)
        assert "held" in held.err and "6 of 14 Certificates went at once" in held.err, held
        digest = held.err.split("certwright confirm ")[1].split()[0]
        codes = blocked_codes(w)
        assert [codes[f"certificate/c{i:02}"] for i in (0, 5, 6)] == ["MassRemoval", "MassRemoval", "Suspended"], codes
        assert digest in w.run("status", code=0).out
        wrong = w.run("confirm", "0123456789ab")
        assert wrong.code != 0 and "0123456789ab" in wrong.out + wrong.err, wrong
        w.run("confirm", digest, code=0)
        done = w.run("apply", "--yes", "-o", "json", code=4)
        assert sorted(s["resource"] for s in done.json()["steps"] if s["verb"] == "forget") == \
            [f"certificate/c{i:02}" for i in range(6)], done
        # 2 of 8 left: fewer than 10, so that no percentage counts
        for i in range(6, 8):
            os.rename(w.path(f"manifests/c{i:02}.yaml"), w.path(f"aside/c{i:02}.yaml"))
        done = w.run("apply", "--yes", "-o", "json", code=4)
        assert [s["verb"] for s in done.json()["steps"]] == ["forget", "forget"], done


def a_tenth_of_many_at_once_is_held():
    with shop_world() as w:
        for i in range(20):
            w.manifest(f"c{i:02}.yaml", certificate(f"c{i:02}", more="  suspend: true\n"))
        w.run("apply", code=4)
        for i in range(3):
            os.unlink(w.path(f"manifests/c{i:02}.yaml"))
        held = w.run("apply", "--yes", "-o", "json", code=4)
        assert held.json()["steps"] == [] and "certwright confirm" in held.err, held
        w.manifest("c00.yaml", certificate("c00", more="  suspend: true\n"))  # one is back: 2 of 20 are not more than 10 %
        done = w.run("apply", "--yes", "-o", "json", code=4)
        assert sorted(s["resource"] for s in done.json()["steps"]) == ["certificate/c01", "certificate/c02"], done


def an_emptied_or_missing_tree_is_an_alarm():
    with shop_world() as w:
        w.run("apply", code=0)  # an empty first start is none
        w.manifest("shop.yaml", certificate())
        w.run("apply", "--yes", code=0)
        os.rename(w.path("manifests"), w.path("elsewhere"))
        missing = w.run("apply", "--yes")
        assert missing.code == 3 and w.path("manifests") in missing.err and "stays in force" in missing.err, missing
        assert "certwright confirm" in missing.err, missing
        assert w.certificate()["status"]["phase"] == "Ready"
        os.makedirs(w.path("manifests"))
        held = w.run("apply", "--yes")
        assert held.code == 4 and "held" in held.err and "certwright confirm" in held.err, held
        os.rmdir(w.path("manifests"))
        os.rename(w.path("elsewhere"), w.path("manifests"))
        assert planned(w) == []
        assert w.certificate()["status"]["phase"] == "Ready"
        if os.geteuid() != 0:
            os.chmod(w.path("manifests"), 0)
            assert w.run("apply", "--yes").code == 3
            os.chmod(w.path("manifests"), 0o755)


def many_new_certificates_are_held():
    with shop_world([f"n{i:02}" for i in range(11)]) as w:
        w.extra_config = "limits: {account: {requestsPerSecond: 100, concurrency: 4}}"
        for i in range(11):
            w.manifest(f"n{i:02}.yaml", certificate(f"n{i:02}", more="  privateKey: {algorithm: ECDSA, size: 256}\n"))
        held = w.run("apply", "--yes", code=4)
        assert w.ledger() == []
        codes = blocked_codes(w)
        assert set(codes.values()) == {"MassPurchase"} and len(codes) == 11, codes
        commands = {s["command"] for s in w.run("plan", "-o", "json").json()["steps"]}
        assert len(commands) == 1, commands
        digest = commands.pop().split()[-1]
        assert digest in held.out + held.err, held
        assert "nothing to pay now; 82.50 USD held." in w.run("plan").out
        assert w.run("status", code=0).out.count("certwright confirm") == 1
        assert "11 purchases are released" in w.run("confirm", digest, code=0).out
        w.run("apply", "--yes", code=0)
        names = sorted(entry["names"][0] for entry in w.ledger())
        assert names == [f"n{i:02}.example.test" for i in range(11)], names


def one_need_in_two_manifests_is_bought_once():
    with shop_world() as w:
        w.manifest("a.yaml", certificate("a", ["shop.example.test"]))
        w.manifest("b.yaml", certificate("b", ["SHOP.example.test."]))
        codes = blocked_codes(w)
        assert list(codes.values()) == ["DuplicateNeed"], codes
        w.run("apply", "--yes", code=4)
        assert len(w.ledger()) == 1
        codes = blocked_codes(w)
        assert list(codes.values()) == ["DuplicateNeed"], codes
        loser = list(codes)[0].split("/")[1]
        winner = "a" if loser == "b" else "b"
        why = [s for s in w.run("plan", "-o", "json").json()["steps"]][0]
        assert f"certificate/{winner}" in why["reason"], why


def a_ceiling_of_orders_holds_the_rest():
    with shop_world(["n0", "n1", "n2"]) as w:
        w.manifest("issuer.yaml", ISSUER + "  limits: {ordersPerDay: 2}\n")
        for i in range(3):
            w.manifest(f"n{i}.yaml", certificate(f"n{i}"))
        assert list(blocked_codes(w).values()) == ["BudgetExceeded"], w.run("plan")
        w.run("apply", "--yes", code=4)
        assert len(w.ledger()) == 2
        step = [s for s in w.run("plan", "-o", "json").json()["steps"]][0]
        assert step["code"] == "BudgetExceeded" and "ordersPerDay" in step["reason"], step
        w.run("apply", "--yes", code=4)
        assert len(w.ledger()) == 2
        w.turn_clock(86400)
        w.run("apply", "--yes", code=0)
        assert len(w.ledger()) == 3


def files_and_names_given_touch_nothing_else():
    with shop_world(["shop", "next"]) as w:
        w.manifest("shop.yaml", certificate())
        w.run("apply", "--yes", code=0)
        w.manifest("next.yaml", certificate("next"))
        os.rename(w.path("manifests/shop.yaml"), w.path("aside.yaml"))
        for words in (["next"], ["-f", "manifests/next.yaml", "-f", "manifests/issuer.yaml", "-f", "manifests/target.yaml"]):
            steps = w.run("plan", "-o", "json", *words, code=0).json()["steps"]
            assert {s["resource"] for s in steps} <= {"certificate/next"}, (words, steps)
            done = w.run("apply", "--yes", "-o", "json", *words, code=0).json()["steps"]
            assert {s["resource"] for s in done} <= {"certificate/next"}, (words, done)
        shutil.move(w.path("aside.yaml"), w.path("manifests/shop.yaml"))
        assert planned(w) == [] and len(w.ledger()) == 2


if __name__ == "__main__":
    main([cosmetic_edits_mean_nothing, an_edit_that_needs_a_reissue_is_blocked, a_certificate_near_its_end_is_blocked,
          a_removed_manifest_is_forgotten_and_may_come_back, many_removals_at_once_are_held, a_tenth_of_many_at_once_is_held,
          an_emptied_or_missing_tree_is_an_alarm, many_new_certificates_are_held, one_need_in_two_manifests_is_bought_once,
          a_ceiling_of_orders_holds_the_rest, files_and_names_given_touch_nothing_else])
