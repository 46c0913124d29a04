//! Probes against a real nginx with TLS and a real MariaDB: each says right when it is, and else which
//! probe of which component on which host was answered what.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use crate::site::{Site, hook, random};
use crate::support::mariadb::{HOST, MariaDb, USER};
use crate::support::web::{Nginx, Pair, pair};

const NAME: &str = "worksheets.codalab.example";

const LOCATIONS: &str = r#"
location /rest/users { default_type application/json; add_header X-Kind "api v1";
    return 200 '{"data": [{"name": "codalab", "root": true, "quota": 7}]}'; }
location /broken { return 500 "login for the-password-of-the-day failed"; }
location / { return 200 "<html>Worksheets</html>"; }
"#;

/// Deploys a component that is one probe, given as lines of its table.
fn asked(site: &Site, probe: &str, files: &[(&str, &str)]) -> Result<(), String> {
    let text = format!(
        "runs_on = {{ machine_type = \"server\" }}\n[settings]\nname = \"{NAME}\"\n\
         [env]\nPASSWORD = {{ secret = \"web/PASSWORD\" }}\n[[probe]]\n{probe}\n"
    );
    hook(&site.lab, "web", &text, files);
    // What is there would be `unchanged`, and its answer not shown.
    site.clws("deploy --on prod --stop --yes").run();
    let ran = site.deploy().run();
    match ran.code {
        0 => Ok(()),
        22 => Err(ran.err),
        code => panic!("{code}: {}", ran.err),
    }
}

fn site() -> Site {
    let site = Site::new();
    site.set("prod/web/PASSWORD", "the-password-of-the-day");
    site
}

#[test]
fn an_http_answer_is_judged_by_all_that_was_named() {
    let site = site();
    let nginx = Nginx::start(&pair(NAME, 90), LOCATIONS);
    let at = |path: &str| {
        format!(
            "http = \"http://127.0.0.1:{}{path}\"\nwithin = \"1s\"",
            nginx.plain
        )
    };
    let users = at("/rest/users/codalab");
    for right in [
        users.clone(),
        format!(
            "{users}\nexpect = {{ status = 200, header = {{ X-Kind = \"api v1\" }}, json = {{ \"/data/0/name\" = \"codalab\", \"/data/0/quota\" = 7 }} }}"
        ),
        format!("{}\nexpect = {{ body_contains = \"Worksheets\" }}", at("/")),
        format!("{}\nexpect = {{ status = 500 }}", at("/broken")),
    ] {
        assert_eq!(asked(&site, &right, &[]), Ok(()), "{right}");
    }
    for (wrong, said) in [
        (
            at("/broken"),
            "status 500 Internal Server Error: login for ",
        ),
        (
            format!("{users}\nexpect = {{ status = 404 }}"),
            "status 200 OK: {\"data\"",
        ),
        (
            format!("{users}\nexpect = {{ header = {{ X-Kind = \"api v2\" }} }}"),
            "is `api v1` and not `api v2`",
        ),
        (
            format!("{users}\nexpect = {{ json = {{ \"/data/0/name\" = \"ada\" }} }}"),
            "`/data/0/name` is \"codalab\" and not \"ada\"",
        ),
        (
            format!("{}\nexpect = {{ json = {{ \"/a\" = 1 }} }}", at("/")),
            "its body is no JSON",
        ),
        (
            format!("{}\nexpect = {{ body_contains = \"Dashboard\" }}", at("/")),
            "does not contain `Dashboard`",
        ),
        (
            "http = \"http://127.0.0.1:1/\"\nwithin = \"1s\"".to_owned(),
            "Connection refused",
        ),
        (
            "tcp = \"127.0.0.1:1\"\nwithin = \"1s\"".to_owned(),
            "probe `127.0.0.1:1`: Connection refused",
        ),
        (
            "run = [\"sh\", \"-c\", \"echo no; exit 3\"]\nwithin = \"1s\"".to_owned(),
            "probe `sh -c echo no; exit 3`: exit 3: no",
        ),
    ] {
        let err = asked(&site, &wrong, &[]).unwrap_err();
        assert!(err.contains("web on box does not answer: probe `"), "{err}");
        assert!(err.contains(said), "{wrong}: {err}");
        assert!(!err.contains("the-password-of-the-day"), "{err}");
    }
    let long = "run = [\"sh\", \"-c\", \"head -c 3000 /dev/zero | tr '\\\\0' y; exit 3\"]\nwithin = \"1s\"";
    let err = asked(&site, long, &[]).unwrap_err();
    assert!(
        err.contains("yyyy…") && !err.contains(&"y".repeat(301)),
        "{err}"
    );
}

