//! Templates to text.

use std::rc::Rc;

use super::ast::{Args, Expr, For, Name, Node, Target};
use crate::access::{attribute, item, slice};
use crate::call::{Context, Given};
use crate::error::{EvalError, Result};
use crate::value::{Map, Value, arith, contains, holds, negate, type_name};
use crate::{filters, functions, methods, tests};

/// One evaluation.
pub(super) struct Run<'a> {
    context: Context<'a>,
    /// Names that the template itself gave values to, the innermost last.
    frames: Vec<Vec<(Name, Value)>>,
    out: String,
}

impl<'a> Run<'a> {
    pub fn new(context: Context<'a>) -> Self {
        Self { context, frames: vec![Vec::new()], out: String::new() }
    }

    pub fn render(mut self, nodes: &[Node]) -> Result<String> {
        self.nodes(nodes)?;
        Ok(self.out)
    }

    fn nodes(&mut self, nodes: &[Node]) -> Result<()> {
        for node in nodes {
            self.context.budget.work(1)?;
            match node {
                Node::Text(text) => self.print(text)?,
                Node::Print(expr) => {
                    let value = self.eval(expr)?;
                    self.print(&value.to_text())?;
                }
                Node::If(branches, otherwise) => self.branch(branches, otherwise)?,
                Node::For(node) => self.repeat(node)?,
                Node::Set(target, expr) => {
                    let value = self.eval(expr)?;
                    self.assign(target, value)?;
                }
                Node::SetBlock(target, body) => {
                    let before = std::mem::take(&mut self.out);
                    self.scoped(body)?;
                    let text = std::mem::replace(&mut self.out, before);
                    self.assign(target, text.into())?;
                }
                Node::With(values, body) => {
                    let values: Vec<_> =
                        values.iter().map(|(target, expr)| Ok((target, self.eval(expr)?))).collect::<Result<_>>()?;
                    self.frames.push(Vec::new());
                    for (target, value) in values {
                        self.assign(target, value)?;
                    }
                    self.nodes(body)?;
                    self.frames.pop();
                }
            }
        }
        Ok(())
    }

    fn scoped(&mut self, body: &[Node]) -> Result<()> {
        self.frames.push(Vec::new());
        self.nodes(body)?;
        self.frames.pop();
        Ok(())
    }

    fn print(&mut self, text: &str) -> Result<()> {
        self.context.budget.make(text.len())?;
        self.out.push_str(text);
        Ok(())
    }

    fn branch(&mut self, branches: &[(Expr, Vec<Node>)], otherwise: &[Node]) -> Result<()> {
        for (test, body) in branches {
            if self.eval(test)?.is_true() {
                return self.nodes(body);
            }
        }
        self.nodes(otherwise)
    }

    fn repeat(&mut self, node: &For) -> Result<()> {
        let mut items = self.eval(&node.over)?.items()?;
        self.context.budget.work(items.len() / 4)?;
        if let Some(test) = &node.test {
            let mut kept = Vec::new();
            for item in items {
                self.frames.push(Vec::new());
                self.assign(&node.target, item.clone())?;
                if self.eval(test)?.is_true() {
                    kept.push(item);
                }
                self.frames.pop();
            }
            items = kept;
        }
        if items.is_empty() {
            return self.scoped(&node.otherwise);
        }
        let count = items.len();
        for (index, item) in items.iter().enumerate() {
            let mut frame = Vec::new();
            if node.counts {
                let (before, after) = (index.checked_sub(1).and_then(|at| items.get(at)), items.get(index + 1));
                frame.push(("loop".into(), loop_value(index, count, before, after)));
            }
            self.frames.push(frame);
            self.assign(&node.target, item.clone())?;
            self.nodes(&node.body)?;
            self.frames.pop();
        }
        Ok(())
    }

