//! An image that is missing is fetched from a real registry, with a login that is for this one pull:
//! it is in no file of either end afterwards.

use std::path::Path;

use crate::a_container_gets_its_secrets_and_nobody_else_sees_them::Harbour;
use crate::site::{hook, opened, rows};
use crate::support::docker_image::{client, told};
use crate::support::lab::{contains, find_below, forms};
use crate::support::registry::{Registry, USER, is_known_to_the_client};

/// A password whose form in the header differs between base64's two alphabets.
fn password() -> String {
    format!("~~~???>>>{}???~~~", crate::site::random())
}

fn serves(harbour: &Harbour, image: &str, way: &str) {
    let name = &harbour.container.name;
    let text = format!(
        "runs_on = {{ machine_type = \"server\" }}\n[container]\nname = \"{name}\"\n\
         image = \"{image}\"\ncommand = [\"sleep\", \"1000\"]\ninit = true\n{way}\n"
    );
    hook(&harbour.lab, "web", &text, &[]);
}

fn login(registry: &Registry) -> String {
    format!(
        "registry = {{ server = \"{}\", username = \"{USER}\", password = {{ secret = \"pull/PASSWORD\" }} }}",
        registry.name
    )
}

#[test]
fn a_missing_image_is_pulled_with_a_password_that_nothing_keeps() {
    let harbour = Harbour::new("pulled");
    let password = password();
    let registry = Registry::start(&password);
    let (image, _) = registry.has("shop/web:1");
    crate::site::set(&harbour.lab, "prod/pull/PASSWORD", &password);

    // Nothing is pulled unless the hook says so, and this registry asks who it is.
    serves(&harbour, &image, "");
    let ran = harbour.deploy().exits(18);
    assert!(ran.err.contains("there is no image"), "{}", ran.err);
    serves(&harbour, &image, "pull = true");
    let ran = harbour.deploy().exits(22);
    assert!(ran.err.contains("pull the image"), "{}", ran.err);
    assert!(ran.err.contains("no basic auth credentials"), "{}", ran.err);

    serves(&harbour, &image, &login(&registry));
    let ran = harbour.deploy().succeeds();
    assert_eq!(rows(&ran), ["web started"]);
    // It was opened for this, and is not opened again.
    assert_eq!(opened(&harbour.lab), 1);
    assert!(
        ran.err.contains(&format!("| pulling {image}")),
        "{}",
        ran.err
    );
    let format = "{{.Image}}";
    let runs = told(&["inspect", "--format", format, &harbour.container.name]);
    let id = told(&["image", "inspect", "--format", "{{.Id}}", &image]);
    assert_eq!(runs, id);
    assert_eq!(rows(&harbour.deploy().succeeds()), ["web unchanged"]);

    // Another password for the pull is nothing new for what runs.
    crate::site::set(
        &harbour.lab,
        "prod/pull/PASSWORD",
        "another-one-than-before",
    );
    assert_eq!(rows(&harbour.deploy().succeeds()), ["web unchanged"]);
    assert_eq!(opened(&harbour.lab), 1);

    let shown = told(&["inspect", &harbour.container.name, &image]);
    let events = told(&["events", "--since", "10m", "--until", "0s"]);
    for form in forms(&password) {
        for text in [&ran.err, &ran.text(), &shown, &events, &registry.log()] {
            assert!(!contains(text.as_bytes(), &form));
        }
    }
    for place in [
        "/var/lib/docker/image",
        "/run/docker",
        "/root/.docker",
        "/var/lib/clws",
    ] {
        let found = find_below(Path::new(place), std::slice::from_ref(&password));
        assert_eq!(found, Vec::<String>::new());
    }
    assert!(!is_known_to_the_client(Path::new("/root"), &registry.name));
    // The daemon did not keep it either.
    told(&["rm", "--force", &harbour.container.name]);
    told(&["rmi", "--force", &image]);
    assert!(!client(&["pull", &image]).status.success());
}

#[test]
fn a_digest_pins_what_a_container_is_made_of_and_a_wrong_password_says_so() {
    let harbour = Harbour::new("digest");
    let password = password();
    let registry = Registry::start(&password);
    let (image, digest) = registry.has("shop/web:1");
    crate::site::set(&harbour.lab, "prod/pull/PASSWORD", "not-this-one-at-all");
    let pinned = format!("{}@{digest}", image.trim_end_matches(":1"));

    serves(&harbour, &pinned, &login(&registry));
    let ran = harbour.deploy().exits(22);
    assert!(ran.err.contains("pull the image"), "{}", ran.err);
    assert!(!ran.err.contains("not-this-one-at-all"), "{}", ran.err);

    crate::site::set(&harbour.lab, "prod/pull/PASSWORD", &password);
    assert_eq!(rows(&harbour.deploy().succeeds()), ["web started"]);
    let other = pinned.replace(&digest[7..11], "0000");
    serves(&harbour, &other, &login(&registry));
    let ran = harbour.deploy().exits(22);
    assert!(ran.err.contains("pull the image"), "{}", ran.err);
    // It goes on with what it was.
    assert_eq!(harbour.container.containers(), ["NAME"]);
    told(&["rm", "--force", &harbour.container.name]);
    told(&["rmi", &pinned]);
}
