//! Which editor, and how it is started.
//!
//! `editor` of the person's own config.toml, else VISUAL, else EDITOR, else vi or nano: nothing that
//! lies in a repository is asked. The program is looked up in the absolute folders of PATH alone, so
//! that a file of that name in the working folder is never run, and it is started without a shell, in a folder
//! of its own in memory.
//! The words of the variable are its arguments and mean nothing to us: a `--` among them opens no
//! further file (sudoedit, CVE-2023-22809), since only our own file is read back.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::EditError;
use super::known::{self, Manner, Place, SCRATCH};
use super::words;
use crate::world::World;

/// An editor that comes back sooner than this, with nothing changed, was hardly seen by anybody.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Where an editor is from that nobody named.
const FALLBACK: &str = "PATH";

/// What config.toml is called in messages.
const CONFIG: &str = "config.toml";

/// A program, its arguments, and what is known about it.
#[derive(Debug)]
pub(super) struct Editor {
    name: String,
    program: PathBuf,
    arguments: Vec<String>,
    manner: &'static Manner,
    /// Whether nobody named it.
    is_fallback: bool,
    /// Whether this session has windows at all.
    windows: bool,
}

/// What an editor that came back may have done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Back {
    /// It is done.
    Done,
    /// It may be open in a window.
    Perhaps,
    /// It is known to open a window, and did not wait.
    TooSoon,
}

impl Editor {
    /// The person's editor.
    ///
    /// # Errors
    /// [`EditError::NoEditor`], [`EditError::BadWords`], [`EditError::NotFound`].
    pub(super) fn choose(world: &World, configured: Option<&[String]>) -> Result<Self, EditError> {
        if let Some(words) = configured {
            return Self::of_words(world, words.to_vec(), CONFIG);
        }
        for variable in ["VISUAL", "EDITOR"] {
            let Some(text) = world.variable(variable) else {
                continue;
            };
            let wrong = |why| EditError::BadWords {
                from: variable,
                why,
            };
            let text = text.to_str().ok_or_else(|| wrong("it is no UTF-8"))?;
            let words = words::split(text).ok_or_else(|| wrong("a quote is not closed"))?;
            if !words.is_empty() {
                return Self::of_words(world, words, variable);
            }
        }
        let fallback = ["vi", "nano"].into_iter();
        fallback
            .filter(|name| world.program(name).is_some())
            .find_map(|name| Self::of_words(world, vec![name.to_owned()], FALLBACK).ok())
            .ok_or(EditError::NoEditor)
    }

    fn of_words(world: &World, words: Vec<String>, from: &'static str) -> Result<Self, EditError> {
        let mut words = words.into_iter();
        let name = words.next().unwrap_or_default();
        let program = world.program(&name).ok_or_else(|| EditError::NotFound {
            program: name.clone(),
            from,
        })?;
        Ok(Self {
            manner: manner_of(&program),
            is_fallback: from == FALLBACK,
            windows: ["DISPLAY", "WAYLAND_DISPLAY"]
                .iter()
                .any(|variable| world.variable(variable).is_some()),
            arguments: words.collect(),
            name,
            program,
        })
    }

    /// What it is called in messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is one that nobody named, which draws on a terminal.
    pub(super) fn is_fallback(&self) -> bool {
        self.is_fallback
    }

