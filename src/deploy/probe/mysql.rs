//! A login to a MySQL or MariaDB server, and no more: an open port proves little.
//!
//! The client/server protocol up to the first OK packet: the server's greeting (version 10), our
//! answer, and what it says to that. The password is never sent, only what it and the server's 20
//! random bytes make together, by `mysql_native_password` (SHA-1) or `caching_sha2_password`
//! (SHA-256). A server that wants the password itself is refused: it stands behind no certificate
//! here. (MySQL's internals manual, "Connection Phase"; MariaDB's "Connecting".)

use ring::digest::{Context, Digest, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use zeroize::Zeroizing;

use super::Stream;
use crate::deploy::place::fill;
use crate::deploy::probe_hook::MysqlProbe;
use crate::deploy::step::Surroundings;
use crate::error::Error;
use crate::secret::Plain;

/// A greeting or an error is a few hundred bytes long.
const PACKET_LIMIT: usize = 16 << 10;

/// A login takes three packets of the server, with one change of the method.
const ROUNDS: usize = 6;

const LONG_PASSWORD: u32 = 1;
const WITH_DATABASE: u32 = 1 << 3;
const PROTOCOL_41: u32 = 1 << 9;
const TRANSACTIONS: u32 = 1 << 13;
const SECURE_CONNECTION: u32 = 1 << 15;
const PLUGIN_AUTH: u32 = 1 << 19;

/// utf8, which every server since 4.1 knows.
const CHARSET: u8 = 33;

const COM_QUIT: &[u8] = &[1];

/// Logs in once and takes leave.
pub(super) async fn ask(
    around: &Surroundings<'_>,
    login: &MysqlProbe,
) -> Result<Result<(), String>, Error> {
    let filled = |text: &str| fill(around.plan, around.names, text);
    let host = filled(&login.host)?;
    let port = filled(login.port.as_deref().unwrap_or("3306"))?;
    let user = filled(&login.user)?;
    let database = login.database.as_deref().map(filled).transpose()?;
    let secret = &login.password.secret;
    let missing = || around.wrong(format!("`{secret}` was not opened"));
    let password = around.opened.get(secret).ok_or_else(missing)?;
    let stream = match around.open(&format!("{host}:{port}")).await {
        Ok(stream) => stream,
        Err(said) => return Ok(Err(said)),
    };
    let mut session = Session { stream, next: 0 };
    let done = session.login(&user, password, database.as_deref()).await;
    Ok(done.map_err(|said| around.told(said.as_bytes())))
}

struct Session {
    stream: Box<dyn Stream>,
    /// The number of the next packet, on either side.
    next: u8,
}

/// How a server lets somebody in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Method {
    Native,
    CachingSha2,
}

impl Session {
    async fn login(
        &mut self,
        user: &str,
        password: &Plain,
        database: Option<&str>,
    ) -> Result<(), String> {
        let greeting = self.receive().await?;
        let greeting = Greeting::read(&greeting)?;
        // A method that we do not know is changed by the server once it knows the account.
        let method = Method::named(&greeting.method).unwrap_or(Method::Native);
        let proof = method.proof(password, &greeting.nonce);
        self.send(&answer(user, &proof, database, method)).await?;
        for _ in 0..ROUNDS {
            let packet = self.receive().await?;
            match packet.split_first() {
                Some((0x00, _)) => {
                    self.next = 0;
                    // It was let in; whether it still listens does not matter.
                    let _left = self.send(COM_QUIT).await;
                    return Ok(());
                }
                Some((0xff, rest)) => return Err(refusal(rest)),
                Some((0xfe, rest)) => {
                    let (name, nonce) = text(rest).ok_or("it wants a login of before MySQL 4.1")?;
                    let method = Method::named(&name)
                        .ok_or_else(|| format!("it wants `{name}`, which no probe speaks"))?;
                    let nonce = nonce.strip_suffix(&[0]).unwrap_or(nonce);
                    self.send(&method.proof(password, nonce)).await?;
                }
                // The server remembers this account; OK follows.
                Some((0x01, [3])) => {}
                Some((0x01, _)) => {
                    return Err(
                        "it wants the password itself (caching_sha2_password, first login since \
                         its start), which is not sent; log in once over TLS, or ask with `run`"
                            .into(),
                    );
                }
                _ => return Err("it does not speak MySQL's protocol".into()),
            }
        }
        Err("it goes on asking".into())
    }

    async fn receive(&mut self) -> Result<Vec<u8>, String> {
        let broken = |error: std::io::Error| format!("the connection ended: {error}");
        let mut head = [0; 4];
        self.stream.read_exact(&mut head).await.map_err(broken)?;
        let [a, b, c, number] = head;
        let length = usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16;
        if number != self.next || length > PACKET_LIMIT {
            return Err("it does not speak MySQL's protocol".into());
        }
        self.next = self.next.wrapping_add(1);
        let mut packet = vec![0; length];
        self.stream.read_exact(&mut packet).await.map_err(broken)?;
        Ok(packet)
    }

