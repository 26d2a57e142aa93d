"""Secrets in every spelling in which they might leak, and the search for them: in files, texts and what processes show of themselves."""
import base64
import os
import re
import threading
import urllib.parse

LEAST = 12  # bytes of a secret that count as a leak


def spellings(name, raw):
    """{name of the spelling: bytes} of a secret: as it is, hexadecimal, base64 at each alignment, escaped."""
    told = {"raw": raw, "hex": raw.hex().encode(), "HEX": raw.hex().upper().encode(),
            "hex with colons": raw.hex(":").encode(), "url": urllib.parse.quote_from_bytes(raw).encode(),
            "json": b"".join(b"\\u%04x" % byte if byte < 32 or byte > 126 else bytes([byte]) for byte in raw)}
    for shift in range(3):
        for kind, encode in (("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode)):
            # what depends on the neighbours is cut off at both ends
            told[f"{kind} at {shift}"] = encode(b"\0" * shift + raw)[(4 if shift else 0):].rstrip(b"=")[:-1]
    return {f"{name}, {how}": spelling for how, spelling in told.items() if len(spelling) >= LEAST}


def of_text(name, text):
    return spellings(name, text.encode())


def of_key(name, pem, numbers):
    """A private key: the lines of its PEM, its DER, and the numbers that are secret (bytes each)."""
    lines = [line for line in pem.splitlines() if line and not line.startswith("-----")]
    der = base64.b64decode("".join(lines))
    # the first line of the PEM holds what every key of its kind has in common
    told = spellings(f"{name}, DER", der[30:])
    for number, line in enumerate(lines):
        if number > 0 and len(line) > 30:
            told.update(spellings(f"{name}, PEM line {number}", line.encode()))
    for number, raw in numbers.items():
        told.update(spellings(f"{name}, {number}", raw))
    return told


def numbers_of(told):
    """The secret numbers in what `openssl pkey -text` prints."""
    found = {}
    for label, digits in re.findall(r"^(priv|privateExponent|prime1|prime2|exponent1|exponent2|coefficient):\n((?: +[0-9a-f:]+\n)+)",
                                    told, re.M):
        found[label] = bytes.fromhex(re.sub(r"[^0-9a-f]", "", digits)).lstrip(b"\0")
    return found


class Search:
    def __init__(self):
        self.canaries, self.found = {}, []

    def add(self, canaries):
        self.canaries.update(canaries)

    def text(self, where, content):
        content = content.encode() if isinstance(content, str) else content
        self.found += [f"{what}: in {where}" for what, spelling in self.canaries.items() if spelling in content]

    def tree(self, root, leave_out=()):
        count = 0
        for folder, folders, files in os.walk(root):
            for name in files + folders:
                path = os.path.join(folder, name)
                self.text(f"the name {path}", name)
                if name in folders or os.path.islink(path) or not os.path.isfile(path) or path.startswith(tuple(leave_out) or "\0"):
                    continue
                with open(path, "rb") as file:
                    self.text(path, file.read())
                count += 1
        return count


class Processes(threading.Thread):
    """What each process beneath a folder's programs shows of itself, looked at over and over: arguments and environment."""

    def __init__(self, mark):
        super().__init__(daemon=True)
        self.mark, self.over, self.seen = mark.encode(), threading.Event(), {}

    def look(self):
        for pid in filter(str.isdigit, os.listdir("/proc")):
            told = []
            for part in ("cmdline", "environ"):
                try:
                    with open(f"/proc/{pid}/{part}", "rb") as file:
                        told.append(file.read())
                except OSError:
                    told.append(b"")
            if any(self.mark in part for part in told):
                self.seen.setdefault(told[0], set()).add(told[1])

    def run(self):
        while not self.over.wait(0.01):
            self.look()

    def stop(self):
        self.over.set()
        self.join()
