//! Where rules begin: four bytes, with the case of letters folded, that text seldom has.
//!
//! One look at each byte decides with a single load whether anything can begin there; only then a table
//! says what. A shorter beginning stands there with all bytes that may follow it.

use std::ops::Range;
use std::sync::OnceLock;

use super::form::{Form, holds};
use super::placeholder::is_for_show;
use super::rules::{Find, Grounds, Rule, all};
use super::text::Text;

/// 8 KiB: it stays in the first cache.
const WORDS: usize = 1024;

/// Room for all of them, so that nothing grows while they are made.
const MANY: usize = 1024;

/// All beginnings of all rules.
#[derive(Debug)]
pub(super) struct Anchors {
    bits: Box<[u64; WORDS]>,
    /// The four bytes, and what begins there, by its place among the beginnings; sorted.
    table: Vec<(u32, u16)>,
    /// In the order of the rules, with the place of the rule.
    begins: Vec<(usize, Begin)>,
    rules: Vec<&'static Rule>,
    forms: Vec<Form>,
}

/// What begins there.
#[derive(Clone, Copy, Debug)]
enum Begin {
    Form(usize),
    Word(&'static [u8], super::rules::At),
}

/// A text that a rule takes for a credential.
#[derive(Debug)]
pub(super) struct Hit {
    /// The rule's place among all: what comes earlier knows more.
    pub(super) order: usize,
    pub(super) rule: &'static Rule,
    pub(super) range: Range<usize>,
}

/// Four bytes, with the case of letters folded, and some signs with them.
#[inline]
pub(super) fn fold(bytes: [u8; 4]) -> u32 {
    u32::from_le_bytes(bytes) | 0x2020_2020
}

#[inline]
fn slot(gram: u32) -> u32 {
    gram.wrapping_mul(0x9E37_79B1) >> 16
}

impl Anchors {
    /// Those of all rules, made once.
    pub(super) fn get() -> &'static Self {
        static ANCHORS: OnceLock<Anchors> = OnceLock::new();
        ANCHORS.get_or_init(Self::build)
    }

    fn build() -> Self {
        let mut this = Self {
            bits: Box::new([0; WORDS]),
            table: Vec::with_capacity(MANY),
            begins: Vec::with_capacity(MANY),
            rules: all().collect(),
            forms: Vec::with_capacity(MANY),
        };
        for (order, rule) in all().enumerate() {
            match &rule.find {
                Find::Forms(forms, _) => {
                    for form in forms.iter().filter_map(|form| Form::read(form)) {
                        let (literal, next) = form.anchor();
                        let begin = Begin::Form(this.forms.len());
                        this.add(order, literal, next, begin);
                        this.forms.push(form);
                    }
                }
                Find::Words(words, at) => {
                    for word in *words {
                        this.add(order, word, None, Begin::Word(word, *at));
                    }
                }
            }
        }
        this.table.sort_unstable();
        this
    }

    fn add(&mut self, order: usize, literal: &[u8], next: Option<u8>, begin: Begin) {
        let place = u16::try_from(self.begins.len()).unwrap_or(u16::MAX);
        self.begins.push((order, begin));
        let mut grams = vec![[0; 4]];
        for at in 0..4 {
            let with = |mut gram: [u8; 4], byte: u8| {
                gram.iter_mut().skip(at).take(1).for_each(|b| *b = byte);
                gram
            };
            grams = match literal.get(at) {
                Some(byte) => grams.into_iter().map(|gram| with(gram, *byte)).collect(),
                None => {
                    let following = following(next);
                    let longer = grams.iter();
                    let longer = longer
                        .flat_map(|gram| following.iter().map(move |byte| with(*gram, *byte)));
                    longer.collect()
                }
            };
        }
        for gram in grams {
            let gram = fold(gram);
            let slot = slot(gram);
            if let Some(word) = usize::try_from(slot >> 6)
                .ok()
                .and_then(|at| self.bits.get_mut(at))
            {
                *word |= 1 << (slot & 63);
            }
            self.table.push((gram, place));
        }
    }

    /// Whether something may begin with these four bytes.
    #[inline]
    pub(super) fn may_begin(&self, gram: u32) -> bool {
        let slot = slot(gram);
        // 16 bits are left, so it is always in bounds, and the compiler knows.
        self.bits
            .get((slot >> 6) as usize)
            .is_some_and(|word| word >> (slot & 63) & 1 == 1)
    }

    /// What begins at a place, each by each rule.
    pub(super) fn at(&self, text: &Text<'_>, at: usize, gram: u32, mut found: impl FnMut(Hit)) {
        let from = self.table.partition_point(|(other, ..)| *other < gram);
        let same = self.table.get(from..).unwrap_or_default();
        for (_, place) in same.iter().take_while(|(other, _)| *other == gram) {
            let begin = self.begins.get(usize::from(*place));
            let Some((order, begin)) = begin else {
                continue;
            };
            let order = *order;
            let Some(rule) = self.rules.get(order) else {
                continue;
            };
            let range = match begin {
                Begin::Form(form) => self.forms.get(*form).and_then(|form| form.at(text, at)),
                Begin::Word(word, find) => {
                    let here = text.get(at..at + word.len());
                    match here.eq_ignore_ascii_case(word) {
                        true => find(text, at),
                        false => None,
                    }
                }
            };
            if let Some(range) = range.filter(|range| is_meant(rule, text.get(range.clone()))) {
                found(Hit { order, rule, range });
            }
        }
    }
}

/// What may stand behind a beginning that is shorter, with the case of letters folded.
fn following(next: Option<u8>) -> Vec<u8> {
    let bytes = (0..=u8::MAX).filter(|byte| next.is_none_or(|next| holds(next, *byte)));
    let mut bytes: Vec<u8> = bytes.map(|byte| byte | 0x20).collect();
    bytes.sort_unstable();
    bytes.dedup();
    bytes
}

/// The last word: a form's checksum, and nothing that stands there for show.
fn is_meant(rule: &Rule, value: &[u8]) -> bool {
    match &rule.find {
        Find::Forms(_, check) => check(value) && !is_for_show(behind_prefix(value)),
        Find::Words(..) if rule.is_private_key() => true,
        Find::Words(..) => rule.grounds != Grounds::Form || !is_for_show(value),
    }
}

/// A token without the prefix that all of its kind have.
fn behind_prefix(value: &[u8]) -> &[u8] {
    value
        .get(4..)
        .filter(|rest| rest.len() >= 12)
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_and_the_beginnings_are_rare() {
        let anchors = Anchors::get();
        let forms = all().filter_map(|rule| match rule.find {
            Find::Forms(forms, _) => Some(forms.len()),
            Find::Words(..) => None,
        });
        assert_eq!(anchors.forms.len(), forms.sum::<usize>());
        let set: u32 = anchors.bits.iter().map(|word| word.count_ones()).sum();
        assert!(set < 65536 / 8, "{set}");
    }
}
