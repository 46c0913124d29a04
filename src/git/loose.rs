//! Objects that lie in files of their own, read without a git.
//!
//! What was staged a moment ago lies so, and to start a git for ten such files takes longer than to look through
//! them. The bytes are taken for an object only if they hash to its id, so it does not matter who wrote them. What
//! is packed, large, borrowed from another repository or damaged is left to git.
//!
//! The form is that of git's `gitformat-loose`: a zlib stream of `blob SIZE NUL CONTENT`, in
//! `objects/ID[..2]/ID[2..]`.

use std::fs::OpenOptions;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use flate2::read::ZlibDecoder;
use ring::digest;
use rustix::fs::OFlags;

use super::Git;

/// What is larger is read by git, in pieces.
const MOST: u64 = 1024 * 1024;

/// The longest head of an object: its kind, and a size of 20 digits.
const HEAD: usize = 32;

/// The objects of a repository that are not packed.
#[derive(Debug)]
pub struct Loose(PathBuf);

impl Git {
    /// Where the objects of the repository lie that are not packed, if that shows without asking git: it does not in
    /// a linked worktree or a submodule.
    #[must_use]
    pub fn loose(&self) -> Option<Loose> {
        let told = self.environment.iter().find(|(name, _)| *name == "GIT_DIR");
        let git = match told {
            Some((_, dir)) => self.folder.join(dir),
            None => {
                let above = self.folder.ancestors().map(|dir| dir.join(".git"));
                above.into_iter().find(|git| git.exists())?
            }
        };
        let objects = git.join("objects");
        objects.is_dir().then_some(Loose(objects))
    }
}

impl Loose {
    /// The content of a file, by its id.
    #[must_use]
    pub fn blob(&self, id: &str) -> Option<Vec<u8>> {
        let hash = match id.len() {
            40 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            64 => &digest::SHA256,
            _ => return None,
        };
        let (folder, name) = id.split_at_checked(2)?;
        let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW;
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(i32::try_from(flags.bits()).ok()?)
            .open(self.0.join(folder).join(name))
            .ok()?;
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        let mut bytes = Vec::new();
        let mut object = ZlibDecoder::new(file).take(MOST);
        object.read_to_end(&mut bytes).ok()?;
        let head = bytes.iter().take(HEAD).position(|byte| *byte == 0)?;
        let size = bytes.get(..head)?.strip_prefix(b"blob ")?;
        let size: usize = std::str::from_utf8(size).ok()?.parse().ok()?;
        let is_it = hex_is(digest::digest(hash, &bytes).as_ref(), id);
        bytes.drain(..=head);
        (is_it && bytes.len() == size).then_some(bytes)
    }
}

fn hex_is(sum: &[u8], id: &str) -> bool {
    crate::crypto::hex(sum) == id
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::world::{Clock, World};

    struct Lab {
        dir: tempfile::TempDir,
        loose: Loose,
    }

    impl Lab {
        fn new(format: &str) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let made = Command::new("git")
                .args(["init", "-q", &format!("--object-format={format}")])
                .arg(dir.path())
                .status();
            assert!(made.unwrap().success(), "git init");
            std::fs::create_dir(dir.path().join("below")).unwrap();
            let world = World::new(Clock::System, [], dir.path().into());
            let loose = Git::at(&world, &dir.path().join("below")).loose().unwrap();
            Self { dir, loose }
        }

        fn stored(&self, content: &[u8]) -> String {
            let file = self.dir.path().join("content");
            std::fs::write(&file, content).unwrap();
            let words = ["-C".as_ref(), self.dir.path().as_os_str()];
            let git = Command::new("git")
                .args(words)
                .args(["hash-object", "-w", "content"])
                .output()
                .unwrap();
            String::from_utf8(git.stdout).unwrap().trim_end().to_owned()
        }

        fn place(&self, id: &str) -> PathBuf {
            self.loose.0.join(&id[..2]).join(&id[2..])
        }
    }

    #[test]
    fn what_git_stored_is_read_by_its_id() {
        for format in ["sha1", "sha256"] {
            let lab = Lab::new(format);
            let large = vec![b'a'; usize::try_from(MOST).unwrap()];
            for content in [b"".as_slice(), b"one\n", b"\0\0", &large[..900_000]] {
                let id = lab.stored(content);
                assert_eq!(lab.loose.blob(&id).as_deref(), Some(content), "{format}");
            }
            let id = lab.stored(&large);
            assert_eq!(lab.loose.blob(&id), None, "git reads it in pieces");
            assert_eq!(lab.loose.blob(&id.replace('1', "2")), None);
            assert_eq!(lab.loose.blob("HEAD"), None);
        }
    }

    #[test]
    fn another_content_under_an_id_is_none() {
        let lab = Lab::new("sha1");
        let (one, two) = (lab.stored(b"one"), lab.stored(b"two"));
        std::fs::remove_file(lab.place(&one)).unwrap();
        std::fs::copy(lab.place(&two), lab.place(&one)).unwrap();
        assert_eq!(lab.loose.blob(&one), None);
        std::fs::remove_file(lab.place(&one)).unwrap();
        std::os::unix::fs::symlink(lab.place(&two), lab.place(&one)).unwrap();
        assert_eq!(lab.loose.blob(&one), None);
        std::fs::remove_file(lab.place(&one)).unwrap();
        let pipe = Command::new("mkfifo").arg(lab.place(&one)).status();
        assert!(pipe.unwrap().success());
        assert_eq!(lab.loose.blob(&one), None);
        assert_eq!(lab.loose.blob(&two).as_deref(), Some(b"two".as_slice()));
    }
}
