//! Values as variables of Ansible, in the form in which no text of theirs is taken for a template.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::error::{Code, Error, Problem};
use crate::name::{DocumentPath, Scope, SecretPath, ValueName};
use crate::plaintext::{Ansible, Format as _, Json, entries_of};
use crate::vault::{Found, Opened, Reader, Vault};

/// Variables by the scope of their values.
pub type Variables = BTreeMap<Scope, Map<String, Value>>;

/// The group that all hosts are in.
pub(super) const ALL: &str = "all";

/// The group of an environment or machine type.
pub(super) fn group_name(word: &str) -> String {
    word.replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}

/// Opens the values that are named, documents or single ones.
///
/// # Errors
/// Usage for what holds no values; what keeps a secret closed.
pub fn variables(
    vault: &Vault,
    reader: &Reader<'_>,
    paths: &[SecretPath],
) -> Result<Variables, Error> {
    let mut all = Variables::new();
    let found: Vec<Found> = paths
        .iter()
        .map(|path| vault.find(path))
        .collect::<Result<_, _>>()?;
    let is_named = |document: &DocumentPath, name: &ValueName| {
        let mut found = found.iter();
        found.any(|one| matches!(one, Found::Value(of, named) if of == document && named == name))
    };
    for (path, found) in paths.iter().zip(&found) {
        let (document, opened) = match found.clone() {
            Found::Document(document) => {
                let opened = reader.document(&document)?;
                (document, opened)
            }
            Found::Value(document, name) => {
                let opened = vec![reader.value(&document, &name)?];
                (document, opened)
            }
            Found::File(_) | Found::Folder(_) => {
                let why = format!("`{path}` is neither a document nor a value of one");
                return Err(Problem::new(Code::Usage, why).into());
            }
        };
        let variables = all.entry(document.scope()).or_default();
        for value in &opened {
            if value.no_print {
                return Err(not_printed(&format!("{document}/{}", value.name)).into());
            }
            if Ansible::is_its_own(value.name.as_str()) && !is_named(&document, &value.name) {
                return Err(not_named(&format!("{document}/{}", value.name)).into());
            }
            let name = checked(document.as_str(), &value.name)?;
            variables.insert(name, of_value(document.as_str(), value)?);
        }
    }
    Ok(all)
}

/// An inventory is printed; a program can have the value by a file.
fn not_printed(path: &str) -> Problem {
    Problem::new(Code::Denied, format!("`{path}` is not to be printed"))
        .note("its policy says no_print")
        .hint(format!(
            "`clws exec --file NAME={path} -- CMD` puts it into a file for a program"
        ))
}

/// As with names of variables that make programs run other code.
fn not_named(path: &str) -> Problem {
    let why = "says how Ansible itself works, so it is passed only if you name it";
    Problem::new(Code::Usage, format!("`{path}` {why}"))
        .hint(format!("if it is meant: `--with {path}` as well"))
}

/// A name that Ansible takes for a variable.
fn checked(document: &str, name: &ValueName) -> Result<String, Error> {
    let name = name.as_str();
    let sound = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match sound {
        true => Ok(name.to_owned()),
        false => Err(Problem::new(
            Code::Usage,
            format!("`{name}` of `{document}` is no name of a variable"),
        )
        .hint(format!("name others: `--with {document}/OTHER`"))
        .into()),
    }
}

fn of_value(document: &str, value: &Opened) -> Result<Value, Error> {
    let one = std::iter::once((value.name.as_str(), value.kind, &value.value));
    let printed = entries_of(one, &BTreeMap::new()).and_then(|entries| Json.print(&entries));
    let printed = printed.map_err(|error| {
        let why = format!("`{document}/{}` {}", error.name, error.why);
        Problem::new(Code::DataErr, why)
    })?;
    let read: Map<String, Value> = serde_json::from_str(&printed).map_err(|_| {
        let why = format!("`{document}/{}` has no form in JSON", value.name);
        Problem::new(Code::DataErr, why)
    })?;
    Ok(no_template(read.into_values().next().unwrap_or_default()))
}

/// Every text of it as one that is not filled in.
fn no_template(value: Value) -> Value {
    match value {
        Value::String(text) => json!({ "__ansible_unsafe": text }),
        Value::Array(values) => values.into_iter().map(no_template).collect(),
        Value::Object(values) => {
            let values = values.into_iter();
            let values = values.map(|(key, value)| (key, no_template(value)));
            Value::Object(values.collect())
        }
        other => other,
    }
}

/// A text of the rules: plain, unless it looks like a template.
pub(super) fn text(text: &str) -> Value {
    match ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark)) {
        true => no_template(Value::String(text.to_owned())),
        false => Value::String(text.to_owned()),
    }
}
