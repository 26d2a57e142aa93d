#!/usr/bin/env python3
"""An ordinary user without root: everything lies in the XDG places, and everything works but files of other owners. Run as root,
the test takes another user for certwright and what it reloads."""
import os
import stat
import subprocess

from harness import BIN, ISSUER, World, main
from web import NAME, assert_chain, assert_pair, certificate, leaf_digest, target

NOBODY = 65534


class Home(World):
    """A world whose programs belong to an ordinary user, with the operator's file and all else in that user's home."""

    def __init__(self):
        super().__init__(user=NOBODY if os.geteuid() == 0 else None)
        self.home = self.path("home")

    def __enter__(self):
        try:
            self.start_nginx([NAME])
            self.start_sandbox()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        self.manifest("issuer.yaml", ISSUER)
        self.manifest("target.yaml", target())
        return self

    def start(self, *argv, **options):
        """nginx runs as the user whose reload is to reach it; the vendor as we are."""
        if self.user is not None and os.path.basename(argv[0]) == "nginx":
            self.give()
            argv = ("setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups", *argv)
        return super().start(*argv, **options)

    def give(self):
        """Everything but the vendor's own folder belongs to the user."""
        if self.user is None:
            return
        for folder, folders, files in os.walk(self.dir):
            folders[:] = [f for f in folders if f != "sandbox"]
            for path in [folder, *(os.path.join(folder, f) for f in files)]:
                os.chown(path, self.user, self.user, follow_symlinks=False)
        if os.path.isdir(self.path("sandbox")):  # its certificates are public
            os.chmod(self.path("sandbox"), 0o711)
            for name in ("api-ca.pem", "root.pem"):
                os.chmod(self.path("sandbox", name), 0o644)

    def environment(self):
        environment = {k: v for k, v in super().environment().items() if not k.startswith("XDG")}
        return dict(environment, HOME=self.home)

    def settle_in(self, leave_out=()):
        """The operator's file at its XDG place, without the lines for which there are defaults, and what it refers to beside."""
        text = self.read(os.path.relpath(super().config(), self.dir))
        kept = [line for line in text.splitlines() if not line.startswith(tuple(leave_out))]
        self.write("home/.config/certwright/certwright.yaml", "\n".join(kept) + "\n", 0o600)
        os.unlink(self.path("certwright.yaml"))
        for name in ("manifests", "secrets"):
            os.rename(self.path(name), self.path("home/.config/certwright", name))
        self.give()

    def argv(self, *words):
        return [os.path.abspath(os.path.join(BIN, "certwright")), *words]  # no --config


DEFAULTED = ("manifests:", "state:", "sealingKey:", "secrets:", "audit:")


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def the_main_path_in_the_xdg_places():
    with Home() as world:
        world.settle_in(leave_out=DEFAULTED)
        config = "home/.config/certwright"
        world.write(f"{config}/manifests/shop.yaml", certificate())
        world.give()
        world.run("validate", code=0)
        world.run("plan", code=0)
        assert not os.path.exists(world.path("home/.local")), "plan made a folder"
        world.run("apply", "--yes", "--timeout", "30s", code=0)
        key, state = world.path(config, "sealing.key"), world.path("home/.local/state/certwright")
        assert mode(key) == 0o400 and os.path.isdir(state), (os.listdir(world.path(config)), os.path.isdir(state))
        uid = os.geteuid() if world.user is None else world.user
        for folder, _, files in os.walk(world.home):
            for path in [folder, *(os.path.join(folder, f) for f in files)]:
                assert os.lstat(path).st_uid == uid, f"{path} belongs to another"
        assert os.path.exists(os.path.join(state, "data.mdb")) or os.listdir(state), os.listdir(state)
        for folder, _, files in os.walk(state):
            assert mode(folder) & 0o077 == 0, f"{folder} is open to others"
            for name in files:
                assert mode(os.path.join(folder, name)) & 0o077 == 0, f"{name} is open to others"
        folder = world.path("nginx/shop/current")
        assert_pair(folder)
        assert_chain(world, folder)
        assert mode(folder + "/key.pem") == 0o600 and os.stat(folder + "/key.pem").st_uid == uid
        assert world.served(NAME) == leaf_digest(folder + "/cert.pem")
        assert world.certificate()["status"]["phase"] == "Ready"
        world.run("plan", "--detailed-exitcode", code=0)
        for verb in (("status",), ("why", "certificate/shop"), ("describe", "certificate/shop"), ("events",), ("state", "list"),
                     ("audit", "show")):
            world.run(*verb, code=0)


