//! Many hosts at once: SSH servers of ours in one thread of the test, each with a port and folders of
//! its own, which run what they are asked for with the real `sh`. Some of them misbehave.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::keys::{Algorithm, PrivateKey};
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey,
};
use russh::{ChannelId, MethodKind, MethodSet};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::site::write;
use crate::support::lab::Lab;

/// How a host behaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Manner {
    /// As a host should.
    Well,
    /// Takes the connection and never says a word.
    Silent,
    /// Waits for half a second before each command.
    Slow,
    /// Hangs up in the middle of a step.
    Drops,
    /// Begins a step, and answers nothing from then on.
    Sticks,
    /// Says lines without end before it says that it speaks SSH.
    Preludes,
    /// Lets somebody in, and never opens a channel.
    Shuts,
    /// Prints without end in a step.
    Floods,
    /// Says two ends of a step, the first of them a failure.
    Forges,
    /// Hangs up in the middle of what it is sent for a step.
    Cuts,
    /// Passes on nothing that a step says; notes in its folder when it was `asked` for one, and when that
    /// has `ended`.
    Mutes,
    /// Has its folders at a path in which a shell finds a command.
    Names,
}

/// A server's hosts; they end with the test.
pub(crate) struct Crowd {
    folder: tempfile::TempDir,
    hosts: Vec<Arc<Host>>,
}

#[derive(Debug)]
struct Host {
    name: String,
    folder: PathBuf,
    manner: Mutex<Manner>,
    connections: AtomicUsize,
}

impl Crowd {
    /// Hosts of prod, which ada may deploy to; each by name, machine type and manner.
    pub(crate) fn new(
        lab: &Lab,
        hosts: impl Iterator<Item = (String, &'static str, Manner)>,
    ) -> Self {
        // On memory, as a user's runtime folder is.
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        give(folder.path());
        let key =
            PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap();
        let line = key.public_key().to_openssh().unwrap();
        let (mut listeners, mut all) = (Vec::new(), Vec::new());
        for (name, machine_type, manner) in hosts {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            let port = listener.local_addr().unwrap().port();
            let host = Arc::new(Host {
                folder: folder.path().join(&name),
                manner: Mutex::new(manner),
                connections: AtomicUsize::new(0),
                name,
            });
            std::fs::create_dir(&host.folder).unwrap();
            give(&host.folder);
            write(
                lab,
                &format!("recipients/{}.toml", host.name),
                &format!(
                    "[party]\nkind = \"host\"\nname = \"{}\"\naddress = \"127.0.0.1\"\nport = {port}\n\
                     user = \"ada\"\nscope = \"prod\"\nmachine_type = \"{machine_type}\"\n\n\
                     [hostkey.main]\nkey = \"{line}\"\n\n[end]\n",
                    host.name
                ),
            );
            listeners.push((listener, Arc::clone(&host)));
            all.push(host);
        }
        lab.clws("trust sign --yes").succeeds();
        let shared = folder.path().to_owned();
        std::thread::spawn(move || serve(listeners, key, &shared));
        Self { folder, hosts: all }
    }

    /// Changes a host's manner.
    pub(crate) fn behaves(&self, name: &str, manner: Manner) {
        *self.host(name).manner.lock().unwrap() = manner;
    }

    /// How often a host was connected to.
    pub(crate) fn connections(&self, name: &str) -> usize {
        self.host(name).connections.load(Ordering::Relaxed)
    }

    /// A file that a host notes something in.
    pub(crate) fn note(&self, name: &str, note: &str) -> PathBuf {
        self.host(name).folder.join(note)
    }

    /// What is shared by all hosts: a folder, `$SHARED` on each.
    pub(crate) fn shared(&self) -> &Path {
        self.folder.path()
    }

    fn host(&self, name: &str) -> &Host {
        let found = self.hosts.iter().find(|host| host.name == name);
        found.unwrap_or_else(|| panic!("no host {name}"))
    }
}

/// Root has one place for all vaults and hosts, so hosts of root's tests log somebody else in.
const ACCOUNT: u32 = 52_000;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Gives a folder to the account that hosts log in.
fn give(folder: &Path) {
    if is_root() {
        std::os::unix::fs::chown(folder, Some(ACCOUNT), Some(ACCOUNT)).unwrap();
    }
}

/// Serves until the test ends.
fn serve(listeners: Vec<(std::net::TcpListener, Arc<Host>)>, key: PrivateKey, shared: &Path) {
    let config = Arc::new(Config {
        keys: vec![key],
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        auth_rejection_time: Duration::from_millis(1),
        ..Config::default()
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        for (listener, host) in listeners {
            let listener = TcpListener::from_std(listener).unwrap();
            let (config, shared) = (Arc::clone(&config), shared.to_owned());
            tokio::spawn(async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    host.connections.fetch_add(1, Ordering::Relaxed);
                    let manner = *host.manner.lock().unwrap();
                    match manner {
                        // Kept open, and never answered.
                        Manner::Silent => {
                            std::mem::forget(stream);
                            continue;
                        }
                        Manner::Preludes => {
                            tokio::spawn(prelude(stream));
                            continue;
                        }
                        _ => {}
                    }
                    let (config, host) = (Arc::clone(&config), Arc::clone(&host));
                    let connection = Connection {
                        host,
                        shared: shared.clone(),
                        inputs: HashMap::new(),
                        cut: None,
                    };
                    tokio::spawn(async move {
                        if let Ok(session) =
                            russh::server::run_stream(config, stream, connection).await
                        {
                            drop(session.await);
                        }
                    });
                }
            });
        }
        std::future::pending::<()>().await;
    });
}

/// Talks for as long as somebody listens.
async fn prelude(mut stream: tokio::net::TcpStream) {
    let lines = "welcome, and read this first\r\n".repeat(1000);
    while stream.write_all(lines.as_bytes()).await.is_ok() {}
}

