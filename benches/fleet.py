"""A hundred aliases of one real sshd: 1 KB placed and a command run on each, at most 50 at a time.

Each program starts with nothing and connects to every alias anew; all log in with the same Ed25519 key
and know the same host key. One sshd serves all, with MaxStartups 1000 so that it turns nobody away. The
aliases are the addresses 127.0.1.1 to 127.0.1.100, and each has an account of its own, with bash and a
home in memory: `benches/fleet` gives this process an /etc/passwd that has them.

All do the same: the file has mode 0600, has its name only when it is whole, and is then counted by `wc`.
clws besides takes a lock, keeps a receipt, writes its log and syncs both.

The programs take turns. What counts is the ratio of the medians; the server works on the same cores as
they do. Client CPU is what the program and its children used, server CPU what sshd's did.
"""

import os
import re
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
# Only those whose names contain one of these words.
ONLY = os.environ.get("CLWS_BENCH_ONLY", "").split(",")
PORT = 2222
FIRST_UID = 52000
CLWS = os.environ["CLWS_BENCH_PROGRAM"]
PAYLOAD = "0123456789abcdef" * 64
COMMAND = (
    'umask 077; cd && mkdir -p peer && cat >peer/blob.new && mv peer/blob.new peer/blob && wc -c peer/blob'
)

ASYNCSSH = """
import asyncio, asyncssh, sys
payload, command = open(sys.argv[1]).read(), sys.argv[2]
hosts = [host.split("@") for host in sys.argv[5:]]
key = asyncssh.read_private_key(sys.argv[3])
known = asyncssh.read_known_hosts(sys.argv[4])
gate = asyncio.Semaphore(%d)
async def one(user, host):
    async with gate:
        async with asyncssh.connect(host, port=%d, username=user, client_keys=[key],
                                    known_hosts=known, config=None, agent_path=None) as c:
            done = await c.run(command, input=payload, check=True)
            assert done.stdout.split()[0] == "1024", done
async def main():
    await asyncio.gather(*(one(*host) for host in hosts))
asyncio.run(main())
""" % (AT_A_TIME, PORT)

PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - copy: { src: "%s", dest: "ansible-blob", mode: "0600" }
    - command: wc -c ansible-blob
      changed_when: false
