#!/usr/bin/env python3
"""At a terminal: tables are cut to its width, save what a person copies from them; colours are there and can be switched off, and
before money is spent a person is asked. Everywhere else the same commands print whole lines, no colour, and ask nobody."""
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

from harness import ISSUER, World, main
from shop import certificate, shop_world

LONG = "a-certificate-whose-name-is-longer-than-a-column-should-be"


def at_terminal(world, *words, width=80, answer=None, environment=()):
    """(exit code, what the terminal showed). `answer`: typed once the question stands there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    child = subprocess.Popen(world.argv(*words), stdin=theirs, stdout=theirs, stderr=theirs, cwd=world.dir, start_new_session=True,
                             env={**world.environment(), "TERM": "xterm", **dict(environment)})
    os.close(theirs)
    shown, end = b"", time.monotonic() + 120
    try:
        while time.monotonic() < end:
            if select.select([ours], [], [], 0.2)[0]:
                try:
                    got = os.read(ours, 65536)
                except OSError:  # the other end is closed
                    break
                if not got:
                    break
                shown += got
            if answer is not None and b"[y/N]" in shown:
                os.write(ours, answer)
                answer = None
        return child.wait(30), shown.decode().replace("\r\n", "\n")
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        os.close(ours)


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def certificates(world):
    world.manifest("issuer.yaml", ISSUER)
    world.manifest("long.yaml", certificate(name=LONG, names=[f"{LONG}.example.test"], targets=()))
    world.manifest("short.yaml", certificate(name="short", targets=()))
    world.manifest("more.yaml", certificate(name="more", names=["www.example.test", "more.example.test"], product="positivemdcssl", targets=()))


def tables_are_cut_to_the_width_of_the_terminal():
    with World() as world:
        certificates(world)
        piped = world.run("get", "certificate").out
        assert LONG in piped and "…" not in piped and max(map(len, piped.splitlines())) > 100, piped
        for width in (200, 80, 60, 40):
            code, shown = at_terminal(world, "get", "certificate", width=width)
            assert code == 0, shown
            lines = plain(shown).splitlines()
            assert len(lines) == 4 and any(line.startswith("short") for line in lines), shown
            assert f"{LONG}  " in shown and f"  {LONG}.example.test  " in shown, (width, shown)  # what is copied is not cut
        _, wide = at_terminal(world, "get", "certificate", "-o", "json", width=40)
        assert LONG in wide  # data is never cut
        world.manifest("long.yaml", certificate(name="long", targets=()))
        for width in (200, 80, 60):
            _, shown = at_terminal(world, "get", "certificate", width=width)
            assert max(map(len, plain(shown).splitlines())) <= max(width, 72), (width, shown)
            assert ("www.example.test +1" in shown) == (width > 60) and ("www.example.test …" in shown) == (width == 60), (width, shown)


def what_is_copied_is_not_cut():
    with World() as world:
        products = [product["code"] for product in world.run("catalogue", "-o", "json", code=0).json()["products"]]
        for width in (300, 100, 80):
            code, shown = at_terminal(world, "catalogue", width=width)
            lines = plain(shown).splitlines()
            assert code == 0 and [line.split()[0] for line in lines[1:]] == products, (width, shown)
            assert ("…" in shown) == (width < 300), (width, shown)
            assert width == 80 or max(map(len, lines)) <= width, (width, shown)
        assert "…" not in at_terminal(world, "catalogue", "-o", "wide")[1]
        entry = {"seq": 12, "time": "2026-11-22T03:40:00Z", "actor": "certwright", "subject": "certificate/a-long-name-of-a-shop",
                 "action": "order.prepare", "detail": "cw1-0123456789abcdef0123456789abcdef positivessl attempt 1 request " + 64 * "0"}
        os.makedirs(world.path("audit"), exist_ok=True)
        world.write("audit/audit.log", json.dumps(entry) + "\n")
        _, shown = at_terminal(world, "audit", "show")
        words = plain(shown).splitlines()[1].split()
        assert words[:6] == ["12", entry["time"], entry["actor"], entry["subject"], entry["action"], entry["detail"].split()[0]], shown
        assert "…" in shown, shown
        _, shown = at_terminal(world, "audit", "show", "-o", "wide")
        assert entry["detail"] in shown and "…" not in shown, shown


def colours_are_for_terminals_and_can_be_switched_off():
    with World() as world:
        certificates(world)
        world.manifest("broken.yaml", certificate(name="broken", targets=("nowhere",)))
        for words in (("get", "certificate"), ("status",), ("describe", "certificate/short"), ("plan", "--offline")):
            code, shown = at_terminal(world, *words)
            assert "\x1b[" in shown and shown.count("\x1b[0m") > 0, (words, code, shown)
            assert "\x1b" not in world.run(*words).out, words
            for off, environment in ((("--no-color",), ()), ((), (("NO_COLOR", "1"),)), ((), (("TERM", "dumb"),))):
                _, other = at_terminal(world, *words, *off, environment=environment)
                assert "\x1b" not in other, (words, off, other)
                assert plain(shown).split()[:4] == other.split()[:4], (words, shown, other)


def somebody_is_asked_before_money_is_spent():
    with shop_world() as world:
        world.manifest("shop.yaml", certificate())
        for answer in (b"n\n", b"\n", b"x\n", b"\x04"):
            code, shown = at_terminal(world, "apply", answer=answer)
            assert code == 4 and "Go on? [y/N]" in shown and "nothing was done" in shown, (answer, code, shown)
            assert re.search(r"This spends .*\d+\.\d\d", shown), shown
            assert world.ledger() == []
        assert not os.path.exists(world.path("state")), "a no makes nothing"
        asked = world.run("apply", input="y\n")  # a pipe is nobody
        assert asked.code == 4 and "--yes allows it where nobody can be asked" in asked.err and world.ledger() == [], asked
        code, shown = at_terminal(world, "apply", answer=b"y\n")
        assert code == 0 and len(world.ledger()) == 1, shown
        code, shown = at_terminal(world, "apply")  # nothing to spend, nothing to ask
        assert code == 0 and "[y/N]" not in shown and len(world.ledger()) == 1, shown
        world.manifest("other.yaml", certificate(name="other"))
        code, shown = at_terminal(world, "apply", "--yes", "--detach")
        assert "[y/N]" not in shown and len(world.ledger()) == 2, shown


if __name__ == "__main__":
    main([tables_are_cut_to_the_width_of_the_terminal, what_is_copied_is_not_cut, colours_are_for_terminals_and_can_be_switched_off,
          somebody_is_asked_before_money_is_spent])
