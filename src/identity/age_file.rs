//! The text of an age identity file, in the clear or under a passphrase.
//!
//! As for `age -d -i`, an OpenSSH private key is one too; it has its own passphrase.
//!
//! It is what `age-keygen` writes and `age -d -i` reads: comment lines, the public key in one of
//! them, then `AGE-SECRET-KEY-1…` or, for a plugin, `AGE-PLUGIN-NAME-1…`. Under a passphrase the
//! whole text is an age file with an scrypt stanza, as `age -p` makes it.

use std::io::{Read as _, Write as _};

use age::secrecy::{ExposeSecret as _, SecretString};

use super::file::MOST;
use super::ssh_key::KeyFile;
use super::{IdentityError, Native};
use crate::error::{Code, Explain, Hint};
use crate::secret::Plain;
use crate::time::Moment;

/// What `age -p` writes, 2^18: 256 MiB of memory, measured at 0.9 s.
const WORK_WRITTEN: u8 = 18;

/// The most work that is done for a passphrase, 2^20: 1 GiB of memory, measured at 3.8 s. rage times
/// one second on the machine that seals, which gives 2^20 on the fastest ones; each step further
/// doubles the memory, and a file is enough to ask for it.
const WORK_MOST: u8 = 20;

/// What is wrong with an age identity file.
#[derive(Debug, thiserror::Error)]
pub enum AgeFileError {
    /// A line that is neither a comment nor an identity.
    #[error("`{label}` is no age identity file: line {line} is neither a comment nor an identity")]
    NoIdentity {
        /// The file.
        label: String,
        /// The line, from 1. Its text may be a secret.
        line: usize,
    },
    /// No identity at all, or several where a bundle has one.
    #[error("`{label}` holds {count} age identities where one is wanted")]
    Count {
        /// The file.
        label: String,
        /// How many.
        count: usize,
    },
    /// The spelling of an identity does not verify.
    #[error("the age identity in `{label}` is damaged or of a kind that is not known")]
    Damaged {
        /// The file.
        label: String,
    },
    /// The passphrase asks for too much work.
    #[error(
        "the passphrase of `{label}` asks for a work factor of 2^{required}, and at most 2^{most} \
         is tried"
    )]
    ExcessiveWork {
        /// The file.
        label: String,
        /// log2 of the work asked for.
        required: u8,
        /// log2 of the most that is tried.
        most: u8,
    },
    /// An age file that is sealed to keys and not under a passphrase, or a broken one.
    #[error("`{label}` is no intact age file under a passphrase")]
    Broken {
        /// The file.
        label: String,
    },
}

impl Explain for AgeFileError {
    fn code(&self) -> Code {
        Code::DataErr
    }

    fn hints(&self) -> Vec<Hint> {
        match self {
            Self::ExcessiveWork { label, .. } => vec![format!(
                "if you made it: open it with age -d {label} and seal it again with age -p"
            )],
            Self::Count { count: 0, .. } => vec!["`age-keygen` makes one".to_owned()],
            _ => Vec::new(),
        }
    }
}

/// One identity in the clear, with the public half that the comments claim.
pub(super) struct Entry<'a> {
    /// `age1…` of the last `# public key:` or `# recipient:` above it.
    pub(super) claimed: Option<&'a str>,
    /// The private half.
    pub(super) key: Key<'a>,
    /// The identity with the comments above it.
    pub(super) text: &'a str,
}

/// The private half as its line has it.
#[derive(Clone, Copy)]
pub(super) enum Key<'a> {
    /// `AGE-SECRET-KEY-1…`
    Native(&'a str),
    /// `AGE-PLUGIN-NAME-1…`
    Plugin(&'a str),
    /// A whole OpenSSH private key, perhaps under a passphrase.
    Ssh(&'a [u8]),
}

impl Entry<'_> {
    /// The public half; `None` for a plugin's identity whose comments do not show it.
    pub(super) fn recipient(&self, label: &str) -> Result<Option<String>, IdentityError> {
        match (self.claimed, self.key) {
            (_, Key::Ssh(text)) => Ok(Some(KeyFile::parse(text, label)?.public()?.to_string())),
            (Some(claimed), _) => Ok(Some(claimed.to_owned())),
            (None, Key::Native(key)) => Ok(Some(native(key, label)?.public().to_owned())),
            (None, Key::Plugin(_)) => Ok(None),
        }
    }
}

/// Whether the bytes are an age file, thus an identity under a passphrase.
pub(super) fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(b"age-encryption.org/")
        || bytes
            .trim_ascii_start()
            .starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----")
}

