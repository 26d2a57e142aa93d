#!/usr/bin/python3
"""The JSON Schemas that `certwright schema` writes, judged by another implementation: ajv accepts every example, and refuses
a bad manifest exactly when the manifest says that a schema can (`# expect: ... schema=yes`). `certwright validate` accepts
and refuses the same files."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ.get("CERTWRIGHT_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BINARY = pathlib.Path(os.environ.get("CERTWRIGHT_BIN", SOURCE / "build")) / "certwright"
KINDS = {"Certificate", "Issuer", "DNSAccount", "DeployTarget", "Organization", "Contact"}

# Debian's modules lie where Debian's node looks for them; another node must be told.
NODE = {**os.environ, "NODE_PATH": "/usr/share/nodejs:/usr/lib/nodejs"}

# Reads {"schemas": {file: schema}, "files": [path]}; gives {path: {"parsed": bool, "documents": [{kind, errors}]}}.
JUDGE = r"""
const fs = require('fs'), Ajv = require('ajv'), yaml = require('js-yaml');
const input = JSON.parse(fs.readFileSync(0, 'utf8'));
const compiled = {}, result = {};
for (const [name, schema] of Object.entries(input.schemas))
    compiled[name] = new Ajv({allErrors: true, unknownFormats: 'ignore'}).compile(schema);
function documentsOf(path) {
    const text = new TextDecoder('utf-8', {fatal: true}).decode(fs.readFileSync(path));
    return yaml.loadAll(text, null, {schema: yaml.CORE_SCHEMA}).filter(d => d !== null && d !== undefined);
}
function judge(document) {
    const errors = {};
    for (const [name, validate] of Object.entries(compiled))
        errors[name] = validate(document) ? [] : validate.errors.map(e => e.dataPath + ' ' + e.message);
    return {kind: document.kind, errors};
}
for (const path of input.files) {
    try {
        result[path] = {parsed: true, documents: documentsOf(path).map(judge)};
    } catch (error) {
        result[path] = {parsed: false, documents: []};
    }
}
process.stdout.write(JSON.stringify(result));
"""

failures = []


def fail(words):
    failures.append(words)
    print("FAILED", words)


def missing(package):
    print(f"needs the Debian package {package}")
    sys.exit(1 if os.environ.get("CI") == "true" else 77)


def need_peers():
    if shutil.which("node") is None:
        missing("nodejs")
    for module, package in (("ajv", "node-ajv"), ("js-yaml", "node-js-yaml")):
        if subprocess.run(["node", "-e", f"require('{module}')"], capture_output=True, env=NODE).returncode != 0:
            missing(package)


def kinds_of(schema):
    """The kinds a schema is for: one for the schema of a kind, several for the combined one."""
    found = set()

    def look(value):
        members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
        properties = value.get("properties") if isinstance(value, dict) else None
        kind = properties.get("kind") if isinstance(properties, dict) else None
        if isinstance(kind, dict):
            found.update([kind["const"]] if "const" in kind else kind.get("enum", []))
        for member in members:
            look(member)

    look(schema)
    return found & KINDS


def schemas_of_the_program(folder):
    """All that it writes for manifests; the file of each kind; the combined file."""
    subprocess.run([BINARY, "schema", "--write", folder], check=True, stdout=subprocess.DEVNULL)
    schemas = {path.name: json.loads(path.read_text()) for path in sorted(folder.rglob("*.json"))}
    schemas = {name: schema for name, schema in schemas.items() if kinds_of(schema)}
    single = {next(iter(kinds_of(schema))): name for name, schema in schemas.items() if len(kinds_of(schema)) == 1}
    combined = [name for name, schema in schemas.items() if kinds_of(schema) == KINDS]
    if set(single) != KINDS or len(combined) != 1:
        print(f"FAILED schemas of the kinds: {single}, combined: {combined}")
        sys.exit(1)
    return schemas, single, combined[0]


def judge(schemas, files):
    question = json.dumps({"schemas": schemas, "files": [str(file) for file in files]})
    answer = subprocess.run(["node", "-e", JUDGE], capture_output=True, text=True, env=NODE, input=question)
    if answer.returncode != 0:
        print(answer.stderr)
        sys.exit(1)
    return json.loads(answer.stdout)


def check_kinds_agree(path, document, single, combined):
    """The combined schema says of a document what the schema of its kind says."""
    kind = document.get("kind")
    if not isinstance(kind, str) or kind not in single:
        return
    own, all_of_them = document["errors"][single[kind]], document["errors"][combined]
    if bool(own) != bool(all_of_them):
        fail(f"{path}: {single[kind]} and {combined} disagree: {own} against {all_of_them}")


def check_example(path, verdict, combined):
    errors = [error for document in verdict["documents"] for error in document["errors"][combined]]
    if not verdict["parsed"] or errors:
        fail(f"ajv refuses the example {path}: {errors}")


def check_bad(path, verdict, combined):
    lines = [line for line in path.read_bytes().split(b"\n") if line.startswith(b"# expect: ")]
    can = any(re.search(rb"schema=yes", line) for line in lines)
    errors = [document["errors"][combined] for document in verdict["documents"]]
    if any(errors) != can:
        fail(f"{path}: ajv {'refuses' if any(errors) else 'accepts'} it, and it says a schema {'can' if can else 'cannot'}: "
             f"{errors}")


OPERATOR = """\
deploy:
  roots:
    nginx: {path: /srv/nginx}
    www: {path: /srv/www}
    haproxy: {path: /srv/haproxy}
  reloadProfiles:
    nginx: {reload: [/bin/true]}
    haproxy: {reload: [/bin/true]}
