//! Files on the target: which ones a component gets, and how they come there.
//!
//! Each deploy has a folder of its own, `<run>/<component>/<deploy>`, mode 0700. A process finds its
//! files in it. A container gets the folder `mount` below it, mode 0711 so that a user of the
//! container can enter it, as `/run/clws`, and single files at places of their own; nothing else.

use std::collections::BTreeMap;

use super::plan::ComponentPlan;
use super::target::{MAX_ANSWER, Target};
use crate::channel::{Command, MAX_INPUT};
use crate::docker::Visible;
use crate::error::Error;
use crate::hook::{EnvValue, FileHook, HookError, parse_mode, template, template_text};
use crate::secret::Plain;
use crate::text::quoted;

/// Where a container finds its folder.
pub(super) const IN_CONTAINER: &str = "/run/clws";

/// Opened secrets, by the names that the hook writes.
pub(super) type Opened = BTreeMap<String, Plain>;

/// A file to be placed.
pub(super) struct File {
    /// The path: in the hook relative, or absolute inside a container; then on the target.
    pub(super) path: String,
    /// Permission bits.
    pub(super) mode: u32,
    /// The uid that it belongs to, as the hook says.
    pub(super) owner: Option<String>,
    /// Its content.
    pub(super) content: Plain,
}

/// What of a hook's values a component or a step is given.
#[derive(Clone, Copy, Debug)]
pub(super) enum Given<'a> {
    /// All of it.
    All,
    /// Only these variables and files.
    Only(&'a [String]),
}

impl Given<'_> {
    fn has(self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|other| other == name),
        }
    }
}

pub(super) fn wrong(plan: &ComponentPlan, why: impl Into<String>) -> HookError {
    HookError::in_hook(plan.component(), why)
}

/// Fills plain names into a text of the hook.
pub(super) fn fill(
    plan: &ComponentPlan,
    names: &BTreeMap<String, String>,
    text: &str,
) -> Result<String, Error> {
    Ok(template::fill(text, names).map_err(|why| wrong(plan, why))?)
}

/// Fills plain names into the words of a command.
pub(super) fn fill_all(
    plan: &ComponentPlan,
    names: &BTreeMap<String, String>,
    words: &[String],
) -> Result<Vec<String>, Error> {
    words.iter().map(|word| fill(plan, names, word)).collect()
}

/// The hook's files with their content.
pub(super) fn files(
    plan: &ComponentPlan,
    names: &BTreeMap<String, String>,
    opened: &Opened,
    given: Given<'_>,
) -> Result<Vec<File>, Error> {
    let mut files = Vec::new();
    for (path, file) in &plan.hook.hook.file {
        if !given.has(path) {
            continue;
        }
        let owner = file
            .owner
            .as_deref()
            .map(|owner| fill(plan, names, owner))
            .transpose()?;
        let mode = parse_mode(file.mode.as_deref()).map_err(|why| wrong(plan, why))?;
        let content = content(plan, names, opened, file)?;
        files.push(File {
            path: path.clone(),
            mode,
            owner,
            content,
        });
    }
    Ok(files)
}

fn content(
    plan: &ComponentPlan,
    names: &BTreeMap<String, String>,
    opened: &Opened,
    file: &FileHook,
) -> Result<Plain, Error> {
    let secret = |name: &str| opened.get(name).map(Plain::duplicate);
    if let Some(name) = &file.secret {
        let missing = || wrong(plan, format!("`{name}` was not opened"));
        return Ok(secret(name).ok_or_else(missing)?);
    }
    let template = file.template.as_deref().unwrap_or_default();
    let text = template_text(plan.component(), &plan.hook.files, template)?;
    Ok(
        template::render(text, names, secret).map_err(|why| HookError::Wrong {
            file: format!("hooks/{}/{template}", plan.component()),
            why,
        })?,
    )
}

