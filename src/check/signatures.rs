//! Verifying many signatures on every core.

use super::{Check, Finding, Kind};
use crate::vault::{Claim, refused};

/// Claims are kept for a while, so that many small documents fill all cores as one large one does.
/// About 2 MB of messages.
const BATCH: usize = 4096;

impl Check<'_> {
    /// Takes a claim in, to be verified with others.
    pub(super) fn claim(&mut self, claim: Claim) {
        self.claims.push(claim);
        if self.claims.len() >= BATCH {
            self.settle();
        }
    }

    /// Verifies what was taken in.
    pub(super) fn settle(&mut self) {
        let claims = std::mem::take(&mut self.claims);
        for (name, error) in refused(claims) {
            self.add(Finding::of(Kind::Signature, name, &error));
        }
    }
}
