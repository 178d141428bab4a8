//! Who may do what: each row says what its input is about, and whoever decides is asked about each before it runs.
//!
//! Invariant: no operation with a row runs before everything it does was allowed.
use crate::{
    DynamoDb,
    errors::{self, Result},
    partiql::{self, syntax::Statement},
    stream_ops,
    table::{Scope, Table, Tables},
    target,
};
use headwater_wire::{
    Ask, Caller, Input, Operation, Row,
    dynamodb::{Tag, TransactGetItem, TransactWriteItem},
    op, tells,
};
use std::{borrow::Cow, collections::BTreeMap, future::Future, sync::Arc};

/// What is done to what.
pub(crate) struct Deed<'a> {
    /// IAM's name of it, where that is not the operation's.
    action: Option<&'static str>,
    subject: Subject<'a>,
}

enum Subject<'a> {
    /// Nothing in particular.
    Nothing,
    /// A table, by name or ARN.
    Table(Cow<'a, str>),
    /// A table's index.
    Index(Cow<'a, str>, Cow<'a, str>),
    /// Anything, by its ARN.
    Arn(&'a str),
}

/// What an input is about, and the tags it brings.
pub(crate) struct About<'a> {
    deeds: Vec<Deed<'a>>,
    tags: &'a [Tag],
    /// Whether something is to be decided, as far as that can be told.
    is_decided: bool,
}

impl<'a> About<'a> {
    fn one(subject: Subject<'a>) -> Self {
        Self { deeds: vec![Deed { action: None, subject }], tags: &[], is_decided: false }
    }

    /// Nothing in particular: lists.
    pub(crate) fn nothing() -> Self {
        Self::one(Subject::Nothing)
    }

    /// A table, by its name or ARN.
    pub(crate) fn table(name: &'a str) -> Self {
        Self::one(Subject::Table(name.into()))
    }

    /// A table, or an index of it.
    pub(crate) fn index(table: &'a str, index: Option<&'a str>) -> Self {
        Self::one(index.map_or(Subject::Table(table.into()), |index| Subject::Index(table.into(), index.into())))
    }

    /// What has this ARN: a table, an index, a stream.
    pub(crate) fn arn(arn: &'a str) -> Self {
        Self::one(Subject::Arn(arn))
    }

    /// Several tables.
    pub(crate) fn tables(names: impl Iterator<Item = &'a String>) -> Self {
        let deeds = names.map(|name| Deed { action: None, subject: Subject::Table(name.into()) });
        Self { deeds: deeds.collect(), tags: &[], is_decided: false }
    }

    /// What a transaction writes: IAM knows its parts, not the whole.
    pub(crate) fn transaction(items: &'a [TransactWriteItem]) -> Self {
        Self::deeds(items.iter().flat_map(|item| {
            let TransactWriteItem { condition_check, put, delete, update } = item;
            let check = condition_check.as_ref().map(|check| ("ConditionCheckItem", &check.table_name));
            let put = put.as_ref().map(|put| ("PutItem", &put.table_name));
            let delete = delete.as_ref().map(|delete| ("DeleteItem", &delete.table_name));
            let update = update.as_ref().map(|update| ("UpdateItem", &update.table_name));
            [check, put, delete, update].into_iter().flatten()
        }))
    }

    /// What a transaction reads.
    pub(crate) fn transaction_of_reads(items: &'a [TransactGetItem]) -> Self {
        Self::deeds(items.iter().map(|item| ("GetItem", &item.get.table_name)))
    }

    /// What statements do; one that is none does nothing.
    pub(crate) fn statements(texts: impl Iterator<Item = &'a String>) -> Self {
        let deed = |statement| {
            let (action, table, index) = match statement {
                Statement::Select(select) | Statement::Exists(select) => ("PartiQLSelect", select.table, select.index),
                Statement::Insert { table, .. } => ("PartiQLInsert", table, None),
                Statement::Update { table, .. } => ("PartiQLUpdate", table, None),
                Statement::Delete { table, .. } => ("PartiQLDelete", table, None),
            };
            let subject = match index {
                Some(index) => Subject::Index(table.into(), index.into()),
                None => Subject::Table(table.into()),
            };
            Deed { action: Some(action), subject }
        };
        let statements = texts.filter_map(|text| partiql::parse(text).ok());
        let deeds: Vec<_> = statements.map(deed).collect();
        let is_decided = deeds.iter().any(|deed| deed.action != Some("PartiQLSelect"));
        Self { deeds, tags: &[], is_decided }
    }

    fn deeds(deeds: impl Iterator<Item = (&'static str, &'a String)>) -> Self {
        let deeds = deeds.map(|(action, name)| Deed { action: Some(action), subject: Subject::Table(name.into()) });
        Self { deeds: deeds.collect(), tags: &[], is_decided: false }
    }

    /// What it is about: a table, an index or a stream behind its table, or several with commas between them.
    fn name(&self, caller: &Caller) -> Option<String> {
        let arns = self.deeds.iter().map(|deed| arn(caller, &deed.subject));
        let mut names: Vec<String> =
            arns.filter_map(|arn| arn.split_once(":table/").map(|(_, name)| name.to_owned())).collect();
        names.sort_unstable();
        names.dedup();
        (!names.is_empty()).then(|| names.join(","))
    }

