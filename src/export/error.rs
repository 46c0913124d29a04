//! Why nothing was written.

use std::path::PathBuf;

use crate::error::{Code, Explain, MERGE};
use crate::text::{clean_line, count, list};

/// What stands between a secret and a file.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what its variant is")]
pub enum ExportError {
    #[error("`{path}` is a value; a document, a file, a folder or a scope is exported")]
    Value { path: String },
    #[error("`{path}` is a sealed file, and one document is printed")]
    NoDocument { path: String },
    #[error("one document is wanted, and {} would be written", count(*.all, "secret"))]
    NotOneDocument { all: usize },
    #[error("{} lies on a disk, where plaintext stays readable after it is deleted", shown(.path))]
    Disk { path: PathBuf },
    #[error("{} lies in the vault, and git would take it along", shown(.path))]
    InVault { path: PathBuf },
    #[error("{} is there already", shown(.path))]
    Taken { path: PathBuf },
    #[error("{} belongs to somebody else, who could take what is written there", shown(.path))]
    NotYours { path: PathBuf },
    #[error("`{secret}` is not to be printed")]
    NoPrint { secret: String },
    #[error("`{name}` of `{document}` {why}")]
    Unprintable {
        document: String,
        name: String,
        why: &'static str,
    },
    #[error("`{name}` of `{document}` {why}")]
    NotInDotenv {
        document: String,
        name: String,
        why: &'static str,
    },
    #[error("`{secret}` is larger than the 64 MiB that are sealed for SOPS")]
    TooLarge { secret: String },
    #[error("`{document}` does not come back as it is in this format")]
    Differs { document: String },
    #[error("`{inventory}` names a path that leads elsewhere: `{}`", clean_line(.path))]
    Path { inventory: String, path: String },
    #[error("`{secret}` and another secret would both be {}", clean_line(.path))]
    Twice { secret: String, path: String },
    #[error("`{path}` is no inventory of clws")]
    Inventory { path: String },
    #[error("nobody who reads {} has a key that is kept offline", list(.paths))]
    NoRecovery { paths: Vec<String> },
    #[error("{}", gone(.names))]
    Gone { names: Vec<String> },
}

/// So many names are told.
const TOLD: usize = 5;

fn gone(names: &[String]) -> String {
    let told: Vec<&String> = names.iter().take(TOLD).collect();
    let more = match names.len().saturating_sub(TOLD) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let is = if names.len() == 1 { "is" } else { "are" };
    format!(
        "{}{more} {is} not here, and this machine has seen {}",
        list(&told),
        if names.len() == 1 { "it" } else { "them" }
    )
}

fn shown(path: &std::path::Path) -> String {
    clean_line(&path.to_string_lossy())
}

impl Explain for ExportError {
    fn code(&self) -> Code {
        match self {
            Self::NoRecovery { .. } | Self::Gone { .. } => Code::NotFound,
            Self::Value { .. }
            | Self::NoDocument { .. }
            | Self::NotOneDocument { .. }
            | Self::InVault { .. } => Code::Usage,
            Self::Disk { .. } | Self::NotYours { .. } | Self::NoPrint { .. } => Code::Denied,
            Self::Taken { .. } | Self::Twice { .. } => Code::Conflict,
            Self::Unprintable { .. }
            | Self::NotInDotenv { .. }
            | Self::TooLarge { .. }
            | Self::Differs { .. }
            | Self::Path { .. }
            | Self::Inventory { .. } => Code::DataErr,
        }
    }

    fn notes(&self) -> Vec<String> {
        match self {
            Self::NoPrint { .. } => vec!["its policy says no_print".into()],
            Self::Path { .. } => vec!["nothing was written".into()],
            _ => Vec::new(),
        }
    }

    fn hints(&self) -> Vec<String> {
        vec![match self {
            Self::Value { path } | Self::NoDocument { path } => {
                format!("`clws secret get {path}` prints it")
            }
            Self::NotOneDocument { .. } => {
                "name one document, or give a folder: `--out DIR`".into()
            }
            Self::Disk { .. } => {
                "a folder in /dev/shm is memory; `--allow-disk` writes here all the same".into()
            }
            Self::InVault { .. } => "name a folder outside the vault".into(),
            Self::Taken { .. } => "name a folder that is not there, or is empty".into(),
            Self::NotYours { .. } => "name a folder that is not there, or is yours".into(),
            Self::NoPrint { .. } => "`--format age` and `--format sops` export it sealed".into(),
            Self::TooLarge { secret } => {
                format!("`clws export {secret} --format age` writes it as an age file")
            }
            Self::Unprintable { document, .. } | Self::Differs { document } => {
                format!("`clws export {document} --format age --out DIR` has all types, sealed")
            }
            Self::NotInDotenv { document, .. } => {
                format!("`clws export {document} --format json --out -` has more types")
            }
            Self::Path { inventory, .. } | Self::Inventory { path: inventory } => {
                format!(
                    "see who wrote it: `clws secret list {inventory}`; `--format json` does without"
                )
            }
            Self::Twice { .. } => "export them one by one".into(),
            Self::Gone { .. } => {
                return vec![
                    MERGE.into(),
                    "`git checkout REV -- secrets/FILE` brings a file back from a commit, `clws secret restore NAME --from REV` a value of one that is here"
                        .into(),
                    "`clws secret remove NAME` for each that is meant to be gone".into(),
                ];
            }
            Self::NoRecovery { .. } => {
                return vec![
                    "make one where it stays offline: `clws identity new NAME-offline --passphrase`, or `age-keygen`"
                        .into(),
                    "then give its public half to a reader: `clws recipient update READER --age age1… --offline`"
                        .into(),
                ];
            }
        }]
    }
}
