//! Age files whose payload is one chunk, in memory.
//!
//! The same files as the age crate's (age-encryption.org/v1). Its stream holds buffers of a chunk, 64 KiB, whatever
//! is in them; for a file of 1 KB they took as long to be taken, touched and wiped as all the rest but X25519.

use std::collections::HashSet;
use std::io::{Error, ErrorKind};

use age::{DecryptError, EncryptError, Identity, Recipient};
use age_core::format::{FILE_KEY_BYTES, FileKey, Stanza, grease_the_joint, is_arbitrary_string};
use age_core::secrecy::ExposeSecret as _;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::error::Unspecified;
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use super::age_error::StreamError;
use super::age_header::{Header, MAX_HEADER, TOO_MANY, print_header};
use super::kdf::subkey;

/// 64 KiB, the chunk of the age payload.
pub(super) const CHUNK: usize = 64 * 1024;

/// Of a payload, from which its key comes.
const NONCE: usize = 16;

/// Of ChaCha20-Poly1305.
const TAG: usize = 16;

/// No payload of one chunk is longer.
pub(super) const MOST: usize = NONCE + CHUNK + TAG;

/// What HKDF says to no input of these lengths.
const NO_KEY: &str = "no key comes of its file key";

/// The type of the one recipient that stands alone.
const PASSPHRASE: &str = "scrypt";

/// Seals a chunk at most; gives the header and the payload in one.
///
/// # Errors
/// [`StreamError::CannotSeal`] if a recipient refuses, or they do not go together.
pub(super) fn seal<'a>(
    recipients: impl Iterator<Item = &'a dyn Recipient>,
    plain: &[u8],
) -> Result<Vec<u8>, StreamError> {
    let mut random = Zeroizing::new([0; FILE_KEY_BYTES + NONCE]);
    SystemRandom::new()
        .fill(random.as_mut_slice())
        .map_err(|_| cannot_seal("the system gives no random bytes"))?;
    let (key, nonce) = random.split_at(FILE_KEY_BYTES);
    let file_key = FileKey::init_with_mut(|file_key| file_key.copy_from_slice(key));

    let mut stanzas = wrap(recipients, &file_key).map_err(cannot_seal)?;
    match stanzas.iter().any(is_passphrase) {
        true if stanzas.len() > 1 => {
            return Err(cannot_seal(EncryptError::MixedRecipientAndPassphrase));
        }
        true => {}
        false => stanzas.push(grease_the_joint()),
    }
    let mac_key = mac_key(&file_key).map_err(|_| cannot_seal(NO_KEY))?;
    let mut out = print_header(&stanzas, |covered| hmac::sign(&mac_key, covered));
    if out.len() > MAX_HEADER {
        return Err(cannot_seal(TOO_MANY));
    }
    out.reserve_exact(NONCE + plain.len() + TAG);
    out.extend_from_slice(nonce);
    let start = out.len();
    out.extend_from_slice(plain);
    let tag = payload_key(&file_key, nonce).and_then(|key| {
        let message = out.get_mut(start..).unwrap_or_default();
        key.seal_in_place_separate_tag(last(), Aad::empty(), message)
    });
    out.extend_from_slice(tag.map_err(|_| cannot_seal("it is too long"))?.as_ref());
    Ok(out)
}

/// Opens a payload of one chunk by the header before it.
///
/// # Errors
/// [`DecryptError`] if anything about them is not intact, or no identity is one of its recipients.
pub(super) fn open<'a>(
    header: &Header,
    payload: &[u8],
    mut identities: impl Iterator<Item = &'a dyn Identity>,
) -> Result<Vec<u8>, DecryptError> {
    let parts = header.parts().ok_or(DecryptError::InvalidHeader)?;
    let stanzas = &parts.stanzas;
    if stanzas.len() > 1 && stanzas.iter().any(is_passphrase) {
        return Err(DecryptError::InvalidHeader);
    }
    let (nonce, chunk) = payload.split_at_checked(NONCE).ok_or_else(broken)?;
    let file_key = identities
        .find_map(|identity| identity.unwrap_stanzas(stanzas))
        .unwrap_or(Err(DecryptError::NoMatchingKeys))?;
    mac_key(&file_key)
        .and_then(|key| hmac::verify(&key, parts.covered, &parts.mac))
        .map_err(|_| DecryptError::InvalidMac)?;
    // Wiped by the allocator (`secret::wipe`).
    let mut plain = chunk.to_vec();
    let opened = payload_key(&file_key, nonce).and_then(|key| {
        let opened = key.open_in_place(last(), Aad::empty(), &mut plain)?;
        Ok(opened.len())
    });
    plain.truncate(opened.map_err(|_| broken())?);
    Ok(plain)
}

