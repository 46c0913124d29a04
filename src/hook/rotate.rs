//! `[rotate."SECRET"]` of a hook: what outside of the vault has a secret as its password, so that a
//! rotator finds it. Who may deploy the component signs it with the rest.

use serde::Deserialize;

use super::probe::port;
use super::value::SecretRef;

/// What has the secret; one of these, named as the rotator that speaks to it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountHook {
    /// An account of a MySQL or MariaDB server.
    Mysql(MysqlAccount),
    /// A storage or batch account of Azure's.
    AzureKey(AzureKeyHook),
    /// The root user of CodaLab, in the server that this component is.
    CodalabUser(CodalabUser),
    /// An account whose password a Vault or OpenBao server makes.
    VaultStatic(StaticAccount),
}

/// An account of a MySQL or MariaDB server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MysqlAccount {
    /// The server, as the target sees it.
    pub host: String,
    /// Its port, a number or a text; 3306 without.
    #[serde(default, deserialize_with = "port")]
    pub port: Option<String>,
    /// The account's name. Each account of that name whose password is the secret is changed.
    pub user: String,
    /// Who changes it; the account itself without.
    pub admin: Option<MysqlAdmin>,
}

/// Who may change accounts of a server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MysqlAdmin {
    /// The name.
    pub user: String,
    /// The password.
    pub password: SecretRef,
}

/// An account of Azure's, of which the secret is a key. Settings may be filled in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AzureKeyHook {
    /// A storage account's name; one of the two.
    pub storage: Option<String>,
    /// A batch account's name.
    pub batch: Option<String>,
    /// Its resource group.
    pub resource_group: String,
    /// Its subscription; that of the login without.
    pub subscription: Option<String>,
    /// A document with a service principal, of the scope or `shared/…`; the person's own login without.
    pub login: Option<String>,
}

/// The root user of CodaLab.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodalabUser {}

/// An account whose password a Vault or OpenBao server makes. Which server is not the hook's to say.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticAccount {
    /// The static role there, `MOUNT/NAME`.
    pub role: String,
}

impl AccountHook {
    /// The rotator that speaks to it.
    #[must_use]
    pub fn rotator(&self) -> &'static str {
        match self {
            Self::Mysql(_) => "mysql",
            Self::AzureKey(_) => "azure-key",
            Self::CodalabUser(_) => "codalab-user",
            Self::VaultStatic(_) => "vault-static",
        }
    }

    /// Every text that names are filled into.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &String> {
        let (mysql, azure) = match self {
            Self::Mysql(account) => (Some(account), None),
            Self::AzureKey(key) => (None, Some(key)),
            Self::CodalabUser(_) | Self::VaultStatic(_) => (None, None),
        };
        let azure = azure.into_iter().flat_map(AzureKeyHook::texts);
        let mysql = mysql.into_iter().flat_map(|account| {
            let admin = account.admin.iter().map(|admin| &admin.user);
            [&account.host, &account.user]
                .into_iter()
                .chain(&account.port)
                .chain(admin)
        });
        mysql.chain(azure)
    }

    /// The path at a server at which its password is made, which rules speak of as of a document's.
    pub(crate) fn issued_at(&self) -> Option<String> {
        let Self::VaultStatic(StaticAccount { role }) = self else {
            return None;
        };
        let (mount, name) = role.rsplit_once('/')?;
        Some(format!("{mount}/static-creds/{name}"))
    }

    /// The password of who changes it.
    pub(crate) fn admin(&self) -> Option<&str> {
        match self {
            Self::Mysql(account) => Some(account.admin.as_ref()?.password.secret.as_str()),
            Self::AzureKey(_) | Self::CodalabUser(_) | Self::VaultStatic(_) => None,
        }
    }
}

impl AzureKeyHook {
    /// Every text that names are filled into.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &String> {
        let names = [&self.storage, &self.batch, &self.subscription];
        names
            .into_iter()
            .flatten()
            .chain(std::iter::once(&self.resource_group))
    }
}
