//! Text in boxes: numbers, names, widths, escapes.

use crate::number::Float;
use crate::tensor::Tensor;

/// The largest array that is shown in full: number of values, and number of characters.
const WHOLE: (usize, usize) = (4, 36);

/// Formats a number with four significant digits, without trailing zeros, and with a true minus sign.
pub(super) fn number(x: f64) -> String {
    let size = x.abs();
    let text = if x.is_nan() {
        return "NaN".into();
    } else if size.is_infinite() {
        "∞".into()
    } else if size == 0.0 {
        "0".into()
    } else if (1e-4..1e6).contains(&size) {
        let digits = (3 - size.log10().floor() as i32).max(0) as usize;
        without_zeros(&format!("{size:.digits$}")).to_string()
    } else {
        let text = format!("{size:.3e}");
        let (mantissa, exponent) = text.split_once('e').expect("written with an exponent");
        format!("{}e{}", without_zeros(mantissa), exponent.replace('-', "−"))
    };
    if x < 0.0 { format!("−{text}") } else { text }
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// Shows a few values in full, in brackets nested as the shape; of more values, their range.
pub(super) fn values<T: Float>(x: &Tensor<T>) -> String {
    if x.numel() <= WHOLE.0 {
        let text = whole(x);
        if text.chars().count() <= WHOLE.1 {
            return text;
        }
    }
    let numbers = || x.as_slice().iter().map(|x| x.to_f64());
    let (low, high) = (numbers().fold(f64::INFINITY, f64::min), numbers().fold(f64::NEG_INFINITY, f64::max));
    match numbers().filter(|x| x.is_nan()).count() {
        0 => format!("{} to {}", number(low), number(high)),
        all if all == x.numel() => "all NaN".into(),
        some => format!("{} to {}, {some} NaN", number(low), number(high)),
    }
}

fn whole<T: Float>(x: &Tensor<T>) -> String {
    if x.numel() == 0 {
        return "none".into();
    }
    // Brackets open and close where the values of an axis start and end.
    let runs: Vec<usize> = (0..x.shape().len()).map(|axis| x.shape()[axis..].iter().product()).collect();
    let mut text = String::new();
    for (k, value) in x.as_slice().iter().enumerate() {
        text += if k > 0 { ", " } else { "" };
        text.extend(runs.iter().filter(|&&run| k % run == 0).map(|_| '['));
        text += &number(value.to_f64());
        text.extend(runs.iter().filter(|&&run| (k + 1) % run == 0).map(|_| ']'));
    }
    text
}

/// A name with a subscript number: v₁₂.
pub(super) fn numbered(name: char, n: usize) -> String {
    let digit = |digit: char| char::from_u32('₀' as u32 + digit as u32 - '0' as u32).expect("ten subscripts");
    std::iter::once(name).chain(n.to_string().chars().map(digit)).collect()
}

/// The text on one line, with at most `most` characters, all of them valid in XML.
pub(super) fn tidy(text: &str, most: usize) -> String {
    let clean = |c: char| {
        if c.is_whitespace() {
            ' '
        } else if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') {
            '\u{fffd}'
        } else {
            c
        }
    };
    let text: Vec<char> = text.chars().map(clean).collect();
    if text.len() <= most {
        return text.into_iter().collect();
    }
    text[..most - 1].iter().copied().chain(['…']).collect()
}

/// Output for a notebook of the evcxr kernel: text, and a richer form for where there is room.
pub(crate) fn notebook(plain: &str, mime: &str, rich: &str) -> String {
    let block = |mime: &str, text: &str| format!("EVCXR_BEGIN_CONTENT {mime}\n{text}\nEVCXR_END_CONTENT\n");
    block("text/plain", plain) + &block(mime, rich)
}

/// Escapes text for the content of an XML element.
pub(crate) fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The estimated width of a line in a sans-serif font whose letters are 1 high; too wide rather than too narrow.
pub(super) fn width(text: &str) -> f64 {
    let letter = |c: char| match c {
        'i' | 'j' | 'l' | '\'' | '|' | '.' | ',' | ':' | ';' | ' ' | '·' | 'I' => 0.34,
        'f' | 'r' | 't' | '(' | ')' | '[' | ']' | '/' | '-' | '₀'..='₉' | '²' => 0.43,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 0.98,
        '+' | '−' | '=' | '<' | '>' | '≤' | '≥' | '≠' | '∞' | '~' | '^' => 0.84,
        'A'..='Z' => 0.74,
        '_' => 0.52,
        '\u{1100}'.. => 1.05,
        _ => 0.63,
    };
    text.chars().map(letter).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_four_digits() {
        let texts = [0.0, -0.0, 2.0, 6.909297, -0.04161, 99999.4, 123456.0, 1e6, -1.5e-7, 9.99996, f64::NEG_INFINITY];
        let want = ["0", "0", "2", "6.909", "−0.04161", "99999", "123456", "1e6", "−1.5e−7", "10", "−∞"];
        assert_eq!(texts.map(number), want);
        assert_eq!(number(f64::NAN), "NaN");
    }

    #[test]
    fn few_values_are_whole_and_many_are_a_range() {
        assert_eq!(values(&Tensor::from(1.5)), "1.5");
        assert_eq!(values(&Tensor::from([[1.0, 2.0], [3.0, -4.0]])), "[[1, 2], [3, −4]]");
        assert_eq!(values(&Tensor::from([[1.0], [2.0]])), "[[1], [2]]");
        assert_eq!(values(&Tensor::<f64>::zeros([0])), "none");
        assert_eq!(values(&Tensor::from([1.0, f64::NAN, 3.0, 4.0, 5.0])), "1 to 5, 1 NaN");
    }

    #[test]
    fn names_become_one_clean_line() {
        assert_eq!(tidy("a\nb\u{0}c", 9), "a b\u{fffd}c");
        assert_eq!(tidy("abcdef", 4), "abc…");
        assert_eq!(xml("a<b & c>d"), "a&lt;b &amp; c&gt;d");
        assert_eq!(numbered('v', 120), "v₁₂₀");
    }
}
