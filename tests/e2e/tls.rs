//! Https: what is trusted, and what is not. A test of a refusal also shows that no request arrived.

use harness::{Authority, Environment, Gate, Identity, Origin, Part, Ran, Reply, certificate, reply::LINE};

use crate::environment;

const CSV: &str = "city,courts\nMalaga,41\n";
const HERE: &[&str] = &["127.0.0.1", "localhost"];

/// `host.toml` and `ca.pem`: the extractor `mirror` may ask these origins, and this CA is trusted.
fn trusting(environment: &Environment, authority: &Authority, origins: &[&str], more: &str) {
    environment.write("ca.pem", authority.pem());
    let origins: Vec<String> = origins.iter().map(|origin| format!("\"{origin}\"")).collect();
    let origins = origins.join(", ");
    environment.write("host.toml", format!("[tls]\nca = [\"ca.pem\"]\n[extractor.mirror]\nhttp = [{origins}]\n{more}"));
}

fn mirror(environment: &Environment, url: &str, more: &[&str]) -> Ran {
    environment.run("mirror", &[&["--param", &format!("url={url}")], more].concat())
}

/// A server that shows a certificate and has a file.
fn serving(identity: Identity) -> Origin {
    let origin = Origin::secure(identity);
    origin.route("/a.csv", Reply::new(CSV));
    origin
}

#[test]
fn it_lands_over_https_where_the_ca_is_trusted() {
    let authority = Authority::new("The tests' own");
    let below = authority.below("A department's", true);
    for identity in [authority.identity(HERE), authority.identity(HERE).old(), below.identity(HERE)] {
        let origin = serving(identity);
        for name in HERE {
            let environment = environment();
            trusting(&environment, &authority, &[&origin.named(name)], "");
            let url = format!("{}/a.csv", origin.named(name));
            mirror(&environment, &url, &[]).exits(0);
            assert_eq!(environment.landed().into_values().collect::<Vec<_>>(), [CSV.as_bytes()]);
            assert_eq!(environment.query("SELECT url FROM landed_files"), [url]);
            let host = format!("{name}:{}", origin.grant().rsplit(':').next().expect("a port"));
            assert_eq!(origin.asked()[0].header("host"), Some(host.as_str()));
            assert_eq!(origin.asked().len(), 1);
            origin.forget();
        }
    }
}

#[test]
fn a_certificate_that_the_operator_lists_needs_no_ca() {
    let identity = Identity::self_signed(HERE);
    let (environment, pem) = (environment(), identity.pem());
    let origin = serving(identity);
    origin.route("/a.csv", Reply::lines(50_000));
    trusting(&environment, &Authority::new("The tests' own"), &[&origin.grant()], "");
    mirror(&environment, &origin.url("/a.csv"), &[]).exits(1).says("no CA that is trusted here");
    environment.write("ca.pem", pem);
    mirror(&environment, &origin.url("/a.csv"), &[]).exits(0);
    assert_eq!(environment.landed().into_values().map(|content| content.len()).collect::<Vec<_>>(), [50_000 * LINE]);
}

