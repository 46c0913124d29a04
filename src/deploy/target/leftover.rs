//! What a run that was killed may have left: folders that nothing uses, with processes in them.
//!
//! A receipt is written when a component runs, so a folder of the component's that no receipt and no
//! container speaks of is left over. Whatever clws starts on a target first writes down who it is:
//! number, start time, boot. A process does so in its folder, a step or probe beside the receipt. So
//! it can be found and ended, and nothing else in its place.

use super::Target;
use crate::channel::Command;
use crate::deploy::receipt::{MAX_RECEIPT, Receipt};
use crate::error::Error;
use crate::name::Component;

/// What there is of a component: whether a step wrote down who it is, its folders with the containers
/// that they are for, its receipt, which the shell reads by itself: `cat` costs what two kilobytes do.
pub(in crate::deploy) const LOOK: &str = r#"
look() {
    [ ! -f "$3" ] || echo step
    for folder in "$2"/*; do
        [ -d "$folder" ] || continue
        name=
        [ ! -f "$folder/container" ] || read -r name <"$folder/container"
        printf 'folder\t%s\t%s\n' "${folder##*/}" "$name"
    done
    echo receipt
    [ -e "$1" ] || return 0
    while IFS= read -r line || [ -n "$line" ]; do printf '%s\n' "$line"; done <"$1"
}
"#;

/// Ends what runs in the folders of a component, `$1`, and in its step, `$2`, and removes them, but for
/// the folders that are to stay, and what would have been a receipt, `$3`; with a new receipt to be kept
/// before that.
pub(in crate::deploy) const CLEAR: &str = r#"
end() {
    read -r pid began when leader since <"$1" || return 0
    read -r boot </proc/sys/kernel/random/boot_id
    [ "$when" = "$boot" ] || return 0
    finish "$pid" "$began" "$leader" "$since" || { echo "a process of $component does not end" >&2; return 1; }
}
clear() {
    component=$1 step=$2 room=$3 left=
    shift 3
    [ -f "$room" ] || room=
    stays=$#
    if [ -f "$step" ]; then end "$step" || return 1; else step=; fi
    for folder in "$component"/*; do
        [ -d "$folder" ] || continue
        for other; do [ "$other" != "$folder" ] || { left=yes; continue 2; }; done
        [ ! -f "$folder/pid" ] || end "$folder/pid" || return 1
        set -- "$@" "$folder"
    done
    shift "$stays"
    [ -z "$step$room$*" ] || rm -rf -- ${step:+"$step"} ${room:+"$room"} "$@" || return 1
    [ -n "$left" ] || [ ! -d "$component" ] || rmdir -- "$component" 2>/dev/null
    return 0
}
replaced() { keep "$1" "$2" && shift 2 && clear "$@"; }
"#;

/// Where a step or probe of a component writes down who it is.
pub(in crate::deploy) fn step_file(state: &str, component: &Component) -> String {
    format!("{state}/{component}.step")
}

/// The name of the container that a folder is for lies in this file of it.
pub(in crate::deploy) const CONTAINER: &str = "container";

/// What there is of a component on a target.
#[derive(Debug)]
pub(in crate::deploy) struct Found {
    /// Its receipt.
    pub(in crate::deploy) receipt: Option<Receipt>,
    /// Its folders (whole paths), each with the container that it is for, if it is for one.
    pub(in crate::deploy) folders: Vec<(String, Option<String>)>,
    /// A step or probe wrote down who it is.
    step: bool,
}

impl Found {
    /// The folders that are for containers, with their names.
    pub(in crate::deploy) fn containers(&self) -> impl Iterator<Item = (&String, &String)> {
        let folders = self.folders.iter();
        folders.filter_map(|(folder, name)| Some((folder, name.as_ref()?)))
    }

    /// Whether there is anything besides these folders.
    pub(in crate::deploy) fn is_more_than(&self, stays: &[String]) -> bool {
        self.step
            || self
                .folders
                .iter()
                .any(|(folder, _)| !stays.contains(folder))
    }
}

/// Looks at what there is of a component: its receipt, its folders, a step.
///
/// # Errors
/// [`super::TargetError`], [`crate::channel::ChannelError`].
pub(in crate::deploy) async fn look(
    target: &Target,
    component: &Component,
) -> Result<Found, Error> {
    let all = format!("{}/{component}", target.facts.run);
    let step = step_file(&target.facts.state, component);
    let command = Command::new("look")
        .argument(target.receipt_file(component))
        .argument(&all)
        .argument(step)
        .output_cap(2 * MAX_RECEIPT);
    let text = target.call("look at what there is", &command, &[]).await?;
    let (listed, receipt) = parts(&text);
    let folder = |line: &str| {
        let (folder, name) = line.strip_prefix("folder\t")?.split_once('\t')?;
        let name = (!name.is_empty()).then(|| name.to_owned());
        Some((format!("{all}/{folder}"), name))
    };
    Ok(Found {
        receipt: target.parse_receipt(component, receipt)?,
        folders: listed.lines().filter_map(folder).collect(),
        step: listed.lines().any(|line| line == "step"),
    })
}

/// What `look` listed, and the receipt, which has a line before it. A name in the list may end as that line does.
fn parts(text: &str) -> (&str, &str) {
    match text.strip_prefix("receipt\n") {
        Some(receipt) => ("", receipt),
        None => text.split_once("\nreceipt\n").unwrap_or((text, "")),
    }
}

/// Ends and removes all that lies in a component's folder on the target, but for these folders
/// (whole paths); writes its receipt before, if there is a new one.
///
/// # Errors
/// [`crate::channel::ChannelError`], or that something does not end.
pub(in crate::deploy) async fn clear(
    target: &Target,
    component: &Component,
    stays: &[&str],
    receipt: Option<&Receipt>,
) -> Result<(), Error> {
    let all = format!("{}/{component}", target.facts.run);
    let step = step_file(&target.facts.state, component);
    let file = target.receipt_file(component);
    let (doing, mut command) = match receipt {
        Some(receipt) => (
            "keep its receipt and remove what is left over",
            Command::new("replaced")
                .argument(&file)
                .argument(receipt.print()),
        ),
        None => ("remove what is left over", Command::new("clear")),
    };
    command = command.argument(all).argument(step).argument(file + ".new");
    let stays = stays.iter().map(|path| (*path).to_owned());
    command.arguments.extend(stays);
    target.call(doing, &command, &[]).await.map(drop)
}

/// The components that have folders here.
///
/// # Errors
/// [`crate::channel::ChannelError`].
pub(in crate::deploy) async fn components(target: &Target) -> Result<Vec<Component>, Error> {
    let script = r#"cd "$1" && for f in *; do [ ! -d "$f" ] || echo "$f"; done"#;
    let text = target
        .sh("list its folders", script, &[&target.facts.run])
        .await?;
    Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_begins_behind_a_line_of_its_own() {
        assert_eq!(parts("receipt\n"), ("", ""));
        assert_eq!(parts("receipt\n{}\n"), ("", "{}\n"));
        for name in ["receipt", "print-receipt"] {
            let listed = format!("step\nfolder\t0f\t{name}");
            let text = format!("{listed}\nreceipt\n{{}}\n");
            assert_eq!(parts(&text), (listed.as_str(), "{}\n"));
        }
    }
}
