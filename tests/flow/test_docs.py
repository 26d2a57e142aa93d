#!/usr/bin/env python3
"""What the README and the pages say is so: generated parts, links, verbs and options, words, the five minutes by hand, and a
real account's first order."""
import glob
import json
import os
import re
import shutil
import subprocess
import textwrap
import urllib.request

from harness import BIN, SOURCE, World, free_port, main, wait_for
from web import leaf_digest

PAGES = [os.path.join(SOURCE, name) for name in ("README.md", "CONTRIBUTING.md", "THIRD-PARTY.md", "examples/site/README.md")]
PAGES += sorted(glob.glob(os.path.join(SOURCE, "docs/*.md")))


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def text(*words, program="certwright"):
    done = subprocess.run([os.path.join(BIN, program), *words], capture_output=True, text=True, check=True)
    return done.stdout


def generated_parts_are_what_the_programs_print():
    done = subprocess.run([os.path.join(SOURCE, "scripts/docs"), "--check", "--bin", BIN], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def anchors(page):
    found = set()
    for heading in re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", read(page), flags=re.DOTALL), re.MULTILINE):
        found.add(re.sub(r"[^a-z0-9 _-]", "", heading.lower()).strip().replace(" ", "-"))
    return found


def links_resolve():
    wrong = []
    for page in PAGES:
        for link in re.findall(r"\]\(([^)]+)\)", re.sub(r"```.*?```", "", read(page), flags=re.DOTALL)):
            if link.startswith("https://"):
                continue
            path, _, anchor = link.partition("#")
            target = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
            if not os.path.exists(target) or (anchor and anchor not in anchors(target)):
                wrong.append(f"{os.path.relpath(page, SOURCE)}: {link}")
    assert not wrong, wrong


def commands(page):
    """Every call of our programs in a page's code, one line each."""
    plain = re.sub(r"<!-- begin: .*?<!-- end -->", "", read(page), flags=re.DOTALL).replace("\\\n", " ")
    blocks = re.findall(r"^ *```(?:sh|text)\n(.*?)```", plain, re.DOTALL | re.MULTILINE)
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]
    lines += re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", plain, flags=re.DOTALL))
    lines = [re.sub(r"^(sudo -u certwright|\*/5 .* --quiet;|.*&& git pull.*?;) +", "", line) for line in lines]
    return [re.split(r"[#&|<>;…]|  ", line)[0].split() for line in lines if re.match(r"certwright(-sandbox)? \S", line)]


def verbs_and_options_exist():
    listed = text("--help").split("Options of every verb")
    verbs = {line[2:18].strip() for line in listed[0].splitlines() if line.startswith("  ")}
    options_of = {"": set(re.findall(r"--[a-z-]+", listed[1]))}
    for verb in verbs:
        options_of[verb] = options_of[""] | set(re.findall(r"--[a-z-]+", text(*verb.split(), "--help")))
    options_of["certwright-sandbox"] = set(re.findall(r"--[a-z-]+", text("--help", program="certwright-sandbox")))
    wrong, count = [], 0
    for page in PAGES:
        for program, *words in commands(page):
            if program == "certwright-sandbox":
                verb = program
            else:
                bare = [w for i, w in enumerate(words) if w[0] != "-" and (i == 0 or words[i - 1] not in ("--config", "--dir"))]
                verb = next((v for v in (" ".join(bare[:2]), *bare[:1]) if v in verbs), None)
            given = {word.split("=")[0] for word in words if word.startswith("--")}
            count += 1
            if verb is None or given - options_of[verb]:
                wrong.append(f"{os.path.relpath(page, SOURCE)}: {program} {' '.join(words)}")
    assert count > 60, count
    assert not wrong, "\n".join(wrong)


def every_word_is_explained():
    page, words = read(os.path.join(SOURCE, "docs/errors.md")), set()
    call = re.compile(r'(?:step_(?:blocked|wait|do|look)\([^"]*|rollout_step\(view, index, [^"]*|\.code = )"([A-Z][A-Za-z]+)"')
    for source in glob.glob(os.path.join(SOURCE, "reconcilers/certificate/*.c")) + glob.glob(os.path.join(SOURCE, "controller/*.c")):
        words |= set(call.findall(read(source)))
    assert len(words) > 25, words
    missing = sorted(word for word in words if f"`{word}`" not in page)
    assert not missing, missing


