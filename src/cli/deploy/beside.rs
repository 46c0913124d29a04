//! The server beside the vault in a deploy: looked at for the plan, read when that is agreed to and before any host
//! is touched, asked for credentials where a component is brought.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cli::context::Context;
use crate::cli::runtime::runtime;
use crate::deploy::{Asked, Leased, LookedAt, Outside, Plan, Version};
use crate::error::{Code, Error, Problem};
use crate::hook::{Place, Reference};
use crate::identity::Config;
use crate::secret::Plain;
use crate::server::{Client, Kv, ServerError, Session, Unlent, unlent};
use crate::text::{clean_line, list};
use crate::time::Moment;

/// The server, and what was read there for one deploy.
pub(in crate::cli) struct Beside<'a> {
    cx: &'a Context,
    versions: BTreeMap<Place, Version>,
    stored: BTreeMap<Place, BTreeMap<String, Plain>>,
}

/// What was found of places that are stored.
type Found<T> = Vec<(Place, T)>;

impl<'a> Beside<'a> {
    pub(in crate::cli) fn new(cx: &'a Context) -> Self {
        Self {
            cx,
            versions: BTreeMap::new(),
            stored: BTreeMap::new(),
        }
    }

    /// Looks which versions the server has of what a plan names, and whether it would make what is leased. No
    /// value is read, and none is made.
    ///
    /// # Errors
    /// NOTFOUND for what is not there; [`ServerError`].
    pub(super) fn look(&mut self, plan: &mut Plan) -> Result<(), Error> {
        let all = plan.outside();
        if all.is_empty() {
            return Ok(());
        }
        let (leased, stored): (BTreeSet<Place>, _) = all
            .into_iter()
            .map(|reference| reference.place)
            .partition(Place::is_lease);
        let leased: Vec<String> = leased.iter().map(|place| place.path().to_owned()).collect();
        let (unlent, found) = runtime()?.block_on(self.seen(leased, stored))?;
        demand_lent(&unlent)?;
        for (place, seen) in found {
            match seen {
                Seen::Newest(version) => drop(self.versions.insert(place, version)),
                Seen::Nothing => return Err(nothing(&place).into()),
                // Its version is known when it is read.
                Seen::Denied => {}
            }
        }
        plan.learn(&self.versions);
        Ok(())
    }

    /// The versions of what is stored, as far as the token may look at them.
    ///
    /// # Errors
    /// [`ServerError`].
    pub(in crate::cli) async fn versions(
        &self,
        places: BTreeSet<Place>,
    ) -> Result<LookedAt, Error> {
        let (_, found) = self.seen(Vec::new(), places).await?;
        let mut looked = LookedAt {
            next: "a policy for it: path \"MOUNT/metadata/PATH\" { capabilities = [\"read\"] }"
                .to_owned(),
            ..LookedAt::default()
        };
        for (place, seen) in found {
            match seen {
                Seen::Newest(version) => drop(looked.versions.insert(place, version)),
                Seen::Nothing => drop(looked.gone.insert(place)),
                Seen::Denied => {}
            }
        }
        Ok(looked)
    }

    /// Which of these will not be made, and what there is of those that are stored.
    async fn seen(
        &self,
        leased: Vec<String>,
        stored: BTreeSet<Place>,
    ) -> Result<(Unlent, Found<Seen>), Error> {
        let kv = self.kv()?;
        let asked = async move |session: &Session| {
            let client = session.client();
            let unlent = match leased.as_slice() {
                [] => Unlent::default(),
                leased => unlent(client, leased).await?,
            };
            Ok((unlent, look_at(client, &kv, stored).await?))
        };
        self.cx.server()?.ask(asked).await
    }

    /// Reads what is stored, in the versions that were shown.
    ///
    /// # Errors
    /// NOTFOUND for a field that is not there; [`ServerError`].
    pub(super) fn read(&mut self, plan: &mut Plan) -> Result<(), Error> {
        let stored: Vec<Reference> = plan.outside().into_iter().collect();
        let stored = stored.into_iter().filter(|one| !one.place.is_lease());
        let stored: Vec<Reference> = stored.collect();
        if stored.is_empty() {
            return Ok(());
        }
        let places: BTreeSet<&Place> = stored.iter().map(|reference| &reference.place).collect();
        let places = places.into_iter().map(|place| {
            let version = self.versions.get(place).map(|version| version.number);
            (place.clone(), version)
        });
        let (places, kv): (Found<Option<u64>>, _) = (places.collect(), self.kv()?);
        let asked = self
            .cx
            .server()?
            .ask(async move |session| read_all(session.client(), &kv, places).await);
        for (place, read) in runtime()?.block_on(asked)? {
            let (number, made, fields) = read.ok_or_else(|| nothing(&place))?;
            let version = Version { number, made };
            if let Some(shown) = self.versions.get(&place)
                && *shown != version
            {
                let what = format!("`{}` changed on the server meanwhile", place.path());
                let problem = Problem::new(Code::Conflict, what);
                return Err(problem.hint("run the deploy again").into());
            }
            self.versions.insert(place.clone(), version);
            self.stored.insert(place, fields);
        }
        for reference in &stored {
            self.stored(reference)?;
        }
        plan.learn(&self.versions);
        Ok(())
    }

