//! One table of a large file, without reading the others.

use std::fs::File;
use std::io;

use super::header;
use super::{MAX_FILE, Schema, scan};
use crate::fs::{find_bytes, find_sorted, read_range};

/// Files up to here are read whole: no slower, and simpler.
const SMALL: u64 = 64 * 1024;

/// Of a large file: the tables of the kinds before `kind`, and the one wanted table, as a text in line
/// form of its own.
///
/// `None` where the whole file must be read: it is small, the table is not there or not in its place in
/// the order, or something is not in line form. What stands in the other tables is not looked at.
///
/// # Errors
/// What reading says.
pub fn excerpt(
    file: &File,
    schema: &'static Schema,
    kind: &str,
    name: &str,
) -> io::Result<Option<Vec<u8>>> {
    let length = file.metadata()?.len();
    if length <= SMALL || usize::try_from(length).is_ok_and(|length| length > MAX_FILE) {
        return Ok(None);
    }
    let first = format!("\n[{kind}.");
    let Some(before) = find_bytes(file, 0..length, first.as_bytes())? else {
        return Ok(None);
    };
    let wanted = (schema.rank(kind), Some(name));
    let place = |line: &[u8]| {
        let (rank, header) = header::read(std::str::from_utf8(line).ok()?, 0, schema).ok()?;
        Some((rank, header.name).cmp(&wanted))
    };
    let Some(table) = find_sorted(file, before + 1..length, b"\n[", place)? else {
        return Ok(None);
    };
    let mut text = read_range(file, 0..before + 1)?;
    text.extend(read_range(file, table)?);
    text.extend(b"[end]\n");
    let is_well_formed = scan(&text, schema).and_then(|parsed| parsed.all()).is_ok();
    Ok(is_well_formed.then_some(text))
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;
    use std::io::Write as _;

    static SCHEMA: Schema = Schema {
        what: "list",
        kinds: &[
            Kind {
                name: "head",
                named: false,
                keys: &["id"],
            },
            Kind {
                name: "entry",
                named: true,
                keys: &["value"],
            },
            Kind {
                name: "late",
                named: true,
                keys: &["value"],
            },
        ],
    };

    fn table(kind: &str, number: usize) -> String {
        format!("[{kind}.N{number:04}]\nvalue = \"{}\"\n\n", "x".repeat(90))
    }

    fn file(text: &str) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn text(kind: &str, numbers: impl Iterator<Item = usize>) -> String {
        numbers.map(|number| table(kind, number)).collect()
    }

    #[test]
    fn one_table_is_found_whatever_the_others_are() {
        let head = "# a note\n\n[head]\nid = \"1\"\n\n";
        let whole = format!(
            "{head}{}{}[end]\n",
            text("entry", 0..1000),
            text("late", 0..5)
        );
        for number in [0, 1, 499, 998, 999] {
            let name = format!("N{number:04}");
            let found = excerpt(&file(&whole), &SCHEMA, "entry", &name)
                .unwrap()
                .unwrap();
            let wanted = format!("{head}{}[end]\n", table("entry", number));
            assert_eq!(String::from_utf8(found).unwrap(), wanted);
        }
        let torn = whole.replace(&table("entry", 700), "[entry.N0700]\nvalue 7\n\n");
        let find = |text: &str, name: &str| excerpt(&file(text), &SCHEMA, "entry", name).unwrap();
        assert!(find(&torn, "N0100").is_some());
        assert_eq!(find(&torn, "N0700"), None);
        assert_eq!(find(&whole, "N1000"), None);
        assert_eq!(find(&whole, "A"), None);
    }

    #[test]
    fn what_is_small_or_out_of_order_must_be_read_whole() {
        let head = "[head]\nid = \"1\"\n\n";
        let small = format!("{head}{}[end]\n", text("entry", 0..10));
        let find = |text: &str, name: &str| excerpt(&file(text), &SCHEMA, "entry", name).unwrap();
        assert_eq!(find(&small, "N0001"), None);
        let turned = format!("{head}{}[end]\n", text("entry", (0..1000).rev()));
        assert_eq!(find(&turned, "N0001"), None);
        let without = format!("{head}{}[end]\n", text("late", 0..1000));
        assert_eq!(find(&without, "N0001"), None);
    }
}
