//! What a step on several ranks takes: a model of few constants.

/// What a connection between two ranks takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    /// Seconds until a message of no size is received.
    pub(crate) latency: f64,
    /// Seconds a byte.
    pub(crate) byte: f64,
}

/// What a step of one network takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    /// The number of samples of a rank.
    pub(crate) samples: usize,
    /// The number of values of its gradient.
    pub(crate) values: f64,
    /// Bytes a value.
    pub(crate) size: f64,
    /// Seconds for what each rank does by itself: its sweep, and the step of the optimiser.
    pub(crate) alone: f64,
    /// Seconds to add a value to another.
    pub(crate) add: f64,
}

impl Work {
    /// Seconds for a step with the sums in the order of the parts.
    ///
    /// K pieces pass up R ranks, each of which adds, and back. A piece that is passed on makes room for the next, so that all are
    /// through after R + K − 2 hops each way. Sums of the epoch and reasons to stop go up a tree and down again, 2 ⌈log₂ R⌉ messages each.
    pub(crate) fn in_order(&self, ranks: f64, link: Link) -> f64 {
        if ranks < 2.0 {
            return self.alone;
        }
        let pieces = (self.values / mlp::train::piece(self.values as usize, ranks as usize) as f64).ceil();
        let piece = self.values / pieces;
        let hop = 2.0 * link.latency + piece * self.size * link.byte; // a head and a content
        let hops = ranks + pieces - 2.0;
        self.alone + hops * (hop + piece * self.add) + hops * hop + exchanges(ranks, link)
    }

    /// Seconds for a step with sums by a ring: each rank sends and receives 2 (R − 1)/R of the gradient in 2 (R − 1) messages
    /// (Thakur, Rabenseifner & Gropp 2005).
    pub(crate) fn all_reduced(&self, ranks: f64, link: Link) -> f64 {
        if ranks < 2.0 {
            return self.alone;
        }
        let share = (ranks - 1.0) / ranks * self.values;
        let ring = 2.0 * (ranks - 1.0) * link.latency + share * (2.0 * self.size * link.byte + self.add);
        self.alone + ring + 1.5 * exchanges(ranks, link) // and which parameters have a gradient
    }
}

/// Seconds for the two exchanges of a step.
fn exchanges(ranks: f64, link: Link) -> f64 {
    2.0 * 2.0 * ranks.log2().ceil() * 2.0 * link.latency
}
