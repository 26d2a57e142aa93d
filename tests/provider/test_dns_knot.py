#!/usr/bin/env python3
from dns_suite import main

main("knot")
