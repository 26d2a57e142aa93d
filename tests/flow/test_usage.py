#!/usr/bin/env python3
"""A command line that is not right: exit code 64, nothing on standard output, one line that says what was expected, and, where
something is near, what was perhaps meant; and nothing is made, opened or asked for it."""
import os
import subprocess

from harness import BIN, ISSUER, World, main
from shop import certificate

USAGE = 64
# (words, what the message says)
MISTYPED = [
    ("planx", 'there is no verb "planx" (did you mean plan?)'),
    ("xyzzy", 'there is no verb "xyzzy"; `certwright --help` lists them'),
    ("state", "`state` wants to be followed by more: state list, state show, state backup"),
    ("state --to x", "wants to be followed by more"),
    ("state bakup --to x", "(did you mean state backup?)"),
    ("state xyzzy", "there are state list, state show"),
    ("dns tst main", "(did you mean dns test?)"),
    ("audit", "audit show, audit verify"),
    ("--colour", "there is no option --colour"),
    ("--colour plan", "there is no option --colour"),
    ("plan --detailed-exitcod", "(did you mean --detailed-exitcode?)"),
    ("plan --detailed-exitcode=1", "--detailed-exitcode takes no value"),
    ("plan --yes=1", "--yes takes no value"),
    ("plan --no-colour", "(did you mean --no-color?)"),
    ("plan -x", "there is no option -x"),
    ("plan -qx", "there is no option -x"),
    ("plan -d", "--dir needs a value: DIR"),
    ("plan --config", "--config needs a value: FILE"),
    ("plan --timeout", "--timeout needs a value: TIME"),
    ("plan --timeout 5x", '"5x" is no time: write 90s or 10m'),
    ("plan --timeout 99999999999999999999h", "is no time"),
    ("get -o xml certificate", 'there is no output format "xml": table, wide, json'),
    ("plan -o name", "`plan` does not print that format"),
    ("get -l a certificate", '"a" is no selector: write a=b,c=d'),
    ("get -l =b certificate", '"=b" is no selector'),
    ("get -l a=b,c certificate", "is no selector"),
    ("get", "get needs a kind: certificate, issuer"),
    ("get certificat", "(did you mean certificate?)"),
    ("get chalenge", "(did you mean challenge?)"),
    ("get xyzzy", 'there is no kind "xyzzy"'),
    ("get orgnization/x", "(did you mean organization?)"),
    ("describe", "describe takes one KIND/NAME"),
    ("describe shop", '"shop" is no KIND/NAME, such as certificate/shop'),
    ("describe certificate/", "is no KIND/NAME"),
    ("describe certificate/a/b/c", "is no KIND/NAME"),
    ("describe certifcate/x", "(did you mean certificate?)"),
    ("why", "why takes one KIND/NAME"),
    ("why certificate shop x", "why takes one KIND/NAME"),
    ("why issuer/", "is no KIND/NAME"),
    ("events a b c", "events takes one KIND/NAME"),
    ("events shop", "is no KIND/NAME"),
    ("apply foo/x", 'there is no kind "foo"'),
    ("plan issuer/main", "issuer/main: only certificates are planned and applied"),
    ("preflight foo/x", 'there is no kind "foo"'),
    ("reconcile", "write `certwright reconcile --once`, or `certwright run`"),
    ("reconcile --once x", "takes no arguments"),
    ("run x", "`run` takes no arguments"),
    ("run -f manifests/shop.yaml", "`run` watches the whole directory"),
    ("status x", "status takes no arguments; `certwright why KIND/NAME` is about one thing"),
    ("state list nosuch", "there is no such table; `certwright state list` names them all"),
    ("state list order x", "state list takes one TABLE"),
    ("state show order", "state show takes TABLE and KEY"),
    ("state show nosuch x", 'there is no table "nosuch"'),
    ("state backup x", "state backup takes no arguments"),
    ("state rotate-key x", "takes no arguments"),
    ("sync", "write `certwright sync certificate/NAME`"),
    ("sync foo/x", 'there is no kind "foo"'),
    ("resend", "write `certwright resend certificate/NAME`"),
    ("deploy", "write `certwright deploy certificate/NAME`"),
    ("release a b", "write `certwright release certificate/NAME`"),
    ("confirm", "write `certwright confirm DIGEST`"),
    ("clean x", "write `certwright clean --challenges`"),
    ("audit show x", "audit show takes no arguments"),
    ("audit verify x", "audit verify takes no arguments"),
    ("explain", "explain takes one KIND or KIND.path"),
    ("explain isuer", 'did you mean "Issuer"?'),
    ("explain foo", "kinds are Certificate, Issuer"),
    ("explain certificate.spec.dnsNmes", 'did you mean "dnsNames"?'),
    ("schema isuer", "(did you mean issuer?)"),
    ("schema certificate issuer", "schema takes one KIND"),
    ("catalogue foo", "catalogue takes no arguments"),
    ("version x", "version takes no arguments"),
    ("doctor x", "doctor takes no arguments"),
    ("dns test", "write `certwright dns test ACCOUNT [ZONE]`"),
    ("dns test a b c", "write `certwright dns test ACCOUNT [ZONE]`"),
]


