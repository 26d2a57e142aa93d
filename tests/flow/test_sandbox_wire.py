#!/usr/bin/env python3
"""The sandbox against the description of the vendor's API. Every request is written here by hand from that page
(section numbers in names and comments are its own); nothing of our client is used."""
import glob, json, os, re, time, urllib.error, urllib.parse, urllib.request

from sandbox_peer import *

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
DATE = re.compile(r"^\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d\d:\d\d (AM|PM)$")
NO_DATE = "1/1/1900 12:00:00 AM"


class WireTest(WireCase):
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

    def test_a_file_may_be_asked_for_over_https(self):
        request = self.request("tls.example.test")
        order = self.order("sectigossl", request, HTTPSFileAuthDVIndicator=True)
        self.serve_file("tls.example.test", order)  # over HTTP: means nothing here
        time.sleep(0.4)
        self.assertEqual(self.status(order)["OrderStatus"]["MajorStatus"], "Pending")
        self.secure_files.files.update(self.files.files)
        self.until(order)
        self.verify(order, request)

    def test_what_failed_is_told(self):
        order = self.order("sectigossl", self.request("absent.example.test"), FileAuthDVIndicator=True)
        told = ""
        for _ in range(100):
            told = self.status(order)["OrderStatus"]["DomainAuthVettingStatus"][0]["PollStatus"]
            if told:
                break
            time.sleep(0.05)
        self.assertIn("answers 404", told)

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
        order = self.order("positivessl", self.request("twin3.dns.example.test"), CNAMEAuthDVIndicator=True,
                           DNSNames=["www.twin3.dns.example.test"])
        self.names.records[(order["CNAMEAuthName"], 5)] = order["CNAMEAuthValue"]
        self.until(order)  # named or not, the base name stands for it
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
        for _ in range(100):
            sent = [m for m in self.mail.mails if "order %s" % order["TheSSLStoreOrderID"] in m[1]]
            if sent:
                break
            time.sleep(0.05)
        self.assertEqual((len(sent), sent[0][0]), (1, "admin@example.test"))
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


if __name__ == "__main__":
    main()
