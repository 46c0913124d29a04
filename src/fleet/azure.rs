//! Accounts of Azure's that have two keys, of which either lets in: by name.

use std::fmt;

use crate::error::{Code, Explain};
use crate::text::clean_line;

/// What kind of account it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AzureService {
    /// Blobs, files, queues, tables.
    Storage,
    /// Pools and jobs.
    Batch,
}

/// An account. Its names are those that Azure allows, so that none is taken for a flag.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AzureAccount {
    service: AzureService,
    name: String,
    resource_group: String,
    subscription: Option<String>,
}

/// Why a text is no name in Azure.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{}` is no {what}: {wanted}", clean_line(.text))]
pub struct AzureNameError {
    what: &'static str,
    text: String,
    wanted: &'static str,
}

impl Explain for AzureNameError {
    fn code(&self) -> Code {
        Code::Config
    }
}

impl AzureAccount {
    /// An account by its names.
    ///
    /// # Errors
    /// [`AzureNameError`] for what Azure allows no account, resource group or subscription to be called.
    pub fn new(
        service: AzureService,
        name: &str,
        resource_group: &str,
        subscription: Option<&str>,
    ) -> Result<Self, AzureNameError> {
        let check = |what, text: &str, wanted, is: &dyn Fn(&str) -> bool| {
            let text = text.to_owned();
            match is(&text) {
                true => Ok(text),
                false => Err(AzureNameError { what, text, wanted }),
            }
        };
        let is_account = |text: &str| {
            let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
            (3..=24).contains(&text.len()) && text.bytes().all(good)
        };
        let is_other = |text: &str, more: &[u8]| {
            let good = |b: u8| b.is_ascii_alphanumeric() || more.contains(&b);
            (1..=90).contains(&text.len()) && text.bytes().all(good) && !text.starts_with('-')
        };
        Ok(Self {
            service,
            name: check(
                "name of an account",
                name,
                "3 to 24 of `a-z 0-9`",
                &is_account,
            )?,
            resource_group: check(
                "resource group",
                resource_group,
                "up to 90 of `A-Z a-z 0-9 _ . ( ) -`, and not `-` first",
                &|text| is_other(text, b"_.()-"),
            )?,
            subscription: subscription
                .map(|text| {
                    let wanted = "an id or a name of `A-Z a-z 0-9 _ . -` and blanks";
                    check("subscription", text, wanted, &|text| {
                        is_other(text, b"_.- ")
                    })
                })
                .transpose()?,
        })
    }

    /// What kind it is.
    #[must_use]
    pub fn service(&self) -> AzureService {
        self.service
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The resource group that it is in.
    #[must_use]
    pub fn resource_group(&self) -> &str {
        &self.resource_group
    }

    /// The subscription, if it is not the login's own.
    #[must_use]
    pub fn subscription(&self) -> Option<&str> {
        self.subscription.as_deref()
    }
}

impl fmt::Display for AzureAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.service {
            AzureService::Storage => "storage",
            AzureService::Batch => "batch",
        };
        write!(f, "the {kind} account {}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_a_flag_is_no_name() {
        let new = |name, group, subscription| {
            AzureAccount::new(AzureService::Storage, name, group, subscription).is_ok()
        };
        assert!(new("codalab0", "codalab-prod_(1).x", Some("Pay As You Go")));
        for name in [
            "", "ab", "-codalab", "code-lab", "CodaLab", "x\n12", "--debug",
        ] {
            assert!(!new(name, "group", None), "{name}");
        }
        for group in ["", "-g", "a b", "a/b", "a$b", "é"] {
            assert!(!new("codalab0", group, None), "{group}");
        }
        for subscription in ["", "--query", "a;b"] {
            assert!(
                !new("codalab0", "group", Some(subscription)),
                "{subscription}"
            );
        }
    }
}
