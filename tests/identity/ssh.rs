//! An OpenSSH key opens what was sealed to it, as it does for the real `age`.

use std::fs;
use std::path::Path;

use clws::crypto::stream;
use clws::identity::{
    Ask, Bundle, IdentityError, Import, Nobody, Place, PublicFolder, all, create, import,
};
use clws::recipients::RecipientKey;
use clws::secret::Plain;

use crate::lab::{Home, Person, name, on_terminal, output, real, run, set_mode};

const PASSPHRASE: &str = "correct horse battery";

/// An SSH key of `ssh-keygen`; gives its public half, as the `.pub` file has it.
fn keygen(home: &Home, file: &str, kind: &str, passphrase: &str) -> String {
    let mut make = real("ssh-keygen");
    make.args([
        "-q",
        "-t",
        kind,
        "-a",
        "32",
        "-C",
        "ada@laptop",
        "-N",
        passphrase,
        "-f",
    ]);
    output(make.arg(home.path(file)), b"");
    fs::read_to_string(home.path(&format!("{file}.pub"))).unwrap()
}

fn opened(bundle: &Bundle, ask: &dyn Ask, sealed: &[u8]) -> Vec<u8> {
    let identity = bundle.open_age(ask).unwrap();
    let mut out = Vec::new();
    let identities = std::iter::once(&identity as &dyn age::Identity);
    stream::open_file(&mut std::io::Cursor::new(sealed), identities, &mut out).unwrap();
    out
}

fn sealed(public: &str, plain: &[u8]) -> Vec<u8> {
    let recipient = RecipientKey::parse(public)
        .unwrap()
        .native()
        .unwrap()
        .unwrap();
    let mut sealed = Vec::new();
    stream::seal_file(std::iter::once(recipient.age()), plain, &mut sealed).unwrap();
    sealed
}

#[test]
fn age_opens_what_we_sealed_to_an_ssh_key_and_we_open_its_own() {
    let home = Home::new();
    let public = keygen(&home, "key", "ed25519", "");
    let key = home.path("key");

    let ours = sealed(&public, b"from clws");
    let mut age = real("age");
    assert_eq!(
        output(age.args(["-d", "-i"]).arg(&key), &ours),
        b"from clws"
    );

    let theirs = output(real("age").args(["-r", public.trim()]), b"from age");
    let named = all(&home.world(), Some(Path::new("key")), PublicFolder::Refuse).unwrap();
    assert_eq!(opened(&named[0], &Nobody, &theirs), b"from age");
    // Its public half is known without a comment.
    assert!(public.starts_with(named[0].recipient().unwrap()));
    // What was sealed to another key stays closed.
    let other = sealed(&keygen(&home, "other", "ed25519", ""), b"for another");
    let identity = named[0].open_age(&Nobody).unwrap();
    let identities = std::iter::once(&identity as &dyn age::Identity);
    let refused = stream::verify_file(&mut std::io::Cursor::new(other), identities);
    assert!(matches!(refused, Err(stream::StreamError::NoIdentity)));
}

#[test]
fn a_key_under_a_passphrase_asks_for_it_once() {
    let home = Home::new();
    let public = keygen(&home, "key", "ed25519", PASSPHRASE);
    let key = home.path("key");
    let (file, key_path) = (home.path("sealed"), key.to_str().unwrap());
    fs::write(&file, sealed(&public, b"from clws")).unwrap();
    let shown = on_terminal(
        &["age", "-d", "-i", key_path, file.to_str().unwrap()],
        PASSPHRASE,
    );
    assert!(shown.contains("from clws"), "{shown}");

    let theirs = output(real("age").args(["-r", public.trim()]), b"from age");
    let named = all(&home.world(), Some(Path::new("key")), PublicFolder::Refuse).unwrap();
    assert!(public.starts_with(named[0].recipient().unwrap()));
    assert!(named[0].is_under_passphrase().unwrap());
    let person = Person::knows(PASSPHRASE);
    assert_eq!(opened(&named[0], &person, &theirs), b"from age");
    assert_eq!(opened(&named[0], &person, &theirs), b"from age");
    assert_eq!(person.asked.borrow().len(), 1);
    let again = all(&home.world(), Some(Path::new("key")), PublicFolder::Refuse).unwrap();
    let other = Person::knows("correct mule");
    let wrong = again[0].open_age(&other).map(|_| ());
    assert!(matches!(wrong, Err(IdentityError::WrongPassphrase { .. })));
}

