//! What a run that was killed may have left: folders that nothing uses, with processes in them.
//!
//! A receipt is written when a component runs, so a folder of the component's that no receipt and no
//! container speaks of is left over. Whatever clws starts on a target first writes down who it is:
//! number, start time, boot. A process does so in its folder, a step or probe beside the receipt. So
//! it can be found and ended, and nothing else in its place.

use super::process::PROC;
use super::target::{Target, empty};
use crate::error::Error;
use crate::name::Component;

/// Ends what runs in a component's folders and removes them, but for those that are to stay.
const CLEAR: &str = r#"
component=$1 step=$2
shift 2
boot=$(cat /proc/sys/kernel/random/boot_id)
alive() { fields "$pid" && [ "$start" = "$began" ]; }
end() {
    read -r pid began when <"$1" || return 0
    [ "$when" = "$boot" ] && alive || return 0
    kill -s TERM -- "-$group" 2>/dev/null
    tries=0
    while alive; do
        tries=$((tries + 1)); [ "$tries" -lt 200 ] || break
        sleep 0.05
    done
    kill -s KILL -- "-$group" 2>/dev/null
    tries=0
    while alive; do
        tries=$((tries + 1)); [ "$tries" -lt 40 ] || { echo "a process of $component does not end" >&2; exit 1; }
        sleep 0.05
    done
}
if [ -f "$step" ]; then end "$step"; rm -f "$step"; fi
cd "$component" 2>/dev/null || exit 0
for folder in *; do
    [ -d "$folder" ] || continue
    for stays; do [ "$stays" != "$folder" ] || continue 2; done
    [ ! -f "$folder/pid" ] || end "$folder/pid"
    rm -rf -- "$folder" || exit 1
done
cd / && rmdir -- "$component" 2>/dev/null
exit 0
"#;

/// Where a step or probe of a component writes down who it is.
pub(super) fn step_file(target: &Target, component: &Component) -> String {
    format!("{}/{component}.step", target.state)
}

/// The name of the container that a folder is for lies in this file of it.
pub(super) const CONTAINER: &str = "container";

/// The containers that a component's folders are for: folder and name.
///
/// # Errors
/// [`super::ChannelError`].
pub(super) async fn containers(
    target: &Target,
    component: &Component,
) -> Result<Vec<(String, String)>, Error> {
    let script = r#"for f in "$1"/*/container; do [ ! -f "$f" ] || printf '%s\t%s\n' "${f%/container}" "$(cat "$f")"; done"#;
    let all = format!("{}/{component}", target.run);
    let text = target
        .sh("list its folders", script, &[&all], empty())
        .await?;
    let pair = |line: &str| {
        let (folder, name) = line.split_once('\t')?;
        Some((folder.to_owned(), name.to_owned()))
    };
    Ok(text.lines().filter_map(pair).collect())
}

/// Ends and removes all that lies in a component's folder on the target, but for these folders
/// (whole paths).
///
/// # Errors
/// [`super::ChannelError`], or that something does not end.
pub(super) async fn clear(
    target: &Target,
    component: &Component,
    stays: &[&str],
) -> Result<(), Error> {
    let all = format!("{}/{component}", target.run);
    let names = stays.iter().filter_map(|path| {
        let (folder, name) = path.rsplit_once('/')?;
        (folder == all).then_some(name)
    });
    let step = step_file(target, component);
    let arguments: Vec<&str> = [all.as_str(), &step].into_iter().chain(names).collect();
    let script = format!("{PROC}{CLEAR}");
    target
        .sh("remove what is left over", &script, &arguments, empty())
        .await
        .map(drop)
}

/// The components that have folders here.
///
/// # Errors
/// [`super::ChannelError`].
pub(super) async fn components(target: &Target) -> Result<Vec<Component>, Error> {
    let script = r#"cd "$1" && for f in *; do [ ! -d "$f" ] || echo "$f"; done"#;
    let text = target
        .sh("list its folders", script, &[&target.run], empty())
        .await?;
    Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
}
