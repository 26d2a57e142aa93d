"""Manifests made to harm: bombs, depth, size, encodings, links, devices, traversal, other people's names. Beside each stands a good
manifest. Each must be a typed error with its place within a second of processor time and 64 MiB, the good one must be issued, nothing outside the
tree may be opened, and what is printed must not reach into the terminal.

scripts/hostile goes through all of them; tests/flow/test_hostile.py through a sample."""
import contextlib
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(SOURCE, "tests", "flow"))
from harness import BIN, World, main as run_tests, need  # noqa: E402,F401
from shop import certificate, shop_world  # noqa: E402

CANARY = "canary-of-the-hostile-sweep"
API = "apiVersion: certwright/v1alpha1\n"
HEAD = API + "kind: Certificate\nmetadata: {name: evil}\nspec:\n"
SPEC = "  order: {product: positivessl}\n  dcv: {method: Email}\n"


def spec(**fields):
    """A certificate, as JSON, with these fields beside the usual ones."""
    usual = {"dnsNames": ["evil.example.test"], "order": {"product": "positivessl"}, "dcv": {"method": "HTTP"},
             "targets": [{"name": "web"}]}
    return json.dumps({"apiVersion": "certwright/v1alpha1", "kind": "Certificate", "metadata": {"name": "evil"},
                       "spec": {**usual, **fields}}, ensure_ascii=False)


def named(name, namespace="default", **fields):
    text = json.loads(spec(**fields))
    text["metadata"] = {"name": name, "namespace": namespace}
    return json.dumps(text, ensure_ascii=False)


def of_kind(kind, **fields):
    return json.dumps({"apiVersion": "certwright/v1alpha1", "kind": kind, "metadata": {"name": "evil"}, "spec": fields})


def laughs(levels, width):
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"l{i}: &l{i} [{', '.join(f'*l{i - 1}' for _ in range(width))}]" for i in range(1, levels)]
    return "\n".join(lines) + "\n"


def indented(depth, opener):
    return "".join("  " * i + opener for i in range(depth)) + "\n"


