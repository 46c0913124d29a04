//! A component that is a container: what the hook declares, turned into what the engine is asked for.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::place::{self, Given, IN_CONTAINER, Opened, fill, fill_all, wrong};
use crate::deploy::plan::ComponentPlan;
use crate::deploy::target::put::{File, Folders, put};
use crate::deploy::target::{Target, leftover};
use crate::docker::{
    Container, Engine, FileMount, HealthCheck, Image, Mount, PLACE, Port, Protocol, Restart,
    Secrets,
};
use crate::error::Error;
use crate::hook::times::{HEALTH, parse_duration};
use crate::hook::{ContainerHook, HealthHook};
use crate::secret::Plain;
use crate::text::clean_line;

/// Whether the daemon starts the container again on a host that is not prepared for boots, and on any
/// while it has not answered yet.
pub(in crate::deploy) fn restart_of(hook: &ContainerHook) -> Restart {
    match hook.restarts {
        0 => Restart::No,
        tries => Restart::OnFailure(tries),
    }
}

/// The file in a deploy's folder that says which container it is for.
pub(in crate::deploy) fn mark(plan: &ComponentPlan, hook: &ContainerHook, folder: &str) -> File {
    File {
        path: format!("{folder}/{}", leftover::CONTAINER),
        mode: 0o600,
        owner: None,
        content: Plain::from(plan.container_name(hook).as_str()),
    }
}

/// Refuses an image whose own user could not read the file of variables: without a `user` in the hook it is root's.
/// Without root on the target it is that of whoever deploys.
///
/// # Errors
/// [`HookError`](crate::hook::HookError).
pub(in crate::deploy) fn demand_reader(
    target: &Target,
    plan: &ComponentPlan,
    hook: &ContainerHook,
    image: &Image,
) -> Result<(), Error> {
    let is_root = image.user.as_deref().is_none_or(is_root);
    let hidden = plan.hook.hook.env.values().any(|value| !value.is_visible());
    if is_root || hook.user.is_some() || target.facts.uid != 0 || !hidden {
        return Ok(());
    }
    let user = clean_line(image.user.as_deref().unwrap_or_default());
    let why = format!(
        "the image `{}` runs as `{user}`, who cannot read [env]: name a uid as its `user`",
        image.name
    );
    Err(wrong(plan, why).into())
}

/// Whether an image's USER is root: `USER[:GROUP]`.
fn is_root(user: &str) -> bool {
    let user = user.split(':').next().unwrap_or_default();
    user == "root" || user.parse() == Ok(0)
}

/// Places a container's files below `folder`, and those that come along, and says what the container is.
pub(in crate::deploy) async fn prepare(
    target: &Target,
    engine: &Engine,
    plan: &ComponentPlan,
    folder: &str,
    opened: &Opened,
    given: Given<'_>,
    mut placed: Vec<File>,
) -> Result<Container, Error> {
    let hook = plan
        .hook
        .hook
        .container
        .as_ref()
        .ok_or_else(|| wrong(plan, "it has no [container]"))?;
    let names = names(plan, target);
    let traits = engine.traits().await?;
    let user = hook
        .user
        .as_deref()
        .map(|user| fill(plan, &names, user))
        .transpose()?;
    let mount = format!("{folder}/mount");
    // Under user namespaces a file must belong to the uid that the container's user is outside.
    let owner = |uid: &str| -> Result<String, Error> {
        let base = traits.mapped_root.map_or(0, |(uid, _)| uid);
        let why = || format!("`{uid}` is no uid: the owner of a file is a number");
        let outside = outside(base, uid).ok_or_else(|| wrong(plan, why()))?;
        Ok(outside.to_string())
    };
    let mut mounted = Vec::new();
    for (number, file) in place::files(plan, &names, opened, given)?
        .into_iter()
        .enumerate()
    {
        let uid = file.owner.as_deref().map(&owner).transpose()?;
        let uid = uid.or_else(|| traits.mapped_root.map(|(uid, _)| uid.to_string()));
        let path = if file.path.starts_with('/') {
            let path = format!("{folder}/files/{number}");
            mounted.push(FileMount {
                source: PathBuf::from(&path),
                target: file.path.clone(),
            });
            path
        } else {
            format!("{mount}/{}", file.path)
        };
        placed.push(File {
            path,
            owner: uid,
            ..file
        });
    }
    let environment = place::environment(plan, &names, opened, given)?;
    let has_environment = environment.is_some();
    if let Some(environment) = environment {
        let reader = user
            .as_deref()
            .map(|user| user.split(':').next().unwrap_or_default());
        let uid = owner(reader.unwrap_or("0"))?;
        placed.push(File {
            path: format!("{mount}/env"),
            mode: 0o400,
            // Without root nothing can be given to another user; the file then stays ours.
            owner: (target.facts.uid == 0).then_some(uid),
            content: environment,
        });
    }
    let folders = Folders {
        own: folder,
        entered: &mount,
        labelled: traits.selinux,
    };
    put(target, folders, placed).await?;
    let words = |words: &Option<Vec<String>>| {
        words
            .as_deref()
            .map(|words| fill_all(plan, &names, words))
            .transpose()
    };
    Ok(Container {
        name: plan.container_name(hook),
        image: fill(plan, &names, &hook.image)?,
        command: words(&hook.command)?,
        entrypoint: words(&hook.entrypoint)?,
        user,
        working_dir: hook
            .working_dir
            .as_deref()
            .map(|folder| fill(plan, &names, folder))
            .transpose()?,
        networks: fill_all(plan, &names, &hook.networks)?,
        aliases: aliases(plan, &names, hook)?,
        extra_hosts: fill_all(plan, &names, &hook.extra_hosts)?,
        mounts: mounts(plan, &fill_all(plan, &names, &hook.mounts)?)?,
        environment: place::visible(plan, opened, given)?,
        secrets: Some(Secrets {
            source: PathBuf::from(&mount),
            target: IN_CONTAINER.into(),
            environment: has_environment,
        }),
        files: mounted,
        restart: restart_of(hook),
        stop_within: hook.stopping().map_err(|why| wrong(plan, why))?,
        labels: labels(plan, &names, hook, folder)?,
        whose: target.whose(plan.component()),
        ports: ports(plan, &fill_all(plan, &names, &hook.ports)?)?,
        health: health(plan, &names, &hook.healthcheck)?,
        init: hook.init,
    })
}

