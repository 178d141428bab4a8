//! Records put by requests of their own. Invariant: a request holds what the API takes, and results come in the order of
//! the records.
use super::{
    Producer,
    driver::Shared,
    put::{Put, PutAll},
    request,
};
use crate::{Error, Record, Result, backoff::passes, clock};
use std::{ops::Range, slice, time::Duration};

impl Producer {
    /// Writes one record by a PutRecord request.
    ///
    /// What failed for a passing reason is tried again, as [`Retry`](crate::Retry) says.
    ///
    /// # Errors
    /// [`Error::Failed`] if the service refused the record or was not reached, with its status, code and message.
    ///
    /// ```no_run
    /// # use headwater_client::{Producer, Record, Result};
    /// # async fn f(producer: &Producer) -> Result<()> {
    /// let put = producer.put(&Record::bytes("partitionKey", "Hello!")?).await?;
    /// println!("{} {} {:?}", put.shard_id(), put.sequence_number(), put.encryption_type());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn put(&self, record: &Record) -> Result<Put> {
        let (shared, began, mut retry) = (self.shared(), clock::now(), 0);
        loop {
            let answer = shared.stream.put_record(record).await;
            shared.count_request(&answer);
            match answer {
                Err(error) if passes(&error) && retry < shared.retry().retries => {
                    tracing::debug!(%error, retry, "PutRecord is tried again");
                    shared.pause(retry, 1).await;
                    retry += 1;
                }
                answer => {
                    shared.count_results(slice::from_ref(record), slice::from_ref(&answer), began.elapsed());
                    return answer;
                }
            }
        }
    }

    /// Writes any number of records by PutRecords requests, one after another.
    ///
    /// There is a result for each record, in the order in which they were given. Records that failed for a passing reason
    /// are sent again, they alone, as [`Retry`](crate::Retry) says; [`Retry::NEVER`](crate::Retry::NEVER) leaves them at
    /// one request. The service may write the records of a request in another order, and some of them only: where the
    /// order within a partition key matters, [`send`](Self::send) keeps it.
    ///
    /// # Errors
    /// [`Error::Misuse`] if a record asks for a sequence number ([`Record::after`]), which PutRecords cannot give.
    /// [`Error::Failed`] or [`Error::Unexpected`] if a request failed as a whole and nothing was written; after some
    /// records were written, those of requests that failed, and those that were not sent any more, have the error each.
    ///
    /// ```no_run
    /// # use headwater_client::{Producer, Record, Result};
    /// # async fn f(producer: &Producer) -> Result<()> {
    /// let records = [Record::json("a", "test")?, Record::json("b", &12345)?];
    /// let all = producer.put_all(&records).await?;
    /// println!("{} of {} failed", all.failed(), all.results.len());
    /// for (at, error) in all.failures() {
    ///     println!("record {at}: {error}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn put_all(&self, records: &[Record]) -> Result<PutAll> {
        if records.iter().any(|record| record.after.is_some()) {
            return Err(Error::Misuse("only `put` can ask for a sequence number above another".into()));
        }
        let (shared, began) = (self.shared(), clock::now());
        let (mut results, mut end) = (Vec::with_capacity(records.len()), None);
        for chunk in chunks(records, shared.request_records(), shared.request_bytes()) {
            end = shared.put_chunk(records.get(chunk).unwrap_or_default(), &mut results).await.err();
            if let Some(error) = &end {
                results.resize(records.len(), Err(error.clone()));
                break;
            }
        }
        shared.count_results(records, &results, began.elapsed());
        match end {
            Some(error) if results.iter().all(Result::is_err) => Err(error),
            _ => Ok(PutAll { results }),
        }
    }
}

/// Cuts `records` into pieces of at most so many records and so many bytes of data and keys.
fn chunks(records: &[Record], most: usize, most_bytes: usize) -> Vec<Range<usize>> {
    let (mut chunks, mut start, mut size) = (Vec::new(), 0, 0);
    for (at, record) in records.iter().enumerate() {
        let bytes = size_bytes(record);
        if at > start && (at - start == most || size + bytes > most_bytes) {
            chunks.push(start..at);
            (start, size) = (at, 0);
        }
        size += bytes;
    }
    if start < records.len() {
        chunks.push(start..records.len());
    }
    chunks
}

fn size_bytes(record: &Record) -> usize {
    record.user.data.len() + record.user.partition_key.len()
}

impl Shared {
    /// Puts the records of one request, those that failed again and again, and adds their results. The error is that of a
    /// request which failed as a whole for the last time.
    async fn put_chunk(&self, records: &[Record], all: &mut Vec<Result<Put>>) -> Result<()> {
        let first = all.len();
        let (mut left, mut retry): (Vec<usize>, _) = ((0..records.len()).collect(), 0);
        loop {
            let pick = left.iter().filter_map(|at| records.get(*at));
            let entries = pick.map(|record| request::of_record(&record.user)).collect::<Result<_>>()?;
            let answer = self.stream.put_records(entries).await;
            self.count_request(&answer);
            let failed = answer.as_ref().err().cloned();
            let results = answer.unwrap_or_else(|error| vec![Err(error); left.len()]);
            let mut again = Vec::new();
            for (at, result) in left.into_iter().zip(results) {
                if result.as_ref().is_err_and(passes) {
                    again.push(at);
                }
                match all.get_mut(first + at) {
                    Some(earlier) => *earlier = result,
                    // The first attempt is at all of them, in their order.
                    None => all.push(result),
                }
            }
            left = again;
            if left.is_empty() || retry == self.retry().retries {
                return failed.map_or(Ok(()), Err);
            }
            tracing::debug!(records = left.len(), retry, "records of PutRecords are tried again");
            self.pause(retry, left.len()).await;
            retry += 1;
        }
    }

    /// Waits before the retry of this number, of so many records.
    async fn pause(&self, retry: u32, records: usize) {
        clock::pause(self.draw_pause(retry, records)).await;
    }

    fn count_request<V>(&self, answer: &Result<V>) {
        let mut core = self.core();
        let metrics = core.metrics_mut();
        metrics.requests += 1;
        metrics.failed_requests += u64::from(answer.is_err());
    }

    fn count_results(&self, records: &[Record], results: &[Result<Put>], latency: Duration) {
        let mut core = self.core();
        let metrics = core.metrics_mut();
        for (record, result) in records.iter().zip(results) {
            match result {
                Ok(_) => metrics.written(size_bytes(record), latency),
                Err(_) => metrics.failures += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_cut_by_count_and_bytes_and_a_big_one_goes_alone() {
        let records = |sizes: &[usize]| -> Vec<Record> {
            sizes.iter().map(|size| Record::bytes("k", vec![0; size - 1]).unwrap()).collect()
        };
        assert_eq!(chunks(&[], 3, 100), []);
        assert_eq!(chunks(&records(&[1; 7]), 3, 100), [0..3, 3..6, 6..7]);
        assert_eq!(chunks(&records(&[50, 50, 1, 200, 1]), 3, 100), [0..2, 2..3, 3..4, 4..5]);
    }
}