def xdg_variables_move_the_places():
    with Home() as world:
        world.settle_in(leave_out=DEFAULTED)
        os.makedirs(world.path("elsewhere"))
        os.rename(world.path("home/.config"), world.path("elsewhere/config"))
        world.write("elsewhere/config/certwright/manifests/shop.yaml", certificate())
        world.give()
        plain = world.environment
        world.environment = lambda: dict(plain(), XDG_CONFIG_HOME=world.path("elsewhere/config"),
                                         XDG_STATE_HOME=world.path("elsewhere/state"))
        world.run("apply", "--yes", "--timeout", "30s", code=0)
        assert os.path.isdir(world.path("elsewhere/state/certwright"))
        assert os.path.exists(world.path("elsewhere/config/certwright/sealing.key"))
        assert not os.path.exists(world.path("home/.local")) and not os.path.exists(world.path("home/.config"))


def a_daemon_of_ones_own():
    with Home() as world:
        world.settle_in(leave_out=DEFAULTED)
        options = {} if world.user is None else {"user": world.user, "group": world.user, "extra_groups": []}
        with open(world.path("logs/daemon.log"), "ab") as log:
            daemon = subprocess.Popen(world.argv("run"), stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=world.dir,
                                      env=world.environment(), start_new_session=True, **options)
        world.children.append(daemon)
        world.write("home/.config/certwright/manifests/shop.yaml", certificate())
        world.give()
        world.wait_phase("Ready")
        assert world.stop(daemon) == 0, world.read("logs/daemon.log")
        assert_pair(world.path("nginx/shop/current"))


def another_owner_is_refused_with_the_way_out():
    with Home() as world:
        world.root_settings["nginx"] = {"owners": ["root"], "groups": ["root"]}
        world.settle_in(leave_out=DEFAULTED)
        config = "home/.config/certwright/manifests"
        world.write(f"{config}/shop.yaml", certificate())
        world.write(f"{config}/target.yaml", target(more="  owner: root\n"))
        world.give()
        refused = world.run("apply", "--yes", "--timeout", "30s", code=4)
        assert "only root can give files away" in refused.err, refused
        assert not os.path.exists(world.path("nginx/shop/current"))
        world.write(f"{config}/target.yaml", target())
        world.give()
        world.run("apply", "--yes", "--timeout", "30s", code=0)
        assert_pair(world.path("nginx/shop/current"))


def an_operators_file_that_others_may_write_is_refused():
    with Home() as world:
        world.settle_in(leave_out=DEFAULTED)
        path = world.path("home/.config/certwright/certwright.yaml")
        os.chmod(path, 0o666)
        refused = world.run("plan", code=78)
        assert path in refused.err and "chmod" in refused.err, refused


def who_forgets_sudo_is_told_whose_store_it_is():
    """Each verb alike, whether it reads the store or writes it: not that some key cannot be read."""
    if os.geteuid() != 0:
        return
    with World() as world:
        world.run("reconcile", "--once")
        assert os.path.exists(world.path("state/data.mdb"))
        path, options = world.config(), {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        os.chmod(path, 0o644)
        for verb in (("plan",), ("get", "certificates"), ("apply", "--yes"), ("reconcile", "--once"), ("run",), ("confirm", "0123456789ab"),
                     ("release", "certificate/shop"), ("state", "verify"), ("state", "backup"), ("state", "restore"), ("state", "rotate-key")):
            done = subprocess.run([os.path.join(BIN, "certwright"), "--config", path, *verb], capture_output=True, text=True,
                                  timeout=60, cwd=world.dir, env=world.environment(), **options)
            told = f"{world.path('state')} belongs to the user root; run this as that user (sudo -u root certwright …)"
            assert told in done.stderr and done.returncode == 5, (verb, done)


main([the_main_path_in_the_xdg_places, xdg_variables_move_the_places, a_daemon_of_ones_own,
      another_owner_is_refused_with_the_way_out, an_operators_file_that_others_may_write_is_refused,
      who_forgets_sudo_is_told_whose_store_it_is])
