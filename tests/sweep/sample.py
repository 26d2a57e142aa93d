"""A seeded sample of a sweep, for the tests of CI (decisions 23). CERTWRIGHT_SEED draws another one."""
import os

# The leak checker cannot look at a program that is traced.
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"

import life  # noqa: E402, F401
from harness import need  # noqa: E402
import sweep  # noqa: E402

SEED = os.environ.get("CERTWRIGHT_SEED", "1")


def sample(kind, inject, points, least, power_cut=False):
    """`least`: as many points must have been reached, else nothing is shown."""
    need("cc", "build-essential")
    need("openssl", "openssl")
    table, bad = sweep.sweep([kind], [inject], count=points, seed=SEED, jobs=2, passes=1, power_cut=power_cut)
    print(table.text())
    assert not bad, f"{len(bad)} points violate a promise (seed {SEED})"
    assert table.total("hit") >= least, f"only {table.total('hit')} of {points} points were reached"
