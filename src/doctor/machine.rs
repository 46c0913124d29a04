//! The machine: memory-backed storage, swap, the kernel, the clock.

use super::{Diagnosis, version_of};
use crate::error::Error;
use crate::fs::RamDir;
use crate::time::Moment;
use crate::world::World;

/// `openat2`, with which no path leads out of a vault (openat2(2): since Linux 5.6).
const OLDEST_KERNEL: (u32, u32) = (5, 6);

/// 2026-01-01: this program is younger, so a clock that says less is wrong.
const YOUNGER_THAN: i64 = 1_767_225_600;

/// Looks at the machine.
#[must_use]
pub fn machine(world: &World) -> Vec<Diagnosis> {
    let mut all = vec![memory(world), kernel(), clock(world.now())];
    let swaps = std::fs::read_to_string("/proc/swaps").unwrap_or_default();
    all.extend(swap(&swaps));
    all
}

fn memory(world: &World) -> Diagnosis {
    match RamDir::new(world) {
        Ok(folder) => {
            let place = folder.path().parent().unwrap_or(folder.path());
            let why = format!("files for programs and editors lie in {}", place.display());
            Diagnosis::fine("memory", why)
        }
        Err(error) => Diagnosis::of("memory", &Error::from(error)),
    }
}

fn kernel() -> Diagnosis {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim();
    let (major, minor) = OLDEST_KERNEL;
    match version_of(release) {
        Some(version) if version < OLDEST_KERNEL => Diagnosis::wrong(
            "kernel",
            format!("Linux {release} cannot hold a path inside of the vault"),
            format!("use Linux {major}.{minor} or later"),
        ),
        _ => Diagnosis::fine("kernel", format!("Linux {release}")),
    }
}

fn clock(now: Moment) -> Diagnosis {
    if now.seconds() < YOUNGER_THAN {
        let why = format!("the clock says {now}, before this program was made");
        let next = "set it, and have it kept: timedatectl set-ntp true";
        return Diagnosis::wrong("clock", why, next);
    }
    Diagnosis::fine("clock", now.to_string())
}

/// Swap devices that may keep what was in memory: a compressed piece of memory is none, and what a device
/// mapper's device writes is most often encrypted, which cannot be seen without root.
fn swap(swaps: &str) -> Option<Diagnosis> {
    let names = swaps.lines().skip(1);
    let names = names.filter_map(|line| line.split_whitespace().next());
    let disks =
        names.filter(|name| !name.starts_with("/dev/zram") && !name.starts_with("/dev/dm-"));
    let disks: Vec<&str> = disks.collect();
    (!disks.is_empty()).then(|| {
        Diagnosis::note(
            "swap",
            format!("memory may be written to {}", disks.join(", ")),
            "encrypt the swap device, or use zram",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_clock_of_1970_is_wrong_and_one_of_2100_is_not_for_us_to_say() {
        assert_eq!(clock(Moment::from_seconds(0)).state, State::Wrong);
        assert_eq!(
            clock(Moment::from_seconds(4_102_444_800)).state,
            State::Fine
        );
    }

    #[test]
    fn only_swap_on_a_plain_device_or_file_is_told() {
        let head = "Filename\t\t\tType\t\tSize\tUsed\tPriority\n";
        for quiet in [
            "",
            "/dev/zram0 partition 1 0 100\n",
            "/dev/dm-1 partition 1 0 -2\n",
        ] {
            assert_eq!(swap(&format!("{head}{quiet}")), None, "{quiet}");
        }
        let told = swap(&format!("{head}/swapfile file 1 0 -2\n")).unwrap();
        assert!(told.why.contains("/swapfile"), "{told:?}");
    }
}
