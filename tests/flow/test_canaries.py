#!/usr/bin/env python3
"""No secret stands where it does not belong (reliability.md 9.3): the vendor's token, the private keys that are made and the ones that
are brought, the sealing key, and the challenge word of a brought request are looked for, in every spelling, in what the program prints
and writes and in what it tells its children."""
import os
import shutil
import signal
import subprocess
import time

from canaries import Processes, Search, numbers_of, of_key, of_text, spellings
from harness import main, wait_for
from web import Site, certificate, openssl, target

WORD = "canary-challenge-4f1c9a77e2"
TOKEN = "canary-token-71d05be9c3a84"
VERBS = (["plan"], ["plan", "-o", "json"], ["plan", "-o", "md"], ["status"], ["status", "-o", "json"], ["validate"], ["preflight"],
         ["events"], ["audit", "show"], ["audit", "show", "-o", "json"], ["get", "certificates", "-o", "yaml"],
         ["get", "certificates", "-o", "wide"], ["get", "orders", "-o", "yaml"], ["get", "challenges", "-o", "json"],
         ["get", "revisions", "-o", "yaml"], ["get", "rollouts", "-o", "json"], ["get", "issuers", "-o", "yaml"],
         ["describe", "certificate/shop"], ["describe", "certificate/own"], ["why", "certificate/shop"], ["why", "certificate/request"],
         ["state", "list"], ["state", "list", "blob"], ["state", "list", "order", "-o", "json"], ["sync", "certificate/shop"])


def secret(world, name, key, text):
    path = world.write(f"secrets/{name}/{key}", text, 0o400)
    os.chmod(os.path.dirname(path), 0o700)
    return path


def challenge_request(world):
    """A signing request with a challenge word in it, and its key."""
    key = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    world.write("request.cnf", f"[req]\nprompt=no\ndistinguished_name=dn\nattributes=at\n[dn]\nCN=request.example.test\n"
                               f"[at]\nchallengePassword={WORD}\n")
    return openssl("req", "-new", "-key", "/dev/stdin", "-config", world.path("request.cnf"), text=key)


def key_canaries(name, pem):
    return of_key(name, pem, numbers_of(openssl("pkey", "-noout", "-text", text=pem)))


def prepare(world, search):
    """Three certificates: a key made here, a key that is brought, a request that is brought; and reloads that write down what their
    parent and they themselves can see."""
    world.extra_config = "log: {level: debug}\n"
    spy = world.write("spy", "#!/bin/sh\nfor process in $$ $PPID /proc/[0-9]*; do p=/proc/${process##*/}\n"
                             f"  cat $p/cmdline $p/environ >>{world.dir}/spied 2>/dev/null\ndone\nexit 0\n", 0o755)
    world.profiles["spy"] = {"check": [spy], "reload": [spy]}
    world.manifest("target.yaml", target(reload="spy", probe=None, root="targets"))
    brought = openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
    secret(world, "own", "own.pem", brought)
    secret(world, "own", "request.csr", challenge_request(world))
    search.add(key_canaries("the brought key", brought))
    search.add(of_text("the challenge word", WORD))
    with open(world.path("secrets/sslstore/auth-token")) as file:
        search.add(of_text("the vendor's token", file.read().strip()))
    world.manifest("shop.yaml", certificate("shop"))
    world.manifest("own.yaml", certificate("own", more="  privateKey: {secretRef: {name: own, key: own.pem}}\n"))
    world.manifest("request.yaml", certificate("request", more="  csrSecretRef: {name: own, key: request.csr}\n"))


def learn_made_secrets(world, search):
    with open(world.path("targets/shop/current/key.pem")) as file:
        search.add(key_canaries("the key made here", file.read()))
    with open(world.path("sealing.key"), "rb") as file:
        told = file.read().strip()
    search.add(spellings("the sealing key's file", told))
    for word in told.split():
        try:
            search.add(spellings("the sealing key", bytes.fromhex(word.decode())))
        except ValueError:
            pass


def look_everywhere(world, search):
    """The folders, but for the secrets' own, the sealing key and the private keys on the targets."""
    keys = [world.path("targets", name, f"gen-1/key.pem") for name in ("shop", "own")]
    count = search.tree(world.dir, [world.path("secrets"), world.path("sealing.key"), world.path("sandbox"),
                                    world.path("request.cnf"), *keys])
    assert count > 20, count


def speak(world, search, *words, **options):
    result = world.run(*words, "--verbose", **options)
    search.text(" ".join(words), result.out + result.err)
    return result


