//! Who: the parties of a vault, their public keys, and the rules that say what each may do.

mod access;
mod mail;
mod party;
mod recipient;
mod rights;

pub use access::{ACCESS_FILE, ACCESS_SCHEMA, Access, Right, Rule};
pub use mail::{MailAddress, NotAnAddress};
pub use party::{Become, HostKey, Kind, PARTY_SCHEMA, Party, Use, VerifyingKey, party_file};
pub use recipient::{OFFLINE, PublicRecipient, RecipientError, RecipientKey, Sealing};
pub use rights::Rights;