/// What is beyond the limit cannot be known for the rest of a value.
#[test]
fn where_an_answer_was_cut_no_part_of_a_value_is_said() {
    let site = site();
    // Blanks take up the room, and are not shown.
    let run = "run = [\"sh\", \"-c\", \"head -c 65530 /dev/zero | tr '\\\\0' ' '; echo $PASSWORD; exit 3\"]\n\
               needs = [\"PASSWORD\"]\nwithin = \"1s\"";
    let err = asked(&site, run, &[]).unwrap_err();
    assert!(err.contains(": exit 3"), "{err}");
    assert!(!err.contains(": the-pa"), "{err}");

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let body = format!("{:4090}the-password-of-the-day", "no");
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            drop(stream.read(&mut [0; 4096]));
            let head = format!("HTTP/1.1 500 No\r\ncontent-length: {}\r\n\r\n", body.len());
            stream
                .write_all((head + &body).as_bytes())
                .unwrap_or_default();
        }
    });
    let http = format!("http = \"http://127.0.0.1:{port}/\"\nwithin = \"1s\"");
    let err = asked(&site, &http, &[]).unwrap_err();
    assert!(err.contains("status 500"), "{err}");
    assert!(err.contains(": no") && !err.contains("the-pa"), "{err}");
}

#[test]
fn an_answer_without_an_end_is_judged_by_what_came() {
    let site = site();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut head = [0; 4096];
                let length = stream.read(&mut head).unwrap_or_default();
                if head[..length].starts_with(b"GET /flood ") {
                    drop(stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n"));
                    while stream.write_all(&[b'x'; 8192]).is_ok() {}
                } else {
                    let begun = b"HTTP/1.1 500 No\r\ncontent-length: 100\r\n\r\nbegun";
                    drop(stream.write_all(begun));
                    // Until nobody waits for the rest any more.
                    drop(stream.read(&mut head));
                }
            });
        }
    });
    let at = |path: &str| format!("http = \"http://127.0.0.1:{port}/{path}\"\nwithin = \"5s\"");
    let flood = at("flood") + "\nexpect = { body_contains = \"the end\" }";
    for (wrong, said) in [
        (flood, "does not contain `the end`"),
        (at("half"), "status 500 Internal Server Error: begun"),
    ] {
        let err = asked(&site, &wrong, &[]).unwrap_err();
        assert!(err.contains(said), "{wrong}: {err}");
    }
}

#[test]
fn a_first_question_that_is_swallowed_does_not_use_up_the_whole_time() {
    let site = site();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut swallowed = None;
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            drop(stream.read(&mut [0; 4096]));
            if swallowed.is_none() {
                swallowed = Some(stream);
                continue;
            }
            drop(stream.write_all(b"HTTP/1.1 204 No\r\n\r\n"));
        }
    });
    let probe = format!("http = \"http://127.0.0.1:{port}/\"\nwithin = \"60s\"");
    assert_eq!(asked(&site, &probe, &[]), Ok(()));
}

fn https(nginx: &Nginx, more: &str) -> String {
    format!(
        "http = \"https://{{{{ settings.name }}}}/\"\nat = \"127.0.0.1:{}\"\nwithin = \"1s\"\n{more}",
        nginx.secure
    )
}

#[test]
fn a_served_certificate_is_the_one_that_was_placed_and_holds_long_enough() {
    let site = site();
    let Pair { chain, key, ca } = pair(NAME, 30);
    let nginx = Nginx::start(
        &Pair {
            chain: chain.clone(),
            key,
            ca: ca.clone(),
        },
        LOCATIONS,
    );
    let other = pair(NAME, 30);
    let strange = pair("other.example", 30);
    site.set("prod/tls/CRT", &chain);
    site.set("prod/tls/OTHER", &other.chain);
    site.set("prod/tls/CA", &ca);
    let files = [("ca.pem", ca.as_str()), ("other.pem", other.ca.as_str())];
    for right in [
        "ca = \"ca.pem\"",
        "ca = { secret = \"tls/CA\" }\ncertificate = { days = 14 }",
        "certificate = { days = 14, secret = \"tls/CRT\" }",
        "ca = \"ca.pem\"\ncertificate = { secret = \"tls/CRT\" }",
        "insecure = true",
    ] {
        assert_eq!(
            asked(&site, &https(&nginx, right), &files),
            Ok(()),
            "{right}"
        );
    }
    for (wrong, said) in [
        // Nobody on this machine signed it.
        ("", "UnknownIssuer"),
        ("ca = \"other.pem\"", "UnknownIssuer"),
        (
            "ca = \"ca.pem\"\ncertificate = { days = 60 }",
            "and 60 are wanted",
        ),
        (
            "certificate = { secret = \"tls/OTHER\" }",
            "another certificate than `tls/OTHER`",
        ),
        // The right one, by an issuer who is not the one that was named.
        (
            "ca = \"other.pem\"\ncertificate = { secret = \"tls/CRT\" }",
            "UnknownIssuer",
        ),
    ] {
        let err = asked(&site, &https(&nginx, wrong), &files).unwrap_err();
        assert!(
            err.contains("web on box does not answer: probe `https://worksheets"),
            "{err}"
        );
        assert!(err.contains(said), "{wrong}: {err}");
    }
    let by_number = format!(
        "http = \"https://[::1]/\"\nat = \"127.0.0.1:{}\"\ninsecure = true\nwithin = \"3s\"",
        nginx.secure
    );
    assert_eq!(asked(&site, &by_number, &files), Ok(()));
    // Another name than the URL's.
    let nginx = Nginx::start(&strange, LOCATIONS);
    let files = [("ca.pem", strange.ca.as_str())];
    let err = asked(&site, &https(&nginx, "ca = \"ca.pem\""), &files).unwrap_err();
    assert!(err.contains("not valid for name"), "{err}");
    // A server of plain HTTP behind https.
    let plain = format!(
        "http = \"https://127.0.0.1:{}/\"\ninsecure = true\nwithin = \"1s\"",
        nginx.plain
    );
    assert!(asked(&site, &plain, &files).is_err());
}

