//! The leader of three nodes is killed in the middle of a push: what was to be written is there, once.

use std::fs;
use std::io::Read as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use clws::server::Limits;
use serde_json::Value;

use crate::support::bao_cluster::BaoCluster;
use crate::support::lab::Lab;
use crate::with::{client, run};

const DOCUMENTS: usize = 60;

#[test]
fn nothing_is_lost_or_doubled() {
    let mut cluster = BaoCluster::start();
    let leader = cluster.leader();
    let lab = Lab::new();
    let tree = lab.root().join("tree/prod");
    fs::create_dir_all(&tree).unwrap();
    for number in 0..DOCUMENTS {
        let text = format!("NUMBER={number}\nTOKEN=value-{number}\n");
        fs::write(tree.join(format!("web{number}.env")), text).unwrap();
    }
    let import = lab.clws("import --yes").word(tree.display().to_string());
    import.succeeds();
    let config = lab.home("ada").join(".config/clws/config.toml");
    let nodes: Vec<String> = (0..3)
        .map(|number| cluster.address((leader + number) % 3))
        .collect();
    let text = format!(
        "[server]\naddress = \"{}\"\nnodes = {nodes:?}\nca = \"{}\"\n",
        nodes[0],
        cluster.ca().display()
    );
    fs::write(config, text).unwrap();
    let token = cluster.token.clone();
    let push = |words: &str| lab.clws(words).env("VAULT_TOKEN", &token);
    let mut running = push("server push prod --yes")
        .command()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let asking = client(
        &nodes,
        Some(&cluster.ca()),
        Some(&cluster.token),
        Limits::default(),
    )
    .unwrap();
    let there = || run(asking.list("secret/metadata/prod")).unwrap().len();
    let until = Instant::now() + Duration::from_secs(60);
    while there() < 5 {
        assert!(Instant::now() < until, "the push does not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
    let before = there();
    assert!(before < DOCUMENTS, "the push was over too soon");
    cluster.kill(leader);
    let status = running.wait().unwrap();
    let mut said = String::new();
    let mut err = running.stderr.take().unwrap();
    err.read_to_string(&mut said).unwrap();
    // It waited for the next leader, or says that it is to be run again.
    if !status.success() {
        assert_eq!(status.code(), Some(31), "{said}");
        push("server push prod --yes").succeeds();
    }
    push("server diff prod").succeeds();
    // What the import noted about its sources stayed at home.
    let listed = run(asking.list("secret/metadata/prod")).unwrap();
    assert_eq!(listed.len(), DOCUMENTS, "{listed:?}");
    run(async {
        for number in 0..DOCUMENTS {
            let path = format!("secret/data/prod/web{number}");
            let read = asking.get::<Value>(&path).await.unwrap().data.unwrap();
            assert_eq!(read["data"]["TOKEN"], format!("value-{number}"));
            assert_eq!(read["metadata"]["version"], 1, "web{number}");
        }
    });
}
