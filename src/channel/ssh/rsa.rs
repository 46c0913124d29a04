//! RSA user keys, which many people still log in with, without the `rsa` crate (RUSTSEC-2023-0071).
//!
//! ring signs (PKCS #1 v1.5 with SHA-256 or SHA-512, RFC 8332), from 2048 to 4096 bits. It wants
//! the private exponent reduced for both primes, which OpenSSH's file does not hold.

use std::sync::Arc;

use ring::rand::SystemRandom;
use ring::rsa::{KeyPair, KeyPairComponents, PublicKeyComponents};
use ring::signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RsaEncoding};
use russh::keys::agent::AgentIdentity;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{HashAlg, PrivateKey};
use zeroize::Zeroizing;

use crate::crypto::field;

/// An RSA key that signs. A clone is cheap.
#[derive(Clone, Debug)]
pub(super) struct RsaKey(Arc<KeyPair>);

/// Why it does not.
#[derive(Debug, thiserror::Error)]
#[error("an RSA key of 2048 to 4096 bits is wanted, with primes of one length")]
pub(super) struct Unfit;

impl RsaKey {
    /// The RSA key in an OpenSSH file.
    pub(super) fn of(key: &PrivateKey) -> Result<Self, Unfit> {
        let KeypairData::Rsa(pair) = key.key_data() else {
            return Err(Unfit);
        };
        let (public, private) = (pair.public(), pair.private());
        let number = |number: &russh::keys::ssh_key::Mpint| {
            Zeroizing::new(number.as_positive_bytes().unwrap_or_default().to_vec())
        };
        let (n, e) = (number(public.n()), number(public.e()));
        let (d, p, q) = (
            number(private.d()),
            number(private.p()),
            number(private.q()),
        );
        let components = KeyPairComponents {
            public_key: PublicKeyComponents { n: &**n, e: &**e },
            dP: &**remainder_below(&d, &p).ok_or(Unfit)?,
            dQ: &**remainder_below(&d, &q).ok_or(Unfit)?,
            qInv: &**number(private.iqmp()),
            d: &**d,
            p: &**p,
            q: &**q,
        };
        let pair = KeyPair::from_components(&components).map_err(|_| Unfit)?;
        Ok(Self(Arc::new(pair)))
    }

    /// The signature as SSH sends it: its name and its bytes.
    fn sign(&self, hash: HashAlg, message: &[u8]) -> Option<Vec<u8>> {
        let (name, padding): (&str, &'static dyn RsaEncoding) = match hash {
            HashAlg::Sha256 => ("rsa-sha2-256", &RSA_PKCS1_SHA256),
            HashAlg::Sha512 => ("rsa-sha2-512", &RSA_PKCS1_SHA512),
            _ => return None,
        };
        let mut bytes = vec![0; self.0.public().modulus_len()];
        self.0
            .sign(padding, &SystemRandom::new(), message, &mut bytes)
            .ok()?;
        let mut signature = Vec::new();
        field(&mut signature, name.as_bytes());
        field(&mut signature, &bytes);
        Some(signature)
    }
}

/// Why there is no signature.
#[derive(Debug, thiserror::Error)]
#[error("no signature")]
pub(super) struct NoSignature;

impl From<russh::SendError> for NoSignature {
    fn from(_: russh::SendError) -> Self {
        Self
    }
}

impl russh::Signer for RsaKey {
    type Error = NoSignature;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        hash: Option<HashAlg>,
        mut to_sign: Vec<u8>,
    ) -> Result<Vec<u8>, NoSignature> {
        let hash = hash.ok_or(NoSignature)?;
        let signature = self.sign(hash, &to_sign).ok_or(NoSignature)?;
        field(&mut to_sign, &signature);
        Ok(to_sign)
    }
}

/// `d mod (prime - 1)`, big-endian and without zeros in front; `None` for a prime that is none.
///
/// Bit by bit: shift, subtract, and keep the difference if it was not negative, by masks and not by
/// branches, since both numbers are secret.
fn remainder_below(d: &[u8], prime: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut modulus = Zeroizing::new(prime.to_vec());
    // A prime is odd, so nothing is borrowed.
    let last = modulus.last_mut().filter(|last| **last & 1 == 1)?;
    *last -= 1;
    // One byte more than the modulus: what is shifted may be twice as large.
    modulus.insert(0, 0);
    let mut rest = Zeroizing::new(vec![0_u8; modulus.len()]);
    let mut less = Zeroizing::new(vec![0_u8; modulus.len()]);
    for byte in d {
        for bit in (0..8).rev() {
            let mut carry = (byte >> bit) & 1;
            for place in rest.iter_mut().rev() {
                let next = *place >> 7;
                *place = (*place << 1) | carry;
                carry = next;
            }
            let mut borrow = 0_u16;
            for ((place, from), minus) in less.iter_mut().zip(rest.iter()).zip(modulus.iter()).rev()
            {
                let difference = 0x100 + u16::from(*from) - u16::from(*minus) - borrow;
                *place = u8::try_from(difference & 0xff).unwrap_or_default();
                borrow = 1 - (difference >> 8);
            }
            // All ones if nothing was borrowed at the end.
            let keep = u8::try_from(borrow).unwrap_or_default().wrapping_sub(1);
            for (place, other) in rest.iter_mut().zip(less.iter()) {
                *place = (*place & !keep) | (*other & keep);
            }
        }
    }
    let zeros = rest.iter().take_while(|byte| **byte == 0).count();
    rest.drain(..zeros);
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remainders_are_those_of_division() {
        for (d, prime) in [
            (0x1234_5678_9abc_def0_u128, 0xfff1_u128),
            (u128::MAX, 3),
            (5, 0x1_0001),
            (u128::MAX, 0xffff_ffff_ffff_ffc5),
            (0xffff_fffe, 0xffff_ffff),
            (1 << 100, (1 << 61) - 1),
        ] {
            let bytes = |number: u128| -> Vec<u8> {
                let bytes = number.to_be_bytes();
                bytes.into_iter().skip_while(|byte| *byte == 0).collect()
            };
            let rest = remainder_below(&bytes(d), &bytes(prime)).unwrap();
            assert_eq!(*rest, bytes(d % (prime - 1)), "{d} {prime}");
        }
        assert!(remainder_below(&[1, 2], &[4]).is_none());
        assert!(remainder_below(&[1, 2], &[]).is_none());
    }
}
