//! The person's server, for commands that are about something else: one run there, from the first question to the
//! end of the command.
//!
//! It is asked by a thread of its own. Commands have runtimes of their own, some have several one after the
//! other, and they hold hosts while they wait; the thread keeps one run at the server through all of that: begun when
//! something is first asked, kept alive with all that was leased in it, and given back when the command ends. A
//! credential that logs in once is so enough.

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::mpsc;
use std::time::Duration;

use tokio::sync::{mpsc as queue, oneshot};

use super::begin::begin;
use crate::cli::runtime::runtime;
use crate::error::{Code, Error, Problem};
use crate::server::{ServerError, Session, Settings};
use crate::world::World;

/// How long the end of a run is waited for by a command that is about something else.
const GOODBYE: Duration = Duration::from_secs(1);

/// Something to be done at the server, by the thread.
trait Job: Send {
    /// Does it and hands over what came of it; gives what the next one would be told just the same.
    fn run<'s>(self: Box<Self>, at: At<'s>) -> Pin<Box<dyn Future<Output = Option<Error>> + 's>>;
}

/// With what the thread works.
struct At<'s> {
    world: &'s World,
    settings: &'s Settings,
    session: &'s mut Option<Session>,
    /// Why the server is not asked any more.
    down: Option<&'s Error>,
}

struct Asked<T, F> {
    work: F,
    reply: Reply<T>,
}

/// Where an answer goes.
enum Reply<T> {
    /// To a task, which may give up.
    Task(oneshot::Sender<Result<T, Error>>),
    /// To a thread, which waits.
    Thread(mpsc::Sender<Result<T, Error>>),
}

impl<T> Reply<T> {
    /// Whoever asked has given up, or was stopped.
    async fn closed(&mut self) {
        match self {
            Self::Task(reply) => reply.closed().await,
            Self::Thread(_) => std::future::pending().await,
        }
    }

    fn send(self, answer: Result<T, Error>) {
        // Nobody may be waiting for it any more.
        match self {
            Self::Task(reply) => drop(reply.send(answer)),
            Self::Thread(reply) => drop(reply.send(answer)),
        }
    }
}

impl<T, F> Job for Asked<T, F>
where
    T: Send + 'static,
    F: AsyncFnOnce(&Session) -> Result<T, ServerError> + Send + 'static,
{
    fn run<'s>(self: Box<Self>, at: At<'s>) -> Pin<Box<dyn Future<Output = Option<Error>> + 's>> {
        Box::pin(async move {
            let Self { work, mut reply } = *self;
            let mut down = None;
            let doing = async {
                if let Some(error) = at.down {
                    return Err(again(error));
                }
                let session = match at.session {
                    Some(session) => session,
                    none => {
                        let begun = begin(at.world, at.settings).await;
                        none.insert(begun.inspect_err(|error| down = Some(again(error)))?)
                    }
                };
                session.during(work(session)).await.map_err(|error| {
                    let is_down = is_down(&error);
                    let error = Error::from(error);
                    if is_down {
                        down = Some(again(&error));
                    }
                    error
                })
            };
            let done = tokio::select! {
                done = doing => done,
                () = reply.closed() => return None,
            };
            reply.send(done);
            down
        })
    }
}

/// The thread.
pub(in crate::cli) struct Desk {
    jobs: RefCell<Option<queue::UnboundedSender<Box<dyn Job>>>>,
    ended: RefCell<Option<mpsc::Receiver<Result<(), ServerError>>>>,
}

impl Desk {
    pub(in crate::cli) fn start(world: World, settings: Settings) -> Result<Self, Error> {
        let runtime = runtime()?;
        let (sender, jobs) = queue::unbounded_channel();
        let (end, ended) = mpsc::channel();
        // It is not joined: whoever ends the run says for how long it is waited for.
        drop(std::thread::spawn(move || {
            let done = runtime.block_on(serve(&world, &settings, jobs));
            runtime.shutdown_background();
            // Nobody may be waiting for it any more.
            drop(end.send(done));
        }));
        Ok(Self {
            jobs: RefCell::new(Some(sender)),
            ended: RefCell::new(Some(ended)),
        })
    }

