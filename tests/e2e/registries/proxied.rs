//! A registry behind the proxy of `host.toml`: what it hears, what it does not, and what is asked without it.

use harness::registry::{REPOSITORY, Scripted, auths, digest};
use harness::{Authority, Gate, Origin, Reply, guest};

use super::{Place, mirror};

/// No resolver knows it.
const NAME: &str = "registry.example";

/// A registry that shows a certificate for a name, and a proxy that leads there.
struct Behind {
    place: Place,
    proxy: Origin,
    scripted: Scripted,
    authority: Authority,
}

impl Behind {
    fn new() -> Self {
        let authority = Authority::new("tests");
        let scripted = Scripted::at(Origin::secure(authority.identity(&[NAME])), mirror());
        let (place, proxy) = (Place::new(), Origin::start());
        proxy.tunnel("registry.example:443", &scripted.origin);
        let behind = Self { place, proxy, scripted, authority };
        behind.configure("");
        behind
    }

    fn configure(&self, more: &str) {
        self.place.environment.write("ca.pem", self.authority.pem());
        // By a name, so that what it resolves to could be taken for the registry's.
        let proxy = self.proxy.grant().replace("127.0.0.1", "localhost");
        let text = format!("[network]\nproxy = \"{proxy}\"\n[tls]\nca = [\"ca.pem\"]\n{more}");
        self.place.environment.write("host.toml", text);
    }

    /// What the proxy was asked, as `METHOD target`.
    fn asked(&self) -> Vec<String> {
        self.proxy.asked().into_iter().map(|asked| format!("{} {}", asked.method, asked.target)).collect()
    }
}

fn reference() -> String {
    format!("oci://{NAME}/{REPOSITORY}:1")
}

#[test]
fn a_registry_is_asked_through_the_proxy_which_hears_no_more_than_its_name() {
    let behind = Behind::new();
    let (place, scripted) = (&behind.place, &behind.scripted);
    let depot = Origin::secure(behind.authority.identity(&["depot.example"]));
    depot.route("/blob", Reply::new(scripted.component.clone()));
    behind.proxy.tunnel("depot.example:8443", &depot);
    let wants = Reply::status(401).header("WWW-Authenticate", "Basic realm=\"x\"");
    let manifest = scripted.path("manifests/1");
    scripted.origin.script(&manifest, [wants, Reply::new(scripted.manifest.clone())]);
    scripted.origin.route(&scripted.blob(), Reply::redirect(307, "https://depot.example:8443/blob?signed=s3cret"));
    place.environment.write("home/.docker/config.json", auths(NAME, "me", "s3cret"));
    place.host(&["pull", &reference()]).exits(0);
    place.run(&reference()).exits(0);
    assert_eq!(behind.asked(), ["CONNECT registry.example:443", "CONNECT depot.example:8443"]);
    for asked in behind.proxy.asked() {
        assert_eq!(asked.headers, [("host".to_owned(), asked.target.clone())]);
    }
    let carried = String::from_utf8_lossy(&behind.proxy.carried()).into_owned();
    assert!(!carried.contains("HTTP/1.1") && !carried.contains("acme"), "it is encrypted");
    assert!(scripted.origin.asked().iter().any(|asked| asked.header("authorization").is_some()));
    assert!(depot.asked().iter().all(|asked| asked.header("authorization").is_none()));

    // What is pushed takes the same way.
    behind.proxy.forget();
    let file = guest("mirror");
    let pushed = format!("oci://{NAME}/{REPOSITORY}:2");
    scripted.origin.route(&scripted.blob(), Reply::status(200));
    let uploads = Reply::status(202).header("Location", "/upload");
    scripted.origin.route(&scripted.path("blobs/uploads/"), uploads);
    scripted.origin.route("/upload", Reply::status(201));
    scripted.origin.script(&scripted.path("manifests/2"), [Reply::status(404), Reply::status(201)]);
    place.host(&["push", file.to_str().expect("a path in UTF-8"), &pushed]).exits(0);
    assert!(behind.asked().iter().all(|asked| asked == "CONNECT registry.example:443"), "{:?}", behind.asked());
}

#[test]
fn one_that_is_asked_plainly_is_asked_of_the_proxy_by_the_whole_url() {
    let (place, proxy) = (Place::new(), Origin::start());
    let scripted = Scripted::start(mirror());
    let text = format!("[network]\nproxy = \"{}\"\n[registry.\"{NAME}\"]\nplain-http = true\n", proxy.grant());
    place.environment.write("host.toml", text);
    let url = |path: &str| format!("http://{NAME}{path}");
    proxy.route(&url(&scripted.path("manifests/1")), Reply::new(scripted.manifest.clone()));
    proxy.route(&url(&scripted.blob()), Reply::new(scripted.component.clone()));
    place.host(&["pull", &reference()]).exits(0);
    let asked: Vec<String> = proxy.asked().into_iter().map(|asked| asked.target).collect();
    assert_eq!(asked, [url(&scripted.path("manifests/1")), url(&scripted.blob())]);
    assert_eq!(proxy.asked()[0].header("host"), Some(NAME));
}

