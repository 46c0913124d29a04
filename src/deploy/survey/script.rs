//! What a host says of itself to whoever only looks: its receipts, its space, its clock.

use std::collections::{BTreeMap, BTreeSet};

use crate::channel::{Channel, Command};
use crate::deploy::receipt::{MAX_RECEIPT, Receipt, Unread};
use crate::deploy::target::{MOST, TargetError, said, too_many};
use crate::error::Error;
use crate::fleet::Host;
use crate::name::Component;
use crate::text::clean;
use crate::time::Moment;

/// Finds the folders of the vault `$1` where [`crate::deploy::target::facts`] makes them, and makes none. Prints
/// `clock`, `space`, `folder` and `receipt` lines; behind one of a receipt its text, of as many bytes as it
/// says. What has a folder is not named while somebody deploys: it may be on its way.
const LIST: &str = r#"
LC_ALL=C
export LC_ALL
uid=$(id -u)
if [ "$uid" = 0 ]; then
    base=/run/clws state=/var/lib/clws
else
    base=${XDG_RUNTIME_DIR:-/dev/shm} state=${XDG_STATE_HOME:-$HOME/.local/state}/clws/target
fi
memory() { case $(stat -f -c %T "$1" 2>/dev/null) in tmpfs|ramfs) return 0;; esac; return 1; }
memory "$base" || base=/dev/shm
since=$(while read -r key value _; do [ "$key" != btime ] || echo "$value"; done </proc/stat)
printf 'clock\t%s\t%s\n' "$since" "$(getconf CLK_TCK 2>/dev/null || echo 100)"
space() { printf 'space\t%s\t%s\t%s\n' "$1" "$2" "$(stat -f -c '%S %b %f %a' "$2" 2>/dev/null)"; }
memory "$base" && space memory "$base"
space disk /
point=$(stat -c %m /var/lib/docker 2>/dev/null)
case $point in ''|/) ;; *) space disk "$point";; esac
lock=$state/$1/lock holder=
{ read -r holder _ <"$lock"; } 2>/dev/null
if ! [ "/proc/${holder:-none}/fd/9" -ef "$lock" ]; then
    for own in "${base%/clws}/clws" "/dev/shm/clws-$uid" "$state/place"; do
        [ -O "$own" ] && [ ! -L "$own" ] || continue
        for folder in "$own/$1"/*/*/; do
            [ -d "$folder" ] || continue
            folder=${folder%/*/}
            printf 'folder\t%s\n' "${folder##*/}"
        done
    done
fi
cd "$state/$1" 2>/dev/null || exit 0
for file in *.json; do
    [ -f "$file" ] || continue
    text=$(cat "./$file") || continue
    printf 'receipt\t%s\t%s\n%s\n' "${file%.json}" "${#text}" "$text"
done
exit 0
"#;

/// Many receipts of ordinary length: what a host may print.
const MAX_LIST: usize = 4 * MAX_RECEIPT;

/// What a folder lies on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stuff {
    /// Memory.
    Memory,
    /// A disk.
    Disk,
}

/// How much room there is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Space {
    /// On what.
    pub stuff: Stuff,
    /// Where: a folder of the host, foreign text.
    pub path: String,
    /// All of it that can be used, in bytes.
    pub size: u64,
    /// What is free for the account that deploys, in bytes.
    pub free: u64,
}

/// The clock of a host, by which its processes are known.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock {
    /// The moment of the boot, in seconds since 1970.
    since: i64,
    /// Clock ticks a second.
    ticks: u64,
}

impl Clock {
    /// The moment so many ticks after the boot.
    pub(super) fn at(&self, ticks: u64) -> Option<Moment> {
        let seconds = i64::try_from(ticks.checked_div(self.ticks)?).ok()?;
        Some(Moment::from_seconds(self.since.checked_add(seconds)?))
    }
}

/// What a host has.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) space: Vec<Space>,
    pub(super) clock: Clock,
    /// The receipts; why one does not read.
    pub(super) receipts: BTreeMap<Component, Result<Receipt, Unread>>,
    /// What has a folder there.
    pub(super) folders: BTreeSet<Component>,
}

impl Listed {
    /// Whether it is more than any host has.
    fn is_too_much(&self) -> bool {
        self.space
            .len()
            .max(self.receipts.len() + self.folders.len())
            > MOST
    }
}

