//! Round numbers along an edge. Knows no chart.

/// At most about `most` round values from 0 to `to`, in milliseconds.
pub(super) fn time_ticks(to: u64, most: u64) -> Vec<u64> {
    // Steps that a person counts in: a second and its parts, minutes, hours, days.
    const STEPS: [u64; 24] = [
        1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 120_000,
        300_000, 600_000, 1_800_000, 3_600_000, 7_200_000, 21_600_000, 43_200_000, 86_400_000,
    ];
    ticks(to, most, &STEPS)
}

/// At most about `most` round values from 0 to `to`.
pub(super) fn count_ticks(to: u64, most: u64) -> Vec<u64> {
    let steps: Vec<u64> = (0..18)
        .map(|power| 10_u64.pow(power))
        .flat_map(|unit| [unit, 2 * unit, 5 * unit])
        .collect();
    ticks(to, most, &steps)
}

/// Multiples of the smallest of `steps` that gives few enough; of a doubled last one, if none does.
fn ticks(to: u64, most: u64, steps: &[u64]) -> Vec<u64> {
    let mut step = steps
        .iter()
        .copied()
        .find(|step| to / step <= most)
        .unwrap_or_else(|| steps[steps.len() - 1]);
    while to / step > most {
        step = step.saturating_mul(2);
    }
    (0..=to / step).map(|index| index * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(
            time_ticks(30_000, 6),
            [0, 5_000, 10_000, 15_000, 20_000, 25_000, 30_000]
        );
        assert_eq!(time_ticks(0, 6), [0]);
        assert_eq!(count_ticks(1_000, 4), [0, 500, 1_000]);
        assert_eq!(count_ticks(1, 4), [0, 1]);
        assert!(time_ticks(u64::MAX, 6).len() <= 7);
        assert!(count_ticks(u64::MAX, 4).len() <= 5);
    }
}
