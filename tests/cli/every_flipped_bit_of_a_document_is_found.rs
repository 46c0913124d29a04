//! One changed bit of a document, or a cut at any length, does not pass `clws check --full`.
//!
//! Comments and other readers' wraps are nobody's signature; a reader's own wrap is found by opening
//! it. The check runs here in this process, once for each bit.

use std::path::Path;

use clws::check::{Finding, check_document};
use clws::identity::{self, Bundle, Nobody, PublicFolder};
use clws::name::DocumentPath;
use clws::vault::{Opener, Vault};
use clws::world::{Clock, World};

use crate::lab::Lab;

/// An identity of somebody who is never asked anything.
struct Mine(Bundle);

impl Opener for Mine {
    fn recipient(&self) -> Option<&str> {
        self.0.recipient()
    }

    fn label(&self) -> String {
        self.0.label().to_owned()
    }

    fn age(&self) -> Result<Box<dyn age::Identity + '_>, clws::error::Error> {
        let native = self.native()?.unwrap();
        Ok(Box::new(native))
    }

    fn native(&self) -> Result<Option<clws::crypto::x25519::Identity>, clws::error::Error> {
        Ok(self.0.open_age(&Nobody)?.native())
    }
}

/// Checks documents of a lab's vault as one of its people.
struct Checker {
    vault: Vault,
    mine: Vec<Mine>,
    path: DocumentPath,
}

impl Checker {
    fn new(lab: &Lab, person: &str) -> Self {
        let home = lab.home(person);
        let environment = [("HOME".into(), home.into_os_string())];
        let world = World::new(Clock::System, environment, lab.vault());
        let bundles = identity::all(&world, None::<&Path>, PublicFolder::Refuse).unwrap();
        Self {
            vault: Vault::open(&world, &lab.vault(), None).unwrap(),
            mine: bundles.into_iter().map(Mine).collect(),
            path: "dev/web".parse().unwrap(),
        }
    }

    fn faults(&self, bytes: &[u8]) -> Vec<Finding> {
        let openers: Vec<&dyn Opener> = self.mine.iter().map(|mine| mine as &dyn Opener).collect();
        let report = check_document(&self.vault, &self.path, bytes, Some(&openers)).unwrap();
        let findings = report.findings.into_iter();
        findings.filter(|finding| !finding.kind.is_note()).collect()
    }
}

/// A document with a value, its policy, a tombstone and two readers.
fn lab() -> (Lab, Vec<u8>) {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("dev/web/TOKEN", "hunter2")
        .secret("dev/web/OLD", "x");
    lab.clws("secret policy dev/web/TOKEN --rotate-every 90d")
        .succeeds();
    lab.clws("secret remove dev/web/OLD --yes").succeeds();
    lab.clws("access grant ben dev/web --read --yes").succeeds();
    let bytes = std::fs::read(lab.vault().join("secrets/dev/web.toml")).unwrap();
    (lab, bytes)
}

/// Runs `look` for all numbers below `end`, on two cores, each with a checker of its own; gives what
/// it found.
fn each<T: Send>(
    lab: &Lab,
    end: usize,
    look: impl Fn(&Checker, usize) -> Vec<T> + std::marker::Sync,
) -> Vec<T> {
    let share = |first: usize| {
        let checker = Checker::new(lab, "ada");
        let numbers = (first..end).step_by(2);
        numbers
            .flat_map(|number| look(&checker, number))
            .collect::<Vec<_>>()
    };
    std::thread::scope(|threads| {
        let other = threads.spawn(|| share(1));
        let mut found = share(0);
        found.extend(other.join().unwrap());
        found
    })
}

/// Where the wraps of somebody lie: the value of `key = "kid:age:…"` behind the kind.
fn wrap_of(text: &str, reader: &str) -> std::ops::Range<usize> {
    let table = text.find(&format!("[reader.\"{reader}/")).unwrap();
    let start = table + text[table..].find(":age:").unwrap() + ":age:".len();
    start..start + text[start..].find('"').unwrap()
}

#[test]
fn every_bit_and_every_cut_is_found() {
    let (lab, bytes) = lab();
    assert_eq!(Checker::new(&lab, "ada").faults(&bytes), []);
    let text = String::from_utf8(bytes.clone()).unwrap();
    let of_others = wrap_of(&text, "ben");
    let missed = each(&lab, bytes.len(), |checker, at| {
        let bits = (0..8).filter(|_| !of_others.contains(&at));
        let passes = |bit: &u8| {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            checker.faults(&bytes).is_empty()
        };
        bits.filter(passes).map(|bit| (at, bit)).collect()
    });
    assert_eq!(missed, []);
    let missed = each(&lab, bytes.len(), |checker, length| {
        let passes = checker.faults(&bytes[..length]).is_empty();
        passes.then_some(length).into_iter().collect()
    });
    assert_eq!(missed, [0; 0]);
}

#[test]
fn a_wraps_bits_are_found_by_its_own_reader() {
    let (lab, bytes) = lab();
    lab.clws("secret list --expect")
        .word(lab.head())
        .by("ben")
        .succeeds();
    let (ada, ben) = (Checker::new(&lab, "ada"), Checker::new(&lab, "ben"));
    assert_eq!(ben.faults(&bytes), []);
    let text = String::from_utf8(bytes.clone()).unwrap();
    let wrap = wrap_of(&text, "ben");
    let last = wrap.end - 10;
    for at in wrap {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        assert_ne!(ben.faults(&bytes), [], "byte {at}");
    }
    // To others such a wrap looks like any: readers are added without a signature.
    let mut bytes = bytes.clone();
    bytes[last] = if bytes[last] == b'A' { b'B' } else { b'A' };
    assert_eq!(ada.faults(&bytes), []);
    assert_ne!(ben.faults(&bytes), []);
}