/// Asks a host for what it has of a vault.
///
/// # Errors
/// [`TargetError::Script`], [`crate::channel::ChannelError`].
pub(super) async fn list(host: &Host, channel: &Channel, vault: &str) -> Result<Listed, Error> {
    let command = Command::new(LIST).argument(vault).output_cap(MAX_LIST);
    let outcome = channel.run(&command).await?;
    let is_cut = outcome.truncated;
    let text = said(&host.name, "say what it has", outcome)?;
    let listed = parse(&text);
    if listed.as_ref().is_some_and(Listed::is_too_much) {
        return Err(too_many(&host.name).into());
    }
    listed.filter(|_| !is_cut).ok_or_else(|| {
        TargetError::Script {
            host: host.name.to_string(),
            doing: "say what it has".into(),
            said: match is_cut {
                true => format!("it says more than {} MiB", MAX_LIST >> 20),
                false => clean(text.lines().next().unwrap_or_default()),
            },
        }
        .into()
    })
}

/// Reads what [`LIST`] prints; nothing if it is something else.
fn parse(text: &str) -> Option<Listed> {
    let mut listed = Listed::default();
    let mut has_clock = false;
    let mut rest = text;
    while !rest.is_empty() {
        let (line, behind) = rest.split_once('\n')?;
        rest = behind;
        let fields: Vec<&str> = line.split('\t').collect();
        match fields.as_slice() {
            ["clock", since, ticks] => {
                has_clock = true;
                listed.clock = Clock {
                    since: since.parse().unwrap_or_default(),
                    ticks: ticks.parse().unwrap_or_default(),
                };
            }
            ["space", stuff, path, numbers] => listed.space.extend(space(stuff, path, numbers)),
            ["folder", name] => listed.folders.extend(name.parse::<Component>()),
            ["receipt", name, length] => {
                let length: usize = length.parse().ok()?;
                let (receipt, behind) = rest.split_at_checked(length)?;
                rest = behind.strip_prefix('\n')?;
                // What has no component's name was not written by clws.
                if let Ok(component) = name.parse() {
                    let read = Receipt::parse(receipt.as_bytes());
                    listed.receipts.insert(component, read);
                }
            }
            _ => return None,
        }
    }
    has_clock.then_some(listed)
}

fn space(stuff: &str, path: &str, numbers: &str) -> Option<Space> {
    let numbers: Vec<u64> = numbers
        .split(' ')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    let [block, blocks, left, free] = numbers.as_slice() else {
        return None;
    };
    // As df reckons: what is kept for root is neither used nor free.
    let blocks = blocks.saturating_sub(*left).saturating_add(*free);
    Some(Space {
        stuff: match stuff {
            "memory" => Stuff::Memory,
            _ => Stuff::Disk,
        },
        path: path.to_owned(),
        size: block.saturating_mul(blocks),
        free: block.saturating_mul(*free),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_says_is_read_and_rubbish_is_none_of_it() {
        let text = "clock\t1000\t100\nspace\tmemory\t/run/clws\t4096 110 60 50\n\
                    space\tdisk\t/\t\nfolder\tapi\nreceipt\tweb\t2\n{}\nreceipt\tno such\t3\na\nb\n";
        let listed = parse(text).unwrap();
        assert_eq!(listed.clock.at(250), Some(Moment::from_seconds(1002)));
        assert_eq!(listed.space.len(), 1);
        assert_eq!(
            (listed.space[0].size, listed.space[0].free),
            (409_600, 204_800)
        );
        let names: Vec<_> = listed.receipts.iter().collect();
        assert_eq!(names.len(), 1);
        assert_eq!(*names[0].1, Err(Unread::Broken));
        assert_eq!(listed.folders.len(), 1);
        for rubbish in [
            "",
            "hello\n",
            "clock\t1\t1\nreceipt\tweb\t9\n{}\n",
            "clock\t1\t1\nreceipt\tweb\t1\né\n",
            "clock\t1\t1",
        ] {
            assert!(parse(rubbish).is_none(), "{rubbish}");
        }
        // What would fill a screen is too much.
        for line in [
            "receipt\tN\t2\n{}\n",
            "folder\tN\n",
            "space\tdisk\t/N\t1 9 1 1\n",
        ] {
            let lines = |count: usize| {
                let line = |number: usize| line.replace('N', &format!("n{number}"));
                format!("clock\t1\t1\n{}", (0..count).map(line).collect::<String>())
            };
            assert!(
                !parse(&lines(MOST)).unwrap().is_too_much()
                    && parse(&lines(MOST + 1)).unwrap().is_too_much(),
                "{line}"
            );
        }
        // A host without a clock to speak of only does not know since when.
        assert_eq!(parse("clock\t\t0\n").unwrap().clock.at(5), None);
    }
}
