//! Proxies: used where `host.toml` names one and nowhere else, and never trusted with what is encrypted.
//!
//! The origins here are names that no resolver knows: what comes back can only have come by the proxy.

use harness::{Authority, Environment, Gate, Origin, Ran, Reply};

use crate::environment;

const CSV: &str = "city,courts\nMalaga,41\n";
const NAME: &str = "data.example";

/// `host.toml` and `ca.pem`: this proxy, and what `mirror` may ask.
fn behind(environment: &Environment, proxy: &str, authority: &Authority, origins: &[&str], more: &str) {
    environment.write("ca.pem", authority.pem());
    let origins: Vec<String> = origins.iter().map(|origin| format!("\"{origin}\"")).collect();
    let origins = origins.join(", ");
    environment.write(
        "host.toml",
        format!(
            "[network]\nproxy = \"{proxy}\"\n[tls]\nca = [\"ca.pem\"]\n[extractor.mirror]\nhttp = [{origins}]\n{more}"
        ),
    );
}

fn mirror(environment: &Environment, url: &str, more: &[&str]) -> Ran {
    environment.run("mirror", &[&["--param", &format!("url={url}")], more].concat())
}

/// What a proxy or an origin was asked, as `METHOD target`.
fn asked(origin: &Origin) -> Vec<String> {
    origin.asked().into_iter().map(|asked| format!("{} {}", asked.method, asked.target)).collect()
}

/// A server that shows a certificate of this authority for these names, and has a file.
fn secure(authority: &Authority, names: &[&str]) -> Origin {
    let origin = Origin::secure(authority.identity(names));
    origin.route("/a.csv", Reply::new(CSV).etag("\"one\""));
    origin
}

#[test]
fn http_is_asked_of_the_proxy_by_the_whole_url() {
    let (environment, proxy) = (environment(), Origin::start());
    let origins = ["http://data.example", "http://data.example:8080"];
    behind(&environment, &proxy.grant(), &Authority::new("A"), &origins, "");
    for origin in origins {
        proxy.route(&format!("{origin}/a.csv"), Reply::new(origin).etag("\"one\""));
        let url = format!("{origin}/a.csv?b=c");
        mirror(&environment, &url, &[]).exits(0);
        mirror(&environment, &url, &[]).exits(0);
        assert_eq!(asked(&proxy), vec![format!("GET {url}"); 2]);
        let log = proxy.asked();
        assert_eq!(log[0].header("host"), origin.strip_prefix("http://"));
        assert_eq!(log[1].header("if-none-match"), Some("\"one\""));
        let hop_by_hop = |name: &str| name.starts_with("proxy-");
        assert!(!log.iter().flat_map(|asked| &asked.headers).any(|(name, _)| hop_by_hop(name)), "{log:?}");
        proxy.forget();
    }
    assert_eq!(environment.paths().len(), 2);
}

#[test]
fn https_goes_through_a_tunnel_and_the_origin_has_to_prove_itself() {
    let authority = Authority::new("The tests' own");
    let (origin, proxy) = (secure(&authority, &[NAME]), Origin::start());
    for (place, target) in [(NAME, "data.example:443"), ("data.example:8443", "data.example:8443")] {
        let environment = environment();
        proxy.tunnel(target, &origin);
        behind(&environment, &proxy.grant(), &authority, &[&format!("https://{place}")], "");
        mirror(&environment, &format!("https://{place}/a.csv"), &[]).exits(0);
        assert_eq!(environment.landed().into_values().collect::<Vec<_>>(), [CSV.as_bytes()]);
        assert_eq!((asked(&proxy), asked(&origin)), (vec![format!("CONNECT {target}")], vec!["GET /a.csv".into()]));
        assert_eq!(
            proxy.asked()[0].headers,
            [("host".into(), target.into())],
            "the proxy learns no more than the place"
        );
        assert_eq!(origin.asked()[0].header("host"), Some(place));
        proxy.forget();
        origin.forget();
    }
}

