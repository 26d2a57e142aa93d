#!/usr/bin/env python3
"""`certwright run`: every kind of change to the tree ends in the right desired set with one look a burst; other commands reach
it or work beside it; at rest it does nothing."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time

from harness import ISSUER, World, has_thread_of_sanitizer, main, need, wait_for
from shop import TARGET, bind_world, certificate, planned, shop_world

SUSPENDED = "  suspend: true\n"


class Daemon:
    """A running controller and its log."""

    def __init__(self, world, notify=None):
        self.world = world
        env = world.environment()
        if notify:
            env["NOTIFY_SOCKET"] = notify
        self.log = world.path("logs/daemon.log")
        self.begin = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        self.child = world.start(*world.argv("run", "--verbose"), log="daemon.log", env=env)
        wait_for(lambda: "msg=looked" in self.text() or self.child.poll() is not None, "the first look")
        assert self.child.poll() is None, self.text()

    def text(self):
        with open(self.log) as file:
            file.seek(self.begin)
            return file.read()

    def looks(self):
        return self.text().count("msg=looked ")

    def wait_log(self, words, seconds=15, after=0):
        try:
            wait_for(lambda: words in self.text()[after:], words, seconds)
        except AssertionError:
            raise AssertionError(f"no {words!r} in the log:\n{self.text()[-3000:]}") from None

    def settle(self, quiet=0.6, seconds=30):
        """Wait until the log has been quiet."""
        end = time.monotonic() + seconds
        size, since = -1, time.monotonic()
        while time.monotonic() < end:
            now = os.path.getsize(self.log)
            if now != size:
                size, since = now, time.monotonic()
            elif time.monotonic() - since > quiet:
                return
            time.sleep(0.05)
        raise AssertionError("the daemon does not come to rest")

    def helper(self):
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat") as file:
                    name, rest = file.read().rsplit(")", 1)
                if int(rest.split()[1]) == self.child.pid and "certwright-watc" in name:
                    return int(pid)
            except (FileNotFoundError, ProcessLookupError):
                pass
        return None

    def stop(self):
        code = self.world.stop(self.child)
        text = self.text()
        assert "Sanitizer" not in text and "runtime error:" not in text, text[-4000:]
        return code


@contextlib.contextmanager
def daemon(world, **options):
    controller = Daemon(world, **options)
    yield controller
    code = controller.stop()
    assert code == 0, (code, controller.text()[-2000:])


@contextlib.contextmanager
def quiet_world(count=0):
    """Without a vendor and without a turned clock; everything suspended."""
    with World() as w:
        w.manifest("issuer.yaml", ISSUER.replace("environment: offline", "environment: Sandbox"))
        w.manifest("target.yaml", TARGET)
        for i in range(count):
            w.manifest(f"c/c{i:04}.yaml", certificate(f"c{i:04}", more=SUSPENDED))
        yield w


def recorded(world, name="shop"):
    result = world.run("get", "certificate", name, "-o", "json")
    return result.json()["status"] if result.code == 0 else {}


def wait_recorded(world, name, test, what):
    wait_for(lambda: test(recorded(world, name)), what, 30)
    return recorded(world, name)


def a_manifest_lives_and_dies():
    with shop_world(["shop", "next", "third"]) as w, daemon(w) as d:
        w.manifest("shop.yaml", certificate())
        d.wait_log("msg=ready object=certificate/shop")
        first = wait_recorded(w, "shop", lambda s: s.get("phase") == "Ready", "shop to be ready")

        w.manifest("shop.yaml", certificate(more="  renewBefore: 20d\n"))  # edited
        edited = wait_recorded(w, "shop", lambda s: s.get("observedDigest") != first["observedDigest"], "the edit to be seen")
        assert edited["phase"] == "Ready", edited

        d.settle()
        before = d.looks()
        os.rename(w.path("manifests/shop.yaml"), w.path("manifests/renamed.yaml"))
        wait_for(lambda: d.looks() > before, "a look after the renaming")
        time.sleep(2.5)  # a removal would be seen by now
        assert recorded(w)["phase"] == "Ready" and "msg=forget" not in d.text()

        w.manifest("renamed.yaml", certificate(method="HTPP"))  # made invalid; others go on
        w.manifest("next.yaml", certificate("next"))
        d.wait_log("msg=ready object=certificate/next")
        assert "msg=invalid" in d.text() and "did you mean" in d.text()
        got = w.run("get", "certificate", "shop", "-o", "json", code=0).json()
        assert got["spec"]["renewBefore"] == "20d" and got["spec"]["dcv"]["method"] == "HTTP", got["spec"]
        assert got["status"]["phase"] == "Ready"
        assert w.run("validate").code == 3
        listed = w.run("get", "certificate", code=0).out
        assert "shop" in listed and "broken" in listed, listed

        w.manifest("renamed.yaml", certificate(more="  renewBefore: 10d\n"))  # repaired
        wait_recorded(w, "shop", lambda s: s.get("observedDigest") not in (None, edited["observedDigest"]), "the repair")
        assert w.run("validate", code=0)

        begin = time.monotonic()
        os.unlink(w.path("manifests/renamed.yaml"))  # removed
        d.wait_log("msg=forget object=certificate/shop")
        assert time.monotonic() - begin > 1.9, "a removal needs a second look"
        assert os.path.exists(w.path("targets/shop/current/key.pem"))
        assert len(w.ledger()) == 2


def a_manifest_that_comes_back_at_once_was_never_gone():
    with shop_world() as w, daemon(w) as d:
        w.manifest("shop.yaml", certificate())
        d.wait_log("msg=ready object=certificate/shop")
        os.rename(w.path("manifests/shop.yaml"), w.path("aside"))
        before = d.looks()
        wait_for(lambda: d.looks() > before, "a look")
        os.rename(w.path("aside"), w.path("manifests/shop.yaml"))
        time.sleep(2.6)
        assert "msg=forget" not in d.text() and recorded(w)["phase"] == "Ready"


def a_checkout_of_2000_files_is_one_look():
    git = need("git", "git")
    with quiet_world() as w:
        w.settle = "700ms"

        def run_git(*words):
            subprocess.run([git, "-c", "user.name=t", "-c", "user.email=t@example.test", *words], cwd=w.path("manifests"),
                           check=True, capture_output=True, env={"HOME": w.dir, "PATH": "/usr/bin:/bin"})
        run_git("init", "-q", "-b", "few")
        run_git("add", ".")
        run_git("commit", "-q", "-m", "few")
        run_git("checkout", "-q", "-b", "many")
        for i in range(2000):
            w.manifest(f"c/{i % 20:02}/c{i:04}.yaml", certificate(f"c{i:04}", more=SUSPENDED))
        run_git("add", ".")
        run_git("commit", "-q", "-m", "many")
        run_git("checkout", "-q", "few")
        with daemon(w) as d:
            d.settle(1.5)
            before = d.looks()
            begin = time.monotonic()
            run_git("checkout", "-q", "many")
            # On a busy machine git may pause for as long as the tree has to be quiet, and each pause ends a burst.
            bursts = 1 + int((time.monotonic() - begin) / 0.7)
            d.wait_log("msg=looked files=2002 resources=2002", 60)
            assert before < d.looks() <= before + bursts, (d.looks() - before, bursts)
            wait_for(lambda: d.text().count("msg=blocked") == 2000, "2,000 decisions", 60)
            d.settle(1.5)
            assert d.looks() <= before + bursts, (d.looks() - before, bursts)
            commit = w.run("plan", "-o", "json").json()["commit"]
            assert len(commit) == 40, commit
            run_git("checkout", "-q", "few")  # all away again: held
            d.wait_log("2000 of 2000 Certificates", 60)  # after a part of them, where git paused
            d.settle(1.5)
            assert d.looks() <= before + 10, d.looks() - before  # the burst, its second look; pauses of git make more
            assert "msg=forget" not in d.text()
            status = w.run("status", code=0).out
            digest = status.split("certwright confirm ")[1].split()[0]
            w.run("confirm", digest, code=0)
            wait_for(lambda: d.text().count("msg=forget ") == 2000, "2,000 forgotten", 60)


def a_config_map_is_swapped():
    with quiet_world() as w:
        tree = w.path("manifests")
        shutil.rmtree(tree)

        def generation(name, **files):
            for file, text in files.items():
                w.manifest(f"..{name}/{file}.yaml", text)
            os.symlink(f"..{name}", f"{tree}/..data_tmp")
            os.rename(f"{tree}/..data_tmp", f"{tree}/..data")
        issuer = ISSUER.replace("offline", "Sandbox")
        os.makedirs(tree)
        generation("2026_1", issuer=issuer, target=TARGET, a=certificate("a", more=SUSPENDED), b=certificate("b", more=SUSPENDED))
        for name in ("issuer", "target", "a", "b"):
            os.symlink(f"..data/{name}.yaml", f"{tree}/{name}.yaml")
        with daemon(w) as d:
            assert "files=4 resources=4" in d.text(), d.text()
            d.wait_log("msg=blocked object=certificate/b")
            first = recorded(w, "a")
            d.settle()
            generation("2026_2", issuer=issuer, target=TARGET, b=certificate("b", more=SUSPENDED),
                       a=certificate("a", ["a2.example.test"], more=SUSPENDED))
            shutil.rmtree(f"{tree}/..2026_1")
            wait_recorded(w, "a", lambda s: s["observedDigest"] != first["observedDigest"], "the swap to be seen")
            got = w.run("get", "certificate", "a", "-o", "json", code=0).json()
            assert got["spec"]["dnsNames"] == ["a2.example.test"]
            assert "msg=invalid" not in d.text() and "duplicate" not in d.text()


def an_overflown_queue_is_no_loss():
    with open("/proc/sys/fs/inotify/max_queued_events") as file:
        most = int(file.read())
    with quiet_world(3) as w, daemon(w) as d:
        d.settle()
        helper = d.helper()
        os.kill(helper, signal.SIGSTOP)
        for i in range(most // 3 + 1000):  # each makes, closes and removes: three events
            path = w.path(f"manifests/noise{i}.txt")
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
            os.unlink(path)
        w.manifest("late.yaml", certificate("late", more=SUSPENDED))  # told by nobody
        os.makedirs(w.path("manifests/new/deep"))
        w.manifest("new/deep/later.yaml", certificate("later", more=SUSPENDED))
        time.sleep(0.5)
        assert "certificate/late" not in d.text()
        os.kill(helper, signal.SIGCONT)
        d.wait_log("msg=blocked object=certificate/late ", 20)
        d.wait_log("msg=blocked object=certificate/later ", 20)
        w.manifest("new/deep/last.yaml", certificate("last", more=SUSPENDED))  # and the new folder is watched
        d.wait_log("msg=blocked object=certificate/last ", 20)


def a_killed_helper_is_replaced():
    with quiet_world(1) as w, daemon(w) as d:
        d.settle()
        for i in range(3):
            helper = wait_for(d.helper, "the helper")
            os.kill(helper, signal.SIGKILL)
            w.manifest(f"between{i}.yaml", certificate(f"between{i}", more=SUSPENDED))
            d.wait_log(f"msg=blocked object=certificate/between{i} ")
            fresh = wait_for(lambda: d.helper() not in (None, helper) and d.helper(), "a new helper")
            assert fresh != helper
            w.manifest(f"after{i}.yaml", certificate(f"after{i}", more=SUSPENDED))
            d.wait_log(f"msg=blocked object=certificate/after{i} ")


def signals_and_the_service_manager():
    with quiet_world(2) as w:
        path = w.path("notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(path)
            manager.settimeout(15)
            d = Daemon(w, notify=path)
            said = manager.recv(1000).decode()
            assert said.split("\n")[0] == "READY=1" and "STATUS=" in said, said
            d.settle()
            before = d.looks()
            d.child.send_signal(signal.SIGHUP)
            assert manager.recv(1000).decode().startswith("RELOADING=1")
            assert manager.recv(1000).decode().startswith("READY=1")
            assert d.looks() == before + 1
            helper = d.helper()
            begin = time.monotonic()
            d.child.send_signal(signal.SIGTERM)
            assert manager.recv(1000).decode().startswith("STOPPING=1")
            assert d.child.wait(10) == 0
            assert time.monotonic() - begin < 3, time.monotonic() - begin
        assert not os.path.exists(w.path("state/control.sock"))
        wait_for(lambda: not os.path.exists(f"/proc/{helper}"), "the helper to be gone", 3)
        with daemon(w) as d:  # and the store is free again
            d.child.send_signal(signal.SIGINT)
            assert d.child.wait(10) == 0


def commands_reach_it():
    with shop_world(["shop", "next"]) as w:
        w.manifest("mail.yaml", certificate("mail", method="Email"))
        with daemon(w) as d:
            d.wait_log("msg=waiting object=certificate/mail")
            resent = w.run("resend", "mail", code=0)
            assert "sent again" in resent.out, resent
            again = w.run("resend", "certificate/mail", code=1)
            assert "once an hour" in again.out + again.err, again
            assert w.sandbox_call("GET", "/requests")["paths"]["order/resend"] == 1
            w.turn_clock(2 * 3600)  # by now it is asked for seldom
            d.settle(1)
            asked = w.sandbox_call("GET", "/requests")["paths"].get("order/status", 0)
            w.run("sync", "mail", code=0)
            wait_for(lambda: w.sandbox_call("GET", "/requests")["paths"]["order/status"] > asked, "sync to ask the vendor")

            w.fault(path="order/neworder", do="refuse", message="not today", times=1)
            w.manifest("shop.yaml", certificate())
            d.wait_log("msg=blocked object=certificate/shop")
            assert "not today" in w.run("why", "shop", code=0).out
            w.run("release", "shop", code=0)
            d.wait_log("msg=ready object=certificate/shop")
            unheld = w.run("release", "shop", code=1)
            assert "certificate/shop" in unheld.out + unheld.err, unheld

            second = w.run("run", code=5)
            assert f"pid {d.child.pid}" in second.err and "certwright run" in second.err, second
            for words in (["get", "certificates"], ["get", "orders"], ["why", "mail"], ["plan"], ["status"], ["events"],
                          ["describe", "certificate/shop"], ["state", "list"], ["audit", "show"], ["validate"]):
                begin = time.monotonic()
                w.run(*words, code=0)
                assert time.monotonic() - begin < 60, words  # nobody waits for the daemon to stop
            wrong = w.run("apply", "--yes", "-f", w.path("manifests/shop.yaml"), code=5)
            assert f"pid {d.child.pid}" in wrong.err, wrong
        assert len(w.ledger()) == 2


def apply_and_confirm_reach_it():
    names = [f"n{i:02}" for i in range(11)]
    with shop_world(["next", *names]) as w:
        w.settle = "30s"  # so that it is apply that has it looked at
        w.extra_config = "limits: {account: {requestsPerSecond: 100, concurrency: 4}}"
        with daemon(w) as d:
            d.settle()
            w.manifest("next.yaml", certificate("next"))
            refused = w.run("apply", code=4)  # nobody can be asked
            assert "--yes" in refused.err and w.ledger() == [], refused
            done = w.run("apply", "--yes", code=0)
            for word in ("order ", "validate ", "issue ", "deploy ", "ready "):
                assert word in done.err, (word, done)
            assert "certificate/next" in done.err
            again = w.run("apply", "--yes", code=0)
            assert "Nothing to do" in again.out, again
            for name in names:
                w.manifest(f"{name}.yaml", certificate(name, more="  privateKey: {algorithm: ECDSA, size: 256}\n"))
            held = w.run("apply", "--yes", code=4)
            digest = (held.out + held.err).split("certwright confirm ")[1].split()[0]
            assert len(w.ledger()) == 1
            w.run("confirm", digest, code=0)
            wait_for(lambda: d.text().count("msg=ready object=certificate/n") >= 12, "the eleven", 120)
            assert len(w.ledger()) == 12
            bad = w.run("confirm", digest, code=1)
            assert digest in bad.out + bad.err, bad
            w.manifest("bad.yaml", certificate("bad", method="HTPP"))
            assert w.run("apply", "--yes").code == 3
            for words, code in ((["next"], 0), (["next", "bad"], 3), (["-n", "default"], 3), (["-n", "nowhere"], 3)):
                narrow = w.run("apply", "--yes", *words, code=code)
                assert ("ready " in narrow.err) == (words[-1] != "nowhere"), (words, narrow)
                assert words != ["next"] or "certificate/n00" not in narrow.err, narrow


def two_who_look_on_are_both_told_and_one_may_leave():
    with shop_world() as w:
        w.settle = "30s"
        w.sandbox_call("POST", "/settings", {"issueDelayMs": 600000})
        with daemon(w) as d:
            d.settle()
            w.manifest("shop.yaml", certificate())
            words = w.argv("apply", "--yes")
            first = w.start(*words, log="first.log", env=w.environment())
            wait_for(lambda: "order " in w.read("logs/first.log"), "the first one's progress")
            second = w.start(*words, log="second.log", env=w.environment())
            wait_for(lambda: "placed as order" in w.read("logs/second.log") or "check " in w.read("logs/second.log"), "the second one's progress")
            w.stop(second)
            w.sandbox_call("POST", "/settings", {"issueDelayMs": 0})
            w.turn_clock(700)
            assert first.wait(60) == 0, w.read("logs/first.log")
            for word in ("issue ", "deploy ", "ready "):
                assert word in w.read("logs/first.log"), (word, w.read("logs/first.log"))
            assert len(w.ledger()) == 1


def the_daemon_may_die_and_nothing_is_lost():
    with shop_world(["shop", "next"]) as w:
        w.manifest("shop.yaml", certificate())
        d = Daemon(w)
        d.wait_log("msg=order object=certificate/shop")
        d.child.kill()
        d.child.wait()
        w.manifest("next.yaml", certificate("next"))
        with daemon(w) as d:
            d.wait_log("msg=ready object=certificate/next", 30)
            time.sleep(1)
            for _ in range(10):  # if the vendor never got it, that is only known after a while
                if recorded(w)["phase"] in ("Ready", "OrderHeld"):
                    break
                w.turn_clock(600)
                time.sleep(1)
            if recorded(w)["phase"] == "OrderHeld":
                assert len(w.ledger()) == 1
                w.run("release", "shop", code=0)
            wait_recorded(w, "shop", lambda status: status["phase"] == "Ready", "shop to be ready")
        assert sorted(e["names"][0] for e in w.ledger()) == ["next.example.test", "shop.example.test"]


def ticks(pid):
    with open(f"/proc/{pid}/stat") as file:
        rest = file.read().rsplit(")", 1)[1].split()
    switches = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as file:
            switches += sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)
    return int(rest[11]) + int(rest[12]), switches


def at_rest_it_does_nothing():
    with quiet_world(200) as w, daemon(w) as d:
        wait_for(lambda: d.text().count("msg=blocked") == 200, "200 decisions", 30)
        d.settle(1)
        processes = [d.child.pid, d.helper()]
        before = [ticks(pid) for pid in processes]
        time.sleep(3)
        after = [ticks(pid) for pid in processes]
        spent = sum(b[0] - a[0] for a, b in zip(before, after))
        switches = sum(b[1] - a[1] for a, b in zip(before, after))
        print(f"at rest for 3 s with 200 manifests: {spent} ticks, {switches} context switches")
        assert spent <= 2 and switches <= 10 + sum(40 for pid in processes if has_thread_of_sanitizer(pid)), (spent, switches)


if __name__ == "__main__":
    main([a_manifest_lives_and_dies, a_manifest_that_comes_back_at_once_was_never_gone, a_checkout_of_2000_files_is_one_look,
          a_config_map_is_swapped, an_overflown_queue_is_no_loss, a_killed_helper_is_replaced, signals_and_the_service_manager,
          commands_reach_it, apply_and_confirm_reach_it,
          two_who_look_on_are_both_told_and_one_may_leave, the_daemon_may_die_and_nothing_is_lost, at_rest_it_does_nothing])
