//! Fetching an image from its registry, with a login that is for this one request.
//!
//! The daemon is told user and password in the header `X-Registry-Auth` of the pull and uses them for
//! it alone: unlike `docker login`, nothing writes them into a file. bollard (0.21.1) writes that
//! header in base64's standard alphabet and the daemon reads the URL-safe one, so that some passwords
//! do not arrive and the pull is then tried without a login; the request is therefore made here.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use bollard::BollardRequest;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::client::Engine;
use super::error::{DockerError, one_line};
use super::image::checked_image;
use super::wire;
use crate::docker::chunk::chunk;
use crate::secret::{End, Plain, Redactor};

/// A line of the daemon's report is a few hundred bytes long.
const LINE_LIMIT: usize = 64 << 10;

/// Who fetches, for one pull.
#[derive(Debug)]
pub struct Login {
    /// The registry's name.
    pub server: String,
    /// Who logs in.
    pub username: Plain,
    /// A password or token.
    pub password: Plain,
}

#[derive(Serialize)]
struct Credentials<'a> {
    username: &'a str,
    password: &'a str,
    serveraddress: &'a str,
}

/// A line of the daemon's report, or its answer where it refuses.
#[derive(Deserialize)]
struct Line {
    error: Option<String>,
    message: Option<String>,
}

impl Engine {
    /// Fetches an image. A name without a tag means `latest`; one with a digest is checked by the
    /// daemon.
    ///
    /// # Errors
    /// [`DockerError::Refused`] with the registry's words, without what it was logged in to with;
    /// [`DockerError::Silent`] if it takes longer than `within`, or the daemon reports nothing for
    /// twice the time of an answer.
    pub async fn pull(
        &self,
        image: &str,
        login: Option<&Login>,
        within: Duration,
    ) -> Result<(), DockerError> {
        checked_image(image)?;
        let doing = format!("pull the image `{image}`");
        let request = request(image, login).map_err(|text| DockerError::Broken {
            doing: doing.clone(),
            text,
        })?;
        let silent = |after| DockerError::Silent {
            place: self.place.clone(),
            doing: doing.clone(),
            after,
        };
        let pulling = self.follow(&doing, request);
        let pulled = match tokio::time::timeout(within, pulling).await {
            Ok(pulled) => pulled,
            Err(_) => return Err(silent(within)),
        };
        pulled.map_err(|error| match (error, login) {
            (
                DockerError::Refused {
                    doing,
                    status,
                    text,
                },
                Some(login),
            ) => DockerError::Refused {
                doing,
                status,
                text: without(&text, login),
            },
            (error, _) => error,
        })
    }

    /// Sends the request and reads the report to its end.
    async fn follow(&self, doing: &str, request: BollardRequest) -> Result<(), DockerError> {
        let stall = self.clocks.answer.saturating_mul(2);
        let (dial, prefix) = self.way();
        let answer = self
            .within(stall, doing, wire::send(dial, prefix, request))
            .await?;
        let status = answer.status();
        let mut body = answer.into_body();
        let mut line = Vec::new();
        while let Some(bytes) = self
            .within(stall, doing, async { Ok(chunk(&mut body).await?) })
            .await?
        {
            for byte in bytes {
                if byte == b'\n' {
                    check(doing, status.as_u16(), &std::mem::take(&mut line))?;
                } else if line.len() < LINE_LIMIT {
                    line.push(byte);
                } else {
                    return Err(DockerError::Broken {
                        doing: doing.to_owned(),
                        text: format!("a line of more than {} KiB", LINE_LIMIT >> 10),
                    });
                }
            }
        }
        check(doing, status.as_u16(), &line)?;
        if status.is_success() {
            return Ok(());
        }
        Err(DockerError::Refused {
            doing: doing.to_owned(),
            status: status.as_u16(),
            text: String::new(),
        })
    }
}

fn check(doing: &str, status: u16, line: &[u8]) -> Result<(), DockerError> {
    if line.trim_ascii().is_empty() {
        return Ok(());
    }
    let read: Line = serde_json::from_slice(line).map_err(|error| DockerError::Broken {
        doing: doing.to_owned(),
        text: one_line(&error.to_string()),
    })?;
    match read.error.or(read.message) {
        Some(text) => Err(DockerError::Refused {
            doing: doing.to_owned(),
            // A pull that fails later has begun with 200.
            status: if status == 200 { 500 } else { status },
            text: one_line(&text),
        }),
        None => Ok(()),
    }
}

