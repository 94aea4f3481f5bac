//! [`Slots`]: what a recorded sweep knows of each node.

use std::ops::Range;

use rustc_hash::FxHashMap;

use crate::memory::list;

/// A value for each node from the first of a sweep on, and for a few nodes before it.
///
/// A checkpoint sweeps the segment that it has recorded at the end of the tape. Lists as long as the tape would take
/// time for each segment that grows with the other segments.
pub(super) struct Slots<V> {
    first: usize,
    inside: Vec<V>,
    before: FxHashMap<usize, V>,
    none: V,
}

impl<V: Clone> Slots<V> {
    #[track_caller]
    pub(super) fn new(none: V, range: Range<usize>) -> Self {
        let inside = list(none.clone(), range.len());
        Slots { first: range.start, inside, before: FxHashMap::default(), none }
    }

    pub(super) fn get(&self, at: usize) -> &V {
        let inside = at.checked_sub(self.first);
        let found = inside.map_or_else(|| self.before.get(&at), |at| self.inside.get(at));
        found.unwrap_or(&self.none)
    }

    pub(super) fn set(&mut self, at: usize, value: V) {
        match at.checked_sub(self.first) {
            Some(at) => self.inside[at] = value,
            None => drop(self.before.insert(at, value)),
        }
    }
}
