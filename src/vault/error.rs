//! Why something in the vault stayed closed, or was not written.

use crate::crypto::sshsig::{Namespace, SignedBy};
use crate::error::{Code, Error, Explain, MERGE};
use crate::lines::{Fault, LineError};
use crate::name::PartyName;
use crate::recipients::Rights;
use crate::text::list;
use crate::trust::{LAST, TrustError};

use super::kind::{MAX_VALUE, ValueType};
use super::policy::{Policy, PolicyKey};

/// What stands between a person and a secret.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what its variant is")]
pub enum VaultError {
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error("{file}, {error}")]
    Line { file: String, error: LineError },
    #[error("{file} was signed for the path `{signed}`")]
    WrongPath { file: String, signed: String },
    #[error(
        "`{path}` has the id of `{other}`, which the rules give to others: one of them was copied"
    )]
    OtherId { path: String, other: String },
    #[error("there is no secret `{name}`")]
    NotFound {
        name: String,
        nearest: Option<String>,
    },
    #[error("`{name}` is no secret: it has some below it")]
    Above { name: String },
    #[error("`{name}` was removed")]
    Removed {
        name: String,
        by: String,
        moved_to: Option<String>,
    },
    #[error("{} `{name}`", if tried.len() == 1 { "your identity does not open" } else { "none of your identities opens" })]
    NoKey {
        name: String,
        tried: Vec<String>,
        readers: Vec<String>,
    },
    #[error("you have no identity here to open `{name}` with")]
    NoIdentity { name: String },
    #[error("the seal of `{name}` does not verify: it was changed after it was sealed")]
    Broken { name: String },
    #[error("the signature on `{name}` does not verify")]
    BadSignature { name: String, signer: String },
    #[error("the wrap for {reader} in `{document}` does not hold the document's key")]
    BadWrap { document: String, reader: String },
    #[error("`{name}` is sealed under another key than its document's")]
    OtherKey {
        name: String,
        left: Option<Vec<String>>,
    },
    #[error("`{name}` is signed by {signer}, who may not write it")]
    NotWriter {
        name: String,
        signer: String,
        writers: Vec<String>,
        what: Namespace,
        is_party: bool,
    },
    #[error("`{name}` was handed in by {signer}, who may not do that here")]
    NotSubmitter { name: String, signer: String },
    #[error("`{name}` is signed by a key that is not {signer}'s")]
    UnknownKey { name: String, signer: String },
    #[error("`{name}` here is older than what this machine has seen")]
    Older {
        name: String,
        here: String,
        seen: String,
    },
    #[error("`{path}` here is from before its data key or its policy was changed")]
    OlderDocument { path: String, here: u64, seen: u64 },
    #[error("`{path}` here is an older document than one that this machine has seen there")]
    OtherDocument { path: String },
    #[error("{why}")]
    Stale { why: String },
    #[error(
        "the data key of `{path}` here does not follow from the one that this machine has seen"
    )]
    OtherBranch { path: String },
    #[error("`{name}` jumped from number {seen} to {here}")]
    Jump { name: String, here: u64, seen: u64 },
    #[error("`{name}` is not here, and this machine has seen rev {seen} of it")]
    Absent { name: String, seen: u64 },
    #[error("`{name}` is not here, and nothing that counts says that it was removed")]
    NoTombstone { name: String },
    #[error("the document `{0}` is not here")]
    NoDocument(String),
    #[error("`{path}` is covered by no rule, so nobody could read it")]
    NoRule {
        path: String,
        you: String,
        nearest: Option<String>,
        scopes: Vec<String>,
    },
    #[error("{who} may not write `{path}`")]
    MayNotWrite {
        who: String,
        path: String,
        writers: Vec<String>,
    },
    #[error("none of your signing keys belongs to a party of this vault")]
    NobodyHere { tried: Vec<String> },
    #[error("`{document}` is wrapped for {reader}, whom the rules do not list")]
    ExtraReader { document: String, reader: String },
    #[error("nothing can be sealed to `{recipient}`")]
    CannotWrap { recipient: String },
    #[error("`{name}` has {size} bytes, and a value has at most {MAX_VALUE}")]
    TooLarge { name: String, size: usize },
    #[error(
        "`{name}` has {size} bytes, and only a file of up to 64 KiB is rotated or changed in part"
    )]
    TooLargeToRotate { name: String, size: u64 },
    #[error("`{document}` would be larger than 16 MiB")]
    DocumentTooLarge { document: String },
    #[error("the value for `{name}` is no {}: {why}", wanted.as_str())]
    WrongType {
        name: String,
        wanted: ValueType,
        why: &'static str,
    },
    #[error("`{path}` cannot be written: {why}")]
    Clash { path: String, why: String },
    #[error("there is a secret `{0}` already")]
    Exists(String),
    #[error("`{0}` has that name already")]
    SameName(String),
    #[error("`{from}` cannot become `{to}`: one is a value, the other a sealed file")]
    OtherShape { from: String, to: String },
    #[error("`{0}` is a document; its values have names below it")]
    IsDocument(String),
    #[error("what was written for `{0}` did not read back the same; nothing was changed")]
    NotVerified(String),
    #[error("the age file of `{name}` is {}", if *.is_there { "not the one that was signed" } else { "missing" })]
    OtherFile { name: String, is_there: bool },
    #[error("the age file of `{name}` {}", if *.is_said { "was sealed for another path or vault" } else { "does not say for which path it was sealed" })]
    OtherPlace { name: String, is_said: bool },
    #[error("the age file of `{name}`: {why}")]
    BadFile { name: String, why: String },
    #[error("the server that could open `{name}` did not: {}", error.message())]
    NotByServer { name: String, error: Error },
    #[error("`{path}` cannot be sealed to {reader}, whose key a server keeps: {}", error.message())]
    NotToServer {
        path: String,
        reader: String,
        error: Error,
    },
}

