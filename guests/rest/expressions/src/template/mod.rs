//! Templates: text with expressions, evaluated as the reference does it.

mod ast;
mod eval;
mod interpolate;
mod lex;
mod names;
mod parse;

use std::rc::Rc;

use ast::Node;
pub use interpolate::{Mapping, Nested, Wanted};
pub use names::Shape;

use crate::call::Context;
use crate::error::{Budget, EvalError, Result, SyntaxError};
use crate::scope::Scope;

/// A template, read once and evaluated often.
#[derive(Clone, Debug)]
pub struct Template {
    source: Rc<str>,
    nodes: Vec<Node>,
    reads: names::Reads,
    /// What it renders to, where that is always the same.
    constant: Option<Rc<str>>,
}

impl Template {
    /// Reads a template. Filters, tests, functions and tags that are not there are errors already here.
    pub fn parse(source: &str) -> Result<Self, SyntaxError> {
        // Trap 8: the reference looks for the word anywhere.
        if source.contains("stream_state") {
            let message = "'stream_state' is no longer supported in a template: use 'stream_interval' instead";
            return Err(SyntaxError::new(1, message));
        }
        let nodes = parse::parse(source)?;
        let reads = names::reads(&nodes);
        let constant = match names::shape(&nodes) {
            Shape::Constant(text) => Some(text),
            _ => None,
        };
        Ok(Self { source: source.into(), nodes, reads, constant })
    }

    /// The text it was read from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it is text alone.
    pub fn is_constant(&self) -> bool {
        self.constant.is_some()
    }

    /// Its text, where it is text alone. What the reference makes of it is still [`Template::eval`]'s matter: a
    /// constant `2022.10` is the number 2022.1 (trap 2).
    pub fn constant(&self) -> Option<&str> {
        self.constant.as_deref()
    }

    /// The paths of names that it reads: `["config", "auth", "token"]` for `config.auth['token']`. A path that goes on
    /// in a way that is known at evaluation alone ends where that begins: who reads `config` reads all below it.
    pub fn reads(&self) -> &[Vec<Rc<str>>] {
        &self.reads.paths
    }

    /// Whether it is a constant, or one bare path with constants around it.
    pub fn shape(&self) -> Shape {
        names::shape(&self.nodes)
    }

    /// The text that it renders to. `Err` as in the reference: [`EvalError::Undefined`], [`EvalError::Type`] and the
    /// others, without a default and without the template's own text in their place.
    pub fn render(&self, scope: &Scope<'_>) -> Result<Rc<str>> {
        if let Some(constant) = &self.constant {
            return Ok(constant.clone());
        }
        let missing: Vec<_> = self.reads.undeclared.iter().filter(|name| scope.get(name).is_none()).collect();
        if !missing.is_empty() {
            let names: Vec<_> = missing.iter().map(|name| format!("'{name}'")).collect();
            return Err(EvalError::Undeclared(names.join(", ")));
        }
        let context = Context { scope, budget: Budget::new() };
        Ok(eval::Run::new(context).render(&self.nodes)?.into())
    }
}
