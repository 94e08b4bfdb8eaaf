//! Random numbers: secure ones for keys, from the TLS provider's source, and cheap ones for ids that
//! need only be distinct.

use std::hash::{BuildHasher, RandomState};

use hub_core::registry::SymmetricKeys;
use hub_proto::sas::SasKey;

/// A fresh shared access key of 32 bytes.
pub(crate) fn sas_key() -> SasKey {
    let mut bytes = [0; 32];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut bytes)
        .expect("the system's random source works");
    SasKey::from_bytes(&bytes)
}

/// Two fresh keys of one identity.
pub(crate) fn fresh_keys() -> SymmetricKeys {
    SymmetricKeys {
        primary: sas_key(),
        secondary: sas_key(),
    }
}

/// A fresh version 4 UUID, in lower case with hyphens. Distinct, not secret: every request carries
/// one, and the system's random source would cost each a system call.
pub(crate) fn uuid() -> String {
    // Each `RandomState` has keys of its own; the standard library seeds them once a thread.
    let keys = RandomState::new();
    let mut random = u128::from(keys.hash_one(0)) << 64 | u128::from(keys.hash_one(1));
    // RFC 9562, section 5.4: version 4 in bits 48 to 51, variant `10` in bits 64 and 65.
    random &= !(0xf << 76) & !(0x3 << 62);
    random |= (0x4 << 76) | (0x2 << 62);
    let mut text = Vec::with_capacity(36);
    for (index, byte) in random.to_be_bytes().into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push(b'-');
        }
        text.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0xf)]]);
    }
    String::from_utf8(text).expect("hexadecimal digits are ASCII")
}

const HEX: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_have_the_form_of_version_4_and_differ() {
        let (one, other) = (uuid(), uuid());
        assert_ne!(one, other);
        assert_eq!(one.len(), 36);
        let parts: Vec<&str> = one.split('-').collect();
        assert_eq!(
            parts.iter().map(|part| part.len()).collect::<Vec<_>>(),
            [8, 4, 4, 4, 12]
        );
        assert!(parts[2].starts_with('4'), "{one}");
        assert!(parts[3].starts_with(['8', '9', 'a', 'b']), "{one}");
    }

    #[test]
    fn keys_are_32_bytes_in_base64_and_differ() {
        let (one, other) = (sas_key(), sas_key());
        assert_eq!(one.expose().len(), 44);
        assert_ne!(one, other);
    }
}
