#!/usr/bin/env python3
"""A seeded sample of the vendor's faults, alone and in pairs, with the clock turned; scripts/faults has the full count."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "sweep"))

from harness import main, need  # noqa: E402
import faults  # noqa: E402

SEED = os.environ.get("CERTWRIGHT_SEED", "1")


def whatever_the_vendor_does_a_need_is_paid_once():
    need("openssl", "openssl")
    count, waited, bad = faults.run(26, seed=SEED, jobs=2, passes=1)
    print(f"{count} schedules, waited for a person: {dict(waited)}")
    assert not bad, f"{len(bad)} schedules violate a promise (seed {SEED})"


def a_hidden_order_is_held_and_found_again():
    """The dear case: the order was taken, its answer lost, and look-ups do not find it. Held, said, and found after release."""
    schedule = faults.Schedule([{"path": "order/neworder", "do": "drop-after-accept", "times": 1},
                                {"path": "*", "do": "hide"}], 1).run()
    assert schedule.problems == [], schedule.problems
    assert schedule.waited == ["OrderHeld"], schedule.waited


def an_order_that_takes_effect_late_is_not_placed_again():
    schedule = faults.Schedule([{"path": "order/neworder", "do": "late", "ms": 2500, "times": 1}], 1).run()
    assert schedule.problems == [], schedule.problems


def a_wrong_order_number_is_put_right_by_our_own_id():
    schedule = faults.Schedule([{"path": "order/neworder", "do": "edit", "remove": ["TheSSLStoreOrderID"], "times": 0},
                                {"path": "order/status", "do": "edit", "set": {"TheSSLStoreOrderID": "7"}, "times": 0}], 1).run()
    assert schedule.problems == [], schedule.problems


if __name__ == "__main__":
    main([whatever_the_vendor_does_a_need_is_paid_once, a_hidden_order_is_held_and_found_again,
          an_order_that_takes_effect_late_is_not_placed_again, a_wrong_order_number_is_put_right_by_our_own_id])