    fn assign(&mut self, target: &Target, value: Value) -> Result<()> {
        match target {
            Target::Name(name) => {
                let frame = self.frames.last_mut();
                let Some(frame) = frame else { return Ok(()) };
                match frame.iter_mut().find(|(known, _)| known == name) {
                    Some((_, known)) => *known = value,
                    None => frame.push((name.clone(), value)),
                }
            }
            Target::Tuple(targets) => {
                let items = value.items()?;
                if items.len() != targets.len() {
                    let (wanted, found) = (targets.len(), items.len());
                    return Err(EvalError::value(if found > wanted {
                        format!("too many values to unpack (expected {wanted})")
                    } else {
                        format!("not enough values to unpack (expected {wanted}, got {found})")
                    }));
                }
                for (target, item) in targets.iter().zip(items) {
                    self.assign(target, item)?;
                }
            }
            Target::Member(name, member) => {
                let known = self.frames.iter_mut().rev().flatten().find(|(known, _)| known == name);
                let Some((_, Value::Dict(members))) = known else {
                    let message = "cannot assign attribute on non-namespace object";
                    return Err(EvalError::raised("TemplateRuntimeError", message));
                };
                Rc::make_mut(members).insert(member.clone(), value);
            }
        }
        Ok(())
    }

    fn lookup(&self, name: &str) -> Value {
        let own = self.frames.iter().rev().find_map(|frame| frame.iter().find(|(known, _)| &**known == name));
        match own {
            Some((_, value)) => value.clone(),
            None => self
                .context
                .scope
                .get(name)
                .cloned()
                .unwrap_or_else(|| functions::find(name).map_or(Value::Undefined, Value::Function)),
        }
    }

    fn eval(&mut self, expr: &Expr) -> Result<Value> {
        self.context.budget.work(1)?;
        match expr {
            Expr::Const(value) => Ok(value.clone()),
            Expr::Name(name) => Ok(self.lookup(name)),
            Expr::Attr(of, name) => {
                let value = self.defined(of)?;
                Ok(attribute(&value, name))
            }
            Expr::Item(of, key) => {
                let value = self.defined(of)?;
                let key = self.eval(key)?;
                item(&value, &key)
            }
            Expr::Call(function, args) => self.call(function, args),
            Expr::Filter(value, name, args) => {
                let value = self.eval(value)?;
                let given = self.given(args)?;
                filters::apply(&self.context, name, value, given)
            }
            Expr::Binary(operator, sides) => {
                let left = self.eval(&sides.0)?;
                let right = self.eval(&sides.1)?;
                arith(&self.context.budget, *operator, &left, &right).map_err(|error| name_it(error, sides, &left))
            }
            Expr::Compare(left, with) => self.compare(left, with),
            Expr::And(sides) => {
                let left = self.eval(&sides.0)?;
                if left.is_true() { self.eval(&sides.1) } else { Ok(left) }
            }
            Expr::Or(sides) => {
                let left = self.eval(&sides.0)?;
                if left.is_true() { Ok(left) } else { self.eval(&sides.1) }
            }
            Expr::If(parts) => {
                if self.eval(&parts.0)?.is_true() {
                    return self.eval(&parts.1);
                }
                parts.2.as_ref().map_or(Ok(Value::Undefined), |otherwise| self.eval(otherwise))
            }
            _ => self.eval_rare(expr),
        }
    }

    /// What is less frequent, apart: so that the frames of the others stay small.
    #[inline(never)]
    fn eval_rare(&mut self, expr: &Expr) -> Result<Value> {
        match expr {
            Expr::List(items) => Ok(self.all(items)?.into()),
            Expr::Tuple(items) => Ok(Value::Tuple(Rc::new(self.all(items)?))),
            Expr::Dict(members) => {
                let pairs = members.iter().map(|(key, value)| Ok((self.eval(key)?, self.eval(value)?)));
                Value::dict(pairs.collect::<Result<_>>()?)
            }
            Expr::Slice(of, parts) => {
                let value = self.defined(of)?;
                let mut bounds = [Value::None, Value::None, Value::None];
                for (bound, part) in bounds.iter_mut().zip(parts.iter()) {
                    if let Some(part) = part {
                        *bound = self.eval(part)?;
                    }
                }
                slice(&value, &bounds)
            }
            Expr::Test(value, name, args) => {
                let value = self.eval(value)?;
                let given = self.given(args)?;
                Ok(Value::Bool(tests::apply(&self.context, name, &value, given)?))
            }
            Expr::Not(value) => Ok(Value::Bool(!self.eval(value)?.is_true())),
            Expr::Sign(positive, value) => negate(&self.eval(value)?, *positive),
            Expr::Concat(parts) => {
                let mut text = String::new();
                for part in parts {
                    let part = self.eval(part)?.to_text();
                    self.context.budget.make(part.len())?;
                    text.push_str(&part);
                }
                Ok(text.into())
            }
            _ => Ok(Value::Undefined),
        }
    }

