#!/usr/bin/env python3
"""A seeded sample of the sweeps: a life by DNS killed, and calls that fail. scripts/sweep goes through all of them."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "sweep"))

from sample import sample  # noqa: E402
from harness import main, need  # noqa: E402


def killed_while_a_record_proves_the_name():
    need("named", "bind9")
    sample("dns", "kill", 20, 17)


def the_disk_fails():
    sample("files", "EIO", 10, 8)


def the_disk_is_full_in_the_middle_of_a_write():
    sample("files", "short", 8, 5)


if __name__ == "__main__":
    main([killed_while_a_record_proves_the_name, the_disk_fails, the_disk_is_full_in_the_middle_of_a_write])
