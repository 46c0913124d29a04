//! The ways in which a value gets written where it is not meant to be.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::escape::{digits, in_bytes, in_ini, in_runner, in_shell, in_sql, in_url};

/// How a value is written.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Form {
    /// As it is.
    Clear,
    /// In base64, with or without padding, in either alphabet.
    Base64,
    /// In hexadecimal, of either case.
    Hex,
    /// With `%40` or `@` for `@`, `%2F` or `/` for `/`, `%20` or `+` for a blank, in letters of either case.
    Url,
    /// As a JSON string has it.
    Json,
    /// As single quotes of a shell have it.
    Shell,
    /// As double quotes of an INI file have it.
    Ini,
    /// As a string of SQL has it.
    Sql,
    /// As Python's `b'…'` has it.
    Bytes,
}

impl Form {
    /// As messages and `--json` have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Base64 => "base64",
            Self::Hex => "hex",
            Self::Url => "url",
            Self::Json => "json",
            Self::Shell => "shell",
            Self::Ini => "ini",
            Self::Sql => "sql",
            Self::Bytes => "bytes",
        }
    }
}

/// The forms of a value, each spelling once; the clear one comes first.
#[must_use]
pub fn forms(bytes: &[u8]) -> Vec<(Form, Zeroizing<Vec<u8>>)> {
    let hex = |ten| bytes.iter().flat_map(|byte| digits(*byte, ten)).collect();
    let mut all = vec![
        (Form::Clear, bytes.to_vec()),
        (Form::Base64, STANDARD.encode(bytes).into_bytes()),
        (Form::Base64, STANDARD_NO_PAD.encode(bytes).into_bytes()),
        (Form::Base64, URL_SAFE_NO_PAD.encode(bytes).into_bytes()),
        (Form::Hex, hex(b'a')),
        (Form::Hex, hex(b'A')),
    ];
    for safe in [&b""[..], b"/"] {
        let url = in_url(bytes, safe);
        // Most values are plain there.
        if url.as_bytes() == bytes {
            continue;
        }
        for url in [lower_escapes(&url), url] {
            if bytes.contains(&b' ') {
                all.push((Form::Url, url.replace("%20", "+").into_bytes()));
            }
            all.push((Form::Url, url.into_bytes()));
        }
    }
    // As a CI job tells its runner.
    all.push((Form::Url, in_runner(bytes)));
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(quoted) = serde_json::to_string(text) {
            let inner = quoted.strip_prefix('"').and_then(|q| q.strip_suffix('"'));
            all.extend(inner.map(|inner| (Form::Json, inner.as_bytes().to_vec())));
            // As Python's `json.dumps` writes it.
            if let Some(inner) = inner
                && !inner.is_ascii()
            {
                all.push((Form::Json, in_ascii(inner).into_bytes()));
            }
        }
        // Of most values these are the clear one once more.
        if bytes.iter().any(|byte| b"'\"\\\n\r\0\x1a".contains(byte)) {
            all.extend([
                (Form::Shell, in_shell(text).into_bytes()),
                (Form::Ini, in_ini(text).into_bytes()),
                (Form::Sql, in_sql(text).into_bytes()),
            ]);
        }
    }
    all.push((Form::Bytes, in_bytes(bytes)));
    let mut seen: Vec<(Form, Zeroizing<Vec<u8>>)> = Vec::with_capacity(all.len());
    for (form, spelling) in all {
        let spelling = Zeroizing::new(spelling);
        if seen.iter().all(|(_, other)| *other != spelling) {
            seen.push((form, spelling));
        }
    }
    seen
}

/// The escapes of a URL in small letters.
fn lower_escapes(url: &str) -> String {
    let mut pieces = url.split('%');
    // As large as it is at once, so that nothing of a value is left behind.
    let mut out = String::with_capacity(url.len());
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (escape, rest) = piece.split_at(piece.len().min(2));
        out.push('%');
        out.extend(escape.chars().map(|c| c.to_ascii_lowercase()));
        out.push_str(rest);
    }
    out
}

