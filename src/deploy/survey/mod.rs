//! What a fleet is like, for whoever looks at it: which components run on each host, and with what,
//! beside what the signed hooks of this vault would bring.
//!
//! Looking takes no lock and writes nothing on a host: one may look while somebody deploys. What could not
//! be seen is part of what was seen, with the reason; one host that is down hides no other.

mod answers;
mod asked;
mod drift;
mod planned;
mod runs;
mod script;
mod served;

use std::collections::BTreeSet;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::{sleep, timeout};

pub use self::answers::{Answer, Answers, ProbeSeen, ServedSeen};
pub use self::drift::{Drift, Revs};
pub use self::planned::Fault;
pub use self::runs::{Down, Runs};
pub use self::script::{Space, Stuff};

use self::asked::{Asker, time_for};
use self::planned::{Planned, planned};
use self::runs::Runner;
use self::script::{Listed, list};
use super::abreast::abreast;
use super::bring::opening::Opening;
use super::limit::at_once;
use super::plan::ComponentPlan;
use super::plan::outside::LookedAt;
use super::receipt::{Receipt, Unread};
use super::run::{FindWay, PAUSE, broke_early};
use super::target::connected::connect_over;
use crate::channel::Channel;
use crate::channel::ssh::Limits;
use crate::crypto::hex;
use crate::error::{Code, Error, Problem};
use crate::fleet::{Endpoint, Host};
use crate::hook::Place;
use crate::name::Component;
use crate::vault::{Reader, Vault};

/// How long a host may take to be looked at, connecting to it included.
const LOOK: Duration = Duration::from_secs(60);

/// Asks a server for the versions that it has.
pub type LookAtServer<'a> =
    dyn Fn(BTreeSet<Place>) -> Pin<Box<dyn Future<Output = LookedAt> + 'a>> + 'a;

/// Looks at hosts.
pub struct Survey<'a> {
    /// The vault.
    pub vault: &'a Vault,
    /// The way to a host over SSH, with what one logs in with.
    pub way: &'a FindWay<'a>,
    /// Asks a server for the versions that it has; what cannot be had is left out.
    pub versions: &'a LookAtServer<'a>,
    /// Opens what probes are asked with; without it none is asked.
    pub reader: Option<&'a Reader<'a>>,
    /// How many hosts at a time; fewer where descriptors are short.
    pub parallel: usize,
    /// How long a host may take to be connected to.
    pub limits: Limits,
    /// Called as the look at each host ends.
    pub ended: &'a dyn Fn(),
}

/// What a survey came to.
#[derive(Debug)]
pub struct Surveyed {
    /// The hosts, in the order in which they were asked for.
    pub hosts: Vec<HostSeen>,
    /// Hooks that would not be deployed as they are.
    pub faults: Vec<Fault>,
    /// What helps where it is not known what a server has.
    pub next_at_server: String,
}

/// A host.
#[derive(Debug)]
pub struct HostSeen {
    /// The host.
    pub host: Host,
    /// Its memory and disks; or why it was not reached.
    pub space: Result<Vec<Space>, Error>,
    /// The components that are there or should be, by name.
    pub components: Vec<ComponentSeen>,
}

/// A component on a host.
#[derive(Debug)]
pub struct ComponentSeen {
    /// The component.
    pub component: Component,
    /// Whether hooks say that it runs there.
    pub meant: Meant,
    /// What is there of it.
    pub there: There,
}

/// What the hooks of this vault say about a component on a host.
#[derive(Debug)]
pub enum Meant {
    /// It is to run there, like this.
    Runs(Box<ComponentPlan>),
    /// It is to run there, and its hook is a [`Fault`].
    Faulty,
    /// No hook says so.
    Nowhere,
}

/// What there is of a component on a host.
#[derive(Debug)]
pub enum There {
    /// The host was not reached.
    Unseen,
    /// Nothing.
    Nothing,
    /// A receipt that does not read.
    BadReceipt(Unread),
    /// Folders that no receipt speaks of: a run that was killed left them, and what runs there.
    LeftOver,
    /// What a receipt says.
    Deployed(Box<Deployed>),
}

