//! What holds for every target, tried on this machine and on an OpenSSH host with the same code.

use std::fs;
use std::time::{Duration, Instant};

use clws::channel::{Channel, ChannelError, Command, Ended, Holding, Source};
use clws::error::{Code, Explain as _};
use clws::secret::Plain;
use tempfile::TempDir;

use crate::sshd::Sshd;
use crate::{local, open};

/// Runs the same check on this machine and on a host.
macro_rules! on_each_target {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        mod $name {
            #[tokio::test]
            async fn on_this_machine() {
                super::$name(&super::local()).await;
            }

            #[tokio::test]
            async fn on_an_ssh_host() {
                let server = super::Sshd::start();
                super::$name(&super::open(&server).await.unwrap()).await;
            }
        }
    )*};
}

on_each_target! {
    a_mebibyte_of_any_bytes_goes_in_and_comes_out;
    arguments_arrive_as_they_were_given;
    a_command_ends_with_its_code_or_its_signal;
    a_secret_on_stdin_is_in_no_process_list;
    a_command_need_not_read_its_input;
    what_a_command_leaves_behind_does_not_keep_it;
    a_slow_command_is_ended_with_all_that_it_started;
    endless_output_is_capped;
    output_is_handed_on_as_it_comes;
    a_held_lock_is_released_when_it_is_dropped_or_closed;
    a_script_that_holds_nothing_gives_its_outcome;
    a_script_that_never_says_that_it_holds_is_ended;
    a_dropped_run_is_ended;
    what_a_command_leaves_running_holds_up_nobody;
}

fn script(text: &str) -> Command {
    Command::new(text).within(Duration::from_secs(20))
}

async fn out(channel: &Channel, command: Command) -> String {
    let outcome = channel.run(&command).await.unwrap();
    assert!(outcome.ended.is_success(), "{outcome:?}");
    String::from_utf8(outcome.out).unwrap()
}

/// Waits for what must come true soon.
pub(crate) async fn soon(what: &str, mut is_so: impl FnMut() -> bool) {
    // Only a test that fails waits so long, and a busy machine takes its time.
    let until = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < until, "it never came true that {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn a_mebibyte_of_any_bytes_goes_in_and_comes_out(channel: &Channel) {
    let bytes: Vec<u8> = (0..1_u32 << 20)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let command = script("cat; echo done >&2").input(Plain::new(bytes.clone()));
    let outcome = channel.run(&command).await.unwrap();
    assert_eq!(outcome.ended, Ended::Exit(0));
    assert!(
        outcome.out == bytes,
        "{} bytes came back",
        outcome.out.len()
    );
    assert_eq!(outcome.err, b"done\n");
    assert!(!outcome.truncated);
}

async fn arguments_arrive_as_they_were_given(channel: &Channel) {
    let arguments = [
        "",
        " two  words ",
        "it's \"quoted\"",
        "line\nbreak\n",
        "$HOME ${HOME} $(id) `id` \\n \\\\ \\0101",
        "!history !! %s %b ~ * ? [a-z] {a,b} # ; & | < >",
        "-n",
        "grüße \u{1f600}\t\r\u{7f}",
    ];
    let mut command =
        script("for a in \"$0\" \"$@\"; do printf '<%s>' \"$a\"; done; printf !\\\\n");
    for argument in arguments {
        command = command.argument(argument);
    }
    let expected = format!("<clws><{}>!\n", arguments.join("><"));
    assert_eq!(out(channel, command).await, expected);
}

async fn a_command_ends_with_its_code_or_its_signal(channel: &Channel) {
    for (text, ended) in [
        ("exit 0", Ended::Exit(0)),
        ("exit 255", Ended::Exit(255)),
        ("echo no >&2; false", Ended::Exit(1)),
        ("no-such-program", Ended::Exit(127)),
        ("if", Ended::Exit(2)),
        ("kill -TERM $$", Ended::Signal("TERM".to_owned())),
        ("kill -KILL $$", Ended::Signal("KILL".to_owned())),
    ] {
        assert_eq!(
            channel.run(&script(text)).await.unwrap().ended,
            ended,
            "{text}"
        );
    }
}

async fn a_secret_on_stdin_is_in_no_process_list(channel: &Channel) {
    let canary = "canary-2f81c6d09b";
    let marker = "a-visible-argument-77aa01";
    let folder = TempDir::new().unwrap();
    let go = folder.path().join("go");
    let command = script(
        "IFS= read -r secret; ps -ef; while ! [ -e \"$1\" ]; do sleep 0.05; done; echo ${#secret}",
    )
    .argument(go.to_str().unwrap())
    .argument(marker)
    .input(Plain::from(canary));
    let looking = async {
        soon("the command runs", || count_in_proc(marker) > 0).await;
        let seen = count_in_proc(canary);
        fs::write(&go, "").unwrap();
        seen
    };
    let (text, seen) = tokio::join!(out(channel, command), looking);
    assert_eq!(seen, 0, "the secret is in arguments or environments");
    assert!(
        text.contains(marker),
        "ps does not show the command: {text}"
    );
    assert!(!text.contains(canary), "{text}");
    assert!(text.ends_with(&format!("{}\n", canary.len())), "{text}");
}

