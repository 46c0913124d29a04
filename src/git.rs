//! What git has stored, read without running anything that a repository could bring along.
//!
//! git is asked for object ids and raw objects alone; an object in a file of its own is read without it. Filters, hooks, text conversion, pager, file
//! system monitor, replaced objects and fetching of missing objects are off, and git's environment is
//! made anew: a repository decides nothing about what runs here.

mod conflict;
mod everything;
mod loose;
mod objects;
mod settings;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::error::{Code, Error, Problem};
use crate::text::{clean_line, shell_word};
use crate::world::World;

pub use conflict::Sides;
pub use everything::{Brought, ObjectKind};
pub use loose::Loose;
pub use objects::Objects;

/// The variables by which a hook of git is told which repository and index are meant.
const PASSED: &[&str] = &[
    "HOME",
    "PATH",
    "XDG_CONFIG_HOME",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_WORK_TREE",
];

/// A commit of somebody else's packs a gibibyte of zeros into a kilobyte. A hundred trust versions of a
/// fleet of 5,000 hosts take 50 MB.
const MAX_CONTENTS: usize = 256 * 1024 * 1024;

/// The repository around a folder.
#[derive(Clone, Debug)]
pub struct Git {
    /// Where it lies, by the absolute folders of `PATH`: a `git` of the repository is never run, and it is started
    /// faster so.
    program: Option<Box<Path>>,
    folder: PathBuf,
    environment: Vec<(&'static str, std::ffi::OsString)>,
}

/// A commit that was found by a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Commit {
    /// Its id, all digits.
    pub id: String,
    /// The folder, as a path in the repository: empty, or ending in `/`.
    prefix: String,
}

impl Commit {
    /// As people write it.
    #[must_use]
    pub fn short(&self) -> &str {
        self.id.get(..12).unwrap_or(&self.id)
    }

    /// What names a file of the folder at this commit.
    #[must_use]
    pub fn spec(&self, path: &str) -> String {
        format!("{}:{}{path}", self.id, self.prefix)
    }
}

impl Git {
    /// The repository around `folder`; whether there is one shows at the first question.
    #[must_use]
    pub fn at(world: &World, folder: &Path) -> Self {
        let passed = PASSED
            .iter()
            .filter_map(|name| Some((*name, world.variable(name)?.to_owned())));
        Self {
            program: world.program("git").map(PathBuf::into_boxed_path),
            folder: folder.to_owned(),
            environment: passed.collect(),
        }
    }

    fn command(&self, words: &[&str]) -> Result<Command, Error> {
        let nowhere = || no_git("it is in no folder of PATH");
        let mut command = Command::new(self.program.as_deref().ok_or_else(nowhere)?);
        command
            .env_clear()
            .args(["--no-pager", "--no-replace-objects", "--literal-pathspecs"])
            .args(["-c", "core.fsmonitor=false"])
            .args(["-c", "core.hooksPath=/dev/null"])
            // A repository could have the folders of another one among its files, with settings of their own.
            .args(["-c", "safe.bareRepository=explicit"])
            .args(words)
            .current_dir(&self.folder)
            .env("LC_ALL", "C")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_NO_LAZY_FETCH", "1")
            // git before 2.45 does not know the last one, and speaks to nobody by this.
            .env("GIT_ALLOW_PROTOCOL", "none")
            .env("GIT_TERMINAL_PROMPT", "0")
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }

    /// What git answers on stdout.
    ///
    /// # Errors
    /// NOTFOUND if git is not installed or says no, with its first line.
    pub fn ask(&self, words: &[&str]) -> Result<Vec<u8>, Error> {
        self.begin(words)?.answer()
    }

    /// The same as one line of text.
    ///
    /// # Errors
    /// As [`Asked::line`].
    pub fn ask_line(&self, words: &[&str]) -> Result<String, Error> {
        self.begin(words)?.line()
    }

    /// Asks, and goes on: several questions take no longer than one.
    ///
    /// # Errors
    /// NOTFOUND if git is not installed.
    pub fn begin(&self, words: &[&str]) -> Result<Asked, Error> {
        let mut command = self.command(words)?;
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().map_err(no_git)?;
        Ok(Asked(child))
    }

