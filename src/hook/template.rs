//! `{{ … }}` in hooks and templates.
//!
//! `{{ settings.version }}`, `{{ place }}`, `{{ run }}`, `{{ scope }}`, `{{ host.name }}` anywhere;
//! `{{ secrets.rest-server/DB_PASSWORD | url }}` in template files alone, and there `{{ server.PATH#FIELD }}` and
//! `{{ lease.MOUNT/creds/ROLE#FIELD }}`. A filter escapes a value for where it lands; several are applied from
//! left to right.

use std::collections::{BTreeMap, BTreeSet};

use super::reference::{LEASE, SERVER};
use crate::secret::{MAX_OPTION_LINE, Plain, in_ini, in_shell, in_sql, in_url};

/// One piece of a template.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Piece<'a> {
    Text(&'a str),
    Name { name: &'a str, filters: Vec<Filter> },
}

/// How a value is escaped for where it lands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Filter {
    /// Inside a JSON string.
    Json,
    /// One part of a URL (RFC 3986, 2.3).
    Url,
    /// One word of a POSIX shell.
    Shell,
    /// A value of an INI or my.cnf file, in double quotes.
    Ini,
    /// Inside a single-quoted string of MySQL or MariaDB (`mysql_real_escape_string`).
    Sql,
}

/// What is wrong with a template; never a value.
pub(super) type TemplateFault = String;

/// Reads a template into its pieces.
fn pieces(text: &str) -> Result<Vec<Piece<'_>>, TemplateFault> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let line = 1 + text
            .len()
            .checked_sub(after.len())
            .and_then(|at| text.get(..at))
            .map_or(0, |t| t.matches('\n').count());
        let (inner, behind) = after
            .split_once("}}")
            .ok_or_else(|| format!("line {line}: `{{{{` without `}}}}`"))?;
        let mut parts = inner.split('|').map(str::trim);
        let name = parts.next().unwrap_or_default();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(format!(
                "line {line}: `{{{{{inner}}}}}` is not one name; a secret is `{{{{ secrets.PATH }}}}`"
            ));
        }
        let filters: Result<Vec<Filter>, _> = parts.map(|part| filter(part, line)).collect();
        pieces.push(Piece::Text(before));
        pieces.push(Piece::Name {
            name,
            filters: filters?,
        });
        rest = behind;
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

fn filter(name: &str, line: usize) -> Result<Filter, TemplateFault> {
    match name {
        "json" => Ok(Filter::Json),
        "url" => Ok(Filter::Url),
        "shell" => Ok(Filter::Shell),
        "ini" => Ok(Filter::Ini),
        "sql" => Ok(Filter::Sql),
        other => Err(format!(
            "line {line}: there is no filter `{other}`, but json, url, shell, ini and sql"
        )),
    }
}

impl Filter {
    fn apply(self, text: &str) -> Result<String, TemplateFault> {
        Ok(match self {
            Self::Json => {
                let quoted =
                    serde_json::to_string(text).map_err(|_| "a value is no text".to_owned())?;
                quoted
                    .get(1..quoted.len() - 1)
                    .unwrap_or_default()
                    .to_owned()
            }
            Self::Url => in_url(text.as_bytes(), b""),
            Self::Shell => format!("'{}'", in_shell(text)),
            Self::Ini => {
                if text.contains(['\n', '\r']) {
                    return Err("a value has several lines, which `ini` cannot hold".to_owned());
                }
                format!("\"{}\"", in_ini(text))
            }
            Self::Sql => in_sql(text),
        })
    }
}

/// The name of the secret that a template means: what is written behind `secrets.`, or all of it for what a
/// server has.
fn secret_of(name: &str) -> Option<&str> {
    match name.starts_with(SERVER) || name.starts_with(LEASE) {
        true => Some(name),
        false => name.strip_prefix("secrets."),
    }
}

/// The secrets that a template names.
///
/// # Errors
/// What is wrong with the template.
pub(crate) fn secrets_in(text: &str) -> Result<BTreeSet<&str>, TemplateFault> {
    let names = pieces(text)?.into_iter().filter_map(|piece| match piece {
        Piece::Name { name, .. } => secret_of(name),
        Piece::Text(_) => None,
    });
    Ok(names.collect())
}

/// Checks that every plain name of a template file is known; secrets are looked up elsewhere.
///
/// # Errors
/// An unknown name; a fault of the template.
pub(crate) fn check(text: &str, names: &BTreeMap<String, String>) -> Result<(), TemplateFault> {
    for piece in pieces(text)? {
        if let Piece::Name { name, .. } = piece
            && secret_of(name).is_none()
        {
            lookup(name, names)?;
        }
    }
    Ok(())
}

/// Fills in plain names; a secret has no place here.
///
/// # Errors
/// An unknown name; a fault of the template.
pub(crate) fn fill(text: &str, names: &BTreeMap<String, String>) -> Result<String, TemplateFault> {
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text)? {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Name { name, .. } if secret_of(name).is_some() => {
                return Err(format!(
                    "`{name}` is a secret, which only a template file may hold"
                ));
            }
            Piece::Name { name, filters } => {
                let mut value = lookup(name, names)?.clone();
                for filter in filters {
                    value = filter.apply(&value)?;
                }
                out.push_str(&value);
            }
        }
    }
    Ok(out)
}

