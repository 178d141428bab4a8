//! Request bodies, collected whole and bounded: each by its service's limit, all that are large together by a budget,
//! and every one in time. A body that came in one piece is passed on without a copy.
use super::{pulse::Pulse, reply::Refusal};
use bytes::{Bytes, BytesMut};
use headwater_log::clock::Clock;
use headwater_wire::Service;
use http::{header, request::Parts};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use std::sync::Arc;
use tokio::sync::{Semaphore, SemaphorePermit};

/// The largest `PutRecords` carries 10 MiB as base64, its keys and its punctuation: 14 MiB. Somewhat more is read, so
/// that one record too many gets the service's own sentence.
const KINESIS_BODY_BYTES: usize = 24 << 20;
/// As the service has it.
const DYNAMO_BODY_BYTES: usize = 16 << 20;
/// The names and values of a request's headers at most, and its path.
pub(crate) const HEAD_BYTES: u32 = 64 << 10;
/// Bodies up to this size are outside the budget; the number of connections bounds them.
const SMALL_BODY_BYTES: usize = 64 << 10;
/// What all large bodies may hold together; who comes later waits.
const BUDGET_BYTES: usize = 1 << 30;
/// A body that is not whole after this long is given up.
const BODY_MS: u64 = 120_000;
/// How much a caller may go on sending that nobody wants, so that it comes to see the answer …
const DRAIN_BYTES: usize = 64 << 20;
/// … as long as it does go on.
const DRAIN_PAUSE_MS: u64 = 500;
/// Room taken at once, whatever length is announced.
const FIRST_ROOM_BYTES: usize = 1 << 20;

/// How bodies are taken in.
pub(crate) struct Intake {
    limit_bytes: Option<usize>,
    budget: Semaphore,
    clock: Arc<dyn Clock>,
}

/// A body, and its share of the budget for as long as it is held.
pub(crate) struct Taken<'a> {
    pub(crate) bytes: Bytes,
    _share: Option<SemaphorePermit<'a>>,
}

impl Intake {
    /// `limit_bytes` stands for all services' own limits.
    pub(crate) fn new(limit_bytes: Option<usize>, clock: Arc<dyn Clock>) -> Self {
        Self { limit_bytes, budget: Semaphore::new(BUDGET_BYTES / SMALL_BODY_BYTES), clock }
    }

    /// The whole body of a request to `service`.
    ///
    /// # Errors
    /// `HeadTooLarge`, `TooLarge` or `TooSlow`; a body cut off is `TooSlow` too, as nobody is there to hear more.
    pub(crate) async fn take(
        &self,
        head: &Parts,
        service: Service,
        mut body: Incoming,
        pulse: &Pulse,
    ) -> Result<Taken<'_>, Refusal> {
        let fields = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
        if head.uri.path().len() + fields.sum::<usize>() > HEAD_BYTES as usize {
            return Err(Refusal::HeadTooLarge(service));
        }
        let limit_bytes = self.limit_bytes.unwrap_or(match service {
            Service::Kinesis | Service::Firehose | Service::Glue => KINESIS_BODY_BYTES,
            Service::DynamoDb | Service::DynamoDbStreams => DYNAMO_BODY_BYTES,
        });
        let announced = body.size_hint();
        if announced.lower() > limit_bytes as u64 {
            // Who announces more than is read off hears it at once; who asked first sends nothing.
            if announced.lower() <= DRAIN_BYTES as u64 && !head.headers.contains_key(header::EXPECT) {
                self.drain(&mut body).await;
            }
            return Err(Refusal::TooLarge(service));
        }
        let most_bytes = announced.exact().map_or(limit_bytes, |exact| usize::try_from(exact).unwrap_or(limit_bytes));
        if most_bytes <= SMALL_BODY_BYTES {
            // No timer: a small body that stalls is found by the connection's lookout, and costs nothing till then.
            let reading = pulse.read();
            let bytes = self.collect(&mut body, most_bytes).await.map_err(|fault| fault.refusal(service))?;
            drop(reading);
            return Ok(Taken { bytes, _share: None });
        }
        let shares = most_bytes.min(BUDGET_BYTES).div_ceil(SMALL_BODY_BYTES);
        let shares = u32::try_from(shares).unwrap_or(u32::MAX);
        let share = self.budget.acquire_many(shares).await.ok();
        let _reading = pulse.read();
        tokio::select! {
            biased;
            outcome = self.collect(&mut body, most_bytes) => match outcome {
                Ok(bytes) => return Ok(Taken { bytes, _share: share }),
                Err(Fault::TooLarge) => {}
                Err(fault) => return Err(fault.refusal(service)),
            },
            () = self.clock.sleep(BODY_MS) => return Err(Refusal::TooSlow(service)),
        }
        drop(share);
        self.drain(&mut body).await;
        Err(Refusal::TooLarge(service))
    }

    /// Puts a body's pieces together, in time as long as they keep coming.
    async fn collect(&self, body: &mut Incoming, most_bytes: usize) -> Result<Bytes, Fault> {
        let Some(first) = next(body).await? else { return Ok(Bytes::new()) };
        if body.is_end_stream() && first.len() <= most_bytes {
            return Ok(first);
        }
        let end_us = self.clock.steady_us() + BODY_MS * 1000;
        let mut all = BytesMut::with_capacity(most_bytes.min(FIRST_ROOM_BYTES));
        let mut piece = Some(first);
        while let Some(bytes) = piece {
            if all.len() + bytes.len() > most_bytes {
                return Err(Fault::TooLarge);
            }
            if self.clock.steady_us() > end_us {
                return Err(Fault::CutOff);
            }
            all.extend_from_slice(&bytes);
            piece = next(body).await?;
        }
        Ok(all.freeze())
    }

    /// Reads on without keeping anything: a caller that sends first and listens then would otherwise find the
    /// connection reset instead of the answer.
    async fn drain(&self, body: &mut Incoming) {
        let mut left = DRAIN_BYTES;
        loop {
            let piece = tokio::select! {
                biased;
                piece = next(body) => piece,
                () = self.clock.sleep(DRAIN_PAUSE_MS) => return,
            };
            match piece {
                Ok(Some(piece)) if piece.len() < left => left -= piece.len(),
                _ => return,
            }
        }
    }
}

enum Fault {
    TooLarge,
    CutOff,
}

impl Fault {
    const fn refusal(self, service: Service) -> Refusal {
        match self {
            Self::TooLarge => Refusal::TooLarge(service),
            Self::CutOff => Refusal::TooSlow(service),
        }
    }
}

/// The next piece; trailers are passed over.
async fn next(body: &mut Incoming) -> Result<Option<Bytes>, Fault> {
    loop {
        match body.frame().await {
            None => return Ok(None),
            Some(Err(_)) => return Err(Fault::CutOff),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}
