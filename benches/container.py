"""One container with an injected secret, by `clws deploy` and by the bare calls of Docker's API.

Both leave the same: a container of busybox that runs, with a variable and a file that lie in a memory-backed
folder mounted into it, and that has answered a command inside of it. The bare way writes the two files,
creates, starts, and asks (one command: create, start, inspect); it is measured in a process that runs
already, over one connection a request. `clws deploy` is a whole process, from its start to its end: vault,
signatures, plan, lock, receipt.

The two take turns, each on a clean slate; what counts is the ratio of the medians. The number of requests is
counted once by strace.
"""

import glob
import http.client
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = int(os.environ.get("CLWS_BENCH_ROUNDS", "15"))
CLWS = os.environ["CLWS_BENCH_PROGRAM"]
SOCKET = "/var/run/docker.sock"
API = "/v1.41"
IMAGE = "clws-bench/busybox:1"
NAME = f"clws-bench-{os.getpid()}"
STAY = "trap 'exit 0' TERM; sleep 100000 & wait"
ASK = ["test", "-s", "/run/clws/token"]
SECRET = "0123456789abcdef" * 2

HOOK = f"""runs_on = {{ machine_type = "server" }}
[container]
name = "{NAME}"
image = "{IMAGE}"
user = "1000"
command = ["sh", "-c", "{STAY}"]
[env]
TOKEN = {{ secret = "web/TOKEN" }}
[file.token]
secret = "web/TOKEN"
owner = "1000"
mode = "0400"
[[probe]]
in = "container"
run = {json.dumps(ASK)}
"""


class Daemon(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(SOCKET)


def api(method, path, body=None):
    connection = Daemon("docker")
    head = {"Content-Type": "application/json"} if body is not None else {}
    connection.request(method, API + path, None if body is None else json.dumps(body), head)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status >= 400:
        sys.exit(f"{method} {path}: {answer.status} {text!r}")
    return text


def sh(*words, input=None, env=None, cwd=None):
    done = subprocess.run(words, input=input, env=env, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def bare(folder):
    """The same container, and nothing around it."""
    os.mkdir(folder, 0o711)
    for name, text in (("env", f"export TOKEN='{SECRET}'\n"), ("token", SECRET)):
        path = os.path.join(folder, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o400), "w") as file:
            file.write(text)
        os.chown(path, 1000, 0)
    mount = {"Type": "bind", "Source": folder, "Target": "/run/clws", "ReadOnly": True}
    body = {
        "Image": IMAGE,
        "User": "1000",
        "Entrypoint": ["/bin/sh", "-c", '. /run/clws/env && exec "$@"', "clws"],
        "Cmd": ["sh", "-c", STAY],
        "HostConfig": {"Mounts": [mount]},
    }
    api("POST", f"/containers/create?name={NAME}", body)
    api("POST", f"/containers/{NAME}/start")
    command = {"Cmd": ASK, "AttachStdout": True, "AttachStderr": True}
    run = json.loads(api("POST", f"/containers/{NAME}/exec", command))["Id"]
    api("POST", f"/exec/{run}/start", {"Detach": False})
    code = json.loads(api("GET", f"/exec/{run}/json"))["ExitCode"]
    if code != 0:
        sys.exit(f"the bare container answered {code}")


def gone(folder=None):
    subprocess.run(["docker", "rm", "-f", NAME], capture_output=True)
    if folder:
        shutil.rmtree(folder)


def image(work):
    """An image of busybox alone."""
    root = os.path.join(work, "image")
    os.makedirs(os.path.join(root, "bin"))
    shutil.copy(shutil.which("busybox"), os.path.join(root, "bin/busybox"))
    for applet in ("sh", "sleep", "test"):
        os.symlink("busybox", os.path.join(root, "bin", applet))
    tar = subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE)
    subprocess.run(["docker", "import", "-", IMAGE], stdin=tar.stdout, check=True, capture_output=True)


def main():
    if os.geteuid() != 0:
        sys.exit("run it as root, who may speak to Docker and give files away")
    work = tempfile.mkdtemp()
    try:
        bench(work)
    finally:
        gone()
        # What is left of a vault that is gone: its lock.
        for state in glob.glob(os.path.join(work, "home/.local/state/clws/vaults/*")):
            name = os.path.basename(state)[:12]
            for base in ("/run/clws", "/var/lib/clws"):
                shutil.rmtree(os.path.join(base, name), ignore_errors=True)
        shutil.rmtree(work)


def bench(work):
    at = lambda name: os.path.join(work, name)
    image(work)
    os.makedirs(at("vault/hooks"))
    env = {"HOME": at("home"), "PATH": "/usr/bin:/bin", "USER": "root"}
    clws = lambda *words, input=None: sh(CLWS, *words, input=input, env=env, cwd=at("vault"))
    clws("init", "--name", "ada")
    clws("host", "add", "box", "--yes", "--address", "local", "--scope", "prod", "--machine-type", "server")
    clws("secret", "set", "prod/web/TOKEN", input=SECRET)
    with open(at("vault/hooks/web.toml"), "w") as file:
        file.write(HOOK)
    clws("hook", "sign", "web", "--yes")
    deploy = ["deploy", "--on", "prod", "--yes", "--quiet"]
    stop = ["deploy", "--on", "prod", "--stop", "--yes", "--quiet"]
    times = {"bare": [], "clws": []}
    for round in range(ROUNDS + 1):
        for way in ("bare", "clws") if round % 2 else ("clws", "bare"):
            folder = f"/dev/shm/{NAME}"
            began = time.monotonic()
            bare(folder) if way == "bare" else clws(*deploy)
            took = time.monotonic() - began
            gone(folder) if way == "bare" else clws(*stop)
            # The first round fills caches.
            if round:
                times[way].append(took)
    trace = at("trace")
    traced = ["strace", "-f", "-qq", "-s", "300", "-e", "trace=write,writev,sendto,sendmsg", "-o", trace]
    sh(*traced, CLWS, *deploy, env=env, cwd=at("vault"))
    clws(*stop)
    asked = re.findall(r'"(GET|POST|HEAD|DELETE|PUT) (/\S+) HTTP', open(trace).read())
    median = {way: statistics.median(all) for way, all in times.items()}
    for way, all in times.items():
        print(f"{way:5} {median[way] * 1000:7.1f} ms  ({min(all) * 1000:.1f} to {max(all) * 1000:.1f}, {len(all)} rounds)")
    print(f"clws takes {median['clws'] / median['bare']:.2f} times the bare calls, in {len(asked)} requests where they are 5:")
    for method, path in asked:
        print(f"  {method} {re.sub('[0-9a-f]{64}', 'ID', path)}")


main()
