//! A new container takes the place of an old one, or the old one comes back, wherever a run stops.

use std::time::{Duration, Instant};

use clws::docker::{Clocks, Container, DockerError, Engine, Restart, State};
use clws::error::{Code, Explain as _};

use crate::docker_image::{Component, told};
use crate::lab::{Folder, STAY, engine, printed, shell, until};

/// A component whose first container runs and is confirmed, and the declaration of its second.
async fn running(engine: &Engine, word: &str) -> (Component, String, Container) {
    let component = Component::new(word);
    let first = shell(&component, &format!("echo first; {STAY}"));
    let replacement = engine.replace(&first).await.unwrap();
    let old = replacement.new_id().to_owned();
    engine.confirm(replacement).await.unwrap();
    let second = shell(&component, &format!("echo second; {STAY}"));
    (component, old, second)
}

/// Asserts that exactly this container is there, under the component's name, running.
async fn only(engine: &Engine, component: &Component, id: &str) {
    assert_eq!(component.containers(), ["NAME"]);
    let seen = engine.find(&component.name).await.unwrap().unwrap();
    assert_eq!((seen.id.as_str(), seen.state), (id, State::Running));
}

#[tokio::test]
async fn a_confirmed_replacement_leaves_the_new_container_alone() {
    let engine = engine().await;
    let (component, old, second) = running(&engine, "confirm").await;
    let replacement = engine.replace(&second).await.unwrap();
    assert_eq!(replacement.old_id(), Some(old.as_str()));
    assert_eq!(component.containers(), ["NAME", "NAME.clws-old"]);
    let new = replacement.new_id().to_owned();
    engine.confirm(replacement).await.unwrap();
    only(&engine, &component, &new).await;
    engine.recover(&component.name, "").await.unwrap();
    only(&engine, &component, &new).await;
}

#[tokio::test]
async fn a_failing_one_is_put_back_and_the_old_has_its_old_secrets() {
    let engine = engine().await;
    let component = Component::new("fails");
    let (old_folder, new_folder) = (Folder::new(), Folder::new());
    old_folder.put("env", "export TOKEN='old'\n");
    new_folder.put("env", "export TOKEN='new'\n");
    let mut first = shell(&component, &format!("echo \"has $TOKEN\"; {STAY}"));
    old_folder.given_to(&mut first);
    let replacement = engine.replace(&first).await.unwrap();
    let old = replacement.new_id().to_owned();
    engine.confirm(replacement).await.unwrap();

    let mut second = shell(&component, "echo \"cannot log in with $TOKEN\"; exit 3");
    second.restart = Restart::OnFailure(2);
    new_folder.given_to(&mut second);
    let replacement = engine.replace(&second).await.unwrap();
    let given_up = async || {
        let seen = engine.find(&component.name).await.unwrap().unwrap();
        seen.state == State::Exited(3) && seen.restarts == 2
    };
    until("the end of its tries", given_up).await;
    assert!(
        printed(&engine, &component)
            .await
            .contains("cannot log in with new")
    );
    engine.put_back(replacement).await.unwrap();
    only(&engine, &component, &old).await;
    let again = async || printed(&engine, &component).await == "has old\nbye\nhas old\n";
    until("the old one's second start", again).await;
}

#[tokio::test]
async fn one_that_does_not_start_leaves_the_old_running() {
    let engine = engine().await;
    let (component, old, mut second) = running(&engine, "no-start").await;
    second.entrypoint = Some(vec!["/no/such/program".to_owned()]);
    let error = engine.replace(&second).await.unwrap_err();
    assert!(matches!(error, DockerError::Refused { .. }), "{error}");
    assert_eq!(error.code(), Code::Remote);
    assert!(error.to_string().contains("/no/such/program"), "{error}");
    only(&engine, &component, &old).await;
}

