#!/usr/bin/env python3
"""What the manifests take away at once is held as it was, work goes on meanwhile, and a person lets it go: removals of every kind,
a tree that is lost, another one, or gone back, many reissues, a narrower edit; and a clock that was ahead."""
import os
import subprocess
import time

from harness import ISSUER, main, need, wait_for
from shop import ORGANIZATION, TARGET, certificate, shop_world


def hold_of(world):
    """(code, command) of what a plan shows as held, each once."""
    found = set()
    for step in world.run("plan", "--offline", "-o", "json").json()["steps"]:
        if (step.get("command") or "").startswith("certwright confirm"):
            found.add((step["code"], step["command"]))
    return found


def confirm(world, code):
    held = hold_of(world)
    assert {kind for kind, _ in held} == {code}, held
    (_, command), = held
    world.run(*command.split()[1:], code=0)


def removals_of_other_kinds_are_held_and_work_goes_on():
    with shop_world() as w:
        for i in range(6):
            w.manifest(f"t{i}.yaml", TARGET.replace("name: web", f"name: t{i}").replace('"{name}"', f'"t{i}/{{name}}"'))
        w.manifest("shop.yaml", certificate())
        w.sandbox_call("POST", "/settings", {"issueDelayMs": 600000})
        w.run("apply", "--yes", "--detach")
        paid = len(w.ledger())
        for name in [f"t{i}" for i in range(6)] + ["target", "issuer"]:
            os.unlink(w.path(f"manifests/{name}.yaml"))
        held = w.run("apply", "--yes", "--detach", code=4)
        assert "DeployTargets went at once" in held.err and "certwright confirm" in held.err, held
        why = w.run("why", "deploytarget/web", code=0).out
        assert "MassRemoval" in why and "certwright confirm" in why, why
        assert "MassRemoval" in w.run("events").out and "certwright confirm" in w.run("status").out
        w.turn_clock(700)  # issuer and target stay in force: it is issued and deployed through them
        w.sandbox_call("POST", "/settings", {"issueDelayMs": 0})
        w.run("apply", "--yes", "--timeout", "20s", code=4)
        assert os.path.exists(w.path("targets/shop/current/cert.pem")), w.run("why", "certificate/shop").out
        assert len(w.ledger()) == paid == 1
        confirm(w, "MassRemoval")
        assert "certificate/shop" in w.run("plan", "--offline").out
        assert w.run("get", "deploytargets", "-o", "json").json()["items"] == []


def git(world, *words):
    env = {"PATH": os.environ["PATH"], "HOME": world.dir, "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "a",
           "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com"}
    subprocess.run([need("git", "git"), "-C", world.path("manifests"), *words], check=True, capture_output=True, env=env)


def suspended(name):
    return certificate(name, more="  suspend: true\n")


def a_work_tree_that_goes_back_takes_nothing_away():
    with shop_world() as w:
        git(w, "init", "-q", "-b", "main")
        for name in ("a", "b", "c"):
            w.manifest(f"{name}.yaml", suspended(name))
        git(w, "add", "-A")
        git(w, "commit", "-qm", "three")
        w.run("apply", code=4)
        w.manifest("d.yaml", suspended("d"))
        git(w, "add", "-A")
        git(w, "commit", "-qm", "a fourth")
        w.run("apply", code=4)
        git(w, "reset", "-q", "--hard", "HEAD~1")
        told = w.run("apply", code=4)
        assert "went back from commit" in told.err, told
        why = w.run("why", "certificate/d").out
        assert "HistoryBack" in why and "certwright confirm" in why, why
        git(w, "reset", "-q", "--hard", "ORIG_HEAD")
        assert hold_of(w) == set()
        git(w, "reset", "-q", "--hard", "HEAD~1")
        confirm(w, "HistoryBack")
        w.run("apply", code=4)
        assert w.run("why", "certificate/d").out.startswith("certificate/d: Forgotten")
        # A commit on top that takes something away is no way back.
        git(w, "rm", "-q", "c.yaml")
        git(w, "commit", "-qm", "two")
        assert hold_of(w) == set()


def another_tree_in_its_place_takes_nothing_away():
    with shop_world() as w:
        for name in ("a", "b", "c"):
            w.manifest(f"{name}.yaml", suspended(name))
        w.run("apply", code=4)
        os.rename(w.path("manifests"), w.path("former"))
        os.makedirs(w.path("manifests"))
        for name in ("issuer.yaml", "target.yaml", "a.yaml", "b.yaml"):
            w.manifest(name, w.read(f"former/{name}"))
        held = w.run("apply", code=4)
        assert "is another one than before" in held.err, held
        confirm(w, "MassRemoval")
        w.run("apply", code=4)
        assert hold_of(w) == set()
        os.unlink(w.path("manifests/b.yaml"))  # now it is the tree we know
        assert hold_of(w) == set()


