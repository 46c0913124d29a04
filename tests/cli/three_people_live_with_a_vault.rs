//! Three people, three homes, three clones of one bare repository: a vault is founded, two join, they
//! work side by side, merge, look at a deploy, one leaves and one loses a laptop. Nobody is told anything
//! that does not concern them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::lab::{Lab, Run, contains, forms};

/// The people, each with a clone, and the repository that they share.
struct Team {
    lab: Lab,
}

impl Team {
    /// Ada founds the vault, with a value in it, and pushes it.
    fn founded_by_ada() -> Self {
        let team = Self { lab: Lab::empty() };
        let root = team.lab.root().to_owned();
        team.git(&root, &["init", "-q", "--bare", "-b", "main", "origin.git"]);
        team.clones("ada");
        team.does("ada", "init --name ada").succeeds();
        team.sets("ada", "dev/web/URL", "https://example.invalid");
        team.sets("ada", "prod/web/TOKEN", "of-the-first-day");
        team.pushes("ada", "a vault");
        team
    }

    fn clone_of(&self, who: &str) -> PathBuf {
        self.lab.root().join(format!("{who}s-clone"))
    }

    fn clones(&self, who: &str) {
        let folder = format!("{who}s-clone");
        self.git(self.lab.root(), &["clone", "-q", "origin.git", &folder]);
    }

    fn does(&self, who: &str, words: &str) -> Run<'_> {
        self.lab.clws(words).by(who).folder(&self.clone_of(who))
    }

    fn try_git(&self, folder: &Path, words: &[&str]) -> Output {
        Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.invalid"])
            .args(words)
            .current_dir(folder)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .output()
            .unwrap()
    }

    #[track_caller]
    fn git(&self, folder: &Path, words: &[&str]) {
        let done = self.try_git(folder, words);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "git {words:?}: {said}");
    }

    #[track_caller]
    fn commits(&self, who: &str, message: &str) {
        self.git(&self.clone_of(who), &["add", "-A"]);
        self.git(&self.clone_of(who), &["commit", "-qm", message]);
    }

    #[track_caller]
    fn pushes(&self, who: &str, message: &str) {
        self.commits(who, message);
        self.git(&self.clone_of(who), &["push", "-q", "origin", "HEAD:main"]);
    }

    #[track_caller]
    fn pulls(&self, who: &str) {
        let words = ["pull", "-q", "--no-rebase", "--no-edit", "origin", "main"];
        self.git(&self.clone_of(who), &words);
    }

    #[track_caller]
    fn sets(&self, who: &str, path: &str, value: &str) {
        self.does(who, &format!("secret set {path}"))
            .stdin(value.as_bytes())
            .succeeds();
    }

    /// The value is there, and that is all that is said.
    #[track_caller]
    fn reads(&self, who: &str, path: &str, value: &str) {
        let got = self.does(who, &format!("secret get {path}")).succeeds();
        assert_eq!(
            (got.text().as_str(), got.err.as_str()),
            (value, ""),
            "{who}"
        );
    }

    #[track_caller]
    fn finds_nothing(&self, who: &str) {
        let found = self.does(who, "check --full").run();
        assert_eq!(found.code, 0, "{who}: {}{}", found.text(), found.err);
    }

    /// What ada reads out to somebody over the telephone.
    fn fingerprint(&self) -> String {
        let shown = self.does("ada", "trust show --json").succeeds().json();
        shown["head"].as_str().unwrap().to_owned()
    }

    /// Somebody makes an identity and sends its public half; ada lets them in; they pull and compare.
    fn joins(&self, who: &str, rights: &[&str]) {
        self.lab
            .clws(&format!("identity new {who} --keep file"))
            .by(who)
            .folder(self.lab.root())
            .succeeds();
        let sent = self.lab.clws("identity show").by(who);
        let sent = sent.folder(self.lab.root()).succeeds().out;
        self.does("ada", &format!("recipient add {who} - --yes"))
            .stdin(&sent)
            .succeeds();
        for right in rights {
            self.does("ada", &format!("access grant {who} {right} --yes"))
                .succeeds();
        }
        self.pushes("ada", &format!("{who} joins"));
        self.clones(who);
        // What is not compared yet is not used.
        self.does(who, "secret get dev/web/URL").exits(13);
        self.does(who, "trust accept --expect")
            .word(self.fingerprint())
            .succeeds();
    }
}

