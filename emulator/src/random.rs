//! Random numbers: secure ones for keys, from the TLS provider's source, and cheap ones for ids that
//! need only be distinct.

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::ops::Deref;

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
pub(crate) fn uuid() -> Uuid {
    thread_local! {
        // The standard library seeds these from the system's source, once a thread.
        static LAST: Cell<u64> = Cell::new(RandomState::new().hash_one(0));
        static OTHER: u64 = RandomState::new().hash_one(1);
    }
    // As far apart as 64 bits allow, and the other half tells the threads apart.
    let count = LAST.get().wrapping_add(GOLDEN_RATIO);
    LAST.set(count);
    let random = u128::from(mix(count)) << 64 | u128::from(mix(count ^ OTHER.with(|other| *other)));
    Uuid::of(random)
}

/// The finisher of `SplitMix64` (Steele, Lea and Flood, 2014): one to one, and every bit of its answer
/// depends on every bit.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

/// A UUID as text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Uuid([u8; 36]);

impl Uuid {
    /// The UUID of version 4 with these random bits.
    pub(crate) fn of(random: u128) -> Self {
        // RFC 9562, section 5.4: version 4 in bits 48 to 51, variant `10` in bits 64 and 65.
        let random = random & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
        let mut text = [b'-'; 36];
        for (byte, at) in random.to_be_bytes().into_iter().zip(PLACES) {
            text[at] = HEX[usize::from(byte >> 4)];
            text[at + 1] = HEX[usize::from(byte & 0xf)];
        }
        Self(text)
    }
}

impl Deref for Uuid {
    type Target = str;

    fn deref(&self) -> &str {
        str::from_utf8(&self.0).expect("hexadecimal digits are ASCII")
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";
/// Where each byte stands.
const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn uuids_have_the_form_of_version_4_and_differ() {
        let (one, other) = (uuid(), uuid());
        assert_ne!(one, other);
        let text = "00112233-4455-4677-8899-aabbccddeeff";
        assert_eq!(&*Uuid::of(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff), text);
        let parts: Vec<&str> = one.split('-').collect();
        assert_eq!(
            parts.iter().map(|part| part.len()).collect::<Vec<_>>(),
            [8, 4, 4, 4, 12]
        );
        assert!(parts[2].starts_with('4'), "{one}");
        assert!(parts[3].starts_with(['8', '9', 'a', 'b']), "{one}");
    }

    #[test]
    fn uuids_of_several_threads_differ_in_both_halves() {
        let thread = || std::thread::spawn(|| [(); 500].map(|()| uuid().to_string()));
        let threads = [(); 4].map(|()| thread());
        let all: Vec<String> = threads
            .into_iter()
            .flat_map(|one| one.join().unwrap())
            .collect();
        for half in [0..18, 19..36] {
            let halves: HashSet<&str> = all.iter().map(|uuid| &uuid[half.clone()]).collect();
            assert_eq!(halves.len(), all.len());
        }
    }

    #[test]
    fn keys_are_32_bytes_in_base64_and_differ() {
        let (one, other) = (sas_key(), sas_key());
        assert_eq!(one.expose().len(), 44);
        assert_ne!(one, other);
    }
}
