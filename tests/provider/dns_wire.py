"""DNS messages for the tests that stand between the program and a real name server: reading a message, signed updates, zone
transfers. Standard library only, and nothing of the client's code (RFC 1035, 2136, 5936, 8945)."""
import base64
import hashlib
import hmac
import os
import socket
import struct
import time

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "TXT": 16, "AAAA": 28, "DS": 43, "TSIG": 250, "AXFR": 252, "ANY": 255, "CAA": 257}
WORDS = {number: word for word, number in TYPES.items()}
IN, NONE, ANY = 1, 254, 255


def wire_name(name):
    out = b""
    for label in name.rstrip(".").split("."):
        if label:
            out += bytes([len(label)]) + label.encode("latin-1")
    return out + b"\0"


def read_name(message, at):
    """The name at an offset, with its case, and the offset behind it."""
    labels, end, hops = [], None, 0
    while message[at]:
        if message[at] >= 0xC0:
            end = at + 2 if end is None else end
            at = struct.unpack(">H", message[at:at + 2])[0] & 0x3FFF
            hops += 1
            assert hops < 64, "a loop of pointers"
            continue
        labels.append(message[at + 1:at + 1 + message[at]].decode("latin-1"))
        at += 1 + message[at]
    return ".".join(labels), at + 1 if end is None else end


def rdata_text(message, kind, at, length):
    """As text: a name, an address, a TXT's strings as a tuple; else hexadecimal."""
    data = message[at:at + length]
    if kind in ("CNAME", "NS"):
        return read_name(message, at)[0]
    if kind == "A" and length == 4:
        return socket.inet_ntoa(data)
    if kind == "TXT":
        strings = []
        while data:
            strings.append(data[1:1 + data[0]].decode("latin-1"))
            data = data[1 + data[0]:]
        return tuple(strings)
    return data.hex()


class Message:
    """`sections`: zone or question, then three lists of (owner, type, class, ttl, rdata)."""

    def __init__(self, data):
        self.data = data
        self.id, flags, *counts = struct.unpack(">6H", data[:12])
        self.opcode, self.rcode, self.response = flags >> 11 & 15, flags & 15, bool(flags & 0x8000)
        self.authoritative = bool(flags & 0x400)
        at, self.sections, self.tsig_at = 12, [[], [], [], []], None
        for _ in range(counts[0]):
            name, at = read_name(data, at)
            kind, _ = struct.unpack(">2H", data[at:at + 4])
            self.sections[0].append((name.lower(), WORDS.get(kind, str(kind))))
            at += 4
        self.question_end = at
        for section, count in enumerate(counts[1:], 1):
            for _ in range(count):
                start = at
                owner, at = read_name(data, at)
                kind, rclass, ttl, length = struct.unpack(">2HIH", data[at:at + 10])
                word = WORDS.get(kind, str(kind))
                if word == "TSIG":
                    self.tsig_at = start
                self.sections[section].append((owner.lower(), word, rclass, ttl, rdata_text(data, word, at + 10, length)))
                at += 10 + length

    @property
    def route(self):
        """ "QUERY name type", "UPDATE zone add|delete|look types" """
        name, kind = self.sections[0][0]
        if self.opcode != 5:
            return f"QUERY {name} {kind}"
        changes = self.sections[2]
        verb = "look" if not changes else "add" if any(c[2] == IN for c in changes) else "delete"
        return f"UPDATE {name} {verb} " + " ".join(c[1] for c in changes)


def sign(message, key_name, secret, at=None):
    """Add a TSIG with HMAC-SHA256."""
    at = int(time.time()) if at is None else at
    algorithm = wire_name("hmac-sha256")
    stamp = struct.pack(">HIH", at >> 32, at & 0xFFFFFFFF, 300)
    variables = wire_name(key_name) + struct.pack(">HI", ANY, 0) + algorithm + stamp + struct.pack(">2H", 0, 0)
    mac = hmac.new(base64.b64decode(secret), message + variables, hashlib.sha256).digest()
    rdata = algorithm + stamp + struct.pack(">H", len(mac)) + mac + message[:2] + struct.pack(">2H", 0, 0)
    count = struct.unpack(">H", message[10:12])[0] + 1
    return (message[:10] + struct.pack(">H", count) + message[12:] + wire_name(key_name)
            + struct.pack(">2HIH", TYPES["TSIG"], ANY, 0, len(rdata)) + rdata)


def record(owner, kind, rclass, ttl, rdata):
    return wire_name(owner) + struct.pack(">2HIH", TYPES[kind], rclass, ttl, len(rdata)) + rdata


def rdata_of(kind, value):
    if kind == "TXT":
        strings = value if isinstance(value, (list, tuple)) else [value[i:i + 255] for i in range(0, len(value), 255)] or [""]
        return b"".join(bytes([len(s)]) + s.encode("latin-1") for s in strings)
    if kind == "A":
        return socket.inet_aton(value)
    return wire_name(value)


def adding(owner, kind, value, ttl=60):
    return record(owner, kind, IN, ttl, rdata_of(kind, value))


def emptying(owner):
    """All of a name; at the apex all but SOA and NS (RFC 2136, section 3.4.2.3)."""
    return record(owner, "ANY", ANY, 0, b"")


def update(zone, changes):
    head = os.urandom(2) + struct.pack(">5H", 5 << 11, 1, 0, len(changes), 0)
    return head + wire_name(zone) + struct.pack(">2H", TYPES["SOA"], IN) + b"".join(changes)


def question(name, kind):
    return os.urandom(2) + struct.pack(">5H", 0, 1, 0, 0, 0) + wire_name(name) + struct.pack(">2H", TYPES[kind], IN)


def read_framed(sock):
    """One message of a TCP stream; None when the other side has closed."""
    def exactly(count):
        data = b""
        while len(data) < count:
            piece = sock.recv(count - len(data))
            if not piece:
                return None
            data += piece
        return data
    size = exactly(2)
    return exactly(struct.unpack(">H", size)[0]) if size else None


def framed(message):
    return struct.pack(">H", len(message)) + message


def ask_tcp(address, message, timeout=10):
    with socket.create_connection(address, timeout=timeout) as sock:
        sock.sendall(framed(message))
        return read_framed(sock)


def ask_udp(address, message, timeout=10):
    with socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout)
        sock.connect(address)
        sock.send(message)
        return sock.recv(65535)


def transfer(address, zone):
    """Every record of a zone but its SOA; None: the server does not have it."""
    records, seen = [], 0
    with socket.create_connection(address, timeout=10) as sock:
        sock.sendall(framed(question(zone, "AXFR")))
        while seen < 2:
            data = read_framed(sock)
            if data is None:
                return None
            message = Message(data)
            if message.rcode != 0:
                return None
            for owner, kind, _, ttl, rdata in message.sections[1]:
                if kind == "SOA":
                    seen += 1
                else:
                    records.append((owner, kind, ttl, rdata))
    return sorted(records, key=repr)
