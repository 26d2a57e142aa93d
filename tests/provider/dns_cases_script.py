"""Cases of the conformance suite for accounts of type exec and webhook: the contract of docs/dns/exec.md, and what may go
wrong with its two carriers."""
import json
import os
import ssl
import time
import urllib.error
import urllib.request

from dns_service import ZONE

NAME = f"_acme-challenge.{ZONE}"
VALUE, TARGET = "ours-ours-ours", "0a1b2c.3d4e5f.sectigo.com"

# ---- both ----

def an_answer_with_a_slip_is_told(s):
    """Whoever writes the script reads in the error what is wrong with its answer."""
    slips = [(s.zone_route, '{"ok":true}', "found"), (s.zone_route, '{"ok":true,"found":"yes"}', "found"),
             (s.zone_route, '{"ok":true,"found":true,"nameserver":["ns1.test"]}', '"nameserver"'),
             (s.zone_route, '{"ok":true,"found":true,"nameservers":"ns1.test"}', "nameservers"),
             (s.zone_route, '{"ok":true,"found":true,"nameservers":["a b"]}', "nameservers"),
             (s.zone_route, '{"ok":1,"found":true}', '"ok"'), (s.zone_route, '{"ok":true,"found":true} x', "JSON"),
             (s.zone_route, '{"ok":true,"ok":true,"found":true}', "JSON"), (s.zone_route, '[{"ok":true}]', "object"),
             (s.read, '{"ok":true}', "records"), (s.read, '{"ok":true,"records":{}}', "records"),
             (s.read, '{"ok":true,"records":["x"]}', "type"), (s.read, '{"ok":true,"records":[{"type":"TXT"}]}', "value"),
             (s.read, '{"ok":true,"records":[{"type":"txt","value":"x"}]}', "type"),
             (s.read, '{"ok":true,"records":[{"type":"TXT","value":["x"]}]}', "value"),
             (s.read, '{"ok":true,"records":[{"type":"TXT","value":"x","name":"_x"}]}', '"name"'),
             (s.write, '{"ok":true,"id":7}', '"id"'), (s.write, '{"ok":false}', '"error"'),
             (s.write, '{"ok":false,"error":"Throttled"}', "throttled"), (s.write, '{"ok":false,"error":"refused","message":7}', "message"),
             (s.write, '{"ok":false,"error":"throttled","retryAfter":"soon"}', "retryAfter")]
    for route, body, says in slips:
        s.reset()
        s.standin.fault(route, status=200, body=body)
        with s.driver() as d:
            d.bad("Malformed", "present", "account", "-", NAME, "TXT", VALUE, says=says)


def every_word_for_a_failure_has_its_kind(s):
    words = {"credential": "Credential", "forbidden": "Credential", "notFound": "NotFound", "conflict": "Conflict",
             "refused": "Refused", "throttled": "Throttled", "unreachable": "Unreachable"}
    with s.driver() as d:
        d.zone(NAME)
        for word, kind in words.items():
            body = '{"ok":false,"error":"%s","message":"the \\u001b[31mreason\\u202e","retryAfter":99}' % word
            s.standin.fault(s.write, status=200, body=body)
            told = d.bad(kind, "present", "account", ZONE, NAME, "TXT", VALUE, says="reason")
            assert "\u001b" not in told["message"] and "\u202e" not in told["message"] and 90 < told["wait"] <= 99, told


def a_removal_that_was_none_is_seen(s):
    with s.driver() as d:
        d.present(NAME, VALUE)
        s.standin.fault(s.remove, status=200, body='{"ok":true}')
        d.bad("Unreachable", "absent", "account", ZONE, NAME, "TXT", VALUE, says="still lists it")
        d.absent(NAME, VALUE)
    assert s.standin.values(ZONE, NAME, "TXT") == []


def zones_of_the_operator_are_the_only_ones(s):
    s.standin.add_zone("second.test")
    s.standin.add_zone(f"deep.{ZONE}")
    s.only = {"zones": ["second.test", f"deep.{ZONE}"]}
    with s.driver() as d:
        d.bad("NotFound", "zone", "account", NAME)
        assert d.zone("_x.second.test") == "second.test" and d.zone(f"_x.deep.{ZONE}") == f"deep.{ZONE}"
        d.bad("Config", "present", "account", ZONE, NAME, "TXT", VALUE, says=["zones", "operator's file"])
        d.bad("Config", "absent", "account", ZONE, NAME, "TXT", VALUE)
    assert s.standin.asked(s.write) == 0 and s.standin.asked(s.read) == 0


def a_namespace_that_is_not_listed_may_not_use_it(s):
    s.only = {"namespaces": ["team-a"]}
    with s.driver() as d:
        d.bad("Config", "zone", "account", NAME, says=["namespace default", "dns."])
    assert not s.standin.log


