//! Images for tests against the real daemon, made here: there is no registry to pull from.
//!
//! They hold Debian's static busybox and nothing else. The docker client that makes them also
//! judges from outside what our own client did. Images stay on the daemon for the next run; the
//! containers of a test go with its [`Component`].

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// The number ends both tags: it goes up when what is put into the images changes.
const BUSYBOX: &str = "clws-test/busybox:2";
const WITHOUT_SHELL: &str = "clws-test/without-shell:1";

const NGINX: &str = "clws-test/nginx:1";

const OWN_NGINX: &str = "/usr/sbin/nginx";
pub(crate) const STATIC_BUSYBOX: &str = "/bin/busybox";

/// An image with every tool of busybox, the user `ada` (1000), ENTRYPOINT `/entry`, which becomes
/// its arguments, and CMD `sleep 1000`.
pub(crate) fn busybox() -> &'static str {
    import(BUSYBOX, |root| {
        // As distributions have it by now: /bin is a link, and /bin/sh one more.
        fs::create_dir_all(root.join("usr/bin")).unwrap();
        symlink("usr/bin", root.join("bin")).unwrap();
        fs::copy(STATIC_BUSYBOX, root.join("bin/busybox")).unwrap();
        let tools = Command::new(STATIC_BUSYBOX).arg("--list").output().unwrap();
        for tool in String::from_utf8(tools.stdout).unwrap().lines() {
            if tool != "busybox" {
                symlink("busybox", root.join("bin").join(tool)).unwrap();
            }
        }
        write(
            root,
            "etc/passwd",
            0o644,
            "root:x:0:0::/:/bin/sh\nada:x:1000:1000::/:/bin/sh\n",
        );
        write(root, "entry", 0o755, "#!/bin/sh\nexec \"$@\"\n");
        let tmp = root.join("tmp");
        fs::create_dir(&tmp).unwrap();
        fs::set_permissions(tmp, fs::Permissions::from_mode(0o1777)).unwrap();
    });
    BUSYBOX
}

/// An image whose only file is a program, `/bin/cat`; there is no shell.
pub(crate) fn without_shell() -> &'static str {
    import(WITHOUT_SHELL, |root| {
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::copy(STATIC_BUSYBOX, root.join("bin/cat")).unwrap();
        // What a distribution leaves behind when only its shell was taken away.
        symlink("dash", root.join("bin/sh")).unwrap();
    });
    WITHOUT_SHELL
}

/// An image with this machine's nginx, what it is linked to, and busybox.
pub(crate) fn nginx() -> &'static str {
    import(NGINX, |root| {
        assert!(
            Path::new(OWN_NGINX).exists(),
            "{OWN_NGINX} is missing: run .ci/install (package nginx-light)"
        );
        let linked = Command::new("ldd").arg(OWN_NGINX).output().unwrap();
        let linked = String::from_utf8(linked.stdout).unwrap();
        let words = linked.split_whitespace();
        let libraries = words.filter(|word| word.starts_with('/'));
        for file in libraries.chain([OWN_NGINX]) {
            let path = root.join(file.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::copy(file, path).unwrap();
        }
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::copy(STATIC_BUSYBOX, root.join("bin/sh")).unwrap();
        fs::copy(STATIC_BUSYBOX, root.join("bin/sleep")).unwrap();
        for folder in [
            "tmp",
            "run",
            "etc",
            "var/log/nginx",
            "var/lib/nginx",
            "etc/nginx",
        ] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        write(root, "etc/passwd", 0o644, "root:x:0:0::/:/bin/sh\n");
        write(root, "etc/group", 0o644, "root:x:0:\n");
        write(root, "entry", 0o755, "#!/bin/sh\nexec \"$@\"\n");
    });
    NGINX
}

fn write(root: &Path, path: &str, mode: u32, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Makes an image unless it is there. Test processes run side by side, so one at a time.
fn import(tag: &str, fill: impl FnOnce(&Path)) {
    let lock = fs::File::create(std::env::temp_dir().join("clws-test-docker-image.lock")).unwrap();
    lock.lock().unwrap();
    needs_daemon();
    if client(&["image", "inspect", tag]).status.success() {
        return;
    }
    assert!(
        Path::new(STATIC_BUSYBOX).exists(),
        "{STATIC_BUSYBOX} is missing: run .ci/install (package busybox-static)"
    );
    let root = tempfile::tempdir().unwrap();
    fill(root.path());
    let mut tar = Command::new("tar")
        .args(["--owner=0", "--group=0", "--numeric-owner", "-cC"])
        .arg(root.path())
        .arg(".")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let made = Command::new("docker")
        .args(["import", "--change", r#"ENTRYPOINT ["/entry"]"#])
        .args(["--change", r#"CMD ["sleep", "1000"]"#, "-", tag])
        .stdin(tar.stdout.take().unwrap())
        .output()
        .unwrap();
    assert!(tar.wait().unwrap().success());
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}

/// Fails, with what to install, unless a daemon answers the docker client.
pub(crate) fn needs_daemon() {
    let asked = Command::new("docker").args(["version"]).output();
    assert!(
        asked.is_ok_and(|output| output.status.success()),
        "no Docker daemon answers `docker version`: run .ci/install and start one"
    );
}

/// Runs the docker client.
pub(crate) fn client(arguments: &[&str]) -> Output {
    Command::new("docker")
        .args(arguments)
        .output()
        .expect("the docker client: run .ci/install")
}

/// What the docker client prints on both streams; it must succeed.
pub(crate) fn told(arguments: &[&str]) -> String {
    let output = client(arguments);
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "docker {arguments:?}: {text}");
    text
}

/// The name of one test's container, which goes with all that may stand beside it when the test
/// ends, however it ends.
pub(crate) struct Component {
    pub(crate) name: String,
}

impl Component {
    pub(crate) fn new(word: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        let name = format!("clws-test-{word}-{process}-{number}");
        Self { name }
    }

    /// The ids of all containers of this component, by name.
    pub(crate) fn containers(&self) -> Vec<String> {
        let filter = format!("name={}", self.name);
        let listed = told(&["ps", "--all", "--filter", &filter, "--format", "{{.Names}}"]);
        let mut names: Vec<String> = listed
            .lines()
            .map(|name| name.replace(&self.name, "NAME"))
            .collect();
        names.sort();
        names
    }
}

impl Drop for Component {
    fn drop(&mut self) {
        for suffix in ["", ".clws-new", ".clws-old", ".clws-step"] {
            let _gone = client(&[
                "rm",
                "--force",
                "--volumes",
                &format!("{}{suffix}", self.name),
            ]);
        }
        let filter = format!("name={}", self.name);
        let listed = client(&["network", "ls", "--quiet", "--filter", &filter]);
        for network in String::from_utf8_lossy(&listed.stdout).lines() {
            let _gone = client(&["network", "rm", network]);
        }
    }
}
