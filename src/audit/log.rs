//! Appending to the log: a line before each opening.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use rustix::fs::{FlockOperation, flock};
use rustix::io::retry_on_intr;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::OpenLog;
use super::tail::Tail;
use crate::crypto::sshsig::{Namespace, SigningKey};
use crate::crypto::{encode_base64, from_hex, hex};
use crate::error::{Code, Explain};
use crate::fs::{self, FsError, Sync};
use crate::world::{World, WorldError};

/// Why a use could not be logged, or the log does not hold.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what its variant is")]
pub enum AuditError {
    #[error("the use cannot be logged, so it does not happen")]
    NotWritable(#[source] FsError),
    #[error("the audit log cannot be read")]
    NotReadable(#[source] FsError),
    #[error("the audit log {} is broken at line {line}: {why}", .path.display())]
    Broken {
        path: PathBuf,
        line: u64,
        why: &'static str,
    },
    #[error(transparent)]
    World(#[from] WorldError),
}

impl Explain for AuditError {
    fn code(&self) -> Code {
        Code::Audit
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NotWritable(error) | Self::NotReadable(error) => error.hints(),
            Self::Broken { path, .. } => vec![format!(
                "move {} aside to begin a new one; keep it, somebody will ask",
                path.display()
            )],
            Self::World(error) => error.hints(),
        }
    }
}

/// One use.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// The command: `secret get`.
    pub what: &'a str,
    /// The vault's id.
    pub vault: &'a [u8; 32],
    /// The secrets that it is about to open or has changed, by name.
    pub secrets: &'a [String],
    /// More facts, never a value.
    pub more: Map<String, Value>,
}

/// The log of this machine.
#[derive(Clone, Debug)]
pub struct Log {
    dir: PathBuf,
}

impl Log {
    /// The log in the person's state folder.
    ///
    /// # Errors
    /// [`WorldError::NoHome`].
    pub fn of(world: &World) -> Result<Self, WorldError> {
        Ok(Self {
            dir: world.state_dir()?.join("audit"),
        })
    }

    /// Where the lines lie.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.dir.join("log.jsonl")
    }

    /// Adds a line; `Sync::Disk` for changes, deploys and rotations. Reading does not wait for it.
    ///
    /// # Errors
    /// [`AuditError::NotWritable`]: the caller must then not open anything.
    pub fn record(&self, world: &World, event: &Event<'_>, sync: Sync) -> Result<(), AuditError> {
        if sync == Sync::Lazy {
            return self.append(world, &self.open()?, event);
        }
        let open = OpenLog::of(self)?;
        open.add(world, event)?;
        open.sync()
    }

    pub(super) fn open(&self) -> Result<File, AuditError> {
        fs::ensure_private_dir(&self.dir).map_err(AuditError::NotWritable)?;
        let path = self.file();
        OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| AuditError::NotWritable(FsError::io("open", &path)(error)))
    }

    pub(super) fn not_written(&self, error: std::io::Error) -> AuditError {
        AuditError::NotWritable(FsError::io("write", &self.file())(error))
    }

    /// Adds a line, under the file's lock, which stays taken.
    pub(super) fn append(
        &self,
        world: &World,
        file: &File,
        event: &Event<'_>,
    ) -> Result<(), AuditError> {
        let fail = |error| self.not_written(error);
        retry_on_intr(|| flock(file, FlockOperation::LockExclusive))
            .map_err(|errno| fail(errno.into()))?;
        // Under the lock, so that two first uses do not make two keys.
        let key = self.machine_key(world)?;
        let Some(tail) = Tail::read(file).map_err(fail)? else {
            return Err(AuditError::Broken {
                path: self.file(),
                line: lines_of(file).map_err(fail)?,
                why: "neither it nor the line before is ours",
            });
        };
        let mut line = Map::new();
        line.insert("n".to_owned(), json!(tail.number + 1));
        line.insert("at".to_owned(), json!(world.now().to_string()));
        line.insert("what".to_owned(), json!(event.what));
        line.insert("vault".to_owned(), json!(hex(event.vault)));
        line.insert("secrets".to_owned(), json!(event.secrets));
        line.extend(event.more.clone());
        line.insert("prev".to_owned(), json!(hex(&tail.hash)));
        if tail.torn {
            line.insert("torn".to_owned(), json!(true));
        }
        let body = Value::Object(line).to_string();
        let signature = encode_base64(key.sign(Namespace::Audit, body.as_bytes()).as_bytes());
        let mut out = String::new();
        if tail.unended {
            out.push('\n');
        }
        // The signature is over the line as it stands without its last member.
        out.push_str(body.strip_suffix('}').unwrap_or(&body));
        out.push_str(&format!(",\"sig\":\"{signature}\"}}\n"));
        let (mut end, size) = (file, file.metadata().map_err(fail)?.len());
        end.write_all(out.as_bytes()).map_err(|error| {
            // On a full disk a part of it may lie there. What cannot be taken back stays a cut line.
            file.set_len(size).unwrap_or_default();
            fail(error)
        })
    }

    /// The key of this machine that signs lines; made at the first use.
    fn machine_key(&self, world: &World) -> Result<SigningKey, AuditError> {
        if let Some(key) = self.stored_key()? {
            return Ok(key);
        }
        let seed = Zeroizing::new(world.random::<32>()?);
        let text = Zeroizing::new(hex(seed.as_slice()) + "\n");
        fs::write_private(&self.key_file(), text.as_bytes(), Sync::Disk)
            .map_err(AuditError::NotWritable)?;
        SigningKey::from_seed(&seed).map_err(|_| self.broken_key())
    }

    /// The same where it was made before.
    pub(super) fn stored_key(&self) -> Result<Option<SigningKey>, AuditError> {
        let stored = fs::read_private(&self.key_file(), 200).map_err(AuditError::NotWritable)?;
        let Some(text) = stored.map(Zeroizing::new) else {
            return Ok(None);
        };
        let text = std::str::from_utf8(&text).map_err(|_| self.broken_key())?;
        let seed = from_hex::<32>(text.trim_end()).map_err(|_| self.broken_key())?;
        let key = SigningKey::from_seed(&Zeroizing::new(seed));
        key.map(Some).map_err(|_| self.broken_key())
    }

    fn key_file(&self) -> PathBuf {
        self.dir.join("key")
    }

    fn broken_key(&self) -> AuditError {
        AuditError::Broken {
            path: self.key_file(),
            line: 0,
            why: "the key does not read",
        }
    }
}

