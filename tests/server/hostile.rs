//! A server that answers anything, and writes down what it was sent.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What it was sent: the first line, and all headers and the body in one text.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) all: String,
}

/// A server on loopback; its threads end with the test's process.
pub(crate) struct Hostile {
    /// `http://127.0.0.1:PORT`.
    pub(crate) address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Hostile {
    /// Each request is answered by `answer`, which is told how many there were before; then the connection
    /// ends.
    pub(crate) fn start(
        answer: impl Fn(&Asked, usize, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (Arc::clone(&asked), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let Some(request) = read(&stream) else { return };
                    let before = {
                        let mut seen = seen.lock().unwrap();
                        seen.push(request.clone());
                        seen.len() - 1
                    };
                    // Whoever has read enough goes away.
                    answer(&request, before, &mut stream).unwrap_or_default();
                });
            }
        });
        Self { address, asked }
    }

    #[allow(dead_code, reason = "not every test that has this file needs it")]
    /// One that answers with this status, these headers and this body.
    pub(crate) fn says(status: &str, headers: &str, body: &str) -> Self {
        let text = whole(status, headers, body);
        Self::start(move |_, _, stream| stream.write_all(text.as_bytes()))
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// An answer as HTTP has it.
pub(crate) fn whole(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}",
        body.len()
    )
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut all = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(text) = lower.strip_prefix("content-length:") {
            length = text.trim().parse().unwrap();
        }
        all.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    all.push_str(&String::from_utf8_lossy(&body));
    let line = all.lines().next().unwrap_or_default().to_owned();
    Some(Asked { line, all })
}
