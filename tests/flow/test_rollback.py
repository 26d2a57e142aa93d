#!/usr/bin/env python3
"""A deployment that does not serve goes back, never costs another order, and heals when its cause is gone; files of others are
left alone; and a crash at any moment leaves a pair that fits."""
import contextlib
import grp
import os
import random
import signal
import subprocess
import threading
import time

from harness import main, wait_for
from web import NAME, Site, assert_pair, certificate, leaf_digest, target

CURRENT = "nginx/shop/current"
GROUP = grp.getgrgid(os.getegid()).gr_name


def behaving(world, new, former=None, timeout="10s"):
    """A reload that does `new` (shell) when generation 2 or a later one is published, else what it should."""
    script = world.write("reload-badly", f"""#!/bin/sh
case $(readlink {world.path(CURRENT)}) in {former or 'gen-1'}) exec {world.path('reload')};; esac
{new}
""", 0o755)
    world.profiles["nginx"] = dict(world.good, reload=[script], timeout=timeout)


def rollout(world, name="shop"):
    return world.records("rollouts", name)[0]


@contextlib.contextmanager
def two_pairs():
    """A site whose second certificate is to take the place of its first: another order, another pair, the same path."""
    with Site() as world:
        world.good = world.profiles["nginx"]
        world.root_settings["nginx"] = {"groups": [GROUP]}
        world.manifest("target.yaml", target(path="shop"))
        world.manifest("first.yaml", certificate("first", [NAME]))
        world.apply()
        world.first = leaf_digest(world.path(CURRENT, "cert.pem"))
        world.assert_serves(world.first)
        os.unlink(world.path("manifests/first.yaml"))
        world.manifest("second.yaml", certificate("second", [NAME], product="sectigossl"))
        yield world


def assert_rolled_back(world, *words):
    assert os.readlink(world.path(CURRENT)) == "gen-1"
    assert world.first == leaf_digest(world.path(CURRENT, "cert.pem"))
    world.assert_serves(world.first)
    assert_pair(world.path(CURRENT))
    record = rollout(world, "second")
    assert record["state"] == "RolledBack", record
    why = world.run("why", "certificate/second").out
    for word in (*words, "web", "RolledBack", "certwright sync certificate/second"):
        assert word in why, f"{word} is missing:\n{why}"
    assert world.orders() == 2


def a_reload_that_does_not_serve_is_taken_back():
    with two_pairs() as world:
        for new, timeout, *words in (
                ("echo no such directive >&2; exit 3", "10s", "no such directive"),
                ("sleep 60", "1s", "did not end within 1 s"),
                ("true", "10s", "serves")):
            behaving(world, new, timeout=timeout)
            if os.path.exists(world.path("nginx/shop/gen-2")):
                world.run("sync", "certificate/second", code=0)
            world.apply(code=4)
            assert_rolled_back(world, *words)
            before = world.orders()
            again = world.apply(code=4)  # it waits for its time, or for a person
            assert all(word in again.err for word in words), again
            assert_rolled_back(world, *words)
            assert world.orders() == before
        world.profiles["nginx"] = world.good
        world.run("sync", "certificate/second", code=0)
        world.apply()
        assert rollout(world, "second")["state"] == "Active"
        world.assert_serves(leaf_digest(world.path(CURRENT, "cert.pem")))
        assert leaf_digest(world.path(CURRENT, "cert.pem")) != world.first
        assert world.orders() == 2
        world.assert_at_rest()


def a_reload_that_never_works_leaves_the_former_pair():
    with two_pairs() as world:
        behaving(world, "exit 1", former="nothing")
        world.apply(code=4)
        assert os.readlink(world.path(CURRENT)) == "gen-1"
        world.assert_serves(world.first)
        assert rollout(world, "second")["state"] == "RollingBack"
        why = world.run("why", "certificate/second").out
        assert "reload" in why, why
        world.profiles["nginx"] = world.good
        assert "certwright sync certificate/second" in why, why
        world.run("sync", "certificate/second", code=0)  # what was cured is tried forward at once
        world.apply()
        world.assert_serves(leaf_digest(world.path(CURRENT, "cert.pem")))
        assert os.readlink(world.path(CURRENT)) != "gen-1" and world.orders() == 2


def an_edit_of_the_target_cures_its_first_deployment():
    """nginx reads another folder than the one that was filled: the corrected path is deployed to, though the first attempt waits."""
    with Site() as world:
        world.manifest("target.yaml", target(path="elsewhere"))
        world.manifest("shop.yaml", certificate("shop", [NAME]))
        world.apply("--timeout", "20s", code=None)
        assert rollout(world)["state"] != "Active", rollout(world)
        world.manifest("target.yaml", target(path="shop"))
        world.apply()
        assert rollout(world)["state"] == "Active" and rollout(world)["path"].endswith("/shop"), rollout(world)
        world.assert_serves(leaf_digest(world.path(CURRENT, "cert.pem")))
        assert world.orders() == 1
        world.assert_at_rest()


