//! A vault with hosts, hooks and components that show from outside which values they were given.

use std::path::PathBuf;

use ring::rand::SecureRandom as _;

use crate::support::lab::{Lab, Ran, Run};
use crate::support::machine::Machine;
use crate::support::sshd::Sshd;

/// Writes what it was given, hashed, into `answer`, prints a line that has its token in it, and stays.
pub(crate) const SERVE: &str = r#"echo "here with $TOKEN"
printf %s "$TOKEN" | sha256sum | cut -c1-64 >answer.new
mv answer.new answer
exec sleep 1000
"#;

/// A vault of ada's, and a machine of its own that deploys to itself.
pub(crate) struct Site {
    pub(crate) lab: Lab,
    pub(crate) machine: Machine,
}

impl Site {
    /// The host `box` of prod, a server, and nothing on it.
    pub(crate) fn new() -> Self {
        let site = Self {
            lab: Lab::new(),
            machine: Machine::start(),
        };
        site.host("box", "prod", "server", "address = \"local\"");
        site.trusts();
        site
    }

    /// Declares a host; `way` is the lines of how to reach it.
    pub(crate) fn host(&self, name: &str, scope: &str, machine_type: &str, way: &str) {
        host(&self.lab, name, scope, machine_type, way);
    }

    /// Signs the rules.
    pub(crate) fn trusts(&self) {
        self.lab.clws("trust sign --yes").succeeds();
    }

    /// Writes a hook with the files beside it, and signs it.
    pub(crate) fn hook(&self, component: &str, text: &str, files: &[(&str, &str)]) {
        hook(&self.lab, component, text, files);
    }

    /// A process that is given `TOKEN`, and counts as running when it answers to `CHECK`.
    pub(crate) fn server(&self, component: &str) {
        self.set(&format!("prod/{component}/TOKEN"), "token-of-the-first-day");
        self.set(&format!("prod/{component}/CHECK"), "token-of-the-first-day");
        self.hook(
            component,
            &server_hook(component, ""),
            &[("serve.sh", SERVE)],
        );
    }

    /// Sets a value as ada.
    pub(crate) fn set(&self, path: &str, value: &str) {
        set(&self.lab, path, value);
    }

    /// A run of `clws` on the machine.
    pub(crate) fn clws(&self, words: &str) -> Run<'_> {
        self.lab.clws(words).on(&self.machine)
    }

    /// A deploy to `prod` on the machine, with its report as JSON.
    pub(crate) fn deploy(&self) -> Run<'_> {
        self.clws("deploy --on prod --yes --json")
    }

    /// What a component wrote into a file of its folder.
    pub(crate) fn file(&self, component: &str, name: &str) -> String {
        self.machine
            .sh(&format!("cat /run/clws/*/{component}/*/{name}"))
    }

    /// Whether a component runs with this token: its answer is right, and so is its environment.
    pub(crate) fn runs_with(&self, component: &str, token: &str) -> bool {
        let pid = self.pid(component);
        let variables = self
            .machine
            .sh(&format!("tr '\\0' '\\n' </proc/{pid}/environ"));
        let given = format!("TOKEN={token}");
        self.file(component, "answer") == sha256(token.as_bytes())
            && variables.lines().any(|line| line == given)
    }

    /// The number of a component's process, on the machine.
    pub(crate) fn pid(&self, component: &str) -> String {
        let receipt = self
            .machine
            .sh(&format!("cat /var/lib/clws/*/{component}.json"));
        let receipt: serde_json::Value = serde_json::from_str(&receipt).unwrap();
        receipt["process"]["pid"].to_string()
    }

    /// The commands of all that runs on the machine, but for what holds it and looks at it.
    pub(crate) fn processes(&self) -> Vec<String> {
        let listed = self
            .machine
            .sh("for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline 2>/dev/null && echo \"|${p#/proc/}|$$\"; done; true");
        listed
            .split_terminator('\n')
            .filter_map(|line| {
                let (rest, asker) = line.rsplit_once('|')?;
                let (args, pid) = rest.rsplit_once('|')?;
                // Its first process and what that waits for; what asks here.
                let own =
                    pid == "1" || pid == asker || args == "cat " || args.contains("/proc/[0-9]");
                (!own && !args.is_empty()).then(|| args.trim().to_owned())
            })
            .collect()
    }

    /// Everything of clws that lies on the machine: files and folders below the vault's own.
    pub(crate) fn remains(&self) -> Vec<String> {
        let found = self
            .machine
            .sh("find /run/clws/* /var/lib/clws/* -mindepth 1 2>/dev/null; true");
        found
            .lines()
            .filter(|path| !path.ends_with("/lock") && !path.ends_with("/lock.by"))
            .map(str::to_owned)
            .collect()
    }

    /// How many values were opened so far, by the log.
    pub(crate) fn opened(&self) -> usize {
        opened(&self.lab)
    }
}

