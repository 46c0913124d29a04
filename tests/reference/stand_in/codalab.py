#!/usr/bin/python3
"""Stands in for the programs of CodaLab's images, under their names.

Each really uses what it is given, and nothing else: the database login is the one in config.json, the root
user's password is checked against the database, the worker goes through nginx with TLS. `GET /NONCE` on
port 2999 answers with the SHA-256 sums of the nonce and each value that the process holds, so that others
know from outside what it was given without hearing it.
"""

import gzip
import hashlib
import hmac
import json
import os
import signal
import socket
import ssl  # urllib would leave https out without it
import struct
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CLIENT = "Basic " + __import__("base64").b64encode(b"codalab_cli_client:").decode()


class Refused(Exception):
    """What a peer said no to."""


class Database:
    """A login of its own to MySQL, by mysql_native_password."""

    def __init__(self, url):
        at = urllib.parse.urlsplit(url)
        user, password = (urllib.parse.unquote(part or "") for part in (at.username, at.password))
        self.socket = socket.create_connection((at.hostname, at.port or 3306), 5)
        self.file = self.socket.makefile("rb")
        greeting = self.receive()
        rest = greeting[greeting.index(0, 1) + 5 :]
        proof = self.proof(password, rest[:8] + rest[27:39])
        head = struct.pack("<IIB23x", 0x8A209, 1 << 24, 45)
        name, base = user.encode(), at.path.lstrip("/").encode()
        self.send(1, head + name + b"\0\x14" + proof + base + b"\0mysql_native_password\0")
        answer = self.receive()
        if answer[:1] == b"\xfe":
            # Where an account has two passwords, the second one is asked for with another seed.
            self.send(3, self.proof(password, answer[1:].split(b"\0", 1)[1][:20]))
            self.receive()

    @staticmethod
    def proof(password, seed):
        once = hashlib.sha1(password.encode()).digest()
        mask = hashlib.sha1(seed + hashlib.sha1(once).digest()).digest()
        return bytes(a ^ b for a, b in zip(once, mask))

    def send(self, number, payload):
        self.socket.sendall(struct.pack("<I", len(payload))[:3] + bytes([number]) + payload)

    def receive(self):
        head = self.file.read(4)
        if len(head) < 4:
            raise Refused("the database hung up")
        payload = self.file.read(int.from_bytes(head[:3], "little"))
        if payload[:1] == b"\xff":
            raise Refused("the database says: " + payload[9:].decode())
        return payload

    def ask(self, statement):
        """The rows of a statement, as lists of texts."""
        self.send(0, b"\3" + statement.encode())
        if self.receive()[:1] == b"\0":
            return []
        while self.receive()[:1] != b"\xfe":
            pass
        rows = []
        while (row := self.receive())[:1] != b"\xfe":
            texts, at = [], 0
            while at < len(row):
                # No text here has 251 bytes.
                size = row[at]
                texts.append(row[at + 1 : at + 1 + size].decode())
                at += 1 + size
            rows.append(texts)
        return rows


def config():
    with open(os.environ["CODALAB_CONFIG"]) as file:
        return json.load(file)


def database():
    return Database(config()["server"]["engine_url"])


def sql(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def hashed(password, salt):
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), 1000).hex()


def request(url, token=None, form=None):
    """A request as CodaLab's client makes it; what it answers, as JSON."""
    headers = {"Authorization": f"Bearer {token}" if token else CLIENT, "X-Requested-With": "XMLHttpRequest"}
    body = urllib.parse.urlencode(form).encode() if form is not None else None
    asked = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise Refused(f"{url} answered {error.code}") from None


def login(server, username, password):
    form = {"grant_type": "password", "username": username, "password": password}
    return request(server + "/rest/oauth2/token", form=form)["access_token"]


def login_here(server):
    return login(server, os.environ["CODALAB_USERNAME"], os.environ["CODALAB_PASSWORD"])


def held():
    """Every value that this process was given."""
    values = set(os.environ.values())
    files = [os.environ.get(name) for name in ("CODALAB_CONFIG", "GOOGLE_APPLICATION_CREDENTIALS")]
    files += [os.path.join("/run/clws", name) for name in os.listdir("/run/clws")] if os.path.isdir("/run/clws") else []
    for path in filter(None, files):
        with open(path) as file:
            text = file.read()
        values |= {text, *text.splitlines()}
        if path.endswith("config.json"):
            settings = json.loads(text)
            values |= {value for part in settings.values() for value in part.values() if isinstance(value, str)}
            url = settings["server"]["engine_url"]
            values.add(urllib.parse.unquote(urllib.parse.urlsplit(url).password))
    return values


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, content):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Proof(Handler):
    def do_GET(self):
        nonce = self.path.lstrip("/")
        self.answer(200, [hashlib.sha256((nonce + value).encode()).hexdigest() for value in held()])


def proves():
    server = ThreadingHTTPServer(("", 2999), Proof)
    threading.Thread(target=server.serve_forever, daemon=True).start()