TEXTS = {
    # ---- bombs ----
    "billion-laughs": laughs(9, 9), "laughs-narrow": laughs(40, 2), "laughs-wide": laughs(3, 1000),
    "merge-bomb": "a: &a {k: 1}\n" + "".join(f"m{i}: &m{i} {{<<: [{', '.join(['*a'] * 200)}]}}\n" for i in range(200)),
    "merge-of-many-keys": "a: &a {" + ", ".join(f"k{i}: {i}" for i in range(4000)) + "}\n" +
                          "".join(f"b{i}:\n  <<: *a\n  x{i}: 1\n" for i in range(40)),
    "itself": "a: &a [*a]\n", "itself-in-a-mapping": "a: &a {b: {c: *a}}\n", "no-such-alias": "a: *b\n",
    "many-anchors": "".join(f"- &a{i} 1\n" for i in range(9000)) + "".join(f"- *a{i}\n" for i in range(9000)),
    "one-anchor-renamed": "".join(f"- &a {i}\n- *a\n" for i in range(9900)),
    "long-anchor": f"- &{'a' * 100000} 1\n- *{'a' * 100000}\n",
    "many-documents": "---\na: 1\n" * 30000, "many-empty-documents": "---\n" * 60000, "many-broken-documents": "--- [\n" * 40000,
    "many-ends": "a: 1\n...\n" * 20000,
    # ---- depth ----
    "deep-lists": "[" * 100000, "deep-lists-closed": "[" * 20000 + "]" * 20000, "deep-mappings": "{a: " * 60000,
    "deep-dashes": "- " * 100000, "deep-questions": "? " * 100000, "deep-indents": indented(300, "a:\n"),
    "deep-quotes": "[{" * 5000 + '"', "deep-json": '{"a":' * 30000 + "1" + "}" * 30000, "just-too-deep": "[" * 33 + "]" * 33,
    # ---- size ----
    "one-byte-too-long": "#" + "x" * (256 * 1024), "a-megabyte": "#" + "x" * (1 << 20), "long-scalar": f"a: {'x' * 200000}\n",
    "long-quoted": f'a: "{"x" * 200000}"\n', "long-block": "a: |\n" + "  x\n" * 60000, "long-key": f"{'k' * 1000}: 1\n",
    "very-long-key": f"{'k' * 200000}: 1\n", "many-values": "[" + "1," * 100000 + "]", "many-keys": "".join(f"k{i}: 1\n" for i in range(20000)),
    "same-key": "k: 1\n" * 20000, "many-unknown-fields": HEAD + "".join(f"  f{i}: 1\n" for i in range(9000)),
    "many-bad-names": HEAD + "  dnsNames: [" + ", ".join(f'"{i}_!"' for i in range(15000)) + "]\n" + SPEC,
    "many-names": spec(dnsNames=[f"n{i}.example.test" for i in range(3000)]), "many-line-breaks": "\r" * 200000 + "[",
    "many-colons": ":" * 200000, "many-spaces": " " * 200000 + "\t[", "many-escapes": '"' + "\\x41" * 60000,
    "many-tags": "- !!x 1\n" * 9000, "many-labels": HEAD.replace("{name: evil}", "{name: evil, labels: {" +
                                                                   ", ".join(f"l{i}: x" for i in range(3000)) + "}}") + SPEC,
    # ---- what YAML should not be used for ----
    "python-object": "a: !!python/object/apply:os.system [id]\n", "binary-tag": "a: !!binary aGk=\n", "own-tag": "a: !evil {x: 1}\n",
    "tag-directive": "%TAG !e! tag:evil.test,2026:\n---\na: !e!x 1\n", "version-3": "%YAML 3.0\n---\na: 1\n",
    "other-directive": "%EVIL x\n---\n[", "complex-key": "? [a, b]\n: 1\n", "null-key": "~: 1\n: 2\n", "two-in-one": "a: 1\n[b]\n",
    "open-quote": 'a: "never closed\n' * 3000, "tab-indent": "a:\n\tb: 1\n", "duplicate-keys": HEAD + SPEC + SPEC,
    "json-twice": '{"a": 1} {"b": 2}', "json-same-key": '{"apiVersion": "x", "apiVersion": "y"}', "a-list": "- 1\n- 2\n",
    "a-number": "42\n", "html": "<!DOCTYPE html><script>alert(1)</script>\n", "shell": "#!/bin/sh\nrm -rf /\n",
    # ---- what is said in fields ----
    "traversal": of_kind("DeployTarget", local={"root": "targets"}, path="../../../etc/certwright"),
    "traversal-inside": of_kind("DeployTarget", local={"root": "targets"}, path="a/../../b"),
    "absolute": of_kind("DeployTarget", local={"root": "targets"}, path="/etc/cron.d/evil"),
    "placeholder": of_kind("DeployTarget", local={"root": "targets"}, path="{HOME}/{name}"),
    "no-such-root": of_kind("DeployTarget", local={"root": "/etc"}, path="{name}"),
    "root-above": of_kind("DeployTarget", local={"root": ".."}, path="{name}"),
    "command": of_kind("DeployTarget", local={"root": "targets"}, path="{name}", reload={"command": "rm -rf /"}),
    "profile-with-words": of_kind("DeployTarget", local={"root": "targets"}, path="{name}", reload={"profile": "x; rm -rf /"}),
    "open-mode": of_kind("DeployTarget", local={"root": "targets"}, path="{name}", mode="0666"),
    "secret-above": of_kind("Issuer", sslstore={"environment": "offline", "partnerCode": "1",
                                                "authTokenSecretRef": {"name": "../..", "key": "etc/shadow"}}),
    "secret-absolute": of_kind("Issuer", sslstore={"environment": "offline", "partnerCode": "1",
                                                   "authTokenSecretRef": {"name": "sslstore", "key": "/etc/shadow"}}),
    "endpoint": of_kind("Issuer", sslstore={"environment": "https://evil.test/", "partnerCode": "1",
                                            "authTokenSecretRef": {"name": "sslstore", "key": "auth-token"}}),
    "proxy": of_kind("Issuer", sslstore={"environment": "offline", "proxy": "http://evil.test", "partnerCode": "1",
                                         "authTokenSecretRef": {"name": "sslstore", "key": "auth-token"}}),
    "private-server": of_kind("DNSAccount", zones=["example.test"], rfc2136={"nameserver": "10.0.0.1:53;rm"}),
    "program": of_kind("DNSAccount", exec={"command": ["/bin/sh", "-c", "id"]}),
    "operators-file": API + "kind: ControllerConfig\nstate: {directory: /tmp}\n",
    "namespace-above": named("evil", "../etc"), "namespace-with-slash": named("evil", "a/b"), "name-above": named("../../evil"),
    "name-absolute": named("/etc/evil"), "name-long": named("a" * 64), "name-empty": named(""), "name-dots": named(".."),
    "name-of-cyrillic": named("\u0430dmin"), "name-in-capitals": named("Evil"), "name-with-newline": named("evil\nname: good"),
    "name-with-escape": named("evil\u001b[2J"), "name-turned-round": named("evil\u202elive"),
    "issuer-of-another": named("evil", "team-b", issuerRef={"name": "main"}),
    "issuer-by-path": spec(issuerRef={"name": "default/main"}), "target-of-another": named("evil", "team-b", targets=[{"name": "web"}]),
    "dns-name-long": spec(dnsNames=["a." * 126 + "example.test"]), "dns-label-long": spec(dnsNames=["a" * 64 + ".example.test"]),
    "dns-name-with-newline": spec(dnsNames=["a.example.test\nb.example.test"]), "dns-name-with-nul": spec(dnsNames=["a.example.test\x00.evil.test"]),
    "dns-name-with-space": spec(dnsNames=["a.example.test b"]), "dns-name-with-at": spec(dnsNames=["admin@example.test"]),
    "dns-name-address": spec(dnsNames=["192.0.2.1"]), "dns-name-url": spec(dnsNames=["https://a.example.test/"]),
    "dns-name-wild-inside": spec(dnsNames=["a.*.example.test"]), "dns-name-quote": spec(dnsNames=['a"$(id)".example.test']),
    "approver-with-newline": spec(dcv={"method": "Email", "email": {"approver": "admin@example.test\r\nBcc: evil@evil.test"}}),
    "approver-of-another": spec(dcv={"method": "Email", "email": {"approver": "admin@evil.test"}}),
    "product-unknown": spec(order={"product": "positivessl'; drop table orders"}), "term-endless": spec(order={"product": "positivessl", "term": "999999999999y"}),
    "servers-endless": spec(order={"product": "positivessl", "serverCount": 10**18}), "renew-never": spec(renewBefore="-1d"),
    "key-tiny": spec(privateKey={"algorithm": "RSA", "size": 512}), "key-huge": spec(privateKey={"algorithm": "RSA", "size": 1 << 20}),
    "csr-not-one": spec(csr={"inline": "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"}),
}

