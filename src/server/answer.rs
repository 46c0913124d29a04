//! What a server answered, with the lease that vaultrs drops.

use std::fmt;
use std::time::Duration;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

use super::{ServerError, Token};

/// No lease is longer here. A longer one would be a mistake or a trick; clocks must not overflow by it.
pub(super) const LONGEST: u64 = 10 * 365 * 86_400;

/// An answer: its data, and what comes with it. Its `Debug` does not show the data.
pub struct Answer<T> {
    /// The data; nothing where the server has none to give.
    pub data: Option<T>,
    /// The lease of what was given, where it ends.
    pub lease: Option<Lease>,
    /// The token that a login gave.
    pub login: Option<Login>,
}

impl<T> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("lease", &self.lease)
            .field("login", &self.login)
            .finish_non_exhaustive()
    }
}

impl<T> Answer<T> {
    /// An answer without a body (204).
    pub(super) fn empty() -> Self {
        Self {
            data: None,
            lease: None,
            login: None,
        }
    }

    /// The data.
    ///
    /// # Errors
    /// [`ServerError::NotAnAnswer`] if there is none.
    pub fn into_data(self) -> Result<T, ServerError> {
        self.data.ok_or(ServerError::NotAnAnswer {
            why: "it holds no data",
        })
    }
}

/// For how long something was given. [`super::Client::renew`] and [`super::Client::revoke`] take it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lease {
    /// Its name at the server.
    pub id: String,
    /// From the moment of the answer on.
    pub lasts: Duration,
    /// Whether it can be made longer.
    pub renewable: bool,
}

/// What a login gave.
#[derive(Debug)]
pub struct Login {
    /// The token.
    pub token: Token,
    /// For how long; nothing for one without an end.
    pub lasts: Option<Duration>,
    /// Whether it can be made longer.
    pub renewable: bool,
}

#[derive(Deserialize)]
struct Envelope<T> {
    #[serde(default = "Option::default")]
    data: Option<T>,
    #[serde(default)]
    auth: Option<Auth>,
    #[serde(default)]
    lease_id: Option<String>,
    #[serde(default, deserialize_with = "seconds")]
    lease_duration: u64,
    #[serde(default)]
    renewable: bool,
}

#[derive(Deserialize)]
struct Auth {
    client_token: String,
    #[serde(default, deserialize_with = "seconds")]
    lease_duration: u64,
    #[serde(default)]
    renewable: bool,
}

/// Whole seconds, at most [`LONGEST`]. A lease of -1 or 1e300 seconds is none.
pub(super) fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = serde_json::Value::deserialize(deserializer)?;
    let number = number.as_u64().ok_or_else(|| {
        // Not what it says: the text of an error may be shown.
        D::Error::custom("a lease is a number of seconds")
    })?;
    Ok(number.min(LONGEST))
}

fn lasting(seconds: u64) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// Reads a body. Depth is bounded by the parser, at 128.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<Answer<T>, ServerError> {
    let envelope: Envelope<T> =
        serde_json::from_slice(body).map_err(|error| ServerError::NotAnAnswer {
            why: why_not(&error),
        })?;
    let lease = envelope.lease_id.filter(|id| !id.is_empty());
    let lease = lease.zip(lasting(envelope.lease_duration));
    let login = envelope.auth.map(|auth| {
        Ok::<_, ServerError>(Login {
            token: Token::of(auth.client_token)?,
            lasts: lasting(auth.lease_duration),
            renewable: auth.renewable,
        })
    });
    Ok(Answer {
        data: envelope.data,
        lease: lease.map(|(id, lasts)| Lease {
            id,
            lasts,
            renewable: envelope.renewable,
        }),
        login: login.transpose()?,
    })
}

/// The parser's own text may quote the answer, and with it a secret.
pub(super) fn why_not(error: &serde_json::Error) -> &'static str {
    use serde_json::error::Category;
    match error.classify() {
        Category::Io | Category::Eof => "it ends too early",
        Category::Syntax => "it is no JSON, or nested too deeply",
        Category::Data => "its fields are others than expected",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read_value(value: &Value) -> Result<Answer<Value>, ServerError> {
        read(value.to_string().as_bytes())
    }

    #[test]
    fn a_lease_comes_with_the_data() {
        let answer = read_value(&json!({
            "data": { "a": 1 }, "lease_id": "database/creds/x/abc", "lease_duration": 3600,
            "renewable": true, "warnings": ["w"], "unknown": [],
        }));
        let answer = answer.unwrap();
        let lease = answer.lease.unwrap();
        assert_eq!(
            (lease.id.as_str(), lease.lasts, lease.renewable),
            ("database/creds/x/abc", Duration::from_secs(3600), true)
        );
        assert_eq!(answer.data.unwrap(), json!({ "a": 1 }));
    }

    #[test]
    fn a_lease_has_a_time_that_can_be_counted_with() {
        let lease = |duration: &str| {
            let text = format!(r#"{{"data":{{}},"lease_id":"a","lease_duration":{duration}}}"#);
            read::<Value>(text.as_bytes()).map(|answer| answer.lease.map(|lease| lease.lasts))
        };
        assert_eq!(lease("0").unwrap(), None);
        let most = Duration::from_secs(LONGEST);
        assert_eq!(lease("18446744073709551615").unwrap(), Some(most));
        for bad in ["-1", "1e300", "1.5", "\"1\"", "99999999999999999999999"] {
            assert!(lease(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_nested_too_deeply_is_no_answer() {
        let deep = format!(
            r#"{{"data":{}{}}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert!(read::<Value>(deep.as_bytes()).is_err());
        assert!(read::<Value>(b"").is_err());
    }

    #[test]
    fn no_answer_is_quoted() {
        let error = read::<u8>(br#"{"data":"hunter2"}"#).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