def a_new_place_has_nothing_to_go_back_to():
    """Generation 1 lies at the old path: a failing reload leaves generation 2 published at the new one, and a cure goes on from there."""
    with Site() as world:
        good = world.profiles["nginx"]
        world.manifest("target.yaml", target(path="shop"))
        world.manifest("shop.yaml", certificate("shop", [NAME]))
        world.apply()
        world.profiles["nginx"] = dict(good, reload=["/bin/false"])
        world.manifest("target.yaml", target(path="moved"))
        world.apply("--timeout", "20s", code=None)
        assert rollout(world)["state"] == "Published" and not rollout(world).get("previous"), rollout(world)
        world.profiles["nginx"] = good
        world.manifest("target.yaml", target(path="shop"))
        world.apply()
        assert rollout(world)["state"] == "Active", rollout(world)
        world.assert_serves(leaf_digest(world.path(CURRENT, "cert.pem")))
        assert world.orders() == 1


def a_check_that_fails_touches_no_service():
    with two_pairs() as world:
        world.profiles["nginx"] = dict(world.good, check=["/bin/false"], reload=["/bin/touch", world.path("reloaded")])
        world.apply(code=4)
        assert not os.path.exists(world.path("reloaded"))
        assert os.readlink(world.path(CURRENT)) == "gen-1"
        world.assert_serves(world.first)


def the_first_deployment_stays_when_its_reload_fails():
    with Site() as world:
        world.good = world.profiles["nginx"]
        placeholder = world.served(NAME)
        behaving(world, "echo who are you >&2; exit 1", former="nothing")
        world.want()
        failed = world.apply(code=4)
        assert "who are you" in failed.err, failed
        assert os.readlink(world.path(CURRENT)) == "gen-1"
        assert_pair(world.path(CURRENT))
        assert world.served(NAME) == placeholder
        assert rollout(world)["state"] == "Published"
        assert world.condition("Served")["status"] == "False" and world.condition("Ready")["status"] == "False"
        assert "who are you" in world.run("why", "certificate/shop").out
        world.profiles["nginx"] = world.good
        world.run("sync", "certificate/shop", code=0)
        world.apply()
        world.assert_serves(leaf_digest(world.path(CURRENT, "cert.pem")))
        assert world.orders() == 1
        world.assert_at_rest()


def changed_settings_deploy_again_and_can_go_back():
    with Site() as world:
        world.good = world.profiles["nginx"]
        world.want()
        world.apply()
        world.root_settings["nginx"] = {"groups": [GROUP]}
        world.manifest("target.yaml", target(more=f'  mode: "0640"\n  group: {GROUP}\n'))
        behaving(world, "exit 1")
        world.apply(code=4)
        assert os.readlink(world.path(CURRENT)) == "gen-1" and rollout(world)["state"] == "RolledBack", rollout(world)
        world.profiles["nginx"] = world.good
        world.run("sync", "certificate/shop", code=0)
        world.apply()
        assert os.stat(world.path(CURRENT, "key.pem")).st_mode & 0o777 == 0o640
        assert world.orders() == 1
        world.assert_at_rest()


def files_of_others_are_left_alone():
    for layout, place, kept in (("Generation", "nginx/shop/current", "nginx/shop/gen-0"),
                                ("Combined", "nginx/shop.pem", "nginx/shop.generations/gen-0.pem")):
        with Site() as world:
            settings = f"  layout: {layout}\n"
            theirs = place + "/fullchain.pem" if layout == "Generation" else place
            world.write(theirs, "made by hand")
            world.manifest("target.yaml", target(reload=None, probe=None, more=settings))
            world.want()
            refused = world.apply(code=4)
            assert "takeOver: true" in refused.err and place in refused.err, refused
            assert "takeOver: true" in world.run("why", "certificate/shop").out
            assert world.read(theirs) == "made by hand"
            assert world.orders() == 1
            world.manifest("target.yaml", target(reload=None, probe=None, more=settings + "  takeOver: true\n"))
            world.apply()
            assert world.read(theirs.replace(place, kept)) == "made by hand"
            assert os.path.islink(world.path(place))
            assert rollout(world)["state"] == "Active" and world.orders() == 1
            world.assert_at_rest()


