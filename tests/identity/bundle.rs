//! A bundle is two ordinary files that other tools take, and it is guarded as ssh guards its keys.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use clws::crypto::sshsig::{Namespace, PublicKey, Signature};
use clws::crypto::{DataKey, encode_base64, field, unwrap, wrap};
use clws::error::{Code, Explain as _};
use clws::identity::{
    Bundle, IdentityError, Import, Kept, Nobody, Place, PublicFolder, Signer, SigningSource, all,
    create, import, list, remove,
};

use crate::lab::{Home, mode, name, output, real, set_mode};

fn the_one(home: &Home) -> Result<Bundle, IdentityError> {
    let mut bundles = all(&home.world(), None, PublicFolder::Refuse)?;
    assert_eq!(bundles.len(), 1);
    Ok(bundles.remove(0))
}

/// What `ssh-keygen -Y verify` is given: PROTOCOL.sshsig, armored.
fn armored(public: &PublicKey, namespace: &str, signature: &Signature) -> String {
    let mut inner = Vec::new();
    field(&mut inner, b"ssh-ed25519");
    field(&mut inner, signature.as_bytes());
    let mut blob = b"SSHSIG\0\0\0\x01".to_vec();
    field(&mut blob, public.blob());
    field(&mut blob, namespace.as_bytes());
    field(&mut blob, b"");
    field(&mut blob, b"sha512");
    field(&mut blob, &inner);
    let base64 = encode_base64(&blob);
    format!("-----BEGIN SSH SIGNATURE-----\n{base64}\n-----END SSH SIGNATURE-----\n")
}

pub(crate) fn ssh_keygen_verifies(home: &Home, signer: &Signer) {
    let signature = signer.sign(Namespace::Value, b"message").unwrap();
    let armored = armored(signer.public(), "clws.value.v1", &signature);
    let allowed = format!("ada {}\n", signer.public());
    let signature = home.write("verify/signature", &armored, 0o600);
    let allowed = home.write("verify/allowed", &allowed, 0o600);
    let mut verify = real("ssh-keygen");
    verify.args(["-Y", "verify", "-I", "ada", "-n", "clws.value.v1", "-f"]);
    output(verify.arg(allowed).arg("-s").arg(signature), b"message");
}

#[test]
fn a_new_identity_is_two_files_that_age_and_ssh_keygen_take() {
    let home = Home::new();
    let made = create(&home.world(), &name("ada"), Place::Auto, None).unwrap();
    assert_eq!(made.label(), "~/.config/clws/identities/ada");
    assert_eq!(
        (made.age_kept(), made.signing_kept()),
        (Some(Kept::File), Some(Kept::File))
    );

    let folder = home.bundle("ada");
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    files.sort();
    assert_eq!(files, ["age.txt", "signing_key"]);
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join("age.txt")), 0o600);
    assert_eq!(mode(&folder.join("signing_key")), 0o600);
    assert_eq!(mode(&home.path(".config")), 0o700);

    // age seals to the recipient and opens with the file.
    let recipient = made.recipient().unwrap();
    let sealed = output(real("age").args(["-r", recipient]), b"hello");
    let open = output(
        real("age").args(["-d", "-i"]).arg(folder.join("age.txt")),
        &sealed,
    );
    assert_eq!(open, b"hello");
    let derived = output(
        real("age-keygen").arg("-y").arg(folder.join("age.txt")),
        b"",
    );
    assert_eq!(String::from_utf8(derived).unwrap().trim(), recipient);
    let text = fs::read_to_string(folder.join("age.txt")).unwrap();
    assert!(text.starts_with("# created: 2026-11-24T10:00:00Z\n# public key: age1"));

    // ssh-keygen signs with the file, and takes what we sign.
    let verifying = made.verifying_key().unwrap().unwrap().to_string();
    let shown = output(
        real("ssh-keygen")
            .arg("-yf")
            .arg(folder.join("signing_key")),
        b"",
    );
    assert_eq!(
        String::from_utf8(shown).unwrap().trim(),
        format!("{verifying} ada")
    );
    let mut sign = real("ssh-keygen");
    sign.args(["-Y", "sign", "-n", "test", "-f"])
        .arg(folder.join("signing_key"));
    assert!(output(&mut sign, b"message").starts_with(b"-----BEGIN SSH SIGNATURE-----"));
    ssh_keygen_verifies(&home, &made.signer(&Nobody).unwrap());

    // What was made is what every later command finds.
    let found = the_one(&home).unwrap();
    assert_eq!(found.recipient(), made.recipient());
    assert_eq!(
        found.verifying_key().unwrap(),
        made.verifying_key().unwrap()
    );
    let wrapped = wrap(
        &DataKey::new([7; 32]),
        &recipient.parse::<age::x25519::Recipient>().unwrap(),
    );
    let identity = found.open_age(&Nobody).unwrap();
    assert!(
        unwrap(&wrapped.unwrap(), &identity)
            .unwrap()
            .with(|key| *key == [7; 32])
    );
    let login = found.signing_key_openssh(&Nobody).unwrap();
    let file = fs::read(folder.join("signing_key")).unwrap();
    assert!(login.with(|text| *text == file));
}

