//! What a sealed file holds, for who compares and gives nothing out.

use crate::crypto::stream::{self, Passed};
use crate::error::Error;
use crate::name::FilePath;

use super::{Content, Reader};

impl Reader<'_> {
    /// Goes through a sealed file once, as [`Reader::open_file`] does before it gives anything out.
    /// Gives its mode and the rest of what was signed, and the size and hash of its plaintext.
    ///
    /// # Errors
    /// As [`Reader::open_file`].
    pub fn file_sum(&self, path: &FilePath) -> Result<(Content, Passed), Error> {
        self.settled(|| {
            let (_, content, passed) = self.open_file_by(path, |mut file, identities| {
                let each = identities.iter().map(|identity| &**identity);
                let passed = stream::verify_file(&mut file, each)?;
                Ok((passed.size, passed))
            })?;
            Ok((content, passed))
        })
    }
}