def a_folder_that_cannot_be_read_costs_nothing_but_news():
    nobody = 65534 if os.geteuid() == 0 else None
    with shop_world(("shop", "next"), user=nobody) as w:
        os.makedirs(w.path("manifests/team/deep"))
        for i in range(6):
            w.manifest(f"team/t{i}.yaml", TARGET.replace("name: web", f"name: t{i}").replace('"{name}"', f'"t{i}/{{name}}"'))
        w.manifest("team/broken.yaml", "kind: [\n")
        os.rename(w.path("manifests/target.yaml"), w.path("manifests/team/deep/target.yaml"))
        w.manifest("team/shop.yaml", certificate())
        w.run("apply", "--yes", code=3)
        os.unlink(w.path("manifests/team/broken.yaml"))
        w.run("apply", "--yes", code=0)
        for mode in (0o000, 0o400, 0o100):  # not to be opened; its names without what they are; not to be listed
            os.chmod(w.path("manifests/team"), mode)
            told = w.run("validate", "-o", "json", code=3).json()["problems"]
            assert [(p["code"], p["file"]) for p in told] == [("unreadable", w.path("manifests/team"))], told
            assert "this folder cannot be read (Permission denied)" in told[0]["message"], told
            plan = w.run("plan", "--offline", code=3)
            assert "Nothing to do" in plan.out and hold_of(w) == set(), plan
        w.manifest("next.yaml", certificate("next"))  # by a target of that folder
        w.run("apply", "--yes", code=3)
        assert len(w.ledger()) == 2 and os.path.exists(w.path("targets/next/current/cert.pem"))
        w.turn_clock(120)
        w.run("apply", "--yes", code=3)
        assert w.certificate()["status"]["phase"] == "Ready"
        w.manifest("shop.yaml", certificate())  # said elsewhere meanwhile: that counts, and is no second one
        assert "duplicate" not in str(w.run("validate", "-o", "json", code=3).json())
        os.unlink(w.path("manifests/shop.yaml"))
        os.chmod(w.path("manifests/team"), 0o755)
        told = w.run("apply", "--yes", code=0)
        assert "Nothing to do" in w.run("plan", "--offline", code=0).out
        os.unlink(w.path("manifests/team/t0.yaml"))  # seen again, what goes is gone
        w.run("apply", "--yes", code=0)
        names = [item["metadata"]["name"] for item in w.run("get", "deploytargets", "-o", "json", code=0).json()["items"]]
        assert sorted(names) == ["t1", "t2", "t3", "t4", "t5", "web"], names
        assert len(w.ledger()) == 2


def many_edits_that_need_a_reissue_are_held():
    with shop_world() as w:
        for i in range(12):
            w.manifest(f"c{i:02}.yaml", suspended(f"c{i:02}"))
        w.run("apply", code=4)
        for i in range(6):
            w.manifest(f"c{i:02}.yaml", certificate(f"c{i:02}", names=[f"c{i:02}.example.test", "x.example.test"],
                                                    product="positivemdcssl", more="  suspend: true\n"))
        held = w.run("apply", code=4)
        assert "6 of 12 certificates were changed" in held.err, held
        shown = w.run("get", "certificate", "c00", "-o", "json", code=0).json()
        assert shown["spec"]["dnsNames"] == ["c00.example.test"], shown
        confirm(w, "MassChange")
        w.run("apply", code=4)
        assert hold_of(w) == set()
        assert len(w.run("get", "certificate", "c00", "-o", "json").json()["spec"]["dnsNames"]) == 2


