//! Files that a person hands over, read whole or not at all.

use std::io::Read;
use std::path::Path;

use zeroize::Zeroizing;

use super::FsError;

/// Reads all of what comes from `path`, of at most `most` bytes. More is refused: what was cut would pass for
/// all of it.
///
/// # Errors
/// [`FsError::TooLarge`], [`FsError::Io`].
pub fn read_whole(
    from: impl Read,
    path: &Path,
    most: usize,
) -> Result<Zeroizing<Vec<u8>>, FsError> {
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::new());
    let read = from.take(limit).read_to_end(&mut bytes);
    read.map_err(FsError::io("read", path))?;
    if bytes.len() > most {
        let path = path.to_owned();
        return Err(FsError::TooLarge { path, most });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_larger_is_refused_and_not_cut() {
        let read = |text: &'static [u8]| read_whole(text, Path::new("key"), 4);
        assert_eq!(read(b"1234").unwrap().as_slice(), b"1234");
        assert!(matches!(
            read(b"12345"),
            Err(FsError::TooLarge { most: 4, .. })
        ));
    }
}
