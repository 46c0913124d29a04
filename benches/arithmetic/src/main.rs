//! How long the arithmetic alone takes that opens 10,000 values of format 1 (docs/format.md), on all cores:
//!
//!     cargo run --release --target-dir target --manifest-path benches/arithmetic/Cargo.toml
//!
//! For each value: base64 of 112 bytes, HKDF-SHA256, ChaCha20-Poly1305 of 64 bytes, and SHA-256 of the message that
//! was signed, by which a pin knows it. No file is read, no line is parsed, and no signature is verified. Prints the
//! least of 25 rounds.

use std::hint::black_box;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};

const VALUES: u32 = 10_000;
const ROUNDS: usize = 25;
const DATA_KEY: [u8; 32] = [7; 32];
/// As long as those of a value of 32 characters in a document of `prod`.
const PLACE: [u8; 180] = [3; 180];
const MESSAGE: [u8; 880] = [5; 880];

/// Bytes of HKDF's output.
struct Key;

impl KeyType for Key {
    fn len(&self) -> usize {
        32
    }
}

fn key(salt: &[u8]) -> LessSafeKey {
    let mut key = [0; 32];
    let extracted = Salt::new(HKDF_SHA256, salt).extract(&DATA_KEY);
    let expanded = extracted.expand(&[b"clws.v1.value"], Key).unwrap();
    expanded.fill(&mut key).unwrap();
    LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key).unwrap())
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

fn sealed(number: u32) -> String {
    let mut salt = [9; 32];
    salt[..4].copy_from_slice(&number.to_be_bytes());
    let mut message = [1; 64];
    let tag = key(&salt).seal_in_place_separate_tag(nonce(), Aad::from(&PLACE), &mut message);
    STANDARD.encode([&salt[..], &message, tag.unwrap().as_ref()].concat())
}

fn open(text: &str) {
    let mut bytes = STANDARD.decode(text).unwrap();
    let key = key(&bytes[..32]);
    let plain = key.open_within(nonce(), Aad::from(&PLACE), &mut bytes, 32..);
    assert_eq!(black_box(plain.unwrap()), [1; 64]);
    black_box(digest(&SHA256, black_box(&MESSAGE)));
}

fn round(values: &[String], cores: usize) -> Duration {
    let began = Instant::now();
    std::thread::scope(|scope| {
        for share in values.chunks(values.len().div_ceil(cores)) {
            scope.spawn(|| share.iter().for_each(|text| open(text)));
        }
    });
    began.elapsed()
}

fn main() {
    let values: Vec<String> = (0..VALUES).map(sealed).collect();
    let cores = std::thread::available_parallelism().unwrap().get();
    let least = (0..ROUNDS).map(|_| round(&values, cores)).min().unwrap();
    println!(
        "{:.1} ms for {VALUES} values on {cores} cores",
        least.as_secs_f64() * 1e3
    );
}
