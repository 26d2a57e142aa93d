"""Many orders at once whose names are proven through one DNS account with a small limit, on a turned clock: what the stand-in
counts, what an order costs, and in which order the certificates are served."""
import json
import os
import re
import signal
import threading
import time

from dns_site import ServiceSite
from harness import wait_for
from web import certificate, target

RATE = 5
# What is asked once and then remembered: tokens, the zone, its name servers. Names below it are asked for each order.
REMEMBERED = [r"/oauth2/", r"/hostedzonesbyname$", r"GET /2013-04-01/hostedzone/[^/]*$", r"/dnsZones/example.test$",
              r"/domains/example.test/records/NS$"]
POLLS = r"/2013-04-01/change/|is-updated"


def most_in_a_second(times):
    """The largest number of requests in any stretch of one second."""
    times, first, most = sorted(times), 0, 0
    for last, at in enumerate(times):
        while at - times[first] >= 1:
            first += 1
        most = max(most, last - first + 1)
    return most


def is_remembered(request):
    body = (request.body or b"").decode("latin-1")
    return any(re.search(pattern, request.route) for pattern in REMEMBERED) \
        or "name=example.test&" in request.query_text + "&" and request.route.endswith("/zones") \
        or "get-zone-info" in request.route and "domain-name=example.test&" in body + "&" \
        or "records.json" in request.route and "type=NS" in body


def polls_of(requests, orders):
    """Of a change's polls one counts; the rest are patience."""
    polls = [r for r in requests if re.search(POLLS, r.route)]
    return max(0, len(polls) - orders)


class Turner(threading.Thread):
    """Turns the clock by a second whenever all that the present one allows was done, so that a busy machine changes nothing: the
    controller's threads sleep and nothing new was asked. Until it is told to stop."""

    def __init__(self, world, child, standin, every):
        super().__init__(daemon=True)
        self.world, self.child, self.standin, self.every, self.over = world, child, standin, every, threading.Event()

    def rests(self):
        folder = f"/proc/{self.child.pid}/task"
        try:
            for task in os.listdir(folder):
                with open(f"{folder}/{task}/stat") as stat:
                    if stat.read().rsplit(")", 1)[1].split()[0] != "S":
                        return False
        except OSError:  # it ended, or a thread of it
            return False
        return True

    def run(self):
        asked, since = -1, 0
        while not self.over.wait(self.every / 2):
            quiet = self.rests() and len(self.standin.log) == asked
            asked = len(self.standin.log)
            since = since + 1 if quiet else 0
            if since >= 2:
                self.world.turn_clock(1)
                since = 0


def displacement(world, standin, orders, said):
    """By how many places a certificate was served earlier or later than the controller took note of its order, at most: from
    then on it stands in the account's line."""
    noted = re.findall(r"certificate/(c\d+) .*: placed as order", said)
    owners = {c["recordName"].split(".")[0].lower(): c["name"] for c in world.records("challenges")}
    served = []
    for request in standin.log:
        if request.method == "GET":
            continue
        text = (request.target + (request.body or b"").decode("latin-1")).lower()
        for label in re.findall(r"_[0-9a-f]{32}", text):
            if label in owners and owners[label] not in served:
                served.append(owners[label])
    assert len(served) == len(noted) == orders, (len(served), len(noted), orders)
    return max(abs(noted.index(name) - place) for place, name in enumerate(served))


def load(kind, orders, every=0.1, seconds=1500):
    """Run it; gives the figures, by name. Whatever must not be raises."""
    with ServiceSite(kind, more={
            "limits": {"requestsPerSecond": RATE}, "propagation": {"timeout": "30m", "interval": "5s"}}, nginx=False) as world:
        standin = world.service.standin
        standin.clock_file = world.path("clock")
        world.extra_config = "limits: " + json.dumps({
            "workers": 32, "ordersPerPass": orders, "account": {"requestsPerSecond": 1000, "concurrency": 64},
            "dns": {world.service.member: {"requestsPerSecond": 100}}})
        world.manifest("target.yaml", target(reload=None, probe=None, root="targets"))
        for first in range(0, orders, 50):
            world.manifest(f"many-{first}.yaml", "---\n".join(
                certificate(f"c{i:03}", method="DNS", more="  privateKey: {algorithm: ECDSA}\n")
                for i in range(first, min(first + 50, orders))))
        begin = time.monotonic()
        child = world.start(*world.argv("apply", "--yes", "--timeout", "24h"), log="apply.log", env=world.environment())
        turner = Turner(world, child, standin, every)
        try:
            wait_for(lambda: world.orders() == orders or child.poll() is not None, "the orders", seconds)
            world.clock = True
            turner.start()
            wait_for(lambda: child.poll() is not None, "the certificates", seconds)
        finally:
            turner.over.set()
            if child.poll() is None:
                child.send_signal(signal.SIGINT)
        said = world.read("logs/apply.log")
        assert child.returncode == 0, said[-3000:]
        assert "failed" not in said and "throttled" not in said and "Sanitizer" not in said, said[-3000:]
        assert f"{orders} ready" in said, said[-500:]
        warnings = [e for e in world.run("get", "events", "-o", "json", code=0).json()["items"]
                    if e.get("status", e).get("type") == "Warning"]
        assert warnings == [], warnings[:3]
        asked = list(standin.log)
        most = most_in_a_second([r.at for r in asked])
        counted = [r for r in asked if not is_remembered(r)]
        cost = (len(counted) - polls_of(counted, orders)) / orders
        span = max(r.at for r in asked) - min(r.at for r in asked)
        places = displacement(world, standin, orders, said)
        assert most <= RATE, f"{most} requests in a second"
        assert cost <= 6, f"{cost} requests an order: {[r.route for r in counted][:30]}"
        assert places <= RATE, f"served {places} places away from where it stood"
        assert not standin.failures, standin.failures
        return {"service": kind.name, "orders": orders, "requests": len(asked), "span": round(span), "most": most,
                "cost": f"{cost:.2f}", "places": places, "took": round(time.monotonic() - begin)}


def words(figures):
    return ("{service}: {orders} orders, {requests} requests in {span} s of the turned clock, at most {most} a second, {cost} an "
            "order, served at most {places} places out of turn ({took} s)").format(**figures)
