//! Finds the headers of a file without reading its values.

use std::collections::{BTreeMap, HashSet};
use std::sync::OnceLock;

use memchr::memmem;

use super::header::{self, Header};
use super::table::Table;
use super::{Fault, LineError, MAX_FILE, MAX_LINE, Schema, is_forbidden};

/// A text whose headers are all known and well formed. Its tables are read one by one.
#[derive(Clone, Debug)]
pub struct Parsed<'a> {
    pub(super) schema: &'static Schema,
    pub(super) source: &'a str,
    pub(super) headers: Vec<Header<'a>>,
    sorted: bool,
    /// The tables in their order, for whoever looks for one in a text that a merge put out of it.
    pub(super) order: OnceLock<Vec<usize>>,
}

/// Where the tables of a text stand, for whoever keeps both: what was scanned is not scanned again.
#[derive(Clone, Debug)]
pub struct Places {
    schema: &'static Schema,
    places: Vec<Place>,
    sorted: bool,
}

/// As [`Header`], in byte offsets alone.
#[derive(Clone, Copy, Debug)]
struct Place {
    kind: &'static str,
    name: Option<(usize, usize)>,
    start: usize,
    end: usize,
}

impl Place {
    fn header<'a>(&self, source: &'a str) -> Header<'a> {
        Header {
            kind: self.kind,
            name: self.name.and_then(|(from, to)| source.get(from..to)),
            start: self.start,
            end: self.end,
        }
    }
}

impl Places {
    /// The header of one of the tables, which are counted in the order of the text.
    #[must_use]
    pub fn header<'a>(&self, source: &'a str, at: usize) -> Option<Header<'a>> {
        Some(self.places.get(at)?.header(source))
    }
}

/// Scans all headers of a text: their form, their kinds, duplicates, and `[end]` as the last one; and what stands
/// before the first and behind the last.
///
/// One pass of memory speed for 10,000 tables (3 MB). What lies in the tables is read by
/// [`Parsed::table`] and [`Parsed::all`].
///
/// # Errors
/// [`LineError`] with the line and what is wrong with it.
pub fn scan<'a>(bytes: &'a [u8], schema: &'static Schema) -> Result<Parsed<'a>, LineError> {
    let at_start = |fault| LineError {
        what: schema.what,
        line: 1,
        fault,
    };
    if bytes.len() > MAX_FILE {
        return Err(at_start(Fault::TooLarge));
    }
    let source = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        LineError {
            what: schema.what,
            line: 1 + memchr::memchr_iter(b'\n', before).count(),
            fault: Fault::NotUtf8,
        }
    })?;
    check_characters(source, schema)?;
    if !source.is_empty() && !source.ends_with('\n') {
        return Err(schema.error(source, source.len(), Fault::NoFinalNewline));
    }
    // A sealed value has 340 bytes and more.
    let mut headers: Vec<Header<'_>> = Vec::with_capacity(source.len() / 256);
    // Whether each table stands behind the one before, and none twice. Writers sort, so that one
    // comparison a header tells; a merge may have disturbed the order.
    let mut sorted = true;
    let mut before = None;
    for start in header_offsets(source) {
        if let Some(last) = headers.last_mut() {
            last.end = start;
        }
        let (rank, header) = header::read(source, start, schema)?;
        let place = Some((rank, header.name));
        sorted &= before < place;
        before = place;
        headers.push(header);
    }
    let parsed = Parsed {
        schema,
        source,
        headers,
        sorted,
        order: OnceLock::new(),
    };
    parsed.check_duplicates()?;
    match parsed.headers.last() {
        Some(last) if last.kind == "end" => {
            // What stands in no table would be written back by each change of another one.
            parsed.check_head()?;
            parsed.table(*last)?;
            Ok(parsed)
        }
        Some(last) => Err(schema.error(source, last.start, Fault::NoEnd)),
        None => Err(at_start(Fault::NoEnd)),
    }
}

/// Offsets of every `[` at the beginning of a line.
fn header_offsets(source: &str) -> impl Iterator<Item = usize> {
    let first = source.starts_with('[').then_some(0);
    first
        .into_iter()
        .chain(memmem::find_iter(source.as_bytes(), b"\n[").map(|at| at + 1))
}

