use std::io::Cursor;
use std::iter::once;

use age::x25519::Identity;

use super::super::wide::Wide;
use super::*;

#[test]
fn files_of_any_length_open_whole_or_not_at_all() {
    let (ada, eve) = (Identity::generate(), Identity::generate());
    let to = ada.to_public();
    let (ada, eve): (&dyn age::Identity, &dyn age::Identity) = (&ada, &eve);
    for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 7] {
        let plain: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let mut sealed = Vec::new();
        let passed = seal_file(once(&to as &dyn age::Recipient), &plain[..], &mut sealed);
        let passed = passed.unwrap();
        assert_eq!(passed, Passed::of(&plain), "{length}");
        // By each way of opening.
        let mut file = Cursor::new(sealed.clone());
        assert_eq!(verify_file(&mut file, once(ada)).unwrap(), passed);
        assert_eq!(verify(&sealed, once(ada)).unwrap(), passed);
        let (opened, text) = open(&sealed, once(ada)).unwrap();
        assert_eq!((opened, &**text), (passed, &*plain));
        let mut out = Vec::new();
        assert_eq!(open_file(&mut file, once(ada), &mut out).unwrap(), passed);
        assert_eq!(out, plain);
        let (opened, mut reader) = verified_reader(file.clone(), once(ada)).unwrap();
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        assert_eq!((opened, read), (passed, plain));
        // Nothing of it is given out to others, or where a part of it is gone or another one.
        let mut out = Vec::new();
        let refused = open_file(&mut file, once(eve), &mut out).unwrap_err();
        assert!(matches!(refused, StreamError::NoIdentity), "{refused}");
        for cut in [
            sealed.len() - 1,
            sealed.len().saturating_sub(CHUNK + 16),
            10,
        ] {
            let mut file = Cursor::new(sealed[..cut].to_vec());
            assert!(
                open_file(&mut file, once(ada), &mut out).is_err(),
                "{length}, {cut}"
            );
        }
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(open_file(&mut Cursor::new(changed), once(ada), &mut out).is_err());
        let longer = [&sealed[..], &[0]].concat();
        assert!(open_file(&mut Cursor::new(longer), once(ada), &mut out).is_err());
        assert!(out.is_empty(), "{length}");
    }
}

/// Gives a few bytes at a time, before each of them an interruption, and somewhere a failure.
struct Stuttering<'b> {
    rest: &'b [u8],
    interrupted: bool,
    /// Fails once when so many bytes are left.
    fails_at: Option<usize>,
}

impl Read for Stuttering<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        if self.fails_at.is_some_and(|left| self.rest.len() <= left) {
            self.fails_at = None;
            return Err(std::io::ErrorKind::PermissionDenied.into());
        }
        let length = out.len().min(1000);
        self.rest.read(&mut out[..length])
    }
}

#[test]
fn an_interruption_is_none_and_a_failure_to_read_is_one() {
    let ada = Identity::generate();
    let seal = |plain: &[u8], fails_at| {
        let input = Stuttering {
            rest: plain,
            interrupted: false,
            fails_at,
        };
        let to = ada.to_public();
        let mut sealed = Vec::new();
        let passed = seal_file(once(&to as &dyn age::Recipient), input, &mut sealed)?;
        Ok::<_, StreamError>((passed, sealed))
    };
    for length in [10, CHUNK, 2 * CHUNK + 7] {
        let plain = vec![7; length];
        let (passed, sealed) = seal(&plain, None).unwrap();
        assert_eq!(passed, Passed::of(&plain), "{length}");
        let opened = verify(&sealed, once(&ada as &dyn age::Identity)).unwrap();
        assert_eq!(opened, passed, "{length}");
        for left in [length, length / 2, 0] {
            let refused = seal(&plain, Some(left)).map(drop).unwrap_err();
            assert!(
                matches!(refused, StreamError::Io(_)),
                "{length}, {left}: {refused}"
            );
        }
    }
}

/// Takes so many bytes and no more.
struct Full {
    room: usize,
    taken: Vec<u8>,
}

impl Write for &mut Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.taken.len() + bytes.len() > self.room {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.taken.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_was_not_written_to_its_last_byte_was_not_sealed() {
    let ada = Identity::generate();
    let to = ada.to_public();
    for length in [10, CHUNK, 2 * CHUNK + 7] {
        // The header is longer by some bytes each time, by a stanza that nobody reads.
        let payload = 16 + length + 16 * length.div_ceil(CHUNK);
        let (mut sealed, mut refused) = (0, 0);
        for header in (0..900).step_by(3) {
            let room = payload + header;
            let taken = Vec::new();
            let mut output = Full { room, taken };
            let to = once(&to as &dyn age::Recipient);
            match seal_file(to, &vec![7; length][..], &mut output) {
                Ok(passed) => {
                    let opened = verify(&output.taken, once(&ada as &dyn age::Identity));
                    assert_eq!(opened.unwrap(), passed, "{length}, {room}");
                    sealed += 1;
                }
                Err(error) => {
                    assert!(matches!(error, StreamError::Io(_)), "{length}: {error}");
                    refused += 1;
                }
            }
        }
        assert!(sealed > 50 && refused > 50, "{sealed}, {refused}");
    }
}

#[test]
fn a_header_that_nobody_would_read_back_is_not_written_before_a_large_file_either() {
    let seal = |width| {
        let to = Wide {
            width,
            beside: None,
        };
        let to = once(&to as &dyn age::Recipient);
        seal_file(to, &vec![7; 2 * CHUNK][..], std::io::sink()).map(drop)
    };
    assert!(seal(MAX_HEADER - 2000).is_ok());
    for width in [MAX_HEADER, 2 * MAX_HEADER] {
        let refused = seal(width).unwrap_err();
        assert!(
            matches!(&refused, StreamError::CannotSeal(why) if why == TOO_MANY),
            "{refused}"
        );
    }
}

#[test]
fn damage_is_told_from_a_failing_disk() {
    use std::io::{Error, ErrorKind};
    let is_damage = |error| matches!(sort(error), StreamError::Broken(_));
    for kind in [
        ErrorKind::InvalidData,
        ErrorKind::UnexpectedEof,
        ErrorKind::Other,
    ] {
        assert!(is_damage(kind.into()), "{kind}");
    }
    for kind in [ErrorKind::PermissionDenied, ErrorKind::StorageFull] {
        assert!(!is_damage(kind.into()), "{kind}");
    }
    // Of the system, whatever it is called here: EIO, and EUCLEAN, which has no name.
    for errno in [5, 117] {
        assert!(!is_damage(Error::from_raw_os_error(errno)), "{errno}");
    }
}

#[test]
fn only_the_first_chunk_is_kept() {
    let mut kept = FirstChunk(Zeroizing::new(Vec::new()));
    for piece in [vec![1; 10], vec![2; CHUNK], vec![3; 10]] {
        assert_eq!(kept.write(&piece).unwrap(), piece.len());
    }
    assert_eq!(
        (kept.0.len(), kept.0[9], kept.0[10], kept.0[CHUNK - 1]),
        (CHUNK, 1, 2, 2)
    );
}
