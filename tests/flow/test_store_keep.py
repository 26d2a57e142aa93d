#!/usr/bin/env python3
"""Keeping the store: backups and the way back, a new sealing key, keys that are missing or wrong, the audit log's chain
(reliability.md 7.5, 9.3, 9.7)."""
import glob
import os
import re

from harness import main
from shop import certificate
from store_world import digest_of, issued_world


def a_backup_is_put_back():
    with issued_world() as w:
        first = w.run("state", "backup", code=0).out.strip()
        assert os.path.dirname(first) == w.path("audit/backups") and os.stat(first).st_mode & 0o777 == 0o600
        files = w.run("state", "verify", "-o", "json", code=0).json()["files"]
        assert all(f["good"] for f in files) and first in [f["file"] for f in files], files
        told = w.run("state", "verify", code=0)  # one order, bought once: these are no purchases
        assert len(w.ledger()) == 1 and "PAID STEPS" in told.out, told
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
        w.run("state", "restore", code=0)
        assert len(glob.glob(w.path("state/replaced-*.mdb"))) == 3  # each kept what it replaced, within one second too


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


if __name__ == "__main__":
    main([a_backup_is_put_back, a_running_controller_keeps_its_store, seven_backups_are_kept,
          a_new_sealing_key_seals_everything, a_missing_or_wrong_key_stops_everything, the_audit_log_is_checked])
