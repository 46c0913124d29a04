#!/usr/bin/env python3
"""Verifies what is signed in a vault without clws, by docs/format.md alone.

    verify_vault.py VAULT [FINGERPRINT]

A line for each document, value, sealed file and hook: who signed it, and whether that counts by the rules of the
newest trust version, to which every version before it must lead. Ends with 1 if anything is BAD. With FINGERPRINT
that version must be among them. Opens nothing and needs no identity; Python's package `cryptography` is the judge of
signatures. Not looked at: pins (who has never seen a vault cannot know what is old), submissions, the canonical form
of lines, keys of small order.
"""

import base64
import hashlib
import pathlib
import sys
import tomllib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

POLICY = ["expires", "exposed", "moved_to", "no_print", "note", "owner", "rotate_every", "rotator"]


class Bad(Exception):
    pass


def field(data):
    return len(data).to_bytes(4, "big") + data


def listed(tag, *fields):
    fields = [x.encode() if isinstance(x, str) else x.to_bytes(8, "big") if isinstance(x, int) else x for x in fields]
    return field(tag.encode()) + len(fields).to_bytes(4, "big") + b"".join(map(field, fields))


def sha256(data):
    return hashlib.sha256(data).digest()


def policy_of(table):
    return listed("policy", *(part for key in POLICY if key in table for part in (key, table[key])))


def blob_of(key):
    return base64.b64decode(key.split()[1], validate=True)


def fields_of(blob):
    out = []
    while blob:
        length = int.from_bytes(blob[:4], "big")
        out.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return out


def verifies(blob, namespace, message, signature):
    signed = b"SSHSIG" + field(namespace.encode()) + field(b"") + field(b"sha512") + field(hashlib.sha512(message).digest())
    kind, key, *application = fields_of(blob)
    if kind == b"sk-ssh-ed25519@openssh.com":
        if len(signature) != 69 or not signature[64] & 1:
            return False
        signed = sha256(application[0]) + signature[64:] + sha256(signed)
    elif len(signature) != 64:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature[:64], signed)
        return True
    except InvalidSignature:
        return False


def signed_by(text, keys, namespace, message_of):
    """The party behind `PARTY/FP:base64`; `keys` has those of each party, `message_of` takes the signer's blob."""
    who, _, signature = text.partition(":")
    party, _, fingerprint = who.partition("/")
    for blob in keys.get(party, []):
        if sha256(blob).hex()[:16] == fingerprint:
            if verifies(blob, namespace, message_of(blob), base64.b64decode(signature, validate=True)):
                return party
            raise Bad(f"the signature of {party} does not verify")
    raise Bad(f"{who} is no key that is listed")


class Version:
    def __init__(self, path):
        text = path.read_bytes()
        lines = text.split(b"\n")
        ends = [line.startswith(b"[sig.") or line == b"[end]" for line in lines]
        self.body = b"".join(line + b"\n" for line in lines[: ends.index(True)])
        behind = [line for line in lines[ends.index(True) :] if line.startswith(b"[")]
        if any(not line.startswith(b"[sig.") for line in behind[:-1]) or behind[-1] != b"[end]":
            raise Bad("something stands among the signatures")
        tables = tomllib.loads(text.decode())
        self.hash, self.about, self.files = sha256(self.body), tables["trust"], tables.get("file", {})
        self.admins = {name: blob_of(admin["key"]) for name, admin in tables["admin"].items()}
        self.sigs = [table["sig"] for table in tables.get("sig", {}).values()]

    def signers(self, admins):
        """Those of these administrators who signed this version."""
        found = set()
        for text in self.sigs:
            try:
                keys = {name: [blob] for name, blob in admins.items()}
                found.add(signed_by(text, keys, "clws.trust.v1", lambda _: self.body))
            except Bad:
                pass
        return found

    def follows(self, *before):
        """Checks that enough administrators of each version before it signed this one, and every new one."""
        for one in before:
            if len(self.signers(one.admins)) < one.about["threshold"]:
                raise Bad(f"version {self.about['version']} lacks signatures")
        known = {name for one in before for name, blob in one.admins.items() if self.admins.get(name) == blob}
        if not set(self.admins) - known <= self.signers(self.admins):
            raise Bad(f"a new administrator of version {self.about['version']} did not sign it")


