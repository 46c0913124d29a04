//! Hides the length of short values: a value is padded with zeros to one of a few sizes.

use zeroize::Zeroizing;

use super::CryptoError;
use super::encode::field;
use crate::secret::Plain;

/// The padded length for `length` bytes, the prefix included: 32, 64, 128, then Padmé
/// (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files", 2019), at most 12 % more.
fn bucket(length: usize) -> usize {
    match length {
        0..=32 => 32,
        33..=64 => 64,
        65..=128 => 128,
        _ => {
            let exponent = length.ilog2();
            let kept = exponent.ilog2() + 1;
            let mask = (1_usize << (exponent - kept)) - 1;
            (length + mask) & !mask
        }
    }
}

/// `u32(n) ‖ text ‖ zeros` to the bucket's length.
#[must_use]
pub fn pad(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let size = bucket(4 + text.len());
    let mut out = Zeroizing::new(Vec::with_capacity(size));
    field(&mut out, text);
    out.resize(size, 0);
    out
}

/// Takes the padding off, where it lies.
///
/// # Errors
/// [`CryptoError::Broken`] for a size that is no bucket, a length that does not fit, or a pad that
/// is not zero.
pub fn unpad(mut padded: Plain) -> Result<Plain, CryptoError> {
    let length = padded.with(|padded| text_length(padded))?;
    padded.with_mut(|bytes| {
        bytes.copy_within(PREFIX..PREFIX + length, 0);
        bytes.truncate(length);
    });
    Ok(padded)
}

/// Bytes of the length before the text.
const PREFIX: usize = 4;

fn text_length(padded: &[u8]) -> Result<usize, CryptoError> {
    let (prefix, rest) = padded
        .split_first_chunk::<PREFIX>()
        .ok_or(CryptoError::Broken)?;
    let length = usize::try_from(u32::from_be_bytes(*prefix)).map_err(|_| CryptoError::Broken)?;
    let (_, zeros) = rest.split_at_checked(length).ok_or(CryptoError::Broken)?;
    if bucket(PREFIX + length) != padded.len() || zeros.iter().any(|byte| *byte != 0) {
        return Err(CryptoError::Broken);
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_those_of_the_specification() {
        for (length, size) in [
            (4, 32),
            (32, 32),
            (33, 64),
            (64, 64),
            (65, 128),
            (97, 128),
            (128, 128),
            (129, 144),
            (200, 208),
            (1000, 1024),
            (65_540, 67_584),
        ] {
            assert_eq!(bucket(length), size, "{length}");
        }
    }

    #[test]
    fn a_wrong_pad_is_refused() {
        let opens = |padded: &[u8]| unpad(Plain::new(padded.to_vec())).is_ok();
        let padded = pad(b"hunter2");
        let plain = unpad(Plain::new(padded.to_vec())).unwrap();
        assert!(plain.same_as(&Plain::from("hunter2")));
        let mut dirty = padded.to_vec();
        *dirty.last_mut().unwrap() = 1;
        assert!(!opens(&dirty));
        let mut longer = padded.to_vec();
        longer.extend_from_slice(&[0; 32]);
        assert!(!opens(&longer));
        let mut beyond = padded.to_vec();
        beyond[0] = 1;
        assert!(!opens(&beyond));
        assert!(!opens(&padded[..16]));
        assert!(!opens(&padded[..3]));
    }

    #[test]
    fn any_text_is_padded_to_its_bucket_and_comes_back() {
        for length in (0..200).chain([4091, 4092, 4093, 70_000]) {
            let text = vec![7; length];
            let mut padded = pad(&text).to_vec();
            assert_eq!(padded.len(), bucket(4 + length), "{length}");
            let plain = unpad(Plain::new(padded.clone())).unwrap();
            assert!(plain.same_as(&Plain::new(text)), "{length}");
            padded.push(0);
            assert!(unpad(Plain::new(padded)).is_err(), "{length}");
        }
    }
}