    /// What it keeps on a disk, where no flag turns that off.
    pub(super) fn keeps(&self) -> Option<&'static str> {
        self.manner.keeps
    }

    /// The command that opens `file`, at a line where the editor takes one. `scratch` is a folder in
    /// memory, for its temporary files.
    pub(super) fn command(
        &self,
        world: &World,
        file: &Path,
        line: Option<usize>,
        scratch: &Path,
    ) -> Command {
        let mut command = Command::new(&self.program);
        let waits = self
            .arguments
            .iter()
            .any(|argument| self.manner.wait.contains(&argument.as_str()));
        if !waits {
            command.args(self.manner.wait.first());
        }
        let scratch_text = scratch.to_string_lossy();
        for flag in self.manner.flags {
            command.arg(flag.replace(SCRATCH, &scratch_text));
        }
        command.args(&self.arguments);
        if let Some(line) = line.filter(|_| self.manner.takes_line) {
            command.arg(format!("+{line}"));
        }
        command.arg(file);
        let kept = world
            .environment()
            .filter(|(name, _)| !name.to_string_lossy().starts_with("CLWS_"));
        command.env_clear().envs(kept).env("TMPDIR", scratch);
        // Editors read settings, and run what these name, where they are started: `.exrc`, `.helix/languages.toml`. Some
        // leave the text there when they are hung up.
        command.current_dir(scratch).env("PWD", scratch);
        command
    }

    /// What to think of an editor that came back after `open`, with nothing changed.
    pub(super) fn came_back(&self, open: Duration) -> Back {
        match self.manner.place {
            _ if open >= AT_ONCE => Back::Done,
            Place::Terminal => Back::Done,
            Place::Window => Back::TooSoon,
            Place::Unknown if self.windows => Back::Perhaps,
            Place::Unknown => Back::Done,
        }
    }
}