/// What all recipients make of a file key, if they may stand together.
fn wrap<'a>(
    recipients: impl Iterator<Item = &'a dyn Recipient>,
    file_key: &FileKey,
) -> Result<Vec<Stanza>, EncryptError> {
    let mut all = Vec::new();
    let mut common: Option<HashSet<String>> = None;
    for recipient in recipients {
        let (mut stanzas, labels) = recipient.wrap_file_key(file_key)?;
        match common {
            None if !labels.iter().all(is_arbitrary_string) => {
                return Err(EncryptError::InvalidRecipientLabels(labels));
            }
            Some(common) if common != labels => {
                return Err(match all.iter().chain(&stanzas).any(is_passphrase) {
                    true => EncryptError::MixedRecipientAndPassphrase,
                    false => EncryptError::IncompatibleRecipients {
                        l_labels: common,
                        r_labels: labels,
                    },
                });
            }
            _ => common = Some(labels),
        }
        all.append(&mut stanzas);
    }
    match common {
        Some(_) => Ok(all),
        None => Err(EncryptError::MissingRecipients),
    }
}

fn is_passphrase(stanza: &Stanza) -> bool {
    stanza.tag == PASSPHRASE
}

fn mac_key(file_key: &FileKey) -> Result<hmac::Key, Unspecified> {
    let key = subkey(file_key.expose_secret(), &[], b"header").map_err(|_| Unspecified)?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()))
}

fn payload_key(file_key: &FileKey, nonce: &[u8]) -> Result<LessSafeKey, Unspecified> {
    let key = subkey(file_key.expose_secret(), nonce, b"payload").map_err(|_| Unspecified)?;
    UnboundKey::new(&CHACHA20_POLY1305, key.as_slice()).map(LessSafeKey::new)
}

