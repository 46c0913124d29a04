//! Alarms by mail, to a real server that wants TLS and a login.

use crate::lab::{Lab, Ran};
use crate::smtp::{PASSWORD, Smtp, USER};
use crate::web::pair;

const TO: &str = "to = [\"ops@example.org\", \"grace@example.org\"]\n";

fn lab() -> Lab {
    let lab = Lab::new()
        .secret("shared/mail/PASSWORD", PASSWORD)
        .secret("prod/web/TOKEN", "hunter2-of-web");
    lab.clws("secret policy prod/web/TOKEN --expires 2020-01-01")
        .succeeds();
    lab
}

fn status(lab: &Lab, code: i32) -> Ran {
    lab.clws("status --notify smtp").exits(code)
}

fn nothing_leaked(lab: &Lab, ran: &[&Ran]) {
    let values = [PASSWORD.to_owned(), "hunter2-of-web".to_owned()];
    lab.nowhere(&values);
    for ran in ran {
        assert!(
            values
                .iter()
                .all(|value| !ran.err.contains(value) && !ran.text().contains(value))
        );
    }
}

#[test]
fn a_mail_is_encrypted_and_says_what_is_wrong() {
    let lab = lab();
    let pair = pair("localhost", 30);
    for how in ["starttls", "implicit"] {
        let server = Smtp::start(&pair, how);
        server.configure(
            &lab,
            ("localhost", &pair.ca),
            &format!("tls = \"{how}\"\n{TO}"),
        );
        std::fs::remove_dir_all(lab.home("ada").join(".local/state/clws/alarms"))
            .unwrap_or_default();
        let first = status(&lab, 1);
        let second = status(&lab, 1);
        let taken = server.taken();
        assert_eq!(taken.len(), 1, "{how}: {} {}", first.err, second.err);
        let mail = &taken[0];
        assert_eq!(
            (mail["tls"].as_bool(), mail["by"].as_str()),
            (Some(true), Some(USER))
        );
        assert_eq!(mail["from"], USER);
        assert_eq!(mail["to"].as_array().unwrap().len(), 2);
        let text = mail["text"].as_str().unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let line = |name: &str| {
            let mut lines = head
                .lines()
                .filter(|line| line.starts_with(&format!("{name}: ")));
            let only = lines
                .next()
                .unwrap_or_else(|| panic!("no {name} in {head}"));
            assert_eq!(lines.next(), None, "{head}");
            only.to_owned()
        };
        assert_eq!(
            line("Subject"),
            "Subject: clws vault: expired: prod/web/TOKEN"
        );
        assert_eq!(line("Auto-Submitted"), "Auto-Submitted: auto-generated");
        assert_eq!(line("To"), "To: ops@example.org, grace@example.org");
        assert!(line("Message-ID").ends_with("@example.org>"));
        line("Date");
        assert!(
            body.contains("expired: prod/web/TOKEN: it expired on 2020-01-01"),
            "{body}"
        );
        nothing_leaked(&lab, &[&first, &second]);
    }
    // Opening the password is a use like any other.
    let log = lab.clws("audit show --json").succeeds().text();
    assert!(log.contains("shared/mail/PASSWORD"), "{log}");
}

#[test]
fn a_server_that_is_not_who_it_should_be_gets_nothing() {
    let lab = lab();
    let (good, other) = (pair("localhost", 30), pair("localhost", 30));
    let elsewhere = pair("mail.example.org", 30);
    for how in ["starttls", "implicit"] {
        let config = format!("tls = \"{how}\"\n{TO}");
        // By another CA, for another name, and expired.
        let server = Smtp::start(&other, how);
        server.configure(&lab, ("localhost", &good.ca), &config);
        let stranger = status(&lab, 24);
        assert!(
            stranger.err.contains("is not who it should be"),
            "{}",
            stranger.err
        );
        assert!(server.taken().is_empty());
        let server = Smtp::start(&elsewhere, how);
        server.configure(&lab, ("localhost", &elsewhere.ca), &config);
        let renamed = status(&lab, 24);
        assert!(
            renamed.err.contains("is not who it should be"),
            "{}",
            renamed.err
        );
        assert!(server.taken().is_empty());
        nothing_leaked(&lab, &[&stranger, &renamed]);
    }
    // It was not marked as told.
    let server = Smtp::start(&good, "starttls");
    server.configure(&lab, ("localhost", &good.ca), TO);
    status(&lab, 1);
    assert_eq!(server.taken().len(), 1);
}

#[test]
fn a_refusal_is_an_error_and_repeats_no_password() {
    let lab = lab();
    let pair = pair("localhost", 30);
    let server = Smtp::start(&pair, "starttls");
    // One address is refused, the other one gets it.
    let some = "to = [\"nobody@example.org\", \"ops@example.org\"]\n";
    server.configure(&lab, ("localhost", &pair.ca), some);
    let partly = status(&lab, 1);
    assert!(
        partly.err.contains("refuses nobody@example.org: 550"),
        "{}",
        partly.err
    );
    assert_eq!(server.taken()[0]["to"][0], "ops@example.org");

    std::fs::remove_dir_all(lab.home("ada").join(".local/state/clws/alarms")).unwrap();
    let none = "to = [\"nobody@example.org\"]\n";
    server.configure(&lab, ("localhost", &pair.ca), none);
    let nobody = status(&lab, 24);
    assert!(
        nobody.err.contains("refuses every recipient: 550"),
        "{}",
        nobody.err
    );

    // The server repeats the password that it was told; we do not.
    server.configure(&lab, ("localhost", &pair.ca), TO);
    let wrong = "another Password-9";
    let set = lab
        .clws("secret set shared/mail/PASSWORD")
        .stdin(wrong.as_bytes());
    set.succeeds();
    let refused = status(&lab, 24);
    assert!(
        refused.err.contains("refuses the login: 535"),
        "{}",
        refused.err
    );
    assert!(!refused.err.contains(wrong), "{}", refused.err);
    assert_eq!(server.taken().len(), 1);
    nothing_leaked(&lab, &[&partly, &nobody, &refused]);
}

/// A repository says where a party gets mail, signed, and never who is given a password.
#[test]
fn a_repository_names_no_server() {
    let lab = lab();
    let config = lab.vault().join("clws.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let more = "[mail]\nserver = \"evil.example.org\"\nfrom = \"a@b\"\nto = [\"a@b\"]\n\n[end]";
    std::fs::write(&config, text.replace("[end]", more)).unwrap();
    let ran = lab.clws("status --notify smtp").run();
    assert!(
        ran.code > 1 && !ran.err.contains("evil.example.org"),
        "{} {}",
        ran.code,
        ran.err
    );
    std::fs::write(&config, text).unwrap();
    let ran = lab.clws("status --notify smtp").exits(17);
    assert!(
        ran.err.contains("no [mail] in your config.toml"),
        "{}",
        ran.err
    );
}
