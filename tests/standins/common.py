"""What the stand-ins for DNS services share: an HTTPS server on a loopback port, faults on command, zones, and a DNS server
that answers from the same records. Standard library and the openssl program; nothing of the client's code.

A stand-in derives from Standin and defines `answer(request)`, which gives (status, headers, body), and `served(zone)`, which
gives (owner, type, ttl, rdata) of every record as the DNS shows it: rdata of a TXT is a list of bytes, else a name or
address."""
import http.server
import json
import os
import re
import socket
import socketserver
import ssl
import struct
import subprocess
import threading
import time
import urllib.parse

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "TXT": 16, "AAAA": 28, "CAA": 257, "ANY": 255}


def make_certificate(folder):
    """A key and a self-signed certificate for 127.0.0.1, once a folder; gives (certificate, key)."""
    pem, key = os.path.join(folder, "standin.pem"), os.path.join(folder, "standin.key")
    if not os.path.exists(pem):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                        "2", "-subj", "/CN=stand-in", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", key,
                        "-out", pem], check=True, capture_output=True)
    return pem, key


class Request:
    def __init__(self, method, target, headers, body):
        self.method, self.target, self.headers, self.body = method, target, headers, body
        self.path, _, self.query_text = target.partition("?")
        self.query = dict(urllib.parse.parse_qsl(self.query_text, keep_blank_values=True))
        self.route = f"{method} {urllib.parse.unquote(self.path)}"
        self.at = 0.0  # seconds since boot, on the stand-in's clock

    def json(self):
        return json.loads(self.body)


class Fault:
    """What happens to the next `times` requests whose "METHOD /path" fits: an answer of its own, a cut connection, a cut
    answer, or any of them only after the request took effect."""

    def __init__(self, route, times=1, status=None, body="", headers=None, cut=None, after=False, delay=0, skip=0, then=None):
        self.route, self.times, self.status, self.body = re.compile(route), times, status, body
        self.headers, self.cut, self.after, self.delay, self.skip, self.then = headers or {}, cut, after, delay, skip, then


class Zone:
    def __init__(self, name, servers, identity, **more):
        self.name, self.servers, self.id = name, servers, identity
        self.delegated = servers   # what the DNS says; an empty list: delegated to nobody
        self.children = {}         # delegated further: name -> servers
        self.in_dns = True         # a private twin is not
        self.records = []
        for key, value in more.items():
            setattr(self, key, value)


