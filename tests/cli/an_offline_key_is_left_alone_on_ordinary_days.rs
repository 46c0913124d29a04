//! Two keys of one person, one of them under a passphrase: nobody is asked for it where the other will do.

use crate::lab::Lab;
use crate::terminal::Terminal;

#[test]
fn nobody_is_asked_for_a_passphrase_where_another_key_will_do() {
    let lab = Lab::new().secret("prod/web/TOKEN", "hunter2");
    // Before the everyday one by its name.
    let new = lab.clws("identity new a-offline --passphrase").command();
    let mut terminal = Terminal::controlling(&new);
    for asked in ["new passphrase", "once more"] {
        terminal.shows(asked).types("correct horse\r");
    }
    let (code, shown) = terminal.ends();
    assert_eq!(code, 0, "{shown}");
    let party = lab.clws("identity show a-offline").succeeds().text();
    std::fs::write(lab.root().join("offline.toml"), party).unwrap();
    lab.clws("recipient update ada ../offline.toml --offline --yes")
        .succeeds();
    // Nobody is there to be asked.
    lab.clws("secret set prod/web/OTHER")
        .stdin(b"by the everyday key")
        .succeeds();
    for path in ["prod/web/OTHER", "prod/web/TOKEN"] {
        lab.clws(&format!("secret get {path}")).succeeds();
    }
    lab.clws("access grant ada dev --write --yes").succeeds();
    lab.clws("check").succeeds();
}