#[test]
fn no_name_is_taken_twice_and_a_removed_one_is_gone_whole() {
    let home = Home::new();
    let world = home.world();
    let made = create(&world, &name("ada"), Place::File, None).unwrap();
    let error = create(&world, &name("ada"), Place::File, None).unwrap_err();
    assert!(matches!(error, IdentityError::Exists { .. }), "{error}");
    assert_eq!(the_one(&home).unwrap().recipient(), made.recipient());

    // Something of the person's own is never removed.
    let own = home.write(".config/clws/identities/ada/notes", "mine", 0o600);
    let error = remove(&world, &name("ada")).unwrap_err();
    assert_eq!(error.code(), Code::Conflict);
    assert_eq!(the_one(&home).unwrap().recipient(), made.recipient());
    fs::remove_file(own).unwrap();

    remove(&world, &name("ada")).unwrap();
    let left: Vec<_> = fs::read_dir(home.path(".config/clws/identities"))
        .unwrap()
        .collect();
    assert_eq!(left.len(), 1, "the lock alone: {left:?}");
    let error = remove(&world, &name("ada")).unwrap_err();
    assert!(matches!(error, IdentityError::NotFound { .. }), "{error}");
    let error = the_one(&home).unwrap_err();
    assert!(matches!(error, IdentityError::NoneYet { .. }), "{error}");
    assert_eq!(error.code(), Code::NoKey);
}

#[test]
fn what_a_crash_left_is_cleared_and_never_taken_for_an_identity() {
    let home = Home::new();
    home.write(
        ".config/clws/identities/.new-ada/age.txt",
        "AGE-SECRET-KEY-1half",
        0o600,
    );
    home.write(
        ".config/clws/identities/.old-ben/signing_key",
        "half",
        0o600,
    );
    assert!(list(&home.world()).unwrap().is_empty());
    create(&home.world(), &name("ada"), Place::File, None).unwrap();
    assert!(!home.bundle(".new-ada").exists() && !home.bundle(".old-ben").exists());
    assert_eq!(list(&home.world()).unwrap().len(), 1);
}

/// Runs the hint of an error as the person would.
fn do_as_told(error: &IdentityError) {
    let hint = error.hints().remove(0);
    assert!(hint.starts_with("chmod "), "{hint}");
    output(real("sh").args(["-c", &hint]), b"");
}

#[test]
fn keys_that_others_may_read_are_refused_with_the_chmod_to_run() {
    let home = Home::new();
    create(&home.world(), &name("ada"), Place::File, None).unwrap();
    for wrong in [0o644, 0o640, 0o604, 0o620, 0o601] {
        set_mode(&home.bundle("ada/age.txt"), wrong);
        let error = the_one(&home).unwrap_err();
        assert_eq!(error.code(), Code::Config, "{wrong:o}: {error}");
        assert!(
            error.to_string().contains(&format!("(mode {wrong:04o})")),
            "{error}"
        );
        do_as_told(&error);
        the_one(&home).unwrap().open_age(&Nobody).unwrap();

        set_mode(&home.bundle("ada/signing_key"), wrong);
        let bundle = the_one(&home).unwrap();
        let error = bundle.verifying_key().unwrap_err();
        assert_eq!(
            bundle.signer(&Nobody).unwrap_err().to_string(),
            error.to_string()
        );
        do_as_told(&error);
        the_one(&home).unwrap().signer(&Nobody).unwrap();
    }
    assert!(matches!(
        list(&home.world()).unwrap().remove(0).bundle,
        Ok(bundle) if bundle.recipient().is_some()
    ));
}

