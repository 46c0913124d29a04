//! What people do by a slip: it is said at once what is the case, before anything else that would be wrong, and
//! what was done goes back as it came.

use crate::lab::Lab;

#[test]
fn who_does_not_decide_learns_that_first() {
    let lab = Lab::new()
        .people(&["grace"])
        .secret("prod/web/TOKEN", "hunter2");
    lab.clws("access grant grace prod/web --read --yes")
        .succeeds();
    lab.accepted_by(&["grace"]);
    for command in [
        "recipient remove ada --yes",
        "recipient remove grace --yes",
        "access grant grace prod --read --yes",
        "access revoke ada dev --read --write --deploy --yes",
        "host add box --address local --scope prod --machine-type web --yes",
    ] {
        let refused = lab.clws(command).by("grace").exits(13).err;
        assert_eq!(
            refused,
            "error: none of your keys is an administrator's\n  administrators are ada\n  nothing was written\n\
             hint: ask ada to run this command\n",
            "{command}"
        );
    }
    let planned = lab
        .clws("recipient remove grace --dry-run")
        .by("grace")
        .succeeds();
    assert!(
        planned.err.contains("grace is taken out"),
        "{}",
        planned.err
    );
    // Who may not write is sent to nothing that only a writer does.
    let refused = lab
        .clws("rotate prod/web/TOKEN --yes")
        .by("grace")
        .exits(13)
        .err;
    assert!(
        refused.contains("grace may not write `prod/web`") && !refused.contains("secret policy"),
        "{refused}"
    );
    // And who cannot read, to somebody who can let them in.
    lab.clws("access revoke grace prod/web --read --yes")
        .succeeds();
    let closed = lab
        .clws("secret get prod/web/TOKEN")
        .by("grace")
        .exits(11)
        .err;
    let hint = "hint: an administrator can run `clws access grant grace prod/web --read`\n";
    assert!(closed.ends_with(hint), "{closed}");
}
