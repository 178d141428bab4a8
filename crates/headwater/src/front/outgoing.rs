//! What an answer carries: all of it at once, or messages for as long as somebody listens. Invariant: a message is
//! asked for only once there is room for it, so a client that does not read holds up nothing but itself; when the
//! server stops, streams end between two messages.
use bytes::Bytes;
use headwater_wire::Messages;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::sync::watch;

/// The body of an answer.
pub(crate) enum Outgoing {
    /// All there is.
    Whole(Full<Bytes>),
    /// What happens from now on.
    Events(Stream),
}

/// Messages, until the server stops.
pub(crate) struct Stream {
    messages: Messages,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Outgoing {
    /// `messages`, until `stop` turns true.
    pub(crate) fn events(messages: Messages, mut stop: watch::Receiver<bool>) -> Self {
        // Whoever could have stopped the server is gone only when the server is.
        let stopped = Box::pin(async move { drop(stop.wait_for(|stop| *stop).await) });
        Self::Events(Stream { messages, stopped })
    }
}

impl Default for Outgoing {
    fn default() -> Self {
        Self::Whole(Full::default())
    }
}

impl From<Bytes> for Outgoing {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(Full::new(bytes))
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(whole) => Pin::new(whole).poll_frame(context),
            Self::Events(stream) => {
                if stream.stopped.as_mut().poll(context).is_ready() {
                    return Poll::Ready(None);
                }
                stream.messages.poll_next(context).map(|message| message.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.is_end_stream(),
            Self::Events(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            Self::Events(_) => SizeHint::default(),
        }
    }
}
