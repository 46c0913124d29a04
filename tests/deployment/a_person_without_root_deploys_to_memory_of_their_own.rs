//! Without root, files lie in the person's runtime folder or in `/dev/shm`, if these are memory, and on
//! a disk only where the hook allows it.

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::site::{SERVE, Site, needs_root, server_hook};

/// A person of the machine who is not root.
struct Person {
    site: Site,
    program: PathBuf,
}

impl Person {
    fn new() -> Self {
        needs_root();
        let site = Site::new();
        site.server("web");
        // Where the person can run it, whoever owns the folder that it was built in.
        let program = site.lab.root().join("clws");
        std::fs::copy(env!("CARGO_BIN_EXE_clws"), &program).unwrap();
        let person = Self { site, program };
        person.all_belongs_to("1000");
        person
    }

    fn all_belongs_to(&self, uid: &str) {
        let root = self.site.lab.root().display();
        self.site.machine.sh(&format!(
            "mkdir -p /run/user/1000 && chown -R {uid}:{uid} {root} /run/user/1000"
        ));
    }

    /// A deploy by the person, with these variables besides.
    fn deploys(&self, words: &str, variables: &[(&str, &str)]) -> Output {
        let run = self.site.lab.clws(words).command();
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=1000", "--regid=1000", "--clear-groups"])
            .arg(&self.program)
            .args(run.get_args())
            .current_dir(run.get_current_dir().unwrap())
            .envs(
                run.get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .envs(variables.iter().copied());
        self.site.machine.runs(&command).output().unwrap()
    }

    /// Where a process was started.
    fn places(&self) -> String {
        let home = self.site.lab.home("ada").display().to_string();
        self.site
            .machine
            .sh(&format!("find /run /dev/shm {home} -name start.sh"))
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_runtime_folder_comes_first_then_shared_memory_and_a_disk_only_if_it_is_allowed() {
    let person = Person::new();
    let deploy = "deploy --on prod --yes";
    let stop = "deploy --on prod --stop --yes";
    let runtime = [("XDG_RUNTIME_DIR", "/run/user/1000")];
    let ran = person.deploys(deploy, &runtime);
    assert!(ran.status.success(), "{}", said(&ran));
    assert!(
        person.places().starts_with("/run/user/1000/clws/"),
        "{}",
        person.places()
    );
    let owner = "stat -c '%u %a' /run/user/1000/clws /run/user/1000/clws/*/web/*";
    assert_eq!(person.site.machine.sh(owner), "1000 700\n1000 700");
    assert!(person.deploys(stop, &runtime).status.success());
    assert_eq!(person.places(), "");

    let ran = person.deploys(deploy, &[]);
    assert!(ran.status.success(), "{}", said(&ran));
    assert!(
        person.places().starts_with("/dev/shm/clws-1000/"),
        "{}",
        person.places()
    );
    assert!(person.deploys(stop, &[]).status.success());

    // Neither is memory, or somebody else has the name.
    person
        .site
        .machine
        .sh("rm -rf /dev/shm/clws-1000; mkdir /dev/shm/clws-1000");
    let ran = person.deploys(deploy, &[]);
    assert_eq!(ran.status.code(), Some(22), "{}", said(&ran));
    assert!(
        said(&ran).contains("/dev/shm/clws-1000 belongs to somebody else"),
        "{}",
        said(&ran)
    );
    person.site.machine.sh("umount /dev/shm");
    person
        .site
        .machine
        .sh("mkdir -p /var/lib/clws/shm; mount --bind /var/lib/clws/shm /dev/shm");
    let ran = person.deploys(deploy, &[]);
    assert_eq!(ran.status.code(), Some(15), "{}", said(&ran));
    assert!(
        said(&ran).contains("has no memory-backed folder"),
        "{}",
        said(&ran)
    );
    assert_eq!(person.places(), "");
    person.all_belongs_to("0");
    let hook = format!("allow_disk = true\n{}", server_hook("web", ""));
    person.site.hook("web", &hook, &[("serve.sh", SERVE)]);
    person.all_belongs_to("1000");
    let ran = person.deploys(deploy, &[]);
    assert!(ran.status.success(), "{}", said(&ran));
    let home = person.site.lab.home("ada").display().to_string();
    assert!(
        person
            .places()
            .starts_with(&format!("{home}/.local/state/clws/target/")),
        "{}",
        person.places()
    );
    assert!(person.deploys(stop, &[]).status.success());
    assert_eq!(person.places(), "");
}