class Standin:
    servers = ["ns1.standin.test", "ns2.standin.test"]
    clock_file = None  # turns the stand-in's clock as it turns the program's: "CWCLOCK1", then seconds

    def clock(self):
        offset = 0
        if self.clock_file is not None:
            with open(self.clock_file, "rb") as file:
                offset = struct.unpack("8xq", file.read(16))[0]
        return time.clock_gettime(time.CLOCK_BOOTTIME) + offset

    def __init__(self, folder):
        self.lock = threading.RLock()
        self.zones, self.faults, self.log, self.counter, self.failures = [], [], [], 0, []
        pem, key = make_certificate(folder)
        self.ca = pem
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem, key)
        standin = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *arguments):
                pass

            def serve(self):
                length = int(self.headers.get("Content-Length") or 0)
                standin.exchange(self, Request(self.command, self.path, self.headers, self.rfile.read(length)))

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = serve

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def get_request(self):
                raw, address = self.socket.accept()
                raw.settimeout(20)
                return context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False), address

            def handle_error(self, request, address):
                pass

        self.http = Server(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        self.url = f"https://127.0.0.1:{self.port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.dns = NameServer(self)

    def stop(self):
        self.http.shutdown()
        self.http.server_close()
        self.dns.stop()

    def reset(self):
        with self.lock:
            self.zones, self.faults, self.log, self.failures, self.dns.questions = [], [], [], [], []

    # ---- HTTP ----

    def exchange(self, handler, request):
        with self.lock:
            request.at = self.clock()
            self.log.append(request)
            fault = next((f for f in self.faults if f.times > 0 and f.route.search(request.route)), None)
            if fault is not None and fault.skip > 0:
                fault.skip -= 1
                fault = None
            if fault is not None:
                fault.times -= 1
            try:
                answer = self.answer(request) if fault is None or fault.after or fault.status is None and fault.cut != "before" else None
            except Exception as error:  # a stand-in that does not understand is a failed test
                self.failures.append(f"{request.route}: {error!r}")
                answer = (599, {}, "")
            if fault is not None and fault.then is not None:
                fault.then()
        if fault is not None:
            time.sleep(fault.delay)
            if fault.cut in ("before", "answer"):
                handler.close_connection = True
                handler.connection.close()
                return
            if fault.status is not None:
                answer = (fault.status, fault.headers, fault.body)
        status, headers, body = answer
        data = body if isinstance(body, bytes) else body.encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        if fault is not None and fault.cut == "half":
            data = data[:len(data) // 2]
            handler.close_connection = True
        if handler.command != "HEAD":
            handler.wfile.write(data)

    def fault(self, route, **how):
        with self.lock:
            self.faults.append(Fault(route, **how))

    def asked(self, route=""):
        """How many requests fit."""
        with self.lock:
            return sum(1 for r in self.log if re.search(route, r.route))

    def next_id(self):
        self.counter += 1
        return self.counter

    # ---- zones ----

    def identity(self):
        return f"{self.next_id():032x}"

    def add_zone(self, name, **more):
        with self.lock:
            zone = Zone(name, list(more.pop("servers", self.servers)), self.identity(), **more)
            self.zones.append(zone)
            return zone

    def zone(self, name):
        return next(z for z in self.zones if z.name == name and z.in_dns)

    def snapshot(self):
        """Everything in all zones, to be compared."""
        with self.lock:
            return {f"{z.name} {z.id}": sorted(map(repr, self.contents(z))) for z in self.zones}

    def values(self, zone, owner, kind):
        """The values served, as text."""
        with self.lock:
            return sorted(self.text(rdata) for name, what, _, rdata in self.served(self.zone(zone))
                          if name == owner.lower() and what == kind)

    @staticmethod
    def text(rdata):
        return b"".join(rdata).decode() if isinstance(rdata, list) else rdata

    def contents(self, zone):
        return self.served(zone)


class NameServer:
    """Authoritative for the zones of a stand-in, over UDP on a loopback port."""

    def __init__(self, standin):
        self.standin = standin
        self.questions = []
        server = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                message, sock = self.request
                answer = server.respond(message)
                if answer:
                    sock.sendto(answer, self.client_address)

        self.udp = socketserver.ThreadingUDPServer(("127.0.0.1", 0), Handler)
        self.udp.daemon_threads = True
        self.address = f"127.0.0.1:{self.udp.server_address[1]}"
        threading.Thread(target=self.udp.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        self.udp.shutdown()
        self.udp.server_close()

    @staticmethod
    def wire_name(name):
        out = b""
        for label in name.rstrip(".").split("."):
            if label:
                out += bytes([len(label)]) + label.encode()
        return out + b"\0"

    def record(self, owner, kind, ttl, rdata):
        if kind == "TXT":
            data = b"".join(bytes([len(s)]) + s for s in rdata)
        elif kind in ("CNAME", "NS"):
            data = self.wire_name(rdata)
        elif kind == "A":
            data = socket.inet_aton(rdata)
        elif kind == "AAAA":
            data = socket.inet_pton(socket.AF_INET6, rdata)
        elif kind == "SOA":
            data = self.wire_name(rdata) + self.wire_name("root." + rdata) + struct.pack(">5I", 1, 60, 60, 600, 5)
        else:
            return b"", 0
        return self.wire_name(owner) + struct.pack(">HHIH", TYPES[kind], 1, ttl, len(data)) + data, 1

    def look_up(self, name, kind):
        """(rcode, authoritative, answers, authority)"""
        zones = [z for z in self.standin.zones if z.in_dns and (name == z.name or name.endswith("." + z.name))]
        if not zones:
            return 5, False, [], []
        zone = max(zones, key=lambda z: len(z.name))
        if not zone.delegated:
            return 3, True, [], []
        for child, servers in zone.children.items():
            if name == child or name.endswith("." + child):
                return 0, False, [], [(child, "NS", 60, s) for s in servers]
        soa = [(zone.name, "SOA", 5, zone.delegated[0])]
        records = list(self.standin.served(zone)) + [(zone.name, "NS", 60, s) for s in zone.delegated] + soa
        here = [r for r in records if r[0] == name]
        found = [r for r in here if r[1] == kind or kind == "ANY"] or [r for r in here if r[1] == "CNAME"]
        if found:
            return 0, True, found, []
        exists = here or any(r[0].endswith("." + name) for r in records)
        return (0 if exists else 3), True, [], soa

    def respond(self, message):
        if len(message) < 17:
            return None
        at, labels = 12, []
        while message[at]:
            labels.append(message[at + 1:at + 1 + message[at]].decode("latin-1"))
            at += 1 + message[at]
        kind_number = struct.unpack(">H", message[at + 1:at + 3])[0]
        question = message[12:at + 5]
        name = ".".join(labels).lower()
        kind = next((k for k, n in TYPES.items() if n == kind_number), "?")
        with self.standin.lock:
            self.questions.append((name, kind))
            rcode, authoritative, answers, authority = self.look_up(name, kind)
        out, counts = b"", []
        for section in (answers, authority):
            number = 0
            for record in section:
                data, one = self.record(*record)
                out += data
                number += one
            counts.append(number)
        flags = 0x8000 | (0x0400 if authoritative else 0) | (message[2] & 1) << 8 | rcode
        return message[:2] + struct.pack(">5H", flags, 1, counts[0], counts[1], 0) + question + out


def split_strings(text):
    """A TXT's text as the character-strings of the wire."""
    data = text.encode()
    return [data[i:i + 255] for i in range(0, len(data), 255)] or [b""]


def unquote_presentation(text, base=10):
    """'"a" "b"' to its strings; what has no quotes is one text."""
    if not text.startswith('"'):
        return split_strings(text)
    strings, current, at, inside = [], b"", 0, False
    while at < len(text):
        c = text[at]
        if c == '"':
            if inside:
                strings.append(current)
            current, inside = b"", not inside
        elif inside and c == "\\":
            digits = text[at + 1:at + 4]
            if len(digits) == 3 and digits.isdigit():
                current += bytes([int(digits, base)])
                at += 3
            else:
                current += text[at + 1].encode()
                at += 1
        elif inside:
            current += c.encode()
        at += 1
    return strings
