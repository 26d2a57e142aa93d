#!/usr/bin/env python3
"""DNS accounts of type manual: a person makes the record, the program shows which, waits, and verifies. It never writes, so of
the conformance suite's cases those about writing (placing again, removing, keeping others, conflicts refused, crash between
write and record, two writers) and about credentials, throttling and cut answers of an API have nothing to be run on:
there is no table of operations. What is left is what a person may do, well or badly, and what the DNS may show of it: judged
here against a real BIND and two real Knots, each at an address of its own. Whole lives, from the words shown to the event at the
end, are in tests/flow/test_manual.py."""
import ctypes
import inspect
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from dns_servers import need
from dns_service import Driver
from dns_wire import Message, ask_tcp, question

VALUE, SECOND = "oneOneOneOneOneOneOneOneOneOneOneOneOneOne1", "twoTwoTwoTwoTwoTwoTwoTwoTwoTwoTwoTwoTwoTwo2"
TARGET = "0a1b2c3d4e5f.6071829304a5b6c7.sectigo.com"
ONE, TWO, SILENT = "127.0.0.2", "127.0.0.3", "127.0.0.4"  # .1 is where the delegations are asked for

# zone -> its name servers; ns1 is ONE, ns2 is TWO, ns4 is SILENT (nobody listens), ns6 is ::1
ZONES = {"two.test": ["ns1", "ns2"], "one.test": ["ns1"], "three.test": ["ns1", "ns2", "ns4"], "half.test": ["ns1", "ns4"],
         "silent.test": ["ns4"], "refused.test": ["ns1", "ns2"], "broken.test": ["ns1", "ns2"], "lame.up.test": ["ns1", "ns2"],
         "six.test": ["ns1", "ns6"], "xn--bcher-kva.test": ["ns1", "ns2"]}
ONLY_ONE = {"refused.test", "lame.up.test"}  # ns2 does not serve them


