//! How a daemon isolates containers, from what it tells about itself.

use std::path::Path;

use bollard::models::SystemInfo;

/// What about a daemon decides how files must be owned and labelled to be read in a container.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Traits {
    /// The host's (uid, gid) of a container's root under userns-remap, from the name of the
    /// daemon's folder; a file for uid N belongs to this uid + N.
    pub mapped_root: Option<(u32, u32)>,
    /// SELinux labels are enforced: a mounted folder needs the type `container_file_t`.
    pub selinux: bool,
}

impl Traits {
    /// Reads what a daemon says.
    pub(super) fn of(info: SystemInfo) -> Self {
        Self {
            mapped_root: mapped_root(&info.docker_root_dir.unwrap_or_default()),
            selinux: has_selinux(&info.security_options.unwrap_or_default()),
        }
    }
}

/// Whether `SecurityOptions` name it: `["name=seccomp,profile=default", "name=selinux"]`.
fn has_selinux(options: &[String]) -> bool {
    let mut names = options.iter().filter_map(|option| option.split(',').next());
    names.any(|name| name == "name=selinux")
}

/// Under userns-remap the daemon works in `/var/lib/docker/UID.GID` of its root's mapped ids.
fn mapped_root(folder: &str) -> Option<(u32, u32)> {
    let (uid, gid) = Path::new(folder).file_name()?.to_str()?.split_once('.')?;
    Some((uid.parse().ok()?, gid.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traits_are_read_from_what_a_daemon_says() {
        let has = |options: &[&str]| {
            let options: Vec<String> = options.iter().map(|o| (*o).to_owned()).collect();
            has_selinux(&options)
        };
        assert!(has(&["name=seccomp,profile=default", "name=selinux"]));
        assert!(!has(&["name=seccomp,profile=selinux", "name=userns"]));
        assert_eq!(
            mapped_root("/var/lib/docker/100000.100001"),
            Some((100_000, 100_001))
        );
        assert_eq!(mapped_root("/var/lib/docker"), None);
    }
}
