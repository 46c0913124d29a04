//! The SSH CA of the person's server, and the certificates that it signed for this run.
//!
//! It is asked by a thread of its own. Commands have runtimes of their own, some have several one after the
//! other, and they hold hosts while they wait; the thread keeps one run at the server through all of that: begun when
//! the first certificate is wanted, kept alive, and given back when the command is done with its hosts.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::deploy::runtime;
use super::server::begin;
use crate::deploy::ssh::Login;
use crate::error::{Code, Error, Problem};
use crate::identity::{Config, KeyPair};
use crate::server::{CERTIFICATE_TIME, Flags, ServerError, Session, Settings, sign};
use crate::world::World;

/// For so long a certificate is used again: what is left of its time is for the login.
const FRESH: Duration = Duration::from_secs(CERTIFICATE_TIME.as_secs() - 60);

/// How long the end of a run at the server is waited for.
const GOODBYE: Duration = Duration::from_secs(1);

/// What is to be signed: the place, the public key, the principal.
struct Wanted {
    path: String,
    public: String,
    principal: String,
}

struct Ask {
    wanted: Wanted,
    reply: oneshot::Sender<Result<String, Error>>,
}

/// What logs in, and since when it may.
struct Signed {
    login: Arc<Login>,
    at: Instant,
}

/// The authority.
pub(super) struct Authority<'a> {
    world: &'a World,
    thread: OnceCell<Thread>,
    /// By the place and the principal.
    signed: RefCell<BTreeMap<(String, String), Signed>>,
}

impl<'a> Authority<'a> {
    pub(super) fn new(world: &'a World) -> Self {
        Self {
            world,
            thread: OnceCell::new(),
            signed: RefCell::default(),
        }
    }

    /// A key of this run's own with a certificate for it, both in memory alone.
    ///
    /// # Errors
    /// [`ServerError`], and what is wrong with the person's configuration.
    pub(super) async fn login(&self, path: &str, principal: &str) -> Result<Arc<Login>, Error> {
        let place = (path.to_owned(), principal.to_owned());
        if let Some(known) = self.signed.borrow().get(&place)
            && known.at.elapsed() < FRESH
        {
            return Ok(Arc::clone(&known.login));
        }
        let at = Instant::now();
        let pair = KeyPair::ed25519(self.world, "clws")?;
        let wanted = Wanted {
            path: path.to_owned(),
            public: pair.public,
            principal: principal.to_owned(),
        };
        let certificate = self.thread()?.ask(wanted).await?;
        let login = Arc::new(Login::Signed(pair.private, certificate));
        let mut signed = self.signed.borrow_mut();
        let is = Signed {
            login: Arc::clone(&login),
            at,
        };
        signed.insert(place, is);
        Ok(login)
    }

    fn thread(&self) -> Result<&Thread, Error> {
        if let Some(thread) = self.thread.get() {
            return Ok(thread);
        }
        let config = Config::read(self.world)?;
        let settings = Settings::of(self.world, &config.server, &Flags::default())?;
        let thread = Thread::start(self.world.clone(), settings)?;
        Ok(self.thread.get_or_init(|| thread))
    }
}

struct Thread {
    asks: Option<mpsc::UnboundedSender<Ask>>,
    handle: Option<JoinHandle<()>>,
}

impl Thread {
    fn start(world: World, settings: Settings) -> Result<Self, Error> {
        let runtime = runtime()?;
        let (sender, asks) = mpsc::unbounded_channel();
        let handle = std::thread::spawn(move || {
            runtime.block_on(serve(&world, &settings, asks));
            runtime.shutdown_background();
        });
        Ok(Self {
            asks: Some(sender),
            handle: Some(handle),
        })
    }

    async fn ask(&self, wanted: Wanted) -> Result<String, Error> {
        let (reply, answer) = oneshot::channel();
        let ask = Ask { wanted, reply };
        // Both fail only if the thread panicked.
        let gone = || Error::from(Problem::new(Code::Bug, "nobody asks the server any more"));
        let sent = self.asks.as_ref().map(|asks| asks.send(ask));
        match sent {
            Some(Ok(())) => answer.await.map_err(|_| gone())?,
            _ => Err(gone()),
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.asks = None;
        if let Some(handle) = self.handle.take() {
            // It panicked; whoever asked was told.
            handle.join().unwrap_or_default();
        }
    }
}

/// Answers one ask after the other, until nobody can ask any more.
async fn serve(world: &World, settings: &Settings, mut asks: mpsc::UnboundedReceiver<Ask>) {
    let (mut session, mut down) = (None, None);
    while let Some(ask) = next(session.as_ref(), &mut asks).await {
        let Ask { wanted, mut reply } = ask;
        let signing = async {
            if let Some(error) = &down {
                return Err(again(error));
            }
            let session = match &mut session {
                Some(session) => session,
                none => none.insert(begin(world, settings).await.inspect_err(|error| {
                    down = Some(again(error));
                })?),
            };
            let signed = session.during(wanted.sign(session, world)).await;
            signed.map_err(|error| {
                let is_down = is_down(&error);
                let error = Error::from(error);
                if is_down {
                    down = Some(again(&error));
                }
                error
            })
        };
        let signed = tokio::select! {
            signed = signing => signed,
            // Whoever asked has given up, or was stopped.
            () = reply.closed() => continue,
        };
        // Nobody may be waiting for it any more.
        drop(reply.send(signed));
    }
    if let Some(session) = session {
        // What is not revoked lasts until its lease ends.
        drop(timeout(GOODBYE, session.end()).await);
    }
}

impl Wanted {
    async fn sign(&self, session: &Session, world: &World) -> Result<String, ServerError> {
        let whom = (self.public.as_str(), self.principal.as_str());
        let client = session.client();
        sign(client, &self.path, whom, CERTIFICATE_TIME, world.now()).await
    }
}

/// The next ask; a token that is there is kept alive until then.
async fn next(session: Option<&Session>, asks: &mut mpsc::UnboundedReceiver<Ask>) -> Option<Ask> {
    match session {
        Some(session) => session.during(asks.recv()).await,
        None => asks.recv().await,
    }
}

/// Whether the next host would be told the same. It was tried for long, and hundreds of hosts need not wait
/// for it one after the other. What the server refuses, or gives amiss, is of one role and one principal.
fn is_down(error: &ServerError) -> bool {
    error.status().is_none() && !matches!(error, ServerError::BadCertificate { .. })
}

/// The same error once more.
pub(super) fn again(error: &Error) -> Error {
    retold(error, error.message()).into()
}

/// What is said of a host that no certificate was had for.
pub(super) fn without(error: &Error, scope: &str) -> Error {
    let message = format!("no certificate to log in with: {}", error.message());
    let hint = format!(
        "to go without the server: `ssh_key` in place of `ssh_certificate` in [scope.{scope}] of \
         clws.toml, then `clws trust sign`"
    );
    retold(error, message).hint(hint).into()
}

/// An error's facts under another message.
fn retold(error: &Error, message: String) -> Problem {
    let problem = Problem::new(error.code(), message);
    let problem = error.notes().into_iter().fold(problem, Problem::note);
    error.hints().into_iter().fold(problem, Problem::hint)
}
