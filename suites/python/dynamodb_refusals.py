"""What DynamoDB refuses, and in which words: each text once. The table of the item refusals has hash key `pk` (a string),
range key `sk` (a number) and the indexes `by_n` (on `n`, a number) and `keys` (the same, keys only); it holds one item, a/1."""
import dataclasses

BEGIN = "One or more parameter values were invalid: "
ONE = "1 validation error detected: "
KEY = {"pk": {"S": "a"}, "sk": {"N": "1"}}
ABSENT = {"pk": {"S": "absent"}, "sk": {"N": "1"}}
S, N = {"S": "x"}, {"N": "1"}


@dataclasses.dataclass
class Refusal:
    operation: str
    input: dict
    message: str
    code: str = "ValidationException"

    def with_table(self, name):
        """The input, about this table, unless it names another or several."""
        several = {"batch_get_item", "batch_write_item"}
        if self.operation in several:
            return self.input | {"RequestItems": {name: self.input["RequestItems"]}}
        if self.operation == "transact_write_items":
            within = lambda one: {kind: {"TableName": name} | body for kind, body in one.items()}
            return self.input | {"TransactItems": [within(one) for one in self.input["TransactItems"]]}
        return {"TableName": name} | self.input


def put(**attributes):
    return "put_item", {"Item": KEY | attributes}


def condition(text, names=None, **values):
    more = {"ExpressionAttributeNames": names} if names is not None else {}
    more |= {"ExpressionAttributeValues": {f":{name}": value for name, value in values.items()}} if values else {}
    return "put_item", {"Item": KEY, "ConditionExpression": text} | more


def update(text, key=KEY, names=None, **values):
    more = {"ExpressionAttributeNames": names} if names is not None else {}
    more |= {"ExpressionAttributeValues": {f":{name}": value for name, value in values.items()}} if values else {}
    return "update_item", {"Key": key, "UpdateExpression": text} | more


def query(text, values, **more):
    values = {f":{name}": value for name, value in values.items()}
    return "query", {"KeyConditionExpression": text, "ExpressionAttributeValues": values} | more


def scan(**more):
    return "scan", more


P = {"p": {"S": "a"}}
SUPPORTED = "must contain exactly one of the supported datatypes"
TOO_LARGE = "Number overflow. Attempting to store a number with magnitude larger than supported range"
TOO_SMALL = "Number underflow. Attempting to store a number with magnitude smaller than supported range"
TOO_LONG = "Attempting to store more than 38 significant digits in a Number"
SCHEMA = "The provided key element does not match the schema"
START = "The provided starting key is invalid: "
CONDITION, UPDATE = "Invalid ConditionExpression: ", "Invalid UpdateExpression: "
NOT_FOUND = "Requested resource not found", "ResourceNotFoundException"
DELETE_ABSENT = {"DeleteRequest": {"Key": ABSENT}}

