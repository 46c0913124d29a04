//! The rules: signed as they lie, following from what this machine accepted, and readable.

use super::{Check, Finding, Kind};
use crate::error::{Code, Error, Explain, MERGE};
use crate::recipients::{ACCESS_FILE, Access, Party, party_file};
use crate::text::list;
use crate::trust::{
    Difference, PROPOSAL_FOLDER, Proposed, Rules, SETTINGS_FILE, Settings, Standing, follow,
    newest_number, proposal_files, read_to_verify, read_version, rule_files, version_file,
};

impl Check<'_> {
    pub(super) fn rules(&mut self) -> Result<(), Error> {
        self.standing();
        self.chain();
        match rule_files(self.vault.tree()) {
            Ok(files) => {
                let before = self.findings.len();
                for (file, bytes) in &files {
                    self.rule_file(file, bytes);
                }
                // Where each reads, they are held together.
                if self.findings.len() == before
                    && let Err(error) = Rules::new(files).check()
                {
                    self.add(Finding::of(Kind::Rules, "recipients", &error));
                }
            }
            Err(error) => self.add(Finding::of(Kind::Rules, "recipients", &error)),
        }
        match self.vault.trust().differences(self.vault.tree()) {
            Ok(differences) => {
                for difference in differences {
                    self.add(of_difference(&difference));
                }
            }
            Err(error) => self.add(Finding::of(Kind::Rules, "recipients", &error)),
        }
        self.deciding_keys();
        self.proposal();
        self.public_parties()
    }

    /// A key that its party gave up, on a lost laptop say, must not decide any longer.
    fn deciding_keys(&mut self) {
        let tree = self.vault.tree();
        let standing = self.vault.trust().standing;
        if !matches!(standing, Standing::Current | Standing::Unpinned) {
            return;
        }
        // What does not read is said elsewhere.
        let Ok(version) = newest_number(tree).and_then(|number| read_version(tree, number)) else {
            return;
        };
        for (name, key) in &version.admins {
            let party = match self.vault.party_if_known(name) {
                Ok(party) => party,
                Err(error) => {
                    self.add(Finding::of(Kind::Rules, party_file(name), &error));
                    continue;
                }
            };
            if party.is_some_and(|party| party.signs_with(key)) {
                continue;
            }
            let why = format!(
                "{name} decides about the rules with {}, and the party {name} does not sign with it",
                key.fingerprint()
            );
            let next = format!("clws trust sign --admin {name}, or --without-admin {name}");
            self.add(Finding::new(Kind::Rules, version_file(version.number), why).next(next));
        }
    }

    /// What is proposed, and who is waited for.
    fn proposal(&mut self) {
        let withdraw = format!("rm -r {PROPOSAL_FOLDER}");
        let finding = match self.vault.trust().proposed(self.vault.tree()) {
            Ok((_, Proposed::Nothing)) => return,
            Ok((_, Proposed::Stale(number))) => {
                let why = format!(
                    "a proposal of trust version {number} that follows on another version than is here"
                );
                Finding::new(Kind::Proposal, PROPOSAL_FOLDER, why).next(withdraw)
            }
            Ok((before, Proposed::Open(open))) => {
                let state = open.state(&before);
                let why = format!("trust version {} is proposed, {state}", open.version.number);
                let next = "clws trust diff, then clws trust sign";
                Finding::new(Kind::Proposal, PROPOSAL_FOLDER, why).next(next)
            }
            // What it would follow on does not read, and is named itself.
            Err(_) if proposal_files(self.vault.tree()).is_ok_and(|files| files.is_empty()) => {
                return;
            }
            Err(error) => Finding::of(Kind::Rules, PROPOSAL_FOLDER, &error),
        };
        self.add(finding);
    }

    /// How the tree's newest version stands to what this machine accepted.
    fn standing(&mut self) {
        let path = "recipients/trust";
        let accepted = self.vault.trust().accepted.number();
        match self.vault.trust().standing {
            Standing::Current => {}
            Standing::Unpinned => {
                let why = "this machine has not accepted the vault, so nothing is compared with what \
                           it has seen";
                let next = "clws trust show, then --expect FINGERPRINT@N";
                self.add(Finding::new(Kind::FirstUse, path, why).next(next));
            }
            Standing::Forgotten => {
                let fault = self.vault.trust().fault(self.vault.tree());
                self.add(Finding::of(Kind::Pin, path, &fault));
            }
            Standing::Broken => {
                let fault = self.vault.trust().fault(self.vault.tree());
                self.add(Finding::of(Kind::Trust, path, &fault));
            }
            Standing::Older => {
                let why = format!(
                    "the rules here are older than version {accepted}, which this machine accepted"
                );
                self.add(Finding::new(Kind::Trust, path, why).next(MERGE));
            }
            Standing::Sibling => {
                let error = self.vault.trust().sibling(self.vault.tree());
                let error = error.unwrap_or_else(|error| error);
                self.add(Finding::of(Kind::Trust, path, &error));
            }
        }
    }

    /// Every version follows from the one before, from the first on.
    fn chain(&mut self) {
        let tree = self.vault.tree();
        let newest = match newest_number(tree) {
            Ok(newest) => newest,
            Err(error) => return self.add(Finding::of(Kind::Trust, "recipients/trust", &error)),
        };
        // What does not read of them is said elsewhere, and none is then known.
        let accepted = self.vault.trust().pins.chain().unwrap_or_default();
        let mut before = None;
        for number in 1..=newest {
            let file = version_file(number);
            let mut version = match read_to_verify(tree, number, &accepted) {
                Ok(version) => version,
                Err(error) => return self.add(Finding::of(Kind::Trust, file, &error)),
            };
            let follows = match &before {
                None => version.check_founding(),
                Some(before) => follow(tree, &mut version, before).map(drop),
            };
            if let Err(error) = follows {
                self.add(Finding::of(Kind::Trust, file, &error));
            }
            before = Some(version);
        }
    }

    /// Every secret that the settings name is there.
    fn named(&mut self, settings: &Settings) {
        for (what, path) in settings.named() {
            let found = self.vault.find_secret(path);
            let found = found.and_then(|secret| self.vault.peek(&secret));
            // What else is wrong with it is said where it lies.
            if let Err(error) = found
                && matches!(error.code(), Code::NotFound | Code::Usage)
            {
                let why = format!("{what} is `{}`: {}", path.as_str(), error.message());
                let next = format!(
                    "clws secret set {}, or take it out of {SETTINGS_FILE} and clws trust sign",
                    path.as_str()
                );
                self.add(Finding::new(Kind::Missing, SETTINGS_FILE, why).next(next));
            }
        }
    }

    fn rule_file(&mut self, file: &str, bytes: &[u8]) {
        let read = match file {
            SETTINGS_FILE => Settings::parse(bytes).map(|settings| self.named(&settings)),
            ACCESS_FILE => Access::parse(bytes).map(drop),
            _ => Party::parse(bytes).map(drop),
        };
        if let Err(error) = read {
            let why = format!("{file}, {error}");
            let next = error.hints().into_iter().next();
            self.add(Finding::new(Kind::Form, file, why).next(next.unwrap_or_default()));
        }
    }

    /// Parties whose private halves everybody has, and what everybody can therefore read.
    fn public_parties(&mut self) -> Result<(), Error> {
        let accepted = &self.vault.trust().accepted;
        for name in accepted.party_names()? {
            match self.vault.party(&name) {
                Ok(party) if party.public => {}
                Ok(_) => continue,
                Err(error) => {
                    self.add(Finding::of(Kind::Rules, party_file(&name), &error));
                    continue;
                }
            }
            let reads = |prefix: &&String| {
                let rights = accepted.rights(prefix);
                rights.is_some_and(|rights| rights.readers.contains(&name))
            };
            let prefixes: Vec<&String> = accepted.access().rules.keys().filter(reads).collect();
            let what = match prefixes.as_slice() {
                [] => "nothing".to_owned(),
                some => list(some),
            };
            let why = format!("{name} is public on purpose: everybody can read {what}");
            let path = party_file(&name);
            self.add(Finding::new(Kind::PublicParty, path, why));
        }
        Ok(())
    }
}

fn of_difference(difference: &Difference) -> Finding {
    let why = match difference {
        Difference::Changed(_) => "it is not what the newest trust version signed",
        Difference::Added(_) => "no trust version lists it",
        Difference::Missing(_) => "the newest trust version lists it, and it is not there",
    };
    let next = "clws trust diff; then clws trust sign, or git checkout";
    Finding::new(Kind::Rules, difference.file(), why).next(next)
}
