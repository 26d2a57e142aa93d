"""Every fault of the sandbox vendor on every call, alone and in pairs drawn from a seed, the clock turned all the while.

usage: scripts/faults [--schedules 500] [--seed N] [--jobs 2] [--only N]

A schedule is one life: faults are set, certwright starts and does what it can, the faults go, it starts again until all is as
the manifests say. A case that waits for a person must be explained by `certwright why`, whose command resolves it. Whatever
happened, the vendor's ledger holds at most one order for the need, and at the end exactly one."""
import argparse
import collections
import concurrent.futures
import json
import os
import random
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from life import DEFINED_EXITS, Life  # noqa: E402

PATHS = ["health/validate", "product/query", "order/query", "order/neworder", "order/status", "order/download"]
EVERYWHERE = [
    {"do": "drop"}, {"do": "refuse"}, {"do": "refuse", "message": "Vendor returns error: balance is empty"},
    {"do": "status", "code": 500}, {"do": "status", "code": 503, "retryAfter": 1}, {"do": "status", "code": 429, "retryAfter": 2},
    {"do": "status", "code": 302}, {"do": "status", "code": 401}, {"do": "bad-token"}, {"do": "drop-after-accept"},
    {"do": "status-after-accept", "code": 502}, {"do": "delay", "ms": 600}, {"do": "cut", "bytes": 1}, {"do": "cut", "bytes": 40},
    {"do": "cut", "bytes": 400}, {"do": "trickle", "bytes": 40, "ms": 5}, {"do": "garbage"}, {"do": "html"}, {"do": "empty"},
    {"do": "late", "ms": 700}, {"do": "late", "ms": 2500},
]
BY_PATH = {
    "order/neworder": [
        {"do": "edit", "set": {"CustomOrderID": "another"}}, {"do": "edit", "remove": ["CustomOrderID"]},
        {"do": "edit", "remove": ["TheSSLStoreOrderID"]}, {"do": "edit", "set": {"TheSSLStoreOrderID": "12 34"}},
        {"do": "edit", "set": {"TheSSLStoreOrderID": ""}},
        {"do": "edit", "set": {"AuthResponse": {"isError": True, "Message": ["ErrorCode:-9009|Message:it did not work"]}}},
    ],
    "order/status": [
        {"do": "hide"}, {"do": "hide", "times": 2}, {"do": "edit", "set": {"CustomOrderID": "another"}},
        {"do": "edit", "remove": ["CustomOrderID"]}, {"do": "edit", "set": {"OrderStatus": None}},
        {"do": "edit", "set": {"TheSSLStoreOrderID": "7"}}, {"do": "edit", "set": {"TheSSLStoreOrderID": ""}},
        {"do": "edit", "set": {"CommonName": "other.example.test", "DNSNames": "other.example.test"}},
    ],
    "order/query": [{"do": "hide"}, {"do": "hide", "times": 2}],
    "order/download": [{"do": kind} for kind in ("no-certificate", "wrong-certificate", "wrong-names", "expired", "self-signed",
                                                 "client-only", "no-chain")],
}
TIMES = (1, 2, 4, 0)
STARTS_MOST = 8


def singles():
    """Every fault on every call: the first, the second, and always."""
    found = []
    for path in PATHS:
        for fault in EVERYWHERE + BY_PATH.get(path, []):
            found.append([{"path": path, "times": 1, **fault}])
            if "times" not in fault:
                found.append([{"path": path, **fault, "times": 0}])
                found.append([{"path": path, **fault, "times": 1, "skip": 1}])
    return found


def pairs(count, seed):
    """Two at once. A fault of the order call is one of the two more often than not: that is where money is."""
    draw = random.Random(f"pairs/{seed}")

    def one(path):
        fault = {"path": path, **draw.choice(EVERYWHERE + 2 * BY_PATH.get(path, []))}
        fault.setdefault("times", draw.choice(TIMES))
        if draw.random() < 0.3:
            fault["skip"] = draw.randint(1, 3)
        return fault
    return [[one(draw.choice(PATHS + ["order/neworder"] * 4)), one(draw.choice(PATHS + ["order/status"] * 3))] for _ in range(count)]


