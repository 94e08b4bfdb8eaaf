//! Seeded numbers: the same seed gives the same run. Not for secrets.

use std::time::Duration;

/// `SplitMix64` (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Random(u64);

impl Random {
    /// A sequence of its own for every seed.
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Number `index`, from 0, of the sequence for `seed`.
    pub fn nth(seed: u64, index: u64) -> u64 {
        Self(seed.wrapping_add(GAMMA.wrapping_mul(index))).next_u64()
    }

    /// The next number, any of the 2^64.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A duration from `least` to `most`, in whole milliseconds; `least` if they are the wrong way
    /// round.
    pub fn duration_between(&mut self, least: Duration, most: Duration) -> Duration {
        let span_ms = u64::try_from(most.saturating_sub(least).as_millis()).unwrap_or(u64::MAX - 1);
        least + Duration::from_millis(self.next_u64() % span_ms.saturating_add(1))
    }
}

const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        // The reference implementation's first numbers for seed 1234567.
        let mut random = Random::seeded(1_234_567);
        let numbers = [random.next_u64(), random.next_u64(), random.next_u64()];
        let one_by_one = [0, 1, 2].map(|index| Random::nth(1_234_567, index));
        assert_eq!(one_by_one, numbers);
        assert_eq!(
            numbers,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn durations_stay_within_their_bounds() {
        let (least, most) = (Duration::from_millis(100), Duration::from_millis(103));
        let mut random = Random::seeded(7);
        let mut seen = [false; 4];
        for _ in 0..200 {
            let ms = random.duration_between(least, most).as_millis();
            seen[usize::try_from(ms).unwrap() - 100] = true;
        }
        assert_eq!(
            seen, [true; 4],
            "every value of the range turns up, none outside it"
        );
        assert_eq!(random.duration_between(most, least), most);
    }
}
