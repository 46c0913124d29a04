//! One Docker Engine: how it is reached, which version is spoken, how long it is waited for.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bollard::errors::Error as BollardError;
use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use hyper::Request;
use hyper::body::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio::sync::{Mutex, OnceCell};

use super::error::{DockerError, one_line};
use super::image::Image;
use super::traits::Traits;
use super::wire::{self, Dial, Prefix};

/// Where Docker listens unless it is told otherwise.
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// Docker 20.10, the oldest daemon that the tests ran against.
const OLDEST_API: (u32, u32) = (1, 41);

/// How long a daemon is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    /// For the first answer, which only names the daemon's version.
    pub first: Duration,
    /// For every other answer. Creating a container unpacks nothing, but waits for the disk.
    pub answer: Duration,
    /// How long a container has between TERM and KILL where it does not say; the daemon counts whole
    /// seconds.
    pub grace: Duration,
}

impl Default for Clocks {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(10),
            answer: Duration::from_secs(60),
            grace: Duration::from_secs(10),
        }
    }
}

/// A Docker Engine that has answered once.
#[derive(Clone)]
pub struct Engine {
    pub(super) docker: Docker,
    pub(super) place: String,
    pub(super) clocks: Clocks,
    dial: Dial,
    prefix: Prefix,
    /// The images that were looked at, by their names.
    pub(super) images: Arc<Mutex<BTreeMap<String, Image>>>,
    /// Docker up to API 1.43 makes two networks of one name when two ask at once.
    pub(super) networks: Arc<Mutex<()>>,
    /// Held while the daemon makes a container, also by nobody's wish any more.
    pub(super) making: Arc<Mutex<()>>,
    pub(super) traits: Arc<OnceCell<Traits>>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Engine({})", self.place)
    }
}

impl Engine {
    /// Connects to the daemon of this machine, by default at `/var/run/docker.sock`.
    ///
    /// # Errors
    /// [`DockerError::NoDaemon`] if nothing listens there, [`DockerError::Silent`] if what listens
    /// does not answer, [`DockerError::NoCommonVersion`].
    pub async fn connect(socket: Option<&Path>) -> Result<Self, DockerError> {
        let socket = socket.map_or_else(|| PathBuf::from(DEFAULT_SOCKET), Path::to_path_buf);
        let place = socket.display().to_string();
        let open = move || UnixStream::connect(socket.clone());
        Self::over(&place, Clocks::default(), open).await
    }

