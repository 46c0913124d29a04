//! The main job from end to end: a plaintext `certs/` tree is imported, a value of it edited, a
//! component deployed with it, and no secret of the tree is anywhere in clear on the way.

use crate::site::{host, write};
use crate::support::fixture::{Certs, leaks};
use crate::support::lab::{Lab, Ran, contains, forms};
use crate::support::machine::Machine;

#[test]
fn a_plaintext_tree_becomes_a_running_component() {
    let (lab, machine) = (Lab::new(), Machine::start());
    let certs = Certs::lay_out();
    let mut said = Vec::new();
    let mut keep = |ran: Ran| {
        said.extend_from_slice(&ran.out);
        said.extend_from_slice(ran.err.as_bytes());
        ran
    };
    keep(
        lab.clws("import --yes")
            .word(certs.path().to_str().unwrap())
            .succeeds(),
    );

    let edited = "edited-in-the-editor-7Qz";
    let editor = lab.root().join("editor.sh");
    std::fs::write(
        &editor,
        format!(
            "#!/bin/sh\nsed -i 's/^CODALAB_PASSWORD = .*/CODALAB_PASSWORD = \"{edited}\"/' \"$1\"\n"
        ),
    )
    .unwrap();
    let editor = format!("sh {}", editor.display());
    keep(
        lab.clws("secret edit prod/rest-server")
            .env("EDITOR", editor)
            .succeeds(),
    );
    let read = lab
        .clws("secret get prod/rest-server/CODALAB_PASSWORD")
        .succeeds();
    assert_eq!(read.text(), edited);

    host(&lab, "box", "prod", "server", "address = \"local\"");
    keep(lab.clws("trust sign --yes").succeeds());
    write(
        &lab,
        "hooks/rest-server.toml",
        r#"runs_on = { machine_type = "server" }
process = { command = ["sh", "{{ place }}/serve.sh"] }
[env]
CODALAB_PASSWORD = { secret = "rest-server/CODALAB_PASSWORD" }
[file."config.json"]
template = "config.json"
mode = "0600"
[file."token.bin"]
secret = "shared/misc/token.bin"
mode = "0400"
[[probe]]
run = ["sh", "-c", 'test -s "$0/answer"', "{{ place }}"]
"#,
    );
    write(
        &lab,
        "hooks/rest-server/config.json",
        "{\"server\": {\"engine_url\": \"mysql://codalab:{{ secrets.rest-server/CODALAB_MYSQL_PASSWORD | url }}@db/codalab\"}}\n",
    );
    write(
        &lab,
        "hooks/rest-server/serve.sh",
        "printf %s \"$CODALAB_PASSWORD\" | cat - config.json token.bin | sha256sum >answer.new\nmv answer.new answer\nexec sleep 1000\n",
    );
    keep(lab.clws("hook sign --yes").succeeds());
    let deploy = lab.clws("deploy --on prod --yes --json").on(&machine);
    let ran = keep(deploy.succeeds());
    assert_eq!(ran.json()["rows"][0]["result"], "started");

    // The answer can be right only if variable, template and file arrived to the byte.
    let mut expected = edited.as_bytes().to_vec();
    expected.extend_from_slice(
        b"{\"server\": {\"engine_url\": \"mysql://codalab:Vx3nDJcrqmaaFpt8pJ82qp@db/codalab\"}}\n",
    );
    expected.extend(std::fs::read(certs.path().join("misc/token.bin")).unwrap());
    let answer = machine.sh("cat /run/clws/*/rest-server/*/answer");
    let expected: String = clws::crypto::hex(&clws::crypto::sha256(&expected));
    assert!(answer.contains(&expected), "{answer}");

    let listed = std::process::Command::new("ps")
        .args(["-eww", "-o", "args"])
        .output()
        .unwrap();
    said.extend_from_slice(&listed.stdout);

    lab.commit("import");
    let mut needles = leaks();
    needles.push(edited.into());
    for needle in &needles {
        for form in forms(needle) {
            assert!(!contains(&said, &form), "printed: {needle}");
        }
    }
    // The editor's script is ours and knows the new value; nothing else may.
    std::fs::remove_file(lab.root().join("editor.sh")).unwrap();
    lab.nowhere(&needles);
    // The watcher finds what is there to be found.
    std::fs::write(lab.root().join("planted"), "x ySC56nmQFXqyWvnHKtfK x").unwrap();
    assert_eq!(lab.find(&needles).len(), 1);
}
