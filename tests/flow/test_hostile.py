#!/usr/bin/env python3
"""A sample of the manifests made to harm (tests/sweep/hostile.py); scripts/hostile goes through all of them, with limits of time and
memory on a release build, and has the good neighbour of each issued."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "sweep"))

import hostile  # noqa: E402
from harness import main  # noqa: E402
from shop import certificate, shop_world  # noqa: E402

SAMPLE = 9  # every so many-th


def each_alone_is_told():
    with shop_world(["good"]) as w:
        w.manifest("good.yaml", certificate("good", method="HTTP"))
        outside = hostile.make_outside()
        try:
            for name, maker in hostile.cases()[4::SAMPLE]:
                if hostile.put(w.path("manifests"), name, maker, outside):
                    hostile.judge(w, name)
                hostile.clean(w)
        finally:
            shutil.rmtree(outside)


def names_of_files_are_shown_and_do_nothing():
    with shop_world(["good"]) as w:
        w.manifest("good.yaml", certificate("good"))
        for name, maker in hostile.cases():
            if name.startswith("file-name-"):
                hostile.put(w.path("manifests"), name, maker, w.dir)
        hostile.judge(w, "file names")


def links_and_devices_lead_nowhere():
    with shop_world(["good"]) as w:
        w.manifest("good.yaml", certificate("good", more="  privateKey: {algorithm: ECDSA, size: 256}\n"))
        outside = hostile.make_outside()
        try:
            for name, maker in hostile.SPECIAL.items():
                hostile.put(w.path("manifests"), name, maker, outside)
            hostile.judge(w, "links and devices")
            assert hostile.opened_outside(w, outside) == []
            told = w.run("apply", "--yes", code=3)
            assert w.certificate("good")["status"]["phase"] == "Ready", told
        finally:
            shutil.rmtree(outside)


if __name__ == "__main__":
    main([each_alone_is_told, names_of_files_are_shown_and_do_nothing, links_and_devices_lead_nowhere])