    #[inline(never)]
    fn compare(&mut self, left: &Expr, with: &[(&'static str, Expr)]) -> Result<Value> {
        let mut left = self.eval(left)?;
        for (operator, right) in with {
            let right = self.eval(right)?;
            // What is looked through or compared whole takes its time.
            self.context.budget.work(right.length().unwrap_or_default() / 16)?;
            if !match *operator {
                "in" => contains(&right, &left)?,
                "not in" => !contains(&right, &left)?,
                operator => holds(operator, &left, &right)?,
            } {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    /// The value of something whose member is asked for: it has to be there.
    fn defined(&mut self, expr: &Expr) -> Result<Value> {
        match self.eval(expr)? {
            Value::Undefined => Err(EvalError::Undefined(format!("{} is undefined", super::names::describe(expr)))),
            value => Ok(value),
        }
    }

    fn all(&mut self, items: &[Expr]) -> Result<Vec<Value>> {
        self.context.budget.make(items.len() * 32)?;
        items.iter().map(|item| self.eval(item)).collect()
    }

    fn given(&mut self, args: &Args) -> Result<Given> {
        let positional = args.positional.iter().map(|arg| self.eval(arg)).collect::<Result<_>>()?;
        let named = args.named.iter().map(|(name, arg)| Ok((name.clone(), self.eval(arg)?))).collect::<Result<_>>()?;
        Ok(Given { positional, named })
    }

    #[inline(never)]
    fn call(&mut self, function: &Expr, args: &Args) -> Result<Value> {
        if let Expr::Attr(of, name) = function
            && let Expr::Name(of) = &**of
            && &**of == "loop"
            && &**name == "cycle"
        {
            return self.cycle(args);
        }
        let callee = self.defined(function)?;
        let given = self.given(args)?;
        match &callee {
            Value::Function(name) => functions::call(&self.context, name, given),
            Value::Method(method) => methods::call(&self.context, &method.0, method.1, given),
            _ => Err(EvalError::Type(format!("'{}' object is not callable", type_name(&callee)))),
        }
    }

    fn cycle(&mut self, args: &Args) -> Result<Value> {
        let given = self.given(args)?;
        let index = self.lookup("loop").member("index0").as_int().unwrap_or_default();
        let count = given.positional.len() as i128;
        if count == 0 {
            return Err(EvalError::Type("no items for cycling given".to_owned()));
        }
        Ok(given.positional.get(crate::call::size(index % count)).cloned().unwrap_or_default())
    }
}

/// Says which side it was that is undefined.
fn name_it(error: EvalError, sides: &(Expr, Expr), left: &Value) -> EvalError {
    match error {
        EvalError::Undefined(_) => {
            let side = if matches!(left, Value::Undefined) { &sides.0 } else { &sides.1 };
            EvalError::Undefined(format!("{} is undefined", super::names::describe(side)))
        }
        error => error,
    }
}

fn loop_value(index: usize, count: usize, before: Option<&Value>, after: Option<&Value>) -> Value {
    let number = |value: usize| Value::Int(value as i128);
    let members = [
        ("index", number(index + 1)),
        ("index0", number(index)),
        ("revindex", number(count - index)),
        ("revindex0", number(count - index - 1)),
        ("first", Value::Bool(index == 0)),
        ("last", Value::Bool(index + 1 == count)),
        ("length", number(count)),
        ("depth", number(1)),
        ("depth0", number(0)),
        ("previtem", before.cloned().unwrap_or_default()),
        ("nextitem", after.cloned().unwrap_or_default()),
    ];
    members.into_iter().map(|(name, value)| (Rc::from(name), value)).collect::<Map>().into()
}
