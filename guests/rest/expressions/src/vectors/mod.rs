//! The reference's answers, as tables: each line was evaluated by `airbyte-cdk` 7.39.1.

mod templates;
