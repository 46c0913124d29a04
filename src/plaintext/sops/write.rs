//! Writing what `sops -d` opens: a document as YAML, any other file as a whole.
//!
//! Every value is sealed, and every comment. The one rule that is written, `unencrypted_suffix`, is one
//! that no name ends with.

use ring::digest;
use serde_json::json;

use super::OWN;
use super::metadata::SUFFIX;
use super::value::{Key, Type, canonical, place};
use crate::crypto::hex;
use crate::plaintext::format::{Unprintable, json_literal, yaml_text};
use crate::plaintext::node::Node;
use crate::plaintext::request::pem;
use crate::secret::Plain;
use crate::vault::ValueType;
use crate::world::{World, WorldError};

/// The release whose form is written. SOPS looks at it to tell old files.
const VERSION: &str = "3.11.0";

/// The data key for one recipient.
#[derive(Debug)]
pub struct Wrapped {
    /// `age1…`.
    pub recipient: String,
    /// A binary age file.
    pub file: Vec<u8>,
}

/// A data key and all its wraps.
#[derive(Debug)]
pub struct Keys<'a> {
    /// 32 bytes.
    pub data_key: &'a Plain,
    /// One for each recipient.
    pub wrapped: &'a [Wrapped],
}

/// A name, its value, and what is said about it in the clear.
pub type Noted = (String, Node, Option<String>);

/// Why nothing was sealed.
#[derive(Debug)]
pub enum NotSealed {
    /// A value has no form there.
    Unprintable(Unprintable),
    /// The system gives no randomness.
    World(WorldError),
}

impl From<WorldError> for NotSealed {
    fn from(error: WorldError) -> Self {
        Self::World(error)
    }
}

/// A document as YAML, with its notes as comments.
///
/// # Errors
/// [`NotSealed`].
pub fn seal(entries: &[Noted], keys: &Keys<'_>, world: &World) -> Result<String, NotSealed> {
    let mut sealing = Sealing::new(keys, world)?;
    let mut out = String::new();
    for (name, node, note) in entries {
        let wrong = |why| {
            NotSealed::Unprintable(Unprintable {
                name: name.clone(),
                why,
            })
        };
        if name == OWN {
            return Err(wrong("has the name that SOPS keeps its own table under"));
        }
        for line in note.iter().flat_map(|note| note.lines()) {
            let comment = format!(" {line}");
            let sealed = sealing.seal(comment.as_bytes(), Type::Comment, &[])?;
            out.extend(["#", &sealed, "\n"]);
        }
        sealing.entry(&mut out, name, node, &mut Vec::new(), &wrong)?;
    }
    let suffix = sealing.suffix(entries);
    let (last_modified, mac) = sealing.finish()?;
    out.extend([OWN, ":\n    age:\n"]);
    for wrapped in keys.wrapped {
        let recipient = yaml_text(&wrapped.recipient);
        out.extend(["        - recipient: ", &recipient, "\n          enc: |\n"]);
        for line in armored(wrapped).lines() {
            out.extend(["            ", line, "\n"]);
        }
    }
    out.extend([
        "    lastmodified: \"",
        &last_modified,
        "\"\n    mac: ",
        &mac,
    ]);
    out.extend(["\n    unencrypted_suffix: ", &suffix]);
    out.extend(["\n    version: ", VERSION, "\n"]);
    Ok(out)
}

/// Any file, as one value.
///
/// # Errors
/// [`NotSealed::World`].
pub fn seal_binary(content: &[u8], keys: &Keys<'_>, world: &World) -> Result<String, NotSealed> {
    let mut sealing = Sealing::new(keys, world)?;
    let data = sealing.value(content, Type::Text, &["data"])?;
    let (last_modified, mac) = sealing.finish()?;
    let age =
        |wrapped: &Wrapped| json!({ "recipient": wrapped.recipient, "enc": armored(wrapped) });
    let whole = json!({ "data": data, OWN: {
        "age": keys.wrapped.iter().map(age).collect::<Vec<_>>(),
        "lastmodified": last_modified,
        "mac": mac,
        "unencrypted_suffix": SUFFIX,
        "version": VERSION,
    }});
    Ok(format!("{whole:#}\n"))
}

fn armored(wrapped: &Wrapped) -> String {
    pem("AGE ENCRYPTED FILE", &wrapped.file)
}

struct Sealing<'a> {
    key: Key,
    world: &'a World,
    hash: digest::Context,
}

