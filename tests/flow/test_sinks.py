#!/usr/bin/env python3
"""Foreign text, wherever it is shown: what the vendor says with escape sequences, line breaks, bidirectional marks and quotes in it
reaches neither the terminal nor the structure of a log line, of JSON, of YAML or of the audit log."""
import json
import os
import re

from harness import main
from shop import certificate, shop_world

UNCLEAN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffe\ufeff]")
MARK = "Kaputt"
HOSTILE = [
    f"{MARK} \x1b[31mred\x1b]0;title\x07 \x9b2J \x08\x7f end",
    f"{MARK}\r\ntime=2026-01-01T00:00:00Z level=info msg=issue object=certificate/forged\nmore",
    f"{MARK} \u202egnp.exe\u2066x\u2069 \u2028y\u200f end",
    f"{MARK} \"quoted\" 'single' \\back {{\"a\": [1]}} level=error <script>alert(1)</script> &amp; `id` $(id) %s%n # x: y, - z",
    f"{MARK} " + "long " * 4000,
]
VIEWS = [["why", "certificate/shop"], ["describe", "certificate", "shop"], ["get", "certificates"], ["get", "orders"], ["status"],
         ["events"], ["audit", "show"], ["plan", "--offline"], ["plan", "--offline", "-o", "md"]]
DATA = [["get", "certificate", "shop", "-o", "json"], ["get", "orders", "-o", "json"], ["status", "-o", "json"], ["events", "-o", "json"],
        ["why", "certificate/shop", "-o", "json"]]


def no_view_lets_it_through(words, text):
    found = UNCLEAN.search(text)
    assert found is None, (words, found, text[max(0, (found.start() if found else 0) - 200):][:500])


def what_the_vendor_says_stays_text():
    for said in HOSTILE:
        with shop_world() as w:
            w.fault(path="order/neworder", do="refuse", message=said, times=0)
            w.manifest("shop.yaml", certificate())
            told = w.run("apply", "--yes", "--detach")
            shown = told.out + told.err
            assert MARK in shown, told
            no_view_lets_it_through(["apply"], shown)
            forged = [line for line in shown.splitlines() if "certificate/forged" in line and MARK not in line]
            assert forged == [], forged
            seen = 0
            for words in VIEWS:
                result = w.run(*words)
                no_view_lets_it_through(words, result.out + result.err)
                assert not any(line.startswith("time=2026-01-01") for line in result.out.splitlines()), (words, result)
                seen += MARK in result.out
            assert seen >= 2, "nobody shows it: the test shows nothing"
            for words in DATA:
                result = w.run(*words)
                no_view_lets_it_through(words, json.dumps(json.loads(result.out), ensure_ascii=False))
            yaml = w.run("get", "certificate", "shop", "-o", "yaml")
            no_view_lets_it_through(["get", "-o", "yaml"], yaml.out)
            lines = 0
            for name in os.listdir(w.path("audit")):
                if name.endswith(".log"):
                    for line in w.read(f"audit/{name}").splitlines():
                        no_view_lets_it_through(["audit log"], json.dumps(json.loads(line), ensure_ascii=False))
                        lines += 1
            assert lines > 0


if __name__ == "__main__":
    main([what_the_vendor_says_stays_text])
