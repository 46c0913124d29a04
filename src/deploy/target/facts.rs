//! What a target says of itself: where its memory-backed folders lie, who one is there, which boot it is.
//!
//! Files of one vault lie below `<base>/<vault>/`, `base` being `/run/clws` for root (a tmpfs of our own
//! where `/run` is an ordinary disk), else the user's runtime folder or `/dev/shm`. That it is memory is
//! asked of the kernel and not assumed.

use std::collections::BTreeMap;

use super::{TargetError, said};
use crate::channel::{Channel, Command};
use crate::error::Error;
use crate::fleet::Host;
use crate::text::{clean, clean_line, is_plain_path};

/// Finds out who one is there: `$uid`, and `$mask`, the umask that is. The kernel tells a shell as much
/// without a program: `id` takes a host a millisecond, `$(umask)` a quarter of one.
pub(in crate::deploy) const WHO: &str = r#"
mask= uid=
while read -r key first second _; do
    case $key in Umask:) mask=$first;; Uid:) uid=$second; break;; esac
done 2>/dev/null </proc/self/status
# Linux says the umask since 4.7.
[ -n "$mask" ] || mask=$(umask)
[ -n "$uid" ] || uid=$(id -u)
"#;

/// Finds or makes the folders of `$1`, after [`WHO`].
///
/// Where they are as an earlier deploy left them, GNU's `find` says so in one go by how it ends: what they lie
/// on, whose they are, and that they are closed to others. Else they are found, made and closed one by one.
pub(in crate::deploy) const FOLDERS: &str = r#"
set -u
umask 077
goes=-
memory() { case $(stat -f -c %T "$1" 2>/dev/null) in tmpfs|ramfs) return 0;; esac; return 1; }
stands() {
    [ -d "$base/$1" ] && [ -d "$state/$1" ] || return 1
    find "$base" "$base/$1" "$state" "$state/$1" -maxdepth 0 -type d -uid "$uid" -perm 0700 \
        \( -fstype tmpfs -o ! -samefile "$base" ! -samefile "$base/$1" \) -o -exec false {} + 2>/dev/null
}
if [ "$uid" = 0 ]; then
    base=/run/clws state=/var/lib/clws
