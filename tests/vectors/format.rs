//! The vector of format 1: one sealed, signed value whose every byte is known.
//!
//! It was computed by other means than this crate, and OpenSSH judged its signature. If a change
//! moves one of these bytes, it is another format.

use clws::crypto::sshsig::{Namespace, SignedBy, SigningKey};
use clws::crypto::transit::{Ciphertext, of_document};
use clws::crypto::{
    DataKey, Label, List, decode_base64, encode_base64, from_hex, hex, open, pad, seal, sha256,
    unpad,
};
use clws::secret::Plain;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::ssh_keygen::{Lab, armor};

const KEY_ID: &str = "6b4ee6a354ae631d70c069d3faa462bd2786dcc7d23f306c25c42b4f205b754e";
const SUBKEY: &str = "43481499be9f73210eae60f6174f5ddbd15181f8a292d88ca2bbc1704bad9d23";
const VALUE: &str = "v1:6b4ee6a3:wMHCw8TFxsfIycrLzM3Oz9DR0tPU1dbX2Nna29zd3t+\
    ry4B9j/TrfYXxThl1suCbSm2MyZKEx4j7IJnv5LOmNeW2UphRFrwJHvSJ/5dSA+g=";
const MESSAGE: &str = "a3ad5481fdf64d26f59eef8bde4414ba8c3c7ef750bb324ece055ed3cda64843";
const SIGNATURE: &str = "ada/7def39264223a3c5:SYiXCaZeGQA0SjStn7aiozNUsC9ZZ4iqNftjI1NqUlZBfXvZE7\
    WwpiVWP7RNFV4nXdIV0xL7ALgsLGceH5cABA==";

#[test]
fn the_vector_of_format_1_comes_out_to_the_byte() {
    let (vault, document): ([u8; 32], [u8; 16]) = (counting(0), counting(0x40));
    let (data_key, salt) = (DataKey::new(counting(0x80)), counting::<32>(0xc0));

    let key_id = data_key.commitment(&vault, &document).unwrap();
    assert_eq!(hex(&key_id), KEY_ID);
    let subkey = data_key.derive(&salt, Label::Value).unwrap();
    assert_eq!(hex(subkey.as_slice()), SUBKEY);

    let place = List::new("clws.v1.place")
        .bytes(&vault)
        .bytes(&document)
        .text("prod")
        .text("DB_PASSWORD")
        .text("string")
        .number(7)
        .bytes(&key_id)
        .encode();
    let sealed = seal(&data_key, Label::Value, &salt, &place, &pad(b"hunter2")).unwrap();
    let value = format!("v1:{}:{}", &KEY_ID[..8], encode_base64(&sealed));
    assert_eq!(value, VALUE);
    let padded = open(&data_key, Label::Value, &place, sealed).unwrap();
    let opened = unpad(padded).unwrap();
    assert!(opened.same_as(&Plain::from("hunter2")));

    let signer = SigningKey::from_seed(&zeroize::Zeroizing::new([1; 32])).unwrap();
    let message = List::new("clws.v1.value")
        .bytes(&vault)
        .bytes(&document)
        .text("prod")
        .text("DB_PASSWORD")
        .text("live")
        .text("string")
        .number(7)
        .number(12)
        .text("2026-11-24T10:00:00Z")
        .text("ada")
        .bytes(&key_id)
        .text(&value)
        .list(List::new("policy").text("rotate_every").text("90d"))
        .bytes(signer.public().blob())
        .encode();
    assert_eq!(hex(&sha256(&message)), MESSAGE);
    let signed = SignedBy {
        party: "ada".to_owned(),
        fingerprint: signer.public().fingerprint(),
        signature: signer.sign(Namespace::Value, &message),
    };
    assert_eq!(signed.to_string(), SIGNATURE);
    assert_eq!(SIGNATURE.parse::<SignedBy>().unwrap(), signed);

    let lab = Lab::new();
    lab.allow(signer.public());
    lab.write(
        "signature",
        &armor(signer.public(), Namespace::Value, &signed.signature),
    );
    assert!(lab.verify(Namespace::Value, &message).status.success());
    assert!(!lab.verify(Namespace::File, &message).status.success());
}

/// A server's wrap, which a server of our own opens: ring, with the key that the vector names.
#[test]
fn the_vector_of_a_servers_wrap_opens() {
    const WRAP: &str =
        "vault:v1:UFFSU1RVVldYWVpbMSEqkbWq8Yq8hoCR4YQNIEx93azsY++XOmVCwSyXvqZz82HnggHCgP9CRBJoUwMD";
    let key_id = from_hex(KEY_ID).unwrap();
    let associated = of_document(&counting(0), &counting(0x40), &key_id);
    let read = Ciphertext::parse(WRAP, 32).unwrap();
    assert_eq!((read.version(), read.to_string()), (1, WRAP.to_owned()));
    let bytes = decode_base64(WRAP.rsplit(':').next().unwrap()).unwrap();
    let (nonce, sealed) = bytes.split_at(12);
    let key = UnboundKey::new(&AES_256_GCM, &counting::<32>(0x20)).unwrap();
    let nonce = Nonce::try_assume_unique_for_key(nonce).unwrap();
    let mut sealed = sealed.to_vec();
    let key = LessSafeKey::new(key);
    let opened = key.open_in_place(nonce, Aad::from(&associated), &mut sealed);
    assert_eq!(opened.unwrap(), counting::<32>(0x80));
}

#[test]
fn padded_lengths_are_those_of_format_1() {
    for (length, bucket) in [
        (4, 32),
        (33, 64),
        (129, 144),
        (200, 208),
        (1000, 1024),
        (65_540, 67_584),
    ] {
        assert_eq!(pad(&vec![b'x'; length - 4]).len(), bucket);
    }
}

/// Bytes that count up: `from`, `from + 1`, …
fn counting<const N: usize>(from: u8) -> [u8; N] {
    std::array::from_fn(|at| from + at as u8)
}
