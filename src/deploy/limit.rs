//! What ends a host's part of a deploy early: a signal, or that its time is over.
//!
//! Work that can be left at any point is raced against both: connecting, steps, probes. Between them
//! stand a few that are not, such as starting a process, since after those one has to know what was
//! done; each command has a clock of its own.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::container_hook::{HEALTH, PULL};
use super::hook::{Hook, PROBE, STEP, parse_duration};
use super::plan::HostPlan;
use crate::error::{Code, Error, Problem};

/// How long a whole host may take, besides what its steps and probes ask for.
pub const HOST_TIME: Duration = Duration::from_secs(300);

/// A signal that came, as the code that the program exits with.
pub type Signals = watch::Receiver<Option<Code>>;

/// The limit of one host.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    pub(super) host: String,
    time: Duration,
    over: Instant,
    signals: Signals,
}

impl Limit {
    /// A limit of `time` from now, and what the steps and probes of the host are given beyond.
    pub(super) fn new(plan: &HostPlan, time: Duration, signals: Signals) -> Self {
        let hooks = plan.components.iter().map(|plan| &plan.hook.hook);
        Self::of(
            plan.host.name.as_str(),
            time.saturating_add(asked(hooks)),
            signals,
        )
    }

    /// A limit of `time` from now.
    pub(super) fn of(host: &str, time: Duration, signals: Signals) -> Self {
        // A day is longer than any deploy; the sum of more could overflow.
        let time = time.min(Duration::from_secs(24 * 60 * 60));
        Self {
            host: host.to_owned(),
            time,
            over: Instant::now() + time,
            signals,
        }
    }

    /// Does the work, unless a signal comes or the time is over before it is done.
    ///
    /// # Errors
    /// Those of the work; INTERRUPT and its like; HOST when the time is over.
    pub(super) async fn run<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut signals = self.signals.clone();
        let signal = async {
            match signals.wait_for(Option::is_some).await.map(|code| *code) {
                Ok(Some(code)) => code,
                // Nobody listens for signals.
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            code = signal => Err(Problem::new(code, format!("the deploy to {} was interrupted", self.host)).into()),
            () = sleep_until(self.over) => Err(Problem::new(
                Code::Host,
                format!("{} was not done within {} s", self.host, self.time.as_secs()),
            )
            .hint("`within` of a step or probe gives it more time")
            .into()),
            done = work => done,
        }
    }
}

/// What the steps and probes of these hooks are given.
fn asked<'a>(hooks: impl Iterator<Item = &'a Hook>) -> Duration {
    let mut sum = Duration::ZERO;
    for hook in hooks {
        let steps = hook.steps().map(|step| (&step.within, STEP));
        let probes = hook.probe.iter().map(|probe| (&probe.within, PROBE));
        for (within, usual) in steps.chain(probes) {
            // One that does not read is an error of the hook, found when it is read.
            sum = sum.saturating_add(parse_duration(within.as_deref(), usual).unwrap_or(usual));
        }
        if let Some(container) = &hook.container {
            sum = sum.saturating_add(container.healthcheck.within().unwrap_or(HEALTH));
            if container.pulls() {
                sum = sum.saturating_add(PULL);
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(work)
    }

    #[test]
    fn what_hangs_is_left_when_the_time_is_over_or_a_signal_comes() {
        run(async {
            let (sender, signals) = watch::channel(None);
            let limit = Limit::of("box", Duration::from_millis(20), signals.clone());
            let hangs = || std::future::pending::<Result<(), Error>>();
            assert_eq!(limit.run(hangs()).await.unwrap_err().code(), Code::Host);
            let limit = Limit::of("box", HOST_TIME, signals);
            limit.run(async { Ok(()) }).await.unwrap();
            sender.send(Some(Code::Terminated)).unwrap();
            let error = limit.run(hangs()).await.unwrap_err();
            assert_eq!(error.code(), Code::Terminated);
        });
    }

    #[test]
    fn steps_and_probes_give_a_host_more_time() {
        let text = "[[before]]\nrun = [\"x\"]\nwithin = \"10m\"\n[[afterwards]]\nrun = [\"x\"]\n\
                    [[probe]]\ntcp = \"x:1\"\nwithin = \"5s\"\n";
        let hook = Hook::parse(&"web".parse().unwrap(), text.as_bytes()).unwrap();
        let seconds = asked([&hook, &hook].into_iter()).as_secs();
        assert_eq!(seconds, 2 * (600 + 60 + 5));
    }
}
