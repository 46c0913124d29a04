//! A conversation with a MySQL or MariaDB server: a login, and statements.
//!
//! The client/server protocol: the server's greeting (version 10), our answer, what it says to that, and
//! then a statement and its rows, as text. The password is never sent, only what it and the server's 20
//! random bytes make together, by `mysql_native_password` (SHA-1) or `caching_sha2_password`
//! (SHA-256). A server that wants the password itself is refused: it stands behind no certificate
//! here. (MySQL's internals manual, "Connection Phase" and "Text Protocol"; MariaDB's "Connecting".)

use ring::digest::{Context, Digest, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use zeroize::Zeroizing;

use crate::channel::Stream;
use crate::secret::Plain;

/// A greeting or an error is a few hundred bytes long, and no row that is asked for has more.
const PACKET_LIMIT: usize = 16 << 10;

/// A login takes three packets of the server, with one change of the method.
const ROUNDS: usize = 6;

/// No statement here is answered with more rows, nor with more columns.
const MOST_ROWS: usize = 1000;

const LONG_PASSWORD: u32 = 1;
const WITH_DATABASE: u32 = 1 << 3;
const PROTOCOL_41: u32 = 1 << 9;
const TRANSACTIONS: u32 = 1 << 13;
const SECURE_CONNECTION: u32 = 1 << 15;
const PLUGIN_AUTH: u32 = 1 << 19;

/// utf8, which every server since 4.1 knows.
const CHARSET: u8 = 33;

const COM_QUIT: &[u8] = &[1];
const COM_QUERY: u8 = 3;

/// What a server refused, or that it was not understood.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MysqlError {
    /// Its own error: the number and the words, foreign text.
    #[error("error {0}: {1}")]
    Refused(u16, String),
    /// There was no answer, or none that makes sense.
    #[error("{0}")]
    Broken(String),
}

impl From<&str> for MysqlError {
    fn from(text: &str) -> Self {
        Self::Broken(text.to_owned())
    }
}

/// Rows of texts; none is NULL.
pub type MysqlRows = Vec<Vec<Option<String>>>;

/// A connection to a server.
pub(super) struct Session {
    stream: Box<dyn Stream>,
    /// The number of the next packet, on either side.
    next: u8,
}

const NOT_MYSQL: &str = "it does not speak MySQL's protocol";

/// How a server lets somebody in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Method {
    Native,
    CachingSha2,
}

impl Session {
    /// Logs in.
    pub(super) async fn login(
        stream: Box<dyn Stream>,
        user: &str,
        password: &Plain,
        database: Option<&str>,
    ) -> Result<Self, MysqlError> {
        let mut session = Self { stream, next: 0 };
        session.enter(user, password, database).await?;
        Ok(session)
    }

    async fn enter(
        &mut self,
        user: &str,
        password: &Plain,
        database: Option<&str>,
    ) -> Result<(), MysqlError> {
        let greeting = self.receive().await?;
        let greeting = Greeting::read(&greeting)?;
        // A method that we do not know is changed by the server once it knows the account.
        let method = Method::named(&greeting.method).unwrap_or(Method::Native);
        let proof = method.proof(password, &greeting.nonce);
        self.send(&answer(user, &proof, database, method)).await?;
        for _ in 0..ROUNDS {
            let packet = self.receive().await?;
            match packet.split_first() {
                Some((0x00, _)) => return Ok(()),
                Some((0xff, rest)) => return Err(refusal(rest)),
                Some((0xfe, rest)) => {
                    let (name, nonce) = text(rest).ok_or("it wants a login of before MySQL 4.1")?;
                    let method = Method::named(&name).ok_or_else(|| {
                        MysqlError::Broken(format!("it wants `{name}`, which is not spoken here"))
                    })?;
                    let nonce = nonce.strip_suffix(&[0]).unwrap_or(nonce);
                    self.send(&method.proof(password, nonce)).await?;
                }
                // The server remembers this account; OK follows.
                Some((0x01, [3])) => {}
                Some((0x01, _)) => {
                    return Err(
                        "it wants the password itself (caching_sha2_password, first login since \
                         its start), which is not sent; log in once over TLS"
                            .into(),
                    );
                }
                _ => return Err(NOT_MYSQL.into()),
            }
        }
        Err("it goes on asking".into())
    }

