//! Why a hook is not carried out.

use crate::error::{Code, Explain, MERGE};
use crate::lines::LineError;
use crate::name::Component;
use crate::text::{list, nearest};

/// What is wrong with a hook or its signature.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what its variant is")]
pub enum HookError {
    #[error("{file}: {why}")]
    Wrong { file: String, why: String },
    #[error("there is no hook for `{component}`")]
    NotFound {
        component: String,
        nearest: Option<String>,
    },
    #[error("the hook of `{0}` changed meanwhile")]
    Meanwhile(String),
    #[error("the hook of `{0}` is not signed")]
    Unsigned(String),
    #[error("the hook of `{component}` is not what was signed: {}", list(.files))]
    Changed {
        component: String,
        files: Vec<String>,
    },
    #[error("{file}, {error}")]
    Line { file: String, error: LineError },
    #[error("no signature on the hook of `{component}` counts in `{scope}`")]
    NoDeployer {
        component: String,
        scope: String,
        signers: Vec<String>,
        deployers: Vec<String>,
    },
    #[error("the signature of {signer} on the hook of `{component}` does not verify")]
    BadSignature { component: String, signer: String },
    #[error(
        "the hook of `{component}` is number {here}, older than {seen}, which this machine has seen"
    )]
    Older {
        component: String,
        here: u64,
        seen: u64,
    },
    #[error(
        "the hook of `{component}` is another number {seq} than the one that this machine has seen"
    )]
    Sibling { component: String, seq: u64 },
    #[error(
        "the hook of `{component}` is number {here}, which does not follow {seen}, the last one seen"
    )]
    Jump {
        component: String,
        here: u64,
        seen: u64,
    },
    #[error("`{file}` is a link or no ordinary file")]
    NotAFile { file: String },
    #[error("the components {} wait for each other", list(.0))]
    Circle(Vec<String>),
    #[error("no hook says what has `{secret}` as its password")]
    NoAccount { secret: String },
    #[error("no hook says which account of Azure's has `{secret}` as a key")]
    NoAzureAccount { secret: String },
    #[error("`{component}` comes after `{after}`, for which there is no hook")]
    AfterNothing { component: String, after: String },
}

impl HookError {
    /// There is no hook of this name among `all`.
    pub(crate) fn missing(component: &Component, all: &[Component]) -> Self {
        let known = all.iter().map(Component::as_str);
        Self::NotFound {
            component: component.to_string(),
            nearest: nearest(component.as_str(), known).map(str::to_owned),
        }
    }

    /// What is wrong in the hook's own file.
    pub(crate) fn in_hook(component: &Component, why: impl Into<String>) -> Self {
        Self::Wrong {
            file: format!("hooks/{component}.toml"),
            why: why.into(),
        }
    }
}

impl Explain for HookError {
    fn code(&self) -> Code {
        match self {
            Self::Wrong { .. }
            | Self::Circle(_)
            | Self::NoAccount { .. }
            | Self::NoAzureAccount { .. }
            | Self::AfterNothing { .. } => Code::Config,
            Self::NotFound { .. } => Code::NotFound,
            Self::Meanwhile(_) => Code::Conflict,
            Self::Unsigned(_) | Self::Changed { .. } | Self::NoDeployer { .. } => Code::Trust,
            Self::NotAFile { .. } => Code::Trust,
            Self::Line { error, .. } => error.code(),
            Self::BadSignature { .. } => Code::Auth,
            Self::Older { .. } | Self::Jump { .. } => Code::Rollback,
            Self::Sibling { .. } => Code::Trust,
        }
    }

    fn notes(&self) -> Vec<String> {
        match self {
            Self::NoDeployer {
                signers, deployers, ..
            } => vec![
                format!("signed by {}", list(signers)),
                format!("deployers there are {}", list(deployers)),
            ],
            _ => Vec::new(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NotFound {
                nearest: Some(near),
                ..
            } => vec![format!("is `{near}` meant?")],
            Self::NotFound { .. } => vec!["`clws hook list` shows what there is".into()],
            Self::Meanwhile(component) => vec![format!(
                "look at it again, then `clws hook sign {component}`"
            )],
            Self::Unsigned(component) | Self::NoDeployer { component, .. } => {
                vec![format!(
                    "a deployer looks at it and runs `clws hook sign {component}`"
                )]
            }
            Self::Changed { component, .. } => vec![
                format!("`clws hook diff {component}` shows what differs"),
                format!("if it is meant, a deployer runs `clws hook sign {component}`"),
            ],
            Self::NoAzureAccount { secret } => vec![format!(
                "`[rotate.\"{}\".azure-key]` in a hook says so (docs/azure.md)",
                secret.split_once('/').map_or("", |(_, rest)| rest)
            )],
            Self::NoAccount { secret } => vec![
                format!(
                    "`[rotate.\"{}\"]` in the hook of its server says so (docs/rotation.md)",
                    secret.split_once('/').map_or("", |(_, rest)| rest)
                ),
                "its component must run on some host of that environment".into(),
            ],
            Self::Older { .. } => vec![MERGE.into()],
            Self::Sibling { component, .. } => vec![
                "two deployers signed on two branches: merge them".into(),
                format!("then a deployer runs `clws hook sign {component}`, which counts on"),
            ],
            Self::Jump { component, .. } => vec![
                format!("`git log hooks/{component}.sig.toml` shows who wrote that number"),
                format!(
                    "if the number before is taken from git, a deployer runs `clws hook sign {component}`"
                ),
            ],
            Self::Line { error, .. } => error.hints(),
            _ => Vec::new(),
        }
    }
}
