//! What one search knows from the rows that it has seen. The twins of a fleet share their shapes, so the
//! next row has a key in the same place, or does not have it either.

use std::cell::{Cell, RefCell};

use super::path::Step;
use crate::twin::Twin;
use crate::twin::section::Section;
use crate::twin::shape::Shape;
use crate::twin::tree::{Node, Spot};

/// What one search knows. Kept for as long as a shard is looked through, and of few paths.
#[derive(Debug, Default)]
pub(crate) struct Spots {
    known: RefCell<Vec<Known>>,
    tags: Cell<Need>,
    desired: Cell<Need>,
    reported: Cell<Need>,
}

/// The first step of a path in one shape.
#[derive(Debug)]
struct Known {
    /// The step, by where it lives: the query outlives the search.
    step: *const Step,
    /// Kept, so that no other can take its place in memory.
    shape: Shape,
    /// `None`: there is no such key.
    spot: Option<Spot>,
}

/// How much of a section the rows so far were asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    #[default]
    Nothing,
    Shape,
    Values,
}

/// Which section of a twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Tags,
    Desired,
    Reported,
}

impl Which {
    pub(super) fn of(self, twin: &Twin) -> &Section {
        match self {
            Self::Tags => &twin.tags,
            Self::Desired => &twin.desired,
            Self::Reported => &twin.reported,
        }
    }
}

impl Spots {
    /// The member of a section that a step names.
    pub(super) fn find<'a>(&self, twin: &'a Twin, which: Which, step: &Step) -> Option<Node<'a>> {
        let section = which.of(twin);
        let spot = self.spot(section, step);
        let need = self.need(which);
        need.set(need.get().max(match spot {
            None => Need::Shape,
            Some(_) => Need::Values,
        }));
        let spot = spot?;
        section.members().at(spot)
    }

    fn spot(&self, section: &Section, step: &Step) -> Option<Spot> {
        let Step::Key(key) = step else { return None };
        let mut known = self.known.borrow_mut();
        let is_it = |one: &&Known| std::ptr::eq(one.step, step) && one.shape.is(section.shape());
        if let Some(one) = known.iter().find(is_it) {
            return one.spot;
        }
        let spot = section.members().spot(key);
        if known.len() >= KNOWN_MAX {
            known.remove(0);
        }
        known.push(Known {
            step,
            shape: section.shape().clone(),
            spot,
        });
        spot
    }

    /// Fetches from memory what the next rows will be asked for, as far as the rows before tell: the
    /// processor waits once for all of them, where it would wait for each. It changes no answer.
    pub(crate) fn warm<'a>(&self, twins: &(impl Iterator<Item = &'a Twin> + Clone)) {
        for which in [Which::Tags, Which::Desired, Which::Reported] {
            let need = self.need(which).get();
            if need >= Need::Shape {
                let shapes = twins.clone().filter(|twin| which.of(twin).is_empty());
                std::hint::black_box(shapes.count());
            }
            if need == Need::Values {
                let bytes = twins.clone().map(|twin| which.of(twin).first_byte());
                std::hint::black_box(bytes.fold(0, u8::wrapping_add));
            }
        }
    }

    fn need(&self, which: Which) -> &Cell<Need> {
        match which {
            Which::Tags => &self.tags,
            Which::Desired => &self.desired,
            Which::Reported => &self.reported,
        }
    }
}

/// More are looked for anew. Enough for a few paths in fleets of a few kinds, whose devices may stand in any order.
const KNOWN_MAX: usize = 32;
