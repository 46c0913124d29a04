//! The loop: a text, what is said about it, and whether time and memory were kept.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Seek as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::mutate::mutated;
use crate::random::Random;

/// How long each target is tried: `CLWS_FUZZ` in seconds.
const SHORT: u64 = 3;

/// Up to here the same texts are tried each time, as far as it gets; whoever has longer goes elsewhere.
const SAME: u64 = 600;

/// A text of 64 KiB takes milliseconds; this is what a busy machine and a build for tests may make of them.
const SLOW: Duration = Duration::from_secs(5);

/// What takes this long never ends.
const STUCK: Duration = Duration::from_secs(60);

/// What one text may take on top of what the test has at that moment: the texts that it keeps alone may be more.
const MEMORY_KIB: u64 = 64 * 1024;

/// How many texts are kept to be changed further.
const CORPUS: usize = 2000;

/// Tries texts near the seeds. `attempt` reads one, asserts what holds of it, and gives what was said
/// about it: an error's text, or which kind of thing it is.
pub(crate) fn fuzz(
    name: &str,
    seeds: &[&[u8]],
    words: &[&str],
    mut attempt: impl FnMut(&[u8]) -> String,
) {
    #[expect(
        clippy::disallowed_methods,
        reason = "the person who runs the tests says so"
    )]
    let wanted = std::env::var("CLWS_FUZZ").ok();
    let seconds = wanted.map_or(SHORT, |wanted| wanted.parse().expect("CLWS_FUZZ: seconds"));
    let until = Instant::now() + Duration::from_secs(seconds);
    let seed = if seconds <= SAME {
        1
    } else {
        u64::from(std::process::id())
    };
    let mut random = Random::from_seed(seed);
    let mut corpus: Vec<Vec<u8>> = seeds.iter().map(|seed| seed.to_vec()).collect();
    let mut said = BTreeSet::new();
    let file = format!("{}/fuzz-{name}", env!("CARGO_TARGET_TMPDIR"));
    let mut last = fs::File::create(&file).unwrap();
    let started_at = Arc::new(Mutex::new(Instant::now()));
    watch(name.to_owned(), &started_at);
    let mut tried = 0_u64;
    while Instant::now() < until || tried < 100 {
        let count = usize::try_from(tried).unwrap();
        let text = match corpus.get(count).filter(|_| count < seeds.len()) {
            Some(seed) => seed.clone(),
            None => {
                let from = random.of(&corpus).clone();
                mutated(&from, words, &corpus, &mut random)
            }
        };
        // On the disk before it is tried: a stack that overflows leaves no other trace.
        last.set_len(0).unwrap();
        last.rewind().unwrap();
        last.write_all(&text).unwrap();
        let before = memory_from_here();
        let started = Instant::now();
        *started_at.lock().unwrap() = started;
        let answer = catch_unwind(AssertUnwindSafe(|| attempt(&text)));
        let took = started.elapsed();
        let answer =
            answer.unwrap_or_else(|_| panic!("{name}: see {file}, seed {seed}, text {tried}"));
        assert!(took < SLOW, "{name}: {took:?} for {file}");
        tried += 1;
        // The kernel adds up what each core counted, and may find a page less than before.
        let more = most_memory().saturating_sub(before);
        assert!(more < MEMORY_KIB, "{name}: {more} KiB more for {file}");
        if said.insert(without_details(&answer)) && corpus.len() < CORPUS {
            corpus.push(text);
        }
    }
    fs::remove_file(&file).unwrap();
    println!("{name}: {tried} texts, {} different answers", said.len());
    assert!(said.len() > 1, "{name}: {said:?} is all that is ever said");
}

/// Ends the whole process when a text is never done with; the file with it stays.
fn watch(name: String, started_at: &Arc<Mutex<Instant>>) {
    let started_at = Arc::downgrade(started_at);
    thread::spawn(move || {
        while let Some(started) = started_at.upgrade() {
            if started.lock().unwrap().elapsed() > STUCK {
                println!("{name}: never done with its last text");
                std::process::abort();
            }
            drop(started);
            thread::sleep(Duration::from_secs(1));
        }
    });
}

/// An answer without numbers and what it quotes: what is left is which branch was taken.
fn without_details(answer: &str) -> String {
    let mut out = String::new();
    let mut is_quoted = false;
    for character in answer.chars().filter(|c| !c.is_ascii_digit()) {
        if character == '`' {
            is_quoted = !is_quoted;
        } else if !is_quoted {
            out.push(character);
        }
    }
    out.truncate(out.char_indices().nth(120).map_or(out.len(), |(at, _)| at));
    out
}

/// What this process has now, in KiB; the most that it had is counted from here (proc(5), `clear_refs`).
fn memory_from_here() -> u64 {
    fs::write("/proc/self/clear_refs", "5").unwrap();
    most_memory()
}

/// The most memory that this process had, in KiB.
fn most_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.unwrap().parse().unwrap()
}

/// Says how an attempt ended.
pub(crate) fn said<T, E: std::fmt::Display>(result: &Result<T, E>) -> String {
    match result {
        Ok(_) => "accepted".into(),
        Err(error) => error.to_string(),
    }
}
