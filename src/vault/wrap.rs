//! `[reader."ada/laptop"]`: a document's data key, wrapped for one recipient of one reader.
//!
//! Mostly it is an age file to that recipient, `kid:age:base64`. For a key that a server keeps it is what the server
//! made, `kid:transit:vault:v1:base64`; who is logged in there opens it, and has no private key at all. A
//! server is asked only if nothing that the person holds opens the document.

use crate::crypto::transit::{Ciphertext, TransitKey, of_document};
use crate::crypto::{CryptoError, DataKey, decode_base64, encode_base64, unwrap, wrap};
use crate::error::Error;
use crate::lines;
use crate::recipients::Sealing;

use super::VaultError;
use super::document::Document;
use super::opener::{Login, Opener, labels};
use super::place::Place;
use super::record::kid_of;

/// The bytes of a data key.
const DATA_KEY: usize = 32;

/// A data key, wrapped for one recipient of one reader.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wrap {
    /// Party and recipient: `ada/laptop`.
    pub name: String,
    /// The public key that it is wrapped for, as the file claims.
    pub recipient: String,
    /// `kid:age:base64`, or `kid:transit:vault:v1:base64`.
    pub text: String,
}

/// What a wrap holds, by its form.
enum Held {
    Age(Vec<u8>),
    Transit(Ciphertext),
}