BYTES = {
    "utf-16-le": ("\ufeff" + HEAD).encode("utf-16-le"), "utf-16-be": ("\ufeff" + HEAD).encode("utf-16-be"),
    "utf-32": HEAD.encode("utf-32"), "latin-1": (HEAD + "  x: \u00fc\n").encode("latin-1"), "overlong": b"a: \xc0\x80\n",
    "overlong-slash": b"a: ..\xc0\xaf\n", "surrogate": b"a: \xed\xa0\x80\n", "beyond-unicode": b"a: \xf4\x90\x80\x80\n",
    "cut-character": b"a: \xe2\x82", "nul": b"a: b\x00c\n", "only-nul": b"\x00" * 5000, "noise": bytes(range(256)) * 100,
    "escape-sequence": b"a: \x1b]0;evil\x07\x1b[31m\n", "bell": b"a: \x07\n", "form-feed": b"a: \x0c\n", "vertical-tab": b"\x0ba: 1\n",
    "c1-control": "a: \u009b31m\n".encode(), "next-line": "a: \u0085b\n".encode(), "turned-round": "a: \u202egnp.exe\n".encode(),
    "isolate": "a: \u2066x\u2069\n".encode(), "right-to-left-mark": "a: \u200fx\n".encode(), "non-character": "a: \ufffe\n".encode(),
    "escape-quoted": HEAD.encode() + b'  commonName: "\\e[31mred"\n', "nul-quoted": HEAD.encode() + b'  commonName: "a\\0b"\n',
    "turned-round-quoted": HEAD.encode() + b'  commonName: "a\\u202eb"\n', "surrogate-quoted": b'a: "\\ud800"\n',
    "beyond-quoted": b'a: "\\UFFFFFFFF"\n', "mark-in-the-midst": b"a: 1\n\xef\xbb\xbfb: [\n", "elf": b"\x7fELF\x02\x01\x01" + b"\x00" * 200,
    "gzip": b"\x1f\x8b\x08\x00" + bytes(range(200)), "mark-twice": b"\xef\xbb\xbf\xef\xbb\xbfa: [\n",
}

