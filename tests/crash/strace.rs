//! A system call that fails: strace's fault injection around one run of the program.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::lab::Run;
use crate::tool::tool;

/// The calls that change something, or that fail where a disk is full, damaged or gone.
pub(crate) const CALLS: &[&str] = &[
    "open",
    "openat",
    "openat2",
    "read",
    "pread64",
    "write",
    "pwrite64",
    "writev",
    "lseek",
    "fsync",
    "fdatasync",
    "syncfs",
    "ftruncate",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "unlink",
    "unlinkat",
    "rmdir",
    "mkdir",
    "mkdirat",
    "chmod",
    "fchmod",
    "fchmodat",
    "copy_file_range",
    "flock",
    "fcntl",
    "stat",
    "lstat",
    "fstat",
    "statx",
    "newfstatat",
    "statfs",
    "getdents64",
    "close",
];

/// The calls with which one speaks to a server.
pub(crate) const NETWORK: &[&str] = &[
    "socket",
    "connect",
    "sendto",
    "sendmsg",
    "recvfrom",
    "recvmsg",
    "epoll_wait",
    "epoll_pwait",
    "shutdown",
];

/// Of these, those that change what lies on a disk or who holds a lock; besides opening to create.
const CHANGING: &[&str] = &[
    "write",
    "pwrite64",
    "writev",
    "fsync",
    "fdatasync",
    "syncfs",
    "ftruncate",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "unlink",
    "unlinkat",
    "rmdir",
    "mkdir",
    "mkdirat",
    "chmod",
    "fchmod",
    "fchmodat",
    "copy_file_range",
    "flock",
];

/// Of the calls that only look, one in this many of each name is made to fail: there are four of them for
/// each that changes something, and nearly all leave what was there.
const ONE_LOOK_IN: usize = 6;

/// Whether everything is tried and judged, whatever it costs: `CLWS_CRASH=all`.
pub(crate) fn is_all() -> bool {
    #[expect(
        clippy::disallowed_methods,
        reason = "the person who runs the tests says so"
    )]
    let wanted = std::env::var_os("CLWS_CRASH");
    wanted.is_some_and(|wanted| wanted == "all")
}

/// How a call fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum How {
    /// This call alone, with EIO.
    Once,
    /// This call and all later ones of its name, with ENOSPC: a full disk stays full, also while it
    /// is cleaned up.
    Full,
    /// The process is killed before the call takes effect.
    Kill,
    /// This call alone, with EINTR, as a signal does.
    Interrupted,
    /// This call alone, with EACCES: somebody changed the rights of a file or a folder.
    Denied,
}

impl How {
    pub(crate) const ALL: [Self; 5] = [
        Self::Once,
        Self::Full,
        Self::Kill,
        Self::Interrupted,
        Self::Denied,
    ];

    /// Those that are tried without `CLWS_CRASH=all`; a call that fails goes one way, whatever the reason.
    pub(crate) fn usual() -> &'static [Self] {
        match is_all() {
            true => &Self::ALL,
            false => &[Self::Once, Self::Full, Self::Kill],
        }
    }

    /// Which calls of one name it is tried on, by the lines of a run that went well; `one_in` of those
    /// that change something.
    ///
    /// Where nothing changed in between, one kill leaves what the one before left; and what only looks
    /// needs no room.
    pub(crate) fn chosen(self, call: &str, lines: &[String], one_in: usize) -> BTreeSet<usize> {
        let numbered = (1..).zip(lines);
        // strace leaves open what it has not closed, which Linux never does: whoever reads from a pipe would wait
        // for its end for ever.
        if call == "close" && self != Self::Kill {
            return BTreeSet::new();
        }
        if is_all() {
            return numbered.map(|(when, _)| when).collect();
        }
        // Before the program's own first line nothing of ours runs.
        let ours = numbered.filter(|(_, line)| !line.is_empty());
        let (changing, looking): (Vec<_>, Vec<_>) =
            ours.partition(|(_, line)| CHANGING.contains(&call) || line.contains("O_CREAT"));
        let (one_in, looking) = match self {
            // A check of debug builds before a `close`.
            Self::Once if call == "fcntl" => (one_in, None),
            Self::Once => (
                one_in,
                Some(looking.into_iter().step_by(ONE_LOOK_IN * one_in)),
            ),
            // The next call of this name fails along with this one.
            Self::Full => (one_in.max(2), None),
            Self::Kill | Self::Interrupted | Self::Denied => (one_in, None),
        };
        let changing = changing.into_iter().step_by(one_in);
        changing
            .chain(looking.into_iter().flatten())
            .map(|(when, _)| when)
            .collect()
    }

    fn injected(self, call: &str, when: usize) -> String {
        match self {
            Self::Once => format!("inject={call}:error=EIO:when={when}"),
            Self::Full => format!("inject={call}:error=ENOSPC:when={when}+"),
            Self::Kill => format!("inject={call}:signal=KILL:when={when}"),
            Self::Interrupted => format!("inject={call}:error=EINTR:when={when}"),
            Self::Denied => format!("inject={call}:error=EACCES:when={when}"),
        }
    }
}

