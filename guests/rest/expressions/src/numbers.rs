//! Numbers with a given count of digits, as `%` and `format` show them.

/// `f`: so many digits behind the point.
pub(crate) fn fixed(value: f64, digits: usize) -> String {
    if value.is_finite() { format!("{value:.digits$}") } else { crate::float::repr(value) }
}

/// `e`: one digit before the point, and an exponent of at least two digits.
pub(crate) fn exponent(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return crate::float::repr(value);
    }
    let text = format!("{value:.digits$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{exponent:0>2}")
}

/// `g`: so many digits in all, the shorter of both ways, without zeros at the end unless they are asked for.
pub(crate) fn general(value: f64, digits: usize, keep_zeros: bool) -> String {
    if !value.is_finite() {
        return crate::float::repr(value);
    }
    let digits = digits.max(1);
    let scientific = exponent(value, digits - 1);
    let power: i64 = scientific.split_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or_default();
    let strip = |text: &str| {
        if keep_zeros || !text.contains('.') {
            return text.to_owned();
        }
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    if (-4..digits as i64).contains(&power) {
        let behind = usize::try_from(digits as i64 - 1 - power).unwrap_or_default();
        return strip(&fixed(value, behind));
    }
    match scientific.split_once('e') {
        Some((mantissa, power)) => format!("{}e{power}", strip(mantissa)),
        None => scientific,
    }
}

/// The digits of a whole number, without its sign.
pub(crate) fn whole(value: i128, kind: char) -> String {
    let value = value.unsigned_abs();
    match kind {
        'x' => format!("{value:x}"),
        'X' => format!("{value:X}"),
        'o' => format!("{value:o}"),
        'b' => format!("{value:b}"),
        _ => value.to_string(),
    }
}

/// A separator between groups of digits before the point.
pub(crate) fn grouped(digits: &str, separator: char, size: usize) -> String {
    let end = digits.find(|letter: char| !letter.is_ascii_hexdigit()).unwrap_or(digits.len());
    let mut out = String::new();
    for (index, letter) in digits[..end].chars().enumerate() {
        if index > 0 && (end - index).is_multiple_of(size) {
            out.push(separator);
        }
        out.push(letter);
    }
    out + &digits[end..]
}
