//! A value that may not leak.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

/// A value in the clear. It is wiped when dropped, and has no `Clone`, `Display` or `Serialize`.
///
/// `Debug` shows neither the value nor its length.
pub struct Plain<T: Zeroize = Vec<u8>>(Zeroizing<T>);

impl<T: Zeroize> Plain<T> {
    /// Takes a value into keeping.
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// Lends the value to `f`.
    pub fn with<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        f(&self.0)
    }

    /// Lends the value to `f` to be changed in place.
    pub fn with_mut<R>(&mut self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.0)
    }
}

impl Plain<Vec<u8>> {
    /// A second copy, made on purpose and by name.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        self.with(|bytes| Self::new(bytes.clone()))
    }

    /// Whether two values are the same, in time that depends on their lengths alone.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.with(|a| {
            other.with(|b| {
                a.len() == b.len() && a.iter().zip(b).fold(0, |diff, (x, y)| diff | (x ^ y)) == 0
            })
        })
    }
}

impl From<&str> for Plain {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes().to_vec())
    }
}

impl<T: Zeroize> fmt::Debug for Plain<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plain(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_a_value() {
        assert_eq!(format!("{:?}", Plain::from("hunter2")), "Plain(..)");
    }
}