impl VaultError {
    /// That something was removed, as its tombstone says: by whom, and where it went.
    pub(super) fn removed(name: String, signed: &SignedBy, policy: &Policy) -> Self {
        Self::Removed {
            name,
            by: signed.party.clone(),
            moved_to: policy.value(PolicyKey::MovedTo).map(str::to_owned),
        }
    }

    /// That somebody may not write a path, and who may.
    pub(crate) fn may_not_write(who: &PartyName, path: &str, rights: &Rights) -> Self {
        Self::MayNotWrite {
            who: who.to_string(),
            path: path.to_owned(),
            writers: rights.writers.iter().map(ToString::to_string).collect(),
        }
    }
}

/// The name of the one identity that was tried, which most often is its party's.
fn only(tried: &[String]) -> Option<&str> {
    let [label] = tried else {
        return None;
    };
    // That of a file by itself is nobody's.
    let (_, name) = label.rsplit_once("identities/")?;
    name.parse::<PartyName>().is_ok().then_some(name)
}

/// The reader whose name one of the identities has that were tried.
fn let_in<'r>(tried: &[String], readers: &'r [String]) -> Option<&'r str> {
    let names: Vec<&str> = tried
        .iter()
        .filter_map(|label| label.rsplit('/').next())
        .collect();
    let mut readers = readers.iter().map(String::as_str);
    readers.find(|reader| names.contains(reader))
}

