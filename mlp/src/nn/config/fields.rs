//! Fields that the configurations of several layers have.

use autograd::{Conv, Pool};
use serde::de::{Error as _, SeqAccess, Visitor, value::SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result, shown};

/// The usual value of an option that is on.
pub(crate) fn yes() -> bool {
    true
}

/// Whether an option that is usually on is on.
pub(crate) fn is_on(option: &bool) -> bool {
    *option
}

/// Whether an option that is usually off is off.
pub(crate) fn is_off(option: &bool) -> bool {
    !*option
}

/// A value, unless it is the usual one.
pub(crate) fn unless<V: PartialEq>(usual: V, value: V) -> Option<V> {
    Some(value).filter(|value| *value != usual)
}

/// The constant below a square root, if it is one.
pub(crate) fn eps(layer: &'static str, eps: Option<f64>, usual: f64) -> Result<f64> {
    let eps = eps.unwrap_or(usual);
    match eps.is_finite() && eps >= 0.0 {
        true => Ok(eps),
        false => {
            Err(Error::invalid(layer, format!("eps = {} is no number from 0; the usual one is {usual:e}", shown(eps))))
        }
    }
}

/// Lengths along `AXES` axes, one or two: a number, or one for the rows and one for the columns. Of one axis the last counts, as in [`Conv`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sides<const AXES: usize>(pub(crate) [usize; 2]);

impl<const AXES: usize> Sides<AXES> {
    /// Those of the axes that there are.
    pub(crate) fn new(lengths: [usize; 2]) -> Self {
        Sides(if AXES == 1 { [lengths[1]; 2] } else { lengths })
    }

    /// The lengths, if they are given, else the usual ones.
    pub(crate) fn or(lengths: Option<Self>, usual: [usize; 2]) -> [usize; 2] {
        lengths.map_or(usual, |lengths| lengths.0)
    }

    /// The lengths, unless all are the usual ones.
    pub(crate) fn unless(usual: [usize; 2], lengths: [usize; 2]) -> Option<Self> {
        unless(Sides::new(usual), Sides::new(lengths))
    }
}

impl<const AXES: usize> Serialize for Sides<AXES> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            [rows, columns] if rows == columns => rows.serialize(serializer),
            both => both.serialize(serializer),
        }
    }
}

impl<'de, const AXES: usize> Deserialize<'de> for Sides<AXES> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lengths<const AXES: usize>;

        impl<'de, const AXES: usize> Visitor<'de> for Lengths<AXES> {
            type Value = Sides<AXES>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(if AXES == 1 {
                    "a whole number from 0"
                } else {
                    "a whole number from 0, or [rows, columns]"
                })
            }

            fn visit_u64<E: serde::de::Error>(self, length: u64) -> Result<Self::Value, E> {
                let length = usize::try_from(length).map_err(E::custom)?;
                Ok(Sides([length; 2]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, lengths: A) -> Result<Self::Value, A::Error> {
                match AXES {
                    1 => Err(A::Error::invalid_type(serde::de::Unexpected::Seq, &self)),
                    _ => Deserialize::deserialize(SeqAccessDeserializer::new(lengths)).map(Sides),
                }
            }
        }

        deserializer.deserialize_any(Lengths)
    }
}

/// Bounds that may be infinite, which JSON writes as text.
pub(crate) mod bound {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(bound: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        match bound.is_finite() {
            true => bound.serialize(serializer),
            false => serializer.collect_str(bound),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a number, \"inf\" or \"-inf\" is needed")]
        enum Written {
            Number(f64),
            Text(Infinite),
        }

        #[derive(Deserialize)]
        enum Infinite {
            #[serde(rename = "inf")]
            Above,
            #[serde(rename = "-inf")]
            Below,
        }

        Ok(match Written::deserialize(deserializer)? {
            Written::Number(bound) => bound,
            Written::Text(Infinite::Above) => f64::INFINITY,
            Written::Text(Infinite::Below) => f64::NEG_INFINITY,
        })
    }
}

/// How the windows of a [`Conv`] lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placement {
    pub(crate) stride: [usize; 2],
    pub(crate) padding: [usize; 2],
    pub(crate) dilation: [usize; 2],
    pub(crate) output_padding: [usize; 2],
}

impl Placement {
    pub(crate) fn of(conv: &Conv) -> Self {
        let (stride, padding, dilation) = (conv.strides(), conv.paddings(), conv.dilations());
        Placement { stride, padding, dilation, output_padding: conv.output_paddings() }
    }

    pub(crate) fn conv(self, groups: usize) -> Conv {
        let Placement { stride, padding, dilation, output_padding } = self;
        Conv::new().stride(stride).padding(padding).dilation(dilation).output_padding(output_padding).groups(groups)
    }

    /// `Ok` if there are inputs that windows of this size fit; otherwise a model would be built that takes none.
    pub(crate) fn check(&self, layer: &'static str, size: [usize; 2], kind: Windowed) -> Result<()> {
        let refused = |why: String| Err(Error::invalid(layer, why));
        if self.stride.contains(&0) || self.dilation.contains(&0) {
            return refused("a stride or a dilation of 0 does not move; make it at least 1".into());
        }
        for axis in 0..2 {
            let [size, stride, padding, dilation, extra] =
                [size, self.stride, self.padding, self.dilation, self.output_padding].map(|lengths| lengths[axis]);
            let span = size.saturating_sub(1).saturating_mul(dilation).saturating_add(1);
            if let Some(length) = [span, stride, padding].into_iter().find(|&length| length > LONGEST) {
                return refused(format!(
                    "a size, stride, padding or dilation reaches over {length} places, and no input has more than {LONGEST}; \
                     make it smaller"
                ));
            }
            match kind {
                Windowed::Pool if padding > size / 2 => {
                    return refused(format!(
                        "a padding of {padding} is more than half of the window's {size}; pad less"
                    ));
                }
                Windowed::Transposed if extra >= stride => {
                    return refused(format!(
                        "an output padding of {extra} must be less than the stride {stride}; pad less, or make larger steps"
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// No axis is longer, as `autograd` has it too.
const LONGEST: usize = 1 << 40;

/// What a window does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Windowed {
    Convolution,
    Transposed,
    Pool,
}

/// The windows of a [`Pool`], read as those of a [`Conv`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pooling {
    pub(crate) size: [usize; 2],
    pub(crate) placement: Placement,
    pub(crate) exclude_padding: bool,
}

impl Pooling {
    pub(crate) fn of(pool: &Pool) -> Self {
        let (size, placement) = (pool.sizes(), Placement::of(pool.windows()));
        Pooling { size, placement, exclude_padding: !pool.counts_padding() }
    }

    pub(crate) fn pool(self) -> Pool {
        let Placement { stride, padding, dilation, .. } = self.placement;
        let pool = Pool::new(self.size).stride(stride).padding(padding).dilation(dilation);
        if self.exclude_padding { pool.exclude_padding() } else { pool }
    }
}
