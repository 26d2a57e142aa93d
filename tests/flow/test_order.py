#!/usr/bin/env python3
"""Buying from a vendor that misbehaves: whatever is refused, lost or garbled, one need is paid once; what cannot be known is
held for a person; and nothing but the right certificate is deployed."""
import contextlib
import os

from harness import ISSUER, main
from web import NAME, Site, assert_pair, certificate, target


@contextlib.contextmanager
def shop(*names):
    with Site(names or (NAME,)) as world:
        world.manifest("target.yaml", target(reload=None, probe=None, root="targets"))
        yield world


def calls(world, path):
    return [r for r in world.sandbox_call("GET", "/requests")["requests"] if r["path"] == path]


def order(world, name="shop"):
    return world.records("orders", name)[0]


def why(world, name="shop"):
    return world.run("why", f"certificate/{name}").out


def look_through_the_grace(world):
    """Look-ups come every minute, and after a quarter of an hour it is decided."""
    for _ in range(4):
        assert order(world)["state"] == "Unknown", order(world)
        world.turn_clock(290)
        world.apply("--detach", code=None)
    return order(world)


# ---- credentials ----

def refused_credentials_are_named_and_buy_nothing():
    with shop() as world:
        token = world.read("secrets/sslstore/auth-token")
        os.unlink(world.path("secrets/sslstore/auth-token"))
        world.write("secrets/sslstore/auth-token", "not-the-token", 0o400)
        world.want()
        refused = world.apply(code=4)
        for words in ("10012345", "sslstore/auth-token"):
            assert words in refused.err, refused
        assert "not-the-token" not in refused.err + refused.out
        assert "sslstore/auth-token" in world.run("why", "issuer/main").out
        assert "issuer/main" in why(world)
        assert world.mutating_requests() == []
        os.unlink(world.path("secrets/sslstore/auth-token"))
        missing = world.apply(code=4)
        assert "sslstore/auth-token" in missing.err, missing
        world.write("secrets/sslstore/auth-token", token, 0o400)
        world.apply()
        assert world.orders() == 1


# ---- answers ----

def an_answer_lost_is_looked_up():
    ways = {"dropped": {"do": "drop-after-accept"}, "cut": {"do": "cut"}, "garbled": {"do": "garbage"}, "paged": {"do": "html"},
            "empty": {"do": "empty"}, "failed": {"do": "status-after-accept", "code": 502}, "late": {"do": "delay", "ms": 1500}}
    with shop(*(f"{name}.example.test" for name in ways)) as world:
        for count, (name, way) in enumerate(ways.items(), 1):
            world.manifest(f"{name}.yaml", certificate(name))
            world.fault(path="order/neworder", **way)
            done = world.apply()
            assert world.orders() == count, f"{name}: {done!r}"
            assert_pair(world.path("targets", name, "current"))
            found = [e for e in order(world, name)["evidence"] if "found by look-up" in e]
            assert bool(found) == (name != "late"), (name, order(world, name))
        assert len(calls(world, "order/neworder")) == len(ways)
        world.assert_at_rest()


def a_vendor_out_of_order_is_asked_again():
    with shop() as world:
        world.want()
        for path, way in (("health/validate", {"code": 503, "retryAfter": 1}), ("product/query", {"code": 500}),
                          ("order/status", {"code": 503, "retryAfter": 1}), ("order/download", {"code": 503})):
            world.fault(path=path, do="status", times=1, **way)
        done = world.apply()
        assert "503" in done.err and world.orders() == 1, done
        assert [f["path"] for f in world.sandbox_call("GET", "/faults")["faults"] if not f["spent"]] == []
        world.assert_at_rest()


def a_refusal_is_told_and_not_repeated():
    with shop() as world:
        world.want()
        world.fault(path="order/neworder", do="refuse", message="The web server type is not known here")
        refused = world.apply(code=4)
        assert "The web server type is not known here" in refused.err, refused
        assert "The web server type is not known here" in why(world)
        for _ in range(2):
            world.apply(code=4)
        world.turn_clock(7200)
        world.apply(code=4)
        assert len(calls(world, "order/neworder")) == 1 and world.orders() == 0
        world.manifest("shop.yaml", certificate().replace("{product: positivessl}", "{product: positivessl, webServerType: Nginx}"))
        world.apply()
        assert len(calls(world, "order/neworder")) == 2 and world.orders() == 1
        world.assert_at_rest()