impl Explain for VaultError {
    fn code(&self) -> Code {
        match self {
            Self::Trust(error) => error.code(),
            Self::Line { error, .. } => error.code(),
            Self::NotFound { .. }
            | Self::Above { .. }
            | Self::Removed { .. }
            | Self::Absent { .. }
            | Self::NoTombstone { .. }
            | Self::NoDocument(_) => Code::NotFound,
            Self::NoKey { .. } | Self::NoIdentity { .. } => Code::NoKey,
            Self::WrongPath { .. }
            | Self::OtherId { .. }
            | Self::Broken { .. }
            | Self::BadSignature { .. }
            | Self::BadWrap { .. }
            | Self::OtherKey { .. }
            | Self::OtherFile { .. }
            | Self::OtherPlace { .. }
            | Self::BadFile { .. } => Code::Auth,
            Self::NotWriter { .. }
            | Self::NotSubmitter { .. }
            | Self::UnknownKey { .. }
            | Self::NoRule { .. }
            | Self::MayNotWrite { .. }
            | Self::NobodyHere { .. }
            | Self::ExtraReader { .. } => Code::Trust,
            Self::Older { .. }
            | Self::OlderDocument { .. }
            | Self::OtherDocument { .. }
            | Self::OtherBranch { .. }
            | Self::Jump { .. } => Code::Rollback,
            Self::TooLarge { .. }
            | Self::TooLargeToRotate { .. }
            | Self::DocumentTooLarge { .. } => Code::DataErr,
            Self::WrongType { .. }
            | Self::Clash { .. }
            | Self::OtherShape { .. }
            | Self::IsDocument(_) => Code::Usage,
            Self::Exists(_) | Self::SameName(_) | Self::Stale { .. } => Code::Conflict,
            Self::CannotWrap { .. } => Code::Backend,
            Self::NotByServer { error, .. } | Self::NotToServer { error, .. } => error.code(),
            Self::NotVerified(_) => Code::IoErr,
        }
    }