    /// The same, of an operation that changes it.
    pub(crate) fn decided(self) -> Self {
        Self { is_decided: true, ..self }
    }

    /// Whether all of it is there and can be used.
    fn is_known(&self, tables: &Tables, caller: &Caller) -> bool {
        let is_known = |arn: &str| match arn {
            "*" => true,
            arn if arn.contains("/stream/") => stream_ops::is_known(tables, arn),
            arn => table_of(tables, arn).is_some_and(|table| target::is_usable(table)),
        };
        self.deeds.iter().all(|deed| is_known(&arn(caller, &deed.subject)))
    }

    /// The same, with the tags the input brings.
    pub(crate) fn tagged(self, tags: &'a [Tag]) -> Self {
        Self { tags, ..self }
    }
}

/// The row of the operation whose input `run` takes and of which `about` says what it is about.
pub(crate) fn guarded_op<I, F, Fut>(run: F, about: fn(&I) -> About<'_>) -> Row<DynamoDb>
where
    I: Input + Sync + 'static,
    F: Fn(Arc<DynamoDb>, Caller, I) -> Fut + Send + Sync + Copy + 'static,
    Fut: Future<Output = Result<<I::Op as Operation>::Output>> + Send + 'static,
{
    op(move |dynamodb: Arc<DynamoDb>, caller: Caller, input: I| async move {
        if dynamodb.database.is_shared() {
            let is_stale = {
                let about = about(&input);
                // What is known here of tables may be old: whoever decides is to look at them.
                if about.is_decided && !dynamodb.database.is_leading() {
                    return Err(errors::elsewhere());
                }
                // What is told of tables, and what is not found, may have been made through another process.
                tells(<I::Op as Operation>::NAME) || !about.is_known(&dynamodb.database.tables(), &caller)
            };
            if is_stale {
                dynamodb.database.catch_up().await?;
            }
        }
        if !dynamodb.access.is_open() {
            dynamodb.authorize::<I::Op>(&caller, &about(&input))?;
        }
        run(dynamodb, caller, input).await
    })
    .about(move |_: &DynamoDb, caller, input: &I| about(input).name(caller))
}

impl DynamoDb {
    /// # Errors
    /// The refusal of the first thing that is not allowed.
    fn authorize<O: Operation>(&self, caller: &Caller, about: &About<'_>) -> Result<()> {
        let tables = self.database.tables();
        let request_tags: BTreeMap<_, _> = about.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect();
        let mut decided = Vec::new();
        for deed in &about.deeds {
            let resource = arn(caller, &deed.subject);
            let operation = deed.action.unwrap_or(O::NAME);
            if decided.contains(&(operation, resource.clone())) {
                continue;
            }
            let no_tags = BTreeMap::new();
            self.access.decide(&Ask {
                caller,
                service: O::SERVICE,
                operation,
                resource: &resource,
                policy: None,
                request_tags: &request_tags,
                resource_tags: table_of(&tables, &resource).map_or(&no_tags, |table| &table.tags),
                now_ms: self.clock.now_ms(),
            })?;
            decided.push((operation, resource));
        }
        Ok(())
    }
}

/// The ARN of a subject. What names nothing is nothing in particular: the operation will say what is wrong with it.
fn arn(caller: &Caller, subject: &Subject<'_>) -> String {
    let table = |name: &str| target::named(caller, name).ok().map(|(scope, name)| scope.table_arn(name));
    let named = match subject {
        Subject::Nothing => None,
        Subject::Table(name) => table(name),
        Subject::Index(name, index) => table(name).map(|arn| format!("{arn}/index/{index}")),
        Subject::Arn(arn) => Some((*arn).to_owned()),
    };
    named.unwrap_or_else(|| "*".into())
}

/// The table that an ARN is of, or is of a part of.
fn table_of<'a>(tables: &'a Tables, arn: &str) -> Option<&'a Arc<Table>> {
    let (region, account, name) = target::arn_parts(arn.strip_prefix("arn:")?)?;
    tables.find(&Scope { account: account.into(), region: region.into() }, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_a_deed_of_its_kind_at_its_table_or_index() {
        let texts = [
            "SELECT * FROM music.years",
            "EXISTS(SELECT * FROM music)",
            "INSERT INTO music VALUE {}",
            "UPDATE music REMOVE a",
            "DELETE FROM music",
            "SLECT",
        ];
        let texts = texts.map(str::to_owned);
        let caller = Caller::root("000000000000", "us-east-1", "k");
        let deed = |deed: &Deed<'_>| (deed.action.unwrap(), arn(&caller, &deed.subject));
        let deeds: Vec<_> = About::statements(texts.iter()).deeds.iter().map(deed).collect();
        let table = "arn:aws:dynamodb:us-east-1:000000000000:table/music";
        let expected = [
            ("PartiQLSelect", format!("{table}/index/years")),
            ("PartiQLSelect", table.to_owned()),
            ("PartiQLInsert", table.to_owned()),
            ("PartiQLUpdate", table.to_owned()),
            ("PartiQLDelete", table.to_owned()),
        ];
        assert_eq!(deeds, expected);
    }
}
