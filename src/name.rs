//! Names: parsed once, valid from then on.
//!
//! A secret's name is its path. `prod/rest-server/DB_PASSWORD` is a value of the document
//! `prod/rest-server`; `prod/tls/codalab.key` is a sealed file in the folder `prod/tls`. All names
//! are ASCII, so that there are no two spellings that look alike.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use crate::error::{Code, Explain};

/// Why a text is no name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NameError {
    /// A scope, document, folder, party or identity.
    #[error("`{}` is no name of {what}: up to 64 of `a-z 0-9 _ -`, a letter or digit first", crate::text::clean_line(.text))]
    Plain {
        /// What it should have named.
        what: &'static str,
        /// The text.
        text: String,
    },
    /// A value or a file.
    #[error("`{}` is no name of {what}: up to 128 of `A-Z a-z 0-9 _ . -`, and not `.` or `-` first", crate::text::clean_line(.text))]
    Value {
        /// What it should have named.
        what: &'static str,
        /// The text.
        text: String,
    },
    /// A word that means something else.
    #[error("`{text}` is taken: {why}")]
    Reserved {
        /// The word.
        text: String,
        /// What for.
        why: &'static str,
    },
    /// A path of the wrong length.
    #[error("`{}` is no path of a secret: {wanted} is wanted", crate::text::clean_line(.text))]
    Path {
        /// The text.
        text: String,
        /// The shape.
        wanted: &'static str,
    },
}

impl Explain for NameError {
    fn code(&self) -> Code {
        Code::Usage
    }
}

fn is_plain(text: &str) -> bool {
    let good = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    (1..=64).contains(&text.len()) && text.bytes().all(good) && !text.starts_with(['_', '-'])
}

fn is_value(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    (1..=128).contains(&text.len()) && text.bytes().all(good) && !text.starts_with(['.', '-'])
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $type(String);

        impl $type {
            /// The name as it is written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let check: fn(&str) -> Result<(), NameError> = $check;
                check(text).map(|()| Self(text.to_owned()))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

fn plain(what: &'static str, text: &str) -> Result<(), NameError> {
    if is_plain(text) {
        Ok(())
    } else {
        Err(NameError::Plain {
            what,
            text: text.to_owned(),
        })
    }
}

name! {
    /// The first part of every secret's path: `prod`, `test`, `dev`, `demo`, `shared`, …
    Scope, |text| plain("a scope", text)
}

name! {
    /// A person, host, service or group: `ada`, `vm-clws-prod-server-0`.
    PartyName, |text| {
        plain("a party", text)?;
        match text {
            // Each would be a file of that name beside the parties.
            "access" | "trust" => Err(NameError::Reserved {
                text: text.to_owned(),
                why: "recipients/ has a file or folder of that name",
            }),
            _ => Ok(()),
        }
    }
}

name! {
    /// A component that hooks deploy: `rest-server`.
    Component, |text| plain("a component", text)
}

name! {
    /// An identity on this machine: a folder's name, so nothing that a path could hide in.
    IdentityName, |text| plain("an identity", text)
}

name! {
    /// The name of one value in its document: `CODALAB_MYSQL_PASSWORD`.
    ValueName, |text| {
        if is_value(text) {
            Ok(())
        } else {
            Err(NameError::Value { what: "a value", text: text.to_owned() })
        }
    }
}

name! {
    /// A document: `prod/rest-server`.
    DocumentPath, |text| {
        let wrong = || NameError::Path { text: text.to_owned(), wanted: "`scope/document`" };
        let (scope, name) = text.split_once('/').ok_or_else(wrong)?;
        plain("a scope", scope)?;
        if name == "shared" {
            return Err(NameError::Reserved {
                text: name.to_owned(),
                why: "in a hook, `shared/…` is the scope",
            });
        }
        plain("a document", name)
    }
}

name! {
    /// A sealed file: `prod/tls/codalab.key`.
    FilePath, |text| {
        let wrong = || NameError::Path { text: text.to_owned(), wanted: "`scope/folder/file`" };
        let (folders, name) = text.rsplit_once('/').ok_or_else(wrong)?;
        for folder in folders.split('/') {
            plain("a folder", folder)?;
        }
        if is_value(name) {
            Ok(())
        } else {
            Err(NameError::Value { what: "a file", text: name.to_owned() })
        }
    }
}

fn first_segment(path: &str) -> Scope {
    Scope(path.split('/').next().unwrap_or_default().to_owned())
}

impl DocumentPath {
    /// Its scope.
    #[must_use]
    pub fn scope(&self) -> Scope {
        first_segment(&self.0)
    }

    /// The name behind the scope.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, name)| name)
    }

    /// Where the document lies in the vault.
    #[must_use]
    pub fn to_file(&self) -> String {
        format!("secrets/{}.toml", self.0)
    }
}

impl FilePath {
    /// Its scope.
    #[must_use]
    pub fn scope(&self) -> Scope {
        first_segment(&self.0)
    }

    /// The last part.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(_, name)| name)
    }

    /// Where the age file lies in the vault.
    #[must_use]
    pub fn to_file(&self) -> String {
        format!("secrets/{}.age", self.0)
    }

    /// Where its sidecar lies.
    #[must_use]
    pub fn to_sidecar(&self) -> String {
        format!("secrets/{}.age.toml", self.0)
    }
}

