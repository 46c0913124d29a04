//! The environment that a child starts with.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use super::variable::VariableName;
use crate::env;
use crate::secret::Plain;
use crate::world::World;

/// This process's variables without those that steer clws, then the secrets over them. That an agent is
/// at work stays said: it could start clws as its child.
pub(super) fn variables<'a>(
    world: &'a World,
    given: &'a [(VariableName, Plain)],
) -> impl Iterator<Item = (OsString, OsString)> + 'a {
    let inherited = world
        .environment()
        .filter(|(name, _)| *name == env::AGENT || !name.as_bytes().starts_with(b"CLWS_"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let secrets = given.iter().map(|(name, value)| {
        let value = value.with(|bytes| OsStr::from_bytes(bytes).to_owned());
        (OsString::from(name.as_str()), value)
    });
    inherited.chain(secrets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Clock;

    #[test]
    fn secrets_win_and_our_own_variables_stay_behind() {
        let environment = [
            ("TOKEN".into(), "old".into()),
            ("CLWS_IDENTITY".into(), "/x".into()),
            ("CLWS_AGENT".into(), "1".into()),
            ("HOME".into(), "/home/ada".into()),
        ];
        let world = World::new(Clock::System, environment, "/".into());
        let given = [("TOKEN".parse().unwrap(), Plain::from("new"))];
        let all: std::collections::BTreeMap<_, _> = variables(&world, &given).collect();
        assert_eq!(all[OsStr::new("TOKEN")], "new");
        assert_eq!(all[OsStr::new("HOME")], "/home/ada");
        assert!(!all.contains_key(OsStr::new("CLWS_IDENTITY")));
        assert_eq!(all[OsStr::new("CLWS_AGENT")], "1");
    }
}
