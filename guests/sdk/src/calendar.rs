//! The rules of the proleptic Gregorian calendar on plain numbers; pure.

/// The days of a month; 0 where there is no such month.
pub(crate) fn days_in_month(year: u16, month: u8) -> u8 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 0,
    }
}

/// Year, month and day of that many days after 1970-01-01; the last day of the year 9999 for anything later.
pub(crate) fn from_unix_days(days: u64) -> (u16, u8, u8) {
    let mut rest = days;
    for year in 1970..=9999 {
        let length = if is_leap(year) { 366 } else { 365 };
        if rest >= length {
            rest -= length;
            continue;
        }
        for month in 1..=12 {
            let length = u64::from(days_in_month(year, month));
            if rest < length {
                return (year, month, rest as u8 + 1);
            }
            rest -= length;
        }
    }
    (9999, 12, 31)
}

fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_since_the_epoch() {
        let cases = [
            (0, (1970, 1, 1)),
            (58, (1970, 2, 28)),
            (59, (1970, 3, 1)),
            (789, (1972, 2, 29)),
            (10_957, (2000, 1, 1)),
            (11_016, (2000, 2, 29)),
            (20_453, (2025, 12, 31)),
            (2_932_896, (9999, 12, 31)),
            (u64::MAX, (9999, 12, 31)),
        ];
        for (days, expected) in cases {
            assert_eq!(from_unix_days(days), expected, "{days}");
        }
    }
}
