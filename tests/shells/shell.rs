//! A real shell on a terminal, with the completions of clws and somebody who presses TAB.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::lab::Lab;
use crate::support::terminal::Terminal;
use crate::support::tool::tool;

/// The shells.
pub(crate) const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// A folder with the built program in it alone, for PATH.
pub(crate) fn program_folder() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_clws"));
    program.parent().unwrap().to_owned()
}

/// A shell in the lab's vault, as ada, with clws in its PATH; `words` as its arguments.
pub(crate) fn command(lab: &Lab, shell: &str, words: &[&str]) -> Command {
    let mut path = vec![program_folder()];
    path.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    let mut command = Command::new(tool(shell));
    command
        .args(words)
        .current_dir(lab.vault())
        .env_clear()
        .env("HOME", lab.home("ada"))
        .env("PATH", std::env::join_paths(path).unwrap())
        .env("LANG", "C.UTF-8");
    command
}

/// A shell that somebody types in. ^O shows the line between `<<` and `>>`.
pub(crate) struct Typing {
    terminal: Terminal,
}

impl Typing {
    /// Starts bash or zsh with its completions, as a person's own file would.
    pub(crate) fn start(lab: &Lab, shell: &str) -> Self {
        let folder = lab.root().join("dotfiles");
        std::fs::create_dir_all(&folder).unwrap();
        let bash = folder.join("bashrc");
        let shown = r"printf '\n<<%s>>\n'";
        std::fs::write(
            &bash,
            format!(
                "PS1='ready> '; unset HISTFILE\nsource <(clws completions bash)\n\
                 bind 'set bell-style none'; bind 'set page-completions off'\n\
                 bind -x '\"\\C-o\": {} \"$READLINE_LINE\"'\n",
                shown.replace('\'', "\"")
            ),
        )
        .unwrap();
        std::fs::write(
            folder.join(".zshrc"),
            format!(
                "PS1='ready> '; LISTMAX=1000; autoload -U compinit; compinit -u -D\n\
                 source <(clws completions zsh)\n\
                 show() {{ {shown} \"$BUFFER\"; zle redisplay }}; zle -N show; bindkey '^O' show\n"
            ),
        )
        .unwrap();
        let rc = bash.display().to_string();
        let mut command = match shell {
            "bash" => command(lab, shell, &["--noprofile", "--rcfile", &rc, "-i"]),
            _ => command(lab, shell, &["-d", "-i"]),
        };
        command.env("ZDOTDIR", &folder);
        let mut terminal = Terminal::controlling(&command);
        terminal.sized(120, 50).shows("ready> ");
        Self { terminal }
    }

    /// Types a line, presses TAB, and finds this on the line.
    pub(crate) fn completes(&mut self, typed: &str, whole: &str) -> &mut Self {
        self.terminal.types(&format!("{typed}\t\x0f"));
        self.terminal.shows(&format!("<<{whole}>>"));
        self.terminal.types("\x15");
        self
    }

    /// Types a line, presses TAB twice, and is shown these.
    pub(crate) fn lists(&mut self, typed: &str, words: &[&str]) -> &mut Self {
        self.terminal.types(&format!("{typed}\t\t"));
        for word in words {
            self.terminal.shows(word);
        }
        self.terminal.types("\x15");
        self
    }

    /// Goes, and gives all that was on the terminal.
    pub(crate) fn leaves(self) -> String {
        let mut terminal = self.terminal;
        terminal.types("\x15exit\n");
        terminal.ends().1
    }
}

/// What fish offers for a line: words, without what they are for.
pub(crate) fn fish(lab: &Lab, line: &str) -> Vec<String> {
    let script = "clws completions fish | source; complete -C $argv[1]";
    let ran = command(lab, "fish", &["--no-config", "-c", script, line])
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    let text = String::from_utf8(ran.stdout).unwrap();
    let word = |line: &str| line.split('\t').next().unwrap().to_owned();
    text.lines().map(word).collect()
}

/// What clws answers a shell for the words of a line.
pub(crate) fn asked(lab: &Lab, shell: &str, words: &[&str]) -> Vec<String> {
    let mut run = lab.clws(&format!("complete {shell} --"));
    for word in words {
        run = run.word(*word);
    }
    let text = run.succeeds().text();
    let word = |line: &str| line.split('\t').next().unwrap().to_owned();
    text.lines().map(word).collect()
}
