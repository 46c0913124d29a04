//! Ben may write in one document. A value there that is called `ansible_ssh_common_args` has Ansible run a program of his
//! (`-o ProxyCommand=…`) on the machine of whoever begins a play with that document's values.

use crate::lab::Lab;
use crate::scene::{accept, refused};

const PLANTED: &str = "prod/web/ansible_ssh_common_args";

#[test]
fn among_the_values_of_a_document() {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("prod/web/TOKEN", "bens-own-token");
    lab.clws("access grant ben prod/web --read --write --yes")
        .succeeds();
    accept(&lab, &["ben"]);
    lab.clws(&format!("secret set {PLANTED}"))
        .by("ben")
        .stdin(b"-o ProxyCommand=bens-own")
        .succeeds();
    lab.clws(&format!("secret get {PLANTED}")).succeeds();
    let by_inventory = "ansible inventory --list --with prod/web";
    let told = refused(&lab, "ada", by_inventory, 2);
    assert!(told.contains(&format!("--with {PLANTED}")), "{told}");
    let by_file = "exec --file VARS=prod/web";
    let told = refused(&lab, "ada", &format!("{by_file} -- cat"), 125);
    assert!(told.contains("--allow ansible_ssh_common_args"), "{told}");
    // Who means it names it.
    lab.clws(&format!("{by_inventory} --with {PLANTED}"))
        .succeeds();
    let given = lab
        .clws(&format!(
            "{by_file} --allow ansible_ssh_common_args -- sh -c"
        ))
        .word("cat $VARS")
        .succeeds();
    assert!(given.text().contains("bens-own"));
}

#[test]
fn a_host_elsewhere_has_no_value_by_the_name_of_its_machine_type() {
    let lab = Lab::new().secret("prod/web/TOKEN", "of-prod-alone");
    let add = |host: &str, scope: &str, machine_type: &str| {
        let words = format!("host add {host} --address 192.0.2.1 --scope {scope} --yes");
        lab.clws(&words)
            .word("--machine-type")
            .word(machine_type)
            .succeeds();
    };
    add("own", "prod", "web");
    let given = "ansible inventory --list --with prod/web";
    assert!(lab.clws(given).succeeds().text().contains("of-prod-alone"));
    // Ansible's group `prod` has both.
    add("other", "dev", "prod");
    for words in [given, "ansible inventory --host own --with prod/web"] {
        let told = refused(&lab, "ada", words, 17);
        assert!(told.contains("`other`"), "{told}");
    }
    lab.clws("ansible inventory --list").succeeds();
    // Ansible has a group of those that are in none.
    lab.clws("access grant ada ungrouped --read --write --yes")
        .succeeds();
    lab.clws("secret set ungrouped/web/U")
        .stdin(b"of-nobody-else")
        .succeeds();
    lab.clws("host add free --address 192.0.2.1 --yes")
        .succeeds();
    let told = refused(
        &lab,
        "ada",
        "ansible inventory --list --with ungrouped/web",
        17,
    );
    assert!(told.contains("`free`"), "{told}");
}