class Rest(Handler):
    def token(self, user):
        return hmac.new(config()["server"]["secret_key"].encode(), user.encode(), "sha256").hexdigest()

    def user(self):
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        rows = database().ask("select name from user")
        return next((name for name, in rows if hmac.compare_digest(self.token(name), given)), None)

    def form(self):
        size = int(self.headers.get("Content-Length", 0))
        return dict(urllib.parse.parse_qsl(self.rfile.read(size).decode()))

    def safely(self, work):
        try:
            work()
        except Refused as error:
            print(f"rest-server: {error}", flush=True)
            self.answer(500, {"error": str(error)})

    def do_GET(self):
        self.safely(self.get)

    def do_POST(self):
        self.safely(self.post)

    def get(self):
        path = self.path.removeprefix("/rest/")
        if path.startswith("users/"):
            name = path.removeprefix("users/")
            rows = database().ask(f"select name from user where name = {sql(name)}")
            self.answer(200 if rows else 404, {"data": [{"attributes": {"user_name": row[0]}} for row in rows]})
        elif path == "workers/info" and self.user():
            rows = database().ask("select name from worker")
            self.answer(200, {"data": [{"worker_id": row[0]} for row in rows]})
        else:
            self.answer(403, {})

    def post(self):
        path, form = self.path.removeprefix("/rest/"), self.form()
        if path == "oauth2/token":
            rows = database().ask(f"select salt, hash from user where name = {sql(form.get('username', ''))}")
            client = self.headers.get("Authorization") == CLIENT and self.headers.get("X-Requested-With")
            right = rows and hashed(form.get("password", ""), rows[0][0]) == rows[0][1]
            if client and right:
                self.answer(200, {"access_token": self.token(form["username"])})
            else:
                self.answer(401, {"error": "invalid_grant"})
        elif self.user() and path in ("worker", "worksheet"):
            try:
                database().ask(f"insert into {path} values ({sql(form['name'])})")
                self.answer(200, {})
            except Refused:
                self.answer(409, {})
        else:
            self.answer(403, {})


def waits():
    while True:
        time.sleep(3600)


def alembic(*_):
    tables = ["user (name varchar(50) primary key, salt varchar(50), hash varchar(100))"]
    tables += [f"{table} (name varchar(50) primary key)" for table in ("worker", "worksheet")]
    connection = database()
    for table in tables:
        connection.ask(f"create table if not exists {table}")


def create_root_user():
    password, again = sys.stdin.read().splitlines()
    assert password == again
    salt = os.urandom(16).hex()
    values = ", ".join(sql(text) for text in (os.environ["CODALAB_USERNAME"], salt, hashed(password, salt)))
    database().ask(f"replace into user values ({values})")


def cl(what, name=None):
    server = config()["cli"]["default_address"]
    token = login_here(server)
    if what == "new":
        request(server + "/rest/worksheet", token, {"name": name})


def server():
    config()
    proves()
    ThreadingHTTPServer(("", config()["server"]["rest_port"]), Rest).serve_forever()


def ws_server(_, port):
    proves()
    listener = socket.create_server(("", int(port)))
    while True:
        listener.accept()[0].close()


def bundle_manager(*_):
    proves()
    database()
    print("Bundle manager running!", flush=True)
    waits()


def monitor(_log, _, _backup, folder):
    proves()
    variable = {name: os.environ["CODALAB_MYSQL_" + name] for name in ("USERNAME", "PASSWORD", "HOST", "PORT", "DATABASE")}
    user, password = (urllib.parse.quote(variable[name], safe="") for name in ("USERNAME", "PASSWORD"))
    url = f"mysql://{user}:{password}@{variable['HOST']}:{variable['PORT']}/{variable['DATABASE']}"
    name = variable["DATABASE"] + time.strftime("-%Y-%m.mysqldump.gz", time.gmtime())
    with gzip.open(os.path.join(folder, name), "wt") as file:
        json.dump(Database(url).ask("select name, salt, hash from user"), file)
    token = login_here("http://rest-server:2900")
    print(len(request("http://rest-server:2900/rest/workers/info", token)["data"]), "workers", flush=True)
    waits()


def worker(*words):
    given = dict(zip(words[::2], words[1::2]))
    path = given["--password-file"]
    if os.stat(path).st_mode & 0o077:
        sys.exit("Permissions on password file are too lax.")
    with open(path) as file:
        username, password = file.read().splitlines()
    proves()
    token = login(given["--server"], username, password)
    try:
        request(given["--server"] + "/rest/worker", token, {"name": given["--id"]})
    except Refused:
        pass
    waits()


def frontend():
    class Page(Handler):
        def do_GET(self):
            self.answer(200, b"<title>CodaLab Worksheets</title>\n")

    proves()
    ThreadingHTTPServer(("", 2700), Page).serve_forever()


PROGRAMS = {
    "alembic": alembic,
    "create-root-user.py": create_root_user,
    "cl": cl,
    "cl-server": server,
    "cl-ws-server": ws_server,
    "cl-bundle-manager": bundle_manager,
    "monitor.py": monitor,
    "cl-worker": worker,
    "cl-frontend": frontend,
}

if __name__ == "__main__":
    # The first process of a container is not ended by a signal that it does not handle.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    try:
        PROGRAMS[os.path.basename(sys.argv[0])](*sys.argv[1:])
    except (Refused, OSError) as error:
        sys.exit(f"{os.path.basename(sys.argv[0])}: {error}")
