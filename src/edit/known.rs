//! What is known about editors: how they wait, how they take a line, what they keep on disks.
//!
//! The file that is edited lies in memory, and an editor may still copy it to a disk: vim's undo,
//! swap and viminfo files lie where the person's configuration says, micro keeps backups, VS Code a
//! history of each saved file. Where a flag turns that off it is given; where none does, the person
//! is told. Editors that are not known here get the file and nothing else.

/// Where an editor shows itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// In the terminal: when it comes back, the person is done.
    Terminal,
    /// In a window of its own: it may come back before.
    Window,
    /// Nobody knows.
    Unknown,
}

/// How an editor is treated.
#[derive(Debug)]
pub(super) struct Manner {
    names: &'static [&'static str],
    pub(super) place: Place,
    /// The spellings of its flag to wait; the first is added where none is given.
    pub(super) wait: &'static [&'static str],
    /// What keeps plaintext off disks. `SCRATCH` stands for a folder in memory.
    pub(super) flags: &'static [&'static str],
    /// Whether `+7` before the file opens it at line 7.
    pub(super) takes_line: bool,
    /// What it keeps on a disk, and no flag turns off.
    pub(super) keeps: Option<&'static str>,
}

/// Stands in [`Manner::flags`] for the folder in memory.
pub(super) const SCRATCH: &str = "SCRATCH";

const PLAIN: Manner = Manner {
    names: &[],
    place: Place::Terminal,
    wait: &[],
    flags: &[],
    takes_line: false,
    keeps: None,
};

/// No swap file and no viminfo (shada in nvim). The person's vimrc is read after `--cmd` and before
/// `-c`, so what it may set again is settled in both: for the moment of reading by autocommands that
/// only their own group could remove, for the moment of writing by the last line. A modeline is text
/// out of the vault that would set options.
const VIM: &[&str] = &[
    "-n",
    "-i",
    "NONE",
    "--cmd",
    "set noundofile nobackup nowritebackup noswapfile nomodeline",
    "--cmd",
    "augroup clws",
    "--cmd",
    "autocmd BufReadPre,BufNewFile * setlocal noswapfile noundofile nomodeline",
    "--cmd",
    "augroup END",
    "-c",
    "set noundofile nobackup nowritebackup noswapfile",
];

const EMACS: &[&str] = &[
    "--eval",
    "(setq make-backup-files nil auto-save-default nil auto-save-list-file-prefix nil \
     create-lockfiles nil enable-local-variables nil)",
];

const WAIT: &[&str] = &["--wait", "-w"];

static KNOWN: &[Manner] = &[
    Manner {
        names: &["vim", "nvim", "vimx", "view", "rvim"],
        flags: VIM,
        takes_line: true,
        ..PLAIN
    },
    Manner {
        names: &["gvim", "mvim"],
        place: Place::Window,
        wait: &["-f", "--nofork"],
        flags: VIM,
        takes_line: true,
        ..PLAIN
    },
    // Some other vi than vim: no flag is common to them.
    Manner {
        names: &["vi", "nvi", "ex", "elvis", "vile"],
        takes_line: true,
        ..PLAIN
    },
    Manner {
        names: &["nano"],
        flags: &["--backupdir=SCRATCH"],
        takes_line: true,
        ..PLAIN
    },
    Manner {
        names: &["emacs"],
        flags: EMACS,
        takes_line: true,
        ..PLAIN
    },
    Manner {
        names: &["micro"],
        flags: &["-backup", "false", "-saveundo", "false"],
        takes_line: true,
        ..PLAIN
    },
    Manner {
        names: &["kak", "nano-tiny", "emacsclient", "ne", "mg", "zile", "jed"],
        takes_line: true,
        ..PLAIN
    },
    Manner {
        names: &[
            "hx", "helix", "mcedit", "pico", "tilde", "dte", "busybox", "ed", "red", "joe",
            "jmacs", "jpico", "jstar", "rjoe",
        ],
        ..PLAIN
    },
    Manner {
        names: &[
            "code",
            "code-insiders",
            "code-oss",
            "codium",
            "vscodium",
            "cursor",
            "windsurf",
        ],
        place: Place::Window,
        wait: WAIT,
        keeps: Some("a history of each saved file (`workbench.localHistory.enabled`)"),
        ..PLAIN
    },
    Manner {
        names: &["subl", "sublime_text", "zed", "zeditor"],
        place: Place::Window,
        wait: WAIT,
        keeps: Some("what is not saved yet in its session"),
        ..PLAIN
    },
    Manner {
        names: &["gedit", "xed", "atom", "pulsar", "mate"],
        place: Place::Window,
        wait: WAIT,
        ..PLAIN
    },
    Manner {
        names: &["kate"],
        place: Place::Window,
        wait: &["--block", "-b"],
        ..PLAIN
    },
    Manner {
        names: &["gnome-text-editor"],
        place: Place::Window,
        wait: &["--standalone", "-s"],
        ..PLAIN
    },
];

static UNKNOWN: Manner = Manner {
    place: Place::Unknown,
    ..PLAIN
};

/// The manner of a program, by its file name: `vim`, `vim.basic`.
pub(super) fn manner(name: &str) -> &'static Manner {
    let stem = name.split('.').next().unwrap_or_default();
    let known = KNOWN.iter().find(|manner| manner.names.contains(&stem));
    known.unwrap_or(&UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_editor_is_known_in_two_manners() {
        let mut names: Vec<&str> = KNOWN
            .iter()
            .flat_map(|manner| manner.names)
            .copied()
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
        assert_eq!(manner("vim.tiny").flags, VIM);
        assert_eq!(manner("my-editor").place, Place::Unknown);
    }
}