/// What the program is: by its own name, and where that says little (`vi`, `editor`), by the name of
/// the file that it leads to.
fn manner_of(program: &Path) -> &'static Manner {
    let name_of = |path: &Path| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    };
    let name = name_of(program);
    match name.as_str() {
        "vi" | "view" | "ex" | "editor" => {
            let leads_to = std::fs::canonicalize(program).map(|path| name_of(&path));
            known::manner(leads_to.as_deref().unwrap_or(&name))
        }
        other => known::manner(other),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::world::Clock;

    /// A folder with programs of these names, and a world whose PATH is that folder.
    fn world(programs: &[&str], variables: &[(&str, &str)]) -> (tempfile::TempDir, World) {
        let dir = tempfile::tempdir().unwrap();
        for name in programs {
            let path = dir.path().join(name);
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let path = dir.path().to_str().unwrap();
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).into(), value.replace("DIR", path).into()));
        let all: Vec<_> = variables
            .chain([("PATH".into(), format!("relative::{path}").into())])
            .collect();
        (dir, World::new(Clock::System, all, "/".into()))
    }

    fn command(editor: &Editor, world: &World, line: Option<usize>) -> Vec<String> {
        let command = editor.command(world, Path::new("/ram/x"), line, Path::new("/ram/.tmp"));
        let arguments = command.get_args();
        arguments
            .map(|word| word.to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn the_configuration_comes_first_then_visual_then_editor_then_vi() {
        let all = &["vi", "nano", "one", "two", "three"];
        let both = &[("VISUAL", "two -x"), ("EDITOR", "three")];
        let (_dir, with_both) = world(all, both);
        let configured = ["one".to_owned()];
        let name = |editor: Result<Editor, EditError>| editor.unwrap().name;
        assert_eq!(name(Editor::choose(&with_both, Some(&configured))), "one");
        assert_eq!(name(Editor::choose(&with_both, None)), "two");
        let (_dir, second) = world(all, &[("VISUAL", " "), ("EDITOR", "three")]);
        assert_eq!(name(Editor::choose(&second, None)), "three");
        let (_dir, neither) = world(all, &[]);
        assert_eq!(name(Editor::choose(&neither, None)), "vi");
        let (_dir, only_nano) = world(&["nano"], &[]);
        assert_eq!(name(Editor::choose(&only_nano, None)), "nano");
        let (_dir, none) = world(&[], &[]);
        assert!(matches!(
            Editor::choose(&none, None),
            Err(EditError::NoEditor)
        ));
        let (_dir, missing) = world(all, &[("EDITOR", "emacs")]);
        assert!(matches!(
            Editor::choose(&missing, None),
            Err(EditError::NotFound { .. })
        ));
        let (_dir, open) = world(all, &[("EDITOR", "vi '")]);
        assert!(matches!(
            Editor::choose(&open, None),
            Err(EditError::BadWords { .. })
        ));
    }

    #[test]
    fn a_program_of_the_working_folder_is_not_run_by_its_name() {
        let here = tempfile::tempdir().unwrap();
        let planted = here.path().join("vim");
        std::fs::write(&planted, "").unwrap();
        std::fs::set_permissions(&planted, std::fs::Permissions::from_mode(0o755)).unwrap();
        let all = [("PATH", ".::"), ("EDITOR", "vim")];
        let all = all.map(|(name, value)| (name.into(), value.into()));
        let world = World::new(Clock::System, all, here.path().into());
        assert!(Editor::choose(&world, None).is_err());
        assert!(world.program("./vim").is_some());
    }

    #[test]
    fn known_editors_get_their_flags_and_a_line_where_they_take_one() {
        let (dir, world) = world(&["vim", "code", "mine", "nano"], &[]);
        std::os::unix::fs::symlink("vim", dir.path().join("vi")).unwrap();
        let editor = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            Editor::choose(&world, Some(&words)).unwrap()
        };
        for name in ["vim", "vi"] {
            let words = command(&editor(&[name, "-R"]), &world, Some(7));
            assert_eq!(words[..3], ["-n", "-i", "NONE"]);
            assert_eq!(words[words.len() - 3..], ["-R", "+7", "/ram/x"]);
        }
        assert_eq!(
            command(&editor(&["nano"]), &world, None),
            ["--backupdir=/ram/.tmp", "/ram/x"]
        );
        assert_eq!(
            command(&editor(&["code"]), &world, Some(7)),
            ["--wait", "/ram/x"]
        );
        assert_eq!(
            command(&editor(&["code", "-w"]), &world, None),
            ["-w", "/ram/x"]
        );
        assert_eq!(
            command(&editor(&["mine", "--", "/etc/passwd"]), &world, Some(7)),
            ["--", "/etc/passwd", "/ram/x"]
        );
    }

    #[test]
    fn a_child_gets_no_variable_of_ours_and_its_temporary_folder_in_memory() {
        let (_dir, world) = world(
            &["mine"],
            &[("CLWS_IDENTITY", "x"), ("TMPDIR", "/tmp"), ("A", "b")],
        );
        let editor = Editor::choose(&world, Some(&["mine".to_owned()])).unwrap();
        let command = editor.command(&world, Path::new("/ram/x"), None, Path::new("/ram/.tmp"));
        let variables: Vec<String> = command
            .get_envs()
            .map(|(name, value)| format!("{}={}", name.display(), value.unwrap().display()))
            .collect();
        assert!(variables.contains(&"TMPDIR=/ram/.tmp".to_owned()));
        assert!(variables.contains(&"A=b".to_owned()));
        assert!(!variables.iter().any(|line| line.starts_with("CLWS_")));
    }

    #[test]
    fn only_what_may_have_a_window_is_asked_about() {
        let (_dir, plain) = world(&["vim", "code", "mine"], &[]);
        let (_dir2, windows) = world(&["vim", "code", "mine"], &[("DISPLAY", ":0")]);
        let back = |world: &World, name: &str, millis| {
            let editor = Editor::choose(world, Some(&[name.to_owned()])).unwrap();
            editor.came_back(Duration::from_millis(millis))
        };
        assert_eq!(back(&windows, "vim", 10), Back::Done);
        assert_eq!(back(&plain, "code", 10), Back::TooSoon);
        assert_eq!(back(&plain, "code", 5_000), Back::Done);
        assert_eq!(back(&plain, "mine", 10), Back::Done);
        assert_eq!(back(&windows, "mine", 10), Back::Perhaps);
    }
}
