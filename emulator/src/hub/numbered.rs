//! Maps by a number that the hub itself gives, one after the other.
//!
//! Nobody outside chooses such a key, so it need not be hashed against those who would choose badly.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map by calls or links.
pub(super) type Numbered<K, V> = HashMap<K, V, BuildHasherDefault<Spread>>;

/// Spreads consecutive numbers over all bits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0 << 8 ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        // Odd, so no two numbers become one: 2^64 by the golden ratio.
        self.0 = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::BuildHasher;

    use hub_core::link::LinkId;

    use super::*;

    #[test]
    fn consecutive_numbers_differ_at_both_ends_of_their_hash() {
        // The map takes its places from the low bits, and tells neighbours apart by the high ones.
        let builder = BuildHasherDefault::<Spread>::default();
        let spread = (1..=1024).map(|number| builder.hash_one(LinkId(number)));
        let (low, high): (HashSet<u64>, HashSet<u64>) =
            spread.map(|one| (one % 1024, one >> 57)).unzip();
        assert_eq!((low.len(), high.len()), (1024, 128));
    }
}
