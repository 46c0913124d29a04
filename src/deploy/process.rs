//! A component that is a plain process on the target.
//!
//! It leads a group of its own, detached from the connection that started it. It is known by its
//! number, its start time and the boot, so that nothing else is ever stopped in its place. clws does
//! not start it again; what it prints goes into a capped file of the memory-backed folder.

use super::receipt::Process;
use super::target::{Target, empty};
use crate::error::Error;

/// What a process may print before the rest is thrown away.
const OUTPUT: u64 = 1024 * 1024;

/// Shell functions on `/proc`: a zombie counts as gone, since only its parent has not looked yet.
///
/// `known FILE` writes down who this shell is, and whatever it becomes, in a folder that is closed to others.
/// It does so in this shell, as another one would cost a fork: what it becomes may have variables of all names
/// but two. A shell's own name has no line ends.
pub(super) const PROC: &str = r#"
known() {
    read -r clws_stat </proc/$$/stat && read -r clws_boot </proc/sys/kernel/random/boot_id || return 1
    set -- "$1" ${clws_stat##*) }
    [ $# -ge 21 ] && echo "$$ ${21} $clws_boot" >"$1"
}
fields() {
    stat=
    # Whose name has line ends in it has several lines.
    while IFS= read -r line; do stat="$stat$line "; done 2>/dev/null <"/proc/$1/stat"
    set -- ${stat##*) }
    [ $# -ge 20 ] || return 1
    state=$1 group=$3 start=${20}
    [ "$state" != Z ]
}
"#;

/// `dd` with blocks of one byte, because `head` keeps what it read until it has much of it, and what
/// a process said last is what one wants to see when it fails.
const START: &str = r#"
place=$1 cap=$2
[ -f "$place/start.sh" ] || { echo "its folder is gone" >&2; exit 1; }
rm -f "$place/pid"
setsid sh -c '{ sh "$1/start.sh" </dev/null 2>&1; } | { dd bs=1 count="$2" of="$1/output" 2>/dev/null; exec cat >/dev/null; }' clws "$place" "$cap" </dev/null >/dev/null 2>&1 &
tries=0
while [ ! -s "$place/pid" ]; do
    tries=$((tries + 1)); [ "$tries" -lt 200 ] || { echo "it did not start" >&2; exit 1; }
    sleep 0.05
done
read -r pid began boot <"$place/pid"
echo "$pid $began"
"#;

const ALIVE: &str = r#"
[ "$(cat /proc/sys/kernel/random/boot_id)" = "$3" ] && fields "$1" && [ "$start" = "$2" ] && echo alive
exit 0
"#;

const STOP: &str = r#"
[ "$(cat /proc/sys/kernel/random/boot_id)" = "$3" ] || exit 0
fields "$1" && [ "$start" = "$2" ] || exit 0
began=$start
kill -s TERM -- "-$group" 2>/dev/null
tries=0
while fields "$1" && [ "$start" = "$began" ]; do
    tries=$((tries + 1)); [ "$tries" -lt 200 ] || break
    sleep 0.05
done
kill -s KILL -- "-$group" 2>/dev/null
tries=0
while fields "$1" && [ "$start" = "$began" ]; do
    tries=$((tries + 1)); [ "$tries" -lt 40 ] || { echo "it does not end" >&2; exit 1; }
    sleep 0.05
done
exit 0
"#;

/// The script that starts a command in a folder, kept there so that the old one can be put back.
pub(super) fn start_script(place: &str, command: &[String]) -> String {
    let quoted: Vec<String> = command.iter().map(|word| quote(word)).collect();
    format!(
        "cd {} || exit 126\n{PROC}known pid || exit 126\n[ ! -f env ] || . ./env\nexec {}\n",
        quote(place),
        quoted.join(" ")
    )
}

/// A word for a POSIX shell.
pub(super) fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Starts what `start.sh` in a folder starts.
///
/// # Errors
/// [`super::target::TargetError`] if it does not start.
pub(super) async fn start(target: &Target, place: &str) -> Result<Process, Error> {
    let cap = OUTPUT.to_string();
    let text = target
        .sh("start it", START, &[place, &cap], empty())
        .await?;
    let numbers = text.trim().split_once(' ');
    let parsed = numbers.and_then(|(pid, start)| Some((pid.parse().ok()?, start.parse().ok()?)));
    let (pid, start) = parsed.ok_or_else(|| super::target::TargetError::Script {
        host: target.host.name.to_string(),
        doing: "say what it started".into(),
        said: crate::text::clean(text.trim()),
    })?;
    Ok(Process {
        pid,
        start,
        boot: target.facts.boot.clone(),
    })
}

/// Whether a process still runs.
///
/// # Errors
/// [`super::ChannelError`].
pub(super) async fn is_alive(target: &Target, process: &Process) -> Result<bool, Error> {
    let [pid, start, boot] = arguments(process);
    let text = target
        .sh("look at it", ALIVE, &[&pid, &start, &boot], empty())
        .await?;
    Ok(text.trim() == "alive")
}

/// Stops a process and its group: TERM, up to 10 s, KILL. One that is gone is fine.
///
/// # Errors
/// [`super::ChannelError`].
pub(super) async fn stop(target: &Target, process: &Process) -> Result<(), Error> {
    let [pid, start, boot] = arguments(process);
    target
        .sh("stop it", STOP, &[&pid, &start, &boot], empty())
        .await
        .map(drop)
}

/// Number, start time and boot, as the scripts take them.
fn arguments(process: &Process) -> [String; 3] {
    [
        process.pid.to_string(),
        process.start.to_string(),
        process.boot.clone(),
    ]
}
