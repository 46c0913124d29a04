//! What was told, and when: so that an alarm rings once, and not every five minutes.
//!
//! A file in the person's state folder for each vault, what was looked at, and who was told: whoever watches
//! `prod` alone says nothing about the end of what is wrong in `test`. It is held under a lock from before the
//! look at it until it is written, so of two runs at once one tells. What it says is only when something was
//! told; without it everything is told once more.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::crypto::{List, hex, sha256};
use crate::error::Error;
use crate::fs::{Lock, Sync, read_private, write_private};
use crate::status::finding::{Finding, Kind};
use crate::time::Moment;
use crate::world::World;

/// One alarm for each cause in so many seconds.
const ALARM: i64 = 4 * 3600;

/// A report in a week, half a day less: a timer that comes at eight o'clock comes some seconds before it, too.
const REPORT: i64 = 7 * 86_400 - 43_200;

/// 100,000 causes of 160 bytes.
const MOST: usize = 16 << 20;

/// Something that is or was wrong: one cause of alarms.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Cause {
    /// What kind of thing, as `--json` has it.
    pub kind: String,
    /// `HOST`, `HOST/COMPONENT`, a secret, or a file of the vault.
    pub path: String,
    /// When it was told last, in seconds since 1970.
    told: i64,
    /// Whether it was told that it is over.
    #[serde(default)]
    over: bool,
}

impl Cause {
    /// When it was told last.
    #[must_use]
    pub fn told(&self) -> Moment {
        Moment::from_seconds(self.told)
    }
}

#[derive(Debug, Default, Deserialize, Serialize)]
struct Record {
    causes: BTreeMap<String, Cause>,
    /// When each owner was told what is due.
    reports: BTreeMap<String, i64>,
}

/// What is to be told this time.
#[derive(Debug, Default)]
pub struct Round {
    /// Wrong, and not told within four hours.
    pub due: Vec<Finding>,
    /// Wrong, and told.
    pub held: Vec<Finding>,
    /// Told, and not wrong any more.
    pub over: Vec<Cause>,
}

impl Round {
    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.due.is_empty() && self.over.is_empty()
    }
}

/// What was told; nobody else tells the same while this is held.
#[derive(Debug)]
pub struct Told {
    path: PathBuf,
    record: Record,
    /// Whether the file was there and did not read.
    was_damaged: bool,
    _lock: Lock,
}

impl Told {
    /// Opens what was told about `look` (what was looked at, and how) to `whom`.
    ///
    /// # Errors
    /// [`crate::fs::FsError`], while another run tells among others; [`crate::world::WorldError`].
    pub fn open(world: &World, vault: &[u8; 32], look: &str, whom: &str) -> Result<Self, Error> {
        let name = List::new("clws.alarm").bytes(vault).text(look).text(whom);
        let name = hex(sha256(&name.encode()).get(..16).unwrap_or_default());
        let folder = world.state_dir()?.join("alarms");
        let lock = Lock::take(
            &folder.join(format!("{name}.lock")),
            "telling what is wrong",
        )?;
        let path = folder.join(format!("{name}.json"));
        let bytes = read_private(&path, MOST)?;
        let read = bytes.map(|bytes| serde_json::from_slice(&bytes));
        Ok(Self {
            path,
            was_damaged: matches!(read, Some(Err(_))),
            record: read.and_then(Result::ok).unwrap_or_default(),
            _lock: lock,
        })
    }

    /// Whether what was told is not known, since the file was damaged.
    #[must_use]
    pub fn was_damaged(&self) -> bool {
        self.was_damaged
    }

    /// What of the findings is to be told now, what was, and what is over.
    ///
    /// # Errors
    /// [`crate::fs::FsError`], where a clock that was set back is to be remembered.
    pub fn round(&mut self, findings: &[Finding], now: Moment) -> Result<Round, Error> {
        self.set_right(now)?;
        Ok(self.record.round(findings, now))
    }

    /// Notes that a round was told.
    ///
    /// # Errors
    /// [`crate::fs::FsError`]; then it may be told again.
    pub fn note(&mut self, round: &Round, now: Moment) -> Result<(), Error> {
        self.record.note(round, now);
        self.save()
    }

    /// Whether it is time to tell an owner what is due.
    ///
    /// # Errors
    /// As [`Self::round`].
    pub fn is_report_due(&mut self, owner: &str, now: Moment) -> Result<bool, Error> {
        self.set_right(now)?;
        let told = self.record.reports.get(owner);
        Ok(told.is_none_or(|told| now.seconds() - told >= REPORT))
    }

    /// Notes that an owner was told what is due.
    ///
    /// # Errors
    /// [`crate::fs::FsError`].
    pub fn note_report(&mut self, owner: &str, now: Moment) -> Result<(), Error> {
        self.record.reports.insert(owner.to_owned(), now.seconds());
        self.save()
    }

