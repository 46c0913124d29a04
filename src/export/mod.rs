//! Gives secrets back as ordinary files: nobody is locked in.
//!
//! [`choose`] finds what is meant. A document is written as dotenv, JSON, Ansible's variables or what SOPS
//! opens, each value as an age file, or ([`As::Dir`]) as the very file that it was imported from: its layout,
//! names and mode are in the scope's inventory. Sealed files come back byte for byte.
//!
//! [`backup()`] writes age files for the keys that are kept offline alone, with a list of what they are.
//!
//! What is written is plaintext (age and SOPS aside), so it goes to a folder of its own, 0700, on memory
//! unless a disk is allowed, and is gone again if anything fails on the way.

mod backup;
mod error;
mod folder;
mod origin;
mod references;
mod render;
mod sops;
mod write;

pub use backup::{BACKUP_FILE, Backup, Kept, backup};
pub use error::ExportError;
pub use folder::{Disk, Folder};
pub use origin::Origins;
pub use references::references;
pub use write::{Written, choose, one, write};

/// As what secrets are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum As {
    /// Age files, which every reader of the secret opens.
    Age,
    /// `NAME=value` lines.
    Dotenv,
    /// JSON with types.
    Json,
    /// A file of variables for Ansible.
    Ansible,
    /// What SOPS opens.
    Sops,
    /// The tree that was imported.
    Dir,
    /// Where the values lie on a server.
    References,
}

impl As {
    /// All of them, by name.
    pub const ALL: [(&'static str, Self); 7] = [
        ("age", Self::Age),
        ("dotenv", Self::Dotenv),
        ("json", Self::Json),
        ("ansible", Self::Ansible),
        ("sops", Self::Sops),
        ("dir", Self::Dir),
        ("vault-references", Self::References),
    ];

    /// Whether what is written is sealed.
    #[must_use]
    pub fn is_sealed(self) -> bool {
        matches!(self, Self::Age | Self::Sops)
    }

    /// The end of a document's file name.
    fn ending(self) -> &'static str {
        match self {
            Self::Dotenv => ".env",
            Self::Ansible => ".yml",
            Self::Sops => ".yaml",
            _ => ".json",
        }
    }
}
