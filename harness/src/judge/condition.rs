//! Conditions made ready to be asked a million times: paths looked up once, and which kinds of fact
//! can change the answer.

use super::device::Device;
use super::observed::What;
use super::predicate;
use super::watched::{PathIndex, Watched};
use crate::scenario::ast::{Condition, Document, Predicate};

/// Kinds of fact, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kinds(u8);

impl Kinds {
    pub(super) const NONE: Self = Self(0);
    pub(super) const REPORTED: Self = Self(1);
    pub(super) const DESIRED: Self = Self(2);
    pub(super) const TAGS: Self = Self(4);
    pub(super) const LINK: Self = Self(8);
    pub(super) const METHOD: Self = Self(16);
    pub(super) const TELEMETRY: Self = Self(32);
    pub(super) const C2D: Self = Self(64);
    pub(super) const ALL: Self = Self(0xff);

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The kind of a fact that can change a condition.
    pub(super) fn of(what: &What) -> Self {
        match what {
            // A device that comes into being or goes takes all its state along.
            What::Created | What::Deleted => Self::ALL,
            What::Connected { .. } | What::Disconnected { .. } => Self::LINK,
            What::Reported { .. } => Self::REPORTED,
            What::Desired { .. } => Self::DESIRED,
            What::Tags { .. } => Self::TAGS,
            What::MethodAnswered { .. } | What::MethodFailed { .. } => Self::METHOD,
            What::Telemetry { .. } => Self::TELEMETRY,
            What::C2dSettled { .. } => Self::C2D,
            What::Updated { .. }
            | What::MethodInvoked { .. }
            | What::MethodDelivered { .. }
            | What::MethodAnswerIgnored
            | What::C2dEnqueued { .. }
            | What::C2dDelivered { .. }
            | What::DeviceJobEnded { .. }
            | What::Other => Self::NONE,
        }
    }
}

/// The fact at which a condition is asked. Between facts there is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment<'a> {
    pub(super) what: &'a What,
    /// The method whose call it speaks of, if it is known.
    pub(super) method: Option<&'a str>,
}

/// A condition ready to be asked.
#[derive(Debug)]
pub(super) struct Test {
    pub(super) condition: Prepared,
    /// Which kinds of fact can change the answer.
    pub(super) kinds: Kinds,
    /// Whether it speaks of a fact, so that its answer may hold for that fact only.
    pub(super) is_momentary: bool,
}

/// A [`Condition`] with its paths looked up.
#[derive(Debug)]
pub(super) enum Prepared {
    Path {
        place: PathIndex,
        predicate: Predicate,
    },
    Version {
        document: Document,
        predicate: Predicate,
    },
    Connected(bool),
    MethodAnswered {
        name: Option<String>,
        status: Option<i32>,
    },
    MethodFailed(Option<String>),
    Message {
        body: Option<Predicate>,
    },
    C2dSettled(String),
    DisconnectedBy(String),
    All(Vec<Prepared>),
    Any(Vec<Prepared>),
    Not(Box<Prepared>),
}

impl Test {
    /// Prepares a condition; its paths are watched from now on.
    pub(super) fn new(condition: &Condition, watched: &mut Watched) -> Self {
        let condition = Prepared::new(condition, watched);
        let (mut kinds, mut is_momentary) = (Kinds::NONE, false);
        condition.each_leaf(&mut |leaf| {
            let (kind, momentary) = leaf.nature(watched);
            kinds = kinds.and(kind);
            is_momentary |= momentary;
        });
        Self {
            condition,
            kinds,
            is_momentary,
        }
    }

    /// Whether it is true of the device at the fact, or between facts. A device that does not exist
    /// is in no condition whatever.
    pub(super) fn holds(&self, device: &Device, moment: Option<&Moment<'_>>) -> bool {
        device.exists && self.condition.holds(device, moment)
    }
}

