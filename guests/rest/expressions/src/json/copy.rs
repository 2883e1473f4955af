//! The records of an answer, from text to text: what reading and writing each would give, without the values between.

use super::read::{Input, Reader};
use super::{DEPTH, write};
use crate::value::{Map, Value};

/// Most members of an object whose names are compared with each other.
const MAX_MEMBERS: usize = 256;

/// The records of a text, a line each.
#[derive(Debug, PartialEq)]
pub struct Copied {
    /// What [`super::write`] makes of them, each with a line's end.
    pub lines: Vec<u8>,
    /// How many there are.
    pub count: usize,
    /// What is around them, with nothing in their list; the first record where they are the whole text.
    pub around: Value,
    /// The last of them.
    pub last: Value,
    /// The member that was asked for, of each; [`Value::Undefined`] where a record has none.
    pub members: Vec<Value>,
}

/// Copy the records that are objects of the list at that path. Nothing where that is not all there is to it: a text that
/// is no JSON or says something twice, another thing in the place of a record. It has to be read as values then.
pub fn copy(bytes: &[u8], path: &[&str], member: Option<&str>) -> Option<Copied> {
    let mut reader = Reader::default();
    let mut out = Copied {
        lines: Vec::with_capacity(bytes.len()),
        count: 0,
        around: Value::None,
        last: Value::None,
        members: Vec::new(),
    };
    reader
        .whole(bytes, |input| {
            let mut copying = Copying { input, out: &mut out, seen: Vec::new(), member, found: None, last: 0 };
            let around = copying.outline(path, 0);
            let last = copying.last;
            around.map(|around| (around, last))
        })
        .and_then(|(around, last)| {
            let record = |from: usize| {
                let line = out.lines.get(from..)?.split(|byte| *byte == b'\n').next()?;
                Reader::default().read(line).ok()
            };
            let last = record(last)?;
            let around = if path.is_empty() { record(0)? } else { around };
            Some(Copied { around, last, ..out })
        })
}

struct Copying<'a, 'b> {
    input: &'a mut Input<'b>,
    out: &'a mut Copied,
    /// What stands for the names of the objects that are being read.
    seen: Vec<u32>,
    member: Option<&'a str>,
    /// Where the member's value was written.
    found: Option<(usize, usize)>,
    /// Where the last record was written.
    last: usize,
}

impl Copying<'_, '_> {
    /// The value around the list.
    fn outline(&mut self, path: &[&str], depth: usize) -> Option<Value> {
        let Some((first, rest)) = path.split_first() else {
            return self.records(depth).map(|()| Value::from(Vec::new()));
        };
        self.input.take(b'{')?;
        let (mut members, mut is_there) = (Map::new(), false);
        loop {
            let name = self.input.name().ok()?;
            self.input.take(b':')?;
            let value = if *name == **first {
                is_there = true;
                self.outline(rest, depth + 1)?
            } else {
                self.input.value(depth + 1).ok()?
            };
            if members.insert(name, value).is_some() {
                return None;
            }
            match self.input.next()? {
                b',' => self.input.space(),
                b'}' => return is_there.then(|| Value::from(members)),
                _ => return None,
            }
        }
    }

