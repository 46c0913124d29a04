//! `~.` at the beginning of a line: the way out of a session that hangs.

/// What was typed, looked through for `~.`; `~~` types one `~`.
#[derive(Debug, Default)]
pub(super) struct Escape {
    at: At,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum At {
    #[default]
    LineStart,
    Tilde,
    Inside,
}

impl Escape {
    /// What goes on to the host; none if somebody wants out.
    pub(super) fn pass(&mut self, typed: &[u8]) -> Option<Vec<u8>> {
        let mut on = Vec::with_capacity(typed.len() + 1);
        for &byte in typed {
            match (self.at, byte) {
                (At::LineStart, b'~') => {
                    self.at = At::Tilde;
                    continue;
                }
                (At::Tilde, b'.') => return None,
                (At::Tilde, b'~') => on.push(byte),
                (At::Tilde, _) => on.extend_from_slice(&[b'~', byte]),
                _ => on.push(byte),
            }
            self.at = match byte {
                b'\r' | b'\n' => At::LineStart,
                _ => At::Inside,
            };
        }
        Some(on)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(pieces: &[&str]) -> Option<String> {
        let mut escape = Escape::default();
        let mut all = Vec::new();
        for piece in pieces {
            all.extend(escape.pass(piece.as_bytes())?);
        }
        Some(String::from_utf8(all).unwrap())
    }

    #[test]
    fn a_tilde_and_a_dot_lead_out_at_the_beginning_of_a_line_alone() {
        assert_eq!(passed(&["~."]), None);
        assert_eq!(passed(&["ls\r~", "."]), None);
        assert_eq!(passed(&["cd ~.\r"]).as_deref(), Some("cd ~.\r"));
        assert_eq!(passed(&["~/x"]).as_deref(), Some("~/x"));
        assert_eq!(passed(&["~~."]).as_deref(), Some("~."));
        assert_eq!(passed(&["~\r~."]), None);
    }
}