#[test]
fn a_link_a_pipe_and_a_folder_in_place_of_a_key_are_refused() {
    let home = Home::new();
    create(&home.world(), &name("ada"), Place::File, None).unwrap();
    let (age, kept) = (home.bundle("ada/age.txt"), home.path("kept"));
    fs::rename(&age, &kept).unwrap();

    symlink(&kept, &age).unwrap();
    let error = the_one(&home).unwrap_err();
    assert!(error.to_string().ends_with("is a symbolic link"), "{error}");
    fs::remove_file(&age).unwrap();

    // A pipe that nobody writes to must not hang every command.
    output(real("mkfifo").arg("-m600").arg(&age), b"");
    let error = the_one(&home).unwrap_err();
    assert!(error.to_string().ends_with("is no regular file"), "{error}");
    fs::remove_file(&age).unwrap();

    fs::create_dir(&age).unwrap();
    assert!(the_one(&home).is_err());
    fs::remove_dir(&age).unwrap();

    fs::write(&age, vec![b'#'; 70_000]).unwrap();
    set_mode(&age, 0o600);
    assert_eq!(the_one(&home).unwrap_err().code(), Code::DataErr);
    fs::remove_file(&age).unwrap();

    fs::rename(&kept, &age).unwrap();
    the_one(&home).unwrap();
}

#[test]
fn an_identity_in_a_repository_may_be_public_but_leads_nowhere() {
    let home = Home::new();
    let world = home.world();
    let made = create(&world, &name("newcomer"), Place::File, None).unwrap();
    let folder = home.path("vault/recipients/demo/newcomer");
    fs::create_dir_all(folder.parent().unwrap()).unwrap();
    fs::rename(home.bundle("newcomer"), &folder).unwrap();
    set_mode(&folder.join("age.txt"), 0o644);
    set_mode(&folder.join("signing_key"), 0o644);
    let choice = Path::new("vault/recipients/demo/newcomer");

    let error = all(&world, Some(choice), PublicFolder::Refuse).unwrap_err();
    assert_eq!(error.code(), Code::Config);
    let found = all(&world, Some(choice), PublicFolder::Allow).unwrap();
    assert_eq!(found[0].recipient(), made.recipient());
    assert_eq!(found[0].name().unwrap().as_str(), "newcomer");
    found[0].open_age(&Nobody).unwrap();
    found[0].signer(&Nobody).unwrap();

    let private = home.path("private");
    fs::rename(&folder, &private).unwrap();
    symlink(&private, &folder).unwrap();
    let error = all(&world, Some(choice), PublicFolder::Allow).unwrap_err();
    assert!(error.to_string().ends_with("is a symbolic link"), "{error}");
    fs::remove_file(&folder).unwrap();
    fs::create_dir(&folder).unwrap();
    symlink(private.join("age.txt"), folder.join("age.txt")).unwrap();
    let error = all(&world, Some(choice), PublicFolder::Allow).unwrap_err();
    assert!(error.to_string().ends_with("is a symbolic link"), "{error}");
}

