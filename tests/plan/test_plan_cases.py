#!/usr/bin/env python3
"""Each folder here is a case: manifests, an operator's file (@DIR@ stands for the case's own folder), and what
`certwright plan --offline` says about them: standard output, standard error and the exit code. `arguments` holds other words
than `plan --offline`. Dates and what depends on them are normalised.

    test_plan_cases.py [CASE...]        compare
    test_plan_cases.py --write [CASE...]  write expected.txt anew; read what changed before it is committed"""
import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.path.join(os.environ.get("CERTWRIGHT_BIN", "build/dev"), "certwright")


def normal(text, directory):
    text = text.replace(directory, "@DIR@")
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "@TIME@", text)
    text = re.sub(r"\b20\d\d-\d\d-\d\d\b", "@DAY@", text)
    text = re.sub(r" in 20\d\d-\d\d\b", " in @MONTH@", text)
    text = re.sub(r"last at most \d+ days", "last at most @N@ days", text)
    return re.sub(r"confirm [0-9a-f]{12}", "confirm @DIGEST@", text)


def said(case):
    """What the program says about a copy of the case, in a folder of its own that it leaves as it was."""
    with tempfile.TemporaryDirectory(prefix="cw-plan.") as directory:
        os.chmod(directory, 0o755)
        place = os.path.join(directory, "case")
        shutil.copytree(os.path.join(HERE, case), place)
        for name in ("targets", "www"):
            os.mkdir(os.path.join(place, name))
        config = os.path.join(place, "operator.yaml")
        with open(config) as file:
            text = file.read().replace("@DIR@", place)
        with open(config, "w") as file:
            file.write(text)
        os.chmod(config, 0o600)
        words = ["plan", "--offline"]
        if os.path.exists(os.path.join(place, "arguments")):
            with open(os.path.join(place, "arguments")) as file:
                words = file.read().split()
        before = sorted(os.path.join(top, name) for top, folders, files in os.walk(place) for name in folders + files)
        environment = {"PATH": os.environ["PATH"], "HOME": place, "NO_COLOR": "1"}
        done = subprocess.run([BIN, "--config", config, *words], capture_output=True, text=True, timeout=60, cwd=place,
                              env=environment)
        after = sorted(os.path.join(top, name) for top, folders, files in os.walk(place) for name in folders + files)
        text = done.stdout
        if done.stderr:
            text += "--- on standard error\n" + done.stderr
        text += f"--- exit {done.returncode}\n"
        if before != after:
            text += f"--- a plan changed files: {sorted(set(before) ^ set(after))}\n"
        return normal(text, place)


def main():
    write = "--write" in sys.argv
    wanted = [word for word in sys.argv[1:] if not word.startswith("--")]
    cases = wanted or sorted(name for name in os.listdir(HERE) if os.path.exists(os.path.join(HERE, name, "operator.yaml")))
    failed = 0
    for case in cases:
        expected = os.path.join(HERE, case, "expected.txt")
        text = said(case)
        if write:
            with open(expected, "w") as file:
                file.write(text)
            continue
        with open(expected) as file:
            should = file.read()
        if text != should:
            failed += 1
            print(f"FAILED {case}")
            sys.stdout.writelines(difflib.unified_diff(should.splitlines(True), text.splitlines(True), "expected", "said"))
    print(f"{len(cases) - failed} passed, {failed} failed")
    return failed != 0


sys.exit(main())
