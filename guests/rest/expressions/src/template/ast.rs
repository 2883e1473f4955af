//! What a template is made of.

use std::rc::Rc;

use crate::value::{Arith, Value};

pub(super) type Name = Rc<str>;

#[derive(Clone, Debug)]
pub(super) enum Expr {
    Const(Value),
    Name(Name),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
    Attr(Box<Expr>, Name),
    Item(Box<Expr>, Box<Expr>),
    Slice(Box<Expr>, Box<[Option<Expr>; 3]>),
    Call(Box<Expr>, Args),
    Filter(Box<Expr>, &'static str, Args),
    Test(Box<Expr>, &'static str, Args),
    Not(Box<Expr>),
    /// `-x`, or `+x` where it is true.
    Sign(bool, Box<Expr>),
    Binary(Arith, Box<(Expr, Expr)>),
    Concat(Vec<Expr>),
    Compare(Box<Expr>, Vec<(&'static str, Expr)>),
    And(Box<(Expr, Expr)>),
    Or(Box<(Expr, Expr)>),
    /// Condition, value, and the value otherwise.
    If(Box<(Expr, Expr, Option<Expr>)>),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Args {
    pub positional: Vec<Expr>,
    pub named: Vec<(Name, Expr)>,
}

#[derive(Clone, Debug)]
pub(super) enum Target {
    Name(Name),
    Tuple(Vec<Target>),
    /// A member of a namespace.
    Member(Name, Name),
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    Text(Name),
    Print(Expr),
    /// Conditions with what follows from each, and what follows otherwise.
    If(Vec<(Expr, Vec<Node>)>, Vec<Node>),
    For(Box<For>),
    Set(Target, Expr),
    SetBlock(Target, Vec<Node>),
    With(Vec<(Target, Expr)>, Vec<Node>),
}

#[derive(Clone, Debug)]
pub(super) struct For {
    pub target: Target,
    pub over: Expr,
    pub test: Option<Expr>,
    pub body: Vec<Node>,
    pub otherwise: Vec<Node>,
    /// Whether the body names `loop`.
    pub counts: bool,
}