def certwright(world, *words):
    """Without an operator's file unless the words name one."""
    return subprocess.run([os.path.join(BIN, "certwright"), *words], capture_output=True, text=True, cwd=world.dir,
                          env=world.environment(), stdin=subprocess.DEVNULL, timeout=60)


def mistyped_words_say_what_was_expected_and_make_nothing():
    with World() as world:
        world.manifest("issuer.yaml", ISSUER)
        world.manifest("shop.yaml", certificate())
        config, before = world.config(), None
        for line, words in MISTYPED:
            typed = certwright(world, *line.split(), *([] if line.endswith(("--config", "-d", "--timeout")) else ["--config", config]))
            assert typed.returncode == USAGE and typed.stdout == "" and words in typed.stderr, (line, words, typed)
            assert len(typed.stderr.splitlines()) == 1 and typed.stderr.startswith("certwright: "), (line, typed.stderr)
            left = sorted(os.listdir(world.dir))
            assert before in (None, left), (line, left)
            before = left


def options_stand_anywhere_and_in_every_usual_form():
    with World() as world:
        world.manifest("issuer.yaml", ISSUER + "---\n" + ISSUER.replace("name: main", "name: second, labels: {team: web}"))
        world.manifest("third.yaml", ISSUER.replace("name: main", "name: third, namespace: other"))
        config = world.config()

        def names(*words):
            got = certwright(world, *words)
            assert got.returncode == 0, (words, got)
            return got.stdout.split()
        both = ["issuer/main", "issuer/second"]
        everything = sorted([*both, "issuer/other/third"])
        assert sorted(names("--config", config, "get", "issuer", "-o", "name")) == everything
        assert sorted(names("get", f"--config={config}", "-oname", "issuer")) == everything
        assert sorted(names("-q", "--config", config, "-v", "get", "--output=name", "--", "issuer")) == everything
        assert sorted(names("--config", config, "-n", "default", "get", "issuers", "-o", "name")) == both
        assert names("--config", config, "get", "iss", "-qo", "name", "-l", "team=web") == ["issuer/second"]
        assert names("--config", config, "get", "iss", "-o", "name", "-l", "team==web") == ["issuer/second"]
        assert names("--config", config, "get", "iss", "-o", "name", "-l", "team=db") == []
        assert names("--config", config, "get", "issuer", "main", "-o", "name") == both[:1]
        assert names("--config", config, "get", "issuer/other/third", "-o", "name") == everything[1:2]
        assert names("-d", world.path("manifests"), "-n", "other", "get", "issuer", "-o", "name") == ["issuer/other/third"]
        near = certwright(world, "--config", config, "get", "issuer", "secnd")
        assert near.returncode == 1 and "(did you mean second?)" in near.stderr, near
        near = certwright(world, "--config", config, "get", "contact", "x")
        assert near.returncode == 1 and "there is no contact/x" in near.stderr and "did you mean" not in near.stderr, near


def help_is_there_for_every_verb_and_group():
    with World() as world:
        whole = certwright(world, "--help")
        assert max(map(len, whole.stdout.splitlines())) <= 80, whole.stdout
        version = certwright(world, "version").stdout
        assert version.startswith("certwright ") and certwright(world, "--version").stdout == version
        assert certwright(world, "--config", "any", "--version", "-o", "json").stdout == certwright(world, "version", "-o", "json").stdout
        assert whole.returncode == 0 and certwright(world).stdout == whole.stdout == certwright(world, "help").stdout
        listed = whole.stdout.split("usage:")[1].split("Options of every verb")[0].splitlines()[2:]
        verbs = [line[2:18].strip() for line in listed if line.startswith("  ")]
        assert len(verbs) > 25, verbs
        for verb in verbs:
            told = certwright(world, *verb.split(), "--help")
            assert told.returncode == 0 and told.stdout.startswith(f"certwright {verb}") and told.stderr == "", (verb, told)
            assert max(map(len, told.stdout.splitlines())) <= 120, (verb, told.stdout)
            assert certwright(world, "help", *verb.split()).stdout == told.stdout
        group = certwright(world, "help", "state")
        assert group.returncode == 0 and len(group.stdout.splitlines()) == 6, group


