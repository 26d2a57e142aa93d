"""The crash and error sweep: interrupt a life at each of its system calls, start again, and judge what came of it.

usage: scripts/sweep [--life http,dns,again] [--inject kill,EIO,ENOSPC,ENOMEM,short,malloc] [--points N] [--seed N] [--jobs N]
                     [--at CALL:N] [--record] [--power-cut] [--ablation] [--bin FOLDER]

Points are (call, n) pairs taken from a recorded life: the n-th call of that name over all threads. With malloc they are its
allocations, the libraries' as well as our own: the n-th gives no memory. --points N takes a seeded
sample of N for each life and injection, 0 (the default) all of them. --ablation runs on a build that orders without a durable
intent, and must find double orders. --power-cut kills, then goes on from what the disk really holds (root and loop devices).
A violated promise is printed with its point, and the exit code is 1."""
import argparse
import collections
import concurrent.futures
import datetime
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import life as lives  # noqa: E402

KILL_CALLS = """openat openat2 write writev pwrite64 pwritev fsync fdatasync ftruncate fallocate rename renameat renameat2 link linkat
symlinkat unlink unlinkat mkdir mkdirat rmdir fchmod fchmodat fchown utimensat socket connect bind listen sendto sendmsg recvfrom
clone clone3""".split()
ERROR_CALLS = [call for call in KILL_CALLS if call not in ("clone", "listen", "bind")] + ["close", "pread64"]
SHORT_CALLS = ["write", "pwrite64", "sendto", "recvfrom", "read", "pread64"]
MALLOC = "malloc"  # of the library that tests/sweep/alloc.c becomes, not of point
INJECTIONS = {"kill": KILL_CALLS, "EIO": ERROR_CALLS, "ENOSPC": ERROR_CALLS, "ENOMEM": ERROR_CALLS, "short": SHORT_CALLS, MALLOC: [MALLOC]}
FIRST_OURS = "/certwright.yaml"  # what comes before this is opened is the loader's


def build_point(folder):
    """The program that interrupts, compiled into `folder`."""
    out = os.path.join(folder, "point")
    subprocess.run(["cc", "-O1", "-Wall", "-o", out, os.path.join(HERE, "point.c")], check=True)
    return out


def build_alloc(folder):
    """The library whose allocations fail, compiled into `folder`."""
    out = os.path.join(folder, "alloc.so")
    subprocess.run(["cc", "-O1", "-Wall", "-shared", "-fPIC", "-o", out, os.path.join(HERE, "alloc.c")], check=True)
    return out


def wrapper(tools, inject, log, at=None):
    """What to put before a command: it writes into `log` down what is called, or fails at the point."""
    if inject != MALLOC:
        return [tools["point"], "--log", log, *(["--at", f"{at[0]}:{at[1]}", "--do", inject] if at else []), "--"]
    # the address sanitizer wants to come first, and can live with coming second
    sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0:detect_leaks=0"
    return ["env", f"LD_PRELOAD={tools['alloc']}", f"ALLOC_LOG={log}", f"ASAN_OPTIONS={sanitizer}",
            *([f"ALLOC_AT={at[1]}"] if at else [])]


class Recording:
    """One undisturbed life: [(call, n, what)] in order, the loader's part left out, and which of them lie between the word that
    an order is about to leave and the word that it was placed."""

    def __init__(self, calls, submit, placed):
        self.calls, self.submit, self.placed = calls, submit, placed


def record_allocations(tools, kind, disk=False):
    """The same of a life's allocations, of which only the number is known."""
    with lives.Life(kind, passes=1, disk=disk) as life:
        code = life.first_start(wrapper(tools, MALLOC, life.path("logs/point.log")))
        assert code == 0, f"an undisturbed {kind} life ends with {code}: {life.first[1]}"
        _, total, _, own = life.read("logs/point.log").split()
        return Recording([(MALLOC, number, f"of {total}, {own} of them our own") for number in range(1, int(total) + 1)],
                         None, None)


