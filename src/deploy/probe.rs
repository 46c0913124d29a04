//! Asking a component whether it runs: until the answer is right, or its time is over.

use std::time::Duration;

use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::Channel;
use super::hook::{PROBE, Probe, parse_duration};
use super::hook_error::HookError;
use super::place::fill;
use super::step::Surroundings;
use crate::error::Error;

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(200);

/// How long something that ran may take to answer again.
const MOMENT: Duration = Duration::from_secs(5);

/// How often a component is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Patience {
    /// For a moment: whether it still answers. What it asks itself may have been put anew just now.
    Still,
    /// Until its time is over.
    Within,
}

impl Surroundings<'_> {
    /// Asks all probes; what the first wrong one said last, if one stays wrong.
    ///
    /// # Errors
    /// What keeps the question from being asked at all.
    pub(super) async fn probes(&self, patience: Patience) -> Result<Result<(), String>, Error> {
        for probe in &self.plan.hook.hook.probe {
            let within =
                parse_duration(probe.within.as_deref(), PROBE).map_err(|why| HookError::Wrong {
                    file: format!("hooks/{}.toml", self.plan.component()),
                    why,
                })?;
            let within = match patience {
                Patience::Still => within.min(MOMENT),
                Patience::Within => within,
            };
            let until = Instant::now() + within;
            loop {
                let left = until
                    .saturating_duration_since(Instant::now())
                    .max(Duration::from_secs(1));
                let answer = self.ask(probe, left).await?;
                let Err(said) = answer else { break };
                if Instant::now() + PAUSE >= until {
                    return Ok(Err(said));
                }
                sleep(PAUSE).await;
            }
        }
        Ok(Ok(()))
    }

    async fn ask(&self, probe: &Probe, within: Duration) -> Result<Result<(), String>, Error> {
        if let Some(run) = &probe.run {
            return self.asks(probe.place, run, &probe.needs, within).await;
        }
        // One question does not use up the whole time: a server that starts may swallow the first.
        let within = within.min(Duration::from_secs(10));
        if let Some(address) = &probe.tcp {
            let address = fill(self.plan, self.names, address)?;
            return Ok(match timeout(within, self.open(&address)).await {
                Ok(opened) => opened.map(drop),
                Err(_) => Err(format!("{address}: no answer in time")),
            });
        }
        let url = fill(
            self.plan,
            self.names,
            probe.http.as_deref().unwrap_or_default(),
        )?;
        Ok(
            match timeout(within, self.http(&url, probe.expect.status)).await {
                Ok(answer) => answer.map_err(|said| format!("{url}: {said}")),
                Err(_) => Err(format!("{url}: no answer in time")),
            },
        )
    }

    /// Opens a stream from the target.
    async fn open(&self, address: &str) -> Result<Box<dyn Stream>, String> {
        let (host, port) = address.rsplit_once(':').ok_or("no HOST:PORT")?;
        let port: u16 = port.parse().map_err(|_| "no HOST:PORT".to_owned())?;
        match &self.target.channel {
            Channel::Local(_) => match TcpStream::connect((host, port)).await {
                Ok(stream) => Ok(Box::new(stream)),
                Err(error) => Err(error.to_string()),
            },
            Channel::Ssh(session) => match session.open_tcp(host, port).await {
                Ok(stream) => Ok(Box::new(stream)),
                Err(error) => Err(error.to_string()),
            },
        }
    }

    async fn http(&self, url: &str, expected: Option<u16>) -> Result<(), String> {
        let rest = url.strip_prefix("http://").ok_or("only http:// is asked")?;
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, format!("/{path}")),
            None => (rest, "/".to_owned()),
        };
        let address = match authority.rsplit_once(':') {
            Some(_) => authority.to_owned(),
            None => format!("{authority}:80"),
        };
        let stream = self.open(&address).await?;
        let (mut sender, connection) = http1::handshake::<_, String>(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        let request = Request::get(path)
            .header("host", authority)
            .body(String::new())
            .map_err(|error| error.to_string())?;
        let asking = async {
            sender
                .send_request(request)
                .await
                .map_err(|error| error.to_string())
        };
        let answer = tokio::select! {
            answer = asking => answer?,
            _ = connection => return Err("the connection ended".to_owned()),
        };
        let status = answer.status();
        let right = expected.map_or(status.is_success(), |expected| status.as_u16() == expected);
        if right {
            Ok(())
        } else {
            Err(format!("status {status}"))
        }
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}
