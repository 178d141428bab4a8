//! What an operation is on the wire: a name, what goes in, what comes out, and the dialect a request is spoken in;
//! and the row by which a service offers one. A row decodes, runs and encodes; it knows nothing of HTTP.
use core::net::IpAddr;
use std::{future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;

use crate::{
    ErrorKind, ServiceError,
    codec::{Decode, Encode, decode, encode},
    events::{Events, Messages},
};

/// The services whose models Headwater carries.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Service {
    /// Kinesis Data Streams.
    Kinesis,
    /// `DynamoDB`.
    DynamoDb,
    /// `DynamoDB` Streams.
    DynamoDbStreams,
    /// Data Firehose.
    Firehose,
    /// The Data Catalog of Glue.
    Glue,
}

impl Service {
    /// What it is called in a signature's scope, and before the colon in IAM's actions.
    #[must_use]
    pub const fn scope(self) -> &'static str {
        match self {
            Self::Kinesis => "kinesis",
            Self::DynamoDb | Self::DynamoDbStreams => "dynamodb",
            Self::Firehose => "firehose",
            Self::Glue => "glue",
        }
    }
}

/// How a body is encoded; a reply speaks the request's dialect.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Dialect {
    /// `application/x-amz-json-1.0`
    Json10,
    /// `application/x-amz-json-1.1`
    Json11,
    /// `application/x-amz-cbor-1.1`: Java's Kinesis clients.
    Cbor11,
}

/// One operation of a service. Implemented by the generated marker types.
pub trait Operation: Send + Sync + 'static {
    /// The model's name, as in `X-Amz-Target` behind the dot.
    const NAME: &'static str;
    /// Whose operation it is.
    const SERVICE: Service;
    /// The errors the model lists for it: codes, and whose fault they are.
    const ERRORS: &'static [(&'static str, ErrorKind)];
    /// An operation without an output shape answers with an empty body.
    const EMPTY_OUTPUT: bool;
    /// What the caller sends.
    type Input: Input<Op = Self>;
    /// What the caller gets; `()` where the model has no output shape.
    type Output: Encode + Send;
}

/// The input of exactly one operation, so that the input's type names the operation.
pub trait Input: Decode + Send {
    /// The operation this is the input of.
    type Op: Operation<Input = Self>;
}

/// Who asks, and where: taken from the request's signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// Twelve digits.
    pub account: Arc<str>,
    /// E.g. `us-east-1`.
    pub region: Arc<str>,
    /// The access key id of the signature.
    pub access_key: Arc<str>,
    /// The ARN of whoever the access key belongs to.
    pub principal: Arc<str>,
    /// Where the request came from, and how.
    pub origin: Origin,
}

/// Where a request came from, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Origin {
    /// The address it came from.
    pub address: Option<IpAddr>,
    /// Whether it came over TLS.
    pub is_secure: bool,
}

impl Origin {
    /// Whether it came from this very machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.address.is_some_and(|address| address.to_canonical().is_loopback())
    }
}

impl Caller {
    /// An account itself, from nowhere in particular.
    #[must_use]
    pub fn root(account: &str, region: &str, access_key: &str) -> Self {
        Self {
            account: account.into(),
            region: region.into(),
            access_key: access_key.into(),
            principal: format!("arn:aws:iam::{account}:root").into(),
            origin: Origin::default(),
        }
    }
}

/// The part of AWS a region belongs to, as ARNs name it.
#[must_use]
pub fn partition(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("cn") => "aws-cn",
        Some("us") if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// What an operation answers with.
#[derive(Debug)]
pub enum Answer {
    /// Its output, encoded.
    Whole(Vec<u8>),
    /// What happens from now on, message by message.
    Events(Messages),
}

/// The answer, or the refusal, once the operation has run.
pub type Reply = Pin<Box<dyn Future<Output = Result<Answer, ServiceError>> + Send>>;

/// One operation as a service offers it.
pub struct Row<S> {
    /// The model's name of the operation.
    pub name: &'static str,
    /// Whose operation it is.
    pub service: Service,
    /// The errors the model lists for it.
    pub errors: &'static [(&'static str, ErrorKind)],
    /// Decodes and validates the body at once, then runs the operation and encodes its output.
    pub call: Call<S>,
    /// Says what a request is about, for whoever watches.
    pub subject: Subject<S>,
}

