#!/usr/bin/env python3
"""`certwright clean --challenges`: what the journal names, what nobody needs, and what stands there as the journal says is
listed and taken away; nothing else ever is. BIND, nginx and the sandbox are real."""
import os
import signal
import subprocess

from harness import free_port, main, need, wait_for
from shop import DNS_ACCOUNT, bind_world, certificate, shop_world


def strays(w, *words, code=0):
    return w.run("clean", "--challenges", "-o", "json", *words, code=code).json()


def states(told):
    return sorted((s.get("recordName") or s["fileName"], s["state"]) for s in told["strays"])


def nsupdate(w, *lines):
    program = need("nsupdate", "bind9-dnsutils")
    text = f"server 127.0.0.1 {w.bind_port}\nzone example.test\n" + "\n".join(lines) + "\nsend\n"
    secret = w.read("secrets/bind/tsig").strip()
    done = subprocess.run([program, "-y", f"hmac-sha256:{w.bind_key}:{secret}"], input=text, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr


def probes(w):
    return [line for line in w.zone_records("example.test") if "_certwright-probe-" in line]


def crash_a_probe(w):
    """`dns test --write` killed between the write and the end: the probe stands, and only the journal knows."""
    good, before = dict(w.nameservers), len(probes(w))
    w.nameservers["example.test"] = f"127.0.0.1:{free_port()}"  # nobody sees it, so that it waits
    child = w.start(*w.argv("dns", "test", "bind", "example.test", "--write"), log="crash.log", env=w.environment())
    wait_for(lambda: len(probes(w)) > before, "the probe")
    child.send_signal(signal.SIGKILL)
    child.wait()
    w.children.remove(child)
    w.nameservers.update(good)


def a_crash_leaves_a_stray_that_is_found():
    with bind_world() as w:
        before = w.zone_records("example.test")
        crash_a_probe(w)
        name, value = probes(w)[0].split()[0].rstrip("."), probes(w)[0].split('"')[1]
        # others' values at that name, and a record that looks like ours and is not in the journal
        nsupdate(w, f'update add {name} 60 TXT "somebody else\'s"', 'update add _certwright-probe-0000000000.example.test 60 TXT '
                 f'"{value}"', 'update add _acme-challenge.example.test 60 TXT "theirs"')
        told = strays(w)
        assert states(told) == [(name, "there")], told
        one = told["strays"][0]
        assert one["recordValue"] == value and one["dnsAccount"] == "bind" and "a probe by dns test" in one["whyOurs"]
        text = w.run("clean", "--challenges", code=0).out
        assert "ours:" in text and "equal" in text and "--yes" in text and len(probes(w)) == 3, text
        assert states(strays(w, "--yes")) == [(name, "removed")]
        assert sorted(line.split()[0] for line in probes(w)) == sorted([f"{name}.", "_certwright-probe-0000000000.example.test."])
        assert w.dig(name, "TXT") == ['"somebody else\'s"'] and w.dig("_acme-challenge.example.test", "TXT") == ['"theirs"']
        assert w.run("clean", "--challenges", code=0).out.startswith("No strays")
        assert '"stray.remove"' in w.read("audit/audit.log")
        nsupdate(w, f"update delete {name} TXT", "update delete _certwright-probe-0000000000.example.test TXT",
                 "update delete _acme-challenge.example.test TXT")
        assert w.zone_records("example.test") == before


def a_running_controller_keeps_the_journal():
    with bind_world() as w:
        crash_a_probe(w)
        crash_a_probe(w)
        assert len(probes(w)) == 2
        daemon = w.daemon()
        told = strays(w, "--yes")
        assert [s["state"] for s in told["strays"]] == ["removed", "removed"] and probes(w) == [], told
        assert strays(w)["strays"] == []
        w.stop(daemon)


def what_was_taken_away_by_hand_is_gone():
    with bind_world() as w:
        crash_a_probe(w)
        name = probes(w)[0].split()[0]
        nsupdate(w, f"update delete {name} TXT")
        assert [s["state"] for s in strays(w)["strays"]] == ["gone"]
        strays(w, "--yes")
        assert strays(w)["strays"] == []


def another_value_at_the_name_is_not_ours():
    with bind_world() as w:
        crash_a_probe(w)
        name = probes(w)[0].split()[0]
        nsupdate(w, f"update delete {name} TXT", f'update add {name} 60 TXT "changed by hand"')
        assert [s["state"] for s in strays(w, "--yes")["strays"]] == ["gone"]
        assert w.dig(name, "TXT") == ['"changed by hand"']


def challenge_records(w):
    return [line for line in w.zone_records("example.test") if line.startswith("_") and "CNAME" in line]


def blind(w):
    """The DNS is looked at where nothing is, by us and by the vendor: proofs stay unseen."""
    w.nameservers["example.test"] = f"127.0.0.1:{free_port()}"


def place_a_proof(w):
    blind(w)
    w.stop(w.sandbox)
    w.start_sandbox()
    w.manifest("shop.yaml", certificate(method="DNS", names=["shop.example.test"]))
    for _ in range(4):
        w.run("apply", "--yes", "--detach")
        if challenge_records(w):
            break
    assert len(challenge_records(w)) == 1, w.zone_records("example.test")
    items = w.run("get", "orders", "-o", "json", code=0).json()
    items = items.get("items", [items])
    return items[0]["status"]["vendorOrderId"]


def a_live_order_s_proof_is_no_stray_and_a_dead_one_s_is():
    with bind_world() as w:
        before = w.zone_records("example.test")
        number = place_a_proof(w)
        assert strays(w, "--yes")["strays"] == [], "a live order needs it"
        assert len(challenge_records(w)) == 1
        w.sandbox_call("POST", f"/orders/{number}", {"majorStatus": "Cancelled", "minorStatus": "Cancelled"})
        w.turn_clock(3600)
        w.run("apply", "--yes", "--detach")
        told = strays(w)
        if challenge_records(w):  # unless the controller took it away by itself
            assert [s["state"] for s in told["strays"]] == ["there"] and number in told["strays"][0]["whyNeedless"], told
            assert told["strays"][0]["owner"] == "certificate/shop"
            assert [s["state"] for s in strays(w, "--yes")["strays"]] == ["removed"]
        assert w.zone_records("example.test") == before
        assert strays(w)["strays"] == []
        assert [c["state"] for c in records(w)] == ["Gone"], records(w)


def records(w):
    told = w.run("get", "challenges", "-o", "json", code=0).json()
    return [item["status"] for item in told.get("items", [told])]


def an_account_that_moved_is_found_by_name_and_value():
    with bind_world() as w:
        before = w.zone_records("example.test")
        place_a_proof(w)
        os.unlink(w.path("manifests/shop.yaml"))
        os.unlink(w.path("manifests/dns.yaml"))
        w.run("apply", "--yes", "--detach")
        told = strays(w, code=6)
        assert [s["state"] for s in told["strays"]] == ["unknown"] and "bind" in told["strays"][0]["cause"], told
        assert strays(w, "--yes", code=6)["unknown"] == 1 and len(challenge_records(w)) == 1
        w.manifest("dns.yaml", (DNS_ACCOUNT % w.bind_port).replace("name: bind}", "name: moved}", 1))
        told = strays(w, "--yes")
        assert [(s["state"], s["dnsAccount"]) for s in told["strays"]] == [("removed", "moved")], told
        assert w.zone_records("example.test") == before


def a_file_is_a_stray_only_with_its_content():
    with shop_world() as w:
        w.resolve["shop.example.test:80"] = f"127.0.0.1:{free_port()}"  # nobody sees it
        w.stop(w.sandbox)
        w.start_sandbox()
        w.manifest("shop.yaml", certificate())
        folder = w.path("www/.well-known/pki-validation")
        for _ in range(4):
            w.run("apply", "--yes", "--detach")
            if os.path.exists(folder):
                break
        files = os.listdir(folder)
        assert len(files) == 1, files
        assert strays(w)["strays"] == []
        os.unlink(w.path("manifests/shop.yaml"))  # a daemon would take it away; without one it stays
        os.rename(w.path("manifests/target.yaml"), w.path("target.yaml"))
        w.run("apply", "--yes", "--detach")
        assert [s["state"] for s in strays(w, code=6)["strays"]] == ["unknown"]
        os.rename(w.path("target.yaml"), w.path("manifests/target.yaml"))
        path = os.path.join(folder, files[0])
        with open(path) as file:
            content = file.read()
        with open(path, "w") as file:
            file.write("another's")
        assert states(strays(w)) == [(files[0], "gone")] and os.path.exists(path)
        with open(path, "w") as file:
            file.write(content)
        with open(os.path.join(folder, "another.txt"), "w") as file:
            file.write(content)
        assert states(strays(w, "--yes")) == [(files[0], "removed")]
        assert os.listdir(folder) == ["another.txt"]


def wrong_words_are_told():
    with bind_world() as w:
        w.run("clean", code=64)
        w.run("clean", "--challenges", "more", code=64)
        assert w.run("clean", "--challenges", code=0).out.startswith("No strays")
        assert not os.path.exists(w.path("state")), "listing made a store"


main([a_crash_leaves_a_stray_that_is_found, a_running_controller_keeps_the_journal, what_was_taken_away_by_hand_is_gone,
      another_value_at_the_name_is_not_ours, a_live_order_s_proof_is_no_stray_and_a_dead_one_s_is,
      an_account_that_moved_is_found_by_name_and_value, a_file_is_a_stray_only_with_its_content, wrong_words_are_told])
