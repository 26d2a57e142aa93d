#!/usr/bin/env python3
"""The confined reader of manifests, built as it is installed: without the sanitizers, whose runtime is allowed more system calls.
Whatever a manifest holds, it reads what the tests' reader reads, and is not ended for a call that the C library makes."""
import glob
import os

from harness import BIN, SOURCE, World, main

USUAL, PLAIN = (os.path.join(BIN, name) for name in ("certwright-parse", "certwright-parse-plain"))
LABELS, NAMES = 64, 250
KINDS = "Certificate Contact DeployTarget DNSAccount Issuer Organization".split()


def certificate(more, labels=""):
    return f"""apiVersion: certwright/v1alpha1
kind: Certificate
metadata: {{name: shop{labels}}}
spec: {{order: {{product: positivemdcssl}}, {more}}}
"""


def account(date):
    return f"""apiVersion: certwright/v1alpha1
kind: DNSAccount
metadata: {{name: bind}}
spec: {{zones: [example.test], credentialExpiresAt: {date}, rfc2136: {{nameserver: "192.0.2.1"}}}}
"""


def many(count, form):
    return ", ".join(form.format(i) for i in range(count))


def limits():
    yield "one", certificate("dnsNames: [a.example.test]")
    for count in (127, 128, NAMES, NAMES + 1):
        yield f"names-{count}", certificate(f"dnsNames: [{many(count, 'n{}.example.test')}]")
        yield f"idn-{count}", certificate(f"dnsNames: [{many(count, 'bücher{}.example.test')}]")
    for count in (63, LABELS, LABELS + 1):
        yield f"labels-{count}", certificate("dnsNames: [a.example.test]", f", labels: {{{many(count, 'l{}: v')}}}")
    for i, date in enumerate(("2027-06-30", '"2027-06-30"', '"2027-06-30T12:00:00Z"', '"2027-06-30T12:00:00+02:00"', "yesterday")):
        yield f"date-{i}", account(date)
    yield "documents", "---\n".join(account("2027-06-30").replace("bind", f"bind{i}") for i in range(101))
    yield "keys", certificate(f"dnsNames: [a.example.test], {many(300, 'k{}: 1')}")
    yield "long", certificate(f"dnsNames: [a.example.test], reason: '{'x' * 17000}'")
    yield "deep", "a: " + "[" * 80 + "]" * 80 + "\n"
    yield "kinds", "---\n".join(f"apiVersion: certwright/v1alpha1\nkind: {kind}\nmetadata: {{name: x}}\nspec: {{}}\n" for kind in KINDS)
    yield "bytes", "a: \x07\n"
    yield "alias", "a: &a [1, 2]\nb: *a\nc: {<<: *a}\n"


def read(world, path, helper):
    world.environment_more["CERTWRIGHT_PARSE"] = helper
    return world.run("validate", path, "-o", "json")


def the_installed_reader_reads_what_the_tests_reader_reads():
    with open(USUAL, "rb") as program:
        sanitized = any(word in program.read() for word in (b"__asan_init", b"__tsan_init"))
    installed = PLAIN if sanitized else USUAL
    with World() as world:
        paths = []
        for name, text in limits():
            paths.append(world.path(f"{name}.yaml"))
            with open(paths[-1], "w") as file:
                file.write(text)
        for folder in ("tests/flow/all-fields", "tests/fuzz/seeds/yaml", "tests/fuzz/seeds/manifest", "examples/**"):
            found = sorted(glob.glob(os.path.join(SOURCE, folder, "*.yaml"), recursive=True))
            assert found, folder
            paths += found
        good = 0
        for path in paths:
            plain, usual = read(world, path, installed), read(world, path, USUAL)
            assert "tried what is forbidden" not in plain.out + plain.err, (path, plain)
            assert (plain.code, plain.out, plain.err) == (usual.code, usual.out, usual.err), (path, plain, usual)
            good += plain.code == 0
        assert good > 10, good


main([the_installed_reader_reads_what_the_tests_reader_reads])
