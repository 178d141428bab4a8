//! The bytes of a connection: what was read to find out what is spoken is given back first, and every move is noted in
//! the connection's pulse.
use super::pulse::Pulse;
use bytes::{Buf, Bytes, BytesMut};
use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// Enough for the head of a common request, so that it is read at once.
const FIRST_READ_BYTES: usize = 4096;
/// The first byte of every TLS handshake record.
const TLS_HANDSHAKE: u8 = 0x16;
/// How HTTP/2 begins; no method of HTTP/1 that a service knows does.
const HTTP2: &[u8] = b"PRI";

/// What is spoken on a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Spoken {
    Tls,
    Http1,
    Http2,
}

/// A connection whose first bytes may have been looked at.
pub(super) struct Stream<IO> {
    io: IO,
    seen: Bytes,
    pulse: Arc<Pulse>,
}

impl<IO: AsyncRead + Unpin> Stream<IO> {
    pub(super) const fn new(io: IO, pulse: Arc<Pulse>) -> Self {
        Self { io, seen: Bytes::new(), pulse }
    }

    /// Reads until it is clear what is spoken; gives nothing away.
    ///
    /// # Errors
    /// The connection's; `UnexpectedEof` if it ends before that.
    pub(super) async fn listen(&mut self) -> io::Result<Spoken> {
        let mut seen = BytesMut::with_capacity(FIRST_READ_BYTES);
        loop {
            if self.io.read_buf(&mut seen).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let spoken = match seen.first() {
                Some(&TLS_HANDSHAKE) => Spoken::Tls,
                _ if seen.starts_with(HTTP2) => Spoken::Http2,
                _ if HTTP2.starts_with(&seen) => continue,
                _ => Spoken::Http1,
            };
            self.seen = seen.freeze();
            return Ok(spoken);
        }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Stream<IO> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.seen.is_empty() {
            let before = out.filled().len();
            ready!(Pin::new(&mut self.io).poll_read(context, out))?;
            if out.filled().len() > before {
                self.pulse.received();
            }
        } else {
            let length = self.seen.len().min(out.remaining());
            out.put_slice(&self.seen[..length]);
            self.seen.advance(length);
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Stream<IO> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write(context, bytes))?;
        self.pulse.sent();
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write_vectored(context, slices))?;
        self.pulse.sent();
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    async fn heard(pieces: &[&[u8]]) -> io::Result<(Spoken, Vec<u8>)> {
        let (mut client, server) = tokio::io::duplex(1);
        let pieces = pieces.concat();
        tokio::spawn(async move { client.write_all(&pieces).await });
        let mut stream = Stream::new(server, Arc::default());
        let spoken = stream.listen().await?;
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await?;
        Ok((spoken, all))
    }

    #[tokio::test]
    async fn what_is_spoken_is_heard_from_single_bytes_and_nothing_is_lost() {
        for (bytes, expected) in [
            (&b"POST / HTTP/1.1\r\n\r\n"[..], Spoken::Http1),
            (b"PUT / HTTP/1.1\r\n\r\n", Spoken::Http1),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Spoken::Http2),
            (b"\x16\x03\x01", Spoken::Tls),
            (b"\x00nonsense", Spoken::Http1),
        ] {
            assert_eq!(heard(&[bytes]).await.unwrap(), (expected, bytes.to_vec()));
        }
        assert!(heard(&[b"PR"]).await.is_err());
        assert!(heard(&[]).await.is_err());
    }
}
