//! Credentials are found by their providers' forms; what stands for one is not; and nothing of one is printed.
//!
//! Each is put together here, so that no other scanner takes this file for a leak.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::lab::Lab;

const B62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A made-up text of an alphabet, the same each time.
fn some(alphabet: &str, length: usize, seed: u64) -> String {
    let alphabet: Vec<char> = alphabet.chars().collect();
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap()
    };
    (0..length)
        .map(|_| alphabet[next() % alphabet.len()])
        .collect()
}

fn alnum(length: usize, seed: u64) -> String {
    some(std::str::from_utf8(B62).unwrap(), length, seed)
}

pub(crate) fn hex(length: usize, seed: u64) -> String {
    some("0123456789abcdef", length, seed)
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 * (crc & 1));
        }
    }
    !crc
}

fn with_checksum(prefix: &str, seed: u64) -> String {
    let body = alnum(30, seed);
    let mut number = crc32(body.as_bytes());
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = B62[usize::try_from(number % 62).unwrap()];
        number /= 62;
    }
    format!("{prefix}{body}{}", std::str::from_utf8(&digits).unwrap())
}

fn grafana(seed: u64) -> String {
    let key = format!("gl{}_{}", "sa", alnum(32, seed));
    format!("{key}_{:08x}", crc32(key.as_bytes()).swap_bytes())
}