    fn set_right(&mut self, now: Moment) -> Result<(), Error> {
        match self.record.set_right(now) {
            true => self.save(),
            false => Ok(()),
        }
    }

    fn save(&self) -> Result<(), Error> {
        let text = serde_json::to_vec(&self.record).unwrap_or_default();
        Ok(write_private(&self.path, &text, Sync::Disk)?)
    }
}

impl Record {
    /// A clock that was set back would let what was told in its future rest until then, and four hours more. So
    /// that counts as told now. Gives whether something changed.
    fn set_right(&mut self, now: Moment) -> bool {
        let now = now.seconds();
        let causes = self.causes.values_mut().map(|cause| &mut cause.told);
        let ahead = causes
            .chain(self.reports.values_mut())
            .filter(|told| **told > now);
        ahead.map(|told| *told = now).count() > 0
    }

    fn round(&self, findings: &[Finding], now: Moment) -> Round {
        let mut round = Round::default();
        let wrong: Vec<&Finding> = findings.iter().filter(|f| !f.kind.is_note()).collect();
        let mut keys = BTreeSet::new();
        for finding in &wrong {
            let key = finding.cause();
            let known = self.causes.get(&key);
            let rests = known.is_some_and(|cause| now.seconds() - cause.told < ALARM);
            match rests {
                true => round.held.push((*finding).clone()),
                false => round.due.push((*finding).clone()),
            }
            keys.insert(key);
        }
        let hiding = Hiding::of(findings);
        for (key, cause) in &self.causes {
            let is_gone = !keys.contains(key) && !hiding.hides(cause);
            if is_gone && !cause.over {
                round.over.push(cause.clone());
            }
        }
        round
    }

    fn note(&mut self, round: &Round, now: Moment) {
        let over: HashSet<&Cause> = round.over.iter().collect();
        for cause in self.causes.values_mut() {
            cause.over |= over.contains(&*cause);
        }
        for finding in &round.due {
            let cause = Cause {
                kind: finding.kind.as_str().to_owned(),
                path: finding.path.clone(),
                told: now.seconds(),
                over: false,
            };
            self.causes.insert(finding.cause(), cause);
        }
        // What is over rests as long as what is not: something that comes and goes is told once in four hours.
        self.causes
            .retain(|_, cause| !cause.over || now.seconds() - cause.told < ALARM);
    }
}

/// What of all that is the case keeps something else from being seen.
#[derive(Default)]
struct Hiding<'f> {
    /// Whatever is at these paths, or below them.
    below: HashSet<&'f str>,
    /// These components, on any host: a hook that is not believed says nothing about its component.
    components: HashSet<&'f str>,
    /// What the components at these paths would answer: what does not run is not asked.
    unasked: HashSet<&'f str>,
}

impl<'f> Hiding<'f> {
    fn of(findings: &'f [Finding]) -> Self {
        let mut hiding = Self::default();
        for finding in findings {
            let path = finding.path.as_str();
            match finding.kind {
                Kind::Unreachable | Kind::Unseen => hiding.below.extend([path]),
                Kind::Vault(kind) if !kind.is_note() => hiding.below.extend([path]),
                Kind::Hook => {
                    let component = path.strip_prefix("hooks/");
                    let component = component.and_then(|file| file.strip_suffix(".toml"));
                    hiding.components.extend(component);
                }
                Kind::Unasked | Kind::Stopped | Kind::Restarting | Kind::Absent | Kind::Emptied => {
                    hiding.unasked.extend([path])
                }
                _ => {}
            }
        }
        hiding
    }

