//! Finds what an expression makes of values of the configuration, by computing it of values that stand for them.

use std::collections::BTreeSet;
use std::rc::Rc;

use expressions::{Map, Value};

use super::Way;
use crate::plan::{Expression, World};

/// What no text of a manifest has, and what is changed by whatever changes texts.
pub(super) const MARK: &str = "Zq\u{e9}/+";

/// What stands for the value of that number.
pub(super) fn stand_in(number: usize) -> String {
    format!("{MARK}{number}.")
}

/// What an expression comes to where values of the configuration are known ones.
pub(super) struct Probe {
    pub(super) ways: Vec<Way>,
    pub(super) text: Rc<str>,
}

impl Probe {
    pub(super) fn of(expression: &Expression, described: &[Way]) -> Option<Self> {
        let mut ways = described.to_vec();
        for read in expression.reads_of_config() {
            if !read.is_empty() && !ways.iter().any(|way| way.starts_with(read) || read.starts_with(way)) {
                ways.push(read.to_vec());
            }
        }
        let mut config = Value::from(Map::new());
        for (way, number) in ways.iter().zip(0..) {
            let steps: Vec<Value> = way.iter().map(|name| Value::Str(Rc::clone(name))).collect();
            // What cannot be set is not there, as for a run.
            let _ = expressions::path::set(&mut config, &steps, Value::from(stand_in(number)));
        }
        let at = |now: i64, random: u8| {
            let (now, random) = (Box::new(move || now), Box::new(move |bytes: &mut [u8]| bytes.fill(random)));
            let world = World { config: config.clone(), now, random, optional: BTreeSet::new() };
            expression.text(&world, &[]).ok()
        };
        // What depends on when it is asked for is computed, too.
        let text = at(0, 0)?;
        (at(1 << 50, 255)? == text).then_some(Self { ways, text })
    }
}
