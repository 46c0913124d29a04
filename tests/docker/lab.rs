//! A memory-backed folder of random secrets, and containers that use them.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use clws::docker::{Container, Engine, Secrets};
use ring::rand::SecureRandom as _;

use crate::docker_image::{Component, busybox};

/// A secret of this run, 32 hexadecimal digits.
pub(crate) fn random() -> String {
    let mut bytes = [0; 16];
    ring::rand::SystemRandom::new().fill(&mut bytes).unwrap();
    hex(&bytes)
}

/// What a program that knows `value` answers to `nonce`.
pub(crate) fn answer(value: &str, nonce: &str) -> String {
    let both = format!("{value}{nonce}");
    hex(ring::digest::digest(&ring::digest::SHA256, both.as_bytes()).as_ref())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A folder as a deploy makes it: 0711, its files 0400 and owned by the container's user.
pub(crate) struct Folder {
    inner: tempfile::TempDir,
    pub(crate) user: u32,
}

impl Folder {
    pub(crate) fn new() -> Self {
        let inner = tempfile::Builder::new()
            .prefix("clws-test-")
            .tempdir_in("/dev/shm")
            .unwrap();
        fs::set_permissions(inner.path(), fs::Permissions::from_mode(0o711)).unwrap();
        // Who is not root can give files to nobody else, and reads them as that user inside.
        let own = rustix::process::geteuid();
        let user = if own.is_root() { 1000 } else { own.as_raw() };
        Self { inner, user }
    }

    pub(crate) fn path(&self) -> &Path {
        self.inner.path()
    }

    pub(crate) fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        chown(&path, Some(self.user), None).unwrap();
        path
    }

    /// This folder at `/run/clws`, and the user who may read it.
    pub(crate) fn given_to(&self, container: &mut Container) {
        container.user = Some(self.user.to_string());
        container.secrets = Some(Secrets {
            source: self.path().to_owned(),
            target: "/run/clws".to_owned(),
            environment: self.path().join("env").exists(),
        });
    }
}

/// A container of busybox that runs a line of shell.
pub(crate) fn shell(component: &Component, line: &str) -> Container {
    Container {
        name: component.name.clone(),
        image: busybox().to_owned(),
        command: Some(words(&["sh", "-c", line])),
        ..Container::default()
    }
}

pub(crate) fn words(all: &[&str]) -> Vec<String> {
    all.iter().map(|word| (*word).to_owned()).collect()
}

/// Does nothing, and ends at once when it is told to.
pub(crate) const STAY: &str = "trap 'echo bye; exit 0' TERM; sleep 1000 & wait";

pub(crate) async fn engine() -> Engine {
    crate::docker_image::needs_daemon();
    Engine::connect(None).await.unwrap()
}

/// Waits until `ready` says yes, for as long as any daemon should need.
pub(crate) async fn until<A: Future<Output = bool>>(what: &str, mut ready: impl FnMut() -> A) {
    for _ in 0..200 {
        if ready().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("{what} did not happen in 20 s");
}

/// What a container printed so far.
pub(crate) async fn printed(engine: &Engine, component: &Component) -> String {
    let bytes = engine
        .logs_tail(&component.name, 100, 1 << 20)
        .await
        .unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}
