//! Objects that git is asked for, one after the other.

use std::io::{BufRead as _, BufReader, Read, Take, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use super::{Git, broken, no_git};
use crate::error::{Code, Error, Problem};
use crate::text::clean_line;

/// Objects, one after the other, from one git.
pub struct Objects {
    child: Child,
    asks: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Git {
    /// Begins to read objects, by id or by [`super::Commit::spec`].
    ///
    /// # Errors
    /// NOTFOUND if git is not installed.
    pub fn objects(&self) -> Result<Objects, Error> {
        let mut child = self
            .command(&["cat-file", "--batch"])?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(no_git)?;
        let (Some(asks), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(broken("it has no pipes"));
        };
        Ok(Objects {
            child,
            asks: Some(asks),
            answers: BufReader::new(answers),
        })
    }
}

impl Objects {
    /// Hands the content of an object to `look`, if it is there and a file.
    ///
    /// # Errors
    /// IOERR if git breaks off, NOTFOUND for a path with a line end, and those of `look`.
    pub fn blob<T>(
        &mut self,
        spec: &str,
        look: impl FnOnce(&mut Take<&mut BufReader<ChildStdout>>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let io = |error: std::io::Error| broken(&error.to_string());
        if spec.contains('\n') {
            // git would answer each of its lines, the next questions with what was asked here.
            let why = format!(
                "git cannot be asked for `{}`: its path has a line end",
                clean_line(spec)
            );
            let problem = Problem::new(Code::NotFound, why);
            return Err(problem
                .hint("give the folder with the line end another name")
                .into());
        }
        let asks = self.asks.as_mut().ok_or_else(|| broken("it has ended"))?;
        asks.write_all(format!("{spec}\n").as_bytes())
            .and_then(|()| asks.flush())
            .map_err(io)?;
        let mut head = String::new();
        self.answers.read_line(&mut head).map_err(io)?;
        let head = head.trim_end_matches('\n');
        // `ID KIND SIZE`, or what was asked for with `missing` behind it.
        let mut words = head.rsplit(' ');
        let Some(size) = words.next().and_then(|size| size.parse::<u64>().ok()) else {
            return if head.ends_with(" missing") {
                Ok(None)
            } else {
                Err(broken("it does not say what it has"))
            };
        };
        let is_file = words.next() == Some("blob");
        let mut object = self.answers.by_ref().take(size);
        let found = is_file.then(|| look(&mut object));
        // What was enough of a file, and the line end behind it.
        std::io::copy(&mut object, &mut std::io::sink()).map_err(io)?;
        self.answers.read_exact(&mut [0]).map_err(io)?;
        found.transpose()
    }

    /// The content of an object, if it is there and a file.
    ///
    /// # Errors
    /// As [`Self::blob`]; DATAERR above `most` bytes.
    pub fn bytes(&mut self, spec: &str, most: usize) -> Result<Option<Vec<u8>>, Error> {
        self.blob(spec, |object| {
            if usize::try_from(object.limit()).map_or(true, |size| size > most) {
                return Err(Problem::new(Code::DataErr, "a file in git is too large").into());
            }
            let mut bytes = Vec::new();
            let read = object.read_to_end(&mut bytes);
            read.map_err(|error| broken(&error.to_string()))?;
            Ok(bytes)
        })
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        // A closed pipe is its sign to end.
        drop(self.asks.take());
        drop(self.child.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{Clock, World};

    #[test]
    fn a_path_with_a_line_end_is_not_asked_for_and_shifts_no_answer() {
        let dir = tempfile::tempdir().unwrap();
        let path = std::env::join_paths(["/usr/local/bin", "/usr/bin", "/bin"]).unwrap();
        let world = World::new(Clock::System, [("PATH".into(), path)], dir.path().into());
        let git = Git::at(&world, dir.path());
        git.ask(&["init", "-q", "."]).unwrap();
        std::fs::write(dir.path().join("one"), "1").unwrap();
        let id = git.ask_line(&["hash-object", "-w", "one"]).unwrap();
        let mut objects = git.objects().unwrap();
        let asked = objects.bytes(&format!("HEAD:a\n{id}"), 10).unwrap_err();
        assert!(
            asked.message().contains("has a line end"),
            "{}",
            asked.message()
        );
        assert_eq!(objects.bytes("HEAD:b", 10).unwrap(), None);
        assert_eq!(objects.bytes(&id, 10).unwrap().as_deref(), Some(&b"1"[..]));
    }
}