impl Wrap {
    /// Wraps a data key.
    pub(super) fn seal(
        name: String,
        (recipient, to): (&str, &Sealing<'_>),
        place: &Place,
        (key_id, data_key): (&[u8; 32], &DataKey),
    ) -> Result<Self, Error> {
        let held = match to {
            Sealing::Age(to) => {
                let bytes = wrap(data_key, &**to).map_err(|_| VaultError::CannotWrap {
                    recipient: recipient.to_owned(),
                })?;
                format!("age:{}", encode_base64(&bytes))
            }
            Sealing::Transit(to) => {
                let associated = of_document(&place.vault, &place.id, key_id);
                let sealed = data_key.with(|key| to.wrap(key, &associated));
                let refused = |error| VaultError::NotToServer {
                    path: place.path.to_string(),
                    reader: name.clone(),
                    error,
                };
                format!("transit:{}", sealed.map_err(refused)?)
            }
        };
        Ok(Self {
            name,
            recipient: recipient.to_owned(),
            text: format!("{}:{held}", kid_of(key_id)),
        })
    }

    /// The party before the slash.
    #[must_use]
    pub fn party(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    /// Whether its recipient is a key that a server keeps.
    #[must_use]
    pub fn is_of_server(&self) -> bool {
        self.recipient.parse::<TransitKey>().is_ok()
    }

    /// Whether one of the openers holds the private half of its recipient.
    pub(super) fn is_held(&self, openers: &[&dyn Opener]) -> bool {
        let mut held = openers.iter().filter(|opener| opener.login().is_none());
        held.any(|opener| opener.recipient() == Some(&self.recipient))
    }

    /// Prints the table.
    #[must_use]
    pub fn print(&self) -> String {
        let fields = [
            ("recipient", self.recipient.as_str().into()),
            ("key", self.text.as_str().into()),
        ];
        lines::print("reader", Some(&self.name), &fields)
    }
}

impl Document<'_> {
    /// All wraps.
    ///
    /// # Errors
    /// [`VaultError::Line`].
    pub fn wraps(&self) -> Result<Vec<Wrap>, VaultError> {
        let parse = |header| {
            let table = self.lines().table(header)?;
            Ok(Wrap {
                name: table.name().to_owned(),
                recipient: table.text("recipient")?.to_owned(),
                text: table.text("key")?.to_owned(),
            })
        };
        let wraps: Result<Vec<_>, _> = self.lines().of_kind("reader").map(parse).collect();
        wraps.map_err(|error| self.at(error))
    }

    /// Unwraps the data key with the first of `openers` that a wrap is for, and checks it against
    /// the commitment. Servers are asked last.
    ///
    /// # Errors
    /// [`VaultError::NoKey`] if there is no wrap for any of them, [`VaultError::BadWrap`] if the
    /// wrap does not hold this document's key, [`VaultError::NotByServer`].
    pub fn data_key(&self, openers: &[&dyn Opener]) -> Result<DataKey, Error> {
        let refused = match self.data_key_held(openers) {
            Ok(data_key) => return Ok(data_key),
            Err(error) => error,
        };
        // That a wrap of one's own was tampered with is not to be hidden behind another one.
        if matches!(refused.downcast_ref(), Some(VaultError::BadWrap { .. })) {
            return Err(refused);
        }
        match self.data_key_of_server(openers)? {
            Some(Ok(data_key)) => Ok(data_key),
            // Why a private half stayed closed is nearer than why a server did not help.
            Some(Err(error)) if refused.downcast_ref::<VaultError>().is_some() => Err(error),
            _ => Err(refused),
        }
    }

    /// The same with what the person holds alone.
    fn data_key_held(&self, openers: &[&dyn Opener]) -> Result<DataKey, Error> {
        let held = || openers.iter().filter(|opener| opener.login().is_none());
        let wraps = self.wraps()?;
        let mut closed = None;
        for opener in held() {
            let mine = opener.recipient();
            let Some(wrap) = wraps.iter().find(|wrap| mine == Some(&wrap.recipient)) else {
                continue;
            };
            match opener.age() {
                Ok(identity) => {
                    return match self.open_wrap(wrap, &*identity) {
                        Some(opened) => Ok(opened?),
                        None => Err(self.bad_wrap(wrap).into()),
                    };
                }
                Err(error) => closed = closed.or(Some(error)),
            }
        }
        // A public half that only opening would show (an identity under a passphrase) is worth a
        // try with each wrap. If that fails, why it stayed closed is what the person must know.
        for opener in held().filter(|opener| opener.recipient().is_none()) {
            let identity = match opener.age() {
                Ok(identity) => identity,
                Err(error) => {
                    closed = closed.or(Some(error));
                    continue;
                }
            };
            for wrap in &wraps {
                if let Some(Ok(data_key)) = self.open_wrap(wrap, &*identity) {
                    return Ok(data_key);
                }
            }
        }
        if let Some(error) = closed {
            return Err(error);
        }
        let name = self.place.path.to_string();
        if held().next().is_none() {
            return Err(VaultError::NoIdentity { name }.into());
        }
        let mut readers: Vec<String> = wraps.iter().map(|w| w.party().to_owned()).collect();
        readers.dedup();
        Err(VaultError::NoKey {
            name,
            tried: labels(openers),
            readers,
        }
        .into())
    }

    /// The same by the logins alone; none if no wrap is one of a key that may be asked for.
    fn data_key_of_server(
        &self,
        openers: &[&dyn Opener],
    ) -> Result<Option<Result<DataKey, Error>>, Error> {
        let mut told = None;
        for login in openers.iter().filter_map(|opener| opener.login()) {
            for wrap in self.wraps()? {
                let Some(key) = login.key(&wrap.recipient)? else {
                    continue;
                };
                match self.ask(&wrap, &key, login) {
                    Ok(data_key) => return Ok(Some(Ok(data_key))),
                    Err(error) => told = told.or(Some(Err(error))),
                }
            }
        }
        Ok(told)
    }

    fn ask(&self, wrap: &Wrap, key: &TransitKey, login: &dyn Login) -> Result<DataKey, Error> {
        let Held::Transit(sealed) = self.wrapped(wrap)? else {
            return Err(self.bad_wrap(wrap).into());
        };
        let place = &self.place;
        let associated = of_document(&place.vault, &place.id, &self.head.key_id);
        let opened = login.server().unwrap(key, &sealed, &associated);
        let opened = opened.map_err(|error| VaultError::NotByServer {
            name: place.path.to_string(),
            error,
        })?;
        let bytes: &[u8; DATA_KEY] = opened
            .as_slice()
            .try_into()
            .map_err(|_| self.bad_wrap(wrap))?;
        Ok(self.committed(wrap, DataKey::new(*bytes))?)
    }

    fn bad_wrap(&self, wrap: &Wrap) -> VaultError {
        VaultError::BadWrap {
            document: self.place.path.to_string(),
            reader: crate::text::clean_line(&wrap.name),
        }
    }

    /// What is in a wrap that says it holds this document's key, in the form that its recipient has.
    fn wrapped(&self, wrap: &Wrap) -> Result<Held, VaultError> {
        let read = || {
            let rest = wrap.text.strip_prefix(&kid_of(&self.head.key_id))?;
            let (form, text) = rest.strip_prefix(':')?.split_once(':')?;
            match (form, wrap.is_of_server()) {
                ("age", false) => decode_base64(text).ok().map(Held::Age),
                ("transit", true) => Ciphertext::parse(text, DATA_KEY).map(Held::Transit),
                _ => None,
            }
        };
        read().ok_or_else(|| self.bad_wrap(wrap))
    }

    /// Checks what shows of a wrap without a private key and without a server: that it names this document's key,
    /// and is an age file, or what a server would have made.
    ///
    /// # Errors
    /// [`VaultError::BadWrap`].
    pub fn check_wrap(&self, wrap: &Wrap) -> Result<(), VaultError> {
        match self.wrapped(wrap)? {
            Held::Age(bytes) if !bytes.starts_with(b"age-encryption.org/v1\n-> ") => {
                Err(self.bad_wrap(wrap))
            }
            Held::Age(_) | Held::Transit(_) => Ok(()),
        }
    }

    /// Opens one wrap; `None` if it is for somebody else.
    fn open_wrap(
        &self,
        wrap: &Wrap,
        identity: &dyn age::Identity,
    ) -> Option<Result<DataKey, VaultError>> {
        let bytes = match self.wrapped(wrap) {
            Ok(Held::Age(bytes)) => bytes,
            Ok(Held::Transit(_)) => return None,
            Err(error) => return Some(Err(error)),
        };
        match unwrap(&bytes, identity) {
            Ok(data_key) => Some(self.committed(wrap, data_key)),
            Err(CryptoError::NoIdentity) => None,
            Err(_) => Some(Err(self.bad_wrap(wrap))),
        }
    }

    /// Compares a key with the commitment.
    fn committed(&self, wrap: &Wrap, data_key: DataKey) -> Result<DataKey, VaultError> {
        let commitment = data_key.commitment(&self.place.vault, &self.place.id);
        if commitment == Ok(self.head.key_id) {
            Ok(data_key)
        } else {
            Err(self.bad_wrap(wrap))
        }
    }
}
