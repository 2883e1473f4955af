//! What is refused, with its place.

use crate::make;
use crate::manifest::Files;

/// Why no extractor is made of a manifest; blank where one is.
fn reason(text: &str) -> String {
    make::make(text, "api", &Files::default()).map_or_else(|error| error.to_string(), |_| String::new())
}

/// A manifest with this in its retriever, its requester and its stream.
fn refused(retriever: &str, requester: &str, stream: &str) -> String {
    let text = format!(
        "type: DeclarativeSource\nstreams:\n- type: DeclarativeStream\n  name: items\n  {stream}\n  retriever:\n    \
         type: SimpleRetriever\n    record_selector: {{extractor: {{field_path: []}}}}\n    {retriever}\n    requester: \
         {{type: HttpRequester, url_base: https://api.example, {requester}}}\n"
    );
    reason(&text)
}

const REDUCES: &str = "error_handler: {response_filters: [{http_codes: [400], action: REDUCE_PAGE_SIZE}]}, path: items";
const SPLITS: &str =
    "error_handler: {response_filters: [{http_codes: [400], action: SPLIT_REQUEST_WINDOW}]}, path: items";
const RESETS: &str = "error_handler: {response_filters: [{http_codes: [400], action: RESET_PAGINATION}]}, path: items";

fn pages(strategy: &str, token: &str) -> String {
    format!(
        "page_size_reduction: {{}}\n    paginator: {{type: DefaultPaginator, page_token_option: {token}, page_size_option: \
         {{inject_into: request_parameter, field_name: limit}}, pagination_strategy: {strategy}}}"
    )
}

#[test]
fn what_cannot_be_carried_out_is_refused_with_its_place() {
    let option = "{type: RequestOption, inject_into: request_parameter, field_name: page}";
    let offset = "{type: OffsetIncrement, page_size: 10}";
    let day = |more: &str| {
        format!(
            "incremental_sync: {{type: DatetimeBasedCursor, cursor_field: day, datetime_format: '%Y-%m-%d', \
             start_datetime: '2025-01-01', {more}}}"
        )
    };
    let splitting = "request_window_splitting: {type: RequestWindowSplitting}";
    for (retriever, requester, stream, expected) in [
        ("", RESETS, String::new(), ""),
        (&*pages(offset, option), REDUCES, String::new(), ""),
        ("", REDUCES, String::new(), "streams[0].retriever: it has no `page_size_reduction`"),
        (
            "page_size_reduction: {}",
            REDUCES,
            String::new(),
            "streams[0].retriever.page_size_reduction: it needs a paginator with a `page_size_option`",
        ),
        (&pages("{type: PageIncrement, page_size: 10}", option), REDUCES, String::new(), "records would be left out"),
        (&pages(offset, "{type: RequestPath}"), REDUCES, String::new(), "has the size of a page already"),
        (
            &pages(
                "{type: CursorPagination, page_size: 9, cursor_value: x, stop_condition: '{{ last_page_size < 9 }}'}",
                option,
            ),
            REDUCES,
            String::new(),
            "takes a smaller page for the last one",
        ),
        (&pages(offset, option).replace("{}", "{reduction_factor: 1}"), REDUCES, String::new(), "more than 1"),
        ("", SPLITS, String::new(), "streams[0].retriever: it has no `request_window_splitting`"),
        (splitting, SPLITS, String::new(), "has no `DatetimeBasedCursor`"),
        (splitting, SPLITS, day(""), "the `cursor_granularity`"),
        (splitting, SPLITS, day("step: P1D, cursor_granularity: P1D"), ""),
        (
            splitting,
            SPLITS,
            day("step: P1D, cursor_granularity: P1D, is_client_side_incremental: true"),
            "does not know",
        ),
        ("", "request_parameters: {a: {type: QueryProperties, property_list: [1]}}", String::new(), "has to be text"),
        (
            "",
            "request_parameters: {a: {type: QueryProperties, property_list: [b]}, c: {type: QueryProperties}}",
            String::new(),
            "more than one of them is a list of properties",
        ),
    ] {
        let reason = refused(retriever, requester, &stream);
        assert!(reason.contains(expected) && reason.is_empty() == expected.is_empty(), "{retriever}: {reason}");
    }
}

/// The parameters of what is made of a manifest with these rules, which reads these values of its configuration.
fn parameters(rules: &str, reads: &str) -> Vec<String> {
    let text = format!(
        "type: DeclarativeSource\nstreams:\n- name: items\n  retriever:\n    record_selector: {{extractor: {{field_path: \
         []}}}}\n    requester: {{url_base: https://api.example, path: \"{reads}\"}}\nspec:\n  \
         connection_specification: {{type: object, properties: {{set: {{type: string}}}}}}\n  \
         config_normalization_rules: {{type: ConfigNormalizationRules, {rules}}}\n"
    );
    let made = make::make(&text, "api", &Files::default()).expect("a manifest").expect("no files");
    let names = made.manifest.lines().filter_map(|line| line.strip_prefix("[param.")?.strip_suffix(']'));
    names.filter(|name| !matches!(*name, "streams" | "records")).map(str::to_owned).collect()
}

