//! A listener on a local port, and the connections to it.

mod connection;
mod content;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

pub(crate) use self::connection::{Connection, Scissors};
pub(crate) use self::content::{Content, End};

/// The connection is to be closed without an answer.
#[derive(Debug)]
pub(crate) struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closed as it was told to be")
    }
}

impl std::error::Error for Closed {}

/// Listens until it is dropped, which closes all connections too.
#[derive(Debug)]
pub(crate) struct Listening(AbortHandle);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Listening {
    /// Has every connection served. How one ends is the client's business, or a fault's.
    pub(crate) fn start<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                while connections.try_join_next().is_some() {}
                let Ok((socket, _)) = listener.accept().await else {
                    // A connection that was gone before it was taken, or too many of them: neither is the end.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                };
                // Without it chunks wait for each other. That it cannot be had changes nothing but the pace.
                let _ = socket.set_nodelay(true);
                connections.spawn(serve(socket));
            }
        });
        Self(task.abort_handle())
    }
}
