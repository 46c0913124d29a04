//! What one container is, declared without a secret.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::error::{DockerError, one_line};

/// What one container is. It holds no secret: names, paths and plain settings, all of which
/// `docker inspect` shows to whoever may ask the daemon.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Container {
    /// `[a-zA-Z0-9][a-zA-Z0-9_.-]+`, unique on the target.
    pub name: String,
    /// An image that is on the target.
    pub image: String,
    /// In place of the image's CMD.
    pub command: Option<Vec<String>>,
    /// In place of the image's ENTRYPOINT.
    pub entrypoint: Option<Vec<String>>,
    /// `uid`, `uid:gid` or names of the image.
    pub user: Option<String>,
    /// The folder in which it starts; the image's without.
    pub working_dir: Option<String>,
    /// The networks it joins, the first one from its creation on; none is Docker's default bridge.
    pub networks: Vec<String>,
    /// More names by which others find it, by network.
    pub aliases: BTreeMap<String, Vec<String>>,
    /// `name:address`, lines of its `/etc/hosts`.
    pub extra_hosts: Vec<String>,
    /// Folders of the host.
    pub mounts: Vec<Mount>,
    /// Variables that `docker inspect` shows.
    pub environment: BTreeMap<String, Visible>,
    /// The folder of this deploy's secrets.
    pub secrets: Option<Secrets>,
    /// Single files of that folder at places of their own.
    pub files: Vec<FileMount>,
    /// Whether the daemon starts it again.
    pub restart: Restart,
    /// How long it has to stop before it is killed; the daemon's default without.
    pub stop_within: Option<Duration>,
    /// Labels, for people and receipts.
    pub labels: BTreeMap<String, String>,
    /// What the folders of its component's deploys have in their paths. A container that has its name
    /// and whose label [`PLACE`](super::PLACE) has another folder is somebody else's.
    pub whose: String,
    /// Ports of the host that lead into it.
    pub ports: Vec<Port>,
    /// What differs from the image's HEALTHCHECK.
    pub health: HealthCheck,
    /// Whether a small first process takes over orphans.
    pub init: bool,
}

/// A variable of the container's configuration. Its `Debug` does not show it: it may be a secret that
/// a hook asked to be visible there.
#[derive(Clone, Eq, PartialEq)]
pub struct Visible(pub String);

impl std::fmt::Debug for Visible {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Visible(..)")
    }
}

/// A folder of the host inside a container. A missing one fails the start.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mount {
    /// Where it lies on the host, absolute.
    pub source: PathBuf,
    /// Where the container sees it, absolute.
    pub target: String,
    /// Whether the container may only read it.
    pub read_only: bool,
}

/// A memory-backed folder of the host that holds a deploy's secrets, mounted read-only.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Secrets {
    /// Where it lies on the host, absolute.
    pub source: PathBuf,
    /// Where the container sees it, `/run/clws` for instance.
    pub target: String,
    /// Whether it has a file `env` of `export NAME='…'` lines that the program is to be given.
    pub environment: bool,
}

impl Secrets {
    /// The environment's file as the container sees it, if there is one.
    #[must_use]
    pub fn environment_file(&self) -> Option<String> {
        self.environment
            .then(|| format!("{}/env", self.target.trim_end_matches('/')))
    }
}

/// One file of the host at a path of its own in the container, read-only.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileMount {
    /// Where it lies on the host, absolute.
    pub source: PathBuf,
    /// Where the container sees it, absolute.
    pub target: String,
}

/// Whether the daemon starts a container again.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Restart {
    /// Never.
    #[default]
    No,
    /// After an exit that is not 0, this many times.
    OnFailure(u16),
    /// After every exit and every start of the daemon, unless it was stopped. For hosts alone where the
    /// folder of secrets is filled again before the daemon starts; elsewhere a boot leaves it empty.
    UnlessStopped,
}

/// A port of the host that leads into a container.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Port {
    /// The host's address it listens on. There is no default: Docker's own opens it to the world.
    pub address: IpAddr,
    /// The host's port.
    pub host: u16,
    /// The container's port.
    pub container: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
}

/// What a port speaks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

/// A command that the daemon runs inside the container from time to time. What is left open comes from
/// the image.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HealthCheck {
    /// Whether there is none, whatever the image says.
    pub off: bool,
    /// The command; it sees the variables of the environment's file too.
    pub command: Option<Vec<String>>,
    /// The time between two runs.
    pub interval: Option<Duration>,
    /// How long one may take.
    pub timeout: Option<Duration>,
    /// How many failures make it unhealthy.
    pub retries: Option<u16>,
    /// How long failures do not count at the start.
    pub start_period: Option<Duration>,
}

impl Container {
    /// Refuses what the daemon would refuse too late, or read as something else.
    pub(super) fn check(&self) -> Result<(), DockerError> {
        checked_name("the container", &self.name)?;
        for network in &self.networks {
            checked_name("the network", network)?;
        }
        let targets = self
            .mounts
            .iter()
            .map(|mount| (&mount.source, &mount.target))
            .chain(self.files.iter().map(|file| (&file.source, &file.target)))
            .chain(
                self.secrets
                    .iter()
                    .map(|folder| (&folder.source, &folder.target)),
            );
        for (source, target) in targets {
            if !source.is_absolute() || source.to_str().is_none() {
                return declared(
                    "the mounted path",
                    &source.display().to_string(),
                    "is not absolute, or no UTF-8",
                );
            }
            if !target.starts_with('/') || target.split('/').any(|part| part == "..") {
                return declared(
                    "the path in the container",
                    target,
                    "is not absolute and plain",
                );
            }
        }
        for (name, value) in &self.environment {
            if name.is_empty() || name.contains(['=', '\0']) || value.0.contains('\0') {
                return declared("the variable", name, "cannot be set");
            }
        }
        Ok(())
    }
}

fn declared<T>(what: &'static str, text: &str, why: &'static str) -> Result<T, DockerError> {
    let text = one_line(text);
    Err(DockerError::Declaration { what, text, why })
}

/// Names go into paths of the API; those with our own endings are made by a replacement only.
pub(crate) fn checked_name<'a>(what: &'static str, name: &'a str) -> Result<&'a str, DockerError> {
    let sound = (2..=200).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    if !sound {
        return declared(what, name, "is no name that Docker takes");
    }
    if name.contains(".clws-") {
        return declared(what, name, "has an ending that clws keeps for itself");
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_that_no_container_can_have_is_refused_here() {
        let broken = |change: fn(&mut Container)| {
            let mut container = Container {
                name: "greeter".to_owned(),
                files: vec![FileMount {
                    source: "/run/clws/greeter/1/config.json".into(),
                    target: "/etc/greeter.json".to_owned(),
                }],
                ..Container::default()
            };
            container.check().unwrap();
            change(&mut container);
            container.check().unwrap_err().to_string()
        };
        for error in [
            broken(|c| c.name = "../images/x".to_owned()),
            broken(|c| c.name = "greeter.clws-old".to_owned()),
            broken(|c| c.networks = vec!["container:other".to_owned()]),
            broken(|c| c.files[0].source = "config.json".into()),
            broken(|c| c.files[0].target = "/run/../etc/passwd".to_owned()),
            broken(|c| {
                drop(
                    c.environment
                        .insert("A=B".to_owned(), Visible(String::new())),
                )
            }),
        ] {
            assert!(error.starts_with("the "), "{error}");
        }
    }
}