/// How many processes have it in their arguments or environment.
fn count_in_proc(text: &str) -> usize {
    let mut count = 0;
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        for file in ["cmdline", "environ"] {
            let bytes = fs::read(entry.path().join(file)).unwrap_or_default();
            count += usize::from(
                bytes
                    .windows(text.len())
                    .any(|part| part == text.as_bytes()),
            );
        }
    }
    count
}

async fn a_command_need_not_read_its_input(channel: &Channel) {
    // More than the pipe and the window of SSH (2 MiB) take.
    let command = script("echo started").input(Plain::new(vec![b'x'; 6 << 20]));
    assert_eq!(out(channel, command).await, "started\n");
    let command = script("sleep 0.3; exit 3").input(Plain::new(vec![b'x'; 6 << 20]));
    assert_eq!(channel.run(&command).await.unwrap().ended, Ended::Exit(3));
    // And the channel is of use after it.
    assert_eq!(out(channel, script("echo next")).await, "next\n");
}

async fn what_a_command_leaves_behind_does_not_keep_it(channel: &Channel) {
    let begun = Instant::now();
    let text = out(channel, script("sleep 30 & echo $!")).await;
    assert!(begun.elapsed() < Duration::from_secs(25));
    let end = script("kill $1").argument(text.trim());
    assert_eq!(out(channel, end).await, "");
}

async fn a_slow_command_is_ended_with_all_that_it_started(channel: &Channel) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("pids");
    let command = Command::new("trap '' TERM; sleep 600 & echo $$ $! > \"$1\"; wait; wait")
        .argument(file.to_str().unwrap())
        // A busy machine needs some of it to begin.
        .within(Duration::from_secs(5));
    let begun = Instant::now();
    let error = channel.run(&command).await.unwrap_err();
    assert!(matches!(error, ChannelError::Slow { .. }), "{error:?}");
    assert_eq!(error.code(), Code::Host);
    assert!(error.to_string().contains(channel.target()), "{error}");
    assert!(
        begun.elapsed() < Duration::from_secs(60),
        "{:?}",
        begun.elapsed()
    );
    let pids = fs::read_to_string(&file).unwrap();
    soon("both are gone", || pids.split_whitespace().all(is_gone)).await;
}

fn is_gone(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // A zombie that nobody reaped yet is gone enough.
    stat.is_empty()
        || stat
            .rsplit_once(')')
            .is_some_and(|(_, rest)| rest.starts_with(" Z"))
}

async fn endless_output_is_capped(channel: &Channel) {
    let command = script("head -c 3000000 /dev/zero; head -c 5 /dev/zero >&2").output_cap(1000);
    let outcome = channel.run(&command).await.unwrap();
    assert_eq!(outcome.ended, Ended::Exit(0), "it was let run to its end");
    assert_eq!((outcome.out.len(), outcome.err.len()), (1000, 5));
    assert!(outcome.truncated);

    let mut received = 0;
    let command = script("cat /dev/zero")
        .output_cap(5000)
        .within(Duration::from_secs(5));
    let streamed = channel
        .run_streaming(&command, &mut |_, bytes| received += bytes.len())
        .await;
    assert!(
        matches!(streamed, Err(ChannelError::Slow { .. })),
        "{streamed:?}"
    );
    assert_eq!(received, 5000);
}

async fn output_is_handed_on_as_it_comes(channel: &Channel) {
    let folder = TempDir::new().unwrap();
    let go = folder.path().join("go");
    let command = script("echo one; while ! [ -e \"$1\" ]; do sleep 0.05; done; echo two >&2")
        .argument(go.to_str().unwrap());
    let mut seen = Vec::new();
    let streamed = channel
        .run_streaming(&command, &mut |source, bytes| {
            // The command goes on only when its first line has arrived here.
            fs::write(&go, "").unwrap();
            seen.push((source, bytes.to_vec()));
        })
        .await
        .unwrap();
    assert!(streamed.ended.is_success() && !streamed.truncated);
    assert_eq!(
        seen,
        [
            (Source::Out, b"one\n".to_vec()),
            (Source::Err, b"two\n".to_vec())
        ]
    );
}

/// Takes a lock, says so, and keeps it until its input ends.
pub(crate) fn lock(file: &std::path::Path) -> Command {
    script("exec 9>\"$1\"; flock -n 9 || exit 75; echo \"held by $$\"; cat >/dev/null")
        .argument(file.to_str().unwrap())
}

pub(crate) fn is_free(file: &std::path::Path) -> bool {
    std::process::Command::new("flock")
        .args(["-n", file.to_str().unwrap(), "true"])
        .status()
        .unwrap()
        .success()
}

