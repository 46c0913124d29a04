//! A stream of bytes from the target: to what only the target reaches, a container's own address for
//! instance.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::Channel;

/// A stream from the target.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Channel {
    /// Opens a TCP connection from the target to `HOST:PORT`; why not, if it cannot.
    pub(crate) async fn open_tcp(&self, address: &str) -> Result<Box<dyn Stream>, String> {
        let (host, port) = address.rsplit_once(':').ok_or("no HOST:PORT")?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port: u16 = port.parse().map_err(|_| "no HOST:PORT".to_owned())?;
        match self {
            Self::Local(_) => match TcpStream::connect((host, port)).await {
                Ok(stream) => Ok(Box::new(stream)),
                Err(error) => Err(error.to_string()),
            },
            Self::Ssh(session) => match session.open_tcp(host, port).await {
                Ok(stream) => Ok(Box::new(stream)),
                Err(error) => Err(error.to_string()),
            },
        }
    }
}
