//! What `host add` says of what it cannot make an extractor of, and that nothing is left of it.

use harness::guest;

use crate::environment;

const HEAD: &str = "type: DeclarativeSource\nstreams:\n";
const REQUESTER: &str = "requester: {type: HttpRequester, url_base: https://api.example, path: x, ";

#[test]
fn what_cannot_be_carried_out_is_refused_with_its_place() {
    let environment = environment();
    let component = guest("rest").display().to_string();
    let stream = |retriever: &str| {
        format!("{HEAD}  - type: DeclarativeStream\n    name: x\n    retriever:\n      {retriever}\n")
    };
    let selector = "record_selector: {extractor: {field_path: []}}";
    let cursor = |format: &str, start: &str| {
        let cursor = format!("cursor = {{ field = \"a\", format = \"{format}\", start = \"{start}\" }}\n");
        format!("base = \"https://a.example\"\n[streams.x]\npath = \"x\"\n{cursor}")
    };
    let cases: [(&str, String, &str); 16] = [
        ("empty.yaml", " \n".into(), "it is empty"),
        ("cut.yaml", "a: [".into(), "it is no YAML: line 2, column 1"),
        (
            "other.yaml",
            "type: Deployment\nstreams: []\n".into(),
            "type: it is Deployment, and only a DeclarativeSource",
        ),
        ("none.yaml", "type: DeclarativeSource\n".into(), "the manifest: it has no streams"),
        (
            "cycle.yaml",
            "streams: [\"#/streams/0\"]\n".into(),
            "streams[0]: the reference #/streams/0 leads back to itself",
        ),
        ("nowhere.yaml", "streams: [\"#/nowhere\"]\n".into(), "streams[0]: the reference #/nowhere points to nothing"),
        (
            "python.yaml",
            stream("type: CustomRetriever\n      class_name: source.Own"),
            "streams[0].retriever: it is the Python class source.Own, and no Python is run here",
        ),
        (
            "body.yaml",
            stream(&format!(
                "{REQUESTER}authenticator: {{type: BearerAuthenticator, api_token: \"{{{{ config.key }}}}\"}}, \
                 request_body_json: {{k: \"{{{{ config.key }}}}\"}}}}\n      {selector}"
            )),
            "streams[0].retriever.requester.request_body_json.k: it computes with the secret `key`",
        ),
        (
            "template.yaml",
            stream(&format!(
                "{REQUESTER}request_headers: {{a: \"{{{{ config.x | nonsense }}}}\"}}}}\n      {selector}"
            )),
            "streams[0].retriever.requester.request_headers.a: ",
        ),
        ("key.toml", "base = \"https://a.example\"\nstraems = 1\n".into(), "line 2: unknown field `straems`"),
        (
            "name.toml",
            "base = \"https://a.example\"\n[streams.x]\npath = \"{id}\"\n".into(),
            "streams.x.path: `{id}` is neither a parameter nor what the stream is cut by",
        ),
        (
            "base.toml",
            "base = \"a.example\"\n[streams.x]\npath = \"x\"\n".into(),
            "base: `a.example` does not begin with",
        ),
        (
            "format.toml",
            cursor("YYYY-MM-DD", "2025-01-01"),
            "streams.x.cursor.format: `YYYY-MM-DD` has no part of a time",
        ),
        ("directive.toml", cursor("%Y-%Q", "2025-01-01"), "streams.x.cursor.format: `%Y-%Q` has `%Q`"),
        (
            "start.toml",
            cursor("%Y-%m-%d", "01.01.2025"),
            "streams.x.cursor.start: it is \"01.01.2025\", which is no time of the format \"%Y-%m-%d\"",
        ),
        (
            "start.yaml",
            stream(&format!("{REQUESTER}http_method: GET}}\n      {selector}"))
                + "    incremental_sync: {type: DatetimeBasedCursor, cursor_field: a, datetime_format: \"%s\", start_datetime: x}\n",
            "streams[0].incremental_sync.start_datetime: it is \"x\"",
        ),
    ];
    for (file, text, expected) in cases {
        environment.write(file, text);
        environment.host(["add", "x", file, "--component", &component]).exits(2).says(expected);
        assert!(!environment.path().join("x.wasm").exists(), "{file}");
    }
    environment.host(["add", "x", "nope.yaml", "--component", &component]).exits(2).says("cannot read nope.yaml");
}

