//! Becoming somebody at a server: by a token, an AppRole, a JWT of a CI system, a certificate.

use rustify::enums::RequestMethod;
use serde::Deserialize;
use serde_json::json;
use vaultrs::api::auth::approle::requests::LoginWithApproleRequest;
use vaultrs::api::auth::oidc::requests::JWTLoginRequest;
use zeroize::Zeroize as _;

use super::answer::Login;
use super::endpoint::Unlisted;
use super::error::shown;
use super::settings::variable;
use super::{Client, ServerError, Token};
use crate::secret::Plain;
use crate::world::World;

/// What somebody is known by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Method {
    /// A token that is there already.
    Token,
    /// A role's id, and a secret-id of it.
    Approle,
    /// A signed text of a CI system.
    Jwt,
    /// A certificate, in the connection itself.
    Cert,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Token, Self::Approle, Self::Jwt, Self::Cert];

    /// As flags have it; where the method is mounted unless something else is said.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Approle => "approle",
            Self::Jwt => "jwt",
            Self::Cert => "cert",
        }
    }
}

/// How to log in: everything but the credential.
#[derive(Clone, Debug)]
pub struct Way {
    /// The method.
    pub method: Method,
    /// Where it is mounted, if not under its own name.
    pub mount: Option<String>,
    /// The role: an AppRole's role id, a JWT's role, a certificate's name.
    pub role: Option<String>,
    /// Whether the credential is a wrapping token with the secret-id in it.
    pub is_wrapped: bool,
}

impl Way {
    fn mount(&self) -> String {
        let mount = self.mount.as_deref().unwrap_or(self.method.as_str());
        mount.trim_matches('/').to_owned()
    }

    fn role(&self) -> Result<String, ServerError> {
        self.role.clone().ok_or(ServerError::NoRole {
            method: self.method.as_str(),
        })
    }
}

/// A credential of the environment: a run logs in with it, and logs out again.
///
/// `VAULT_ROLE_ID` with `VAULT_SECRET_ID` or `VAULT_WRAPPED_SECRET_ID`; `VAULT_JWT` with `VAULT_ROLE`. Each may
/// begin with `BAO_`. `VAULT_AUTH_MOUNT` is where the method is mounted.
///
/// # Errors
/// [`ServerError::BadFile`] for what is not UTF-8.
pub fn way_of(world: &World) -> Result<Option<(Way, Plain)>, ServerError> {
    let variable = |name: &str| variable(world, name);
    let mount = variable("AUTH_MOUNT")?;
    let (secret, wrapped) = (variable("SECRET_ID")?, variable("WRAPPED_SECRET_ID")?);
    let is_wrapped = secret.is_none();
    let approle = variable("ROLE_ID")?.zip(secret.or(wrapped));
    let found = match approle {
        Some((role, secret)) => Some((Method::Approle, Some(role), secret, is_wrapped)),
        None => {
            let jwt = variable("JWT")?;
            let role = variable("ROLE")?;
            jwt.map(|jwt| (Method::Jwt, role, jwt, false))
        }
    };
    Ok(found.map(|(method, role, credential, is_wrapped)| {
        let way = Way {
            method,
            mount,
            role,
            is_wrapped,
        };
        (way, Plain::new(credential.into_bytes()))
    }))
}

/// Logs in; `client` has no token yet.
///
/// # Errors
/// [`ServerError::NoRole`]; [`ServerError::Alarm`] if a wrapped secret-id is not what it should be;
/// [`ServerError`].
pub async fn login(client: &Client, way: &Way, credential: &Plain) -> Result<Login, ServerError> {
    let mount = way.mount();
    let answer = match way.method {
        Method::Token => {
            return Ok(Login {
                token: Token::new(credential)?,
                lasts: None,
                renewable: false,
            });
        }
        Method::Approle => {
            let role_id = way.role()?;
            let secret_id = match way.is_wrapped {
                true => unwrap(client, &mount, credential).await?,
                false => text_of(credential)?,
            };
            let mut request = LoginWithApproleRequest {
                mount,
                role_id,
                secret_id,
            };
            let answer = client.call(&request).await;
            request.secret_id.zeroize();
            answer?
        }
        Method::Jwt => {
            let mut request = JWTLoginRequest {
                mount,
                jwt: text_of(credential)?,
                role: way.role.clone(),
            };
            let answer = client.call(&request).await;
            request.jwt.zeroize();
            answer?
        }
        Method::Cert => {
            let body = json!({ "name": way.role.clone().unwrap_or_default() });
            client.post(&format!("auth/{mount}/login"), &body).await?
        }
    };
    answer.login.ok_or(ServerError::NotAnAnswer {
        why: "it holds no token",
    })
}