endpoints:
  offline: {url: "https://127.0.0.1:14443/rest/", sandbox: true}
"""


def validates(config, *files):
    command = [BINARY, "validate", "--config", config]
    for file in files:
        command += ["-f", file]
    return subprocess.run(command, capture_output=True, text=True)


def check_program(bad_files, folder):
    """The program refuses every bad file, whether a schema can or not, and accepts the examples."""
    config = folder / "certwright.yaml"
    config.write_text(OPERATOR)
    config.chmod(0o600)
    bad = SOURCE / "tests" / "bad"
    for path in sorted({path if path.parent == bad else path.parent for path in bad_files}):
        result = validates(config, path) if path.is_dir() else validates(config, bad / "good.yaml", path)
        if result.returncode == 0:
            fail(f"validate accepts {path}: {result.stdout}")
        elif result.returncode < 0:
            fail(f"validate dies of {path} by signal {-result.returncode}: {result.stderr}")
    sets = [[SOURCE / "examples" / "quickstart"], [SOURCE / "examples" / "site"], [bad / "good.yaml"],
            sorted((SOURCE / "examples").glob("*.yaml"))]
    for files in sets:
        result = validates(config, *files)
        if result.returncode != 0:
            fail(f"validate refuses {files[0]}: {result.stdout}{result.stderr}")


def main():
    need_peers()
    examples = sorted((SOURCE / "examples").rglob("*.yaml")) + [SOURCE / "tests" / "bad" / "good.yaml"]
    bad_files = [path for path in sorted((SOURCE / "tests" / "bad").rglob("*.yaml")) if path.name != "good.yaml"]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        schemas, single, combined = schemas_of_the_program(folder / "schemas")
        verdicts = judge(schemas, examples + bad_files)
        for path, verdict in verdicts.items():
            for document in verdict["documents"]:
                check_kinds_agree(path, document, single, combined)
        for path in examples:
            check_example(path, verdicts[str(path)], combined)
        for path in bad_files:
            check_bad(path, verdicts[str(path)], combined)
        check_program(bad_files, folder)
    print(f"{len(examples)} examples and {len(bad_files)} bad manifests judged, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