    /// Where documents lie there, as the person says.
    fn kv(&self) -> Result<Arc<str>, Error> {
        let config = Config::read(&self.cx.world)?;
        Ok(config.server.kv.as_deref().unwrap_or("secret").into())
    }
}

impl Outside for Beside<'_> {
    fn stored(&self, reference: &Reference) -> Result<Plain, Error> {
        let fields = self.stored.get(&reference.place);
        let value = fields.and_then(|fields| fields.get(&reference.field));
        value.map(Plain::duplicate).ok_or_else(|| {
            let there = fields.into_iter().flat_map(BTreeMap::keys);
            let there: Vec<String> = there.map(|key| clean_line(key)).take(20).collect();
            let (path, field) = (reference.place.path(), &reference.field);
            Problem::new(
                Code::NotFound,
                format!("`{path}` has no field `{field}` on the server"),
            )
            .note(format!("it has {}", list(&there)))
            .into()
        })
    }

    fn lease<'a>(&'a self, path: &str) -> Asked<'a, Leased> {
        let path = path.to_owned();
        Box::pin(async move {
            let asked = async move |session: &Session| session.lease(&path).await;
            let (id, fields) = self.cx.server()?.ask(asked).await?;
            Ok(Leased { id, fields })
        })
    }

    fn let_go<'a>(&'a self, id: &str) -> Asked<'a, Moment> {
        let (id, now) = (id.to_owned(), self.cx.world.now());
        Box::pin(async move {
            let asked = async move |session: &Session| session.let_go(&id, now).await;
            self.cx.server()?.ask(asked).await
        })
    }

    fn revoke<'a>(&'a self, id: &str) -> Asked<'a, ()> {
        let id = id.to_owned();
        Box::pin(async move {
            let asked = async move |session: &Session| session.end_lease(&id).await;
            self.cx.server()?.ask(asked).await
        })
    }
}

/// What can be seen of a place without reading it.
enum Seen {
    Newest(Version),
    Nothing,
    /// The token may not look at what lies around values.
    Denied,
}

/// The stores that places lie in: one for all that are below the person's, asked for once.
struct Stores<'a> {
    client: &'a Client,
    kv: &'a str,
    below: Option<Kv>,
}

impl<'a> Stores<'a> {
    fn new(client: &'a Client, kv: &'a str) -> Self {
        Self {
            client,
            kv,
            below: None,
        }
    }

    /// The store of a place, and its path there.
    async fn of<'p>(&mut self, place: &'p Place) -> Result<(Kv, &'p str), ServerError> {
        if let Place::Whole(path) = place {
            return Ok((Kv::find(self.client, path).await?, ""));
        }
        let kv = match &self.below {
            Some(kv) => kv.clone(),
            None => self
                .below
                .insert(Kv::find(self.client, self.kv).await?)
                .clone(),
        };
        Ok((kv, place.path()))
    }
}

async fn look_at(
    client: &Client,
    kv: &str,
    places: BTreeSet<Place>,
) -> Result<Found<Seen>, ServerError> {
    let mut stores = Stores::new(client, kv);
    let mut found = Vec::new();
    for place in places {
        let (store, path) = stores.of(&place).await?;
        let seen = match store.newest(client, path).await {
            Ok(Some((number, made))) => Seen::Newest(Version { number, made }),
            Ok(None) => Seen::Nothing,
            Err(error) if error.status() == Some(403) => Seen::Denied,
            Err(error) => return Err(error),
        };
        found.push((place, seen));
    }
    Ok(found)
}

type Read = (u64, String, BTreeMap<String, Plain>);

async fn read_all(
    client: &Client,
    kv: &str,
    places: Found<Option<u64>>,
) -> Result<Found<Option<Read>>, ServerError> {
    let mut stores = Stores::new(client, kv);
    let mut found = Vec::new();
    for (place, version) in places {
        let (store, path) = stores.of(&place).await?;
        let read = store.texts(client, path, version).await?;
        found.push((place, read));
    }
    Ok(found)
}

/// Refuses what the server will not make.
fn demand_lent(unlent: &Unlent) -> Result<(), Error> {
    if !unlent.denied.is_empty() {
        let what = format!("your token may not have {} made", list(&unlent.denied));
        let hint = "a policy for it: path \"MOUNT/creds/ROLE\" { capabilities = [\"read\"] }";
        return Err(Problem::new(Code::Denied, what).hint(hint).into());
    }
    let Some(first) = unlent.without_role.first() else {
        return Ok(());
    };
    let what = format!("the server has no role for {}", list(&unlent.without_role));
    let mount = first.rsplit_once("/creds/").map_or("", |(mount, _)| mount);
    let hint = format!("`bao list {mount}/roles` shows those that are there");
    Err(Problem::new(Code::NotFound, what).hint(hint).into())
}

/// There is nothing to be brought.
fn nothing(place: &Place) -> Problem {
    let what = format!("the server has no value at `{}`", place.path());
    let problem = Problem::new(Code::NotFound, what);
    match place {
        Place::Below(path) => problem.hint(format!(
            "`clws server push {path}` brings the vault's; `kv` in [server] of your config.toml says where \
             documents lie there"
        )),
        Place::Whole(_) | Place::Lease(_) => problem,
    }
}