#[test]
fn a_mysql_login_is_tried_with_the_account_in_question() {
    let site = site();
    let password = format!("it's \"{}\" \\", random());
    let server = MariaDb::start_with(&password);
    site.set("prod/mysql/PASSWORD", &password);
    let login = |user: &str, more: &str| {
        format!(
            "mysql = {{ host = \"{HOST}\", port = {}, user = \"{user}\", password = {{ secret = \"mysql/PASSWORD\" }}{more} }}\nwithin = \"1s\"",
            server.port()
        )
    };
    assert_eq!(asked(&site, &login(USER, ""), &[]), Ok(()));
    assert_eq!(
        asked(&site, &login(USER, ", database = \"codalab\""), &[]),
        Ok(())
    );
    for (wrong, said) in [
        (
            login("nobody", ""),
            "error 1045: Access denied for user 'nobody'",
        ),
        (
            login(USER, ", database = \"mysql\""),
            "error 1044: Access denied",
        ),
    ] {
        let err = asked(&site, &wrong, &[]).unwrap_err();
        assert!(
            err.contains("web on box does not answer: probe `mysql login of "),
            "{err}"
        );
        assert!(err.contains(said), "{err}");
    }
    site.set("prod/mysql/PASSWORD", "another-password");
    let err = asked(&site, &login(USER, ""), &[]).unwrap_err();
    assert!(err.contains("Access denied for user 'codalab'"), "{err}");
    assert!(!err.contains("another-password"), "{err}");
    // What else listens is no database.
    let nginx = Nginx::start(&pair(NAME, 1), LOCATIONS);
    let elsewhere = login(USER, "").replace(&server.port().to_string(), &nginx.plain.to_string());
    assert!(asked(&site, &elsewhere, &[]).is_err());
    let closed = server.port().to_string();
    drop(server);
    let err = asked(&site, &login_to(&closed), &[]).unwrap_err();
    assert!(err.contains("Connection refused"), "{err}");
}

fn login_to(port: &str) -> String {
    format!(
        "mysql = {{ host = \"{HOST}\", port = \"{port}\", user = \"{USER}\", password = {{ secret = \"mysql/PASSWORD\" }} }}\nwithin = \"1s\""
    )
}

#[test]
fn a_probe_that_could_not_be_meant_is_refused() {
    let site = site();
    for (probe, why) in [
        ("http = \"ftp://x/\"", "is no http:// or https:// URL"),
        (
            "http = \"http://x/\"\ninsecure = true",
            "is no http:// or https:// URL",
        ),
        ("tcp = \"x:1\"\ninsecure = true", "are for `http`"),
        (
            "tcp = \"x:1\"\nhttp = \"http://x/\"",
            "one of run, http, tcp, mysql and file",
        ),
        (
            "mysql = { host = \"x\", port = 99999, user = \"x\", password = { secret = \"a/B\" } }",
            "a port is a number",
        ),
        (
            "http = \"https://x/\"\ninsecure = true\nca = \"ca.pem\"",
            "asks no certificate",
        ),
        (
            "http = \"http://x/\"\nexpect = { json = { \"a\" = 1 } }",
            "is no place in JSON",
        ),
    ] {
        let text = format!("runs_on = {{ machine_type = \"server\" }}\n[[probe]]\n{probe}\n");
        crate::site::write(&site.lab, "hooks/web.toml", &text);
        let ran = site.lab.clws("hook sign web --yes").run();
        assert!(
            ran.code != 0 && ran.err.contains(why),
            "{probe}: {}",
            ran.err
        );
    }
}