fn text_of(credential: &Plain) -> Result<String, ServerError> {
    let text = credential.with(|bytes| String::from_utf8(bytes.trim_ascii().to_vec()));
    text.ok()
        .filter(|text| !text.is_empty())
        .ok_or(ServerError::BadCredential)
}

#[derive(Deserialize)]
struct Wrapped {
    creation_path: String,
}

#[derive(Deserialize)]
struct SecretId {
    secret_id: String,
}

/// Opens a wrapped secret-id. It can be opened once: whoever intercepted it has either opened it, so that we
/// cannot, or put one of another origin in its place.
async fn unwrap(client: &Client, mount: &str, wrapping: &Plain) -> Result<String, ServerError> {
    let token = text_of(wrapping)?;
    let body = json!({ "token": token });
    let alarm = |error: ServerError| match error.status() {
        Some(400 | 403 | 404) => ServerError::Alarm {
            what: "the wrapped secret-id was opened before, or has ended",
            found: None,
        },
        _ => error,
    };
    let looked = client.post::<Wrapped>("sys/wrapping/lookup", &body).await;
    let made_at = looked.map_err(alarm)?.into_data()?.creation_path;
    if !is_secret_id_of(&made_at, mount) {
        return Err(ServerError::Alarm {
            what: "the wrapped secret-id was not made as one",
            found: Some(shown(&made_at)),
        });
    }
    // A wrapping token opens itself, and is allowed nothing else.
    let request = Unlisted::<SecretId>::new(RequestMethod::POST, "sys/wrapping/unwrap");
    let token = Token::new(wrapping)?;
    let opened = client.call_as(&request, Some(&token)).await;
    Ok(opened.map_err(alarm)?.into_data()?.secret_id)
}

/// Whether a path is one that a role of this mount makes secret-ids at.
fn is_secret_id_of(path: &str, mount: &str) -> bool {
    let below = path
        .strip_prefix("auth/")
        .and_then(|rest| rest.strip_prefix(mount))
        .and_then(|rest| rest.strip_prefix("/role/"));
    let mut parts = below.unwrap_or_default().split('/');
    let (role, last, more) = (parts.next(), parts.next(), parts.next());
    role.is_some_and(|role| !role.is_empty())
        && matches!(last, Some("secret-id" | "custom-secret-id"))
        && more.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_says_who_a_run_is() {
        use crate::world::Clock;
        let of = |variables: &[(&str, &str)]| {
            let variables = variables.iter().map(|(n, v)| ((*n).into(), (*v).into()));
            let world = World::new(Clock::System, variables, "/".into());
            way_of(&world).unwrap().map(|(way, credential)| {
                let credential = credential.with(|bytes| String::from_utf8(bytes.clone()).unwrap());
                (way.method, way.role, way.is_wrapped, way.mount, credential)
            })
        };
        let some = |method, role: &str, wrapped, mount: Option<&str>, credential: &str| {
            let mount = mount.map(str::to_owned);
            Some((
                method,
                Some(role.to_owned()),
                wrapped,
                mount,
                credential.to_owned(),
            ))
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("VAULT_ROLE_ID", "r")]), None);
        let approle = [("VAULT_ROLE_ID", "r"), ("BAO_SECRET_ID", "s")];
        assert_eq!(of(&approle), some(Method::Approle, "r", false, None, "s"));
        let wrapped = [("VAULT_ROLE_ID", "r"), ("VAULT_WRAPPED_SECRET_ID", "w")];
        assert_eq!(of(&wrapped), some(Method::Approle, "r", true, None, "w"));
        let jwt = [
            ("VAULT_JWT", "j"),
            ("VAULT_ROLE", "r"),
            ("VAULT_AUTH_MOUNT", "ci"),
        ];
        assert_eq!(of(&jwt), some(Method::Jwt, "r", false, Some("ci"), "j"));
    }

    #[test]
    fn a_secret_id_is_made_by_a_role_of_its_mount() {
        assert!(is_secret_id_of("auth/approle/role/ci/secret-id", "approle"));
        assert!(is_secret_id_of("auth/a/b/role/ci/custom-secret-id", "a/b"));
        for path in [
            "sys/wrapping/wrap",
            "auth/approle/role/ci/role-id",
            "auth/approle/role//secret-id",
            "auth/other/role/ci/secret-id",
            "auth/approle/role/ci/secret-id/lookup",
            "cubbyhole/response",
        ] {
            assert!(!is_secret_id_of(path, "approle"), "{path}");
        }
    }
}
