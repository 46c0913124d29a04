//! Alarms: somebody is told what is wrong, once and not all the time, and told when it is over.
//!
//! [`Told`] remembers in the person's state folder what was said and when: at most one alarm for each cause in
//! four hours, and one word when it is gone. [`Message`] says it in words and as JSON, [`tell_program`] gives
//! it to a program, [`Mailer`] to a mail server. What was not taken was not told: it comes again with the next
//! run.
//!
//! No value gets here, as a [`Finding`](super::Finding) has none.

mod error;
mod mailer;
mod message;
mod program;
mod stream;
mod tls;
mod told;

pub use error::AlarmError;
pub use mailer::{Limits, Mailer};
pub use message::{About, Message};
pub use program::{Program, tell_program};
pub use told::{Cause, Round, Told};
