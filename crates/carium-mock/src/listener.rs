//! An HTTP listener on a local port whose connections can be cut or left hanging.

mod body;
mod connection;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

pub(crate) use self::body::{BodyEnd, ResponseBody};
pub(crate) use self::connection::{Connection, CutSignal};

/// The error that makes hyper close a connection without a response.
#[derive(Debug)]
pub(crate) struct ConnectionClosed;

impl fmt::Display for ConnectionClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection was closed by an injected fault")
    }
}

impl std::error::Error for ConnectionClosed {}

/// A running listener. Dropping it stops the listener and closes all connections.
#[derive(Debug)]
pub(crate) struct Listener(AbortHandle);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Listener {
    /// Starts a task that accepts connections and runs `serve` for each of them.
    pub(crate) fn spawn<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                while connections.try_join_next().is_some() {}
                let Ok((socket, _)) = listener.accept().await else {
                    // `accept` fails if the peer has already disconnected or if the process has too many open files.
                    // Both are temporary.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                };
                // Without TCP_NODELAY, chunks are delayed. A failure to set it affects only the speed.
                let _ = socket.set_nodelay(true);
                connections.spawn(serve(socket));
            }
        });
        Self(task.abort_handle())
    }
}
