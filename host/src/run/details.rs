//! What is kept of a run beside its row: what ran, and what it was granted.

use std::time::Duration;

use serde_json::{Value, json};

use crate::config::Plan;

/// What is known of a run when it starts.
pub(super) struct Details(Value);

impl Details {
    /// What a plan says.
    pub(super) fn of(plan: &Plan) -> Self {
        Self(json!({
            "host": env!("CARGO_PKG_VERSION"),
            "component": plan.component,
            "http": plan.egress.policy.granted().map(ToString::to_string).collect::<Vec<_>>(),
            "sources": plan.sources,
            "secrets": plan.egress.secrets.iter().map(|secret| secret.name()).collect::<Vec<_>>(),
        }))
    }

    /// The same with how it ended, as JSON.
    pub(super) fn ended(mut self, code: u8, elapsed: Duration) -> String {
        if let Some(object) = self.0.as_object_mut() {
            object.insert("exit_code".into(), code.into());
            let elapsed = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
            object.insert("elapsed_ms".into(), elapsed.into());
        }
        self.0.to_string()
    }
}
