//! A store behind the proxy of `host.toml`.

use harness::Origin;
use harness::stores::Make;

use super::landing::MIRRORED;
use super::{Place, ended};

#[test]
fn a_store_is_asked_through_the_proxy_and_what_is_on_this_machine_is_not() {
    let Some(place) = Place::new(Make::S3) else { return };
    let port = place.between.address().port();
    place.environment.write("host.toml", format!("[network]\nproxy = \"http://localhost:{port}\"\n"));
    let mut command = place.mirror_command();
    command.env("AWS_ENDPOINT_URL", "http://lake.example").env("AWS_ALLOW_HTTP", "true");
    ended(command).exits(0);
    place.holds(&MIRRORED, "through the proxy");
    let asked = place.between.asked();
    assert!(asked.len() > 5 && asked.iter().all(|sent| sent.target.starts_with("http://lake.example/")), "{asked:?}");
    assert!(asked.iter().all(|sent| sent.field("host") == Some("lake.example")), "{asked:?}");

    // One that does not lead there is asked once, and the way around it is named.
    let proxy = Origin::start();
    let named = proxy.grant().replace("127.0.0.1", "localhost");
    place.environment.write("host.toml", format!("[network]\nproxy = \"{named}\"\n"));
    let mut command = place.mirror_command();
    command.env("AWS_ENDPOINT_URL", "https://lake.example");
    let refused = ended(command).exits(1).says("no way to lake.example");
    refused.says("hint: `proxy` under [network] in host.toml is the way there; `proxy = false` under [store]");
    assert_eq!(proxy.asked().len(), 1, "{:?}", proxy.asked());

    let proxy = Origin::start();
    place.environment.write("host.toml", format!("[network]\nproxy = \"{}\"\n", proxy.grant()));
    place.mirror().exits(0);
    assert_eq!(proxy.connections(), 0);
}
