"""A mail server: aiosmtpd with TLS and a login. Prints its port; writes each message to a folder as JSON.

Arguments: the folder, the certificate chain, its key, the user, `starttls` or `implicit`. The password comes on
stdin. Addresses that begin with `nobody` are refused.
"""

import asyncio
import json
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

folder, chain, key, user, how = sys.argv[1:6]
password = sys.stdin.read()


class Keep:
    count = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"):
            return "550 there is no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        Keep.count += 1
        kept = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "by": session.auth_data.login.decode(),
            "tls": session.ssl is not None or how == "implicit",
            "text": envelope.content.decode(),
        }
        beside = pathlib.Path(folder, f"{Keep.count}.tmp")
        beside.write_text(json.dumps(kept))
        beside.rename(pathlib.Path(folder, f"{Keep.count}.json"))
        return "250 taken"


def log_in(server, session, envelope, mechanism, given):
    good = given.login == user.encode() and given.password == password.encode()
    # A refusal that repeats what it was told, as some do.
    said = None if good else f"535 no: {given.password.decode()}"
    return AuthResult(success=good, handled=False, auth_data=given, message=said)


context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(chain, key)
implicit = how == "implicit"


def speak():
    return SMTP(
        Keep(),
        hostname="mail.example.org",
        tls_context=None if implicit else context,
        require_starttls=not implicit,
        auth_required=True,
        auth_require_tls=not implicit,
        authenticator=log_in,
        loop=loop,
    )


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
listening = loop.create_server(speak, "127.0.0.1", 0, ssl=context if implicit else None)
server = loop.run_until_complete(listening)
print(server.sockets[0].getsockname()[1], flush=True)
loop.run_forever()