#[test]
fn a_private_half_of_another_public_half_is_refused() {
    let home = Home::new();
    let world = home.world();
    create(&world, &name("ada"), Place::File, None).unwrap();
    let ben = create(&world, &name("ben"), Place::File, None).unwrap();
    let text = fs::read_to_string(home.bundle("ada/age.txt")).unwrap();
    let (head, key) = text.split_once("# public key: ").unwrap();
    let key = key.split_once('\n').unwrap().1;
    let forged = format!("{head}# public key: {}\n{key}", ben.recipient().unwrap());
    fs::write(home.bundle("ada/age.txt"), forged).unwrap();
    let bundles = all(&world, None, PublicFolder::Refuse).unwrap();
    // It claims to be Ben's, so it is chosen for Ben's wraps, and is found out when it is opened.
    assert_eq!(bundles[0].recipient(), ben.recipient());
    let error = bundles[0].open_age(&Nobody).map(|_| ()).unwrap_err();
    assert!(matches!(error, IdentityError::Mismatch { .. }), "{error}");
    assert!(!format!("{error:?}").contains("SECRET"));
}

#[test]
fn existing_keys_are_brought_in_and_the_missing_half_is_made() {
    let home = Home::new();
    let world = home.world();
    output(
        real("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "ada@x", "-f"])
            .arg(home.path("id")),
        b"",
    );
    output(real("age-keygen").arg("-o").arg(home.path("key.txt")), b"");
    let from = Import {
        age: Some(Path::new("key.txt")),
        signing: Some(SigningSource::File(Path::new("id"))),
    };
    let bundle = import(&world, &name("ada"), from, Place::File, None, &Nobody).unwrap();
    let public = fs::read_to_string(home.path("id.pub")).unwrap();
    assert_eq!(
        format!("{} ada@x\n", bundle.verifying_key().unwrap().unwrap()),
        public
    );
    let recipient = output(real("age-keygen").arg("-y").arg(home.path("key.txt")), b"");
    assert_eq!(
        String::from_utf8(recipient).unwrap().trim(),
        bundle.recipient().unwrap()
    );
    ssh_keygen_verifies(&home, &bundle.signer(&Nobody).unwrap());
    bundle.open_age(&Nobody).unwrap();
    assert_eq!(mode(&home.bundle("ada/signing_key")), 0o600);

    // Without its comments the file is written anew, as age-keygen would.
    let text = fs::read_to_string(home.path("key.txt")).unwrap();
    let key = text
        .lines()
        .find(|line| line.starts_with("AGE-SECRET"))
        .unwrap();
    home.write("bare.txt", key, 0o600);
    let from = Import {
        age: Some(Path::new("bare.txt")),
        signing: None,
    };
    let bare = import(&world, &name("bare"), from, Place::File, None, &Nobody).unwrap();
    assert_eq!(bare.recipient(), bundle.recipient());
    assert!(bare.verifying_key().unwrap() != bundle.verifying_key().unwrap());
    ssh_keygen_verifies(&home, &bare.signer(&Nobody).unwrap());

    // Other kinds are refused with the way out, and nothing is made.
    output(
        real("ssh-keygen")
            .args(["-q", "-t", "ecdsa", "-N", "", "-f"])
            .arg(home.path("ec")),
        b"",
    );
    output(
        real("ssh-keygen")
            .args(["-q", "-t", "rsa", "-m", "PEM", "-N", "", "-f"])
            .arg(home.path("rsa")),
        b"",
    );
    for (file, hint) in [("ec", "ssh-keygen -t ed25519"), ("rsa", "ssh-keygen -p -f")] {
        let from = Import {
            age: None,
            signing: Some(SigningSource::File(Path::new(file))),
        };
        let error = import(&world, &name("other"), from, Place::File, None, &Nobody).unwrap_err();
        assert!(error.hints()[0].starts_with(hint), "{file}: {error:?}");
        assert!(!home.bundle("other").exists());
    }
}

#[test]
fn of_many_who_make_the_same_identity_at_once_one_does() {
    let home = Home::new();
    let made: Vec<bool> = std::thread::scope(|scope| {
        let make = || {
            let world = home.world();
            scope.spawn(move || create(&world, &name("ada"), Place::File, None).is_ok())
        };
        let threads: Vec<_> = std::iter::repeat_with(make).take(8).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(made.iter().filter(|made| **made).count(), 1);
    let bundle = the_one(&home).unwrap();
    bundle.open_age(&Nobody).unwrap();
    bundle.signer(&Nobody).unwrap();
}