def a_refusal_can_be_released_after_a_cure():
    with shop() as world:
        world.want()
        world.fault(path="order/neworder", do="refuse", message="Insufficient funds")
        world.apply(code=4)
        assert "certwright release certificate/shop" in why(world), why(world)
        world.run("release", "certificate/shop", code=0)
        world.apply()
        assert world.orders() == 1


# ---- what cannot be known ----

def held(world):
    """The order is held, and everything says what to do."""
    at = look_through_the_grace(world)
    assert at["state"] == "Held", at
    told = why(world)
    assert "certwright release certificate/shop" in told and at["customOrderId"] in told, told
    blocked = world.apply(code=4)
    assert at["customOrderId"] in blocked.err and "certwright release certificate/shop" in blocked.err, blocked
    plan = world.run("plan", "-o", "json", code=0).json()["steps"]
    assert [(s["verb"], s["code"]) for s in plan] == [("blocked", "OrderHeld")], plan
    assert len(calls(world, "order/neworder")) == 1
    return at


def an_order_that_never_arrived_is_held_and_released():
    with shop() as world:
        world.want()
        world.fault(path="order/neworder", do="drop")
        world.apply("--detach", code=None)
        first = held(world)
        assert world.orders() == 0
        world.run("release", "certificate/shop", code=0)
        world.sandbox_call("DELETE", "/requests")
        world.apply()
        asked = [r["path"] for r in world.sandbox_call("GET", "/requests")["requests"]]
        bought = asked.index("order/neworder")
        assert "order/status" in asked[:bought] and "order/query" in asked[:bought], asked
        assert asked.count("order/neworder") == 1 and world.orders() == 1
        assert order(world)["keyId"] != first["keyId"], "the key of an order that may have leaked is used again"
        world.assert_at_rest()


def a_hidden_order_that_shows_up_is_taken_and_not_bought_again():
    with shop() as world:
        world.want()
        world.fault(path="order/neworder", do="drop-after-accept")
        world.fault(path="order/status", do="hide")
        world.fault(path="order/query", do="hide")
        world.apply("--detach", code=None)
        held(world)
        world.sandbox_call("DELETE", "/faults")
        world.run("release", "certificate/shop", code=0)
        world.apply()
        assert world.orders() == 1 and len(calls(world, "order/neworder")) == 1
        assert_pair(world.path("targets/shop/current"))
        world.assert_at_rest()


def a_hidden_order_is_bought_once_more_only_by_a_persons_word():
    with shop() as world:
        world.want()
        world.fault(path="order/neworder", do="drop-after-accept")
        world.fault(path="order/status", do="hide", order=4567890)
        world.fault(path="order/query", do="hide", order=4567890)
        world.apply("--detach", code=None)
        held(world)
        assert world.orders() == 1
        world.run("release", "certificate/shop", code=0)
        world.apply()
        assert world.orders() == 2
        assert_pair(world.path("targets/shop/current"))
        world.assert_at_rest()


def no_answer_to_look_ups_is_no_evidence():
    with shop() as world:
        world.want()
        world.fault(path="order/neworder", do="drop-after-accept")
        world.fault(path="order/status", do="status", code=500, times=0)
        world.apply("--detach", code=None)
        for _ in range(4):
            world.turn_clock(301)
            world.apply("--detach", code=None)
        assert order(world)["state"] == "Unknown", order(world)
        world.sandbox_call("DELETE", "/faults")
        world.turn_clock(61)
        world.apply()
        assert world.orders() == 1