/// One connection to a host.
struct Connection {
    host: Arc<Host>,
    shared: PathBuf,
    /// What goes to the standard input of each channel's command.
    inputs: HashMap<ChannelId, mpsc::UnboundedSender<Vec<u8>>>,
    /// The channel in the middle of whose input it hangs up.
    cut: Option<ChannelId>,
}

impl Connection {
    fn shell(&self, line: &str) -> tokio::process::Command {
        let at = |name: &str| self.host.folder.join(name);
        let run = match *self.host.manner.lock().unwrap() {
            Manner::Names => "run$(echo >led)",
            _ => "run",
        };
        let mut shell = tokio::process::Command::new("/bin/sh");
        shell
            // As under sshd: what is ended there is ended by its group.
            .process_group(0)
            .args(["-c", line])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", at("home"))
            .env("SHARED", &self.shared)
            .env("XDG_RUNTIME_DIR", at(run))
            .env("XDG_STATE_HOME", at("state"))
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for name in ["home", run, "state"] {
            std::fs::create_dir_all(at(name)).unwrap();
            give(&at(name));
        }
        if is_root() {
            shell.uid(ACCOUNT).gid(ACCOUNT);
        }
        shell
    }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        _: &str,
        _: PublicKeyOffer<'_>,
    ) -> Result<Auth, russh::Error> {
        Ok(Auth::Accept)
    }

    async fn auth_publickey(
        &mut self,
        _: &str,
        _: VerifiedPublicKey<'_>,
    ) -> Result<Auth, russh::Error> {
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _: russh::Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        if *self.host.manner.lock().unwrap() == Manner::Shuts {
            std::future::pending::<()>().await;
        }
        reply.accept().await;
        Ok(())
    }

    async fn data(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        if self.cut == Some(channel) {
            return Err(russh::Error::Disconnect);
        }
        let manner = *self.host.manner.lock().unwrap();
        if manner == Manner::Sticks && self.host.folder.join("stuck").exists() {
            return Ok(());
        }
        if let Some(input) = self.inputs.get(&channel) {
            drop(input.send(data.to_vec()));
        }
        Ok(())
    }

    async fn channel_eof(
        &mut self,
        channel: ChannelId,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.inputs.remove(&channel);
        Ok(())
    }

    async fn channel_close(
        &mut self,
        channel: ChannelId,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.inputs.remove(&channel);
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        line: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)?;
        let line = String::from_utf8_lossy(line).into_owned();
        let manner = *self.host.manner.lock().unwrap();
        // As hooks of these tests mark their steps.
        let is_step = line.contains("a-step-of");
        if manner == Manner::Drops && is_step {
            return Err(russh::Error::Disconnect);
        }
        if is_step && matches!(manner, Manner::Floods | Manner::Forges | Manner::Cuts) {
            session.data(channel, b"clws-runs-as 999999999\n".to_vec())?;
            if manner == Manner::Cuts {
                self.cut = Some(channel);
            }
            if manner == Manner::Forges {
                session.exit_status_request(channel, 3)?;
                session.exit_status_request(channel, 0)?;
                session.close(channel)?;
            }
            if manner == Manner::Floods {
                let handle = session.handle();
                tokio::spawn(async move {
                    let line = b"a-step-of a host that never stops\n".repeat(240);
                    while handle.data(channel, line.clone()).await.is_ok() {
                        // All hosts of the test share a thread.
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                });
            }
            return Ok(());
        }
        if manner == Manner::Sticks && self.inputs.contains_key(&channel) {
            return Ok(());
        }
        let (input, mut inputs) = mpsc::unbounded_channel::<Vec<u8>>();
        self.inputs.insert(channel, input);
        if manner == Manner::Sticks && is_step {
            let stuck = self.host.folder.join("stuck");
            std::fs::write(stuck, "").unwrap();
        }
        if manner == Manner::Sticks && self.host.folder.join("stuck").exists() {
            return Ok(());
        }
        let is_mute = manner == Manner::Mutes && is_step;
        let folder = self.host.folder.clone();
        let mut child = self.shell(&line).spawn().unwrap();
        if is_mute {
            std::fs::write(folder.join("asked"), "").unwrap();
        }
        let (mut stdin, mut stdout, mut stderr) = (
            child.stdin.take().unwrap(),
            child.stdout.take().unwrap(),
            child.stderr.take().unwrap(),
        );
        tokio::spawn(async move {
            while let Some(bytes) = inputs.recv().await {
                if stdin.write_all(&bytes).await.is_err() {
                    break;
                }
            }
        });
        let handle = session.handle();
        let errors = session.handle();
        tokio::spawn(async move {
            if manner == Manner::Slow {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            let out = async {
                let mut bytes = vec![0; 8192];
                while let Ok(count @ 1..) = stdout.read(&mut bytes).await {
                    if is_mute {
                        continue;
                    }
                    drop(handle.data(channel, bytes[..count].to_vec()).await);
                }
            };
            let err = async {
                let mut bytes = vec![0; 8192];
                while let Ok(count @ 1..) = stderr.read(&mut bytes).await {
                    let bytes = bytes[..count].to_vec();
                    drop(errors.extended_data(channel, 1, bytes).await);
                }
            };
            tokio::join!(out, err);
            let code = child.wait().await.unwrap().code().unwrap_or(255);
            if is_mute {
                std::fs::write(folder.join("ended"), "").unwrap();
            }
            let code = u32::try_from(code).unwrap_or(255);
            // Whoever asked may be gone.
            let _told = handle.exit_status_request(channel, code).await;
            let _told = handle.eof(channel).await;
            let _told = handle.close(channel).await;
        });
        Ok(())
    }
}
