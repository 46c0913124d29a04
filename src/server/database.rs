//! Passwords of accounts that a server makes itself: static roles of its database engines.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::{Answer, Client, ServerError};
use crate::secret::Plain;

/// A static role: its account has one password at a time, and the server makes the next one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StaticRole {
    mount: String,
    name: String,
}

#[derive(Deserialize)]
struct Credentials {
    password: String,
}

impl StaticRole {
    /// Reads `MOUNT/NAME`.
    ///
    /// # Errors
    /// [`ServerError::BadPath`] for anything that would lead elsewhere.
    pub fn parse(text: &str) -> Result<Self, ServerError> {
        let is_name = |part: &str| {
            let is_one = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            part.contains(|c: char| c != '.') && part.chars().all(is_one)
        };
        match text.rsplit_once('/') {
            Some((mount, name)) if mount.split('/').all(is_name) && is_name(name) => Ok(Self {
                mount: mount.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err(ServerError::BadPath {
                path: text.to_owned(),
            }),
        }
    }

    /// The password that the account has now.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn password(&self, client: &Client) -> Result<Plain, ServerError> {
        let path = format!("{}/static-creds/{}", self.mount, self.name);
        let answer: Answer<Credentials> = client.get(&path).await?;
        Ok(Plain::new(answer.into_data()?.password.into_bytes()))
    }

    /// Has the server give the account another password. The one before is refused from then on.
    ///
    /// # Errors
    /// [`ServerError`]; [`ServerError::Uncertain`] if it may be done or not.
    pub async fn rotate(&self, client: &Client) -> Result<(), ServerError> {
        let path = format!("{}/rotate-role/{}", self.mount, self.name);
        let rotated = client.post::<IgnoredAny>(&path, &json!({})).await;
        rotated.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_a_mount_and_a_name() {
        for text in ["database/app", "team/db/app-1", "d.b/a_b"] {
            assert!(StaticRole::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "app",
            "/app",
            "database/",
            "../app",
            "database/..",
            "a//b",
            "a/b?c",
            "a/%2e",
        ] {
            assert!(StaticRole::parse(text).is_err(), "{text}");
        }
    }
}
