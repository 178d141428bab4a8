# Everything of Kinesis Data Streams that the AWS provider has, in two states: `changed` is the second.
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
    kinesis = var.endpoint
    sts     = var.endpoint
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

output "open_shards" { value = length(data.aws_kinesis_stream.provisioned.open_shards) }
output "consumer" { value = aws_kinesis_stream_consumer.reader.arn }
