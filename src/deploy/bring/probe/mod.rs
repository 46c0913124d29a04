//! Asking a component whether it runs: until the answer is right, or its time is over.
//!
//! A probe speaks from the target: `tcp`, `http` and `mysql` go over the connection to it, so that
//! they reach what only the target reaches, a container's own address for instance. What answers is
//! a stranger: each question has a clock, each answer a limit, and what is shown of it is redacted,
//! made safe for a terminal and cut.

mod file;
mod http;
mod mysql;
mod served;
mod tls;

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::asking::{Asking, short};
use super::place::{fill, fill_all};
use crate::channel::Stream;
use crate::docker::Health;
use crate::error::Error;
use crate::hook::times::{PROBE, parse_duration};
use crate::hook::{Probe, Question};
use crate::secret::End;

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(200);

/// How long something that ran may take to answer again.
pub(in crate::deploy) const MOMENT: Duration = Duration::from_secs(5);

/// One question does not use up the whole time: a server that starts may swallow the first.
pub(in crate::deploy) const QUESTION: Duration = Duration::from_secs(10);

/// How often a component is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::deploy) enum Patience {
    /// One time.
    Once,
    /// For a moment: whether it still answers. What it asks itself may have been put anew just now.
    Still,
    /// Until its time is over.
    Within,
}

impl Asking<'_> {
    /// Asks the probes of deploys, then the container's health check; what the first wrong one said last, if
    /// one stays wrong.
    ///
    /// # Errors
    /// What keeps the question from being asked at all.
    pub(in crate::deploy) async fn probes(
        &self,
        patience: Patience,
    ) -> Result<Result<(), String>, Error> {
        for probe in self.plan.hook.hook.probes_of_deploys() {
            if let Err(said) = self.probe(probe, patience).await? {
                return Ok(Err(format!("probe `{}`: {said}", self.called(probe)?)));
            }
        }
        let health = self.health(patience).await?;
        Ok(health.map_err(|said| format!("health check: {said}")))
    }

    /// Asks one probe; what it said last if it stays wrong.
    ///
    /// # Errors
    /// What keeps the question from being asked at all.
    pub(in crate::deploy) async fn probe(
        &self,
        probe: &Probe,
        patience: Patience,
    ) -> Result<Result<(), String>, Error> {
        let within =
            parse_duration(probe.within.as_deref(), PROBE).map_err(|why| self.wrong(why))?;
        let until = Instant::now() + patience.of(within);
        loop {
            let left = until
                .saturating_duration_since(Instant::now())
                .max(Duration::from_secs(1));
            let Err(said) = self.ask(probe, left).await? else {
                return Ok(Ok(()));
            };
            if patience == Patience::Once || Instant::now() + PAUSE >= until {
                return Ok(Err(said));
            }
            sleep(PAUSE).await;
        }
    }

    async fn ask(&self, probe: &Probe, within: Duration) -> Result<Result<(), String>, Error> {
        let asking = async {
            match probe.question() {
                Some(Question::Tcp(address)) => {
                    let address = fill(self.plan, self.names, address)?;
                    Ok(self.open(&address).await.map(drop))
                }
                Some(Question::Http(url)) => http::ask(self, probe, url).await,
                Some(Question::Mysql(login)) => mysql::ask(self, login).await,
                Some(Question::File(wanted)) => file::ask(self, wanted).await,
                Some(Question::Run(_)) | None => Err(self.wrong("it asks nothing".into()).into()),
            }
        };
        if let Some(Question::Run(run)) = probe.question() {
            return self.asks(probe.place, run, &probe.needs, within).await;
        }
        match timeout(within.min(QUESTION), asking).await {
            Ok(answer) => answer,
            Err(_) => Ok(Err("no answer in time".to_owned())),
        }
    }

    /// Waits until the daemon says that the container is healthy, where it has a health check.
    async fn health(&self, patience: Patience) -> Result<Result<(), String>, Error> {
        let (Some(engine), Some(hook)) = (self.engine, &self.plan.hook.hook.container) else {
            return Ok(Ok(()));
        };
        let image = engine
            .image(&fill(self.plan, self.names, &hook.image)?)
            .await?;
        if hook.healthcheck.off || hook.healthcheck.command.is_none() && image.health.is_empty() {
            return Ok(Ok(()));
        }
        let within = hook.healthcheck.within().map_err(|why| self.wrong(why))?;
        let until = Instant::now() + patience.of(within);
        loop {
            let Some(seen) = engine.look(&self.container()).await? else {
                return Ok(Err("there is no container".to_owned()));
            };
            match seen.health {
                None | Some(Health::Healthy) => return Ok(Ok(())),
                // The daemon may have started it again just now; that is no reason to replace it.
                Some(Health::Starting) if patience != Patience::Within => return Ok(Ok(())),
                Some(Health::Unhealthy) => {
                    let output = self.told(seen.health_output.as_bytes(), End::Cut);
                    return Ok(Err(format!("unhealthy: {output}")));
                }
                Some(Health::Starting) if Instant::now() + PAUSE >= until => {
                    let output = self.told(seen.health_output.as_bytes(), End::Cut);
                    let within = within.as_secs();
                    return Ok(Err(format!("not healthy within {within} s: {output}")));
                }
                Some(Health::Starting) => sleep(PAUSE).await,
            }
        }
    }

    /// What a probe is called in a message.
    ///
    /// # Errors
    /// [`crate::hook::HookError`] for a name that is not known.
    pub(in crate::deploy) fn called(&self, probe: &Probe) -> Result<String, Error> {
        let words = fill_all(self.plan, self.names, &probe.words())?;
        Ok(short(&words.join(" ")))
    }

    /// Opens a stream from the target.
    async fn open(&self, address: &str) -> Result<Box<dyn Stream>, String> {
        self.channel.open_tcp(address).await
    }

    /// What a stranger said, as it may be shown: one line, cut.
    fn told(&self, bytes: &[u8], end: End) -> String {
        let words: Vec<String> = self
            .redacted(bytes, end)
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        short(&words.join(" "))
    }
}

impl Patience {
    fn of(self, within: Duration) -> Duration {
        match self {
            Self::Once | Self::Still => within.min(MOMENT),
            Self::Within => within,
        }
    }
}
