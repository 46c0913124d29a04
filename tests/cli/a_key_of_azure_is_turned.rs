//! `azure-key`: an account of Azure's has two keys, and the one that is given out always lets in. The other one is made
//! anew and given out; then the first one is made anew as well.

use crate::azure::{Azure, CLIENT, PASSWORD, TENANT};
use crate::lab::{Lab, Ran, Run};
use crate::terminal::Terminal;
use crate::tool::tool;

const PATH: &str = "prod/files/KEY";

const HOOK: &str = "[rotate.\"files/KEY\".azure-key]\nstorage = \"{{ settings.account }}\"\n\
                    resource_group = \"codalab-prod\"\nlogin = \"azure\"\n\n\
                    [settings.prod]\naccount = \"codalabfiles\"\n";

struct Site {
    lab: Lab,
    azure: Azure,
}

impl Site {
    fn new() -> Self {
        Self::with(HOOK, "codalabfiles", |key| key.to_owned())
    }

    /// The first key of the account is given out, in the form that `value` gives it.
    fn with(hook: &str, account: &str, value: impl Fn(&str) -> String) -> Self {
        let lab = Lab::new();
        let azure = Azure::new(lab.root(), account);
        let lab = lab
            .secret(PATH, &value(&azure.keys()[0]))
            .secret("prod/azure/AZURE_CLIENT_ID", CLIENT)
            .secret("prod/azure/AZURE_TENANT_ID", TENANT)
            .secret("prod/azure/AZURE_CLIENT_SECRET", PASSWORD);
        lab.clws(&format!("secret policy {PATH} --rotator azure-key"))
            .succeeds();
        let site = Self { lab, azure };
        site.hook(hook);
        site
    }

    fn copy(&self) -> Self {
        let lab = self.lab.copy();
        let azure = Azure::of(lab.root());
        Self { lab, azure }
    }

    fn hook(&self, text: &str) {
        std::fs::create_dir_all(self.lab.vault().join("hooks")).unwrap();
        std::fs::write(self.lab.vault().join("hooks/azure.toml"), text).unwrap();
        self.lab.clws("hook sign azure --yes").succeeds();
    }

    fn clws(&self, words: &str) -> Run<'_> {
        self.lab.clws(words).env("PATH", self.azure.path())
    }

    fn rotate(&self) -> Ran {
        self.clws(&format!("rotate {PATH} --yes")).run()
    }

    fn given_out(&self) -> String {
        self.lab
            .clws(&format!("secret get {PATH}"))
            .succeeds()
            .text()
    }

    #[track_caller]
    fn lets_in(&self) {
        let key = self.given_out();
        assert!(
            self.azure.keys().contains(&key),
            "the key that is given out lets nobody in"
        );
    }

    #[track_caller]
    fn is_at_rest(&self) {
        let text = std::fs::read_to_string(self.lab.vault().join("secrets/prod/files.toml"));
        assert!(!text.unwrap().contains("[pending."));
        self.clws("rotate --resume").exits(18);
        self.lab.clws("check --full").succeeds();
    }
}

#[track_caller]
fn done(ran: &Ran) {
    assert_eq!(ran.code, 0, "{}: {}", ran.words, ran.err);
}