#[test]
fn an_ssh_key_is_the_age_half_of_an_identity() {
    let home = Home::new();
    let world = home.world();
    let public = keygen(&home, "key", "ed25519", "");
    let from = Import {
        age: Some(Path::new("key")),
        signing: None,
    };
    let in_keyring = import(&world, &name("ada"), from, Place::Keyring, None, &Nobody);
    assert!(matches!(
        in_keyring,
        Err(IdentityError::NotForKeyring { .. })
    ));
    let ada = import(&world, &name("ada"), from, Place::Auto, None, &Nobody).unwrap();
    assert!(public.starts_with(ada.recipient().unwrap()));
    let theirs = output(real("age").args(["-r", public.trim()]), b"from age");
    assert_eq!(opened(&ada, &Nobody, &theirs), b"from age");

    // Under a passphrase it stays an OpenSSH key, and its public half is known without one.
    let passphrase = Plain::from(PASSPHRASE);
    import(
        &world,
        &name("ben"),
        from,
        Place::Auto,
        Some(&passphrase),
        &Nobody,
    )
    .unwrap();
    let text = fs::read_to_string(home.bundle("ben/age.txt")).unwrap();
    assert!(text.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----"));
    let ben = all(
        &world,
        Some(Path::new(".config/clws/identities/ben")),
        PublicFolder::Refuse,
    );
    let ben = ben.unwrap().remove(0);
    assert_eq!(ben.recipient(), ada.recipient());
    assert!(ben.is_under_passphrase().unwrap());
    assert_eq!(
        opened(&ben, &Person::knows(PASSPHRASE), &theirs),
        b"from age"
    );

    // A half beside the public key of another one is refused.
    create(&world, &name("eve"), Place::File, None).unwrap();
    fs::copy(home.bundle("ben/where"), home.bundle("eve/where")).unwrap();
    keygen(&home, "other", "ed25519", "");
    fs::copy(home.path("other"), home.bundle("eve/age.txt")).unwrap();
    set_mode(&home.bundle("eve/age.txt"), 0o600);
    let eve = all(
        &world,
        Some(Path::new(".config/clws/identities/eve")),
        PublicFolder::Refuse,
    );
    let mixed = eve.unwrap()[0].open_age(&Nobody).map(|_| ());
    assert!(
        matches!(mixed, Err(IdentityError::Mismatch { .. })),
        "{mixed:?}"
    );
}

#[test]
fn keys_of_other_kinds_are_refused_with_the_way_out() {
    let home = Home::new();
    for (kind, named) in [("rsa", "ssh-rsa"), ("ecdsa", "ecdsa-sha2-nistp256")] {
        let public = keygen(&home, kind, kind, "");
        let refused = RecipientKey::parse(&public).unwrap_err();
        assert!(refused.to_string().contains(named), "{refused}");
        let hints = clws::error::Explain::hints(&refused);
        assert!(hints[0].starts_with("ssh-keygen -t ed25519"), "{hints:?}");
        let named = all(&home.world(), Some(Path::new(kind)), PublicFolder::Refuse).map(|_| ());
        assert!(named.unwrap_err().to_string().contains("only ssh-ed25519"));
    }
    let public = keygen(&home, "key", "ed25519", "");
    let cut = &public[..public.len() / 2];
    assert!(RecipientKey::parse(cut).is_err());
    // age refuses it too.
    let (taken, _, _) = run(real("age").args(["-r", cut]), b"x");
    assert!(!taken);
}
