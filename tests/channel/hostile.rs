//! Hosts that prove themselves and then misbehave. No OpenSSH does this, so the server is ours.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clws::channel::ssh::{KnownHost, Limits, Login, Session, SshError, connect};
use clws::channel::{Channel, ChannelError, Command};
use clws::error::{Code, Explain as _};
use clws::secret::Plain;
use russh::keys::{Algorithm, PrivateKey};
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handler, Msg, PublicKeyOffer, VerifiedPublicKey,
};
use russh::{ChannelId, MethodKind, MethodSet, Preferred, cipher, kex};
use tokio::net::TcpListener;

use crate::channel::soon;
use crate::sshd::Sshd;

/// What the host does with a command.
#[derive(Clone, Copy)]
pub(crate) enum Deed {
    /// Takes it, and closes the channel without a word.
    SaysNothing,
    /// Runs something else, which talks without end.
    Babbles,
    /// Takes the command and its input, and never starts it.
    WaitsForSecrets,
    /// Starts it, says twice how it ended, and prints on and on.
    NeverStops,
    /// Opens channels of every kind to us.
    OpensChannels,
    /// Hangs up with an escape sequence.
    SaysGoodbye,
    /// Never answers a login.
    IgnoresLogins,
    /// Hangs up in place of an answer to a login.
    CutsLogins,
    /// Greets with eight megabytes.
    GreetsForEver,
}

