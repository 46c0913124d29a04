//! A container reads its secrets, and nobody who asks the daemon does.

use std::process::Command;

use base64::Engine as _;
use clws::docker::{Container, DockerError, FileMount, Restart, State, Visible};
use clws::error::{Code, Explain as _};

use crate::docker_image::{Component, busybox, client, told, without_shell};
use crate::lab::{Folder, STAY, answer, engine, hex, printed, random, shell, until, words};

/// Where a value could show, each by name with what stands there.
fn places(container: &str, image: &str) -> Vec<(&'static str, String)> {
    let ps = Command::new("ps")
        .args(["-ef"])
        .output()
        .expect("ps: run .ci/install");
    let id = told(&["inspect", "--format", "{{.Id}}", container]);
    let mut places = vec![
        ("docker inspect", told(&["inspect", container])),
        ("docker logs", told(&["logs", container])),
        ("docker ps", told(&["ps", "--all", "--no-trunc"])),
        ("docker top", told(&["top", container])),
        ("ps -ef", String::from_utf8_lossy(&ps.stdout).into_owned()),
        ("docker image inspect", told(&["image", "inspect", image])),
        ("docker history", told(&["history", "--no-trunc", image])),
    ];
    // The daemon's own files, where this user may read them.
    let root = told(&["info", "--format", "{{.DockerRootDir}}"]);
    let (root, id) = (root.trim(), id.trim());
    let task = format!("io.containerd.runtime.v2.task/moby/{id}");
    // What is told as a variable stays in this one even after its container was removed.
    let database = "io.containerd.metadata.v1.bolt";
    for (name, folder) in [
        ("the daemon's files", format!("{root}/containers/{id}")),
        (
            "the runtime's files",
            format!("/run/docker/containerd/daemon/{task}"),
        ),
        ("the runtime's files", format!("/run/containerd/{task}")),
        (
            "containerd's database",
            format!("{root}/containerd/daemon/{database}"),
        ),
        (
            "containerd's database",
            format!("/var/lib/containerd/{database}"),
        ),
    ] {
        places.extend(contents(&folder).map(|text| (name, text)));
    }
    places
}

/// What stands in all files of a folder; not in its pipes, where a reader waits for a writer.
fn contents(folder: &str) -> Option<String> {
    let files = std::fs::read_dir(folder)
        .ok()?
        .map(|entry| entry.unwrap().path());
    let read =
        |path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
    Some(files.filter(|path| path.is_file()).map(read).collect())
}

