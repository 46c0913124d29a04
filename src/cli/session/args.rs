//! Flags of commands that may need a server.

use std::path::PathBuf;

use clap::Args;

use crate::server::Flags;

/// Which server, for commands that are about something else.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "A Vault or OpenBao server, where hooks or hosts need it")]
pub(crate) struct BesideArgs {
    /// The server, https://…; else BAO_ADDR, VAULT_ADDR, or `address` in [server] of your config.toml
    #[arg(long, value_name = "URL")]
    server_address: Option<String>,
    /// The namespace there; else BAO_NAMESPACE, VAULT_NAMESPACE, or `namespace`
    #[arg(long, value_name = "NAMESPACE")]
    server_namespace: Option<String>,
    /// Who alone may have signed its certificate, in PEM; else BAO_CACERT, VAULT_CACERT, or `ca`
    #[arg(long, value_name = "FILE")]
    server_ca: Option<PathBuf>,
}

impl BesideArgs {
    /// As the settings take them.
    pub(crate) fn flags(&self) -> Flags {
        Flags {
            address: self.server_address.clone(),
            namespace: self.server_namespace.clone(),
            ca: self.server_ca.clone(),
        }
    }
}
