#!/usr/bin/env python3
"""The table of scripts/coverage: branches by module, against what each must reach; the holes are in build/coverage/report.html."""
import datetime
import json
import os
import platform
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHEET = os.path.join(ROOT, "docs/coverage.md")
MARK = "<!-- figures: scripts/coverage --record -->"
# (module, files, least per cent of branches); a file counts once, in the first that has it
MODULES = (
    ("decide", r"reconcilers/certificate/(decide|validation|assume|actions)\.c", 95),
    ("order protocol", r"reconcilers/certificate/(order|prepare|look_up|accept|issue)\.c", 95),
    ("deploy", r"reconcilers/(certificate/(rollout|inspect)\.c|deploy/)", 95),
    ("challenges", r"reconcilers/certificate/", 85),
    ("DNS", r"reconcilers/dns/", 85),
    ("vendor", r"reconcilers/issuer/", 85),
    ("reconcilers, rest", r"reconcilers/", 85),
    ("base", r"base/", 85),
    ("schema", r"schema/", 85),
    ("commands", r"controller/command/", 85),
    ("controller", r"controller/", 85),
)


def main():
    with open(os.path.join(ROOT, "build/coverage/summary.json")) as file:
        files = json.load(file)["files"]
    rows, left = [], {file["filename"]: file for file in files}
    for name, pattern, least in MODULES:
        here = [left.pop(path) for path in list(left) if re.match(pattern, path)]
        rows.append((name, least, here))
    rows.append(("all", 85, files))
    lines, short = ["| module | branches | taken | per cent | least |", "| --- | --- | --- | --- | --- |"], False
    for name, least, here in rows:
        total, taken = (sum(file[f"branch_{what}"] for file in here) for what in ("total", "covered"))
        per_cent = 100 * taken / total if total else 0
        short = short or (per_cent < least and (least > 85 or name == "all"))
        lines.append(f"| {name} | {total:,} | {taken:,} | {per_cent:.1f} | {least if least > 85 or name == 'all' else ''} |")
    print("\n".join(lines))
    print("\nleast covered:")
    for file in sorted(files, key=lambda file: file["branch_covered"] - file["branch_total"])[:25]:
        print(f"  {file['branch_covered']:>5} of {file['branch_total']:>5}  {file['filename']}")
    if "--record" in sys.argv:
        commit = subprocess.run(["git", "-C", ROOT, "log", "-1", "--format=%h"], capture_output=True, text=True).stdout.strip()
        with open(SHEET) as sheet:
            head = sheet.read().split(MARK)[0]
        with open(SHEET, "w") as sheet:
            sheet.write(f"{head}{MARK}\n\n{datetime.date.today()}, commit {commit}, gcc and gcov, kernel {platform.release()}.\n\n"
                        + "\n".join(lines) + "\n")
    sys.exit(1 if short else 0)


if __name__ == "__main__":
    main()
