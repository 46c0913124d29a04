//! Ben may write in one document, which becomes an option file of MySQL's again. Its programs take 4,094 bytes for a line,
//! and what a longer value has behind those for an option: `plugin-dir`, `host`, `init-command`.

use std::process::Command;

use crate::lab::Lab;
use crate::scene::accept;

#[test]
fn behind_all_that_mysql_takes_for_a_line() {
    let lab = Lab::new().people(&["ben"]);
    let (source, out) = (lab.root().join("source"), lab.root().join("out"));
    std::fs::create_dir(&source).unwrap();
    let file = "[client]\nuser = web\npassword = \"of-the-old-days\"\n";
    std::fs::write(source.join("my.cnf"), file).unwrap();
    let import = lab.clws("import --scope prod --yes");
    import.word(source.display().to_string()).succeeds();
    lab.clws("access grant ben prod/my --read --write --yes")
        .succeeds();
    accept(&lab, &["ben"]);
    let set = |password: &str| {
        let table = format!("{{ user = \"web\", password = \"{password}\" }}");
        lab.clws("secret set prod/my/client")
            .by("ben")
            .stdin(table.as_bytes())
            .succeeds();
        lab.clws("export prod/my --format dir --allow-disk --out")
            .word(out.display().to_string())
    };
    let hidden = |begin: &str| {
        let length = 4094 - "password = \"".len() - begin.len();
        format!("{begin}{}plugin-dir=/bens", "A".repeat(length))
    };
    // The second looks like what Ansible sealed, which is not read again before it is written.
    for begin in ["", "!vault"] {
        let told = set(&hidden(begin)).exits(10).err;
        assert!(told.contains("does not come back"), "{told}");
        assert!(!out.exists());
    }
    // What is written is one option for those programs.
    let long = "A".repeat(3000);
    set(&long).succeeds();
    let written = out.join("my.cnf").display().to_string();
    let read = Command::new("my_print_defaults")
        .arg(format!("--defaults-file={written}"))
        .arg("client")
        .output()
        .unwrap();
    let read = String::from_utf8(read.stdout).unwrap();
    assert_eq!(read, format!("--user=web\n--password={long}\n"));
}
