//! A pattern's parts to a program.

use super::parse::{Class, Edge, Node, Parser};
use crate::error::{EvalError, Result};

#[derive(Clone, Debug)]
pub(super) enum Step {
    Class(Class),
    Any {
        lines: bool,
    },
    Edge(Edge),
    Save(usize),
    /// The first first.
    Split(usize, usize),
    Jump(usize),
    /// Keeps where a round of a loop begins.
    Mark(usize),
    /// Goes on only if the round was not empty.
    Moved(usize),
    /// Runs what follows up to `Done`, then goes on at the end.
    Look {
        behind: Option<usize>,
        negated: bool,
        end: usize,
    },
    Atomic {
        end: usize,
    },
    Back(usize, bool),
    Done,
}

/// How long a program may be: counted repetitions make it longer.
const LONG: usize = 20_000;

pub(super) struct Program {
    pub steps: Vec<Step>,
    pub groups: usize,
    pub marks: usize,
    names: Vec<(String, usize)>,
}

impl Program {
    pub fn new(pattern: &str) -> Result<Self> {
        let mut parser = Parser::new(pattern);
        let node = parser.parse()?;
        let mut program = Self { steps: Vec::new(), groups: parser.groups, marks: 0, names: parser.names };
        program.push(Step::Save(0))?;
        program.node(&node)?;
        program.push(Step::Save(1))?;
        program.push(Step::Done)?;
        Ok(program)
    }

    /// The number of the group of that name.
    pub fn named(&self, name: &str) -> Option<usize> {
        self.names.iter().find(|(known, _)| known == name).map(|(_, number)| *number)
    }

    fn push(&mut self, step: Step) -> Result<usize> {
        if self.steps.len() >= LONG {
            return Err(EvalError::Unsupported("a pattern that is so long".to_owned()));
        }
        self.steps.push(step);
        Ok(self.steps.len() - 1)
    }

    fn node(&mut self, node: &Node) -> Result<()> {
        match node {
            Node::Class(class) => self.push(Step::Class(class.clone())).map(drop),
            Node::Any { lines } => self.push(Step::Any { lines: *lines }).map(drop),
            Node::Edge(edge) => self.push(Step::Edge(*edge)).map(drop),
            Node::Back(number, ignore_case) => self.push(Step::Back(*number, *ignore_case)).map(drop),
            Node::Nothing => Ok(()),
            Node::All(nodes) => nodes.iter().try_for_each(|node| self.node(node)),
            Node::Group(number, node) => {
                self.push(Step::Save(number * 2))?;
                self.node(node)?;
                self.push(Step::Save(number * 2 + 1)).map(drop)
            }
            Node::Either(nodes) => self.either(nodes),
            Node::Repeat { node, least, most, greedy } => self.repeat(node, *least, *most, *greedy),
            Node::Look { node, behind, negated } => {
                let width = if *behind {
                    let message = || super::failed("look-behind requires fixed-width pattern");
                    Some(width(node).ok_or_else(message)?)
                } else {
                    None
                };
                let at = self.push(Step::Done)?;
                self.node(node)?;
                self.push(Step::Done)?;
                self.steps[at] = Step::Look { behind: width, negated: *negated, end: self.steps.len() };
                Ok(())
            }
            Node::Atomic(node) => {
                let at = self.push(Step::Done)?;
                self.node(node)?;
                self.push(Step::Done)?;
                self.steps[at] = Step::Atomic { end: self.steps.len() };
                Ok(())
            }
        }
    }

    fn either(&mut self, nodes: &[Node]) -> Result<()> {
        let mut ends = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            if index + 1 == nodes.len() {
                self.node(node)?;
                continue;
            }
            let split = self.push(Step::Done)?;
            self.node(node)?;
            ends.push(self.push(Step::Done)?);
            self.steps[split] = Step::Split(split + 1, self.steps.len());
        }
        for end in ends {
            self.steps[end] = Step::Jump(self.steps.len());
        }
        Ok(())
    }

    fn repeat(&mut self, node: &Node, least: usize, most: Option<usize>, greedy: bool) -> Result<()> {
        for _ in 0..least {
            self.node(node)?;
        }
        let split = |program: &mut Self, at: usize, end: usize| {
            program.steps[at] = if greedy { Step::Split(at + 1, end) } else { Step::Split(end, at + 1) };
        };
        let Some(most) = most else {
            let mark = self.marks;
            self.marks += 1;
            let at = self.push(Step::Done)?;
            self.push(Step::Mark(mark))?;
            self.node(node)?;
            self.push(Step::Moved(mark))?;
            self.push(Step::Jump(at))?;
            let end = self.steps.len();
            split(self, at, end);
            return Ok(());
        };
        let mut splits = Vec::new();
        for _ in least..most {
            splits.push(self.push(Step::Done)?);
            self.node(node)?;
        }
        let end = self.steps.len();
        for at in splits {
            split(self, at, end);
        }
        Ok(())
    }
}

/// How many characters a node takes, where that is always the same.
fn width(node: &Node) -> Option<usize> {
    match node {
        Node::Class(_) | Node::Any { .. } => Some(1),
        Node::Edge(_) | Node::Look { .. } | Node::Nothing => Some(0),
        Node::Group(_, node) | Node::Atomic(node) => width(node),
        Node::All(nodes) => nodes.iter().map(width).sum(),
        Node::Either(nodes) => {
            let mut widths = nodes.iter().map(width);
            let first = widths.next()??;
            widths.all(|width| width == Some(first)).then_some(first)
        }
        Node::Repeat { node, least, most, .. } if *most == Some(*least) => width(node)?.checked_mul(*least),
        Node::Repeat { .. } | Node::Back(..) => None,
    }
}
