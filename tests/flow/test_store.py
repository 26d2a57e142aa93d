#!/usr/bin/env python3
"""The store in the hands of an operator: lost, older, copied and damaged stores, backups and the way back, a new sealing key, a
full disk, two controllers. Whatever befalls it, nothing is bought twice, no key is lost, and it is said what to do
(reliability.md 4.7, 4.9, 7, 9.3)."""
import contextlib
import glob
import os
import re
import shutil
import subprocess

from harness import Skip, World, main, wait_for
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


def a_lost_state_directory_comes_back_with_orders_and_keys():
    with issued_world() as w:
        served = w.served("shop.example.test")
        before = w.run("get", "orders", "-o", "json", code=0).json()
        shutil.rmtree(w.path("state"))
        told = w.run("status", code=5)
        assert "is missing" in told.err and "certwright apply" in told.err, told
        told = w.run("apply", "--yes", code=0)  # nothing to buy: the order is known, the certificate fetched again
        assert "is missing" in told.err and "journal" in told.err, told
        after = w.run("get", "orders", "-o", "json", code=0).json()
        orders = [order_ids(told) for told in (before, after)]
        assert orders[0] == orders[1], orders
        assert w.served("shop.example.test") == served
        only_reconciles(w, "is missing")


def an_older_store_is_brought_forward():
    with issued_world() as w:
        shutil.copy(w.path("state/data.mdb"), w.path("old.mdb"))
        w.manifest("next.yaml", certificate("next"))
        w.run("apply", "--yes", code=0)
        with open(w.path("old.mdb"), "rb") as old, open(w.path("state/data.mdb"), "r+b") as store:
            store.truncate()
            shutil.copyfileobj(old, store)
        assert "older" in w.run("status", code=5).err
        told = w.run("apply", "--yes", code=0)
        assert "older" in told.err and digest_of(told), told
        assert len(w.ledger()) == 2
        assert len(w.run("get", "orders", "-o", "json", code=0).json()["items"]) == 2


def a_copied_state_directory_buys_nothing():
    with issued_world() as w:
        shutil.copytree(w.path("state"), w.path("copy"), ignore=shutil.ignore_patterns("*.sock"))
        w.run("apply", "--yes", code=0)
        os.rename(w.path("state"), w.path("elsewhere"))
        os.rename(w.path("copy"), w.path("state"))
        only_reconciles(w, "copied here from another place")