fn check_characters(source: &str, schema: &'static Schema) -> Result<(), LineError> {
    // Written so that the compiler turns it into vector instructions.
    let is_plain = |b: u8| (b.wrapping_sub(b' ') < 0x5f) | (b == b'\n');
    if !source.bytes().fold(true, |all, b| all & is_plain(b)) {
        for (at, character) in source.char_indices() {
            if character != '\n' && is_forbidden(character) {
                let fault = match character {
                    '\r' => Fault::CarriageReturn,
                    other => Fault::Character(u32::from(other)),
                };
                return Err(schema.error(source, at, fault));
            }
        }
    }
    // They hold what stands nowhere else, so that finding none costs next to nothing.
    let bytes = source.as_bytes();
    for marker in ["<<<<<<< ", ">>>>>>> ", "||||||| ", "=======\n"] {
        let at_line_start = |at: &usize| *at == 0 || bytes.get(*at - 1) == Some(&b'\n');
        let found = memmem::find_iter(bytes, marker.as_bytes()).find(at_line_start);
        if let Some(at) = found {
            return Err(schema.error(source, at, Fault::MergeMarker));
        }
    }
    Ok(())
}

impl<'a> Parsed<'a> {
    /// One table of a text that was scanned before, without scanning it again: for whoever changes
    /// thousands of tables of one text.
    #[must_use]
    pub fn of_one(source: &'a str, schema: &'static Schema, header: Header<'a>) -> Self {
        Self {
            schema,
            source,
            headers: vec![header],
            sorted: true,
            order: OnceLock::new(),
        }
    }

    /// A text that was scanned before, by where its tables stand.
    #[must_use]
    pub fn again(source: &'a str, places: &Places) -> Self {
        let header = |place: &Place| place.header(source);
        Self {
            schema: places.schema,
            source,
            headers: places.places.iter().map(header).collect(),
            sorted: places.sorted,
            order: OnceLock::new(),
        }
    }