    /// Has something done at the server.
    ///
    /// # Errors
    /// [`ServerError`], also of an earlier question that all later ones would be answered with; that nobody is
    /// logged in.
    pub(in crate::cli) async fn ask<T: Send + 'static>(
        &self,
        work: impl AsyncFnOnce(&Session) -> Result<T, ServerError> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let reply = Reply::Task(reply);
        self.put(Box::new(Asked { work, reply }))?;
        answer.await.map_err(|_| gone())?
    }

    /// As [`Self::ask`], for whoever has no runtime, or is in the middle of one.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(in crate::cli) fn ask_now<T: Send + 'static>(
        &self,
        work: impl AsyncFnOnce(&Session) -> Result<T, ServerError> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = mpsc::channel();
        let reply = Reply::Thread(reply);
        self.put(Box::new(Asked { work, reply }))?;
        answer.recv().map_err(|_| gone())?
    }

    fn put(&self, job: Box<dyn Job>) -> Result<(), Error> {
        let jobs = self.jobs.borrow();
        let sent = jobs.as_ref().map(|jobs| jobs.send(job));
        sent.and_then(Result::ok).ok_or_else(gone)
    }

    /// Ends the run as [`Self::end_within`] a second. What is not revoked by then lasts until its lease ends.
    pub(super) fn end(&self) {
        drop(self.end_within(GOODBYE));
    }

    /// Ends the run, and waits so long for that; nothing can be asked after it.
    ///
    /// # Errors
    /// [`ServerError`] for a token that could not be given back; that it takes longer.
    pub(in crate::cli) fn end_within(&self, patience: Duration) -> Result<(), Error> {
        self.jobs.take();
        let Some(ended) = self.ended.take() else {
            return Ok(());
        };
        match ended.recv_timeout(patience) {
            Ok(done) => Ok(done?),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let what = format!("no answer within {} s", patience.as_secs());
                Err(Problem::new(Code::Backend, what).into())
            }
            // It panicked; whoever asked was told.
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(gone()),
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.end();
    }
}

/// The run was ended, or its thread panicked.
fn gone() -> Error {
    Problem::new(Code::Bug, "nobody asks the server any more").into()
}

/// Does one job after the other, until nobody can ask any more, and ends the run.
async fn serve(
    world: &World,
    settings: &Settings,
    mut jobs: queue::UnboundedReceiver<Box<dyn Job>>,
) -> Result<(), ServerError> {
    let (mut session, mut down) = (None, None);
    while let Some(job) = next(session.as_ref(), &mut jobs).await {
        let at = At {
            world,
            settings,
            session: &mut session,
            down: down.as_ref(),
        };
        let found = job.run(at).await;
        down = down.or(found);
    }
    match session {
        Some(session) => session.end().await,
        None => Ok(()),
    }
}

/// The next job; a token that is there is kept alive until then.
async fn next(
    session: Option<&Session>,
    jobs: &mut queue::UnboundedReceiver<Box<dyn Job>>,
) -> Option<Box<dyn Job>> {
    match session {
        Some(session) => session.during(jobs.recv()).await,
        None => jobs.recv().await,
    }
}

/// Whether the next one would be told the same. It was tried for long, and hundreds of hosts need not wait
/// for it one after the other. What the server refuses, or gives amiss, is of one question.
fn is_down(error: &ServerError) -> bool {
    let is_of_one_question = matches!(
        error,
        ServerError::BadCertificate { .. }
            | ServerError::NotAnAnswer { .. }
            | ServerError::TooLarge { .. }
            | ServerError::NoStore { .. }
            | ServerError::BadPath { .. }
            | ServerError::Uncertain { .. }
    );
    error.status().is_none() && !is_of_one_question
}

/// The same error once more.
fn again(error: &Error) -> Error {
    Problem::of(error).into()
}
