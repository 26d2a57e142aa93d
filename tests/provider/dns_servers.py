"""BIND, Knot and PowerDNS as the program's far side: each a real server in a folder of its own on loopback, and in front of it a
gate that counts, cuts and alters messages on command. To the suite it looks like the stand-in of a service."""
import base64
import ctypes
import os
import re
import shutil
import signal
import socket
import socketserver
import sqlite3
import subprocess
import sys
import threading
import time

import dns_wire
from dns_wire import Message, adding, ask_tcp, ask_udp, emptying, framed, read_framed, sign, transfer, update

BIN = os.path.abspath(os.environ.get("CERTWRIGHT_BIN", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/dev")))
ALGORITHMS = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"]
NAME_SERVERS = ["ns1.standin.test", "ns2.standin.test"]
# "admin" is the tests' own; "k-…" may write everywhere, "no-right" nowhere, "only-second" in second.test.
KEYS = {f"k-{a}": (f"hmac-{a}", base64.b64encode(f"canary secret of k-{a} {'x' * 45}"[:64].encode()).decode()) for a in ALGORITHMS}
KEYS |= {name: ("hmac-sha256", base64.b64encode(f"canary secret {name:>18}".encode()).decode())
         for name in ("admin", "no-right", "only-second")}


def need(program, package):
    found = program if os.path.exists(program) else shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if found is None:
        print(f"{program} is missing: install the Debian package {package}")
        sys.exit(1 if os.environ.get("CI") == "true" else 77)
    return found


def free_port():
    """Free for UDP and TCP, on both loopback addresses."""
    for _ in range(100):
        with socket.socket(socket.AF_INET) as first:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                for family, kind in ((socket.AF_INET, socket.SOCK_DGRAM), (socket.AF_INET6, socket.SOCK_DGRAM),
                                     (socket.AF_INET6, socket.SOCK_STREAM)):
                    with socket.socket(family, kind) as sock:
                        sock.bind(("127.0.0.1" if family == socket.AF_INET else "::1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


def allowed(zone):
    """The keys that may write in a zone."""
    return [k for k in KEYS if k == "admin" or k.startswith("k-") or k == "only-second" and zone == "second.test"]


class NameServerProcess:
    """A server with zones of SOA and two NS, begun anew whenever the zones change. `ahead`: seconds its clock is ahead."""

    def __init__(self, folder):
        self.home = os.path.join(folder, "server")
        self.port, self.process = free_port(), None

    @property
    def address(self):
        return ("127.0.0.1", self.port)

    def write(self, name, text):
        with open(os.path.join(self.home, name), "w") as file:
            file.write(text)
        return os.path.join(self.home, name)

    def start(self, zones, ahead=0):
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)
        os.makedirs(self.home)
        environment = dict(os.environ)
        if ahead:
            environment |= {"LD_PRELOAD": os.path.join(BIN, "libclock_ahead.so"), "CLOCK_AHEAD": str(ahead)}
        libc = ctypes.CDLL(None)
        with open(os.path.join(self.home, "log"), "w") as log:
            self.process = subprocess.Popen(self.command(zones), stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment,
                                            preexec_fn=lambda: libc.prctl(1, signal.SIGKILL))
        deadline = time.monotonic() + 60
        for zone in zones:
            while not self.serves(zone):
                assert self.process.poll() is None and time.monotonic() < deadline, open(os.path.join(self.home, "log")).read()
                time.sleep(0.02)

    def serves(self, zone):
        try:
            return Message(ask_tcp(self.address, dns_wire.question(zone, "SOA"), 5)).authoritative
        except (OSError, TypeError):
            return False

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def zone_file(self, zone):
        return f"$TTL 60\n@ SOA {NAME_SERVERS[0]}. root.{zone}. 1 3600 600 86400 5\n" + "".join(
            f"@ NS {server}.\n" for server in NAME_SERVERS)


class Bind(NameServerProcess):
    name = "bind"

    def command(self, zones):
        text = "".join(f'key "{k}" {{ algorithm {a}; secret "{s}"; }};\n' for k, (a, s) in KEYS.items())
        text += (f'options {{ directory "{self.home}"; pid-file none; session-keyfile none; lock-file none; recursion no;\n'
                 f"  listen-on port {self.port} {{ 127.0.0.1; }}; listen-on-v6 port {self.port} {{ ::1; }};\n"
                 "  allow-transfer { any; }; check-names primary ignore;\n"  # an address at a name with an underscore
                 "  dnssec-validation no; notify no; empty-zones-enable no; };\ncontrols { };\n")
        for i, zone in enumerate(zones):
            self.write(f"{i}.zone", self.zone_file(zone))
            grants = "".join(f"grant {k} zonesub ANY; " for k in allowed(zone))
            text += f'zone "{zone}" {{ type primary; file "{i}.zone"; update-policy {{ {grants} }}; }};\n'
        return [need("named", "bind9"), "-g", "-n", "1", "-c", self.write("named.conf", text)]


class Knot(NameServerProcess):
    name = "knot"

    def command(self, zones):
        os.makedirs(os.path.join(self.home, "db"))
        text = (f'server:\n    rundir: "{self.home}"\n    listen: [ 127.0.0.1@{self.port}, ::1@{self.port} ]\n'
                "    udp-workers: 1\n    tcp-workers: 1\n    background-workers: 1\n"
                f'database:\n    storage: "{self.home}/db"\n    journal-db-mode: asynchronous\nlog:\n  - target: stderr\n    any: info\nkey:\n')
        text += "".join(f"  - id: {k}\n    algorithm: {a}\n    secret: {s}\n" for k, (a, s) in KEYS.items())
        text += "acl:\n  - id: copy\n    address: 127.0.0.1\n    action: transfer\n"
        for acl, zone in (("all", ""), ("second", "second.test")):
            text += f"  - id: {acl}\n    key: [ {', '.join(allowed(zone))} ]\n    action: update\n"
        text += (f'template:\n  - id: default\n    storage: "{self.home}"\n    file: "%s.zone"\n    zonefile-sync: -1\n'
                 "    journal-content: all\n    semantic-checks: off\nzone:\n")
        for zone in zones:
            self.write(f"{zone}.zone", self.zone_file(zone))
            text += f"  - domain: {zone}\n    acl: [ copy, {'second' if zone == 'second.test' else 'all'} ]\n"
        return [need("knotd", "knot"), "-c", self.write("knot.conf", text)]


class PowerDns(NameServerProcess):
    name = "powerdns"

    def command(self, zones):
        with open(need("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql", "pdns-backend-sqlite3")) as file:
            schema = file.read()
        path = os.path.join(self.home, "pdns.sqlite3")
        with sqlite3.connect(path) as base:
            base.executescript(schema)
            base.executemany("INSERT INTO tsigkeys (name, algorithm, secret) VALUES (?, ?, ?)",
                             [(k, a, s) for k, (a, s) in KEYS.items()])
            for number, zone in enumerate(zones, 1):
                base.execute("INSERT INTO domains (id, name, type) VALUES (?, ?, 'NATIVE')", (number, zone))
                base.execute("INSERT INTO records (domain_id, name, type, content, ttl, auth) VALUES (?, ?, 'SOA', ?, 60, 1)",
                             (number, zone, f"{NAME_SERVERS[0]} root.{zone} 1 3600 600 86400 5"))
                base.executemany("INSERT INTO records (domain_id, name, type, content, ttl, auth) VALUES (?, ?, 'NS', ?, 60, 1)",
                                 [(number, zone, server) for server in NAME_SERVERS])
                base.executemany("INSERT INTO domainmetadata (domain_id, kind, content) VALUES (?, 'TSIG-ALLOW-DNSUPDATE', ?)",
                                 [(number, k) for k in allowed(zone)])
        base.close()
        settings = {"launch": "gsqlite3", "gsqlite3-database": path, "local-address": "127.0.0.1, ::1", "local-port": self.port,
                    "socket-dir": self.home, "dnsupdate": "yes", "allow-dnsupdate-from": "127.0.0.0/8,::1", "setuid": "", "setgid": "",
                    "cache-ttl": 0, "query-cache-ttl": 0, "negquery-cache-ttl": 0, "zone-cache-refresh-interval": 0,
                    "allow-axfr-ips": "127.0.0.0/8,::1", "distributor-threads": 1, "guardian": "no", "daemon": "no"}
        self.write("pdns.conf", "".join(f"{name}={value}\n" for name, value in settings.items()))
        return [need("pdns_server", "pdns-server"), f"--config-dir={self.home}"]


class Fault:
    """What happens to the next `times` messages whose route fits: an answer of the gate's own (`rcode`, or `body`), one made of
    the server's (`edit`), a connection cut "before", instead of the "answer", or in its "half"; `then` is called afterwards."""

    def __init__(self, route, times=1, rcode=None, body=None, edit=None, cut=None, after=False, skip=0, then=None):
        self.route, self.times, self.rcode, self.body, self.edit = re.compile(route), times, rcode, body, edit
        self.cut, self.after, self.skip, self.then = cut, after, skip, then


class Entry:
    def __init__(self, route, transport, is_signed):
        self.route, self.transport, self.is_signed = route, transport, is_signed


class Zone:
    def __init__(self, name):
        self.name = name
        self.delegated = None  # what the world is told of its servers; None: the server's own answer
        self.children = {}     # delegated further: name -> servers


class Gate:
    """Between program and server, over UDP and TCP on one port; also the `standin` and the `standin.dns` of the suite."""
    failures = ()

    def __init__(self, folder, server):
        self.lock, self.server = threading.RLock(), server(folder)
        self.zones, self.faults, self.log, self.questions = [], [], [], []
        self.running, self.dirty = None, True
        self.dns, gate = self, self
        port = free_port()
        self.address = f"127.0.0.1:{port}"

        class Datagrams(socketserver.BaseRequestHandler):
            def handle(self):
                message, sock = self.request
                answer = gate.exchange(message, "udp")
                if answer:
                    sock.sendto(answer, self.client_address)

        class Streams(socketserver.BaseRequestHandler):
            def handle(self):
                self.request.settimeout(20)
                message = read_framed(self.request)
                answer = gate.exchange(message, "tcp") if message else None
                if answer:
                    self.request.sendall(answer)

        self.listeners = []
        for kind, handler in ((socketserver.ThreadingUDPServer, Datagrams), (socketserver.ThreadingTCPServer, Streams)):
            kind = type("Listener", (kind,), {"allow_reuse_address": True, "daemon_threads": True, "max_packet_size": 65535})
            listener = kind(("127.0.0.1", port), handler)
            threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
            self.listeners.append(listener)

    def stop(self):
        for listener in self.listeners:
            listener.shutdown()
            listener.server_close()
        self.server.stop()

    # ---- messages ----

    def exchange(self, data, transport):
        message = Message(data)
        with self.lock:
            fault = next((f for f in self.faults if f.times > 0 and f.route.search(message.route)), None)
            if fault is not None and fault.cut is not None and transport == "udp":
                return self.reply(message, 0, truncated=True)  # come again over TCP, where there is something to cut
            if fault is not None and fault.skip > 0:
                fault.skip -= 1
                fault = None
            if fault is not None:
                fault.times -= 1
            self.log.append(Entry(message.route, transport, message.tsig_at is not None))
            self.questions.append(message.sections[0][0])
        told = self.told_of_delegation(message)
        if told is not None:
            return framed(told) if transport == "tcp" else told
        if fault is not None and (fault.cut == "before" or (fault.rcode is not None or fault.body is not None) and not fault.after):
            answer = None
        else:
            answer = (ask_tcp if transport == "tcp" else ask_udp)(self.server.address, data)
        if fault is None:
            return framed(answer) if transport == "tcp" and answer else answer
        if fault.then is not None:
            fault.then()
        if fault.cut in ("before", "answer"):
            return None
        if fault.rcode is not None:
            answer = self.reply(message, fault.rcode)
        if fault.body is not None:
            answer = data[:2] + fault.body
        if fault.edit is not None:
            answer = fault.edit(answer)
        answer = framed(answer) if transport == "tcp" else answer
        return answer[:len(answer) // 2] if fault.cut == "half" else answer

    @staticmethod
    def reply(message, rcode, truncated=False, answers=()):
        flags = 0x8000 | message.opcode << 11 | (0x200 if truncated else 0) | (0x400 if answers else 0) | rcode
        return (message.data[:2] + flags.to_bytes(2, "big") + (1).to_bytes(2, "big") + len(answers).to_bytes(2, "big") + b"\0" * 4
                + message.data[12:message.question_end] + b"".join(answers))

    def told_of_delegation(self, message):
        """The world (which signs nothing) is told what the test says of a zone's delegation."""
        name, kind = message.sections[0][0]
        zone = next((z for z in self.zones if z.name == name), None)
        if message.tsig_at is not None or kind != "NS" or zone is None or zone.delegated is None:
            return None
        return self.reply(message, 0 if zone.delegated else 3, answers=[adding(name, "NS", s) for s in zone.delegated])

    def fault(self, route, **how):
        with self.lock:
            self.faults.append(Fault(route, **how))

    def asked(self, route=""):
        with self.lock:
            return sum(1 for entry in self.log if re.search(route, entry.route))

    # ---- zones ----

    def reset(self):
        with self.lock:
            self.zones, self.faults, self.log, self.questions, self.dirty = [], [], [], [], True

    def add_zone(self, name):
        self.zones.append(Zone(name))
        return self.zones[-1]

    def zone(self, name):
        return next(z for z in self.zones if z.name == name)

    def change(self, zone, changes):
        """By the tests' own key, past the gate."""
        answer = Message(ask_tcp(self.server.address, sign(update(zone, changes), "admin", KEYS["admin"][1])))
        assert answer.rcode == 0, f"{self.server.name} answers {answer.rcode} to the test's own update of {zone}"

    def begin_with_clock(self, ahead):
        """A server whose clock differs; the next reset ends it."""
        self.server.start([z.name for z in self.zones], ahead)
        self.running, self.dirty = None, False

    def sync(self):
        """Bring the server to the zones that the test wants; empty after a reset."""
        names = [z.name for z in self.zones]
        if self.running is not None and sorted(self.running) == sorted(names):
            for name in names if self.dirty else []:
                owners = {owner for owner, kind, _, _ in transfer(self.server.address, name) if owner != name or kind != "NS"}
                if owners:
                    self.change(name, [emptying(owner) for owner in sorted(owners)])
        elif self.running is not None or self.dirty:
            self.server.start(names)
            self.running = names
        self.dirty = False
        for zone in self.zones:
            wanted = [(child, "NS", s) for child, servers in zone.children.items() for s in servers]
            if wanted:
                self.change(zone.name, [adding(*record) for record in wanted])

    def put(self, zone, owner, kind, values, ttl=60):
        self.sync()
        self.change(zone, [adding(owner, kind, value, ttl) for value in values])

    def records(self, zone):
        self.sync()
        return transfer(self.server.address, zone)

    def snapshot(self):
        self.sync()
        return {z.name: transfer(self.server.address, z.name) for z in self.zones}

    def values(self, zone, owner, kind):
        return sorted("".join(rdata) if isinstance(rdata, tuple) else rdata for name, what, _, rdata in self.records(zone)
                      if name == owner.lower() and what == kind)