#[test]
fn a_proxy_that_leads_elsewhere_or_listens_in_gets_nothing() {
    let authority = Authority::new("The tests' own");
    for (origin, says) in [
        (secure(&authority, &["other.example"]), "its certificate is for another name"),
        (secure(&authority, &["127.0.0.1", "localhost"]), "its certificate is for another name"),
        (secure(&Authority::new("The proxy's"), &[NAME]), "no CA that is trusted here has signed its certificate"),
        (Origin::start(), "what it says is not TLS"),
    ] {
        let (environment, proxy) = (environment(), Origin::start());
        match says {
            // An answer of its own behind that of the tunnel.
            "what it says is not TLS" => {
                let answer = "HTTP/1.1 200 Connected\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na,b\n";
                proxy.route("data.example:443", Reply::raw(answer));
            }
            _ => proxy.tunnel("data.example:443", &origin),
        }
        behind(&environment, &proxy.grant(), &authority, &["https://data.example"], "");
        let ran = mirror(&environment, "https://data.example/a.csv", &[]).exits(1);
        ran.says("TLS with data.example failed: ").says(says);
        assert_eq!((asked(&proxy), asked(&origin)), (vec!["CONNECT data.example:443".into()], Vec::new()));
        assert_eq!(environment.everything(), [""; 0]);
    }
}

#[test]
fn what_the_proxy_refuses_is_said_and_does_not_land() {
    let authority = Authority::new("The tests' own");
    let answer = |status: &str| Reply::raw(format!("HTTP/1.1 {status}\r\nContent-Length: 4\r\n\r\na,b\n"));
    let (environment, proxy) = (environment(), Origin::start());
    proxy.route("/a.csv", Reply::new(CSV));
    behind(&environment, &proxy.grant(), &authority, &["https://data.example", "http://data.example"], "");
    for (reply, times, says) in [
        (answer("407 Who are you"), 1, "the proxy refused: 407 Who are you"),
        (answer("403 No"), 1, "the proxy refused: 403 No"),
        (answer("404"), 1, "the proxy refused: 404"),
        (answer("101 Other"), 1, "the proxy refused: 101 Other"),
        (answer("500 Broken"), 1, "the proxy refused: 500 Broken"),
        (Reply::redirect(302, proxy.url("/a.csv")), 1, "the proxy refused: 302"),
        (answer("403 \x1b[31mred"), 1, "the proxy refused: 403 \\u{1b}[31mred"),
        (answer("503 Later"), 2, "the proxy refused: 503 Later"),
        (Reply::raw("220 mail.example ESMTP\r\n\r\n"), 1, "the proxy does not speak HTTP/1.1"),
        (Reply::raw([b'x'; 10_000]), 1, "the proxy's answer is longer than"),
        (Reply::raw("HTTP/1.1 200 Conn"), 2, "the proxy broke off"),
    ] {
        proxy.route("data.example:443", reply);
        let ran = mirror(&environment, "https://data.example/a.csv", &["--retries", "1"]).exits(1);
        ran.says("no way to data.example: ").says(says);
        assert_eq!(asked(&proxy), vec!["CONNECT data.example:443"; times], "{says}");
        proxy.forget();
    }
    proxy.route("http://data.example/a.csv", answer("407 Who are you"));
    mirror(&environment, "http://data.example/a.csv", &[]).exits(1).says("status 407");
    assert_eq!(asked(&proxy), ["GET http://data.example/a.csv"]);
    assert_eq!(environment.everything(), [""; 0]);
}

#[test]
fn a_proxy_that_says_nothing_is_not_waited_for() {
    let (environment, proxy, never) = (environment(), Origin::start(), Gate::default());
    behind(&environment, &proxy.grant(), &Authority::new("A"), &["https://data.example", "http://data.example"], "");
    for (scheme, target) in [("http", "http://data.example/a.csv"), ("https", "data.example:443")] {
        proxy.route(target, Reply::new(CSV).gated(&Gate::default(), &never));
        let url = format!("{scheme}://data.example/a.csv");
        mirror(&environment, &url, &["--retries", "0", "--idle-timeout", "200ms"]).exits(1).says("within 200ms");
    }
    assert_eq!((proxy.asked().len(), environment.everything()), (2, Vec::new()));
    never.open();
}

#[test]
fn a_proxy_that_is_not_there_is_said() {
    let (environment, authority) = (environment(), Authority::new("The tests' own"));
    for scheme in ["http", "https"] {
        let origin = format!("{scheme}://data.example");
        // Nobody has listened on port 1 for decades, and no test is given it.
        behind(&environment, "http://127.0.0.1:1", &authority, &[&origin], "");
        let ran = mirror(&environment, &format!("{origin}/a.csv"), &["--retries", "0"]).exits(1);
        ran.says("cannot connect to the proxy: Connection refused");
    }
    for wrong in ["https://proxy.example", "socks5://127.0.0.1:1", "http://me:pass@127.0.0.1:1", "127.0.0.1:1"] {
        behind(&environment, wrong, &authority, &["http://data.example"], "");
        let ran = mirror(&environment, "http://data.example/a.csv", &[]).exits(2).says("line 2: ");
        assert!(
            ran.stderr.contains(if wrong.contains('@') { "no password" } else { "is not a proxy such as" }),
            "{ran:?}"
        );
        assert!(!ran.stderr.contains("me:pass"), "{ran:?}");
    }
}