def schedules(count, seed):
    alone = singles()
    random.Random(f"singles/{seed}").shuffle(alone)
    alone = alone[:max(count // 2, 1)] if count < 2 * len(alone) and count < 400 else alone
    return alone + pairs(max(count - len(alone), 0), seed)


class Schedule:
    def __init__(self, faults, passes):
        self.faults, self.passes = faults, passes
        self.problems, self.waited, self.starts = [], [], 0

    def __str__(self):
        return json.dumps(self.faults)

    def run(self):
        try:
            with Life("files", passes=self.passes) as life:
                life.sandbox_call("POST", "/faults", self.faults)
                life.first = life.turned(life.apply_words(), 0.4, ask_after=3.0)
                self.look(life, "with the faults")
                life.sandbox_call("DELETE", "/faults")
                self.settle(life)
                self.problems += life.judge()
                if self.problems:
                    self.problems.append("the first start said:\n" + life.first[1])
        except Exception:
            self.problems.append(traceback.format_exc())
        return self

    def look(self, life, when):
        paid = len(life.ledger())
        if paid > 1:
            self.problems.append(f"{when}: paid {paid} times")

    def settle(self, life):
        """Start until it is done; do what `why` says where a person is waited for."""
        while self.starts < STARTS_MOST:
            if not self.person(life):
                self.starts += 1
                code, text = life.turned(life.apply_words(), 0.4)
                self.look(life, f"start {self.starts}")
                if code not in DEFINED_EXITS:
                    self.problems.append(f"start {self.starts} ended with {code}:\n{text}")
                if code == 0:
                    return
                life.turn_clock(1000)
        self.problems.append(f"not there after {self.starts} starts: {life.run('why', 'certificate/shop').out}")

    def person(self, life):
        """Whether a person was waited for, and did what was asked."""
        told = life.run("why", "certificate/shop", "-o", "json")
        if told.code != 0:
            self.problems.append(f"why: {told!r}")
            return False
        why = told.json()
        if why.get("standing") != "blocked":
            return False
        self.waited.append(why["code"])
        command = why.get("command")
        if not command or not why.get("human"):
            self.problems.append(f"blocked ({why['code']}), and why does not say who does what: {told.out}")
            return False
        if len(self.waited) > 3:
            return False
        # What was sent takes effect within D or never (A1); by a turned clock a person would come long before.
        time.sleep(max([fault["ms"] / 1000 + 0.2 for fault in self.faults if fault["do"] == "late"], default=0))
        done = life.run(*command.split()[1:])
        if done.code != 0:
            self.problems.append(f"`{command}`, which why names, fails: {done!r}")
        return True


def run(count, seed=1, jobs=2, passes=3, only=None, say=print):
    chosen = list(enumerate(schedules(count, seed)))
    chosen = [c for c in chosen if only is None or c[0] == only]
    waited, bad, began = collections.Counter(), [], time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for number, done in enumerate(pool.map(lambda c: Schedule(c[1], passes).run(), chosen)):
            waited.update(set(done.waited))
            if done.problems:
                bad.append(done)
                say(f"VIOLATED schedule {chosen[number][0]}: {done}")
                for problem in done.problems:
                    say("   " + problem.strip().replace("\n", "\n   "))
            elif (number + 1) % 50 == 0:
                say(f"… {number + 1} of {len(chosen)} schedules, {time.monotonic() - began:.0f} s")
    return len(chosen), waited, bad


def main():
    parser = argparse.ArgumentParser(prog="scripts/faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedules", type=int, default=500)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--only", type=int)
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    began = time.monotonic()
    count, waited, bad = run(options.schedules, options.seed, options.jobs, options.passes, options.only)
    print(f"{count} schedules ({len(singles())} faults alone), seed {options.seed}, {time.monotonic() - began:.0f} s")
    for code, times in waited.most_common():
        print(f"  waited for a person, explained and resolved by the command shown: {code} {times}")
    print(f"{len(bad)} schedules violate a promise" if bad else "no promise was violated")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
