//! Credentials that a server makes for one component on one host: asked for when the component is brought, one
//! lease for each place, ended when nothing uses them any more.
//!
//! What runs keeps using some of them. Their leases are then left to the server; their names lie in the folder of
//! the deploy, `leases`, in memory beside the values, so that whoever brings the next one can end them. The
//! receipt has a fingerprint and the end.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::place::Opened;
use crate::crypto::{hex, sha256};
use crate::deploy::plan::ComponentPlan;
use crate::deploy::plan::outside::{Leased, Outside};
use crate::deploy::receipt::{Lent, Receipt};
use crate::deploy::target::Target;
use crate::deploy::target::put::File;
use crate::error::{Code, Error, Problem};
use crate::hook::Place;
use crate::secret::Plain;
use crate::text::{clean_line, list};
use crate::time::Moment;
use crate::world::World;

/// The file with the names of the leases.
const FILE: &str = "leases";

/// A server's names of leases have about 60 characters behind what made them.
const LONGEST: usize = 1024;

/// A lease of this run.
struct Held {
    path: String,
    leased: Leased,
    since: Moment,
    /// Whether something that runs uses it.
    is_kept: bool,
}

/// The leases of one component on one host.
pub(in crate::deploy) struct Leases<'a> {
    outside: &'a dyn Outside,
    world: &'a World,
    warn: &'a dyn Fn(&str),
    /// Whose they are, for people.
    whose: String,
    held: RefCell<Vec<Held>>,
}

/// A lease of an earlier run.
pub(in crate::deploy) struct Old {
    path: String,
    /// Its name; none where the folder that it lay in is gone.
    id: Option<String>,
    ends: Moment,
}

impl<'a> Leases<'a> {
    pub(in crate::deploy) fn new(
        outside: &'a dyn Outside,
        world: &'a World,
        warn: &'a dyn Fn(&str),
        whose: String,
    ) -> Self {
        Self {
            outside,
            world,
            warn,
            whose,
            held: RefCell::default(),
        }
    }

    /// Adds what a plan is given by a server to what was opened.
    ///
    /// # Errors
    /// What the server says; NOTFOUND for a field that it does not give.
    pub(in crate::deploy) async fn add(
        &self,
        plan: &ComponentPlan,
        opened: &mut Opened,
    ) -> Result<(), Error> {
        for (name, reference) in plan.outside.iter() {
            let value = match &reference.place {
                Place::Lease(path) => self.field(path, &reference.field).await?,
                Place::Below(_) | Place::Whole(_) => self.outside.stored(reference)?,
            };
            opened.insert(name.clone(), value);
        }
        Ok(())
    }

    /// A field of what a place made for this component; it is asked once.
    async fn field(&self, path: &str, field: &str) -> Result<Plain, Error> {
        let is_here = |held: &Held| held.path == path;
        if !self.held.borrow().iter().any(is_here) {
            let since = self.world.now();
            let leased = self.outside.lease(path).await?;
            let is_sound = is_id_of(path, &leased.id);
            let held = Held {
                path: path.to_owned(),
                leased,
                since,
                is_kept: false,
            };
            // From now on it is ended, whatever becomes of it.
            self.held.borrow_mut().push(held);
            if !is_sound {
                let what = format!("the lease that `{path}` gave is none of its own");
                return Err(Problem::new(Code::DataErr, what).into());
            }
        }
        let held = self.held.borrow();
        let fields = held.iter().find(|held| is_here(held));
        let fields = fields.map(|held| &held.leased.fields);
        let value = fields.and_then(|fields| fields.get(field));
        value.map(Plain::duplicate).ok_or_else(|| {
            let there = fields
                .into_iter()
                .flat_map(BTreeMap::keys)
                .map(|key| clean_line(key));
            let there: Vec<String> = there.take(20).collect();
            Problem::new(Code::NotFound, format!("`{path}` gives no field `{field}`"))
                .note(format!("it gives {}", list(&there)))
                .into()
        })
    }

    /// The file with the names of what is kept, if anything is.
    pub(in crate::deploy) fn file(&self, plan: &ComponentPlan, folder: &str) -> Option<File> {
        let kept = plan.kept_leases();
        let held = self.held.borrow();
        let kept = held.iter().filter(|held| kept.contains(held.path.as_str()));
        let lines: String = kept.map(|held| format!("{}\n", held.leased.id)).collect();
        (!lines.is_empty()).then(|| File {
            path: format!("{folder}/{FILE}"),
            mode: 0o600,
            owner: None,
            content: Plain::new(lines.into_bytes()),
        })
    }

    /// Leaves what runs the leases that it uses, as long as the server lets them last; says until when.
    ///
    /// # Errors
    /// That one has ended.
    pub(in crate::deploy) async fn let_go(
        &self,
        plan: &ComponentPlan,
    ) -> Result<BTreeMap<String, Lent>, Error> {
        let kept = plan.kept_leases();
        let all: Vec<(String, String, Moment)> = {
            let held = self.held.borrow();
            let kept = held.iter().filter(|held| kept.contains(held.path.as_str()));
            kept.map(|held| (held.path.clone(), held.leased.id.clone(), held.since))
                .collect()
        };
        let mut lent = BTreeMap::new();
        for (path, id, since) in all {
            let ends = self.outside.let_go(&id).await?;
            for held in self.held.borrow_mut().iter_mut() {
                held.is_kept |= held.leased.id == id;
            }
            let fingerprint = fingerprint(&id);
            let (since, ends) = (since.seconds(), ends.seconds());
            lent.insert(
                path,
                Lent {
                    fingerprint,
                    since,
                    ends,
                },
            );
        }
        Ok(lent)
    }

