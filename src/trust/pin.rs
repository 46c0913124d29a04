//! What this machine has seen of a vault, outside of it: `<state>/vaults/<vault id>/`.
//!
//! It follows the vault's id and not the clone: worktrees and clones share it. It is moved last,
//! only after all was verified, only forward, and by whoever holds the vault's lock. Losing a move on a read accepts more, never less,
//! so those do not wait for the disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::register::{Kept, damaged, read_text};
use super::{Accepted, TrustError};
use crate::crypto::{from_hex, hex};
use crate::fs::{self, FsError, StagedPrivate, Sync};
use crate::name::Component;
use crate::world::{World, WorldError};

/// The pins of one vault.
#[derive(Clone, Debug)]
pub struct Pins {
    dir: PathBuf,
    pub(super) kept: Kept,
}

/// What was seen of one component's hook.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HookPin {
    /// The number of its signature.
    pub seq: u64,
    /// The hash of what was signed under that number; a pin of an earlier version has none.
    pub files: Option<[u8; 32]>,
}

/// One accepted trust version.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Step {
    /// SHA-256 of its body.
    pub hash: [u8; 32],
    /// The versions of another branch that it brought in.
    pub joined: Vec<[u8; 32]>,
}

impl Step {
    /// A version that joins nothing.
    #[must_use]
    pub fn of(hash: [u8; 32]) -> Self {
        let joined = Vec::new();
        Self { hash, joined }
    }
}

/// Where the copies of rules lie, each under the number of its version.
pub(super) const ACCEPTED_FOLDER: &str = "accepted";