    /// Where the tables stand.
    #[must_use]
    pub fn places(&self) -> Places {
        let kinds = self.schema.kinds.iter().map(|kind| kind.name);
        let kinds: Vec<&'static str> = kinds.chain(["end"]).collect();
        let begin = self.source.as_ptr().addr();
        let place = |header: &Header<'_>| {
            let from = |name: &str| name.as_ptr().addr() - begin;
            Place {
                kind: kinds
                    .iter()
                    .find(|kind| **kind == header.kind)
                    .unwrap_or(&""),
                name: header
                    .name
                    .map(|name| (from(name), from(name) + name.len())),
                start: header.start,
                end: header.end,
            }
        };
        Places {
            schema: self.schema,
            places: self.headers.iter().map(place).collect(),
            sorted: self.sorted,
        }
    }

    /// The headers, in the order of the text.
    #[must_use]
    pub fn headers(&self) -> &[Header<'a>] {
        &self.headers
    }

    /// The text that was scanned.
    #[must_use]
    pub fn source(&self) -> &'a str {
        self.source
    }

    /// Finds a table by its header alone.
    #[must_use]
    pub fn find(&self, kind: &str, name: Option<&str>) -> Option<Header<'a>> {
        let wanted = (self.schema.rank(kind), name);
        let place = |header: &Header<'a>| (self.schema.rank(header.kind), header.name);
        let at = if self.sorted {
            let headers = &self.headers;
            headers.binary_search_by(|header| place(header).cmp(&wanted))
        } else {
            let place = |at: &usize| self.headers.get(*at).map(place);
            let order = self.order.get_or_init(|| {
                let mut order: Vec<usize> = (0..self.headers.len()).collect();
                order.sort_by_key(place);
                order
            });
            let found = order.binary_search_by(|at| place(at).cmp(&Some(wanted)));
            found.map(|at| order.get(at).copied().unwrap_or(at))
        };
        let header = self.headers.get(at.ok()?)?;
        (header.kind == kind).then_some(*header)
    }

    /// The headers of one kind.
    pub fn of_kind(&self, kind: &'static str) -> impl Iterator<Item = Header<'a>> {
        self.headers
            .iter()
            .filter(move |header| header.kind == kind)
            .copied()
    }

    /// The text behind a key of a table of which nothing else is read. None where it is not there, is no text, or
    /// has escapes.
    #[must_use]
    pub fn glimpse(&self, header: Header<'a>, key: &str) -> Option<&'a str> {
        let table = header.table(self.source);
        let value = |line: &'a str| line.strip_prefix(key)?.strip_prefix(" = \"");
        let text = table.lines().find_map(value)?.strip_suffix('"')?;
        (!text.contains('\\')).then_some(text)
    }

    /// Reads one table.
    ///
    /// # Errors
    /// [`LineError`] for a line that is not in the accepted form, or an unknown or repeated key.
    pub fn table(&self, header: Header<'a>) -> Result<Table<'a>, LineError> {
        Table::parse(self.schema, self.source, header)
    }

    /// Reads the one table of an unnamed kind, `[document]`.
    ///
    /// # Errors
    /// [`LineError`], also if the table is missing.
    pub fn only(&self, kind: &'static str) -> Result<Table<'a>, LineError> {
        let header = self.find(kind, None).ok_or_else(|| {
            self.schema
                .error(self.source, 0, Fault::NoTable(kind.to_owned()))
        })?;
        self.table(header)
    }

    /// The text of one table, from its header to its last key line.
    #[must_use]
    pub fn text(&self, header: Header<'a>) -> &'a str {
        header.table(self.source).trim_end_matches('\n')
    }

    /// What stands before the first header.
    #[must_use]
    pub fn head(&self) -> &'a str {
        let first = self.headers.first().map(|header| header.start);
        let head = self.source.get(..first.unwrap_or(self.source.len()));
        head.unwrap_or_default()
    }

    /// Reads every table and every line between, so that all rules are held to.
    ///
    /// # Errors
    /// [`LineError`] for the first fault.
    pub fn all(&self) -> Result<Vec<Table<'a>>, LineError> {
        self.check_case()?;
        self.headers
            .iter()
            .map(|header| self.table(*header))
            .collect()
    }

    /// Whether order or blank lines are not as a writer leaves them, which a plain merge may do.
    #[must_use]
    pub fn untidy(&self) -> bool {
        super::tidy(self) != self.source
    }

    /// Comment lines stand before the first header, and nothing else does.
    fn check_head(&self) -> Result<(), LineError> {
        let mut at = 0;
        for line in self.head().split_inclusive('\n') {
            let bare = line.trim_end_matches('\n');
            if !(bare.is_empty() || bare.starts_with('#')) || bare.ends_with(' ') {
                return Err(self.schema.error(self.source, at, Fault::NotALine));
            }
            if bare.len() > MAX_LINE {
                return Err(self.schema.error(self.source, at, Fault::TooLong));
            }
            at += line.len();
        }
        Ok(())
    }

    fn check_duplicates(&self) -> Result<(), LineError> {
        if self.sorted {
            return Ok(());
        }
        let mut seen = HashSet::with_capacity(self.headers.len());
        for header in &self.headers {
            if !seen.insert((header.kind, header.name)) {
                let fault = Fault::DuplicateTable(header.title());
                return Err(self.schema.error(self.source, header.start, fault));
            }
        }
        Ok(())
    }

    /// Checks that no two names of one kind differ in case alone.
    ///
    /// # Errors
    /// [`LineError`] for the first fault.
    pub fn check_case(&self) -> Result<(), LineError> {
        let names = || self.headers.iter().filter_map(|header| header.name);
        // No two are the same, so that without a capital no two are in small letters.
        if !names().any(|name| name.bytes().any(|byte| byte.is_ascii_uppercase())) {
            return Ok(());
        }
        let mut seen = BTreeMap::new();
        for header in &self.headers {
            let Some(name) = header.name else { continue };
            if let Some(other) = seen.insert((header.kind, name.to_ascii_lowercase()), name) {
                let fault = Fault::Case(other.to_owned(), name.to_owned());
                return Err(self.schema.error(self.source, header.start, fault));
            }
        }
        Ok(())
    }
}
