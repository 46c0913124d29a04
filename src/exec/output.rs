//! Where a child's output goes: straight out, or through a redactor.

use std::io::{self, Read, Write};

use zeroize::Zeroizing;

use super::given::{Content, GivenFile};
use super::variable::VariableName;
use crate::secret::{Plain, Redactor};

/// A pipe holds 64 KiB.
const CHUNK: usize = 64 * 1024;

/// What happens to the output of a child.
pub enum Output<'a> {
    /// It is the child's own business.
    Direct,
    /// The values that the child was given are taken out of it.
    Redacted {
        /// Where its standard output goes.
        out: &'a mut (dyn Write + Send),
        /// Where its standard error goes.
        err: &'a mut (dyn Write + Send),
    },
}

/// A stream of the child's, and what it passes through. Each has a redactor of its own, since a value
/// is split over packets of one stream.
pub(super) struct Stream<'a> {
    to: &'a mut (dyn Write + Send),
    redactor: Redactor,
}

/// Standard output and standard error.
pub(super) struct Streams<'a> {
    pub(super) out: Stream<'a>,
    pub(super) err: Stream<'a>,
}

impl<'a> Output<'a> {
    pub(super) fn streams(
        self,
        variables: &[(VariableName, Plain)],
        files: &[(VariableName, GivenFile)],
    ) -> Option<Streams<'a>> {
        let Self::Redacted { out, err } = self else {
            return None;
        };
        let mut redactor = Redactor::new();
        let contents = files.iter().filter_map(|(_, file)| match &file.content {
            Content::Small(plain) => Some(plain),
            Content::Large(_) => None,
        });
        for value in variables.iter().map(|(_, value)| value).chain(contents) {
            redactor.learn(value);
        }
        let stream = |to, redactor| Stream { to, redactor };
        Some(Streams {
            out: stream(out, redactor.clone()),
            err: stream(err, redactor),
        })
    }
}

impl Stream<'_> {
    /// Passes the child's output on as it comes, without what the redactor knows.
    ///
    /// Ends at its end, or when nobody reads any more: the child then finds its pipe closed, as if it
    /// had written there itself.
    pub(super) fn pass(mut self, mut from: impl Read) -> io::Result<()> {
        let mut buffer = Zeroizing::new(vec![0; CHUNK]);
        loop {
            let length = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let shown = self.redactor.push(buffer.get(..length).unwrap_or_default());
            self.to.write_all(&shown)?;
            self.to.flush()?;
        }
        self.to.write_all(&self.redactor.finish())?;
        self.to.flush()
    }
}
