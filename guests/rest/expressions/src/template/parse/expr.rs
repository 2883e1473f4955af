//! Expressions, loosest operators first.

use super::super::ast::{Args, Expr};
use super::super::names;
use super::{Parsed, Parser, Token};
use crate::value::{Arith, Value};
use crate::{filters, functions, tests};

impl Parser {
    pub(super) fn expression(&mut self) -> Parsed<Expr> {
        self.deeper(Self::conditional)
    }

    fn conditional(&mut self) -> Parsed<Expr> {
        let mut value = self.or()?;
        while self.take_name("if") {
            self.operation()?;
            let condition = self.or()?;
            let otherwise = if self.take_name("else") { Some(self.expression()?) } else { None };
            value = Expr::If(Box::new((condition, value, otherwise)));
        }
        Ok(value)
    }

    pub(super) fn or(&mut self) -> Parsed<Expr> {
        let mut left = self.and()?;
        while self.take_name("or") {
            self.operation()?;
            left = Expr::Or(Box::new((left, self.and()?)));
        }
        Ok(left)
    }

    fn and(&mut self) -> Parsed<Expr> {
        let mut left = self.not()?;
        while self.take_name("and") {
            self.operation()?;
            left = Expr::And(Box::new((left, self.not()?)));
        }
        Ok(left)
    }

    fn not(&mut self) -> Parsed<Expr> {
        if self.take_name("not") {
            self.operation()?;
            return Ok(Expr::Not(Box::new(self.deeper(Self::not)?)));
        }
        self.compare()
    }

    fn compare(&mut self) -> Parsed<Expr> {
        let left = self.sum()?;
        let mut with = Vec::new();
        loop {
            let operator = match self.peek() {
                Token::Op(operator @ ("==" | "!=" | "<" | "<=" | ">" | ">=")) => *operator,
                Token::Name(name) if name == "in" => "in",
                Token::Name(name) if name == "not" && matches!(self.after(), Token::Name(next) if next == "in") => {
                    self.at += 1;
                    "not in"
                }
                _ => break,
            };
            self.at += 1;
            self.operation()?;
            with.push((operator, self.sum()?));
        }
        Ok(if with.is_empty() { left } else { Expr::Compare(Box::new(left), with) })
    }

    fn binary(&mut self, operators: &[(&str, Arith)], operand: impl Fn(&mut Self) -> Parsed<Expr>) -> Parsed<Expr> {
        let mut left = operand(self)?;
        while let Some((_, operator)) = operators.iter().find(|(sign, _)| self.is_op(sign)) {
            self.at += 1;
            self.operation()?;
            left = Expr::Binary(*operator, Box::new((left, operand(self)?)));
        }
        Ok(left)
    }

    fn sum(&mut self) -> Parsed<Expr> {
        self.binary(&[("+", Arith::Add), ("-", Arith::Sub)], Self::concat)
    }

