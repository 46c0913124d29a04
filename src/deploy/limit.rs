//! What ends a host's part of a deploy early: a signal, or that its time is over.
//!
//! Work that can be left at any point is raced against both: connecting, steps, probes. Between them
//! stand a few that are not, such as starting a process, since after those one has to know what was
//! done; each command has a clock of its own.
//!
//! How many hosts there are at a time is bounded, too: by the descriptors that this process may have.

use std::cell::Cell;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::plan::{HostPlan, Plan};
use crate::docker::LONGEST_STOP;
use crate::error::{Code, Error, Problem};
use crate::fleet::{Host, Reach};
use crate::hook::times::{HEALTH, PROBE, PULL, STEP, parse_duration};
use crate::hook::{Hook, Where};
use crate::name::Component;

/// How long a whole host may take, besides what its steps and probes ask for.
pub const HOST_TIME: Duration = Duration::from_secs(300);

/// A signal that came, as the code that the program exits with.
pub type Signals = watch::Receiver<Option<Code>>;

/// The limit of one host.
#[derive(Debug)]
pub(super) struct Limit {
    pub(super) host: String,
    time: Duration,
    over: Cell<Instant>,
    /// What gives it more time, if anything does.
    hint: Option<&'static str>,
    /// Since when something is done that does not count.
    apart: Cell<Option<Instant>>,
    signals: Signals,
}

impl Limit {
    /// A limit of `time` from now, and what the steps and probes of the host are given beyond.
    pub(super) fn new(plan: &HostPlan, time: Duration, signals: Signals) -> Self {
        let hooks = plan.components.iter().map(|plan| &plan.hook.hook);
        Self {
            hint: Some("`within` of a step or probe gives it more time"),
            ..Self::of(
                plan.host.name.as_str(),
                time.saturating_add(asked(hooks)),
                signals,
            )
        }
    }

    /// A limit of `time` from now.
    pub(super) fn of(host: &str, time: Duration, signals: Signals) -> Self {
        // A day is longer than any deploy; the sum of more could overflow.
        let time = time.min(Duration::from_secs(24 * 60 * 60));
        Self {
            host: host.to_owned(),
            time,
            over: Cell::new(Instant::now() + time),
            hint: None,
            apart: Cell::new(None),
            signals,
        }
    }

    /// When its time is over, as far as is known now.
    fn over(&self) -> Instant {
        let apart = self.apart.get().map(|since| since.elapsed());
        self.over.get() + apart.unwrap_or_default()
    }

    /// Whether its time is over.
    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.over()
    }

    /// Does what takes nothing of the host's time: clws waits for its own disk, say.
    pub(super) async fn apart_from<T>(&self, work: impl Future<Output = T>) -> T {
        self.apart.set(Some(Instant::now()));
        let done = work.await;
        self.over.set(self.over());
        self.apart.set(None);
        done
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
            done = self.in_time(work) => done,
        }
    }

    /// Does the work, unless the time is over before it is done. A signal is heeded behind it.
    ///
    /// # Errors
    /// Those of the work; HOST when the time is over.
    pub(super) async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let over = async {
            while !self.is_over() {
                sleep_until(self.over()).await;
            }
        };
        tokio::select! {
            biased;
            () = over => {
                let why = format!("{} was not done within {} s", self.host, self.time.as_secs());
                let problem = Problem::new(Code::Host, why);
                Err(self.hint.into_iter().fold(problem, Problem::hint).into())
            }
            done = work => done,
        }
    }
}

/// How long a host may take to stop all of these: each container, and a new one beside it that a killed run left, has
/// the time that it says. What no hook speaks of may be made up by the host, and gives it none.
pub(super) fn time_to_stop(time: Duration, there: &[Component], hooks: &[Component]) -> Duration {
    let known = there.iter().filter(|name| hooks.contains(name)).count();
    let each = (2 * LONGEST_STOP).saturating_mul(u32::try_from(known.max(1)).unwrap_or(u32::MAX));
    time.saturating_add(each)
}

/// Descriptors that are used besides those of hosts: the vault, the log, the terminal, the runtime.
const OWN: u64 = 40;

/// What a host over SSH needs: its socket twice, and for a moment an agent's or a resolver's.
const OVER_SSH: u64 = 3;

/// What a command on this machine needs: three pipes, its process; and the other ends for a moment.
const HERE: u64 = 7;

/// What is deployed to, as far as it needs descriptors.
pub(super) trait Needs {
    /// How many the neediest of its hosts needs.
    fn descriptors(&self) -> u64;
}

impl Needs for Plan {
    fn descriptors(&self) -> u64 {
        let needs = self.hosts.iter().map(|host| {
            let mut hooks = host.components.iter().map(|plan| &plan.hook.hook);
            let here = if hooks.any(runs_here) { HERE } else { 0 };
            needs(&host.host) + here
        });
        needs.max().unwrap_or(OVER_SSH)
    }
}

/// Whether something of a hook is run on the machine that deploys.
fn runs_here(hook: &Hook) -> bool {
    let steps = hook.steps().map(|step| step.place);
    let probes = hook.probes_of_deploys().map(|probe| probe.place);
    steps.chain(probes).any(|place| place == Where::Local)
}

impl Needs for [Host] {
    fn descriptors(&self) -> u64 {
        self.iter().map(needs).max().unwrap_or(OVER_SSH)
    }
}

fn needs(host: &Host) -> u64 {
    match host.reach {
        // The lock, and the command at hand.
        Reach::Local => 2 * HERE,
        Reach::Ssh { .. } => OVER_SSH,
    }
}

