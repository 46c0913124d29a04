//! A real MariaDB client logs in with a password out of a sealed document, and nobody sees it.

use std::process::{Command, Stdio};

use crate::lab::{Lab, find_below};
use crate::support::mariadb::{HOST, MariaDb, USER};
use crate::support::tool::tool;

#[test]
fn mariadb_logs_in_through_exec() {
    let server = MariaDb::start();
    let password = server.password().to_owned();
    let lab = Lab::new().secret("dev/mysql/MYSQL_PWD", &password);
    lab.clws("secret set dev/mysql/CLIENT_CNF")
        .stdin(format!("[client]\npassword=\"{password}\"\n").as_bytes())
        .succeeds();
    let client = tool("mariadb").display().to_string();
    let port = server.port().to_string();
    let login = |exec: &str, first: &str| {
        let mut words: Vec<String> = vec!["--".into(), client.clone()];
        words.extend((!first.is_empty()).then(|| first.to_owned()));
        words.extend(
            ["--protocol=tcp", "-h", HOST, "-u", USER, "-P", &port, "-BN"].map(str::to_owned),
        );
        let run = lab.clws(&format!("exec {exec}"));
        words.into_iter().fold(run, |run, word| run.word(word))
    };
    let question = b"SELECT CURRENT_USER();";
    // As a variable, which needs no parent …
    let ran = login("dev/mysql --only MYSQL_PWD", "--no-defaults")
        .stdin(question)
        .succeeds();
    assert_eq!(ran.text(), format!("{USER}@%\n"));
    // … and as a file of options, mode 0600, that a shell names.
    let script = format!(
        "stat -c %a $CNF >&2; exec {client} --defaults-file=$CNF --protocol=tcp -h {HOST} -u {USER} -P {port} -BN"
    );
    let ran = lab
        .clws("exec --file CNF=dev/mysql/CLIENT_CNF -- sh -c")
        .word(&script)
        .stdin(question)
        .succeeds();
    assert_eq!(ran.text(), format!("{USER}@%\n"));
    assert_eq!(ran.err, "600\n");
    // With another password the server refuses, so it was the password that let us in.
    lab.clws("secret set dev/mysql/MYSQL_PWD")
        .stdin(b"wrong")
        .succeeds();
    let refused = login("dev/mysql --only MYSQL_PWD", "--no-defaults")
        .stdin(question)
        .run();
    assert!(
        refused.err.contains("Access denied") && refused.code == 1,
        "{}",
        refused.err
    );
    lab.nowhere(&[password]);
}

#[test]
fn no_argument_list_shows_the_password_while_the_client_runs() {
    let server = MariaDb::start();
    let password = server.password().to_owned();
    let lab = Lab::new().secret("dev/mysql/MYSQL_PWD", &password);
    let port = server.port().to_string();
    for flags in ["", "--redact"] {
        let run = lab
            .clws(&format!("exec dev/mysql {flags} --"))
            .word(tool("mariadb").display().to_string());
        let words = ["--no-defaults", "--protocol=tcp", "-h", HOST, "-u", USER];
        let run = words.into_iter().fold(run, |run, word| run.word(word));
        let words = ["-P", &port, "-BN", "-e", "SELECT SLEEP(1), 'done'"];
        let run = words.into_iter().fold(run, |run, word| run.word(word));
        let child = run
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let asked = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%SLEEP(1)%' \
                     AND user = 'codalab'";
        while server.administer(asked).stdout != b"1\n" {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        // Now it sits in its query.
        let listed = Command::new("ps").args(["-eo", "args"]).output().unwrap();
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        assert!(listed.contains("SLEEP(1)") && !listed.contains(&password));
        assert_eq!(command_lines(&password), [""; 0]);
        let cmdline = std::fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
        let is_clws = cmdline.starts_with(env!("CARGO_BIN_EXE_clws").as_bytes());
        assert_eq!(
            is_clws,
            !flags.is_empty(),
            "a parent stays where it is needed"
        );
        let out = child.wait_with_output().unwrap();
        assert_eq!(out.stdout, b"0\tdone\n", "{flags}");
    }
    assert_eq!(find_below(lab.root(), &[password]), [""; 0]);
}

/// The processes whose argument list holds a text.
fn command_lines(needle: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| {
            let line = std::fs::read(process.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).into_owned();
            line.contains(needle).then_some(line)
        })
        .collect()
}