def whole_life():
    search = Search()
    names = [f"{name}.example.test" for name in ("shop", "own", "request")]
    with Site(names) as world:
        prepare(world, search)
        processes = Processes(world.dir)
        processes.start()
        said = [speak(world, search, "plan"), speak(world, search, "apply", "--yes", "--timeout", "60s", code=0)]
        learn_made_secrets(world, search)
        said += [speak(world, search, *words) for words in VERBS]
        daemon = world.daemon()
        wait_for(lambda: speak(world, search, "status").code == 0, "the daemon to answer")
        speak(world, search, "sync", "certificate/shop")
        world.stop(daemon)
        if "backup" in world.run("help").out:
            speak(world, search, "state", "backup", world.path("backup"))
        processes.stop()
        for result in said:
            search.text("what was said", result.out + result.err)
        for arguments, environments in processes.seen.items():
            search.text(f"arguments {arguments[:60]!r}", arguments)
            search.text(f"environment of {arguments[:60]!r}", b"".join(environments))
        look_everywhere(world, search)
        assert any(b"certwright" in arguments for arguments in processes.seen), "no process was seen"
        assert b"certwright.yaml" in open(world.path("spied"), "rb").read(), "the reload saw nothing of its parent"
        assert len(said) > 20 and sum(len(result.out) for result in said) > 5000, said
    assert len(search.canaries) > 100, len(search.canaries)
    assert search.found == [], "\n".join(sorted(set(search.found)))


def every_error():
    search = Search()
    with Site() as world:
        prepare(world, search)
        search.add(of_text("a token that is refused", TOKEN))
        token = world.path("secrets/sslstore/auth-token")
        os.unlink(token)
        secret(world, "sslstore", "auth-token", TOKEN)
        speak(world, search, "plan")
        refused = speak(world, search, "apply", "--yes", "--timeout", "20s")
        assert refused.code not in (0, 71), refused
        speak(world, search, "why", "certificate/shop")
        # keys and requests that are broken in the middle
        for key, label in (("own.pem", "PRIVATE KEY"), ("request.csr", "CERTIFICATE REQUEST")):
            path = world.path("secrets/own", key)
            with open(path) as file:
                lines = file.read().splitlines()
            os.unlink(path)
            secret(world, "own", key, "\n".join(lines[:5] + ["!" + lines[5][1:]] + lines[6:]) + "\n")
        os.unlink(token)
        shutil.copy(world.path("sandbox/auth-token"), token)
        os.chmod(token, 0o400)
        for words in (["plan"], ["validate"], ["preflight"], ["apply", "--yes", "--timeout", "5s"], ["status", "-o", "json"],
                      ["why", "certificate/own"], ["why", "certificate/request"], ["describe", "certificate/own"]):
            speak(world, search, *words)
        world.stop(world.sandbox)
        speak(world, search, "plan")
        speak(world, search, "apply", "--yes", "--timeout", "3s")
        search.tree(world.dir, [world.path("secrets"), world.path("sealing.key"), world.path("sandbox"), world.path("request.cnf"),
                                world.path("targets/shop")])
    assert search.found == [], "\n".join(sorted(set(search.found)))


WITHOUT_HANDLERS = "handle_segv=0:handle_abort=0:disable_coredump=0"  # a sanitizer would end the process in its own way


def a_crash_leaves_no_core():
    search = Search()
    with Site(nginx=False) as world:
        prepare(world, search)
        before = set(os.listdir(world.dir))
        child = subprocess.Popen(["sh", "-c", 'ulimit -c unlimited; exec "$@"', "sh", *world.argv("run")], cwd=world.dir,
                                 env={**world.environment(), **dict.fromkeys(("ASAN_OPTIONS", "TSAN_OPTIONS"), WITHOUT_HANDLERS)},
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        world.children.append(child)
        wait_for(lambda: os.path.exists(world.path("state/control.sock")), "the daemon")
        with open(f"/proc/{child.pid}/limits") as file:
            core = next(line for line in file if line.startswith("Max core file size")).split()
        assert core[4:6] == ["0", "0"], core
        child.send_signal(signal.SIGSEGV)
        assert child.wait(20) == -signal.SIGSEGV
        left = {name for name in os.listdir(world.dir) if name.startswith("core")} | (
            {name for name in set(os.listdir(world.dir)) - before if "core" in name})
        assert left == set(), left


def the_search_finds_each_spelling():
    """Planted in a file among others, each spelling of each kind of secret is found."""
    with Site(nginx=False) as world:
        pem = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        canaries = {**key_canaries("a key", pem), **of_text("a token", TOKEN)}
        assert any("priv" in name for name in canaries), sorted(canaries)
        for name, spelling in canaries.items():
            search = Search()
            search.add(canaries)
            with open(world.path("state-like"), "wb") as file:
                file.write(b"\0before " + spelling + b" after\xff")
            search.tree(world.dir, [world.path("secrets"), world.path("sandbox")])
            assert any(found.startswith(name) for found in search.found), name
        process = subprocess.Popen(["sleep", "30"], env={"LEAK": world.dir + TOKEN})
        try:
            processes = Processes(world.dir)
            time.sleep(0.2)
            processes.look()
            assert any(TOKEN.encode() in e for es in processes.seen.values() for e in es), "an environment was not seen"
        finally:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main([whole_life, every_error, a_crash_leaves_no_core, the_search_finds_each_spelling])