#[test]
fn what_rules_put_into_the_configuration_is_nobodys_to_set() {
    let add = |path: &str, value: &str| {
        format!("[{{type: ConfigAddFields, fields: [{{path: {path}, value: \"{{{{ config.{value} }}}}\"}}]}}]")
    };
    let transformations = |path: &str, value: &str| format!("transformations: {}", add(path, value));
    let migration = |path: &str, value: &str| {
        format!("config_migrations: [{{type: ConfigMigration, transformations: {}}}]", add(path, value))
    };
    let deep = "{{ config.made.deep }}{{ config.other }}";
    for (rules, reads, expected) in [
        ("transformations: []".to_owned(), deep, &["set", "made-deep", "other"][..]),
        (transformations("[made]", "set"), deep, &["set", "other"]),
        (transformations("[made, deep]", "set"), deep, &["set", "other"]),
        (transformations("[made, deep]", "set"), "{{ config.made }}", &["set"]),
        (transformations("[made, else]", "set"), deep, &["set", "made-deep", "other"]),
        (transformations("[made]", "input"), deep, &["set", "input", "other"]),
        // What only a migration reads is how something was called before.
        (migration("[set]", "old"), deep, &["set", "made-deep", "other"]),
        (migration("[set]", "old"), "{{ config.old }}", &["set", "old"]),
        (migration("[set]", "set"), "", &["set"]),
    ] {
        assert_eq!(parameters(&rules, reads), expected, "{rules}, {reads}");
    }
}

/// The host gets a token, and knows nothing of what the manifest makes of its configuration.
#[test]
fn a_request_of_the_hosts_has_nothing_that_rules_change() {
    for (rules, expected) in [
        ("transformations: []", ""),
        ("transformations: [{type: ConfigRemapField, field_path: [area], map: {a: b}}]", "token_refresh_endpoint"),
        ("transformations: [{type: ConfigAddFields, fields: [{path: [area], value: b}]}]", "token_refresh_endpoint"),
        ("transformations: [{type: ConfigAddFields, fields: [{path: [other], value: b}]}]", ""),
    ] {
        let reason = reason(&format!(
            "type: DeclarativeSource\nstreams:\n- name: items\n  retriever:\n    record_selector: {{extractor: {{field_path: \
             []}}}}\n    requester: {{url_base: https://api.example, path: x, authenticator: {{type: OAuthAuthenticator, \
             grant_type: client_credentials, token_refresh_endpoint: \"https://{{{{ config.area }}}}.api.example\", \
             client_id: \"{{{{ config.id }}}}\", client_secret: \"{{{{ config.secret }}}}\"}}}}\nspec:\n  \
             connection_specification: {{type: object, properties: {{area: {{}}, id: {{}}, secret: {{}}}}}}\n  \
             config_normalization_rules: {{type: ConfigNormalizationRules, {rules}}}\n"
        ));
        assert!(reason.contains(expected) && reason.is_empty() == expected.is_empty(), "{rules}: {reason}");
    }
}

#[test]
fn rules_of_the_configuration_are_read_before_they_are_needed() {
    let refused = |rules: &str| {
        let text = format!(
            "type: DeclarativeSource\nstreams:\n- name: items\n  retriever:\n    record_selector: {{extractor: {{field_path: \
             []}}}}\n    requester: {{url_base: https://api.example, path: items}}\nspec:\n  connection_specification: \
             {{type: object, properties: {{key: {{type: string, airbyte_secret: true}}}}}}\n  \
             config_normalization_rules: {{type: ConfigNormalizationRules, {rules}}}\n"
        );
        reason(&text)
    };
    let check = |schema: &str| {
        format!(
            "validations: [{{type: DpathValidator, field_path: [a], validation_strategy: {{type: ValidateAdheresToSchema, \
             base_schema: {schema}}}}}]"
        )
    };
    for (rules, expected) in [
        ("transformations: [{type: ConfigRemapField, field_path: [a], map: {b: c}}]".to_owned(), ""),
        ("transformations: [{type: ConfigRemapField, field_path: [], map: {b: c}}]".to_owned(), "has no `field_path`"),
        (
            "transformations: [{type: ConfigAddFields, fields: [{path: [a], value: \"{{ config['key'] }}\"}]}]"
                .to_owned(),
            "computes with the secret `key`",
        ),
        (
            "config_migrations: [{type: ConfigMigration, transformations: [{type: CustomConfigTransformation, \
             class_name: a.B}]}]"
                .to_owned(),
            "it is the Python class a.B",
        ),
        ("validations: [{type: PredicateValidator, value: 1}]".to_owned(), "PredicateValidator is not carried out"),
        (check("{type: string, format: uri}"), ""),
        (check("{properties: {b: {$schema: x, contains: {}}}}"), "base_schema.properties.b: `contains` of a schema"),
        (check("{items: [{}]}"), "it is no schema"),
        (check("{pattern: '('}"), "pattern"),
    ] {
        let reason = refused(&rules);
        assert!(reason.contains(expected) && reason.is_empty() == expected.is_empty(), "{rules}: {reason}");
    }
}
