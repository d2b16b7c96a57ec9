package kafka

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A Grant is an operation on a resource, as Kafka's access lists have them.
type Grant struct {
	Operation string // Read, Write, Create …
	Resource  string // as an option of kafka-acls: topic, group, transactional-id
	Name      string
}

// A DeniedError says what the user of a connection may not do, and how that is allowed.
type DeniedError struct {
	Hosts   string
	User    string // as messages call it
	Missing []Grant
	Err     error

	principal string // as kafka-acls takes it
}

func (e *DeniedError) Error() string {
	var lacks, commands []string
	last := Grant{}
	for _, g := range e.Missing {
		option := " --" + g.Resource + " " + g.Name
		if g.Operation == last.Operation && g.Resource == last.Resource {
			lacks[len(lacks)-1] += ", " + g.Name
			commands[len(commands)-1] += option
		} else {
			lacks = append(lacks, g.Operation+" on "+strings.ReplaceAll(g.Resource, "-", " ")+" "+g.Name)
			commands = append(commands, "kafka-acls --bootstrap-server "+e.Hosts+" --add --allow-principal "+e.principal+" --operation "+g.Operation+option)
		}
		last = g
	}
	return fmt.Sprintf("use Kafka at %s: %s is not allowed %s; allow it, for one with: %s", e.Hosts, e.User, strings.Join(lacks, "; "), strings.Join(commands, " && "))
}

func (e *DeniedError) Unwrap() error { return e.Err }

func (c *Cluster) denied(err error, missing ...Grant) error {
	e := &DeniedError{Hosts: c.Hosts(), User: c.user(), Missing: missing, Err: err, principal: "User:NAME"}
	if name := c.client.security.principal(); name != "" {
		e.principal = "User:" + name
	}
	return e
}

// user is the user of the connection in a sentence.
func (c *Cluster) user() string {
	if name := c.client.security.principal(); name != "" {
		return "user " + name
	}
	return "the user"
}

// Access is what a pipeline does with a cluster: topics that are read and written, names of sinks.
type Access struct{ Read, Write, Sinks []string }

// Check asks whether the user may do what a pipeline does, before it does anything: a *DeniedError names
// everything that is missing. A topic that does not exist is passed over.
func (c *Cluster) Check(ctx context.Context, a Access) error {
	missing, err := ask(ctx, c, askWait, func(ctx context.Context) ([]Grant, error) { return c.missingOfTopics(ctx, a) })
	if err != nil {
		return err
	}
	if c.exactly {
		missing = append(missing, c.missingOfSinks(ctx, a.Sinks)...)
	}
	if len(missing) == 0 {
		return nil
	}
	slices.SortStableFunc(missing, func(a, b Grant) int { return strings.Compare(a.Operation, b.Operation) })
	return c.denied(nil, missing...)
}

// notTold is what a broker says that does not tell which operations are allowed.
const notTold = math.MinInt32

// missingOfTopics looks at what is allowed of topics. Rows of a sink are committed with the offsets
// behind them, for which Kafka wants Read on their topic as well.
func (c *Cluster) missingOfTopics(ctx context.Context, a Access) (missing []Grant, err error) {
	need := map[string][]kmsg.ACLOperation{}
	var names []string
	want := func(topic string, op kmsg.ACLOperation) {
		if need[topic] == nil {
			names = append(names, topic)
		}
		if !slices.Contains(need[topic], op) {
			need[topic] = append(need[topic], op)
		}
	}
	for _, topic := range a.Read {
		want(topic, kmsg.ACLOperationRead)
	}
	for _, topic := range a.Write {
		if c.exactly {
			want(topic, kmsg.ACLOperationRead)
		}
		want(topic, kmsg.ACLOperationWrite)
	}
	req := kmsg.NewPtrMetadataRequest()
	req.IncludeTopicAuthorizedOperations = true
	for _, name := range names {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, topic)
	}
	if len(names) == 0 {
		return nil, nil
	}
	resp, err := req.RequestWith(ctx, c.kc)
	if err != nil {
		return nil, err
	}
	allowed := map[string]int32{} // operations by their bits
	for _, t := range resp.Topics {
		switch denied := t.ErrorCode == kerr.TopicAuthorizationFailed.Code; {
		case t.Topic == nil:
		case denied: // it may not even be seen
			allowed[*t.Topic] = 0
		case t.ErrorCode == 0 && t.AuthorizedOperations != notTold:
			allowed[*t.Topic] = t.AuthorizedOperations
		}
	}
	for _, name := range names {
		bits, told := allowed[name]
		for _, op := range need[name] {
			if told && bits&(1<<op) == 0 {
				missing = append(missing, Grant{operationName(op), "topic", name})
			}
		}
	}
	return missing, nil
}

func operationName(op kmsg.ACLOperation) string {
	if op == kmsg.ACLOperationWrite {
		return "Write"
	}
	return "Read"
}

// missingOfSinks begins a transaction as each sink does, and aborts it. A cluster that is new and slow at
// making its own topics may have no answer in time: then the sink waits for it, and tells.
func (c *Cluster) missingOfSinks(ctx context.Context, sinks []string) (missing []Grant) {
	faults := make([]error, len(sinks))
	var tried sync.WaitGroup
	for i, name := range sinks {
		tried.Go(func() { faults[i] = c.tryTransaction(ctx, newMarks(c, name, "")) })
	}
	tried.Wait()
	for i, err := range faults {
		var denied *DeniedError
		switch {
		case errors.As(err, &denied):
			missing = append(missing, denied.Missing...)
		case err != nil:
			c.log.Info("the cluster does not tell yet what a sink may do", "sink", sinks[i], "error", err)
		}
	}
	return missing
}

// tryTransaction asks for the transactional id and adds the group to a transaction.
func (c *Cluster) tryTransaction(ctx context.Context, m *marks) error {
	kc, err := c.newClient(kgo.TransactionalID(m.id))
	if err != nil {
		return err
	}
	defer letGo(kc)
	return c.request(ctx, func(ctx context.Context) error {
		by, err := m.producer(ctx, kc)
		if err = errors.Join(err, ctx.Err()); err != nil { // given up: the sink may have begun
			return err
		}
		if err := m.join(ctx, kc, m.joining(by)); err != nil {
			return err
		}
		end := kmsg.NewPtrEndTxnRequest()
		end.TransactionalID, end.ProducerID, end.ProducerEpoch = m.id, by.id, by.epoch
		_, err = end.RequestWith(ctx, kc) // if it is not aborted now, the sink's own producer does
		return err
	})
}
