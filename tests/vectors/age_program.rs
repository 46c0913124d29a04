//! The real `age` opens what we seal, and we open what it seals; `.ci/judges` has rage do the same.

use std::fs;
use std::io::Cursor;

use age::secrecy::ExposeSecret as _;
use age::x25519::{Identity, Recipient};
use clws::crypto::stream::{StreamError, open_file, seal_file};
use clws::crypto::{CryptoError, DataKey, unwrap, wrap};
use tempfile::TempDir;

use crate::support::tool::{run, said};

/// The program: `age`, or another one with its options that `CLWS_AGE` names.
fn judge() -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "the person who runs the tests says so"
    )]
    std::env::var("CLWS_AGE").unwrap_or_else(|_| "age".into())
}

/// Lengths around the chunk of 64 KiB, and none at all.
const LENGTHS: [usize; 7] = [0, 1, 31, 65_535, 65_536, 65_537, 200_000];

#[test]
fn age_opens_files_that_we_sealed_for_several_readers() {
    let (ada, ben) = (Person::new(), Person::new());
    for length in LENGTHS {
        let plain = pattern(length);
        let recipients = [ada.recipient(), ben.recipient()];
        let mut sealed = Vec::new();
        let passed = seal_file(
            recipients.iter().map(|one| one as &dyn age::Recipient),
            plain.as_slice(),
            &mut sealed,
        )
        .unwrap();
        assert_eq!(passed.size, length as u64);
        for person in [&ada, &ben] {
            assert_eq!(person.age_opens(&sealed).unwrap(), plain);
        }
    }
    let sealed = sealed_for(&ada, b"for ada alone");
    assert!(ben.age_opens(&sealed).is_err());
}

#[test]
fn we_open_files_that_age_sealed_binary_and_in_armor() {
    let (ada, ben) = (Person::new(), Person::new());
    for length in LENGTHS {
        let plain = pattern(length);
        for armor in [None, Some("-a")] {
            let (to_ada, to_ben) = (ada.recipient().to_string(), ben.recipient().to_string());
            let arguments = ["-e", "-r", &to_ada, "-r", &to_ben];
            let output = run(&judge(), arguments.into_iter().chain(armor), &plain);
            assert!(output.status.success(), "{}", said(&output));
            for person in [&ada, &ben] {
                assert_eq!(person.we_open(&output.stdout).unwrap(), plain);
            }
            let stranger = Person::new().we_open(&output.stdout);
            assert!(matches!(stranger, Err(StreamError::NoIdentity)));
        }
    }
}

#[test]
fn a_file_for_the_hosts_of_a_large_fleet_opens_for_its_last_reader() {
    let (host, ada) = (Identity::generate().to_public(), Person::new());
    let last = ada.recipient();
    let recipients = std::iter::repeat_n(&host, 3_500).chain([&last]);
    let mut sealed = Vec::new();
    seal_file(
        recipients.map(|one| one as &dyn age::Recipient),
        b"for many".as_slice(),
        &mut sealed,
    )
    .unwrap();
    assert_eq!(ada.we_open(&sealed).unwrap(), b"for many");
    assert_eq!(ada.age_opens(&sealed).unwrap(), b"for many");

    // What is more than we would read back is not sealed in the first place.
    let too_many = std::iter::repeat_n(&host as &dyn age::Recipient, 11_000);
    let refused = seal_file(too_many, b"for all".as_slice(), std::io::sink());
    assert!(matches!(refused, Err(StreamError::CannotSeal(_))));
}

#[test]
fn neither_of_us_opens_what_was_cut_or_changed() {
    let ada = Person::new();
    let sealed = sealed_for(&ada, &pattern(70_000));
    for length in [
        0,
        21,
        100,
        sealed.len() - 70_000,
        sealed.len() - 4_000,
        sealed.len() - 1,
    ] {
        assert!(ada.we_open(&sealed[..length]).is_err(), "{length}");
        assert!(ada.age_opens(&sealed[..length]).is_err(), "{length}");
    }
    for place in [0, 30, 120, 250, 60_000, sealed.len() - 1] {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        assert!(ada.we_open(&changed).is_err(), "{place}");
        assert!(ada.age_opens(&changed).is_err(), "{place}");
    }
    let longer = [sealed.as_slice(), b"x"].concat();
    assert!(ada.we_open(&longer).is_err() && ada.age_opens(&longer).is_err());
}

#[test]
fn age_opens_the_wrap_of_a_data_key_and_we_open_its_own() {
    let ada = Person::new();
    let key = *b"exactly thirty-two random bytes!";
    let wrapped = wrap(&DataKey::new(key), &ada.recipient()).unwrap();
    assert_eq!(ada.age_opens(&wrapped).unwrap(), key);

    let to_ada = ada.recipient().to_string();
    let output = run(&judge(), ["-r", &to_ada], &key);
    let ours = unwrap(&output.stdout, &ada.identity).unwrap();
    assert!(ours.with(|bytes| *bytes == key));
    let longer = run(
        &judge(),
        ["-r", &to_ada],
        b"exactly thirty-two random bytes! And one more.",
    );
    assert_eq!(
        unwrap(&longer.stdout, &ada.identity).unwrap_err(),
        CryptoError::Broken
    );
}

/// Somebody with an identity, also as a file for the program.
struct Person {
    identity: Identity,
    folder: TempDir,
}

impl Person {
    fn new() -> Self {
        let identity = Identity::generate();
        let folder = tempfile::tempdir().unwrap();
        let text = identity.to_string();
        fs::write(folder.path().join("age.txt"), text.expose_secret()).unwrap();
        Self { identity, folder }
    }

    fn recipient(&self) -> Recipient {
        self.identity.to_public()
    }

    fn age_opens(&self, sealed: &[u8]) -> Result<Vec<u8>, String> {
        let file = self.folder.path().join("age.txt");
        let output = run(&judge(), ["-d", "-i", file.to_str().unwrap()], sealed);
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(said(&output))
        }
    }

    fn we_open(&self, sealed: &[u8]) -> Result<Vec<u8>, StreamError> {
        let mut out = Vec::new();
        let identity: &dyn age::Identity = &self.identity;
        let opened = open_file(
            &mut Cursor::new(sealed),
            std::iter::once(identity),
            &mut out,
        );
        assert!(opened.is_ok() || out.is_empty(), "a failure gave out bytes");
        opened.map(|_| out)
    }
}

fn sealed_for(person: &Person, plain: &[u8]) -> Vec<u8> {
    let recipient = person.recipient();
    let mut sealed = Vec::new();
    seal_file(
        std::iter::once(&recipient as &dyn age::Recipient),
        plain,
        &mut sealed,
    )
    .unwrap();
    sealed
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 % 251) as u8).collect()
}
