//! Leases in a table of DynamoDB's. Invariant: the attributes are named and typed as in the lease table of the Kinesis
//! Client Library, and attributes that are not known here are left alone.
use super::{
    lease::{Checkpoint, Lease},
    store::{Answer, LeaseStore, Replaced},
};
use crate::{
    clock,
    error::{Error, Result},
};
use aws_sdk_dynamodb::{
    Client,
    operation::update_item::UpdateItemError,
    types::{
        AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
        ReturnValuesOnConditionCheckFailure, ScalarAttributeType, TableStatus,
    },
};
use std::{collections::HashMap, time::Duration};

const KEY: &str = "leaseKey";
const OWNER: &str = "leaseOwner";
const COUNTER: &str = "leaseCounter";
const CHECKPOINT: &str = "checkpoint";
const SUB_SEQUENCE_NUMBER: &str = "checkpointSubSequenceNumber";
const PARENTS: &str = "parentShardId";
const OWNER_SWITCHES: &str = "ownerSwitchesSinceCheckpoint";

/// The pause between two looks whether the table is active.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// Looks until it should be: five minutes.
const LOOKS: u32 = 600;

/// A lease in its attributes.
type Item = HashMap<String, AttributeValue>;

/// Leases in a table, one row for each shard: `leaseKey` (the table's only key), `leaseOwner`, `leaseCounter`,
/// `checkpoint`, `checkpointSubSequenceNumber`, `parentShardId`, `ownerSwitchesSinceCheckpoint`.
///
/// The table is made when it is missing, billed by request.
#[derive(Clone, Debug)]
pub struct DynamoDbLeases {
    client: Client,
    table: String,
}

impl DynamoDbLeases {
    /// Leases in the table of this name: one table for each application and stream.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// Whether the table takes requests; `None` if there is none.
    async fn is_active(&self) -> Result<Option<bool>> {
        const OPERATION: &str = "DescribeTable";
        let answer = self.client.describe_table().table_name(&self.table).send().await;
        match answer.map_err(|error| Error::of_sdk(OPERATION, error)) {
            Ok(answer) => {
                let status = answer.table.and_then(|table| table.table_status);
                Ok(Some(matches!(status, Some(TableStatus::Active | TableStatus::Updating))))
            }
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn make(&self) -> Result<()> {
        let wrong = |error| Error::Misuse(format!("CreateTable: {error}"));
        let key = KeySchemaElement::builder().attribute_name(KEY).key_type(KeyType::Hash).build();
        let text = AttributeDefinition::builder().attribute_name(KEY).attribute_type(ScalarAttributeType::S).build();
        let request = self.client.create_table().table_name(&self.table).billing_mode(BillingMode::PayPerRequest);
        let request = request.key_schema(key.map_err(wrong)?).attribute_definitions(text.map_err(wrong)?);
        match request.send().await.map_err(|error| Error::of_sdk("CreateTable", error)) {
            // Another worker was faster.
            Err(error) if error.code() == Some("ResourceInUseException") => Ok(()),
            made => made.map(drop),
        }
    }

    async fn prepared(&self) -> Result<()> {
        if self.is_active().await?.is_none() {
            self.make().await?;
        }
        for _ in 0..LOOKS {
            if self.is_active().await? == Some(true) {
                return Ok(());
            }
            clock::pause(LOOK_INTERVAL).await;
        }
        Err(Error::Unexpected(format!("DescribeTable: {} did not become active", self.table)))
    }

    async fn all(&self) -> Result<Vec<Lease>> {
        let (mut leases, mut page) = (Vec::new(), None);
        loop {
            let request =
                self.client.scan().table_name(&self.table).consistent_read(true).set_exclusive_start_key(page);
            let answer = request.send().await.map_err(|error| Error::of_sdk("Scan", error))?;
            for item in answer.items.unwrap_or_default() {
                leases.extend(lease(&item)?);
            }
            page = answer.last_evaluated_key;
            if page.is_none() {
                return Ok(leases);
            }
        }
    }

    async fn created(&self, lease: &Lease) -> Result<bool> {
        let request = self.client.put_item().table_name(&self.table).set_item(Some(item(lease)));
        let request = request.condition_expression("attribute_not_exists(#k)").expression_attribute_names("#k", KEY);
        is_done(request.send().await.map_err(|error| Error::of_sdk("PutItem", error)))
    }

    async fn replaced(&self, from: &Lease, to: &Lease) -> Result<Replaced> {
        let known = Known::of(from);
        let mut names = known.names;
        let mut values = known.values;
        let mut sets = Vec::new();
        for (at, (name, value)) in item(to).into_iter().filter(|(name, _)| name != KEY && name != PARENTS).enumerate() {
            sets.push(format!("#s{at} = :s{at}"));
            names.insert(format!("#s{at}"), name);
            values.insert(format!(":s{at}"), value);
        }
        let mut update = format!("SET {}", sets.join(", "));
        if to.owner.is_none() {
            update.push_str(" REMOVE #o");
        }
        let request = self.client.update_item().table_name(&self.table).key(KEY, text(&from.shard_id));
        let request = request.update_expression(update).condition_expression(known.condition);
        let request = request.set_expression_attribute_names(Some(names)).set_expression_attribute_values(Some(values));
        let request = request.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let error = match request.send().await {
            Ok(_) => return Ok(Replaced::Done),
            Err(error) => error,
        };
        if let Some(UpdateItemError::ConditionalCheckFailedException(refused)) = error.as_service_error() {
            let current = refused.item.as_ref().map(lease).transpose()?.flatten();
            return Ok(Replaced::Refused(current));
        }
        Err(Error::of_sdk("UpdateItem", error))
    }

    async fn deleted(&self, lease: &Lease) -> Result<()> {
        let known = Known::of(lease);
        let request = self.client.delete_item().table_name(&self.table).key(KEY, text(&lease.shard_id));
        let request = request.condition_expression(known.condition).set_expression_attribute_names(Some(known.names));
        let request = request.set_expression_attribute_values(Some(known.values));
        is_done(request.send().await.map_err(|error| Error::of_sdk("DeleteItem", error))).map(drop)
    }
}

impl LeaseStore for DynamoDbLeases {
    fn prepare(&self) -> Answer<'_, ()> {
        Box::pin(self.prepared())
    }

    fn list(&self) -> Answer<'_, Vec<Lease>> {
        Box::pin(self.all())
    }