/// The hook's variables as shell lines, `export NAME='…'`; `None` if there are none.
pub(super) fn environment(
    plan: &ComponentPlan,
    names: &BTreeMap<String, String>,
    opened: &Opened,
    given: Given<'_>,
) -> Result<Option<Plain>, Error> {
    let mut text = zeroize::Zeroizing::new(Vec::new());
    for (name, value) in &plan.hook.hook.env {
        if !given.has(name) || value.is_visible() {
            continue;
        }
        let value = match value {
            EnvValue::Plain(value) => Plain::from(fill(plan, names, value)?.as_str()),
            EnvValue::Secret(secret) => {
                let missing = || wrong(plan, format!("`{}` was not opened", secret.secret));
                opened.get(&secret.secret).ok_or_else(missing)?.duplicate()
            }
        };
        value.with(|bytes| {
            let text_of = std::str::from_utf8(bytes)
                .ok()
                .filter(|text| !text.contains('\0'));
            let value = text_of.ok_or_else(|| {
                wrong(
                    plan,
                    format!(
                        "{name} is no text, so it cannot be in an environment; place it as a file"
                    ),
                )
            })?;
            let quoted = zeroize::Zeroizing::new(quoted(value));
            text.extend_from_slice(format!("export {name}=").as_bytes());
            text.extend_from_slice(quoted.as_bytes());
            text.push(b'\n');
            Ok::<_, HookError>(())
        })?;
    }
    Ok((!text.is_empty()).then(|| Plain::new(std::mem::take(&mut *text))))
}

/// The hook's variables that go into the container's configuration.
pub(super) fn visible(
    plan: &ComponentPlan,
    opened: &Opened,
    given: Given<'_>,
) -> Result<BTreeMap<String, Visible>, Error> {
    let mut all = BTreeMap::new();
    for (name, value) in &plan.hook.hook.env {
        let EnvValue::Secret(secret) = value else {
            continue;
        };
        if !secret.visible || !given.has(name) {
            continue;
        }
        let missing = || wrong(plan, format!("`{}` was not opened", secret.secret));
        let value = opened.get(&secret.secret).ok_or_else(missing)?;
        let text = value.with(|bytes| String::from_utf8(bytes.clone()).ok());
        let text = text.ok_or_else(|| {
            wrong(
                plan,
                format!("{name} is no text, so it cannot be in an environment"),
            )
        })?;
        all.insert(name.clone(), Visible(text));
    }
    Ok(all)
}

/// Where files go.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Folders<'a> {
    /// A folder that is made first, mode 0700, also for no files at all; none if it is empty.
    pub(super) own: &'a str,
    /// One that the users of a container enter, with all folders below it, mode 0711.
    pub(super) entered: &'a str,
    /// Whether they are to be labelled for SELinux, too.
    pub(super) labelled: bool,
}

/// Puts files into folders of this deploy, which nobody uses before it has succeeded. Those that are not
/// large go together: a host far away answers each script after a while.
pub(super) async fn put(
    target: &Target,
    folders: Folders<'_>,
    files: Vec<File>,
) -> Result<(), Error> {
    let mut together = Vec::new();
    let mut size = 0;
    for file in files {
        let more = file.content.with(|bytes| bytes.len());
        if size + more > TOGETHER || together.len() == MANY {
            put_together(target, folders, std::mem::take(&mut together)).await?;
            size = 0;
        }
        size += more;
        together.push(file);
    }
    put_together(target, folders, together).await
}

/// How many bytes go in one script: with the line behind them what a conversation takes.
const TOGETHER: usize = MAX_INPUT - END.len();

/// What comes behind the files: where it is read, nothing was cut off.
const END: &[u8] = b"whole\n";

/// How many files go in one script: their paths are arguments of it, and those have a limit.
const MANY: usize = 100;

/// The type of what a container may read where SELinux enforces.
const LABEL: &str = "container_file_t";

