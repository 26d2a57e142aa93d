#!/usr/bin/env python3
"""A plan has no effect, and it is what apply then does (decisions 3 and 4): by strace, by the vendor's log of requests, and
step by step."""
import json
import os
import re
import subprocess

from harness import ISSUER, World, main, need
from shop import FREE_PATHS, TARGET, bind_world, certificate, paths_asked, planned, shop_world, steps

CALLS = ("%file,%network,ftruncate,truncate,fchmod,fchown,fsync,fdatasync,msync,sync,syncfs,fallocate,fsetxattr,mount,ioctl")
CHANGES = re.compile(r"^(mkdir|rename|unlink|rmdir|link|symlink|chmod|fchmod|chown|lchown|fchown|utime|futime|truncate|ftruncate|"
                     r"mknod|creat|setxattr|lsetxattr|fsetxattr|removexattr|fallocate|mount|umount)")
WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND|O_TMPFILE")


def traced(world, *words, code=0):
    """Run certwright under strace: [(call, rest of the line)] of every thread and child."""
    strace = need("strace", "strace")
    log = world.path("logs/strace.log")
    env = world.environment()
    env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"  # it cannot look while it is traced
    argv = world.argv(*words)
    done = subprocess.run([strace, "-f", "-qq", "-e", "signal=none", "-e", f"trace={CALLS}", "-o", log, *argv], env=env,
                          cwd=world.dir, capture_output=True, text=True, timeout=90)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    calls = []
    for line in world.read("logs/strace.log").splitlines():
        found = re.match(r"(?:\d+ +)?([a-z0-9_]+)\((.*)", line)
        if found:
            calls.append(found.groups())
    assert len(calls) > 20, "strace saw nothing"
    return calls, done.stdout


def changes_made(calls, allowed=()):
    found = []
    for call, rest in calls:
        if call.startswith("open") and WRITING.search(rest) or CHANGES.match(call):
            if not any(name in rest for name in ('"/dev/null"', '"/dev/tty"', '"/tmp/tsan.rodata.', *allowed)):
                found.append(f"{call}({rest}")
    return found


