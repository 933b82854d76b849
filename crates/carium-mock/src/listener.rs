//! An HTTP listener on a local port whose connections can be cut or left hanging.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// The result of a request: a response and how its body ends, or no response.
pub(crate) type Reply = Result<(Response<Bytes>, BodyEnd), ConnectionClosed>;

/// How a response body ends. Its `Content-Length` is always that of the whole body.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BodyEnd {
    /// All bytes are sent.
    Complete,
    /// The connection is closed after this number of bytes.
    Cut(u64),
    /// Nothing more is sent after this number of bytes, and the connection stays open.
    Hang(u64),
}

impl BodyEnd {
    /// Cuts the connection in the middle of the body.
    pub(crate) fn middle_of(body: &Bytes) -> Self {
        Self::Cut(body.len() as u64 / 2)
    }
}

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
    /// Starts a task that accepts connections and calls `handle` for each request.
    pub(crate) fn spawn<H, F>(listener: TcpListener, handle: H) -> Self
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Reply> + Send + 'static,
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
                connections.spawn(serve_connection(socket, handle.clone()));
            }
        });
        Self(task.abort_handle())
    }
}

async fn serve_connection<F: Future<Output = Reply> + Send>(
    socket: TcpStream,
    handle: impl Fn(Request<Incoming>) -> F + Send + Sync,
) {
    let cut = CutSignal::default();
    let connection = TokioIo::new(Connection { socket, cut: cut.clone() });
    let service = service_fn(|request| {
        let (reply, cut) = (handle(request), cut.clone());
        async move {
            let (response, end) = reply.await?;
            Ok::<_, ConnectionClosed>(response.map(|body| ResponseBody::new(body, end, cut)))
        }
    });
    drop(http1::Builder::new().serve_connection(connection, service).await);
}

/// Cuts a [`Connection`]. Clones share the same state.
#[derive(Clone, Debug, Default)]
struct CutSignal(Arc<AtomicBool>);

impl CutSignal {
    /// Cuts the connection as soon as all pending output is flushed.
    fn cut_after_flush(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The maximum size of a frame.
const CHUNK: usize = 64 * 1024;

/// A response body that is sent in chunks and announces its full length even if it ends early.
#[derive(Debug)]
struct ResponseBody {
    announced: u64,
    remaining: Bytes,
    end: BodyEnd,
    cut: CutSignal,
}

impl ResponseBody {
    fn new(mut remaining: Bytes, end: BodyEnd, cut: CutSignal) -> Self {
        let announced = remaining.len() as u64;
        if let BodyEnd::Cut(limit) | BodyEnd::Hang(limit) = end {
            remaining.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        Self { announced, remaining, end, cut }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if !self.remaining.is_empty() {
            let length = self.remaining.len().min(CHUNK);
            return Poll::Ready(Some(Ok(Frame::data(self.remaining.split_to(length)))));
        }
        match self.end {
            BodyEnd::Complete => Poll::Ready(None),
            // The body is never woken. While it is pending, hyper flushes its output, and the flush fails.
            BodyEnd::Cut(_) => {
                self.cut.cut_after_flush();
                Poll::Pending
            }
            BodyEnd::Hang(_) => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.remaining.is_empty() && matches!(self.end, BodyEnd::Complete)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }
}

/// A socket that fails once its [`CutSignal`] is set and its output is flushed.
///
/// An error from the response body could not cut at an exact byte: hyper closes the connection at once on such an
/// error and drops the output that it still buffers. It calls `poll_flush` only after it has written everything, so
/// the cut happens there.
#[derive(Debug)]
struct Connection {
    socket: TcpStream,
    cut: CutSignal,
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.socket).poll_flush(cx))?;
        if self.cut.0.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
