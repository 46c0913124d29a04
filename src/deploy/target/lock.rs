//! The lock of a target: one deploy of a vault at a time.
//!
//! A shell there has it for as long as its standard input lives, and with it the connection. A network that
//! swallows everything ends no input, so a holder that is far away leaves signs of life in the lock's file: its
//! number, its claim and how many seconds of silence end it in the first line, and in each line after that how
//! long the host had been up. Whoever comes and finds the last of them too old, or the claim one's own, ends the
//! holder, if that process has this very lock open.

use std::time::Duration;

use crate::crypto::hex;
use crate::error::Error;
use crate::world::World;

/// Takes the lock by the claim `$4`, for what `$2` says and as who falls silent after `$3` seconds, 0 for never;
/// else says who holds it and ends with 75. The folders of `$1` are there. `sign` leaves a sign of life.
pub(in crate::deploy) const LOCK: &str = r#"
lock=$state/$1/lock
sign() { read -r up _ </proc/uptime; echo "${up%%.*}" >&9; }
overdue() {
    pid= claim= silence= last=
    { read -r pid claim silence; while read -r up; do last=$up; done; } 2>/dev/null <"$lock"
    case $pid/$silence/$last in *[!0-9/]*|/*|*//*|*/0/*|*/) return 1;; esac
    read -r up _ </proc/uptime
    [ "$claim" = "$2" ] || [ $((${up%%.*} - last)) -gt "$silence" ] || return 1
    [ "/proc/$pid/fd/9" -ef "$lock" ] || return 1
    kill -KILL "-$pid" 2>/dev/null || kill -KILL "$pid"
}
held() { cat "$state/$1/lock.by" >&2; exit 75; }
# A host without `flock`, or a disk without locks, is not one that somebody holds.
free() { flock -n 9; case $? in 0) ;; 1) return 1;; *) exit 1;; esac; }
exec 9>>"$lock" || exit 1
if ! free; then
    overdue "$1" "$4" || held "$1"
    tries=0
    until free; do
        tries=$((tries + 1)); [ "$tries" -lt 100 ] || held "$1"
        sleep 0.05
    done
fi
echo "$$ $4 $3" >"$lock"
sign
printf '%s\n' "$2" >"$state/$1/lock.by"
"#;

/// How long a host hears nothing of whoever holds its lock before somebody else may have it: more than the
/// silence after which the other end gives up, so that nobody works without the lock, and more than a script of
/// ours may take, during which nothing is heard.
pub(in crate::deploy) const SILENCE: Duration = Duration::from_secs(75);

/// Who takes the lock of a target.
#[derive(Debug)]
pub(in crate::deploy) struct Taker<'a> {
    /// The name of the vault's folders there.
    pub(in crate::deploy) vault: &'a str,
    /// Who it is, what for, and since when: what somebody else is told.
    pub(in crate::deploy) by: &'a str,
    /// A random word. A lock that is held by it is this taker's own, of a connection that broke.
    pub(in crate::deploy) claim: &'a str,
}

