package node

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"

	"github.com/twmb/franz-go/pkg/kfake"
)

const kafkaFolder = "kafka"

// listenKafka opens a Kafka port of this process: a cluster of one broker, for development, which takes
// the place of the embedded one. What it has acknowledged is on the disk. It returns the address.
func (n *Node) listenKafka() (string, error) {
	address, err := kafkaAddress(n.cfg.Kafka.Listen)
	if err != nil {
		return "", err
	}
	instance, err := n.instance()
	if err != nil {
		return "", err
	}
	c, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) { return net.Listen(network, address) }),
		kfake.ClusterID("nagare-"+instance),
		kfake.DataDir(filepath.Join(n.cfg.Data, kafkaFolder)),
		kfake.SyncWrites(),
		kfake.AllowAutoTopicCreation(),
		kfake.DefaultNumPartitions(3),
		kfake.BrokerConfigs(map[string]string{"message.max.bytes": strconv.Itoa(2 << 20)}),
	)
	if err != nil {
		return "", fmt.Errorf("open the Kafka port %s: %w", address, err)
	}
	n.onClose(func() error { c.Close(); return nil })
	return c.ListenAddrs()[0], nil
}

// probeKafkaPort finds out whether the port can be had, before anything is touched.
func probeKafkaPort(text string) error {
	address, err := kafkaAddress(text)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		owner := ""
		if isInUse(err) {
			owner = portOwner(address)
		}
		return &PortError{Address: address, Owner: owner, Err: err, Flag: listenFlag}
	}
	return errors.Join(l.Close())
}

const listenFlag = "--kafka-listen"

func kafkaAddress(text string) (string, error) {
	address, err := parseAddress(text)
	var wrong *AddressError
	if errors.As(err, &wrong) {
		wrong.Flag = listenFlag
	}
	return address, err
}