ITEM_REFUSALS = [
    # Values.
    (*put(v={}), f"Supplied AttributeValue is empty, {SUPPORTED}"),
    (*put(v=S | N), f"Supplied AttributeValue has more than one datatypes set, {SUPPORTED}"),
    (*put(v={"NULL": False}), BEGIN + "Null attribute value types must have the value of true"),
    (*put(v={"SS": []}), BEGIN + "An string set  may not be empty"),
    (*put(v={"NS": []}), BEGIN + "An number set  may not be empty"),
    (*put(v={"BS": []}), BEGIN + "Binary sets should not be empty"),
    (*put(v={"SS": ["a", "b", "a"]}), BEGIN + "Input collection [a, b, a] contains duplicates."),
    (*put(v={"BS": [b"b", b"b"]}), BEGIN + "Input collection [Yg==, Yg==]of type BS contains duplicates."),
    (*put(v={"NS": ["1", "1.0"]}), "Input collection contains duplicates"),
    (*put(v={"N": "b"}), "The parameter cannot be converted to a numeric value: b"),
    (*put(v={"N": ""}), "The parameter cannot be converted to a numeric value"),
    (*put(v={"N": "1" * 39}), TOO_LONG),
    (*put(v={"N": "1e126"}), TOO_LARGE),
    (*put(v={"N": "1.0e100000000"}), TOO_LARGE),
    (*put(v={"N": "1e-131"}), TOO_SMALL),
    (*put(v={"N": 1}), "NUMBER_VALUE cannot be converted to String", "SerializationException"),
    (*put(v={"S": True}), "TRUE_VALUE cannot be converted to String", "SerializationException"),
    (*put(v={"S": "x" * 409_600}), "Item size has exceeded the maximum allowed size"),
    # Keys.
    ("put_item", {"Item": {"pk": S}}, BEGIN + "Missing the key sk in the item"),
    ("put_item", {"Item": {"pk": S, "sk": S}}, BEGIN + "Type mismatch for key sk expected: N actual: S"),
    ("put_item", {"Item": {"pk": {"S": ""}, "sk": N}}, "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"),
    ("put_item", {"Item": {"pk": {"S": "x" * 2049}, "sk": N}}, BEGIN + "Size of hashkey has exceeded the maximum size limit of2048 bytes"),
    (*put(n=S), BEGIN + "Type mismatch for Index Key n Expected: N Actual: S IndexName: by_n"),
    ("get_item", {"Key": {"pk": S}}, SCHEMA),
    ("get_item", {"Key": {"pk": S, "sk": S}}, SCHEMA),
    ("delete_item", {"Key": KEY | {"x": S}}, SCHEMA),
    (*update("SET a = :a", key={"sk": N}, a=S), SCHEMA),
    (*update("SET pk = :a", a=S), BEGIN + "Cannot update attribute pk. This attribute is part of the key"),
    (*update("SET n = :a", a=S), "The update expression attempted to update the secondary index key to unsupported type"),
    # Absent tables, and names.
    ("get_item", {"TableName": "absent", "Key": KEY}, *NOT_FOUND),
    ("scan", {"TableName": "absent"}, *NOT_FOUND),
    ("describe_table", {"TableName": "absent"}, "Requested resource not found: Table: absent not found", NOT_FOUND[1]),
    ("put_item", {"TableName": "absent", "Item": KEY, "ConditionExpression": "a ="}, CONDITION + 'Syntax error; token: "<EOF>", near: "="'),
    # Parameters that do not go together.
    ("put_item", {"Item": KEY, "Expected": {"a": {"Exists": False}}, "ConditionExpression": "a = b"}, "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {Expected} Expression parameters: {ConditionExpression}"),
    ("put_item", {"Item": KEY, "ExpressionAttributeNames": {"#a": "a"}}, "ExpressionAttributeNames can only be specified when using expressions"),
    ("get_item", {"Key": KEY, "ProjectionExpression": "a", "ExpressionAttributeNames": {}}, "ExpressionAttributeNames must not be empty"),
    ("get_item", {"Key": KEY, "ProjectionExpression": "a", "ExpressionAttributeNames": {"a": "a"}}, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "a"'),
    (*condition("a = :b", b={}), f"ExpressionAttributeValues contains invalid value: Supplied AttributeValue is empty, {SUPPORTED} for key :b"),
    (*condition("a = :b", b=S | N), f"ExpressionAttributeValues contains invalid value: Supplied AttributeValue has more than one datatypes set, {SUPPORTED} for key :b"),
    (*condition("a = b", names={"#a": "a", "#b": "b"}), "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a, #b}"),
    (*condition("a = b", c=S), "Value provided in ExpressionAttributeValues unused in expressions: keys: {:c}"),
    ("put_item", {"Item": KEY, "ReturnValues": "ALL_NEW"}, "ReturnValues can only be ALL_OLD or NONE"),
    # What an expression may say.
    (*condition(""), CONDITION + "The expression can not be empty;"),
    (*condition("a = = b"), CONDITION + 'Syntax error; token: "=", near: "= = b"'),
    (*condition("abort = b"), CONDITION + "Attribute name is a reserved keyword; reserved keyword: abort"),
    (*condition("f(a)"), CONDITION + "Invalid function name; function: f"),
    (*condition("size(a)"), CONDITION + "The function is not allowed to be used this way in an expression; function: size"),
    (*condition("#a = b", names={"#b": "b"}), CONDITION + "An expression attribute name used in the document path is not defined; attribute name: #a"),
    (*condition("a = :a", b=S), CONDITION + "An expression attribute value used in expression is not defined; attribute value: :a"),
    (*condition("attribute_exists(a, b)"), CONDITION + "Incorrect number of operands for operator or function; operator or function: attribute_exists, number of operands: 2"),
    (*condition("attribute_type(a, :b)", b=N), CONDITION + "Incorrect operand type for operator or function; operator or function: attribute_type, operand type: N"),
    (*condition("attribute_exists(:b)", b=N), CONDITION + "Operator or function requires a document path; operator or function: attribute_exists"),
    (*condition("a = a"), CONDITION + "The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [a]"),
    (*condition("a BETWEEN :c AND :b", b={"S": "a"}, c={"S": "b"}), CONDITION + "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {S:b}, upper bound operand: AttributeValue: {S:a}"),
    (*condition("a = b OR " * 600 + "a = b"), CONDITION + "Expression size has exceeded the maximum allowed size; expression size: 5405"),
    (*update("SET a = if_not_exists(b)"), UPDATE + "Incorrect number of operands for operator or function; operator or function: if_not_exists, number of operands: 1"),
    (*update("SET a = :a SET b = :a", a=S), UPDATE + 'The "SET" section can only be used once in an update expression;'),
    (*update("SET a = :a, a.b = :a", a=S), UPDATE + "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]"),
    (*update("SET a.b = :a, a[1] = :a", a=S), UPDATE + "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a, [1]]"),
    (*update("ADD a :a", a=S), UPDATE + "Incorrect operand type for operator or function; operator: ADD, operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND"),
    (*update("DELETE a :a", a=N), UPDATE + "Incorrect operand type for operator or function; operator: DELETE, operand type: NUMBER, typeSet: ALLOWED_FOR_DELETE_OPERAND"),
    (*update("SET a = :a + :a", a=S), UPDATE + "Incorrect operand type for operator or function; operator or function: +, operand type: S"),
    (*update("SET x y"), UPDATE + 'Syntax error; token: "y", near: "x y"'),
    # What it may do with the item as it is.
    (*update("SET a.b = :a", a=S), "The document path provided in the update expression is invalid for update"),
    (*update("SET a = b"), "The provided expression refers to an attribute that does not exist in the item"),
    (*update("SET a = s + :a", a=N), "An operand in the update expression has an incorrect data type"),
    (*update("SET a = :big + :big", big={"N": "9.9e125"}), TOO_LARGE),
    (*update("SET a = :a", a={"S": "x" * 409_600}), "Item size to update has exceeded the maximum allowed size"),
    # Batches and transactions.
    ("batch_get_item", {"RequestItems": {"Keys": [KEY, KEY]}}, "Provided list of item keys contains duplicates"),
    ("batch_get_item", {"RequestItems": {"Keys": [{"pk": S}]}}, SCHEMA),
    ("batch_write_item", {"RequestItems": [DELETE_ABSENT, {"PutRequest": {"Item": ABSENT}}]}, "Provided list of item keys contains duplicates"),
    ("transact_write_items", {"TransactItems": [{"Delete": {"Key": KEY}}, {"Put": {"Item": KEY}}]}, "Transaction request cannot include multiple operations on one item"),
    ("transact_write_items", {"TransactItems": [{"Delete": {"Key": KEY}, "Put": {"Item": KEY}}]}, "TransactItems can only contain one of Check, Put, Update or Delete"),
    # Queries.
    (*query("sk = :p", {"p": N}), "Query condition missed key schema element: pk"),
    (*query("pk > :p", P), "Query key condition not supported"),
    (*query("pk = :p AND sk <> :q", P | {"q": N}), "Invalid operator used in KeyConditionExpression: <>"),
    (*query("pk = :p OR sk = :q", P | {"q": N}), "Invalid operator used in KeyConditionExpression: OR"),
    (*query("pk = :p AND sk > :q AND sk < :q", P | {"q": N}), "Invalid KeyConditionExpression: KeyConditionExpressions must only contain one condition per key"),
    (*query("pk = sk AND pk = :p", P), "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition"),
    (*query("pk = :p AND sk BETWEEN :b AND :a", P | {"a": {"N": "1"}, "b": {"N": "2"}}), "Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {N:2}, upper bound operand: AttributeValue: {N:1}"),
    (*query("pk = :p", {"p": N}), BEGIN + "Condition parameter type does not match schema type"),
    (*query("pk = :p", P, FilterExpression="sk = :p"), "Filter Expression can only contain non-primary key attributes: Primary key attribute: sk"),
    (*query("pk = :p", P, IndexName="absent"), "The table does not have the specified index: absent"),
    (*query("n = :n", {"n": N}, IndexName="by_n", ConsistentRead=True), "Consistent reads are not supported on global secondary indexes"),
    (*query("n = :n", {"n": N}, IndexName="keys", Select="ALL_ATTRIBUTES"), BEGIN + "Select type ALL_ATTRIBUTES is not supported for global secondary index keys because its projection type is not ALL"),
    (*query("pk = :p", P, Select="ALL_PROJECTED_ATTRIBUTES"), "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"),
    (*query("pk = :p", P, Select="COUNT", ProjectionExpression="a"), "Cannot specify the ProjectionExpression when choosing to get only the Count"),
    (*query("pk = :p", P, ExclusiveStartKey={"pk": S}), START + SCHEMA),
    (*query("pk = :p", P, ExclusiveStartKey={"pk": S, "sk": N}), "The provided starting key is outside query boundaries based on provided conditions"),
    (*query("pk = :p AND sk > :q", P | {"q": {"N": "5"}}, ExclusiveStartKey=KEY), "The provided starting key does not match the range key predicate"),
    # Scans.
    (*scan(ExclusiveStartKey={"pk": S}), START + SCHEMA),
    (*scan(Segment=3, TotalSegments=3), "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 3 is not less than TotalSegments: 3"),
    (*scan(Segment=0), "The TotalSegments parameter is required but was not present in the request when Segment parameter is present"),
    (*scan(TotalSegments=2), "The Segment parameter is required but was not present in the request when parameter TotalSegments is present"),
    (*scan(Limit=0), ONE + "Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1"),
    (*scan(Select="count"), ONE + "Value 'count' at 'select' failed to satisfy constraint: Member must satisfy enum value set: [SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]"),
]


def global_index(name="by_sk", **more):
    return {"IndexName": name, "KeySchema": [{"AttributeName": "sk", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}} | more


def create(**more):
    return "create_table", more


def hash_and_range(first, second, kind="HASH"):
    return [{"AttributeName": first, "KeyType": kind}, {"AttributeName": second, "KeyType": "RANGE"}]


UNITS = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
ONLY_PK = [{"AttributeName": "pk", "AttributeType": "S"}]
HASH = [{"AttributeName": "pk", "KeyType": "HASH"}]

TABLE_REFUSALS = [
    (*create(AttributeDefinitions=ONLY_PK), BEGIN + "Some index key attributes are not defined in AttributeDefinitions. Keys: [pk, sk], AttributeDefinitions: [pk]"),
    (*create(KeySchema=HASH), BEGIN + "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions"),
    (*create(KeySchema=hash_and_range("pk", "pk"), AttributeDefinitions=ONLY_PK), "Both the Hash Key and the Range Key element in the KeySchema have the same name"),
    (*create(KeySchema=hash_and_range("pk", "sk", "RANGE")), "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"),
    (*create(GlobalSecondaryIndexes=[global_index(Projection={})]), BEGIN + "Unknown ProjectionType: null"),
    (*create(GlobalSecondaryIndexes=[global_index(Projection={"ProjectionType": "ALL", "NonKeyAttributes": ["a"]})]), BEGIN + "ProjectionType is ALL, but NonKeyAttributes is specified"),
    (*create(GlobalSecondaryIndexes=[]), BEGIN + "List of GlobalSecondaryIndexes is empty"),
    (*create(LocalSecondaryIndexes=[]), BEGIN + "List of LocalSecondaryIndexes is empty"),
    (*create(GlobalSecondaryIndexes=[global_index("abc"), global_index("abc")]), BEGIN + "Duplicate index name: abc"),
    (*create(ProvisionedThroughput=UNITS), BEGIN + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"),
    (*create(BillingMode="PROVISIONED"), BEGIN + "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"),
    (*create(TableName="a;b"), ONE + "Value 'a;b' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"),
    (*create(TableName="ab"), "TableName must be at least 3 characters long and at most 255 characters long"),
    ("delete_table", {"TableName": "absent"}, "Requested resource not found: Table: absent not found", NOT_FOUND[1]),
    ("update_table", {"TableName": "absent", "DeletionProtectionEnabled": True}, "Requested resource not found: Table: absent not found", NOT_FOUND[1]),
    ("batch_get_item", {"RequestItems": {}}, ONE + "Value '{}' at 'requestItems' failed to satisfy constraint: Member must have length greater than or equal to 1"),
    ("batch_get_item", {"RequestItems": {name: {"Keys": [{"pk": {"S": str(n)}} for n in range(51)]} for name in ("one", "two")}}, "Too many items requested for the BatchGetItem call"),
    ("batch_write_item", {"RequestItems": {name: [{"DeleteRequest": {"Key": {"pk": {"S": str(n)}}}} for n in range(13)] for name in ("one", "two")}}, "Too many items requested for the BatchWriteItem call"),
    ("batch_write_item", {"RequestItems": {"absent": [{"DeleteRequest": {"Key": {"pk": S}}}]}}, *NOT_FOUND),
]
