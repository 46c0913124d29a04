//! Real programs that judge us. A missing one fails the test and says how to get it.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// The program's path, from PATH and the folders where Debian keeps servers.
pub(crate) fn tool(name: &str) -> PathBuf {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests look programs up as a shell does"
    )]
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("`{name}` is not installed: run `bash .ci/install`"))
}

/// Runs a program with the given standard input and waits for it.
pub(crate) fn run(
    program: &str,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    input: &[u8],
) -> Output {
    run_by(Command::new(tool(program)), arguments, input)
}

/// The same for a program with an environment of its own.
pub(crate) fn run_by(
    mut program: Command,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    input: &[u8],
) -> Output {
    let mut child = program
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // From a thread of its own: a child that writes before it has read all would else wait for us.
    std::thread::scope(|threads| {
        threads.spawn(move || {
            // A child that does not want the rest closes the pipe, which is its good right.
            let _closed = stdin.write_all(input);
        });
        child.wait_with_output().unwrap()
    })
}

/// What a program said on stderr, for messages of assertions.
pub(crate) fn said(output: &Output) -> String {
    format!(
        "{}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    )
}
