#!/usr/bin/env python3
"""Keys of every type, made here or brought; requests that were brought; and what lies on the target in each layout, judged by
the openssl command."""
import grp
import os
import re
import stat
import textwrap

from harness import Skip, main
from web import Site, assert_chain, assert_pair, certificate, leaf_digest, openssl, target

TYPES = {"rsa-2048": ("RSA", 2048), "rsa-3072": ("RSA", 3072), "rsa-4096": ("RSA", 4096),
         "p-256": ("ECDSA", 256), "p-384": ("ECDSA", 384)}


def names(*labels):
    return [f"{label}.example.test" for label in labels]


def plain(name="web", more=""):
    """A target that only takes files."""
    return target(name, reload=None, probe=None, root="targets", more=more)


def secret(world, name, key, text):
    path = world.write(f"secrets/{name}/{key}", text, 0o400)
    os.chmod(os.path.dirname(path), 0o700)


def new_key(kind="EC"):
    options = ["-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "EC" else ["-pkeyopt", "rsa_keygen_bits:2048"]
    return openssl("genpkey", "-algorithm", kind, *options)


def new_request(key, common_name, *alternative):
    more = ["-addext", "subjectAltName=" + ",".join(f"DNS:{n}" for n in alternative)] if alternative else []
    return openssl("req", "-new", "-key", "/dev/stdin", "-subj", f"/CN={common_name}", *more, text=key)


def rights(path):
    status = os.stat(path)
    return stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid


def every_type_of_key():
    with Site(names(*TYPES)) as world:
        world.manifest("target.yaml", plain())
        for label, (algorithm, size) in TYPES.items():
            world.manifest(f"{label}.yaml", certificate(label, more=f"  privateKey: {{algorithm: {algorithm}, size: {size}}}\n"))
        world.apply(timeout="50s")
        for label, (algorithm, size) in TYPES.items():
            folder = world.path("targets", label, "current")
            public = openssl("pkey", "-pubin", "-noout", "-text", text=assert_pair(folder))
            assert f"({size} bit)" in public and ("Modulus" if algorithm == "RSA" else "ASN1 OID") in public, public
            assert_chain(world, folder, f"{label}.example.test")
        assert world.orders() == len(TYPES)
        world.assert_at_rest()


def a_key_of_ones_own():
    with Site() as world:
        world.manifest("target.yaml", plain())
        key = new_key("RSA")
        secret(world, "own", "shop.pem", key)
        world.want(more="  privateKey: {secretRef: {name: own, key: shop.pem}}\n")
        world.apply()
        assert_chain(world, world.path("targets/shop/current"))
        assert assert_pair(world.path("targets/shop/current")) == openssl("pkey", "-pubout", text=key)
        order, = world.records("orders")
        assert order["keyBrought"] is True, order
        world.assert_at_rest()


def a_key_that_others_can_read_is_refused():
    with Site() as world:
        secret(world, "own", "shop.pem", new_key())
        os.chmod(world.path("secrets/own/shop.pem"), 0o444)
        world.want(more="  privateKey: {secretRef: {name: own, key: shop.pem}}\n")
        refused = world.apply(code=4)
        assert "secrets/own/shop.pem" in refused.err and "chmod" in refused.err, refused
        assert world.orders() == 0


def assert_served_without_a_key(world, key):
    folder = world.path("targets/shop/current")
    assert sorted(os.listdir(folder)) == ["cert.pem", "chain.pem", "fullchain.pem"], os.listdir(folder)
    assert openssl("x509", "-in", folder + "/cert.pem", "-noout", "-pubkey") == openssl("pkey", "-pubout", text=key)
    assert_chain(world, folder)
    world.assert_at_rest()


def a_request_in_the_manifest():
    with Site() as world:
        world.manifest("target.yaml", plain())
        key = new_key()
        request = new_request(key, "shop.example.test", "shop.example.test")
        world.want(more="  csr: |\n" + textwrap.indent(request, "    "))
        world.apply()
        assert_served_without_a_key(world, key)


def a_request_in_a_secret():
    with Site() as world:
        world.manifest("target.yaml", plain())
        key = new_key("RSA")
        secret(world, "own", "shop.csr", new_request(key, "shop.example.test"))
        world.want(more="  csrSecretRef: {name: own, key: shop.csr}\n")
        world.apply()
        assert_served_without_a_key(world, key)


def a_request_for_other_names_is_refused():
    with Site() as world:
        for common_name, alternative in (("other.example.test", []), ("shop.example.test", ["shop.example.test", "more.example.test"])):
            for where in ("csr", "csrSecretRef"):
                request = new_request(new_key(), common_name, *alternative)
                secret(world, "own", "shop.csr", request)
                world.want(more="  csrSecretRef: {name: own, key: shop.csr}\n" if where == "csrSecretRef"
                           else "  csr: |\n" + textwrap.indent(request, "    "))
                refused = world.apply(code=4)
                wrong = (alternative or [common_name])[-1]
                assert wrong in refused.err, refused
                why = world.run("why", "certificate/shop").out
                assert wrong in why, why
        assert world.orders() == 0 and world.mutating_requests() == []


def generation_layout_and_rights():
    group = grp.getgrnam("www-data") if os.geteuid() == 0 else grp.getgrgid(os.getegid())
    with Site() as world:
        world.manifest("target.yaml", plain(more=f'  mode: "0640"\n  group: {group.gr_name}\n'))
        world.root_settings = {"targets": {"groups": [group.gr_name]}}
        world.want()
        world.apply()
        folder = world.path("targets/shop/current")
        assert os.readlink(folder) == "gen-1"
        assert_pair(folder)
        assert rights(folder + "/key.pem") == (0o640, os.geteuid(), group.gr_gid), rights(folder + "/key.pem")
        for public in ("cert.pem", "chain.pem", "fullchain.pem"):
            assert rights(f"{folder}/{public}")[0] == 0o644
        assert len(re.findall("BEGIN CERTIFICATE", world.read("targets/shop/current/cert.pem"))) == 1
        assert len(re.findall("BEGIN CERTIFICATE", world.read("targets/shop/current/chain.pem"))) >= 1
        os.chmod(folder + "/key.pem", 0o600)
        world.assert_at_rest()


def another_owner_needs_root_and_the_operators_word():
    if os.geteuid() != 0:
        raise Skip("only root gives files away")
    with Site() as world:
        world.manifest("target.yaml", plain(more="  owner: www-data\n  group: www-data\n"))
        world.want()
        refused = world.apply(code=4)
        assert "owners" in refused.err and "www-data" in refused.err, refused
        assert not os.path.exists(world.path("targets/shop"))
        world.root_settings = {"targets": {"owners": ["www-data"], "groups": ["www-data"]}}
        world.run("sync", "certificate/shop", code=0)
        world.apply()
        mode, owner, owning_group = rights(world.path("targets/shop/current/key.pem"))
        assert (mode, owner, owning_group) == (0o600, 33, grp.getgrnam("www-data").gr_gid)
        assert world.orders() == 1


def combined_layout():
    with Site() as world:
        world.manifest("target.yaml", plain(more="  layout: Combined\n"))
        world.want()
        world.apply()
        path = world.path("targets/shop.pem")
        assert os.path.islink(path) and stat.S_IMODE(os.stat(path).st_mode) == 0o600
        text = world.read("targets/shop.pem")
        kinds = re.findall(r"-----BEGIN ([A-Z ]+)-----", text)
        assert kinds[:2] == ["CERTIFICATE", "CERTIFICATE"] and kinds[-1].endswith("PRIVATE KEY"), kinds
        assert openssl("pkey", "-in", path, "-pubout") == openssl("x509", "-in", path, "-noout", "-pubkey")
        assert leaf_digest(path) == world.records("revisions")[0]["fingerprint"].lower().replace(":", "")
        openssl("verify", "-CAfile", world.path("sandbox/root.pem"), "-untrusted", path, path)
        world.assert_at_rest()


main([every_type_of_key, a_key_of_ones_own, a_key_that_others_can_read_is_refused, a_request_in_the_manifest, a_request_in_a_secret,
      a_request_for_other_names_is_refused, generation_layout_and_rights, another_owner_needs_root_and_the_operators_word,
      combined_layout])
