//! Which names a template reads.

use std::rc::Rc;

use super::ast::{Args, Expr, Name, Node, Target};
use crate::functions;
use crate::value::Value;

/// The expression in words, for a message.
pub(super) fn describe(expr: &Expr) -> String {
    match path(expr) {
        Some(path) => format!("'{}'", path.join(".")),
        None => match expr {
            Expr::Call(function, _) => format!("the result of {}", describe(function)),
            Expr::Filter(_, name, _) => format!("the result of the filter '{name}'"),
            _ => "an expression".to_owned(),
        },
    }
}

/// The names of a bare path: `config.auth['token']`, `.get('token')` too.
pub(super) fn path(expr: &Expr) -> Option<Vec<Name>> {
    // A loop: the path may be longer than the stack is deep.
    let (mut names, mut at) = (Vec::new(), expr);
    loop {
        match at {
            Expr::Name(name) => {
                names.push(name.clone());
                names.reverse();
                return Some(names);
            }
            Expr::Attr(of, name) => {
                names.push(name.clone());
                at = of;
            }
            Expr::Item(of, key) => {
                let Expr::Const(Value::Str(key)) = &**key else { return None };
                names.push(key.clone());
                at = of;
            }
            Expr::Call(function, args) => {
                let (Expr::Attr(of, get), [Expr::Const(Value::Str(key))]) = (&**function, &args.positional[..]) else {
                    return None;
                };
                if &**get != "get" || !args.named.is_empty() {
                    return None;
                }
                names.push(key.clone());
                at = of;
            }
            _ => return None,
        }
    }
}

/// What a template reads.
#[derive(Clone, Debug, Default)]
pub(super) struct Reads {
    /// Names without a value of the template's own, each once.
    pub undeclared: Vec<Name>,
    /// Paths from such names, each once.
    pub paths: Vec<Vec<Name>>,
}

pub(super) fn reads(nodes: &[Node]) -> Reads {
    let mut walk = Walk::default();
    walk.nodes(nodes, &mut Vec::new());
    walk.reads
}

#[derive(Default)]
struct Walk {
    reads: Reads,
}

impl Walk {
    fn nodes(&mut self, nodes: &[Node], own: &mut Vec<Name>) {
        for node in nodes {
            match node {
                Node::Text(_) => {}
                Node::Print(expr) => self.expr(expr, own),
                Node::If(branches, otherwise) => self.branches(branches, otherwise, own),
                Node::For(node) => {
                    self.expr(&node.over, own);
                    let mut inner = own.clone();
                    self.declare(&node.target, &mut inner);
                    self.exprs(node.test.iter(), &inner);
                    inner.push("loop".into());
                    self.nodes(&node.body, &mut inner);
                    self.nodes(&node.otherwise, &mut own.clone());
                }
                Node::Set(target, expr) => {
                    self.expr(expr, own);
                    self.declare(target, own);
                }
                Node::SetBlock(target, body) => {
                    self.declare(target, own);
                    self.nodes(body, &mut own.clone());
                }
                Node::With(values, body) => {
                    let mut inner = own.clone();
                    for (target, expr) in values {
                        self.expr(expr, own);
                        self.declare(target, &mut inner);
                    }
                    self.nodes(body, &mut inner);
                }
            }
        }
    }

    /// A name to which a branch gives a value counts as read, unless it has one before: the reference has it so.
    fn branches(&mut self, branches: &[(Expr, Vec<Node>)], otherwise: &[Node], own: &[Name]) {
        let mut inner = own.to_vec();
        for (test, body) in branches {
            self.expr(test, own);
            inner.truncate(own.len());
            self.nodes(body, &mut inner);
            self.roots(&inner[own.len()..]);
        }
        inner.truncate(own.len());
        self.nodes(otherwise, &mut inner);
        self.roots(&inner[own.len()..]);
    }

