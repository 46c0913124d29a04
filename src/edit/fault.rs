//! Why an edited text cannot be saved.

use crate::name::{NameError, ValueName};
use crate::vault::VaultError;

/// Why an edited text cannot be saved. No value is in any of these.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what its variant is")]
pub enum Fault {
    #[error("it is no UTF-8")]
    NotUtf8,
    #[error("{0}")]
    Toml(String),
    #[error("a table header: a table is a value here, as `name = {{ x = 1 }}`")]
    Header,
    #[error("a dotted name: a name with a dot in it stands in quotes")]
    Dotted,
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("`{0}` is there twice")]
    Twice(ValueName),
    #[error("`{0}` and `{1}` differ in case alone")]
    Case(String, String),
    #[error("a comment that is directly above no value, so there is no place to keep it")]
    LooseComment,
    #[error("a comment behind or inside a value: a note stands on the lines above it")]
    InnerComment,
    #[error("what stands for bytes is no base64")]
    Base64,
    #[error(transparent)]
    Value(Box<VaultError>),
    #[error("it is no single value")]
    NotOne,
    #[error("the value is of type {0}, and this is of type {1}")]
    OtherType(&'static str, &'static str),
    #[error("it is larger than {0} bytes")]
    TooLarge(usize),
}

impl From<VaultError> for Fault {
    fn from(error: VaultError) -> Self {
        Self::Value(Box::new(error))
    }
}

/// A fault and its line, counted from 1.
pub(super) type At = (usize, Fault);