    fn records(&mut self, depth: usize) -> Option<()> {
        self.input.take(b'[')?;
        loop {
            self.last = self.out.lines.len();
            self.found = None;
            self.object(depth + 1, true)?;
            self.out.count += 1;
            if self.member.is_some() {
                let written = self.found.map(|(from, to)| &self.out.lines[from..to]);
                let value = written.map(|written| Reader::default().read(written)).transpose().ok()?;
                self.out.members.push(value.unwrap_or_default());
            }
            self.out.lines.push(b'\n');
            match self.input.next()? {
                b',' => self.input.space(),
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    /// An object that has members, each once.
    fn object(&mut self, depth: usize, is_record: bool) -> Option<()> {
        self.input.take(b'{')?;
        if depth > DEPTH {
            return None;
        }
        self.out.lines.push(b'{');
        let before = self.seen.len();
        if !is_record && self.input.peek() == Some(b'}') {
            self.input.next()?;
            self.out.lines.push(b'}');
            return Some(());
        }
        loop {
            let name = self.text()?;
            self.once(name, before)?;
            self.input.take(b':')?;
            self.out.lines.push(b':');
            let from = self.out.lines.len();
            self.value(depth + 1)?;
            if is_record && self.member.is_some_and(|member| &self.input.text[name.0..name.1] == member) {
                self.found = Some((from, self.out.lines.len()));
            }
            match self.input.next()? {
                b',' => self.input.space(),
                b'}' => break,
                _ => return None,
            }
            self.out.lines.push(b',');
        }
        self.seen.truncate(before);
        self.out.lines.push(b'}');
        Some(())
    }

    /// That a name was not there before in its object.
    fn once(&mut self, (from, to): (usize, usize), before: usize) -> Option<()> {
        let name = &self.input.bytes[from..to];
        let sum =
            name.iter().fold(0_u32, |sum, byte| (sum.rotate_left(5) ^ u32::from(*byte)).wrapping_mul(0x9e37_79b9));
        let others = self.seen.get(before..)?;
        if others.len() >= MAX_MEMBERS || others.contains(&sum) {
            return None;
        }
        self.seen.push(sum);
        Some(())
    }

    /// A name without escapes, which is copied; where it stands.
    fn text(&mut self) -> Option<(usize, usize)> {
        if self.input.peek() != Some(b'"') {
            return None;
        }
        let (from, to) = self.input.string().ok().filter(|(_, to)| *to != usize::MAX)?;
        self.out.lines.extend_from_slice(&self.input.bytes[from - 1..to + 1]);
        Some((from, to))
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        match self.input.peek()? {
            b'"' => {
                let (from, to) = self.input.string().ok()?;
                if to == usize::MAX {
                    write::string(&self.input.scratch, &mut self.out.lines);
                } else {
                    self.out.lines.extend_from_slice(&self.input.bytes[from - 1..to + 1]);
                }
                Some(())
            }
            b'{' => self.object(depth, false),
            b'[' => self.list(depth),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => None,
        }
    }

    fn list(&mut self, depth: usize) -> Option<()> {
        self.input.take(b'[')?;
        if depth > DEPTH {
            return None;
        }
        self.out.lines.push(b'[');
        if self.input.peek() == Some(b']') {
            self.input.next()?;
            self.out.lines.push(b']');
            return Some(());
        }
        loop {
            self.value(depth + 1)?;
            match self.input.next()? {
                b',' => self.input.space(),
                b']' => break,
                _ => return None,
            }
            self.out.lines.push(b',');
        }
        self.out.lines.push(b']');
        Some(())
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        let rest = self.input.bytes.get(self.input.at..)?;
        self.input.at += word.len();
        self.out.lines.extend_from_slice(word);
        rest.starts_with(word).then_some(())
    }

    fn number(&mut self) -> Option<()> {
        if let Some(text) = self.input.bytes.get(self.input.at..).and_then(shortest) {
            self.input.at += text.len();
            self.out.lines.extend_from_slice(text);
            return Some(());
        }
        let from = self.input.at;
        let value = self.input.number().ok()?;
        let text = &self.input.bytes[from..self.input.at];
        match value {
            Value::Int(0) => self.out.lines.push(b'0'),
            Value::Int(_) | Value::Digits(_) => self.out.lines.extend_from_slice(text),
            value => write::write(&value, &mut self.out.lines).ok()?,
        }
        Some(())
    }
}

/// The number with a fraction that a text begins with, if it is written as short as it can be: up to 15 digits are all
/// needed to read it back, unless the last one is a zero. Very small ones are written in another way.
fn shortest(text: &[u8]) -> Option<&[u8]> {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let sign = usize::from(text.first() == Some(&b'-'));
    let whole = digits(&text[sign..]);
    let point = sign + whole;
    if whole == 0 || text.get(point) != Some(&b'.') {
        return None;
    }
    let fraction = digits(&text[point + 1..]);
    let end = point + 1 + fraction;
    let parts = (&text[sign..point], &text[point + 1..end]);
    let is_short = match parts {
        (_, b"") => false,
        (b"0", [b'0', b'0', b'0', b'0', ..]) => false,
        ([b'0', _, ..], _) => false,
        (_, b"0") => true,
        (_, fraction) => fraction.last() != Some(&b'0'),
    };
    (is_short && whole + fraction <= 15 && !matches!(text.get(end), Some(b'e' | b'E'))).then(|| &text[..end])
}

#[cfg(test)]
mod tests;
