"""What the tests of the store share: a world with one certificate bought and deployed, and what it means that a store is only
reconciled."""
import contextlib
import re

from shop import certificate, shop_world


@contextlib.contextmanager
def issued_world(**kind):
    """One certificate, bought and deployed."""
    with shop_world(["shop", "next"], **kind) as w:
        w.manifest("shop.yaml", certificate())
        w.run("apply", "--yes", code=0)
        assert len(w.ledger()) == 1
        yield w


def digest_of(result):
    found = re.search(r"certwright confirm ([0-9a-f]{12})", result.err + result.out)
    assert found, result
    return found[1]


def order_ids(told):
    """What names an order and its key, of `get orders -o json`."""
    keep = ("customOrderID", "customOrderId", "vendorOrderID", "vendorOrderId", "keyID", "keyId")
    found = [{k: v for k, v in {**o, **o.get("status", {}), **o.get("record", {})}.items() if k in keep} for o in told["items"]]
    assert found and all(len(o) == 3 for o in found), told
    return found


def only_reconciles(w, *words):
    """Nothing is bought for a new certificate, every place says so and how to end it; then the word ends it."""
    w.manifest("next.yaml", certificate("next"))
    told = w.run("apply", "--yes", code=4)
    for word in words:
        assert word in told.err, (word, told)
    digest = digest_of(told)
    assert "ReconcileOnly" in w.run("why", "next", code=0).out
    status = w.run("status", code=0).out
    assert "ReconcileOnly" in status and digest in status, status
    assert [h["digest"] for h in w.run("status", "-o", "json", code=0).json()["holds"]] == [digest]
    assert "the vendor lists 1 orders" in told.err, told
    assert len(w.ledger()) == 1
    w.run("confirm", digest, code=0)
    w.run("apply", "--yes", code=0)
    assert len(w.ledger()) == 2 and w.run("why", "next", code=0).code == 0
    assert digest not in w.run("status", code=0).out
