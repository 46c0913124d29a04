"""The counting of `benches/counts`. Single steps, and no simulator: valgrind before 3.21 does not know openat2."""

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile

CLWS = os.environ["CLWS_BENCH_PROGRAM"]
TRACEME, SINGLESTEP = 0, 9
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def instructions(words, cwd, env):
    """How many instructions the process runs in user space, from its first to its last."""
    child = os.fork()
    if child == 0:
        os.chdir(cwd)
        null = os.open("/dev/null", os.O_RDWR)
        for stream in range(3):
            os.dup2(null, stream)
        libc.ptrace(TRACEME, 0, None, None)
        os.execve(words[0], words, env)
    count, signal = 0, 0
    while True:
        _, status = os.waitpid(child, 0)
        if not os.WIFSTOPPED(status):
            break
        # The trap is the step's own; anything else is meant for the program.
        signal = 0 if os.WSTOPSIG(status) == 5 else os.WSTOPSIG(status)
        if libc.ptrace(SINGLESTEP, child, None, signal):
            sys.exit(f"ptrace: {os.strerror(ctypes.get_errno())}")
        count += 1
    if status:
        sys.exit(f"{words}: {os.waitstatus_to_exitcode(status)}")
    return count


def calls(words, cwd, env):
    with tempfile.NamedTemporaryFile("r") as log:
        subprocess.run(["strace", "-o", log.name, *words], cwd=cwd, env=env, check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return sum(line[:1].isalpha() for line in log)


def faults(words, cwd, env):
    child = subprocess.Popen(words, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_minflt


def main():
    root = tempfile.mkdtemp(prefix="clws-counts-")
    vault = f"{root}/vault"
    os.makedirs(f"{root}/home")
    os.makedirs(vault)
    # Nothing of this machine enters: an environment of its own, and short paths that are always as long.
    env = {"HOME": f"{root}/home", "PATH": "/usr/bin:/bin", "CLWS_CONFIG_DIR": f"{root}/config",
           "CLWS_STATE_DIR": f"{root}/state", "GIT_CONFIG_NOSYSTEM": "1"}

    def run(*words, input=b""):
        subprocess.run(words, cwd=vault, env=env, input=input, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    try:
        os.makedirs(f"{root}/certs")
        for name, values in (("ten", 10), ("many", 10_000)):
            with open(f"{root}/certs/{name}.env", "w") as file:
                file.writelines(f"NAME_{n:05}=value-{n * 7919:012}-of-some-length\n" for n in range(values))
        run(CLWS, "init", "--name", "ada")
        run(CLWS, "secret", "set", "prod/one/TOKEN", input=b"hunter2 and a little more")
        run(CLWS, "import", f"{root}/certs", "--scope", "prod", "--yes")
        commands = [
            ["--version"],
            ["secret", "get", "prod/one/TOKEN"],
            ["secret", "get", "prod/many/NAME_05000"],
            ["secret", "list", "prod/ten"],
            ["exec", "prod/ten", "--", "/bin/true"],
        ]
        print("| | instructions | system calls | page faults |\n|---|--:|--:|--:|")
        for words in commands:
            words = [CLWS, *words]
            # What is remembered of a value is remembered by now.
            run(*words)
            counted = [count(words, vault, env) for count in (instructions, calls, faults)]
            # The program that takes clws's place is counted too, and taken off.
            if "exec" in words:
                counted = [all - count(["/bin/true"], vault, env) for all, count in zip(counted, (instructions, calls, faults))]
            print(f"| `{' '.join(words[1:])}` | {counted[0] / 1e6:.2f} million | {counted[1]} | {counted[2]} |", flush=True)
    finally:
        shutil.rmtree(root)


main()
