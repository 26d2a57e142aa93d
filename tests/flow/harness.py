"""What the flow tests share: a world of its own for each test, in its own folder, with the sandbox vendor, nginx and BIND
on free loopback ports, and the certwright program from the build folder. Everything is stopped by pid.

    with World() as w:
        w.start_sandbox()
        w.manifest("issuer.yaml", ISSUER)
        result = w.run("apply", "--yes")

Standard library only. A missing peer program fails with CI=true, else the test is skipped (exit 77)."""
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request

SOURCE = os.environ.get("CERTWRIGHT_SOURCE", os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BIN = os.path.abspath(os.environ.get("CERTWRIGHT_BIN", os.path.join(SOURCE, "build/dev")))

ISSUER = """
apiVersion: certwright/v1alpha1
kind: Issuer
metadata: {name: main}
spec:
  sslstore: {environment: offline, partnerCode: "10012345", authTokenSecretRef: {name: sslstore, key: auth-token}}
"""


class Skip(Exception):
    pass


def need(program, package):
    """The path of a peer program, or a skip that is a failure in CI."""
    path = shutil.which(program) or next((p for p in (f"/usr/sbin/{program}", f"/usr/bin/{program}") if os.path.exists(p)), None)
    if path is None:
        message = f"{program} is not installed (Debian package {package})"
        if os.environ.get("CI") == "true":
            raise AssertionError(message)
        raise Skip(message)
    return path


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def has_thread_of_sanitizer(pid):
    """The thread sanitizer has a thread of its own in every process: it wakes ten times a second and hears no signal."""
    with open(f"/proc/{pid}/maps") as file:
        return "libtsan" in file.read()


def wait_for(condition, what, seconds=15.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s in vain for {what}")


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class World:
    def __init__(self, user=None):
        self.dir = tempfile.mkdtemp(prefix="cw-flow.")
        os.chmod(self.dir, 0o755)
        self.user = user  # run certwright (and what it reloads) as this uid; None: as we are
        self.children = []
        self.resolve, self.nameservers = {}, {}
        self.endpoints = {}      # more of them: {"cloudflare": {"url": ..., "ca": ..., "sandbox": True}}
        self.extra_config = ""   # more YAML for the operator's file, top level
        self.profiles, self.roots = {}, {}
        self.root_settings = {}  # of a root, beside its path: {"www": {"groups": ["www-data"]}}
        self.sandbox = None
        self.clock = False
        self.environment_more = {}  # of certwright
        self.settle = "50ms"
        for name in ("manifests", "secrets/sslstore", "nginx", "www", "tls", "logs", "targets"):
            os.makedirs(self.path(name))
        os.chmod(self.path("secrets"), 0o700)
        os.chmod(self.path("secrets/sslstore"), 0o700)
        self.roots["nginx"] = self.path("nginx")
        self.roots["www"] = self.path("www")
        self.roots["targets"] = self.path("targets")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for child in reversed(self.children):
            self.stop(child)
        if kind is not None and os.environ.get("CERTWRIGHT_KEEP"):
            print(f"kept: {self.dir}", file=sys.stderr)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        temporary = path + ".new~"
        with open(temporary, "w") as file:
            file.write(text)
        os.chmod(temporary, mode)
        os.rename(temporary, path)
        return path

    def read(self, name):
        with open(self.path(name)) as file:
            return file.read()

    def manifest(self, name, text):
        return self.write(f"manifests/{name}", text)

    # ---- children ----

    def start(self, *argv, log=None, env=None, cwd=None):
        out = open(self.path("logs", log or os.path.basename(argv[0]) + ".log"), "ab")
        child = subprocess.Popen(argv, stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=cwd or self.dir,
                                 env=env, start_new_session=True)
        out.close()
        self.children.append(child)
        return child

    def stop(self, child, number=signal.SIGTERM, seconds=15):
        if child.poll() is None:
            child.send_signal(number)
            try:
                child.wait(seconds)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if child in self.children:
            self.children.remove(child)
        return child.returncode

    def start_sandbox(self, *options):
        """The vendor. Starting it again with the same folder is a restart."""
        ports = self.path("ports.json")
        if os.path.exists(ports):
            os.unlink(ports)
        argv = [os.path.join(BIN, "certwright-sandbox"), "--dir", self.path("sandbox"), "--ports-file", ports,
                "--clock", self.path("clock")]
        if self.sandbox is not None:
            argv += ["--listen", "127.0.0.1:" + self.url.split(":")[2].split("/")[0]]
        for name, address in self.resolve.items():
            argv += ["--resolve", f"{name}={address}"]
        for zone, address in self.nameservers.items():
            argv += ["--nameserver", f"{zone}={address}"]
        self.sandbox = self.start(*argv, *options, log="sandbox.log")
        wait_for(lambda: os.path.exists(ports) or self.sandbox.poll() is not None, "the sandbox")
        assert self.sandbox.poll() is None, self.read("logs/sandbox.log")
        with open(ports) as file:
            told = json.load(file)
        self.url, self.control = told["url"], told["control"]
        token = self.path("secrets/sslstore/auth-token")
        if os.path.exists(token):
            os.unlink(token)
        shutil.copy(self.path("sandbox/auth-token"), token)
        os.chmod(token, 0o400)

    def sandbox_call(self, method, path, body=None):
        request = urllib.request.Request(self.control.rstrip("/") + path, method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or b"null")

    def ledger(self):
        """Paid calls so far, as the vendor counts them."""
        told = self.sandbox_call("GET", "/ledger")
        return told["entries"] if isinstance(told, dict) and "entries" in told else told

    def fault(self, **what):
        return self.sandbox_call("POST", "/faults", what)

    def turn_clock(self, seconds):
        self.clock = True
        return self.sandbox_call("POST", "/clock", {"advance": seconds})

    def start_bind(self, zones, key="certwright-test", algorithm="hmac-sha256", more=""):
        """A real named with dynamic zones and one TSIG key; the secret goes to secrets/bind/tsig. `more`: records of each zone.
        Gives its port."""
        named = need("named", "bind9")
        import base64
        port = free_port()
        secret = base64.b64encode(os.urandom(32)).decode()
        self.write("secrets/bind/tsig", secret + "\n", 0o400)
        os.chmod(self.path("secrets/bind"), 0o700)
        home = self.path("bind")
        os.makedirs(home, exist_ok=True)
        text = f'key "{key}" {{ algorithm {algorithm}; secret "{secret}"; }};\n'
        text += f'''options {{ directory "{home}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
          pid-file "{home}/named.pid"; session-keyfile "{home}/session.key"; recursion no; allow-transfer {{ any; }};
          dnssec-validation no; notify no; }};
          controls {{ }};\n'''
        for zone in zones:
            self.write(f"bind/{zone}.db", f"$TTL 5\n@ SOA ns.{zone}. root.{zone}. 1 60 60 600 5\n@ NS ns.{zone}.\n"
                                          f"ns A 127.0.0.1\n@ A 127.0.0.1\nwww A 127.0.0.1\n{more}")
            text += f'zone "{zone}" {{ type primary; file "{home}/{zone}.db"; allow-update {{ key "{key}"; }}; }};\n'
            self.nameservers[zone] = f"127.0.0.1:{port}"
        self.write("bind/named.conf", text)
        child = self.start(named, "-g", "-c", self.path("bind/named.conf"), "-n", "1", log="named.log")
        wait_for(lambda: "running" in self.read("logs/named.log") or child.poll() is not None, "named")
        assert child.poll() is None, self.read("logs/named.log")
        self.bind_port, self.bind_key = port, key
        return port

    def dig(self, name, kind):
        dig = need("dig", "bind9-dnsutils")
        out = subprocess.run([dig, "+short", "+norecurse", "+tries=1", "+time=2", "-p", str(self.bind_port), "@127.0.0.1",
                              name, kind], capture_output=True, text=True)
        return out.stdout.split("\n")[:-1]

    def zone_records(self, zone):
        dig = need("dig", "bind9-dnsutils")

        def transfer():
            out = subprocess.run([dig, "+noall", "+answer", "-p", str(self.bind_port), "@127.0.0.1", zone, "AXFR"],
                                 capture_output=True, text=True)
            lines = [line for line in out.stdout.splitlines() if not line.startswith(";")]  # ";;": dig had to try again
            whole = sum("SOA" in line.split()[3:4] for line in lines) == 2  # RFC 5936, 2.2: it begins and ends with it
            return lines if whole else None
        return sorted(line for line in wait_for(transfer, f"a whole transfer of {zone}") if "SOA" not in line.split()[3:4])

    def start_nginx(self, names, tls=True):
        """A real nginx: HTTP for challenge files, HTTPS with links into <nginx root>/<first label>/current once deployed.
        Every name is led to it by `resolve`. Gives (http port, https port)."""
        self.nginx_bin = need("nginx", "nginx-light")
        self.http_port, self.https_port = free_port(), free_port()
        key, pem = self.path("tls/placeholder.key"), self.path("tls/placeholder.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                        "2", "-subj", "/CN=placeholder", "-keyout", key, "-out", pem], check=True, capture_output=True)
        os.chmod(key, 0o644)
        self.tls_pair(pem, key)
        self.write("nginx.conf", f"""daemon off; pid {self.dir}/nginx.pid; error_log {self.dir}/logs/nginx.log; worker_processes 1;
{"user root;" if os.geteuid() == 0 and self.user is None else ""}
events {{ worker_connections 64; }}
http {{ access_log off; client_body_temp_path {self.dir}/t1; proxy_temp_path {self.dir}/t2; fastcgi_temp_path {self.dir}/t3;
uwsgi_temp_path {self.dir}/t4; scgi_temp_path {self.dir}/t5;
server {{ listen 127.0.0.1:{self.http_port}; location / {{ root {self.dir}/www; }} }}
include {self.dir}/tls.conf; }}
""")
        self.nginx = self.start(self.nginx_bin, "-c", self.path("nginx.conf"), log="nginx-start.log")
        for name in names:
            self.resolve[f"{name}:80"] = f"127.0.0.1:{self.http_port}"
            self.resolve[f"{name}:443"] = f"127.0.0.1:{self.https_port}"
        # the reload takes up the deployed pair of the certificate named in CERT once it is there
        self.profiles["nginx"] = {"check": [self.nginx_bin, "-t", "-c", self.path("nginx.conf")],
                                  "reload": [self.write("reload", f"""#!/bin/sh
[ -e {self.dir}/nginx/shop/current/fullchain.pem ] && sed -i \\
 's#{pem}#{self.dir}/nginx/shop/current/fullchain.pem#; s#{key}#{self.dir}/nginx/shop/current/key.pem#' {self.dir}/tls.conf
exec {self.nginx_bin} -s reload -c {self.dir}/nginx.conf
""", 0o755)]}
        wait_for(lambda: self._listening(self.https_port), "nginx")
        return self.http_port, self.https_port

    def tls_pair(self, pem, key):
        self.write("tls.conf", f"server {{ listen 127.0.0.1:{self.https_port} ssl; ssl_certificate {pem}; "
                               f"ssl_certificate_key {key}; location / {{ root {self.dir}/www; }} }}\n")

    @staticmethod
    def _listening(port):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0

    def served(self, name, port=None):
        """SHA-256 of the leaf that the endpoint serves, hex."""
        import hashlib
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", port or self.https_port), timeout=5) as raw:
            with context.wrap_socket(raw, server_hostname=name) as tls:
                return hashlib.sha256(tls.getpeercert(True)).hexdigest()

    # ---- certwright ----

    def config(self):
        """Write the operator's file and give its path."""
        def flow(value):
            return json.dumps(value)
        lines = ["apiVersion: certwright/v1alpha1", "kind: ControllerConfig",
                 f"manifests: {{directory: {flow(self.path('manifests'))}, settle: {self.settle}}}",
                 f"state: {{directory: {flow(self.path('state'))}}}",
                 f"sealingKey: {{file: {flow(self.path('sealing.key'))}}}",
                 f"secrets: {{directory: {flow(self.path('secrets'))}}}",
                 f"audit: {{directory: {flow(self.path('audit'))}}}",
                 "deploy:", "  roots:"]
        lines += [f"    {name}: {flow({'path': path, **self.root_settings.get(name, {})})}" for name, path in self.roots.items()]
        if self.profiles:
            lines.append("  reloadProfiles:")
            for name, profile in self.profiles.items():
                lines.append(f"    {name}: {flow(profile)}")
        if self.sandbox is not None:
            lines += ["endpoints:", f"  offline: {{url: {flow(self.url)}, ca: {flow(self.path('sandbox/api-ca.pem'))}, sandbox: true}}"]
            lines += [f"  {name}: {flow(endpoint)}" for name, endpoint in self.endpoints.items()]
            lines += [f"trustRoots: [{flow(self.path('sandbox/root.pem'))}]", f"clock: {{file: {flow(self.path('clock'))}}}"]
        if self.resolve:
            lines.append(f"resolve: {flow(self.resolve)}")
        if self.nameservers:
            lines.append(f"nameservers: {flow(self.nameservers)}")
        lines += ["allowAddresses: [127.0.0.0/8]", self.extra_config]
        path = self.write("certwright.yaml", "\n".join(lines) + "\n", 0o600)
        if self.user is not None:
            for folder, _, files in os.walk(self.dir):
                for name in [folder] + [os.path.join(folder, f) for f in files]:
                    if "/sandbox" not in name or name.endswith((".pem", "/sandbox")):
                        os.chown(name, self.user, self.user, follow_symlinks=False)
        return path

    def argv(self, *words):
        return [os.path.join(BIN, "certwright"), "--config", self.config(), *words]

    def environment(self):
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": self.dir, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8",
               "CERTWRIGHT_WATCH": os.path.abspath(os.path.join(BIN, "certwright-watch")),
               "CERTWRIGHT_PARSE": os.path.abspath(os.path.join(BIN, "certwright-parse"))}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"):
            if name in os.environ:
                env[name] = os.environ[name]
        return {**env, **self.environment_more}

    def run(self, *words, seconds=90, input=None, code=None):
        options = {} if self.user is None else {"user": self.user, "group": self.user, "extra_groups": []}
        done = subprocess.run(self.argv(*words), capture_output=True, text=True, timeout=seconds, cwd=self.dir,
                              env=self.environment(), input=input, **options)
        result = Result(done.returncode, done.stdout, done.stderr)
        assert "Sanitizer" not in done.stderr and "runtime error:" not in done.stderr, repr(result)
        if code is not None:
            assert result.code == code, f"{' '.join(words)}: exit {result.code}, not {code}\n{result!r}"
        return result

    def daemon(self):
        """`certwright run` in the background, ready when it holds the control socket."""
        child = self.start(*self.argv("run"), log="daemon.log", env=self.environment())
        wait_for(lambda: os.path.exists(self.path("state/control.sock")) or child.poll() is not None, "the daemon")
        assert child.poll() is None, self.read("logs/daemon.log")
        return child

    def certificate(self, name="shop"):
        return self.run("get", "certificate", name, "-o", "json", code=0).json()

    def wait_phase(self, phase, name="shop", seconds=30):
        def there():
            result = self.run("get", "certificate", name, "-o", "json")
            return result.code == 0 and result.json()["status"]["phase"] == phase
        wait_for(there, f"certificate/{name} to be {phase}", seconds)


def main(tests):
    """Run the functions given (or named on the command line); print the counts; exit as CTest expects."""
    # A test that is stopped leaves its world, which stops its children.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    wanted = sys.argv[1:]
    passed = failed = skipped = 0
    for test in tests:
        if wanted and test.__name__ not in wanted:
            continue
        begin = time.monotonic()
        try:
            test()
            passed += 1
            print(f"ok {test.__name__} ({time.monotonic() - begin:.1f} s)", flush=True)
        except Skip as reason:
            skipped += 1
            print(f"skipped {test.__name__}: {reason}", flush=True)
        except Exception:
            failed += 1
            traceback.print_exc()
            print(f"FAILED {test.__name__}", flush=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 77 if skipped and not passed else 0)