"""


def sh(*words, input=None, env=None, cwd=None):
    done = subprocess.run(words, input=input, env=env, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def spent(server):
    """What the server's children used that have ended, in seconds of CPU."""
    fields = open(f"/proc/{server.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def at_rest(server):
    """Waits until the server has no children any more, for 90 seconds at most, as Ansible's connections stay for 60."""
    for _ in range(9000):
        if not open(f"/proc/{server.pid}/task/{server.pid}/children").read():
            return
        time.sleep(0.01)


def measure(server, words, **how):
    def used():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    at_rest(server)
    cpu, serving, began = used(), spent(server), time.monotonic()
    out = sh(*words, **how)
    wall, cpu = time.monotonic() - began, used() - cpu
    at_rest(server)
    return wall, cpu, spent(server) - serving, out


def accounts(memory):
    """Gives this mount namespace an /etc/passwd with an account for each alias, each with a home."""
    lines = [open("/etc/passwd").read().rstrip("\n")]
    for number in range(1, HOSTS + 1):
        home = os.path.join(memory, f"b{number}")
        os.mkdir(home, 0o700)
        uid = FIRST_UID + number
        os.chown(home, uid, uid)
        lines.append(f"b{number}:*:{uid}:{uid}::{home}:/bin/bash")
    passwd = os.path.join(memory, "passwd")
    with open(passwd, "w") as file:
        file.write("\n".join(lines) + "\n")
    sh("mount", "--bind", passwd, "/etc/passwd")
    # No logind keeps these accounts, and none takes away what they own in memory.
    if os.path.isdir("/run/systemd"):
        sh("mount", "-t", "tmpfs", "none", "/run/systemd")


def main():
    if os.geteuid() != 0:
        sys.exit("run it as root: sshd logs accounts in")
    work = tempfile.mkdtemp()
    memory = tempfile.mkdtemp(dir="/dev/shm")
    os.chmod(work, 0o755)
    os.chmod(memory, 0o755)
    server = []
    try:
        bench(work, memory, server)
    finally:
        for process in server:
            process.terminate()
            process.wait()
        sh("umount", "/etc/passwd")
        shutil.rmtree(work)
        shutil.rmtree(memory)
        for number in range(1, HOSTS + 1):
            shutil.rmtree(f"/dev/shm/clws-{FIRST_UID + number}", ignore_errors=True)


def bench(work, memory, servers):
    at = lambda name: os.path.join(work, name)
    accounts(memory)
    aliases = [f"127.0.1.{n}" for n in range(1, HOSTS + 1)]
    places = [f"b{n}@127.0.1.{n}" for n in range(1, HOSTS + 1)]
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
    with open(at("sshd_config"), "w") as file:
        file.write(
            f"Port {PORT}\nHostKey {at('host')}\nPidFile none\nStrictModes no\nUsePAM no\nUseDNS no\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            f"AuthorizedKeysFile {at('authorized_keys')}\nMaxStartups 1000\n"
            "PerSourcePenalties no\nSubsystem sftp internal-sftp\n"
        )
    os.makedirs("/run/sshd", exist_ok=True)
    text = open(at("sshd_config")).read()
    if subprocess.run(["/usr/sbin/sshd", "-t", "-f", at("sshd_config")], capture_output=True).returncode:
        # Before OpenSSH 9.8 there are no penalties.
        open(at("sshd_config"), "w").write(text.replace("PerSourcePenalties no\n", ""))
    server = subprocess.Popen(
        ["/usr/sbin/sshd", "-D", "-f", at("sshd_config"), "-E", at("log")]
    )
    servers.append(server)
    with open(at("known_hosts"), "w") as file:
        for alias in aliases:
            file.write(f"[{alias}]:{PORT} {host_key}\n")
    with open(at("ssh_config"), "w") as file:
        file.write(
            f"Port {PORT}\nIdentityFile {at('login')}\nIdentitiesOnly yes\nIdentityAgent none\n"
            f"UserKnownHostsFile {at('known_hosts')}\nStrictHostKeyChecking yes\nBatchMode yes\nLogLevel ERROR\n"
        )
    open(at("payload"), "w").write(PAYLOAD)
    open(at("hosts"), "w").write("".join(f"{place}\n" for place in places))
    kind, key = host_key.split()[:2]
    for number, alias in enumerate(aliases, 1):
        with open(os.path.join(vault, f"recipients/h{number:03}.toml"), "w") as file:
            file.write(
                f'[party]\nkind = "host"\nname = "h{number:03}"\naddress = "{alias}"\nport = {PORT}\n'
                f'user = "b{number}"\nscope = "prod"\nmachine_type = "server"\n\n[hostkey.main]\n'
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
    open(at("play.yml"), "w").write(PLAYBOOK % at("payload"))
    with open(at("inventory"), "w") as file:
        for place in places:
            user, alias = place.split("@")
            file.write(f"{alias} ansible_user={user} ansible_python_interpreter=/usr/bin/python3\n")

    ssh = f"ssh -F {at('ssh_config')} {{}} '{COMMAND}' <{at('payload')}"
    alike = ssh.replace("ssh -F", "ssh -o KexAlgorithms=curve25519-sha256 -F")
    ansible = dict(
        os.environ,
        ANSIBLE_HOST_KEY_CHECKING="True",
        # Its own defaults, and where the key and the host keys are.
        ANSIBLE_SSH_ARGS=f"-C -o ControlMaster=auto -o ControlPersist=60s -F {at('ssh_config')}",
        ANSIBLE_LOCAL_TEMP=at("ansible"),
        ANSIBLE_HOME=at("ansible-home"),
    )
    many = ["xargs", f"-P{AT_A_TIME}", "-a", at("hosts"), "-I{}", "sh", "-c"]
    peers = {
        "clws deploy": (
            [CLWS, "deploy", "--on", "prod", "--yes", "--json", "--parallel", str(AT_A_TIME)],
            dict(env=env, cwd=vault),
        ),
        "xargs -P50 ssh": ([*many, ssh], {}),
        "the same, X25519": ([*many, alike], {}),
        "pssh": (
            ["parallel-ssh", "-h", at("hosts"), "-p", str(AT_A_TIME), "-t", "0", "-I", "-x",
             f"-F {at('ssh_config')}", COMMAND],
            dict(input=PAYLOAD),
        ),
        "asyncssh": (
            [sys.executable, at("peer.py"), at("payload"), COMMAND, at("login"),
             at("known_hosts"), *places],
            {},
        ),
        "ansible-playbook": (
            ["ansible-playbook", "-f", str(AT_A_TIME), "-i", at("inventory"), at("play.yml")],
            dict(env=ansible),
        ),
    }
    peers = {
        name: how for name, how in peers.items()
        if name == "clws deploy" or any(word in name for word in ONLY)
    }
    verbose = subprocess.run(
        ["ssh", "-v", "-F", at("ssh_config"), places[0], "true"], capture_output=True, text=True
    ).stderr
    kex = re.search(r"kex: algorithm: (\S+)", verbose)
    times = {name: [] for name in peers}
    for round in range(ROUNDS):
        for name, (words, how) in peers.items():
            if name == "ansible-playbook" and round > 0:
                continue
            if name == "clws deploy":
                # A new value, so that there is something to bring.
                clws("secret", "set", "prod/web/BLOB", input=PAYLOAD[:-1] + chr(65 + round % 26))
            *used, out = measure(server, words, **how)
            if name == "clws deploy":
                done = out.count('"changed"') + out.count('"started"')
                assert done == HOSTS, out
            times[name].append(used)
    middle = {
        name: [statistics.median(column) for column in zip(*all)] for name, all in times.items()
    }
    wall, cpu, _ = middle["clws deploy"]
    print(f"{HOSTS} aliases of one sshd, {AT_A_TIME} at a time, {os.cpu_count()} cores, MaxStartups 1000")
    print(f"ssh and this sshd agree on {kex.group(1) if kex else 'an unknown key exchange'}")
    print(f"{'':18} {'wall s':>8} {'least':>8} {'x clws':>7} {'CPU s':>8} {'x clws':>7} {'server CPU ms a host':>21}")
    for name, (w, c, s) in middle.items():
        least = min(row[0] for row in times[name])
        print(f"{name:18} {w:8.2f} {least:8.2f} {w / wall:7.1f} {c:8.2f} {c / cpu:7.1f} {s / HOSTS * 1000:21.1f}")


main()
