//! Three nodes with raft and TLS: what was written is what is read through a standby, a node that is not
//! trusted gets nothing, and the death of the leader is waited for.

use std::time::Duration;

use clws::error::{Code, Explain as _};
use clws::server::Limits;
use serde_json::{Value, json};

use crate::support::bao_cluster::BaoCluster;
use crate::with::{client, run};

#[test]
fn what_was_written_is_read_through_a_standby_and_certificates_count() {
    let cluster = BaoCluster::start();
    let leader = cluster.leader();
    let standby = (leader + 1) % 3;
    let ca = cluster.ca();
    let of =
        |addresses: &[String], ca| client(addresses, ca, Some(&cluster.token), Limits::default());
    let through = of(&[cluster.address(standby)], Some(&ca)).unwrap();
    run(async {
        let mut stale = 0;
        for number in 0..150 {
            let body = json!({ "data": { "N": number } });
            through.post::<Value>("secret/data/n", &body).await.unwrap();
            let read = through.get::<Value>("secret/data/n").await.unwrap();
            stale += usize::from(read.data.unwrap()["data"]["N"] != number);
        }
        assert_eq!(stale, 0);
    });
    // A certificate of somebody else.
    let stranger = of(&[cluster.address(standby)], None).unwrap();
    let error = run(stranger.get::<Value>("secret/data/n")).unwrap_err();
    assert_eq!(error.code(), Code::Auth, "{error:?}");
    assert!(error.hints()[0].contains("--ca"), "{:?}", error.hints());
    // One for another name, and none at all.
    let named = cluster.address(standby).replace("127.0.0.1", "localhost");
    let error = run(of(&[named], Some(&ca))
        .unwrap()
        .get::<Value>("secret/data/n"));
    let hints = error.unwrap_err().hints();
    assert!(hints[0].contains("https://NAME"), "{hints:?}");
    let clear = cluster.address(standby).replace("https", "http");
    let error = run(of(&[clear], Some(&ca))
        .unwrap()
        .get::<Value>("secret/data/n"));
    let hints = error.unwrap_err().hints();
    assert!(hints[0].contains("begins with `https://`"), "{hints:?}");
}

#[test]
fn another_leader_is_waited_for() {
    let mut cluster = BaoCluster::start();
    let leader = cluster.leader();
    let ca = cluster.ca();
    let nodes: Vec<String> = (0..3)
        .map(|number| cluster.address((leader + number) % 3))
        .collect();
    let limits = Limits {
        all: Duration::from_secs(90),
        ..Limits::default()
    };
    let client = client(&nodes, Some(&ca), Some(&cluster.token), limits).unwrap();
    run(async {
        let body = json!({ "data": { "A": "one" } });
        client.post::<Value>("secret/data/a", &body).await.unwrap();
        cluster.kill(leader);
        let read = client.get::<Value>("secret/data/a").await.unwrap();
        assert_eq!(read.data.unwrap()["data"], json!({ "A": "one" }));
        let again = json!({ "data": { "A": "two" } });
        let written = client.post::<Value>("secret/data/a", &again).await.unwrap();
        assert_eq!(written.data.unwrap()["version"], 2);
    });
}
