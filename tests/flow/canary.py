"""Credentials made up at run time, and the search for them in whatever certwright shows, writes, or hands to its children:
plain, encoded as they travel, and what was derived from them and could be sent again."""
import base64
import os
import secrets
import threading
import urllib.parse

# What each service's stand-in takes as its credentials: attributes of tests/provider's Service.
CREDENTIALS = {
    "cloudflare": {"token": lambda t: "v1-" + t, "key": lambda t: secrets.token_hex(18) + "a"},
    "route53": {"secret_key": lambda t: t + "/+" + t[:8], "token": lambda t: "AQoDYX//" + t + "=="},
    "azure": {"client_secret": lambda t: t[:20] + "~+/=&%" + t[20:]},
    "godaddy": {"key": lambda t: t, "key_secret": lambda t: t[::-1]},
    "cloudns": {"password": lambda t: t[:16] + ' +p&"ss=%#' + t[16:]},
    "exec": {"credential": lambda t: t[:16] + '"\\/' + t[16:]},
    "webhook": {"key": lambda t: t},
}
# Headers of requests that let whoever holds them act in our name, for a while at least.
HEADERS = ["Authorization", "X-Auth-Key", "X-Amz-Security-Token", "Certwright-Signature"]


def give(service):
    """Every credential of the service anew, unlike any other."""
    for attribute, make in CREDENTIALS[service.name].items():
        setattr(service, attribute, make("cw" + secrets.token_hex(18)))
    service.give_credentials()


def forms_of(secret):
    """How a text may turn up."""
    data = secret.encode()
    forms = {secret, urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret), urllib.parse.quote(secret, safe="-_.~"),
             base64.b64encode(data).decode().rstrip("="), base64.urlsafe_b64encode(data).decode().rstrip("="), data.hex(),
             secret.replace("\\", "\\\\").replace('"', '\\"')}
    return {form for form in forms if len(form) >= 12}


def derived(standin):
    """What was sent along with requests: tokens, signatures, headers."""
    found = set()
    for request in standin.log:
        for header in HEADERS:
            value = request.headers.get(header) or ""
            if header == "Authorization" and "Signature=" in value:
                found.add(value.rpartition("Signature=")[2])
            elif value:
                found |= {value, value.rpartition(" ")[2], value.rpartition("=")[2]}
    return {value for value in found if len(value) >= 12}


class Search:
    """Collects; then says what was found where."""

    def __init__(self):
        self.texts, self.secrets = [], set()

    def add(self, where, text):
        self.texts.append((where, text))

    def add_result(self, result, *words):
        self.add(" ".join(words), result.out + result.err)

    def add_tree(self, folder):
        for top, _, files in os.walk(folder):
            for name in files:
                path = os.path.join(top, name)
                if os.path.isfile(path):
                    with open(path, "rb") as file:
                        self.add(path, file.read().decode("latin-1"))

    def know(self, secrets_):
        for secret in secrets_:
            self.secrets |= forms_of(secret)

    def found(self):
        return sorted({f"{where}: {secret[:6]}…" for where, text in self.texts for secret in self.secrets if secret in text})


class Children(threading.Thread):
    """Looks at argument vectors and environments of a process and all below it, as often as it can."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.over, self.seen = pid, threading.Event(), {}

    def below(self, pid):
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children") as file:
                    for child in file.read().split():
                        yield int(child)
                        yield from self.below(int(child))
        except OSError:
            pass

    def run(self):
        while not self.over.wait(0.002):
            for pid in [self.pid, *self.below(self.pid)]:
                for part in ("cmdline", "environ"):
                    try:
                        with open(f"/proc/{pid}/{part}", "rb") as file:
                            text = file.read().decode("latin-1")
                    except OSError:
                        continue
                    self.seen[(part, text)] = pid

    def stop(self, search):
        self.over.set()
        self.join()
        for (part, text), pid in self.seen.items():
            search.add(f"{part} of {pid}", text)
