//! Which steps a path with globs matches.

use super::{PathError, Step};
use crate::value::Value;

pub(super) struct Glob<'a> {
    segments: &'a [Value],
    /// Where `**` stands.
    stars: Option<usize>,
}

impl<'a> Glob<'a> {
    pub fn new(segments: &'a [Value]) -> Result<Self, PathError> {
        let is_stars = |segment: &Value| segment.as_str() == Some("**");
        let stars = segments.iter().position(is_stars);
        match stars {
            Some(at) if segments[at + 1..].iter().any(is_stars) => Err(PathError::Stars),
            _ => Ok(Self { segments, stars }),
        }
    }

    /// The path, where nothing in it is a glob.
    pub fn plain(&self) -> Option<&'a [Value]> {
        let is_glob = |segment: &Value| match segment {
            Value::Str(text) => text.contains(['*', '?', '[']),
            Value::Int(_) => false,
            _ => true,
        };
        if self.segments.iter().any(is_glob) { None } else { Some(self.segments) }
    }

    /// Whether a path of that length can match.
    pub fn reaches(&self, length: usize) -> bool {
        self.stars.is_some() || length <= self.segments.len()
    }

    pub fn matches(&self, steps: &[Step]) -> bool {
        let pairs = |segments: &[Value], steps: &[Step]| {
            segments.len() == steps.len() && segments.iter().zip(steps).all(|(segment, step)| fits(segment, step))
        };
        let Some(stars) = self.stars else { return pairs(self.segments, steps) };
        let after = self.segments.len() - stars - 1;
        if steps.len() < stars + after {
            return false;
        }
        pairs(&self.segments[..stars], &steps[..stars])
            && pairs(&self.segments[stars + 1..], &steps[steps.len() - after..])
    }
}

fn fits(segment: &Value, step: &Step) -> bool {
    match (segment, step) {
        (_, Step::Index(at)) => {
            let text = segment.to_text();
            index(segment) == Some(*at) || (segment.as_str().is_some() && fnmatch(&text, &at.to_string()))
        }
        (Value::Str(glob), Step::Name(name)) => fnmatch(glob, name),
        // A number never matches a name: `fnmatch` fails on it.
        _ => false,
    }
}

/// The index that a segment means.
pub(super) fn index(segment: &Value) -> Option<usize> {
    match segment {
        Value::Str(text) => crate::float::parse_int(text, 10).ok().and_then(|index| usize::try_from(index).ok()),
        _ => segment.as_int().and_then(|index| usize::try_from(index).ok()),
    }
}

/// `fnmatch.fnmatchcase`.
pub(super) fn fnmatch(glob: &str, name: &str) -> bool {
    if !glob.contains(['*', '?', '[']) {
        return glob == name;
    }
    let (glob, name): (Vec<char>, Vec<char>) = (glob.chars().collect(), name.chars().collect());
    // Where to go back to: the last `*`, and how much it has taken.
    let (mut at, mut of, mut back) = (0, 0, None);
    loop {
        if at < glob.len() && glob[at] == '*' {
            back = Some((at, of));
            at += 1;
            continue;
        }
        if of == name.len() {
            return at == glob.len();
        }
        let next = (at < glob.len()).then(|| one(&glob, at, name[of])).flatten();
        match (next, back) {
            (Some(next), _) => {
                at = next;
                of += 1;
            }
            (None, Some((star, taken))) => {
                back = Some((star, taken + 1));
                at = star + 1;
                of = taken + 1;
            }
            (None, None) => return false,
        }
    }
}

/// Where the glob goes on if its next part matches the letter.
fn one(glob: &[char], at: usize, letter: char) -> Option<usize> {
    match glob[at] {
        '?' => Some(at + 1),
        '[' => {
            let negated = glob.get(at + 1) == Some(&'!');
            let from = at + 1 + usize::from(negated);
            // The first may be the bracket itself.
            let Some(to) = (from + 1..glob.len()).find(|end| glob[*end] == ']') else {
                return (letter == '[').then_some(at + 1);
            };
            let (mut found, mut each) = (false, from);
            while each < to {
                if each + 2 < to && glob[each + 1] == '-' {
                    found |= (glob[each]..=glob[each + 2]).contains(&letter);
                    each += 3;
                } else {
                    found |= glob[each] == letter;
                    each += 1;
                }
            }
            (found != negated).then_some(to + 1)
        }
        own => (own == letter).then_some(at + 1),
    }
}
