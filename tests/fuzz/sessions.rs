//! What a host's SSH server says once it has proved itself and let us in: a text is what it does with a command.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use clws::channel::ssh::{KnownHost, Limits, Login, Session, connect};
use clws::channel::{Channel, Command};
use clws::secret::Plain;
use russh::keys::{Algorithm, PrivateKey};
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handler, Msg, PublicKeyOffer, VerifiedPublicKey,
};
use russh::{ChannelId, Disconnect, MethodKind, MethodSet, Sig};
use tokio::net::TcpListener;

use crate::drive::fuzz;
use crate::peers::shown;

/// Deeds of the host, one a line: a letter, and what it is done with.
type Deeds = Arc<Mutex<Vec<u8>>>;

/// No command may take longer; the slowest texts are those after which the host says nothing more.
const WITHIN: Duration = Duration::from_millis(60);

struct Host(Deeds);

impl Handler for Host {
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
        _: &mut russh::server::Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _: &[u8],
        session: &mut russh::server::Session,
    ) -> Result<(), russh::Error> {
        let deeds = self.0.lock().unwrap().clone();
        let mut is_over = true;
        for deed in deeds.split_inclusive(|byte| *byte == b'\n') {
            let (letter, rest) = deed.split_first().unwrap();
            let text = String::from_utf8_lossy(rest).into_owned();
            let number = rest.iter().fold(0_u32, |sum, byte| {
                sum.wrapping_mul(31).wrapping_add(u32::from(*byte))
            });
            match letter {
                b'+' => session.channel_success(channel)?,
                b'-' => session.channel_failure(channel)?,
                b'e' => session.extended_data(channel, 1, rest.to_vec())?,
                b'x' => session.extended_data(channel, number, rest.to_vec())?,
                b's' => session.exit_status_request(channel, number)?,
                b'k' => {
                    let signal = Sig::Custom(text.clone());
                    session.exit_signal_request(channel, signal, number % 2 == 0, &text, &text)?;
                }
                // Silence is waited for, so a host closes in the end but where it says that it does not.
                b'w' => is_over = false,
                b'f' => session.eof(channel)?,
                b'c' => session.close(channel)?,
                b'l' => session.xon_xoff_request(channel, true)?,
                b'p' => session.keepalive_request()?,
                b'd' => session.debug(true, &text, &text)?,
                b'o' => drop(session.channel_open_session()?),
                b'a' => drop(session.channel_open_agent()?),
                b't' => drop(session.channel_open_forwarded_tcpip(&text, number, &text, number)?),
                b'b' => session.disconnect(Disconnect::ByApplication, &text, &text)?,
                _ => session.data(channel, rest.to_vec())?,
            }
        }
        if is_over {
            session.close(channel)?;
        }
        Ok(())
    }
}

fn new_key() -> PrivateKey {
    PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap()
}

/// Starts a host that does what `deeds` says with each command; gives what connects to it.
async fn start(deeds: &Deeds) -> KnownHost {
    let key = new_key();
    let line = key.public_key().to_openssh().unwrap();
    let config = Arc::new(Config {
        keys: vec![key],
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        auth_rejection_time: Duration::from_millis(1),
        ..Config::default()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let deeds = Arc::clone(deeds);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (config, host) = (Arc::clone(&config), Host(Arc::clone(&deeds)));
            tokio::spawn(async move {
                if let Ok(session) = russh::server::run_stream(config, stream, host).await {
                    drop(session.await);
                }
            });
        }
    });
    KnownHost::new("web", "127.0.0.1", port, "ada", [line]).unwrap()
}

#[test]
fn hosts_that_let_us_in() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let deeds = Deeds::default();
    let host = runtime.block_on(start(&deeds));
    let login = [Login::Key(Plain::from(
        new_key().to_openssh(Default::default()).unwrap().as_str(),
    ))];
    let mut session: Option<Arc<Session>> = None;
    let mark = b"+\n clws-runs-as 999999999\n hello\neoh\ns\nf\nc\n";
    let talks = b"+\n Welcome!\n\x1b[2J clws-runs-as \n clws-runs-as 4711\nkKILL\nc\n";
    let refuses = b"-\nbno\n";
    let words = [
        "+\n",
        "-\n",
        "e",
        "x",
        "s\n",
        "kTERM\n",
        "f\n",
        "w\n",
        "c\n",
        "l\n",
        "p\n",
        "d\x1b[2J\n",
        "o\n",
        "a\n",
        "tx\n",
        "bbye\n",
        " clws-runs-as 1\n",
        " clws-runs-as 4294967296\n",
        " clws-runs-as -1\n",
    ];
    fuzz("ssh-session", &[mark, talks, refuses], &words, |text| {
        *deeds.lock().unwrap() = text.to_vec();
        runtime.block_on(async {
            let on = match session.take() {
                Some(session) => session,
                None => Arc::new(connect(&host, &login, &Limits::default()).await.unwrap()),
            };
            let command = Command::new("cat")
                .input(Plain::new(vec![b's'; 1000]))
                .output_cap(100)
                .within(WITHIN);
            match Channel::Ssh(Arc::clone(&on)).run(&command).await {
                Ok(outcome) => {
                    assert!(
                        outcome.out.len() <= 100 && outcome.err.len() <= 100,
                        "{outcome:?}"
                    );
                    // A host that said how a command ended is asked again.
                    session = Some(on);
                    format!("{:?} {}", outcome.ended, outcome.truncated)
                }
                Err(error) => shown(Err::<(), _>(error)),
            }
        })
    });
}