    /// Whether a cause may be there, and not seen: then it is not known to be over.
    fn hides(&self, cause: &Cause) -> bool {
        let path = cause.path.as_str();
        let above = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        let answers = [Kind::Probe, Kind::CertServedExpired, Kind::CertServedOther];
        let is_answer = || answers.iter().any(|kind| kind.as_str() == cause.kind);
        let component = path.rsplit('/').next().unwrap_or_default();
        self.components.contains(component)
            || self.unasked.contains(path) && is_answer()
            || above.chain([path]).any(|path| self.below.contains(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Moment {
        Moment::from_seconds(1_800_000_000 + hours * 3600)
    }

    fn wrong(kind: Kind, path: &str) -> Finding {
        Finding::new(kind, path, "it is so", "mend it")
    }

    /// What a run at an hour tells: due, held and over; and that it was taken.
    fn run(record: &mut Record, findings: &[Finding], hour: i64) -> (usize, usize, usize) {
        record.set_right(at(hour));
        let round = record.round(findings, at(hour));
        record.note(&round, at(hour));
        (round.due.len(), round.held.len(), round.over.len())
    }

    #[test]
    fn a_cause_rings_once_in_four_hours_and_its_end_once() {
        let mut record = Record::default();
        let stopped = [wrong(Kind::Stopped, "box/web")];
        assert_eq!(run(&mut record, &stopped, 0), (1, 0, 0));
        assert_eq!(run(&mut record, &stopped, 3), (0, 1, 0));
        assert_eq!(run(&mut record, &stopped, 4), (1, 0, 0));
        assert_eq!(run(&mut record, &[], 5), (0, 0, 1));
        assert_eq!(run(&mut record, &[], 6), (0, 0, 0));
        // It comes and goes: neither rings again within the four hours.
        assert_eq!(run(&mut record, &stopped, 7), (0, 1, 0));
        assert_eq!(run(&mut record, &[], 7), (0, 0, 0));
        assert_eq!(run(&mut record, &stopped, 8), (1, 0, 0));
        assert_eq!(run(&mut record, &[], 20), (0, 0, 1));
        assert!(record.causes.is_empty(), "{record:?}");
    }

    #[test]
    fn a_growing_number_is_no_new_cause_and_another_disk_is() {
        let full =
            |disk: &str, why: &str| Finding::new(Kind::Full, "box", why, "df -h").about(disk);
        let mut record = Record::default();
        let one = full("/", "the disk at / has 9 MiB of 999 MiB free");
        assert_eq!(run(&mut record, &[one], 0), (1, 0, 0));
        let less = full("/", "8 MiB of 999 MiB are free at /");
        let other = full(
            "/run/clws",
            "the memory-backed folder /run/clws has 0 MiB of 64 MiB free",
        );
        assert_eq!(run(&mut record, &[less, other], 1), (1, 1, 0));
    }

    #[test]
    fn what_cannot_be_seen_is_not_over() {
        let mut record = Record::default();
        let before = [
            wrong(Kind::Stopped, "box/web"),
            wrong(Kind::Stopped, "box-2/web"),
            wrong(Kind::OldRev, "box/db"),
        ];
        assert_eq!(run(&mut record, &before, 0), (3, 0, 0));
        let blind = [
            wrong(Kind::Unreachable, "box"),
            wrong(Kind::Hook, "hooks/db.toml"),
        ];
        // Of box-2 it is known: a name that only begins alike is another host.
        assert_eq!(run(&mut record, &blind, 1), (2, 0, 1));
        assert_eq!(run(&mut record, &[], 2), (0, 0, 4));
    }

    #[test]
    fn each_probe_is_a_cause_and_one_that_is_not_asked_is_not_over() {
        let probe = |called: &str, why: &str| {
            Finding::new(Kind::Probe, "box/web", why, "look").about(called)
        };
        let mut record = Record::default();
        let both = [
            probe("GET /", "it says 500"),
            probe("GET /up", "it says 502"),
        ];
        assert_eq!(run(&mut record, &both, 0), (2, 0, 0));
        let other = [
            probe("GET /", "it says 503"),
            wrong(Kind::Unasked, "box/web"),
        ];
        assert_eq!(run(&mut record, &other, 1), (0, 1, 0));
        let stopped = [wrong(Kind::Stopped, "box/web")];
        assert_eq!(run(&mut record, &stopped, 2), (1, 0, 0));
        assert_eq!(run(&mut record, &[], 3), (0, 0, 3));
    }

    #[test]
    fn a_clock_that_jumps_silences_nothing_for_longer_than_four_hours() {
        let mut record = Record::default();
        let stopped = [wrong(Kind::Stopped, "box/web")];
        assert_eq!(run(&mut record, &stopped, 1000), (1, 0, 0));
        // Set back by 1,000 hours: it counts as told now, and rings four hours later.
        assert_eq!(run(&mut record, &stopped, 0), (0, 1, 0));
        assert_eq!(run(&mut record, &stopped, 3), (0, 1, 0));
        assert_eq!(run(&mut record, &stopped, 4), (1, 0, 0));
        // Set forward: it rings once more, and no oftener.
        assert_eq!(run(&mut record, &stopped, 900), (1, 0, 0));
        assert_eq!(run(&mut record, &stopped, 901), (0, 1, 0));
    }

    #[test]
    fn what_was_not_taken_is_told_by_the_next_run() {
        let mut record = Record::default();
        let stopped = [wrong(Kind::Stopped, "box/web")];
        assert_eq!(record.round(&stopped, at(0)).due.len(), 1);
        assert_eq!(run(&mut record, &stopped, 0), (1, 0, 0));
        assert_eq!(record.round(&[], at(1)).over.len(), 1);
        assert_eq!(run(&mut record, &[], 1), (0, 0, 1));
    }

    #[test]
    fn notes_ring_nothing() {
        let note = [wrong(
            Kind::Due(crate::rotate::Reason::Overdue),
            "prod/web/TOKEN",
        )];
        assert!(Record::default().round(&note, at(0)).is_quiet());
    }
}