#[test]
fn from_the_first_day_to_a_lost_laptop() {
    let team = Team::founded_by_ada();

    // Ben works on everything; cleo on dev alone.
    team.joins("ben", &["dev --read --write", "prod --read --write"]);
    team.reads("ben", "prod/web/TOKEN", "of-the-first-day");
    team.joins("cleo", &["dev --read --write"]);
    team.reads("cleo", "dev/web/URL", "https://example.invalid");
    team.does("cleo", "secret get prod/web/TOKEN").exits(11);
    // Who was there already goes on without a question.
    team.pulls("ben");
    team.reads("ben", "dev/web/URL", "https://example.invalid");

    // Ben and cleo each add a value on the same morning, and git joins them.
    team.sets("ben", "dev/web/ALPHA", "by ben");
    team.pushes("ben", "alpha");
    team.sets("cleo", "dev/web/ZULU", "by cleo");
    team.commits("cleo", "zulu");
    team.pulls("cleo");
    team.git(
        &team.clone_of("cleo"),
        &["push", "-q", "origin", "HEAD:main"],
    );
    for who in ["ada", "ben"] {
        team.pulls(who);
    }
    for who in ["ada", "ben", "cleo"] {
        team.reads(who, "dev/web/ALPHA", "by ben");
        team.reads(who, "dev/web/ZULU", "by cleo");
        team.finds_nothing(who);
    }

    // Both change one value. Git stops; the newer counts, and what to do with the other is said.
    team.sets("ben", "dev/web/URL", "https://ben.invalid");
    team.pushes("ben", "another address");
    team.sets("cleo", "dev/web/URL", "https://draft.invalid");
    team.sets("cleo", "dev/web/URL", "https://cleo.invalid");
    team.commits("cleo", "my address");
    let merge = ["pull", "-q", "--no-rebase", "--no-edit", "origin", "main"];
    assert!(
        !team
            .try_git(&team.clone_of("cleo"), &merge)
            .status
            .success()
    );
    team.does("cleo", "secret get dev/web/URL").exits(16);
    team.does("cleo", "merge").succeeds();
    team.pushes("cleo", "cleo's address counts");
    for who in ["ada", "ben"] {
        team.pulls(who);
    }
    for who in ["ada", "ben", "cleo"] {
        team.reads(who, "dev/web/URL", "https://cleo.invalid");
    }

    // Ada says where the web component runs, and looks at what a deploy would do.
    let vault = team.clone_of("ada");
    let host = "[party]\nkind = \"host\"\nname = \"box\"\naddress = \"local\"\nscope = \"prod\"\nmachine_type = \"server\"\n\n[end]\n";
    std::fs::write(vault.join("recipients/box.toml"), host).unwrap();
    team.does("ada", "trust sign --yes").succeeds();
    std::fs::create_dir_all(vault.join("hooks")).unwrap();
    let hook = "runs_on = { machine_type = \"server\" }\nprocess = { command = [\"sleep\", \"1\"] }\n[env]\nTOKEN = { secret = \"web/TOKEN\" }\n";
    std::fs::write(vault.join("hooks/web.toml"), hook).unwrap();
    team.does("ada", "hook sign --yes").succeeds();
    team.pushes("ada", "web runs on box");
    for who in ["ada", "ben"] {
        if who == "ben" {
            team.pulls(who);
        }
        let plan = team.does(who, "deploy --on prod --dry-run").succeeds();
        let said = format!("{}{}", plan.text(), plan.err);
        assert!(said.contains("web") && said.contains("box"), "{said}");
        assert!(!said.contains("of-the-first-day"), "{said}");
    }

    // Ben leaves. While ada takes him out, cleo adds a value without knowing of it.
    team.pulls("cleo");
    team.sets("cleo", "dev/web/MIKE", "meanwhile");
    team.commits("cleo", "mike");
    team.does("ada", "recipient remove ben --yes").succeeds();
    team.pushes("ada", "ben left");
    team.does("ben", "secret get prod/web/TOKEN").succeeds();
    team.pulls("ben");
    for path in ["prod/web/TOKEN", "dev/web/URL"] {
        team.does("ben", &format!("secret get {path}")).exits(11);
    }
    team.does("ben", "secret set dev/web/URL")
        .stdin(b"x")
        .exits(13);
    // Cleo's value is joined with the new key and taken over; hers is the one machine that hears of it.
    let pulled = team.try_git(&team.clone_of("cleo"), &merge);
    if !pulled.status.success() {
        team.does("cleo", "merge").succeeds();
        team.commits("cleo", "mike and the new key");
    }
    team.reads("cleo", "dev/web/ZULU", "by cleo");
    let found = team.does("cleo", "secret get dev/web/MIKE").succeeds();
    assert_eq!(found.text(), "meanwhile");
    let way = "clws secret adopt dev/web/MIKE";
    assert!(found.err.contains(way), "{}", found.err);
    team.does("cleo", "secret adopt dev/web/MIKE --yes")
        .succeeds();
    team.pushes("cleo", "mike under the new key");
    team.pulls("ada");
    for who in ["ada", "cleo"] {
        team.reads(who, "dev/web/MIKE", "meanwhile");
        team.reads(who, "dev/web/ALPHA", "by ben");
    }
    // What ben could read gets new values; until then it is listed.
    let known = team.does("ada", "secret policy prod/web/TOKEN").succeeds();
    assert!(known.text().contains("ben left"), "{}", known.text());
    team.sets("ada", "prod/web/TOKEN", "of-a-new-day");
    team.does("ada", "deploy --on prod --dry-run").succeeds();
    team.pushes("ada", "a new token");

    // Cleo loses a laptop. On a new one she makes another identity; ada drops the lost keys.
    let lost = team.does("ada", "recipient show cleo").succeeds().text();
    let keys = lost.lines().filter_map(|line| line.split('"').nth(1));
    let keys: Vec<&str> = keys
        .filter(|key| key.starts_with("age1") || key.starts_with("ssh-ed25519"))
        .collect();
    let new = |words: &str| team.lab.clws(words).by("cleo-again");
    new("identity new cleo --keep file")
        .folder(team.lab.root())
        .succeeds();
    let sent = new("identity show").folder(team.lab.root()).succeeds().out;
    let mut update = team.does("ada", "recipient update cleo - --yes");
    for key in keys {
        update = update.word("--drop").word(key);
    }
    update.stdin(&sent).succeeds();
    team.pushes("ada", "cleo has a new laptop");
    team.clones("cleo-again");
    team.does("cleo-again", "trust accept --expect")
        .word(team.fingerprint())
        .succeeds();
    team.reads("cleo-again", "dev/web/MIKE", "meanwhile");
    team.sets("cleo-again", "dev/web/ZULU", "by cleo, again");
    team.pushes("cleo-again", "zulu");
    // Whoever has the old laptop pulls, and has nothing of it.
    team.pulls("cleo");
    team.does("cleo", "secret get dev/web/ZULU").exits(11);
    team.does("cleo", "secret set dev/web/ZULU")
        .stdin(b"x")
        .exits(13);

    // Ben kept his clone and his keys, and pulls for ever: what was given after he left stays closed to him,
    // at every commit that there is.
    team.pulls("ben");
    team.does("ben", "secret get prod/web/TOKEN").exits(11);
    let log = team.try_git(&team.clone_of("ben"), &["log", "--all", "--format=%H"]);
    let mut opened = Vec::new();
    for commit in String::from_utf8_lossy(&log.stdout).lines() {
        for path in [
            "prod/web/TOKEN",
            "dev/web/ZULU",
            "dev/web/MIKE",
            "dev/web/URL",
        ] {
            let got = team
                .does("ben", &format!("secret get {path} --at {commit}"))
                .run();
            if got.code == 0 {
                opened.push(got.text());
            }
        }
    }
    // What he could read while he was there he can read for ever, and that was said.
    assert!(
        opened.contains(&"of-the-first-day".to_owned()),
        "{opened:?}"
    );
    for later in ["of-a-new-day", "by cleo, again"] {
        assert!(!opened.contains(&later.to_owned()), "{opened:?}");
    }

    // In the evening all is as it should be, and in no place in clear.
    team.pulls("ada");
    team.reads("ada", "dev/web/ZULU", "by cleo, again");
    for who in ["ada", "cleo-again"] {
        team.finds_nothing(who);
    }
    let values = [
        "of-the-first-day",
        "of-a-new-day",
        "https://cleo.invalid",
        "by cleo, again",
    ];
    team.lab.nowhere(&values.map(str::to_owned));
    // Files in git are compressed: each object of each clone, and of the repository that they share.
    for clone in [
        "adas-clone",
        "bens-clone",
        "cleos-clone",
        "cleo-agains-clone",
        "origin.git",
    ] {
        let words = ["cat-file", "--batch-all-objects", "--batch"];
        let objects = team.try_git(&team.lab.root().join(clone), &words);
        assert!(
            objects.status.success() && contains(&objects.stdout, b"[secret.TOKEN]"),
            "{clone}"
        );
        for value in values {
            for form in forms(value) {
                assert!(!contains(&objects.stdout, &form), "{value} is in {clone}");
            }
        }
    }
}
