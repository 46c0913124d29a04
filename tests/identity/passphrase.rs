//! A passphrase guards both halves, in the forms that age and OpenSSH themselves use.

use std::fs;
use std::path::Path;

use clws::error::{Code, Explain as _};
use clws::identity::{
    Bundle, IdentityError, Import, Nobody, Place, PublicFolder, SigningSource, all, create, import,
};
use clws::secret::Plain;

use crate::bundle::ssh_keygen_verifies;
use crate::lab::{Home, Person, name, on_terminal, output, real, set_mode};

const PASSPHRASE: &str = "correct horse battery";

fn found(home: &Home) -> Bundle {
    all(&home.world(), None, PublicFolder::Refuse)
        .unwrap()
        .remove(0)
}

#[test]
fn age_and_ssh_keygen_open_what_we_sealed() {
    let home = Home::new();
    let passphrase = Plain::from(PASSPHRASE);
    let made = create(&home.world(), &name("ada"), Place::Auto, Some(&passphrase)).unwrap();
    let folder = home.bundle("ada");
    assert!(made.is_under_passphrase().unwrap());

    let age = folder.join("age.txt");
    let shown = on_terminal(&["age", "-d", age.to_str().unwrap()], PASSPHRASE);
    assert!(shown.contains(made.recipient().unwrap()), "{shown}");
    assert!(shown.contains("AGE-SECRET-KEY-1"), "{shown}");
    let key = folder.join("signing_key");
    let shown = output(
        real("ssh-keygen")
            .args(["-y", "-P", PASSPHRASE, "-f"])
            .arg(&key),
        b"",
    );
    let verifying = made.verifying_key().unwrap().unwrap().to_string();
    assert!(String::from_utf8(shown).unwrap().starts_with(&verifying));
    // Nothing in the folder is in the clear.
    for file in ["age.txt", "signing_key", "where"] {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        assert!(!text.contains("SECRET-KEY-1"), "{file}");
    }

    // The public halves need no passphrase, the private ones ask once for both.
    let bundle = found(&home);
    assert_eq!(bundle.recipient(), made.recipient());
    assert_eq!(
        bundle.verifying_key().unwrap(),
        made.verifying_key().unwrap()
    );
    let person = Person::knows(PASSPHRASE);
    bundle.open_age(&person).unwrap();
    ssh_keygen_verifies(&home, &bundle.signer(&person).unwrap());
    let clear = bundle.signing_key_openssh(&person).unwrap();
    let clear = clear.with(|text| String::from_utf8(text.clone()).unwrap());
    let clear = home.write("clear", &clear, 0o600);
    output(
        real("ssh-keygen").args(["-y", "-P", "", "-f"]).arg(clear),
        b"",
    );
    assert_eq!(
        *person.asked.borrow(),
        ["~/.config/clws/identities/ada/age.txt"]
    );
}

