//! Which device lives in which shard.
//!
//! The hash is spelled out because the placement outlives a process: a stored shard must hold the
//! same devices tomorrow, whatever the standard library's hash does.

use hub_proto::ids::DeviceId;

/// How many shards a hub has.
pub(super) const SHARDS: usize = 16;

/// The shard of a device: FNV-1a (64 bit) of the id's bytes, folded to 32 bits, modulo the shards.
pub(super) fn shard_of(id: &DeviceId) -> usize {
    let hash = fnv1a_64(id.as_str().as_bytes());
    // FNV-1a's low bits alone mix poorly over ids that differ in the last digit only.
    let folded = (hash >> 32) ^ (hash & 0xffff_ffff);
    usize::try_from(folded % SHARDS as u64).expect("less than the number of shards")
}

fn fnv1a_64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a_by_its_published_vectors() {
        // Landon Curt Noll's test suite: http://www.isthe.com/chongo/tech/comp/fnv/
        assert_eq!(fnv1a_64(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a_64(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a_64(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn numbered_devices_spread_evenly_over_the_shards() {
        let mut counts = [0_usize; SHARDS];
        for number in 0..16_000 {
            counts[shard_of(&DeviceId::parse(&format!("device-{number}")).unwrap())] += 1;
        }
        for count in counts {
            assert!((900..1100).contains(&count), "{counts:?}");
        }
    }

    #[test]
    fn the_placement_of_known_ids_never_changes() {
        let cases = [("pump-1", 0), ("d1", 1), ("thermostat", 5)];
        for (id, expected) in cases {
            assert_eq!(shard_of(&DeviceId::parse(id).unwrap()), expected, "{id}");
        }
    }
}
