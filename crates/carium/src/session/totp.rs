//! Time-based one-time codes (TOTP, RFC 6238) with six digits and SHA-1, as all common authenticator apps use them.
//!
//! They are computed here, because the crates for them would add six crates to every program that uses this one. The fake
//! checks the codes with one of those.

use carium_api::Secret;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretSlice};
use sha1::Sha1;

/// The time step of codes in seconds. RFC 6238 recommends 30, and all common authenticator apps use it.
pub(super) const TIME_STEP: u64 = 30;

/// The key that an account shares with the service. It is wiped from memory when it is dropped.
pub(super) struct TotpKey(SecretSlice<u8>);

impl TotpKey {
    /// Decodes a key from base32 (RFC 4648), which the setup of an authenticator app shows: in either case, with spaces,
    /// and with or without padding. Returns `None` if it is empty or not valid base32.
    pub(super) fn from_base32(secret: &Secret) -> Option<Self> {
        let text = secret.expose();
        // The buffer never grows, so that no copy of it stays in memory.
        let mut bytes = Vec::with_capacity(text.len() * 5 / 8);
        let (mut bits, mut count) = (0_u16, 0);
        for character in text.trim_end_matches(|end: char| end == '=' || end.is_whitespace()).chars() {
            if character.is_whitespace() {
                continue;
            }
            let digit = match character.to_ascii_uppercase() {
                letter @ 'A'..='Z' => u32::from(letter) - u32::from('A'),
                digit @ '2'..='7' => u32::from(digit) - u32::from('2') + 26,
                _ => return None,
            };
            bits = bits << 5 | u16::try_from(digit).ok()?;
            count += 5;
            if count >= 8 {
                count -= 8;
                bytes.push((bits >> count).to_be_bytes()[1]);
            }
        }
        (!bytes.is_empty()).then(|| Self(bytes.into()))
    }

    /// Returns the code at this time, in seconds since the Unix epoch.
    pub(super) fn code(&self, time: u64) -> Secret {
        let mut mac =
            Hmac::<Sha1>::new_from_slice(self.0.expose_secret()).expect("HMAC accepts keys of any length");
        mac.update(&(time / TIME_STEP).to_be_bytes());
        let hash = mac.finalize().into_bytes();
        // RFC 4226, section 5.3: the last four bits are the position of the number.
        let start = usize::from(hash[19] & 0xf);
        let number =
            u32::from_be_bytes([hash[start] & 0x7f, hash[start + 1], hash[start + 2], hash[start + 3]]);
        Secret::from(format!("{:06}", number % 1_000_000))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use totp_rs::Builder;

    use super::*;

    fn key(text: &str) -> Option<TotpKey> {
        TotpKey::from_base32(&Secret::from(text))
    }

    /// RFC 6238, appendix B, with six of the eight digits.
    #[test]
    fn computes_the_codes_of_the_rfc() {
        let key = key("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
        for (time, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(key.code(time).expose(), code);
        }
    }

    #[test]
    fn reads_keys_as_people_copy_them() {
        let code = |text: &str| key(text).unwrap().code(59).expose().to_owned();
        for text in [
            "gezd gnbv gy3t qojq gezd gnbv gy3t qojq",
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ====",
            " GEZDGNBVGY3TQOJQ GEZDGNBVGY3TQOJQ =\n",
        ] {
            assert_eq!(code(text), "287082", "{text}");
        }
        for text in ["", "====", "A", "GEZD1", "GEZD-GNBV", "GEZDÄ", "GE=ZD"] {
            assert!(key(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_another_implementation(text in "[A-Z2-7]{1,64}", time in 0..u64::from(u32::MAX) * 4) {
            let bytes = totp_rs::Secret::try_from_base32(&text).ok().filter(|bytes| !bytes.is_empty());
            let own = key(&text);
            prop_assert_eq!(own.is_some(), bytes.is_some());
            if let (Some(own), Some(bytes)) = (own, bytes) {
                let totp = Builder::new().with_secret(bytes).with_step_duration(TIME_STEP).build_noncompliant();
                let code = own.code(time);
                prop_assert_eq!(code.expose(), totp.generate(time).to_string());
            }
        }
    }
}
