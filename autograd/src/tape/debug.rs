//! Locating the origin of a NaN or an infinity.
//!
//! A checking tape remembers the caller's line of each node. It tests each value as it is recorded and each gradient
//! as it is swept, and stops at the first that is not finite, naming the operation.

use std::collections::HashMap;
use std::fmt::Write;
use std::panic::Location;

use super::Tape;
use super::arena::{Arena, Opcode};
use crate::number::Float;

/// Source lines that a checking tape stores beside its nodes.
#[derive(Debug, Default)]
pub(crate) struct SourceLines {
    /// Whether a value that is not finite stops the program.
    pub(crate) finite: bool,
    /// The line that is recording.
    present: Option<&'static Location<'static>>,
    arrays: HashMap<u32, &'static Location<'static>>,
    scalars: HashMap<u32, &'static Location<'static>>,
}

impl SourceLines {
    /// The line that recorded an array.
    pub(crate) fn of_array(&self, array: u32) -> Option<&'static Location<'static>> {
        self.arrays.get(&array).copied()
    }

    /// The line that recorded a number.
    pub(crate) fn of_scalar(&self, node: u32) -> Option<&'static Location<'static>> {
        self.scalars.get(&node).copied()
    }

    pub(crate) fn clear(&mut self) {
        self.arrays.clear();
        self.scalars.clear();
    }

    /// Checks the gradient of an array's input.
    pub(crate) fn check_gradient<T: Float>(&self, arena: &Arena<T>, array: u32, k: usize, dx: &[T]) {
        let Some(found) = describe(dx) else { return };
        let kind = arena.kind(array);
        let name = kind.name();
        let what = format!("{name}: the gradient of its input {k} {found}");
        panic!("{}", self.report(arena, what, array));
    }

    /// Checks the gradient that a scalar operation passes back.
    pub(crate) fn check_scalar_gradient<T: Float>(&self, name: &str, node: u32, x: T, dx: T) {
        if !dx.is_finite() {
            let place = place(self.scalars.get(&node));
            panic!("{name}: the gradient of its input {x} became {dx}\n  recorded at {place}");
        }
    }

    fn report<T: Float>(&self, arena: &Arena<T>, what: String, array: u32) -> String {
        let shape = arena.arrays.shape(array);
        let mut text = format!("{what}\n  recorded at {}\n  shape {shape}", place(self.arrays.get(&array)));
        for (k, &input) in arena.arrays.inputs(array).iter().enumerate() {
            let shape = arena.arrays.shape(input);
            let range = range(arena.array_values(input));
            write!(text, "\n  input {k}: shape {shape}, {range}").expect("writing to a string");
        }
        text
    }
}

fn place(found: Option<&&'static Location<'static>>) -> String {
    found.map_or_else(|| "an unknown line".into(), |place| format!("{}:{}", place.file(), place.line()))
}

/// Describes the values that are not finite; `None` if all are finite.
fn describe<T: Float>(values: &[T]) -> Option<String> {
    let first = values.iter().position(|x| !x.is_finite())?;
    let count = values.iter().filter(|x| !x.is_finite()).count();
    Some(format!("became {} at position {first} ({count} of {} values are not finite)", values[first], values.len()))
}

fn range<T: Float>(values: &[T]) -> String {
    let finite = || values.iter().copied().filter(|x| x.is_finite());
    let pick = |a: T, b: T, smaller: bool| if (b < a) == smaller { b } else { a };
    let low = finite().reduce(|a, b| pick(a, b, true));
    let high = finite().reduce(|a, b| pick(a, b, false));
    match (low, high) {
        (Some(low), Some(high)) => format!("values from {low} to {high}"),
        _ => "no finite values".into(),
    }
}

impl<T: Float> Tape<T> {
    /// Makes this tape check that every recorded value, and every gradient of a sweep, is finite.
    ///
    /// The first that is not finite causes a panic whose message names the operation, the line that recorded it, its
    /// shape, and the range of its inputs. The check is off by default, and then costs nothing.
    ///
    /// ```should_panic
    /// let tape = autograd::Tape::new();
    /// tape.check_finite();
    /// let x = tape.var([1.0, 0.0]);
    /// let y = x.ln(); // ln: the value became -inf at position 1 (1 of 2 values are not finite) …
    /// ```
    pub fn check_finite(&self) {
        self.remember_places(true);
    }

    fn remember_places(&self, finite: bool) {
        *self.places.borrow_mut() = Some(Box::new(SourceLines { finite, ..SourceLines::default() }));
        self.checks.set(true);
        self.arena_mut().stream.tighten();
    }

    /// A tape for the gradient checker, with all details of a recording: the line of each node, the gradients of
    /// constants, and the inside of checkpoints, which is otherwise not kept.
    pub(crate) fn transparent() -> Self {
        let tape = Self::default();
        tape.remember_places(false);
        tape.arena.borrow_mut().transparent = true;
        tape
    }

    /// Remembers the line that is recording.
    #[track_caller]
    #[inline(always)]
    pub(crate) fn note(&self) {
        if self.checks.get() {
            self.note_slowly();
        }
    }

    #[cold]
    #[track_caller]
    fn note_slowly(&self) {
        if let Some(places) = &mut *self.places.borrow_mut() {
            places.present = Some(Location::caller());
        }
    }

    /// Checks an array that was just recorded.
    #[inline(always)]
    pub(crate) fn recorded_array(&self, array: u32) {
        if self.checks.get() {
            self.check_array(array);
        }
    }

    /// Checks a parameter that was just recorded, at the caller's line.
    #[track_caller]
    #[inline(always)]
    pub(crate) fn recorded_param(&self, array: u32) {
        if self.checks.get() {
            self.note_slowly();
            self.check_array(array);
        }
    }

    #[cold]
    fn check_array(&self, array: u32) {
        let arena = self.arena.borrow();
        let mut places = self.places.borrow_mut();
        let Some(places) = &mut *places else { return };
        if let Some(present) = places.present {
            places.arrays.insert(array, present);
        }
        if places.finite
            && let Some(found) = describe(arena.array_values(array))
        {
            let what = format!("{}: the value {found}", arena.kind(array).name());
            panic!("{}", places.report(&arena, what, array));
        }
    }

    /// Appends a scalar if there is no room for it, or if it must be checked; returns its node and its unchanged
    /// value.
    #[cold]
    #[inline(never)]
    #[track_caller]
    pub(crate) fn push_slowly(&self, code: Opcode, operands: [u32; 2], value: T) -> (u32, T) {
        let node = self.arena_mut().stream.push(code, operands, value);
        if self.checks.get() {
            self.check_scalar(code, node, value);
        }
        (node, value)
    }

    /// Checks a scalar that was just computed, at the caller's line.
    #[track_caller]
    fn check_scalar(&self, code: Opcode, node: u32, value: T) {
        // Its array was checked.
        if matches!(code, Opcode::Item | Opcode::Array) {
            return;
        }
        let (arena, mut places) = (self.arena.borrow(), self.places.borrow_mut());
        let Some(places) = &mut *places else { return };
        places.scalars.insert(node, Location::caller());
        if places.finite && !value.is_finite() {
            let inputs = arena.stream.inputs(node as usize);
            let inputs: Vec<T> = inputs.into_iter().map(|input| arena.stream.value(input as usize)).collect();
            panic!(
                "{}: the value became {value}\n  recorded at {}\n  inputs {inputs:?}",
                code.name(),
                place(places.scalars.get(&node))
            );
        }
    }
}