/// Names what a request body is about – a stream, a table, a delivery stream –, if it can be decoded and names something.
pub type Subject<S> = Box<dyn Fn(&S, &Caller, Dialect, &Bytes) -> Option<String> + Send + Sync>;

impl<S> Row<S> {
    /// The same row; `name` says what an input is about.
    #[must_use]
    pub fn about<I: Input>(self, name: impl Fn(&S, &Caller, &I) -> Option<String> + Send + Sync + 'static) -> Self {
        let subject: Subject<S> = Box::new(move |service, caller, dialect, body| {
            let input = decode::<I>(dialect, body).ok()?;
            name(service, caller, &input)
        });
        Self { subject, ..self }
    }
}

impl<S: Send + Sync + 'static> Row<S> {
    /// The same row where other processes change what there is, which `catch_up` takes in: what tells of it catches up
    /// first, and what does not find something does so then and looks again.
    #[must_use]
    pub fn among_others<F>(self, catch_up: impl Fn(Arc<S>) -> F + Send + Sync + Copy + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let tells = tells(self.name);
        let run = Arc::new(self.call);
        let call: Call<S> = Box::new(move |service, caller, dialect, body| {
            let (run, body) = (Arc::clone(&run), body.clone());
            Box::pin(async move {
                if !tells {
                    match run(Arc::clone(&service), caller.clone(), dialect, &body).await {
                        Err(refusal) if refusal.code.ends_with("NotFoundException") => {}
                        answer => return answer,
                    }
                }
                catch_up(Arc::clone(&service)).await;
                run(service, caller, dialect, &body).await
            })
        });
        Self { call, ..self }
    }
}

/// Whether an operation tells of what there is, by its name.
#[must_use]
pub fn tells(operation: &str) -> bool {
    operation.starts_with("Describe") || operation.starts_with("List")
}

/// What a row does with a request body.
pub type Call<S> = Box<dyn Fn(Arc<S>, Caller, Dialect, &Bytes) -> Reply + Send + Sync>;

/// The row of the operation whose input `run` takes.
pub fn op<S, I, F, Fut>(run: F) -> Row<S>
where
    S: Send + Sync + 'static,
    I: Input + 'static,
    F: Fn(Arc<S>, Caller, I) -> Fut + Send + Sync + Copy + 'static,
    Fut: Future<Output = Result<<I::Op as Operation>::Output, ServiceError>> + Send + 'static,
{
    row::<S, I>(move |service, caller, dialect, input| {
        let answer = run(service, caller, input);
        Box::pin(async move {
            let output = answer.await?;
            let is_empty = <I::Op as Operation>::EMPTY_OUTPUT;
            Ok(Answer::Whole(if is_empty { Vec::new() } else { encode(dialect, &output) }))
        })
    })
}

/// The row of an operation that answers with events.
pub fn event_op<S, I, F, Fut, E>(run: F) -> Row<S>
where
    S: Send + Sync + 'static,
    I: Input + 'static,
    F: Fn(Arc<S>, Caller, I) -> Fut + Send + Sync + Copy + 'static,
    Fut: Future<Output = Result<E, ServiceError>> + Send + 'static,
    E: Events,
{
    row::<S, I>(move |service, caller, _, input| {
        let answer = run(service, caller, input);
        Box::pin(async move { Ok(Answer::Events(Messages::new(<I::Op as Operation>::SERVICE, answer.await?))) })
    })
}

