//! A GET, and what its answer must be.

use std::time::Duration;

use hyper::client::conn::http1;
use hyper::http::response::Parts;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::{Stream, tls};
use crate::deploy::bring::asking::Asking;
use crate::deploy::bring::place::fill;
use crate::docker::chunk::chunk;
use crate::error::Error;
use crate::hook::{Expect, Probe};
use crate::secret::End;

/// More than any page that a probe asks for; what is behind it is not read.
const BODY_LIMIT: usize = 1 << 20;

/// Of an answer that is wrong anyhow, this much is read to be shown.
const SHOWN_LIMIT: usize = 4 << 10;

/// A head that is longer is no answer.
const HEAD_LIMIT: usize = 64 << 10;

/// Asks once.
pub(super) async fn ask(
    around: &Asking<'_>,
    probe: &Probe,
    url: &str,
) -> Result<Result<(), String>, Error> {
    let url = fill(around.plan, around.names, url)?;
    let at = probe.at.as_deref();
    let at = at
        .map(|at| fill(around.plan, around.names, at))
        .transpose()?;
    let expect = filled(around, &probe.expect)?;
    Ok(get(around, probe, &url, at, &expect).await)
}

/// What is expected, with names filled in.
fn filled(around: &Asking<'_>, expect: &Expect) -> Result<Expect, Error> {
    let mut filled = expect.clone();
    let texts = filled.header.values_mut().chain(&mut filled.body_contains);
    for text in texts {
        *text = fill(around.plan, around.names, text)?;
    }
    Ok(filled)
}

async fn get(
    around: &Asking<'_>,
    probe: &Probe,
    url: &str,
    at: Option<String>,
    expect: &Expect,
) -> Result<(), String> {
    let uri: Uri = url.parse().map_err(|_| "it is no URL".to_owned())?;
    let Place {
        host,
        address,
        secure,
    } = place(&uri, at)?;
    let mut stream = around.open(&address).await?;
    if secure {
        stream = tls::over(around, probe, host, stream).await?;
    }
    let (answer, body, end) = converse(stream, &uri, expect).await?;
    let Err(wrong) = expect.judge(&answer, &body) else {
        return Ok(());
    };
    let wrong = around.told(wrong.as_bytes(), End::Whole);
    Err(match around.told(&body, end) {
        said if said.is_empty() => wrong,
        said => format!("{wrong}: {said}"),
    })
}

/// Where a URL leads.
pub(super) struct Place<'u> {
    /// The name of the host.
    pub(super) host: &'u str,
    /// `HOST:PORT` to connect to.
    pub(super) address: String,
    /// Whether TLS is spoken there.
    pub(super) secure: bool,
}

/// Where a URL leads, or `at` in place of that.
///
/// # Errors
/// That it names no host.
pub(super) fn place(uri: &Uri, at: Option<String>) -> Result<Place<'_>, &'static str> {
    let host = uri.host().ok_or("it names no host")?;
    let secure = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let address = at.unwrap_or_else(|| format!("{host}:{port}"));
    Ok(Place {
        host,
        address,
        secure,
    })
}

/// Sends the request, and reads as much of the answer as somebody wants to know.
async fn converse(
    stream: Box<dyn Stream>,
    uri: &Uri,
    expect: &Expect,
) -> Result<(Parts, Vec<u8>, End), String> {
    let broken = |error: hyper::Error| match std::error::Error::source(&error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_LIMIT)
        .handshake::<_, String>(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    // Its error also reaches whoever waits for the answer; it ends when that was read or dropped.
    drop(tokio::spawn(connection));
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path)
        .header("host", authority.rsplit('@').next().unwrap_or(authority))
        .header("user-agent", "clws")
        .header("connection", "close")
        .body(String::new())
        .map_err(|error| error.to_string())?;
    let answer = sender.send_request(request).await.map_err(broken)?;
    let (answer, mut incoming) = answer.into_parts();
    let right = expect.status_and_headers(&answer).is_ok();
    let limit = match (right, expect.wants_body()) {
        (true, true) => BODY_LIMIT,
        (true, false) => return Ok((answer, Vec::new(), End::Whole)),
        (false, _) => SHOWN_LIMIT,
    };
    let (mut body, mut end) = (Vec::new(), End::Cut);
    let reading = async {
        while body.len() < limit {
            let Some(bytes) = chunk(&mut incoming).await.map_err(broken)? else {
                end = End::Whole;
                break;
            };
            let fits = bytes.get(..limit - body.len()).unwrap_or(&bytes);
            body.extend_from_slice(fits);
        }
        Ok::<_, String>(())
    };
    if right {
        reading.await?;
    } else {
        // What is wrong is known; what it said besides is worth half a second and no error of its own.
        // The last question has a second: with as much for this it would only be late.
        let _shown = timeout(Duration::from_millis(500), reading).await;
    }
    Ok((answer, body, end))
}

impl Expect {
    fn wants_body(&self) -> bool {
        self.body_contains.is_some() || !self.json.is_empty()
    }

