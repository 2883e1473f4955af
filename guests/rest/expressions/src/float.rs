//! Numbers with a fraction, as Python reads and prints them.

/// `repr(float)`: the shortest digits that read back as the same number.
pub fn repr(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    // The shortest digits, as `-1.2345e-7`.
    let text = format!("{value:e}");
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..16).contains(&exponent) {
        let plain = format!("{value}");
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// `float(text)`.
pub fn parse(text: &str) -> Option<f64> {
    let text = text.trim_matches(crate::text::is_space);
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let negative = text.starts_with('-');
    let word = unsigned.to_ascii_lowercase();
    let value = match word.as_str() {
        "inf" | "infinity" => f64::INFINITY,
        "nan" => f64::NAN,
        _ => {
            let digits = without_underscores(&word)?;
            // What Rust takes beyond Python's are words, and those begin with a letter.
            if !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
                return None;
            }
            digits.parse().ok()?
        }
    };
    Some(if negative { -value } else { value })
}

/// The digits without the underscores between them. Nothing where one stands elsewhere.
pub fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    for (at, _) in text.match_indices('_') {
        let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_hexdigit);
        if !digit(at.checked_sub(1)) || !digit(Some(at + 1)) {
            return None;
        }
    }
    Some(text.replace('_', ""))
}

/// `int(text, base)`: base 0 goes by the prefix. `Err(true)` where it is a number, but beyond 128 bits.
pub fn parse_int(text: &str, base: u32) -> Result<i128, bool> {
    let text = text.trim_matches(crate::text::is_space);
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let lower = unsigned.to_ascii_lowercase();
    let (mut base, mut digits) = (base, lower.as_str());
    for (prefix, of) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(rest) = digits.strip_prefix(prefix)
            && (base == of || base == 0)
        {
            base = of;
            digits = rest.strip_prefix('_').unwrap_or(rest);
            break;
        }
    }
    if base == 0 {
        base = 10;
        // Zeros may not lead, except when there is nothing else.
        if digits.starts_with('0') && digits.bytes().any(|byte| !matches!(byte, b'0' | b'_')) {
            return Err(false);
        }
    }
    let mut value = 0_i128;
    let (mut large, mut last) = (false, b'_');
    for byte in digits.bytes() {
        if byte == b'_' {
            if last == b'_' {
                return Err(false);
            }
        } else {
            let digit = char::from(byte).to_digit(base.clamp(2, 36)).ok_or(false)?;
            match value.checked_mul(base.into()).and_then(|value| value.checked_add(digit.into())) {
                Some(next) => value = next,
                None => large = true,
            }
        }
        last = byte;
    }
    if last == b'_' {
        return Err(false);
    }
    if large {
        return Err(true);
    }
    Ok(if text.starts_with('-') { -value } else { value })
}
