//! A server that shows a certificate of another day is not spoken to, and whoever can mend it is named.

use clws::error::{Code, Explain as _};
use clws::server::ServerError;
use serde_json::Value;

use crate::support::web::{Nginx, Pair, pair, pair_of};
use crate::with::{client, run, short};

/// What comes of a question to a server that shows this pair.
fn asked(pair: &Pair) -> ServerError {
    let nginx = Nginx::start(pair, "location / { return 403; }");
    let ca = nginx.folder.path().join("ca");
    std::fs::write(&ca, &pair.ca).unwrap();
    let address = format!("https://127.0.0.1:{}", nginx.secure);
    let client = client(&[address], Some(&ca), None, short()).unwrap();
    run(client.get::<Value>("sys/health")).unwrap_err()
}

#[test]
fn one_that_has_ended_and_one_that_does_not_hold_yet_are_told_apart() {
    for (day, advice) in [
        ("2001-01-01", "whoever runs the server gives it a new one"),
        ("2090-01-01", "is the clock of this machine right?"),
    ] {
        let error = asked(&pair_of("localhost", day));
        assert_eq!(error.code(), Code::Auth, "{error}");
        let hints = error.hints();
        assert!(hints[0].starts_with(advice), "{day}: {error}, {hints:?}");
    }
    // One of today is spoken to.
    let error = asked(&pair("localhost", 30));
    assert_eq!(error.status(), Some(403), "{error}");
}
