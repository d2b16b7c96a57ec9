package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A ConnectError says that a cluster cannot be reached, or does not let this client in.
type ConnectError struct {
	Hosts  string
	Reason string
	Fix    string
	Err    error
}

func (e *ConnectError) Error() string {
	return fmt.Sprintf("reach Kafka at %s: %s; %s", e.Hosts, e.Reason, e.Fix)
}

func (e *ConnectError) Unwrap() error { return e.Err }

// A SettingsError says what is wrong with the settings of a connection; nothing was tried.
type SettingsError struct{ Faults []error }

func (e *SettingsError) Error() string {
	texts := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		texts[i] = f.Error()
	}
	return "set up Kafka: " + strings.Join(texts, "\n")
}

// A TopicError says that a topic is not there or cannot be used.
type TopicError struct {
	Topic, Hosts string
	Reason, Fix  string
	Err          error
}

func (e *TopicError) Error() string {
	return fmt.Sprintf("use topic %s on Kafka at %s: %s; %s", e.Topic, e.Hosts, e.Reason, e.Fix)
}

func (e *TopicError) Unwrap() error { return e.Err }

// A LossError says that records are gone that were not read yet.
type LossError struct {
	Topic     string
	Partition int32
	Offset    int64 // to read next
	First     int64 // there is, and the end behind the last
	End       int64
	Recreated bool // the topic is another one of the same name
}

func (e *LossError) Error() string {
	what := fmt.Sprintf("offset %d is to be read next, and the partition holds %d to %d", e.Offset, e.First, e.End)
	if e.Recreated {
		what += ", of a topic that was deleted and made again"
	}
	return fmt.Sprintf("read topic %s partition %d: records are gone: %s; set option failOnDataLoss of the source to false to go on and count them as lost, or run `nagare checkpoint reset`", e.Topic, e.Partition, what)
}

// explain turns an error of the library into one that says what to do.
func (c *Cluster) explain(err error) error {
	if err == nil || isOurs(err) {
		return err
	}
	e := &ConnectError{Hosts: c.Hosts(), Reason: err.Error(), Fix: "check that the cluster runs and --kafka names it", Err: err}
	var dns *net.DNSError
	var op *net.OpError
	var token *tokenError
	switch {
	case errors.As(err, &token):
		e.Reason, e.Fix = "there is no token to show: "+token.Error(), "check sasl.oauthbearer.token.endpoint.url and sasl.jaas.config in the file of --kafka-config"
	case errors.As(err, &dns):
		e.Reason, e.Fix = fmt.Sprintf("the host %s is not known", dns.Name), "check the name in --kafka"
	case errors.Is(err, kerr.SaslAuthenticationFailed), strings.Contains(err.Error(), "SASL_AUTHENTICATION_FAILED"), strings.Contains(err.Error(), "data in oauth response"):
		e.Reason, e.Fix = c.client.security.refused()
	case errors.Is(err, kerr.UnsupportedSaslMechanism):
		e.Reason, e.Fix = "it does not know the SASL mechanism "+c.client.security.mechanism, "check sasl.mechanism in the file of --kafka-config"
	case isDenied(err):
		e.Reason, e.Fix = c.user()+" may not do this: "+kerrText(err), "give it the ACLs: Read on source topics, Read and Write on output topics, Read on groups nagare-*, Write on transactional ids nagare-*"
	case strings.Contains(err.Error(), "x509:"), strings.Contains(err.Error(), "tls:"):
		e.Reason, e.Fix = "TLS fails: "+err.Error(), "check security.protocol and ssl.truststore in the file of --kafka-config"
	case isSecurityMismatch(err) && strings.HasPrefix(c.client.security.protocol, "SASL_"):
		reason, fix := c.client.security.refused()
		e.Reason, e.Fix = "it ends the connection while the user is made known: "+reason+", or wants TLS", fix+", and security.protocol"
	case isSecurityMismatch(err):
		e.Reason, e.Fix = "it ends the connection at the first word", "its listener may want TLS or SASL: check security.protocol in the file of --kafka-config"
	case errors.As(err, &op) && op.Op == "dial", strings.Contains(err.Error(), "connection refused"):
		e.Reason, e.Fix = "nothing answers there", "start the cluster, or name its address with --kafka"
	case errors.Is(err, context.DeadlineExceeded):
		e.Reason, e.Fix = "it does not answer in time", "check that the cluster runs, and that the addresses it advertises can be reached from here"
	}
	return e
}

func isOurs(err error) bool {
	var connect *ConnectError
	var topic *TopicError
	var loss *LossError
	var denied *DeniedError
	return errors.As(err, &connect) || errors.As(err, &topic) || errors.As(err, &loss) || errors.As(err, &denied)
}

func isDenied(err error) bool {
	for _, denied := range []*kerr.Error{kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.ClusterAuthorizationFailed, kerr.TransactionalIDAuthorizationFailed} {
		if errors.Is(err, denied) {
			return true
		}
	}
	return false
}

func isSecurityMismatch(err error) bool {
	var first *kgo.ErrFirstReadEOF
	if errors.As(err, &first) {
		return true
	}
	text := err.Error()
	return strings.Contains(text, "EOF") || strings.Contains(text, "connection reset") || strings.Contains(text, "invalid large response size")
}

// kerrText is the broker's own name of an error.
func kerrText(err error) string {
	var k *kerr.Error
	if errors.As(err, &k) {
		return k.Message
	}
	return err.Error()
}

// topicError explains an error that a topic has to whoever reads it.
func (c *Cluster) topicError(topic string, err error) error { return c.topicFault("Read", topic, err) }

// topicFault explains an error that a topic has; operation is what was to be done with it, by its name in
// access lists.
func (c *Cluster) topicFault(operation, topic string, err error) error {
	if err == nil || isOurs(err) {
		return err
	}
	e := &TopicError{Topic: topic, Hosts: c.Hosts(), Reason: kerrText(err), Fix: "see the broker's log", Err: err}
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.UnknownTopicID):
		e.Reason, e.Fix = "there is no such topic", fmt.Sprintf("check its name, or make it: nagare topics create %s --partitions 3 --kafka %s", topic, c.Hosts())
	case isDenied(err):
		return c.denied(err, Grant{operation, "topic", topic})
	case !isKafkaAnswer(err):
		return c.explain(err)
	}
	return e
}

func isKafkaAnswer(err error) bool {
	var k *kerr.Error
	return errors.As(err, &k)
}

// MissingTopic is the error of a topic that should be there.
func (c *Cluster) MissingTopic(topic string) error {
	return c.topicError(topic, kerr.UnknownTopicOrPartition)
}
