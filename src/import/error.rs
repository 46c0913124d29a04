//! Why nothing was imported, or why what was imported is not what the source holds.

use std::path::PathBuf;

use crate::error::{Code, Explain};
use crate::text::{clean_line, count, list};

/// What stands between a plaintext tree and the vault.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A path with nothing to import.
    #[error("{} is {}", clean_line(&path.to_string_lossy()), if *.missing { "not there" } else { "neither a folder nor an ordinary file" })]
    NoSource {
        /// What was typed.
        path: PathBuf,
        /// Whether nothing at all lies there.
        missing: bool,
    },
    /// The vault would be imported into itself.
    #[error("{} holds the vault itself", clean_line(&path.to_string_lossy()))]
    Vault {
        /// What was typed.
        path: PathBuf,
    },
    /// A tree that is hardly meant.
    #[error("there are more than {most} files and folders below it")]
    TooMany {
        /// The limit.
        most: usize,
    },
    /// A tree that is hardly meant.
    #[error("`{path}` lies more than {most} folders deep", path = clean_line(path))]
    TooDeep {
        /// Where.
        path: String,
        /// The limit.
        most: usize,
    },
    /// Sources that could not be read, with the reason.
    #[error("{} cannot be read, and nothing may be passed over", count(sources.len(), "source"))]
    Unreadable {
        /// `path: reason`.
        sources: Vec<String>,
    },
    /// Sources that are not what was sealed.
    #[error("{} not what was sealed", is_are(sources.len()))]
    Forged {
        /// `path: reason`.
        sources: Vec<String>,
    },
    /// Sources that another program sealed, and that it could not open either.
    #[error("{} damaged, or no file of the program that seems to have sealed it", is_are(sources.len()))]
    Malformed {
        /// `path: reason`.
        sources: Vec<String>,
    },
    /// Scopes that nobody may write, with a path in each.
    #[error("no rule covers {}", list(&scopes.iter().map(|(scope, _)| format!("`{scope}`")).collect::<Vec<_>>()))]
    NoRule {
        /// Scope, and a source that would lie there.
        scopes: Vec<(String, String)>,
    },
    /// Secrets of these names have other values.
    #[error("the vault has other values for {}", count(secrets.len(), "secret"))]
    Conflict {
        /// Their names.
        secrets: Vec<String>,
    },
    /// Sources that were asked to become documents and cannot.
    #[error("{} cannot become a document", count(sources.len(), "source"))]
    NoDocument {
        /// `path: reason`.
        sources: Vec<String>,
    },
    /// Somebody changed the vault between the plan and the lock.
    #[error("`{secret}` was changed by somebody else meanwhile")]
    Changed {
        /// The document or file.
        secret: String,
    },
    /// What was sealed is not what the source holds now.
    #[error("`{secret}` is sealed, and differs from `{source_path}`: {why}", source_path = clean_line(source_path))]
    Differs {
        /// The secret.
        secret: String,
        /// The source.
        source_path: String,
        /// In what.
        why: &'static str,
    },
}

fn is_are(sources: usize) -> String {
    let verb = if sources == 1 { "is" } else { "are" };
    format!("{} {verb}", count(sources, "source"))
}

/// Longer lists are in the plan.
const SHOWN: usize = 10;

impl Explain for ImportError {
    fn code(&self) -> Code {
        match self {
            Self::NoSource { missing: true, .. } => Code::NotFound,
            Self::NoSource { missing: false, .. } | Self::Vault { .. } => Code::Usage,
            Self::TooMany { .. }
            | Self::TooDeep { .. }
            | Self::Malformed { .. }
            | Self::NoDocument { .. } => Code::DataErr,
            Self::Unreadable { .. } | Self::Differs { .. } => Code::IoErr,
            Self::Forged { .. } => Code::Auth,
            Self::NoRule { .. } => Code::Trust,
            Self::Conflict { .. } | Self::Changed { .. } => Code::Conflict,
        }
    }

    fn notes(&self) -> Vec<String> {
        let all = match self {
            Self::Unreadable { sources }
            | Self::Forged { sources }
            | Self::Malformed { sources }
            | Self::NoDocument { sources } => sources.clone(),
            Self::Conflict { secrets } => secrets.clone(),
            Self::NoRule { scopes } => scopes
                .iter()
                .map(|(scope, source)| format!("`{}` would lie in {scope}", clean_line(source)))
                .collect(),
            _ => Vec::new(),
        };
        let more = all.len().saturating_sub(SHOWN);
        let mut notes: Vec<String> = all.into_iter().take(SHOWN).collect();
        notes.extend((more > 0).then(|| format!("and {more} more")));
        notes
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Vault { .. } => vec!["name the folder with the plaintext, not the one around it".into()],
            Self::TooMany { .. } | Self::TooDeep { .. } => vec!["import its folders one by one".into()],
            Self::Unreadable { .. } => vec!["make them readable, or move them out of the tree; nothing was changed".into()],
            Self::NoRule { scopes } => scopes
                .iter()
                .map(|(scope, _)| format!("an administrator runs `clws access grant NAME {scope} --write`"))
                .collect(),
            Self::Forged { .. } => vec![
                "nothing was changed; find who wrote them last (`git log -p FILE`), and take them from where they are intact".into(),
            ],
            Self::Malformed { .. } => vec![
                "nothing was changed; take them from where they are intact, or seal them as they are: `--as file`".into(),
            ],
            Self::Conflict { .. } => vec![
                "nothing was changed; `clws secret remove` them, or move the sources out of the tree".into(),
            ],
            Self::NoDocument { .. } => vec!["import them with `--as file`, or without `--as`; nothing was changed".into()],
            Self::Changed { .. } => vec!["run the command again".into()],
            Self::Differs { secret, .. } => vec![format!(
                "the source is still there: see whether somebody wrote to it, then `clws secret remove {secret}` and import it again"
            )],
            Self::NoSource { .. } => Vec::new(),
        }
    }
}
