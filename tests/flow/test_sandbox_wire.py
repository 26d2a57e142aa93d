#!/usr/bin/env python3
"""The sandbox against the description of the vendor's API. Every request is written here by hand from that page
(section numbers in names and comments are its own); nothing of our client is used."""
import base64, glob, hashlib, http.client, http.server, json, os, re, shutil, signal, socket, socketserver, ssl
import struct, subprocess, sys, tempfile, threading, time, unittest, urllib.parse, urllib.request

BIN = os.environ.get("CERTWRIGHT_BIN", ".")
PROGRAM = os.path.join(BIN, "certwright-sandbox")
PARTNER = "10012345"
DAY = 86400

# The members of section 9, 9.1 and 9.2.
ORDER_MEMBERS = """AuthResponse TheSSLStoreOrderID PartnerOrderID CustomOrderID VendorOrderID RefundRequestID
isRefundApproved TinyOrderLink OrderStatus OrderAmount PurchaseDate CertificateStartDate CertificateEndDate PollDate
PurchaseDateInUTC CertificateStartDateInUTC CertificateEndDateInUTC PollDateInUTC OrderExpiryDate OrderExpiryDateInUTC
CommonName DNSNames SANCount wildcardSANCount ServerCount Validity CustomerID TSSOrganizationId Organization
OrganizationalUnit State Country Locality OrganizationPhone OrganizationAddress OrganizationPostalcode DUNS
WebServerType ApproverEmail ProductCode ProductName VendorName SubVendorName AdminContact TechnicalContact
ReissueSuccessCode AuthFileName AuthFileContent CNAMEAuthName CNAMEAuthValue PollStatus CustomerLoginName
CustomerPassword Token TokenID TokenCode SiteSealurl SignatureEncryptionAlgorithm SignatureHashAlgorithm
SerialNumber""".split()
STATUS_MEMBERS = """isTinyOrder isTinyOrderClaimed MajorStatus MinorStatus AuthenticationStatuses
AuthenticationComments OrderNotes DomainAuthVettingStatus""".split()
VETTING_MEMBERS = """domain dcvMethod dcvStatus FileName FileContents DNSName DNSEntry PollStatus LastPollDate
DomainToValidate DCVScope""".split()
PRODUCT_MEMBERS = """AuthResponse ProductCode ProductName ProductSlug ProductDescription VendorName ProductType
CanbeReissued ReissueDays isWlidcard IsSanEnable MinSan MaxSan isFlexProduct isDVProduct isOVProduct isEVProduct
isGreenBar isScanProduct isCodeSigning isMobileFriendly isMalwareScan isSealInSearch isVulnerabilityAssessment
IsCompetitiveUpgradeSupported IsSupportAutoInstall isNoOfServerFree IssuanceTime SiteSeal CurrencyCode Warranty
PricingInfo""".split()
AUTH_MEMBERS = "isError Message Timestamp ReplayToken InvokingPartnerCode".split()
DATE = re.compile(r"^\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d\d:\d\d (AM|PM)$")
NO_DATE = "1/1/1900 12:00:00 AM"

CONTACT = {"FirstName": "Ada", "LastName": "Meyer", "Phone": "+41440000000", "Fax": "", "Email": "pki@example.test",
           "Title": "Operations", "OrganizationName": "Example Org", "AddressLine1": "Bahnhofstrasse 1",
           "AddressLine2": "", "City": "Zurich", "Region": "ZH", "PostalCode": "8001", "Country": "CH"}
ORGANIZATION = {"OrganizationName": "Example Org", "DUNS": "", "Division": "", "IncorporatingAgency": "",
                "RegistrationNumber": "CH-1", "JurisdictionCity": "Zurich", "JurisdictionRegion": "ZH",
                "JurisdictionCountry": "CH", "OrganizationAddress": {
                    "AddressLine1": "Bahnhofstrasse 1", "AddressLine2": "", "AddressLine3": "", "City": "Zurich",
                    "Region": "ZH", "PostalCode": "8001", "Country": "CH", "Phone": "+41440000000", "Fax": "",
                    "LocalityName": "Zurich"}}


def content_of(path, mode="r"):
    with open(path, mode) as source:
        return source.read()


def write_file(path, text):
    with open(path, "w") as out:
        out.write(text)


class FileServer(http.server.ThreadingHTTPServer):
    """What the web servers of the names would serve: {(host, path): body, or (status, location)}."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.server.files.get((self.headers["Host"].split(":")[0], self.path))
            if isinstance(found, tuple):
                self.send_response(found[0])
                self.send_header("Location", found[1])
                self.end_headers()
                return
            self.send_response(200 if found is not None else 404)
            self.end_headers()
            self.wfile.write((found or "not here").encode())

        def log_message(self, *args):
            pass

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.files, self.port = {}, self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


class NameServer(socketserver.ThreadingUDPServer):
    """{(name, type): value} with CNAME (5) and TXT (16)."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            data, sock = self.request
            at, labels = 12, []
            while data[at]:
                labels.append(data[at + 1:at + 1 + data[at]].decode().lower())
                at += 1 + data[at]
            kind = struct.unpack("!H", data[at + 1:at + 3])[0]
            value = self.server.records.get((".".join(labels), kind))
            rdata = None
            if value is not None and kind == 16:
                rdata = bytes([len(value)]) + value.encode()
            elif value is not None:
                rdata = b"".join(bytes([len(x)]) + x.encode() for x in value.split(".")) + b"\0"
            flags = 0x8400 if rdata else 0x8403
            answer = data[:2] + struct.pack("!HHHHH", flags, 1, 1 if rdata else 0, 0, 0) + data[12:at + 5]
            if rdata:
                answer += b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(rdata)) + rdata
            sock.sendto(answer, self.client_address)

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.records, self.port = {}, self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Sandbox:
    def __init__(self, folder, *arguments):
        self.folder, self.arguments = folder, arguments
        self.start()

    def start(self):
        ports = os.path.join(self.folder, "ports.json")
        if os.path.exists(ports):
            os.unlink(ports)
        self.log = open(os.path.join(self.folder, "log"), "ab")
        self.process = subprocess.Popen([PROGRAM, "--dir", os.path.join(self.folder, "dir"), "--ports-file", ports,
                                         *self.arguments], stdout=subprocess.DEVNULL, stderr=self.log)
        for _ in range(300):
            if os.path.exists(ports):
                break
            if self.process.poll() is not None:
                raise AssertionError("the sandbox ended: " + content_of(os.path.join(self.folder, "log")))
            time.sleep(0.05)
        told = json.loads(content_of(ports))
        self.url, self.control, self.dir = told["url"], told["control"], told["dir"]
        assert told["pid"] == self.process.pid
        self.token = content_of(os.path.join(self.dir, "auth-token"))
        self.context = ssl.create_default_context(cafile=os.path.join(self.dir, "api-ca.pem"))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        self.log.close()
        return code

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    @property
    def auth(self):
        return {"PartnerCode": PARTNER, "AuthToken": self.token, "ReplayToken": "corr-0001", "UserAgent": "wire/1"}

    def raw(self, path, data, method="POST"):
        """Status, headers, body."""
        at = urllib.parse.urlsplit(self.url)
        connection = http.client.HTTPSConnection(at.hostname, at.port, timeout=30, context=self.context)
        connection.request(method, at.path + path, data, {"Content-Type": "application/json; charset=utf-8"})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, response.headers, body

    def call(self, path, body=None, auth=True):
        body = dict(body or {})
        if auth is True:
            body = {"AuthRequest": self.auth, **body}
        elif auth:
            body = {"AuthRequest": auth, **body}
        status, headers, answer = self.raw(path, json.dumps(body))
        assert status == 200, (path, status, answer)
        assert headers["Content-Type"] == "application/json; charset=utf-8", headers["Content-Type"]
        return json.loads(answer)

    def ask(self, method, path, body=None):
        request = urllib.request.Request(self.control + path, method=method,
                                         data=json.dumps(body).encode() if body is not None else None)
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)

    def ledger(self):
        return self.ask("GET", "ledger")["count"]