def a_name_that_the_operator_never_heard_of_runs_nothing(s):
    s.more = {"program" if s.name == "exec" else "endpoint": "unheard-of"}
    with s.driver() as d:
        d.bad("Config", "present", "account", "-", NAME, "TXT", VALUE, says=["unheard-of", "dns."])
    assert not s.standin.log


def a_conflict_is_seen_before_the_write(s):
    s.put_a(NAME)
    with s.driver() as d:
        d.bad("Conflict", "present", "account", "-", NAME, "CNAME", TARGET)
        d.present(NAME, VALUE)  # a TXT stands beside an A
    assert s.standin.asked(s.write) == 1


# ---- exec ----


def shell(s, text, timeout="30s"):
    s.program = {"run": ["/bin/sh", "-c", text], "timeout": timeout}


def what_a_program_dies_of_is_told(s):
    for text, says in (("echo first >&2; printf 'token \\033[31mgone\\n' >&2; exit 3", ["exit code 3", "gone"]),
                       ("kill -KILL $$", ["signal 9"]), ("exit 1", ["exit code 1"]),
                       ("echo '{\"ok\":true,\"found\":true}'; exit 1", ["exit code 1"])):
        shell(s, text)
        with s.driver() as d:
            told = d.bad("Unreachable", "zone", "account", NAME, says=["/bin/sh"] + says)
            assert "\033" not in told["message"] and "first" not in told["message"]


def a_failure_that_it_tells_of_counts_whatever_its_exit_code(s):
    shell(s, 'echo \'{"ok":false,"error":"credential","message":"expired yesterday"}\'; exit 1')
    with s.driver() as d:
        d.bad("Credential", "zone", "account", NAME, says="expired yesterday")


def what_it_says_to_people_is_no_part_of_the_answer(s):
    shell(s, 'echo "{" >&2; echo \'{"ok":true,"found":true}\'; echo "}" >&2')
    with s.driver() as d:
        assert d.zone(NAME) == ZONE


def a_program_that_hangs_is_ended_with_all_its_children(s):
    mark = s.path("children")
    shell(s, f"sleep 300 & echo $! $$ >{mark}; wait", timeout="1s")
    with s.driver() as d:
        d.bad("Unreachable", "zone", "account", NAME, says=["1 s", "timeout"])
    with open(mark) as file:
        for pid in file.read().split():
            wait_for(lambda: not alive(pid), f"the end of process {pid}")


def wait_for(condition, what):
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError(what)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def a_write_whose_program_was_killed_is_looked_for_first(s):
    """It wrote, and died before it could say so."""
    curl = " ".join(f"'{word}'" for word in s.helpers()["programs"]["curl"]["run"])
    shell(s, f'q=$(cat); a=$(printf %s "$q" | {curl}) || exit 1; case $q in *\'"present"\'*) kill -KILL $$;; esac; printf %s "$a"')
    with s.driver() as d:
        d.bad("Unreachable", "present", "account", "-", NAME, "TXT", VALUE, says="signal 9")
        assert s.standin.values(ZONE, NAME, "TXT") == [VALUE]
        d.present(NAME, VALUE)
        assert s.standin.asked(s.write) == 1
        d.absent(NAME, VALUE)
    assert s.standin.values(ZONE, NAME, "TXT") == []


def nothing_of_ours_is_in_its_environment_or_arguments(s):
    seen = s.path("seen")
    shell(s, f'env >{seen}; tr "\\0" " " </proc/$$/cmdline >>{seen}; echo \'{{"ok":true,"found":true}}\'')
    os.environ["CERTWRIGHT_CANARY"] = "canary-environment"
    try:
        with s.driver() as d:
            d.zone(NAME)
    finally:
        del os.environ["CERTWRIGHT_CANARY"]
    with open(seen) as file:
        told = file.read()
    assert "canary" not in told and "PATH=/usr/sbin:/usr/bin:/sbin:/bin" in told, told
    names = {line.split("=")[0] for line in told.split("\n") if "=" in line.split(" ")[0]}
    assert names <= {"PATH", "LANG", "PWD", "SHLVL", "_", "OLDPWD"}, names


def an_answer_without_end_is_cut(s):
    shell(s, "head -c 3000000 /dev/zero | tr '\\0' ' '; echo '{\"ok\":true,\"found\":true}'")
    with s.driver() as d:
        d.bad("Malformed", "zone", "account", NAME, says="longer than")


def a_program_that_is_not_there_is_told(s):
    s.program = {"run": ["/nonexistent/corp-dns"]}
    with s.driver() as d:
        d.bad("System", "zone", "account", NAME, says=["/nonexistent/corp-dns", "No such file"])


