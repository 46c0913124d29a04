//! Wraps data keys: one whole age file (age-encryption.org/v1) to one recipient.

use zeroize::Zeroizing;

use super::age_header::Header;
use super::kdf::DataKey;
use super::{CryptoError, one_chunk};

/// No wrap is larger: 16 KiB holds a post-quantum recipient's stanza several times over.
const MAX_WRAP: usize = 16 * 1024;

/// Wraps `data_key` for one recipient; gives a binary age file of about 200 bytes.
///
/// # Errors
/// [`CryptoError::CannotSeal`] if the recipient (a plugin, say) refuses.
pub fn wrap(data_key: &DataKey, recipient: &dyn age::Recipient) -> Result<Vec<u8>, CryptoError> {
    let sealed = data_key.with(|key| one_chunk::seal(std::iter::once(recipient), key));
    let small = sealed.ok().filter(|wrapped| wrapped.len() <= MAX_WRAP);
    small.ok_or(CryptoError::CannotSeal)
}

/// Opens a wrap with one identity. The caller must compare the key's commitment.
///
/// # Errors
/// [`CryptoError::NoIdentity`] if it was wrapped for somebody else; [`CryptoError::Broken`] if it
/// is no age file of exactly 32 bytes of plaintext.
pub fn unwrap(wrapped: &[u8], identity: &dyn age::Identity) -> Result<DataKey, CryptoError> {
    if wrapped.len() > MAX_WRAP {
        return Err(CryptoError::Broken);
    }
    let mut payload = wrapped;
    let header = Header::take(&mut payload).map_err(|_| CryptoError::Broken)?;
    let opened = one_chunk::open(&header, payload, std::iter::once(identity));
    let bytes = Zeroizing::new(opened.map_err(|error| match error {
        age::DecryptError::NoMatchingKeys => CryptoError::NoIdentity,
        _ => CryptoError::Broken,
    })?);
    let key: &[u8; 32] = bytes
        .as_slice()
        .try_into()
        .map_err(|_| CryptoError::Broken)?;
    Ok(DataKey::new(*key))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::wide::Wide;
    use super::*;

    /// By the age crate alone, as another program would.
    fn wrap_by_age(recipient: &dyn age::Recipient) -> Vec<u8> {
        let encryptor = age::Encryptor::with_recipients(std::iter::once(recipient)).unwrap();
        let mut wrapped = Vec::new();
        let mut writer = encryptor.wrap_output(&mut wrapped).unwrap();
        writer.write_all(&[5; 32]).unwrap();
        writer.finish().unwrap();
        wrapped
    }

    #[test]
    fn a_wrap_of_sixteen_kib_is_one_and_a_larger_one_is_not() {
        let ada = age::x25519::Identity::generate();
        // age puts a stanza of any length beside them, up to some hundred bytes: one of the right length comes.
        let wide = |width| Wide {
            width,
            beside: Some(ada.to_public()),
        };
        let (wide, wider) = (wide(16_384 - 300), wide(16_384));
        let of = |length, wrap: &dyn Fn() -> Option<Vec<u8>>| {
            let mut wraps = (0..20_000).filter_map(|_| wrap());
            wraps.find(|wrapped| wrapped.len() == length).unwrap()
        };
        let wrapped = of(16_384, &|| wrap(&DataKey::new([5; 32]), &wide).ok());
        assert!(unwrap(&wrapped, &ada).unwrap().with(|key| *key == [5; 32]));
        let larger = of(16_385, &|| Some(wrap_by_age(&wide)));
        assert_eq!(unwrap(&larger, &ada).unwrap_err(), CryptoError::Broken);
        let refused = wrap(&DataKey::new([5; 32]), &wider).map(drop);
        assert_eq!(refused, Err(CryptoError::CannotSeal));
    }

    #[test]
    fn a_wrap_opens_for_its_recipient_alone() {
        let (ada, ben) = (
            age::x25519::Identity::generate(),
            age::x25519::Identity::generate(),
        );
        let wrapped = wrap(&DataKey::new([5; 32]), &ada.to_public()).unwrap();
        assert!(unwrap(&wrapped, &ada).unwrap().with(|key| *key == [5; 32]));
        assert_eq!(unwrap(&wrapped, &ben).unwrap_err(), CryptoError::NoIdentity);
        assert_eq!(
            unwrap(&wrapped[..wrapped.len() - 1], &ada).unwrap_err(),
            CryptoError::Broken
        );
    }
}
