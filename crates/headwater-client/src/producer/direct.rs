//! Records put by requests of their own. Invariant: a request holds what the API takes, and results come in the order of
//! the records.
use super::{
    Producer,
    driver::Shared,
    put::{Put, PutAll},
    request,
    retry::is_transient,
};
use crate::{Error, Record, Result};
use std::{ops::Range, time::Duration};
use tokio::time::Instant;

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
        let shared = self.shared();
        let began = Instant::now();
        for retry in 0.. {
            let answer = shared.stream.put_record(record).await;
            shared.count_request(&answer);
            match answer {
                Err(error) if is_transient(&error) && retry < shared.retry().retries => {
                    tracing::debug!(%error, retry, "PutRecord is tried again");
                    shared.pause(retry, 1).await;
                }
                answer => {
                    shared.count_result(record, answer.is_ok(), began.elapsed());
                    return answer;
                }
            }
        }
        Err(Error::Misuse("retries are without end".into()))
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
        let shared = self.shared();
        let mut results: Vec<Result<Put>> = Vec::with_capacity(records.len());
        for chunk in chunks(records, shared.request_records(), shared.request_bytes()) {
            let chunk = records.get(chunk).unwrap_or_default();
            match shared.put_chunk(chunk).await {
                Ok(more) => results.extend(more),
                Err(error) if results.iter().all(Result::is_err) => return Err(error),
                Err(error) => {
                    results.resize(records.len(), Err(error));
                    break;
                }
            }
        }
        Ok(PutAll { results })
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
    /// Puts the records of one request, those that failed again and again. The error is that of a request which failed as
    /// a whole before any record was written.
    async fn put_chunk(&self, records: &[Record]) -> Result<Vec<Result<Put>>> {
        let began = Instant::now();
        let mut results: Vec<Option<Result<Put>>> = vec![None; records.len()];
        let mut left: Vec<usize> = (0..records.len()).collect();
        for retry in 0.. {
            let pick = left.iter().filter_map(|at| records.get(*at));
            let entries = pick.map(|record| request::of_record(&record.user)).collect::<Result<_>>()?;
            let answer = self.stream.put_records(entries).await;
            self.count_request(&answer);
            let last = retry == self.retry().retries;
            let nothing_written = results.iter().flatten().all(Result::is_err);
            let answers = match answer {
                Ok(answers) => answers,
                Err(error) if nothing_written && (last || !is_transient(&error)) => {
                    records.iter().for_each(|record| self.count_result(record, false, began.elapsed()));
                    return Err(error);
                }
                Err(error) => vec![Err(error); left.len()],
            };
            let mut again = Vec::new();
            for (at, answer) in left.into_iter().zip(answers) {
                if !last && answer.as_ref().is_err_and(is_transient) {
                    again.push(at);
                }
                if let Some(result) = results.get_mut(at) {
                    *result = Some(answer);
                }
            }
            if again.is_empty() {
                break;
            }
            tracing::debug!(records = again.len(), retry, "records of PutRecords are tried again");
            self.pause(retry, again.len()).await;
            left = again;
        }
        let results: Vec<_> = results.into_iter().flatten().collect();
        records.iter().zip(&results).for_each(|(record, put)| self.count_result(record, put.is_ok(), began.elapsed()));
        Ok(results)
    }

    /// Waits before the retry of this number, of so many records.
    async fn pause(&self, retry: u32, records: usize) {
        let pause = self.draw_pause(retry, records);
        tokio::time::sleep_until(Instant::now() + pause).await;
    }

    fn count_request<V>(&self, answer: &Result<V>) {
        let mut core = self.core();
        let metrics = core.metrics_mut();
        metrics.requests += 1;
        metrics.failed_requests += u64::from(answer.is_err());
    }

    fn count_result(&self, record: &Record, written: bool, latency: Duration) {
        let mut core = self.core();
        let metrics = core.metrics_mut();
        if written {
            metrics.written(size_bytes(record), latency);
        } else {
            metrics.failures += 1;
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