/// Whether the bytes are an OpenSSH private key.
pub(super) fn is_openssh(bytes: &[u8]) -> bool {
    bytes
        .trim_ascii_start()
        .starts_with(b"-----BEGIN OPENSSH PRIVATE KEY-----")
}

/// Reads all identities of a file in the clear.
///
/// # Errors
/// [`AgeFileError::NoIdentity`] with the number of the line, never its text.
pub(super) fn entries<'a>(bytes: &'a [u8], label: &str) -> Result<Vec<Entry<'a>>, AgeFileError> {
    let mut entries = Vec::new();
    let mut claimed = None;
    let (mut from, mut to) = (0, 0);
    if is_openssh(bytes) {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        let key = Key::Ssh(bytes);
        entries.push(Entry { claimed, key, text });
        return Ok(entries);
    }
    let text = std::str::from_utf8(bytes).unwrap_or_else(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        std::str::from_utf8(valid).unwrap_or_default()
    });
    let refused = |line| AgeFileError::NoIdentity {
        label: label.to_owned(),
        line,
    };
    let mut lines = 0;
    for line in text.split_inclusive('\n') {
        lines += 1;
        to += line.len();
        let line = line.trim_end_matches(['\n', '\r']);
        let key = if line.is_empty() || line.starts_with('#') {
            claimed = claim(line).or(claimed);
            continue;
        } else if line.starts_with("AGE-SECRET-KEY-1") {
            Key::Native(line)
        } else if line.starts_with("AGE-PLUGIN-") {
            Key::Plugin(line)
        } else {
            return Err(refused(lines));
        };
        entries.push(Entry {
            claimed: claimed.take(),
            key,
            text: text.get(from..to).unwrap_or_default(),
        });
        from = to;
    }
    if text.len() < bytes.len() {
        return Err(refused(
            1 + memchr::memchr_iter(b'\n', text.as_bytes()).count(),
        ));
    }
    Ok(entries)
}

/// The one identity of a bundle.
///
/// # Errors
/// As [`entries`], and [`AgeFileError::Count`] for none or several.
pub(super) fn one_entry<'a>(bytes: &'a [u8], label: &str) -> Result<Entry<'a>, AgeFileError> {
    let mut all = entries(bytes, label)?;
    match (all.pop(), all.len()) {
        (Some(one), 0) => Ok(one),
        (popped, rest) => Err(AgeFileError::Count {
            label: label.to_owned(),
            count: rest + usize::from(popped.is_some()),
        }),
    }
}

fn claim(comment: &str) -> Option<&str> {
    let (title, value) = comment.trim_start_matches('#').split_once(':')?;
    let title = title.trim();
    let value = value.trim();
    let titled =
        title.eq_ignore_ascii_case("public key") || title.eq_ignore_ascii_case("recipient");
    let spelled = value.starts_with("age1") && value.bytes().all(|b| b.is_ascii_graphic());
    (titled && spelled).then_some(value)
}

/// Reads `AGE-SECRET-KEY-1…`.
///
/// # Errors
/// [`AgeFileError::Damaged`] if its checksum or length is wrong.
pub(super) fn native(key: &str, label: &str) -> Result<Native, AgeFileError> {
    Native::parse(key).ok_or_else(|| AgeFileError::Damaged {
        label: label.to_owned(),
    })
}

/// A new identity, drawn by age from the system's generator: the text of its file in the clear, and its
/// public half.
pub(super) fn generate(created: Moment) -> (Plain, String) {
    let identity = age::x25519::Identity::generate();
    let public = identity.to_public().to_string();
    let text = compose(identity.to_string().expose_secret(), &public, created);
    (text, public)
}

