//! What a hub's clients relied on that is not exactly as on the real hub, in words.

use emulator::HubHandle;
use emulator::ledger::{Fidelity, Usage};

/// A line an operation that was used and is not exact, or that was refused in part. Empty if all that
/// was used is exact. Of several hubs the uses are added up.
pub(crate) fn lines<'a>(hubs: impl IntoIterator<Item = &'a HubHandle>) -> Vec<String> {
    let mut sums: Vec<Usage> = Vec::new();
    for usage in hubs.into_iter().flat_map(HubHandle::usage) {
        match sums.iter_mut().find(|sum| sum.entry.id == usage.entry.id) {
            Some(sum) => {
                sum.uses += usage.uses;
                sum.refused += usage.refused;
            }
            None => sums.push(usage),
        }
    }
    sums.iter().filter_map(line).collect()
}

fn line(usage: &Usage) -> Option<String> {
    let what = &usage.entry.what;
    let refused = format!("refused {} as not built", times(usage.refused));
    Some(match (usage.entry.fidelity, usage.refused) {
        (Fidelity::Exact | Fidelity::Partial(_), 0) => return None,
        (Fidelity::Exact, _) => format!("{what} is exact, but was {refused}"),
        (Fidelity::Partial(note), _) => {
            format!("{what} is partial, without {note}; {refused}")
        }
        (Fidelity::Approximate(note), 0) => {
            format!("{what} is approximate: {note}; used {}", times(usage.uses))
        }
        (Fidelity::Approximate(note), _) => format!(
            "{what} is approximate: {note}; used {}, {refused}",
            times(usage.uses)
        ),
        (Fidelity::Absent(note), _) => format!("{what} is absent: {note}; {refused}"),
    })
}

fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        count => format!("{count} times"),
    }
}

#[cfg(test)]
mod tests {
    use emulator::ledger::{Entry, Protocol};

    use super::*;

    #[test]
    fn only_what_is_not_exact_is_told() {
        // LED-2
        let said = |fidelity, uses, refused| {
            let entry = Box::leak(Box::new(Entry {
                id: "Query_GetTwins",
                protocol: Protocol::Rest,
                feature: "Queries",
                what: "POST /devices/query".to_owned(),
                fidelity,
            }));
            line(&Usage {
                entry,
                uses,
                refused,
            })
        };
        let cases = [
            (Fidelity::Exact, 5, 0, None),
            (
                Fidelity::Exact,
                5,
                1,
                Some("is exact, but was refused once as not built"),
            ),
            (Fidelity::Partial("JOIN"), 5, 0, None),
            (
                Fidelity::Partial("JOIN"),
                5,
                1,
                Some("is partial, without JOIN; refused once as not built"),
            ),
            (
                Fidelity::Approximate("no JOIN"),
                1,
                0,
                Some("is approximate: no JOIN; used once"),
            ),
            (
                Fidelity::Approximate("no JOIN"),
                12,
                2,
                Some("is approximate: no JOIN; used 12 times, refused twice as not built"),
            ),
            (
                Fidelity::Absent("queries"),
                3,
                3,
                Some("is absent: queries; refused 3 times as not built"),
            ),
        ];
        for (fidelity, uses, refused, expected) in cases {
            let expected = expected.map(|text| format!("POST /devices/query {text}"));
            assert_eq!(said(fidelity, uses, refused), expected);
        }
    }
}
