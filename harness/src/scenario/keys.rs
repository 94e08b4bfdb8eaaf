//! Every key and every word that a scenario file may hold: the one table that the reader and
//! `scenarios/schema.json` are both checked against.

use hub_core::throttle::Tier;

use super::ast::{ClockKind, Document, IdentityChange, Transport};

/// The keys of one kind of mapping.
#[derive(Debug)]
pub(super) struct Form {
    /// Its name in the schema.
    #[cfg(test)]
    name: &'static str,
    /// As a message calls it.
    pub(super) what: &'static str,
    pub(super) keys: &'static [&'static str],
}

/// A word of the file and what it stands for.
pub(super) type Word<T> = (&'static str, T);

macro_rules! forms {
    ($($constant:ident = $name:literal, $what:literal: [$($key:literal),+ $(,)?];)+) => {
        $(pub(super) const $constant: Form = Form {
            #[cfg(test)]
            name: $name,
            what: $what,
            keys: &[$($key),+],
        };)+
        /// Every form.
        #[cfg(test)]
        const FORMS: &[&Form] = &[$(&$constant),+];
    };
}

forms! {
    SCENARIO = "scenario", "a scenario": [
        "name", "about", "tags", "seed", "clock", "hub", "include", "variables", "table", "fleet",
        "steps", "checks",
    ];
    HUB = "hub", "`hub`": [
        "sas-grace", "tier", "units", "query-lag", "connection-state-lag",
    ];
    SAS_GRACE = "sasGrace", "`sas-grace`": ["connect", "live"];
    COHORT = "cohort", "a cohort": [
        "count", "id", "behaviour", "with", "arrive", "network", "transport", "token-life",
        "autostart",
    ];
    NETWORK = "networkFigures", "`network`": ["delay-least", "delay-most", "cuts-per-minute"];
    TARGET = "targetMapping", "whom it is about": ["device", "share", "of"];
    STEP = "step", "a step": [
        "name", "connect", "disconnect", "invoke", "patch", "send", "job", "query", "identity", "fault",
        "cut-all-links", "outage", "throttle", "wait", "wait-until", "parallel", "repeat", "shell",
    ];
    INVOKE = "invoke", "`invoke`": [
        "on", "method", "payload", "rate", "in-flight", "timeout", "connect-timeout", "expect",
    ];
    EXPECT = "expectMapping", "`expect`": ["status", "error"];
    PATCH = "patch", "`patch`": ["on", "desired", "tags", "if-match", "expect-status"];
    SEND = "send", "`send`": ["to", "body", "properties", "expires", "expect-status"];
    QUERY = "query", "`query`": ["text", "expect-count"];
    JOB = "job", "`job`": [
        "condition", "method", "payload", "desired", "tags", "at-most", "expect-succeeded", "expect-failed",
    ];
    IDENTITY = "identity", "`identity`": ["on", "change"];
    FAULT = "fault", "`fault`": ["on", "kind", "delay", "for"];
    OUTAGE = "outage", "`outage`": ["for", "links"];
    WAIT_UNTIL = "waitUntil", "`wait-until`": ["on", "at-most"];
    REPEAT = "repeat", "`repeat`": ["times", "steps"];
    SHELL = "shell", "`shell`": ["command", "as", "env", "background", "timeout", "expect"];
    SHELL_EXPECT = "shellExpect", "`expect`": ["exit", "stdout"];
    CHECK = "check", "a check": [
        "name", "each", "on", "after", "at-least", "within", "for", "eventually", "never",
        "in-order", "stays", "times", "at-once",
    ];
    TIMES = "times", "`times`": ["at-least", "at-most"];
    AT_ONCE = "atOnce", "`at-once`": ["at-most"];
    CONDITION = "condition", "a condition": [
        "connected", "method", "method-failed", "message", "c2d", "disconnected-by", "any", "not",
    ];
    METHOD = "method", "`method`": ["name", "status"];
    MESSAGE = "message", "`message`": ["body"];
    PREDICATE = "predicate", "a comparison": [
        "equals", "not", "exists", "at-least", "at-most", "contains", "matches",
    ];
}

/// Keys of [`COHORT`] that say how a virtual device does what it does.
pub(super) const OF_VIRTUAL_DEVICES: &[&str] = &[
    "with",
    "arrive",
    "network",
    "transport",
    "token-life",
    "autostart",
];

/// `clock:`
pub(super) const CLOCKS: &[Word<ClockKind>] =
    &[("virtual", ClockKind::Virtual), ("real", ClockKind::Real)];

/// `tier:`
pub(super) const TIERS: &[Word<Tier>] = &[
    ("F1", Tier::F1),
    ("B1", Tier::B1),
    ("B2", Tier::B2),
    ("B3", Tier::B3),
    ("S1", Tier::S1),
    ("S2", Tier::S2),
    ("S3", Tier::S3),
];

/// `transport:`
pub(super) const TRANSPORTS: &[Word<Transport>] = &[
    ("auto", Transport::Auto),
    ("memory", Transport::Memory),
    ("mqtt", Transport::Mqtt),
    ("mqtts", Transport::Mqtts),
    ("wss", Transport::Wss),
];

/// `network:` by name: milliseconds one way at least and at most, cuts per hour.
pub(super) const NETWORKS: &[Word<(u64, u64, f64)>] = &[
    ("good", (0, 0, 0.0)),
    ("3g", (50, 250, 1.0)),
    ("satellite", (270, 350, 2.0)),
];

/// `change:` of an identity.
pub(super) const IDENTITY_CHANGES: &[Word<IdentityChange>] = &[
    ("disable", IdentityChange::Disable),
    ("enable", IdentityChange::Enable),
    ("delete", IdentityChange::Delete),
];

/// `kind:` of a fault.
#[derive(Clone, Copy, Debug)]
pub(super) enum FaultWord {
    Drop,
    Refuse,
    HalfOpen,
    Slow,
    Partition,
    LostAck,
}

/// See [`FaultWord`].
pub(super) const FAULTS: &[Word<FaultWord>] = &[
    ("drop", FaultWord::Drop),
    ("refuse", FaultWord::Refuse),
    ("half-open", FaultWord::HalfOpen),
    ("slow", FaultWord::Slow),
    ("partition", FaultWord::Partition),
    ("lost-ack", FaultWord::LostAck),
];

/// `links:` of an outage; whether they stay.
pub(super) const OUTAGE_LINKS: &[Word<bool>] = &[("cut", false), ("keep", true)];

/// `c2d:`, as docs/ADMIN.md names the outcomes.
pub(super) const C2D_OUTCOMES: &[Word<()>] = &[("completed", ()), ("expired", ()), ("purged", ())];

/// `disconnected-by:`, as docs/ADMIN.md names the reasons.
pub(super) const DISCONNECT_REASONS: &[Word<()>] = &[
    ("goodbye", ()),
    ("lost", ()),
    ("keepAlive", ()),
    ("takenOver", ()),
    ("credentialExpired", ()),
    ("credentialRevoked", ()),
    ("disabled", ()),
    ("deleted", ()),
    ("violation", ()),
    ("slowReader", ()),
    ("throttled", ()),
    ("quotaExceeded", ()),
    ("shutdown", ()),
];

/// The parts of a twin that a condition may look into, as the first word of its path.
pub(super) const DOCUMENTS: &[Word<Document>] = &[
    ("reported", Document::Reported),
    ("desired", Document::Desired),
    ("tags", Document::Tags),
];

/// Keys of [`CHECK`] of which a check has exactly one.
pub(super) const RULES: &[&str] = &[
    "eventually",
    "never",
    "in-order",
    "stays",
    "times",
    "at-once",
];

/// Steps that are planned and refused until they exist.
pub(super) const STEPS_NOT_BUILT: &[&str] = &["configuration", "upload"];

/// What a file that is included may hold.
pub(super) const INCLUDABLE: &[&str] = &["include", "variables", "fleet", "steps", "checks"];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn schema() -> Value {
        serde_json::from_str(include_str!("../../../scenarios/schema.json")).unwrap()
    }

    #[test]
    fn the_schema_has_exactly_the_keys_that_are_read_and_describes_each() {
        let schema = schema();
        let mut described = BTreeSet::new();
        for form in FORMS {
            let definition = &schema["$defs"][form.name];
            let properties = definition["properties"]
                .as_object()
                .unwrap_or_else(|| panic!("the schema has no properties for {}", form.name));
            let there: BTreeSet<_> = properties.keys().map(String::as_str).collect();
            let read: BTreeSet<_> = form.keys.iter().copied().collect();
            assert_eq!(there, read, "{}", form.name);
            for (key, property) in properties {
                let text = property["description"].as_str().unwrap_or("");
                assert!(text.len() > 5, "{}: {key} is not described", form.name);
            }
            let closed = definition["additionalProperties"] == false
                || definition["unevaluatedProperties"] == false
                || form.name == "condition";
            assert!(closed, "{} takes any key", form.name);
            described.insert(form.name);
        }
        for (name, definition) in schema["$defs"].as_object().unwrap() {
            let known = described.contains(name.as_str());
            assert_eq!(definition.get("properties").is_some(), known, "{name}");
        }
    }

    #[test]
    fn the_schema_has_exactly_the_words_that_are_read() {
        fn words<T>(table: &[Word<T>]) -> Vec<&'static str> {
            table.iter().map(|(word, _)| *word).collect()
        }
        let schema = schema();
        for (name, words) in [
            ("clock", words(CLOCKS)),
            ("tier", words(TIERS)),
            ("transport", words(TRANSPORTS)),
            ("networkName", words(NETWORKS)),
            ("identityChange", words(IDENTITY_CHANGES)),
            ("faultKind", words(FAULTS)),
            ("outageLinks", words(OUTAGE_LINKS)),
            ("c2dOutcome", words(C2D_OUTCOMES)),
            ("disconnectReason", words(DISCONNECT_REASONS)),
        ] {
            assert_eq!(schema["$defs"][name]["enum"], Value::from(words), "{name}");
        }
    }

    #[test]
    fn every_rule_is_a_key_of_a_check() {
        assert!(RULES.iter().all(|rule| CHECK.keys.contains(rule)));
        assert!(
            OF_VIRTUAL_DEVICES
                .iter()
                .all(|key| COHORT.keys.contains(key))
        );
        assert!(INCLUDABLE.iter().all(|key| SCENARIO.keys.contains(key)));
    }
}