/// The text of a new file in the clear.
pub(super) fn compose(secret: &str, public: &str, created: Moment) -> Plain {
    let mut text = Plain::new(Vec::with_capacity(256));
    text.with_mut(|bytes| {
        bytes.extend_from_slice(b"# created: ");
        bytes.extend_from_slice(created.to_string().as_bytes());
        bytes.extend_from_slice(b"\n# public key: ");
        bytes.extend_from_slice(public.as_bytes());
        bytes.push(b'\n');
        bytes.extend_from_slice(secret.as_bytes());
        bytes.push(b'\n');
    });
    text
}

/// A passphrase in the form that the age crate takes; `None` if it is empty or no text.
fn as_secret(passphrase: &Plain) -> Option<SecretString> {
    passphrase.with(|bytes| {
        let text = std::str::from_utf8(bytes).ok()?;
        (!text.is_empty()).then(|| SecretString::from(text.to_owned()))
    })
}

/// Seals the text under a passphrase, armored, as `age -p -a` does.
///
/// # Errors
/// [`std::io::Error`] of the age crate's writer; it writes to memory here.
pub(super) fn seal(text: &Plain, passphrase: &Plain) -> std::io::Result<Plain> {
    let refused = || std::io::Error::from(std::io::ErrorKind::InvalidInput);
    let passphrase = as_secret(passphrase).ok_or_else(refused)?;
    let mut recipient = age::scrypt::Recipient::new(passphrase);
    recipient.set_work_factor(WORK_WRITTEN);
    let recipients = std::iter::once(&recipient as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(recipients).map_err(|_| refused())?;
    let armor = age::armor::ArmoredWriter::wrap_output(Vec::new(), age::armor::Format::AsciiArmor)?;
    let mut writer = encryptor.wrap_output(armor)?;
    text.with(|bytes| writer.write_all(bytes))?;
    let mut sealed = writer.finish()?.finish()?;
    sealed.push(b'\n');
    Ok(Plain::new(sealed))
}

/// Opens a sealed file; `Ok(None)` if the passphrase is not the one.
///
/// # Errors
/// [`AgeFileError::ExcessiveWork`] before any work is done, [`AgeFileError::Broken`].
pub(super) fn unseal(
    sealed: &[u8],
    passphrase: &Plain,
    label: &str,
) -> Result<Option<Plain>, AgeFileError> {
    let broken = || AgeFileError::Broken {
        label: label.to_owned(),
    };
    // `age` takes blank space before the armor of an identity file.
    let sealed = sealed.trim_ascii_start();
    let armored = age::armor::ArmoredReader::new(sealed);
    let decryptor =
        age::Decryptor::new_buffered(std::io::BufReader::new(armored)).map_err(|_| broken())?;
    if !decryptor.is_scrypt() {
        return Err(broken());
    }
    let Some(passphrase) = as_secret(passphrase) else {
        return Ok(None);
    };
    let mut identity = age::scrypt::Identity::new(passphrase);
    identity.set_max_work_factor(WORK_MOST);
    let opened = decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity));
    let reader = match opened {
        Ok(reader) => reader,
        Err(age::DecryptError::ExcessiveWork { required, .. }) => {
            return Err(AgeFileError::ExcessiveWork {
                label: label.to_owned(),
                required,
                most: WORK_MOST,
            });
        }
        Err(age::DecryptError::DecryptionFailed | age::DecryptError::NoMatchingKeys) => {
            return Ok(None);
        }
        Err(_) => return Err(broken()),
    };
    let mut text = Plain::new(Vec::with_capacity(4096));
    let limit = u64::try_from(MOST).unwrap_or(u64::MAX);
    text.with_mut(|bytes| reader.take(limit).read_to_end(bytes))
        .map_err(|_| broken())?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "# created: 2026-11-24T10:00:00Z\n# public key: age1one\nAGE-SECRET-KEY-1A\r\n\
        \n#    Recipient: age1yubikey1two\nAGE-PLUGIN-YUBIKEY-1B";

    #[test]
    fn public_halves_come_from_the_comments_above() {
        let entries = entries(TWO.as_bytes(), "f").unwrap();
        let claimed: Vec<_> = entries.iter().map(|entry| entry.claimed).collect();
        assert_eq!(claimed, [Some("age1one"), Some("age1yubikey1two")]);
        assert!(matches!(entries[0].key, Key::Native("AGE-SECRET-KEY-1A")));
        assert!(matches!(
            entries[1].key,
            Key::Plugin("AGE-PLUGIN-YUBIKEY-1B")
        ));
        assert_eq!(entries.iter().map(|e| e.text).collect::<String>(), TWO);
    }

    #[test]
    fn an_odd_line_is_named_by_its_number_and_never_shown() {
        for (text, line) in [
            (b"# a\nhunter2\n".as_slice(), 2),
            (b"AGE-SECRET-KEY-PQ-1X", 1),
            (b" AGE-SECRET-KEY-1A", 1),
            (b"# a\n\n# \xff\nAGE-SECRET-KEY-1A", 3),
            (b"-----BEGIN RSA PRIVATE KEY-----", 1),
        ] {
            let error = entries(text, "f").map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(&format!("line {line} ")), "{error}");
            assert!(
                !error.contains("hunter2") && !error.contains("SECRET"),
                "{error}"
            );
        }
        let cut = entries(b"-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2", "f").unwrap();
        let error = cut[0].recipient("f").unwrap_err().to_string();
        assert!(error.contains("no intact OpenSSH private key"), "{error}");
        let error = one_entry(TWO.as_bytes(), "f").map(|_| ()).unwrap_err();
        assert!(matches!(error, AgeFileError::Count { count: 2, .. }));
        let error = one_entry(b"# nothing\n", "f").map(|_| ()).unwrap_err();
        assert!(matches!(error, AgeFileError::Count { count: 0, .. }));
    }

    #[test]
    fn what_is_composed_reads_back() {
        let (text, public) = generate("2026-11-24T10:00:00Z".parse().unwrap());
        text.with(|bytes| {
            let entry = one_entry(bytes, "f").unwrap();
            assert_eq!(entry.claimed, Some(public.as_str()));
            let Key::Native(key) = entry.key else {
                panic!()
            };
            assert_eq!(native(key, "f").unwrap().public(), public);
            assert!(bytes.starts_with(b"# created: 2026-11-24T10:00:00Z\n# public key: age1"));
        });
    }

    #[test]
    fn a_passphrase_opens_what_it_sealed_and_another_does_not() {
        let text = Plain::from("AGE-SECRET-KEY-1A\n");
        let sealed = seal(&text, &Plain::from("correct horse")).unwrap();
        sealed.with(|sealed| {
            assert!(is_sealed(sealed));
            let opened = unseal(sealed, &Plain::from("correct horse"), "f").unwrap();
            assert!(opened.unwrap().same_as(&text));
            for wrong in ["correct horses", ""] {
                assert!(unseal(sealed, &Plain::from(wrong), "f").unwrap().is_none());
            }
            let cut = &sealed[..sealed.len() / 2];
            let error = unseal(cut, &Plain::from("correct horse"), "f").unwrap_err();
            assert!(matches!(error, AgeFileError::Broken { .. }));
        });
        assert!(seal(&text, &Plain::from("")).is_err());
    }

    #[test]
    fn too_much_work_is_refused_before_it_is_done() {
        // The header alone; its work factor of 2^30 would take hours and a terabyte.
        let header = b"age-encryption.org/v1\n-> scrypt bBjlhJVYZeE4aqUdmtRHfw 30\n\
            ZV/AhotwSGqaPCU43cepl4WYUouAa17a3xpu4G2yi5k\n\
            --- fgMiVLJHMlg9fW7CVG/hPS5EAU4Zeg19LyCP7SoH5nA\n0123456789abcdef0123456789abcdef";
        let error = unseal(header, &Plain::from("x"), "f").unwrap_err();
        assert!(
            matches!(
                error,
                AgeFileError::ExcessiveWork {
                    required: 30,
                    most: 20,
                    ..
                }
            ),
            "{error}"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_identities_or_an_error(bytes: Vec<u8>, key in "AGE-(SECRET-KEY|PLUGIN-X)-1.{0,9}") {
            drop(entries(&bytes, "f"));
            drop(unseal(&bytes, &Plain::from("x"), "f"));
            let text = [key.as_bytes(), b"\n", &bytes].concat();
            if let Ok(found) = entries(&text, "f") {
                proptest::prop_assert!(!found.is_empty());
            }
        }
    }
}
