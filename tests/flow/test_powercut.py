#!/usr/bin/env python3
"""A seeded sample of power cuts (decisions 23): a life is killed, and goes on from what its disk really holds then.
scripts/powercut has the full count. Needs root and loop devices; where these are not, that is said and nothing is shown."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "sweep"))

from sample import sample  # noqa: E402
from harness import Skip, main, need  # noqa: E402


def mounting_works():
    """Whether a file system in a file can be mounted here."""
    with tempfile.TemporaryDirectory() as folder:
        image, place = os.path.join(folder, "image"), os.path.join(folder, "place")
        os.mkdir(place)
        with open(image, "wb") as file:
            file.truncate(4 << 20)
        subprocess.run([need("mkfs.ext4", "e2fsprogs"), "-q", "-F", image], check=True)
        done = subprocess.run(["mount", "-o", "loop", image, place], capture_output=True, text=True)
        if done.returncode == 0:
            subprocess.run(["umount", place], check=True)
        return done.returncode == 0, done.stderr.strip()


def the_power_goes():
    if os.geteuid() != 0:
        raise Skip("NO POWER CUT WAS TRIED: only root mounts file systems")
    works, words = mounting_works()
    if not works:
        raise Skip(f"NO POWER CUT WAS TRIED: no file system in a file can be mounted here: {words}")
    sample("files", "kill", 14, 10, power_cut=True)


if __name__ == "__main__":
    main([the_power_goes])
