# Everything of Kinesis Data Streams and of DynamoDB's tables that the AWS provider has, in two states: `changed` is the
# second.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "endpoint" { type = string }
variable "changed" { default = false }

provider "aws" {
  region     = "us-east-1"
  access_key = "AKIDEXAMPLE"
  secret_key = "secret"
  endpoints {
    dynamodb = var.endpoint
    kinesis  = var.endpoint
    sts      = var.endpoint
  }
}

resource "aws_kinesis_stream" "provisioned" {
  name                      = "provisioned"
  shard_count               = var.changed ? 4 : 2
  retention_period          = var.changed ? 48 : 24
  shard_level_metrics       = var.changed ? ["IncomingBytes"] : ["IncomingBytes", "OutgoingRecords"]
  encryption_type           = var.changed ? "NONE" : "KMS"
  kms_key_id                = var.changed ? null : "alias/aws/kinesis"
  enforce_consumer_deletion = true
  tags                      = var.changed ? { stage = "second", owner = "us" } : { stage = "first", gone = "soon" }
  stream_mode_details {
    stream_mode = "PROVISIONED"
  }
}

resource "aws_kinesis_stream" "demand" {
  name             = "demand"
  retention_period = var.changed ? 24 : 72
  shard_count      = var.changed ? 4 : null
  stream_mode_details {
    stream_mode = var.changed ? "PROVISIONED" : "ON_DEMAND"
  }
}

resource "aws_kinesis_stream_consumer" "reader" {
  name       = "reader"
  stream_arn = aws_kinesis_stream.provisioned.arn
}

data "aws_iam_policy_document" "reading" {
  statement {
    sid       = "reading"
    actions   = var.changed ? ["kinesis:GetRecords"] : ["kinesis:GetRecords", "kinesis:GetShardIterator"]
    resources = [aws_kinesis_stream.provisioned.arn]
    principals {
      type        = "AWS"
      identifiers = ["111111111111"]
    }
  }
}

resource "aws_kinesis_resource_policy" "reading" {
  resource_arn = aws_kinesis_stream.provisioned.arn
  policy       = data.aws_iam_policy_document.reading.json
}

data "aws_kinesis_stream" "provisioned" {
  name = aws_kinesis_stream.provisioned.name
}

resource "aws_dynamodb_table" "things" {
  name             = "things"
  billing_mode     = var.changed ? "PAY_PER_REQUEST" : "PROVISIONED"
  read_capacity    = var.changed ? null : 5
  write_capacity   = var.changed ? null : 5
  hash_key         = "id"
  range_key        = "number"
  stream_enabled   = true
  stream_view_type = "NEW_AND_OLD_IMAGES"
  table_class      = var.changed ? "STANDARD_INFREQUENT_ACCESS" : "STANDARD"
  tags             = var.changed ? { stage = "second" } : { stage = "first", gone = "soon" }
  ttl {
    attribute_name = "expires"
    enabled        = true
  }
  dynamic "attribute" {
    for_each = { id = "S", number = "N", owner = "S", title = "S" }
    content {
      name = attribute.key
      type = attribute.value
    }
  }
  local_secondary_index {
    name            = "by_title"
    range_key       = "title"
    projection_type = "KEYS_ONLY"
  }
  global_secondary_index {
    name               = var.changed ? "by_owner_and_number" : "by_owner"
    hash_key           = "owner"
    range_key          = var.changed ? "number" : null
    projection_type    = var.changed ? "ALL" : "INCLUDE"
    non_key_attributes = var.changed ? null : ["extra"]
    read_capacity      = var.changed ? null : 5
    write_capacity     = var.changed ? null : 5
  }
}

resource "aws_dynamodb_table_item" "thing" {
  table_name = aws_dynamodb_table.things.name
  hash_key   = aws_dynamodb_table.things.hash_key
  range_key  = aws_dynamodb_table.things.range_key
  item       = jsonencode({ id = { S = "a" }, number = { N = "1" }, owner = { S = var.changed ? "new" : "old" } })
}

data "aws_dynamodb_table" "things" {
  name = aws_dynamodb_table.things.name
}

output "open_shards" { value = length(data.aws_kinesis_stream.provisioned.open_shards) }
output "consumer" { value = aws_kinesis_stream_consumer.reader.arn }
output "table_stream" { value = data.aws_dynamodb_table.things.stream_arn }