/// The lines that say how a server is reached.
pub(crate) fn way_to(server: &Sshd, user: &str, key: &str) -> String {
    format!(
        "address = \"127.0.0.1\"\nport = {}\nuser = \"{user}\"\n\n[hostkey.main]\nkey = \"{key}\"\n\n",
        server.port
    )
}

/// Lets ada log in to a server.
pub(crate) fn ada_may_log_in(lab: &Lab, server: &Sshd) {
    let party = lab.clws("identity show").succeeds().text();
    let line = party.lines().find(|line| line.starts_with("key = "));
    server.authorize(line.unwrap().trim_start_matches("key = ").trim_matches('"'));
}

/// The hook of a [`Site::server`], with some more lines at its end.
pub(crate) fn server_hook(component: &str, more: &str) -> String {
    format!(
        r#"runs_on = {{ machine_type = "server" }}
process = {{ command = ["sh", "{{{{ place }}}}/serve.sh"] }}
[env]
TOKEN = {{ secret = "{component}/TOKEN" }}
CHECK = {{ secret = "{component}/CHECK" }}
[[probe]]
run = ["sh", "-c", 'test "$(printf %s "$CHECK" | sha256sum | cut -c1-64)" = "$(cat answer)"']
needs = ["CHECK"]
within = "3s"
{more}"#
    )
}

/// Fails where a scenario cannot be played: a machine made by a user namespace has one user.
pub(crate) fn needs_root() {
    assert!(
        rustix::process::geteuid().is_root(),
        "this scenario changes users on a machine of its own: run it as root"
    );
}

/// Writes a file of a vault.
pub(crate) fn write(lab: &Lab, path: &str, text: &str) {
    let path: PathBuf = lab.vault().join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Declares a host.
pub(crate) fn host(lab: &Lab, name: &str, scope: &str, machine_type: &str, way: &str) {
    // Lines of the party itself, then tables.
    let (way, tables) = way.split_once("\n\n").unwrap_or((way, ""));
    write(
        lab,
        &format!("recipients/{name}.toml"),
        &format!(
            "[party]\nkind = \"host\"\nname = \"{name}\"\n{way}\nscope = \"{scope}\"\n\
             machine_type = \"{machine_type}\"\n\n{tables}[end]\n"
        ),
    );
    lab.clws("trust sign --yes").run();
}

/// Writes a hook with the files beside it, and signs it.
pub(crate) fn hook(lab: &Lab, component: &str, text: &str, files: &[(&str, &str)]) {
    write(lab, &format!("hooks/{component}.toml"), text);
    for (name, text) in files {
        write(lab, &format!("hooks/{component}/{name}"), text);
    }
    lab.clws(&format!("hook sign {component} --yes")).succeeds();
}

/// Sets a value as ada.
pub(crate) fn set(lab: &Lab, path: &str, value: &str) {
    lab.clws(&format!("secret set {path}"))
        .stdin(value.as_bytes())
        .succeeds();
}

/// How many values a vault's deploys opened so far, by the log.
pub(crate) fn opened(lab: &Lab) -> usize {
    let shown = lab.clws("audit show --json").succeeds().json();
    let uses = shown["uses"].as_array().expect("uses");
    uses.iter()
        .filter(|entry| entry["what"] == "deploy")
        .count()
}

/// The rows of a report, as `component result`.
pub(crate) fn rows(ran: &Ran) -> Vec<String> {
    let report = ran.json();
    let rows = report["rows"].as_array().expect("rows");
    rows.iter()
        .map(|row| {
            let word = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            format!("{} {}", word("component"), word("result"))
        })
        .collect()
}

/// A value of this run, 32 hexadecimal digits.
pub(crate) fn random() -> String {
    let mut bytes = [0; 16];
    ring::rand::SystemRandom::new().fill(&mut bytes).unwrap();
    hex(&bytes)
}

/// Hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The sum of some bytes, as `sha256sum` prints it.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref())
}
