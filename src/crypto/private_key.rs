//! Private keys by what they look like, wherever they lie.

use memchr::memmem;

/// What private key begins at a place.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum PrivateKey {
    /// `-----BEGIN … PRIVATE KEY-----` (RFC 7468) with a key behind it.
    Pem,
    /// `AGE-SECRET-KEY-1…` (C2SP age), or an identity of a plugin.
    Age,
    /// `PuTTY-User-Key-File-…`.
    Putty,
}

impl PrivateKey {
    /// What each kind begins with; a text of that kind is told by [`private_key_at`].
    pub const BEGINNINGS: [&[u8]; 4] = [
        b"-----BEGIN ",
        b"AGE-SECRET-KEY-1",
        b"AGE-PLUGIN-",
        b"PuTTY-User-Key-File-",
    ];
}

/// How much behind a beginning is needed to tell: a line of at most 80 characters, and one of base64.
pub const TELLING: usize = 256;

/// The private key that begins here, if one does. The words alone, as in a program that looks for keys,
/// are none.
#[must_use]
pub fn private_key_at(bytes: &[u8]) -> Option<PrivateKey> {
    let bytes = bytes.get(..TELLING).unwrap_or(bytes);
    if let Some(rest) = bytes.strip_prefix(b"-----BEGIN ") {
        let end = memmem::find(rest, b"-----")?;
        let (label, behind) = (rest.get(..end)?, rest.get(end + 5..)?);
        let label = std::str::from_utf8(label).ok()?;
        let is_private = label.ends_with("PRIVATE KEY") || label == "PGP PRIVATE KEY BLOCK";
        let has_key = || begins_base64(behind) || begins_pieces(behind);
        return (is_private && has_key()).then_some(PrivateKey::Pem);
    }
    if bytes.starts_with(b"PuTTY-User-Key-File-") {
        return memmem::find(bytes, b"Encryption:").map(|_| PrivateKey::Putty);
    }
    let prefix = [&b"AGE-SECRET-KEY-1"[..], b"AGE-PLUGIN-"]
        .into_iter()
        .find(|prefix| bytes.starts_with(prefix))?;
    // Bech32 in upper case (BIP 173): 58 characters of an X25519 key, 20 and more of a plugin's.
    let behind = bytes.get(prefix.len()..)?;
    let is_bech32 =
        |byte: &&u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b'-';
    let length = behind.iter().take_while(is_bech32).count();
    (length >= 20).then_some(PrivateKey::Age)
}

/// Whether the next line, past headers of encrypted keys and escaped line ends, is one of base64.
fn begins_base64(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).replace("\\n", "\n");
    let is_base64 = |line: &str| {
        line.len() >= 16
            && line
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
    };
    text.lines().map(str::trim).any(is_base64)
}

/// The shortest first line of a key in use has 48 characters: the end of an elliptic one, on a line of its own,
/// is none.
const PIECE: usize = 40;

/// Whether base64 follows as it stands in source code, in settings or in a patch: in quotes, behind a mark
/// of a comment, with a blank in place of a line's end.
fn begins_pieces(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        rest = match rest {
            // `\n` and its like, escaped as often as may be.
            [b'\\', b'n' | b'r' | b't', behind @ ..] => behind,
            [b'&', b'#', behind @ ..] => {
                let digits = behind.iter().take_while(|b| b.is_ascii_alphanumeric());
                match behind.get(digits.count()..) {
                    Some([b';', behind @ ..]) => behind,
                    _ => return false,
                }
            }
            [
                b'"' | b'\'' | b'`' | b'+' | b'\\' | b',' | b'#' | b'>' | b'-' | b'*',
                behind @ ..,
            ] => behind,
            [byte, behind @ ..] if byte.is_ascii_whitespace() => behind,
            _ => break,
        };
    }
    let is_base64 = |b: &&u8| b.is_ascii_alphanumeric() || matches!(**b, b'+' | b'/');
    let run = rest.iter().take_while(is_base64).count();
    let (run, behind) = rest.split_at(run);
    let has = |kind: fn(&u8) -> bool| run.iter().any(kind);
    // A name in a program goes on in other ways, or has no digit, and documentation ends the line with dots.
    let is_mixed =
        has(u8::is_ascii_digit) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    let goes_on = behind.starts_with("\u{2026}".as_bytes())
        || matches!(behind.first(), Some(b'.' | b'(' | b'[' | b'_' | b':'));
    run.len() >= PIECE && is_mixed && !goes_on
}