fn jwt() -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let (head, body) = (
        part(r#"{"alg":"HS256"}"#),
        part(r#"{"sub":"1234","name":"ada"}"#),
    );
    format!("{head}.{body}.{}", alnum(43, 5))
}

/// The rule, the file, a line with `@` in it, and what stands there.
fn planted() -> Vec<(&'static str, &'static str, &'static str, String)> {
    let a = alnum;
    vec![
        (
            "github-token",
            "a.py",
            "t = '@'",
            with_checksum(&format!("gh{}_", "p"), 1),
        ),
        (
            "github-fine-grained-token",
            "a.py",
            "t = '@'",
            format!("github{}_{}_{}", "_pat", a(22, 2), a(59, 3)),
        ),
        (
            "gitlab-token",
            "a.txt",
            "@",
            format!("gl{}-{}", "pat", a(20, 4)),
        ),
        (
            "npm-token",
            "a.txt",
            "@",
            with_checksum(&format!("np{}_", "m"), 5),
        ),
        (
            "pypi-token",
            "a.txt",
            "@",
            format!("py{}-AgEIcHlwaS5vcmc{}", "pi", a(150, 6)),
        ),
        (
            "crates-token",
            "a.toml",
            "x = \"@\"",
            format!("c{}{}", "io", a(32, 7)),
        ),
        (
            "rubygems-key",
            "a.txt",
            "@",
            format!("ruby{}_{}", "gems", hex(48, 8)),
        ),
        (
            "nuget-key",
            "a.txt",
            "@",
            format!("oy{}{}", "2", some("abcdefghijklmnop2345", 43, 9)),
        ),
        (
            "docker-token",
            "a.txt",
            "@",
            format!("dckr{}_{}", "_pat", a(27, 10)),
        ),
        (
            "aws-access-key-id",
            "a.txt",
            "@",
            format!(
                "AK{}{}",
                "IA",
                some("ABCDEFGHJKMNPQRSTUVWXYZ234567", 16, 11)
            ),
        ),
        (
            "aws-secret-access-key",
            "a.ini",
            "aws_secret_access_key = @",
            a(40, 12),
        ),
        (
            "azure-storage-key",
            "a.json",
            "\"AccountKey=@;\"",
            format!("{}+ASt{}A==", a(76, 13), a(5, 14)),
        ),
        (
            "azure-identifiable-key",
            "a.py",
            "k = '@'",
            format!("{}+ASb{}A=", a(33, 15), a(5, 16)),
        ),
        (
            "azure-client-secret",
            "a.py",
            "k = '@'",
            format!("{}8{}~{}", a(3, 17), "Q", a(34, 18)),
        ),
        (
            "azure-sas",
            "a.txt",
            "https://x.blob.core.windows.net/c?sv=2022-11-02&se=2027-01-01&sig=@",
            format!("{}%3D", a(43, 19)),
        ),
        (
            "google-api-key",
            "a.js",
            "k('@')",
            format!("AI{}{}", "za", a(35, 20)),
        ),
        (
            "google-client-secret",
            "a.js",
            "k('@')",
            format!("GOC{}-{}", "SPX", a(28, 21)),
        ),
        (
            "digitalocean-token",
            "a.txt",
            "@",
            format!("do{}_{}", "p_v1", hex(64, 22)),
        ),
        (
            "databricks-token",
            "a.txt",
            "@",
            format!("da{}{}", "pi", hex(32, 23)),
        ),
        (
            "planetscale-token",
            "a.txt",
            "@",
            format!("pscale{}_{}", "_tkn", a(43, 24)),
        ),
        (
            "vault-token",
            "a.txt",
            "@",
            format!("hv{}.{}", "s", a(96, 25)),
        ),
        (
            "openbao-token",
            "a.sh",
            "export VAULT_TOKEN=@",
            format!("s.{}", a(24, 26)),
        ),
        (
            "terraform-token",
            "a.txt",
            "@",
            format!("{}.atlas{}.{}", a(14, 27), "v1", a(67, 28)),
        ),
        (
            "slack-token",
            "a.txt",
            "@",
            format!(
                "xox{}-{}-{}-{}",
                "b",
                some("123456789", 12, 29),
                some("123456789", 12, 30),
                a(24, 31)
            ),
        ),
        (
            "slack-webhook",
            "a.txt",
            "https://@",
            format!(
                "hooks.slack.com/{}/T{}/B{}/{}",
                "services",
                some("ABCDEFGHIJ234", 9, 32),
                some("ABCDEFGHIJ234", 9, 33),
                a(24, 34)
            ),
        ),
        (
            "telegram-token",
            "a.txt",
            "@",
            format!("{}:A{}{}", some("23456789", 10, 35), "A", a(33, 36)),
        ),
        (
            "discord-webhook",
            "a.txt",
            "https://@",
            format!(
                "discord.com/api/{}/{}/{}",
                "webhooks",
                some("23456789", 18, 37),
                a(68, 38)
            ),
        ),
        (
            "discord-token",
            "a.txt",
            "discord bot: @",
            format!("MT{}.{}.{}", a(24, 39), a(6, 40), a(38, 41)),
        ),
        (
            "sendgrid-key",
            "a.txt",
            "@",
            format!("S{}.{}.{}", "G", a(22, 42), a(43, 43)),
        ),
        (
            "mailgun-key",
            "a.txt",
            "@",
            format!("k{}-{}", "ey", hex(32, 44)),
        ),
        (
            "mailchimp-key",
            "a.txt",
            "@",
            format!("{}-us{}", hex(32, 45), "12"),
        ),
        (
            "twilio-key",
            "a.txt",
            "@",
            format!("S{}{}", "K", hex(32, 46)),
        ),
        (
            "stripe-key",
            "a.txt",
            "@",
            format!("sk{}_{}", "_live", a(24, 47)),
        ),
        (
            "square-token",
            "a.txt",
            "@",
            format!("sq0{}-{}", "atp", a(22, 48)),
        ),
        (
            "shopify-token",
            "a.txt",
            "@",
            format!("sh{}_{}", "pat", hex(32, 49)),
        ),
        (
            "openai-key",
            "a.txt",
            "@",
            format!("sk{}-{}T3Blbk{}{}", "-proj", a(74, 50), "FJ", a(74, 51)),
        ),
        (
            "anthropic-key",
            "a.txt",
            "@",
            format!("sk{}-api03-{}AA", "-ant", a(93, 52)),
        ),
        (
            "huggingface-token",
            "a.txt",
            "@",
            format!(
                "h{}_{}",
                "f",
                some(
                    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
                    34,
                    53
                )
            ),
        ),
        ("grafana-token", "a.txt", "@", grafana(54)),
        (
            "newrelic-key",
            "a.txt",
            "@",
            format!(
                "NR{}-{}",
                "AK",
                some("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 27, 55)
            ),
        ),
        (
            "sentry-token",
            "a.txt",
            "@",
            format!("sntr{}_{}", "yu", hex(64, 56)),
        ),
        (
            "linear-key",
            "a.txt",
            "@",
            format!("lin{}_{}", "_api", a(40, 57)),
        ),
        (
            "postman-key",
            "a.txt",
            "@",
            format!("PM{}-{}-{}", "AK", hex(24, 58), hex(34, 59)),
        ),
        ("json-web-token", "a.txt", "@", jwt()),
        (
            "url-password",
            "a.py",
            "u = 'amqp://worker:@@mq.acme.io'",
            a(14, 60),
        ),
        (
            "command-line-password",
            "a.sh",
            "mysql -u root -p'@' shop",
            "river%9xQ2b7".to_owned(),
        ),
        (
            "netrc-password",
            ".netrc",
            "machine a.acme.io login ada password @",
            "quartz#8Kd02x".to_owned(),
        ),
        (
            "pgpass-password",
            ".pgpass",
            "db.acme.io:5432:shop:shop:@",
            "quartz#8Kd02x".to_owned(),
        ),
        (
            "password-hash",
            ".htpasswd",
            "ada:@",
            format!("$apr1${}${}", a(8, 61), a(22, 62)),
        ),
        (
            "docker-login",
            "config.json",
            "{\"auth\": \"@\"}",
            STANDARD.encode("ada:quartz#8Kd02x"),
        ),
        (
            "npmrc-login",
            ".npmrc",
            "//r.acme.io/:_authToken=@",
            a(36, 63),
        ),
        (
            "basic-authorization",
            "a.py",
            "h = 'Authorization: Basic @'",
            STANDARD.encode("ada:quartz#8Kd02x"),
        ),
        (
            "bearer-token",
            "a.sh",
            "curl -H 'Authorization: Bearer @' x",
            a(40, 64),
        ),
        (
            "password",
            ".env",
            "DB_PASSWORD=@",
            "quartz#8Kd02x".to_owned(),
        ),
        (
            "secret-behind-name",
            "a.py",
            "SECRET_KEY = \"@\"",
            a(40, 65),
        ),
    ]
}

#[test]
fn each_kind_is_found_and_not_printed() {
    let lab = Lab::new();
    let tree = lab.root().join("tree");
    for (number, (_, name, line, secret)) in planted().iter().enumerate() {
        let folder = tree.join(number.to_string());
        std::fs::create_dir_all(&folder).unwrap();
        let line = line.replacen('@', secret, 1);
        std::fs::write(folder.join(name), format!("one\n{line}\nthree\n")).unwrap();
    }
    let ran = lab
        .clws("scan --json")
        .word(tree.to_str().unwrap())
        .exits(1);
    let findings = ran.json()["findings"].as_array().unwrap().clone();
    let mut wrong = Vec::new();
    for (number, (rule, name, _, secret)) in planted().iter().enumerate() {
        let path = format!("{number}/{name}");
        let here: Vec<_> = findings
            .iter()
            .filter(|finding| finding["path"] == path.as_str())
            .collect();
        let rules: Vec<_> = here
            .iter()
            .map(|finding| finding["rule"].as_str().unwrap())
            .collect();
        if rules != [*rule] || here.iter().any(|finding| finding["line"] != 2) {
            wrong.push(format!("{rule}: {rules:?}"));
        }
        let said = lab
            .clws("scan")
            .word(tree.join(number.to_string()).to_str().unwrap())
            .run();
        for text in [said.text(), said.err.clone(), ran.text()] {
            assert!(!text.contains(secret.as_str()), "{rule} is printed");
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_stands_for_a_credential_is_none() {
    let lab = Lab::new();
    let tree = lab.root().join("tree");
    std::fs::create_dir_all(&tree).unwrap();
    let broken = with_checksum(&format!("gh{}_", "p"), 70).replace(['a', 'b', 'c'], "d");
    let text = format!(
        "id = AK{}IOSFODNN7EXAMPLE\nPASSWORD=changeme\nDB_PASSWORD=${{DB_PASSWORD}}\npassword: <password>\n\
         TOKEN=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\nmysql -u root -p\nmysql -p$PASSWORD\npassword_file=/run/x9Kq72mm\n\
         https://user:password@host/\nhttps://ada:<token>@acme.io\n{broken}\nAuthorization: Basic dXNlcjpwYXNzd29yZA==\n\
         sha256 = 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n\
         secret = \"env:SECRET_9f86d081884c7d65\"\n-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        "IA",
        alnum(64, 71)
    );
    std::fs::write(tree.join("settings"), text).unwrap();
    std::fs::write(
        tree.join("a.rs"),
        "let password = read_password();\nlet token = \"identifier\";\nconst PASSWORD: &str = \"password\";\n\
         fn pass(password: &str) {}\nassert_eq!(token, \"abc\");\n",
    )
    .unwrap();
    let clean = lab.clws("scan").word(tree.to_str().unwrap()).run();
    assert_eq!(clean.text(), "");
    assert!(clean.err.contains("0 findings"), "{}", clean.err);
}