def record(tools, kind, disk=False):
    with lives.Life(kind, passes=1, disk=disk) as life:
        code = life.first_start(wrapper(tools, "kill", life.path("logs/point.log")))
        problems = [f"exit {code}: {life.first[1]}"] if code != 0 else life.judge()
        assert not problems, f"an undisturbed {kind} life has problems: {problems}"
        calls, ours = [], False
        for line in life.read("logs/point.log").splitlines():
            call, number, *what = line.split(" ", 2)
            if call in ("exit", "hit"):
                continue
            what = what[0] if what else ""
            ours = ours or FIRST_OURS in what
            if ours:
                calls.append((call, int(number), what))
        assert calls, "nothing was recorded"
        # each line of the audit log is one write
        lines = [number for number, (call, _, what) in enumerate(calls) if call == "write" and what.endswith("/audit.log")]
        deeds = [json.loads(line)["action"] for line in life.audit_lines()][-len(lines):]
        at = dict(zip(reversed(deeds), reversed(lines)))
        return Recording(calls, at.get("order.submit"), at.get("order.placed"))


class Outcome:
    def __init__(self, kind, inject, point):
        self.kind, self.inject, self.point = kind, inject, point
        self.hit, self.code, self.starts, self.held, self.paid, self.problems = False, None, 0, 0, 0, []
        self.cut = ""

    def __str__(self):
        return f"{self.kind} {self.inject} {self.point[0]}:{self.point[1]} ({self.point[2]})"


def interrupt(tools, kind, inject, at, passes, power_cut=False):
    """One point: the life interrupted there, started again, judged."""
    outcome = Outcome(kind, inject, at)
    try:
        with lives.Life(kind, passes=passes, disk=power_cut) as life:
            log = life.path("logs/point.log")
            outcome.code = life.first_start(wrapper(tools, inject, log, at))
            hits = [line for line in (life.read("logs/point.log") if os.path.exists(log) else "").splitlines()
                    if line.startswith("hit")]
            outcome.hit = bool(hits)
            if inject == MALLOC and hits:
                outcome.point = (*at[:2], " ".join(hits[0].split()[2:]))
            if power_cut:
                life.cut_power()
            outcome.problems = life.recover()
            outcome.starts, outcome.held, outcome.paid = life.starts, life.held, len(life.ledger())
            outcome.problems += life.judge()
            if outcome.problems and os.environ.get("CERTWRIGHT_KEEP"):
                keep = tempfile.mkdtemp(prefix="cw-sweep.")
                subprocess.run(["cp", "-a", life.dir, keep], check=False)
                outcome.problems.append(f"kept in {keep}")
                with open(os.path.join(keep, "first"), "w") as file:
                    file.write(life.first[1])
    except Exception:
        outcome.problems.append(traceback.format_exc())
    return outcome