    async fn send(&mut self, packet: &[u8]) -> Result<(), String> {
        let length = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        let [a, b, c, _] = length.to_le_bytes();
        let mut whole = vec![a, b, c, self.next];
        whole.extend_from_slice(packet);
        self.next = self.next.wrapping_add(1);
        let sent = self.stream.write_all(&whole).await;
        sent.map_err(|error| format!("the connection ended: {error}"))
    }
}

/// What of a server's first packet matters.
#[derive(Debug, Eq, PartialEq)]
struct Greeting {
    nonce: Vec<u8>,
    method: String,
}

impl Greeting {
    fn read(packet: &[u8]) -> Result<Self, String> {
        let no = || "it does not speak MySQL's protocol, version 10".to_owned();
        let rest = match packet.split_first() {
            Some((10, rest)) => rest,
            // Too many connections, or a host that is not let in.
            Some((0xff, rest)) => return Err(refusal(rest)),
            _ => return Err(no()),
        };
        let (_version, rest) = text(rest).ok_or_else(no)?;
        let nonce = rest.get(4..12).ok_or_else(no)?;
        let low = rest.get(13..15).ok_or_else(no)?;
        let high = rest.get(18..20).ok_or_else(no)?;
        let length = usize::from(*rest.get(20).ok_or_else(no)?);
        let capabilities = match (low, high) {
            ([a, b], [c, d]) => u32::from_le_bytes([*a, *b, *c, *d]),
            _ => 0,
        };
        if capabilities & (PROTOCOL_41 | SECURE_CONNECTION) != PROTOCOL_41 | SECURE_CONNECTION {
            return Err(no());
        }
        let second = length.saturating_sub(8).max(13);
        let more = rest.get(31..31 + second).ok_or_else(no)?;
        let more = more.strip_suffix(&[0]).unwrap_or(more);
        let name = rest.get(31 + second..).unwrap_or_default();
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(Self {
            nonce: [nonce, more].concat(),
            method: String::from_utf8_lossy(name).into_owned(),
        })
    }
}

impl Method {
    fn named(name: &str) -> Option<Self> {
        match name {
            "mysql_native_password" => Some(Self::Native),
            "caching_sha2_password" => Some(Self::CachingSha2),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Native => "mysql_native_password",
            Self::CachingSha2 => "caching_sha2_password",
        }
    }

    /// What shows that one knows the password; nothing where it is empty.
    fn proof(self, password: &Plain, nonce: &[u8]) -> Vec<u8> {
        let hash = |parts: &[&[u8]]| -> Digest {
            let mut context = Context::new(match self {
                Self::Native => &SHA1_FOR_LEGACY_USE_ONLY,
                Self::CachingSha2 => &SHA256,
            });
            parts.iter().for_each(|part| context.update(part));
            context.finish()
        };
        let once = password.with(|bytes| {
            (!bytes.is_empty()).then(|| Zeroizing::new(hash(&[bytes]).as_ref().to_vec()))
        });
        let Some(once) = once else {
            return Vec::new();
        };
        let twice = hash(&[&once]);
        let mask = match self {
            Self::Native => hash(&[nonce, twice.as_ref()]),
            Self::CachingSha2 => hash(&[twice.as_ref(), nonce]),
        };
        let pairs = once.iter().zip(mask.as_ref());
        pairs.map(|(once, mask)| once ^ mask).collect()
    }
}

/// Our answer to the greeting (HandshakeResponse41).
fn answer(user: &str, proof: &[u8], database: Option<&str>, method: Method) -> Vec<u8> {
    let mut flags = LONG_PASSWORD | PROTOCOL_41 | TRANSACTIONS | SECURE_CONNECTION | PLUGIN_AUTH;
    if database.is_some() {
        flags |= WITH_DATABASE;
    }
    let mut packet = flags.to_le_bytes().to_vec();
    packet.extend(
        u32::try_from(PACKET_LIMIT)
            .unwrap_or_default()
            .to_le_bytes(),
    );
    packet.push(CHARSET);
    packet.extend([0; 23]);
    packet.extend(user.bytes().filter(|byte| *byte != 0));
    packet.push(0);
    packet.push(u8::try_from(proof.len()).unwrap_or_default());
    packet.extend(proof);
    if let Some(database) = database {
        packet.extend(database.bytes().filter(|byte| *byte != 0));
        packet.push(0);
    }
    packet.extend(method.name().bytes());
    packet.push(0);
    packet
}

/// A text up to its NUL byte, and the rest.
fn text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let at = bytes.iter().position(|byte| *byte == 0)?;
    let (text, rest) = bytes.split_at_checked(at)?;
    Some((String::from_utf8_lossy(text).into_owned(), rest.get(1..)?))
}

