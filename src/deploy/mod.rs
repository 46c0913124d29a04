//! Takes secrets to where they are used: the hosts, containers and processes of a fleet.
//!
//! A hook declares what a component is and which values it is given. A plan of plain data says what
//! will happen; only then are values opened and placed in memory-backed folders of the target.
//! A deploy drives this machine and a far host with the same code: it runs small POSIX `sh` scripts
//! on the target and hands them what is secret on their standard input. [`Channel`] is the way to a
//! target, [`Local`] or [`ssh`]. `ssh` alone knows russh, `docker` alone bollard.

mod account;
mod argument;
mod asking;
mod azure;
mod channel;
mod child;
mod chunk;
mod command;
mod component;
mod container_hook;
mod conversation;
mod drafting;
mod engine;
mod error;
mod facts;
mod graph;
mod holder;
mod hook;
mod hook_check;
mod hook_error;
mod hook_files;
mod image;
mod inside;
mod leases;
mod leftover;
mod limit;
mod local;
mod lock;
mod mysql;
mod opening;
mod outline;
mod output;
mod outside;
mod place;
mod plan;
mod probe;
mod probe_hook;
mod process;
mod quoting;
mod receipt;
mod record;
mod replacing;
mod restoring;
mod results;
mod rotate_hook;
mod run;
mod script;
mod session;
mod settings;
mod signature;
mod step;
mod stream;
mod survey;
mod switch;
mod syncing;
mod target;
mod template;
mod times;
mod users;
mod value_hook;
mod warning;

pub mod boot;
pub mod docker;
pub mod ssh;

pub use account::{Account, Reached, accounts};
pub use argument::{ShownArgument, shown_arguments};
pub use azure::{KeyOfAzure, azure_account};
pub use channel::{Channel, Holding};
pub use command::{Command, Ended, OUTPUT_CAP, Outcome, Source, Streamed};
pub use component::Done;
pub use conversation::Held;
pub use error::ChannelError;
pub use graph::Left;
pub use hook::Hook;
pub use hook_error::HookError;
pub use hook_files::components;
pub use limit::{HOST_TIME, Signals};
pub use local::Local;
pub use mysql::{MysqlError, MysqlRows};
pub use outside::{Asked, Leased, LookedAt, Outside, Place, Reference, Version};
pub use plan::{ComponentPlan, HostPlan, Plan, plan};
pub use receipt::{Given, Lent, Receipt, Rollback};
pub use record::Record;
pub use results::{Fate, Row, is_interruption, outcome};
pub use rotate_hook::{AccountHook, MysqlAccount, StaticAccount};
pub use run::{Event, FindWay, Run, Stopped};
pub use script::signed_script;
pub use session::{Injected, InjectedFile, Sitting, SittingError, attend};
pub use signature::{HOOK_SCHEMA, HookStatus, TrustedHook, hook_status, sign_hook};
pub use step::StepFailed;
pub use survey::{
    Answer, Answers, ComponentSeen, Deployed, Down, Drift, Fault, HostSeen, LookAtServer, Meant,
    ProbeSeen, Revs, Runs, ServedSeen, Space, Stuff, Survey, Surveyed, There,
};
pub use target::TargetError;
pub use users::Users;