#[test]
fn we_open_what_age_and_ssh_keygen_sealed() {
    let home = Home::new();
    let world = home.world();
    let (age, key) = (home.path("age.txt"), home.path("key"));
    let script = format!("age-keygen 2>/dev/null | age -p -a -o {}", age.display());
    on_terminal(&["sh", "-c", &script], PASSPHRASE);
    let mut make = real("ssh-keygen");
    make.args(["-q", "-t", "ed25519", "-a", "32", "-N", PASSPHRASE, "-f"]);
    output(make.arg(&key), b"");

    let from = Import {
        age: Some(Path::new("age.txt")),
        signing: Some(SigningSource::File(Path::new("key"))),
    };
    let error = import(&world, &name("ada"), from, Place::Auto, None, &Nobody).unwrap_err();
    assert_eq!(error.code(), Code::Denied);
    let error = import(
        &world,
        &name("ada"),
        from,
        Place::Keyring,
        None,
        &Person::knows(PASSPHRASE),
    );
    assert!(matches!(error, Err(IdentityError::NotForKeyring { .. })));
    let person = Person::knows(PASSPHRASE);
    let made = import(&world, &name("ada"), from, Place::Auto, None, &person).unwrap();
    // As it was, byte for byte.
    assert_eq!(
        fs::read(&age).unwrap(),
        fs::read(home.bundle("ada/age.txt")).unwrap()
    );
    assert_eq!(
        fs::read(&key).unwrap(),
        fs::read(home.bundle("ada/signing_key")).unwrap()
    );
    let sealed = output(
        real("age").args(["-r", made.recipient().unwrap()]),
        b"hello",
    );
    let bundle = found(&home);
    let identity = bundle.open_age(&person).unwrap();
    let mut opened = Vec::new();
    clws::crypto::stream::open_file(
        &mut std::io::Cursor::new(sealed),
        std::iter::once(&identity as &dyn age::Identity),
        &mut opened,
    )
    .unwrap();
    assert_eq!(opened, b"hello");
    ssh_keygen_verifies(&home, &bundle.signer(&person).unwrap());

    // The same file, named for reading: only opening shows whose it is.
    set_mode(&age, 0o600);
    let bundles = all(&world, Some(Path::new("age.txt")), PublicFolder::Refuse).unwrap();
    assert_eq!(bundles[0].recipient(), None);
    bundles[0].open_age(&person).unwrap();
}

#[test]
fn a_wrong_passphrase_is_asked_three_times_and_nobody_is_not_asked() {
    let home = Home::new();
    output(
        real("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", PASSPHRASE, "-f"])
            .arg(home.path("key")),
        b"",
    );
    let from = Import {
        age: None,
        signing: Some(SigningSource::File(Path::new("key"))),
    };
    let bundle = import(
        &home.world(),
        &name("ada"),
        from,
        Place::File,
        None,
        &Nobody,
    )
    .unwrap();
    let person = Person::knows("correct mule");
    let error = bundle.signer(&person).unwrap_err();
    assert!(
        matches!(error, IdentityError::WrongPassphrase { .. }),
        "{error}"
    );
    assert_eq!(error.code(), Code::NoKey);
    assert_eq!(
        (person.asked.borrow().len(), person.told.borrow().len()),
        (3, 3)
    );
    let error = bundle.signer(&Nobody).unwrap_err();
    assert!(
        matches!(error, IdentityError::NobodyToAsk { .. }),
        "{error}"
    );
    assert!(
        bundle.open_age(&Nobody).is_ok(),
        "the other half is in the clear"
    );
    ssh_keygen_verifies(&home, &bundle.signer(&Person::knows(PASSPHRASE)).unwrap());

    for bad in [Plain::from(""), Plain::new(vec![0xff, 0xfe])] {
        let error = create(&home.world(), &name("ben"), Place::File, Some(&bad)).unwrap_err();
        assert!(matches!(error, IdentityError::BadPassphrase), "{error}");
        assert!(!home.bundle("ben").exists());
    }
}

#[test]
fn work_that_would_take_this_machine_too_long_is_refused() {
    let home = Home::new();
    let slow = "-----BEGIN AGE ENCRYPTED FILE-----\n\
        YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCBiQmpsaEpWWVplRTRhcVVk\n\
        bXRSSGZ3IDIxClpWL0Fob3R3U0dxYVBDVTQzY2VwbDRXWVVvdUFhMTdhM3hwdTRH\n\
        MnlpNWsKLS0tIGZnTWlWTEpITWxnOWZXN0NWRy9oUFM1RUFVNFplZzE5THlDUDdT\n\
        b0g1bkEKMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n\
        -----END AGE ENCRYPTED FILE-----\n";
    home.write("slow.txt", slow, 0o600);
    let bundles = all(
        &home.world(),
        Some(Path::new("slow.txt")),
        PublicFolder::Refuse,
    )
    .unwrap();
    let error = bundles[0]
        .open_age(&Person::knows("x"))
        .map(|_| ())
        .unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("2^21") && message.contains("2^20"),
        "{message}"
    );
    assert_eq!(error.code(), Code::DataErr);
}