/// An error packet: a number, where the login got so far `#` and five characters, and words.
fn refusal(rest: &[u8]) -> String {
    let code = match rest {
        [a, b, ..] => u16::from_le_bytes([*a, *b]),
        _ => 0,
    };
    let words = rest.get(2..).unwrap_or_default();
    let words = match words.split_first() {
        Some((b'#', rest)) => rest.get(5..).unwrap_or_default(),
        _ => words,
    };
    format!("error {code}: {}", String::from_utf8_lossy(words))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::AsyncWriteExt as _;

    use super::*;
    use crate::crypto::hex;

    /// The greeting of a real server, MariaDB 10.11.
    fn greeting() -> Vec<u8> {
        let mut packet = vec![10];
        packet.extend(b"5.5.5-10.11.6-MariaDB\0");
        packet.extend([7, 0, 0, 0]);
        packet.extend(b"abcdefgh\0");
        packet.extend([0xfe, 0xf7, 33, 2, 0, 0xff, 0x81, 21]);
        packet.extend([0; 10]);
        packet.extend(b"ijklmnopqrst\0mysql_native_password\0");
        packet
    }

    #[test]
    fn a_greeting_gives_twenty_bytes_and_a_method() {
        let read = Greeting::read(&greeting()).unwrap();
        assert_eq!(read.nonce, b"abcdefghijklmnopqrst");
        assert_eq!(read.method, "mysql_native_password");
        let refused = Greeting::read(b"\xff\x10\x04Too many connections").unwrap_err();
        assert_eq!(refused, "error 1040: Too many connections");
    }

    /// Computed with Python's hashlib after the manual.
    #[test]
    fn a_proof_is_what_the_manual_says() {
        let password = Plain::from("hunter2");
        let nonce = b"abcdefghijklmnopqrst";
        let native = Method::Native.proof(&password, nonce);
        assert_eq!(hex(&native), NATIVE);
        let sha2 = Method::CachingSha2.proof(&password, nonce);
        assert_eq!(hex(&sha2), SHA2);
        assert_eq!(Method::Native.proof(&Plain::from(""), nonce), b"");
    }

    const NATIVE: &str = "fb30830c3ec1c2161c75ef8c45977d684a38d8d4";
    const SHA2: &str = "38c32b38723affcda57b368b565bac628d5a852428b402c25c4ae036a4fd904f";

    fn run<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(work)
    }

    /// What a login becomes when the server says these bytes.
    fn told(bytes: Vec<u8>) -> Result<(), String> {
        run(async {
            let (near, mut far) = tokio::io::duplex(1 << 20);
            far.write_all(&bytes).await.unwrap();
            far.shutdown().await.unwrap();
            let stream = Box::new(near);
            let mut session = Session { stream, next: 0 };
            let password = Plain::from("hunter2");
            session.login("codalab", &password, Some("x")).await
        })
    }

    fn packets(all: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (number, packet) in (0_u8..).zip(all) {
            // The even ones are the server's.
            let length = u8::try_from(packet.len()).unwrap();
            bytes.extend([length, 0, 0, number * 2]);
            bytes.extend(*packet);
        }
        bytes
    }

    #[test]
    fn what_a_server_may_say_is_understood() {
        let hello = greeting();
        assert_eq!(told(packets(&[&hello, &[0, 0, 0]])), Ok(()));
        let changed = b"\xfecaching_sha2_password\0abcdefghijklmnopqrst\0";
        assert_eq!(told(packets(&[&hello, changed, &[0]])), Ok(()));
        for (said, shown) in [
            (
                &b"\xff\x15\x04#28000Access denied"[..],
                "error 1045: Access denied",
            ),
            (b"\xfemysql_clear_password\0", "mysql_clear_password"),
            (b"\xfe", "before MySQL 4.1"),
            (b"\x01\x04", "the password itself"),
            (b"\x07", "does not speak"),
        ] {
            let error = told(packets(&[&hello, said])).unwrap_err();
            assert!(error.contains(shown), "{error}");
        }
        let endless: Vec<&[u8]> = std::iter::once(&hello[..])
            .chain(std::iter::repeat_n(&changed[..], 20))
            .collect();
        assert!(told(packets(&endless)).unwrap_err().contains("goes on"));
        assert!(told(b"SSH-2.0-OpenSSH\r\n".to_vec()).is_err());
        assert!(
            told(vec![0xff, 0xff, 0xff, 0])
                .unwrap_err()
                .contains("not speak")
        );
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_answer(bytes: Vec<u8>, at in 0..80_usize, byte: u8) {
            drop(Greeting::read(&bytes));
            let mut hello = greeting();
            hello[at] = byte;
            drop(Greeting::read(&hello));
            drop(told(packets(&[&hello, &bytes[..bytes.len().min(200)]])));
            drop(told(bytes));
        }
    }
}