/// How many lines a log has.
fn lines_of(mut file: &File) -> std::io::Result<u64> {
    file.rewind()?;
    let (mut lines, mut input) = (0, BufReader::new(file));
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(lines);
        }
        lines += memchr::memchr_iter(b'\n', buffer).map(|_| 1).sum::<u64>();
        let length = buffer.len();
        input.consume(length);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verified;
    use super::*;
    use crate::time::Moment;
    use crate::world::Clock;

    fn lab() -> (tempfile::TempDir, World, Log) {
        let dir = tempfile::tempdir().unwrap();
        let environment = [("CLWS_STATE_DIR".into(), dir.path().into())];
        let world = World::new(
            Clock::Fixed(Moment::from_seconds(0)),
            environment,
            "/".into(),
        );
        let log = Log::of(&world).unwrap();
        (dir, world, log)
    }

    fn use_once(world: &World, log: &Log) {
        let secrets = ["prod/web/TOKEN".to_owned()];
        let event = Event {
            what: "secret get",
            vault: &[1; 32],
            secrets: &secrets,
            more: Map::new(),
        };
        log.record(world, &event, Sync::Lazy).unwrap();
    }

    #[test]
    fn what_there_was_no_room_for_leaves_nothing_behind() {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let (_dir, world, log) = lab();
        use_once(&world, &log);
        let size = std::fs::metadata(log.file()).unwrap().len();
        // What a full disk does with a line: a part of it lies there.
        let caught = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        signal_hook::flag::register(signal_hook::consts::SIGXFSZ, caught).unwrap();
        let room = getrlimit(Resource::Fsize);
        let secrets = ["prod/web/TOKEN".to_owned()];
        let event = Event {
            what: "secret get",
            vault: &[1; 32],
            secrets: &secrets,
            more: Map::new(),
        };
        for _ in 0..2 {
            let current = Some(size + 50);
            setrlimit(Resource::Fsize, Rlimit { current, ..room }).unwrap();
            let refused = log.record(&world, &event, Sync::Lazy);
            setrlimit(Resource::Fsize, room).unwrap();
            assert!(matches!(refused, Err(AuditError::NotWritable(_))));
            assert_eq!(std::fs::metadata(log.file()).unwrap().len(), size);
        }
        use_once(&world, &log);
        assert_eq!(log.verify().unwrap(), Verified { lines: 2, torn: 0 });
    }

    #[test]
    fn a_changed_or_missing_line_is_found() {
        let (_dir, world, log) = lab();
        for _ in 0..3 {
            use_once(&world, &log);
        }
        assert_eq!(log.verify().unwrap(), Verified { lines: 3, torn: 0 });
        let text = std::fs::read_to_string(log.file()).unwrap();
        std::fs::write(log.file(), text.replacen("TOKEN", "OTHER", 1)).unwrap();
        assert!(log.verify().is_err());
        let without_second: Vec<&str> = text
            .lines()
            .enumerate()
            .filter(|(i, _)| *i != 1)
            .map(|(_, l)| l)
            .collect();
        std::fs::write(log.file(), without_second.join("\n") + "\n").unwrap();
        assert!(log.verify().is_err());
    }

    #[test]
    fn a_line_that_was_cut_off_is_passed_over_and_said() {
        let (_dir, world, log) = lab();
        use_once(&world, &log);
        let mut text = std::fs::read_to_string(log.file()).unwrap();
        text.push_str("{\"n\":2,\"at\":");
        std::fs::write(log.file(), text).unwrap();
        use_once(&world, &log);
        use_once(&world, &log);
        assert_eq!(log.verify().unwrap(), Verified { lines: 3, torn: 1 });
    }

    #[test]
    fn a_line_that_was_cut_inside_of_a_sign_is_passed_over_too() {
        let (_dir, world, log) = lab();
        use_once(&world, &log);
        let mut bytes = std::fs::read(log.file()).unwrap();
        let mut line = "{\"n\":2,\"allow_rollback\":\"für".as_bytes().to_vec();
        line.truncate(line.len() - 2);
        bytes.extend(line);
        std::fs::write(log.file(), bytes).unwrap();
        assert_eq!(log.verify().unwrap(), Verified { lines: 1, torn: 0 });
        use_once(&world, &log);
        assert_eq!(log.verify().unwrap(), Verified { lines: 2, torn: 1 });
        let all = log.entries().unwrap();
        assert!(all.map(|entry| entry.unwrap().number).eq([1, 2]));
    }

    #[test]
    fn two_cut_lines_in_a_row_are_a_broken_log_with_a_way_out() {
        let (_dir, world, log) = lab();
        use_once(&world, &log);
        let mut text = std::fs::read_to_string(log.file()).unwrap();
        text.push_str("{\"n\":2,\n{\"n\":2,\n");
        std::fs::write(log.file(), text).unwrap();
        let event = Event {
            what: "secret get",
            vault: &[1; 32],
            secrets: &[],
            more: Map::new(),
        };
        let refused = log.record(&world, &event, Sync::Lazy).unwrap_err();
        assert!(
            matches!(refused, AuditError::Broken { line: 3, .. }),
            "{refused}"
        );
        assert!(refused.hints().iter().any(|hint| hint.contains("aside")));
    }

    #[test]
    fn looking_makes_nothing() {
        let (dir, world, log) = lab();
        let none = Verified { lines: 0, torn: 0 };
        assert_eq!(log.verify().unwrap(), none);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        use_once(&world, &log);
        std::fs::remove_file(log.key_file()).unwrap();
        assert!(log.verify().unwrap_err().to_string().contains("is gone"));
        assert!(!log.key_file().exists());
    }

    #[test]
    fn a_line_that_a_power_cut_took_a_part_of_stops_nothing() {
        let (_dir, world, log) = lab();
        use_once(&world, &log);
        let first = std::fs::read(log.file()).unwrap();
        let second = {
            use_once(&world, &log);
            std::fs::read(log.file()).unwrap().split_off(first.len())
        };
        // Its end is there and a part is not; or its length alone is there.
        for lost in [0..1, 0..300, 250..300, 0..second.len()] {
            let mut bytes = second.clone();
            bytes[lost].fill(0);
            let bytes = [first.clone(), bytes].concat();
            std::fs::write(log.file(), bytes).unwrap();
            assert!(log.verify().is_ok());
            use_once(&world, &log);
            use_once(&world, &log);
            assert_eq!(log.verify().unwrap(), Verified { lines: 3, torn: 1 });
        }
        // All but the line end.
        let whole = [first.as_slice(), &second[..second.len() - 1]].concat();
        std::fs::write(log.file(), whole).unwrap();
        use_once(&world, &log);
        assert_eq!(log.verify().unwrap(), Verified { lines: 3, torn: 0 });
        // Both at once.
        let both = [&first, &second[..40], b"\n{\"at\"\0\0"].concat();
        for end in ["", "\n"] {
            std::fs::write(log.file(), [&both, end.as_bytes()].concat()).unwrap();
            assert!(log.verify().is_ok());
            use_once(&world, &log);
            assert_eq!(log.verify().unwrap(), Verified { lines: 2, torn: 2 });
        }
        // What was whole when the next line was written does not pass for one that never was.
        let mut bytes = [first, second].concat();
        bytes[10] = 0;
        std::fs::write(log.file(), bytes).unwrap();
        assert!(log.verify().unwrap_err().to_string().contains("power cut"));
    }
}