/// The first chunk is the last one: a counter of 11 bytes, and the flag.
fn last() -> Nonce {
    Nonce::assume_unique_for_key([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
}

fn broken() -> DecryptError {
    DecryptError::Io(Error::new(ErrorKind::InvalidData, "decryption error"))
}

fn cannot_seal(why: impl ToString) -> StreamError {
    StreamError::CannotSeal(why.to_string())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use age::scrypt;
    use age::x25519::Identity as Native;

    use super::super::wide::Wide;
    use super::*;

    const LENGTHS: [usize; 5] = [0, 1, 1000, CHUNK - 1, CHUNK];

    fn we_open(file: &[u8], identity: &dyn Identity) -> Result<Vec<u8>, DecryptError> {
        let mut rest = file;
        let header = Header::take(&mut rest).map_err(|_| DecryptError::InvalidHeader)?;
        open(&header, rest, std::iter::once(identity))
    }

    fn they_open(file: &[u8], identity: &dyn Identity) -> Vec<u8> {
        let decryptor = age::Decryptor::new_buffered(file).unwrap();
        let mut reader = decryptor.decrypt(std::iter::once(identity)).unwrap();
        let mut plain = Vec::new();
        reader.read_to_end(&mut plain).unwrap();
        plain
    }

    fn they_seal(recipient: &dyn Recipient, plain: &[u8]) -> Vec<u8> {
        let encryptor = age::Encryptor::with_recipients(std::iter::once(recipient)).unwrap();
        let mut file = Vec::new();
        let mut writer = encryptor.wrap_output(&mut file).unwrap();
        writer.write_all(plain).unwrap();
        writer.finish().unwrap();
        file
    }

    /// A passphrase, and the same for opening.
    fn passphrase() -> (scrypt::Recipient, scrypt::Identity) {
        let mut recipient = scrypt::Recipient::new("passphrase".to_owned().into());
        recipient.set_work_factor(2);
        let identity = scrypt::Identity::new("passphrase".to_owned().into());
        (recipient, identity)
    }

    #[test]
    fn the_age_crate_opens_what_is_sealed_here_and_the_other_way_round() {
        let (ada, ben) = (Native::generate(), Native::generate());
        let (word, opens_word) = passphrase();
        for length in LENGTHS {
            let plain: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let to = [ada.to_public(), ben.to_public()];
            let to = to.iter().map(|recipient| recipient as &dyn Recipient);
            let file = seal(to, &plain).unwrap();
            for identity in [&ada, &ben] {
                assert_eq!(they_open(&file, identity), plain);
                assert_eq!(we_open(&file, identity).unwrap(), plain);
            }
            let file = seal(std::iter::once(&word as &dyn Recipient), &plain).unwrap();
            assert_eq!(they_open(&file, &opens_word), plain);
            assert_eq!(we_open(&file, &opens_word).unwrap(), plain);
            let theirs = they_seal(&ada.to_public(), &plain);
            assert_eq!(we_open(&theirs, &ada).unwrap(), plain);
            let theirs = they_seal(&word, &plain);
            assert_eq!(we_open(&theirs, &opens_word).unwrap(), plain);
        }
    }

    #[test]
    fn any_bit_that_is_changed_and_any_byte_that_is_cut_keeps_it_closed() {
        let ada = Native::generate();
        let public = ada.to_public();
        let file = seal(std::iter::once(&public as &dyn Recipient), b"hunter2").unwrap();
        assert_eq!(we_open(&file, &ada).unwrap(), b"hunter2");
        for at in 0..file.len() {
            assert!(we_open(&file[..at], &ada).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut changed = file.clone();
                changed[at] ^= 1 << bit;
                assert!(we_open(&changed, &ada).is_err(), "bit {bit} of {at}");
            }
        }
        assert!(we_open(&[file.as_slice(), b"x"].concat(), &ada).is_err());
        let other = we_open(&file, &Native::generate());
        assert!(matches!(other, Err(DecryptError::NoMatchingKeys)));
    }

    #[test]
    fn a_passphrase_stands_alone_and_somebody_has_to_read() {
        let public = Native::generate().to_public();
        let (word, opens_word) = passphrase();
        let both: [&dyn Recipient; 2] = [&public, &word];
        let refused = |to: Vec<&dyn Recipient>| {
            let theirs = age::Encryptor::with_recipients(to.clone().into_iter());
            let ours = seal(to.into_iter(), b"x").unwrap_err();
            assert_eq!(ours.to_string(), theirs.err().unwrap().to_string());
        };
        refused(both.to_vec());
        refused(vec![&word, &word]);
        refused(Vec::new());

        // A header with both, whose MAC is right.
        let file_key = FileKey::init_with_mut(|key| key.fill(7));
        let mut stanzas = word.wrap_file_key(&file_key).unwrap().0;
        stanzas.extend(public.wrap_file_key(&file_key).unwrap().0);
        let mac = |covered: &[u8]| hmac::sign(&mac_key(&file_key).unwrap(), covered);
        let file = print_header(&stanzas, mac);
        let refused = we_open(&[file.as_slice(), &[0; 40]].concat(), &opens_word);
        assert!(matches!(refused, Err(DecryptError::InvalidHeader)));
    }

    #[test]
    fn a_header_that_nobody_would_read_back_is_not_sealed() {
        let sealed = |width| {
            let wide = Wide {
                width,
                beside: None,
            };
            seal(std::iter::once(&wide as &dyn Recipient), b"x")
        };
        assert!(sealed(MAX_HEADER - 2000).is_ok());
        let refused = sealed(MAX_HEADER).unwrap_err();
        assert_eq!(refused.to_string(), TOO_MANY);
    }
}
