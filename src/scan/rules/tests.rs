use super::super::anchors::{Anchors, fold};
use super::*;

/// The rules that find something in a file of this name.
fn found(name: &str, text: &str) -> Vec<&'static str> {
    let of = Text::of(text.as_bytes(), name);
    let mut found = Vec::new();
    for (at, gram) in text.as_bytes().windows(4).enumerate() {
        let gram = fold(gram.try_into().unwrap());
        Anchors::get().at(&of, at, gram, |hit| found.push(hit.rule.id));
    }
    found.dedup();
    found
}

#[test]
fn hashes_of_passwords_are_found_whatever_their_salt() {
    for hash in [
        "$2y$10$kX8vQ2mZ7pR4tY9wB3nLdOeG5hJ1sFcV6uA0iM8qT2xK7rD4yWzP.",
        "$2b$12$/X8vQ2mZ7pR4tY9wB3nLdOeG5hJ1sFcV6uA0iM8qT2xK7rD4yWzP.",
        "$y$j9T$kX8vQ2mZ7pR4tY9wB3nLd1$eG5hJ1sFcV6uA0iM8qT2xK7rD4yWzPkX8vQ2mZ7pR4t",
        "$6$/X8vQ2mZ7pR4tY9w$B3nLdOeG5hJ1sFcV6uA0iM8qT2xK7rD4yWzPkX8vQ2mZ7pR4tB3nLdOeG5hJ1sFcV6uA0iM8qT2xK7rD4yWzPkX",
        "$5$.X8vQ2mZ7pR4tY9w$/3nLdOeG5hJ1sFcV6uA0iM8qT2xK7rD4yWzPkX8vQ2m",
        "$5$rounds=9000$kX8vQ2mZ$B3nLdOeG5hJ1sFcV6uA0iM8qT2xK7rD4yWzPkX8vQ2m",
        "$apr1$kX8vQ2mZ$7pR4tY9wB3nLdOeG5hJ1sF",
        "{SHA}kX8vQ2mZ7pR4tY9wB3nLdOeG5hI=",
    ] {
        assert_eq!(
            found(".htpasswd", &format!("ada:{hash}\n")),
            ["password-hash"],
            "{hash}"
        );
    }
    for none in [
        format!("ada:$2y$10${}\n", "x".repeat(53)),
        format!("ada:$2y$10${}\n", ".".repeat(53)),
        "ada:$2y$10$\n".to_owned(),
    ] {
        assert_eq!(found(".htpasswd", &none), [""; 0], "{none}");
    }
}

#[test]
fn a_private_key_in_base64_is_found_on_one_line_and_on_several() {
    use base64::Engine as _;
    let key = "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8";
    let of = |label: &str| {
        let pem = format!("-----BEGIN {label}-----\n{key}{key}\n-----END {label}-----\n");
        base64::engine::general_purpose::STANDARD.encode(pem)
    };
    let one = of("RSA PRIVATE KEY");
    let several: Vec<String> = one
        .as_bytes()
        .chunks(40)
        .map(|line| format!("  {}\n", String::from_utf8_lossy(line)))
        .collect();
    for text in [format!("tls.key: {one}\n"), several.concat()] {
        assert_eq!(
            found("secret.yaml", &text),
            ["private-key-base64"],
            "{text}"
        );
    }
    assert_eq!(
        found("secret.yaml", &format!("tls.crt: {}\n", of("CERTIFICATE"))),
        [""; 0]
    );
    assert_eq!(
        found(
            "secret.yaml",
            "tls.key: LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t\n"
        ),
        [""; 0]
    );
}

#[test]
fn the_secret_key_of_amazons_pages_is_none() {
    let id = format!("AK{}IOSFODNN7EXAMPLE", "IA");
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let text = format!("aws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    assert_eq!(found("credentials", &text), [""; 0]);
    let text = text.replace("EXAMPLEKEY", "kX8vQ2mZ7p");
    let rules = found("credentials", &text);
    assert!(rules.contains(&"aws-secret-access-key"), "{rules:?}");
}

#[test]
fn the_version_of_a_package_is_no_password() {
    for version in ["^7.1.2", ">=7.1.2 <9.0.0", "~7.1.x"] {
        let line = format!("    \"minipass\": \"{version}\",\n");
        assert_eq!(found("package.json", &line), [""; 0], "{version}");
    }
    let line = "    \"password\": \"^7kX8.vQ2mZ\",\n";
    assert_eq!(found("package.json", line), ["password"]);
}

#[test]
fn names_are_unique_and_have_sources() {
    let mut seen = std::collections::BTreeSet::new();
    for rule in all() {
        assert!(seen.insert(rule.id), "{} is there twice", rule.id);
        assert!(rule.source.starts_with("https://"), "{}", rule.id);
        let is_plain = rule
            .id
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        assert!(is_plain && rule.what.starts_with(['a', 't']), "{}", rule.id);
    }
    assert!(seen.len() >= 100, "{}", seen.len());
}

#[test]
fn the_table_of_the_page_is_that_of_the_code() {
    let page = include_str!("../../../docs/scan.md");
    let head = "| rule | finds | by | source |\n|---|---|---|---|\n";
    let table = page.split(head).nth(1).unwrap_or_default();
    let table = table.split("\n\n").next().unwrap_or_default();
    let rows = all().map(|rule| {
        let Rule {
            id, what, source, ..
        } = rule;
        format!(
            "| `{id}` | {what} | {} | <{source}> |",
            rule.grounds.as_str()
        )
    });
    assert_eq!(table, rows.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_hook_that_names_a_secret_of_the_vault_gives_none_away() {
    for path in [
        "shared/k8s/PROD_EU1_KUBECONFIG",
        "web/S3_ACCESS_KEY_ID",
        "web/SMTP2GO_PASSWORD",
        "rest-server/DB2_REPLICA_PW",
        "tls/star.example.org-2026.key",
    ] {
        for line in [
            format!("A = {{ secret = \"{path}\" }}\n"),
            format!("certificate.secret = \"{path}\"\n"),
        ] {
            assert_eq!(found("hooks/web.toml", &line), [""; 0], "{line}");
            assert_eq!(found("vault/hooks/web.toml", &line), [""; 0], "{line}");
        }
    }
    let names_one = "secret = \"shared/k8s/PROD_EU1_KUBECONFIG\"\n";
    assert_eq!(found("clws.toml", names_one), [""; 0]);
    // Elsewhere it may be anything, and in a hook, too, what no path looks like, or what is called otherwise.
    assert_eq!(found("web.toml", names_one), ["secret-behind-name"]);
    for line in [
        "secret = \"wJalrXUtnFEMI/K7MDENG/bPxRfiCYzKq93Lm0Xw\"\n",
        "secret = \"kX8vQ2mZ7pR4tY9wB3nLdOeG5hJ1sF\"\n",
        "token = \"shared/k8s/PROD_EU1_KUBECONFIG\"\n",
    ] {
        assert_eq!(
            found("hooks/web.toml", line),
            ["secret-behind-name"],
            "{line}"
        );
    }
}
