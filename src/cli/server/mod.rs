//! `clws server`: a Vault or OpenBao server.

mod at;
mod diff;
mod exchange;
mod login;
mod logout;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::context::Context;
use crate::error::Error;
use crate::identity::{Config, Keyring};
use crate::server::{Client, Flags, Kept, Kv, Settings};

/// A Vault or OpenBao server: log in there, compare, and bring documents there and back
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Login(login::LoginArgs),
    Logout(logout::LogoutArgs),
    Status(status::StatusArgs),
    Diff(diff::DiffArgs),
    Push(exchange::PushArgs),
    Pull(exchange::PullArgs),
    Sync(exchange::SyncArgs),
}

pub(crate) fn run(command: &Command, cx: &Context) -> Result<ExitCode, Error> {
    match command {
        Command::Login(args) => login::run(args, cx)?,
        Command::Logout(args) => logout::run(args, cx)?,
        Command::Status(args) => status::run(args, cx)?,
        Command::Diff(args) => return args.run(cx),
        Command::Push(args) => return args.run(cx),
        Command::Pull(args) => return args.run(cx),
        Command::Sync(args) => return args.run(cx),
    }
    Ok(ExitCode::SUCCESS)
}

/// Which server.
#[derive(Args, Debug)]
pub(crate) struct ServerArgs {
    /// The server, https://…; else BAO_ADDR, VAULT_ADDR, or `address` in [server] of your config.toml
    #[arg(long, value_name = "URL")]
    address: Option<String>,
    /// The namespace there; else BAO_NAMESPACE, VAULT_NAMESPACE, or `namespace`
    #[arg(long)]
    namespace: Option<String>,
    /// Who alone may have signed its certificate, in PEM; else BAO_CACERT, VAULT_CACERT, or `ca`
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl ServerArgs {
    /// As the settings take them.
    fn flags(&self) -> Flags {
        Flags {
            address: self.address.clone(),
            namespace: self.namespace.clone(),
            ca: self.ca.clone(),
        }
    }

    /// Says which server is meant, also for keys that it keeps, before any is asked for.
    fn choose(&self, cx: &Context) {
        cx.beside.choose(self.flags());
    }

    fn settings(&self, cx: &Context) -> Result<Settings, Error> {
        let config = Config::read(&cx.world)?;
        Ok(Settings::of(&cx.world, &config.server, &self.flags())?)
    }

    fn kept(cx: &Context, settings: &Settings) -> Kept {
        Kept::of(Keyring::of(&cx.world), settings)
    }
}

/// Where documents lie there.
#[derive(Args, Debug)]
pub(crate) struct PlaceArgs {
    /// A mount of a key-value store, and what stands before the documents' paths there; else `kv` in [server] of
    /// your config.toml, else `secret`
    #[arg(long, value_name = "MOUNT[/PREFIX]")]
    kv: Option<String>,
}

impl PlaceArgs {
    async fn store(&self, cx: &Context, client: &Client) -> Result<Kv, Error> {
        let config = Config::read(&cx.world)?;
        let place = self.kv.clone().or(config.server.kv);
        Ok(Kv::find(client, place.as_deref().unwrap_or("secret")).await?)
    }
}