#[test]
fn a_manifest_that_unfolds_without_end_is_told() {
    let environment = environment();
    let component = guest("rest").display().to_string();
    let ten = |name: &str| vec![format!("*{name}"); 10].join(", ");
    let mut text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, of) in [("b", "a"), ("c", "b"), ("d", "c"), ("e", "d"), ("f", "e"), ("g", "f")] {
        text.push_str(&format!("{name}: &{name} [{}]\n", ten(of)));
    }
    environment.write("laugh.yaml", text + "streams: *g\n");
    let ran = environment.host(["add", "x", "laugh.yaml", "--component", &component]);
    ran.exits(2).says("the manifest unfolds to more than 1000000 values here");
}

#[test]
fn nothing_but_an_extractor_is_written_over() {
    let environment = environment();
    let component = guest("rest").display().to_string();
    environment.write("a.toml", "base = \"https://a.example\"\n[streams.x]\npath = \"x\"\n");
    environment.write("a.wasm", "mine");
    environment.host(["add", "a", "a.toml", "--component", &component]).exits(2).says("a.wasm is there already");
    assert_eq!(std::fs::read_to_string(environment.path().join("a.wasm")).expect("a file"), "mine");
    for _ in 0..2 {
        environment.host(["add", "b", "a.toml", "--component", &component]).exits(0);
    }
    environment.host(["add", "a b", "a.toml", "--component", &component]).exits(2).says("is not a valid name");
    environment.host(["add", "c", "a.toml", "--component", "a.toml"]).exits(2).says("cannot use a.toml");
}

/// A manifest can be used with those of its authenticators that are carried out, whatever the others are.
#[test]
fn one_of_several_authenticators_may_be_none_that_is_carried_out() {
    let environment = environment();
    let component = guest("rest").display().to_string();
    let manifest = |options: &str| {
        format!(
            "{HEAD}  - type: DeclarativeStream\n    name: x\n    retriever:\n      {REQUESTER}authenticator: \
             {{type: SelectiveAuthenticator, authenticator_selection_path: [kind], authenticators: {{{options}}}}}}}\n      \
             record_selector: {{extractor: {{field_path: []}}}}\n"
        )
    };
    let elsewhere = "o: {type: OAuthAuthenticator}, p: {type: CustomAuthenticator, class_name: source.Own}";
    environment.write("none.yaml", manifest(elsewhere));
    environment
        .host(["add", "x", "none.yaml", "--component", &component])
        .exits(2)
        .says("authenticators.o: it has no `token_refresh_endpoint`");
    environment.write("some.yaml", manifest(&format!("n: {{type: NoAuth}}, {elsewhere}")));
    environment.host(["add", "x", "some.yaml", "--component", &component]).exits(0);
    environment.host(["allow", "x.wasm", "--yes"]).exits(0);
    for (kind, reason) in
        [("o", "it has no `token_refresh_endpoint`"), ("p", "it is the Python class source.Own"), ("q", "")]
    {
        let ran = environment.host(["run", "x.wasm", "--param", &format!("kind={kind}")]);
        ran.exits(1).says(&format!("`kind` is \"{kind}\", and has to be one of n")).says(reason);
    }
}

/// A stream whose values are to fit the schema in that file.
fn fitted(path: &str) -> String {
    format!(
        "{HEAD}  - type: DeclarativeStream\n    name: x\n    schema_loader: {{type: JsonFileSchemaLoader, file_path: \"{path}\"}}\n    \
         retriever:\n      {REQUESTER}http_method: GET}}\n      record_selector: {{extractor: {{field_path: []}}, \
         schema_normalization: Default}}\n"
    )
}

