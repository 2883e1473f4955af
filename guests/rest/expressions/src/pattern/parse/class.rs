//! Escapes and sets of characters.

use super::super::failed;
use super::{Edge, Node, Parser, Part};
use crate::error::Result;

impl Parser {
    pub(super) fn escape(&mut self) -> Result<Node> {
        let letter = self.next()?;
        Ok(match letter {
            'A' => Node::Edge(Edge::Start),
            'Z' => Node::Edge(Edge::End),
            'b' => Node::Edge(Edge::Word),
            'B' => Node::Edge(Edge::NoWord),
            '1'..='9' => {
                let mut number = letter.to_digit(10).unwrap_or_default() as usize;
                if let Some(digit) = self.peek().and_then(|next| next.to_digit(10)) {
                    number = number * 10 + digit as usize;
                    self.at += 1;
                }
                if number > self.groups {
                    return Err(failed(format!("invalid group reference {number}")));
                }
                self.back(number)?
            }
            _ => match self.escaped(letter)? {
                Part::Letter(letter) => self.letter(letter),
                part => self.class(vec![part], false),
            },
        })
    }

    pub(super) fn back(&self, number: usize) -> Result<Node> {
        if self.open.contains(&number) {
            return Err(failed("cannot refer to an open group"));
        }
        Ok(Node::Back(number, self.flags.ignore_case))
    }

    /// An escape that stands for a character or a kind of them.
    fn escaped(&mut self, letter: char) -> Result<Part> {
        Ok(match letter {
            'd' => Part::Digit(true),
            'D' => Part::Digit(false),
            's' => Part::Space(true),
            'S' => Part::Space(false),
            'w' => Part::Word(true),
            'W' => Part::Word(false),
            'n' => Part::Letter('\n'),
            'r' => Part::Letter('\r'),
            't' => Part::Letter('\t'),
            'f' => Part::Letter('\u{c}'),
            'v' => Part::Letter('\u{b}'),
            'a' => Part::Letter('\u{7}'),
            '0' => Part::Letter('\0'),
            'x' => Part::Letter(self.code(2)?),
            'u' => Part::Letter(self.code(4)?),
            'U' => Part::Letter(self.code(8)?),
            _ if letter.is_ascii_alphanumeric() => return Err(failed(format!("bad escape \\{letter}"))),
            _ => Part::Letter(letter),
        })
    }

    fn code(&mut self, digits: usize) -> Result<char> {
        let mut code = 0;
        for _ in 0..digits {
            let digit = self.next()?.to_digit(16).ok_or_else(|| failed("incomplete escape"))?;
            code = code * 16 + digit;
        }
        char::from_u32(code).ok_or_else(|| failed("bad escape"))
    }

    pub(super) fn set(&mut self) -> Result<Node> {
        let negated = self.take('^');
        let mut parts = Vec::new();
        let unterminated = || failed("unterminated character set");
        loop {
            let letter = self.next().map_err(|_| unterminated())?;
            if letter == ']' && !parts.is_empty() {
                return Ok(self.class(parts, negated));
            }
            let part = self.set_part(letter)?;
            let is_range = self.peek() == Some('-') && self.letters.get(self.at + 1).is_some_and(|next| *next != ']');
            let (Part::Letter(from), true) = (&part, is_range) else {
                parts.push(part);
                continue;
            };
            self.at += 1;
            let letter = self.next().map_err(|_| unterminated())?;
            match self.set_part(letter)? {
                Part::Letter(to) if *from <= to => parts.push(Part::Range(*from, to)),
                _ => return Err(failed("bad character range")),
            }
        }
    }

    fn set_part(&mut self, letter: char) -> Result<Part> {
        if letter != '\\' {
            return Ok(Part::Letter(letter));
        }
        match self.next()? {
            'b' => Ok(Part::Letter('\u{8}')),
            letter => self.escaped(letter),
        }
    }
}