/// What came to pass, for the test to look at.
#[derive(Clone, Default)]
pub(crate) struct Record(Arc<Mutex<HashMap<&'static str, usize>>>);

impl Record {
    fn add(&self, what: &'static str, count: usize) {
        *self.0.lock().unwrap().entry(what).or_default() += count;
    }

    pub(crate) fn count(&self, what: &str) -> usize {
        self.0.lock().unwrap().get(what).copied().unwrap_or(0)
    }
}

struct Host {
    deed: Deed,
    record: Record,
}

impl Handler for Host {
    type Error = russh::Error;

    async fn authentication_banner(&mut self) -> Result<Option<String>, russh::Error> {
        Ok(matches!(self.deed, Deed::GreetsForEver).then(|| "\u{1b}[2J".repeat(30_000)))
    }

    async fn auth_publickey_offered(
        &mut self,
        _: &str,
        _: PublicKeyOffer<'_>,
    ) -> Result<Auth, russh::Error> {
        if matches!(self.deed, Deed::IgnoresLogins) {
            std::future::pending::<()>().await;
        }
        if matches!(self.deed, Deed::CutsLogins) {
            return Err(russh::Error::Disconnect);
        }
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
        _: &mut russh::server::Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn data(
        &mut self,
        _: ChannelId,
        data: &[u8],
        _: &mut russh::server::Session,
    ) -> Result<(), russh::Error> {
        self.record.add("bytes received", data.len());
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _: &[u8],
        session: &mut russh::server::Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)?;
        let handle = session.handle();
        let mark = || b"clws-runs-as 999999999\n".to_vec();
        match self.deed {
            Deed::SaysNothing => {
                session.data(channel, mark())?;
                session.eof(channel)?;
                session.close(channel)?;
            }
            Deed::Babbles => drop(tokio::spawn(async move {
                while handle.data(channel, vec![b'x'; 8192]).await.is_ok() {}
            })),
            Deed::NeverStops => {
                session.data(channel, mark())?;
                session.exit_status_request(channel, 3)?;
                session.exit_status_request(channel, 0)?;
                drop(tokio::spawn(async move {
                    while handle.data(channel, vec![b'x'; 8192]).await.is_ok() {}
                }));
            }
            Deed::OpensChannels => {
                let record = self.record.clone();
                drop(tokio::spawn(open_all(handle, record)));
            }
            Deed::SaysGoodbye => {
                let reason = russh::Disconnect::ByApplication;
                session.disconnect(reason, "\u{1b}[31mbye\nbye", "")?;
            }
            Deed::WaitsForSecrets
            | Deed::IgnoresLogins
            | Deed::CutsLogins
            | Deed::GreetsForEver => {}
        }
        Ok(())
    }
}

async fn open_all(host: russh::server::Handle, record: Record) {
    let opened = [
        host.channel_open_agent().await.is_ok(),
        host.channel_open_session().await.is_ok(),
        host.channel_open_x11("127.0.0.1", 6000).await.is_ok(),
        host.channel_open_direct_tcpip("127.0.0.1", 22, "127.0.0.1", 1)
            .await
            .is_ok(),
        host.channel_open_direct_streamlocal("/run/docker.sock")
            .await
            .is_ok(),
        host.channel_open_forwarded_tcpip("127.0.0.1", 22, "127.0.0.1", 1)
            .await
            .is_ok(),
        host.channel_open_forwarded_streamlocal("/run/docker.sock")
            .await
            .is_ok(),
    ];
    record.add(
        "channels opened",
        opened.iter().filter(|opened| **opened).count(),
    );
    record.add("channels asked for", opened.len());
}

fn new_key() -> PrivateKey {
    PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap()
}

/// Starts a host; gives what connects to it.
pub(crate) async fn start(deed: Deed, preferred: Preferred) -> (KnownHost, Record) {
    let key = new_key();
    let line = key.public_key().to_openssh().unwrap();
    let config = Arc::new(Config {
        keys: vec![key],
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        auth_rejection_time: Duration::from_millis(1),
        preferred,
        ..Config::default()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let record = Record::default();
    let host = Host {
        deed,
        record: record.clone(),
    };
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        if let Ok(session) = russh::server::run_stream(config, stream, host).await {
            drop(session.await);
        }
    });
    let host = KnownHost::new("web", "127.0.0.1", port, "ada", [line]).unwrap();
    (host, record)
}

async fn connect_to(host: &KnownHost) -> Result<Session, SshError> {
    connect_within(host, Limits::default().login).await
}

/// Connects, with a clock that a test can wait for.
pub(crate) async fn connect_within(host: &KnownHost, login: Duration) -> Result<Session, SshError> {
    let pem = new_key().to_openssh(Default::default()).unwrap();
    let limits = Limits {
        login,
        ..Limits::default()
    };
    connect(host, &[Login::Key(Plain::from(pem.as_str()))], &limits).await
}

/// Runs a command with a secret on a host that does this.
async fn run_on(deed: Deed) -> (Result<clws::channel::Outcome, ChannelError>, Record) {
    let (host, record) = start(deed, Preferred::default()).await;
    let channel = Channel::Ssh(Arc::new(connect_to(&host).await.unwrap()));
    let command = Command::new("cat")
        .input(Plain::new(vec![b's'; 100_000]))
        .output_cap(1000)
        .within(Duration::from_secs(3));
    let begun = Instant::now();
    let outcome = channel.run(&command).await;
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
    (outcome, record)
}

#[tokio::test]
async fn a_missing_exit_status_is_a_failure() {
    let (outcome, _) = run_on(Deed::SaysNothing).await;
    let error = outcome.unwrap_err();
    assert!(matches!(error, ChannelError::NoStatus { .. }), "{error:?}");
    assert_eq!(error.code(), Code::Host);
}

#[tokio::test]
async fn endless_talk_before_the_command_is_cut_short() {
    let (outcome, record) = run_on(Deed::Babbles).await;
    let error = outcome.unwrap_err();
    assert!(matches!(error, ChannelError::NotRun { .. }), "{error:?}");
    assert!(error.notes()[0].len() < 300, "{:?}", error.notes());
    assert_eq!(record.count("bytes received"), 0);
}

#[tokio::test]
async fn who_hangs_up_during_a_login_has_refused_no_key() {
    let (host, _) = start(Deed::CutsLogins, Preferred::default()).await;
    let error = connect_to(&host).await.unwrap_err();
    assert!(matches!(error, SshError::Protocol { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the connection to host `web` broke: it hung up during the login"
    );
}

#[tokio::test]
async fn no_secret_goes_out_before_the_command_runs() {
    let (outcome, record) = run_on(Deed::WaitsForSecrets).await;
    assert!(
        matches!(outcome, Err(ChannelError::Slow { .. })),
        "{outcome:?}"
    );
    assert_eq!(record.count("bytes received"), 0);
}

#[tokio::test]
async fn the_first_word_on_the_end_counts_and_endless_output_is_cut() {
    let (outcome, _) = run_on(Deed::NeverStops).await;
    let outcome = outcome.unwrap();
    assert_eq!(outcome.ended, clws::channel::Ended::Exit(3));
    assert_eq!((outcome.out.len(), outcome.truncated), (1000, true));
}

#[tokio::test]
async fn no_channel_that_a_host_opens_is_accepted() {
    let (_, record) = run_on(Deed::OpensChannels).await;
    soon("all were asked for", || {
        record.count("channels asked for") == 7
    })
    .await;
    assert_eq!(record.count("channels opened"), 0);
}

#[tokio::test]
async fn what_a_host_says_on_leaving_is_made_safe() {
    let (outcome, _) = run_on(Deed::SaysGoodbye).await;
    let error = outcome.unwrap_err();
    assert!(matches!(error, ChannelError::Lost { .. }), "{error:?}");
    assert_eq!(error.notes(), ["it said: \\u{1b}[31mbye bye"]);
}

#[tokio::test]
async fn a_host_that_ignores_logins_is_given_up() {
    let (host, _) = start(Deed::IgnoresLogins, Preferred::default()).await;
    let short = Duration::from_millis(1500);
    let error = connect_within(&host, short).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "host `web` took longer than 1.5 s for the login"
    );
}

#[tokio::test]
async fn a_banner_without_end_is_cut() {
    let (host, _) = start(Deed::GreetsForEver, Preferred::default()).await;
    let banner = connect_to(&host).await.unwrap().banner().unwrap();
    assert!(!banner.contains('\u{1b}'));
    // 4 KiB, with each escape character written out.
    assert!(banner.len() < 16 << 10, "{} bytes", banner.len());
}

#[tokio::test]
async fn a_post_quantum_key_exchange_works() {
    let preferred = Preferred {
        kex: vec![kex::MLKEM768X25519_SHA256].into(),
        ..Preferred::default()
    };
    let (host, _) = start(Deed::SaysNothing, preferred).await;
    drop(connect_to(&host).await.unwrap());
}

#[tokio::test]
async fn a_cipher_that_can_be_cut_is_refused_without_strict_numbering() {
    let chacha = |strict: bool| {
        let mut kex = vec![kex::CURVE25519];
        kex.extend(strict.then_some(kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER));
        Preferred {
            kex: kex.into(),
            cipher: vec![cipher::CHACHA20_POLY1305].into(),
            ..Preferred::default()
        }
    };
    let (host, _) = start(Deed::SaysNothing, chacha(false)).await;
    let error = connect_to(&host).await.unwrap_err();
    assert_eq!(error.code(), Code::Host);
    assert!(
        error.to_string().contains("without strict key exchange"),
        "{error}"
    );
    let (host, _) = start(Deed::SaysNothing, chacha(true)).await;
    drop(connect_to(&host).await.unwrap());
}

#[tokio::test]
async fn what_is_no_ssh_server_is_said_to_be_none() {
    let server = Sshd::start();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        let (mut stream, _) = listener.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
    });
    let keys = &server.host_key_lines;
    let host = KnownHost::new("web", "127.0.0.1", port, "ada", keys).unwrap();
    let error = connect_to(&host).await.unwrap_err();
    assert!(matches!(error, SshError::Protocol { .. }), "{error:?}");
    assert_eq!(error.code(), Code::Host);
    let said = error.hints().concat();
    assert!(
        said.contains(&format!("127.0.0.1:{port} says why")),
        "{said}"
    );
}