#[test]
fn a_certificate_that_does_not_hold_is_refused() {
    let authority = Authority::new("The tests' own");
    let unsigned = "no CA that is trusted here has signed its certificate";
    let elsewhere = "its certificate is for another name";
    for (what, identity, name, says) in [
        ("an unknown CA", Authority::new("Somebody's").identity(HERE), "127.0.0.1", unsigned),
        ("another CA of that name", Authority::new("The tests' own").identity(HERE), "127.0.0.1", "signature"),
        ("no CA", Identity::self_signed(HERE), "127.0.0.1", unsigned),
        ("a CA that may not sign", authority.below("No CA", false).identity(HERE), "127.0.0.1", "is not a CA"),
        ("a CA itself", Identity::self_signed_as_ca(HERE), "127.0.0.1", "a CA's own"),
        ("the past", authority.identity_in(HERE, 2000..=2001), "127.0.0.1", "its certificate has expired"),
        ("the future", authority.identity_in(HERE, 2900..=2999), "127.0.0.1", "its certificate is not valid yet"),
        ("another name", authority.identity(&["data.example"]), "localhost", elsewhere),
        ("a name below", authority.identity(&["*.localhost", "127.0.0.1"]), "localhost", elsewhere),
        ("another address", authority.identity(&["127.0.0.2"]), "127.0.0.1", elsewhere),
        ("a name for an address", authority.identity(&["localhost"]), "127.0.0.1", elsewhere),
        ("an address for a name", authority.identity(&["127.0.0.1"]), "localhost", elsewhere),
        ("no name at all", authority.identity(&[]), "localhost", elsewhere),
    ] {
        let (environment, origin) = (environment(), serving(identity));
        trusting(&environment, &authority, &[&origin.named(name)], "");
        let ran = mirror(&environment, &format!("{}/a.csv", origin.named(name)), &[]).exits(1);
        let at = origin.named(name).replace("https://", "TLS with ");
        assert!(ran.stderr.contains(&format!("{at} failed: ")) && ran.stderr.contains(says), "{what}: {ran:?}");
        assert_eq!(origin.asked(), [], "{what}");
        assert_eq!(environment.everything(), [""; 0], "{what}");
        assert_eq!(origin.connections(), 1, "{what} does not get better by asking again");
    }
}

#[test]
fn a_file_of_cas_that_cannot_be_used_is_said_before_anything_starts() {
    let authority = Authority::new("The tests' own");
    let origin = serving(authority.identity(HERE));
    let whole = authority.pem();
    let cut = &whole[..whole.len() / 2];
    for (content, says) in [
        (None, "No such file"),
        (Some(String::new()), "there is no certificate in it"),
        (Some(whole.replace("CERTIFICATE", "PUBLIC KEY")), "there is no certificate in it"),
        (Some(cut.to_owned()), "it is not a whole PEM file"),
        (Some(whole.replacen("MII", "M!I", 1)), "it is not a whole PEM file"),
        (Some(format!("{whole}{}", certificate::pem(b"no certificate"))), "its certificate 2 cannot be read"),
    ] {
        let environment = environment();
        trusting(&environment, &authority, &[&origin.grant()], "");
        match content {
            Some(content) => drop(environment.write("ca.pem", content)),
            None => std::fs::remove_file(environment.path().join("ca.pem")).expect("a file"),
        }
        let ran = mirror(&environment, &origin.url("/a.csv"), &[]).exits(2);
        ran.says("cannot use the CAs in ca.pem: ").says(says).says("`ca` under [tls] in host.toml names them");
        assert!(!environment.landing().exists());
    }
    assert_eq!(origin.connections(), 0);
}

#[test]
fn what_is_not_tls_is_refused() {
    // A ServerHello of TLS 1.1 (RFC 4346, 7.4.1.3), and the alert of a server that knows nothing newer.
    const HELLO_1_1: &[u8] =
        b"\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02012345678901234567890123456789AB\x00\x00\x2f\x00";
    const TOO_NEW: &[u8] = b"\x15\x03\x02\x00\x02\x02\x46";
    let authority = Authority::new("The tests' own");
    for (bytes, says) in [
        (HELLO_1_1, "peer is incompatible"),
        (TOO_NEW, "received fatal alert: ProtocolVersion"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "what it says is not TLS"),
        (b"\x00\xff\x00\xff\x00\xff\x00\xff", "what it says is not TLS"),
        (b"", "failed: "),
    ] {
        let (environment, origin) = (environment(), Origin::babbling(bytes));
        trusting(&environment, &authority, &[&origin.grant()], "");
        mirror(&environment, &origin.url("/a.csv"), &["--retries", "0"])
            .exits(1)
            .says("TLS with 127.0.0.1:")
            .says(says);
        assert_eq!(environment.everything(), [""; 0]);
        assert_eq!(origin.connections(), 1);
    }
}

