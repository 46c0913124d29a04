"""A hundred aliases of one real sshd: 1 KB placed and a command run on each, at most 50 at a time.

Each program starts with nothing and connects to every alias anew; all log in with the same Ed25519 key
and know the same host key. One sshd serves all, with MaxStartups 1000 so that it turns nobody away. The
aliases are the addresses 127.0.1.1 to 127.0.1.100; each has a folder of its own, in memory.

The programs take turns. What counts is the ratio of the medians; the server works on the same cores as
they do, and its share is the same for all that run one command. CPU is what the program and its children
used, without the server.
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HOSTS = int(os.environ.get("CLWS_BENCH_HOSTS", "100"))
AT_A_TIME = 50
ROUNDS = int(os.environ.get("CLWS_BENCH_ROUNDS", "5"))
PORT = 2222
CLWS = os.environ["CLWS_BENCH_PROGRAM"]
PAYLOAD = "0123456789abcdef" * 64
COMMAND = 'umask 077; mkdir -p "$XDG_RUNTIME_DIR/peer" && cat >"$XDG_RUNTIME_DIR/peer/blob" && wc -c <"$XDG_RUNTIME_DIR/peer/blob"'

ASYNCSSH = """
import asyncio, asyncssh, sys
payload, command = open(sys.argv[1]).read(), sys.argv[2]
hosts = sys.argv[5:]
key = asyncssh.read_private_key(sys.argv[3])
known = asyncssh.read_known_hosts(sys.argv[4])
gate = asyncio.Semaphore(%d)
async def one(host):
    async with gate:
        async with asyncssh.connect(host, port=%d, username="root", client_keys=[key],
                                    known_hosts=known, config=None, agent_path=None) as c:
            done = await c.run(command, input=payload, check=True)
            assert done.stdout.strip() == "1024", done
async def main():
    await asyncio.gather(*map(one, hosts))
asyncio.run(main())
""" % (AT_A_TIME, PORT)

PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - copy: { src: "%s", dest: "%s/{{ inventory_hostname }}/run/ansible-blob", mode: "0600" }
    - command: wc -c %s/{{ inventory_hostname }}/run/ansible-blob
      changed_when: false
"""


