//! Commands inside a container and beside it, what they read and print, and what a daemon tells.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use clws::docker::{
    Container, DockerError, Ended, Health, HealthCheck, Mount, OUTPUT_CAP, Port, Protocol, Traits,
    inject,
};
use clws::error::{Code, Explain as _};
use clws::secret::Plain;

use crate::docker_image::{Component, busybox, told};
use crate::lab::{Folder, STAY, answer, engine, printed, random, shell, until, words};

const ENOUGH: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_step_reads_its_input_and_variables_and_leaves_nothing() {
    let engine = engine().await;
    let component = Component::new("step");
    let (value, nonce) = (random(), random());
    let folder = Folder::new();
    folder.put("env", &format!("export TOKEN='{value}'\n"));
    let mut container = shell(
        &component,
        "(printf %s \"$TOKEN\"; cat) | sha256sum; exit 7",
    );
    container.ports = vec![Port {
        address: [127, 0, 0, 1].into(),
        host: 1,
        container: 1,
        protocol: Protocol::Tcp,
    }];
    folder.given_to(&mut container);
    let stdin = Plain::from(nonce.as_str());
    let step = async move { engine.one_off(&container, Some(&stdin), ENOUGH).await };
    let ran = tokio::spawn(step).await.unwrap().unwrap();
    assert_eq!(ran.ended, Ended::Code(7));
    assert!(
        String::from_utf8(ran.output)
            .unwrap()
            .contains(&answer(&value, &nonce))
    );
    assert_eq!(component.containers(), Vec::<String>::new());
}

#[tokio::test]
async fn a_step_that_is_overdue_is_killed_and_one_cannot_start_is_told() {
    let engine = engine().await;
    let component = Component::new("overdue");
    let mut container = shell(&component, "echo begun; sleep 1000");
    let begun = Instant::now();
    let within = Duration::from_secs(3);
    let ran = engine.one_off(&container, None, within).await.unwrap();
    assert_eq!(
        (ran.ended, ran.output.as_slice()),
        (Ended::Overdue, &b"begun\n"[..])
    );
    assert!(begun.elapsed() >= within);
    container.entrypoint = Some(words(&["/no/such/program"]));
    let error = engine.one_off(&container, None, ENOUGH).await.unwrap_err();
    assert_eq!(error.code(), Code::Remote);
    assert_eq!(component.containers(), Vec::<String>::new());
}

#[tokio::test]
async fn of_a_flood_of_output_the_end_is_kept() {
    let engine = engine().await;
    let component = Component::new("flood");
    let flood = "dd if=/dev/zero bs=1048576 count=5 2>/dev/null | tr '\\0' x; echo; echo the end";
    let ran = engine
        .one_off(&shell(&component, flood), None, ENOUGH)
        .await
        .unwrap();
    // Of the line that was cut nothing is left.
    assert_eq!((ran.output.as_slice(), ran.cut), (&b"the end\n"[..], true));

    let endless = "tr '\\0' x </dev/zero";
    let error = engine
        .one_off(&shell(&component, endless), None, ENOUGH)
        .await
        .unwrap_err();
    assert!(matches!(error, DockerError::TooMuch { .. }), "{error:?}");
    assert_eq!(component.containers(), Vec::<String>::new());

    let container = shell(&component, &format!("{flood}; {STAY}"));
    let _running = engine.replace(&container).await.unwrap();
    until("the end", async || {
        printed(&engine, &component).await.contains("the end")
    })
    .await;
    let capped = engine.logs_tail(&component.name, 100, 5000).await.unwrap();
    assert_eq!(capped, b"the end\n");
    let lines = engine.logs_tail(&component.name, 1, 5000).await.unwrap();
    assert_eq!(lines, b"the end\n");
}

#[tokio::test]
async fn a_probe_inside_reads_its_input_and_gives_its_exit_code() {
    let engine = engine().await;
    let component = Component::new("probe");
    let folder = Folder::new();
    folder.put("env", "export TOKEN='of the file'\n");
    let mut container = shell(&component, STAY);
    folder.given_to(&mut container);
    let _running = engine.replace(&container).await.unwrap();
    let name = component.name.as_str();

    let sum = words(&[
        "sh",
        "-c",
        "cat | sha256sum; echo \"has $TOKEN\" >&2; exit 5",
    ]);
    let stdin = Plain::from("input");
    let ran = engine
        .exec_probe(name, &sum, Some(&stdin), ENOUGH)
        .await
        .unwrap();
    let output = String::from_utf8(ran.output).unwrap();
    assert_eq!(ran.ended, Ended::Code(5));
    assert!(
        output.contains(&answer("input", "")) && output.contains("has \n"),
        "{output}"
    );

    let sourced = inject::with_environment("/run/clws/env", &sum);
    let ran = engine
        .exec_probe(name, &sourced, Some(&stdin), ENOUGH)
        .await
        .unwrap();
    assert!(
        String::from_utf8(ran.output)
            .unwrap()
            .contains("has of the file\n")
    );

    // More than any pipe holds goes in while it comes out.
    let much = Plain::new(b"y\n".repeat(3 << 19));
    let ran = engine
        .exec_probe(name, &words(&["cat"]), Some(&much), ENOUGH)
        .await
        .unwrap();
    assert_eq!(
        (ran.ended, ran.output.len(), ran.cut),
        (Ended::Code(0), OUTPUT_CAP - 2, true)
    );
    // And one that reads nothing of it is no failure.
    let ran = engine
        .exec_probe(name, &words(&["true"]), Some(&much), ENOUGH)
        .await
        .unwrap();
    assert_eq!(ran.ended, Ended::Code(0));

    let second = Duration::from_secs(1);
    let slow = words(&["sh", "-c", "echo waiting; sleep 5"]);
    let ran = engine.exec_probe(name, &slow, None, second).await.unwrap();
    assert_eq!(
        (ran.ended, ran.output.as_slice()),
        (Ended::Overdue, &b"waiting\n"[..])
    );

    let error = engine
        .exec_probe("clws-test-none", &slow, None, second)
        .await
        .unwrap_err();
    assert!(matches!(error, DockerError::NoContainer { .. }), "{error}");
}

