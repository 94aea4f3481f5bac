//! Numbers of any width and byte order.

use std::io::Read;

use autograd::{Float, Shape};

use crate::error::{damaged, shown};

/// How one number is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Layout {
    pub(super) kind: Kind,
    /// Bytes: 1, 2, 4 or 8; 4 or 8 for `Real`.
    pub(super) size: usize,
    pub(super) big_endian: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Real,
    Signed,
    Unsigned,
}

impl Layout {
    /// That of `T` on most machines.
    pub(super) fn of<T: Float>(big_endian: bool) -> Self {
        Layout { kind: Kind::Real, size: size_of::<T>(), big_endian }
    }

    /// Reads the numbers of an array, which must be all that there is.
    ///
    /// The bytes are read as they come, and never by what the shape claims.
    pub(super) fn read<T: Float>(self, reader: impl Read, shape: &[usize]) -> Result<Vec<T>, String> {
        if shape.len() > MOST_AXES {
            let n = shape.len();
            return Err(format!("it claims an array of {n} axes, and {MOST_AXES} are the most; it is damaged"));
        }
        let numel = shape.iter().try_fold(1usize, |numel, &len| numel.checked_mul(len));
        let needed = numel.and_then(|numel| numel.checked_mul(self.size)).filter(|&n| n < isize::MAX as usize);
        let named = Shape::from(shape);
        let Some(needed) = needed else {
            return Err(format!("it claims an array of shape {named}, which no memory holds; it is damaged"));
        };
        let mut bytes = Vec::new();
        reader.take(needed as u64 + 1).read_to_end(&mut bytes).map_err(damaged)?;
        if bytes.len() != needed {
            let found = if bytes.len() > needed { "more".to_string() } else { bytes.len().to_string() };
            return Err(format!(
                "it holds {found} bytes where shape {named} needs {needed}; it is cut short or damaged"
            ));
        }
        let mut values = Vec::new();
        if values.try_reserve_exact(needed / self.size).is_err() {
            return Err(format!("its array of shape {named} has more numbers than memory holds; read it in parts"));
        }
        for (i, bytes) in bytes.chunks_exact(self.size).enumerate() {
            values.push(self.number(bytes).map_err(|found| {
                format!("position {i} holds {found}, which {} cannot hold; read the array into another type", T::NAME)
            })?);
        }
        Ok(values)
    }

    /// The number, or its text if `T` cannot hold it.
    fn number<T: Float>(self, bytes: &[u8]) -> Result<T, String> {
        let mut raw = [0; 8];
        for (place, byte) in bytes.iter().enumerate() {
            raw[if self.big_endian { self.size - 1 - place } else { place }] = *byte;
        }
        let unused = 64 - 8 * self.size as u32;
        let (exact, number) = match self.kind {
            Kind::Real => {
                let x = match self.size {
                    4 => f64::from(f32::from_bits(u64::from_le_bytes(raw) as u32)),
                    _ => f64::from_le_bytes(raw),
                };
                let number = T::from_f64(x);
                return if x.is_finite() && !number.is_finite() { Err(shown(x)) } else { Ok(number) };
            }
            Kind::Signed => {
                let n = i64::from_le_bytes(raw) << unused >> unused; // the sign moves up and down with it
                (i128::from(n), T::from_f64(n as f64))
            }
            Kind::Unsigned => {
                let n = u64::from_le_bytes(raw);
                (i128::from(n), T::from_f64(n as f64))
            }
        };
        if number.to_f64() as i128 == exact { Ok(number) } else { Err(exact.to_string()) }
    }
}

/// As many axes as NumPy has; more would be a page of lengths.
const MOST_AXES: usize = 64;

/// Writes `values` behind `bytes`.
pub(super) fn push<T: Float>(bytes: &mut Vec<u8>, values: &[T], big_endian: bool) {
    for &x in values {
        let start = bytes.len();
        match size_of::<T>() {
            4 => bytes.extend((x.to_f64() as f32).to_le_bytes()),
            _ => bytes.extend(x.to_f64().to_le_bytes()),
        }
        if big_endian {
            bytes[start..].reverse();
        }
    }
}