#[test]
fn what_is_on_this_machine_is_asked_directly() {
    let authority = Authority::new("The tests' own");
    let (open, closed, proxy) = (Origin::start(), secure(&authority, &["127.0.0.1", "localhost"]), Origin::start());
    open.route("/a.csv", Reply::new(CSV));
    for origin in [&open, &closed] {
        for name in ["127.0.0.1", "localhost"] {
            let (environment, origin) = (environment(), origin.named(name));
            behind(&environment, &proxy.grant(), &authority, &[&origin], "");
            mirror(&environment, &format!("{origin}/a.csv"), &[]).exits(0);
            assert_eq!(environment.paths().len(), 1);
        }
    }
    assert_eq!((open.asked().len(), closed.asked().len(), proxy.connections()), (2, 2, 0));
}

#[test]
fn the_grants_hold_as_without_a_proxy() {
    let authority = Authority::new("The tests' own");
    let (environment, near) = (environment(), Origin::start());
    let (proxy, origin) = (Origin::start(), secure(&authority, &[NAME]));
    near.route("/a.csv", Reply::new(CSV));
    proxy.tunnel("data.example:443", &origin);
    let granted = ["http://data.example", "https://data.example"];
    behind(&environment, &proxy.grant(), &authority, &granted, "");
    // Neither an origin nor the proxy itself is open because there is a proxy.
    for url in ["http://other.example/a.csv", "http://data.example:81/a.csv", &proxy.url("/a.csv")] {
        mirror(&environment, url, &[]).exits(77).says("is not granted");
    }
    assert_eq!((proxy.connections(), origin.connections()), (0, 0));
    for (from, to, code, says) in [
        ("http", "http://other.example/a.csv", 77, "http://other.example is not granted (redirect 1"),
        ("https", "https://other.example/a.csv", 77, "https://other.example is not granted (redirect 1"),
        ("https", "http://data.example/a.csv", 1, "https never redirects to http"),
        ("http", &near.url("/a.csv"), 77, "is not granted (redirect 1"),
        ("https", &near.url("/a.csv"), 1, "https never redirects to http"),
    ] {
        proxy.route("http://data.example/go", Reply::redirect(302, to));
        origin.route("/go", Reply::redirect(302, to));
        mirror(&environment, &format!("{from}://data.example/go"), &[]).exits(code).says(says);
    }
    let away = |asked: &String| !asked.ends_with(" http://data.example/go") && asked != "CONNECT data.example:443";
    assert!(!asked(&proxy).iter().any(away), "{:?}", asked(&proxy));
    assert_eq!((near.connections(), environment.everything()), (0, Vec::new()));
    // From http to https there is a way, through the tunnel.
    proxy.route("http://data.example/go", Reply::redirect(302, "https://data.example/a.csv"));
    mirror(&environment, "http://data.example/go", &[]).exits(0);
    assert_eq!(environment.landed().into_values().collect::<Vec<_>>(), [CSV.as_bytes()]);
}

#[test]
fn a_secret_passes_the_proxy_unseen() {
    let authority = Authority::new("The tests' own");
    let (proxy, origin) = (Origin::start(), secure(&authority, &[NAME]));
    proxy.tunnel("data.example:443", &origin);
    let run = |place: &str, origins: &str, code: i32| {
        let environment = environment();
        let secret = format!("[extractor.mirror.secret.token]\nfrom = {{ env = \"TOKEN\" }}\nas = {place}\n");
        let granted = ["https://data.example", "http://data.example"];
        behind(&environment, &proxy.grant(), &authority, &granted, &format!("{secret}origins = [\"{origins}\"]\n"));
        let arguments = ["--param", "url=https://data.example/a.csv", "--param", "secret=token"];
        let mut command = environment.run_command("mirror", &arguments);
        Ran::new(command.env("TOKEN", "hush-hush-42").output().expect("the program")).exits(code)
    };
    run("\"bearer\"", "https://data.example", 0);
    run("{ query = \"key\" }", "https://data.example", 0);
    let seen = origin.asked();
    assert_eq!((seen[0].header("authorization"), seen[0].target.as_str()), (Some("Bearer hush-hush-42"), "/a.csv"));
    assert_eq!(seen[1].target, "/a.csv?key=hush-hush-42");
    let told = format!("{:?}", proxy.asked());
    assert!(!told.contains("hush") && !told.contains("authorization"), "{told}");
    let carried = proxy.carried();
    assert!(carried.len() > 500 && !carried.windows(4).any(|part| part == b"hush"));
    // By http the proxy would read it.
    proxy.forget();
    run("\"bearer\"", "http://data.example", 2).says("may not travel in the open");
    assert_eq!(proxy.asked(), []);
}

