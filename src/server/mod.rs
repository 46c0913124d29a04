//! A Vault or OpenBao server beside the vault.
//!
//! [`Settings`] says which server, from what the person says and never from the repository. [`Client`] asks
//! it: [`Client::call`] for the requests that vaultrs has types for, [`Client::get`], [`Client::post`],
//! [`Client::list`] for others; each gives an [`Answer`] with its data and its [`Lease`]. Both the requests
//! of vaultrs and reqwest stay inside this folder.
//!
//! [`survey`] says how documents of the vault and secrets of a key-value store stand, and [`Plan`] brings
//! them to where they are older.
//!
//! A server is not trusted further than it must be. It gets its own token and what is meant for it, and
//! can neither send us elsewhere, nor hold us, nor fill memory, nor draw on a terminal.

mod address;
mod answer;
mod asking;
mod bring;
mod client;
mod database;
mod endpoint;
mod error;
mod fields;
mod kv;
mod lease;
mod limits;
mod login;
mod mark;
mod renewal;
mod session;
mod settings;
mod ssh;
mod survey;
mod token;
pub mod transit;
mod wire;

pub use address::{Address, Cluster};
pub use answer::{Answer, Lease, Login};
pub use bring::{Action, Direction, Plan, Sides, Step, Taken};
pub use client::{Client, Health};
pub use database::StaticRole;
pub use error::ServerError;
pub use kv::{Kv, There};
pub use lease::{Unlent, unlent};
pub use limits::Limits;
pub use login::{Method, Way, login, way_of};
pub use mark::{Here, Mark, What};
pub use session::{Kept, Origin, Session, revoke};
pub use settings::{Flags, Settings, token_of};
pub use ssh::{CERTIFICATE_TIME, sign};
pub use survey::{Item, Standing, Surveyed, survey};
pub use token::{About, Token};
