package node

import (
	"errors"
	"path/filepath"

	"github.com/nagare-stream/nagare/adapters/kafka/port"
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
	p, err := port.Open(port.Config{Address: address, Dir: filepath.Join(n.cfg.Data, kafkaFolder), ClusterID: "nagare-" + instance,
		Partitions: 3, MaxMessage: 2 << 20})
	if err != nil {
		return "", err
	}
	n.onClose(func() error { p.Close(); return nil })
	return p.Address(), nil
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
