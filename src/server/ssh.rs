//! Certificates of a server's SSH CA: short, for one principal.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use ssh_key::Certificate;
use ssh_key::certificate::CertType;

use super::error::shown;
use super::{Client, ServerError};
use crate::time::Moment;

/// How long a certificate lets in. A login takes seconds; a connection outlives its certificate.
pub const CERTIFICATE_TIME: Duration = Duration::from_secs(300);

/// By how much the server's clock may be ahead of ours.
const CLOCKS: Duration = Duration::from_secs(300);

#[derive(Deserialize)]
struct Signed {
    signed_key: String,
}

/// Has a public key signed at `path`, `MOUNT/sign/ROLE`, for one principal and for `lasts`.
///
/// Gives the certificate as a line of OpenSSH's. Whatever else the role would put in, it is for this key and
/// this principal alone, and ends when it was asked to.
///
/// # Errors
/// [`ServerError`]; [`ServerError::BadCertificate`] for another certificate than was asked for.
pub async fn sign(
    client: &Client,
    path: &str,
    (public, principal): (&str, &str),
    lasts: Duration,
    now: Moment,
) -> Result<String, ServerError> {
    let body = json!({
        "public_key": public, "valid_principals": principal, "cert_type": "user",
        "ttl": format!("{}s", lasts.as_secs()),
    });
    let answer = client.post::<Signed>(path, &body).await?;
    let line = answer.into_data()?.signed_key.trim().to_owned();
    let until = now
        .seconds()
        .saturating_add_unsigned((lasts + CLOCKS).as_secs());
    match wrong(&line, public, principal, until) {
        None => Ok(line),
        Some(why) => Err(ServerError::BadCertificate {
            path: path.to_owned(),
            why: shown(&why),
        }),
    }
}

/// What is wrong with a certificate, if anything is.
fn wrong(line: &str, public: &str, principal: &str, until: i64) -> Option<String> {
    let Ok(certificate) = Certificate::from_openssh(line) else {
        return Some("it does not read".to_owned());
    };
    let key = ssh_key::PublicKey::from_openssh(public).ok()?;
    let principals = certificate.valid_principals();
    if certificate.public_key() != key.key_data() {
        Some("it is another key's".to_owned())
    } else if certificate.cert_type() != CertType::User {
        Some("it is for a host to prove itself".to_owned())
    } else if principals != [principal] {
        // Without any it would be good for everybody.
        Some(format!(
            "it is for `{}`, and not for `{principal}`",
            principals.join("`, `")
        ))
    } else if i64::try_from(certificate.valid_before()).map_or(true, |end| end > until) {
        Some("it lasts longer than it was asked to".to_owned())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use ssh_key::PrivateKey;
    use ssh_key::certificate::Builder;

    use super::*;
    use crate::identity::KeyPair;
    use crate::world::{Clock, World};

    #[test]
    fn a_certificate_is_for_what_was_asked_and_for_nothing_else() {
        let world = World::new(Clock::System, [], Path::new("/").to_path_buf());
        let pair = || KeyPair::ed25519(&world, "test").unwrap();
        let (ours, other, ca) = (pair().public, pair().public, pair().private);
        let ca = ca.with(|pem| PrivateKey::from_openssh(pem).unwrap());
        let made = |public: &str, kind, principals: &[&str], until: u64| {
            let key = ssh_key::PublicKey::from_openssh(public).unwrap();
            let mut builder = Builder::new([7; 16], key, 900, until).unwrap();
            builder.cert_type(kind).unwrap();
            if principals.is_empty() {
                builder.all_principals_valid().unwrap();
            }
            for principal in principals {
                builder.valid_principal(*principal).unwrap();
            }
            let line = builder.sign(&ca).unwrap().to_openssh().unwrap();
            wrong(&line, &ours, "ada", 2000).unwrap_or_default()
        };
        assert_eq!(made(&ours, CertType::User, &["ada"], 2000), "");
        for (line, why) in [
            (
                made(&other, CertType::User, &["ada"], 2000),
                "another key's",
            ),
            (made(&ours, CertType::Host, &["ada"], 2000), "for a host"),
            (made(&ours, CertType::User, &[], 2000), "not for `ada`"),
            (
                made(&ours, CertType::User, &["ada", "root"], 2000),
                "`ada`, `root`",
            ),
            (made(&ours, CertType::User, &["root"], 2000), "for `root`"),
            (made(&ours, CertType::User, &["ada"], 2001), "longer"),
            (made(&ours, CertType::User, &["ada"], u64::MAX), "longer"),
        ] {
            assert!(line.contains(why), "{line}: {why}");
        }
        assert_eq!(
            wrong(&ours, &ours, "ada", 2000).unwrap(),
            "it does not read"
        );
    }
}
