//! What could not be meant is refused when a hook is read, not in the midst of a deploy.

use super::declaration::{Hook, parse_mode};
use super::error::HookError;
use super::files::HookFiles;
use super::probe::Where;
use super::reference::Reference;
use super::rotate::AccountHook;
use super::times::{PROBE, STEP, parse_duration};
use crate::name::{Component, SecretPath};
use crate::text::clean_line;

impl Hook {
    /// Reads a hook.
    ///
    /// # Errors
    /// [`HookError`] with the line.
    pub fn parse(component: &Component, bytes: &[u8]) -> Result<Self, HookError> {
        let wrong = |why: String| HookError::in_hook(component, why);
        let text = std::str::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8".into()))?;
        let hook: Self = toml::from_str(text).map_err(|error| wrong(said(&error, text)))?;
        if hook.container.is_some() && hook.process.is_some() {
            return Err(wrong("it is a container and a process".into()));
        }
        for (path, file) in &hook.file {
            if file.template.is_some() == file.secret.is_some() {
                return Err(wrong(format!("`{path}` is either a template or a secret")));
            }
            if path.starts_with('/') && hook.container.is_none() {
                return Err(wrong(format!(
                    "`{path}` is absolute, which only a container's files are"
                )));
            }
            let bad = |part: &str| matches!(part, "" | "." | "..");
            if path.trim_start_matches('/').split('/').any(bad) {
                return Err(wrong(format!("`{path}` is no path of a file")));
            }
            parse_mode(file.mode.as_deref()).map_err(&wrong)?;
        }
        for name in hook.env.keys() {
            if !is_variable(name) {
                return Err(wrong(format!("`{name}` is no name of a variable")));
            }
        }
        if let Some(container) = &hook.container {
            container.check(component).map_err(&wrong)?;
        }
        if hook
            .process
            .iter()
            .any(|process| process.command.is_empty())
        {
            return Err(wrong("the process runs nothing".into()));
        }
        if let Some(path) = hook.file.keys().find(|path| hook.is_taken(path)) {
            return Err(wrong(format!("`{path}` is a file of clws in that folder")));
        }
        hook.check_visible().map_err(&wrong)?;
        hook.check_switch().map_err(&wrong)?;
        for admin in hook.rotate.values().filter_map(AccountHook::admin) {
            if Reference::parse(admin).is_some() {
                return Err(wrong("`admin.password` is a secret of the vault".into()));
            }
        }
        for path in &hook.scripts_for {
            let is_one = path
                .parse::<SecretPath>()
                .is_ok_and(|one| one.as_str() == path);
            if !is_one || !path.contains('/') {
                let path = clean_line(path);
                return Err(wrong(format!(
                    "`{path}` in `scripts_for` is no full path of a secret, as `prod/web/TOKEN` is"
                )));
            }
        }
        for step in hook.steps() {
            if step.inside.is_some() && (step.place != Where::Host || !step.needs.is_empty()) {
                return Err(wrong(
                    "a step `inside` another container has no `in` and no `needs`".into(),
                ));
            }
            if step.run.is_empty() {
                return Err(wrong("a step runs nothing".into()));
            }
            if step.stdin.is_some() && !step.needs.is_empty() {
                return Err(wrong(
                    "a step is given either variables or standard input".into(),
                ));
            }
            hook.check_needs(&step.needs).map_err(&wrong)?;
            parse_duration(step.within.as_deref(), STEP).map_err(&wrong)?;
        }
        for probe in &hook.probe {
            probe.check().map_err(&wrong)?;
            hook.check_needs(&probe.needs).map_err(&wrong)?;
            parse_duration(probe.within.as_deref(), PROBE).map_err(&wrong)?;
        }
        Ok(hook)
    }

    /// Whether a file would lie where clws puts one of its own: in a component's folder, or in the one that
    /// its container sees.
    pub(crate) fn is_taken(&self, path: &str) -> bool {
        let first = path.split('/').next().unwrap_or_default();
        if self.container.is_some() {
            return first == "env" && self.env.values().any(|value| !value.is_visible());
        }
        let of_process = ["env", "output", "start.sh"];
        ["container", "leases", "pid"].contains(&first)
            || self.process.is_some() && of_process.contains(&first)
    }

    /// The files of a component's folder in `hooks/` are placed as they are, beside `[file]`: none of
    /// them has a name that something else has there.
    pub(super) fn check_files(
        &self,
        component: &Component,
        files: &HookFiles,
    ) -> Result<(), HookError> {
        if self.container.is_some() {
            return Ok(());
        }
        let templates = |path: &str| {
            let mut all = self.file.values();
            all.any(|file| file.template.as_deref() == Some(path))
        };
        let prefix = format!("{component}/");
        let own = files.keys().filter_map(|path| path.strip_prefix(&prefix));
        for path in own.filter(|path| !templates(path)) {
            let why = if self.file.contains_key(path) {
                "a [file] of that name takes its place"
            } else if self.is_taken(path) {
                "it has the name of a file of clws in the component's folder"
            } else {
                continue;
            };
            return Err(HookError::Wrong {
                file: format!("hooks/{component}/{path}"),
                why: why.to_owned(),
            });
        }
        Ok(())
    }

