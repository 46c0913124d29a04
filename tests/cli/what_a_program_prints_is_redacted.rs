//! `clws exec --redact` takes the values that it gave out of what the program prints, as it comes.

use std::io::{Read as _, Write as _};
use std::process::Stdio;

use crate::lab::Lab;

#[test]
fn values_and_files_are_taken_out_of_both_streams() {
    let lab = Lab::new()
        .secret("dev/web/TOKEN", "hunter2-hunter2")
        .secret("dev/web/OTHER", "p@ss w\"rd");
    lab.clws("secret set dev/tls/web.key --type file")
        .stdin(b"-----BEGIN-----\nMIIEvQIBADANBgkq\n-----END-----\n")
        .succeeds();
    let script = "echo a $TOKEN b; printf %s \"$TOKEN\" | base64; echo \"$OTHER\" >&2; cat $KEY; \
                  for i in 1 2 3 4 5; do printf hun; sleep 0.02; printf ter2-hunter2; done; exit 9";
    let ran = lab
        .clws("exec dev/web --file KEY=dev/tls/web.key --redact -- sh -c")
        .word(script)
        .exits(9);
    let split = "[redacted]".repeat(5);
    let expected = format!("a [redacted] b\n[redacted]\n[redacted]\n{split}");
    assert_eq!(ran.text(), expected);
    assert_eq!(ran.err, "[redacted]\n");
}

#[test]
fn output_is_shown_as_it_comes_and_input_goes_in() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2-hunter2");
    let mut child = lab
        .clws("exec dev/web --redact -- sh -c")
        .word("printf 'name? '; read name; echo hello $name $TOKEN; kill -TERM $$")
        .command()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = child.stdout.take().unwrap();
    let mut prompt = [0; 6];
    // Would wait for ever if the prompt were held back until there is more.
    out.read_exact(&mut prompt).unwrap();
    assert_eq!(&prompt, b"name? ");
    child.stdin.take().unwrap().write_all(b"ada\n").unwrap();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "hello ada [redacted]\n");
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn a_closed_pipe_ends_the_program() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2-hunter2");
    let mut child = lab
        .clws("exec dev/web --redact -- yes")
        .command()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut [0; 100]).unwrap();
    drop(out);
    // 128 + SIGPIPE, as if the program had written there itself.
    assert_eq!(child.wait().unwrap().code(), Some(141));
}
