//! The entries, in one list.

use std::sync::LazyLock;

use crate::{amqp, mqtt, rest};

/// How near an operation is to the real hub's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fidelity {
    /// No difference is known.
    Exact,
    /// Works, exact as far as it goes; the text says what of it is refused.
    Partial(&'static str),
    /// Works; the text says what differs.
    Approximate(&'static str),
    /// Refused; the text names the gap.
    Absent(&'static str),
}

impl Fidelity {
    /// `exact`, `partial`, `approximate` or `absent`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Partial(_) => "partial",
            Self::Approximate(_) => "approximate",
            Self::Absent(_) => "absent",
        }
    }

    /// What is refused or differs, or the gap; empty if exact.
    pub fn note(self) -> &'static str {
        match self {
            Self::Exact => "",
            Self::Partial(note) | Self::Approximate(note) | Self::Absent(note) => note,
        }
    }
}

/// What carries an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// HTTPS.
    Rest,
    /// MQTT, also over WebSocket.
    Mqtt,
    /// AMQP.
    Amqp,
}

impl Protocol {
    /// `REST`, `MQTT` or `AMQP`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rest => "REST",
            Self::Mqtt => "MQTT",
            Self::Amqp => "AMQP",
        }
    }
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Stable: a REST operation's is its `operationId`, as in `Devices_GetTwin`.
    pub id: &'static str,
    /// What carries it.
    pub protocol: Protocol,
    /// What it is a part of, as in `Twins`.
    pub feature: &'static str,
    /// Its verb and path, or its topic.
    pub what: String,
    /// How near it is to the real hub's.
    pub fidelity: Fidelity,
}

/// All operations: REST, MQTT, AMQP.
pub fn entries() -> &'static [Entry] {
    &ENTRIES
}

static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let rows = |protocol| {
        move |row: Row| Entry {
            id: row.id,
            protocol,
            feature: row.feature,
            what: row.what,
            fidelity: row.fidelity,
        }
    };
    rest::ledger_rows()
        .map(rows(Protocol::Rest))
        .chain(mqtt::ledger_rows().map(rows(Protocol::Mqtt)))
        .chain(amqp::ledger_rows().map(rows(Protocol::Amqp)))
        .collect()
});

/// What a front end says of one of its operations.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) feature: &'static str,
    pub(crate) what: String,
    pub(crate) fidelity: Fidelity,
}

/// An operation's place in the ledger, by which its uses are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(pub(super) usize);

/// Looks an operation up, which front ends do once and not for each use.
pub(crate) fn key(id: &str) -> Key {
    let index = ENTRIES.iter().position(|entry| entry.id == id);
    Key(index.expect("a front end asks for the operations it told of"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_operation_has_an_id_of_its_own_and_says_what_is_not_exact() {
        let ids: BTreeSet<&str> = entries().iter().map(|entry| entry.id).collect();
        assert_eq!(ids.len(), entries().len());
        for entry in entries() {
            let is_exact = entry.fidelity == Fidelity::Exact;
            assert_eq!(entry.fidelity.note().is_empty(), is_exact, "{}", entry.id);
            assert!(!entry.feature.is_empty() && !entry.what.is_empty());
        }
    }
}