/// Fills in a template file, secrets included.
///
/// # Errors
/// An unknown name; a secret that is no text; a fault of the template. Never a value.
pub(crate) fn render(
    text: &str,
    names: &BTreeMap<String, String>,
    secret: impl Fn(&str) -> Option<Plain>,
) -> Result<Plain, TemplateFault> {
    let mut out = zeroize::Zeroizing::new(Vec::with_capacity(text.len() + 256));
    // Where options of an INI file end.
    let mut options = Vec::new();
    for piece in pieces(text)? {
        let (name, filters) = match piece {
            Piece::Text(text) => {
                out.extend_from_slice(text.as_bytes());
                continue;
            }
            Piece::Name { name, filters } => (name, filters),
        };
        let value = match secret_of(name) {
            Some(path) => secret(path).ok_or_else(|| format!("`{name}` was not opened"))?,
            None => Plain::from(lookup(name, names)?.as_str()),
        };
        value.with(|bytes| {
            if filters.is_empty() {
                out.extend_from_slice(bytes);
                return Ok(());
            }
            let text = std::str::from_utf8(bytes)
                .map_err(|_| format!("`{name}` is no text, so no filter fits it"))?;
            let mut text = zeroize::Zeroizing::new(text.to_owned());
            for filter in &filters {
                *text = filter.apply(&text)?;
            }
            out.extend_from_slice(text.as_bytes());
            Ok::<_, TemplateFault>(())
        })?;
        if filters.contains(&Filter::Ini) {
            options.push(out.len());
        }
    }
    let is_long = |end: &usize| {
        let (before, behind) = out.split_at_checked(*end).unwrap_or_default();
        let begins = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let more = memchr::memchr(b'\n', behind).unwrap_or(behind.len());
        end - begins + more > MAX_OPTION_LINE
    };
    if options.iter().any(is_long) {
        return Err(format!(
            "a line with a value has more than {MAX_OPTION_LINE} bytes, and MySQL would read the end of it as another option"
        ));
    }
    Ok(Plain::new(std::mem::take(&mut *out)))
}

fn lookup<'a>(
    name: &str,
    names: &'a BTreeMap<String, String>,
) -> Result<&'a String, TemplateFault> {
    names.get(name).ok_or_else(|| {
        let near = crate::text::nearest(name, names.keys().map(String::as_str));
        match near {
            Some(near) => format!("there is no `{name}`; is `{near}` meant?"),
            None if name.contains('/') => {
                format!("there is no `{name}`; template files have a secret as `secrets.{name}`")
            }
            None => format!("there is no `{name}`"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> BTreeMap<String, String> {
        [
            ("settings.version".to_owned(), "1.7".to_owned()),
            ("place".to_owned(), "/run/x".to_owned()),
        ]
        .into()
    }

    #[test]
    fn plain_names_are_filled_in_and_secrets_are_not() {
        assert_eq!(
            fill("a {{ settings.version }}{{place}}", &names()).unwrap(),
            "a 1.7/run/x"
        );
        assert!(fill("{{ secrets.web/TOKEN }}", &names()).is_err());
        let slip = fill("{{ web/TOKEN }}", &names()).unwrap_err();
        assert!(slip.ends_with("as `secrets.web/TOKEN`"), "{slip}");
        let other = fill("{{ secret \"web/TOKEN\" }}", &names()).unwrap_err();
        assert!(
            other.ends_with("a secret is `{{ secrets.PATH }}`"),
            "{other}"
        );
        assert!(
            fill("{{ settings.versoin }}", &names())
                .unwrap_err()
                .contains("settings.version")
        );
        assert!(fill("{{ place", &names()).is_err());
        assert!(fill("{{ place | upper }}", &names()).is_err());
    }

    #[test]
    fn a_value_is_escaped_for_where_it_lands() {
        let secret = |_: &str| Some(Plain::from("p'\"\\ /"));
        let rendered = |filter: &str| {
            let text = format!("{{{{ secrets.a/B | {filter} }}}}");
            render(&text, &names(), secret)
                .unwrap()
                .with(|b| String::from_utf8(b.clone()).unwrap())
        };
        assert_eq!(rendered("json"), r#"p'\"\\ /"#);
        assert_eq!(rendered("url"), "p%27%22%5C%20%2F");
        assert_eq!(rendered("shell"), r#"'p'\''"\ /'"#);
        assert_eq!(rendered("ini"), r#""p'\"\\ /""#);
        assert_eq!(rendered("sql"), r#"p''"\\ /"#);
    }

    #[test]
    fn no_line_with_a_value_is_longer_than_what_mysql_takes_for_one() {
        let rendered = |line: &str, length: usize| {
            let secret = |_: &str| Some(Plain::from("\\".repeat(length).as_str()));
            render(&format!("[client]\n{line}\nport=1\n"), &names(), secret)
        };
        // Escaped, between quotes, with all else that stands in its line.
        let line = "user=a{{ secrets.a/B | ini }} # b";
        let room = (MAX_OPTION_LINE - "user=a\"\" # b".len()) / 2;
        assert!(rendered(line, room).is_ok());
        for (line, length) in [
            (line, room + 1),
            ("a={{ secrets.a/B | ini }}{{ secrets.a/B | ini }}", 1024),
        ] {
            let why = rendered(line, length).unwrap_err();
            assert!(why.contains("another option"), "{why}");
        }
        assert!(rendered("a={{ secrets.a/B }}", MAX_OPTION_LINE).is_ok());
    }

    #[test]
    fn the_secrets_of_a_template_are_known_before_any_is_opened() {
        let text = "{{ secrets.a/B | url }} {{ place }} {{ secrets.shared/c/D }}";
        let found: Vec<&str> = secrets_in(text).unwrap().into_iter().collect();
        assert_eq!(found, ["a/B", "shared/c/D"]);
    }
}