    fn concat(&mut self) -> Parsed<Expr> {
        let first = self.product()?;
        if !self.is_op("~") {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.take_op("~") {
            self.operation()?;
            parts.push(self.product()?);
        }
        Ok(Expr::Concat(parts))
    }

    fn product(&mut self) -> Parsed<Expr> {
        let operators = [("*", Arith::Mul), ("/", Arith::Div), ("//", Arith::FloorDiv), ("%", Arith::Mod)];
        self.binary(&operators, |parser| parser.binary(&[("**", Arith::Pow)], |parser| parser.unary(true)))
    }

    fn unary(&mut self, filters: bool) -> Parsed<Expr> {
        let mut value = if self.is_op("-") || self.is_op("+") {
            let positive = self.is_op("+");
            self.at += 1;
            self.operation()?;
            Expr::Sign(positive, Box::new(self.deeper(|parser| parser.unary(false))?))
        } else {
            self.primary()?
        };
        value = self.postfix(value)?;
        if filters { self.filtered(value) } else { Ok(value) }
    }

    /// The filters, tests and calls behind a value.
    fn filtered(&mut self, mut value: Expr) -> Parsed<Expr> {
        loop {
            if self.take_op("|") {
                value = self.filter(value)?;
            } else if self.take_name("is") {
                value = self.test(value)?;
            } else if self.is_op("(") {
                value = self.call(value)?;
            } else {
                return Ok(value);
            }
        }
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let token = self.peek().clone();
        match token {
            Token::Name(name) => {
                self.at += 1;
                Ok(match name.as_str() {
                    "true" | "True" => Expr::Const(Value::Bool(true)),
                    "false" | "False" => Expr::Const(Value::Bool(false)),
                    "none" | "None" => Expr::Const(Value::None),
                    _ => Expr::Name(name.into()),
                })
            }
            Token::Text(mut text) => {
                self.at += 1;
                while let Token::Text(more) = self.peek() {
                    text.push_str(more);
                    self.at += 1;
                }
                Ok(Expr::Const(text.into()))
            }
            Token::Int(number) => {
                self.at += 1;
                Ok(Expr::Const(Value::Int(number)))
            }
            Token::Float(number) => {
                self.at += 1;
                Ok(Expr::Const(Value::Float(number)))
            }
            Token::Op("(") => {
                self.at += 1;
                let (mut items, comma) = self.items(true, &[])?;
                self.expect_op(")")?;
                Ok(if items.len() == 1 && !comma { items.remove(0) } else { Expr::Tuple(items) })
            }
            Token::Op("[") => {
                self.at += 1;
                Ok(Expr::List(self.list("]")?))
            }
            Token::Op("{") => {
                self.at += 1;
                self.members()
            }
            _ => self.unexpected("an expression"),
        }
    }

    fn list(&mut self, end: &str) -> Parsed<Vec<Expr>> {
        let mut items = Vec::new();
        while !self.take_op(end) {
            if !items.is_empty() {
                self.expect_op(",")?;
                if self.take_op(end) {
                    break;
                }
            }
            items.push(self.expression()?);
        }
        Ok(items)
    }

    fn members(&mut self) -> Parsed<Expr> {
        let mut members = Vec::new();
        while !self.take_op("}") {
            if !members.is_empty() {
                self.expect_op(",")?;
                if self.take_op("}") {
                    break;
                }
            }
            let key = self.expression()?;
            self.expect_op(":")?;
            members.push((key, self.expression()?));
        }
        Ok(Expr::Dict(members))
    }

    fn postfix(&mut self, mut value: Expr) -> Parsed<Expr> {
        loop {
            if self.take_op(".") {
                self.operation()?;
                match self.peek().clone() {
                    Token::Name(name) => value = Expr::Attr(Box::new(value), name.into()),
                    Token::Int(number) => {
                        value = Expr::Item(Box::new(value), Box::new(Expr::Const(Value::Int(number))))
                    }
                    _ => return self.unexpected("a name or a number"),
                }
                self.at += 1;
            } else if self.take_op("[") {
                self.operation()?;
                value = self.subscript(value)?;
            } else if self.is_op("(") {
                value = self.call(value)?;
            } else {
                return Ok(value);
            }
        }
    }

    fn subscript(&mut self, value: Expr) -> Parsed<Expr> {
        let mut items = Vec::new();
        loop {
            if self.is_op("]") {
                break;
            }
            if !items.is_empty() {
                self.expect_op(",")?;
            }
            let first = if self.is_op(":") { None } else { Some(self.expression()?) };
            if !self.take_op(":") {
                items.extend(first);
                continue;
            }
            if !items.is_empty() {
                return self.fail("a slice with commas is not supported");
            }
            let part = |parser: &mut Self| {
                if parser.is_op(":") || parser.is_op("]") { Ok(None) } else { parser.expression().map(Some) }
            };
            let second = part(self)?;
            let third = if self.take_op(":") { part(self)? } else { None };
            self.expect_op("]")?;
            return Ok(Expr::Slice(Box::new(value), Box::new([first, second, third])));
        }
        self.expect_op("]")?;
        let item = if items.len() == 1 { items.remove(0) } else { Expr::Tuple(items) };
        Ok(Expr::Item(Box::new(value), Box::new(item)))
    }

    fn call(&mut self, value: Expr) -> Parsed<Expr> {
        self.operation()?;
        if let Some(refused) = refused(&value) {
            return self.fail(refused);
        }
        let args = self.args()?;
        if let (Expr::Name(name), [Expr::Const(Value::Str(zone)), ..]) = (&value, &args.positional[..])
            && &**name == "today_with_timezone"
            && functions::fixed_zone(zone).is_none()
        {
            return self.fail(format!("the time zone '{zone}' is not supported"));
        }
        Ok(Expr::Call(Box::new(value), args))
    }

    fn args(&mut self) -> Parsed<Args> {
        self.expect_op("(")?;
        let mut args = Args::default();
        let mut first = true;
        while !self.take_op(")") {
            if !std::mem::take(&mut first) {
                self.expect_op(",")?;
                if self.take_op(")") {
                    break;
                }
            }
            if self.is_op("*") || self.is_op("**") {
                return self.fail("an argument with '*' before it is not supported");
            }
            if matches!(self.peek(), Token::Name(_)) && *self.after() == Token::Op("=") {
                let name = self.name()?;
                self.at += 1;
                args.named.push((name, self.expression()?));
            } else if args.named.is_empty() {
                args.positional.push(self.expression()?);
            } else {
                return self.fail("an argument without a name stands behind one with a name");
            }
        }
        Ok(args)
    }

    fn dotted(&mut self) -> Parsed<String> {
        let mut name = self.name()?.to_string();
        while self.take_op(".") {
            name.push('.');
            name.push_str(&self.name()?);
        }
        Ok(name)
    }

    fn filter(&mut self, value: Expr) -> Parsed<Expr> {
        self.operation()?;
        let name = self.dotted()?;
        let Some(known) = filters::find(&name) else {
            return self.fail(if filters::REFUSED.contains(&name.as_str()) {
                format!("the filter '{name}' is not supported")
            } else {
                format!("there is no filter '{name}'")
            });
        };
        let args = if self.is_op("(") { self.args()? } else { Args::default() };
        // The name of another filter or test may stand in the arguments.
        if let ("map", Some(Expr::Const(Value::Str(inner)))) = (known, args.positional.first())
            && filters::find(inner).is_none()
        {
            return self.fail(format!("there is no filter '{inner}'"));
        }
        let inner = match known {
            "select" | "reject" => args.positional.first(),
            "selectattr" | "rejectattr" => args.positional.get(1),
            _ => None,
        };
        if let Some(Expr::Const(Value::Str(inner))) = inner
            && tests::find(inner).is_none()
        {
            return self.fail(format!("there is no test '{inner}'"));
        }
        Ok(Expr::Filter(Box::new(value), known, args))
    }

    fn test(&mut self, value: Expr) -> Parsed<Expr> {
        self.operation()?;
        let negated = self.take_name("not");
        let name = self.dotted()?;
        let Some(known) = tests::find(&name) else { return self.fail(format!("there is no test '{name}'")) };
        let mut args = Args::default();
        let operand = match self.peek() {
            Token::Name(name) => !matches!(name.as_str(), "else" | "or" | "and"),
            Token::Text(_) | Token::Int(_) | Token::Float(_) | Token::Op("[" | "{") => true,
            _ => false,
        };
        if self.is_op("(") {
            args = self.args()?;
        } else if operand {
            if self.is_name("is") {
                return self.fail("a test cannot follow a test");
            }
            let operand = self.primary()?;
            args.positional.push(self.postfix(operand)?);
        }
        let test = Expr::Test(Box::new(value), known, args);
        Ok(if negated { Expr::Not(Box::new(test)) } else { test })
    }
}

/// Why something cannot be called: there is no such function, or the method changes a value that others see.
fn refused(function: &Expr) -> Option<String> {
    match function {
        Expr::Name(name) => functions::refusal(name),
        Expr::Attr(of, name) => {
            let changes = match &**name {
                "append" | "clear" | "extend" | "insert" | "popitem" | "remove" | "setdefault" | "sort" | "update" => {
                    true
                }
                "pop" => names::path(of).is_some(),
                _ => false,
            };
            changes.then(|| format!("the method '{name}' changes a value, and is not supported"))
        }
        _ => None,
    }
}