/// Whether a private key lies anywhere in these bytes.
#[must_use]
pub fn holds_private_key(bytes: &[u8]) -> bool {
    PrivateKey::BEGINNINGS.iter().any(|beginning| {
        memmem::find_iter(bytes, beginning)
            .any(|at| bytes.get(at..).and_then(private_key_at).is_some())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_keys_are_told_from_public_ones_and_from_talk_about_them() {
        let key = "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8";
        for (text, kind) in [
            (
                format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{key}\n"),
                PrivateKey::Pem,
            ),
            (
                format!("-----BEGIN PRIVATE KEY-----\r\n{key}\r\n"),
                PrivateKey::Pem,
            ),
            (
                format!("\"-----BEGIN RSA PRIVATE KEY-----\\n{key}\\n"),
                PrivateKey::Pem,
            ),
            (
                format!(
                    "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n{key}\n"
                ),
                PrivateKey::Pem,
            ),
            (
                format!("# x\nAGE-SECRET-KEY-1{}", "Q".repeat(58)),
                PrivateKey::Age,
            ),
            (
                format!("AGE-PLUGIN-YUBIKEY-1{}", "Q".repeat(30)),
                PrivateKey::Age,
            ),
            (
                "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n".to_owned(),
                PrivateKey::Putty,
            ),
        ] {
            assert!(holds_private_key(text.as_bytes()), "{text}");
            let found = (0..text.len()).find_map(|at| private_key_at(&text.as_bytes()[at..]));
            assert_eq!(found, Some(kind), "{text}");
        }
        let (label, key) = ("-----BEGIN RSA PRIVATE KEY-----", format!("{key}{key}"));
        for text in [
            format!("String K = \"{label}\\n\" +\n    \"{key}\\n\" +\n"),
            format!("static char k[] = \"{label}\\n\"\n  \"{key}\\n\"\n"),
            format!("const k = ['{label}',\n  '{key}',\n"),
            format!("[\"{label}\", \"{key}\", "),
            format!("# {label}\n# {key}\n"),
            format!("> > {label}\n> > {key}\n"),
            format!("-{label}\n-{key}\n"),
            format!("+{label}\n+{key}\n"),
            format!("K=\"{label} {key} {key} "),
            format!("k: \\\"{label}\\\\n{key}\\\\n"),
            format!("<k a=\"{label}&#10;{key}&#10;"),
            format!(" * {label}\n * {key}\n"),
        ] {
            assert!(holds_private_key(text.as_bytes()), "{text}");
        }
        for text in [
            format!("{label}\\n\" + base64OfTheKeyThatIsWrappedAtSixtyFourCharacters1() + \""),
            format!(
                "if text.startswith(\"{label}\"):\n    return \"{}\"\n",
                &key[..20]
            ),
            format!("`{label}`, `-----BEGIN EC PRIVATE KEY-----`, … are labels of keys {key}"),
            format!("# {label}\n# {key}...\n"),
            format!("# {label}\n# {key}…\n"),
            format!("\"{label}\\n...\\n-----END RSA PRIVATE KEY-----\" {key}"),
            format!("{label}&#{key}"),
        ] {
            assert!(!holds_private_key(text.as_bytes()), "{text}");
        }
        for text in [
            "ssh-ed25519 AAAA".to_owned(),
            "age1xyz".to_owned(),
            format!("-----BEGIN CERTIFICATE-----\n{key}\n"),
            "grep -e '-----BEGIN OPENSSH PRIVATE KEY-----' -r .\n".to_owned(),
            "an `AGE-SECRET-KEY-1…` line\n".to_owned(),
            "-----BEGIN PRIVATE KEY-----\nis what the line before a key says.\n".to_owned(),
            "-----BEGIN PRIVATE KEY-----\nkey\n".to_owned(),
        ] {
            assert!(!holds_private_key(text.as_bytes()), "{text}");
        }
    }
}
