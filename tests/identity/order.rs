//! Which identities are tried: a flag, a variable, the configuration, then all of the folder.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use clws::error::{Code, Explain as _};
use clws::identity::{
    Bundle, Config, IdentityError, Nobody, Place, PublicFolder, all, create, list,
};
use clws::world::World;

use crate::lab::{Home, name, output, real, set_mode};

fn names(bundles: &[Bundle]) -> Vec<&str> {
    bundles
        .iter()
        .map(|bundle| bundle.name().unwrap().as_str())
        .collect()
}

fn tried(world: &World, choice: Option<&str>) -> Result<Vec<Bundle>, IdentityError> {
    all(world, choice.map(Path::new), PublicFolder::Refuse)
}

#[test]
fn whoever_names_an_identity_means_that_one() {
    let home = Home::new();
    for each in ["grace", "ada", "ben"] {
        create(&home.world(), &name(each), Place::File, None).unwrap();
    }
    // Neither hidden entries nor others are taken for identities.
    home.write(".config/clws/identities/README", "x", 0o644);
    fs::create_dir(home.bundle(".git")).unwrap();
    fs::create_dir(home.bundle("empty")).unwrap();
    assert_eq!(
        names(&tried(&home.world(), None).unwrap()),
        ["ada", "ben", "grace"]
    );
    let listed = list(&home.world()).unwrap();
    assert_eq!(listed.len(), 4);
    assert!(matches!(listed[2].bundle, Err(IdentityError::Empty { .. })));

    home.write(".config/clws/config.toml", "identity = \"ben\"\n", 0o644);
    assert_eq!(names(&tried(&home.world(), None).unwrap()), ["ben"]);
    let variable = home.with("CLWS_IDENTITY", ".config/clws/identities/grace");
    assert_eq!(names(&tried(&variable.world(), None).unwrap()), ["grace"]);
    let flag = Some(".config/clws/identities/ada");
    assert_eq!(names(&tried(&variable.world(), flag).unwrap()), ["ada"]);

    let error = tried(&variable.world(), Some("nowhere")).unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
    assert_eq!(error.notes(), ["it was named by --identity"]);
    let error = tried(&variable.world(), Some(".config/clws/identities/empty")).unwrap_err();
    assert!(matches!(error, IdentityError::Empty { .. }), "{error}");
    variable.write(".config/clws/config.toml", "identity = \"bem\"\n", 0o644);
    let world = Home::new()
        .with("CLWS_CONFIG_DIR", variable.path(".config/clws"))
        .world();
    let error = tried(&world, None).unwrap_err();
    assert_eq!(error.hints(), ["is `ben` meant?"]);
    assert_eq!(error.notes(), ["you have ada, ben, empty and grace"]);
}

#[test]
fn a_single_age_identity_file_reads_and_does_not_sign() {
    let home = Home::new();
    let key = || String::from_utf8(output(&mut real("age-keygen"), b"")).unwrap();
    let (one, two) = (key(), key());
    home.write("ci.txt", &one, 0o600);
    let bundles = tried(&home.world(), Some("ci.txt")).unwrap();
    assert_eq!(bundles[0].label(), "~/ci.txt");
    assert!(one.contains(bundles[0].recipient().unwrap()));
    bundles[0].open_age(&Nobody).unwrap();
    assert!(bundles[0].verifying_key().unwrap().is_none());
    let error = bundles[0].signer(&Nobody).unwrap_err();
    assert!(
        matches!(error, IdentityError::NoSigningKey { .. }),
        "{error}"
    );

    // Several in one file are several to try.
    home.write("two.txt", &format!("{one}{two}"), 0o600);
    let bundles = tried(&home.world(), Some("two.txt")).unwrap();
    assert_eq!(bundles.len(), 2);
    assert!(two.contains(bundles[1].recipient().unwrap()));
    bundles[1].open_age(&Nobody).unwrap();

    // A link is followed, for the person named it; what it leads to is still guarded.
    symlink(home.path("ci.txt"), home.path("link.txt")).unwrap();
    assert_eq!(tried(&home.world(), Some("link.txt")).unwrap().len(), 1);
    set_mode(&home.path("ci.txt"), 0o644);
    assert_eq!(
        tried(&home.world(), Some("link.txt")).unwrap_err().code(),
        Code::Config
    );

    for odd in ["", "# nothing\n", "hunter2\n", "AGE-SECRET-KEY-1XYZ\n"] {
        home.write("odd.txt", odd, 0o600);
        let error = tried(&home.world(), Some("odd.txt")).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

#[test]
fn an_identity_can_come_through_a_pipe() {
    let home = Home::new();
    let text = output(&mut real("age-keygen"), b"");
    let pipe = home.path("pipe");
    output(real("mkfifo").arg("-m600").arg(&pipe), b"");
    let writer = std::thread::spawn({
        let (pipe, text) = (pipe.clone(), text.clone());
        move || fs::write(pipe, text).unwrap()
    });
    let bundles = tried(&home.world(), Some("pipe")).unwrap();
    writer.join().unwrap();
    assert!(
        String::from_utf8(text)
            .unwrap()
            .contains(bundles[0].recipient().unwrap())
    );
    // The pipe is empty now, and the identity opens all the same.
    bundles[0].open_age(&Nobody).unwrap();
    bundles[0].open_age(&Nobody).unwrap();
}

#[test]
fn a_configuration_that_others_may_write_is_refused() {
    let home = Home::new();
    let path = home.write(
        ".config/clws/config.toml",
        "[age]\nplugins = [\"toy\"]\n",
        0o664,
    );
    let error = Config::read(&home.world()).unwrap_err();
    assert_eq!(error.hints(), [format!("chmod go-w {}", path.display())]);
    output(real("sh").args(["-c", &error.hints()[0]]), b"");
    assert_eq!(Config::read(&home.world()).unwrap().plugins.len(), 1);
}

#[test]
fn without_a_home_folder_an_identity_can_still_be_named() {
    let home = Home::new();
    let text = String::from_utf8(output(&mut real("age-keygen"), b"")).unwrap();
    let file = home.write("ci.txt", &text, 0o600);
    let clock = clws::world::Clock::System;
    let world = World::new(clock, [], "/".into());
    assert_eq!(tried(&world, file.to_str()).unwrap().len(), 1);
    assert_eq!(tried(&world, None).unwrap_err().code(), Code::Config);
}