#[test]
fn the_other_key_is_given_out_and_the_first_is_made_anew() {
    let site = Site::new();
    let [first, second] = site.azure.keys();
    let planned = site.clws(&format!("rotate {PATH} --dry-run")).succeeds();
    assert!(
        planned
            .err
            .contains("prod/files/KEY, by azure-key\n    at the storage account codalabfiles, whose other key is made anew"),
        "{}",
        planned.err
    );
    assert_eq!(site.azure.calls(), 0, "a plan asks nobody");
    done(&site.rotate());
    assert_eq!(site.azure.renewed(), ["key2", "key1"]);
    let now = site.azure.keys();
    assert_eq!(site.given_out(), now[1]);
    assert!(![&first, &second].contains(&&now[0]) && ![&first, &second].contains(&&now[1]));
    site.is_at_rest();
    // And in turn.
    done(&site.rotate());
    assert_eq!(site.azure.renewed(), ["key2", "key1", "key1", "key2"]);
    assert_eq!(site.given_out(), site.azure.keys()[0]);
    site.is_at_rest();
    // Names are all that it is told, and nothing of a login is left.
    let log = site.azure.log();
    assert!(
        log.contains("az storage account keys renew --account-name codalabfiles"),
        "{log}"
    );
    let keys = [first, second, now[0].clone(), now[1].clone()];
    for secret in keys.iter().map(String::as_str).chain([PASSWORD]) {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
    assert!(!log.contains("CLWS_"), "{log}");
    let folders: Vec<&str> = log
        .lines()
        .filter_map(|line| line.strip_prefix("AZURE_CONFIG_DIR="))
        .collect();
    assert!(folders.len() > 8);
    for folder in folders {
        assert!(!std::path::Path::new(folder).exists(), "{folder}");
    }
}

#[test]
fn a_batch_account_and_a_connection_string_go_the_same_way() {
    let hook = "[rotate.\"files/KEY\".azure-key]\nbatch = \"codalabbatch\"\n\
                resource_group = \"codalab-prod\"\nsubscription = \"Pay As You Go\"\nlogin = \"azure\"\n";
    let site = Site::with(hook, "codalabbatch", str::to_owned);
    done(&site.rotate());
    site.lets_in();
    assert_eq!(site.azure.renewed(), ["key2", "key1"]);
    let log = site.azure.log();
    assert!(
        log.contains("az batch account keys renew --name codalabbatch"),
        "{log}"
    );
    assert!(
        log.contains("--subscription Pay As You Go --key-name secondary"),
        "{log}"
    );

    let string = |key: &str| {
        format!(
            "DefaultEndpointsProtocol=https;AccountName=codalabfiles;AccountKey={key};EndpointSuffix=core.windows.net"
        )
    };
    let site = Site::with(HOOK, "codalabfiles", string);
    done(&site.rotate());
    assert_eq!(site.given_out(), string(&site.azure.keys()[1]));
}

/// Killed at each call of `az`, before or after it took effect: what is given out lets in, and both ways lead on.
#[test]
fn at_no_moment_there_is_no_key_that_lets_in() {
    let begin = Site::new();
    let old = begin.given_out();
    let whole = begin.copy();
    done(&whole.rotate());
    let calls = whole.azure.calls();
    assert!(calls >= 12, "{calls} calls");
    let mut refused = 0;
    // A fault that is told leaves what a kill before it leaves.
    let log = whole.azure.log();
    let asked = log.lines().filter(|line| line.starts_with("az "));
    let renews = asked.zip(1..).filter(|(line, _)| line.contains(" renew "));
    let renews: Vec<usize> = renews.map(|(_, at)| at).collect();
    assert_eq!(renews.len(), 2);
    let stops = (1..=calls).map(|at| (at, "before"));
    let stops = stops.chain(renews.into_iter().map(|at| (at, "after")));
    for (at, how) in stops.chain((1..=calls).step_by(4).map(|at| (at, "fault"))) {
        let site = begin.copy();
        site.azure.stops(at, how);
        assert_ne!(site.rotate().code, 0, "{how} {at}");
        site.lets_in();
        site.azure.stops(0, "never");
        let back = site.copy();
        // Before a new value was made nothing is under way.
        let resumed = site.clws("rotate --resume --yes").run();
        match resumed.code {
            18 => done(&site.rotate()),
            _ => done(&resumed),
        }
        site.lets_in();
        assert_ne!(site.given_out(), old, "{how} {at}");
        let keys = site.azure.keys();
        assert!(
            !keys.contains(&old),
            "{how} {at}: the old one still lets in"
        );
        site.is_at_rest();

        let undone = back.clws("rotate --undo --yes").run();
        match undone.code {
            0 | 18 => assert_eq!(back.given_out(), old, "{how} {at}"),
            // It was made anew, and Azure gives none back.
            22 => {
                refused += 1;
                let err = &undone.err;
                assert!(err.contains("Azure gives no key back"), "{err}");
                assert!(
                    err.contains(&format!("clws rotate --resume {PATH}")),
                    "{err}"
                );
                back.lets_in();
                done(&back.clws("rotate --resume --yes").run());
            }
            _ => panic!("{how} {at}: {}", undone.err),
        }
        back.lets_in();
        back.is_at_rest();
    }
    assert!(
        refused > 0,
        "none was stopped after the old key was withdrawn"
    );
}

/// A person is asked what lets in before an undo relies on it.
#[test]
fn a_key_that_was_withdrawn_is_not_given_out_again_by_hand_either() {
    let begin = Site::new();
    let old = begin.given_out();
    let whole = begin.copy();
    done(&whole.rotate());
    let log = whole.azure.log();
    let asked = log.lines().filter(|line| line.starts_with("az "));
    let renews = asked.zip(1..).filter(|(line, _)| line.contains(" renew "));
    let last = renews.last().unwrap().1;
    let stopped = |how: &str| {
        let site = begin.copy();
        site.azure.stops(last, how);
        assert_ne!(site.rotate().code, 0, "{how}");
        site.azure.stops(0, "never");
        site
    };
    let undo = |site: &Site| {
        let [first, second] = site.azure.keys();
        site.lab
            .clws("rotate --undo --yes")
            .env("PATH", "/nowhere")
            .stdin(format!("{first}\n{second}\n").as_bytes())
            .run()
    };
    let site = stopped("after");
    assert!(!site.azure.keys().contains(&old));
    let ran = undo(&site);
    assert_eq!(ran.code, 22, "{}", ran.err);
    assert!(ran.err.contains("Azure gives no key back"), "{}", ran.err);
    site.lets_in();
    let site = stopped("before");
    done(&undo(&site));
    assert_eq!(site.given_out(), old);
    site.lets_in();
}

#[test]
fn what_az_says_is_made_safe_and_says_no_key() {
    let site = Site::new();
    site.azure.stops(3, "fault");
    let ran = site.rotate();
    assert_eq!(ran.code, 22, "{}", ran.err);
    assert!(
        ran.err
            .contains("the storage account codalabfiles: `az storage account keys list`"),
        "{}",
        ran.err
    );
    assert!(
        !ran.err.contains('\u{1b}') && !ran.err.contains(PASSWORD),
        "{}",
        ran.err
    );
    assert!(!ran.err.contains(&site.azure.keys()[0]), "{}", ran.err);
    assert!(
        ran.err.contains("what is given out is as it was"),
        "{}",
        ran.err
    );
    assert_eq!(site.azure.renewed(), [""; 0]);
    // A principal that is not let in.
    site.azure.stops(99, "never");
    site.azure.write("password", "another one");
    let ran = site.rotate();
    assert_eq!(ran.code, 22, "{}", ran.err);
    assert!(ran.err.contains("AADSTS7000215"), "{}", ran.err);
    site.is_at_rest();
}

#[test]
fn a_value_that_is_none_of_its_keys_is_left_alone() {
    let site = Site::with(HOOK, "codalabfiles", |_| {
        "some-other-value-altogether".to_owned()
    });
    let ran = site.rotate();
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(
        ran.err.contains("neither key of the account"),
        "{}",
        ran.err
    );
    assert_eq!(site.azure.renewed(), [""; 0]);
    site.is_at_rest();
}

#[test]
fn the_account_is_a_deployers_word() {
    let site = Site::new();
    let file = site.lab.vault().join("hooks/azure.toml");
    std::fs::write(&file, HOOK.replace("codalabfiles", "mallory")).unwrap();
    assert_eq!(site.rotate().code, 13);
    for (from, to, code, why) in [
        (
            "\"codalabfiles\"",
            "\"--debug\"",
            17,
            "no name of an account",
        ),
        ("\"codalab-prod\"", "\"-g x\"", 17, "no resource group"),
        (
            "storage = ",
            "batch = \"codalab\"\nstorage = ",
            17,
            "of one account",
        ),
        ("files/KEY", "files/OTHER", 17, "no hook says which account"),
        (
            "[settings.prod]",
            "[rotate.\"files/SECOND\".azure-key]\nstorage = \"codalabfiles\"\n\
             resource_group = \"codalab-prod\"\n\n[settings.prod]",
            17,
            "an account has one secret",
        ),
    ] {
        assert!(HOOK.contains(from));
        // Whoever signs must be able to deploy all that it names, so a name of nothing is not signed.
        std::fs::write(&file, HOOK.replace(from, to)).unwrap();
        site.lab.clws("hook sign azure --yes").succeeds();
        let ran = site.rotate();
        assert_eq!(ran.code, code, "{to}: {}", ran.err);
        assert!(ran.err.contains(why), "{to}: {}", ran.err);
    }
    assert_eq!(site.azure.calls(), 0);
    // Somebody who may deploy other things has no say in it.
    let lab = Site::new().lab.people(&["ben"]);
    lab.clws("access grant ben dev --deploy --read --yes")
        .succeeds();
    lab.accepted_by(&["ben"]);
    std::fs::write(
        lab.vault().join("hooks/azure.toml"),
        HOOK.replace("codalabfiles", "benbenben"),
    )
    .unwrap();
    lab.clws("hook sign azure --yes").by("ben").succeeds();
    lab.clws(&format!("rotate {PATH} --yes")).exits(13);
}

#[test]
fn without_a_principal_the_persons_own_login_serves() {
    let site = Site::with(
        &HOOK.replace("login = \"azure\"\n", ""),
        "codalabfiles",
        str::to_owned,
    );
    let ran = site.rotate();
    assert_eq!(ran.code, 22, "{}", ran.err);
    assert!(ran.err.contains("Please run 'az login'"), "{}", ran.err);
    let own = site.lab.root().join("own-azure");
    std::fs::create_dir(&own).unwrap();
    std::fs::write(own.join("service_principal_entries.json"), "logged in").unwrap();
    site.clws(&format!("rotate {PATH} --yes"))
        .env("AZURE_CONFIG_DIR", own.display().to_string())
        .succeeds();
    site.lets_in();
    assert!(!site.azure.log().contains("az login"));
}

/// A program of that name beside the vault is no program of PATH.
#[test]
fn where_az_is_not_a_person_does_it_by_steps() {
    let site = Site::new();
    let [first, second] = site.azure.keys();
    let by_hand = || {
        site.lab
            .clws(&format!("rotate {PATH} --yes"))
            .env("PATH", ".:/nowhere")
    };
    std::fs::copy(
        site.lab.root().join("azure/az"),
        site.lab.vault().join("az"),
    )
    .unwrap();
    // The first key is in use, so the second is wanted.
    let ran = by_hand()
        .stdin(format!("{first}\na-third-key-that-the-portal-made==\n").as_bytes())
        .succeeds();
    for step in [
        "  1. open the storage account codalabfiles (resource group codalab-prod) in the Azure portal",
        "  2. give the first key as it is now",
        "  3. rotate key2 of the storage account codalabfiles, and no other",
        "  4. give the new value here",
        "  5. rotate the other key of the storage account codalabfiles: the one that was rotated longer ago",
    ] {
        assert!(ran.err.contains(step), "{step}: {}", ran.err);
    }
    assert_eq!(site.given_out(), "a-third-key-that-the-portal-made==");
    assert_eq!(site.azure.calls(), 0);
    site.is_at_rest();
    // Neither is.
    let ran = by_hand()
        .stdin(format!("{first}\n{second}\nx\n").as_bytes())
        .exits(2);
    assert!(
        ran.err.contains("neither key of the account"),
        "{}",
        ran.err
    );
    by_hand().stdin(format!("{first}\n").as_bytes()).exits(10);
    site.is_at_rest();
    // On a terminal, without an echo: the second is in use, so the first is wanted.
    let bare = site.lab.root().join("bare");
    std::fs::create_dir(&bare).unwrap();
    std::os::unix::fs::symlink(tool("setsid"), bare.join("setsid")).unwrap();
    let typing = site
        .lab
        .clws(&format!("rotate {PATH} --yes"))
        .env("PATH", bare.display().to_string())
        .command();
    let mut person = Terminal::controlling(&typing);
    person
        .shows("key1 as it is now: ")
        .types(&format!("{first}\n"));
    person
        .shows("key2 as it is now: ")
        .types("a-third-key-that-the-portal-made==\n");
    person.shows("3. rotate key1 of");
    for prompt in ["value for prod/files/KEY: ", "once more: "] {
        person.shows(prompt).types("a-fourth-key-of-the-portal==\n");
    }
    let (code, seen) = person.ends();
    assert_eq!(code, 0, "{seen}");
    assert!(
        !seen.contains("a-fourth-key") && !seen.contains("a-third-key"),
        "{seen}"
    );
    assert_eq!(site.given_out(), "a-fourth-key-of-the-portal==");
}

#[test]
fn what_waits_is_turned_where_nobody_has_to_be_asked() {
    let site = Site::new();
    site.lab
        .clws(&format!("secret policy {PATH} --rotate-every 1d"))
        .succeeds();
    let old = site.given_out();
    // Exposed by who left.
    let lab = &site.lab;
    lab.clws("identity new ben --keep file")
        .by("ben")
        .succeeds();
    let party = lab.clws("identity show").by("ben").succeeds().out;
    lab.clws("recipient add ben - --yes")
        .stdin(&party)
        .succeeds();
    lab.clws("access grant ben prod/files --read --yes")
        .succeeds();
    lab.clws("recipient remove ben --yes").succeeds();
    let left = lab.clws("rotate --due --yes").env("PATH", "/nowhere").run();
    assert_eq!(left.code, 0, "{}", left.err);
    assert!(left.text().contains(PATH), "{}", left.text());
    assert_eq!(site.given_out(), old);
    let turned = site.clws("rotate --due --yes").run();
    assert_eq!(turned.code, 0, "{}", turned.err);
    assert_ne!(site.given_out(), old);
    site.lets_in();
}
