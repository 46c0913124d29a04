//! The age test vectors of C2SP's CCTV, through the code that opens sealed files.
//!
//! Each is judged by name: the verdict that the vector expects, or, for what age 0.11 cannot open,
//! an error that says so. Whatever fails gives out not one byte.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read as _};
use std::path::Path;

use clws::crypto::stream::{StreamError, open_file};
use clws::crypto::x25519::Identity;
use clws::crypto::{hex, sha256};

/// How many vectors there are; one that is lost must not go unseen.
const ALL: usize = 143;

/// How many expect what.
const EXPECTED: [(&str, usize); 6] = [
    ("HMAC failure", 1),
    ("armor failure", 22),
    ("header failure", 62),
    ("no match", 13),
    ("payload failure", 19),
    ("success", 26),
];

/// Vectors whose recipients are post-quantum (mlkem768x25519), which the age crate 0.11 does not
/// know: no identity can be read for them, whatever they expect. (`hybrid_not_canonical_body` is
/// refused for its form, as expected, and `hybrid_uppercase` matches nobody.)
const POST_QUANTUM: [&str; 16] = [
    "armor_hybrid",
    "hybrid",
    "hybrid_and_x25519",
    "hybrid_bad_tag",
    "hybrid_currupted_enc_mlkem",
    "hybrid_currupted_enc_x25519",
    "hybrid_extra_argument",
    "hybrid_grease",
    "hybrid_identity",
    "hybrid_long_file_key",
    "hybrid_long_share",
    "hybrid_low_order",
    "hybrid_multiple_recipients",
    "hybrid_no_match",
    "hybrid_not_canonical_enc",
    "hybrid_short_share",
];

/// A work factor above this is refused. The vectors that open use 2^10, and one asks for 2^23.
const MOST_WORK: u8 = 16;

#[test]
fn all_143_cctv_vectors_give_the_expected_verdict() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/cctv-age");
    let mut vectors: Vec<Vector> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| Vector::read(&entry.unwrap().path()))
        .collect();
    vectors.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(vectors.len(), ALL);

    let mut expected: BTreeMap<&str, usize> = BTreeMap::new();
    let mut outcomes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut faults = Vec::new();
    for vector in &vectors {
        *expected.entry(&vector.expect).or_default() += 1;
        match vector.judge() {
            Ok(outcome) => outcomes.entry(outcome).or_default().push(&vector.name),
            Err(fault) => faults.push(format!("{}: {fault}", vector.name)),
        }
    }
    for (outcome, names) in &outcomes {
        println!("{} {outcome}: {}", names.len(), names.join(" "));
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
    assert_eq!(expected, BTreeMap::from(EXPECTED));
    assert_eq!(outcomes.values().map(Vec::len).sum::<usize>(), ALL);
    assert_eq!(outcomes["post-quantum, refused as such"], POST_QUANTUM);
    // 26 expect success, and five of these are post-quantum.
    assert_eq!(outcomes["opened"].len(), 21);
}

struct Vector {
    name: String,
    expect: String,
    payload: Option<String>,
    identities: Vec<String>,
    passphrases: Vec<String>,
    file: Vec<u8>,
}

impl Vector {
    fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let end = bytes.windows(2).position(|two| two == b"\n\n").unwrap();
        let (header, file) = bytes.split_at(end + 2);
        let header: Vec<(&str, &str)> = str::from_utf8(header)
            .unwrap()
            .trim_end()
            .lines()
            .map(|line| line.split_once(": ").unwrap())
            .collect();
        for (key, _) in &header {
            assert!(
                matches!(
                    *key,
                    "expect"
                        | "payload"
                        | "identity"
                        | "passphrase"
                        | "armored"
                        | "compressed"
                        | "file key"
                        | "comment"
                ),
                "{}: a header line `{key}` that nobody reads",
                path.display()
            );
        }
        let all = |key: &str| -> Vec<String> {
            let of_key = header.iter().filter(|(name, _)| *name == key);
            of_key.map(|(_, value)| (*value).to_owned()).collect()
        };
        let file = match all("compressed").pop().as_deref() {
            None => file.to_vec(),
            Some("zlib") => {
                let mut plain = Vec::new();
                flate2::read::ZlibDecoder::new(file)
                    .read_to_end(&mut plain)
                    .unwrap();
                plain
            }
            Some(other) => panic!("{}: compressed with {other}", path.display()),
        };
        Self {
            name: path.file_name().unwrap().to_string_lossy().into_owned(),
            expect: all("expect").pop().unwrap(),
            payload: all("payload").pop(),
            identities: all("identity"),
            passphrases: all("passphrase"),
            file,
        }
    }

    /// Opens the vector and names the outcome, or says what is wrong with it.
    fn judge(&self) -> Result<&'static str, String> {
        let mut identities: Vec<Box<dyn age::Identity>> = Vec::new();
        let mut unreadable = 0;
        for text in &self.identities {
            match Identity::parse(text) {
                Some(identity) => identities.push(Box::new(identity)),
                None => unreadable += 1,
            }
        }
        for passphrase in &self.passphrases {
            let mut identity = age::scrypt::Identity::new(passphrase.clone().into());
            identity.set_max_work_factor(MOST_WORK);
            identities.push(Box::new(identity));
        }
        if identities.is_empty() && unreadable == 0 && self.expect == "success" {
            return Err("has nothing to open it with".to_owned());
        }

        let mut out = Vec::new();
        let opened = open_file(
            &mut Cursor::new(&self.file),
            identities.iter().map(|identity| &**identity),
            &mut out,
        );
        if opened.is_err() && !out.is_empty() {
            return Err(format!("failed and gave out {} bytes", out.len()));
        }
        let post_quantum = POST_QUANTUM.contains(&self.name.as_str());
        match (opened, self.expect.as_str()) {
            (Err(StreamError::PostQuantum("mlkem768x25519")), _) if post_quantum => {
                Ok("post-quantum, refused as such")
            }
            (Ok(passed), "success") if !post_quantum => {
                let given = hex(&sha256(&out));
                if hex(&passed.sha256) != given || self.payload.as_ref() != Some(&given) {
                    Err(format!("opened to other bytes: {given}"))
                } else if passed.size != out.len() as u64 {
                    Err(format!("said {} bytes, gave {}", passed.size, out.len()))
                } else {
                    Ok("opened")
                }
            }
            (Err(StreamError::NoIdentity), "no match") => Ok("no identity opens it"),
            (Err(StreamError::ExcessiveWork { required: 23 }), "header failure") => {
                Ok("too much work")
            }
            (
                Err(StreamError::Broken(_)),
                "armor failure" | "header failure" | "HMAC failure" | "payload failure",
            ) => Ok("broken"),
            (Ok(_), expected) => Err(format!("opened, where `{expected}` is right")),
            (Err(error), expected) => Err(format!("{error}, where `{expected}` is right")),
        }
    }
}