def a_program_without_credential_gets_none(s):
    s.settings = lambda: {"program": "curl"}
    seen = s.path("question")
    shell(s, f'cat >{seen}; echo \'{{"ok":true,"found":true}}\'')
    try:
        with s.driver() as d:
            d.zone(NAME)
    finally:
        del s.settings
    with open(seen) as file:
        assert set(json.load(file)) == {"version", "operation", "account", "zone"}


# ---- webhook ----

def a_signature_of_another_time_is_refused(s):
    s.standin.skew = 3600
    with s.driver() as d:
        d.bad("Credential", "zone", "account", NAME, says="time of the request")


def one_changed_byte_is_refused(s):
    """The stand-in is honest: it refuses what is not signed byte for byte."""
    with s.driver() as d:
        d.present(NAME, VALUE)
    good = next(r for r in s.standin.log if r.route == "POST /present")
    before = s.standin.snapshot()
    for change in ("body", "Certwright-Timestamp", "Certwright-Signature"):
        headers = {name: good.headers[name] for name in ("Certwright-Timestamp", "Certwright-Signature")}
        body = good.body
        if change == "body":
            body = body.replace(b"one", b"two", 1) if b"one" in body else body.replace(VALUE.encode(), b"x" + VALUE.encode()[1:])
        else:
            headers[change] = headers[change][:-1] + ("0" if headers[change][-1] != "0" else "1")
        assert post(s, body, headers) == 401, change
    assert s.standin.snapshot() == before


def post(s, body, headers):
    context = ssl.create_default_context(cafile=s.standin.ca)
    try:
        with urllib.request.urlopen(urllib.request.Request(s.standin.url + "/hook", body, headers), context=context) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def the_key_never_travels(s):
    with s.driver() as d:
        d.present(NAME, VALUE)
    for request in s.standin.log:
        assert s.key not in str(request.headers) and s.key.encode() not in request.body
        assert request.path == "/hook", "the address is used to the letter"


def a_status_without_an_answer_is_understood(s):
    for status, kind in ((401, "Credential"), (403, "Credential"), (404, "Config"), (405, "Config"), (429, "Throttled"),
                         (400, "Refused"), (500, "Unreachable")):
        s.standin.fault(s.zone_route, status=status, body="<html>no</html>")
        with s.driver() as d:
            d.bad(kind, "zone", "account", NAME, says=str(status))


def retry_after_in_the_header_counts_too(s):
    s.standin.fault(s.zone_route, status=429, headers={"Retry-After": "77"})
    s.standin.fault(s.zone_route, status=503, headers={"Retry-After": "66"}, body='{"ok":false,"error":"throttled"}')
    with s.driver() as d:
        assert 70 < d.bad("Throttled", "zone", "account", NAME)["wait"] <= 77
        assert 60 < d.bad("Throttled", "zone", "account", NAME)["wait"] <= 66


def a_server_that_cannot_prove_itself_is_not_spoken_to(s):
    s.endpoint = {"ca": "/etc/ssl/certs/ca-certificates.crt"}
    with s.driver() as d:
        d.bad("Unreachable", "zone", "account", NAME)
    assert not s.standin.log


def an_answer_that_does_not_come_is_given_up_in_time(s):
    s.endpoint = {"timeout": "1s"}
    with s.driver() as d:
        s.standin.fault(s.zone_route, delay=3)
        d.bad("Unreachable", "zone", "account", NAME)
        assert d.zone(NAME) == ZONE


BOTH = [every_word_for_a_failure_has_its_kind, a_removal_that_was_none_is_seen,
        zones_of_the_operator_are_the_only_ones, a_namespace_that_is_not_listed_may_not_use_it,
        a_name_that_the_operator_never_heard_of_runs_nothing, a_conflict_is_seen_before_the_write]
EXEC = BOTH + [what_a_program_dies_of_is_told, a_failure_that_it_tells_of_counts_whatever_its_exit_code,
               what_it_says_to_people_is_no_part_of_the_answer, a_program_that_hangs_is_ended_with_all_its_children,
               a_write_whose_program_was_killed_is_looked_for_first,
               nothing_of_ours_is_in_its_environment_or_arguments, an_answer_without_end_is_cut,
               a_program_that_is_not_there_is_told, a_program_without_credential_gets_none]
WEBHOOK = BOTH + [an_answer_with_a_slip_is_told, a_signature_of_another_time_is_refused, one_changed_byte_is_refused, the_key_never_travels,
                  a_status_without_an_answer_is_understood, retry_after_in_the_header_counts_too,
                  a_server_that_cannot_prove_itself_is_not_spoken_to,
                  an_answer_that_does_not_come_is_given_up_in_time]
