//! The shapes that measured best, on plain `reqwest`: what a pipeline can reach before anything is around it.
//!
//! Blocking work is on blocking threads, a block goes to two places by its reference count, and each channel
//! holds one block, so that memory does not grow with the document.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::Failed;

/// How much is read and hashed at a time.
const READ: usize = 1024 * 1024;
/// How much comes together before it is written and hashed. What is last may be as large again nearly.
const WRITTEN: usize = 512 * 1024;

pub(crate) type Sum = [u8; 32];

/// A form around a document.
struct Frames {
    content_type: String,
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Frames {
    fn new<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let boundary = format!("{:032x}", fastrand::u128(..));
        let mut head = String::new();
        for (name, value) in fields {
            head.push_str(&format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            ));
        }
        head.push_str(&format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"example.pdf\"\r\n\
             Content-Type: application/pdf\r\n\r\n"
        ));
        Self {
            content_type: format!("multipart/form-data; boundary={boundary}"),
            head: head.into_bytes(),
            tail: format!("\r\n--{boundary}--\r\n").into_bytes(),
        }
    }
}

/// A body whose blocks another thread reads.
struct Blocks {
    head: Option<Bytes>,
    middle: mpsc::Receiver<Bytes>,
    tail: Option<Bytes>,
    left: u64,
}

impl Body for Blocks {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let next = match self.head.take() {
            Some(head) => Some(head),
            None => match ready!(self.middle.poll_recv(context)) {
                Some(block) => Some(block),
                None => self.tail.take(),
            },
        };
        if let Some(next) = &next {
            self.left = self.left.saturating_sub(next.len() as u64);
        }
        Poll::Ready(next.map(|next| Ok(Frame::data(next))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    /// Storage that takes presigned forms wants a length and no chunks.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Hashes on a thread of its own: at 1.7 GB/s it takes longer than reading and sending.
fn hasher() -> (mpsc::Sender<Vec<Bytes>>, JoinHandle<Sum>) {
    let (sender, mut blocks) = mpsc::channel::<Vec<Bytes>>(1);
    let hashing = spawn_blocking(move || {
        let mut hash = Sha256::new();
        while let Some(block) = blocks.blocking_recv() {
            for part in &block {
                hash.update(part);
            }
        }
        hash.finalize().into()
    });
    (sender, hashing)
}

/// Uploads a file of any size.
pub(crate) async fn upload(
    client: &reqwest::Client,
    url: &str,
    fields: &[(&str, &str)],
    path: &Path,
) -> Result<Sum, Failed> {
    let path = path.to_owned();
    let (mut file, length) = spawn_blocking(move || {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok::<_, io::Error>((file, length))
    })
    .await??;
    let frames = Frames::new(fields.iter().copied());
    let (sender, blocks) = mpsc::channel(1);
    let (to_hash, hashing) = hasher();
    let reading = spawn_blocking(move || {
        let mut left = length;
        while left > 0 {
            // Fresh each time: the allocator has the last but one back by now, and gives it out again.
            let mut block = BytesMut::zeroed(usize::try_from(left).unwrap_or(usize::MAX).min(READ));
            file.read_exact(&mut block)?;
            left -= block.len() as u64;
            let block = block.freeze();
            // Either is gone when the request has failed, and the request says why.
            if to_hash.blocking_send(vec![block.clone()]).is_err() || sender.blocking_send(block).is_err() {
                break;
            }
        }
        Ok::<_, io::Error>(())
    });
    let body = Blocks {
        left: frames.head.len() as u64 + length + frames.tail.len() as u64,
        head: Some(frames.head.into()),
        middle: blocks,
        tail: Some(frames.tail.into()),
    };
    let request = client.post(url).header("content-type", frames.content_type);
    request.body(reqwest::Body::wrap(body)).send().await?.error_for_status()?;
    reading.await??;
    Ok(hashing.await?)
}

/// Downloads a document of any size beside `target`, and puts it there when all of it is on the disk.
pub(crate) async fn download(client: &reqwest::Client, url: &str, target: &Path) -> Result<Sum, Failed> {
    let mut answer = client.get(url).send().await?.error_for_status()?;
    let (sender, mut blocks) = mpsc::channel::<Vec<Bytes>>(1);
    let (to_hash, hashing) = hasher();
    let (target, part) = (target.to_owned(), target.with_extension("part"));
    let writing = spawn_blocking(move || {
        let mut file = File::create_new(&part)?;
        while let Some(block) = blocks.blocking_recv() {
            for part in &block {
                file.write_all(part)?;
            }
            if to_hash.blocking_send(block).is_err() {
                break;
            }
        }
        // The hasher ends while the disk works.
        drop(to_hash);
        file.sync_all()?;
        fs::rename(part, target)
    });
    let (mut block, mut size) = (Vec::new(), 0);
    while let Some(chunk) = answer.chunk().await? {
        size += chunk.len();
        block.push(chunk);
        if size >= WRITTEN {
            size = 0;
            if sender.send(std::mem::take(&mut block)).await.is_err() {
                break;
            }
        }
    }
    // Where the writer has gone, it says why.
    let _ = sender.send(block).await;
    drop(sender);
    writing.await??;
    Ok(hashing.await?)
}

/// Posts a small document that is in memory: one buffer, and its hash where we stand.
pub(crate) async fn post_bytes<'a>(
    client: &reqwest::Client,
    url: &str,
    fields: impl Iterator<Item = (&'a str, &'a str)>,
    content: &[u8],
) -> Result<Sum, Failed> {
    let Frames { content_type, head, tail } = Frames::new(fields);
    let mut body = head;
    body.reserve_exact(content.len() + tail.len());
    body.extend_from_slice(content);
    body.extend_from_slice(&tail);
    let sum = Sha256::digest(content).into();
    post(client, url, content_type, body).await?;
    Ok(sum)
}

/// Posts a small document that is a file: one trip to a blocking thread reads it into its form and hashes it.
pub(crate) async fn post_file<'a>(
    client: &reqwest::Client,
    url: &str,
    fields: impl Iterator<Item = (&'a str, &'a str)>,
    path: &Path,
) -> Result<Sum, Failed> {
    let Frames { content_type, head, tail } = Frames::new(fields);
    let path = path.to_owned();
    let (body, sum) = spawn_blocking(move || {
        let mut file = File::open(path)?;
        let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        let start = head.len();
        let mut body = head;
        body.reserve_exact(length + tail.len());
        body.resize(start + length, 0);
        file.read_exact(&mut body[start..])?;
        let sum = Sha256::digest(&body[start..]).into();
        body.extend_from_slice(&tail);
        Ok::<_, io::Error>((body, sum))
    })
    .await??;
    post(client, url, content_type, body).await?;
    Ok(sum)
}

async fn post(
    client: &reqwest::Client,
    url: &str,
    content_type: String,
    body: Vec<u8>,
) -> Result<(), Failed> {
    client.post(url).header("content-type", content_type).body(body).send().await?.error_for_status()?;
    Ok(())
}
