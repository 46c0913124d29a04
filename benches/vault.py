"""Whole processes beside their peers, started in turn; what counts is the ratio of the medians: `bash benches/vault`.

Two vaults: one of documents, which is all that SOPS has beside it, and one with 10,000 sealed files in it, too."""

import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

CLWS = os.environ["CLWS_BENCH_PROGRAM"]
ROUNDS = int(sys.argv[1])
VALUES = 10_000
FILES = 10_000
READERS = 50
# Peers that take a hundred milliseconds or a process a file are given fewer rounds and files.
SLOW_ROUNDS = max(3, ROUNDS // 8)
AGE_FILES = 500
DROPPED = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Lab:
    def __init__(self, root):
        self.root = root
        self.vault, self.shelf = self.at("vault"), self.at("shelf")
        peers = os.path.dirname(shutil.which("sops"))
        self.env = {"HOME": self.at("home"), "PATH": f"{peers}:/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8",
                    "SOPS_AGE_KEY_FILE": self.at("key"), "CLWS_CONFIG_DIR": self.at("config"),
                    "CLWS_STATE_DIR": self.at("state"), "GNUPGHOME": self.at("gnupg"), "ANSIBLE_HOME": self.at("ansible"),
                    "PASSWORD_STORE_DIR": self.at("store")}
        os.makedirs(self.env["HOME"])

    def at(self, *names):
        return os.path.join(self.root, *names)

    def sh(self, script, cwd=None):
        done = subprocess.run(["bash", "-euc", script], env=self.env, cwd=cwd or self.root, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{script}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        return done.stdout

    def clws(self, *words, input="", vault=None):
        done = subprocess.run([CLWS, *words], env=self.env, cwd=vault or self.vault, input=input, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"clws {words}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")

    def took(self, words, input=None, vault=None):
        """Milliseconds."""
        began = time.perf_counter()
        done = subprocess.run(words, env=self.env, cwd=vault or self.vault, input=input, **DROPPED)
        took = (time.perf_counter() - began) * 1000
        if done.returncode:
            sys.exit(f"{words}: {done.returncode}")
        return took

    def in_turn(self, commands, rounds=ROUNDS, vault=None):
        """The medians of commands that take turns; one that is a function is called for its words."""
        times = [[] for _ in commands]
        for _ in range(rounds + 1):
            for command, all in zip(commands, times):
                words, input = command() if callable(command) else (command, None)
                all.append(self.took(words, input, vault))
        return [statistics.median(all[1:]) for all in times]

    def memory(self, words, vault=None):
        """Most memory of a command, MiB."""
        program = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);" \
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        out = subprocess.run([sys.executable, "-c", program, *words], env=self.env, cwd=vault or self.vault, check=True,
                             capture_output=True, text=True)
        return int(out.stdout) / 1024


