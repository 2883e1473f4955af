//! `templates.jsonl`: the scope, then a line for each template: how it is evaluated, the template, and what comes out.
//! Values are as Python's `repr` shows them, errors are the exception's name behind a `!`. Where this crate departs from
//! the reference, what it does instead follows.

use crate::json;
use crate::time::{Clock, Date, DateTime};
use crate::{EvalError, Map, Mapping, Nested, Scope, SyntaxError, Template, Value, Wanted};

const TABLE: &str = include_str!("templates.jsonl");

fn scope(names: &Value) -> Scope<'static> {
    let clock = Clock { hour: 13, minute: 5, second: 9, micro: 120_034 };
    let now = DateTime::new(Date::new(2026, 11, 30).unwrap(), clock, Some(0)).unwrap();
    let mut scope = Scope::new(now.micros());
    for (name, value) in names.as_dict().unwrap() {
        scope.set(name, value.clone());
    }
    scope
}

fn outcome(kind: &str, text: &str, scope: &Scope<'_>) -> String {
    match value(kind, text, scope) {
        Err(_) => "!TemplateSyntaxError".to_owned(),
        Ok(Ok(value)) => value.to_repr(),
        Ok(Err(EvalError::Undefined(_))) => "!UndefinedError".to_owned(),
        Ok(Err(EvalError::Undeclared(_))) => "!Undeclared".to_owned(),
        Ok(Err(EvalError::Type(_))) => "!TypeError".to_owned(),
        Ok(Err(EvalError::Raised { kind, .. })) => format!("!{kind}"),
        Ok(Err(EvalError::Unsupported(what))) => format!("!Unsupported {what}"),
        Ok(Err(EvalError::Budget(_))) => "!Budget".to_owned(),
    }
}

type Outcome = Result<Result<Value, EvalError>, SyntaxError>;

fn value(kind: &str, text: &str, scope: &Scope<'_>) -> Outcome {
    let structure = |text: &str| json::read(text.as_bytes()).unwrap();
    match kind {
        "mapping" => {
            let mapping = Mapping::parse(structure(text).as_dict().unwrap())?;
            return Ok(mapping.eval(scope, Wanted::Any).map(Value::from));
        }
        "nested" => return Ok(Nested::parse(&structure(text))?.eval(scope)),
        _ => {}
    }
    let template = Template::parse(text)?;
    Ok(match kind {
        "string" => template.eval_string(scope),
        "bool" => template.eval_bool(scope).map(Value::from),
        "eval" => template.eval(scope),
        "text" => template.eval_text(scope),
        "integer" => template.eval_string_as(scope, Wanted::Integer),
        "number" => template.eval_string_as(scope, Wanted::Number),
        "boolean" => template.eval_string_as(scope, Wanted::Boolean),
        _ => template.render(scope).map(Value::Str),
    })
}

#[test]
fn templates_evaluate_as_in_the_reference() {
    let mut lines = TABLE.lines();
    let names = json::read(lines.next().unwrap().as_bytes()).unwrap();
    let scope = scope(&names);
    let mut wrong = Vec::new();
    for line in lines {
        let line = json::read(line.as_bytes()).unwrap();
        let text = |at: usize| line.as_list().unwrap().get(at).map(ToString::to_string);
        let (kind, template, reference) = (text(0).unwrap(), text(1).unwrap(), text(2).unwrap());
        let ours = text(3).unwrap_or(reference);
        let found = outcome(&kind, &template, &scope);
        if found != ours {
            wrong.push(format!("{kind} {template:?}\n   is {found}\n  not {ours}"));
        }
    }
    assert!(wrong.is_empty(), "{} of the table differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn an_error_in_the_table_would_be_seen() {
    let names = Value::from(Map::new());
    assert_eq!(outcome("string", "{{ 1 + 1 }}", &scope(&names)), "2");
    assert_ne!(outcome("string", "{{ 1 + 1 }}", &scope(&names)), "3");
}