    /// # Errors
    /// What is wrong; it may hold text of the answer.
    fn judge(&self, answer: &Parts, body: &[u8]) -> Result<(), String> {
        self.status_and_headers(answer)?;
        if let Some(wanted) = &self.body_contains
            && !contains(body, wanted.as_bytes())
        {
            return Err(format!("its body does not contain `{wanted}`"));
        }
        if self.json.is_empty() {
            return Ok(());
        }
        let read: serde_json::Value =
            serde_json::from_slice(body).map_err(|_| "its body is no JSON".to_owned())?;
        for (place, wanted) in &self.json {
            let wanted = serde_json::to_value(wanted).map_err(|error| error.to_string())?;
            match read.pointer(place) {
                Some(found) if *found == wanted => {}
                Some(found) => return Err(format!("`{place}` is {found} and not {wanted}")),
                None => return Err(format!("it has no `{place}`")),
            }
        }
        Ok(())
    }

    fn status_and_headers(&self, answer: &Parts) -> Result<(), String> {
        let status = answer.status;
        let right = self
            .status
            .map_or(status.is_success(), |s| s == status.as_u16());
        if !right {
            return Err(format!("status {status}"));
        }
        for (name, wanted) in &self.header {
            let found: Vec<_> = answer.headers.get_all(name.as_str()).iter().collect();
            if found
                .iter()
                .any(|found| found.as_bytes() == wanted.as_bytes())
            {
                continue;
            }
            return Err(match found.first() {
                Some(found) => {
                    let found = String::from_utf8_lossy(found.as_bytes());
                    format!("the header `{name}` is `{found}` and not `{wanted}`")
                }
                None => format!("there is no header `{name}`"),
            });
        }
        Ok(())
    }
}

fn contains(body: &[u8], wanted: &[u8]) -> bool {
    memchr::memmem::find(body, wanted).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(expect: &str, body: &str) -> Result<(), String> {
        let expect: Expect = toml::from_str(expect).unwrap();
        let answer = hyper::Response::builder()
            .status(200)
            .header("X-Kind", "a")
            .header("X-Kind", "b")
            .body(())
            .unwrap();
        expect.judge(&answer.into_parts().0, body.as_bytes())
    }

    #[test]
    fn a_url_says_where_to_ask_and_whether_with_tls() {
        for (url, at, address, secure) in [
            ("http://web/x", None, "web:80", false),
            ("https://web/x", None, "web:443", true),
            ("https://web:8443", None, "web:8443", true),
            ("https://[::1]/", None, "[::1]:443", true),
            ("https://ada@web/", Some("10.0.0.4:1"), "10.0.0.4:1", true),
        ] {
            let uri = url.parse().unwrap();
            let place = place(&uri, at.map(str::to_owned)).unwrap();
            assert_eq!((&*place.address, place.secure), (address, secure), "{url}");
        }
        assert!(place(&"/x".parse().unwrap(), None).is_err());
    }

    #[tokio::test]
    async fn a_request_names_the_host_and_nobody_who_asks() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

        let (ours, mut theirs) = tokio::io::duplex(4096);
        let uri = "http://ada:word@web:81/x?y=1".parse().unwrap();
        let expect = Expect::default();
        let asking = converse(Box::new(ours), &uri, &expect);
        let answering = async {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(theirs.read_u8().await.unwrap());
            }
            theirs.write_all(b"HTTP/1.1 204 No\r\n\r\n").await.unwrap();
            String::from_utf8(head).unwrap()
        };
        let (answer, head) = tokio::join!(asking, answering);
        assert_eq!(answer.unwrap().0.status, 204);
        assert!(
            head.starts_with("GET /x?y=1 HTTP/1.1\r\nhost: web:81\r\n"),
            "{head}"
        );
        assert!(!head.contains("ada"), "{head}");
    }

    #[test]
    fn an_answer_is_right_when_all_that_was_named_is() {
        let body = r#"{"data": [{"name": "codalab", "root": true, "quota": 1.5}], "n": 3}"#;
        for right in [
            "",
            "status = 200",
            "header = { x-kind = \"b\" }",
            "json = { \"/data/0/name\" = \"codalab\", \"/data/0/root\" = true, \"/n\" = 3 }",
            "json = { \"/data/0/quota\" = 1.5 }",
            "body_contains = 'codalab'",
        ] {
            assert_eq!(judged(right, body), Ok(()), "{right}");
        }
        for wrong in [
            "status = 404",
            "header = { x-kind = \"c\" }",
            "header = { x-other = \"c\" }",
            "json = { \"/data/0/name\" = \"other\" }",
            "json = { \"/data/1\" = \"other\" }",
            "json = { \"/n\" = \"3\" }",
            "body_contains = 'Codalab'",
        ] {
            assert!(judged(wrong, body).is_err(), "{wrong}");
        }
        assert!(judged("json = { \"/n\" = 3 }", "<html>").is_err());
    }
}
