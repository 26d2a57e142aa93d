#!/usr/bin/env python3
"""A seeded sample of the allocation sweep: an allocation of a life gives no memory; the program ends in a defined way, is started
again, and nothing is lost or paid twice. scripts/sweep --inject malloc goes through all of them."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "sweep"))

from sample import sample  # noqa: E402
from harness import main  # noqa: E402


def no_memory_while_a_file_proves_the_name():
    sample("files", "malloc", 16, 13)


if __name__ == "__main__":
    main([no_memory_while_a_file_proves_the_name])
