"""A world whose names are proven through the stand-in of a DNS service."""
import json
import os
import sys

from web import NAME, Site

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "provider"))
from dns_rfc2136 import REAL_SERVERS  # noqa: F401, these are for those who import this
from dns_service import SERVICES  # noqa: F401

HTTP_SERVICES = [kind for kind in SERVICES if kind.name not in ("exec", "webhook")]


class ServiceSite(Site):
    """`more`: further members of the DNSAccount's spec."""

    def __init__(self, kind, more=None, nginx=True):
        super().__init__([NAME, "example.test", "any.example.test"], nginx=nginx)
        self.service = kind(self.dir)
        self.nameservers["example.test"] = self.service.standin.dns.address
        self.endpoints = {name: {"url": url, "ca": self.service.standin.ca, "sandbox": True}
                          for name, url in self.service.endpoints().items()}
        operator = {"dns": self.service.config()["dns"]} if "dns" in self.service.config() else {}
        operator["limits"] = {"dns": {self.service.member: {"requestsPerSecond": 100}}}  # what is real takes its time
        self.extra_config = "\n".join(f"{key}: {json.dumps(value)}" for key, value in operator.items())
        self.account(**(more or {}))

    def account(self, name="account", **more):
        manifest = self.service.manifest(name)
        self.manifest(f"dns-{name}.yaml", json.dumps({**manifest, "spec": {
            **manifest["spec"], "propagation": {"timeout": "30s", "interval": "1s"}, **more}}))

    def __exit__(self, *reason):
        self.service.standin.stop()
        super().__exit__(*reason)


def written(world):
    """Everything that certwright wrote: store and its copies, audit, logs, targets, challenge files."""
    text = ""
    for top in ("state", "audit", "logs", "nginx", "targets", "www"):
        for folder, _, files in os.walk(world.path(top)):
            for name in files:
                path = os.path.join(folder, name)
                if os.path.isfile(path):
                    with open(path, "rb") as file:
                        text += file.read().decode("latin-1")
    return text
