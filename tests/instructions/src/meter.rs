//! Runs an operation: some times unseen, then many times where callgrind counts.
//!
//! Callgrind knows the counted loop by the name of its function, and by nothing else.

use std::hint::black_box;

/// Counts one kind of operation.
#[derive(Debug)]
pub struct Meter {
    operations: usize,
    counted: usize,
}

/// Matches [`counted_operations`], whatever it is instantiated with.
pub(crate) const COUNTED_FUNCTION: &str = "*counted_operations*";
/// Matches the same.
pub(crate) const COUNTED_FUNCTION_IN_FULL: &str =
    "hubnerite_instructions::meter::counted_operations*";

impl Meter {
    /// A meter that counts `operations` after a quarter as many that are not counted.
    pub fn new(operations: usize) -> Self {
        Self {
            operations,
            counted: 0,
        }
    }

    /// How many operations were counted.
    pub fn counted(&self) -> usize {
        self.counted
    }

    /// Counts an operation that can be repeated as it is. Dropping its result counts too.
    pub fn repeat<T>(&mut self, mut operation: impl FnMut() -> T) {
        self.each(|_| (), |()| operation());
    }

    /// Counts an operation that uses something up; `prepare` makes it, uncounted, from a number that
    /// does not come twice.
    pub fn each<I, T>(&mut self, prepare: impl FnMut(usize) -> I, operation: impl FnMut(I) -> T) {
        let mut operation = operation;
        let warm_up = self.operations / 4;
        let mut inputs: Vec<I> = (0..warm_up + self.operations).map(prepare).collect();
        let counted = inputs.split_off(warm_up);
        for input in inputs {
            black_box(operation(black_box(input)));
        }
        self.counted += counted.len();
        counted_operations(counted, &mut operation);
    }
}

#[inline(never)]
fn counted_operations<I, T>(inputs: Vec<I>, operation: &mut impl FnMut(I) -> T) {
    for input in inputs {
        black_box(operation(black_box(input)));
    }
}
