//! Sessions on hosts that misbehave, and how each ends in its time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clws::channel::Ended;
use clws::channel::ssh::{Change, Ends, Piece, Size};
use clws::deploy::{Injected, Sitting, attend};
use clws::error::{Code, Error};
use clws::fleet::{Host, Reach};
use clws::secret::Plain;
use russh::Preferred;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use crate::hostile::{Deed, Record, connect_within, start};

/// How a session ended, and how much of its output came.
struct Outcome {
    ended: Result<Ended, Error>,
    output: usize,
    record: Record,
}

/// What is done to a session while it runs.
type Meanwhile = fn(&mpsc::Sender<Change>);

async fn sit_on(
    deed: Deed,
    sitting: Sitting<'_>,
    given: Injected,
    meanwhile: Meanwhile,
) -> Outcome {
    let (known, record) = start(deed, Preferred::default()).await;
    let login = Duration::from_secs(4);
    let session = Arc::new(connect_within(&known, login).await.unwrap());
    let host = Host {
        name: "web".parse().unwrap(),
        scope: "test".parse().unwrap(),
        machine_type: "server".into(),
        reach: Reach::Local,
        boot: None,
    };
    let (typing, input) = mpsc::channel(1);
    let (changing, changes) = mpsc::channel(1);
    let (output, mut written) = mpsc::channel::<Piece>(1);
    typing
        .try_send(Zeroizing::new(b"a password that was typed".to_vec()))
        .unwrap();
    meanwhile(&changing);
    let reading = tokio::spawn(async move {
        let mut all = 0;
        while let Some((_, piece)) = written.recv().await {
            all += piece.len();
        }
        all
    });
    let mut ends = Ends {
        input,
        changes,
        output,
    };
    let begun = Instant::now();
    let ended = attend(&host, &session, &sitting, given, &mut ends, &|_| ()).await;
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(15), "{took:?}");
    drop(ends);
    Outcome {
        ended,
        output: reading.await.unwrap(),
        record,
    }
}

fn sitting(terminal: bool, by_request: bool) -> Sitting<'static> {
    let size = Size {
        columns: 80,
        rows: 24,
    };
    Sitting {
        words: &[],
        terminal: terminal.then(|| ("xterm".to_owned(), size)),
        by_request,
    }
}

async fn run_on(deed: Deed) -> Outcome {
    sit_on(deed, sitting(false, false), Injected::default(), |_| ()).await
}

#[tokio::test]
async fn a_missing_exit_status_of_a_session_is_a_failure() {
    let error = run_on(Deed::SaysNothing).await.ended.unwrap_err();
    assert_eq!(error.code(), Code::Remote, "{error:?}");
    assert_eq!(error.message(), "web did not say how the session ended");
}

#[tokio::test]
async fn what_is_typed_goes_to_no_other_program() {
    let outcome = run_on(Deed::Babbles).await;
    assert_eq!(outcome.ended.unwrap_err().code(), Code::Host);
    assert_eq!(
        (outcome.record.count("bytes received"), outcome.output),
        (0, 0)
    );
}

#[tokio::test]
async fn a_session_that_never_begins_is_given_up_and_can_be_left() {
    let outcome = run_on(Deed::WaitsForSecrets).await;
    let error = outcome.ended.unwrap_err();
    assert!(
        error.message().contains("did not end within 4 s"),
        "{error:?}"
    );
    assert_eq!(outcome.record.count("bytes received"), 0);
    // A signal is for a command, of which there is none yet.
    let leave: [Meanwhile; 2] = [
        |changes| changes.try_send(Change::Leave).unwrap(),
        |changes| changes.try_send(Change::Signal("INT")).unwrap(),
    ];
    for meanwhile in leave {
        let given = Injected::default();
        let sitting = sitting(false, false);
        let outcome = sit_on(Deed::WaitsForSecrets, sitting, given, meanwhile).await;
        assert_eq!(outcome.ended.unwrap(), Ended::Signal("TERM".into()));
    }
}

#[tokio::test]
async fn the_first_word_on_a_sessions_end_counts_and_endless_output_is_cut() {
    let outcome = run_on(Deed::NeverStops).await;
    assert_eq!(outcome.ended.unwrap(), Ended::Exit(3));
    assert!(outcome.output < 16 << 20, "{}", outcome.output);
}

#[tokio::test]
async fn a_host_that_does_not_answer_what_is_asked_is_given_up() {
    for sitting in [sitting(true, false), sitting(false, true)] {
        let given = Injected {
            variables: match sitting.by_request {
                true => vec![("TOKEN".into(), Plain::from("x"))],
                false => Vec::new(),
            },
            files: Vec::new(),
        };
        let outcome = sit_on(Deed::SaysNothing, sitting, given, |_| ()).await;
        let error = outcome.ended.unwrap_err();
        assert_eq!(error.code(), Code::Host, "{error:?}");
        assert!(error.message().contains("within 4 s"), "{error:?}");
    }
}
