//! The first use of a vault on this machine: a person says whose rules it is to trust.

use super::context::Context;
use crate::error::{Code, Error, Problem};
use crate::text::{in_words, list};
use crate::trust::{Expectation, newest_number, read_version};
use crate::vault::Vault;

impl Context {
    /// Shows what a first use would trust and asks. `--yes` does not answer.
    pub(crate) fn first_use(&self, vault: &Vault) -> Result<Vault, Error> {
        let version = read_version(vault.tree(), newest_number(vault.tree())?)?;
        let admins: Vec<String> = version.admins.keys().map(ToString::to_string).collect();
        let fingerprint = version.fingerprint();
        let hash = version.hash;
        self.ui.tell("this machine has not seen this vault before");
        self.ui.tell(&format!(
            "it is decided by {}; its rules are version {}, with the fingerprint",
            list(&admins),
            version.number
        ));
        self.ui.tell(&format!("  {fingerprint}@{}", version.number));
        for row in in_words(&hash).chunks(8) {
            self.ui.tell(&format!("  {}", row.join(" ")));
        }
        let question = "does an administrator's `clws trust show` say the same?";
        if !self.ui.is_yes(question)? {
            let message = "the vault was not accepted; nothing was done";
            return Err(Problem::new(Code::Trust, message)
                .hint("ask an administrator for the fingerprint")
                .into());
        }
        self.accepting(&Expectation {
            hash,
            number: version.number,
        })
    }
}