/// The inside of a JSON string with `\u00e9` for whatever is not ASCII (RFC 8259, 7).
fn in_ascii(inner: &str) -> String {
    let mut out = String::with_capacity(6 * inner.len());
    for c in inner.chars() {
        if c.is_ascii() {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.push_str("\\u");
            for byte in unit.to_be_bytes() {
                out.extend(digits(byte, b'a').map(char::from));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_known_as_python_writes_it() {
        let all = forms("pä/ß\"😀".as_bytes());
        let find = |wanted: Form| {
            let of_form = all.iter().filter(|(form, _)| *form == wanted);
            of_form
                .map(|(_, text)| String::from_utf8(text.to_vec()).unwrap())
                .collect::<Vec<_>>()
        };
        // json.dumps(…), json.dumps(…, ensure_ascii=True); urllib.parse.quote(…, safe=""), quote(…).
        let json = ["pä/ß\\\"😀", r#"p\u00e4/\u00df\"\ud83d\ude00"#];
        assert_eq!(find(Form::Json), json);
        let url = [
            "p%c3%a4%2f%c3%9f%22%f0%9f%98%80",
            "p%C3%A4%2F%C3%9F%22%F0%9F%98%80",
            "p%c3%a4/%c3%9f%22%f0%9f%98%80",
            "p%C3%A4/%C3%9F%22%F0%9F%98%80",
        ];
        assert_eq!(find(Form::Url), url);
        // repr(….encode()).
        let bytes = [r#"p\xc3\xa4/\xc3\x9f"\xf0\x9f\x98\x80"#];
        assert_eq!(find(Form::Bytes), bytes);
    }

    #[test]
    fn a_value_of_several_lines_and_words_is_known_as_a_form_or_a_runner_has_it() {
        let all = forms(b"one @\n100%");
        let has = |form: Form, text: &str| {
            all.iter()
                .any(|known| *known == (form, Zeroizing::new(text.as_bytes().to_vec())))
        };
        for url in [
            "one%20%40%0A100%25",
            "one%20%40%0a100%25",
            "one+%40%0A100%25",
            "one+%40%0a100%25",
            "one @%0A100%25",
        ] {
            assert!(has(Form::Url, url), "{url}");
        }
        assert!(has(Form::Bytes, "one @\\n100%") || has(Form::Json, "one @\\n100%"));
        // repr() of bytes with both kinds of quotes, and of what is no text.
        let quoted = forms(b"it's \"x\"");
        assert!(quoted.contains(&(Form::Bytes, Zeroizing::new(br#"it\'s "x""#.to_vec()))));
        let binary = forms(b"\x00a\\\xff");
        let spelled = Zeroizing::new(br"\x00a\\\xff".to_vec());
        assert!(binary.contains(&(Form::Bytes, spelled)));
    }

    #[test]
    fn a_value_is_known_as_the_filters_of_templates_write_it() {
        let all = forms(b"pa\"ss\\wo'rd\t1");
        let find = |wanted: Form| {
            let mut of_form = all.iter().filter(|(form, _)| *form == wanted);
            let (_, text) = of_form.next().unwrap();
            String::from_utf8(text.to_vec()).unwrap()
        };
        assert_eq!(find(Form::Shell), r#"pa"ss\wo'\''rd	1"#);
        assert_eq!(find(Form::Ini), r#"pa\"ss\\wo'rd	1"#);
        assert_eq!(find(Form::Sql), r#"pa"ss\\wo''rd	1"#);
    }

    #[test]
    fn each_spelling_is_there_once() {
        let all = forms(b"a/b\"?");
        let find = |wanted: Form| {
            let of_form = all.iter().filter(|(form, _)| *form == wanted);
            of_form
                .map(|(_, text)| String::from_utf8(text.to_vec()).unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(find(Form::Clear), ["a/b\"?"]);
        assert_eq!(find(Form::Base64), ["YS9iIj8=", "YS9iIj8"]);
        assert_eq!(find(Form::Hex), ["612f62223f", "612F62223F"]);
        assert_eq!(
            find(Form::Url),
            ["a%2fb%22%3f", "a%2Fb%22%3F", "a/b%22%3f", "a/b%22%3F"]
        );
        assert_eq!(find(Form::Json), ["a/b\\\"?"]);
        assert!(find(Form::Ini).is_empty() && find(Form::Shell).is_empty());
        // A digit of each kind, at its edges.
        let edges = forms(b"\t *:\x90\xAF\xFA");
        for spelling in [
            "09202a3a90affa",
            "09202A3A90AFFA",
            "%09%20%2A%3A%90%AF%FA",
            "%09%20%2a%3a%90%af%fa",
            r"\t *:\x90\xaf\xfa",
        ] {
            let is_there =
                |(_, known): &&(Form, Zeroizing<Vec<u8>>)| **known == spelling.as_bytes();
            assert_eq!(edges.iter().filter(is_there).count(), 1, "{spelling}");
        }
        // base64 of three bytes needs no padding, hex of letters no capitals, nothing escaping.
        assert_eq!(forms(b"abc").len(), 3);
    }
}