/// One secret: a value of a document, or a sealed file.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum SecretName {
    /// A value.
    Value(DocumentPath, ValueName),
    /// A sealed file.
    File(FilePath),
}

impl SecretName {
    /// Its scope.
    #[must_use]
    pub fn scope(&self) -> Scope {
        match self {
            Self::Value(document, _) => document.scope(),
            Self::File(file) => file.scope(),
        }
    }

    /// What the rules speak of: the document, or the file itself.
    #[must_use]
    pub fn ruled_path(&self) -> &str {
        match self {
            Self::Value(document, _) => document.as_str(),
            Self::File(file) => file.as_str(),
        }
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(document, name) => write!(f, "{document}/{name}"),
            Self::File(file) => file.fmt(f),
        }
    }
}

/// A path as a person types it: a scope, a document, a folder, a value or a file. Which of them it
/// is depends on what lies in the vault.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct SecretPath(String);

impl SecretPath {
    /// The path as it was typed, without a slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts between the slashes.
    #[must_use]
    pub fn segments(&self) -> Vec<&str> {
        self.0.split('/').collect()
    }
}

impl FromStr for SecretPath {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let path = text.strip_suffix('/').unwrap_or(text);
        let mut segments = path.split('/');
        plain("a scope", segments.next().unwrap_or_default())?;
        for segment in segments {
            if !is_value(segment) {
                return Err(NameError::Value {
                    what: "a secret",
                    text: segment.to_owned(),
                });
            }
        }
        Ok(Self(path.to_owned()))
    }
}

impl fmt::Display for SecretPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_lead_elsewhere_are_refused() {
        for path in [
            "../x",
            "/etc",
            "prod//x",
            "prod/../x",
            "prod/.x",
            "Prod/x",
            "prod/-x",
            "",
            "prod/ä",
        ] {
            assert!(path.parse::<SecretPath>().is_err(), "{path}");
        }
        for name in ["access", "trust", "Ada", "a/b", "_a", ""] {
            assert!(name.parse::<PartyName>().is_err(), "{name}");
        }
        for name in [".", "..", "a/b", "Ada", "-a", "_a", "a b", "ä", "a\0", ""] {
            assert!(name.parse::<IdentityName>().is_err(), "{name}");
        }
        assert!("prod/shared".parse::<DocumentPath>().is_err());
        assert!("prod/web/x".parse::<DocumentPath>().is_err());
        assert!("a".repeat(129).parse::<ValueName>().is_err());
    }

    #[test]
    fn a_text_that_is_no_name_is_told_what_one_is() {
        let told = |error: NameError| error.to_string();
        let form = "up to 64 of `a-z 0-9 _ -`, a letter or digit first";
        assert_eq!(
            told("a\u{1b}[2J".parse::<IdentityName>().unwrap_err()),
            format!("`a\\u{{1b}}[2J` is no name of an identity: {form}")
        );
        assert_eq!(
            told("Prod".parse::<Scope>().unwrap_err()),
            format!("`Prod` is no name of a scope: {form}")
        );
    }

    #[test]
    fn a_path_says_where_its_file_lies() {
        let document: DocumentPath = "prod/rest-server".parse().unwrap();
        assert_eq!(document.to_file(), "secrets/prod/rest-server.toml");
        assert_eq!(
            (document.scope().as_str(), document.name()),
            ("prod", "rest-server")
        );
        let file: FilePath = "dev/tls/codalab.key".parse().unwrap();
        assert_eq!(file.to_sidecar(), "secrets/dev/tls/codalab.key.age.toml");
    }
}
