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
use tokio::sync::{mpsc, watch};

/// The body of an answer.
pub(crate) enum Outgoing {
    /// All there is.
    Whole(Full<Bytes>),
    /// What comes from now on.
    Stream(Stream),
}

/// What the next message is asked of; it says when there are no more.
type Next = Box<dyn FnMut(&mut Context<'_>) -> Poll<Option<Bytes>> + Send>;

/// Messages, until the server stops.
pub(crate) struct Stream {
    next: Next,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Outgoing {
    /// `messages`, until `stop` turns true.
    pub(crate) fn events(mut messages: Messages, stop: watch::Receiver<bool>) -> Self {
        Self::stream(Box::new(move |context| messages.poll_next(context)), stop)
    }

    /// The pieces that come in, until `stop` turns true.
    pub(crate) fn pieces(mut pieces: mpsc::Receiver<Bytes>, stop: watch::Receiver<bool>) -> Self {
        Self::stream(Box::new(move |context| pieces.poll_recv(context)), stop)
    }

    fn stream(next: Next, mut stop: watch::Receiver<bool>) -> Self {
        // Whoever could have stopped the server is gone only when the server is.
        let stopped = Box::pin(async move { drop(stop.wait_for(|stop| *stop).await) });
        Self::Stream(Stream { next, stopped })
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
            Self::Stream(stream) => {
                if stream.stopped.as_mut().poll(context).is_ready() {
                    return Poll::Ready(None);
                }
                (stream.next)(context).map(|message| message.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.is_end_stream(),
            Self::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_wire::{
        Answer, Caller, Dialect, Event, Events, Heard, Service, ServiceError, event_op,
        kinesis::{SubscribeToShardEvent, SubscribeToShardInput},
    };
    use http_body_util::BodyExt;
    use std::sync::Arc;

    /// One event, and then silence.
    struct Once(bool);

    impl Events for Once {
        type Shape = SubscribeToShardEvent;

        fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Heard<SubscribeToShardEvent>> {
            if std::mem::replace(&mut self.0, true) {
                return Poll::Pending;
            }
            Poll::Ready(Some(Ok(Arc::new(Event::new(SubscribeToShardEvent::default())))))
        }
    }

    async fn subscribe(_: Arc<()>, _: Caller, _: SubscribeToShardInput) -> Result<Once, ServiceError> {
        Ok(Once(false))
    }

    #[tokio::test]
    async fn a_stream_ends_between_two_messages_when_the_server_stops() {
        let row = event_op(subscribe);
        assert_eq!((row.name, row.service), ("SubscribeToShard", Service::Kinesis));
        let input = br#"{"ConsumerARN":"arn:aws:kinesis:r:000000000000:stream/s/consumer/c:1","ShardId":"a",
            "StartingPosition":{"Type":"LATEST"}}"#;
        let caller = Caller::root("000000000000", "us-east-1", "a");
        let answer = (row.call)(Arc::new(()), caller, Dialect::Cbor11, &Bytes::new()).await;
        assert_eq!(answer.map(drop).unwrap_err().code, "SerializationException");
        let caller = Caller::root("000000000000", "us-east-1", "a");
        let answer = (row.call)(Arc::new(()), caller, Dialect::Json11, &Bytes::from_static(input)).await;
        let Ok(Answer::Events(messages)) = answer else { panic!("events: {answer:?}") };
        let stop = watch::Sender::new(false);
        let mut body = Outgoing::events(messages, stop.subscribe());
        assert_eq!((body.is_end_stream(), body.size_hint().exact()), (false, None));
        assert!(body.frame().await.is_some() && body.frame().await.is_some(), "the initial response and the event");
        let mut rest = tokio::spawn(async move { body.frame().await.is_none() });
        tokio::task::yield_now().await;
        assert!(!rest.is_finished());
        stop.send_replace(true);
        assert!((&mut rest).await.unwrap());
    }
}
