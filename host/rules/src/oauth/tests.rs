use super::*;

fn oauth(text: &str) -> OAuth {
    toml::from_str(text).expect(text)
}

fn parts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_request_is_as_the_standard_has_it() {
    let place = "token-url = \"https://a.example/token\"\n";
    let (id, pair) = (("client-id", "me"), [("client-id", "m e"), ("client-secret", "s:3")]);
    let basic = Some("Basic bStlOnMlM0Ez");
    for (description, parts, proof, authorization, content) in [
        ("grant = \"client-credentials\"", &pair[..], Proof::Nothing, basic, "grant_type=client_credentials"),
        (
            "grant = \"client-credentials\"\nclient-auth = \"post\"\nscopes = [\"a\", \"b\"]\nparams = { audience = \"x\" }",
            &pair,
            Proof::Nothing,
            None,
            "grant_type=client_credentials&scope=a+b&client_id=m+e&client_secret=s%3A3&audience=x",
        ),
        (
            "grant = \"refresh-token\"",
            &[id],
            Proof::Refresh("r&1"),
            None,
            "refresh_token=r%261&grant_type=refresh_token&client_id=me",
        ),
        (
            "grant = \"refresh-token\"\nclient-id = \"public\"\nnames = { client_id = \"app\", grant_type = \"type\" }",
            &[],
            Proof::Refresh("r"),
            None,
            "refresh_token=r&type=refresh_token&app=public",
        ),
        (
            "grant = \"password\"\nclient-id = \"x\"",
            &[("username", "u"), ("password", "p")],
            Proof::Nothing,
            None,
            "username=u&password=p&grant_type=password&client_id=x",
        ),
        (
            "grant = \"jwt-bearer\"",
            &[("key", "k")],
            Proof::Assertion("a.b.c"),
            None,
            "assertion=a.b.c&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer",
        ),
        (
            "grant = \"client-credentials\"\nclient-auth = \"post\"\nbody = \"json\"\nparams = { grant_type = \"own\" }",
            &[id],
            Proof::Nothing,
            None,
            "{\"client_id\":\"me\",\"grant_type\":\"own\"}",
        ),
        (
            "grant = \"authorization-code\"\nclient-id = \"x\"\nscopes = [\"a\"]",
            &[],
            Proof::Code("c", "v", "http://127.0.0.1:1/"),
            None,
            "code=c&code_verifier=v&redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2F&grant_type=authorization_code&client_id=x",
        ),
    ] {
        let request = oauth(&format!("{description}\n{place}")).request(&self::parts(parts), None, proof);
        assert_eq!(String::from_utf8_lossy(&request.body), content, "{description}");
        let sent = request.headers.iter().find(|(name, _)| name == "authorization").map(|(_, value)| &**value);
        assert_eq!(sent, authorization, "{description}");
    }
    let keyed = oauth(&format!("grant = \"client-credentials\"\nclient-auth = \"key\"\n{place}"));
    assert_eq!(keyed.parts().required, ["client-id", "key"]);
    let request = keyed.request(&self::parts(&[id, ("key", "k")]), Some("a.b.c"), Proof::Nothing);
    assert_eq!(
        String::from_utf8_lossy(&request.body),
        "grant_type=client_credentials&client_id=me&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3A\
         client-assertion-type%3Ajwt-bearer&client_assertion=a.b.c"
    );
    let session = "grant = \"password\"\nbody = \"query\"\nnames = { grant_type = \"\", username = \"login\" }";
    let parts = self::parts(&[("username", "u"), ("password", "p")]);
    let request = oauth(&format!("{session}\n{place}")).request(&parts, None, Proof::Nothing);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(request.query, [pair("login", "u"), pair("password", "p")]);
    assert!(request.body.is_empty() && !request.headers.iter().any(|(name, _)| name == "content-type"));
}

#[test]
fn a_description_that_cannot_be_meant_is_refused() {
    for (text, reason) in [
        ("grant = \"client-credentials\"\ntoken-url = \"http://a.example/t\"", "may not travel in the open"),
        ("grant = \"client-credentials\"\ntoken-url = \"a.example\"", "is no URL"),
        ("grant = \"authorization-code\"\ntoken-url = \"https://a.example/t\"", "`authorization-url` has to say"),
        (
            "grant = \"password\"\ntoken-url = \"https://a.example/t\"\nparams = { redirect_uri = \"x\" }",
            "which is the host's own",
        ),
        (
            "grant = \"password\"\ntoken-url = \"https://a.example/t\"\nscopes = [\"a\"]\nparams = { scope = \"b\" }",
            "both say what the token is for",
        ),
        ("grant = \"client-credentials\"", "`token-url` has to say where"),
        (
            "grant = \"jwt-bearer\"\ntoken-url = \"https://a.example/t\"\nclient-auth = \"key\"",
            "signs for the right itself",
        ),
        ("grant = \"signed\"\ntoken-url = \"https://a.example/t\"", "and this one is signed"),
        ("grant = \"device-code\"\ntoken-url = \"https://a.example/t\"", "`device-url` has to say"),
        (
            "grant = \"password\"\ntoken-url = \"https://a.example/t\"\nnames = { token = \"x\" }",
            "`names` has `token`, and can have client_id",
        ),
    ] {
        assert!(oauth(text).check().is_err_and(|error| error.contains(reason)), "{text}");
    }
    for (url, host, reason) in [
        ("https://{host}/t", Some("a.example"), None),
        ("https://x.{host}:8443/t?{other}", Some("a.example"), None),
        ("{host}oauth/token", Some("https://a.example/"), None),
        ("https://{host}/t", None, Some("nobody but you can say `host`")),
        ("{host}/t", None, Some("nobody but you can say `host`")),
        ("https://{host}.a.example/t", Some("b.example/#"), Some("is no name")),
        ("https://{host}.a.example/t", Some("b.example:80@"), Some("is no name")),
        ("https://{host}.a.example/t", Some(""), Some("is no name")),
    ] {
        let description = oauth(&format!("grant = \"client-credentials\"\ntoken-url = \"{url}\""));
        let checked = description.check_places(|name| host.filter(|_| name == "host"));
        assert_eq!(checked.is_ok(), reason.is_none(), "{url} {host:?}");
        assert!(reason.is_none_or(|reason| checked.is_err_and(|error| error.contains(reason))), "{url} {host:?}");
    }
    let fits = oauth("grant = \"password\"\ntoken-url = \"https://{host}/t\"\nparams = { x = \"{host}\" }");
    assert_eq!(fits.check(), Ok(()));
    let (host, value) = ("host".to_owned(), "a.example".to_owned());
    let filled = fits.filled([(&host, &value)]);
    assert_eq!((&*filled.token_url, &*filled.params["x"]), ("https://a.example/t", "a.example"));
}

#[test]
fn a_browser_is_sent_with_a_challenge() {
    let text = "grant = \"authorization-code\"\ntoken-url = \"https://a.example/t\"\nclient-id = \"me\"\n\
                authorization-url = \"https://a.example/auth?tenant=1\"\nscopes = [\"a\", \"b\"]\nparams = { access_type = \"offline\" }";
    let url = oauth(text).authorization(&BTreeMap::new(), ("ch", "st", "http://127.0.0.1:9/callback"));
    assert_eq!(
        url.expect("a URL").as_str(),
        "https://a.example/auth?tenant=1&response_type=code&client_id=me&scope=a+b&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback\
         &state=st&code_challenge=ch&code_challenge_method=S256&access_type=offline"
    );
}
