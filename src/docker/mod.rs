//! Containers on a target, through the Docker Engine's own API.
//!
//! The daemon is spoken to directly, over its unix socket or any other stream that leads there, so a
//! target needs neither clws nor a docker client. What a container is given lies in files of a
//! memory-backed folder of the host, and the API is told only where: `docker inspect`, labels,
//! commands, images and the daemon's log hold names and paths, never a value.
//!
//! A folder is mounted by the API's *Mounts*, never by *Binds*: Binds make a missing folder as an
//! empty one and the program starts without its secrets, Mounts fail the start. Variables come from
//! a file in that folder which a line of `sh` reads before it becomes the program ([`inject`]).
//!
//! A daemon is a peer like any other. It may hang, send without end or put escapes into its errors:
//! each call has a clock, each connection a limit, and its text is cleaned and cut.
//!
//! bollard writes requests and answers to the `log` facade. This program installs no logger, and
//! what is written there holds no value either: standard input goes over the raw stream.

mod asked;
mod body;
pub(crate) mod chunk;
mod client;
mod container;
mod error;
mod image;
pub mod inject;
mod lifecycle;
mod names;
mod network;
mod output;
mod pull;
mod replace;
mod run;
mod standing;
mod traits;
mod wire;

pub use client::{Clocks, Engine};
pub(crate) use container::checked_name;
pub use container::{
    Container, FileMount, HealthCheck, Mount, Port, Protocol, Restart, Secrets, Visible,
};
pub use error::DockerError;
pub use image::Image;
pub use lifecycle::{Health, LONGEST_STOP, Snapshot, State};
pub use pull::Login;
pub use replace::Replacement;
pub use run::{Ended, OUTPUT_CAP, Ran};
pub use standing::PLACE;
pub use traits::Traits;
