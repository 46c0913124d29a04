//! Editing one value of a document of ten thousand changes that value's lines and no other.

use std::fmt::Write as _;

use crate::desk::Desk;
use crate::lab::Lab;

const MANY: usize = 10_000;

#[test]
fn only_the_lines_of_one_table_differ() {
    let desk = Desk::new(Lab::new());
    let mut text = String::new();
    for number in 0..MANY {
        writeln!(text, "V{number:05} = \"hunter2-{number:05}\"").unwrap();
    }
    std::fs::write(desk.file("text"), text).unwrap();
    let made = desk
        .edit("dev/big", "cat \"$HERE/text\" >>\"$FILE\"")
        .succeeds();
    assert!(
        made.err
            .contains("added `V00000`, `V00001`, `V00002` and 9997 more"),
        "{}",
        made.err
    );
    assert!(
        made.err.contains("warning: `dev/big` has 10000 values now"),
        "{}",
        made.err
    );
    desk.lab.commit("big");

    let same = desk
        .edit("dev/big", "cp \"$FILE\" \"$HERE/seen\"")
        .succeeds();
    assert_eq!(same.err, "nothing changed, and nothing was written\n");
    assert_eq!(desk.text("seen").matches("hunter2-").count(), MANY);
    assert_eq!(desk.lab.git(&["status", "--short"]), "");

    let edited = desk
        .edit("dev/big", "sed -i 's/hunter2-07000/changed/' \"$FILE\"")
        .succeeds();
    assert_eq!(edited.err, "sealed dev/big: changed `V07000`\n");
    assert_eq!(
        desk.lab.git(&["diff", "--shortstat"]).trim(),
        "1 file changed, 5 insertions(+), 5 deletions(-)"
    );
    // The context of an only hunk names the table.
    let diff = desk.lab.git(&["diff", "-U1"]);
    assert_eq!(diff.matches("\n@@ ").count(), 1, "{diff}");
    let lines: Vec<&str> = diff
        .lines()
        .skip_while(|line| !line.starts_with("@@ "))
        .skip(1)
        .collect();
    assert_eq!(lines.first(), Some(&" [secret.V07000]"));
    let keys = |sign: char| -> Vec<&str> {
        let changed = lines.iter().filter_map(|line| line.strip_prefix(sign));
        changed
            .map(|line| line.split(' ').next().unwrap())
            .collect()
    };
    assert_eq!(keys('-'), keys('+'));
    assert_eq!(desk.get("dev/big/V07000"), "changed");
    assert_eq!(desk.get("dev/big/V07001"), "hunter2-07001");
    desk.is_clean(&["hunter2-0"]);
}