/// More names by network, filled in on both sides.
fn aliases(
    plan: &ComponentPlan,
    names: &BTreeMap<String, String>,
    hook: &ContainerHook,
) -> Result<BTreeMap<String, Vec<String>>, Error> {
    let filled = hook.aliases.iter().map(|(network, aliases)| {
        Ok((fill(plan, names, network)?, fill_all(plan, names, aliases)?))
    });
    filled.collect()
}

/// What a hook says about the health check.
fn health(
    plan: &ComponentPlan,
    names: &BTreeMap<String, String>,
    hook: &HealthHook,
) -> Result<HealthCheck, Error> {
    let time = |text: &Option<String>| {
        let text = text.as_deref();
        text.map(|text| parse_duration(Some(text), HEALTH).map_err(|why| wrong(plan, why)))
            .transpose()
    };
    let command = hook.command.as_deref();
    Ok(HealthCheck {
        off: hook.off,
        command: command
            .map(|command| fill_all(plan, names, command))
            .transpose()?,
        interval: time(&hook.interval)?,
        timeout: time(&hook.timeout)?,
        retries: hook.retries,
        start_period: time(&hook.start_period)?,
    })
}

/// The plain names as a container sees them.
pub(in crate::deploy) fn names(plan: &ComponentPlan, target: &Target) -> BTreeMap<String, String> {
    let mut names = plan.names.clone();
    names.insert("place".into(), IN_CONTAINER.into());
    names.insert("run".into(), target.facts.run.clone());
    names
}

/// For whoever looks at the containers of a host: names and revs, no values.
fn labels(
    plan: &ComponentPlan,
    names: &BTreeMap<String, String>,
    hook: &ContainerHook,
    folder: &str,
) -> Result<BTreeMap<String, String>, Error> {
    let secrets: Vec<String> = plan
        .revs()
        .iter()
        .map(|(name, rev)| format!("{name}@{rev}"))
        .collect();
    let mut labels = BTreeMap::new();
    for (name, value) in &hook.labels {
        labels.insert(name.clone(), fill(plan, names, value)?);
    }
    labels.extend([
        ("clws.component".to_owned(), plan.component().to_string()),
        ("clws.hook".to_owned(), plan.hook.seq.to_string()),
        ("clws.secrets".to_owned(), secrets.join(" ")),
        (PLACE.to_owned(), folder.to_owned()),
    ]);
    Ok(labels)
}

/// `host:container`, with `:ro` behind for reading only.
fn mounts(plan: &ComponentPlan, texts: &[String]) -> Result<Vec<Mount>, Error> {
    let mut mounts = Vec::new();
    for text in texts {
        let (paths, read_only) = match text.strip_suffix(":ro") {
            Some(paths) => (paths, true),
            None => (text.as_str(), false),
        };
        let (source, target) = paths
            .split_once(':')
            .filter(|(source, target)| source.starts_with('/') && target.starts_with('/'))
            .ok_or_else(|| wrong(plan, format!("`{text}` is no mount like /host:/container")))?;
        mounts.push(Mount {
            source: source.into(),
            target: target.into(),
            read_only,
        });
    }
    Ok(mounts)
}

/// `127.0.0.1:8080:80`, with `/udp` behind for UDP.
fn ports(plan: &ComponentPlan, texts: &[String]) -> Result<Vec<Port>, Error> {
    let parse = |text: &String| {
        let (numbers, protocol) = match text.strip_suffix("/udp") {
            Some(numbers) => (numbers, Protocol::Udp),
            None => (text.as_str(), Protocol::Tcp),
        };
        let (rest, container) = numbers.rsplit_once(':')?;
        let (address, host) = rest.rsplit_once(':')?;
        let address = address.trim_matches(['[', ']']).parse().ok()?;
        Some(Port {
            address,
            host: host.parse().ok()?,
            container: container.parse().ok()?,
            protocol,
        })
    };
    texts
        .iter()
        .map(|text| {
            let why = || format!("`{text}` is no port like 127.0.0.1:8080:80");
            parse(text).ok_or_else(|| wrong(plan, why()).into())
        })
        .collect()
}

/// What a uid of a container is outside, where its users begin at `base`; none for what is no uid there.
fn outside(base: u32, uid: &str) -> Option<u32> {
    uid.parse::<u32>().ok()?.checked_add(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_a_number_of_the_users_outside() {
        assert_eq!(outside(0, "999"), Some(999));
        assert_eq!(outside(100_000, "999"), Some(100_999));
        assert_eq!(outside(100_000, "4294967295"), None);
        assert_eq!(outside(u32::MAX, "1"), None);
        assert_eq!(outside(0, "web"), None);
    }

    #[test]
    fn root_goes_by_name_or_number() {
        for root in ["root", "0", "0:0", "root:web"] {
            assert!(is_root(root), "{root}");
        }
        for other in ["1000", "web", "web:0", "10:root"] {
            assert!(!is_root(other), "{other}");
        }
    }
}
