// The AWS SDK for Go v2, unmodified, as a fan-out consumer: `follow ENDPOINT CONSUMER_ARN SHARDS follow|once PAUSE_SECONDS`.
// What it prints and does is told in ../../python/follow.py.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
)

var (
	endpoint, consumer, mode = os.Args[1], os.Args[2], os.Args[4]
	client                   = kinesis.New(kinesis.Options{
		BaseEndpoint: &endpoint,
		Region:       "us-east-1",
		Credentials:  credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
		Retryer:      aws.NopRetryer{},
	})
	lock            sync.Mutex
	started, closed = map[string]bool{}, map[string]bool{}
	pause           sync.Once
	followers       sync.WaitGroup
)

func say(line map[string]any) {
	lock.Lock()
	defer lock.Unlock()
	text, _ := json.Marshal(line)
	fmt.Println(string(text))
}

// events prints the events of one subscription and gives the last one.
func events(shard string, position types.StartingPosition) (last types.SubscribeToShardEvent, err error) {
	answer, err := client.SubscribeToShard(context.Background(), &kinesis.SubscribeToShardInput{
		ConsumerARN: &consumer, ShardId: &shard, StartingPosition: &position,
	})
	if err != nil {
		return last, err
	}
	say(map[string]any{"shard": shard, "subscribed": true})
	stream := answer.GetStream()
	defer stream.Close()
	for told := range stream.Events() {
		last = told.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
		records, children := [][]string{}, [][]any{}
		for _, record := range last.Records {
			text, _, _ := bytes.Cut(record.Data, []byte("\n"))
			records = append(records, []string{*record.SequenceNumber, string(text)})
		}
		for _, child := range last.ChildShards {
			children = append(children, []any{*child.ShardId, child.ParentShards})
		}
		say(map[string]any{
			"shard": shard, "records": records, "continuation": last.ContinuationSequenceNumber,
			"behind": *last.MillisBehindLatest, "children": children,
		})
		if len(records) > 0 {
			pause.Do(func() {
				seconds, _ := strconv.ParseFloat(os.Args[5], 64)
				time.Sleep(time.Duration(seconds * float64(time.Second)))
			})
		}
	}
	return last, stream.Err()
}

func follow(shard string) {
	defer followers.Done()
	position := types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}
	for {
		last, err := events(shard, position)
		var refusal smithy.APIError
		if errors.As(err, &refusal) {
			say(map[string]any{"shard": shard, "end": refusal.ErrorCode(), "why": refusal.ErrorMessage()})
			return
		} else if err != nil {
			say(map[string]any{"shard": shard, "end": err.Error()})
			return
		}
		say(map[string]any{"shard": shard, "end": "clean"})
		if mode == "once" {
			return
		}
		if len(last.ChildShards) > 0 {
			descend(shard, last.ChildShards)
			return
		}
		position.Type = types.ShardIteratorTypeAfterSequenceNumber
		position.SequenceNumber = last.ContinuationSequenceNumber
	}
}

// descend follows the children whose parents have all ended.
func descend(shard string, children []types.ChildShard) {
	lock.Lock()
	defer lock.Unlock()
	closed[shard] = true
	for _, child := range children {
		isOpen := func(parent string) bool { return !closed[parent] }
		if !started[*child.ShardId] && !slices.ContainsFunc(child.ParentShards, isOpen) {
			started[*child.ShardId] = true
			followers.Add(1)
			go follow(*child.ShardId)
		}
	}
}

func main() {
	shards := strings.Split(os.Args[3], ",")
	followers.Add(len(shards))
	for _, shard := range shards {
		go follow(shard)
	}
	followers.Wait()
}
