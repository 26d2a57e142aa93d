#!/usr/bin/env python3
"""`certwright doctor`: a good installation is said to be one, each break is named with its cure, and nothing is changed,
however broken it is."""
import hashlib
import os
import signal

from harness import World, main, wait_for
from shop import bind_world, certificate


def snapshot(w):
    """Every file of the world with mode and content, but logs and LMDB's reader table."""
    found = {}
    for folder, folders, files in os.walk(w.dir):
        folders[:] = [f for f in folders if f not in ("logs", "sandbox", "bind")]
        for name in files + folders:
            path = os.path.join(folder, name)
            if name in ("lock.mdb", "control.sock", "clock", "certwright.yaml"):
                continue
            content = b""
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    content = hashlib.sha256(file.read()).digest()
            found[path] = (os.lstat(path).st_mode, content)
    return found


def look(w, *words, code=None):
    before = snapshot(w)
    told = w.run("doctor", "-o", "json", *words, code=code).json()
    assert snapshot(w) == before, "doctor changed something"
    return told


def found(told, check, outcome=None):
    return [c for c in told["checks"] if c["check"] == check and (outcome is None or c["outcome"] == outcome)]


def bad(told):
    return [(c["check"], c["outcome"]) for c in told["checks"] if c["outcome"] in ("fail", "unknown")]


def settled(w):
    """A world with a store: something was ordered."""
    w.manifest("shop.yaml", certificate(method="DNS", names=["shop.example.test"]))
    w.run("apply", "--yes", "--timeout", "30s", code=0)


def a_good_installation_is_fine():
    with bind_world() as w:
        settled(w)
        daemon = w.daemon()
        wait_for(lambda: found(w.run("doctor", "-o", "json", "--offline").json(), "watch", "ok"), "the watch")
        told = w.run("doctor", "-o", "json", code=0).json()  # the controller itself writes meanwhile
        assert bad(told) == [], told
        for check in ("store", "daemon", "watch", "control socket", "vendor", "DNS account", "sealing key", "inotify", "root",
                      "webroot", "state", "audit", "secrets", "time", "certwright-watch"):
            assert found(told, check, "ok"), (check, told)
        assert "certwright run" in found(told, "daemon")[0]["cause"]
        text = w.run("doctor", code=0).out
        assert "ok       store: installation" in text and "fail" not in text.split("\n\n")[-1], text
        assert len(text.splitlines()) < 60, "more than a screen"
        w.stop(daemon)
        told = look(w, code=0)
        assert found(told, "daemon", "warn") and not found(told, "watch"), told


def a_first_start_makes_nothing():
    with bind_world() as w:
        told = look(w, code=0)
        assert bad(told) == [] and found(told, "store", "warn") and found(told, "sealing key", "warn"), told
        assert not os.path.exists(w.path("state")) and not os.path.exists(w.path("sealing.key"))
        w.stop(w.sandbox)
        told = look(w, code=6)
        assert found(told, "vendor", "unknown")[0]["cure"], told
        assert not found(look(w, "--offline", code=0), "vendor")


def a_broken_operator_s_file_is_told_and_the_rest_is_unknown():
    with World() as w:
        config = w.config()
        for text, mode, says in (("kind: [", 0o600, "line"), ("apiVersion: certwright/v1alpha1\nkind: ControllerConfig\nnosuch: 1\n", 0o600, "nosuch"),
                                 ("apiVersion: certwright/v1alpha1\nkind: ControllerConfig\n", 0o666, "others")):
            path = w.write("broken.yaml", text, mode)
            told = w.run("doctor", "-o", "json", "--config", path, code=1).json()
            checks = [c for c in told["checks"] if c["about"] == "operator's file"]
            assert checks and checks[0]["outcome"] == "fail" and says in checks[0]["cause"] and checks[0]["cure"], told
            assert found(told, "places, accounts, targets", "unknown") and found(told, "certwright", "ok")
        told = w.run("doctor", "-o", "json", "--config", w.path("missing.yaml"), code=1).json()
        assert [c for c in told["checks"] if c["about"] == "operator's file" and c["outcome"] == "fail"], told
        assert config