def openssl(*arguments, text=None):
    done = subprocess.run(["openssl", *arguments], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Request:
    """A key and a CSR made by the openssl command."""

    def __init__(self, folder, name, *more, kind=("EC", "-pkeyopt", "ec_paramgen_curve:P-256")):
        self.key = tempfile.mkstemp(dir=folder, suffix=".key")[1]
        openssl("genpkey", "-algorithm", kind[0], *kind[1:], "-out", self.key)
        self.pem = openssl("req", "-new", "-key", self.key, "-subj", "/CN=" + name, *more)
        self.public = openssl("pkey", "-in", self.key, "-pubout")
        der = base64.b64decode("".join(self.pem.split("-----")[2].split()))
        self.md5, self.sha256 = hashlib.md5(der).hexdigest(), hashlib.sha256(der).hexdigest()


def code_of(answer):
    auth = answer.get("AuthResponse", answer) if isinstance(answer, dict) else answer[0]["AuthResponse"]
    if not auth["isError"]:
        return None
    assert isinstance(auth["Message"], list) and auth["Message"], auth
    match = re.match(r"^ErrorCode:(-\d+)\|Message:(.+)$", auth["Message"][0])
    assert match, auth["Message"]
    return int(match[1]), match[2]


class WireTest(unittest.TestCase):
    counter = 0

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="certwright-wire-")
        cls.files, cls.names = FileServer(), NameServer()
        overrides = os.path.join(cls.folder, "certwright.yaml")
        with open(overrides, "w") as out:  # the operator's file: two of its keys are read
            out.write("apiVersion: certwright/v1alpha1\nkind: ControllerConfig\nmanifests: {directory: /nowhere}\n"
                      "nameservers:\n  dns.example.test: 127.0.0.1:%d\nresolve:\n  \"*:80\": 127.0.0.1:%d # all\n"
                      % (cls.names.port, cls.files.port))
        cls.sandbox = Sandbox(cls.folder, "--overrides", overrides, "--nameserver",
                              "txt.example.test=127.0.0.1:%d" % cls.names.port)

    @classmethod
    def tearDownClass(cls):
        code = cls.sandbox.stop()
        for server in (cls.files, cls.names):
            server.shutdown()
            server.server_close()
        log = content_of(os.path.join(cls.folder, "log"))
        shutil.rmtree(cls.folder)
        assert code == 0, log
        assert "Sanitizer" not in log and "runtime error" not in log, log

    def setUp(self):
        self.sandbox.ask("DELETE", "faults")
        self.sandbox.ask("POST", "clock", {"offset": 0})

    # -- helpers

    def request(self, name, *more, **options):
        return Request(self.folder, name, *more, **options)

    def body(self, product, request, **more):
        """neworder as section 8 shows it, with every member."""
        WireTest.counter += 1
        body = {"CustomOrderID": "cw1-%08d" % WireTest.counter, "ProductCode": product, "ValidityPeriod": 12,
                "ServerCount": 1, "CSR": request.pem, "DomainName": None, "WebServerType": "Other", "DNSNames": [],
                "ReserveSANCount": 0, "isCUOrder": False, "isRenewalOrder": False, "isTrialOrder": False,
                "RelatedTheSSLStoreOrderID": "", "AdminContact": CONTACT, "TechnicalContact": CONTACT,
                "OrganizationInfo": ORGANIZATION, "ApproverEmail": "", "FileAuthDVIndicator": False,
                "HTTPSFileAuthDVIndicator": False, "CNAMEAuthDVIndicator": False,
                "SignatureHashAlgorithm": "PREFER_SHA2", "CertTransparencyIndicator": True, "RenewalDays": 0,
                "AddInstallationSupport": False, "EmailLanguageCode": "EN", "DateTimeCulture": "en-US",
                "CSRUniqueValue": "k7Qm2Zt9Xb4Rw1Ls%04d" % WireTest.counter}
        body.update(more)
        return body

    def order(self, product, request, **more):
        answer = self.sandbox.call("order/neworder", self.body(product, request, **more))
        self.assertIsNone(code_of(answer), answer["AuthResponse"])
        return answer

    def refused(self, body, pattern, path="order/neworder", code=None):
        before = self.sandbox.ledger()
        answer = self.sandbox.call(path, body)
        got = code_of(answer)
        self.assertIsNotNone(got, "not refused: " + pattern)
        self.assertRegex(got[1], pattern)
        if code is not None:
            self.assertEqual(got[0], code)
        self.assertEqual(self.sandbox.ledger(), before)

    def status(self, order, **more):
        return self.sandbox.call("order/status", {"TheSSLStoreOrderID": order["TheSSLStoreOrderID"], **more})

    def until(self, order, wanted="Active"):
        for _ in range(200):
            answer = self.status(order)
            status = answer["OrderStatus"]
            if status["MajorStatus"] == wanted and status["MinorStatus"] != "PENDING_REISSUE":
                return answer
            time.sleep(0.05)
        self.fail("still %s: %s" % (status["MajorStatus"], json.dumps(status["DomainAuthVettingStatus"])))

    def serve_file(self, name, answer):
        self.files.files[(name, "/.well-known/pki-validation/" + answer["AuthFileName"])] = answer["AuthFileContent"]

    def issued(self, name="site.example.test", product="sectigossl", request=None, **more):
        request = request or self.request(name)
        order = self.order(product, request, FileAuthDVIndicator=True, **more)
        self.serve_file(name, order)
        return request, self.until(order)

    def verify(self, order, request, at=None):
        """Download, check against the sandbox's root with the openssl command; gives openssl's text of the leaf."""
        answer = self.sandbox.call("order/download", {"TheSSLStoreOrderID": order["TheSSLStoreOrderID"],
                                                      "ReturnPKCS7Cert": False})
        self.assertIsNone(code_of(answer))
        files = {f["FileName"]: f["FileContent"] for f in answer["Certificates"]}
        paths = []
        for index, content in enumerate(files.values()):
            paths.append(os.path.join(self.folder, "file%d.pem" % index))
            write_file(paths[-1], content)
        arguments = ["-attime", str(int(at))] if at else []
        openssl("verify", "-purpose", "sslserver", "-x509_strict", *arguments, "-CAfile",
                os.path.join(self.sandbox.dir, "root.pem"), "-untrusted", paths[1], paths[0])
        self.assertEqual(openssl("x509", "-in", paths[0], "-noout", "-pubkey"), request.public)
        return openssl("x509", "-in", paths[0], "-noout", "-text", "-certopt", "no_pubkey,no_sigdump"), answer

    def names_in(self, text):
        return sorted(re.findall(r"DNS:([^,\s]+)", text))

    # -- transport and envelope (1, 3)

    def test_health_status_is_a_get_with_a_flat_answer(self):
        status, headers, body = self.sandbox.raw("health/status", None, "GET")
        self.assertEqual(status, 200)
        self.assertEqual(sorted(json.loads(body)), sorted(AUTH_MEMBERS))
        self.assertIs(json.loads(body)["isError"], False)

    def test_paths_ignore_case_and_a_trailing_slash(self):
        for path in ("product/query", "product/query/", "Product/Query"):
            self.assertIsNone(code_of(self.sandbox.call(path, {"ProductCode": "positivessl"})))

    def test_what_is_no_request_gets_an_error_page(self):
        for path, data, method, wanted in (("order/nothing", "{}", "POST", 404), ("order/status", "{", "POST", 400),
                                           ("order/status", "[]", "POST", 400), ("order/status", None, "GET", 405),
                                           ("order/status", "[" * 50 + "]" * 50, "POST", 400)):
            status, headers, body = self.sandbox.raw(path, data, method)
            self.assertEqual(status, wanted)
            self.assertIn(b"<html>", body)

    def test_the_replay_token_comes_back(self):
        self.assertEqual(self.sandbox.call("order/query", {"PageSize": 1})[0:1] and
                         self.sandbox.call("product/query")[0]["AuthResponse"]["ReplayToken"], "corr-0001")

    # -- who asks (2)

    def test_partner_mode_needs_code_and_token_only(self):
        auth = {"PartnerCode": PARTNER, "AuthToken": self.sandbox.token}
        self.assertIsNone(code_of(self.sandbox.call("product/query", auth=auth)))

    def test_a_bad_token_is_refused_everywhere_but_in_the_list(self):
        bad = {"PartnerCode": PARTNER, "AuthToken": "wrong"}
        for path in ("product/query", "csr", "order/approverlist", "order/agreement", "order/validate",
                     "order/validateorderparameters", "order/neworder", "order/inviteorder", "order/status",
                     "order/getmodifiedorderssummary", "order/download", "order/reissue", "order/resend",
                     "order/changeapproveremail", "order/refundrequest", "order/refundstatus",
                     "order/certificaterevokerequest"):
            answer = self.sandbox.call(path, {"TheSSLStoreOrderID": "1"}, auth=bad)
            self.assertEqual(code_of(answer), (-9008, "Token/Authentication Failure"), path)
            self.assertEqual(code_of(self.sandbox.call(path, {}, auth=False))[0], -9008, path)
        self.assertEqual(self.sandbox.call("order/query", auth=bad), [])  # 2.3

    def test_an_unknown_order_is_no_matter_of_authentication(self):
        for key in ({"TheSSLStoreOrderID": "1"}, {"CustomOrderID": "never-seen"}):
            code, text = code_of(self.sandbox.call("order/status", key))
            self.assertNotEqual(code, -9008)
            self.assertIn("not found", text)
        self.sandbox.ask("POST", "settings", {"unknownIsEmpty": True})
        answer = self.sandbox.call("order/status", {"CustomOrderID": "never-seen"})
        self.sandbox.ask("POST", "settings", {"unknownIsEmpty": False})
        self.assertIsNone(code_of(answer))
        self.assertIsNone(answer["TheSSLStoreOrderID"])
        self.assertEqual(sorted(answer), sorted(ORDER_MEMBERS))

    def test_health_validate_takes_flat_members(self):
        answer = self.sandbox.call("health/validate", self.sandbox.auth, auth=False)
        self.assertEqual(sorted(answer), sorted(AUTH_MEMBERS + ["Status"]))
        self.assertEqual(answer["ReplayToken"], "corr-0001")
        self.assertIsNone(code_of(answer))
        answer = self.sandbox.call("health/validate", {"PartnerCode": PARTNER, "AuthToken": "no"}, auth=False)
        self.assertEqual(code_of(answer)[0], -9008)

    def test_account_detail_says_error_although_it_worked(self):
        answer = self.sandbox.call("user/accountdetail", self.sandbox.auth, auth=False)
        self.assertTrue(answer["AuthResponse"]["isError"])
        self.assertEqual(answer["PartnerCode"], PARTNER)
        for member in ("CompanyName FullName Email AlternateEmail AccountType AccountBalance CurrentPlan AllowCredit "
                       "Address City Country Phone State Zip").split():
            self.assertIn(member, answer)

    # -- looking around (7)

    def test_product_query_is_an_array_with_the_envelope_in_its_first_element(self):
        products = self.sandbox.call("product/query", {"ProductCode": None, "ProductType": "0", "NeedSortedList": True,
                                                       "IsForceNewSKUs": True})
        self.assertGreater(len(products), 40)
        self.assertIsNotNone(products[0]["AuthResponse"])
        for product in products:
            self.assertEqual(sorted(product), sorted(PRODUCT_MEMBERS))
            self.assertIn(12, [p["NumberOfMonths"] for p in product["PricingInfo"]])
        self.assertTrue(all(p["AuthResponse"] is None for p in products[1:]))
        brands = {p["VendorName"] for p in products}
        self.assertEqual(brands, {"SECTIGO", "DIGICERT"})
        codes = {p["ProductCode"] for p in products}
        self.assertNotIn("comodossl", codes)
        self.assertIn("positivemdcssl", codes)
        self.assertIn("comodossl", {p["ProductCode"] for p in self.sandbox.call("product/query")})
        ev = self.sandbox.call("product/query", {"ProductType": 2})
        self.assertTrue(ev and all(p["isEVProduct"] for p in ev))
        self.assertIsNotNone(code_of(self.sandbox.call("product/query", {"ProductCode": "nothing"})))

    def test_csr_is_decoded_in_each_encoding(self):
        request = self.request("www.example.test", "-addext", "subjectAltName=DNS:www.example.test,DNS:a.example.test")
        oneline = request.pem.replace("\n", "")
        for text in (request.pem, request.pem.replace("\n", "\r\n"), oneline, urllib.parse.quote(request.pem),
                     request.pem.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")):
            answer = self.sandbox.call("csr", {"ProductCode": "positivessl", "CSR": text})
            self.assertIsNone(code_of(answer))
            self.assertEqual(answer["DomainName"], "www.example.test")
            self.assertEqual(answer["DNSNames"], ["www.example.test", "a.example.test"])
            self.assertEqual((answer["MD5Hash"], answer["sha256"]), (request.md5, request.sha256))
            self.assertFalse(answer["isWildcardCSR"] or answer["hasBadExtensions"])
            self.assertTrue(answer["isValidDomainName"])
        for member in "Country Email Locality Organization OrganizationUnit State SHA1Hash SignatureAlgorithm".split():
            self.assertIn(member, answer)
        bare = "".join(request.pem.split("-----")[2].split())
        self.assertIn("cannot be decoded", code_of(self.sandbox.call("csr", {"CSR": bare}))[1])
        broken = request.pem.replace(request.pem.split("\n")[2][:4], "AAAA")
        self.assertEqual(code_of(self.sandbox.call("csr", {"CSR": broken}))[0], -9009)

    def test_approver_list_holds_the_five_addresses_and_noise(self):
        answer = self.sandbox.call("order/approverlist", {"ProductCode": "positivessl", "DomainName": "a.b.example.co.uk"})
        self.assertEqual(answer["baseDomainName"], "example.co.uk")
        for domain in ("example.co.uk", "b.example.co.uk", "a.b.example.co.uk"):
            for box in "admin administrator hostmaster postmaster webmaster".split():
                self.assertIn(box + "@" + domain, answer["ApproverEmailList"])
        self.assertIn("none", answer["ApproverEmailList"])
        self.assertNotIn("admin@co.uk", answer["ApproverEmailList"])

    def test_agreement_has_text(self):
        self.assertTrue(self.sandbox.call("order/agreement", {"ProductCode": "positivessl"})["Agreement"])

    def test_validate_is_flat_and_buys_nothing(self):
        request, before = self.request("v.example.test"), self.sandbox.ledger()
        small = {"CSR": request.pem, "ProductCode": "positivessl", "ServerCount": "1", "ValidityPeriod": "12",
                 "WebServerType": "Other"}
        answer = self.sandbox.call("order/validate", small)
        self.assertIs(answer["isError"], False)
        self.assertEqual(answer["DomainName"], "v.example.test")
        self.assertIs(self.sandbox.call("order/validate", dict(small, ValidityPeriod=13))["isError"], True)
        full = self.body("positivessl", request, CNAMEAuthDVIndicator=True)
        self.assertIs(self.sandbox.call("order/validate", full)["isError"], False)
        self.assertIsNone(code_of(self.sandbox.call("order/validateorderparameters", full)))
        self.assertEqual(self.sandbox.ledger(), before)

    # -- buying (8, 9)

    def test_a_new_order_has_every_member(self):
        request, before = self.request("www.example.test"), self.sandbox.ledger()
        body = self.body("positivemdcssl", request, DNSNames=["example.test", "shop.example.test"], ReserveSANCount=2,
                         ApproverEmail="DNS,DNS,DNS", CNAMEAuthDVIndicator=True)
        answer = self.sandbox.call("order/neworder", body)
        self.assertIsNone(code_of(answer))
        self.assertEqual(sorted(answer), sorted(ORDER_MEMBERS))
        self.assertEqual(sorted(answer["AuthResponse"]), sorted(AUTH_MEMBERS))
        self.assertEqual(sorted(answer["OrderStatus"]), sorted(STATUS_MEMBERS))
        self.assertRegex(answer["TheSSLStoreOrderID"], r"^\d+$")
        self.assertEqual(answer["CustomOrderID"], body["CustomOrderID"])
        self.assertEqual(answer["DNSNames"], "example.test,shop.example.test")
        self.assertEqual((answer["SANCount"], answer["ServerCount"], answer["Validity"]), (2, 1, 12))
        self.assertEqual(answer["OrderAmount"], "25.00")
        self.assertEqual(answer["OrderStatus"]["MajorStatus"], "Pending")
        self.assertEqual(answer["VendorName"], "SECTIGO")
        self.assertEqual(answer["AdminContact"], CONTACT)
        self.assertEqual(answer["Token"], answer["TokenID"] + "#!" + answer["TokenCode"])
        for date in "PurchaseDate PurchaseDateInUTC OrderExpiryDateInUTC".split():
            self.assertRegex(answer[date], DATE)
        self.assertEqual(answer["CertificateEndDateInUTC"], NO_DATE)
        self.assertNotEqual(answer["PurchaseDate"], answer["PurchaseDateInUTC"])
        unique = body["CSRUniqueValue"].lower()  # 11.2
        data = "%s.%s.%s.sectigo.com" % (request.sha256[:32], request.sha256[32:], unique)
        vetting = answer["OrderStatus"]["DomainAuthVettingStatus"]
        self.assertEqual([v["domain"] for v in vetting], ["www.example.test", "example.test", "shop.example.test"])
        for item in vetting:
            self.assertEqual(sorted(item), sorted(VETTING_MEMBERS))
            self.assertEqual(item["DNSName"], "_%s.%s" % (request.md5, item["domain"]))
            self.assertEqual((item["DNSEntry"], item["dcvStatus"], item["FileName"]), (data, "Pending", None))
        self.assertEqual((answer["CNAMEAuthName"], answer["CNAMEAuthValue"]), (vetting[0]["DNSName"], data))
        self.assertEqual(self.sandbox.ledger(), before + 1)
        entry = self.sandbox.ask("GET", "ledger")["entries"][-1]
        self.assertEqual((entry["customOrderId"], entry["cents"]), (body["CustomOrderID"], 2500))
        self.assertEqual(entry["names"], ["www.example.test", "example.test", "shop.example.test"])
        self.assertEqual(entry["csrSha256"], request.sha256)

    def test_numbers_and_booleans_may_be_text_and_foreign_members_are_ignored(self):
        answer = self.order("sectigossl", self.request("text.example.test"), ValidityPeriod="12", ServerCount="1",
                            FileAuthDVIndicator="true", CNAMEAuthDVIndicator="false", ApproverMethod="x", Foreign=[1])
        self.assertTrue(answer["AuthFileName"])

    def test_members_left_null_or_out_are_empty(self):
        body = {k: v for k, v in self.body("sectigossl", self.request("null.example.test"),
                                           FileAuthDVIndicator=True).items() if v not in (None, "", [], False, 0)}
        body.update(DNSNames=None, CustomOrderID=None, TechnicalContact=None)
        answer = self.sandbox.call("order/neworder", body)
        self.assertIsNone(code_of(answer))
        self.assertEqual(answer["CustomOrderID"], "")

    def test_the_same_custom_id_buys_twice(self):
        body = self.body("sectigossl", self.request("twice.example.test"), FileAuthDVIndicator=True)
        before = self.sandbox.ledger()
        first = self.sandbox.call("order/neworder", body)
        second = self.sandbox.call("order/neworder", dict(body, CSRUniqueValue="another"))
        self.assertNotEqual(first["TheSSLStoreOrderID"], second["TheSSLStoreOrderID"])
        self.assertEqual(self.sandbox.ledger(), before + 2)
        found = self.sandbox.call("order/status", {"CustomOrderID": body["CustomOrderID"]})
        self.assertEqual(found["TheSSLStoreOrderID"], first["TheSSLStoreOrderID"])
        listed = [o for o in self.sandbox.call("order/query") if o["CustomOrderID"] == body["CustomOrderID"]]
        self.assertEqual(len(listed), 2)

    def test_a_csr_used_again_without_a_new_unique_value_collides(self):
        request = self.request("again.example.test")
        self.order("sectigossl", request, FileAuthDVIndicator=True, CSRUniqueValue="one")
        self.refused(self.body("sectigossl", request, FileAuthDVIndicator=True, CSRUniqueValue="one"), "used before")
        self.order("sectigossl", request, FileAuthDVIndicator=True, CSRUniqueValue="two")

    def test_what_is_wrong_is_refused_and_not_bought(self):
        plain, wild = self.request("w.example.test"), self.request("*.w.example.test")
        small = self.request("w.example.test", kind=("RSA", "-pkeyopt", "rsa_keygen_bits:1024"))
        other = self.request("w.example.test", kind=("ED25519",))
        file, cname = {"FileAuthDVIndicator": True}, {"CNAMEAuthDVIndicator": True}
        ov = {**ORGANIZATION, "OrganizationName": ""}
        country = json.loads(json.dumps(ORGANIZATION))
        country["OrganizationAddress"]["Country"] = "Switzerland"
        for product, request, more, pattern in (
                ("nothing", plain, file, "ProductCode"),
                ("sectigossl", plain, {**file, "ValidityPeriod": 13}, "price list"),
                ("sectigossl", plain, {**file, "ServerCount": 0}, "ServerCount"),
                ("sectigossl", plain, {**file, "WebServerType": ""}, "WebServerType"),
                ("sectigossl", plain, {**file, "CSR": ""}, "CSR is required"),
                ("sectigossl", small, file, "fewer than 2048"),
                ("sectigossl", other, file, "not allowed"),
                ("sectigossl", wild, cname, "wildcard"),
                ("sectigowildcard", plain, cname, "wildcard"),
                ("sectigowildcard", wild, file, "cannot be validated by a file"),
                ("sectigossl", plain, {**file, "DNSNames": ["other.example.test"]}, "additional names"),
                ("sectigossl", plain, {**file, **cname}, "Only one"),
                ("sectigossl", plain, {}, "ApproverEmail is required"),
                ("sectigossl", plain, {"ApproverEmail": "someone@w.example.test"}, "not an approver"),
                ("sectigossl", plain, {"ApproverEmail": "admin@elsewhere.test"}, "not an approver"),
                ("sectigossl", plain, {**file, "CSRUniqueValue": "x" * 21}, "CSRUniqueValue"),
                ("sectigossl", plain, {**file, "SignatureHashAlgorithm": "PREFER_SHA1"}, "SignatureHash"),
                ("sectigossl", plain, {**file, "AdminContact": {}}, "AdminContact.Email"),
                ("sectigoovssl", plain, {**file, "OrganizationInfo": ov}, "OrganizationName"),
                ("sectigoovssl", plain, {**file, "OrganizationInfo": country}, "countryname"),
                ("sectigoevssl", plain, {**file, "OrganizationInfo": {**ORGANIZATION, "JurisdictionCountry": ""}},
                 "JurisdictionCountry"),
                ("positivemdcssl", plain, {**cname, "DNSNames": ["a.w.example.test"]}, "ReserveSANCount"),
                ("positivemdcssl", plain, {**cname, "DNSNames": ["a.w.example.test"] * 2, "ReserveSANCount": 2}, "twice"),
                ("positivemdcssl", plain, {**cname, "DNSNames": ["a_b.example.test"], "ReserveSANCount": 2}, "not a valid"),
                ("positivemdcssl", plain, {**cname, "DNSNames": ["co.uk"], "ReserveSANCount": 2}, "public suffix"),
                ("positivemdcssl", plain, {**cname, "DNSNames": ["a.example.test"], "ReserveSANCount": 2,
                                           "ApproverEmail": "DNS,DNS,DNS"}, "elements"),
                ("positivemdcssl", plain, {**cname, "DNSNames": ["a.example.test"], "ReserveSANCount": 2,
                                           "ApproverEmail": "HTTP,DNS"}, "do not agree"),
                ("digi_rapidssl", plain, {**cname, "SignatureHashAlgorithm": ""}, "csr_invalid"),
                ("digi_rapidssl", plain, {"ApproverEmail": "admin@w.example.test,admin@example.test"}, "exactly one"),
                ("digi_rapidssl", plain, {**cname, "TechnicalContact": {}}, "TechnicalContact.Email"),
                ("digi_quickssl_md", plain, {**cname, "DNSNames": ["a.example.test"], "ReserveSANCount": 1,
                                             "ApproverEmail": "DNS,HTTP"}, "one validation method"),
                ("digi_ssl_dv_geotrust_flex", plain, {**cname, "DNSNames": ["*.a.example.test"], "ReserveSANCount": 1},
                 "WildcardReserveSANCount"),
                ("digi_securesite_ev_flex", plain, {**cname, "AdminContact": {**CONTACT, "Title": ""}}, "Title")):
            with self.subTest(product=product, pattern=pattern):
                self.refused(self.body(product, request, **more), pattern)

    def test_a_refusal_carries_the_members_as_null(self):
        answer = self.sandbox.call("order/neworder", {"ProductCode": "nothing"})
        self.assertEqual(sorted(answer), sorted(ORDER_MEMBERS))
        self.assertIsNone(answer["TheSSLStoreOrderID"])

    # -- proof and issue (10, 11, 12)

    def test_an_order_is_proven_by_a_file_and_issued(self):
        name = "file.example.test"
        request = self.request(name)
        body = self.body("sectigossl", request, FileAuthDVIndicator=True, CSRUniqueValue="Uniq1")
        order = self.sandbox.call("order/neworder", body)
        self.assertEqual(order["AuthFileName"], request.md5.upper() + ".txt")
        self.assertEqual(order["AuthFileContent"].split("\n"), [request.sha256, "sectigo.com", "Uniq1"])
        item = order["OrderStatus"]["DomainAuthVettingStatus"][0]
        self.assertEqual((item["FileName"], item["FileContents"]), (order["AuthFileName"], order["AuthFileContent"]))
        self.assertIsNotNone(code_of(self.sandbox.call("order/download", {"CustomOrderID": body["CustomOrderID"]})))
        self.files.files[(name, "/.well-known/pki-validation/" + order["AuthFileName"])] = "something else"
        time.sleep(0.5)
        self.assertEqual(self.status(order)["OrderStatus"]["MajorStatus"], "Pending")
        self.serve_file(name, order)
        done = self.until(order)
        self.assertEqual(done["OrderStatus"]["DomainAuthVettingStatus"][0]["dcvStatus"], "Validated")
        text, answer = self.verify(order, request)
        self.assertEqual(self.names_in(text), [name])
        self.assertIn("TLS Web Server Authentication", text)
        self.assertNotIn("TLS Web Client", text)
        self.assertIn("CN = " + name, text)
        self.assertEqual(answer["CertificateStatus"], "Active")
        self.assertEqual([f["FileName"] for f in answer["Certificates"]][0], "file_example_test.crt")
        for member in "PartnerOrderID TheSSLStoreOrderID VendorOrderID ValidationStatus CertificateStartDate " \
                      "CertificateEndDate CertificateStartDateInUTC CertificateEndDateInUTC".split():
            self.assertIn(member, answer)
        serial = re.sub("[^0-9A-F]", "", re.search(r"Serial Number:\s*([0-9a-f:]+)", text)[1].upper())
        self.assertEqual(done["SerialNumber"], serial)
        self.assertRegex(done["CertificateEndDateInUTC"], DATE)

    def test_a_file_may_be_reached_over_a_redirect_but_not_by_303(self):
        name = "redirect.example.test"
        order = self.order("sectigossl", self.request(name), FileAuthDVIndicator=True)
        path = "/.well-known/pki-validation/" + order["AuthFileName"]
        self.files.files[("target.example.test", "/f")] = order["AuthFileContent"]
        self.files.files[(name, path)] = (303, "http://target.example.test/f")
        time.sleep(0.4)
        self.assertEqual(self.status(order)["OrderStatus"]["MajorStatus"], "Pending")
        self.files.files[(name, path)] = (302, "http://target.example.test/f")
        self.until(order)

    def test_sectigo_wants_a_cname_and_digicert_a_txt(self):
        name = "a.dns.example.test"
        request = self.request(name)
        order = self.order("sectigossl", request, CNAMEAuthDVIndicator=True)
        self.names.records[(order["CNAMEAuthName"], 16)] = order["CNAMEAuthValue"]
        time.sleep(0.4)
        self.assertEqual(self.status(order)["OrderStatus"]["MajorStatus"], "Pending")
        self.names.records[(order["CNAMEAuthName"], 5)] = order["CNAMEAuthValue"]
        self.until(order)
        self.verify(order, request)
        name = "b.txt.example.test"
        order = self.order("digi_rapidssl", self.request(name), CNAMEAuthDVIndicator=True, SignatureHashAlgorithm="sha256")
        item = order["OrderStatus"]["DomainAuthVettingStatus"][0]
        self.assertEqual(item["DNSName"], "_dnsauth." + name)
        self.assertNotIn(".", item["DNSEntry"])
        self.assertGreaterEqual(len(item["DNSEntry"]), 32)
        self.names.records[("_dnsauth." + name, 16)] = item["DNSEntry"]
        self.until(order)
        files = self.sandbox.call("order/download", {"TheSSLStoreOrderID": order["TheSSLStoreOrderID"]})["Certificates"]
        self.assertEqual([f["FileName"] for f in files], ["ServerCertificate.cer", "CACertificate-1.cer"])

    def test_digicert_cname_and_file(self):
        name = "c.dns.example.test"
        order = self.order("digi_rapidssl", self.request(name), CNAMEAuthDVIndicator=True, ApproverEmail="dns_cname_token")
        self.assertEqual(order["CNAMEAuthValue"], "dcv.digicert.com")
        self.assertRegex(order["CNAMEAuthName"], r"^_[a-z0-9]{32}\.c\.dns\.example\.test$")
        self.names.records[(order["CNAMEAuthName"], 5)] = "dcv.digicert.com"
        self.until(order)
        order = self.order("digi_rapidssl", self.request("d.example.test"), FileAuthDVIndicator=True)
        self.assertEqual(order["AuthFileName"], "fileauth.txt")
        self.serve_file("d.example.test", order)
        self.until(order)

    def test_a_wildcard_is_proven_at_its_base(self):
        request = self.request("*.wild.dns.example.test")
        order = self.order("sectigowildcard", request, CNAMEAuthDVIndicator=True)
        self.assertEqual(order["CNAMEAuthName"], "_%s.wild.dns.example.test" % request.md5)
        self.names.records[(order["CNAMEAuthName"], 5)] = order["CNAMEAuthValue"]
        self.until(order)
        text, answer = self.verify(order, request)
        self.assertEqual(self.names_in(text), ["*.wild.dns.example.test"])
        self.assertEqual(answer["Certificates"][0]["FileName"], "STAR_wild_dns_example_test.crt")

    def test_the_www_twin_is_included_where_the_product_has_it(self):
        request = self.request("twin.dns.example.test")
        order = self.order("positivessl", request, CNAMEAuthDVIndicator=True)
        self.names.records[(order["CNAMEAuthName"], 5)] = order["CNAMEAuthValue"]
        self.until(order)
        self.assertEqual(self.names_in(self.verify(order, request)[0]),
                         ["twin.dns.example.test", "www.twin.dns.example.test"])
        request, order = self.issued("twin2.example.test", "positivessl")
        self.assertEqual(self.names_in(self.verify(order, request)[0]), ["twin2.example.test"])  # a file proves one name

    def test_mail_is_approved_by_its_link(self):
        request = self.request("mail.example.test")
        order = self.order("sectigossl", request, ApproverEmail="admin@example.test")
        self.assertEqual(order["OrderStatus"]["DomainAuthVettingStatus"][0]["dcvMethod"], "admin@example.test")
        mails = [content_of(f) for f in glob.glob(os.path.join(self.sandbox.dir, "mail", "new", "*"))]
        mail = [m for m in mails if "order %s" % order["TheSSLStoreOrderID"] in m]
        self.assertEqual(len(mail), 1)
        self.assertIn("To: admin@example.test", mail[0])
        link = re.search(r"http\S+approve\?token=\S+", mail[0])[0]
        self.assertEqual(self.status(order)["OrderStatus"]["MajorStatus"], "Pending")
        with self.assertRaises(urllib.error.HTTPError):
            urllib.request.urlopen(link + "0")
        urllib.request.urlopen(link).read()
        self.assertEqual(self.status(order)["OrderStatus"]["MajorStatus"], "Active")
        self.verify(order, request)

    def test_mail_is_sent_again_and_to_another(self):
        order = self.order("sectigossl", self.request("resend.example.test"), ApproverEmail="admin@example.test")
        key = {"TheSSLStoreOrderID": order["TheSSLStoreOrderID"]}

        def mails():
            return [m for m in (content_of(f) for f in glob.glob(os.path.join(self.sandbox.dir, "mail", "new", "*")))
                    if "order %s" % order["TheSSLStoreOrderID"] in m]
        answer = self.sandbox.call("order/resend", {**key, "ResendEmailType": "ApproverEmail"})
        self.assertEqual(sorted(answer), sorted(AUTH_MEMBERS))
        self.assertEqual(len(mails()), 2)
        self.assertTrue(self.sandbox.call("order/resend", key)["isError"])
        change = {**key, "ResendEmail": "webmaster@example.test", "DomainNames": "resend.example.test"}
        self.assertIs(self.sandbox.call("order/changeapproveremail", change)["isError"], False)
        self.assertEqual(sum("To: webmaster@" in m for m in mails()), 1)
        self.assertTrue(self.sandbox.call("order/changeapproveremail", {**change, "ResendEmail": "x@example.test"})["isError"])
        self.assertEqual(self.status(order)["OrderStatus"]["DomainAuthVettingStatus"][0]["dcvMethod"],
                         "webmaster@example.test")

    def test_three_methods_in_one_sectigo_order(self):
        request = self.request("m1.dns.example.test")
        order = self.order("positivemdcssl", request, DNSNames=["m2.example.test", "m3.example.test"], ReserveSANCount=2,
                           CNAMEAuthDVIndicator=True, ApproverEmail="DNS,HTTP,hostmaster@example.test")
        dns, file, mail = order["OrderStatus"]["DomainAuthVettingStatus"]
        self.names.records[(dns["DNSName"], 5)] = dns["DNSEntry"]
        self.files.files[("m2.example.test", "/.well-known/pki-validation/" + file["FileName"])] = file["FileContents"]
        self.assertEqual(mail["dcvMethod"], "hostmaster@example.test")
        view = self.sandbox.ask("GET", "orders/" + order["TheSSLStoreOrderID"])
        urllib.request.urlopen(view["proofs"][2]["approve"]).read()
        self.until(order)
        self.assertEqual(self.names_in(self.verify(order, request)[0]),
                         ["m1.dns.example.test", "m2.example.test", "m3.example.test"])

    def test_digicert_takes_one_mail_for_all_names(self):
        order = self.order("digi_quickssl_md", self.request("e1.example.test"), DNSNames=["e2.example.test"],
                           ReserveSANCount=1, ApproverEmail="admin@example.test")
        view = self.sandbox.ask("GET", "orders/" + order["TheSSLStoreOrderID"])
        self.assertEqual(view["proofs"][0]["approve"], view["proofs"][1]["approve"])
        urllib.request.urlopen(view["proofs"][0]["approve"]).read()
        self.until(order)

    def test_organisations_are_vetted_after_a_delay(self):
        self.sandbox.ask("POST", "settings", {"vettingDelayMs": 3600 * 1000})
        name, request = "ov.example.test", self.request("ov.example.test")
        order = self.order("sectigoovssl", request, FileAuthDVIndicator=True)
        self.serve_file(name, order)
        for _ in range(100):
            status = self.status(order)["OrderStatus"]
            if status["DomainAuthVettingStatus"][0]["dcvStatus"] == "Validated":
                break
            time.sleep(0.05)
        self.assertEqual((status["MajorStatus"], status["AuthenticationStatuses"][0]["Status"]), ("Pending", "Pending"))
        self.sandbox.ask("POST", "clock", {"advance": 3601})
        answer = self.until(order)
        self.assertEqual(answer["Country"], "Switzerland")  # section 4 (12)
        self.assertIn("O = Example Org", self.verify(order, request, at=time.time() + 3700)[0])
        self.sandbox.ask("POST", "settings", {"vettingDelayMs": 0})

    def test_issuing_may_be_slow(self):
        self.sandbox.ask("POST", "settings", {"issueDelayMs": 3600 * 1000})
        order = self.order("sectigossl", self.request("slow.example.test"), FileAuthDVIndicator=True)
        self.serve_file("slow.example.test", order)
        time.sleep(0.5)
        self.assertEqual(self.status(order)["OrderStatus"]["MajorStatus"], "Pending")
        self.sandbox.ask("POST", "clock", {"advance": 3601})
        self.until(order)
        self.sandbox.ask("POST", "settings", {"issueDelayMs": 0})

    def test_pkcs7_on_request(self):
        request, order = self.issued("p7.example.test")
        answer = self.sandbox.call("order/download", {"TheSSLStoreOrderID": order["TheSSLStoreOrderID"],
                                                      "ReturnPKCS7Cert": "true"})
        text = openssl("pkcs7", "-print_certs", text=answer["Certificates"][0]["FileContent"])
        self.assertEqual(text.count("BEGIN CERTIFICATE"), 2)

    def test_rsa_keys_are_certified_too(self):
        request = self.request("rsa.example.test", kind=("RSA", "-pkeyopt", "rsa_keygen_bits:2048"))
        self.verify(self.issued("rsa.example.test", request=request)[1], request)

    # -- the rules of the day (17)

    def test_validity_follows_the_ladder_and_the_subscription(self):
        now = time.time()
        for year, month, day, wanted, product in ((2025, 6, 1, 397, "sectigossl"), (2026, 11, 22, 199, "sectigossl"),
                                                  (2026, 3, 1, 199, "digi_rapidssl"), (2026, 3, 1, 397, "sectigossl"),
                                                  (2027, 3, 15, 99, "sectigossl"), (2029, 3, 15, 46, "sectigossl")):
            at = int(time.mktime((year, month, day, 12, 0, 0, 0, 0, 0)) - time.timezone)
            self.sandbox.ask("POST", "clock", {"now": at})
            name = "v%d%d%s.example.test" % (year, month, product[:4])
            request, order = self.issued(name, product, ValidityPeriod=24)
            view = self.sandbox.ask("GET", "orders/" + order["TheSSLStoreOrderID"])
            self.assertEqual(round((view["notAfter"] + 1 - view["notBefore"]) / DAY), wanted)
            self.assertLess(abs(view["notBefore"] - at), 60)
            self.verify(order, request, at=at + 300)
        self.sandbox.ask("POST", "clock", {"now": int(now)})
        request, order = self.issued("cap.example.test")
        self.sandbox.ask("POST", "clock", {"advance": 300 * DAY})
        again = self.request("cap.example.test")
        answer = self.reissue(order, again, FileAuthDVIndicator=True)
        self.serve_file("cap.example.test", answer)
        done = self.until(answer)
        view = self.sandbox.ask("GET", "orders/" + done["TheSSLStoreOrderID"])
        self.assertEqual(view["notAfter"], view["expiresAt"])
        self.sandbox.ask("POST", "clock", {"advance": 70 * DAY})
        self.assertEqual(self.status(order)["OrderStatus"]["MajorStatus"], "Expired")

    def test_mail_ends_in_2028(self):
        self.sandbox.ask("POST", "clock", {"now": 1836691200 + 60 * DAY})
        self.refused(self.body("sectigossl", self.request("late.example.test"), ApproverEmail="admin@example.test"),
                     "2028-03-15")

    # -- lists (7.13, 7.15)

    def test_the_list_pages_and_filters(self):
        self.sandbox.ask("POST", "orders/seed", {"count": 25})
        everything = self.sandbox.call("order/query", {"StartDate": "", "DomainName": ""})
        self.assertGreaterEqual(len(everything), 25)
        self.assertEqual(sorted(everything[0]), sorted(ORDER_MEMBERS))
        self.assertIsNone(everything[1]["AuthResponse"])
        self.assertIsNone(everything[0]["OrderStatus"]["DomainAuthVettingStatus"])
        numbers, page = [], 1
        while True:
            part = self.sandbox.call("order/query", {"PageNumber": page, "PageSize": "10"})
            numbers += [o["TheSSLStoreOrderID"] for o in part]
            if len(part) < 10:
                break
            page += 1
        self.assertEqual(numbers, [o["TheSSLStoreOrderID"] for o in everything])
        one = self.sandbox.call("order/query", {"DomainName": "old-3.example.test"})
        self.assertTrue(one and all(o["CommonName"] == "old-3.example.test" for o in one))
        start = "/Date(%d)/" % ((time.time() - 3 * DAY) * 1000)
        status, headers, body = self.sandbox.raw("order/query", json.dumps(
            {"AuthRequest": self.sandbox.auth, "StartDate": start, "ProductCode": "positivessl"}).replace("/", "\\/"))
        recent = json.loads(body)
        self.assertTrue(recent and all(o["ProductCode"] == "positivessl" for o in recent))
        self.assertLess(len(recent), len(everything))
        self.assertEqual(self.sandbox.call("order/query", {"DomainName": "nobody.example.test"}), [])
        summary = self.sandbox.call("order/getmodifiedorderssummary", {"StartDate": start, "PageNumber": 1, "PageSize": 5})
        self.assertEqual(len(summary["Orders"]), 5)
        self.assertGreaterEqual(summary["TotalOrders"], 25)

    # -- invite and order tokens (2.1, 7.11)

    def test_an_invited_order_is_completed_with_its_token(self):
        before = self.sandbox.ledger()
        answer = self.sandbox.call("order/inviteorder", {"ProductCode": "sectigossl", "ValidityPeriod": 12,
                                                         "ServerCount": 1, "CustomOrderID": "invite-1"})
        self.assertEqual(sorted(answer), sorted(ORDER_MEMBERS))
        self.assertEqual(answer["OrderStatus"]["MajorStatus"], "Initial")
        self.assertTrue(answer["OrderStatus"]["isTinyOrder"])
        self.assertTrue(answer["TinyOrderLink"])
        self.assertEqual(self.sandbox.ledger(), before + 1)
        joined = {"PartnerCode": "", "AuthToken": "", "IsUsedForTokenSystem": True, "Token": answer["Token"]}
        halves = {"IsUsedForTokenSystem": "true", "TokenID": answer["TokenID"], "TokenCode": answer["TokenCode"]}
        key = {"TheSSLStoreOrderID": answer["TheSSLStoreOrderID"]}
        for auth in (joined, halves):
            self.assertIsNone(code_of(self.sandbox.call("order/status", key, auth=auth)))
            self.assertEqual(code_of(self.sandbox.call("order/status", {"TheSSLStoreOrderID": "4567890"}, auth=auth)
                                     if key["TheSSLStoreOrderID"] != "4567890" else
                                     self.sandbox.call("order/status", {"TheSSLStoreOrderID": "1"}, auth=auth))[0], -9008)
        self.assertEqual(code_of(self.sandbox.call("order/status", key, auth={**joined, "IsUsedForTokenSystem": False}))[0],
                         -9008)
        told = self.sandbox.call("health/validatetoken", joined, auth=False)
        self.assertEqual((told["ProductCode"], told["NumberOfMonths"]), ("sectigossl", 12))
        for member in "ProductName San OrderStatus ServerCount isRenewalOrder ProductType VendorName".split():
            self.assertIn(member, told)
        self.assertEqual(code_of(self.sandbox.call("health/validatetoken", {"Token": "x#!y"}, auth=False))[0], -9008)
        name = "invited.example.test"
        body = self.body("sectigossl", self.request(name), FileAuthDVIndicator=True, **key)
        wrong = self.sandbox.call("order/neworder", dict(body, ValidityPeriod=24), auth=joined)
        self.assertIsNotNone(code_of(wrong))
        done = self.sandbox.call("order/neworder", body, auth=joined)
        self.assertIsNone(code_of(done))
        self.assertEqual(done["TheSSLStoreOrderID"], key["TheSSLStoreOrderID"])
        self.assertEqual(done["CustomOrderID"], "invite-1")
        self.assertEqual(self.sandbox.ledger(), before + 1)
        self.assertIsNotNone(code_of(self.sandbox.call("order/neworder", body, auth=joined)))
        self.serve_file(name, done)
        self.until(done)

    # -- reissue, refund, revocation (13)

    def reissue(self, order, request, **more):
        WireTest.counter += 1
        body = {"TheSSLStoreOrderID": order["TheSSLStoreOrderID"], "CSR": request.pem, "WebServerType": "Other",
                "DNSNames": None, "EditSAN": [{"OldValue": "", "NewValue": ""}], "DeleteSAN": [], "AddSAN": None,
                "isWildCard": False, "ReissueEmail": "pki@example.test", "PreferEnrollmentLink": False,
                "SignatureHashAlgorithm": "PREFER_SHA2", "ApproverEmails": "", "CSRUniqueValue": "r%d" % WireTest.counter}
        body.update(more)
        answer = self.sandbox.call("order/reissue", body)
        self.assertIsNone(code_of(answer), answer["AuthResponse"])
        return answer

    def test_a_reissue_is_free_and_delivers_the_old_until_the_new_is_there(self):
        name = "re.example.test"
        request, order = self.issued(name)
        before, again = self.sandbox.ledger(), self.request(name)
        answer = self.reissue(order, again, FileAuthDVIndicator=True)
        self.assertEqual(sorted(answer), sorted(ORDER_MEMBERS))
        self.assertEqual((answer["OrderStatus"]["MajorStatus"], answer["OrderStatus"]["MinorStatus"]),
                         ("Active", "PENDING_REISSUE"))
        self.assertEqual(answer["TheSSLStoreOrderID"], order["TheSSLStoreOrderID"])
        self.assertNotEqual(answer["PartnerOrderID"], order["PartnerOrderID"])
        self.assertNotEqual(answer["AuthFileName"], order["AuthFileName"])
        self.verify(order, request)
        self.assertIsNotNone(code_of(self.sandbox.call("order/reissue", {
            "TheSSLStoreOrderID": order["TheSSLStoreOrderID"], "CSR": again.pem, "ReissueEmail": "pki@example.test"})))
        self.serve_file(name, answer)
        done = self.until(answer)
        self.verify(order, again)
        self.assertNotEqual(done["SerialNumber"], order["SerialNumber"])
        self.assertEqual(self.sandbox.ledger(), before)

    def test_a_reissue_changes_names_within_what_was_bought(self):
        request = self.request("n1.dns.example.test")
        order = self.order("positivemdcssl", request, DNSNames=["n2.dns.example.test"], ReserveSANCount=2,
                           CNAMEAuthDVIndicator=True, ApproverEmail="DNS,DNS")
        for item in order["OrderStatus"]["DomainAuthVettingStatus"]:
            self.names.records[(item["DNSName"], 5)] = item["DNSEntry"]
        self.until(order)
        again = self.request("n1.dns.example.test")
        answer = self.reissue(order, again, CNAMEAuthDVIndicator=True, ApproverEmails="DNS,DNS,DNS",
                              AddSAN=[{"OldValue": "", "NewValue": "n3.dns.example.test"}])
        self.assertEqual(answer["DNSNames"], "n2.dns.example.test,n3.dns.example.test")
        for item in answer["OrderStatus"]["DomainAuthVettingStatus"]:
            self.names.records[(item["DNSName"], 5)] = item["DNSEntry"]
        self.until(answer)
        self.assertEqual(len(self.names_in(self.verify(order, again)[0])), 3)
        key = {"TheSSLStoreOrderID": order["TheSSLStoreOrderID"], "WebServerType": "Other",
               "CSR": self.request("n1.dns.example.test").pem, "CNAMEAuthDVIndicator": True}
        for body, pattern in (({"ReissueEmail": "x@example.test"}, "ReissueEmail"),
                              ({"ReissueEmail": "pki@example.test", "CSR": self.request("other.example.test").pem},
                               "common name"),
                              ({"ReissueEmail": "pki@example.test", "DNSNames": ["a.x.test", "b.x.test", "c.x.test"]},
                               "ReserveSANCount")):
            self.refused({**key, **body}, pattern, "order/reissue")

    def test_a_refund_cancels_within_thirty_days(self):
        request, order = self.issued("refund.example.test")
        key = {"TheSSLStoreOrderID": order["TheSSLStoreOrderID"]}
        answer = self.sandbox.call("order/refundrequest", {**key, "RefundReason": "not needed"})
        self.assertIsNone(code_of(answer))
        self.assertTrue(answer["RefundRequestID"] and answer["isRefundApproved"])
        again = self.sandbox.call("order/refundstatus", {**key, "RefundRequestID": answer["RefundRequestID"]})
        self.assertEqual(again["OrderStatus"]["MajorStatus"], "Cancelled")
        self.assertIsNotNone(code_of(self.sandbox.call("order/refundrequest", key)))
        self.verify(order, request)  # cancelled orders that were issued still deliver (12.4)
        request, order = self.issued("refund2.example.test")
        self.sandbox.ask("POST", "clock", {"advance": 40 * DAY})
        answer = self.sandbox.call("order/refundrequest", {"TheSSLStoreOrderID": order["TheSSLStoreOrderID"]})
        self.assertFalse(answer["isRefundApproved"])
        self.assertEqual(answer["OrderStatus"]["MajorStatus"], "Active")

    def test_a_certificate_is_revoked_by_its_serial_number(self):
        request, order = self.issued("revoke.example.test")
        key = {"TheSSLStoreOrderID": order["TheSSLStoreOrderID"]}
        self.assertTrue(self.sandbox.call("order/certificaterevokerequest", {**key, "SerialNumber": "00"})["isError"])
        answer = self.sandbox.call("order/certificaterevokerequest", {**key, "SerialNumber": order["SerialNumber"].lower()})
        self.assertEqual(sorted(answer), sorted(AUTH_MEMBERS))
        self.assertIs(answer["isError"], False)
        self.assertEqual(self.status(order)["OrderStatus"]["MajorStatus"], "Cancelled")

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


class RestartTest(WireTest):
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


def load_tests(loader, tests, pattern):
    suite = unittest.TestSuite()
    for case in (WireTest, ProgramTest):
        suite.addTests(loader.loadTestsFromTestCase(case))
    suite.addTest(RestartTest("test_a_restart_keeps_all"))
    return suite


if __name__ == "__main__":
    if shutil.which("openssl") is None:
        print("missing: the Debian package openssl")
        sys.exit(1 if os.environ.get("CI") == "true" else 77)
    unittest.main(verbosity=1)
