//! What the targets share: numbers from bytes, and refusals that must have words.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::sync::Once;

/// Numbers from what the fuzzer gives; 0 where it ends.
pub struct Bytes<'a>(pub &'a [u8]);

impl Bytes<'_> {
    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(first) % end
    }

    /// Whether there are any left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A length that is mostly small, and now and then beyond any memory.
    pub fn length(&mut self) -> usize {
        match self.below(64) {
            60 => 1 << 32,
            61 => 1 << 59,
            62 => usize::MAX / 2,
            63 => usize::MAX,
            small => small % 6,
        }
    }
}

thread_local! {
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
    /// Whether a refusal is waited for.
    static WITHIN: Cell<bool> = const { Cell::new(false) };
}

/// What a program may be told: everything but what the language or the library says where nobody thought of it.
const ACCIDENTS: [&str; 9] = [
    "overflow", "out of bounds", "out of range for slice", "range end index", "range start index", "`Option::unwrap", "`Result::unwrap",
    "unreachable", "already",
];

/// The value of `f`, or `None` if it was refused with words; anything else ends the process, for the fuzzer to see.
pub fn refused_with_words<R>(what: &str, f: impl FnOnce() -> R) -> Option<R> {
    static HOOK: Once = Once::new();
    // The fuzzer's own hook takes every panic for an error.
    HOOK.call_once(|| {
        set_hook(Box::new(|info| {
            PLACE.set(info.location().map(ToString::to_string).unwrap_or_default());
            if !WITHIN.get() {
                fail(&info.to_string());
            }
        }))
    });
    WITHIN.set(true);
    let result = catch_unwind(AssertUnwindSafe(f));
    WITHIN.set(false);
    let payload = match result {
        Ok(value) => return Some(value),
        Err(payload) => payload,
    };
    let text = payload.downcast_ref::<String>().cloned();
    let text = text.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default();
    let place = PLACE.take();
    let own = place.starts_with("targets/") || place.contains("fuzz/targets/");
    if text.is_empty() || !own || ACCIDENTS.iter().any(|accident| text.contains(accident)) {
        fail(&format!("{what}: {place}: {text:?}"));
    }
    None
}

/// Ends the process with words.
pub fn fail(text: &str) -> ! {
    eprintln!("{text}");
    std::process::abort()
}
