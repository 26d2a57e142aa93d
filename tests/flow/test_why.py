#!/usr/bin/env python3
"""`certwright why` names the cause and the next command, for every fault that a day brings. Each row provokes one fault, says what
`why` must name, cures it where the cure lies outside, and types the command as it was printed; then the certificate is ready (or
stands where the row says)."""
import contextlib
import json
import os
import subprocess
import time

from harness import ISSUER, Skip, free_port, main
from shop import DNS_ACCOUNT, TARGET, certificate, shop_world

ROWS = {"vendor": [], "guards": [], "proofs": [], "targets": []}


def row(group):
    def add(function):
        ROWS[group].append(function)
        return function
    return add


def apply(world, *words):
    return world.run("apply", "--yes", "--timeout", "3s", *words)


def until(world, name, code, times=12, seconds=330):
    for _ in range(times):
        world.run("apply", "--yes", "--detach", name)
        if world.run("why", f"certificate/{name}", "-o", "json", code=0).json()["code"] == code:
            return
        world.turn_clock(seconds)
    raise AssertionError(world.run("why", f"certificate/{name}").out)


def name_of(function):
    return function.__name__.replace("_", "-")


def explained(world, function):
    """Provoke, ask why, cure, type the command. A row yields (code, part of the cause, part of the command[, object]), then is
    resumed to cure, and may yield the word at which the certificate is to stand in the end instead of Ready."""
    name = name_of(function)
    steps = function(world, name)
    code, cause, command, *of = next(steps)
    thing = of[0] if of else f"certificate/{name}"
    told = world.run("why", thing, "-o", "json", code=0).json()
    for _ in range(6):  # a busy machine has not come so far
        if told["code"] == code and told["wrong"]:
            break
        world.turn_clock(2)
        world.run("apply", "--yes", "--detach", name)
        told = world.run("why", thing, "-o", "json", code=0).json()
    shown = json.dumps(told, ensure_ascii=False)
    assert told["wrong"] and told["code"] == code, f"{name}: not {code}: {shown}"
    words = " ".join(str(told.get(member) or "") for member in ("what", "failure", "human", "manifest"))
    words += " ".join(p.get("message", "") for p in told.get("problems") or [])
    assert cause in words, f"{name}: {cause!r} is not named: {shown}"
    assert (told.get("command") or "").startswith("certwright " + command), f"{name}: no such command: {shown}"
    assert told["who"], shown
    end = next(steps, "Ready")
    typed = told["command"].split()[1:]
    done = world.run(*typed, *(["--yes"] if typed[0] == "apply" else []))
    assert done.code == 0 or (typed[0] == "apply" and end != "Ready"), f"{name}: {told['command']}: {done!r}"
    for _ in range(4):
        applied = world.run("apply", "--yes", "--timeout", "10s", *([name] if end != "Forgotten" else []))
        phase = world.certificate(name)["status"]["phase"]
        if phase == end:
            break
        world.turn_clock(70)
    assert phase == end, f"{name} stands at {phase}, not {end}: {applied!r}\n{world.run('why', thing).out}"
    next(steps, None)
    world.sandbox_call("DELETE", "/faults")


def explain_all(group, world):
    begin = time.monotonic()
    for function in ROWS[group]:
        try:
            explained(world, function)
        except Skip as reason:
            print(f"   {name_of(function)}: {reason}")
    print(f"   {len(ROWS[group])} faults of {group} explained in {time.monotonic() - begin:.0f} s")


@contextlib.contextmanager
def world_of(group, **kind):
    with shop_world([name_of(f) for f in ROWS[group]], **kind) as world:
        yield world


# ---- the vendor ----

def token(world, text, mode=0o400):
    path = world.path("secrets/sslstore/auth-token")
    os.unlink(path)
    world.write("secrets/sslstore/auth-token", text, mode)


@row("vendor")
def wrong_credentials(w, name):
    good = w.read("secrets/sslstore/auth-token")
    token(w, "something else\n")
    w.manifest(f"{name}.yaml", certificate(name))
    apply(w, name)
    yield "Failing", "sslstore/auth-token", "apply", "issuer/main"
    token(w, good)


@row("vendor")
def secret_open_to_others(w, name):
    w.manifest(f"{name}.yaml", certificate(name))
    os.chmod(w.path("secrets/sslstore/auth-token"), 0o644)
    apply(w, name)
    yield "WaitingForAccount", "auth-token", "why issuer/main"
    os.chmod(w.path("secrets/sslstore/auth-token"), 0o400)


