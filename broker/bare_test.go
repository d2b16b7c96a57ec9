package broker_test

import (
	"context"
	"errors"
	"testing"

	"github.com/nagare-stream/nagare/broker"
)

func TestTopicsWithoutAServer(t *testing.T) {
	ctx := context.Background()
	b := openBroker(t, broker.Config{Serverless: true})
	createTopic(t, b, broker.TopicConfig{Name: "t", Partitions: 2, Key: "id"})
	createTopic(t, b, broker.TopicConfig{Name: "t", Partitions: 2})
	var missing *broker.TopicError
	if err := b.CreateTopic(ctx, broker.TopicConfig{Name: "t", Partitions: 3}); !errors.As(err, &missing) {
		t.Errorf("a topic was made anew with other partitions: %v", err)
	}
	w := writerOf(t, b, "t", "p")
	if _, err := w.Append(ctx, 1, numbered(0, 100), 0); err != nil {
		t.Fatal(err)
	}
	if err := b.AlterTopic(ctx, "t", 4); err != nil {
		t.Fatal(err)
	}
	if err := b.AlterTopic(ctx, "t", 3); !errors.As(err, &missing) {
		t.Errorf("a topic lost partitions: %v", err)
	}
	info, err := b.Topic(ctx, "t")
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Parts) != 4 || w.Partitions() != 4 || info.Parts[1].Next != 100 || info.Parts[1].LastAppend.IsZero() || info.Key != "id" {
		t.Errorf("the topic is %+v", info)
	}
	if err := b.DeleteTopic(ctx, "t"); err != nil || b.HasTopic("t") {
		t.Errorf("the topic is still there; %v", err)
	}
	if _, err := b.Topic(ctx, "t"); !errors.As(err, &missing) {
		t.Errorf("a topic that was deleted is described: %v", err)
	}
}

func TestRefuseOfABrokerWithoutAServer(t *testing.T) {
	ctx := context.Background()
	b := openBroker(t, broker.Config{Serverless: true})
	createTopic(t, b, broker.TopicConfig{Name: "t"})
	w := writerOf(t, b, "t", "p")
	full := &broker.FullError{Reason: "the disk is full"}
	if !b.Refuse(full) {
		t.Fatal("a broker without a server does not refuse")
	}
	if _, err := w.Append(ctx, 0, numbered(0, 1), 0); !errors.Is(err, full) {
		t.Errorf("an append gave %v", err)
	}
	if err := b.Healthy(); !errors.Is(err, full) {
		t.Errorf("it calls itself %v", err)
	}
	b.Refuse(nil)
	if _, err := w.Append(ctx, 0, numbered(0, 1), 0); err != nil {
		t.Errorf("it still refuses: %v", err)
	}
	if b := openBroker(t, broker.Config{MemoryOnly: true}); b.Refuse(full) {
		t.Error("a broker with a server says that it refuses")
	}
}