def chain_of(vault):
    """All versions that the newest follows on, the first one first; the same of a branch that was joined."""
    trust = vault / "recipients/trust"
    also = {one.hash: one for one in map(Version, sorted(trust.glob("also/*.toml")))}
    chain = []
    while (path := trust / f"{len(chain) + 1}.toml").exists():
        version = Version(path)
        check_step(version, chain[-1] if chain else None, also | {one.hash: one for one in chain}, chain)
        chain.append(version)
    if not chain:
        raise Bad("there is no trust version")
    return chain, also


def check_step(version, before, others, chain):
    about = version.about
    if about["format"] != 1 or about["version"] != (before.about["version"] + 1 if before else 1):
        raise Bad(f"{about['version']} is not the number that follows")
    if before is None:
        version.follows()
        return
    if bytes.fromhex(about["prev"]) != before.hash:
        raise Bad(f"version {about['version']} follows on another one")
    if "also" not in about:
        version.follows(before)
        return
    joined = others[bytes.fromhex(about["also"])]
    if joined.about["version"] >= about["version"]:
        raise Bad("what is joined is newer")
    version.follows(before, joined)
    one = joined
    while one.hash not in {known.hash for known in chain}:
        earlier = others[bytes.fromhex(one.about["prev"])]
        check_step(one, earlier, others, chain)
        one = earlier


class Rules:
    def __init__(self, vault, version):
        self.keys, self.vault = {}, vault
        for path, table in version.files.items():
            if sha256((vault / path).read_bytes()).hex() != table["sha256"]:
                raise Bad(f"{path} is not what was signed")
            if path.startswith("recipients/") and path != "recipients/access.toml":
                party = tomllib.loads((vault / path).read_text())
                keys = [blob_of(one["key"]) for one in party.get("signing", {}).values()]
                self.keys[party["party"]["name"]] = keys
        access = tomllib.loads((vault / "recipients/access.toml").read_text())
        self.rules, self.groups = access.get("rule", {}), access.get("group", {})

    def may(self, right, path):
        """The parties with this right there: the longest prefix that covers the path decides."""
        covering = [prefix for prefix in self.rules if (path + "/").startswith(prefix + "/")]
        names = self.rules[max(covering, key=len)].get(right, []) if covering else []
        return {one for name in names for one in self.groups.get(name, {"members": [name]})["members"]}

    def check(self, text, namespace, message_of, right, path):
        party = signed_by(text, self.keys, namespace, message_of)
        if right and party not in self.may(right, path):
            raise Bad(f"{party} is none of the {right} of {path}")
        return party


def value_message(tag, vault, doc, scope, name, table, key_id):
    live = table.get("state") != "removed"
    return lambda blob: listed(
        tag, vault, doc, scope, name, "live" if live else "removed", table.get("type", ""), table["rev"], table["seq"],
        table["changed"], table["author"], key_id if live else b"", table.get("value", ""), policy_of(table), blob)  # fmt: skip


def document(rules, vault, path, file):
    tables = tomllib.loads(file.read_text())
    head, scope = tables["document"], path.split("/")[0]
    if head["format"] != 1 or head["path"] != path:
        raise Bad("it is another document's")
    doc, key_id = bytes.fromhex(head["id"]), bytes.fromhex(head["key_id"])
    old = tables.get("retired", {})
    parts = [(ID, old[ID]["until"], listed("list", *old[ID]["left"])) for ID in sorted(old)]
    retired = listed("retired", *(part for parts in parts for part in parts))
    own = lambda blob: listed(  # noqa: E731
        "clws.v1.document", vault, doc, path, scope, head["seq"], key_id, retired, policy_of(head), blob)  # fmt: skip
    yield path, lambda: rules.check(head["sig"], "clws.document.v1", own, "writers", path)
    key_ids = {one["key_id"][:8]: bytes.fromhex(one["key_id"]) for one in [*old.values(), head]}
    for kind, tag in (("secret", "clws.v1.value"), ("pending", "clws.v1.pending")):
        for name, table in tables.get(kind, {}).items():
            its = key_ids[table["value"].split(":")[1]] if "value" in table else key_id
            message = value_message(tag, vault, doc, scope, name, table, its)
            yield f"{path}/{name}", lambda t=table, m=message: rules.check(t["sig"], "clws.value.v1", m, "writers", path)