#[test]
fn a_body_that_is_cut_off_does_not_land() {
    let authority = Authority::new("The tests' own");
    let whole = |reply: Reply| (reply, true);
    let cut = |reply: Reply| (reply, false);
    let chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na,b\n\r\n";
    for (number, (reply, lands)) in [
        whole(Reply::new(CSV)),
        whole(Reply::new(CSV).unannounced()),
        whole(Reply::new(CSV).chunked()),
        whole(Reply::raw(format!("{chunks}0\r\n\r\n")).unannounced()),
        whole(Reply::new(CSV).gzipped().unannounced()),
        // With `unframed` only the word of TLS tells the end from an attacker's cut (RFC 9112, 9.8).
        whole(Reply::new(CSV).unframed()),
        cut(Reply::new(CSV).unframed().unannounced()),
        cut(Reply::new(CSV).cut_after(5)),
        cut(Reply::new(CSV).cut_after(5).unannounced()),
        cut(Reply::raw(chunks)),
        cut(Reply::raw(chunks).unannounced()),
        cut(Reply::raw(format!("{chunks}0\r\n")).unannounced()),
        cut(Reply::new(CSV).gzipped().cut_after(9).unannounced()),
        cut(Reply::new(CSV).cut_after(5).reset()),
        cut(Reply::raw("HTTP/1.1 200 OK\r\nContent-Le").unannounced()),
    ]
    .into_iter()
    .enumerate()
    {
        let (environment, origin) = (environment(), Origin::secure(authority.identity(HERE)));
        origin.route("/a.csv", reply);
        trusting(&environment, &authority, &[&origin.grant()], "unframed = true\n");
        for act in ["mirror", "fetch", "land"] {
            let arguments = ["--name", "mirror", "--retries", "0", "--param", &format!("do={act}"), "--param"];
            let url = format!("url={}", origin.url("/a.csv"));
            let ran = environment.run("probe", &[&arguments[..], &[&url]].concat());
            ran.exits(if lands { 0 } else { 1 });
        }
        assert_eq!(environment.paths().is_empty(), !lands, "number {number}");
        assert_eq!(environment.everything().is_empty(), !lands, "number {number}");
    }
}

#[test]
fn a_redirect_keeps_to_https_and_checks_each_certificate() {
    let authority = Authority::new("The tests' own");
    let (origin, other) = (serving(authority.identity(HERE)), serving(authority.identity(HERE)));
    let (open, false_one) = (Origin::start(), serving(Authority::new("Somebody's").identity(HERE)));
    open.route("/a.csv", Reply::new(CSV));
    origin.route("/up", Reply::redirect(302, other.url("/a.csv")));
    origin.route("/down", Reply::redirect(302, open.url("/a.csv")));
    origin.route("/away", Reply::redirect(302, false_one.url("/a.csv")));
    let granted = [origin.grant(), other.grant(), open.grant(), false_one.grant()];
    let environment = environment();
    trusting(&environment, &authority, &granted.each_ref().map(String::as_str), "");
    mirror(&environment, &origin.url("/down"), &[]).exits(1).says("https never redirects to http");
    mirror(&environment, &origin.url("/away"), &[]).exits(1).says("no CA that is trusted here");
    assert_eq!((open.asked(), false_one.asked()), (Vec::new(), Vec::new()));
    assert_eq!(environment.everything(), [""; 0]);
    mirror(&environment, &origin.url("/up"), &[]).exits(0);
    assert_eq!((other.asked().len(), environment.paths().len()), (1, 1));
}