def a_damaged_store_is_set_aside():
    with issued_world() as w:
        backup = w.run("state", "backup", "-o", "json", code=0).json()
        assert os.path.exists(backup["file"]) and backup["paid"] == 2, backup
        with open(w.path("state/data.mdb"), "r+b") as store:
            for page in range(2, os.path.getsize(store.name) // 4096):
                store.seek(page * 4096 + 100)
                store.write(b"\xff" * 64)
        told = w.run("state", "verify", code=5)
        assert "data.mdb" in told.out and "good" in told.out, told
        served = w.served("shop.example.test")
        only_reconciles(w, "is damaged", "set aside as damaged-", "the backup of")
        assert w.served("shop.example.test") == served
        assert len(glob.glob(w.path("state/damaged-*.mdb"))) == 1
        w.run("state", "verify", code=0)


def a_backup_is_put_back():
    with issued_world() as w:
        first = w.run("state", "backup", code=0).out.strip()
        assert os.path.dirname(first) == w.path("audit/backups") and os.stat(first).st_mode & 0o777 == 0o600
        files = w.run("state", "verify", "-o", "json", code=0).json()["files"]
        assert all(f["good"] for f in files) and first in [f["file"] for f in files], files
        w.manifest("next.yaml", certificate("next"))
        w.run("apply", "--yes", code=0)
        told = w.run("state", "restore", os.path.basename(first), code=0)
        assert "was put back" in told.out and "journal" in told.out, told
        assert len(glob.glob(w.path("state/replaced-*.mdb"))) == 1
        told = w.run("apply", "--yes", code=0)
        assert digest_of(told) and len(w.ledger()) == 2
        orders = w.run("get", "orders", "-o", "json", code=0).json()["items"]
        assert len(orders) == 2  # the second one came after the backup, from the journal
        w.run("state", "restore", "nonsense.mdb", code=5)
        w.run("state", "restore", "a", "b", code=64)
        w.run("state", "restore", code=0)  # the newest


def a_running_controller_keeps_its_store():
    with issued_world() as w:
        daemon = w.daemon()
        backup = w.run("state", "backup", code=0).out.strip()
        w.run("state", "verify", code=0)
        for verb in (("restore", backup), ("restore",), ("rotate-key",)):
            told = w.run("state", *verb, code=5)
            assert f"pid {daemon.pid}" in told.err and "in use by certwright run" in told.err, told
        w.stop(daemon)
        w.run("state", "restore", code=0)


def seven_backups_are_kept():
    with issued_world() as w:
        for day in range(10):
            w.turn_clock(86400 + 60)
            w.run("sync", "certificate/shop", code=0)
            w.run("reconcile", "--once")
        names = sorted(os.listdir(w.path("audit/backups")))
        assert len(names) == 7, names
        w.run("state", "verify", code=0)


def a_new_sealing_key_seals_everything():
    with issued_world() as w:
        backup = w.run("state", "backup", code=0).out.strip()
        old_key, served = w.read("sealing.key"), w.served("shop.example.test")
        told = w.run("state", "rotate-key", code=0)
        assert w.read("sealing.key") != old_key and old_key.strip() not in told.out + told.err
        former = re.search(r"former key is (\S+):", told.out)[1]
        assert w.read(os.path.relpath(former, w.dir)) == old_key
        assert os.stat(former).st_mode & 0o777 == 0o400 and os.stat(w.path("sealing.key")).st_mode & 0o777 == 0o400
        w.run("apply", "--yes", code=0)
        assert w.served("shop.example.test") == served and len(w.ledger()) == 1
        said = w.run("state", "show", "meta", "former-keys", "-o", "json", code=0).json()["record"]
        assert former.rsplit(".", 1)[1] in said and " until 2" in said, said
        os.rename(former, w.path("put-away.key"))  # the store needs it no more, the old backup does
        w.run("apply", "--yes", code=0)
        files = {f["file"]: f for f in w.run("state", "verify", "-o", "json", code=5).json()["files"]}
        assert not files[backup]["good"] and all(f["good"] for path, f in files.items() if path != backup), files
        w.run("state", "restore", backup, code=5)
        w.run("state", "restore", backup, "--key", w.path("put-away.key"), code=0)
        told = w.run("apply", "--yes", code=0)  # put back, and sealed with the key in use: the given one is needed no more
        assert digest_of(told) and len(w.ledger()) == 1
        w.run("apply", "--yes", code=0)


def a_missing_or_wrong_key_stops_everything():
    with issued_world() as w:
        w.manifest("next.yaml", certificate("next"))
        key = w.read("sealing.key")
        for other in (None, "ab" * 32 + "\n"):
            os.unlink(w.path("sealing.key"))
            if other is not None:
                w.write("sealing.key", other, 0o400)
            for verb in (("apply", "--yes"), ("plan",), ("state", "backup"), ("state", "rotate-key"), ("reconcile", "--once")):
                told = w.run(*verb, code=5)
                assert "sealing key" in told.err, told
            if other is None:
                w.write("sealing.key", key, 0o400)
        os.unlink(w.path("sealing.key"))
        w.write("sealing.key", key, 0o400)
        assert not glob.glob(w.path("state/damaged-*")) and len(w.ledger()) == 1
        w.run("apply", "--yes", code=0)
        assert len(w.ledger()) == 2


def the_audit_log_is_checked():
    with issued_world() as w:
        told = w.run("audit", "verify", code=0)
        assert "each follows" in told.out, told
        assert w.run("audit", "verify", "-o", "json", code=0).json()["good"]
        log = w.read("audit/audit.log")
        lines = log.splitlines(True)
        for spoilt in ("".join(lines[:2] + lines[3:]), log.replace("order.submit", "order.nothing"), "".join(lines[:-1])):
            w.write("audit/audit.log", spoilt, 0o600)
            told = w.run("audit", "verify", code=5)
            assert "audit" in told.err, told
        w.write("audit/audit.log", log, 0o600)
        w.run("audit", "verify", code=0)
        os.rename(w.path("audit/audit.log"), w.path("audit/audit.log.1"))  # rotated while nothing ran: numbers go on
        w.manifest("next.yaml", certificate("next"))
        w.run("apply", "--yes", code=0)
        told = w.run("audit", "verify", "-o", "json", code=0).json()
        assert told["first"] == len(lines) + 1, told


def a_second_controller_is_refused_by_whatever_way_it_comes():
    with issued_world() as w:
        daemon = w.daemon()
        shutil.copytree(w.path("state"), w.path("copy"), ignore=shutil.ignore_patterns("*.sock"))
        os.symlink(w.path("state"), w.path("link"))
        config = w.read("certwright.yaml")

        def second(directory):
            other = w.write("second.yaml", config.replace(w.path("state"), w.path(directory)), 0o600)
            argv = w.argv("run")
            argv[argv.index("--config") + 1] = other
            return subprocess.run(argv, capture_output=True, text=True, timeout=60, env=w.environment())
        for directory in ("state", "link", "copy"):
            told = second(directory)
            assert told.returncode == 5 and f"pid {daemon.pid}" in told.stderr, (directory, told.stderr)
        if os.geteuid() == 0:
            os.makedirs(w.path("bound"))
            subprocess.run(["mount", "--bind", w.path("state"), w.path("bound")], check=True)
            try:
                told = second("bound")
                assert told.returncode == 5 and f"pid {daemon.pid}" in told.stderr, told.stderr
            finally:
                subprocess.run(["umount", w.path("bound")], check=True)
        os.unlink(w.path("state/lock"))
        told = second("state")
        assert told.returncode == 5 and "in use by another certwright" in told.stderr, told.stderr
        assert daemon.poll() is None


def a_full_disk_buys_nothing_and_finishes_what_is_open():
    if os.geteuid() != 0:
        raise Skip("mounting a small file system needs root")
    with shop_world(["shop", "next"]) as w:
        os.makedirs(w.path("state"), 0o700)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m,mode=0700", "tmpfs", w.path("state")], check=True)
        try:
            w.manifest("shop.yaml", certificate())
            w.run("apply", "--yes", "--detach")  # ordered; proof and certificate are still to come
            assert len(w.ledger()) == 1 and os.path.getsize(w.path("state/reserve")) == 8 << 20
            left = os.statvfs(w.path("state")).f_bavail * os.statvfs(w.path("state")).f_frsize
            subprocess.run(["fallocate", "-l", str(left), w.path("state/filler")], check=True)
            w.manifest("next.yaml", certificate("next"))
            told = w.run("apply", "--yes", code=4)
            assert "NoRoom" in told.out + told.err or "MiB left" in told.err, told
            assert "NoRoom" in w.run("why", "next", code=0).out
            assert "Room" in w.run("status", code=0).out
            assert w.run("status", "-o", "json", code=0).json()["noRoom"]
            w.wait_phase("Ready")  # from what was reserved for it
            assert len(w.ledger()) == 1 and not os.path.exists(w.path("state/reserve"))
            os.unlink(w.path("state/filler"))
            wait_for(lambda: w.run("apply", "--yes").code == 0, "both to be ready", 30)
            assert len(w.ledger()) == 2
        finally:
            subprocess.run(["umount", w.path("state")], check=True)


if __name__ == "__main__":
    main([a_lost_state_directory_comes_back_with_orders_and_keys, an_older_store_is_brought_forward,
          a_copied_state_directory_buys_nothing, a_damaged_store_is_set_aside, a_backup_is_put_back,
          a_running_controller_keeps_its_store, seven_backups_are_kept, a_new_sealing_key_seals_everything,
          a_missing_or_wrong_key_stops_everything, the_audit_log_is_checked,
          a_second_controller_is_refused_by_whatever_way_it_comes, a_full_disk_buys_nothing_and_finishes_what_is_open])
