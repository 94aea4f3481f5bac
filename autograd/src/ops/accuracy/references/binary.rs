//! The same for rows of two inputs.

use super::{Sum, sigmoid, sum};
use crate::exact::Exact;
use crate::number::rows::Binary;

/// Value, the slopes with respect to `a` and `b`, and the second derivatives: `a` twice, both, `b` twice.
pub(in super::super) fn binary(row: Binary, a: &Exact, b: &Exact) -> [Sum; 6] {
    let zero = || Sum::from(0.0);
    let plain = |y: Exact, da: f64, db: f64| [y.into(), da.into(), db.into(), zero(), zero(), zero()];
    let mask = |holds: bool| plain(f64::from(u8::from(holds)).into(), 0.0, 0.0);
    let (first, second) = (a.to_f64(), b.to_f64());
    match row {
        Binary::Add => plain(a + b, 1.0, 1.0),
        Binary::Sub => plain(a - b, 1.0, -1.0),
        Binary::Mul | Binary::Chain | Binary::ChainFlat => {
            [(a * b).into(), b.clone().into(), a.clone().into(), zero(), 1.0.into(), zero()]
        }
        Binary::Div | Binary::ChainOver => {
            let y = a / b;
            let slope = 1.0 / b;
            [
                y.clone().into(),
                slope.clone().into(),
                (-(&y / b)).into(),
                zero(),
                (-(slope / b)).into(),
                (y * 2.0 / b.square()).into(),
            ]
        }
        Binary::Pow => {
            let (y, ln) = (a.pow(b), a.ln());
            let (da, db) = (&y / a * b, &y * &ln);
            let mixed = sum(&y / a, &da * &ln);
            [y.into(), da.clone().into(), db.clone().into(), (da / a * (b - 1.0)).into(), mixed, (db * ln).into()]
        }
        Binary::Atan2 => {
            let square = a.square() + b.square();
            let fourth = square.square();
            let bend = a * b * 2.0 / &fourth;
            let mixed = sum(a.square() / &fourth, -(b.square() / fourth));
            let near = (a / b).atan();
            let y = match (b.is_negative(), a.is_negative()) {
                (false, _) => near,
                (true, false) => near + Exact::pi(),
                (true, true) => near - Exact::pi(),
            };
            [y.into(), (b / &square).into(), (-(a / square)).into(), (-&bend).into(), mixed, bend.into()]
        }
        Binary::Inverted => {
            let square = a.square() + b.square();
            let (fourth, sixth) = (square.square(), square.powi(3));
            let (aa, bb) = (a.square(), b.square());
            let sum = |left: Exact, right: Exact| sum(left * 2.0 / &sixth, right * -2.0 / &sixth);
            [
                (a / square).into(),
                super::sum(&bb / &fourth, -(&aa / &fourth)),
                (a * b * -2.0 / fourth).into(),
                sum(a * &aa, a * &bb * 3.0),
                sum(b * &aa * 3.0, b * &bb),
                sum(a * bb * 3.0, a * aa),
            ]
        }
        Binary::Hypot | Binary::Direction => {
            let size = (a.square() + b.square()).sqrt();
            let (c, s) = (a / &size, b / &size);
            let [cc, cs, ss] = [c.square(), &c * &s, s.square()];
            if row == Binary::Hypot {
                let bends = [&ss / &size, -(cs / &size), cc / &size].map(Sum::from);
                let [aa, ab, bb] = bends;
                return [size.into(), c.into(), s.into(), aa, ab, bb];
            }
            let square = size.square();
            [
                c.clone().into(),
                (&ss / &size).into(),
                (-(cs / size)).into(),
                (&c * &ss * -3.0 / &square).into(),
                sum(&s * &cc * 2.0 / &square, -(&s * &ss / &square)),
                sum(&c * ss * 2.0 / &square, -(c * cc / square)),
            ]
        }
        Binary::Logaddexp => {
            let gap = a - b;
            let y = if gap.is_negative() { sum(b.clone(), gap.softplus()) } else { sum(a.clone(), (-&gap).softplus()) };
            let ([da, bend, _], db) = (sigmoid(&gap), (-gap).sigmoid());
            [y, da.into(), db.into(), bend.clone().into(), (-&bend).into(), bend.into()]
        }
        Binary::Share => {
            let ([y, slope, _], other) = (sigmoid(&(a - b)), (b - a).sigmoid());
            let (rise, fall) = (&slope * &other, &slope * &y);
            let curvature = sum(rise.clone(), -&fall);
            [y.into(), slope.clone().into(), (-slope).into(), curvature.clone(), sum(fall, -rise), curvature]
        }
        Binary::Xlogy | Binary::Xlog1py => {
            let (at, ln) = if row == Binary::Xlogy { (b.clone(), b.ln()) } else { (b + 1.0, b.ln_1p()) };
            let (db, mixed) = (a / &at, 1.0 / &at);
            let bb = -(&db / &at);
            [(a * &ln).into(), ln.into(), db.into(), zero(), mixed.into(), bb.into()]
        }
        Binary::Fmod => {
            let y = Exact::from(first % second);
            let turns = (a - &y) / b;
            [y.into(), 1.0.into(), (-turns).into(), zero(), zero(), zero()]
        }
        Binary::Copysign => {
            let sign = if a.is_negative() == b.is_negative() { 1.0 } else { -1.0 };
            plain(a * sign, sign, 0.0)
        }
        // Of pairs as they occur: the slope of tanh b, as a function of it.
        Binary::TanhSlope => {
            let t = b.tanh();
            [(1.0 / b.cosh().square()).into(), (&t * -2.0).into(), zero(), Sum::from(-2.0), zero(), zero()]
        }
        Binary::Maximum if first > second => plain(a.clone(), 1.0, 0.0),
        Binary::Minimum if first < second => plain(a.clone(), 1.0, 0.0),
        Binary::Maximum | Binary::Minimum if first == second => plain(a.clone(), 0.5, 0.5),
        Binary::Maximum | Binary::Minimum => plain(b.clone(), 0.0, 1.0),
        Binary::Less => mask(first < second),
        Binary::LessEqual => mask(first <= second),
        Binary::Greater => mask(first > second),
        Binary::GreaterEqual => mask(first >= second),
        Binary::Equal => mask(first == second),
        Binary::NotEqual => mask(first != second),
        Binary::Masked => plain(a.clone(), 1.0, 0.0),
    }
}
