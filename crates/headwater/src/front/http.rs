//! Connections: taken in, told apart (TLS or plain, HTTP/1.1 or HTTP/2 – also behind a TLS handshake that named
//! neither), and let go. Invariant: every wait for a client has an end, and there are never more connections than
//! [`MAX_CONNECTIONS`].
use super::{
    Front, Tls,
    body::HEAD_BYTES,
    pulse::{LOOK_MS, Lookout, Pulse},
    stream::{Spoken, Stream},
};
use headwater_log::clock::Clock;
use headwater_wire::Origin;
use hyper::{
    Request,
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::graceful::GracefulConnection,
};
use std::{convert::Infallible, io, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};

/// Open connections at once; who comes later waits in the listener's queue.
pub(crate) const MAX_CONNECTIONS: u32 = 10_000;
/// Time for a TLS handshake and for the first bytes behind it.
const HANDSHAKE_MS: u64 = 30_000;
/// Pause after a failure to accept: usually there are no file descriptors left.
const ACCEPT_PAUSE_MS: u64 = 100;
/// What is read of a body at once; a larger head is not even read.
const HTTP1_BUFFER_BYTES: usize = 256 << 10;
/// A little more than a head may have, so that the refusal is in our own words.
const HTTP2_HEAD_BYTES: u32 = 2 * HEAD_BYTES;
/// More than any client opens of itself: the asynchronous Java client knows no bound of its own.
const HTTP2_STREAMS: u32 = 1000;
const HTTP2_STREAM_WINDOW_BYTES: u32 = 1 << 20;
/// What one connection may have sent that nobody has read yet.
const HTTP2_WINDOW_BYTES: u32 = 8 << 20;
const HTTP2_SEND_BYTES: usize = 1 << 20;
/// A silent HTTP/2 connection is asked whether it lives, and closed if it does not say so.
const HTTP2_PING: Duration = Duration::from_secs(60);
const HTTP2_PONG: Duration = Duration::from_secs(20);

/// What all connections share.
pub(crate) struct Doors {
    pub(crate) front: Arc<Front>,
    pub(crate) tls: Tls,
    pub(crate) clock: Arc<dyn Clock>,
    /// One permit a connection; all are there once everybody has gone.
    pub(crate) places: Arc<Semaphore>,
    /// Turns true when the server stops.
    pub(crate) stop: watch::Receiver<bool>,
}

/// Takes connections in until the server stops.
pub(crate) async fn listen(listener: TcpListener, doors: Arc<Doors>) {
    let mut stop = doors.stop.clone();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &doors) => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((stream, place)) => {
                let doors = Arc::clone(&doors);
                tokio::spawn(async move {
                    if let Err(error) = welcome(stream, &doors).await {
                        tracing::debug!(%error, "a connection ended before its first request");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "no connection can be taken in for now");
                doors.clock.sleep(ACCEPT_PAUSE_MS).await;
            }
        }
    }
}

async fn accept(listener: &TcpListener, doors: &Doors) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(&doors.places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

/// Finds out what is spoken, through TLS if need be, and serves it.
async fn welcome(stream: TcpStream, doors: &Doors) -> io::Result<()> {
    // An answer is one write; holding it back for more would only delay it.
    stream.set_nodelay(true)?;
    let mut origin = Origin { address: Some(stream.peer_addr()?.ip()), is_secure: false };
    let pulse = Arc::<Pulse>::default();
    let mut plain = Stream::new(stream, Arc::clone(&pulse));
    match in_time(doors, plain.listen()).await? {
        Spoken::Tls => {
            let acceptor = doors.tls.acceptor().await.map_err(|error| {
                tracing::error!(error, "TLS is not to be had");
                io::Error::other(error)
            })?;
            let mut secret = Stream::new(in_time(doors, acceptor.accept(plain)).await?, Arc::clone(&pulse));
            let spoken = in_time(doors, secret.listen()).await?;
            origin.is_secure = true;
            serve(secret, spoken, pulse, origin, doors).await;
        }
        spoken => serve(plain, spoken, pulse, origin, doors).await,
    }
    Ok(())
}

async fn in_time<T>(doors: &Doors, step: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let mut stop = doors.stop.clone();
    tokio::select! {
        biased;
        outcome = step => outcome,
        () = doors.clock.sleep(HANDSHAKE_MS) => Err(io::ErrorKind::TimedOut.into()),
        _ = stop.wait_for(|stop| *stop) => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

async fn serve<IO>(io: Stream<IO>, spoken: Spoken, pulse: Arc<Pulse>, origin: Origin, doors: &Doors)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (front, beat) = (Arc::clone(&doors.front), Arc::clone(&pulse));
    let service = service_fn(move |request: Request<Incoming>| {
        let (front, pulse) = (Arc::clone(&front), Arc::clone(&beat));
        async move {
            let _working = pulse.work();
            Ok::<_, Infallible>(front.answer(request, &pulse, origin).await)
        }
    });
    let io = TokioIo::new(io);
    if spoken == Spoken::Http2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(HTTP2_STREAMS)
            .max_header_list_size(HTTP2_HEAD_BYTES)
            .initial_stream_window_size(HTTP2_STREAM_WINDOW_BYTES)
            .initial_connection_window_size(HTTP2_WINDOW_BYTES)
            .max_send_buf_size(HTTP2_SEND_BYTES)
            .keep_alive_interval(HTTP2_PING)
            .keep_alive_timeout(HTTP2_PONG);
        watch(builder.serve_connection(io, service), &pulse, doors).await;
    } else {
        pulse.count_heads();
        let mut builder = http1::Builder::new();
        // The pulse sees to slow heads, at no cost to quick ones.
        builder.header_read_timeout(None).max_buf_size(HTTP1_BUFFER_BYTES);
        watch(builder.serve_connection(io, service), &pulse, doors).await;
    }
}

/// Serves a connection until it ends, is overdue, or the server stops and its last answer is out. Everything but the
/// connection itself waits for the next look: what is waited for here is asked at every step of every request.
async fn watch<C: GracefulConnection>(connection: C, pulse: &Pulse, doors: &Doors)
where
    C::Error: std::fmt::Display,
{
    let mut connection = pin!(connection);
    let mut lookout = Lookout::new(doors.clock.steady_us() / 1000);
    let mut stopping = false;
    loop {
        tokio::select! {
            biased;
            outcome = connection.as_mut() => {
                if let Err(error) = outcome {
                    tracing::debug!(%error, "a connection broke off");
                }
                return;
            }
            () = doors.clock.sleep(LOOK_MS) => {}
        }
        if lookout.is_overdue(pulse, doors.clock.steady_us() / 1000) {
            tracing::debug!("a connection is given up: its client keeps it waiting");
            return;
        }
        if !stopping && *doors.stop.borrow() {
            connection.as_mut().graceful_shutdown();
            stopping = true;
        }
    }
}