#[tokio::test]
async fn a_crash_after_any_step_is_undone_by_the_next_run() {
    let engine = engine().await;
    let (component, old, second) = running(&engine, "crash").await;
    let name = component.name.as_str();
    let (new_name, old_name) = (format!("{name}.clws-new"), format!("{name}.clws-old"));

    let _left = engine.create_beside(&second).await.unwrap();
    assert_eq!(component.containers(), ["NAME", "NAME.clws-new"]);
    engine.recover(name, "").await.unwrap();
    only(&engine, &component, &old).await;

    // Half of step 2: stopped, not yet renamed.
    let _left = engine.create_beside(&second).await.unwrap();
    told(&["stop", "--time", "1", name]);
    engine.recover(name, "").await.unwrap();
    only(&engine, &component, &old).await;

    let left = engine.create_beside(&second).await.unwrap();
    engine.step_aside(&left).await.unwrap();
    assert_eq!(component.containers(), ["NAME.clws-new", "NAME.clws-old"]);
    engine.recover(name, "").await.unwrap();
    only(&engine, &component, &old).await;

    // Half of step 3: renamed, not yet started.
    let left = engine.create_beside(&second).await.unwrap();
    engine.step_aside(&left).await.unwrap();
    told(&["rename", &new_name, name]);
    engine.recover(name, "").await.unwrap();
    only(&engine, &component, &old).await;

    let _left = engine.replace(&second).await.unwrap();
    engine.recover(name, "").await.unwrap();
    only(&engine, &component, &old).await;

    // In the midst of putting back: the names are given back, the old one is not started.
    let _left = engine.replace(&second).await.unwrap();
    told(&["stop", "--time", "1", name]);
    told(&["rename", name, &new_name]);
    told(&["rename", &old_name, name]);
    engine.recover(name, "").await.unwrap();
    only(&engine, &component, &old).await;

    // The next deploy needs no `recover` of its own.
    let left = engine.create_beside(&second).await.unwrap();
    engine.step_aside(&left).await.unwrap();
    let replacement = engine.replace(&second).await.unwrap();
    assert_eq!(replacement.old_id(), Some(old.as_str()));
    let new = replacement.new_id().to_owned();
    engine.confirm(replacement).await.unwrap();
    only(&engine, &component, &new).await;
}

#[tokio::test]
async fn a_first_deploy_that_dies_leaves_nothing() {
    let engine = engine().await;
    let component = Component::new("first");
    let container = shell(&component, STAY);
    let _left = engine.create_beside(&container).await.unwrap();
    engine.recover(&component.name, "").await.unwrap();
    assert_eq!(component.containers(), Vec::<String>::new());
    // Hosts are deployed side by side, each in a task of its own.
    let task = async move {
        let replacement = engine.replace(&container).await.unwrap();
        engine.put_back(replacement).await.unwrap();
    };
    tokio::spawn(task).await.unwrap();
    assert_eq!(component.containers(), Vec::<String>::new());
}

#[tokio::test]
async fn an_old_one_that_was_stopped_stays_stopped_and_one_without_its_folder_holds_nobody_up() {
    let engine = engine().await;
    let component = Component::new("stopped");
    let folder = Folder::new();
    let mut first = shell(&component, STAY);
    folder.given_to(&mut first);
    let replacement = engine.replace(&first).await.unwrap();
    engine.confirm(replacement).await.unwrap();
    told(&["kill", &component.name]);
    let second = shell(&component, STAY);
    let replacement = engine.replace(&second).await.unwrap();
    engine.put_back(replacement).await.unwrap();
    let seen = engine.find(&component.name).await.unwrap().unwrap();
    assert!(!seen.is_up());

    // It ran, and the machine was started again in the midst of a replacement.
    told(&["start", &component.name]);
    let left = engine.create_beside(&second).await.unwrap();
    engine.step_aside(&left).await.unwrap();
    drop(folder);
    let replacement = engine.replace(&second).await.unwrap();
    let new = replacement.new_id().to_owned();
    engine.confirm(replacement).await.unwrap();
    only(&engine, &component, &new).await;
}

#[tokio::test]
async fn containers_that_do_not_belong_together_are_left_alone() {
    let engine = engine().await;
    let (component, old, _) = running(&engine, "tangled").await;
    let strange = format!("{}.clws-old", component.name);
    told(&["create", "--name", &strange, crate::docker_image::busybox()]);
    let error = engine.recover(&component.name, "").await.unwrap_err();
    assert_eq!(error.code(), Code::Conflict);
    assert_eq!(component.containers(), ["NAME", "NAME.clws-old"]);
    let seen = engine.find(&component.name).await.unwrap().unwrap();
    assert_eq!((seen.id, seen.state), (old, State::Running));
}

#[tokio::test]
async fn one_that_does_not_listen_is_killed_after_its_grace() {
    crate::docker_image::needs_daemon();
    let clocks = Clocks {
        grace: Duration::from_secs(2),
        ..Clocks::default()
    };
    let open = || tokio::net::UnixStream::connect("/var/run/docker.sock");
    let engine = Engine::over("docker", clocks, open).await.unwrap();
    let component = Component::new("deaf");
    // The first process of a container that handles no TERM does not get it. Before that process
    // runs, something of the daemon's stands in its place, and ends.
    let container = shell(&component, "echo deaf; exec sleep 1000");
    let replacement = engine.replace(&container).await.unwrap();
    engine.confirm(replacement).await.unwrap();
    let is_deaf = async || printed(&engine, &component).await.contains("deaf");
    until("the start of its own process", is_deaf).await;
    let begun = Instant::now();
    engine.stop_and_remove(&component.name, "").await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(2));
    assert_eq!(component.containers(), Vec::<String>::new());
}
