//! Files on their way into folders of the target.

use super::{MAX_ANSWER, Target};
use crate::channel::{Command, MAX_INPUT};
use crate::error::Error;
use crate::secret::Plain;

/// A file to be placed.
pub(in crate::deploy) struct File {
    /// The path: in the hook relative, or absolute inside a container; then on the target.
    pub(in crate::deploy) path: String,
    /// Permission bits.
    pub(in crate::deploy) mode: u32,
    /// The uid that it belongs to, as the hook says.
    pub(in crate::deploy) owner: Option<String>,
    /// Its content.
    pub(in crate::deploy) content: Plain,
}

/// Where files go.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::deploy) struct Folders<'a> {
    /// A folder that is made first, mode 0700, also for no files at all; none if it is empty.
    pub(in crate::deploy) own: &'a str,
    /// One that the users of a container enter, with all folders below it, mode 0711.
    pub(in crate::deploy) entered: &'a str,
    /// Whether they are to be labelled for SELinux, too.
    pub(in crate::deploy) labelled: bool,
}

/// Puts files into folders of this deploy, which nobody uses before it has succeeded. Those that are not
/// large go together: a host far away answers each script after a while.
pub(in crate::deploy) async fn put(
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
pub(in crate::deploy) const PUT: &str = r#"
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
/// [`super::TargetError`] if something of it is left.
pub(in crate::deploy) async fn remove_folder(target: &Target, path: &str) -> Result<(), Error> {
    // Never anything that is not below the vault's own folder there.
    if !path.starts_with(&format!("{}/", target.facts.run)) || path.contains("/../") {
        return Ok(());
    }
    target
        .sh("remove a folder", r#"rm -rf -- "$1""#, &[path])
        .await
        .map(drop)
}