def build(lab):
    """The vaults, and the same content for each peer."""
    r = random.Random(1)
    values = [(f"NAME_{n:05}", f"{r.getrandbits(128):032x}") for n in range(VALUES)]
    os.makedirs(lab.at("source"))
    with open(lab.at("source/many.env"), "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in values)
    with open(lab.at("source/thousand.env"), "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in values[:1000])
    with open(lab.at("source/ten.env"), "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in values[:10])
    with open(lab.at("many.yaml"), "w") as file:
        file.writelines(f"{name}: {value}\n" for name, value in values)
    for n in range(FILES):
        folder = lab.at(f"shelved/files/d{n // 100:02}")
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/f{n:05}.bin", "wb") as file:
            file.write(r.randbytes(1024))
    for vault in lab.vault, lab.shelf:
        os.makedirs(vault)
        lab.clws("init", "--name", "ada", vault=vault)
        lab.clws("secret", "set", "prod/one/TOKEN", input="hunter2 and a little more", vault=vault)
        lab.clws("import", lab.at("source"), "--scope", "prod", "--yes", vault=vault)
    lab.clws("import", lab.at("shelved"), "--scope", "prod", "--yes", vault=lab.shelf)
    lab.sh("age-keygen -o key 2>/dev/null")
    lab.public = lab.sh("age-keygen -y key").strip()
    if shutil.which("rops"):
        lab.env["ROPS_AGE"] = lab.sh("tail -n 1 key").strip()
        for name, text in ("one", "printf 'token: hunter2\\n'"), ("many", "cat many.yaml"):
            lab.sh(f"{text} | rops encrypt --format yaml --age {lab.public} >{name}.rops")
    lab.sh(f"printf hunter2 | age -r {lab.public} -o one.age; printf 'token: hunter2\\n' >one.yaml; "
           f"sops encrypt -i --age {lab.public} one.yaml; sops encrypt -i --age {lab.public} many.yaml; "
           "printf word >word; printf hunter2 >one.vault; ansible-vault encrypt --vault-password-file word one.vault")
    os.makedirs(lab.at("gnupg"), 0o700)
    lab.sh("gpg --batch -q --passphrase '' --quick-generate-key a@b.invalid; pass init a@b.invalid; echo hunter2 | pass insert -e one")
    os.makedirs(lab.at("age"))
    for n in range(AGE_FILES):
        lab.sh(f"age -r {lab.public} -o age/{n}.age shelved/files/d{n // 100:02}/f{n:05}.bin")


ROWS = []


def row(what, value, wanted=None, most=True):
    """A ratio; `wanted` is its most, or its least."""
    met = "" if wanted is None else ("yes" if (value <= wanted if most else value >= wanted) else "no")
    bound = "" if wanted is None else f"{'at most' if most else 'at least'} {wanted:g}"
    ROWS.append((what, f"{value:.2f}" if value < 20 else f"{value:.0f}", bound, met))
    print(f"{what:66} {ROWS[-1][1]:>8}  {bound:14} {met}", flush=True)


def rops(file):
    """Without a terminal it takes a file through its standard input alone."""
    with open(file, "rb") as text:
        return ["rops", "decrypt", "--format", "yaml"], text.read()


def reading(lab):
    true = ["/bin/true"]
    get = [CLWS, "secret", "get"]
    peers = {
        "age -d": ["age", "-d", "-i", lab.at("key"), lab.at("one.age")],
        "sops decrypt --extract": ["sops", "decrypt", "--extract", '["token"]', lab.at("one.yaml")],
        "pass show": ["pass", "show", "one"],
        "ansible-vault view": ["ansible-vault", "view", "--vault-password-file", lab.at("word"), lab.at("one.vault")],
    }
    if shutil.which("rage"):
        peers["rage -d"] = ["rage", "-d", "-i", lab.at("key"), lab.at("one.age")]
    if shutil.which("rops"):
        peers["rops decrypt"] = lambda: rops(lab.at("one.rops"))
    base, version, one, many = lab.in_turn([true, [CLWS, "--version"], [*get, "prod/one/TOKEN"], [*get, "prod/many/NAME_05000"]])
    row("clws --version / /bin/true", version / base)
    row("secret get, 1 value / /bin/true", one / base, 2)
    row("secret get, 10,000 values / /bin/true", many / base, 2)
    row("secret get, 10,000 values / 1 value", many / one, 1.2)
    for name, words in peers.items():
        mine, its = lab.in_turn([[*get, "prod/one/TOKEN"], words], SLOW_ROUNDS)
        row(f"{name} / secret get, 1 value", its / mine)


def running(lab):
    env = ["env", "X=1", "true"]
    base, ten, thousand = lab.in_turn([env, [CLWS, "exec", "prod/ten", "--", "true"], [CLWS, "exec", "prod/thousand", "--", "true"]])
    row("exec -- true, 10 values / env X=1 true", ten / base, 2)
    row("exec -- true, 1,000 values / env X=1 true", thousand / base, 3)


def written_alone(lab):
    """Milliseconds that the disk asks for a document of 10,000 values: a new file, synced and renamed, and its folder
    synced. The log and the pins come to it, and everything that is not writing."""
    folder = lab.at("alone")
    os.makedirs(folder)
    with open(lab.at("vault/secrets/prod/many.toml"), "rb") as file:
        text = file.read()
    times = []
    for _ in range(SLOW_ROUNDS + 1):
        began = time.perf_counter()
        with open(f"{folder}/new", "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.rename(f"{folder}/new", f"{folder}/many.toml")
        at = os.open(folder, os.O_RDONLY)
        os.fsync(at)
        os.close(at)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times[1:])


def setting(lab):
    turn = iter(range(10**9))

    def ours():
        return [CLWS, "secret", "set", "prod/many/NAME_05000"], f"value {next(turn)}".encode()

    def its():
        return ["sops", "set", lab.at("many.yaml"), '["NAME_05000"]', f'"value {next(turn)}"'], None

    mine, theirs = lab.in_turn([ours, its], SLOW_ROUNDS)
    row("sops set / secret set, in 10,000 values", theirs / mine, 150, most=False)
    row("sops set / writing and syncing that document, and no more", theirs / written_alone(lab))
    [beside] = lab.in_turn([ours], SLOW_ROUNDS, lab.shelf)
    row("sops set / secret set, beside 10,000 sealed files", theirs / beside)
    lab.sh(f"strace -f -e trace=fsync,fdatasync,syncfs,sync -o {lab.at('syncs')} {CLWS} secret set prod/many/NAME_05000 <{lab.at('word')}",
           cwd=lab.vault)
    with open(lab.at("syncs")) as file:
        row("fsyncs of one secret set", sum("sync(" in line for line in file))


def opening(lab):
    all = [CLWS, "export", "prod/many", "--format", "dotenv", "--out", "-"]
    mine, theirs = lab.in_turn([all, ["sops", "decrypt", lab.at("many.yaml")]], SLOW_ROUNDS)
    row("sops decrypt / export --out -, 10,000 values", theirs / mine, 60, most=False)
    if shutil.which("rops"):
        mine, theirs = lab.in_turn([all, lambda: rops(lab.at("many.rops"))], SLOW_ROUNDS)
        row("rops decrypt / export --out -, 10,000 values", theirs / mine)
    turn = iter(range(10**9))
    shelf = tempfile.mkdtemp(dir="/dev/shm")
    try:
        def files():
            return [CLWS, "export", "prod/files", "--format", "dir", "--out", f"{shelf}/{next(turn)}"], None

        def loop():
            script = f'for f in "$1"/*.age; do age -d -i "$2" -o {shelf}/x "$f"; done'
            return ["bash", "-euc", script, "x", lab.at("age"), lab.at("key")], None

        def copied():
            return ["cp", "-r", lab.at("shelved/files"), f"{shelf}/c{next(turn)}"], None

        mine, its, copy = lab.in_turn([files, loop, copied], 3, lab.shelf)
    finally:
        shutil.rmtree(shelf)
    row("age -d in a loop / export of sealed files, a file", its / AGE_FILES / (mine / FILES), 25, most=False)
    row("export of 10,000 files / cp -r", mine / copy, 5)


def overview(lab):
    recipients = {}
    for n in range(READERS):
        lab.sh(f"age-keygen -o reader{n} 2>/dev/null")
        key = lab.sh(f"age-keygen -y reader{n}").strip()
        recipients[f"reader{n}"] = f'[party]\nkind = "person"\nname = "reader{n}"\n\n[recipient.main]\nage = "{key}"\n\n[end]\n'
    ours = {"list": [CLWS, "secret", "list", "prod/many"], "check": [CLWS, "check"]}
    for vault, beside, wanted in (lab.vault, "", (1, 100)), (lab.shelf, ", 10,000 files", (None, None)):
        for name, text in recipients.items():
            with open(os.path.join(vault, f"recipients/{name}.toml"), "w") as file:
                file.write(text)
        lab.clws("trust", "sign", "--yes", vault=vault)
        for name in recipients:
            lab.clws("access", "grant", name, "prod/many", "--read", "--yes", vault=vault)
        times = lab.in_turn(list(ours.values()), SLOW_ROUNDS, vault)
        for (name, words), took in zip(ours.items(), times):
            what = f"{name}, 10,000 values and {READERS} readers{beside}"
            row(f"{what}: seconds", took / 1000, wanted[0])
            row(f"{what}: MiB", lab.memory(words, vault), wanted[1])


def main():
    root = tempfile.mkdtemp(prefix="clws-bench-")
    try:
        lab = Lab(root)
        build(lab)
        print(f"{'':66} {'ratio':>8}  {'wanted':14} met")
        for part in (reading, running, setting, opening, overview):
            part(lab)
    finally:
        subprocess.run(["gpgconf", "--kill", "all"], env={**os.environ, "GNUPGHOME": os.path.join(root, "gnupg")}, **DROPPED)
        shutil.rmtree(root)


main()