@row("vendor")
def vendor_down(w, name):
    w.manifest(f"{name}.yaml", certificate(name))
    for path in ("health/validate", "product/query", "order/query"):
        w.fault(path=path, do="drop", times=0)
    apply(w, name)
    yield "WaitingForAccount", "issuer/main", "why issuer/main"
    w.sandbox_call("DELETE", "/faults")


@row("vendor")
def vendor_out_of_order(w, name):
    w.manifest(f"{name}.yaml", certificate(name))
    w.fault(path="order/status", do="status", code=503, times=0)
    apply(w, name)
    w.turn_clock(2)
    apply(w, name)
    yield "Retrying", "503", "sync"
    w.sandbox_call("DELETE", "/faults")


@row("vendor")
def balance_empty(w, name):
    w.manifest(f"{name}.yaml", certificate(name))
    w.fault(path="order/neworder", do="refuse", message="Vendor returns error: balance is empty", times=1)
    until(w, name, "OrderRefused", seconds=70)
    yield "OrderRefused", "balance is empty", "release"


@row("vendor")
def answer_lost(w, name):
    w.manifest(f"{name}.yaml", certificate(name))
    w.fault(path="order/neworder", do="drop", times=1)
    until(w, name, "OrderHeld")
    yield "OrderHeld", "the vendor does not know of it", "release"


@row("vendor")
def order_cancelled(w, name):
    w.sandbox_call("POST", "/settings", {"issueDelayMs": 3600000})
    w.manifest(f"{name}.yaml", certificate(name))
    apply(w, name)
    w.fault(path="order/status", do="edit", set={"OrderStatus": {"MajorStatus": "Cancelled", "MinorStatus": ""}}, times=0)
    until(w, name, "OrderDead", seconds=70)
    yield "OrderDead", "is Cancelled at the vendor", "apply"
    w.sandbox_call("POST", "/settings", {"issueDelayMs": 0})
    yield "OrderDead"  # nothing is bought again by itself


@row("vendor")
def another_certificate_delivered(w, name):
    w.manifest(f"{name}.yaml", certificate(name))
    w.fault(path="order/download", do="wrong-names", times=0)
    apply(w, name)
    w.turn_clock(3)
    apply(w, name)
    yield "Issuing", "not accepted", "sync"
    w.sandbox_call("DELETE", "/faults")


@row("vendor")
def name_ordered_by_somebody_else(w, name):
    """The need is held by another manifest."""
    w.manifest("first.yaml", certificate("first", names=[f"{name}.example.test"], targets=()).replace("  targets: []\n", ""))
    w.run("apply", "--yes", "--timeout", "20s", "first", code=0)
    w.manifest(f"{name}.yaml", certificate(name, names=[f"{name}.example.test"]))
    apply(w, name)
    yield "DuplicateNeed", "certificate/first", "apply"
    yield "DuplicateNeed"


# ---- guards ----

@row("guards")
def over_budget(w, name):
    w.manifest("issuer.yaml", ISSUER + "  limits: {ordersPerDay: 1}\n")
    w.manifest("earlier.yaml", certificate("earlier", names=["suspended.example.test", "unknown-target.example.test"],
                                           product="positivemdcssl"))
    w.run("apply", "--yes", "--timeout", "20s", "earlier", code=0)
    w.manifest(f"{name}.yaml", certificate(name))
    apply(w, name)
    yield "BudgetExceeded", "1 of 1 orders", "apply"
    w.manifest("issuer.yaml", ISSUER)


@row("guards")
def too_many_purchases(w, name):
    w.extra_config = "limits: {ordersPerPass: 0}\n"
    w.manifest(f"{name}.yaml", certificate(name))
    apply(w)
    yield "MassPurchase", "held as a whole", "confirm"


@row("guards")
def manifests_gone(w, name):
    w.extra_config = ""
    w.manifest(f"{name}.yaml", certificate(name))
    w.run("apply", "--yes", "--timeout", "20s", code=0)
    os.rename(w.path("manifests"), w.path("aside"))
    os.makedirs(w.path("manifests"))
    yield "MassRemoval", "the manifest directory is empty", "confirm"
    yield "Forgotten"
    os.rmdir(w.path("manifests"))
    os.rename(w.path("aside"), w.path("manifests"))