class Servers:
    """BIND where delegations are asked for (and at ::1), a Knot for each of the others: BIND listens at no address that no
    interface has."""

    def __init__(self, folder):
        self.home, self.port, self.processes, self.names = folder, self.free_port(), [], 0
        one = {z: self.zone(z) for z in ZONES if z != "silent.test"}
        one["two.test"] += "child NS ns2.servers.test.\n"
        two = {z: self.zone(z) for z in ZONES if z not in ONLY_ONE | {"one.test", "silent.test", "half.test"}}
        two["broken.test"] = "@ SOA broken broken\n"  # cannot be loaded: SERVFAIL
        two["child.two.test"] = self.head(["ns2"])
        two["up.test"] = self.head(["ns2"]) + "lame NS ns9.servers.test.\n"
        self.start_bind({"servers.test": self.addresses(), **{z: self.zone(z) for z in ZONES}})
        self.start_knot("one", ONE, one)
        self.start_knot("two", TWO, two)
        deadline = time.monotonic() + 60
        while not self.serves():
            assert all(p.poll() is None for p in self.processes) and time.monotonic() < deadline, self.logs()
            time.sleep(0.05)

    def start(self, name, *command):
        libc = ctypes.CDLL(None)
        with open(os.path.join(self.home, name + ".log"), "w") as log:
            self.processes.append(subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                                   preexec_fn=lambda: libc.prctl(1, signal.SIGKILL)))

    def logs(self):
        text = ""
        for name in ("bind", "one", "two"):
            with open(os.path.join(self.home, name + ".log")) as file:
                text += f"---- {name}\n{file.read()[-3000:]}"
        return text

    def write(self, name, text):
        with open(os.path.join(self.home, name), "w") as file:
            file.write(text)
        return os.path.join(self.home, name)

    def start_bind(self, zones):
        text = (f'options {{ directory "{self.home}"; pid-file none; session-keyfile none; lock-file none; recursion no;\n'
                f"  listen-on port {self.port} {{ 127.0.0.1; }}; listen-on-v6 port {self.port} {{ ::1; }};\n"
                "  dnssec-validation no; notify no; empty-zones-enable no; };\ncontrols { };\n")
        for zone, content in zones.items():
            self.write(f"bind.{zone}.zone", content)
            text += f'zone "{zone}" {{ type primary; file "bind.{zone}.zone"; allow-update {{ any; }}; }};\n'
        self.start("bind", need("named", "bind9"), "-g", "-n", "1", "-c", self.write("named.conf", text))

    def start_knot(self, name, address, zones):
        home = os.path.join(self.home, name)
        os.makedirs(os.path.join(home, "db"))
        text = (f'server:\n    rundir: "{home}"\n    listen: {address}@{self.port}\n    udp-workers: 1\n    tcp-workers: 1\n'
                f'    background-workers: 1\ndatabase:\n    storage: "{home}/db"\n    journal-db-mode: asynchronous\n'
                "log:\n  - target: stderr\n    any: info\nacl:\n  - id: all\n    address: [ 127.0.0.0/8 ]\n    action: update\n"
                f'template:\n  - id: default\n    storage: "{home}"\n    acl: all\n    zonefile-sync: -1\n    zonefile-load: difference\n'
                "    journal-content: changes\nzone:\n")
        for zone, content in zones.items():
            self.write(f"{name}/{zone}.zone", content)
            text += f"  - domain: {zone}\n"
        self.start(name, need("knotd", "knot"), "-c", self.write(f"{name}/knot.conf", text))

    @staticmethod
    def free_port():
        for _ in range(100):
            with socket.socket() as first:
                first.bind(("127.0.0.1", 0))
                port = first.getsockname()[1]
            try:
                for host in ("127.0.0.1", ONE, TWO, SILENT, "::1"):
                    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as probe:
                            probe.bind((host, port))
            except OSError:
                continue
            return port
        raise AssertionError("no free port")

    def serves(self):
        try:
            return all(Message(ask_tcp((host, self.port), question(zone, "SOA"), 5)).authoritative
                       for host, zone in (("127.0.0.1", "servers.test"), ("::1", "six.test"), (ONE, "two.test"), (ONE, "half.test"),
                                          (TWO, "two.test"), (TWO, "child.two.test"), (TWO, "up.test")))
        except (OSError, TypeError):
            return False

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @staticmethod
    def head(servers):
        return "$TTL 60\n@ SOA ns1.servers.test. root 1 3600 600 86400 5\n" + "".join(f"@ NS {s}.servers.test.\n" for s in servers)

    def zone(self, name):
        return self.head(ZONES[name])

    def addresses(self):
        return self.head(["ns1"]) + f"ns1 A {ONE}\nns2 A {TWO}\nns4 A {SILENT}\nns6 AAAA ::1\n"

    # ---- the person ----

    def owner(self, zone="two.test", label="_acme-challenge"):
        """A name that no other case uses."""
        self.names += 1
        return f"{label}.c{self.names}.{zone}"

    def at(self, host, zone, *lines):
        script = "\n".join([f"server {host} {self.port}", f"zone {zone}", "check-names no", *lines, "send"]) + "\n"
        done = subprocess.run([need("nsupdate", "bind9-dnsutils")], input=script, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr + script

    def make(self, owner, kind, *contents, zone="two.test", hosts=(ONE, TWO), ttl=60):
        for host in hosts:
            self.at(host, zone, *(f"update add {owner}. {ttl} {kind} {content}" for content in contents))

    def drop(self, owner, kind, zone="two.test", hosts=(ONE, TWO)):
        for host in hosts:
            self.at(host, zone, f"update delete {owner}. {kind}")


class Subject:
    """The manual account, and what a case says of it."""

    class standin:
        failures = []

    def __init__(self, folder, servers):
        self.folder, self.servers = folder, servers
        self.nameservers = {}

    def canaries(self):
        return set()

    def path(self, name):
        return os.path.join(self.folder, name)

    def write_config(self):
        with open(self.path("account.yaml"), "w") as file:
            file.write("apiVersion: certwright/v1alpha1\nkind: DNSAccount\nmetadata: {name: account}\nspec: {manual: {}}\n")
        with open(self.path("certwright.yaml"), "w") as file:
            file.write("apiVersion: certwright/v1alpha1\nkind: ControllerConfig\nallowAddresses: [127.0.0.0/8, \"::1\"]\n"
                       f"nameservers: {json.dumps(self.nameservers)}\n")
        os.chmod(self.path("certwright.yaml"), 0o600)
        return self.path("certwright.yaml")

    def ask(self, owner, value, kind="TXT", zone="two.test"):
        with Driver(self) as d:
            return d("seen-by", str(self.servers.port), zone, owner, kind, value)

    def seen(self, owner, value, kind="TXT", zone="two.test"):
        told = self.ask(owner, value, kind, zone)
        assert told["ok"] and told["flag"], told

    def unseen(self, owner, value, kind="TXT", zone="two.test", says=""):
        told = self.ask(owner, value, kind, zone)
        assert told["ok"] and not told["flag"] and says in told["words"], (says, told)

    def fails(self, how, owner, value, zone, says=""):
        told = self.ask(owner, value, "TXT", zone)
        assert not told["ok"] and told["kind"] == how and says in told["message"], told


def txt(value):
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


# ---- made as shown ----

def a_txt_at_every_server_is_seen(s, p):
    owner = p.owner()
    p.make(owner, "TXT", txt(VALUE))
    s.seen(owner, VALUE)


def a_cname_at_every_server_is_seen(s, p):
    owner = p.owner(label="_0a1b2c")
    p.make(owner, "CNAME", TARGET + ".")
    s.seen(owner, TARGET, "CNAME")


def a_dot_at_the_end_of_a_target_is_no_difference(s, p):
    owner = p.owner()
    p.make(owner, "CNAME", TARGET + ".")
    s.seen(owner, TARGET + ".", "CNAME")


def a_target_in_capitals_is_the_same_target(s, p):
    owner = p.owner()
    p.make(owner, "CNAME", TARGET.upper() + ".")
    s.seen(owner, TARGET, "CNAME")


def an_owner_in_capitals_is_the_same_owner(s, p):
    owner = p.owner()
    p.make(owner.upper(), "TXT", txt(VALUE))
    s.seen(owner, VALUE)


def other_values_beside_it_do_no_harm(s, p):
    owner = p.owner()
    p.make(owner, "TXT", txt("v=spf1 -all"), txt(VALUE), txt("foreign value"))
    s.seen(owner, VALUE)


def wildcard_and_apex_need_both_values(s, p):
    owner = p.owner()
    p.make(owner, "TXT", txt(VALUE))
    s.seen(owner, VALUE)
    s.unseen(owner, SECOND, says="another value")
    p.make(owner, "TXT", txt(SECOND))
    s.seen(owner, VALUE)
    s.seen(owner, SECOND)


def a_second_value_that_displaced_the_first_is_noticed(s, p):
    owner = p.owner()
    p.make(owner, "TXT", txt(VALUE))
    p.drop(owner, "TXT")
    p.make(owner, "TXT", txt(SECOND))
    s.unseen(owner, VALUE, says="another value")


def a_txt_at_the_apex_is_seen_beside_others(s, p):
    p.make("one.test", "TXT", txt("v=spf1 -all"), txt(VALUE), zone="one.test", hosts=[ONE])
    s.seen("one.test", VALUE, zone="one.test")


def the_longest_value_is_seen_whole(s, p):
    owner, value = p.owner(), "".join(chr(0x21 + i % 94) for i in range(255))
    p.make(owner, "TXT", txt(value))
    s.seen(owner, value)
    s.unseen(owner, value[:-1] + "~")


def a_value_that_the_panel_split_is_seen(s, p):
    owner = p.owner()
    p.make(owner, "TXT", f"{txt(VALUE[:20])} {txt(VALUE[20:])}")
    s.seen(owner, VALUE)


def signs_with_a_meaning_elsewhere_are_kept(s, p):
    for value in ("a+b/c=d&e%20f", 'back\\slash "quote"', "#semi;colon, comma", "\\052"):
        owner = p.owner()
        p.make(owner, "TXT", txt(value))
        s.seen(owner, value)


def an_international_zone_is_asked_in_a_labels(s, p):
    owner = p.owner("xn--bcher-kva.test")
    p.make(owner, "TXT", txt(VALUE), zone="xn--bcher-kva.test")
    s.seen(owner, VALUE, zone="xn--bcher-kva.test")


def an_international_label_below_is_asked_in_a_labels(s, p):
    owner = p.owner(label="_acme-challenge.xn--mnchen-3ya")
    p.make(owner, "TXT", txt(VALUE))
    s.seen(owner, VALUE)


def the_time_to_live_does_not_matter(s, p):
    for ttl in (0, 604800):
        owner = p.owner()
        p.make(owner, "TXT", txt(VALUE), ttl=ttl)
        s.seen(owner, VALUE)


def among_so_many_that_tcp_is_needed_it_is_seen(s, p):
    owner = p.owner()
    p.make(owner, "TXT", *(txt(f"{i:03} {'x' * 90}") for i in range(60)), txt(VALUE))
    s.seen(owner, VALUE)
    s.unseen(owner, SECOND, says="another value")


def a_wildcard_that_answers_for_the_name_counts(s, p):
    owner = p.owner()
    p.make("*" + owner[owner.index("."):], "TXT", txt(VALUE))
    s.seen(owner, VALUE)
    s.unseen(owner, SECOND, says="another value")


# ---- made wrongly ----

def nothing_there_is_told(s, p):
    s.unseen(p.owner(), VALUE, says="NXDOMAIN")


def another_type_at_the_name_is_no_proof(s, p):
    owner = p.owner()
    p.make(owner, "A", "192.0.2.9")
    s.unseen(owner, VALUE, says="no such record")
    s.unseen(owner, TARGET, "CNAME", says="no such record")


def a_wrong_value_is_told(s, p):
    owner = p.owner()
    p.make(owner, "TXT", txt("something else"))
    s.unseen(owner, VALUE, says="another value")


def nearly_the_value_is_not_the_value(s, p):
    for wrong in (VALUE[:-1], VALUE + "x", " " + VALUE, VALUE + " ", VALUE.lower(), f'"{VALUE}"', VALUE + "."):
        owner = p.owner()
        p.make(owner, "TXT", txt(wrong))
        s.unseen(owner, VALUE, says="another value")


def a_space_where_the_panel_split_it_is_noticed(s, p):
    owner = p.owner()
    p.make(owner, "TXT", f"{txt(VALUE[:20])} {txt(' ' + VALUE[20:])}")
    s.unseen(owner, VALUE)


def a_wrong_target_is_told(s, p):
    owner = p.owner()
    p.make(owner, "CNAME", "1" + TARGET[1:] + ".")
    s.unseen(owner, TARGET, "CNAME", says="another CNAME")


def a_target_to_which_the_panel_added_the_zone_is_noticed(s, p):
    owner = p.owner()
    p.make(owner, "CNAME", TARGET + ".two.test.")
    s.unseen(owner, TARGET, "CNAME", says="another CNAME")


def a_cname_in_the_way_of_a_txt_is_told(s, p):
    owner = p.owner()
    p.make(owner, "CNAME", "elsewhere.example.net.")
    s.unseen(owner, VALUE, says="CNAME")


def a_txt_in_the_way_of_a_cname_is_told(s, p):
    owner = p.owner()
    p.make(owner, "TXT", txt("in the way"))
    s.unseen(owner, TARGET, "CNAME", says="no such record")


def a_txt_instead_of_the_cname_is_no_proof(s, p):
    owner = p.owner()
    p.make(owner, "TXT", txt(TARGET))
    s.unseen(owner, TARGET, "CNAME")


def an_owner_to_which_the_panel_added_the_zone_is_noticed(s, p):
    owner = p.owner()
    p.make(owner + ".two.test", "TXT", txt(VALUE))
    s.unseen(owner, VALUE, says="NXDOMAIN")


def a_neighbouring_name_is_no_proof(s, p):
    owner = p.owner()
    parent = owner.split(".", 1)[1]
    for wrong in (parent, "acme-challenge." + parent, "_acme-challenges." + parent, "_acme-challenge.www." + parent):
        p.make(wrong, "TXT", txt(VALUE))
    s.unseen(owner, VALUE, says="NXDOMAIN")


def what_an_answer_has_of_another_name_is_no_proof(s, p):
    """A server adds to an alias what stands at its end."""
    owner, other = p.owner(), p.owner()
    p.make(owner, "CNAME", other + ".")
    p.make(other, "TXT", txt(VALUE))
    s.unseen(owner, VALUE, says="CNAME")


def taken_away_too_early_is_noticed(s, p):
    owner = p.owner()
    p.make(owner, "TXT", txt(VALUE))
    s.seen(owner, VALUE)
    p.drop(owner, "TXT")
    s.unseen(owner, VALUE, says="NXDOMAIN")


# ---- servers that differ ----

def one_server_behind_is_waited_for(s, p):
    owner = p.owner()
    p.make(owner, "TXT", txt(VALUE), hosts=[ONE])
    s.unseen(owner, VALUE, says=f"1 of 2 servers has it; {TWO} answers NXDOMAIN")
    p.make(owner, "TXT", txt(VALUE), hosts=[TWO])
    s.seen(owner, VALUE)


def a_server_with_the_value_of_before_is_waited_for(s, p):
    owner = p.owner()
    p.make(owner, "TXT", txt(VALUE), hosts=[TWO])
    p.make(owner, "TXT", txt("of last year"), hosts=[ONE])
    s.unseen(owner, VALUE, says=f"1 of 2 servers has it; {ONE} has another value")


def a_removal_that_one_server_has_not_heard_of_leaves_the_rest(s, p):
    owner = p.owner()
    p.make(owner, "TXT", txt(VALUE))
    p.drop(owner, "TXT", hosts=[TWO])
    s.unseen(owner, VALUE, says="1 of 2")


def a_server_in_trouble_is_no_yes(s, p):
    owner = p.owner("broken.test")
    p.make(owner, "TXT", txt(VALUE), zone="broken.test", hosts=[ONE])
    s.unseen(owner, VALUE, zone="broken.test", says=f"{TWO} answers SERVFAIL")


def a_server_that_refuses_is_no_yes(s, p):
    owner = p.owner("refused.test")
    p.make(owner, "TXT", txt(VALUE), zone="refused.test", hosts=[ONE])
    s.unseen(owner, VALUE, zone="refused.test", says=f"{TWO} answers REFUSED")


def a_server_that_only_refers_elsewhere_is_no_yes(s, p):
    owner = p.owner("lame.up.test")
    p.make(owner, "TXT", txt(VALUE), zone="lame.up.test", hosts=[ONE])
    s.unseen(owner, VALUE, zone="lame.up.test", says=f"{TWO} is not authoritative")


def a_silent_minority_does_not_hold_it_up(s, p):
    owner = p.owner("three.test")
    p.make(owner, "TXT", txt(VALUE), zone="three.test")
    told = s.ask(owner, VALUE, zone="three.test")
    assert told["ok"] and told["flag"] and "2 of 3" in told["words"] and SILENT in told["words"], told


def half_of_them_silent_holds_it_up(s, p):
    owner = p.owner("half.test")
    p.make(owner, "TXT", txt(VALUE), zone="half.test", hosts=[ONE])
    s.unseen(owner, VALUE, zone="half.test", says=f"{SILENT} does not answer")


def all_of_them_silent_is_not_knowing(s, p):
    s.fails("Unreachable", p.owner("silent.test"), VALUE, "silent.test", says="none of 1 name servers")


def a_server_with_ipv6_alone_is_asked_too(s, p):
    owner = p.owner("six.test")
    p.make(owner, "TXT", txt(VALUE), zone="six.test", hosts=[ONE])
    s.unseen(owner, VALUE, zone="six.test", says="::1")
    p.make(owner, "TXT", txt(VALUE), zone="six.test", hosts=["::1"])
    s.seen(owner, VALUE, zone="six.test")


# ---- whom to ask ----

def a_name_below_a_delegation_is_asked_for_there(s, p):
    owner = p.owner("child.two.test")
    p.make(owner, "TXT", txt(VALUE), zone="child.two.test", hosts=[TWO])
    s.seen(owner, VALUE)


def what_the_parent_hides_below_a_delegation_is_no_proof(s, p):
    # made in the parent zone, where nobody asks for it
    owner = p.owner("child.two.test")
    p.make(owner, "TXT", txt(VALUE), hosts=[ONE])
    s.unseen(owner, VALUE, says=TWO)


def without_a_zone_the_delegation_is_looked_up(s, p):
    owner = p.owner()
    p.make(owner, "TXT", txt(VALUE))
    s.seen(owner, VALUE, zone="")


def a_zone_that_nobody_delegates_is_told(s, p):
    told = s.ask("_acme-challenge.nobody.servers.test", VALUE, zone="nobody.servers.test")
    assert not told["ok"] or not told["flag"], told


def without_a_resolver_nothing_is_said(s, p):
    with Driver(s) as d:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            told = d("seen-by", str(nobody.getsockname()[1]), "two.test", p.owner(), "TXT", VALUE)
    assert not told["ok"] and told["kind"] == "Unreachable" and "delegation" in told["message"], told


def the_operators_server_is_asked_instead(s, p):
    owner = p.owner()
    p.make(owner, "TXT", txt(VALUE), hosts=[TWO])
    s.nameservers = {"two.test": f"{TWO}:{p.port}"}
    try:
        with Driver(s) as d:
            assert d.seen(owner, VALUE, zone="two.test")
            assert not d.seen(owner, SECOND, zone="two.test")
    finally:
        s.nameservers = {}


# ---- what it never does ----

def nothing_is_ever_written(s, p):
    """Whatever is asked, the serial stays, and no server was sent anything but questions."""
    def serials():
        return [Message(ask_tcp((host, p.port), question("two.test", "SOA"), 5)).sections[1][0] for host in (ONE, TWO)]
    owner = p.owner()
    before = serials()
    for kind, value in (("TXT", VALUE), ("CNAME", TARGET)):
        s.unseen(owner, value, kind, says="NXDOMAIN")
    assert serials() == before


CASES = [value for value in list(globals().values())
         if inspect.isfunction(value) and getattr(value, "__module__", "") == __name__ and value.__code__.co_varnames[:2] == ("s", "p")
         and value.__code__.co_argcount == 2]


def main():
    passed = failed = 0
    folder = tempfile.mkdtemp(prefix="cw-dns.")
    servers = Servers(folder)
    subject = Subject(folder, servers)
    try:
        for case in CASES:
            if sys.argv[1:] and case.__name__ not in sys.argv[1:]:
                continue
            try:
                case(subject, servers)
                passed += 1
            except Exception:
                failed += 1
                traceback.print_exc()
                print(f"FAILED manual: {case.__name__}", flush=True)
    finally:
        servers.stop()
    shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
