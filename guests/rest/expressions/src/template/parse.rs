//! Tokens to a template. The grammar is Jinja's.

mod expr;

use super::ast::{Expr, For, Name, Node, Target};
use super::lex::{Token, tokens};
use crate::error::SyntaxError;

/// How deep brackets, calls and statements may be nested.
const DEPTH: usize = 40;

/// How many operators, filters and members one expression may have.
const OPERATIONS: usize = 250;

pub(super) fn parse(source: &str) -> Result<Vec<Node>, SyntaxError> {
    let mut parser = Parser { tokens: tokens(source)?, at: 0, depth: 0, operations: 0 };
    let nodes = parser.nodes(&[])?;
    match parser.peek() {
        Token::End => Ok(nodes),
        _ => parser.unexpected("the template's end"),
    }
}

struct Parser {
    tokens: Vec<(Token, usize)>,
    at: usize,
    depth: usize,
    operations: usize,
}

type Parsed<T> = Result<T, SyntaxError>;

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |(token, _)| token)
    }

    fn after(&self) -> &Token {
        self.tokens.get(self.at + 1).map_or(&Token::End, |(token, _)| token)
    }

    fn line(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |(_, line)| *line)
    }

    fn fail<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err(SyntaxError::new(self.line(), message))
    }

    fn unexpected<T>(&self, expected: &str) -> Parsed<T> {
        let found = match self.peek() {
            Token::Data(_) => "text".to_owned(),
            Token::PrintBegin => "'{{'".to_owned(),
            Token::PrintEnd => "'}}'".to_owned(),
            Token::TagBegin => "'{%'".to_owned(),
            Token::TagEnd => "'%}'".to_owned(),
            Token::Name(name) => format!("'{name}'"),
            Token::Text(_) => "a string".to_owned(),
            Token::Int(_) | Token::Float(_) => "a number".to_owned(),
            Token::Op(operator) => format!("'{operator}'"),
            Token::End => "the template's end".to_owned(),
        };
        self.fail(format!("{expected} is expected, not {found}"))
    }

    fn is_op(&self, operator: &str) -> bool {
        matches!(self.peek(), Token::Op(found) if *found == operator)
    }

    fn is_name(&self, name: &str) -> bool {
        matches!(self.peek(), Token::Name(found) if found == name)
    }

    fn take_op(&mut self, operator: &str) -> bool {
        let found = self.is_op(operator);
        self.at += usize::from(found);
        found
    }

    fn take_name(&mut self, name: &str) -> bool {
        let found = self.is_name(name);
        self.at += usize::from(found);
        found
    }

    fn expect_op(&mut self, operator: &str) -> Parsed<()> {
        if self.take_op(operator) { Ok(()) } else { self.unexpected(&format!("'{operator}'")) }
    }

    fn expect_name(&mut self, name: &str) -> Parsed<()> {
        if self.take_name(name) { Ok(()) } else { self.unexpected(&format!("'{name}'")) }
    }

    fn expect(&mut self, token: &Token, what: &str) -> Parsed<()> {
        if self.peek() == token {
            self.at += 1;
            return Ok(());
        }
        self.unexpected(what)
    }

    fn name(&mut self) -> Parsed<Name> {
        let Token::Name(name) = self.peek() else { return self.unexpected("a name") };
        let name = Name::from(name.as_str());
        self.at += 1;
        Ok(name)
    }

    /// Runs what is one level deeper.
    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= DEPTH {
            return self.fail(format!("the template is nested more than {DEPTH} levels deep"));
        }
        self.depth += 1;
        let found = inner(self);
        self.depth -= 1;
        found
    }

    /// Counts one more operator.
    fn operation(&mut self) -> Parsed<()> {
        self.operations += 1;
        if self.operations > OPERATIONS {
            return self.fail(format!("an expression has at most {OPERATIONS} operators, filters and members"));
        }
        Ok(())
    }

    /// Nodes up to a tag of one of those names, before which it stops; the tag's `{%` is taken.
    fn nodes(&mut self, ends: &[&str]) -> Parsed<Vec<Node>> {
        let mut nodes = Vec::new();
        loop {
            match self.peek() {
                Token::Data(data) => {
                    nodes.push(Node::Text(data.as_str().into()));
                    self.at += 1;
                }
                Token::PrintBegin => {
                    self.at += 1;
                    self.operations = 0;
                    nodes.push(Node::Print(self.tuple(true, &[])?));
                    self.expect(&Token::PrintEnd, "'}}'")?;
                }
                Token::TagBegin => {
                    self.at += 1;
                    self.operations = 0;
                    if ends.iter().any(|end| self.is_name(end)) {
                        return Ok(nodes);
                    }
                    nodes.push(self.deeper(Self::statement)?);
                    self.expect(&Token::TagEnd, "'%}'")?;
                }
                Token::End if ends.is_empty() => return Ok(nodes),
                _ => return self.unexpected(&format!("{{% {} %}}", ends.join(" or "))),
            }
        }
    }

    /// The body of a statement, up to a tag of one of those names.
    fn body(&mut self, ends: &[&str]) -> Parsed<Vec<Node>> {
        self.take_op(":");
        self.expect(&Token::TagEnd, "'%}'")?;
        self.nodes(ends)
    }

    fn statement(&mut self) -> Parsed<Node> {
        let name = self.name()?;
        match &*name {
            "if" => self.conditions(),
            "for" => self.loop_over(),
            "set" => {
                let target = self.target(&[])?;
                if self.take_op("=") {
                    return Ok(Node::Set(target, self.tuple(true, &[])?));
                }
                let body = self.body(&["endset"])?;
                self.expect_name("endset")?;
                Ok(Node::SetBlock(target, body))
            }
            "with" => {
                let mut values = Vec::new();
                while *self.peek() != Token::TagEnd {
                    if !values.is_empty() {
                        self.expect_op(",")?;
                    }
                    let target = self.target(&[])?;
                    self.expect_op("=")?;
                    values.push((target, self.expression()?));
                }
                let body = self.body(&["endwith"])?;
                self.expect_name("endwith")?;
                Ok(Node::With(values, body))
            }
            "print" => Ok(Node::Print(self.tuple(true, &[])?)),
            "autoescape" | "block" | "call" | "extends" | "filter" | "from" | "import" | "include" | "macro" => {
                self.fail(format!("the tag '{name}' is not supported"))
            }
            _ => self.fail(format!("there is no tag '{name}'")),
        }
    }

    fn conditions(&mut self) -> Parsed<Node> {
        let mut branches = Vec::new();
        loop {
            self.operations = 0;
            let test = self.tuple(false, &[])?;
            let body = self.body(&["elif", "else", "endif"])?;
            branches.push((test, body));
            if self.take_name("elif") {
                continue;
            }
            let otherwise = if self.take_name("else") { self.body(&["endif"])? } else { Vec::new() };
            self.expect_name("endif")?;
            return Ok(Node::If(branches, otherwise));
        }
    }

    fn loop_over(&mut self) -> Parsed<Node> {
        let target = self.target(&["in"])?;
        self.expect_name("in")?;
        let over = self.tuple(false, &["recursive"])?;
        let test = if self.take_name("if") { Some(self.expression()?) } else { None };
        if self.is_name("recursive") {
            return self.fail("a recursive loop is not supported");
        }
        let from = self.at;
        let body = self.body(&["endfor", "else"])?;
        let counts =
            self.tokens[from..self.at].iter().any(|(token, _)| matches!(token, Token::Name(name) if name == "loop"));
        let otherwise = if self.take_name("else") { self.body(&["endfor"])? } else { Vec::new() };
        self.expect_name("endfor")?;
        Ok(Node::For(Box::new(For { target, over, test, body, otherwise, counts })))
    }

    /// What is assigned to: a name, names with commas, or a member of a namespace.
    fn target(&mut self, ends: &[&str]) -> Parsed<Target> {
        let mut targets = Vec::new();
        let mut tuple = false;
        loop {
            if !targets.is_empty() {
                self.expect_op(",")?;
            }
            let ended =
                matches!(self.peek(), Token::TagEnd) || self.is_op(")") || ends.iter().any(|end| self.is_name(end));
            if ended {
                break;
            }
            targets.push(self.single_target()?);
            if !self.is_op(",") {
                break;
            }
            tuple = true;
        }
        match targets.pop() {
            Some(target) if !tuple => Ok(target),
            Some(last) => {
                targets.push(last);
                Ok(Target::Tuple(targets))
            }
            None => self.unexpected("a name"),
        }
    }

    fn single_target(&mut self) -> Parsed<Target> {
        if self.take_op("(") {
            let target = self.deeper(|parser| parser.target(&[]))?;
            self.expect_op(")")?;
            return Ok(target);
        }
        let name = self.name()?;
        if matches!(&*name, "true" | "false" | "none" | "True" | "False" | "None") {
            return self.fail(format!("nothing can be assigned to '{name}'"));
        }
        if self.take_op(".") {
            return Ok(Target::Member(name, self.name()?));
        }
        Ok(Target::Name(name))
    }

    /// An expression, or some with commas between them.
    fn tuple(&mut self, conditional: bool, ends: &[&str]) -> Parsed<Expr> {
        match self.items(conditional, ends)? {
            (mut items, false) if items.len() == 1 => Ok(items.remove(0)),
            (items, true) => Ok(Expr::Tuple(items)),
            _ => self.unexpected("an expression"),
        }
    }

    /// Expressions with commas between them, and whether there was a comma.
    fn items(&mut self, conditional: bool, ends: &[&str]) -> Parsed<(Vec<Expr>, bool)> {
        let (mut items, mut comma) = (Vec::new(), false);
        loop {
            let ended = matches!(self.peek(), Token::PrintEnd | Token::TagEnd)
                || self.is_op(")")
                || ends.iter().any(|end| self.is_name(end));
            if ended {
                break;
            }
            items.push(if conditional { self.expression()? } else { self.or()? });
            if !self.take_op(",") {
                break;
            }
            comma = true;
        }
        Ok((items, comma))
    }
}