#[test]
fn a_way_down_to_http_and_faults_of_tls_change_nothing_for_a_body_that_streams() {
    let authority = Authority::new("The tests' own");
    let open = Origin::start();
    open.route("/a.csv", Reply::new(CSV));
    let down = || Reply::redirect(302, open.url("/a.csv"));
    let cut = "HTTP/1.1 302 Found\r\nContent-Length: 99\r\nLocation: ";
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\ncity";
    for how in ["stream", "land", "fetch", "mirror"] {
        let (environment, origin) = (environment(), Origin::secure(authority.identity(HERE)));
        let (begun, hold) = (Gate::default(), Gate::default());
        // One body is on its way all the while.
        let first = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", CSV.len(), &CSV[..5]);
        let steps = vec![Part::Bytes(first.into()), Part::Open(begun.clone()), Part::Hold(hold.clone())];
        origin.route("/0", Reply::parts([steps, vec![Part::Bytes(CSV[5..].into())]].concat()));
        let faults = [
            down(),
            down().unannounced(),
            down().header("Connection", "close").reset(),
            Reply::raw(format!("{cut}{}\r\n\r\nhalf", open.url("/a.csv"))).reset(),
            Reply::raw(format!("{cut}{}\r\n\r\n", open.url("/a.csv"))).unannounced(),
            Reply::raw(format!("{cut}{}", open.url("/a.csv"))).unannounced(),
            Reply::raw(half).unannounced(),
            Reply::raw(half).reset(),
        ];
        // Each on a server of its own: what is asked over a connection that is about to close may never arrive.
        let origins: Vec<Origin> = faults
            .into_iter()
            .map(|fault| {
                let origin = Origin::secure(authority.identity(HERE));
                origin.route("/fault", fault);
                origin
            })
            .collect();
        let grants: Vec<String> = origins.iter().chain([&origin, &open]).map(Origin::grant).collect();
        trusting(&environment, &authority, &grants.iter().map(String::as_str).collect::<Vec<_>>(), "");
        let mut urls = vec![origin.url("/0")];
        urls.extend(origins.iter().map(|origin| origin.url("/fault")));
        let (how, url) = (format!("how={how}"), format!("url={}", urls.join(" ")));
        let fixed = ["-v", "--name", "mirror", "--retries", "0", "--param", "do=each", "--param", "count=20"];
        let mut running = environment.spawn("probe", &[&fixed[..], &["--param", &how, "--param", &url]].concat());
        assert!(begun.wait());
        while origins.iter().any(|origin| origin.asked().is_empty()) {
            assert!(running.try_wait().expect("the program").is_none(), "{how}: it ended");
            std::thread::yield_now();
        }
        hold.open();
        let ran = Ran::new(running.wait_with_output().expect("the program")).exits(0);
        assert_eq!(environment.landed().into_values().collect::<Vec<_>>(), [CSV.as_bytes()], "{how}");
        assert_eq!(environment.everything().len(), 1, "{how}");
        let failed = ran.stderr.lines().filter(|line| line.contains(" failed: ")).count();
        assert_eq!(failed, origins.len(), "{how}: {}", ran.stderr);
        assert_eq!(open.asked(), [], "{how}");
    }
}

#[test]
fn a_secret_goes_over_https_and_to_nobody_else() {
    let authority = Authority::new("The tests' own");
    for (identity, code) in [(authority.identity(HERE), 0), (Identity::self_signed(HERE), 1)] {
        let (environment, origin) = (environment(), serving(identity));
        let grant = origin.grant();
        let secret = "[extractor.mirror.secret.token]\nfrom = { env = \"TOKEN\" }\nas = \"bearer\"\n";
        trusting(&environment, &authority, &[&grant], &format!("{secret}origins = [\"{grant}\"]\n"));
        let url = format!("url={}", origin.url("/a.csv"));
        let mut command = environment.run_command("mirror", &["--param", &url, "--param", "secret=token", "-vv"]);
        let ran = Ran::new(command.env("TOKEN", "hush-hush-42").output().expect("the program")).exits(code);
        assert!(!format!("{ran:?}").contains("hush"), "{ran:?}");
        let sent: Vec<_> =
            origin.asked().iter().map(|asked| asked.header("authorization") == Some("Bearer hush-hush-42")).collect();
        assert_eq!(sent, if code == 0 { vec![true] } else { Vec::new() });
    }
}

