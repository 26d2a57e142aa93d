#!/usr/bin/env python3
"""What the daemon and its processes may not do, seen from outside: files beyond the operator's places, rights by setuid programs,
being looked into by others of the same user; and that reload commands are none the worse for it."""
import os
import re
import shutil
import subprocess
import tempfile

from harness import ISSUER, SOURCE, World, main, need, wait_for
from shop import TARGET, certificate, shop_world
from test_daemon import SUSPENDED, daemon, recorded

NOBODY = 65534


def status(pid):
    with open(f"/proc/{pid}/status") as file:
        return dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)


def children(pid):
    """{name: pid}"""
    found = {}
    for other in filter(str.isdigit, os.listdir("/proc")):
        try:
            about = status(other)
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(about["PPid"]) == pid:
            found[about["Name"]] = int(other)
    return found


def reload_commands_have_the_rights_that_the_daemon_gave_up():
    outside = tempfile.mkdtemp(prefix="cw-outside.")
    try:
        with shop_world(["shop", "lost"]) as w:
            os.chmod(outside, 0o755)
            w.profiles["mark"] = {"check": ["/bin/true"], "reload": ["/usr/bin/touch", f"{outside}/reloaded"]}
            w.roots["later"] = f"{outside}/later"  # not there when the daemon starts, and nothing else is opened to it
            w.manifest("marked.yaml", TARGET.replace("name: web", "name: marked").replace('path: "{name}"',
                       'path: "marked/{name}"\n  reload: {profile: mark}').replace("  challenge: {http: {root: www}}\n", ""))
            w.manifest("later.yaml", TARGET.replace("name: web", "name: later").replace("root: targets", "root: later")
                       .replace("  challenge: {http: {root: www}}\n", ""))
            with daemon(w) as d:
                landlock = "not confined" not in d.text()
                assert not landlock or 'msg=confined files="Landlock ' in d.text(), d.text()
                w.manifest("shop.yaml", certificate(targets=("web", "marked")))
                wait_for(lambda: recorded(w).get("phase") == "Ready", "the certificate", 60)
                assert os.path.exists(f"{outside}/reloaded")
                os.mkdir(f"{outside}/later")
                w.manifest("lost.yaml", certificate("lost", targets=("web", "later")))
                if landlock:
                    d.wait_log("ermission denied", 60)
                    assert os.listdir(f"{outside}/later") == []
    finally:
        shutil.rmtree(outside)


def each_process_has_what_it_needs():
    with shop_world() as w, daemon(w) as d:
        w.manifest("shop.yaml", certificate(more=SUSPENDED))
        d.wait_log("msg=looked ", after=len(d.text()))
        main_one, others = status(d.child.pid), children(d.child.pid)
        assert set(others) == {"certwright-pars", "certwright-watc", "certwright-runs"}, others
        reader = status(others["certwright-pars"])
        assert reader["Seccomp"] == "2" and reader["NoNewPrivs"] == "1", reader
        if os.geteuid() == 0:
            assert reader["Uid"].split() == [str(NOBODY)] * 4 and reader["Groups"].strip() == "", reader
            assert int(reader["CapEff"], 16) == 0, reader
            opened = {os.readlink(f"/proc/{others['certwright-pars']}/fd/{fd}").split(":")[0]
                      for fd in os.listdir(f"/proc/{others['certwright-pars']}/fd")}
            assert opened <= {"socket", "/dev/null", w.path("logs/daemon.log")}, opened
        if "not confined" not in d.text():
            assert main_one["NoNewPrivs"] == "1" and status(others["certwright-watc"])["NoNewPrivs"] == "1"
        assert status(others["certwright-runs"])["NoNewPrivs"] == "0"  # a profile may run sudo
    for pid in others.values():
        wait_for(lambda: not os.path.exists(f"/proc/{pid}") or status(pid)["State"].startswith("Z"), "the end of all", 10)


def nobody_looks_into_the_daemon():
    """Not even another process of the same user: the memory holds keys."""
    spy = ("import ctypes, sys\npid = int(sys.argv[1])\nlibc = ctypes.CDLL(None, use_errno=True)\n"
           "class Part(ctypes.Structure):\n    _fields_ = [('base', ctypes.c_void_p), ('length', ctypes.c_size_t)]\n"
           "room = ctypes.create_string_buffer(16)\nhere = Part(ctypes.addressof(room), 16)\nthere = Part(0x400000, 16)\n"
           "got = libc.process_vm_readv(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)\n"
           "print(got, ctypes.get_errno())\n"
           "print(libc.ptrace(16, pid, None, None), ctypes.get_errno())\n"  # PTRACE_ATTACH
           "for name in ('mem', 'environ', 'maps'):\n"
           "    try:\n        open(f'/proc/{pid}/{name}', 'rb').read(1)\n        print('read', name)\n"
           "    except PermissionError:\n        pass\n")
    with World(user=NOBODY if os.geteuid() == 0 else None) as w:
        w.manifest("issuer.yaml", ISSUER.replace("environment: offline", "environment: Sandbox"))
        argv = w.argv("run")
        prefix = [] if w.user is None else ["setpriv", f"--reuid={w.user}", f"--regid={w.user}", "--clear-groups"]
        child = w.start(*prefix, *argv, log="daemon.log", env=w.environment())
        wait_for(lambda: os.path.exists(w.path("state/control.sock")) or child.poll() is not None, "the daemon")
        assert child.poll() is None, w.read("logs/daemon.log")
        for pid in (child.pid, *children(child.pid).values()):
            if status(pid)["Name"] == "certwright-watc":
                continue  # knows nothing but names of files
            told = subprocess.run([*prefix, "python3", "-c", spy, str(pid)], capture_output=True, text=True, timeout=30)
            assert told.stdout.split("\n") == ["-1 1", "-1 1", ""], (status(pid)["Name"], told)
            with open(f"/proc/{pid}/limits") as file:
                assert re.search(r"^Max core file size +0 +0 ", file.read(), re.M), pid
        assert w.stop(child) == 0, w.read("logs/daemon.log")


def the_unit_is_exposed_to_little():
    tool = need("systemd-analyze", "systemd")
    told = subprocess.run([tool, "security", "--offline=true", "--no-pager", os.path.join(SOURCE, "packaging/certwright.service")],
                          capture_output=True, text=True, timeout=60)
    level = re.search(r"Overall exposure level for \S+ (\d+\.\d+)", told.stdout)
    assert level is not None, told
    assert float(level.group(1)) <= 2.0, told.stdout[-300:]


if __name__ == "__main__":
    main([reload_commands_have_the_rights_that_the_daemon_gave_up, each_process_has_what_it_needs, nobody_looks_into_the_daemon,
          the_unit_is_exposed_to_little])
