//! A component that is a plain process on the target.
//!
//! It leads a group of its own, detached from the connection that started it. It is known by its
//! number, its start time and the boot, so that nothing else is ever stopped in its place. The shell that
//! leads the group, known in the same way, stays as long as anything of it, so that children that a
//! process left behind, with its secrets, are ended too. clws does not start it again; what it prints goes
//! into a capped file of the memory-backed folder.

use super::Target;
use crate::deploy::receipt::Process;
use crate::error::Error;
use crate::text::quoted;

/// What a process may print before the rest is thrown away.
const OUTPUT: u64 = 1024 * 1024;

/// Shell functions on `/proc`: a zombie counts as gone, since only its parent has not looked yet.
///
/// `known FILE` writes down who this shell is, and whatever it becomes, in a folder that is closed to others;
/// `known FILE LEADER` also which shell leads its group, by number and start time.
/// It does so in this shell, as another one would cost a fork: what it becomes may have variables of all names
/// but two. A shell's own name has no line ends.
pub(in crate::deploy) const PROC: &str = r#"
known() {
    read -r clws_stat </proc/$$/stat && read -r clws_boot </proc/sys/kernel/random/boot_id || return 1
    set -- "$1" "$2" ${clws_stat##*) }
    [ $# -ge 22 ] && echo "$$ ${22} $clws_boot $2" >"$1"
}
fields() {
    stat=
    # Whose name has line ends in it has several lines.
    while IFS= read -r line; do stat="$stat$line "; done 2>/dev/null <"/proc/$1/stat"
    set -- ${stat##*) }
    [ $# -ge 20 ] || return 1
    state=$1 parent=$2 group=$3 start=${20}
    [ "$state" != Z ]
}
"#;

const START: &str = r#"
place=$1 cap=$2
[ -f "$place/start.sh" ] || { echo "its folder is gone" >&2; exit 1; }
rm -f "$place/pid"
setsid sh "$place/start.sh" lead "$cap" </dev/null >/dev/null 2>&1 &
tries=0
while [ ! -s "$place/pid" ]; do
    tries=$((tries + 1)); [ "$tries" -lt 200 ] || { echo "it did not start" >&2; exit 1; }
    sleep 0.05
done
read -r pid began boot <"$place/pid"
echo "$pid $began"
"#;

/// What `start.sh lead` does: it leads the group, and stays after the process as long as others are in it.
/// While one is, no other group gets its number.
///
/// `dd` with blocks of one byte, because `head` keeps what it read until it has much of it, and what
/// a process said last is what one wants to see when it fails. TERM goes to the whole group and does not end
/// whoever takes the output: a process that says how it shuts down would be ended by SIGPIPE in the middle of it.
const LEAD: &str = r#"
if [ "$1" = lead ]; then
    clws_cap=$2
    read -r clws_stat </proc/$$/stat || exit 1
    set -- ${clws_stat##*) }
    { sh "$0" "$$ ${20}" </dev/null 2>&1; } | { trap '' TERM; dd bs=1 count="$clws_cap" of="${0%/*}/output" 2>/dev/null; exec cat >/dev/null; }
    while members "$$"; do sleep 2; done
    exit 0
fi
"#;

const ALIVE: &str = r#"
[ "$(cat /proc/sys/kernel/random/boot_id)" = "$3" ] && fields "$1" && [ "$start" = "$2" ] && echo alive
exit 0
"#;

const STOP: &str = r#"
[ "$(cat /proc/sys/kernel/random/boot_id)" = "$3" ] || exit 0
leader= since=
[ ! -f "$4/pid" ] || read -r pid began boot leader since <"$4/pid"
[ "$pid $began" = "$1 $2" ] || leader= since=
finish "$1" "$2" "$leader" "$since" || { echo "it does not end" >&2; exit 1; }
exit 0
"#;

/// `finish PID START LEADER START` ends a process and its group, or what it left of that: TERM, up to 10 s,
/// KILL. The leader may be unknown.
///
/// `members GROUP` is whether anything is in a group besides its leader and what that runs.
pub(in crate::deploy) const FINISH: &str = r#"
members() {
    for other in /proc/[0-9]*; do
        fields "${other#/proc/}" && [ "$group" = "$1" ] && [ "${other#/proc/}" != "$1" ] && [ "$parent" != "$1" ] && return 0
    done
    return 1
}
alive() { fields "$pid" && [ "$start" = "$began" ]; }
left() { if [ -n "$whole" ]; then members "$whole"; else alive; fi; }
finish() {
    pid=$1 began=$2 leader=$3 since=$4 whole=
    if alive; then
        ends=$group
    elif [ -n "$leader" ] && fields "$leader" && [ "$start" = "$since" ]; then
        ends=$leader whole=$leader
    else
        return 0
    fi
    kill -s TERM -- "-$ends" 2>/dev/null
    tries=0
    while left; do
        tries=$((tries + 1)); [ "$tries" -lt 200 ] || break
        sleep 0.05
    done
    kill -s KILL -- "-$ends" 2>/dev/null
    tries=0
    while left; do
        tries=$((tries + 1)); [ "$tries" -lt 40 ] || return 1
        sleep 0.05
    done
}
"#;

/// The script that starts a command in a folder, kept there so that the old one can be put back.
pub(in crate::deploy) fn start_script(place: &str, command: &[String]) -> String {
    let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
    format!(
        "{PROC}{FINISH}{LEAD}cd {} || exit 126\nknown pid \"$1\" || exit 126\n[ ! -f env ] || . ./env\nexec {}\n",
        quoted(place),
        words.join(" ")
    )
}

/// Starts what `start.sh` in a folder starts.
///
/// # Errors
/// [`super::TargetError`] if it does not start.
pub(in crate::deploy) async fn start(target: &Target, place: &str) -> Result<Process, Error> {
    let cap = OUTPUT.to_string();
    let text = target.sh("start it", START, &[place, &cap]).await?;
    let numbers = text.trim().split_once(' ');
    let parsed = numbers.and_then(|(pid, start)| Some((pid.parse().ok()?, start.parse().ok()?)));
    let (pid, start) = parsed.ok_or_else(|| super::TargetError::Script {
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
/// [`crate::channel::ChannelError`].
pub(in crate::deploy) async fn is_alive(target: &Target, process: &Process) -> Result<bool, Error> {
    let [pid, start, boot] = arguments(process);
    let text = target
        .sh("look at it", ALIVE, &[&pid, &start, &boot])
        .await?;
    Ok(text.trim() == "alive")
}

/// Stops the process of a folder and its group: TERM, up to 10 s, KILL. One that is gone is fine.
///
/// # Errors
/// [`crate::channel::ChannelError`].
pub(in crate::deploy) async fn stop(
    target: &Target,
    process: &Process,
    place: &str,
) -> Result<(), Error> {
    let [pid, start, boot] = arguments(process);
    target
        .sh("stop it", STOP, &[&pid, &start, &boot, place])
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
