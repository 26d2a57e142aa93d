#!/usr/bin/env python3
"""A seeded sample of damage to a store (decisions 23); scripts/damage has the full count."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "sweep"))

from damage import sweep  # noqa: E402
from harness import main  # noqa: E402


def a_damaged_store_buys_nothing_and_comes_back():
    lines = []
    violated = sweep(7, 20261122, tell=lines.append)
    print("\n".join(lines))
    assert violated == 0, "\n".join(lines)
    assert "set aside" in lines[1] and sum(int(line.split()[2]) for line in lines[2:] if line[0] != " ") >= 10, lines


if __name__ == "__main__":
    main([a_damaged_store_buys_nothing_and_comes_back])
