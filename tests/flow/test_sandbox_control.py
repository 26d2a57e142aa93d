#!/usr/bin/env python3
"""The sandbox's second port (faults, clock, ledger, settings), its arguments, and what it keeps over a restart."""
import http.client, json, os, struct, subprocess, time

from sandbox_peer import *


class ControlTest(WireCase):
    # -- the second port

    def new(self, name):
        return self.body("sectigossl", self.request(name), FileAuthDVIndicator=True)

    def test_faults_before_and_after_the_order(self):
        for fault, bought in (({"do": "drop"}, 0), ({"do": "drop-after-accept"}, 1), ({"do": "cut", "bytes": 30}, 1)):
            self.sandbox.ask("POST", "faults", {"path": "order/neworder", **fault})
            body, before = self.new("fault.example.test"), self.sandbox.ledger()
            with self.assertRaises((http.client.HTTPException, OSError)):
                self.sandbox.call("order/neworder", body)
            self.assertEqual(self.sandbox.ledger(), before + bought, fault)
            found = code_of(self.sandbox.call("order/status", {"CustomOrderID": body["CustomOrderID"]}))
            self.assertEqual(found is None, bool(bought))
        for fault, wanted, bought in (({"do": "status", "code": 503, "retryAfter": 7}, 503, 0),
                                      ({"do": "status-after-accept", "code": 502}, 502, 1),
                                      ({"do": "html"}, 200, 1), ({"do": "garbage"}, 200, 1), ({"do": "empty"}, 200, 1)):
            self.sandbox.ask("POST", "faults", {"path": "order/neworder", **fault})
            before = self.sandbox.ledger()
            status, headers, body = self.sandbox.raw("order/neworder", json.dumps(
                {"AuthRequest": self.sandbox.auth, **self.new("fault.example.test")}))
            self.assertEqual((status, self.sandbox.ledger() - before), (wanted, bought), fault)
            self.assertEqual(headers["Retry-After"], "7" if "retryAfter" in fault else None)
            with self.assertRaises(ValueError):
                json.loads(body)
        self.sandbox.ask("POST", "faults", [{"path": "order/neworder", "do": "refuse", "message": "No balance", "skip": 1}])
        self.assertIsNone(code_of(self.sandbox.call("order/neworder", self.new("fault.example.test"))))
        self.refused(self.new("fault.example.test"), "No balance")
        self.assertIsNone(code_of(self.sandbox.call("order/neworder", self.new("fault.example.test"))))
        listed = self.sandbox.ask("GET", "faults")["faults"]
        self.assertTrue(all(f["spent"] and f["hits"] == 1 for f in listed))

    def test_answers_are_late_slow_or_edited(self):
        start = time.time()
        self.sandbox.ask("POST", "faults", {"path": "health/validate", "do": "delay", "ms": 300})
        self.sandbox.call("health/validate", self.sandbox.auth, auth=False)
        self.assertGreater(time.time() - start, 0.3)
        self.sandbox.ask("POST", "faults", {"path": "health/validate", "do": "trickle", "bytes": 20, "ms": 5})
        self.assertIs(self.sandbox.call("health/validate", self.sandbox.auth, auth=False)["isError"], False)
        self.sandbox.ask("POST", "faults", {"path": "order/neworder", "do": "edit", "set": {"CustomOrderID": "other"},
                                            "remove": ["TheSSLStoreOrderID"]})
        answer = self.sandbox.call("order/neworder", self.new("edit.example.test"))
        self.assertEqual(answer["CustomOrderID"], "other")
        self.assertNotIn("TheSSLStoreOrderID", answer)
        self.sandbox.ask("POST", "faults", {"path": "order/neworder", "do": "late", "ms": 300})
        body, before = self.new("late.example.test"), self.sandbox.ledger()
        with self.assertRaises((http.client.HTTPException, OSError)):
            self.sandbox.call("order/neworder", body)
        self.assertEqual(self.sandbox.ledger(), before)
        time.sleep(0.5)
        self.assertEqual(self.sandbox.ledger(), before + 1)

    def test_lookups_may_hide_an_order(self):
        body = self.new("hide.example.test")
        order = self.sandbox.call("order/neworder", body)
        self.sandbox.ask("POST", "faults", {"path": "*", "do": "hide", "times": 0, "order": int(order["TheSSLStoreOrderID"])})
        self.assertIn("not found", code_of(self.sandbox.call("order/status", {"CustomOrderID": body["CustomOrderID"]}))[1])
        self.assertEqual(self.sandbox.call("order/query", {"DomainName": "hide.example.test"}), [])
        self.sandbox.ask("DELETE", "faults")
        self.assertEqual(len(self.sandbox.call("order/query", {"DomainName": "hide.example.test"})), 1)

    def test_downloads_may_be_wrong(self):
        request, order = self.issued("wrong.example.test")
        key = {"TheSSLStoreOrderID": order["TheSSLStoreOrderID"]}
        for fault in ("wrong-certificate", "wrong-names", "expired", "self-signed", "client-only"):
            self.sandbox.ask("POST", "faults", {"path": "order/download", "do": fault})
            leaf = self.sandbox.call("order/download", key)["Certificates"][0]["FileContent"]
            public, names = openssl("x509", "-noout", "-pubkey", text=leaf), openssl("x509", "-noout", "-text", text=leaf)
            self.assertEqual(public != request.public, fault in ("wrong-certificate", "self-signed"))
            self.assertEqual(self.names_in(names) != ["wrong.example.test"], fault == "wrong-names")
            self.assertEqual("TLS Web Server" in names, fault != "client-only")
        self.sandbox.ask("POST", "faults", {"path": "order/download", "do": "no-certificate"})
        self.assertEqual(self.sandbox.call("order/download", key)["Certificates"], [])
        self.sandbox.ask("POST", "faults", {"path": "order/download", "do": "no-chain"})
        self.assertEqual(len(self.sandbox.call("order/download", key)["Certificates"]), 1)
        self.verify(order, request)

    def test_a_share_of_calls_fails_by_chance(self):
        self.sandbox.ask("POST", "settings", {"failRate": 0.5})
        good = 0
        for _ in range(40):
            try:
                good += self.sandbox.call("health/validate", self.sandbox.auth, auth=False)["isError"] is False
            except (AssertionError, ValueError, http.client.HTTPException, OSError):
                pass
        self.sandbox.ask("POST", "settings", {"failRate": 0})
        self.assertTrue(5 < good < 38, good)

    def test_the_request_log_keeps_no_secret(self):
        self.sandbox.call("order/status", {"CustomOrderID": "log-1"})
        log = self.sandbox.ask("GET", "requests")
        self.assertGreater(log["paths"]["order/status"], 0)
        last = log["requests"][-1]
        self.assertEqual((last["path"], last["customOrderId"], last["isError"]), ("order/status", "log-1", True))
        self.assertEqual(last["body"]["AuthRequest"]["AuthToken"], "*")
        self.assertNotIn(self.sandbox.token, json.dumps(log))

    def test_validations_are_reused_when_told(self):
        self.sandbox.ask("POST", "settings", {"reuseValidations": True})
        self.issued("reuse.example.test", "digi_rapidssl")
        order = self.order("digi_rapidssl", self.request("reuse.example.test"), FileAuthDVIndicator=True)
        self.sandbox.ask("POST", "settings", {"reuseValidations": False})
        self.assertEqual(order["OrderStatus"]["MajorStatus"], "Active")

    def test_an_order_can_be_set(self):
        order = self.order("sectigossl", self.request("set.example.test"), FileAuthDVIndicator=True)
        self.sandbox.ask("POST", "orders/" + order["TheSSLStoreOrderID"], {"majorStatus": "Cancelled", "minorStatus": "Rejected"})
        self.assertEqual(self.status(order)["OrderStatus"]["MajorStatus"], "Cancelled")

    def test_the_clock_turns_for_others_too(self):
        self.sandbox.ask("POST", "clock", {"offset": 5 * DAY})
        content = content_of(os.path.join(self.sandbox.dir, "clock"), "rb")
        self.assertEqual(content[:8], b"CWCLOCK1")
        self.assertEqual(struct.unpack("=q", content[8:])[0], 5 * DAY)
        self.assertLess(abs(self.sandbox.ask("GET", "clock")["now"] - time.time() - 5 * DAY), 5)


