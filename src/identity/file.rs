//! Small private files, read with care.
//!
//! A private key that others may read, that somebody else owns or that is a link to elsewhere is
//! refused, as ssh refuses it, with the command that puts it right.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::error::{Code, Explain, Hint};
use crate::secret::Plain;
use crate::text::clean;

/// No file here is larger: a bundle's two are below 1 KiB, the longest plugin identities below 8.
pub(super) const MOST: usize = 64 * 1024;

/// Why a file of an identity was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Group or others have rights on a private file.
    #[error("`{}` is open to others (mode {mode:04o})", shown(path))]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// What `chmod` has to be given.
        wanted: &'static str,
    },
    /// A file that another user owns.
    #[error("`{}` belongs to another user (uid {owner})", shown(path))]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// A link where the file itself is meant.
    #[error("`{}` is a symbolic link", shown(path))]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// A folder, socket or device.
    #[error("`{}` is no regular file", shown(path))]
    NoFile {
        /// The path.
        path: PathBuf,
    },
    /// More bytes than any file of an identity has.
    #[error("`{}` is larger than {most} bytes", shown(path))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        most: usize,
    },
    /// The folder of an identity holds something that is not part of one.
    #[error(
        "`{}` is not part of an identity, and would be removed with it",
        shown(path)
    )]
    Foreign {
        /// The file in the way.
        path: PathBuf,
    },
    /// The place is taken.
    #[error("`{}` is there already", shown(path))]
    Taken {
        /// The folder.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot {doing} `{}`", shown(path))]
    Io {
        /// What was tried: `read`, `write`, `sync` …
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl Explain for FileError {
    fn code(&self) -> Code {
        match self {
            Self::TooLarge { .. } => Code::DataErr,
            Self::Io { .. } => Code::IoErr,
            Self::Taken { .. } | Self::Foreign { .. } => Code::Conflict,
            _ => Code::Config,
        }
    }

    fn hints(&self) -> Vec<Hint> {
        match self {
            Self::OpenToOthers { path, wanted, .. } => {
                vec![format!("chmod {wanted} {}", shell_word(path))]
            }
            Self::NotOurs { path, .. } => vec![format!(
                "if it is yours: sudo chown \"$(id -u)\" {}",
                shell_word(path)
            )],
            Self::Link { path } => vec![format!(
                "put the file itself in its place; see ls -l {}",
                shell_word(path)
            )],
            Self::Foreign { path } => vec![format!("move it away: mv {} ~", shell_word(path))],
            _ => Vec::new(),
        }
    }
}

/// A path as one line that is safe to print.
pub(super) fn shown(path: &Path) -> String {
    clean(&path.to_string_lossy())
        .replace('\n', "\\n")
        .replace('\t', "\\t")
}

/// A path as a word that a shell takes back.
fn shell_word(path: &Path) -> String {
    crate::text::shell_word(&shown(path))
}

/// Whether a symbolic link is followed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Links {
    /// No: the file must lie where its folder says.
    Refuse,
    /// Yes, and a pipe is read too: the person named this path.
    Follow,
}

/// Who else may have rights on a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Rights {
    /// Nobody: ours, and no bit for group or others.
    Private,
    /// Others may read it but not write: ours or root's.
    Settings,
    /// Anybody: it is public on purpose, or about to be copied.
    Any,
}

