//! The types of values. What goes in comes out the same: `00731` stays a string.

use std::str::FromStr;

use super::VaultError;

/// The largest value in a document, in bytes; what is larger is a sealed file.
pub const MAX_VALUE: usize = 64 * 1024;

/// The type of a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "the names are those of TOML, and `bytes`")]
pub enum ValueType {
    String,
    Integer,
    Float,
    Boolean,
    Datetime,
    Array,
    Table,
    Bytes,
}

impl ValueType {
    /// All types.
    pub const ALL: [Self; 8] = [
        Self::String,
        Self::Integer,
        Self::Float,
        Self::Boolean,
        Self::Datetime,
        Self::Array,
        Self::Table,
        Self::Bytes,
    ];

    /// As the file spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Boolean => "boolean",
            Self::Datetime => "datetime",
            Self::Array => "array",
            Self::Table => "table",
            Self::Bytes => "bytes",
        }
    }

    /// Checks that `plain` may be a value of this type.
    ///
    /// A string is UTF-8; a literal (integer, float, boolean, datetime) and an array or table are one
    /// line of TOML as typed; bytes are anything.
    ///
    /// # Errors
    /// [`VaultError::WrongType`], which does not repeat the value; [`VaultError::TooLarge`].
    pub fn check(self, name: &str, plain: &[u8]) -> Result<(), VaultError> {
        if plain.len() > MAX_VALUE {
            return Err(VaultError::TooLarge {
                name: name.to_owned(),
                size: plain.len(),
            });
        }
        let wrong = |why| {
            Err(VaultError::WrongType {
                name: name.to_owned(),
                wanted: self,
                why,
            })
        };
        if self == Self::Bytes {
            return Ok(());
        }
        let Ok(text) = std::str::from_utf8(plain) else {
            return wrong("it is not UTF-8");
        };
        if self == Self::String {
            return Ok(());
        }
        match Literal::parse(text) {
            Some(literal) if literal.kind == self => Ok(()),
            Some(_) => wrong("it is a value of another type"),
            None => wrong("it does not read as TOML on one line"),
        }
    }
}

impl FromStr for ValueType {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or("string, integer, float, boolean, datetime, array, table or bytes is wanted")
    }
}

/// A one-line TOML value, and its type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Literal<'a> {
    /// Its type.
    pub kind: ValueType,
    /// The text as typed.
    pub text: &'a str,
}

impl<'a> Literal<'a> {
    /// Reads one line of TOML; `None` if it is none, or has blanks or a comment around it.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        if text.trim() != text || text.contains(['\n', '\r']) {
            return None;
        }
        let value: toml_edit::Value = text.parse().ok()?;
        let kind = match &value {
            toml_edit::Value::String(_) => ValueType::String,
            toml_edit::Value::Integer(_) => ValueType::Integer,
            toml_edit::Value::Float(_) => ValueType::Float,
            toml_edit::Value::Boolean(_) => ValueType::Boolean,
            toml_edit::Value::Datetime(_) => ValueType::Datetime,
            toml_edit::Value::Array(_) => ValueType::Array,
            toml_edit::Value::InlineTable(_) => ValueType::Table,
        };
        // A comment behind the value would not come back.
        let decor = value.decor();
        let bare = [decor.prefix(), decor.suffix()]
            .into_iter()
            .flatten()
            .all(|raw| raw.as_str().is_none_or(str::is_empty));
        bare.then_some(Self { kind, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_stay_as_typed_and_have_their_type() {
        for (text, kind) in [
            ("9007199254740993", ValueType::Integer),
            ("0x1F", ValueType::Integer),
            ("1e5", ValueType::Float),
            ("true", ValueType::Boolean),
            ("2026-11-24", ValueType::Datetime),
            ("[1, \"a\"]", ValueType::Array),
            ("{ a = 1 }", ValueType::Table),
        ] {
            assert_eq!(Literal::parse(text).unwrap().kind, kind, "{text}");
            assert!(kind.check("X", text.as_bytes()).is_ok());
        }
        for text in ["00731", "1 # one", " 1", "1\n", "[1,\n2]", ""] {
            assert!(Literal::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_wrong_type_is_named_without_the_value() {
        let error = ValueType::Integer.check("PORT", b"hunter2").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        assert!(ValueType::String.check("X", b"\xff").is_err());
        assert!(ValueType::Bytes.check("X", &[0xff; MAX_VALUE + 1]).is_err());
    }
}
