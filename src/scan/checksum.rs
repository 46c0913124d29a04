//! The checksums that providers put into their tokens.

/// CRC-32 as in zlib and IEEE 802.3.
#[must_use]
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 * (crc & 1));
        }
    }
    !crc
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A number in base 62, in six digits, as GitHub and npm end their tokens.
#[must_use]
fn base62(mut number: u32) -> [u8; 6] {
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        let value = usize::try_from(number % 62).unwrap_or(0);
        *digit = BASE62.get(value).copied().unwrap_or(b'0');
        number /= 62;
    }
    digits
}

/// `ghp_` and its like: six digits of base 62 are the CRC-32 of the 30 characters before them.
pub(super) fn ends_in_base62(token: &[u8]) -> bool {
    let body = token.split(|byte| *byte == b'_').next_back();
    body.and_then(|body| body.split_last_chunk::<6>())
        .is_some_and(|(random, check)| base62(crc32(random)) == *check)
}

/// Grafana: eight digits of hexadecimal are the CRC-32 of all before the last `_`, low byte first.
pub(super) fn ends_in_hex(token: &[u8]) -> bool {
    let Some((rest, check)) = token.split_last_chunk::<8>() else {
        return false;
    };
    let Some(key) = rest.strip_suffix(b"_") else {
        return false;
    };
    let sum = crc32(key).to_le_bytes();
    let spelled = sum.iter().map(|byte| format!("{byte:02x}"));
    spelled.collect::<String>().as_bytes() == check
}

/// Bech32 (BIP 173), as age and its plugins write identities.
pub(super) fn is_bech32(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| bech32::decode(text).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_those_of_others() {
        // The check value of the catalogue of CRC algorithms.
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(&base62(0), b"000000");
        assert_eq!(&base62(61), b"00000z");
        assert_eq!(&base62(u32::MAX), b"4gfFC3");
    }

    #[test]
    fn one_wrong_character_is_seen() {
        let random = "0123456789abcdefghijABCDEFGHIJ";
        let sum = base62(crc32(random.as_bytes()));
        let token = format!("ghp_{random}{}", String::from_utf8_lossy(&sum));
        assert!(ends_in_base62(token.as_bytes()));
        assert!(!ends_in_base62(token.replace("abc", "abd").as_bytes()));
        let key = format!("glsa_{}", "aB3dE6gH".repeat(4));
        let sum = crc32(key.as_bytes()).swap_bytes();
        assert!(ends_in_hex(format!("{key}_{sum:08x}").as_bytes()));
        assert!(!ends_in_hex(format!("{key}_{:08x}", sum ^ 1).as_bytes()));
    }
}