/// A new word for [`Taker::claim`].
///
/// # Errors
/// There is no randomness.
pub(in crate::deploy) fn new_claim(world: &World) -> Result<String, Error> {
    Ok(hex(&world.random::<8>()?))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::channel::{Channel, Command, Ended, Holding, Local};
    use crate::deploy::target::taking;
    use crate::world::Clock;

    /// A channel to this machine, with `/usr/bin` and `/bin` behind what `folder` has.
    fn channel(folder: &std::path::Path) -> Channel {
        let text = |name: &str| folder.join(name).display().to_string();
        let variables = [
            ("PATH", text("bin") + ":/usr/bin:/bin"),
            ("XDG_RUNTIME_DIR", text("")),
            ("XDG_STATE_HOME", text("state")),
        ];
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        let world = World::new(Clock::System, variables, folder.into());
        Channel::Local(Local::new(&world))
    }

    /// Root has one place for all; this is told that it is somebody else.
    const WHO: &str = "uid=1000 mask=022";

    #[tokio::test]
    async fn a_host_that_cannot_lock_is_not_one_that_somebody_holds() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        let flock = folder.path().join("bin/flock");
        std::fs::create_dir(folder.path().join("bin")).unwrap();
        std::fs::write(&flock, "#!/bin/sh\necho no locks here >&2; exit 127\n").unwrap();
        std::fs::set_permissions(&flock, std::fs::Permissions::from_mode(0o755)).unwrap();
        let taker = Taker {
            vault: "vault",
            by: "ada deploys web",
            claim: "1",
        };
        let take = taking(WHO, &taker, Duration::ZERO);
        let Holding::Ended(ended) = channel(folder.path()).hold(&take).await.unwrap() else {
            panic!("held");
        };
        assert_eq!(ended.ended, Ended::Exit(1));
        assert_eq!(ended.err, b"no locks here\n");
    }

    #[test]
    fn a_lock_says_who_holds_it_and_is_taken_from_who_fell_silent_or_is_oneself() {
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        let text = |name: &str| folder.path().join(name).display().to_string();
        let channel = channel(folder.path());
        let take_by = |claim: &str, silence| {
            let taker = Taker {
                vault: "vault",
                by: "ada deploys web",
                claim,
            };
            taking(WHO, &taker, Duration::from_secs(silence))
        };
        let claims = AtomicUsize::new(0);
        let take = |silence| {
            let claim = claims.fetch_add(1, Ordering::Relaxed).to_string();
            take_by(&claim, silence)
        };
        let lock = text("state/clws/target/vault/lock");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let refused = async |take: &Command| {
            let Holding::Ended(second) = channel.hold(take).await.unwrap() else {
                panic!("held twice");
            };
            assert_eq!(second.ended, Ended::Exit(75));
            assert_eq!(second.err, b"ada deploys web\n");
        };
        runtime.block_on(async {
            let Holding::Held(line, held) = channel.hold(&take(1)).await.unwrap() else {
                panic!("not held");
            };
            assert!(line.contains("\tkind=memory\t"), "{line}");
            let script = Command::new("cat; echo \"$1\" >&2; exit 3")
                .argument("it's")
                .input("in".into());
            let answer = held.ask("0f", &script).await.unwrap();
            assert_eq!(answer.ended, Ended::Exit(3));
            assert_eq!(
                (answer.out, answer.err),
                (b"in".to_vec(), b"it's\n".to_vec())
            );
            refused(&take(1)).await;
            // What is said keeps it, for longer than the silence would.
            for _ in 0..40 {
                assert!(held.ask("0f", &Command::new(":")).await.is_ok());
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            refused(&take(1)).await;
            assert!(held.is_held());
            // Nobody gives a sign of life from here on.
            tokio::time::sleep(Duration::from_secs(3)).await;
            let Holding::Held(_, third) = channel.hold(&take(0)).await.unwrap() else {
                panic!("not taken over");
            };
            assert!(held.ask("0f", &Command::new(":")).await.is_err());
            // Whose connection ends with it is never silent for too long, nor is another process ended.
            let written = std::fs::read_to_string(&lock).unwrap();
            let (holder, _) = written.split_once(" 0\n").unwrap();
            let (_, claim) = holder.split_once(' ').unwrap();
            let mut other = std::process::Command::new("sleep");
            let mut other = other.arg("100").spawn().unwrap();
            let number = other.id().to_string();
            let of_other = format!("{number} {claim} 1");
            for first in [format!("{holder} 0"), of_other, String::new()] {
                for last in ["1\n", "1", "", "x\n", "1\n\n"] {
                    std::fs::write(&lock, format!("{first}\n{last}")).unwrap();
                    refused(&take(1)).await;
                    refused(&take_by(claim, 1)).await;
                }
            }
            assert!(third.is_held() && other.try_wait().unwrap().is_none());
            other.kill().unwrap();
            other.wait().unwrap();
            // Who lost the connection to its own holder need not wait.
            std::fs::write(&lock, format!("{holder} 60\n999999999\n")).unwrap();
            refused(&take(1)).await;
            let again = channel.hold(&take_by(claim, 1)).await.unwrap();
            assert!(matches!(again, Holding::Held(..)), "{again:?}");
            assert!(third.ask("0f", &Command::new(":")).await.is_err());
        });
    }
}
