//! [`Join`]: how a network makes one value of several.

use std::fmt;

use autograd::{Float, Shape, Var};
use serde::{Deserialize, Serialize};

use crate::error::{Error, or_panic};

/// How a [`Network`](crate::Network) joins several values.
///
/// ```
/// use mlp::Join;
/// assert_eq!(Join::Concat(1).to_string(), "concat(1)");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Join {
    /// One behind the other along this axis, from 0; all other lengths are equal.
    Concat(usize),
    /// Their sum; all have one shape.
    Add,
    /// Their product. All have as many axes, and one of length 1 stretches, as that of a gate for each channel.
    Multiply,
}

impl Join {
    /// The shape of the joined value.
    pub(crate) fn shape(self, shapes: &[Shape]) -> Result<Shape, Error> {
        let refuse = |what: &'static str, law: &str| {
            let shapes: Vec<_> = shapes.iter().map(Shape::to_string).collect();
            Err(Error::invalid(what, format!("shapes {}: {law}", shapes.join(", "))))
        };
        let (first, axes) = (&shapes[0], shapes[0].len());
        if shapes.iter().any(|shape| shape.len() != axes) {
            return refuse(self.name(), "all need as many axes; reshape the values before");
        }
        let all = |axis: usize| shapes.iter().map(move |shape| shape[axis]);
        match self {
            Join::Concat(axis) if axis >= axes => {
                refuse("concat", &format!("there is no axis {axis}; axes count from 0"))
            }
            Join::Concat(axis) => {
                if (0..axes).any(|other| other != axis && all(other).any(|length| length != first[other])) {
                    return refuse("concat", &format!("they may differ along axis {axis} only"));
                }
                let length =
                    |other: usize| if other == axis { all(axis).fold(0, usize::saturating_add) } else { first[other] };
                Ok((0..axes).map(length).collect())
            }
            Join::Add if shapes.iter().any(|shape| shape != first) => refuse("add", "a sum needs equal shapes"),
            Join::Add => Ok(first.clone()),
            Join::Multiply => {
                let longest = |axis: usize| all(axis).find(|&length| length != 1).unwrap_or(1);
                if (0..axes).any(|axis| all(axis).any(|length| length != 1 && length != longest(axis))) {
                    return refuse("multiply", "lengths have to be equal, or 1");
                }
                Ok((0..axes).map(longest).collect())
            }
        }
    }

    /// The joined value, where the shapes fit.
    #[track_caller]
    pub(super) fn apply<'t, T: Float>(self, values: &[Var<'t, T>]) -> Var<'t, T> {
        let shapes: Vec<_> = values.iter().map(|value| value.shape()).collect();
        or_panic(self.shape(&shapes));
        let (mut all, rest) = (values[0], &values[1..]);
        match self {
            Join::Concat(axis) => return Var::concat(values, axis),
            Join::Add => rest.iter().for_each(|&value| all += value),
            Join::Multiply => rest.iter().for_each(|&value| all *= value),
        }
        all
    }

    fn name(self) -> &'static str {
        match self {
            Join::Concat(_) => "concat",
            Join::Add => "add",
            Join::Multiply => "multiply",
        }
    }
}

impl fmt::Display for Join {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Join::Concat(axis) => write!(f, "concat({axis})"),
            other => f.write_str(other.name()),
        }
    }
}