def check_place(vault, path, age):
    if age.startswith(b"-----BEGIN "):
        age = base64.b64decode(b"".join(age.split()[4:-4]))
    header = age.split(b"\n---")[0].split(b"\n")
    place = base64.b64encode(sha256(listed("clws.v1.file-place", vault, path))).rstrip(b"=")
    if {line for line in header if line.startswith(b"-> clws-place ")} != {b"-> clws-place " + place}:
        raise Bad("the age file was sealed for another place")


def sidecar(rules, vault, path, file):
    tables = tomllib.loads(file.read_text())
    head = tables["file"]
    if head["format"] != 1 or head["path"] != path:
        raise Bad("it is another file's")
    sealed = file.with_suffix("")
    if head.get("state") != "removed":
        if sha256(sealed.read_bytes()).hex() != head["sha256"]:
            raise Bad("the age file is not what was signed")
        check_place(vault, path, sealed.read_bytes())
    pending = tables.get("pending")
    if pending:
        check_place(vault, path, base64.b64decode(pending["age"]))
    for tag, table in (("clws.v1.file", head), ("clws.v1.file-pending", pending)):
        if table is None:
            continue
        live = table.get("state") != "removed"
        age = bytes.fromhex(table.get("sha256", "")) if table is head else sha256(base64.b64decode(table["age"]))
        message = lambda blob, t=table, tag=tag, live=live, age=age: listed(  # noqa: E731
            tag, vault, bytes.fromhex(head["id"]), path, path.split("/")[0], "live" if live else "removed",
            t.get("mode", ""), t.get("size", 0), age, t["rev"], t["seq"], t["changed"], t["author"],
            listed("readers", *t["readers"]), policy_of(t), blob)  # fmt: skip
        yield path, lambda t=table, m=message: rules.check(t["sig"], "clws.file.v1", m, "writers", path)


def hook(rules, vault, component, file):
    tables, hooks = tomllib.loads(file.read_text()), file.parent
    there = {f"{component}.toml"} | {str(p.relative_to(hooks)) for p in (hooks / component).rglob("*") if p.is_file()}
    files = tables["file"]
    if tables["hook"]["component"] != component or set(files) != there:
        raise Bad("it is signed for other files")
    for path, table in files.items():
        mode = "0755" if (hooks / path).stat().st_mode & 0o100 else "0644"
        if (sha256((hooks / path).read_bytes()).hex(), mode) != (table["sha256"], table["mode"]):
            raise Bad(f"{path} is not what was signed")
    parts = [(path, bytes.fromhex(files[path]["sha256"]), files[path]["mode"]) for path in sorted(files)]
    inner = listed("files", *(part for parts in parts for part in parts))
    message = lambda blob: listed("clws.v1.hooks", vault, component, tables["hook"]["seq"], inner, blob)  # noqa: E731
    for table in tables["sig"].values():
        # Whether they may deploy what it names is for who knows where it goes.
        yield f"hook {component}", lambda t=table: rules.check(t["sig"], "clws.hooks.v1", message, None, None)


def main(vault, fingerprint=None):
    vault = pathlib.Path(vault)
    chain, also = chain_of(vault)
    if fingerprint and fingerprint.split("@")[0] not in {one.hash.hex() for one in [*chain, *also.values()]}:
        raise Bad("this is another vault")
    rules, vault_id = Rules(vault, chain[-1]), chain[0].hash
    print(f"trust version {len(chain)} {chain[-1].hash.hex()}")
    secrets, bad = vault / "secrets", 0
    jobs = []
    for file in sorted(secrets.rglob("*.toml")):
        path = str(file.relative_to(secrets))
        is_file = path.endswith(".age.toml")
        path = path.removesuffix(".age.toml") if is_file else path.removesuffix(".toml")
        jobs.append((path, (sidecar if is_file else document)(rules, vault_id, path, file)))
    for file in sorted((vault / "hooks").glob("*.sig.toml")):
        component = file.name.removesuffix(".sig.toml")
        jobs.append((f"hook {component}", hook(rules, vault_id, component, file)))
    for name, checks in jobs:
        try:
            for name, check in checks:
                try:
                    print(f"{name}: {check()}")
                except Bad as why:
                    bad += 1
                    print(f"{name}: BAD, {why}")
        except (Bad, KeyError, ValueError, OSError) as why:
            bad += 1
            print(f"{name}: BAD, {why or type(why).__name__}")
    return bad > 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    try:
        sys.exit(main(*sys.argv[1:]))
    except (Bad, KeyError, ValueError, OSError) as why:
        sys.exit(f"BAD, {why}")