def everything(world):
    """Every file and folder with what a change would change."""
    found = {}
    for folder, folders, files in os.walk(world.dir):
        for name in ["."] + files:
            path = os.path.normpath(os.path.join(folder, name))
            if "/sandbox" in path or "/logs" in path or path.endswith(("/lock.mdb", "/certwright.yaml", "/clock")):
                continue
            if path == world.dir:
                continue
            stat = os.lstat(path)
            found[path] = (stat.st_ino, stat.st_mode, stat.st_uid, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    return found


def a_fresh_host_stays_as_it_was():
    with shop_world() as w:
        w.manifest("shop.yaml", certificate())
        w.config()
        before = everything(w)
        for words in (["plan"], ["plan", "-o", "json"], ["plan", "--offline"], ["validate"]):
            calls, _ = traced(w, *words)
            assert changes_made(calls) == [], (words, changes_made(calls))
        assert everything(w) == before
        for name in ("state", "sealing.key", "audit"):
            assert not os.path.exists(w.path(name)), f"plan made {name}"
        assert paths_asked(w) <= FREE_PATHS, paths_asked(w)
        assert w.ledger() == []


def a_settled_state_is_only_read():
    with shop_world(["shop", "next"]) as w:
        w.manifest("shop.yaml", certificate())
        w.run("apply", "--yes", code=0)
        w.manifest("next.yaml", certificate("next"))
        w.sandbox_call("DELETE", "/requests")
        w.config()
        before = everything(w)
        for words in (["plan"], ["validate"], ["plan", "--offline", "-o", "md"]):
            calls, _ = traced(w, *words)
            changed = changes_made(calls, allowed=('/lock.mdb"', '"lock.mdb"'))
            assert changed == [], (words, changed)
        after = everything(w)
        assert after == before, [p for p in set(before) | set(after) if before.get(p) != after.get(p)]
        assert paths_asked(w) <= FREE_PATHS, paths_asked(w)
        assert len(w.ledger()) == 1


def offline_asks_nobody():
    with shop_world() as w:
        w.manifest("shop.yaml", certificate())
        w.sandbox_call("DELETE", "/requests")
        calls, out = traced(w, "plan", "--offline", "-o", "json")
        reached = [(c, r) for c, r in calls if c in ("connect", "sendto", "sendmsg", "bind", "listen")]
        sockets = [r for c, r in calls if c == "socket" and ("AF_INET" in r or "AF_NETLINK" in r)]
        assert reached == [] and sockets == [], (reached, sockets)
        assert paths_asked(w) == set()
        plan = json.loads(out)
        assert plan["offline"] is True
        order = plan["steps"][0]
        assert order["verb"] == "order" and order["cost"] is None, order


def hold_plan_against_deed(world, resources, code=0):
    told = steps(world.run("plan", "-o", "json", code=0))
    done = steps(world.run("apply", "--yes", "-o", "json", code=code))
    done += [key for key in told if key[0] == "blocked"]  # nobody performs those
    for resource in resources:
        of_told = [key for key in told if key[1] == resource]
        of_done = [key for key in done if key[1] == resource]
        assert of_told and of_told == of_done, (resource, of_told, of_done)
    assert sorted(set(map(str, told))) == sorted(set(map(str, done)))
    return told


def the_plan_of_an_http_order_is_what_is_done():
    with shop_world(["shop", "www.shop"]) as w:
        w.manifest("shop.yaml", certificate(names=["shop.example.test", "www.shop.example.test"], product="positivemdcssl"))
        told = hold_plan_against_deed(w, ["certificate/shop"])
        assert [key[0] for key in told] == ["order", "validate", "validate", "issue", "deploy"], told
        assert planned(w) == []
        os.unlink(w.path("manifests/shop.yaml"))  # and of what comes after
        w.manifest("other.yaml", certificate("other", ["shop.example.test"], more="  suspend: true\n"))
        told = steps(w.run("plan", "-o", "json", code=0))
        assert ("forget", "certificate/shop", None) in told, told
        done = steps(w.run("apply", "--yes", "-o", "json", code=4))
        assert [key for key in told if key[0] != "blocked"] == done, (told, done)


def the_plan_of_a_dns_order_is_what_is_done():
    with bind_world() as w:
        w.manifest("shop.yaml", certificate(method="DNS", more="  privateKey: {algorithm: ECDSA, size: 256}\n"))
        w.manifest("geo.yaml", certificate("geo", ["geo.example.test", "*.geo.example.test"], "digi_ssl_dv_geotrust_flex", "DNS"))
        hold_plan_against_deed(w, ["certificate/shop", "certificate/geo"])
        assert planned(w) == []


def the_plan_of_two_targets_with_reload_is_what_is_done():
    with shop_world() as w:
        w.manifest("edge.yaml", """
apiVersion: certwright/v1alpha1
kind: DeployTarget
metadata: {name: edge}
spec:
  local: {root: nginx}
  path: "{name}"
  reload: {profile: nginx}
  probe: {address: "shop.example.test:443"}
""")
        w.manifest("shop.yaml", certificate(targets=("edge", "web")))
        told = hold_plan_against_deed(w, ["certificate/shop"])
        verbs = [(key[0], key[2]) for key in told]
        assert ("reload", "edge") in verbs and ("deploy", "web") in verbs and ("reload", "web") not in verbs, verbs
        # a further target later: deployed there, nothing ordered
        w.manifest("third.yaml", TARGET.split("  challenge")[0].replace("name: web}", "name: third}")
                   .replace('"{name}"', '"third-{name}"'))
        w.manifest("shop.yaml", certificate(targets=("edge", "web", "third")))
        told = hold_plan_against_deed(w, ["certificate/shop"])
        assert [key[0] for key in told] == ["deploy"], told
        assert len(w.ledger()) == 1


def exit_codes_and_formats():
    with shop_world() as w:
        w.manifest("shop.yaml", certificate())
        assert w.run("plan").code == 0
        assert w.run("plan", "--detailed-exitcode").code == 2
        plan = w.run("plan", "-o", "json", code=0).json()
        assert plan["formatVersion"] == "1" and plan["costs"] == [{"amount": "7.50", "currency": "USD"}], plan
        for step in plan["steps"]:
            assert set(step) == {"verb", "resource", "subject", "code", "detail", "reason", "cost", "effects", "due", "human",
                                 "command"}, step
        table = [line for line in w.run("plan", "-o", "md", code=0).out.splitlines() if line.startswith("|")]
        assert len(table) == 2 + len(plan["steps"]), table
        assert {line.replace("\\|", "").count("|") for line in table} == {table[0].count("|")}, table
        text = w.run("plan", code=0).out
        assert "7.50 USD" in text and "certificate/shop" in text and "manifests/shop.yaml:" in text, text
        w.run("apply", "--yes", code=0)
        assert w.run("plan", "--detailed-exitcode").code == 0
        w.manifest("bad.yaml", "kind: Certificate\n")
        assert w.run("plan", "--detailed-exitcode").code == 3
        os.rename(w.path("manifests"), w.path("elsewhere"))
        result = w.run("plan", "--detailed-exitcode")
        assert result.code == 3 and "stays in force" in result.err and "MassRemoval" in result.out, result


def without_a_vendor_the_plan_says_so():
    with World() as w:
        w.start_sandbox()
        w.manifest("issuer.yaml", ISSUER)
        w.manifest("target.yaml", TARGET)
        w.manifest("shop.yaml", certificate())
        w.stop(w.sandbox)
        result = w.run("plan", "-o", "json", code=0)
        plan = result.json()
        assert len(plan["notes"]) == 1 and "issuer/main could not be asked" in plan["notes"][0], plan
        assert not os.path.exists(w.path("state"))


if __name__ == "__main__":
    main([a_fresh_host_stays_as_it_was, a_settled_state_is_only_read, offline_asks_nobody,
          the_plan_of_an_http_order_is_what_is_done, the_plan_of_a_dns_order_is_what_is_done,
          the_plan_of_two_targets_with_reload_is_what_is_done, exit_codes_and_formats, without_a_vendor_the_plan_says_so])