def an_edit_of_a_shared_issuer_counts_each_certificate():
    names = [f"c{i}" for i in range(7)]
    with shop_world(names) as w:
        w.endpoints["elsewhere"] = {"url": "https://127.0.0.1:1/rest/", "ca": w.path("sandbox/api-ca.pem"), "sandbox": True}
        for name in names:
            w.manifest(f"{name}.yaml", certificate(name))
        w.manifest("org.yaml", ORGANIZATION)
        w.run("apply", "--yes", code=0)
        paid = len(w.ledger())
        assert paid == 7
        # what needs no reissue is taken as it comes
        w.manifest("org.yaml", ORGANIZATION.replace("city: Vienna", "city: Linz"))
        w.manifest("issuer.yaml", ISSUER + "  limits: {concurrency: 2}\n")
        w.run("apply", "--yes", code=0)
        w.manifest("issuer.yaml", ISSUER.replace("environment: offline", "environment: elsewhere"))
        edited = certificate("c0", product="positivemdcssl", names=["c0.example.test", "x.example.test"])
        w.manifest("c0.yaml", edited)  # twice a reason, and one certificate
        held = w.run("apply", "--yes", code=4)
        assert "7 of 7 certificates were changed so that they need a reissue, by an edit of issuer/main" in held.err, held
        shown = w.run("get", "issuer", "main", "-o", "json", code=0).json()
        assert shown["spec"]["sslstore"]["environment"] == "offline", shown
        assert "MassChange" in w.run("why", "issuer/main").out
        assert "NeedsReissue" not in w.run("plan", "--offline").out
        assert w.certificate("c1")["status"]["phase"] == "Ready"
        w.manifest("c0.yaml", certificate("c0"))
        w.run("apply", "--yes", code=4)
        confirm(w, "MassChange")
        w.run("apply", "--yes", code=4)
        assert hold_of(w) == set()
        assert "NeedsReissue" in w.run("why", "c1").out and "now points at" in w.run("why", "c1").out
        assert len(w.ledger()) == paid


def an_edit_of_an_issuer_of_few_is_taken():
    with shop_world() as w:
        w.endpoints["elsewhere"] = {"url": "https://127.0.0.1:1/rest/", "ca": w.path("sandbox/api-ca.pem"), "sandbox": True}
        w.manifest("shop.yaml", certificate())
        for i in range(7):
            w.manifest(f"c{i}.yaml", suspended(f"c{i}"))  # nothing was ordered for these
        w.run("apply", "--yes", code=4)
        w.manifest("issuer.yaml", ISSUER.replace("environment: offline", "environment: elsewhere"))
        w.run("apply", "--yes", code=4)
        assert hold_of(w) == set()
        assert "NeedsReissue" in w.run("why", "shop").out


def the_daemon_looks_twice_before_something_goes():
    with shop_world() as w:
        for name in ("a", "b"):
            w.manifest(f"{name}.yaml", certificate(name, names=[f"{name}.example.test", f"www.{name}.example.test"],
                                                   product="positivemdcssl", more="  suspend: true\n"))
        w.daemon()
        w.wait_phase("Suspended", "b")
        # cut in the middle, and whole again before the second look: never acted upon
        w.manifest("b.yaml", certificate("b", product="positivemdcssl", names=["b.example.test"], more="  suspend: true\n"))
        time.sleep(0.5)
        w.manifest("b.yaml", certificate("b", names=["b.example.test", "www.b.example.test"], product="positivemdcssl",
                                         more="  suspend: true\n"))
        os.unlink(w.path("manifests/a.yaml"))
        began = time.monotonic()
        wait_for(lambda: "certificate/a" in w.run("events").out and "manifest is gone" in w.run("events").out,
                 "the removal to take effect", 30)
        assert time.monotonic() - began > 1, "one look was enough"


def a_clock_that_was_ahead_is_put_right_by_a_person():
    with shop_world(("shop", "second")) as w:
        w.turn_clock(400 * 86400)  # the vendor's too: nobody can know
        w.manifest("shop.yaml", certificate())
        w.run("apply", "--yes", code=0)
        w.turn_clock(-400 * 86400)
        w.manifest("second.yaml", certificate("second"))
        blocked = w.run("apply", "--yes", code=4)
        assert "but the store has seen" in blocked.err, blocked
        assert len(w.ledger()) == 1
        why = w.run("why", "certificate/second", "-o", "json", code=0).json()
        assert why["code"] == "ClockNotSane" and why["command"].startswith("certwright confirm "), why
        w.run(*why["command"].split()[1:], code=0)
        w.run("apply", "--yes", "second", code=0)
        assert len(w.ledger()) == 2


if __name__ == "__main__":
    main([a_folder_that_cannot_be_read_costs_nothing_but_news, removals_of_other_kinds_are_held_and_work_goes_on, a_work_tree_that_goes_back_takes_nothing_away,
          another_tree_in_its_place_takes_nothing_away, many_edits_that_need_a_reissue_are_held,
          an_edit_of_a_shared_issuer_counts_each_certificate, an_edit_of_an_issuer_of_few_is_taken,
          the_daemon_looks_twice_before_something_goes, a_clock_that_was_ahead_is_put_right_by_a_person])
