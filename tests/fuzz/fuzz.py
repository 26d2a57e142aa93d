#!/usr/bin/env python3
"""Drive the fuzz targets for scripts/fuzz. Time is the target's own processor time, unless --clock is given: a busy machine makes the
run longer, never shorter. A target is ended by SIGUSR1, upon which libFuzzer finishes its input and prints its counts."""

import argparse, datetime, glob, os, re, signal, subprocess, sys, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TICK = os.sysconf("SC_CLK_TCK")
BUILD = os.path.join(ROOT, "build/fuzz")
SHEET = os.path.join(ROOT, "docs/fuzzing.md")
MARK = "<!-- figures: scripts/fuzz --record -->"
WAITS = {"fuzz_dns_path"}  # asks over sockets and hardly uses the processor: its seconds are the wall's
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # where a sync costs nothing: fuzz_challenge runs five times as often
NOTHING = 3600  # a target that uses no processor for so many seconds of the wall's clock hangs


def processor_seconds(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK
    except (OSError, IndexError):
        return None


class Target:
    def __init__(self, name, by_clock):
        self.name, self.by_clock = name, by_clock or name in WAITS
        self.log = os.path.join(BUILD, name + ".log")
        self.cpu, self.clock, self.code, self.pid, self.process = 0.0, 0.0, None, None, None
        self.began = self.moved = time.monotonic()
        self.asked = False
        self.folder = None

    def start(self):
        corpus = os.path.join(BUILD, "corpus", self.name)
        seeds = os.path.join(ROOT, "tests/fuzz/seeds", self.name.removeprefix("fuzz_"))
        os.makedirs(corpus, exist_ok=True)
        command = [os.path.join(BUILD, "tests", self.name), "-rss_limit_mb=2048", "-malloc_limit_mb=512", "-timeout=60", "-print_final_stats=1",
                   "-reload=0", f"-artifact_prefix={BUILD}/{self.name}-", corpus]
        command += [seeds] if os.path.isdir(seeds) else []
        self.folder = tempfile.TemporaryDirectory(prefix="certwright-fuzz-", dir=MEMORY)
        self.began = time.monotonic()
        with open(self.log, "w") as log:
            # Kept: a dropped one is reaped by others.
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=self.folder.name)
        self.pid = self.process.pid

    def poll(self, seconds):
        """True when it has ended."""
        now = processor_seconds(self.pid)
        if now is not None and now > self.cpu:
            self.cpu, self.moved = now, time.monotonic()
        self.clock = time.monotonic() - self.began
        if not self.asked and (self.clock if self.by_clock else self.cpu) >= seconds:
            self.asked = True
            os.kill(self.pid, signal.SIGUSR1)
        if time.monotonic() - self.moved > NOTHING:
            os.kill(self.pid, signal.SIGKILL)
        pid, status, usage = os.wait4(self.pid, os.WNOHANG)
        if pid == 0:
            return False
        self.process.returncode = self.code = os.waitstatus_to_exitcode(status)
        self.cpu = usage.ru_utime + usage.ru_stime
        self.folder.cleanup()
        return True

    def figures(self):
        with open(self.log, errors="replace") as log:
            text = log.read()
        last = (re.findall(r"cov: (\d+).*? corp: (\d+)/", text) or [("0", "0")])[-1]

        def stat(name):
            found = re.search(rf"stat::{name}: *(\d+)", text)
            return int(found.group(1)) if found else 0

        return {"runs": stat("number_of_executed_units"), "coverage": int(last[0]), "corpus": int(last[1]),
                "slowest": stat("slowest_unit_time_sec"), "memory": stat("peak_rss_mb")}


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description="Fuzz each reader of foreign bytes for a while.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="fuzz_NAME; all unless given")
    parser.add_argument("--seconds", type=float, default=60, help="processor seconds of each target (default 60)")
    parser.add_argument("--total", type=float, help="processor seconds of all targets together, in equal parts")
    parser.add_argument("--clock", action="store_true", help="count the seconds of the clock instead")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="targets at a time")
    parser.add_argument("--record", action="store_true", help="write the figures into docs/fuzzing.md")
    parser.add_argument("--yes", action="store_true", help="install what is missing without asking")
    options = parser.parse_args()
    every = sorted(os.path.basename(path)[:-2] for path in glob.glob(os.path.join(ROOT, "tests/fuzz/fuzz_*.c")))
    unknown = set(options.targets) - set(every)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(every)}")
    options.targets = options.targets or every
    if options.total is not None:
        options.seconds = options.total / len(options.targets)
    return options


def work(waiting, seconds, jobs, ended):
    running = []
    waiting = list(waiting)
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                running.append(waiting.pop(0))
                running[-1].start()
            time.sleep(0.2)
            for target in [target for target in running if target.poll(seconds)]:
                running.remove(target)
                ended(target)
    finally:
        for target in running:
            target.process.kill()
            target.process.wait()


def passed(target, seconds):
    """libFuzzer ends with 0 when asked to; one that ended early has found something or did not fuzz at all."""
    return target.code == 0 and target.asked and target.figures()["runs"] > 0


ROW = "{:<8}{:<20}{:>8}{:>12}{:>10}{:>8}{:>9}{:>8}"


def report(target, seconds):
    f = target.figures()
    word = "ok" if passed(target, seconds) else "FAILED"
    print(ROW.format(word, target.name, f"{target.cpu:.0f}", f"{f['runs']:,}", f["coverage"], f["corpus"], f["slowest"],
                     f["memory"]), flush=True)
    if word == "FAILED":
        with open(target.log, errors="replace") as log:
            print("".join("        " + line for line in log.readlines()[-25:]))


HEAD = ["target", "date", "commit", "processor s", "clock s", "runs", "coverage", "corpus", "slowest s", "memory MiB"]


def record(target):
    """Write the target's line into the sheet; the lines of other targets stay as their own runs left them."""
    commit = subprocess.run(["git", "-C", ROOT, "log", "-1", "--format=%h"], capture_output=True, text=True).stdout.strip()
    f = target.figures()
    line = [target.name, str(datetime.date.today()), commit, f"{target.cpu:,.0f}", f"{target.clock:,.0f}", f"{f['runs']:,}",
            f"{f['coverage']:,}", f"{f['corpus']:,}", str(f["slowest"]), str(f["memory"])]
    with open(SHEET) as sheet:
        head, _, figures = sheet.read().partition(MARK)
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in figures.splitlines() if row.startswith("| fuzz_")]
    rows = sorted([row for row in rows if row[0] != target.name] + [line])
    table = ["| " + " | ".join(row) + " |" for row in [HEAD, ["---"] * len(HEAD)] + rows]
    with open(SHEET, "w") as sheet:
        sheet.write(head + MARK + "\n\n" + "\n".join(table) + "\n")


def main():
    options = arguments()
    targets = [Target(name, options.clock) for name in options.targets]
    print(ROW.format("", "target", "CPU s", "runs", "coverage", "corpus", "slowest", "MiB"))

    def ended(target):
        report(target, options.seconds)
        if options.record and passed(target, options.seconds):
            record(target)

    work(targets, options.seconds, options.jobs, ended)
    good = [target for target in targets if passed(target, options.seconds)]
    print(f"{sum(target.cpu for target in targets):.0f} processor seconds of {len(targets)} targets")
    print(f"{len(good)} passed, {len(targets) - len(good)} failed")
    sys.exit(0 if len(good) == len(targets) else 1)


if __name__ == "__main__":
    main()