    fn notes(&self) -> Vec<String> {
        match self {
            Self::Trust(error) => error.notes(),
            Self::NotByServer { error, .. } | Self::NotToServer { error, .. } => error.notes(),
            Self::NoKey { tried, readers, .. } => {
                vec![
                    format!("tried {}", list(tried)),
                    format!("readers are {}", list(readers)),
                ]
            }
            Self::NotWriter { writers, .. } | Self::MayNotWrite { writers, .. } => {
                vec![format!("writers are {}", list(writers))]
            }
            Self::OtherId { .. } => vec![
                "what is signed, wrapped or sealed in a copy is so in the other one as well".into(),
            ],
            Self::Older { here, seen, .. } => vec![format!("here is {here}, seen was {seen}")],
            Self::OlderDocument { here, seen, .. } => vec![format!(
                "its own record is number {here}, seen was {seen}; who left since could read what is sealed here"
            )],
            Self::OtherDocument { .. } => {
                vec!["two branches founded it apart, and everybody goes by one of the two".into()]
            }
            Self::OtherBranch { .. } => vec![
                "it was changed on a branch that did not know of that one; who had left by then may read what is sealed here"
                    .into(),
            ],
            Self::Jump { .. } => vec![
                "it is signed by a writer; somebody may have counted it up so that no next number is left"
                    .into(),
            ],
            Self::Removed { by, .. } => vec![format!("removed by {by}")],
            Self::NobodyHere { tried } if !tried.is_empty() => {
                vec![format!("tried {}", list(tried))]
            }
            _ => Vec::new(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Trust(error) => error.hints(),
            Self::NotByServer { error, .. } => error.hints(),
            Self::NotToServer { path, error, .. } => {
                let mut hints = error.hints();
                hints.push(format!(
                    "new values of a document that is there need no server; only new readers, documents and data keys \
                     do, so somebody else who has a login there may do this to `{path}`"
                ));
                hints
            }
            Self::Line { file, error } if matches!(error.fault, Fault::DuplicateTable(_)) => vec![
                format!("if a merge put them together: `clws merge {file}` joins it anew, by table"),
            ],
            Self::Line { error, .. } => error.hints(),
            Self::NotFound { nearest: Some(near), .. } => vec![format!("is `{near}` meant?")],
            Self::NotFound { nearest: None, .. } => {
                vec!["`clws secret list` shows what there is".into()]
            }
            Self::Above { name } => vec![format!("`clws secret list {name}` shows them")],
            Self::Removed { moved_to: Some(to), .. } => vec![format!("it was moved to `{to}`")],
            Self::Removed { name, .. } => vec![format!(
                "`clws secret history {name}` shows who did; `clws secret restore {name} --from REV` brings it back from a commit"
            )],
            // The keys of a machine that is lost, for example: the party is there, with others.
            Self::NoKey { tried, readers, .. } if let_in(tried, readers).is_some() => {
                let me = let_in(tried, readers).unwrap_or_default();
                vec![
                    format!("an administrator lets your new keys in: `clws recipient update {me} FILE`, where FILE is what your `clws identity show {me}` printed"),
                    format!("with an older or an offline identity of {me}: `--identity PATH`"),
                ]
            }
            Self::NoKey { name, tried, .. } => vec![match only(tried) {
                Some(me) => format!("an administrator can run `clws access grant {me} {name} --read`"),
                None => format!(
                    "an administrator can run `clws access grant YOU {name} --read`, where YOU is your name in recipients/"
                ),
            }],
            Self::NobodyHere { tried } if tried.is_empty() => vec![
                "what you opened with reads alone, and signs nothing: name the folder of an identity with both halves, which `clws identity list` shows, or leave `--identity` out"
                    .into(),
            ],
            Self::NobodyHere { tried } => {
                let name = only(tried).unwrap_or("NAME");
                vec![format!("an administrator adds you: `clws recipient add {name} FILE`, where FILE is what your `clws identity show {name}` printed")]
            }
            Self::NoIdentity { .. } => vec![
                "`clws identity new NAME` makes an identity; an administrator then runs `clws recipient add NAME`".into(),
            ],
            Self::WrongPath { file, signed } if file.ends_with(".age.toml") => vec![format!(
                "somebody moved it by hand; put it back to `secrets/{signed}.age.toml`, and its age file beside it"
            )],
            Self::WrongPath { signed, .. } => {
                vec![format!("somebody moved the file by hand; put it back to `secrets/{signed}.toml`")]
            }
            Self::OtherId { path, other } => vec![
                format!("`git log -- secrets/{path}.toml secrets/{other}.toml` shows who copied; put what was before back, with git"),
            ],
            Self::NotWriter { name, signer, what, is_party, .. } => {
                let meant = unvouched(name, *what, signer).into_iter();
                // Whoever is no party any more can be granted nothing.
                meant.take(if *is_party { 2 } else { 1 }).collect()
            }
            Self::NotSubmitter { name, .. } => vec![
                format!("`clws secret adopt {name} --drop` throws it away"),
            ],
            Self::Older { name, .. } => vec![
                MERGE.into(),
                format!("`clws secret restore {name}` if the older one is meant, as after `git revert`"),
                format!("`clws secret get {name} --at HEAD` looks at the past"),
            ],
            Self::OlderDocument { path, .. } => vec![
                MERGE.into(),
                format!("`clws secret restore {path}` if this one is meant; it gets a new data key"),
            ],
            Self::OtherBranch { path } => vec![
                MERGE.into(),
                format!("`clws secret accept {path}` if a colleague made it the one that counts"),
                format!("`clws secret restore {path}` if you mean this one; it gets a new data key"),
            ],
            Self::OtherDocument { path } => vec![
                MERGE.into(),
                format!("`clws secret restore {path}` if this one is meant"),
            ],
            Self::NoDocument(path) => vec![format!(
                "`git checkout REV -- secrets/{path}.toml` brings it back as it was; then restore its values"
            )],
            Self::Jump { name, here, .. } if *here > LAST => vec![
                format!("`clws secret history {name}` shows who wrote it"),
                "nobody counts to that number, and none is left behind it: put the version before back, with git".into(),
            ],
            Self::Jump { name, .. } => vec![
                format!("`clws secret history {name}` shows who wrote it"),
                format!("`clws secret accept {name}` if that is as it should be"),
            ],
            Self::Absent { name, .. } | Self::NoTombstone { name } => vec![
                MERGE.into(),
                format!("`clws secret restore {name} --from REV` brings it back from a commit"),
                format!("`clws secret remove {name}` if it is meant to be gone"),
            ],
            Self::NoRule { path, you, nearest, scopes } => {
                let meant = match (nearest, scopes.as_slice()) {
                    (Some(near), _) => Some(format!("is `{near}` meant?")),
                    (None, []) => None,
                    (None, scopes) => Some(format!("a path begins with a scope, of which there are {}", list(scopes))),
                };
                let grant = format!("an administrator runs `clws access grant {you} {path} --write`");
                meant.into_iter().chain([grant]).collect()
            }
            Self::MayNotWrite { who, path, .. } => {
                vec![format!("an administrator can run `clws access grant {who} {path} --write`")]
            }
            Self::ExtraReader { document, .. } => vec![
                format!("`clws rekey {document}` seals it anew, for those whom the rules list"),
                "`clws check` shows all of them".into(),
            ],
            Self::OtherKey { name, left: Some(_) } => vec![format!(
                "it was added on a branch while the key was changed: `clws secret adopt {name}`"
            )],
            Self::TooLarge { name, .. } => {
                vec![format!("`clws secret set {name} --type file` seals it as a file of its own")]
            }
            Self::TooLargeToRotate { name, .. } => {
                vec![format!("`clws secret set {name}` takes a new one")]
            }
            Self::Exists(name) => vec![
                format!("`clws secret remove {name}` takes it out of the way"),
            ],
            Self::OtherShape { from, to } => {
                vec![format!("`clws secret get {from} | clws secret set {to}`")]
            }
            Self::WrongType { .. } => vec!["`--type` says which type it is; `bytes` takes anything".into()],
            Self::IsDocument(path) => vec![
                format!("`clws secret list {path}` shows its values"),
                format!("`clws secret edit {path}` opens all of them"),
            ],
            Self::OtherPlace { name, is_said } => {
                let who = format!("`git log -- 'secrets/{name}*'` shows who put it there, perhaps without being able to open it");
                let take = format!("if they could: `age -d secrets/{name}.age | clws secret set {name} --type file`");
                // What says that it belongs elsewhere is wanted nowhere else.
                std::iter::once(who).chain((!is_said).then_some(take)).collect()
            }
            Self::OtherFile { name, is_there: false } => vec![format!(
                "`git checkout -- secrets/{name}.age` brings it back, if it was committed"
            )],
            Self::Broken { .. } | Self::BadSignature { .. } | Self::OtherFile { .. } => vec![
                "git has the version before: `git log -p -- secrets`".into(),
                "`clws check` shows whether more is damaged".into(),
            ],
            _ => Vec::new(),
        }
    }
}

/// What leads on from a signature of somebody who may not write: what a writer can do with what lies there,
/// and the right for its signer.
fn unvouched(name: &str, what: Namespace, signer: &str) -> [String; 2] {
    let pending = name.strip_suffix(", pending");
    let secret = pending.unwrap_or(name);
    let meant = match what {
        Namespace::Value if pending.is_none() => format!(
            "`clws secret get {secret} --unvouched` shows it; `clws secret adopt {secret}` signs it as yours, \
             `clws secret set {secret}` gives it a new value"
        ),
        // No command signs a document's own record in place of somebody who may not.
        Namespace::Document => format!(
            "`git log -- secrets/{secret}.toml` shows where it comes from; git has the version before"
        ),
        _ => format!("`clws secret set {secret}` gives it a new value"),
    };
    // Rules speak of documents and files.
    let ruled = match what {
        Namespace::Value => secret
            .rsplit_once('/')
            .map_or(secret, |(document, _)| document),
        _ => secret,
    };
    let grant = format!(
        "if {signer} should write here, an administrator runs `clws access grant {signer} {ruled} --write`"
    );
    [meant, grant]
}
