#!/usr/bin/env python3
"""As test_dns_services.py, through what one runs oneself: a program, a webhook, and RFC 2136 with BIND, Knot and PowerDNS."""
from dns_site import HTTP_SERVICES, REAL_SERVERS, SERVICES
from harness import main
from test_dns_services import cases

main(list(cases([kind for kind in SERVICES if kind not in HTTP_SERVICES] + REAL_SERVERS)))
