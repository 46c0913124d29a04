//! Verifying many signatures on every core.

use super::{Check, Finding, Kind};
use crate::vault::{Claim, VaultError};

/// Claims are kept for a while, so that many small documents fill all cores as one large one does.
/// About 2 MB of messages.
const BATCH: usize = 4096;

/// Below this a thread costs more than it saves: 32 signatures take 2 ms.
const WORTH_A_THREAD: usize = 32;

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
        for (name, error) in refused(&claims) {
            self.add(Finding::of(Kind::Signature, name, &error));
        }
    }
}

/// The claims that do not hold, by name.
fn refused(claims: &[Claim]) -> Vec<(String, VaultError)> {
    let look = |claims: &[Claim]| -> Vec<(String, VaultError)> {
        let failed = claims
            .iter()
            .filter_map(|claim| Some((claim.name().to_owned(), claim.verify().err()?)));
        failed.collect()
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = claims.len().div_ceil(cores).max(WORTH_A_THREAD);
    if claims.len() <= share {
        return look(claims);
    }
    std::thread::scope(|threads| {
        let handles: Vec<_> = claims
            .chunks(share)
            .map(|chunk| threads.spawn(move || look(chunk)))
            .collect();
        let joined = handles.into_iter().map(|handle| handle.join());
        joined
            .flat_map(|found| {
                // A thread that panicked has verified nothing, which must not look like success.
                found.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    })
}