# Names of files with something broken in them: what counts is how they are shown.
NAMES = ["evil\x1b[2J\x1b]0;x\x07.yaml", "evil\nerror: good.yaml is bad.yaml", "evil\u202elmay.yaml", "-f evil.yaml", "evil$(id)`id`;id.yaml",
         "evil'\"\\.yaml", "e" * 250 + ".yaml", b"evil\xff\xfe.yaml", "evil<script>.yaml", " .yaml", "evil\r.yaml", "evil%s%n.yaml"]


def fifo(path, outside):
    os.mkfifo(path)


def listener(path, outside):
    here = os.getcwd()
    os.chdir(os.path.dirname(path))
    try:
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as one:
            one.bind(os.path.basename(path))
    finally:
        os.chdir(here)


def device(path, outside):
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero


def link_to(target):
    def make(path, outside):
        os.symlink(target.format(outside=outside), path)
    return make


def loop(path, outside):
    os.symlink(os.path.basename(path) + "2.yaml", path)
    os.symlink(os.path.basename(path), path + "2.yaml")


def sparse(size):
    def make(path, outside):
        with open(path, "wb") as file:
            file.truncate(size)
    return make


def folder_link(path, outside):
    os.symlink(outside, path[:-len(".yaml")])


SPECIAL = {
    "fifo": fifo, "socket": listener, "device": device, "link-outside": link_to("{outside}/secret.yaml"),
    "link-relative": link_to("../../../../../../../../etc/passwd"), "link-to-folder": link_to("{outside}"), "link-of-a-folder": folder_link,
    "link-to-zero": link_to("/dev/zero"), "link-to-stdin": link_to("/proc/self/fd/0"), "link-to-environment": link_to("/proc/self/environ"),
    "link-to-memory": link_to("/proc/self/mem"), "link-to-root": link_to("/proc/self/root/etc/passwd"), "link-loop": loop,
    "link-dangling": link_to("nothing-here.yaml"), "link-above": link_to(".."), "sparse-257-kib": sparse(257 * 1024),
    "sparse-1-gib": sparse(1 << 30), "sparse-8-tib": sparse(8 << 40),
}


def cases():
    """[(name, maker(path of the file, folder outside))]"""
    def writer(data):
        def make(path, outside):
            with open(path, "wb") as file:
                file.write(data)
        return make
    found = [(name, writer(text.encode("utf-8", "surrogatepass"))) for name, text in TEXTS.items()]
    found += [(name, writer(data)) for name, data in BYTES.items()]
    found += [(f"file-name-{i}", (name, writer(b"kind: [\n"))) for i, name in enumerate(NAMES)]
    found += list(SPECIAL.items())
    assert len(found) >= 150, len(found)
    return found