def an_order_is_looked_for_only_where_it_went():
    """Its Issuer goes, and the manifest names another one meanwhile: neither is a reason to ask elsewhere, or to buy."""
    with shop() as world:
        world.want()
        world.fault(path="order/neworder", do="drop-after-accept")
        world.fault(path="order/status", do="status", code=500, times=0)
        world.apply("--detach", code=None)
        assert order(world)["state"] == "Unknown", order(world)
        issuer = world.read("manifests/issuer.yaml")
        other = ISSUER.replace("{name: main}", "{name: other}").replace("10012345", "20012345")
        asked = len(calls(world, "order/status"))
        os.unlink(world.path("manifests/issuer.yaml"))
        for more in (None, other):
            if more is not None:
                world.manifest("other.yaml", more)
            world.turn_clock(301)
            gone = world.apply("--detach", code=4)
            assert "through issuer/main (partner 10012345 at " in gone.err and "bring issuer/main back" in gone.err, gone
            assert "IssuerGone" in why(world), why(world)
        assert len(calls(world, "order/status")) == asked, "another account was asked"
        world.manifest("issuer.yaml", issuer)
        world.want(more="  issuerRef: {name: other}\n")
        world.sandbox_call("DELETE", "/faults")
        world.turn_clock(301)
        world.apply("--detach", code=4)
        assert order(world)["state"] == "Placed" and "EditAfterOrder" in why(world), why(world)
        world.want(more="  issuerRef: {name: main}\n")
        world.apply()
        assert world.orders() == 1 and len(calls(world, "order/neworder")) == 1
        assert_pair(world.path("targets/shop/current"))
        world.assert_at_rest()


# ---- after the order ----

def a_dead_order_is_not_replaced():
    with shop() as world:
        world.want(method="Email")
        world.apply("--detach")
        number = order(world)["vendorOrderId"]
        world.sandbox_call("POST", f"/orders/{number}", {"majorStatus": "Cancelled", "minorStatus": "Cancelled"})
        world.run("sync", "certificate/shop", code=0)
        dead = world.apply(code=4)
        assert number in dead.err and "Cancelled" in dead.err, dead
        assert "OrderDead" in why(world)
        world.turn_clock(86400)
        world.apply(code=4)
        assert world.orders() == 1 and len(calls(world, "order/neworder")) == 1


def a_wrong_certificate_is_not_deployed():
    with shop() as world:
        world.want()
        for kind in ("no-certificate", "wrong-certificate", "wrong-names", "expired", "self-signed", "client-only", "no-chain"):
            world.fault(path="order/download", do=kind, times=0)
            world.run("sync", "certificate/shop") if kind != "no-certificate" else None
            wrong = world.apply("--detach" if kind != "no-certificate" else "--timeout=15s", code=None)
            assert not os.path.exists(world.path("targets/shop")), f"{kind}: {wrong!r}"
            assert world.run("get", "revisions", "shop", "-o", "json").code != 0, kind
            said = {"no-certificate": "delivers nothing yet", "wrong-certificate": "another key",
                    "self-signed": "another key"}.get(kind, "not accepted")
            assert said in wrong.err and said in why(world), f"{kind}: {wrong!r}{why(world)}"
            world.sandbox_call("DELETE", "/faults")
        world.run("sync", "certificate/shop", code=0)
        world.apply()
        assert_pair(world.path("targets/shop/current"))
        assert world.orders() == 1
        world.assert_at_rest()


def slow_issuance_is_waited_for():
    with shop() as world:
        world.sandbox_call("POST", "/settings", {"issueDelayMs": 4000})
        world.want()
        soon = world.run("apply", "--yes", "--detach", code=0)
        assert "come again" in soon.out, soon
        world.apply()
        assert world.orders() == 1
        assert_pair(world.path("targets/shop/current"))


main([refused_credentials_are_named_and_buy_nothing, an_answer_lost_is_looked_up, a_vendor_out_of_order_is_asked_again,
      a_refusal_is_told_and_not_repeated, a_refusal_can_be_released_after_a_cure, an_order_that_never_arrived_is_held_and_released,
      a_hidden_order_that_shows_up_is_taken_and_not_bought_again, a_hidden_order_is_bought_once_more_only_by_a_persons_word,
      no_answer_to_look_ups_is_no_evidence, an_order_is_looked_for_only_where_it_went, a_dead_order_is_not_replaced, a_wrong_certificate_is_not_deployed,
      slow_issuance_is_waited_for])
