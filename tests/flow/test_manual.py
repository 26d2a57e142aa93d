#!/usr/bin/env python3
"""A DNS account of type manual, from the words shown to the event at the end, against a real BIND: what is to be made is shown,
waited for and verified; nothing is ever written, and nobody is told that it was."""
import contextlib
import re
import subprocess

from harness import main, need, wait_for
from web import NAME, Site, certificate

ACCOUNT = """
apiVersion: certwright/v1alpha1
kind: DNSAccount
metadata: {name: by-hand}
spec:
  zones: [example.test]
  manual: {}
"""


@contextlib.contextmanager
def site(*names):
    with Site(names or (NAME,), bind=True) as world:
        world.manifest("dns.yaml", ACCOUNT)
        world.before = world.zone_records("example.test")
        yield world


def person(world, *lines):
    key = f"hmac-sha256:{world.bind_key}:{world.read('secrets/bind/tsig').strip()}"
    script = "\n".join([f"server 127.0.0.1 {world.bind_port}", "zone example.test", *lines, "send"]) + "\n"
    subprocess.run([need("nsupdate", "bind9-dnsutils"), "-y", key], input=script, text=True, check=True)


def asked_for(world):
    """(name, type, value) of every record that is shown as to be made."""
    told = world.run("get", "challenges", "-o", "json").json()
    found = [(s["recordName"], s["recordType"], s["recordValue"]) for s in (item["status"] for item in told["items"])]
    why = world.run("why", "certificate/shop").out
    for name, kind, value in found[:1]:
        words = " ".join(why.split())
        assert f"make this record: {name}. {kind} {value}" in words or f"make this record: {name}. {kind} \"{value}\"" in words, why
    return found


def words_of(world):
    return " ".join(world.run("why", "certificate/shop").out.split())


def quoted(kind, value):
    return f'"{value}"' if kind == "TXT" else value + "."


def apply_once(world, code):
    return world.run("apply", "--yes", "-o", "json", "--timeout", "2s", code=code)


def shown_waited_for_and_verified():
    with site() as world:
        world.want(method="DNS", product="digi_rapidssl")
        apply_once(world, 7)
        (name, kind, value), = asked_for(world)
        assert kind == "TXT" and world.zone_records("example.test") == world.before, "something was written"
        assert words_of(world).startswith("certificate/shop: AwaitingManual ")
        assert "NXDOMAIN" in words_of(world) or "no such record" in words_of(world), words_of(world)
        person(world, f'update add {name} 5 TXT "{value}x"')  # a slip of the pen
        wait_for(lambda: apply_once(world, 7) and "another value" in words_of(world), "the wrong value to be noticed", 60)
        person(world, f'update add {name} 5 TXT "{value}"')
        world.apply()
        after = world.zone_records("example.test")
        assert len(after) == len(world.before) + 2, "what was made by hand is taken away by hand"
        nothing_was_claimed(world)


def nothing_was_claimed(world):
    events = world.run("events", "certificate/shop").out
    assert "AwaitingManual" in events and "RemoveByHand" in events, events
    assert not re.search(r"\b(Presented|Removed|PresentFailed|RemoveFailed)\b", events), events
    challenge = world.records("challenges")[0]
    assert challenge["manual"] is True and challenge["state"] == "Gone", challenge


def a_cname_of_sectigo_is_shown_and_verified():
    with site() as world:
        world.want(method="DNS")
        apply_once(world, 7)
        (name, kind, value), = asked_for(world)
        assert kind == "CNAME"
        person(world, f"update add {name} 5 CNAME {value}.example.test.")  # the panel added the zone
        wait_for(lambda: apply_once(world, 7) and "another CNAME" in words_of(world), "the wrong target to be noticed", 60)
        person(world, f"update delete {name} CNAME", f"update add {name} 5 CNAME {value}.")
        world.apply()
        nothing_was_claimed(world)


def wildcard_and_apex_are_shown_both():
    with site(NAME, "example.test") as world:
        world.want(names=["*.example.test", "example.test"], product="positivemdcwildcard", method="DNS")
        apply_once(world, 7)
        records = sorted(set(asked_for(world)))
        assert records, "nothing is shown"
        person(world, *(f"update add {name} 5 {kind} {quoted(kind, value)}" for name, kind, value in records))
        world.apply()
        nothing_was_claimed(world)


def there_is_nothing_to_try_out():
    with site() as world:
        world.manifest("shop.yaml", certificate(method="DNS"))
        told = world.run("dns", "test", "by-hand", "--write", code=0)
        assert "a person makes the records" in told.out, told.out
        assert world.zone_records("example.test") == world.before


main([shown_waited_for_and_verified, a_cname_of_sectigo_is_shown_and_verified, wildcard_and_apex_are_shown_both,
      there_is_nothing_to_try_out])
