//! Answers that go on: events that come one after the other, for as long as somebody listens.
//!
//! Invariant: a stream of messages begins with `initial-response`, and nothing follows an exception. Messages speak
//! JSON whatever the request spoke, as the services do; an event is encoded once, however many hear it.
use std::{
    fmt,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
};

use bytes::Bytes;

use crate::{
    Dialect, Service, ServiceError,
    codec::{Encode, encode},
    encode_error, event_stream, kinesis,
};

/// The media type of a stream of messages.
pub const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";
/// The media type of what each message carries.
const JSON: &str = "application/x-amz-json-1.1";

/// A structure that is an event of some stream.
pub trait EventShape: Encode + Send + Sync + 'static {
    /// The model's name of the event.
    const NAME: &'static str;
}

impl EventShape for kinesis::SubscribeToShardEvent {
    const NAME: &'static str = "SubscribeToShardEvent";
}

/// One event, to be told to any number of listeners.
#[derive(Debug)]
pub struct Event<T> {
    said: T,
    message: OnceLock<Bytes>,
}

impl<T: EventShape> Event<T> {
    /// The event that says this.
    pub const fn new(said: T) -> Self {
        Self { said, message: OnceLock::new() }
    }

    /// What it says.
    pub const fn said(&self) -> &T {
        &self.said
    }

    /// Its message, framed. Made when it is first asked for.
    pub fn message(&self) -> Bytes {
        let frame = || event_stream::event(T::NAME, JSON, &encode(Dialect::Json11, &self.said));
        self.message.get_or_init(frame).clone()
    }
}

/// What a listener hears next: an event, the error that ends the stream, or nothing more.
pub type Heard<T> = Option<Result<Arc<Event<T>>, ServiceError>>;

/// A source of events.
pub trait Events: Send + 'static {
    /// What they say.
    type Shape: EventShape;

    /// The next event, once there is one. Not asked again after its end or an error.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Heard<Self::Shape>>;
}

type Poller = Box<dyn FnMut(&mut Context<'_>) -> Poll<Option<Bytes>> + Send>;

/// The messages of one listener, ready to be sent.
pub struct Messages(Poller);

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Messages")
    }
}

impl Messages {
    pub(crate) fn new(service: Service, events: impl Events) -> Self {
        let (mut is_open, mut events) = (false, Some(events));
        Self(Box::new(move |context| {
            let Some(source) = &mut events else { return Poll::Ready(None) };
            if !is_open {
                is_open = true;
                return Poll::Ready(Some(event_stream::initial_response(JSON)));
            }
            let heard = ready!(source.poll_next(context));
            if !matches!(heard, Some(Ok(_))) {
                events = None;
            }
            Poll::Ready(heard.map(|heard| match heard {
                Ok(event) => event.message(),
                Err(error) => {
                    event_stream::exception(error.code, JSON, &encode_error(Dialect::Json11, service, &error))
                }
            }))
        }))
    }

    /// The next message; `None` ends the stream.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        (self.0)(context)
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;

    struct Told(Vec<Heard<kinesis::SubscribeToShardEvent>>);

    impl Events for Told {
        type Shape = kinesis::SubscribeToShardEvent;

        fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Heard<Self::Shape>> {
            Poll::Ready(self.0.remove(0))
        }
    }

    fn kinds(told: Vec<Heard<kinesis::SubscribeToShardEvent>>) -> Vec<String> {
        let mut messages = Messages::new(Service::Kinesis, Told(told));
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut kinds = Vec::new();
        while let Poll::Ready(Some(bytes)) = messages.poll_next(&mut context) {
            let message = event_stream::decode(&mut BytesMut::from(&bytes[..])).unwrap().unwrap();
            let kind = message.header(":event-type").or(message.header(":exception-type"));
            kinds.push(format!("{} {}", kind.unwrap(), std::str::from_utf8(&message.payload).unwrap()));
        }
        kinds
    }

    #[test]
    fn messages_open_with_the_initial_response_and_end_with_the_exception() {
        let event = Arc::new(Event::new(kinesis::SubscribeToShardEvent::default()));
        let error = ServiceError::new("ResourceInUseException", "busy");
        let said = r#"SubscribeToShardEvent {"Records":[],"MillisBehindLatest":0}"#;
        assert_eq!(kinds(vec![Some(Ok(Arc::clone(&event))), None]), ["initial-response {}", said]);
        let failed = r#"ResourceInUseException {"__type":"ResourceInUseException","message":"busy"}"#;
        assert_eq!(kinds(vec![Some(Err(error)), Some(Ok(event))]), ["initial-response {}", failed]);
    }

    #[test]
    fn an_event_is_encoded_once() {
        let event = Event::new(kinesis::SubscribeToShardEvent::default());
        assert_eq!(event.message().as_ptr(), event.message().as_ptr());
    }
}