@row("guards")
def clock_was_ahead(w, name):
    w.turn_clock(300 * 86400)
    w.manifest("future.yaml", certificate("future", names=["over-budget.example.test", "too-many-purchases.example.test"],
                                          product="positivemdcssl"))
    w.run("apply", "--yes", "--timeout", "20s", "future")
    w.turn_clock(-300 * 86400)
    w.manifest(f"{name}.yaml", certificate(name))
    apply(w, name)
    yield "ClockNotSane", "the store has seen", "confirm"


@row("guards")
def suspended(w, name):
    w.manifest(f"{name}.yaml", certificate(name, more="  suspend: true\n"))
    apply(w, name)
    yield "Suspended", "spec.suspend is true", "apply"
    w.manifest(f"{name}.yaml", certificate(name))


@row("guards")
def unknown_target(w, name):
    w.manifest(f"{name}.yaml", certificate(name, targets=("nowhere",)))
    apply(w, name)
    yield "Invalid", "nowhere", "validate"
    w.manifest(f"{name}.yaml", certificate(name))


@row("guards")
def edited_after_it_was_issued(w, name):
    w.manifest(f"{name}.yaml", certificate(name))
    w.run("apply", "--yes", "--timeout", "20s", name, code=0)
    w.manifest(f"{name}.yaml", certificate(name, names=["other.example.test"]))
    apply(w, name)
    yield "NeedsReissue", "other.example.test", "apply"
    w.manifest(f"{name}.yaml", certificate(name))


# ---- proofs ----

@row("proofs")
def port_closed(w, name):
    w.manifest(f"{name}.yaml", certificate(name))
    right = w.resolve[f"{name}.example.test:80"]
    w.resolve[f"{name}.example.test:80"] = f"127.0.0.1:{free_port()}"
    apply(w, name)
    w.turn_clock(70)
    yield "Propagating", "Failed to connect", "sync"
    w.resolve[f"{name}.example.test:80"] = right


@row("proofs")
def web_root_missing(w, name):
    os.rename(w.path("www"), w.path("www.aside"))
    w.manifest(f"{name}.yaml", certificate(name))
    apply(w, name)
    yield "Validating", "the root www", "sync"
    os.rename(w.path("www.aside"), w.path("www"))


@row("proofs")
def file_of_others_in_the_way(w, name):
    w.manifest(f"{name}.yaml", certificate(name))
    os.makedirs(w.path("www/.well-known"), exist_ok=True)
    os.rename(w.path("www/.well-known"), w.path("well-known.aside"))
    w.write("www/.well-known", "a file\n")
    apply(w, name)
    yield "Validating", "where a folder is needed", "sync"
    os.unlink(w.path("www/.well-known"))
    os.rename(w.path("well-known.aside"), w.path("www/.well-known"))


@row("proofs")
def dns_server_down(w, name):
    w.manifest("dns.yaml", DNS_ACCOUNT % free_port())
    w.manifest(f"{name}.yaml", certificate(name, method="DNS"))
    apply(w, name)
    yield "Validating", "127.0.0.1", "sync"
    w.manifest("dns.yaml", DNS_ACCOUNT % w.bind_port)


@row("proofs")
def dns_key_wrong(w, name):
    good = w.read("secrets/bind/tsig")
    os.unlink(w.path("secrets/bind/tsig"))
    w.write("secrets/bind/tsig", "c29tZXRoaW5nIGVsc2Ugb2YgMzIgYnl0ZXMgbG9uZyE=\n", 0o400)
    w.manifest(f"{name}.yaml", certificate(name, method="DNS"))
    apply(w, name)
    yield "Validating", "key", "sync"
    os.unlink(w.path("secrets/bind/tsig"))
    w.write("secrets/bind/tsig", good, 0o400)


@row("proofs")
def mail_unanswered(w, name):
    w.manifest(f"{name}.yaml", certificate(name, method="Email"))
    apply(w, name)
    yield "AwaitingApproval", "follow the link in the mail to", "resend"
    yield "AwaitingApproval"


@row("proofs")
def vendor_is_vetting(w, name):
    w.sandbox_call("POST", "/settings", {"issueDelayMs": 3600000})
    w.manifest(f"{name}.yaml", certificate(name, method="DNS", more="").replace("  dcv: {method: DNS}\n", "  dcv: {dns: {manual: true}}\n"))
    apply(w, name)
    yield "AwaitingManual", "make", "sync"
    w.sandbox_call("POST", "/settings", {"issueDelayMs": 0})
    yield "AwaitingManual"


# ---- targets ----

