//! Files that are whole before they count, folders that no link leads out of, memory that is no disk.

mod below;
mod beside;
mod bisect;
mod commit;
mod edit;
mod folder;
mod held;
mod left;
mod lock;
mod new_folder;
mod new_folders;
mod private;
mod ram;
mod shred;
mod staged;
mod stamp;
mod targets;
mod temporary;
mod tree;
mod whole;

pub use below::Sync;
pub use beside::{is_stream, write_beside};
pub use bisect::{find_bytes, find_sorted, read_range};
pub use commit::Journal;
pub use edit::{Edit, New, Was};
pub use folder::OpenFolder;
pub use held::{Files, Held};
pub use lock::Lock;
pub use new_folders::NewFolders;
pub use private::{
    StagedPrivate, ensure_private_dir, open_private, read_private, remove_private, share_private,
    sync_private_dir, write_private,
};
pub use ram::{RamDir, clear_left_behind, is_memory};
pub use shred::Gone;
pub use staged::Staged;
pub use stamp::Stamp;
pub(crate) use targets::{hash_file, hash_stream};
pub use temporary::is_random_name;
pub use tree::{Entry, EntryKind, Tree, names};
pub use whole::read_whole;

use std::path::{Path, PathBuf};

use crate::error::{Code, Explain};

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FsError {
    /// The system refused.
    #[error("cannot {doing} {}", shown(.path))]
    Io {
        /// What was tried, as a verb: `read`, `write`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A symbolic link, or a way out of the vault.
    #[error("{} is a symbolic link or lies behind one, and links are not followed", shown(.path))]
    Link {
        /// The file.
        path: PathBuf,
    },
    /// Something other than an ordinary file.
    #[error("{} is not an ordinary file", shown(.path))]
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// Larger than what is read of such a file.
    #[error("{} is larger than {most} bytes", shown(.path))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        most: usize,
    },
    /// Somebody wrote to it while we worked.
    #[error("{} was changed by somebody else meanwhile", shown(.path))]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A file of ours that others could have written or read.
    #[error("{} must belong to you and to nobody else (it has mode {mode:04o})", shown(.path))]
    NotPrivate {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The lock is held by another process.
    #[error("another clws is changing this vault{}", held_by(.holder))]
    Locked {
        /// What the holder wrote about itself.
        holder: String,
    },
    /// No place that is memory and not a disk.
    #[error("there is no memory-backed folder here: tried {}", crate::text::list(.tried))]
    NoMemoryFolder {
        /// The folders that were tried.
        tried: Vec<String>,
    },
}

fn shown(path: &Path) -> String {
    crate::text::clean_line(&path.to_string_lossy())
}

fn held_by(holder: &str) -> String {
    if holder.is_empty() {
        String::new()
    } else {
        format!(" ({})", crate::text::clean_line(holder))
    }
}

impl FsError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }

    pub(crate) fn errno(
        doing: &'static str,
        path: &Path,
    ) -> impl FnOnce(rustix::io::Errno) -> Self {
        let path = path.to_owned();
        move |errno| Self::Io {
            doing,
            path,
            source: errno.into(),
        }
    }
}

impl Explain for FsError {
    fn code(&self) -> Code {
        match self {
            Self::Io { .. } | Self::NotAFile { .. } => Code::IoErr,
            Self::Link { .. } | Self::NotPrivate { .. } => Code::Trust,
            Self::TooLarge { .. } => Code::DataErr,
            Self::Changed { .. } => Code::Conflict,
            Self::Locked { .. } => Code::TempFail,
            Self::NoMemoryFolder { .. } => Code::Denied,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                vec!["the disk is full; make room and run the command again".into()]
            }
            Self::Io {
                doing: "make",
                source,
                ..
            } if source.kind() == std::io::ErrorKind::AlreadyExists => {
                vec!["a file lies there, and a folder is wanted: name another place".into()]
            }
            Self::NotPrivate { path, .. } => vec![format!("chmod go-rwx {}", shown(path))],
            Self::Locked { .. } => vec!["try again when it is done".into()],
            Self::Changed { .. } => vec!["look at it and run the command again".into()],
            Self::NoMemoryFolder { .. } => {
                vec!["set XDG_RUNTIME_DIR to a folder on tmpfs, or mount tmpfs on /dev/shm".into()]
            }
            _ => Vec::new(),
        }
    }
}