impl Prepared {
    fn new(condition: &Condition, watched: &mut Watched) -> Self {
        let several = |conditions: &[Condition], watched: &mut Watched| {
            conditions
                .iter()
                .map(|one| Self::new(one, watched))
                .collect()
        };
        match condition {
            Condition::Path {
                document,
                path,
                predicate,
            } => {
                let predicate = predicate.clone();
                // Tags have no version of their own.
                if path.len() == 1 && path[0] == "$version" && *document != Document::Tags {
                    let document = *document;
                    return Self::Version {
                        document,
                        predicate,
                    };
                }
                let place = watched.index(*document, path);
                Self::Path { place, predicate }
            }
            Condition::Connected(connected) => Self::Connected(*connected),
            Condition::MethodAnswered { name, status } => Self::MethodAnswered {
                name: name.clone(),
                status: *status,
            },
            Condition::MethodFailed(code) => Self::MethodFailed(code.clone()),
            Condition::Message { body } => Self::Message { body: body.clone() },
            Condition::C2dSettled(outcome) => Self::C2dSettled(outcome.clone()),
            Condition::DisconnectedBy(reason) => Self::DisconnectedBy(reason.clone()),
            Condition::All(all) => Self::All(several(all, watched)),
            Condition::Any(any) => Self::Any(several(any, watched)),
            Condition::Not(not) => Self::Not(Box::new(Self::new(not, watched))),
        }
    }

    /// Whether it is true; see [`Test::holds`].
    pub(super) fn holds(&self, device: &Device, moment: Option<&Moment<'_>>) -> bool {
        let what = moment.map(|moment| moment.what);
        match (self, what) {
            (Self::Path { place, predicate }, _) => {
                predicate::holds(predicate, device.values.get(*place))
            }
            (
                Self::Version {
                    document,
                    predicate,
                },
                _,
            ) => predicate::holds(predicate, Some(&device.version(*document).into())),
            (Self::Connected(connected), _) => device.is_online == *connected,
            (Self::All(all), _) => all.iter().all(|one| one.holds(device, moment)),
            (Self::Any(any), _) => any.iter().any(|one| one.holds(device, moment)),
            (Self::Not(not), _) => !not.holds(device, moment),
            (
                Self::MethodAnswered { name, status },
                Some(What::MethodAnswered { status: found, .. }),
            ) => {
                let method = moment.and_then(|moment| moment.method);
                status.is_none_or(|status| status == *found)
                    && name
                        .as_ref()
                        .is_none_or(|name| Some(name.as_str()) == method)
            }
            (Self::MethodFailed(code), Some(What::MethodFailed { code: found, .. })) => {
                code.as_ref().is_none_or(|code| code == found)
            }
            (Self::Message { body }, Some(What::Telemetry { body: found })) => {
                let matches = |body| predicate::holds_for_body(body, found);
                body.as_ref().is_none_or(matches)
            }
            (Self::C2dSettled(outcome), Some(What::C2dSettled { outcome: found, .. })) => {
                outcome == found
            }
            (Self::DisconnectedBy(reason), Some(What::Disconnected { reason: found })) => {
                reason == found
            }
            (
                Self::MethodAnswered { .. }
                | Self::MethodFailed(_)
                | Self::Message { .. }
                | Self::C2dSettled(_)
                | Self::DisconnectedBy(_),
                _,
            ) => false,
        }
    }

    /// Visits what is neither all, any nor not.
    pub(super) fn each_leaf<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        match self {
            Self::All(several) | Self::Any(several) => {
                for one in several {
                    one.each_leaf(visit);
                }
            }
            Self::Not(not) => not.each_leaf(visit),
            leaf => visit(leaf),
        }
    }

    /// Of a leaf: what can change it, and whether it speaks of a fact.
    fn nature(&self, watched: &Watched) -> (Kinds, bool) {
        match self {
            Self::Path { place, .. } => (kind_of(watched.path(*place).0), false),
            Self::Version { document, .. } => (kind_of(*document), false),
            Self::Connected(_) => (Kinds::LINK, false),
            Self::MethodAnswered { .. } | Self::MethodFailed(_) => (Kinds::METHOD, true),
            Self::Message { .. } => (Kinds::TELEMETRY, true),
            Self::C2dSettled(_) => (Kinds::C2D, true),
            Self::DisconnectedBy(_) => (Kinds::LINK, true),
            Self::All(_) | Self::Any(_) | Self::Not(_) => (Kinds::NONE, false),
        }
    }
}

fn kind_of(document: Document) -> Kinds {
    match document {
        Document::Reported => Kinds::REPORTED,
        Document::Desired => Kinds::DESIRED,
        Document::Tags => Kinds::TAGS,
    }
}