    /// The commit that a person names: an id, a branch, a tag, `HEAD~3`.
    ///
    /// # Errors
    /// NOTFOUND if there is none; USAGE for what git would take for something else.
    pub fn commit(&self, rev: &str) -> Result<Commit, Error> {
        if rev.starts_with('-') || rev.is_empty() || rev.chars().any(char::is_control) {
            let problem =
                Problem::new(Code::Usage, format!("`{}` is no revision", clean_line(rev)));
            return Err(problem.hint("a commit, a branch or a tag is wanted").into());
        }
        let prefix = self.ask_line(&["rev-parse", "--show-prefix"])?;
        let peeled = format!("{rev}^{{commit}}");
        let words = ["rev-parse", "--verify", "--quiet", "--end-of-options"];
        let found = self.ask_line(&[words.as_slice(), &[peeled.as_str()]].concat());
        let id = found.map_err(|_| {
            Error::from(
                Problem::new(
                    Code::NotFound,
                    format!("there is no commit `{}` here", clean_line(rev)),
                )
                .hint("`git log --oneline` shows them; a shallow clone has few"),
            )
        })?;
        Ok(Commit { id, prefix })
    }

    /// The files below a path of the folder at a commit, with the ids of their contents. Links and
    /// submodules hold none.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn files(&self, commit: &Commit, below: &str) -> Result<BTreeMap<String, String>, Error> {
        let path = format!("{}{below}", commit.prefix);
        let raw = self.ask(&[
            "ls-tree",
            "-r",
            "-z",
            "--full-tree",
            &commit.id,
            "--",
            &path,
        ])?;
        let mut files = BTreeMap::new();
        for line in raw.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
            let line = std::str::from_utf8(line).ok();
            let parts = line.and_then(|line| line.split_once('\t'));
            // A name that is no text is none of ours.
            let Some((about, path)) = parts else { continue };
            let mut words = about.split(' ');
            let is_file = words.next().is_some_and(|mode| mode.starts_with("100"));
            if let (true, Some(id), Some(path)) =
                (is_file, words.nth(1), path.strip_prefix(&commit.prefix))
            {
                files.insert(path.to_owned(), id.to_owned());
            }
        }
        Ok(files)
    }

    /// The contents of the files below a path of the folder at a commit, each of at most `most` bytes,
    /// and of `MAX_CONTENTS` together.
    ///
    /// # Errors
    /// NOTFOUND if a partial clone does not have one; as [`Objects::bytes`].
    pub fn contents(
        &self,
        commit: &Commit,
        below: &str,
        most: usize,
    ) -> Result<BTreeMap<String, Vec<u8>>, Error> {
        let mut objects = self.objects()?;
        let mut contents = BTreeMap::new();
        let mut left = MAX_CONTENTS;
        for (path, id) in self.files(commit, below)? {
            let bytes = objects.bytes(&id, most.min(left))?;
            let bytes = bytes.ok_or_else(|| not_fetched(commit, &path))?;
            left = left.saturating_sub(bytes.len());
            contents.insert(path, bytes);
        }
        Ok(contents)
    }

    /// The folder of the repository's files, or of a bare repository itself.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn root(&self) -> Result<PathBuf, Error> {
        let root = self.ask_line(&["rev-parse", "--show-toplevel"]);
        let root = root.or_else(|_| self.ask_line(&["rev-parse", "--absolute-git-dir"]))?;
        Ok(PathBuf::from(root))
    }

    /// Whether commits before some are not here.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn is_shallow(&self) -> Result<bool, Error> {
        Ok(self.ask_line(&["rev-parse", "--is-shallow-repository"])? == "true")
    }

    /// The commits up to `commit` that changed a file of the folder, the newest first, each with its
    /// time in seconds.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn changes(&self, commit: &Commit, path: &str) -> Result<Vec<(Commit, i64)>, Error> {
        let path = format!("{}{path}", commit.prefix);
        let top = self.ask_line(&["rev-parse", "--show-toplevel"])?;
        let there = Self {
            folder: PathBuf::from(top),
            ..self.clone()
        };
        let raw = there.ask(&[
            "rev-list",
            "--topo-order",
            "--full-history",
            "--timestamp",
            &commit.id,
            "--",
            &path,
        ])?;
        let text = String::from_utf8(raw).map_err(|_| broken("its list of commits is no text"))?;
        let read = |line: &str| {
            let (seconds, id) = line.split_once(' ')?;
            let commit = Commit {
                id: id.to_owned(),
                prefix: commit.prefix.clone(),
            };
            Some((commit, seconds.parse().ok()?))
        };
        text.lines()
            .map(|line| read(line).ok_or_else(|| broken("its list of commits does not read")))
            .collect()
    }
}