def nothing_of_a_machine_stands_in_the_pages():
    for page in PAGES:
        for word in ("/work/", "/tmp/", "TODO"):
            assert word not in read(page), f"{page}: {word}"


def the_packages_to_build_with_are_those_of_the_scripts():
    wanted = re.search(r'packages_build="([^"]*)"', read(os.path.join(SOURCE, "scripts/packages.sh")))[1].split()
    told = re.search(r"apt-get install ((?:.*\\\n)*.*)", read(os.path.join(SOURCE, "README.md")))[1].replace("\\", "").split()
    assert sorted(told) == sorted(wanted), set(told) ^ set(wanted)


def site_example_is_valid_as_its_readme_says():
    with World() as w:
        config = w.write("certwright.yaml", read(os.path.join(SOURCE, "examples/site/certwright.yaml.example")), 0o600)
        done = subprocess.run([os.path.join(BIN, "certwright"), "validate", "-f", os.path.join(SOURCE, "examples/site"), "--config", config],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def five_minutes_by_hand():
    section = read(os.path.join(SOURCE, "README.md")).split("## Five minutes by hand")[1].split("\n## ")[0]
    config, manifests = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    with World() as w:
        api, control = free_port(), free_port()
        for folder in ("try/manifests", "try/out", "try/secrets/sslstore"):
            os.makedirs(w.path(folder), 0o700)
        w.start(os.path.join(BIN, "certwright-sandbox"), "--dir", "sandbox", "--listen", f"127.0.0.1:{api}", "--control",
                f"127.0.0.1:{control}", cwd=w.path("try"), log="sandbox.log")
        wait_for(lambda: "sandbox ready" in w.read("logs/sandbox.log"), "the sandbox")
        shutil.copy(w.path("try/sandbox/auth-token"), w.path("try/secrets/sslstore/auth-token"))
        w.write("try/certwright.yaml", config.replace("14443", str(api)), 0o600)
        w.write("try/manifests/shop.yaml", manifests)

        def cw(*words, code=0):
            done = subprocess.run([os.path.join(BIN, "certwright"), *words, "--config", "certwright.yaml"], capture_output=True,
                                  text=True, cwd=w.path("try"), env=w.environment(), timeout=60)
            assert done.returncode == code, f"{words}: {done}"
            return done.stdout + done.stderr

        assert "3 resources in 1 file are valid, 1 warning" in cw("validate")
        assert "Plan: 1 order, 1 issue, 1 deploy, 1 waiting for a person; 7.50 USD." in cw("plan")
        assert "back the key up" in cw("apply", "--yes", "--detach")
        assert "certificate/shop: AwaitingApproval" in cw("why", "certificate/shop")
        mail = read(glob.glob(w.path("try/sandbox/mail/new/*"))[0])
        link = re.search(r"http\S*approve\?token=[0-9a-zA-Z]*", mail)[0]
        with urllib.request.urlopen(link, timeout=20) as answer:
            assert b"approved" in answer.read()
        assert "1 ready" in cw("apply")
        pair = w.path("try/out/shop/current")
        assert sorted(os.listdir(pair)) == ["cert.pem", "chain.pem", "fullchain.pem", "key.pem"]
        subprocess.run(["openssl", "verify", "-CAfile", w.path("try/sandbox/root.pem"), "-untrusted", f"{pair}/chain.pem",
                        f"{pair}/cert.pem"], check=True, capture_output=True)
        assert "Nothing to do: 1 certificate is as the manifests say." in cw("plan")
        w.write("try/manifests/shop.yaml", manifests.replace("[shop.example.com]", "[SHOP.example.com.]"))
        assert "Nothing to do" in cw("plan")
        w.write("try/manifests/shop.yaml", manifests.replace("[shop.example.com]", "[shop.example.com, www.shop.example.com]"))
        assert "NeedsReissue" in cw("plan") and "NeedsReissue" in cw("plan", "--detailed-exitcode", code=2)


def a_real_accounts_first_order():
    """Each file and command as printed, beneath a folder of the test's own. The sandbox stands in for the live service, and is not
    called a sandbox, so that `spending` decides."""
    section = read(os.path.join(SOURCE, "README.md")).split("## A real account's first order")[1].split("\n## ")[0]
    blocks = [(kind, textwrap.dedent(block)) for kind, block in re.findall(r"^ *```(\w+)\n(.*?)^ *```", section, re.DOTALL | re.MULTILINE)]
    config, manifests = [block for kind, block in blocks if kind == "yaml"]
    token, placeholder = [block for kind, block in blocks if kind == "sh"]
    with World() as w:
        def moved(text):
            for place in ("/etc/certwright", "/var/lib/certwright", "/var/log/certwright", "/var/www"):
                text = text.replace(place, w.path(place[1:]))
            return text

        def shell(text, **options):
            subprocess.run(["sh", "-ec", moved(text)], check=True, capture_output=True, text=True, **options)

        os.makedirs(w.path("var/www/html"))
        w.start_nginx(["shop.example.com"])
        w.start_sandbox()
        shell(token, input=read(w.path("sandbox/auth-token")))
        shell(placeholder)
        pair = dict(re.findall(r"(ssl_\w+) +(\S+);", moved(next(block for kind, block in blocks if kind == "nginx"))))
        w.tls_pair(pair["ssl_certificate"], pair["ssl_certificate_key"])
        w.write("nginx.conf", w.read("nginx.conf").replace(f"{w.dir}/www", w.path("var/www/html")))
        nginx = w.write("bin-nginx", f"#!/bin/sh\nexec {w.nginx_bin} -c {w.dir}/nginx.conf \"$@\"\n", 0o755)
        subprocess.run([nginx, "-s", "reload"], check=True, capture_output=True)
        for theirs, here in (("/usr/sbin/nginx", nginx), ("/bin/systemctl, reload, nginx", f"{nginx}, -s, reload")):
            assert theirs in config, theirs
            config = config.replace(theirs, here)
        config = moved(config) + "\n".join([f"manifests: {{directory: {w.path('etc/certwright/manifests')}}}",  # root's defaults
                             f"sealingKey: {{file: {w.path('etc/certwright/sealing.key')}}}",
                             f"secrets: {{directory: {w.path('etc/certwright/secrets')}}}",
                             f"state: {{directory: {w.path('var/lib/certwright')}}}",
                             f"audit: {{directory: {w.path('var/log/certwright')}}}",
                             f"endpoints: {{stand-in: {{url: '{w.url}', ca: {w.path('sandbox/api-ca.pem')}}}}}",
                             f"trustRoots: [{w.path('sandbox/root.pem')}]", "allowAddresses: [127.0.0.0/8]",
                             f"resolve: {json.dumps(w.resolve)}", ""])
        w.write("etc/certwright/certwright.yaml", config, 0o600)
        assert "environment: Live" in manifests and "127.0.0.1:443" in manifests
        w.write("etc/certwright/manifests/shop.yaml", manifests.replace("environment: Live", "environment: stand-in")
                .replace("127.0.0.1:443", f"127.0.0.1:{w.https_port}"))

        def cw(*words, code=0):
            done = subprocess.run([os.path.join(BIN, "certwright"), *words, "--config", w.path("etc/certwright/certwright.yaml")],
                                  capture_output=True, text=True, env=w.environment(), timeout=90)
            assert done.returncode == code, f"{words}: {done}"
            return done.stdout + done.stderr

        cw("validate")
        assert "; 7.50 USD." in cw("plan")
        assert "1 ready" in cw("apply", "--yes", "--timeout", "60s")
        assert len(w.ledger()) == 1 and "Nothing to do" in cw("plan")
        assert w.served("shop.example.com") == leaf_digest(pair["ssl_certificate"])
        w.write("etc/certwright/manifests/more.yaml", "apiVersion: certwright/v1alpha1\nkind: Certificate\nmetadata: {name: more}\n"
                "spec: {dnsNames: [more.example.com], order: {product: positivessl}, issuerRef: {name: main}, dcv: {method: Email}}\n")
        w.write("etc/certwright/certwright.yaml", config.replace("orders: 3", "orders: 1"), 0o600)
        assert "BudgetExceeded" in cw("plan")


if __name__ == "__main__":
    main([the_packages_to_build_with_are_those_of_the_scripts, generated_parts_are_what_the_programs_print, links_resolve, verbs_and_options_exist, every_word_is_explained,
          nothing_of_a_machine_stands_in_the_pages, site_example_is_valid_as_its_readme_says, five_minutes_by_hand,
          a_real_accounts_first_order])
