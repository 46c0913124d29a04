//! Holds what a session is given: in a folder in the host's memory, for as long as somebody here
//! keeps the connection.

use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::injected::{Injected, SittingError};
use crate::channel::ssh::Session;
use crate::channel::{Channel, Command, Held, Holding};
use crate::deploy::target::facts::Facts;
use crate::error::Error;
use crate::fleet::Host;
use crate::secret::Plain;
use crate::text::clean;

/// The folder of all sessions, beside those of vaults, which are hexadecimal.
const SESSIONS: &str = "sessions";

/// The file that a session reads its variables from.
const VARIABLES: &str = ".variables";

/// Removes what killed holders left, takes files (path, mode, size), and holds them.
const HOLD: &str = r#"
umask 077
for old in "$1"/*; do
    [ ! -d "$old" ] || kill -0 "${old##*/}" 2>/dev/null || rm -rf -- "$old"
done
folder=$1/$$
shift
trap 'rm -rf -- "$folder"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -m 0700 "$folder" || exit 1
while [ $# -gt 0 ]; do
    file=$folder/$1
    mkdir -p "${file%/*}" && : >"$file" || exit 1
    blocks=$(($3 / 65536)) rest=$(($3 % 65536))
    [ "$blocks" -eq 0 ] || dd bs=65536 count="$blocks" iflag=fullblock 2>/dev/null >>"$file"
    [ "$rest" -eq 0 ] || dd bs="$rest" count=1 iflag=fullblock 2>/dev/null >>"$file"
    [ "$(wc -c <"$file")" -eq "$3" ] || { echo "$1 did not come whole" >&2; exit 1; }
    chmod "$2" "$file" || exit 1
    shift 3
done
echo "$folder"
cat >/dev/null
"#;

/// Reads the variables of the folder `$1`, if there is one. Their lines say `$1` for the folder.
pub(super) const TAKE: &str = r#"
if [ -n "$1" ]; then . "$1/.variables" && rm -f "$1/.variables" || exit 1; fi
shift
"#;

/// Puts the values into a folder of the host, which goes with what is given back.
pub(super) async fn hold(
    host: &Host,
    session: &Arc<Session>,
    given: &Injected,
    warn: &dyn Fn(&str),
) -> Result<(String, Held), Error> {
    let name = host.name.to_string();
    let channel = Channel::Ssh(Arc::clone(session));
    let facts = Facts::ask(host, &channel, SESSIONS).await?;
    if !facts.memory {
        return Err(SittingError::NoMemory { host: name }.into());
    }
    if facts.swap {
        warn(&format!(
            "{name} swaps, and its kernel may write what lies in {} to the disk",
            facts.run
        ));
    }
    let mut command = Command::new(HOLD)
        .argument(&facts.run)
        .within(Duration::from_secs(60));
    let lines = lines(given);
    let mut input = Zeroizing::new(Vec::new());
    let mut add = |path: String, mode: u32, content: &[u8]| {
        input.extend_from_slice(content);
        let size = content.len().to_string();
        command
            .arguments
            .extend([path, format!("{mode:04o}"), size]);
    };
    add(VARIABLES.to_owned(), 0o600, &lines);
    for file in &given.files {
        let path = format!("{}/{}", file.variable, file.name);
        file.content.with(|bytes| add(path, file.mode, bytes));
    }
    let command = command.input(Plain::new(std::mem::take(&mut *input)));
    match channel.hold(&command).await? {
        Holding::Held(folder, held) => Ok((folder, held)),
        Holding::Ended(outcome) => Err(SittingError::NotHeld {
            host: name,
            said: clean(String::from_utf8_lossy(&outcome.err).trim()),
        }
        .into()),
    }
}

/// The variables as lines of `sh`.
fn lines(given: &Injected) -> Zeroizing<Vec<u8>> {
    let mut lines = Zeroizing::new(Vec::new());
    for (name, value) in &given.variables {
        lines.extend_from_slice(format!("export {name}=").as_bytes());
        value.with(|bytes| push_quoted(&mut lines, bytes));
        lines.push(b'\n');
    }
    for file in &given.files {
        let (variable, name) = (&file.variable, &file.name);
        lines.extend_from_slice(format!("export {variable}=\"$1/{variable}/\"").as_bytes());
        push_quoted(&mut lines, name.as_bytes());
        lines.push(b'\n');
    }
    lines
}

/// In single quotes, in which a shell takes everything but the quote as it is.
fn push_quoted(lines: &mut Vec<u8>, bytes: &[u8]) {
    lines.push(b'\'');
    for byte in bytes {
        match byte {
            b'\'' => lines.extend_from_slice(br"'\''"),
            other => lines.push(*other),
        }
    }
    lines.push(b'\'');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::session::injected::InjectedFile;

    #[test]
    fn a_shell_reads_each_value_as_it_is() {
        let value = b"it's $HOME `x` \\ \"q\"\n!\x81\xff end";
        let given = Injected {
            variables: vec![("A".into(), Plain::new(value.to_vec()))],
            files: vec![InjectedFile {
                variable: "KEY".into(),
                name: "web's.pem".into(),
                mode: 0o600,
                content: Plain::from("x"),
            }],
        };
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(VARIABLES), &*lines(&given)).unwrap();
        let script = format!("{TAKE}printf '%s|%s' \"$A\" \"$KEY\"");
        let output = std::process::Command::new("/bin/sh")
            .args(["-c", &script, "clws"])
            .arg(folder.path())
            .output()
            .unwrap();
        let mut wanted = value.to_vec();
        let path = folder.path().join("KEY/web's.pem");
        wanted.extend_from_slice(format!("|{}", path.display()).as_bytes());
        assert_eq!(output.stdout, wanted, "{output:?}");
        assert!(!folder.path().join(VARIABLES).exists());
    }
}
