//! What a delivery stream shows to whoever looks after it: the objects it wrote last, and the records behind its errors.
//!
//! Invariant: what is opened is an object of errors of that very delivery stream: one it remembers to have written, or one
//! whose key no other delivery stream gives. Its records are for those who may read the object.
use crate::{
    Firehose,
    access::About,
    compress,
    deliver::Written,
    errors::{self, Result},
    plan::Plan,
    prefix,
};
use bytes::Bytes;
use headwater_wire::{Caller, ServiceError};

/// The largest object that is opened, packed or not: a buffer at its largest, as lines of JSON.
const MAX_BYTES: usize = 192 << 20;

/// What a delivery stream wrote last, the newest first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivered {
    /// Objects of records, those of the backup too.
    pub objects: Vec<Written>,
    /// Objects of errors.
    pub errors: Vec<Written>,
}

/// An object of errors that may be opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ErrorObject {
    bucket: String,
    key: String,
}

impl ErrorObject {
    /// What a policy calls it.
    #[must_use]
    pub fn arn(&self) -> String {
        format!("arn:aws:s3:::{}/{}", self.bucket, self.key)
    }
}

impl Firehose {
    /// What a delivery stream wrote last, for a caller who may describe it.
    ///
    /// # Errors
    /// The service's.
    pub fn delivered(&self, caller: &Caller, name: &str) -> Result<Delivered> {
        self.authorize("DescribeDeliveryStream", caller, About { name: Some(name), tags: &[] })?;
        let incarnation = self.with_stream(caller, name, |stream| stream.incarnation)?;
        let meter = self.meters.of(incarnation);
        Ok(Delivered { objects: meter.last(false), errors: meter.last(true) })
    }

    /// The object of errors at `key`, for a caller who may describe the delivery stream; whether its records may be seen is
    /// to be asked before it is opened.
    ///
    /// # Errors
    /// The service's.
    pub fn error_object(&self, caller: &Caller, name: &str, key: &str) -> Result<ErrorObject> {
        let remembered = self.delivered(caller, name)?.errors.into_iter().find(|written| written.key == key);
        if let Some(Written { bucket, key, .. }) = remembered {
            return Ok(ErrorObject { bucket, key });
        }
        let bucket = Plan::of(&self.with_stream(caller, name, |stream| stream.destination.clone())?)?.bucket;
        if !prefix::is_key_of(key, &bucket.error_prefix, name) {
            return Err(errors::invalid_argument(format!("{key} is not the key of an object of errors of {name}.")));
        }
        Ok(ErrorObject { bucket: bucket.name, key: key.to_owned() })
    }

    /// The lines of an object of errors.
    ///
    /// # Errors
    /// Why it cannot be read, in the store's words.
    pub async fn open_errors(&self, object: &ErrorObject) -> Result<Bytes> {
        let unread = |why: String| ServiceError::new("InvalidArgumentException", why);
        let packed = self.objects.get(&object.bucket, &object.key, MAX_BYTES).await;
        let packed = packed.map_err(|failure| unread(format!("{}: {}", failure.code, failure.message)))?;
        let opened = tokio::task::spawn_blocking(move || compress::open(&packed, MAX_BYTES)).await;
        let opened = opened.map_err(|_| errors::internal_failure())?;
        opened.map(Bytes::from).map_err(|error| unread(format!("The object cannot be opened: {error}.")))
    }
}
