#!/usr/bin/env python3
"""A real account's user at the first start: old orders, wrong credentials, spending that is closed, rights that are wrong, the
sealing key, a second holder. Whatever is refused says what cures it, and nothing is bought (decisions 9, 10, 12, 13, 14)."""
import os
import subprocess
import time

from harness import BIN, ISSUER, World, main, wait_for
from shop import TARGET, certificate, paths_asked, planned, shop_world


def blocked(world):
    return [(s["resource"], s["code"]) for s in world.run("plan", "-o", "json").json()["steps"] if s["verb"] == "blocked"]


def an_account_with_300_old_orders_is_listed_once():
    with shop_world(["shop", "next"]) as w:
        w.sandbox_call("POST", "/orders/seed", {"count": 300})
        w.manifest("shop.yaml", certificate())
        w.manifest("next.yaml", certificate("next"))
        w.sandbox_call("DELETE", "/requests")
        w.run("reconcile", "--once", "--timeout", "60s")
        counts = w.sandbox_call("GET", "/requests")["paths"]
        assert counts["health/validate"] == 1 and counts["product/query"] == 1, counts
        pages = [r for r in w.sandbox_call("GET", "/requests")["requests"] if r["path"] == "order/query"]
        numbers = [r["body"].get("PageNumber") for r in pages]
        assert len(numbers) == len(set(map(str, numbers))), numbers  # every page once
        wait_for(lambda: w.run("apply", "--yes").code == 0, "both to be ready", 30)
        assert len(w.ledger()) == 2
        found = w.run("get", "issuer", "main", "-o", "wide", code=0).out
        assert "300" in found, found


def a_foreign_order_holds_its_need_alone():
    with shop_world(["shop", "next"]) as w:
        seeded = w.sandbox_call("POST", "/orders/seed", {"count": 1, "names": ["shop.example.test"], "product": "positivessl",
                                                          "ageDays": 10})["orders"][0]
        w.sandbox_call("POST", "/orders/seed", {"count": 1, "names": ["next.example.test"], "product": "positivessl",
                                                "ageDays": 500})  # long over
        w.manifest("shop.yaml", certificate())
        w.manifest("next.yaml", certificate("next"))
        assert blocked(w) == [("certificate/shop", "ForeignOrder")]
        told = w.run("apply", "--yes", code=4)
        assert seeded in told.err and "certificate/shop" in told.err, told
        assert [entry["names"] for entry in w.ledger()] == [["next.example.test"]]
        why = w.run("why", "shop", code=0).out
        assert "ForeignOrder" in why and seeded in why, why
        w.sandbox_call("POST", f"/orders/{seeded}", {"majorStatus": "Cancelled", "minorStatus": "Cancelled"})
        w.turn_clock(3600)
        w.run("apply", "--yes", code=0)
        assert len(w.ledger()) == 2


def wrong_credentials_are_named():
    with shop_world() as w:
        w.manifest("shop.yaml", certificate())
        token = w.path("secrets/sslstore/auth-token")
        good = w.read("secrets/sslstore/auth-token")
        os.chmod(token, 0o600)
        w.write("secrets/sslstore/auth-token", "not-the-token\n", 0o400)
        told = w.run("apply", "--yes", "--timeout", "3s")
        assert told.code == 4, told
        for word in ("10012345", "sslstore/auth-token", w.path("secrets"), "-9008", "issuer/main"):
            assert word in told.err, (word, told)
        assert "not-the-token" not in told.out + told.err
        why = w.run("why", "shop", code=0).out + w.run("why", "issuer/main", code=0).out
        assert "10012345" in why and "auth-token" in why, why
        assert paths_asked(w) == {"health/validate"} and w.ledger() == []
        plan = w.run("plan", "-o", "json", code=0).json()
        assert any("10012345" in note for note in plan["notes"]), plan["notes"]
        w.write("secrets/sslstore/auth-token", good, 0o400)
        w.turn_clock(3600)
        w.run("apply", "--yes", code=0)

        # a token that others can read, a missing one, an empty one: each with its cure, and nobody is asked
        w.manifest("next.yaml", certificate("next"))
        w.sandbox_call("DELETE", "/requests")
        for text, mode, word in ((good, 0o444, "chmod"), (None, 0, "put the token into"), ("\n", 0o400, "empty")):
            if os.path.exists(token):
                os.unlink(token)
            if text is not None:
                w.write("secrets/sslstore/auth-token", text, mode)
            w.turn_clock(3600)
            told = w.run("apply", "--yes", "--timeout", "2s")
            assert told.code == 4 and word in told.err and token in told.err, (word, told)
        assert paths_asked(w) == set() and len(w.ledger()) == 1


