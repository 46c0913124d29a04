//! A file of 1 GiB goes through sealing and opening in a bounded amount of memory.
//!
//! The work is done by this very test binary, started again as a child, so that what is measured
//! is the kernel's own high-water mark of a process that does nothing else.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use age::x25519::Identity;
use clws::crypto::stream::{open_file, seal_file};

use crate::support::tool::said;

const GIBIBYTE: u64 = 1024 * 1024 * 1024;

/// What sealing and opening together may take: 64 MiB, in the kernel's unit.
const MOST_KIB: u64 = 64 * 1024;

/// Tells the child what it is there for.
const TASK: &str = "CLWS_TEST_MEMORY_TASK";

#[test]
fn a_gibibyte_is_sealed_and_opened_in_less_than_64_mib() {
    #[expect(clippy::disallowed_methods, reason = "how the parent tells its child")]
    if let Ok(task) = std::env::var(TASK) {
        do_task(&task);
        return;
    }
    let (small, large) = (
        peak_kib("stream", 1024 * 1024),
        peak_kib("stream", GIBIBYTE),
    );
    println!("peak: {small} KiB for 1 MiB, {large} KiB for 1 GiB");
    assert!(large < MOST_KIB, "{large} KiB at the peak");
    // The scale can weigh: somebody who holds 100 MiB is seen to.
    let held = peak_kib("hold", 100 * 1024 * 1024);
    assert!(held > MOST_KIB, "only {held} KiB were seen of 100 MiB");
}

/// The child's half: does its task, and says how much memory it took at most.
fn do_task(task: &str) {
    let (what, size) = task.split_once(' ').unwrap();
    let size = size.parse().unwrap();
    match what {
        "stream" => seal_and_open(size),
        "hold" => {
            let held = vec![1_u8; usize::try_from(size).unwrap()];
            assert_eq!(std::hint::black_box(&held).len() as u64, size);
        }
        other => panic!("no task `{other}`"),
    }
    println!("\nVmHWM {}", high_water_kib());
}

fn peak_kib(what: &str, size: u64) -> u64 {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "--test-threads=1"])
        .arg("memory::a_gibibyte_is_sealed_and_opened_in_less_than_64_mib")
        .env(TASK, format!("{what} {size}"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM "))
        .unwrap()
        .parse()
        .unwrap()
}

fn seal_and_open(size: u64) {
    let identity = Identity::generate();
    let recipient = identity.to_public();
    // On disk: a file in memory would not be the process's own, but the machine has to hold it.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sealed.age");
    let sealed = seal_file(
        std::iter::once(&recipient as &dyn age::Recipient),
        Pattern { left: size },
        File::create(&path).unwrap(),
    )
    .unwrap();
    assert_eq!(sealed.size, size);
    assert!(sealed_size(&path) > size);

    let mut counted = Counted { size: 0 };
    let opened = open_file(
        &mut File::open(&path).unwrap(),
        std::iter::once(&identity as &dyn age::Identity),
        &mut counted,
    )
    .unwrap();
    assert_eq!((opened, counted.size), (sealed, size));
}

fn sealed_size(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}

/// The most memory that this process ever had, from the kernel.
fn high_water_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Bytes that are made as they are read.
struct Pattern {
    left: u64,
}

impl Read for Pattern {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = usize::try_from(self.left).unwrap().min(buffer.len());
        buffer[..length].fill((self.left >> 16) as u8);
        self.left -= length as u64;
        Ok(length)
    }
}

/// Counts what it is given and forgets it.
struct Counted {
    size: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
