//! clws beside its peers, whole processes in one run: `bash benches/run`.
//!
//! Each command is started in turn with `/bin/true`, A B A B, so that a machine that changes its speed
//! changes it for both. What counts is the ratio of the medians; single times say little.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a bench ends at the first thing that is wrong, and prints its table"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Rounds for quick commands; slow ones take fewer.
const ROUNDS: usize = 200;

struct Lab {
    dir: tempfile::TempDir,
    clws: PathBuf,
}

fn main() {
    // `cargo test --benches` and clippy ask for nothing to be run.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let lab = Lab {
        dir: tempfile::tempdir().unwrap(),
        clws: program(),
    };
    lab.run(&["init", "--name", "ada"], b"");
    lab.run(
        &["secret", "set", "prod/one/TOKEN"],
        b"hunter2 and a little more",
    );
    let mut many = String::new();
    for number in 0..10_000 {
        many.push_str(&format!(
            "NAME_{number:05}=value number {number} of ten thousand\n"
        ));
    }
    std::fs::create_dir(lab.path("certs")).unwrap();
    std::fs::write(lab.path("certs/many.env"), many).unwrap();
    let certs = lab.path("certs");
    lab.run(
        &[
            "import",
            certs.to_str().unwrap(),
            "--scope",
            "prod",
            "--yes",
        ],
        b"",
    );

    let key = lab.path("key.txt");
    let public = sh(&format!(
        "age-keygen -o {} 2>/dev/null; age-keygen -y {}",
        key.display(),
        key.display()
    ));
    let age_file = lab.path("value.age");
    sh(&format!(
        "printf hunter2 | age -r {} -o {}",
        public.trim(),
        age_file.display()
    ));
    let sops_file = lab.path("value.yaml");
    std::fs::write(&sops_file, "token: hunter2\n").unwrap();
    sh(&format!(
        "sops encrypt -i --age {} {}",
        public.trim(),
        sops_file.display()
    ));

    println!(
        "{:44} {:>9} {:>8}  {:>11}",
        "command", "median ms", "min ms", "x /bin/true"
    );
    let lines = [
        ("clws --version", lab.command(&["--version"])),
        (
            "clws secret get, document of 1 value",
            lab.command(&["secret", "get", "prod/one/TOKEN"]),
        ),
        (
            "clws secret get, document of 10,000",
            lab.command(&["secret", "get", "prod/many/NAME_05000"]),
        ),
        (
            "age -d, one file",
            command("age", &["-d", "-i", text(&key), text(&age_file)]),
        ),
        ("sops decrypt --extract, one value", {
            let mut sops = command(
                "sops",
                &["decrypt", "--extract", "[\"token\"]", text(&sops_file)],
            );
            sops.env("SOPS_AGE_KEY_FILE", &key);
            sops
        }),
    ];
    let mut medians = Vec::new();
    for (name, mut command) in lines {
        let (median, least, reference) = paired(&mut command);
        println!(
            "{name:44} {median:9.2} {least:8.2}  {:11.2}",
            median / reference
        );
        medians.push(median);
    }
    println!(
        "\nget from 10,000 values / get from 1: {:.2}",
        medians[2] / medians[1]
    );
    println!("get / age -d: {:.2}", medians[1] / medians[3]);
    println!("get / sops decrypt: {:.2}", medians[1] / medians[4]);
}

/// The release program, as `benches/run` built it.
fn program() -> PathBuf {
    PathBuf::from(
        std::env::var_os("CLWS_BENCH_PROGRAM").expect("CLWS_BENCH_PROGRAM: run benches/run"),
    )
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn sh(script: &str) -> String {
    let out = Command::new("sh").args(["-ec", script]).output().unwrap();
    assert!(
        out.status.success(),
        "{script}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8(out.stdout).unwrap()
}

fn command(program: &str, words: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Median and least time of a command, and the median of `/bin/true` between its runs.
fn paired(measured: &mut Command) -> (f64, f64, f64) {
    let mut reference = command("/bin/true", &[]);
    let once = time(measured);
    let rounds = if once > 30.0 { ROUNDS / 10 } else { ROUNDS };
    let (mut times, mut references) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        times.push(time(measured));
        references.push(time(&mut reference));
    }
    times.sort_by(f64::total_cmp);
    references.sort_by(f64::total_cmp);
    (times[rounds / 2], times[0], references[rounds / 2])
}

fn time(command: &mut Command) -> f64 {
    let began = Instant::now();
    assert!(command.status().unwrap().success(), "{command:?}");
    began.elapsed().as_secs_f64() * 1000.0
}

impl Lab {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        let vault = self.path("vault");
        std::fs::create_dir_all(&vault).unwrap();
        let mut command = command(text(&self.clws), words);
        command
            .current_dir(vault)
            .env_clear()
            .env("HOME", self.dir.path())
            .env("PATH", "/usr/bin:/bin");
        command
    }

    fn run(&self, words: &[&str], input: &[u8]) {
        use std::io::Write as _;
        let mut child = self.command(words).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        assert!(child.wait().unwrap().success(), "clws {words:?}");
    }
}
