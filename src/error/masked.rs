//! Private keys in what an error says: whoever gives one where a path or a name belongs must not find it in a log.

/// What stands in the place of one.
const MASK: &str = "(a private key)";

/// What follows the beginning of an age identity is never shorter, even where a name was cut; talk about them is.
const SHORTEST: usize = 20;

/// The text with `(a private key)` in the place of each.
pub(crate) fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = next_key(rest) {
        out.push_str(before);
        out.push_str(MASK);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// What stands before the first private key, and what behind it.
fn next_key(text: &str) -> Option<(&str, &str)> {
    let places = text.match_indices(['A', 'a', '-']).map(|(at, _)| at);
    places.into_iter().find_map(|at| {
        let (before, here) = text.split_at(at);
        let length = age(here).or_else(|| pem(here))?;
        Some((before, here.get(length..)?))
    })
}

/// How long an age identity is that begins here. Bech32 is of one case, upper or lower; a plugin's in lower case is the
/// name of its program.
fn age(text: &str) -> Option<usize> {
    let is_native = |prefix: &&str| prefix.eq_ignore_ascii_case("AGE-SECRET-KEY-");
    let native = text.get(..15).filter(is_native);
    let plugin = text.get(..11).filter(|prefix| *prefix == "AGE-PLUGIN-");
    let prefix = native.or(plugin)?.len();
    let behind = text.get(prefix..)?;
    let end = behind
        .find(|character: char| !character.is_ascii_alphanumeric() && character != '-')
        .unwrap_or(behind.len());
    (end >= SHORTEST).then_some(prefix + end)
}

/// How long a private key in PEM is that begins here; one that was cut goes on to the quote behind it.
fn pem(text: &str) -> Option<usize> {
    let (label, body) = text.strip_prefix("-----BEGIN ")?.split_once("-----")?;
    if !label.contains("PRIVATE KEY") || label.contains('\n') {
        return None;
    }
    let start = text.len() - body.len();
    if let Some((key, end)) = body.split_once("-----END ") {
        let length = end.find("-----").map_or(end.len(), |at| at + 5);
        return Some(start + key.len() + "-----END ".len() + length);
    }
    Some(start + body.find(['`', '\'', '"']).unwrap_or(body.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_is_not_repeated_and_talk_about_one_is() {
        let age = "AGE-SECRET-KEY-1QQPQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ";
        let plugin = "AGE-PLUGIN-YUBIKEY-1QQPQQQQQQQQQQQQQQQQQQQQQQ";
        let pem =
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1r\n-----END OPENSSH PRIVATE KEY-----";
        let cut = "-----BEGIN RSA PRIVATE KEY-----\\u{a}b3BlbnNzaC1r";
        for key in [age, &age.to_lowercase(), &age[..65], plugin, pem, cut] {
            assert_eq!(
                masked(&format!("`/x/# ä\n{key}` is none, `{key}` neither")),
                "`/x/# ä\n(a private key)` is none, `(a private key)` neither",
            );
        }
        for talk in [
            "a line begins AGE-SECRET-KEY-1…, or AGE-PLUGIN-NAME-1…",
            "age-plugin-of-a-rather-long-name is not in PATH",
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
            "--age -a",
        ] {
            assert_eq!(masked(talk), talk);
        }
    }
}
