//! The person's server, as what keeps keys: asked when something is sealed to one of them, or opened by a login.
//!
//! It is asked by a thread of its own, so that a command may do so wherever it is: without a runtime, or in the
//! middle of one. The run at the server is begun with the first question, kept alive, and given back at the end.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc as questions;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::authority::again;
use super::deploy::runtime;
use super::server::begin;
use crate::crypto::transit::{self, Ciphertext, TransitKey};
use crate::error::{Code, Error, Problem};
use crate::identity::Config;
use crate::server::{Flags, ServerError, Session, Settings, transit as engine};
use crate::world::World;

/// How long the end of a run at the server is waited for.
const GOODBYE: Duration = Duration::from_secs(1);

/// The server.
pub(crate) struct KeyServer {
    world: World,
    thread: RefCell<Option<Thread>>,
}

/// What is asked.
enum Question {
    Wrap(Zeroizing<Vec<u8>>, mpsc::Sender<Result<Ciphertext, Error>>),
    Unwrap(Ciphertext, mpsc::Sender<Result<Zeroizing<Vec<u8>>, Error>>),
}

struct Asked {
    key: TransitKey,
    associated: Vec<u8>,
    question: Question,
}

impl KeyServer {
    pub(crate) fn new(world: World) -> Self {
        Self {
            world,
            thread: RefCell::default(),
        }
    }

    /// Whether the person has said which server is theirs.
    pub(crate) fn is_named(&self) -> bool {
        // What is wrong with the settings is said when they are used.
        Config::read(&self.world).is_ok_and(|config| {
            let settings = Settings::of(&self.world, &config.server, &Flags::default());
            !matches!(settings, Err(ServerError::NoAddress))
        })
    }

    /// Ends the run at the server, if one was begun.
    pub(crate) fn end(&self) {
        self.thread.take();
    }

    fn ask<T>(
        &self,
        key: &TransitKey,
        associated: &[u8],
        question: impl FnOnce(mpsc::Sender<Result<T, Error>>) -> Question,
    ) -> Result<T, Error> {
        let mut thread = self.thread.borrow_mut();
        let thread = match &mut *thread {
            Some(thread) => thread,
            none => none.insert(Thread::start(&self.world)?),
        };
        let (reply, answer) = mpsc::channel();
        let asked = Asked {
            key: key.clone(),
            associated: associated.to_vec(),
            question: question(reply),
        };
        // Both fail only if the thread panicked.
        let gone = || Error::from(Problem::new(Code::Bug, "nobody asks the server any more"));
        match thread.asked.as_ref().map(|asked_| asked_.send(asked)) {
            Some(Ok(())) => answer.recv().map_err(|_| gone())?,
            _ => Err(gone()),
        }
    }
}

impl transit::KeyServer for KeyServer {
    fn wrap(&self, key: &TransitKey, plain: &[u8], associated: &[u8]) -> Result<Ciphertext, Error> {
        let plain = Zeroizing::new(plain.to_vec());
        self.ask(key, associated, |reply| Question::Wrap(plain, reply))
    }

    fn unwrap(
        &self,
        key: &TransitKey,
        sealed: &Ciphertext,
        associated: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let sealed = sealed.clone();
        self.ask(key, associated, |reply| Question::Unwrap(sealed, reply))
    }
}

struct Thread {
    asked: Option<questions::UnboundedSender<Asked>>,
    handle: Option<JoinHandle<()>>,
}

impl Thread {
    fn start(world: &World) -> Result<Self, Error> {
        let config = Config::read(world)?;
        let settings = Settings::of(world, &config.server, &Flags::default())?;
        let (runtime, world) = (runtime()?, world.clone());
        let (sender, asked) = questions::unbounded_channel();
        let handle = std::thread::spawn(move || {
            let mut desk = Desk {
                world,
                settings,
                session: None,
                down: None,
                fit: BTreeSet::new(),
            };
            runtime.block_on(desk.serve(asked));
            runtime.shutdown_background();
        });
        Ok(Self {
            asked: Some(sender),
            handle: Some(handle),
        })
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.asked = None;
        if let Some(handle) = self.handle.take() {
            // It panicked; whoever asked was told.
            handle.join().unwrap_or_default();
        }
    }
}

