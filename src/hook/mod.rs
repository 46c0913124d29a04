//! What hooks say: which components there are, what each is given, where it runs, and who signed that.
//!
//! A hook is a file of the vault, `hooks/COMPONENT.toml`, with a folder of files beside it. It is read and
//! checked here, and counts only under the signature of somebody who may deploy; what is done about it is
//! the deploy's.

mod argument;
mod azure;
mod check;
mod container;
mod declaration;
mod error;
mod files;
mod probe;
mod reference;
mod rotate;
mod script;
mod settings;
mod signature;
mod trusted;
mod value;

pub(crate) mod template;
pub(crate) mod times;

pub use argument::{ShownArgument, shown_arguments};
pub use azure::{KeyOfAzure, azure_account};
pub use declaration::Hook;
pub use error::HookError;
pub use files::components;
pub use reference::{Place, Reference};
pub use rotate::{AccountHook, MysqlAccount, StaticAccount};
pub use script::signed_script;
pub use signature::{HOOK_SCHEMA, HookStatus, hook_status, sign_hook};
pub use trusted::TrustedHook;

pub(crate) use container::{ContainerHook, HealthHook, Registry};
pub(crate) use declaration::{FileHook, Step, parse_mode};
pub(crate) use files::{HookFiles, hooks_that_read, read_files, template_text};
pub(crate) use probe::{CertificateProbe, Expect, FileProbe, MysqlProbe, Probe, Question, Where};
pub(crate) use trusted::SignedHook;
pub(crate) use value::{EnvValue, Text};