/// A component that was deployed.
#[derive(Debug)]
pub struct Deployed {
    /// What the host remembers of it.
    pub receipt: Receipt,
    /// Whether it runs.
    pub runs: Runs,
    /// Whether the folder of its files is there; a reboot takes it away.
    pub has_folder: bool,
    /// In what it differs from what a deploy would bring; nothing where that is not known.
    pub drift: Option<Drift>,
    /// What it answers to its probes; nothing where it was not asked.
    pub answers: Option<Answers>,
}

impl Survey<'_> {
    /// Looks at hosts, several at a time.
    ///
    /// # Errors
    /// What keeps the hooks from being listed. What is wrong with one of them, or with a host, is part
    /// of the result.
    pub async fn look(&self, hosts: Vec<Host>) -> Result<Surveyed, Error> {
        let most = at_once(self.parallel, hosts.as_slice());
        let Planned { mut hosts, faults } = planned(self.vault, hosts)?;
        let next_at_server = self.look_at_server(&mut hosts).await;
        let opening = self.reader.map(|reader| Opening::new(self.vault, reader));
        let looking = hosts.into_iter();
        let looking = looking.map(|(host, meant)| self.at(host, meant, opening.as_ref()));
        let mut hosts: Vec<HostSeen> = abreast(looking, most, self.ended).await;
        // Where it is to run is not known of a hook that does not hold.
        let is_faulty = |name: &Component| faults.iter().any(|fault| fault.component == *name);
        for component in hosts.iter_mut().flat_map(|host| &mut host.components) {
            if matches!(component.meant, Meant::Nowhere) && is_faulty(&component.component) {
                component.meant = Meant::Faulty;
            }
        }
        Ok(Surveyed {
            hosts,
            faults,
            next_at_server,
        })
    }

    /// Learns which versions a server has of what hooks name, if any does; gives what helps where that is not
    /// known.
    async fn look_at_server(&self, hosts: &mut [(Host, Vec<(Component, Meant)>)]) -> String {
        let all = hosts.iter_mut().flat_map(|(_, meant)| meant);
        let plans: Vec<&mut ComponentPlan> = all
            .filter_map(|(_, meant)| match meant {
                Meant::Runs(plan) => Some(&mut **plan),
                Meant::Faulty | Meant::Nowhere => None,
            })
            .collect();
        let references = plans.iter().flat_map(|plan| plan.outside.values());
        let places = references.map(|reference| reference.place.clone());
        let places: BTreeSet<Place> = places.filter(|place| !place.is_lease()).collect();
        if places.is_empty() {
            return String::new();
        }
        let looked = (self.versions)(places).await;
        for plan in plans {
            plan.learn(&looked.versions);
            plan.gone.clone_from(&looked.gone);
        }
        looked.next
    }

    async fn at(
        &self,
        host: Host,
        meant: Vec<(Component, Meant)>,
        opening: Option<&Opening<'_>>,
    ) -> HostSeen {
        let time = LOOK.saturating_add(self.time_to_ask(&meant));
        let looked = match timeout(time, self.inside(&host, &meant, opening)).await {
            Ok(looked) => looked,
            Err(_) => Err(Problem::new(
                Code::Host,
                format!(
                    "{} was not looked at within {} s",
                    host.name,
                    time.as_secs()
                ),
            )
            .into()),
        };
        let (space, mut there) = match looked {
            Ok((space, there)) => (Ok(space), there),
            Err(error) => (Err(error), Vec::new()),
        };
        let mut components: Vec<ComponentSeen> = Vec::new();
        for (component, meant) in meant {
            let at = there.iter().position(|(name, _)| *name == component);
            let there = match (at, &space) {
                (Some(at), _) => there.swap_remove(at).1,
                (None, Ok(_)) => There::Nothing,
                (None, Err(_)) => There::Unseen,
            };
            components.push(ComponentSeen {
                component,
                meant,
                there,
            });
        }
        components.extend(there.into_iter().map(|(component, there)| ComponentSeen {
            component,
            meant: Meant::Nowhere,
            there,
        }));
        components.sort_by(|one, other| one.component.cmp(&other.component));
        HostSeen {
            host,
            space,
            components,
        }
    }

    /// How much longer a host may take where its components are asked.
    fn time_to_ask(&self, meant: &[(Component, Meant)]) -> Duration {
        let plans = meant.iter().filter_map(|(_, meant)| match meant {
            Meant::Runs(plan) if self.reader.is_some() => Some(time_for(plan)),
            _ => None,
        });
        plans.fold(Duration::ZERO, Duration::saturating_add)
    }

    /// Connects to a host and looks: its space, and what there is of each component.
    async fn inside(
        &self,
        host: &Host,
        meant: &[(Component, Meant)],
        opening: Option<&Opening<'_>>,
    ) -> Result<(Vec<Space>, Vec<(Component, There)>), Error> {
        let channel = self.connect(host).await?;
        let vault: String = hex(self.vault.id()).chars().take(12).collect();
        let Listed {
            space,
            clock,
            receipts,
            mut folders,
        } = list(host, &channel, &vault).await?;
        let plan_of = |component: &Component| {
            let found = meant.iter().find(|(name, _)| name == component);
            match found {
                Some((_, Meant::Runs(plan))) => Some(&**plan),
                _ => None,
            }
        };
        let has_containers = receipts
            .iter()
            .any(|(_, receipt)| matches!(receipt, Ok(receipt) if receipt.container.is_some()));
        let engine = match has_containers {
            true => Some(connect_over(&channel, host.name.as_str()).await),
            false => None,
        };
        let runner = Runner::ask(host, &channel, &clock, &receipts).await?;
        folders.retain(|component| !receipts.contains_key(component));
        let left = folders.into_iter();
        let mut there: Vec<(Component, There)> =
            left.map(|component| (component, There::LeftOver)).collect();
        for (component, receipt) in receipts {
            let receipt = match receipt {
                Ok(receipt) => receipt,
                Err(why) => {
                    there.push((component, There::BadReceipt(why)));
                    continue;
                }
            };
            let engine = engine.as_ref().map(Result::as_ref);
            let runs = runner.runs(&component, &receipt, engine).await;
            let plan = plan_of(&component);
            let engine = engine.and_then(Result::ok);
            let drift = match plan {
                Some(plan) => {
                    Some(Drift::between(&receipt, plan, engine, self.vault.world().now()).await)
                }
                None => None,
            };
            let has_folder = runner.has_folder(&component);
            let is_up = has_folder && matches!(runs, Runs::Up { .. } | Runs::Nothing);
            // What does not run is a finding of its own.
            let answers = match (opening, plan, &drift) {
                (Some(opening), Some(plan), Some(drift)) if is_up => {
                    let asker = Asker {
                        world: self.vault.world(),
                        opening,
                        channel: &channel,
                        engine,
                    };
                    Some(asker.ask(plan, &receipt, drift).await)
                }
                _ => None,
            };
            there.push((
                component,
                There::Deployed(Box::new(Deployed {
                    receipt,
                    runs,
                    has_folder,
                    drift,
                    answers,
                })),
            ));
        }
        // What holds the connection open goes first.
        drop(engine);
        channel.close().await;
        Ok((space, there))
    }

    /// Connects; once more if the connection broke while it was made, as a deploy does.
    async fn connect(&self, host: &Host) -> Result<Channel, Error> {
        let once = || {
            let way = |endpoint: &Endpoint| (self.way)(host, endpoint);
            Channel::open(host, self.vault.world(), way, &self.limits)
        };
        match once().await {
            Err(error) if broke_early(&error) => {
                sleep(PAUSE).await;
                once().await
            }
            other => other,
        }
    }
}