#[test]
fn variables_name_no_proxy_and_take_none_away() {
    let authority = Authority::new("The tests' own");
    let (wrong, proxy, near) = (Origin::start(), Origin::start(), Origin::start());
    let closed = secure(&authority, &["127.0.0.1", NAME]);
    near.route("/a.csv", Reply::new(CSV));
    proxy.route("http://data.example/a.csv", Reply::new(CSV));
    proxy.tunnel("data.example:443", &closed);
    let run = |environment: &Environment, url: &str| {
        let mut command = environment.run_command("mirror", &["--param", &format!("url={url}")]);
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "FTP_PROXY"] {
            command.env(name, wrong.grant());
        }
        command.env("NO_PROXY", "*").env("no_proxy", "*");
        Ran::new(command.output().expect("the program")).exits(0)
    };
    for url in [near.url("/a.csv"), closed.url("/a.csv")] {
        let environment = environment();
        let origins = format!("[\"{}\", \"{}\"]", near.grant(), closed.grant());
        environment.write("ca.pem", authority.pem());
        environment.write("host.toml", format!("tls.ca = [\"ca.pem\"]\n[extractor.mirror]\nhttp = {origins}\n"));
        run(&environment, &url);
    }
    for origin in ["http://data.example", "https://data.example"] {
        let environment = environment();
        behind(&environment, &proxy.grant(), &authority, &[origin], "");
        run(&environment, &format!("{origin}/a.csv"));
    }
    assert_eq!((near.asked().len(), closed.asked().len(), proxy.asked().len()), (1, 2, 2));
    assert_eq!(wrong.connections(), 0);
}

#[test]
fn no_component_speaks_to_the_proxy_itself() {
    let (environment, proxy) = (environment(), Origin::start());
    behind(
        &environment,
        &proxy.grant(),
        &Authority::new("A"),
        &[],
        "[extractor.probe]\nhttp = [\"http://data.example\"]\n",
    );
    proxy.route("http://data.example/a", Reply::new("a"));
    let ask = |url: &str, method: &str, field: &str, value: &str| {
        let params = [format!("url={url}"), format!("how={method}"), format!("name={field}"), format!("text={value}")];
        let params: Vec<&str> = params.iter().flat_map(|param| ["--param", param]).collect();
        environment.run("probe", &[&["--param", "do=odd"], &params[..]].concat())
    };
    let url = "http://data.example/a";
    for method in
        ["CONNECT", "connect", "TRACE", "Trace", "GET http://evil.example/ HTTP/1.1\r\nX:", "", " GET", "GET\n"]
    {
        ask(url, method, "x-a", "b").exits(1).says("the request is malformed");
    }
    for field in [
        "Proxy-Authorization",
        "proxy-connection",
        "proxy-authenticate",
        "Host",
        "connection",
        "keep-alive",
        "upgrade",
        "te",
        "trailer",
        "transfer-encoding",
        "content-length",
        "expect",
        "proxy-authorization ",
        "x\r\nproxy-authorization",
        "x:y",
    ] {
        ask(url, "GET", field, "b").exits(1).says("the request is malformed");
    }
    for value in ["b\r\nproxy-authorization: Basic eA==", "b\nc", "b\rc", "b\u{7f}c"] {
        ask(url, "GET", "x-a", value).exits(1).says("the request is malformed");
    }
    // Nor is anything asked of the proxy under its own name.
    ask("http://data.example@evil.example/", "GET", "x-a", "b").exits(1).says("carries a user name or password");
    for url in [&proxy.url("/"), "http://data.example:3128/", "http://evil.example/"] {
        ask(url, "GET", "x-a", "b").exits(77);
    }
    assert_eq!(asked(&proxy), Vec::<String>::new());
    // What a URL holds beside characters of URLs is escaped.
    proxy.route("http://data.example/a%20HTTP/1.1%0D%0AX:%20y", Reply::new("a"));
    ask("http://data.example/a HTTP/1.1%0D%0AX: y", "GET", "x-a", "b").exits(0);
    ask(url, "PURGE", "x-a", "b").exits(0);
    assert_eq!(asked(&proxy), ["GET http://data.example/a%20HTTP/1.1%0D%0AX:%20y", "PURGE http://data.example/a"]);
}
