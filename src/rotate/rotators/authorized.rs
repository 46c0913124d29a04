//! `authorized_keys` of an account: the lines in which a key is listed, with the options before it and
//! the comment behind it, and the script that puts another text in its place.

/// Prints the file of the account that is logged in; nothing if there is none.
pub(super) const READ: &str = r#"f=$HOME/.ssh/authorized_keys; [ ! -e "$f" ] || cat "$f""#;

/// Replaces the text whose SHA-256 is `$1` by the one on standard input, whose SHA-256 is `$2`: all of it,
/// or nothing changes. Owner and mode stay, and where it is a link, that stays too.
pub(super) const WRITE: &str = r#"set -eu
sum() { sha256sum <"$1" | cut -c1-64; }
f=$(readlink -f "$HOME/.ssh/authorized_keys")
new=$f.clws-new
trap 'rm -f "$new"' EXIT
cp -p "$f" "$new"
cat >"$new"
[ "$(sum "$new")" = "$2" ] || { echo "the new text did not arrive whole" >&2; exit 1; }
sync "$new" 2>/dev/null || :
[ "$(sum "$f")" = "$1" ] || { echo "authorized_keys was changed meanwhile" >&2; exit 1; }
mv -f "$new" "$f""#;

/// A public key as lines list it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Listed {
    kind: String,
    /// In base64; says all of the key.
    blob: String,
}

impl Listed {
    /// Of a public line, `ssh-ed25519 AAAA… comment`.
    pub(super) fn of(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        Some(Self {
            kind: words.next()?.to_owned(),
            blob: words.next()?.to_owned(),
        })
    }

    /// The public line, without a comment.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.kind, self.blob)
    }

    /// Whether a line lists this key, with whatever options.
    fn is_in(&self, line: &str) -> bool {
        let line = line.trim_start();
        !line.starts_with('#') && line.split([' ', '\t']).any(|word| word == self.blob)
    }

    /// Whether any line lists this key.
    pub(super) fn is_listed(&self, text: &str) -> bool {
        text.lines().any(|line| self.is_in(line))
    }

    /// The text with this key wherever `other` is listed and it is not: behind that line, with the same
    /// options and comment.
    pub(super) fn beside(&self, other: &Self, text: &str) -> String {
        if self.is_listed(text) {
            return text.to_owned();
        }
        let mut new = String::with_capacity(2 * text.len());
        for line in text.lines() {
            new.extend([line, "\n"]);
            if other.is_in(line) {
                let line = line.replace(&other.blob, &self.blob);
                new.extend([line.replacen(&other.kind, &self.kind, 1).as_str(), "\n"]);
            }
        }
        new
    }

    /// The text without the lines that list this key.
    pub(super) fn gone_from(&self, text: &str) -> String {
        let rest = text.lines().filter(|line| !self.is_in(line));
        rest.flat_map(|line| [line, "\n"]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# AAAAold is no key here\n\
                        ssh-rsa AAAAother other\n\
                        from=\"10.0.0.0/8\",command=\"a b\" ssh-rsa AAAAold deploy key\n";

    fn key(line: &str) -> Listed {
        Listed::of(line).unwrap()
    }

    #[test]
    fn a_key_is_listed_beside_another_with_its_options_and_goes_again() {
        let (old, new) = (key("ssh-rsa AAAAold x"), key("ssh-ed25519 AAAAnew"));
        assert!(old.is_listed(TEXT) && !new.is_listed(TEXT));
        let both = new.beside(&old, TEXT);
        let line = "from=\"10.0.0.0/8\",command=\"a b\" ssh-ed25519 AAAAnew deploy key\n";
        assert_eq!(both, format!("{TEXT}{line}"));
        assert_eq!(new.beside(&old, &both), both);
        let alone = old.gone_from(&both);
        assert!(!old.is_listed(&alone) && alone.ends_with(line));
        assert_eq!(new.gone_from(&both), TEXT);
        assert_eq!(new.gone_from(&old.beside(&new, &alone)), TEXT);
    }

    #[test]
    fn what_only_looks_like_it_is_not_listed() {
        let old = key("ssh-rsa AAAAold");
        for text in ["#ssh-rsa AAAAold", "ssh-rsa AAAAolder", "ssh-rsa xAAAAold"] {
            assert!(!old.is_listed(text), "{text}");
        }
    }
}
