//! One stanza in the text form of age's header (age-encryption.org/v1), as the dialogue with a plugin has it too.
//!
//! ```text
//! -> tag argument argument
//! 64 columns of unpadded base64
//! a last line of less than 64, perhaps empty
//! ```

use age_core::format::Stanza;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

/// The columns of a full line.
pub(super) const COLUMNS: usize = 64;

/// Appends a stanza.
pub(crate) fn write(out: &mut Vec<u8>, tag: &str, arguments: &[&str], body: &[u8]) {
    out.extend_from_slice(b"-> ");
    out.extend_from_slice(tag.as_bytes());
    for argument in arguments {
        out.push(b' ');
        out.extend_from_slice(argument.as_bytes());
    }
    out.push(b'\n');
    let base64 = Zeroizing::new(STANDARD_NO_PAD.encode(body));
    let mut lines = base64.as_bytes().chunks_exact(COLUMNS);
    for line in lines.by_ref() {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.extend_from_slice(lines.remainder());
    out.push(b'\n');
}

/// Reads the first line, without its end; `None` if it is not in the one form.
pub(crate) fn head(line: &[u8]) -> Option<Stanza> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.strip_prefix("-> ")?.split(' ').map(|word| {
        let spelled = !word.is_empty() && word.bytes().all(|b| b.is_ascii_graphic());
        spelled.then(|| word.to_owned())
    });
    Some(Stanza {
        tag: words.next()??,
        args: words.collect::<Option<_>>()?,
        body: Vec::new(),
    })
}

/// Whether more lines of the body follow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum More {
    /// The line was full.
    Follows,
    /// It was the last.
    Ends,
}

/// Reads one line of a body onto its end; `None` if it is not in the one form.
pub(crate) fn body_line(body: &mut Vec<u8>, line: &[u8]) -> Option<More> {
    if line.len() > COLUMNS {
        return None;
    }
    // The engine takes no padding and no stray bits, so a body has one spelling.
    let bytes = Zeroizing::new(STANDARD_NO_PAD.decode(line).ok()?);
    body.extend_from_slice(&bytes);
    Some(if line.len() == COLUMNS {
        More::Follows
    } else {
        More::Ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Option<Stanza> {
        let mut lines = text.strip_suffix(b"\n")?.split(|b| *b == b'\n');
        let mut stanza = head(lines.next()?)?;
        while body_line(&mut stanza.body, lines.next()?)? == More::Follows {}
        lines.next().is_none().then_some(stanza)
    }

    #[test]
    fn what_is_written_reads_back_at_each_length() {
        for length in [0, 1, 16, 47, 48, 49, 95, 96, 97, 1000] {
            let body: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let mut text = Vec::new();
            write(&mut text, "tag", &["a", "+/~!"], &body);
            let stanza = read(&text).unwrap();
            assert_eq!((stanza.tag.as_str(), stanza.args.len()), ("tag", 2));
            assert_eq!(stanza.body, body, "{length}");
        }
    }

    #[test]
    fn other_spellings_are_no_stanza() {
        for text in [
            "->tag\n\n",
            "-> \n\n",
            "-> tag \n\n",
            "-> a  b\n\n",
            "-> t\u{e4}g\n\n",
            "-> tag\r\n\n",
            "-> tag\nYR\n",
            "-> tag\nYQ==\n",
            "-> tag\nY Q\n",
            "-> tag\n-> done\n\n",
        ] {
            assert!(read(text.as_bytes()).is_none(), "{text:?}");
        }
        let long = format!("-> tag\n{}\n", "A".repeat(68));
        assert!(read(long.as_bytes()).is_none());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_stanza_or_none(bytes: Vec<u8>, tail in "[A-Za-z0-9+/=-]{0,70}") {
            for text in [bytes.clone(), [b"-> tag\n".as_slice(), &bytes, b"\n"].concat()] {
                drop(read(&text));
            }
            // A body has one spelling.
            let text = format!("-> tag\n{tail}\n");
            if let Some(stanza) = read(text.as_bytes()) {
                let mut again = Vec::new();
                write(&mut again, &stanza.tag, &[], &stanza.body);
                proptest::prop_assert_eq!(again, text.into_bytes());
            }
        }
    }
}
