//! Where a server answers: its address, and the nodes that are the same server.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use reqwest::Url;

use super::ServerError;
use crate::text::clean_line;

/// The address of one node: scheme, host, port, and a path before `/v1` where a proxy wants one.
#[derive(Clone, Eq, PartialEq)]
pub struct Address(Arc<Url>);

impl Address {
    /// Reads an address as `VAULT_ADDR` has it.
    ///
    /// Without TLS only this machine is spoken to: a token in the clear is everybody's on the way.
    ///
    /// # Errors
    /// [`ServerError::BadAddress`], [`ServerError::Clear`].
    pub fn parse(text: &str) -> Result<Self, ServerError> {
        let bad = |why: &str| ServerError::BadAddress {
            address: without_login(text),
            why: why.to_owned(),
        };
        let mut url = Url::parse(text.trim_end_matches('/'))
            .map_err(|_| bad("it is not like https://bao.example.org:8200"))?;
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| bad("it names no host"))?.to_owned();
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("it holds a login, which no server asks for there"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("it ends in `?` or `#`"));
        }
        match url.scheme() {
            "https" => {}
            "http" if is_this_machine(&host) => {}
            "http" => {
                return Err(ServerError::Clear {
                    address: url.to_string(),
                });
            }
            _ => return Err(bad("it is neither https nor http")),
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(Arc::new(url)))
    }

    /// The URL of a path of the API. Whatever is in a segment stays in it.
    pub(super) fn join(&self, path: &str, query: Option<&str>) -> Result<Url, ServerError> {
        let bad = || ServerError::BadPath {
            path: path.to_owned(),
        };
        let path = path.trim_start_matches('/');
        let mut url = Url::clone(&self.0);
        if path
            .split('/')
            .any(|segment| matches!(segment, "" | "." | ".."))
        {
            return Err(bad());
        }
        url.path_segments_mut()
            .map_err(|()| bad())?
            .pop_if_empty()
            .push("v1")
            .extend(path.split('/'));
        url.set_query(query);
        Ok(url)
    }

    /// Whether `url` lies on this node: the same scheme, host, port and path before `/v1`.
    pub(super) fn holds(&self, url: &Url) -> bool {
        let own = self.0.path().trim_end_matches('/');
        let below = url.path().strip_prefix(own);
        self.0.origin() == url.origin() && below.is_some_and(|rest| rest.starts_with("/v1/"))
    }

    /// Whether what is said to it is encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&clean_line(self.0.as_str().trim_end_matches('/')))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// An address as it may be shown: what stands before `@` may be a password.
fn without_login(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, host)) => clean_line(&format!("…@{host}")),
        None => clean_line(text),
    }
}

fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = |address: IpAddr| address.is_loopback();
    bare == "localhost" || bare.parse().is_ok_and(is_loopback)
}

/// All nodes of one server, as the person named them; the first is the one that is asked first.
///
/// Nothing that a server says adds one: a token goes to these and nowhere else.
#[derive(Clone, Debug)]
pub struct Cluster(Vec<Address>);

impl Cluster {
    /// The address that is asked first, and the others.
    #[must_use]
    pub fn new(first: Address, others: impl IntoIterator<Item = Address>) -> Self {
        let mut nodes = vec![first];
        for node in others {
            if !nodes.contains(&node) {
                nodes.push(node);
            }
        }
        Self(nodes)
    }

    /// The nodes; never none.
    #[must_use]
    pub fn nodes(&self) -> &[Address] {
        &self.0
    }

    /// The node that is asked first.
    #[must_use]
    pub fn first(&self) -> Option<&Address> {
        self.0.first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_encrypted_or_this_machine() {
        for good in [
            "https://bao.example.org:8200",
            "https://bao.example.org/vault/",
            "http://127.0.0.1:8200",
            "http://[::1]:8200",
            "http://localhost:8200",
        ] {
            assert!(Address::parse(good).is_ok(), "{good}");
        }
        for clear in [
            "http://bao.example.org",
            "http://10.0.0.1:8200",
            "http://127.evil.org",
        ] {
            let error = Address::parse(clear).unwrap_err();
            assert!(
                matches!(error, ServerError::Clear { .. }),
                "{clear}: {error}"
            );
        }
        for bad in ["", "bao:8200", "ftp://bao", "https://", "https://a?b"] {
            let error = Address::parse(bad).unwrap_err();
            assert!(
                matches!(error, ServerError::BadAddress { .. }),
                "{bad}: {error}"
            );
        }
        let error = Address::parse("https://ada:hunter2@bao").unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn a_path_stays_below_the_api() {
        let address = Address::parse("https://bao.example.org/vault").unwrap();
        let url = address.join("/secret/data/a b?c#d%2e", Some("version=1"));
        assert_eq!(
            url.unwrap().as_str(),
            "https://bao.example.org/vault/v1/secret/data/a%20b%3Fc%23d%252e?version=1"
        );
        for bad in ["a/../sys/seal", "a//b", "a/./b", ""] {
            assert!(address.join(bad, None).is_err(), "{bad}");
        }
    }

    #[test]
    fn another_host_port_scheme_or_place_is_another_server() {
        let address = Address::parse("https://bao.example.org:8200").unwrap();
        let holds = |url: &str| address.holds(&Url::parse(url).unwrap());
        assert!(holds("https://bao.example.org:8200/v1/secret/data/a"));
        for other in [
            "http://bao.example.org:8200/v1/a",
            "https://bao.example.org:8201/v1/a",
            "https://bao.example.org.evil.org:8200/v1/a",
            "https://bao.example.org:8200@evil.org/v1/a",
            "https://bao.example.org:8200/ui/a",
        ] {
            assert!(!holds(other), "{other}");
        }
    }
}
