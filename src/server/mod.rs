//! A Vault or OpenBao server beside the vault.
//!
//! [`Settings`] says which server, from what the person says and never from the repository. [`Client`] asks
//! it: [`Client::call`] for the requests that vaultrs has types for, [`Client::get`], [`Client::post`],
//! [`Client::list`] for others; each gives an [`Answer`] with its data and its [`Lease`]. Both the requests
//! of vaultrs and reqwest stay inside this folder.
//!
//! A server is not trusted further than it must be. It gets its own token and what is meant for it, and
//! can neither send us elsewhere, nor hold us, nor fill memory, nor draw on a terminal.

mod address;
mod answer;
mod asking;
mod client;
mod endpoint;
mod error;
mod limits;
mod login;
mod session;
mod settings;
mod token;
mod wire;

pub use address::{Address, Cluster};
pub use answer::{Answer, Lease, Login};
pub use client::{Client, Health};
pub use error::ServerError;
pub use limits::Limits;
pub use login::{Method, Way, login, way_of};
pub use session::{About, Kept, Origin, Session, revoke};
pub use settings::{Flags, Settings, token_of};
pub use token::Token;