    /// Nothing that runs uses them after all.
    pub(in crate::deploy) fn take_back(&self) {
        for held in self.held.borrow_mut().iter_mut() {
            held.is_kept = false;
        }
    }

    /// Of these, what a target's receipt speaks of is in use, and nothing else.
    pub(in crate::deploy) fn settle(&self, receipt: Option<&Receipt>) {
        let lent = receipt
            .into_iter()
            .flat_map(|receipt| receipt.leases.values());
        let known: BTreeSet<&String> = lent.map(|lent| &lent.fingerprint).collect();
        for held in self.held.borrow_mut().iter_mut() {
            held.is_kept &= known.contains(&fingerprint(&held.leased.id));
        }
    }

    /// Ends what nothing uses, and says when the rest ends.
    pub(in crate::deploy) async fn end(self) {
        for held in self.held.into_inner() {
            if held.is_kept {
                continue;
            }
            if let Err(error) = self.outside.revoke(&held.leased.id).await {
                let (whose, path) = (&self.whose, &held.path);
                (self.warn)(&format!(
                    "{whose}: what `{path}` made lasts until its lease ends: {}",
                    error.message()
                ));
            }
        }
    }

    /// Ends those of an earlier run.
    pub(in crate::deploy) async fn end_old(&self, old: Vec<Old>) {
        for Old { path, id, ends } in old {
            if ends <= self.world.now() {
                continue;
            }
            let why = match id {
                Some(id) => match self.outside.revoke(&id).await {
                    Ok(()) => continue,
                    Err(error) => error.message(),
                },
                None => "its name went with the folder of that deploy".to_owned(),
            };
            (self.warn)(&format!(
                "{}: what `{}` made before lasts until {ends}: {why}",
                self.whose,
                clean_line(&path)
            ));
        }
    }

    /// Says until when what runs can use its credentials.
    pub(in crate::deploy) fn tell(&self, lent: &BTreeMap<String, Lent>) {
        for (path, lent) in lent {
            (self.warn)(&format!(
                "{}: what `{path}` made for it ends {}, and nobody renews it: deploy again before",
                self.whose,
                Moment::from_seconds(lent.ends)
            ));
        }
    }
}

/// The leases of a receipt, with their names as far as those are still there.
///
/// # Errors
/// [`crate::channel::ChannelError`].
pub(in crate::deploy) async fn of_receipt(
    target: &Target,
    receipt: &Receipt,
) -> Result<Vec<Old>, Error> {
    if receipt.leases.is_empty() {
        return Ok(Vec::new());
    }
    let script = r#"cat "$1" 2>/dev/null; exit 0"#;
    let file = format!("{}/{FILE}", receipt.place);
    let text = target.sh("look at its leases", script, &[&file]).await?;
    let old = receipt.leases.iter().map(|(path, lent)| {
        // The host may write there what it likes, and is not to choose what we end.
        let mut ids = text.lines().filter(|id| is_id_of(path, id));
        Old {
            path: path.clone(),
            id: ids
                .find(|id| fingerprint(id) == lent.fingerprint)
                .map(str::to_owned),
            ends: Moment::from_seconds(lent.ends),
        }
    });
    Ok(old.collect())
}

/// What says of two leases whether they are one, and tells no name.
fn fingerprint(id: &str) -> String {
    hex(&sha256(id.as_bytes())).chars().take(16).collect()
}

/// Whether a name is one of a lease that this place made.
fn is_id_of(path: &str, id: &str) -> bool {
    let own = id
        .strip_prefix(path)
        .and_then(|rest| rest.strip_prefix('/'));
    let is_one = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    id.len() <= LONGEST
        && own.is_some_and(|own| own.contains(|c: char| c != '.') && own.chars().all(is_one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_one_of_what_made_it() {
        let path = "database/creds/app";
        assert!(is_id_of(
            path,
            "database/creds/app/GP2cMnMbvzmLuHTB0F7GUWWi"
        ));
        assert!(is_id_of(
            path,
            "database/creds/app/GP2cMnMbvzmLuHTB0F7GUWWi.ab12"
        ));
        for id in [
            "",
            "database/creds/app",
            "database/creds/app/",
            "database/creds/other/GP2c",
            "database/creds/app/../other/GP2c",
            "database/creds/app/..",
            "database/creds/app/a b",
            "database/creds/app/a\n",
        ] {
            assert!(!is_id_of(path, id), "{id}");
        }
        assert!(!is_id_of(path, &format!("{path}/{}", "a".repeat(LONGEST))));
    }

    #[test]
    fn two_thirds_of_its_time_a_lease_is_fresh() {
        let fresh = |since, ends, now| {
            let fingerprint = String::new();
            let lent = Lent {
                fingerprint,
                since,
                ends,
            };
            lent.is_fresh(Moment::from_seconds(now))
        };
        assert!(fresh(100, 400, 299) && !fresh(100, 400, 300));
        // What a host may have written.
        assert!(!fresh(400, 100, 200) && !fresh(i64::MIN, i64::MAX, 0));
        assert!(!fresh(0, i64::MAX, -1) && fresh(0, i64::MAX, 1));
    }
}