type Wrong<'a> = &'a dyn Fn(&'static str) -> NotSealed;

impl<'a> Sealing<'a> {
    fn new(keys: &Keys<'_>, world: &'a World) -> Result<Self, NotSealed> {
        let key = keys.data_key.with(|bytes| Key::new(bytes));
        Ok(Self {
            key: key.ok_or(NotSealed::World(WorldError::NoRandomness))?,
            world,
            hash: digest::Context::new(&digest::SHA512),
        })
    }

    fn seal(&self, plain: &[u8], kind: Type, names: &[&str]) -> Result<String, NotSealed> {
        let iv = self.world.random()?;
        let sealed = self
            .key
            .seal(plain, kind, &place(names.iter().copied()), iv);
        sealed.ok_or(NotSealed::World(WorldError::NoRandomness))
    }

    /// Seals a value that the MAC goes over.
    fn value(&mut self, plain: &[u8], kind: Type, names: &[&str]) -> Result<String, NotSealed> {
        self.hash.update(plain);
        self.seal(plain, kind, names)
    }

    /// `name: value` on a line, a table on lines of its own.
    fn entry<'n>(
        &mut self,
        out: &mut String,
        name: &'n str,
        node: &'n Node,
        names: &mut Vec<&'n str>,
        wrong: Wrong<'_>,
    ) -> Result<(), NotSealed> {
        out.extend(std::iter::repeat_n("    ", names.len()));
        out.extend([&yaml_text(name), ":"]);
        names.push(name);
        match node {
            Node::Table(entries) if !entries.is_empty() => {
                out.push('\n');
                for (name, node) in entries {
                    self.entry(out, name, node, names, wrong)?;
                }
            }
            node => {
                let value = self.flow(node, names, wrong)?;
                out.extend([" ", &value, "\n"]);
            }
        }
        names.pop();
        Ok(())
    }

    /// A value on one line.
    fn flow<'n>(
        &mut self,
        node: &'n Node,
        names: &mut Vec<&'n str>,
        wrong: Wrong<'_>,
    ) -> Result<String, NotSealed> {
        let sealed = match node {
            Node::List(items) => {
                let items: Result<Vec<_>, _> = items
                    .iter()
                    .map(|item| self.flow(item, names, wrong))
                    .collect();
                return Ok(format!("[{}]", items?.join(", ")));
            }
            Node::Table(entries) => {
                let mut all = Vec::new();
                for (name, node) in entries {
                    names.push(name);
                    all.push(format!(
                        "{}: {}",
                        yaml_text(name),
                        self.flow(node, names, wrong)?
                    ));
                    names.pop();
                }
                return Ok(format!("{{{}}}", all.join(", ")));
            }
            Node::Text(text) => self.value(text.as_bytes(), Type::Text, names)?,
            Node::Literal(kind, text) => {
                let text = json_literal(*kind, text).map_err(wrong)?;
                let kind = match kind {
                    ValueType::Integer => Type::Integer,
                    ValueType::Float => Type::Float,
                    ValueType::Boolean => Type::Boolean,
                    // A text, as in JSON: SOPS's own type for times has one of Go's spellings alone.
                    _ => Type::Text,
                };
                let text = text.trim_matches('"');
                let odd = "is a number that SOPS does not have";
                let text = canonical(text, kind).ok_or_else(|| wrong(odd))?;
                self.value(text.as_bytes(), kind, names)?
            }
        };
        Ok(format!("\"{sealed}\""))
    }

    /// One that leaves no value in the clear.
    fn suffix(&self, entries: &[Noted]) -> String {
        fn ends(node: &Node, suffix: &str) -> bool {
            match node {
                Node::List(items) => items.iter().any(|item| ends(item, suffix)),
                Node::Table(entries) => entries
                    .iter()
                    .any(|(name, node)| name.ends_with(suffix) || ends(node, suffix)),
                _ => false,
            }
        }
        let mut suffix = SUFFIX.to_owned();
        let taken = |suffix: &str| {
            let mut each = entries.iter();
            each.any(|(name, node, _)| name.ends_with(suffix) || ends(node, suffix))
        };
        while taken(&suffix) {
            suffix.push('_');
        }
        suffix
    }

    /// The time of this change, and the MAC.
    fn finish(self) -> Result<(String, String), NotSealed> {
        let last_modified = self.world.now().to_string();
        let mac = hex(self.hash.clone().finish().as_ref()).to_ascii_uppercase();
        let iv = self.world.random()?;
        let sealed = self
            .key
            .seal(mac.as_bytes(), Type::Text, &last_modified, iv);
        let sealed = sealed.ok_or(NotSealed::World(WorldError::NoRandomness))?;
        Ok((last_modified, sealed))
    }
}