    /// Connects over any stream: `open` is called for each request and leads to the daemon's socket,
    /// for instance through a `direct-streamlocal@openssh.com` channel of an SSH connection.
    ///
    /// Shutting the stream's writing half down must reach the daemon, else a program that reads its
    /// standard input to the end waits for ever.
    ///
    /// # Errors
    /// As [`Engine::connect`].
    pub async fn over<F, A, S>(place: &str, clocks: Clocks, open: F) -> Result<Self, DockerError>
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let place = one_line(place);
        let prefix: Prefix = Arc::new(OnceLock::new());
        let dial = wire::dial(open);
        let way = (Arc::clone(&dial), Arc::clone(&prefix));
        let transport = move |request: BollardRequest| {
            wire::send(Arc::clone(&way.0), Arc::clone(&way.1), request)
        };
        // Bollard's own clock covers an answer's head alone; `ask` covers all of it.
        let day = 24 * 60 * 60;
        let docker = Docker::connect_with_custom_transport(
            transport,
            Some("http://docker"),
            day,
            API_DEFAULT_VERSION,
        )
        .map_err(|error| DockerError::of(&place, "connect", &error))?;
        let engine = Self {
            docker,
            place,
            clocks,
            dial,
            prefix,
            images: Arc::default(),
            networks: Arc::default(),
            making: Arc::default(),
            traits: Arc::default(),
        };
        let (told, oldest) = engine.versions().await?;
        let api = agree(&told, &oldest).ok_or_else(|| DockerError::NoCommonVersion {
            place: engine.place.clone(),
            theirs: match one_line(&oldest) {
                oldest if oldest.is_empty() => one_line(&told),
                oldest => format!("{oldest} to {}", one_line(&told)),
            },
            ours: format!("{}.{} to {API_DEFAULT_VERSION}", OLDEST_API.0, OLDEST_API.1),
        })?;
        // Nobody else has the other end of this lock yet.
        let _first = engine.prefix.set(format!("/v{}.{}", api.0, api.1));
        Ok(engine)
    }

    /// The same, with no image looked at yet: what was one and the same for one component may have
    /// another image for the next.
    pub fn afresh(&self) -> Self {
        Self {
            images: Arc::default(),
            ..self.clone()
        }
    }

    /// The newest version of the API that the daemon speaks, and the oldest where it may be one that we do not.
    ///
    /// A ping tells the newest in a third of a millisecond. Asked for its version a daemon (20.10) starts two
    /// programs to tell theirs, for 13 ms; only one that is newer than clws has to be.
    async fn versions(&self) -> Result<(String, String), DockerError> {
        let doing = "tell its version";
        let first = self.clocks.first;
        let request = Request::get("/_ping").body(bollard::body_full(Bytes::new()));
        let request = request.map_err(|error| DockerError::Broken {
            doing: doing.to_owned(),
            text: one_line(&error.to_string()),
        })?;
        let (dial, prefix) = self.way();
        let ping = wire::send(dial, prefix, request);
        let answer = self.within(first, doing, ping).await?;
        let told = answer.headers().get("api-version");
        let told = told.and_then(|told| told.to_str().ok());
        if let Some(told) = told.filter(|told| !is_beyond_us(told)) {
            return Ok((told.to_owned(), String::new()));
        }
        let version = self.within(first, doing, self.docker.version()).await?;
        let newest = version.api_version.unwrap_or_default();
        Ok((newest, version.min_api_version.unwrap_or_default()))
    }

    /// The way to the daemon, for a request that bollard does not make.
    pub(super) fn way(&self) -> (Dial, Prefix) {
        (Arc::clone(&self.dial), Arc::clone(&self.prefix))
    }

    /// Waits for one answer, no longer than a daemon may take.
    pub(super) async fn ask<T>(
        &self,
        doing: &str,
        call: impl Future<Output = Result<T, BollardError>>,
    ) -> Result<T, DockerError> {
        self.within(self.clocks.answer, doing, call).await
    }

    /// Waits for one answer, no longer than `limit`.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        doing: &str,
        call: impl Future<Output = Result<T, BollardError>>,
    ) -> Result<T, DockerError> {
        match tokio::time::timeout(limit, call).await {
            Ok(answer) => answer.map_err(|error| DockerError::of(&self.place, doing, &error)),
            Err(_) => Err(DockerError::Silent {
                place: self.place.clone(),
                doing: doing.to_owned(),
                after: limit,
            }),
        }
    }
}

fn read_version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// The newest version of clws.
fn ours() -> Option<(u32, u32)> {
    Some((
        u32::try_from(API_DEFAULT_VERSION.major_version).ok()?,
        u32::try_from(API_DEFAULT_VERSION.minor_version).ok()?,
    ))
}

/// Whether a daemon that speaks this version may refuse ours as too old.
fn is_beyond_us(newest: &str) -> bool {
    read_version(newest) > ours()
}

/// The newest version that both sides speak, if there is one: theirs is from `oldest`, where they say
/// so, to `newest`.
fn agree(newest: &str, oldest: &str) -> Option<(u32, u32)> {
    let api = read_version(newest)?.min(ours()?);
    let oldest = if oldest.is_empty() {
        OLDEST_API
    } else {
        read_version(oldest)?.max(OLDEST_API)
    };
    Some(api).filter(|api| *api >= oldest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_speak_the_newest_common_version_and_without_one_not_at_all() {
        assert_eq!(agree("1.41", "1.12"), Some((1, 41)));
        assert_eq!(agree("1.99", "1.44"), Some((1, 53)));
        assert_eq!(agree("1.99", ""), Some((1, 53)));
        assert_eq!(agree("1.24", "1.12"), None);
        assert_eq!(agree("1.99", "1.60"), None);
        assert_eq!(agree("1.41", "\u{1b}[2J"), None);
        assert_eq!(agree("\u{1b}[2J", ""), None);
        for (newest, beyond) in [
            ("1.41", false),
            ("1.53", false),
            ("1.54", true),
            ("2.0", true),
            ("?", false),
        ] {
            assert_eq!(is_beyond_us(newest), beyond, "{newest}");
        }
    }
}