/// A stranger's manifest names the files of its schemas: none is read that is not below its own directory.
#[test]
fn schemas_are_read_from_below_the_manifest_alone() {
    let environment = environment();
    let component = guest("rest").display().to_string();
    environment.write("outside.json", "{}");
    let reference = |target: &str| format!("{{\"properties\": {{\"a\": {{\"$ref\": \"{target}\"}}}}}}");
    for (file, text) in [
        ("good", reference("part.json")),
        ("shared/part", "{\"type\": \"string\"}".to_owned()),
        ("cut", "{".to_owned()),
        ("up", reference("../../../outside.json")),
        ("far", reference("https://a.example/part.json")),
        ("lost", reference("none.json")),
        ("round", reference("round.json")),
        ("shared/round", reference("round.json")),
        ("within", reference("#/properties/b")),
        ("large", " ".repeat((4 << 20) + 1)),
        ("list", "[{\"password\": \"hush-42\"}]".to_owned()),
        ("text", "{\"properties\": {\"a\": \"hush-42\"}}".to_owned()),
        ("type", "{\"type\": [{\"password\": \"hush-42\"}]}".to_owned()),
        ("word", "{\"type\": \"hush-42\"}".to_owned()),
        ("more", "{\"type\": \"string\", \"examples\": [\"hush-42\"], \"items\": [\"hush-42\"]}".to_owned()),
    ] {
        environment.write(&format!("made/schemas/{file}.json"), text);
    }
    let link = environment.path().join("made/schemas/link.json");
    std::os::unix::fs::symlink(environment.path().join("outside.json"), link).expect("a link");
    environment.write("made/.hidden/x.json", "{}");
    let link = environment.path().join("made/schemas/hidden.json");
    std::os::unix::fs::symlink("../.hidden/x.json", link).expect("a link");
    let at = "streams[0].schema_loader";
    for (path, expected) in [
        ("./source_x/schemas/good.json", ""),
        ("./schemas/good.json", ""),
        ("./schemas/more.json", ""),
        ("./schemas/hidden.json", "its schema schemas/hidden.json is a link to what is hidden, or no .json file"),
        ("./schemas/list.json", "its schema schemas/list.json has what is neither an object nor a boolean"),
        ("./schemas/text.json", "its schema schemas/text.json has what is neither an object nor a boolean"),
        ("./schemas/type.json", "its schema schemas/type.json has a `type` that is no name of one"),
        ("./schemas/word.json", "its schema schemas/word.json has a `type` that is no name of one"),
        (
            "./source_x/schemas/none.json",
            &*format!("{at}.file_path: values are to fit the schema schemas/none.json, and there is no such file"),
        ),
        ("{{ config['a'] }}.json", "it depends on the configuration"),
        ("./source_x/schemas/cut.json", "its schema schemas/cut.json is no JSON"),
        ("./source_x/../outside.json", "its schema ../outside.json is no .json file below the manifest's directory"),
        ("../outside.json", "its schema ../outside.json is no .json file below"),
        ("source_x//etc/x.json", "its schema /etc/x.json is no .json file below"),
        ("source_x/.hidden/x.json", "is no .json file below"),
        ("source_x/manifest.yaml", "is no .json file below"),
        ("source_x/schemas/link.json", "its schema schemas/link.json is a link out of the manifest's directory"),
        ("source_x/schemas/up.json", "its schema schemas/shared/../../../outside.json is no .json file below"),
        ("source_x/schemas/far.json", "schemas/shared/https://a.example/part.json, and there is no such file"),
        ("source_x/schemas/lost.json", "leads to schemas/shared/none.json, and there is no such file"),
        ("source_x/schemas/round.json", "leads back to itself"),
        (
            "source_x/schemas/within.json",
            "the reference #/properties/b in its schema schemas/within.json points to nothing",
        ),
        ("source_x/schemas/large.json", "its schema schemas/large.json is larger than 4 MiB"),
    ] {
        environment.write("made/it.yaml", fitted(path));
        let ran = environment.host(["add", "x", "made/it.yaml", "--component", &component]);
        let made = environment.path().join("x.wasm");
        match expected {
            "" => {
                ran.exits(0);
                let bytes = std::fs::read(&made).expect("an extractor");
                assert!(!bytes.windows(7).any(|text| text == b"hush-42"), "{path}");
                std::fs::remove_file(&made).expect("an extractor");
            }
            _ => {
                ran.exits(2).says(expected);
                assert!(!made.exists(), "{path}");
            }
        }
    }
}