def each_break_is_named_with_its_cure():
    with bind_world() as w:
        settled(w)

        def broken(check, *words, **more):
            told = look(w, "--offline", *words, code=1)
            checks = found(told, check, "fail")
            assert checks and checks[0]["cure"], (check, told)
            return checks[0]

        def restored():
            assert bad(look(w, "--offline", code=0)) == []

        key, data = w.path("sealing.key"), w.path("state/data.mdb")
        os.rename(key, key + ".away")
        assert "missing" in broken("sealing key")["cause"] and broken("store")
        w.write("sealing.key", "ab" * 32 + "\n", 0o400)
        assert "not the sealing key" in broken("store")["cause"]
        os.unlink(key)
        os.rename(key + ".away", key)
        restored()
        os.chmod(key, 0o444)
        assert broken("sealing key")
        os.chmod(key, 0o400)
        os.rename(data, data + ".away")
        w.write("state/data.mdb", "this is no store" * 1000, 0o600)
        assert broken("store")
        os.unlink(data)
        os.rename(data + ".away", data)
        restored()
        os.chmod(w.path("state"), 0o755)
        assert "chmod 0700" in broken("state")["cause"]
        os.chmod(w.path("state"), 0o700)
        os.chmod(w.path("secrets"), 0o777)
        assert broken("secrets")
        os.chmod(w.path("secrets"), 0o700)
        os.chmod(w.path("secrets/bind/tsig"), 0o644)
        assert "dnsaccount/bind" in broken("secret")["subject"].lower()
        os.chmod(w.path("secrets/bind/tsig"), 0o400)
        os.rename(w.path("secrets/sslstore/auth-token"), w.path("token"))
        assert "issuer/main" in broken("secret")["subject"]
        os.rename(w.path("token"), w.path("secrets/sslstore/auth-token"))
        w.roots["gone"] = w.path("nowhere")
        assert "nowhere" in broken("root")["cause"]
        del w.roots["gone"]
        w.profiles["bad"] = {"reload": [w.path("no-program")]}
        assert broken("reload")
        del w.profiles["bad"]
        restored()
        os.rename(w.path("manifests"), w.path("manifests.away"))
        assert broken(w.path("manifests"))
        os.rename(w.path("manifests.away"), w.path("manifests"))
        w.manifest("bad.yaml", "kind: Nothing\n")
        assert found(look(w, "--offline", code=0), w.path("manifests"), "warn")


def far_sides_are_asked():
    with bind_world() as w:
        settled(w)
        w.write("secrets/sslstore/auth-token.new", "wrong", 0o400)
        os.rename(w.path("secrets/sslstore/auth-token.new"), w.path("secrets/sslstore/auth-token"))
        w.write("secrets/bind/tsig", "AAAANDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=\n", 0o400)
        told = look(w, code=1)
        assert found(told, "vendor", "fail") and found(told, "DNS account", "fail"), told


def a_clock_that_went_back_is_told():
    with bind_world() as w:
        w.turn_clock(86400 * 30)
        settled(w)
        w.turn_clock(-86400 * 30)
        assert "the store has seen" in found(look(w, "--offline", code=1), "time", "fail")[0]["cause"]


def a_watch_that_died_is_told():
    with bind_world() as w:
        daemon = w.daemon()
        children = f"/proc/{daemon.pid}/task/{daemon.pid}/children"
        if not os.path.exists(children):
            return

        def the_watch():
            with open(children) as file:
                for pid in file.read().split():
                    with open(f"/proc/{pid}/comm") as name:
                        if name.read().startswith("certwright-watc"):
                            return int(pid)

        watch = wait_for(the_watch, "the watch")
        daemon.send_signal(signal.SIGSTOP)  # else it starts another at once
        os.kill(watch, signal.SIGKILL)
        wait_for(lambda: found(w.run("doctor", "-o", "json", "--offline").json(), "watch", "fail"), "the loss to be told")
        daemon.send_signal(signal.SIGCONT)
        wait_for(lambda: found(w.run("doctor", "-o", "json", "--offline").json(), "watch", "ok"), "another watch")
        w.stop(daemon)


def wrong_words_are_told():
    with World() as w:
        w.run("doctor", "more", code=64)
        w.run("doctor", "-o", "md", code=64)


main([a_good_installation_is_fine, a_first_start_makes_nothing, a_broken_operator_s_file_is_told_and_the_rest_is_unknown,
      each_break_is_named_with_its_cure, far_sides_are_asked, a_clock_that_went_back_is_told, a_watch_that_died_is_told, wrong_words_are_told])