#[test]
fn what_is_on_this_machine_is_not_behind_the_proxy() {
    let (scripted, place, proxy) = (Scripted::start(mirror()), Place::new(), Origin::start());
    place.environment.write("host.toml", format!("[network]\nproxy = \"{}\"\n", proxy.grant()));
    place.host(&["pull", &scripted.tagged()]).exits(0);
    assert_eq!(proxy.connections(), 0);
    // It leads on through it.
    let other = Place::new();
    other.environment.write("host.toml", format!("[network]\nproxy = \"{}\"\n", proxy.grant()));
    scripted.origin.route(&scripted.blob(), Reply::redirect(307, "https://depot.example/blob"));
    other.host(&["pull", &scripted.tagged()]).exits(1).says("no way to depot.example: the proxy refused: 404");
}

#[test]
fn a_registry_behind_the_proxy_leads_nowhere_near_this_machine() {
    let behind = Behind::new();
    let near = Origin::secure(behind.authority.identity(&["127.0.0.1", "localhost"]));
    let blob = behind.scripted.blob();
    for (location, says) in [
        (near.url("/blob"), "a registry may not lead to 127.0.0.1 (loopback)"),
        (near.url("/blob").replace("127.0.0.1", "localhost"), "a registry may not lead to"),
        ("https://192.168.7.1/x".to_owned(), "a registry may not lead to 192.168.7.1 (private)"),
        ("https://169.254.169.254/x".to_owned(), "a registry may not lead to 169.254.169.254 (link-local)"),
        ("http://depot.example/x".to_owned(), "it is not encrypted (http://depot.example)"),
    ] {
        behind.scripted.origin.route(&blob, Reply::redirect(307, location));
        behind.place.host(&["pull", &reference()]).exits(1).says(says);
    }
    assert_eq!(near.connections(), 0);
    assert!(behind.asked().iter().all(|asked| asked == "CONNECT registry.example:443"), "{:?}", behind.asked());
}

#[test]
fn what_the_proxy_refuses_is_said_and_asked_again_where_that_may_help() {
    let behind = Behind::new();
    let place = &behind.place;
    let other = format!("oci://other.example/{REPOSITORY}@{}", digest(&behind.scripted.manifest));
    let answer = |line: &str| Reply::raw(format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
    for (reply, times, says) in [
        (answer("407 Who are you"), 1, "no way to other.example: the proxy refused: 407 Who are you"),
        (answer("403 \x1b[31mred"), 1, "the proxy refused: 403 \\u{1b}[31mred"),
        (answer("503 Later"), 4, "the proxy refused: 503 Later"),
        (Reply::raw("220 mail.example ESMTP\r\n\r\n"), 1, "the proxy does not speak HTTP/1.1"),
        (Reply::raw([b'x'; 10_000]), 1, "the proxy's answer is longer than"),
        (Reply::raw("HTTP/1.1 200 Conn"), 4, "cannot connect to other.example: the proxy broke off"),
    ] {
        behind.proxy.route("other.example:443", reply);
        behind.proxy.forget();
        place.host(&["pull", &other]).exits(1).says(says);
        assert_eq!(behind.asked(), vec!["CONNECT other.example:443"; times], "{says}");
    }
    // One that says nothing is not waited for.
    behind.configure("[registry.\"other.example\"]\ntimeout = \"1s\"\n");
    behind.proxy.route("other.example:443", Reply::new("").gated(&Gate::default(), &Gate::default()));
    behind.proxy.forget();
    place.host(&["pull", &other]).exits(1).says("other.example did not answer within 1 s");
    assert_eq!(behind.asked(), ["CONNECT other.example:443"]);
    behind.configure("");
    // One that leads elsewhere gets nothing.
    let elsewhere = Origin::secure(behind.authority.identity(&["elsewhere.example"]));
    behind.proxy.tunnel("other.example:443", &elsewhere);
    place.host(&["pull", &other]).exits(1).says("cannot connect to other.example");
    assert_eq!(elsewhere.asked(), []);
    // Port 1 has nobody on it.
    place.environment.write("host.toml", "[network]\nproxy = \"http://127.0.0.1:1\"\n");
    place
        .host(&["pull", &other])
        .exits(1)
        .says("cannot connect to other.example: no way to the proxy: Connection refused");
}
