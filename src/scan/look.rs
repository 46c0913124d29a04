//! One file, read in pieces, in memory that does not grow with it and in time that grows with it alone.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read};
use std::ops::Range;

use super::allow::{Allowed, allowed};
use super::anchors::{Anchors, Hit};
use super::baseline::Marker;
use super::finding::{Finding, What, excerpt};
use super::known::Values;
use super::prints::Prints;
use super::rules::Grounds;
use super::sift::{Nothing, PADDING, Sieve, sift};
use super::text::{Nature, Text, names_secrets};
use crate::secret::Form;

/// New bytes that a piece has at most.
const PIECE: usize = 512 * 1024;

/// Most files are smaller than this, and a buffer is wiped as large as it is.
const FIRST_PIECE: usize = 32 * 1024;

/// What a rule looks at behind a place: the longest private key in PEM.
const AHEAD: usize = 20 * 1024;

/// What a rule looks at before a place: a line.
const BEHIND: usize = 4 * 1024;

/// After so many findings in one file the others tell nothing new.
const ENOUGH: usize = 100;

/// Which of the vault's values are known.
#[derive(Debug)]
pub enum Known {
    /// Opened with an identity.
    Values(Values),
    /// By keyed fingerprints alone.
    Prints(Prints),
}

/// What is looked for, and what is done with what is found.
#[derive(Debug)]
pub struct Looker {
    /// The vault's values.
    pub known: Known,
    /// What marks findings for a baseline.
    pub marker: Option<Marker>,
    hasher: RandomState,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// What lies in clear.
    pub findings: Vec<Finding>,
    /// How many files were looked through.
    pub files: usize,
    /// How many findings a reason beside them allows.
    pub allowed: usize,
    /// What could not be looked at, and why.
    pub unread: Vec<(String, String)>,
}

impl Found {
    /// Takes up what was found elsewhere.
    pub fn join(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.unread.extend(other.unread);
        self.files += other.files;
        self.allowed += other.allowed;
    }
}

/// What a thread reads into, again and again.
#[derive(Debug)]
pub struct Buffer(Vec<u8>);

/// A span that will be reported, in the piece at hand.
struct Span {
    range: Range<usize>,
    what: What,
    shown: usize,
    /// What comes first knows more; values of the vault before all.
    order: usize,
}

impl Looker {
    /// Looks for these values, and for credentials.
    #[must_use]
    pub fn new(known: Known, marker: Option<Marker>) -> Self {
        Self {
            known,
            marker,
            hasher: RandomState::new(),
        }
    }

    /// A buffer for what is looked for here.
    #[must_use]
    pub fn buffer(&self) -> Buffer {
        Buffer(vec![0; BEHIND + FIRST_PIECE + self.ahead() + PADDING])
    }

    fn ahead(&self) -> usize {
        AHEAD.max(match &self.known {
            Known::Values(values) => values.longest(),
            Known::Prints(prints) => prints.longest(),
        })
    }

    /// Looks through a file.
    ///
    /// # Errors
    /// What reading says.
    pub fn look(
        &self,
        path: &str,
        input: &mut dyn Read,
        buffer: &mut Buffer,
        found: &mut Found,
    ) -> io::Result<()> {
        let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
        let ahead = self.ahead();
        let held = &mut buffer.0;
        let whole = BEHIND + PIECE + ahead + PADDING;
        let mut room = held.len() - PADDING;
        let (mut filled, mut from, mut line, mut here) = (0, 0, 1, 0);
        let (mut nature, mut from_start, mut covered) = (None, true, 0);
        loop {
            filled += fill(input, held.get_mut(filled..room).unwrap_or_default())?;
            if filled == room && held.len() < whole {
                held.resize(whole, 0);
                room = whole - PADDING;
                continue;
            }
            let ended = filled < room;
            held.get_mut(filled..filled + PADDING)
                .unwrap_or_default()
                .fill(0);
            let settled = if ended { filled } else { filled - ahead };
            let bytes = held.get(..filled).unwrap_or_default();
            let text = Text {
                bytes,
                name: &name,
                nature: *nature.get_or_insert_with(|| Nature::of(&name, bytes)),
                from_start,
                names_secrets: names_secrets(path),
            };
            // Of a window of 16 bytes the first one is before `settled`.
            let looked = held.get(..settled + PADDING - 1).unwrap_or_default();
            let spans = self.spans(&text, looked, from, covered);
            let mut counted = 0;
            for span in spans {
                let Range { start, end } = span.range;
                line += newlines(text.get(counted..start));
                counted = start;
                covered = covered.max(end);
                here += 1;
                if here <= ENOUGH {
                    self.report(&text, path, line, span.what, start..end, span.shown, found);
                }
            }
            if ended || here > ENOUGH {
                break;
            }
            let keep = settled.saturating_sub(BEHIND);
            if keep >= counted {
                line += newlines(text.get(counted..keep));
            } else {
                line -= newlines(text.get(keep..counted));
            }
            held.copy_within(keep..filled, 0);
            filled -= keep;
            from = settled - keep;
            covered = covered.saturating_sub(keep);
            from_start = false;
        }
        found.files += 1;
        Ok(())
    }

