//! Each owner is told once a week what waits for a new value, and nobody else's.

use crate::lab::Lab;
use crate::smtp::{PASSWORD, Smtp};
use crate::web::pair;

#[test]
fn each_owner_gets_their_own_once_a_week() {
    let mut lab = Lab::new().people(&["ben", "grace"]);
    lab = lab.secret("shared/mail/PASSWORD", PASSWORD);
    for (name, owner) in [
        ("OF_BEN", Some("ben")),
        ("OF_GRACE", Some("grace")),
        ("OF_OPS", Some("ops")),
        ("OF_STRANGER", Some("the web team")),
        ("OF_NOBODY", None),
    ] {
        lab = lab.secret(&format!("prod/web/{name}"), "hunter2");
        let words = format!("secret policy prod/web/{name} --expires 2020-01-01");
        let run = lab.clws(&words);
        match owner {
            Some(owner) => run.word("--owner").word(owner).succeeds(),
            None => run.succeeds(),
        };
    }
    lab.clws("recipient update ben --mail ben@example.org --yes")
        .succeeds();
    lab.clws("recipient update grace --mail grace@example.org --yes")
        .succeeds();
    let shown = lab.clws("recipient show ben").succeeds().text();
    assert!(shown.contains("mail = \"ben@example.org\""), "{shown}");
    let bad = lab
        .clws("recipient update ben --yes --mail")
        .word("ben@b, eve@example.org");
    bad.exits(2);
    let rules = lab.vault().join("recipients/access.toml");
    let text = std::fs::read_to_string(&rules).unwrap();
    std::fs::write(
        &rules,
        format!("[group.ops]\nmembers = [\"ben\", \"grace\"]\n\n{text}"),
    )
    .unwrap();
    lab.clws("trust sign --yes").succeeds();

    let text = lab.clws("status --report").succeeds().text();
    assert!(
        text.contains("ben, ben@example.org:\n  expired: prod/web/OF_BEN"),
        "{text}"
    );
    assert!(
        text.contains("nobody:\n  expired: prod/web/OF_NOBODY"),
        "{text}"
    );

    let pair = pair("localhost", 30);
    let server = Smtp::start(&pair, "starttls");
    let more = "to = [\"all@example.org\"]\n[mail.owners]\ngrace = \"grace@home.example.org\"\n";
    server.configure(&lab, ("localhost", &pair.ca), more);
    lab.clws("status --report --notify smtp").succeeds();
    let again = lab.clws("status --report --notify smtp").succeeds();
    assert!(
        again.err.contains("ben was told within a week"),
        "{}",
        again.err
    );
    let mut got: Vec<(String, String)> = Vec::new();
    for mail in server.taken() {
        let to: Vec<&str> = mail["to"]
            .as_array()
            .unwrap()
            .iter()
            .map(|to| to.as_str().unwrap())
            .collect();
        let text = mail["text"].as_str().unwrap();
        let names = ["OF_BEN", "OF_GRACE", "OF_OPS", "OF_STRANGER", "OF_NOBODY"];
        let named: Vec<&str> = names
            .into_iter()
            .filter(|name| text.contains(name))
            .collect();
        got.push((to.join(" "), named.join(" ")));
    }
    got.sort();
    let is = [
        ("all@example.org", "OF_NOBODY"),
        ("all@example.org", "OF_STRANGER"),
        ("ben@example.org", "OF_BEN"),
        ("ben@example.org grace@home.example.org", "OF_OPS"),
        // What the person knows wins over what the party says.
        ("grace@home.example.org", "OF_GRACE"),
    ];
    let is: Vec<(String, String)> = is.map(|(to, what)| (to.into(), what.into())).to_vec();
    assert_eq!(got, is);
    lab.nowhere(&["hunter2".to_owned(), PASSWORD.to_owned()]);
}
