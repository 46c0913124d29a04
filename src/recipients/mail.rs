//! Where somebody gets mail.

use std::fmt;
use std::str::FromStr;

/// The longest path of SMTP without its brackets (RFC 5321, 4.5.3.1.3).
const MOST: usize = 254;

/// An address for mail, `ada@example.org`: the plain form that every server takes, in ASCII. It has no quotes, no
/// comment and no name, so it cannot say more than one address in a header or a command.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct MailAddress(String);

/// A text that is no such address.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an address for mail like ada@example.org is wanted")]
pub struct NotAnAddress;

impl MailAddress {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands behind the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, domain)| domain)
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for MailAddress {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let (local, domain) = text.split_once('@').ok_or(NotAnAddress)?;
        // A dot-string of atoms (RFC 5321, 4.1.2), and a domain of labels.
        let is_atom = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
        };
        let is_label = |part: &str| {
            !part.is_empty()
                && !part.starts_with('-')
                && !part.ends_with('-')
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let is_good = text.len() <= MOST
            && local.len() <= 64
            && local.split('.').all(is_atom)
            && domain.split('.').all(is_label);
        is_good.then(|| Self(text.to_owned())).ok_or(NotAnAddress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_plain_address_is_taken_and_nothing_that_says_more() {
        for good in [
            "ada@example.org",
            "ada.l+clws@localhost",
            "o'neil@a-b.example",
        ] {
            assert_eq!(good.parse::<MailAddress>().unwrap().as_str(), good);
        }
        let long = format!("{}@example.org", "a".repeat(65));
        for bad in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "ada@@example.org",
            "ada@example..org",
            "ada@-example.org",
            ".ada@example.org",
            "ada@example.org\r\nBcc: eve@example.org",
            "ada@example.org,eve@example.org",
            "Ada <ada@example.org>",
            "\"ada\"@example.org",
            "ada@[127.0.0.1]",
            "ada @example.org",
            "äda@example.org",
            &long,
        ] {
            assert_eq!(bad.parse::<MailAddress>(), Err(NotAnAddress), "{bad:?}");
        }
    }
}
