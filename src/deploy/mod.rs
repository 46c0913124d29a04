//! Takes secrets to where they are used: the hosts, containers and processes of a fleet.
//!
//! A [hook](crate::hook) declares what a component is and which values it is given. A plan of plain data says
//! what will happen; only then are values opened and placed in memory-backed folders of the target, over a
//! [channel](crate::channel) that is the same for this machine and a far host.

mod abreast;
mod account;
mod bring;
mod limit;
mod mysql;
mod plan;
mod receipt;
mod run;
mod session;
mod survey;
mod target;

pub use abreast::abreast;
pub use account::{Account, Reached, accounts};
pub use bring::boot;
pub use bring::component::{Brings, Done};
pub use bring::step::StepFailed;
pub use limit::{HOST_TIME, Signals};
pub use mysql::{MysqlError, MysqlRows};
pub use plan::graph::Left;
pub use plan::outside::{Asked, Leased, LookedAt, Outside, Version};
pub use plan::refused::{Refused, refused};
pub use plan::users::Users;
pub use plan::{ComponentPlan, HostPlan, Plan, plan};
pub use receipt::{Given, Lent, Receipt, Rollback, Unread};
pub use run::record::Record;
pub use run::results::{Event, Fate, Row, is_interruption, outcome};
pub use run::{FindWay, Run, Stopped};
pub use session::injected::{Injected, InjectedFile, SittingError};
pub use session::{Sitting, attend};
pub use survey::{
    Answer, Answers, ComponentSeen, Deployed, Down, Drift, Fault, HostSeen, LookAtServer, Meant,
    ProbeSeen, Revs, Runs, ServedSeen, Space, Stuff, Survey, Surveyed, There,
};
pub use target::TargetError;
