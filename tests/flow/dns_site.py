"""A world whose names are proven through the stand-in of a DNS service."""
import json
import os
import sys

from web import NAME, Site

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "provider"))
from dns_service import SERVICES  # noqa: F401, for those who import this


class ServiceSite(Site):
    """`more`: further members of the DNSAccount's spec."""

    def __init__(self, kind, more=None, nginx=True):
        super().__init__([NAME, "example.test", "any.example.test"], nginx=nginx)
        self.service = kind(self.dir)
        self.nameservers["example.test"] = self.service.standin.dns.address
        self.endpoints = {name: {"url": url, "ca": self.service.standin.ca, "sandbox": True}
                          for name, url in self.service.endpoints().items()}
        self.account(**(more or {}))

    def account(self, name="account", **more):
        manifest = self.service.manifest(name)
        self.manifest(f"dns-{name}.yaml", json.dumps({**manifest, "spec": {
            **manifest["spec"], "propagation": {"timeout": "30s", "interval": "1s"}, **more}}))

    def __exit__(self, *reason):
        self.service.standin.stop()
        super().__exit__(*reason)
