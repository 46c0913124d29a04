//! Values in the clear, and what keeps them from staying around or getting out.

mod escape;
mod forms;
mod generate;
mod htpasswd;
mod plain;
mod redact;
mod wipe;

pub use escape::{MAX_OPTION_LINE, in_ini, in_runner, in_shell, in_sql, in_url};
pub use forms::{Form, forms};
pub use generate::{Alphabet, generate};
pub use htpasswd::{HtpasswdError, HtpasswdLine, HtpasswdUser, MAX_HASHED};
pub use plain::Plain;
pub use redact::{End, Redactor};
pub use wipe::WipingAllocator;
