//! The shape of the configuration file, for editors.

/// Its JSON Schema (draft 2020-12).
pub const SCHEMA: &str = include_str!("schema.json");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::super::file::parse;
    use super::SCHEMA;

    /// The keys that the parser takes in a table: it lists them where another one is given.
    fn taken(table: &str) -> BTreeSet<String> {
        let text = if table.is_empty() { "no-such-key = 1".to_owned() } else { format!("[{table}]\nno-such-key = 1") };
        let error = parse(&text).map(drop).expect_err(table);
        let (_, expected) = error.split_once("expected ").expect(&error);
        expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    fn described(schema: &Value, pointer: &str) -> BTreeSet<String> {
        let properties = schema.pointer(&format!("{pointer}/properties")).and_then(Value::as_object).expect(pointer);
        properties.keys().cloned().collect()
    }

    #[test]
    fn it_has_the_keys_that_the_parser_takes_and_no_others() {
        let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
        for (table, pointer) in [
            ("", ""),
            ("tls", "/properties/tls"),
            ("network", "/properties/network"),
            ("metrics", "/properties/metrics"),
            ("store", "/properties/store"),
            ("defaults", "/properties/defaults"),
            ("registry.x", "/$defs/registry"),
            ("trust.x", "/$defs/trust"),
            ("notify.x", "/$defs/notifier"),
            ("extractor.x", "/$defs/extractor"),
            ("extractor.x.expect", "/$defs/expectations"),
            ("extractor.x.expect.source.y", "/$defs/expectation"),
            ("extractor.x.budget", "/$defs/budget"),
            ("extractor.x.secret.y", "/$defs/secret"),
            ("extractor.x.secret.y.oauth", "/$defs/oauth"),
            ("[extractor.x.client-certificate]", "/$defs/certificate"),
        ] {
            assert_eq!(described(&schema, pointer), taken(table), "[{table}]");
        }
    }
}
