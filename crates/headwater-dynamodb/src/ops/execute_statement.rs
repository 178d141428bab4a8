//! ExecuteStatement: one `PartiQL` statement, carried out as the operation it stands for.
//!
//! Invariant: a token goes on only with the request it was given for. What is sealed: the hash of the request (16 bytes,
//! little endian), the partition (2), the row the page ended with; without a row the partition begins.
use super::{asked, paging, query, scan};
use crate::{
    DynamoDb,
    capacity::Consumed,
    errors::{self, Result},
    expression::Condition,
    partiql::{self, Asked, Reading, Select},
    read::{PAGE_BYTES, Page, Plan, Range},
    table::{Index, IndexKind, Table},
    throughput::Use,
    value,
};
use bytes::{Buf, BufMut};
use headwater_wire::{
    AttributeValue, Caller, Purpose, Sealer,
    dynamodb::{ExecuteStatementInput, ExecuteStatementOutput},
};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

const PURPOSE: Purpose = Purpose("dynamodb partiql next token");

/// Where a page begins.
#[derive(Default)]
struct Place {
    partition: usize,
    /// The row before the first one.
    row: Option<Vec<u8>>,
}

pub(crate) async fn run(
    dynamodb: Arc<DynamoDb>,
    caller: Caller,
    mut input: ExecuteStatementInput,
) -> Result<ExecuteStatementOutput> {
    let request = request_hash(&caller, &input);
    let start = match &input.next_token {
        Some(token) => {
            let plain = dynamodb.sealer().await?.open(PURPOSE, token).ok_or_else(errors::next_token_invalid)?;
            place(&plain, request).ok_or_else(errors::next_token_mismatched)?
        }
        None => Place::default(),
    };
    match partiql::read(&input.statement, input.parameters.take())? {
        Asked::Select(select) => {
            dynamodb.read_consistently(input.consistent_read).await?;
            dynamodb.select(&caller, select, &input, start, Seal { sealer: dynamodb.sealer().await?, request })
        }
        Asked::Exists(_) => Err(errors::exists_outside_transaction()),
        asked => {
            let must_know = asked::is_told(input.return_consumed_capacity);
            let shows = input.return_values_on_condition_check_failure;
            let change = dynamodb.change(&caller, asked, shows, must_know)?;
            let done = dynamodb.write_one(change.write?).await?;
            Ok(ExecuteStatementOutput {
                consumed_capacity: done.told(&change.name, input.return_consumed_capacity),
                items: Some(change.returned.of(done.written).into_iter().collect()),
                ..ExecuteStatementOutput::default()
            })
        }
    }
}

fn request_hash(caller: &Caller, input: &ExecuteStatementInput) -> u128 {
    let parameters: &[AttributeValue] = input.parameters.as_deref().unwrap_or_default();
    xxh3_128(format!("{}/{}/{}/{parameters:?}", caller.account, caller.region, input.statement).as_bytes())
}

fn place(mut plain: &[u8], request: u128) -> Option<Place> {
    let is_of_request = plain.try_get_u128_le().ok()? == request;
    let partition = plain.try_get_u16_le().ok()?.into();
    is_of_request.then(|| Place { partition, row: (!plain.is_empty()).then(|| plain.to_vec()) })
}

/// The index a statement names: what is wrong with it is said in other words than Query's.
fn index<'a>(table: &'a Table, name: Option<&str>, is_consistent: bool) -> Result<Option<&'a Index>> {
    if let Some(name) = name {
        let index = table.index(name).ok_or_else(errors::statement_index_unknown)?;
        if is_consistent && index.kind == IndexKind::Global {
            return Err(errors::statement_consistent_on_global());
        }
    }
    paging::index(table, name, is_consistent)
}

/// A statement is not filtered by what its index does not show.
fn check_filter(table: &Table, index: Option<&Index>, filter: Option<&Condition>) -> Result<()> {
    let (Some(index), Some(filter)) = (index, filter) else { return Ok(()) };
    let Some(seen) = index.seen(table) else { return Ok(()) };
    let unseen: Vec<&str> = filter.attributes().into_iter().filter(|name| !seen.contains(name)).collect();
    if unseen.is_empty() { Ok(()) } else { Err(errors::index_does_not_show_filtered(&index.name, &unseen)) }
}

/// What tells the next page of a request.
struct Seal<'a> {
    sealer: &'a Sealer,
    request: u128,
}

impl Seal<'_> {
    fn token(&self, partition: usize, row: &[u8]) -> String {
        let mut plain = Vec::with_capacity(18 + row.len());
        plain.put_u128_le(self.request);
        plain.put_u16_le(u16::try_from(partition).unwrap_or(u16::MAX)); // there are a hundred at most
        plain.extend(row);
        self.sealer.seal(PURPOSE, &plain)
    }
}

impl DynamoDb {
    /// A page of what a `SELECT` asks for: of one partition after the other, or of everything.
    fn select(
        &self,
        caller: &Caller,
        mut select: Select,
        input: &ExecuteStatementInput,
        start: Place,
        seal: Seal<'_>,
    ) -> Result<ExecuteStatementOutput> {
        let table = self.table(caller, &select.table)?;
        let is_consistent = input.consistent_read == Some(true);
        let index = index(&table, select.index.as_deref(), is_consistent)?;
        let condition = select.filter.take();
        let Reading { queries, filter, backwards } =
            partiql::reading(paging::schema(&table, index), condition, &select.order)?;
        check_filter(&table, index, filter.as_ref())?;
        let projection = select.projection()?;
        let wanted = paging::wanted(&table, index, None, projection.as_ref(), filter.as_ref())?;
        let ranges: Vec<Range> = if queries.is_empty() {
            vec![scan::rows_of(&table, index, (0, 1))]
        } else {
            queries.iter().map(|query| query::rows_of(&table, index, query, backwards)).collect()
        };
        self.admit(&table, index, Use::Read)?;
        let view = self.database.view();
        let mut read = Page { consumed: Consumed::reading(0.0, false), ..Page::default() };
        let (limit, mut row, mut next) = (paging::limit(input.limit), start.row, None);
        for (partition, range) in ranges.into_iter().enumerate().skip(start.partition) {
            if read.bytes >= PAGE_BYTES {
                next = Some((partition, Vec::new()));
                break;
            }
            let range = match row.take() {
                Some(row) => paging::behind(range, row).ok_or_else(errors::next_token_invalid)?,
                None => range,
            };
            let plan = Plan {
                table: &table,
                index,
                range,
                limit: limit - read.scanned,
                filter: filter.as_ref(),
                projection: projection.as_ref(),
                is_consistent,
                counts_only: false,
                fetches_whole: wanted.fetches_whole,
            };
            let page = plan.read(&*view)?;
            read.items.extend(page.items);
            read.scanned += page.scanned;
            read.bytes += page.bytes;
            read.consumed.add(&page.consumed);
            if let Some(key) = page.last_key {
                next = Some((partition, paging::start_row(&table, index, &key)?));
                read.last_key = Some(key);
                break;
            }
        }
        self.charge(&table, index, Use::Read, &read.consumed);
        Ok(ExecuteStatementOutput {
            items: Some(read.items.into_iter().map(|item| value::write_item(select.shown(item))).collect()),
            next_token: next.map(|(partition, row)| seal.token(partition, &row)),
            consumed_capacity: read.consumed.told(&select.table, input.return_consumed_capacity),
            last_evaluated_key: read.last_key.map(value::write_item),
        })
    }
}