class RestartTest(WireCase):
    """Everything is kept over an end and over a kill."""

    def test_a_restart_keeps_all(self):
        name = "kept.example.test"
        request, order = self.issued(name)
        open_order = self.order("sectigossl", self.request("open.example.test"), FileAuthDVIndicator=True)
        used = self.sandbox.ask("GET", "orders/" + order["TheSSLStoreOrderID"])
        self.sandbox.ask("POST", "clock", {"offset": 3 * DAY})
        before = (self.sandbox.ledger(), self.sandbox.token, content_of(os.path.join(self.sandbox.dir, "root.pem")))
        with open(os.path.join(self.sandbox.dir, "orders.jsonl"), "a") as journal:
            journal.write('{"half')  # a line cut by a crash, after which nothing was answered
        self.sandbox.kill()
        self.sandbox.start()
        self.assertEqual(before, (self.sandbox.ledger(), self.sandbox.token,
                                  content_of(os.path.join(self.sandbox.dir, "root.pem"))))
        self.assertEqual(used, self.sandbox.ask("GET", "orders/" + order["TheSSLStoreOrderID"]))
        self.assertEqual(self.sandbox.ask("GET", "clock")["offset"], 3 * DAY)
        self.verify(order, request)
        self.serve_file("open.example.test", open_order)
        self.until(open_order)
        again = self.order("sectigossl", self.request("after.example.test"), FileAuthDVIndicator=True)
        self.assertGreater(int(again["TheSSLStoreOrderID"]), int(open_order["TheSSLStoreOrderID"]))
        second = subprocess.run([PROGRAM, "--dir", self.sandbox.dir], capture_output=True, text=True)
        self.assertNotEqual(second.returncode, 0)
        self.assertIn("another sandbox", second.stderr)
        self.assertEqual(self.sandbox.stop(), 0)
        self.sandbox.start()
        self.status(again)


class ProgramTest(unittest.TestCase):
    def test_only_loopback_is_listened_on(self):
        for address in ("0.0.0.0:0", "192.0.2.1:0", "127.0.0.1:x", "[::]:0"):
            done = subprocess.run([PROGRAM, "--listen", address], capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 2)
            self.assertIn("loopback", done.stderr)

    def test_help_names_every_option(self):
        text = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, timeout=20).stdout
        for option in ("listen control dir resolve nameserver overrides partner-code auth-token-file maildir smtp clock "
                       "ports-file issue-delay vetting-delay delay fail-rate seed").split():
            self.assertIn("--" + option + " ", text)

    def test_without_a_folder_nothing_is_left(self):
        process = subprocess.Popen([PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        told = json.loads(process.stdout.readline())
        self.assertTrue(os.path.isdir(told["dir"]))
        process.terminate()
        self.assertEqual(process.wait(20), 0)
        process.stdout.close()
        self.assertFalse(os.path.exists(told["dir"]))


if __name__ == "__main__":
    main()