/// What git says first, safe to show.
fn first_line(stderr: &[u8]) -> String {
    let said = String::from_utf8_lossy(stderr);
    clean_line(said.lines().next().unwrap_or("git says nothing"))
}

/// A question that git works on.
pub struct Asked(Child);

impl Asked {
    /// What it answers on stdout.
    ///
    /// # Errors
    /// NOTFOUND if it says no, with its first line.
    pub fn answer(self) -> Result<Vec<u8>, Error> {
        let output = self.output()?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = first_line(&output.stderr);
        if said.contains("safe.bareRepository") {
            let why =
                "a repository lies here as files, which git would take for the one that this is in";
            return Err(Problem::new(Code::Denied, why)
                .note(said)
                .hint("if nobody means it, remove HEAD, config, objects and refs; if you do, name it: `GIT_DIR=…`")
                .into());
        }
        Err(Problem::new(Code::NotFound, "git has nothing to look at")
            .note(said)
            .hint("run it inside of the git repository; `git init` makes one")
            .into())
    }

    /// The same as one line of text. git ignores that it cannot write to a pipe, so that an answer counts only
    /// with its line end.
    ///
    /// # Errors
    /// As [`Self::answer`]; IOERR if it is no text, or not whole.
    pub fn line(self) -> Result<String, Error> {
        let answer = String::from_utf8(self.answer()?);
        let answer = answer.map_err(|_| broken("its answer is no text"))?;
        let line = answer.strip_suffix('\n');
        Ok(line.ok_or_else(|| broken("its answer is cut"))?.to_owned())
    }

    fn output(self) -> Result<Output, Error> {
        let output = self.0.wait_with_output();
        output.map_err(|error| broken(&error.to_string()))
    }
}

fn no_git(why: impl std::fmt::Display) -> Error {
    Problem::new(Code::NotFound, format!("git does not start: {why}"))
        .hint("what lies in git is read by git, so it must be installed")
        .into()
}

/// The error for a file that a partial clone knows of and does not have. It is not fetched behind
/// anybody's back.
#[must_use]
pub fn not_fetched(commit: &Commit, path: &str) -> Error {
    let what = format!(
        "git knows of `{path}` at {} and does not have it",
        commit.short()
    );
    Problem::new(Code::NotFound, what)
        .note("this is a partial clone")
        .hint(format!(
            "`git show {} >/dev/null` fetches it",
            shell_word(&clean_line(&commit.spec(path)))
        ))
        .into()
}

/// The error for a git that does not answer as it should.
#[must_use]
pub fn broken(why: &str) -> Error {
    Problem::new(Code::IoErr, format!("git broke off: {why}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Clock;

    #[test]
    fn a_git_of_the_repository_is_not_run_where_path_is_relative() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let (planted, run) = (dir.path().join("git"), dir.path().join("run"));
        std::fs::write(&planted, format!("#!/bin/sh\n: >{}\n", run.display())).unwrap();
        std::fs::set_permissions(&planted, PermissionsExt::from_mode(0o755)).unwrap();
        let world = |path: &str| {
            let path = ("PATH".into(), path.into());
            World::new(Clock::System, [path], dir.path().into())
        };
        let error = Git::at(&world(".:"), dir.path())
            .ask(&["version"])
            .unwrap_err();
        assert_eq!((error.code(), run.exists()), (Code::NotFound, false));
        // It would be, from an absolute folder.
        let there = world(&dir.path().display().to_string());
        drop(Git::at(&there, dir.path()).ask(&["version"]));
        assert!(run.exists());
    }

    #[test]
    fn an_answer_without_its_line_end_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = std::env::join_paths(["/usr/local/bin", "/usr/bin", "/bin"]).unwrap();
        let world = World::new(Clock::System, [("PATH".into(), path)], dir.path().into());
        let git = Git::at(&world, dir.path());
        git.ask(&["init", "-q", "."]).unwrap();
        let words = ["config", "--get", "core.bare"];
        assert_eq!(git.ask_line(&words).unwrap(), "false");
        // With `-z` the line ends in another way.
        let error = git.ask_line(&[&["config", "-z"], &words[1..]].concat());
        assert_eq!(error.unwrap_err().code(), Code::IoErr);
    }
}
