//! From a target to its row and back: the one place where faults are injected, calls are counted and timed, and a
//! failure of ours is logged.
use super::{
    chance::Draw,
    fault::{Armed, Fault, injected},
    protocol::Target,
    reply::RequestId,
};
use bytes::Bytes;
use headwater_log::clock::Clock;
use headwater_wire::{Answer, Caller, Dialect, ErrorKind, Reply, Row, Service, ServiceError};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// What a row does, whatever its service.
type Call = Box<dyn Fn(Caller, Dialect, &Bytes) -> Reply + Send + Sync>;

/// All operations there are.
pub(crate) struct Table {
    services: Vec<(Service, HashMap<&'static str, Route>)>,
    clock: Arc<dyn Clock>,
}

/// One operation: its row, and what happened to it.
pub(crate) struct Route {
    call: Call,
    /// Those it may answer with besides the common ones.
    errors: &'static [(&'static str, ErrorKind)],
    faults: Vec<Armed>,
    answered: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
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
        for Row { name, service: whose, errors, call } in rows {
            let state = Arc::clone(service);
            let route = Route {
                call: Box::new(move |caller, dialect, body| call(Arc::clone(&state), caller, dialect, body)),
                errors,
                faults: Vec::new(),
                answered: AtomicU64::new(0),
                refused: AtomicU64::new(0),
                failed: AtomicU64::new(0),
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
        id: &RequestId,
        draw: &mut Draw,
    ) -> Result<Answer, ServiceError> {
        // Nobody pays for a clock or a log line that nobody looks at.
        let begin_us = tracing::enabled!(tracing::Level::DEBUG).then(|| self.clock.steady_us());
        let outcome = match route.faults.iter().find_map(|fault| fault.strike(draw)) {
            Some(error) => Err(error),
            None => (route.call)(caller, target.dialect, body).await,
        };
        let counter = match &outcome {
            Ok(_) => &route.answered,
            Err(error) if error.kind == ErrorKind::Sender => &route.refused,
            Err(error) => {
                tracing::error!(request_id = %id, operation = target.operation, %error, "a request failed");
                &route.failed
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if let Some(begin_us) = begin_us {
            let latency_us = self.clock.steady_us() - begin_us;
            let status = outcome.as_ref().map_or_else(|error| super::reply::status(error.kind).as_u16(), |_| 200);
            let error = outcome.as_ref().err().map(|error| error.code);
            tracing::debug!(request_id = %id, operation = target.operation, status, error, latency_us, "request");
        }
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

    /// The operations that were called, each by its service's and its own name, and how often, in order.
    pub(crate) fn operations(&self) -> Vec<(&'static str, &'static str, Calls)> {
        let all = self.services.iter().flat_map(|(service, routes)| {
            routes.iter().map(|(operation, route)| (known_as(*service), *operation, route.calls()))
        });
        let mut called: Vec<_> = all.filter(|(_, _, calls)| *calls != Calls::default()).collect();
        called.sort_unstable_by_key(|(service, operation, _)| (*service, *operation));
        called
    }
}

impl Route {
    fn calls(&self) -> Calls {
        Calls {
            answered: self.answered.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }
}

/// A service by the name people know it by.
fn known_as(service: Service) -> &'static str {
    match service {
        Service::DynamoDbStreams => "dynamodbstreams",
        service => service.scope(),
    }
}