    /// Runs a statement; its rows, if it has any.
    pub(super) async fn query(&mut self, statement: &Plain) -> Result<MysqlRows, MysqlError> {
        self.next = 0;
        let packet = statement.with(|text| Zeroizing::new([&[COM_QUERY][..], text].concat()));
        self.send(&packet).await?;
        let first = self.receive().await?;
        let columns = match first.split_first() {
            Some((0x00, _)) => return Ok(Vec::new()),
            Some((0xff, rest)) => return Err(refusal(rest)),
            Some((&count, [])) if usize::from(count) <= MOST_ROWS => usize::from(count),
            _ => return Err(NOT_MYSQL.into()),
        };
        // What they are called, and the end of that.
        for _ in 0..=columns {
            self.receive().await?;
        }
        let mut rows = Vec::new();
        loop {
            let packet = self.receive().await?;
            match packet.split_first() {
                Some((0xfe, rest)) if rest.len() < 8 => return Ok(rows),
                Some((0xff, rest)) => return Err(refusal(rest)),
                _ if rows.len() == MOST_ROWS => return Err("it has too many rows".into()),
                _ => rows.push(row(&packet, columns).ok_or(NOT_MYSQL)?),
            }
        }
    }

    /// Takes leave.
    pub(super) async fn quit(mut self) {
        self.next = 0;
        // All that was asked is answered; whether it still listens does not matter.
        let _left = self.send(COM_QUIT).await;
    }

    async fn receive(&mut self) -> Result<Vec<u8>, MysqlError> {
        let broken = |error: std::io::Error| ended(&error);
        let mut head = [0; 4];
        self.stream.read_exact(&mut head).await.map_err(broken)?;
        let [a, b, c, number] = head;
        let length = usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16;
        if number != self.next || length > PACKET_LIMIT {
            return Err(NOT_MYSQL.into());
        }
        self.next = self.next.wrapping_add(1);
        let mut packet = vec![0; length];
        self.stream.read_exact(&mut packet).await.map_err(broken)?;
        Ok(packet)
    }

    async fn send(&mut self, packet: &[u8]) -> Result<(), MysqlError> {
        let length = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        let [a, b, c, _] = length.to_le_bytes();
        let mut whole = Zeroizing::new(Vec::with_capacity(packet.len() + 4));
        whole.extend_from_slice(&[a, b, c, self.next]);
        whole.extend_from_slice(packet);
        self.next = self.next.wrapping_add(1);
        let sent = self.stream.write_all(&whole).await;
        sent.map_err(|error| ended(&error))
    }
}

fn ended(error: &std::io::Error) -> MysqlError {
    MysqlError::Broken(format!("the connection ended: {error}"))
}

/// A row of the text protocol: each column a length and its bytes, or NULL.
fn row(mut bytes: &[u8], columns: usize) -> Option<Vec<Option<String>>> {
    let mut row = Vec::with_capacity(columns);
    for _ in 0..columns {
        let (first, rest) = bytes.split_first()?;
        let (length, rest) = match first {
            0xfb => {
                row.push(None);
                bytes = rest;
                continue;
            }
            0xfc => {
                let (length, rest) = rest.split_first_chunk::<2>()?;
                (usize::from(u16::from_le_bytes(*length)), rest)
            }
            // A packet has no room for more.
            0xfd..=0xff => return None,
            length => (usize::from(*length), rest),
        };
        let (text, rest) = rest.split_at_checked(length)?;
        row.push(Some(String::from_utf8_lossy(text).into_owned()));
        bytes = rest;
    }
    bytes.is_empty().then_some(row)
}

/// What of a server's first packet matters.
#[derive(Debug, Eq, PartialEq)]
struct Greeting {
    nonce: Vec<u8>,
    method: String,
}

impl Greeting {
    fn read(packet: &[u8]) -> Result<Self, MysqlError> {
        let no = || MysqlError::from("it does not speak MySQL's protocol, version 10");
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
fn refusal(rest: &[u8]) -> MysqlError {
    let code = match rest {
        [a, b, ..] => u16::from_le_bytes([*a, *b]),
        _ => 0,
    };
    let words = rest.get(2..).unwrap_or_default();
    let words = match words.split_first() {
        Some((b'#', rest)) => rest.get(5..).unwrap_or_default(),
        _ => words,
    };
    MysqlError::Refused(code, String::from_utf8_lossy(words).into_owned())
}

#[cfg(test)]
mod tests;