#[tokio::test]
async fn a_health_check_sees_the_variables_of_the_file() {
    let engine = engine().await;
    let component = Component::new("health");
    let folder = Folder::new();
    folder.put("env", "export TOKEN='right'\n");
    let mut container = shell(&component, STAY);
    container.health = HealthCheck {
        command: Some(words(&["sh", "-c", "test \"$TOKEN\" = right"])),
        interval: Some(Duration::from_secs(1)),
        timeout: Some(Duration::from_secs(5)),
        retries: Some(1),
        ..HealthCheck::default()
    };
    folder.given_to(&mut container);
    let _running = engine.replace(&container).await.unwrap();
    let verdict = async || {
        let seen = engine.find(&component.name).await.unwrap().unwrap();
        assert_ne!(seen.health, Some(Health::Unhealthy));
        seen.health == Some(Health::Healthy)
    };
    until("the first check", verdict).await;
}

#[tokio::test]
async fn a_container_is_what_was_declared() {
    let engine = engine().await;
    let component = Component::new("declared");
    let (first, second) = (component.name.clone() + "-a", component.name.clone() + "-b");
    for network in [&first, &second, &first] {
        let made = engine.ensure_network(network, &component.name);
        made.await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let container = Container {
        networks: vec![first.clone(), second.clone()],
        mounts: vec![Mount {
            source: folder.path().to_owned(),
            target: "/data".to_owned(),
            read_only: false,
        }],
        labels: BTreeMap::from([("clws.component".to_owned(), "declared".to_owned())]),
        ports: vec![Port {
            address: [127, 0, 0, 1].into(),
            host: 0,
            container: 80,
            protocol: Protocol::Tcp,
        }],
        ..shell(&component, &format!("echo kept > /data/file; {STAY}"))
    };
    let replacement = engine.replace(&container).await.unwrap();
    engine.confirm(replacement).await.unwrap();
    let seen = engine.find(&component.name).await.unwrap().unwrap();
    assert_eq!(seen.image, engine.image(busybox()).await.unwrap().id);
    assert_eq!(seen.labels["clws.component"], "declared");
    assert!(seen.started.is_some());
    let format = "{{range $n, $_ := .NetworkSettings.Networks}}{{$n}} {{end}}{{.HostConfig.Binds}}";
    let joined = told(&["inspect", "--format", format, &component.name]);
    assert_eq!(joined.trim(), format!("{first} {second} []"));
    assert!(told(&["port", &component.name, "80"]).starts_with("127.0.0.1:"));
    until("the file", async || folder.path().join("file").exists()).await;

    // One that is stopped is in its networks, too.
    told(&["stop", "--time", "0", &component.name]);
    let of_ours = format!("label=clws.vault={}", component.name);
    let networks = || told(&["network", "ls", "--filter", &of_ours, "--quiet"]);
    let goes = || engine.remove_empty_networks(&component.name);
    goes().await.unwrap();
    assert_eq!(networks().lines().count(), 2);
    engine.stop_and_remove(&component.name, "").await.unwrap();
    assert_eq!(engine.find(&component.name).await.unwrap(), None);
    engine.remove_empty_networks("another").await.unwrap();
    assert_eq!(networks().lines().count(), 2);
    goes().await.unwrap();
    assert_eq!(networks(), "");
}

#[tokio::test]
async fn a_daemons_traits_are_those_it_tells_others() {
    let engine = engine().await;
    let traits = engine.traits().await.unwrap();
    let options = told(&["info", "--format", "{{json .SecurityOptions}}"]);
    let folder = told(&["info", "--format", "{{.DockerRootDir}}"]);
    // Where users are mapped, `UID.GID` ends the folder.
    let last = folder.trim().rsplit('/').next().unwrap();
    let mapped = last
        .split_once('.')
        .map(|(uid, gid)| (uid.parse().unwrap(), gid.parse().unwrap()));
    let expected = Traits {
        mapped_root: mapped,
        selinux: options.contains("\"name=selinux"),
    };
    assert_eq!(*traits, expected);
}

#[tokio::test]
async fn of_a_step_that_is_given_up_at_any_moment_nothing_stays() {
    let engine = engine().await;
    let component = Component::new("given-up");
    let container = shell(&component, "sleep 1000");
    // A container takes the daemon some 30 ms to make, and as long to start.
    for millis in (0..80).step_by(4) {
        let step = engine.one_off(&container, None, ENOUGH);
        let given_up = tokio::time::timeout(Duration::from_millis(millis), step).await;
        assert!(given_up.is_err());
        engine
            .end_step(&component.name, &container.whose)
            .await
            .unwrap();
        assert_eq!(component.containers(), Vec::<String>::new(), "{millis} ms");
    }
    // What the daemon still made would be there by now.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(component.containers(), Vec::<String>::new());
}