/// What a run under strace came to.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Whether a call was made to fail.
    pub(crate) hit: bool,
    /// The exit code; `None` if it was killed.
    pub(crate) code: Option<i32>,
    pub(crate) err: String,
}

/// strace, and a place for what it writes.
pub(crate) struct Strace {
    folder: tempfile::TempDir,
}

impl Strace {
    pub(crate) fn new() -> Self {
        Self {
            // Not in the lab: what a program reads and writes stands in a trace.
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn trace(&self) -> PathBuf {
        self.folder.path().join("trace")
    }

    /// Runs the program undisturbed; gives the lines of each call in their order. Those of the loader
    /// are empty.
    pub(crate) fn record(&self, run: &Run<'_>) -> BTreeMap<&'static str, Vec<String>> {
        self.record_all(run, CALLS)
    }

    /// The same for other calls.
    pub(crate) fn record_all(
        &self,
        run: &Run<'_>,
        calls: &'static [&'static str],
    ) -> BTreeMap<&'static str, Vec<String>> {
        let wanted = calls;
        // A call that this architecture does not have is none to be traced.
        let all: Vec<String> = wanted.iter().map(|call| format!("?{call}")).collect();
        let traced = format!("trace=prctl,{}", all.join(","));
        let (ended, trace) = self.run(run, &["-e", &traced]);
        assert_eq!(ended.code, Some(0), "undisturbed: {}", ended.err);
        let mut calls = BTreeMap::<_, Vec<_>>::new();
        let mut is_ours = false;
        for line in trace.lines() {
            // The first thing that `main` does.
            is_ours |= line.contains("PR_SET_DUMPABLE");
            let line = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
            let name = line.split('(').next().unwrap_or_default();
            if let Some(call) = wanted.iter().find(|call| **call == name) {
                calls.entry(*call).or_default().push(if is_ours {
                    line.to_owned()
                } else {
                    String::new()
                });
            }
        }
        calls
    }

    /// Runs the program with the `when`-th of these calls failing.
    pub(crate) fn inject(&self, run: &Run<'_>, call: &str, how: How, when: usize) -> Ended {
        let traced = format!("trace={call}");
        let (mut ended, trace) = self.run(run, &["-e", &traced, "-e", &how.injected(call, when)]);
        ended.hit = trace.contains("(INJECTED)") || trace.contains("killed by SIGKILL");
        ended
    }

    /// What the program did to files, with all bytes that it wrote, as strace writes it down.
    pub(crate) fn trace_all(&self, run: &Run<'_>, calls: &[&str]) -> String {
        let all: Vec<String> = calls.iter().map(|call| format!("?{call}")).collect();
        let traced = format!("trace={}", all.join(","));
        let whole = "67108864";
        let (ended, trace) = self.run(run, &["-y", "-xx", "-s", whole, "-e", &traced]);
        assert_eq!(ended.code, Some(0), "undisturbed: {}", ended.err);
        trace
    }

    fn run(&self, run: &Run<'_>, options: &[&str]) -> (Ended, String) {
        let program = run.command();
        let mut strace = Command::new(tool("strace"));
        strace.args(["-q", "-f", "-o"]);
        strace.arg(self.trace()).args(options);
        if program.get_envs().any(|(name, _)| name == "EDITOR") {
            // An editor goes its own way.
            strace.args(["-b", "execve"]);
        } else if !options.iter().any(|option| option.contains("signal=")) {
            // Stops for the traced calls alone, which takes half the time. It cannot be had together
            // with the above, and sends no signal.
            strace.arg("--seccomp-bpf");
        }
        strace.arg("--");
        strace.arg(program.get_program()).args(program.get_args());
        strace.env_clear();
        for (name, value) in program.get_envs() {
            strace.env(name, value.unwrap_or_default());
        }
        strace.current_dir(program.get_current_dir().unwrap());
        strace.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = strace.stderr(Stdio::piped()).spawn().unwrap();
        // Less than a pipe holds; whoever fails before it reads closes it.
        drop(child.stdin.take().unwrap().write_all(run.input()));
        let done = child.wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&done.stderr).into_owned();
        let trace = fs::read_to_string(self.trace()).unwrap_or_else(|_| panic!("strace: {err}"));
        assert!(!err.contains("strace: "), "{err}");
        let ended = Ended {
            hit: false,
            code: done
                .status
                .code()
                .filter(|_| done.status.signal().is_none()),
            err,
        };
        (ended, trace)
    }
}
