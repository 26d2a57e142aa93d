#!/usr/bin/env python3
"""A sample of scripts/dns-load: orders at once on one DNS account with a limit of 5 requests a second."""
from dns_load import load, words
from dns_site import HTTP_SERVICES
from harness import main


def orders_at_once_never_pass_the_accounts_limit():
    print(words(load(next(kind for kind in HTTP_SERVICES if kind.name == "route53"), 24)))


main([orders_at_once_never_pass_the_accounts_limit])
