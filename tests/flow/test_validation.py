#!/usr/bin/env python3
"""Every way of proving a name, end to end: the vendor looks at a real nginx and a real BIND, or a mail is answered. What was
made for the proof is gone afterwards, exactly one order was paid, and nginx serves the certificate."""
import contextlib
import glob
import re
import ssl
import subprocess
import urllib.request

from harness import main, need, wait_for
from web import NAME, Site, assert_chain, assert_pair, certificate, leaf_digest


@contextlib.contextmanager
def site(*names, bind=False):
    """A site that is as it was when the test is over, but for its certificate."""
    with Site(names or (NAME,), bind=bind) as world:
        zone = world.zone_records("example.test") if bind else None
        files = world.challenge_files()
        yield world
        assert_served(world, *names)
        assert world.challenge_files() == files, "challenge files or folders are left"
        if bind:
            assert world.zone_records("example.test") == zone, "records are left in the zone"
        assert all(c["state"] == "Gone" or c["method"] == "Email" for c in world.records("challenges"))
        world.assert_at_rest()


def assert_served(world, *names):
    folder = world.path("nginx/shop/current")
    assert_pair(folder)
    for name in names or (NAME,):
        assert_chain(world, folder, name.replace("*", "any"))
        world.assert_serves(leaf_digest(folder + "/cert.pem"), name.replace("*", "any"))
    ledger = world.ledger()
    assert len(ledger) == 1, ledger
    assert world.condition("Ready")["status"] == "True"


def http_file():
    with site() as world:
        world.want(method="HTTP")
        world.apply()


def https_file_behind_a_self_signed_certificate():
    with site() as world:
        world.want(method="HTTPS")
        del world.resolve[f"{NAME}:80"]  # nothing but HTTPS leads anywhere
        world.apply()


def cname_of_sectigo():
    with site(bind=True) as world:
        world.want(method="DNS")
        world.apply()
        challenge, = world.records("challenges")
        assert challenge["recordType"] == "CNAME" and challenge["zone"].rstrip(".") == "example.test", challenge


def txt_of_digicert():
    with site(bind=True) as world:
        world.want(method="DNS", product="digi_rapidssl")
        world.apply()
        challenge, = world.records("challenges")
        assert challenge["recordType"] == "TXT", challenge


def wildcard_and_apex_in_one_order():
    with site(NAME, "example.test", bind=True) as world:
        world.want(names=["*.example.test", "example.test"], product="positivemdcwildcard", method="DNS")
        world.apply()


def approve(world, address):
    """Follow the link of the mail to `address` (the newest one)."""
    def mail():
        for path in sorted(glob.glob(world.path("sandbox/mail/new/*")), reverse=True):
            with open(path) as file:
                text = file.read()
            if re.search(rf"^To: .*{re.escape(address)}", text, re.M):
                return text
        return None
    text = wait_for(mail, f"the mail to {address}")
    link = re.search(r"https?://\S+approve\S+", text).group(0)
    context = ssl.create_default_context(cafile=world.path("sandbox/api-ca.pem"))
    with urllib.request.urlopen(link, timeout=10, context=context if link.startswith("https") else None) as answer:
        assert answer.status == 200


def mail_with_the_link_followed():
    with site() as world:
        world.want(method="Email")
        world.apply("--detach")
        waiting = world.condition("AwaitingApproval")
        assert waiting["status"] == "True" and "admin@example.test" in world.run("why", "certificate/shop").out, waiting
        approve(world, "admin@example.test")
        world.run("sync", "certificate/shop", code=0)
        world.apply()


def three_names_by_three_methods():
    names = [NAME, "www.example.test", "mail.example.test"]
    with site(*names, bind=True) as world:
        world.want(names=names, product="positivemdcssl", method="DNS",
                   more="""
  dcv:
    method: DNS
    overrides:
      - {dnsNames: [www.example.test], method: HTTP}
      - {dnsNames: [mail.example.test], method: Email, email: {approver: hostmaster@mail.example.test}}
""".lstrip("\n"))
        world.manifest("shop.yaml", world.read("manifests/shop.yaml").replace("  dcv: {method: DNS}\n", ""))
        world.apply("--detach")
        approve(world, "hostmaster@mail.example.test")
        world.run("sync", "certificate/shop", code=0)
        world.apply()
        methods = {c["domain"]: c["method"] for c in world.records("challenges")}
        assert methods == {names[0]: "DNS", names[1]: "HTTP", names[2]: "Email"}, methods


def by_hand(world, act):
    """Run `apply` as a person would beside a terminal; `act` does what its progress asks for."""
    child = world.start(*world.argv("apply", "--yes", "-o", "json", "--timeout", "40s"), log="apply.log", env=world.environment())
    asked = wait_for(lambda: re.search(r"(place a file at|make this record:).*", world.read("logs/apply.log")),
                     "apply to say what to do").group(0)
    why = world.run("why", "certificate/shop").out
    assert asked.split()[-1] in why, f"{asked}\nwhy says otherwise:\n{why}"
    undo = act(asked)
    assert child.wait(50) == 0, world.read("logs/apply.log")
    undo()


def manual_file():
    with site() as world:
        world.want(method="HTTP", more="")
        world.manifest("shop.yaml", certificate().replace("dcv: {method: HTTP}", "dcv: {method: HTTP, http: {manual: true}}"))

        def place(asked):
            url, content = re.match(r"place a file at http://[^/]*/(\S+) with exactly this content.*?: (.*)", asked).groups()
            world.write("www/" + url, content.replace("\\n", "\n"))

            def undo():
                subprocess.run(["rm", "-r", world.path("www/.well-known")], check=True)
            return undo
        by_hand(world, place)


def manual_record():
    with site(bind=True) as world:
        world.manifest("shop.yaml", certificate(method="DNS").replace("{method: DNS}", "{method: DNS, dns: {manual: true}}"))

        def update(*lines):
            key = f"hmac-sha256:{world.bind_key}:{world.read('secrets/bind/tsig').strip()}"
            script = "\n".join([f"server 127.0.0.1 {world.bind_port}", "zone example.test", *lines, "send"]) + "\n"
            subprocess.run([need("nsupdate", "bind9-dnsutils"), "-y", key], input=script, text=True, check=True)

        def record(asked):
            name, kind, value = re.match(r"make this record: (\S+) (\S+) (.*)", asked).groups()
            update(f"update add {name} 5 {kind} {value}")
            return lambda: update(f"update delete {name} {kind}")
        by_hand(world, record)


main([http_file, https_file_behind_a_self_signed_certificate, cname_of_sectigo, txt_of_digicert, wildcard_and_apex_in_one_order,
      mail_with_the_link_followed, three_names_by_three_methods, manual_file, manual_record])
