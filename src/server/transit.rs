//! The transit engine: keys that the server keeps, to seal by and to open by.

use serde::Deserialize;
use serde_json::json;
use zeroize::{Zeroize as _, Zeroizing};

use super::error::shown;
use super::{Client, ServerError};
use crate::crypto::transit::{Ciphertext, TransitKey};
use crate::crypto::{decode_base64, encode_base64};

/// Authenticated encryption that takes associated data, with nonces of 96 bits drawn for each.
const FIT: [&str; 2] = ["aes256-gcm96", "chacha20-poly1305"];

#[derive(Deserialize)]
struct About {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    derived: bool,
    #[serde(default)]
    convergent_encryption: bool,
    #[serde(default)]
    soft_deleted: bool,
}

#[derive(Deserialize)]
struct Sealed {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Opened {
    plaintext: String,
}

/// Refuses a key that data keys are not to be sealed by. It also keeps the server from making a key, which it does
/// for who seals by one that is not there and may create it.
///
/// # Errors
/// [`ServerError::UnfitKey`]; [`ServerError`].
pub async fn demand_fit(client: &Client, key: &TransitKey) -> Result<(), ServerError> {
    let unfit = |why: &str| ServerError::UnfitKey {
        key: key.to_string(),
        why: why.to_owned(),
    };
    let asked = client.get::<About>(&path("keys", key)).await;
    let about = match asked {
        Err(error) if error.status() == Some(404) => return Err(unfit("it is not there")),
        asked => asked?.into_data()?,
    };
    if about.soft_deleted {
        return Err(unfit("it was deleted"));
    }
    if !FIT.contains(&about.kind.as_str()) {
        return Err(unfit(&format!("it is of the type {}", shown(&about.kind))));
    }
    // The same in, the same out: whoever sees two wraps would know whether they hold the same key.
    if about.convergent_encryption {
        return Err(unfit("its encryption is convergent"));
    }
    if about.derived {
        return Err(unfit("it is one from which others are derived"));
    }
    Ok(())
}

/// Seals by the newest version of a key.
///
/// # Errors
/// [`ServerError`].
pub async fn wrap(
    client: &Client,
    key: &TransitKey,
    plain: &[u8],
    associated: &[u8],
) -> Result<Ciphertext, ServerError> {
    let mut text = encode_base64(plain);
    let body = json!({ "plaintext": text, "associated_data": encode_base64(associated) });
    let answer = client.post::<Sealed>(&path("encrypt", key), &body).await;
    text.zeroize();
    let sealed = answer?.into_data()?.ciphertext;
    Ciphertext::parse(&sealed, plain.len()).ok_or(ServerError::NotAnAnswer {
        why: "what it sealed is no ciphertext of such a key",
    })
}

/// Opens what a key sealed.
///
/// # Errors
/// [`ServerError::ClosedKey`] if the key is gone or does not open so old ones;
/// [`ServerError::NotOfKey`] if it did not seal this, or sealed it for something else; [`ServerError`].
pub async fn unwrap(
    client: &Client,
    key: &TransitKey,
    sealed: &Ciphertext,
    associated: &[u8],
) -> Result<Zeroizing<Vec<u8>>, ServerError> {
    let body = json!({
        "ciphertext": sealed.to_string(), "associated_data": encode_base64(associated),
    });
    let answer = client.post::<Opened>(&path("decrypt", key), &body).await;
    let answer = answer.map_err(|error| why_closed(error, key, sealed))?;
    let text = Zeroizing::new(answer.into_data()?.plaintext);
    let plain = decode_base64(&text).map_err(|_| ServerError::NotAnAnswer {
        why: "what it opened is no base64",
    })?;
    Ok(Zeroizing::new(plain))
}

fn path(verb: &str, key: &TransitKey) -> String {
    format!("{}/{verb}/{}", key.mount(), key.name())
}

fn why_closed(error: ServerError, key: &TransitKey, sealed: &Ciphertext) -> ServerError {
    let ServerError::Refused { said, .. } = &error else {
        return error;
    };
    let (key, version, said) = (key.to_string(), sealed.version(), said.clone());
    let is_any = |words: &[&str]| words.iter().any(|words| error.says(words));
    if is_any(&["too old", "key not found", "deleted"]) {
        ServerError::ClosedKey { key, version, said }
    } else if is_any(&[
        "message authentication failed",
        "invalid ciphertext",
        "too new",
    ]) {
        ServerError::NotOfKey { key, said }
    } else {
        error
    }
}
