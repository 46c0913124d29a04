//! New values for old ones: what waits for one, and how it gets it without a moment in which nothing works.
//!
//! A rotation is a deploy with two values. Its steps are data, written down as they are done ([`Records`]);
//! what the values are lies sealed in the vault alone. Deploying is somebody else's: [`TakeIntoUse`].

mod due;
mod error;
mod making;
mod pairing;
mod plan;
mod policy;
mod record;
mod rotators;
mod run;
mod sharing;

pub use due::{Due, End, Reason, WorkList, work_list};
pub use error::RotateError;
pub use plan::{give_shape, planned};
pub use record::{Numbers, Records, Rotation, Shape, Step, Turning};
pub use rotators::{
    Accepted, Accounts, AzureLogin, Both, Database, Held, Hosts, ISSUER, Means, Old, Outside,
    Person, ROTATORS, Refusal, Rotator, Rows, SCRIPT, Scripts, Steps, has_account, is_azure_key,
    is_ssh_key, is_tls, needs_person, script_of,
};
pub use run::{Changing, Run, TakeIntoUse, has_pending};
pub use sharing::{Chosen, Sharing, sharing};