    fn create<'a>(&'a self, lease: &'a Lease) -> Answer<'a, bool> {
        Box::pin(self.created(lease))
    }

    fn replace<'a>(&'a self, from: &'a Lease, to: &'a Lease) -> Answer<'a, Replaced> {
        Box::pin(self.replaced(from, to))
    }

    fn delete<'a>(&'a self, lease: &'a Lease) -> Answer<'a, ()> {
        Box::pin(self.deleted(lease))
    }
}

/// The condition that a lease still is as it is known.
struct Known {
    condition: &'static str,
    names: HashMap<String, String>,
    values: Item,
}

impl Known {
    fn of(lease: &Lease) -> Self {
        let mut values = Item::from([(":c".to_owned(), number(lease.counter))]);
        let condition = match &lease.owner {
            Some(owner) => {
                values.insert(":o".to_owned(), text(owner));
                "#c = :c AND #o = :o"
            }
            None => "#c = :c AND attribute_not_exists(#o)",
        };
        let names = [("#c", COUNTER), ("#o", OWNER)].map(|(name, stands_for)| (name.to_owned(), stands_for.to_owned()));
        Self { condition, names: names.into(), values }
    }
}

/// Whether a conditional change was made.
fn is_done<T>(answer: Result<T>) -> Result<bool> {
    match answer {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
        Err(error) => Err(error),
    }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn item(lease: &Lease) -> Item {
    let sub_sequence_number = match &lease.checkpoint {
        Checkpoint::Record { sub_sequence_number, .. } => *sub_sequence_number,
        _ => 0,
    };
    let mut item = Item::from([
        (KEY.to_owned(), text(&lease.shard_id)),
        (COUNTER.to_owned(), number(lease.counter)),
        (CHECKPOINT.to_owned(), text(&lease.checkpoint.to_string())),
        (SUB_SEQUENCE_NUMBER.to_owned(), number(sub_sequence_number)),
        (OWNER_SWITCHES.to_owned(), number(lease.owner_switches)),
    ]);
    item.extend(lease.owner.as_ref().map(|owner| (OWNER.to_owned(), text(owner))));
    // There is no empty set.
    let parents = Some(&lease.parents).filter(|parents| !parents.is_empty());
    item.extend(parents.map(|parents| (PARENTS.to_owned(), AttributeValue::Ss(parents.iter().cloned().collect()))));
    item
}

/// The lease in an item; `None` if the item is something else: newer versions of KCL keep other things there too.
fn lease(item: &Item) -> Result<Option<Lease>> {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
    let number = |name: &str| {
        let digits = item.get(name).and_then(|value| value.as_n().ok());
        digits
            .map(|digits| digits.parse().map_err(|_| Error::Unexpected(format!("a lease's {name} is {digits}"))))
            .transpose()
    };
    let (Some(shard_id), Some(checkpoint), Some(counter)) = (text(KEY), text(CHECKPOINT), number(COUNTER)?) else {
        return Ok(None);
    };
    let checkpoint = match &*checkpoint {
        "TRIM_HORIZON" => Checkpoint::TrimHorizon,
        "LATEST" => Checkpoint::Latest,
        "AT_TIMESTAMP" => Checkpoint::AtTimestamp,
        "SHARD_END" => Checkpoint::ShardEnd,
        digits if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => Checkpoint::Record {
            sequence_number: checkpoint,
            sub_sequence_number: number(SUB_SEQUENCE_NUMBER)?.unwrap_or(0),
        },
        _ => return Err(Error::Unexpected(format!("the checkpoint of {shard_id} is {checkpoint}"))),
    };
    let parents = item.get(PARENTS).and_then(|value| value.as_ss().ok());
    Ok(Some(Lease {
        shard_id,
        owner: text(OWNER),
        counter,
        checkpoint,
        parents: parents.into_iter().flatten().cloned().collect(),
        owner_switches: number(OWNER_SWITCHES)?.unwrap_or(0),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_read_back_as_it_was_written() {
        let record = Checkpoint::Record { sequence_number: "4957".into(), sub_sequence_number: 3 };
        let parents = ["shardId-000000000001".to_owned(), "shardId-000000000002".to_owned()];
        for checkpoint in
            [Checkpoint::TrimHorizon, Checkpoint::Latest, Checkpoint::AtTimestamp, Checkpoint::ShardEnd, record]
        {
            let free = Lease::new("shardId-000000000003", parents.clone(), checkpoint);
            assert_eq!(lease(&item(&free)), Ok(Some(free.clone())));
            assert_eq!(lease(&item(&free.claimed("me"))), Ok(Some(free.claimed("me"))));
        }
    }

    #[test]
    fn items_of_another_kind_are_passed_over_and_broken_leases_are_not() {
        let mut strange = item(&Lease::new("s", [], Checkpoint::Latest));
        strange.insert(CHECKPOINT.to_owned(), text("SOMEWHERE"));
        assert!(matches!(lease(&strange), Err(Error::Unexpected(_))));
        strange.remove(CHECKPOINT);
        assert_eq!(lease(&strange), Ok(None));
    }
}
