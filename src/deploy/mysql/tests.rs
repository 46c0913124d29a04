use proptest::prelude::*;
use tokio::io::AsyncWriteExt as _;

use super::*;
use crate::crypto::hex;

/// The greeting of a real server, MariaDB 10.11.
fn greeting() -> Vec<u8> {
    let mut packet = vec![10];
    packet.extend(b"5.5.5-10.11.6-MariaDB\0");
    packet.extend([7, 0, 0, 0]);
    packet.extend(b"abcdefgh\0");
    packet.extend([0xfe, 0xf7, 33, 2, 0, 0xff, 0x81, 21]);
    packet.extend([0; 10]);
    packet.extend(b"ijklmnopqrst\0mysql_native_password\0");
    packet
}

#[test]
fn a_greeting_gives_twenty_bytes_and_a_method() {
    let read = Greeting::read(&greeting()).unwrap();
    assert_eq!(read.nonce, b"abcdefghijklmnopqrst");
    assert_eq!(read.method, "mysql_native_password");
    let refused = Greeting::read(b"\xff\x10\x04Too many connections").unwrap_err();
    assert_eq!(refused.to_string(), "error 1040: Too many connections");
}

/// Computed with Python's hashlib after the manual.
#[test]
fn a_proof_is_what_the_manual_says() {
    let password = Plain::from("hunter2");
    let nonce = b"abcdefghijklmnopqrst";
    let native = Method::Native.proof(&password, nonce);
    assert_eq!(hex(&native), NATIVE);
    let sha2 = Method::CachingSha2.proof(&password, nonce);
    assert_eq!(hex(&sha2), SHA2);
    assert_eq!(Method::Native.proof(&Plain::from(""), nonce), b"");
}

const NATIVE: &str = "fb30830c3ec1c2161c75ef8c45977d684a38d8d4";
const SHA2: &str = "38c32b38723affcda57b368b565bac628d5a852428b402c25c4ae036a4fd904f";

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(work)
}

/// What a login becomes when the server says these bytes.
fn told(bytes: Vec<u8>) -> Result<(), String> {
    run(async {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        far.write_all(&bytes).await.unwrap();
        far.shutdown().await.unwrap();
        let password = Plain::from("hunter2");
        let login = Session::login(Box::new(near), "codalab", &password, Some("x")).await;
        login.map(drop).map_err(|error| error.to_string())
    })
}

fn packets(all: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, packet) in (0_u8..).zip(all) {
        // The even ones are the server's.
        let length = u8::try_from(packet.len()).unwrap();
        bytes.extend([length, 0, 0, number * 2]);
        bytes.extend(*packet);
    }
    bytes
}

#[test]
fn what_a_server_may_say_is_understood() {
    let hello = greeting();
    assert_eq!(told(packets(&[&hello, &[0, 0, 0]])), Ok(()));
    let changed = b"\xfecaching_sha2_password\0abcdefghijklmnopqrst\0";
    assert_eq!(told(packets(&[&hello, changed, &[0]])), Ok(()));
    for (said, shown) in [
        (
            &b"\xff\x15\x04#28000Access denied"[..],
            "error 1045: Access denied",
        ),
        (b"\xfemysql_clear_password\0", "mysql_clear_password"),
        (b"\xfe", "before MySQL 4.1"),
        (b"\x01\x04", "the password itself"),
        (b"\x07", "does not speak"),
    ] {
        let error = told(packets(&[&hello, said])).unwrap_err();
        assert!(error.contains(shown), "{error}");
    }
    let endless: Vec<&[u8]> = std::iter::once(&hello[..])
        .chain(std::iter::repeat_n(&changed[..], 20))
        .collect();
    assert!(told(packets(&endless)).unwrap_err().contains("goes on"));
    assert!(told(b"SSH-2.0-OpenSSH\r\n".to_vec()).is_err());
    assert!(
        told(vec![0xff, 0xff, 0xff, 0])
            .unwrap_err()
            .contains("not speak")
    );
}

/// What a statement is answered with when the server says these bytes after a login.
fn answered(bytes: &[u8]) -> Result<MysqlRows, String> {
    run(async {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        far.write_all(&packets(&[&greeting(), &[0, 0, 0]]))
            .await
            .unwrap();
        far.write_all(bytes).await.unwrap();
        far.shutdown().await.unwrap();
        let password = Plain::from("hunter2");
        let login = Session::login(Box::new(near), "root", &password, None).await;
        let asked = login.unwrap().query(&Plain::from("SELECT 1")).await;
        asked.map_err(|error| error.to_string())
    })
}

/// Packets of an answer, numbered from 1.
fn answer_of(all: &[&[u8]]) -> Vec<u8> {
    let numbered = (0..=u8::MAX).cycle().skip(1).zip(all);
    let whole = numbered.flat_map(|(number, packet)| {
        let [a, b, ..] = packet.len().to_le_bytes();
        [&[a, b, 0, number][..], packet].concat()
    });
    whole.collect()
}

#[test]
fn a_packet_out_of_turn_and_rows_without_an_end_are_no_answer() {
    let mut bytes = packets(&[&greeting(), &[0, 0, 0]]);
    bytes[3] = 1;
    assert!(told(bytes).unwrap_err().contains("does not speak"));
    let end = &[0xfe, 0, 0, 2, 0][..];
    let rows = |count| {
        let head = [&[1][..], b"a", end];
        let rows = std::iter::repeat_n(&b"\x01x"[..], count);
        let all: Vec<&[u8]> = head.into_iter().chain(rows).chain([end]).collect();
        answered(&answer_of(&all))
    };
    assert_eq!(rows(MOST_ROWS).unwrap().len(), MOST_ROWS);
    assert!(rows(MOST_ROWS + 1).unwrap_err().contains("too many rows"));
}

#[test]
fn rows_are_texts_or_nothing() {
    let end = &[0xfe, 0, 0, 2, 0][..];
    let long = [&[0xfc, 0x2c, 0x01][..], &[b'x'; 300]].concat();
    let rows = [
        &[2][..],
        b"a",
        b"b",
        end,
        b"\x01%\xfb",
        &[&long[..], b"\x00"].concat(),
        end,
    ];
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        answered(&answer_of(&rows)),
        Ok(vec![
            vec![text("%"), None],
            vec![text(&"x".repeat(300)), text("")]
        ])
    );
    assert_eq!(answered(&answer_of(&[&[0, 0, 0, 2, 0, 0, 0]])), Ok(vec![]));
    let refused = answered(&answer_of(&[b"\xff\x76\x04#42000Access denied"]));
    assert_eq!(refused.unwrap_err(), "error 1142: Access denied");
    // A row that says more than it has, or less.
    for row in [&b"\x05%"[..], b"\x01%\x01%\x01%", b"\x01%", b""] {
        let rows = [&[2][..], b"a", b"b", end, row, end];
        assert!(answered(&answer_of(&rows)).is_err(), "{row:?}");
    }
}

proptest! {
    #[test]
    fn any_answer_is_rows_or_an_error(bytes: Vec<u8>, columns in 0..5_u8) {
        drop(answered(&bytes));
        let packet = &bytes[..bytes.len().min(200)];
        drop(answered(&answer_of(&[&[columns], packet, packet, packet, packet, packet])));
    }

    #[test]
    fn any_bytes_give_an_answer(bytes: Vec<u8>, at in 0..80_usize, byte: u8) {
        drop(Greeting::read(&bytes));
        let mut hello = greeting();
        hello[at] = byte;
        drop(Greeting::read(&hello));
        drop(told(packets(&[&hello, &bytes[..bytes.len().min(200)]])));
        drop(told(bytes));
    }
}
