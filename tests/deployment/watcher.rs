//! Looks for values in every place where a deploy with containers could leave them.

use std::path::Path;

use crate::support::docker_image::{client, told};
use crate::support::lab::{contains, find_below, forms};

/// The names of the places that show a value in any usual form: what the daemon tells and keeps,
/// argument lists, `/run`, and these folders of the disk.
pub(crate) fn showing(value: &str, container: &str, image: &str, disk: &[&Path]) -> Vec<String> {
    let forms = forms(value);
    let shows = |text: &[u8]| forms.iter().any(|form| contains(text, form));
    let mut found = Vec::new();
    let asked: [&[&str]; 6] = [
        &["inspect", container],
        &["logs", container],
        &["ps", "--all", "--no-trunc"],
        &["top", container],
        &["image", "inspect", image],
        &["history", "--no-trunc", image],
    ];
    for words in asked {
        let answer = client(words);
        if shows(&answer.stdout) || shows(&answer.stderr) {
            found.push(format!("docker {}", words[0]));
        }
    }
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let arguments = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if shows(&arguments) {
            found.push("ps".into());
        }
    }
    let mut folders: Vec<String> = disk.iter().map(|path| path.display().to_string()).collect();
    let root = told(&["info", "--format", "{{.DockerRootDir}}"]);
    let root = root.trim();
    let id = told(&["inspect", "--format", "{{.Id}}", container]);
    folders.push(format!("{root}/containers/{}", id.trim()));
    folders.push(format!("{root}/image"));
    folders.push(format!("{root}/containerd"));
    folders.push("/var/lib/containerd/io.containerd.metadata.v1.bolt".into());
    // What the container itself wrote.
    let upper = told(&[
        "inspect",
        "--format",
        "{{.GraphDriver.Data.UpperDir}}",
        container,
    ]);
    folders.push(upper.trim().to_owned());
    for folder in folders {
        found.extend(find_below(Path::new(&folder), &[value.to_owned()]));
    }
    found.extend(below_run(value));
    let log = std::fs::read("/var/log/clws-ci-dockerd.log").unwrap_or_default();
    if shows(&log) {
        found.push("the daemon's log".into());
    }
    found
}

/// The files of `/run`, but for what is meant to hold values: a deploy's folder.
fn below_run(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/run").unwrap().flatten() {
        let path = entry.path();
        if path.ends_with("clws") {
            continue;
        }
        if path.is_dir() {
            found.extend(find_below(&path, &[value.to_owned()]));
        } else if path.is_file() {
            let bytes = std::fs::read(&path).unwrap_or_default();
            if forms(value).iter().any(|form| contains(&bytes, form)) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}
