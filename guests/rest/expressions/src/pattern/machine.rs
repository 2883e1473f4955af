//! Runs a pattern's program over a text, going back where it does not fit.

use super::compile::{Program, Step};
use super::parse::{Class, Edge, Part};
use crate::error::{Budget, EvalError, Result};
use crate::text;

/// What to do when the text does not fit.
enum Back {
    /// Go on there.
    To { step: usize, at: usize },
    /// Give a slot its former value.
    Slot(usize, Option<usize>),
}

/// How far a search may have to go back.
const DEEP: usize = 1 << 18;

pub(super) struct Machine<'a> {
    budget: &'a Budget,
    program: &'a Program,
    text: &'a [char],
}

/// Where the groups are, and then where the rounds of loops began.
type Slots = Vec<Option<usize>>;

impl<'a> Machine<'a> {
    pub fn new(budget: &'a Budget, program: &'a Program, text: &'a [char]) -> Self {
        Self { budget, program, text }
    }

    /// The first match from there on. With `advance` it may not be empty at that place.
    pub fn search(&self, from: usize, advance: bool) -> Result<Option<Slots>> {
        for start in from..=self.text.len() {
            let mut slots = vec![None; (self.program.groups + 1) * 2 + self.program.marks];
            let forbidden = (advance && start == from).then_some(from);
            if self.run(0, start, &mut slots, forbidden)?.is_some() {
                return Ok(Some(slots));
            }
        }
        Ok(None)
    }

    /// Runs from a step up to `Done`, and tells where the match ends.
    fn run(&self, step: usize, at: usize, slots: &mut Slots, forbidden: Option<usize>) -> Result<Option<usize>> {
        let (mut step, mut at) = (step, at);
        let mut back: Vec<Back> = Vec::new();
        let marks = (self.program.groups + 1) * 2;
        loop {
            self.budget.work(1)?;
            if back.len() > DEEP {
                return Err(EvalError::Budget("has a pattern that goes back too far"));
            }
            let next = match &self.program.steps[step] {
                Step::Done if forbidden == Some(at) => None,
                Step::Done => return Ok(Some(at)),
                Step::Save(slot) => {
                    back.push(Back::Slot(*slot, slots[*slot].replace(at)));
                    Some(step + 1)
                }
                Step::Mark(mark) => {
                    back.push(Back::Slot(marks + mark, slots[marks + mark].replace(at)));
                    Some(step + 1)
                }
                Step::Moved(mark) if slots[marks + mark] == Some(at) => {
                    // An empty round ends the loop: its jump back is passed over.
                    Some(step + 2)
                }
                Step::Moved(_) => Some(step + 1),
                Step::Split(first, second) => {
                    back.push(Back::To { step: *second, at });
                    Some(*first)
                }
                Step::Jump(to) => Some(*to),
                Step::Look { .. } | Step::Atomic { .. } => self.aside(step, at, slots, &mut back)?.map(|(to, next)| {
                    at = to;
                    next
                }),
                own => self.one(own, slots, at).map(|taken| {
                    at += taken;
                    step + 1
                }),
            };
            if let Some(next) = next {
                step = next;
                continue;
            }
            loop {
                match back.pop() {
                    Some(Back::Slot(slot, value)) => slots[slot] = value,
                    Some(Back::To { step: to, at: place }) => {
                        (step, at) = (to, place);
                        break;
                    }
                    None => return Ok(None),
                }
            }
        }
    }

    /// Looks around, or matches what then stays: where the text and the program go on.
    fn aside(&self, step: usize, at: usize, slots: &mut Slots, back: &mut Vec<Back>) -> Result<Option<(usize, usize)>> {
        let mut inner = slots.clone();
        Ok(match &self.program.steps[step] {
            Step::Look { behind, negated, end } => {
                let found = match at.checked_sub(behind.unwrap_or_default()) {
                    Some(from) => self.run(step + 1, from, &mut inner, None)?,
                    None => None,
                };
                if found.is_some() && !negated {
                    self.keep(slots, inner, back);
                }
                (found.is_some() != *negated).then_some((at, *end))
            }
            Step::Atomic { end } => {
                let found = self.run(step + 1, at, &mut inner, None)?;
                if found.is_some() {
                    self.keep(slots, inner, back);
                }
                found.map(|to| (to, *end))
            }
            _ => None,
        })
    }

    /// Takes the groups of an inner match over.
    fn keep(&self, slots: &mut Slots, inner: Slots, back: &mut Vec<Back>) {
        for (slot, value) in inner.into_iter().enumerate() {
            if slots[slot] != value {
                back.push(Back::Slot(slot, std::mem::replace(&mut slots[slot], value)));
            }
        }
    }

    /// How many characters a step takes, if it fits.
    fn one(&self, step: &Step, slots: &Slots, at: usize) -> Option<usize> {
        let letter = self.text.get(at).copied();
        match step {
            Step::Class(class) => letter.filter(|letter| holds(class, *letter)).map(|_| 1),
            Step::Any { lines } => letter.filter(|letter| *lines || *letter != '\n').map(|_| 1),
            Step::Edge(edge) => self.is_edge(*edge, at).then_some(0),
            Step::Back(number, ignore_case) => {
                let (from, to) = (slots[number * 2]?, slots[number * 2 + 1]?);
                let group = self.text.get(from..to)?;
                let here = self.text.get(at..at + group.len())?;
                let same =
                    |(left, right): (&char, &char)| left == right || (*ignore_case && fold(*left) == fold(*right));
                group.iter().zip(here).all(same).then_some(group.len())
            }
            _ => None,
        }
    }

    fn is_edge(&self, edge: Edge, at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|at| self.text.get(at)).copied();
        let here = self.text.get(at).copied();
        let word = |letter: Option<char>| letter.is_some_and(|letter| letter == '_' || letter.is_alphanumeric());
        match edge {
            Edge::Start => at == 0,
            Edge::End => here.is_none(),
            Edge::LineStart => before.is_none_or(|letter| letter == '\n'),
            Edge::LineEnd => here.is_none_or(|letter| letter == '\n'),
            Edge::AlmostEnd => here.is_none() || (here == Some('\n') && at + 1 == self.text.len()),
            Edge::Word => word(before) != word(here),
            Edge::NoWord => word(before) == word(here),
        }
    }
}

/// The small letter, for comparing without case.
fn fold(letter: char) -> char {
    letter.to_lowercase().next().unwrap_or(letter)
}

fn holds(class: &Class, letter: char) -> bool {
    let ascii = class.flags.ascii;
    let fits = |part: &Part, letter: char| match part {
        Part::Letter(own) => *own == letter,
        Part::Range(from, to) => (*from..=*to).contains(&letter),
        Part::Digit(wanted) => (if ascii { letter.is_ascii_digit() } else { text::digit(letter).is_some() }) == *wanted,
        Part::Space(wanted) => (text::is_space(letter) && (!ascii || letter.is_ascii())) == *wanted,
        Part::Word(wanted) => {
            let word = letter == '_' || if ascii { letter.is_ascii_alphanumeric() } else { letter.is_alphanumeric() };
            word == *wanted
        }
    };
    let found = class.parts.iter().any(|part| {
        fits(part, letter)
            || (class.flags.ignore_case
                && (fits(part, fold(letter)) || letter.to_uppercase().next().is_some_and(|upper| fits(part, upper))))
    });
    found != class.negated
}
