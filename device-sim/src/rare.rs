//! Room for what a device seldom has. Devices are many and idle for most of their life: an idle one
//! shall hold nothing for what it might do.

/// A `T` on the heap while there is something in it, and eight bytes otherwise.
#[derive(Debug)]
pub(crate) struct Rare<T>(Option<Box<T>>);

impl<T: Default> Rare<T> {
    /// Room to put something in; made if there is none.
    pub(crate) fn room(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }

    /// What is there.
    pub(crate) fn get(&self) -> Option<&T> {
        self.0.as_deref()
    }

    /// What is there, to be taken from.
    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }

    /// Gives the room back if it is empty.
    pub(crate) fn give_back_if(&mut self, is_empty: impl FnOnce(&T) -> bool) {
        if self.get().is_some_and(is_empty) {
            self.0 = None;
        }
    }

    /// Gives the room back with all that is in it.
    pub(crate) fn clear(&mut self) {
        self.0 = None;
    }
}

impl<T> Default for Rare<T> {
    fn default() -> Self {
        Self(None)
    }
}
