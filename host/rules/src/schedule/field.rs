//! One of the five fields: a set of small numbers.

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
/// As systemd counts them.
const CALENDAR_WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Which of the five.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Minute,
    Hour,
    Day,
    Month,
    Weekday,
}

/// The numbers that a field allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    kind: Kind,
    /// One bit for each number.
    set: u64,
    /// Whether it was written with a star in front, by which cron tells whether a day is given.
    starred: bool,
}

impl Kind {
    /// Its numbers, from the least to the greatest, as they may be written: weekday 7 is Sunday too.
    fn range(self) -> (u32, u32) {
        match self {
            Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::Day => (1, 31),
            Self::Month => (1, 12),
            Self::Weekday => (0, 7),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
            Self::Weekday => "weekday",
        }
    }

    /// A field of this kind, such as `*`, `*/15`, `1-5`, `0,30` or `mon-fri`.
    pub(super) fn parse(self, text: &str) -> Result<Field, String> {
        let mut set = 0;
        for part in text.split(',') {
            set |= self.parse_part(part).map_err(|reason| format!("{} `{text}`: {reason}", self.name()))?;
        }
        if self == Self::Weekday && set & 1 << 7 != 0 {
            set = set & !(1 << 7) | 1;
        }
        Ok(Field { kind: self, set, starred: text.starts_with('*') })
    }

    fn parse_part(self, part: &str) -> Result<u64, String> {
        let (span, step) = part.split_once('/').map_or((part, None), |(span, step)| (span, Some(step)));
        let (least, greatest) = self.range();
        let (from, to) = match span.split_once('-') {
            _ if span == "*" => (least, if self == Self::Weekday { 6 } else { greatest }),
            Some((from, to)) => (self.number(from)?, self.number(to)?),
            None if step.is_some() => return Err(format!("a step needs a range, such as `{span}-{greatest}`")),
            None => {
                let only = self.number(span)?;
                (only, only)
            }
        };
        if from > to {
            return Err(format!("`{span}` runs backwards"));
        }
        let step = match step {
            None => 1,
            Some(step) => match step.parse::<u32>() {
                Ok(step) if (1..=greatest).contains(&step) => step,
                _ => return Err(format!("the step is to be from 1 to {greatest}")),
            },
        };
        Ok((from..=to).step_by(step as usize).fold(0, |set, number| set | 1 << number))
    }

    fn number(self, text: &str) -> Result<u32, String> {
        let (least, greatest) = self.range();
        let names = match self {
            Self::Month => MONTHS,
            Self::Weekday => WEEKDAYS,
            _ => &[],
        };
        if let Some(at) = names.iter().position(|name| text.eq_ignore_ascii_case(name)) {
            return Ok(at as u32 + least);
        }
        let digits = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| digits && (least..=greatest).contains(number));
        number.ok_or_else(|| format!("it goes from {least} to {greatest}"))
    }
}

impl Field {
    pub(super) fn has(self, number: u32) -> bool {
        self.set & 1 << number != 0
    }

    pub(super) fn starred(self) -> bool {
        self.starred
    }

    /// The numbers, in their order.
    pub(super) fn values(self) -> impl Iterator<Item = u32> {
        (0..60).filter(move |number| self.has(*number))
    }

    /// The field in systemd's words (systemd.time(7)).
    pub(super) fn calendar(self) -> String {
        // systemd's weeks begin on Monday, so that a range may not begin on Sunday.
        let (least, greatest, set) = match self.kind {
            Kind::Weekday => (0, 6, self.set >> 1 | (self.set & 1) << 6),
            kind => (kind.range().0, kind.range().1, self.set),
        };
        let numbers: Vec<u32> = (least..=greatest).filter(|number| set & 1 << number != 0).collect();
        if numbers.len() as u32 == greatest - least + 1 {
            return "*".into();
        }
        let word = |number: u32| match self.kind {
            Kind::Weekday => CALENDAR_WEEKDAYS[number as usize].to_owned(),
            _ => format!("{number:02}"),
        };
        if let Some(step) = step_to_the_end(&numbers, greatest).filter(|_| self.kind != Kind::Weekday) {
            return format!("{}/{step}", word(numbers[0]));
        }
        let runs = numbers.chunk_by(|one, next| next - one == 1).map(|run| match run {
            [first, .., last] if run.len() > 2 => format!("{}..{}", word(*first), word(*last)),
            few => few.iter().map(|number| word(*number)).collect::<Vec<_>>().join(","),
        });
        runs.collect::<Vec<_>>().join(",")
    }
}

/// The step of three numbers or more that follow each other evenly up to the greatest that there is.
fn step_to_the_end(numbers: &[u32], greatest: u32) -> Option<u32> {
    let [first, second, .., last] = numbers else { return None };
    let step = second - first;
    let even = numbers.windows(2).all(|pair| pair[1] - pair[0] == step);
    (step > 1 && even && last + step > greatest).then_some(step)
}