def no_installation_is_made_for_words_to_one():
    """A word to a controller that never was: nothing is made, least of all a sealing key."""
    with World() as world:
        world.manifest("issuer.yaml", ISSUER)
        world.manifest("shop.yaml", certificate())
        for words in (("confirm", "0123456789abcdef"), ("sync", "shop"), ("release", "certificate/shop"), ("deploy", "shop"), ("resend", "shop")):
            told = world.run(*words)
            assert told.code == 1 and "nothing was ever ordered from here" in told.err, told
            assert not os.path.exists(world.path("state")) and not os.path.exists(world.path("sealing.key")), words
        for words, why in ((("backup",), "there is no store in"), (("verify",), "there is no store in"), (("restore",), "there is no backup in"),
                           (("restore", "some.mdb"), "sealing.key is missing")):
            told = world.run("state", *words)
            assert told.code != 0 and why in told.err and told.out == "", told
            assert not os.path.exists(world.path("state")) and not os.path.exists(world.path("sealing.key")), words


def what_cannot_be_read_is_named():
    with World() as world:
        missing = certwright(world, "--config", "nowhere.yaml", "plan")
        assert missing.returncode == 78 and "nowhere.yaml" in missing.stderr, missing
        missing = certwright(world, "-d", "nowhere", "plan")
        assert missing.returncode == 1 and "cannot open the folder nowhere: No such file or directory" in missing.stderr, missing
        missing = certwright(world, "-f", "nowhere.yaml", "validate")
        assert missing.returncode == 1 and "nowhere.yaml: No such file or directory" in missing.stderr, missing
        lost = certwright(world, "--config", world.config().replace("certwright.yaml", "logs"), "plan")
        assert lost.returncode == 78, lost


def output_that_is_lost_is_no_success():
    with World() as world:
        world.manifest("issuer.yaml", ISSUER.replace("offline", "Live"))
        world.manifest("shop.yaml", certificate(method="Email", targets=()))
        config = world.config()
        listed = certwright(world, "--config", config, "state", "list").stdout
        for line in ("plan --offline", "plan --offline -o json", "plan --offline --detailed-exitcode", "get certificates -o json", "get issuer",
                     "validate", "schema", "explain certificate", "status", "catalogue", "state list", "version", "--version", "--help",
                     "help plan"):
            words = [*line.split(), "--config", config] if line[-1] != "p" else line.split()
            for name, close, why in (("/dev/full", None, "No space left on device"), ("/dev/null", 1, "Bad file descriptor")):
                with open(name, "w") as full:
                    told = subprocess.run([os.path.join(BIN, "certwright"), *words], stdout=full, stderr=subprocess.PIPE, text=True, cwd=world.dir,
                                          env=world.environment(), timeout=60, preexec_fn=(lambda: os.close(close)) if close else None)
                assert told.returncode == 1 and told.stderr.endswith(f"certwright: the output could not be written: {why}\n"), (line, told)
        # What was wrong already keeps its code; and a reader that has read enough is none of our business.
        with open("/dev/full", "w") as full:
            told = subprocess.run([os.path.join(BIN, "certwright"), "plan", "--config", "nowhere.yaml"], stdout=full, stderr=subprocess.PIPE, text=True,
                                  cwd=world.dir, env=world.environment(), timeout=60)
        assert told.returncode == 78, told
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "w") as gone:
            told = subprocess.run([os.path.join(BIN, "certwright"), "schema"], stdout=gone, stderr=subprocess.PIPE, text=True, cwd=world.dir,
                                  env=world.environment(), timeout=60)
        assert told.returncode == 0 and told.stderr == "", told
        assert certwright(world, "--config", config, "state", "list").stdout == listed


if __name__ == "__main__":
    main([mistyped_words_say_what_was_expected_and_make_nothing, options_stand_anywhere_and_in_every_usual_form,
          help_is_there_for_every_verb_and_group, no_installation_is_made_for_words_to_one, what_cannot_be_read_is_named,
          output_that_is_lost_is_no_success])