else
    state=${XDG_STATE_HOME:-$HOME/.local/state}/clws/target
    # After `su` and `sudo -E` it is somebody else's.
    [ -O "${XDG_RUNTIME_DIR:-/}" ] || unset XDG_RUNTIME_DIR
    case ${XDG_RUNTIME_DIR:-/run/user/} in
        /run/user/*)
            # What logind takes away is looked into below.
            base=${XDG_RUNTIME_DIR:+$XDG_RUNTIME_DIR/clws}
            if [ -d /run/systemd/sessions ]; then base=; else base=${base:-/dev/shm/clws-$uid}; fi;;
        *) base=$XDG_RUNTIME_DIR/clws;;
    esac
fi
made=
if [ -n "$base" ] && stands "$1"; then
    made=yes
elif [ "$uid" = 0 ]; then
    base=
    if [ -d /run/clws ] && memory /run/clws; then
        base=/run/clws
    elif mkdir -p -m 0700 /run/clws 2>/dev/null; then
        memory /run/clws ||
        mount -t tmpfs -o mode=0700,nosuid,nodev,noswap clws /run/clws 2>/dev/null ||
        mount -t tmpfs -o mode=0700,nosuid,nodev clws /run/clws 2>/dev/null
        memory /run/clws && base=/run/clws
    fi
else
    base=
    [ -n "${XDG_RUNTIME_DIR:-}" ] && memory "$XDG_RUNTIME_DIR" && base=$XDG_RUNTIME_DIR/clws
    # With an account's last session logind takes its runtime folder away, and what it owns in /dev/shm
    # (RemoveIPC, but for system accounts), unless the account lingers.
    case ${base:-/run/user/} in /run/user/*)
        if [ -d /run/systemd/sessions ]; then
            account=$(id -un)
            if [ ! -e "/var/lib/systemd/linger/$account" ]; then
                [ "$uid" -lt 1000 ] || goes=$account
                case $(busctl --timeout=3 get-property org.freedesktop.login1 /org/freedesktop/login1 \
                    org.freedesktop.login1.Manager RemoveIPC 2>/dev/null) in 'b false') goes=-;; esac
                if [ "$goes" = - ] && memory /dev/shm; then base=/dev/shm/clws-$uid; else goes=$account; fi
            fi
        fi;;
    esac
fi
kind=memory
if [ -z "$base" ] && memory /dev/shm; then base=/dev/shm/clws-$uid; fi
if [ -z "$base" ]; then kind=disk; goes=-; base=$state/place; fi
if [ -z "$made" ]; then
    for folder in "$base" "$base/$1" "$state" "$state/$1"; do
        [ -d "$folder" ] || mkdir -p -m 0700 "$folder" || exit 1
        if [ -L "$folder" ] || [ ! -O "$folder" ]; then echo "$folder belongs to somebody else" >&2; exit 1; fi
    done
    chmod 0700 "$base" "$base/$1" "$state/$1"
fi
swap=no
{ read -r _; read -r device; } </proc/swaps 2>/dev/null || device=
if [ "$kind" = memory ] && [ -n "$device" ]; then
    # The last mount on a point is the one that is seen.
    options=$(point=$(stat -c %m "$base"); while read -r _ at _ options _; do [ "$at" != "$point" ] || echo "$options"; done </proc/mounts | tail -n 1)
    case $options in *noswap*) ;; *) swap=yes;; esac
fi
"#;

/// Prints `key=value` in one line. A `printf` that is found without PATH is the shell's own: what it is
/// given is in no list of processes.
pub(in crate::deploy) const FACTS: &str = r#"
read -r boot </proc/sys/kernel/random/boot_id
own=no
PATH=/dev/null printf '' 2>/dev/null && own=yes
printf 'goes=%s\tswap=%s\tkind=%s\town=%s\trun=%s\tstate=%s\tuid=%s\tboot=%s\n' "$goes" "$swap" "$kind" "$own" "$base/$1" "$state/$1" "$uid" "$boot"
"#;

/// The line is no longer.
const MAX_LINE: usize = 16 * 1024;

/// What a target says of itself.
#[derive(Clone, Debug)]
pub(in crate::deploy) struct Facts {
    /// The vault's memory-backed folder there.
    pub(in crate::deploy) run: String,
    /// The vault's state folder there.
    pub(in crate::deploy) state: String,
    /// The user's number there.
    pub(in crate::deploy) uid: u32,
    /// The boot's id.
    pub(in crate::deploy) boot: String,
    /// Whether `run` is memory.
    pub(in crate::deploy) memory: bool,
    /// The account whose memory is taken away when it is not logged in any more, if it is.
    pub(in crate::deploy) goes: Option<String>,
    /// Whether the kernel may write that memory to a swap device.
    pub(in crate::deploy) swap: bool,
    /// Whether its shell prints without a program.
    pub(in crate::deploy) prints: bool,
}

impl Facts {
    /// Makes the folders of `name` ready on a host, which many may do at the same time.
    ///
    /// # Errors
    /// [`TargetError::Script`], [`crate::channel::ChannelError`].
    pub(in crate::deploy) async fn ask(
        host: &Host,
        channel: &Channel,
        name: &str,
    ) -> Result<Self, Error> {
        let command = Command::new(format!("{WHO}{FOLDERS}{FACTS}")).argument(name);
        let outcome = channel.run(&command.output_cap(MAX_LINE)).await?;
        let line = said(&host.name, "make its folders", outcome)?;
        Ok(Self::parse(host, line.trim_end())?)
    }

    /// Reads the line that [`FACTS`] prints.
    ///
    /// # Errors
    /// [`TargetError::Script`] if something is missing.
    pub(in crate::deploy) fn parse(host: &Host, line: &str) -> Result<Self, TargetError> {
        let facts: BTreeMap<&str, &str> = line
            .split('\t')
            .filter_map(|fact| fact.split_once('='))
            .collect();
        let fact = |name: &str| {
            let value = facts.get(name).filter(|value| !value.is_empty());
            value
                .map(|value| (*value).to_owned())
                .ok_or_else(|| TargetError::Script {
                    host: host.name.to_string(),
                    doing: "say where its folders are".into(),
                    said: clean(line.trim()),
                })
        };
        // Hooks have it filled into lines of shell, of which some run on the machine that deploys.
        let run = fact("run")?;
        if !is_plain_path(&run) {
            return Err(TargetError::Script {
                host: host.name.to_string(),
                doing: "name its folder for secrets".into(),
                said: format!(
                    "`{}` is no plain path, of letters, digits and `/._-+@` alone",
                    clean_line(&run)
                ),
            });
        }
        Ok(Self {
            run,
            state: fact("state")?,
            uid: fact("uid")?.parse().unwrap_or(u32::MAX),
            boot: fact("boot")?,
            memory: fact("kind")? == "memory",
            goes: Some(fact("goes")?).filter(|account| account != "-"),
            swap: fact("swap")? == "yes",
            prints: fact("own")? == "yes",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::Path;
    use std::process::Command;

    use super::*;

    /// What the function of [`FOLDERS`] says of these two folders.
    fn stand(base: &Path, state: &Path, uid: u32) -> bool {
        let (_, from) = FOLDERS.split_once("stands() {").unwrap();
        let (body, _) = from.split_once("\n}\n").unwrap();
        let script = format!("stands() {{{body}\n}}\nbase=$1 state=$2 uid=$3\nstands vault");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script, "clws"]).arg(base).arg(state);
        let output = shell.arg(uid.to_string()).output().unwrap();
        assert!(output.stderr.is_empty(), "{output:?}");
        output.status.success()
    }

    #[test]
    fn folders_stand_if_they_are_memory_closed_to_others_and_of_who_deploys() {
        let memory = tempfile::tempdir_in("/dev/shm").unwrap();
        // Where the build lies is a disk; where it is not, this fails.
        let built = std::env::current_exe().unwrap();
        let disk = tempfile::tempdir_in(built.parent().unwrap()).unwrap();
        let (base, state) = (memory.path().join("base"), memory.path().join("state"));
        let uid = rustix::process::getuid().as_raw();
        let closed = |folder: &Path| {
            fs::create_dir_all(folder.join("vault")).unwrap();
            for folder in [folder, &folder.join("vault")] {
                fs::set_permissions(folder, Permissions::from_mode(0o700)).unwrap();
            }
        };
        assert!(!stand(&base, &state, uid));
        closed(&base);
        assert!(!stand(&base, &state, uid));
        closed(&state);
        assert!(stand(&base, &state, uid));
        assert!(!stand(&base, &state, uid + 1));
        for folder in [&base, &base.join("vault"), &state, &state.join("vault")] {
            for mode in [0o755, 0o710, 0o500, 0o1700] {
                fs::set_permissions(folder, Permissions::from_mode(mode)).unwrap();
                assert!(!stand(&base, &state, uid), "{folder:?} {mode:o}");
            }
            fs::set_permissions(folder, Permissions::from_mode(0o700)).unwrap();
            let aside = memory.path().join("aside");
            fs::rename(folder, &aside).unwrap();
            symlink(&aside, folder).unwrap();
            assert!(!stand(&base, &state, uid), "{folder:?} is a link");
            fs::remove_file(folder).unwrap();
            fs::rename(&aside, folder).unwrap();
        }
        assert!(stand(&base, &state, uid));
        // What remembers may lie on a disk; what holds values may not, nor a part of it.
        let (disk_base, disk_state) = (disk.path().join("base"), disk.path().join("state"));
        closed(&disk_base);
        closed(&disk_state);
        assert!(stand(&base, &disk_state, uid));
        assert!(!stand(&disk_base, &state, uid));
        assert!(!stand(&disk_base, &disk_base, uid));
    }
}
