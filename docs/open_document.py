#!/usr/bin/env python3
"""Opens one value of a sealed document without clws, by docs/format.md alone.

    open_document.py VAULT SCOPE/DOCUMENT/NAME IDENTITY-FILE

The value's exact bytes go to standard output. Needs the program `age` and the Python package
`cryptography` (Debian: age, python3-cryptography). The key's commitment and the value's seal are
checked. Signatures, rules and pins are not: who wrote the value is not known here.
"""

import base64
import hashlib
import pathlib
import subprocess
import sys
import tomllib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def field(data):
    return len(data).to_bytes(4, "big") + data


def listed(tag, *fields):
    return field(tag) + len(fields).to_bytes(4, "big") + b"".join(map(field, fields))


def derive(data_key, salt, info):
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(data_key)


def vault_id(vault):
    text = (vault / "recipients/trust/1.toml").read_bytes()
    return hashlib.sha256(text[: text.index(b"\n[sig.") + 1]).digest()


def unwrap(wrap, identity):
    opened = subprocess.run(["age", "-d", "-i", identity], input=wrap, capture_output=True)
    return opened.stdout if opened.returncode == 0 else None


def main(vault, path, identity):
    vault = pathlib.Path(vault)
    scope, document, name = path.split("/")
    tables = tomllib.loads((vault / "secrets" / scope / f"{document}.toml").read_text())
    head, record = tables["document"], tables["secret"][name]
    if head["format"] != 1 or head["path"] != f"{scope}/{document}":
        sys.exit("this is no document of format 1, or not the one of this path")
    if record.get("state") == "removed":
        sys.exit("the value was removed")
    place = vault_id(vault), bytes.fromhex(head["id"])
    key_id = bytes.fromhex(head["key_id"])

    # Whichever wrap the identity opens: the names of the readers say what is in it, and no more.
    wraps = [reader["key"].split(":", 2) for reader in tables["reader"].values()]
    keys = [unwrap(base64.b64decode(text), identity) for _, form, text in wraps if form == "age"]
    data_key = next((key for key in keys if key is not None), None)
    if data_key is None:
        sys.exit("this identity opens none of the wraps")
    if derive(data_key, b"".join(place), b"clws.v1.key-id") != key_id:
        sys.exit("the wrap does not hold this document's key")

    version, kid, text = record["value"].split(":")
    if version != "v1" or kid != head["key_id"][:8]:
        sys.exit("the value is sealed under another key")
    sealed = base64.b64decode(text, validate=True)
    texts = [text.encode() for text in (scope, name, record["type"])]
    rev = record["rev"].to_bytes(8, "big")
    associated = listed(b"clws.v1.place", *place, *texts, rev, key_id)
    value_key = derive(data_key, sealed[:32], b"clws.v1.value")
    try:
        padded = ChaCha20Poly1305(value_key).decrypt(bytes(12), sealed[32:], associated)
    except InvalidTag:
        sys.exit("the seal does not verify")
    length = int.from_bytes(padded[:4], "big")
    if length > len(padded) - 4 or any(padded[4 + length :]):
        sys.exit("the padding does not verify")
    sys.stdout.buffer.write(padded[4 : 4 + length])


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