def spending_is_closed_until_it_is_opened():
    with World() as w:
        w.manifest("issuer.yaml", ISSUER.replace("environment: offline", "environment: Live"))
        w.manifest("target.yaml", TARGET)
        w.manifest("shop.yaml", certificate())
        assert planned(w, "--offline") == [("blocked", "certificate/shop", "SpendingClosed")]
        text = w.run("plan", "--offline", code=0).out
        assert "spending: [{issuer: main," in text, text
        lines = "spending: [" + text.split("spending: [")[1].split("]")[0] + "]"
        w.extra_config = " ".join(lines.split())  # what was printed, as it stands
        assert [p[0] for p in planned(w, "--offline")] == ["order", "validate", "issue", "deploy"], w.run("plan", "--offline")
        w.extra_config += "\nclock: {file: /dev/null}"  # and a turned clock never goes with what costs money
        refused = w.run("plan", "--offline")
        assert refused.code == 78 and "clock" in refused.err, refused


def rights_that_are_wrong_are_refused():
    with World() as w:
        path = w.config()

        def run(*words):
            done = subprocess.run([os.path.join(BIN, "certwright"), "--config", path, *words], capture_output=True, text=True,
                                  env=w.environment(), cwd=w.dir)
            return done.returncode, done.stderr
        assert run("plan", "--offline")[0] == 0
        for mode in (0o666, 0o620):
            os.chmod(path, mode)
            code, err = run("plan", "--offline")
            assert code == 78 and path in err and "chmod" in err, (code, err)
        os.chmod(path, 0o600)
        if os.geteuid() == 0:
            os.chown(path, 1234, 1234)
            code, err = run("plan", "--offline")
            assert code == 78 and path in err and "chown" in err, (code, err)
            os.chown(path, 0, 0)
        with open(path, "a") as file:
            file.write("manifest: {}\n")
        code, err = run("plan", "--offline")
        assert code == 78 and f"{path}:" in err and "manifests" in err, (code, err)
        os.unlink(path)
        code, err = run("plan", "--offline")
        assert code == 78 and path in err, (code, err)


def the_sealing_key_is_made_once_and_missed_when_gone():
    with World() as w:
        w.manifest("issuer.yaml", ISSUER.replace("environment: offline", "environment: Sandbox"))
        w.manifest("target.yaml", TARGET)
        w.manifest("shop.yaml", certificate(more="  suspend: true\n"))
        key = w.path("sealing.key")
        first = w.run("apply", code=4)
        assert os.stat(key).st_mode & 0o7777 == 0o400
        assert key in first.err and "back" in first.err and w.path("state") in first.err, first
        assert os.stat(w.path("state")).st_mode & 0o7777 == 0o700
        again = w.run("apply", code=4)
        assert "back the key up" not in again.err, again
        os.rename(key, w.path("kept.key"))
        for words in (["apply"], ["plan", "--offline"], ["get", "certificates"], ["run"], ["why", "shop"]):
            refused = w.run(*words, code=5)
            assert key in refused.err and "backup" in refused.err, refused
        assert not os.path.exists(key), "no second key may be made"
        w.write("sealing.key", "0" * 64 + "\n", 0o400)
        other = w.run("apply")
        assert other.code == 5 and key in other.err, other
        os.unlink(key)
        os.rename(w.path("kept.key"), key)
        os.chmod(key, 0o644)
        refused = w.run("apply")
        assert refused.code in (5, 78) and "chmod" in refused.err, refused
        os.chmod(key, 0o400)
        w.run("apply", code=4)


def a_second_holder_is_told_who_holds():
    with shop_world() as w:
        w.manifest("mail.yaml", certificate("mail", method="Email"))
        holder = w.start(*w.argv("apply", "--yes", "--timeout", "60s"), log="holder.log", env=w.environment())
        wait_for(lambda: "waiting   certificate/mail" in w.read("logs/holder.log") or holder.poll() is not None, "the first apply to wait")
        refused = w.run("run", code=5)
        assert f"pid {holder.pid}" in refused.err and "certwright apply" in refused.err, refused
        w.run("get", "certificates", code=0)
        assert "resend" in w.run("why", "mail", code=0).out
        w.run("resend", "mail", code=0)  # a running apply takes it too
        begin = time.monotonic()
        second = w.run("apply", "--yes", "--timeout", "1s", code=7)  # carried to the first
        assert time.monotonic() - begin < 20 and "mail" in second.err, second
        assert w.stop(holder) == 130
        assert len(w.ledger()) == 1


def without_an_operators_file_the_message_helps():
    with World() as w:
        env = dict(w.environment(), XDG_CONFIG_HOME=w.path("xdg"), XDG_STATE_HOME=w.path("xdg-state"))
        done = subprocess.run([os.path.join(BIN, "certwright"), "plan", "--offline", "-f", w.path("manifests")],
                              capture_output=True, text=True, env=env, cwd=w.dir)
        assert "Sanitizer" not in done.stderr, done.stderr
        assert done.returncode == 0 or "certwright.yaml" in done.stderr, done
        assert not os.path.exists(w.path("xdg-state"))


if __name__ == "__main__":
    main([an_account_with_300_old_orders_is_listed_once, a_foreign_order_holds_its_need_alone, wrong_credentials_are_named,
          spending_is_closed_until_it_is_opened, rights_that_are_wrong_are_refused,
          the_sealing_key_is_made_once_and_missed_when_gone, a_second_holder_is_told_who_holds,
          without_an_operators_file_the_message_helps])