async fn a_held_lock_is_released_when_it_is_dropped_or_closed(channel: &Channel) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("lock");
    let Holding::Held(line, held) = channel.hold(&lock(&file)).await.unwrap() else {
        panic!("the lock was free");
    };
    assert!(line.starts_with("held by "), "{line}");
    assert!(held.is_held() && !is_free(&file));
    // Others are told, and the channel is of use meanwhile.
    let Holding::Ended(outcome) = channel.hold(&lock(&file)).await.unwrap() else {
        panic!("two hold it");
    };
    assert_eq!(outcome.ended, Ended::Exit(75));
    assert_eq!(out(channel, script("echo meanwhile")).await, "meanwhile\n");
    held.close().await;
    assert!(is_free(&file), "closing waits for the end");

    let Holding::Held(_, held) = channel.hold(&lock(&file)).await.unwrap() else {
        panic!("the lock was freed");
    };
    drop(held);
    soon("the lock is free", || is_free(&file)).await;
}

async fn a_script_that_holds_nothing_gives_its_outcome(channel: &Channel) {
    let command = script("cat; echo why >&2; exit 9").input(Plain::from("no line end"));
    let held = channel.hold(&command.within(Duration::from_secs(1))).await;
    // Its input stays open, so this one waits for ever and is ended by its clock.
    assert!(matches!(held, Err(ChannelError::Slow { .. })), "{held:?}");
    let Holding::Ended(outcome) = channel
        .hold(&script("printf %s partial; echo why >&2; exit 9"))
        .await
        .unwrap()
    else {
        panic!("it printed no line");
    };
    assert_eq!(outcome.ended, Ended::Exit(9));
    assert_eq!(
        (outcome.out, outcome.err),
        (b"partial".to_vec(), b"why\n".to_vec())
    );
}

async fn a_script_that_never_says_that_it_holds_is_ended(channel: &Channel) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("pid");
    let command = Command::new("echo $$ > \"$1\"; while :; do sleep 1; done")
        .argument(file.to_str().unwrap())
        .within(Duration::from_secs(2));
    let held = channel.hold(&command).await;
    assert!(matches!(held, Err(ChannelError::Slow { .. })), "{held:?}");
    let pid = fs::read_to_string(&file).unwrap();
    soon("it is gone", || is_gone(pid.trim())).await;
}

async fn what_a_command_leaves_running_holds_up_nobody(channel: &Channel) {
    // It keeps the command's output open.
    let command = script("sleep 600 & echo $!; exit 3").within(Duration::from_secs(60));
    let begun = Instant::now();
    let outcome = channel.run(&command).await.unwrap();
    assert_eq!(outcome.ended, Ended::Exit(3));
    // Not until its time is over, when it would have ended just as well.
    assert!(begun.elapsed() < Duration::from_secs(40));
    let pid = String::from_utf8(outcome.out).unwrap();
    let mut kill = std::process::Command::new("kill");
    assert!(kill.arg(pid.trim()).status().unwrap().success());
}

async fn a_dropped_run_is_ended(channel: &Channel) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("pid");
    let command = script("echo $$ > \"$1.new\"; mv \"$1.new\" \"$1\"; exec sleep 600")
        .argument(file.to_str().unwrap());
    tokio::select! {
        outcome = channel.run(&command) => panic!("it ended: {outcome:?}"),
        () = soon("it runs", || file.exists()) => {}
    }
    let pid = fs::read_to_string(&file).unwrap();
    soon("it is gone", || is_gone(pid.trim())).await;
}

#[tokio::test]
async fn a_local_child_sees_little_of_our_environment() {
    use std::ffi::OsString;

    use clws::channel::Local;
    use clws::world::{Clock, World};

    let folder = TempDir::new().unwrap();
    let set = [
        ("PATH", "/usr/bin:/bin"),
        ("HOME", folder.path().to_str().unwrap()),
        ("USER", "ada"),
        ("LC_ALL", "C"),
        ("LD_PRELOAD", "/nowhere.so"),
        ("GIT_DIR", "x"),
        ("DOCKER_HOST", "x"),
        ("CLWS_IDENTITY", "x"),
        ("SSH_AUTH_SOCK", "x"),
        ("MYSQL_PWD", "x"),
        ("ENV", "/nowhere"),
    ]
    .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let world = World::new(Clock::System, set, "/".into());
    let channel = Channel::Local(Local::new(&world));
    let text = out(&channel, script("env; pwd")).await;
    let mut names: Vec<_> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name)
        // Set by the shell itself.
        .filter(|name| !matches!(*name, "PWD" | "OLDPWD" | "SHLVL" | "_"))
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["HOME", "LC_ALL", "PATH", "USER"]);
    assert!(
        text.ends_with(&format!("{}\n", folder.path().display())),
        "{text}"
    );
}

#[tokio::test]
async fn a_script_that_is_kept_waiting_gets_signs_of_life_until_it_is_released() {
    let server = Sshd::start();
    let channel = open(&server).await.unwrap();
    let file = server.folder().join("beats");
    let script = r#"echo held; head -c 1 | wc -c >"$1"; cat >/dev/null"#;
    let command = Command::new(script).argument(file.to_str().unwrap());
    let Holding::Held(_, held) = channel.hold(&command).await.unwrap() else {
        panic!("not held");
    };
    soon("a beat came", || {
        std::fs::read_to_string(&file).is_ok_and(|text| text.trim() == "1")
    })
    .await;
    assert!(held.is_held());
    held.close().await;
}
