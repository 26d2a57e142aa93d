#!/usr/bin/env python3
"""The order protocol's model with small bounds: what is sound finds nothing, every ablation finds two orders.
Needs the Debian packages spin and gcc; the full bounds are scripts/model's."""
import os
import sys

SOURCE = os.environ.get("CERTWRIGHT_SOURCE", os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
script = os.path.join(SOURCE, "scripts/model")
os.execv(sys.executable, [sys.executable, script, "--quick"])
