//! Probes: one misbehaviour, or one plain act, each in a function of its own whose comment says what the host must do.
//!
//! `--param do=NAME` picks one. None of them checks anything; the tests do, from outside.

mod acts;
mod contract;
mod faults;
// The benchmark's native peer compiles the same file.
#[path = "../../../tests/benches/peers/rewrite.rs"]
mod rewrite;
mod texts;

use landing::{Error, Extractor, params};

struct Probe;

impl Extractor for Probe {
    async fn extract() -> Result<(), Error> {
        match params::required("do")?.as_str() {
            "spin" => faults::spin(),
            "grow" => faults::grow(),
            "trap" => faults::trap(),
            "recurse" => faults::recurse(),
            "flood" => faults::flood(),
            "escape" => faults::escape(),
            "fail" => faults::fail(),
            "checkpoint-then-fail" => faults::checkpoint_then_fail().await,
            "sleep" => faults::sleep().await,
            "half" => faults::half().await,
            "hoard-fields" => faults::hoard_fields().await,
            "hoard-empty-fields" => faults::hoard_empty_fields(),
            "hoard-bodies" => faults::hoard_bodies(),
            "hoard-handles" => faults::hoard_handles(),
            "hoard-streams" => faults::hoard_streams().await,
            "twice-without-end" => faults::twice_without_end().await,
            "huge" => texts::huge().await,
            "odd" => texts::odd().await,
            "guess" => texts::guess().await,
            "huge-without-end" => texts::huge_without_end().await,
            "denied" => faults::denied().await,
            "cancel" => faults::cancel().await,
            "fetch" => acts::fetch().await,
            "stream" => acts::stream().await,
            "land" => acts::land().await,
            "mirror" => acts::mirror().await,
            "each" => acts::each().await,
            "made" => acts::made().await,
            "rewrite" => acts::rewrite().await,
            "many" => acts::many().await,
            "years" => acts::years().await,
            "days" => acts::days().await,
            "waits" => acts::waits().await,
            "twice" => acts::twice().await,
            "source" => acts::source().await,
            "slot" => acts::slot().await,
            "cursor" => acts::cursor().await,
            "secret" => acts::secret().await,
            "echo" => acts::echo().await,
            "post" => acts::post().await,
            "derive" => contract::derive().await,
            "unpack" => contract::unpack().await,
            "values" => contract::values().await,
            "many-values" => contract::many_values().await,
            "mirror-all" => contract::mirror_all().await,
            "about" => contract::about().await,
            "ask" => contract::ask().await,
            "time" => acts::time().await,
            other => Err(Error::new(format_args!("there is no probe {other:?}"))),
        }
    }
}

landing::export!(Probe);