def killed(world, moment):
    """One `apply` that is killed when `moment` (called again and again) says so, or ends before. Gives its exit code."""
    child = world.start(*world.argv("apply", "--yes", "-o", "json", "--timeout", "30s"),
                        log="apply.log", env=world.environment())
    while child.poll() is None and not moment():
        time.sleep(0.002)
    if child.poll() is None:
        os.kill(child.pid, signal.SIGKILL)
    child.wait()
    world.children.remove(child)
    return child.returncode


def release(world):
    """As a person would, after the grace and a look into the vendor's panel."""
    assert world.orders() == 0, "what the vendor has was not found by look-up"
    for _ in range(4):
        world.turn_clock(290)
        world.apply("--detach", code=None)
    world.run("release", "certificate/shop", code=0)


def steps_told(world):
    return world.read("logs/apply.log").count("certificate/shop")


def killed_after_every_step_it_converges():
    with Site() as world:
        world.want()
        code, kills = -signal.SIGKILL, 0
        open(world.path("logs/apply.log"), "w").close()
        random.seed(815)
        while code == -signal.SIGKILL and kills < 60:
            told = steps_told(world)

            def soon_after_a_step():
                if steps_told(world) > told:
                    time.sleep(random.uniform(0, 0.03))
                    return True
                return False
            code = killed(world, soon_after_a_step)
            kills += code == -signal.SIGKILL
            if code == 6 and world.records("orders")[0]["state"] == "Unknown":
                release(world)  # it died after its intent and before the order left: nobody can know that
                code = -signal.SIGKILL
        assert code == 0 and kills >= 5, (code, kills, world.read("logs/apply.log"))
        world.assert_serves(leaf_digest(world.path(CURRENT, "cert.pem")))
        assert_pair(world.path(CURRENT))
        assert world.orders() == 1 and world.challenge_files() == [world.path("www") + "/"], world.challenge_files()
        assert not [name for name in os.listdir(world.path("nginx/shop")) if name.startswith(".")]
        world.assert_at_rest()


class Reader(threading.Thread):
    """A service that reads its pair at any moment: it opens the folder and finds in it what belongs together."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder, self.seen, self.missing, self.reads, self.over = folder, set(), 0, 0, False

    def run(self):
        while not self.over:
            try:
                folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            except FileNotFoundError:
                self.missing += 1
                continue
            pair = []
            for name in ("key.pem", "cert.pem", "fullchain.pem"):
                with open(os.open(name, os.O_RDONLY, dir_fd=folder), "rb") as file:
                    pair.append(file.read())
            os.close(folder)
            self.seen.add(tuple(pair))
            self.reads += 1


def killed_while_pairs_change_every_reader_finds_a_whole_one():
    with two_pairs() as world:
        world.apply()
        both = {"first": certificate("first", [NAME]), "second": certificate("second", [NAME], product="sectigossl")}
        reader = Reader(world.path(CURRENT))
        reader.start()
        random.seed(4711)
        try:
            for turn in range(8):
                name, other = ("first", "second") if turn % 2 == 0 else ("second", "first")
                os.unlink(world.path(f"manifests/{other}.yaml"))
                world.manifest(f"{name}.yaml", both[name])
                mode = ("0600", "0640", "0440", "0400")[turn % 4]
                world.manifest("target.yaml", target(path="shop", more=f'  mode: "{mode}"\n  group: {GROUP}\n'))
                until = time.monotonic() + random.uniform(0.05, 0.45)
                killed(world, lambda: time.monotonic() > until)
                assert_pair(world.path(CURRENT))
                world.apply()
                world.assert_serves(leaf_digest(world.path(CURRENT, "cert.pem")))
                assert rollout(world, name)["state"] == "Active"
        finally:
            reader.over = True
            reader.join()
        assert reader.missing == 0 and reader.reads > 1000, (reader.missing, reader.reads)
        assert len(reader.seen) == 2, f"{len(reader.seen)} pairs were seen where there are two"
        for key, leaf, _ in reader.seen:
            public = [subprocess.run(["openssl", *words], input=text, capture_output=True, check=True).stdout
                      for words, text in ((("pkey", "-pubout"), key), (("x509", "-noout", "-pubkey"), leaf))]
            assert public[0] == public[1], "a pair that does not fit was seen"
        assert world.orders() == 2


main([a_reload_that_does_not_serve_is_taken_back, a_reload_that_never_works_leaves_the_former_pair,
      an_edit_of_the_target_cures_its_first_deployment, a_new_place_has_nothing_to_go_back_to,
      a_check_that_fails_touches_no_service, the_first_deployment_stays_when_its_reload_fails,
      changed_settings_deploy_again_and_can_go_back, files_of_others_are_left_alone, killed_after_every_step_it_converges,
      killed_while_pairs_change_every_reader_finds_a_whole_one])
