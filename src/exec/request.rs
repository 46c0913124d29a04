//! What a program shall get, as a person says it.

use std::str::FromStr;

use super::variable::VariableName;
use crate::error::{Code, Error, Problem};
use crate::name::{SecretPath, ValueName};

/// Which secrets, and under which names.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Documents, whose values come under their own names, and single values.
    pub paths: Vec<SecretPath>,
    /// Which values of the documents; all if there is none here.
    pub only: Vec<ValueName>,
    /// Values that get another name.
    pub renames: Vec<Rename>,
    /// Values and sealed files that are put into files.
    pub files: Vec<FileRequest>,
    /// Names that are passed although they change more than what they say.
    pub allowed: Vec<VariableName>,
}

/// `CHILD=VALUE`: the value under another name than its own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rename {
    /// What the program calls it.
    pub variable: VariableName,
    /// The value.
    pub value: ValueRef,
}

/// A value, by its name in the documents that were named, or by its whole path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ValueRef {
    /// `TOKEN`
    Name(ValueName),
    /// `prod/web/TOKEN`
    Path(SecretPath),
}

/// `NAME=PATH`: a file in the private folder, and its path in a variable.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileRequest {
    /// The variable that gets the path.
    pub variable: VariableName,
    /// The value or sealed file.
    pub path: SecretPath,
}

/// Takes `NAME=` off the front of what has this form.
fn split<'t>(text: &'t str, form: &str) -> Result<(VariableName, &'t str), Error> {
    let (name, rest) = text.split_once('=').ok_or_else(|| {
        // What stands there may be a secret that somebody took for an argument: it is not repeated.
        Problem::new(Code::Usage, format!("{form} is wanted"))
    })?;
    Ok((name.parse()?, rest))
}

impl FromStr for Rename {
    type Err = Unread;

    fn from_str(text: &str) -> Result<Self, Unread> {
        let (variable, value) = split(text, "CHILD=VALUE")?;
        let value = if value.contains('/') {
            ValueRef::Path(value.parse().map_err(Error::from)?)
        } else {
            ValueRef::Name(value.parse().map_err(Error::from)?)
        };
        Ok(Self { variable, value })
    }
}

impl FromStr for FileRequest {
    type Err = Unread;

    fn from_str(text: &str) -> Result<Self, Unread> {
        let (variable, path) = split(text, "NAME=PATH")?;
        let path = path.parse().map_err(Error::from)?;
        Ok(Self { variable, path })
    }
}

/// A text that does not read as `NAME=PATH`, with the reason.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.message())]
pub struct Unread(Error);

impl From<Error> for Unread {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rename_names_a_value_shortly_or_in_full() {
        let rename: Rename = "MYSQL_PWD=DB_PASSWORD".parse().unwrap();
        assert!(matches!(rename.value, ValueRef::Name(_)));
        let rename: Rename = "MYSQL_PWD=prod/mysql/DB_PASSWORD".parse().unwrap();
        assert!(matches!(rename.value, ValueRef::Path(_)));
        for text in ["X", "=A", "A=", "1=A", "A=../b"] {
            assert!(text.parse::<Rename>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_value_given_in_the_place_of_a_path_is_not_repeated() {
        let error = "hunter2".parse::<FileRequest>().unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
