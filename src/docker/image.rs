//! An image on the target: its id, and what it runs unless a hook says otherwise.

use bollard::models::{HealthConfig, ImageInspect};

use super::error::{DockerError, checked_id, one_line};

/// An image on the target, as far as starting a container asks for it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Image {
    /// `sha256:…`. Receipts record this one: an image that never saw a registry has no digest.
    pub id: String,
    /// The name it was asked for by.
    pub name: String,
    /// ENTRYPOINT.
    pub entrypoint: Vec<String>,
    /// CMD.
    pub command: Vec<String>,
    /// USER, where it names one.
    pub user: Option<String>,
    /// HEALTHCHECK as the API writes it, empty without one: `["CMD", argv…]`, `["CMD-SHELL", line]`.
    pub health: Vec<String>,
}

impl Image {
    /// Reads what a daemon says.
    pub(super) fn of(doing: &str, name: &str, seen: ImageInspect) -> Result<Self, DockerError> {
        let config = seen.config.unwrap_or_default();
        Ok(Self {
            id: checked_id(doing, seen.id)?,
            name: name.to_owned(),
            entrypoint: config.entrypoint.unwrap_or_default(),
            command: config.cmd.unwrap_or_default(),
            user: config.user.filter(|user| !user.is_empty()),
            health: config.healthcheck.and_then(test_of).unwrap_or_default(),
        })
    }
}

/// A health check's test; none where the image says `["NONE"]`.
fn test_of(health: HealthConfig) -> Option<Vec<String>> {
    health
        .test
        .filter(|test| test.first().is_some_and(|kind| kind.starts_with("CMD")))
}

/// An image's name goes into a path of the API: only what such a name may hold, no way up.
pub(super) fn checked_image(name: &str) -> Result<(), DockerError> {
    let sound = !name.is_empty()
        && name.len() <= 512
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-/:@".contains(c))
        && name.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if sound {
        Ok(())
    } else {
        Err(DockerError::Declaration {
            what: "the image",
            text: one_line(name),
            why: "is no name of an image",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_images_name_cannot_lead_elsewhere_in_the_api() {
        for sound in [
            "mysql:5.5.53",
            "codalab/server:1.7.4",
            "r.example:5000/a/b@sha256:0f",
        ] {
            assert!(checked_image(sound).is_ok(), "{sound}");
        }
        for wrong in [
            "",
            "a/../../containers/b",
            "a?x=1",
            "a b",
            "/a",
            "a//b",
            "a#",
            "ä",
        ] {
            assert!(checked_image(wrong).is_err(), "{wrong}");
        }
    }
}
