#!/usr/bin/env python3
"""The store in the hands of an operator: lost, older, copied and damaged stores, a full disk, two controllers. Whatever befalls
it, nothing is bought twice, no key is lost, and it is said what to do (reliability.md 4.7, 4.9, 7)."""
import glob
import os
import shutil
import signal
import subprocess

from harness import Skip, has_thread_of_sanitizer, main, wait_for
from shop import certificate, shop_world
from store_world import digest_of, issued_world, only_reconciles, order_ids


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


def crash(w, number):
    """A daemon at rest dies of a fault. Sanitizers are told to leave the signal to the program."""
    leave = "handle_segv=0:handle_sigbus=0"
    w.environment_more = {"ASAN_OPTIONS": leave, "TSAN_OPTIONS": leave}
    if os.path.exists(w.path("state/control.sock")):
        os.unlink(w.path("state/control.sock"))  # of the one that crashed before
    daemon = w.daemon()
    w.run("sync", "certificate/shop", code=0)
    deaf = []  # a blocked one would end the process unnoted
    for status in glob.glob(f"/proc/{daemon.pid}/task/*/status"):
        with open(status) as file:
            blocked = int(next(line for line in file if line.startswith("SigBlk")).split()[1], 16)
        if blocked & (1 << signal.SIGSEGV - 1 | 1 << signal.SIGBUS - 1):
            deaf.append(status)
    assert len(deaf) == (1 if has_thread_of_sanitizer(daemon.pid) else 0), deaf
    daemon.send_signal(number)
    assert daemon.wait(20) == -number
    w.environment_more = {}


def three_crashes_within_ten_minutes_and_nothing_is_bought():
    with issued_world() as w:
        for number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGSEGV):
            assert "ReconcileOnly" not in w.run("status", code=0).out
            crash(w, number)
        noted = w.read("state/crashes").split("\n")
        assert [line.split(" ")[1:] for line in noted] == [["11"], ["7"], ["11"], []], noted
        assert os.stat(w.path("state/crashes")).st_mode & 0o777 == 0o600
        only_reconciles(w, "crashed 3 times within 10 minutes", "(SIGSEGV)")
        assert not os.path.exists(w.path("state/crashes"))
        assert "store.reconcile" in w.run("audit", "show", code=0).out


def crashes_apart_and_ends_by_kill_are_no_alarm():
    with issued_world() as w:
        for number, later in ((signal.SIGSEGV, 400), (signal.SIGBUS, 400), (signal.SIGSEGV, 0)):
            crash(w, number)
            w.turn_clock(later)
        for number in (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM):
            w.stop(w.daemon(), number)
        told = w.run("apply", "--yes", code=0)
        assert "Nothing is bought" not in told.err, told
        assert len(w.read("state/crashes").splitlines()) == 3
        w.turn_clock(601)
        w.run("apply", "--yes", code=0)
        assert not os.path.exists(w.path("state/crashes"))


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
    main([three_crashes_within_ten_minutes_and_nothing_is_bought, crashes_apart_and_ends_by_kill_are_no_alarm, a_lost_state_directory_comes_back_with_orders_and_keys, an_older_store_is_brought_forward,
          a_copied_state_directory_buys_nothing, a_damaged_store_is_set_aside,
          a_second_controller_is_refused_by_whatever_way_it_comes, a_full_disk_buys_nothing_and_finishes_what_is_open])