/// `dd` reads exactly the bytes of one file from the pipe, which `head` need not do. Programs are few:
/// each takes a host a millisecond or more, so modes come from the umask where they can, and `tell` prints
/// short texts with the shell's own `printf`; there is no other on that PATH.
pub(super) const PUT: &str = r#"
tell() { PATH=/dev/null printf %s "$1"; }
take() {
    blocks=$(($1 / 65536)) rest=$(($1 % 65536))
    [ "$blocks" -eq 0 ] || dd bs=65536 count="$blocks" iflag=fullblock 2>/dev/null || return 1
    [ "$rest" -eq 0 ] || dd bs="$rest" count=1 iflag=fullblock 2>/dev/null
}
put() {
    give=$1 own=$2 entered=$3 label=$4
    umask 077
    [ -z "$own" ] || mkdir -p "$own" || return 1
    umask 066
    [ -z "$entered" ] || mkdir -p "$entered" || return 1
    shift 4
    while [ $# -gt 0 ]; do
        folder=${1%/*}
        if [ ! -d "$folder" ]; then
            case $folder in "${entered:-//}"/*) umask 066;; *) umask 077;; esac
            mkdir -p "$folder" || return 1
        fi
        umask "$2"
        "$give" "$5" >"$1" || { echo "$1 cannot be written" >&2; return 1; }
        [ -z "$3" ] || chown "$3" "$1" || return 1
        [ -z "$4" ] || chmod "$4" "$1" || return 1
        shift 5
    done
    if [ "$give" = take ]; then
        read -r end && [ "$end" = whole ] || { echo "they did not come whole" >&2; return 1; }
    fi
    [ -z "$label" ] || chcon -R -t "$label" "$own"
}
"#;

async fn put_together(
    target: &Target,
    folders: Folders<'_>,
    files: Vec<File>,
) -> Result<(), Error> {
    let size = |file: &File| file.content.with(|bytes| bytes.len());
    let all = files.iter().map(size).sum::<usize>();
    let label = if folders.labelled { LABEL } else { "" };
    let heads = [folders.own, folders.entered, label];
    if target.facts.prints && all <= SHORT && files.iter().all(|file| is_text(&file.content)) {
        let mut words = Vec::new();
        for file in files {
            words.extend(head(&file).iter().map(|word| Plain::from(word.as_str())));
            words.push(file.content);
        }
        let mut command = Command::new("put tell");
        command.arguments = heads.map(str::to_owned).into();
        return target.call(DOING, &command, &words).await.map(drop);
    }
    let mut input = zeroize::Zeroizing::new(Vec::with_capacity(all + END.len()));
    let mut arguments: Vec<String> = heads.map(str::to_owned).into();
    for file in &files {
        file.content.with(|bytes| input.extend_from_slice(bytes));
        arguments.extend(head(file));
        arguments.push(size(file).to_string());
    }
    input.extend_from_slice(END);
    let mut command = Command::new(r#"put take "$@""#)
        .input(Plain::new(std::mem::take(&mut *input)))
        .output_cap(MAX_ANSWER);
    command.arguments = arguments;
    target.ask(DOING, command).await.map(drop)
}

const DOING: &str = "place its files";

/// Texts of so many bytes are told in a line. A shell reads a line byte by byte, half a microsecond each;
/// what is longer goes through `dd` in less.
const SHORT: usize = 4 << 10;

/// Whether every shell reads and prints it as it is.
fn is_text(content: &Plain) -> bool {
    content.with(|bytes| {
        let mut bytes = bytes.iter();
        bytes.all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t'))
    })
}

/// What the script is told of a file besides its content: where, umask, owner, mode.
fn head(file: &File) -> [String; 4] {
    // A new file never has more than reading and writing.
    let beyond = (file.mode & !0o666 != 0).then(|| format!("{:04o}", file.mode));
    [
        file.path.clone(),
        format!("{:03o}", !file.mode & 0o777),
        file.owner.clone().unwrap_or_default(),
        beyond.unwrap_or_default(),
    ]
}

/// Removes a folder of ours.
///
/// # Errors
/// [`super::target::TargetError`] if something of it is left.
pub(super) async fn remove_folder(target: &Target, path: &str) -> Result<(), Error> {
    // Never anything that is not below the vault's own folder there.
    if !path.starts_with(&format!("{}/", target.facts.run)) || path.contains("/../") {
        return Ok(());
    }
    target
        .sh("remove a folder", r#"rm -rf -- "$1""#, &[path])
        .await
        .map(drop)
}