fn request(image: &str, login: Option<&Login>) -> Result<BollardRequest, String> {
    let last = image.rsplit('/').next().unwrap_or(image);
    // Without a tag the daemon fetches them all.
    let tag = if last.contains([':', '@']) {
        ""
    } else {
        ":latest"
    };
    let uri = format!("/images/create?fromImage={image}{tag}");
    let mut request = Request::post(uri);
    if let Some(login) = login {
        request = request.header("x-registry-auth", header(login)?);
    }
    request
        .body(bollard::body_full(Bytes::new()))
        .map_err(|error| one_line(&error.to_string()))
}

fn header(login: &Login) -> Result<HeaderValue, String> {
    let text = |value: &Plain, what: &str| {
        let text = value.with(|bytes| String::from_utf8(bytes.clone()).map(Zeroizing::new));
        text.map_err(|_| format!("the {what} for the registry is no text"))
    };
    let username = text(&login.username, "user")?;
    let password = text(&login.password, "password")?;
    let credentials = Credentials {
        username: &username,
        password: &password,
        serveraddress: &login.server,
    };
    let json = serde_json::to_string(&credentials).map_err(|error| one_line(&error.to_string()))?;
    let encoded = Zeroizing::new(URL_SAFE.encode(Zeroizing::new(json).as_bytes()));
    let mut header =
        HeaderValue::from_str(&encoded).map_err(|error| one_line(&error.to_string()))?;
    header.set_sensitive(true);
    Ok(header)
}

/// A registry's words without what it was logged in to with.
fn without(text: &str, login: &Login) -> String {
    let mut redactor = Redactor::of([&login.username, &login.password]);
    let shown = redactor.text(text.as_bytes(), End::Whole);
    one_line(&String::from_utf8_lossy(&shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(image: &str) -> String {
        let request = request(image, None).unwrap();
        request.uri().query().unwrap().to_owned()
    }

    #[test]
    fn one_image_is_asked_for_and_never_all_tags() {
        assert_eq!(
            sent("r.example:5000/a/b"),
            "fromImage=r.example:5000/a/b:latest"
        );
        assert_eq!(sent("mysql:5.5.53"), "fromImage=mysql:5.5.53");
        assert_eq!(sent("a/b@sha256:0f"), "fromImage=a/b@sha256:0f");
    }

    #[test]
    fn a_login_is_in_the_url_safe_alphabet_and_shown_by_no_debug() {
        let login = Login {
            server: "r.example".to_owned(),
            username: Plain::from("ci"),
            // `~~~` and `???` need the two signs in which the alphabets differ.
            password: Plain::from("~~~???~~~???>>>"),
        };
        let request = request("r.example/a:1", Some(&login)).unwrap();
        let header = &request.headers()["x-registry-auth"];
        let text = header.to_str().unwrap();
        assert!(
            !text.contains(['+', '/']) && text.contains(['-', '_']),
            "{text}"
        );
        let json: serde_json::Value =
            serde_json::from_slice(&URL_SAFE.decode(text).unwrap()).unwrap();
        assert_eq!(json["password"], "~~~???~~~???>>>");
        let debug = format!("{:?} {login:?}", request.headers());
        assert!(!debug.contains(text) && !debug.contains("~~~"), "{debug}");
    }

    #[test]
    fn what_a_registry_echoes_is_not_shown() {
        let login = Login {
            server: "r.example".to_owned(),
            username: Plain::from("somebody"),
            password: Plain::from("hunter2hunter2"),
        };
        let line = br#"{"errorDetail":{},"error":"no: somebody:hunter2hunter2\u001b[2J"}"#;
        let error = check("pull", 200, line).unwrap_err();
        let DockerError::Refused { text, .. } = error else {
            panic!("{error}");
        };
        let shown = without(&text, &login);
        assert!(
            shown.starts_with("no: ") && !shown.contains("hunter2"),
            "{shown}"
        );
        assert!(check("pull", 200, b"{\"status\":\"Pulling\"}\r").is_ok());
        assert!(check("pull", 200, b"<html>").is_err());
    }
}
