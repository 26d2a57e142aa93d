#!/usr/bin/env python3
"""A seeded sample of the sweeps: a life killed at some of its system calls, started again, and judged. scripts/sweep goes through
all of them."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "sweep"))

from sample import sample  # noqa: E402
from harness import main  # noqa: E402


def killed_while_a_file_proves_the_name():
    sample("files", "kill", 36, 33)


def killed_while_a_second_generation_is_published():
    sample("again", "kill", 12, 11)


if __name__ == "__main__":
    main([killed_while_a_file_proves_the_name, killed_while_a_second_generation_is_published])
