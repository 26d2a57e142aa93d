"""Damage to a real store, one bit, one end or one page at a time, and what a controller makes of it (reliability.md 7.3, 7.4, C9).

Five certificates are bought and deployed and the store is backed up; then, for each point, the store file is spoilt and
`certwright reconcile --once` runs. Whatever is spoilt: nothing is bought, nothing hangs, orders and keys are the same as before,
what is deployed does not change; and either the damage is said, the file kept and the backup taken, or it touched nothing.

    damage.py [--points N] [--seed N] [--kind flip,cut,zero] [--record]"""
import argparse
import glob
import os
import random
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "flow"))

from shop import certificate, shop_world  # noqa: E402
from sweep import write_down  # noqa: E402

NAMES = ("shop", "next", "third", "fourth", "fifth")
KINDS = ("flip", "cut", "zero")
PAGE = 4096
HANG_S = 60
DEFINED_EXITS = {0, 4, 5, 6, 7, 75}


class Damage:
    def __init__(self, world):
        self.world = world
        for name in NAMES:
            world.manifest(f"{name}.yaml", certificate(name))
        world.run("apply", "--yes", code=0, seconds=120)
        world.run("state", "backup", code=0)
        world.run("reconcile", "--once", code=0)  # at rest, behind the backup
        self.files = self.read_all()
        self.truth, self.ledger, self.deployed = self.records(), world.ledger(), self.targets()
        assert len(self.ledger) == len(NAMES)

    # ---- the same beginning for each point; the lock file stays, so that it is the same place ----

    def tree(self):
        for top in ("state", "audit"):
            for folder, _, names in os.walk(self.world.path(top)):
                for name in names:
                    if name not in ("lock", "lock.mdb", "reserve", "control.sock"):
                        yield os.path.join(folder, name)

    def read_all(self):
        files = {}
        for path in self.tree():
            with open(path, "rb") as file:
                files[path] = file.read()
        return files

    def put_back(self):
        for path in list(self.tree()):
            os.unlink(path)
        for path, data in self.files.items():
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(data)
        lock = self.world.path("state/lock.mdb")
        if os.path.exists(lock):
            os.unlink(lock)

    # ---- what must not change ----

    def records(self):
        return {what: self.world.run("get", what, "-o", "json", code=0, seconds=HANG_S).json()["items"]
                for what in ("orders", "revisions")}

    def targets(self):
        found = {}
        for folder, _, names in os.walk(self.world.path("targets")):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    found[os.path.join(folder, name)] = file.read()
        return found

    # ---- one point ----

    def spoil(self, kind, dice):
        path = self.world.path("state/data.mdb")
        data = bytearray(self.files[path])
        if kind == "flip":
            at = dice.randrange(len(data))
            data[at] ^= 1 << dice.randrange(8)
            where = f"bit of byte {at}"
        elif kind == "cut":
            at = dice.randrange(len(data))
            del data[at:]
            where = f"end at {at}"
        else:
            at = dice.randrange(len(data) // PAGE)
            data[at * PAGE:(at + 1) * PAGE] = bytes(PAGE)
            where = f"page {at}"
        with open(path, "r+b") as file:
            file.truncate(0)
            file.write(data)
        return where, bytes(data) != self.files[path]

    def judge(self, told):
        w, problems = self.world, []
        said = "is damaged" in told.err or "is missing" in told.err
        if told.code not in DEFINED_EXITS:
            problems.append(f"exit {told.code}")
        if w.ledger() != self.ledger:
            problems.append(f"{len(w.ledger()) - len(self.ledger)} orders were placed")
        if self.records() != self.truth:
            problems.append("orders or certificates are not what they were")
        if self.targets() != self.deployed:
            problems.append("what is deployed changed")
        if said and "the backup of" not in told.err:
            problems.append("the backup was not taken")
        if said and "certwright confirm " not in told.err:
            problems.append("it is not said how to go on")
        if "is damaged" in told.err and not glob.glob(w.path("state/damaged-*.mdb")):
            problems.append("the damaged file was not kept")
        if w.run("state", "verify", seconds=HANG_S).code != 0:
            problems.append("the store is not good afterwards")
        return said, problems

    def point(self, kind, dice):
        self.put_back()
        where, spoilt = self.spoil(kind, dice)
        try:
            told = self.world.run("reconcile", "--once", seconds=HANG_S)
            said, problems = self.judge(told)
        except (subprocess.TimeoutExpired, AssertionError) as error:
            said, problems, told = False, [f"{type(error).__name__}: {error}"], None
        if problems and told is not None:
            problems.append(told.err[-600:])
        return {"where": where, "spoilt": spoilt, "said": said, "problems": problems}


class Table:
    """What docs/sweeps.md keeps of a run."""

    def __init__(self):
        self.rows = []

    def markdown(self):
        lines = ["| damage | points | set aside, backup taken | touched nothing in use | orders | violated |",
                 "| --- | --: | --: | --: | --: | --: |"]
        return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in self.rows])


WORDS = {"flip": "a bit flipped", "cut": "the end cut off", "zero": "a page zeroed"}


def sweep(points, seed, kinds=KINDS, tell=print, table=None):
    """Give how many points violated something."""
    violated = 0
    with shop_world(NAMES) as world:
        damage = Damage(world)
        size = len(damage.files[world.path("state/data.mdb")])
        tell(f"a store of {size // PAGE} pages; seed {seed}")
        tell(f"{'kind':<6}{'points':>8}{'set aside':>11}{'harmless':>10}{'orders':>8}{'violated':>10}{'seconds':>9}")
        for kind in kinds:
            dice, begin = random.Random(f"{seed} {kind}"), time.monotonic()
            results = [damage.point(kind, dice) for _ in range(points)]
            bad = [r for r in results if r["problems"]]
            violated += len(bad)
            tell(f"{kind:<6}{len(results):>8}{sum(r['said'] for r in results):>11}{sum(not r['said'] for r in results):>10}"
                 f"{len(world.ledger()) - len(NAMES):>8}{len(bad):>10}{time.monotonic() - begin:>9.0f}")
            if table is not None:
                table.rows.append((WORDS[kind], len(results), sum(r["said"] for r in results),
                                   sum(not r["said"] for r in results), len(world.ledger()) - len(NAMES), len(bad)))
            for r in bad[:10]:
                tell(f"  {kind}, {r['where']}: " + "; ".join(r["problems"]))
    return violated


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--points", type=int, default=200, help="of each kind (200)")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--kind", default=",".join(KINDS))
    words.add_argument("--record", action="store_true", help="write the table into docs/sweeps.md")
    given = words.parse_args()
    table, begin = Table(), time.monotonic()
    violated = sweep(given.points, given.seed, given.kind.split(","), lambda line: print(line, flush=True), table)
    if given.record:
        write_down("damaged stores", table, given.seed, time.monotonic() - begin)
    return 1 if violated else 0


if __name__ == "__main__":
    sys.exit(main())
