//! A pattern's text to its parts.

mod class;

use super::failed;
use crate::error::{EvalError, Result};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags {
    pub ignore_case: bool,
    pub lines: bool,
    pub dot_all: bool,
    pub verbose: bool,
    pub ascii: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Part {
    Letter(char),
    Range(char, char),
    Digit(bool),
    Space(bool),
    Word(bool),
}

#[derive(Clone, Debug)]
pub(super) struct Class {
    pub parts: Vec<Part>,
    pub negated: bool,
    pub flags: Flags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    Start,
    End,
    LineStart,
    LineEnd,
    /// Before a last line's end too.
    AlmostEnd,
    Word,
    NoWord,
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    Class(Class),
    Any {
        lines: bool,
    },
    Edge(Edge),
    Group(usize, Box<Node>),
    All(Vec<Node>),
    Either(Vec<Node>),
    Repeat {
        node: Box<Node>,
        least: usize,
        most: Option<usize>,
        greedy: bool,
    },
    Look {
        node: Box<Node>,
        behind: bool,
        negated: bool,
    },
    /// What it matches first stays.
    Atomic(Box<Node>),
    Back(usize, bool),
    /// A comment or flags: nothing that could be repeated.
    Nothing,
}

/// How deep groups may be nested.
const DEPTH: usize = 50;

pub(super) struct Parser {
    letters: Vec<char>,
    at: usize,
    depth: usize,
    flags: Flags,
    pub names: Vec<(String, usize)>,
    pub groups: usize,
    /// The groups that are not closed yet.
    open: Vec<usize>,
    /// Where the flags at the start end.
    flags_end: usize,
}

impl Parser {
    pub fn new(pattern: &str) -> Self {
        let letters = pattern.chars().collect();
        Self {
            letters,
            at: 0,
            depth: 0,
            flags: Flags::default(),
            names: Vec::new(),
            groups: 0,
            open: Vec::new(),
            flags_end: 0,
        }
    }

    pub fn parse(&mut self) -> Result<Node> {
        let node = self.either()?;
        if self.at < self.letters.len() { Err(failed("unbalanced parenthesis")) } else { Ok(node) }
    }

    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn take(&mut self, letter: char) -> bool {
        let found = self.peek() == Some(letter);
        self.at += usize::from(found);
        found
    }

    fn next(&mut self) -> Result<char> {
        let letter = self.peek().ok_or_else(|| failed("unexpected end of pattern"))?;
        self.at += 1;
        Ok(letter)
    }

    fn either(&mut self) -> Result<Node> {
        let mut branches = vec![self.all()?];
        while self.take('|') {
            branches.push(self.all()?);
        }
        Ok(if branches.len() == 1 { branches.remove(0) } else { Node::Either(branches) })
    }

    fn all(&mut self) -> Result<Node> {
        let mut nodes = Vec::new();
        loop {
            self.skip_remarks();
            match self.peek() {
                None | Some('|' | ')') => return Ok(Node::All(nodes)),
                Some(_) => {}
            }
            let node = self.atom()?;
            nodes.push(self.repeated(node)?);
        }
    }

    /// `(?#…)`, and white space and comments where those do not count.
    fn skip_remarks(&mut self) {
        loop {
            if self.flags.verbose {
                self.skip_comments();
            }
            let rest = &self.letters[self.at..];
            let end = rest.iter().position(|letter| *letter == ')');
            match end {
                Some(end) if rest.starts_with(&['(', '?', '#']) => self.at += end + 1,
                _ => return,
            }
        }
    }

    fn skip_comments(&mut self) {
        while let Some(letter) = self.peek() {
            if letter == '#' {
                while self.peek().is_some_and(|letter| letter != '\n') {
                    self.at += 1;
                }
            } else if !letter.is_whitespace() {
                return;
            } else {
                self.at += 1;
            }
        }
    }

    fn repeated(&mut self, mut node: Node) -> Result<Node> {
        let mut repeated = false;
        loop {
            self.skip_remarks();
            let before = self.at;
            let (least, most) = match self.peek() {
                Some('*') => (0, None),
                Some('+') => (1, None),
                Some('?') => (0, Some(1)),
                Some('{') => match self.counts()? {
                    Some(counts) => counts,
                    None => return Ok(node),
                },
                _ => return Ok(node),
            };
            if self.letters[before] != '{' {
                self.at += 1;
            }
            if repeated {
                return Err(failed("multiple repeat"));
            }
            if matches!(node, Node::Edge(_) | Node::Nothing) {
                return Err(failed("nothing to repeat"));
            }
            repeated = true;
            let (lazy, atomic) = (self.take('?'), self.take('+'));
            node = Node::Repeat { node: Box::new(node), least, most, greedy: !lazy };
            if atomic {
                node = Node::Atomic(Box::new(node));
            }
        }
    }

    /// `{2}`, `{2,}`, `{,3}` or `{2,3}`; anything else in braces is text.
    fn counts(&mut self) -> Result<Option<(usize, Option<usize>)>> {
        let from = self.at + 1;
        let Some(length) = self.letters[from..].iter().position(|letter| *letter == '}') else { return Ok(None) };
        let inside: String = self.letters[from..from + length].iter().collect();
        let number = |text: &str| text.parse::<usize>().ok().filter(|number| *number <= 1000);
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let (least, most) = match inside.split_once(',') {
            _ if inside.is_empty() || inside == "," => return Ok(None),
            Some((least, most)) => (least, Some(most)),
            None => (inside.as_str(), None),
        };
        if !digits(least) || !digits(most.unwrap_or_default()) {
            return Ok(None);
        }
        let large = || EvalError::Unsupported("a pattern that repeats more than 1000 times".to_owned());
        let counts = match most {
            None => number(least).map(|count| (count, Some(count))).ok_or_else(large)?,
            Some(most) => {
                let least = if least.is_empty() { 0 } else { number(least).ok_or_else(large)? };
                (least, if most.is_empty() { None } else { Some(number(most).ok_or_else(large)?) })
            }
        };
        if counts.1.is_some_and(|most| most < counts.0) {
            return Err(failed("min repeat greater than max repeat"));
        }
        self.at = from + length + 1;
        Ok(Some(counts))
    }

    fn letter(&self, letter: char) -> Node {
        self.class(vec![Part::Letter(letter)], false)
    }

    fn class(&self, parts: Vec<Part>, negated: bool) -> Node {
        Node::Class(Class { parts, negated, flags: self.flags })
    }

    fn atom(&mut self) -> Result<Node> {
        let letter = self.next()?;
        Ok(match letter {
            '.' => Node::Any { lines: self.flags.dot_all },
            '^' => Node::Edge(if self.flags.lines { Edge::LineStart } else { Edge::Start }),
            '$' => Node::Edge(if self.flags.lines { Edge::LineEnd } else { Edge::AlmostEnd }),
            '(' => self.group()?,
            '[' => self.set()?,
            '\\' => self.escape()?,
            '*' | '+' | '?' => return Err(failed("nothing to repeat")),
            '{' => {
                self.at -= 1;
                if self.counts()?.is_some() {
                    return Err(failed("nothing to repeat"));
                }
                self.at += 1;
                self.letter(letter)
            }
            _ => self.letter(letter),
        })
    }

    fn group(&mut self) -> Result<Node> {
        if self.depth >= DEPTH {
            return Err(EvalError::Unsupported(format!("a pattern nested more than {DEPTH} levels deep")));
        }
        self.depth += 1;
        let (flags, at) = (self.flags, self.at);
        let node = self.group_inside()?;
        if node.is_none() {
            // Other flags may stand before these, but nothing else.
            if at != self.flags_end + 1 {
                return Err(failed("global flags not at the start of the expression"));
            }
            self.flags_end = self.at;
        }
        self.depth -= 1;
        if let Some(node) = node {
            self.flags = flags;
            return Ok(node);
        }
        // `(?i)` holds for what follows.
        Ok(Node::Nothing)
    }

    fn closed(&mut self) -> Result<Box<Node>> {
        let node = self.either()?;
        if self.take(')') { Ok(Box::new(node)) } else { Err(failed("missing ), unterminated subpattern")) }
    }

    fn numbered(&mut self) -> Result<Node> {
        self.groups += 1;
        let number = self.groups;
        self.open.push(number);
        let node = self.closed()?;
        self.open.pop();
        Ok(Node::Group(number, node))
    }

    fn group_inside(&mut self) -> Result<Option<Node>> {
        if !self.take('?') {
            return self.numbered().map(Some);
        }
        let letter = self.next()?;
        Ok(Some(match letter {
            ':' => *self.closed()?,
            '>' => Node::Atomic(self.closed()?),
            '=' | '!' => Node::Look { node: self.closed()?, behind: false, negated: letter == '!' },
            '<' if matches!(self.peek(), Some('=' | '!')) => {
                let negated = self.next()? == '!';
                Node::Look { node: self.closed()?, behind: true, negated }
            }
            'P' if self.take('<') => {
                let name = self.name('>')?;
                if self.names.iter().any(|(known, _)| *known == name) {
                    return Err(failed(format!("redefinition of group name '{name}'")));
                }
                self.names.push((name, self.groups + 1));
                self.numbered()?
            }
            'P' if self.take('=') => {
                let name = self.name(')')?;
                let known = self.names.iter().find(|(known, _)| *known == name);
                let number = known.ok_or_else(|| failed(format!("unknown group name '{name}'")))?.1;
                self.back(number)?
            }
            '(' => return Err(EvalError::Unsupported("a conditional group in a pattern".to_owned())),
            _ => {
                self.at -= 1;
                return self.flags_of_group();
            }
        }))
    }

    fn name(&mut self, end: char) -> Result<String> {
        let mut name = String::new();
        loop {
            match self.next()? {
                letter if letter == end => return Ok(name),
                letter => name.push(letter),
            }
        }
    }

    fn flags_of_group(&mut self) -> Result<Option<Node>> {
        let mut on = true;
        loop {
            match self.next()? {
                '-' => on = false,
                'i' => self.flags.ignore_case = on,
                'm' => self.flags.lines = on,
                's' => self.flags.dot_all = on,
                'x' => self.flags.verbose = on,
                'a' => self.flags.ascii = on,
                'u' => self.flags.ascii = false,
                ':' => return Ok(Some(*self.closed()?)),
                ')' => return Ok(None),
                letter => return Err(failed(format!("unknown extension ?{letter}"))),
            }
        }
    }
}
