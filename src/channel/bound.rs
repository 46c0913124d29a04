//! A program that ends with clws.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// `setpriv` of util-linux. A PATH of somebody's own does not decide what gets the secrets.
const SETPRIV: [&str; 2] = ["/usr/bin/setpriv", "/bin/setpriv"];

const BOUND: [&str; 2] = ["--pdeathsig", "KILL"];

/// A program that is killed when the thread that starts it ends, and so when clws does, however that is: prctl(2),
/// `PR_SET_PDEATHSIG`. `setpriv` sets it; where there is none that can, it goes on to its own end. What it starts
/// itself may go on.
pub(crate) fn bound(program: impl AsRef<OsStr>) -> Command {
    let is_able = |setpriv: &&&str| {
        let tried = Command::new(setpriv)
            .args(BOUND)
            .arg("true")
            .env_clear()
            // Not what lies in a repository, where a PATH has the folder at hand.
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        tried.is_ok_and(|status| status.success())
    };
    match SETPRIV.iter().find(is_able) {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(BOUND).arg(program);
            command
        }
        None => Command::new(program),
    }
}
