//! Functions of `wasi:http` that would keep a text of any length in memory that nobody counts: the same functions with a
//! limit.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, LinkerInstance, Resource};
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::p2::bindings::http::types::{HostOutgoingRequest as _, Method};
use wasmtime_wasi_http::p2::types::HostOutgoingRequest as Outgoing;

use crate::Guest;

/// The interface, in the version that the engine has; components of earlier ones get it as well.
const TYPES: &str = "wasi:http/types@0.2.12";
/// Longest method, in bytes.
const MAX_METHOD: usize = 64;
/// Longest host and port, in bytes: a name of DNS has 253 (RFC 1035, 2.3.4).
const MAX_AUTHORITY: usize = 512;

/// What a setter says: whether it took the value.
type Taken = wasmtime::Result<(Result<(), ()>,)>;

/// Put these functions in the place of the engine's.
pub(super) fn put_in_place(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut types: LinkerInstance<'_, Guest> = linker.instance(TYPES)?;
    types.func_wrap("[method]outgoing-request.set-method", set_method)?;
    types.func_wrap("[method]outgoing-request.set-authority", set_authority)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn set_method(mut store: StoreContextMut<'_, Guest>, (request, method): (Resource<Outgoing>, Method)) -> Taken {
    match &method {
        Method::Other(name) if name.len() > MAX_METHOD => Ok((Err(()),)),
        _ => Ok((store.data_mut().http().set_method(request, method)?,)),
    }
}

fn set_authority(
    mut store: StoreContextMut<'_, Guest>,
    (request, authority): (Resource<Outgoing>, Option<String>),
) -> Taken {
    match &authority {
        Some(authority) if authority.len() > MAX_AUTHORITY => Ok((Err(()),)),
        _ => Ok((store.data_mut().http().set_authority(request, authority)?,)),
    }
}