    /// What is to be reported of a piece, in the order in which it stands there.
    fn spans(&self, text: &Text<'_>, looked: &[u8], from: usize, covered: usize) -> Vec<Span> {
        let anchors = Anchors::get();
        let mut spans = Vec::new();
        let mut hits: Vec<Hit> = Vec::new();
        match &self.known {
            Known::Values(values) if !values.secrets.is_empty() => {
                each(anchors, &Nothing, text, looked, from, &mut hits, |_| None);
                let settled = looked.len() + 1 - PADDING;
                for (at, spelling) in values.find(text.bytes, from, settled) {
                    if let Some(name) = values.secrets.get(spelling.secret) {
                        spans.push(span(at..at + spelling.bytes.len(), name, spelling.form));
                    }
                }
            }
            Known::Prints(prints) if !prints.is_empty() => {
                each(anchors, prints, text, looked, from, &mut hits, |at| {
                    let (name, form, length) = prints.at(text.from(at))?;
                    spans.push(span(at..at + length, name, form));
                    Some(at + length)
                });
            }
            _ => each(anchors, &Nothing, text, looked, from, &mut hits, |_| None),
        }
        hits.sort_by_key(|hit| hit.order);
        let values: Taken = spans
            .iter()
            .map(|s: &Span| (s.range.start, s.range.end))
            .collect();
        let mut taken = Taken::new();
        for Hit { order, rule, range } in hits {
            // The lines of a key may be known, and it is a private key all the same.
            let is_known = !rule.is_private_key() && meets(&values, &range);
            if range.start < covered || is_known || meets(&taken, &range) {
                continue;
            }
            taken.insert(range.start, range.end);
            let shown = match rule.grounds {
                Grounds::Place => 2,
                Grounds::Form | Grounds::Checksum => 8,
            };
            spans.push(Span {
                range,
                what: What::Credential(rule),
                shown,
                order: order + 1,
            });
        }
        spans.sort_by_key(|span| (span.range.start, span.order));
        spans
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "they are the parts of one finding"
    )]
    fn report(
        &self,
        text: &Text<'_>,
        path: &str,
        line: u64,
        what: What,
        range: Range<usize>,
        shown: usize,
        found: &mut Found,
    ) {
        let secret = text.get(range.clone());
        let mut finding = Finding {
            path: path.to_owned(),
            line,
            excerpt: None,
            commit: None,
            unreasoned: false,
            mark: None,
            same: self.hasher.hash_one(secret),
            what,
        };
        if let What::Credential(_) = finding.what {
            // A value of the vault is one: no remark makes it something else.
            match allowed(text, range.start) {
                Allowed::Yes => {
                    found.allowed += 1;
                    return;
                }
                Allowed::Unreasoned => finding.unreasoned = true,
                Allowed::No => {}
            }
            let is_text = !secret
                .iter()
                .any(|b| *b < b' ' && !matches!(b, b'\n' | b'\r' | b'\t'));
            finding.excerpt = is_text.then(|| excerpt(secret, shown));
        }
        if let Some(marker) = &self.marker {
            finding.mark = marker.mark(path, finding.rule(), secret);
        }
        found.findings.push(finding);
    }
}

/// Spans that do not meet each other: where each begins, and where it ends.
type Taken = BTreeMap<usize, usize>;

fn meets(taken: &Taken, range: &Range<usize>) -> bool {
    let before = taken.range(..range.end).next_back();
    before.is_some_and(|(_, end)| *end > range.start)
}

/// Looks at each place where something may begin. `value` says where a value ends that begins there.
fn each<S: Sieve>(
    anchors: &Anchors,
    sieve: &S,
    text: &Text<'_>,
    looked: &[u8],
    from: usize,
    hits: &mut Vec<Hit>,
    mut value: impl FnMut(usize) -> Option<usize>,
) {
    // Inside of a value another one of its spellings begins: once is enough.
    let mut behind = 0;
    sift(anchors, sieve, looked, from, |at, gram, may_be_value| {
        if may_be_value && at >= behind {
            behind = value(at).unwrap_or(behind);
        }
        if let Some(gram) = gram {
            anchors.at(text, at, gram, |hit| hits.push(hit));
        }
    });
}

fn span(range: Range<usize>, secret: &str, form: Form) -> Span {
    Span {
        range,
        what: What::Value(secret.to_owned(), form),
        shown: 0,
        order: 0,
    }
}

/// Reads until it is full or there is no more.
pub(super) fn fill(input: &mut dyn Read, mut room: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while !room.is_empty() {
        match input.read(room) {
            Ok(0) => break,
            Ok(read) => {
                filled += read;
                room = room.get_mut(read..).unwrap_or_default();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn newlines(bytes: &[u8]) -> u64 {
    let count = memchr::memchr_iter(b'\n', bytes).count();
    u64::try_from(count).unwrap_or(u64::MAX)
}