/// How many hosts at a time: as many as are wanted, and as the limit on descriptors (`ulimit -n`)
/// allows. One always.
pub(super) fn at_once(wanted: usize, hosts: &(impl Needs + ?Sized)) -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let fit = limit.map_or(u64::MAX, |limit| fitting(limit, hosts.descriptors()));
    wanted
        .min(usize::try_from(fit).unwrap_or(usize::MAX))
        .max(1)
}

fn fitting(limit: u64, each: u64) -> u64 {
    limit.saturating_sub(OWN).checked_div(each).unwrap_or(1)
}

/// What the steps and probes of these hooks are given.
fn asked<'a>(hooks: impl Iterator<Item = &'a Hook>) -> Duration {
    let mut sum = Duration::ZERO;
    for hook in hooks {
        let steps = hook.steps().map(|step| (&step.within, STEP));
        let probes = hook.probes_of_deploys().map(|probe| (&probe.within, PROBE));
        for (within, usual) in steps.chain(probes) {
            // One that does not read is an error of the hook, found when it is read.
            sum = sum.saturating_add(parse_duration(within.as_deref(), usual).unwrap_or(usual));
        }
        if let Some(container) = &hook.container {
            sum = sum.saturating_add(container.healthcheck.within().unwrap_or(HEALTH));
            let stopping = container.stopping().ok().flatten();
            sum = sum.saturating_add(stopping.unwrap_or_default());
            if container.pulls() {
                sum = sum.saturating_add(PULL);
            }
        }
    }
    sum
}

/// What it may take beyond the usual to lead others back to an old component, once the new one has stopped.
pub(super) fn to_put_back(hook: &Hook) -> Duration {
    let steps = if hook.switch.is_empty() && hook.container.is_none() {
        &hook.before
    } else {
        &hook.switch
    };
    let within = |within: Option<&str>| parse_duration(within, STEP).unwrap_or(STEP);
    let steps = steps.iter().map(|step| within(step.within.as_deref()));
    let container = hook.container.iter();
    let stopping = container.filter_map(|container| container.stopping().ok().flatten());
    let all = steps.chain(stopping);
    all.fold(Duration::ZERO, Duration::saturating_add)
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

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
            // What puts a host in order is not left for a signal.
            limit.in_time(async { Ok(()) }).await.unwrap();
            let limit = Limit::of("box", Duration::from_millis(20), limit.signals.clone());
            assert_eq!(limit.in_time(hangs()).await.unwrap_err().code(), Code::Host);
        });
    }

    #[test]
    fn what_clws_itself_waits_for_is_no_time_of_the_host() {
        run(async {
            let moment = Duration::from_millis(100);
            let (_sender, signals) = watch::channel(None);
            let limit = Limit::of("box", moment, signals);
            // In the middle of what is limited, and longer than all of it.
            let waits = async {
                limit.apart_from(sleep(3 * moment)).await;
                Ok(())
            };
            limit.run(waits).await.unwrap();
            assert!(!limit.is_over());
            let rest = Instant::now();
            let hangs = std::future::pending::<Result<(), Error>>();
            assert_eq!(limit.run(hangs).await.unwrap_err().code(), Code::Host);
            assert!(limit.is_over() && rest.elapsed() < 2 * moment);
        });
    }

    #[test]
    fn descriptors_bound_how_many_hosts_there_are_at_a_time() {
        assert!(fitting(256, OVER_SSH) >= 64);
        assert_eq!(fitting(10, OVER_SSH), 0);
        let none: [Host; 0] = [];
        assert_eq!(at_once(0, &none[..]), 1);
        assert_eq!(at_once(3, &none[..]), 3);
    }

    #[test]
    fn every_command_on_this_machine_needs_descriptors() {
        let runs_here = |text: &str| {
            let hook = Hook::parse(&"web".parse().unwrap(), text.as_bytes());
            runs_here(&hook.unwrap())
        };
        for what in ["before", "switch", "afterwards", "probe"] {
            let text = |place| {
                let one = format!("[[{what}]]\nrun = [\"x\"]\nin = \"{place}\"\n");
                match what {
                    "switch" => {
                        format!("container = {{ image = \"a\", networks = [\"net\"] }}\n{one}")
                    }
                    _ => one,
                }
            };
            assert!(runs_here(&text("local")), "{what}");
            assert!(!runs_here(&text("host")), "{what}");
        }
    }

    #[test]
    fn steps_and_probes_give_a_host_more_time() {
        let text = "[[before]]\nrun = [\"x\"]\nwithin = \"10m\"\n[[afterwards]]\nrun = [\"x\"]\n\
                    [[probe]]\ntcp = \"x:1\"\nwithin = \"5s\"\n";
        let hook = Hook::parse(&"web".parse().unwrap(), text.as_bytes()).unwrap();
        let seconds = asked([&hook, &hook].into_iter()).as_secs();
        assert_eq!(seconds, 2 * (600 + 60 + 5));
    }

    #[test]
    fn what_a_host_makes_up_gives_it_no_time_to_be_stopped() {
        let names = |names: &[&str]| -> Vec<Component> {
            names.iter().map(|name| name.parse().unwrap()).collect()
        };
        let hooks = names(&["api", "web"]);
        let made_up: Vec<Component> = (0..1000)
            .map(|number| format!("n{number}").parse().unwrap())
            .collect();
        let one = HOST_TIME + 2 * LONGEST_STOP;
        assert_eq!(time_to_stop(HOST_TIME, &names(&["web"]), &hooks), one);
        assert_eq!(time_to_stop(HOST_TIME, &made_up, &hooks), one);
        let two = time_to_stop(HOST_TIME, &hooks, &hooks);
        assert_eq!(two, one + 2 * LONGEST_STOP);
    }
}