def target(name, **more):
    text = TARGET.replace("name: web", f"name: {name}").replace('"{name}"', f'"{name}/{{name}}"')
    return text + "".join(f"  {key}: {json.dumps(value)}\n" for key, value in more.items())


@row("targets")
def reload_fails(w, name):
    w.profiles["bad"] = {"reload": ["/bin/sh", "-c", "echo no such service >&2; exit 1"]}
    w.manifest("t1.yaml", target("t1", reload={"profile": "bad"}))
    w.manifest(f"{name}.yaml", certificate(name, targets=("t1",)))
    apply(w, name)
    yield "Reloading", "no such service", "sync"
    w.profiles["bad"] = {"reload": ["/bin/true"]}


@row("targets")
def server_serves_another(w, name):
    w.manifest("t2.yaml", target("t2", probe={"address": f"{name}.example.test:443", "timeout": "1s"}))
    w.manifest(f"{name}.yaml", certificate(name, targets=("t2",)))
    apply(w, name)
    time.sleep(1.2)
    w.turn_clock(5)
    apply(w, name)
    yield "Reloading", "serves", "sync"
    folder = w.path(f"targets/t2/{name}/current")
    w.tls_pair(f"{folder}/fullchain.pem", f"{folder}/key.pem")
    subprocess.run([w.nginx_bin, "-s", "reload", "-c", w.path("nginx.conf")], check=True, capture_output=True)
    time.sleep(0.5)


@row("targets")
def place_of_others(w, name):
    w.manifest("t3.yaml", target("t3"))
    os.makedirs(w.path(f"targets/t3/{name}/current"))
    w.manifest(f"{name}.yaml", certificate(name, targets=("t3",)))
    apply(w, name)
    yield "Deploying", "takeOver", "sync"
    os.rmdir(w.path(f"targets/t3/{name}/current"))


@row("targets")
def folder_open_to_all(w, name):
    w.manifest("t4.yaml", target("t4"))
    os.makedirs(w.path("targets/t4"))
    os.chmod(w.path("targets/t4"), 0o777)
    w.manifest(f"{name}.yaml", certificate(name, targets=("t4",)))
    apply(w, name)
    yield "Deploying", "chmod go-w", "sync"
    os.chmod(w.path("targets/t4"), 0o755)


@row("targets")
def disk_full(w, name):
    os.makedirs(w.path("targets/t5"))
    full = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k,mode=0755", "tmpfs", w.path("targets/t5")], capture_output=True)
    if full.returncode != 0:
        raise Skip("no file system of its own can be mounted here")
    try:
        w.manifest("t5.yaml", target("t5"))
        w.manifest(f"{name}.yaml", certificate(name, targets=("t5",)))
        apply(w, name)
        yield "Deploying", "No space left", "sync"
        subprocess.run(["mount", "-o", "remount,size=1m", w.path("targets/t5")], check=True)
        yield "Ready"
    finally:
        subprocess.run(["umount", "-l", w.path("targets/t5")], check=False)


@row("targets")
def deployed_files_touched(w, name):
    w.manifest("t6.yaml", target("t6"))
    w.manifest(f"{name}.yaml", certificate(name, targets=("t6",)))
    w.run("apply", "--yes", "--timeout", "20s", name, code=0)
    link = w.path(f"targets/t6/{name}/current")
    os.unlink(link)
    os.symlink("elsewhere", link)
    w.run("sync", f"certificate/{name}", code=0)
    apply(w, name)
    yield "Drifted", "did not make", "deploy"
    os.unlink(link)


@row("targets")
def same_place_twice(w, name):
    w.manifest("t7.yaml", target("t7").replace('{name}"', 'one"'))
    w.manifest("holder.yaml", certificate("holder", names=["reload-fails.example.test", "disk-full.example.test"],
                                          product="positivemdcssl", targets=("t7",)))
    w.run("apply", "--yes", "--timeout", "20s", "holder", code=0)
    w.manifest(f"{name}.yaml", certificate(name, targets=("t7",)))
    apply(w, name)
    yield "PlaceTaken", "certificate/holder", "apply"
    yield "PlaceTaken"


def faults_of_the_vendor_are_explained():
    with world_of("vendor") as world:
        explain_all("vendor", world)


def guards_are_explained():
    with world_of("guards") as world:
        explain_all("guards", world)


def there_are_twenty_and_more():
    assert sum(len(rows) for rows in ROWS.values()) >= 20


if __name__ == "__main__":
    main([faults_of_the_vendor_are_explained, guards_are_explained, there_are_twenty_and_more])