impl Pins {
    /// The pins of the vault with this id.
    ///
    /// # Errors
    /// [`WorldError::NoHome`] if there is no state folder.
    pub fn of(world: &World, vault: &[u8; 32]) -> Result<Self, WorldError> {
        Ok(Self {
            dir: world.state_dir()?.join("vaults").join(hex(vault)),
            kept: Kept::default(),
        })
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The lock that a writer of this vault takes.
    #[must_use]
    pub fn lock_file(&self) -> PathBuf {
        self.dir.join("lock")
    }

    /// The journal of a change of many files.
    #[must_use]
    pub fn journal_file(&self) -> PathBuf {
        self.dir.join("journal")
    }

    /// The trust versions 1 to n that this machine stepped through; none before first use.
    ///
    /// # Errors
    /// [`TrustError::Damaged`], [`TrustError::Fs`].
    pub fn chain(&self) -> Result<Vec<Step>, TrustError> {
        let path = self.dir.join("trust");
        let Some(text) = read_text(&path)? else {
            return Ok(Vec::new());
        };
        let mut hashes = Vec::new();
        for (line, number) in text.lines().zip(1_u64..) {
            let mut words = line.split(' ');
            let is_next = words.next() == Some(&*number.to_string());
            let all: Result<Vec<[u8; 32]>, _> = words.map(from_hex).collect();
            let step = all.ok().filter(|_| is_next).and_then(|all| {
                let (hash, joined) = all.split_first()?;
                let (hash, joined) = (*hash, joined.to_vec());
                Some(Step { hash, joined })
            });
            hashes.push(step.ok_or_else(|| damaged(&path, "a line of the trust chain"))?);
        }
        if hashes.is_empty() {
            Err(damaged(&path, "it is empty"))
        } else {
            Ok(hashes)
        }
    }

    /// Moves the trust chain forward to version n, keeping a copy of the rules that n signed.
    ///
    /// # Errors
    /// [`TrustError::Fs`].
    pub fn accept(
        &self,
        chain: &[Step],
        files: &BTreeMap<String, Vec<u8>>,
    ) -> Result<(), TrustError> {
        let copy = self.accepted_dir(chain.len());
        // A copy that was cut off may be of another version of this number, with other parties.
        for folder in ["", "recipients"] {
            for name in fs::names(&copy.join(folder)).map_err(FsError::io("list", &copy))? {
                let path = copy.join(folder).join(&name);
                let file = path.strip_prefix(&copy).ok().and_then(Path::to_str);
                let is_ours = file.is_some_and(|file| files.contains_key(file));
                if !path.is_dir() && !is_ours {
                    fs::remove_private(&path)?;
                }
            }
        }
        // A fleet has a thousand of them, of which a change of rules is about a few.
        let before = self.accepted_dir(self.chain().map_or(0, |chain| chain.len()));
        let mut new = Vec::new();
        for (file, bytes) in files {
            let place = copy.join(file);
            if !fs::share_private(&before.join(file), &place, bytes)? {
                new.push((place, bytes.clone()));
            }
        }
        StagedPrivate::new(&self.dir, &new)?.commit()?;
        for folder in ["", "recipients"] {
            fs::sync_private_dir(&copy.join(folder))?;
        }
        let mut text = String::new();
        for (step, number) in chain.iter().zip(1_u64..) {
            text.push_str(&format!("{number} {}", hex(&step.hash)));
            for joined in &step.joined {
                text.push_str(&format!(" {}", hex(joined)));
            }
            text.push('\n');
        }
        let file = self.dir.join("trust");
        Ok(fs::write_private(&file, text.as_bytes(), Sync::Disk)?)
    }

    /// Where the copy of the rules of version n lies.
    #[must_use]
    pub fn accepted_dir(&self, number: usize) -> PathBuf {
        self.dir.join(ACCEPTED_FOLDER).join(number.to_string())
    }

    /// What was seen of a component's hook.
    ///
    /// # Errors
    /// [`TrustError::Damaged`], [`TrustError::Fs`].
    pub fn hook(&self, component: &Component) -> Result<Option<HookPin>, TrustError> {
        let path = self.dir.join("hooks").join(component.as_str());
        let Some(text) = read_text(&path)? else {
            return Ok(None);
        };
        let mut lines = text.lines();
        let seq = lines.next().and_then(|line| line.parse().ok());
        let files = lines
            .next()
            .map(|line| from_hex(line).map_err(|_| damaged(&path, "no hash")));
        Ok(Some(HookPin {
            seq: seq.ok_or_else(|| damaged(&path, "no number"))?,
            files: files.transpose()?,
        }))
    }

    /// Remembers what was seen of a component's hook.
    ///
    /// # Errors
    /// [`TrustError::Fs`].
    pub fn set_hook(&self, component: &Component, pin: HookPin) -> Result<(), TrustError> {
        let path = self.dir.join("hooks").join(component.as_str());
        let hash = pin.files.map(|files| format!("{}\n", hex(&files)));
        let text = format!("{}\n{}", pin.seq, hash.unwrap_or_default());
        Ok(fs::write_private(&path, text.as_bytes(), Sync::Disk)?)
    }

    /// The accepted rules, read from the copy of version n.
    pub(super) fn accepted(&self, number: usize) -> Result<Accepted, TrustError> {
        Accepted::from_copy(
            self.accepted_dir(number),
            u64::try_from(number).unwrap_or(0),
        )
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::world::Clock;

    /// Pins of a vault, in a state folder of their own.
    pub(in crate::trust) fn pins() -> (tempfile::TempDir, Pins) {
        let dir = tempfile::tempdir().unwrap();
        let environment = [("CLWS_STATE_DIR".into(), dir.path().into())];
        let world = World::new(Clock::System, environment, "/".into());
        let pins = Pins::of(&world, &[1; 32]).unwrap();
        (dir, pins)
    }

    #[test]
    fn a_copy_of_rules_that_was_cut_off_lends_no_party_to_the_next_one() {
        let (_dir, pins) = pins();
        let cut_off = pins.accepted_dir(1).join("recipients/eve.toml");
        fs::write_private(&cut_off, b"eve", Sync::Lazy).unwrap();
        let files = BTreeMap::from([("recipients/ada.toml".to_owned(), b"ada".to_vec())]);
        pins.accept(&[Step::of([1; 32])], &files).unwrap();
        assert!(!cut_off.exists());
        assert!(cut_off.with_file_name("ada.toml").exists());
    }

    #[test]
    fn what_a_change_of_rules_leaves_as_it_was_is_kept_once() {
        use std::os::unix::fs::MetadataExt as _;
        let (_dir, pins) = pins();
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        files.insert(super::super::SETTINGS_FILE.to_owned(), b"settings".to_vec());
        for number in 0..50 {
            files.insert(format!("recipients/h{number}.toml"), b"as it was".to_vec());
        }
        let first = [Step::of([1; 32])];
        pins.accept(&first, &files).unwrap();
        files.insert("recipients/h7.toml".to_owned(), b"another".to_vec());
        files.remove("recipients/h8.toml");
        let both = [Step::of([1; 32]), Step::of([2; 32])];
        for _ in 0..2 {
            // The second time as after a run that was cut off before it moved the pin.
            pins.accept(&both, &files).unwrap();
        }
        let inode = |number: usize, file: &str| {
            let path = pins.accepted_dir(number).join("recipients").join(file);
            std::fs::metadata(path).map(|about| about.ino()).ok()
        };
        assert!(inode(1, "h6.toml").is_some());
        assert_eq!(inode(1, "h6.toml"), inode(2, "h6.toml"));
        assert_ne!(inode(1, "h7.toml"), inode(2, "h7.toml"));
        assert!(inode(1, "h8.toml").is_some() && inode(2, "h8.toml").is_none());
        let read = |number: usize| {
            let path = pins.accepted_dir(number).join("recipients/h7.toml");
            std::fs::read(path).unwrap()
        };
        assert_eq!(
            (read(1), read(2)),
            (b"as it was".to_vec(), b"another".to_vec())
        );
    }

    #[test]
    fn all_that_is_kept_of_a_vault_lies_in_its_folder_under_a_name_of_its_own() {
        let (dir, pins) = pins();
        assert!(pins.dir().starts_with(dir.path()));
        let files = [pins.lock_file(), pins.journal_file(), pins.accepted_dir(1)];
        for (at, file) in files.iter().enumerate() {
            assert!(
                file.starts_with(pins.dir()) && !files[..at].contains(file),
                "{file:?}"
            );
        }
    }

    #[test]
    fn a_damaged_chain_or_hook_pin_is_no_pin() {
        let (_dir, pins) = pins();
        let (one, two) = (hex(&[1; 32]), hex(&[2; 32]));
        let write =
            |path: &Path, text: &str| fs::write_private(path, text.as_bytes(), Sync::Lazy).unwrap();
        let damaged = |error: TrustError| assert!(matches!(error, TrustError::Damaged { .. }));
        let chain = pins.dir().join("trust");
        assert!(pins.chain().unwrap().is_empty());
        write(&chain, &format!("1 {one}\n2 {two} {one}\n"));
        let steps = pins.chain().unwrap();
        assert_eq!((steps[0].hash, steps[1].hash), ([1; 32], [2; 32]));
        assert_eq!(
            (&*steps[0].joined, &*steps[1].joined),
            (&[][..], &[[1; 32]][..])
        );
        for text in [
            String::new(),
            format!("2 {one}\n"),
            format!("1 {one}\n1 {two}\n"),
            "1\n".into(),
            format!("1 {}\n", &one[1..]),
            format!("1 {one} {}\n", &two[1..]),
            format!("{one}\n"),
        ] {
            write(&chain, &text);
            damaged(pins.chain().unwrap_err());
        }
        let web: Component = "web".parse().unwrap();
        let hook = pins.dir().join("hooks/web");
        assert!(pins.hook(&web).unwrap().is_none());
        for files in [None, Some([3; 32])] {
            pins.set_hook(&web, HookPin { seq: 7, files }).unwrap();
            let pin = pins.hook(&web).unwrap().unwrap();
            assert_eq!((pin.seq, pin.files), (7, files));
        }
        for text in ["", "seven\n", "7\nno hash\n"] {
            write(&hook, text);
            damaged(pins.hook(&web).unwrap_err());
        }
    }
}
