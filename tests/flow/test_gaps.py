#!/usr/bin/env python3
"""What may change behind our back: an answer that is lost (sent again where the operator said so), deployed files that somebody
touches, an order that is cancelled after it was issued."""
import os

from harness import main
from shop import certificate
from web import Site, assert_pair

CURRENT = "targets/shop/current"
PLAIN = """
apiVersion: certwright/v1alpha1
kind: DeployTarget
metadata: {name: web}
spec:
  domains: ["*.example.test"]
  local: {root: targets}
  path: "{name}"
  challenge: {http: {root: www}}
"""




def phase(world, name="shop"):
    return world.certificate(name)["status"]["phase"]


def until(world, wanted, times=14, seconds=330):
    """Apply and turn the clock until the certificate stands at this word."""
    for _ in range(times):
        world.run("apply", "--yes", "--detach", "--quiet")
        if phase(world) == wanted:
            return
        world.turn_clock(seconds)
    raise AssertionError(f"it is {phase(world)}, not {wanted}\n{world.run('why', 'certificate/shop').out}")


def a_lost_order_is_sent_again_where_the_operator_says_so():
    with Site() as world:
        world.manifest("target.yaml", PLAIN)
        world.extra_config = "onUnknownOrder: resubmit\n"
        world.want()
        world.fault(path="order/neworder", do="drop", times=1)
        until(world, "Ready")
        assert world.orders() == 1, world.ledger()
        order = world.records("order")[0]
        assert order["attempt"] == 2 and order["resubmittedAt"], order
        assert "Resubmitting" in world.run("events").out


def the_second_time_in_a_day_it_is_held():
    with Site() as world:
        world.manifest("target.yaml", PLAIN)
        world.extra_config = "onUnknownOrder: resubmit\n"
        world.want()
        world.fault(path="order/neworder", do="drop", times=2)
        until(world, "OrderHeld")
        assert world.orders() == 0
        why = world.run("why", "certificate/shop").out
        assert "sent again once today" in " ".join(why.split()), why
        world.run("release", "certificate/shop", code=0)
        until(world, "Ready")
        assert world.orders() == 1


def look_again(world, code=0):
    world.run("sync", "certificate/shop", code=0)
    return world.run("apply", "--yes", code=code)


def deployed_files_that_vanish_are_put_back_once_a_day():
    with Site() as world:
        world.manifest("target.yaml", PLAIN)
        world.want()
        world.apply()
        os.unlink(world.path(CURRENT))
        look_again(world)
        assert_pair(world.path(CURRENT))
        assert os.readlink(world.path(CURRENT)) == "gen-2"
        os.unlink(world.path(CURRENT, "cert.pem"))  # somebody is at work there: said, and left alone
        look_again(world, code=4)
        why = world.run("why", "certificate/shop").out
        assert "Drifted" in why and "certwright deploy certificate/shop" in why, why
        assert world.condition("Deployed")["status"] == "False"
        assert not os.path.exists(world.path(CURRENT, "cert.pem"))
        world.run("deploy", "certificate/shop", code=0)
        world.apply()
        assert_pair(world.path(CURRENT))
        assert world.orders() == 1
        world.assert_at_rest()


def a_link_that_was_moved_by_hand_is_left_and_said():
    with Site() as world:
        world.manifest("target.yaml", PLAIN)
        world.want()
        world.apply()
        os.unlink(world.path(CURRENT))
        os.symlink("elsewhere", world.path(CURRENT))
        world.turn_clock(12 * 3600 + 1)  # nobody asks: it is looked at twice a day
        world.run("apply", "--yes", code=4)
        assert "Drifted" in world.run("status").out + world.run("why", "certificate/shop").out
        assert os.readlink(world.path(CURRENT)) == "elsewhere"
        os.unlink(world.path(CURRENT))
        os.symlink("gen-1", world.path(CURRENT))
        look_again(world)
        assert phase(world) == "Ready"


def an_order_cancelled_after_it_was_issued_is_noticed():
    with Site() as world:
        world.manifest("target.yaml", PLAIN)
        world.want()
        world.fault(path="order/download", do="no-certificate", times=0)
        world.run("apply", "--yes", "--timeout", "3s", "--quiet")
        number = world.records("order")[0]["vendorOrderId"]
        world.fault(path="order/status", do="edit", set={"OrderStatus": {"MajorStatus": "Cancelled", "MinorStatus": ""}}, times=0)
        until(world, "OrderDead", times=4, seconds=70)
        why = world.run("why", "certificate/shop").out
        assert number in why and "Cancelled" in why, why
        assert world.orders() == 1


if __name__ == "__main__":
    main([a_lost_order_is_sent_again_where_the_operator_says_so, the_second_time_in_a_day_it_is_held,
          deployed_files_that_vanish_are_put_back_once_a_day, a_link_that_was_moved_by_hand_is_left_and_said,
          an_order_cancelled_after_it_was_issued_is_noticed])
