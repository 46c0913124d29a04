//! What can be said of a private key without using it.

use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::der::{self, BIT_STRING, INTEGER, OCTET_STRING, OID, SEQUENCE};
use super::pem::Block;

/// How a key is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protection {
    /// By nothing.
    None,
    /// By a passphrase.
    Passphrase,
    /// By a passphrase that is stretched by MD5 alone.
    Weak,
}

/// A private key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PrivateKey {
    /// Whether a passphrase keeps it.
    pub protection: Protection,
    /// The bits of its public half, as a certificate has them; `None` where that cannot be told.
    pub public_key: Option<Vec<u8>>,
}

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

impl PrivateKey {
    /// Looks at a PEM block that holds a private key; `None` if it is damaged.
    #[must_use]
    pub fn of(block: &Block) -> Option<Self> {
        if block.label.starts_with("PGP ") {
            // OpenPGP's armor has a checksum of its own, and is not looked into.
            return Some(Self {
                protection: Protection::None,
                public_key: None,
            });
        }
        let content = block.content.as_deref()?;
        let key = |protection, public_key| {
            Some(Self {
                protection,
                public_key,
            })
        };
        // RFC 1421: the key comes of one MD5 over the passphrase.
        if block
            .headers
            .iter()
            .any(|header| header.contains("ENCRYPTED"))
        {
            return key(Protection::Weak, None);
        }
        match block.label.as_str() {
            "ENCRYPTED PRIVATE KEY" => key(Protection::Passphrase, None),
            "PRIVATE KEY" => key(Protection::None, Some(pkcs8(content)?)),
            "RSA PRIVATE KEY" => key(Protection::None, Some(rsa(content)?)),
            "EC PRIVATE KEY" => key(Protection::None, Some(ec(content)?)),
            "OPENSSH PRIVATE KEY" => key(openssh(content)?, None),
            _ => key(Protection::None, None),
        }
    }
}

fn pkcs8(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = der::expect(&mut { bytes }, SEQUENCE)?.content;
    der::expect(&mut body, INTEGER)?;
    let mut algorithm = der::expect(&mut body, SEQUENCE)?.content;
    let algorithm = der::expect(&mut algorithm, OID)?.content;
    let key = der::expect(&mut body, OCTET_STRING)?.content;
    match algorithm {
        RSA => rsa(key),
        EC => ec(key),
        ED25519 => {
            let seed = der::expect(&mut { key }, OCTET_STRING)?.content;
            let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
            Some(pair.public_key().as_ref().to_vec())
        }
        _ => None,
    }
}

/// PKCS#1: version, n, e, …; a certificate has the sequence of n and e.
fn rsa(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = der::expect(&mut { bytes }, SEQUENCE)?.content;
    der::expect(&mut body, INTEGER)?;
    let modulus = der::expect(&mut body, INTEGER)?;
    let exponent = der::expect(&mut body, INTEGER)?;
    Some(der::sequence(&[modulus.whole, exponent.whole].concat()))
}

/// RFC 5915: version, key, \[0\] curve, \[1\] public key.
fn ec(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = der::expect(&mut { bytes }, SEQUENCE)?.content;
    der::expect(&mut body, INTEGER)?;
    der::expect(&mut body, OCTET_STRING)?;
    der::expect(&mut body, 0xa0);
    let mut public = der::expect(&mut body, 0xa1)?.content;
    let bits = der::expect(&mut public, BIT_STRING)?.content;
    Some(bits.split_first()?.1.to_vec())
}

/// `openssh-key-v1`, NUL, then the name of the cipher.
fn openssh(bytes: &[u8]) -> Option<Protection> {
    let rest = bytes.strip_prefix(b"openssh-key-v1\0")?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    Some(match rest.get(..length)? {
        b"none" => Protection::None,
        _ => Protection::Passphrase,
    })
}

#[cfg(test)]
mod tests {
    use super::super::blocks;
    use super::super::certificate::Certificate;
    use super::*;

    #[test]
    fn a_key_is_known_by_its_certificate() {
        let chain = include_str!("../../tests/fixtures/certs/certs/tls/dev/codalab.crt");
        let key = include_str!("../../tests/fixtures/certs/certs/tls/dev/codalab.key");
        let bundle = include_str!("../../tests/fixtures/certs/certs/tls/old-bundle.pem");
        let certificate = |text| {
            let blocks = blocks(text);
            let block = blocks.iter().find(|block| block.is_public()).unwrap();
            Certificate::parse(block.content.as_ref().unwrap())
                .unwrap()
                .public_key
        };
        let key_of = |text| {
            let blocks = blocks(text);
            PrivateKey::of(blocks.iter().find(|block| block.is_private()).unwrap()).unwrap()
        };
        assert_eq!(key_of(key).public_key, Some(certificate(chain)));
        assert_eq!(key_of(bundle).public_key, Some(certificate(bundle)));
        assert_ne!(key_of(key).public_key, Some(certificate(bundle)));
    }

    #[test]
    fn a_passphrase_is_seen() {
        let sealed = include_str!("../../tests/fixtures/certs/certs/keys/vm-clws-prod-gpuworker-2");
        let open = include_str!("../../tests/fixtures/certs/certs/keys/ansible_ed25519");
        let of = |text| PrivateKey::of(&blocks(text)[0]).unwrap().protection;
        assert_eq!(of(sealed), Protection::Passphrase);
        assert_eq!(of(open), Protection::None);
        let cut = open.get(..open.len() / 2).unwrap();
        assert!(PrivateKey::of(&blocks(cut)[0]).is_none());
    }
}