def put(folder, name, maker, outside):
    """Make the hostile file; False: this host does not let us."""
    if isinstance(maker, tuple):
        base, maker = maker
        path = os.path.join(os.fsencode(folder), os.fsencode(base))
    else:
        path = os.path.join(folder, f"evil-{name}.yaml")
    try:
        maker(path, outside)
    except OSError as error:
        print(f"not made: {name}: {error}")
        return False
    return True


UNCLEAN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe]")


class Told:
    def __init__(self, code, out, err, cpu, rss):
        self.code, self.out, self.err, self.cpu, self.rss = code, out, err, cpu, rss


def measured(argv, env, seconds=120):
    """Peak memory is that of the largest of its processes."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begin = time.monotonic()
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env)
        end = begin + seconds
        pid = 0
        while pid == 0 and time.monotonic() < end:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            time.sleep(0.002 if pid == 0 else 0)
        if pid == 0:
            child.kill()
            child.wait()
            raise AssertionError(f"{argv}: no end after {seconds} s")
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        return Told(child.returncode, out.read(), err.read(), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def judge(w, name):
    """validate, as JSON and as text. Gives (processor seconds of all its processes, MiB of the largest)."""
    told = measured(w.argv("validate", "-o", "json"), w.environment())
    text = measured(w.argv("validate"), w.environment())
    assert told.code == 3 and text.code == 3, (name, told.code, text.code, told.err[-500:], text.err[-500:])
    problems = [p for p in json.loads(told.out)["problems"] if p["severity"] == "error"]
    assert problems, (name, "no error")
    for problem in problems:
        assert re.fullmatch("[a-z0-9-]+", problem["code"]) and problem["message"], (name, problem)
        assert problem["line"] >= 1 or problem["code"] == "file-too-large", (name, problem)
        assert "evil" in problem["file"] or " .yaml" in problem["file"] or "e" * 200 in problem["file"] or problem["code"] == "duplicate-resource", (name, problem)
        assert CANARY not in json.dumps(problem), (name, problem)
    for shown in (told.out, text.out, text.err):
        shown = shown.decode("utf-8")  # it must be that
        assert UNCLEAN.search(shown) is None, (name, UNCLEAN.search(shown), shown[:600])
        assert CANARY not in shown, name
    return max(told.cpu, text.cpu), max(told.rss, text.rss)


def clean(w):
    for entry in os.listdir(os.fsencode(w.path("manifests"))):
        path = os.path.join(os.fsencode(w.path("manifests")), entry)
        if entry not in (b"issuer.yaml", b"target.yaml", b"good.yaml"):
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)


def make_outside():
    outside = tempfile.mkdtemp(prefix="cw-outside.")
    with open(os.path.join(outside, "secret.yaml"), "w") as file:
        file.write(f"{CANARY}: [\n")
    return outside


def opened_outside(w, outside):
    """Paths that a traced `validate` opened beneath `outside`, or that the links lead to."""
    strace = need("strace", "strace")
    log = w.path("logs/hostile.strace")
    env = dict(w.environment(), ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")
    subprocess.run([strace, "-f", "-qq", "-y", "-e", "signal=none", "-e", "trace=open,openat,openat2,creat,connect", "-o", log,
                    *w.argv("validate")], env=env, capture_output=True, timeout=120, check=False)
    seen = []
    with open(log, errors="replace") as file:
        lines = file.read().splitlines()
    assert any("good.yaml" in line for line in lines), "strace saw nothing"
    for line in lines:
        if '"/proc/self/' in line:
            continue  # the runtime of a sanitizer, under the file's own name; a link has another
        led = re.search(r"= \d+<([^>]*)>", line)
        if led and (led.group(1).startswith((outside, "/dev/zero", "/proc/self/environ")) or led.group(1) in ("/etc/shadow",) or
                    re.fullmatch(r"/proc/\d+/(environ|mem)", led.group(1))):
            seen.append(line)
    return seen


def go_through(names, issue):
    """Every case alone; [(processor seconds, MiB, name)]."""
    chosen = [case for case in cases() if not names or any(re.search(n, case[0]) for n in names)]
    goods = [f"good{i}" for i in range(len(chosen))]
    figures, skipped, issued = [], 0, 0
    with shop_world(goods) as w:
        w.extra_config = "limits: {account: {requestsPerSecond: 100, concurrency: 4}}"
        outside = make_outside()
        try:
            for good, (name, maker) in zip(goods, chosen):
                w.manifest("good.yaml", certificate(good, more="  privateKey: {algorithm: ECDSA, size: 256}\n"))
                if not put(w.path("manifests"), name, maker, outside):
                    skipped += 1
                    continue
                figures.append((*judge(w, name), name))
                if figures[-1][0] >= 1 or figures[-1][1] >= 64:
                    print(f"over the limit: {name}: {figures[-1][0]:.2f} s, {figures[-1][1]:.0f} MiB", flush=True)
                if name in SPECIAL:
                    led = opened_outside(w, outside)
                    assert led == [], (name, led)
                if issue:
                    told = w.run("apply", "--yes", code=3)
                    assert w.certificate(good)["status"]["phase"] == "Ready", (name, told)
                    issued += 1
                clean(w)
            assert len(w.ledger()) == issued, (len(w.ledger()), issued)  # nothing else was ordered
        finally:
            shutil.rmtree(outside)
    return figures, skipped, issued


def record(lines):
    path = os.path.join(SOURCE, "docs/sweeps.md")
    begin, end = "<!-- hostile: scripts/hostile --record -->", "<!-- end of hostile -->"
    text = open(path).read() if os.path.exists(path) else "# Sweeps\n"
    part = "\n".join([begin, "", "## Hostile manifests", "", *lines, "", end])
    if begin in text:
        text = text[:text.index(begin)] + part + text[text.index(end) + len(end):]
    else:
        text = text.rstrip("\n") + "\n\n" + part + "\n"
    with open(path, "w") as file:
        file.write(text)


def main():
    import argparse
    import datetime
    import platform
    parser = argparse.ArgumentParser(description="Manifests made to harm, each alone beside a good one, on a release build.")
    parser.add_argument("names", nargs="*", help="only cases whose names match")
    parser.add_argument("--no-issue", action="store_true", help="do not have the good one issued each time")
    parser.add_argument("--record", action="store_true", help="write the figures to docs/sweeps.md")
    options = parser.parse_args()
    begin = time.monotonic()
    figures, skipped, issued = go_through(options.names, not options.no_issue)
    slow = sorted(figures, reverse=True)
    large = sorted(figures, key=lambda f: -f[1])
    over = [f for f in figures if f[0] >= 1 or f[1] >= 64]
    lines = [
        f"`scripts/hostile`, {datetime.date.today()}, {os.cpu_count()} cores, kernel {platform.release()}, load "
        f"{os.getloadavg()[0]:.1f}: {len(figures)} hostile manifests (bombs, depth, size, encodings, links, devices, traversal, names of "
        f"others), each alone beside a good one, {skipped} not possible on this host. All of them were typed errors with their place; the "
        f"good one was issued {issued} times; nothing outside the tree was opened (strace).", "",
        "| | figure | bound |", "| --- | --- | --- |",
        f"| `validate`, processor time of all its processes, median | {statistics_median(f[0] for f in figures) * 1000:.0f} ms | |",
        f"| the same, longest ({slow[0][2]}) | {slow[0][0] * 1000:.0f} ms | 1 s |",
        f"| peak memory of the largest process ({large[0][2]}) | {large[0][1]:.0f} MiB | 64 MiB |"]
    print("\n".join(lines))
    print(f"{len(figures)} cases, {len(over)} over the limits, {skipped} not made, {issued} issued, {time.monotonic() - begin:.0f} s")
    if options.record:
        record(lines)
    return 1 if over else 0


def statistics_median(values):
    import statistics
    return statistics.median(list(values))


if __name__ == "__main__":
    sys.exit(main())