def choose(recording, inject, count, seed):
    """The points of a recorded life at which to inject. A sample takes a third from where money is under way, the rest evenly
    from before and after."""
    points = [(number, point) for number, point in enumerate(recording.calls) if point[0] in INJECTIONS[inject]]
    if not count or count >= len(points):
        return [point for _, point in points]
    random_one = random.Random(f"{seed}/{inject}").random

    def spread(some, most):
        if most >= len(some):
            return some
        return [some[min(len(some) - 1, int((i + random_one()) * len(some) / most))] for i in range(most)]
    money = [p for n, p in points if recording.submit is not None and recording.submit <= n <= recording.placed + 6]
    chosen = spread(money, count // 3)
    return chosen + spread([p for _, p in points if p not in money], count - len(chosen))


class Table:
    def __init__(self):
        self.rows = collections.OrderedDict()

    def add(self, outcome):
        row = self.rows.setdefault((outcome.kind, outcome.inject), collections.Counter())
        row["points"] += 1
        row["hit"] += outcome.hit
        row["held"] += outcome.held > 0
        row["doubles"] += outcome.paid > 1
        row["violated"] += bool(outcome.problems)
        row["starts"] = max(row["starts"], outcome.starts)

    def text(self):
        lines = [f"{'life':<7} {'inject':<10} {'points':>6} {'hit':>6} {'held':>5} {'paid twice':>10} {'most starts':>11} {'violated':>8}"]
        for (kind, inject), row in sorted(self.rows.items()):
            lines.append(f"{kind:<7} {inject:<10} {row['points']:>6} {row['hit']:>6} {row['held']:>5} {row['doubles']:>10} "
                         f"{row['starts']:>11} {row['violated']:>8}")
        return "\n".join(lines)

    def markdown(self):
        lines = ["| life | injected | points | reached | held | paid twice | most starts | promises broken |",
                 "| --- | --- | --- | --- | --- | --- | --- | --- |"]
        for (kind, inject), row in sorted(self.rows.items()):
            lines.append(f"| {kind} | {inject} | {row['points']:,} | {row['hit']:,} | {row['held']:,} | {row['doubles']:,} | "
                         f"{row['starts']} | {row['violated']:,} |")
        return "\n".join(lines)

    def total(self, column):
        return sum(row[column] for row in self.rows.values())


def sweep(kinds, injections, count=0, seed=1, jobs=2, passes=10, power_cut=False, at=None, say=print, stop_after=None):
    """Run it: (table, the outcomes that violate something). `stop_after`: seconds after which no further point is begun."""
    table, bad, began = Table(), [], time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cw-point.") as folder:
        tools = {"point": build_point(folder), "alloc": build_alloc(folder)}
        work = []
        for kind in kinds:
            recordings = {}
            for inject in injections:
                how = record_allocations if inject == MALLOC else record
                recording = recordings.setdefault(how, None) or how(tools, kind, power_cut)
                recordings[how] = recording
                points = choose(recording, inject, count, seed)
                if at is not None:
                    points = [p for p in recording.calls if f"{p[0]}:{p[1]}" in at]
                work += [(tools, kind, inject, p, passes, power_cut) for p in points]
        random.Random(seed).shuffle(work)  # lives that hold, and take long, spread evenly over the jobs

        def one(arguments):
            if stop_after is not None and time.monotonic() - began > stop_after:
                return None
            return interrupt(*arguments)
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for number, outcome in enumerate(pool.map(one, work)):
                if outcome is None:
                    continue
                table.add(outcome)
                if outcome.problems:
                    bad.append(outcome)
                    say(f"VIOLATED {outcome} exit {outcome.code}")
                    for problem in outcome.problems:
                        say("   " + problem.strip().replace("\n", "\n   "))
                elif (number + 1) % 100 == 0:
                    say(f"… {number + 1} of {len(work)} points, {time.monotonic() - began:.0f} s")
    return table, bad


SHEET = os.path.join(os.path.dirname(os.path.dirname(HERE)), "docs/sweeps.md")


def section(options):
    """The part of docs/sweeps.md that a run is recorded in."""
    if options.ablation:
        return "without the intent"
    if options.power_cut:
        return "power cut"
    return "allocations" if options.inject == MALLOC else options.inject.replace(",", " ")


def write_down(name, table, seed, seconds):
    """Between the marks of that part; a part that is not there yet comes at the end."""
    commit = subprocess.run(["git", "-C", HERE, "log", "-1", "--format=%h"], capture_output=True, text=True).stdout.strip()
    begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
    told = (f"{datetime.date.today()}, commit {commit}, seed {seed}, {seconds:,.0f} s; {os.cpu_count()} cores, kernel "
            f"{platform.release()}.")
    part = f"{begin}\n\n{told}\n\n{table.markdown()}\n\n{end}"
    with open(SHEET) as sheet:
        text = sheet.read()
    if begin in text:
        head, rest = text.split(begin, 1)
        text = head + part + rest.split(end, 1)[1]
    else:
        text += f"\n## {name[0].upper() + name[1:]}\n\n{part}\n"
    with open(SHEET, "w") as sheet:
        sheet.write(text)


def main():
    parser = argparse.ArgumentParser(prog="scripts/sweep", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--life", default="http,dns,again")
    parser.add_argument("--inject", default="kill")
    parser.add_argument("--points", type=int, default=0)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--jobs", type=int, default=3 * os.cpu_count(), help="lives at a time; they mostly wait")
    parser.add_argument("--passes", type=int, default=10)
    parser.add_argument("--at", action="append")
    parser.add_argument("--power-cut", action="store_true")
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--record", action="store_true", help="write the table into docs/sweeps.md")
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # each life stops what it started
    began = time.monotonic()
    table, bad = sweep(options.life.split(","), options.inject.split(","), options.points, options.seed, options.jobs,
                       options.passes, options.power_cut, options.at, say=(lambda _: None) if options.ablation else print)
    print(table.text())
    print(f"seed {options.seed}, {time.monotonic() - began:.0f} s")
    if options.json:
        with open(options.json, "a") as file:
            for key, row in table.rows.items():
                print(json.dumps({"life": key[0], "inject": key[1], "powerCut": options.power_cut, "ablation": options.ablation,
                                  "seed": options.seed, **row}), file=file)
    if options.record:
        write_down(section(options), table, options.seed, time.monotonic() - began)
    if options.ablation:
        doubles = table.total("doubles")
        print(f"without a durable intent {doubles} needs were paid twice" if doubles else
              "VOID: a build without a durable intent paid nothing twice, so this sweep shows nothing")
        sys.exit(0 if doubles else 1)
    print(f"{len(bad)} points violate a promise" if bad else "no promise was violated")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
