"""One certificate's life in a world of its own, interrupted somewhere, and everything that must be true of it afterwards.

    with Life("http") as life:
        first = life.first_start(["point", "--at", "sendto:4", ...])   # whatever befalls it
        life.recover()                                                 # as a person would: start it again
        problems = life.judge()

Kinds: "http" (nginx: file, reload, TLS probe; a second target in one file), "dns" (BIND), "files" (as http, but a plain server,
and no nginx: quick), "again" (all is deployed; then a target's settings change, so that a second generation is published)."""
import hashlib
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "flow"))

from harness import ISSUER, World, wait_for  # noqa: E402
from shop import DNS_ACCOUNT, FREE_PATHS, certificate  # noqa: E402

NAME = "shop.example.test"
KINDS = ("http", "dns", "files", "again")
DEFINED_EXITS = {0, 1, 3, 4, 5, 6, 7, 71, 75, 78, 130}
STARTS_MOST = 3
HANG_S = 100  # a read from the vendor gives up after 60
ON_DISK = ("state", "audit", "sealing.key", "targets", "nginx", "www")  # what a power cut reaches

TARGETS = """
apiVersion: certwright/v1alpha1
kind: DeployTarget
metadata: {name: web}
spec:
  domains: ["*.example.test"]
  local: {root: nginx}
  path: "{name}"
  mode: "%s"
  challenge: {http: {root: www}}
  reload: {profile: %s}
%s---
apiVersion: certwright/v1alpha1
kind: DeployTarget
metadata: {name: one-file}
spec:
  local: {root: targets}
  path: "{name}.pem"
  layout: Combined
  reload: {profile: note}
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class PairWatch(threading.Thread):
    """Reads the published pair over and over, as a server would, from the start to the end of a life."""

    def __init__(self, life):
        super().__init__(daemon=True)
        self.life, self.over = life, threading.Event()
        self.seen, self.problems, self.looks, self.published = {}, [], 0, set()

    def look_at_folder(self, path):
        try:
            folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            if path in self.published:
                self.problems.append(f"{path} vanished after it was published")
            return
        try:
            self.published.add(path)
            key, chain = (self.read(name, folder) for name in ("key.pem", "fullchain.pem"))
            self.seen.setdefault(hashlib.sha256(key + chain).hexdigest(), (path, key, chain))
        except OSError as error:
            self.problems.append(f"{path}: {error}")
        finally:
            os.close(folder)

    def look_at_file(self, path):
        try:
            both = self.read(path)
        except FileNotFoundError:
            if path in self.published:
                self.problems.append(f"{path} vanished after it was published")
            return
        self.published.add(path)
        self.seen.setdefault(hashlib.sha256(both).hexdigest(), (path, both, both))

    @staticmethod
    def read(path, folder=None):
        file = os.open(path, os.O_RDONLY, dir_fd=folder)
        try:
            return os.read(file, 1 << 20)
        finally:
            os.close(file)

    def look(self):
        self.look_at_folder(self.life.path("nginx/shop/current"))
        self.look_at_file(self.life.path("targets/shop.pem"))
        self.looks += 1

    def run(self):
        while not self.over.wait(0.004):
            self.look()

    def stop(self):
        if self.is_alive():
            self.over.set()
            self.join()

    def judge(self):
        problems = list(dict.fromkeys(self.problems))
        for path, key, chain in self.seen.values():
            said = unmatched(key, chain)
            if said is not None:
                problems.append(f"a reader of {path} saw {said}")
        return problems


def unmatched(key, chain):
    """Why key and first certificate do not belong together; None: they do."""
    if not key.strip() or not chain.strip():
        return "an empty file"
    ours = subprocess.run(["openssl", "pkey", "-pubout"], input=key, capture_output=True)
    theirs = subprocess.run(["openssl", "x509", "-noout", "-pubkey"], input=chain, capture_output=True)
    if ours.returncode != 0 or theirs.returncode != 0:
        return "half a key or certificate"
    return None if ours.stdout == theirs.stdout else "a key and a certificate that do not match"


class Life(World):
    disk = False

    def __init__(self, kind, passes=10, disk=False):
        super().__init__()
        self.kind, self.passes = kind, passes
        self.held, self.starts, self.notes = 0, 0, []
        self.server = None
        if disk:
            self.make_disk()
        self.watch = PairWatch(self)

    # ---- a disk of its own, for power cuts ----

    def path(self, *parts):
        if self.disk and parts and parts[0].split("/")[0] in ON_DISK:
            return os.path.join(self.dir, "disk", *parts)
        return super().path(*parts)

    def make_disk(self):
        image = super().path("disk.img")
        os.makedirs(super().path("disk"))
        with open(image, "wb") as file:
            file.truncate(160 << 20)  # below 64 MiB nothing is bought
        subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
        self.mount(image)
        self.disk = True
        for name in ("www", "nginx", "targets"):
            os.makedirs(self.path(name))
            os.rmdir(os.path.join(self.dir, name))
            self.roots[name] = self.path(name)
        os.sync()

    def mount(self, image):
        subprocess.run(["mount", "-o", "loop,commit=600,noauto_da_alloc", image, os.path.join(self.dir, "disk")], check=True)

    def unmount(self):
        subprocess.run(["umount", os.path.join(self.dir, "disk")], check=True)

    def cut_power(self):
        """What the disk really holds is what there is from now on: the image is copied beside the mounted file system, unsynced."""
        after = super().path("after.img")
        subprocess.run(["cp", "--sparse=always", super().path("disk.img"), after], check=True)
        self.watch.stop()
        self.unmount()
        self.mount(after)
        problems = self.watch.problems
        self.watch = PairWatch(self)
        self.watch.problems = problems
        if "watch" in self.notes:
            self.watch.start()

    # ---- begin and end ----

    def __enter__(self):
        try:
            self.begin()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, kind, value, trace):
        self.watch.stop()
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
        if self.disk:
            for child in list(self.children):
                self.stop(child)
            subprocess.run(["umount", "-l", os.path.join(self.dir, "disk")], check=False)
        super().__exit__(kind, value, trace)

    def begin(self):
        self.profiles["note"] = {"reload": [self.write("note", f"#!/bin/sh\nexec >{self.dir}/noted\n"
                                                               f"readlink {self.path('targets/shop.pem')}\n"
                                                               f"readlink {self.path('nginx/shop/current')}\nexit 0\n", 0o755)]}
        if self.kind == "http":
            self.start_nginx([NAME])
        elif self.kind == "dns":
            self.start_bind(["example.test"])
            self.manifest("dns.yaml", DNS_ACCOUNT % self.bind_port)
        else:
            self.start_files()
        self.start_sandbox()
        self.manifest("issuer.yaml", ISSUER)
        self.targets("0600")
        self.want()
        self.zone = wait_for(lambda: self.zone_records("example.test"), "the zone") if self.kind == "dns" else None
        if self.kind == "again":
            self.run("apply", "--yes", code=0)
            self.targets("0400")
        self.watch.start()
        self.notes.append("watch")

    def targets(self, mode):
        probe = f'  probe: {{address: "{NAME}:443", timeout: 4s}}\n' if self.kind == "http" else ""
        self.manifest("targets.yaml", TARGETS % (mode, "nginx" if self.kind == "http" else "note", probe))

    def want(self):
        """Sectigo's CNAME by DNS. By file a product of DigiCert's: there the vendor takes the same request twice, and gladly, so
        that nothing but our own care keeps a need from being paid twice."""
        method, product = ("DNS", "positivessl") if self.kind == "dns" else ("HTTP", "digi_rapidssl")
        self.manifest("shop.yaml", certificate(method=method, product=product, targets=("web", "one-file"),
                                               more="  privateKey: {algorithm: ECDSA, size: 256}\n"))

    def start_files(self):
        life = self

        class Files(Quiet):
            def __init__(self, *arguments):
                super().__init__(*arguments, directory=life.path("www"))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
        self.resolve[f"{NAME}:80"] = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    # ---- starts ----

    def turned(self, argv, turn_after, ask_after=None):
        """Run to the end, the clock turned on whenever it takes long: (exit code, standard output and error). `ask_after`: seconds
        until it is asked to stop."""
        began = time.monotonic()
        out = open(self.path("logs/start.log"), "w+")
        child = subprocess.Popen(argv, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=self.dir,
                                 env=self.environment())
        try:
            while True:
                try:
                    child.wait(0.15)
                    break
                except subprocess.TimeoutExpired:
                    pass
                if time.monotonic() - began > HANG_S:
                    child.kill()
                    child.wait()
                    self.notes.append(f"hang: {' '.join(argv[-4:])}")
                    break
                if time.monotonic() - began > turn_after:
                    self.turn_clock(305)
                if ask_after is not None and time.monotonic() - began > ask_after:
                    child.send_signal(signal.SIGTERM)
                    ask_after = None
        except BaseException:
            child.kill()
            child.wait()
            raise
        out.seek(0)
        text = out.read()
        out.close()
        if "Sanitizer" in text or "runtime error:" in text:
            self.notes.append(f"sanitizer report:\n{text}")
        return child.returncode, text

    def apply_words(self):
        return self.argv("apply", "--yes", "--timeout", "5h")

    def first_start(self, wrapper):
        code, text = self.turned([*wrapper, *self.apply_words()], 3.0)
        self.first = (code, text)
        return code

    def audit_lines(self):
        try:
            with open(self.path("audit/audit.log"), "rb") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def phase(self):
        told = self.run("get", "certificate", "shop", "-o", "json")
        return told.json()["status"].get("phase", "") if told.code == 0 else f"get: exit {told.code}"

    def recover(self):
        """Start it again, at most three times; release what waits for a person, who looked first."""
        problems = []
        while self.starts < STARTS_MOST:
            uncertain = not self.ledger() and any(b'"order.submit"' in line for line in self.audit_lines())
            self.starts += 1
            code, text = self.turned(self.apply_words(), 0.3 if uncertain else 4.0)
            if code not in DEFINED_EXITS:
                problems.append(f"start {self.starts} ended with {code}:\n{text}")
            if code == 0:
                break
            if self.phase() == "OrderHeld":
                problems += self.release()
            else:
                self.turn_clock(1000)
        else:
            why = self.run("why", "certificate/shop")
            problems.append(f"not there after {self.starts} starts; the last said:\n{text}\nwhy: {why.out}{why.err}")
        return problems

    def release(self):
        if self.ledger():
            return ["held, but the vendor has the order"]
        why = self.run("why", "certificate/shop").out
        if "certwright release certificate/shop" not in why:
            return [f"why does not name the command that resolves a held order:\n{why}"]
        self.held += 1
        self.starts -= 1  # a person's word, not a restart
        result = self.run("release", "certificate/shop")
        return [] if result.code == 0 else [f"release: {result!r}"]

    # ---- what must be true ----

    def judge(self):
        """Sentences about what is wrong."""
        self.watch.stop()
        self.watch.look()
        problems = [note for note in self.notes if note != "watch"] + self.watch.judge()
        for check in (self.judge_first, self.judge_ledger, self.judge_certificate, self.judge_places, self.judge_strays,
                      self.judge_rest, self.judge_audit):
            try:
                problems += check()
            except Exception as error:  # a file that is missing, an answer that cannot be read: said, and the rest looked at
                problems.append(f"{check.__name__}: {type(error).__name__}: {error}")
        return problems

    def judge_first(self):
        code, text = self.first
        killed = code in (137, -signal.SIGTERM)  # as we did; asked to stop before anything was begun
        return [] if killed or code in DEFINED_EXITS else [f"exit code {code} is none of ours:\n{text}"]

    def judge_ledger(self):
        entries = self.ledger()
        return [] if len(entries) == 1 else [f"paid {len(entries)} times: {json.dumps(entries)[:600]}"]

    def judge_certificate(self):
        shop = self.run("get", "certificate", "shop", "-o", "json", code=0).json()
        if shop["status"]["phase"] != "Ready":
            return [f"not ready but {shop['status']['phase']}: {shop['status'].get('message')}"]
        kept = self.run("state", "list", "blob", code=0).out
        order = self.run("get", "order", "-o", "json", code=0).json()
        order = (order["items"][0] if "items" in order else order)["status"]
        return [] if f"key/{order['keyId']}" in kept else [f"the key {order['keyId']} is not in the store"]

    def judge_places(self):
        problems = []
        with open(self.path("nginx/shop/current/cert.pem")) as file:
            leaf = file.read()
        with open(self.path("targets/shop.pem")) as file:
            if leaf.strip() not in file.read():
                problems.append("the two targets hold different certificates")
        mode = os.stat(self.path("nginx/shop/current/key.pem")).st_mode & 0o777
        if mode != (0o400 if self.kind == "again" else 0o600):
            problems.append(f"the key's mode is {mode:o}")
        with open(os.path.join(self.dir, "noted")) as file:  # the reload that came last saw what is published
            noted = file.read().split()
        links = [os.readlink(self.path("targets/shop.pem")), os.readlink(self.path("nginx/shop/current"))]
        if noted[:1] != links[:1] or (self.kind != "http" and noted[1:] != links[1:]):
            problems.append(f"no reload after the last publication: {noted}, {links}")
        if self.kind == "http":
            from web import leaf_digest
            if self.served(NAME) != leaf_digest(self.path("nginx/shop/current/cert.pem")):
                problems.append("nginx serves another certificate")
        return problems

    def judge_strays(self):
        problems = []
        for folder, folders, files in os.walk(self.path("www")):
            if folder != self.path("www") or folders or files:
                problems.append(f"left in the web root: {folder} {folders} {files}")
        if self.zone is not None and self.zone_records("example.test") != self.zone:
            problems.append(f"left in the zone: {self.zone_records('example.test')}")
        for top in ("nginx", "targets", "state", "audit"):
            for folder, folders, files in os.walk(self.path(top)):
                for name in folders + files:
                    if name.startswith(".") or name.endswith(("~", ".new", ".tmp")):
                        problems.append(f"left over: {os.path.join(folder, name)}")
        for name in os.listdir(os.path.dirname(self.path("sealing.key"))):
            if name.startswith(".sealing"):
                problems.append(f"left beside the sealing key: {name}")
        return problems

    def everything(self):
        found = {}
        for top in ("nginx", "targets", "www"):
            for folder, folders, files in os.walk(self.path(top)):
                for name in files + folders:
                    stat = os.lstat(os.path.join(folder, name))
                    found[os.path.join(folder, name)] = (stat.st_ino, stat.st_mode, stat.st_size, stat.st_mtime_ns)
        return found

    def judge_rest(self):
        before, lines, problems = self.everything(), len(self.audit_lines()), []
        self.sandbox_call("DELETE", "/requests")
        for number in range(self.passes):
            result = self.run("reconcile", "--once")
            if result.code != 0:
                problems.append(f"pass {number + 1} at rest: {result!r}")
                break
        asked = sorted(set(self.sandbox_call("GET", "/requests")["paths"]) - FREE_PATHS)
        if asked:
            problems.append(f"asked at rest: {asked}")
        if self.everything() != before:
            problems.append("files changed at rest")
        if len(self.audit_lines()) != lines:
            problems.append(f"done at rest: {self.audit_lines()[lines:]}")
        return problems

    def judge_audit(self):
        """The chain and the sequence, read with nothing of the program's own."""
        problems, last, number, submits = [], None, 0, 0
        for at, line in enumerate(self.audit_lines()):
            try:
                told = json.loads(line)
                torn = False
            except ValueError:
                torn = True
            if not torn:
                if last is not None and told["prev"] != last:
                    problems.append(f"audit line {at + 1} does not follow from the line before it")
                if told["seq"] != number + 1:
                    problems.append(f"audit: {told['seq']} follows {number}")
                number = told["seq"]
                submits += told["action"] == "order.submit"
            last = hashlib.sha256(line).hexdigest()
        if len(self.ledger()) > submits:
            problems.append(f"{len(self.ledger())} paid, {submits} in the audit log")
        return problems
