//! PEM (RFC 7468 and the older RFC 1421): blocks of base64 between lines that say what they are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// One block. Its `Debug` shows its label alone.
pub struct Block {
    /// `CERTIFICATE`, `RSA PRIVATE KEY`, …
    pub label: String,
    /// The headers that older ones have, as they stand.
    pub headers: Vec<String>,
    /// What is in it; `None` if that does not read as base64, or the end is missing.
    pub content: Option<Zeroizing<Vec<u8>>>,
    /// The line where it begins, from 1.
    pub line: usize,
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Block({:?}, ..)", self.label)
    }
}

impl Block {
    /// Whether it is a private key of any kind.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.label.ends_with("PRIVATE KEY") || self.label == "PGP PRIVATE KEY BLOCK"
    }

    /// Whether it says nothing that may not be public.
    #[must_use]
    pub fn is_public(&self) -> bool {
        matches!(
            self.label.as_str(),
            "CERTIFICATE"
                | "TRUSTED CERTIFICATE"
                | "X509 CERTIFICATE"
                | "CERTIFICATE REQUEST"
                | "NEW CERTIFICATE REQUEST"
                | "X509 CRL"
                | "PUBLIC KEY"
                | "RSA PUBLIC KEY"
                | "SSH2 PUBLIC KEY"
                | "DH PARAMETERS"
                | "EC PARAMETERS"
        )
    }
}

/// All blocks of a text; what stands between them, such as a bag's attributes, is passed over.
#[must_use]
pub fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open: Option<(Block, Zeroizing<String>)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_end();
        if let Some(label) = label(line, "-----BEGIN ") {
            blocks.extend(open.take().map(|(block, _)| block));
            let block = Block {
                label: label.to_owned(),
                headers: Vec::new(),
                content: None,
                line: number,
            };
            open = Some((block, Zeroizing::new(String::new())));
            continue;
        }
        if let Some(end) = label(line, "-----END ") {
            if let Some((mut block, text)) = open.take() {
                if block.label == end {
                    block.content = STANDARD.decode(text.as_bytes()).ok().map(Zeroizing::new);
                }
                blocks.push(block);
            }
            continue;
        }
        if let Some((block, text)) = &mut open {
            if line.contains(':') {
                block.headers.push(line.to_owned());
            } else {
                text.push_str(line.trim_start());
            }
        }
    }
    blocks.extend(open.map(|(block, _)| block));
    blocks
}

fn label<'t>(line: &'t str, start: &str) -> Option<&'t str> {
    let label = line.strip_prefix(start)?.strip_suffix("-----")?;
    let good = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b' ';
    (!label.is_empty() && label.bytes().all(good)).then_some(label)
}
