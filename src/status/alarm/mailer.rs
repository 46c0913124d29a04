//! Mail over SMTP, by the one server that the person's configuration names.
//!
//! lettre writes the message and speaks SMTP (RFC 5321); the connection is ours, with its limits. Nothing but a
//! greeting, EHLO and STARTTLS is said in clear: a server that offers no STARTTLS gets no login and no
//! message. Its certificate must be for the name in the configuration, and signed by whom this machine trusts,
//! or by the `ca` of the configuration alone.

use std::time::{Duration, SystemTime};

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{self};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::stream::Bounded;
use super::tls::{self, Tls};
use super::{AlarmError, Message};
use crate::crypto::hex;
use crate::error::Error;
use crate::identity::{Encryption, MailConfig};
use crate::recipients::MailAddress;
use crate::secret::Plain;
use crate::text::clean_line;
use crate::world::World;

/// So much of a server's words is shown.
const SHOWN: usize = 200;

/// How long and how much a server may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For the connection.
    pub connect: Duration,
    /// For all of one message, silences included: a server may hold its greeting back for half a minute.
    pub whole: Duration,
    /// What is read of it, in bytes, with TLS's own: a hundred answers and a chain of certificates have 40 KiB. Not
    /// much more, as lettre parses an answer from its beginning for each line that comes.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            whole: Duration::from_secs(60),
            bytes: 128 << 10,
        }
    }
}

/// Who sends mail for the person.
#[derive(Debug)]
pub struct Mailer<'a> {
    world: &'a World,
    config: &'a MailConfig,
    tls: Tls,
    password: Option<Plain>,
    limits: Limits,
}

impl<'a> Mailer<'a> {
    /// With the password of the login that the configuration names.
    ///
    /// # Errors
    /// [`AlarmError::BadCa`], [`AlarmError::BadPassword`], [`crate::fs::FsError`].
    pub fn new(
        world: &'a World,
        config: &'a MailConfig,
        password: Option<Plain>,
        limits: Limits,
    ) -> Result<Self, Error> {
        Ok(Self {
            world,
            config,
            tls: Tls::new(world, config)?,
            password: password.map(|password| line(&password)).transpose()?,
            limits,
        })
    }

    /// Sends a message; gives those whom the server refused, each with its answer, where it took another.
    ///
    /// # Errors
    /// [`AlarmError`]: then nobody got it, as far as is known.
    pub async fn send(
        &self,
        message: &Message,
        to: &[MailAddress],
    ) -> Result<Vec<String>, AlarmError> {
        let bytes = self.write(message, to)?;
        let sending = timeout(self.limits.whole, self.deliver(&bytes, to));
        sending.await.unwrap_or_else(|_| {
            Err(AlarmError::Slow {
                server: self.server(),
                seconds: self.limits.whole.as_secs(),
            })
        })
    }

    fn server(&self) -> String {
        let MailConfig { server, port, .. } = self.config;
        match server.contains(':') {
            true => format!("[{server}]:{port}"),
            false => format!("{server}:{port}"),
        }
    }