    /// A container alone has a configuration to be visible in.
    fn check_visible(&self) -> Result<(), String> {
        let visible = self.env.iter().find(|(_, value)| value.is_visible());
        match visible {
            Some((name, _)) if self.container.is_none() => Err(format!(
                "`{name}` is `visible`, which only a container's variables can be"
            )),
            _ => Ok(()),
        }
    }

    /// Old and new run at once until the switch: they can share a network, but no port of the host,
    /// and an alias would lead to both.
    fn check_switch(&self) -> Result<(), String> {
        if self.switch.is_empty() {
            return Ok(());
        }
        let container = self.container.as_ref();
        let container = container.ok_or("[[switch]] is for containers")?;
        if container.networks.is_empty() {
            return Err("[[switch]] needs `networks`: others find it there by its name".into());
        }
        if !container.ports.is_empty() || !container.aliases.is_empty() {
            return Err(
                "with [[switch]] the old and the new one run at once, so there are no \
                        `ports` and no `aliases`"
                    .into(),
            );
        }
        Ok(())
    }

    /// What a step or probe needs is something that the hook has.
    fn check_needs(&self, needs: &[String]) -> Result<(), String> {
        match needs
            .iter()
            .find(|name| !self.env.contains_key(*name) && !self.file.contains_key(*name))
        {
            Some(name) => Err(format!(
                "`needs` names `{name}`, which is neither in [env] nor in [file]"
            )),
            None => Ok(()),
        }
    }
}

/// What the parser says and in which line, without what stands there: some put a secret itself into a hook.
fn said(error: &toml::de::Error, text: &str) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = 1 + before.unwrap_or_default().matches('\n').count();
    let message = error.message();
    let what = match message.split_once(", expected ") {
        Some((found, wanted)) if found.starts_with("invalid ") => {
            format!("{} is wanted", in_toml(wanted))
        }
        _ => message.to_owned(),
    };
    format!("line {line}: {}", clean_line(&what))
}

/// What serde wants, in the words of TOML.
fn in_toml(wanted: &str) -> &str {
    match wanted {
        "a map" => "a table",
        "a sequence" => "a list",
        wanted if wanted.starts_with("struct ") => "a table",
        wanted => wanted,
    }
}

fn is_variable(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hook::files::HookFile;

    fn parse(text: &str) -> Result<Hook, HookError> {
        Hook::parse(&"web".parse().unwrap(), text.as_bytes())
    }

    #[test]
    fn what_is_wanted_is_said_in_the_words_of_toml() {
        for (text, wanted) in [
            ("runs_on = [\"server\"]", "a table"),
            ("env = 1", "a table"),
            ("\n[process]\ncommand = 1", "a list"),
            ("allow_disk = 1", "a boolean"),
        ] {
            let told = parse(text).unwrap_err().to_string();
            let line = 1 + text.matches('\n').count();
            let said = format!("line {line}: {wanted} is wanted");
            assert!(told.ends_with(&said), "{text}: {told}");
        }
    }

    #[test]
    fn what_could_not_be_meant_is_refused() {
        for text in [
            "proces = { command = [\"x\"] }",
            "[process]\ncommand = [\"x\"]\n[container]\nimage = \"x\"",
            "[file.\"/etc/x\"]\ntemplate = \"x\"",
            "[file.\"../x\"]\ntemplate = \"x\"",
            "[file.x]\ntemplate = \"x\"\nsecret = \"y\"",
            "[file.x]\ntemplate = \"x\"\nmode = \"rw\"",
            "[process]\ncommand = []",
            "[process]\ncommand = [\"x\"]\n[file.env]\ntemplate = \"x\"",
            "[process]\ncommand = [\"x\"]\n[file.\"start.sh\"]\ntemplate = \"x\"",
            "[file.pid]\ntemplate = \"x\"",
            "[container]\nimage = \"x\"\n[env]\nA = \"b\"\n[file.env]\ntemplate = \"x\"",
            "[container]\nimage = \"x\"\nname = \"bad name\"",
            "[container]\nimage = \"x\"\nname = \"web.clws-new\"",
            "[container]\nimage = \"x\"\nnetworks = [\"host:x\"]",
            "[env]\n\"A B\" = \"x\"",
            "[[before]]\nrun = [\"x\"]\nneeds = [\"TOKEN\"]",
            "[[probe]]\nrun = [\"x\"]\ntcp = \"y:1\"",
            "[[probe]]\nrun = [\"x\"]\nwithin = \"soon\"",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_of_the_hook_is_not_overwritten_in_silence() {
        let component = "web".parse().unwrap();
        let check = |text: &str, path: &str| {
            let file = HookFile {
                mode: "0644",
                bytes: Vec::new(),
            };
            let files = HookFiles::from([(format!("web/{path}"), file)]);
            parse(text).unwrap().check_files(&component, &files)
        };
        let process = "[process]\ncommand = [\"x\"]\n[file.\"s.sh\"]\ntemplate = \"t\"";
        assert!(check(process, "s.sh").is_err() && check(process, "start.sh").is_err());
        assert!(check(process, "t").is_ok() && check(process, "serve.sh").is_ok());
        // What only fills a file in is not placed itself.
        let same = "[file.\"s.sh\"]\ntemplate = \"s.sh\"";
        assert!(check(same, "s.sh").is_ok() && check(same, "start.sh").is_ok());
    }
}
