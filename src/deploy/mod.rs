//! Takes secrets to where they are used: the hosts, containers and processes of a fleet.
//!
//! A [hook](crate::hook) declares what a component is and which values it is given. A plan of plain data says
//! what will happen; only then are values opened and placed in memory-backed folders of the target, over a
//! [channel](crate::channel) that is the same for this machine and a far host.

mod account;
mod asking;
mod component;
mod drafting;
mod engine;
mod facts;
mod graph;
mod holder;
mod image;
mod injected;
mod inside;
mod leases;
mod leftover;
mod limit;
mod lock;
mod mysql;
mod opening;
mod outline;
mod output;
mod outside;
mod place;
mod plan;
mod probe;
mod process;
mod receipt;
mod record;
mod replacing;
mod restoring;
mod results;
mod run;
mod session;
mod standing;
mod step;
mod survey;
mod switch;
mod syncing;
mod table;
mod target;
mod users;
mod warning;

pub mod boot;

pub use account::{Account, Reached, accounts};
pub use component::{Brings, Done};
pub use graph::Left;
pub use injected::{Injected, InjectedFile, SittingError};
pub use limit::{HOST_TIME, Signals};
pub use mysql::{MysqlError, MysqlRows};
pub use outside::{Asked, Leased, LookedAt, Outside, Version};
pub use plan::{ComponentPlan, HostPlan, Plan, plan};
pub use receipt::{Given, Lent, Receipt, Rollback, Unread};
pub use record::Record;
pub use results::{Event, Fate, Row, is_interruption, outcome};
pub use run::{FindWay, Run, Stopped};
pub use session::{Sitting, attend};
pub use step::StepFailed;
pub use survey::{
    Answer, Answers, ComponentSeen, Deployed, Down, Drift, Fault, HostSeen, LookAtServer, Meant,
    ProbeSeen, Revs, Runs, ServedSeen, Space, Stuff, Survey, Surveyed, There,
};
pub use target::TargetError;
pub use users::Users;