/// Reads a small file whole.
///
/// # Errors
/// [`FileError`]; a missing file is `Io` with `NotFound`.
pub(super) fn read(path: &Path, links: Links, rights: Rights) -> Result<Plain, FileError> {
    let at = || path.to_path_buf();
    let mut flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
    if links == Links::Refuse {
        // Without NONBLOCK a pipe put in the file's place would hang every command.
        flags |= OFlags::NOFOLLOW | OFlags::NONBLOCK;
    }
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Err(Errno::LOOP) if links == Links::Refuse => return Err(FileError::Link { path: at() }),
        other => other.map_err(failed("open", path))?,
    };
    let stat = rustix::fs::fstat(&file).map_err(failed("read", path))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {}
        FileType::Fifo if links == Links::Follow => {}
        _ => return Err(FileError::NoFile { path: at() }),
    }
    check_rights(path, stat.st_uid, stat.st_mode, rights)?;
    let size = usize::try_from(stat.st_size).unwrap_or(usize::MAX);
    if size > MOST {
        return Err(FileError::TooLarge {
            path: at(),
            most: MOST,
        });
    }
    let mut content = Plain::new(Vec::with_capacity(size + 1));
    let limit = u64::try_from(MOST).unwrap_or(u64::MAX).saturating_add(1);
    content
        .with_mut(|bytes| File::from(file).take(limit).read_to_end(bytes))
        .map_err(failed("read", path))?;
    if content.with(Vec::len) > MOST {
        return Err(FileError::TooLarge {
            path: at(),
            most: MOST,
        });
    }
    Ok(content)
}

/// As [`read`], with nothing for a file that is not there.
pub(super) fn read_if_there(
    path: &Path,
    links: Links,
    rights: Rights,
) -> Result<Option<Plain>, FileError> {
    match read(path, links, rights) {
        Err(FileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

fn check_rights(path: &Path, owner: u32, mode: u32, rights: Rights) -> Result<(), FileError> {
    let (forbidden, root_too, wanted) = match rights {
        Rights::Private => (0o077, false, "600"),
        Rights::Settings => (0o022, true, "go-w"),
        Rights::Any => return Ok(()),
    };
    if owner != rustix::process::geteuid().as_raw() && !(root_too && owner == 0) {
        return Err(FileError::NotOurs {
            path: path.to_path_buf(),
            owner,
        });
    }
    if mode & forbidden != 0 {
        return Err(FileError::OpenToOthers {
            path: path.to_path_buf(),
            mode: mode & 0o7777,
            wanted,
        });
    }
    Ok(())
}

/// An [`FileError::Io`] of `doing` something with `path`.
pub(super) fn failed<E: Into<io::Error>>(
    doing: &'static str,
    path: &Path,
) -> impl FnOnce(E) -> FileError {
    move |error| FileError::Io {
        doing,
        path: path.to_path_buf(),
        source: error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_those_that_ssh_asks_for() {
        let me = rustix::process::geteuid().as_raw();
        let check = |owner, mode, rights| check_rights(Path::new("/k"), owner, mode, rights);
        assert!(check(me, 0o100_600, Rights::Private).is_ok());
        assert!(check(me, 0o100_400, Rights::Private).is_ok());
        for mode in [0o100_640, 0o100_604, 0o100_620, 0o100_601] {
            let error = check(me, mode, Rights::Private).unwrap_err();
            assert_eq!(error.hints(), ["chmod 600 /k"], "{mode:o}");
        }
        let error = check(me + 1, 0o100_600, Rights::Private).unwrap_err();
        assert!(matches!(error, FileError::NotOurs { .. }), "{error}");

        assert!(check(me, 0o100_644, Rights::Settings).is_ok());
        assert!(check(0, 0o100_644, Rights::Settings).is_ok());
        assert!(check(me, 0o100_664, Rights::Settings).is_err());
        assert!(check(me + 1, 0o100_644, Rights::Settings).is_err());
        assert!(check(me + 1, 0o100_666, Rights::Any).is_ok());
    }

    #[test]
    fn a_hint_is_a_command_that_a_shell_takes() {
        let word = |path: &str| shell_word(Path::new(path));
        assert_eq!(word("/home/ada/age.txt"), "/home/ada/age.txt");
        assert_eq!(word("/home/a b/it's"), "'/home/a b/it'\\''s'");
        assert_eq!(word("/x\u{1b}[2J\n"), "'/x\\u{1b}[2J\\n'");
    }
}