fn row<S, I: Input + 'static>(run: impl Fn(Arc<S>, Caller, Dialect, I) -> Reply + Send + Sync + 'static) -> Row<S> {
    let call: Call<S> = Box::new(move |service, caller, dialect, body| match decode::<I>(dialect, body) {
        Err(refusal) => Box::pin(std::future::ready(Err(refusal))),
        Ok(input) => run(service, caller, dialect, input),
    });
    Row {
        name: <I::Op as Operation>::NAME,
        service: <I::Op as Operation>::SERVICE,
        errors: <I::Op as Operation>::ERRORS,
        call,
        subject: Box::new(|_, _, _, _| None),
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Mutex, task::Poll};

    use super::*;
    use crate::kinesis;

    fn call<S>(row: &Row<S>, service: Arc<S>, body: &'static str) -> Result<Vec<u8>, ServiceError> {
        let caller = Caller::root("000000000000", "us-east-1", "a");
        let mut reply = (row.call)(service, caller, Dialect::Json11, &Bytes::from_static(body.as_bytes()));
        match reply.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
            Poll::Ready(Ok(Answer::Whole(output))) => Ok(output),
            Poll::Ready(Ok(Answer::Events(_))) => panic!("a whole answer"),
            Poll::Ready(Err(refusal)) => Err(refusal),
            Poll::Pending => panic!("nothing to wait for"),
        }
    }

    #[test]
    fn a_row_is_named_by_the_input_it_takes() {
        let row = op(|count: Arc<Mutex<i32>>, _: Caller, input: kinesis::DescribeLimitsInput| async move {
            let kinesis::DescribeLimitsInput {} = input;
            *count.lock().unwrap() += 1;
            Ok(kinesis::DescribeLimitsOutput { shard_limit: 7, ..Default::default() })
        });
        assert_eq!((row.name, row.service), ("DescribeLimits", Service::Kinesis));
        let count = Arc::new(Mutex::new(0));
        let reply = String::from_utf8(call(&row, Arc::clone(&count), "{}").unwrap()).unwrap();
        assert!(reply.starts_with(r#"{"ShardLimit":7,"#), "{reply}");
        assert_eq!(call(&row, Arc::clone(&count), "").unwrap_err().code, "SerializationException");
        assert_eq!(*count.lock().unwrap(), 1);
    }

    #[test]
    fn a_row_names_what_a_request_is_about_and_nothing_where_it_cannot_be_read() {
        let row = op(|_: Arc<()>, _: Caller, _: kinesis::DeleteStreamInput| async { Ok(()) });
        let row = row.about(|(), _, input: &kinesis::DeleteStreamInput| input.stream_name.clone());
        let caller = Caller::root("000000000000", "us-east-1", "a");
        let subject =
            |body: &'static str| (row.subject)(&(), &caller, Dialect::Json11, &Bytes::from_static(body.as_bytes()));
        assert_eq!(subject(r#"{"StreamName":"s"}"#).as_deref(), Some("s"));
        assert_eq!((subject(r#"{"StreamName":7}"#), subject("{")), (None, None));
    }

    #[test]
    fn among_others_what_is_not_found_is_looked_for_again_and_what_tells_catches_up_first() {
        type Known = Mutex<(bool, u32)>;
        async fn catch_up(known: Arc<Known>) {
            known.lock().unwrap().0 = true;
        }
        fn look(known: &Known) -> Result<(), ServiceError> {
            let mut known = known.lock().unwrap();
            known.1 += 1;
            if known.0 { Ok(()) } else { Err(ServiceError::new("ResourceNotFoundException", "no such stream")) }
        }
        let delete = op(|known: Arc<Known>, _: Caller, _: kinesis::DeleteStreamInput| async move { look(&known) });
        let describe = op(|known: Arc<Known>, _: Caller, _: kinesis::DescribeLimitsInput| async move {
            look(&known).map(|()| kinesis::DescribeLimitsOutput::default())
        });
        for (row, looks) in [(delete, 2), (describe, 1)] {
            let known = Arc::new(Known::default());
            assert!(call(&row.among_others(catch_up), Arc::clone(&known), r#"{"StreamName":"s"}"#).is_ok());
            assert_eq!(known.lock().unwrap().1, looks);
        }
    }

    #[test]
    fn an_operation_without_output_answers_nothing() {
        let row = op(|_: Arc<()>, _: Caller, _: kinesis::DeleteStreamInput| async { Ok(()) });
        assert_eq!(call(&row, Arc::new(()), r#"{"StreamName":"s"}"#).unwrap(), b"");
    }
}