#[test]
fn the_operators_environment_may_name_the_roots_and_cannot_turn_them_off() {
    let (authority, other) = (Authority::new("The tests' own"), Authority::new("Somebody's"));
    let origin = serving(authority.identity(HERE));
    let environment = environment();
    environment.write("ca.pem", authority.pem());
    environment.write("other.pem", other.pem());
    environment.write("certificates/ca.pem", authority.pem());
    let asked = |variables: &[(&str, &str)]| {
        let url = format!("url={}", origin.url("/a.csv"));
        let mut command = environment.run_command("mirror", &["--allow-http", &origin.grant(), "--param", &url]);
        Ran::new(command.envs(variables.iter().copied()).output().expect("the program"))
    };
    let off = [
        ("NODE_TLS_REJECT_UNAUTHORIZED", "0"),
        ("PYTHONHTTPSVERIFY", "0"),
        ("GIT_SSL_NO_VERIFY", "1"),
        ("SSL_NO_VERIFY", "1"),
        ("SSL_VERIFY", "false"),
        ("SSL_CERT_FILE", "other.pem"),
    ];
    asked(&off).exits(1).says("no CA that is trusted here has signed its certificate");
    asked(&[("SSL_CERT_FILE", "none.pem")]).exits(1).says("no root certificates for https").says("none.pem");
    assert_eq!(origin.asked(), []);
    asked(&[("SSL_CERT_FILE", "ca.pem")]).exits(0);
    // Where the variable names others, those of host.toml are trusted beside them.
    environment.write("host.toml", "[tls]\nca = [\"ca.pem\"]\n");
    asked(&[("SSL_CERT_FILE", "other.pem")]).exits(0);
    asked(&[("SSL_CERT_FILE", "none.pem")]).exits(0);
    assert_eq!(origin.asked().len(), 3);
    for flag in ["--insecure", "--no-verify", "--no-check-certificate"] {
        mirror(&environment, &origin.url("/a.csv"), &[flag]).exits(2).says("unexpected argument");
    }
}

#[test]
fn a_client_certificate_is_shown_where_the_operator_says_and_nowhere_else() {
    let (authority, clients) = (Authority::new("The tests' own"), Authority::new("Clients"));
    let (client, stranger) = (clients.identity(&["extractor"]), Authority::new("Strangers").identity(&["extractor"]));
    let origin = Origin::secure_for(authority.identity(HERE), &clients);
    origin.route("/a.csv", Reply::new(CSV));
    let url = origin.url("/a.csv");
    let place = |chain: String, key: String, at: &str, more: &str| {
        let environment = environment();
        environment.write("client.pem", chain);
        environment.write("client.key", key);
        let table = format!(
            "[[extractor.mirror.client-certificate]]\norigin = \"{at}\"\nchain = {{ file = \"client.pem\" }}\n\
             key = {{ file = \"client.key\" }}\n{more}"
        );
        trusting(&environment, &authority, &[&origin.grant()], &table);
        environment
    };
    let good = || (client.chain_pem(), client.key_pem());
    let (chain, key) = good();
    let environment = place(chain, key, &origin.grant(), "");
    mirror(&environment, &url, &[]).exits(0);
    assert_eq!(origin.asked().len(), 1);
    origin.forget();
    // A server that wants none gets none of it; one of another origin does not get this one.
    let other = serving(authority.identity(HERE));
    let (chain, key) = good();
    let environment = place(chain, key, &other.grant(), "");
    // What the server says of it may be lost where the connection ends while the request is being sent.
    mirror(&environment, &url, &["--retries", "0"]).exits(1).says(&url);
    // Nor is one enough that somebody else signed.
    let environment = place(stranger.chain_pem(), stranger.key_pem(), &origin.grant(), "");
    mirror(&environment, &url, &["--retries", "0"]).exits(1).says(&url);
    assert!(origin.asked().is_empty());
    let (chain, key) = good();
    for (chain, key, at, says) in [
        ("x".to_owned(), key.clone(), origin.grant(), "there is no certificate in `chain`"),
        (chain.clone(), "x".to_owned(), origin.grant(), "there is no private key in `key`"),
        (chain.clone(), stranger.key_pem(), origin.grant(), "`key` is not the key of the first certificate in `chain`"),
        (chain.clone(), key.clone(), "http://a.example".to_owned(), "`http://a.example` is no https origin"),
    ] {
        let environment = place(chain, key, &at, "");
        let ran = mirror(&environment, &url, &[])
            .exits(2)
            .says(&format!("the client certificate of mirror for {at}: {says}"));
        assert!(!ran.stderr.contains("BEGIN"), "{ran:?}");
    }
}
