//! From a target to its row and back: the one place where faults are injected, calls are counted and timed, and a
//! failure of ours is logged.
use super::{
    Exchange,
    fault::{Armed, Fault, injected},
    protocol::Target,
};
use bytes::Bytes;
use headwater_log::{
    clock::Clock,
    histogram::{Distribution, Histogram},
};
use headwater_wire::{Answer, Caller, Dialect, ErrorKind, Reply, Row, Service, ServiceError};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// What a row does, whatever its service.
type Call = Box<dyn Fn(Caller, Dialect, &Bytes) -> Reply + Send + Sync>;

/// What a request for a row is about.
type Subject = Box<dyn Fn(&Caller, Dialect, &Bytes) -> Option<String> + Send + Sync>;

/// Microseconds a request takes, from one that is read from memory to one that its client gives up.
const LATENCY_US: [u64; 12] =
    [100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 100_000, 500_000, 2_500_000, 10_000_000];

/// All operations there are.
pub(crate) struct Table {
    services: Vec<(Service, HashMap<&'static str, Route>)>,
    clock: Arc<dyn Clock>,
}

/// One operation: its row, and what happened to it.
pub(crate) struct Route {
    call: Call,
    subject: Subject,
    /// Those it may answer with besides the common ones.
    errors: &'static [(&'static str, ErrorKind)],
    faults: Vec<Armed>,
    answered: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    latency: Histogram,
    /// How often it answered with an error, by its code.
    refusals: Codes,
    /// How often its caller could not be told, by the error's code.
    denials: Codes,
}