    /// The message as it goes out, in ASCII.
    fn write(&self, message: &Message, to: &[MailAddress]) -> Result<Vec<u8>, AlarmError> {
        let unwritable = |why: &dyn std::fmt::Display| AlarmError::Unwritable {
            why: why.to_string(),
        };
        let mailbox = |address: &MailAddress| {
            let address = address.as_str().parse();
            let address =
                address.map_err(|error: lettre::address::AddressError| unwritable(&error));
            address.map(|address| Mailbox::new(None, address))
        };
        let now = u64::try_from(self.world.now().seconds()).unwrap_or(0);
        let id = self
            .world
            .random::<16>()
            .map_err(|error| unwritable(&error))?;
        // By a program, so that no other one answers (RFC 3834).
        let by_program = HeaderName::new_from_ascii("Auto-Submitted".to_owned());
        let by_program = by_program.map_err(|error| unwritable(&error))?;
        let mut builder = MessageBuilder::new()
            .from(mailbox(&self.config.from)?)
            .subject(clean_line(&message.subject))
            .date(SystemTime::UNIX_EPOCH + Duration::from_secs(now))
            .message_id(Some(format!(
                "<{}@{}>",
                hex(&id),
                self.config.from.domain()
            )))
            .raw_header(HeaderValue::new(by_program, "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN);
        for address in to {
            builder = builder.to(mailbox(address)?);
        }
        let written = builder
            .body(message.text.clone())
            .map_err(|error| unwritable(&error))?;
        Ok(written.formatted())
    }

    async fn deliver(&self, bytes: &[u8], to: &[MailAddress]) -> Result<Vec<String>, AlarmError> {
        let mut connection = self.connect().await?;
        if let (Some((user, _)), Some(password)) = (&self.config.login, &self.password) {
            self.log_in(&mut connection, user, password).await?;
        }
        let address = |address: &MailAddress| {
            let parsed: Result<lettre::Address, _> = address.as_str().parse();
            parsed.map_err(|error| AlarmError::Unwritable {
                why: error.to_string(),
            })
        };
        let from = Mail::new(Some(address(&self.config.from)?), Vec::new());
        self.said("the sender", connection.command(from).await)?;
        let (mut refused, mut last) = (Vec::new(), None);
        for recipient in to {
            let command = Rcpt::new(address(recipient)?, Vec::new());
            match connection.command(command).await {
                Ok(_) => {}
                // Another one may be taken; a connection that broke takes none.
                Err(error) if error.status().is_some() => {
                    refused.push(format!("{recipient}: {}", shown(&error)));
                    last = Some(error);
                }
                Err(error) => self.said("a recipient", Err::<(), _>(error))?,
            }
        }
        if let Some(error) = last.filter(|_| refused.len() == to.len()) {
            self.said("every recipient", Err::<(), _>(error))?;
        }
        self.said("the message", connection.command(Data).await)?;
        self.said("the message", connection.message(bytes).await)?;
        // It has the message; how it says good-bye is its own business.
        drop(connection.quit().await);
        Ok(refused)
    }

    /// Connects, and encrypts.
    async fn connect(&self) -> Result<AsyncSmtpConnection, AlarmError> {
        let MailConfig { server, port, .. } = self.config;
        let unreached = |why: String| AlarmError::Unreached {
            server: self.server(),
            why,
        };
        let connecting = TcpStream::connect((server.as_str(), *port));
        let stream = timeout(self.limits.connect, connecting)
            .await
            .map_err(|_| unreached(format!("no answer in {} s", self.limits.connect.as_secs())))?
            .map_err(|error| unreached(error.to_string()))?;
        let peer = stream.peer_addr();
        let peer = peer.map_err(|error| unreached(error.to_string()))?;
        // An address and no name (RFC 5321, 4.1.4): what this machine calls itself is nobody's business.
        let ourselves = match stream.local_addr().map(|address| address.ip()) {
            Ok(std::net::IpAddr::V4(address)) => ClientId::Ipv4(address),
            Ok(std::net::IpAddr::V6(address)) => ClientId::Ipv6(address),
            Err(_) => ClientId::default(),
        };
        let stream = Bounded::new(stream, peer, self.limits.bytes);
        match self.config.encryption {
            Encryption::Implicit => {
                let encrypted = self.tls.encrypt(stream).await;
                let stream = encrypted.map_err(|error| self.stranger(&*error))?;
                let stream = Box::new(Bounded::new(stream, peer, self.limits.bytes));
                let connected = AsyncSmtpConnection::connect_with_transport(stream, &ourselves);
                self.said("us", connected.await)
            }
            Encryption::StartTls => {
                let connected =
                    AsyncSmtpConnection::connect_with_transport(Box::new(stream), &ourselves);
                let mut connection = self.said("us", connected.await)?;
                if !connection.can_starttls() {
                    return Err(AlarmError::InClear {
                        server: self.server(),
                    });
                }
                let parameters = self
                    .tls
                    .parameters()
                    .map_err(|error| self.stranger(&error))?;
                let upgraded = connection.starttls(parameters, &ourselves).await;
                self.said("STARTTLS", upgraded)?;
                match connection.is_encrypted() {
                    true => Ok(connection),
                    false => Err(AlarmError::InClear {
                        server: self.server(),
                    }),
                }
            }
        }
    }

    fn stranger(&self, error: &dyn std::error::Error) -> AlarmError {
        AlarmError::Stranger {
            server: self.server(),
            why: reason(error),
        }
    }

    async fn log_in(
        &self,
        connection: &mut AsyncSmtpConnection,
        user: &str,
        password: &Plain,
    ) -> Result<(), AlarmError> {
        let mechanisms = [Mechanism::Plain, Mechanism::Login];
        let offers = |mechanism| connection.server_info().supports_auth_mechanism(mechanism);
        if !mechanisms.into_iter().any(offers) {
            return Err(AlarmError::NoLogin {
                server: self.server(),
            });
        }
        let password = password.with(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let credentials = Credentials::new(user.to_owned(), password);
        let answered = connection.auth(&mechanisms, &credentials).await;
        answered.map(drop).map_err(|error| match error.status() {
            // The number alone: its words may repeat what it was told.
            Some(code) => AlarmError::Refused {
                server: self.server(),
                what: "the login",
                answer: code.to_string(),
                is_for_now: error.is_transient(),
            },
            None => self.garbled(&error),
        })
    }

    /// An answer to something that was said.
    fn said<T>(&self, what: &'static str, answer: Result<T, smtp::Error>) -> Result<T, AlarmError> {
        answer.map_err(|error| {
            if error.status().is_some() {
                return AlarmError::Refused {
                    server: self.server(),
                    what,
                    answer: shown(&error),
                    is_for_now: error.is_transient(),
                };
            }
            match tls::is_at_fault(&error) {
                true => self.stranger(&error),
                false => self.garbled(&error),
            }
        })
    }

    fn garbled(&self, error: &smtp::Error) -> AlarmError {
        AlarmError::Garbled {
            server: self.server(),
            why: reason(error),
        }
    }
}

/// What a server answered, safe to show.
fn shown(error: &smtp::Error) -> String {
    let code = error.status().map(|code| code.to_string());
    let words = std::error::Error::source(error).map(ToString::to_string);
    let text = [code, words]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ");
    clean_line(&text.chars().take(SHOWN).collect::<String>())
}

/// The innermost cause, which says most.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    clean_line(&text.chars().take(SHOWN).collect::<String>())
}

/// A password as a login sends it: what a file has at its end is no part of it.
fn line(password: &Plain) -> Result<Plain, AlarmError> {
    password.with(|bytes| {
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let is_line = std::str::from_utf8(bytes)
            .is_ok_and(|text| !text.is_empty() && !text.contains(['\0', '\r', '\n']));
        match is_line {
            true => Ok(Plain::new(bytes.to_vec())),
            false => Err(AlarmError::BadPassword),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::{TcpListener, TcpStream as Blocking};
    use std::thread::JoinHandle;

    use super::*;
    use crate::error::Explain as _;
    use crate::world::Clock;

    /// A server that does as told with the one who connects, and gives back what it was told.
    fn server(
        play: impl FnOnce(&mut Blocking, &mut dyn FnMut(&mut Blocking) -> String) + Send + 'static,
    ) -> (u16, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let playing = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut heard = Vec::new();
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            play(&mut stream, &mut |_| {
                let mut line = Vec::new();
                lines.read_until(b'\n', &mut line).unwrap_or_default();
                let line = String::from_utf8_lossy(&line).into_owned();
                heard.push(line.clone());
                line
            });
            heard
        });
        (port, playing)
    }

    /// Sends something to it, with a login.
    fn send(port: u16, encryption: Encryption) -> AlarmError {
        let world = World::new(Clock::System, [], "/".into());
        let root = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/certs/certs/tls/dev/codalab.crt"
        );
        let config = MailConfig {
            server: "127.0.0.1".into(),
            port,
            encryption,
            login: Some(("clws".into(), "shared/mail/PASSWORD".parse().unwrap())),
            from: "clws@example.org".parse().unwrap(),
            to: vec!["ops@example.org".parse().unwrap()],
            ca: Some(root.into()),
            owners: std::collections::BTreeMap::new(),
        };
        let limits = Limits {
            connect: Duration::from_secs(5),
            whole: Duration::from_secs(2),
            bytes: 16 << 10,
        };
        let password = Some(Plain::from("hunter2"));
        let mailer = Mailer::new(&world, &config, password, limits).unwrap();
        let message = Message {
            subject: "clws v: 1 thing wrong".into(),
            text: "it is wrong\n".into(),
            json: serde_json::Value::Null,
        };
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        let error = runtime
            .block_on(mailer.send(&message, &config.to))
            .unwrap_err();
        assert_eq!(error.code(), crate::error::Code::Backend);
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        error
    }

    #[test]
    fn nothing_but_a_greeting_is_said_in_clear() {
        let (port, playing) = server(|stream, hear| {
            stream.write_all(b"220 mail\r\n").unwrap();
            hear(stream);
            let offers = b"250-mail\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n";
            stream.write_all(offers).unwrap();
            while !hear(stream).is_empty() {}
        });
        let error = send(port, Encryption::StartTls);
        assert!(matches!(error, AlarmError::InClear { .. }), "{error:?}");
        let heard = playing.join().unwrap();
        assert_eq!(heard, ["EHLO [127.0.0.1]\r\n", ""]);
    }

    /// What a server, or somebody before it, sends behind its answer to STARTTLS was never encrypted.
    #[test]
    fn what_was_sent_before_tls_is_no_answer_under_it() {
        let (port, playing) = server(|stream, hear| {
            stream.write_all(b"220 mail\r\n").unwrap();
            hear(stream);
            stream.write_all(b"250-mail\r\n250 STARTTLS\r\n").unwrap();
            assert_eq!(hear(stream), "STARTTLS\r\n");
            let early = b"220 go\r\n250-mail\r\n250 AUTH PLAIN\r\n235 welcome\r\n250 ok\r\n";
            stream.write_all(early).unwrap();
            hear(stream);
        });
        let error = send(port, Encryption::StartTls);
        assert!(matches!(error, AlarmError::Stranger { .. }), "{error:?}");
        let heard = playing.join().unwrap();
        assert!(!heard.concat().contains("AUTH"), "{heard:?}");
    }

    #[test]
    fn silence_and_endless_words_end() {
        let (port, playing) = server(|stream, hear| {
            hear(stream);
        });
        let error = send(port, Encryption::StartTls);
        assert!(matches!(error, AlarmError::Slow { .. }), "{error:?}");
        playing.join().unwrap();
        // A line without an end, and lines without an end; in clear, and where TLS is expected.
        for piece in ["220 aaaaaaaaaaaaaaaa", "220-hello\r\n"] {
            for encryption in [Encryption::StartTls, Encryption::Implicit] {
                let (port, playing) = server(move |stream, _| {
                    let piece = piece.repeat(100);
                    while stream.write_all(piece.as_bytes()).is_ok() {}
                });
                let error = send(port, encryption);
                let is_ended = matches!(
                    error,
                    AlarmError::Garbled { .. } | AlarmError::Stranger { .. }
                );
                assert!(is_ended, "{piece}: {error:?}");
                playing.join().unwrap();
            }
        }
        // One that says a byte now and then is given no more time than one that says nothing.
        let (port, playing) = server(|stream, _| {
            while stream.write_all(b"2").is_ok() {
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let error = send(port, Encryption::StartTls);
        assert!(matches!(error, AlarmError::Slow { .. }), "{error:?}");
        playing.join().unwrap();
    }

    #[test]
    fn a_password_is_one_line() {
        let of = |text: &str| line(&Plain::from(text)).is_ok();
        assert!(of("hunter2") && of("hunter2\n"));
        for bad in ["", "\n", "a\nb", "a\0b", "a\r\n"] {
            assert!(!of(bad), "{bad:?}");
        }
    }
}
