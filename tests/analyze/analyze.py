#!/usr/bin/env python3
"""gcc -fanalyzer, clang-tidy and cppcheck over the product's C for scripts/analyze. Whatever they find is a failure, unless
tests/analyze/exceptions has it with a reason; an exception that matches nothing is a failure too."""

import argparse, concurrent.futures, json, os, re, shlex, subprocess, sys, time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build/analyze")
HERE = os.path.join(ROOT, "tests/analyze")
FINDING = re.compile(r"^(?P<file>[^\s:]+):(?P<line>\d+):(?:\d+:)? (?:warning|error): (?P<words>.*?) \[(?P<check>[^\]]+)\]$", re.M)
# Whole checks that are wrong here; those of clang-tidy stand in .clang-tidy.
GCC_OFF = {
    "analyzer-malloc-leak": "it loses what is stored in a table of pointers; the leak sanitizer runs over all tests",
    "analyzer-use-of-uninitialized-value": "it does not see that a function of another file has written its result when it says true; "
                                           "clang-tidy looks at these, and a release begins every variable with zero",
}
CPPCHECK_OFF = {
    "resourceLeak": "it does not know the attribute cleanup",
    "memleak": "the same",
    "uninitvar": "it does not see functions of other files; clang-tidy looks at these",
    "uninitStructMember": "the same",
    "ctuuninitvar": "the same",
    "missingIncludeSystem": "it does not read the system's headers",
    "varFuncNullUB": "NULL is a pointer in glibc, and so may end a list of arguments",
    "readdirCalled": "glibc's readdir is safe on streams of one's own, and readdir_r is withdrawn",
}


def gcc(unit):
    command = [word for word in shlex.split(unit["command"]) if word not in ("-MD", "-Werror")]
    command[command.index("-o") + 1] = "/dev/null"
    command += ["-fanalyzer", "-fdiagnostics-path-format=none", "-fdiagnostics-plain-output"]
    command += [f"-Wno-{check}" for check in GCC_OFF]
    return subprocess.run(command, cwd=unit["directory"], capture_output=True, text=True).stderr


def tidy(unit):
    ran = subprocess.run(["clang-tidy", "-p", BUILD, "--quiet", "--extra-arg=-ftrivial-auto-var-init=uninitialized",
                          unit["file"]], capture_output=True, text=True)
    return ran.stdout


def cppcheck(unit):
    command = ["cppcheck", f"--project={BUILD}/compile_commands.json", f"--file-filter={unit['file']}", "--quiet",
               "--enable=warning,performance,portability", "--library=posix,gnu,openssl,libcurl",
               f"--library={HERE}/cppcheck.cfg", f"--include={HERE}/cppcheck.h", "--inline-suppr",
               "--template={file}:{line}: warning: {message} [{id}]"]
    command += [f"--suppress={check}" for check in CPPCHECK_OFF]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if "cppcheck: error" in told.stdout + told.stderr:
        raise SystemExit(f"cppcheck did not run: {told.stdout}{told.stderr}")
    return told.stderr


TOOLS = {"gcc": gcc, "tidy": tidy, "cppcheck": cppcheck}


def run(tool, unit):
    before = time.monotonic()
    text = TOOLS[tool](unit)
    found = {(tool, m["check"].split(",")[0], os.path.relpath(os.path.join(unit["directory"], m["file"]), ROOT)
              if not os.path.isabs(m["file"]) and tool != "cppcheck" else os.path.relpath(m["file"], ROOT)
              if os.path.isabs(m["file"]) else m["file"], int(m["line"]), m["words"]) for m in FINDING.finditer(text)}
    return found, time.monotonic() - before


def read_exceptions():
    rows = []
    with open(os.path.join(HERE, "exceptions")) as sheet:
        for line in sheet:
            if line.strip() and not line.startswith("#"):
                head, reason = line.rstrip("\n").split(": ", 1)
                tool, check, file, words = head.split(" ")
                rows.append({"tool": tool, "check": check, "file": file, "words": words, "reason": reason, "hits": 0})
    return rows


def excused(finding, rows):
    tool, check, file, _, words = finding
    for row in rows:
        if (row["tool"], row["check"], row["file"]) == (tool, check, file) and row["words"] in ("*", *words.split(" ")):
            row["hits"] += 1
            return True
    return False


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/analyze", description="Look for defects without running anything.")
    parser.add_argument("files", nargs="*", metavar="FILE", help="C files; all of the product unless given")
    parser.add_argument("--tool", action="append", choices=sorted(TOOLS), help="only this one (may be repeated)")
    parser.add_argument("--changed", type=int, metavar="N",
                        help="clang-tidy, which takes most of the time, only over what the last N commits changed, at most 40 files")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--yes", action="store_true", help="install what is missing without asking")
    return parser.parse_args()


def changed(commits):
    """The C files of the last commits, the latest first; as far as this clone goes back."""
    log = subprocess.run(["git", "-C", ROOT, "log", f"-{commits}", "--name-only", "--format=", "--diff-filter=AM"],
                         capture_output=True, text=True).stdout.split()
    return [os.path.join(ROOT, file) for file in dict.fromkeys(log)]


def main():
    options = arguments()
    with open(os.path.join(BUILD, "compile_commands.json")) as commands:
        units = [unit for unit in json.load(commands) if "/generated/" not in unit["file"]]
    wanted = {os.path.abspath(file) for file in options.files}
    units = [unit for unit in units if not wanted or unit["file"] in wanted]
    tools, rows, findings, looks = options.tool or list(TOOLS), read_exceptions(), set(), 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for tool in tools:
            before, some = os.times(), units
            if tool == "tidy" and options.changed is not None:
                latest = changed(options.changed)
                some = sorted((unit for unit in units if unit["file"] in latest), key=lambda u: latest.index(u["file"]))[:40]
            results = list(pool.map(lambda unit: run(tool, unit), some))
            found, looks = set().union(*(result[0] for result in results)), looks + len(some)
            left = {finding for finding in found if not excused(finding, rows)}
            after = os.times()
            spent = after.children_user + after.children_system - before.children_user - before.children_system
            print(f"{tool:<10}{len(some):>4} files{len(found) - len(left):>5} excused{len(left):>5} left{spent:>7.0f} CPU s",
                  flush=True)
            findings |= left
    for tool, check, file, line, words in sorted(findings, key=lambda f: (f[2], f[3])):
        print(f"{file}:{line}: {tool} {check}: {words}")
    stale = [row for row in rows if row["hits"] == 0 and row["tool"] in tools and not wanted
             and not (row["tool"] == "tidy" and options.changed is not None)]
    for row in stale:
        print(f"tests/analyze/exceptions: nothing is found any more for {row['tool']} {row['check']} {row['file']} {row['words']}")
    print(f"{looks} looks, {len(findings)} findings, {len(stale)} stale exceptions")
    sys.exit(1 if findings or stale or not units else 0)


if __name__ == "__main__":
    main()
