//! A port where connections are begun and nobody ever answers.

use std::net::{SocketAddr, TcpListener, TcpStream};

use rustix::net::{AddressFamily, SocketType, bind, listen, socket};

/// A listener whose queue is full, so that the kernel drops whatever asks to connect.
#[derive(Debug)]
pub struct Deaf {
    _listener: TcpListener,
    _queued: TcpStream,
}

impl Deaf {
    /// At this address of this machine.
    pub fn at(address: SocketAddr) -> Self {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        bind(&socket, &address).expect("an address that is free");
        // Room for one connection, which is made here and never accepted.
        listen(&socket, 0).expect("a listener");
        let queued = TcpStream::connect(address).expect("the one connection that fits");
        Self { _listener: socket.into(), _queued: queued }
    }
}
