//! Which values are looked for: those that tell something where they turn up.
//!
//! A document may hold plain settings beside its secrets. A host's name or a port turns up everywhere,
//! and finding it would hide what counts.

/// Shorter values turn up by accident.
const SHORTEST: usize = 8;

/// Shorter lines of a longer text do.
const SHORTEST_LINE: usize = 24;

/// The pieces of a value that are looked for: itself, and each line of a longer text that is one word.
pub(super) fn telling(value: &[u8]) -> Vec<&[u8]> {
    let whole = value.trim_ascii();
    if !whole.contains(&b'\n') {
        return match whole.len() >= SHORTEST && !is_setting(whole) {
            true => vec![whole],
            false => Vec::new(),
        };
    }
    let mut public = false;
    let mut pieces = Vec::new();
    for line in whole.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
        // What a certificate holds is public.
        if line.starts_with(b"-----BEGIN ") {
            public = [&b"CERTIFICATE"[..], b"PUBLIC KEY", b"PARAMETERS"]
                .into_iter()
                .any(|word| memchr::memmem::find(line, word).is_some());
        } else if line.starts_with(b"-----END ") {
            public = false;
        } else if !public
            && line.len() >= SHORTEST_LINE
            && !line.iter().any(u8::is_ascii_whitespace)
            && !is_setting(line)
        {
            pieces.push(line);
        }
    }
    pieces
}

/// Whether a value is a name, a number, an address or a path, as far as it shows.
fn is_setting(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else {
        return false;
    };
    let is_number = text
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b':' | b'-' | b'+' | b'T' | b'Z' | b'_'));
    // A long number may be a key.
    (is_number && text.len() < 24)
        || is_host(text)
        || is_mail(text)
        || is_path(text)
        || is_url(text)
}

/// `db.example.org`, `vm-clws-prod-mysql-0`, `db.example.org:3306`.
fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').unwrap_or((text, "0"));
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_domain = name.contains('.') && last.bytes().all(|b| b.is_ascii_lowercase());
    let is_machine = name.starts_with("vm-") && !name.contains('.');
    port.bytes().all(|b| b.is_ascii_digit())
        && (is_domain || is_machine)
        && name.split('.').all(is_label)
}

fn is_mail(text: &str) -> bool {
    let at = text.split_once('@');
    at.is_some_and(|(user, host)| !user.contains([':', ' ', '/']) && is_host(host))
}

/// An absolute path of ordinary words: base64 may begin with a slash too.
fn is_path(text: &str) -> bool {
    let is_word = |word: &str| {
        word.len() <= 32
            && !word.is_empty()
            && !word
                .bytes()
                .any(|b| b.is_ascii_uppercase() || matches!(b, b'+' | b'=' | b' '))
    };
    let words = text.trim_end_matches('/').strip_prefix('/');
    words.is_some_and(|words| words.contains('/') && words.split('/').all(is_word))
}

/// An address without a user, a password or a query.
fn is_url(text: &str) -> bool {
    let rest = text.split_once("://");
    rest.is_some_and(|(scheme, rest)| {
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let is_word = |word: &str| word.len() <= 24 && !word.contains(['?', '=', '#', '@']);
        scheme.bytes().all(|b| b.is_ascii_lowercase())
            && (is_host(host) || host.starts_with("localhost") || host.starts_with("127."))
            && path.split('/').all(is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_not_looked_for_and_secrets_are() {
        for setting in [
            "3306",
            "codalab",
            "12345678",
            "10.0.0.4:3306",
            "2026-11-24T10:00:00Z",
            "vm-clws-prod-mysql-0",
            "worksheets.codalab.org",
            "noreply@codalab.org",
            "/home/codalab/worksheets",
            "https://worksheets.codalab.org/rest/users",
            "http://localhost:2900",
        ] {
            assert!(telling(setting.as_bytes()).is_empty(), "{setting}");
        }
        for secret in [
            "hunter2-long",
            "correct-horse-battery-staple",
            "mysql://codalab:hunter2@db.example.org/x",
            "https://hooks.example.org/services/T0000/B000?token=abc",
            "/9j4AAQSkZJRgABAQ/EASABIAAD==",
            "123456789012345678901234567890",
            "DefaultEndpointsProtocol=https;AccountKey=abc",
        ] {
            assert_eq!(telling(secret.as_bytes()), [secret.as_bytes()], "{secret}");
        }
    }

    #[test]
    fn lines_of_keys_are_looked_for_and_those_of_certificates_and_prose_are_not() {
        let (key, public) = ("K".repeat(64), "C".repeat(64));
        let text = format!(
            "-----BEGIN CERTIFICATE-----\n{public}\n-----END CERTIFICATE-----\n\
             a line of prose that is long enough to count\n\
             -----BEGIN PRIVATE KEY-----\n{key}\nshort==\n-----END PRIVATE KEY-----\n"
        );
        assert_eq!(telling(text.as_bytes()), [key.as_bytes()]);
    }
}