    fn roots(&mut self, names: &[Name]) {
        names.iter().for_each(|name| self.root(name));
    }

    fn declare(&mut self, target: &Target, own: &mut Vec<Name>) {
        match target {
            Target::Name(name) if own.contains(name) => {}
            Target::Name(name) => own.push(name.clone()),
            Target::Tuple(targets) => targets.iter().for_each(|target| self.declare(target, own)),
            Target::Member(name, _) => {
                if !own.contains(name) {
                    self.root(name);
                }
            }
        }
    }

    fn root(&mut self, name: &Name) {
        if functions::find(name).is_none() && !self.reads.undeclared.contains(name) {
            self.reads.undeclared.push(name.clone());
        }
    }

    fn exprs<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>, own: &[Name]) {
        exprs.into_iter().for_each(|expr| self.expr(expr, own));
    }

    fn expr(&mut self, expr: &Expr, own: &[Name]) {
        if let Some(path) = path(expr) {
            if !own.contains(&path[0]) {
                self.root(&path[0]);
                if functions::find(&path[0]).is_none() && !self.reads.paths.contains(&path) {
                    self.reads.paths.push(path);
                }
            }
            return;
        }
        match expr {
            Expr::Const(_) | Expr::Name(_) => {}
            Expr::List(items) | Expr::Tuple(items) | Expr::Concat(items) => self.exprs(items, own),
            Expr::Dict(members) => members.iter().for_each(|(key, value)| self.exprs([key, value], own)),
            Expr::Attr(of, _) | Expr::Not(of) | Expr::Sign(_, of) => self.expr(of, own),
            Expr::Item(of, key) => self.exprs([&**of, &**key], own),
            Expr::Slice(of, parts) => {
                self.expr(of, own);
                self.exprs(parts.iter().flatten(), own);
            }
            Expr::Call(function, args) => {
                // The method of a value is no member of it.
                match &**function {
                    Expr::Attr(of, _) => self.expr(of, own),
                    function => self.expr(function, own),
                }
                self.args(args, own);
            }
            Expr::Filter(value, _, args) | Expr::Test(value, _, args) => {
                self.expr(value, own);
                self.args(args, own);
            }
            Expr::Binary(_, sides) | Expr::And(sides) | Expr::Or(sides) => self.exprs([&sides.0, &sides.1], own),
            Expr::Compare(left, with) => {
                self.expr(left, own);
                self.exprs(with.iter().map(|(_, right)| right), own);
            }
            Expr::If(parts) => {
                self.exprs([&parts.0, &parts.1], own);
                self.exprs(parts.2.iter(), own);
            }
        }
    }

    fn args(&mut self, args: &Args, own: &[Name]) {
        self.exprs(&args.positional, own);
        self.exprs(args.named.iter().map(|(_, value)| value), own);
    }
}

/// What a template is, for who derives secrets and origins from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Text alone.
    Constant(Rc<str>),
    /// One bare path (`config.auth['token']`) without a filter, with text around it.
    Path {
        /// The text before it.
        prefix: Rc<str>,
        /// The names of the path.
        path: Vec<Rc<str>>,
        /// The text behind it.
        suffix: Rc<str>,
    },
    /// Anything else.
    Other,
}

pub(super) fn shape(nodes: &[Node]) -> Shape {
    let (mut prefix, mut found, mut suffix) = (String::new(), None, String::new());
    for node in nodes {
        match node {
            Node::Text(text) if found.is_none() => prefix.push_str(text),
            Node::Text(text) => suffix.push_str(text),
            Node::Print(expr) if found.is_none() => match path(expr) {
                Some(path) if functions::find(&path[0]).is_none() => found = Some(path),
                _ => return Shape::Other,
            },
            _ => return Shape::Other,
        }
    }
    match found {
        None => Shape::Constant(prefix.into()),
        Some(path) => Shape::Path { prefix: prefix.into(), path, suffix: suffix.into() },
    }
}
