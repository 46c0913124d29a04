//! `clws server login`: a token into the keyring.

use std::io::IsTerminal as _;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::ServerArgs;
use crate::cli::context::Context;
use crate::cli::hidden;
use crate::cli::runtime::runtime;
use crate::error::{Code, Error, Problem};
use crate::secret::Plain;
use crate::server::{Method, Origin, ServerError, Session, Settings, Token, Way, revoke};
use crate::text::clean_line;

/// No credential is longer: a certificate with its chain and key.
const MOST: usize = 64 * 1024;

/// Log in to a Vault or OpenBao server, and keep the token in the keyring
///
/// The credential comes on stdin, or is asked for without echo: a token; the secret-id of an AppRole, whose
/// role id is `--role`; a JWT; a certificate and its key in PEM. A token is never written to a file. Where
/// there is no keyring, as in CI, nothing needs this command: VAULT_TOKEN, VAULT_ROLE_ID with
/// VAULT_SECRET_ID, or VAULT_JWT with VAULT_ROLE in the environment of a run are enough, and what the run
/// got is revoked at its end.
#[derive(Args, Debug)]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// token, approle, jwt or cert
    #[arg(long, value_parser = methods())]
    method: Method,
    /// Where the method is mounted, if not under its own name
    #[arg(long)]
    mount: Option<String>,
    /// The AppRole's role id, the JWT's role, or the name of the certificate's role
    #[arg(long)]
    role: Option<String>,
    /// The credential is a wrapping token, with the secret-id of an AppRole in it
    ///
    /// It is looked at before it is opened. One that was opened before, or was made elsewhere than where
    /// secret-ids are made, ends with an alarm.
    #[arg(long)]
    wrapped: bool,
}

fn methods() -> impl TypedValueParser<Value = Method> {
    PossibleValuesParser::new(Method::ALL.map(Method::as_str)).try_map(|text| {
        let mut all = Method::ALL.into_iter();
        all.find(|method| method.as_str() == text)
            .ok_or("no such method")
    })
}

pub(super) fn run(args: &LoginArgs, cx: &Context) -> Result<(), Error> {
    if args.wrapped && args.method != Method::Approle {
        return Err(crate::cli::usage("`--wrapped` is for `--method approle`").into());
    }
    let mut settings = args.server.settings(cx)?;
    let kept = ServerArgs::kept(cx, &settings);
    // A secret-id can often be used once: not before it is known where the token will lie.
    kept.demand()?;
    let credential = credential(cx, args.method)?;
    let way = Way {
        method: args.method,
        mount: args.mount.clone(),
        role: args.role.clone(),
        is_wrapped: args.wrapped,
    };
    if args.method == Method::Cert {
        let has_both = credential.with(|bytes| {
            let has = |what: &[u8]| memchr::memmem::find(bytes, what).is_some();
            has(b"CERTIFICATE-----") && has(b"PRIVATE KEY-----")
        });
        if !has_both {
            return Err(ServerError::BadCredential.into());
        }
        settings.client_certificate = Some((credential.duplicate(), credential.duplicate()));
    }
    runtime()?.block_on(async {
        let token = match args.method {
            Method::Token => Token::new(&credential)?,
            _ => token_of(&settings, &way, &credential).await?,
        };
        let (session, about) = Session::with_token(&settings, token, Origin::Keyring).await?;
        let client = session.client();
        if let Some(token) = client.token()
            && let Err(error) = kept.write(token)
        {
            // One that was given is the person's; one that we got would lie around.
            if args.method != Method::Token {
                // That it cannot be revoked is not why it is not kept.
                drop(revoke(client).await);
            }
            return Err(error.into());
        }
        let address = settings.cluster.first().map(ToString::to_string);
        cx.ui.say(&format!(
            "logged in to {} as {}; the token is in the keyring, {}",
            address.unwrap_or_default(),
            clean_line(&about.display_name),
            lasting(about.ttl)
        ));
        Ok(())
    })
}

async fn token_of(settings: &Settings, way: &Way, credential: &Plain) -> Result<Token, Error> {
    let session = Session::log_in(settings, way, credential).await?;
    let token = session.into_token();
    token.ok_or_else(|| Problem::new(Code::Backend, "the server gave no token").into())
}

fn credential(cx: &Context, method: Method) -> Result<Plain, Error> {
    let what = match method {
        Method::Token => "token",
        Method::Approle => "secret-id",
        Method::Jwt => "JWT",
        Method::Cert => "certificate and key",
    };
    // A certificate has many lines.
    if cx.ui.can_ask() && std::io::stdin().is_terminal() && method != Method::Cert {
        return hidden::ask(&format!("{what}: "));
    }
    cx.ui.text(&format!("the {what}"), MOST)
}

/// `for 3 h`.
pub(super) fn lasting(seconds: u64) -> String {
    match seconds {
        0 => "without an end".to_owned(),
        seconds if seconds < 120 => format!("for {seconds} s"),
        seconds if seconds < 7200 => format!("for {} min", seconds / 60),
        seconds if seconds < 172_800 => format!("for {} h", seconds / 3600),
        seconds => format!("for {} days", seconds / 86_400),
    }
}
