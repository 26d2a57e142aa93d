"""What the tests of certwright-sandbox share: the program itself, the servers that its validation asks, requests by the
openssl command, and a case with helpers. Nothing of our client is used."""
import base64, glob, hashlib, http.client, http.server, json, os, re, shutil, signal, socket, socketserver, ssl
import struct, subprocess, sys, tempfile, threading, time, unittest, urllib.parse, urllib.request

BIN = os.environ.get("CERTWRIGHT_BIN", ".")
PROGRAM = os.path.join(BIN, "certwright-sandbox")
PARTNER = "10012345"
DAY = 86400

AUTH_MEMBERS = "isError Message Timestamp ReplayToken InvokingPartnerCode".split()

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

    def __init__(self, files, context=None):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.files, self.port = files, self.server_address[1]
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)
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


class MailServer(socketserver.ThreadingTCPServer):
    """Takes every mail (RFC 5321, as much as is needed) into `mails`: (recipient, text)."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            self.wfile.write(b"220 here\r\n")
            recipient, text = "", None
            for line in self.rfile:
                if text is not None:
                    if line.strip() == b".":
                        self.server.mails.append((recipient, text.decode()))
                        text = None
                        self.wfile.write(b"250 taken\r\n")
                    else:
                        text += line
                    continue
                if line[:7].upper() == b"RCPT TO":
                    recipient = line.decode().split("<")[1].split(">")[0]
                text = b"" if line[:4].upper() == b"DATA" else None
                self.wfile.write(b"354 go on\r\n" if text is not None else b"250 well\r\n")
                if line[:4].upper() == b"QUIT":
                    return

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.mails, self.port = [], self.server_address[1]
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


class WireCase(unittest.TestCase):
    counter = 0

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="certwright-wire-")
        certificate = os.path.join(cls.folder, "web.pem")
        write_file(certificate, openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                                        "-subj", "/CN=placeholder", "-keyout", "-"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        cls.files, cls.names, cls.mail = FileServer({}), NameServer(), MailServer()
        cls.secure_files = FileServer({}, context)
        overrides = os.path.join(cls.folder, "certwright.yaml")
        with open(overrides, "w") as out:  # the operator's file: two of its keys are read
            out.write("apiVersion: certwright/v1alpha1\nkind: ControllerConfig\nmanifests: {directory: /nowhere}\n"
                      "nameservers:\n  dns.example.test: 127.0.0.1:%d\nresolve:\n  \"*:80\": 127.0.0.1:%d # all\n"
                      "  '*:443': 127.0.0.1:%d\n" % (cls.names.port, cls.files.port, cls.secure_files.port))
        cls.sandbox = Sandbox(cls.folder, "--overrides", overrides, "--nameserver",
                              "txt.example.test=127.0.0.1:%d" % cls.names.port,
                              "--smtp", "smtp://127.0.0.1:%d/sandbox.example" % cls.mail.port)

    @classmethod
    def tearDownClass(cls):
        code = cls.sandbox.stop()
        for server in (cls.files, cls.secure_files, cls.names, cls.mail):
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
        WireCase.counter += 1
        body = {"CustomOrderID": "cw1-%08d" % WireCase.counter, "ProductCode": product, "ValidityPeriod": 12,
                "ServerCount": 1, "CSR": request.pem, "DomainName": None, "WebServerType": "Other", "DNSNames": [],
                "ReserveSANCount": 0, "isCUOrder": False, "isRenewalOrder": False, "isTrialOrder": False,
                "RelatedTheSSLStoreOrderID": "", "AdminContact": CONTACT, "TechnicalContact": CONTACT,
                "OrganizationInfo": ORGANIZATION, "ApproverEmail": "", "FileAuthDVIndicator": False,
                "HTTPSFileAuthDVIndicator": False, "CNAMEAuthDVIndicator": False,
                "SignatureHashAlgorithm": "PREFER_SHA2", "CertTransparencyIndicator": True, "RenewalDays": 0,
                "AddInstallationSupport": False, "EmailLanguageCode": "EN", "DateTimeCulture": "en-US",
                "CSRUniqueValue": "k7Qm2Zt9Xb4Rw1Ls%04d" % WireCase.counter}
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

    def reissue(self, order, request, **more):
        WireCase.counter += 1
        body = {"TheSSLStoreOrderID": order["TheSSLStoreOrderID"], "CSR": request.pem, "WebServerType": "Other",
                "DNSNames": None, "EditSAN": [{"OldValue": "", "NewValue": ""}], "DeleteSAN": [], "AddSAN": None,
                "isWildCard": False, "ReissueEmail": "pki@example.test", "PreferEnrollmentLink": False,
                "SignatureHashAlgorithm": "PREFER_SHA2", "ApproverEmails": "", "CSRUniqueValue": "r%d" % WireCase.counter}
        body.update(more)
        answer = self.sandbox.call("order/reissue", body)
        self.assertIsNone(code_of(answer), answer["AuthResponse"])
        return answer


def main():
    if shutil.which("openssl") is None:
        print("missing: the Debian package openssl")
        sys.exit(1 if os.environ.get("CI") == "true" else 77)
    unittest.main(module="__main__", verbosity=1)