/// The names of the places that show a value, in the clear or in a usual other form.
fn showing(value: &str, places: &[(&'static str, String)]) -> Vec<&'static str> {
    let base64 = base64::engine::general_purpose::STANDARD_NO_PAD.encode(value);
    let forms = [value.to_owned(), base64, hex(value.as_bytes())];
    let shows = |text: &str| forms.iter().any(|form| text.contains(form));
    places
        .iter()
        .filter(|(_, text)| shows(text))
        .map(|(name, _)| *name)
        .collect()
}

#[tokio::test]
async fn a_container_reads_its_files_and_variables_and_no_place_shows_them() {
    let engine = engine().await;
    let component = Component::new("reads");
    let (in_file, in_config, in_variable) = (random(), random(), random());
    let nonce = random();
    let folder = Folder::new();
    folder.put("token", &in_file);
    let config = folder.put("config", &in_config);
    folder.put(
        "env",
        &format!("export TOKEN='{in_variable}'\nexport ODD='a b'\\''c'\n"),
    );

    let mut container = shell(
        &component,
        "cat /run/clws/token - </dev/null >/tmp/f; printf %s $NONCE >>/tmp/f; sha256sum </tmp/f
         (cat /etc/app/config; printf %s $NONCE) | sha256sum
         printf %s \"$TOKEN$NONCE\" | sha256sum
         printf '%s\\n' \"$ODD\"; grep -c ' /run/clws [a-z]* ro,' /proc/mounts
         touch /run/clws/token || echo no; trap 'exit 0' TERM; sleep 1000 & wait",
    );
    folder.given_to(&mut container);
    container
        .environment
        .insert("NONCE".to_owned(), Visible(nonce.clone()));
    container.files.push(FileMount {
        source: config,
        target: "/etc/app/config".to_owned(),
    });
    let replacement = engine.replace(&container).await.unwrap();
    until("all answers", async || {
        printed(&engine, &component).await.contains("no\n")
    })
    .await;

    let shown = printed(&engine, &component).await;
    for value in [&in_file, &in_config, &in_variable] {
        assert!(shown.contains(&answer(value, &nonce)), "{shown}");
    }
    assert!(shown.contains("a b'c\n1\n"), "{shown}");
    let places = places(&component.name, busybox());
    for value in [&in_file, &in_config, &in_variable] {
        assert_eq!(showing(value, &places), Vec::<&str>::new());
    }
    engine.confirm(replacement).await.unwrap();
    engine.stop_and_remove(&component.name, "").await.unwrap();
    assert_eq!(component.containers(), Vec::<String>::new());
}

struct Planted(String);

impl Drop for Planted {
    fn drop(&mut self) {
        let _gone = client(&["rmi", "--force", &self.0]);
    }
}

/// The test above proves something only if its eyes are open.
#[tokio::test]
async fn the_watcher_finds_a_value_that_is_planted_in_each_place() {
    let engine = engine().await;
    let component = Component::new("planted");
    let value = random();
    let image = format!("clws-test/planted:{}", std::process::id());
    let label = format!("LABEL planted={value}");
    // It is removed with the component's other containers, whatever happens.
    let from = format!("{}.clws-step", component.name);
    told(&["create", "--name", &from, busybox()]);
    let _planted = Planted(image.clone());
    told(&[
        "commit",
        "--message",
        &value,
        "--change",
        &label,
        &from,
        &image,
    ]);
    let mut container = shell(
        &component,
        "trap 'exit 0' TERM; echo \"$TOKEN\"; sleep 1000 & wait; : \"$0\"",
    );
    container.command.as_mut().unwrap().push(value.clone());
    container.image.clone_from(&image);
    container
        .environment
        .insert("TOKEN".to_owned(), Visible(value.clone()));
    container.labels.insert("token".to_owned(), value.clone());
    let replacement = engine.replace(&container).await.unwrap();
    until("an output", async || {
        !printed(&engine, &component).await.is_empty()
    })
    .await;

    let places = places(&component.name, &image);
    let found = showing(&value, &places);
    engine.put_back(replacement).await.unwrap();
    let all: Vec<&str> = places.iter().map(|(name, _)| *name).collect();
    // Root may look into the daemon's own files too, and then must have.
    assert!(
        all.len()
            >= if rustix::process::geteuid().is_root() {
                8
            } else {
                7
            }
    );
    assert_eq!(found, all);
}

#[tokio::test]
async fn a_missing_folder_fails_the_start_at_first_and_after_a_reboot() {
    let engine = engine().await;
    let component = Component::new("folderless");
    let mut container = shell(&component, STAY);
    container.restart = Restart::OnFailure(3);
    Folder::new().given_to(&mut container);
    let error = engine.replace(&container).await.unwrap_err();
    assert!(error.to_string().contains("does not exist"), "{error}");
    assert_eq!(component.containers(), Vec::<String>::new());

    // A reboot empties the memory-backed folder under a container that is there already.
    let folder = Folder::new();
    folder.given_to(&mut container);
    let replacement = engine.replace(&container).await.unwrap();
    engine.confirm(replacement).await.unwrap();
    told(&["kill", &component.name]);
    let path = folder.path().to_owned();
    drop(folder);
    assert!(!client(&["start", &component.name]).status.success());
    assert!(!path.exists(), "the daemon made the folder anew");
    let seen = engine.find(&component.name).await.unwrap().unwrap();
    assert!(!seen.is_up());
}

#[tokio::test]
async fn a_program_never_runs_without_its_variables() {
    let engine = engine().await;
    let component = Component::new("unreadable");
    let folder = Folder::new();
    folder.put("env", "export TOKEN='x'\n");
    let mut container = shell(&component, &format!("echo started; {STAY}"));
    folder.given_to(&mut container);
    std::fs::remove_file(folder.path().join("env")).unwrap();
    let replacement = engine.replace(&container).await.unwrap();
    let ended = async || {
        let seen = engine.find(&component.name).await.unwrap().unwrap();
        matches!(seen.state, State::Exited(code) if code != 0)
    };
    until("the end of the container", ended).await;
    assert!(!printed(&engine, &component).await.contains("started"));
    engine.put_back(replacement).await.unwrap();
}

#[tokio::test]
async fn an_image_without_a_shell_takes_files_and_is_refused_variables() {
    let engine = engine().await;
    let component = Component::new("shell-less");
    let folder = Folder::new();
    folder.put("token", "seen by cat");
    let mut container = Container {
        name: component.name.clone(),
        image: without_shell().to_owned(),
        entrypoint: Some(words(&["/bin/cat"])),
        command: Some(words(&["/run/clws/token"])),
        ..Container::default()
    };
    folder.given_to(&mut container);
    let replacement = engine.replace(&container).await.unwrap();
    until("its output", async || {
        printed(&engine, &component).await == "seen by cat"
    })
    .await;
    engine.put_back(replacement).await.unwrap();

    folder.put("env", "export TOKEN='x'\n");
    folder.given_to(&mut container);
    let error = engine.replace(&container).await.unwrap_err();
    assert!(matches!(error, DockerError::NoShell { .. }), "{error}");
    assert_eq!(error.code(), Code::Config);
    assert_eq!(component.containers(), Vec::<String>::new());
}

#[tokio::test]
async fn a_missing_image_is_named_with_the_way_to_get_it() {
    let engine = engine().await;
    let error = engine.image("clws-test/nowhere:1").await.unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
    assert!(error.hints()[0].contains("docker pull clws-test/nowhere:1"));
}
