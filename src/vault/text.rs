//! The text of a document of which many values are asked for, one by one.

use std::cmp::Ordering;

use crate::lines::{Header, Parsed, Places};
use crate::name::ValueName;

use super::document::{DOCUMENT_SCHEMA, Document};

/// The text of a document as it lies there, and where its tables stand in it. Scanned once: somebody may ask for each
/// of 10,000 values.
pub(super) struct There {
    pub(super) text: String,
    tables: Tables,
}

/// Where the tables of a document stand in its text.
pub(super) struct Tables {
    places: Places,
    /// The tables of values, in the order of their names without regard to case.
    values: Vec<usize>,
    /// Those of what is pending, in the same order.
    pending: Vec<usize>,
}

fn by_case(one: &str, other: &str) -> Ordering {
    let folded = |byte: u8| byte.to_ascii_lowercase();
    one.bytes().map(folded).cmp(other.bytes().map(folded))
}

impl Tables {
    pub(super) fn of(document: &Document<'_>) -> Self {
        let headers = document.lines().headers();
        let name = |at: usize| headers.get(at).and_then(|header| header.name).unwrap_or("");
        let sorted = |kind: &str| {
            let all = headers.iter().enumerate();
            let all = all.filter(|(_, header)| header.kind == kind);
            let mut all: Vec<usize> = all.map(|(at, _)| at).collect();
            all.sort_by(|one, other| by_case(name(*one), name(*other)));
            all
        };
        Self {
            places: document.lines().places(),
            values: sorted("secret"),
            pending: sorted("pending"),
        }
    }

    /// With the text that they were found in; none if it is no text.
    pub(super) fn in_text(self, text: Vec<u8>) -> Option<There> {
        let text = String::from_utf8(text).ok()?;
        Some(There { text, tables: self })
    }
}

impl There {
    pub(super) fn of(document: &Document<'_>) -> Self {
        Self {
            text: document.lines().source().to_owned(),
            tables: Tables::of(document),
        }
    }

    /// All of it.
    pub(super) fn lines(&self) -> Parsed<'_> {
        Parsed::again(&self.text, &self.tables.places)
    }

    /// The one table of a value.
    pub(super) fn about(&self, name: &ValueName) -> Option<Parsed<'_>> {
        let header = self.header(name)?;
        Some(Parsed::of_one(&self.text, &DOCUMENT_SCHEMA, header))
    }

    /// The headers of values with this name, in whatever case.
    pub(super) fn named<'t>(&'t self, name: &str) -> impl Iterator<Item = Header<'t>> {
        self.among(&self.tables.values, name)
    }

    /// The header of a value's table.
    pub(super) fn header(&self, name: &ValueName) -> Option<Header<'_>> {
        self.named(name.as_str())
            .find(|header| header.name == Some(name.as_str()))
    }

    /// Whether something is pending under this name.
    pub(super) fn has_pending(&self, name: &ValueName) -> bool {
        self.among(&self.tables.pending, name.as_str())
            .any(|header| header.name == Some(name.as_str()))
    }

    fn among<'t>(&'t self, tables: &'t [usize], name: &str) -> impl Iterator<Item = Header<'t>> {
        let header = move |at: &usize| self.tables.places.header(&self.text, *at);
        let order = move |at: &usize| by_case(header(at).and_then(|h| h.name).unwrap_or(""), name);
        let from = tables.partition_point(|at| order(at).is_lt());
        let rest = tables.get(from..).unwrap_or_default().iter();
        rest.take_while(move |at| order(at).is_eq())
            .filter_map(header)
    }
}
