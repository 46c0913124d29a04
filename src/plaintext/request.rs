//! A certificate request (PKCS#10, RFC 2986): for the names of the certificate that there is, with another
//! key. Name and alternative names are taken over as they stand.

use super::certificate::{ALTERNATIVES, Certificate};
use super::der::{BIT_STRING, INTEGER, OCTET_STRING, OID, SET, element, sequence};
use crate::crypto::{CryptoError, Curve, Pair, encode_base64};

/// ecPublicKey.
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
/// ecdsa-with-SHA256, ecdsa-with-SHA384.
const WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const WITH_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];
/// extensionRequest (RFC 2985, 5.4.2).
const EXTENSIONS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e];

/// The request for a certificate like `old` with this key, as PEM.
///
/// A certificate without alternative names has its subject for the one that the new one is for: by its
/// subject alone no client knows a server any more.
///
/// # Errors
/// [`CryptoError::Key`] if nothing can be signed.
pub fn request(pair: &Pair, old: &Certificate) -> Result<String, CryptoError> {
    let (curve, with) = match pair.curve {
        Curve::P256 => (P256, WITH_SHA256),
        Curve::P384 => (P384, WITH_SHA384),
    };
    let id = |bytes: &[u8]| element(OID, bytes);
    let bits = |bytes: &[u8]| element(BIT_STRING, &[&[0], bytes].concat());
    let kind = sequence(&[id(EC), id(curve)].concat());
    let key = sequence(&[kind, bits(pair.point())].concat());
    let alternatives = match &old.alternatives {
        Some(alternatives) => alternatives.clone(),
        None => sequence(&element(0x82, old.subject.as_bytes())),
    };
    let extension = [id(ALTERNATIVES), element(OCTET_STRING, &alternatives)].concat();
    let extensions = element(SET, &sequence(&sequence(&extension)));
    let attribute = sequence(&[id(EXTENSIONS), extensions].concat());
    let version = element(INTEGER, &[0]);
    let about = [version, old.name.clone(), key, element(0xa0, &attribute)];
    let about = sequence(&about.concat());
    let signature = bits(&pair.sign(&about)?);
    let whole = sequence(&[about, sequence(&id(with)), signature].concat());
    Ok(pem("CERTIFICATE REQUEST", &whole))
}

/// A block of PEM (RFC 7468).
#[must_use]
pub fn pem(label: &str, bytes: &[u8]) -> String {
    let text = encode_base64(bytes);
    // Lines of 64 characters, as parsers of the letter want them.
    let mut out = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at(rest.len().min(64));
        out.extend([line, "\n"]);
        rest = behind;
    }
    out + &format!("-----END {label}-----\n")
}
