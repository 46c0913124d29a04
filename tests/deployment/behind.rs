//! What the tests of hosts behind a jump host share.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::site::Site;
use crate::support::lab::Run;
use crate::support::sshd::Sshd;

/// What this person's login shell does by itself is no part of the test.
pub(crate) const NO_HOME: &str = "SetEnv HOME=/nonexistent";

/// A site with the host `cage` behind the host `bastion`; clws runs on this machine.
pub(crate) struct Behind {
    pub(crate) site: Site,
    pub(crate) bastion: Sshd,
    pub(crate) cage: Sshd,
}

impl Behind {
    pub(crate) fn new() -> Self {
        let site = Site::new();
        let bastion = Sshd::start();
        let starts = |program: &str| site.machine.program(program);
        let cage = Sshd::start_by(starts, &["ed25519", "rsa"], NO_HOME);
        site.server("web");
        let behind = Self {
            site,
            bastion,
            cage,
        };
        let key = behind.bastion.host_key_line().to_owned();
        behind
            .host("add bastion --yes --address 127.0.0.1", &behind.bastion)
            .word("--host-key")
            .word(&key)
            .succeeds();
        behind
    }

    /// `clws host …` with port and user of a server.
    pub(crate) fn host(&self, words: &str, server: &Sshd) -> Run<'_> {
        let words = format!("host {words} --port {} --user {}", server.port, server.user);
        self.site.lab.clws(&words)
    }

    pub(crate) fn deploy(&self) -> Run<'_> {
        self.site.lab.clws("deploy --on cage --yes --json")
    }

    /// Writes a file below the `.ssh` of ada.
    pub(crate) fn ssh_file(&self, name: &str, bytes: &[u8]) {
        let folder = self.site.lab.home("ada").join(".ssh");
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join(name);
        fs::write(&file, bytes).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Whether the bastion opened the way to the cage.
    pub(crate) fn was_gone_through(&self) -> bool {
        let target = format!("target 127.0.0.1 port {}", self.cage.port);
        self.bastion.log().contains(&target)
    }
}