/// How often each of a few errors occurred. Those are the model's, so they are few.
#[derive(Default)]
struct Codes(Mutex<BTreeMap<&'static str, u64>>);

impl Codes {
    fn count(&self, code: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(code).or_default() += 1;
    }

    fn all(&self) -> Vec<(&'static str, u64)> {
        let codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        codes.iter().map(|(code, count)| (*code, *count)).collect()
    }
}

/// What happened to an operation so far.
#[derive(Clone, Debug)]
pub(crate) struct OperationReading {
    /// The name people know its service by.
    pub(crate) service: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) calls: Calls,
    /// In microseconds.
    pub(crate) latency: Distribution,
    /// Errors it answered with, by code.
    pub(crate) errors: Vec<(&'static str, u64)>,
    /// Requests whose caller could not be told, by the error's code.
    pub(crate) denials: Vec<(&'static str, u64)>,
}

/// How often a service's operations were called, by outcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Calls {
    /// With their output.
    pub(crate) answered: u64,
    /// The caller's fault.
    pub(crate) refused: u64,
    /// Ours.
    pub(crate) failed: u64,
}

impl Table {
    /// No operations yet.
    pub(crate) const fn new(clock: Arc<dyn Clock>) -> Self {
        Self { services: Vec::new(), clock }
    }

    /// These and the operations of one more service.
    pub(crate) fn with<S: Send + Sync + 'static>(mut self, service: &Arc<S>, rows: Vec<Row<S>>) -> Self {
        for Row { name, service: whose, errors, call, subject } in rows {
            let (state, asked) = (Arc::clone(service), Arc::clone(service));
            let route = Route {
                call: Box::new(move |caller, dialect, body| call(Arc::clone(&state), caller, dialect, body)),
                subject: Box::new(move |caller, dialect, body| subject(&asked, caller, dialect, body)),
                errors,
                faults: Vec::new(),
                answered: AtomicU64::new(0),
                refused: AtomicU64::new(0),
                failed: AtomicU64::new(0),
                latency: Histogram::new(&LATENCY_US),
                refusals: Codes::default(),
                denials: Codes::default(),
            };
            self.routes_of(whose).insert(name, route);
        }
        self
    }

    fn routes_of(&mut self, service: Service) -> &mut HashMap<&'static str, Route> {
        let place = self.services.iter().position(|(whose, _)| *whose == service).unwrap_or_else(|| {
            self.services.push((service, HashMap::new()));
            self.services.len() - 1
        });
        &mut self.services[place].1
    }

    /// Arms the faults asked for, in every service that has the operation and the error.
    ///
    /// # Errors
    /// A sentence if there is no such operation, or none that knows the error.
    pub(crate) fn arm(&mut self, faults: &[Fault]) -> Result<(), String> {
        for Fault { operation, error, probability } in faults {
            let mut armed = Err(format!("--fault {operation}:{error}: there is no operation {operation}"));
            for (_, routes) in &mut self.services {
                let Some(route) = routes.get_mut(operation.as_str()) else { continue };
                match injected(route.errors, operation, error) {
                    Ok(error) => {
                        route.faults.push(Armed::new(error, *probability));
                        armed = Ok(());
                    }
                    Err(why) if armed.is_err() => armed = Err(why),
                    Err(_) => {}
                }
            }
            armed?;
        }
        Ok(())
    }

    /// The operation of `target`, if its service has it.
    pub(crate) fn find(&self, target: Target<'_>) -> Option<&Route> {
        let (_, routes) = self.services.iter().find(|(service, _)| *service == target.service)?;
        routes.get(target.operation)
    }

    /// Runs an operation.
    ///
    /// # Errors
    /// The operation's refusal, in the service's words.
    pub(crate) async fn run(
        &self,
        route: &Route,
        target: Target<'_>,
        caller: Caller,
        body: &Bytes,
        exchange: &mut Exchange<'_>,
    ) -> Result<Answer, ServiceError> {
        let outcome = match route.faults.iter().find_map(|fault| fault.strike(&mut exchange.draw)) {
            Some(error) => Err(error),
            None => exchange.notes.follow(&*self.clock, (route.call)(caller, target.dialect, body)).await,
        };
        if outcome.as_ref().is_err_and(|error| error.kind == ErrorKind::Elsewhere) {
            exchange.notes.goes_elsewhere(&*self.clock);
            return outcome; // whoever answers it counts it
        }
        let counter = match &outcome {
            Ok(_) => &route.answered,
            Err(error) => {
                route.refusals.count(error.code);
                if error.kind == ErrorKind::Sender {
                    &route.refused
                } else {
                    let (request_id, operation, cause) = (exchange.id, target.operation, error.cause());
                    if error.kind == ErrorKind::Unavailable {
                        tracing::warn!(%request_id, operation, %error, cause, "a request cannot be answered for now");
                    } else {
                        tracing::error!(%request_id, operation, %error, cause, "a request failed");
                    }
                    &route.failed
                }
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
        route.latency.note(exchange.notes.answered(&*self.clock));
        outcome
    }

    /// The services there are, by the names people know them by, and how often they were called.
    pub(crate) fn calls(&self) -> Vec<(&'static str, Calls)> {
        let sum = |routes: &HashMap<_, Route>| {
            routes.values().map(Route::calls).fold(Calls::default(), |sum, calls| Calls {
                answered: sum.answered + calls.answered,
                refused: sum.refused + calls.refused,
                failed: sum.failed + calls.failed,
            })
        };
        self.services.iter().map(|(service, routes)| (known_as(*service), sum(routes))).collect()
    }

    /// The operations that somebody asked for, in order.
    pub(crate) fn operations(&self) -> Vec<OperationReading> {
        let all = self.services.iter().flat_map(|(service, routes)| {
            routes.iter().map(|(operation, route)| OperationReading {
                service: known_as(*service),
                operation,
                calls: route.calls(),
                latency: route.latency.distribution(),
                errors: route.refusals.all(),
                denials: route.denials.all(),
            })
        });
        let mut asked: Vec<_> = all.filter(|it| it.calls != Calls::default() || !it.denials.is_empty()).collect();
        asked.sort_unstable_by_key(|it| (it.service, it.operation));
        asked
    }
}

impl Route {
    /// Counts a request whose caller could not be told.
    pub(crate) fn deny(&self, error: &ServiceError) {
        self.denials.count(error.code);
    }

    /// What a request is about.
    pub(crate) fn subject(&self, caller: &Caller, dialect: Dialect, body: &Bytes) -> Option<String> {
        (self.subject)(caller, dialect, body)
    }

    fn calls(&self) -> Calls {
        Calls {
            answered: self.answered.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }
}

/// A service by the name people know it by.
pub(super) const fn known_as(service: Service) -> &'static str {
    match service {
        Service::DynamoDbStreams => "dynamodbstreams",
        service => service.scope(),
    }
}