def sh(*words, input=None, env=None, cwd=None):
    done = subprocess.run(words, input=input, env=env, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def measure(words, **how):
    def used():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    cpu, began = used(), time.monotonic()
    out = sh(*words, **how)
    return time.monotonic() - began, used() - cpu, out


def main():
    if os.geteuid() != 0:
        sys.exit("run it as root: sshd logs root in")
    work = tempfile.mkdtemp()
    memory = tempfile.mkdtemp(dir="/dev/shm")
    server = None
    try:
        server = bench(work, memory)
    finally:
        if server:
            server.terminate()
            server.wait()
        shutil.rmtree(work)
        shutil.rmtree(memory)


def bench(work, memory):
    at = lambda name: os.path.join(work, name)
    aliases = [f"127.0.1.{n}" for n in range(1, HOSTS + 1)]
    for name in ("host", "login"):
        sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", at(name))
    host_key = open(at("host.pub")).read().strip()
    home, vault = at("home"), at("vault")
    os.makedirs(vault)
    env = {"HOME": home, "PATH": "/usr/bin:/bin", "USER": "root"}
    clws = lambda *words, input=None: sh(CLWS, *words, input=input, env=env, cwd=vault)
    clws("init", "--name", "ada")
    with open(at("authorized_keys"), "w") as file:
        file.write(open(at("login.pub")).read())
        party = clws("identity", "show")
        line = next(line for line in party.splitlines() if line.startswith("key = "))
        file.write(line.split('"')[1] + "\n")
    # Root has one place for all vaults and hosts; the aliases are told that they are somebody else.
    os.makedirs(os.path.join(memory, "bin"))
    shim = os.path.join(memory, "bin/id")
    with open(shim, "w") as file:
        file.write("#!/bin/sh\necho 1000\n")
    os.chmod(shim, 0o755)
    with open(at("sshd_config"), "w") as file:
        file.write(
            f"Port {PORT}\nHostKey {at('host')}\nPidFile none\nStrictModes no\nUsePAM no\nUseDNS no\n"
            "PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            f"AuthorizedKeysFile {at('authorized_keys')}\nMaxStartups 1000\n"
            "PerSourcePenalties no\nSubsystem sftp internal-sftp\n"
        )
        for alias in aliases:
            own = os.path.join(memory, alias)
            os.makedirs(os.path.join(own, "run"))
            file.write(
                f"Match LocalAddress {alias}\n  SetEnv XDG_RUNTIME_DIR={own}/run XDG_STATE_HOME={own}/state"
                f" HOME={own} PATH={memory}/bin:/usr/bin:/bin\n"
            )
    os.makedirs("/run/sshd", exist_ok=True)
    text = open(at("sshd_config")).read()
    if subprocess.run(["/usr/sbin/sshd", "-t", "-f", at("sshd_config")], capture_output=True).returncode:
        # Before OpenSSH 9.8 there are no penalties.
        open(at("sshd_config"), "w").write(text.replace("PerSourcePenalties no\n", ""))
    server = subprocess.Popen(
        ["/usr/sbin/sshd", "-D", "-f", at("sshd_config"), "-E", at("log")]
    )
    with open(at("known_hosts"), "w") as file:
        for alias in aliases:
            file.write(f"[{alias}]:{PORT} {host_key}\n")
    with open(at("ssh_config"), "w") as file:
        file.write(
            f"Port {PORT}\nUser root\nIdentityFile {at('login')}\nIdentitiesOnly yes\nIdentityAgent none\n"
            f"UserKnownHostsFile {at('known_hosts')}\nStrictHostKeyChecking yes\nBatchMode yes\nLogLevel ERROR\n"
        )
    open(at("payload"), "w").write(PAYLOAD)
    open(at("hosts"), "w").write("".join(f"{alias}\n" for alias in aliases))
    kind, key = host_key.split()[:2]
    for number, alias in enumerate(aliases):
        with open(os.path.join(vault, f"recipients/h{number:03}.toml"), "w") as file:
            file.write(
                f'[party]\nkind = "host"\nname = "h{number:03}"\naddress = "{alias}"\nport = {PORT}\n'
                f'user = "root"\nscope = "prod"\nmachine_type = "server"\n\n[hostkey.main]\n'
                f'key = "{kind} {key}"\n\n[end]\n'
            )
    clws("trust", "sign", "--yes")
    os.makedirs(os.path.join(vault, "hooks"), exist_ok=True)
    with open(os.path.join(vault, "hooks/web.toml"), "w") as file:
        file.write(
            'runs_on = { machine_type = "server" }\n[file.blob]\nsecret = "web/BLOB"\n'
            '[[before]]\nrun = ["wc", "-c", "blob"]\n'
        )
    clws("secret", "set", "prod/web/BLOB", input=PAYLOAD)
    clws("hook", "sign", "web", "--yes")
    open(at("peer.py"), "w").write(ASYNCSSH)
    open(at("play.yml"), "w").write(PLAYBOOK % (at("payload"), memory, memory))
    with open(at("inventory"), "w") as file:
        for alias in aliases:
            file.write(f"{alias} ansible_python_interpreter=/usr/bin/python3\n")

    ssh = f"ssh -F {at('ssh_config')} {{}} '{COMMAND}' <{at('payload')}"
    ansible = dict(
        os.environ,
        ANSIBLE_HOST_KEY_CHECKING="True",
        # Its own defaults, and where the key and the host keys are.
        ANSIBLE_SSH_ARGS=f"-C -o ControlMaster=auto -o ControlPersist=60s -F {at('ssh_config')}",
        ANSIBLE_LOCAL_TEMP=at("ansible"),
        ANSIBLE_HOME=at("ansible-home"),
        ANSIBLE_REMOTE_TEMP="/tmp/ansible-bench",
    )
    peers = {
        "clws deploy": (
            [CLWS, "deploy", "--on", "prod", "--yes", "--json", "--parallel", str(AT_A_TIME)],
            dict(env=env, cwd=vault),
        ),
        "xargs -P50 ssh": (
            ["xargs", f"-P{AT_A_TIME}", "-a", at("hosts"), "-I{}", "sh", "-c", ssh],
            {},
        ),
        "pssh": (
            ["parallel-ssh", "-h", at("hosts"), "-p", str(AT_A_TIME), "-t", "0", "-I", "-x",
             f"-F {at('ssh_config')}", COMMAND],
            dict(input=PAYLOAD),
        ),
        "asyncssh": (
            [sys.executable, at("peer.py"), at("payload"), COMMAND, at("login"),
             at("known_hosts"), *aliases],
            {},
        ),
        "ansible-playbook": (
            ["ansible-playbook", "-f", str(AT_A_TIME), "-i", at("inventory"), at("play.yml")],
            dict(env=ansible),
        ),
    }
    times = {name: [] for name in peers}
    try:
        for round in range(ROUNDS):
            for name, (words, how) in peers.items():
                if name == "ansible-playbook" and round > 0:
                    continue
                if name == "clws deploy":
                    # A new value, so that there is something to bring.
                    clws("secret", "set", "prod/web/BLOB", input=PAYLOAD[:-1] + chr(65 + round))
                wall, cpu, out = measure(words, **how)
                if name == "clws deploy":
                    done = out.count('"changed"') + out.count('"started"')
                    assert done == HOSTS, out
                times[name].append((wall, cpu))
    finally:
        shutil.rmtree("/tmp/ansible-bench", ignore_errors=True)
    middle = {
        name: [statistics.median(column) for column in zip(*all)] for name, all in times.items()
    }
    wall, cpu = middle["clws deploy"]
    print(f"{HOSTS} aliases of one sshd, {AT_A_TIME} at a time, {os.cpu_count()} cores, MaxStartups 1000")
    print(f"{'':18} {'wall s':>8} {'x clws':>7} {'CPU s':>8} {'x clws':>7}")
    for name, (w, c) in middle.items():
        print(f"{name:18} {w:8.2f} {w / wall:7.1f} {c:8.2f} {c / cpu:7.1f}")
    return server


main()