/// What the thread works with.
struct Desk {
    world: World,
    settings: Settings,
    session: Option<Session>,
    /// Why there is no run: the next question would be told the same, after as long.
    down: Option<Error>,
    /// Keys that were looked at.
    fit: BTreeSet<TransitKey>,
}

impl Desk {
    /// Answers one question after the other, until nobody can ask any more.
    async fn serve(&mut self, mut asked: questions::UnboundedReceiver<Asked>) {
        while let Some(Asked {
            key,
            associated,
            question,
        }) = self.next(&mut asked).await
        {
            // Nobody may be waiting for it any more.
            match question {
                Question::Wrap(plain, reply) => {
                    drop(reply.send(self.wrap(&key, &plain, &associated).await));
                }
                Question::Unwrap(sealed, reply) => {
                    drop(reply.send(self.unwrap(&key, &sealed, &associated).await));
                }
            }
        }
        if let Some(session) = self.session.take() {
            // What is not revoked lasts until its lease ends.
            drop(timeout(GOODBYE, session.end()).await);
        }
    }

    /// The next question; a token that is there is kept alive until then.
    async fn next(&self, asked: &mut questions::UnboundedReceiver<Asked>) -> Option<Asked> {
        match &self.session {
            Some(session) => session.during(asked.recv()).await,
            None => asked.recv().await,
        }
    }

    async fn wrap(
        &mut self,
        key: &TransitKey,
        plain: &[u8],
        associated: &[u8],
    ) -> Result<Ciphertext, Error> {
        self.begin().await?;
        let is_known = self.fit.contains(key);
        let wrapped = self.at(async |session: &Session| {
            if !is_known {
                engine::demand_fit(session.client(), key).await?;
            }
            engine::wrap(session.client(), key, plain, associated).await
        });
        let wrapped = wrapped.await?;
        self.fit.insert(key.clone());
        Ok(wrapped)
    }

    async fn unwrap(
        &mut self,
        key: &TransitKey,
        sealed: &Ciphertext,
        associated: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.begin().await.map_err(as_no_key)?;
        self.at(async |session: &Session| {
            engine::unwrap(session.client(), key, sealed, associated).await
        })
        .await
    }

    async fn begin(&mut self) -> Result<(), Error> {
        if let Some(error) = &self.down {
            return Err(again(error));
        }
        if self.session.is_none() {
            match begin(&self.world, &self.settings).await {
                Ok(session) => self.session = Some(session),
                Err(error) => {
                    self.down = Some(again(&error));
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Does some work in the run that was begun.
    async fn at<T>(
        &mut self,
        work: impl AsyncFnOnce(&Session) -> Result<T, ServerError>,
    ) -> Result<T, Error> {
        let session = self.session.as_ref().ok_or(ServerError::NoAddress)?;
        let done = session.during(work(session)).await;
        done.map_err(|error| {
            let is_down = matches!(
                error,
                ServerError::Unreachable { .. } | ServerError::Busy { .. }
            );
            let error = Error::from(error);
            if is_down {
                self.down = Some(again(&error));
            }
            error
        })
    }
}

/// Nobody logged in is, for whoever opens something, one more identity that is not there.
fn as_no_key(error: Error) -> Error {
    let is_nobody = matches!(
        error.downcast_ref(),
        Some(ServerError::NotLoggedIn { .. } | ServerError::NoKeyring(_))
    );
    if !is_nobody {
        return error;
    }
    let problem = Problem::new(Code::NoKey, error.message());
    let problem = error.notes().into_iter().fold(problem, Problem::note);
    error
        .hints()
        .into_iter()
        .fold(problem, Problem::hint)
        .into()
}
